"""The durable queue: an interaction is accepted when it is committed, under the next index of its stream.

Records come in chunks. Each chunk is committed beyond the end of the queue, and counts once the end is moved
past it: after every chunk where reading is to go on past what is refused, else at the end of the file, if
nothing was. So a file is taken whole or not at all, and a record once, whatever kills the session: the next
one deletes what it finds beyond the end. One session at a time holds a stream's queue.

A record has an id where it comes from. The same id with the same bytes is recognised, and is not taken again;
with other bytes it is refused. Where the record of that id was erased nobody can tell which it is: it is not
taken, and counted apart.
"""

from __future__ import annotations

import gc
import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from troth.errors import BadInput, DatabaseFailed, Problem
from troth.identity.subjects import format_subject, resolve_many
from troth.identity.vault import Vault
from troth.intake import collector_paused, iso_second
from troth.interactions import streams
from troth.interactions.callers import Caller, Callers
from troth.interactions.formats import Received
from troth.interactions.records import SECRET, Amended, Link, flatten, root
from troth.interactions.sealing import opened as unsealed
from troth.interactions.sealing import sealed, sealed_size
from troth.interactions.streams import Stream
from troth.office import Office
from troth.store import Store
from troth.store import interactions as table
from troth.store.batches import accepted_in
from troth.store.interactions import InteractionRow, Known
from troth.store.subjects import find_subject

__all__ = [
    "SHOWN",
    "Added",
    "Intake",
    "add",
    "amend",
    "append",
    "closed",
    "opened",
    "record_erasure",
    "source_digest",
]

SHOWN = 100
"""Problems kept of those refused."""

_ROWS = 8_000
_BYTES = 8 << 20
_DISCARDED = 10_000  # at once
_DIGEST = 16
_AHEAD = "in the future, by the clock of this machine"
_ERASED = "this subject was erased, and nothing is kept of it any more"
_SPENT = "this id is that of #{}, which was erased on record: give it an id of its own"
_EARLIER = "another of this file"
_NAMES = {"vcon": "uuid", "cdr": "uniqueid"}


@dataclass(frozen=True)
class Added:
    """What became of the records of a file."""

    accepted: int
    """Durable, in order of the file, from the index that was next."""
    repeated: int
    """Accepted before, or earlier in the file, by the same id and with the same bytes."""
    refused: int
    left_out: int
    """Sound, and not taken because others of the file were refused."""
    problems: tuple[Problem, ...]
    """Why, of the first 100 refused."""
    erased: int = 0
    """Not taken, and not known to be the same: their ids are of records erased since."""


@contextmanager
def opened(office: Office, stream: str) -> Iterator[Intake]:
    """A stream's queue, by the stream's name, for this session alone.

    Raises BadInput for an unknown stream, Busy if another session does not let go of the queue, and what
    `Vault.of` raises.
    """
    found, vault = streams.find(office, stream), Vault.of(office)
    with table.hold_queue(office.store, found.number) as turn:
        yield Intake(office, vault, found, turn)


def add(
    office: Office,
    stream: str,
    records: Iterable[Received | Problem],
    *,
    keep_going: bool = False,
    progress: Callable[[int], None] = lambda _end: None,
) -> Added:
    """Takes a file's records: all or none of them, or with `keep_going` those that are sound.

    `progress` is told how many bytes of the file are read. Raises as `opened`, and DatabaseFailed: give the
    file again.
    """
    with opened(office, stream) as intake:
        return intake.add(records, keep_going=keep_going, progress=progress)


def append(office: Office, stream: str, received: Received) -> int:
    """Takes one record; its index in the stream. If it was accepted before, that.

    Raises BadInput for one that is refused or whose id is of a record erased since, and as `opened`.
    """
    with opened(office, stream) as intake:
        return intake.append(received)


def amend(office: Office, stream: str, index: int, received: Received) -> int:
    """Takes a record that amends the one at `index` of its stream, which stays as it is; the new one's index.

    It has an id of its own, and the same customer. Raises BadInput, and as `opened`.
    """
    with opened(office, stream) as intake:
        return intake.append(received, amends=index)


def source_digest(vault: Vault, source: str) -> bytes:
    """What a source id is found by, 16 bytes."""
    return vault.digest(b"interaction", source)[:_DIGEST]


