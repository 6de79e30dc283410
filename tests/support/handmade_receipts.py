"""Receipts of all four kinds, made by hand: nothing of the product, only what the format says, and hashlib.

A `Stream` is an insurer's whole side of it: records in batches, trees, lists of subjects, commitments. It
makes honest receipts as plain values; `written` gives them their checksum and their one form, so that a test
can alter a value anywhere and still get past the first checks:

    stream = Stream([[Contact(1), Contact(2)], [Contact(1)]])        # two batches, the subjects 1 and 2
    receipt = stream.completeness(subject(1))
    receipt["records"].pop()
    file = written(receipt)
"""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from support.defaults import START
from support.streams import path_of, root_of

CHAIN = 31337
CONTRACT = "0x5fbdb2315678afecb367f032d93f642f64180aa3"
HOUR = 3600

Receipt = dict[str, Any]


def sha256(*parts: bytes) -> bytes:
    """SHA-256 of the parts, joined."""
    return hashlib.sha256(b"".join(parts)).digest()


def word(number: int) -> bytes:
    """32 bytes, big-endian."""
    return number.to_bytes(32, "big")


def hexed(data: bytes) -> str:
    """Lower-case, with 0x."""
    return "0x" + data.hex()


def subject(number: int) -> bytes:
    """A subject id: any 32 bytes."""
    return sha256(b"subject", word(number))


# --- records


def compact(value: Any) -> str:
    """JSON without spaces, nothing escaped that need not be."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def flat(value: Any, above: str = "") -> dict[str, str]:
    """Pointers to texts of a document's fields, whose strings are short."""
    if isinstance(value, list) and any(isinstance(one, dict | list) for one in value):
        members = {str(place): one for place, one in enumerate(value)}
    else:
        members = value if isinstance(value, dict) else {}
    if not members:
        return {above: compact(value)}
    found: dict[str, str] = {}
    for name, member in members.items():
        found |= flat(member, f"{above}/{name.replace('~', '~0').replace('/', '~1')}")
    return found


@dataclass(frozen=True)
class Contact:
    """What a test says of a record; the rest follows from its place. `who` numbers a subject."""

    who: int
    start: str = "2026-01-01T00:00:00Z"
    document: Mapping[str, str] = field(default_factory=lambda: {"/id": '"c-1"', "/outcome": '"resolved"'})
    raw: str = '{"id":"c-1","outcome":"resolved"}'
    kind: str = "json"
    amends: int | None = None


@dataclass(frozen=True)
class Record:
    """A record in its place: names, salts and texts of its fields, in order."""

    contact: Contact
    subject: bytes
    number: int
    names: list[str]
    salts: list[bytes]
    texts: list[str]

    @cached_property
    def digests(self) -> list[bytes]:
        """Of each field, in order."""
        return [sha256(salt, text.encode()) for salt, text in zip(self.salts, self.texts, strict=True)]

    @cached_property
    def root(self) -> bytes:
        """The record's, which is a leaf of the batch's tree."""
        return sha256(*self.digests)

    def fields(self, shown: Iterable[str]) -> list[dict[str, str]]:
        """As in a receipt, those named in `shown` open."""
        chosen = {"fields", *shown}
        return [
            {"salt": hexed(salt), "text": text} if name in chosen else {"digest": hexed(digest)}
            for name, salt, text, digest in zip(self.names, self.salts, self.texts, self.digests, strict=True)
        ]


def record_of(contact: Contact, secret: bytes, link: Mapping[str, Any]) -> Record:
    """A record with its salts."""
    names = ["fields", "link", "raw", *contact.document]
    texts = [compact(names), compact(link), contact.raw, *contact.document.values()]
    stream = hashlib.shake_256(secret).digest(16 * len(names))
    salts = [stream[16 * i : 16 * i + 16] for i in range(len(names))]
    return Record(contact, bytes.fromhex(link["subject"][2:]), link["number"], names, salts, texts)


# --- the list of subjects of a batch


