"""Files of interactions as files: what is none, what changes while it is read, and what memory it takes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest
from support.memory import measured

from troth.errors import Problem
from troth.interactions.formats import LONGEST_RECORD, Format, Received, read, size_of

RECORD = '{"id":"%d","subject":"C-1001","start":"2026-03-01T10:00:00Z","notes":"%s"}\n'
HEADER = "uniqueid,start,src\n"
ROW = "%d,2026-03-01 10:00:00,%s\n"
MIB = 1 << 20

Put = Callable[..., Path]
Taken = Callable[..., list[Received]]
Refused = Callable[..., Problem]

FORMATS: tuple[Format, ...] = ("jsonl", "cdr", "vcon")


def peak_of(reading: Iterator[Received | Problem]) -> tuple[int, int]:
    """How many things a reading finds, and the most memory it takes at once."""
    with measured() as memory:
        count = sum(1 for _ in reading)
    return count, memory.peak


@pytest.mark.parametrize("known", ["auto", *FORMATS])
def test_path_is_refused_that_is_no_file(tmp_path: Path, refused: Refused, known: Format) -> None:
    """Nothing there, a folder, a pipe nobody writes to, a device without an end, a link to itself."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    assert "No such file" in refused(tmp_path / "missing.csv", known).reason
    assert "directory" in refused(tmp_path, known).reason
    assert "pipe" in refused(tmp_path / "pipe", known).reason
    assert "device" in refused(Path("/dev/zero"), known).reason
    assert "cannot be read" in refused(tmp_path / "loop", known).reason


@pytest.mark.parametrize("known", ["auto", *FORMATS])
def test_file_is_refused_that_is_closed_to_us(
    put: Put, refused: Refused, known: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the system's words."""
    path = put(RECORD % (1, ""))

    def closed(*arguments: object, **options: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("troth.interactions.formats.files.os.open", closed)
    problem = refused(path, known)
    assert problem.reason == "cannot be read: Permission denied"
    assert (problem.line, problem.column, problem.value) == (None, None, None)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "a.jsonl"),
        (b"", "a.ndjson"),
        (b"", "a.csv"),
        (HEADER, "a.csv"),
        (f"\ufeff{HEADER}\r\n", "a.CSV"),
        ("\n \r\n\t\n", "a.jsonl"),
        ("\n\n", "a.csv"),
    ],
)
def test_file_of_lines_may_hold_no_record(put: Put, taken: Taken, content: str | bytes, name: str) -> None:
    """A night without calls: nothing at all, blank lines, or a header alone."""
    assert taken(put(content, name)) == []


def test_file_may_hold_no_record_where_its_format_is_said(put: Put, taken: Taken) -> None:
    """Whatever it is called."""
    assert taken(put(b"", "a"), "jsonl") == taken(put(HEADER, "a"), "cdr") == []


@pytest.mark.parametrize(
    ("content", "name", "known"),
    [
        (b"", "a.jsonl", "vcon"),
        (b"", "a.vcon", "auto"),
        (b"", "a.json", "auto"),
        (b"", "a", "auto"),
        ("\n\n", "a.txt", "auto"),
        (HEADER, "a.txt", "auto"),
    ],
)
def test_file_is_refused_that_holds_no_record(
    put: Put, refused: Refused, *, content: str | bytes, name: str, known: Format
) -> None:
    """A vCon, and what may be one, or anything, that was not written out."""
    assert refused(put(content, name), known).reason == "empty: no record in it"


@pytest.mark.parametrize(("content", "known"), [(RECORD, "jsonl"), (ROW, "cdr")], ids=["jsonl", "cdr"])
def test_file_is_refused_that_shrinks_while_it_is_read(put: Put, content: str, known: Format) -> None:
    """What was read of it stands; at the end it is said that this was not all of it."""
    header = HEADER if known == "cdr" else ""
    path = put(header + "".join(content % (n, "1" * 150) for n in range(20_000)))
    size, reading = size_of(path), read(path, known)
    first = list(islice(reading, 10))
    os.truncate(path, 2 * MIB)
    rest = list(reading)
    assert all(isinstance(each, Received) for each in first)
    assert isinstance(rest[-1], Problem)
    assert "shrank" in rest[-1].reason
    assert str(size) in rest[-1].reason
    assert str(2 * MIB) in rest[-1].reason


def test_file_is_read_on_that_grows_while_it_is_read(put: Put) -> None:
    """As logs do."""
    path = put(RECORD % (1, ""))
    reading = read(path)
    first = next(reading)
    with path.open("a") as file:
        file.write(RECORD % (2, ""))
    assert [each.source for each in (first, *reading) if isinstance(each, Received)] == ["1", "2"]


def test_file_is_closed_when_nobody_reads_on(put: Put, tmp_path: Path) -> None:
    """Not when the collector finds it; and what is no file, is closed at once."""
    path = put((RECORD % (1, "")) * 3)
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("NO /proc HERE: open files cannot be counted")

    def is_open(what: Path) -> bool:
        return str(what) in {os.path.realpath(one) for one in descriptors.iterdir()}

    reading = read(path)
    next(reading)
    assert is_open(path)
    reading.close()  # type: ignore[attr-defined]
    assert not is_open(path)
    assert all(isinstance(each, Problem) for each in read(tmp_path))
    assert not is_open(tmp_path)


