"""When settling is refused as a whole. Forged batches are in test_settle_forged.py.

settle
├── book unknown
├── deadline passed · in its last second: pays
├── report unknown, not final yet · in the second it is: pays
├── report challenged, replaced · upheld: pays
├── report of another metric
├── report of a period that begins before cover or ends after it · exactly the cover: pays
├── a claim on which nothing is due, alone or among others · one skipped: minds it not
├── a sum so small that its share is nothing
├── more than the book's total sum insured
├── a policy number beyond the book's count
├── no claim; no observation; an index of no observation
├── the pool paused
└── the pool short: nobody is paid, nobody is owed
"""

from __future__ import annotations

import pytest
from support import (
    Actor,
    Book,
    Proof,
    Report,
    Suite,
    book_as_is,
    policy,
    refuses,
    report_of,
    settlement,
    word,
)
from support.defaults import (
    CAPITAL,
    CHALLENGE_PERIOD,
    COVER_FROM,
    COVER_UNTIL,
    DAY,
    DEADLINE,
    DOLLAR,
    LATE,
    METRIC,
    ON_TIME,
    RISK,
    START,
    SUM_INSURED,
    TIERS,
    VERY_LATE,
)

from troth.chain.contracts import Contract

NONE, PUBLISHED, CHALLENGED, REPLACED = range(4)
FINAL_AT = START + CHALLENGE_PERIOD


def test_settle_refuses_unknown_book_c3(suite: Suite, book: Book, report: Report) -> None:
    """C3: no book, no policy."""
    with refuses("PolicyBooksUnknown", bookId=book.id + 1):
        suite.settle(settlement(book, report, [0])._replace(book_id=book.id + 1))


def test_settle_pays_in_the_last_second_c6(suite: Suite, book: Book, report: Report) -> None:
    """C6: the deadline itself is in time."""
    suite.clock.move_to(DEADLINE)
    suite.settle(settlement(book, report, [3]))
    assert suite.balance(suite.customers[3]) == book.policies[3].sum_insured


def test_settle_refuses_after_the_deadline_c6(suite: Suite, book: Book, report: Report) -> None:
    """C6: a second later it is not."""
    suite.clock.move_to(DEADLINE + 1)
    with refuses("PolicyBooksDeadlinePassed", bookId=book.id, deadline=DEADLINE, nowAt=DEADLINE + 1):
        suite.settle(settlement(book, report, [3]))


def test_settle_refuses_unknown_report_c3(suite: Suite, book: Book, report: Report) -> None:
    """C3: a root nobody signed proves nothing."""
    with refuses("OracleReportsNotFinal", reportId=9, status=NONE, finalAt=0):
        suite.settle(settlement(book, report, [0])._replace(report_id=9))


def test_settle_waits_for_finality_to_the_second_c3(suite: Suite, customer: Actor) -> None:
    """C3: refused one second before, paid in the second itself."""
    book, report = suite.book([policy(customer)]), suite.publish(report_of({RISK: VERY_LATE}))
    suite.clock.move_to(FINAL_AT - 1)
    with refuses("OracleReportsNotFinal", reportId=report.id, status=PUBLISHED, finalAt=FINAL_AT):
        suite.settle(settlement(book, report))
    suite.clock.move_to(FINAL_AT)
    suite.settle(settlement(book, report))
    assert suite.balance(customer) == SUM_INSURED


def test_settle_waits_for_a_challenge_to_be_dismissed_c3(
    suite: Suite, customer: Actor, challenger: Actor, arbiter: Actor
) -> None:
    """C3: disputed facts pay nothing, upheld ones pay at once."""
    book, report = suite.book([policy(customer)]), suite.publish(report_of({RISK: VERY_LATE}))
    challenger.send(suite.reports, "challenge", report.id, word("wrong"))
    suite.clock.move_by(2 * CHALLENGE_PERIOD)
    with refuses("OracleReportsNotFinal", reportId=report.id, status=CHALLENGED, finalAt=FINAL_AT):
        suite.settle(settlement(book, report))
    arbiter.send(suite.reports, "uphold", report.id)
    suite.settle(settlement(book, report))
    assert suite.balance(customer) == SUM_INSURED


