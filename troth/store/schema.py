"""The tables. What this insurer wrote (books, policies, reports, subjects, evidence, notices, imports,
transactions) is here alone and must be backed up; what the contracts said (the index) can be read again
from the chain at any time.

Hashes, addresses and salts are raw bytes; amounts and observed values exact decimal text (see `types`);
times Unix seconds, as on the chain. A draft book or report is issued when the index holds its root: nothing
here has to be updated when it is mined, or put back when the chain reorganises.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from troth.store.types import Amount, Observed, Total

__all__ = ["EVENTS", "metadata"]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite counts rowids by itself only for INTEGER; PostgreSQL needs BIGINT to count past two thousand million.
_Key = BigInteger().with_variant(Integer, "sqlite")


# --- what this insurer wrote ---

books = Table(
    "books",
    metadata,
    Column(
        "key",
        _Key,
        primary_key=True,
        comment="this database's own number; the contract's is books_issued.book_id",
    ),
    Column(
        "source",
        LargeBinary(32),
        unique=True,
        nullable=False,
        comment="digest of what the book was made from",
    ),
    Column("root", LargeBinary(32), unique=True, nullable=False, comment="of the tree of policies"),
    Column("product_id", BigInteger, nullable=False),
    Column("policy_count", BigInteger, nullable=False),
    Column("sum_insured", Amount, nullable=False, comment="total"),
    Column("premium", Amount, nullable=False, comment="total"),
    Column(
        "collateral",
        Integer,
        nullable=False,
        comment="share of the sum insured held in reserve, basis points",
    ),
    Column("daily_cap", Amount, nullable=False, comment="payouts a day, 0 for none"),
    Column("cover_from", BigInteger, nullable=False),
    Column("cover_until", BigInteger, nullable=False),
    Column("deadline", BigInteger, nullable=False, comment="no automatic payout after it"),
    Column("drafted_at", BigInteger, nullable=False),
    comment="Books written here. Durable, salts included, before their root goes on-chain.",
)

policies = Table(
    "policies",
    metadata,
    Column("book_key", _Key, ForeignKey(books.c.key, ondelete="CASCADE"), primary_key=True),
    Column(
        "number", BigInteger, primary_key=True, autoincrement=False, comment="position in the book, from 0"
    ),
    Column("policy_ref", Text, nullable=False, comment="the insurer's own reference"),
    Column("risk", Text, nullable=False),
    Column("payee", LargeBinary(20), nullable=False),
    Column("sum_insured", Amount, nullable=False),
    Column("premium", Amount, nullable=False),
    Column(
        "salt", LargeBinary(16), nullable=False, comment="blinds policy_ref on-chain; lost, the leaf is lost"
    ),
    Index(None, "policy_ref"),
    Index(None, "book_key", "risk"),
    sqlite_with_rowid=False,  # rows lie in order of (book, number): a book is read back in one sweep
    comment="Policies of the books written here.",
)

reports = Table(
    "reports",
    metadata,
    Column("key", _Key, primary_key=True, comment="this database's own number; the contract's is report_id"),
    Column("metric", LargeBinary(32), nullable=False, comment="UTF-8, right-padded, as on-chain"),
    Column("root", LargeBinary(32), nullable=False, comment="of the tree of observations"),
    Column("count", BigInteger, nullable=False, comment="of observations"),
    Column("period_start", BigInteger, nullable=False),
    Column("period_end", BigInteger, nullable=False),
    Column("replaces", BigInteger, nullable=False, comment="report_id superseded, 0 for none"),
    Column("drafted_at", BigInteger, nullable=False),
    # The contract takes the same data once only, so they name the report before it has an id.
    UniqueConstraint(
        "root", "metric", "count", "period_start", "period_end", "replaces", name="uq_reports_data"
    ),
    comment="Reports written here.",
)

observations = Table(
    "observations",
    metadata,
    Column("report_key", _Key, ForeignKey(reports.c.key, ondelete="CASCADE"), primary_key=True),
    Column(
        "position",
        BigInteger,
        primary_key=True,
        autoincrement=False,
        comment="in order of (value, risk), from 0",
    ),
    Column("risk", Text, nullable=False),
    Column("value", Observed, nullable=False, comment="in the metric's unit"),
    Index(None, "report_key", "risk"),
    sqlite_with_rowid=False,
    comment="What the reports say of each risk.",
)


transactions = Table(
    "transactions",
    metadata,
    Column("key", _Key, primary_key=True, comment="in the order of signing"),
    Column("hash", LargeBinary(32), unique=True, nullable=False),
    Column("sender", LargeBinary(20), nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("label", Text, nullable=False, comment="what it is for"),
    Column(
        "raw", LargeBinary, nullable=False, comment="the signed bytes: can be sent again, to the same effect"
    ),
    Column("state", Text, nullable=False),
    CheckConstraint("state IN ('signed', 'mined', 'reverted', 'dropped')", name="state"),
    Column("signed_at", BigInteger, nullable=False),
    Column("block", BigInteger),
    Column("block_hash", LargeBinary(32)),
    Column("gas_used", BigInteger),
    Column("gas_price", Total, comment="wei paid for a unit of gas"),
    Column("contract", LargeBinary(20), comment="address created"),
    Column("reason", Text, comment="why it was dropped"),
    Index(None, "sender", "nonce"),
    Index(
        "ix_transactions_unfinished",
        "key",
        sqlite_where=text("state = 'signed'"),
        postgresql_where=text("state = 'signed'"),
    ),
    comment="The send journal. Stored before sending; of several with one nonce, one is mined.",
)

subjects = Table(
    "subjects",
    metadata,
    Column("subject", LargeBinary(32), primary_key=True, comment="random, never derived from a person"),
    Column("sealed_key", LargeBinary, comment="their data key, wrapped; gone, all that it sealed is gone"),
    Column("ref_digest", LargeBinary(32), unique=True, comment="keyed digest of the customer reference"),
    Column("sealed_ref", LargeBinary, comment="the customer reference, sealed by their data key"),
    Column("created_at", BigInteger, nullable=False),
    Column("erased_at", BigInteger),
    sqlite_with_rowid=False,
    comment="Subjects made here, and the only link from them to persons.",
)

evidences = Table(
    "evidences",
    metadata,
    Column("evidence", LargeBinary(32), primary_key=True, comment="the word on the chain"),
    Column("subject", LargeBinary(32), nullable=False, index=True),
    Column("sealed", LargeBinary, comment="salt and content, sealed by the subject's data key"),
    Column("drafted_at", BigInteger, nullable=False),
    comment="What shows the subjects' word. Durable, salts included, before its digest goes on-chain.",
)

notices = Table(
    "notices",
    metadata,
    Column("iri", Text, primary_key=True, comment="the term that stands for it"),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    comment="Privacy notices, as they were shown.",
)

imports = Table(
    "imports",
    metadata,
    Column("key", _Key, primary_key=True),
    Column(
        "source",
        LargeBinary(32),
        unique=True,
        nullable=False,
        comment="digest of what the import was made from",
    ),
    Column("name", Text, nullable=False, comment="of the file"),
    Column("rows", BigInteger, nullable=False),
    Column("drafted_at", BigInteger, nullable=False),
    comment="Files of decisions imported here.",
)

import_rows = Table(
    "import_rows",
    metadata,
    Column("import_key", _Key, ForeignKey(imports.c.key, ondelete="CASCADE"), primary_key=True),
    Column(
        "position", BigInteger, primary_key=True, autoincrement=False, comment="in order of the file, from 0"
    ),
    Column("subject", LargeBinary(32), nullable=False),
    Column("entry", LargeBinary(32), nullable=False, comment="the word sent to the consent registry"),
    Column(
        "evidence",
        LargeBinary(32),
        nullable=False,
        comment="unlike any other, so that it shows what went out",
    ),
    sqlite_with_rowid=False,  # rows lie in order of (import, position): read back in one sweep
    comment="Decisions of the imports, durable before any is sent.",
)

expiry_events = Table(
    "expiry_events",
    metadata,
    Column("iri", Text, primary_key=True, comment="the term that stands for it, random"),
    Column(
        "ref_digest", LargeBinary(32), unique=True, nullable=False, comment="keyed digest of its reference"
    ),
    Column("created_at", BigInteger, nullable=False),
    comment="What consents are to expire with, as the closing of a claim: its name here and on-chain.",
)

queues = Table(
    "queues",
    metadata,
    Column("stream", BigInteger, primary_key=True, autoincrement=False),
    Column(
        "accepted", BigInteger, nullable=False, comment="interactions from here on are drafts, not accepted"
    ),
    Column("turn", BigInteger, nullable=False, comment="how often a session has taken the queue"),
    comment="How far each stream has been accepted.",
)

interactions = Table(
    "interactions",
    metadata,
    Column("stream", BigInteger, primary_key=True, autoincrement=False),
    Column(
        "position", BigInteger, primary_key=True, autoincrement=False, comment="index in the stream, from 0"
    ),
    Column("source", LargeBinary(16), nullable=False, comment="keyed digest of the id it came with"),
    Column("subject", LargeBinary(32), nullable=False),
    Column("number", BigInteger, nullable=False, comment="of the subject's in the stream, from 1"),
    Column("start", BigInteger, nullable=False),
    Column("accepted_at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("record", LargeBinary(32), nullable=False, comment="root of its field tree: what is anchored"),
    Column("sealed", LargeBinary, comment="secret and bytes as received, sealed; gone once erased"),
    Column("amends", BigInteger, comment="position of the interaction it amends"),
    CheckConstraint("kind IN ('vcon', 'cdr', 'json', 'erasure')", name="kind"),
    UniqueConstraint("stream", "source"),
    Index(None, "subject", "stream", "number", unique=True),
    Index(None, "stream", "start"),
    comment="What was said and done.",
)

closed_batches = Table(
    "closed_batches",
    metadata,
    Column("stream", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False, comment="from 1"),
    Column("first", BigInteger, nullable=False, comment="position of its first interaction"),
    Column("count", BigInteger, nullable=False),
    Column("secret", LargeBinary(32), nullable=False, comment="blinds the subjects in its roster"),
    Column("root", LargeBinary(32), nullable=False, comment="of the tree over the records"),
    Column("subjects", LargeBinary(32), nullable=False, comment="size, salt and root of the roster, hashed"),
    Column("closed_at", BigInteger, nullable=False),
    comment="Batches, durable before they are anchored.",
)


# --- what the contracts said ---

chain = Table(
    "chain",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("chain_id", BigInteger, nullable=False),
    Column("genesis", LargeBinary(32), nullable=False, comment="hash of block 0"),
    Column(
        "policy_books", LargeBinary(20), nullable=False, comment="its address, which names the deployment"
    ),
    Column("cursor", BigInteger, nullable=False, comment="the index holds every event up to this block"),
    CheckConstraint("one = 1", name="single"),
    comment="Which chain and contracts are indexed, and how far. One row.",
)

blocks = Table(
    "blocks",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
    comment="Hashes of the newest blocks indexed, by which a reorganisation is recognised.",
)


def _event(
    name: str,
    *columns: Column[Any] | Index | CheckConstraint | UniqueConstraint,
    comment: str,
    is_key: bool = True,
) -> Table:
    """A table of one kind of event, with where on the chain it happened, which is its key unless another
    column is.
    """
    return Table(
        name,
        metadata,
        Column("block", BigInteger, primary_key=is_key, nullable=False, autoincrement=False),
        Column(
            "log",
            BigInteger,
            primary_key=is_key,
            nullable=False,
            autoincrement=False,
            comment="index of the log in its block",
        ),
        Column("tx", LargeBinary(32), nullable=False),
        *columns,
        sqlite_with_rowid=False,  # a reorganisation deletes one range of the key
        comment=comment,
    )


def _integers(*names: str, comment: str | None = None) -> list[Column[Any]]:
    """Columns of numbers that are always there."""
    return [Column(name, BigInteger, nullable=False, comment=comment) for name in names]


def _required(*names: str, comment: str) -> list[Column[Any]]:
    """Columns of a product's requirement: products indexed before there were any required nothing."""
    return [
        Column(name, BigInteger, nullable=False, server_default=text("0"), comment=comment) for name in names
    ]


