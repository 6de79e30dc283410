"""Everything held about one subject, and where it is kept: what GDPR article 15 lets them ask for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import Connection, Row, select

from troth.addresses import format_address, parse_address
from troth.consent.decisions import Basis, Method, Scope, State, key_of
from troth.identity import evidence, subjects
from troth.identity.subjects import Shown
from troth.interactions import history
from troth.interactions.history import Interaction
from troth.office import Office
from troth.store import schema
from troth.store.books import list_books
from troth.store.subjects import events_of
from troth.store.terms import names_of

__all__ = ["Dossier", "HeldDecision", "HeldEvidence", "HeldHonour", "HeldPolicy", "ImportedRow", "dossier"]


@dataclass(frozen=True)
class HeldDecision:
    """A decision on record, superseded ones too. Terms are IRIs, `*` for all."""

    decision: str
    """0xKEY#NUMBER."""
    purpose: str
    recipient: str
    category: str
    state: str
    basis: str
    method: str
    effective: datetime
    recorded: datetime
    expires: datetime | None
    expires_with: str | None
    notice: str | None
    jurisdiction: str | None
    corrects: int | None
    """The number, on the same key, of the decision it stands for."""
    recorder: str
    evidence: bytes | None
    transaction: str


@dataclass(frozen=True)
class HeldHonour:
    """That a recipient acts on a denial."""

    decision: str
    recipient: str
    honoured_at: datetime
    evidence: bytes | None
    transaction: str


@dataclass(frozen=True)
class HeldEvidence:
    """Evidence kept here, or the word that is left of it."""

    evidence: bytes
    drafted_at: datetime
    name: str | None = field(repr=False)
    media_type: str | None
    size: int | None
    """Bytes; None once it has been destroyed."""


@dataclass(frozen=True)
class ImportedRow:
    """A row of a file of decisions that was read here."""

    file: str = field(repr=False)
    row: int
    """Of its data, from 1."""
    evidence: bytes


@dataclass(frozen=True)
class HeldPolicy:
    """A policy whose payee is, or was, a wallet of the subject. Amounts in base units."""

    policy_ref: str = field(repr=False)
    book_id: int | None
    number: int
    wallet: str
    sum_insured: int
    premium: int
    payments: tuple[tuple[str, int, str], ...]
    """Kind (paid, owed, refunded), amount and transaction."""


@dataclass(frozen=True)
class Dossier:
    """All of it."""

    subject: Shown
    decisions: tuple[HeldDecision, ...]
    honours: tuple[HeldHonour, ...]
    evidence: tuple[HeldEvidence, ...]
    imports: tuple[ImportedRow, ...]
    interactions: tuple[Interaction, ...]
    policies: tuple[HeldPolicy, ...]
    kept: dict[str, str]
    """Where each part is."""


def dossier(office: Office, subject: bytes) -> Dossier:
    """Everything held about a subject, here and on the chain as far as the index has read.

    Raises DatabaseFailed if sealed data is damaged, and what `Vault.of` and `Office.sync` raise.
    """
    shown = subjects.show(office, subject)
    with office.store.reading() as connection:
        decisions = _decisions(connection, subject)
        honours = _honours(connection, subject)
        imported = _imported(connection, subject)
        policies = _policies(connection, {one.wallet for one in shown.wallets})
    contacts = tuple(history.of_subject(office, subject))
    words = _evidence(office, subject)
    return Dossier(shown, decisions, honours, words, imported, contacts, policies, _places(office))


def _decisions(connection: Connection, subject: bytes) -> tuple[HeldDecision, ...]:
    """Every decision, by key and number."""
    rows = events_of(connection, schema.decisions, subject)
    names = ("purpose", "recipient", "category", "expiry_event", "notice", "jurisdiction")
    iris = names_of(connection, {row._mapping[name] for row in rows for name in names})
    rows.sort(key=lambda row: (row.purpose, row.recipient, row.category, row.number))
    return tuple(
        HeldDecision(
            decision=_decision(key_of(subject, Scope(row.purpose, row.recipient, row.category)), row.number),
            purpose=iris[row.purpose],
            recipient=iris[row.recipient],
            category=iris[row.category],
            state=State(row.state).text,
            basis=Basis(row.basis).text,
            method=Method(row.method).text,
            effective=_time(row.effective),
            recorded=_time(row.recorded),
            expires=_time(row.expires) if row.expires else None,
            expires_with=iris[row.expiry_event] if row.expiry_event else None,
            notice=iris[row.notice] if row.notice else None,
            jurisdiction=iris[row.jurisdiction] if row.jurisdiction else None,
            corrects=row.corrects or None,
            recorder=format_address(row.recorder),
            evidence=_word(row),
            transaction=f"0x{row.tx.hex()}",
        )
        for row in rows
    )


