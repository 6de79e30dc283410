"""Establishing who a subject is, and taking it back.

verify
├── caller is no verifier: refused, see authority/test_roles.py
├── subject zero, or erased: refused
├── no level: refused · a level there is not: refused
├── expired already, or this second: refused · a second ahead, or never: taken
├── nothing on that level: kept, event
└── something on that level
    ├── the same verifier's, or another's that has expired: replaced
    └── another's that lasts: replaced by what lasts as long at least · by less: refused
revoke
├── nothing on that level, or taken back before: refused
├── by a stranger, an operator, another verifier, a wallet of the subject: refused
├── by its verifier, even one who is none any more, or compliance: gone, event
└── other levels stay
isVerified
├── on that level or a higher one: yes · on a lower one only: no
├── expired: no, from its second on · a higher one expired and a lower one not: by the lower
└── erased: no
"""

from __future__ import annotations

import pytest
from support import Actor, Suite, emitted, refuses
from support.consents import EVIDENCE, HIGH, LOW, NO_LEVEL, NOTHING, OTHER, SUBJECT, SUBSTANTIAL, bound, erase
from support.defaults import DAY, START

from troth.chain.contracts import Contract
from troth.chain.refusals import Role
from troth.chain.transactions import Receipt
from troth.errors import ContractRefused

NOBODY = "0x" + "00" * 20
NEVER = 0


def verify(suite: Suite, level: int = SUBSTANTIAL, expires: int = NEVER, subject: bytes = SUBJECT) -> Receipt:
    """Verifies a subject."""
    return suite["verifier"].send(suite.subjects, "verify", subject, level, expires, EVIDENCE)


def verified_on(suite: Suite, subject: bytes = SUBJECT) -> list[int]:
    """The levels that are met, of all three."""
    return [level for level in (LOW, SUBSTANTIAL, HIGH) if suite.subjects.call("isVerified", subject, level)]


@pytest.mark.parametrize("level", [LOW, SUBSTANTIAL, HIGH])
@pytest.mark.parametrize("expires", [NEVER, START + 1, 2**40 - 1])
def test_verify_keeps_who_when_until_and_on_what(
    suite: Suite, subjects: Contract, verifier: Actor, level: int, expires: int
) -> None:
    """On that level, and says so."""
    receipt = verify(suite, level, expires)
    said = (SUBJECT, verifier.address, level, expires, EVIDENCE)
    assert emitted(receipt, subjects, "SubjectVerified") == [said]
    assert subjects.call("verification", SUBJECT, level) == (verifier.address, START, expires, EVIDENCE)


def test_verify_refuses_no_level(suite: Suite) -> None:
    """None is what everybody has."""
    with refuses("SubjectsLevelMissing"):
        verify(suite, NO_LEVEL)


def test_verify_refuses_unknown_level(suite: Suite) -> None:
    """There are three."""
    with pytest.raises(ContractRefused, match="Reverted"):
        verify(suite, HIGH + 1)


@pytest.mark.parametrize("expires", [1, START - 1, START])
def test_verify_refuses_expiry_that_is_not_ahead(suite: Suite, expires: int) -> None:
    """This second counts as over."""
    with refuses("SubjectsExpiryPassed", expires=expires, nowAt=START):
        verify(suite, expires=expires)


def test_verify_refuses_subject_zero_or_erased(suite: Suite) -> None:
    """There is nobody to verify."""
    with refuses("SubjectsNoSubject"):
        verify(suite, subject=NOTHING)
    erase(suite)
    with refuses("SubjectsErased", subject=SUBJECT, erasedAt=START):
        verify(suite)


def test_verify_again_replaces_ones_own(suite: Suite, subjects: Contract, verifier: Actor) -> None:
    """By more or less, on that level."""
    verify(suite, HIGH)
    verify(suite, LOW)
    suite.clock.move_by(DAY)
    verifier.send(subjects, "verify", SUBJECT, HIGH, START + 2 * DAY, NOTHING)
    kept = (verifier.address, START + DAY, START + 2 * DAY, NOTHING)
    assert subjects.call("verification", SUBJECT, HIGH) == kept
    assert subjects.call("verification", SUBJECT, LOW).verifiedAt == START


@pytest.mark.parametrize(
    ("first", "second", "is_taken"),
    [
        (NEVER, NEVER, True),
        (NEVER, 2**40 - 1, False),
        (START + 5 * DAY, START + 5 * DAY, True),
        (START + 5 * DAY, START + 5 * DAY - 1, False),
        (START + 5 * DAY, START + 5 * DAY + 1, True),
        (START + 5 * DAY, NEVER, True),
        (START + DAY, START + DAY + 1, True),
    ],
    ids=["never, never", "never, some day", "alike", "less", "more", "never after", "expired"],
)
def test_verify_replaces_anothers_by_what_lasts_as_long(
    suite: Suite, insurer: Actor, first: int, second: int, is_taken: bool
) -> None:
    """One verifier cannot cut short what another stands for; who replaced it, answers for it."""
    subjects, verifier = suite.subjects, suite["verifier"]
    verify(suite, HIGH, first)
    suite.clock.move_by(DAY)
    again = (SUBJECT, HIGH, second, NOTHING)
    if is_taken:
        insurer.send(subjects, "verify", *again)
        kept = (insurer.address, START + DAY, second, NOTHING)
        assert subjects.call("verification", SUBJECT, HIGH) == kept
        with refuses("SubjectsNotAllowed", caller=verifier.address, subject=SUBJECT):
            verifier.send(subjects, "revoke", SUBJECT, HIGH)
    else:
        with refuses("SubjectsVerifiedLonger", verifier=verifier.address, expires=first):
            insurer.send(subjects, "verify", *again)


