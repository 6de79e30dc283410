"""The proof that policies = claims = events = balances.

Every figure is taken from two or more sources that do not know of one another: the insurer's policies, the
contract's own bits and totals, the events read again from the chain, the token's transfers and balances,
and the index. Where two disagree, the difference is said in words, with its place and both figures (amounts
in base units).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import JSON, Connection, Table, func, or_, select

from troth.claims.ledger.history import Account, History, Move, Part, parts
from troth.claims.ledger.views import BookState, PoolState, Views
from troth.errors import NodeInconsistent
from troth.index import Contracts, Node, sync
from troth.index.events import Row
from troth.store import Store, schema
from troth.store.books import Book, PolicyRow, list_books, policies_of

__all__ = ["SHOWN_OF_A_KIND", "Reconciliation", "RootOf", "reconcile"]

SHOWN_OF_A_KIND = 20
"""Differences of one kind that are spelt out; the rest are counted."""

RootOf = Callable[[Iterable[PolicyRow]], bytes]
"""The Merkle root, 32 bytes, of a book's policies."""

_WHOLE = 10_000  # basis points
_NAMES = {"book_id", "number", "product_id", "report_id", "subject", "term"}  # what a row is about


@dataclass(frozen=True)
class Reconciliation:
    """What was compared, as of `block`, and what differed. Amounts in base units of the token."""

    block: int
    books: int  # issued
    policies: int  # in them, by the contract
    claims: int  # policies settled, by the contract's own bits
    cancelled: int  # policies cancelled, by events
    events: int  # policies with a Paid or Owed event for a claim
    paid: int  # money of claims that reached its payees, by the pool's events
    owed: int  # money still owed, by the contract
    balances: int  # money of claims that reached its payees, by the token's transfers
    found: int  # how many differences there are
    differences: tuple[str, ...]  # in words, the first 20 of each kind

    @property
    def ok(self) -> bool:
        """Whether all sources agree."""
        return self.found == 0


def reconcile(
    store: Store,
    node: Node,
    contracts: Contracts,
    *,
    confirmations: int = 0,
    finality: int = 64,
    root_of: RootOf | None = None,
) -> Reconciliation:
    """Brings the index up to the chain, as `sync` does, and compares all sources as of the block reached.

    Reads every event of the deployment again, whatever the index holds; memory grows by a byte a policy.
    With `root_of`, also builds every book's tree again from its policies. Raises what `sync` raises, and
    NodeInconsistent if the chain is reorganised meanwhile.
    """
    synced = sync(store, node, contracts, confirmations=confirmations, finality=finality)
    views = Views(node, contracts, synced.block)
    before = views.block_hash()
    findings, history = _Findings(), History()
    with store.reading() as connection:
        for part in parts(node, contracts, views.block):
            _check_index(connection, findings, part)
            _check_moves(findings, part)
            history.add(part)
        _check_outside(connection, findings, contracts.first_block, views.block)
        check = _BookCheck(connection, findings, views, root_of)
        books = {book.book_id: book for book in list_books(connection) if book.book_id is not None}
        states = views.books()
        for book_id in sorted(states.keys() | history.books.keys()):
            check.run(book_id, history.books.get(book_id, Account()), states.get(book_id), books.get(book_id))
        pool = views.pool()
        _check_pool(findings, views, history, states, pool)
    if views.block_hash() != before:
        raise NodeInconsistent(f"block {views.block} was replaced while it was being reconciled")
    return Reconciliation(
        block=views.block,
        books=len(states),
        policies=sum(state.policy_count for state in states.values()),
        claims=check.claims,
        cancelled=sum(len(account.cancelled) for account in history.books.values()),
        events=sum(account.claims for account in history.books.values()),
        paid=history.claims_paid,
        owed=pool.owed,
        balances=history.outgoing - history.to_investors - history.refunded,
        found=findings.found,
        differences=findings.differences(),
    )


