"""Inclusion proofs of RFC 9162 on the chain, against its definitions and against pymerkle.

isIncluded
├── every leaf of every tree of 1 to 70 leaves, and of leaves of large ones: proved by its path
├── no tree: nothing is
├── another index, below and beyond the size, beyond 2^255: not proved
├── another size: not proved, unless index and path are those of the other too
├── path longer, shorter, turned round, a node changed: not proved
├── path longer or shorter, and the root the one it leads to: not proved
├── root 0 beside a path of the wrong length: not proved
├── any path at all: as section 2.1.3.2 has it
└── over memory that is not clean: as over clean, and what was allocated stays
digestOf: Solidity's own, for any length
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree
from support import Actor, compiled
from support.streams import NO_WORD, path_of, record, root_led_to, root_of

from troth.chain.contracts import Contract

SIZES = range(1, 71)
LAST = 2**256 - 1
EXAMPLES = settings(
    max_examples=200,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
Proof = tuple[bytes, int, int, Sequence[bytes], bytes]
"""Leaf, index, size, path, root."""


@pytest.fixture
def mirror(stranger: Actor) -> Contract:
    """The library, callable."""
    return stranger.create(compiled("ProofMirror"))


def leaves_of(size: int) -> list[bytes]:
    """Different words."""
    return [record(index) for index in range(size)]


def proofs_of(size: int) -> list[Proof]:
    """The proof of each leaf of a tree."""
    leaves = leaves_of(size)
    root = root_of(leaves)
    return [(leaf, index, size, path_of(leaves, index), root) for index, leaf in enumerate(leaves)]


def proved(mirror: Contract, proofs: Sequence[Proof]) -> list[bool]:
    """What the library says of each."""
    return [answer.isProven for answer in mirror.call_many([("isIncluded", proof) for proof in proofs])]


def leads(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether the path leads to that root."""
    return root_led_to(leaf, index, size, path) == root


@pytest.mark.parametrize("sizes", [range(1, 36), range(36, 55), range(55, 71)], ids=str)
def test_every_leaf_is_proved_by_its_path_n2(mirror: Contract, sizes: range) -> None:
    """N2: all indexes of all sizes."""
    proofs = [proof for size in sizes for proof in proofs_of(size)]
    assert proved(mirror, proofs) == [True] * len(proofs)


def test_path_and_root_are_those_of_another_implementation_n2(mirror: Contract) -> None:
    """N2: pymerkle's, which counts leaves from 1 and puts the leaf's hash in front."""
    tree, proofs = InmemoryTree(algorithm="sha256"), []
    for size in SIZES:
        tree.append_entry(record(size - 1))
        for index in range(size):
            _, *path = tree.prove_inclusion(index + 1, size).path
            proofs.append((record(index), index, size, path, tree.get_state(size)))
    assert proofs == [proof for size in SIZES for proof in proofs_of(size)]
    assert all(proved(mirror, proofs[-70:]))


