"""Books and their policies, as the insurer wrote them.

A book is saved whole, salts included, before its root is sent. It is issued when the chain's index holds
that root, so a command killed at any moment finds on its return what it had drafted, and whether it went
out.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, delete, func, insert, select

from troth.store import schema
from troth.store.database import hold, in_parts, insert_rows

__all__ = [
    "Book",
    "NewBook",
    "PolicyRow",
    "find_book",
    "forget_draft",
    "list_books",
    "policies_of",
    "policies_with_ref",
    "save_book",
]

_FETCHED = 10_000


class PolicyRow(NamedTuple):
    """A policy of a book. Amounts in base units, `payee` 20 bytes, `salt` 16 bytes, `number` the position,
    from 0.
    """

    number: int
    policy_ref: str
    risk: str
    payee: bytes
    sum_insured: int
    premium: int
    salt: bytes


@dataclass(frozen=True)
class NewBook:
    """A book about to be issued.

    `source` is a digest, 32 bytes, of all that the book is made from (file, product, terms): the same
    source is the same book, so a second run of one command cannot make a second one. Amounts in base units,
    `collateral` in basis points, times aware.
    """

    source: bytes
    root: bytes
    product_id: int
    policy_count: int
    sum_insured: int
    premium: int
    collateral: int
    daily_cap: int
    cover_from: datetime
    cover_until: datetime
    deadline: datetime


@dataclass(frozen=True, kw_only=True)
class Book(NewBook):
    """A book saved. `key` is this database's number for it; `book_id` the contract's, None while it is a
    draft.
    """

    key: int
    drafted_at: datetime
    book_id: int | None

    @property
    def is_issued(self) -> bool:
        """Whether its root is on-chain, as far as the index has read."""
        return self.book_id is not None


def save_book(connection: Connection, book: NewBook, policies: Iterable[PolicyRow]) -> Book:
    """Saves a draft and returns it; if one of the same source was saved before, that one, salts unchanged,
    and `policies` is not looked at.

    Call it in `Store.writing`, and send the root only after that block has ended. Raises ValueError if the
    policies are not numbered from 0 in order or do not add up to the book's own count and totals.
    """
    hold(connection, b"BOOKS")
    if (saved := find_book(connection, source=book.source)) is not None:
        return saved
    values = {
        **vars(book),
        "cover_from": _seconds(book.cover_from),
        "cover_until": _seconds(book.cover_until),
        "deadline": _seconds(book.deadline),
        "drafted_at": int(time.time()),
    }
    key = connection.execute(insert(schema.books).values(values)).inserted_primary_key
    assert key is not None  # noqa: S101  an insert of one row has one
    insert_rows(connection, schema.policies, _checked(key[0], book, policies))
    saved = find_book(connection, source=book.source)
    assert saved is not None  # noqa: S101  inserted above, in this transaction
    return saved


def forget_draft(connection: Connection, book: Book) -> None:
    """Deletes a book that was never issued and never will be. ValueError for one that was."""
    if book.is_issued:
        raise ValueError(f"book {book.book_id} is on the chain")
    connection.execute(delete(schema.books).where(schema.books.c.key == book.key))  # and its policies


def find_book(
    connection: Connection, *, key: int | None = None, source: bytes | None = None, book_id: int | None = None
) -> Book | None:
    """The book with this key, source or contract's id, None if there is none here."""
    statement = _books()
    if key is not None:
        statement = statement.where(schema.books.c.key == key)
    if source is not None:
        statement = statement.where(schema.books.c.source == source)
    if book_id is not None:
        statement = statement.where(_book_id == book_id)
    row = connection.execute(statement.limit(1)).first()
    return None if row is None else _book(row)


def list_books(connection: Connection) -> list[Book]:
    """Every book saved, oldest first."""
    return [_book(row) for row in connection.execute(_books().order_by(schema.books.c.key))]


def policies_of(
    connection: Connection, book: Book, risks: Sequence[str] | None = None
) -> Iterator[PolicyRow]:
    """The policies of `book` in order of number, or those on `risks` only, streamed: a few megabytes
    whatever the size.
    """
    table = schema.policies
    statement = select(*table.columns[1:]).where(table.c.book_key == book.key).order_by(table.c.number)
    if risks is None:
        yield from _stream(connection, statement)
        return
    # A book is in order of risk, so the parts of the sorted risks come in order of number too.
    ordered = sorted(set(risks), key=lambda risk: risk.encode())
    for part in in_parts(ordered):
        yield from _stream(connection, statement.where(table.c.risk.in_(part)))


def policies_with_ref(connection: Connection, policy_ref: str) -> list[tuple[Book, PolicyRow]]:
    """Every policy with the insurer's reference `policy_ref`, with its book, oldest book first."""
    table = schema.policies
    rows = connection.execute(
        select(table).where(table.c.policy_ref == policy_ref).order_by(table.c.book_key)
    ).all()
    found = []
    for key, *values in rows:
        book = find_book(connection, key=key)
        assert book is not None  # noqa: S101  the foreign key says so
        found.append((book, PolicyRow(*values)))
    return found


# Salted roots do not coincide, but a root is public and can be issued again by whoever may issue: the first
# one counts.
_book_id = (
    select(func.min(schema.books_issued.c.book_id))
    .where(schema.books_issued.c.root == schema.books.c.root)
    .scalar_subquery()
)


def _books() -> Select[Any]:
    """Every book with its contract's id."""
    return select(schema.books, _book_id.label("book_id"))


def _book(row: Row[Any]) -> Book:
    """The book in a row of `_books`."""
    values = dict(row._mapping)
    for name in ("cover_from", "cover_until", "deadline", "drafted_at"):
        values[name] = datetime.fromtimestamp(values[name], timezone.utc)
    return Book(**values)


def _stream(connection: Connection, statement: Select[Any]) -> Iterator[PolicyRow]:
    """The policies a query finds, fetched 10,000 at a time."""
    result = connection.execute(statement, execution_options={"yield_per": _FETCHED})
    for part in result.partitions():
        yield from map(PolicyRow._make, part)


def _checked(key: int, book: NewBook, policies: Iterable[PolicyRow]) -> Iterator[tuple[Any, ...]]:
    """The policies as rows of their table; refuses at the end what does not add up to `book`."""
    count = sum_insured = premium = 0
    for policy in policies:
        if policy.number != count:
            raise ValueError(f"policy {policy.policy_ref} has number {policy.number}, not {count}")
        count += 1
        sum_insured += policy.sum_insured
        premium += policy.premium
        yield (key, *policy)
    found, said = (count, sum_insured, premium), (book.policy_count, book.sum_insured, book.premium)
    if found != said:
        raise ValueError(f"policies, sum insured and premium add up to {found}, and the book says {said}")


def _seconds(moment: datetime) -> int:
    """An aware time as Unix seconds. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return int(moment.timestamp())
