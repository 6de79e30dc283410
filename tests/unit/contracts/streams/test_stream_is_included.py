"""Whether a record was anchored: N2, a proof verifies iff the record is unchanged and at that index.

isIncluded
├── every record of every batch, by its path: true
├── the batch is not anchored as given: false
├── another record · another index, of this batch or another, before the first or beyond any: false
├── a path longer · shorter · in another order · empty · with a node changed: false
├── an inner node as a record: false
└── whatever a writer anchors as root, of whatever count: no path of the wrong length leads to it
The paths themselves: see ../inclusion_proofs.
"""

from __future__ import annotations

import pytest
from support import Actor
from support.streams import NO_WORD, Batch, Stream, path_of, record, root_led_to, root_of

from troth.chain.contracts import Contract

COUNTS = (1, 2, 3, 7, 8)
LAST = 2**256 - 1
Question = tuple[Batch, bytes, int, list[bytes]]


@pytest.fixture
def filled(stream: Stream) -> Stream:
    """With batches of several sizes."""
    for count in COUNTS:
        stream.anchor(count)
    return stream


def answers(streams: Contract, questions: list[Question]) -> list[bool]:
    """What the contract says of each."""
    return streams.call_many([("isIncluded", one) for one in questions])


def true_questions(stream: Stream) -> list[Question]:
    """Every record of the stream, by the path that proves it."""
    return [
        (batch, record(batch.first + place), batch.first + place, path_of(leaves, place))
        for batch in stream.batches
        for leaves in [stream.leaves(batch.first, batch.count)]
        for place in range(batch.count)
    ]


def test_every_record_is_included_n2(filled: Stream, streams: Contract) -> None:
    """N2: at its index in the stream."""
    questions = true_questions(filled)
    assert len(questions) == filled.records == sum(COUNTS)
    assert answers(streams, questions) == [True] * len(questions)


def test_no_record_is_included_at_another_index_n2(filled: Stream, streams: Contract) -> None:
    """N2: not even one of the same batch, nor one that differs by a power of two."""
    forged = [
        (batch, leaf, other, path)
        for batch, leaf, index, path in true_questions(filled)
        for other in (
            *range(filled.records + 2),
            *(index + 2**64, index + 2**255, 2**255, LAST, LAST - index),
        )
        if other != index
    ]
    assert not any(answers(streams, forged))


def test_changed_record_is_not_included_n2(filled: Stream, streams: Contract) -> None:
    """N2: one bit of it, or another's path."""
    questions = true_questions(filled)
    forged = [
        (batch, bytes([leaf[0] ^ 0x80]) + leaf[1:], index, path) for batch, leaf, index, path in questions
    ]
    forged += [
        (batch, leaf, index, path)
        for batch, leaf, index, _ in questions
        for _, _, other, path in questions
        if other != index and path
    ]
    assert not any(answers(streams, forged))


def test_changed_path_leads_nowhere_n2(filled: Stream, streams: Contract) -> None:
    """N2: longer at either end, shorter at either end, turned round, one bit of one node."""
    forged = []
    for batch, leaf, index, path in true_questions(filled):
        changed = [[*path, NO_WORD], [NO_WORD, *path], [*path, batch.root], path[:-1], path[1:], path[::-1]]
        changed += [
            [*path[:at], bytes([node[0] ^ 1]) + node[1:], *path[at + 1 :]] for at, node in enumerate(path)
        ]
        forged += [(batch, leaf, index, one) for one in changed if one != path]
    assert not any(answers(streams, forged))


def test_inner_node_is_no_record_n2(filled: Stream, streams: Contract) -> None:
    """N2: what a path goes through is told apart from what it begins with, by the prefix of leaves."""
    batch = filled.batches[-1]
    leaves = filled.leaves(batch.first, batch.count)
    half = root_of(leaves[:4])
    _, *rest = [root_of(leaves[:2]), root_of(leaves[4:])]
    for index in range(batch.first, batch.first + batch.count):
        assert not streams.call("isIncluded", batch, half, index, rest)
    assert not streams.call("isIncluded", batch, batch.root, batch.first, [])


def test_record_of_batch_that_is_not_anchored_as_given_is_not_included_n2(
    filled: Stream, streams: Contract
) -> None:
    """N2: each field changed; a batch made up whole, whose tree is sound."""
    batch, leaf, index, path = true_questions(filled)[-1]
    numbers = {name: getattr(batch, name) + 1 for name in ("stream", "number", "time", "count")}
    forged = [batch._replace(**{name: value}) for name, value in numbers.items()]
    forged += [batch._replace(first=batch.first - 1), batch._replace(previous=record(0))]
    forged += [batch._replace(subjects=record(0)), batch._replace(root=record(0))]
    assert not any(answers(streams, [(one, leaf, index, path) for one in forged]))
    unsent = filled.next(4)
    leaves = filled.leaves(filled.records, 4)
    made_up = Batch(1, unsent.number, unsent.first, 4, batch.time, root_of(leaves), NO_WORD, filled.last)
    assert not streams.call("isIncluded", made_up, leaves[2], made_up.first + 2, path_of(leaves, 2))


@pytest.mark.parametrize("count", [1, 2, 5, 2**48])
def test_no_root_is_reached_by_a_path_of_the_wrong_length_n2(
    stream: Stream, streams: Contract, stranger: Actor, count: int
) -> None:
    """N2: a writer who anchors nothing, as root, cannot name its records afterwards."""
    stream.anchor(count, root=NO_WORD)
    (batch,) = stream.batches
    right = (count - 1).bit_length()
    lengths = [length for length in (0, 1, 2, 3, 4, 47, 48, 49, 256, 300) if length != right]
    questions = [(batch, record(9), 0, [NO_WORD] * length) for length in (*lengths, right)]
    assert not any(answers(streams, questions))


@pytest.mark.parametrize(("count", "leaves"), [(1, 2), (2, 3), (3, 8), (4, 5), (5, 4), (8, 7), (8, 2)])
def test_batch_of_another_count_than_its_tree_proves_no_more_than_it_counts_n2(
    stream: Stream, streams: Contract, count: int, leaves: int
) -> None:
    """N2: a writer who anchors fewer records than a tree has leaves, or more, cannot bring in the others."""
    records = stream.leaves(0, leaves)
    stream.anchor(count, root=root_of(records))
    (batch,) = stream.batches
    for index in range(max(count, leaves) + 1):
        for place in range(leaves):
            path = path_of(records, place)
            is_included = streams.call("isIncluded", batch, records[place], index, path)
            assert is_included == (root_led_to(records[place], index, count, path) == batch.root)
            assert not is_included or index < count
    assert not streams.call("isIncluded", batch, records[-1], count, path_of(records, leaves - 1))
