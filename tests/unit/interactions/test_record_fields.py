"""Records: what their fields are, and what they are hashed to, against the format written out by hand.

flatten
├── scalars, arrays of scalars, empty arrays and objects: a field each, by JSON Pointer, in order
├── objects, and arrays that hold an object or an array: descended into
├── `~` and `/` in names: escaped
├── strings of more than 65,536 bytes of UTF-8: their hash and length
├── more than 10,000 fields · more than 64 levels: refused; one less: taken
├── names of more than 4,096 characters, or of 1,048,576 together: refused unmade; one less: taken
└── any document: each pointer finds the value its text says, and nothing is left out
link, root, opened: as the format says, for any content; another of any part: another root
select: a field, all below it, `fields` always; nothing: refused
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import datetime, timezone
from hashlib import sha256, shake_256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.memory import measured

from troth.interactions.records import (
    DEEPEST,
    LONGEST,
    LONGEST_NAME,
    LONGEST_NAMES,
    MOST,
    SECRET,
    Amended,
    Field,
    Link,
    flatten,
    opened,
    root,
    select,
)

START = 1_772_359_200
SUBJECT, PREVIOUS = bytes(range(32)), bytes(range(32, 64))
KEY = bytes(range(100, 132))
"""A record's secret."""
FIRST = Link(SUBJECT, 1, None, START, "json")
DOCUMENT = {
    "id": "call-1",
    "start": "2026-03-01T10:00:00Z",
    "parties": [{"tel": "+15550100"}, {"mailto": "ann@example.com"}],
    "tags": ["a", "b"],
}
RAW = b'{"id": "call-1", "and": "so on"}'
FIELDS = {
    "/id": '"call-1"',
    "/start": '"2026-03-01T10:00:00Z"',
    "/parties/0/tel": '"+15550100"',
    "/parties/1/mailto": '"ann@example.com"',
    "/tags": '["a","b"]',
}
NAMES = ["fields", "link", "raw", *FIELDS]


def nested(levels: int) -> dict[str, Any]:
    """Objects in one another, the innermost with one member."""
    document: dict[str, Any] = {"x": 1}
    for _ in range(levels - 1):
        document = {"x": document}
    return document


def nested_arrays(levels: int) -> dict[str, Any]:
    """An object, and below it arrays in one another, the innermost with nothing in it."""
    value: list[Any] = []
    for _ in range(levels - 2):
        value = [value]
    return {"x": value}


# --- flatten


def test_document_is_flattened_to_pointers_in_its_order() -> None:
    """Scalars by themselves, arrays of scalars whole."""
    assert flatten(DOCUMENT) == FIELDS
    assert list(flatten(DOCUMENT)) == list(FIELDS)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (None, "null"),
        (0, "0"),
        (-7, "-7"),
        (2**53 - 1, "9007199254740991"),
        (1.5, "1.5"),
        (1e300, "1e+300"),
        (-0.0, "-0.0"),
        ("", '""'),
        ('"\\\n\t\x00\x1f\x7f/', '"\\"\\\\\\n\\t\\u0000\\u001f\x7f/"'),
        ("Zoë 日本 🙂 \u2028", '"Zoë 日本 🙂 \u2028"'),
        ([], "[]"),
        ({}, "{}"),
        ([1, "ä", None, True, 2.5], '[1,"ä",null,true,2.5]'),
    ],
    ids=repr,
)
def test_value_is_written_as_json_without_spaces(value: object, text: str) -> None:
    """As JSON writes it, with nothing escaped that need not be."""
    assert flatten({"v": value}) == {"/v": text}


def test_arrays_of_objects_and_arrays_are_descended_into() -> None:
    """Also where scalars stand beside them, and where what they hold is empty."""
    document = {"a": [1, {"b": 2}, "c"], "d": [[]], "e": [{}], "f": [[1, 2], [3]], "g": {"h": {}}}
    assert flatten(document) == {
        **{"/a/0": "1", "/a/1/b": "2", "/a/2": '"c"', "/d/0": "[]", "/e/0": "{}"},
        **{"/f/0": "[1,2]", "/f/1": "[3]", "/g/h": "{}"},
    }


def test_names_are_escaped_so_that_no_two_are_one() -> None:
    """RFC 6901: the tilde first."""
    document = {"a/b": 1, "a": {"b": 2, "~1": 3}, "a~b": 4, "~1": 5, "/": 6, "": 7, "~0/": {"~": 8}}
    assert flatten(document) == {
        **{"/a~1b": "1", "/a/b": "2", "/a/~01": "3", "/a~0b": "4", "/~01": "5"},
        **{"/~1": "6", "/": "7", "/~00~1/~0": "8"},
    }


