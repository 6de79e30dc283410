"""The ledger on real contracts on Anvil: every event indexed, everything adds up, and a real reorganisation
is undone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from sqlalchemy import select
from support import Book, Suite, book_of, policy, report_of, settlement
from support.defaults import (
    COVER_UNTIL,
    DAY,
    DEADLINE,
    EXIT_WINDOW,
    LATE,
    NOTICE_PERIOD,
    PREMIUM,
    START,
    VERY_LATE,
)

from troth.claims.books import policy_leaf, policy_reference, tree_of
from troth.claims.ledger import reconcile
from troth.index import Contracts, sync
from troth.store import Store, schema
from troth.store.books import NewBook, PolicyRow, save_book

RISKS = ("flight 1", "flight 2")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty database."""
    with Store.open(f"sqlite:///{tmp_path}/troth.db") as opened:
        yield opened


@pytest.fixture
def contracts(suite: Suite) -> Contracts:
    """The deployment, as the ledger wants it."""
    return Contracts.of(suite.deployment.addresses, suite.deployment.block)


def root_of(policies: Iterable[PolicyRow]) -> bytes:
    """The root of the product's own tree."""
    return tree_of(policies).root


def issue(suite: Suite, store: Store, **terms: int) -> Book:
    """A book of eight policies on two flights, saved and issued."""
    salts = [os.urandom(16) for _ in suite.customers]
    policies = [
        policy(one, RISKS[number // 4], sum_insured=10_001 + number)._replace(
            ref=policy_reference(salts[number], f"P-{number}")
        )
        for number, one in enumerate(suite.customers)
    ]
    book = book_of(policies, suite.register(), **terms)
    rows = [
        PolicyRow(
            one.number,
            f"P-{one.number}",
            RISKS[one.number // 4],
            bytes.fromhex(one.payee[2:]),
            one.sum_insured,
            one.premium,
            salts[one.number],
        )
        for one in book.policies
    ]
    assert [policy_leaf(row) for row in rows] == [one.leaf for one in book.policies]
    draft = NewBook(
        source=book.tree.root,
        root=book.tree.root,
        product_id=book.terms.product_id,
        policy_count=8,
        sum_insured=book.terms.sum_insured,
        premium=book.terms.premium,
        collateral=book.terms.collateral,
        daily_cap=0,
        cover_from=datetime.fromtimestamp(book.terms.cover_from, timezone.utc),
        cover_until=datetime.fromtimestamp(COVER_UNTIL, timezone.utc),
        deadline=datetime.fromtimestamp(DEADLINE, timezone.utc),
    )
    with store.writing() as connection:
        save_book(connection, draft, rows)
    return suite.issue(book)


def rows(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """The index."""
    with store.reading() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in schema.EVENTS
        }


def test_a_year_of_the_suite_adds_up(suite: Suite, store: Store, contracts: Contracts) -> None:
    """Issue, cancel, refund owed, settle, owed, withdrawn, settled again, expired, capital leaving: C2, C4,
    C5, C7.
    """
    begins = START + DAY
    book = issue(suite, store, cover_from=begins)
    books, pool = suite.books, suite.pool
    cancelled, refused = book.policies[6], book.policies[7]
    suite.freeze(suite.customers[7])
    for one in (cancelled, refused):
        suite["underwriter"].send(books, "cancel", book.id, one, PREMIUM // 2, book.tree.proof(one.number))
    suite.freeze(suite.customers[1])
    suite.freeze(suite.customers[2])
    suite.clock.move_to(begins)
    report = suite.report({RISKS[0]: LATE, RISKS[1]: VERY_LATE}, period_start=begins, period_end=begins)
    suite.settle(settlement(book, report, [0, 1, 2, 4]))
    suite.settle(settlement(book, report, [0, 4, 5, 6]))
    suite.freeze(suite.customers[2], False)
    suite["stranger"].send(pool, "withdrawOwed", suite.customers[2].address, suite.customers[2].address)
    suite.clock.move_to(DEADLINE + 1)
    suite["stranger"].send(books, "expire", book.id)
    suite["investor"].send(pool, "giveNotice", 10**9)
    suite.clock.move_by(NOTICE_PERIOD + EXIT_WINDOW // 2)
    suite["investor"].send(pool, "redeem", 10**9, suite["investor"].address, suite["investor"].address)

    found = reconcile(store, suite.node, contracts, root_of=root_of)
    assert found.differences == ()
    halves = [(10_001 + number) // 2 for number in range(3)]
    paid = halves[0] + halves[2] + 10_005 + 10_006
    assert (found.policies, found.claims, found.events, found.cancelled) == (8, 5, 5, 2)
    assert (found.paid, found.balances, found.owed) == (paid, paid, halves[1] + PREMIUM // 2)
    every = {name for name, found in rows(store).items() if found}
    assert every == {
        *("products", "books_issued", "books_expired", "cancellations", "reports_published"),
        *("settlements", "payments", "premiums", "withdrawals"),
    }


def test_disputed_reports_are_indexed(suite: Suite, store: Store, contracts: Contracts) -> None:
    """Challenged, upheld."""
    report = suite.publish(report_of({RISKS[0]: LATE})).id
    suite["challenger"].send(suite.reports, "challenge", report, b"\x01" * 32)
    suite["arbiter"].send(suite.reports, "uphold", report)
    sync(store, suite.node, contracts)
    assert [row[3:5] for row in rows(store)["report_changes"]] == [(report, "challenged"), (report, "upheld")]


@pytest.mark.reorganises
def test_anvil_reorganisation_is_undone(
    suite: Suite, store: Store, contracts: Contracts, tmp_path: Path
) -> None:
    """The chain drops the settlement without a `removed` log: the index drops it too, and equals one made
    anew.
    """
    book = issue(suite, store)
    report = suite.report({RISKS[0]: LATE, RISKS[1]: VERY_LATE})
    suite.settle(settlement(book, report, [0, 1]))
    before = sync(store, suite.node, contracts).block
    assert len(rows(store)["payments"]) == 2
    suite.node.call("anvil_reorg", [2, []])
    suite.node.call("evm_mine")
    synced = sync(store, suite.node, contracts)
    assert synced.undone == 2
    assert synced.block == before + 1
    assert rows(store)["payments"] == []
    with Store.open(f"sqlite:///{tmp_path}/fresh.db") as fresh:
        sync(fresh, suite.node, contracts)
        assert rows(fresh) == rows(store)
    assert reconcile(store, suite.node, contracts, root_of=root_of).ok