# --- revoke


@pytest.mark.parametrize("who", ["verifier", "compliance"])
def test_revoke_takes_verification_back(suite: Suite, subjects: Contract, who: str) -> None:
    """By who made it, or by compliance; the other levels stay."""
    verify(suite, HIGH)
    verify(suite, LOW)
    receipt = suite[who].send(subjects, "revoke", SUBJECT, HIGH)
    assert emitted(receipt, subjects, "VerificationRevoked") == [(SUBJECT, HIGH, suite[who].address)]
    assert subjects.call("verification", SUBJECT, HIGH) == (NOBODY, 0, 0, NOTHING)
    assert verified_on(suite) == [LOW]


def test_revoke_is_open_to_its_verifier_after_they_left(
    suite: Suite, subjects: Contract, insurer: Actor, verifier: Actor
) -> None:
    """Who found out that they were wrong may say so."""
    verify(suite)
    insurer.send(suite.authority, "revokeRole", Role.VERIFIER, verifier.address)
    verifier.send(subjects, "revoke", SUBJECT, SUBSTANTIAL)
    assert verified_on(suite) == []


@pytest.mark.parametrize("who", ["stranger", "operator", "guardian", "another verifier", "wallet"])
def test_revoke_refuses_others(suite: Suite, subjects: Contract, who: str) -> None:
    """A verifier takes back their own, the subject nobody's."""
    verify(suite)
    bound(suite, suite.customers[0])
    other = suite["investor"]
    suite["insurer"].send(suite.authority, "grantRole", Role.VERIFIER, other.address, 0)
    by = {"another verifier": other, "wallet": suite.customers[0]}.get(who) or suite[who]
    with refuses("SubjectsNotAllowed", caller=by.address, subject=SUBJECT):
        by.send(subjects, "revoke", SUBJECT, SUBSTANTIAL)
    assert verified_on(suite) == [LOW, SUBSTANTIAL]


def test_revoke_refuses_what_is_not_there(
    suite: Suite, subjects: Contract, verifier: Actor, compliance: Actor
) -> None:
    """Never made, on another level, of another subject, or taken back before."""
    verify(suite)
    for subject, level in ((SUBJECT, LOW), (SUBJECT, NO_LEVEL), (OTHER, SUBSTANTIAL)):
        with refuses("SubjectsNotVerified", subject=subject, level=level):
            compliance.send(subjects, "revoke", subject, level)
    verifier.send(subjects, "revoke", SUBJECT, SUBSTANTIAL)
    with refuses("SubjectsNotVerified", subject=SUBJECT, level=SUBSTANTIAL):
        verifier.send(subjects, "revoke", SUBJECT, SUBSTANTIAL)


# --- isVerified


@pytest.mark.parametrize(
    ("level", "met"),
    [
        (LOW, [LOW]),
        (SUBSTANTIAL, [LOW, SUBSTANTIAL]),
        (HIGH, [LOW, SUBSTANTIAL, HIGH]),
    ],
)
def test_is_verified_on_that_level_and_below(suite: Suite, level: int, met: list[int]) -> None:
    """More than was asked for will do, less will not; nobody else is."""
    assert verified_on(suite) == []
    verify(suite, level)
    assert verified_on(suite) == met
    assert verified_on(suite, OTHER) == []


def test_is_verified_until_the_second_it_expires(suite: Suite, subjects: Contract) -> None:
    """What was recorded is still shown then."""
    verify(suite, HIGH, START + DAY)
    suite.clock.move_to(START + DAY - 1)
    assert verified_on(suite) == [LOW, SUBSTANTIAL, HIGH]
    suite.clock.move_to(START + DAY)
    assert verified_on(suite) == []
    assert subjects.call("verification", SUBJECT, HIGH).expires == START + DAY


def test_is_verified_by_lower_level_when_higher_has_expired(suite: Suite) -> None:
    """Each level runs out by itself, in whatever order."""
    verify(suite, HIGH, START + DAY)
    verify(suite, SUBSTANTIAL, START + 2 * DAY)
    verify(suite, LOW, START + 3 * DAY)
    met = []
    for days in (1, 2, 3):
        suite.clock.move_to(START + days * DAY)
        met.append(verified_on(suite))
    assert met == [[LOW, SUBSTANTIAL], [LOW], []]


def test_is_verified_no_more_once_erased(suite: Suite) -> None:
    """Whatever was on record."""
    verify(suite, HIGH)
    erase(suite)
    assert verified_on(suite) == []
