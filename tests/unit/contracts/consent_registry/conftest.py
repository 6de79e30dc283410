"""The four ways in which a decision comes on record."""

from __future__ import annotations

import pytest
from support import Suite
from support.consents import WAYS, Way, bound

from troth.chain.contracts import Contract


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, suite: Suite, consents: Contract) -> Way:
    """Each of the four, on SUBJECT."""
    bound(suite, suite.customers[0])
    return Way(request.param, suite)
