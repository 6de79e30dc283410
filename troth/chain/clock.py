"""The clock of a development chain, for tests and demonstrations. Other chains refuse."""

from __future__ import annotations

from troth.chain.rpc import Node, quantity
from troth.errors import NodeError

__all__ = ["advance", "move_to", "now"]


def now(node: Node) -> int:
    """Unix time of the newest block."""
    return int(node.call("eth_getBlockByNumber", ["latest", False])["timestamp"], 16)


def advance(node: Node, seconds: int) -> int:
    """Mines a block at least `seconds` after the newest, and returns its time. Raises NodeError elsewhere."""
    return move_to(node, now(node) + seconds)


def move_to(node: Node, timestamp: int) -> int:
    """Mines a block at `timestamp` (Ganache: or a little later) and returns its time.

    The clock runs on from there. Raises NodeError for a time before the newest block's, and on chains that
    are not for development.
    """
    if not node.is_development:
        raise NodeError("evm_increaseTime", f"{node.client} is no development chain, so its clock stays")
    newest = now(node)
    if timestamp <= newest:
        raise NodeError("evm_increaseTime", f"time {timestamp} is not after the newest block's, {newest}")
    if node.client.lower().startswith("anvil"):
        node.call("evm_setNextBlockTimestamp", [quantity(timestamp)])
    else:
        node.call("evm_increaseTime", [quantity(timestamp - newest)])
    node.call("evm_mine")
    return now(node)
