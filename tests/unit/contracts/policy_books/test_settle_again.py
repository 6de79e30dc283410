"""What was settled or cancelled before is skipped and counted, never paid again.

settle, a policy marked before
├── the same batch again: all skipped, nothing paid
├── among others in another batch: the others paid
├── by another report, a worse one included: skipped
├── cancelled before cover began: skipped
├── its number twice in one batch (a faulty book): the first paid, the second skipped
├── not due by the report at hand: still skipped, not refused
├── all skipped while paused, or beyond the day's cap: passes, nothing moves
└── the same payee and risk in another book: that book's own matter
"""

from __future__ import annotations

from support import (
    Actor,
    Book,
    Report,
    Suite,
    book_as_is,
    emitted,
    policy,
    settlement,
)
from support.defaults import DAY, DOLLAR, LATE, ON_TIME, RISK, SUM_INSURED, VERY_LATE

from troth.chain.contracts import Contract

HUNDRED = 100 * DOLLAR


def test_settle_same_batch_again_pays_nothing_c4(
    suite: Suite, books: Contract, pool: Contract, book: Book, report: Report
) -> None:
    """C4: not an event of the pool, not a unit, not a change of the book."""
    batch = settlement(book, report, range(4))
    suite.settle(batch)
    before = (books.call("book", book.id), suite.balance(pool), pool.call("totalReserved"))
    receipt = suite.settle(batch)
    assert emitted(receipt, books, "Settled") == [(book.id, report.id, 0, 4, 0)]
    assert len(receipt.logs) == 1
    assert (books.call("book", book.id), suite.balance(pool), pool.call("totalReserved")) == before


def test_settle_skips_settled_and_pays_the_rest_c1_c4(
    suite: Suite, books: Contract, pool: Contract, book: Book, report: Report
) -> None:
    """C1, C4: one of three was paid in an earlier batch, by somebody else."""
    suite.settle(settlement(book, report, [1, 3]), by="insurer")
    receipt = suite.settle(settlement(book, report, [0, 1, 2]))
    assert [paid.number for paid in emitted(receipt, pool, "Paid")] == [0, 2]
    assert emitted(receipt, pool, "Released") == [(book.id, 4 * HUNDRED)]
    assert emitted(receipt, books, "Settled") == [(book.id, report.id, 2, 1, 2 * HUNDRED)]
    assert suite.balance(suite.customers[1]) == HUNDRED


def test_settle_by_another_report_pays_no_more_c1(suite: Suite, books: Contract, customer: Actor) -> None:
    """C1: half was due, and was paid; a later report that would give all gives nothing."""
    book = suite.book([policy(customer)])
    suite.settle(settlement(book, suite.report({RISK: LATE})))
    worse = suite.report({RISK: VERY_LATE})
    receipt = suite.settle(settlement(book, worse))
    assert emitted(receipt, books, "Settled") == [(book.id, worse.id, 0, 1, 0)]
    assert suite.balance(customer) == SUM_INSURED // 2


def test_settle_skips_cancelled_policy_c1(
    suite: Suite, books: Contract, underwriter: Actor, customers: tuple[Actor, ...]
) -> None:
    """C1: who got the premium back gets no claim paid."""
    begins = suite.clock.now + DAY
    book = suite.book([policy(customers[0]), policy(customers[1])], cover_from=begins)
    underwriter.send(books, "cancel", book.id, book.policies[0], 0, book.tree.proof(0))
    suite.clock.move_to(begins)
    report = suite.report({RISK: VERY_LATE}, period_start=begins, period_end=begins)
    receipt = suite.settle(settlement(book, report))
    assert emitted(receipt, books, "Settled") == [(book.id, report.id, 1, 1, SUM_INSURED)]
    assert [suite.balance(one) for one in customers[:2]] == [0, SUM_INSURED]


def test_settle_pays_a_number_once_in_one_batch_c1(
    suite: Suite, books: Contract, customers: tuple[Actor, ...]
) -> None:
    """C1: a faulty book has number 0 twice; the second is skipped, in the batch and ever after."""
    twice = [policy(customers[0]), policy(customers[1]), policy(customers[2], number=1)]
    book = suite.issue(book_as_is(twice, suite.register()))
    report = suite.report({RISK: VERY_LATE})
    receipt = suite.settle(settlement(book, report))
    assert emitted(receipt, books, "Settled") == [(book.id, report.id, 2, 1, 2 * SUM_INSURED)]
    assert [suite.balance(one) for one in customers[:3]] == [SUM_INSURED, 0, SUM_INSURED]
    suite.settle(settlement(book, report, [1]))
    assert suite.balance(customers[1]) == 0


def test_settle_skips_settled_policy_not_due_now_c4(
    suite: Suite, books: Contract, customers: tuple[Actor, ...]
) -> None:
    """C4: a batch repeated after a better report came out passes over what was paid."""
    book = suite.book([policy(customers[0]), policy(customers[1], "UA 2")])
    suite.settle(settlement(book, suite.report({RISK: VERY_LATE}), [0]))
    later = suite.report({RISK: ON_TIME, "UA 2": VERY_LATE})
    receipt = suite.settle(settlement(book, later))
    assert emitted(receipt, books, "Settled") == [(book.id, later.id, 1, 1, SUM_INSURED)]


def test_settle_of_settled_only_passes_while_paused_c8(
    suite: Suite, books: Contract, guardian: Actor, book: Book, report: Report
) -> None:
    """C8: nothing is paid, for nothing is due."""
    batch = settlement(book, report, range(4))
    suite.settle(batch)
    guardian.send(suite.pool, "pause")
    receipt = suite.settle(batch)
    assert emitted(receipt, books, "Settled") == [(book.id, report.id, 0, 4, 0)]


def test_settle_counts_each_book_by_itself_c1(suite: Suite, books: Contract, customer: Actor) -> None:
    """C1: marks are the book's; two promises to one payee are two."""
    first = suite.book([policy(customer)])
    second = suite.book([policy(customer)], first.terms.product_id, salt="second")
    report = suite.report({RISK: VERY_LATE})
    suite.settle(settlement(first, report))
    assert not books.call("isSettled", second.id, 0)
    suite.settle(settlement(second, report))
    assert suite.balance(customer) == 2 * SUM_INSURED
