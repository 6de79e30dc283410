"""The switch's own counters beside what was accepted: a contact that never arrived shows, and one too many.

A contact is counted by the day, in UTC, on which it started. Amendments are of contacts counted already, and
erasures are none: both are left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timezone
from pathlib import Path

from troth.errors import BadInput, Problem
from troth.intake import read_table
from troth.interactions import batches, streams
from troth.office import Office
from troth.store import batches as table

__all__ = ["DayCount", "Reconciled", "read_counts", "reconcile"]

_DAY = 86_400
_BEGINNING = date(1970, 1, 1)
_MOST = (1 << 48) - 1
"""What the contract takes for a count."""


@dataclass(frozen=True)
class DayCount:
    """One day's contacts."""

    day: date
    declared: int
    """By the switch; 0 for a day that its file leaves out."""
    accepted: int
    anchored: int
    """Of those accepted."""
    missing: int
    """More declared than accepted."""
    surplus: int
    """More accepted than declared."""


@dataclass(frozen=True)
class Reconciled:
    """What a switch's counters come to."""

    stream: str
    days: tuple[DayCount, ...]
    """Those of the file, and any between them that have contacts, in order."""
    declared: int
    """Days of the file."""
    transactions: tuple[str, ...]
    """That put counts on record, in order."""

    @property
    def agrees(self) -> bool:
        """Whether every day's count is as declared."""
        return not any(one.missing or one.surplus for one in self.days)


def read_counts(path: Path) -> dict[date, int]:
    """The counts in a CSV file of columns day (as 2027-01-31) and count. Raises BadInput."""
    problems: list[Problem] = []
    parsers = {"day": _parse_day, "count": _parse_count}
    rows = read_table(path, parsers, lambda day, count: (day, count), problems)
    if problems:
        raise BadInput(problems)
    return dict(sorted(rows))


def reconcile(office: Office, stream: str, path: Path, *, declare: bool = False) -> Reconciled:
    """Compares the counts in a file with what was accepted of a stream, day by day.

    With `declare` the file's counts go on record on the chain, each unless it stands there already. Raises
    BadInput for an unknown stream and a bad file, and what `streams.declare_counts` raises.
    """
    declared = read_counts(path)
    found = streams.find(office, stream)
    first, last = _second(min(declared)), _second(max(declared)) + _DAY
    with office.store.reading() as connection:
        anchored = batches.standing(connection, found).anchored
        counted = {
            date.fromordinal(_BEGINNING.toordinal() + day): (accepted, of_them)
            for day, accepted, of_them in table.contacts_by_day(
                connection, found.number, first, last, anchored
            )
        }
    days = tuple(
        _compared(day, declared.get(day, 0), *counted.get(day, (0, 0)))
        for day in sorted(declared.keys() | counted.keys())
    )
    sent: list[str] = []
    if declare:
        periods = {(_second(day), _second(day) + _DAY): count for day, count in declared.items()}
        sent = streams.declare_counts(office, found, periods)
    return Reconciled(found.name, days, len(declared), tuple(sent))


def _compared(day: date, declared: int, accepted: int, anchored: int) -> DayCount:
    """A day's counts, one beside the other."""
    return DayCount(
        day, declared, accepted, anchored, max(0, declared - accepted), max(0, accepted - declared)
    )


def _second(day: date) -> int:
    """When a day begins, in UTC seconds."""
    return int(datetime(day.year, day.month, day.day, tzinfo=timezone.utc).timestamp())


def _parse_day(text: str) -> date:
    """A day from 1970 to 9998. Raises ValueError."""
    rule = "not a day: write it as 2027-01-31"
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError(rule)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(rule) from None
    if not 1970 <= day.year <= 9998:
        raise ValueError("out of range: from 1970 to 9998")
    return day


def _parse_count(text: str) -> int:
    """A whole number. Raises ValueError."""
    if not re.fullmatch(r"[0-9]{1,15}", text) or int(text) > _MOST:
        raise ValueError(f"not a count: write a whole number, {_MOST} at most")
    return int(text)