def test_settle_refuses_replaced_report_c3(
    suite: Suite, customer: Actor, challenger: Actor, arbiter: Actor
) -> None:
    """C3: only the correction pays, and it pays what it says."""
    book, wrong = suite.book([policy(customer)]), suite.publish(report_of({RISK: VERY_LATE}))
    challenger.send(suite.reports, "challenge", wrong.id, word("wrong"))
    better = report_of({RISK: LATE}, replaces=wrong.id)
    arbiter.send(suite.reports, "replace", better.data, suite.sign(better.data))
    suite.clock.move_by(2 * CHALLENGE_PERIOD)
    with refuses("OracleReportsNotFinal", reportId=wrong.id, status=REPLACED, finalAt=FINAL_AT):
        suite.settle(settlement(book, wrong))
    suite.settle(settlement(book, better)._replace(report_id=2))
    assert suite.balance(customer) == SUM_INSURED // 2


def test_settle_refuses_report_of_another_metric_c3(suite: Suite, book: Book) -> None:
    """C3: 200 mm of rain are no delay of 200 minutes."""
    rain = suite.report({"UA 1": LATE}, metric="rain, mm")
    with refuses("PolicyBooksMetricDiffers", reported=word("rain, mm"), insured=word(METRIC)):
        suite.settle(settlement(book, rain, [0]))


@pytest.mark.parametrize(("begins", "ends"), [(COVER_FROM, COVER_FROM), (COVER_UNTIL, COVER_UNTIL)])
def test_settle_takes_period_at_either_end_of_cover_c3(
    suite: Suite, customer: Actor, begins: int, ends: int
) -> None:
    """C3: the first second of cover and the last are covered."""
    book = suite.book([policy(customer)])
    suite.clock.move_to(max(ends, suite.clock.now))
    suite.settle(settlement(book, suite.report({RISK: VERY_LATE}, period_start=begins, period_end=ends)))
    assert suite.balance(customer) == SUM_INSURED


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        (COVER_FROM - 1, COVER_FROM),
        (COVER_UNTIL, COVER_UNTIL + 1),
        (0, COVER_FROM - 1),
        (0, COVER_UNTIL + DAY),
    ],
)
def test_settle_refuses_period_outside_cover_c3(
    suite: Suite, customer: Actor, begins: int, ends: int
) -> None:
    """C3: what happened a second before cover or after it is not insured, nor what may have."""
    book = suite.book([policy(customer)])
    suite.clock.move_to(max(ends, suite.clock.now))
    report = suite.report({RISK: VERY_LATE}, period_start=begins, period_end=ends)
    period, cover = {"periodStart": begins, "periodEnd": ends}, (COVER_FROM, COVER_UNTIL)
    with refuses("PolicyBooksPeriodOutsideCover", **period, coverFrom=cover[0], coverUntil=cover[1]):
        suite.settle(settlement(book, report))


@pytest.mark.parametrize("value", [TIERS[0][0] - 1, ON_TIME, -60, -(2**127)])
def test_settle_refuses_claim_not_due_c3(suite: Suite, customer: Actor, value: int) -> None:
    """C3: one below the first threshold, and all the way down."""
    book, report = suite.book([policy(customer)]), suite.report({RISK: value})
    with refuses("PolicyBooksNotDue", number=0):
        suite.settle(settlement(book, report))


def test_settle_refuses_batch_with_one_not_due_c3(suite: Suite, book: Book, report: Report) -> None:
    """C3: policy 4's flight was on time; the others are paid without it, not with it."""
    with refuses("PolicyBooksNotDue", number=4):
        suite.settle(settlement(book, report))
    assert [suite.balance(one) for one in suite.customers] == [0] * 8


