"""Closed batches and what the index holds of them; the records and subjects of a range, streamed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError
from support.anchoring import accept, draft, record_of, subject_of
from support.defaults import START
from support.memory import measured

from troth.store import Store, batches, schema
from troth.store.batches import Anchor, ClosedBatch


def closed(number: int, first: int, count: int, stream: int = 1) -> ClosedBatch:
    """A batch of that range."""
    secret, root, subjects = (bytes([number]) * 32, bytes([16 + number]) * 32, bytes([32 + number]) * 32)
    return ClosedBatch(stream, number, first, count, secret, root, subjects, START + number)


@pytest.fixture
def three(store: Store) -> list[ClosedBatch]:
    """Batches of stream 1, of ten records each but the last, of four; and one of stream 2."""
    made = [closed(1, 0, 10), closed(2, 10, 10), closed(3, 20, 4)]
    with store.writing() as connection:
        for one in (made[1], made[0], made[2], closed(1, 0, 99, stream=2)):
            batches.save_batch(connection, one)
    return made


def test_batches_come_back_in_order_of_number(store: Store, three: list[ClosedBatch]) -> None:
    """Those of the stream alone, and any one of them by its number."""
    with store.reading() as connection:
        assert batches.closed_batches(connection, 1) == three
        assert batches.closed_batches(connection, 3) == []
        assert batches.closed_batch(connection, 1, 2) == three[1]
        assert batches.closed_batch(connection, 1, 4) is None
        assert batches.last_closed(connection, 1) == three[2]
        assert batches.last_closed(connection, 3) is None
    assert three[2].records == 24


def test_batch_keeps_its_secret_out_of_sight(three: list[ClosedBatch]) -> None:
    """`repr` ends up in logs."""
    assert repr(three[0].secret)[2:-1] not in repr(three[0])
    assert "secret" not in repr(three[0])


def test_number_is_closed_once(store: Store, three: list[ClosedBatch]) -> None:
    """A second batch of the number is refused."""
    with pytest.raises(IntegrityError), store.writing() as connection:
        batches.save_batch(connection, closed(2, 24, 1))


@pytest.mark.parametrize(
    ("index", "number"), [(0, 1), (9, 1), (10, 2), (19, 2), (20, None), (23, None), (24, None)]
)
def test_batch_is_found_by_a_record_anchored_with_it(
    store: Store, three: list[ClosedBatch], index: int, number: int | None
) -> None:
    """From its first to its last. A record of one that is closed, and not anchored as it is, waits."""
    with store.writing() as connection:
        anchor(connection, three[0])
        anchor(connection, three[1])
        anchor(connection, replace(three[2], root=bytes(32)))  # somebody else's
        anchor(connection, closed(1, 0, 99, stream=2))
    with store.reading() as connection:
        assert batches.anchored_with(connection, 1, index) == number


def anchor(connection: Connection, batch: ClosedBatch) -> None:
    """Puts into the index that a batch was anchored."""
    values = {name: getattr(batch, name) for name in ("stream", "number", "records", "root", "subjects")}
    place = {"block": 7, "log": 9 * batch.stream + batch.number, "tx": bytes(32)}
    connection.execute(schema.anchors.insert().values(**place, **values, time=START))


def test_accepted_is_what_the_queue_says(store: Store) -> None:
    """Drafts beyond it do not count; a stream nothing was accepted of is not filled."""
    accept(store, 2, 5)
    accept(store, 1, 3)
    accept(store, 3, 0)
    with store.writing() as connection:
        draft(connection, 2, 5, 4)
        draft(connection, 4, 0, 4)
        assert batches.accepted_in(connection, 2, held=True) == 5
    with store.reading() as connection:
        assert [batches.accepted_in(connection, stream) for stream in (1, 2, 3, 4)] == [3, 5, 0, 0]
        assert batches.filled_streams(connection) == [1, 2]


def test_waiting_since_is_when_it_was_accepted(store: Store) -> None:
    """Of the interaction at that index; None for a draft and for none."""
    accept(store, 1, 2, at=START)
    accept(store, 1, 1, at=START + 60)
    with store.writing() as connection:
        draft(connection, 1, 3, 1, at=START)
    with store.reading() as connection:
        found = [batches.waiting_since(connection, 1, index) for index in range(5)]
    assert found == [START, START, START + 60, None, None]


def test_records_of_a_range_come_in_order(store: Store) -> None:
    """Those of the stream alone, in chunks or not."""
    accept(store, 1, 25)
    accept(store, 2, 25)
    with store.reading() as connection:
        found = list(batches.records_of(connection, 1, 5, 12))
    assert found == [record_of(1, position) for position in range(5, 17)]


def test_records_are_streamed(store: Store) -> None:
    """A million are not held at once: of 60,000 the first can be had for little memory."""
    accept(store, 1, 60_000, sealed=None)
    with store.reading() as connection, measured() as memory:
        count = sum(1 for _ in batches.records_of(connection, 1, 0, 60_000))
    assert count == 60_000
    assert memory.peak < 6_000_000  # at once they take twice that


def test_spans_are_of_each_subject_in_the_range(store: Store) -> None:
    """Its lowest and its highest number there, and nobody who is not."""
    accept(store, 1, 30)
    accept(store, 2, 30)
    with store.reading() as connection:
        found = {
            subject: (lowest, highest) for subject, lowest, highest in batches.spans_of(connection, 1, 9, 10)
        }
    expected: dict[bytes, list[int]] = {}
    for position in range(9, 19):
        expected.setdefault(subject_of(position), []).append(position // 7 + 1)
    assert found == {subject: (min(numbers), max(numbers)) for subject, numbers in expected.items()}
    with store.reading() as connection:
        assert len(list(batches.spans_of(connection, 1, 3, 2))) == 2


def test_anchors_are_what_the_index_holds(store: Store) -> None:
    """In order of number, of the stream alone."""
    made = [closed(2, 10, 10), closed(1, 0, 10), closed(1, 0, 10, stream=2)]
    with store.writing() as connection:
        for one in made:
            anchor(connection, one)
    with store.reading() as connection:
        assert batches.anchors_of(connection, 1) == [
            Anchor(one.number, one.records, START, one.root, one.subjects, bytes(32))
            for one in (made[1], made[0])
        ]
        assert batches.anchors_of(connection, 3) == []
