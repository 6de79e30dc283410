"""The keccak Merkle tree, against OpenZeppelin's heap and its verifiers, both written here a second time.

Branches: build (none, one, a wrong length, any number of leaves) · leaf, proof (first, last, out of range) ·
multiproof (one, some, all, in any order; none, twice, out of range) · verify, verify_multiproof (right; each
part changed, dropped, added, swapped; hashes of a wrong length; no leaves).
"""

from __future__ import annotations

import random

import pytest
from eth_utils.crypto import keccak as another_keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from troth.trees.keccak import MerkleTree, Multiproof, keccak, verify, verify_multiproof

SIZES = range(1, 66)


def leaves_of(size: int) -> list[bytes]:
    """`size` different leaf hashes."""
    return [keccak(b"leaf %d" % k) for k in range(size)]


# OpenZeppelin, a second time: its JavaScript library's heap, its Solidity library's verifiers, as published.


def pair_hash(a: bytes, b: bytes) -> bytes:
    """Hashes.commutativeKeccak256, over another keccak."""
    return another_keccak(min(a, b) + max(a, b))


def heap_of(leaves: list[bytes]) -> list[bytes]:
    """makeMerkleTree of @openzeppelin/merkle-tree."""
    tree = [b""] * (2 * len(leaves) - 1)
    for k, leaf in enumerate(leaves):
        tree[len(tree) - 1 - k] = leaf
    for i in reversed(range(len(tree) - len(leaves))):
        tree[i] = pair_hash(tree[2 * i + 1], tree[2 * i + 2])
    return tree


