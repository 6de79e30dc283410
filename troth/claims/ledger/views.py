"""The contracts' own records, as of one block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from troth.errors import NodeInconsistent
from troth.index import Contracts, Node
from troth.trees.keccak import keccak

__all__ = ["VIEWS", "BookState", "PoolState", "Views"]

VIEWS: dict[str, tuple[str, ...]] = {
    "PolicyBooks": ("book(uint32)", "bookCount()", "settledWords(uint32,uint32,uint32)"),
    "CapitalPool": ("owed(address)", "totalOwed()", "totalReserved()"),
    "TestDollar": ("balanceOf(address)",),
}
"""The views called, by contract. A test holds them to the ABIs the package ships."""

_WORDS_A_CALL = 256  # of 256 policies each: 540,000 gas
_CALLS_A_BATCH = 100


class BookState(NamedTuple):
    """The contract's record of a book: IPolicyBooks.Book, field by field."""

    root: int
    product_id: int
    policy_count: int
    cover_from: int
    cover_until: int
    deadline: int
    collateral: int
    outstanding: int
    reserve: int
    paid: int
    paid_today: int
    today: int
    daily_cap: int
    premium: int


class PoolState(NamedTuple):
    """The pool's totals, and what the token says it holds."""

    owed: int
    reserved: int
    balance: int


@dataclass(frozen=True)
class Views:
    """What the contracts answer as of `block`. Raises NodeInconsistent for an answer of another shape."""

    node: Node
    contracts: Contracts
    block: int

    def block_hash(self) -> str:
        """The hash of the block the views are taken at, 0x-hex."""
        header = self.node.call("eth_getBlockByNumber", [hex(self.block), False])
        if header is None:
            raise NodeInconsistent(f"it no longer has block {self.block}")
        return str(header["hash"])

    def books(self) -> dict[int, BookState]:
        """Every book the contract knows, by id."""
        books = self.contracts.policy_books
        ((count,),) = self._words(books, [("bookCount()", ())], 1)
        ids = range(1, count + 1)
        calls = [("book(uint32)", (book_id,)) for book_id in ids]
        answers = self._words(books, calls, len(BookState._fields))
        return dict(zip(ids, map(BookState._make, answers), strict=True))

    def settled(self, book_id: int, policy_count: int) -> bytes:
        """The bits of the policies settled or cancelled: policy i is bit i % 8 of byte i // 8."""
        words = -(-policy_count // 256)
        starts = range(0, words, _WORDS_A_CALL)
        calls = [
            ("settledWords(uint32,uint32,uint32)", (book_id, start, min(_WORDS_A_CALL, words - start)))
            for start in starts
        ]
        bits = bytearray()
        for _offset, _count, *found in self._words(self.contracts.policy_books, calls):
            bits += b"".join(word.to_bytes(32, "little") for word in found)
        if len(bits) != 32 * words:
            raise NodeInconsistent(
                f"settledWords of book {book_id} returned {len(bits) // 32} words, not {words}"
            )
        return bytes(bits)

    def owed(self, payees: Sequence[bytes]) -> list[int]:
        """What the pool keeps for each payee."""
        calls = [("owed(address)", (int.from_bytes(payee, "big"),)) for payee in payees]
        return [amount for (amount,) in self._words(self.contracts.capital_pool, calls, 1)]

    def pool(self) -> PoolState:
        """The pool's totals and its balance of the token."""
        pool = self.contracts.capital_pool
        (owed,), (reserved,) = self._words(pool, [("totalOwed()", ()), ("totalReserved()", ())], 1)
        ((balance,),) = self._words(self.contracts.token, [("balanceOf(address)", (int(pool, 16),))], 1)
        return PoolState(owed, reserved, balance)

    def _words(
        self, to: str, calls: Sequence[tuple[str, tuple[int, ...]]], width: int | None = None
    ) -> list[list[int]]:
        """The answers to calls of views by signature with one-word arguments, as ABI words, `width` in
        each.
        """
        requests: list[tuple[str, list[Any]]] = [
            ("eth_call", [{"to": to, "data": _call_data(view, arguments)}, hex(self.block)])
            for view, arguments in calls
        ]
        answers: list[str] = []
        for start in range(0, len(requests), _CALLS_A_BATCH):
            answers += self.node.batch(requests[start : start + _CALLS_A_BATCH])
        found = [[int(answer[at : at + 64], 16) for at in range(2, len(answer), 64)] for answer in answers]
        for (view, _), words in zip(calls, found, strict=True):
            if len(words) != (width or len(words)) or len(words) == 0:
                raise NodeInconsistent(f"{view} at {to} returned {len(words)} words")
        return found


def _call_data(view: str, arguments: Sequence[int]) -> str:
    """Selector and arguments, 0x-hex."""
    selector = keccak(view.encode())[:4]
    return f"0x{selector.hex()}" + "".join(f"{argument:064x}" for argument in arguments)
