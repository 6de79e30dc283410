"""Consents that end with something that happens.

recordExpiryEvent
├── caller is no operator: refused, see authority/test_roles.py
├── term 0, or above the last: refused
├── recorded before: refused, and stays
├── ahead: refused · now, by 0 or by its second, or past: taken, event
└── happening: when it was, and when that was recorded
a decision that ends with an event
├── the event a term above the last: refused · none: refused
├── not a grant: refused, or a claim that closes would lift a denial
├── the event has happened when it takes effect: refused · a second after: taken
├── not recorded: in force
├── recorded: Expired from when it happened, as known from when that was recorded
└── recorded later as of before it took effect: Expired from the start
"""

from __future__ import annotations

import pytest
from support import Suite, emitted, refuses
from support.consents import (
    CLOSING,
    EXPIRED,
    GIVEN,
    GRANTS,
    HEALTH,
    INSURER,
    INVALIDATED,
    IRIS,
    LAST,
    MARKETING,
    OPERATOR_STATES,
    SUBJECT,
    UNKNOWN,
    WITHDRAWN,
    Entry,
    Way,
    correct,
    key_of,
    record_for,
)
from support.defaults import DAY, START

from troth.chain.contracts import Contract
from troth.chain.transactions import Receipt

WHILE_OPEN = Entry(expires=CLOSING, by_event=1)


def close(suite: Suite, effective: int = 0, term: int = CLOSING) -> Receipt:
    """Records that the claim was closed."""
    return suite["operator"].send(suite.consents, "recordExpiryEvent", term, effective)


def state_at(suite: Suite, effective: int, known: int) -> int:
    """The state on the default key."""
    return suite.consents.call("statusAt", key_of(), effective, known).state


# --- the event


@pytest.mark.parametrize(("said", "effective"), [(0, START), (START, START), (1, 1), (START - DAY,) * 2])
def test_event_is_kept_and_told(suite: Suite, consents: Contract, said: int, effective: int) -> None:
    """With both its times."""
    assert consents.call("happening", CLOSING) == (0, 0)
    receipt = close(suite, said)
    assert emitted(receipt, consents, "ExpiryEventHappened") == [(CLOSING, effective, START)]
    assert consents.call("happening", CLOSING) == (effective, START)
    assert consents.call("happening", MARKETING) == (0, 0)


@pytest.mark.parametrize("effective", [START + 1, LAST + 1, 2**40 - 1])
def test_event_ahead_is_refused(suite: Suite, consents: Contract, effective: int) -> None:
    """What is recorded has happened."""
    with refuses("ConsentNotYetEffective", effective=effective, nowAt=START):
        close(suite, effective)


def test_event_happens_once_k1(suite: Suite, consents: Contract) -> None:
    """K1: and stays when it was."""
    close(suite, START - DAY)
    suite.clock.move_by(DAY)
    for again in (0, START - DAY, START - 2 * DAY):
        with refuses("ConsentAlreadyHappened", term=CLOSING, effective=START - DAY):
            close(suite, again)
    assert consents.call("happening", CLOSING) == (START - DAY, START)


@pytest.mark.parametrize("term", [0, UNKNOWN, LAST])
def test_event_that_is_no_term_is_refused(suite: Suite, consents: Contract, term: int) -> None:
    """Zero is no event."""
    with refuses("VocabularyTermOutOfRange", term=term, termCount=len(IRIS)):
        close(suite, term=term)


# --- a decision that ends with one


@pytest.mark.parametrize("term", [UNKNOWN, LAST])
def test_decision_tied_to_unknown_event_is_refused(suite: Suite, consents: Contract, term: int) -> None:
    """Above the last number there is; as a date the same number is one."""
    entry = WHILE_OPEN._replace(expires=term)
    with refuses("ConsentTermUnknown", entry=entry.word, termCount=len(IRIS)):
        record_for(suite, entry)
    record_for(suite, entry._replace(by_event=0, effective=1))


@pytest.mark.parametrize("way", ["record", "recordFor", "correct"], indirect=True)
def test_decision_tied_to_no_event_is_refused(way: Way, suite: Suite) -> None:
    """It would never end, and pass by every cap; a statement cannot say it."""
    with refuses("ConsentExpiryEventMissing"):
        way.bring(way.entry(by_event=1))


