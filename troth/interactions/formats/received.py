"""What every reader of interactions hands on: a record as it was received, or why it was refused.

Limits are the record's, not the file's: a file may be of any length, a record of 16 MiB.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from troth.errors import SHOWN_CHARACTERS, Problem
from troth.identity.subjects import parse_reference, parse_subject
from troth.intake import parse_moment
from troth.interactions.records import Kind, flatten

__all__ = [
    "LONGEST_RECORD",
    "TOO_DEEP",
    "Received",
    "Refused",
    "flattened",
    "parse_customer",
    "parse_second",
    "parse_source",
    "too_long",
]

LONGEST_RECORD = 1 << 24
"""Bytes."""

TOO_DEEP = "nested too deeply"

_LONGEST_SOURCE = 200  # characters
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d):([0-5]\d|60)(?:\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_INDEX = re.compile(r"#[0-9]+")
# Text in its place may be personal, and so may digits: a telephone number has no date at its beginning.
_LIKE_A_TIME = re.compile(r"(?:(?:\d{4}-\d\d-\d\d|\d{8}[Tt])[0-9TZtz:+. -]*)?", re.ASCII)
_LAST_SECOND = int(parse_moment("9998-12-31T23:59:59Z").timestamp())


@dataclass(frozen=True, slots=True)
class Received:
    """A record of an interaction, as received. `repr` shows nothing of it."""

    source: str = field(repr=False)
    """What its source calls it: `id`, `uuid` or `uniqueid`."""
    customer: str | None = field(repr=False)
    """The insurer's reference for the person, or a subject's 0x id; None for an anonymous caller."""
    start: int
    """UTC seconds."""
    kind: Kind
    raw: bytes = field(repr=False)
    fields: dict[str, str] = field(repr=False)
    """Texts by name, as they go into the record's field tree."""
    file: str
    line: int | None
    end: int
    """Bytes of the file read so far."""


class Refused(ValueError):  # noqa: N818  (as the errors of `troth.errors`)
    """A record that breaks `rule`, at `column` (a member's or column's) with `value`, if they can be told.

    `line` counts from 1 within the record. What says who the customer is, is never given as a value.
    """

    def __init__(self, rule: str, column: str | None = None, value: str | None = None, line: int = 1) -> None:
        super().__init__(rule)
        self.rule, self.column, self.line = rule, column, line
        self.value = value if value is None else value[: SHOWN_CHARACTERS + 1]  # the one more shows the cut

    def problem(self, file: str, line: int | None) -> Problem:
        """The same, with its place: the record begins on `line` of `file`."""
        at = None if line is None else line + self.line - 1
        return Problem(file, at, self.column, self.value, self.rule)


def too_long() -> Refused:
    """A record beyond the limit."""
    return Refused(f"longer than {LONGEST_RECORD} bytes, the most a record may have")


def parse_source(found: Any, column: str) -> str:
    """The source id in a string or an integer. Raises Refused."""
    if type(found) is int:
        return str(found)
    if type(found) is not str:
        raise Refused("not a string or an integer", column, _shown(found))
    if not 1 <= len(found) <= _LONGEST_SOURCE:
        raise Refused(f"{len(found)} characters: write 1 to {_LONGEST_SOURCE}", column, found)
    if not found.isprintable():
        raise Refused("holds a character that does not print: remove it", column, found)
    if _INDEX.fullmatch(found):  # records are asked for by either, and #0 means the first
        raise Refused("an id may not look like #INDEX", column, found)
    return found


def parse_customer(found: Any, column: str) -> str:
    """A subject's 0x id or a customer reference, which no problem shows. Raises Refused."""
    if type(found) is not str:
        raise Refused("not a string", column)
    try:
        return found if parse_subject(found) else parse_reference(found)
    except ValueError as error:
        raise Refused(str(error), column) from None


def parse_second(found: Any, column: str) -> int:
    """UTC seconds in an RFC 3339 time with its offset, without its fraction, or in an integer.

    Raises Refused, with the value only where it looks like a time.
    """
    if type(found) is int:
        second = found
    elif type(found) is str and (match := _RFC3339.fullmatch(found)):
        try:
            second = _minute(match[1], match[2], match[4]) + int(match[3])
        except ValueError as error:
            raise Refused(str(error), column, found) from None
    else:
        rule = "not a time: write it as 2027-01-31T00:00:00Z, or as an integer of UTC seconds"
        is_text = type(found) is str and not _LIKE_A_TIME.fullmatch(found)
        raise Refused(rule, column, None if is_text else _shown(found))
    if not 0 <= second <= _LAST_SECOND:
        rule = "out of range: from 1970 to 9998, in seconds"
        raise Refused(rule, column, found if type(found) is str else None)  # digits may be personal
    return second


def flattened(document: Mapping[str, Any]) -> dict[str, str]:
    """The texts of a document's fields, by name. Raises Refused."""
    try:
        return flatten(document)
    except ValueError as error:
        raise Refused(str(error)) from None
    except RecursionError:
        raise Refused(TOO_DEEP) from None


@lru_cache(maxsize=4096)
def _minute(day: str, minute: str, offset: str) -> int:
    """UTC seconds at which a minute begins. Raises ValueError."""
    return int(parse_moment(f"{day}T{minute}:00{offset}").timestamp())


def _shown(found: Any) -> str:
    """A member's value for a problem: itself, or what it is where it may be large, deep or personal."""
    if isinstance(found, str):
        return found
    if isinstance(found, dict | list):
        return "an object" if isinstance(found, dict) else "an array"
    return "a number" if isinstance(found, float) else json.dumps(found)
