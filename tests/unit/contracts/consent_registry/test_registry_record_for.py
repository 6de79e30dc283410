"""Recording what subjects decided elsewhere, one or many.

recordFor
├── caller is no operator: refused, see authority/test_roles.py
├── none: nothing happens
├── every state but Invalidated: taken · Invalidated: refused
├── every method but Wallet and Signature: taken · those two: refused
├── subject zero: refused · no evidence: refused
├── many, of several subjects and keys, some on one key: numbered in their order, an event each
├── one of many refused, wherever it stands: none recorded
└── terms, times, caps, pause: as by every way
"""

from __future__ import annotations

import pytest
from support import Actor, Suite, refuses
from support.consents import (
    CONTACT,
    ELSEWHERE,
    EVIDENCE,
    GIVEN,
    INVALIDATED,
    METHODS,
    NOTHING,
    OPERATOR_STATES,
    OTHER,
    SERVICE,
    STATES,
    SUBJECT,
    UNKNOWN,
    WALLET,
    WITHDRAWN,
    Entry,
    Record,
    key_of,
    record_for,
    recorded,
)
from support.defaults import START

from troth.chain.contracts import Contract
from troth.trees.keccak import keccak

STATE_BITS = sum(1 << state for state in OPERATOR_STATES)
METHOD_BITS = sum(1 << method for method in ELSEWHERE)


@pytest.mark.parametrize("state", STATES)
def test_record_for_takes_every_state_but_invalidated(suite: Suite, consents: Contract, state: int) -> None:
    """That one is for corrections."""
    if state == INVALIDATED:
        with refuses("DecisionStateNotAllowed", state=state, allowed=STATE_BITS):
            record_for(suite, Entry(state=state))
    else:
        record_for(suite, Entry(state=state))
        assert consents.call("history", key_of(), 1, 1)[0].state == state


@pytest.mark.parametrize("method", METHODS)
def test_record_for_takes_methods_of_elsewhere(suite: Suite, consents: Contract, method: int) -> None:
    """An operator cannot pass off a word as the subject's own transaction or signature."""
    if method in ELSEWHERE:
        record_for(suite, Entry(method=method))
        assert consents.call("history", key_of(), 1, 1)[0].method == method
    else:
        with refuses("DecisionMethodNotAllowed", method=method, allowed=METHOD_BITS):
            record_for(suite, Entry(method=method))


def test_record_for_tells_of_each_in_order(suite: Suite, consents: Contract, operator: Actor) -> None:
    """Several subjects, keys and decisions on one key, in one transaction."""
    entries = [
        (SUBJECT, Entry(), 1),
        (OTHER, Entry(state=WITHDRAWN), 1),
        (SUBJECT, Entry(state=WITHDRAWN, effective=START - 9), 2),
        (SUBJECT, Entry(purpose=SERVICE, category=CONTACT), 1),
        (SUBJECT, Entry(expires=START + 9), 3),
    ]
    salted = [keccak(bytes([place])) for place in range(len(entries))]
    records = [
        Record(subject, one.word, evidence)
        for (subject, one, _), evidence in zip(entries, salted, strict=True)
    ]
    receipt = operator.send(consents, "recordFor", records)
    assert recorded(receipt, consents) == [
        (subject, operator.address, *one.kept(number, START), evidence)
        for (subject, one, number), evidence in zip(entries, salted, strict=True)
    ]
    assert len(receipt.logs) == len(entries)
    kept = consents.call("history", key_of(), 1, 9)
    assert kept == tuple(entries[place][1].shown(n, START) for n, place in enumerate((0, 2, 4), 1))
    assert consents.call("decisionCount", key_of(OTHER)) == 1


def test_record_for_nobody_does_nothing(consents: Contract, operator: Actor) -> None:
    """An empty batch is no mistake."""
    assert operator.send(consents, "recordFor", []).logs == ()


@pytest.mark.parametrize("place", [0, 1, 2])
def test_record_for_records_all_or_none(
    suite: Suite, consents: Contract, operator: Actor, place: int
) -> None:
    """One bad row undoes the good ones, those before it too."""
    entries = [Entry(), Entry(state=WITHDRAWN), Entry(purpose=SERVICE)]
    entries[place] = entries[place]._replace(category=UNKNOWN)
    with refuses("ConsentTermUnknown", entry=entries[place].word, termCount=UNKNOWN - 1):
        record_for(suite, *entries)
    assert consents.call("decisionCount", key_of()) == 0


@pytest.mark.parametrize("place", [0, 1])
def test_record_for_refuses_subject_zero(
    suite: Suite, consents: Contract, operator: Actor, place: int
) -> None:
    """It is nobody."""
    records = [Record(SUBJECT, Entry().word), Record(SUBJECT, Entry().word)]
    records[place] = Record(NOTHING, Entry().word)
    with refuses("ConsentNoSubject"):
        operator.send(consents, "recordFor", records)
    assert consents.call("decisionCount", key_of()) == 0


def test_record_for_needs_no_wallet(suite: Suite, consents: Contract, operator: Actor) -> None:
    """A customer without one is a full citizen."""
    receipt = record_for(suite, Entry(), subject=OTHER)
    assert recorded(receipt, consents) == [(OTHER, operator.address, *Entry().kept(1, START), EVIDENCE)]


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("state", [GIVEN, WITHDRAWN])
def test_record_for_refuses_no_evidence(
    suite: Suite, consents: Contract, operator: Actor, place: int, state: int
) -> None:
    """Of a word that only the operator heard, something is kept."""
    records = [Record(SUBJECT, Entry(state=state).word)] * 2
    records[place] = records[place]._replace(evidence=NOTHING)
    with refuses("ConsentEvidenceMissing"):
        operator.send(consents, "recordFor", records)
    assert consents.call("decisionCount", key_of()) == 0


def test_record_for_is_no_way_round_the_subjects_own(suite: Suite, consents: Contract, wallet: Actor) -> None:
    """What wallet and operator record goes on one list."""
    record_for(suite, Entry(state=GIVEN))
    own = Entry(state=WITHDRAWN, method=WALLET)
    (told,) = recorded(wallet.send(consents, "record", Record(SUBJECT, own.word)), consents)
    assert told == (SUBJECT, wallet.address, *own.kept(2, START), EVIDENCE)
