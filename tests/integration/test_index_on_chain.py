"""Subjects and consents on real contracts on Anvil: what the index holds is what the contracts say, and a
real reorganisation takes it back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from support import Suite, policy, settlement
from support.consents import (
    AGENCY,
    ALL,
    BROKER,
    CLOSING,
    EVIDENCE,
    GERMANY,
    HEALTH,
    INSURER,
    IRIS,
    MARKETING,
    NOTICE,
    OTHER,
    REFUSED,
    SUBJECT,
    SUBSTANTIAL,
    WALLET,
    WITHDRAWN,
    Entry,
    Honour,
    Mandate,
    Record,
    appoint,
    bound,
    correct,
    defined,
    erase,
    key_of,
    record_for,
    sign_and_bring,
    statement_of,
)
from support.defaults import DAY, LATE, RISK, START

from troth.index import Contracts, sync
from troth.store import Store, schema


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty database."""
    with Store.open(f"sqlite:///{tmp_path}/troth.db") as opened:
        yield opened


@pytest.fixture
def contracts(suite: Suite) -> Contracts:
    """The deployment, as the index wants it."""
    return Contracts.of(suite.deployment.addresses, suite.deployment.block)


def indexed(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """The events in the index in the order of the chain, less their places."""
    with store.reading() as connection:
        return {
            table.name: [
                tuple(row)[3:]
                for row in connection.execute(select(table).order_by(table.c.block, table.c.log))
            ]
            for table in schema.EVENTS
        }


def account(text: str) -> bytes:
    """An address as the index holds it."""
    return bytes.fromhex(text[2:])


def test_life_of_a_subject_is_indexed(suite: Suite, store: Store, contracts: Contracts) -> None:
    """Bound, verified, revoked, represented, dismissed, unbound, erased: in order, by whom, on what."""
    wallet, broker = suite.customers[:2]
    operator, verifier, compliance = (suite[name] for name in ("operator", "verifier", "compliance"))
    bound(suite, wallet)
    verifier.send(suite.subjects, "verify", SUBJECT, SUBSTANTIAL, START + DAY, EVIDENCE)
    compliance.send(suite.subjects, "revoke", SUBJECT, SUBSTANTIAL)
    appoint(suite, broker, Mandate(BROKER, START + DAY, MARKETING, INSURER, HEALTH))
    broker.send(suite.subjects, "dismiss", SUBJECT, broker.address)
    wallet.send(suite.subjects, "unbind", wallet.address)
    erase(suite)
    sync(store, suite.node, contracts)

    found = indexed(store)
    by = {one: account(one.address) for one in (wallet, broker, operator, verifier, compliance)}
    assert found["wallets"] == [
        (SUBJECT, by[wallet], "bound", by[operator]),
        (SUBJECT, by[wallet], "unbound", by[wallet]),
    ]
    assert found["verifications"] == [
        (SUBJECT, "verified", SUBSTANTIAL, by[verifier], START + DAY, EVIDENCE),
        (SUBJECT, "revoked", SUBSTANTIAL, by[compliance], None, None),
    ]
    mandate = (BROKER, START + DAY, MARKETING, INSURER, HEALTH, EVIDENCE)
    assert found["mandates"] == [
        (SUBJECT, by[broker], "appointed", by[operator], *mandate),
        (SUBJECT, by[broker], "dismissed", by[broker], *[None] * 6),
    ]
    erased_at = suite.subjects.call("erasedAt", SUBJECT)
    assert found["erasures"] == [(SUBJECT, by[compliance], erased_at)]


def decide(suite: Suite) -> None:
    """Decisions in each of the four ways, on two subjects, by date, by event and beneath a cap."""
    defined(suite)
    wallet = suite.customers[0]
    bound(suite, wallet)
    suite["compliance"].send(suite.consents, "setExpiryCap", GERMANY, MARKETING, 30 * DAY)
    capped = Entry(notice=NOTICE, jurisdiction=GERMANY)
    by_event = Entry(category=ALL, expires=CLOSING, by_event=1)
    record_for(suite, capped, by_event, Entry(recipient=AGENCY, expires=START + 9 * DAY))
    record_for(suite, Entry(), subject=OTHER)
    wallet.send(suite.consents, "record", Record(SUBJECT, Entry(state=WITHDRAWN, method=WALLET).word))
    sign_and_bring(suite, wallet, statement_of(Entry(state=REFUSED, effective=START), nonce=1 << 64))
    correct(suite, Entry(effective=START), 2)
    suite["operator"].send(suite.consents, "recordExpiryEvent", CLOSING, START)


def scopes_of(rows: Sequence[tuple[Any, ...]]) -> set[tuple[bytes, tuple[int, ...]]]:
    """The consents that decisions are on: subject and scope."""
    return {(row[0], row[1:4]) for row in rows}


def test_decisions_in_the_index_are_those_of_the_contract(
    suite: Suite, store: Store, contracts: Contracts
) -> None:
    """Whatever way they came, on every key: the index's rows are the contract's own history, and the terms,
    caps, events and honours are those recorded.
    """
    decide(suite)
    honour = Honour(number=2, honoured_at=suite.clock.now)
    suite["operator"].send(suite.consents, "honour", [honour])
    sync(store, suite.node, contracts)

    found = indexed(store)
    consents = scopes_of(found["decisions"])
    assert len(consents) == 4
    for subject, scope in consents:
        # From number to the event of expiry, and what it corrects: as the contract shows a decision.
        shown = [
            (*row[4:12], row[14]) for row in found["decisions"] if (row[0], row[1:4]) == (subject, scope)
        ]
        assert shown == [tuple(one) for one in suite.consents.call("history", key_of(subject, scope), 1, 99)]
    (capped,) = (row for row in found["decisions"] if row[12])
    assert (capped[10] - capped[8], *capped[12:15]) == (30 * DAY, NOTICE, GERMANY, 0)
    assert {(row[7], row[15]) for row in found["decisions"] if row[7] in (1, 2)} == {
        (method, account(suite.customers[0].address)) for method in (1, 2)
    }
    assert found["terms"] == list(enumerate(IRIS, 1))
    assert found["expiry_caps"] == [(GERMANY, MARKETING, 30 * DAY)]
    happening = suite.consents.call("happening", CLOSING)
    assert found["happenings"] == [(CLOSING, START, happening.recorded)]
    assert found["honours"] == [(SUBJECT, key_of(), 2, INSURER, honour.honoured_at, EVIDENCE)]


def test_requirement_and_withheld_claim_are_indexed(suite: Suite, store: Store, contracts: Contracts) -> None:
    """What the product asks of its payee, and the claim not paid for want of it."""
    defined(suite)
    payee = suite.customers[0]
    product = suite.register(requirement=(SUBSTANTIAL, MARKETING, INSURER, HEALTH))
    book = suite.book([policy(payee)], product)
    suite.settle(settlement(book, suite.report({RISK: LATE}), [0]))
    sync(store, suite.node, contracts)
    found = indexed(store)
    assert found["products"][-1][-4:] == (SUBSTANTIAL, MARKETING, INSURER, HEALTH)
    assert found["withholdings"] == [(book.id, 0, account(payee.address))]
    assert found["payments"] == []


@pytest.mark.reorganises
def test_anvil_reorganisation_takes_decisions_back(
    suite: Suite, store: Store, contracts: Contracts, tmp_path: Path
) -> None:
    """What the chain drops, the index drops; the rest stays, and equals an index made anew from the logs."""
    decide(suite)
    kept = record_for(suite, Entry(state=WITHDRAWN), subject=OTHER)
    record_for(suite, Entry(), subject=OTHER)
    erase(suite)
    sync(store, suite.node, contracts)
    assert len(indexed(store)["erasures"]) == 1
    suite.node.call("anvil_reorg", [2, []])
    suite.node.call("evm_mine")
    assert sync(store, suite.node, contracts).undone == 2
    found = indexed(store)
    assert found["erasures"] == []
    assert [row[5] for row in found["decisions"] if row[0] == OTHER] == [2, WITHDRAWN]
    with store.reading() as connection:
        assert max(connection.execute(select(schema.decisions.c.block)).scalars()) == kept.block
    with Store.open(f"sqlite:///{tmp_path}/fresh.db") as fresh:
        sync(fresh, suite.node, contracts)
        assert indexed(fresh) == found
