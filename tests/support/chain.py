"""A chain for tests: one Anvil a session, whose clock stands still unless a test moves it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from support.defaults import START
from troth.chain.anvil import find_anvil
from troth.chain.artifacts import Artifact
from troth.chain.rpc import Node
from troth.errors import ContractRefused, MissingRole, NoNode

ROOT = Path(__file__).parents[2]
_PORTS = 3
_ASKED = 3_000


@contextmanager
def anvil() -> Iterator[Node]:
    """A new chain on a free port. Calls and transactions see the same second until a Clock moves."""
    options = ["--timestamp", str(START), "--silent", "--enable-tx-gas-limit"]
    with served([str(find_anvil()), *options], "--port") as node:
        node.call("anvil_setBlockTimestampInterval", [0])
        yield node


@contextmanager
def served(command: Sequence[str], option: str) -> Iterator[Node]:
    """The node that a command serves on the port that `option` gives it, until the block ends."""
    for _ in range(_PORTS):
        port = str(free_port())
        process = subprocess.Popen(
            [*command, option, port], stdout=subprocess.DEVNULL, start_new_session=True
        )
        try:
            with Node(f"http://127.0.0.1:{port}") as node:
                if _answers(node, process):
                    yield node
                    return
        finally:
            with suppress(ProcessLookupError):  # the whole group: Node.js may be run by another program
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    pytest.fail(f"{command[0]} did not start", pytrace=False)


class Clock:
    """The time of a chain, in UTC seconds."""

    def __init__(self, node: Node) -> None:
        self._node = node

    @property
    def now(self) -> int:
        """What block.timestamp is in the next call or transaction."""
        return int(self._node.call("eth_getBlockByNumber", ["latest", False])["timestamp"], 16)

    def move_to(self, moment: int) -> None:
        """Makes it `moment`, which must not have passed."""
        self._node.call("evm_setNextBlockTimestamp", [moment])
        self._node.call("evm_mine")

    def move_by(self, seconds: int) -> None:
        """Lets time pass."""
        self.move_to(self.now + seconds)


def compiled(name: str) -> Artifact:
    """A contract that is not shipped, from what `brownie compile` wrote."""
    path = ROOT / "build" / "contracts" / f"{name}.json"
    if not path.exists():
        pytest.fail(f"no {path}: run `make compile`", pytrace=False)
    build = json.loads(path.read_text(encoding="utf-8"))
    return Artifact.of({**build, "sourceHash": build["sha1"]})


@contextmanager
def refuses(error: str, **arguments: object) -> Iterator[None]:
    """Passes if a contract refuses with this custom error and exactly these arguments."""
    with pytest.raises(ContractRefused) as caught:
        yield
    assert (caught.value.name, caught.value.arguments) == (error, arguments)


@contextmanager
def misses(role: str, account: str) -> Iterator[None]:
    """Passes if `account` is refused because it does not hold `role`."""
    with pytest.raises(MissingRole) as caught:
        yield
    assert (caught.value.role, caught.value.account) == (role, account)


@contextmanager
def undone(node: Node) -> Iterator[None]:
    """Puts the chain back to how it was, clock and all."""
    before = node.call("evm_snapshot")
    try:
        yield
    finally:
        assert node.call("evm_revert", [before])


def free_port() -> int:
    """A port nobody listens on, yet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _answers(node: Node, process: subprocess.Popen[bytes]) -> bool:
    """Whether it serves its port before long. If it finds it taken it ends, and another answers there."""
    for _ in range(_ASKED):
        try:
            node.call("eth_chainId")
        except NoNode:
            if process.poll() is not None:
                return False
            time.sleep(0.02)
        else:
            return process.poll() is None
    return False
