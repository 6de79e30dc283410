"""Policy books: from a file of policies to a root on the chain.

The book is saved with its salts before its root leaves, so a command killed at any moment finds on its return
what it had drafted: the same file, product and terms are the same book, and it is issued once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from troth.chain.contracts import Event
from troth.chain.transactions import Call
from troth.claims import products
from troth.claims.intake import PolicyRow as PolicyLine
from troth.claims.intake import read_book
from troth.claims.keys import bytes32_to_text, risk_to_bytes32
from troth.errors import BadInput, ContractRefused, NoMoney, PoolShort, Problem
from troth.intake import iso
from troth.office import Office
from troth.store.books import Book, NewBook, PolicyRow, find_book, forget_draft, save_book
from troth.trees.keccak import MerkleTree, keccak

__all__ = [
    "IssuedBook",
    "Terms",
    "as_extended",
    "issue",
    "policy_leaf",
    "policy_reference",
    "policy_terms",
    "tree_of",
]

COVER = timedelta(days=365)
CLAIM_PERIOD = timedelta(days=90)
_SALT = 16
_GAS_APPROVE, _GAS_ISSUE = 100_000, 600_000


@dataclass(frozen=True)
class Terms:
    """On what terms a book is issued. Times aware; None takes the default."""

    cover_from: datetime | None = None
    """Only reports of periods within the cover count; before it single policies can be cancelled. By default
    00:00 UTC of the present day on the chain."""
    cover_until: datetime | None = None
    """A year after cover begins by default."""
    deadline: datetime | None = None
    """After it nothing is paid any more; 90 days after cover ends by default."""
    collateral: int = products.WHOLE
    """Share of the sum insured to reserve, in basis points."""
    daily_cap: int = 0
    """Most to be paid in a UTC day, base units; 0 for no cap."""


@dataclass(frozen=True)
class IssuedBook:
    """A book on the chain. Amounts in base units."""

    book_id: int
    policies: int
    sum_insured: int
    premium: int
    deadline: datetime
    transaction: str | None
    """None if the book was issued before."""


def issue(office: Office, path: Path, product_name: str, terms: Terms | None = None) -> IssuedBook:
    """Issues the book in a file on the newest version of a product, or finds it issued.

    Raises BadInput for the file, the product's name or the terms, PoolShort, NoMoney, MissingRole, and what
    sending raises; nothing is sent before everything was checked.
    """
    terms = terms or Terms()
    lines = read_book(path, office.decimals)
    _ = office.sender  # finishes what a killed run had under way, before anything is planned
    product = products.find(office, product_name)
    source = _source(lines, product.product_id, terms)
    office.sync()
    with office.store.reading() as connection:
        book = find_book(connection, source=source)
    if book is not None and book.book_id is not None:
        return _issued(book, book.book_id, None)
    if book is not None and _is_too_late(office, book):
        with office.store.writing() as connection:
            forget_draft(connection, book)
        book = None
    if book is None:
        book = _draft(office, lines, product.product_id, terms, source)
    return _send(office, book)


def as_extended(office: Office, books: Iterable[Book]) -> list[Book]:
    """Issued books as saved, but with the deadlines they have now: a supervisor may have extended them."""
    issued = list(books)
    calls = [("book", (book.book_id,)) for book in issued]
    states = office.contract("PolicyBooks").call_many(calls) if calls else []
    return [
        replace(book, deadline=datetime.fromtimestamp(state.deadline, timezone.utc))
        for book, state in zip(issued, states, strict=True)
    ]


def policy_reference(salt: bytes, policy_ref: str) -> bytes:
    """keccak-256 of salt and reference: all of the insurer's own reference that reaches the chain."""
    return keccak(salt + policy_ref.encode())


def policy_terms(premium: int, reference: bytes) -> bytes:
    """What settling need not know and cancelling reveals, see contracts/claims/Leaves.sol."""
    return keccak(premium.to_bytes(12, "big") + reference)


def policy_leaf(policy: PolicyRow) -> bytes:
    """A policy's leaf in its book's tree, see contracts/claims/Leaves.sol."""
    terms = policy_terms(policy.premium, policy_reference(policy.salt, policy.policy_ref))
    return keccak(
        policy.number.to_bytes(4, "big")
        + risk_to_bytes32(policy.risk)
        + policy.payee
        + policy.sum_insured.to_bytes(12, "big")
        + terms
    )


def tree_of(policies: Iterable[PolicyRow]) -> MerkleTree:
    """The tree of a whole book, its policies in order of number."""
    return MerkleTree.build([policy_leaf(policy) for policy in policies])


def _draft(office: Office, lines: Sequence[PolicyLine], product_id: int, terms: Terms, source: bytes) -> Book:
    """Numbers and salts the policies and saves the book."""
    now = office.now()
    cover_from = terms.cover_from or _midnight(now)
    cover_until = terms.cover_until or cover_from + COVER
    deadline = terms.deadline or cover_until + CLAIM_PERIOD
    _check_times(now, cover_from, cover_until, deadline)
    policies = _numbered(lines)
    book = NewBook(
        source=source,
        root=tree_of(policies).root,
        product_id=product_id,
        policy_count=len(policies),
        sum_insured=sum(policy.sum_insured for policy in policies),
        premium=sum(policy.premium for policy in policies),
        collateral=terms.collateral,
        daily_cap=terms.daily_cap,
        cover_from=cover_from,
        cover_until=cover_until,
        deadline=deadline,
    )
    _check_money(office, book)  # so that no draft is kept of what cannot be paid for
    with office.store.writing() as connection:
        return save_book(connection, book, policies)


