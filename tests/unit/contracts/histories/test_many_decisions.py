"""Lists that only grow, two decisions in a slot, without a length: from 0 to 40 on one key.

append
├── first and second: one slot · third: another place · each next: the number before and one
├── by one transaction each, or all in one
└── what was there: as it was, to the bit: K1
count, at, inForce
├── of every length, at both halves of every slot
└── of long lists, whose end is found in steps that double
"""

from __future__ import annotations

import pytest
from support import Suite
from support.consents import CONTACT, INVALIDATED, STATES, Entry, correct, key_of, record_for, recorded
from support.defaults import START

from troth.chain.contracts import Contract

MANY = 40
LONG = (63, 64, 65, 127, 128, 129, 130, 255, 258)
"""Around the places where a search turns from one step to the next."""


def entry(number: int) -> Entry:
    """One unlike its neighbours, in every field it has room for."""
    late = number * 7 % 50
    return Entry(
        state=STATES[number % 6], basis=1 + number % 7, method=3 + number % 5, effective=START - late
    )


def test_decisions_are_numbered_one_by_one_k1(suite: Suite, consents: Contract) -> None:
    """K1: after each of forty, all before are what they were, and the end is where it should be."""
    whole = []
    for number in range(1, MANY + 1):
        (told,) = recorded(record_for(suite, entry(number)), consents)
        assert told[2:4] == entry(number).kept(number, START)
        whole.append(entry(number).shown(number, START))
        count, page = consents.call_many(
            [("decisionCount", (key_of(),)), ("history", (key_of(), 1, MANY + 1))]
        )
        assert (count, page) == (number, tuple(whole))


@pytest.mark.parametrize("count", [*range(1, 10), *LONG])
def test_decisions_are_numbered_in_a_batch_k1(suite: Suite, consents: Contract, count: int) -> None:
    """K1: of any length, and one more after it, by another transaction."""
    entries = [entry(number) for number in range(1, count + 1)]
    told = recorded(record_for(suite, *entries), consents)
    assert [one.numberAndDecision >> 128 for one in told] == [*range(1, count + 1)]
    (more,) = recorded(record_for(suite, entry(count + 1)), consents)
    assert more.numberAndDecision >> 128 == count + 1
    page = consents.call("history", key_of(), 1, count + 1)
    assert page == tuple(one.shown(n, START) for n, one in enumerate([*entries, entry(count + 1)], 1))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 9, 40, 129, 255, 256, 257])
def test_status_finds_its_decision_in_lists_of_any_length_k2(
    suite: Suite, consents: Contract, count: int
) -> None:
    """K2: each decision at its own time of effect, the first and the last included."""
    entries = [Entry(effective=START - count + place) for place in range(count)]
    record_for(suite, *entries)
    asked = [("statusAt", (key_of(), one.effective, START)) for one in entries]
    found = consents.call_many(asked)
    assert [one.decision for one in found] == [one.shown(n, START) for n, one in enumerate(entries, 1)]


@pytest.mark.parametrize("count", [255, 256, 257, 512])
def test_status_leaves_out_what_is_corrected_in_lists_of_any_length_k2(
    suite: Suite, consents: Contract, count: int
) -> None:
    """K2: corrections are marked by number, 256 in a word: on both sides of where one ends."""
    record_for(suite, *[Entry(effective=START - 1 - count + place) for place in range(count)])
    chosen = [number for number in (1, 254, 255, 256, 257, 511, 512) if number <= count]
    for number in chosen:
        correct(suite, Entry(state=INVALIDATED), number)
    at = [START - 2 - count + number for number in chosen]
    found = consents.call_many([("statusAt", (key_of(), one, START)) for one in at])
    left = [max((n for n in range(number) if n not in chosen), default=0) for number in chosen]
    assert [one.decision.number for one in found] == left


@pytest.mark.parametrize("number", [1, 2, 3, 4, 39, 40])
def test_correction_finds_its_decision_in_a_long_list_k1(
    suite: Suite, consents: Contract, number: int
) -> None:
    """K1: and leaves it and all others."""
    entries = [entry(place) for place in range(1, MANY + 1)]
    record_for(suite, *entries)
    right = Entry(state=STATES[3])
    correct(suite, right, number)
    page = consents.call("history", key_of(), 1, MANY + 1)
    whole = [one.shown(n, START) for n, one in enumerate(entries, 1)]
    assert page == (*whole, right.shown(MANY + 1, START, corrects=number))


def test_lists_do_not_touch_each_other(suite: Suite, consents: Contract) -> None:
    """Two keys, filled in turn."""
    here, there = Entry(), Entry(category=CONTACT)
    for _ in range(9):
        record_for(suite, here, there, there)
    assert consents.call("decisionCount", key_of()) == 9
    assert consents.call("decisionCount", key_of(scope=there.scope)) == 18
