"""Column types for integers wider than a database's own: amounts (unsigned, 96 bits), their totals
(unsigned, 256 bits) and observed values (signed, 128 bits).

Both are kept as canonical decimal text: exact on SQLite, whose integers end at 63 bits, and on PostgreSQL,
readable in any SQL shell, and never a float. Text does not sort or add up as numbers do: totals are taken
in Python, and an order by size is `length(x), x` for amounts.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Dialect, String
from sqlalchemy.types import TypeDecorator

__all__ = ["Amount", "ExactInteger", "Observed", "Total"]


class ExactInteger(TypeDecorator[int]):
    """An integer within fixed bounds, stored as decimal text. Refuses anything but an `int` in range."""

    impl = String
    cache_ok = True
    lowest: int
    highest: int

    def __init__(self) -> None:
        super().__init__(max(len(str(self.lowest)), len(str(self.highest))))

    def text(self, value: int | None) -> str | None:
        """The decimal text of `value`; None stays None. Raises ValueError out of range or not an `int`."""
        if value is None:
            return None
        if type(value) is not int or not self.lowest <= value <= self.highest:
            raise ValueError(f"{value!r} is no integer from {self.lowest} to {self.highest}")
        return str(value)

    def process_bind_param(self, value: int | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """What the driver is given."""
        return self.text(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """What the program is given back."""
        return None if value is None else int(value)


class Amount(ExactInteger):
    """Money in base units of the token: 0 to 2^96 - 1, up to 29 digits."""

    cache_ok = True
    lowest, highest = 0, (1 << 96) - 1


class Total(ExactInteger):
    """Money added up by a contract: 0 to 2^256 - 1, up to 78 digits."""

    cache_ok = True
    lowest, highest = 0, (1 << 256) - 1


class Observed(ExactInteger):
    """A value of a metric, in its unit: a Solidity `int128`, up to 40 characters."""

    cache_ok = True
    lowest, highest = -(1 << 127), (1 << 127) - 1
