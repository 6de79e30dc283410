"""The keccak Merkle tree that contracts verify: OpenZeppelin's shape, pair hash, proofs and multiproofs.

OpenZeppelin draws a tree of n leaves as a heap: 2n - 1 nodes, the root at 0, the children of i at 2i + 1
and 2i + 2, leaf k at 2n - 2 - k. Here the same nodes stand back to front, which is the order in which they
are made and in which a verifier meets them: leaf k at k, the parent of positions 2j and 2j + 1 at n + j,
the root last.

Order of the leaves in a multiproof: ascending index, for every n, a power of two or not. The verifier takes
the leaves as the front of its queue in descending heap position, that is in ascending position here, and
every leaf stands before every inner node. `Multiproof.order` says it, so that nobody has to remember.

An inner node is the hash of 64 bytes. The tree takes ready hashes: whoever makes them must never hash 64
bytes, or an inner node could be passed off as a leaf. Pair hash and proofs follow OpenZeppelin Contracts 5,
Hashes and MerkleProof.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from struct import Struct

from sha3 import keccak_256

__all__ = ["MerkleTree", "Multiproof", "keccak", "verify", "verify_multiproof"]

HASH = 32
PAIR = 2 * HASH
PAIRS_AT_ONCE = 1024  # what is made on the way stays small, and setting up the loop costs nothing
_pairs_in = Struct("32s32s").iter_unpack


def keccak(data: bytes) -> bytes:
    """The 32-byte keccak-256 of `data`, as Ethereum has it (not SHA3-256)."""
    digest: bytes = keccak_256(data).digest()
    return digest


@dataclass(frozen=True)
class Multiproof:
    """Proof that several leaves are in one tree.

    `nodes`: 32-byte hashes that the verifier cannot make itself, in the order it needs them.
    `flags`: a bit for each hash it makes, leaves + nodes - 1 in all, most significant first, zeros up to a
    whole byte. 1: the pair's second half is the next hash it knows; 0: it is the next of `nodes`.
    `order`: the indices of the leaves, in the order the verifier must be given them.
    """

    nodes: tuple[bytes, ...]
    flags: bytes
    order: tuple[int, ...]


class MerkleTree:
    """A tree over leaf hashes, all nodes kept: 64 bytes a leaf. Build it with `MerkleTree.build`."""

    def __init__(self, nodes: bytearray) -> None:
        """Take over `nodes`, 32 bytes each, in the order the module describes."""
        self._nodes = nodes

    @classmethod
    def build(cls, leaves: Sequence[bytes]) -> MerkleTree:
        """The tree over `leaves`, 32-byte hashes, at least one. ValueError for anything else."""
        if not leaves:
            raise ValueError("a Merkle tree needs at least one leaf")
        if any(length != HASH for length in set(map(len, leaves))):
            index = next(k for k, leaf in enumerate(leaves) if len(leaf) != HASH)
            raise ValueError(f"leaf {index} has {len(leaves[index])} bytes: a leaf is a hash of {HASH}")
        nodes = bytearray(HASH * (2 * len(leaves) - 1))
        filled = HASH * len(leaves)
        nodes[:filled] = b"".join(leaves)
        read = 0
        while filled < len(nodes):
            stop = min(read + PAIR * PAIRS_AT_ONCE, filled // PAIR * PAIR)
            made = b"".join(_parents(nodes[read:stop]))
            nodes[filled : filled + len(made)] = made
            read, filled = stop, filled + len(made)
        return cls(nodes)

    def __len__(self) -> int:
        """The number of leaves."""
        return (len(self._nodes) // HASH + 1) // 2

    @property
    def root(self) -> bytes:
        """The 32-byte root; of a single leaf, the leaf itself."""
        return bytes(self._nodes[-HASH:])

    def leaf(self, index: int) -> bytes:
        """The 32-byte leaf at `index`. ValueError if there is none."""
        self._check(index)
        return self._node(index)

    def proof(self, index: int) -> tuple[bytes, ...]:
        """The siblings of leaf `index` from the leaf up, as MerkleProof takes them. ValueError as `leaf`."""
        self._check(index)
        siblings = []
        position, root = index, 2 * len(self) - 2
        while position < root:
            siblings.append(self._node(position ^ 1))
            position = len(self) + position // 2
        return tuple(siblings)

    def multiproof(self, indices: Iterable[int]) -> Multiproof:
        """One proof for all leaves at `indices`, given in any order.

        ValueError if there are none, if one is given twice, or if there is no such leaf.
        """
        order = self._ordered(indices)
        leaves, root = len(self), 2 * len(self) - 2
        queue, head = list(order), 0
        nodes: list[bytes] = []
        flags = ""
        while queue[head] < root:
            position = queue[head]
            known = head + 1 < len(queue) and queue[head + 1] == position ^ 1
            if not known:
                nodes.append(self._node(position ^ 1))
            flags += "01"[known]
            head += 1 + known
            queue.append(leaves + position // 2)
        return Multiproof(tuple(nodes), _packed(flags), order)

    def _ordered(self, indices: Iterable[int]) -> tuple[int, ...]:
        """`indices` ascending, checked."""
        order = tuple(sorted(indices))
        if not order:
            raise ValueError("a multiproof needs at least one leaf")
        self._check(order[0])
        self._check(order[-1])
        for before, after in pairwise(order):
            if before == after:
                raise ValueError(f"leaf {after} is asked for twice")
        return order

    def _check(self, index: int) -> None:
        """Raise ValueError unless there is a leaf `index`."""
        if not 0 <= index < len(self):
            raise ValueError(f"no leaf {index} in a tree of {len(self)}")

    def _node(self, position: int) -> bytes:
        """The 32 bytes at `position`, a leaf or an inner node."""
        return bytes(self._nodes[HASH * position : HASH * position + HASH])


def verify(root: bytes, leaf: bytes, proof: Iterable[bytes]) -> bool:
    """Whether `proof` leads from `leaf` to `root`, as MerkleProof.verify decides it."""
    node = leaf
    for sibling in proof:
        if len(node) != HASH or len(sibling) != HASH:
            return False  # 31 + 33 bytes join to the same 64 as two hashes do
        node = _parent(node, sibling)
    return node == root


def verify_multiproof(root: bytes, leaves: Sequence[bytes], nodes: Sequence[bytes], flags: bytes) -> bool:
    """Whether `nodes` and `flags` lead from `leaves`, in the order of `Multiproof.order`, to `root`.

    Decides as the contracts' Multiproofs.rootOf does: as OpenZeppelin's MerkleProof.multiProofVerify, except
    that a proof of no leaf at all, which would prove nothing, is refused.
    """
    hashes = len(leaves) + len(nodes) - 1
    if not leaves or len(flags) != (hashes + 7) // 8 or not {len(h) for h in (*leaves, *nodes)} <= {HASH}:
        return False
    queue, head, taken = list(leaves), 0, 0
    for i in range(hashes):
        known = flags[i // 8] >> (7 - i % 8) & 1
        if head + known >= len(queue) or taken + 1 - known > len(nodes):
            return False
        second = queue[head + 1] if known else nodes[taken]
        queue.append(_parent(queue[head], second))
        head, taken = head + 1 + known, taken + 1 - known
    return queue[-1] == root  # by the count of hashes above, all leaves and nodes are used up


def _parent(a: bytes, b: bytes) -> bytes:
    """OpenZeppelin's commutative pair hash: the smaller first."""
    return keccak(a + b if a < b else b + a)


def _parents(pairs: bytes | bytearray) -> Iterator[bytes]:
    """The parent of each two hashes in `pairs`: `_parent` without its calls, for building's sake."""
    hashed = keccak_256
    return (hashed(a + b if a < b else b + a).digest() for a, b in _pairs_in(pairs))


def _packed(bits: str) -> bytes:
    """`bits` of 0 and 1 as bytes, most significant first, filled up with zeros."""
    length = (len(bits) + 7) // 8
    return int(bits.ljust(8 * length, "0") or "0", 2).to_bytes(length, "big")
