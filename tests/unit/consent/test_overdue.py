"""Denials not yet honoured by everybody concerned, and the business days left of their clock."""

from __future__ import annotations

from datetime import date

import pytest
from support.defaults import START
from support.shelf import ANN, BOB, Settings, Shelf, days, moment

from troth.consent import status
from troth.consent.overdue import days_left, due_on, overdue
from troth.store import Store

FRIDAY, SATURDAY, MONDAY = date(2026, 1, 2), date(2026, 1, 3), date(2026, 1, 5)


@pytest.fixture
def shelf(store: Store) -> Shelf:
    """An empty index on 1 January 2026, a Thursday."""
    return Shelf(store)


def missing(shelf: Shelf) -> list[list[str]]:
    """Who has yet to honour what."""
    return [one.missing for one in overdue(shelf)]


def test_denial_of_one_recipient_waits_for_that_one(shelf: Shelf) -> None:
    """With when and how it was asked for, and the decision."""
    shelf.decide(of="Marketing acme Contact", effective=START - days(9))
    decision = shelf.decide("withdrawn", effective=START - days(1), method="web-form")
    (one,) = overdue(shelf)
    assert (one.subject, one.purpose, one.recipient, one.category) == (ANN, "Marketing", "acme", "Contact")
    assert (one.decision, one.state, one.channel) == (decision, "withdrawn", "web-form")
    assert (one.requested, one.missing, one.honoured) == (moment(START - days(1)), ["acme"], [])
    assert (one.due, one.days_left) == (date(2026, 1, 14), 9)


@pytest.mark.parametrize("state", ["refused", "withdrawn", "revoked"])
def test_honoured_denial_is_done(shelf: Shelf, state: str) -> None:
    """Of every kind."""
    denial = shelf.decide(state)
    assert missing(shelf) == [["acme"]]
    shelf.honour(denial, "acme")
    assert missing(shelf) == []


def test_denial_of_all_waits_for_each_who_was_ever_granted_what_it_covers(shelf: Shelf) -> None:
    """Not for those of other purposes, other subjects or refused ones."""
    shelf.decide(of="Marketing acme Contact", expires=START - 1, effective=START - days(400))
    shelf.decide(of="* beta *")
    shelf.decide(of="ServiceProvision gamma Contact")
    shelf.decide(of="Marketing delta Health")
    shelf.decide("refused", of="Marketing epsilon Contact")
    shelf.decide(of="Marketing zeta Contact", subject=BOB)
    denial = shelf.decide("withdrawn", of="Marketing * Contact")
    by_decision = {one.decision: one.missing for one in overdue(shelf)}
    assert by_decision[denial] == ["acme", "beta"]
    shelf.honour(denial, "acme")
    (one,) = (one for one in overdue(shelf) if one.decision == denial)
    assert (one.missing, one.honoured) == (["beta"], ["acme"])
    shelf.honour(denial, "beta")
    assert denial not in {one.decision for one in overdue(shelf)}


def test_denial_of_all_that_nobody_was_granted_waits_for_anybody(shelf: Shelf) -> None:
    """A stranger's "do not call me" is on the list until somebody acts on it."""
    denial = shelf.decide("refused", of="* * *")
    assert missing(shelf) == [["*"]]
    shelf.honour(denial, "acme")
    assert missing(shelf) == []


def test_denial_honoured_by_all_at_once_is_done(shelf: Shelf) -> None:
    """As an honour by `*` says."""
    shelf.decide(of="Marketing acme Contact")
    denial = shelf.decide("withdrawn", of="* * *")
    shelf.honour(denial, "*")
    assert missing(shelf) == []


def test_grant_that_follows_ends_the_wait(shelf: Shelf) -> None:
    """On the same key; a narrower or later-recorded earlier one does not."""
    shelf.decide("withdrawn", effective=START - days(2))
    shelf.decide("given", effective=START - days(3))
    shelf.decide("given", of="Marketing acme Health")
    assert missing(shelf) == [["acme"]]
    shelf.decide("given", effective=START - days(1))
    assert missing(shelf) == []


@pytest.mark.parametrize("state", ["requested", "expired", "invalidated"])
def test_what_is_no_grant_does_not_end_the_wait(shelf: Shelf, state: str) -> None:
    """Asking again is no answer."""
    shelf.decide("withdrawn", effective=START - days(2))
    shelf.decide(state)
    assert missing(shelf) == [["acme"]]


