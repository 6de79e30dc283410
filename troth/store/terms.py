"""Terms and their numbers, as the chain's index holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection, select

from troth.store import schema

__all__ = ["iris", "numbers"]

_CHUNK = 500  # values in one statement; SQLite takes 999 at least

Value = TypeVar("Value", int, str)


def numbers(connection: Connection, wanted: Iterable[str]) -> dict[str, int]:
    """The numbers of those IRIs that the index knows."""
    terms = schema.terms
    found: dict[str, int] = {}
    for some in _chunks(wanted):
        rows = connection.execute(select(terms.c.iri, terms.c.term).where(terms.c.iri.in_(some)))
        found.update((iri, number) for iri, number in rows)
    return found


def iris(connection: Connection, wanted: Iterable[int]) -> dict[int, str]:
    """The IRIs of those numbers that the index knows; of 0 there is none."""
    terms = schema.terms
    found: dict[int, str] = {}
    for some in _chunks(wanted):
        rows = connection.execute(select(terms.c.term, terms.c.iri).where(terms.c.term.in_(some)))
        found.update((number, iri) for number, iri in rows)
    return found


def _chunks(values: Iterable[Value]) -> Iterator[list[Value]]:
    """The values, each once, as many at a time as one statement takes."""
    rest = iter(set(values))
    while some := list(islice(rest, _CHUNK)):
        yield some
