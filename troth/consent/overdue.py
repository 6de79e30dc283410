"""Denials that recipients have yet to act on, and how long they still have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy import Connection

from troth.consent.decisions import DENIALS, GRANTS, Method, Scope, State, key_of
from troth.consent.status import references_at_hand
from troth.consent.terms import short_name
from troth.consent.timeline import standing, state_of
from troth.office import Office
from troth.store.decisions import DecisionRow, HonourRow, every_decision, every_honour
from troth.store.terms import names_of

__all__ = ["Outstanding", "days_left", "due_on", "overdue"]

_DAYS_A_WEEK, _BUSINESS_DAYS = 7, 5


@dataclass(frozen=True)
class Outstanding:
    """A denial that not every recipient concerned has honoured."""

    subject: bytes
    ref: str | None = field(repr=False)
    """The insurer's own customer reference, where it is known here."""
    purpose: str
    recipient: str
    category: str
    decision: str
    """Key and number, as 0xKEY#NUMBER: of the first denial since the last grant, which began the clock."""
    state: str
    requested: datetime
    """When the denial took effect."""
    channel: str
    """How the subject said it."""
    missing: list[str]
    """Recipients who have yet to honour it; "*" where none is known by name."""
    honoured: list[str]
    """Those who have."""
    due: date
    """The last business day of its clock, in UTC."""
    days_left: int
    """Business days from today to there; below zero once that day has passed."""


class _Found(NamedTuple):
    """A denial outstanding, its recipients by number."""

    denial: DecisionRow
    missing: set[int]
    honoured: set[int]


def overdue(office: Office) -> list[Outstanding]:
    """Every denial not yet honoured by each recipient concerned, the most urgent first.

    That is the recipient it names; if it names all, each who was ever granted anything that it covers. A
    denial counts until its consent is granted again or its own time is over. The clock runs for
    TROTH_WITHDRAWAL_DAYS business days, Monday to Friday. Raises what reading the chain raises.
    """
    office.sync()
    now = office.now()
    with office.store.reading() as connection:
        found = list(_outstanding(connection, int(now.timestamp())))
        terms = {term for one in found for term in (*one.denial.terms, *one.missing, *one.honoured)}
        names = {number: short_name(iri) for number, iri in names_of(connection, terms).items()}
    refs = references_at_hand(office, {one.denial.subject for one in found})
    days, today = office.settings.withdrawal_days, now.date()
    shown = [_shown(one, names, refs.get(one.denial.subject), days, today) for one in found]
    return sorted(shown, key=attrgetter("days_left", "requested", "decision"))


def due_on(requested: date, days: int) -> date:
    """The day that is `days` business days after `requested`."""
    weeks, rest = divmod(_business_days(requested) + days - 1, _BUSINESS_DAYS)
    return date.fromordinal(weeks * _DAYS_A_WEEK + rest + 1)


def days_left(due: date, today: date) -> int:
    """The business days after `today` up to `due`; below zero if those after `due` up to `today`."""
    return _business_days(due) - _business_days(today)


def _business_days(until: date) -> int:
    """Mondays to Fridays from 1 January 0001, a Monday, to `until`."""
    weeks, rest = divmod(until.toordinal(), _DAYS_A_WEEK)
    return weeks * _BUSINESS_DAYS + min(rest, _BUSINESS_DAYS)


def _outstanding(connection: Connection, now: int) -> Iterator[_Found]:
    """The denials outstanding, subject after subject."""
    acts = groupby(every_honour(connection), attrgetter("subject"))
    subject, honours = next(acts, (None, iter(())))
    for who, rows in groupby(every_decision(connection, of_deniers=True), attrgetter("subject")):
        while subject is not None and subject < who:
            subject, honours = next(acts, (None, iter(())))
        yield from _of_subject(list(rows), list(honours) if subject == who else [], now)


def _of_subject(rows: Sequence[DecisionRow], honours: Iterable[HonourRow], now: int) -> Iterator[_Found]:
    """The denials outstanding of one subject."""
    acts: Mapping[tuple[bytes, int], set[int]] = defaultdict(set)
    for act in honours:
        acts[act.decision_key, act.number].add(act.honoured_by)
    for scope, lines in groupby(rows, _scope):
        decisions = list(lines)
        if not (denials := _denials(decisions, now)):
            continue
        key = key_of(rows[0].subject, scope)
        numbers = _with_corrected(denials, decisions)
        honoured = set().union(*(acts[key, number] for number in numbers if (key, number) in acts))
        if missing := _missing(_concerned(scope, rows), honoured):
            yield _Found(denials[0], missing, honoured)


def _denials(decisions: Iterable[DecisionRow], now: int) -> list[DecisionRow]:
    """The denials on a key since it was last granted, in order of effect, that still hold."""
    found: list[DecisionRow] = []
    in_effect = (one for one in standing(decisions, now) if one.effective <= now)
    for one in sorted(in_effect, key=attrgetter("effective", "number")):
        if one.state in GRANTS:
            found.clear()
        elif state_of(one, now, now) in DENIALS:
            found.append(one)
    return found


def _with_corrected(denials: Iterable[DecisionRow], decisions: Iterable[DecisionRow]) -> set[int]:
    """The numbers of denials, and of what they stand for: whoever honoured the one honours the other."""
    stands_for = {one.number: one.corrects for one in decisions}
    found = set()
    for denial in denials:
        number = denial.number
        while number:
            found.add(number)
            number = stands_for.get(number, 0)
    return found


def _concerned(scope: Scope, rows: Iterable[DecisionRow]) -> set[int]:
    """The recipients that a denial is meant for; 0 where none is known by name."""
    if scope.recipient:
        return {scope.recipient}
    return {
        row.recipient
        for row in rows
        if row.recipient
        and row.state in GRANTS
        and _meet(row.purpose, scope.purpose)
        and _meet(row.category, scope.category)
    } or {0}


def _missing(concerned: set[int], honoured: set[int]) -> set[int]:
    """Who of those concerned is left, if 0 among those who honoured stands for all of them."""
    if 0 in honoured or (honoured and concerned == {0}):
        return set()
    return concerned - honoured


def _meet(one: int, other: int) -> bool:
    """Whether two terms have anything in common."""
    return one == other or 0 in (one, other)


def _scope(row: DecisionRow) -> Scope:
    """The scope a decision was made on."""
    return Scope(row.purpose, row.recipient, row.category)


def _shown(found: _Found, names: Mapping[int, str], ref: str | None, days: int, today: date) -> Outstanding:
    """What was found, in words."""
    denial = found.denial
    requested = datetime.fromtimestamp(denial.effective, timezone.utc)
    due = due_on(requested.date(), days)
    return Outstanding(
        subject=denial.subject,
        ref=ref,
        purpose=names[denial.purpose],
        recipient=names[denial.recipient],
        category=names[denial.category],
        decision=f"0x{key_of(denial.subject, _scope(denial)).hex()}#{denial.number}",
        state=State(denial.state).text,
        requested=requested,
        channel=Method(denial.method).text,
        missing=sorted(names[term] for term in found.missing),
        honoured=sorted(names[term] for term in found.honoured),
        due=due,
        days_left=days_left(due, today),
    )
