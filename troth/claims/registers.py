"""The registers: every book and every report on the chain, as the contracts hold them now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum

from sqlalchemy import select

from troth.claims.keys import bytes32_to_text
from troth.office import Office
from troth.store import schema
from troth.store.books import list_books
from troth.store.products import list_products
from troth.store.reports import list_reports

__all__ = ["BookEntry", "ReportEntry", "Standing", "books", "reports"]


class Standing(Enum):
    """Where a report stands."""

    PUBLISHED = "published"
    """Signed; its challenge period runs."""
    FINAL = "final"
    """It counts."""
    CHALLENGED = "challenged"
    """Disputed: it counts once an arbiter upholds or replaces it."""
    REPLACED = "replaced"
    """Superseded by another."""


@dataclass(frozen=True)
class BookEntry:
    """A book on the chain. Amounts in base units."""

    book: int
    product: str
    """Name and version, as "delay 2"."""
    policies: int
    sum_insured: int
    premium: int
    collateral: int
    """Share of the sum insured reserved, in basis points."""
    outstanding: int
    """Sum insured of policies neither settled nor cancelled."""
    reserve: int
    """Of it, what the pool still holds in reserve."""
    paid: int
    """By settlement, owed included."""
    daily_cap: int
    """Most to be paid in a UTC day, 0 for no cap."""
    cover_from: datetime
    cover_until: datetime
    deadline: datetime
    expired: bool
    """Whether the deadline has passed."""
    written_here: bool
    """Whether its policies are in this database; else nobody can settle it from here."""


@dataclass(frozen=True)
class ReportEntry:
    """A report on the chain."""

    report: int
    metric: str
    """As products name it; hex where it is no text."""
    observations: int
    period_start: datetime
    period_end: datetime
    status: Standing
    final_at: datetime
    replaces: int | None
    replaced_by: int | None
    written_here: bool
    """Whether its observations are in this database."""


def books(office: Office) -> list[BookEntry]:
    """Every book, by number, as far as the index has read."""
    office.sync()
    with office.store.reading() as connection:
        rows = connection.execute(select(schema.books_issued).order_by(schema.books_issued.c.book_id)).all()
        ours = {book.book_id for book in list_books(connection)}
        names = {row.product_id: f"{row.name} {row.version}" for row in list_products(connection)}
    states = office.contract("PolicyBooks").call_many([("book", (row.book_id,)) for row in rows])
    now = office.now()
    return [
        BookEntry(
            book=row.book_id,
            product=names.get(row.product_id, f"number {row.product_id}"),
            policies=row.policy_count,
            sum_insured=row.sum_insured,
            premium=row.premium,
            collateral=state.collateral,
            outstanding=state.outstanding,
            reserve=state.reserve,
            paid=state.paid,
            daily_cap=state.dailyCap,
            cover_from=_time(state.coverFrom),
            cover_until=_time(state.coverUntil),
            deadline=_time(state.deadline),
            expired=now > _time(state.deadline),
            written_here=row.book_id in ours,
        )
        for row, state in zip(rows, states, strict=True)
    ]


def reports(office: Office) -> list[ReportEntry]:
    """Every report, by number, as far as the index has read."""
    office.sync()
    published = schema.reports_published
    with office.store.reading() as connection:
        rows = connection.execute(select(published).order_by(published.c.report_id)).all()
        ours = {report.report_id for report in list_reports(connection)}
    contract = office.contract("OracleReports")
    states = contract.call_many([("report", (row.report_id,)) for row in rows])
    finals = contract.call_many([("isFinal", (row.report_id,)) for row in rows])
    return [
        ReportEntry(
            report=row.report_id,
            metric=_text(row.metric),
            observations=row._mapping["count"],
            period_start=_time(row.period_start),
            period_end=_time(row.period_end),
            status=Standing.FINAL if final else _STANDINGS[state.status],
            final_at=_time(state.finalAt),
            replaces=row.replaces or None,
            replaced_by=state.replacedBy or None,
            written_here=row.report_id in ours,
        )
        for row, state, final in zip(rows, states, finals, strict=True)
    ]


_STANDINGS = {1: Standing.PUBLISHED, 2: Standing.CHALLENGED, 3: Standing.REPLACED}  # IOracleReports.Status


def _time(seconds: int) -> datetime:
    """A moment from Unix seconds."""
    return datetime.fromtimestamp(seconds, timezone.utc)


def _text(word: bytes) -> str:
    """A metric as text, or as hex if somebody else made it of anything."""
    try:
        return bytes32_to_text(word)
    except ValueError:
        return f"0x{word.hex()}"
