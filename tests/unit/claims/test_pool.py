"""The pool from the office's side: what it shows, and when money may go in and out."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from support import Actor, Suite
from support.defaults import CAPITAL, DOLLAR, EXIT_WINDOW, LATE, NOTICE_PERIOD, PURSE, RISK, SUM_INSURED
from support.office import Desk, Line, lines_for

from troth.claims import pool
from troth.errors import MissingRole, NoExit, NoMoney, PoolPaused, PoolShort
from troth.intake import iso

STAKE = 1_000 * DOLLAR


@pytest.fixture
def invested(desk: Desk) -> Desk:
    """A desk with a stake in the pool."""
    pool.deposit(desk.office, STAKE)
    return desk


def sent(desk: Desk) -> int:
    """How many transactions its account has made."""
    return int(desk.suite.node.call("eth_getTransactionCount", [desk.who.address, "latest"]), 16)


def at(seconds: int) -> datetime:
    """A moment from Unix seconds."""
    return datetime.fromtimestamp(seconds, timezone.utc)


def test_show_tells_assets_and_what_is_spoken_for(desk: Desk, customers: tuple[Actor, ...]) -> None:
    """Assets are all money held; free is neither reserved nor owed."""
    desk.suite.freeze(customers[0])
    lines = lines_for(customers[:2])
    desk.settled([*lines, Line("P-9", customers[2].address, "another risk")])
    found = pool.show(desk.office)
    premium = sum(line.premium for line in lines) + lines[0].premium
    assert found.assets == desk.suite.balance(desk.suite.pool) == CAPITAL + premium - SUM_INSURED // 2
    assert (found.owed, found.reserved) == (SUM_INSURED // 2, SUM_INSURED)
    assert found.free == found.assets - found.reserved - found.owed == desk.suite.pool.call("freeAssets")
    assert not found.paused


def test_show_tells_what_the_account_has(invested: Desk) -> None:
    """Its balance, its shares and their worth; no notice until one is given."""
    found = pool.show(invested.office)
    assert (found.account, found.balance) == (invested.who.address, PURSE - STAKE)
    assert found.shares == invested.suite.pool.call("balanceOf", invested.who.address)
    assert found.worth == STAKE
    assert found.notice is None


def test_show_needs_no_account(desk: Desk) -> None:
    """Whoever may read the chain may look."""
    desk.office.account = None
    found = pool.show(desk.office)
    assert (found.assets, found.account, found.shares, found.notice) == (CAPITAL, None, 0, None)


def test_deposit_buys_shares_at_their_worth(desk: Desk) -> None:
    """The money moves, and the result says so."""
    change = pool.deposit(desk.office, STAKE)
    assert change.amount == STAKE
    assert change.shares == desk.suite.pool.call("balanceOf", desk.who.address)
    assert desk.suite.balance(desk.suite.pool) == CAPITAL + STAKE


def test_deposit_approves_only_when_it_must(desk: Desk) -> None:
    """One transaction fewer where the pool may take the money already."""
    desk.who.send(desk.suite.token, "approve", desk.suite.pool.address, STAKE)
    before = sent(desk)
    pool.deposit(desk.office, STAKE)
    assert sent(desk) == before + 1


def test_deposit_beyond_the_balance_is_refused_before_anything_is_sent(desk: Desk) -> None:
    """In currency, with the account."""
    before = sent(desk)
    with pytest.raises(NoMoney) as refused:
        pool.deposit(desk.office, PURSE + 1)
    assert (refused.value.account, refused.value.available) == (desk.who.address, "1000000.00 TUSD")
    assert refused.value.needed == "1000000.000001 TUSD"
    assert sent(desk) == before


def test_paused_pool_takes_and_gives_nothing(invested: Desk) -> None:
    """C8: said plainly, before anything is sent; resumed, it goes on."""
    pool.leave(invested.office)
    invested.suite.clock.move_by(NOTICE_PERIOD)
    pool.pause(invested.office)
    assert pool.show(invested.office).paused
    before = sent(invested)
    with pytest.raises(PoolPaused):
        pool.deposit(invested.office, 1)
    with pytest.raises(PoolPaused):
        pool.withdraw(invested.office)
    assert sent(invested) == before
    pool.resume(invested.office)
    assert pool.withdraw(invested.office).amount == STAKE


@pytest.mark.parametrize("change", [pool.pause, pool.resume])
def test_pausing_takes_a_guardian(stranger_desk: Desk, change: object) -> None:
    """And so does resuming."""
    assert callable(change)
    with pytest.raises(MissingRole) as refused:
        change(stranger_desk.office)
    assert refused.value.role == "GUARDIAN"


@pytest.mark.parametrize(("amount", "worth"), [(None, STAKE), (STAKE // 4, STAKE // 4), (STAKE, STAKE)])
def test_leave_says_when_the_exit_opens_and_closes(invested: Desk, amount: int | None, worth: int) -> None:
    """For all, for a part, and for exactly all."""
    notice = pool.leave(invested.office, amount)
    now = invested.suite.clock.now
    assert notice.worth == worth
    assert notice.opens_at == at(now + NOTICE_PERIOD)
    assert notice.closes_at == at(now + NOTICE_PERIOD + EXIT_WINDOW)
    assert pool.show(invested.office).notice == notice


def test_leave_again_replaces_the_notice_and_nothing_takes_it_back(invested: Desk) -> None:
    """The clock starts anew."""
    pool.leave(invested.office)
    invested.suite.clock.move_by(NOTICE_PERIOD)
    again = pool.leave(invested.office, STAKE // 2)
    assert again.opens_at == at(invested.suite.clock.now + NOTICE_PERIOD)
    pool.leave(invested.office, 0)
    assert pool.show(invested.office).notice is None


def test_leave_with_more_than_there_is_is_refused(invested: Desk) -> None:
    """Before anything is sent, with what there is."""
    before = sent(invested)
    with pytest.raises(NoExit, match=r"has 1000.00 TUSD in it"):
        pool.leave(invested.office, STAKE + 1)
    assert sent(invested) == before


def test_leave_with_nothing_in_the_pool_is_refused(desk: Desk) -> None:
    """Not even all of nothing."""
    with pytest.raises(NoExit, match=r"has 0.00 TUSD in it"):
        pool.leave(desk.office)


def test_withdraw_without_notice_is_refused(invested: Desk) -> None:
    """And says what comes first."""
    with pytest.raises(NoExit, match="troth pool leave"):
        pool.withdraw(invested.office)


def test_withdraw_before_the_window_is_refused_with_its_date(invested: Desk) -> None:
    """A second early is early."""
    notice = pool.leave(invested.office)
    invested.suite.clock.move_by(NOTICE_PERIOD - 1)
    with pytest.raises(NoExit, match=f"opens at {iso(notice.opens_at)}"):
        pool.withdraw(invested.office)


def test_withdraw_after_the_window_is_refused(invested: Desk) -> None:
    """At its very end it has lapsed; a second before it has not."""
    pool.leave(invested.office)
    invested.suite.clock.move_by(NOTICE_PERIOD + EXIT_WINDOW)
    with pytest.raises(NoExit, match="lapsed"):
        pool.withdraw(invested.office)


@pytest.mark.parametrize("moment", [NOTICE_PERIOD, NOTICE_PERIOD + EXIT_WINDOW - 1])
def test_withdraw_in_the_window_takes_all_under_notice(invested: Desk, moment: int) -> None:
    """From its first second to its last."""
    pool.leave(invested.office)
    invested.suite.clock.move_by(moment)
    change = pool.withdraw(invested.office)
    assert change.amount == STAKE
    assert invested.suite.balance(invested.who) == PURSE
    assert pool.show(invested.office).notice is None


def test_withdraw_in_parts_uses_the_notice_up(invested: Desk) -> None:
    """Half, then more than the rest, then the rest."""
    pool.leave(invested.office)
    invested.suite.clock.move_by(NOTICE_PERIOD)
    assert pool.withdraw(invested.office, STAKE // 2).amount == STAKE // 2
    with pytest.raises(NoExit, match=r"covers 500.00 TUSD"):
        pool.withdraw(invested.office, STAKE // 2 + 1)
    assert pool.withdraw(invested.office).amount == STAKE // 2


def test_withdraw_leaves_what_is_reserved(invested: Desk, suite: Suite, customer: Actor) -> None:
    """C2: free money only; said in currency, before anything is sent; all means all that is free."""
    pool.leave(invested.office)
    free = CAPITAL + STAKE - 100 * DOLLAR
    invested.book([Line("P-1", customer.address, sum_insured=free, premium=0)])
    invested.suite.clock.move_by(NOTICE_PERIOD)
    before = sent(invested)
    with pytest.raises(PoolShort) as refused:
        pool.withdraw(invested.office, STAKE)
    assert (refused.value.needed, refused.value.available) == ("1000.00 TUSD", "100.00 TUSD")
    assert sent(invested) == before
    assert pool.withdraw(invested.office).amount == 100 * DOLLAR


def test_withdraw_with_nothing_free_is_refused(invested: Desk, customer: Actor) -> None:
    """All of nothing is nothing."""
    pool.leave(invested.office)
    invested.book([Line("P-1", customer.address, sum_insured=CAPITAL + STAKE, premium=0)])
    invested.suite.clock.move_by(NOTICE_PERIOD)
    with pytest.raises(PoolShort) as refused:
        pool.withdraw(invested.office)
    assert refused.value.available == "0.00 TUSD"


def test_shares_share_losses(invested: Desk, customer: Actor) -> None:
    """What claims took from the pool, its shares are worth less."""
    invested.settled([Line("P-1", customer.address, RISK, sum_insured=CAPITAL, premium=0)], {RISK: LATE})
    found = pool.show(invested.office)
    assert found.worth == pytest.approx(STAKE * (CAPITAL // 2 + STAKE) / (CAPITAL + STAKE), abs=1)
