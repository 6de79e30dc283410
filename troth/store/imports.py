"""Files of decisions on their way to the chain: every row durable, with an evidence word of its own, before
any is sent.

A row is recorded when the chain's index holds a decision of its evidence word. So nothing here has to be
updated when a transaction is mined, or put back when the chain reorganises.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, exists, func, insert, select, update

from troth.store import schema
from troth.store.database import hold, in_parts, insert_rows

__all__ = [
    "Import",
    "StagedRow",
    "change_entries",
    "count_unrecorded",
    "find_import",
    "recorded_on",
    "save_import",
    "staged_rows",
    "unrecorded_rows",
]

_FETCHED = 10_000


class StagedRow(NamedTuple):
    """A decision to be recorded: position in its file from 0, and the three words the contract takes."""

    position: int
    subject: bytes
    entry: bytes
    evidence: bytes


@dataclass(frozen=True)
class Import:
    """A file whose decisions are staged. `source` is a digest, 32 bytes, of all that it is made from."""

    key: int
    source: bytes
    name: str
    rows: int


def find_import(connection: Connection, source: bytes) -> Import | None:
    """The import of this source, None if there is none here."""
    table = schema.imports
    found = connection.execute(
        select(table.c.key, table.c.source, table.c.name, table.c.rows).where(table.c.source == source)
    ).first()
    return None if found is None else Import(*found)


def save_import(
    connection: Connection, source: bytes, name: str, rows: Iterable[tuple[bytes, bytes, bytes]]
) -> Import:
    """Stages decisions, each a subject, an entry and an evidence word, in the order of their file.

    If the same source was staged before, returns that import, and `rows` is not looked at.

    Call it in `Store.writing`, and send only after that block has ended.
    """
    hold(connection, b"IMPORTS")
    if (saved := find_import(connection, source)) is not None:
        return saved
    values = {"source": source, "name": name, "rows": 0, "drafted_at": int(time.time())}
    key = connection.execute(insert(schema.imports).values(values)).inserted_primary_key
    assert key is not None  # noqa: S101  an insert of one row has one
    numbered = ((key[0], position, *row) for position, row in enumerate(rows))
    count = insert_rows(connection, schema.import_rows, numbered)
    connection.execute(update(schema.imports).where(schema.imports.c.key == key[0]).values(rows=count))
    return Import(key[0], source, name, count)


def staged_rows(connection: Connection, one: Import) -> Iterator[StagedRow]:
    """Every row of an import, in order, streamed."""
    table = schema.import_rows
    statement = select(*table.columns[1:]).where(table.c.import_key == one.key).order_by(table.c.position)
    for part in connection.execute(statement, execution_options={"yield_per": _FETCHED}).partitions():
        yield from map(StagedRow._make, part)


def change_entries(connection: Connection, one: Import, entries: Sequence[tuple[int, bytes]]) -> None:
    """Gives rows, by position, other entry words: a chain that forgot its terms has numbered them anew."""
    if not entries:
        return
    table = schema.import_rows
    statement = (
        update(table)
        .where(table.c.import_key == one.key, table.c.position == bindparam("at"))
        .values(entry=bindparam("word"))
    )
    connection.execute(statement, [{"at": position, "word": word} for position, word in entries])


def count_unrecorded(connection: Connection, one: Import) -> int:
    """How many rows the index does not hold."""
    table = schema.import_rows
    wanted = select(func.count()).select_from(table).where(table.c.import_key == one.key, ~_is_recorded)
    return int(connection.execute(wanted).scalar_one())


def unrecorded_rows(connection: Connection, one: Import, start: int, count: int) -> list[StagedRow]:
    """Those of up to `count` rows from position `start` on that the index does not hold, in order."""
    table = schema.import_rows
    wanted = (
        select(*table.columns[1:])
        .where(table.c.import_key == one.key, table.c.position >= start, table.c.position < start + count)
        .where(~_is_recorded)
        .order_by(table.c.position)
    )
    return [StagedRow(*row) for row in connection.execute(wanted)]


def recorded_on(connection: Connection, subjects: Iterable[bytes]) -> dict[tuple[bytes, int, int, int], int]:
    """How many decisions the index holds on each key of subjects: subject, purpose, recipient, category."""
    table = schema.decisions
    key = (table.c.subject, table.c.purpose, table.c.recipient, table.c.category)
    found = {}
    for part in in_parts(sorted(set(subjects))):
        statement = select(*key, func.max(table.c.number)).where(table.c.subject.in_(part)).group_by(*key)
        for subject, purpose, recipient, category, count in connection.execute(statement):
            found[subject, purpose, recipient, category] = count
    return found


_is_recorded = exists(
    select(schema.decisions.c.number).where(schema.decisions.c.evidence == schema.import_rows.c.evidence)
).correlate(schema.import_rows)
