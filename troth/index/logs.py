"""Raw logs, read from a node a range of blocks at a time, and checked to be what was asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from troth.errors import NodeError, NodeInconsistent

__all__ = ["Log", "LogReader", "Node", "shown"]

Log = Mapping[str, Any]
"""A log as JSON-RPC gives it: hex text throughout."""


class Node(Protocol):
    """What the index asks of a chain: `troth.chain` has the real one."""

    @property
    def url(self) -> str:
        """Its address, for messages."""

    def call(self, method: str, params: Sequence[Any] = ()) -> Any:
        """The result of one JSON-RPC call. Raises NodeError, NoNode."""

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """The results of many, in order. Raises NodeError, NoNode."""


class LogReader:
    """Reads logs a range of blocks at a time, as wide as the node allows and memory likes."""

    _WIDEST = 10_000
    _MANY = 20_000  # logs in an answer: about 15 MB of JSON

    def __init__(self, node: Node, span: int = 1_000) -> None:
        """Starts with ranges of `span` blocks."""
        self._node = node
        self._span = span

    def read(
        self, filters: Sequence[Mapping[str, Any]], first: int, last: int
    ) -> tuple[int, list[list[Log]]]:
        """The last block read, `last` or earlier, and for each filter its logs from `first` to there, in
        order.

        Halves the range when the node finds it too much. Raises NodeError when a single block is too much,
        and NodeInconsistent for logs outside the range, of removed blocks, or twice the same.
        """
        while True:
            end = min(last, first + self._span - 1)
            blocks = {"fromBlock": hex(first), "toBlock": hex(end)}
            try:
                answers = [self._node.call("eth_getLogs", [{**wanted, **blocks}]) for wanted in filters]
            except NodeError as error:
                if end == first or not _is_too_much(error):
                    raise
                self._span = (end - first + 1) // 2
                continue
            self._adapt(max(len(answer) for answer in answers), end - first + 1)
            return end, [_in_order(answer, first, end) for answer in answers]

    def _adapt(self, logs: int, blocks: int) -> None:
        """Widens the next range, or narrows it to what yields a good answer."""
        if logs > self._MANY:
            self._span = max(1, blocks // 2)
        elif blocks == self._span and logs < self._MANY // 4:
            self._span = min(self._WIDEST, self._span * 2)


def _is_too_much(error: NodeError) -> bool:
    """Whether the node refused the range for its size; every vendor words it differently."""
    words = r"range|limit|too (many|large|big|wide)|exceed|response size|more than|time.?out|no answer within"
    return error.code == -32005 or re.search(words, error.detail, re.IGNORECASE) is not None


def _in_order(logs: Any, first: int, last: int) -> list[Log]:
    """The logs sorted by place, after checking that they are what was asked for."""
    try:
        placed = [((int(log["blockNumber"], 16), int(log["logIndex"], 16)), log) for log in logs]
    except (KeyError, ValueError, TypeError) as error:
        raise NodeInconsistent(f"eth_getLogs answered with no list of logs ({error!r})") from error
    placed.sort(key=lambda pair: pair[0])
    previous = (first - 1, 0)
    for place, log in placed:
        if not first <= place[0] <= last or place == previous or log.get("removed"):
            raise NodeInconsistent(f"a log out of place in blocks {first} to {last}: {shown(log)}")
        previous = place
    return [log for _, log in placed]


def shown(log: Log) -> str:
    """Enough of a log to find it by."""
    if not isinstance(log, Mapping):
        return repr(log)[:80]
    return ", ".join(
        f"{name} {log.get(name)}" for name in ("blockNumber", "logIndex", "address", "transactionHash")
    )
