"""Batches of interactions: closed here, each durable with its secret before it is sent, and anchored there.

A batch is anchored when the chain's index holds its number. So nothing here has to be updated when a
transaction is mined, or put back when the chain reorganises.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Select, and_, case, func, insert, select

from troth.store import schema

__all__ = [
    "Anchor",
    "ClosedBatch",
    "accepted_in",
    "anchored_with",
    "anchors_of",
    "closed_batch",
    "closed_batches",
    "contacts_by_day",
    "filled_streams",
    "last_closed",
    "records_of",
    "save_batch",
    "spans_of",
    "waiting_since",
]

_FETCHED = 10_000
_DAY = 86_400


@dataclass(frozen=True)
class ClosedBatch:
    """A range of a stream's interactions that is anchored as one."""

    stream: int
    number: int
    """From 1."""
    first: int
    """Index in the stream of its first record."""
    count: int
    secret: bytes = field(repr=False)
    """32 bytes: blinds the subjects in its roster."""
    root: bytes
    """Of the tree over the records."""
    subjects: bytes
    """Size, salt and root of the roster, hashed."""
    closed_at: int
    """UTC seconds."""

    @property
    def records(self) -> int:
        """How many the stream has with it."""
        return self.first + self.count


@dataclass(frozen=True)
class Anchor:
    """What the chain says of a batch."""

    number: int
    records: int
    """How many the stream has with it."""
    time: int
    root: bytes
    subjects: bytes
    transaction: bytes


def accepted_in(connection: Connection, stream: int, *, held: bool = False) -> int:
    """How many interactions of a stream are accepted; `held` against others until a writing one commits."""
    wanted = select(schema.queues.c.accepted).where(schema.queues.c.stream == stream)
    return connection.execute(wanted.with_for_update() if held else wanted).scalar() or 0


def filled_streams(connection: Connection) -> list[int]:
    """The streams of which interactions were accepted, by number."""
    table = schema.queues
    return list(
        connection.execute(
            select(table.c.stream).where(table.c.accepted > 0).order_by(table.c.stream)
        ).scalars()
    )


def save_batch(connection: Connection, batch: ClosedBatch) -> None:
    """Keeps a batch. Call it in `Store.writing`, and send only after that block has ended."""
    connection.execute(insert(schema.closed_batches).values(vars(batch)))


def closed_batches(connection: Connection, stream: int) -> list[ClosedBatch]:
    """All of a stream, in order of number."""
    wanted = _of(stream).order_by(schema.closed_batches.c.number)
    return [ClosedBatch(*row) for row in connection.execute(wanted)]


def closed_batch(connection: Connection, stream: int, number: int) -> ClosedBatch | None:
    """One by its number, None if it is not closed."""
    row = connection.execute(_of(stream).where(schema.closed_batches.c.number == number)).first()
    return None if row is None else ClosedBatch(*row)


def last_closed(connection: Connection, stream: int) -> ClosedBatch | None:
    """The newest of a stream, None if there is none."""
    row = connection.execute(_of(stream).order_by(schema.closed_batches.c.number.desc()).limit(1)).first()
    return None if row is None else ClosedBatch(*row)


def anchored_with(connection: Connection, stream: int, index: int) -> int | None:
    """The number of the batch that the record at `index` of the stream was anchored with, as far as the index
    of the chain goes; None if it waits.
    """
    closed, anchor = schema.closed_batches, schema.anchors
    is_anchored = and_(
        *(closed.c[name] == anchor.c[name] for name in ("stream", "number", "root", "subjects"))
    )
    wanted = (
        _of(stream)
        .join(anchor, is_anchored)
        .where(closed.c.first <= index)
        .order_by(closed.c.number.desc())
        .limit(1)
    )
    row = connection.execute(wanted).first()
    return None if row is None or index >= (batch := ClosedBatch(*row)).records else batch.number


def anchors_of(connection: Connection, stream: int) -> list[Anchor]:
    """The batches of a stream that the index holds, in order of number, whoever anchored them."""
    table = schema.anchors
    columns = (table.c.number, table.c.records, table.c.time, table.c.root, table.c.subjects, table.c.tx)
    wanted = select(*columns).where(table.c.stream == stream).order_by(table.c.number)
    return [Anchor(*row) for row in connection.execute(wanted)]


def records_of(connection: Connection, stream: int, first: int, count: int) -> Iterator[bytes]:
    """The roots, 32 bytes each, of `count` records from index `first` on, in order, streamed."""
    table = schema.interactions
    wanted = (
        select(table.c.record)
        .where(table.c.stream == stream, table.c.position >= first, table.c.position < first + count)
        .order_by(table.c.position)
    )
    for part in connection.execute(wanted, execution_options={"yield_per": _FETCHED}).scalars().partitions():
        yield from part


def spans_of(connection: Connection, stream: int, first: int, count: int) -> Iterator[tuple[bytes, int, int]]:
    """Each subject of those records, with its lowest and its highest number among them, streamed."""
    table = schema.interactions
    wanted = (
        select(table.c.subject, func.min(table.c.number), func.max(table.c.number))
        .where(table.c.stream == stream, table.c.position >= first, table.c.position < first + count)
        .group_by(table.c.subject)
    )
    for part in connection.execute(wanted, execution_options={"yield_per": _FETCHED}).partitions():
        yield from map(tuple, part)


def waiting_since(connection: Connection, stream: int, index: int) -> int | None:
    """When the interaction at `index` was accepted, UTC seconds; None if there is none yet."""
    table, queue = schema.interactions, schema.queues
    wanted = (
        select(table.c.accepted_at)
        .join(queue, queue.c.stream == table.c.stream)
        .where(table.c.stream == stream, table.c.position == index, queue.c.accepted > index)
    )
    found = connection.execute(wanted).scalar()
    return None if found is None else int(found)


def contacts_by_day(
    connection: Connection, stream: int, begin: int, until: int, anchored: int
) -> list[tuple[int, int, int]]:
    """How many contacts that were accepted started on each day from second `begin` to before `until`.

    Day (since 1970, UTC), contacts, and those of them among the stream's first `anchored` records; of days
    with any, in order. Amendments and erasures are no contacts.
    """
    table, queue = schema.interactions, schema.queues
    day = (table.c.start // _DAY).label("day")
    among = func.sum(case((table.c.position < anchored, 1), else_=0))
    wanted = (
        select(day, func.count(), among)
        .join(queue, queue.c.stream == table.c.stream)
        .where(table.c.stream == stream, table.c.start >= begin, table.c.start < until)
        .where(table.c.position < queue.c.accepted, table.c.kind != "erasure", table.c.amends.is_(None))
        .group_by(day)
        .order_by(day)
    )
    return [(int(one), int(count), int(part)) for one, count, part in connection.execute(wanted)]


def _of(stream: int) -> Select[Any]:
    """A stream's closed batches."""
    return select(schema.closed_batches).where(schema.closed_batches.c.stream == stream)
