"""Reports and their observations, as this insurer wrote them. A report is published when the chain's index
holds it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, and_, func, insert, select

from troth.store import schema
from troth.store.database import hold, insert_rows

__all__ = [
    "NewReport",
    "ObservationRow",
    "Report",
    "find_report",
    "list_reports",
    "observations_of",
    "save_report",
]

_FETCHED = 10_000
_DATA = ("metric", "root", "count", "period_start", "period_end", "replaces")


class ObservationRow(NamedTuple):
    """What a report says of a risk, in the metric's unit. `position` in order of (value, risk), from 0."""

    position: int
    risk: str
    value: int


@dataclass(frozen=True)
class NewReport:
    """What the oracles sign. `metric` and `root` are 32 bytes; the period is inclusive, in aware times;
    `replaces` is the id of the challenged report this one supersedes, 0 for none. The contract takes the
    same data once only.
    """

    metric: bytes
    root: bytes
    count: int
    period_start: datetime
    period_end: datetime
    replaces: int = 0


@dataclass(frozen=True, kw_only=True)
class Report(NewReport):
    """A report saved. `key` is this database's number for it; `report_id` the contract's, None until it is
    published.
    """

    key: int
    drafted_at: datetime
    report_id: int | None

    @property
    def is_published(self) -> bool:
        """Whether it is on-chain, as far as the index has read."""
        return self.report_id is not None


def save_report(
    connection: Connection,
    report: NewReport,
    observations: Iterable[ObservationRow],
    *,
    any_period: bool = False,
) -> Report:
    """Saves a report and returns it; if the same data were saved before, the first such, and `observations`
    is not looked at. With `any_period` they are the same whatever their period.

    Raises ValueError if the observations are not numbered from 0 in order or are not as many as the report
    says.
    """
    hold(connection, b"REPORTS")
    same = _data(report)
    if any_period:
        del same["period_start"], same["period_end"]
    if (saved := _first_with(connection, same)) is not None:
        return saved
    values = {**_data(report), "drafted_at": int(time.time())}
    key = connection.execute(insert(schema.reports).values(values)).inserted_primary_key
    assert key is not None  # noqa: S101  an insert of one row has one
    insert_rows(connection, schema.observations, _checked(key[0], report, observations))
    saved = find_report(connection, report)
    assert saved is not None  # noqa: S101  inserted above, in this transaction
    return saved


def find_report(connection: Connection, report: NewReport | int) -> Report | None:
    """The report with these data, or with this contract's id; None if it was not written here."""
    if not isinstance(report, int):
        return _first_with(connection, _data(report))
    row = connection.execute(_reports().where(_report_id == report)).first()
    return None if row is None else _report(row)


def list_reports(connection: Connection) -> list[Report]:
    """Every report saved, oldest first."""
    return [_report(row) for row in connection.execute(_reports().order_by(schema.reports.c.key))]


def observations_of(connection: Connection, report: Report) -> Iterator[ObservationRow]:
    """The observations of `report` in order of position, streamed."""
    table = schema.observations
    statement = select(*table.columns[1:]).where(table.c.report_key == report.key).order_by(table.c.position)
    for part in connection.execute(statement, execution_options={"yield_per": _FETCHED}).partitions():
        yield from map(ObservationRow._make, part)


_report_id = (
    select(func.min(schema.reports_published.c.report_id))
    .where(and_(*(schema.reports_published.c[name] == schema.reports.c[name] for name in _DATA)))
    .scalar_subquery()
)


def _reports() -> Select[Any]:
    """Every report with its contract's id."""
    return select(schema.reports, _report_id.label("report_id"))


def _first_with(connection: Connection, data: dict[str, Any]) -> Report | None:
    """The first report saved with these data."""
    same = (schema.reports.c[name] == value for name, value in data.items())
    row = connection.execute(_reports().where(*same).order_by(schema.reports.c.key)).first()
    return None if row is None else _report(row)


def _report(row: Row[Any]) -> Report:
    """The report in a row of `_reports`."""
    values = dict(row._mapping)
    for name in ("period_start", "period_end", "drafted_at"):
        values[name] = datetime.fromtimestamp(values[name], timezone.utc)
    return Report(**values)


def _data(report: NewReport) -> dict[str, object]:
    """The columns that name a report."""
    values: dict[str, object] = {name: getattr(report, name) for name in _DATA}
    for name in ("period_start", "period_end"):
        moment = getattr(report, name)
        if moment.tzinfo is None:
            raise ValueError(f"{name} {moment} has no time zone")
        values[name] = int(moment.timestamp())
    return values


def _checked(
    key: int, report: NewReport, observations: Iterable[ObservationRow]
) -> Iterator[tuple[Any, ...]]:
    """The observations as rows of their table; refuses at the end if they are too few or too many."""
    count = 0
    for observation in observations:
        if observation.position != count:
            raise ValueError(
                f"observation of {observation.risk} has position {observation.position}, not {count}"
            )
        count += 1
        yield (key, *observation)
    if count != report.count:
        raise ValueError(f"{count} observations, and the report says {report.count}")
