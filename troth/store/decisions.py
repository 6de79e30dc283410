"""Decisions as the index holds them, each with what is known of the event it expires with."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    LargeBinary,
    Select,
    bindparam,
    func,
    literal_column,
    select,
)

from troth.store import schema
from troth.store.terms import names_of

__all__ = ["DecisionRow", "HonourRow", "OnRecord", "every_decision", "every_honour", "on_record"]

_AT_ONCE = 5_000


class DecisionRow(NamedTuple):
    """A decision on record. Terms by number, 0 for all or none; times UTC seconds."""

    block: int
    log: int
    tx: bytes
    subject: bytes
    purpose: int
    recipient: int
    category: int
    number: int
    """On its key, from 1."""
    state: int
    basis: int
    method: int
    effective: int
    recorded: int
    expires: int
    """0 for never, and for one that expires by event."""
    expiry_event: int
    notice: int
    jurisdiction: int
    corrects: int
    """The number of the decision it stands for, 0 for none."""
    recorder: bytes
    evidence: bytes
    happened: int
    """When the event it expires with took effect, 0 if there is none, or none yet."""
    heard: int
    """When that was recorded, likewise."""
    erased: int
    """When its subject was erased, 0 for never."""

    @property
    def terms(self) -> tuple[int, ...]:
        """Every term in it."""
        return (
            self.purpose,
            self.recipient,
            self.category,
            self.notice,
            self.jurisdiction,
            self.expiry_event,
        )


class OnRecord(NamedTuple):
    """What there is of a subject."""

    decisions: list[DecisionRow]
    names: dict[int, str]
    """The IRIs of the terms in them; "*" for 0."""
    erased: int
    """When the subject was erased, 0 for never."""


class HonourRow(NamedTuple):
    """That a recipient acts on a denial. Terms by number; times UTC seconds."""

    subject: bytes
    decision_key: bytes
    number: int
    honoured_by: int
    honoured_at: int
    evidence: bytes


def on_record(
    connection: Connection,
    subject: bytes,
    purpose: str | None = None,
    recipient: str | None = None,
    category: str | None = None,
) -> OnRecord:
    """The decisions of a subject whose scopes cover or meet the question, in order of scope and number.

    A place of the question is an IRI, which meets itself and `*`, or `*`, which meets only itself; None
    meets everything. One query where every place is given.
    """
    asked = {"purpose": purpose, "recipient": recipient, "category": category}
    given = {name: iri for name, iri in asked.items() if iri is not None}
    rows = connection.execute(_question(tuple(given)), {"subject": subject, **given}).all()
    erased = rows[0][_ERASED]
    if rows[0].number is None:  # nothing but the subject
        return OnRecord([], {0: "*"}, erased)
    decisions = sorted((DecisionRow._make(row[: _ERASED + 1]) for row in rows), key=_PLACE)
    if len(given) == len(asked):
        names: dict[int, str] = {}
        for row in rows:
            names.update(zip(row[_SCOPE], given.values(), strict=True))
            names.update(zip(row[_SIDES], row[_ERASED + 1 :], strict=True))
    else:
        names = names_of(connection, {term for row in decisions for term in row.terms})
    names[0] = "*"
    return OnRecord(decisions, names, erased)


def every_decision(connection: Connection, *, of_deniers: bool = False) -> Iterator[DecisionRow]:
    """All there are, or those of subjects who have denied anything, in order of subject, scope
    and number; a few thousand in memory at a time.
    """
    decisions = schema.decisions
    statement = select(*_fields()).select_from(_joined(decisions))
    if of_deniers:
        deniers = select(decisions.c.subject).where(decisions.c.state.in_(_DENIALS))
        statement = statement.where(decisions.c.subject.in_(deniers))
    statement = statement.order_by(*decisions.primary_key).execution_options(yield_per=_AT_ONCE)
    for rows in connection.execute(statement).partitions():
        yield from map(DecisionRow._make, rows)


def every_honour(connection: Connection, subject: bytes | None = None) -> Iterator[HonourRow]:
    """What recipients have honoured, of one subject or of all in their order, oldest first."""
    table = schema.honours
    statement = select(*(table.c[name] for name in HonourRow._fields))
    statement = statement.order_by(table.c.subject, table.c.block, table.c.log)
    if subject is not None:
        statement = statement.where(table.c.subject == subject)
    for rows in connection.execute(statement.execution_options(yield_per=_AT_ONCE)).partitions():
        yield from map(HonourRow._make, rows)


_PURPOSE = DecisionRow._fields.index("purpose")
_SCOPE = slice(_PURPOSE, _PURPOSE + 3)
_SIDES = slice(DecisionRow._fields.index("expiry_event"), DecisionRow._fields.index("corrects"))
_PLACE = itemgetter(*range(_PURPOSE, DecisionRow._fields.index("number") + 1))
_ERASED = DecisionRow._fields.index("erased")
_ZERO: ColumnElement[int] = literal_column("0", Integer)  # in the text: each value to bind costs time
_DENIALS = (4, 5, 6)  # refused, withdrawn, revoked


@cache
def _question(given: tuple[str, ...]) -> Select[Any]:
    """The query of `on_record` with those places given: a row for each decision, or one without any.

    Each is a statement of its own, so that it seeks no wider than it must. A whole question meets few
    decisions: it joins the names of what stands beside their scopes, and spares a second query.
    """
    terms, decisions = schema.terms, schema.decisions
    asked = select(bindparam("subject", type_=LargeBinary).label("subject")).subquery("asked")
    meets = decisions.c.subject == asked.c.subject
    for name in given:
        number = select(terms.c.term).where(terms.c.iri == bindparam(name)).scalar_subquery()
        # Plus zero, so that no index is asked for it: a sweep through one subject's decisions, which lie
        # side by side, is over sooner than eight searches.
        meets &= (decisions.c[name] + _ZERO).in_([_ZERO, number])
    joined = _joined(asked.outerjoin(decisions, meets), asked.c.subject)
    columns = _fields()
    if len(given) == len(("purpose", "recipient", "category")):
        for name in DecisionRow._fields[_SIDES]:
            side = terms.alias(name)
            joined = joined.outerjoin(side, side.c.term == decisions.c[name])
            columns.append(side.c.iri)
    return select(*columns).select_from(joined)  # to be sorted later: here it would take as long as the rest


def _joined(source: FromClause, subject: Any = schema.decisions.c.subject) -> Any:
    """Decisions with what happened to their events, and their subject's erasure."""
    happenings, erasures = schema.happenings, schema.erasures
    heard = source.join(happenings, happenings.c.term == schema.decisions.c.expiry_event, isouter=True)
    return heard.join(erasures, erasures.c.subject == subject, isouter=True)


def _fields() -> list[Any]:
    """The columns of DecisionRow, of what `_joined` gives."""
    more = (schema.happenings.c.effective, schema.happenings.c.recorded, schema.erasures.c.erased_at)
    own = DecisionRow._fields[: -len(more)]
    return [*(schema.decisions.c[name] for name in own), *(func.coalesce(column, _ZERO) for column in more)]
