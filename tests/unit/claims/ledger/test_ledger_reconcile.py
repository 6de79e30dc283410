"""Reconciliation: nothing to say of an honest world, and the place and both figures of any one source
tampered with.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from sqlalchemy import text
from support.fake_chain import (
    ADDRESSES,
    CONTRACTS,
    INSURER,
    INVESTOR,
    POOL,
    VIEWS,
    Chain,
    FakeNode,
    Insurer,
    draft,
    log_of,
    payee_of,
    some_policies,
)

from troth.claims.ledger import Reconciliation, reconcile
from troth.claims.ledger.reconcile import SHOWN_OF_A_KIND
from troth.errors import NodeInconsistent
from troth.index import sync
from troth.store import Store, insert_rows, schema
from troth.store.books import PolicyRow

FIRST, SECOND = b"1" * 32, b"2" * 32
SELECTORS = {entry["name"]: f"0x{selector}" for selector, entry in VIEWS.items()}


def world(store: Store, insurer: Insurer) -> None:
    """Two books with all that can happen to a policy: paid, owed, owed and withdrawn, cancelled, refund
    owed, open.
    """
    insurer.register()
    insurer.publish()
    insurer.deposit()
    policies = some_policies(600)
    draft(store, policies, FIRST)
    first = insurer.issue(policies, FIRST)
    insurer.frozen = {payee_of(number) for number in (10, 11, 12)}
    insurer.settle(first, [*range(20), 300, 599])
    insurer.settle(first, [5, 20, 21], share=5_000)
    insurer.cancel(first, 30)
    insurer.frozen.add(payee_of(31))
    insurer.cancel(first, 31)
    insurer.withdraw_owed(payee_of(10), INVESTOR)
    others = some_policies(7, "Q")
    draft(store, others, SECOND)
    second = insurer.issue(others, SECOND, collateral=3_333)
    insurer.settle(second, [0, 6])
    insurer.cancel(second, 3)
    insurer.expire(second)
    insurer.leave(5_000)


@pytest.fixture
def settled(store: Store, insurer: Insurer) -> Insurer:
    """That world."""
    world(store, insurer)
    return insurer


@pytest.fixture
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterable[tuple[Store, Insurer, FakeNode]]:
    """That world on SQLite only, indexed: for the many ways to tamper with it."""
    chain = Chain()
    insurer = Insurer(chain)
    node = FakeNode(chain, insurer)
    with Store.open(f"sqlite:///{tmp_path_factory.mktemp('home')}/troth.db") as store:
        world(store, insurer)
        sync(store, node, CONTRACTS)
        yield store, insurer, node


def root_of(policies: Iterable[PolicyRow]) -> bytes:
    """Stands for the tree: the first book's policies have its root as long as they are as they were."""
    listed = list(policies)
    return {tuple(some_policies(600)): FIRST, tuple(some_policies(7, "Q")): SECOND}.get(
        tuple(listed), b"\0" * 32
    )


def test_honest_world_has_no_differences(store: Store, node: FakeNode, settled: Insurer) -> None:
    """Every figure, on both databases."""
    claims = [*range(20), 300, 599]
    amounts = sum(1_001 + number for number in claims) + (1_021 + 1_022) // 2 + 1_001 + 1_007
    owed_claims = 1_012 + 1_013
    found = reconcile(store, node, CONTRACTS, root_of=root_of)
    assert found == Reconciliation(
        block=len(node.chain.blocks) - 1,
        books=2,
        policies=607,
        claims=26,
        cancelled=3,
        events=26,
        paid=amounts - owed_claims,
        owed=owed_claims + 10,
        balances=amounts - owed_claims,
        found=0,
        differences=(),
    )
    assert found.ok


def test_empty_chain_has_no_differences(store: Store, node: FakeNode) -> None:
    """No books, no events, no money."""
    found = reconcile(store, node, CONTRACTS)
    assert (found.ok, found.policies, found.claims, found.events, found.balances) == (True, 0, 0, 0, 0)


