"""Ways to break a receipt, and to make good what would give it away: its writer makes all the data."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from support.handmade_receipts import Receipt, commitment_of, compact, hexed, sha256
from support.streams import root_of

from verifier.verify_receipt import Refused, verify

Place = tuple[Any, ...]


def places(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every value in a value, and the way to it."""
    yield place, value
    if isinstance(value, dict):
        for name, each in value.items():
            yield from places(each, (*place, name))
    if isinstance(value, list):
        for i, each in enumerate(value):
            yield from places(each, (*place, i))


def changed(receipt: Receipt, place: Place, value: Any) -> Receipt:
    """A copy with another value there."""
    made: Any = copy.deepcopy(receipt)
    at = made
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = value
    return made  # type: ignore[no-any-return]


def in_words(place: Place) -> str:
    """$.batches[0].root"""
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)


def refusal(file: bytes) -> Refused:
    """Why a file is refused."""
    with pytest.raises(Refused) as caught:
        verify(file)
    return caught.value


def rechained(receipt: Receipt) -> None:
    """Lets every batch name the commitment of the one before, whatever was altered in that."""
    for before, batch in zip(receipt["batches"], receipt["batches"][1:], strict=False):
        batch["previous"] = hexed(commitment_of(receipt, before))


def reanchored(receipt: Receipt) -> None:
    """Makes the record the only one of its batch, whatever was altered in it."""
    record, batch = receipt["records"][0], receipt["batches"][0]
    digests = [
        sha256(bytes.fromhex(each["salt"][2:]), each["text"].encode())
        if "text" in each
        else bytes.fromhex(each["digest"][2:])
        for each in record["fields"]
    ]
    record["index"], record["path"] = batch["first"], []
    batch["count"], batch["root"] = 1, hexed(root_of([sha256(*digests)]))


def renamed(receipt: Receipt, names: list[Any]) -> None:
    """Lets the first field name others."""
    receipt["records"][0]["fields"][0]["text"] = compact(names)
    reanchored(receipt)
