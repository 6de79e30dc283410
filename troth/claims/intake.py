"""The user's three files, read once and checked whole: product, book of policies, observations.

Each reader returns plain values, or raises BadInput with every problem of the file and its place, so nothing
goes on half-read. Files are UTF-8, with or without a byte order mark, with any of the usual line ends.

    product       TOML   name, metric, direction, tiers (a list of [threshold, basis points])
    book          CSV    policy_ref,risk,payee,sum_insured,premium    amounts in currency
    observations  CSV    risk,value                                   a signed integer in the metric's unit

CSV is RFC 4180's, with columns in any order under a header, and blank lines skipped. Lines count from 1; a
row that takes several is named by its first.
"""

from __future__ import annotations

import csv
import gc
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from functools import lru_cache, partial
from itertools import pairwise
from operator import itemgetter, methodcaller
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from troth.addresses import parse_address
from troth.claims.keys import risk_to_bytes32
from troth.errors import BadInput, Problem
from troth.money import MAX_AMOUNT, format_amount, parse_amount

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]  # installed only where needed

__all__ = [
    "Direction",
    "ObservationRow",
    "PolicyRow",
    "ProductFile",
    "Tier",
    "read_book",
    "read_observations",
    "read_product",
]

MAX_TIERS = 16
WHOLE = 10_000  # basis points
I128 = range(-(2**127), 2**127)
_I128_RULE = "out of range: from -2**127 to 2**127 - 1"
TEXT_LENGTH = 64  # characters, of a product's name and of a policy's reference

Row = TypeVar("Row")
Parsers = Mapping[str, Callable[[str], object]]

# Bytes that are not text come as Python's escapes for undecodable bytes, 0xDC00 + byte, and so does NUL,
# which the csv module of Python 3.10 cannot read. No escape is printable, so every column's rule refuses it.
_NUL = "\udc00"
_NOT_TEXT = re.compile("[\udc00\udc80-\udcff]")
_SAVE_AS_TEXT = "this byte is not text: save the file as UTF-8"


class Direction(IntEnum):
    """Which way the metric gets worse. Values as in the contracts."""

    AT_LEAST = 0
    AT_MOST = 1


class Tier(NamedTuple):
    """From `threshold` on, in the product's direction, `share` basis points of the sum insured are due."""

    threshold: int
    share: int


class ProductFile(NamedTuple):
    """A product as written: `metric` zero-padded to 32 bytes, `tiers` from the mildest to the severest."""

    name: str
    metric: bytes
    direction: Direction
    tiers: tuple[Tier, ...]


class PolicyRow(NamedTuple):
    """A policy as written: `risk` zero-padded to 32 bytes, `payee` 20 bytes, amounts in base units."""

    ref: str
    risk: bytes
    payee: bytes
    sum_insured: int
    premium: int


class ObservationRow(NamedTuple):
    """What happened to a risk: `risk` zero-padded to 32 bytes, `value` in the metric's unit."""

    risk: bytes
    value: int


def read_book(path: Path, decimals: int) -> list[PolicyRow]:
    """The policies in the file at `path`, in its order; the token has `decimals`. Raises BadInput."""
    amount = lru_cache(maxsize=4096)(partial(parse_amount, decimals=decimals))  # books repeat their sums
    parsers: Parsers = {
        "policy_ref": _short_text,
        "risk": lru_cache(maxsize=None)(risk_to_bytes32),  # and their risks: one object each spares memory
        "payee": parse_address,
        "sum_insured": partial(_more_than_nothing, amount),
        "premium": amount,
    }
    problems: list[Problem] = []
    rows = _read_table(path, parsers, PolicyRow, problems)
    for column in ("sum_insured", "premium"):
        total = sum(map(itemgetter(PolicyRow._fields.index(column)), rows))
        if total > MAX_AMOUNT:
            rule = f"the total is too large: at most {format_amount(MAX_AMOUNT, decimals)}; split the book"
            problems.append(Problem(str(path), None, column, format_amount(total, decimals), rule))
    if problems:
        raise BadInput(problems)
    return rows


def read_observations(path: Path) -> list[ObservationRow]:
    """The observations in the file at `path`, in its order, one a risk. Raises BadInput."""
    problems: list[Problem] = []
    rows = _read_table(path, {"risk": risk_to_bytes32, "value": _integer}, ObservationRow, problems)
    if problems:
        raise BadInput(problems)
    return rows


