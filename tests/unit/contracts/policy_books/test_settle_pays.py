"""What settling pays, and what it leaves written.

settle, everything in order
├── one policy, one observation: trees of one leaf
├── several tiers and risks in one batch: each its own share, rounded down
├── at most, negative values
├── an observation nobody claims on: no harm
├── by anyone
├── in several batches, over several words of marks, to and fro between them
├── two leaves of one pair in either order
└── with little gas: all or nothing, nobody owed for want of gas
written: Paid, Settled, Released events; marks; outstanding, reserve, paid, paidToday of the book; the
    pool's reserve
"""

from __future__ import annotations

import pytest
from support import Actor, Book, Report, Suite, book_as_is, emitted, policy, settlement, undone
from support.defaults import CAPITAL, DAY, DOLLAR, LATE, PREMIUM, RISK, START, SUM_INSURED, VERY_LATE

from troth.chain.contracts import Contract
from troth.errors import TrothError

HUNDRED = 100 * DOLLAR


def test_settle_pays_one_policy_by_one_observation(
    suite: Suite, pool: Contract, books: Contract, customer: Actor
) -> None:
    """The smallest trees there are: their roots are their leaves."""
    book, report = suite.book([policy(customer)]), suite.report({RISK: VERY_LATE})
    receipt = suite.settle(settlement(book, report))
    assert emitted(receipt, pool, "Paid") == [(book.id, customer.address, 0, SUM_INSURED)]
    assert emitted(receipt, books, "Settled") == [(book.id, report.id, 1, 0, SUM_INSURED)]
    assert suite.balance(customer) == SUM_INSURED


