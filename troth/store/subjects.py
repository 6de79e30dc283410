"""Subjects and evidence, as this insurer wrote them: ciphertext, keyed digests and times, nothing readable.

What is erased is overwritten: SQLite fills what it frees with zeros (`secure_delete`), and `overwrite` sees
to copies in its write-ahead log and in unused parts of its pages. PostgreSQL drops old versions of a row when
it vacuums, and from its log when that is recycled; until then they are ciphertext whose key lies beside them,
wrapped by a key that is not in the database.
"""

from __future__ import annotations

import mmap
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, Table, delete, select, update

from troth.errors import DatabaseFailed
from troth.store import schema
from troth.store.database import BUSY_SECONDS, Store, hold, in_parts, insert_rows

__all__ = [
    "EvidenceRow",
    "SubjectRow",
    "add_evidences",
    "add_subjects",
    "any_sealed_key",
    "destroy",
    "erased_on_chain",
    "events_of",
    "evidences_of",
    "find_evidence",
    "find_subject",
    "find_subjects",
    "forget_reference",
    "hold_creation",
    "overwrite",
    "subjects_by_digest",
]

_PATIENCE: float = BUSY_SECONDS  # that others may keep the database: writers are waited for here too
_TRY_SECONDS = 1.0
_POLL_SECONDS = 0.05
_TRACE = 16


class SubjectRow(NamedTuple):
    """A subject. Times in Unix seconds; what is None was never there or has been destroyed."""

    subject: bytes
    sealed_key: bytes | None
    ref_digest: bytes | None
    sealed_ref: bytes | None
    created_at: int
    erased_at: int | None = None


class EvidenceRow(NamedTuple):
    """Evidence under the word that the chain has of it; `sealed` is None once it is destroyed."""

    evidence: bytes
    subject: bytes
    sealed: bytes | None
    drafted_at: int


def any_sealed_key(connection: Connection) -> tuple[bytes, bytes] | None:
    """Some subject and its wrapped data key, to try a key-encryption key on; None where there are none."""
    table = schema.subjects.c
    row = connection.execute(
        select(table.subject, table.sealed_key).where(table.sealed_key.is_not(None)).limit(1)
    ).first()
    return None if row is None else (row[0], row[1])


def hold_creation(connection: Connection) -> None:
    """Lets no other transaction add subjects until this one ends."""
    hold(connection, b"SUBJECT")


def add_subjects(connection: Connection, rows: Iterable[SubjectRow]) -> None:
    """Saves new subjects. Hold the creation first, and see that their references are new."""
    insert_rows(connection, schema.subjects, rows)


def find_subject(connection: Connection, subject: bytes) -> SubjectRow | None:
    """A subject, None if this database knows none by that id."""
    return next(iter(find_subjects(connection, [subject])), None)


def find_subjects(
    connection: Connection, subjects: Iterable[bytes], *, held: bool = False
) -> Iterator[SubjectRow]:
    """Those of `subjects` that this database knows, in no order.

    With `held`, in a writing transaction, none of them is erased before it ends.
    """
    wanted = select(schema.subjects)
    if held:
        wanted = wanted.with_for_update(read=True)
    for part in in_parts(subjects):
        rows = connection.execute(wanted.where(schema.subjects.c.subject.in_(part))).all()
        yield from map(SubjectRow._make, rows)


def subjects_by_digest(connection: Connection, digests: Iterable[bytes]) -> dict[bytes, bytes]:
    """Subject by the digest of its customer reference, where there is one."""
    table = schema.subjects.c
    found: dict[bytes, bytes] = {}
    for part in in_parts(digests):
        rows = connection.execute(select(table.ref_digest, table.subject).where(table.ref_digest.in_(part)))
        found.update((digest, subject) for digest, subject in rows)
    return found


def erased_on_chain(connection: Connection, subjects: Iterable[bytes]) -> set[bytes]:
    """Those of `subjects` that the chain calls erased, as far as the index has read."""
    table = schema.erasures.c
    found: set[bytes] = set()
    for part in in_parts(subjects):
        found.update(connection.execute(select(table.subject).where(table.subject.in_(part))).scalars())
    return found


def events_of(connection: Connection, table: Table, subject: bytes) -> list[Row[Any]]:
    """What the contracts said of a subject, of one kind, in order; whole rows of the index."""
    return list(
        connection.execute(
            select(table).where(table.c.subject == subject).order_by(table.c.block, table.c.log)
        )
    )


