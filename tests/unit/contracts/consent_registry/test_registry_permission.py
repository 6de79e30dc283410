"""Whether data may be used, at a scope and all wider ones.

permissionAt, of the eight scopes from the widest to the exact
├── nothing in force: no, settled by nothing
├── a grant at any of them: yes, settled by the narrowest
├── a denial at any of them: no, settled by the widest, whatever is granted beside it: K6
├── neither grant nor denial (Requested, Expired, Invalidated, over): not heard
│   ├── Requested after a grant or a denial: changes nothing
│   └── Expired after a grant: ends it · after a denial: changes nothing
├── at a narrower scope, or one beside: not heard
├── asked of all purposes, recipients or categories: only what is on record for all
├── of another subject: not heard
├── at any time, as known at any time
└── subject erased: no, from then on, as known from then on; before, as it was
isPermitted: the same of this second
"""

from __future__ import annotations

from itertools import product

import pytest
from support import Actor, Suite
from support.consents import (
    AGENCY,
    ALL,
    CONTACT,
    DENIALS,
    EXPIRED,
    GIVEN,
    GRANTS,
    HEALTH,
    INSURER,
    INVALIDATED,
    MARKETING,
    NOTHING,
    OTHER,
    REQUESTED,
    SERVICE,
    SUBJECT,
    WITHDRAWN,
    Entry,
    correct,
    erase,
    key_of,
    record_for,
)
from support.defaults import DAY, START

from troth.chain.contracts import Contract

EXACT = (MARKETING, INSURER, HEALTH)
WIDER = [
    tuple(ALL if is_all else term for is_all, term in zip(mask, EXACT, strict=True))
    for mask in product((True, False), repeat=3)
]
"""The eight scopes: by purpose, then recipient, then category, all before the one; every wider one of a scope
comes before it."""
SETTLED_BY_NOTHING = (False, NOTHING, 0)


def at(scope: tuple[int, ...], state: int = GIVEN, **fields: int) -> Entry:
    """An entry on a scope."""
    return Entry(*scope, state=state, **fields)


def asked(suite: Suite, *scope: int, subject: bytes = SUBJECT) -> tuple:
    """What the registry says of now: whether permitted, and by which decision; both ways of asking agree."""
    now, scope = suite.clock.now, scope or EXACT
    answer = suite.consents.call("permissionAt", subject, *scope, now, now)
    assert suite.consents.call("isPermitted", subject, *scope) == answer.permitted
    return tuple(answer)


def test_nothing_on_record_permits_nothing(suite: Suite, consents: Contract) -> None:
    """Silence is no consent."""
    for scope in WIDER:
        assert asked(suite, *scope) == SETTLED_BY_NOTHING


@pytest.mark.parametrize("state", GRANTS)
@pytest.mark.parametrize("scope", WIDER, ids=str)
def test_grant_at_any_wider_scope_permits(
    suite: Suite, consents: Contract, scope: tuple[int, ...], state: int
) -> None:
    """Who gives all gives each."""
    record_for(suite, at(scope, state))
    assert asked(suite) == (True, key_of(scope=scope), 1)


@pytest.mark.parametrize("state", DENIALS)
@pytest.mark.parametrize("scope", WIDER, ids=str)
def test_denial_at_any_scope_beats_grants_at_all_k6(
    suite: Suite, consents: Contract, scope: tuple[int, ...], state: int
) -> None:
    """K6: wider or narrower, whichever came first."""
    record_for(suite, *[at(one) for one in WIDER if one != scope])
    assert asked(suite)[0] is True
    record_for(suite, at(scope, state))
    assert asked(suite) == (False, key_of(scope=scope), 1)
    record_for(suite, *[at(one) for one in WIDER if one != scope])
    assert asked(suite) == (False, key_of(scope=scope), 1)


@pytest.mark.parametrize("count", range(1, 9))
def test_widest_denial_settles_k6(suite: Suite, consents: Contract, count: int) -> None:
    """K6: of several, the first in order."""
    record_for(suite, *[at(one, WITHDRAWN) for one in WIDER[-count:]])
    assert asked(suite) == (False, key_of(scope=WIDER[-count]), 1)


