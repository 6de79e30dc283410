"""kill -9 of the real command, and of the chain under it, on a home of its own: run again, nobody is paid
twice and nobody missed.

The moments are chosen from outside. A node in front of the chain kills the command as it asks for something:
for fees (nothing is signed), to send (all is journalled, nothing or some of it is out), for receipts, for
logs. Others are random: so many transactions into the journal, or so many milliseconds into the command.
"""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.killing import FEE, LOGS, RECEIPT, SEND, Home, Moment, killed_at, killed_when, write_keys

from troth.chain import anvil, keeper
from troth.chain.rpc import Node
from troth.claims import books, products, reports
from troth.claims.intake import Direction, ProductFile, Tier
from troth.config import Settings
from troth.launch import launch
from troth.office import Office

RISKS, OF_A_RISK = 600, 8
DUE = RISKS // 2 * OF_A_RISK  # every second risk
INSURED = 100


# --- a home, and what is due in it


class Insurer(Home):
    """A home with a book that is due."""

    def pay_all(self) -> None:
        """Settles what is left, and proves by the chain alone that every due policy was paid once."""
        settled = self.run("settle")
        assert (settled["waiting"], settled["failed"]) == ([], [])
        assert self.run("settle")["due"] == 0
        found = self.run("reconcile")
        assert (found["ok"], found["claims"], found["events"]) == (True, DUE, DUE)
        with Office.open(self.settings) as office:
            paid = paid_by_policy(office)
            marks = office.contract("PolicyBooks").call("settledWords", 1, 0, RISKS * OF_A_RISK // 256 + 1)
        due = {number for number in range(RISKS * OF_A_RISK) if number // OF_A_RISK % 2 == 0}
        assert {
            256 * at + bit for at, word in enumerate(marks) for bit in range(256) if word >> bit & 1
        } == due
        assert paid == dict.fromkeys(due, INSURED * 10**6)


def paid_by_policy(office: Office) -> dict[int, int]:
    """What was paid, by policy, read from the chain and nothing else; no policy twice."""
    wanted = {
        "address": office.pool.address,
        "fromBlock": hex(office.deployment.block),
        "topics": ["0x" + office.pool.topic("Paid").hex()],
    }
    paid: dict[int, int] = {}
    for log in office.node.call("eth_getLogs", [wanted]):
        event = office.pool.decode_log(log)
        assert event is not None
        assert event.arguments.number not in paid
        paid[event.arguments.number] = event.arguments.amount
    return paid


def write(path: Path, header: Sequence[str], rows: Iterator[Sequence[object]]) -> Path:
    """A CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home at rest: the suite deployed, a product, a book's file, and the chain's keys in key files."""
    path = tmp_path_factory.mktemp("bare") / "home"
    settings = Settings.read({}, home=path)
    launch(settings)
    write_keys(path, 4)
    risks = [f"risk {number:04}" for number in range(RISKS)]
    policies = (
        (f"P-{risk}-{n}", risk, "0x" + random.Random(f"{risk} {n}").randbytes(20).hex(), INSURED, 1)
        for risk in risks
        for n in range(OF_A_RISK)
    )
    write(path / "book.csv", ("policy_ref", "risk", "payee", "sum_insured", "premium"), policies)
    write(path / "facts.csv", ("risk", "value"), ((risk, 200 - n % 2 * 200) for n, risk in enumerate(risks)))
    with Office.open(settings) as office:
        metric = b"arrival delay, minutes".ljust(32, b"\0")
        products.add(office, ProductFile("delay", metric, Direction.AT_LEAST, (Tier(180, 10_000),)))
    anvil.down(path)
    return path


@pytest.fixture(scope="module")
def due(bare: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same at rest, with the book issued and a final report."""
    path = tmp_path_factory.mktemp("due") / "home"
    shutil.copytree(bare, path)
    settings = Settings.read({}, home=path)
    launch(settings)
    with Office.open(settings) as office:
        books.issue(office, path / "book.csv", "delay")
        reports.publish(office, path / "facts.csv", "delay")
    anvil.down(path)
    return path


@pytest.fixture
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Insurer]:
    """A copy of one of the two, its chain running."""
    path = tmp_path / "home"
    shutil.copytree(request.getfixturevalue(request.param), path)
    launch(Settings.read({}, home=path))
    yield Insurer(path)
    anvil.down(path)


# --- settle


@pytest.mark.parametrize("home", ["due"], indirect=True)
def test_settle_killed_at_chosen_moments_pays_everybody_once(home: Insurer) -> None:
    """One after the other on one chain: each run meets what the one before left."""
    moments = [
        Moment(FEE),  # planned, nothing signed
        Moment(SEND),  # eight in the journal, none out
        Moment(SEND, 4),  # three of eight out
        Moment(SEND, 12, after=True),  # a second burst half out
        Moment(FEE, 4),  # a few bursts in
        Moment(SEND, 30, after=True),
        Moment(RECEIPT),  # all is out and mined, and nobody has looked
        Moment(RECEIPT, 20),  # some looked at, none in the journal
        Moment(LOGS),  # all in the journal, nothing in the index
    ]
    for moment in moments:
        killed_at(home, moment, "settle")
    home.pay_all()


@pytest.mark.parametrize("home", ["due"], indirect=True)
def test_settle_killed_at_random_moments_pays_everybody_once(home: Insurer) -> None:
    """So many transactions into the journal, or so long after its start."""
    source = random.Random(20131)
    for _ in range(2):
        enough = home.journalled() + source.randrange(1, 25)
        killed_when(home.start("settle"), lambda enough=enough: home.journalled() >= enough)
    for _ in range(2):
        process, moment = home.start("settle"), time.monotonic() + source.uniform(0.1, 1.2)
        with suppress(AssertionError):  # it may be done by then
            killed_when(process, lambda moment=moment: time.monotonic() >= moment)
    home.pay_all()


# --- the chain itself


@dataclass
class Rewind:
    """Kills the home's chain, which comes back as it was when this was made."""

    home: Insurer

    def __post_init__(self) -> None:
        newest = blocks(self.home)
        assert anvil.wait_until_saved(self.home.path, newest)
        self._kept = self.home.path / "kept"
        self._kept.mkdir()
        while not self._is_copied():
            pass

    def __call__(self) -> None:
        """Nothing of what happened since is left on it."""
        record = json.loads((self.home.path / "chain" / keeper.RECORD).read_text())
        os.kill(record["pid"], signal.SIGKILL)
        while anvil.status(self.home.path) is not None:
            time.sleep(0.01)
        while keeper.is_alive(record["keeper"], record["keeping_since"]):  # it moves a last state
            time.sleep(0.01)
        for state in self._states():
            state.unlink()
        for state in self._kept.iterdir():
            shutil.copy(state, self.home.path / "chain")
        assert self.home.run("up")["deployed"] is False

    def _is_copied(self) -> bool:
        """Copies the state, unless the keeper moves it just then."""
        try:
            for state in self._states():
                shutil.copy(state, self._kept)
        except FileNotFoundError:
            return False
        return True

    def _states(self) -> list[Path]:
        """The chain's state, wherever it is."""
        return [path for name in keeper.STATES if (path := self.home.path / "chain" / name).exists()]


@pytest.mark.parametrize("home", ["due"], indirect=True)
def test_chain_killed_in_mid_settlement_pays_everybody_once(home: Insurer) -> None:
    """It comes back as it was saved last; the command says what happened, without a traceback."""
    process = home.start("settle")
    enough = home.journalled() + 30
    while home.journalled() < enough:
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    os.kill(anvil.running(home.path).pid, signal.SIGKILL)
    _, complained = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in complained
    assert home.run("up")["deployed"] is False
    home.pay_all()


@pytest.mark.parametrize("home", ["due"], indirect=True)
def test_chain_that_lost_a_settlement_pays_everybody_once(home: Insurer) -> None:
    """All was settled, and in journal and index; the chain knows of none of it. What is under way from a
    killed command stands on nonces that the chain has lost: they are filled.
    """
    rewind = Rewind(home)
    assert home.run("settle")["settled"] == DUE
    killed_at(home, Moment(SEND), "pool", "deposit", "1")
    rewind()
    home.pay_all()


@pytest.mark.parametrize("home", ["bare"], indirect=True)
def test_chain_that_lost_a_book_has_it_issued_again(home: Insurer) -> None:
    """The same book with the same salts, under its number; until then everything adds up without it."""
    rewind = Rewind(home)
    command = ("book", "issue", str(home.path / "book.csv"), "--product", "delay")
    assert home.run(*command)["book_id"] == 1
    assert home.run("reconcile")["books"] == 1
    rewind()
    assert home.run("reconcile")["books"] == 0
    assert home.run("settle")["due"] == 0
    issued = home.run(*command)
    assert (issued["book_id"], issued["already"]) == (1, False)
    assert home.run("reconcile")["books"] == 1


# --- issue and publish


@pytest.mark.parametrize("home", ["bare"], indirect=True)
def test_book_issue_killed_issues_it_once(home: Insurer) -> None:
    """Before its draft is saved, then before, while and after its two transactions leave."""
    command = ("book", "issue", str(home.path / "book.csv"), "--product", "delay")
    for moment in (
        Moment(LOGS),
        Moment(FEE),
        Moment(SEND),
        Moment(SEND, after=True),
        Moment(RECEIPT),
    ):
        killed_at(home, moment, *command)
    issued = home.run(*command)
    assert (issued["book_id"], issued["policies"]) == (1, RISKS * OF_A_RISK)
    with Office.open(home.settings) as office:
        assert office.contract("PolicyBooks").call("bookCount") == 1
    with closing(sqlite3.connect(home.path / "troth.db")) as connection:
        assert connection.execute("SELECT count(*) FROM books").fetchone() == (1,)
    assert home.run("reconcile")["ok"]


@pytest.mark.parametrize("home", ["bare"], indirect=True)
def test_report_publish_killed_publishes_it_once(home: Insurer) -> None:
    """Before it is saved, then before and after it leaves."""
    command = ("report", "publish", str(home.path / "facts.csv"), "--product", "delay")
    for moment in (Moment(LOGS), Moment(FEE), Moment(SEND), Moment(SEND, after=True)):
        killed_at(home, moment, *command)
    assert home.run(*command)["report_id"] == 1
    assert [one["report"] for one in home.run("report", "list")["reports"]] == [1]


@pytest.mark.parametrize("home", ["bare"], indirect=True)
def test_up_killed_in_mid_deployment_deploys_anew(home: Insurer, tmp_path: Path) -> None:
    """The contracts of the first attempt are nobody's."""
    fresh = Home(tmp_path / "fresh")
    try:
        process = fresh.start("up")
        killed_when(process, lambda: blocks(fresh) > 3)
        assert fresh.run("up")["deployed"] is True
        assert int(fresh.run("status")["pool"]["assets"]) > 0
        assert fresh.run("up")["deployed"] is False
    finally:
        anvil.down(fresh.path)


def blocks(home: Insurer) -> int:
    """How many the home's chain has, 0 while it is not there."""
    if (chain := anvil.status(home.path)) is None:
        return 0
    with suppress(Exception), Node(chain.url) as node:
        return int(node.call("eth_blockNumber"), 16)
    return 0
