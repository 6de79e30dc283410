"""Opening: made once, upgraded once, private, never older than its data; transactions whole or not at all."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, make_url, select, text

from troth.errors import DatabaseFailed, DatabaseTooNew
from troth.store import HEAD, Store, database, insert_rows, schema


def tables(connection: Connection) -> set[str]:
    """The names of the tables there are."""
    return set(inspect(connection).get_table_names())


def test_open_makes_every_table(store: Store) -> None:
    """A new database has all tables and knows its revision."""
    with store.reading() as connection:
        assert tables(connection) == {*schema.metadata.tables, "alembic_version"}
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == HEAD


def test_open_twice_changes_nothing(database_url: str) -> None:
    """The second open finds the first one's data."""
    with Store.open(database_url) as first, first.writing() as connection:
        insert_rows(connection, schema.blocks, [(7, bytes(32))])
    with Store.open(database_url) as second, second.reading() as connection:
        assert connection.execute(select(schema.blocks)).all() == [(7, bytes(32))]


def test_migrations_make_the_schema_of_the_code(store: Store) -> None:
    """Alembic finds no difference between the migrated database and the metadata."""
    with store.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []


def test_migrations_make_the_checks_of_the_code(tmp_path: Path) -> None:
    """What Alembic does not compare, checks and partial indexes, is compared as SQLite's own record of the
    schema.
    """
    records = []
    for name, create in (("a.db", None), ("b.db", schema.metadata.create_all)):
        url = f"sqlite:///{tmp_path}/{name}"
        if create:
            engine = create_engine(url)
            create(engine)
            engine.dispose()
        else:
            Store.open(url).close()
        engine = create_engine(url)
        with engine.connect() as connection:
            rows = connection.execute(
                text("SELECT name, sql FROM sqlite_master WHERE name NOT LIKE '%alembic%'")
            )
            # Columns and constraints come in the order they were made; the set of parts is what matters.
            parts = {name: re.split(r",\s|\n", sql or "") for name, sql in rows}
            records.append(
                {name: sorted(filter(None, map(str.strip, split))) for name, split in parts.items()}
            )
        engine.dispose()
    assert records[0] == records[1]


def test_upgrade_of_a_database_with_data_keeps_it(database_url: str) -> None:
    """From 0001: rows stay as they are, products on record require nothing, and new tables are there."""
    engine = database._engine(make_url(database_url))
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(database._MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(
            text("INSERT INTO products VALUES (5, 0, :tx, 1, 'flight', 1, :tx, 'at_least', '[[180, 5000]]')"),
            {"tx": bytes(32)},
        )
    engine.dispose()
    with Store.open(database_url) as store, store.reading() as connection:
        (product,) = connection.execute(select(schema.products)).all()
        assert product[3:] == (1, "flight", 1, bytes(32), "at_least", [[180, 5000]], 0, 0, 0, 0)
        assert tables(connection) == {*schema.metadata.tables, "alembic_version"}
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == HEAD


def test_head_is_the_newest_migration() -> None:
    """The constant, kept so that a start needs no Alembic, says what the folder says."""
    config = Config()
    config.set_main_option("script_location", str(database._MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_open_at_head_does_not_load_alembic(tmp_path: Path) -> None:
    """A database that is up to date costs no sixth of a second."""
    url = f"sqlite:///{tmp_path}/troth.db"
    Store.open(url).close()
    opened = f"import sys; from troth.store import Store; Store.open({url!r}).close()"
    code = f"{opened}; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_open_refuses_database_newer_than_code(database_url: str) -> None:
    """A revision this code does not know stops it, with both named, and nothing changes."""
    with Store.open(database_url) as store, store.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))
    with pytest.raises(DatabaseTooNew) as caught:
        Store.open(database_url)
    assert (caught.value.found, caught.value.known) == ("0999", HEAD)


def test_open_by_two_at_once_migrates_once(database_url: str) -> None:
    """Both get the database, neither an error."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            Store.open(database_url).close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_open_waits_for_another_that_makes_the_sqlite_file(tmp_path: Path) -> None:
    """One that holds the new file for a moment, before it keeps a write-ahead log, is waited for."""
    path = tmp_path / "troth.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        done = threading.Timer(0.3, other.rollback)
        done.start()
        Store.open(f"sqlite:///{path}").close()
        done.join()


def test_open_does_not_wait_long_for_a_file_that_another_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot be Troth: nobody is made to wait as for a writer."""
    monkeypatch.setattr(database, "_SWITCH_SECONDS", 0.1)
    path = tmp_path / "troth.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        begun = time.monotonic()
        with pytest.raises(DatabaseFailed, match="database is locked"):
            Store.open(f"sqlite:///{path}")
        assert time.monotonic() - begun < 20


def test_sqlite_file_is_for_its_owner_only(tmp_path: Path) -> None:
    """0600, for the write-ahead log too; a mode set on purpose is left alone."""
    path = tmp_path / "troth.db"
    with Store.open(f"sqlite:///{path}") as store, store.writing() as connection:
        insert_rows(connection, schema.blocks, [(1, bytes(32))])
        assert {each.name: each.stat().st_mode & 0o777 for each in tmp_path.iterdir()} == {
            "troth.db": 0o600,
            "troth.db-wal": 0o600,
            "troth.db-shm": 0o600,
        }
    path.chmod(0o640)
    Store.open(f"sqlite:///{path}").close()
    assert path.stat().st_mode & 0o777 == 0o640


def test_sqlite_is_set_up_to_survive(tmp_path: Path) -> None:
    """WAL, full synchronisation, foreign keys, patience with whoever saves a million rows."""
    with Store.open(f"sqlite:///{tmp_path}/troth.db") as store, store.reading() as connection:
        said = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert said == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 300_000}


