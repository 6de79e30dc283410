"""Paying payees, refunding one, releasing a reserve.

pay
├── caller is no bookkeeper: refused, see authority/test_roles.py
├── paused: refused
├── releases more than is reserved: refused
├── held afterwards does not cover what is still reserved and owed: refused, nobody paid or owed
├── a transfer fails: owed, see test_withdraw_owed.py and test_faulty_token.py
├── no payments: only the reserve is released
└── else: each paid in order, one event each, reserve released
refund: the same for one payee, said as Refunded
release: paused or not; more than is reserved: refused; else free again, event
"""

from __future__ import annotations

import pytest
from support import Actor, Suite, emitted, refuses
from support.defaults import CAPITAL, DOLLAR

from troth.chain.contracts import Contract

BOOK = 7
RESERVED = 100 * DOLLAR
OVERFLOW = {"code": 0x11, "reason": "arithmetic overflow"}


@pytest.fixture
def reserved(pool: Contract, bookkeeper: Actor, underwriter: Actor) -> None:
    """100 dollars are reserved."""
    bookkeeper.send(pool, "underwrite", BOOK, underwriter.address, 0, RESERVED)


@pytest.mark.usefixtures("reserved")
def test_pay_sends_each_payment_in_order_c7(suite: Suite, pool: Contract, bookkeeper: Actor) -> None:
    """C7: events and balances say the same; one payee may be paid twice."""
    first, second = suite.customers[:2]
    payments = [(3, first.address, 10), (1, second.address, 20), (2, first.address, 30)]
    receipt = bookkeeper.send(pool, "pay", BOOK, payments, RESERVED)
    assert emitted(receipt, pool, "Paid") == [
        (BOOK, first.address, 3, 10),
        (BOOK, second.address, 1, 20),
        (BOOK, first.address, 2, 30),
    ]
    assert emitted(receipt, pool, "Released") == [(BOOK, RESERVED)]
    assert (suite.balance(first), suite.balance(second)) == (40, 20)
    assert suite.balance(pool) == CAPITAL - 60
    assert pool.call("totalReserved") == 0


@pytest.mark.usefixtures("reserved")
def test_pay_without_payments_releases_only(suite: Suite, pool: Contract, bookkeeper: Actor) -> None:
    """Nothing leaves."""
    receipt = bookkeeper.send(pool, "pay", BOOK, [], 1)
    assert emitted(receipt, pool, "Released") == [(BOOK, 1)]
    assert (suite.balance(pool), pool.call("totalReserved")) == (CAPITAL, RESERVED - 1)


@pytest.mark.usefixtures("reserved")
def test_pay_refuses_to_release_more_than_is_reserved_c2(
    pool: Contract, bookkeeper: Actor, customer: Actor
) -> None:
    """C2: the pool's own sum is the last guard."""
    with refuses("Panic", **OVERFLOW):
        bookkeeper.send(pool, "pay", BOOK, [(0, customer.address, 1)], RESERVED + 1)


@pytest.mark.usefixtures("reserved")
def test_pay_spends_free_assets_to_the_last_unit_c2(
    suite: Suite, pool: Contract, bookkeeper: Actor, customer: Actor
) -> None:
    """C2: all but what stays reserved can be paid, and not a unit more."""
    free = CAPITAL - RESERVED
    with refuses("CapitalPoolShort", held=RESERVED - 1, needed=RESERVED):
        bookkeeper.send(pool, "pay", BOOK, [(0, customer.address, free + 1)], 0)
    bookkeeper.send(pool, "pay", BOOK, [(0, customer.address, free)], 0)
    assert (suite.balance(customer), pool.call("freeAssets")) == (free, 0)


def test_pay_of_more_than_there_is_owes_nothing_c2_c5(
    pool: Contract, bookkeeper: Actor, customer: Actor
) -> None:
    """C2, C5: a transfer that fails for want of money undoes the call; it is no debt."""
    with refuses("CapitalPoolShort", held=CAPITAL, needed=CAPITAL + 1):
        bookkeeper.send(pool, "pay", BOOK, [(0, customer.address, CAPITAL + 1)], 0)
    assert pool.call("totalOwed") == 0


def test_pay_refuses_while_paused_c8(
    pool: Contract, bookkeeper: Actor, customer: Actor, guardian: Actor
) -> None:
    """C8: not even by the books themselves."""
    guardian.send(pool, "pause")
    with refuses("EnforcedPause"):
        bookkeeper.send(pool, "pay", BOOK, [(0, customer.address, 1)], 0)


@pytest.mark.usefixtures("reserved")
def test_refund_sends_and_releases(suite: Suite, pool: Contract, bookkeeper: Actor, customer: Actor) -> None:
    """Said as Refunded, so that Paid is claims only."""
    receipt = bookkeeper.send(pool, "refund", BOOK, (4, customer.address, 9), 40)
    assert emitted(receipt, pool, "Refunded") == [(BOOK, customer.address, 4, 9)]
    assert emitted(receipt, pool, "Paid") == []
    assert suite.balance(customer) == 9
    assert pool.call("totalReserved") == RESERVED - 40


@pytest.mark.usefixtures("reserved")
def test_refund_refuses_what_others_are_promised_c2(
    pool: Contract, bookkeeper: Actor, customer: Actor
) -> None:
    """C2: as paying."""
    with refuses("CapitalPoolShort", held=RESERVED - 1, needed=RESERVED):
        bookkeeper.send(pool, "refund", BOOK, (0, customer.address, CAPITAL - RESERVED + 1), 0)


def test_refund_refuses_while_paused_c8(
    pool: Contract, bookkeeper: Actor, customer: Actor, guardian: Actor
) -> None:
    """C8: as paying."""
    guardian.send(pool, "pause")
    with refuses("EnforcedPause"):
        bookkeeper.send(pool, "refund", BOOK, (0, customer.address, 1), 0)


@pytest.mark.usefixtures("reserved")
@pytest.mark.parametrize("paused", [False, True])
def test_release_frees_what_was_reserved(
    pool: Contract, bookkeeper: Actor, guardian: Actor, paused: bool
) -> None:
    """Paused or not: no money moves."""
    if paused:
        guardian.send(pool, "pause")
    receipt = bookkeeper.send(pool, "release", BOOK, RESERVED)
    assert emitted(receipt, pool, "Released") == [(BOOK, RESERVED)]
    assert (pool.call("totalReserved"), pool.call("freeAssets")) == (0, CAPITAL)


@pytest.mark.usefixtures("reserved")
def test_release_refuses_more_than_is_reserved_c2(pool: Contract, bookkeeper: Actor) -> None:
    """C2: below zero there is nothing."""
    with refuses("Panic", **OVERFLOW):
        bookkeeper.send(pool, "release", BOOK, RESERVED + 1)


def test_pay_to_the_pool_itself_is_owed_c7(suite: Suite, pool: Contract, bookkeeper: Actor) -> None:
    """C7: nothing would move, so it is not said to be paid; whoever withdraws it leaves it where it is."""
    receipt = bookkeeper.send(pool, "pay", BOOK, [(0, pool.address, DOLLAR)], 0)
    assert emitted(receipt, pool, "Owed") == [(BOOK, pool.address, 0, DOLLAR)]
    assert emitted(receipt, pool, "Paid") == []
    bookkeeper.send(pool, "withdrawOwed", pool.address, pool.address)
    assert (suite.balance(pool), pool.call("totalOwed")) == (CAPITAL, 0)
