"""Disputing a report, and dismissing the dispute.

challenge
├── caller is no challenger: refused, see authority/test_roles.py
├── report unknown, challenged already, replaced: refused
├── at or after finality: refused · in the last second before: taken
└── else: Challenged, event, not final however long one waits
uphold
├── caller is no arbiter: refused, see authority/test_roles.py
├── report unknown, not challenged, replaced: refused
├── else: Published as before, event; final when its time has come, at once if it has
└── after it: open to another challenge until then
"""

from __future__ import annotations

import pytest
from support import Actor, Clock, Report, Suite, emitted, refuses, report_of, word
from support.defaults import CHALLENGE_PERIOD, DAY, LATE, RISK, START

from troth.chain.contracts import Contract

NONE, PUBLISHED, CHALLENGED, REPLACED = range(4)
GROUNDS = word("wrong flight")
FINAL_AT = START + CHALLENGE_PERIOD


@pytest.fixture
def report(suite: Suite) -> Report:
    """Published, not final yet."""
    return suite.publish(report_of({RISK: LATE}))


def test_challenge_marks_the_report(reports: Contract, challenger: Actor, report: Report) -> None:
    """It says who and why, and finality no longer comes by itself."""
    receipt = challenger.send(reports, "challenge", report.id, GROUNDS)
    assert emitted(receipt, reports, "ReportChallenged") == [(report.id, challenger.address, GROUNDS)]
    assert reports.call("report", report.id).status == CHALLENGED


def test_challenged_report_is_never_final_c3(
    reports: Contract, challenger: Actor, report: Report, clock: Clock
) -> None:
    """C3: time alone does not settle a dispute."""
    challenger.send(reports, "challenge", report.id, GROUNDS)
    clock.move_by(CHALLENGE_PERIOD + 365 * DAY)
    assert not reports.call("isFinal", report.id)
    with refuses("OracleReportsNotFinal", reportId=report.id, status=CHALLENGED, finalAt=FINAL_AT):
        reports.call("finalReport", report.id)


def test_challenge_is_taken_in_the_last_second(
    reports: Contract, challenger: Actor, report: Report, clock: Clock
) -> None:
    """One second before finality."""
    clock.move_by(CHALLENGE_PERIOD - 1)
    challenger.send(reports, "challenge", report.id, GROUNDS)
    assert reports.call("report", report.id).status == CHALLENGED


def test_challenge_refuses_final_report(
    reports: Contract, challenger: Actor, report: Report, clock: Clock
) -> None:
    """What may already have been paid on cannot be disputed any more."""
    clock.move_by(CHALLENGE_PERIOD)
    with refuses("OracleReportsChallengeOver", reportId=report.id, finalAt=FINAL_AT):
        challenger.send(reports, "challenge", report.id, GROUNDS)


def test_challenge_refuses_unknown_report(reports: Contract, challenger: Actor) -> None:
    """Nothing to dispute."""
    with refuses("OracleReportsStatus", reportId=1, status=NONE, expected=PUBLISHED):
        challenger.send(reports, "challenge", 1, GROUNDS)


def test_challenge_refuses_second_challenge(reports: Contract, challenger: Actor, report: Report) -> None:
    """One dispute at a time."""
    challenger.send(reports, "challenge", report.id, GROUNDS)
    with refuses("OracleReportsStatus", reportId=report.id, status=CHALLENGED, expected=PUBLISHED):
        challenger.send(reports, "challenge", report.id, GROUNDS)


def test_uphold_puts_the_report_back_c3(
    reports: Contract, challenger: Actor, arbiter: Actor, report: Report, clock: Clock
) -> None:
    """C3: as if nobody had disputed it: final when the challenge period is over, and not before."""
    challenger.send(reports, "challenge", report.id, GROUNDS)
    receipt = arbiter.send(reports, "uphold", report.id)
    assert emitted(receipt, reports, "ReportUpheld") == [(report.id, FINAL_AT)]
    found = reports.call("report", report.id)
    assert (found.status, found.finalAt) == (PUBLISHED, FINAL_AT)
    clock.move_to(FINAL_AT - 1)
    assert not reports.call("isFinal", report.id)
    clock.move_to(FINAL_AT)
    assert reports.call("isFinal", report.id)


def test_report_upheld_late_is_final_at_once(
    reports: Contract, challenger: Actor, arbiter: Actor, report: Report, clock: Clock
) -> None:
    """Its time had come while it was in dispute."""
    challenger.send(reports, "challenge", report.id, GROUNDS)
    clock.move_to(FINAL_AT + DAY)
    arbiter.send(reports, "uphold", report.id)
    assert reports.call("isFinal", report.id)
    with refuses("OracleReportsChallengeOver", reportId=report.id, finalAt=FINAL_AT):
        challenger.send(reports, "challenge", report.id, GROUNDS)


def test_upheld_report_can_be_challenged_on_better_grounds(
    reports: Contract, challenger: Actor, arbiter: Actor, report: Report, clock: Clock
) -> None:
    """A first, weak challenge shuts nobody else out."""
    challenger.send(reports, "challenge", report.id, GROUNDS)
    arbiter.send(reports, "uphold", report.id)
    clock.move_to(FINAL_AT - 1)
    challenger.send(reports, "challenge", report.id, word("better grounds"))
    assert reports.call("report", report.id).status == CHALLENGED


def test_uphold_refuses_unchallenged_report(reports: Contract, arbiter: Actor, report: Report) -> None:
    """An arbiter cannot shorten a challenge period by upholding what nobody disputes."""
    with refuses("OracleReportsStatus", reportId=report.id, status=PUBLISHED, expected=CHALLENGED):
        arbiter.send(reports, "uphold", report.id)


def test_uphold_refuses_unknown_report(reports: Contract, arbiter: Actor) -> None:
    """Nothing to uphold."""
    with refuses("OracleReportsStatus", reportId=9, status=NONE, expected=CHALLENGED):
        arbiter.send(reports, "uphold", 9)


def test_replaced_report_is_past_dispute(
    suite: Suite, reports: Contract, challenger: Actor, arbiter: Actor, report: Report
) -> None:
    """It can neither be disputed nor come back."""
    challenger.send(reports, "challenge", report.id, GROUNDS)
    better = report_of({RISK: 0}, replaces=report.id).data
    arbiter.send(reports, "replace", better, suite.sign(better))
    with refuses("OracleReportsStatus", reportId=report.id, status=REPLACED, expected=PUBLISHED):
        challenger.send(reports, "challenge", report.id, GROUNDS)
    with refuses("OracleReportsStatus", reportId=report.id, status=REPLACED, expected=CHALLENGED):
        arbiter.send(reports, "uphold", report.id)