def test_open_fails_by_name_without_folder(tmp_path: Path) -> None:
    """A path that cannot be is one line, not a traceback of the driver's."""
    with pytest.raises(DatabaseFailed, match="No such file"):
        Store.open(f"sqlite:///{tmp_path}/none/troth.db")


def test_open_fails_by_name_on_another_file(tmp_path: Path) -> None:
    """A file that is no database is named, and left as it is."""
    path = tmp_path / "troth.db"
    path.write_text("not a database " * 100)
    with pytest.raises(DatabaseFailed, match="not a database"):
        Store.open(f"sqlite:///{path}")
    assert path.read_text() == "not a database " * 100


def test_open_fails_by_name_without_server() -> None:
    """No PostgreSQL there: the URL is said, its password is not."""
    with pytest.raises(DatabaseFailed) as caught:
        Store.open("postgresql://troth:secret@127.0.0.1:1/troth")
    assert "127.0.0.1" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_no_connection_left_fails_by_name(database_url: str) -> None:
    """It is no defect: others of this process have them all."""
    Store.open(database_url).close()
    url = make_url(database_url)
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    engine = create_engine(url, pool_size=1, max_overflow=0, pool_timeout=0.1)
    with (
        Store(engine) as store,
        store.reading(),
        pytest.raises(DatabaseFailed, match="QueuePool limit"),
        store.writing(),
    ):
        pass


def test_writing_is_whole_or_not_at_all(store: Store) -> None:
    """An error in the block leaves nothing of it; without one all of it is there."""
    with pytest.raises(ZeroDivisionError), store.writing() as connection:
        insert_rows(connection, schema.blocks, [(1, bytes(32))])
        raise ZeroDivisionError
    with store.writing() as connection:
        insert_rows(connection, schema.blocks, [(2, bytes(32))])
    with store.reading() as connection:
        assert connection.execute(select(schema.blocks.c.number)).scalars().all() == [2]


def test_full_disk_fails_by_name_and_leaves_nothing(tmp_path: Path) -> None:
    """SQLITE_FULL in mid-insert becomes DatabaseFailed; the rows before it are gone too, and space brings
    it back.
    """
    with Store.open(f"sqlite:///{tmp_path}/troth.db") as store:
        with pytest.raises(DatabaseFailed, match="full"), store.writing() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 5}")
            insert_rows(connection, schema.blocks, ((number, bytes(32)) for number in range(50_000)))
        with store.writing() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
            assert connection.execute(select(schema.blocks)).all() == []
            assert (
                insert_rows(connection, schema.blocks, ((number, bytes(32)) for number in range(50_000)))
                == 50_000
            )


def test_reading_sees_one_moment(store: Store) -> None:
    """A reader waits for no writer, sees nothing uncommitted, and nothing committed since it began."""
    rows = select(schema.blocks.c.number)
    with store.writing() as writer:
        insert_rows(writer, schema.blocks, [(1, bytes(32))])
        with store.reading() as reader:
            assert reader.execute(rows).scalars().all() == []
    with store.reading() as reader:
        assert reader.execute(rows).scalars().all() == [1]
        with store.writing() as writer:
            insert_rows(writer, schema.blocks, [(2, bytes(32))])
        assert reader.execute(rows).scalars().all() == [1]
    with store.reading() as reader:
        assert reader.execute(rows).scalars().all() == [1, 2]
