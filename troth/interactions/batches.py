"""Anchoring: what was accepted goes on-chain in batches, each record in exactly one of them, once.

A batch is closed first: its range, its secret and what is to be committed to are durable before anything is
sent. Its number is the next in the stream's order, and the contract takes a number once. So a killed command
is run again and goes on with the same batches, and whatever becomes of a transaction, a batch is anchored
when the chain has its number.

Each batch names the one before it as it was anchored, time and all, so one is sent when the one before is
mined.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection

from troth.errors import BatchTaken, ContractRefused, NodeInconsistent, NotWriter
from troth.interactions import commitments, streams
from troth.interactions.commitments import Batch
from troth.interactions.roster import Roster
from troth.interactions.streams import Stream
from troth.office import Office, Progress, progress_ignored
from troth.store import Store, schema
from troth.store import batches as table
from troth.store.batches import Anchor, ClosedBatch
from troth.trees.rfc9162 import Tree

__all__ = [
    "Anchored",
    "AnchoredBatch",
    "Anchoring",
    "Standing",
    "anchor",
    "anchored_batches",
    "close",
    "standing",
    "status",
    "unclosed",
]

_SECRET = 32
_TRIES = 6
_PAUSE = 0.25  # seconds, and as many more each time
_ANCHOR = ("number", "records", "time", "root", "subjects", "tx")
_OVERTAKEN = {"StreamsWrongNumber", "StreamsWrongPrevious"}
"""Refusals that say the chain is not as it was a moment ago."""


@dataclass(frozen=True)
class Anchored:
    """A batch as it stands on the chain, and the transaction that put it there."""

    batch: Batch
    transaction: bytes


@dataclass(frozen=True)
class AnchoredBatch:
    """A batch that a run anchored."""

    stream: str
    """Its name."""
    number: int
    first: int
    """Index in the stream of its first record."""
    count: int
    root: bytes
    subjects: bytes
    time: int
    """UTC seconds, of its block."""
    transaction: str
    gas_used: int


@dataclass(frozen=True)
class Standing:
    """How far a stream is anchored, as far as the index has read."""

    stream: str
    number: int
    accepted: int
    """Records."""
    anchored: int
    """Records, from the first one on, in batches on the chain."""
    batches: int
    """Anchored."""
    waiting: int
    """Records accepted and not anchored."""
    oldest_waiting: int | None
    """Seconds since the oldest of them was accepted; None if none waits."""
    taken: int | None
    """Number of the first batch on the chain that is not of this database; None as it should be."""


# --- closing


def close(store: Store, stream: int, *, count: int, age: int, everything: bool) -> list[ClosedBatch]:
    """Closes what waits of a stream: full batches of `count` records, and then the rest in one batch if the
    oldest of it was accepted `age` seconds ago, or if `everything` is to be closed.

    Safe to kill, and to run twice at once.
    """
    closed = []
    while (planned := _planned(store, stream, count, None if everything else age)) is not None:
        if _save(store, planned):
            closed.append(planned)
    return closed


def _planned(store: Store, stream: int, most: int, age: int | None) -> ClosedBatch | None:
    """The next batch to close, worked out; None if what waits is to wait on. `age` None takes anything."""
    now = int(time.time())
    with store.reading() as connection:
        number, first, count = _due(connection, stream, most, age, now)
        if not count:
            return None
        tree = Tree.build(table.records_of(connection, stream, first, count))
        if len(tree) != count:
            raise LookupError(f"stream {stream} holds {len(tree)} interactions from {first}, not {count}")
        root, secret = tree.root, secrets.token_bytes(_SECRET)
        del tree  # of a million records, before the roster takes as much
        roster = Roster.build(secret, table.spans_of(connection, stream, first, count))
        return ClosedBatch(stream, number, first, count, secret, root, roster.word, now)


def _due(connection: Connection, stream: int, most: int, age: int | None, now: int) -> tuple[int, int, int]:
    """Number, first index and count of the next batch to close; no records if what waits is to wait on."""
    number, first = _after(table.last_closed(connection, stream))
    count = min(most, table.accepted_in(connection, stream) - first)
    if count and count < most and age is not None:
        since = table.waiting_since(connection, stream, first)
        if since is None or now - since < age:
            count = 0
    return number, first, count


def unclosed(office: Office, stream: str | None = None) -> int:
    """How many records of a stream, or of all, are accepted and in no batch yet. Raises BadInput."""
    only = None if stream is None else streams.find(office, stream).number
    with office.store.reading() as connection:
        return sum(
            table.accepted_in(connection, one) - _after(table.last_closed(connection, one))[1]
            for one in table.filled_streams(connection)
            if only in {None, one}
        )


def _save(store: Store, batch: ClosedBatch) -> bool:
    """Makes a batch durable, unless another run has closed one meanwhile.

    What it was made from cannot have changed: records that are accepted stay as they are.
    """
    with store.writing() as connection:
        table.accepted_in(connection, batch.stream, held=True)
        if _after(table.last_closed(connection, batch.stream)) != (batch.number, batch.first):
            return False
        table.save_batch(connection, batch)
    return True


def _after(last: ClosedBatch | None) -> tuple[int, int]:
    """Number and first index of the batch after the last one closed."""
    return (1, 0) if last is None else (last.number + 1, last.records)


# --- anchoring


def anchor(
    office: Office,
    stream: str | None = None,
    *,
    due_only: bool = False,
    progress: Progress = progress_ignored,
) -> list[AnchoredBatch]:
    """Closes what waits, of one stream or of all, and anchors every batch that is closed and is not yet.

    With `due_only` it closes only what count or age has made due, see `Settings`. `progress` is told records.
    Raises BatchTaken or NotWriter for the first stream that cannot be anchored, once the others are; BadInput
    for an unknown stream; and what sending raises: then run it again.
    """
    run = Anchoring(office, progress)
    run.anchor(stream, due_only=due_only)
    if run.failures:
        raise run.failures[0]
    return run.anchored


def anchored_batches(office: Office, stream: Stream) -> list[Anchored]:
    """The batches of a stream on the chain, in order, whoever anchored them, the newest blocks included.

    Raises NodeInconsistent, and what `Office.sync` raises.
    """
    return list(_chained(office, stream, _anchors(office, stream)))


def _anchors(office: Office, stream: Stream) -> list[Anchor]:
    """What the chain says of them."""
    for turn in range(_TRIES):
        time.sleep(_PAUSE * turn)
        recent = streams.recent_events(office, office.sync().block)
        with office.store.reading() as connection:
            found = table.anchors_of(connection, stream.number)
            rows = streams.beyond_index(connection, recent, schema.anchors)
        found += [Anchor(*(row[name] for name in _ANCHOR)) for row in rows if row["stream"] == stream.number]
        # A node may have fewer blocks than the index: it lags, or was restarted from an older state.
        there = int(office.contract("Streams").call("batchesOf", stream.number))
        if len(found) >= there:
            return found[:there]
    raise NodeInconsistent(f"stream {stream.name} has {there} batches, and logs tell of {len(found)}")


def _chained(office: Office, stream: Stream, anchors: Iterable[Anchor]) -> Iterator[Anchored]:
    """Anchors as batches, each with the commitment before it."""
    chain, contract = office.node.chain_id, office.contract("Streams").address
    _, previous = commitments.origin(chain, contract, stream.number, stream.name)
    first = 0
    for one in anchors:
        count = one.records - first
        batch = Batch(stream.number, one.number, first, count, one.time, one.root, one.subjects, previous)
        yield Anchored(batch, one.transaction)
        first, previous = one.records, commitments.commitment(chain, contract, batch)


@dataclass
class Anchoring:
    """A run of `anchor` for whoever wants to know what it did, whatever ended it."""

    office: Office
    progress: Progress = progress_ignored
    anchored: list[AnchoredBatch] = field(default_factory=list)
    failures: list[BatchTaken | NotWriter] = field(default_factory=list)
    """Of each stream that could not be anchored."""
    _done: int = field(default=0, init=False)  # records
    _total: int = field(default=0, init=False)

    def anchor(self, stream: str | None = None, *, due_only: bool = False) -> None:
        """As the function, but keeps BatchTaken and NotWriter in `failures`."""
        office = self.office
        _ = office.sender  # finishes what a killed run had under way, before anything is planned
        chosen = streams.list_streams(office) if stream is None else [streams.find(office, stream)]
        with office.store.reading() as connection:
            filled = set(table.filled_streams(connection))
        for one in chosen:
            if one.number in filled:
                try:
                    self._anchor(one, due_only=due_only)
                except (BatchTaken, NotWriter) as error:
                    self.failures.append(error)
        office.sync()

    def _anchor(self, stream: Stream, *, due_only: bool) -> None:
        """Anchors what can be of one stream."""
        settings = self.office.settings
        try:
            last = self._last(stream)  # before anything is closed: nothing is, of a stream that is another's
        except BatchTaken as taken:
            if due_only and not self._is_due(stream, taken.number):
                return
            raise
        close(
            self.office.store,
            stream.number,
            count=settings.batch_records,
            age=settings.batch_age,
            everything=not due_only,
        )
        self._foresee(stream, last)
        tries = 0
        while (batch := self._next(stream, last)) is not None:
            try:
                last = self._send(stream, batch, last)
            except ContractRefused as refusal:
                if refusal.name == "StreamsNotWriter":
                    raise NotWriter(stream.name, self.office.sender.address) from None
                tries += 1
                if refusal.name not in _OVERTAKEN or tries == _TRIES:
                    raise
                last = self._last(stream)

    def _is_due(self, stream: Stream, taken: int) -> bool:
        """Whether a stream whose batch `taken` is another's has one here that is closed, or is to be now."""
        settings = self.office.settings
        with self.office.store.reading() as connection:
            last = table.last_closed(connection, stream.number)
            if last is not None and last.number >= taken:
                return True
            most, age, now = settings.batch_records, settings.batch_age, int(time.time())
            return _due(connection, stream.number, most, age, now)[2] > 0

    def _last(self, stream: Stream) -> Batch | None:
        """The newest batch of a stream on the chain. Raises BatchTaken unless all are those closed here."""
        found = _anchors(self.office, stream)
        with self.office.store.reading() as connection:
            taken = _taken(found, table.closed_batches(connection, stream.number))
        if taken is not None:
            raise BatchTaken(stream.name, taken)
        chain = list(_chained(self.office, stream, found))
        return chain[-1].batch if chain else None

    def _foresee(self, stream: Stream, last: Batch | None) -> None:
        """Counts what is to be anchored."""
        with self.office.store.reading() as connection:
            closed = table.last_closed(connection, stream.number)
        if closed is not None:
            self._total += closed.records - (0 if last is None else last.first + last.count)
        self.progress(self._done, self._total)

    def _next(self, stream: Stream, last: Batch | None) -> ClosedBatch | None:
        """The batch to be anchored after `last`."""
        with self.office.store.reading() as connection:
            return table.closed_batch(connection, stream.number, 1 if last is None else last.number + 1)

    def _send(self, stream: Stream, batch: ClosedBatch, last: Batch | None) -> Batch:
        """Anchors a batch after `last`, and returns it as it then stands on the chain."""
        chain, contract = self.office.node.chain_id, self.office.contract("Streams")
        if last is None:
            before, previous = commitments.origin(chain, contract.address, stream.number, stream.name)
        else:
            before = commitments.contents(chain, contract.address, last)
            previous = commitments.commitment(chain, contract.address, last)
        label = f"anchor batch {batch.number} of {stream.name}, {batch.count} records"
        words = (stream.number, batch.number, batch.first, batch.count, batch.root, batch.subjects, before)
        (receipt,) = self.office.sender.send([contract.prepare("anchor", *words, label=label)])
        (event,) = contract.events(receipt, "Anchored")
        moment = event.arguments.time
        self.anchored.append(
            AnchoredBatch(
                stream.name,
                *(batch.number, batch.first, batch.count, batch.root, batch.subjects, moment),
                receipt.hash,
                receipt.gas_used,
            )
        )
        self._done += batch.count
        self.progress(self._done, self._total)
        return Batch(*words[:4], moment, batch.root, batch.subjects, previous)