@dataclass
class _Tally:
    """What became of records so far."""

    taken: int = 0
    repeated: int = 0
    erased: int = 0
    refused: int = 0
    problems: list[Problem] = field(default_factory=list)

    def note(self, problems: Sequence[Problem]) -> None:
        """Counts what was refused of a chunk."""
        self.refused += len(problems)
        ordered = sorted(problems, key=lambda problem: problem.line or 0)
        self.problems += ordered[: SHOWN - len(self.problems)]


@dataclass
class _Chunk:
    """Records read at once."""

    received: list[Received] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    bytes: int = 0
    is_last: bool = False


@dataclass
class _Sorted:
    """Records by whether their ids are there."""

    fresh: list[_Sourced]
    """They are not."""
    repeated: int = 0
    erased: int = 0
    """What is there says nothing any more."""
    problems: list[Problem] = field(default_factory=list)
    """Of those that are there with other bytes."""


@dataclass(frozen=True)
class _Plan:
    """What becomes of records that are not there yet."""

    rows: list[tuple[object, ...]]
    subjects: set[bytes]
    repeated: int
    problems: list[Problem]


_Sourced = tuple[Received, bytes]
"""A record and the digest of its source id."""


class Intake:
    """A stream's queue in the hands of one session."""

    def __init__(self, office: Office, vault: Vault, stream: Stream, turn: int) -> None:
        """`turn`: of `hold_queue`. Deletes what a killed session left."""
        self._is_sound = False
        self.stream = stream
        self._office, self._store, self._vault, self._turn = office, office.store, vault, turn
        self._number = stream.number
        self._callers = Callers(office.store, vault, stream.number)
        self._accepted = self._next = 0
        self._discard()

    def add(
        self,
        records: Iterable[Received | Problem],
        *,
        keep_going: bool = False,
        progress: Callable[[int], None] = lambda _end: None,
    ) -> Added:
        """The same as the function of this name, for one file after another."""
        tally = _Tally()
        with self._whole(), collector_paused():
            for chunk in _chunks(records):
                self._take(chunk, tally, keep_going=keep_going)
                gc.collect(0)  # what the look-ups left, which the paused collector would let grow
                if chunk.received:
                    progress(chunk.received[-1].end)
        left_out = 0
        if tally.refused and not keep_going:
            left_out, tally.taken = tally.taken, 0
            self._discard()
        problems = tuple(tally.problems)
        return Added(tally.taken, tally.repeated, tally.refused, left_out, problems, tally.erased)

    def append(self, received: Received, *, amends: int | None = None) -> int:
        """Takes one record, which may amend the one at an index; its index. Raises BadInput."""
        original = None
        if amends is not None:
            original = self._original(amends)
            received = self._of_same_customer(received, original)
        digest, tally = source_digest(self._vault, received.source), _Tally()
        with self._whole():
            with self._store.reading() as connection:
                known = table.known_sources(connection, self._number, [digest]).get(digest)
            self._take(_Chunk([received], is_last=True), tally, original=original)
        if tally.problems:
            raise BadInput(tally.problems)
        if known is None:
            return self._next - 1
        if tally.erased:
            raise BadInput([_problem(received, _SPENT.format(known.position))])
        if known.amends != amends:
            rule = f"this id is that of #{known.position} already: give the amendment one of its own"
            raise BadInput([_problem(received, rule)])
        return known.position

    # --- a chunk

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """A block that leaves no draft if it fails, and no caller ahead of the records that are there."""
        if not self._is_sound:
            self._discard()
        self._is_sound = False
        try:
            yield
        except BaseException:
            with suppress(DatabaseFailed):  # or else the next block does, or the next session
                self._discard()
            raise
        self._is_sound = True

    def _take(
        self,
        chunk: _Chunk,
        tally: _Tally,
        *,
        keep_going: bool = False,
        original: InteractionRow | None = None,
    ) -> None:
        """Saves a chunk's records that are new, and accepts all so far where it is time to."""
        known = self._sorted(chunk.received)
        problems = known.problems + chunk.problems
        while True:
            plan = self._plan(known.fresh, original)
            is_sound = not (tally.refused or problems or plan.problems)
            if self._save(plan, accepts=keep_going or (chunk.is_last and is_sound)):
                break
            self._callers.forget()  # one of them was erased meanwhile
        self._callers.trim()
        tally.taken += len(plan.rows)
        tally.repeated += known.repeated + plan.repeated
        tally.erased += known.erased
        tally.note(problems + plan.problems)

    def _sorted(self, received: Sequence[Received]) -> _Sorted:
        """Those that are not there yet, those that are as they are, and the rest."""
        sourced = [(one, source_digest(self._vault, one.source)) for one in received]
        with self._store.reading() as connection:
            known = table.known_sources(connection, self._number, {digest for _, digest in sourced})
            found = _Sorted([pair for pair in sourced if pair[1] not in known])
            alike = []
            for one, digest in sourced if known else ():
                there = known.get(digest)
                if there is None:
                    continue
                if there.size is None:
                    found.erased += 1
                elif there.size == sealed_size(one.raw):
                    alike.append((one, there))
                else:
                    found.problems.append(self._conflict(one, there))
            self._compare(connection, alike, found)
        return found

    def _compare(
        self, connection: Connection, pairs: Sequence[tuple[Received, Known]], found: _Sorted
    ) -> None:
        """Adds those whose bytes may be the ones that are there."""
        boxes = self._callers.boxes(connection, {known.subject for _, known in pairs})
        data = table.sealed_at(connection, self._number, {known.position for _, known in pairs})
        for one, known in pairs:
            held, box = data[known.position], boxes.get(known.subject)
            if held is None or box is None:
                found.erased += 1
            elif unsealed(box, held, self._number, known.position).raw == one.raw:
                found.repeated += 1
            else:
                found.problems.append(self._conflict(one, known))

    def _conflict(self, one: Received, there: Known) -> Problem:
        """That a record's id is another's, which may be a draft of the same file: it has no index yet."""
        return _conflict(one, f"#{there.position}" if there.position < self._accepted else _EARLIER)

    def _plan(self, fresh: Sequence[_Sourced], original: InteractionRow | None) -> _Plan:
        """The rows of those that are to be saved, and what becomes of the others."""
        now, first = int(time.time()), dict[bytes, Received]()
        for one, digest in fresh:
            first.setdefault(digest, one)
        callers = self._callers.meet({one.customer for one in first.values() if one.customer is not None})
        count = sum(one.customer is None and one.start <= now for one in first.values())
        nobody = iter(self._callers.anonymous(count, now))
        sound, reasons = [], dict[bytes, tuple[str, str | None, str]]()
        for digest, one in first.items():
            if one.start > now:
                reasons[digest] = "start", iso_second(one.start), _AHEAD
                continue
            caller = next(nobody) if one.customer is None else callers[one.customer]
            if caller is None:
                reasons[digest] = "subject", None, _ERASED
            else:
                sound.append((one, digest, caller))
        repeated, problems = 0, []
        for one, digest in fresh:
            same = first[digest]
            if one.raw != same.raw:
                problems.append(_conflict(one, _EARLIER if same.line is None else f"line {same.line}"))
            elif digest in reasons:
                problems.append(Problem(one.file, one.line, *reasons[digest]))
            elif one is not same:
                repeated += 1
        rows = self._rows(sound, now, original)
        named = {caller.subject for one, _, caller in sound if one.customer is not None}
        return _Plan(rows, named, repeated, problems)

    def _rows(
        self, sound: Sequence[tuple[Received, bytes, Caller]], now: int, original: InteractionRow | None
    ) -> list[tuple[object, ...]]:
        """A row for each record, in order; the callers' chains go on with them."""
        stream, position = self._number, self._next
        amends = None if original is None else Amended(original.position, original.record)
        index = None if original is None else original.position
        random = secrets.token_bytes(SECRET * len(sound))
        rows: list[tuple[object, ...]] = []
        for place, (one, digest, caller) in enumerate(sound):
            secret = random[SECRET * place : SECRET * (place + 1)]
            subject, number, raw, kind = caller.subject, caller.number + 1, one.raw, one.kind
            link = Link(subject, number, caller.record, one.start, kind, amends).text()
            record = root(secret, link, raw, one.fields)
            data = sealed(caller.box, secret, raw, stream, position)
            rows.append(
                (stream, position, digest, subject, number, one.start, now, kind, record, data, index)
            )
            caller.number, caller.record = number, record
            position += 1
        return rows

    def _save(self, plan: _Plan, *, accepts: bool) -> bool:
        """Commits rows, and all drafts as accepted where told; False, and does nothing, if somebody was
        erased.
        """
        end = self._next + len(plan.rows)
        if end == (self._accepted if accepts else self._next):
            return True
        with self._store.writing() as connection:
            table.hasten(connection)
            table.check_turn(connection, self._number, self._turn)
            if table.any_erased(connection, plan.subjects):
                return False
            table.add_drafts(connection, plan.rows)
            if accepts:
                table.accept(connection, self._number, self._accepted, end)
        self._next = end
        if accepts:
            self._accepted = end
        return True

    def _discard(self) -> None:
        """Deletes all drafts."""
        _discard(self._store, self._number, self._turn)
        with self._store.reading() as connection:
            self._accepted = self._next = accepted_in(connection, self._number)
        self._callers.forget()
        self._is_sound = True

    # --- amendments

    def _original(self, index: int) -> InteractionRow:
        """The record to be amended. Raises BadInput for one that is not there, or says nothing any more."""
        with self._store.reading() as connection:
            row = table.find_interaction(connection, self._number, index)
        if row is None:
            rule = f"there is no #{index} in {self.stream.name}: it has {self._accepted} records"
        elif row.kind == "erasure":
            rule = f"#{index} is the record of an erasure, and cannot be amended"
        elif row.sealed is None:
            rule = f"#{index} was erased, and cannot be amended"
        else:
            return row
        raise BadInput([Problem("RECORD", None, None, None, rule)])

    def _of_same_customer(self, received: Received, original: InteractionRow) -> Received:
        """The amendment as its original's subject's. Raises BadInput if it is somebody else's.

        Of an anonymous caller, nobody can say more than that one is anonymous too.
        """
        if received.customer is None:
            with self._store.reading() as connection:
                row = find_subject(connection, original.subject)
            is_same = row is not None and row.ref_digest is None
        else:
            known = resolve_many(self._office, [received.customer])
            is_same = known.get(received.customer) == original.subject
        if not is_same:
            rule = f"not about the customer of #{original.position}, which it amends"
            raise BadInput([Problem(received.file, received.line, "subject", None, rule)])
        return replace(received, customer=format_subject(original.subject))