products = _event(
    "products",
    Column("product_id", BigInteger, nullable=False, unique=True),
    Column("name", Text, nullable=False, index=True),
    Column("version", BigInteger, nullable=False),
    Column("metric", LargeBinary(32), nullable=False),
    Column("direction", Text, nullable=False),
    CheckConstraint("direction IN ('at_least', 'at_most')", name="direction"),
    Column("tiers", JSON, nullable=False, comment="[[threshold, basis points], …], mildest first"),
    *_required("verification", comment="level that a payee must have, 0 for none"),
    *_required("purpose", comment="term of the consent a payee must have given, 0 for none"),
    *_required("recipient", "category", comment="term of that consent, 0 for all"),
    comment="ProductRegistered",
)

books_issued = _event(
    "books_issued",
    Column("book_id", BigInteger, nullable=False, unique=True),
    Column("product_id", BigInteger, nullable=False),
    Column("root", LargeBinary(32), nullable=False, index=True),
    Column("policy_count", BigInteger, nullable=False),
    Column("sum_insured", Amount, nullable=False),
    Column("premium", Amount, nullable=False),
    Column("reserve", Amount, nullable=False),
    Column("cover_from", BigInteger, nullable=False),
    Column("cover_until", BigInteger, nullable=False),
    Column("deadline", BigInteger, nullable=False),
    comment="BookIssued",
)

