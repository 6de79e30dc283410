"""Whether a payee meets what a product requires.

isEligible
├── nothing is required: anybody, bound or not
├── a wallet of nobody, or no longer anybody's: no, whatever is required
├── a level is required
│   └── not verified, lower: no · the same, higher: yes · expired, revoked, subject erased: no
├── a consent is required, no level
│   └── none, asked for only, refused, withdrawn, expired: no · given at these terms or wider ones: yes
│       given for others: no · refused more widely: no · subject erased: no
└── both are required: one alone is not enough
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support import Actor, Suite
from support.consents import (
    AGENCY,
    ALL,
    CONTACT,
    EVIDENCE,
    EXPIRED,
    GIVEN,
    HEALTH,
    HIGH,
    INSURER,
    LOW,
    MARKETING,
    NO_LEVEL,
    OTHER,
    REFUSED,
    RENEWED,
    REQUESTED,
    REVOKED,
    SERVICE,
    SUBJECT,
    SUBSTANTIAL,
    WITHDRAWN,
    Entry,
    bound,
    defined,
    erase,
    record_for,
)
from support.defaults import DAY, NO_REQUIREMENT

Requirement = tuple[int, int, int, int]
LEVEL: Requirement = (SUBSTANTIAL, 0, 0, 0)
CONSENT: Requirement = (NO_LEVEL, MARKETING, INSURER, HEALTH)
BOTH: Requirement = (SUBSTANTIAL, MARKETING, INSURER, HEALTH)


@pytest.fixture(autouse=True)
def terms(suite: Suite) -> None:
    """Those of support.consents."""
    defined(suite)


@pytest.fixture
def payee(suite: Suite, customer: Actor) -> Actor:
    """Whose wallet speaks for SUBJECT."""
    bound(suite, customer)
    return customer


def is_eligible(suite: Suite, payee: Actor, requirement: Requirement) -> bool:
    """What the contract says."""
    return suite.eligibility.call("isEligible", payee.address, requirement)


def verify(suite: Suite, level: int = SUBSTANTIAL, subject: bytes = SUBJECT, expires: int = 0) -> None:
    """Records a verification."""
    suite["verifier"].send(suite.subjects, "verify", subject, level, expires, EVIDENCE)


# --- nothing, and nobody


def test_nothing_required_admits_anybody(suite: Suite, payee: Actor, stranger: Actor) -> None:
    """Bound to a subject, to none, or to one that was erased."""
    erase(suite)
    assert is_eligible(suite, payee, NO_REQUIREMENT)
    assert is_eligible(suite, stranger, NO_REQUIREMENT)


@pytest.mark.parametrize("requirement", [LEVEL, CONSENT, BOTH])
def test_wallet_of_nobody_meets_nothing(suite: Suite, customer: Actor, requirement: Requirement) -> None:
    """Not even when the empty subject is verified, which no contract lets happen."""
    assert not is_eligible(suite, customer, requirement)


@pytest.mark.parametrize("requirement", [LEVEL, CONSENT, BOTH])
def test_wallet_unbound_meets_nothing_any_more(suite: Suite, payee: Actor, requirement: Requirement) -> None:
    """Before that it met all."""
    verify(suite)
    record_for(suite, Entry())
    assert is_eligible(suite, payee, requirement)
    payee.send(suite.subjects, "unbind", payee.address)
    assert not is_eligible(suite, payee, requirement)


# --- a level


@pytest.mark.parametrize(
    ("required", "held", "met"),
    [
        (LOW, LOW, True),
        (LOW, HIGH, True),
        (SUBSTANTIAL, LOW, False),
        (SUBSTANTIAL, SUBSTANTIAL, True),
        (SUBSTANTIAL, HIGH, True),
        (HIGH, SUBSTANTIAL, False),
        (HIGH, HIGH, True),
    ],
)
def test_level_is_met_from_the_one_required(
    suite: Suite, payee: Actor, required: int, held: int, met: bool
) -> None:
    """And by no lower one."""
    assert not is_eligible(suite, payee, (required, 0, 0, 0))
    verify(suite, held)
    assert is_eligible(suite, payee, (required, 0, 0, 0)) is met


def test_level_of_another_subject_is_no_help(suite: Suite, payee: Actor) -> None:
    """The payee's own counts."""
    verify(suite, HIGH, OTHER)
    assert not is_eligible(suite, payee, LEVEL)


