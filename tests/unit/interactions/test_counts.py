"""The switch's counters beside what was accepted: by day, missing and surplus, declared once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from support import Suite
from support.anchoring import accept, draft
from support.defaults import DAY, START
from support.streams import declared

from troth.errors import BadInput
from troth.interactions import batches, counts, streams
from troth.interactions.counts import DayCount
from troth.office import Office

FIRST, SECOND, THIRD, FOURTH = (date(2025, 12, day) for day in (1, 2, 3, 4))
NOON = START - 31 * DAY + DAY // 2
"""Of the first of them."""


@pytest.fixture
def calls(office: Office) -> Office:
    """An office with a stream, on which 5, 3, 0 and 2 contacts started, the first four of them anchored."""
    object.__setattr__(office, "settings", replace(office.settings, batch_records=4))
    streams.create(office, "calls")
    accept(office.store, 1, 5, start=NOON)
    accept(office.store, 1, 1, start=NOON + DAY // 2)  # midnight: it is the next day
    accept(office.store, 1, 2, start=NOON + DAY + DAY // 2 - 1)
    accept(office.store, 1, 2, start=NOON + 3 * DAY)
    batches.close(office.store, 1, count=4, age=10**10, everything=False)
    batches.anchor(office, due_only=True)
    return office


def table(tmp_path: Path, *lines: str, header: str = "day,count") -> Path:
    """A file of counts."""
    path = tmp_path / "counts.csv"
    path.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    return path


def test_days_that_agree(calls: Office, tmp_path: Path) -> None:
    """Each with how many of its contacts are anchored."""
    found = counts.reconcile(calls, "calls", table(tmp_path, "2025-12-01,5", "2025-12-02,3"))
    assert found.stream == "calls"
    assert found.days == (DayCount(FIRST, 5, 5, 5, 0, 0), DayCount(SECOND, 3, 3, 3, 0, 0))
    assert found.agrees
    assert found.transactions == ()


def test_days_that_differ(calls: Office, tmp_path: Path) -> None:
    """One more than accepted is missing, one less is surplus; in order of day."""
    found = counts.reconcile(calls, "calls", table(tmp_path, "2025-12-02,2", "2025-12-01,7"))
    assert found.days == (DayCount(FIRST, 7, 5, 5, 2, 0), DayCount(SECOND, 2, 3, 3, 0, 1))
    assert not found.agrees


@pytest.mark.parametrize("line", ["2025-12-01,4", "2025-12-01,6"])
def test_one_too_many_or_too_few_is_enough(calls: Office, tmp_path: Path, line: str) -> None:
    """To differ."""
    assert not counts.reconcile(calls, "calls", table(tmp_path, line)).agrees


def test_anchored_are_those_in_anchored_batches(calls: Office, tmp_path: Path) -> None:
    """What was accepted since is not."""
    accept(calls.store, 1, 3, start=NOON)
    (day,) = counts.reconcile(calls, "calls", table(tmp_path, "2025-12-01,8")).days
    assert (day.accepted, day.anchored) == (8, 5)


def test_day_that_the_file_leaves_out_counts_as_none(calls: Office, tmp_path: Path) -> None:
    """Between its first and its last; what lies outside of them is not asked about."""
    found = counts.reconcile(calls, "calls", table(tmp_path, "2025-12-01,5", "2025-12-04,2"))
    assert [(one.day, one.declared, one.surplus) for one in found.days] == [
        (FIRST, 5, 0),
        (SECOND, 0, 3),
        (FOURTH, 2, 0),
    ]


def test_day_without_contacts_may_be_declared(calls: Office, tmp_path: Path) -> None:
    """With none, or with some that are missing then."""
    assert counts.reconcile(calls, "calls", table(tmp_path, "2025-12-03,0")).days == (
        DayCount(THIRD, 0, 0, 0, 0, 0),
    )
    assert not counts.reconcile(calls, "calls", table(tmp_path, "2025-12-03,1")).agrees


def test_amendments_erasures_and_drafts_are_no_contacts(calls: Office, tmp_path: Path) -> None:
    """Nor are those of another stream."""
    streams.create(calls, "chats")
    accept(calls.store, 2, 3, start=NOON)
    accept(calls.store, 1, 2, start=NOON, amends=1)
    accept(calls.store, 1, 2, start=NOON, kind="erasure")
    with calls.store.writing() as connection:
        draft(connection, 1, 14, 4, start=NOON)
    assert counts.reconcile(calls, "calls", table(tmp_path, "2025-12-01,5")).agrees


def test_counts_are_declared_once(calls: Office, tmp_path: Path, suite: Suite) -> None:
    """Those of the file, whether they agree or not; a corrected one is sent anew."""
    path = table(tmp_path, "2025-12-01,5", "2025-12-04,9")
    assert len(counts.reconcile(calls, "calls", path, declare=True).transactions) == 2
    midnight = NOON - DAY // 2
    expected = [(1, midnight, midnight + DAY, 5), (1, midnight + 3 * DAY, midnight + 4 * DAY, 9)]
    assert declared(suite) == expected
    assert counts.reconcile(calls, "calls", path, declare=True).transactions == ()
    path = table(tmp_path, "2025-12-01,5", "2025-12-04,2")
    assert len(counts.reconcile(calls, "calls", path, declare=True).transactions) == 1
    assert declared(suite)[2:] == [(*expected[1][:3], 2)]


def test_nothing_is_declared_unasked(calls: Office, tmp_path: Path, suite: Suite) -> None:
    """Comparing writes nothing."""
    counts.reconcile(calls, "calls", table(tmp_path, "2025-12-01,5"))
    assert declared(suite) == []


def test_unknown_stream_is_refused(calls: Office, tmp_path: Path) -> None:
    """With those there are."""
    with pytest.raises(BadInput, match="there is calls"):
        counts.reconcile(calls, "call", table(tmp_path, "2025-12-01,5"))


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("2025-12-32,1", "day"),
        ("20251201,1", "day"),
        ("2025-W49-1,1", "day"),
        ("1969-12-31,1", "day"),
        ("9999-01-01,1", "day"),
        (",1", "day"),
        ("2025-12-01,-1", "count"),
        ("2025-12-01,1.0", "count"),
        ("2025-12-01,", "count"),
        ("2025-12-01,٣", "count"),
        (f"2025-12-01,{2**48}", "count"),
    ],
)
def test_bad_line_is_refused_with_its_place(tmp_path: Path, line: str, column: str) -> None:
    """Beside a good one."""
    path = table(tmp_path, "2025-12-02,1", line)
    with pytest.raises(BadInput) as caught:
        counts.read_counts(path)
    assert [problem[:3] for problem in caught.value.problems] == [(str(path), 3, column)]


def test_largest_count_and_farthest_days_are_read(tmp_path: Path) -> None:
    """What the contract can hold."""
    path = table(tmp_path, f"9998-12-31,{2**48 - 1}", "1970-01-01,0")
    assert counts.read_counts(path) == {date(1970, 1, 1): 0, date(9998, 12, 31): 2**48 - 1}


def test_day_stands_once(tmp_path: Path) -> None:
    """A second count of it is refused, naming the first."""
    with pytest.raises(BadInput, match="stands on line 2"):
        counts.read_counts(table(tmp_path, "2025-12-01,1", "2025-12-01,2"))


@pytest.mark.parametrize(("header", "lines"), [("day,calls", ["2025-12-01,1"]), ("day,count", [])])
def test_file_of_other_columns_or_no_rows_is_refused(tmp_path: Path, header: str, lines: list[str]) -> None:
    """By what it should be."""
    with pytest.raises(BadInput):
        counts.read_counts(table(tmp_path, *lines, header=header))


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """As any file that cannot be read."""
    with pytest.raises(BadInput, match="cannot be read"):
        counts.read_counts(tmp_path / "none.csv")