def add_evidences(connection: Connection, rows: Iterable[EvidenceRow]) -> None:
    """Saves evidence. Send its words only after the transaction has ended."""
    insert_rows(connection, schema.evidences, rows)


def find_evidence(connection: Connection, evidence: bytes) -> EvidenceRow | None:
    """The evidence under a word, None if none was written here."""
    return next(_evidences(connection, schema.evidences.c.evidence == evidence), None)


def evidences_of(connection: Connection, subject: bytes) -> list[EvidenceRow]:
    """Every evidence about a subject, oldest first, destroyed or not."""
    return list(_evidences(connection, schema.evidences.c.subject == subject))


def destroy(connection: Connection, subject: bytes, at: int) -> list[bytes]:
    """Destroys a subject's data key, reference and evidence, and its rows of imports; its id stays, erased.

    What is left is the digest by which the reference is found: `forget_reference` takes that too. Returns
    what `overwrite` is to make sure of.
    """
    _delete_securely(connection)
    table = schema.subjects
    found = find_subject(connection, subject)
    emptied = {"sealed_key": None, "sealed_ref": None, "erased_at": at}
    connection.execute(update(table).where(table.c.subject == subject).values(emptied))
    connection.execute(
        update(schema.evidences).where(schema.evidences.c.subject == subject).values(sealed=None)
    )
    connection.execute(delete(schema.import_rows).where(schema.import_rows.c.subject == subject))
    return [] if found is None else [one for one in (found.sealed_key, found.sealed_ref) if one]


def forget_reference(connection: Connection, subject: bytes) -> list[bytes]:
    """Destroys the digest of an erased subject's reference: nothing finds the subject by it any more.

    Returns what `overwrite` is to make sure of.
    """
    _delete_securely(connection)
    table = schema.subjects
    found = find_subject(connection, subject)
    connection.execute(update(table).where(table.c.subject == subject).values(ref_digest=None))
    return [] if found is None or found.ref_digest is None else [found.ref_digest]


def overwrite(store: Store, traces: Sequence[bytes] | None) -> None:
    """Makes sure that SQLite's files hold none of the `traces` of what was destroyed; None: of any there are.

    It empties the write-ahead log into the database, and looks: a page once split can keep a copy in its
    unused part, which only writing the whole database anew takes away. Raises DatabaseFailed if others keep
    the database from it.
    """
    url = store._engine.url
    if url.get_backend_name() != "sqlite" or not url.database:
        return
    place = url.render_as_string(hide_password=True)
    with closing(sqlite3.connect(url.database, isolation_level=None)) as connection:
        try:
            _empty_log(connection, place)
            if traces is None or _is_any_in(Path(url.database), traces):
                _wait_for_others(connection, _PATIENCE)
                connection.execute("VACUUM")
                _empty_log(connection, place)
        except sqlite3.OperationalError as error:
            raise DatabaseFailed(place, f"what was erased is not overwritten yet: {error}") from None


def _empty_log(connection: sqlite3.Connection, place: str) -> None:
    """Writes the write-ahead log back, and cuts it to nothing.

    SQLite refuses this at once, whatever the busy_timeout, while another connection writes back. And while it
    waits for readers it lets nobody write: so a try is short, and is repeated.
    """
    _wait_for_others(connection, min(_TRY_SECONDS, _PATIENCE))
    until = time.monotonic() + _PATIENCE
    while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        if time.monotonic() >= until:
            reason = "somebody still reads or writes it, and what was erased is not overwritten yet"
            raise DatabaseFailed(place, reason)
        time.sleep(_POLL_SECONDS)


def _wait_for_others(connection: sqlite3.Connection, seconds: float) -> None:
    """Has a statement wait so long for a lock."""
    connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}").close()


def _is_any_in(path: Path, traces: Sequence[bytes]) -> bool:
    """Whether a file holds the beginning or the end of any of `traces`."""
    parts = [part for trace in traces for part in (trace[:_TRACE], trace[-_TRACE:])]
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(part) >= 0 for part in parts)


def _delete_securely(connection: Connection) -> None:
    """Has SQLite fill with zeros what this transaction frees."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")


def _evidences(connection: Connection, condition: Any) -> Iterator[EvidenceRow]:
    """Evidence, oldest first."""
    table = schema.evidences
    wanted: Select[Any] = select(table).where(condition).order_by(table.c.drafted_at, table.c.evidence)
    return map(EvidenceRow._make, connection.execute(wanted).all())
