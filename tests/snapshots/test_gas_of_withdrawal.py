"""K4 in gas: withdrawing is never dearer than giving, by any way, wherever on a key's list it stands.

What is compared is written at the same moment to the same key: the first decision opens a slot, the second
finds it open, the third opens another. A grant says what a grant has to say: notice, jurisdiction, expiry.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from consent_cases import OWN, SIGNED, TOLD, batch, ready, subjects
from support import Suite, compiled, undone
from support.consents import (
    DENIALS,
    GIVEN,
    GRANTS,
    REVOKED,
    SUBJECT,
    WALLET,
    WITHDRAWN,
    Record,
    carry,
    record_for,
    signed,
    statement_of,
    unordered,
)

from troth.trees.keccak import keccak

BEFORE = (0, 1, 2, 3, 10)
Way = Callable[[Suite, int, int], int]


def directly(suite: Suite, state: int, before: int) -> int:
    """By the subject's wallet."""
    record_for(suite, *[TOLD] * before)
    record = Record(SUBJECT, OWN._replace(state=state).word)
    return suite.customers[0].send(suite.consents, "record", record).gas_used


def by_signature(suite: Suite, state: int, before: int) -> int:
    """By the subject's signature."""
    record_for(suite, *[TOLD] * before)
    wallet = suite.customers[0]
    statement = statement_of(SIGNED._replace(state=state), unordered(1)).by(wallet)
    return carry(suite, statement, signed(suite, wallet, statement)).gas_used


def by_operator(count: int) -> Way:
    """Of so many subjects in one transaction."""

    def bring(suite: Suite, state: int, before: int) -> int:
        for _ in range(before):
            batch(suite, [TOLD] * count, subjects(count))
        return batch(suite, [TOLD._replace(state=state)] * count, subjects(count)).gas_used

    return bring


WAYS: dict[str, Way] = {
    "direct": directly,
    "signed": by_signature,
    **{f"operator, {count}": by_operator(count) for count in (1, 10, 100)},
}


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("way", WAYS)
def test_denying_is_no_dearer_than_granting_k4(suite: Suite, way: str, before: int) -> None:
    """K4: every denial beside every grant, on a list of the same length."""
    ready(suite)
    costs = {}
    for state in (*GRANTS, *DENIALS):
        if state != REVOKED or way.startswith("operator"):
            with undone(suite.node):
                costs[state] = WAYS[way](Suite(suite.node, suite.deployment), state, before)
    assert max(costs.get(state, 0) for state in DENIALS) <= min(costs[state] for state in GRANTS)


@pytest.mark.parametrize("way", WAYS)
def test_withdrawing_costs_less_than_the_giving_withdrawn_k4(suite: Suite, way: str) -> None:
    """K4: what was the first decision on its key, by the second."""
    ready(suite)
    with undone(suite.node):
        giving = WAYS[way](Suite(suite.node, suite.deployment), GIVEN, 0)
    assert WAYS[way](suite, WITHDRAWN, 1) < giving


@pytest.mark.parametrize("state", [GIVEN, WITHDRAWN])
def test_first_decision_is_within_its_budget(suite: Suite, state: int) -> None:
    """1.25 of a fresh slot and an event alone, 1.10 in a batch of 100; where no cap has to be looked up."""
    ready(suite)
    floor = suite["insurer"].create(compiled("SlotAndEvent"))
    words = [(keccak(who), keccak(who + b"value")) for who in subjects(100)]
    alone = suite["stranger"].send(floor, "write", *words[0]).gas_used
    many = suite["stranger"].send(floor, "writeAll", [(value, key) for key, value in words]).gas_used
    plain = TOLD._replace(state=state, jurisdiction=0)
    with undone(suite.node):
        own = Record(SUBJECT, plain._replace(method=WALLET).word)
        direct = Suite(suite.node, suite.deployment).customers[0].send(suite.consents, "record", own)
    assert direct.gas_used <= 1.25 * alone
    assert batch(suite, [plain] * 100, subjects(100)).gas_used <= 1.10 * many