# --- erasure


@contextmanager
def closed(store: Store, stream: int) -> Iterator[int]:
    """Lets nobody add to a stream, by its number; what a killed session left is deleted. Yields the turn.

    Raises Busy.
    """
    with table.hold_queue(store, stream) as turn:
        _discard(store, stream, turn)
        yield turn


def record_erasure(connection: Connection, vault: Vault, subject: bytes, at: int) -> list[tuple[int, int]]:
    """Adds the record of a subject's erasure to each stream that has records of theirs: its stream and index.

    In the transaction that destroys the rest, with the queues of those streams held. It is their last.
    """
    added = []
    for last in table.ends_of(connection, subject):
        document = {
            "id": f"erasure of {format_subject(subject)}",
            "subject": format_subject(subject),
            "start": iso_second(at),
            "records": last.number,
        }
        raw, secret = json.dumps(document).encode(), secrets.token_bytes(SECRET)
        position = accepted_in(connection, last.stream, held=True)
        link = Link(subject, last.number + 1, last.record, at, "erasure")
        record = root(secret, link.text(), raw, flatten(document))
        data = sealed(vault.own_box(), secret, raw, last.stream, position)
        digest = vault.digest(b"erasure", subject.hex())[:_DIGEST]
        row = InteractionRow(
            *(last.stream, position, digest, subject, link.number, at, at, link.kind, record, data, None)
        )
        table.add_drafts(connection, [row])
        table.accept(connection, last.stream, position, position + 1)
        added.append((last.stream, position))
    return added


