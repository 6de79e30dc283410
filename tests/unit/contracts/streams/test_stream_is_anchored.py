"""Whether a batch was anchored as it is given.

isAnchored
├── the batch: true, whatever followed
├── any field changed: false
├── the origin, or nothing, given as a batch: false
└── of another stream, by another number: false
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import Suite
from support.streams import NO_WORD, Batch, Stream, opened, record

from troth.chain.contracts import Contract

HASHES = ("root", "subjects", "previous")
NUMBERS = tuple(name for name in Batch._fields if name not in HASHES)
LAST = 2**256 - 1


def test_batch_is_anchored_as_it_is(suite: Suite, stream: Stream, streams: Contract) -> None:
    """At once, and after others."""
    for count in (1, 5, 2, 1_000):
        suite.clock.move_by(7)
        stream.anchor(count, root=record(count))
        asked = [("isAnchored", (batch,)) for batch in stream.batches]
        assert streams.call_many(asked) == [True] * len(asked)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_changed_batch_is_not_anchored_n2(stream: Stream, streams: Contract, number: int) -> None:
    """N2: each field of the first, a middle and the last, one up, one down, and far away."""
    for count in (4, 5, 6):
        stream.anchor(count)
    batch = stream.batches[number - 1]
    forged = []
    for name in Batch._fields:
        value = getattr(batch, name)
        others = (
            [NO_WORD, record(77), bytes([value[0] ^ 1]) + value[1:], value[:-1] + bytes([value[-1] ^ 1])]
            if name in HASHES
            else [0, 1, value + 1, max(value - 1, 0), value + 2**64, LAST]
        )
        forged += [batch._replace(**{name: other}) for other in others if other != value]
    answers = streams.call_many([("isAnchored", (one,)) for one in forged])
    assert answers == [False] * len(forged)


def test_records_moved_between_first_and_count_are_not_anchored_n2(stream: Stream, streams: Contract) -> None:
    """N2: as many in all, but not where they were."""
    stream.anchor(10)
    stream.anchor(6)
    batch = stream.batches[1]
    for moved in (1, -1, 5, 6, 2**256 - 1):
        forged = batch._replace(first=(batch.first + moved) % 2**256, count=(batch.count - moved) % 2**256)
        assert not streams.call("isAnchored", forged)


@given(st.lists(st.tuples(st.sampled_from(NUMBERS), st.integers(0, 40)), min_size=1, max_size=5))
@settings(
    max_examples=100,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_batch_of_any_numbers_is_anchored_only_if_it_was_n2(
    stream: Stream, streams: Contract, changes: list[tuple[str, int]]
) -> None:
    """N2: several changed at once."""
    if not stream.batches:
        for count in (4, 5, 6):
            stream.anchor(count)
    batch = stream.batches[1]._replace(**dict(changes))
    assert streams.call("isAnchored", batch) == (batch in stream.batches)


def test_origin_is_no_batch(stream: Stream, streams: Contract) -> None:
    """Number 0 opens to no batch, and what was never written to none either."""
    origin = stream.last
    for previous in (origin, NO_WORD, stream.contents):
        for number in (0, 1, 2):
            forged = Batch(1, number, 0, 0, stream.suite.clock.now, NO_WORD, NO_WORD, previous)
            assert not streams.call("isAnchored", forged)
    assert not streams.call("isAnchored", Batch(0, 0, 0, 0, 0, NO_WORD, NO_WORD, NO_WORD))


def test_batch_of_another_stream_is_not_anchored_n2(suite: Suite, streams: Contract) -> None:
    """N2: two streams with the same roots at the same time."""
    one, other = opened(suite), opened(suite, "chats")
    one.anchor()
    other.anchor()
    assert one.batches[0].root == other.batches[0].root
    assert streams.call("isAnchored", other.batches[0])
    assert not streams.call("isAnchored", other.batches[0]._replace(stream=1))
    assert not streams.call("isAnchored", one.batches[0]._replace(stream=2))
