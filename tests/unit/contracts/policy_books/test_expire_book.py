"""Releasing a book's reserve after its deadline.

expire
├── book unknown: refused
├── up to the deadline: refused · the second after: released
├── nothing left to release (all paid, expired already): refused
├── pool paused: released all the same, no money moves
└── else: by anyone; all that is left; event; free for the pool, and no longer payable
"""

from __future__ import annotations

from support import Actor, Book, Report, Suite, emitted, policy, refuses, settlement
from support.defaults import CAPITAL, DEADLINE, DOLLAR, PREMIUM, RISK, VERY_LATE

from troth.chain.contracts import Contract

HUNDRED = 100 * DOLLAR


def test_expire_releases_what_is_left_c6(
    suite: Suite, books: Contract, pool: Contract, book: Book, report: Report
) -> None:
    """C6: of 1,500 insured, 1,000 were settled; 500 become free again."""
    suite.settle(settlement(book, report, range(4)))
    suite.clock.move_to(DEADLINE + 1)
    receipt = suite["stranger"].send(books, "expire", book.id)
    assert emitted(receipt, books, "BookExpired") == [(book.id, 5 * HUNDRED)]
    assert emitted(receipt, pool, "Released") == [(book.id, 5 * HUNDRED)]
    assert books.call("book", book.id).reserve == pool.call("totalReserved") == 0
    assert pool.call("freeAssets") == suite.balance(pool) == CAPITAL + 5 * PREMIUM - 7 * HUNDRED


def test_expire_refuses_up_to_the_deadline_c6(
    suite: Suite, books: Contract, stranger: Actor, book: Book
) -> None:
    """C6: while a claim can still be paid, its reserve stays."""
    suite.clock.move_to(DEADLINE)
    with refuses("PolicyBooksDeadlineAhead", bookId=book.id, deadline=DEADLINE, nowAt=DEADLINE):
        stranger.send(books, "expire", book.id)


def test_expired_book_pays_nothing_c6(
    suite: Suite, books: Contract, stranger: Actor, book: Book, report: Report
) -> None:
    """C6: released is released."""
    suite.clock.move_to(DEADLINE + 1)
    stranger.send(books, "expire", book.id)
    with refuses("PolicyBooksDeadlinePassed", bookId=book.id, deadline=DEADLINE, nowAt=DEADLINE + 1):
        suite.settle(settlement(book, report, [0]))


def test_expire_refuses_to_release_twice_c2(
    suite: Suite, books: Contract, stranger: Actor, book: Book
) -> None:
    """C2: the second release would be another book's reserve."""
    suite.book([policy(suite.customers[0], sum_insured=15 * HUNDRED)])
    suite.clock.move_to(DEADLINE + 1)
    stranger.send(books, "expire", book.id)
    with refuses("PolicyBooksNothingReserved", bookId=book.id):
        stranger.send(books, "expire", book.id)
    assert suite.pool.call("totalReserved") == 15 * HUNDRED


def test_expire_refuses_book_paid_in_full(
    suite: Suite, books: Contract, stranger: Actor, customer: Actor
) -> None:
    """Nothing is left, so nothing happens twice."""
    book = suite.book([policy(customer)])
    suite.settle(settlement(book, suite.report({RISK: VERY_LATE})))
    suite.clock.move_to(DEADLINE + 1)
    with refuses("PolicyBooksNothingReserved", bookId=book.id):
        stranger.send(books, "expire", book.id)


def test_expire_refuses_unknown_book(books: Contract, stranger: Actor) -> None:
    """No book, no reserve."""
    with refuses("PolicyBooksUnknown", bookId=1):
        stranger.send(books, "expire", 1)


def test_expire_works_while_paused_c8(
    suite: Suite, books: Contract, guardian: Actor, stranger: Actor, book: Book
) -> None:
    """C8: no money moves by it."""
    guardian.send(suite.pool, "pause")
    suite.clock.move_to(DEADLINE + 1)
    stranger.send(books, "expire", book.id)
    assert books.call("book", book.id).reserve == 0


def test_expire_leaves_money_owed_alone_c5(
    suite: Suite, books: Contract, pool: Contract, book: Book, report: Report
) -> None:
    """C5: the deadline ends claims, not debts."""
    suite.freeze(suite.customers[0])
    suite.settle(settlement(book, report, range(4)))
    suite.clock.move_to(DEADLINE + 1)
    suite["stranger"].send(books, "expire", book.id)
    assert pool.call("owed", suite.customers[0].address) == HUNDRED // 2
    assert pool.call("freeAssets") == suite.balance(pool) - HUNDRED // 2