@dataclass
class _Findings:
    """The differences, by kind."""

    kinds: dict[str, list[str]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def found(self) -> int:
        """How many there are."""
        return self.counts.total()

    def add(self, kind: str, text: str) -> None:
        """Notes a difference."""
        self.counts[kind] += 1
        if self.counts[kind] <= SHOWN_OF_A_KIND:
            self.kinds.setdefault(kind, []).append(text)

    def compare(self, place: str, what: str, **sources: object) -> None:
        """Notes a difference if the sources do not all say the same."""
        if len(set(sources.values())) > 1:
            said = ", ".join(f"{name.replace('_', ' ')} {_shown(value)}" for name, value in sources.items())
            self.add(what, f"{place}: {what}: {said}")

    def differences(self) -> tuple[str, ...]:
        """All in words, a line for what is not spelt out."""
        lines = []
        for kind, texts in self.kinds.items():
            lines += texts
            if (more := self.counts[kind] - len(texts)) > 0:
                lines.append(f"... and {more} more of the last kind ({kind})")
        return tuple(lines)


# --- the index against the chain: EXCEPT, both ways ---


def _check_index(connection: Connection, findings: _Findings, part: Part) -> None:
    """Holds the index's rows of a range of blocks to the same events read again."""
    for table in schema.EVENTS:
        hashable = _hashable if any(isinstance(column.type, JSON) for column in table.c) else tuple
        said = set(map(hashable, part.rows.get(table, ())))
        wanted = select(table).where(table.c.block.between(part.first, part.last))
        kept = set(map(hashable, connection.execute(wanted)))
        if said == kept:
            continue
        kept_at, said_at = ({row[:2]: row for row in rows} for rows in (kept - said, said - kept))
        for place in sorted(kept_at.keys() | said_at.keys()):
            findings.add(table.name, _row_text(table, place, kept_at.get(place), said_at.get(place)))


def _check_outside(connection: Connection, findings: _Findings, first: int, last: int) -> None:
    """Finds rows of the index in blocks that it cannot have read."""
    for table in schema.EVENTS:
        outside = or_(table.c.block < first, table.c.block > last)
        count = connection.execute(select(func.count()).where(outside)).scalar_one()
        findings.compare(
            f"index {table.name}", f"rows outside blocks {first} to {last}", index=count, chain=0
        )


def _hashable(row: Iterable[Any]) -> Row:
    """A row as a tuple that can be in a set, though it holds lists."""
    return tuple(json.dumps(value) if isinstance(value, list) else value for value in row)


def _row_text(table: Table, place: Row, kept: Row | None, said: Row | None) -> str:
    """What the index (`kept`) and the chain (`said`) have at one place, where they differ."""
    names = [column.name for column in table.columns]
    subject = [
        f"{name} {_shown(value)}"
        for name, value in zip(names, kept or said or (), strict=True)
        if name in _NAMES
    ]
    where = f"index {table.name}, block {place[0]} log {place[1]} ({', '.join(subject)})"
    if kept is None or said is None:
        only, row = ("index", kept) if said is None else ("chain", said)
        values = ", ".join(
            f"{name} {_shown(value)}" for name, value in zip(names[2:], (row or ())[2:], strict=True)
        )
        return f"{where}: only the {only} has it: {values}"
    differing = [
        f"{name} index {_shown(one)}, chain {_shown(other)}"
        for name, one, other in zip(names, kept, said, strict=True)
        if one != other
    ]
    return f"{where}: {', '.join(differing)}"


# --- the pool's word against the token's ---


def _check_moves(findings: _Findings, part: Part) -> None:
    """Holds what the pool says it sent and took, by transaction and party, to the token's transfers."""
    for move in part.payouts.keys() | part.transfers_out.keys():
        events, transfers = part.payouts[move], part.transfers_out[move]
        findings.compare(_move_text(move), "money sent by the pool", events=events, token=transfers)
    for move, premium in part.premiums.items():
        if part.transfers_in[move] < premium:  # more may come in: deposits, gifts
            findings.compare(_move_text(move), "premium taken", events=premium, token=part.transfers_in[move])


def _move_text(move: Move) -> str:
    """A transaction and a party."""
    return f"transaction 0x{move[0].hex()}, party 0x{move[1].hex()}"


def _check_pool(
    findings: _Findings, views: Views, history: History, states: dict[int, BookState], pool: PoolState
) -> None:
    """Holds the pool's totals to events, books and balance."""
    owed, reserved, balance = pool
    findings.compare("pool", "totalOwed", contract=owed, events=sum(history.owed.values()))
    in_books = sum(state.reserve for state in states.values())
    findings.compare("pool", "totalReserved", contract=reserved, books=in_books)
    findings.compare("pool", "balance", token=balance, transfers=history.incoming - history.outgoing)
    if balance < reserved + owed:
        text = f"pool: balance {balance} does not cover {reserved} reserved and {owed} owed"
        findings.add("cover", text)
    payees = sorted(history.owed)
    for payee, amount in zip(payees, views.owed(payees), strict=True):
        findings.compare(f"payee 0x{payee.hex()}", "owed", contract=amount, events=history.owed[payee])


# --- a book: policies, bits, totals, events ---


@dataclass
class _Sums:
    """Adds up a book's policies as somebody else reads them: they are many, so they are read once."""

    account: Account
    collateral: int
    count: int = 0
    sum_insured: int = 0
    premium: int = 0
    drawn: int = 0
    released: int = 0

    def of(self, policies: Iterable[PolicyRow]) -> Iterator[PolicyRow]:
        """The same policies, counted once the last is read."""
        bits, policy_count = self.account.bits(), self.account.policy_count
        count = sum_insured = premium = drawn = released = 0
        for policy in policies:
            count += 1
            sum_insured += policy.sum_insured
            premium += policy.premium
            if policy.number < policy_count and _has(bits, policy.number):
                drawn += policy.sum_insured
                released += policy.sum_insured * self.collateral // _WHOLE  # the contract rounds each down
            yield policy
        self.count, self.sum_insured, self.premium = count, sum_insured, premium
        self.drawn, self.released = drawn, released


@dataclass
class _BookCheck:
    """Compares the sources book by book, and counts the claims by the contract's bits."""

    connection: Connection
    findings: _Findings
    views: Views
    root_of: RootOf | None
    claims: int = 0

    def run(self, book_id: int, account: Account, state: BookState | None, book: Book | None) -> None:
        """Everything there is to compare of one book."""
        place = f"book {book_id}"
        if state is None or not account.is_issued:
            contract = "has it" if state else "has none"
            self.findings.compare(
                place, "issued", contract=contract, events="have it" if account.is_issued else "have none"
            )
            return
        if book is None:
            self.findings.compare(place, "policies", contract=state.policy_count, database="none")
        self._check_bits(book_id, account, book)
        self._check_totals(place, account, state)
        for number in account.strays:
            self.findings.compare(
                f"{place} policy {number}", "paid beyond the book", events="yes", policies=state.policy_count
            )
        if book is not None:
            self._check_policies(place, account, state, book)
            self._check_payments(book_id, account, book)

    def _check_bits(self, book_id: int, account: Account, book: Book | None) -> None:
        """The contract's bits against the events, policy by policy; and no policy paid twice."""
        bits, expected = self.views.settled(book_id, account.policy_count), account.bits()
        self.claims += sum(map(int.bit_count, bits)) - sum(_has(bits, number) for number in account.cancelled)
        for number in _differing(bits, expected):
            contract, events = ("settled" if _has(one, number) else "open" for one in (bits, expected))
            self.findings.compare(
                self._policy(book_id, book, number), "state", contract=contract, events=events
            )
        for number, times in enumerate(account.payments):
            if times > 1:
                self.findings.compare(self._policy(book_id, book, number), "payments", events=times, rule=1)
        for number, refund in account.cancelled.items():
            given = account.refunded.get(number, 0) + account.owed.get(number, 0)
            place = self._policy(book_id, book, number)
            self.findings.compare(place, "refund", PolicyBooks=refund, CapitalPool=given)
        for number in account.refunded.keys() - account.cancelled.keys():
            self.findings.compare(
                self._policy(book_id, book, number), "refund", PolicyBooks="none", CapitalPool="one"
            )

    def _check_totals(self, place: str, account: Account, state: BookState) -> None:
        """The contract's totals against the events."""
        compare = self.findings.compare
        compare(place, "root", contract=state.root.to_bytes(32, "big"), events=account.root)
        compare(place, "product", contract=state.product_id, events=account.product_id)
        compare(place, "policies", contract=state.policy_count, events=account.policy_count)
        compare(place, "claims", Settled=account.settled_count, Paid_and_Owed=account.claims)
        compare(
            place, "paid", contract=state.paid, Settled=account.settled_amount, Paid_and_Owed=account.claimed
        )

    def _check_policies(self, place: str, account: Account, state: BookState, book: Book) -> None:
        """The policies in the database against the contract and the events."""
        sums = _Sums(account, state.collateral)
        policies = sums.of(policies_of(self.connection, book))
        root = self.root_of(policies) if self.root_of else account.root
        for _ in policies:
            pass  # whatever the root did not need
        compare = self.findings.compare
        compare(place, "policies", database=sums.count, events=account.policy_count)
        compare(place, "sum insured", database=sums.sum_insured, events=account.sum_insured)
        compare(place, "premium", database=sums.premium, events=account.premium)
        compare(place, "outstanding", database=sums.sum_insured - sums.drawn, contract=state.outstanding)
        reserve = 0 if account.is_expired else account.reserve - sums.released
        compare(place, "reserve", database=reserve, contract=state.reserve)
        compare(place, "root", database=root, events=account.root)

    def _check_payments(self, book_id: int, account: Account, book: Book) -> None:
        """Each payment of the index against its policy: the payee is the policy's, the amount one its rule
        can give.
        """
        shares = self._shares(account.product_id)
        for number, reference, insured, premium, payee, paid_to, amount in self._paid(book_id, book):
            place = f"book {book_id} policy {number}"
            if reference is None:
                self.findings.add("policy missing", f"{place}: paid, and not in the database")
                continue
            place += f" ({reference})"
            self.findings.compare(place, "payee", policy=payee, events=paid_to)
            if number in account.cancelled:
                if amount > premium:
                    self.findings.compare(place, "refund above premium", policy=premium, events=amount)
            elif amount not in {insured * share // _WHOLE for share in shares}:
                said = " or ".join(str(insured * share // _WHOLE) for share in shares)
                self.findings.compare(place, "amount", rule=said, events=amount)

    def _paid(self, book_id: int, book: Book) -> Iterator[Row]:
        """Every payment of a book with its policy."""
        paid, policy = schema.payments.c, schema.policies.c
        matched = schema.payments.outerjoin(
            schema.policies, (policy.book_key == book.key) & (policy.number == paid.number)
        )
        statement = select(
            paid.number,
            policy.policy_ref,
            policy.sum_insured,
            policy.premium,
            policy.payee,
            paid.payee,
            paid.amount,
        )
        statement = statement.select_from(matched).where(paid.book_id == book_id)
        result = self.connection.execute(statement, execution_options={"yield_per": 10_000})
        for rows in result.partitions():
            yield from map(tuple, rows)

    def _shares(self, product_id: int) -> list[int]:
        """The shares a product can pay, in basis points."""
        table = schema.products
        tiers = self.connection.execute(
            select(table.c.tiers).where(table.c.product_id == product_id)
        ).scalar()
        return [share for _, share in tiers or ()]

    def _policy(self, book_id: int, book: Book | None, number: int) -> str:
        """A policy's place, with the insurer's reference where the database has it."""
        place = f"book {book_id} policy {number}"
        if book is None:
            return place
        table = schema.policies
        wanted = select(table.c.policy_ref).where(table.c.book_key == book.key, table.c.number == number)
        reference = self.connection.execute(wanted).scalar()
        return place if reference is None else f"{place} ({reference})"


def _has(bits: bytes, number: int) -> bool:
    """Whether the bit of a policy is set."""
    return number < 8 * len(bits) and bits[number >> 3] >> (number & 7) & 1 == 1


def _differing(one: bytes, other: bytes) -> Iterator[int]:
    """The numbers whose bits differ; both are as long."""
    if one == other:
        return
    for at, (left, right) in enumerate(zip(one, other, strict=True)):
        difference = left ^ right
        while difference:
            yield 8 * at + (difference & -difference).bit_length() - 1
            difference &= difference - 1


def _shown(value: object) -> str:
    """A figure for people: bytes as hex."""
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
