"""How much of its liability a book reserves.

setMinimumCollateral
├── caller is no supervisor: refused, see authority/test_roles.py
├── product unknown: refused
├── 0, more than the whole: refused · 1, the whole: taken
└── else: kept for that product alone, event; books already issued stay as they are
issue
├── no minimum set: the whole, nothing less · more than the whole: refused
├── below the minimum: refused · on it: taken
└── the reserve: rounded up
settle, cancel: release their part, rounded down; what a reserve lacks comes from free assets, never from
    another book's reserve
expire: gives back what rounding left
"""

from __future__ import annotations

import pytest
from support import Actor, Book, Suite, emitted, policy, refuses, settlement
from support.defaults import CAPITAL, DAY, DEADLINE, DOLLAR, PREMIUM, RISK, SUM_INSURED, VERY_LATE, WHOLE

from troth.chain.contracts import Contract

QUARTER = 2_500


def on_collateral(suite: Suite, share: int, *sums: int, premium: int = 0, **terms: int) -> Book:
    """A book of policies over `sums`, on a product whose minimum is `share`."""
    product = suite.register()
    suite["supervisor"].send(suite.books, "setMinimumCollateral", product, share)
    policies = [
        policy(suite.customers[place], sum_insured=one, premium=premium) for place, one in enumerate(sums)
    ]
    return suite.book(policies, product, collateral=share, **terms)


@pytest.mark.parametrize("share", [1, QUARTER, WHOLE])
def test_set_minimum_collateral_is_kept_for_the_product(
    suite: Suite, books: Contract, supervisor: Actor, share: int
) -> None:
    """Both ends of the range; other products still need the whole."""
    product, other = suite.register(), suite.register()
    receipt = supervisor.send(books, "setMinimumCollateral", product, share)
    assert emitted(receipt, books, "MinimumCollateralSet") == [(product, share)]
    assert books.call("minimumCollateral", product) == share
    assert books.call("minimumCollateral", other) == WHOLE


@pytest.mark.parametrize("share", [0, WHOLE + 1])
def test_set_minimum_collateral_refuses_other_shares(
    suite: Suite, books: Contract, supervisor: Actor, share: int
) -> None:
    """Nothing at all is no reserve; more than the whole no book could meet."""
    product = suite.register()
    with refuses("PolicyBooksCollateralOutOfRange", share=share, atLeast=1, atMost=WHOLE):
        supervisor.send(books, "setMinimumCollateral", product, share)


def test_set_minimum_collateral_refuses_unknown_product(books: Contract, supervisor: Actor) -> None:
    """A slip of the number would loosen a product not yet registered."""
    with refuses("ProductRegisterUnknown", productId=1):
        supervisor.send(books, "setMinimumCollateral", 1, QUARTER)


@pytest.mark.parametrize("share", [0, WHOLE - 1, WHOLE + 1])
def test_issue_needs_the_whole_unless_less_is_allowed_c2(suite: Suite, customer: Actor, share: int) -> None:
    """C2: an underwriter alone cannot promise more than is reserved."""
    with refuses("PolicyBooksCollateralOutOfRange", share=share, atLeast=WHOLE, atMost=WHOLE):
        suite.book([policy(customer)], collateral=share)


def test_issue_takes_the_minimum_and_nothing_less(
    suite: Suite, books: Contract, supervisor: Actor, customer: Actor
) -> None:
    """On the minimum and one basis point below."""
    product = suite.register()
    supervisor.send(books, "setMinimumCollateral", product, QUARTER)
    book = suite.book([policy(customer)], product, collateral=QUARTER)
    assert books.call("book", book.id).reserve == SUM_INSURED // 4
    assert suite.pool.call("totalReserved") == SUM_INSURED // 4
    with refuses("PolicyBooksCollateralOutOfRange", share=QUARTER - 1, atLeast=QUARTER, atMost=WHOLE):
        suite.book([policy(customer)], product, salt="second", collateral=QUARTER - 1)