def test_settle_refuses_share_that_rounds_to_nothing(suite: Suite, customer: Actor) -> None:
    """Half of one unit: a payment of nothing would use up the policy."""
    book, report = suite.book([policy(customer, sum_insured=1)]), suite.report({RISK: LATE})
    with refuses("PolicyBooksNotDue", number=0):
        suite.settle(settlement(book, report))


def test_settle_refuses_more_than_the_book_insures_c1(suite: Suite, customers: tuple[Actor, ...]) -> None:
    """C1: a book that understates its policies' sums is stopped before it touches another's reserve."""
    policies = [policy(one) for one in customers[:3]]
    book = suite.book(policies, sum_insured=2 * SUM_INSURED)
    suite.book(policies)  # has a reserve that could be taken
    report = suite.report({RISK: VERY_LATE})
    with refuses("PolicyBooksOverdrawn", bookId=book.id, outstanding=2 * SUM_INSURED, needed=3 * SUM_INSURED):
        suite.settle(settlement(book, report))
    suite.settle(settlement(book, report, [0, 1]))
    with refuses("PolicyBooksOverdrawn", bookId=book.id, outstanding=0, needed=SUM_INSURED):
        suite.settle(settlement(book, report, [2]))


@pytest.mark.parametrize("number", [2, 256, 2**32 - 1])
def test_settle_refuses_number_beyond_the_count(suite: Suite, customer: Actor, number: int) -> None:
    """The first number too many, and the last there is."""
    policies = [policy(customer), policy(customer, number=number)]
    book = suite.issue(book_as_is(policies, suite.register()))
    with refuses("PolicyBooksNumberOutOfRange", number=number, policyCount=2):
        suite.settle(settlement(book, suite.report({RISK: VERY_LATE})))


def test_settle_refuses_batch_without_claims(suite: Suite, book: Book, report: Report) -> None:
    """Nothing to settle; not even with the root itself as its proof."""
    batch = settlement(book, report, [0])
    with refuses("PolicyBooksNoClaims"):
        suite.settle(batch._replace(claims=(), in_book=Proof((book.tree.root,), b"")))


def test_settle_refuses_batch_without_observations_c3(suite: Suite, book: Book, report: Report) -> None:
    """C3: OpenZeppelin would take an empty proof of the root itself; here no leaf is no proof."""
    batch = settlement(book, report, [0])
    with refuses("MultiproofMalformed", leaves=0, nodes=1):
        suite.settle(batch._replace(observations=(), in_report=Proof((report.tree.root,), b"")))


def test_settle_refuses_index_of_no_observation_c3(suite: Suite, book: Book, report: Report) -> None:
    """C3: one past the last."""
    with refuses("PolicyBooksObservationMissing", number=0, observation=1):
        suite.settle(settlement(book, report, [0]).with_claim(0, observation=1))


def test_settle_refuses_while_paused_c8(suite: Suite, guardian: Actor, book: Book, report: Report) -> None:
    """C8: nothing is paid, and all is paid once it is over."""
    guardian.send(suite.pool, "pause")
    with refuses("EnforcedPause"):
        suite.settle(settlement(book, report, range(4)))
    guardian.send(suite.pool, "unpause")
    suite.settle(settlement(book, report, range(4)))
    assert suite.balance(suite.customers[3]) == book.policies[3].sum_insured


def test_settle_refuses_what_the_pool_cannot_pay_c2_c5(
    suite: Suite, pool: Contract, books: Contract, customers: tuple[Actor, ...], supervisor: Actor
) -> None:
    """C2, C5: a shortage undoes the batch; it is not booked as money owed."""
    product = suite.register()
    supervisor.send(books, "setMinimumCollateral", product, 1)
    total = CAPITAL + 2 * DOLLAR
    book = suite.book([policy(customers[0], sum_insured=total, premium=0)], product, collateral=1)
    report = suite.report({RISK: VERY_LATE})
    with refuses("CapitalPoolShort", held=CAPITAL, needed=total):
        suite.settle(settlement(book, report))
    assert (pool.call("totalOwed"), suite.balance(pool)) == (0, CAPITAL)
    assert not books.call("isSettled", book.id, 0)
