"""Streams of interactions as plain values, hashed by hashlib alone: nothing here is the product's.

A value here is what a contract takes, in the ABI's order, so a test can forge any part of it with `_replace`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

from support.suite import Actor, Suite, emitted
from troth.chain.contracts import Contract
from troth.chain.transactions import Receipt

NAME = "calls"
MOST_RECORDS = 2**48
"""Of a stream."""
NO_WORD = bytes(32)


def word(value: int | str | bytes) -> bytes:
    """A number, an address or a hash in 32 bytes."""
    if isinstance(value, bytes):
        return value
    return (int(value, 16) if isinstance(value, str) else value).to_bytes(32, "big")


def hashed(*values: int | str | bytes) -> bytes:
    """SHA-256 of words."""
    return sha256(b"".join(map(word, values))).digest()


def record(index: int) -> bytes:
    """The root of a record, as random as can be."""
    return sha256(b"record %d" % index).digest()


# --- RFC 9162, by its definitions


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The hash of a tree of at least one leaf: section 2.1.1."""
    if len(leaves) == 1:
        return sha256(b"\0" + leaves[0]).digest()
    cut = _cut(len(leaves))
    return sha256(b"\1" + root_of(leaves[:cut]) + root_of(leaves[cut:])).digest()


def path_of(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The inclusion path of a leaf, from the leaf up: section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    cut = _cut(len(leaves))
    if index < cut:
        return [*path_of(leaves[:cut], index), root_of(leaves[cut:])]
    return [*path_of(leaves[cut:], index - cut), root_of(leaves[:cut])]


def root_led_to(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root of a tree of that size, split as section 2.1.1 has it, with this leaf and this path.

    None if the path is too long or too short.
    """
    if index >= size:
        return None
    if size == 1:
        return None if path else sha256(b"\0" + leaf).digest()
    if not path:
        return None
    cut = _cut(size)
    *rest, top = path
    if index < cut:
        below = root_led_to(leaf, index, cut, rest)
        return below and sha256(b"\1" + below + top).digest()
    below = root_led_to(leaf, index - cut, size - cut, rest)
    return below and sha256(b"\1" + top + below).digest()


def _cut(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


# --- commitments


class Batch(NamedTuple):
    """What a commitment opens to."""

    stream: int
    number: int
    first: int
    count: int
    time: int
    root: bytes
    subjects: bytes
    previous: bytes


class Anchoring(NamedTuple):
    """What `anchor` takes."""

    stream: int
    number: int
    first: int
    count: int
    root: bytes
    subjects: bytes
    previous_contents: bytes


def origin_contents(chain: int, contract: str, stream: int, name: str) -> bytes:
    """What stands before the first batch."""
    return hashed(chain, contract, stream, sha256(name.encode()).digest())


def contents_of(chain: int, contract: str, batch: Batch) -> bytes:
    """All of a batch but how many records there are."""
    return hashed(
        *(chain, contract, batch.stream, batch.number, batch.count, batch.time),
        *(batch.root, batch.subjects, batch.previous),
    )


def commitment_of(contents: bytes, records: int) -> bytes:
    """The word on the chain."""
    return hashed(contents, records)


@dataclass
class Stream:
    """A stream as its writer keeps it: it reads nothing back but the time."""

    suite: Suite
    contract: Contract
    number: int
    name: str
    writer: Actor
    batches: list[Batch] = field(default_factory=list)

    @property
    def records(self) -> int:
        """How many have been anchored."""
        return self.batches[-1].first + self.batches[-1].count if self.batches else 0

    @property
    def contents(self) -> bytes:
        """What the next batch has to open."""
        place = self.suite.node.chain_id, self.contract.address
        if self.batches:
            return contents_of(*place, self.batches[-1])
        return origin_contents(*place, self.number, self.name)

    @property
    def last(self) -> bytes:
        """The last commitment, of the last batch or of the origin."""
        return commitment_of(self.contents, self.records)

    @property
    def commitments(self) -> tuple[bytes, ...]:
        """All, by their batches' numbers; the origin's is number 0."""
        return *(batch.previous for batch in self.batches), self.last

    def next(self, count: int = 3, root: bytes | None = None) -> Anchoring:
        """The batch that follows: records of these indexes, unless a root is given."""
        number, first = len(self.batches) + 1, self.records
        if root is None:
            root = root_of(self.leaves(first, count))
        subjects = sha256(b"subjects %d" % number).digest()
        return Anchoring(self.number, number, first, count, root, subjects, self.contents)

    def leaves(self, first: int, count: int) -> list[bytes]:
        """The records of a batch."""
        return [record(index) for index in range(first, first + count)]

    def anchor(self, count: int = 3, root: bytes | None = None) -> Receipt:
        """Anchors the batch that follows."""
        following = self.next(count, root)
        receipt = self.writer.send(self.contract, "anchor", *following)
        self.take(following)
        return receipt

    def take(self, anchored: Anchoring) -> Batch:
        """Takes over a batch that has just been anchored."""
        *place, root, subjects, _ = anchored
        self.batches.append(Batch(*place, self.suite.clock.now, root, subjects, self.last))
        return self.batches[-1]


def opened(suite: Suite, name: str = NAME, contract: Contract | None = None) -> Stream:
    """A new stream with its writer."""
    contract, writer = contract or suite.streams, suite["writer"]
    receipt = suite["operator"].send(contract, "create", name, writer.address)
    (event,) = emitted(receipt, contract, "StreamCreated")
    return Stream(suite, contract, event.stream, name, writer)


def declared(suite: Suite) -> list[tuple[int, ...]]:
    """Every count declared on the chain, in order: stream, period, count."""
    wanted = {"address": suite.streams.address, "fromBlock": "0x0", "toBlock": "latest"}
    events = map(suite.streams.decode_log, suite.node.call("eth_getLogs", [wanted]))
    return [tuple(one.arguments[:4]) for one in events if one is not None and one.name == "CountDeclared"]
