"""What is written here about consents beside the decisions: the notices they refer to, and the names of what
they expire with.
"""

from __future__ import annotations

import time

from sqlalchemy import Connection, insert, select

from troth.store import schema
from troth.store.database import hold

__all__ = ["expiry_event", "has_notice", "save_expiry_event", "save_notice"]


def has_notice(connection: Connection, iri: str) -> bool:
    """Whether the text of a notice is kept here."""
    table = schema.notices
    return connection.execute(select(table.c.iri).where(table.c.iri == iri)).first() is not None


def save_notice(connection: Connection, iri: str, name: str, media_type: str, content: bytes) -> None:
    """Keeps the text of a notice; one kept before stays as it is."""
    # All of them: two files that bring the same notices in another order would wait for each other.
    hold(connection, b"NOTICES")
    if has_notice(connection, iri):
        return
    values = {"iri": iri, "name": name, "media_type": media_type, "content": content}
    connection.execute(insert(schema.notices).values(**values, added_at=int(time.time())))


def expiry_event(connection: Connection, ref_digest: bytes) -> str | None:
    """The IRI of what consents expire with, by the keyed digest of its reference; None if there is none."""
    table = schema.expiry_events
    return connection.execute(select(table.c.iri).where(table.c.ref_digest == ref_digest)).scalar()


def save_expiry_event(connection: Connection, iri: str, ref_digest: bytes) -> str:
    """Keeps the name of one that is new; the name it has, which is another if there was one before."""
    hold(connection, b"EXPIRY")
    if (known := expiry_event(connection, ref_digest)) is not None:
        return known
    values = {"iri": iri, "ref_digest": ref_digest, "created_at": int(time.time())}
    connection.execute(insert(schema.expiry_events).values(values))
    return iri
