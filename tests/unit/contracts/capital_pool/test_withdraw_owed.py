"""Money kept for a payee whose transfer failed.

owed, totalOwed: add up what failed, book by book; no part of what shares are worth
withdrawOwed
├── nothing owed, withdrawn already: refused
├── to the payee, by anyone: sent
├── elsewhere, by the payee: sent · by anybody else: refused
├── the transfer fails again: refused, still owed
├── paused: sent all the same
└── else: owed no more, event
"""

from __future__ import annotations

import pytest
from support import Actor, Suite, emitted, refuses
from support.defaults import CAPITAL, DOLLAR

from troth.chain.contracts import Contract

BOOK = 7
OWED = 50 * DOLLAR


@pytest.fixture
def payee(suite: Suite, pool: Contract, bookkeeper: Actor, customer: Actor) -> Actor:
    """Could not be paid 20 and 30 dollars while frozen; is not frozen any more."""
    suite.freeze(customer)
    for number, amount in enumerate((20 * DOLLAR, 30 * DOLLAR)):
        bookkeeper.send(pool, "pay", BOOK + number, [(number, customer.address, amount)], 0)
    suite.freeze(customer, frozen=False)
    return customer


def test_owed_adds_up_and_belongs_to_no_share_c2(suite: Suite, pool: Contract, payee: Actor) -> None:
    """C2: held, and not the shareholders'."""
    assert pool.call("owed", payee.address) == pool.call("totalOwed") == OWED
    assert suite.balance(pool) == CAPITAL
    assert pool.call("totalAssets") == pool.call("freeAssets") == CAPITAL - OWED


def test_owed_is_kept_payee_by_payee_c5(
    suite: Suite, pool: Contract, bookkeeper: Actor, payee: Actor
) -> None:
    """C5: withdrawing one's own leaves the others theirs."""
    other = suite.customers[1]
    suite.freeze(other)
    receipt = bookkeeper.send(pool, "pay", BOOK, [(9, other.address, DOLLAR)], 0)
    assert emitted(receipt, pool, "Owed") == [(BOOK, other.address, 9, DOLLAR)]
    payee.send(pool, "withdrawOwed", payee.address, payee.address)
    assert (pool.call("owed", other.address), pool.call("totalOwed")) == (DOLLAR, DOLLAR)


@pytest.mark.parametrize("by", ["stranger", "payee"])
def test_withdraw_owed_sends_to_the_payee_for_anyone_c5(
    suite: Suite, pool: Contract, payee: Actor, by: str
) -> None:
    """C5: a customer without ether can be helped."""
    caller = payee if by == "payee" else suite[by]
    receipt = caller.send(pool, "withdrawOwed", payee.address, payee.address)
    assert emitted(receipt, pool, "OwedWithdrawn") == [(payee.address, payee.address, OWED)]
    assert suite.balance(payee) == OWED
    assert (pool.call("owed", payee.address), pool.call("totalOwed")) == (0, 0)
    assert suite.balance(pool) == pool.call("totalAssets") == CAPITAL - OWED


def test_withdraw_owed_sends_elsewhere_for_the_payee_c5(suite: Suite, pool: Contract, payee: Actor) -> None:
    """C5: a payee frozen for good can name another account."""
    suite.freeze(payee)
    elsewhere = suite.customers[1]
    receipt = payee.send(pool, "withdrawOwed", payee.address, elsewhere.address)
    assert emitted(receipt, pool, "OwedWithdrawn") == [(payee.address, elsewhere.address, OWED)]
    assert (suite.balance(payee), suite.balance(elsewhere)) == (0, OWED)


@pytest.mark.parametrize("by", ["stranger", "insurer", "guardian"])
def test_withdraw_owed_refuses_elsewhere_for_others_c5(
    suite: Suite, pool: Contract, payee: Actor, by: str
) -> None:
    """C5: nobody else chooses where it goes, whatever their role."""
    with refuses("CapitalPoolNotPayee", caller=suite[by].address, payee=payee.address):
        suite[by].send(pool, "withdrawOwed", payee.address, suite[by].address)


def test_withdraw_owed_works_while_paused_c8(
    suite: Suite, pool: Contract, guardian: Actor, payee: Actor
) -> None:
    """C8: what is owed is the payee's already."""
    guardian.send(pool, "pause")
    payee.send(pool, "withdrawOwed", payee.address, payee.address)
    assert suite.balance(payee) == OWED


def test_withdraw_owed_refuses_a_second_time_c4(pool: Contract, payee: Actor) -> None:
    """C4: once."""
    payee.send(pool, "withdrawOwed", payee.address, payee.address)
    with refuses("CapitalPoolNothingOwed", payee=payee.address):
        payee.send(pool, "withdrawOwed", payee.address, payee.address)


def test_withdraw_owed_refuses_who_is_owed_nothing(pool: Contract, stranger: Actor) -> None:
    """Nothing to withdraw."""
    with refuses("CapitalPoolNothingOwed", payee=stranger.address):
        stranger.send(pool, "withdrawOwed", stranger.address, stranger.address)


def test_withdraw_owed_that_fails_stays_owed_c5(suite: Suite, pool: Contract, payee: Actor) -> None:
    """C5: still frozen, still owed."""
    suite.freeze(payee)
    with refuses("TestDollarFrozen", account=payee.address):
        suite["stranger"].send(pool, "withdrawOwed", payee.address, payee.address)
    assert pool.call("owed", payee.address) == pool.call("totalOwed") == OWED
