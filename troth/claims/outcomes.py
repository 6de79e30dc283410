"""What became of each policy, by the insurer's own reference, from the index of the chain's events.

A policy is `open` until it is settled or cancelled, or its book's claim deadline passes (`expired`). Settled,
it is `paid`, or `owed` until the money that could not be transferred is withdrawn. It is `withheld` while it
is due and its payee, when it was last brought, did not meet what the product requires.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timezone
from enum import Enum
from itertools import islice
from typing import Any, TextIO

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    Subquery,
    and_,
    case,
    func,
    literal,
    select,
)

from troth.addresses import format_address, parse_address
from troth.claims import eligibility, products
from troth.claims.administration import issued_book, path_of
from troth.claims.books import as_extended, policy_leaf, policy_reference, policy_terms
from troth.claims.eligibility import Requirement
from troth.claims.keys import risk_to_bytes32
from troth.claims.owed import withdrawn_after
from troth.errors import BadInput, Problem
from troth.intake import iso
from troth.money import format_amount
from troth.office import Office, Progress, progress_ignored
from troth.store import schema
from troth.store.books import Book, PolicyRow, list_books, policies_with_ref
from troth.store.database import in_parts
from troth.store.products import list_products
from troth.store.reports import find_report

__all__ = ["Outcome", "Proof", "Status", "counts", "export", "outcomes", "show"]

_FETCHED = 5_000


class Status(Enum):
    """What became of a policy."""

    OPEN = "open"
    """In force, and nothing is settled."""
    PAID = "paid"
    """Its money reached the payee."""
    OWED = "owed"
    """Its money could not be transferred and is kept for the payee."""
    CANCELLED = "cancelled"
    """Taken out of its book, its premium refunded as far as agreed."""
    EXPIRED = "expired"
    """The claim deadline passed, and nothing was settled."""
    WITHHELD = "withheld"
    """Due and not settled, for the payee did not meet what the product requires."""


@dataclass(frozen=True)
class Outcome:
    """What became of one policy. Amounts in base units; what has not happened is None."""

    policy_ref: str
    book: int
    """The contract's number."""
    number: int
    """Of the policy in its book, from 0."""
    status: Status
    risk: str
    payee: str
    sum_insured: int
    premium: int
    amount: int | None
    """Paid, owed or refunded; what is withheld is the rule's to say."""
    value: int | None
    """What was observed of the risk, in the metric's unit."""
    report: int | None
    """Which report said so."""
    time: datetime | None
    """When it was settled, cancelled or last withheld."""
    block: int | None
    transaction: str | None
    withdrawal: str | None
    """The transaction by which money once owed reached the payee."""
    lacking: str | None = None
    """What the payee of a policy withheld lacks now, in words."""


@dataclass(frozen=True)
class Proof:
    """All it takes to prove a policy to the PolicyBooks contract, with or without the insurer.

    Leaf: keccak-256 of number u32, risk, payee, sum insured u96 and terms, big-endian, one after the other.
    Terms: keccak-256 of premium u96 and reference. Reference: keccak-256 of salt and policy reference.
    """

    contract: str
    """The address of PolicyBooks."""
    root: bytes
    """Of the book."""
    risk: bytes
    """As the contract holds it, 32 bytes."""
    salt: bytes
    reference: bytes
    terms: bytes
    leaf: bytes
    path: tuple[bytes, ...]
    """Siblings from the leaf up; as a multiproof of one leaf, its nodes, with flags all zero."""
    flags: bytes


def outcomes(
    office: Office, *, book_id: int | None = None, status: Status | None = None, limit: int | None = None
) -> list[Outcome]:
    """The policies of one book or all, in order of book and number, only those of `status`, at most `limit`.

    Raises BadInput for an unknown book, and what `Office.sync` raises.
    """
    return list(islice(_outcomes(office, _books(office, book_id), status), limit))


