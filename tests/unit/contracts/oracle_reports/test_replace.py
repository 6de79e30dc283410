"""Replacing a challenged report by a better one.

replace
├── caller is no arbiter: refused, see authority/test_roles.py
├── data.replaces is 0, or names a report unknown, not challenged, or replaced already: refused
├── another metric: refused
├── not enough signatures, or otherwise not to be published: refused, and the old stays challenged
└── else: old Replaced and linked, new Published with a challenge period of its own, both events
after it: old never final, its data cannot return by publish or by replace; new can be challenged in turn
"""

from __future__ import annotations

import pytest
from support import Actor, Report, Suite, emitted, refuses, report_of, word
from support.claims import recovered
from support.defaults import CHALLENGE_PERIOD, DAY, LATE, METRIC, RISK, START

from troth.chain.contracts import Contract

NONE, PUBLISHED, CHALLENGED, REPLACED = range(4)


@pytest.fixture
def challenged(suite: Suite) -> Report:
    """A report in dispute."""
    report = suite.publish(report_of({RISK: LATE}))
    suite["challenger"].send(suite.reports, "challenge", report.id, word("wrong"))
    return report


@pytest.fixture
def better(challenged: Report) -> Report:
    """The report that shall supersede it."""
    return report_of({RISK: 0}, replaces=challenged.id)


def test_replace_supersedes_the_challenged_report(
    suite: Suite, reports: Contract, arbiter: Actor, challenged: Report, better: Report
) -> None:
    """The old one points at the new, the new one starts its own challenge period."""
    suite.clock.move_by(DAY // 2)
    final_at = START + DAY // 2 + CHALLENGE_PERIOD
    receipt = arbiter.send(reports, "replace", better.data, suite.sign(better.data))
    assert emitted(receipt, reports, "ReportReplaced") == [(challenged.id, 2)]
    assert emitted(receipt, reports, "ReportPublished") == [(2, *better.data, final_at)]
    old, new = reports.call("report", challenged.id), reports.call("report", 2)
    assert (old.status, old.replacedBy) == (REPLACED, 2)
    assert (new.metric, new.root, new.count) == better.data[:3]
    assert (new.finalAt, new.replacedBy, new.status) == (final_at, 0, PUBLISHED)


def test_replaced_report_is_never_final_c3(
    suite: Suite, reports: Contract, arbiter: Actor, challenged: Report, better: Report
) -> None:
    """C3: only its successor counts, and only after its own challenge period."""
    arbiter.send(reports, "replace", better.data, suite.sign(better.data))
    assert not reports.call("isFinal", 2)
    suite.clock.move_by(CHALLENGE_PERIOD)
    assert reports.call("isFinal", 2)
    assert not reports.call("isFinal", challenged.id)
    with refuses(
        "OracleReportsNotFinal", reportId=challenged.id, status=REPLACED, finalAt=START + CHALLENGE_PERIOD
    ):
        reports.call("finalReport", challenged.id)


def test_replaced_data_cannot_be_published_again(
    suite: Suite, reports: Contract, arbiter: Actor, challenged: Report, better: Report
) -> None:
    """The old signatures are still good, and still of no use."""
    arbiter.send(reports, "replace", better.data, suite.sign(better.data))
    with refuses("OracleReportsAlreadyPublished", reportId=challenged.id):
        suite.publish(challenged)


def test_replacement_can_be_replaced_in_turn(
    suite: Suite, reports: Contract, arbiter: Actor, challenger: Actor, better: Report
) -> None:
    """A chain of corrections, each pointing at the next."""
    arbiter.send(reports, "replace", better.data, suite.sign(better.data))
    challenger.send(reports, "challenge", 2, word("still wrong"))
    best = report_of({RISK: 1}, replaces=2).data
    arbiter.send(reports, "replace", best, suite.sign(best))
    assert [reports.call("report", one).replacedBy for one in (1, 2, 3)] == [2, 3, 0]


def test_replace_refuses_report_replaced_already(
    suite: Suite, reports: Contract, arbiter: Actor, challenged: Report, better: Report
) -> None:
    """One successor each."""
    arbiter.send(reports, "replace", better.data, suite.sign(better.data))
    other = report_of({RISK: 5}, replaces=challenged.id).data
    with refuses("OracleReportsStatus", reportId=challenged.id, status=REPLACED, expected=CHALLENGED):
        arbiter.send(reports, "replace", other, suite.sign(other))


@pytest.mark.parametrize("replaces", [0, 7])
def test_replace_refuses_unknown_report(
    suite: Suite, reports: Contract, arbiter: Actor, replaces: int
) -> None:
    """Nothing to supersede."""
    data = report_of({RISK: LATE}, replaces=replaces).data
    with refuses("OracleReportsStatus", reportId=replaces, status=NONE, expected=CHALLENGED):
        arbiter.send(reports, "replace", data, suite.sign(data))


def test_replace_refuses_unchallenged_report(suite: Suite, reports: Contract, arbiter: Actor) -> None:
    """Not even the arbiter replaces what nobody disputes."""
    report = suite.publish(report_of({RISK: LATE}))
    data = report_of({RISK: 0}, replaces=report.id).data
    with refuses("OracleReportsStatus", reportId=report.id, status=PUBLISHED, expected=CHALLENGED):
        arbiter.send(reports, "replace", data, suite.sign(data))


def test_replace_refuses_another_metric(
    suite: Suite, reports: Contract, arbiter: Actor, challenged: Report
) -> None:
    """A correction is of the same thing."""
    data = report_of({RISK: 0}, metric="rain, mm", replaces=challenged.id).data
    with refuses("OracleReportsMetricDiffers", metric=word("rain, mm"), expected=word(METRIC)):
        arbiter.send(reports, "replace", data, suite.sign(data))


def test_replace_refuses_too_few_signatures(
    suite: Suite, reports: Contract, arbiter: Actor, challenged: Report, better: Report
) -> None:
    """The arbiter chooses among what oracles say, and says nothing themselves."""
    with refuses("OracleReportsSignaturesShort", given=1, quorum=2):
        arbiter.send(reports, "replace", better.data, suite.sign(better.data, suite.oracles[:1]))
    assert reports.call("report", challenged.id).status == CHALLENGED


def test_replace_refuses_signatures_that_name_another_report(
    suite: Suite, reports: Contract, arbiter: Actor, challenged: Report
) -> None:
    """Oracles sign what their report supersedes: a first report is no replacement."""
    fresh = report_of({RISK: 0}).data
    as_replacement = fresh._replace(replaces=challenged.id)
    signatures = suite.sign(fresh)
    nobody = recovered(reports.call("digestOf", as_replacement), signatures[0])
    with refuses("OracleReportsSignerUntrusted", signer=nobody):
        arbiter.send(reports, "replace", as_replacement, signatures)
