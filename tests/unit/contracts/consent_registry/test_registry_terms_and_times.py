"""What every way of recording asks of terms and times.

record, recordSigned, recordFor, correct
├── a term above the last defined, in any place: refused · the last: taken
├── effective
│   ├── ahead: refused · this second, or any past one: taken, with both its times
│   └── none: this second · none in a statement: refused, see test_registry_record_signed.py
├── expires
│   ├── never: taken
│   ├── at or before it takes effect: refused · a second after: taken, even if that is over
│   └── with an event: see test_registry_expiry_events.py
└── past 2106: refused, for 32 bits are over
"""

from __future__ import annotations

from typing import Any

import pytest
from support import Suite, refuses
from support.consents import (
    CLOSING,
    LAST,
    SUBJECT,
    UNKNOWN,
    WITHDRAWN,
    Entry,
    Way,
    key_of,
    record_for,
)
from support.defaults import DAY, START

from troth.chain.contracts import Contract

FIELDS = ("purpose", "recipient", "category", "notice", "jurisdiction")


def kept(suite: Suite) -> Any:
    """The newest decision on the default key."""
    count = suite.consents.call("decisionCount", key_of())
    return suite.consents.call("history", key_of(), count, 1)[0]


# --- terms


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("term", [UNKNOWN, 2**31, LAST])
def test_term_that_is_not_defined_is_refused(suite: Suite, consents: Contract, field: str, term: int) -> None:
    """In each of the five places; a statement has terms in words."""
    entry = Entry(**{field: term})
    with refuses("ConsentTermUnknown", entry=entry.word, termCount=UNKNOWN - 1):
        record_for(suite, entry)


@pytest.mark.parametrize("way", ["record", "recordFor", "correct"], indirect=True)
@pytest.mark.parametrize("field", ["notice", "jurisdiction"])
def test_term_that_is_not_defined_is_refused_every_way(way: Way, field: str) -> None:
    """By number; a statement has its terms in words."""
    entry = way.entry(**{field: UNKNOWN})
    with refuses("ConsentTermUnknown", entry=entry.word, termCount=UNKNOWN - 1):
        way.bring(entry)


@pytest.mark.parametrize("field", FIELDS)
def test_last_term_defined_is_taken(suite: Suite, consents: Contract, field: str) -> None:
    """Numbers go from 1 to the count."""
    record_for(suite, Entry(**{field: CLOSING}))


# --- effect


@pytest.mark.parametrize("ahead", [1, DAY, LAST - START])
def test_effect_ahead_is_refused(way: Way, ahead: int) -> None:
    """What is on record is in force, or was."""
    with refuses("ConsentNotYetEffective", effective=START + ahead, nowAt=START):
        way.bring(way.entry(effective=START + ahead))


@pytest.mark.parametrize("effective", [1, START - DAY, START])
def test_late_entry_keeps_both_its_times(way: Way, suite: Suite, effective: int) -> None:
    """When it took effect, and when it was recorded."""
    entry = way.entry(effective=effective)
    told = way.bring(entry)
    number, corrects = (2, 1) if way.name == "correct" else (1, 0)
    assert told[2:] == (*entry.kept(number, START, corrects=corrects), way.evidence)
    assert kept(suite) == entry.shown(number, START, corrects=corrects)


# --- expiry


@pytest.mark.parametrize("expires", [1, START - DAY - 1, START - DAY])
@pytest.mark.parametrize("state", [2, WITHDRAWN])
def test_expiry_before_effect_is_refused(way: Way, state: int, expires: int) -> None:
    """Nor in the very second of taking effect; denials too."""
    entry = way.entry(state=state, effective=START - DAY, expires=expires)
    with refuses("ConsentExpiresBeforeEffect", expires=expires, effective=START - DAY):
        way.bring(entry)


def test_expiry_now_is_refused_of_what_takes_effect_now(suite: Suite, consents: Contract) -> None:
    """Without a time of effect, this second is it."""
    with refuses("ConsentExpiresBeforeEffect", expires=START, effective=START):
        record_for(suite, Entry(expires=START))


@pytest.mark.parametrize("expires", [0, START - DAY + 1, START, START + 1, LAST])
def test_expiry_after_effect_is_taken_over_or_not(way: Way, suite: Suite, expires: int) -> None:
    """A late entry may be of something that is over by now."""
    entry = way.entry(effective=START - DAY, expires=expires)
    way.bring(entry)
    assert (kept(suite).effective, kept(suite).expires) == (START - DAY, expires)


# --- the end of time


def test_last_second_is_recorded_and_the_next_is_not(suite: Suite, consents: Contract) -> None:
    """In 2106 the registry stops, rather than cut a time short."""
    suite.clock.move_to(LAST)
    record_for(suite, Entry())
    assert kept(suite) == Entry().shown(1, LAST)
    suite.clock.move_to(LAST + 1)
    with refuses("ConsentTimeOutOfRange", time=LAST + 1, atMost=LAST):
        record_for(suite, Entry(state=WITHDRAWN))
    assert consents.call("decisionCount", key_of(SUBJECT)) == 1
