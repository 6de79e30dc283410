"""Gas of anchoring a batch, by receipts, beside one root in a fresh slot with an event and beside EAS
timestamps; and of proving a record's inclusion on the chain, beside OpenZeppelin's proof in a keccak tree.

A batch costs the same however many records it has, so what a record costs depends on the batch's size alone.
EAS is the one its npm package holds, deployed on the same chain. It keeps a time by each word that anybody
gives it, once, in no order; `multiTimestamp` takes many words, and so could keep one for every record.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from benchmarks.figures import Budget, Figure
from benchmarks.ground import ROOT, mock, office
from troth.chain.artifacts import Artifact
from troth.chain.contracts import Contract
from troth.chain.transactions import Receipt
from troth.interactions.commitments import Batch, contents, origin
from troth.office import Office
from troth.trees.keccak import keccak
from troth.trees.rfc9162 import Tree, root_of

__all__ = ["measure"]

BATCHES = (1, 100, 100_000)
QUICK = (1, 100)
EAS = ROOT / "node_modules/@ethereum-attestation-service/eas-contracts/artifacts/contracts"
EAS_FITS = 600  # timestamps in a transaction that keeps to the gas a transaction may use
NAME = "calls"
DEPTH = 20
FLOOR, STAMP = "root and event", "EAS timestamp"
Row = tuple[str, str, float, str, float, Budget | None]


def measure(*, quick: bool) -> list[Figure]:
    """Every line of the table about batches. A few seconds."""
    command = f"python -m benchmarks interaction-gas{' --quick' if quick else ''}"
    conditions = (
        "batches after the first of their stream; EAS with one word for a batch, or for each record; whole "
        "transactions, by their receipts, shared by the records in them; a proof: what it uses inside a "
        "call, with the hashing of the record to a leaf on our side"
    )
    with office() as opened:
        ground = _Ground(opened)
        rows = [row for size in (QUICK if quick else BATCHES) for row in _anchored(ground, size)]
        rows.append(_proved(ground))
    return [
        Figure(unit, what, ours, rival, theirs, None if quick else budget, conditions, command)
        for unit, what, ours, rival, theirs, budget in rows
    ]


def _anchored(ground: _Ground, size: int) -> Iterator[Row]:
    """A batch of so many records."""
    ours, what = ground.anchored(size), f"batch of {size:,}"
    yield "gas a batch", what, ours, FLOOR, ground.written(), Budget(1.20)
    yield "gas a batch", what, ours, STAMP, ground.stamped(1), None
    if (most := min(size, EAS_FITS)) > 1:
        rival = f"EAS multiTimestamp, {most}"
        yield "gas a record", what, ours / size, rival, ground.stamped(most), None


def _proved(ground: _Ground) -> Row:
    """A record somewhere in a tree that is DEPTH deep."""
    ours, theirs = ground.proved()
    return "gas a proof", f"record, depth {DEPTH}", ours, "OpenZeppelin, keccak", theirs, None


@dataclass
class _Ground:
    """The chain with a stream, EAS and the floor on it."""

    office: Office

    def __post_init__(self) -> None:
        self.random = random.Random(9162)
        self.streams = self.office.contract("Streams")
        self._send(self.streams.prepare("create", NAME, self.office.sender.address))
        self.place = (self.office.node.chain_id, self.streams.address)
        self.before, self.last = origin(*self.place, 1, NAME)
        self.number, self.records = 0, 0
        self.anchored(1)

    # --- Troth

    def anchored(self, count: int) -> float:
        """The next batch of the stream, of so many records."""
        root, subjects = Tree.build(self._words(count)).root, self._word()
        batch = Batch(1, self.number + 1, self.records, count, 0, root, subjects, self.last)
        given = (batch.number, batch.first, count, root, subjects, self.before)
        receipt = self._send(self.streams.prepare("anchor", 1, *given))
        (event,) = self.streams.events(receipt, "Anchored")
        values = (batch.number, batch.first, count, event.arguments.time, root, subjects, self.last)
        anchored = Batch(1, *values)
        assert self.streams.call("isAnchored", (1, *values))
        self.before = contents(*self.place, anchored)
        self.number, self.records = batch.number, batch.first + count
        (self.last,) = self.streams.call("commitments", 1, self.number, self.number)
        return receipt.gas_used

    def proved(self) -> tuple[float, float]:
        """A proof of DEPTH nodes in each kind of tree."""
        mirror = mock(self.office, "ProofMirror")
        record, path = self._word(), self._words(DEPTH)
        index, size = self.random.randrange(1 << DEPTH), 1 << DEPTH
        ours = mirror.call("isIncluded", record, index, size, path, root_of(record, index, size, path))
        theirs = mirror.call("isIncludedInKeccakTree", record, path, _keccak_root(record, path))
        assert ours.isProven and theirs.isProven
        return ours.gas, theirs.gas

    # --- the floor

    def written(self) -> float:
        """A root in a fresh slot, and an event."""
        return self._send(self.floor.prepare("write", self.number, self._word())).gas_used

    @cached_property
    def floor(self) -> Contract:
        """The floor's contract."""
        return mock(self.office, "RootAndEvent")

    # --- EAS

    def stamped(self, count: int) -> float:
        """Words with a time, in one transaction: gas of each."""
        words = self._words(count)
        one = self.eas.prepare("timestamp", words[0])
        call = one if count == 1 else self.eas.prepare("multiTimestamp", words)
        return self._send(call).gas_used / count

    @cached_property
    def eas(self) -> Contract:
        """EAS, with its register of schemas."""
        return self._create("EAS", self._create("SchemaRegistry").address)

    def _create(self, name: str, *arguments: Any) -> Contract:
        """A contract of the npm package."""
        content = json.loads((EAS / f"{name}.sol" / f"{name}.json").read_text(encoding="utf-8"))
        artifact = Artifact.of({**content, "sourceHash": ""})
        receipt = self._send(artifact.deployment(*arguments))
        return Contract(self.office.node, str(receipt.contract), artifact.abi, name=name)

    # --- both

    def _send(self, call: Any) -> Receipt:
        """One transaction by the office."""
        (receipt,) = self.office.sender.send([call])
        return receipt

    def _words(self, count: int) -> Sequence[bytes]:
        return [self._word() for _ in range(count)]

    def _word(self) -> bytes:
        return self.random.randbytes(32)


def _keccak_root(leaf: bytes, path: Sequence[bytes]) -> bytes:
    """The root of a tree whose pairs are hashed in order of size, as OpenZeppelin's are."""
    for node in path:
        leaf = keccak(min(leaf, node) + max(leaf, node))
    return leaf
