"""The send journal: every transaction that was ever signed, before it left, and what became of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, cast

import rlp  # type: ignore[import-untyped]  # ships no types; comes with eth-account
from sqlalchemy import bindparam, delete, insert, or_, select, update

from troth.addresses import format_address
from troth.chain.transactions import Call, Receipt, SignedTransaction
from troth.store import schema
from troth.store.database import Store, in_parts

__all__ = ["StoredJournal"]

_REPLACED = (
    update(schema.transactions)
    .where(
        schema.transactions.c.sender == bindparam("by"),
        schema.transactions.c.nonce == bindparam("at"),
        schema.transactions.c.hash != bindparam("of"),
        or_(schema.transactions.c.state == "mined", schema.transactions.c.state == "reverted"),
    )
    .values(state="dropped", reason=bindparam("why"))
)
_TYPED = 0x7F  # first bytes up to here are EIP-2718 types; above is the list of an old-style transaction


class StoredJournal:
    """A `troth.chain.transactions.Journal` kept in the database, so that another process can finish what
    one began.

    Each method is one transaction of the database, and raises DatabaseFailed with nothing written.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def signed(self, transactions: Sequence[SignedTransaction]) -> None:
        """Stores them durably. One stored before is as if new."""
        if not transactions:
            return
        rows = [
            {
                "hash": _bytes(one.hash),
                "sender": _bytes(one.sender),
                "nonce": one.nonce,
                "label": one.call.label,
                "raw": one.raw,
                "state": "signed",
                "signed_at": int(time.time()),
            }
            for one in transactions
        ]
        table = schema.transactions
        with self._store.writing() as connection:
            for hashes in in_parts(row["hash"] for row in rows):
                connection.execute(delete(table).where(table.c.hash.in_(hashes)))
            connection.execute(insert(table), rows)

    def mined(self, transactions: Sequence[tuple[SignedTransaction, Receipt]]) -> None:
        """Remembers their receipts, which take the place of those that a reorganised chain took back."""
        self._conclude(
            [
                {
                    "of": _bytes(one.hash),
                    "state": "mined" if receipt.succeeded else "reverted",
                    "block": receipt.block,
                    "block_hash": _bytes(receipt.block_hash),
                    "gas_used": receipt.gas_used,
                    "gas_price": receipt.gas_price,
                    "contract": receipt.contract and _bytes(receipt.contract),
                    "reason": None,
                }
                for one, receipt in transactions
            ],
            replaced=[
                {
                    "by": _bytes(one.sender),
                    "at": one.nonce,
                    "of": _bytes(one.hash),
                    "why": f"the chain took its block back; {one.hash} was mined instead",
                }
                for one, _ in transactions
            ],
        )

    def dropped(self, transactions: Sequence[SignedTransaction], reason: str) -> None:
        """Remembers that they will never be in a block, and why."""
        self._conclude(
            [{"of": _bytes(one.hash), "state": "dropped", "reason": reason} for one in transactions]
        )

    def unfinished(self, sender: str | None = None) -> list[SignedTransaction]:
        """Those signed, and neither mined nor dropped, of one sender or all, in the order of signing."""
        table = schema.transactions
        wanted = select(table.c.hash, table.c.raw, table.c.sender, table.c.label).where(
            table.c.state == "signed"
        )
        if sender is not None:
            wanted = wanted.where(table.c.sender == _bytes(sender))
        with self._store.reading() as connection:
            return [_signed(*row) for row in connection.execute(wanted.order_by(table.c.key))]

    def _conclude(self, outcomes: list[dict[str, Any]], replaced: Sequence[dict[str, Any]] = ()) -> None:
        """Writes what became of transactions, and of those whose nonces they took."""
        if not outcomes:
            return
        table = schema.transactions
        with self._store.writing() as connection:
            if replaced:
                connection.execute(_REPLACED, replaced)
            connection.execute(
                update(table)
                .where(table.c.hash == bindparam("of"))
                .values({name: bindparam(name) for name in outcomes[0] if name != "of"}),
                outcomes,
            )


def _signed(digest: bytes, raw: bytes, sender: bytes, label: str) -> SignedTransaction:
    """A stored transaction, as it was; nonce, fees and call are read out of its signed bytes."""
    fields = cast("list[bytes]", rlp.decode(raw[1:] if raw[0] <= _TYPED else raw))
    if raw[0] <= _TYPED:
        fields = fields[1:]  # the chain's id
    nonce, *fees = (int.from_bytes(one, "big") for one in fields[: 3 if raw[0] == 2 else 2])
    gas, to, value, data = fields[1 + len(fees) : 5 + len(fees)]
    call = Call(
        to=format_address(to) if to else None,
        data=data,
        gas=int.from_bytes(gas, "big"),
        value=int.from_bytes(value, "big"),
        label=label,
    )
    return SignedTransaction(
        hash=f"0x{digest.hex()}",
        raw=raw,
        sender=format_address(sender),
        nonce=nonce,
        call=call,
        max_fee=fees[-1],
        priority_fee=fees[0],
    )


def _bytes(text: str) -> bytes:
    """The bytes of 0x-hex."""
    return bytes.fromhex(text[2:])
