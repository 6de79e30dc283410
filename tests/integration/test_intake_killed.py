"""kill -9 of `troth interactions add`: each record is accepted once, and whole files or whole chunks are.

The moments are chosen from outside, by what the database holds, or at random. After each: what was accepted
is there, without gaps; and the same command run again takes the rest. N3's first half.
"""

from __future__ import annotations

import random
import resource
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from support.killing import Home, killed_when
from support.queued import accepted, line, prove_queue

from troth.chain import anvil
from troth.config import Settings
from troth.launch import launch
from troth.office import Office

RECORDS, CHUNK, CALLERS = 9_000, 4_000, 300
SPACE = 4 << 20  # bytes that a file may have before the disk is full


class Centre(Home):
    """A home with a stream and a file."""

    @property
    def file(self) -> Path:
        """Of calls."""
        return self.path / "calls.jsonl"

    def adding(self, *more: str, file: Path | None = None) -> tuple[str, ...]:
        """The command."""
        return "interactions", "add", str(file or self.file), "--stream", "calls", *more

    def asked(self, query: str) -> int:
        """A number that the database holds."""
        place = f"file:{self.path}/troth.db?mode=ro"
        with closing(sqlite3.connect(place, uri=True, timeout=30)) as connection:
            return int((connection.execute(query).fetchone() or (0,))[0] or 0)

    def rows(self) -> int:
        """How many there are, drafts too."""
        return self.asked("SELECT max(position) + 1 FROM interactions")

    def accepted(self) -> int:
        """How many count."""
        return self.asked("SELECT accepted FROM queues")

    def killed(self, reached: Callable[[], bool], *more: str) -> int:
        """Runs the command, kills it once something has come to be; how many are accepted then."""
        killed_when(self.start(*self.adding(*more)), reached)
        return self.accepted()

    def finish(self, *more: str) -> None:
        """Adds what is left, and proves that each record is there once, as in the file, in its order."""
        before = self.accepted()
        done = self.run(*self.adding(*more))
        assert (done["accepted"], done["repeated"]) == (RECORDS - before, before)
        again = self.run(*self.adding())
        assert (again["accepted"], again["repeated"]) == (0, RECORDS)
        with Office.open(self.settings) as office:
            assert accepted(office) == RECORDS
            held = prove_queue(office)
        assert [raw for _, raw in held] == self.file.read_bytes().splitlines()
        assert len({who for who, _ in held}) == CALLERS


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home at rest, with a stream and a file of 9,000 calls of 300 customers."""
    path = tmp_path_factory.mktemp("bare") / "home"
    launch(Settings.read({}, home=path))
    Home(path).run("stream", "create", "calls")
    lines = (line(n, f"C-{n * n % 7_919 % CALLERS}", text="x" * 200) for n in range(RECORDS))
    (path / "calls.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    anvil.down(path)
    return path


@pytest.fixture
def home(bare: Path, tmp_path: Path) -> Iterator[Centre]:
    """A copy of it, its chain running."""
    path = tmp_path / "home"
    shutil.copytree(bare, path)
    launch(Settings.read({}, home=path))
    yield Centre(path)
    anvil.down(path)


def test_add_killed_at_chosen_moments_takes_a_file_once_n3(home: Centre) -> None:
    """With the queue in hand, after the first chunk, after the third: none of it counts; then all of it."""
    lock = home.path / "troth.db.intake-1.lock"
    assert home.killed(lock.exists) == 0
    for enough in (1, CHUNK + 1):
        assert home.killed(lambda enough=enough: home.rows() >= enough) == 0
    assert home.killed(lambda: home.accepted() > 0) == RECORDS
    home.finish()


def test_add_killed_while_keeping_going_takes_each_record_once_n3(home: Centre) -> None:
    """Chunk by chunk, each counts once it is there, and none before."""
    for enough in (1, CHUNK + 1):
        found = home.killed(lambda enough=enough: home.rows() >= enough, "--keep-going")
        assert found >= enough and found == home.rows()
        assert found % CHUNK == 0 or found == RECORDS
    home.finish("--keep-going")


def test_add_killed_at_random_moments_takes_each_record_once_n3(home: Centre) -> None:
    """So long after its start; what was accepted stays accepted."""
    source, before = random.Random(20261), 0
    for turn in range(6):
        more = ("--keep-going",) if turn % 2 else ()
        with home.start(*home.adding(*more)) as process:
            with suppress(subprocess.TimeoutExpired):  # it may be done by then
                process.wait(source.uniform(0.5, 4))
            process.kill()
            process.communicate()
        assert before <= (before := home.accepted())
    home.finish()


def test_refused_file_killed_while_it_is_left_out_leaves_nothing(home: Centre) -> None:
    """While its drafts are deleted; and whole, it is taken."""
    whole = home.file.read_bytes()
    home.file.write_bytes(whole + b"[]\n")
    most = 0

    def shrinks() -> bool:
        nonlocal most
        rows = home.rows()
        most = max(most, rows)
        return rows < most

    process = home.start(*home.adding())
    with process:
        while process.poll() is None and not shrinks():
            time.sleep(0.001)
        process.kill()
        process.communicate()
    assert most > CHUNK and home.accepted() == 0
    home.file.write_bytes(whole)
    home.finish()


def test_two_commands_at_once_take_both_files(home: Centre) -> None:
    """One after the other: each file is there whole, in one piece."""
    other = home.path / "other.jsonl"
    lines = [line(n, f"C-{n % 50}") for n in range(RECORDS, RECORDS + 3_000)]
    other.write_bytes(b"\n".join(lines))
    processes = [home.start(*home.adding()), home.start(*home.adding(file=other))]
    for process in processes:
        said, complained = process.communicate(timeout=120)
        assert process.returncode == 0, (said, complained)
    with Office.open(home.settings) as office:
        held = [raw for _, raw in prove_queue(office)]
    first = held.index(lines[0])
    assert held[first : first + 3_000] == lines
    assert held[:first] + held[first + 3_000 :] == home.file.read_bytes().splitlines()


@pytest.mark.parametrize("more", [(), ("--keep-going",)], ids=["whole", "keep going"])
def test_full_disk_loses_nothing_that_was_accepted(home: Centre, more: tuple[str, ...]) -> None:
    """One line, exit 1; with room again, the same command takes the rest."""
    process = home.start(*home.adding(*more))
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (SPACE, SPACE))
    _, complained = process.communicate(timeout=120)
    assert process.returncode == 1, complained
    assert "troth.db failed: " in complained and "Traceback" not in complained
    assert home.accepted() == (0 if not more else home.rows())
    home.finish(*more)
