"""What the office makes and its chain holds, the page proves: no code is shared, but the format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from reader import Reader
from support import Suite
from support.filed import NAME, Filed, contact, file_stream
from support.handmade_receipts import subject
from support.office import desk_of

from troth.interactions import receipts, surveys

AMENDS = 1


@pytest.fixture
def filed(suite: Suite, tmp_path: Path) -> Iterator[Filed]:
    """Six records of three customers in three batches, an amendment and texts in many scripts among them."""
    caller = {"tel": "+49", "name": {"last": "Ähre", "first": "愛"}, "note": "אבג \u202e 👩‍🚀"}
    batches = [
        [contact(1, source="a"), contact(2, source="b", outcome="solved"), contact(1, source="c")],
        [contact(2, source="d", amends=AMENDS), contact(3, source="e", caller=caller)],
        [contact(1, source="f")],
    ]
    with desk_of(suite, tmp_path / "desk") as desk:
        yield file_stream(desk, batches)


def test_receipts_of_the_office_are_proved(reader: Reader, filed: Filed) -> None:
    """Of every kind, against the node of its chain; with what they say."""
    office, url = filed.desk.office, filed.desk.suite.node.url
    nobody_called = filed.times[0] + 1, filed.times[2]
    made = {
        "inclusion": receipts.inclusion(office, NAME, "e"),
        "disclosure": receipts.disclosure(office, NAME, "#4", ["/caller/name", "link"]),
        "absence": surveys.absence(office, NAME, subject(3), *nobody_called),
        "completeness": surveys.completeness(office, NAME, subject(1)),
    }
    shown = {
        "inclusion": "/caller/name/first 愛",
        "disclosure": "/caller/tel withheld",
        "absence": "batch 1 and before was put in the ledger before the period",
        "completeness": "Contact 3: interaction record 5, batch 3",
    }
    for kind, receipt in made.items():
        assert reader.choose(receipt.text.encode()) == "open"
        assert reader.ask(url) == "proved"
        assert shown[kind] in reader.text()


def test_amendment_of_the_office_is_shown_as_one(reader: Reader, filed: Filed) -> None:
    """With what it amends."""
    receipt = surveys.completeness(filed.desk.office, NAME, subject(2))
    assert reader.choose(receipt.text.encode()) == "open"
    assert (
        reader.lines(".timeline li > div")[1] == "Contact 2: interaction record 3, batch 2, amends record 1"
    )
