"""Small receipts to break, and how: alter the value, then write it with a right checksum."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from support.handmade_receipts import (
    Contact,
    Receipt,
    Stream,
    subject,
    written,
)

from verifier.verify_receipt import Refused, Verdict, verify

Alter = Callable[[Receipt], Any]


@pytest.fixture
def stream() -> Stream:
    """Four batches. Subject 1 is in the first, the third and the fourth; subject 9 is nowhere."""
    return Stream(
        [
            [Contact(1), Contact(2), Contact(3), Contact(4), Contact(1, "2026-01-01T00:30:00Z")],
            [Contact(2), Contact(3)],
            [Contact(1, "2026-01-01T02:00:00Z"), Contact(5), Contact(6)],
            [Contact(1, "2026-01-01T03:00:00Z", amends=7)],
        ]
    )


@pytest.fixture
def inclusion(stream: Stream) -> Receipt:
    """Record 3, whole."""
    return stream.inclusion(3)


@pytest.fixture
def disclosure(stream: Stream) -> Receipt:
    """Two fields of record 4."""
    return stream.disclosure(4, ["link", "/outcome"])


@pytest.fixture
def absence(stream: Stream) -> Receipt:
    """Subject 1 between its second and third contact, surveyed from the first batch on."""
    return stream.absence(subject(1), "2026-01-01T00:30:01Z", "2026-01-01T02:00:00Z")


@pytest.fixture
def late_absence(stream: Stream) -> Receipt:
    """Subject 9, after the second batch, which is given without being surveyed."""
    return stream.absence(subject(9), "2026-01-01T02:00:01Z", "2026-01-01T04:00:00Z", after=2)


@pytest.fixture
def completeness(stream: Stream) -> Receipt:
    """All of subject 1."""
    return stream.completeness(subject(1))


@pytest.fixture
def refused() -> Callable[..., None]:
    """Alters a receipt, writes it with a right checksum, and expects it refused there, in those words."""

    def check(receipt: Receipt, alter: Alter, where: str, why: str) -> None:
        altered = copy.deepcopy(receipt)
        alter(altered)
        with pytest.raises(Refused) as caught:
            verify(written(altered))
        assert caught.value.where == where, str(caught.value)
        assert why in caught.value.why, str(caught.value)

    return check


@pytest.fixture
def accepted() -> Callable[..., Verdict]:
    """The verdict on a receipt, if altered then."""

    def check(receipt: Receipt, alter: Alter | None = None, **trusted: str) -> Verdict:
        altered = copy.deepcopy(receipt)
        if alter:
            alter(altered)
        return verify(written(altered), **trusted)

    return check
