"""Any one change of a receipt, written anew with a right checksum, is refused, but for what is not proved.

What may change, the last batch's commitment being known, and nothing else:
  transaction   anywhere: it is a pointer
  name          in an inclusion, a disclosure, and an absence that does not begin with batch 1
  kind          from inclusion to disclosure: the same record, all of it shown
  from, until   of an absence: another period, if that is free of contacts as well
  subject       of an absence without records: another subject, if it would stand in the same gaps
"""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from breaking import Place, changed, places
from hypothesis import given, settings
from hypothesis import strategies as st
from support.handmade_receipts import Contact, Receipt, Stream, compact, subject, written

from verifier.verify_receipt import Refused, verify


def _receipts() -> dict[str, tuple[Receipt, str]]:
    """Receipts of all kinds with much in them, each with its last batch's commitment."""
    start = "2026-01-01T00:30:00Z"
    stream = Stream(
        [
            [Contact(k % 7) for k in range(11)],
            [Contact(2), Contact(3), Contact(8)],
            [Contact(1, start, amends=1), Contact(5), Contact(1, start, kind="vcon")],
            [Contact(k) for k in range(2, 9)],
        ]
    )
    made = {
        "inclusion": stream.inclusion(9),
        "disclosure": stream.disclosure(14, ["link", "/outcome"]),
        "absence": stream.absence(subject(1), "2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"),
        "absence without its beginning": stream.absence(
            subject(9), "2026-01-01T02:30:00Z", "2026-01-01T04:00:00Z", after=2
        ),
        "completeness": stream.completeness(subject(1)),
    }
    return {name: (each, stream.commitment(each["batches"][-1]["number"])) for name, each in made.items()}


RECEIPTS = _receipts()
PLACES = {name: [each for each in places(receipt) if each[0]] for name, (receipt, _) in RECEIPTS.items()}


def one_of(draw: Any, choices: list[Any]) -> Any:
    """One of many, without hypothesis reading them all."""
    return choices[draw(st.integers(0, len(choices) - 1))]


def allowed(before: Receipt, after: Receipt) -> bool:
    """Whether two receipts differ in nothing but what may change."""
    before, after = copy.deepcopy(before), copy.deepcopy(after)
    if (before["kind"], after["kind"]) == ("inclusion", "disclosure"):
        after["kind"] = "inclusion"
    proved_name = before["kind"] in ("absence", "completeness") and before["batches"][0]["number"] == 1
    for receipt in (before, after):
        for batch in receipt["batches"]:
            batch.pop("transaction", None)
        claim = ["from", "until", *([] if receipt["records"] else ["subject"])]
        for name in [*([] if proved_name else ["name"]), *claim]:
            receipt.pop(name, None)
    return json.dumps(before) == json.dumps(after)


def check(name: str, altered: Receipt) -> None:
    """An altered receipt is refused, or differs in what may change."""
    receipt, commitment = RECEIPTS[name]
    try:
        verify(written(altered), commitment=commitment)
    except Refused:
        return
    assert allowed(receipt, altered), altered


def others(draw: Any, value: Any) -> Any:
    """A value near to another, of its type more often than not."""
    if isinstance(value, str) and value.startswith("0x"):
        at = draw(st.integers(2, len(value) - 1))
        return value[:at] + draw(st.sampled_from("0123456789abcdef")) + value[at + 1 :]
    if isinstance(value, str):
        return draw(st.sampled_from([value + "0", value[:-1], value.replace("0", "1"), "", value.upper()]))
    if isinstance(value, bool) or value is None:
        return draw(st.sampled_from([0, {}, [], ""]))
    if isinstance(value, int):
        return draw(st.sampled_from([value + 1, value - 1, 0, 1, value * 2, 2**53 - 1]))
    if isinstance(value, list):
        items = draw(st.permutations(value)) if len(value) < 8 else list(reversed(value))
        kept = draw(st.integers(0, len(items)))
        return draw(
            st.sampled_from([items, items[:kept], value[:kept] + value[kept + 1 :], value + items[:1]])
        )
    names = draw(st.permutations(list(value)))
    return draw(st.sampled_from([{name: value[name] for name in names[1:]}, None, {**value, "more": None}]))


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_verify_refuses_any_change(data: st.DataObject) -> None:
    """Any value in a receipt replaced: refused, or not among what is proved."""
    name = data.draw(st.sampled_from(sorted(RECEIPTS)))
    receipt = RECEIPTS[name][0]
    place, value = one_of(data.draw, PLACES[name])
    check(name, changed(receipt, place, others(data.draw, value)))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_verify_refuses_any_value_moved(data: st.DataObject) -> None:
    """Any value in a receipt replaced by another, from it or from another receipt: likewise."""
    name, other = (data.draw(st.sampled_from(sorted(RECEIPTS))) for _ in range(2))
    receipt = RECEIPTS[name][0]
    place, _ = one_of(data.draw, PLACES[name])
    kind = type(place[-1])
    alike = [value for found, value in PLACES[other] if type(found[-1]) is kind]
    check(name, changed(receipt, place, copy.deepcopy(one_of(data.draw, alike))))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_verify_refuses_any_change_within_texts(data: st.DataObject) -> None:
    """Any value in the names and the links replaced: refused."""
    name = data.draw(st.sampled_from(sorted(RECEIPTS)))
    receipt = RECEIPTS[name][0]
    shown = [(place, value) for place, value in PLACES[name] if place[-1] == "text"]
    if not shown:
        return
    place, text = one_of(data.draw, shown)
    value: Any = {"": json.loads(text)}
    inside, old = one_of(data.draw, [each for each in places(value) if each[0]])
    altered = changed(receipt, place, compact(changed(value, inside, others(data.draw, old))[""]))
    check(name, altered)


@pytest.mark.parametrize("name", sorted(RECEIPTS))
def test_verify_refuses_every_digit_changed(name: str) -> None:
    """Every hexadecimal value with another last digit, or backwards; every number by one, and 0."""
    receipt = RECEIPTS[name][0]
    for place, value in places(receipt):
        if isinstance(value, str) and value.startswith("0x"):
            for other in (value[:-1] + "0123456789abcdef"[int(value[-1], 16) ^ 1], value[:2] + value[:1:-1]):
                check(name, changed(receipt, place, other))
        elif isinstance(value, int):
            for number in {value + 1, value - 1, value ^ 1, 0}:
                check(name, changed(receipt, place, number))


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        *((each, ("batches", 0, "transaction"), "0x" + 64 * "0") for each in RECEIPTS),
        *(
            (each, ("name",), "chats")
            for each in ("inclusion", "disclosure", "absence without its beginning")
        ),
        ("inclusion", ("kind",), "disclosure"),
        ("absence", ("from",), "2026-01-01T00:30:01Z"),
        ("absence", ("until",), "2030-01-01T00:00:00Z"),
    ],
)
def test_verify_accepts_changes_of_what_is_not_proved(name: str, place: Place, value: Any) -> None:
    """What may change does not, for having been changed, make a receipt wrong."""
    receipt, commitment = RECEIPTS[name]
    assert verify(written(changed(receipt, place, value)), commitment=commitment)
