"""Importing a file of decisions: all of its rows or none are taken, and each is recorded once.

The rows are staged in the database before any is sent, each with an evidence word unlike any other. What the
index holds of those words is recorded; the rest is sent. So the command can be killed at any moment and run
again, and goes on where it was; a file that is done is known by what it says.

Decisions on one key are recorded in the order of the file. Only a chain that loses blocks for good (one for
development that was killed) can have later ones first: those under way, while the lost ones are sent anew.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection

from troth.chain.contracts import Contract
from troth.chain.transactions import Call
from troth.consent import terms
from troth.consent.decisions import GRANTS, Entry, Scope
from troth.consent.intake import ConsentFile, ConsentRow, read_consents
from troth.consent.record import beyond_cap, cap_of, check_paused
from troth.errors import BadInput, BadSetting, ConsentsPaused, ContractRefused, Problem, TrothError
from troth.identity.evidence import draft_many
from troth.identity.subjects import resolve_many, resolve_or_create
from troth.identity.vault import Vault
from troth.intake import iso_second
from troth.office import Office, Progress, progress_ignored
from troth.store import consents as stored
from troth.store import imports as table
from troth.store.imports import Import, StagedRow
from troth.store.journal import StoredJournal
from troth.store.subjects import erased_on_chain

__all__ = ["Imported", "import_file"]

# Gas, measured on the shipped contract and rounded up: a test shows that no batch takes more than foreseen.
_TRANSACTION = 60_000
_ROW = 28_500  # the first decision on a key
_SEARCH = 5_500  # each doubling of the decisions on a key: two more slots looked at
_CHUNK = 5_000  # rows read, sealed and compared at once
_INDEXED = 10_000  # rows sent between two looks of the index

_UNKNOWN = "no subject has this customer reference: make them with --create"


@dataclass(frozen=True)
class Imported:
    """What one run did."""

    rows: int
    """Of the file."""
    recorded: int
    """By this run."""
    already: int
    """Before it: by a run that was killed, or all of them."""
    subjects: int
    """Made for unknown customer references."""
    transactions: tuple[str, ...]
    """Hashes, in the order mined."""
    gas_used: int
    seconds: float


def import_file(
    office: Office, path: Path, *, create: bool = False, progress: Progress = progress_ignored
) -> Imported:
    """Records the decisions in a file, in its order, as an operator.

    With `create`, unknown customer references get subjects. Raises BadInput with every bad row before
    anything is sent, ConsentsPaused, MissingRole, BadSetting, and what sending raises: then run it again.
    """
    begun = time.monotonic()
    file = read_consents(path)
    vault = Vault.of(office)
    source = vault.digest(b"import", file.source.hex())
    _ = office.sender  # finishes what a killed run had under way, before anything is planned
    indexed = office.sync().block
    with office.store.reading() as connection:
        one = table.find_import(connection, source)
    made = 0
    if one is None:
        one, made = _stage(office, vault, file, source, create=create)
    run = _Run(office, one, _recorded_since(office, indexed), progress)
    if run.pending:
        _check_sender(office, one)
        _renumber(office, one, file)
        run.send()
        office.sync()
    return Imported(
        rows=one.rows,
        recorded=run.done,
        already=one.rows - run.pending,
        subjects=made,
        transactions=tuple(run.transactions),
        gas_used=run.gas_used,
        seconds=round(time.monotonic() - begun, 3),
    )


# --- what must hold before anything is sent


def _check(office: Office, file: ConsentFile, *, create: bool) -> set[bytes]:
    """The subjects there are. Raises BadInput for what only chain and database can tell, ConsentsPaused,
    MissingRole.
    """
    subjects = resolve_many(office, {row.subject for row in file.rows})
    with office.store.reading() as connection:
        erased = erased_on_chain(connection, set(subjects.values()))
    now = int(office.now().timestamp())
    caps = {
        pair: cap_of(office, *pair)
        for pair in {(row.jurisdiction, row.purpose) for row in file.rows if row.jurisdiction}
    }
    problems = []
    for row in file.rows:
        if row.effective > now:
            rule = f"in the future: on the chain it is {iso_second(now)}"
            problems.append(_problem(file, row, "effective", iso_second(row.effective), rule))
        subject = subjects.get(row.subject)
        if subject is None and not create:
            problems.append(_problem(file, row, "subject", None, _UNKNOWN))
        if subject in erased:
            problems.append(_problem(file, row, "subject", None, "this subject was erased"))
        cap = caps.get((row.jurisdiction, row.purpose), 0)
        if cap and row.state in GRANTS and row.expires > row.effective + cap:
            rule = beyond_cap(row.jurisdiction, cap, row.effective)
            problems.append(_problem(file, row, "expires", iso_second(row.expires), rule))
    if problems:
        raise BadInput(problems)
    check_paused(office, *{row.state for row in file.rows})
    office.contract("ConsentRegistry").call("recordFor", [], sender=office.sender.address)  # may it?
    return set(subjects.values())


def _problem(file: ConsentFile, row: ConsentRow, column: str, value: str | None, rule: str) -> Problem:
    """What is wrong with a cell."""
    return Problem(str(file.path), row.line, column, value, rule)


def _check_sender(office: Office, one: Import) -> None:
    """Raises BadSetting if another key sent some of it that may yet be mined."""
    ours = office.sender.address
    for under_way in StoredJournal(office.store).unfinished():
        if under_way.sender != ours and under_way.call.label.startswith(_label(one)):
            rule = f"the import is under way from {under_way.sender}: finish it with that key"
            raise BadSetting("TROTH_KEYSTORE", ours, rule)


# --- staging


def _stage(
    office: Office, vault: Vault, file: ConsentFile, source: bytes, *, create: bool
) -> tuple[Import, int]:
    """Makes everything durable that the rows need; the import, and how many subjects were made."""
    known = _check(office, file, create=create)
    with office.store.writing() as connection:  # before their IRIs are on the chain
        for iri, notice in file.notices.items():
            stored.save_notice(connection, iri, notice.name, notice.media_type, notice.data)
    numbers = terms.numbers_of(office, _iris(file))
    with office.store.writing() as connection:
        subjects = resolve_or_create(connection, vault, {row.subject: None for row in file.rows})
        rows = _sealed(connection, vault, file, subjects, numbers)
        one = table.save_import(connection, source, file.path.name, rows)
    return one, len(set(subjects.values()) - known)


def _sealed(
    connection: Connection,
    vault: Vault,
    file: ConsentFile,
    subjects: dict[str, bytes],
    numbers: dict[str, int],
) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Subject, entry and evidence word of each row, its evidence sealed."""
    entries = _entries(file.rows, numbers)
    left = iter(file.rows)
    while part := list(islice(left, _CHUNK)):
        words = draft_many(connection, vault, [(subjects[row.subject], file.evidence(row)) for row in part])
        for row, word in zip(part, words, strict=True):
            yield subjects[row.subject], next(entries), word


