"""Receipts: one JSON file each, which leads from what was said and done to a word on a chain.

A receipt for a single record shows all of it (inclusion) or some fields (disclosure), and the path from it to
the root of its batch. `surveys` makes those for all records of a subject. docs/receipts.md describes the
format; `verifier/verify_receipt.py`, which shares nothing with this, checks it.

All is made again from what is kept: a record from its bytes as received and its secret, a batch from the
roots of its records. Where that does not give what was anchored, no receipt is made.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import takewhile
from typing import Any, Literal, cast

from sqlalchemy import Connection

from troth.errors import BadInput, Problem, RecordsAltered
from troth.identity.vault import Box, Vault
from troth.intake import iso_second
from troth.interactions import cose, sealing, streams
from troth.interactions.batches import Anchored, anchored_batches
from troth.interactions.formats import reread
from troth.interactions.history import locate
from troth.interactions.records import Amended, Field, Kind, Link, opened, select
from troth.interactions.roster import Roster
from troth.interactions.streams import Stream
from troth.office import Office
from troth.store import batches as batch_table
from troth.store import interactions as table
from troth.store.interactions import InteractionRow
from troth.store.subjects import find_subject
from troth.trees.rfc9162 import Tree

__all__ = [
    "Kept",
    "Receipt",
    "ReceiptKind",
    "disclosure",
    "hexed",
    "inclusion",
    "inclusions",
    "kept",
    "vouched",
    "written",
]

ReceiptKind = Literal["inclusion", "disclosure", "absence", "completeness"]

_FORMAT = 1
_NAMED = 40  # fields, where one asked for is not there
_RECORD = "RECORD"
"""What errors call the record asked for."""


@dataclass(frozen=True)
class Receipt:
    """A receipt. `repr` shows nothing of it: it may hold all that was said."""

    kind: ReceiptKind
    document: Mapping[str, Any] = field(repr=False)
    text: str = field(repr=False)
    """The document as it stands in its file."""
    uncovered: int
    """Records of the stream that were accepted and are not anchored: the receipt does not speak of them."""


# --- for single records


def inclusion(office: Office, stream: str, record: str) -> Receipt:
    """The receipt for a whole record. `stream`: its name; `record`: a source id, or # and an index.

    Raises BadInput for a record that is unknown, waits to be anchored, or was erased; DatabaseFailed and
    RecordsAltered where what is kept is not what was anchored; what `Vault.of` and reading the chain raise.
    """
    named, row = locate(office, stream, record)
    with kept(office, named) as found:
        return found.single("inclusion", row, None)


def disclosure(office: Office, stream: str, record: str, fields: Iterable[str]) -> Receipt:
    """The receipt for a record of which these fields are shown, each with all below it, and no others.

    Raises as `inclusion`, and BadInput for a field that is not there.
    """
    named, row = locate(office, stream, record)
    with kept(office, named) as found:
        return found.single("disclosure", row, list(fields))


def inclusions(office: Office, stream: str, indexes: Iterable[int]) -> Iterator[Receipt]:
    """Receipts for the whole records at many indexes. Those of one batch in a row take one reading of it.

    The database is read throughout, as it was when the first was asked for. Raises as `inclusion`.
    """
    with kept(office, streams.find(office, stream)) as found:
        for index in indexes:
            row = table.find_interaction(found.connection, found.stream.number, index)
            if row is None:
                raise _refused(_RECORD, f"no such record in stream {stream}", f"#{index}")
            yield found.single("inclusion", row, None)


def vouched(office: Office, receipt: Receipt) -> bytes:
    """The inclusion that a receipt shows as a COSE Receipt, CBOR, signed by the office's account.

    Raises BadInput for a receipt of another kind, and where the account is no writer of the stream: its key
    would tie to nothing on the chain; and what opening the key raises.
    """
    if receipt.kind != "inclusion":
        raise _refused("--cose", f"a COSE receipt shows inclusion, and not {receipt.kind}")
    document = receipt.document
    signer = office.signer
    if not office.contract("Streams").call("isWriter", document["stream"], signer.address):
        reason = f"{signer.address} signs here, and is no writer of stream {document['name']}"
        raise _refused("--cose", f"{reason}: sign with the key of one, or allow it by `troth stream writer`")
    (batch,), (record,) = document["batches"], document["records"]
    path = [_bytes(one) for one in record["path"]]
    index = record["index"] - batch["first"]
    return cose.receipt(signer, _bytes(batch["root"]), batch["count"], index, path)


# --- what is kept of a stream


@contextmanager
def kept(office: Office, stream: Stream, *, asked: str = _RECORD) -> Iterator[Kept]:
    """A stream as it is kept here and anchored on the chain, at one moment.

    `asked`: what errors call what was asked for. Raises as `inclusion`.
    """
    vault, anchored = Vault.of(office), anchored_batches(office, stream)
    with office.store.reading() as connection:
        yield Kept(office, connection, vault, stream, anchored, asked=asked)


class Kept:
    """A stream opened to make receipts of it. Within one reading transaction."""

    def __init__(
        self,
        office: Office,
        connection: Connection,
        vault: Vault,
        stream: Stream,
        anchored: Sequence[Anchored],
        *,
        asked: str,
    ) -> None:
        """`anchored`: its batches, those too new for the index too."""
        # A block too new for the index may yet be replaced by another, and with it the time of a batch.
        settled = {one.transaction for one in batch_table.anchors_of(connection, stream.number)}
        self.batches = list(takewhile(lambda one: one.transaction in settled, anchored))
        """Those a receipt may speak of, from number 1 on."""
        self.connection, self.stream, self._asked = connection, stream, asked
        self._firsts = [one.batch.first for one in self.batches]
        self._chain, self._contract = office.node.chain_id, office.contract("Streams").address.lower()
        self._office, self._vault, self._all = office, vault, len(anchored)
        self._tree: tuple[int, Tree] | None = None
        self._box: tuple[bytes, Box] | None = None

    @property
    def covered(self) -> int:
        """How many records those batches hold."""
        last = self.batches[-1].batch if self.batches else None
        return 0 if last is None else last.first + last.count

    @property
    def uncovered(self) -> int:
        """How many were accepted and are not in them."""
        return max(0, batch_table.accepted_in(self.connection, self.stream.number) - self.covered)

    def single(self, kind: ReceiptKind, row: InteractionRow, fields: Sequence[str] | None) -> Receipt:
        """The receipt for one record, of which `fields` are shown, or all of them."""
        anchored = self.holding(row)
        shown = self.record(anchored, row, lambda names: _selected(names, fields))
        members = {**self.head(kind), "batches": [self.batch(anchored)], "records": [shown]}
        return written(kind, members, self.uncovered)

    def holding(self, row: InteractionRow) -> Anchored:
        """The batch an interaction is in. Raises BadInput if it waits for one."""
        if row.position < self.covered:
            return self.batches[bisect_right(self._firsts, row.position) - 1]
        if len(self.batches) < self._all:
            blocks = self._office.settings.confirmations
            reason = f"#{row.position} may be anchored too late to count yet: {blocks} blocks must follow"
            raise _refused(_RECORD, f"{reason}; ask again later")
        reason = f"#{row.position} waits to be anchored: run `troth interactions anchor`"
        raise _refused(_RECORD, reason)

    def head(self, kind: ReceiptKind) -> dict[str, Any]:
        """The members every receipt begins with."""
        return {
            "troth_receipt": _FORMAT,
            "kind": kind,
            "chain": self._chain,
            "contract": self._contract,
            "stream": self.stream.number,
            "name": self.stream.name,
        }

    def batch(self, anchored: Anchored) -> dict[str, Any]:
        """A batch as it stands in a receipt: what its commitment opens to, and where that was made."""
        batch = anchored.batch
        return {
            "number": batch.number,
            "first": batch.first,
            "count": batch.count,
            "time": batch.time,
            "root": hexed(batch.root),
            "subjects": hexed(batch.subjects),
            "previous": hexed(batch.previous),
            "transaction": hexed(anchored.transaction),
        }

    def record(
        self, anchored: Anchored, row: InteractionRow, choose: Callable[[Sequence[str]], Collection[int]]
    ) -> dict[str, Any]:
        """A record as it stands in a receipt; `choose` says which of the fields of these names are shown."""
        fields = self._fields(row)
        shown = choose([one.name for one in fields])
        path = self._tree_of(anchored).path(row.position - anchored.batch.first)
        return {
            "index": row.position,
            "path": [hexed(node) for node in path],
            "fields": [
                {"salt": hexed(one.salt), "text": one.text.decode()}
                if at in shown
                else {"digest": hexed(one.digest)}
                for at, one in enumerate(fields)
            ],
        }

    def roster(self, anchored: Anchored) -> Roster:
        """The blinded subjects of a batch. Raises RecordsAltered unless they are as anchored."""
        batch = anchored.batch
        closed = batch_table.closed_batch(self.connection, batch.stream, batch.number)
        if closed is None:
            raise self.altered(f"batch {batch.number}")
        spans = batch_table.spans_of(self.connection, batch.stream, batch.first, batch.count)
        try:
            made = Roster.build(closed.secret, spans)
        except ValueError:
            raise self.altered(f"batch {batch.number}") from None
        if made.word != batch.subjects:
            raise self.altered(f"batch {batch.number}")
        return made

    def altered(self, what: str) -> RecordsAltered:
        """The error for what is no longer as it was anchored."""
        return RecordsAltered(f"{what} of stream {self.stream.name}")

    def _tree_of(self, anchored: Anchored) -> Tree:
        """The tree over a batch's records; the last one asked for stays at hand. Raises RecordsAltered."""
        batch = anchored.batch
        if self._tree is None or self._tree[0] != batch.number:
            self._tree = None  # of a million records: not two at a time
            records = batch_table.records_of(self.connection, batch.stream, batch.first, batch.count)
            try:
                made = Tree.build(records)
            except ValueError:
                raise self.altered(f"batch {batch.number}") from None
            if len(made) != batch.count or made.root != batch.root:
                raise self.altered(f"batch {batch.number}")
            self._tree = (batch.number, made)
        return self._tree[1]

    def _fields(self, row: InteractionRow) -> tuple[Field, ...]:
        """A record's fields, made again. Raises BadInput if they are erased, DatabaseFailed if damaged."""
        box = self._box_of(row)
        if box is None or row.sealed is None:
            raise self._erased(row)
        content = sealing.opened(box, row.sealed, row.stream, row.position)
        previous, amended = table.records_before(self.connection, row)
        kind = cast("Kind", row.kind)  # the table holds no other
        amends = None if row.amends is None or amended is None else Amended(row.amends, amended)
        link = Link(row.subject, row.number, previous, row.start, kind, amends)
        try:
            fields = opened(content.secret, link.text(), content.raw, reread(kind, content.raw).fields)
        except (BadInput, ValueError):
            raise self._damaged(box, row) from None
        if sha256(b"".join(one.digest for one in fields)).digest() != row.record:
            raise self._damaged(box, row)
        return fields

    def _box_of(self, row: InteractionRow) -> Box | None:
        """What opens an interaction; None once its subject's key is destroyed."""
        if row.kind == "erasure":
            return self._vault.own_box()
        if self._box is None or self._box[0] != row.subject:
            subject = find_subject(self.connection, row.subject)
            if subject is None or subject.sealed_key is None:
                return None
            self._box = (row.subject, self._vault.box(row.subject, subject.sealed_key))
        return self._box[1]

    def _damaged(self, box: Box, row: InteractionRow) -> Exception:
        """The error for a record that is not what was accepted."""
        return box.damaged(f"record #{row.position} of stream {self.stream.name}")

    def _erased(self, row: InteractionRow) -> BadInput:
        """The error for a record whose content is destroyed: when, and where that is recorded."""
        theirs = table.interactions_of(self.connection, row.subject)
        proofs = [one for one in theirs if one.stream == row.stream and one.kind == "erasure"]
        subject = find_subject(self.connection, row.subject)
        when = proofs[-1].start if proofs else None if subject is None else subject.erased_at
        reason = f"#{row.position} was erased{'' if when is None else f' on {iso_second(when)}'}"
        if proofs:
            proof = f"#{proofs[-1].position}"
            reason += f", which is recorded as {proof}: an inclusion receipt can be made of that"
        return _refused(self._asked, reason)


