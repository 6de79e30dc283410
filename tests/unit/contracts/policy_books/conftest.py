"""A book of five policies on three flights, and what the oracles saw of them."""

from __future__ import annotations

import pytest
from support import Book, Report, Suite, policy
from support.defaults import DOLLAR, LATE, ON_TIME, VERY_LATE


@pytest.fixture
def book(suite: Suite) -> Book:
    """Issued: policies 0 to 2 on UA 1, 3 on UA 2, 4 on UA 3; 100 to 500 dollars, each its own customer."""
    risks = ("UA 1", "UA 1", "UA 1", "UA 2", "UA 3")
    return suite.book(
        policy(suite.customers[place], risk, (place + 1) * 100 * DOLLAR) for place, risk in enumerate(risks)
    )


@pytest.fixture
def report(suite: Suite) -> Report:
    """UA 1 late (half is due), UA 2 very late (all is due), UA 3 on time (nothing is due). Final a day later:
    make the book first.
    """
    return suite.report({"UA 1": LATE, "UA 2": VERY_LATE, "UA 3": ON_TIME})
