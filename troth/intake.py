"""The user's files of rows, and the single values in them: read once, and checked whole.

CSV is RFC 4180's, with columns in any order under a header, and blank lines skipped; UTF-8, with or without
a byte order mark, with any of the usual line ends. Lines count from 1; a row that takes several is named by
its first. What is wrong is collected with its place, so that a file is mended in one go.
"""

from __future__ import annotations

import csv
import gc
import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from operator import itemgetter, methodcaller
from pathlib import Path
from typing import Any, TypeVar

from troth.errors import Problem

__all__ = [
    "SAVE_AS_TEXT",
    "TEXT_LENGTH",
    "Parsers",
    "collector_paused",
    "iso",
    "iso_second",
    "parse_moment",
    "read_lines",
    "read_table",
    "short_text",
    "unreadable",
]

TEXT_LENGTH = 64
"""Characters of a name or a reference of the insurer's own, at most."""

SAVE_AS_TEXT = "this byte is not text: save the file as UTF-8"

Row = TypeVar("Row")
Parsers = Mapping[str, Callable[[str], object]]
"""Each column's rule: text in, value out, or ValueError."""

_LAST = datetime(9999, 1, 1, tzinfo=timezone.utc)  # well within the contracts' 40 bits of seconds

# Bytes that are not text come as Python's escapes for undecodable bytes, 0xDC00 + byte, and so does NUL,
# which the csv module of Python 3.10 cannot read. No escape is printable, so every column's rule refuses it.
_NUL = "\udc00"
_NOT_TEXT = re.compile("[\udc00\udc80-\udcff]")


# Single values


def short_text(text: str) -> str:
    """`text` itself, if it can be shown and told apart: 1 to 64 printable characters. Raises ValueError."""
    if not text:
        raise ValueError(f"empty: write up to {TEXT_LENGTH} characters")
    if not text.isprintable():
        raise ValueError("holds a character that does not print: remove it")
    if text[0] == " " or text[-1] == " ":
        raise ValueError("begins or ends with a space: remove it")
    if len(text) > TEXT_LENGTH:
        raise ValueError(f"{len(text)} characters: write at most {TEXT_LENGTH}")
    return text


def parse_moment(text: str) -> datetime:
    """A time in ISO 8601 with its zone, between 1970 and 9999. Raises ValueError."""
    try:
        found = datetime.fromisoformat(f"{text[:-1]}+00:00" if text[-1:] in {"Z", "z"} else text)
    except ValueError:
        raise ValueError("not a time: write it as 2027-01-31T00:00:00Z") from None
    if found.tzinfo is None:
        raise ValueError("no time zone: write it as 2027-01-31T00:00:00Z, or with +01:00 at its end")
    if not 0 <= found.timestamp() < _LAST.timestamp():
        raise ValueError("out of range: from 1970 to 9999")
    return found


def iso(moment: datetime) -> str:
    """A time as it is shown everywhere, and as `parse_moment` reads it: 2027-01-31T00:00:00Z."""
    return f"{moment.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


def iso_second(second: int) -> str:
    """UTC seconds, shown as `iso` does."""
    return iso(datetime.fromtimestamp(second, timezone.utc))


def unreadable(path: Path, error: OSError) -> Problem:
    """A file that is missing, a folder, or closed to us."""
    return Problem(str(path), None, None, None, f"cannot be read: {error.strerror}")


# Rows


def read_lines(
    path: Path, parsers: Parsers, problems: list[Problem], *, optional: Container[str] = ()
) -> Iterator[tuple[int, list[Any]]]:
    """Line and values of each good row of the file at `path`; `problems` gets what is wrong with the rest.

    `parsers` holds each column's rule, in the order of the values. The rule of an `optional` column that the
    file has not is given "".
    """
    rules = tuple(parsers.values())
    is_empty = True
    for line, cells in _cells(path, tuple(parsers), problems, optional):
        is_empty = False
        try:
            values = [parse(cell) for parse, cell in zip(rules, cells)]  # noqa: B905  _cells counts
        except ValueError:
            problems += _row_problems(str(path), line, cells, parsers)
        else:
            yield line, values
    if is_empty and not problems:
        problems.append(_no_rows(path))


