"""The most a book may pay in a UTC day.

settle
├── no cap: no limit
├── exactly the cap, in one batch or in several: paid · one unit more: refused, the whole batch
├── to the last second before midnight: the same day · from midnight: a new day, the whole cap again
├── what is skipped does not count · what is owed does
└── another book's payments do not count
setDailyCap
├── caller is no supervisor: refused, see authority/test_roles.py
├── book unknown: refused
└── else: kept, event; raises, lifts with 0, lowers below what was paid today
"""

from __future__ import annotations

import pytest
from support import Actor, Book, Report, Suite, emitted, policy, refuses, settlement
from support.defaults import DAY, DOLLAR, RISK, START, VERY_LATE

from troth.chain.contracts import Contract

HUNDRED = 100 * DOLLAR
CAP = 2 * HUNDRED


@pytest.fixture
def capped(suite: Suite) -> Book:
    """Six policies of 100 dollars, and 200 a day."""
    return suite.book([policy(one, sum_insured=HUNDRED) for one in suite.customers[:6]], daily_cap=CAP)


@pytest.fixture
def late(suite: Suite) -> Report:
    """Final at a midnight: everything is due."""
    report = suite.report({RISK: VERY_LATE})
    assert suite.clock.now % DAY == 0
    return report


def test_cap_may_be_used_up_not_passed_c3(suite: Suite, books: Contract, capped: Book, late: Report) -> None:
    """C3: 100 and 100 are paid, the third 100 of the day is not."""
    suite.settle(settlement(capped, late, [0]))
    suite.settle(settlement(capped, late, [1]))
    with refuses("PolicyBooksDailyCapExceeded", bookId=capped.id, cap=CAP, needed=CAP + HUNDRED):
        suite.settle(settlement(capped, late, [2]))
    assert books.call("book", capped.id).paidToday == CAP


def test_cap_refuses_the_whole_batch_c3(suite: Suite, books: Contract, capped: Book, late: Report) -> None:
    """C3: three in one batch are one too many; two are not."""
    with refuses("PolicyBooksDailyCapExceeded", bookId=capped.id, cap=CAP, needed=3 * HUNDRED):
        suite.settle(settlement(capped, late, [0, 1, 2]))
    assert books.call("settledWords", capped.id, 0, 1) == (0,)
    suite.settle(settlement(capped, late, [0, 1]))


def test_cap_counts_units(suite: Suite, customer: Actor) -> None:
    """One unit above the cap is above the cap."""
    book = suite.book([policy(customer, sum_insured=CAP + 1)], daily_cap=CAP)
    late = suite.report({RISK: VERY_LATE})
    with refuses("PolicyBooksDailyCapExceeded", bookId=book.id, cap=CAP, needed=CAP + 1):
        suite.settle(settlement(book, late))


def test_cap_starts_anew_at_midnight(suite: Suite, books: Contract, capped: Book, late: Report) -> None:
    """Refused in the last second of the day, paid in the first of the next."""
    suite.settle(settlement(capped, late, [0, 1]))
    midnight = START + 2 * DAY
    suite.clock.move_to(midnight - 1)
    with refuses("PolicyBooksDailyCapExceeded", bookId=capped.id, cap=CAP, needed=CAP + HUNDRED):
        suite.settle(settlement(capped, late, [2]))
    suite.clock.move_to(midnight)
    suite.settle(settlement(capped, late, [2, 3]))
    kept = books.call("book", capped.id)
    assert (kept.paid, kept.paidToday, kept.today) == (2 * CAP, CAP, midnight // DAY)


def test_cap_is_not_carried_over(suite: Suite, capped: Book, late: Report) -> None:
    """Days on which nothing was paid give no credit."""
    suite.clock.move_by(5 * DAY)
    with refuses("PolicyBooksDailyCapExceeded", bookId=capped.id, cap=CAP, needed=3 * HUNDRED):
        suite.settle(settlement(capped, late, [0, 1, 2]))


def test_cap_passes_over_skipped_c4(suite: Suite, books: Contract, capped: Book, late: Report) -> None:
    """C4: repeating a batch uses up nothing of the day."""
    suite.settle(settlement(capped, late, [0, 1]))
    receipt = suite.settle(settlement(capped, late, [0, 1]))
    assert emitted(receipt, books, "Settled") == [(capped.id, late.id, 0, 2, 0)]


def test_cap_counts_what_is_owed(suite: Suite, capped: Book, late: Report) -> None:
    """Money owed has left the insurer's hands."""
    suite.freeze(suite.customers[0])
    suite.settle(settlement(capped, late, [0, 1]))
    with refuses("PolicyBooksDailyCapExceeded", bookId=capped.id, cap=CAP, needed=CAP + HUNDRED):
        suite.settle(settlement(capped, late, [2]))


def test_cap_is_the_books_own(suite: Suite, books: Contract, capped: Book) -> None:
    """Another book of the same product, without a cap, neither uses it up nor is held by it."""
    again = [policy(one, sum_insured=HUNDRED) for one in suite.customers[:6]]
    other = suite.book(again, capped.terms.product_id, salt="second")
    late = suite.report({RISK: VERY_LATE})
    suite.settle(settlement(other, late))
    suite.settle(settlement(capped, late, [0, 1]))
    assert [books.call("book", one.id).paidToday for one in (other, capped)] == [6 * HUNDRED, CAP]


def test_set_daily_cap_lifts_it(
    suite: Suite, books: Contract, supervisor: Actor, capped: Book, late: Report
) -> None:
    """0 is no cap, at once."""
    suite.settle(settlement(capped, late, [0, 1]))
    receipt = supervisor.send(books, "setDailyCap", capped.id, 0)
    assert emitted(receipt, books, "DailyCapSet") == [(capped.id, 0)]
    suite.settle(settlement(capped, late))
    assert books.call("book", capped.id).paidToday == 6 * HUNDRED


def test_set_daily_cap_raises_it(
    suite: Suite, books: Contract, supervisor: Actor, capped: Book, late: Report
) -> None:
    """By what is needed, and not a unit more."""
    suite.settle(settlement(capped, late, [0, 1]))
    supervisor.send(books, "setDailyCap", capped.id, 3 * HUNDRED)
    suite.settle(settlement(capped, late, [2]))
    with refuses("PolicyBooksDailyCapExceeded", bookId=capped.id, cap=3 * HUNDRED, needed=4 * HUNDRED):
        suite.settle(settlement(capped, late, [3]))


def test_set_daily_cap_below_what_was_paid_stops_the_day(
    suite: Suite, books: Contract, supervisor: Actor, capped: Book, late: Report
) -> None:
    """A brake for today that lets tomorrow pay the lower cap."""
    suite.settle(settlement(capped, late, [0, 1]))
    supervisor.send(books, "setDailyCap", capped.id, HUNDRED)
    with refuses("PolicyBooksDailyCapExceeded", bookId=capped.id, cap=HUNDRED, needed=3 * HUNDRED):
        suite.settle(settlement(capped, late, [2]))
    suite.clock.move_by(DAY)
    suite.settle(settlement(capped, late, [2]))


def test_set_daily_cap_refuses_unknown_book(books: Contract, supervisor: Actor) -> None:
    """Nothing to cap."""
    with refuses("PolicyBooksUnknown", bookId=1):
        supervisor.send(books, "setDailyCap", 1, CAP)
