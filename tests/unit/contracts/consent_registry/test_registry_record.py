"""Deciding by transaction of one's own.

record
├── subject zero: refused, whoever asks
├── by a stranger, a wallet of another, an unbound wallet, an operator: refused
├── by a wallet of the subject
│   ├── Given, Renewed, Refused, Withdrawn: taken · another state: refused
│   ├── method Wallet: taken · another: refused
│   └── any basis: taken · none, or one there is not: refused, see decisions/test_entry_words.py
├── by a representative: within scope and time taken · beyond: refused
├── terms, times, caps, pause: as by every way, see test_registry_terms.py, test_registry_times.py, …
└── else: kept as the next number on its key, event with the word given and the word kept
"""

from __future__ import annotations

import pytest
from support import Actor, Suite, refuses
from support.consents import (
    AGENCY,
    ALL,
    BASES,
    BROKER,
    CONTACT,
    EVIDENCE,
    GERMANY,
    GIVEN,
    HEALTH,
    INSURER,
    MARKETING,
    METHODS,
    NOTHING,
    NOTICE,
    OTHER,
    OWN_STATES,
    SERVICE,
    STATES,
    SUBJECT,
    WALLET,
    WITHDRAWN,
    Entry,
    Mandate,
    Record,
    appoint,
    bound,
    key_of,
    recorded,
)
from support.defaults import DAY, START

from troth.chain.contracts import Contract
from troth.chain.transactions import Receipt

OWN = Entry(method=WALLET)
OWN_BITS = sum(1 << state for state in OWN_STATES)


def record(suite: Suite, by: Actor, entry: Entry = OWN, subject: bytes = SUBJECT) -> Receipt:
    """Records a decision directly."""
    return by.send(suite.consents, "record", Record(subject, entry.word))


def test_record_keeps_and_tells_the_decision(suite: Suite, consents: Contract, wallet: Actor) -> None:
    """Field by field, under its key, with number 1."""
    full = OWN._replace(notice=NOTICE, jurisdiction=GERMANY, effective=START - DAY, expires=START + DAY)
    receipt = record(suite, wallet, full)
    assert recorded(receipt, consents) == [(SUBJECT, wallet.address, *full.kept(1, START), EVIDENCE)]
    assert consents.call("history", key_of(), 1, 9) == (full.shown(1, START),)
    assert consents.call("decisionCount", key_of()) == 1


def test_record_takes_effect_now_unless_it_says_when(suite: Suite, consents: Contract, wallet: Actor) -> None:
    """Zero stands for this second."""
    suite.clock.move_by(DAY)
    record(suite, wallet)
    (kept,) = consents.call("history", key_of(), 1, 1)
    assert (kept.effective, kept.recorded) == (START + DAY, START + DAY)


def test_record_takes_no_evidence(suite: Suite, consents: Contract, wallet: Actor) -> None:
    """The transaction is evidence enough."""
    receipt = wallet.send(consents, "record", Record(SUBJECT, OWN.word, NOTHING))
    assert recorded(receipt, consents) == [(SUBJECT, wallet.address, *OWN.kept(1, START), NOTHING)]


def test_record_numbers_decisions_on_each_key(suite: Suite, consents: Contract, wallet: Actor) -> None:
    """From 1, whatever happens on others: each term of three makes another key."""
    others = [{"purpose": SERVICE}, {"recipient": AGENCY}, {"category": CONTACT}, {"recipient": ALL}]
    for change in ({}, *others, {"state": WITHDRAWN}):
        receipt = record(suite, wallet, OWN._replace(**change))
        number = recorded(receipt, consents)[0].numberAndDecision >> 128
        assert number == (2 if "state" in change else 1)
    keys = [key_of(scope=OWN._replace(**change).scope) for change in others]
    assert [consents.call("decisionCount", key) for key in (key_of(), *keys)] == [2, 1, 1, 1, 1]


def test_key_is_of_subject_and_terms(consents: Contract) -> None:
    """As anybody can work it out; terms do not run into each other."""
    for scope in ((1, 2, 3), (0, 0, 0), (2**32 - 1, 0, 2**32 - 1), (0, 2**32 - 1, 0)):
        assert consents.call("keyOf", OTHER, *scope) == key_of(OTHER, scope)


# --- who


@pytest.mark.parametrize("who", ["stranger", "operator", "compliance", "insurer", "wallet of another"])
def test_record_refuses_who_does_not_speak_for_the_subject_k3(
    suite: Suite, consents: Contract, wallet: Actor, who: str
) -> None:
    """K3: not even the operator, who has another way."""
    bound(suite, suite.customers[1], OTHER)
    by = {"wallet of another": suite.customers[1]}.get(who) or suite[who]
    with refuses("ConsentNotAllowed", account=by.address, subject=SUBJECT):
        record(suite, by)
    assert consents.call("decisionCount", key_of()) == 0


