"""What commands print: data on stdout, as tables for people or JSON for machines; all else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import is_dataclass
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from troth.errors import printable
from troth.intake import iso

__all__ = ["note", "plain", "print_facts", "print_json", "print_table", "progress", "when"]

_WIDE = 10_000  # no terminal: whoever reads it wraps it
_LONGEST_NAME = 40  # that others are lined up with


def print_json(value: object, **more: object) -> None:
    """One JSON object: the dataclass or mapping `value`, and `more`."""
    print(json.dumps({**plain(value), **{name: plain(one) for name, one in more.items()}}, indent=2))


def plain(value: Any) -> Any:
    """`value` as JSON has it: bytes in 0x-hex, times in ISO 8601, enums by value, records as objects."""
    for kind, convert in _SIMPLE:
        if isinstance(value, kind):
            return convert(value)
    if is_dataclass(value):
        value = vars(value)
    if isinstance(value, Mapping):
        return {str(plain(name)): plain(one) for name, one in value.items()}
    return [plain(one) for one in value]


def when(moment: datetime | None) -> str:
    """A time for people and machines: 2027-01-31T00:00:00Z; nothing where there is none."""
    return "" if moment is None else iso(moment)


def print_facts(facts: Iterable[tuple[str, object]]) -> None:
    """A name and a value a line, in two columns."""
    rows = [(_clean(name), _clean(value)) for name, value in facts]
    width = min(max(len(name) for name, _ in rows), _LONGEST_NAME)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table under a header; columns whose name begins with # hold numbers and stand to the right."""
    from rich import box  # noqa: PLC0415  kept out of --json
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column.lstrip("#"), justify="right" if column[:1] == "#" else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(_clean(cell)) for cell in row))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else _WIDE).print(table)


def note(text: str) -> None:
    """A line for people, beside the data."""
    print(text, file=sys.stderr)


@contextmanager
def progress(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr, told how much is done of how much; none if `quiet` or nobody watches."""
    if quiet or not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console  # noqa: PLC0415  kept out of --json
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _clean(value: object) -> str:
    """`value` as a cell."""
    return printable(when(value) if isinstance(value, datetime) else "" if value is None else str(value))


_SIMPLE: tuple[tuple[type | tuple[type, ...], Callable[[Any], Any]], ...] = (
    (Enum, lambda value: value.value),
    ((str, int, float, type(None)), lambda value: value),
    (bytes, lambda value: f"0x{value.hex()}"),
    (datetime, when),
    (date, date.isoformat),
    (Path, str),
)
"""How each kind of single value looks in JSON; an enum may be a string as well, and a datetime is a
date: so they come first."""
