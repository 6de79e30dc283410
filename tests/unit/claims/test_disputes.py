"""Reports challenged and upheld, and the grounds kept on the chain."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import Actor, refuses
from support.defaults import CHALLENGE_PERIOD, LATE, RISK
from support.office import PRODUCT, Desk, lines_for

from troth.claims import disputes, reports
from troth.claims.registers import Standing
from troth.claims.registers import reports as register
from troth.errors import BadInput, MissingRole

GROUNDS = b"wrong airport".ljust(32, b"\0")


@pytest.fixture
def reported(desk: Desk, customer: Actor, tmp_path: Path) -> Desk:
    """A book, and report 1 on it, still open to challenge."""
    desk.book(lines_for([customer]))
    path = tmp_path / "seen.csv"
    path.write_text(f"risk,value\n{RISK},{LATE}\n")
    reports.publish(desk.office, path, PRODUCT)
    return desk


def standing(desk: Desk) -> Standing:
    """Where report 1 stands."""
    (entry,) = register(desk.office)
    return entry.status


def test_challenged_report_pays_nothing_until_it_is_upheld(reported: Desk) -> None:
    """Final it would have been by then."""
    disputes.challenge(reported.office, 1, GROUNDS)
    reported.suite.clock.move_by(CHALLENGE_PERIOD)
    assert standing(reported) is Standing.CHALLENGED
    assert reported.settle().due == 0
    disputes.uphold(reported.office, 1)
    assert standing(reported) is Standing.FINAL
    assert reported.settle().settled == 1


def test_report_is_published_then_final(reported: Desk) -> None:
    """The register follows the clock."""
    assert standing(reported) is Standing.PUBLISHED
    reported.suite.clock.move_by(CHALLENGE_PERIOD)
    assert standing(reported) is Standing.FINAL


def test_challenge_comes_too_late_once_the_report_is_final(reported: Desk) -> None:
    """The contract says when it was."""
    (entry,) = register(reported.office)
    reported.suite.clock.move_by(CHALLENGE_PERIOD)
    with refuses("OracleReportsChallengeOver", reportId=1, finalAt=int(entry.final_at.timestamp())):
        disputes.challenge(reported.office, 1, GROUNDS)


@pytest.mark.parametrize(("act", "role"), [("challenge", "CHALLENGER"), ("uphold", "ARBITER")])
def test_each_takes_its_role(reported: Desk, stranger_desk: Desk, act: str, role: str) -> None:
    """A stranger has neither."""
    arguments = (GROUNDS,) if act == "challenge" else ()
    with pytest.raises(MissingRole) as refused:
        getattr(disputes, act)(stranger_desk.office, 1, *arguments)
    assert refused.value.role == role


def test_unknown_report_is_refused(reported: Desk) -> None:
    """With the command that lists them."""
    with pytest.raises(BadInput, match="REPORT: '7': no such report: see `troth report list`"):
        disputes.uphold(reported.office, 7)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("wrong airport", GROUNDS),
        ("é" * 16, ("é" * 16).encode()),
        (f"0x{'ab' * 32}", b"\xab" * 32),
    ],
)
def test_grounds_are_a_short_code_or_a_hash(text: str, word: bytes) -> None:
    """32 bytes either way."""
    assert disputes.grounds(text) == word


@pytest.mark.parametrize("text", ["", "é" * 17, "0x12", f"0x{'zz' * 32}", f"0x{'ab' * 33}"])
def test_other_grounds_are_refused(text: str) -> None:
    """Empty, too long, or no hash."""
    with pytest.raises(ValueError, match="write"):
        disputes.grounds(text)
