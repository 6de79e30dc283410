"""Text of the command line as values, or BadInput that names the option."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from troth.addresses import format_address, parse_address
from troth.errors import BadInput, Problem
from troth.intake import parse_moment
from troth.money import parse_amount

if TYPE_CHECKING:
    from troth.office import Office

__all__ = ["address", "amount", "checked", "moment", "more_than_nothing"]

Value = TypeVar("Value")


def checked(place: str, text: str, parse: Callable[[str], Value]) -> Value:
    """`parse(text)`. Raises BadInput, naming the option or argument `place`, where that raises ValueError."""
    try:
        return parse(text)
    except ValueError as error:
        raise BadInput([Problem(place, None, None, text, str(error))]) from None


def amount(office: Office, place: str, text: str) -> int:
    """Base units of an amount in currency, as in files."""
    return checked(place, text, lambda given: parse_amount(given, office.decimals))


def more_than_nothing(office: Office, place: str, text: str) -> int:
    """The same, and not zero."""
    if units := amount(office, place, text):
        return units
    raise BadInput([Problem(place, None, None, text, "write more than zero")])


def address(place: str, text: str) -> str:
    """An account's address with its checksum."""
    return format_address(checked(place, text, parse_address))


def moment(place: str, text: str | None) -> datetime | None:
    """A time in ISO 8601 with its zone; None stays None."""
    return None if text is None else checked(place, text, parse_moment)
