"""Subjects and evidence as stored, on each kind of database."""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url, select

from troth.store import Store, schema
from troth.store import subjects as table
from troth.store.subjects import EvidenceRow, SubjectRow

KEY, DIGEST, REF = b"\1" * 60, b"\2" * 32, b"\3" * 40


def ids(count: int) -> list[bytes]:
    """New subjects."""
    return [secrets.token_bytes(32) for _ in range(count)]


def driver(path: Path) -> sqlite3.Connection:
    """A connection of somebody else's."""
    return sqlite3.connect(path, 30, isolation_level=None, check_same_thread=False)


def is_free(probe: sqlite3.Connection) -> bool:
    """Whether nobody has the writer's lock now."""
    try:
        probe.execute("PRAGMA busy_timeout = 0").close()
        probe.execute("BEGIN IMMEDIATE")
        probe.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return False
    return True


def save(store: Store, *rows: SubjectRow) -> None:
    """Saves subjects."""
    with store.writing() as connection:
        table.hold_creation(connection)
        table.add_subjects(connection, rows)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("level", ["read committed", "repeatable read", "serializable"])
def test_subject_made_meanwhile_is_found_whatever_the_servers_isolation(
    database_url: str, level: str
) -> None:
    """Who waited for the creation sees what was created, so that no reference gets two subjects."""
    url, found = make_url(database_url), []
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {url.database} SET default_transaction_isolation TO '{level}'")

    def look() -> None:
        with store.writing() as connection:
            table.hold_creation(connection)
            found.append(table.subjects_by_digest(connection, [DIGEST]))

    (one,) = ids(1)
    with Store.open(database_url) as store:
        thread = threading.Thread(target=look)
        with store.writing() as connection:
            table.hold_creation(connection)
            thread.start()
            table.add_subjects(connection, [SubjectRow(one, KEY, DIGEST, REF, 7)])
            thread.join(0.3)
            assert thread.is_alive()
        thread.join(30)
    assert found == [{DIGEST: one}]


def test_many_subjects_are_found_by_id_and_digest(store: Store) -> None:
    """More than a query takes; those there are not are left out."""
    rows = [SubjectRow(one, KEY, one[::-1], REF, 7) for one in ids(1_201)]
    save(store, *rows)
    with store.reading() as connection:
        found = list(table.find_subjects(connection, [*(row.subject for row in rows), bytes(32)]))
        by_digest = table.subjects_by_digest(connection, [*(row.subject[::-1] for row in rows), bytes(32)])
        assert table.find_subject(connection, bytes(32)) is None
    assert sorted(found) == sorted(rows)
    assert by_digest == {row.subject[::-1]: row.subject for row in rows}


def test_key_to_try_is_of_somebody_not_erased(store: Store) -> None:
    """None where there is nobody."""
    with store.reading() as connection:
        assert table.any_sealed_key(connection) is None
    gone, there = sorted(ids(2))
    save(store, SubjectRow(gone, None, None, None, 7, 8), SubjectRow(there, KEY, None, None, 7))
    with store.reading() as connection:
        assert table.any_sealed_key(connection) == (there, KEY)


def test_destroyed_subject_keeps_its_id_and_for_now_its_digest(store: Store) -> None:
    """Its evidence keeps its word; another's is untouched; what is to be overwritten is told."""
    one, other = ids(2)
    save(store, SubjectRow(one, KEY, DIGEST, REF, 7), SubjectRow(other, KEY, None, None, 7))
    words = ids(2)
    rows = [EvidenceRow(word, who, b"sealed", 7) for word, who in zip(words, (one, other), strict=True)]
    with store.writing() as connection:
        table.add_evidences(connection, rows)
    with store.writing() as connection:
        assert table.destroy(connection, one, 9) == [KEY, REF]
    with store.reading() as connection:
        assert table.find_subject(connection, one) == (one, None, DIGEST, None, 7, 9)
        assert table.find_subject(connection, other) == (other, KEY, None, None, 7, None)
        assert table.evidences_of(connection, one) == [(words[0], one, None, 7)]
        assert table.find_evidence(connection, words[1]) == rows[1]
        assert table.find_evidence(connection, bytes(32)) is None
    with store.writing() as connection:
        assert table.forget_reference(connection, one) == [DIGEST]
        assert table.forget_reference(connection, one) == []
        assert table.destroy(connection, bytes(32), 9) == table.forget_reference(connection, bytes(32)) == []
    with store.reading() as connection:
        assert table.subjects_by_digest(connection, [DIGEST]) == {}
    table.overwrite(store, [KEY])
    table.overwrite(store, None)


