"""The register of who processes what, for which purpose, on which basis (GDPR, article 30)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import groupby
from operator import attrgetter

from troth.consent.decisions import DENIALS, GRANTS, Basis, Scope, State, wider_scopes
from troth.consent.terms import short_name
from troth.consent.timeline import in_force, state_of
from troth.office import Office
from troth.store.decisions import DecisionRow, every_decision
from troth.store.terms import names_of

__all__ = ["Processing", "register"]


@dataclass(frozen=True)
class Processing:
    """What is decided now of one purpose, recipient and category, on one basis."""

    purpose: str
    recipient: str
    category: str
    basis: str
    granted: int
    """Subjects with a grant in force."""
    overruled: int
    """Of them, those whose denial at a wider scope forbids it all the same."""
    denied: int
    """Subjects with a denial in force."""
    latest_expiry: datetime | None
    """Of the grants that expire at a time."""
    open_ended: int
    """Grants that expire at no time, or with an event."""
    jurisdictions: list[str]
    """Of the grants."""
    notices: list[str]
    """Under which they were given."""


@dataclass
class _Tally:
    """The same, being counted; terms by number."""

    granted: int = 0
    overruled: int = 0
    denied: int = 0
    latest_expiry: int = 0
    open_ended: int = 0
    jurisdictions: set[int] = field(default_factory=set)
    notices: set[int] = field(default_factory=set)

    def grant(self, row: DecisionRow, *, overruled: bool) -> None:
        """Counts a grant in force."""
        self.granted += 1
        self.overruled += overruled
        self.open_ended += not row.expires
        self.latest_expiry = max(self.latest_expiry, row.expires)
        if row.jurisdiction:
            self.jurisdictions.add(row.jurisdiction)
        if row.notice:
            self.notices.add(row.notice)


_Tallies = dict[tuple[Scope, int], _Tally]


def register(office: Office) -> list[Processing]:
    """What is in force now, of all subjects who are not erased, in order of purpose, recipient and category.

    Reads the decisions of one subject after another: what it holds in memory grows with the terms in use, not
    with the subjects. Raises what reading the chain raises.
    """
    office.sync()
    now = int(office.now().timestamp())
    tallies: _Tallies = {}
    with office.store.reading() as connection:
        for _, rows in groupby(every_decision(connection), attrgetter("subject")):
            _count(tallies, rows, now)
        terms = {term for scope, _ in tallies for term in scope}
        for tally in tallies.values():
            terms |= tally.jurisdictions | tally.notices
        names = {number: short_name(iri) for number, iri in names_of(connection, terms).items()}
    found = [
        Processing(
            purpose=names[scope.purpose],
            recipient=names[scope.recipient],
            category=names[scope.category],
            basis=Basis(basis).text,
            granted=tally.granted,
            overruled=tally.overruled,
            denied=tally.denied,
            latest_expiry=_time(tally.latest_expiry),
            open_ended=tally.open_ended,
            jurisdictions=sorted(names[term] for term in tally.jurisdictions),
            notices=sorted(names[term] for term in tally.notices),
        )
        for (scope, basis), tally in tallies.items()
    ]
    return sorted(found, key=attrgetter("purpose", "recipient", "category", "basis"))


def _count(tallies: _Tallies, rows: Iterable[DecisionRow], now: int) -> None:
    """Adds one subject's decisions."""
    settled: dict[Scope, tuple[DecisionRow, State]] = {}
    for scope, lines in groupby(rows, lambda row: Scope(row.purpose, row.recipient, row.category)):
        found = in_force(lines, now, now)
        if found is not None and not 0 < found.erased <= now:
            settled[scope] = found, state_of(found, now, now)
    denied = {scope for scope, (_, state) in settled.items() if state in DENIALS}
    for scope, (row, state) in settled.items():
        if state not in GRANTS | DENIALS:
            continue
        tally = tallies.setdefault((scope, row.basis), _Tally())
        if scope in denied:
            tally.denied += 1
        else:
            tally.grant(row, overruled=bool(denied) and not denied.isdisjoint(wider_scopes(scope)))


def _time(seconds: int) -> datetime | None:
    """A moment from Unix seconds; None for none."""
    return datetime.fromtimestamp(seconds, timezone.utc) if seconds else None
