"""What was in force on a day, as known on a day: rule by rule, then against an independent model."""

from __future__ import annotations

import random
from typing import NamedTuple

import pytest

from troth.consent.decisions import Scope, State
from troth.consent.timeline import NO_TERM, Question, Verdict, in_force, permission, scopes_asked, state_of

GIVEN, RENEWED, REFUSED, WITHDRAWN = State.GIVEN, State.RENEWED, State.REFUSED, State.WITHDRAWN
REQUESTED, REVOKED, EXPIRED, INVALIDATED = State.REQUESTED, State.REVOKED, State.EXPIRED, State.INVALIDATED
LATER = 1_000
EXACT = Scope(1, 2, 3)


class Line(NamedTuple):
    """A decision; times in seconds of a small world."""

    number: int = 1
    state: int = GIVEN
    effective: int = 10
    recorded: int = 10
    expires: int = 0
    happened: int = 0
    heard: int = 0
    corrects: int = 0


def numbers(lines: list[Line], at: int = LATER, known: int = LATER) -> int:
    """The number of the decision in force, 0 for none."""
    found = in_force(lines, at, known)
    return found.number if found else 0


def test_nothing_is_in_force_before_it_takes_effect_or_is_known_k2() -> None:
    """Both at the very second count."""
    line = Line(effective=10, recorded=20)
    assert in_force([], 5, 5) is None
    assert in_force([line], 9, 20) is None
    assert in_force([line], 10, 19) is None
    assert in_force([line], 10, 20) is line


def test_last_to_take_effect_is_in_force_however_late_it_was_recorded_k2() -> None:
    """A late entry of an earlier time does not undo what came after."""
    lines = [Line(1, GIVEN, 10, 10), Line(2, WITHDRAWN, 30, 30), Line(3, GIVEN, 20, 40)]
    assert [numbers(lines, at) for at in (10, 20, 30)] == [1, 3, 2]
    assert numbers(lines, 20, known=39) == 1


def test_of_two_at_once_the_one_recorded_last_is_in_force_k2() -> None:
    """In any order they are given."""
    lines = [Line(1, GIVEN), Line(2, WITHDRAWN)]
    assert numbers(lines) == numbers(lines[::-1]) == 2


def test_corrected_decision_counts_until_its_correction_is_known_k2() -> None:
    """And never again, even when the correction is corrected in its turn."""
    lines = [
        Line(1, WITHDRAWN, 50, 50),
        Line(2, GIVEN, 5, 60, corrects=1),
        Line(3, REFUSED, 4, 70, corrects=2),
    ]
    assert [numbers(lines, known=known) for known in (59, 60, 69, 70)] == [1, 2, 2, 3]


def test_correction_counts_from_its_own_effect_k2() -> None:
    """Before it, nothing does: what it stands for is left out."""
    assert numbers([Line(1, GIVEN, 10, 10), Line(2, GIVEN, 30, 40, corrects=1)], at=20) == 0


@pytest.mark.parametrize("state", [REQUESTED, INVALIDATED])
def test_request_or_invalidation_changes_nothing_that_was_granted_or_denied_k2(state: State) -> None:
    """They count only where there is nothing else."""
    later = Line(2, state, 20, 20)
    assert numbers([Line(1, GIVEN), later]) == 1
    assert numbers([Line(1, WITHDRAWN), later]) == 1
    assert numbers([later]) == 2


def test_recorded_expiry_ends_a_grant_before_it_and_no_denial_k2() -> None:
    """Nor a grant that took effect after it; it also stands where there is only a request."""
    ended = Line(2, EXPIRED, 20, 20)
    assert numbers([Line(1, GIVEN), ended]) == 2
    assert numbers([Line(1, WITHDRAWN), ended]) == 1
    assert numbers([Line(1, GIVEN), ended, Line(3, RENEWED, 21, 21)]) == 3
    assert numbers([Line(1, REQUESTED), ended]) == 2
    assert numbers([ended, Line(3, REQUESTED, 21, 21)]) == 3


