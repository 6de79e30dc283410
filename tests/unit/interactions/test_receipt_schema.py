"""The JSON Schema of receipts: takes every receipt, whoever made it, and nothing that only looks like one.

├── it is a schema · all kinds by hand, with and without records, gaps at either end, plain first batches
├── a member too many, missing, of another type or form, of another kind: refused, wherever it stands
└── it travels in the package
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from support.handmade_receipts import Contact, Stream, four_kinds, sealed, subject

SCHEMA = json.loads((files("troth.interactions") / "receipt.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
KINDS = {kind: sealed(receipt) for kind, (_, receipt) in four_kinds().items()}


def takes(receipt: Any) -> bool:
    """Whether the schema does."""
    return bool(VALIDATOR.is_valid(receipt))


def test_schema_is_one() -> None:
    """Of the draft it names."""
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("kind", KINDS)
def test_schema_takes_a_receipt(kind: str) -> None:
    """Of each kind."""
    VALIDATOR.validate(KINDS[kind])


def test_schema_takes_a_survey_whatever_the_subject() -> None:
    """There, at either end, in between, alone; with records and without; with a plain batch before."""
    stream = Stream([[Contact(who) for who in (1, 2, 3)], [Contact(4)], [Contact(1), Contact(4)]])
    gaps = set()
    for who in range(1, 40):
        receipt = sealed(
            stream.absence(subject(who), "2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z", after=1)
        )
        VALIDATOR.validate(receipt)
        for batch in receipt["batches"]:
            gaps |= {tuple(side for side, leaf in batch.get("gap", {}).items() if leaf)}
    assert gaps == {(), ("below",), ("above",), ("below", "above")}


def _places(value: Any) -> list[tuple[Any, ...]]:
    """The way to every member and item, once for those that differ in what stands beside them only."""
    found: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for place in _all_places(value):
        shape = tuple("item" if isinstance(key, int) and key else key for key in place)
        found.setdefault(shape, place)
    return list(found.values())


def _all_places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every member and item."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in items:
        yield (*at, key)
        yield from _all_places(one, (*at, key))


def _changed(receipt: Any, place: tuple[Any, ...], change: Callable[[Any, Any], None]) -> Any:
    """A copy with one member or item changed."""
    made = copy.deepcopy(receipt)
    parent = made
    for key in place[:-1]:
        parent = parent[key]
    change(parent, place[-1])
    return made


def _set(value: Any) -> Callable[[Any, Any], None]:
    """Puts a value there."""

    def change(parent: Any, key: Any) -> None:
        parent[key] = value

    return change


def _drop(parent: Any, key: Any) -> None:
    """Takes it away."""
    del parent[key]


@pytest.mark.parametrize("kind", KINDS)
def test_schema_refuses_a_value_of_another_type_anywhere(kind: str) -> None:
    """True is no integer, to JSON, and neither text nor object."""
    receipt = KINDS[kind]
    for place in _places(receipt):
        assert not takes(_changed(receipt, place, _set(True))), place


@pytest.mark.parametrize("kind", KINDS)
def test_schema_refuses_a_member_less_or_more_anywhere(kind: str) -> None:
    """Every one of them is needed, and there are no others."""
    receipt = KINDS[kind]
    for place in [(), *_places(receipt)]:
        parent: Any = receipt
        for key in place:
            parent = parent[key]
        if isinstance(parent, dict):
            assert not takes(_changed(receipt, (*place, "more"), _set("0x" + "00" * 32))), place
        if place and isinstance(place[-1], str):
            assert not takes(_changed(receipt, place, _drop)), place


@pytest.mark.parametrize("kind", KINDS)
def test_schema_refuses_upper_case_wherever_a_hash_is_due(kind: str) -> None:
    """One hash, one form."""
    receipt = KINDS[kind]
    for place in _places(receipt):
        value: Any = receipt
        for key in place:
            value = value[key]
        if isinstance(value, str) and re.fullmatch("0x[0-9a-f]{32,64}", value):
            assert not takes(_changed(receipt, place, _set("0x" + "AB" * (len(value) // 2 - 1)))), place


@pytest.mark.parametrize(
    "text", ["0x" + "00" * 31, "0x" + "00" * 33, "00" * 32, "0x" + "0g" * 32, " 0x" + "00" * 32]
)
def test_schema_refuses_what_is_not_32_bytes(text: str) -> None:
    """In hexadecimal, with 0x, and nothing around it."""
    assert not takes({**KINDS["inclusion"], "checksum": text})


@pytest.mark.parametrize("kind", KINDS)
def test_schema_refuses_a_receipt_under_the_name_of_another_kind(kind: str) -> None:
    """Save that a whole record is a disclosure of all its fields, and may be called so."""
    for other in {*KINDS, "exclusion"} - {kind}:
        named = {**KINDS[kind], "kind": other}
        assert takes(named) == ((kind, other) == ("inclusion", "disclosure"))


@pytest.mark.parametrize(
    ("kind", "place", "value"),
    [
        ("inclusion", ("troth_receipt",), 2),
        ("inclusion", ("name",), "Calls"),
        ("inclusion", ("chain",), 2**53),
        ("inclusion", ("stream",), 0),
        ("inclusion", ("batches",), []),
        ("inclusion", ("records",), []),
        ("inclusion", ("batches", 0, "count"), 0),
        ("inclusion", ("records", 0, "fields", 1), {"digest": "0x" + "00" * 32}),
        ("disclosure", ("records", 0, "fields", 0), {"digest": "0x" + "00" * 32}),
        ("disclosure", ("records", 0, "fields", 1), {"salt": "0x" + "00" * 16}),
        ("completeness", ("records",), []),
        ("completeness", ("records", 0, "fields", 1), {"digest": "0x" + "00" * 32}),
        ("completeness", ("from",), "2026-01-01T00:00:00Z"),
        ("absence", ("from",), "2026-01-01T00:00:00+00:00"),
        ("absence", ("until",), "2026-01-01"),
        ("absence", ("batches", 1, "gap"), {"below": None, "above": None}),
    ],
)
def test_schema_refuses_what_no_receipt_says(kind: str, place: tuple[Any, ...], value: Any) -> None:
    """Out of range, of another form, or not open."""
    assert not takes(_changed(KINDS[kind], place, _set(value)))


@pytest.mark.parametrize("kind", ["absence", "completeness"])
def test_schema_refuses_a_batch_both_with_an_entry_and_a_gap(kind: str) -> None:
    """Or with neither; only the first of an absence may be plain."""
    receipt = KINDS[kind]
    place = ("batches", len(receipt["batches"]) - 1)
    batch = receipt["batches"][-1]
    both = {**batch, "entry": receipt["batches"][0]["entry"], "gap": {"below": None, "above": None}}
    neither = {name: value for name, value in batch.items() if name not in {"entry", "gap"}}
    plain = {name: value for name, value in neither.items() if name != "opening"}
    for wrong in (both, neither, plain):
        assert not takes(_changed(receipt, place, _set(wrong)))
    assert takes(_changed(receipt, ("batches", 0), _set(_plain(receipt["batches"][0])))) == (
        kind == "absence"
    )


def _plain(batch: dict[str, Any]) -> dict[str, Any]:
    """A batch that is not surveyed."""
    return {name: value for name, value in batch.items() if name not in {"opening", "entry", "gap"}}