@pytest.mark.parametrize("count", range(1, 9))
def test_narrowest_grant_settles(suite: Suite, consents: Contract, count: int) -> None:
    """Of several, the last in order, and the latest on its key."""
    record_for(suite, *[at(one) for one in WIDER[:count]], at(WIDER[count - 1], GIVEN))
    assert asked(suite) == (True, key_of(scope=WIDER[count - 1]), 2)


@pytest.mark.parametrize("state", [REQUESTED, EXPIRED])
@pytest.mark.parametrize("scope", WIDER, ids=str)
def test_neutral_states_are_not_heard(
    suite: Suite, consents: Contract, scope: tuple[int, ...], state: int
) -> None:
    """They neither permit nor deny."""
    record_for(suite, at(scope, state))
    assert asked(suite) == SETTLED_BY_NOTHING
    other = WIDER[(WIDER.index(scope) + 1) % len(WIDER)]
    record_for(suite, at(other))
    assert asked(suite) == (True, key_of(scope=other), 1)


@pytest.mark.parametrize("state", DENIALS)
@pytest.mark.parametrize("neutral", [REQUESTED, EXPIRED])
def test_nothing_but_a_grant_lifts_a_denial_k6(
    suite: Suite, consents: Contract, neutral: int, state: int
) -> None:
    """K6: who refused is not asked into having said nothing."""
    record_for(suite, at(WIDER[0], state), at(EXACT), at(WIDER[0], neutral))
    assert asked(suite) == (False, key_of(scope=WIDER[0]), 1)
    record_for(suite, at(WIDER[0]))
    assert asked(suite)[0] is True


@pytest.mark.parametrize(("neutral", "ends"), [(REQUESTED, False), (EXPIRED, True)])
def test_grant_outlives_a_request_and_not_its_expiry(
    suite: Suite, consents: Contract, neutral: int, ends: bool
) -> None:
    """Asking again takes nothing away; saying that it is over does."""
    record_for(suite, at(EXACT), at(EXACT, neutral))
    assert asked(suite) == (SETTLED_BY_NOTHING if ends else (True, key_of(), 1))


def test_invalidated_denial_is_not_heard(suite: Suite, consents: Contract) -> None:
    """What was found never to have held opens what it closed."""
    record_for(suite, at(EXACT), at(WIDER[0], WITHDRAWN))
    correct(suite, at(WIDER[0], INVALIDATED), 1)
    assert asked(suite) == (True, key_of(), 1)


@pytest.mark.parametrize("scope", WIDER, ids=str)
def test_denial_that_is_over_is_not_heard(suite: Suite, consents: Contract, scope: tuple[int, ...]) -> None:
    """From its last second on; until then it is."""
    record_for(suite, at(scope, WITHDRAWN, expires=START + DAY))
    record_for(suite, *[at(one) for one in WIDER if one != scope])
    assert asked(suite)[0] is False
    suite.clock.move_to(START + DAY)
    assert asked(suite)[0] is True


def test_denial_for_a_while_does_not_lift_an_earlier_one_k6(
    suite: Suite, consents: Contract, guardian: Actor
) -> None:
    """Not even in a pause, when only denials are recorded."""
    everything = at((0, 0, 0), WITHDRAWN)
    record_for(suite, at(EXACT), everything)
    guardian.send(consents, "pause")
    record_for(suite, everything._replace(expires=START + DAY))
    suite.clock.move_to(START + DAY)
    assert asked(suite)[0] is False
    assert asked(suite)[2] == 1


def test_denial_for_a_while_does_not_revive_a_grant_k6(suite: Suite, consents: Contract) -> None:
    """What it took away must be given again."""
    record_for(suite, at(EXACT))
    record_for(suite, at(EXACT, WITHDRAWN, expires=START + DAY))
    suite.clock.move_to(START + DAY)
    assert asked(suite)[0] is False


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("state", [GIVEN, WITHDRAWN])
def test_other_terms_are_not_heard(suite: Suite, consents: Contract, place: int, state: int) -> None:
    """Another purpose, another recipient, another category."""
    others = list(EXACT)
    others[place] = (SERVICE, AGENCY, CONTACT)[place]
    record_for(suite, at(tuple(others), state))
    assert asked(suite) == SETTLED_BY_NOTHING
    assert asked(suite, *others)[0] is (state == GIVEN)


