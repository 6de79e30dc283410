"""Anchoring batches: N1, numbers and indexes are contiguous and final.

anchor
├── caller is no writer of the stream: refused, see test_stream_writers.py
├── number is 0 · one anchored before · beyond the next · 2^256 - 1: refused
├── first is not how many records there are, or the contents before are others: refused, the commitment named
├── no record · more than there may be in all: refused
└── else: one word is kept, of all there is to the batch; event
the same call twice: refused, whatever came between
gas: the same for any count, any number
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support import Actor, Suite, compiled, emitted, refuses, undone
from support.defaults import DAY, START
from support.streams import MOST_RECORDS, NO_WORD, Stream, commitment_of, opened, record

from troth.chain.contracts import Contract

LAST = 2**256 - 1


@pytest.fixture
def third(stream: Stream) -> Stream:
    """With two batches, of 3 and 5 records: the next is number 3, from index 8."""
    stream.anchor(3)
    stream.anchor(5)
    return stream


def test_anchor_says_all_of_a_batch_but_what_is_known(
    stream: Stream, streams: Contract, suite: Suite
) -> None:
    """How many records there are now, when, and the two roots."""
    suite.clock.move_by(DAY)
    one = stream.next(7)
    receipt = stream.anchor(7)
    assert emitted(receipt, streams, "Anchored") == [(1, 1, 7, START + DAY, one.root, one.subjects)]
    two = stream.next(2)
    receipt = stream.anchor(2)
    assert emitted(receipt, streams, "Anchored") == [(1, 2, 9, START + DAY, two.root, two.subjects)]
    assert len(receipt.logs) == 1


def test_anchor_keeps_a_chain_of_words_n1(stream: Stream, streams: Contract, suite: Suite) -> None:
    """N1: each opens to what a writer knows without asking, by hashlib; those before never change."""
    for count in (1, 2, 1, 1_000_000, 255, 256):
        before = stream.commitments
        suite.clock.move_by(60)
        stream.anchor(count, root=record(count))
        number = len(stream.batches)
        assert streams.call("commitments", 1, 0, number + 1) == (*stream.commitments, NO_WORD)
        assert stream.commitments[:number] == before
        assert streams.call("batchesOf", 1) == number


def test_anchor_of_one_stream_leaves_the_others_alone_n1(suite: Suite, streams: Contract) -> None:
    """N1: each counts its own batches and records."""
    calls, chats = opened(suite), opened(suite, "chats")
    for turn in (calls, chats, chats, calls, chats):
        turn.anchor()
    assert streams.call("commitments", 1, 0, 3) == (*calls.commitments, NO_WORD)
    assert streams.call("commitments", 2, 0, 3) == chats.commitments


@pytest.mark.parametrize("number", [0, 1, 2, 4, 5, 2**128, LAST - 1, LAST])
def test_anchor_refuses_number_that_is_not_the_next_n1(third: Stream, writer: Actor, number: int) -> None:
    """N1: taken, or with a gap before it. Around 0 the number before wraps round, and finds nothing."""
    with refuses("StreamsWrongNumber", stream=1, number=number):
        writer.send(third.contract, "anchor", *third.next()._replace(number=number))


@pytest.mark.parametrize("number", [0, 2, LAST])
def test_first_anchor_refuses_any_number_but_one_n1(stream: Stream, writer: Actor, number: int) -> None:
    """N1: number 0 is the origin's, and stays what it is."""
    origin = stream.commitments
    with refuses("StreamsWrongNumber", stream=1, number=number):
        writer.send(stream.contract, "anchor", *stream.next()._replace(number=number))
    assert stream.contract.call("commitments", 1, 0, 1) == (*origin, NO_WORD)


@pytest.mark.parametrize("number", [1, 2])
def test_anchor_refuses_to_replace_a_batch_n1(third: Stream, writer: Actor, number: int) -> None:
    """N1: not by what once opened the commitment before it either."""
    anchored = third.batches[number - 1]
    before = Stream(third.suite, third.contract, 1, third.name, writer, third.batches[: number - 1])
    forged = before.next(anchored.count, root=record(99))
    with refuses("StreamsWrongNumber", stream=1, number=number):
        writer.send(third.contract, "anchor", *forged)
    assert third.contract.call("commitments", 1, 0, 2) == third.commitments


def test_anchor_sent_twice_anchors_once_n1(stream: Stream, streams: Contract, writer: Actor) -> None:
    """N1: the same call finds its number taken, at once and after others."""
    sent = stream.next()
    stream.anchor()
    for _ in range(2):
        with refuses("StreamsWrongNumber", stream=1, number=1):
            writer.send(streams, "anchor", *sent)
        stream.anchor()
    assert streams.call("commitments", 1, 0, 3) == stream.commitments


