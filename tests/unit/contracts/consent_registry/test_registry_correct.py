"""Recording a decision in the place of another.

correct
├── caller is no compliance officer: refused, see authority/test_roles.py
├── every state: taken
├── method: of elsewhere, or that of the decision corrected: taken · Wallet, Signature otherwise: refused
├── no evidence: refused
├── number 0, above the last, or on a key without any: refused
├── corrected before, by whatever stands between: refused, and named
├── a correction corrected: taken
├── subject zero, terms, times, pause: as by every way; no cap
└── else: both stay on record; event with the number it stands for
then, as known from then on
├── the one corrected is left out · as known before, it is in force
├── the correction counts as an ordinary decision: by its own time of effect
├── one corrected by a correction that is corrected in turn: both are left out
└── Invalidated: puts nothing in its place · what was before is in force again, if anything was
"""

from __future__ import annotations

import pytest
from support import Actor, Suite, refuses
from support.consents import (
    ELSEWHERE,
    EVIDENCE,
    GIVEN,
    HEALTH,
    INSURER,
    INVALIDATED,
    MARKETING,
    METHODS,
    NOTHING,
    OTHER,
    REFUSED,
    RENEWED,
    SERVICE,
    STATES,
    SUBJECT,
    WALLET,
    WITHDRAWN,
    Entry,
    Record,
    correct,
    key_of,
    record_for,
    recorded,
)
from support.defaults import DAY, START

from troth.chain.contracts import Contract

ASKED = (SUBJECT, MARKETING, INSURER, HEALTH)


def in_force(suite: Suite, effective: int, known: int) -> tuple[int, int]:
    """State and number on the default key."""
    status = suite.consents.call("statusAt", key_of(), effective, known)
    return status.state, status.decision.number


def test_correct_leaves_both_on_record_k1(suite: Suite, consents: Contract, compliance: Actor) -> None:
    """K1: it points at what it corrects and replaces nothing."""
    record_for(suite, Entry(), Entry(state=RENEWED))
    suite.clock.move_by(DAY)
    right = Entry(state=REFUSED, effective=START - DAY, expires=START + 9 * DAY)
    (told,) = recorded(correct(suite, right, 1), consents)
    assert told == (SUBJECT, compliance.address, *right.kept(3, START + DAY, corrects=1), EVIDENCE)
    assert consents.call("history", key_of(), 1, 9) == (
        Entry().shown(1, START),
        Entry(state=RENEWED).shown(2, START),
        right.shown(3, START + DAY, corrects=1),
    )


@pytest.mark.parametrize("state", STATES)
def test_correct_takes_every_state(suite: Suite, consents: Contract, state: int) -> None:
    """Invalidated too: found never to have held."""
    record_for(suite, Entry())
    correct(suite, Entry(state=state), 1)
    assert consents.call("history", key_of(), 2, 1)[0].state == state


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("own", [False, True], ids=["an operator's", "a wallet's"])
def test_correct_takes_methods_of_elsewhere_or_the_same(
    suite: Suite, consents: Contract, wallet: Actor, method: int, own: bool
) -> None:
    """How a word was taken may be what was wrong; but nobody makes a signature of it."""
    if own:
        wallet.send(consents, "record", Record(SUBJECT, Entry(method=WALLET).word))
    else:
        record_for(suite, Entry())
    allowed = {*ELSEWHERE, WALLET} if own else set(ELSEWHERE)
    if method in allowed:
        correct(suite, Entry(method=method), 1)
        assert consents.call("history", key_of(), 2, 1)[0].method == method
    else:
        bits = sum(1 << one for one in allowed)
        with refuses("DecisionMethodNotAllowed", method=method, allowed=bits):
            correct(suite, Entry(method=method), 1)


def test_correct_refuses_no_evidence(suite: Suite, consents: Contract, compliance: Actor) -> None:
    """Something shows what was wrong."""
    record_for(suite, Entry())
    with refuses("ConsentEvidenceMissing"):
        compliance.send(consents, "correct", Record(SUBJECT, Entry().word, NOTHING), 1)
    assert consents.call("decisionCount", key_of()) == 1


# --- which


@pytest.mark.parametrize(("count", "number"), [(0, 0), (0, 1), (1, 0), (1, 2), (2, 3), (5, 6), (3, 65_535)])
def test_correct_refuses_number_there_is_not(
    suite: Suite, consents: Contract, count: int, number: int
) -> None:
    """On a key without decisions, before the first, after the last."""
    record_for(suite, *[Entry()] * count)
    with refuses("ConsentDecisionUnknown", key=key_of(), number=number, count=count):
        correct(suite, Entry(), number)


