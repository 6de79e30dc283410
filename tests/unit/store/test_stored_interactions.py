"""Queues and interactions as stored, and the lock on a queue, on each kind of database."""

from __future__ import annotations

import secrets
import threading
import time
from contextlib import ExitStack, nullcontext
from typing import Any

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from troth.errors import Busy, DatabaseFailed
from troth.store import Store, schema
from troth.store import interactions as table
from troth.store.batches import accepted_in
from troth.store.interactions import InteractionRow, Known
from troth.store.subjects import SubjectRow, add_subjects, find_subjects

ANN, BEN, CAL = (bytes([n]) * 32 for n in (1, 2, 3))


def row(position: int, subject: bytes = ANN, number: int | None = None, **given: Any) -> InteractionRow:
    """An interaction."""
    values = {"start": 100 + position, "accepted_at": 9, "kind": "json", "amends": None, "stream": 1, **given}
    values |= {"source": given.get("source", position.to_bytes(16, "big")), "record": secrets.token_bytes(32)}
    values["sealed"] = given.get("sealed", b"sealed %d" % position)
    return InteractionRow(position=position, subject=subject, number=number or position + 1, **values)


def save(store: Store, rows: list[InteractionRow], accepted: int | None = None, stream: int = 1) -> None:
    """Adds rows, and moves the queue's end."""
    with store.writing() as connection:
        assert table.add_drafts(connection, rows) == len(rows)
        if accepted is not None:
            table.accept(connection, stream, accepted_in(connection, stream), accepted)


def positions(store: Store) -> list[int]:
    """Of all there are."""
    with store.reading() as connection:
        return list(connection.execute(select(schema.interactions.c.position)).scalars())


def test_only_what_is_accepted_is_found(store: Store) -> None:
    """By index, by source, by subject, by what it amends."""
    rows = [row(0), row(1, BEN, 1), row(2, ANN, 2, amends=0), row(3, ANN, 3, amends=0)]
    save(store, rows, 3)
    with store.reading() as connection:
        assert [table.find_interaction(connection, 1, n) for n in range(5)] == [*rows[:3], None, None]
        sources = [table.find_by_source(connection, 1, one.source) for one in rows]
        assert sources == [*rows[:3], None]
        assert list(table.interactions_of(connection, ANN)) == [rows[0], rows[2]]
        assert table.amendments_of(connection, ANN) == {(1, 0): [2]}
        assert table.find_interaction(connection, 2, 0) is None
        assert table.find_by_source(connection, 2, rows[0].source) is None


def test_interactions_of_a_subject_come_by_stream_and_number(store: Store) -> None:
    """However many there are; of each stream what is accepted."""
    many = [row(n) for n in range(230)]
    save(store, many[::-1], 230)
    other = [row(n, ANN, n + 1, stream=2) for n in range(3)]
    save(store, other, 2, stream=2)
    save(store, [row(0, ANN, 1, stream=3)])
    with store.reading() as connection:
        assert list(table.interactions_of(connection, ANN)) == many + other[:2]


def test_accepting_moves_the_end_from_where_it_is(store: Store) -> None:
    """From anywhere else it is a defect, and nothing moves."""
    save(store, [row(0), row(1)], 1)
    save(store, [], 2)
    complaint = "stream 1 has 2 interactions accepted, and not 1"
    with pytest.raises(RuntimeError, match=complaint), store.writing() as connection:
        table.accept(connection, 1, 1, 3)
    with store.reading() as connection:
        assert accepted_in(connection, 1) == 2
        assert accepted_in(connection, 2) == 0


@pytest.mark.parametrize("there", [[], [0, 1], [1, 2], [0, 2, 3]])
def test_what_is_not_there_is_not_accepted(store: Store, there: list[int]) -> None:
    """None of three may have gone, as by a session let in when the lock's was lost; and nothing moves."""
    save(store, [row(n) for n in there])
    save(store, [row(n, stream=2) for n in range(3)])
    count = sum(n < 3 for n in there)
    complaint = f"stream 1 has {count} interactions from #0 to below #3"
    with pytest.raises(RuntimeError, match=complaint), store.writing() as connection:
        table.accept(connection, 1, 0, 3)
    with store.reading() as connection:
        assert accepted_in(connection, 1) == 0


