"""Opening the database: SQLite in one file by default, PostgreSQL by URL, on this version's schema."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from filelock import FileLock, Timeout
from sqlalchemy import (
    JSON,
    URL,
    Connection,
    Engine,
    Table,
    create_engine,
    event,
    insert,
    inspect,
    make_url,
    text,
)
from sqlalchemy.exc import DatabaseError, DataError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft
from sqlalchemy.pool import ConnectionPoolEntry

from troth.errors import Busy, DatabaseFailed, DatabaseTooNew
from troth.store.types import ExactInteger

__all__ = ["BUSY_SECONDS", "HEAD", "Store", "hold", "in_parts", "insert_rows"]

HEAD = "0003"
"""The schema revision this code works with: the newest under `migrations/versions`."""

BUSY_SECONDS = 300
"""How long one waits for SQLite's one writer, who may rightly keep it for minutes: a big book or a file of
decisions is saved in one transaction, a million rows in three minutes, and VACUUM writes all there is anew.
"""

_MIGRATIONS = Path(__file__).parent / "migrations"
# Who holds a name may do so for as long as a file takes, an hour perhaps, so that no patience is enough:
# better to say after a while what is under way.
_HELD_SECONDS = 30
# Only a new file has its log switched, while another makes its tables: a moment. Who keeps a file for longer
# is some other program, and whoever waits should hear of it soon.
_SWITCH_SECONDS = 30
_SWITCH_TRY_SECONDS = 1
_POLL_SECONDS = 0.05
_CHUNK = 10_000
_IN_A_QUERY = 500  # SQLite takes 32,766 parameters a statement in new versions, 999 in old ones
_OWNER_ONLY = 0o600

_Item = TypeVar("_Item")


class Store:
    """An open database. Share one between threads; give each process its own."""

    def __init__(self, engine: Engine) -> None:
        """Wraps `engine` as it is; see `open`."""
        self._engine = engine

    @classmethod
    def open(cls, url: str) -> Store:
        """The database at a SQLAlchemy `url`, made or upgraded as needed.

        A new SQLite file is readable by its owner only. Raises DatabaseTooNew if a later version of Troth
        has been here, DatabaseFailed if the database cannot be reached or written.
        """
        store = cls(_engine(make_url(url)))
        try:
            store._upgrade()
        except BaseException:
            store.close()
            raise
        return store

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads, and sees one moment throughout. Raises DatabaseFailed."""
        with self._failing_by_name(), self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":  # SQLite's readers always do
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes, committed at the end of the block or not at all. Raises DatabaseFailed.

        On SQLite the one writer's lock is taken at the start, so that what is read in here stays true until
        the commit. On PostgreSQL what is read after a lock is had is of a moment after that.
        """
        with self._failing_by_name(), self._engine.connect() as connection:
            writer = connection.execution_options(writes=True)
            if connection.dialect.name == "postgresql":
                # Whatever the server's default: stricter levels keep to what they saw before the first lock.
                writer.execution_options(isolation_level="READ COMMITTED")
            with writer.begin():
                yield writer

    @contextmanager
    def exclusive(self, name: str, *, patience: float = _HELD_SECONDS) -> Iterator[None]:
        """Lets one block of a `name` at a time work on this database, of all processes; killed, it has left.

        Waits up to `patience` seconds for another. What is locked is a file beside a SQLite database, or a
        session of a PostgreSQL server, which may end before the block does: keep something in the database
        that tells. Raises Busy, DatabaseFailed.
        """
        url = self._engine.url
        if url.get_backend_name() == "sqlite":
            with _file_locked(url, name, patience):
                yield
            return
        key = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)
        with self._failing_by_name(), self._engine.connect() as plain:
            connection = plain.execution_options(isolation_level="AUTOCOMMIT")
            _lock_session(connection, key, name, patience)
            try:
                yield
            finally:
                # Not given back to the pool, where the next to take it would hold the lock too.
                connection.invalidate()

    def close(self) -> None:
        """Closes every connection."""
        self._engine.dispose()

    def __enter__(self) -> Store:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes."""
        self.close()

    @contextmanager
    def _failing_by_name(self) -> Iterator[None]:
        """Turns what may befall a sound program into DatabaseFailed: no server, full disk, lock or connection
        not had.
        """
        driver = self._engine.dialect.loaded_dbapi
        try:
            yield
        except (IntegrityError, ProgrammingError, DataError):
            raise  # a defect: let it be seen as one
        except (DatabaseError, NoConnectionLeft, driver.OperationalError) as error:
            reason = str(getattr(error, "orig", error)).strip()
            raise DatabaseFailed(self._engine.url.render_as_string(hide_password=True), reason) from error

    def _upgrade(self) -> None:
        """Brings the schema to HEAD. Two processes may try at once: the second finds it done."""
        with self.reading() as connection:
            if _revision(connection) == HEAD:
                return
        with self.writing() as connection:
            hold(connection, b"TROTH")
            _migrate(connection)


