"""What commitments say, and reading them.

contentsOf, commitmentOf
├── any batch at all: as hashlib has it
├── every field, the chain and the contract change both; first changes the commitment alone
└── first and count beyond any number: no refusal, and no anchored batch's
commitments
├── from beyond to · to beyond what can be counted: refused
├── within what is anchored: those, the origin's at 0
├── beyond: 0
└── an unknown stream: 0
batchesOf: how many there are, from 0 to 70
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import Actor, Suite, refuses
from support.streams import (
    NAME,
    NO_WORD,
    Batch,
    Stream,
    commitment_of,
    contents_of,
    opened,
    origin_contents,
    record,
)

from troth.chain.artifacts import artifact
from troth.chain.contracts import Contract
from troth.chain.rpc import Node

LAST = 2**256 - 1
BATCH = Batch(1, 2, 3, 4, 5, record(6), record(7), record(8))
NUMBERS = st.integers(0, 2**64) | st.integers(0, LAST)
WORDS = st.binary(min_size=32, max_size=32)
EXAMPLES = settings(
    max_examples=60,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def hashes_of(streams: Contract, batch: Batch) -> tuple[bytes, bytes]:
    """Contents and commitment, as the contract has them."""
    contents, commitment = streams.call_many([("contentsOf", (batch,)), ("commitmentOf", (batch,))])
    return contents, commitment


@contextmanager
def chain_id(node: Node, number: int) -> Iterator[None]:
    """The same chain by another number."""
    before = int(node.call("eth_chainId"), 16)
    node.call("anvil_setChainId", [number])
    try:
        yield
    finally:
        node.call("anvil_setChainId", [before])


@given(st.builds(Batch, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, WORDS, WORDS, WORDS))
@EXAMPLES
def test_commitment_is_the_hash_of_a_batch(suite: Suite, streams: Contract, batch: Batch) -> None:
    """Ten words in two steps, whether there is such a batch or not."""
    contents = contents_of(suite.node.chain_id, streams.address, batch)
    records = (batch.first + batch.count) % 2**256
    assert hashes_of(streams, batch) == (contents, commitment_of(contents, records))


@pytest.mark.parametrize("field", Batch._fields)
def test_commitment_changes_with_every_field(streams: Contract, field: str) -> None:
    """None is left out. `first` is held by how many records there are."""
    changed = BATCH._replace(**{field: record(9) if field in {"root", "subjects", "previous"} else 9})
    contents, commitment = hashes_of(streams, BATCH)
    other_contents, other_commitment = hashes_of(streams, changed)
    assert (other_contents == contents) == (field == "first")
    assert other_commitment != commitment


def test_commitment_is_of_this_contract(
    suite: Suite, streams: Contract, insurer: Actor, stream: Stream, writer: Actor
) -> None:
    """The same batch of another register is another; its streams have other origins."""
    other = insurer.create(artifact("Streams"), suite.authority.address)
    insurer.send(other, "create", NAME, writer.address)
    origins = [one.call("commitments", 1, 0, 0) for one in (streams, other)]
    assert origins == [(one_origin(suite, one),) for one in (streams, other)]
    assert len({*origins}) == 2
    assert not {*hashes_of(streams, BATCH)} & {*hashes_of(other, BATCH)}
    with refuses("StreamsWrongPrevious", stream=1, number=1, previous=origins[1][0]):
        writer.send(other, "anchor", *stream.next())


def one_origin(suite: Suite, contract: Contract) -> bytes:
    """Of stream 1, as named here."""
    return commitment_of(origin_contents(suite.node.chain_id, contract.address, 1, NAME), 0)


def test_commitment_is_of_this_chain(suite: Suite, streams: Contract, stream: Stream) -> None:
    """The same batch on another chain is another; nothing anchored here was anchored there."""
    stream.anchor()
    (batch,) = stream.batches
    here, origin = hashes_of(streams, batch), stream.commitments[0]
    with chain_id(suite.node, 4242):
        there = hashes_of(streams, batch)
        assert there[0] == contents_of(4242, streams.address, batch)
        assert not streams.call("isAnchored", batch)
    assert not {*here} & {*there}
    assert streams.call("isAnchored", batch)
    assert origin != commitment_of(origin_contents(4242, streams.address, 1, NAME), 0)


def test_origin_is_of_the_name(suite: Suite, streams: Contract) -> None:
    """Whoever trusts a commitment knows which stream it is of: not even a number is shared."""
    names = ["calls", "chats", "call", "s"]
    numbers = [opened(suite, name).number for name in names]
    for number in numbers:
        (word,) = streams.call("commitments", number, 0, 0)
        matching = [
            name
            for name in names
            if commitment_of(origin_contents(suite.node.chain_id, streams.address, number, name), 0) == word
        ]
        assert matching == [names[number - 1]]


# --- reading


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 0), (0, 1), (0, 5), (1, 1), (2, 4), (5, 5), (4, 6), (5, 6), (6, 6), (6, 9), (2**255, 2**255 + 3)],
)
def test_commitments_are_those_of_a_range(stream: Stream, streams: Contract, start: int, end: int) -> None:
    """Both ends included; 0 for what is not anchored."""
    for count in range(1, 6):
        stream.anchor(count)
    known = dict(enumerate(stream.commitments))
    expected = tuple(known.get(number, NO_WORD) for number in range(start, end + 1))
    assert streams.call("commitments", 1, start, end) == expected


@pytest.mark.parametrize("number", [0, 2, LAST])
def test_commitments_of_unknown_stream_are_none(stream: Stream, streams: Contract, number: int) -> None:
    """No origin either."""
    assert streams.call("commitments", number, 0, 2) == (NO_WORD,) * 3
    assert streams.call("batchesOf", number) == 0


@pytest.mark.parametrize(("start", "end"), [(1, 0), (LAST, 0), (LAST, LAST - 1), (0, LAST), (LAST, LAST)])
def test_commitments_refuses_range_that_is_none(streams: Contract, start: int, end: int) -> None:
    """Backwards, or of a length that cannot be counted."""
    with refuses("StreamsBadRange", **{"from": start, "to": end}):
        streams.call("commitments", 1, start, end)


def test_commitments_reach_the_last_number_that_can_be_counted(stream: Stream, streams: Contract) -> None:
    """One below the largest there is."""
    assert streams.call("commitments", 1, LAST - 1, LAST - 1) == (NO_WORD,)


def test_batches_are_counted_n1(suite: Suite, stream: Stream, streams: Contract) -> None:
    """N1: 0 to 70, across the powers of two at which the search turns; in few steps."""
    for number in range(71):
        assert streams.call("batchesOf", 1) == number
        stream.anchor(1, root=record(number))
    data = f"0x{streams.encode('batchesOf', 1).hex()}"
    asked = {"to": streams.address, "data": data, "gas": hex(80_000)}  # twice what fourteen reads take
    assert int(suite.node.call("eth_call", [asked, "latest"]), 16) == 71


@pytest.mark.parametrize(("first", "count"), [(LAST, 4), (4, LAST), (2**255 + 3, 2**255), (LAST, LAST)])
def test_batch_beyond_any_number_is_answered_and_never_anchored(
    stream: Stream, streams: Contract, first: int, count: int
) -> None:
    """A question is answered, not refused, where first and count wrap round, be it to the sum anchored."""
    stream.anchor(3, root=record(0))
    forged = stream.batches[0]._replace(first=first, count=count)
    assert not streams.call("isAnchored", forged)
    for index in (0, 2, first, LAST):
        assert not streams.call("isIncluded", forged, record(0), index, [])