def heap_multiproof(tree: list[bytes], indices: list[int]) -> tuple[list[bytes], list[bool], list[bytes]]:
    """getMultiProof of @openzeppelin/merkle-tree: proof, flags, and the leaves in its order."""
    positions = sorted((len(tree) - 1 - k for k in indices), reverse=True)
    stack, proof, flags = list(positions), [], []
    while stack and stack[0] > 0:
        j = stack.pop(0)
        sibling = j + 1 if j % 2 else j - 1
        if stack and stack[0] == sibling:
            flags.append(True)
            stack.pop(0)
        else:
            flags.append(False)
            proof.append(tree[sibling])
        stack.append((j - 1) // 2)
    return proof, flags, [tree[i] for i in positions]


def process_proof(proof: tuple[bytes, ...], leaf: bytes) -> bytes:
    """MerkleProof.processProof."""
    computed = leaf
    for node in proof:
        computed = pair_hash(computed, node)
    return computed


def process_multiproof(proof: list[bytes], flags: list[bool], leaves: list[bytes]) -> bytes:
    """MerkleProof.processMultiProof: a revert is an AssertionError or an IndexError."""
    assert len(leaves) + len(proof) == len(flags) + 1
    hashes: list[bytes] = []
    leaf_at = hash_at = proof_at = 0

    def known() -> bytes:
        nonlocal leaf_at, hash_at
        if leaf_at < len(leaves):
            leaf_at += 1
            return leaves[leaf_at - 1]
        hash_at += 1
        return hashes[hash_at - 1]

    for flag in flags:
        a = known()
        if flag:
            b = known()
        else:
            proof_at += 1
            b = proof[proof_at - 1]
        hashes.append(pair_hash(a, b))
    if flags:
        assert proof_at == len(proof)
        return hashes[-1]
    return leaves[0] if leaves else proof[0]


def unpacked(flags: bytes, count: int) -> list[bool]:
    """The first `count` bits of `flags`, most significant first."""
    return [c == "1" for c in "".join(f"{byte:08b}" for byte in flags)][:count]


def assert_multiproof_as_openzeppelin(leaves: list[bytes], indices: list[int]) -> None:
    """The multiproof is the published one, bit by bit, and each verifier takes it."""
    tree = MerkleTree.build(leaves)
    made = tree.multiproof(indices)
    proof, flags, ordered = heap_multiproof(heap_of(leaves), indices)
    assert list(made.nodes) == proof
    assert unpacked(made.flags, len(flags)) == flags
    assert len(made.flags) == (len(flags) + 7) // 8
    assert [leaves[k] for k in made.order] == ordered
    assert process_multiproof(proof, flags, ordered) == tree.root
    assert verify_multiproof(tree.root, ordered, made.nodes, made.flags)


def test_keccak_is_ethereums() -> None:
    """Keccak-256, not SHA3-256: the well-known hash of nothing."""
    assert keccak(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def test_build_refuses_no_leaves() -> None:
    """An empty tree has no root."""
    with pytest.raises(ValueError, match="at least one leaf"):
        MerkleTree.build([])


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_build_refuses_leaf_of_wrong_length(length: int) -> None:
    """A leaf is 32 bytes; the message says which is not."""
    with pytest.raises(ValueError, match=f"leaf 1 has {length} bytes"):
        MerkleTree.build([bytes(32), bytes(length), bytes(32)])


def test_build_of_one_leaf_has_it_as_root() -> None:
    """A one-leaf tree hashes nothing."""
    (leaf,) = leaves_of(1)
    tree = MerkleTree.build([leaf])
    assert tree.root == leaf
    assert tree.proof(0) == ()
    assert tree.multiproof([0]) == Multiproof((), b"", (0,))
    assert verify(tree.root, leaf, ())
    assert verify_multiproof(tree.root, [leaf], (), b"")


@pytest.mark.parametrize("size", [*SIZES, 1023, 1024, 1025, 4096 + 3])
def test_root_and_leaves_are_openzeppelins(size: int) -> None:
    """Every size has the root of the published heap, beyond one run of the inner loop too."""
    leaves = leaves_of(size)
    tree = MerkleTree.build(leaves)
    assert tree.root == heap_of(leaves)[0]
    assert len(tree) == size
    assert [tree.leaf(k) for k in range(size)] == leaves


@pytest.mark.parametrize("size", SIZES)
def test_proof_of_every_leaf_verifies(size: int) -> None:
    """Both verifiers accept each leaf's own proof."""
    leaves = leaves_of(size)
    tree = MerkleTree.build(leaves)
    for index, leaf in enumerate(leaves):
        assert process_proof(tree.proof(index), leaf) == tree.root
        assert verify(tree.root, leaf, tree.proof(index))


@pytest.mark.parametrize("size", SIZES)
def test_multiproof_is_openzeppelins(size: int) -> None:
    """Single leaves, all leaves, and random subsets of every size up to 65."""
    leaves, chance = leaves_of(size), random.Random(size)
    subsets = [[k] for k in range(size)] + [list(range(size))]
    subsets += [chance.sample(range(size), chance.randint(1, size)) for _ in range(20)]
    for indices in subsets:
        assert_multiproof_as_openzeppelin(leaves, indices)


@settings(max_examples=50, deadline=None)
@given(data=st.data(), size=st.integers(66, 700))
def test_multiproof_of_larger_tree_is_openzeppelins(data: st.DataObject, size: int) -> None:
    """Any subset, given in any order."""
    indices = data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=80, unique=True))
    assert_multiproof_as_openzeppelin(leaves_of(size), indices)


@pytest.mark.parametrize("size", [5, 8, 13])
def test_multiproof_order_is_ascending_whatever_is_given(size: int) -> None:
    """The order is part of the answer: ascending index, power of two or not."""
    tree = MerkleTree.build(leaves_of(size))
    made = tree.multiproof([4, 0, 3])
    assert made.order == (0, 3, 4)
    assert made == tree.multiproof(iter([3, 4, 0]))


@pytest.mark.parametrize("size", [2, 7, 64])
@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_range_is_from_zero_to_the_last_leaf(size: int, shift: int) -> None:
    """Negative indices and those past the end are refused, the last is not."""
    tree = MerkleTree.build(leaves_of(size))
    for index in (shift, size - 1 + shift):
        if 0 <= index < size:
            assert tree.leaf(index) in leaves_of(size)
            continue
        for ask in (tree.leaf, tree.proof, lambda k: tree.multiproof([0, k])):
            with pytest.raises(ValueError, match=f"no leaf {index} in a tree of {size}"):
                ask(index)