def hold(connection: Connection, name: bytes) -> None:
    """Lets no other writing transaction hold a name, 7 bytes at most, until this one ends: what is looked for
    after it, and is not there, nobody else adds.

    SQLite's writers are alone anyway.
    """
    if connection.dialect.name == "postgresql":
        key = int.from_bytes(name, "big")
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def insert_rows(connection: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> int:
    """Appends `rows`, each the values of all of `table`'s columns in order, and returns how many there were.

    Takes rows as they come, 10,000 in memory at a time: several times as fast as the general INSERT, by
    COPY on PostgreSQL and executemany on SQLite. Raises ValueError for an integer that its column cannot
    hold.
    """
    plain = _plain(table, rows)
    if connection.dialect.name == "postgresql":
        return _copy(connection, table, plain)
    statement = str(insert(table).compile(dialect=connection.dialect))
    count = 0
    while chunk := list(islice(plain, _CHUNK)):
        connection.exec_driver_sql(statement, chunk)
        count += len(chunk)
    return count


def in_parts(items: Iterable[_Item]) -> Iterator[Sequence[_Item]]:
    """`items`, as many at a time as a query takes."""
    left = iter(items)
    while part := list(islice(left, _IN_A_QUERY)):
        yield part


@contextmanager
def _file_locked(url: URL, name: str, patience: float) -> Iterator[None]:
    """Locks a file beside a SQLite database. One in memory is nobody else's."""
    if not url.database or url.database == ":memory:":
        yield
        return
    path = Path(f"{url.database}.{name}.lock")
    try:
        lock = FileLock(path, timeout=patience, mode=_OWNER_ONLY).acquire()
    except Timeout:
        raise _busy(url, name) from None
    except OSError as error:
        raise DatabaseFailed(url.render_as_string(hide_password=True), f"{path}: {error.strerror}") from error
    with lock:
        yield


def _lock_session(connection: Connection, key: int, name: str, patience: float) -> None:
    """Has the session of a PostgreSQL connection hold a lock."""
    until = time.monotonic() + patience
    while not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar():
        if time.monotonic() >= until:
            raise _busy(connection.engine.url, name)
        time.sleep(_POLL_SECONDS)


def _busy(url: URL, name: str) -> Busy:
    """The error for a lock that others hold."""
    return Busy(f"{name} in the database {url.render_as_string(hide_password=True)}")


def _plain(table: Table, rows: Iterable[Sequence[Any]]) -> Iterator[tuple[Any, ...]]:
    """`rows` with the values that no driver knows turned into text."""
    converts: list[tuple[int, Callable[[Any], Any]]] = []
    for position, column in enumerate(table.columns):
        if isinstance(column.type, ExactInteger):
            converts.append((position, column.type.text))
        elif isinstance(column.type, JSON):
            converts.append((position, json.dumps))
    if not converts:
        yield from map(tuple, rows)
        return
    for row in rows:
        values = list(row)
        for position, convert in converts:
            values[position] = convert(values[position])
        yield tuple(values)


def _copy(connection: Connection, table: Table, rows: Iterable[tuple[Any, ...]]) -> int:
    """Appends by PostgreSQL's COPY, on the transaction of `connection`."""
    quote = connection.dialect.identifier_preparer.quote
    columns = ", ".join(quote(column.name) for column in table.columns)
    count = 0
    command = f"COPY {quote(table.name)} ({columns}) FROM STDIN"
    with closing(connection.connection.cursor()) as cursor, cursor.copy(command) as copy:
        for row in rows:
            copy.write_row(row)
            count += 1
    return count


def _engine(url: URL) -> Engine:
    """An engine for `url`, with what each database needs to be safe."""
    if url.get_backend_name() != "sqlite":
        bare = url.drivername in {"postgres", "postgresql"}
        if bare:
            url = url.set(drivername="postgresql+psycopg")
        # Whoever holds many names has a session for each: how many there may be is the server's to say.
        return create_engine(url, pool_pre_ping=True, max_overflow=-1)
    if url.database and url.database != ":memory:":
        _make_private(Path(url.database))
    engine = create_engine(url, connect_args={"timeout": _SWITCH_TRY_SECONDS})  # see _log_ahead
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_private(path: Path) -> None:
    """Makes the file, if there is none, with access for its owner only: salts and payees are nobody else's
    business.

    SQLite gives its -wal and -shm files the mode of the main one.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, _OWNER_ONLY))
    except FileExistsError:
        return  # an operator may have widened it on purpose
    except OSError as error:
        raise DatabaseFailed(f"sqlite:///{path}", error.strerror or str(error)) from error


def _set_up_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    """Per connection: readers beside the writer, foreign keys held, and commits that survive a power cut.

    synchronous=FULL costs one fsync a commit, and commits are few and large here. NORMAL could lose the
    last commits to a power cut, and with them the salts of a book whose root is already on-chain.
    """
    connection.isolation_level = None  # the driver begins nothing by itself: see _begin_sqlite
    _log_ahead(connection)
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}").close()
    connection.execute("PRAGMA synchronous = FULL").close()
    connection.execute("PRAGMA foreign_keys = ON").close()


def _log_ahead(connection: sqlite3.Connection) -> None:
    """Has the file keep a write-ahead log, from its first opening on.

    Where two switch a new file at once, SQLite refuses one without the busy_timeout it keeps to elsewhere,
    which until then is a short one: BUSY_SECONDS would outlast the patience here.
    """
    until = time.monotonic() + _SWITCH_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
        except sqlite3.OperationalError as error:
            if str(error) != "database is locked" or time.monotonic() >= until:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    """Begins in so many words, so that schema changes are transactional and a writer never waits for an
    upgraded lock.
    """
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _revision(connection: Connection) -> str | None:
    """The schema revision the database is at, None if it is new."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _migrate(connection: Connection) -> None:
    """Runs the migrations that `connection`'s database lacks. Raises DatabaseTooNew if it has some this
    code lacks.
    """
    # A sixth of a second to import, which only a database in need of it should cost.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    found = _revision(connection)
    if found is not None and found not in known:
        raise DatabaseTooNew(connection.engine.url.render_as_string(hide_password=True), found, HEAD)
    command.upgrade(config, "head")
