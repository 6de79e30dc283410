"""Inclusion proofs of RFC 9162: the right ones lead to the root, all others somewhere else or nowhere.

root_of
├── the right leaf, index, size and path: the root, for every leaf of every size to 300
├── other data, index, or any node of the path: another root, or none
├── index out of range; size 0 or less: none
├── path too short, too long, empty: none, for every index and size
├── nodes of another length than 32 bytes: none, also where they add up to the same
└── any path at all: as the RFC's definition by splitting has it
"""

from __future__ import annotations

import random
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from troth.trees.rfc9162 import Tree, root_of

NODES = [sha256(b"node %d" % index).digest() for index in range(9)]


def data_of(size: int) -> list[bytes]:
    """The data of `size` different leaves."""
    return [b"leaf %d" % index for index in range(size)]


def climbed(data: bytes, index: int, size: int, path: list[bytes]) -> bytes | None:
    """Section 2.1.3.1's definition read backwards: the last node is the root of the other part."""
    if size == 1:
        return None if path else sha256(b"\0" + data).digest()
    if not path:
        return None
    cut = 1 << (size - 1).bit_length() - 1
    *rest, last = path
    if index < cut:
        left = climbed(data, index, cut, rest)
        return None if left is None else sha256(b"\1" + left + last).digest()
    right = climbed(data, index - cut, size - cut, rest)
    return None if right is None else sha256(b"\1" + last + right).digest()


def test_path_leads_to_the_root_for_all_sizes_to_300_n2() -> None:
    """N2: every leaf of every size."""
    data = data_of(300)
    for size in range(1, 301):
        tree = Tree.build(data[:size])
        root = tree.root
        assert all(root_of(data[k], k, size, tree.path(k)) == root for k in range(size))


def test_path_leads_to_the_root_of_a_large_tree_n2() -> None:
    """N2: at both ends, and at random between."""
    size, chance = 100_003, random.Random(1)
    data = data_of(size)
    tree = Tree.build(data)
    for index in {0, size - 1, 65_535, 65_536, *(chance.randrange(size) for _ in range(100))}:
        assert root_of(data[index], index, size, tree.path(index)) == tree.root


@pytest.mark.parametrize("size", range(1, 34))
def test_path_of_one_leaf_proves_no_other_leaf_or_index_n2(size: int) -> None:
    """N2: it holds for its leaf at its index, and for none of the others, nor elsewhere."""
    data = data_of(size)
    tree = Tree.build(data)
    for index in range(size):
        path = tree.path(index)
        at = [
            where for where in range(-size, 2 * size) if root_of(data[index], where, size, path) == tree.root
        ]
        of = [k for k, one in enumerate(data) if root_of(one, index, size, path) == tree.root]
        assert at == [index]
        assert of == [index]


@pytest.mark.parametrize("size", [*range(1, 20), 33, 100])
def test_path_too_short_or_too_long_leads_nowhere_n2(size: int) -> None:
    """N2: cut at either end, or with one node more at either, or with all of it twice."""
    data = data_of(size)
    tree = Tree.build(data)
    for index, one in enumerate(data):
        path = tree.path(index)
        longer = [(*path, NODES[0]), (NODES[0], *path), (*path, tree.root), (*path, *NODES)]
        shorter = [path[1:], path[:-1], ()] if path else []
        for wrong in [*longer, *shorter]:
            assert root_of(one, index, size, wrong) is None


@pytest.mark.parametrize("size", [2, 3, 5, 8, 13, 100])
def test_changed_path_leads_elsewhere_n2(size: int) -> None:
    """N2: a bit of any node flipped, two neighbours swapped."""
    data = data_of(size)
    tree = Tree.build(data)
    for index, one in enumerate(data):
        path = tree.path(index)
        for k, node in enumerate(path):
            flipped = bytes([node[0] ^ 1]) + node[1:]
            assert root_of(one, index, size, (*path[:k], flipped, *path[k + 1 :])) not in {None, tree.root}
            if k:
                swapped = (*path[: k - 1], node, path[k - 1], *path[k + 1 :])
                assert root_of(one, index, size, swapped) not in {None, tree.root}


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (5, 4), (0, 0), (0, -1), (-1, 0), (-5, -4)])
def test_index_outside_the_tree_leads_nowhere(index: int, size: int) -> None:
    """Whatever the path."""
    assert all(root_of(b"leaf", index, size, NODES[:length]) is None for length in range(5))


@pytest.mark.parametrize("change", [(31, 33), (0, 64), (33, 33), (31, 31), (0, 0)], ids=str)
def test_nodes_of_another_length_lead_nowhere(change: tuple[int, int]) -> None:
    """31 and 33 bytes join to as many as two hashes do."""
    data = data_of(4)
    joined = b"".join(Tree.build(data).path(2)) + bytes(2)
    path = joined[: change[0]], joined[change[0] : sum(change)]
    assert tuple(map(len, path)) == change
    assert root_of(data[2], 2, 4, path) is None


def test_any_path_decides_as_the_definition_does() -> None:
    """Every index of every size to 70, with paths of every length to 8: none exactly where it has none."""
    for size in range(1, 71):
        for index in range(size):
            for length in range(9):
                path = NODES[:length]
                assert root_of(b"leaf", index, size, path) == climbed(b"leaf", index, size, path)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 2**64).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1))),
    st.lists(st.binary(min_size=32, max_size=32), max_size=66),
    st.binary(max_size=64),
)
def test_any_path_in_any_tree_decides_as_the_definition_does(
    place: tuple[int, int], path: list[bytes], data: bytes
) -> None:
    """Sizes to 2^64; a path of the right length is made of what was drawn, one of a wrong length is it."""
    size, index = place
    right = next(n for n in range(66) if climbed(data, index, size, NODES[:1] * n) is not None)
    assert root_of(data, index, size, path) == climbed(data, index, size, path)
    fitting = (path + NODES[:1] * 66)[:right]
    assert root_of(data, index, size, fitting) == climbed(data, index, size, fitting) is not None
