"""Which keys are oracles, and how many must sign.

setOracle
├── caller is no administrator: refused, see authority/test_roles.py
├── trusted already, not trusted anyway: refused
├── stops trusting one, fewer left than the quorum: refused
├── starts trusting: event, its signature counts
└── stops trusting: event, its signature counts no more; what it signed before stands
setQuorum
├── caller is no administrator: refused, see authority/test_roles.py
├── 0, more than there are oracles: refused · 1, all: taken, event, and reports need as many
constructor: the same rules for the first oracles and the first quorum
"""

from __future__ import annotations

import pytest
from support import Actor, Suite, emitted, refuses, report_of
from support.defaults import CHALLENGE_PERIOD, LATE, RISK

from troth.chain.artifacts import artifact
from troth.chain.contracts import Contract


def test_set_oracle_starts_trusting_a_key(
    suite: Suite, reports: Contract, insurer: Actor, stranger: Actor
) -> None:
    """Its signature counts from now on."""
    receipt = insurer.send(reports, "setOracle", stranger.address, True)
    assert emitted(receipt, reports, "OracleSet") == [(stranger.address, True)]
    assert reports.call("isOracle", stranger.address)
    assert reports.call("oracleCount") == 4
    data = report_of({RISK: LATE}).data
    signers = sorted([stranger, suite.oracles[0]], key=lambda one: int(one.address, 16))
    stranger.send(reports, "publish", data, suite.sign(data, signers))
    assert reports.call("report", 1).root == data.root


def test_set_oracle_stops_trusting_a_key(
    suite: Suite, reports: Contract, insurer: Actor, stranger: Actor
) -> None:
    """Its signature counts no more."""
    gone = suite.oracles[0]
    receipt = insurer.send(reports, "setOracle", gone.address, False)
    assert emitted(receipt, reports, "OracleSet") == [(gone.address, False)]
    assert not reports.call("isOracle", gone.address)
    assert reports.call("oracleCount") == 2
    data = report_of({RISK: LATE}).data
    with refuses("OracleReportsSignerUntrusted", signer=gone.address):
        stranger.send(reports, "publish", data, suite.sign(data))


def test_report_stands_when_its_oracle_is_dropped(suite: Suite, reports: Contract, insurer: Actor) -> None:
    """Rotating a key rewrites no history; a challenge is the way to dispute it."""
    report = suite.publish(report_of({RISK: LATE}))
    insurer.send(reports, "setOracle", suite.oracles[0].address, False)
    suite.clock.move_by(CHALLENGE_PERIOD)
    assert reports.call("isFinal", report.id)


@pytest.mark.parametrize("trusted", [True, False])
def test_set_oracle_refuses_to_change_nothing(
    suite: Suite, reports: Contract, insurer: Actor, stranger: Actor, trusted: bool
) -> None:
    """A slip of the address shows, and the count stays right."""
    account = suite.oracles[0].address if trusted else stranger.address
    with refuses("OracleReportsOracleUnchanged", oracle=account, trusted=trusted):
        insurer.send(reports, "setOracle", account, trusted)


def test_set_oracle_refuses_to_leave_fewer_than_quorum(
    suite: Suite, reports: Contract, insurer: Actor
) -> None:
    """No report could be published any more."""
    first, second, _ = suite.oracles
    insurer.send(reports, "setOracle", first.address, False)
    with refuses("OracleReportsQuorumOutOfRange", quorum=2, oracles=1):
        insurer.send(reports, "setOracle", second.address, False)


@pytest.mark.parametrize("quorum", [1, 3])
def test_set_quorum_takes_1_to_all(
    suite: Suite, reports: Contract, insurer: Actor, stranger: Actor, quorum: int
) -> None:
    """And reports then need exactly as many."""
    receipt = insurer.send(reports, "setQuorum", quorum)
    assert emitted(receipt, reports, "QuorumSet") == [(quorum,)]
    assert reports.call("quorum") == quorum
    data = report_of({RISK: LATE}).data
    with refuses("OracleReportsSignaturesShort", given=quorum - 1, quorum=quorum):
        stranger.send(reports, "publish", data, suite.sign(data, suite.oracles[: quorum - 1]))
    stranger.send(reports, "publish", data, suite.sign(data, suite.oracles[:quorum]))


@pytest.mark.parametrize("quorum", [0, 4])
def test_set_quorum_refuses_none_and_more_than_all(reports: Contract, insurer: Actor, quorum: int) -> None:
    """None would let anyone publish; more than all, nobody."""
    with refuses("OracleReportsQuorumOutOfRange", quorum=quorum, oracles=3):
        insurer.send(reports, "setQuorum", quorum)


@pytest.mark.parametrize("quorum", [0, 3])
def test_deploying_refuses_quorum_out_of_range(suite: Suite, insurer: Actor, quorum: int) -> None:
    """The same rule from the first block on."""
    oracles = [one.address for one in suite.oracles[:2]]
    with refuses("OracleReportsQuorumOutOfRange", quorum=quorum, oracles=2):
        insurer.create(artifact("OracleReports"), suite.authority.address, oracles, quorum, 1)


def test_deploying_refuses_oracle_named_twice(suite: Suite, insurer: Actor) -> None:
    """A key is one oracle."""
    one = suite.oracles[0].address
    with refuses("OracleReportsOracleUnchanged", oracle=one, trusted=True):
        insurer.create(artifact("OracleReports"), suite.authority.address, [one, one], 1, 1)