def test_level_that_expired_is_not_met(suite: Suite, payee: Actor) -> None:
    """From its second on."""
    ends = suite.clock.now + DAY
    verify(suite, expires=ends)
    suite.clock.move_to(ends - 1)
    assert is_eligible(suite, payee, LEVEL)
    suite.clock.move_to(ends)
    assert not is_eligible(suite, payee, LEVEL)


def test_level_revoked_is_not_met(suite: Suite, payee: Actor) -> None:
    """A lower one that stands does not make up for it."""
    verify(suite, LOW)
    verify(suite, SUBSTANTIAL)
    suite["compliance"].send(suite.subjects, "revoke", SUBJECT, SUBSTANTIAL)
    assert not is_eligible(suite, payee, LEVEL)
    assert is_eligible(suite, payee, (LOW, 0, 0, 0))


# --- a consent


@pytest.mark.parametrize(
    ("state", "met"),
    [
        (REQUESTED, False),
        (GIVEN, True),
        (RENEWED, True),
        (REFUSED, False),
        (WITHDRAWN, False),
        (REVOKED, False),
        (EXPIRED, False),
    ],
)
def test_consent_is_met_by_a_grant(suite: Suite, payee: Actor, state: int, met: bool) -> None:
    """No level is asked."""
    assert not is_eligible(suite, payee, CONSENT)
    record_for(suite, Entry(state=state))
    assert is_eligible(suite, payee, CONSENT) is met


@pytest.mark.parametrize(
    ("scope", "met"),
    [
        ((ALL, ALL, ALL), True),
        ((MARKETING, ALL, ALL), True),
        ((MARKETING, INSURER, ALL), True),
        ((SERVICE, INSURER, HEALTH), False),
        ((MARKETING, AGENCY, HEALTH), False),
        ((MARKETING, INSURER, CONTACT), False),
    ],
)
def test_consent_is_met_at_its_terms_or_wider(
    suite: Suite, payee: Actor, scope: tuple[int, int, int], met: bool
) -> None:
    """Each of the three is asked about."""
    record_for(suite, Entry(*scope))
    assert is_eligible(suite, payee, CONSENT) is met


@pytest.mark.parametrize(
    "scope", [(ALL, ALL, ALL), (MARKETING, ALL, ALL), (ALL, INSURER, ALL), (ALL, ALL, HEALTH)]
)
def test_consent_refused_more_widely_is_not_met_k6(
    suite: Suite, payee: Actor, scope: tuple[int, int, int]
) -> None:
    """K6: "do not call me" beats what was granted narrowly."""
    record_for(suite, Entry(), Entry(*scope, state=REFUSED))
    assert not is_eligible(suite, payee, CONSENT)


def test_consent_that_expired_is_not_met(suite: Suite, payee: Actor) -> None:
    """From its second on."""
    ends = suite.clock.now + DAY
    record_for(suite, Entry(expires=ends))
    suite.clock.move_to(ends - 1)
    assert is_eligible(suite, payee, CONSENT)
    suite.clock.move_to(ends)
    assert not is_eligible(suite, payee, CONSENT)


def test_consent_of_another_subject_is_no_help(suite: Suite, payee: Actor) -> None:
    """The payee's own counts."""
    record_for(suite, Entry(), subject=OTHER)
    assert not is_eligible(suite, payee, CONSENT)


# --- both


def test_both_are_met_together_only(suite: Suite, payee: Actor) -> None:
    """Neither makes up for the other."""
    record_for(suite, Entry())
    assert not is_eligible(suite, payee, BOTH)
    verify(suite)
    assert is_eligible(suite, payee, BOTH)
    record_for(suite, Entry(state=WITHDRAWN))
    assert not is_eligible(suite, payee, BOTH)


@pytest.mark.parametrize("requirement", [LEVEL, CONSENT, BOTH])
def test_erased_subject_meets_nothing(suite: Suite, payee: Actor, requirement: Requirement) -> None:
    """Its wallet is bound still."""
    verify(suite)
    record_for(suite, Entry())
    erase(suite)
    assert not is_eligible(suite, payee, requirement)


def test_eligibility_asks_the_contracts_of_its_suite(suite: Suite) -> None:
    """Which nobody can exchange."""
    ask: Callable[[str], str] = suite.eligibility.call
    assert (ask("subjects"), ask("consents")) == (suite.subjects.address, suite.consents.address)