def read_product(path: Path) -> ProductFile:
    """The product in the file at `path`. Raises BadInput."""
    text = _toml_text(path)
    table = _toml_table(path, text)
    problems = [
        Problem(str(path), _line_of(key, text), column, value, reason)
        for key, column, value, reason in _product_breaches(table)
    ]
    if problems:
        raise BadInput(problems)
    direction = _direction(table["direction"])
    tiers = _by_severity((Tier(*tier) for tier in table["tiers"]), direction)
    return ProductFile(table["name"], risk_to_bytes32(table["metric"]), direction, tuple(tiers))


# The rules of single values, beside those of amounts, addresses and risks: text in, value out, or ValueError.


def _short_text(text: str) -> str:
    """`text` itself, if it can be shown and told apart: 1 to 64 printable characters."""
    if not text:
        raise ValueError(f"empty: write up to {TEXT_LENGTH} characters")
    if not text.isprintable():
        raise ValueError("holds a character that does not print: remove it")
    if text[0] == " " or text[-1] == " ":
        raise ValueError("begins or ends with a space: remove it")
    if len(text) > TEXT_LENGTH:
        raise ValueError(f"{len(text)} characters: write at most {TEXT_LENGTH}")
    return text


def _more_than_nothing(amount: Callable[[str], int], text: str) -> int:
    """The amount `text`, which must not be zero."""
    units = amount(text)
    if not units:
        raise ValueError("nothing is insured: write more than zero")
    return units


def _integer(text: str) -> int:
    """The integer `text`, with or without a minus, of 128 bits."""
    digits = text[1:] if text[:1] == "-" else text
    if not (digits.isdigit() and digits.isascii()):
        raise ValueError(
            "not an integer: write digits only, as 180 or -5" if text else "empty: write an integer"
        )
    value = int(text) if len(text) <= TEXT_LENGTH else I128.stop
    if value not in I128:
        raise ValueError(_I128_RULE)
    return value


def _direction(text: str) -> Direction:
    """The direction `text` names."""
    for direction in Direction:
        if text == direction.name.lower():
            return direction
    raise ValueError('write "at_least" or "at_most"')


def _tier_count(tiers: list[object]) -> None:
    """Nothing, if the number of tiers is right."""
    if not 1 <= len(tiers) <= MAX_TIERS:
        raise ValueError(f"{len(tiers)} tiers: write 1 to {MAX_TIERS}")


# CSV


def _read_table(path: Path, parsers: Parsers, make: Callable[..., Row], problems: list[Problem]) -> list[Row]:
    """A `make(*values)` for each good row of the file at `path`; `problems` gets what is wrong with the rest.

    `parsers` holds each column's rule, in the order `make` takes them. The first is the key, and stands once.
    """
    rows: list[Row] = []
    first_lines: dict[str, int] = {}
    rules = tuple(parsers.values())
    with _collector_paused():
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
        problems.append(Problem(str(path), None, None, None, "no rows below the header: add some"))
    return rows


@contextmanager
def _collector_paused() -> Iterator[None]:
    """No search for cyclic garbage: a million rows hold none, and looking takes a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _cells(
    path: Path, columns: Sequence[str], problems: list[Problem]
) -> Iterator[tuple[int, Sequence[str]]]:
    """The line and the cells, in the order of `columns`, of each row; `problems` gets what is not so made."""
    rows = _rows(path, problems)
    line, header = next(rows, (0, []))
    if not header:
        if not problems:
            problems.append(Problem(str(path), None, None, None, f"empty: begin with {','.join(columns)}"))
        return
    found = list(_header_problems(str(path), line, header, columns))
    if found:
        problems += found
        return
    ordered = itemgetter(*map(header.index, columns))
    for line, cells in rows:
        if len(cells) == len(header):
            yield line, ordered(cells)
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
        problems.append(_unreadable(path, error))


def _header_problems(
    file: str, line: int, header: Sequence[str], columns: Sequence[str]
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
        if name not in header:
            yield Problem(file, line, name, None, f"this column is missing: {rule}")


def _row_problems(
    file: str, line: int, cells: Sequence[str], parsers: Parsers, first: int
) -> Iterator[Problem]:
    """What is wrong with each cell of a bad row, whose key stood first on line `first`."""
    key = next(iter(parsers))
    for (column, parse), cell in zip(parsers.items(), cells):  # noqa: B905  _cells counts
        if _NOT_TEXT.search(cell):
            yield _not_text(file, line, column, cell)
        elif column == key and first != line:
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
    return Problem(file, line, column, f"0x{ord(escape) - ord(_NUL):02x}", _SAVE_AS_TEXT)


def _unreadable(path: Path, error: OSError) -> Problem:
    """A file that is missing, a folder, or closed to us."""
    return Problem(str(path), None, None, None, f"cannot be read: {error.strerror}")


# TOML

# Of each key: the type of its value, what to write, and its rule.
_KEYS: Mapping[str, tuple[type, str, Callable[[Any], object]]] = {
    "name": (str, f"text of at most {TEXT_LENGTH} characters", _short_text),
    "metric": (str, "text of at most 32 bytes", risk_to_bytes32),
    "direction": (str, '"at_least" or "at_most"', _direction),
    "tiers": (list, "a list of [threshold, basis points]", _tier_count),
}


class _Breach(NamedTuple):
    """What is wrong under `key`; the rest as in Problem."""

    key: str
    column: str | None
    value: str | None
    reason: str


def _toml_text(path: Path) -> str:
    """The text of the file. Raises BadInput if it cannot be read, is not text, or is empty."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BadInput([_unreadable(path, error)]) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = f"0x{error.object[error.start]:02x}"
        raise BadInput([Problem(str(path), line, None, byte, _SAVE_AS_TEXT)]) from None
    if not text.strip():
        raise BadInput([Problem(str(path), None, None, None, f"empty: write {', '.join(_KEYS)}")])
    return text


