"""The real command in a process of its own, on a home whose chain runs, killed at chosen moments."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing, redirect_stdout, suppress
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from eth_account import Account

from support.doubles import Proxy, RpcError
from troth.chain import anvil
from troth.chain.rpc import Node
from troth.cli import main
from troth.config import Settings

__all__ = ["FEE", "LOGS", "RECEIPT", "SEND", "Home", "Moment", "killed_at", "killed_when", "write_keys"]

SEND, RECEIPT, FEE, LOGS = (
    "eth_sendRawTransaction",
    "eth_getTransactionReceipt",
    "eth_maxPriorityFeePerGas",
    "eth_getLogs",
)
PASSWORD = "secret"  # noqa: S105  of keys that the whole world knows


@dataclass
class Home:
    """A home whose chain runs."""

    path: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    """Settings beside those of every test."""

    @property
    def settings(self) -> Settings:
        """Of its own chain."""
        return Settings.read(self.environment, home=self.path)

    def start(self, *arguments: str, through: str | None = None) -> subprocess.Popen[str]:
        """A `troth` command, on the home's own chain or through another node in front of it."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TROTH_")}
        environment |= {"TROTH_HOME": str(self.path), "TROTH_BATCH_GAS": "1000000", **self.environment}
        if through is not None:
            oracles = sorted(map(str, self.path.glob("key-[1-9].json")))
            environment |= {
                "TROTH_RPC": through,
                "TROTH_KEYSTORE": str(self.path / "key-0.json"),
                "TROTH_ORACLE_KEYSTORES": os.pathsep.join(oracles),
                "TROTH_PASSWORD": PASSWORD,
                "TROTH_CONFIRMATIONS": "0",
            }
        command = [sys.executable, "-m", "troth", *arguments]
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


def write_keys(home: Path, count: int) -> None:
    """Puts a home's first keys into key files, and its deployment where another node finds it."""
    keys = json.loads((home / "chain" / "keys.json").read_text())["private_keys"]
    for number, key in enumerate(keys[:count]):
        encrypted = Account.encrypt(key, PASSWORD, kdf="pbkdf2", iterations=1)
        (home / f"key-{number}.json").write_text(json.dumps(encrypted))
    shutil.copy(home / "deployments" / "embedded.json", home / "deployments" / "chain-31337.json")


@dataclass
class Moment:
    """The nth time the command asks for `method`; `after`: once the node has done it."""

    method: str
    nth: int = 1
    after: bool = False


def killed_at(home: Home, moment: Moment, *arguments: str) -> None:
    """Runs a command and kills it at that moment."""
    running: list[subprocess.Popen[str]] = []
    count = iter(range(1, 100_000))

    def kill(_params: Any, real: Callable[[], Any]) -> Any:
        if (turn := next(count)) < moment.nth:
            return real()
        if turn == moment.nth and moment.after:
            real()
        running[0].kill()
        raise RpcError(-32603, "whom does it concern")

    with Node(anvil.running(home.path).url) as node, closing(Proxy(node)) as proxy:
        proxy.overrides[moment.method] = kill
        running.append(home.start(*arguments, through=proxy.url))
        _, complained = running[0].communicate(timeout=60)
        assert running[0].returncode == -signal.SIGKILL, (moment, complained)


def killed_when(process: subprocess.Popen[str], reached: Callable[[], bool]) -> None:
    """Kills a command once something has come to be."""
    with process:
        while not reached():
            assert process.poll() is None, process.communicate()
            time.sleep(0.001)
        process.kill()
        process.communicate()