@pytest.mark.parametrize("change", [{"purpose": SERVICE}, {"purpose": 0}], ids=["another", "wider"])
def test_correct_refuses_decision_on_another_key(
    suite: Suite, consents: Contract, change: dict[str, int]
) -> None:
    """A decision on the wrong terms is invalidated, and the right one recorded."""
    record_for(suite, Entry())
    elsewhere = Entry(**change)
    with refuses("ConsentDecisionUnknown", key=key_of(scope=elsewhere.scope), number=1, count=0):
        correct(suite, elsewhere, 1)
    with refuses("ConsentDecisionUnknown", key=key_of(OTHER), number=1, count=0):
        correct(suite, Entry(), 1, OTHER)


def test_correct_refuses_subject_zero(suite: Suite, consents: Contract, operator: Actor) -> None:
    """It has no decisions."""
    with refuses("ConsentDecisionUnknown", key=key_of(NOTHING), number=1, count=0):
        suite["compliance"].send(consents, "correct", Record(NOTHING, Entry().word), 1)


@pytest.mark.parametrize("between", [0, 1, 2, 7])
def test_correct_refuses_second_correction_k1(suite: Suite, consents: Contract, between: int) -> None:
    """K1: one decision stands for another, however many follow; the correction itself can be corrected."""
    record_for(suite, Entry(), *[Entry()] * between)
    correct(suite, Entry(state=REFUSED), 1)
    first = between + 2
    record_for(suite, *[Entry()] * between)
    with refuses("ConsentAlreadyCorrected", key=key_of(), number=1, by=first):
        correct(suite, Entry(state=INVALIDATED), 1)
    correct(suite, Entry(state=INVALIDATED), first)
    assert consents.call("decisionCount", key_of()) == 2 * between + 3


def test_correct_takes_each_decision_once(suite: Suite, consents: Contract) -> None:
    """In any order; none stands in the way of another."""
    record_for(suite, *[Entry()] * 4)
    for number in (4, 1, 3, 2):
        correct(suite, Entry(), number)
    kept = consents.call("history", key_of(), 5, 9)
    assert [one.corrects for one in kept] == [4, 1, 3, 2]


# --- what comes of it


def test_corrected_is_left_out_as_known_from_then_on_k2(suite: Suite, consents: Contract) -> None:
    """K2: who asks what was known before gets what was."""
    record_for(suite, Entry())
    suite.clock.move_to(START + DAY)
    correct(suite, Entry(state=REFUSED, effective=START), 1)
    assert in_force(suite, START + DAY, START + DAY) == (REFUSED, 2)
    assert in_force(suite, START, START + DAY) == (REFUSED, 2)
    assert in_force(suite, START + DAY, START + DAY - 1) == (GIVEN, 1)
    assert consents.call("isPermitted", *ASKED) is False
    assert consents.call("permissionAt", *ASKED, START, START).permitted is True


def test_correction_counts_by_its_own_time_of_effect_k2(suite: Suite, consents: Contract) -> None:
    """K2: in the place of the first, and behind the second."""
    record_for(suite, Entry(effective=START - 9), Entry(state=WITHDRAWN, effective=START - 5))
    correct(suite, Entry(state=RENEWED, effective=START - 7), 1)
    assert in_force(suite, START, START) == (WITHDRAWN, 2)
    assert in_force(suite, START - 5, START) == (WITHDRAWN, 2)
    assert in_force(suite, START - 6, START) == (RENEWED, 3)
    assert in_force(suite, START - 8, START) == (0, 0)


def test_correction_uncovers_what_was_before_k2(suite: Suite, consents: Contract) -> None:
    """K2: the withdrawal that never was had hidden a grant; corrected to before it, the grant is back."""
    record_for(suite, Entry(effective=START - 9), Entry(state=WITHDRAWN, effective=START - 5))
    correct(suite, Entry(state=INVALIDATED, effective=START - 10), 2)
    assert in_force(suite, START, START) == (GIVEN, 1)
    assert consents.call("isPermitted", *ASKED)


def test_correction_of_correction_leaves_both_out_k2(suite: Suite, consents: Contract) -> None:
    """K2: the first does not come back."""
    record_for(suite, Entry())
    correct(suite, Entry(state=REFUSED), 1)
    correct(suite, Entry(state=WITHDRAWN, effective=START - 5), 2)
    assert in_force(suite, START, START) == (WITHDRAWN, 3)
    assert in_force(suite, START - 6, START) == (0, 0)


def test_invalidated_puts_nothing_in_its_place_k2(suite: Suite, consents: Contract) -> None:
    """K2: alone it is shown, and neither permits nor denies; a grant before it is in force again."""
    record_for(suite, Entry())
    correct(suite, Entry(state=INVALIDATED), 1)
    assert in_force(suite, START, START) == (INVALIDATED, 2)
    assert not consents.call("isPermitted", *ASKED)
    record_for(suite, Entry(effective=START - 9))
    assert in_force(suite, START, START) == (GIVEN, 3)
    assert consents.call("isPermitted", *ASKED)
