"""The script that anchors interactions, run as a developer runs it, on Anvil and on Ganache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

CONTACTS = (
    '{"id": "1", "subject": "C-1", "start": "2026-03-02T09:14:05Z", "topic": "claim"}\n'
    '{"id": "2", "subject": "C-2", "start": "2026-03-02T09:15:05Z"}\n'
    '{"id": "1", "subject": "C-1", "start": "2026-03-02T09:14:05Z", "topic": "claim"}\n'
)


def test_example_is_anchored(brownie: Callable[..., str], network: str) -> None:
    """Its seven records in one batch, which the contract opens to what was said."""
    printed = brownie("run", "anchor_interactions", "--network", network)
    assert "records: 7 accepted, 0 known, 0 erased since\nanchored: 7, batches: 1\n" in printed
    assert "batch 1 of calls, 7 records: root 0x" in printed
    assert printed.count("the contract agrees") == 1


def test_file_and_stream_may_be_named(brownie: Callable[..., str], tmp_path: Path) -> None:
    """A record that stands twice in the file is anchored once."""
    path = tmp_path / "contacts.jsonl"
    path.write_text(CONTACTS)
    printed = brownie("run", "anchor_interactions", "main", str(path), "chats", "--network", "anvil")
    assert "records: 2 accepted, 1 known, 0 erased since\n" in printed
    assert "batch 1 of chats, 2 records: root 0x" in printed
    assert "DOES NOT AGREE" not in printed


def test_refused_file_is_told_in_lines(brownie: Callable[..., str], tmp_path: Path) -> None:
    """With the place and the rule, and no traceback."""
    path = tmp_path / "contacts.jsonl"
    path.write_text("{}\n")
    words = ("run", "anchor_interactions", "main", str(path), "chats", "--network", "anvil")
    printed = brownie(*words, code=1)
    assert f"{path}:1: id: this member is missing" in printed
    assert "Traceback" not in printed and "File " not in printed
