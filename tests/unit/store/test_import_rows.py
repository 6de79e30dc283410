"""Staged rows of imports: kept in order, recorded when the index holds their evidence; notices and claims."""

from __future__ import annotations

from troth.store import Store, consents, schema
from troth.store.imports import (
    StagedRow,
    change_entries,
    count_unrecorded,
    find_import,
    recorded_on,
    save_import,
    staged_rows,
    unrecorded_rows,
)

SUBJECTS = [bytes([n]) * 32 for n in range(1, 5)]


def word(number: int) -> bytes:
    """32 bytes."""
    return number.to_bytes(32, "big")


def rows(count: int) -> list[tuple[bytes, bytes, bytes]]:
    """So many rows, of four subjects in turn."""
    return [(SUBJECTS[n % 4], word(n), word(1_000 + n)) for n in range(count)]


def record(store: Store, places: list[int], subject: bytes = SUBJECTS[0]) -> None:
    """Makes the index hold decisions of these rows, all on one key."""
    table = schema.decisions
    values = [
        {
            **{column.name: 1 for column in table.columns},
            "block": 9,
            "log": n,
            "tx": word(n),
            "subject": subject,
            "number": n + 1,
            "recorder": bytes(20),
            "evidence": word(1_000 + place),
        }
        for n, place in enumerate(places)
    ]
    with store.writing() as connection:
        connection.execute(table.insert(), values)


def test_rows_come_back_in_order(store: Store) -> None:
    """As many as were given; the import is found by its source alone."""
    with store.writing() as connection:
        saved = save_import(connection, word(7), "a.csv", iter(rows(25_000)))
    with store.reading() as connection:
        assert find_import(connection, word(7)) == saved
        assert find_import(connection, word(8)) is None
        held = list(staged_rows(connection, saved))
    assert (saved.name, saved.rows) == ("a.csv", 25_000)
    assert held == [StagedRow(n, *row) for n, row in enumerate(rows(25_000))]


def test_one_source_is_one_import(store: Store) -> None:
    """The second is the first, and its rows are not looked at."""
    with store.writing() as connection:
        first = save_import(connection, word(7), "a.csv", rows(2))
    with store.writing() as connection:
        assert save_import(connection, word(7), "b.csv", rows(3)) == first
    with store.reading() as connection:
        assert len(connection.execute(schema.import_rows.select()).all()) == 2


def test_row_is_recorded_once_the_index_holds_its_evidence(store: Store) -> None:
    """Whoever recorded it; and not any more when the chain takes it back."""
    with store.writing() as connection:
        saved = save_import(connection, word(7), "a.csv", rows(6))
    record(store, [0, 3, 99])
    with store.reading() as connection:
        assert count_unrecorded(connection, saved) == 4
        assert [row.position for row in unrecorded_rows(connection, saved, 0, 10)] == [1, 2, 4, 5]
        assert [row.position for row in unrecorded_rows(connection, saved, 2, 3)] == [2, 4]
        assert unrecorded_rows(connection, saved, 6, 10) == []
    with store.writing() as connection:
        connection.execute(schema.decisions.delete())
        assert count_unrecorded(connection, saved) == 6


def test_imports_do_not_see_each_others_rows(store: Store) -> None:
    """Though their positions are alike."""
    with store.writing() as connection:
        first = save_import(connection, word(7), "a.csv", rows(3))
        second = save_import(connection, word(8), "b.csv", [(one, two, word(50)) for one, two, _ in rows(1)])
        change_entries(connection, second, [(0, word(77))])
    with store.reading() as connection:
        assert [row.entry for row in staged_rows(connection, first)] == [word(0), word(1), word(2)]
        assert [row.entry for row in staged_rows(connection, second)] == [word(77)]
        assert count_unrecorded(connection, first) == 3


def test_entries_change_by_position(store: Store) -> None:
    """No others; of none nothing happens."""
    with store.writing() as connection:
        saved = save_import(connection, word(7), "a.csv", rows(4))
        change_entries(connection, saved, [])
        change_entries(connection, saved, [(1, word(91)), (3, word(93))])
        assert [row.entry for row in staged_rows(connection, saved)] == [word(0), word(91), word(2), word(93)]


def test_decisions_are_counted_by_key(store: Store) -> None:
    """Of the subjects asked for, however many."""
    record(store, [0, 1, 2])

    asked = [*SUBJECTS, *(word(n) for n in range(600))]
    with store.reading() as connection:
        assert recorded_on(connection, asked) == {(SUBJECTS[0], 1, 1, 1): 3}
        assert recorded_on(connection, SUBJECTS[1:]) == {}


def test_notice_is_kept_as_it_was_first(store: Store) -> None:
    """Its IRI is its hash: it cannot differ."""
    with store.writing() as connection:
        consents.save_notice(connection, "ni:///sha-256;x", "a.txt", "text/plain", b"We will.")
        consents.save_notice(connection, "ni:///sha-256;x", "b.txt", "text/html", b"We will.")
        row = connection.execute(schema.notices.select()).one()
        assert consents.has_notice(connection, "ni:///sha-256;x")
        assert not consents.has_notice(connection, "ni:///sha-256;y")
    assert (row.name, row.media_type, row.content) == ("a.txt", "text/plain", b"We will.")


def test_expiry_event_is_found_by_its_digest(store: Store) -> None:
    """One IRI a digest, the first."""
    with store.writing() as connection:
        assert consents.expiry_event(connection, word(1)) is None
        for iri in ("urn:uuid:1", "urn:uuid:2"):
            assert consents.save_expiry_event(connection, iri, word(1)) == "urn:uuid:1"
        assert consents.expiry_event(connection, word(1)) == "urn:uuid:1"
        assert consents.expiry_event(connection, word(2)) is None
