"""Call detail records in CSV: Asterisk's cdr_custom, under a header line, or its cdr_csv without one.

A header names at least `uniqueid`, `start` (or `calldate`), and the column with the customer's number.
Without one the columns are Master.csv's: 16, or 18 with `loguniqueid` and `loguserfield`, or 21 with
`newcdrcolumns`. Where a row has no uniqueid, its source id is its hash. A start without a zone is UTC: set
`usegmtime=yes`, or write the seconds since 1970, `${CDR(start,u)}`.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import BinaryIO

from troth.errors import Problem
from troth.intake import SAVE_AS_TEXT
from troth.interactions.formats.files import lines_of
from troth.interactions.formats.received import (
    LONGEST_RECORD,
    Received,
    Refused,
    flattened,
    parse_customer,
    parse_second,
    parse_source,
    too_long,
)

__all__ = ["CUSTOMER_COLUMN", "read_rows", "received"]

CUSTOMER_COLUMN = "src"

_ALWAYS = (
    *("accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata"),
    *("start", "answer", "end", "duration", "billsec", "disposition", "amaflags"),
)
_WITH_ID = (*_ALWAYS, "uniqueid", "userfield")
_MASTER = {
    len(each): each for each in (_ALWAYS, _WITH_ID, (*_WITH_ID, "peeraccount", "linkedid", "sequence"))
}
_HEADERS = frozenset({"uniqueid", "start", "calldate"})
_STARTS = ("start", "calldate")
_NOBODY = frozenset({"", "anonymous", "unknown", "restricted"})
_WITHOUT_ZONE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?", re.ASCII)
_SECONDS = re.compile(r"(\d{10})(?:\.\d+)?", re.ASCII)  # from 2001 to 2286: neither an extension nor a day
_MOST_LINES = 100  # of one row: no farther is the end of a mark looked for
_NO_COLUMN = ""  # a name that no column has
_NO_HEADER = "no header: write one that names uniqueid, start and src among its columns"
_NO_COMMAS = "columns stand between semicolons or tabs: separate them by commas"
_LONE_CR = "not CSV: a carriage return in this row, outside of quotation marks: end rows with LF or CRLF"
_UNCLOSED = "not CSV: a quotation mark opens in this row and none closes it"


@dataclass(frozen=True)
class _Columns:
    """What a file's columns mean. `header` is its first line as received, empty for Master.csv."""

    header: bytes
    names: tuple[str, ...]
    source: int | None
    start: int
    customer: int | None

    @staticmethod
    def of(names: tuple[str, ...], header: bytes, customer_column: str) -> _Columns:
        """The columns called `names`, without regard to case. Raises Refused."""
        places: dict[str, int] = {}
        for place, name in enumerate(names):
            known = name.strip().lower()
            if not known:
                raise Refused(f"column {place + 1} has no name")
            if (first := places.setdefault(known, place)) != place:  # by place: it may be a row after all
                raise Refused(f"columns {first + 1} and {place + 1} have the same name")
        start = next((places[name] for name in _STARTS if name in places), None)
        source, customer = places.get("uniqueid"), places.get(customer_column.strip().lower())
        if header and source is None:
            raise Refused("this column is missing: it names the call", "uniqueid")
        if start is None:
            raise Refused("this column is missing: it says when the call began", "start")
        return _Columns(header, names, source, start, customer)


def read_rows(file: BinaryIO, name: str, customer_column: str) -> Iterator[Received | Problem]:
    """The record of each row of the file called `name`, and what is refused. Nothing below a bad header."""
    columns: _Columns | None = None
    rows = _Rows(file)
    for number, row, end in rows:
        try:
            if isinstance(row, Refused):
                raise row
            if columns is None:
                columns = _columns_above(row, customer_column)
                rows.width = len(columns.names)
                if columns.customer is None:
                    columns = None
                    raise Refused("this column is missing: it says who the customer is", customer_column)
                if columns.header:
                    continue
            yield _received(row, columns, name, number, end)
        except Refused as refusal:
            yield refusal.problem(name, number)
            if columns is None:
                return


def received(raw: bytes) -> Received:
    """The record that `raw` is: a header line, or an empty one for Master.csv, and a row. Raises Refused.

    Nothing is guessed, and there is no customer: which column named them is not in the bytes.
    """
    header, _, row = raw.partition(b"\n")
    names = tuple(_cells(header)) if header else _MASTER.get(len(_cells(row)))
    if names is None:
        raise Refused(_NO_HEADER)
    return _received(row, _columns(names, header, _NO_COLUMN), "", None, len(raw))


