"""The SHA-256 Merkle tree of RFC 9162, section 2.1, and its inclusion proofs: Certificate Transparency's.

A leaf is the hash of 0x00 and some data, a node the hash of 0x01 and its two children: neither can be passed
off as the other. The RFC splits n leaves at the largest power of two below n. Seen from the leaves up that is
a row of nodes above a row of nodes, each the parent of two, the last one going up as it is where it has no
sibling.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from struct import Struct

__all__ = ["Tree", "leaf_hash", "parent", "root_of"]

HASH = 32
PAIR = 2 * HASH
_LEAF, _NODE = b"\x00", b"\x01"
_pairs_in = Struct(f"{PAIR}s").iter_unpack


def leaf_hash(data: bytes) -> bytes:
    """The 32-byte hash of a leaf of `data`."""
    return sha256(_LEAF + data).digest()


def parent(left: bytes, right: bytes) -> bytes:
    """The 32-byte hash of the node above `left` and `right`."""
    return sha256(_NODE + left + right).digest()


class Tree:
    """A tree with all its nodes kept: 64 bytes a leaf. Build it with `Tree.build`."""

    def __init__(self, rows: list[bytearray]) -> None:
        """Take over `rows` of nodes, 32 bytes each, the leaves' first and the root's last."""
        self._rows = rows

    @classmethod
    def build(cls, leaves: Iterable[bytes]) -> Tree:
        """The tree over leaves of these data, of any length, read one by one. ValueError for none."""
        row = bytearray()
        for data in leaves:
            row += sha256(_LEAF + data).digest()  # `leaf_hash` without its call
        if not row:
            raise ValueError("a Merkle tree needs at least one leaf")
        rows = [row]
        while len(row) > HASH:
            row = _above(row)
            rows.append(row)
        return cls(rows)

    def __len__(self) -> int:
        """The number of leaves."""
        return len(self._rows[0]) // HASH

    @property
    def root(self) -> bytes:
        """The 32-byte root; of a single leaf, the leaf's hash."""
        return bytes(self._rows[-1])

    def path(self, index: int) -> tuple[bytes, ...]:
        """The inclusion path of leaf `index`, from the leaf up. ValueError if there is no such leaf."""
        if not 0 <= index < len(self):
            raise ValueError(f"no leaf {index} in a tree of {len(self)}")
        siblings = []
        for row in self._rows:
            at = HASH * (index ^ 1)
            if at < len(row):  # past the end of its row the last node has no sibling; the root never has
                siblings.append(bytes(row[at : at + HASH]))
            index >>= 1
        return tuple(siblings)


def root_of(data: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that `path` leads to from a leaf of `data` at `index` of a tree of `size` leaves.

    None where there is no such leaf, or where a path of this length, or of hashes of such lengths, cannot be
    its path. Decides as section 2.1.3.2 does, whose fn and sn are `index` and `last` here.
    """
    if not 0 <= index < size:
        return None
    node, last = leaf_hash(data), size - 1
    for sibling in path:
        if last == 0 or len(sibling) != HASH:
            return None
        if index & 1 or index == last:
            node = parent(sibling, node)
            while not index & 1 and index:  # went up as it was
                index, last = index >> 1, last >> 1
        else:
            node = parent(node, sibling)
        index, last = index >> 1, last >> 1
    return node if last == 0 else None


def _above(row: bytearray) -> bytearray:
    """The row above `row`."""
    paired = len(row) // PAIR * PAIR
    above = bytearray()
    for (pair,) in _pairs_in(memoryview(row)[:paired]):
        above += sha256(_NODE + pair).digest()  # `parent` without its call
    return above + row[paired:]