def read_table(path: Path, parsers: Parsers, make: Callable[..., Row], problems: list[Problem]) -> list[Row]:
    """A `make(*values)` for each good row of the file at `path`; `problems` gets what is wrong with the rest.

    `parsers` holds each column's rule, in the order `make` takes them. The first is the key, and stands once.
    """
    rows: list[Row] = []
    first_lines: dict[str, int] = {}
    rules = tuple(parsers.values())
    with collector_paused():
        for line, cells in _cells(path, tuple(parsers), problems):
            first = first_lines.setdefault(cells[0], line)
            try:
                row = make(*[parse(cell) for parse, cell in zip(rules, cells)])  # noqa: B905  _cells counts
            except ValueError:
                row = None
            if row and first == line:
                rows.append(row)
            else:
                problems += _row_problems(str(path), line, cells, parsers, first)
    if not first_lines and not problems:
        problems.append(_no_rows(path))
    return rows


@contextmanager
def collector_paused() -> Iterator[None]:
    """No search for cyclic garbage: a million rows hold none, and looking takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _cells(
    path: Path, columns: Sequence[str], problems: list[Problem], optional: Container[str] = ()
) -> Iterator[tuple[int, Sequence[str]]]:
    """The line and the cells, in the order of `columns`, of each row; `problems` gets what is not so made."""
    rows = _rows(path, problems)
    line, header = next(rows, (0, []))
    if not header:
        if not problems:
            problems.append(Problem(str(path), None, None, None, f"empty: begin with {','.join(columns)}"))
        return
    found = list(_header_problems(str(path), line, header, columns, optional))
    if found:
        problems += found
        return
    absent = [name for name in columns if name not in header]
    ordered = itemgetter(*map([*header, *absent].index, columns))
    nothing = [""] * len(absent)
    for line, cells in rows:
        if len(cells) == len(header):
            yield line, ordered(cells + nothing)
        else:
            problems.append(_misfit(str(path), line, cells, len(header)))


def _rows(path: Path, problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
    """The first line and the cells of each row that is not blank; `problems` gets what stops the reading."""
    line = 1
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            reader = csv.reader(map(methodcaller("replace", "\0", _NUL), file), strict=True)
            for cells in reader:
                if cells:
                    yield line, cells
                line = reader.line_num + 1
    except csv.Error as error:
        rule = f"not CSV, {error}: look at the quotes; nothing below was read"
        problems.append(Problem(str(path), line, None, None, rule))
    except OSError as error:
        problems.append(unreadable(path, error))


def _header_problems(
    file: str, line: int, header: Sequence[str], columns: Sequence[str], optional: Container[str]
) -> Iterator[Problem]:
    """What is wrong with the names in `header`, which must be just `columns`, in any order."""
    rule = f"the columns are {','.join(columns)}"
    for position, name in enumerate(header):
        if _NOT_TEXT.search(name):
            yield _not_text(file, line, None, name)
        elif name not in columns:
            yield Problem(file, line, None, name, f"unknown column: {rule}")
        elif name in header[:position]:
            yield Problem(file, line, name, None, f"this column stands twice: {rule}")
    for name in columns:
        if name not in header and name not in optional:
            yield Problem(file, line, name, None, f"this column is missing: {rule}")


def _row_problems(
    file: str, line: int, cells: Sequence[str], parsers: Parsers, first: int | None = None
) -> Iterator[Problem]:
    """What is wrong with each cell of a bad row, whose key, if it must not come twice, stood on `first`."""
    key = next(iter(parsers))
    for (column, parse), cell in zip(parsers.items(), cells):  # noqa: B905  _cells counts
        if _NOT_TEXT.search(cell):
            yield _not_text(file, line, column, cell)
        elif column == key and first not in (None, line):
            yield Problem(file, line, column, cell, f"stands on line {first} already: write each once")
        else:
            try:
                parse(cell)
            except ValueError as error:
                yield Problem(file, line, column, cell, str(error))


def _misfit(file: str, line: int, cells: Sequence[str], width: int) -> Problem:
    """A row of more or fewer cells than the header, perhaps for want of being text at all."""
    for cell in cells:
        if _NOT_TEXT.search(cell):
            return _not_text(file, line, None, cell)
    rule = f"{len(cells)} cells under a header of {width}: quote a cell that holds a comma"
    return Problem(file, line, None, ",".join(cells), rule)


def _not_text(file: str, line: int, column: str | None, cell: str) -> Problem:
    """The first byte in `cell` that is not text."""
    escape = _NOT_TEXT.findall(cell)[0]
    return Problem(file, line, column, f"0x{ord(escape) - ord(_NUL):02x}", SAVE_AS_TEXT)


def _no_rows(path: Path) -> Problem:
    """A file that says nothing."""
    return Problem(str(path), None, None, None, "no rows below the header: add some")