def _discard(store: Store, stream: int, turn: int) -> None:
    """Deletes a stream's drafts, a part at a time: others want to write too."""
    is_more = True
    while is_more:
        with store.writing() as connection:
            table.check_turn(connection, stream, turn)
            is_more = table.discard_drafts(connection, stream, _DISCARDED) == _DISCARDED


def _chunks(records: Iterable[Received | Problem]) -> Iterator[_Chunk]:
    """The records as they come, so many and so long at a time; the last chunk, perhaps empty, is marked."""
    chunk = _Chunk()
    for one in records:
        if len(chunk.received) + len(chunk.problems) >= _ROWS or chunk.bytes >= _BYTES:
            yield chunk
            chunk = _Chunk()
        if isinstance(one, Problem):
            chunk.problems.append(one)
        else:
            chunk.received.append(one)
            chunk.bytes += len(one.raw)
    chunk.is_last = True
    yield chunk


def _conflict(one: Received, place: str) -> Problem:
    """That an id is another record's."""
    # Asterisk writes several rows of one call through a queue.
    advice = "have uniqueid end in the row's sequence" if one.kind == "cdr" else "use another id"
    return _problem(one, f"this id is that of {place} already, with other content: amend that, or {advice}")


def _problem(one: Received, rule: str) -> Problem:
    """What is wrong with a record's id."""
    return Problem(one.file, one.line, _NAMES.get(one.kind, "id"), None, rule)
