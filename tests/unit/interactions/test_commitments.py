"""Commitments as the contract makes them: for any batch, and for those it anchored.

contents, commitment: of any numbers and words · of two chains, two contracts: not the same
origin: of a stream just created, by its name
anchored batches: each commitment is the word on the chain, and the next one's `previous`
"""

from __future__ import annotations

import random
from dataclasses import astuple, replace

import pytest
from support import Suite
from support.streams import opened

from troth.addresses import parse_address
from troth.interactions.commitments import Batch, commitment, contents, origin

CHAIN = 31337
CONTRACT = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
BATCH = Batch(1, 2, 500, 100, 1_772_359_200, b"\x01" * 32, b"\x02" * 32, b"\x03" * 32)


def random_batch(chance: random.Random) -> Batch:
    """Numbers from one bit to nearly as many as there can be, and words beginning with zeros as well."""
    stream, number, time = (chance.getrandbits(chance.choice([1, 8, 64, 256])) for _ in range(3))
    first, count = chance.getrandbits(chance.choice([1, 48])), chance.getrandbits(chance.choice([1, 48]))
    words = (chance.getrandbits(chance.choice([8, 200, 256])).to_bytes(32, "big") for _ in range(3))
    return Batch(stream, number, first, count, time, *words)


def test_contents_and_commitment_are_the_contracts(suite: Suite) -> None:
    """For any batch, whether or not there is such a stream."""
    chain, contract = suite.node.chain_id, suite.streams.address
    chance = random.Random(4)
    batches = [BATCH, *(random_batch(chance) for _ in range(50))]
    calls = [(name, (astuple(one),)) for one in batches for name in ("contentsOf", "commitmentOf")]
    ours = [make(chain, contract, one) for one in batches for make in (contents, commitment)]
    assert suite.streams.call_many(calls) == ours


def test_origin_is_the_contracts(suite: Suite) -> None:
    """What stands under number 0 once a stream is created, each by its own number and name."""
    chain, contract = suite.node.chain_id, suite.streams.address
    for name in ("calls", "chats-2", "a"):
        stream = opened(suite, name)
        (word,) = suite.streams.call("commitments", stream.number, 0, 0)
        assert origin(chain, contract, stream.number, name) == (stream.contents, word)


def test_commitments_of_anchored_batches_are_the_words_on_the_chain_n1(suite: Suite) -> None:
    """N1: from the origin on, each is the `previous` of the next, whose anchoring its contents open."""
    chain, contract = suite.node.chain_id, suite.streams.address
    stream = opened(suite)
    before, previous = origin(chain, contract, stream.number, stream.name)
    for count in (1, 3, 1_000_000):
        suite.clock.move_by(60)
        anchoring = stream.next(count, root=bytes([count % 251]) * 32)
        assert anchoring.previous_contents == before
        stream.anchor(count, root=anchoring.root)
        batch = Batch(*stream.batches[-1][:-1], previous)
        before, previous = contents(chain, contract, batch), commitment(chain, contract, batch)
        assert suite.streams.call("commitments", batch.stream, batch.number, batch.number) == (previous,)
        assert suite.streams.call("isAnchored", astuple(batch))


@pytest.mark.parametrize(
    "change",
    [
        *({"stream": 9}, {"number": 9}, {"first": 9}, {"count": 9}, {"time": 9}),
        *({"root": bytes(32)}, {"subjects": bytes(32)}, {"previous": bytes(32)}),
    ],
    ids=lambda change: next(iter(change)),
)
def test_commitment_is_another_for_any_change_n1(change: dict[str, int]) -> None:
    """N1: no part of a batch can be altered under its commitment."""
    assert commitment(CHAIN, CONTRACT, replace(BATCH, **change)) != commitment(CHAIN, CONTRACT, BATCH)


def test_commitment_is_another_on_another_chain_or_contract() -> None:
    """So that a batch anchored on a test chain proves nothing."""
    other = "0x000000000000000000000000000000000000dEaD"
    places = [(CHAIN, CONTRACT), (1, CONTRACT), (CHAIN, other)]
    assert len({commitment(*place, BATCH) for place in places}) == 3
    assert len({origin(*place, 1, "calls") for place in places}) == 3


def test_contract_is_told_by_its_address_in_any_letters() -> None:
    """The checksum is in the letters' case; the address is not."""
    assert contents(CHAIN, CONTRACT.lower(), BATCH) == contents(CHAIN, CONTRACT, BATCH)
    assert origin(CHAIN, CONTRACT.lower(), 1, "calls") == origin(CHAIN, CONTRACT, 1, "calls")


@pytest.mark.parametrize("wrong", ["0x00", CONTRACT[:-1], f"{CONTRACT[:-1]}4"])
def test_what_is_no_address_is_refused(wrong: str) -> None:
    """As addresses are everywhere, see `parse_address`."""
    for make in (parse_address, lambda text: contents(CHAIN, text, BATCH)):
        with pytest.raises(ValueError, match=r"address|character is wrong"):
            make(wrong)
