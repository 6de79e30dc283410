"""Leaving the pool.

giveNotice
├── for more shares than held: refused · for all: taken
├── again: replaces the former · 0: cancels it
└── else: kept, event; opens after the notice period, closes after the window
withdraw, redeem, maxWithdraw, maxRedeem
├── without notice, for shares not under it: nothing
├── before it opens: nothing · from the second it opens to the last before it closes: what is under notice ·
│   from the second it closes: nothing
├── more than is under notice, more than is left of it: refused
├── what is reserved, what is owed: stays
├── by somebody the owner approved: as by the owner
└── paused: nothing, see test_pause.py
shares under notice that change hands: their notice does not go on for other shares
"""

from __future__ import annotations

import pytest
from support import Actor, Clock, Suite, emitted, refuses
from support.defaults import CAPITAL, DOLLAR, EXIT_WINDOW, NOTICE_PERIOD, START

from troth.chain.contracts import Contract

SHARE = 10**6
"""Shares to a base unit of the token, at the start: the pool has six decimals more."""
ALL = CAPITAL * SHARE
OPENS, CLOSES = START + NOTICE_PERIOD, START + NOTICE_PERIOD + EXIT_WINDOW
PART = 1_000 * DOLLAR


@pytest.fixture
def noticed(pool: Contract, investor: Actor) -> Actor:
    """The investor, who announced to take out 1,000 dollars."""
    investor.send(pool, "giveNotice", PART * SHARE)
    return investor


def test_give_notice_is_kept_and_announced(pool: Contract, investor: Actor) -> None:
    """For all shares held, at most."""
    assert pool.call("balanceOf", investor.address) == ALL
    receipt = investor.send(pool, "giveNotice", ALL)
    assert emitted(receipt, pool, "NoticeGiven") == [(investor.address, ALL, OPENS, CLOSES)]
    assert pool.call("notice", investor.address) == (ALL, OPENS, CLOSES)


def test_give_notice_refuses_more_than_held(pool: Contract, investor: Actor) -> None:
    """One share too many."""
    with refuses("CapitalPoolNoticeExceedsShares", noticed=ALL + 1, held=ALL):
        investor.send(pool, "giveNotice", ALL + 1)


def test_give_notice_again_starts_anew(pool: Contract, noticed: Actor, clock: Clock) -> None:
    """The former window is gone, though it was about to open."""
    clock.move_to(OPENS - 1)
    noticed.send(pool, "giveNotice", 2 * PART * SHARE)
    clock.move_to(OPENS)
    assert pool.call("maxRedeem", noticed.address) == 0
    clock.move_to(OPENS - 1 + NOTICE_PERIOD)
    assert pool.call("maxRedeem", noticed.address) == 2 * PART * SHARE


def test_give_notice_of_nothing_cancels_it(pool: Contract, noticed: Actor, clock: Clock) -> None:
    """Staying after all."""
    noticed.send(pool, "giveNotice", 0)
    clock.move_to(OPENS)
    assert pool.call("maxRedeem", noticed.address) == 0


@pytest.mark.parametrize("moment", [START, OPENS - 1, CLOSES, CLOSES + 10 * NOTICE_PERIOD])
def test_redeem_refuses_outside_the_window(pool: Contract, noticed: Actor, clock: Clock, moment: int) -> None:
    """At once, a second early, a second late, and ever after."""
    if moment > START:
        clock.move_to(moment)
    owner = noticed.address
    assert (pool.call("maxRedeem", owner), pool.call("maxWithdraw", owner)) == (0, 0)
    with refuses("ERC4626ExceededMaxRedeem", owner=owner, shares=1, max=0):
        noticed.send(pool, "redeem", 1, owner, owner)
    with refuses("ERC4626ExceededMaxWithdraw", owner=owner, assets=1, max=0):
        noticed.send(pool, "withdraw", 1, owner, owner)


@pytest.mark.parametrize("moment", [OPENS, CLOSES - 1])
def test_redeem_pays_within_the_window(
    suite: Suite, pool: Contract, noticed: Actor, clock: Clock, moment: int
) -> None:
    """In its first second and in its last."""
    clock.move_to(moment)
    owner = noticed.address
    assert pool.call("maxRedeem", owner) == PART * SHARE
    receipt = noticed.send(pool, "redeem", PART * SHARE, owner, owner)
    assert emitted(receipt, pool, "Withdraw") == [(owner, owner, owner, PART, PART * SHARE)]
    assert suite.balance(noticed) == PART
    assert pool.call("balanceOf", owner) == ALL - PART * SHARE
    assert pool.call("totalAssets") == CAPITAL - PART