def test_drafts_deposits_and_gifts_are_no_differences(store: Store, node: FakeNode, settled: Insurer) -> None:
    """A book not yet issued, capital, money sent to the pool by anybody: nothing to explain."""
    draft(store, some_policies(3, "R"), b"3" * 32)
    settled._move(INSURER, POOL, 77)
    settled._mine()
    settled.deposit(1_000)
    assert reconcile(store, node, CONTRACTS).differences == ()


def test_ranges_do_not_change_the_outcome(store: Store, node: FakeNode, settled: Insurer) -> None:
    """A transaction's moves are compared whole, however the blocks are cut."""
    node.widest = 1
    assert reconcile(store, node, CONTRACTS).differences == ()


# --- one source tampered with at a time ---

Tamper = Callable[[Store, Insurer, FakeNode], None]
CASES: dict[str, tuple[Tamper, list[str]]] = {}


def case(*expected: str) -> Callable[[Tamper], Tamper]:
    """Registers a way to tamper, and patterns that must be among the differences; no others may."""

    def register(tamper: Tamper) -> Tamper:
        CASES[tamper.__name__] = (tamper, list(expected))
        return tamper

    return register


def sql(store: Store, statement: str) -> None:
    """Tampers with the database; exactly one row must be hit."""
    with store.writing() as connection:
        assert connection.execute(text(statement)).rowcount == 1


@case(
    r"^index payments, block \d+ log \d+ \(book_id 1, number 17\): only the chain has it: .*amount 1018",
)
def payment_row_deleted(store: Store, insurer: Insurer, node: FakeNode) -> None:
    sql(store, "DELETE FROM payments WHERE book_id = 1 AND number = 17")


@case(
    r"^index payments, block \d+ log \d+ \(book_id 1, number 17\): amount index 1019, chain 1018$",
    r"^book 1 policy 17 \(P-17\): amount: rule 509 or 1018, events 1019$",
)
def payment_row_changed(store: Store, insurer: Insurer, node: FakeNode) -> None:
    sql(store, "UPDATE payments SET amount = '1019' WHERE book_id = 1 AND number = 17")


@case(
    r"^index payments, block 12 log 99 \(book_id 1, number 400\): only the index has it: .*amount 1401$",
)
def payment_row_invented(store: Store, insurer: Insurer, node: FakeNode) -> None:
    with store.writing() as connection:
        row = (12, 99, bytes(32), 1, 400, "paid", payee_of(400), 1_401)
        insert_rows(connection, schema.payments, [row])


@case(r"^index withdrawals: rows outside blocks 3 to \d+: index 1, chain 0$")
def row_beyond_the_chain(store: Store, insurer: Insurer, node: FakeNode) -> None:
    with store.writing() as connection:
        insert_rows(connection, schema.withdrawals, [(10_000, 0, bytes(32), payee_of(1), payee_of(1), 1)])


@case(
    r"^index products, block 4 log 0 \(product_id 1\): "
    r"tiers index \[\[1, 5000\], .*, chain \[\[180, 5000\], .*$"
)
def product_row_changed(store: Store, insurer: Insurer, node: FakeNode) -> None:
    sql(store, "UPDATE products SET tiers = '[[1, 5000], [360, 10000]]'")


@case(
    r"^book 1: policies: database 599, events 600$",
    r"^book 1: sum insured: database \d+, events \d+$",
    r"^book 1: premium: database 5990, events 6000$",
    r"^book 1: outstanding: database \d+, contract \d+$",
    r"^book 1: root: database 0x0{64}, events 0x(31){32}$",
)
def policy_deleted(store: Store, insurer: Insurer, node: FakeNode) -> None:
    sql(store, "DELETE FROM policies WHERE policy_ref = 'P-500'")


@case(
    r"^book 1: policies: database 599, events 600$",
    r"^book 1: sum insured: database \d+, events \d+$",
    r"^book 1: premium: database 5990, events 6000$",
    r"^book 1: reserve: database \d+, contract \d+$",
    r"^book 1: root: .*$",
    r"^book 1 policy 17: paid, and not in the database$",
)
def paid_policy_deleted(store: Store, insurer: Insurer, node: FakeNode) -> None:
    sql(store, "DELETE FROM policies WHERE policy_ref = 'P-17'")