books_expired = _event(
    "books_expired",
    Column("book_id", BigInteger, nullable=False, index=True),
    Column("released", Amount, nullable=False),
    comment="BookExpired",
)

cancellations = _event(
    "cancellations",
    Column("book_id", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("refund", Amount, nullable=False),
    Index(None, "book_id", "number"),
    comment="PolicyCancelled",
)

reports_published = _event(
    "reports_published",
    Column("report_id", BigInteger, nullable=False, unique=True),
    Column("metric", LargeBinary(32), nullable=False),
    Column("root", LargeBinary(32), nullable=False, index=True),
    Column("count", BigInteger, nullable=False),
    Column("period_start", BigInteger, nullable=False),
    Column("period_end", BigInteger, nullable=False),
    Column("replaces", BigInteger, nullable=False),
    Column("final_at", BigInteger, nullable=False),
    comment="ReportPublished",
)

report_changes = _event(
    "report_changes",
    Column("report_id", BigInteger, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    CheckConstraint("kind IN ('challenged', 'upheld', 'replaced')", name="kind"),
    Column("challenger", LargeBinary(20), comment="challenged: by whom"),
    Column("reason", LargeBinary(32), comment="challenged: hash or code of the grounds"),
    Column("final_at", BigInteger, comment="upheld: when it counts"),
    Column("replaced_by", BigInteger, comment="replaced: the report that supersedes it"),
    comment="ReportChallenged, ReportUpheld, ReportReplaced",
)

settlements = _event(
    "settlements",
    Column("book_id", BigInteger, nullable=False, index=True),
    Column("report_id", BigInteger, nullable=False),
    Column("settled", BigInteger, nullable=False, comment="policies paid or owed by this call"),
    Column("skipped", BigInteger, nullable=False, comment="policies settled before"),
    Column("amount", Total, nullable=False),
    comment="Settled: one row for each batch",
)

payments = _event(
    "payments",
    Column("book_id", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    CheckConstraint("kind IN ('paid', 'owed', 'refunded')", name="kind"),
    Column("payee", LargeBinary(20), nullable=False),
    Column("amount", Amount, nullable=False),
    Index(None, "book_id", "number"),
    Index(None, "payee"),
    comment="Paid, Owed, Refunded",
)

premiums = _event(
    "premiums",
    Column("book_id", BigInteger, nullable=False, index=True),
    Column("payer", LargeBinary(20), nullable=False),
    Column("amount", Amount, nullable=False),
    comment="PremiumCollected",
)

withdrawals = _event(
    "withdrawals",
    Column("payee", LargeBinary(20), nullable=False, index=True),
    Column("recipient", LargeBinary(20), nullable=False),
    Column("amount", Total, nullable=False),
    comment="OwedWithdrawn: money owed that has reached its payee",
)

withholdings = _event(
    "withholdings",
    *_integers("book_id", "number"),
    Column("payee", LargeBinary(20), nullable=False),
    Index(None, "book_id", "number"),
    comment="Withheld: claims not paid for want of what their product requires of the payee",
)

terms = _event(
    "terms",
    Column("term", BigInteger, nullable=False, unique=True),
    Column("iri", Text, nullable=False, unique=True, comment="what is no UTF-8, NUL and \\ escaped"),
    comment="TermDefined",
)

wallets = _event(
    "wallets",
    Column("subject", LargeBinary(32), nullable=False, index=True),
    Column("wallet", LargeBinary(20), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    CheckConstraint("kind IN ('bound', 'unbound')", name="kind"),
    Column("by_account", LargeBinary(20), nullable=False),
    comment="WalletBound, WalletUnbound",
)

verifications = _event(
    "verifications",
    Column("subject", LargeBinary(32), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    CheckConstraint("kind IN ('verified', 'revoked')", name="kind"),
    *_integers("level"),
    Column("account", LargeBinary(20), nullable=False, comment="the verifier, or who revoked"),
    Column("expires", BigInteger, comment="verified: 0 for never"),
    Column("evidence", LargeBinary(32), comment="verified: salted hash of what was checked"),
    comment="SubjectVerified, VerificationRevoked",
)

mandates = _event(
    "mandates",
    Column("subject", LargeBinary(32), nullable=False, index=True),
    Column("representative", LargeBinary(20), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    CheckConstraint("kind IN ('appointed', 'dismissed')", name="kind"),
    Column("by_account", LargeBinary(20), nullable=False),
    Column("capacity", BigInteger, comment="appointed, as all that follows"),
    Column("expires", BigInteger, comment="0 for never"),
    Column("purpose", BigInteger, comment="term, 0 for all"),
    Column("recipient", BigInteger, comment="term, 0 for all"),
    Column("category", BigInteger, comment="term, 0 for all"),
    Column("evidence", LargeBinary(32), comment="salted hash of what shows the authority"),
    comment="RepresentativeAppointed, RepresentativeDismissed",
)

erasures = _event(
    "erasures",
    Column("subject", LargeBinary(32), nullable=False, unique=True),
    Column("by_account", LargeBinary(20), nullable=False),
    *_integers("erased_at"),
    comment="SubjectErased",
)

decisions = _event(
    "decisions",
    Column("subject", LargeBinary(32), primary_key=True),
    *(
        Column(name, BigInteger, primary_key=True, autoincrement=False, comment="term, 0 for all")
        for name in ("purpose", "recipient", "category")
    ),
    Column("number", BigInteger, primary_key=True, autoincrement=False, comment="from 1 on each key"),
    *_integers("state", "basis", "method", "effective", "recorded"),
    *_integers("expires", comment="0 for never, and for one that expires by event"),
    *_integers("expiry_event", "notice", "jurisdiction", comment="term, 0 for none"),
    *_integers("corrects", comment="number on the same key, 0 for none"),
    Column("recorder", LargeBinary(20), nullable=False),
    Column("evidence", LargeBinary(32), nullable=False, index=True),
    Index(None, "block"),
    is_key=False,  # all decisions of a subject lie side by side: a status is read in one seek
    comment="DecisionRecorded",
)

expiry_caps = _event(
    "expiry_caps",
    *_integers("jurisdiction", "purpose", comment="term, 0 for none"),
    *_integers("cap", comment="seconds that a grant may last, 0 for no cap"),
    Index(None, "jurisdiction", "purpose"),
    comment="ExpiryCapSet",
)

happenings = _event(
    "happenings",
    Column("term", BigInteger, nullable=False, unique=True),
    *_integers("effective", "recorded"),
    comment="ExpiryEventHappened",
)

honours = _event(
    "honours",
    Column("subject", LargeBinary(32), nullable=False, index=True),
    Column("decision_key", LargeBinary(32), nullable=False),
    *_integers("number", comment="of the denial on its key"),
    *_integers("honoured_by", comment="term of the recipient"),
    *_integers("honoured_at"),
    Column("evidence", LargeBinary(32), nullable=False),
    Index(None, "decision_key", "number"),
    comment="DenialHonoured",
)

streams = _event(
    "streams",
    Column("stream", BigInteger, nullable=False, unique=True),
    Column("name", Text, nullable=False, unique=True),
    Column("by_account", LargeBinary(20), nullable=False),
    comment="StreamCreated",
)

stream_writers = _event(
    "stream_writers",
    Column("stream", BigInteger, nullable=False, index=True),
    Column("writer", LargeBinary(20), nullable=False),
    *_integers("allowed", comment="1 from here on, or 0 no longer"),
    Column("by_account", LargeBinary(20), nullable=False),
    comment="WriterSet",
)

anchors = _event(
    "anchors",
    *_integers("stream"),
    *_integers("number", comment="of the batch in its stream, from 1"),
    *_integers("records", comment="how many the stream has, this batch included"),
    *_integers("time"),
    Column("root", LargeBinary(32), nullable=False, comment="of the tree over the records"),
    Column("subjects", LargeBinary(32), nullable=False, comment="size, salt and root of the roster, hashed"),
    UniqueConstraint("stream", "number"),
    comment="Anchored",
)

declared_counts = _event(
    "declared_counts",
    *_integers("stream", "period_from"),
    *_integers("period_until", comment="not included"),
    *_integers("count"),
    Column("by_account", LargeBinary(20), nullable=False),
    Index(None, "stream", "period_from"),
    comment="CountDeclared: what the switch counted",
)

stream_holds = _event(
    "stream_holds",
    Column("stream", BigInteger, nullable=False, index=True),
    Column("matter", LargeBinary(32), nullable=False),
    Column("kind", Text, nullable=False),
    CheckConstraint("kind IN ('held', 'released')", name="kind"),
    Column("by_account", LargeBinary(20), nullable=False),
    comment="Held, Released",
)

retentions = _event(
    "retentions",
    Column("stream", BigInteger, nullable=False, index=True),
    Column("class_name", Text, nullable=False),
    *_integers("period", comment="seconds that records are kept"),
    Column("by_account", LargeBinary(20), nullable=False),
    comment="RetentionSet: the last one counts",
)

EVENTS: tuple[Table, ...] = (
    products,
    books_issued,
    books_expired,
    cancellations,
    reports_published,
    report_changes,
    settlements,
    payments,
    premiums,
    withdrawals,
    withholdings,
    terms,
    wallets,
    verifications,
    mandates,
    erasures,
    decisions,
    expiry_caps,
    happenings,
    honours,
    streams,
    stream_writers,
    anchors,
    declared_counts,
    stream_holds,
    retentions,
)
"""Every table of events, in no order that matters."""
