"""A contract at an address: views called, transactions prepared, logs read, reverts explained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from troth.chain.abi import Abi
from troth.chain.refusals import Refusals
from troth.chain.rpc import Node, Reverted, quantity
from troth.chain.transactions import Call, Receipt
from troth.errors import NodeError, NotDeployed

__all__ = ["Contract", "Event"]

Block = int | str
"""A number, or "latest", "earliest", "pending", "safe", "finalized"."""


@dataclass(frozen=True)
class Event:
    """Something a contract said."""

    name: str
    arguments: Any
    """A named tuple, in the ABI's order."""
    address: str
    block: int
    transaction: str
    index: int
    """Of the log in its block."""


class Contract:
    """A contract of known ABI at an address of a node's chain."""

    def __init__(
        self, node: Node, address: str, abi: Abi, *, name: str = "contract", refusals: Refusals | None = None
    ) -> None:
        self.address, self.abi, self.name = address, abi, name
        self._node = node
        self._refusals = refusals or Refusals([abi])

    def __repr__(self) -> str:
        """Name and address."""
        return f"Contract({self.name} at {self.address})"

    def call(self, name: str, *arguments: Any, block: Block = "latest", sender: str | None = None) -> Any:
        """What the function `name` returns, run by the node without a transaction, as if `sender` called it.

        Structs are given as tuples and come back as named tuples, addresses as checksummed text.
        Raises ContractRefused, MissingRole, NotDeployed, NodeError, NoNode.
        """
        return self.call_many([(name, arguments)], block=block, sender=sender)[0]

    def call_many(
        self,
        calls: Sequence[tuple[str, Sequence[Any]]],
        *,
        block: Block = "latest",
        sender: str | None = None,
    ) -> list[Any]:
        """The results of many calls, in one exchange. Raises as `call`, for the first that fails."""
        sent = [self.encode(name, *arguments) for name, arguments in calls]
        at = self._node.present if block == "latest" else block if isinstance(block, str) else quantity(block)
        answers = self._node.attempt([("eth_call", [self._message(data, sender), at]) for data in sent])
        return [
            self._result(name, len(arguments), data, answer, sender)
            for (name, arguments), data, answer in zip(calls, sent, answers, strict=True)
        ]

    def encode(self, name: str, *arguments: Any) -> bytes:
        """Call data: selector and arguments. KeyError for no such function, TypeError for a bad value."""
        entry = self.abi.function(name, len(arguments))
        return entry.selector + entry.encode(arguments)

    def prepare(self, name: str, *arguments: Any, gas: int | None = None, label: str = "") -> Call:
        """The transaction that calls the function, for a Sender."""
        return Call(self.address, self.encode(name, *arguments), gas, label=label or f"{self.name}.{name}")

    def topic(self, name: str) -> bytes:
        """The 32-byte topic of an event, for eth_getLogs."""
        return self.abi.event(name).topic

    def decode_log(self, log: Mapping[str, Any]) -> Event | None:
        """The event in a log as nodes give it, or None if it is another contract's or unknown to the ABI."""
        if str(log["address"]).lower() != self.address.lower():
            return None
        topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
        if (decoded := self.abi.decode_log(topics, bytes.fromhex(log["data"][2:]))) is None:
            return None
        name, arguments = decoded
        place = (int(log["blockNumber"], 16), str(log["transactionHash"]), int(log["logIndex"], 16))
        return Event(name, arguments, self.address, *place)

    def events(self, receipt: Receipt, name: str | None = None) -> list[Event]:
        """This contract's events in a receipt, in order; only those called `name`, if it is given."""
        found = filter(None, map(self.decode_log, receipt.logs))
        return [event for event in found if name in (None, event.name)]

    def _message(self, data: bytes, sender: str | None) -> dict[str, str]:
        """The transaction object of eth_call."""
        message = {"to": self.address, "data": f"0x{data.hex()}"}
        return message if sender is None else {**message, "from": sender}

    def _result(self, name: str, count: int, sent: bytes, answer: Any, sender: str | None) -> Any:
        """The decoded result in one answer. Raises what it stands for."""
        if isinstance(answer, Reverted):
            raise self._refusals.explain(
                answer.data, node=self._node, to=self.address, sent=sent, sender=sender or ""
            ) from None
        if isinstance(answer, NodeError):
            raise answer
        entry = self.abi.function(name, count)
        data = bytes.fromhex(str(answer)[2:])
        try:
            return entry.decode_result(data) if entry.outputs else None
        except ValueError:
            if self._node.call("eth_getCode", [self.address, "latest"]) in ("0x", "0x0"):
                raise NotDeployed(self.name, self.address) from None
            raise NodeError(
                "eth_call", f"{self.name} at {self.address} answered {entry.signature} oddly"
            ) from None