def _numbered(lines: Sequence[PolicyLine]) -> list[PolicyRow]:
    """The policies in order of risk, so that one event's policies are neighbours and share their proofs."""
    salts = os.urandom(_SALT * len(lines))
    ordered = sorted(lines, key=lambda line: (line.risk, line.ref))
    return [
        PolicyRow(
            number,
            line.ref,
            bytes32_to_text(line.risk),
            line.payee,
            line.sum_insured,
            line.premium,
            salts[number * _SALT : (number + 1) * _SALT],
        )
        for number, line in enumerate(ordered)
    ]


def _send(office: Office, book: Book) -> IssuedBook:
    """Sends the root, and the approval for its premium where one is needed."""
    refusal = _tried(office, book)  # before it costs anything
    if refusal is not None and refusal.name == "PolicyBooksAlreadyIssued":  # in a block too new for the index
        return _issued(book, cast("int", refusal.arguments["bookId"]), None)
    _check_money(office, book)  # not before: of a book that is issued, the premium is paid
    approving = approval(office, book.premium)
    if refusal is not None and not approving:  # else it may be the token's, for want of the approval
        raise refusal
    books = office.contract("PolicyBooks")
    label = f"issue a book of {book.policy_count}"
    issuing = books.prepare("issue", _on_chain(book), gas=_GAS_ISSUE, label=label)
    *_, receipt = office.sender.send([*approving, issuing])
    event: Event
    (event,) = books.events(receipt, "BookIssued")
    return _issued(book, event.arguments.bookId, receipt.hash)


def _is_too_late(office: Office, book: Book) -> bool:
    """Whether a draft, as a killed command left it, can be issued no more: its cover begins before today."""
    refusal = _tried(office, book) if book.cover_from < _midnight(office.now()) else None
    return refusal is not None and refusal.name == "PolicyBooksCoverBackdated"


def _tried(office: Office, book: Book) -> ContractRefused | None:
    """How the contract would refuse the book now. Raises MissingRole."""
    try:
        office.contract("PolicyBooks").call("issue", _on_chain(book), sender=office.sender.address)
    except ContractRefused as refusal:
        return refusal
    return None


def _on_chain(book: NewBook) -> tuple[Any, ...]:
    """The contract's BookTerms."""
    return (
        book.root,
        book.product_id,
        book.policy_count,
        int(book.cover_from.timestamp()),
        int(book.cover_until.timestamp()),
        int(book.deadline.timestamp()),
        book.collateral,
        book.daily_cap,
        book.sum_insured,
        book.premium,
    )


def approval(office: Office, amount: int) -> list[Call]:
    """The call, if one is needed, that lets the pool take `amount` from the office's account."""
    granted = office.token.call("allowance", office.sender.address, office.pool.address)
    if granted >= amount:
        return []
    return [office.token.prepare("approve", office.pool.address, amount, gas=_GAS_APPROVE)]


def _check_times(now: datetime, cover_from: datetime, cover_until: datetime, deadline: datetime) -> None:
    """Raises BadInput for cover that begins before today, and for times out of order."""
    today = _midnight(now)
    rules = (
        ("--cover-from", cover_from, today, "on the chain today began", cover_from >= today),
        ("--cover-until", cover_until, cover_from, "cover begins", cover_until >= cover_from),
        ("--deadline", deadline, cover_until, "cover ends", deadline >= cover_until),
        ("--deadline", deadline, now, "the chain's own time is", deadline > now),
    )
    problems = [
        Problem(option, None, None, iso(given), f"too early: {what} {iso(bound)}")
        for option, given, bound, what, is_kept in rules
        if not is_kept
    ]
    if problems:
        raise BadInput(problems)


def _midnight(moment: datetime) -> datetime:
    """When the day began."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _check_money(office: Office, book: NewBook) -> None:
    """Raises NoMoney or PoolShort while nothing has been sent."""
    account = office.sender.address
    held, free = office.token.call("balanceOf", account), office.pool.call("freeAssets")
    if held < book.premium:
        raise NoMoney(account, office.amount(book.premium), office.amount(held))
    reserve = -(-book.sum_insured * book.collateral // products.WHOLE)
    if free + book.premium < reserve:
        raise PoolShort(office.amount(reserve - book.premium), office.amount(free))


def _source(lines: Sequence[PolicyLine], product_id: int, terms: Terms) -> bytes:
    """A digest of all that a book is made from."""
    digest = sha256(repr((product_id, terms)).encode())
    for line in lines:
        digest.update(repr(line).encode())
    return digest.digest()


def _issued(book: Book, book_id: int, transaction: str | None) -> IssuedBook:
    """The result for a book that is on the chain."""
    return IssuedBook(book_id, book.policy_count, book.sum_insured, book.premium, book.deadline, transaction)
