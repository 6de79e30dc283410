"""Giving claims more time.

extendDeadline
├── caller is no supervisor: refused, see authority/test_roles.py
├── book unknown: refused
├── not later than the deadline it has: refused · a second later: taken
├── nothing reserved any more (expired, paid in full): refused
├── deadline passed, book not expired: taken, and claims are paid again
└── else: kept, event; expiring waits for it
"""

from __future__ import annotations

import pytest
from support import Actor, Book, Report, Suite, emitted, policy, refuses, settlement
from support.defaults import DAY, DEADLINE, RISK, VERY_LATE

from troth.chain.contracts import Contract


def test_extend_deadline_gives_claims_more_time_c6(
    suite: Suite, books: Contract, supervisor: Actor, book: Book, report: Report
) -> None:
    """C6: to the new last second, and not a second more."""
    receipt = supervisor.send(books, "extendDeadline", book.id, DEADLINE + DAY)
    assert emitted(receipt, books, "DeadlineExtended") == [(book.id, DEADLINE + DAY)]
    assert books.call("book", book.id).deadline == DEADLINE + DAY
    suite.clock.move_to(DEADLINE + DAY)
    suite.settle(settlement(book, report, [3]))
    suite.clock.move_by(1)
    with refuses(
        "PolicyBooksDeadlinePassed", bookId=book.id, deadline=DEADLINE + DAY, nowAt=DEADLINE + DAY + 1
    ):
        suite.settle(settlement(book, report, [0]))


def test_extend_deadline_puts_off_expiry_c6(
    suite: Suite, books: Contract, supervisor: Actor, stranger: Actor, book: Book
) -> None:
    """C6: the reserve stays as long as claims may come."""
    supervisor.send(books, "extendDeadline", book.id, DEADLINE + DAY)
    suite.clock.move_to(DEADLINE + DAY)
    with refuses("PolicyBooksDeadlineAhead", bookId=book.id, deadline=DEADLINE + DAY, nowAt=DEADLINE + DAY):
        stranger.send(books, "expire", book.id)


def test_extend_deadline_after_it_passed_lets_claims_in_again_c6(
    suite: Suite, books: Contract, supervisor: Actor, book: Book, report: Report
) -> None:
    """C6: as long as nobody has expired the book, its reserve is there."""
    suite.clock.move_to(DEADLINE + DAY)
    supervisor.send(books, "extendDeadline", book.id, DEADLINE + 2 * DAY)
    suite.settle(settlement(book, report, [3]))
    assert suite.balance(suite.customers[3]) == book.policies[3].sum_insured


@pytest.mark.parametrize("deadline", [DEADLINE, DEADLINE - 1, 0])
def test_extend_deadline_refuses_one_no_later_c6(
    books: Contract, supervisor: Actor, book: Book, deadline: int
) -> None:
    """C6: no claim's time is cut short."""
    with refuses("PolicyBooksDeadlineNotLater", deadline=deadline, before=DEADLINE):
        supervisor.send(books, "extendDeadline", book.id, deadline)
    supervisor.send(books, "extendDeadline", book.id, DEADLINE + 1)


def test_extend_deadline_refuses_expired_book_c2(
    suite: Suite, books: Contract, supervisor: Actor, stranger: Actor, book: Book
) -> None:
    """C2: its reserve is gone, so nothing stands behind it."""
    suite.clock.move_to(DEADLINE + 1)
    stranger.send(books, "expire", book.id)
    with refuses("PolicyBooksNothingReserved", bookId=book.id):
        supervisor.send(books, "extendDeadline", book.id, DEADLINE + DAY)


def test_extend_deadline_refuses_book_paid_in_full(
    suite: Suite, books: Contract, supervisor: Actor, customer: Actor
) -> None:
    """There is nobody to give time to."""
    book = suite.book([policy(customer)])
    suite.settle(settlement(book, suite.report({RISK: VERY_LATE})))
    with refuses("PolicyBooksNothingReserved", bookId=book.id):
        supervisor.send(books, "extendDeadline", book.id, DEADLINE + DAY)


def test_extend_deadline_refuses_unknown_book(books: Contract, supervisor: Actor) -> None:
    """No book, no deadline."""
    with refuses("PolicyBooksUnknown", bookId=1):
        supervisor.send(books, "extendDeadline", 1, DEADLINE)
