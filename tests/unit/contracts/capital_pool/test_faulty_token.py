"""Tokens that go wrong on a transfer, and tokens that call back in the middle of one.

pay by settling, one payee's transfer
├── answers false, reverts, answers oddly: owed to that payee, the others paid
├── answers nothing, as some old tokens do: paid
└── calls back into the suite: what it calls is refused, the payment goes through
    ├── the pool: deposit, mint, withdraw, redeem, withdrawOwed
    └── the books: another batch of the same book
withdrawOwed, the transfer
├── answers false: refused, still owed
└── calls back: refused there, sent once
"""

from __future__ import annotations

import pytest
from support import Actor, Book, Report, Suite, emitted, policy, refuses, settlement
from support.defaults import RISK, SUM_INSURED, VERY_LATE

from troth.chain.abi import selector
from troth.chain.contracts import Contract

NO_FAULT, RETURNS_FALSE, REVERTS, RETURNS_ODDLY, RETURNS_NOTHING, CALLS_BACK = range(6)
ANYBODY = "0x" + "77" * 20
REENTERED = selector("ReentrancyGuardReentrantCall()")


@pytest.fixture
def book(faulty: Suite) -> Book:
    """Three policies of three payees, all due by `report`."""
    return faulty.book(policy(one) for one in faulty.customers[:3])


@pytest.fixture
def report(faulty: Suite) -> Report:
    """Final, and all is due."""
    return faulty.report({RISK: VERY_LATE})


def spoil(faulty: Suite, dollar: Contract, payee: Actor, fault: int) -> None:
    """Makes transfers to `payee` go wrong."""
    faulty["stranger"].send(dollar, "setFault", payee.address, fault)


def call_back(faulty: Suite, dollar: Contract, payee: Actor, contract: Contract, message: bytes) -> None:
    """Makes transfers to `payee` call `contract` on the way."""
    spoil(faulty, dollar, payee, CALLS_BACK)
    faulty["stranger"].send(dollar, "setMessage", contract.address, message)


@pytest.mark.parametrize("fault", [RETURNS_FALSE, REVERTS, RETURNS_ODDLY])
def test_transfer_that_fails_any_way_becomes_owed_c5(
    faulty: Suite, dollar: Contract, book: Book, report: Report, fault: int
) -> None:
    """C5: in the middle of a batch; before and after it are paid."""
    before, payee, after = faulty.customers[:3]
    spoil(faulty, dollar, payee, fault)
    receipt = faulty.settle(settlement(book, report))
    assert emitted(receipt, faulty.pool, "Owed") == [(book.id, payee.address, 1, SUM_INSURED)]
    balances = [faulty.balance(one) for one in (before, payee, after)]
    assert balances == [SUM_INSURED, 0, SUM_INSURED]
    assert faulty.pool.call("owed", payee.address) == SUM_INSURED


def test_transfer_that_answers_nothing_is_paid_c7(
    faulty: Suite, dollar: Contract, book: Book, report: Report
) -> None:
    """C7: the token moved, so it is Paid and not Owed."""
    payee = faulty.customers[1]
    spoil(faulty, dollar, payee, RETURNS_NOTHING)
    receipt = faulty.settle(settlement(book, report))
    assert [paid.number for paid in emitted(receipt, faulty.pool, "Paid")] == [0, 1, 2]
    assert faulty.balance(payee) == SUM_INSURED
    assert faulty.pool.call("totalOwed") == 0


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("deposit", (0,)),
        ("mint", (0,)),
        ("withdraw", (0, ANYBODY)),
        ("redeem", (0, ANYBODY)),
        ("withdrawOwed", (ANYBODY,)),
    ],
)
def test_payee_cannot_reenter_the_pool_c2(
    faulty: Suite, dollar: Contract, book: Book, name: str, arguments: tuple[int | str, ...]
) -> None:
    """C2: halfway through a batch the reserve is released and the money still there; nobody may use that."""
    report = faulty.report({RISK: VERY_LATE})
    message = faulty.pool.encode(name, *arguments, ANYBODY)
    call_back(faulty, dollar, faulty.customers[1], faulty.pool, message)
    receipt = faulty.settle(settlement(book, report))
    assert len(emitted(receipt, faulty.pool, "Paid")) == 3
    assert not dollar.call("hasSucceeded")
    assert dollar.call("answer") == REENTERED


def test_payee_cannot_reenter_settling_c1_c4(
    faulty: Suite, dollar: Contract, book: Book, report: Report
) -> None:
    """C1, C4: another batch of the book from within is refused, and can be settled afterwards."""
    payee, last = faulty.customers[1:3]
    inner = settlement(book, report, [2])
    call_back(faulty, dollar, payee, faulty.books, faulty.books.encode("settle", *inner))
    faulty.settle(settlement(book, report, [0, 1]))
    assert dollar.call("answer") == REENTERED
    assert faulty.balance(last) == 0
    faulty.settle(inner)
    assert faulty.balance(last) == SUM_INSURED


def test_payee_who_repeats_the_batch_from_within_gains_nothing_c4(
    faulty: Suite, dollar: Contract, book: Book, report: Report
) -> None:
    """C4: all of it is marked before the first transfer, so from within there is nothing left to pay."""
    payee, batch = faulty.customers[0], settlement(book, report)
    call_back(faulty, dollar, payee, faulty.books, faulty.books.encode("settle", *batch))
    faulty.settle(batch)
    assert dollar.call("hasSucceeded")
    assert int.from_bytes(dollar.call("answer")[:32], "big") == 0
    assert [faulty.balance(one) for one in faulty.customers[:3]] == [SUM_INSURED] * 3
    assert faulty.books.call("book", book.id).paid == 3 * SUM_INSURED


def test_withdraw_owed_refuses_token_that_answers_false_c5(
    faulty: Suite, dollar: Contract, book: Book, report: Report
) -> None:
    """C5: not sent is still owed."""
    payee = faulty.customers[1]
    spoil(faulty, dollar, payee, RETURNS_FALSE)
    faulty.settle(settlement(book, report))
    with refuses("SafeERC20FailedOperation", token=dollar.address):
        payee.send(faulty.pool, "withdrawOwed", payee.address, payee.address)
    assert faulty.pool.call("totalOwed") == SUM_INSURED


def test_payee_cannot_withdraw_owed_twice_at_once_c5(
    faulty: Suite, dollar: Contract, book: Book, report: Report
) -> None:
    """C5: from within its own withdrawal there is nothing to withdraw."""
    payee = faulty.customers[1]
    spoil(faulty, dollar, payee, REVERTS)
    faulty.settle(settlement(book, report))
    message = faulty.pool.encode("withdrawOwed", payee.address, payee.address)
    call_back(faulty, dollar, payee, faulty.pool, message)
    payee.send(faulty.pool, "withdrawOwed", payee.address, payee.address)
    assert dollar.call("answer") == REENTERED
    assert faulty.balance(payee) == SUM_INSURED
    assert faulty.pool.call("totalOwed") == 0
