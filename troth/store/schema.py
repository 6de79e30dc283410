"""The tables. What this insurer wrote (books, policies, reports, transactions) is here alone and must be
backed up; what the contracts said (the index) can be read again from the chain at any time.

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


def _event(name: str, *columns: Column[Any] | Index | CheckConstraint, comment: str) -> Table:
    """A table of one kind of event, keyed by where on the chain it happened."""
    return Table(
        name,
        metadata,
        Column("block", BigInteger, primary_key=True, autoincrement=False),
        Column(
            "log", BigInteger, primary_key=True, autoincrement=False, comment="index of the log in its block"
        ),
        Column("tx", LargeBinary(32), nullable=False),
        *columns,
        sqlite_with_rowid=False,  # a reorganisation deletes one range of the key
        comment=comment,
    )


products = _event(
    "products",
    Column("product_id", BigInteger, nullable=False, unique=True),
    Column("name", Text, nullable=False, index=True),
    Column("version", BigInteger, nullable=False),
    Column("metric", LargeBinary(32), nullable=False),
    Column("direction", Text, nullable=False),
    CheckConstraint("direction IN ('at_least', 'at_most')", name="direction"),
    Column("tiers", JSON, nullable=False, comment="[[threshold, basis points], …], mildest first"),
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
)
"""Every table of events, in no order that matters."""