def test_settle_pays_each_its_share_c3_c7(
    suite: Suite, pool: Contract, books: Contract, book: Book, report: Report
) -> None:
    """C3, C7: half for late, all for very late; events, book and balances say the same sum."""
    receipt = suite.settle(settlement(book, report, range(4)))
    due = [HUNDRED // 2, HUNDRED, HUNDRED * 3 // 2, HUNDRED * 4]
    payees = [one.address for one in suite.customers[:4]]
    assert emitted(receipt, pool, "Paid") == [
        (book.id, payee, number, amount)
        for number, (payee, amount) in enumerate(zip(payees, due, strict=True))
    ]
    assert emitted(receipt, books, "Settled") == [(book.id, report.id, 4, 0, sum(due))]
    assert [suite.balance(one) for one in suite.customers] == [*due, 0, 0, 0, 0]
    assert suite.balance(pool) == CAPITAL + 5 * PREMIUM - sum(due)


def test_settle_writes_down_what_it_paid_c1(
    suite: Suite, pool: Contract, books: Contract, book: Book, report: Report
) -> None:
    """C1: policies are marked, their whole sums released, what was paid added up for the day."""
    receipt = suite.settle(settlement(book, report, range(4)))
    assert emitted(receipt, pool, "Released") == [(book.id, 10 * HUNDRED)]
    kept = books.call("book", book.id)
    assert (kept.outstanding, kept.reserve) == (5 * HUNDRED, 5 * HUNDRED)
    assert (kept.paid, kept.paidToday, kept.today) == (7 * HUNDRED, 7 * HUNDRED, START // DAY + 1)
    assert [books.call("isSettled", book.id, number) for number in range(5)] == [True] * 4 + [False]
    assert books.call("settledWords", book.id, 0, 2) == (0b01111, 0)
    assert pool.call("totalReserved") == 5 * HUNDRED


def test_settle_returns_amount_and_skipped(
    suite: Suite, books: Contract, book: Book, report: Report, stranger: Actor
) -> None:
    """For contracts and simulations that call it."""
    suite.settle(settlement(book, report, [0]))
    answer = books.call("settle", *settlement(book, report, [0, 1]), sender=stranger.address)
    assert answer == (HUNDRED, 1)


def test_settle_adds_up_batches(suite: Suite, books: Contract, book: Book, report: Report) -> None:
    """Two batches of one day, then one of the next."""
    for which in ([0], [3]):
        suite.settle(settlement(book, report, which))
    assert books.call("book", book.id).paidToday == HUNDRED // 2 + 4 * HUNDRED
    suite.clock.move_by(DAY)
    suite.settle(settlement(book, report, [1]))
    kept = books.call("book", book.id)
    assert (kept.paid, kept.paidToday, kept.today) == (11 * HUNDRED // 2, HUNDRED, START // DAY + 2)


@pytest.mark.parametrize(
    ("value", "amount"), [(-9, SUM_INSURED // 10), (-10, SUM_INSURED // 10), (-11, SUM_INSURED)]
)
def test_settle_pays_at_most_and_below_zero_c3(
    suite: Suite, customer: Actor, value: int, amount: int
) -> None:
    """C3: frost, in the other direction and with negative thresholds."""
    frost = suite.register([(0, 1_000), (-11, 10_000)], "at_most", "frost", "lowest °C")
    book = suite.book([policy(customer)], frost)
    report = suite.report({RISK: value}, metric="lowest °C")
    suite.settle(settlement(book, report))
    assert suite.balance(customer) == amount


@pytest.mark.parametrize(("sum_insured", "amount"), [(3, 1), (2, 1), (10**27 + 1, 5 * 10**26)])
def test_settle_rounds_down_c1(suite: Suite, customer: Actor, sum_insured: int, amount: int) -> None:
    """C1: half of an odd sum is never more than half, whatever its size."""
    suite["stranger"].send(suite.token, "mint", suite.pool.address, sum_insured)
    book = suite.book([policy(customer, sum_insured=sum_insured)])
    suite.settle(settlement(book, suite.report({RISK: LATE})))
    assert suite.balance(customer) == amount


def test_settle_minds_no_observation_without_a_claim(
    suite: Suite, books: Contract, book: Book, report: Report
) -> None:
    """One more proved fact moves no money."""
    extra = settlement(book, report, range(5))
    only = settlement(book, report, [3])
    at = [one.risk for one in extra.observations].index(only.observations[0].risk)
    batch = only._replace(observations=extra.observations, in_report=extra.in_report)
    receipt = suite.settle(batch.with_claim(0, observation=at))
    assert emitted(receipt, books, "Settled") == [(book.id, report.id, 1, 0, 4 * HUNDRED)]


@pytest.mark.parametrize("by", ["stranger", "insurer", "investor"])
def test_settle_is_open_to_anyone(suite: Suite, book: Book, report: Report, by: str) -> None:
    """Facts and proofs decide, not who brings them."""
    suite.settle(settlement(book, report, [3]), by=by)
    assert suite.balance(suite.customers[3]) == 4 * HUNDRED


def test_settle_marks_policies_in_many_words_c1(suite: Suite, books: Contract, customer: Actor) -> None:
    """C1: numbers of three words, to and fro in one batch; nothing marked is lost or marked beside it."""
    numbers = [0, 256, 1, 511, 255, 512, 257]
    policies = [policy(customer, number=number) for number in numbers]
    book = suite.issue(book_as_is(policies, suite.register(), policy_count=513))
    report = suite.report({RISK: VERY_LATE})
    suite.settle(settlement(book, report, [0, 3, 6]))
    assert books.call("settledWords", book.id, 0, 3) == (1, 1 << 1 | 1 << 255, 0)
    receipt = suite.settle(settlement(book, report))
    assert emitted(receipt, books, "Settled") == [(book.id, report.id, 4, 3, 4 * SUM_INSURED)]
    assert books.call("settledWords", book.id, 0, 3) == (0b11 | 1 << 255, 0b11 | 1 << 255, 1)
    assert books.call("settledWords", book.id, 1, 1) == (0b11 | 1 << 255,)


def test_settle_takes_a_pair_in_either_order_c1(suite: Suite, books: Contract) -> None:
    """C1: the pair hash is commutative, so the proof holds, and each is still paid its own."""
    book = suite.book([policy(suite.customers[0]), policy(suite.customers[1], sum_insured=DOLLAR)])
    batch = settlement(book, suite.report({RISK: VERY_LATE}))
    suite.settle(batch._replace(claims=batch.claims[::-1]))
    assert [suite.balance(one) for one in suite.customers[:2]] == [SUM_INSURED, DOLLAR]
    assert books.call("settledWords", book.id, 0, 1) == (0b11,)


def test_settle_short_of_gas_does_nothing_c5(
    suite: Suite, pool: Contract, book: Book, report: Report, stranger: Actor
) -> None:
    """C5: who calls cannot choose a gas limit that turns a good payee's transfer into money owed."""
    batch = settlement(book, report, range(4))
    with undone(suite.node):
        needed = suite.settle(batch).gas_used
    caller = Actor(stranger.name, suite.node)  # its nonces were undone with the chain
    refused = 0
    for percent in range(60, 131, 2):
        try:
            receipt = caller.send(suite.books, "settle", *batch, gas=needed * percent // 100)
        except TrothError:
            assert pool.call("totalOwed") == 0
            refused += 1
        else:
            break
    assert refused > 10
    assert len(emitted(receipt, pool, "Paid")) == 4
