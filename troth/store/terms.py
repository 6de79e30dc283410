"""Terms and their numbers, as the chain's index holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select

from troth.store import schema

__all__ = ["names_of", "numbers"]

_CHUNK = 500  # values in one statement; SQLite takes 999 at least
_NAMES = 16  # more than a decision has terms


def numbers(connection: Connection, wanted: Iterable[str]) -> dict[str, int]:
    """The numbers of those IRIs that the index knows."""
    terms = schema.terms
    found: dict[str, int] = {}
    for some in _chunks(wanted):
        rows = connection.execute(select(terms.c.iri, terms.c.term).where(terms.c.iri.in_(some)))
        found.update((iri, number) for iri, number in rows)
    return found


def names_of(connection: Connection, wanted: Iterable[int]) -> dict[int, str]:
    """The IRIs of those numbers that the index knows; "*" for 0, asked for or not."""
    rest, found = sorted(set(wanted) - {0}), {0: "*"}
    for first in range(0, len(rest), _NAMES):
        some = rest[first : first + _NAMES]
        values = {f"n{place}": some[min(place, len(some) - 1)] for place in range(_NAMES)}
        found.update((number, iri) for number, iri in connection.execute(_names(), values))
    return found


@cache
def _names() -> Select[Any]:
    """The query of `names_of`. Its places are fixed: a list as long as it must be is compiled each time."""
    terms = schema.terms
    return select(terms.c.term, terms.c.iri).where(
        terms.c.term.in_([bindparam(f"n{place}") for place in range(_NAMES)])
    )


def _chunks(values: Iterable[str]) -> Iterator[list[str]]:
    """The values, each once, as many at a time as one statement takes."""
    rest = iter(set(values))
    while some := list(islice(rest, _CHUNK)):
        yield some