@case(
    r"^book 1 policy 17 \(P-17\): payee: policy 0x0{40}, events 0x\w{40}$",
    r"^book 1: root: .*$",
)
def payee_changed(store: Store, insurer: Insurer, node: FakeNode) -> None:
    sql(store, "UPDATE policies SET payee = zeroblob(20) WHERE policy_ref = 'P-17'")


@case(r"^book 1: root: database 0x0{64}, events 0x(31){32}$")
def salt_changed(store: Store, insurer: Insurer, node: FakeNode) -> None:
    sql(store, "UPDATE policies SET salt = randomblob(16) WHERE policy_ref = 'P-500'")


@case(
    r"^book 1: sum insured: database \d+, events \d+$",
    r"^book 1: outstanding: database \d+, contract \d+$",
    r"^book 1: root: .*$",
)
def sum_insured_changed(store: Store, insurer: Insurer, node: FakeNode) -> None:
    sql(store, "UPDATE policies SET sum_insured = '1' WHERE policy_ref = 'P-500'")


@case(r"^book 2: policies: contract 7, database none$")
def book_deleted(store: Store, insurer: Insurer, node: FakeNode) -> None:
    with store.writing() as connection:
        connection.execute(schema.books.delete().where(schema.books.c.root == SECOND))


@case(r"^book 1 policy 400 \(P-400\): state: contract settled, events open$")
def bit_set(store: Store, insurer: Insurer, node: FakeNode) -> None:
    insurer.books[1].bits.add(400)


@case(r"^book 1 policy 599 \(P-599\): state: contract open, events settled$")
def bit_cleared(store: Store, insurer: Insurer, node: FakeNode) -> None:
    insurer.books[1].bits.remove(599)


@case(r"^book 1: paid: contract \d+, Settled \d+, Paid and Owed \d+$")
def paid_total_changed(store: Store, insurer: Insurer, node: FakeNode) -> None:
    insurer.books[1].paid += 1


@case(r"^book 1: outstanding: database \d+, contract \d+$")
def outstanding_changed(store: Store, insurer: Insurer, node: FakeNode) -> None:
    insurer.books[1].outstanding -= 1


@case(r"^book 1: reserve: database \d+, contract \d+$", r"^pool: totalReserved: contract \d+, books \d+$")
def reserve_changed(store: Store, insurer: Insurer, node: FakeNode) -> None:
    insurer.books[1].reserve -= 1


@case(r"^pool: totalReserved: contract \d+, books \d+$")
def reserved_total_changed(store: Store, insurer: Insurer, node: FakeNode) -> None:
    insurer.total_reserved -= 1


@case(r"^book 1: root: contract 0x(39){32}, events 0x(31){32}$")
def root_changed(store: Store, insurer: Insurer, node: FakeNode) -> None:
    insurer.books[1].root = b"9" * 32


@case(r"^book 2: issued: contract has none, events have it$", r"^pool: totalReserved: .*$")
def book_unknown_to_contract(store: Store, insurer: Insurer, node: FakeNode) -> None:
    insurer.total_reserved += 1
    del insurer.books[2]


@case(r"^book 3: issued: contract has it, events have none$")
def book_without_event(store: Store, insurer: Insurer, node: FakeNode) -> None:
    insurer.books[3] = insurer.books[2]


@case(r"^pool: balance: token \d+, transfers \d+$")
def balance_changed(store: Store, insurer: Insurer, node: FakeNode) -> None:
    insurer.balances[POOL] -= 1


@case(
    r"^pool: balance: token 100, transfers \d+$",
    r"^pool: balance 100 does not cover \d+ reserved and 2035 owed$",
)
def balance_gone(store: Store, insurer: Insurer, node: FakeNode) -> None:
    insurer.balances[POOL] = 100