def test_record_refuses_wallet_once_unbound_k3(suite: Suite, consents: Contract, wallet: Actor) -> None:
    """K3: from that moment on."""
    wallet.send(suite.subjects, "unbind", wallet.address)
    with refuses("ConsentNotAllowed", account=wallet.address, subject=SUBJECT):
        record(suite, wallet)


@pytest.mark.parametrize("who", ["stranger", "wallet"])
def test_record_refuses_subject_zero_k3(suite: Suite, consents: Contract, wallet: Actor, who: str) -> None:
    """K3: whose subject is zero, has none."""
    by = wallet if who == "wallet" else suite[who]
    with refuses("ConsentNotAllowed", account=by.address, subject=NOTHING):
        record(suite, by, subject=NOTHING)


def test_record_is_each_wallets_own(suite: Suite, consents: Contract, wallet: Actor) -> None:
    """Two wallets of one subject decide on the same consents, and each is named."""
    second = suite.customers[1]
    bound(suite, second)
    record(suite, wallet)
    (told,) = recorded(record(suite, second, OWN._replace(state=WITHDRAWN)), consents)
    assert told.by == second.address
    assert consents.call("decisionCount", key_of()) == 2


@pytest.mark.parametrize(
    "scope",
    [(ALL, ALL, ALL), (MARKETING, ALL, ALL), (MARKETING, INSURER, HEALTH), (ALL, INSURER, ALL)],
    ids=str,
)
def test_record_by_representative_within_scope_k3(
    suite: Suite, consents: Contract, scope: tuple[int, int, int]
) -> None:
    """K3: in their own name, on the terms they were given."""
    broker = suite.customers[2]
    appoint(suite, broker, Mandate(BROKER, 0, *scope))
    (told,) = recorded(record(suite, broker), consents)
    assert (told.subject, told.by) == (SUBJECT, broker.address)


@pytest.mark.parametrize(
    "mandate",
    [
        Mandate(purpose=SERVICE),
        Mandate(recipient=AGENCY),
        Mandate(category=CONTACT),
        Mandate(BROKER, 0, MARKETING, INSURER, CONTACT),
        Mandate(expires=START + DAY),
    ],
    ids=["purpose", "recipient", "category", "one of three", "expired"],
)
def test_record_refuses_representative_out_of_scope_k3(
    suite: Suite, consents: Contract, mandate: Mandate
) -> None:
    """K3: by one term, or by time."""
    broker = suite.customers[2]
    appoint(suite, broker, mandate)
    suite.clock.move_by(DAY)
    with refuses("ConsentNotAllowed", account=broker.address, subject=SUBJECT):
        record(suite, broker)


@pytest.mark.parametrize("field", ["purpose", "recipient", "category"])
def test_record_refuses_representative_of_one_term_on_all_k3(
    suite: Suite, consents: Contract, field: str
) -> None:
    """K3: who may speak on one purpose may not deny all of them."""
    broker = suite.customers[2]
    appoint(suite, broker, Mandate(BROKER, 0, MARKETING, INSURER, HEALTH))
    record(suite, broker)
    with refuses("ConsentNotAllowed", account=broker.address, subject=SUBJECT):
        record(suite, broker, OWN._replace(**{field: ALL}))


def test_record_refuses_representative_once_dismissed_k3(suite: Suite, consents: Contract) -> None:
    """K3: from that moment on."""
    broker = suite.customers[2]
    appoint(suite, broker)
    record(suite, broker)
    broker.send(suite.subjects, "dismiss", SUBJECT, broker.address)
    with refuses("ConsentNotAllowed", account=broker.address, subject=SUBJECT):
        record(suite, broker)


# --- what


@pytest.mark.parametrize("state", STATES)
def test_record_takes_states_of_a_subjects_own(
    suite: Suite, consents: Contract, wallet: Actor, state: int
) -> None:
    """Given, Renewed, Refused and Withdrawn: the others are somebody else's to say."""
    if state in OWN_STATES:
        record(suite, wallet, OWN._replace(state=state))
        assert consents.call("history", key_of(), 1, 1)[0].state == state
    else:
        with refuses("DecisionStateNotAllowed", state=state, allowed=OWN_BITS):
            record(suite, wallet, OWN._replace(state=state))


@pytest.mark.parametrize("method", METHODS)
def test_record_takes_method_wallet_only(
    suite: Suite, consents: Contract, wallet: Actor, method: int
) -> None:
    """It is what it is."""
    if method == WALLET:
        record(suite, wallet, OWN)
        assert consents.call("history", key_of(), 1, 1)[0].method == WALLET
    else:
        with refuses("DecisionMethodNotAllowed", method=method, allowed=1 << WALLET):
            record(suite, wallet, OWN._replace(method=method))


@pytest.mark.parametrize("basis", BASES)
def test_record_takes_every_basis(suite: Suite, consents: Contract, wallet: Actor, basis: int) -> None:
    """All seven."""
    record(suite, wallet, OWN._replace(basis=basis))
    kept = consents.call("history", key_of(), 1, 1)[0]
    assert (kept.basis, kept.state, kept.method) == (basis, GIVEN, WALLET)