def _columns_above(row: bytes, customer_column: str) -> _Columns:
    """The columns of a file whose first row this is. Raises Refused."""
    if b"," not in row and (b";" in row or b"\t" in row):
        raise Refused(_NO_COMMAS)
    cells = _cells(row)
    names = _MASTER.get(len(cells))
    if names is not None and _WITHOUT_ZONE.fullmatch(cells[names.index("start")]):
        return _columns(names, b"", customer_column)
    if _HEADERS.isdisjoint(cell.strip().lower() for cell in cells):
        raise Refused(_NO_HEADER)
    return _columns(tuple(cells), row, customer_column)


@lru_cache(maxsize=16)
def _columns(names: tuple[str, ...], header: bytes, customer_column: str) -> _Columns:
    """`_Columns.of`, once for all rows that are opened again one by one."""
    return _Columns.of(names, header, customer_column)


def _received(row: bytes, columns: _Columns, file: str, line: int | None, end: int) -> Received:
    """The record of a row. Raises Refused."""
    cells = _cells(row)
    if len(cells) != len(columns.names):
        raise Refused(
            f"{len(cells)} cells under {len(columns.names)} columns: quote a cell that holds a comma"
        )
    if columns.source is None:
        source = f"sha256:{sha256(row).hexdigest()}"
    else:
        source = parse_source(cells[columns.source], "uniqueid")
    second = parse_second(_moment(cells[columns.start].strip()), columns.names[columns.start])
    customer = None
    if columns.customer is not None and (caller := cells[columns.customer].strip()).lower() not in _NOBODY:
        customer = parse_customer(caller, columns.names[columns.customer])
    fields = flattened(dict(zip(columns.names, cells, strict=True)))
    return Received(source, customer, second, "cdr", columns.header + b"\n" + row, fields, file, line, end)


def _moment(text: str) -> str | int:
    """A start as `parse_second` takes it: with a zone, or as an integer."""
    if match := _SECONDS.fullmatch(text):
        return int(match[1])
    return f"{text}Z" if _WITHOUT_ZONE.fullmatch(text) else text


def _cells(row: bytes) -> list[str]:
    """The cells of one row. Raises Refused."""
    if len(row) > LONGEST_RECORD:
        raise too_long()
    try:
        text = row.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = row.count(b"\n", 0, error.start) + 1
        raise Refused(SAVE_AS_TEXT, value=f"0x{row[error.start]:02x}", line=line) from None
    if "\0" in text:
        raise Refused(SAVE_AS_TEXT, value="0x00")
    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error as error:
        raise Refused(_LONE_CR if "new-line" in str(error) else f"not CSV: {error}") from None
    return rows[0] if rows else []


class _Rows:
    """First line, bytes without line end, and end of each row that is not blank; or a Refused for the bytes.

    A cell in quotation marks may hold line ends. Where such a row does not come out with `width` cells, a
    mark is missing: its first line is refused alone, and those below are read by themselves.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.width: int | None = None
        self._lines = lines_of(file)
        self._ahead: deque[tuple[int, bytes | None, int]] = deque()

    def __iter__(self) -> Iterator[tuple[int, bytes | Refused, int]]:
        """Each row, as it is asked for."""
        while (found := self._ahead.popleft() if self._ahead else next(self._lines, None)) is not None:
            number, line, end = found
            if line is None:
                yield number, too_long(), end
            elif line.count(b'"') % 2:
                yield number, *self._joined(line, end)
            elif line.strip():
                yield number, _without_end(line), end

    def _joined(self, line: bytes, end: int) -> tuple[bytes | Refused, int]:
        """A row of several lines, whose first is `line`, and its end.

        The lines looked at stay to be read if they are no row together. None is `_ahead` before: an open mark
        ends the looking, so that a line with one is the last that was looked at.
        """
        parts = [line]
        while len(parts) < _MOST_LINES and sum(map(len, parts)) <= LONGEST_RECORD:
            if (found := next(self._lines, None)) is None:
                break
            self._ahead.append(found)
            _, part, part_end = found
            if part is None:
                break
            parts.append(part)
            if part.count(b'"') % 2:
                whole = _without_end(b"".join(parts))
                if self._fits(whole):
                    self._ahead.clear()
                    return whole, part_end
                break
        return Refused(_UNCLOSED), end

    def _fits(self, row: bytes) -> bool:
        """Whether these lines together are a row of the file's."""
        try:
            return len(_cells(row)) == self.width
        except Refused:
            return False


def _without_end(line: bytes) -> bytes:
    """A line without its line end."""
    line = line[:-1] if line[-1:] == b"\n" else line
    return line[:-1] if line[-1:] == b"\r" else line
