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


def brownie(home: Path, *words: str, code: int = 0) -> str:
    """What a Brownie command prints. Fails the test if it does not end with `code`, with all of it."""
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


@pytest.mark.parametrize("network", NETWORKS)
def test_example_is_anchored(home: Path, network: str) -> None:
    """Its seven records in one batch, which the contract opens to what was said."""
    printed = brownie(home, "run", "anchor_interactions", "--network", network)
    assert "records: 7 accepted, 0 known, 0 erased since\nanchored: 7, batches: 1\n" in printed
    assert "batch 1 of calls, 7 records: root 0x" in printed
    assert printed.count("the contract agrees") == 1


def test_file_and_stream_may_be_named(home: Path, tmp_path: Path) -> None:
    """A record that stands twice in the file is anchored once."""
    path = tmp_path / "contacts.jsonl"
    path.write_text(CONTACTS)
    printed = brownie(home, "run", "anchor_interactions", "main", str(path), "chats", "--network", "anvil")
    assert "records: 2 accepted, 1 known, 0 erased since\n" in printed
    assert "batch 1 of chats, 2 records: root 0x" in printed
    assert "DOES NOT AGREE" not in printed


def test_refused_file_is_told_in_lines(home: Path, tmp_path: Path) -> None:
    """With the place and the rule, and no traceback."""
    path = tmp_path / "contacts.jsonl"
    path.write_text("{}\n")
    words = ("run", "anchor_interactions", "main", str(path), "chats", "--network", "anvil")
    printed = brownie(home, *words, code=1)
    assert f"{path}:1: id: this member is missing" in printed
    assert "Traceback" not in printed and "File " not in printed
