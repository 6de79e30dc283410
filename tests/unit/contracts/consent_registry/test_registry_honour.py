"""That recipients act on denials.

honour
├── caller is no operator: refused, see authority/test_roles.py
├── none: nothing happens
├── of a number there is not, or on a key without any: refused
├── by a recipient that is no term: refused
├── by another than the denial's recipient: refused · of a denial for all recipients: taken
├── of a decision that is no denial: refused
├── before the denial took effect: refused · in that second: taken
├── ahead: refused · this second: taken
├── of a denial since overtaken or corrected, by another recipient, or again: taken, an event each
└── one of many refused: none told
"""

from __future__ import annotations

import pytest
from support import Actor, Suite, emitted, refuses
from support.consents import (
    AGENCY,
    ALL,
    DENIALS,
    GIVEN,
    INSURER,
    INVALIDATED,
    NOTHING,
    OPERATOR_STATES,
    OTHER,
    SUBJECT,
    UNKNOWN,
    WITHDRAWN,
    Entry,
    Honour,
    correct,
    key_of,
    record_for,
)
from support.defaults import DAY, START

from troth.chain.contracts import Contract
from troth.chain.transactions import Receipt


def honour(suite: Suite, *honours: Honour) -> Receipt:
    """Records them."""
    return suite["operator"].send(suite.consents, "honour", list(honours))


def told(one: Honour) -> tuple:
    """As the event tells it."""
    key = key_of(one.subject, (one.purpose, one.recipient, one.category))
    return (one.subject, key, one.honoured_by, one.number, one.honoured_at, one.evidence)


@pytest.mark.parametrize("state", DENIALS)
def test_honour_is_told(suite: Suite, consents: Contract, state: int) -> None:
    """Of every kind of denial; nothing else changes."""
    record_for(suite, Entry(state=state))
    receipt = honour(suite, Honour())
    assert emitted(receipt, consents, "DenialHonoured") == [told(Honour())]
    assert consents.call("decisionCount", key_of()) == 1


def test_honours_are_told_each(suite: Suite, consents: Contract) -> None:
    """On several keys, by several recipients, with and without evidence, and again."""
    record_for(suite, Entry(state=WITHDRAWN, recipient=ALL), Entry(), Entry(state=WITHDRAWN))
    honours = [
        Honour(recipient=ALL),
        Honour(recipient=ALL, honoured_by=AGENCY, evidence=NOTHING),
        Honour(number=2),
        Honour(number=2),
    ]
    assert emitted(honour(suite, *honours), consents, "DenialHonoured") == [told(one) for one in honours]
    assert honour(suite).logs == ()


@pytest.mark.parametrize("state", [one for one in OPERATOR_STATES if one not in DENIALS])
def test_honour_refuses_what_is_no_denial(suite: Suite, consents: Contract, state: int) -> None:
    """There is nothing to act on."""
    record_for(suite, Entry(state=WITHDRAWN), Entry(state=state))
    with refuses("ConsentNotDenied", key=key_of(), number=2, state=state):
        honour(suite, Honour(number=2))


def test_honour_refuses_invalidated(suite: Suite, consents: Contract) -> None:
    """That is no denial either."""
    record_for(suite, Entry(state=WITHDRAWN))
    correct(suite, Entry(state=INVALIDATED), 1)
    with refuses("ConsentNotDenied", key=key_of(), number=2, state=INVALIDATED):
        honour(suite, Honour(number=2))


@pytest.mark.parametrize(("count", "number"), [(0, 0), (0, 1), (1, 0), (1, 2), (3, 4), (3, 2**256 - 1)])
def test_honour_refuses_number_there_is_not(
    suite: Suite, consents: Contract, count: int, number: int
) -> None:
    """Before the first, after the last."""
    record_for(suite, *[Entry(state=WITHDRAWN)] * count)
    with refuses("ConsentDecisionUnknown", key=key_of(), number=number, count=count):
        honour(suite, Honour(number=number))


@pytest.mark.parametrize("change", [{"subject": OTHER}, {"category": ALL}], ids=["subject", "scope"])
def test_honour_refuses_denial_of_another_key(
    suite: Suite, consents: Contract, change: dict[str, object]
) -> None:
    """Named as it was recorded."""
    record_for(suite, Entry(state=WITHDRAWN))
    one = Honour()._replace(**change)
    with refuses("ConsentDecisionUnknown", key=told(one)[1], number=1, count=0):
        honour(suite, one)


@pytest.mark.parametrize("term", [0, UNKNOWN])
@pytest.mark.parametrize("recipient", [ALL, INSURER])
def test_honour_refuses_recipient_that_is_no_term(
    suite: Suite, consents: Contract, recipient: int, term: int
) -> None:
    """Somebody in particular acts on it."""
    record_for(suite, Entry(state=WITHDRAWN, recipient=recipient))
    with refuses("VocabularyTermOutOfRange", term=term, termCount=UNKNOWN - 1):
        honour(suite, Honour(recipient=recipient, honoured_by=term))


def test_honour_refuses_another_than_the_recipient(suite: Suite, consents: Contract) -> None:
    """Whom the denial does not concern, cannot act on it."""
    record_for(suite, Entry(state=WITHDRAWN))
    with refuses("ConsentRecipientDiffers", honouredBy=AGENCY, recipient=INSURER):
        honour(suite, Honour(honoured_by=AGENCY))


def test_honour_is_from_effect_to_now(suite: Suite, consents: Contract) -> None:
    """Both ends, and a second beyond each."""
    record_for(suite, Entry(state=WITHDRAWN, effective=START - DAY))
    for at in (START - DAY, START):
        assert emitted(honour(suite, Honour(honoured_at=at)), consents, "DenialHonoured")
    for at in (0, START - DAY - 1):
        with refuses("ConsentHonouredBeforeEffect", honouredAt=at, effective=START - DAY):
            honour(suite, Honour(honoured_at=at))
    for at in (START + 1, 2**40 - 1):
        with refuses("ConsentNotYetEffective", effective=at, nowAt=START):
            honour(suite, Honour(honoured_at=at))


def test_honour_takes_denial_since_overtaken(suite: Suite, consents: Contract) -> None:
    """That it was acted on then is still so."""
    record_for(suite, Entry(state=WITHDRAWN), Entry(state=WITHDRAWN))
    suite.clock.move_by(DAY)
    record_for(suite, Entry(state=GIVEN))
    correct(suite, Entry(state=INVALIDATED), 1)
    honours = [Honour(), Honour(number=2)]
    assert emitted(honour(suite, *honours), consents, "DenialHonoured") == [told(one) for one in honours]


@pytest.mark.parametrize("place", [0, 1])
def test_honours_are_told_all_or_none(suite: Suite, consents: Contract, operator: Actor, place: int) -> None:
    """One mistake undoes the others."""
    record_for(suite, Entry(state=WITHDRAWN), Entry(), subject=SUBJECT)
    honours = [Honour(), Honour()]
    honours[place] = Honour(number=2)
    with refuses("ConsentNotDenied", key=key_of(), number=2, state=GIVEN):
        honour(suite, *honours)