def test_denial_that_is_corrected_away_or_over_or_ahead_does_not_wait(shelf: Shelf) -> None:
    """Nor is it listed before it is in effect, by a clock that has been moved back."""
    shelf.decide("withdrawn", of="Marketing acme Contact")
    shelf.decide("invalidated", of="Marketing acme Contact", corrects=1)
    shelf.decide("withdrawn", of="Marketing beta Contact", effective=START - 9, expires=START)
    shelf.decide("withdrawn", of="Marketing gamma Contact", effective=START + 1)
    shelf.decide("withdrawn", of="Marketing delta Contact", effective=START - 9, recorded=START + 1)
    assert missing(shelf) == []


def test_denial_said_twice_runs_from_the_first_and_is_honoured_once(shelf: Shelf) -> None:
    """Whichever of the two the recipient named."""
    first = shelf.decide("withdrawn", effective=START - days(9))
    second = shelf.decide("refused")
    (one,) = overdue(shelf)
    assert (one.decision, one.requested) == (first, moment(START - days(9)))
    shelf.honour(second, "acme")
    assert missing(shelf) == []


def test_honour_of_a_denial_holds_for_its_correction(shelf: Shelf) -> None:
    """The recipient acts on it, whatever its date."""
    wrong = shelf.decide("withdrawn")
    shelf.decide("withdrawn", effective=START - days(1), corrects=1)
    shelf.honour(wrong, "acme")
    assert missing(shelf) == []


def test_honour_before_a_new_grant_does_not_count_after_it(shelf: Shelf) -> None:
    """Withdrawn again, it waits again."""
    before = shelf.decide("withdrawn", effective=START - days(9))
    shelf.honour(before, "acme")
    shelf.decide("given", effective=START - days(8))
    shelf.decide("withdrawn", effective=START - days(7))
    assert missing(shelf) == [["acme"]]


def test_most_urgent_come_first_of_all_subjects(shelf: Shelf) -> None:
    """Each subject's honours are their own."""
    for subject in (ANN, BOB):
        shelf.decide("withdrawn", of="Marketing beta *", subject=subject)
    old = shelf.decide("withdrawn", subject=BOB, effective=START - days(30))
    honoured = shelf.decide("withdrawn", of="ServiceProvision acme *", subject=BOB)
    shelf.honour(honoured, "acme", subject=BOB)
    found = overdue(shelf)
    assert (found[0].subject, found[0].decision) == (BOB, old)
    assert {one.subject for one in found[1:]} == {ANN, BOB}
    assert len(found) == 3
    assert found[0].days_left < 0 < found[1].days_left


def test_honours_count_for_their_own_subject_each(shelf: Shelf) -> None:
    """Of one subject after another; the last has none."""
    for subject in (ANN, BOB):
        shelf.honour(shelf.decide("withdrawn", subject=subject), "acme", subject=subject)
    assert missing(shelf) == []
    shelf.decide("withdrawn", subject=b"\xff" * 32)
    assert missing(shelf) == [["acme"]]


def test_days_are_the_setting_s(shelf: Shelf) -> None:
    """TROTH_WITHDRAWAL_DAYS."""
    shelf.decide("withdrawn")
    shelf.settings = Settings(withdrawal_days=1)
    (one,) = overdue(shelf)
    assert (one.due, one.days_left) == (FRIDAY, 1)


def test_reference_is_shown_and_never_in_a_repr(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names a person."""
    monkeypatch.setattr(status, "references_of", lambda _office, _subjects: {ANN: "CUST-7"})
    shelf.decide("withdrawn")
    (one,) = overdue(shelf)
    assert one.ref == "CUST-7"
    assert "CUST-7" not in repr(one)


@pytest.mark.parametrize(
    ("requested", "count", "due"),
    [
        (FRIDAY, 1, MONDAY),
        (SATURDAY, 1, MONDAY),
        (MONDAY, 4, date(2026, 1, 9)),
        (MONDAY, 5, date(2026, 1, 12)),
        (FRIDAY, 10, date(2026, 1, 16)),
        (SATURDAY, 10, date(2026, 1, 16)),
    ],
)
def test_clock_runs_on_mondays_to_fridays(requested: date, count: int, due: date) -> None:
    """The day of the request does not count."""
    assert due_on(requested, count) == due


@pytest.mark.parametrize(
    ("due", "today", "left"),
    [
        (MONDAY, MONDAY, 0),
        (MONDAY, SATURDAY, 1),
        (MONDAY, FRIDAY, 1),
        (FRIDAY, SATURDAY, 0),
        (FRIDAY, MONDAY, -1),
        (FRIDAY, date(2026, 1, 16), -10),
    ],
)
def test_days_left_fall_below_zero_once_the_last_has_passed(due: date, today: date, left: int) -> None:
    """By business days, both ways."""
    assert days_left(due, today) == left
