"""A payee who cannot be paid, in the middle of a batch.

settle, a transfer fails
├── the others are paid, the money is kept for the payee
├── the policy is settled: not paid again once the payee can be paid
├── it counts for book, day and event as if paid
└── it is withdrawn later, paused or not: see capital_pool/test_withdraw_owed.py
"""

from __future__ import annotations

import pytest
from support import Book, Report, Suite, emitted, policy, settlement
from support.defaults import CAPITAL, DOLLAR, LATE, PREMIUM, VERY_LATE

from troth.chain.contracts import Contract

HUNDRED = 100 * DOLLAR


@pytest.fixture
def frozen(suite: Suite) -> None:
    """The second customer can receive nothing."""
    suite.freeze(suite.customers[1])


@pytest.mark.usefixtures("frozen")
def test_settle_keeps_what_cannot_be_sent_and_pays_others_c5(
    suite: Suite, pool: Contract, book: Book, report: Report
) -> None:
    """C5: one bad payee stops nobody else, and loses nothing."""
    receipt = suite.settle(settlement(book, report, range(4)))
    payee = suite.customers[1]
    assert emitted(receipt, pool, "Owed") == [(book.id, payee.address, 1, HUNDRED)]
    assert [paid.number for paid in emitted(receipt, pool, "Paid")] == [0, 2, 3]
    assert suite.balance(payee) == 0
    assert (pool.call("owed", payee.address), pool.call("totalOwed")) == (HUNDRED, HUNDRED)


@pytest.mark.usefixtures("frozen")
def test_settle_counts_owed_as_paid_c2_c7(
    suite: Suite, books: Contract, pool: Contract, book: Book, report: Report
) -> None:
    """C2, C7: the book has paid it, the pool still holds it, and for nobody else."""
    receipt = suite.settle(settlement(book, report, range(4)))
    assert emitted(receipt, books, "Settled") == [(book.id, report.id, 4, 0, 7 * HUNDRED)]
    assert books.call("book", book.id).paid == 7 * HUNDRED
    held = CAPITAL + 5 * PREMIUM - 6 * HUNDRED
    assert suite.balance(pool) == held
    assert pool.call("freeAssets") == held - HUNDRED - 5 * HUNDRED


@pytest.mark.usefixtures("frozen")
def test_settle_again_after_thaw_pays_nothing_c4(
    suite: Suite, pool: Contract, book: Book, report: Report
) -> None:
    """C4: what is owed is withdrawn, never settled a second time."""
    batch = settlement(book, report, range(4))
    suite.settle(batch)
    suite.freeze(suite.customers[1], frozen=False)
    suite.settle(batch)
    assert suite.balance(suite.customers[1]) == 0
    assert pool.call("owed", suite.customers[1].address) == HUNDRED


@pytest.mark.usefixtures("frozen")
def test_settle_adds_up_what_one_payee_is_owed_c5(suite: Suite, pool: Contract) -> None:
    """C5: two policies of one payee in one batch, and one in a book of another product."""
    payee = suite.customers[1]
    both = suite.book([policy(payee, "UA 1"), policy(payee, "UA 2")])
    other = suite.book([policy(payee, "UA 2")])
    report = suite.report({"UA 1": LATE, "UA 2": VERY_LATE})
    suite.settle(settlement(both, report))
    suite.settle(settlement(other, report))
    assert pool.call("owed", payee.address) == 1_000 * DOLLAR


def test_settle_of_owed_only_moves_no_token_c5(
    suite: Suite, pool: Contract, book: Book, report: Report
) -> None:
    """C5: a batch of bad payees only is settled like any other."""
    suite.freeze(suite.customers[3])
    before = suite.balance(pool)
    receipt = suite.settle(settlement(book, report, [3]))
    assert emitted(receipt, pool, "Paid") == []
    assert (suite.balance(pool), pool.call("totalOwed")) == (before, 4 * HUNDRED)
