"""JSON lines: what of each becomes the record, and each way to be refused while the rest is read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from troth.errors import BadInput, Problem
from troth.interactions import records
from troth.interactions.formats import LONGEST_RECORD, Received, of_object, read, reread, size_of

RECORD = {"id": "call-1", "subject": "C-1001", "start": "2026-03-01T10:00:00Z"}
TEN = 1772359200
PERSON = "Ada Example +1-555-0100"

Put = Callable[..., Path]
Taken = Callable[..., list[Received]]
Refused = Callable[..., Problem]


def line(**members: Any) -> str:
    """A record, as a line."""
    return json.dumps({**RECORD, **members}) + "\n"


def test_record_has_its_line_and_its_fields(put: Put, taken: Taken) -> None:
    """Source, customer, seconds, the bytes without their line end, the fields, and how far it goes."""
    text = '{"id":"call-1", "subject":"C-1001","start":"2026-03-01T11:30:00.750+01:30","party":{"tel":"+1"}}'
    path = put(text + "\n")
    (found,) = taken(path)
    assert found == Received(
        source="call-1",
        customer="C-1001",
        start=TEN,
        kind="json",
        raw=text.encode(),
        fields=records.flatten(json.loads(text)),
        file=str(path),
        line=1,
        end=len(text) + 1,
    )


def test_lines_end_as_anybody_ends_them(put: Put, taken: Taken) -> None:
    """LF, CRLF, or the file's end; blank lines are passed over, and counted."""
    one, two, three = (line(id=name).strip() for name in "abc")
    path = put(f"\n{one}\r\n  \t\r\n{two}\n\n{three}")
    found = taken(path)
    assert [(each.source, each.line, each.raw.decode()) for each in found] == [
        ("a", 2, one),
        ("b", 4, two),
        ("c", 6, three),
    ]
    assert found[-1].end == size_of(path) == path.stat().st_size


@pytest.mark.parametrize(
    ("start", "second"),
    [
        (TEN, TEN),
        (0, 0),
        ("1970-01-01T00:00:00Z", 0),
        ("2026-03-01T10:00:00z", TEN),
        ("2026-03-01t10:00:00+00:00", TEN),
        ("2026-03-01 05:00:00-05:00", TEN),
        ("2026-03-01T10:00:00.1Z", TEN),
        ("2026-03-01T10:00:00.999999999Z", TEN),
        ("2016-12-31T23:59:60Z", 1483228800),
        ("9998-12-31T23:59:59Z", 253370764799),
    ],
)
def test_start_is_a_time_with_its_offset_or_seconds(
    put: Put, taken: Taken, start: str | int, second: int
) -> None:
    """RFC 3339, of any number of digits on any Python; the fraction is cut off."""
    assert taken(put(line(start=start)))[0].start == second


@pytest.mark.parametrize(
    "start",
    [
        "2026-03-01T10:00:00",
        "2026-03-01",
        "20260301T100000Z",
        "2026-W09-7T10:00:00Z",
        "2026-02-30T10:00:00Z",
        "2026-03-01T24:00:00Z",
        "2026-03-01T10:00:61Z",
        "2026-03-01T10:00:00+25:00",
        "\u0662\u0660\u0662\u0666-03-01T10:00:00Z",
        "2026-03-01T10:00:0\u0665Z",
        "2026-03-01T10:00:00Z\n",
        "9999-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "yesterday",
        "",
        -1,
        2**53 - 1,
        1.5,
        True,
        None,
        [TEN],
        {"at": TEN},
    ],
)
def test_start_is_refused_where_it_could_mean_more_than_one_second(
    put: Put, refused: Refused, start: Any
) -> None:
    """No zone, no such day, other notations, other types, before 1970 and beyond 9998."""
    problem = refused(put(line(start=start)))
    assert (problem.line, problem.column) == (1, "start")
    if isinstance(start, str):
        assert problem.value == (start if set(start) <= set("0123456789TZ:-+. ") else None)
    else:
        words = {list: "an array", dict: "an object", float: "a number", int: None}
        assert problem.value == words.get(type(start), json.dumps(start))


