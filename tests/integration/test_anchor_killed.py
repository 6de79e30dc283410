"""kill -9 of `troth interactions add` and `anchor`, and of the chain under them: run again, every record is
in exactly one batch on the chain (N3), and batches and indexes have no gaps (N1).

The moments are chosen from outside, by what the command asks of its node, or at random; see test_killed.py.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from support.anchoring import prove_n3
from support.killing import FEE, LOGS, RECEIPT, SEND, Home, Moment, killed_at, killed_when, write_keys

from troth.chain import anvil
from troth.config import Settings
from troth.launch import launch
from troth.office import Office

RECORDS, CUSTOMERS, FULL = 2_000, 90, 150
BATCHES = -(-RECORDS // FULL)
SETTINGS = {"TROTH_KEK": "17" * 32, "TROTH_BATCH_RECORDS": str(FULL)}
ANCHOR = ("interactions", "anchor")


class Centre(Home):
    """A home with a stream, and a file of contacts."""

    @property
    def adding(self) -> tuple[str, ...]:
        """The command that queues the file."""
        return "interactions", "add", str(self.path / "contacts.jsonl"), "--stream", "calls"

    def closed(self) -> int:
        """How many batches are closed."""
        return self._count("closed_batches")

    def drafted(self) -> int:
        """How many interactions are there, accepted or not."""
        return self._count("interactions")

    def finish(self, *, reverted: bool = False) -> None:
        """Adds and anchors what is left, and proves by the chain that each record is there once.

        Nothing is under way then, and unless `reverted` nothing was sent that the contract had to refuse.
        """
        added = self.run(*self.adding)
        assert (added["accepted"] + added["repeated"], added["refused"]) == (RECORDS, 0)
        self.run(*ANCHOR)
        assert self.run(*ANCHOR)["batches"] == []
        with Office.open(self.settings) as office:
            contract = office.contract("Streams")
            found = prove_n3(office.node, contract, 1, "calls", office.store)
        assert sum(one.count for one in found) == RECORDS
        expected = "('mined', 'dropped', 'reverted')" if reverted else "('mined', 'dropped')"
        assert self._count("transactions", f"WHERE state NOT IN {expected}") == 0
        (standing,) = self.run("interactions", "status")["streams"]
        assert (standing["accepted"], standing["anchored"], standing["waiting"]) == (RECORDS, RECORDS, 0)
        assert self._count("interactions", "WHERE kind = 'json'") == RECORDS

    def _count(self, table: str, where: str = "") -> int:
        """Rows of the database, read beside whoever writes it."""
        with (
            suppress(sqlite3.OperationalError),  # not made yet
            closing(sqlite3.connect(f"file:{self.path}/troth.db?mode=ro", uri=True)) as connection,
        ):
            return int(connection.execute(f"SELECT count(*) FROM {table} {where}").fetchone()[0])  # noqa: S608
        return 0


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home at rest: the suite deployed, its key in a file, a stream, and contacts of 90 customers."""
    path = tmp_path_factory.mktemp("bare") / "home"
    launch(Settings.read({}, home=path))
    Centre(path).run("stream", "create", "calls")
    write_keys(path, 1)
    with (path / "contacts.jsonl").open("w", encoding="utf-8") as file:
        for number in range(RECORDS):
            contact = {
                "id": f"I-{number}",
                "subject": f"C-{number % CUSTOMERS}",
                "start": 1_760_000_000 + number,
            }
            file.write(json.dumps({**contact, "said": "x" * 200}) + "\n")
    anvil.down(path)
    return path


@pytest.fixture
def home(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Centre]:
    """A copy of it, its chain running."""
    path = tmp_path / "home"
    shutil.copytree(bare, path)
    launch(Settings.read({}, home=path))
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    yield Centre(path, SETTINGS)
    anvil.down(path)


@pytest.fixture
def queued(home: Centre) -> Centre:
    """The same with its file queued, and nothing anchored."""
    assert home.run(*home.adding)["accepted"] == RECORDS
    return home


def test_anchor_killed_at_chosen_moments_n3(queued: Centre) -> None:
    """One after the other on one chain: each run meets what the one before left."""
    moments = [
        Moment("eth_call"),  # read, and nothing else
        Moment("eth_estimateGas"),  # all closed, nothing signed
        Moment(FEE),  # the first is to be signed
        Moment(SEND),  # in the journal, and not out
        Moment(SEND, after=True),  # out, and not known to be
        Moment(RECEIPT),  # mined, and not in the journal
        Moment("eth_estimateGas", 2),  # one done by the journal, the next not signed
        Moment(SEND, 3),  # two seen to be mined, the third in the journal
        Moment(LOGS, 2),  # all on the chain, and not in the index
    ]
    for moment in moments:
        killed_at(queued, moment, *ANCHOR)
    assert queued.closed() == BATCHES
    queued.finish()
    assert queued.closed() == BATCHES


def test_anchor_killed_at_random_moments_n3(queued: Centre) -> None:
    """So many batches closed, so many transactions into the journal, or so long after its start."""
    source = random.Random(40417)
    killed_when(queued.start(*ANCHOR), lambda: queued.closed() >= source.randrange(1, BATCHES))
    for _ in range(3):
        enough = queued.journalled() + source.randrange(1, 4)
        killed_when(queued.start(*ANCHOR), lambda enough=enough: queued.journalled() >= enough)
    for _ in range(4):
        with queued.start(*ANCHOR) as process:
            with suppress(subprocess.TimeoutExpired):  # it may be done by then
                process.wait(source.uniform(0.3, 2.5))
            process.kill()
            process.communicate()
    queued.finish()


def test_intake_and_anchor_killed_in_turn_n3(home: Centre) -> None:
    """What intake had drafted is in no batch; what it had accepted is in one."""
    source = random.Random(1789)
    for turn in range(3):
        enough = source.randrange(1, RECORDS)
        if turn < 2:
            killed_when(home.start(*home.adding), lambda enough=enough: home.drafted() >= min(enough, 1_000))
        with home.start(*(ANCHOR if turn else home.adding)) as process:
            with suppress(subprocess.TimeoutExpired):
                process.wait(source.uniform(0.5, 3))
            process.kill()
            process.communicate()
    home.finish()


def test_chain_killed_in_mid_anchoring_n3(queued: Centre) -> None:
    """It comes back as it was saved last, and may lack batches that the journal calls mined. What was under
    way then follows on nothing, and reverts.
    """
    process = queued.start(*ANCHOR)
    before = queued.journalled()
    while queued.journalled() < before + 6:
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    os.kill(anvil.running(queued.path).pid, signal.SIGKILL)
    _, complained = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in complained
    assert queued.run("up")["deployed"] is False
    queued.finish(reverted=True)
