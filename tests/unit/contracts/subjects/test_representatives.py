"""Who speaks for a subject beside its wallets.

appoint
├── by a stranger, a wallet of another, a representative: refused
├── by an operator: kept, event
├── by a wallet of the subject
│   ├── an attorney or a broker: kept, event · a guardian or an executor: refused
│   └── in the place of a guardian or an executor: refused
├── subject zero, or erased: refused
├── no capacity, or one there is not: refused
├── expired already, or this second: refused · a second ahead, or never: taken
└── appointed before: replaced, scope and all
dismiss
├── not appointed, or dismissed before: refused
├── by a stranger, another representative, a wallet of another: refused
├── a guardian or an executor by a wallet of the subject: refused
└── by the representative, an operator, of an attorney or a broker a wallet of the subject: gone, event
speaksFor
├── a wallet of the subject: on any terms · unbound: no
├── a representative: each term the mandate names exactly that · all where it names none
├── who asks for all where the mandate names one: no
├── expired: no, from its second on
└── nobody, for subject zero: no
"""

from __future__ import annotations

from itertools import product

import pytest
from support import Actor, Suite, emitted, refuses
from support.consents import (
    ALL,
    ATTORNEY,
    BROKER,
    CONTACT,
    EVIDENCE,
    EXECUTOR,
    GUARDIAN,
    HEALTH,
    INSURER,
    MARKETING,
    NOTHING,
    OTHER,
    SERVICE,
    SUBJECT,
    Mandate,
    appoint,
    bound,
    erase,
)
from support.defaults import DAY, START

from troth.chain.contracts import Contract
from troth.errors import ContractRefused

NARROW = Mandate(GUARDIAN, START + DAY, MARKETING, INSURER, HEALTH)
NO_MANDATE = (0, 0, 0, 0, 0)


@pytest.fixture
def broker(suite: Suite) -> Actor:
    """Who is to speak for SUBJECT."""
    return suite.customers[2]


def speaks(suite: Suite, who: Actor, *scope: int, subject: bytes = SUBJECT) -> bool:
    """Whether somebody may decide on these terms."""
    return suite.subjects.call("speaksFor", who.address, subject, *(scope or (ALL, ALL, ALL)))


# --- appoint


@pytest.mark.parametrize(
    ("who", "capacity"),
    [*(("operator", one) for one in range(1, 5)), ("wallet", ATTORNEY), ("wallet", BROKER)],
)
def test_appoint_keeps_the_mandate(
    suite: Suite, wallet: Actor, broker: Actor, who: str, capacity: int
) -> None:
    """By the subject themselves or by an operator, and says so in full."""
    by, mandate = {"wallet": wallet}.get(who) or suite[who], NARROW._replace(capacity=capacity)
    subjects = suite.subjects
    receipt = by.send(subjects, "appoint", SUBJECT, broker.address, mandate, EVIDENCE)
    said = (SUBJECT, broker.address, by.address, mandate, EVIDENCE)
    assert emitted(receipt, subjects, "RepresentativeAppointed") == [said]
    assert subjects.call("mandateOf", SUBJECT, broker.address) == mandate
    assert subjects.call("mandateOf", OTHER, broker.address) == NO_MANDATE


@pytest.mark.parametrize("capacity", [GUARDIAN, EXECUTOR])
def test_appoint_by_wallet_is_of_who_subjects_choose_themselves_k3(
    suite: Suite, subjects: Contract, wallet: Actor, broker: Actor, capacity: int
) -> None:
    """K3: guardians and executors are set over them: neither made, changed nor ended by their wallets."""
    over = Mandate(capacity)
    for asked in (over, Mandate(BROKER)):
        if asked == Mandate(BROKER):
            appoint(suite, broker, over)
        with refuses("SubjectsNotAllowed", caller=wallet.address, subject=SUBJECT):
            wallet.send(subjects, "appoint", SUBJECT, broker.address, asked, EVIDENCE)
    with refuses("SubjectsNotAllowed", caller=wallet.address, subject=SUBJECT):
        wallet.send(subjects, "dismiss", SUBJECT, broker.address)
    assert subjects.call("mandateOf", SUBJECT, broker.address) == over
    broker.send(subjects, "dismiss", SUBJECT, broker.address)
    wallet.send(subjects, "appoint", SUBJECT, broker.address, Mandate(BROKER), EVIDENCE)