def test_document_without_members_has_no_fields() -> None:
    """A record of its own three fields."""
    assert flatten({}) == {}


@pytest.mark.parametrize("unit", ["x", "é", "日", "🙂"])
def test_long_string_is_hashed_and_shorter_one_is_not(unit: str) -> None:
    """The bound is in bytes of UTF-8, whatever a character takes."""
    width = len(unit.encode())
    longest = unit * (LONGEST // width)
    longer = longest + "x" * (LONGEST % width + 1)
    assert flatten({"v": longest}) == {"/v": f'"{longest}"'}
    assert len(longer.encode()) == LONGEST + 1
    digest = sha256(longer.encode()).hexdigest()
    assert flatten({"v": longer}) == {"/v": f'{{"sha256":"0x{digest}","bytes":{LONGEST + 1}}}'}


@pytest.mark.parametrize(
    "document",
    [
        {str(k): k for k in range(MOST)},
        {"a": [{"b": 1}] * MOST},
        {"a": [[]] * (MOST - 2), "b": 1, "c": 2},
        {"a": {str(k): 1 for k in range(MOST // 2)}, "b": {str(k): 1 for k in range(MOST // 2)}},
    ],
    ids=["flat", "array", "after", "halves"],
)
def test_fields_are_counted_to_ten_thousand(document: dict[str, Any]) -> None:
    """So many are taken; one more, at the end or within, is refused."""
    assert len(flatten(document)) == MOST == 10_000
    for wider in (document | {"more": 0}, {"more": 0} | document, {"in": document, "more": 0}):
        with pytest.raises(ValueError, match="more than 10,000 fields"):
            flatten(wider)


def test_far_too_many_fields_are_refused_before_they_are_made() -> None:
    """Names and texts of all of them would take a hundred times the record's bytes."""
    document = {"a": [[]] * 500_000}
    with measured() as memory, pytest.raises(ValueError, match="more than 10,000 fields"):
        flatten(document)
    assert memory.peak < 1_000_000


@pytest.mark.parametrize("made", [nested, nested_arrays])
def test_levels_are_counted_to_sixty_four(made: Any) -> None:
    """So many are taken; one more is refused, and so are far more, without running out of stack."""
    assert len(flatten(made(DEEPEST))) == 1
    for levels in (DEEPEST + 1, DEEPEST + 2, 900):
        with pytest.raises(ValueError, match="more than 64 levels"):
            flatten(made(levels))


def resolved(document: Any, pointer: str) -> Any:
    """What a JSON Pointer points to: RFC 6901, section 4."""
    value = document
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


def holders(value: Any) -> Iterator[Any]:
    """All that is a field of a value, in order: by the rule, a second time."""
    children = list(value.values()) if isinstance(value, dict) else value
    is_field = not isinstance(value, dict | list) or not value
    if isinstance(value, list) and all(not isinstance(one, dict | list) for one in value):
        is_field = True
    if is_field:
        yield value
    else:
        for child in children:
            yield from holders(child)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(blacklist_categories=["Cs"]), max_size=8)
)
KEYS = st.text(st.sampled_from('ab/~"\\0é'), max_size=3)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=5))
def test_any_document_is_all_in_its_fields(document: dict[str, Any]) -> None:
    """Every name points to what its text says, and what they point to is all there is, in order."""
    fields = flatten(document)
    pointed = [resolved(document, name) for name in fields]
    assert [json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in pointed] == [
        *fields.values()
    ]
    assert list(map(repr, pointed)) == list(map(repr, holders(document)))


# --- link


def test_link_of_a_first_record_is_written_to_the_letter() -> None:
    """Without a record before it."""
    assert FIRST.text() == (
        b'{"subject":"0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f","number":1,'
        b'"previous":null,"start":"2026-03-01T10:00:00Z","kind":"json"}'
    )


def test_link_of_an_amendment_says_what_it_amends() -> None:
    """After the kind."""
    link = Link(SUBJECT, 12, PREVIOUS, START + 1, "vcon", Amended(3, bytes(31) + b"\x09"))
    assert link.text() == (
        b'{"subject":"0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f","number":12,'
        b'"previous":"0x202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",'
        b'"start":"2026-03-01T10:00:01Z","kind":"vcon",'
        b'"amends":{"index":3,"record":"0x0000000000000000000000000000000000000000000000000000000000000009"}}'
    )


