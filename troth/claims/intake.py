"""The user's three files, read once and checked whole: product, book of policies, observations.

Each reader returns plain values, or raises BadInput with every problem of the file and its place, so nothing
goes on half-read. Files are UTF-8, with or without a byte order mark, with any of the usual line ends.

    product       TOML   name, metric, direction, tiers (a list of [threshold, basis points]);
                         [requires] of payees: verification, consent (purpose, recipient, category)
    book          CSV    policy_ref,risk,payee,sum_insured,premium    amounts in currency
    observations  CSV    risk,value                                   a signed integer in the metric's unit

CSV is as troth.intake reads it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from functools import lru_cache, partial
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from troth.addresses import parse_address
from troth.claims.keys import risk_to_bytes32
from troth.consent.terms import ALL, category_iri, purpose_iri, recipient_iri
from troth.errors import BadInput, Problem
from troth.identity.verifications import Level
from troth.intake import SAVE_AS_TEXT, TEXT_LENGTH, Parsers, read_table, short_text, unreadable
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
    "Requires",
    "Tier",
    "read_book",
    "read_observations",
    "read_product",
]

MAX_TIERS = 16
WHOLE = 10_000  # basis points
I128 = range(-(2**127), 2**127)
_I128_RULE = "out of range: from -2**127 to 2**127 - 1"


class Direction(IntEnum):
    """Which way the metric gets worse. Values as in the contracts."""

    AT_LEAST = 0
    AT_MOST = 1


class Tier(NamedTuple):
    """From `threshold` on, in the product's direction, `share` basis points of the sum insured are due."""

    threshold: int
    share: int


class Requires(NamedTuple):
    """What a product asks of whoever it pays, beyond being insured."""

    verification: Level | None = None
    """The least level on which the payee is verified."""
    consent: tuple[str, str, str] | None = None
    """What the payee allows: the IRIs of a purpose, a recipient and a category of data."""


class ProductFile(NamedTuple):
    """A product as written: `metric` zero-padded to 32 bytes, `tiers` from the mildest to the severest."""

    name: str
    metric: bytes
    direction: Direction
    tiers: tuple[Tier, ...]
    requires: Requires = Requires()


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
        "policy_ref": short_text,
        "risk": lru_cache(maxsize=None)(risk_to_bytes32),  # and their risks: one object each spares memory
        "payee": parse_address,
        "sum_insured": partial(_more_than_nothing, amount),
        "premium": amount,
    }
    problems: list[Problem] = []
    rows = read_table(path, parsers, PolicyRow, problems)
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
    rows = read_table(path, {"risk": risk_to_bytes32, "value": _integer}, ObservationRow, problems)
    if problems:
        raise BadInput(problems)
    return rows


def read_product(path: Path) -> ProductFile:
    """The product in the file at `path`. Raises BadInput."""
    text = _toml_text(path)
    table = _toml_table(path, text)
    problems = [
        Problem(str(path), _line_of(key, text) or _line_of("requires", text), column, value, reason)
        for key, column, value, reason in (*_product_breaches(table), *_requires_breaches(table))
    ]
    if problems:
        raise BadInput(problems)
    direction = _direction(table["direction"])
    tiers = _by_severity((Tier(*tier) for tier in table["tiers"]), direction)
    requires = _requires(table.get("requires", {}))
    return ProductFile(table["name"], risk_to_bytes32(table["metric"]), direction, tuple(tiers), requires)


# The rules of single values, beside those of amounts, addresses and risks: text in, value out, or ValueError.


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


def _level(text: str) -> Level:
    """The level of verification `text` names."""
    for level in Level:
        if text == level.text:
            return level
    raise ValueError('write "low", "substantial" or "high"')


def _named(iri_of: Callable[[str], str], text: str) -> str:
    """The IRI of a term, which is not all of them: nobody's narrower denials would count."""
    if text == ALL:
        raise ValueError("a product names what it needs: write one term")
    return iri_of(text)


def _tier_count(tiers: list[object]) -> None:
    """Nothing, if the number of tiers is right."""
    if not 1 <= len(tiers) <= MAX_TIERS:
        raise ValueError(f"{len(tiers)} tiers: write 1 to {MAX_TIERS}")


# TOML

# Of each key: the type of its value, what to write, and its rule.
_KEYS: Mapping[str, tuple[type, str, Callable[[Any], object]]] = {
    "name": (str, f"text of at most {TEXT_LENGTH} characters", short_text),
    "metric": (str, "text of at most 32 bytes", risk_to_bytes32),
    "direction": (str, '"at_least" or "at_most"', _direction),
    "tiers": (list, "a list of [threshold, basis points]", _tier_count),
}
_REQUIRED = ("verification", "consent")
_TERMS: Mapping[str, Callable[[str], str]] = {
    "purpose": partial(_named, purpose_iri),
    "recipient": partial(_named, recipient_iri),
    "category": partial(_named, category_iri),
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
        raise BadInput([unreadable(path, error)]) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = f"0x{error.object[error.start]:02x}"
        raise BadInput([Problem(str(path), line, None, byte, SAVE_AS_TEXT)]) from None
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
        if key not in (*_KEYS, "requires"):
            known = ", ".join(_KEYS)
            yield _Breach(key, None, key, f"unknown key: a product has {known}, and may have [requires]")
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


def _requires_breaches(table: Mapping[str, Any]) -> Iterator[_Breach]:
    """What is wrong with what a product requires of payees."""
    if "requires" not in table:
        return
    requires = table["requires"]
    if not isinstance(requires, dict) or not requires:
        rule = "write verification, consent or both under [requires], or leave it out"
        yield _Breach("requires", "requires", None if requires == {} else str(requires), rule)
        return
    for key in requires:
        if key not in _REQUIRED:
            yield _Breach(key, "requires", key, f"unknown key: [requires] has {', '.join(_REQUIRED)}")
    if "verification" in requires:
        yield from _text_breaches("verification", "requires.verification", requires["verification"], _level)
    if "consent" in requires:
        yield from _consent_breaches(requires["consent"])


def _consent_breaches(consent: object) -> Iterator[_Breach]:
    """What is wrong with the consent that a product requires."""
    if not isinstance(consent, dict):
        rule = f"write a table of {', '.join(_TERMS)}"
        yield _Breach("consent", "requires.consent", str(consent), rule)
        return
    known = ", ".join(_TERMS)
    for key in consent:
        if key not in _TERMS:
            yield _Breach("consent", "requires.consent", key, f"unknown key: a consent has {known}")
    for key, parse in _TERMS.items():
        column = f"requires.consent.{key}"
        if key not in consent:
            yield _Breach("consent", column, None, f"missing: write a {key}")
        else:
            yield from _text_breaches("consent", column, consent[key], parse)


def _text_breaches(key: str, column: str, value: object, parse: Callable[[str], object]) -> Iterator[_Breach]:
    """What is wrong with a value that must be text."""
    try:
        if not isinstance(value, str):
            raise ValueError("write text, in quotes")
        parse(value)
    except ValueError as error:
        yield _Breach(key, column, str(value), str(error))


def _requires(table: Mapping[str, Any]) -> Requires:
    """What a table without breaches requires."""
    level = _level(table["verification"]) if "verification" in table else None
    if "consent" not in table:
        return Requires(level)
    purpose, recipient, category = (parse(table["consent"][key]) for key, parse in _TERMS.items())
    return Requires(level, (purpose, recipient, category))


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