def test_what_is_destroyed_is_filled_with_zeros(tmp_path: Path) -> None:
    """Evidence too, short and long; once the write-ahead log is emptied, with nothing written anew."""
    path = tmp_path / "troth.db"
    (one,), sealed = ids(1), [secrets.token_bytes(size) for size in (80, 900, 50_000)]
    row = SubjectRow(one, secrets.token_bytes(60), secrets.token_bytes(32), secrets.token_bytes(40), 7)
    with Store.open(f"sqlite:///{path}") as store:
        save(store, row)
        with store.writing() as connection:
            table.add_evidences(connection, [EvidenceRow(ids(1)[0], one, part, 7) for part in sealed])
        table.overwrite(store, [])
        traces = [part for part in (*row[1:4], *sealed) if isinstance(part, bytes)]
        assert [trace[:12] in path.read_bytes() for trace in traces] == [True] * 6
        for step in (lambda o: table.destroy(o, one, 9), lambda o: table.forget_reference(o, one)):
            with store.writing() as connection:
                connection.exec_driver_sql("PRAGMA secure_delete = OFF")  # some builds have it on
                step(connection)
        table.overwrite(store, [])
        content = path.read_bytes()
    assert [trace[:12] in content or trace[-12:] in content for trace in traces] == [False] * 6


def test_log_that_another_writes_back_is_emptied_after_it(tmp_path: Path) -> None:
    """SQLite says busy at once to the second, as it does where somebody reads what was erased."""
    path = tmp_path / "troth.db"
    with (
        Store.open(f"sqlite:///{path}") as store,
        closing(driver(path)) as probe,
        closing(driver(path)) as other,
        ExitStack() as reading,
    ):
        reader = reading.enter_context(store.reading())
        table.find_subject(reader, bytes(32))
        save(store, SubjectRow(ids(1)[0], KEY, None, None, 7))
        writes_back = "PRAGMA wal_checkpoint(TRUNCATE)"
        thread = threading.Thread(target=lambda: other.execute(writes_back).close())
        thread.start()
        # It takes the lock of those who write back first, then the writer's.
        while thread.is_alive() and is_free(probe):
            time.sleep(0.01)
        done = threading.Timer(0.5, reading.close)
        done.start()
        try:
            table.overwrite(store, [])
        finally:
            done.join()
            thread.join(30)


def test_readers_keep_writers_out_for_a_moment_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though they read all the while, and the log cannot be emptied before they have done."""
    monkeypatch.setattr(table, "_PATIENCE", 20.0)
    monkeypatch.setattr(table, "_TRY_SECONDS", 0.1)
    path = tmp_path / "troth.db"
    with Store.open(f"sqlite:///{path}") as store, closing(driver(path)) as probe:
        with store.reading() as reader:
            table.find_subject(reader, bytes(32))
            save(store, SubjectRow(ids(1)[0], KEY, None, None, 7))
            thread = threading.Thread(target=table.overwrite, args=(store, []))
            thread.start()
            while thread.is_alive() and is_free(probe):
                time.sleep(0.001)
            save(store, SubjectRow(ids(1)[0], KEY, None, None, 7))
            assert thread.is_alive()
        thread.join(30)
        assert path.with_name("troth.db-wal").stat().st_size == 0


def test_writer_is_waited_for_before_all_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One who came between emptying the log and that, for longer than a try."""
    monkeypatch.setattr(table, "_TRY_SECONDS", 0.1)
    path = tmp_path / "troth.db"
    with (
        Store.open(f"sqlite:///{path}") as store,
        closing(driver(path)) as writer,
    ):
        done = threading.Timer(1, lambda: writer.execute("ROLLBACK"))

        def looked(_path: Path, _traces: Sequence[bytes]) -> bool:
            writer.execute("BEGIN IMMEDIATE")
            done.start()
            return True

        monkeypatch.setattr(table, "_is_any_in", looked)
        try:
            table.overwrite(store, [KEY])
        finally:
            done.join()


def test_events_come_in_the_order_of_the_chain(store: Store) -> None:
    """Of one subject only; erased ones are found among many."""
    one, other = ids(2)
    with store.writing() as connection:
        for block, log, who in ((2, 0, one), (1, 5, one), (1, 10, one), (1, 6, other)):
            row = {"subject": who, "wallet": bytes(20), "kind": "bound", "by_account": bytes(20)}
            connection.execute(schema.wallets.insert().values(block=block, log=log, tx=bytes(32), **row))
        erasure = {"block": 3, "log": 0, "tx": bytes(32), "by_account": bytes(20), "erased_at": 9}
        connection.execute(schema.erasures.insert().values(subject=other, **erasure))
    with store.reading() as connection:
        found = table.events_of(connection, schema.wallets, one)
        assert [(row.block, row.log) for row in found] == [(1, 5), (1, 10), (2, 0)]
        assert table.erased_on_chain(connection, [one, other]) == {other}


def test_subject_in_use_is_not_erased_before_the_transaction_ends(store: Store) -> None:
    """What is sealed for it would outlast its key: the erasure waits, and takes that too."""
    (one,) = ids(1)
    save(store, SubjectRow(one, KEY, None, None, 7))
    held, word = threading.Event(), ids(1)[0]

    def erase() -> None:
        held.wait(10)
        with store.writing() as connection:
            table.destroy(connection, one, 9)

    thread = threading.Thread(target=erase)
    thread.start()
    with store.writing() as connection:
        (found,) = table.find_subjects(connection, [one], held=True)
        assert found.sealed_key == KEY
        held.set()
        thread.join(0.3)
        assert thread.is_alive()
        table.add_evidences(connection, [EvidenceRow(word, one, b"sealed", 8)])
    thread.join(30)
    with store.reading() as connection:
        left = connection.execute(select(schema.evidences.c.sealed)).scalars().all()
    assert left == [None]