@pytest.mark.parametrize(
    "start",
    [PERSON, "+1-555-0100", "12025550143", "2026-03-01 Ada", "20260301", 4111111111111111, 12025550143.5],
)
def test_start_is_not_shown_that_may_be_personal(put: Put, refused: Refused, start: Any) -> None:
    """A name, or a number that may be a telephone's: only what begins with a date and goes on like a time."""
    problem = refused(put(line(start=start)))
    assert (problem.column, problem.value) == ("start", "a number" if type(start) is float else None)
    assert str(start) not in str(problem)


@pytest.mark.parametrize(("given", "source"), [("x" * 200, "x" * 200), (42, "42"), ("Ä/7 b", "Ä/7 b")])
def test_id_is_text_or_an_integer(put: Put, taken: Taken, given: Any, source: str) -> None:
    """Up to 200 characters."""
    assert taken(put(line(id=given)))[0].source == source


@pytest.mark.parametrize("given", ["", "x" * 201, "a\tb", "a\u0000", None, 1.0, True, ["a"]])
def test_id_is_refused_that_names_nothing(put: Put, refused: Refused, given: Any) -> None:
    """Empty, too long, unprintable, or of another type."""
    problem = refused(put(line(id=given)))
    assert problem.column == "id"
    assert problem.value is not None
    assert len(problem.value) <= 65


@pytest.mark.parametrize("given", ["#0", "#7", "#" + "9" * 30])
def test_id_is_refused_that_looks_like_an_index(put: Put, refused: Refused, given: str) -> None:
    """Whoever asked for it would get the record at that index of the stream."""
    problem = refused(put(line(id=given)))
    assert (problem.column, problem.reason) == ("id", "an id may not look like #INDEX")


@pytest.mark.parametrize("given", ["#", "#a1", "1#", "##1", "#1a", "#\u0661"])
def test_id_may_hold_the_sign_of_an_index(put: Put, taken: Taken, given: str) -> None:
    """Where it is none."""
    assert taken(put(line(id=given)))[0].source == given


def test_subject_is_a_reference_or_an_id(put: Put, taken: Taken) -> None:
    """As the insurer writes it, composed and trimmed; or a subject's 0x id."""
    subject = "0x" + "ab" * 32
    assert taken(put(line(subject=" Zo\u0065\u0308 ")))[0].customer == "Zoë"
    assert taken(put(line(subject=subject)))[0].customer == subject


@pytest.mark.parametrize(
    "given", ["", "  ", PERSON + "x" * 200, "0x" + "00" * 32, "0xab", "a\nb", 7, None, [PERSON]]
)
def test_subject_is_refused_without_being_shown(put: Put, refused: Refused, given: Any) -> None:
    """A problem goes to logs and screens: who it is about stays in the file."""
    problem = refused(put(line(subject=given)))
    assert (problem.line, problem.column, problem.value) == (1, "subject", None)
    assert PERSON not in str(problem)


@pytest.mark.parametrize("member", RECORD)
def test_line_is_refused_without_what_every_record_has(put: Put, refused: Refused, member: str) -> None:
    """Naming the one that is missing."""
    problem = refused(put(json.dumps({name: value for name, value in RECORD.items() if name != member})))
    assert (problem.line, problem.column) == (1, member)
    assert "missing" in problem.reason


def test_reading_goes_on_after_each_line_refused(put: Put) -> None:
    """Each with its own line, and the good ones between them."""
    bad = ['{"id":', '{"a":1,"a":2}', "[]", line(start="?").strip(), '{"x":' * 5000, line(id=1e400).strip()]
    lines = [text for number, each in enumerate(bad) for text in (line(id=number), each + "\n")]
    found = list(read(put("".join(lines))))
    assert [each.line for each in found] == list(range(1, 2 * len(bad) + 1))
    assert [isinstance(each, Problem) for each in found] == [False, True] * len(bad)
    assert [each.source for each in found if isinstance(each, Received)] == list("012345")


def test_line_is_refused_with_too_many_fields(put: Put, refused: Refused) -> None:
    """Ten thousand fields are a record, and no more."""
    assert "fields" in refused(put(line(many={str(n): n for n in range(10_001)}))).reason