def _taken(found: Iterable[Anchor], closed: Iterable[ClosedBatch]) -> int | None:
    """The number of the first batch on the chain that is not as it was closed here."""
    ours = {(one.number, one.records, one.root, one.subjects) for one in closed}
    others = (one.number for one in found if (one.number, one.records, one.root, one.subjects) not in ours)
    return next(others, None)


# --- how it stands


def status(office: Office) -> list[Standing]:
    """Of every stream, how much of it is anchored and what waits."""
    found = streams.list_streams(office)
    with office.store.reading() as connection:
        return [standing(connection, stream) for stream in found]


def standing(connection: Connection, stream: Stream) -> Standing:
    """Of one stream."""
    accepted = table.accepted_in(connection, stream.number)
    found = table.anchors_of(connection, stream.number) if accepted else []  # else it is no stream of ours
    taken = _taken(found, table.closed_batches(connection, stream.number))
    ours = found if taken is None else found[: taken - 1]
    anchored = ours[-1].records if ours else 0
    since = table.waiting_since(connection, stream.number, anchored)
    return Standing(
        stream=stream.name,
        number=stream.number,
        accepted=accepted,
        anchored=anchored,
        batches=len(ours),
        waiting=accepted - anchored,
        oldest_waiting=None if since is None else max(0, int(time.time()) - since),
        taken=taken,
    )
