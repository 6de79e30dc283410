"""kill -9 of `troth consent import`, and of the chain under it: run again, each row is on record once.

The moments are chosen from outside, by what the command asks of its node, or at random; see test_killed.py.
"""

from __future__ import annotations

import csv
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
from support.killing import FEE, LOGS, RECEIPT, SEND, Home, Moment, killed_at, killed_when, write_keys

from troth.chain import anvil
from troth.config import Settings
from troth.launch import launch
from troth.office import Office

SUBJECTS, ROWS = 700, 2_000
KEK = {"TROTH_KEK": "17" * 32}


class Centre(Home):
    """A home with a file to be imported."""

    @property
    def file(self) -> Path:
        """Of the decisions."""
        return self.path / "consents.csv"

    @property
    def importing(self) -> tuple[str, ...]:
        """The command."""
        return "consent", "import", str(self.file), "--create"

    def finish(self, *, in_order: bool = True) -> None:
        """Imports what is left, and proves by the chain alone that each row is on record once, in order."""
        done = self.run(*self.importing)
        assert (done["rows"], done["recorded"] + done["already"]) == (ROWS, ROWS)
        again = self.run("consent", "import", str(self.file))
        assert (again["recorded"], again["already"], again["transactions"]) == (0, ROWS, [])
        with closing(sqlite3.connect(self.path / "troth.db")) as connection:
            staged = connection.execute(
                "SELECT subject, evidence FROM import_rows ORDER BY position"
            ).fetchall()
            assert connection.execute("SELECT count(*) FROM imports").fetchone() == (1,)
            assert connection.execute("SELECT count(*) FROM subjects").fetchone() == (SUBJECTS,)
        with Office.open(self.settings) as office:
            found = on_chain(office)
            permitted = [permitted_now(office, subject) for subject, _ in staged[:SUBJECTS]]
        assert permitted == [number < ROWS - 2 * SUBJECTS for number in range(SUBJECTS)]  # renewed at last
        assert len(staged) == ROWS == len(found)
        of_subject: dict[bytes, list[bytes]] = {}
        for subject, evidence in staged:
            of_subject.setdefault(subject, []).append(evidence)
        recorded: dict[bytes, list[bytes]] = {}
        for subject, number, evidence in found:
            recorded.setdefault(subject, []).append(evidence)
            assert not in_order or number == len(recorded[subject])
        assert len({evidence for _, _, evidence in found}) == ROWS
        if in_order:
            assert recorded == of_subject
        assert {who: set(words) for who, words in recorded.items()} == {
            who: set(words) for who, words in of_subject.items()
        }


def on_chain(office: Office) -> list[tuple[bytes, int, bytes]]:
    """Subject, number and evidence of every decision, in order, read from the chain and nothing else."""
    registry = office.contract("ConsentRegistry")
    wanted = {
        "address": registry.address,
        "fromBlock": hex(office.deployment.block),
        "topics": ["0x" + registry.topic("DecisionRecorded").hex()],
    }
    events = [registry.decode_log(log) for log in office.node.call("eth_getLogs", [wanted])]
    return [
        (one.arguments.subject, one.arguments.numberAndDecision >> 128, one.arguments.evidence)
        for one in events
        if one is not None
    ]


def permitted_now(office: Office, subject: bytes) -> bool:
    """What the chain says of the one purpose in the file, its first term."""
    return bool(office.contract("ConsentRegistry").call("isPermitted", subject, 1, 0, 0))


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home at rest: the suite deployed, the chain's key in a file, and decisions of 700 on one key each."""
    path = tmp_path_factory.mktemp("bare") / "home"
    launch(Settings.read({}, home=path))
    write_keys(path, 1)
    header = "subject,purpose,recipient,category,state,basis,method,effective,expires,notice,evidence"
    with (path / "consents.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header.split(","))
        for number in range(ROWS):
            state = ("given", "withdrawn", "renewed")[number // SUBJECTS]
            who = f"C-{number % SUBJECTS}"
            day = f"2025-11-{3 + number // SUBJECTS:02}T09:12:00+01:00"
            writer.writerow((who, "Marketing", "*", "*", state, "consent", "paper", day, "", "", number))
    anvil.down(path)
    return path


@pytest.fixture
def home(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Centre]:
    """A copy of it, its chain running."""
    path = tmp_path / "home"
    shutil.copytree(bare, path)
    launch(Settings.read({}, home=path))
    for name, value in KEK.items():
        monkeypatch.setenv(name, value)
    yield Centre(path, KEK)
    anvil.down(path)


def test_import_killed_at_chosen_moments_records_each_row_once(home: Centre) -> None:
    """One after the other on one chain: each run meets what the one before left."""
    moments = [
        Moment(LOGS),  # read, and nothing else
        Moment(SEND),  # the terms are in the journal, and not out
        Moment(SEND, after=True),  # they are out; or already the first rows
        Moment(FEE),  # staged, nothing signed
        Moment(SEND, 4),  # three of eight out
        Moment(SEND, 12, after=True),  # a second burst half out
        Moment(RECEIPT, 3),  # all of a wave is out, some of it seen, none of it in the journal
        Moment(LOGS, 2),  # on the chain, and not in the index
    ]
    for moment in moments:
        killed_at(home, moment, *home.importing)
    home.finish()


def test_import_killed_at_random_moments_records_each_row_once(home: Centre) -> None:
    """So many transactions into the journal, or so long after its start."""
    source = random.Random(20131)
    for _ in range(2):
        enough = home.journalled() + source.randrange(1, 20)
        process = home.start(*home.importing)
        killed_when(process, lambda enough=enough: home.journalled() >= enough)
    for _ in range(3):
        with home.start(*home.importing) as process:
            with suppress(subprocess.TimeoutExpired):  # it may be done by then
                process.wait(source.uniform(0.2, 2))
            process.kill()
            process.communicate()
    home.finish()


def test_chain_killed_in_mid_import_records_each_row_once(home: Centre) -> None:
    """It comes back as it was saved last, and may lack what the journal calls mined, with later transactions
    under way: these are then recorded first. What takes effect later counts all the same. Numbers are not
    held here: a chain killed while it saves need not give back logs and storage of one moment.
    """
    process = home.start(*home.importing)
    while home.journalled() < 25:
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    os.kill(anvil.running(home.path).pid, signal.SIGKILL)
    _, complained = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in complained
    assert home.run("up")["deployed"] is False
    home.finish(in_order=False)
