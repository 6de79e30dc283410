"""How long a grant may last, by jurisdiction and purpose.

setExpiryCap
├── caller is no compliance officer: refused, see authority/test_roles.py
├── a jurisdiction of 0, a term above the last: refused · purpose 0, the last of each: taken
└── else: kept, event; set again: replaced; 0: lifted
record, recordSigned, recordFor, of a grant in a jurisdiction with a cap on its purpose
├── expires within the cap, or in its last second: taken as it is
├── expires later: refused
├── never expires: expires with the cap, and tells so
├── counted from when it took effect, not from when it was recorded
├── with an event: taken, for its end is not a date
├── cap beyond 32 bits: ends with them
├── none on its purpose, but one on purpose 0: that · both: that on its purpose
└── a denial, a request; another purpose, another jurisdiction, none; all purposes: no cap
correct: no cap
what was recorded before a cap: stays as it is
"""

from __future__ import annotations

import pytest
from support import Actor, Suite, emitted, refuses
from support.consents import (
    ALL,
    CLOSING,
    GERMANY,
    GIVEN,
    GRANTS,
    IRIS,
    LAST,
    MARKETING,
    NOTICE,
    OPERATOR_STATES,
    SERVICE,
    UNKNOWN,
    Entry,
    Way,
    correct,
    key_of,
    record_for,
)
from support.defaults import DAY, START

from troth.chain.contracts import Contract
from troth.chain.transactions import Receipt

CAP = 30 * DAY
CAPPED = pytest.mark.parametrize("way", ["record", "recordSigned", "recordFor"], indirect=True)
IN_GERMANY = Entry(jurisdiction=GERMANY)


def set_cap(suite: Suite, cap: int = CAP, jurisdiction: int = GERMANY, purpose: int = MARKETING) -> Receipt:
    """Sets a cap."""
    return suite["compliance"].send(suite.consents, "setExpiryCap", jurisdiction, purpose, cap)


def expiry(suite: Suite, entry: Entry) -> int:
    """When the newest decision on the entry's key expires by date."""
    key = key_of(scope=entry.scope)
    count = suite.consents.call("decisionCount", key)
    return suite.consents.call("history", key, count, 1)[0].expires


# --- setting one


@pytest.mark.parametrize("cap", [1, CAP, LAST])
def test_cap_is_kept_and_told(suite: Suite, consents: Contract, cap: int) -> None:
    """For that jurisdiction and purpose only."""
    receipt = set_cap(suite, cap)
    assert emitted(receipt, consents, "ExpiryCapSet") == [(GERMANY, MARKETING, cap)]
    assert consents.call("expiryCap", GERMANY, MARKETING) == cap
    for other in ((GERMANY, SERVICE), (GERMANY, ALL), (NOTICE, MARKETING), (MARKETING, GERMANY)):
        assert consents.call("expiryCap", *other) == 0


def test_cap_is_replaced_and_lifted(suite: Suite, consents: Contract) -> None:
    """By another, and by zero."""
    set_cap(suite)
    set_cap(suite, 2 * CAP)
    assert consents.call("expiryCap", GERMANY, MARKETING) == 2 * CAP
    set_cap(suite, 0)
    record_for(suite, IN_GERMANY)
    assert expiry(suite, IN_GERMANY) == 0


@pytest.mark.parametrize("place", ["jurisdiction", "purpose"])
@pytest.mark.parametrize("term", [UNKNOWN, LAST])
def test_cap_of_unknown_term_is_refused(suite: Suite, consents: Contract, place: str, term: int) -> None:
    """Above the last number there is."""
    with refuses("VocabularyTermOutOfRange", term=term, termCount=len(IRIS)):
        set_cap(suite, **{place: term})


def test_cap_of_no_jurisdiction_is_refused(suite: Suite, consents: Contract) -> None:
    """It would cap nothing: what names no jurisdiction has no cap."""
    with refuses("VocabularyTermOutOfRange", term=0, termCount=len(IRIS)):
        set_cap(suite, jurisdiction=0)


def test_cap_of_last_term_is_taken(suite: Suite, consents: Contract) -> None:
    """Numbers go from 1 to the count."""
    set_cap(suite, CAP, len(IRIS), len(IRIS))
    assert consents.call("expiryCap", len(IRIS), len(IRIS)) == CAP


# --- what it does


@CAPPED
@pytest.mark.parametrize("expires", [START + 1, START + CAP - 1, START + CAP])
@pytest.mark.parametrize("state", GRANTS)
def test_grant_within_cap_is_taken_as_it_is(way: Way, suite: Suite, state: int, expires: int) -> None:
    """Up to the last second."""
    set_cap(suite)
    entry = way.entry(state=state, jurisdiction=GERMANY, expires=expires)
    told = way.bring(entry)
    assert expiry(suite, entry) == expires
    assert told.entry == entry.word


@CAPPED
@pytest.mark.parametrize("expires", [START + CAP + 1, LAST])
@pytest.mark.parametrize("state", GRANTS)
def test_grant_beyond_cap_is_refused(way: Way, suite: Suite, state: int, expires: int) -> None:
    """Nobody gives, or is said to have given, for longer than the statute lets them."""
    set_cap(suite)
    with refuses("ConsentExpiryBeyondCap", expires=expires, atMost=START + CAP):
        way.bring(way.entry(state=state, jurisdiction=GERMANY, expires=expires))