@pytest.mark.parametrize("who", ["stranger", "verifier", "compliance", "wallet of another", "representative"])
def test_appoint_refuses_others_k3(
    suite: Suite, subjects: Contract, wallet: Actor, broker: Actor, who: str
) -> None:
    """K3: a representative passes nothing on, and nobody appoints for another."""
    bound(suite, suite.customers[1], OTHER)
    appoint(suite, broker)
    by = {"wallet of another": suite.customers[1], "representative": broker}.get(who) or suite[who]
    with refuses("SubjectsNotAllowed", caller=by.address, subject=SUBJECT):
        by.send(subjects, "appoint", SUBJECT, by.address, Mandate(), EVIDENCE)
    assert subjects.call("mandateOf", SUBJECT, broker.address) == Mandate()


def test_appoint_refuses_unbound_wallet(subjects: Contract, wallet: Actor, broker: Actor) -> None:
    """Who has left appoints nobody."""
    wallet.send(subjects, "unbind", wallet.address)
    with refuses("SubjectsNotAllowed", caller=wallet.address, subject=SUBJECT):
        wallet.send(subjects, "appoint", SUBJECT, broker.address, Mandate(), EVIDENCE)


@pytest.mark.parametrize("who", ["operator", "stranger"])
def test_appoint_refuses_subject_zero(suite: Suite, subjects: Contract, who: str) -> None:
    """An account bound to nothing is no wallet of the subject zero."""
    with refuses("SubjectsNoSubject"):
        suite[who].send(subjects, "appoint", NOTHING, suite[who].address, Mandate(), EVIDENCE)


def test_appoint_refuses_erased_subject(suite: Suite, subjects: Contract, wallet: Actor) -> None:
    """Not even by its wallet."""
    erase(suite)
    with refuses("SubjectsErased", subject=SUBJECT, erasedAt=START):
        wallet.send(subjects, "appoint", SUBJECT, wallet.address, Mandate(), EVIDENCE)


def test_appoint_refuses_no_capacity(suite: Suite, broker: Actor) -> None:
    """Without one there is no mandate."""
    with refuses("SubjectsCapacityMissing"):
        appoint(suite, broker, Mandate(capacity=0))


def test_appoint_refuses_unknown_capacity(suite: Suite, broker: Actor) -> None:
    """There are four."""
    with pytest.raises(ContractRefused, match="Reverted"):
        appoint(suite, broker, Mandate(capacity=EXECUTOR + 1))


@pytest.mark.parametrize("expires", [1, START])
def test_appoint_refuses_expiry_that_is_not_ahead(suite: Suite, broker: Actor, expires: int) -> None:
    """This second counts as over."""
    with refuses("SubjectsExpiryPassed", expires=expires, nowAt=START):
        appoint(suite, broker, Mandate(expires=expires))


def test_appoint_again_replaces_the_mandate(suite: Suite, subjects: Contract, broker: Actor) -> None:
    """A narrower one takes the wider one's place whole."""
    appoint(suite, broker)
    assert speaks(suite, broker, SERVICE, INSURER, HEALTH)
    appoint(suite, broker, NARROW)
    assert subjects.call("mandateOf", SUBJECT, broker.address) == NARROW
    assert not speaks(suite, broker, SERVICE, INSURER, HEALTH)


# --- dismiss