def _renumber(office: Office, one: Import, file: ConsentFile) -> None:
    """Sees that the staged entries have the numbers that their terms have now.

    A chain that lost blocks (a development chain that was killed, a reorganisation) may have lost terms, and
    then numbers them otherwise.
    """
    entries = list(_entries(file.rows, terms.numbers_of(office, _iris(file))))
    with office.store.writing() as connection:
        changed = [
            (row.position, entries[row.position])
            for row in table.staged_rows(connection, one)
            if row.entry != entries[row.position]
        ]
        table.change_entries(connection, one, changed)


def _iris(file: ConsentFile) -> set[str]:
    """Every term of the file."""
    columns = ("purpose", "recipient", "category", "notice", "jurisdiction")
    return {iri for row in file.rows for name in columns if (iri := getattr(row, name))}


def _entries(rows: Iterable[ConsentRow], numbers: dict[str, int]) -> Iterator[bytes]:
    """The contract's word of each row, 32 bytes."""
    number = {**numbers, "": 0}.__getitem__
    for row in rows:
        scope = Scope(number(row.purpose), number(row.recipient), number(row.category))
        notice, jurisdiction = number(row.notice), number(row.jurisdiction)
        nature = (row.method, row.basis, row.state)
        entry = Entry(scope, notice, jurisdiction, row.effective, row.expires, 0, *nature)
        yield entry.word.to_bytes(32, "big")


# --- sending


@dataclass(frozen=True)
class _Batch:
    """Rows to be recorded by one transaction, in order."""

    rows: Sequence[StagedRow]
    keys: frozenset[bytes]
    """Of the consents it is on: subject and scope."""
    gas: int