@dataclass(frozen=True)
class Roster:
    """The tree of a batch's blinded subjects: `spans` are the first and last number of each subject in it."""

    secret: bytes
    spans: Mapping[bytes, tuple[int, int]]

    @cached_property
    def salt(self) -> bytes:
        """Blinds the subjects of this batch."""
        return hmac.digest(self.secret, b"salt", "sha256")

    def tag(self, who: bytes) -> bytes:
        """What stands for a subject in this batch."""
        return sha256(self.salt, who)

    def blind(self, who: bytes) -> bytes:
        """Hides a subject's numbers."""
        return hmac.digest(self.secret, self.tag(who), "sha256")[:16]

    def detail(self, who: bytes) -> bytes:
        """A commitment to a subject's numbers."""
        first, last = self.spans[who]
        return sha256(self.blind(who), first.to_bytes(8, "big"), last.to_bytes(8, "big"))

    @cached_property
    def listed(self) -> list[bytes]:
        """The subjects in the order of their tags."""
        return sorted(self.spans, key=self.tag)

    @cached_property
    def leaves(self) -> list[bytes]:
        """Tag and detail of each."""
        return [self.tag(who) + self.detail(who) for who in self.listed]

    @cached_property
    def root(self) -> bytes:
        """Of the tree."""
        return root_of(self.leaves)

    @property
    def word(self) -> bytes:
        """`subjects` of the batch."""
        return sha256(word(len(self.leaves)), self.salt, self.root)

    def opening(self) -> dict[str, Any]:
        """What `subjects` opens to."""
        return {"size": len(self.leaves), "salt": hexed(self.salt), "root": hexed(self.root)}

    def entry(self, who: bytes) -> dict[str, Any]:
        """Of a subject that is listed."""
        index, (first, last) = self.listed.index(who), self.spans[who]
        path = [hexed(node) for node in path_of(self.leaves, index)]
        return {"index": index, "first": first, "last": last, "blind": hexed(self.blind(who)), "path": path}

    def neighbour(self, index: int) -> dict[str, Any] | None:
        """Of a subject that is not meant."""
        if not 0 <= index < len(self.leaves):
            return None
        leaf, path = self.leaves[index], [hexed(node) for node in path_of(self.leaves, index)]
        return {"index": index, "tag": hexed(leaf[:32]), "detail": hexed(leaf[32:]), "path": path}

    def place(self, who: bytes) -> int:
        """How many of the listed come before a subject."""
        return sum(self.tag(other) < self.tag(who) for other in self.listed)

    def gap(self, who: bytes) -> dict[str, Any]:
        """The two between which a subject would be listed."""
        place = self.place(who)
        return {"below": self.neighbour(place - 1), "above": self.neighbour(place)}


# --- the stream


@dataclass
class Batch:
    """An anchored batch."""

    number: int
    first: int
    records: list[Record]
    roster: Roster
    time: int
    previous: bytes
    transaction: bytes

    @property
    def root(self) -> bytes:
        """Of the tree over the records."""
        return root_of([record.root for record in self.records])

    def path(self, index: int) -> list[str]:
        """Of the record at an index of the stream."""
        return [hexed(node) for node in path_of([each.root for each in self.records], index - self.first)]


def origin_of(chain: int, contract: str, stream: int, name: str) -> bytes:
    """What the first batch is chained to."""
    contents = sha256(word(chain), word(int(contract, 16)), word(stream), sha256(name.encode()))
    return sha256(contents, word(0))


def commitment_of(receipt: Receipt, batch: Mapping[str, Any]) -> bytes:
    """The word on the chain for a batch of a receipt, whatever it says."""
    words = [receipt["chain"], int(receipt["contract"], 16), receipt["stream"]]
    words += [batch["number"], batch["count"], batch["time"]]
    words += [int(batch[name], 16) for name in ("root", "subjects", "previous")]
    return sha256(sha256(*(word(each) for each in words)), word(batch["first"] + batch["count"]))


