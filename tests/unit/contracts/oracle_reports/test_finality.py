"""When a report counts.

isFinal, finalReport
├── unknown: no
├── Published: from publication plus the challenge period, to the second
├── Challenged, Replaced: never, see test_challenge.py and test_replace.py
└── upheld: at once, see test_challenge.py
"""

from __future__ import annotations

from support import Clock, Suite, refuses, report_of
from support.defaults import CHALLENGE_PERIOD, LATE, RISK, START

from troth.chain.contracts import Contract

NONE, PUBLISHED = 0, 1


def test_report_is_final_to_the_second_c3(suite: Suite, reports: Contract, clock: Clock) -> None:
    """C3: not a second before the challenge period has passed, and then at once."""
    report = suite.publish(report_of({RISK: LATE}))
    final_at = START + CHALLENGE_PERIOD
    clock.move_to(final_at - 1)
    assert not reports.call("isFinal", report.id)
    with refuses("OracleReportsNotFinal", reportId=report.id, status=PUBLISHED, finalAt=final_at):
        reports.call("finalReport", report.id)
    clock.move_to(final_at)
    assert reports.call("isFinal", report.id)
    assert reports.call("finalReport", report.id) == reports.call("report", report.id)
    assert reports.call("finalReport", report.id).root == report.data.root


def test_unknown_report_is_not_final(reports: Contract) -> None:
    """Whatever time it is."""
    assert not reports.call("isFinal", 1)
    with refuses("OracleReportsNotFinal", reportId=1, status=NONE, finalAt=0):
        reports.call("finalReport", 1)


def test_challenge_period_is_what_was_deployed(reports: Contract) -> None:
    """In seconds."""
    assert reports.call("challengePeriod") == CHALLENGE_PERIOD
