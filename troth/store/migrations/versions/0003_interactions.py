"""Queues of interactions, their batches, and the index of the streams' events."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables."""
    _make_written()
    _make_streams()


def _place() -> tuple[sa.Column[int], sa.Column[int], sa.Column[bytes]]:
    """The columns every event has."""
    return (
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "log",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="index of the log in its block",
        ),
        sa.Column("tx", sa.LargeBinary(length=32), nullable=False),
    )


def _make_written() -> None:
    """What this insurer wrote."""
    op.create_table(
        "queues",
        sa.Column("stream", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "accepted",
            sa.BigInteger(),
            nullable=False,
            comment="interactions from here on are drafts, not accepted",
        ),
        sa.Column("turn", sa.BigInteger(), nullable=False, comment="how often a session has taken the queue"),
        sa.PrimaryKeyConstraint("stream", name="pk_queues"),
        comment="How far each stream has been accepted.",
    )

    op.create_table(
        "interactions",
        sa.Column("stream", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "position",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="index in the stream, from 0",
        ),
        sa.Column(
            "source", sa.LargeBinary(length=16), nullable=False, comment="keyed digest of the id it came with"
        ),
        sa.Column("subject", sa.LargeBinary(length=32), nullable=False),
        sa.Column(
            "number", sa.BigInteger(), nullable=False, comment="of the subject's in the stream, from 1"
        ),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "record",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="root of its field tree: what is anchored",
        ),
        sa.Column(
            "sealed",
            sa.LargeBinary(),
            nullable=True,
            comment="secret and bytes as received, sealed; gone once erased",
        ),
        sa.Column("amends", sa.BigInteger(), nullable=True, comment="position of the interaction it amends"),
        sa.CheckConstraint("kind IN ('vcon', 'cdr', 'json', 'erasure')", name=op.f("ck_interactions_kind")),
        sa.PrimaryKeyConstraint("stream", "position", name="pk_interactions"),
        sa.UniqueConstraint("stream", "source", name="uq_interactions_stream_source"),
        comment="What was said and done.",
    )
    op.create_index("ix_interactions_stream_start", "interactions", ["stream", "start"], unique=False)
    op.create_index(
        "ix_interactions_subject_stream_number", "interactions", ["subject", "stream", "number"], unique=True
    )

    op.create_table(
        "closed_batches",
        sa.Column("stream", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False, comment="from 1"),
        sa.Column("first", sa.BigInteger(), nullable=False, comment="position of its first interaction"),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column(
            "secret", sa.LargeBinary(length=32), nullable=False, comment="blinds the subjects in its roster"
        ),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False, comment="of the tree over the records"),
        sa.Column(
            "subjects",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="size, salt and root of the roster, hashed",
        ),
        sa.Column("closed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stream", "number", name="pk_closed_batches"),
        comment="Batches, durable before they are anchored.",
    )


def _make_streams() -> None:
    """What the streams said."""
    op.create_table(
        "anchors",
        *_place(),
        sa.Column("stream", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False, comment="of the batch in its stream, from 1"),
        sa.Column(
            "records", sa.BigInteger(), nullable=False, comment="how many the stream has, this batch included"
        ),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False, comment="of the tree over the records"),
        sa.Column(
            "subjects",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="size, salt and root of the roster, hashed",
        ),
        sa.PrimaryKeyConstraint("block", "log", name="pk_anchors"),
        sa.UniqueConstraint("stream", "number", name="uq_anchors_stream_number"),
        comment="Anchored",
        sqlite_with_rowid=False,
    )

    op.create_table(
        "declared_counts",
        *_place(),
        sa.Column("stream", sa.BigInteger(), nullable=False),
        sa.Column("period_from", sa.BigInteger(), nullable=False),
        sa.Column("period_until", sa.BigInteger(), nullable=False, comment="not included"),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("by_account", sa.LargeBinary(length=20), nullable=False),
        sa.PrimaryKeyConstraint("block", "log", name="pk_declared_counts"),
        comment="CountDeclared: what the switch counted",
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_declared_counts_stream_period_from", "declared_counts", ["stream", "period_from"], unique=False
    )

    op.create_table(
        "retentions",
        *_place(),
        sa.Column("stream", sa.BigInteger(), nullable=False),
        sa.Column("class_name", sa.Text(), nullable=False),
        sa.Column("period", sa.BigInteger(), nullable=False, comment="seconds that records are kept"),
        sa.Column("by_account", sa.LargeBinary(length=20), nullable=False),
        sa.PrimaryKeyConstraint("block", "log", name="pk_retentions"),
        comment="RetentionSet: the last one counts",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_retentions_stream", "retentions", ["stream"], unique=False)

    op.create_table(
        "stream_holds",
        *_place(),
        sa.Column("stream", sa.BigInteger(), nullable=False),
        sa.Column("matter", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("by_account", sa.LargeBinary(length=20), nullable=False),
        sa.CheckConstraint("kind IN ('held', 'released')", name=op.f("ck_stream_holds_kind")),
        sa.PrimaryKeyConstraint("block", "log", name="pk_stream_holds"),
        comment="Held, Released",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_stream_holds_stream", "stream_holds", ["stream"], unique=False)

    op.create_table(
        "stream_writers",
        *_place(),
        sa.Column("stream", sa.BigInteger(), nullable=False),
        sa.Column("writer", sa.LargeBinary(length=20), nullable=False),
        sa.Column("allowed", sa.BigInteger(), nullable=False, comment="1 from here on, or 0 no longer"),
        sa.Column("by_account", sa.LargeBinary(length=20), nullable=False),
        sa.PrimaryKeyConstraint("block", "log", name="pk_stream_writers"),
        comment="WriterSet",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_stream_writers_stream", "stream_writers", ["stream"], unique=False)

    op.create_table(
        "streams",
        *_place(),
        sa.Column("stream", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("by_account", sa.LargeBinary(length=20), nullable=False),
        sa.PrimaryKeyConstraint("block", "log", name="pk_streams"),
        sa.UniqueConstraint("name", name="uq_streams_name"),
        sa.UniqueConstraint("stream", name="uq_streams_stream"),
        comment="StreamCreated",
        sqlite_with_rowid=False,
    )
