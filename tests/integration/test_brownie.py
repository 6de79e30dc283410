"""Brownie's scripts, run as a developer runs them, on Anvil and on Ganache."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
NETWORKS = ("anvil", "ganache-cli")


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder of Brownie's own, so that neither its settings nor port 8545 are the developer's."""
    folder = tmp_path_factory.mktemp("home")
    for network in NETWORKS:
        brownie(folder, "networks", "modify", network, f"port={free_port()}")
    return folder


def brownie(home: Path, *words: str) -> str:
    """What a Brownie command prints. Fails the test if it fails, with all of it."""
    command = f". toolchain/activate && brownie {' '.join(words)}"
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=ROOT,
        env={**os.environ, "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("network", NETWORKS)
def test_book_is_deployed_and_settled(home: Path, network: str) -> None:
    """Six of the eight example policies are due: two at half, four in full."""
    printed = brownie(home, "run", "settle_claims", "--network", network)
    assert "settled 6 claims, paid 1750.00 TUSD" in printed
    assert "reconciled" in printed


@pytest.mark.parametrize("network", NETWORKS)
def test_consents_are_recorded_and_asked_for(home: Path, network: str) -> None:
    """The seven example decisions, and what they come to."""
    printed = brownie(home, "run", "record_consent", "--network", network)
    assert "7 decisions, 7 recorded by 1 transactions" in printed
    assert "C-1003: Marketing, broker-north, Contact: not permitted" in printed
    printed = brownie(home, "run", "query_consent", "--network", network)
    assert printed.count("index and contract agree") == 3
    assert "Marketing by broker-north of Contact: NOT PERMITTED. Withdrawn on 2025-12-01" in printed


@pytest.mark.parametrize("network", NETWORKS)
def test_deploying_records_the_network(home: Path, network: str) -> None:
    """Addresses, constructor arguments and code hashes, block and chain, in deployments/<network>.json."""
    printed = brownie(home, "run", "deploy", "--network", network)
    record = json.loads((ROOT / "deployments" / f"{network}.json").read_text())
    assert record["network"] == network
    for name in (
        "Authority",
        "CapitalPool",
        "OracleReports",
        "PolicyBooks",
        "ProductRegister",
        "Subjects",
        "token",
    ):
        contract = record["contracts"][name]
        assert contract["address"] in printed
        assert len(contract["code_hash"]) == 66
        assert isinstance(contract["arguments"], list)
    assert record["contracts"]["PolicyBooks"]["arguments"][0] == record["contracts"]["Authority"]["address"]
