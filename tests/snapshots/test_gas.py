"""The gas of every call that changes anything, in a standard case, to the unit.

The chain is Anvil as package-lock.json pins it; accounts, addresses and times are always the same. A figure
is a receipt's `gasUsed`, the 21,000 of the transaction included.
"""

from __future__ import annotations

import json

import pytest
from consent_cases import CONSENT_CASES
from stream_cases import STREAM_CASES
from support import Actor, Book, Report, Suite, book_of, policy, report_of, settlement, word
from support.chain import ROOT
from support.defaults import (
    DAY,
    DEADLINE,
    DOLLAR,
    LATE,
    METRIC,
    NO_REQUIREMENT,
    NOTICE_PERIOD,
    PREMIUM,
    RISK,
    TIERS,
    VERY_LATE,
)

from troth.chain.transactions import Receipt

MANY = 100
SHARES = DOLLAR * 10**6


# --- products and reports


def register(suite: Suite) -> Receipt:
    """A product of two tiers."""
    return suite["actuary"].send(suite.products, "register", "delay", word(METRIC), 0, TIERS, NO_REQUIREMENT)


def publish(suite: Suite) -> Receipt:
    """A report with two signatures."""
    data = report_of({RISK: LATE}).data
    return suite["stranger"].send(suite.reports, "publish", data, suite.sign(data))


def challenge(suite: Suite) -> Receipt:
    """A report, disputed."""
    report = suite.publish(report_of({RISK: LATE}))
    return suite["challenger"].send(suite.reports, "challenge", report.id, word("wrong"))


def uphold(suite: Suite) -> Receipt:
    """A disputed report, upheld."""
    challenge(suite)
    return suite["arbiter"].send(suite.reports, "uphold", 1)


def replace(suite: Suite) -> Receipt:
    """A disputed report, replaced with two signatures."""
    challenge(suite)
    data = report_of({RISK: 0}, replaces=1).data
    return suite["arbiter"].send(suite.reports, "replace", data, suite.sign(data))


def set_oracle(suite: Suite) -> Receipt:
    """A fourth key."""
    return suite["insurer"].send(suite.reports, "setOracle", suite["stranger"].address, True)


def set_quorum(suite: Suite) -> Receipt:
    """All three."""
    return suite["insurer"].send(suite.reports, "setQuorum", 3)


# --- books


def issue(suite: Suite) -> Receipt:
    """A book, of any size: one root."""
    book = book_of([policy(suite.customers[0])], suite.register())
    return suite["underwriter"].send(suite.books, "issue", book.terms)


def many(suite: Suite, risks: int) -> tuple[Book, Report]:
    """A book of a hundred policies of as many payees, spread over so many risks; all is due."""
    payees = [Actor(f"payee {number}", suite.node) for number in range(MANY)]
    names = [f"UA {number * risks // MANY}" for number in range(MANY)]
    book = suite.book(policy(payee, name) for payee, name in zip(payees, names, strict=True))
    return book, suite.report(dict.fromkeys(names, VERY_LATE))


def settle_one(suite: Suite) -> Receipt:
    """One claim, the payee's first money."""
    book = suite.book([policy(suite.customers[0])])
    return suite.settle(settlement(book, suite.report({RISK: VERY_LATE})))


def settle_one_risk(suite: Suite) -> Receipt:
    """A hundred claims on one risk, each payee's first money."""
    return suite.settle(settlement(*many(suite, risks=1)))


def settle_ten_risks(suite: Suite) -> Receipt:
    """A hundred claims, ten a risk, each payee's first money."""
    return suite.settle(settlement(*many(suite, risks=10)))


def settle_own_risks(suite: Suite) -> Receipt:
    """A hundred claims, each on its own risk, each payee's first money."""
    return suite.settle(settlement(*many(suite, risks=MANY)))


def settle_half(suite: Suite) -> Receipt:
    """Every second policy of a hundred on one risk: fifty claims, fifty nodes."""
    return suite.settle(settlement(*many(suite, risks=1), range(0, MANY, 2)))


def settle_again(suite: Suite) -> Receipt:
    """A hundred claims on one risk, all settled before."""
    batch = settlement(*many(suite, risks=1))
    suite.settle(batch)
    return suite.settle(batch)


def settle_owed(suite: Suite) -> Receipt:
    """One claim, and the payee cannot be paid."""
    suite.freeze(suite.customers[0])
    return settle_one(suite)


def cancel(suite: Suite) -> Receipt:
    """One of eight policies, its premium refunded."""
    later = {"cover_from": DEADLINE - DAY, "cover_until": DEADLINE}
    book = suite.book([policy(one) for one in suite.customers], **later)
    return suite["underwriter"].send(
        suite.books, "cancel", book.id, book.policies[3], PREMIUM, book.tree.proof(3)
    )


def expire(suite: Suite) -> Receipt:
    """A book nobody claimed on."""
    book = suite.book([policy(suite.customers[0])])
    suite.clock.move_to(DEADLINE + 1)
    return suite["stranger"].send(suite.books, "expire", book.id)


def extend_deadline(suite: Suite) -> Receipt:
    """By a day."""
    book = suite.book([policy(suite.customers[0])])
    return suite["supervisor"].send(suite.books, "extendDeadline", book.id, DEADLINE + DAY)


def set_daily_cap(suite: Suite) -> Receipt:
    """A first cap."""
    book = suite.book([policy(suite.customers[0])])
    return suite["supervisor"].send(suite.books, "setDailyCap", book.id, DOLLAR)