def test_denial_for_a_while_lifts_no_denial_and_revives_no_grant_k6() -> None:
    """It ends a grant before it, as an expiry does; the denial before it stands."""
    passing = Line(2, REFUSED, 20, 20, 30)
    assert numbers([Line(1, WITHDRAWN), passing], at=29, known=29) == 2
    assert numbers([Line(1, WITHDRAWN), passing]) == 1
    assert numbers([Line(1, GIVEN), passing]) == 2
    assert state_of(passing, LATER, LATER) == EXPIRED


def test_decision_expires_at_the_second_it_says() -> None:
    """Known or not: it said so from the beginning."""
    line = Line(expires=30)
    assert state_of(line, 29, LATER) == GIVEN
    assert state_of(line, 30, 10) == EXPIRED


def test_decision_expires_with_an_event_that_is_known() -> None:
    """From when the event took effect, which may be before it was heard of."""
    line = Line(happened=30, heard=50)
    assert state_of(line, 29, 50) == GIVEN
    assert state_of(line, 30, 49) == GIVEN
    assert state_of(line, 30, 50) == EXPIRED


def test_widest_denial_beats_every_grant_k6() -> None:
    """A narrower denial does not hide it."""
    consents = {
        Scope(): [Line(1, REFUSED)],
        Scope(1, 0, 0): [Line(2, WITHDRAWN)],
        EXACT: [Line(3, GIVEN)],
    }
    assert permission(consents, EXACT, LATER, LATER) == Verdict(False, consents[Scope()][0], REFUSED)


@pytest.mark.parametrize("state", [REFUSED, WITHDRAWN, REVOKED])
def test_every_kind_of_denial_denies_while_in_force_k6(state: State) -> None:
    """Once its own time is over, the grant counts again."""
    consents = {Scope(0, 2, 0): [Line(1, state, expires=30)], EXACT: [Line(1, GIVEN)]}
    assert not permission(consents, EXACT, 29, LATER).permitted
    assert permission(consents, EXACT, 30, LATER).permitted


def test_narrowest_grant_settles_where_nothing_is_denied() -> None:
    """A narrower scope in which nothing was decided either way changes nothing."""
    consents = {Scope(): [Line(1, GIVEN)], Scope(1, 2, 0): [Line(2, RENEWED)], EXACT: [Line(3, REQUESTED)]}
    assert permission(consents, EXACT, LATER, LATER) == Verdict(True, consents[Scope(1, 2, 0)][0], RENEWED)


def test_denial_elsewhere_or_narrower_does_not_deny() -> None:
    """Of another purpose, and of one category out of all that are asked about."""
    consents = {
        Scope(9, 0, 0): [Line(1, REFUSED)],
        EXACT: [Line(1, REFUSED)],
        Scope(1, 2, 0): [Line(1, GIVEN)],
    }
    assert permission(consents, Scope(1, 2, 0), LATER, LATER).permitted


def test_without_grant_and_denial_the_narrowest_on_record_tells_how_matters_stand() -> None:
    """And nothing at all is a verdict too."""
    consents = {Scope(): [Line(1, REQUESTED)], Scope(1, 0, 3): [Line(2, GIVEN, expires=20)]}
    assert permission(consents, EXACT, 20, 20) == Verdict(False, consents[Scope(1, 0, 3)][0], EXPIRED)
    assert permission(consents, EXACT, 5, 20) == Verdict(False, None, None)


def test_whole_question_is_one_scope_on_record_or_not() -> None:
    """Even of terms that nobody has defined."""
    assert scopes_asked((1, 0, NO_TERM), []) == [Scope(1, 0, NO_TERM)]
    assert Question("p", "*", "c").is_whole
    assert not Question("p", None, "c").is_whole


