"""The two chains, Anvil and Ganache, and Brownie, as a developer runs it, on both."""

from __future__ import annotations

import os
import random
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from support import Suite, undone
from support.chain import ROOT
from support.places import ANVIL, GANACHE, Place, ganache

NETWORKS = ("anvil", "ganache-cli")


@pytest.fixture(scope="module")
def on_ganache() -> Iterator[Place]:
    """Ganache, once."""
    with ganache() as started:
        yield started


@pytest.fixture(params=[ANVIL, GANACHE])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Each of the two chains, put back afterwards."""
    if request.param == GANACHE:
        found: Place = request.getfixturevalue("on_ganache")
        with undone(found.node):
            yield found
    else:
        suite: Suite = request.getfixturevalue("suite")
        yield Place(suite.node, suite.deployment)


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest) -> str:
    """Each of the two chains, as Brownie calls it."""
    return str(request.param)


def _spare_port() -> int:
    """A port nobody listens on, nor will for a while: whoever asks Linux for any gets one above these."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    pytest.fail("no port is free between 20,000 and 32,000", pytrace=False)


@pytest.fixture(scope="module")
def brownie(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """What a Brownie command prints, given its words and the exit code it must end with, else 0.

    It has a home folder of its own, so that neither its settings nor port 8545 are the developer's.
    """
    home = tmp_path_factory.mktemp("home")

    def run(*words: str, code: int = 0) -> str:
        done = subprocess.run(
            ["sh", "-c", f". toolchain/activate && brownie {' '.join(words)}"],
            cwd=ROOT,
            env={**os.environ, "HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + (done.stderr if code else "")

    for network in NETWORKS:
        run("networks", "modify", network, f"port={_spare_port()}")
    return run