@pytest.mark.parametrize("before", [0, 1])
def test_accepting_waits_for_who_discards(store: Store, before: int) -> None:
    """From the queue's first place too, which has no row yet: the end never moves past what is gone."""
    save(store, [row(n) for n in range(3)], before or None)
    failures: list[BaseException] = []

    def accept() -> None:
        try:
            with Store.open(store._engine.url.render_as_string(hide_password=False)) as other:
                save(other, [], 3)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=accept)
    with store.writing() as connection:
        assert table.discard_drafts(connection, 1, 100) == 3 - before
        thread.start()
        time.sleep(0.5)
    thread.join(30)
    (failure,) = failures
    assert isinstance(failure, RuntimeError)
    with store.reading() as connection:
        assert accepted_in(connection, 1) == before == len(positions(store))


@pytest.mark.parametrize("other", [{"position": 0}, {"source": row(0).source}, {"number": 1}])
def test_place_source_and_number_are_taken_once(store: Store, other: dict[str, Any]) -> None:
    """In a stream."""
    save(store, [row(0)], 1)
    values = {"position": 1, "number": 2, **other}
    with pytest.raises((IntegrityError, psycopg.IntegrityError)):
        save(store, [row(**values)])
    save(store, [row(**{**values, "stream": 2})])


def test_drafts_are_discarded_from_the_end(store: Store) -> None:
    """A part at a time; what is accepted stays, and other streams'."""
    save(store, [row(n) for n in range(10)], 4)
    save(store, [row(0, stream=2)])
    counts = []
    for _ in range(4):
        with store.writing() as connection:
            counts.append(table.discard_drafts(connection, 1, 4))
            left = set(connection.execute(select(schema.interactions.c.position)).scalars())
            assert left == set(range(10 - sum(counts)))
    assert counts == [4, 2, 0, 0]
    assert len(positions(store)) == 5


def test_subjects_stay_when_their_drafts_go(store: Store) -> None:
    """Even one that looks as if made for an anonymous draft: another stream may have named it since.

    These were deleted once, and an accepted record of another stream became unreadable with the key.
    """
    made = [SubjectRow(ANN, b"k", None, None, 9), SubjectRow(BEN, b"k", None, None, 9)]
    with store.writing() as connection:
        add_subjects(connection, made)
    save(store, [row(0, ANN, 1), row(1, BEN, 1)])
    save(store, [row(0, ANN, 1, stream=2)], 1, stream=2)
    with store.writing() as connection:
        assert table.discard_drafts(connection, 1, 100) == 2
    with store.reading() as connection:
        assert sorted(find_subjects(connection, [ANN, BEN])) == made


def test_subject_that_is_not_there_counts_as_erased(store: Store) -> None:
    """Its key is as gone as that of one erased; each of more than a query takes is looked for."""
    many = [n.to_bytes(32, "big") for n in range(1, 601)]
    with store.writing() as connection:
        add_subjects(connection, [SubjectRow(one, b"k", None, None, 9) for one in many])
        add_subjects(connection, [SubjectRow(b"e" * 32, None, None, None, 9, 10)])
    with store.writing() as connection:
        assert not table.any_erased(connection, [])
        assert not table.any_erased(connection, [*many, many[0]])
        assert table.any_erased(connection, [*many, b"e" * 32])
        assert table.any_erased(connection, [*many, b"x" * 32])


def test_sources_are_known_drafts_too(store: Store) -> None:
    """More than a query takes; by size, that what is sealed need not be read."""
    save(store, [row(n, sealed=b"x" * (n % 7)) for n in range(600)] + [row(600, sealed=None, amends=3)], 10)
    with store.reading() as connection:
        asked = [n.to_bytes(16, "big") for n in range(1_200)]
        found = table.known_sources(connection, 1, asked)
        assert found[asked[600]] == Known(600, ANN, None, 3)
        assert found[asked[13]] == Known(13, ANN, 6, None)
        assert set(found) == set(asked[:601])
        assert table.known_sources(connection, 2, asked) == {}
        assert table.sealed_at(connection, 1, [3, 600, 999]) == {3: b"xxx", 600: None}
        assert len(table.sealed_at(connection, 1, range(600))) == 600


def test_last_record_of_each_subject_is_found(store: Store) -> None:
    """In the stream, drafts too; who has none is left out."""
    rows = [row(0), row(1, BEN, 1), row(2, ANN, 2), row(3, ANN, 3)]
    save(store, rows, 1)
    save(store, [row(0, ANN, 1, stream=2)], 1, stream=2)
    more = [secrets.token_bytes(32) for _ in range(700)]
    with store.reading() as connection:
        found = table.last_records(connection, 1, [*more, ANN, BEN, CAL])
        assert found == {ANN: (3, rows[3].record), BEN: (1, rows[1].record)}
        assert [(one.stream, one.number) for one in table.ends_of(connection, ANN)] == [(1, 3), (2, 1)]
        assert table.ends_of(connection, CAL) == []


