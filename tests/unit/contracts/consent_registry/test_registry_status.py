"""What was in force on one key, on any day, as known on any other.

statusAt
├── nothing on record, nothing in effect, or nothing known: no state, an empty decision
├── one decision: from the second it takes effect, as known from the second it was recorded
├── several grants and denials: the one that took effect last, and of several such the one recorded last
│   └── a late entry changes the past as known from then on, and the present not at all
├── Expired, recorded as such: in the place of a grant before it · of a denial, or of a grant after it: not
├── Requested: shown if there is no grant and no denial, whenever they took effect
├── expires by date: Expired from that second on, whatever was before; the decision is still shown
├── expires, and a later decision: that one
├── times beyond 32 bits: as at their end
└── the same as a fold over the history, for every effective and known time: K2
expiry by event and corrections have pages of their own
"""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from support import Suite
from support.consents import (
    DENIALS,
    EXPIRED,
    GIVEN,
    GRANTS,
    LAST,
    REFUSED,
    RENEWED,
    REQUESTED,
    STATES,
    WITHDRAWN,
    Entry,
    correct,
    key_of,
    record_for,
)
from support.defaults import DAY, START

from troth.chain.contracts import Contract

EMPTY = (0, (0,) * 9)
FOREVER = 2**256 - 1


def status(suite: Suite, effective: int, known: int) -> tuple[int, int]:
    """State and number on the default key."""
    found = suite.consents.call("statusAt", key_of(), effective, known)
    return found.state, found.decision.number


def test_status_of_nothing_is_empty(consents: Contract) -> None:
    """Whenever it is asked."""
    for times in product((0, START, FOREVER), repeat=2):
        assert consents.call("statusAt", key_of(), *times) == EMPTY


def test_status_is_from_effect_and_from_recording_k2(suite: Suite, consents: Contract) -> None:
    """K2: to the second, on both axes."""
    entry = Entry(effective=START - DAY)
    record_for(suite, entry)
    for effective, known in product((0, START - DAY - 1), (START, FOREVER)):
        assert consents.call("statusAt", key_of(), effective, known) == EMPTY
    for effective, known in product((START - DAY, START, FOREVER), (0, START - 1)):
        assert consents.call("statusAt", key_of(), effective, known) == EMPTY
    for effective, known in product((START - DAY, START, LAST + 1, FOREVER), (START, LAST + 1, FOREVER)):
        assert consents.call("statusAt", key_of(), effective, known) == (GIVEN, entry.shown(1, START))


@pytest.mark.parametrize("state", STATES[:-1])
def test_status_shows_every_state(suite: Suite, consents: Contract, state: int) -> None:
    """As it was recorded."""
    record_for(suite, Entry(state=state))
    assert status(suite, START, START) == (state, 1)


def test_status_is_of_the_latest_effect_k2(suite: Suite, consents: Contract) -> None:
    """K2: whatever the order in which they were recorded."""
    for late, state in ((5, GIVEN), (9, REFUSED), (2, WITHDRAWN), (7, RENEWED)):
        record_for(suite, Entry(state=state, effective=START - late))
    seen = [status(suite, START - late, START) for late in (10, 9, 8, 7, 6, 5, 3, 2, 0)]
    nine, seven, five, two = (REFUSED, 2), (RENEWED, 4), (GIVEN, 1), (WITHDRAWN, 3)
    assert seen == [(0, 0), nine, nine, seven, seven, five, five, two, two]


def test_status_of_one_second_is_of_the_last_recorded_k2(suite: Suite, consents: Contract) -> None:
    """K2: who gives and withdraws within a second, has withdrawn."""
    record_for(suite, Entry(), Entry(state=WITHDRAWN), Entry(state=REQUESTED, effective=START - 1))
    assert status(suite, START, START) == (WITHDRAWN, 2)