def counts(office: Office, *, book_id: int | None = None) -> dict[Status, int]:
    """How many policies of one book or all there are of each status. Raises as `outcomes`."""
    total = dict.fromkeys(Status, 0)
    now = office.now()
    books = _books(office, book_id)
    with office.store.reading() as connection:
        for book in books:
            for status, policies in connection.execute(_counted(book, now)):
                total[Status(status)] += policies
    return total


def export(
    office: Office, to: TextIO, *, book_id: int | None = None, progress: Progress = progress_ignored
) -> int:
    """Writes the outcomes as CSV, a row a policy, amounts in currency; memory does not grow with the book.

    Returns how many there were. Raises as `outcomes`.
    """
    books = _books(office, book_id)
    total = sum(book.policy_count for book in books)
    writer = csv.writer(to, lineterminator="\n")
    writer.writerow([field.name for field in fields(Outcome)])
    decimals, done = office.decimals, 0
    for outcome in _outcomes(office, books, None):
        writer.writerow(_cells(outcome, decimals))
        done += 1
        if done % _FETCHED == 0 or done == total:
            progress(done, total)
    return done


def show(office: Office, policy_ref: str) -> list[tuple[Outcome, Proof]]:
    """Every policy issued under a reference, oldest book first. Raises BadInput if there is none."""
    office.sync()
    with office.store.reading() as connection:
        found = [pair for pair in policies_with_ref(connection, policy_ref) if pair[0].is_issued]
    if not found:
        reason = "no policy of this reference was issued here"
        raise BadInput([Problem("REF", None, None, policy_ref, reason)])
    return [(_outcome(office, book, policy), _proof(office, book, policy)) for book, policy in found]


def _outcome(office: Office, book: Book, policy: PolicyRow) -> Outcome:
    """One policy's."""
    (outcome,) = _outcomes(office, as_extended(office, [book]), None, number=policy.number)
    return outcome


