"""Issuing a book.

issue
├── caller is no underwriter: refused, see authority/test_roles.py
├── root or policy count missing: refused
├── root issued before: refused, whatever became of that book
├── times: cover that ends before it begins or after the deadline, deadline not ahead: refused · edges: taken
├── product unknown: refused
├── collateral: see test_collateral.py
├── premium not approved, not there: refused
├── pool paused: refused
├── pool cannot cover the reserve: refused · just can: taken
└── else: next id, kept, premium taken, liability reserved, event
book: unknown: refused
"""

from __future__ import annotations

import pytest
from support import Actor, Suite, book_of, emitted, policy, refuses
from support.defaults import (
    CAPITAL,
    COVER_FROM,
    COVER_UNTIL,
    DAY,
    DEADLINE,
    DOLLAR,
    PREMIUM,
    PURSE,
    START,
    SUM_INSURED,
    WHOLE,
)

from troth.chain.contracts import Contract


def test_issue_takes_premium_and_reserves_liability(
    suite: Suite, books: Contract, pool: Contract, underwriter: Actor, customer: Actor
) -> None:
    """The book is kept as it was given, nothing paid yet."""
    book = book_of([policy(customer), policy(customer)], suite.register(), daily_cap=7)
    receipt = underwriter.send(books, "issue", book.terms)
    total, premium = 2 * SUM_INSURED, 2 * PREMIUM
    assert emitted(receipt, books, "BookIssued") == [
        (1, 1, book.tree.root, 2, total, premium, total, COVER_FROM, COVER_UNTIL, DEADLINE)
    ]
    assert emitted(receipt, pool, "PremiumCollected") == [(1, underwriter.address, premium)]
    assert emitted(receipt, pool, "Reserved") == [(1, total)]
    assert books.call("book", 1) == (
        *(book.tree.root, 1, 2, COVER_FROM, COVER_UNTIL, DEADLINE, WHOLE),
        *(total, total, 0, 0, 0, 7, premium),
    )
    assert pool.call("totalReserved") == total
    assert suite.balance(pool) == CAPITAL + premium
    assert suite.balance(underwriter) == PURSE - premium


def test_issue_numbers_books_from_1(suite: Suite, books: Contract, customer: Actor) -> None:
    """In the order they come; the count is the last id."""
    assert books.call("bookCount") == 0
    assert [suite.book([policy(customer)]).id for _ in range(2)] == [1, 2]
    assert books.call("bookCount") == 2


@pytest.mark.parametrize("missing", [{"root": bytes(32)}, {"policy_count": 0}])
def test_issue_refuses_book_of_nothing(
    suite: Suite, customer: Actor, missing: dict[str, int | bytes]
) -> None:
    """Neither a root without policies nor policies without a root."""
    with refuses("PolicyBooksEmpty"):
        suite.book([policy(customer)], **missing)


def test_issue_refuses_root_issued_before_c1(suite: Suite, customer: Actor) -> None:
    """C1: the same policies twice would be paid twice; even when the first book is over."""
    book = suite.book([policy(customer)], deadline=COVER_UNTIL)
    with refuses("PolicyBooksAlreadyIssued", bookId=book.id):
        suite.issue(book)
    suite.clock.move_to(COVER_UNTIL + 1)
    suite["stranger"].send(suite.books, "expire", book.id)
    with refuses("PolicyBooksAlreadyIssued", bookId=book.id):
        suite.issue(book)


@pytest.mark.parametrize(
    ("cover_from", "cover_until", "deadline"),
    [(START, START, START + 1), (START + 1, START + 1, START + 1), (START, START + 1, START + 1)],
    ids=["cover of this second", "all in one second", "to the last"],
)
def test_issue_takes_the_shortest_times(
    suite: Suite, customer: Actor, cover_from: int, cover_until: int, deadline: int
) -> None:
    """Edges: cover of one second, claims to its end, a deadline in a second."""
    book = suite.book([policy(customer)], cover_from=cover_from, cover_until=cover_until, deadline=deadline)
    kept = suite.books.call("book", book.id)
    assert (kept.coverFrom, kept.coverUntil, kept.deadline) == (cover_from, cover_until, deadline)


def test_issue_takes_cover_of_the_whole_day(suite: Suite, customer: Actor) -> None:
    """A policy bought in the last second of a day may cover all of it."""
    suite.clock.move_to(START + DAY - 1)
    book = suite.book([policy(customer)], cover_from=START)
    assert suite.books.call("book", book.id).coverFrom == START