@dataclass
class _Run:
    """A run under way.

    Decisions on one key are numbered in the order they are mined, so a batch waits until none is under way
    that is on a key of its own: should that one fail, this one is not sent.
    """

    office: Office
    one: Import
    elsewhere: set[bytes]  # evidence words on the chain, in blocks too new for the index
    progress: Progress
    pending: int = 0  # rows to record as it begins
    done: int = 0
    transactions: list[str] = field(default_factory=list)
    gas_used: int = 0
    indexed: int = 0
    under_way: dict[int, _Batch] = field(default_factory=dict)  # by id of the call
    failure: TrothError | None = None
    head: _Batch | None = None

    def __post_init__(self) -> None:
        """Counts what is left."""
        with self.office.store.reading() as connection:
            self.pending = table.count_unrecorded(connection, self.one)
            if self.elsewhere:
                self.pending -= sum(
                    row.evidence in self.elsewhere for row in table.staged_rows(connection, self.one)
                )

    def send(self) -> None:
        """Sends what is left. Raises the first failure, with nothing sent that had to come after it."""
        gas = min(self.office.settings.batch_gas, self.office.gas_cap * 4 // 5)
        batches = _batches(self._costed(), gas)
        self.head = next(batches, None)
        while self.head is not None:
            for outcome in self.office.sender.stream(self._calls(batches)):
                batch = self.under_way.pop(id(outcome.call))
                if outcome.receipt is not None:
                    self.transactions.append(outcome.receipt.hash)  # its logs would fill the memory
                    self.gas_used += outcome.receipt.gas_used
                if outcome.failure is None:
                    self.done += len(batch.rows)
                self.failure = self.failure or outcome.failure
                self.progress(self.one.rows - self.pending + self.done, self.one.rows)
                self._index()
            if self.failure is not None:
                raise _in_words(self.failure)

    def _index(self) -> None:
        """Indexes what was recorded, now and then: all at the end would take memory by the file's size."""
        if self.done - self.indexed >= _INDEXED:
            self.indexed = self.done
            self.office.sync()

    def _calls(self, batches: Iterator[_Batch]) -> Iterator[Call]:
        """The next batches as calls, made while the chain works on those before, until one has to wait."""
        registry = self.office.contract("ConsentRegistry")
        while self.head is not None and self.failure is None:
            keys = self.head.keys
            if any(not keys.isdisjoint(other.keys) for other in self.under_way.values()):
                return
            call = _call(self.head, registry, self.office.gas_cap, _label(self.one))
            self.under_way[id(call)] = self.head
            self.head = next(batches, None)
            yield call

    def _costed(self) -> Iterator[tuple[StagedRow, int]]:
        """The rows left, each with the gas it takes at most."""
        counts: dict[int, int] = {}  # decisions by hash of the key: two that coincide cost a little caution
        for start in range(0, self.one.rows, _CHUNK):
            with self.office.store.reading() as connection:
                rows = table.unrecorded_rows(connection, self.one, start, _CHUNK)
                known = table.recorded_on(connection, {row.subject for row in rows})
            for (subject, *scope), count in known.items():
                place = hash(subject + b"".join(term.to_bytes(4, "big") for term in scope))
                counts[place] = max(counts.get(place, 0), count)
            for row in rows:
                if row.evidence in self.elsewhere:
                    continue
                place = hash(_key(row))
                before = counts.get(place, 0)
                counts[place] = before + 1
                yield row, _ROW + _SEARCH * (before // 2).bit_length()


def _recorded_since(office: Office, block: int) -> set[bytes]:
    """The evidence words of decisions in blocks after `block`: on the chain, and too new for the index."""
    registry = office.contract("ConsentRegistry")
    wanted = {
        "address": registry.address,
        "fromBlock": hex(block + 1),
        "toBlock": "latest",
        "topics": [f"0x{registry.topic('DecisionRecorded').hex()}"],
    }
    if int(office.node.call("eth_blockNumber"), 16) <= block:
        return set()
    return {bytes.fromhex(log["data"][-64:]) for log in office.node.call("eth_getLogs", [wanted])}


def _batches(rows: Iterable[tuple[StagedRow, int]], gas: int) -> Iterator[_Batch]:
    """Cuts rows into batches that take up to `gas` each, of one row at least.

    Where it can be, rows of one subject that follow each other stay together: no batch waits for another.
    """
    batch: list[tuple[StagedRow, int]] = []
    used = _TRANSACTION
    for row, cost in rows:
        if batch and used + cost > gas:
            kept = _cut([one for one, _ in batch], row)
            yield _of(batch[:kept])
            batch = batch[kept:]
            used = _TRANSACTION + sum(each for _, each in batch)
        batch.append((row, cost))
        used += cost
    if batch:
        yield _of(batch)


def _cut(batch: Sequence[StagedRow], following: StagedRow) -> int:
    """How many rows of a full batch to send before `following`."""
    kept = len(batch)
    while kept and batch[kept - 1].subject == following.subject:
        kept -= 1
    return kept or len(batch)


def _of(costed: Sequence[tuple[StagedRow, int]]) -> _Batch:
    """The batch of rows."""
    rows = [row for row, _ in costed]
    return _Batch(rows, frozenset(map(_key, rows)), _TRANSACTION + sum(cost for _, cost in costed))


def _call(batch: _Batch, registry: Contract, gas_cap: int, label: str) -> Call:
    """The transaction that records a batch, with a quarter of gas to spare if `gas_cap` lets it.

    Packed by hand, for the general encoder takes longer than the chain: a test compares the two.
    """
    head = (32).to_bytes(32, "big") + len(batch.rows).to_bytes(32, "big")
    words = b"".join(word for row in batch.rows for word in row[1:])
    data = registry.abi.function("recordFor").selector + head + words
    first, last = batch.rows[0].position, batch.rows[-1].position
    limit = min(gas_cap, batch.gas * 5 // 4)
    return Call(registry.address, data, limit, label=f"{label} rows {first} to {last}")


def _key(row: StagedRow) -> bytes:
    """Of the consent a row is on: subject, purpose, recipient, category."""
    return row.subject + row.entry[:12]


def _label(one: Import) -> str:
    """What its transactions begin their names with."""
    return f"import {one.key}:"


def _in_words(failure: TrothError) -> TrothError:
    """The failure as commands say it."""
    is_pause = isinstance(failure, ContractRefused) and failure.name == "EnforcedPause"
    return ConsentsPaused() if is_pause else failure
