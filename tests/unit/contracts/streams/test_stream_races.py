"""N1 where several write, and where the chain takes back what it said.

two writers, one number: the first in the chain's order has it, the other is refused and can go on after it
batches sent ahead: only by what really came before
after a reorganisation
├── a batch that stays out is anchored again, at another time, as another commitment
├── what was built on the lost one is refused
└── one that comes back unchanged is not anchored twice
any order of right and wrong calls: as a list that is only ever appended to
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import Actor, Suite, refuses, undone
from support.defaults import DAY
from support.streams import NO_WORD, Anchoring, Batch, Stream, record

from troth.chain.contracts import Contract
from troth.errors import ContractRefused


def test_second_of_two_writers_is_refused_and_goes_on_n1(
    stream: Stream, streams: Contract, compliance: Actor, writer: Actor, stranger: Actor
) -> None:
    """N1: both prepared batch 2; one is in, and the other is prepared anew after it."""
    compliance.send(streams, "setWriter", 1, stranger.address, True)
    stream.anchor()
    mine, theirs = stream.next(3), stream.next(4)
    stranger.send(streams, "anchor", *theirs)
    with refuses("StreamsWrongNumber", stream=1, number=2):
        writer.send(streams, "anchor", *mine)
    stream.take(theirs)
    stream.anchor()
    assert stream.records == 10
    assert streams.call("commitments", 1, 0, 3) == stream.commitments


def test_two_writers_in_one_block_anchor_one_batch_n1(
    suite: Suite, stream: Stream, compliance: Actor, writer: Actor, stranger: Actor
) -> None:
    """N1: mined together, one succeeds; which one is the chain's to say."""
    streams = stream.contract
    compliance.send(streams, "setWriter", 1, stranger.address, True)
    offers = {who.address.lower(): stream.next(count) for who, count in ((writer, 3), (stranger, 4))}
    suite.node.call("anvil_autoImpersonateAccount", [True])
    suite.node.call("evm_setAutomine", [False])
    try:
        hashes = [send_from(suite, streams, address, offer) for address, offer in offers.items()]
        suite.node.call("evm_mine")
    finally:
        suite.node.call("evm_setAutomine", [True])
        suite.node.call("anvil_autoImpersonateAccount", [False])
    receipts = [suite.node.call("eth_getTransactionReceipt", [one]) for one in hashes]
    assert len({one["blockHash"] for one in receipts}) == 1
    (winner,) = [one for one in receipts if int(one["status"], 16)]
    stream.take(offers[winner["from"].lower()])
    assert streams.call("commitments", 1, 0, 1) == stream.commitments
    assert streams.call("batchesOf", 1) == 1


def send_from(suite: Suite, streams: Contract, address: str, offer: Anchoring) -> str:
    """Leaves a transaction with the node, unsigned and unmined; its hash."""
    data = f"0x{streams.encode('anchor', *offer).hex()}"
    sent = {"from": address, "to": streams.address, "data": data, "gas": hex(200_000)}
    return str(suite.node.call("eth_sendTransaction", [sent]))


def test_batch_built_on_a_guess_of_the_time_is_refused_n1(stream: Stream, writer: Actor) -> None:
    """N1: what comes before is known when it is in the chain, not sooner."""
    one = stream.next()
    guess = Stream(stream.suite, stream.contract, 1, stream.name, writer)
    guess.take(one)
    ahead = guess.next()
    stream.suite.clock.move_by(1)
    stream.anchor()
    with refuses("StreamsWrongPrevious", stream=1, number=2, previous=stream.last):
        writer.send(stream.contract, "anchor", *ahead)