@case(r"^pool: totalOwed: contract 2036, events 2035$")
def owed_total_changed(store: Store, insurer: Insurer, node: FakeNode) -> None:
    insurer.total_owed += 1


@case(r"^payee 0x\w+: owed: contract 1011, events 1012$")
def owed_to_a_payee_changed(store: Store, insurer: Insurer, node: FakeNode) -> None:
    insurer.owed[payee_of(11)] -= 1


@case(
    r"^index payments, block \d+ log \d+ \(book_id 1, number 17\): only the index has it: .*amount 1018$",
    r"^transaction 0x\w+, party 0x\w+: money sent by the pool: events 0, token 1018$",
    r"^book 1 policy 17 \(P-17\): state: contract settled, events open$",
    r"^book 1: claims: Settled 24, Paid and Owed 23$",
    r"^book 1: paid: contract \d+, Settled \d+, Paid and Owed \d+$",
    r"^book 1: outstanding: .*$",
    r"^book 1: reserve: .*$",
)
def paid_event_left_out(store: Store, insurer: Insurer, node: FakeNode) -> None:
    paid = log_of("CapitalPool", "Paid", bookId=1, payee=payee_of(17), number=17, amount=1_018)
    node.mend = lambda logs: [
        log for log in logs if (log["topics"], log["data"]) != (paid["topics"], paid["data"])
    ]


@case(
    r"^transaction 0x\w+, party 0x\w+: money sent by the pool: events 1018, token 0$", r"^pool: balance: .*$"
)
def transfer_left_out(store: Store, insurer: Insurer, node: FakeNode) -> None:
    moved = log_of("TestDollar", "Transfer", **{"from": POOL, "to": payee_of(17), "value": 1_018})
    node.mend = lambda logs: [log for log in logs if log["topics"] != moved["topics"]]


@case(r"^transaction 0x\w+, party 0x\w+: premium taken: events 70, token 0$", r"^pool: balance: .*$")
def premium_never_came(store: Store, insurer: Insurer, node: FakeNode) -> None:
    node.mend = lambda logs: [
        log
        for log in logs
        if not (log["address"] == ADDRESSES["TestDollar"].lower() and log["data"].endswith("46"))
    ]


@case(r"^transaction 0x\w+, party 0x(bb){20}: money sent by the pool: events 0, token 5$")
def money_leaves_without_an_event(store: Store, insurer: Insurer, node: FakeNode) -> None:
    insurer._move(POOL, INVESTOR, 5)
    insurer._mine()


@case(
    r"^book 1 policy 17 \(P-17\): payments: events 2, rule 1$",
    r"^book 1: paid: contract \d+, Settled \d+, Paid and Owed \d+$",
)
def policy_paid_twice(store: Store, insurer: Insurer, node: FakeNode) -> None:
    insurer._pay(1, insurer.books[1].policies[17], 1_018, "Paid")
    insurer._mine()


@case(
    r"^book 1 policy 50 \(P-50\): payee: policy 0x\w+, events 0x(bb){20}$",
)
def policy_paid_to_another(store: Store, insurer: Insurer, node: FakeNode) -> None:
    policy = insurer.books[1].policies[50]
    insurer.books[1].policies[50] = policy._replace(payee=INVESTOR)
    insurer.settle(1, [50])


@case(r"^book 1 policy 50 \(P-50\): amount: rule 525 or 1051, events 630$")
def policy_paid_against_the_rule(store: Store, insurer: Insurer, node: FakeNode) -> None:
    insurer.settle(1, [50], share=6_000)


@case(
    r"^book 2 policy 7: paid beyond the book: events yes, policies 7$",
    r"^book 2 policy 7: paid, and not in the database$",
    r"^book 2: paid: .*$",
)
def number_beyond_the_book_paid(store: Store, insurer: Insurer, node: FakeNode) -> None:
    insurer._pay(2, insurer.books[2].policies[1]._replace(number=7), 1_002, "Paid")
    insurer._mine()