class Stream:
    """A stream and its batches, and every receipt that can be made of it. Equal arguments make equal bytes.

    `times`: when each batch was anchored, else hour by hour, the first an hour after START.
    """

    def __init__(
        self,
        batches: Sequence[Sequence[Contact]],
        *,
        times: Sequence[int] | None = None,
        chain: int = CHAIN,
        contract: str = CONTRACT,
        number: int = 1,
        name: str = "calls",
        seed: bytes = b"seed",
    ) -> None:
        self.chain, self.contract, self.number, self.name, self.seed = chain, contract, number, name, seed
        self.batches: list[Batch] = []
        self.records: list[Record] = []
        self._last: dict[bytes, Record] = {}
        previous = origin_of(chain, contract, number, name)
        for k, contacts in enumerate(batches):
            time = times[k] if times else START + HOUR * (k + 1)
            batch = self._batch(k + 1, contacts, time, previous)
            self.batches.append(batch)
            previous = commitment_of(self._head("inclusion"), self._shown(batch))

    def _batch(self, number: int, contacts: Sequence[Contact], time: int, previous: bytes) -> Batch:
        """The next batch."""
        first = len(self.records)
        added = [self._added(contact) for contact in contacts]
        spans: dict[bytes, tuple[int, int]] = {}
        for record in added:
            low, _ = spans.get(record.subject, (record.number, 0))
            spans[record.subject] = low, record.number
        roster = Roster(sha256(self.seed, b"batch", word(number)), spans)
        transaction = sha256(self.seed, b"transaction", word(number))
        return Batch(number, first, added, roster, time, previous, transaction)

    def _added(self, contact: Contact) -> Record:
        """The next record."""
        who, index = subject(contact.who), len(self.records)
        before = self._last.get(who)
        link: dict[str, Any] = {
            "subject": hexed(who),
            "number": before.number + 1 if before else 1,
            "previous": hexed(before.root) if before else None,
            "start": contact.start,
            "kind": contact.kind,
        }
        if contact.amends is not None:
            amended = self.records[contact.amends]
            link["amends"] = {"index": contact.amends, "record": hexed(amended.root)}
        record = record_of(contact, sha256(self.seed, b"record", word(index)), link)
        self.records.append(record)
        self._last[who] = record
        return record

    def _head(self, kind: str) -> Receipt:
        """What every receipt begins with."""
        return {
            "troth_receipt": 1,
            "kind": kind,
            "chain": self.chain,
            "contract": self.contract,
            "stream": self.number,
            "name": self.name,
        }

    @staticmethod
    def _shown(batch: Batch) -> dict[str, Any]:
        """A batch in a receipt."""
        return {
            "number": batch.number,
            "first": batch.first,
            "count": len(batch.records),
            "time": batch.time,
            "root": hexed(batch.root),
            "subjects": hexed(batch.roster.word),
            "previous": hexed(batch.previous),
            "transaction": hexed(batch.transaction),
        }

    def _surveyed(self, batch: Batch, who: bytes) -> dict[str, Any]:
        """A batch in a survey."""
        shown = {**self._shown(batch), "opening": batch.roster.opening()}
        if who in batch.roster.spans:
            return {**shown, "entry": batch.roster.entry(who)}
        return {**shown, "gap": batch.roster.gap(who)}

    def batch_of(self, index: int) -> Batch:
        """The batch that holds the record at an index."""
        return next(each for each in self.batches if index < each.first + len(each.records))

    def record(self, index: int, shown: Iterable[str] | None = None) -> dict[str, Any]:
        """A record in a receipt, whole unless it is said what to show."""
        made = self.records[index]
        fields = made.fields(made.names if shown is None else shown)
        return {"index": index, "path": self.batch_of(index).path(index), "fields": fields}

    def inclusion(self, index: int) -> Receipt:
        """A whole record."""
        batches = [self._shown(self.batch_of(index))]
        return {**self._head("inclusion"), "batches": batches, "records": [self.record(index)]}

    def disclosure(self, index: int, shown: Iterable[str]) -> Receipt:
        """A record of which the fields named are shown."""
        batches = [self._shown(self.batch_of(index))]
        return {**self._head("disclosure"), "batches": batches, "records": [self.record(index, shown)]}

    def _records_of(self, who: bytes, batches: Iterable[Batch]) -> list[dict[str, Any]]:
        """A subject's records in some batches, links shown."""
        return [
            self.record(batch.first + k, ["link"])
            for batch in batches
            for k, record in enumerate(batch.records)
            if record.subject == who
        ]

    def absence(
        self, who: bytes, since: str, until: str, *, after: int | None = None, last: int | None = None
    ) -> Receipt:
        """No contact in a period. `after`: the one batch not surveyed, else all are."""
        chosen = self.batches[(after or 1) - 1 : last]
        surveyed = chosen if after is None else chosen[1:]
        batches = [*map(self._shown, chosen[: len(chosen) - len(surveyed)])]
        batches += [self._surveyed(batch, who) for batch in surveyed]
        period = {"subject": hexed(who), "from": since, "until": until}
        records = self._records_of(who, surveyed)
        return {**self._head("absence"), **period, "batches": batches, "records": records}

    def completeness(self, who: bytes, *, last: int | None = None) -> Receipt:
        """All contacts, up to batch number `last`."""
        chosen = self.batches[:last]
        batches = [self._surveyed(batch, who) for batch in chosen]
        records = self._records_of(who, chosen)
        return {**self._head("completeness"), "subject": hexed(who), "batches": batches, "records": records}

    def commitment(self, number: int) -> str:
        """The word on the chain for a batch; 0 for one that is not anchored; number 0 is the origin's."""
        if number == 0:
            return hexed(origin_of(self.chain, self.contract, self.number, self.name))
        if number > len(self.batches):
            return hexed(bytes(32))
        return hexed(commitment_of(self._head("inclusion"), self._shown(self.batches[number - 1])))


def form(value: Any) -> str:
    """The one form of a file."""
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def sealed(receipt: Receipt) -> Receipt:
    """A copy with the right checksum, whatever else is wrong with it."""
    bare = {name: copy.deepcopy(value) for name, value in receipt.items() if name != "checksum"}
    return {**bare, "checksum": hexed(sha256(form(bare).encode()))}


def written(receipt: Receipt) -> bytes:
    """The file of a receipt, checksum and all."""
    return form(sealed(receipt)).encode()


def four_kinds() -> dict[str, tuple[Stream, Receipt]]:
    """A small receipt of each kind, and the stream it is of."""
    busy = [Contact(1), Contact(2), Contact(3), Contact(4), Contact(1, "2026-01-01T00:30:00Z")]
    stream = Stream([busy, [Contact(2), Contact(3)], [Contact(1, "2026-01-01T02:00:00Z"), Contact(5)]])
    return {
        "inclusion": (stream, stream.inclusion(3)),
        "disclosure": (stream, stream.disclosure(4, ["link", "/outcome"])),
        "absence": (stream, stream.absence(subject(1), "2026-01-01T00:30:01Z", "2026-01-01T02:00:00Z")),
        "completeness": (stream, stream.completeness(subject(1))),
    }