@pytest.mark.parametrize("first", [0, 3, 7, 9, LAST, LAST - 7, 8 + 2**64])
def test_anchor_refuses_first_that_leaves_gap_or_overlaps_n1(
    third: Stream, writer: Actor, first: int
) -> None:
    """N1: eight records there are, so the next is at index 8."""
    with refuses("StreamsWrongPrevious", stream=1, number=3, previous=third.last):
        writer.send(third.contract, "anchor", *third.next()._replace(first=first))


@pytest.mark.parametrize("first", [1, LAST])
def test_first_anchor_begins_at_index_zero_n1(stream: Stream, writer: Actor, first: int) -> None:
    """N1: the origin stands for no record."""
    with refuses("StreamsWrongPrevious", stream=1, number=1, previous=stream.last):
        writer.send(stream.contract, "anchor", *stream.next()._replace(first=first))


def test_anchor_refuses_contents_of_another_batch_n1(third: Stream, writer: Actor) -> None:
    """N1: nothing, the commitment itself, those of the batch before, those of another stream."""
    other = opened(third.suite, "chats")
    before = Stream(third.suite, third.contract, 1, third.name, writer, third.batches[:1])
    for contents in (NO_WORD, third.last, before.contents, other.contents):
        with refuses("StreamsWrongPrevious", stream=1, number=3, previous=third.last):
            writer.send(third.contract, "anchor", *third.next()._replace(previous_contents=contents))


@pytest.mark.parametrize("count", [0, MOST_RECORDS - 7, MOST_RECORDS, 2**64, LAST - 7, LAST])
def test_anchor_refuses_count_of_nothing_or_too_much_n1(third: Stream, writer: Actor, count: int) -> None:
    """N1: at least one, and in all as many as there may be; no sum wraps round."""
    with refuses("StreamsBadCount", stream=1, first=8, count=count):
        writer.send(third.contract, "anchor", *third.next(root=record(0))._replace(count=count))


def test_stream_holds_so_many_records_and_no_more_n1(stream: Stream, writer: Actor) -> None:
    """N1: the last index is the largest there may be, and nothing follows it."""
    stream.anchor(MOST_RECORDS - 1, root=record(0))
    stream.anchor(1)
    assert stream.records == MOST_RECORDS
    assert stream.contract.call("commitments", 1, 0, 2) == stream.commitments
    for count in (1, LAST, 2**256 - MOST_RECORDS):
        with refuses("StreamsBadCount", stream=1, first=MOST_RECORDS, count=count):
            writer.send(stream.contract, "anchor", *stream.next(root=record(0))._replace(count=count))


def test_one_batch_can_hold_all_records(stream: Stream) -> None:
    """The bound is of the stream, not of a batch."""
    stream.anchor(MOST_RECORDS, root=record(0))
    assert stream.contract.call("commitments", 1, 0, 1) == stream.commitments


def test_anchor_commits_to_what_it_is_given_and_the_time(stream: Stream, suite: Suite, writer: Actor) -> None:
    """Another count, root, roster or second, and the word is another."""
    following = stream.next(4)
    changed = [
        following,
        following._replace(count=5),
        following._replace(root=record(1)),
        following._replace(subjects=record(1)),
    ]
    words = set()
    for one in changed:
        for seconds in (1, 2):
            with undone(suite.node):
                suite.clock.move_by(seconds)
                Actor("writer", suite.node).send(stream.contract, "anchor", *one)
                mine = Stream(suite, stream.contract, 1, stream.name, writer)
                mine.take(one)
                (word,) = stream.contract.call("commitments", 1, 1, 1)
                assert word == mine.last == commitment_of(mine.contents, one.count)
                words.add(word)
    assert len(words) == 2 * len(changed)


# --- gas


def without_data(receipt_gas: int, data: bytes) -> int:
    """What a transaction used beyond what its data costs: 4 a zero byte, 16 any other."""
    zeros = data.count(0)
    return receipt_gas - 4 * zeros - 16 * (len(data) - zeros)


def anchored(stream: Stream, counts: list[int]) -> Iterator[int]:
    """Gas of batches of these sizes, without their data."""
    for count in counts:
        data = stream.contract.encode("anchor", *stream.next(count, record(count)))
        yield without_data(stream.anchor(count, record(count)).gas_used, data)


def test_gas_is_the_same_for_any_batch(stream: Stream) -> None:
    """To the unit: the first, the second, of one record and of a hundred million millions."""
    used = list(anchored(stream, [1, 1, 100_000, 10**14, 255, 2**32, 1]))
    assert len(set(used)) == 1


@pytest.mark.parametrize("count", [1, 100, 100_000, 10**14])
def test_gas_is_within_its_budget(suite: Suite, stream: Stream, count: int) -> None:
    """1.20 of one root in a fresh slot and an event, the writer's right checked."""
    floor = suite["insurer"].create(compiled("RootAndEvent"))
    stream.anchor(count, record(0))
    bare = suite["stranger"].send(floor, "write", 2, record(1)).gas_used
    assert stream.anchor(count, record(1)).gas_used <= 1.20 * bare
