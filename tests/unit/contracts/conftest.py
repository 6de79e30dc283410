"""The people and contracts of identity and consent."""

from __future__ import annotations

import pytest
from support import Actor, Suite
from support.consents import bound, defined

from troth.chain.contracts import Contract


@pytest.fixture
def subjects(suite: Suite) -> Contract:
    """Who customers are."""
    return suite.subjects


@pytest.fixture
def consents(suite: Suite) -> Contract:
    """What they allow, on terms that are defined."""
    defined(suite)
    return suite.consents


@pytest.fixture
def wallet(suite: Suite) -> Actor:
    """Bound to SUBJECT."""
    holder = suite.customers[0]
    bound(suite, holder)
    return holder


@pytest.fixture
def operator(suite: Suite) -> Actor:
    """Binds wallets, and records what customers say."""
    return suite["operator"]


@pytest.fixture
def verifier(suite: Suite) -> Actor:
    """Establishes who a subject is."""
    return suite["verifier"]


@pytest.fixture
def compliance(suite: Suite) -> Actor:
    """Corrects, caps, revokes, erases."""
    return suite["compliance"]