@CAPPED
@pytest.mark.parametrize("state", GRANTS)
def test_grant_that_names_no_expiry_ends_with_the_cap(way: Way, suite: Suite, state: int) -> None:
    """The word given says never, the word kept says when."""
    set_cap(suite)
    entry = way.entry(state=state, jurisdiction=GERMANY)
    told = way.bring(entry)
    assert told[2:4] == entry.kept(1, START, expires=START + CAP)
    assert expiry(suite, entry) == START + CAP


@CAPPED
@pytest.mark.parametrize("late", [DAY, 2 * CAP])
def test_cap_counts_from_effect(way: Way, suite: Suite, late: int) -> None:
    """A late entry does not last longer for being late; it may be over when it is recorded."""
    set_cap(suite)
    entry = way.entry(jurisdiction=GERMANY, effective=START - late)
    way.bring(entry)
    assert expiry(suite, entry) == START - late + CAP
    with refuses("ConsentExpiryBeyondCap", expires=START - late + CAP + 1, atMost=START - late + CAP):
        way.bring(entry._replace(expires=START - late + CAP + 1))


@CAPPED
def test_cap_lets_grants_end_with_an_event(way: Way, suite: Suite) -> None:
    """For as long as a claim lasts, as the statutes have it."""
    set_cap(suite)
    entry = way.entry(jurisdiction=GERMANY, expires=CLOSING, by_event=1)
    way.bring(entry)
    count = suite.consents.call("decisionCount", key_of())
    kept = suite.consents.call("history", key_of(), count, 1)[0]
    assert (kept.expires, kept.expiryEvent) == (0, CLOSING)


@pytest.mark.parametrize("cap", [LAST, LAST - START, LAST - START + 1])
def test_cap_beyond_32_bits_ends_with_them(suite: Suite, consents: Contract, cap: int) -> None:
    """In 2106, and the time of effect beside it is untouched."""
    set_cap(suite, cap)
    record_for(suite, IN_GERMANY)
    assert consents.call("history", key_of(), 1, 1) == (IN_GERMANY.shown(1, START, expires=LAST),)


@pytest.mark.parametrize("state", [state for state in OPERATOR_STATES if state not in GRANTS])
@pytest.mark.parametrize("expires", [0, START + CAP + 1])
def test_cap_is_on_grants_only(suite: Suite, consents: Contract, state: int, expires: int) -> None:
    """A denial lasts as long as the subject likes."""
    set_cap(suite)
    entry = IN_GERMANY._replace(state=state, expires=expires)
    record_for(suite, entry)
    assert expiry(suite, entry) == expires


@pytest.mark.parametrize(
    "change",
    [{"jurisdiction": 0}, {"jurisdiction": NOTICE}, {"purpose": SERVICE}, {"purpose": ALL}],
    ids=["no jurisdiction", "another jurisdiction", "another purpose", "all purposes"],
)
@pytest.mark.parametrize("expires", [0, START + CAP + 1])
def test_cap_is_on_its_jurisdiction_and_purpose_only(
    suite: Suite, consents: Contract, change: dict[str, int], expires: int
) -> None:
    """Nor does a cap on one purpose touch a grant of all."""
    set_cap(suite)
    entry = IN_GERMANY._replace(expires=expires, **change)
    record_for(suite, entry)
    assert expiry(suite, entry) == expires


@pytest.mark.parametrize("purpose", [ALL, MARKETING, SERVICE])
def test_cap_on_all_purposes_is_on_each_without_its_own(
    suite: Suite, consents: Contract, purpose: int
) -> None:
    """And on grants of all at once; a longer one of its own goes before it, as does a shorter."""
    set_cap(suite, purpose=ALL)
    entry = IN_GERMANY._replace(purpose=purpose)
    record_for(suite, entry)
    assert expiry(suite, entry) == START + CAP
    with refuses("ConsentExpiryBeyondCap", expires=START + CAP + 1, atMost=START + CAP):
        record_for(suite, entry._replace(expires=START + CAP + 1))
    for own in (2 * CAP, CAP // 2):
        set_cap(suite, own, purpose=purpose)
        record_for(suite, entry)
        assert expiry(suite, entry) == START + own


@pytest.mark.parametrize("expires", [0, START + CAP + 1, LAST])
def test_correction_has_no_cap(suite: Suite, consents: Contract, expires: int) -> None:
    """What was granted before the cap can be put right as it was."""
    record_for(suite, IN_GERMANY)
    set_cap(suite)
    correct(suite, IN_GERMANY._replace(expires=expires), 1)
    assert expiry(suite, IN_GERMANY) == expires


def test_cap_leaves_what_is_on_record_k1(suite: Suite, consents: Contract, compliance: Actor) -> None:
    """K1: a cap is for what comes after it, and so is its lifting."""
    record_for(suite, IN_GERMANY)
    set_cap(suite)
    record_for(suite, IN_GERMANY)
    set_cap(suite, 0)
    kept = consents.call("history", key_of(), 1, 2)
    assert [one.expires for one in kept] == [0, START + CAP]
    assert {one.state for one in kept} == {GIVEN}
