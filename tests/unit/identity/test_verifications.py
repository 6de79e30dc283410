"""Verifications: recorded with level, expiry and evidence, and taken back.

verify: on the chain, by event, evidence sealed · again on a level: replaced · on another: beside it
├── expiry not ahead, subject erased, no verifier: refused, nothing kept or sent
└── index too new, or behind: history tells what it has read
revoke: by the verifier, by compliance · none on that level, somebody else: refused
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from support.chain import misses, refuses
from support.defaults import DAY, START
from support.office import Desk, desk_of
from support.suite import Suite

from troth.errors import BadInput
from troth.identity import erasure, evidence, subjects
from troth.identity.evidence import Content
from troth.identity.verifications import Level, Verification, history, revoke, verify
from troth.office import Office
from troth.store import schema

PASSPORT = Content(b"C01X00T47", "passport.jpg", "image/jpeg")


@pytest.fixture
def subject(office: Office) -> bytes:
    """Somebody known here."""
    return subjects.new(office, "C-1").subject


def known(office: Office, subject: bytes) -> list[Verification]:
    """The verifications, once the index is up."""
    office.sync()
    return history(office, subject)


def kept(office: Office) -> int:
    """How much evidence there is in the database."""
    with office.store.reading() as connection:
        return connection.execute(select(func.count()).select_from(schema.evidences)).scalar_one()


def test_verification_is_on_the_chain_and_its_evidence_here(
    office: Office, suite: Suite, subject: bytes
) -> None:
    """Level, verifier, expiry and a salted word there; what was checked, sealed, here."""
    expires = office.now() + timedelta(days=365)
    done = verify(office, subject, Level.SUBSTANTIAL, expires=expires, content=PASSPORT)
    held = suite.subjects.call("verification", subject, 2)
    assert held == (suite["insurer"].address, START, START + 365 * DAY, done.evidence)
    assert suite.subjects.call("isVerified", subject, 2)
    assert not suite.subjects.call("isVerified", subject, 3)
    found = evidence.find(office, done.evidence)
    assert found is not None and found.content == PASSPORT
    (one,) = known(office, subject)
    assert (one.level, one.verifier, one.verified_at, one.expires, one.evidence, one.transaction) == (
        "substantial",
        suite["insurer"].address,
        office.now(),
        expires,
        done.evidence,
        done.transaction,
    )
    assert one.stands(expires - timedelta(seconds=1))
    assert not one.stands(expires)


def test_verification_without_a_file_has_a_word_all_the_same(office: Office, subject: bytes) -> None:
    """And no expiry is for good."""
    first = verify(office, subject, Level.LOW)
    second = verify(office, subject, Level.LOW)
    assert bytes(32) not in {first.evidence, second.evidence}
    assert first.evidence != second.evidence
    assert (first.expires, known(office, subject)[1].expires) == (None, None)


def test_newer_verification_replaces_that_of_its_level(office: Office, suite: Suite, subject: bytes) -> None:
    """Others stand beside it."""
    verify(office, subject, Level.LOW)
    verify(office, subject, Level.HIGH)
    suite.clock.move_by(DAY)
    verify(office, subject, Level.LOW)
    first, high, second = known(office, subject)
    assert (first.ended_at, first.revoked_by) == (second.verified_at, None)
    assert [one.stands(office.now()) for one in (first, high, second)] == [False, True, True]


def test_bad_verification_keeps_and_sends_nothing(
    desk: Desk, suite: Suite, stranger_office: Office, subject: bytes
) -> None:
    """Expiry not ahead; erased; no verifier."""
    office, before = desk.office, kept(desk.office)
    with pytest.raises(BadInput, match=r"^--expires: .*not ahead: on the chain it is 2026-01-01T00:00:00"):
        verify(office, subject, Level.LOW, expires=office.now())
    with misses("VERIFIER", suite["stranger"].address):
        verify(stranger_office, subject, Level.LOW, content=PASSPORT)
    assert (kept(office), kept(stranger_office)) == (before, 0)
    erasure.erase(office, subject)
    with pytest.raises(BadInput, match="erased at 2026-01-01T00:00:00"):
        verify(office, subject, Level.LOW)
    assert known(office, subject) == []


# --- revoke


def test_revoked_verification_counts_no_more(office: Office, suite: Suite, subject: bytes) -> None:
    """Told by event, with who revoked."""
    verify(office, subject, Level.HIGH)
    suite.clock.move_by(DAY)
    revoke(office, subject, Level.HIGH)
    assert not suite.subjects.call("isVerified", subject, 1)
    (one,) = known(office, subject)
    assert (one.ended_at, one.revoked_by) == (office.now(), suite["insurer"].address)


def test_compliance_revokes_what_others_verified(suite: Suite, tmp_path: Path, subject: bytes) -> None:
    """Whoever the verifier was."""
    suite["verifier"].send(suite.subjects, "verify", subject, 1, 0, b"\1" * 32)
    with desk_of(suite, tmp_path / "compliance", "compliance") as desk:
        revoke(desk.office, subject, Level.LOW)
        (one,) = known(desk.office, subject)
    assert (one.verifier, one.revoked_by) == (suite["verifier"].address, suite["compliance"].address)


def test_nothing_to_revoke_is_refused(office: Office, subject: bytes) -> None:
    """By level."""
    verify(office, subject, Level.HIGH)
    with pytest.raises(BadInput, match=r"^--level: 'low': not verified on this level"):
        revoke(office, subject, Level.LOW)


def test_somebody_else_cannot_revoke(
    office: Office, stranger_office: Office, suite: Suite, subject: bytes
) -> None:
    """Neither its verifier nor compliance."""
    verify(office, subject, Level.HIGH)
    with refuses("SubjectsNotAllowed", caller=suite["stranger"].address, subject=subject):
        revoke(stranger_office, subject, Level.HIGH)
    assert suite.subjects.call("isVerified", subject, 3)