@case(r"^book 1 policy 60 \(P-60\): refund: PolicyBooks 10, CapitalPool 0$")
def refund_never_made(store: Store, insurer: Insurer, node: FakeNode) -> None:
    insurer._draw(1, insurer.books[1].policies[60])
    insurer._emit("PolicyBooks", "PolicyCancelled", bookId=1, number=60, refund=10)
    insurer._mine()


@case(
    r"^book 1 policy 60 \(P-60\): refund above premium: policy 10, events 11$",
)
def refund_above_premium(store: Store, insurer: Insurer, node: FakeNode) -> None:
    insurer.books[1].policies[60] = insurer.books[1].policies[60]._replace(premium=11)
    insurer.cancel(1, 60)


@case(
    r"^book 1 policy 60 \(P-60\): refund: PolicyBooks none, CapitalPool one$",
    r"^book 1 policy 60 \(P-60\): amount: rule 530 or 1061, events 10$",
    r"^book 1: claims: Settled 24, Paid and Owed 25$",
)
def refund_without_cancellation(store: Store, insurer: Insurer, node: FakeNode) -> None:
    policy = insurer.books[1].policies[60]
    insurer._draw(1, policy)
    insurer._pay(1, policy, 10, "Refunded")
    insurer._mine()


@case(r"^book 1: claims: Settled 25, Paid and Owed 24$")
def settled_count_too_high(store: Store, insurer: Insurer, node: FakeNode) -> None:
    insurer._emit("PolicyBooks", "Settled", bookId=1, reportId=1, settled=1, skipped=0, amount=0)
    insurer._mine()


@pytest.mark.parametrize("name", CASES)
def test_tampering_with_one_source_is_named(told: tuple[Store, Insurer, FakeNode], name: str) -> None:
    """Each expected difference is there, with place and both figures, and no other is."""
    store, insurer, node = told
    tamper, expected = CASES[name]
    tamper(store, insurer, node)
    found = reconcile(store, node, CONTRACTS, root_of=root_of)
    assert not found.ok
    unexplained = [
        one for one in found.differences if not any(re.search(pattern, one) for pattern in expected)
    ]
    missing = [
        pattern for pattern in expected if not any(re.search(pattern, one) for one in found.differences)
    ]
    assert (unexplained, missing) == ([], []), found.differences


def test_many_differences_are_counted(told: tuple[Store, Insurer, FakeNode]) -> None:
    """The first of a kind are spelt out, the rest counted."""
    store, insurer, node = told
    insurer.books[1].bits.update(range(100, 200))
    found = reconcile(store, node, CONTRACTS)
    assert found.found == 100
    assert len(found.differences) == SHOWN_OF_A_KIND + 1
    assert found.differences[0] == "book 1 policy 100 (P-100): state: contract settled, events open"
    assert found.differences[-1] == "... and 80 more of the last kind (state)"


def test_reorganisation_meanwhile_is_refused(told: tuple[Store, Insurer, FakeNode]) -> None:
    """Figures of two chains are not compared with one another."""
    store, insurer, node = told

    def replace_newest(method: str, params: list[Any]) -> None:
        if method == "eth_call":
            node.before = lambda *_: None
            insurer.chain.reorganise(1)
            insurer.chain.mine(1)

    node.before = replace_newest
    with pytest.raises(NodeInconsistent, match="was replaced"):
        reconcile(store, node, CONTRACTS)


@pytest.mark.parametrize("answer", ["0x", "0x" + "00" * 32, "0x" + "00" * 64 + "ff" * 32])
def test_views_of_another_shape_are_refused(told: tuple[Store, Insurer, FakeNode], answer: str) -> None:
    """An address without code, or with another contract, is not read as zeros."""
    store, _, node = told
    honest = node._view
    bits = "settledWords" if len(answer) > 66 else "book"

    def view(call: dict[str, str], block: str) -> str:
        return answer if call["data"].startswith(SELECTORS[bits]) else honest(call, block)

    node._view = view  # type: ignore[method-assign]
    with pytest.raises(NodeInconsistent, match=r"returned \d+ words"):
        reconcile(store, node, CONTRACTS)
