"""The script that anchors interactions, run as a developer runs it, on Anvil and on Ganache."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
NETWORKS = ("anvil", "ganache-cli")
CONTACTS = (
    '{"id": "1", "subject": "C-1", "start": "2026-03-02T09:14:05Z", "topic": "claim"}\n'
    '{"id": "2", "subject": "C-2", "start": "2026-03-02T09:15:05Z"}\n'
    '{"id": "1", "subject": "C-1", "start": "2026-03-02T09:14:05Z", "topic": "claim"}\n'
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder of Brownie's own, so that neither its settings nor port 8545 are the developer's."""
    folder = tmp_path_factory.mktemp("home")
    for network in NETWORKS:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        brownie(folder, "networks", "modify", network, f"port={port}")
    return folder


def brownie(home: Path, *words: str) -> str:
    """What a Brownie command prints. Fails the test if it fails, with all of it."""
    done = subprocess.run(
        ["sh", "-c", f". toolchain/activate && brownie {' '.join(words)}"],
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
def test_example_is_anchored(home: Path, network: str) -> None:
    """Its seven records in one batch, which the contract opens to what was said."""
    printed = brownie(home, "run", "anchor_interactions", "--network", network)
    assert "7 records accepted, 0 were known" in printed
    assert "7 records anchored in 1 batches" in printed
    assert "batch 1 of calls, 7 records: root 0x" in printed
    assert printed.count("the contract agrees") == 1


def test_file_and_stream_may_be_named(home: Path, tmp_path: Path) -> None:
    """A record that stands twice in the file is anchored once."""
    path = tmp_path / "contacts.jsonl"
    path.write_text(CONTACTS)
    printed = brownie(home, "run", "anchor_interactions", "main", str(path), "chats", "--network", "anvil")
    assert "2 records accepted, 1 were known" in printed
    assert "batch 1 of chats, 2 records: root 0x" in printed
    assert "DOES NOT AGREE" not in printed
