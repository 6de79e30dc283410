"""What exports of consents need beside the decisions."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from troth.store import schema

__all__ = ["appointed", "decision_count", "notice_titles"]


def notice_titles(connection: Connection) -> dict[str, str]:
    """What the notices kept here are called, by IRI."""
    notices = schema.notices.c
    return {row.iri: row.name for row in connection.execute(select(notices.iri, notices.name))}


def appointed(connection: Connection, subject: bytes | None = None) -> frozenset[tuple[bytes, bytes]]:
    """Subjects, and the accounts ever appointed to speak for them: of one subject, or of all."""
    table = schema.mandates
    statement = select(table.c.subject, table.c.representative).where(table.c.kind == "appointed").distinct()
    if subject is not None:
        statement = statement.where(table.c.subject == subject)
    return frozenset((of, account) for of, account in connection.execute(statement))


def decision_count(connection: Connection, subject: bytes | None = None) -> int:
    """How many decisions are on record, of one subject or of all."""
    statement = select(func.count()).select_from(schema.decisions)
    if subject is not None:
        statement = statement.where(schema.decisions.c.subject == subject)
    return int(connection.execute(statement).scalar_one())
