"""What a unit of gas costs now: EIP-1559 where the chain has a base fee, one gas price where it has none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from troth.chain.rpc import Node
from troth.errors import FeeAboveLimit, NodeError

__all__ = ["Price", "price_now"]


@dataclass(frozen=True)
class Price:
    """What a transaction offers for a unit of gas, in wei."""

    max_fee: int
    """At most this (all of it, where `legacy`)."""
    priority: int
    """Of that, for whoever mines it."""
    base: int
    """The chain's base fee when this was asked; 0 where it has none."""
    legacy: bool

    def fields(self) -> dict[str, int]:
        """The transaction's fee fields."""
        if self.legacy:
            return {"gasPrice": self.max_fee}
        return {"maxFeePerGas": self.max_fee, "maxPriorityFeePerGas": self.priority}

    def over(self, max_fee: int, priority: int, limit: int) -> Price | None:
        """This price raised so that it may replace a transaction with that one: by an eighth, in both parts.

        Nodes ask for a tenth. None if that exceeds `limit`.
        """
        raised = max(self.max_fee, max_fee + max_fee // 8 + 1)
        tip = max(self.priority, priority + priority // 8 + 1)
        if raised > limit:
            return None
        return Price(raised, min(tip, raised), self.base, self.legacy)


def price_now(node: Node, limit: int) -> Price:
    """Twice the base fee and the usual priority fee, at most `limit`: room for six full blocks on end.

    Raises FeeAboveLimit if the chain asks for more than `limit` already, NodeError, NoNode.
    """
    block, tip = node.attempt([("eth_getBlockByNumber", ["latest", False]), ("eth_maxPriorityFeePerGas", [])])
    if not isinstance(block, Mapping):
        raise block if isinstance(block, NodeError) else NodeError("eth_getBlockByNumber", "no latest block")
    if block.get("baseFeePerGas") is None:
        price = int(node.call("eth_gasPrice"), 16)
        _check(price, limit)
        return Price(price, price, 0, legacy=True)
    base = int(block["baseFeePerGas"], 16)
    _check(base, limit)
    wanted = _tip(tip)
    max_fee = min(limit, 2 * base + wanted)
    return Price(max_fee, min(wanted, max_fee), base, legacy=False)


def _tip(answer: Any) -> int:
    """The node's suggestion, or one gwei from a node that has none (Ganache)."""
    return 10**9 if isinstance(answer, NodeError) else int(answer, 16)


def _check(asked: int, limit: int) -> None:
    """Raises FeeAboveLimit."""
    if asked > limit:
        raise FeeAboveLimit(asked, limit)
