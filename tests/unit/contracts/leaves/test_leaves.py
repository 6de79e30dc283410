"""The hashes at the leaves, against the package's own and Solidity's packed encoding.

policy, observation
├── every field at its smallest and largest, values negative too
├── random fields
└── over memory that is not clean
terms: premium and reference
widths: no leaf is the hash of 64 bytes
"""

from __future__ import annotations

import random

import pytest
from support import Actor, compiled
from support.claims import Observation, Policy

from troth.chain.contracts import Contract
from troth.trees.keccak import keccak

ZERO_ADDRESS, LAST_ADDRESS = "0x" + "00" * 20, "0x" + "ff" * 20


@pytest.fixture
def mirror(stranger: Actor) -> Contract:
    """The library, callable."""
    return stranger.create(compiled("LibraryMirror"))


def random_policies(count: int) -> list[Policy]:
    """Fields of any size."""
    chance = random.Random(1)
    return [
        Policy(
            chance.getrandbits(32),
            chance.randbytes(32),
            "0x" + chance.randbytes(20).hex(),
            chance.getrandbits(chance.choice([8, 40, 96])),
            chance.getrandbits(96),
            chance.randbytes(32),
        )
        for _ in range(count)
    ]


POLICIES = [
    Policy(0, bytes(32), ZERO_ADDRESS, 0, 0, bytes(32)),
    Policy(2**32 - 1, b"\xff" * 32, LAST_ADDRESS, 2**96 - 1, 2**96 - 1, b"\xff" * 32),
    Policy(1, bytes(32), LAST_ADDRESS, 1, 0, bytes(32)),
]


@pytest.mark.parametrize("policies", [POLICIES, random_policies(60)], ids=["edges", "random"])
def test_policy_leaf_is_the_packed_hash(mirror: Contract, policies: list[Policy]) -> None:
    """Python, Solidity's encodePacked and the assembly agree, on clean memory and on dirty."""
    given = [(one.number, one.risk, one.payee, one.sum_insured, one.terms) for one in policies]
    found = mirror.call_many([("policy", fields) for fields in given])
    over_dirt = mirror.call_many([("policyOverDirt", fields) for fields in given])
    for one, answer, dirty in zip(policies, found, over_dirt, strict=True):
        assert answer.leaf == answer.packed == dirty == one.leaf


def test_policy_leaf_changes_with_every_field(mirror: Contract) -> None:
    """None of them is left out."""
    one = POLICIES[0]
    changed = [
        one,
        *(one._replace(**{name: getattr(POLICIES[1], name)}) for name in Policy._fields),
    ]
    assert len({policy.leaf for policy in changed}) == len(changed)
    given = [(p.number, p.risk, p.payee, p.sum_insured, p.terms) for p in changed]
    found = mirror.call_many([("policy", fields) for fields in given])
    assert [answer.leaf for answer in found] == [policy.leaf for policy in changed]


@pytest.mark.parametrize("value", [0, 1, -1, 180, -180, 2**127 - 1, -(2**127)])
def test_observation_leaf_is_the_packed_hash(mirror: Contract, value: int) -> None:
    """Two's complement in 16 bytes, to both ends."""
    one = Observation(keccak(b"risk"), value)
    answer = mirror.call("observation", one.risk, one.value)
    assert answer.leaf == answer.packed == one.leaf
    assert one.leaf == keccak(one.risk + (value % 2**128).to_bytes(16, "big"))


@pytest.mark.parametrize("premium", [0, 1, 2**96 - 1])
def test_terms_are_premium_and_reference(mirror: Contract, premium: int) -> None:
    """44 bytes."""
    one = POLICIES[0]._replace(premium=premium, ref=keccak(b"salted"))
    assert mirror.call("terms", premium, one.ref) == one.terms
    assert one.terms == keccak(premium.to_bytes(12, "big") + one.ref)


def test_no_leaf_is_an_inner_node() -> None:
    """An inner node hashes 64 bytes; a policy 100, an observation 48, so that none can pass for another."""
    policy = POLICIES[1]
    fields = (b"\xff" * 4, policy.risk, b"\xff" * 20, b"\xff" * 12, policy.terms)
    assert (len(b"".join(fields)), keccak(b"".join(fields))) == (100, policy.leaf)
    seen = Observation(b"\xff" * 32, -1)
    assert (len(seen.risk) + 16, keccak(seen.risk + b"\xff" * 16)) == (48, seen.leaf)
