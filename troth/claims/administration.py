"""What happens to a policy or a book in force, and at its end: cancelled, capped, extended, expired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from troth.addresses import format_address
from troth.claims.books import as_extended, policy_reference, tree_of
from troth.claims.keys import risk_to_bytes32
from troth.errors import BadInput, Problem, RecordsAltered
from troth.intake import iso
from troth.office import Office
from troth.store.books import Book, PolicyRow, find_book, list_books, policies_of, policies_with_ref

__all__ = [
    "Cancelled",
    "Expired",
    "cancel",
    "expire",
    "extend_deadline",
    "issued_book",
    "path_of",
    "set_daily_cap",
]


@dataclass(frozen=True)
class Cancelled:
    """A policy taken out of its book."""

    policy_ref: str
    book_id: int
    number: int
    refund: int
    """Of its premium, base units."""
    payee: str
    owed: bool
    """Whether the refund could not be transferred, and is kept for the payee."""
    transaction: str


@dataclass(frozen=True)
class Expired:
    """A book past its claim deadline, whose reserve is free again."""

    book_id: int
    released: int
    """Base units."""
    transaction: str


def cancel(office: Office, book_id: int, policy_ref: str, refund: int | None = None) -> Cancelled:
    """Cancels a policy and refunds its premium, or `refund` base units of it, to its payee.

    Raises BadInput for an unknown book or policy or more than the premium, ContractRefused if it is settled,
    cancelled or too late, MissingRole, and what sending raises.
    """
    office.sync()
    book = issued_book(office, book_id)
    policy = _policy(office, book, policy_ref)
    refund = policy.premium if refund is None else refund
    if refund > policy.premium:
        reason = f"more than the premium, {office.amount(policy.premium)}"
        raise BadInput([Problem("--refund", None, None, office.amount(refund), reason)])
    books = office.contract("PolicyBooks")
    terms = (
        policy.number,
        risk_to_bytes32(policy.risk),
        format_address(policy.payee),
        policy.sum_insured,
        policy.premium,
        policy_reference(policy.salt, policy.policy_ref),
    )
    # Without a gas limit of ours the node tries it first: a refusal then costs nothing.
    call = books.prepare("cancel", book_id, terms, refund, path_of(office, book, policy.number))
    (receipt,) = office.sender.send([call])
    owed = bool(office.pool.events(receipt, "Owed"))
    payee = format_address(policy.payee)
    return Cancelled(policy_ref, book_id, policy.number, refund, payee, owed, receipt.hash)


def set_daily_cap(office: Office, book_id: int, cap: int) -> str:
    """Sets the most a book may pay in a UTC day, base units; 0 lifts the cap. The transaction's hash.

    Raises BadInput for an unknown book, MissingRole.
    """
    office.sync()
    issued_book(office, book_id)
    (receipt,) = office.sender.send([office.contract("PolicyBooks").prepare("setDailyCap", book_id, cap)])
    return receipt.hash


def extend_deadline(office: Office, book_id: int, deadline: datetime) -> str:
    """Gives a book's claims until `deadline`, as after a pause that took long; the transaction's hash.

    Raises BadInput for an unknown book or no later a deadline than it has, MissingRole, and ContractRefused
    once nothing is reserved any more.
    """
    office.sync()
    (book,) = as_extended(office, [issued_book(office, book_id)])
    if deadline <= book.deadline:
        reason = f"no later than the deadline it has, {iso(book.deadline)}"
        raise BadInput([Problem("DEADLINE", None, None, iso(deadline), reason)])
    books = office.contract("PolicyBooks")
    (receipt,) = office.sender.send([books.prepare("extendDeadline", book_id, int(deadline.timestamp()))])
    return receipt.hash


def expire(office: Office, book_id: int) -> Expired:
    """Frees what is left of a book's reserve. Raises BadInput for an unknown book or before its deadline."""
    office.sync()
    (book,) = as_extended(office, [issued_book(office, book_id)])
    if (now := office.now()) <= book.deadline:
        reason = f"its claim deadline is {iso(book.deadline)}; it is {iso(now)} on the chain"
        raise BadInput([Problem("BOOK", None, None, str(book_id), reason)])
    books = office.contract("PolicyBooks")
    (receipt,) = office.sender.send([books.prepare("expire", book_id)])
    (event,) = books.events(receipt, "BookExpired")
    return Expired(book_id, event.arguments.released, receipt.hash)


def issued_book(office: Office, book_id: int, *, place: str = "BOOK") -> Book:
    """The book with the contract's number `book_id`. Raises BadInput, naming those there are."""
    with office.store.reading() as connection:
        if (book := find_book(connection, book_id=book_id)) is not None:
            return book
        known = [str(one.book_id) for one in list_books(connection) if one.is_issued]
    reason = f"no such book; known: {', '.join(known)}" if known else "no book yet: `troth book issue`"
    raise BadInput([Problem(place, None, None, str(book_id), reason)])


def path_of(office: Office, book: Book, number: int) -> Sequence[bytes]:
    """The Merkle path of a policy, from its leaf up. Builds the book's tree. Raises RecordsAltered."""
    with office.store.reading() as connection:
        tree = tree_of(policies_of(connection, book))
    if tree.root != book.root:
        raise RecordsAltered(f"book {book.book_id}")
    return tree.proof(number)


def _policy(office: Office, book: Book, policy_ref: str) -> PolicyRow:
    """The book's policy of this reference. Raises BadInput."""
    with office.store.reading() as connection:
        for of_book, policy in policies_with_ref(connection, policy_ref):
            if of_book.key == book.key:
                return policy
    reason = f"book {book.book_id} has no policy of this reference"
    raise BadInput([Problem("REF", None, None, policy_ref, reason)])