def test_multiproof_refuses_duplicate_and_none() -> None:
    """A leaf asked for twice, or none at all."""
    tree = MerkleTree.build(leaves_of(9))
    with pytest.raises(ValueError, match="leaf 4 is asked for twice"):
        tree.multiproof([4, 2, 4])
    with pytest.raises(ValueError, match="at least one leaf"):
        tree.multiproof([])


@pytest.mark.parametrize("size", [2, 3, 11, 32])
def test_verify_refuses_changed_proof(size: int) -> None:
    """One changed bit, one node less or more, another leaf's proof, another root."""
    leaves = leaves_of(size)
    tree = MerkleTree.build(leaves)
    leaf, proof = leaves[1], tree.proof(1)
    flipped = bytes([proof[0][0] ^ 1]) + proof[0][1:]
    assert verify(tree.root, leaf, proof)
    assert not verify(tree.root, leaf, (flipped, *proof[1:]))
    assert not verify(tree.root, leaf, proof[:-1])
    assert not verify(tree.root, leaf, (*proof, proof[0]))
    assert not verify(tree.root, keccak(leaf), proof)
    assert not verify(keccak(tree.root), leaf, proof)


def test_verify_refuses_hashes_of_other_lengths() -> None:
    """31 and 33 bytes make the same 64 as 32 and 32, and are refused all the same."""
    a, b = bytes(31) + b"\1", b"\2" * 32
    tree = MerkleTree.build([a, b])
    short, long = a[:31], a[31:] + b
    assert keccak(short + long) == tree.root
    assert not verify(tree.root, short, [long])
    assert not verify_multiproof(tree.root, [short], [long], b"\0")
    assert not verify_multiproof(tree.root, [short, long], [], b"\x80")


@pytest.mark.parametrize("size", [1, 2, 3, 11, 32])
def test_verify_multiproof_refuses_changed_proof(size: int) -> None:
    """Any flag, node or leaf changed, dropped, added or swapped."""
    leaves = leaves_of(size)
    tree = MerkleTree.build(leaves)
    made = tree.multiproof(range(0, size, 3))
    root, given, nodes, flags = tree.root, [leaves[k] for k in made.order], made.nodes, made.flags
    wrong = keccak(b"wrong")
    assert verify_multiproof(root, given, nodes, flags)
    assert not verify_multiproof(wrong, given, nodes, flags)
    assert not verify_multiproof(root, given, nodes, flags + b"\0")
    assert not verify_multiproof(root, given, (*nodes, wrong), flags)
    for i in range(len(given)):
        assert not verify_multiproof(root, [*given[:i], wrong, *given[i + 1 :]], nodes, flags)
        assert not verify_multiproof(root, given[:i] + given[i + 1 :], nodes, flags)
    for i in range(len(nodes)):
        assert not verify_multiproof(root, given, (*nodes[:i], wrong, *nodes[i + 1 :]), flags)
        assert not verify_multiproof(root, given, nodes[:i] + nodes[i + 1 :], flags)
    for i in range(len(given) + len(nodes) - 1):
        changed = bytearray(flags)
        changed[i // 8] ^= 0x80 >> i % 8
        assert not verify_multiproof(root, given, nodes, bytes(changed))


def test_verify_multiproof_refuses_wrong_order_of_leaves() -> None:
    """Leaves of different pairs cannot change places."""
    leaves = leaves_of(6)
    tree = MerkleTree.build(leaves)
    made = tree.multiproof([0, 3])
    assert verify_multiproof(tree.root, [leaves[0], leaves[3]], made.nodes, made.flags)
    assert not verify_multiproof(tree.root, [leaves[3], leaves[0]], made.nodes, made.flags)


def test_verify_multiproof_refuses_proof_of_nothing() -> None:
    """OpenZeppelin accepts (no leaves, the root as the only node); that says nothing about any leaf."""
    tree = MerkleTree.build(leaves_of(4))
    assert process_multiproof([tree.root], [], []) == tree.root
    assert not verify_multiproof(tree.root, [], [tree.root], b"")
    assert not verify_multiproof(tree.root, [], [], b"")
