"""I-JSON (RFC 7493): what is taken, and each thing refused, with its place and not what stands around it."""

from __future__ import annotations

import json
import time

import pytest

from troth.interactions.formats.received import TOO_DEEP, Refused
from troth.interactions.formats.strict_json import LONE_SURROGATE, read_object


def refusal_of(raw: bytes) -> Refused:
    """Why it is refused."""
    with pytest.raises(Refused) as caught:
        read_object(raw)
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        ' \t\r\n{"a": 1}\n',
        '{"a":9007199254740991,"b":-9007199254740991}',
        '{"a":0,"b":-0,"c":1e308,"d":-1.5e-300,"e":1e-400}',
        '{"a":"\\ud83d\\ude00","b":"😀","c":"\\u0000","d":"\\\\ud800"}',
        '{"a":[true,false,null,{"a":{"a":[]}}]}',
    ],
)
def test_object_is_read_as_anybody_reads_it(text: str) -> None:
    """The same as Python's own reader finds, to the edges of what I-JSON allows."""
    assert read_object(text.encode()) == json.loads(text)


@pytest.mark.parametrize(
    ("number", "rule"),
    [
        ("9007199254740992", "2^53"),
        ("-9007199254740992", "2^53"),
        ("1" + "0" * 5000, "2^53"),
        ("-1" + "0" * 5000, "2^53"),
        ("1e400", "a double"),
        ("-1e400", "a double"),
        ("1" + "0" * 400 + ".5", "a double"),
        ("NaN", "no number"),
        ("Infinity", "no number"),
        ("-Infinity", "no number"),
    ],
)
def test_number_is_refused_beyond_what_all_readers_hold(number: str, rule: str) -> None:
    """Integers that a double rounds, doubles that overflow, and what is no number."""
    refusal = refusal_of(f'{{"a":[{number}]}}'.encode())
    assert rule in refusal.rule
    assert refusal.value == (number if rule == "no number" else None)


def test_number_is_refused_by_its_length_and_not_shown() -> None:
    """It may be a card's."""
    for number in ("4111111111111111000", "-4111111111111111000"):
        refusal = refusal_of(f'{{"card":{number}}}'.encode())
        assert refusal.rule == "an integer of 19 digits, beyond 2^53 - 1: write it as a string"
        assert refusal.value is None
    assert refusal_of(b'{"card":1e400}').rule.startswith("a number of 5 characters, beyond what a double")


def test_number_of_a_million_digits_is_refused_at_once() -> None:
    """Its digits are counted, not computed."""
    begun = time.process_time()
    assert "2^53" in refusal_of(b'{"a":' + b"9" * 1_000_000 + b"}").rule
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    "text", ['{"a":1,"a":1}', '{"b":[{"x":0,"a":1,"c":2,"a":null}]}', '{"a":1,"\\u0061":2}']
)
def test_name_is_refused_where_it_stands_twice(text: str) -> None:
    """In any object, the document or one in it; names that are written differently and are the same, too."""
    refusal = refusal_of(text.encode())
    assert "twice" in refusal.rule
    assert refusal.value is None


def test_name_that_stands_twice_is_told_by_its_place_and_not_shown() -> None:
    """It may be a person's."""
    refusal = refusal_of(b'{"x":0,"Ada Example":1,"y":2,"Ada Example":3,"x":4}')
    assert "its member 4 " in refusal.rule
    assert "Ada" not in f"{refusal.rule}{refusal.value}"


def test_name_that_stands_twice_is_found_at_once_among_many() -> None:
    """Each is looked at once: 100,000 names would take minutes otherwise."""
    members = ",".join(f'"{n}":1' for n in range(100_000))
    begun = time.process_time()
    assert "member 100001 " in refusal_of(f'{{{members},"99999":1}}'.encode()).rule
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    "text",
    [
        '{"a":"\\ud800"}',
        '{"a":"x\\udfff"}',
        '{"a":[["\\uD83Dx"]]}',
        '{"\\uDE00\\uD83D":1}',
        '{"a":{"\\udbff":1}}',
    ],
)
def test_surrogate_is_refused_alone(text: str) -> None:
    """In names and values, however deep: no UTF-8 says it."""
    refusal = refusal_of(text.encode())
    assert refusal.rule == LONE_SURROGATE
    assert refusal.value is not None
    assert refusal.value.startswith("\\ud")


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_depth_is_refused_without_exhausting_the_stack(opening: bytes) -> None:
    """Whether the brackets are closed or not."""
    depth = 200_000  # more than the stack of any Python
    closing = b"]" if opening == b"[" else b"}"
    assert refusal_of(b'{"a":' + opening * depth).rule
    assert refusal_of(b'{"a":' + opening * depth + b"1" + closing * depth + b"}").rule == TOO_DEEP


def test_bytes_are_refused_that_are_not_utf8() -> None:
    """With the byte and its line. A surrogate in UTF-8 is none."""
    refusal = refusal_of(b'{"a":\n"\xff"}')
    assert (refusal.value, refusal.line) == ("0xff", 2)
    assert refusal_of(b'{"a":"\xed\xa0\x80"}').value == "0xed"
    assert refusal_of('{"a":1}'.encode("utf-16")).value == "0xff"


def test_byte_order_mark_is_refused() -> None:
    """By name: what is wrong cannot be seen."""
    assert "byte order mark" in refusal_of(b'\xef\xbb\xbf{"a":1}').rule


@pytest.mark.parametrize(
    ("raw", "line", "rule"),
    [
        (b'{"tel":"+1-555-0100"', 1, "not JSON, expecting ',' delimiter at character 21"),
        (b'{"a":1,}', 1, "not JSON, "),
        (b'{"a":\n\n"x', 3, "not JSON, unterminated string starting at character 1"),
        (b'{"a":"\x00"}', 1, "not JSON, invalid control character at character 7"),
        (b'\x00{"a":1}', 1, "not JSON"),
        (b'{"a":"\\x"}', 1, "not JSON, invalid \\escape"),
        (b"{'a':1}", 1, "not JSON"),
        (b"", 1, "not JSON"),
        (b'{"a":1} \n {"b":2}', 1, "more than one JSON text"),
        (b'{"a":1}\x00', 1, "more than one JSON text"),
        (b"[]", 1, "not an object"),
        (b'"eyJ"', 1, "not an object"),
        (b"null", 1, "not an object"),
    ],
)
def test_text_is_refused_that_is_not_one_object(raw: bytes, line: int, rule: str) -> None:
    """Where the reader stopped, but nothing of what it read there."""
    refusal = refusal_of(raw)
    assert refusal.rule.startswith(rule)
    assert (refusal.line, refusal.value) == (line, None)
    assert "555" not in refusal.rule
