"""Reading the decisions on a key, page by page.

history
├── from 0: refused
├── from beyond the last, or of a key without any: an empty page
├── fewer left than asked for: those · none asked for: an empty page
└── pages together: all of them, in the order recorded
decisionCount: of a key without any 0
"""

from __future__ import annotations

import pytest
from support import Suite, refuses
from support.consents import OTHER, STATES, Entry, key_of, record_for
from support.defaults import START

from troth.chain.contracts import Contract

COUNT = 7
EVERYTHING = 2**256 - 1


@pytest.fixture
def entries(suite: Suite, consents: Contract) -> list[Entry]:
    """Seven, on record."""
    made = [Entry(state=STATES[place % 6], effective=START - place) for place in range(COUNT)]
    record_for(suite, *made)
    return made


@pytest.mark.parametrize("size", [1, 2, 3, COUNT, COUNT + 1])
def test_history_in_pages_is_the_whole(consents: Contract, entries: list[Entry], size: int) -> None:
    """Whatever their size; the last may be short."""
    whole = [one.shown(number, START) for number, one in enumerate(entries, 1)]
    starts = range(1, COUNT + 1, size)
    assert [consents.call("history", key_of(), start, size) for start in starts] == [
        tuple(whole[start - 1 : start - 1 + size]) for start in starts
    ]


@pytest.mark.parametrize("start", [1, 4, COUNT, COUNT + 1, EVERYTHING])
@pytest.mark.parametrize("count", [0, 1, COUNT, EVERYTHING])
def test_history_ends_where_the_decisions_do(
    consents: Contract, entries: list[Entry], start: int, count: int
) -> None:
    """However much is asked for."""
    page = consents.call("history", key_of(), start, count)
    last = min(COUNT, start + count - 1)
    assert [one.number for one in page] == [*range(start, last + 1)]


@pytest.mark.parametrize("count", [0, 1])
def test_history_from_zero_is_refused(consents: Contract, entries: list[Entry], count: int) -> None:
    """Numbers begin at 1."""
    with refuses("ConsentDecisionUnknown", key=key_of(), number=0, count=COUNT):
        consents.call("history", key_of(), 0, count)


def test_history_of_nothing_is_empty(consents: Contract, entries: list[Entry]) -> None:
    """A key is a question; it need not exist."""
    assert consents.call("history", key_of(OTHER), 1, EVERYTHING) == ()
    assert consents.call("decisionCount", key_of(OTHER)) == 0
