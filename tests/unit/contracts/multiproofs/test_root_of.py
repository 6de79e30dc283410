"""The root a multiproof leads to: OpenZeppelin's, with its flags in bits.

rootOf
├── no leaf: refused, with and without nodes
├── flags of another length than the hashes need: refused
├── one leaf, nothing else: the leaf
├── sound: OpenZeppelin's root, for every size and choice of leaves; beyond 256 hashes, where a second word of
│   flags begins
├── a node too many, too few; all flags 1, all 0: as OpenZeppelin, refused or another root
├── any flags at all, over any leaves and nodes: as OpenZeppelin
└── bits after the last flag: without meaning
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import pytest
from support import Actor, Suite, compiled, refuses

from troth.chain.contracts import Contract
from troth.errors import NodeError
from troth.trees.keccak import MerkleTree, keccak


@pytest.fixture
def mirror(stranger: Actor) -> Contract:
    """The library, callable, beside OpenZeppelin's."""
    return stranger.create(compiled("LibraryMirror"))


def leaves_of(count: int) -> list[bytes]:
    """Different hashes."""
    return [keccak(b"leaf %d" % place) for place in range(count)]


def bits_of(flags: bytes, count: int) -> list[bool]:
    """The first `count` flags, as OpenZeppelin takes them."""
    return [bool(flags[place // 8] >> (7 - place % 8) & 1) for place in range(count)]


def bytes_of(bits: Sequence[bool]) -> bytes:
    """Flags packed, the most significant bit first."""
    packed = bytearray((len(bits) + 7) // 8)
    for place, bit in enumerate(bits):
        packed[place // 8] |= bit << (7 - place % 8)
    return bytes(packed)


Case = tuple[list[bytes], list[bytes], list[bool]]
"""Leaves, nodes, flags."""


def answers(suite: Suite, mirror: Contract, cases: Sequence[Case]) -> Iterator[tuple[str | None, str | None]]:
    """For each case the root of the library and the root of OpenZeppelin's; None for a refusal."""
    calls = []
    for leaves, nodes, bits in cases:
        calls.append(mirror.encode("rootOf", leaves, (nodes, bytes_of(bits))))
        calls.append(mirror.encode("openZeppelinRootOf", leaves, nodes, bits))
    sent = [("eth_call", [{"to": mirror.address, "data": f"0x{data.hex()}"}, "latest"]) for data in calls]
    found = [None if isinstance(one, NodeError) else one for one in suite.node.attempt(sent)]
    return zip(found[::2], found[1::2], strict=True)


def sound_cases(sizes: Sequence[int], seed: int) -> list[tuple[MerkleTree, Case]]:
    """A random choice of leaves of a tree of each size, with its proof."""
    chance = random.Random(seed)
    cases = []
    for size in sizes:
        tree = MerkleTree.build(leaves_of(size))
        proof = tree.multiproof(chance.sample(range(size), chance.randint(1, size)))
        leaves = [tree.leaf(place) for place in proof.order]
        bits = bits_of(proof.flags, len(leaves) + len(proof.nodes) - 1)
        cases.append((tree, (leaves, list(proof.nodes), bits)))
    return cases


@pytest.mark.parametrize(
    "sizes", [range(1, 40), [1, 2, 3, 4] * 10, [64, 65, 100, 127, 128, 129, 255], [600, 1_000]], ids=str
)
def test_root_is_the_trees_and_openzeppelins(suite: Suite, mirror: Contract, sizes: Sequence[int]) -> None:
    """Whatever the size, whichever leaves."""
    cases = sound_cases(sizes, seed=len(sizes))
    found = answers(suite, mirror, [case for _, case in cases])
    for (tree, _), (ours, theirs) in zip(cases, found, strict=True):
        assert ours == theirs == f"0x{tree.root.hex()}"


@pytest.mark.parametrize("count", [256, 257, 258, 511, 600])
def test_root_of_all_leaves_over_several_words_of_flags(mirror: Contract, count: int) -> None:
    """256 flags fill a word: hash 257 is the first of the next."""
    tree = MerkleTree.build(leaves_of(count))
    proof = tree.multiproof(range(count))
    assert mirror.call("rootOf", leaves_of(count), (proof.nodes, proof.flags)) == tree.root


def test_root_of_one_leaf_is_the_leaf(mirror: Contract) -> None:
    """Nothing to hash."""
    (leaf,) = leaves_of(1)
    assert mirror.call("rootOf", [leaf], ([], b"")) == leaf


@pytest.mark.parametrize("nodes", [0, 1, 2])
def test_root_of_no_leaf_is_refused_c3(mirror: Contract, nodes: int) -> None:
    """C3: OpenZeppelin gives the first node for it, and the root would prove an empty batch."""
    with refuses("MultiproofMalformed", leaves=0, nodes=nodes):
        mirror.call("rootOf", [], (leaves_of(nodes), b""))


@pytest.mark.parametrize(
    ("leaves", "nodes", "length", "expected"),
    [(1, 0, 1, 0), (1, 1, 0, 1), (2, 0, 2, 1), (4, 5, 0, 1), (4, 5, 2, 1), (5, 5, 1, 2), (5, 5, 3, 2)],
)
def test_root_refuses_flags_of_another_length(
    mirror: Contract, leaves: int, nodes: int, length: int, expected: int
) -> None:
    """One bit a hash, filled up to whole bytes: eight hashes need one byte, nine need two."""
    with refuses("MultiproofFlagsLength", length=length, expected=expected):
        mirror.call("rootOf", leaves_of(leaves), (leaves_of(nodes), bytes(length)))


@pytest.mark.parametrize("spare", range(1, 8))
def test_root_minds_no_bits_after_the_last_flag(mirror: Contract, spare: int) -> None:
    """A proof can be written in several ways; none proves anything else."""
    count = 9 - spare
    tree = MerkleTree.build(leaves_of(count))
    proof = tree.multiproof(range(count))
    filled = bytes([proof.flags[0] | (1 << spare) - 1])
    assert filled != proof.flags
    assert mirror.call("rootOf", leaves_of(count), (proof.nodes, filled)) == tree.root


@pytest.mark.parametrize(
    ("leaves", "nodes", "flags"),
    [
        (1, 1, [True]),
        (2, 1, [True, True]),
        (2, 1, [False, False]),
        (3, 2, [True, True, True, True]),
        (3, 2, [False, False, False, True]),
        (2, 3, [False, False, False, False]),
        (1, 9, [False] * 8 + [True]),
    ],
)
def test_root_refuses_flags_that_do_not_use_every_hash(
    suite: Suite, mirror: Contract, leaves: int, nodes: int, flags: list[bool]
) -> None:
    """Known hashes asked for beyond those there are, or nodes beyond theirs: both refuse, ours says why."""
    case = (leaves_of(leaves), leaves_of(nodes), flags)
    assert list(answers(suite, mirror, [case])) == [(None, None)]
    with refuses("MultiproofMalformed", leaves=leaves, nodes=nodes):
        mirror.call("rootOf", case[0], (case[1], bytes_of(flags)))


@pytest.mark.parametrize("change", ["drop", "add", "swap"])
def test_root_of_changed_nodes_is_not_the_trees_c3(suite: Suite, mirror: Contract, change: str) -> None:
    """C3: one node less, one more, two exchanged; with flags cut or filled to fit."""
    cases = [case for case in sound_cases(range(12, 44), seed=7) if len(case[1][1]) > 1]
    forged: list[Case] = []
    for _, (leaves, nodes, bits) in cases:
        if change == "drop":
            forged.append((leaves, nodes[:-1], bits[:-1]))
        elif change == "add":
            forged.append((leaves, [*nodes, bytes(32)], [*bits, False]))
        else:
            forged.append((leaves, [nodes[1], nodes[0], *nodes[2:]], bits))
    found = answers(suite, mirror, forged)
    for (tree, _), (ours, theirs) in zip(cases, found, strict=True):
        assert ours == theirs != f"0x{tree.root.hex()}"


@pytest.mark.parametrize("seed", range(4))
def test_root_of_any_flags_is_openzeppelins(suite: Suite, mirror: Contract, seed: int) -> None:
    """Random leaves, nodes and flags: both refuse, or both give one root."""
    chance = random.Random(seed)
    cases: list[Case] = []
    for _ in range(120):
        leaves, nodes = chance.randint(1, 6), chance.randint(0, 5)
        zeros = chance.choice([nodes, chance.randint(0, leaves + nodes - 1)])
        bits = [True] * (leaves + nodes - 1 - zeros) + [False] * zeros
        chance.shuffle(bits)
        cases.append((leaves_of(leaves), [keccak(b"node %d" % n) for n in range(nodes)], bits))
    found = list(answers(suite, mirror, cases))
    assert all(ours == theirs for ours, theirs in found)
    assert {ours is None for ours, _ in found} == {True, False}
