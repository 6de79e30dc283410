"""troth claims export: on standard output, or in a file that is there whole or not at all."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import pytest
import typer
from support import Actor
from support.office import Desk, lines_for
from support.terminal import Terminal

from troth.claims import outcomes
from troth.cli import claims


@pytest.fixture
def terminal(desk: Desk, customers: tuple[Actor, ...]) -> Terminal:
    """At an office with two policies settled."""
    desk.funded().settled(lines_for(customers[:2]))
    app = typer.Typer()
    claims.register(app)
    return Terminal(app, desk.office)


def test_export_says_the_same_on_standard_output_and_in_a_file(terminal: Terminal, tmp_path: Path) -> None:
    """A row a policy; of a file, stderr says how many. What was there before is replaced, not rewritten."""
    path, former = tmp_path / "claims.csv", tmp_path / "former"
    path.write_text("before")
    os.link(path, former)
    printed, _ = terminal.ran("claims", "export")
    assert [row["status"] for row in csv.DictReader(io.StringIO(printed))] == ["paid", "paid"]
    assert terminal.ran("claims", "export", "-o", str(path)) == ("", f"2 policies in {path}\n")
    assert path.read_bytes() == printed.encode()
    assert former.read_text() == "before"


def test_export_to_a_place_that_cannot_be_written_is_refused(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the option and the path, before any work is done."""
    monkeypatch.setattr(outcomes, "export", lambda *_, **__: pytest.fail("begun"))
    said = terminal.refused("claims", "export", "-o", str(tmp_path / "nodir" / "x.csv"))
    assert said.startswith("--output: ")
    assert said.endswith("cannot be written: No such file or directory")
    assert not (tmp_path / "nodir").exists()
