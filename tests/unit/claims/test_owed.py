"""Money owed: who is owed what and for which policies, and how it reaches them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support import Actor, Suite, policy, settlement
from support.defaults import LATE, RISK, SUM_INSURED
from support.office import Desk, Line, lines_for

from troth.claims import administration, owed, pool
from troth.claims.owed import Debt, OwedPolicy

DUE = SUM_INSURED // 2


@pytest.fixture
def frozen(desk: Desk, customers: tuple[Actor, ...]) -> Desk:
    """A settled book of four; the first two payees could not be paid, the second of them has two policies."""
    for payee in customers[:2]:
        desk.suite.freeze(payee)
    desk.settled(lines_for([*customers[:3], customers[1]]))
    return desk


def thaw(desk: Desk, *payees: Actor) -> None:
    """Lets them receive money again."""
    for payee in payees:
        desk.suite.freeze(payee, frozen=False)


def test_nothing_is_owed_where_everything_went_through(desk: Desk, customer: Actor) -> None:
    """Paid policies are none of it."""
    desk.settled(lines_for([customer]))
    assert owed.owed(desk.office) == []
    assert owed.withdraw(desk.office) == owed.Withdrawn((), ())


def test_list_adds_up_by_payee_and_names_the_policies(frozen: Desk, customers: tuple[Actor, ...]) -> None:
    """In order of address, and what the contract says is owed."""
    debts = owed.owed(frozen.office)
    expected = {
        customers[0].address: Debt(customers[0].address, DUE, (OwedPolicy("P-0", 1, 0, DUE),)),
        customers[1].address: Debt(
            customers[1].address, 2 * DUE, (OwedPolicy("P-1", 1, 1, DUE), OwedPolicy("P-3", 1, 3, DUE))
        ),
    }
    assert debts == sorted(expected.values(), key=lambda debt: int(debt.payee, 16))
    assert all(frozen.suite.pool.call("owed", debt.payee) == debt.amount for debt in debts)


def test_refund_owed_is_listed_like_a_claim(desk: Desk, customer: Actor) -> None:
    """A cancelled policy's premium waits for its payee too."""
    desk.suite.freeze(customer)
    book = desk.book(lines_for([customer]), cover_from=desk.office.now() + timedelta(days=1))
    done = administration.cancel(desk.office, book, "P-0")
    (debt,) = owed.owed(desk.office)
    assert (debt.amount, debt.policies[0].policy_ref) == (done.refund, "P-0")


def test_policy_written_elsewhere_has_no_reference(desk: Desk, suite: Suite, customer: Actor) -> None:
    """A book another database issued is on the chain all the same."""
    suite.freeze(customer)
    issued = suite.book([policy(customer)])
    suite.settle(settlement(issued, suite.report({RISK: LATE})))
    (debt,) = owed.owed(desk.office)
    assert debt.policies == (OwedPolicy(None, issued.id, 0, DUE),)


def test_withdraw_pushes_to_every_payee(frozen: Desk, customers: tuple[Actor, ...]) -> None:
    """Each gets what is owed, by a transaction of their own, and nothing is owed any more."""
    thaw(frozen, *customers[:2])
    done = owed.withdraw(frozen.office)
    assert {one.payee: one.amount for one in done.sent} == {
        customers[0].address: DUE,
        customers[1].address: 2 * DUE,
    }
    assert done.refused == ()
    assert [frozen.suite.balance(one) for one in customers[:2]] == [DUE, 2 * DUE]
    assert owed.owed(frozen.office) == []


def test_payee_still_frozen_fails_alone_and_is_named(frozen: Desk, customers: tuple[Actor, ...]) -> None:
    """C5: the others are paid, nothing is lost, and no transaction is wasted on it."""
    thaw(frozen, customers[1])
    nonce = frozen.suite.node.call("eth_getTransactionCount", [frozen.who.address, "latest"])
    done = owed.withdraw(frozen.office)
    (refused,) = done.refused
    assert (refused.payee, refused.amount) == (customers[0].address, DUE)
    assert "TestDollarFrozen" in refused.reason
    assert [one.payee for one in done.sent] == [customers[1].address]
    assert [debt.payee for debt in owed.owed(frozen.office)] == [customers[0].address]
    after = frozen.suite.node.call("eth_getTransactionCount", [frozen.who.address, "latest"])
    assert int(after, 16) - int(nonce, 16) == 1


def test_payee_frozen_between_try_and_transaction_fails_alone(
    frozen: Desk, customers: tuple[Actor, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction that reverts is told of like one never sent; the others go on."""
    thaw(frozen, customers[1])
    monkeypatch.setattr(owed, "_refusal", lambda *_: None)
    done = owed.withdraw(frozen.office)
    assert [one.payee for one in done.sent] == [customers[1].address]
    assert [(one.payee, "TestDollarFrozen" in one.reason) for one in done.refused] == [
        (customers[0].address, True)
    ]


def test_withdraw_for_one_payee_leaves_the_others(frozen: Desk, customers: tuple[Actor, ...]) -> None:
    """Only the one named gets money."""
    thaw(frozen, *customers[:2])
    (sent,) = owed.withdraw(frozen.office, customers[1].address).sent
    assert (sent.payee, sent.amount) == (customers[1].address, 2 * DUE)
    assert [debt.payee for debt in owed.owed(frozen.office)] == [customers[0].address]


def test_withdraw_for_one_who_is_owed_nothing_does_nothing(
    frozen: Desk, customers: tuple[Actor, ...]
) -> None:
    """So that the command can be repeated."""
    assert owed.withdraw(frozen.office, customers[5].address) == owed.Withdrawn((), ())


def test_withdraw_works_while_the_pool_is_paused(frozen: Desk, customers: tuple[Actor, ...]) -> None:
    """C8: paused, what is owed can still be withdrawn."""
    thaw(frozen, *customers[:2])
    pool.pause(frozen.office)
    assert len(owed.withdraw(frozen.office).sent) == 2


def test_anybody_may_push_what_is_owed(
    frozen: Desk, stranger_desk: Desk, customers: tuple[Actor, ...]
) -> None:
    """It takes no role, for it goes to the payee itself."""
    thaw(frozen, *customers[:2])
    assert len(owed.withdraw(stranger_desk.office).sent) == 2


def test_withdraw_tells_its_progress(frozen: Desk, customers: tuple[Actor, ...]) -> None:
    """A payee at a time."""
    thaw(frozen, *customers[:2])
    told: list[tuple[int, int]] = []
    owed.withdraw(frozen.office, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]


def test_money_owed_twice_over_is_withdrawn_at_once(desk: Desk, customer: Actor) -> None:
    """Two settlements, one withdrawal, and no policy is left on the list."""
    desk.suite.freeze(customer)
    desk.settled(lines_for([customer]))
    desk.settled([Line("P-9", customer.address, "another risk")], {"another risk": LATE})
    thaw(desk, customer)
    (sent,) = owed.withdraw(desk.office).sent
    assert sent.amount == 2 * DUE
    assert owed.owed(desk.office) == []
