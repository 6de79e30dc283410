"""What the chain was seen to do, as invariants need it: the last step, and sums over all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from invariants.chain import Said


@dataclass(frozen=True)
class Step:
    """One call, or some time that passed."""

    call: str
    """Such as "pool.mint"; "" if it was refused, "wait" if there was none."""
    arguments: tuple[Any, ...]
    now: int
    said: list[Said]
    before: dict[Any, Any]
    """All state, as Model.totals words it."""
    after: dict[Any, Any]

    def told(self, *names: str) -> list[tuple[Any, ...]]:
        """The arguments of the events of those names, in order."""
        return [arguments for name, arguments in self.said if name in names]


@dataclass
class Flows:
    """Money that moved since the example began, by the events of the pool and of the token."""

    paid: int = 0
    owed_for_claims: int = 0
    refunded: int = 0
    owed_withdrawn: int = 0
    withdrawn: int = 0
    """By shareholders."""
    out: int = 0
    """Transfers from the pool, those to itself included."""
    into: int = 0
    owed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """And not withdrawn, by payee."""
    claims: dict[tuple[int, int], list[int]] = field(default_factory=lambda: defaultdict(list))
    """Amounts paid or owed, by book and policy number."""

    def add(self, step: Step, transfers: Iterable[Any], pool: str) -> None:
        """Counts in one step and the token's transfers in it."""
        is_claim = step.call == "books.settle"
        for _, payee, _, amount in step.told("Owed"):
            self.owed[payee] += amount
            self.owed_for_claims += amount if is_claim else 0
        for payee, _, amount in step.told("OwedWithdrawn"):
            self.owed[payee] -= amount
            self.owed_withdrawn += amount
        for book_id, _, number, amount in step.told("Paid", "Owed") if is_claim else ():
            self.claims[book_id, number].append(amount)
        self.paid += sum(amount for *_, amount in step.told("Paid"))
        self.refunded += sum(amount for *_, amount in step.told("Refunded"))
        self.withdrawn += sum(assets for *_, assets, _ in step.told("Withdraw"))
        for giver, to, value in transfers:
            self.out += value if giver == pool else 0
            self.into += value if to == pool else 0
