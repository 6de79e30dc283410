"""The form of a receipt's file, broken in one place at a time.

Branches: every bit · bytes: none, no UTF-8, a byte order mark, cut short, doubled · JSON: deep, huge numbers,
fractions, doubled members, escapes, spaces, newlines · members: each left out, one too many, swapped ·
values: each of another type, hexadecimal in capitals, short and long, numbers out of bounds, times that are
none · checksum · any bytes and any JSON at all.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from breaking import Place, changed, in_words, places, refusal
from hypothesis import given, settings
from hypothesis import strategies as st
from support.handmade_receipts import Contact, Receipt, Stream, form, four_kinds, sealed, subject, written

from verifier.verify_receipt import Refused, verify

Refuses = Callable[..., None]
DAY = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")


def smallest(kind: str) -> Receipt:
    """A receipt of a kind with little in it, so that all of it can be tried."""
    stream = Stream([[Contact(1, document={"/id": "1"}), Contact(2)]])
    receipts = {
        "inclusion": stream.inclusion(0),
        "disclosure": stream.disclosure(1, ["raw"]),
        "absence": stream.absence(subject(3), *DAY),
        "completeness": stream.completeness(subject(2)),
    }
    return receipts[kind]


@pytest.mark.parametrize("kind", ["inclusion", "disclosure", "absence", "completeness"])
def test_verify_refuses_every_bit_turned(kind: str) -> None:
    """Not one bit of a receipt can change."""
    file = bytearray(written(smallest(kind)))
    assert verify(bytes(file))
    for bit in range(8 * len(file)):
        file[bit // 8] ^= 1 << bit % 8
        try:
            verify(bytes(file))
        except Refused:
            file[bit // 8] ^= 1 << bit % 8
        else:
            pytest.fail(f"byte {bit // 8}, bit {bit % 8}")


@pytest.mark.parametrize(
    ("alter", "where", "why"),
    [
        (lambda _: b"", "$", "is not JSON: line 1, column 1"),
        (lambda _: b"\0", "$", "is not JSON"),
        (lambda _: b"null\n", "$", "must be an object"),
        (lambda _: b"[]\n", "$", "must be an object"),
        (lambda file: file[:100] + b"\xff" + file[100:], "$", "is not UTF-8: byte 100"),
        (lambda file: file[:40] + b"\xed\xa0\x80" + file[40:], "$", "is not UTF-8: byte 40"),
        (lambda file: b"\xef\xbb\xbf" + file, "$", "is not JSON"),
        (lambda file: file.decode().encode("utf-16"), "$", "is not UTF-8"),
        (lambda file: file[:-2], "$", "is not JSON"),
        (lambda file: file + b"{}", "$", "is not JSON"),
        (lambda file: file + b"\n", "$", "is not in the one form"),
        (lambda file: file + b" ", "$", "is not in the one form"),
        (lambda file: b"\n" + file, "$", "is not in the one form it can have: line 1 is"),
        (lambda file: file.replace(b"\n", b"\r\n"), "$", "is not in the one form it can have: line 1 is"),
        (lambda file: json.dumps(json.loads(file)).encode(), "$", "is not in the one form"),
        (
            lambda file: file.replace(b"calls", b"\\u0063alls"),
            "$",
            "is not in the one form it can have: line 7 is",
        ),
        (lambda file: file.replace(b'"stream": 1', b'"stream": 1,\n "stream": 1'), "$", "line 7 is"),
        (lambda file: file.replace(b'"stream": 1', b'"stream": -0'), "$.stream", "an integer from 1"),
        (lambda file: file.replace(b'"stream": 1', b'"stream": 1.0'), "$.stream", "is a number that"),
        (lambda file: file.replace(b'"stream": 1', b'"stream": 1e0'), "$.stream", "is a number that"),
        (lambda file: file.replace(b'"stream": 1', b'"stream": 01'), "$", "is not JSON"),
        (lambda file: file.replace(b'"stream": 1', b'"stream": NaN'), "$.stream", "is a number that"),
        (lambda file: file.replace(b'"stream": 1', b'"stream": -Infinity'), "$.stream", "is a number that"),
        (lambda file: file.replace(b'"stream": 1', b'"stream": 1' + b"0" * 9999), "$.stream", "too large"),
        (lambda file: file.replace(b'"stream": 1', b'"stream": ' + b"[" * 10**6), "$", "is nested too deep"),
        (
            lambda file: file.replace(b'"stream": 1', b'"stream": ' + b'{"":' * 10**6),
            "$",
            "is nested too deep",
        ),
        (lambda _: b"[" * 900 + b"]" * 900, "$", "must be an object"),
    ],
)
def test_verify_refuses_other_bytes(alter: Callable[[bytes], bytes], where: str, why: str) -> None:
    """A file that is not exactly the form of what it holds is refused, whatever a parser would make of it."""
    caught = refusal(alter(written(smallest("inclusion"))))
    assert (caught.where, why in caught.why) == (where, True), str(caught)


def test_verify_refuses_a_lone_surrogate_as_an_escape() -> None:
    """Half a character cannot be written in UTF-8, and its escape is not the form it would have."""
    receipt = smallest("inclusion")
    text = form(sealed(receipt)).replace('"text": "1"', '"text": "\\ud800"')
    assert text != form(sealed(receipt))
    assert "is not in the one form" in refusal(text.encode()).why


@pytest.mark.parametrize("kind", ["inclusion", "disclosure", "absence", "completeness"])
def test_verify_refuses_other_checksums(kind: str) -> None:
    """The checksum is that of this file, and is there."""
    right = sealed(smallest(kind))
    for wrong in ("0x" + 64 * "0", sealed(four_kinds()[kind][1])["checksum"]):
        assert refusal(form({**right, "checksum": wrong}).encode()).where == "$.checksum"
    for missing in (smallest(kind), {"checksum": right["checksum"], **right}):
        assert "must have the members troth_receipt" in refusal(form(missing).encode()).why


# --- values


@pytest.mark.parametrize("kind", ["inclusion", "disclosure", "absence", "completeness"])
def test_verify_refuses_values_of_other_types(kind: str) -> None:
    """Every value in a receipt is of its own type; True is no integer. Null is a value only beside a gap."""
    receipt = smallest(kind)
    for place, value in places(receipt):
        for other in ({}, [], "", True, False, None, -1, 2**53, 10**16, 1.5, "0x", [[]], {"a": None}):
            same = type(other) is type(value) and not isinstance(value, int)
            beside = place[-1:] in [("below",), ("above",)] and other is None
            empty = place in [("records", 0, "path"), ("batches",), ("records",)] and other == []
            if not place or beside or empty or (same and (value == other or isinstance(value, str))):
                continue
            if place[-1] == "path" and other == []:
                continue
            caught = refusal(written(changed(receipt, place, other)))
            assert caught.where.startswith(in_words(place[:-1])), (place, other, str(caught))


@pytest.mark.parametrize("kind", ["inclusion", "disclosure", "absence", "completeness"])
def test_verify_refuses_hexadecimal_of_other_lengths_and_letters(kind: str) -> None:
    """Hexadecimal is lower-case, after 0x, and of one length."""
    receipt = smallest(kind)
    for place, value in places(receipt):
        if not isinstance(value, str) or not value.startswith("0x"):
            continue
        for other in (
            value[2:],
            value[:-2],
            value[:-1],
            value + "0",
            value + "00",
            value + "\n",
            " " + value[1:],
        ):
            caught = refusal(written(changed(receipt, place, other)))
            assert (caught.where, "lower-case" in caught.why) == (in_words(place), True), str(caught)
        for other in ("0X" + value[2:], value[:-1] + "g", value[:-1] + "A", value[:-1] + "\u0661"):
            caught = refusal(written(changed(receipt, place, other)))
            assert (caught.where, "lower-case" in caught.why) == (in_words(place), True), str(caught)


@pytest.mark.parametrize("kind", ["inclusion", "disclosure", "absence", "completeness"])
def test_verify_refuses_other_members(kind: str) -> None:
    """Every object has exactly its members, in order."""
    receipt = sealed(smallest(kind))
    for place, value in places(receipt):
        if not isinstance(value, dict):
            continue
        names = list(value)
        fewer = [{name: value[name] for name in names if name != gone} for gone in names]
        swapped = [{name: value[name] for name in [*names[1:], names[0]]}] if names[1:] else []
        for other in [*fewer, *swapped, {**value, "more": 1}, {"more": 1, **value}]:
            file = form(changed({"": receipt}, ("", *place), other)[""]).encode()
            caught = refusal(file)
            assert caught.where == in_words(place), str(caught)
            assert "must have the members" in caught.why or "must be" in caught.why, str(caught)


@pytest.mark.parametrize(
    ("member", "other", "why"),
    [
        ("troth_receipt", 2, "must be 1, and is 2"),
        ("troth_receipt", True, "must be 1, and is true"),
        ("kind", "erasure", "must be a kind of receipt, and is 'erasure'"),
        ("kind", "inclusion\n", "must be a kind of receipt"),
        ("chain", 0, "an integer from 1"),
        ("stream", 0, "an integer from 1"),
        ("name", "", "1 to 64 of a to z"),
        ("name", "a" * 65, "1 to 64 of a to z"),
        ("name", "Calls", "1 to 64 of a to z"),
        ("name", "calls\n", "1 to 64 of a to z"),
        ("name", "cälls", "1 to 64 of a to z"),
        ("batches", [], "must hold a batch"),
        ("batches", {}, "must be an array"),
        ("records", [], "must hold one record"),
    ],
)
def test_verify_refuses_heads(
    member: str, other: Any, why: str, inclusion: Receipt, refused: Refuses
) -> None:
    """What stands at the head is within its bounds."""
    refused(inclusion, lambda receipt: receipt.update({member: other}), f"$.{member}", why)


@pytest.mark.parametrize(
    "moment",
    [
        "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00z",
        "2026-01-01T00:00:00+00:00",
        "2026-01-01T00:00:00.0Z",
        "2026-1-01T00:00:00Z",
        "2026-01-01T0:00:00Z",
        "26-01-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T23:59:60Z",
        "2026-01-01T00:00:00Z\n",
        " 2026-01-01T00:00:00Z",
        "\u0662026-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "",
    ],
)
def test_verify_refuses_moments(moment: str, absence: Receipt, refused: Refuses) -> None:
    """A time has one way to be written, and is one."""
    for member in ("from", "until"):
        refused(absence, lambda receipt: receipt.update({member: moment}), f"$.{member}", "must be a time")  # noqa: B023


def test_verify_takes_a_receipt_of_another_kind_for_what_it_is(inclusion: Receipt, refused: Refuses) -> None:
    """A survey's members are not an inclusion's."""
    refused(inclusion, lambda receipt: receipt.update(kind="absence"), "$", "must have the members")


# --- anything


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_verify_refuses_any_bytes(file: bytes) -> None:
    """Whatever the bytes: refused, and no other exception."""
    refusal(file)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)
RIGHT = {kind: smallest(kind) for kind in four_kinds()}
PLACES = [(kind, place) for kind, receipt in RIGHT.items() for place, _ in places(receipt) if place]


@settings(max_examples=100, deadline=None)
@given(JSON, st.sampled_from(PLACES))
def test_verify_refuses_any_json(value: Any, where: tuple[str, Place]) -> None:
    """Whatever the JSON, alone or anywhere in a receipt: refused, and no other exception."""
    refusal(json.dumps(value, indent=1, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    kind, place = where
    altered = changed(RIGHT[kind], place, value)
    try:
        verify(json.dumps(altered, indent=1, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    except Refused:
        pass
    else:
        pytest.fail("accepted without a checksum")


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_verify_refuses_pieces_of_receipts(data: st.DataObject) -> None:
    """Pieces of a receipt left out, doubled or moved: refused, and no other exception."""
    file = written(RIGHT[data.draw(st.sampled_from(sorted(RIGHT)))])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(file)), min_size=2, max_size=2, unique=True)))
    piece, at = file[cuts[0] : cuts[1]], data.draw(st.integers(0, len(file)))
    rest = file[: cuts[0]] + file[cuts[1] :]
    for altered in (rest, file[:at] + piece + file[at:], rest[:at] + piece + rest[at:]):
        if altered.removesuffix(b"\n") != file.removesuffix(b"\n"):
            refusal(altered)


def test_verify_takes_time_in_proportion() -> None:
    """Hostile megabytes are refused in seconds: digits, depth, long names, many members, many path steps."""
    start = time.process_time()
    million = 10**6
    refusal(b'{"a": ' + b"9" * 2 * million + b"}")
    refusal(b'{"a": ' + b"0." + b"9" * 2 * million + b"}")
    refusal(b'{"a": "' + b"\\u0000" * million + b'"}')
    refusal(b"{" + b",".join(b'"%d": 1' % k for k in range(million // 4)) + b"}")
    receipt = smallest("inclusion")
    receipt["records"][0]["path"] = receipt["records"][0]["path"] * 100_000
    assert "is too long" in refusal(written(receipt)).why
    assert time.process_time() - start < 15
