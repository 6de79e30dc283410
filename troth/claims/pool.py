"""The capital pool as the office's own account sees it: what it holds, money put in and taken out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from troth.chain.transactions import Receipt
from troth.claims.books import approval
from troth.errors import NoExit, NoMoney, PoolPaused, PoolShort
from troth.intake import iso
from troth.office import Office

__all__ = ["Change", "Notice", "Pool", "deposit", "leave", "pause", "resume", "show", "withdraw"]

_GAS_DEPOSIT = 300_000


@dataclass(frozen=True)
class Notice:
    """An announced exit."""

    shares: int
    worth: int
    """What the shares are worth now, base units."""
    opens_at: datetime
    closes_at: datetime
    """From here on it has lapsed."""


@dataclass(frozen=True)
class Pool:
    """What the pool holds and what the office's account has in it. Amounts in base units.

    `assets` are all the money held; `free` is neither reserved for policies in force nor owed to payees.
    """

    assets: int
    reserved: int
    owed: int
    free: int
    paused: bool
    account: str | None
    """The office's own; None where no key is named, and then the rest says nothing."""
    balance: int
    """What the account holds outside the pool."""
    shares: int
    worth: int
    """What its shares are worth now."""
    notice: Notice | None
    """Its announced exit, lapsed or not."""


@dataclass(frozen=True)
class Change:
    """Money put in or taken out."""

    amount: int
    """Base units."""
    shares: int
    transaction: str


def show(office: Office) -> Pool:
    """The pool now. Needs no key."""
    pool, account = office.pool, office.account
    reserved, owed, paused = pool.call_many([("totalReserved", ()), ("totalOwed", ()), ("paused", ())])
    assets = office.token.call("balanceOf", pool.address)
    balance = shares = worth = 0
    notice = None
    if account is not None:
        balance = office.token.call("balanceOf", account)
        shares = pool.call("balanceOf", account)
        worth = pool.call("convertToAssets", shares)
        notice = _notice(office, account)
    free = assets - reserved - owed
    return Pool(assets, reserved, owed, free, paused, account, balance, shares, worth, notice)


def deposit(office: Office, amount: int) -> Change:
    """Puts `amount` base units of the account's money into the pool, for shares of it.

    Raises NoMoney or PoolPaused while nothing has been sent, and what sending raises.
    """
    account = office.sender.address
    _check_open(office)
    held = office.token.call("balanceOf", account)
    if held < amount:
        raise NoMoney(account, office.amount(amount), office.amount(held))
    calls = [
        *approval(office, amount),
        office.pool.prepare("deposit", amount, account, gas=_GAS_DEPOSIT),
    ]
    *_, receipt = office.sender.send(calls)
    return _change(office, receipt, "Deposit")


def leave(office: Office, amount: int | None = None) -> Notice:
    """Announces that the account will take out `amount` base units, or all it has; 0 takes the notice back.

    The new notice replaces an earlier one. Raises NoExit for more than the account has in the pool.
    """
    account, pool = office.sender.address, office.pool
    held = pool.call("balanceOf", account)
    shares = held if amount is None else pool.call("previewWithdraw", amount)
    if shares > held or (amount is None and held == 0):
        has = office.amount(pool.call("convertToAssets", held))
        raise NoExit(f"{account} has {has} in it: give notice of no more than that")
    office.sender.send([pool.prepare("giveNotice", shares)])
    given = pool.call("notice", account)
    return Notice(given.shares, pool.call("convertToAssets", given.shares), *_window(given))


def withdraw(office: Office, amount: int | None = None) -> Change:
    """Takes out `amount` base units, or all that may leave now.

    Raises NoExit, PoolShort or PoolPaused, saying why, while nothing has been sent.
    """
    account, pool = office.sender.address, office.pool
    _check_open(office)
    _check_notice(office, account, amount)
    shares = pool.call("maxRedeem", account)
    if amount is None:
        if shares == 0:
            raise PoolShort(office.amount(_notice_worth(office, account)), office.amount(_free(office)))
        call = pool.prepare("redeem", shares, account, account)
    else:
        if amount > pool.call("maxWithdraw", account):
            raise PoolShort(office.amount(amount), office.amount(_free(office)))
        call = pool.prepare("withdraw", amount, account, account)
    (receipt,) = office.sender.send([call])
    return _change(office, receipt, "Withdraw")


def pause(office: Office) -> str:
    """Stops all payments but withdrawals of what is owed; the transaction's hash. Raises MissingRole."""
    (receipt,) = office.sender.send([office.pool.prepare("pause")])
    return receipt.hash


def resume(office: Office) -> str:
    """Lets payments go on; the transaction's hash. Raises MissingRole."""
    (receipt,) = office.sender.send([office.pool.prepare("unpause")])
    return receipt.hash


def _check_open(office: Office) -> None:
    """Raises PoolPaused if it is."""
    if office.pool.call("paused"):
        raise PoolPaused


def _check_notice(office: Office, account: str, amount: int | None) -> None:
    """Raises NoExit unless the account gave notice of so much and its window is open."""
    notice, now = _notice(office, account), office.now()
    if notice is None:
        raise NoExit("no notice was given: first `troth pool leave`")
    if now < notice.opens_at:
        raise NoExit(f"the notice opens at {iso(notice.opens_at)}; it is {iso(now)} on the chain")
    if now >= notice.closes_at:
        raise NoExit(f"the notice lapsed at {iso(notice.closes_at)}: give it again with `troth pool leave`")
    if amount is not None and amount > notice.worth:
        raise NoExit(f"the notice covers {office.amount(notice.worth)}: take out no more than that")


def _notice(office: Office, account: str) -> Notice | None:
    """The account's notice, of no more shares than it has; None if it gave none or used it up."""
    given, held = office.pool.call_many([("notice", (account,)), ("balanceOf", (account,))])
    shares = min(given.shares, held)
    if not shares:
        return None
    return Notice(shares, office.pool.call("convertToAssets", shares), *_window(given))


def _notice_worth(office: Office, account: str) -> int:
    """What may leave by notice alone."""
    notice = _notice(office, account)
    return notice.worth if notice else 0


def _window(given: Any) -> tuple[datetime, datetime]:
    """When a notice opens and closes."""
    opens_at, closes_at = (
        datetime.fromtimestamp(seconds, timezone.utc) for seconds in (given.opensAt, given.closesAt)
    )
    return opens_at, closes_at


def _free(office: Office) -> int:
    """What may leave the pool, whoever it belongs to."""
    return int(office.pool.call("freeAssets"))


def _change(office: Office, receipt: Receipt, name: str) -> Change:
    """What an ERC-4626 event says was moved."""
    (event,) = office.pool.events(receipt, name)
    return Change(event.arguments.assets, event.arguments.shares, receipt.hash)