def _honours(connection: Connection, subject: bytes) -> tuple[HeldHonour, ...]:
    """Every recipient that acts on a denial of the subject's."""
    rows = events_of(connection, schema.honours, subject)
    iris = names_of(connection, {row.honoured_by for row in rows})
    return tuple(
        HeldHonour(
            _decision(row.decision_key, row.number),
            iris[row.honoured_by],
            _time(row.honoured_at),
            _word(row),
            f"0x{row.tx.hex()}",
        )
        for row in rows
    )


def _evidence(office: Office, subject: bytes) -> tuple[HeldEvidence, ...]:
    """All evidence, by name and size: the content is the insurer's to hand over."""
    found = []
    for one in evidence.contents(office, subject):
        label: tuple[str | None, str | None, int | None] = (None, None, None)
        if one.content is not None:
            label = (one.content.name, one.content.media_type, len(one.content.data))
        found.append(HeldEvidence(one.evidence, one.drafted_at, *label))
    return tuple(found)


def _imported(connection: Connection, subject: bytes) -> tuple[ImportedRow, ...]:
    """The rows of files that were about the subject."""
    rows, files = schema.import_rows.c, schema.imports.c
    wanted = (
        select(files.name, rows.position, rows.evidence)
        .join_from(schema.import_rows, schema.imports)
        .where(rows.subject == subject)
        .order_by(files.key, rows.position)
    )
    return tuple(ImportedRow(name, place + 1, word) for name, place, word in connection.execute(wanted))


def _policies(connection: Connection, wallets: set[str]) -> tuple[HeldPolicy, ...]:
    """The policies paid to any of the wallets, with their payments."""
    table, paid = schema.policies.c, schema.payments.c
    book_ids = {book.key: book.book_id for book in list_books(connection)}
    payees = [parse_address(one) for one in wallets]
    wanted = select(schema.policies).where(table.payee.in_(payees)).order_by(table.book_key, table.number)
    found = []
    for row in connection.execute(wanted).all():
        book_id = book_ids[row.book_key]
        payments = select(paid.kind, paid.amount, paid.tx).where(
            paid.book_id == book_id, paid.number == row.number
        )
        rows = [] if book_id is None else connection.execute(payments.order_by(paid.block, paid.log)).all()
        made = tuple((kind, amount, f"0x{tx.hex()}") for kind, amount, tx in rows)
        payee = format_address(row.payee)
        found.append(
            HeldPolicy(row.policy_ref, book_id, row.number, payee, row.sum_insured, row.premium, made)
        )
    return tuple(found)


def _places(office: Office) -> dict[str, str]:
    """Where each part is kept."""
    at = office.deployment.addresses
    chain = f"chain {office.deployment.chain_id}"
    identity = f"{chain}, contract Subjects at {at['Subjects']}; indexed in the database"
    consents = f"{chain}, contract ConsentRegistry at {at['ConsentRegistry']}; indexed in the database"
    sealed = "database, sealed by a key of this subject's own, which erasing destroys"
    return {
        "reference": sealed,
        "wallets": identity,
        "verifications": identity,
        "mandates": identity,
        "decisions": consents,
        "honours": consents,
        "evidence": f"{sealed}; its salted hash on {chain}",
        "imports": "database",
        "interactions": f"{sealed}; in batches' hashes on {chain}, contract Streams at {at['Streams']}",
        "policies": f"database; as salted hashes on {chain}, contract PolicyBooks at {at['PolicyBooks']}",
        "transactions": "database: what was sent to the chain, as it stands there",
    }


def _decision(key: bytes, number: int) -> str:
    """What a decision is called."""
    return f"0x{key.hex()}#{number}"


def _word(row: Row[Any]) -> bytes | None:
    """The evidence of a row, None for none."""
    return row.evidence if any(row.evidence) else None


def _time(second: int) -> datetime:
    """UTC seconds as a time."""
    return datetime.fromtimestamp(second, timezone.utc)
