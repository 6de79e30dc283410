"""What a pause stops, and what it does not.

pause, unpause
├── caller is no guardian: refused, see authority/test_roles.py
├── paused already, or not: refused
└── else: event
while paused
├── a denial, by all four ways: recorded: K4
├── any other decision, by all four ways: refused
├── a batch with one that is not a denial: refused whole
├── terms, caps, expiry events, honours: as ever
└── what is asked: as ever
"""

from __future__ import annotations

import pytest
from support import Actor, Suite, emitted, refuses
from support.consents import (
    CLOSING,
    DENIALS,
    GERMANY,
    GIVEN,
    HEALTH,
    INSURER,
    INVALIDATED,
    MARKETING,
    OPERATOR_STATES,
    OWN_STATES,
    STATES,
    SUBJECT,
    WITHDRAWN,
    Entry,
    Honour,
    Way,
    key_of,
    record_for,
)

from troth.chain.contracts import Contract

PAUSED = "EnforcedPause"
STATES_OF = {
    "record": OWN_STATES,
    "recordSigned": OWN_STATES,
    "recordFor": OPERATOR_STATES,
    "correct": STATES,
}
EACH = [(way, state) for way, states in STATES_OF.items() for state in states]
DENIED = [(way, state) for way, state in EACH if state in DENIALS]
OTHERS = [(way, state) for way, state in EACH if state not in DENIALS]


def pause(suite: Suite) -> None:
    """Stops all but denials; there is something to correct."""
    record_for(suite, Entry())
    suite["guardian"].send(suite.consents, "pause")


def test_pause_and_unpause_say_so(consents: Contract, guardian: Actor) -> None:
    """By whom."""
    receipt = guardian.send(consents, "pause")
    assert emitted(receipt, consents, "Paused") == [(guardian.address,)]
    assert consents.call("paused") is True
    receipt = guardian.send(consents, "unpause")
    assert emitted(receipt, consents, "Unpaused") == [(guardian.address,)]
    assert consents.call("paused") is False


def test_pause_is_refused_twice_and_unpause_before(consents: Contract, guardian: Actor) -> None:
    """One at a time."""
    with refuses("ExpectedPause"):
        guardian.send(consents, "unpause")
    guardian.send(consents, "pause")
    with refuses(PAUSED):
        guardian.send(consents, "pause")


@pytest.mark.parametrize(("way", "state"), DENIED, indirect=["way"])
def test_denial_is_recorded_while_paused_k4(way: Way, suite: Suite, state: int) -> None:
    """K4: withdrawal is always possible, by every way there is."""
    pause(suite)
    way.bring(way.entry(state=state))
    newest = suite.consents.call("history", key_of(), 2, 1)[0]
    assert newest.state == state
    assert not suite.consents.call("isPermitted", SUBJECT, MARKETING, INSURER, HEALTH)


@pytest.mark.parametrize(("way", "state"), OTHERS, indirect=["way"])
def test_other_decisions_are_refused_while_paused(way: Way, suite: Suite, state: int) -> None:
    """Until it ends; then the very same is taken."""
    pause(suite)
    entry = way.entry(state=state)
    with refuses(PAUSED):
        way.bring(entry)
    assert suite.consents.call("decisionCount", key_of()) == 1
    suite["guardian"].send(suite.consents, "unpause")
    way.bring(entry)


def test_batch_with_one_grant_is_refused_while_paused(suite: Suite, consents: Contract) -> None:
    """All or none; the denials alone are taken."""
    pause(suite)
    denials = [Entry(state=state) for state in DENIALS]
    with refuses(PAUSED):
        record_for(suite, *denials, Entry(state=GIVEN))
    record_for(suite, *denials)
    assert consents.call("decisionCount", key_of()) == 1 + len(denials)


def test_pause_concerns_nothing_else(
    suite: Suite, consents: Contract, operator: Actor, compliance: Actor
) -> None:
    """A word to withdraw by can be numbered, and what is known of denials and events recorded."""
    pause(suite)
    record_for(suite, Entry(state=WITHDRAWN))
    operator.send(consents, "defineTerms", ["urn:troth:new"])
    operator.send(consents, "recordExpiryEvent", CLOSING, 0)
    operator.send(consents, "honour", [Honour(number=2)])
    compliance.send(consents, "setExpiryCap", GERMANY, MARKETING, 1)
    assert consents.call("statusAt", key_of(), suite.clock.now, suite.clock.now).state == WITHDRAWN
    assert INVALIDATED not in DENIALS