def _toml_table(path: Path, text: str) -> dict[str, Any]:
    """The table that `text` is. Raises BadInput if it is not TOML."""
    try:
        table: dict[str, Any] = tomllib.loads(text)
    except RecursionError:
        raise BadInput([Problem(str(path), None, None, None, "not TOML: nested too deep")]) from None
    except ValueError as error:
        place = re.search(r"at line (\d+)", str(error))
        line = int(place[1]) if place else None
        raise BadInput([Problem(str(path), line, None, None, f"not TOML: {error}")]) from None
    return table


def _line_of(key: str, text: str) -> int | None:
    """The first line of `text` that begins with `key`, a value's or a table's; None if there is none."""
    found = re.search(rf"^[ \t]*(?:\[\[?[ \t]*)?[\"']?{re.escape(key)}(?![\w-])", text, re.MULTILINE)
    return text.count("\n", 0, found.start()) + 1 if found else None


def _product_breaches(table: Mapping[str, Any]) -> Iterator[_Breach]:
    """What is wrong with the keys and values of a product."""
    for key in table:
        if key not in _KEYS:
            yield _Breach(key, None, key, f"unknown key: a product has {', '.join(_KEYS)}")
    for key, (kind, rule, parse) in _KEYS.items():
        if key not in table:
            yield _Breach(key, key, None, f"missing: write {rule}")
        elif not isinstance(table[key], kind):
            yield _Breach(key, key, str(table[key]), f"write {rule}")
        else:
            try:
                parse(table[key])
            except ValueError as error:
                yield _Breach(key, key, str(table[key]), str(error))
    if isinstance(table.get("tiers"), list):
        yield from _tier_breaches(table["tiers"], table.get("direction"))


def _tier_breaches(tiers: Sequence[object], direction: object) -> Iterator[_Breach]:
    """What is wrong with single tiers, or, if nothing is, with their order."""
    breaches = [
        _Breach("tiers", f"tiers[{number}]", str(tier), reason)
        for number, tier in enumerate(tiers, 1)
        for reason in _tier_reasons(tier)
    ]
    yield from breaches
    if breaches or direction not in [each.name.lower() for each in Direction]:
        return
    ordered = _by_severity((Tier(*tier) for tier in tiers), _direction(str(direction)))  # type: ignore[misc]
    for milder, severer in pairwise(ordered):
        if severer.threshold == milder.threshold:
            reason = "two tiers of one threshold: keep one"
        elif severer.share <= milder.share:
            reason = f"severer than {list(milder)}, so its share must be larger"
        else:
            continue
        yield _Breach("tiers", f"tiers[{tiers.index(list(severer)) + 1}]", str(list(severer)), reason)


def _tier_reasons(tier: object) -> Iterator[str]:
    """What is wrong with one tier."""
    if not isinstance(tier, list) or [type(part) for part in tier] != [int, int]:
        yield "write [threshold, basis points], two integers"
        return
    threshold, share = tier
    if threshold not in I128:
        yield f"threshold {_I128_RULE}"
    if not 1 <= share <= WHOLE:
        yield f"basis points out of range: from 1 to {WHOLE}"


def _by_severity(tiers: Iterable[Tier], direction: Direction) -> list[Tier]:
    """`tiers` from the mildest to the severest."""
    return sorted(tiers, reverse=direction is Direction.AT_MOST)
