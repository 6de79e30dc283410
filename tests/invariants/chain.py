"""What settlement and pool really do: a transaction and its events in one exchange, all state in another.

Anvil sends for anybody here (`impersonating`) and answers a transaction with its receipt: nothing is polled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from support import Suite

from troth.chain.contracts import Contract
from troth.chain.refusals import Refusals
from troth.chain.rpc import Node, Reverted, quantity

GAS = 6_000_000
"""Of every transaction: several times what the largest here uses."""
UNTOLD = frozenset(
    {
        "Approval",
        "Frozen",
        "Paused",
        "Unpaused",
        "ProductRegistered",
        "ReportPublished",
        "ReportChallenged",
        "ReportUpheld",
        "ReportReplaced",
        "DailyCapSet",
        "MinimumCollateralSet",
    }
)
"""Events that say nothing of money: what they stand for is read instead."""

WORDS = 3
"""Of marks read of each book: policies 0 to 767."""

Said = tuple[str, tuple[Any, ...]]
View = tuple[str, str, tuple[Any, ...]]
"""Contract, function and arguments."""


@contextmanager
def impersonating(node: Node) -> Iterator[None]:
    """Transactions from any account, unsigned."""
    node.call("anvil_autoImpersonateAccount", [True])
    try:
        yield
    finally:
        node.call("anvil_autoImpersonateAccount", [False])


class Chain:
    """The contracts of a suite, by their short names."""

    def __init__(self, suite: Suite) -> None:
        self.suite, self.node = suite, suite.node
        self.contracts: Mapping[str, Contract] = {
            "token": suite.token,
            "products": suite.products,
            "reports": suite.reports,
            "books": suite.books,
            "pool": suite.pool,
        }
        self._refusals = Refusals()
        # The same views are read after every step, and most answer the same again.
        self._known = lru_cache(maxsize=4096)(self._encode)
        self._decoded = lru_cache(maxsize=4096)(self._decode)

    def send(self, by: str, contract: str, function: str, *arguments: Any) -> tuple[list[Said], list[Any]]:
        """Makes a transaction: what the suite says, and the token's transfers. It must succeed."""
        message = self._message((contract, function, arguments), by)
        receipt = self.node.call("eth_sendTransactionSync", [{**message, "gas": quantity(GAS)}])
        if receipt["status"] != "0x1":
            refusal = self.ask(by, contract, function, *arguments)
            raise AssertionError(f"{contract}.{function} should have passed: {refusal}")
        said: list[Said] = []
        transfers = []
        for log in receipt["logs"]:
            for name, one in self.contracts.items():
                if (event := one.decode_log(log)) is None or event.name in UNTOLD:
                    continue
                if event.name != "Transfer":
                    said.append((event.name, tuple(event.arguments)))
                elif name == "token":
                    transfers.append(event.arguments)
        return said, transfers

    def ask(self, by: str, contract: str, function: str, *arguments: Any) -> Any:
        """What the call would return, or the name of the error it would be refused with."""
        view = (contract, function, arguments)
        (answer,) = self.node.attempt([("eth_call", [self._message(view, by), "latest"])])
        return self._answer(view, answer)

    def read(self, views: Mapping[Any, View]) -> dict[Any, Any]:
        """The answer of each view, or the name of its refusal, in one exchange."""
        calls = [("eth_call", [self._known(view), "latest"]) for view in views.values()]
        answers = self.node.attempt(calls)
        return {
            key: self._answer(view, answer)
            for (key, view), answer in zip(views.items(), answers, strict=True)
        }

    def _answer(self, view: View, answer: Any) -> Any:
        if isinstance(answer, Reverted):
            return getattr(self._refusals.explain(answer.data), "name", "MissingRole")
        if isinstance(answer, Exception):
            raise answer
        return self._decoded(*view[:2], len(view[2]), answer)

    def _decode(self, contract: str, function: str, count: int, answer: str) -> Any:
        entry = self.contracts[contract].abi.function(function, count)
        return entry.decode_result(bytes.fromhex(answer[2:])) if entry.outputs else None

    def _message(self, view: View, by: str) -> dict[str, str]:
        return {**self._encode(view), "from": by}

    def _encode(self, view: View) -> dict[str, str]:
        contract, function, arguments = view
        one = self.contracts[contract]
        return {"to": one.address, "data": f"0x{one.encode(function, *arguments).hex()}"}


def views_of(
    people: Iterable[str], shares: Mapping[str, int], books: int, reports: int, products: int
) -> dict[Any, View]:
    """How to read what Model.totals foretells. `shares`: by holder, of whose exit all is asked."""
    views: dict[Any, View] = {
        "reserved": ("pool", "totalReserved", ()),
        "owed": ("pool", "totalOwed", ()),
        "free": ("pool", "freeAssets", ()),
        "assets": ("pool", "totalAssets", ()),
        "supply": ("pool", "totalSupply", ()),
        "paused": ("pool", "paused", ()),
    }
    for who in people:
        views["holds", who] = ("token", "balanceOf", (who,))
        views["owed", who] = ("pool", "owed", (who,))
    for who, count in shares.items():
        views["shares", who] = ("pool", "balanceOf", (who,))
        views["worth", who] = ("pool", "convertToAssets", (count,))
        views["notice", who] = ("pool", "notice", (who,))
        views["may redeem", who] = ("pool", "maxRedeem", (who,))
        views["may withdraw", who] = ("pool", "maxWithdraw", (who,))
    for book_id in range(1, books + 1):
        views["book", book_id] = ("books", "book", (book_id,))
        views["done", book_id] = ("books", "settledWords", (book_id, 0, WORDS))
    for report_id in range(1, reports + 1):
        views["report", report_id] = ("reports", "report", (report_id,))
        views["final", report_id] = ("reports", "isFinal", (report_id,))
    for product in range(1, products + 1):
        views["least collateral", product] = ("books", "minimumCollateral", (product,))
    return views