def test_withdraw_uses_up_the_notice(suite: Suite, pool: Contract, noticed: Actor, clock: Clock) -> None:
    """In parts, to the last share under notice and no further."""
    clock.move_to(OPENS)
    owner = noticed.address
    noticed.send(pool, "withdraw", PART - DOLLAR, owner, owner)
    assert pool.call("notice", owner).shares == DOLLAR * SHARE
    with refuses("ERC4626ExceededMaxWithdraw", owner=owner, assets=DOLLAR + 1, max=DOLLAR):
        noticed.send(pool, "withdraw", DOLLAR + 1, owner, owner)
    noticed.send(pool, "withdraw", DOLLAR, owner, owner)
    assert pool.call("maxWithdraw", owner) == 0
    assert suite.balance(noticed) == PART


def test_redeem_refuses_without_notice(pool: Contract, investor: Actor, clock: Clock) -> None:
    """However long the money has been there."""
    clock.move_to(OPENS)
    with refuses("ERC4626ExceededMaxRedeem", owner=investor.address, shares=1, max=0):
        investor.send(pool, "redeem", 1, investor.address, investor.address)


def test_redeem_leaves_what_is_reserved_c2(
    suite: Suite, pool: Contract, bookkeeper: Actor, investor: Actor, clock: Clock
) -> None:
    """C2: notice given for all, and all but the free part is promised to policies."""
    bookkeeper.send(pool, "underwrite", 1, investor.address, 0, CAPITAL - PART)
    investor.send(pool, "giveNotice", ALL)
    clock.move_to(OPENS)
    owner = investor.address
    assert pool.call("maxRedeem", owner) == PART * SHARE
    with refuses("ERC4626ExceededMaxRedeem", owner=owner, shares=PART * SHARE + 1, max=PART * SHARE):
        investor.send(pool, "redeem", PART * SHARE + 1, owner, owner)
    investor.send(pool, "redeem", PART * SHARE, owner, owner)
    assert suite.balance(pool) == pool.call("totalReserved") == CAPITAL - PART
    assert pool.call("maxRedeem", owner) == 0


def test_redeem_leaves_what_is_owed_c2_c5(
    suite: Suite, pool: Contract, bookkeeper: Actor, investor: Actor
) -> None:
    """C2, C5: when the last shareholder has left, the payee's money is still there."""
    payee = suite.customers[0]
    suite.freeze(payee)
    bookkeeper.send(pool, "pay", 1, [(0, payee.address, PART)], 0)
    investor.send(pool, "giveNotice", ALL)
    suite.clock.move_to(OPENS)
    owner = investor.address
    investor.send(pool, "redeem", pool.call("maxRedeem", owner), owner, owner)
    assert suite.balance(pool) - pool.call("totalOwed") in {0, 1}
    suite.freeze(payee, frozen=False)
    payee.send(pool, "withdrawOwed", payee.address, payee.address)
    assert suite.balance(payee) == PART


def test_redeem_by_approved_account_uses_the_owners_notice(
    suite: Suite, pool: Contract, noticed: Actor, stranger: Actor, clock: Clock
) -> None:
    """The owner's notice, the owner's shares, the receiver's money."""
    clock.move_to(OPENS)
    owner, helper = noticed.address, stranger.address
    with refuses("ERC20InsufficientAllowance", spender=helper, allowance=0, needed=PART * SHARE):
        stranger.send(pool, "redeem", PART * SHARE, helper, owner)
    noticed.send(pool, "approve", helper, PART * SHARE)
    stranger.send(pool, "redeem", PART * SHARE, helper, owner)
    assert suite.balance(stranger) == PART
    assert pool.call("notice", owner).shares == 0


def test_notice_covers_no_more_than_is_still_held(
    suite: Suite, pool: Contract, investor: Actor, clock: Clock
) -> None:
    """Shares sold since cannot be taken out by the seller; the buyer gave no notice."""
    investor.send(pool, "giveNotice", ALL)
    buyer = suite.customers[0]
    investor.send(pool, "transfer", buyer.address, ALL - 5)
    clock.move_to(OPENS)
    assert pool.call("maxRedeem", investor.address) == 5
    assert pool.call("maxRedeem", buyer.address) == 0


def test_notice_does_not_go_on_for_shares_that_came_back(
    suite: Suite, pool: Contract, investor: Actor, clock: Clock
) -> None:
    """Or one who keeps several accounts, each with a notice of its own, could leave on any day."""
    first, second = suite.customers[:2]
    investor.send(pool, "transfer", first.address, PART * SHARE)
    first.send(pool, "giveNotice", PART * SHARE)
    first.send(pool, "transfer", second.address, PART * SHARE)
    clock.move_to(OPENS)
    second.send(pool, "transfer", first.address, PART * SHARE)
    assert pool.call("maxRedeem", first.address) == 0


def test_notice_terms_are_what_was_deployed(pool: Contract) -> None:
    """In seconds."""
    assert (pool.call("noticePeriod"), pool.call("exitWindow")) == (NOTICE_PERIOD, EXIT_WINDOW)