def _proof(office: Office, book: Book, policy: PolicyRow) -> Proof:
    """One policy's."""
    path = tuple(path_of(office, book, policy.number))
    reference = policy_reference(policy.salt, policy.policy_ref)
    return Proof(
        contract=office.contract("PolicyBooks").address,
        root=book.root,
        risk=risk_to_bytes32(policy.risk),
        salt=policy.salt,
        reference=reference,
        terms=policy_terms(policy.premium, reference),
        leaf=policy_leaf(policy),
        path=path,
        flags=bytes((len(path) + 7) // 8),
    )


def _books(office: Office, book_id: int | None) -> list[Book]:
    """The issued book of this number, or all. Brings the index up to the chain. Raises BadInput."""
    office.sync()
    if book_id is not None:
        return as_extended(office, [issued_book(office, book_id, place="--book")])
    with office.store.reading() as connection:
        issued = [book for book in list_books(connection) if book.is_issued]
    return as_extended(office, sorted(issued, key=lambda one: one.book_id or 0))


def _outcomes(
    office: Office, books: Sequence[Book], status: Status | None, number: int | None = None
) -> Iterator[Outcome]:
    """The outcomes of some books, streamed."""
    now, times = office.now(), _Times(office)
    with office.store.reading() as connection:
        required = {row.product_id: products.of_row(row).requirement for row in list_products(connection)}
        for book in books:
            statement = _statement(book, now, status)
            if number is not None:
                statement = statement.where(schema.policies.c.number == number)
            found = _BookReader(connection, book, times).read(statement)
            yield from _with_lacks(office, required[book.product_id], found)


def _with_lacks(office: Office, requirement: Requirement, found: Iterator[Outcome]) -> Iterator[Outcome]:
    """The same, in the same order, those withheld with what their payees lack now."""
    while some := list(islice(found, _FETCHED)):
        withheld = [parse_address(one.payee) for one in some if one.status is Status.WITHHELD]
        lacking = eligibility.lacks(office, requirement, withheld) if withheld else {}
        for one in some:
            lack = lacking.get(parse_address(one.payee)) if one.status is Status.WITHHELD else None
            yield one if lack is None else replace(one, lacking=lack.value)


def _statement(book: Book, now: datetime, wanted: Status | None) -> Select[Any]:
    """The policies of a book with what was paid on them, in order of number; only those of a status."""
    policy, paid, cancelled = schema.policies.c, schema.payments.c, schema.cancellations.c
    last = _withheld(book)
    status = _status(book, now, last)
    taken = schema.withdrawals.c
    withdrawal = (
        select(taken.tx)
        .where(paid.kind == "owed", withdrawn_after(paid.payee))
        .order_by(taken.block, taken.log)
        .limit(1)
        .correlate(schema.payments)
        .scalar_subquery()
    )
    # A refund of nothing leaves a cancellation without a payment.
    amount = func.coalesce(paid.amount, cancelled.refund, type_=paid.amount.type)
    statement = (
        select(
            policy.number,
            policy.policy_ref,
            policy.risk,
            policy.payee,
            policy.sum_insured,
            policy.premium,
            status.label("status"),
            amount.label("amount"),
            func.coalesce(paid.block, cancelled.block, last.c.block).label("block"),
            func.coalesce(paid.tx, cancelled.tx, last.c.tx).label("tx"),
            func.coalesce(paid.log, last.c.log).label("log"),
            withdrawal.label("withdrawal"),
        )
        .select_from(_joined(book, last))
        .where(policy.book_key == book.key)
        .order_by(policy.number)
    )
    return statement if wanted is None else statement.where(status == wanted.value)


def _counted(book: Book, now: datetime) -> Select[Any]:
    """How many policies of a book there are of each status."""
    last = _withheld(book)
    status = (
        select(_status(book, now, last).label("status"))
        .select_from(_joined(book, last))
        .where(schema.policies.c.book_key == book.key)
        .subquery()
    ).c.status
    return select(status, func.count()).group_by(status)


def _withheld(book: Book) -> Subquery:
    """The last time that each policy of a book was withheld."""
    table = schema.withholdings
    latest = (table.c.block.desc(), table.c.log.desc())
    place = func.row_number().over(partition_by=table.c.number, order_by=latest)
    every = select(table, place.label("place")).where(table.c.book_id == book.book_id).subquery()
    return select(every).where(every.c.place == 1).subquery()


def _joined(book: Book, last: Subquery) -> FromClause:
    """Policies beside payment, cancellation and the last time they were withheld, as `book` has them."""
    policy, paid, cancelled = schema.policies, schema.payments, schema.cancellations
    number = policy.c.number
    return (
        policy.outerjoin(paid, and_(paid.c.book_id == book.book_id, paid.c.number == number))
        .outerjoin(cancelled, and_(cancelled.c.book_id == book.book_id, cancelled.c.number == number))
        .outerjoin(last, last.c.number == number)
    )


def _status(book: Book, now: datetime, last: Subquery) -> ColumnElement[str]:
    """SQL: the status of a row of `_joined`."""
    paid = schema.payments.c
    is_over = literal(now > book.deadline)
    withdrawn = select(schema.withdrawals.c.block).where(withdrawn_after(paid.payee))
    return case(
        (schema.cancellations.c.number.is_not(None), Status.CANCELLED.value),
        (paid.kind.is_(None) & is_over, Status.EXPIRED.value),
        (paid.kind.is_(None) & last.c.number.is_not(None), Status.WITHHELD.value),
        (paid.kind.is_(None), Status.OPEN.value),
        (paid.kind == "paid", Status.PAID.value),
        (withdrawn.correlate(schema.payments).exists(), Status.PAID.value),
        else_=Status.OWED.value,
    )


class _BookReader:
    """Reads a book's outcomes, with the report that settled each policy and what it said."""

    def __init__(self, connection: Connection, book: Book, times: _Times) -> None:
        """Reads the book's settlements: a row for each batch, not for each policy."""
        self._connection, self._book, self._times = connection, book, times
        self._reports: dict[bytes, list[tuple[int, int]]] = {}
        settled = schema.settlements.c
        wanted = select(settled.tx, settled.log, settled.report_id).where(settled.book_id == book.book_id)
        for tx, log, report_id in connection.execute(wanted.order_by(settled.log)):
            self._reports.setdefault(tx, []).append((log, report_id))

    def read(self, statement: Select[Any]) -> Iterator[Outcome]:
        """The outcomes a statement finds, fetched 5,000 at a time."""
        result = self._connection.execute(statement, execution_options={"yield_per": _FETCHED})
        for rows in result.partitions():
            self._times.learn({row.block for row in rows if row.block is not None})
            values = self._values(rows)
            for row in rows:
                yield self._outcome(row, values)

    def _outcome(self, row: Row[Any], values: Mapping[tuple[int, str], int]) -> Outcome:
        """One policy's, from its row."""
        assert self._book.book_id is not None  # noqa: S101  only issued books come here
        report = self._report(row)
        return Outcome(
            policy_ref=row.policy_ref,
            book=self._book.book_id,
            number=row.number,
            status=Status(row.status),
            risk=row.risk,
            payee=format_address(row.payee),
            sum_insured=row.sum_insured,
            premium=row.premium,
            amount=row.amount,
            value=None if report is None else values.get((report, row.risk)),
            report=report,
            time=None if row.block is None else self._times[row.block],
            block=row.block,
            transaction=_hex(row.tx),
            withdrawal=_hex(row.withdrawal),
        )

    def _report(self, row: Row[Any]) -> int | None:
        """The report by which a row was settled: the contract names it after the payments of each batch."""
        if row.log is None or row.status == Status.CANCELLED.value:
            return None
        return next((report for log, report in self._reports.get(row.tx, ()) if log > row.log), None)

    def _values(self, rows: Sequence[Row[Any]]) -> dict[tuple[int, str], int]:
        """What reports written here said of the risks in `rows`, by report and risk."""
        risks: dict[int, set[str]] = {}
        for row in rows:
            if (report := self._report(row)) is not None:
                risks.setdefault(report, set()).add(row.risk)
        return {
            (report, risk): value
            for report, wanted in risks.items()
            for risk, value in self._observed(report, sorted(wanted))
        }

    def _observed(self, report_id: int, risks: Sequence[str]) -> Iterator[Any]:
        """Risk and value, where the report was written here."""
        report = find_report(self._connection, report_id)
        if report is None:
            return
        table = schema.observations
        wanted = select(table.c.risk, table.c.value).where(table.c.report_key == report.key)
        for part in in_parts(risks):
            yield from self._connection.execute(wanted.where(table.c.risk.in_(part))).all()


class _Times:
    """When blocks were mined, asked once each."""

    def __init__(self, office: Office) -> None:
        self._node = office.node
        self._known: dict[int, datetime] = {}

    def learn(self, blocks: set[int]) -> None:
        """Asks for those not known."""
        new = sorted(blocks - self._known.keys())
        headers = self._node.batch([("eth_getBlockByNumber", [hex(block), False]) for block in new])
        for block, header in zip(new, headers, strict=True):
            self._known[block] = datetime.fromtimestamp(int(header["timestamp"], 16), timezone.utc)

    def __getitem__(self, block: int) -> datetime:
        """The time of a block learnt."""
        return self._known[block]


def _cells(outcome: Outcome, decimals: int) -> list[object]:
    """An outcome as the cells of a CSV row."""
    amounts = {"sum_insured", "premium", "amount"}
    cells: list[object] = []
    for name, value in vars(outcome).items():
        if name in amounts and value is not None:
            cells.append(format_amount(value, decimals))
        elif isinstance(value, Status):
            cells.append(value.value)
        else:
            cells.append(iso(value) if isinstance(value, datetime) else value)
    return cells


def _hex(digest: bytes | None) -> str | None:
    """0x-hex."""
    return None if digest is None else f"0x{digest.hex()}"
