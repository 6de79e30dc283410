"""Readers given what nobody meant: whatever a file holds, each thing in it is a record or a problem.

Bytes and JSON at random, good files with a few bytes changed, and atheris where it is installed.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import math
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.handmade_receipts import flat

from troth.errors import Problem
from troth.interactions.formats import Format, Received, read, reread
from troth.interactions.formats.received import Refused
from troth.interactions.formats.strict_json import read_object

ROOT = Path(__file__).parents[4]
EXAMPLES = {
    name: (ROOT / "examples" / name).read_bytes()
    for name in ("interactions.jsonl", "calls.csv", "conversation.vcon.json")
}
FORMATS: tuple[Format, ...] = ("jsonl", "cdr", "vcon")
GOOD = b'{"id":"good","subject":"C-1","start":0}'
JSON_WORDS = [
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b'"',
        b"\\u",
        b"\\ud800",
        b"d83d",
        b"1e",
        b"400",
        b"-",
        b"NaN",
        b"null",
    ),
    *(b'"id"', b'"subject"', b'"start"', b"\xff", b"\x00", b"\n", b" ", b"9007199254740992", b"\xef\xbb\xbf"),
    *(b'"vcon":"0.0.1"', b'"parties"', b'"dialog"', b'"url"', b'"tel"', b'"uuid"', b"true", b"\xed\xa0\x80"),
]
CSV_WORDS = [b'"', b",", b"\n", b"\r", b'""', b"\x00", b"\xff", b"1,2026-03-01 10:00:00,555\n", b"x", b" "]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file, written anew for each example."""
    return tmp_path_factory.mktemp("fuzzed") / "interactions"


def read_all(place: Path, content: bytes, known: Any) -> list[Received | Problem]:
    """What a file of these bytes holds, each thing as it must be."""
    place.write_bytes(content)
    found = list(read(place, known))
    assert found or (not content.strip() and known in {"jsonl", "cdr"})
    for each in found:
        assert isinstance(each, Received | Problem)
        if isinstance(each, Problem):
            assert each.file == str(place)
            assert each.reason
            assert len(each.value or "") <= 65
            assert str(each).isprintable()
        else:
            assert 0 <= each.start < 2**40
            assert each.customer != ""
            assert 1 <= len(each.source) <= 200
            assert each.end <= len(content)
            assert list(each.fields.items()) == list(flat(document_of(each)).items())
            assert reread(each.kind, each.raw).fields == each.fields
    return found


def document_of(record: Received) -> dict[str, Any]:
    """What a record's bytes say, by Python's own readers."""
    if record.kind != "cdr":
        return dict(json.loads(record.raw))
    header, _, row = (each.decode("utf-8-sig") for each in record.raw.partition(b"\n"))
    names = next(csv.reader([header])) if header else [name[1:] for name in record.fields]
    return dict(zip(names, next(csv.reader([row])), strict=True))


def is_marked(line: bytes) -> bool:
    """Whether a quotation mark is left open in it: a row goes on up to the next line of the kind."""
    return line.count(b'"') % 2 == 1


def lines_of(found: Received | Problem, lines: list[bytes]) -> range:
    """The lines of a file, counted from 1, that a row of it or what is wrong with one is of."""
    first = last = found.line or 0
    if is_marked(lines[first - 1]) and "none closes it" not in getattr(found, "reason", ""):
        last = next(n for n in range(first + 1, len(lines) + 1) if is_marked(lines[n - 1]))
    if isinstance(found, Received):
        row = b"\n".join(lines[first - 1 : last])
        assert found.raw.partition(b"\n")[2] == row.removesuffix(b"\r")
    return range(first, last + 1)


def is_i_json(value: Any) -> bool:
    """Whether I-JSON can say it: the rules a second time, over values and not over text."""
    if isinstance(value, dict):
        return all(map(is_i_json, value)) and all(map(is_i_json, value.values()))
    if isinstance(value, list):
        return all(map(is_i_json, value))
    if isinstance(value, str):
        return not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or abs(value) < 2**53


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.text(st.characters(), max_size=3), values, max_size=4), st.booleans())
def test_json_is_taken_if_and_only_if_i_json_can_say_it(value: dict[str, Any], ascii_only: bool) -> None:
    """And is the same value then, escaped or not."""
    text = json.dumps(value, ensure_ascii=ascii_only)
    raw = text.encode(errors="surrogatepass")
    said = json.loads(text)  # not always `value`: two surrogates that are escaped may make one character
    if is_i_json(said):
        assert read_object(raw) == said
    else:
        with pytest.raises(Refused):
            read_object(raw)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(JSON_WORDS), max_size=20).map(b"".join) | st.binary(max_size=60))
