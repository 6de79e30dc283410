"""Taking a book's premium and reserving its liability.

underwrite
├── caller is no bookkeeper: refused, see authority/test_roles.py
├── paused: refused
├── premium cannot be taken: refused · no premium: nothing taken
├── held afterwards covers reserved and owed, to the unit: taken · a unit short: refused
├── the token answers false: refused
└── else: premium in, reserve up, two events
"""

from __future__ import annotations

import pytest
from support import Actor, Suite, emitted, refuses
from support.defaults import CAPITAL, DOLLAR, PURSE

from troth.chain.contracts import Contract

BOOK = 7


def test_underwrite_takes_premium_and_reserves(
    suite: Suite, pool: Contract, bookkeeper: Actor, underwriter: Actor
) -> None:
    """From the account named, for the book named."""
    receipt = bookkeeper.send(pool, "underwrite", BOOK, underwriter.address, 5 * DOLLAR, 90 * DOLLAR)
    assert emitted(receipt, pool, "PremiumCollected") == [(BOOK, underwriter.address, 5 * DOLLAR)]
    assert emitted(receipt, pool, "Reserved") == [(BOOK, 90 * DOLLAR)]
    assert suite.balance(pool) == pool.call("totalAssets") == CAPITAL + 5 * DOLLAR
    assert pool.call("totalReserved") == 90 * DOLLAR
    assert pool.call("freeAssets") == CAPITAL - 85 * DOLLAR
    assert suite.balance(underwriter) == PURSE - 5 * DOLLAR


def test_underwrite_adds_to_what_is_reserved(pool: Contract, bookkeeper: Actor, underwriter: Actor) -> None:
    """Books share one sum."""
    for reserve in (DOLLAR, 2 * DOLLAR):
        bookkeeper.send(pool, "underwrite", BOOK, underwriter.address, 0, reserve)
    assert pool.call("totalReserved") == 3 * DOLLAR


@pytest.mark.parametrize("owed", [0, 30 * DOLLAR])
def test_underwrite_reserves_no_more_than_is_held_c2(
    suite: Suite, pool: Contract, bookkeeper: Actor, underwriter: Actor, owed: int
) -> None:
    """C2: premium counts, what is owed does not."""
    payee, premium = suite.customers[0], 10 * DOLLAR
    suite.freeze(payee)
    if owed:
        bookkeeper.send(pool, "pay", BOOK, [(0, payee.address, owed)], 0)
    most = CAPITAL + premium - owed
    with refuses("CapitalPoolShort", held=CAPITAL + premium, needed=CAPITAL + premium + 1):
        bookkeeper.send(pool, "underwrite", BOOK, underwriter.address, premium, most + 1)
    bookkeeper.send(pool, "underwrite", BOOK, underwriter.address, premium, most)
    assert pool.call("freeAssets") == 0


def test_underwrite_refuses_while_paused_c8(
    pool: Contract, bookkeeper: Actor, underwriter: Actor, guardian: Actor
) -> None:
    """C8: no money moves, and nothing is promised."""
    guardian.send(pool, "pause")
    with refuses("EnforcedPause"):
        bookkeeper.send(pool, "underwrite", BOOK, underwriter.address, 0, 1)


def test_underwrite_refuses_premium_not_approved(pool: Contract, bookkeeper: Actor, customer: Actor) -> None:
    """Nobody's money is taken without their word."""
    with refuses("ERC20InsufficientAllowance", spender=pool.address, allowance=0, needed=1):
        bookkeeper.send(pool, "underwrite", BOOK, customer.address, 1, 0)