@pytest.mark.parametrize(
    ("states", "shown"),
    [
        ((REQUESTED,), 1),
        ((REQUESTED, REQUESTED), 2),
        ((REQUESTED, GIVEN), 2),
        ((GIVEN, REQUESTED), 1),
        ((REFUSED, REQUESTED), 1),
        ((GIVEN, EXPIRED), 2),
        ((EXPIRED, GIVEN), 2),
        ((WITHDRAWN, EXPIRED), 1),
        ((GIVEN, WITHDRAWN, EXPIRED), 2),
        ((WITHDRAWN, EXPIRED, GIVEN), 3),
        ((WITHDRAWN, GIVEN, EXPIRED), 3),
        ((GIVEN, EXPIRED, REQUESTED), 2),
        ((EXPIRED, REQUESTED), 2),
        ((REQUESTED, EXPIRED), 2),
        ((EXPIRED, EXPIRED), 2),
    ],
    ids=str,
)
@pytest.mark.parametrize("step", [0, 1], ids=["in one second", "one after the other"])
def test_status_weighs_states_k2(
    suite: Suite, consents: Contract, states: tuple[int, ...], shown: int, step: int
) -> None:
    """K2: what was said goes before what was asked; an expiry ends a grant and lifts no denial."""
    first = START - len(states)
    entries = [Entry(state=state, effective=first + place * step) for place, state in enumerate(states)]
    record_for(suite, *entries)
    assert status(suite, START, START) == (states[shown - 1], shown)


def test_late_entry_changes_the_past_as_known_from_then_on_k2(suite: Suite, consents: Contract) -> None:
    """K2: who asks what was known before, gets what was answered before."""
    record_for(suite, Entry(effective=START - 2 * DAY))
    record_for(suite, Entry(state=WITHDRAWN))
    suite.clock.move_to(START + DAY)
    record_for(suite, Entry(state=REFUSED, effective=START - DAY))
    assert status(suite, START - DAY, START) == (GIVEN, 1)
    assert status(suite, START - DAY, START + DAY) == (REFUSED, 3)
    assert status(suite, START + DAY, START + DAY) == (WITHDRAWN, 2)


def test_status_is_expired_from_its_second_on_k2(suite: Suite, consents: Contract) -> None:
    """K2: what was before does not come back; the decision is shown as it was made."""
    entry = Entry(state=RENEWED, expires=START + DAY)
    record_for(suite, Entry(effective=START - DAY), entry)
    assert status(suite, START + DAY - 1, START) == (RENEWED, 2)
    for effective in (START + DAY, START + DAY + 1, FOREVER):
        found = consents.call("statusAt", key_of(), effective, START)
        assert found == (EXPIRED, entry.shown(2, START))


def test_status_after_expiry_is_of_the_next_decision_k2(suite: Suite, consents: Contract) -> None:
    """K2: given again, it is in force again."""
    record_for(suite, Entry(effective=START - DAY, expires=START - 1))
    assert status(suite, START, START) == (EXPIRED, 1)
    record_for(suite, Entry(state=RENEWED))
    assert status(suite, START, START) == (RENEWED, 2)
    assert status(suite, START - 1, START) == (EXPIRED, 1)


def test_status_is_a_fold_of_the_history_k2(suite: Suite, consents: Contract) -> None:
    """K2: ten decisions, three corrections, some late, some over; every moment asked, as known at each."""
    lateness = (3, 0, 7, 7, 1, 9, 0, 4, 2, 7)
    for place, late in enumerate(lateness):
        now = START + place // 2
        if place % 2 == 0 and place:
            suite.clock.move_to(now)
        entry = Entry(
            state=STATES[place % 6], effective=now - late, expires=(now - late + 5) if place % 3 == 0 else 0
        )
        if place in (4, 7, 9):
            correct(suite, entry, place - 3)
        else:
            record_for(suite, entry)
    kept = consents.call("history", key_of(), 1, 99)
    moments = [*product(range(START - 11, START + 12), range(START - 1, START + 6))]
    seen = consents.call_many([("statusAt", (key_of(), *moment)) for moment in moments])
    for (effective, known), found in zip(moments, seen, strict=True):
        latest = folded([one for one in kept if one.recorded <= known], effective)
        if latest is None:
            assert found == EMPTY
        else:
            over = latest.expires and latest.expires <= effective
            assert found == (EXPIRED if over else latest.state, latest)


def folded(heard: list[Any], at: int) -> Any:
    """What was in force, of what had been heard; None for nothing."""
    corrected = {one.corrects for one in heard}
    standing = [one for one in heard if one.number not in corrected and one.effective <= at]
    standing.sort(key=lambda one: (one.effective, one.number))
    said = [one for one in standing if one.state in (*GRANTS, *DENIALS)]
    if not said:
        return standing[-1] if standing else None
    ends = [one for one in standing[standing.index(said[-1]) :] if one.state == EXPIRED]
    return ends[-1] if ends and said[-1].state in GRANTS else said[-1]
