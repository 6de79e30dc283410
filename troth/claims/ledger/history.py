"""The whole history of a deployment, read again from the chain and added up, whatever the index holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from troth.index.events import Contracts, Rows, decode_logs, event_filter, topic_of
from troth.index.logs import LogReader, Node
from troth.store import schema

__all__ = ["MOVES", "Account", "History", "Part", "parts"]

MOVES = {
    "TestDollar": "Transfer(address indexed from,address indexed to,uint256 value)",
    "CapitalPool": (
        "Withdraw(address indexed sender,address indexed receiver,address indexed owner,"
        "uint256 assets,uint256 shares)"
    ),
}
"""Events of the standards, ERC-20 and ERC-4626, that tell of money moving. A test holds them to the ABIs."""

_TRANSFER, _WITHDRAW = topic_of(MOVES["TestDollar"]), topic_of(MOVES["CapitalPool"])

Move = tuple[bytes, bytes]
"""A transaction and whoever received money in it."""


@dataclass
class Account:
    """What the events say of one book."""

    root: bytes = b""
    product_id: int = 0
    policy_count: int = 0
    sum_insured: int = 0
    premium: int = 0
    reserve: int = 0
    is_issued: bool = False
    is_expired: bool = False
    payments: bytearray = field(default_factory=bytearray)  # how many each policy had
    strays: list[int] = field(default_factory=list)  # payments to numbers the book has not
    cancelled: dict[int, int] = field(default_factory=dict)  # number to refund
    refunded: dict[int, int] = field(default_factory=dict)
    owed: dict[int, int] = field(default_factory=dict)  # by Owed events, withdrawn or not
    paid: int = 0  # by Paid events
    settled_count: int = 0  # by Settled events
    settled_amount: int = 0

    @property
    def claims(self) -> int:
        """How many policies had a payment that was no refund."""
        return sum(map(bool, self.payments)) - sum(self._is_paid(number) for number in self.cancelled)

    @property
    def claimed(self) -> int:
        """Money of claims, paid or owed: Owed events of cancelled policies are refunds."""
        return self.paid + sum(amount for number, amount in self.owed.items() if number not in self.cancelled)

    def bits(self) -> bytes:
        """The bits the contract should have set: policy i is bit i % 8 of byte i // 8, in whole words."""
        found = bytearray(-(-self.policy_count // 256) * 32)
        for number, times in enumerate(self.payments):
            if times or number in self.cancelled:
                found[number >> 3] |= 1 << (number & 7)
        return bytes(found)

    def _is_paid(self, number: int) -> bool:
        """Whether the policy had a payment."""
        return number < len(self.payments) and self.payments[number] > 0

    def _count(self, number: int) -> None:
        """Counts a payment."""
        if number < self.policy_count:
            self.payments[number] = min(255, self.payments[number] + 1)
        else:
            self.strays.append(number)


@dataclass
class History:
    """What the events say in all. Amounts in base units."""

    books: dict[int, Account] = field(default_factory=dict)
    owed: Counter[bytes] = field(default_factory=Counter)  # by payee, what is still owed
    incoming: int = 0  # to the pool, by the token's transfers
    outgoing: int = 0
    to_investors: int = 0  # by the pool's Withdraw events
    refunded: int = 0

    @property
    def claims_paid(self) -> int:
        """Money of claims and of refunds once owed that reached its payees, by the pool's events."""
        accounts = self.books.values()
        return sum(one.paid + sum(one.owed.values()) for one in accounts) - sum(self.owed.values())

    def add(self, part: Part) -> None:
        """Adds the events of the next range of blocks."""
        for row in part.rows.get(schema.books_issued, ()):
            _, _, _, book_id, product_id, root, count, sum_insured, premium, reserve, *_ = row
            self.books[book_id] = Account(
                root, product_id, count, sum_insured, premium, reserve, True, payments=bytearray(count)
            )
        for *_, book_id, number, refund in part.rows.get(schema.cancellations, ()):
            self._book(book_id).cancelled[number] = refund
        for *_, book_id, _report_id, settled, _skipped, amount in part.rows.get(schema.settlements, ()):
            self._book(book_id).settled_count += settled
            self._book(book_id).settled_amount += amount
        for *_, book_id, _released in part.rows.get(schema.books_expired, ()):
            self._book(book_id).is_expired = True
        for *_, book_id, number, kind, payee, amount in part.rows.get(schema.payments, ()):
            self._pay(self._book(book_id), number, kind, payee, amount)
        for *_, payee, _recipient, amount in part.rows.get(schema.withdrawals, ()):
            self.owed[payee] -= amount
        self.incoming += sum(part.transfers_in.values())
        self.outgoing += sum(part.transfers_out.values())
        self.to_investors += part.to_investors

    def _pay(self, account: Account, number: int, kind: str, payee: bytes, amount: int) -> None:
        """Adds a payment."""
        account._count(number)
        if kind == "paid":
            account.paid += amount
        elif kind == "owed":
            account.owed[number] = account.owed.get(number, 0) + amount
            self.owed[payee] += amount
        else:
            account.refunded[number] = account.refunded.get(number, 0) + amount
            self.refunded += amount

    def _book(self, book_id: int) -> Account:
        """The account of a book, empty if no event issued it."""
        return self.books.setdefault(book_id, Account())


@dataclass(frozen=True)
class Part:
    """A range of blocks: its events as rows, and the money that moved, by the pool and by the token."""

    first: int
    last: int
    rows: Rows
    payouts: Counter[Move]  # what the pool says it sent
    transfers_out: Counter[Move]  # what the token says the pool sent
    premiums: Counter[Move]  # what the pool says it took; the other party is the payer
    transfers_in: Counter[Move]
    to_investors: int


def parts(node: Node, contracts: Contracts, last: int) -> Iterator[Part]:
    """The history from the deployment to block `last`, a range of blocks at a time. Raises as LogReader
    does.
    """
    pool = "0x" + contracts.capital_pool[2:].lower().rjust(64, "0")
    filters = [
        event_filter(contracts),
        {"address": contracts.capital_pool, "topics": [_WITHDRAW]},
        {"address": contracts.token, "topics": [_TRANSFER, pool]},
        {"address": contracts.token, "topics": [_TRANSFER, None, pool]},
    ]
    reader = LogReader(node)
    first = contracts.first_block
    while first <= last:
        end, (events, exits, outgoing, incoming) = reader.read(filters, first, last)
        rows = decode_logs(contracts, events)
        yield Part(
            first,
            end,
            rows,
            payouts=_payouts(rows) + _moves(exits, 2),
            transfers_out=_moves(outgoing, 2),
            premiums=_sum(
                (tx, payer, amount) for _, _, tx, _, payer, amount in rows.get(schema.premiums, ())
            ),
            transfers_in=_moves(incoming, 1),
            to_investors=sum(_moves(exits, 2).values()),
        )
        first = end + 1


def _payouts(rows: Rows) -> Counter[Move]:
    """What the pool's events say it sent to whom, by transaction."""
    paid = _sum(
        (tx, payee, amount)
        for _, _, tx, _, _, kind, payee, amount in rows.get(schema.payments, ())
        if kind != "owed"
    )
    withdrawn = _sum((tx, to, amount) for _, _, tx, _, to, amount in rows.get(schema.withdrawals, ()))
    return paid + withdrawn


def _moves(logs: Sequence[Mapping[str, Any]], party: int) -> Counter[Move]:
    """Amounts (the first data word) by transaction and address in topic `party`."""
    return _sum(
        (
            bytes.fromhex(log["transactionHash"][2:]),
            bytes.fromhex(log["topics"][party][26:]),
            int(log["data"][2:66], 16),
        )
        for log in logs
    )


def _sum(moves: Iterator[tuple[bytes, bytes, int]]) -> Counter[Move]:
    """Amounts added up by transaction and party; nothing moved counts as no move."""
    total: Counter[Move] = Counter()
    for tx, party, amount in moves:
        if amount:
            total[tx, party] += amount
    return total
