"""What a share is worth.

├── the first deposit, a donation before it: the donor gains nothing, the depositor loses next to nothing
├── premium raises it · a claim paid lowers it · reserving, releasing do not move it
├── money owed has left it; its withdrawal does not move it
└── a deposit or an exit does not move it for others
"""

from __future__ import annotations

import pytest
from support import Actor, Suite
from support.defaults import CAPITAL, DOLLAR

from troth.chain.artifacts import artifact
from troth.chain.contracts import Contract

SHARE = 10**6
DAY = 86_400


def deposit(suite: Suite, pool: Contract, actor: Actor, amount: int) -> int:
    """Mints and deposits; the shares it gave."""
    before = pool.call("balanceOf", actor.address)
    actor.send(suite.token, "mint", actor.address, amount)
    actor.send(suite.token, "approve", pool.address, amount)
    actor.send(pool, "deposit", amount, actor.address)
    return pool.call("balanceOf", actor.address) - before


@pytest.fixture
def empty(suite: Suite, insurer: Actor) -> Contract:
    """A pool into which nobody has put anything yet."""
    return insurer.create(artifact("CapitalPool"), suite.authority.address, suite.token.address, DAY, DAY)


@pytest.mark.parametrize("donation", [DOLLAR, 10_000 * DOLLAR, 1_000_000 * DOLLAR])
def test_donation_before_first_deposit_costs_the_donor(suite: Suite, empty: Contract, donation: int) -> None:
    """One unit deposited, a fortune donated, then the victim comes: the thief pays for it."""
    thief, victim = suite.customers[:2]
    deposit(suite, empty, thief, 1)
    thief.send(suite.token, "mint", empty.address, donation)
    shares = deposit(suite, empty, victim, 10_000 * DOLLAR)
    kept, recovered = empty.call("convertToAssets", shares), empty.call("convertToAssets", SHARE)
    assert kept >= 10_000 * DOLLAR - donation // 10**6 - 1  # a share's worth is lost in rounding, no more
    assert recovered <= (donation + 1) * 51 // 100 + 1  # half of it went to shares nobody holds


def test_first_deposit_gives_six_more_decimals(suite: Suite, empty: Contract, customer: Actor) -> None:
    """Shares are finer than the token, so that a share costs next to nothing."""
    assert empty.call("decimals") == 12
    assert deposit(suite, empty, customer, 5) == 5 * SHARE


def test_premium_raises_the_price(pool: Contract, bookkeeper: Actor, underwriter: Actor) -> None:
    """Earned by those who back the books."""
    bookkeeper.send(pool, "underwrite", 1, underwriter.address, CAPITAL, 0)
    assert pool.call("convertToAssets", CAPITAL * SHARE) in {2 * CAPITAL, 2 * CAPITAL - 1}


def test_claim_paid_lowers_the_price(pool: Contract, bookkeeper: Actor, customer: Actor) -> None:
    """Borne by those who back the books."""
    bookkeeper.send(pool, "pay", 1, [(0, customer.address, CAPITAL // 4)], 0)
    assert pool.call("convertToAssets", CAPITAL * SHARE) in {CAPITAL * 3 // 4, CAPITAL * 3 // 4 - 1}


def test_reserving_and_releasing_leave_the_price(
    pool: Contract, bookkeeper: Actor, underwriter: Actor
) -> None:
    """Promised is not spent."""
    for call in (("underwrite", 1, underwriter.address, 0, CAPITAL), ("release", 1, CAPITAL)):
        bookkeeper.send(pool, *call)
        assert pool.call("convertToAssets", CAPITAL * SHARE) == CAPITAL


def test_owed_lowers_the_price_once(suite: Suite, pool: Contract, bookkeeper: Actor, customer: Actor) -> None:
    """When it becomes owed; withdrawing it changes nothing more."""
    suite.freeze(customer)
    bookkeeper.send(pool, "pay", 1, [(0, customer.address, CAPITAL // 4)], 0)
    owed = pool.call("convertToAssets", CAPITAL * SHARE)
    suite.freeze(customer, frozen=False)
    customer.send(pool, "withdrawOwed", customer.address, customer.address)
    assert pool.call("convertToAssets", CAPITAL * SHARE) == owed
    assert owed in {CAPITAL * 3 // 4, CAPITAL * 3 // 4 - 1}


def test_deposit_leaves_the_price_for_others(suite: Suite, pool: Contract, bookkeeper: Actor) -> None:
    """After a loss, newcomers buy at the lower price."""
    payee, newcomer = suite.customers[:2]
    bookkeeper.send(pool, "pay", 1, [(0, payee.address, CAPITAL // 2)], 0)
    before = pool.call("convertToAssets", CAPITAL * SHARE)
    shares = deposit(suite, pool, newcomer, 1_000 * DOLLAR)
    assert 0 <= 1_000 * DOLLAR - pool.call("convertToAssets", shares) <= 1
    assert pool.call("convertToAssets", CAPITAL * SHARE) - before in {0, 1}
