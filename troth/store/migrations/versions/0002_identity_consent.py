"""Subjects, evidence, imports, and the index of the identity and consent contracts' events; what products
require of payees.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


# SQLite counts rowids by itself only for INTEGER.
_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes the tables, and the columns of what products require, nothing where they are on record."""
    _make_written()
    _make_identity()
    _make_consent()
    _make_claims()


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
        "subjects",
        sa.Column(
            "subject",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="random, never derived from a person",
        ),
        sa.Column(
            "sealed_key",
            sa.LargeBinary(),
            nullable=True,
            comment="their data key, wrapped; gone, all that it sealed is gone",
        ),
        sa.Column(
            "ref_digest",
            sa.LargeBinary(length=32),
            nullable=True,
            comment="keyed digest of the customer reference",
        ),
        sa.Column(
            "sealed_ref",
            sa.LargeBinary(),
            nullable=True,
            comment="the customer reference, sealed by their data key",
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("erased_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("subject", name="pk_subjects"),
        sa.UniqueConstraint("ref_digest", name="uq_subjects_ref_digest"),
        comment="Subjects made here, and the only link from them to persons.",
        sqlite_with_rowid=False,
    )

    op.create_table(
        "evidences",
        sa.Column("evidence", sa.LargeBinary(length=32), nullable=False, comment="the word on the chain"),
        sa.Column("subject", sa.LargeBinary(length=32), nullable=False),
        sa.Column(
            "sealed",
            sa.LargeBinary(),
            nullable=True,
            comment="salt and content, sealed by the subject's data key",
        ),
        sa.Column("drafted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("evidence", name="pk_evidences"),
        comment="What shows the subjects' word. Durable, salts included, before its digest goes on-chain.",
    )
    op.create_index("ix_evidences_subject", "evidences", ["subject"])

    op.create_table(
        "notices",
        sa.Column("iri", sa.Text(), nullable=False, comment="the term that stands for it"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("iri", name="pk_notices"),
        comment="Privacy notices, as they were shown.",
    )

    op.create_table(
        "imports",
        sa.Column("key", _KEY, nullable=False),
        sa.Column(
            "source",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="digest of what the import was made from",
        ),
        sa.Column("name", sa.Text(), nullable=False, comment="of the file"),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("drafted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_imports"),
        sa.UniqueConstraint("source", name="uq_imports_source"),
        comment="Files of decisions imported here.",
    )

    op.create_table(
        "import_rows",
        sa.Column("import_key", _KEY, nullable=False),
        sa.Column(
            "position",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="in order of the file, from 0",
        ),
        sa.Column("subject", sa.LargeBinary(length=32), nullable=False),
        sa.Column(
            "entry",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="the word sent to the consent registry",
        ),
        sa.Column(
            "evidence",
            sa.LargeBinary(length=32),
            nullable=False,
            comment="unlike any other, so that it shows what went out",
        ),
        sa.ForeignKeyConstraint(
            ["import_key"], ["imports.key"], name="fk_import_rows_import_key", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("import_key", "position", name="pk_import_rows"),
        comment="Decisions of the imports, durable before any is sent.",
        sqlite_with_rowid=False,
    )

    op.create_table(
        "expiry_events",
        sa.Column("iri", sa.Text(), nullable=False, comment="the term that stands for it, random"),
        sa.Column(
            "ref_digest", sa.LargeBinary(length=32), nullable=False, comment="keyed digest of its reference"
        ),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("iri", name="pk_expiry_events"),
        sa.UniqueConstraint("ref_digest", name="uq_expiry_events_ref_digest"),
        comment="What consents are to expire with, as the closing of a claim: its name here and on-chain.",
    )


def _make_identity() -> None:
    """What Subjects and the vocabulary said."""
    op.create_table(
        "terms",
        *_place(),
        sa.Column("term", sa.BigInteger(), nullable=False),
        sa.Column("iri", sa.Text(), nullable=False, comment="what is no UTF-8, NUL and \\ escaped"),
        sa.PrimaryKeyConstraint("block", "log", name="pk_terms"),
        sa.UniqueConstraint("iri", name="uq_terms_iri"),
        sa.UniqueConstraint("term", name="uq_terms_term"),
        comment="TermDefined",
        sqlite_with_rowid=False,
    )

    op.create_table(
        "wallets",
        *_place(),
        sa.Column("subject", sa.LargeBinary(length=32), nullable=False),
        sa.Column("wallet", sa.LargeBinary(length=20), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("by_account", sa.LargeBinary(length=20), nullable=False),
        sa.CheckConstraint("kind IN ('bound', 'unbound')", name=op.f("ck_wallets_kind")),
        sa.PrimaryKeyConstraint("block", "log", name="pk_wallets"),
        comment="WalletBound, WalletUnbound",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_wallets_subject", "wallets", ["subject"])
    op.create_index("ix_wallets_wallet", "wallets", ["wallet"])

    op.create_table(
        "verifications",
        *_place(),
        sa.Column("subject", sa.LargeBinary(length=32), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("level", sa.BigInteger(), nullable=False),
        sa.Column(
            "account", sa.LargeBinary(length=20), nullable=False, comment="the verifier, or who revoked"
        ),
        sa.Column("expires", sa.BigInteger(), nullable=True, comment="verified: 0 for never"),
        sa.Column(
            "evidence",
            sa.LargeBinary(length=32),
            nullable=True,
            comment="verified: salted hash of what was checked",
        ),
        sa.CheckConstraint("kind IN ('verified', 'revoked')", name=op.f("ck_verifications_kind")),
        sa.PrimaryKeyConstraint("block", "log", name="pk_verifications"),
        comment="SubjectVerified, VerificationRevoked",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_verifications_subject", "verifications", ["subject"])

    op.create_table(
        "mandates",
        *_place(),
        sa.Column("subject", sa.LargeBinary(length=32), nullable=False),
        sa.Column("representative", sa.LargeBinary(length=20), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("by_account", sa.LargeBinary(length=20), nullable=False),
        sa.Column("capacity", sa.BigInteger(), nullable=True, comment="appointed, as all that follows"),
        sa.Column("expires", sa.BigInteger(), nullable=True, comment="0 for never"),
        sa.Column("purpose", sa.BigInteger(), nullable=True, comment="term, 0 for all"),
        sa.Column("recipient", sa.BigInteger(), nullable=True, comment="term, 0 for all"),
        sa.Column("category", sa.BigInteger(), nullable=True, comment="term, 0 for all"),
        sa.Column(
            "evidence",
            sa.LargeBinary(length=32),
            nullable=True,
            comment="salted hash of what shows the authority",
        ),
        sa.CheckConstraint("kind IN ('appointed', 'dismissed')", name=op.f("ck_mandates_kind")),
        sa.PrimaryKeyConstraint("block", "log", name="pk_mandates"),
        comment="RepresentativeAppointed, RepresentativeDismissed",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_mandates_representative", "mandates", ["representative"])
    op.create_index("ix_mandates_subject", "mandates", ["subject"])

    op.create_table(
        "erasures",
        *_place(),
        sa.Column("subject", sa.LargeBinary(length=32), nullable=False),
        sa.Column("by_account", sa.LargeBinary(length=20), nullable=False),
        sa.Column("erased_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("block", "log", name="pk_erasures"),
        sa.UniqueConstraint("subject", name="uq_erasures_subject"),
        comment="SubjectErased",
        sqlite_with_rowid=False,
    )


def _make_consent() -> None:
    """What the consent registry said."""
    op.create_table(
        "decisions",
        *_place(),
        sa.Column("subject", sa.LargeBinary(length=32), nullable=False),
        sa.Column("purpose", sa.BigInteger(), autoincrement=False, nullable=False, comment="term, 0 for all"),
        sa.Column(
            "recipient", sa.BigInteger(), autoincrement=False, nullable=False, comment="term, 0 for all"
        ),
        sa.Column(
            "category", sa.BigInteger(), autoincrement=False, nullable=False, comment="term, 0 for all"
        ),
        sa.Column(
            "number", sa.BigInteger(), autoincrement=False, nullable=False, comment="from 1 on each key"
        ),
        sa.Column("state", sa.BigInteger(), nullable=False),
        sa.Column("basis", sa.BigInteger(), nullable=False),
        sa.Column("method", sa.BigInteger(), nullable=False),
        sa.Column("effective", sa.BigInteger(), nullable=False),
        sa.Column("recorded", sa.BigInteger(), nullable=False),
        sa.Column(
            "expires",
            sa.BigInteger(),
            nullable=False,
            comment="0 for never, and for one that expires by event",
        ),
        sa.Column("expiry_event", sa.BigInteger(), nullable=False, comment="term, 0 for none"),
        sa.Column("notice", sa.BigInteger(), nullable=False, comment="term, 0 for none"),
        sa.Column("jurisdiction", sa.BigInteger(), nullable=False, comment="term, 0 for none"),
        sa.Column("corrects", sa.BigInteger(), nullable=False, comment="number on the same key, 0 for none"),
        sa.Column("recorder", sa.LargeBinary(length=20), nullable=False),
        sa.Column("evidence", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("subject", "purpose", "recipient", "category", "number", name="pk_decisions"),
        comment="DecisionRecorded",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_decisions_block", "decisions", ["block"])
    op.create_index("ix_decisions_evidence", "decisions", ["evidence"])

    op.create_table(
        "expiry_caps",
        *_place(),
        sa.Column("jurisdiction", sa.BigInteger(), nullable=False, comment="term, 0 for none"),
        sa.Column("purpose", sa.BigInteger(), nullable=False, comment="term, 0 for none"),
        sa.Column(
            "cap", sa.BigInteger(), nullable=False, comment="seconds that a grant may last, 0 for no cap"
        ),
        sa.PrimaryKeyConstraint("block", "log", name="pk_expiry_caps"),
        comment="ExpiryCapSet",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_expiry_caps_jurisdiction_purpose", "expiry_caps", ["jurisdiction", "purpose"])

    op.create_table(
        "happenings",
        *_place(),
        sa.Column("term", sa.BigInteger(), nullable=False),
        sa.Column("effective", sa.BigInteger(), nullable=False),
        sa.Column("recorded", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("block", "log", name="pk_happenings"),
        sa.UniqueConstraint("term", name="uq_happenings_term"),
        comment="ExpiryEventHappened",
        sqlite_with_rowid=False,
    )

    op.create_table(
        "honours",
        *_place(),
        sa.Column("subject", sa.LargeBinary(length=32), nullable=False),
        sa.Column("decision_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False, comment="of the denial on its key"),
        sa.Column("honoured_by", sa.BigInteger(), nullable=False, comment="term of the recipient"),
        sa.Column("honoured_at", sa.BigInteger(), nullable=False),
        sa.Column("evidence", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("block", "log", name="pk_honours"),
        comment="DenialHonoured",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_honours_decision_key_number", "honours", ["decision_key", "number"])
    op.create_index("ix_honours_subject", "honours", ["subject"])


def _make_claims() -> None:
    """What claims ask of a payee, and who was found wanting."""
    op.create_table(
        "withholdings",
        *_place(),
        sa.Column("book_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("payee", sa.LargeBinary(length=20), nullable=False),
        sa.PrimaryKeyConstraint("block", "log", name="pk_withholdings"),
        comment="Withheld: claims not paid for want of what their product requires of the payee",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_withholdings_book_id_number", "withholdings", ["book_id", "number"])

    for name, comment in (
        ("verification", "level that a payee must have, 0 for none"),
        ("purpose", "term of the consent a payee must have given, 0 for none"),
        ("recipient", "term of that consent, 0 for all"),
        ("category", "term of that consent, 0 for all"),
    ):
        op.add_column(
            "products",
            sa.Column(name, sa.BigInteger(), server_default=sa.text("0"), nullable=False, comment=comment),
        )