def test_open_question_is_each_scope_that_meets_it_narrowed_to_what_is_given() -> None:
    """Two that narrow to one count once; a place given as all meets only all."""
    on_record = [Scope(0, 2, 3), Scope(1, 2, 3), Scope(1, 5, 0), Scope(9, 2, 3)]
    assert scopes_asked((None, None, None), on_record) == on_record
    assert scopes_asked((1, None, None), on_record) == [Scope(1, 2, 3), Scope(1, 5, 0)]
    assert scopes_asked((0, None, None), on_record) == [Scope(0, 2, 3)]
    assert scopes_asked((NO_TERM, None, None), on_record) == [Scope(NO_TERM, 2, 3)]


# --- the model: what must be true of an answer, said without a fold


def model_in_force(lines: list[Line], at: int, known: int) -> Line | None:
    """The one candidate that no other beats."""
    heard = [line for line in lines if line.recorded <= known]
    counts = [
        line
        for line in heard
        if line.effective <= at and not any(other.corrects == line.number for other in heard)
    ]

    def last(states: set[State]) -> Line | None:
        some = [line for line in counts if State(line.state) in states]
        return max(some, key=lambda line: (line.effective, line.number), default=None)

    passed = [
        line for line in counts if line.state in {REFUSED, WITHDRAWN, REVOKED} and 0 < line.expires <= at
    ]
    counts = [line for line in counts if line not in passed]
    denied_or_granted = last({GIVEN, RENEWED, REFUSED, WITHDRAWN, REVOKED})
    if denied_or_granted is not None and denied_or_granted.state in {REFUSED, WITHDRAWN, REVOKED}:
        return denied_or_granted
    counts += passed
    if denied_or_granted is None:
        return last({*State})
    counts = [line for line in counts if line.state == EXPIRED or line in passed]
    ended = last({*State})
    return max(
        [denied_or_granted, *([ended] if ended else [])], key=lambda line: (line.effective, line.number)
    )


def model_permitted(consents: dict[Scope, list[Line]], scope: Scope, at: int, known: int) -> bool:
    """Granted at a scope that covers it, and denied at none."""
    covering = [
        one for one in consents if all(mine in (0, asked) for mine, asked in zip(one, scope, strict=True))
    ]
    found = [line for one in covering if (line := model_in_force(consents[one], at, known))]
    holding = [
        line.state
        for line in found
        if not (0 < line.expires <= at or (0 < line.heard <= known and line.happened <= at))
    ]
    denied = any(state in {REFUSED, WITHDRAWN, REVOKED} for state in holding)
    return not denied and any(state in {GIVEN, RENEWED} for state in holding)


def made_up(source: random.Random) -> list[Line]:
    """A history with late entries, corrections, expiries and events."""
    lines: list[Line] = []
    recorded = 0
    for number in range(1, source.randint(1, 9)):
        recorded += source.randint(0, 9)
        effective = source.randint(0, recorded)
        corrected = {line.corrects for line in lines}
        free = [0, 0, *(line.number for line in lines if line.number not in corrected)]
        by_event = source.random() < 0.2
        happened = source.randint(0, 60)
        lines.append(
            Line(
                number,
                source.choice(list(State)),
                effective,
                recorded,
                0 if by_event else source.choice((0, effective + source.randint(1, 20))),
                happened if by_event else 0,
                source.randint(max(1, happened), 70) if by_event else 0,
                source.choice(free),
            )
        )
    return lines


def test_fold_is_the_model_s_on_thousands_of_histories_k2_k6() -> None:
    """Of every scope, at any time, as known at any time."""
    source = random.Random(3)
    permitted = 0
    for _ in range(3_000):
        scopes = {Scope(*(source.choice((0, term)) for term in EXACT)) for _ in range(4)}
        consents = {scope: made_up(source) for scope in scopes}
        at, known = source.randint(0, 80), source.randint(0, 80)
        for lines in consents.values():
            assert in_force(lines, at, known) == model_in_force(lines, at, known)
        verdict = permission(consents, EXACT, at, known)
        assert verdict.permitted == model_permitted(consents, EXACT, at, known)
        permitted += verdict.permitted
    assert permitted > 300
