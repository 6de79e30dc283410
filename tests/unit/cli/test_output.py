"""What is printed: values as JSON, tables and facts that no cell can break."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum, IntEnum
from pathlib import Path

import pytest

from troth.cli import output


class Colour(Enum):
    """An enum of text."""

    RED = "red"


class Rank(IntEnum):
    """An enum that is a number."""

    FIRST = 1


@dataclass(frozen=True)
class Thing:
    """A record."""

    amount: int
    seen: datetime | None
    parts: tuple[bytes, ...]


NOON = datetime(2027, 1, 31, 13, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2**200, 2**200),
        (True, True),
        (None, None),
        (b"\x00\xff", "0x00ff"),
        (NOON, "2027-01-31T12:00:00Z"),
        (NOON.date(), "2027-01-31"),
        (Colour.RED, "red"),
        (Rank.FIRST, 1),
        (Path("/a/b"), "/a/b"),
        ({Colour.RED: (1, 2)}, {"red": [1, 2]}),
        (Thing(1, None, (b"\x01",)), {"amount": 1, "seen": None, "parts": ["0x01"]}),
    ],
)
def test_values_become_json(value: object, expected: object) -> None:
    """Each kind, alone and within others."""
    assert output.plain(value) == expected
    json.dumps(output.plain(value))


def test_json_is_one_object_with_whole_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    """A record and more, amounts never as floats."""
    output.print_json(Thing(2**96 - 1, NOON, ()), decimals=6)
    printed = capsys.readouterr().out
    assert str(2**96 - 1) in printed
    assert json.loads(printed) == {
        "amount": 2**96 - 1,
        "seen": "2027-01-31T12:00:00Z",
        "parts": [],
        "decimals": 6,
    }


def test_table_shows_every_cell_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """However wide, when nobody's terminal limits it; markup in a cell is text."""
    output.print_table(["name", "#number"], [("[red]x[/red]", "7"), ("h" * 300, None)])
    printed = capsys.readouterr().out
    assert "[red]x[/red]" in printed
    assert "h" * 300 in printed
    assert "#" not in printed


def test_nothing_printed_can_command_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """A product's name on the chain may be anybody's."""
    output.print_table(["name"], [("a\x1b[31m\nb",)])
    output.print_facts([("name", "a\x1b[31m\nb")])
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert printed.splitlines()[-1] == "name  a�[31m�b"


def test_facts_stand_in_two_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """Names to the left, values in line; what is not known is empty."""
    output.print_facts([("a", 1), ("long name", None), ("b", NOON)])
    assert capsys.readouterr().out == "a          1\nlong name  \nb          2027-01-31T12:00:00Z\n"


def test_progress_is_silent_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    """stderr is a file, or --json was given."""
    with output.progress("working", quiet=False) as told:
        told(1, 2)
    assert capsys.readouterr() == ("", "")


def test_progress_shows_on_a_terminals_stderr_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bar, and stdout stays the data's."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with output.progress("working", quiet=False) as told:
        told(1, 2)
    out, err = capsys.readouterr()
    assert out == ""
    assert "working" in err
    with output.progress("working", quiet=True) as told:
        told(1, 2)
    assert capsys.readouterr() == ("", "")


def test_notes_go_beside_the_data(capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr."""
    output.note("look here")
    assert capsys.readouterr() == ("", "look here\n")


def test_names_of_facts_obey_no_more_than_their_values(capsys: pytest.CaptureFixture[str]) -> None:
    """A name may come out of a file: nothing in it moves a cursor, and a long one widens no other line."""
    output.print_facts([("\x1b[2Jkey", "a\x07"), ("n" * 1_000, 1)])
    first, second = capsys.readouterr().out.splitlines()
    assert first == "�[2Jkey".ljust(40) + "  a�"
    assert second == "n" * 1_000 + "  1"