def test_decision_tied_to_event_is_kept_and_told(way: Way, suite: Suite) -> None:
    """By the event's number, and no date."""
    entry = way.entry(expires=CLOSING, by_event=1)
    told = way.bring(entry)
    number, corrects = (2, 1) if way.name == "correct" else (1, 0)
    assert told[2:4] == entry.kept(number, START, corrects=corrects)
    assert suite.consents.call("history", key_of(), number, 1) == (
        entry.shown(number, START, corrects=corrects),
    )


def test_decision_is_in_force_until_the_event_happened_k2(suite: Suite, consents: Contract) -> None:
    """K2: by when it happened, and as known since that was recorded."""
    record_for(suite, WHILE_OPEN)
    suite.clock.move_to(START + 5 * DAY)
    assert state_at(suite, START + 5 * DAY, START + 5 * DAY) == GIVEN
    close(suite, START + 3 * DAY)
    happened, told = START + 3 * DAY, START + 5 * DAY
    for effective, known, state in (
        (happened - 1, told, GIVEN),
        (happened, told, EXPIRED),
        (happened + 1, told, EXPIRED),
        (happened, told - 1, GIVEN),
        (LAST, told - 1, GIVEN),
        (LAST, LAST, EXPIRED),
    ):
        assert state_at(suite, effective, known) == state, (effective, known)
    assert not consents.call("isPermitted", SUBJECT, MARKETING, INSURER, HEALTH)


@pytest.mark.parametrize("effective", [START - DAY, START - DAY + 1, 0])
def test_decision_tied_to_event_that_has_happened_is_refused(way: Way, suite: Suite, effective: int) -> None:
    """By when it takes effect; a closed claim gives no time to anything."""
    close(suite, START - DAY)
    entry = way.entry(expires=CLOSING, by_event=1, **({"effective": effective} if effective else {}))
    with refuses("ConsentExpiresBeforeEffect", expires=START - DAY, effective=effective or START):
        way.bring(entry)


def test_late_entry_of_before_the_event_is_taken(way: Way, suite: Suite) -> None:
    """It was in force until then."""
    close(suite, START - DAY)
    way.bring(way.entry(expires=CLOSING, by_event=1, effective=START - DAY - 1))
    assert [state_at(suite, START - DAY - late, START) for late in (1, 0)] == [GIVEN, EXPIRED]


def test_decision_is_expired_from_the_start_if_the_event_turns_out_to_have_been_before(
    suite: Suite, consents: Contract
) -> None:
    """As known from then on; before that was known, it was in force."""
    record_for(suite, WHILE_OPEN)
    suite.clock.move_to(START + DAY)
    close(suite, START - DAY)
    assert state_at(suite, START, START + DAY) == EXPIRED
    assert state_at(suite, START, START + DAY - 1) == GIVEN


def test_another_event_ends_nothing(suite: Suite, consents: Contract) -> None:
    """Nor does a date with the number of an event."""
    record_for(suite, WHILE_OPEN)
    close(suite, term=CLOSING - 1)
    assert state_at(suite, START, START) == GIVEN
    record_for(suite, Entry(effective=1, expires=CLOSING - 1))
    assert state_at(suite, 1, START) == GIVEN


@pytest.mark.parametrize("state", [state for state in OPERATOR_STATES if state not in GRANTS])
def test_only_grants_end_with_an_event(suite: Suite, consents: Contract, state: int) -> None:
    """What somebody denied is not open again because an operator says that a claim is closed."""
    with refuses("ConsentExpiryEventOfNoGrant"):
        record_for(suite, WHILE_OPEN._replace(state=state))


@pytest.mark.parametrize("state", [WITHDRAWN, INVALIDATED])
def test_only_grants_end_with_an_event_in_corrections_too(
    suite: Suite, consents: Contract, state: int
) -> None:
    """No way round it."""
    record_for(suite, Entry())
    with refuses("ConsentExpiryEventOfNoGrant"):
        correct(suite, WHILE_OPEN._replace(state=state), 1)