def test_raising_the_minimum_leaves_issued_books_alone(
    suite: Suite, books: Contract, supervisor: Actor
) -> None:
    """It is for new books."""
    book = on_collateral(suite, QUARTER, SUM_INSURED)
    supervisor.send(books, "setMinimumCollateral", book.terms.product_id, WHOLE)
    kept = books.call("book", book.id)
    assert (kept.collateral, kept.reserve) == (QUARTER, SUM_INSURED // 4)


@pytest.mark.parametrize(("total", "reserve"), [(10_001, 3_334), (1, 1), (30_000, 9_999)])
def test_issue_rounds_the_reserve_up_c2(suite: Suite, books: Contract, total: int, reserve: int) -> None:
    """C2: 33.33% of it, and never a fraction too little."""
    book = on_collateral(suite, 3_333, total)
    assert books.call("book", book.id).reserve == reserve


def test_settle_releases_its_part_and_pays_the_rest_from_free_assets_c2(
    suite: Suite, books: Contract, pool: Contract
) -> None:
    """C2: a quarter was reserved, all is paid."""
    book = on_collateral(suite, QUARTER, SUM_INSURED, SUM_INSURED)
    receipt = suite.settle(settlement(book, suite.report({RISK: VERY_LATE}), [0]))
    assert emitted(receipt, pool, "Released") == [(book.id, SUM_INSURED // 4)]
    assert books.call("book", book.id).reserve == pool.call("totalReserved") == SUM_INSURED // 4
    assert pool.call("freeAssets") == CAPITAL - SUM_INSURED - SUM_INSURED // 4


def test_cancel_releases_its_part(suite: Suite, books: Contract, underwriter: Actor) -> None:
    """The same part as settling does."""
    book = on_collateral(
        suite,
        QUARTER,
        SUM_INSURED,
        SUM_INSURED,
        premium=PREMIUM,
        cover_from=DEADLINE - DAY,
        cover_until=DEADLINE,
    )
    underwriter.send(books, "cancel", book.id, book.policies[1], PREMIUM, book.tree.proof(1))
    assert books.call("book", book.id).reserve == SUM_INSURED // 4


def test_settle_never_pays_from_another_books_reserve_c2(
    suite: Suite, pool: Contract, customer: Actor
) -> None:
    """C2: 900,000 are reserved for others; of the thinly covered 400,000 only free money could be paid."""
    suite.book([policy(customer, "UA 7", 900_000 * DOLLAR, premium=0)])
    thin = on_collateral(suite, QUARTER, 400_000 * DOLLAR)
    report = suite.report({RISK: VERY_LATE})
    with refuses("CapitalPoolShort", held=600_000 * DOLLAR, needed=900_000 * DOLLAR):
        suite.settle(settlement(thin, report))
    suite["stranger"].send(suite.token, "mint", pool.address, 300_000 * DOLLAR)
    suite.settle(settlement(thin, report))
    assert suite.balance(pool) == pool.call("totalReserved") == 900_000 * DOLLAR


def test_rounding_of_parts_leaves_dust_until_expiry_c6(suite: Suite, books: Contract, pool: Contract) -> None:
    """C6: three parts rounded down are less than the whole rounded up; the rest waits for the deadline."""
    book = on_collateral(suite, 3_333, 10_001, 10_001, 10_001)
    assert books.call("book", book.id).reserve == 10_000
    suite.settle(settlement(book, suite.report({RISK: VERY_LATE})))
    kept = books.call("book", book.id)
    assert (kept.outstanding, kept.reserve) == (0, 1)
    suite.clock.move_to(DEADLINE + 1)
    receipt = suite["stranger"].send(books, "expire", book.id)
    assert emitted(receipt, books, "BookExpired") == [(book.id, 1)]
    assert pool.call("totalReserved") == 0
