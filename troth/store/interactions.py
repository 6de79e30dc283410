"""Queues of interactions: durable in the order they came, and accepted once their queue is moved past them.

What lies beyond `queues.accepted` is a draft of the one session that holds the queue, see `hold_queue`: it is
deleted by the next, if that session was killed. Everybody else reads accepted interactions only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, delete, func, select, text, update

from troth.errors import DatabaseFailed
from troth.store import schema
from troth.store.batches import accepted_in
from troth.store.database import Store, in_parts, insert_rows

__all__ = [
    "InteractionRow",
    "Known",
    "accept",
    "add_drafts",
    "amendments_of",
    "any_erased",
    "check_turn",
    "destroy_interactions",
    "discard_drafts",
    "ends_of",
    "find_by_source",
    "find_interaction",
    "hasten",
    "hold_queue",
    "interactions_of",
    "known_sources",
    "last_records",
    "readable_streams",
    "records_before",
    "sealed_at",
]

_FETCHED = 50  # of up to 16 MiB each
_CACHE_KIB = 128 << 10
_LOG_PAGES = 65_536  # 256 MiB
_TABLE = schema.interactions
_QUEUES = schema.queues


class InteractionRow(NamedTuple):
    """An interaction. Times in Unix seconds; `sealed` is None once its subject was erased."""

    stream: int
    position: int
    """Its index in the stream, from 0."""
    source: bytes
    subject: bytes
    number: int
    start: int
    accepted_at: int
    kind: str
    record: bytes
    sealed: bytes | None
    amends: int | None


class Known(NamedTuple):
    """What tells whether an interaction is there already."""

    position: int
    subject: bytes
    size: int | None
    """Bytes of what is sealed; None once its subject was erased."""
    amends: int | None


@contextmanager
def hold_queue(store: Store, stream: int, *, patience: float = 30.0) -> Iterator[int]:
    """Lets nobody else add to a stream; yields the turn, for `check_turn`. Raises Busy, DatabaseFailed."""
    with store.exclusive(f"intake-{stream}", patience=patience):
        with store.writing() as connection:
            _held_end(connection, stream)
            ours = _QUEUES.c.stream == stream
            turn = connection.execute(select(_QUEUES.c.turn).where(ours)).scalar_one() + 1
            connection.execute(update(_QUEUES).where(ours).values(turn=turn))
        yield turn


def check_turn(connection: Connection, stream: int, turn: int) -> None:
    """Raises DatabaseFailed if somebody took a stream's queue after this `turn`; until this transaction ends,
    nobody can.

    A server that restarts lets go of its sessions' locks, and their holders cannot tell.
    """
    found = select(_QUEUES.c.turn).where(_QUEUES.c.stream == stream).with_for_update()
    if connection.execute(found).scalar_one() != turn:
        url = connection.engine.url.render_as_string(hide_password=True)
        raise DatabaseFailed(url, f"the session that held the queue of stream {stream} has ended")


def hasten(connection: Connection) -> None:
    """Spares SQLite some work in a transaction of thousands of rows, whose digests fall all over two indexes.

    A page changed often is kept in memory, and written to the database once in so many transactions.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.exec_driver_sql(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")


def add_drafts(connection: Connection, rows: Iterable[InteractionRow | tuple[Any, ...]]) -> int:
    """Saves interactions beyond the accepted ones. Hold the queue."""
    return insert_rows(connection, _TABLE, rows)


def accept(connection: Connection, stream: int, before: int, after: int) -> None:
    """Accepts the interactions from index `before`, where the queue ends so far, to below `after`.

    Raises RuntimeError if it ends elsewhere, or one of them is not there: somebody else was let in.
    """
    found = _held_end(connection, stream)
    if found != before:
        raise RuntimeError(f"stream {stream} has {found} interactions accepted, and not {before}")
    theirs = (_TABLE.c.stream == stream, _TABLE.c.position >= before, _TABLE.c.position < after)
    count = connection.execute(select(func.count()).select_from(_TABLE).where(*theirs)).scalar_one()
    if count != after - before:
        raise RuntimeError(f"stream {stream} has {count} interactions from #{before} to below #{after}")
    connection.execute(update(_QUEUES).where(_QUEUES.c.stream == stream).values(accepted=after))


def discard_drafts(connection: Connection, stream: int, most: int) -> int:
    """Deletes up to `most` interactions that were not accepted, the last first; how many that were.

    Their subjects stay, also those made for anonymous ones: another stream or a person may have named them
    since, whose records would be lost with the key. A subject that nothing names says nothing of anybody.
    """
    accepted = _held_end(connection, stream)
    drafts = (_TABLE.c.stream == stream, _TABLE.c.position >= accepted)
    last = connection.execute(select(func.max(_TABLE.c.position)).where(*drafts)).scalar()
    if last is None:
        return 0
    return connection.execute(delete(_TABLE).where(*drafts, _TABLE.c.position > last - most)).rowcount


def find_interaction(connection: Connection, stream: int, position: int) -> InteractionRow | None:
    """The accepted interaction at an index of a stream, None if there is none."""
    return next(_accepted(connection, _TABLE.c.stream == stream, _TABLE.c.position == position), None)


def find_by_source(connection: Connection, stream: int, source: bytes) -> InteractionRow | None:
    """The accepted interaction of a source id's digest, None if there is none."""
    return next(_accepted(connection, _TABLE.c.stream == stream, _TABLE.c.source == source), None)


def interactions_of(connection: Connection, subject: bytes) -> Iterator[InteractionRow]:
    """A subject's accepted interactions, by stream and number, few in memory at a time."""
    return _accepted(connection, _TABLE.c.subject == subject)


def amendments_of(connection: Connection, subject: bytes) -> dict[tuple[int, int], list[int]]:
    """By stream and index of a subject's accepted interactions: the indexes of those that amend each."""
    queue = schema.queues
    wanted = (
        select(_TABLE.c.stream, _TABLE.c.amends, _TABLE.c.position)
        .join(queue, queue.c.stream == _TABLE.c.stream)
        .where(
            _TABLE.c.subject == subject, _TABLE.c.amends.is_not(None), _TABLE.c.position < queue.c.accepted
        )
        .order_by(_TABLE.c.stream, _TABLE.c.position)
    )
    found: dict[tuple[int, int], list[int]] = {}
    for stream, amended, position in connection.execute(wanted):
        found.setdefault((stream, amended), []).append(position)
    return found


def records_before(connection: Connection, row: InteractionRow) -> tuple[bytes | None, bytes | None]:
    """The roots that an interaction points at: of its subject's record before, and of the one it amends."""
    previous = select(_TABLE.c.record).where(
        _TABLE.c.subject == row.subject, _TABLE.c.stream == row.stream, _TABLE.c.number == row.number - 1
    )
    amended = select(_TABLE.c.record).where(_TABLE.c.stream == row.stream, _TABLE.c.position == row.amends)
    return connection.execute(previous).scalar(), connection.execute(amended).scalar()


# For the session that holds the queue: drafts too, which are its own.


def known_sources(connection: Connection, stream: int, sources: Iterable[bytes]) -> dict[bytes, Known]:
    """The interactions there are of these source ids' digests."""
    query = (
        "SELECT source, position, subject, length(sealed), amends FROM interactions "
        "WHERE stream = {mark} AND source IN ({marks})"
    )
    rows = _looked_up(connection, query, sources, stream)
    return {row[0]: Known(*row[1:]) for row in rows}


def any_erased(connection: Connection, subjects: Iterable[bytes]) -> bool:
    """Whether one of `subjects` was erased here, or is not there: either way its key is gone.

    In a writing transaction, none is erased before it ends.
    """
    query = "SELECT sealed_key IS NULL FROM subjects WHERE subject IN ({marks})"
    if connection.dialect.name == "postgresql":
        query += " FOR SHARE"
    wanted = set(subjects)
    erased = [is_erased for (is_erased,) in _looked_up(connection, query, wanted)]
    return len(erased) < len(wanted) or any(erased)


def sealed_at(connection: Connection, stream: int, positions: Iterable[int]) -> dict[int, bytes | None]:
    """What is sealed of the interactions at these indexes."""
    found: dict[int, bytes | None] = {}
    for part in in_parts(positions):
        wanted = select(_TABLE.c.position, _TABLE.c.sealed).where(
            _TABLE.c.stream == stream, _TABLE.c.position.in_(part)
        )
        found.update((position, sealed) for position, sealed in connection.execute(wanted))
    return found


def last_records(
    connection: Connection, stream: int, subjects: Iterable[bytes]
) -> dict[bytes, tuple[int, bytes]]:
    """Number and record of each subject's last interaction in a stream, of those that have any."""
    found = {}
    for part in in_parts(subjects):
        last = (
            select(_TABLE.c.subject, func.max(_TABLE.c.number).label("number"))
            .where(_TABLE.c.stream == stream, _TABLE.c.subject.in_(part))
            .group_by(_TABLE.c.subject)
            .subquery()
        )
        is_last = and_(
            _TABLE.c.subject == last.c.subject,
            _TABLE.c.stream == stream,
            _TABLE.c.number == last.c.number,
        )
        wanted = select(_TABLE.c.subject, _TABLE.c.number, _TABLE.c.record).join_from(last, _TABLE, is_last)
        for subject, number, record in connection.execute(wanted):
            found[subject] = number, record
    return found


# Erasure


def ends_of(connection: Connection, subject: bytes) -> list[InteractionRow]:
    """A subject's last interaction in each stream, drafts too, by stream."""
    last = (
        select(_TABLE.c.stream, func.max(_TABLE.c.number).label("number"))
        .where(_TABLE.c.subject == subject)
        .group_by(_TABLE.c.stream)
        .subquery()
    )
    is_last = and_(
        _TABLE.c.subject == subject, _TABLE.c.stream == last.c.stream, _TABLE.c.number == last.c.number
    )
    wanted = select(_TABLE).join_from(last, _TABLE, is_last).order_by(_TABLE.c.stream)
    return [InteractionRow(*row) for row in connection.execute(wanted)]


def readable_streams(connection: Connection, subject: bytes) -> list[int]:
    """The streams that have interactions of a subject not yet destroyed, by number."""
    wanted = select(_TABLE.c.stream).where(
        _TABLE.c.subject == subject, _TABLE.c.kind != "erasure", _TABLE.c.sealed.is_not(None)
    )
    return sorted(set(connection.execute(wanted).scalars()))


def destroy_interactions(connection: Connection, subject: bytes) -> int:
    """Destroys what is sealed of a subject's interactions; how many that were. Their records' roots stay.

    The record of an erasure stays readable: it says nothing of the person.
    """
    theirs = (_TABLE.c.subject == subject, _TABLE.c.kind != "erasure", _TABLE.c.sealed.is_not(None))
    return connection.execute(update(_TABLE).where(*theirs).values(sealed=None)).rowcount


def _held_end(connection: Connection, stream: int) -> int:
    """Where a stream's queue ends. Nobody moves that before this transaction ends, and no draft is discarded.

    A queue not used yet gets its row: PostgreSQL holds no row that is not there.
    """
    new = text("INSERT INTO queues (stream, accepted, turn) VALUES (:stream, 0, 0) ON CONFLICT DO NOTHING")
    connection.execute(new, {"stream": stream})
    return accepted_in(connection, stream, held=True)


def _accepted(connection: Connection, *conditions: Any) -> Iterator[InteractionRow]:
    """Accepted interactions, by stream and number of the subject."""
    wanted: Select[Any] = (
        select(_TABLE)
        .join(_QUEUES, _QUEUES.c.stream == _TABLE.c.stream)
        .where(*conditions, _TABLE.c.position < _QUEUES.c.accepted)
        .order_by(_TABLE.c.stream, _TABLE.c.number, _TABLE.c.position)
    )
    for part in connection.execute(wanted, execution_options={"yield_per": _FETCHED}).partitions():
        yield from map(InteractionRow._make, part)


def _looked_up(connection: Connection, query: str, keys: Iterable[Any], *before: Any) -> Iterator[Any]:
    """The rows of a query in the driver's SQL, for many keys: half the time of a statement put together.

    `{mark}` stands for a parameter, `{marks}` for the keys, which come after all others.
    """
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    for part in in_parts(keys):
        text = query.format(mark=mark, marks=", ".join([mark] * len(part)))
        yield from connection.exec_driver_sql(text, (*before, *part))