@pytest.mark.parametrize("kind", ["vcon", "cdr", "json", "erasure"])
@pytest.mark.parametrize("previous", [None, PREVIOUS])
@pytest.mark.parametrize("amends", [None, Amended(0, SUBJECT)])
@pytest.mark.parametrize("start", [0, 951_782_400, START, 4_102_444_799, 253_402_300_799])
def test_link_is_json_as_json_writes_it(kind: Any, previous: Any, amends: Any, start: int) -> None:
    """Every combination, from 1970 by a leap day to the end of 9999."""
    expected: dict[str, Any] = {
        "subject": f"0x{SUBJECT.hex()}",
        "number": 2,
        "previous": previous and f"0x{previous.hex()}",
        "start": datetime.fromtimestamp(start, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "kind": kind,
    }
    if amends:
        expected["amends"] = {"index": 0, "record": f"0x{SUBJECT.hex()}"}
    text = Link(SUBJECT, 2, previous, start, kind, amends).text()
    assert text.decode() == json.dumps(expected, separators=(",", ":"))


# --- names


@pytest.mark.parametrize("leaf", [1, "x", [], {}, [1, 2]], ids=repr)
@pytest.mark.parametrize("above", [0, 10, 200, 4_000])
def test_name_is_as_long_as_it_may_be_and_no_longer(leaf: object, above: int) -> None:
    """To the character, whatever the field is and wherever the length is; escapes count as written."""
    for unit, width in (("k", 1), ("~", 2), ("/", 2), ("\U0001f642", 1)):
        room = LONGEST_NAME - 1 - (above + 1 if above else 0)
        for more in (0, 1):
            key = unit * (room // width) + "x" * (room % width + more)
            document: dict[str, Any] = {"a" * above: {key: leaf}} if above else {key: leaf}
            if more:
                with pytest.raises(ValueError, match="name of more than 4,096 characters"):
                    flatten(document)
            else:
                assert [len(name) for name in flatten(document)] == [LONGEST_NAME]


@pytest.mark.parametrize("above", ["", "a" * 2_000])
def test_names_are_as_long_together_as_they_may_be_and_no_longer(above: str) -> None:
    """To the character, whether each is long by itself or by what stands above it."""
    room = 4_096 - (len(above) + 1 if above else 0) - 1
    keys = [f"{n:04d}".ljust(room, "k") for n in range(LONGEST_NAMES // LONGEST_NAME)]
    members = dict.fromkeys(keys, 1)
    document: dict[str, Any] = {above: members} if above else members
    assert sum(map(len, flatten(document))) == LONGEST_NAMES == 1 << 20
    for longer in ({"": 1} | document, document | {"": 1}):
        with pytest.raises(ValueError, match="1,048,576 characters together"):
            flatten(longer)


@pytest.mark.parametrize("leaf", [1, [], {"x": [2]}, [{"x": 1}]], ids=repr)
@pytest.mark.parametrize("length", [4_000, 1_000_000])
@pytest.mark.parametrize("parts", [1, 900])
def test_long_names_are_refused_before_they_are_made(leaf: object, length: int, parts: int) -> None:
    """A name above 9,000 fields is repeated in each: a line of a megabyte took nine gigabytes."""
    members = {str(n): leaf for n in range(9_000 // parts)}
    document = {"k" * length: {str(n): members for n in range(parts)}}
    with measured() as memory, pytest.raises(ValueError, match="characters"):
        flatten(document)
    assert memory.peak < 16 << 20


# --- root


def by_hand(secret: bytes, texts: list[bytes]) -> bytes:
    """The root as the format says."""
    salts = shake_256(secret).digest(16 * len(texts))
    digests = [sha256(salts[16 * i : 16 * i + 16] + text).digest() for i, text in enumerate(texts)]
    return sha256(b"".join(digests)).digest()


def texts_by_hand(link: bytes, raw: bytes, fields: dict[str, str]) -> list[bytes]:
    """The texts of all fields as the format says."""
    names = json.dumps(["fields", "link", "raw", *fields], ensure_ascii=False, separators=(",", ":"))
    return [names.encode(), link, raw, *(text.encode() for text in fields.values())]


def test_root_is_what_it_was_when_first_anchored() -> None:
    """A fixed record has this root for ever: what is on a chain cannot follow a change here."""
    assert root(KEY, FIRST.text(), RAW, FIELDS).hex() == (
        "05d9e8a91e38e4e2411f5bc4dc04ad573ca485f3d7f169dcd5c95e5004ac5bca"
    )


def test_root_is_the_formats_for_records_of_any_width_n2() -> None:
    """N2: with no content field, one, many, and names and texts beyond ASCII."""
    wide = {f"/{k}": str(k) for k in range(1000)}
    for fields in ({}, {"/a": "1"}, FIELDS, wide, {'/"é\n/日': '"🙂"'}):
        texts = texts_by_hand(FIRST.text(), RAW, fields)
        assert root(KEY, FIRST.text(), RAW, fields) == by_hand(KEY, texts)


@settings(max_examples=100, deadline=None)
@given(
    st.binary(min_size=32, max_size=32),
    st.binary(max_size=200),
    st.dictionaries(KEYS, st.text(st.characters(blacklist_categories=["Cs"]))),
)
def test_root_is_the_formats_for_any_record_n2(secret: bytes, raw: bytes, fields: dict[str, str]) -> None:
    """N2: whatever the bytes received, whatever the fields."""
    texts = texts_by_hand(FIRST.text(), raw, fields)
    assert root(secret, FIRST.text(), raw, fields) == by_hand(secret, texts)


def test_root_is_another_for_any_change_n2() -> None:
    """N2: of the secret, the link, the bytes, a name, a text, the order."""
    other = dataclasses.replace(FIRST, number=2)
    roots = {
        root(KEY, FIRST.text(), RAW, FIELDS),
        root(bytes(32), FIRST.text(), RAW, FIELDS),
        root(KEY, other.text(), RAW, FIELDS),
        root(KEY, FIRST.text(), RAW + b" ", FIELDS),
        root(KEY, FIRST.text(), RAW, FIELDS | {"/id": '"call-2"'}),
        root(KEY, FIRST.text(), RAW, {f"{name}x": text for name, text in FIELDS.items()}),
        root(KEY, FIRST.text(), RAW, dict(reversed(FIELDS.items()))),
        root(KEY, FIRST.text(), RAW, FIELDS | {"/more": "1"}),
        root(KEY, FIRST.text(), RAW, {}),
    }
    assert len(roots) == 9


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_secret_of_another_length_is_refused(length: int) -> None:
    """A short one could be guessed, and with it every field."""
    assert SECRET == 32
    for make in (root, opened):
        with pytest.raises(ValueError, match=f"32 bytes, not {length}$"):
            make(bytes(length), FIRST.text(), RAW, FIELDS)


# --- opened


def test_opened_fields_are_those_of_the_root_n2() -> None:
    """N2: names and texts in order, and the root is over their digests."""
    fields = opened(KEY, FIRST.text(), RAW, FIELDS)
    assert [one.name for one in fields] == NAMES
    assert [one.text for one in fields] == texts_by_hand(FIRST.text(), RAW, FIELDS)
    assert json.loads(fields[0].text) == NAMES
    assert all(one.digest == sha256(one.salt + one.text).digest() for one in fields)
    digests = b"".join(one.digest for one in fields)
    assert sha256(digests).digest() == root(KEY, FIRST.text(), RAW, FIELDS)


def test_salts_are_16_bytes_and_all_different_n4() -> None:
    """N4: of one record, and of two whose secrets differ by one bit."""
    near = bytes([KEY[0] ^ 1]) + KEY[1:]
    salts = [one.salt for secret in (KEY, near) for one in opened(secret, FIRST.text(), RAW, FIELDS)]
    assert {len(salt) for salt in salts} == {16}
    assert len(set(salts)) == len(salts) == 2 * len(NAMES)


def test_opened_field_shows_its_name_only() -> None:
    """In logs and traces neither text nor salt may stand."""
    assert repr(Field("/id", b"salt", b"text")) == "Field(name='/id')"


# --- select


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ([], {"fields"}),
        (["fields"], {"fields"}),
        (["/id"], {"fields", "/id"}),
        (["/parties"], {"fields", "/parties/0/tel", "/parties/1/mailto"}),
        (["/parties/0"], {"fields", "/parties/0/tel"}),
        (["/parties/1/mailto", "/tags", "/tags"], {"fields", "/parties/1/mailto", "/tags"}),
        (["link", "raw"], {"fields", "link", "raw"}),
    ],
)
def test_chosen_fields_are_found_with_what_is_below(chosen: list[str], found: set[str]) -> None:
    """And the names of all, without which no field says what it is."""
    assert {NAMES[position] for position in select(NAMES, chosen)} == found


@pytest.mark.parametrize(
    "wrong", ["/i", "id", "/ids", "/parties/", "/parties/2", "/tags/0", "/", "", "lin", "raw/"]
)
def test_chosen_name_of_no_field_is_refused_by_name(wrong: str) -> None:
    """Half a name is none; nothing at all, a comma too many, is not the whole record."""
    with pytest.raises(ValueError, match=f"no field {wrong!r}$"):
        select(NAMES, ["/id", wrong])


def test_name_is_not_taken_for_one_that_begins_with_it() -> None:
    """A field and another whose name goes on: only a slash leads below."""
    names = ["fields", "link", "raw", "/a", "/ab", "/a~1b", "/b/a", "/a b"]
    assert select(names, ["/a"]) == {0, 3}