@pytest.mark.parametrize("known", FORMATS)
def test_line_of_two_gigabytes_is_refused_in_little_memory_and_time(tmp_path: Path, known: Format) -> None:
    """It is passed over in pieces. After it, lines are read as ever."""
    path = tmp_path / "calls"
    with path.open("wb") as file:
        file.write(HEADER.encode() if known == "cdr" else b"")
        file.truncate(2 << 30)
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + (ROW % (1, "555") if known == "cdr" else RECORD % (1, "")).encode())
    begun = time.process_time()
    with measured() as memory:
        found = list(read(path, known))
    assert time.process_time() - begun < 30
    assert memory.peak < 4 * LONGEST_RECORD
    assert isinstance(found[0], Problem)
    assert str(LONGEST_RECORD) in found[0].reason
    if known != "vcon":
        assert isinstance(found[1], Received)
        assert found[1].end == path.stat().st_size
        assert len(found) == 2


@pytest.mark.parametrize(("content", "known"), [(RECORD, "jsonl"), (ROW, "cdr")], ids=["jsonl", "cdr"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, content: str, known: Format) -> None:
    """Ten times the records, the same memory: two pieces of the file and a record."""
    peaks = []
    for records in (2_000, 20_000):
        path = tmp_path / f"{records}"
        with path.open("w") as file:
            file.write(HEADER if known == "cdr" else "")
            file.writelines(content % (n, f"{n:0200}") for n in range(records))
        count, peak = peak_of(read(path, known))
        assert count == records
        peaks.append(peak)
    assert peaks[1] < peaks[0] + MIB
    assert peaks[1] < 4 * MIB


def test_memory_does_not_grow_with_what_is_refused(put: Put) -> None:
    """A problem holds no more of a value than is shown of it."""
    path = put("".join(RECORD % (n, "") for n in range(10)).replace("2026-03-01", "x" * MIB))
    problems = list(read(path))
    assert len(problems) == 10
    assert all(isinstance(each, Problem) and len(each.value or "") <= 65 for each in problems)


@pytest.mark.parametrize(
    ("content", "name", "kind"),
    [
        ("uniqueid,start,src\n1,2026-03-01 10:00:00,5\n", "a", "cdr"),
        ('"uniqueid","start","src"\n1,2026-03-01 10:00:00,5\n', "a.txt", "cdr"),
        ("\n\n" + RECORD % (1, ""), "a", "json"),
        (RECORD % (1, ""), "a.json", "json"),
        ('{"subject":"C-1","vcon-like":1,"id":1,"start":0}', "a.json", "json"),
        (
            json.dumps(
                {
                    "vcon": "0.0.1",
                    "uuid": "0" * 8 + "-0000" * 3 + "-" + "0" * 12,
                    "created_at": 0,
                    "parties": [{"tel": "1"}],
                }
            ),
            "a",
            "vcon",
        ),
        (
            json.dumps(
                {"uuid": "0" * 8 + "-0000" * 3 + "-" + "0" * 12, "created_at": 0, "parties": [{"tel": "1"}]},
                indent=1,
            ),
            "a.json",
            "vcon",
        ),
    ],
)
def test_format_is_told_by_how_a_file_begins(
    put: Put, taken: Taken, content: str, name: str, kind: str
) -> None:
    """Where its name does not say."""
    assert [each.kind for each in taken(put(content, name))] == [kind]


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("a.csv", "no header"),
        ("a.CSV", "no header"),
        ("a.jsonl", "not JSON"),
        ("a.ndjson", "not JSON"),
        ("a.vcon", "not JSON"),
        ("a", "no header"),
    ],
)
def test_format_is_told_by_the_name_first(put: Put, refused: Refused, name: str, rule: str) -> None:
    """Then a broken file is refused for what it is, and not for what it looks like."""
    assert rule in refused(put("what\n", name)).reason


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ('{"id":"1","subject":"C-1","sta\n', "not JSON, unterminated string"),
        ('{"id":"1"}\n', "missing"),
        ("[]\n", "not an object"),
        ('\ufeff{"id":"1"}\n', "byte order mark"),
        ('\ufeff{\n"vcon":"0.0.1"}\n', "byte order mark"),
        ('{"vcon":"0.0.1"}\n{"vcon":"0.0.1"}\n', "more than one JSON text"),
        ('{"payload":"","signatures":[]}\n', "signed"),
        ("[" * 100_000 + "\n", "deep"),
    ],
)
def test_file_is_refused_for_what_it_looks_like(put: Put, content: str, rule: str) -> None:
    """Where neither its name nor a whole first line says what it is."""
    first = next(iter(read(put(content, "a.json"))))
    assert isinstance(first, Problem)
    assert rule in first.reason


def test_size_is_that_of_the_file(put: Put, tmp_path: Path) -> None:
    """None for what is not there: progress is shown of nothing."""
    assert size_of(put("12345", "a")) == 5
    assert size_of(tmp_path / "missing") == 0