@pytest.mark.parametrize("who", ["representative", "wallet", "operator"])
def test_dismiss_ends_the_mandate(
    suite: Suite, subjects: Contract, wallet: Actor, broker: Actor, who: str
) -> None:
    """By any of the three; others' mandates stay."""
    appoint(suite, broker)
    appoint(suite, suite.customers[3])
    by = {"representative": broker, "wallet": wallet}.get(who) or suite[who]
    receipt = by.send(subjects, "dismiss", SUBJECT, broker.address)
    said = (SUBJECT, broker.address, by.address)
    assert emitted(receipt, subjects, "RepresentativeDismissed") == [said]
    assert subjects.call("mandateOf", SUBJECT, broker.address) == NO_MANDATE
    assert not speaks(suite, broker)
    assert speaks(suite, suite.customers[3])


@pytest.mark.parametrize(
    "who", ["stranger", "compliance", "verifier", "wallet of another", "another representative"]
)
def test_dismiss_refuses_others(suite: Suite, subjects: Contract, broker: Actor, who: str) -> None:
    """Another representative has no say over this one."""
    bound(suite, suite.customers[1], OTHER)
    for one in (broker, suite.customers[3]):
        appoint(suite, one)
    others = {"wallet of another": suite.customers[1], "another representative": suite.customers[3]}
    by = others.get(who) or suite[who]
    with refuses("SubjectsNotAllowed", caller=by.address, subject=SUBJECT):
        by.send(subjects, "dismiss", SUBJECT, broker.address)
    assert speaks(suite, broker)


def test_dismiss_refuses_who_is_not_appointed(
    suite: Suite, subjects: Contract, broker: Actor, operator: Actor
) -> None:
    """Never, for somebody else, or not any more."""
    for subject in (SUBJECT, NOTHING):
        with refuses("SubjectsNotRepresented", subject=subject, representative=broker.address):
            operator.send(subjects, "dismiss", subject, broker.address)
    appoint(suite, broker)
    broker.send(subjects, "dismiss", SUBJECT, broker.address)
    with refuses("SubjectsNotRepresented", subject=SUBJECT, representative=broker.address):
        broker.send(subjects, "dismiss", SUBJECT, broker.address)


# --- speaksFor


def test_speaks_for_by_wallet_on_any_terms_k3(suite: Suite, wallet: Actor, stranger: Actor) -> None:
    """K3: the subject's own wallet, for this subject, and nobody else."""
    for scope in ((ALL, ALL, ALL), (MARKETING, INSURER, HEALTH)):
        assert speaks(suite, wallet, *scope)
        assert not speaks(suite, wallet, *scope, subject=OTHER)
        assert not speaks(suite, stranger, *scope)


@pytest.mark.parametrize("given", [*product((False, True), repeat=3)])
def test_speaks_for_by_mandate_on_its_terms_only_k3(
    suite: Suite, broker: Actor, given: tuple[bool, bool, bool]
) -> None:
    """K3: where a mandate names a term, that one and not all of them; where it names none, any and all."""
    named = [
        one if is_given else ALL for one, is_given in zip((MARKETING, INSURER, HEALTH), given, strict=True)
    ]
    appoint(suite, broker, Mandate(BROKER, 0, *named))
    choices = [(ALL, one, CONTACT) for one in (MARKETING, INSURER, HEALTH)]
    for asked in product(*choices):
        covered = all(term in (ALL, one) for term, one in zip(named, asked, strict=True))
        assert speaks(suite, broker, *asked) == covered
        assert not speaks(suite, broker, *asked, subject=OTHER)


def test_speaks_for_until_the_second_a_mandate_expires_k3(suite: Suite, broker: Actor) -> None:
    """K3: afterwards the mandate is still shown, and says nothing."""
    appoint(suite, broker, Mandate(expires=START + DAY))
    suite.clock.move_to(START + DAY - 1)
    assert speaks(suite, broker)
    suite.clock.move_to(START + DAY)
    assert not speaks(suite, broker)
    assert suite.subjects.call("mandateOf", SUBJECT, broker.address).expires == START + DAY


def test_speaks_for_subject_zero_nobody(suite: Suite, stranger: Actor) -> None:
    """Zero is what the subject of an unbound account is."""
    assert not speaks(suite, stranger, subject=NOTHING)
