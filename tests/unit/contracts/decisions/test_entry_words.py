"""The word in which a decision is given.

every way of recording
├── state none, or above the last: malformed · basis none, or above the last: malformed
├── method none, or above the last: malformed
├── a bit where nothing may stand (corrects, the three above by event): malformed
├── a state, a method of another way: named, before any other fault of the word
└── every field at its largest: kept as it is, nothing runs into its neighbour
"""

from __future__ import annotations

from itertools import product

import pytest
from support import Actor, Suite, refuses
from support.consents import (
    BASES,
    INVALIDATED,
    IRIS,
    REVOKED,
    STATES,
    SUBJECT,
    WALLET,
    Entry,
    Record,
    Way,
    correct,
    key_of,
    record_for,
)
from support.defaults import START

from troth.chain.contracts import Contract

OPERATOR_BITS, ELSEWHERE_BITS = 0b11111110, 0b11111000
STRAY_BITS = [{"unused": 1 << bit} for bit in range(3)] + [{"corrects": 1 << bit} for bit in range(16)]


@pytest.fixture(params=["record", "recordFor", "correct"])
def way(request: pytest.FixtureRequest, suite: Suite, consents: Contract, wallet: Actor) -> Way:
    """Each way that takes a word; a statement is put into one by the contract."""
    return Way(request.param, suite)


@pytest.mark.parametrize(
    "fields",
    [
        *({"state": state} for state in (0, INVALIDATED + 1, 15)),
        *({"basis": basis} for basis in (0, BASES[-1] + 1, 15)),
        *({"method": method} for method in (0, 8, 15)),
        {"state": 0, "basis": 0, "method": 0},
    ],
    ids=str,
)
def test_entry_without_state_basis_or_method_is_malformed(
    way: Way, suite: Suite, fields: dict[str, int]
) -> None:
    """Or with one that there is not."""
    entry = way.entry(**fields)
    with refuses("DecisionMalformed", entry=entry.word):
        way.bring(entry)


@pytest.mark.parametrize("fields", STRAY_BITS, ids=str)
def test_entry_with_stray_bit_is_malformed(
    suite: Suite, consents: Contract, operator: Actor, fields: dict[str, int]
) -> None:
    """Nobody says by an entry what it corrects."""
    entry = Entry(**fields)
    with refuses("DecisionMalformed", entry=entry.word):
        record_for(suite, entry)
    own = Entry(method=WALLET, **fields)
    with refuses("DecisionMalformed", entry=own.word):
        suite["stranger"].send(consents, "record", Record(SUBJECT, own.word))


@pytest.mark.parametrize("fields", STRAY_BITS[::5], ids=str)
def test_correction_with_stray_bit_is_malformed(
    suite: Suite, consents: Contract, fields: dict[str, int]
) -> None:
    """Not even where it would name the right one."""
    record_for(suite, Entry())
    entry = Entry(**fields)
    with refuses("DecisionMalformed", entry=entry.word):
        correct(suite, entry, 1)


def test_fault_of_the_way_is_named_first(suite: Suite, consents: Contract) -> None:
    """State, then method, then the rest: the sender learns what they may not do."""
    wrong = Entry(state=INVALIDATED, method=WALLET, basis=0, unused=1)
    with refuses("DecisionStateNotAllowed", state=INVALIDATED, allowed=OPERATOR_BITS):
        record_for(suite, wrong)
    with refuses("DecisionMethodNotAllowed", method=WALLET, allowed=ELSEWHERE_BITS):
        record_for(suite, wrong._replace(state=REVOKED))
    with refuses("DecisionMalformed", entry=wrong._replace(state=REVOKED, method=7).word):
        record_for(suite, wrong._replace(state=REVOKED, method=7))


def test_every_state_basis_and_method_goes_together(suite: Suite, consents: Contract) -> None:
    """As the operator records them: 7 states, 7 bases, 5 methods."""
    entries = [
        Entry(state=state, basis=basis, method=method)
        for state, basis, method in product(STATES[:-1], BASES, range(3, 8))
    ]
    record_for(suite, *entries)
    page = consents.call("history", key_of(), 1, len(entries))
    assert page == tuple(one.shown(number, START) for number, one in enumerate(entries, 1))


def test_fields_do_not_run_into_each_other(suite: Suite, consents: Contract) -> None:
    """Each at its largest, beside all others at their smallest, and all at once."""
    last = len(IRIS)
    least = {"purpose": 0, "recipient": 0, "category": 0, "state": 1, "basis": 1, "method": 3}
    most = {"purpose": last, "recipient": last, "category": last, "notice": last, "jurisdiction": last}
    most |= {"effective": START, "expires": 2**32 - 1, "state": 7, "basis": 7, "method": 7}
    cases = [Entry(**least), Entry(**most), *(Entry(**{**least, name: most[name]}) for name in most)]
    for one in cases:
        record_for(suite, one)
        key = key_of(scope=one.scope)
        count = consents.call("decisionCount", key)
        assert consents.call("history", key, count, 1) == (one.shown(count, START),)