@pytest.mark.parametrize("state", [GIVEN, WITHDRAWN])
@pytest.mark.parametrize("scope", WIDER[:-1], ids=str)
def test_narrower_scopes_are_not_heard(
    suite: Suite, consents: Contract, scope: tuple[int, ...], state: int
) -> None:
    """What is asked of all is answered by what is on record for all."""
    record_for(suite, at(EXACT, state))
    assert asked(suite, *scope) == SETTLED_BY_NOTHING


def test_all_is_asked_on_its_own_key(suite: Suite, consents: Contract) -> None:
    """And on wider ones."""
    record_for(suite, at((MARKETING, ALL, ALL)))
    assert asked(suite, MARKETING, ALL, HEALTH) == (True, key_of(scope=(MARKETING, ALL, ALL)), 1)
    record_for(suite, at((ALL, ALL, ALL), WITHDRAWN))
    assert asked(suite, MARKETING, ALL, ALL) == (False, key_of(scope=(ALL, ALL, ALL)), 1)


def test_other_subjects_are_not_heard(suite: Suite, consents: Contract) -> None:
    """Each decides for themselves."""
    record_for(suite, at((ALL, ALL, ALL)), subject=OTHER)
    assert asked(suite) == SETTLED_BY_NOTHING
    assert asked(suite, subject=OTHER)[0] is True


# --- times


def test_permission_is_of_any_time_as_known_at_any_time_k2(suite: Suite, consents: Contract) -> None:
    """K2: on both axes, on all keys at once."""
    wide = (ALL, ALL, ALL)
    record_for(suite, at(EXACT, effective=START - 5, expires=START + 9))
    suite.clock.move_to(START + 2)
    record_for(suite, at(wide, WITHDRAWN, effective=START - 2, expires=START + 4))
    grant, denial = (True, key_of(), 1), (False, key_of(scope=wide), 1)
    for effective, known, answer in (
        (START - 6, START + 2, SETTLED_BY_NOTHING),
        (START - 5, START - 1, SETTLED_BY_NOTHING),
        (START - 5, START + 2, grant),
        (START - 3, START + 2, grant),
        (START - 2, START + 1, grant),
        (START - 2, START + 2, denial),
        (START + 3, START + 2, denial),
        (START + 4, START + 2, grant),
        (START + 9, START + 2, SETTLED_BY_NOTHING),
    ):
        found = consents.call("permissionAt", SUBJECT, *EXACT, effective, known)
        assert tuple(found) == answer, (effective, known)


def test_erased_subject_is_permitted_nothing_from_then_on(suite: Suite, consents: Contract) -> None:
    """As it is now known; before, it was as it was, and what was known then stays what was known."""
    record_for(suite, at(EXACT, effective=START - DAY))
    suite.clock.move_to(START + DAY)
    assert asked(suite)[0] is True
    erase(suite)
    assert asked(suite) == SETTLED_BY_NOTHING
    grant = (True, key_of(), 1)
    for effective, known, answer in (
        (START + DAY - 1, START + DAY, grant),
        (START + DAY, START + DAY - 1, grant),
        (START + DAY, START + DAY, SETTLED_BY_NOTHING),
        (START + 2 * DAY, START + 2 * DAY, SETTLED_BY_NOTHING),
    ):
        found = consents.call("permissionAt", SUBJECT, *EXACT, effective, known)
        assert tuple(found) == answer, (effective, known)


def test_erasure_is_of_one_subject(suite: Suite, consents: Contract) -> None:
    """The others' consents stand."""
    record_for(suite, at(EXACT), subject=OTHER)
    erase(suite)
    assert asked(suite, subject=OTHER)[0] is True
