"""Who answers for the data, and what only they can say: a file that completes consent records.

The chain says who decided what, and when. It does not say who the controller is, where data is kept and for
how long, or how to withdraw, which ISO/IEC TS 27560 wants in every record. This does:

name               of the controller, as the law knows it
address            postal
contact            an e-mail address, a telephone number or an IRI
language           of the notices, as BCP 47 has it: de, en-US
storage_locations  list of jurisdictions, as DE
retention_period   ISO 8601, as P5Y
withdrawal         IRI of where consent is withdrawn
jurisdiction       optional: for decisions that name none
rights             optional: IRI of where rights are exercised
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from troth.consent.terms import check_iri, jurisdiction_iri
from troth.errors import BadInput, Problem
from troth.intake import SAVE_AS_TEXT, unreadable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]  # installed only where needed

__all__ = ["Controller", "read_controller"]

_LONGEST = 500
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_DURATION = re.compile(r"P(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?")


@dataclass(frozen=True)
class Controller:
    """What the controller says of themselves and of their processing."""

    name: str
    address: str
    contact: str
    language: str
    storage_locations: tuple[str, ...]
    """IRIs."""
    retention_period: str
    """ISO 8601."""
    withdrawal: str
    jurisdiction: str | None = None
    """IRI, for decisions that name none."""
    rights: str | None = None


def read_controller(path: Path) -> Controller:
    """The controller in the TOML file at `path`. Raises BadInput."""
    table = _table(path)
    values: dict[str, Any] = {}
    problems = []
    for key, shown, outcome in _parsed(table):
        if isinstance(outcome, ValueError):
            problems.append(Problem(str(path), None, key, shown, str(outcome)))
        else:
            values[key] = outcome
    if problems:
        raise BadInput(problems)
    return Controller(**values)


def _table(path: Path) -> Mapping[str, Any]:
    """What the file holds."""
    try:
        table: dict[str, Any] = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise BadInput([unreadable(path, error)]) from None
    except UnicodeDecodeError:
        raise BadInput([Problem(str(path), None, None, None, SAVE_AS_TEXT)]) from None
    except (ValueError, RecursionError) as error:
        raise BadInput([Problem(str(path), None, None, None, f"not TOML: {error}")]) from None
    return table


def _parsed(table: Mapping[str, Any]) -> Iterator[tuple[str, str | None, Any]]:
    """Key, value as written, and value as read or why it cannot be."""
    for key in table:
        if key not in _KEYS:
            yield key, None, ValueError(f"unknown key: a controller has {', '.join(_KEYS)}")
    for key, parse in _KEYS.items():
        if key in table:
            try:
                yield key, None, parse(table[key])
            except ValueError as error:
                yield key, str(table[key]), error
        elif key not in _OPTIONAL:
            yield key, None, ValueError("missing")


def _text(value: Any) -> str:
    """Text that is there and has nothing in it that does not show."""
    if not isinstance(value, str):
        raise ValueError("not text: put it in quotes")
    if not value.isprintable():
        raise ValueError("holds line breaks or control characters: write it on one line")
    if not value.strip() or len(value) > _LONGEST:
        raise ValueError(f"write 1 to {_LONGEST} characters")
    return value


def _matching(pattern: re.Pattern[str], rule: str) -> Callable[[Any], str]:
    """A reader of text of one shape."""

    def read(value: Any) -> str:
        if not pattern.fullmatch(text := _text(value)):
            raise ValueError(rule)
        return text

    return read


def _locations(value: Any) -> tuple[str, ...]:
    """At least one jurisdiction."""
    if not isinstance(value, list) or not value:
        raise ValueError('not a list: write it as ["DE", "IE"]')
    return tuple(jurisdiction_iri(_text(one)) for one in value)


_KEYS: dict[str, Callable[[Any], Any]] = {
    "name": _text,
    "address": _text,
    "contact": _text,
    "language": _matching(_LANGUAGE, "no language tag: write it as de or en-US"),
    "storage_locations": _locations,
    "retention_period": _matching(_DURATION, "no duration: write it as P5Y, P30M or P10D"),
    "withdrawal": lambda value: check_iri(_text(value)),
    "jurisdiction": lambda value: jurisdiction_iri(_text(value)),
    "rights": lambda value: check_iri(_text(value)),
}
_OPTIONAL = {"jurisdiction", "rights"}
