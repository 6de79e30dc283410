"""Amounts between text and base units.

Branches of parsing: whole, with a point, as many places as the token has and one more; each character that
Python's own number parsers would let through; the largest and one more; text without end. Of formatting:
places trimmed and filled, a token without decimals, negative. Both: there and back.
"""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.money import MAX_AMOUNT, format_amount, parse_amount


@pytest.mark.parametrize(
    ("text", "decimals", "units"),
    [
        ("0", 6, 0),
        ("0.00", 6, 0),
        ("1250", 6, 1_250_000_000),
        ("1250.50", 6, 1_250_500_000),
        ("0.000001", 6, 1),
        ("007.5", 6, 7_500_000),
        ("12", 0, 12),
        ("0.1", 18, 10**17),
        ("79228162514264337593543.950335", 6, MAX_AMOUNT),
        ("79228162514264337593543950335", 0, MAX_AMOUNT),
    ],
)
def test_parse_is_exact(text: str, decimals: int, units: int) -> None:
    """Digits in, base units out."""
    assert parse_amount(text, decimals) == units


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "1.", ".5", "1.2.3", "-1", "+1", "1e3", "1E3", "NaN", "nan", "inf", "1_000", "1,000", "1,5",
        " 1", "1 ", "1 000", "1\n", "0x10", "½", "²",
        "١٢", "\uff11", "1.٣", "$5", "1.-5", "1.+5", "\x00", "1\udcff",
    ],
)  # fmt: skip
def test_parse_refuses_what_is_not_digits_and_a_point(text: str) -> None:
    """Neither int(), float() nor Decimal() is this strict."""
    with pytest.raises(ValueError, match=r"^(not an amount|empty): write"):
        parse_amount(text, 6)


@pytest.mark.parametrize(("text", "decimals"), [("1.2345678", 6), ("1.0000000", 6), ("1.0", 0), ("0.123", 2)])
def test_parse_refuses_more_places_than_the_token_has(text: str, decimals: int) -> None:
    """Nothing is rounded for anybody, not even zeros."""
    with pytest.raises(ValueError, match=f"digits after the point, and the token has {decimals}"):
        parse_amount(text, decimals)


@pytest.mark.parametrize(
    ("text", "decimals"),
    [
        ("79228162514264337593543.950336", 6),
        ("79228162514264337593543950336", 0),
        ("9" * 61, 0),
        ("9" * 10_000, 6),
    ],
)
def test_parse_refuses_more_than_96_bits(text: str, decimals: int) -> None:
    """One base unit too much, and text that int() itself would choke on."""
    with pytest.raises(ValueError, match=r"too large: at most 79228162514264337593543"):
        parse_amount(text, decimals)


@pytest.mark.parametrize(
    ("units", "decimals", "text"),
    [
        (0, 6, "0.00"),
        (1, 6, "0.000001"),
        (250_000_000, 6, "250.00"),
        (250_500_000, 6, "250.50"),
        (250_123_400, 6, "250.1234"),
        (7, 0, "7"),
        (700, 0, "700"),
        (5, 1, "0.5"),
        (50, 1, "5.0"),
        (-1, 6, "-0.000001"),
        (-1_500_000, 6, "-1.50"),
    ],
)
def test_format_shows_two_places_or_as_many_as_needed(units: int, decimals: int, text: str) -> None:
    """Trailing zeros go, but for cents."""
    assert format_amount(units, decimals) == text


@given(units=st.integers(0, MAX_AMOUNT), decimals=st.integers(0, 24))
def test_amount_survives_the_way_there_and_back(units: int, decimals: int) -> None:
    """What is printed can be pasted back, and means what Fraction says."""
    text = format_amount(units, decimals)
    assert parse_amount(text, decimals) == units
    assert Fraction(text) == Fraction(units, 10**decimals)
