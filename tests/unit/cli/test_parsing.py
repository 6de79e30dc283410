"""Text of the command line: times, amounts, addresses, and what is said of bad ones."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from troth.cli import parsing
from troth.errors import BadInput

OFFICE: Any = SimpleNamespace(decimals=6)
NOON = datetime(2027, 1, 31, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    "text",
    ["2027-01-31T12:00:00Z", "2027-01-31T12:00:00z", "2027-01-31T13:00:00+01:00", "2027-01-31 12:00+00:00"],
)
def test_moment_is_iso_8601_with_a_zone(text: str) -> None:
    """However the zone is written."""
    assert parsing.moment("--deadline", text) == NOON


def test_no_moment_stays_none() -> None:
    """An option not given."""
    assert parsing.moment("--deadline", None) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2027-01-31T12:00:00", "no time zone"),
        ("2027-01-31", "no time zone"),
        ("tomorrow", "not a time"),
        ("", "not a time"),
        ("2027-02-30T00:00:00Z", "not a time"),
        ("1969-12-31T23:59:59Z", "out of range"),
        ("9999-12-31T00:00:00Z", "out of range"),
        ("0001-01-01T00:00:00+01:00", "out of range"),
    ],
)
def test_other_times_are_refused_by_option_value_and_reason(text: str, reason: str) -> None:
    """With an example to follow."""
    with pytest.raises(BadInput, match=f"^--deadline: '{text}': {reason}".replace("+", r"\+")):
        parsing.moment("--deadline", text)


def test_amounts_are_in_currency() -> None:
    """By the token's decimals."""
    assert parsing.amount(OFFICE, "AMOUNT", "12.5") == 12_500_000
    assert parsing.amount(OFFICE, "AMOUNT", "0") == 0


@pytest.mark.parametrize("text", ["-1", "1.1234567", "1,000", "one", ""])
def test_other_amounts_are_refused(text: str) -> None:
    """As in files."""
    with pytest.raises(BadInput, match=f"^AMOUNT: '{text}': "):
        parsing.amount(OFFICE, "AMOUNT", text)


def test_nothing_is_refused_where_something_is_needed() -> None:
    """Zero, however it is written."""
    with pytest.raises(BadInput, match="more than zero"):
        parsing.more_than_nothing(OFFICE, "AMOUNT", "0.00")
    assert parsing.more_than_nothing(OFFICE, "AMOUNT", "0.000001") == 1


def test_address_gets_its_checksum() -> None:
    """From lower case, and a wrong one is refused."""
    lower = "0x52908400098527886e0f7030069857d2e4169ee7"
    assert parsing.address("PAYEE", lower) == "0x52908400098527886E0F7030069857D2E4169EE7"
    with pytest.raises(BadInput, match=r"^PAYEE: .*wrong checksum"):
        parsing.address("PAYEE", "0x52908400098527886E0F7030069857D2E4169Ee7")
