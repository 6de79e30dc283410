"""Publishing a report. Who signed it is in test_report_signatures.py.

publish
├── data.replaces is not 0: refused, that is the arbiter's
├── root or count missing: refused
├── period ends before it starts: refused · in its first second: taken
├── period ends after now: refused · now: taken
├── these data published before: refused · the same root for another period: taken
└── else: next id, kept, event; final after the challenge period
"""

from __future__ import annotations

import pytest
from support import Actor, Suite, emitted, refuses, report_of, word
from support.defaults import CHALLENGE_PERIOD, LATE, METRIC, RISK, START

from troth.chain.contracts import Contract

NONE, PUBLISHED = 0, 1


def test_publish_keeps_the_report_and_announces_it(suite: Suite, reports: Contract, stranger: Actor) -> None:
    """Anyone may carry it; it will be final when the challenge period has passed."""
    data = report_of({RISK: LATE, "other": 0}).data
    receipt = stranger.send(reports, "publish", data, suite.sign(data))
    final_at = START + CHALLENGE_PERIOD
    assert emitted(receipt, reports, "ReportPublished") == [(1, *data, final_at)]
    period = (data.period_start, data.period_end)
    assert reports.call("report", 1) == (word(METRIC), data.root, 2, *period, final_at, 0, PUBLISHED)
    assert not reports.call("isFinal", 1)


def test_publish_numbers_reports_from_1(suite: Suite) -> None:
    """In the order they come."""
    assert [suite.publish(report_of({RISK: value})).id for value in (7, 8, 9)] == [1, 2, 3]


def test_report_nobody_published_has_no_status(reports: Contract) -> None:
    """All zeros, and never final."""
    assert reports.call("report", 1) == (bytes(32), bytes(32), 0, 0, 0, 0, 0, NONE)
    assert not reports.call("isFinal", 1)


def test_publish_refuses_replacement(suite: Suite) -> None:
    """Only an arbiter replaces."""
    first = suite.publish(report_of({RISK: LATE}))
    with refuses("OracleReportsReplacementRestricted", replaces=first.id):
        suite.publish(report_of({RISK: 0}, replaces=first.id))


@pytest.mark.parametrize("missing", [{"root": bytes(32)}, {"count": 0}])
def test_publish_refuses_report_of_nothing(suite: Suite, missing: dict[str, int | bytes]) -> None:
    """Neither a root without observations nor observations without a root."""
    with refuses("OracleReportsEmpty"):
        suite.publish(report_of({RISK: LATE}, **missing))


@pytest.mark.parametrize("second", [START - 1, START])
def test_publish_takes_period_of_one_second(suite: Suite, reports: Contract, second: int) -> None:
    """Both ends are inclusive, and it may end in this very second."""
    report = suite.publish(report_of({RISK: LATE}, period_start=second, period_end=second))
    assert reports.call("report", report.id).status == PUBLISHED


@pytest.mark.parametrize(("start", "end"), [(START - 1, START - 2), (START - 1, START + 1)])
def test_publish_refuses_period_reversed_or_unfinished(suite: Suite, start: int, end: int) -> None:
    """What has not happened yet cannot have been observed."""
    with refuses("OracleReportsPeriodInvalid", periodStart=start, periodEnd=end, nowAt=START):
        suite.publish(report_of({RISK: LATE}, period_start=start, period_end=end))


def test_publish_refuses_data_published_before(suite: Suite) -> None:
    """One report, one id: the second carrier is told which."""
    report = suite.publish(report_of({RISK: LATE}))
    with refuses("OracleReportsAlreadyPublished", reportId=report.id):
        suite.publish(report)


def test_publish_takes_same_root_for_another_period(suite: Suite) -> None:
    """Two quiet days look alike."""
    suite.publish(report_of({RISK: LATE}))
    assert suite.publish(report_of({RISK: LATE}, period_start=START - 2)).id == 2