@pytest.mark.parametrize("size", [127, 128, 129, 1_000, 1_025])
def test_leaves_of_larger_trees_are_proved_n2(mirror: Contract, size: int) -> None:
    """N2: the first, the last, and those beside the splits."""
    leaves = leaves_of(size)
    chosen = {0, 1, size // 2 - 1, size // 2, size // 2 + 1, size - 2, size - 1}
    root = root_of(leaves)
    assert all(proved(mirror, [(leaves[i], i, size, path_of(leaves, i), root) for i in chosen]))


def test_nothing_is_in_an_empty_tree_n2(mirror: Contract) -> None:
    """N2: whatever the root: that of no leaves is the hash of nothing."""
    leaf, *_, root = proofs_of(1)[0]
    for wanted in (root, NO_WORD, hashlib.sha256().digest(), leaf):
        for index in (0, 1, LAST):
            assert proved(mirror, [(leaf, index, 0, path, wanted) for path in ([], [leaf])]) == [False] * 2


def test_no_leaf_is_proved_at_another_index_n2(mirror: Contract) -> None:
    """N2: all others of trees to 16 leaves, and some beyond any."""
    forged = [
        (leaf, other, *rest)
        for size in range(1, 17)
        for leaf, index, *rest in proofs_of(size)
        for other in (
            *range(size + 2),
            *(index + 2**bits for bits in (5, 8, 32, 64, 128, 255)),
            *(2**255, LAST, LAST - index),
        )
        if other != index
    ]
    assert not any(proved(mirror, forged))


def test_tree_of_another_size_is_another_n2(mirror: Contract) -> None:
    """N2: what is proved of a size by the path of another is so by the standard's definition too."""
    asked = [
        (leaf, index, other, path, root)
        for size in range(1, 17)
        for leaf, index, _, path, root in proofs_of(size)
        for other in (*range(20), 2**64, 2**255, LAST)
        if other != size
    ]
    assert proved(mirror, asked) == [leads(*one) for one in asked]


def test_path_of_another_length_or_order_proves_nothing_n2(mirror: Contract) -> None:
    """N2: of every leaf of every size to 70, one change each in turn; to 20, all of them."""
    forged, chance = [], random.Random(7)
    for size in SIZES:
        for leaf, index, _, path, root in proofs_of(size):
            changed = [[*path, record(999)], [record(999), *path], [*path, *path], [*path, root]]
            changed += [path[1:], path[:-1], path[::-1], [*path[1:], *path[:1]], []]
            changed += [
                [*path[:at], bytes([node[0] ^ 1]) + node[1:], *path[at + 1 :]] for at, node in enumerate(path)
            ]
            changed = [one for one in changed if one != path]
            kept = changed if size <= 20 else [chance.choice(changed)]
            forged += [(leaf, index, size, one, root) for one in kept]
    assert not any(proved(mirror, forged))


def test_node_above_or_below_the_root_is_not_reached_n2(mirror: Contract) -> None:
    """N2: a path that goes on above the tree, or ends within it, though it leads to what is given as root."""
    forged: list[Proof] = []
    for size in SIZES:
        leaf, index, _, path, root = proofs_of(size)[size // 3]
        for above in (b"\1" + root + record(999), b"\1" + record(999) + root):
            top = hashlib.sha256(above).digest()
            forged.append((leaf, index, size, [*path, record(999)], top))
            higher = hashlib.sha256(b"\1" + record(998) + top).digest()
            forged.append((leaf, index, size, [*path, record(999), record(998)], higher))
        lower = way_up(leaves_of(size), index)[:-1]
        forged += [(leaf, index, size, path[:length], node) for length, node in enumerate(lower)]
    assert not any(proved(mirror, forged))


def way_up(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The nodes from the leaf to the root, both included."""
    if len(leaves) == 1:
        return [root_of(leaves)]
    cut = 1 << (len(leaves) - 1).bit_length() - 1
    below = way_up(leaves[:cut], index) if index < cut else way_up(leaves[cut:], index - cut)
    return [*below, root_of(leaves)]


@pytest.mark.parametrize("size", [1, 2, 3, 8, 2**48, LAST])
def test_root_of_nothing_is_reached_by_no_path_n2(mirror: Contract, size: int) -> None:
    """N2: "no such path" is no root, not even 0."""
    for index in {0, size - 1}:
        proofs = [(record(0), index, size, [NO_WORD] * length, NO_WORD) for length in (0, 1, 2, 47, 257, 300)]
        assert not any(proved(mirror, proofs))


@given(
    size=st.integers(1, 40),
    index=st.integers(0, 45),
    length=st.integers(0, 8),
    own=st.booleans(),
)
@EXAMPLES
def test_any_path_proves_what_the_standard_says_n2(
    mirror: Contract, size: int, index: int, length: int, own: bool
) -> None:
    """N2: the root such a path leads to is proved for this size, index and length, or for none."""
    path = [record(place) for place in range(length)]
    sizes = [size] if own else range(1, 42)
    roots = [root for one in sizes if (root := root_led_to(record(99), index, one, path)) is not None]
    asked = [(record(99), index, size, path, root) for root in (*roots, NO_WORD)]
    assert proved(mirror, asked) == [leads(*one) for one in asked]


def test_deepest_trees_can_be_proved_n2(mirror: Contract) -> None:
    """N2: of more leaves than there will ever be, where index and size fill their words."""
    for size in (2**48, 2**48 - 1, 2**255, 2**255 + 1, LAST):
        for index in (0, size // 2, size - 2, size - 1):
            lengths = [
                length
                for length in range(258)
                if root_led_to(record(0), index, size, [NO_WORD] * length) is not None
            ]
            (length,) = lengths
            root = root_led_to(record(0), index, size, [NO_WORD] * length)
            assert root is not None
            for other in (length - 1, length, length + 1):
                path = [NO_WORD] * max(other, 0)
                (answer,) = proved(mirror, [(record(0), index, size, path, root)])
                assert answer == (len(path) == length)


def test_proof_minds_no_dirt_in_memory(mirror: Contract) -> None:
    """Nor does it touch what was allocated before it."""
    for size in (1, 2, 3, 6, 7, 13):
        for leaf, index, _, path, root in proofs_of(size):
            answer = mirror.call("isIncludedOverDirt", leaf, index, size, path, root)
            assert (answer.isProven, answer.kept) == (True, leaf + root)
            answer = mirror.call("isIncludedOverDirt", root, index, size, path, root)
            assert (answer.isProven, answer.kept) == (False, root + root)


@pytest.mark.parametrize("length", [*range(70), 127, 128, 129, 288, 1_000])
def test_digest_is_sha256(mirror: Contract, length: int) -> None:
    """Of any length, padded by nothing."""
    data = bytes(n % 251 + 1 for n in range(length))
    assert mirror.call("digestOf", data) == (hashlib.sha256(data).digest(),) * 2
