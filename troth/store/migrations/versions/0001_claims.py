"""Books, policies, reports, the send journal, and the index of the claims contracts' events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from troth.store.types import Amount, Observed, Total

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


# SQLite counts rowids by itself only for INTEGER.
_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "blocks",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_blocks"),
        comment="Hashes of the newest blocks indexed, by which a reorganisation is recognised.",
    )
    op.create_table(
        "books",
        sa.Column(
            "key",
            _KEY,
            nullable=False,
            comment="this database's own number; the contract's is books_issued.book_id",
        ),
        sa.Column(
            "source",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="digest of what the book was made from",
        ),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False, comment="of the tree of policies"),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("policy_count", sa.BigInteger(), nullable=False),
        sa.Column("sum_insured", Amount(), nullable=False, comment="total"),
        sa.Column("premium", Amount(), nullable=False, comment="total"),
        sa.Column(
            "collateral",
            sa.Integer(),
            nullable=False,
            comment="share of the sum insured held in reserve, basis points",
        ),
        sa.Column("daily_cap", Amount(), nullable=False, comment="payouts a day, 0 for none"),
        sa.Column("cover_from", sa.BigInteger(), nullable=False),
        sa.Column("cover_until", sa.BigInteger(), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False, comment="no automatic payout after it"),
        sa.Column("drafted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_books"),
        sa.UniqueConstraint("root", name="uq_books_root"),
        sa.UniqueConstraint("source", name="uq_books_source"),
        comment="Books written here. Durable, salts included, before their root goes on-chain.",
    )
    op.create_table(
        "books_expired",
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "log",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="index of the log in its block",
        ),
        sa.Column("tx", sa.LargeBinary(length=32), nullable=False),
        sa.Column("book_id", sa.BigInteger(), nullable=False),
        sa.Column("released", Amount(), nullable=False),
        sa.PrimaryKeyConstraint("block", "log", name="pk_books_expired"),
        comment="BookExpired",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_books_expired_book_id", "books_expired", ["book_id"])

    op.create_table(
        "books_issued",
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "log",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="index of the log in its block",
        ),
        sa.Column("tx", sa.LargeBinary(length=32), nullable=False),
        sa.Column("book_id", sa.BigInteger(), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("policy_count", sa.BigInteger(), nullable=False),
        sa.Column("sum_insured", Amount(), nullable=False),
        sa.Column("premium", Amount(), nullable=False),
        sa.Column("reserve", Amount(), nullable=False),
        sa.Column("cover_from", sa.BigInteger(), nullable=False),
        sa.Column("cover_until", sa.BigInteger(), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("block", "log", name="pk_books_issued"),
        sa.UniqueConstraint("book_id", name="uq_books_issued_book_id"),
        comment="BookIssued",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_books_issued_root", "books_issued", ["root"])

    op.create_table(
        "cancellations",
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "log",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="index of the log in its block",
        ),
        sa.Column("tx", sa.LargeBinary(length=32), nullable=False),
        sa.Column("book_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("refund", Amount(), nullable=False),
        sa.PrimaryKeyConstraint("block", "log", name="pk_cancellations"),
        comment="PolicyCancelled",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_cancellations_book_id_number", "cancellations", ["book_id", "number"])

    op.create_table(
        "chain",
        sa.Column("one", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("genesis", sa.LargeBinary(length=32), nullable=False, comment="hash of block 0"),
        sa.Column(
            "policy_books",
            sa.LargeBinary(length=20),
            nullable=False,
            comment="its address, which names the deployment",
        ),
        sa.Column(
            "cursor", sa.BigInteger(), nullable=False, comment="the index holds every event up to this block"
        ),
        sa.CheckConstraint("one = 1", name=op.f("ck_chain_single")),
        sa.PrimaryKeyConstraint("one", name="pk_chain"),
        comment="Which chain and contracts are indexed, and how far. One row.",
    )
    op.create_table(
        "payments",
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "log",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="index of the log in its block",
        ),
        sa.Column("tx", sa.LargeBinary(length=32), nullable=False),
        sa.Column("book_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payee", sa.LargeBinary(length=20), nullable=False),
        sa.Column("amount", Amount(), nullable=False),
        sa.CheckConstraint("kind IN ('paid', 'owed', 'refunded')", name=op.f("ck_payments_kind")),
        sa.PrimaryKeyConstraint("block", "log", name="pk_payments"),
        comment="Paid, Owed, Refunded",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_payments_book_id_number", "payments", ["book_id", "number"])
    op.create_index("ix_payments_payee", "payments", ["payee"])

    op.create_table(
        "premiums",
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "log",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="index of the log in its block",
        ),
        sa.Column("tx", sa.LargeBinary(length=32), nullable=False),
        sa.Column("book_id", sa.BigInteger(), nullable=False),
        sa.Column("payer", sa.LargeBinary(length=20), nullable=False),
        sa.Column("amount", Amount(), nullable=False),
        sa.PrimaryKeyConstraint("block", "log", name="pk_premiums"),
        comment="PremiumCollected",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_premiums_book_id", "premiums", ["book_id"])

    op.create_table(
        "products",
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "log",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="index of the log in its block",
        ),
        sa.Column("tx", sa.LargeBinary(length=32), nullable=False),
        sa.Column("product_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("metric", sa.LargeBinary(length=32), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column(
            "tiers", sa.JSON(), nullable=False, comment="[[threshold, basis points], …], mildest first"
        ),
        sa.CheckConstraint("direction IN ('at_least', 'at_most')", name=op.f("ck_products_direction")),
        sa.PrimaryKeyConstraint("block", "log", name="pk_products"),
        sa.UniqueConstraint("product_id", name="uq_products_product_id"),
        comment="ProductRegistered",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_products_name", "products", ["name"])

    op.create_table(
        "report_changes",
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "log",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="index of the log in its block",
        ),
        sa.Column("tx", sa.LargeBinary(length=32), nullable=False),
        sa.Column("report_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("challenger", sa.LargeBinary(length=20), nullable=True, comment="challenged: by whom"),
        sa.Column(
            "reason",
            sa.LargeBinary(length=32),
            nullable=True,
            comment="challenged: hash or code of the grounds",
        ),
        sa.Column("final_at", sa.BigInteger(), nullable=True, comment="upheld: when it counts"),
        sa.Column(
            "replaced_by", sa.BigInteger(), nullable=True, comment="replaced: the report that supersedes it"
        ),
        sa.CheckConstraint(
            "kind IN ('challenged', 'upheld', 'replaced')", name=op.f("ck_report_changes_kind")
        ),
        sa.PrimaryKeyConstraint("block", "log", name="pk_report_changes"),
        comment="ReportChallenged, ReportUpheld, ReportReplaced",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_report_changes_report_id", "report_changes", ["report_id"])

    op.create_table(
        "reports",
        sa.Column(
            "key", _KEY, nullable=False, comment="this database's own number; the contract's is report_id"
        ),
        sa.Column(
            "metric", sa.LargeBinary(length=32), nullable=False, comment="UTF-8, right-padded, as on-chain"
        ),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False, comment="of the tree of observations"),
        sa.Column("count", sa.BigInteger(), nullable=False, comment="of observations"),
        sa.Column("period_start", sa.BigInteger(), nullable=False),
        sa.Column("period_end", sa.BigInteger(), nullable=False),
        sa.Column("replaces", sa.BigInteger(), nullable=False, comment="report_id superseded, 0 for none"),
        sa.Column("drafted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_reports"),
        sa.UniqueConstraint(
            "root", "metric", "count", "period_start", "period_end", "replaces", name="uq_reports_data"
        ),
        comment="Reports written here.",
    )
    op.create_table(
        "reports_published",
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "log",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="index of the log in its block",
        ),
        sa.Column("tx", sa.LargeBinary(length=32), nullable=False),
        sa.Column("report_id", sa.BigInteger(), nullable=False),
        sa.Column("metric", sa.LargeBinary(length=32), nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("period_start", sa.BigInteger(), nullable=False),
        sa.Column("period_end", sa.BigInteger(), nullable=False),
        sa.Column("replaces", sa.BigInteger(), nullable=False),
        sa.Column("final_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("block", "log", name="pk_reports_published"),
        sa.UniqueConstraint("report_id", name="uq_reports_published_report_id"),
        comment="ReportPublished",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_reports_published_root", "reports_published", ["root"])

    op.create_table(
        "settlements",
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "log",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="index of the log in its block",
        ),
        sa.Column("tx", sa.LargeBinary(length=32), nullable=False),
        sa.Column("book_id", sa.BigInteger(), nullable=False),
        sa.Column("report_id", sa.BigInteger(), nullable=False),
        sa.Column("settled", sa.BigInteger(), nullable=False, comment="policies paid or owed by this call"),
        sa.Column("skipped", sa.BigInteger(), nullable=False, comment="policies settled before"),
        sa.Column("amount", Total(), nullable=False),
        sa.PrimaryKeyConstraint("block", "log", name="pk_settlements"),
        comment="Settled: one row for each batch",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_settlements_book_id", "settlements", ["book_id"])

    op.create_table(
        "transactions",
        sa.Column("key", _KEY, nullable=False, comment="in the order of signing"),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sender", sa.LargeBinary(length=20), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False, comment="what it is for"),
        sa.Column(
            "raw",
            sa.LargeBinary(),
            nullable=False,
            comment="the signed bytes: can be sent again, to the same effect",
        ),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("signed_at", sa.BigInteger(), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=True),
        sa.Column("block_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("gas_used", sa.BigInteger(), nullable=True),
        sa.Column("gas_price", Total(), nullable=True, comment="wei paid for a unit of gas"),
        sa.Column("contract", sa.LargeBinary(length=20), nullable=True, comment="address created"),
        sa.Column("reason", sa.Text(), nullable=True, comment="why it was dropped"),
        sa.CheckConstraint(
            "state IN ('signed', 'mined', 'reverted', 'dropped')", name=op.f("ck_transactions_state")
        ),
        sa.PrimaryKeyConstraint("key", name="pk_transactions"),
        sa.UniqueConstraint("hash", name="uq_transactions_hash"),
        comment="The send journal. Stored before sending; of several with one nonce, one is mined.",
    )
    op.create_index("ix_transactions_sender_nonce", "transactions", ["sender", "nonce"])
    op.create_index(
        "ix_transactions_unfinished",
        "transactions",
        ["key"],
        sqlite_where=sa.text("state = 'signed'"),
        postgresql_where=sa.text("state = 'signed'"),
    )

    op.create_table(
        "withdrawals",
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "log",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="index of the log in its block",
        ),
        sa.Column("tx", sa.LargeBinary(length=32), nullable=False),
        sa.Column("payee", sa.LargeBinary(length=20), nullable=False),
        sa.Column("recipient", sa.LargeBinary(length=20), nullable=False),
        sa.Column("amount", Total(), nullable=False),
        sa.PrimaryKeyConstraint("block", "log", name="pk_withdrawals"),
        comment="OwedWithdrawn: money owed that has reached its payee",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_withdrawals_payee", "withdrawals", ["payee"])

    op.create_table(
        "observations",
        sa.Column("report_key", _KEY, nullable=False),
        sa.Column(
            "position",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="in order of (value, risk), from 0",
        ),
        sa.Column("risk", sa.Text(), nullable=False),
        sa.Column("value", Observed(), nullable=False, comment="in the metric's unit"),
        sa.ForeignKeyConstraint(
            ["report_key"], ["reports.key"], name="fk_observations_report_key", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("report_key", "position", name="pk_observations"),
        comment="What the reports say of each risk.",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_observations_report_key_risk", "observations", ["report_key", "risk"])

    op.create_table(
        "policies",
        sa.Column("book_key", _KEY, nullable=False),
        sa.Column(
            "number",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="position in the book, from 0",
        ),
        sa.Column("policy_ref", sa.Text(), nullable=False, comment="the insurer's own reference"),
        sa.Column("risk", sa.Text(), nullable=False),
        sa.Column("payee", sa.LargeBinary(length=20), nullable=False),
        sa.Column("sum_insured", Amount(), nullable=False),
        sa.Column("premium", Amount(), nullable=False),
        sa.Column(
            "salt",
            sa.LargeBinary(length=16),
            nullable=False,
            comment="blinds policy_ref on-chain; lost, the leaf is lost",
        ),
        sa.ForeignKeyConstraint(["book_key"], ["books.key"], name="fk_policies_book_key", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("book_key", "number", name="pk_policies"),
        comment="Policies of the books written here.",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_policies_book_key_risk", "policies", ["book_key", "risk"])
    op.create_index("ix_policies_policy_ref", "policies", ["policy_ref"])