@pytest.mark.parametrize("depth", [64, 500, 5_000, 500_000])
@pytest.mark.parametrize(("opening", "closing"), [('{"a":', "}"), ("[", "]")])
def test_line_is_refused_that_is_too_deep(put: Put, depth: int, opening: str, closing: str) -> None:
    """Whether the record's limit stops it or the stack's, which differs from Python to Python."""
    text = line(deep=0).replace("0}", f"{opening * depth}{closing * depth}}}".replace(":}", ":0}"))
    found = list(read(put(text + line(id="next"))))
    assert [type(each) for each in found] == [Problem, Received]
    assert re.search("levels|deep", str(found[0]))


def test_line_is_as_long_as_a_record_may_be_and_no_longer(put: Put) -> None:
    """To the byte, with either line end; the next line is read in any case."""
    room = LONGEST_RECORD - len(line(text="").strip())
    for end in ("\n", "\r\n"):
        longest, longer = (line(text="x" * length).strip() + end for length in (room, room + 1))
        found = list(read(put(longest + longer + line(id="next"))))
        assert [type(each) for each in found] == [Received, Problem, Received]
        assert found[1].line == 2
        assert str(LONGEST_RECORD) in found[1].reason
        assert found[2].line == 3
        assert found[2].end == len(longest) + len(longer) + len(line(id="next"))


def test_record_says_nothing_of_itself_in_logs(put: Put, taken: Taken) -> None:
    """Its repr has the file and the line, and not who or what."""
    (found,) = taken(put(line(id="secret-id", subject=PERSON, notes="private")))
    shown = repr(found)
    assert "line=1" in shown
    assert not any(word in shown for word in ("secret-id", PERSON, "private", "C-1001"))


@pytest.mark.parametrize("kind", ["json", "erasure"])
def test_record_is_read_again_from_its_bytes(put: Put, taken: Taken, kind: Any) -> None:
    """The same fields, in the same order: the receipt's are those that were anchored."""
    (found,) = taken(put(line(parties=[{"tel": "+1-555-0100"}, {}], tags=["a", 1.50, None], text="é\u2028")))
    again = reread(kind, found.raw)
    assert list(again.fields.items()) == list(found.fields.items())
    assert (again.source, again.customer, again.start, again.kind) == (
        found.source,
        found.customer,
        found.start,
        kind,
    )


def test_bytes_are_refused_again_that_are_no_record() -> None:
    """As bad input, which says what is wrong with them."""
    with pytest.raises(BadInput, match="2027-01-31"):
        reread("json", line(start="?").encode())


def test_object_becomes_a_record_from_python(put: Put, taken: Taken) -> None:
    """The same as its line in a file would: one form, whoever writes it."""
    document = {**RECORD, "note": "é", "list": [1, {"a": None}]}
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    (in_file,) = taken(put(text + "\n"))
    made = of_object(document)
    assert made.raw == in_file.raw == text.encode()
    assert made.fields == in_file.fields
    assert made.kind == "json"


@pytest.mark.parametrize(
    ("members", "rule"),
    [
        ({"a": float("nan")}, "JSON"),
        ({"a": float("inf")}, "JSON"),
        ({"a": object()}, "JSON"),
        ({"a": {1: "x", "1": "y"}}, "twice"),
        ({"a": "\ud800"}, "surrogate"),
        ({"a": 2**53}, "2\\^53"),
        ({"start": "now"}, "not a time"),
        ({"text": "x" * LONGEST_RECORD}, "longer than"),
    ],
)
def test_object_is_refused_that_no_line_could_say(members: dict[str, Any], rule: str) -> None:
    """By the same rules as a file's."""
    with pytest.raises(BadInput, match=rule):
        of_object({**RECORD, **members})


def test_object_is_refused_that_holds_itself_or_is_too_deep() -> None:
    """Neither hangs nor exhausts the stack."""
    endless: dict[str, Any] = {**RECORD}
    endless["self"] = endless
    with pytest.raises(BadInput, match="Circular"):
        of_object(endless)
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(BadInput, match="deep"):
        of_object({**RECORD, "deep": deep})
    while isinstance(deep, list):  # forgotten whole, it would exhaust the stack of some Pythons
        deep = deep.pop()


def test_example_is_read_whole() -> None:
    """examples/interactions.jsonl, as the README uses it."""
    found = list(read(Path(__file__).parents[4] / "examples" / "interactions.jsonl"))
    assert len(found) >= 5
    assert all(isinstance(each, Received) for each in found)
    assert len({each.source for each in found if isinstance(each, Received)}) == len(found)
