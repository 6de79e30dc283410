"""Stopping the pool, and starting it again.

pause, unpause
├── caller is no guardian: refused, see authority/test_roles.py
├── paused already, not paused: refused
└── else: event
while paused
├── refused: deposit, mint, withdraw, redeem, and what moves money for books (see test_pay.py, policy_books/)
├── taken: withdrawOwed (see test_withdraw_owed.py), release, giveNotice, transfer of shares
└── after it: all as before
"""

from __future__ import annotations

import pytest
from support import Actor, Suite, emitted, refuses
from support.defaults import CAPITAL, DOLLAR, EXIT_WINDOW, NOTICE_PERIOD, START

from troth.chain.contracts import Contract

ALL = CAPITAL * 10**6


def test_pause_and_unpause_are_announced(pool: Contract, guardian: Actor) -> None:
    """Each names who did it."""
    receipt = guardian.send(pool, "pause")
    assert emitted(receipt, pool, "Paused") == [(guardian.address,)]
    assert pool.call("paused")
    receipt = guardian.send(pool, "unpause")
    assert emitted(receipt, pool, "Unpaused") == [(guardian.address,)]
    assert not pool.call("paused")


def test_pause_refuses_twice(pool: Contract, guardian: Actor) -> None:
    """There is nothing to pause."""
    guardian.send(pool, "pause")
    with refuses("EnforcedPause"):
        guardian.send(pool, "pause")


def test_unpause_refuses_when_not_paused(pool: Contract, guardian: Actor) -> None:
    """There is nothing to resume."""
    with refuses("ExpectedPause"):
        guardian.send(pool, "unpause")


def test_paused_pool_takes_no_capital_c8(pool: Contract, guardian: Actor, underwriter: Actor) -> None:
    """C8: and says so beforehand, as ERC-4626 asks."""
    guardian.send(pool, "pause")
    who = underwriter.address
    assert (pool.call("maxDeposit", who), pool.call("maxMint", who)) == (0, 0)
    with refuses("ERC4626ExceededMaxDeposit", receiver=who, assets=DOLLAR, max=0):
        underwriter.send(pool, "deposit", DOLLAR, who)
    with refuses("ERC4626ExceededMaxMint", receiver=who, shares=1, max=0):
        underwriter.send(pool, "mint", 1, who)


def test_paused_pool_gives_no_capital_back_c8(suite: Suite, pool: Contract, guardian: Actor) -> None:
    """C8: not even under notice and in its window; afterwards it does."""
    investor = suite["investor"]
    who = investor.address
    investor.send(pool, "giveNotice", ALL)
    suite.clock.move_by(NOTICE_PERIOD)
    guardian.send(pool, "pause")
    assert (pool.call("maxWithdraw", who), pool.call("maxRedeem", who)) == (0, 0)
    with refuses("ERC4626ExceededMaxRedeem", owner=who, shares=1, max=0):
        investor.send(pool, "redeem", 1, who, who)
    with refuses("ERC4626ExceededMaxWithdraw", owner=who, assets=1, max=0):
        investor.send(pool, "withdraw", 1, who, who)
    guardian.send(pool, "unpause")
    investor.send(pool, "withdraw", DOLLAR, who, who)
    assert suite.balance(investor) == DOLLAR


@pytest.mark.parametrize("paused", [False, True])
def test_shares_and_notices_move_paused_or_not(
    suite: Suite, pool: Contract, guardian: Actor, investor: Actor, paused: bool
) -> None:
    """No asset leaves by either; a notice given now still has its whole period to run."""
    if paused:
        guardian.send(pool, "pause")
    investor.send(pool, "giveNotice", 7)
    investor.send(pool, "transfer", suite.customers[0].address, 5)
    opens = START + NOTICE_PERIOD
    assert pool.call("notice", investor.address) == (7, opens, opens + EXIT_WINDOW)
    assert pool.call("balanceOf", suite.customers[0].address) == 5


def test_unpaused_pool_takes_any_deposit(suite: Suite, pool: Contract, underwriter: Actor) -> None:
    """No limit but the depositor's own."""
    for most in ("maxDeposit", "maxMint"):
        assert pool.call(most, underwriter.address) == 2**256 - 1
    receipt = underwriter.send(pool, "deposit", DOLLAR, underwriter.address)
    shares = DOLLAR * 10**6
    assert emitted(receipt, pool, "Deposit") == [(underwriter.address, underwriter.address, DOLLAR, shares)]
    assert suite.balance(pool) == CAPITAL + DOLLAR
