"""The RFC 9162 tree, against published vectors and pymerkle; it is the tests of proofs that tell wrong ones.

Branches: leaf_hash, parent · build (none, one, any number; data of any length; read once, as it comes) · path
(each leaf of each size to 300, random sizes above; out of range).
"""

from __future__ import annotations

import random
from hashlib import sha256

import pytest
from pymerkle import InmemoryTree

from troth.trees.rfc9162 import Tree, leaf_hash, parent

SIZES = range(1, 301)

# The reference vectors of Certificate Transparency: https://github.com/google/certificate-transparency,
# cpp/merkletree/merkle_tree_test.cc.

INPUTS = [
    bytes.fromhex(data)
    for data in (
        *("", "00", "10", "2021", "3031", "40414243"),
        *("5051525354555657", "606162636465666768696a6b6c6d6e6f"),
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PATHS = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}


def data_of(size: int) -> list[bytes]:
    """The data of `size` different leaves, some of them as long as nodes are."""
    return [b"leaf %d" % index * (index % 11) for index in range(size)]


def another(data: list[bytes]) -> InmemoryTree:
    """Somebody else's tree."""
    tree = InmemoryTree(algorithm="sha256")
    for one in data:
        tree.append_entry(one)
    return tree


def another_path(tree: InmemoryTree, index: int, size: int) -> tuple[bytes, ...]:
    """Its path, which begins with the leaf and counts from 1."""
    return tuple(tree.prove_inclusion(index + 1, size).path[1:])


# Hashes


def test_leaf_and_node_are_told_apart_by_their_first_byte() -> None:
    """The published hashes of one leaf and of one node."""
    assert leaf_hash(b"L123456").hex() == "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
    assert (
        parent(b"N123", b"N456").hex() == "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
    )


def test_node_cannot_be_passed_off_as_leaf() -> None:
    """A leaf whose data are two hashes is not the node above them."""
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != parent(left, right) != sha256(left + right).digest()
    assert parent(left, right) != parent(right, left)


# Building


@pytest.mark.parametrize("size", range(1, 9))
def test_root_is_the_published_one(size: int) -> None:
    """Of one to eight leaves, the first of no data at all."""
    assert Tree.build(INPUTS[:size]).root.hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("index", "size"), PATHS)
def test_path_is_the_published_one(index: int, size: int) -> None:
    """Full trees, and those with nodes that go up as they are."""
    assert [node.hex() for node in Tree.build(INPUTS[:size]).path(index)] == PATHS[index, size]


def test_roots_and_paths_are_pymerkles_for_all_sizes_to_300_n2() -> None:
    """N2: every leaf of every size."""
    data = data_of(SIZES[-1])
    theirs = another(data)
    for size in SIZES:
        ours = Tree.build(data[:size])
        assert len(ours) == size
        assert ours.root == theirs.get_state(size)
        assert [ours.path(index) for index in range(size)] == [
            another_path(theirs, index, size) for index in range(size)
        ]


@pytest.mark.parametrize("seed", range(4))
def test_roots_and_paths_are_pymerkles_for_random_sizes_n2(seed: int) -> None:
    """N2: of some thousands of leaves, of which some are asked for, both ends among them."""
    chance = random.Random(seed)
    size = chance.randint(301, 6_000)
    data = data_of(size)
    ours, theirs = Tree.build(data), another(data)
    assert ours.root == theirs.get_state()
    for index in {0, size - 1, size - 2, *(chance.randrange(size) for _ in range(60))}:
        assert ours.path(index) == another_path(theirs, index, size)


@pytest.mark.parametrize("size", [1023, 1024, 1025, 2**15, 2**15 + 1])
def test_root_is_pymerkles_around_powers_of_two_n2(size: int) -> None:
    """N2: where a row has a node without a sibling, or every row has, or none."""
    data = data_of(size)
    assert Tree.build(data).root == another(data).get_state()


def test_build_reads_its_leaves_once_as_they_come() -> None:
    """From a generator as from a list."""
    assert Tree.build(iter(INPUTS)).root == Tree.build(INPUTS).root


def test_build_refuses_no_leaves() -> None:
    """The RFC gives the empty tree a hash; no batch is empty."""
    with pytest.raises(ValueError, match="at least one leaf"):
        Tree.build([])


def test_trees_of_other_leaves_have_other_roots_n2() -> None:
    """N2: one changed, two swapped, one more, one twice."""
    data = data_of(7)
    others = [
        [*data[:3], b"other", *data[4:]],
        [data[1], data[0], *data[2:]],
        [*data, b"more"],
        [*data, data[-1]],
        data[:-1],
    ]
    assert len({Tree.build(one).root for one in [data, *others]}) == len(others) + 1


# Paths


@pytest.mark.parametrize("index", [-1, 3, 4, 1_000_000])
def test_path_refuses_leaf_that_is_not_there(index: int) -> None:
    """Before the first, after the last, and where the row would be padded to four."""
    with pytest.raises(ValueError, match=f"no leaf {index} in a tree of 3"):
        Tree.build(data_of(3)).path(index)


def test_tree_of_one_leaf_is_that_leaf() -> None:
    """And its path is empty."""
    tree = Tree.build([b"alone"])
    assert (len(tree), tree.root, tree.path(0)) == (1, leaf_hash(b"alone"), ())