# --- text


def written(kind: ReceiptKind, members: Mapping[str, Any], uncovered: int) -> Receipt:
    """The receipt of these `members`, with its checksum, in the one form it has."""
    bare = json.dumps(members, indent=1, ensure_ascii=False)
    checksum = hexed(sha256(f"{bare}\n".encode()).digest())
    text = f'{bare[:-2]},\n "checksum": "{checksum}"\n}}\n'
    return Receipt(kind, {**members, "checksum": checksum}, text, uncovered)


def hexed(data: bytes) -> str:
    """Bytes as receipts write them."""
    return f"0x{data.hex()}"


def _bytes(text: str) -> bytes:
    """The reverse of `hexed`."""
    return bytes.fromhex(text[2:])


def _selected(names: Sequence[str], fields: Sequence[str] | None) -> Collection[int]:
    """The positions of the fields to show. Raises BadInput for one that is not there, or for none."""
    if fields is None:
        return range(len(names))
    known = f"there are {', '.join(names[1:_NAMED])}{', ...' if len(names) > _NAMED else ''}"
    if not fields:
        raise _refused("--fields", f"name those to show; {known}")
    try:
        return select(names, fields)
    except ValueError as error:
        raise _refused("--fields", f"{error}; {known}") from None


def _refused(place: str, reason: str, value: str | None = None) -> BadInput:
    """What was asked for cannot be given."""
    return BadInput([Problem(place, None, None, value, reason)])
