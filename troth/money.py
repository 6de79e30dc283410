"""Amounts: text in currency at the edge, whole base units inside. No float comes near either.

One unit of a token with d decimals is 10**d base units; the contracts hold amounts in 96 bits.
"""

from __future__ import annotations

__all__ = ["MAX_AMOUNT", "format_amount", "parse_amount"]

MAX_AMOUNT = 2**96 - 1
_MAX_DIGITS = 60  # far above MAX_AMOUNT, far below where int() grows slow or refuses


def parse_amount(text: str, decimals: int) -> int:
    """The base units of `text`, as "1250" or "1250.50", exactly; at most 2**96 - 1.

    Raises ValueError, saying why, for anything but digits and a point between them: no sign, exponent, space,
    underscore or separator of thousands, and no more than `decimals` digits after the point.
    """
    whole, point, fraction = text.partition(".")
    digits = whole + fraction
    if not (digits.isdigit() and digits.isascii()) or not whole or (point and not fraction):
        raise ValueError(_not_an_amount(text, decimals))
    if len(fraction) > decimals:
        raise ValueError(f"{len(fraction)} digits after the point, and the token has {decimals}: round it")
    units = int(digits + "0" * (decimals - len(fraction))) if len(digits) <= _MAX_DIGITS else MAX_AMOUNT + 1
    if units > MAX_AMOUNT:
        raise ValueError(f"too large: at most {format_amount(MAX_AMOUNT, decimals)}")
    return units


def format_amount(units: int, decimals: int) -> str:
    """`units` base units in currency, exactly: "1250.50". Two digits after the point, or as many as it takes.

    Differences may be negative: "-0.000001". What is not negative reads back with `parse_amount`.
    """
    digits = str(abs(units)).rjust(decimals + 1, "0")
    whole, fraction = digits[: len(digits) - decimals], digits[len(digits) - decimals :]
    fraction = fraction.rstrip("0").ljust(min(2, decimals), "0")
    return f"{'-' if units < 0 else ''}{whole}{'.' if fraction else ''}{fraction}"


def _not_an_amount(text: str, decimals: int) -> str:
    """What to write instead of `text`."""
    if not text:
        return "empty: write an amount, as 0 or 1250.50"
    example = "1250.50" if decimals > 1 else "1250"
    return f"not an amount: write digits and at most one point, as {example}"
