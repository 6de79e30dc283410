"""What goes to the chain and what comes back, as plain values, and the journal that outlives a crash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from troth.addresses import format_address

__all__ = ["Call", "Journal", "MemoryJournal", "Receipt", "SignedTransaction"]


@dataclass(frozen=True)
class Call:
    """A transaction somebody wants sent, before it has a sender, a nonce and a fee."""

    to: str | None
    """Address of the contract, 0x-hex; None creates one."""
    data: bytes = field(repr=False)
    gas: int | None = None
    """Gas limit; None has the node estimate it."""
    value: int = 0
    """Wei."""
    label: str = ""
    """For people and logs, such as "settle book 1, batch 3"."""


@dataclass(frozen=True)
class SignedTransaction:
    """A transaction ready to leave. Whoever holds `raw` can send it: any number of times, to one effect."""

    hash: str
    """0x-hex, 32 bytes: known before anything is sent."""
    raw: bytes = field(repr=False)
    sender: str
    nonce: int
    call: Call
    """With its gas limit filled in."""
    max_fee: int
    """Wei for a unit of gas, at most (the gas price where the chain has no base fee)."""
    priority_fee: int
    """Wei of that for whoever mines it."""


@dataclass(frozen=True)
class Receipt:
    """What the chain says became of a transaction."""

    hash: str
    block: int
    block_hash: str
    succeeded: bool
    gas_used: int
    gas_price: int
    """Wei paid for a unit of gas."""
    contract: str | None
    """Address created, checksummed."""
    logs: tuple[Mapping[str, Any], ...] = field(repr=False)
    """As the node gives them."""

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Receipt:
        """The receipt in a node's answer to eth_getTransactionReceipt."""
        created = answer.get("contractAddress")
        return cls(
            hash=str(answer["transactionHash"]),
            block=int(answer["blockNumber"], 16),
            block_hash=str(answer["blockHash"]),
            succeeded=int(answer["status"], 16) == 1,
            gas_used=int(answer["gasUsed"], 16),
            gas_price=int(answer.get("effectiveGasPrice") or "0x0", 16),
            contract=None if created is None else format_address(bytes.fromhex(created[2:])),
            logs=tuple(answer["logs"]),
        )


class Journal(Protocol):
    """Remembers signed transactions, so that a killed process can be finished by the next one.

    A transaction is told of by `signed`, and later by exactly one of `mined` and `dropped`, unless the
    process dies first. Of several with one nonce (a stuck one and its replacements), one is mined, the others
    are dropped.
    """

    def signed(self, transactions: Sequence[SignedTransaction]) -> None:
        """Stores them durably. Nothing is sent before this returns; if it raises, nothing is sent."""

    def mined(self, transactions: Sequence[tuple[SignedTransaction, Receipt]]) -> None:
        """These are in a block, succeeded or reverted."""

    def dropped(self, transactions: Sequence[SignedTransaction], reason: str) -> None:
        """These will never be in a block."""


class MemoryJournal:
    """A journal that forgets with the process, for tests and for what need not survive, such as deploying."""

    def __init__(self) -> None:
        self._signed: dict[str, SignedTransaction] = {}
        self._mined: dict[str, Receipt] = {}
        self._dropped: dict[str, str] = {}

    def signed(self, transactions: Sequence[SignedTransaction]) -> None:
        """Remembers them by hash."""
        self._signed.update((transaction.hash, transaction) for transaction in transactions)

    def mined(self, transactions: Sequence[tuple[SignedTransaction, Receipt]]) -> None:
        """Remembers the receipts."""
        self._mined.update((transaction.hash, receipt) for transaction, receipt in transactions)

    def dropped(self, transactions: Sequence[SignedTransaction], reason: str) -> None:
        """Remembers the reason."""
        self._dropped.update((transaction.hash, reason) for transaction in transactions)

    def unfinished(self) -> list[SignedTransaction]:
        """Signed, and neither mined nor dropped, in the order of signing."""
        return [
            one for key, one in self._signed.items() if key not in self._mined and key not in self._dropped
        ]

    def hashes(self) -> Iterable[str]:
        """Hashes of all ever signed, in order."""
        return self._signed.keys()