def set_minimum_collateral(suite: Suite) -> Receipt:
    """A first minimum."""
    return suite["supervisor"].send(suite.books, "setMinimumCollateral", suite.register(), 5_000)


# --- the pool


def deposit(suite: Suite) -> Receipt:
    """By somebody who holds no shares."""
    who = suite["underwriter"]
    return who.send(suite.pool, "deposit", DOLLAR, who.address)


def mint(suite: Suite) -> Receipt:
    """The same, in shares."""
    who = suite["underwriter"]
    return who.send(suite.pool, "mint", SHARES, who.address)


def give_notice(suite: Suite) -> Receipt:
    """A first notice."""
    return suite["investor"].send(suite.pool, "giveNotice", 2 * SHARES)


def withdraw(suite: Suite) -> Receipt:
    """Half of what is under notice."""
    give_notice(suite)
    suite.clock.move_by(NOTICE_PERIOD)
    who = suite["investor"]
    return who.send(suite.pool, "withdraw", DOLLAR, who.address, who.address)


def redeem(suite: Suite) -> Receipt:
    """The same, in shares."""
    give_notice(suite)
    suite.clock.move_by(NOTICE_PERIOD)
    who = suite["investor"]
    return who.send(suite.pool, "redeem", SHARES, who.address, who.address)


def withdraw_owed(suite: Suite) -> Receipt:
    """By the payee, after the thaw."""
    settle_owed(suite)
    payee = suite.customers[0]
    suite.freeze(payee, frozen=False)
    return payee.send(suite.pool, "withdrawOwed", payee.address, payee.address)


def pause(suite: Suite) -> Receipt:
    """Stop."""
    return suite["guardian"].send(suite.pool, "pause")


def unpause(suite: Suite) -> Receipt:
    """Go on."""
    pause(suite)
    return suite["guardian"].send(suite.pool, "unpause")


CASES = {
    "CapitalPool.deposit, first": deposit,
    "CapitalPool.giveNotice, first": give_notice,
    "CapitalPool.mint, first": mint,
    "CapitalPool.pause": pause,
    "CapitalPool.redeem": redeem,
    "CapitalPool.unpause": unpause,
    "CapitalPool.withdraw": withdraw,
    "CapitalPool.withdrawOwed": withdraw_owed,
    "OracleReports.challenge": challenge,
    "OracleReports.publish, 2 signatures": publish,
    "OracleReports.replace, 2 signatures": replace,
    "OracleReports.setOracle": set_oracle,
    "OracleReports.setQuorum": set_quorum,
    "OracleReports.uphold": uphold,
    "PolicyBooks.cancel, 1 of 8": cancel,
    "PolicyBooks.expire": expire,
    "PolicyBooks.extendDeadline": extend_deadline,
    "PolicyBooks.issue": issue,
    "PolicyBooks.setDailyCap": set_daily_cap,
    "PolicyBooks.setMinimumCollateral": set_minimum_collateral,
    "PolicyBooks.settle, 1": settle_one,
    "PolicyBooks.settle, 1 owed": settle_owed,
    "PolicyBooks.settle, 100 on 1 risk": settle_one_risk,
    "PolicyBooks.settle, 100 on 1 risk, all skipped": settle_again,
    "PolicyBooks.settle, 100 on 10 risks": settle_ten_risks,
    "PolicyBooks.settle, 100 on 100 risks": settle_own_risks,
    "PolicyBooks.settle, 50 of 100 on 1 risk": settle_half,
    "ProductRegister.register, 2 tiers": register,
    **CONSENT_CASES,
    **STREAM_CASES,
}
INHERITED = {
    *("ProductRegister.setAuthority", "OracleReports.setAuthority", "PolicyBooks.setAuthority"),
    *("Subjects.setAuthority", "ConsentRegistry.setAuthority", "Streams.setAuthority"),
    *("CapitalPool.setAuthority", "CapitalPool.approve", "CapitalPool.transfer", "CapitalPool.transferFrom"),
}
"""OpenZeppelin's, unchanged."""
WITHIN = {f"CapitalPool.{name}" for name in ("underwrite", "pay", "refund", "release")}
"""Called by the policy books, and measured with them."""


@pytest.mark.parametrize("name", CASES)
def test_gas_is_as_kept(suite: Suite, gas, name: str) -> None:
    """To the unit: a change is accepted on purpose or not at all."""
    gas.check(name, CASES[name](suite).gas_used, "gas")


def test_gas_is_kept_of_nothing_else(gas) -> None:
    """No figure outlives its case."""
    gas.keep_only(set(CASES))


@pytest.mark.parametrize(
    "contract",
    [
        *("CapitalPool", "ConsentRegistry", "OracleReports", "PolicyBooks", "ProductRegister"),
        *("Streams", "Subjects"),
    ],
)
def test_gas_is_kept_of_every_call(contract: str) -> None:
    """A new call comes with its figure."""
    artifact = ROOT / "troth" / "artifacts" / f"{contract}.json"
    changing = {
        f"{contract}.{item['name']}"
        for item in json.loads(artifact.read_text(encoding="utf-8"))["abi"]
        if item["type"] == "function" and item["stateMutability"] not in {"view", "pure"}
    }
    measured = {name.partition(",")[0] for name in CASES}
    assert changing - INHERITED - WITHIN <= measured