@pytest.mark.parametrize(("begins", "now"), [(START - 1, START), (START + DAY - 1, START + DAY), (0, START)])
def test_issue_refuses_cover_of_the_past(suite: Suite, customer: Actor, begins: int, now: int) -> None:
    """Cover from before the day of issue might be of a loss that is known."""
    suite.clock.move_to(now)
    with refuses("PolicyBooksCoverBackdated", coverFrom=begins, today=now):
        suite.book([policy(customer)], cover_from=begins)


@pytest.mark.parametrize(
    ("cover_from", "cover_until", "deadline"),
    [
        (START + 2, START + 1, START + 3),
        (START, START + 2, START + 1),
        (0, 0, START),
        (0, 0, START - 1),
        (0, 0, 0),
    ],
)
def test_issue_refuses_times_reversed_or_past(
    suite: Suite, customer: Actor, cover_from: int, cover_until: int, deadline: int
) -> None:
    """Cover ends after it begins, claims end after cover, and the end is ahead."""
    times = {"coverFrom": cover_from, "coverUntil": cover_until, "deadline": deadline}
    with refuses("PolicyBooksTimesInvalid", **times, nowAt=START):
        suite.book([policy(customer)], cover_from=cover_from, cover_until=cover_until, deadline=deadline)


def test_issue_refuses_unknown_product(suite: Suite, customer: Actor) -> None:
    """No rule, no promise."""
    with refuses("ProductRegisterUnknown", productId=5):
        suite.book([policy(customer)], product_id=5)


def test_issue_refuses_premium_not_approved(
    suite: Suite, pool: Contract, token: Contract, underwriter: Actor, customer: Actor
) -> None:
    """The premium is taken, never promised."""
    underwriter.send(token, "approve", pool.address, PREMIUM - 1)
    with refuses("ERC20InsufficientAllowance", spender=pool.address, allowance=PREMIUM - 1, needed=PREMIUM):
        suite.book([policy(customer)])


def test_issue_refuses_premium_not_there(
    suite: Suite, pool: Contract, token: Contract, underwriter: Actor, customer: Actor
) -> None:
    """Approved is not enough."""
    underwriter.send(token, "approve", pool.address, PURSE + 1)
    with refuses("ERC20InsufficientBalance", sender=underwriter.address, balance=PURSE, needed=PURSE + 1):
        suite.book([policy(customer, premium=PURSE + 1)])


def test_issue_refuses_while_paused_c8(suite: Suite, guardian: Actor, customer: Actor) -> None:
    """C8: no new promise while the pool stands still."""
    guardian.send(suite.pool, "pause")
    with refuses("EnforcedPause"):
        suite.book([policy(customer)])


def test_issue_reserves_up_to_what_the_pool_holds_c2(suite: Suite, pool: Contract, customer: Actor) -> None:
    """C2: to the last unit, the premium counted in."""
    suite.book([policy(customer, sum_insured=CAPITAL + PREMIUM)])
    assert pool.call("freeAssets") == 0
    assert pool.call("totalReserved") == suite.balance(pool)


def test_issue_refuses_what_the_pool_cannot_cover_c2(
    suite: Suite, books: Contract, pool: Contract, customer: Actor
) -> None:
    """C2: one unit more than there is undoes everything, the premium too."""
    held = CAPITAL + PREMIUM
    with refuses("CapitalPoolShort", held=held, needed=held + 1):
        suite.book([policy(customer, sum_insured=held + 1)])
    assert books.call("bookCount") == 0
    assert (suite.balance(pool), pool.call("totalReserved")) == (CAPITAL, 0)


def test_issue_counts_what_other_books_reserve_c2(suite: Suite, customer: Actor) -> None:
    """C2: money is reserved once."""
    suite.book([policy(customer, sum_insured=CAPITAL, premium=0)])
    with refuses("CapitalPoolShort", held=CAPITAL, needed=CAPITAL + DOLLAR):
        suite.book([policy(customer, sum_insured=DOLLAR, premium=0)])


@pytest.mark.parametrize("book_id", [0, 2])
def test_book_refuses_unknown_id(suite: Suite, books: Contract, customer: Actor, book_id: int) -> None:
    """Before the first id and after the last."""
    suite.book([policy(customer)])
    with refuses("PolicyBooksUnknown", bookId=book_id):
        books.call("book", book_id)