@pytest.mark.reorganises
def test_batch_lost_in_a_reorganisation_is_anchored_again_n1(suite: Suite, stream: Stream) -> None:
    """N1: at a later time, so as another word; what was built on the lost one does not fit."""
    streams = stream.contract
    sent = stream.next()
    lost = Stream(suite, streams, 1, stream.name, stream.writer)
    lost.anchor()
    second = lost.next()
    lost.anchor()
    third = lost.next()
    suite.node.call("anvil_reorg", [2, []])
    assert streams.call("commitments", 1, 0, 1) == (stream.last, NO_WORD)
    suite.clock.move_by(DAY)
    writer = Actor("writer", suite.node)  # as it comes back: the chain knows neither transaction
    writer.send(streams, "anchor", *sent)
    stream.take(sent)
    assert streams.call("commitments", 1, 0, 1) == stream.commitments
    assert stream.last != lost.commitments[1]
    assert not streams.call("isAnchored", lost.batches[0])
    with refuses("StreamsWrongPrevious", stream=1, number=2, previous=stream.last):
        writer.send(streams, "anchor", *second)
    with refuses("StreamsWrongNumber", stream=1, number=3):
        writer.send(streams, "anchor", *third)


@pytest.mark.reorganises
def test_batch_that_survives_a_reorganisation_is_not_anchored_twice_n1(suite: Suite, stream: Stream) -> None:
    """N1: the blocks after it are mined anew; sent again, it finds its number taken."""
    streams = stream.contract
    sent = stream.next()
    stream.anchor()
    suite.clock.move_by(DAY)
    suite.clock.move_by(DAY)
    suite.node.call("anvil_reorg", [2, []])
    assert streams.call("isAnchored", stream.batches[0])
    with refuses("StreamsWrongNumber", stream=1, number=1):
        Actor("writer", suite.node).send(streams, "anchor", *sent)
    assert streams.call("commitments", 1, 0, 1) == stream.commitments


# --- any order of calls


def forged_by(forgery: str, stream: Stream, by: int) -> dict[str, int | bytes]:
    """What is wrong with the next batch."""
    wrong: dict[str, int | bytes] = {
        "number": (len(stream.batches) + 1 + by) % 2**256,
        "first": (stream.records + by) % 2**256,
        "count": 0,
        "previous_contents": record(by + 3),
    }
    return {forgery: wrong[forgery]}


EXPECTED = {
    "number": "StreamsWrongNumber",
    "first": "StreamsWrongPrevious",
    "count": "StreamsBadCount",
    "previous_contents": "StreamsWrongPrevious",
}
STEPS = st.lists(
    st.tuples(st.sampled_from([None, None, *EXPECTED]), st.integers(-3, 3).filter(bool), st.integers(1, 300)),
    min_size=1,
    max_size=12,
)


@given(STEPS)
@settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_order_of_calls_appends_or_changes_nothing_n1(
    suite: Suite, stream: Stream, steps: list[tuple[str | None, int, int]]
) -> None:
    """N1: what is refused leaves no trace, what is taken is the list's next."""
    with undone(suite.node):
        writer = Actor("writer", suite.node)
        mine = Stream(suite, stream.contract, 1, stream.name, writer)
        for forgery, by, size in steps:
            suite.clock.move_by(abs(by))
            if forgery is None:
                mine.anchor(size, root=record(size))
            else:
                forged = mine.next(size, root=record(size))._replace(**forged_by(forgery, mine, by))
                with pytest.raises(ContractRefused) as caught:
                    mine.contract.call("anchor", *forged, sender=writer.address)
                assert caught.value.name == EXPECTED[forgery]
        number = len(mine.batches)
        known = mine.contract.call("commitments", 1, 0, number)
        assert known == mine.commitments
        assert mine.contract.call("batchesOf", 1) == number
        assert contiguous(mine.batches)


def contiguous(batches: list[Batch]) -> bool:
    """Numbers from 1, indexes from 0, time that does not go back."""
    firsts = [sum(batch.count for batch in batches[:place]) for place in range(len(batches))]
    times = [batch.time for batch in batches]
    return (
        [batch.number for batch in batches] == [*range(1, len(batches) + 1)]
        and [batch.first for batch in batches] == firsts
        and times == sorted(times)
    )