def test_records_an_interaction_points_at_are_found(store: Store) -> None:
    """The one before, and the one it amends; None for none."""
    rows = [row(0), row(1, BEN, 1), row(2, ANN, 2), row(3, ANN, 3, amends=0)]
    save(store, rows, 4)
    save(store, [row(0, ANN, 1, stream=2)], 1, stream=2)
    with store.reading() as connection:
        assert table.records_before(connection, rows[0]) == (None, None)
        assert table.records_before(connection, rows[2]) == (rows[0].record, None)
        assert table.records_before(connection, rows[3]) == (rows[2].record, rows[0].record)


def test_destroying_leaves_roots_and_the_erasure(store: Store) -> None:
    """Of one subject, in every stream."""
    rows = [row(0), row(1, BEN, 1), row(2, ANN, 2, kind="erasure")]
    save(store, rows, 3)
    save(store, [row(0, ANN, 1, stream=2)], 1, stream=2)
    with store.writing() as connection:
        assert table.readable_streams(connection, ANN) == [1, 2]
        assert table.destroy_interactions(connection, ANN) == 2
        assert table.readable_streams(connection, ANN) == []
        assert table.readable_streams(connection, BEN) == [1]
    with store.reading() as connection:
        found = [table.find_interaction(connection, 1, n) for n in range(3)]
    assert found == [rows[0]._replace(sealed=None), *rows[1:]]


# --- the lock


def test_block_of_a_name_is_alone(store: Store) -> None:
    """Others wait for it, of this process and of others; another name's do not."""
    order: list[str] = []

    def second() -> None:
        with Store.open(store._engine.url.render_as_string(hide_password=False)) as other:
            with other.exclusive("b"):
                order.append("b")
            with other.exclusive("a"):
                order.append("second")

    with store.exclusive("a"):
        thread = threading.Thread(target=second)
        thread.start()
        while order != ["b"]:
            time.sleep(0.01)
        time.sleep(0.2)
        order.append("first")
    thread.join(30)
    assert order == ["b", "first", "second"]


def test_block_that_does_not_end_is_busy(store: Store) -> None:
    """After the patience given; once it has ended, by an error too, the next is let in at once."""
    with pytest.raises(ZeroDivisionError), store.exclusive("a"):
        begun = time.monotonic()
        with pytest.raises(Busy, match="a in the database"), store.exclusive("a", patience=0.2):
            pass
        assert 0.2 <= time.monotonic() - begun < 10
        raise ZeroDivisionError
    for _ in range(3):
        with store.exclusive("a", patience=5):
            pass


def test_queue_is_held_by_stream(store: Store) -> None:
    """One's does not hold another's."""
    held = table.hold_queue(store, 1, patience=0.1)
    with (
        table.hold_queue(store, 1),
        table.hold_queue(store, 11),
        pytest.raises(Busy, match="intake-1 in"),
        held,
    ):
        pass


def test_many_queues_are_held_at_once(store: Store) -> None:
    """As it takes to erase who has records in every stream; there is a connection left to write by."""
    with ExitStack() as queues:
        turns = [queues.enter_context(table.hold_queue(store, stream)) for stream in range(1, 21)]
        with store.writing() as connection:
            for stream, turn in enumerate(turns, start=1):
                table.check_turn(connection, stream, turn)


def test_queue_whose_session_was_ended_is_another_s(postgres: str) -> None:
    """By the server, as when it restarts: who held the queue before commits nothing more."""
    with Store.open(postgres.replace("@/?", "@/postgres?")) as store, table.hold_queue(store, 1) as turn:
        with store.writing() as connection:
            table.check_turn(connection, 1, turn)
            ended = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            connection.execute(text(ended))
        with table.hold_queue(store, 1, patience=5) as after:
            with pytest.raises(DatabaseFailed, match="stream 1 has ended"), store.writing() as connection:
                table.check_turn(connection, 1, turn)
            with store.writing() as connection:
                table.check_turn(connection, 1, after)


def test_queue_is_not_taken_in_the_middle_of_a_transaction(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that has checked its turn commits first, though its lock be lost."""
    order: list[str] = []

    def second() -> None:
        with (
            Store.open(store._engine.url.render_as_string(hide_password=False)) as other,
            table.hold_queue(other, 1),
        ):
            order.append("second")

    monkeypatch.setattr(Store, "exclusive", lambda _store, _name, patience: nullcontext(patience))
    thread = threading.Thread(target=second)
    with table.hold_queue(store, 1) as turn, store.writing() as connection:
        table.check_turn(connection, 1, turn)
        thread.start()
        time.sleep(0.5)
        order.append("first")
    thread.join(30)
    assert order == ["first", "second"]
