"""The two databases every test of the store runs on, SQLite in a file and a PostgreSQL server of the test's
own; and desks, on a chain of the session's whose changes are undone after each test.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from support import Suite
from support.office import Desk, desk_of

from troth.office import Office
from troth.store import Store

_numbers = itertools.count()


def _program(name: str) -> str | None:
    """A PostgreSQL program, from PATH or where Debian keeps it."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(debian[-1]) if debian else None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server's URL, without a database: TROTH_TEST_POSTGRES, or one started for this run."""
    if given := os.environ.get("TROTH_TEST_POSTGRES"):
        yield given
        return
    initdb, server = _program("initdb"), _program("postgres")
    if initdb is None or server is None:
        pytest.skip("NO POSTGRESQL SERVER: install postgresql, or set TROTH_TEST_POSTGRES to a URL")
    user = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
    with tempfile.TemporaryDirectory(prefix="troth-pg-") as place:
        home = Path(place)
        if user:
            shutil.chown(home, user)
        data = home / "data"
        subprocess.run(
            [initdb, "-D", data, "-U", "troth", "-A", "trust", "-E", "UTF8", "--no-sync"],
            user=user,
            cwd=home,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        quiet = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "log_min_messages=fatal"]
        process = subprocess.Popen(
            [server, "-D", data, "-k", home, *quiet], user=user, cwd=home, stderr=subprocess.DEVNULL
        )
        try:
            _await(home)
            yield f"postgresql://troth@/?host={home}"
        finally:
            process.send_signal(signal.SIGQUIT)  # at once: nothing in it is worth a checkpoint
            process.wait(30)


def _await(home: Path) -> None:
    """Returns once the server takes connections."""
    for _ in range(1_200):
        try:
            psycopg.connect(f"host={home} user=troth dbname=postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("PostgreSQL did not start")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/troth.db"
    server = request.getfixturevalue("postgres")
    name = f"troth_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server.replace("@/?", "@/postgres?"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return str(server.replace("@/?", f"@/{name}?"))


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An open store on each kind of database."""
    with Store.open(database_url) as opened:
        yield opened


@pytest.fixture
def desk(suite: Suite, tmp_path: Path) -> Iterator[Desk]:
    """The insurer's, with every role."""
    with desk_of(suite, tmp_path / "desk") as made:
        yield made


@pytest.fixture
def office(desk: Desk) -> Office:
    """Its office."""
    return desk.office


@pytest.fixture
def stranger_office(suite: Suite, tmp_path: Path) -> Iterator[Office]:
    """Somebody's who holds no role."""
    with desk_of(suite, tmp_path / "stranger", "stranger") as made:
        yield made.office
