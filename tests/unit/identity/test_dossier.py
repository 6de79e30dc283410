"""The dossier: everything held about a subject, here and on the chain, and where.

nothing known: empty · reference, wallets, verifications, mandates, decisions with their history, honours
evidence by name and size · rows of imports · policies paid to wallets, with their payments · others' left out
erased: what is left
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest
from sqlalchemy import insert
from support import Actor, Suite
from support.defaults import DAY, DOLLAR, START
from support.office import Desk, Line

from troth.consent.terms import purpose_iri, recipient_iri
from troth.identity import erasure, evidence, subjects, verifications
from troth.identity.dossier import HeldEvidence, dossier
from troth.identity.evidence import Content
from troth.identity.verifications import Level
from troth.identity.wallets import bind, request
from troth.office import Office
from troth.store import schema

NEW_YEAR = datetime.fromtimestamp(START, timezone.utc)
GIVEN, WITHDRAWN, EXPLICIT, CALL, PAPER = 2, 5, 2, 3, 5
IRIS = [purpose_iri("Marketing"), recipient_iri("partner"), "https://example.org/notice", "urn:claim:1"]


def entry(state: int, method: int, **parts: int) -> int:
    """A word as the consent registry takes it."""
    places = {"purpose": 224, "recipient": 192, "category": 160, "notice": 128, "jurisdiction": 96}
    places |= {"effective": 64, "expires": 32, "by_event": 12}
    return sum(value << places[name] for name, value in parts.items()) | method << 8 | EXPLICIT << 4 | state


def bound(office: Office, subject: bytes, wallet: Actor) -> None:
    """Binds a wallet."""
    typed = request(office, subject, wallet.address)
    members = {"Bind": [(one["name"], one["type"]) for one in typed["types"]["Bind"]]}
    bind(office, subject, typed, wallet.signer.sign_typed(typed["domain"], members, typed["message"]))


@pytest.fixture
def subject(office: Office) -> bytes:
    """Somebody known here."""
    return subjects.new(office, "C-1").subject


def test_dossier_of_somebody_unknown_is_empty(office: Office) -> None:
    """It says where things would be."""
    found = dossier(office, bytes(range(32)))
    assert found.subject.ref is None
    assert (found.decisions, found.honours, found.evidence, found.imports, found.policies) == ((),) * 5
    assert office.contract("Subjects").address in found.kept["wallets"]
    assert office.contract("ConsentRegistry").address in found.kept["decisions"]


def test_dossier_tells_decisions_with_their_history(office: Office, suite: Suite, subject: bytes) -> None:
    """Given on the telephone, withdrawn by letter, honoured by the recipient; corrections point back."""
    operator = suite["operator"]
    operator.send(suite.consents, "defineTerms", IRIS)
    given = entry(GIVEN, CALL, purpose=1, recipient=2, notice=3, expires=START + 9 * DAY)
    operator.send(suite.consents, "recordFor", [(subject, given, b"\1" * 32)])
    until_closed = entry(GIVEN, PAPER, purpose=1, expires=4, by_event=1)
    operator.send(suite.consents, "recordFor", [(subject, until_closed, b"\6" * 32)])
    suite.clock.move_by(DAY)
    withdrawn = entry(WITHDRAWN, PAPER, purpose=1, recipient=2)
    operator.send(suite.consents, "recordFor", [(subject, withdrawn, b"\2" * 32)])
    suite["compliance"].send(suite.consents, "correct", (subject, withdrawn, b"\3" * 32), 2)
    honour = (subject, 1, 2, 0, 2, 2, START + DAY, b"\4" * 32)
    operator.send(suite.consents, "honour", [honour])
    operator.send(suite.consents, "recordFor", [(b"\x99" * 32, given, b"\5" * 32)])
    found = dossier(office, subject)
    key = f"0x{suite.consents.call('keyOf', subject, 1, 2, 0).hex()}"
    other = f"0x{suite.consents.call('keyOf', subject, 1, 0, 0).hex()}"
    assert [one.decision for one in found.decisions] == [f"{other}#1", f"{key}#1", f"{key}#2", f"{key}#3"]
    event, first, second, third = found.decisions
    assert (first.purpose, first.recipient, first.category) == (*IRIS[:2], "*")
    assert (first.state, first.basis, first.method) == ("given", "explicit-consent", "recorded-call")
    assert (first.effective, first.recorded) == (NEW_YEAR, NEW_YEAR)
    assert (first.expires, first.expires_with) == (datetime(2026, 1, 10, tzinfo=timezone.utc), None)
    assert (first.notice, first.jurisdiction, first.corrects) == (IRIS[2], None, None)
    assert (first.recorder, first.evidence) == (operator.address, b"\1" * 32)
    assert (event.expires, event.expires_with, event.evidence) == (None, IRIS[3], b"\6" * 32)
    assert (second.state, second.corrects, third.state, third.corrects) == ("withdrawn", None, "withdrawn", 2)
    (one,) = found.honours
    assert (one.decision, one.recipient, one.evidence) == (f"{key}#2", IRIS[1], b"\4" * 32)


def test_dossier_tells_evidence_by_name_and_size(office: Office, subject: bytes) -> None:
    """Oldest first; of a row without a file, nothing of nothing."""
    done = verifications.verify(
        office, subject, Level.HIGH, content=Content(b"1234", "a.pdf", "application/pdf")
    )
    evidence.draft(office, subjects.new(office).subject, Content(b"other"))
    (one,) = dossier(office, subject).evidence
    assert one == HeldEvidence(done.evidence, one.drafted_at, "a.pdf", "application/pdf", 4)
    assert "a.pdf" not in repr(one)


def test_dossier_tells_rows_of_imports(office: Office, subject: bytes) -> None:
    """By file and row, counted from 1."""
    with office.store.writing() as connection:
        file = {"key": 1, "source": bytes(32), "name": "a.csv", "rows": 2, "drafted_at": 0}
        connection.execute(insert(schema.imports).values(file))
        for place, who in enumerate((b"x" * 32, subject)):
            connection.execute(insert(schema.import_rows).values((1, place, who, bytes(32), who)))
    (one,) = dossier(office, subject).imports
    assert (one.file, one.row, one.evidence) == ("a.csv", 2, subject)


def test_dossier_tells_policies_paid_to_wallets(
    desk: Desk, customers: tuple[Actor, ...], subject: bytes
) -> None:
    """Those of a wallet since unbound too, with what was paid; other payees' are left out."""
    ann, ben, other = customers[:3]
    for wallet in (ann, ben):
        bound(desk.office, subject, wallet)
    lines = [Line("P-1", ann.address), Line("P-2", other.address), Line("P-3", ben.address, risk="quiet")]
    book = desk.funded().settled(lines)
    found = dossier(desk.office, subject).policies
    assert [(one.policy_ref, one.book_id, one.wallet) for one in found] == [
        ("P-1", book, ann.address),
        ("P-3", book, ben.address),
    ]
    assert [(kind, amount) for kind, amount, _ in found[0].payments] == [("paid", 200 * DOLLAR)]
    assert (found[1].payments, found[1].sum_insured, found[1].premium) == ((), 400 * DOLLAR, 20 * DOLLAR)
    remains = {one.what for one in erasure.erase(desk.office, subject).remains}
    assert "2 policies paid to those wallets" in remains


def test_dossier_of_somebody_erased_tells_what_is_left(
    office: Office, customer: Actor, subject: bytes, tmp_path: Path
) -> None:
    """Words without contents, the wallet that once was, the erasure."""
    bound(office, subject, customer)
    done = verifications.verify(office, subject, Level.LOW, content=Content(b"1", "a.pdf"))
    erased = erasure.erase(office, subject)
    found = dossier(office, subject)
    assert (found.subject.ref, found.subject.erasure) == (None, erased.transaction)
    (one,) = found.evidence
    assert (one.evidence, one.name, one.media_type, one.size) == (done.evidence, None, None, None)
    (wallet,) = found.subject.wallets
    assert not wallet.is_bound