def test_bytes_are_an_object_or_refused(raw: bytes) -> None:
    """Nothing else comes of any bytes; what is taken, Python's own reader reads the same."""
    try:
        found = read_object(raw)
    except Refused as refusal:
        assert refusal.rule
        assert refusal.line >= 1
    else:
        assert found == json.loads(raw)
        assert is_i_json(found)


@pytest.mark.parametrize("known", ["auto", *FORMATS])
@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(JSON_WORDS + CSV_WORDS), max_size=30).map(b"".join) | st.binary(max_size=100))
def test_file_of_any_bytes_is_records_and_problems(place: Path, known: str, content: bytes) -> None:
    """In every format, and where the format is to be found out."""
    read_all(place, content, known)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(JSON_WORDS), max_size=15).map(b"".join) | st.binary(max_size=60))
def test_line_of_any_bytes_harms_no_other(place: Path, junk: bytes) -> None:
    """The lines above and below it are read, each at its place."""
    junk = junk.replace(b"\n", b" ")
    found = read_all(place, GOOD + b"\n" + junk + b"\n" + GOOD, "jsonl")
    assert (found[0].line, found[-1].line) == (1, 3)
    assert all(isinstance(each, Received) for each in (found[0], found[-1]))
    assert len(found) == (3 if junk.strip() else 2)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(CSV_WORDS), max_size=15).map(b"".join) | st.binary(max_size=60))
def test_row_of_any_bytes_harms_no_other(place: Path, junk: bytes) -> None:
    """But for one that is joined with it by its marks into one good row."""
    rows = [b"%d,2026-03-01 10:00:00,555" % number for number in range(100, 120)]
    content = b"\n".join([b"uniqueid,start,src", *rows[:10], junk, *rows[10:]])
    found = read_all(place, content, "cdr")
    assert all(first.line < second.line for first, second in pairwise(found))  # type: ignore[operator]
    taken = {each.source for each in found if isinstance(each, Received)}
    assert {str(number) for number in range(100, 110)} <= taken
    if junk.count(b'"') % 2 == 0:
        assert {str(number) for number in range(100, 120)} <= taken


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_vcon_of_any_values_is_a_record_or_a_problem(place: Path, data: st.DataObject) -> None:
    """A good one with a member anywhere in it replaced by anything."""
    document = json.loads(EXAMPLES["conversation.vcon.json"])
    at: Any = document
    while True:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if not isinstance(at[key], dict | list) or not at[key] or data.draw(st.booleans()):
            break
        at = at[key]
    at[key] = data.draw(values)
    content = json.dumps(document, ensure_ascii=False).encode(errors="surrogatepass")
    assert len(read_all(place, content, "vcon")) == 1


@pytest.mark.parametrize("name", EXAMPLES)
@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1, max_size=4))
def test_changed_bytes_are_seen_or_read(place: Path, name: str, changes: list[tuple[int, int]]) -> None:
    """A good file with a few bytes changed: every line of it is a record's or a problem's, and of no two; a
    vCon is one, whole, and nothing is read below a bad header.
    """
    changed = bytearray(EXAMPLES[name])
    for position, mask in changes:
        changed[position % len(changed)] ^= mask
    content = bytes(changed)
    known = {"interactions.jsonl": "jsonl", "calls.csv": "cdr"}.get(name, "vcon")
    found = read_all(place, content, known)
    lines = content.split(b"\n")
    filled = [number for number, line in enumerate(lines, 1) if line.strip()]
    if known == "vcon":
        (one,) = found
        assert isinstance(one, Problem) or one.raw == content
    elif known == "jsonl":
        assert [each.line for each in found] == filled
    elif found[0].line == filled[0]:
        assert [type(each) for each in found] == [Problem]
    else:
        rows = [number for each in found for number in lines_of(each, lines) if number in filled]
        assert [filled[0], *rows] == filled


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="NO ATHERIS HERE: it has wheels for some Pythons only"
)
@pytest.mark.parametrize("known", FORMATS)
def test_campaign_of_atheris_runs_and_finds_nothing(tmp_path: Path, known: str) -> None:
    """The command of tests/fuzz, for a moment: it reaches more of the readers as it goes."""
    command = [sys.executable, "tests/fuzz", known, "-runs=500", "-seed=1", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "DONE" in done.stderr
    assert "NEW" in done.stderr
