"""kill -9 of `troth consent import`, and of the chain under it: run again, each row is on record once.

The moments are chosen from outside, by what the command asks of its node, or at random; see test_killed.py.
"""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from support.doubles import Proxy, RpcError

from troth.chain import anvil
from troth.chain.rpc import Node
from troth.cli import main
from troth.config import Settings
from troth.launch import launch
from troth.office import Office

SUBJECTS, ROWS = 700, 2_000
SEND, RECEIPT, FEE, LOGS = (
    "eth_sendRawTransaction",
    "eth_getTransactionReceipt",
    "eth_maxPriorityFeePerGas",
    "eth_getLogs",
)
PASSWORD = "secret"  # noqa: S105  of keys that the whole world knows
KEK = "17" * 32


class Home:
    """A home whose chain runs, and the file to be imported."""

    def __init__(self, path: Path) -> None:
        self.path, self.file = path, path / "consents.csv"

    @property
    def settings(self) -> Settings:
        """Of its own chain."""
        return Settings.read({"TROTH_KEK": KEK}, home=self.path)

    def start(self, through: str | None = None) -> subprocess.Popen[str]:
        """The import, on the home's own chain or through another node in front of it."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TROTH_")}
        environment |= {"TROTH_HOME": str(self.path), "TROTH_BATCH_GAS": "1000000", "TROTH_KEK": KEK}
        if through is not None:
            environment |= {
                "TROTH_RPC": through,
                "TROTH_KEYSTORE": str(self.path / "key-0.json"),
                "TROTH_PASSWORD": PASSWORD,
                "TROTH_CONFIRMATIONS": "0",
            }
        command = [sys.executable, "-m", "troth", "consent", "import", str(self.file), "--create"]
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *arguments: str) -> dict[str, Any]:
        """What a command says in JSON, ending well. In this process, for speed."""
        with redirect_stdout(StringIO()) as said:
            code = main(["--home", str(self.path), *arguments, "--json"])
        assert code == 0, said.getvalue()
        return json.loads(said.getvalue())

    def journalled(self) -> int:
        """How many transactions were ever signed here."""
        with (
            suppress(sqlite3.OperationalError),  # not made yet
            closing(sqlite3.connect(f"file:{self.path}/troth.db?mode=ro", uri=True)) as connection,
        ):
            return int(connection.execute("SELECT count(*) FROM transactions").fetchone()[0])
        return 0

    def finish(self, *, in_order: bool = True) -> None:
        """Imports what is left, and proves by the chain alone that each row is on record once, in order."""
        done = self.run("consent", "import", str(self.file), "--create")
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
    (key, *_) = json.loads((path / "chain" / "keys.json").read_text())["private_keys"]
    (path / "key-0.json").write_text(json.dumps(Account.encrypt(key, PASSWORD, kdf="pbkdf2", iterations=1)))
    shutil.copy(path / "deployments" / "embedded.json", path / "deployments" / "chain-31337.json")
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
def home(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A copy of it, its chain running."""
    path = tmp_path / "home"
    shutil.copytree(bare, path)
    launch(Settings.read({}, home=path))
    monkeypatch.setenv("TROTH_KEK", KEK)
    yield Home(path)
    anvil.down(path)


def killed_at(home: Home, method: str, nth: int = 1, *, after: bool = False) -> None:
    """Runs the import and kills it the nth time it asks for `method`; `after`: once the node has done it."""
    running: list[subprocess.Popen[str]] = []
    count = iter(range(1, 100_000))

    def kill(_params: Any, real: Callable[[], Any]) -> Any:
        if (turn := next(count)) < nth:
            return real()
        if turn == nth and after:
            real()
        running[0].kill()
        raise RpcError(-32603, "whom does it concern")

    with Node(anvil.running(home.path).url) as node, closing(Proxy(node)) as proxy:
        proxy.overrides[method] = kill
        running.append(home.start(through=proxy.url))
        _, complained = running[0].communicate(timeout=60)
        assert running[0].returncode == -signal.SIGKILL, (method, nth, complained)


def test_import_killed_at_chosen_moments_records_each_row_once(home: Home) -> None:
    """One after the other on one chain: each run meets what the one before left."""
    killed_at(home, LOGS)  # read, and nothing else
    killed_at(home, SEND)  # the terms are in the journal, and not out
    killed_at(home, SEND, after=True)  # they are out; or already the first rows
    killed_at(home, FEE)  # staged, nothing signed
    killed_at(home, SEND, 4)  # three of eight out
    killed_at(home, SEND, 12, after=True)  # a second burst half out
    killed_at(home, RECEIPT, 3)  # all of a wave is out, some of it seen, none of it in the journal
    killed_at(home, LOGS, 2)  # on the chain, and not in the index
    home.finish()


def test_import_killed_at_random_moments_records_each_row_once(home: Home) -> None:
    """So many transactions into the journal, or so long after its start."""
    source = random.Random(20131)
    for _ in range(2):
        enough = home.journalled() + source.randrange(1, 20)
        with home.start() as process:
            while home.journalled() < enough:
                assert process.poll() is None, process.communicate()
                time.sleep(0.001)
            process.kill()
            process.communicate()
    for _ in range(3):
        with home.start() as process:
            with suppress(subprocess.TimeoutExpired):  # it may be done by then
                process.wait(source.uniform(0.2, 2))
            process.kill()
            process.communicate()
    home.finish()


def test_chain_killed_in_mid_import_records_each_row_once(home: Home) -> None:
    """It comes back as it was saved last, and may lack what the journal calls mined, with later transactions
    under way: these are then recorded first. What takes effect later counts all the same. Numbers are not
    held here: a chain killed while it saves need not give back logs and storage of one moment.
    """
    process = home.start()
    while home.journalled() < 25:
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    os.kill(anvil.running(home.path).pid, signal.SIGKILL)
    _, complained = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in complained
    assert home.run("up")["deployed"] is False
    home.finish(in_order=False)
