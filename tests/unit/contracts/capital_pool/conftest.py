"""Somebody who may do what only the policy books may, and a pool over a token that goes wrong."""

from __future__ import annotations

import pytest
from support import Actor, Suite, compiled, deployed, endow

from troth.chain.contracts import Contract
from troth.chain.refusals import Role


@pytest.fixture
def bookkeeper(suite: Suite) -> Actor:
    """Holds the role of the policy books, to call the pool as they do."""
    keeper = suite["stranger"]
    suite["insurer"].send(suite.authority, "grantRole", Role.BOOKKEEPER, keeper.address, 0)
    return keeper


@pytest.fixture
def dollar(suite: Suite) -> Contract:
    """A token whose transfers go wrong for the recipients a test chooses."""
    return suite["insurer"].create(compiled("FaultyDollar"))


@pytest.fixture
def faulty(suite: Suite, dollar: Contract) -> Suite:
    """A second suite, over that token."""
    second = Suite(suite.node, deployed(suite.node, dollar.address))
    endow(second)
    return second
