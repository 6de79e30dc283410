"""The registers of books and reports, as the contracts hold them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from support import Actor, Suite, policy, report_of
from support.defaults import LATE, PREMIUM, RISK, SUM_INSURED
from support.office import Desk, Line, lines_for

from troth.claims.registers import Standing, books, reports


def test_book_shows_what_is_left_of_it(desk: Desk, customers: tuple[Actor, ...]) -> None:
    """One of two policies was paid half its sum insured."""
    lines = [Line("P-0", customers[0].address, RISK), Line("P-1", customers[1].address, "another risk")]
    number = desk.settled(lines)
    (entry,) = books(desk.office)
    assert (entry.book, entry.product, entry.policies) == (number, "delay 1", 2)
    assert (entry.sum_insured, entry.premium) == (2 * SUM_INSURED, 2 * PREMIUM)
    assert (entry.outstanding, entry.reserve, entry.paid) == (SUM_INSURED, SUM_INSURED, SUM_INSURED // 2)
    assert (entry.collateral, entry.daily_cap) == (10_000, 0)
    assert entry.cover_from < entry.cover_until < entry.deadline
    assert (entry.expired, entry.written_here) == (False, True)


def test_book_past_its_deadline_is_expired(desk: Desk, customer: Actor) -> None:
    """A second after it, whether or not anybody has freed its reserve."""
    deadline = desk.office.now() + timedelta(days=1)
    desk.book(lines_for([customer]), cover_until=deadline, deadline=deadline)
    desk.suite.clock.move_to(int(deadline.timestamp()))
    assert not books(desk.office)[0].expired
    desk.suite.clock.move_by(1)
    assert books(desk.office)[0].expired


def test_book_and_report_of_another_database_are_shown_as_such(
    desk: Desk, suite: Suite, customer: Actor
) -> None:
    """They are on the chain, and cannot be settled from here."""
    suite.book([policy(customer)])
    suite.report({RISK: LATE})
    assert [entry.written_here for entry in books(desk.office)] == [False]
    assert [entry.written_here for entry in reports(desk.office)] == [False]


def test_report_shows_metric_period_and_standing(desk: Desk, customer: Actor) -> None:
    """Final, as its challenge period has passed."""
    desk.book(lines_for([customer]))
    number = desk.report({RISK: LATE, "another risk": 0})
    (entry,) = reports(desk.office)
    assert (entry.report, entry.metric, entry.observations) == (number, "arrival delay, minutes", 2)
    assert (entry.status, entry.replaces, entry.replaced_by) == (Standing.FINAL, None, None)
    assert entry.period_start == entry.period_end < entry.final_at == desk.office.now()
    assert entry.written_here


def test_metric_that_is_no_text_is_shown_in_hex(desk: Desk, suite: Suite) -> None:
    """The oracles can sign any 32 bytes."""
    report = report_of({RISK: LATE})
    metric = b"\xff" * 32
    suite.publish(replace(report, data=report.data._replace(metric=metric)))
    assert reports(desk.office)[0].metric == f"0x{metric.hex()}"


def test_empty_registers_are_empty(desk: Desk) -> None:
    """Before anything was issued or published."""
    assert (books(desk.office), reports(desk.office)) == ([], [])
