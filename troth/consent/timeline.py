"""What was in force on a day, as known on a day: the fold that ConsentRegistry makes, in Python.

Pure functions of decisions as they were recorded. A decision counts from when it takes effect and is known
from when it was recorded; late entries and corrections change what is known from then on, and never what was
known before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, NamedTuple, Protocol, TypeVar

from troth.consent.decisions import DENIALS, GRANTS, Scope, State, wider_scopes

__all__ = [
    "NO_TERM",
    "Line",
    "Question",
    "Verdict",
    "in_force",
    "permission",
    "scopes_asked",
    "standing",
    "state_of",
]

NO_TERM = 2**32 - 1
"""A number that stands for no term: of one that nobody has defined."""


class Line(Protocol):
    """A decision on record. Times UTC seconds."""

    @property
    def number(self) -> int:
        """On its key, from 1."""

    @property
    def state(self) -> int:
        """As it was decided."""

    @property
    def effective(self) -> int:
        """When it takes effect."""

    @property
    def recorded(self) -> int:
        """When it was recorded."""

    @property
    def expires(self) -> int:
        """0 for never, and for one that expires by event."""

    @property
    def happened(self) -> int:
        """When the event it expires with took effect, 0 if there is none, or none yet."""

    @property
    def heard(self) -> int:
        """When that was recorded, likewise."""

    @property
    def corrects(self) -> int:
        """The number of the decision it stands for, 0 for none."""


class Question(NamedTuple):
    """What is asked of: an IRI, "*" for all, or None for whatever there is."""

    purpose: str | None = None
    recipient: str | None = None
    category: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it has one answer."""
        return None not in self


Kept = TypeVar("Kept", bound=Line)


@dataclass(frozen=True)
class Verdict(Generic[Kept]):
    """What settles whether something is permitted."""

    permitted: bool
    decision: Kept | None
    """None if nothing that has a bearing is on record."""
    state: State | None
    """Of it, expired once its time is over."""


_DECISIVE = GRANTS | DENIALS
_STATES: Mapping[int, State] = {state.value: state for state in State}
_wider = lru_cache(16_384)(wider_scopes)


def standing(decisions: Iterable[Kept], known: int) -> list[Kept]:
    """The decisions on one key recorded at `known` or before, without those corrected by then."""
    found = [one for one in decisions if one.recorded <= known]
    if corrected := {one.corrects for one in found if one.corrects}:
        return [one for one in found if one.number not in corrected]
    return found


def in_force(decisions: Iterable[Kept], at: int, known: int) -> Kept | None:
    """Of the decisions on one key, the one in force at `at` as known at `known`.

    That is the grant or denial that took effect last, and of several such the one recorded last. An expiry
    recorded as a decision, and a denial that is over, end a grant before them, and no denial; whatever else
    there is, as a request, counts only where nothing was granted or denied.
    """
    decisive = lapse = other = None
    for one in standing(decisions, known):
        if one.effective > at:
            continue
        if one.state == State.EXPIRED or (one.state in DENIALS and 0 < one.expires <= at):
            lapse = _later(one, lapse)
        elif one.state in _DECISIVE:
            decisive = _later(one, decisive)
        else:
            other = _later(one, other)
    if lapse is None or (decisive is not None and decisive.state in DENIALS):
        return decisive or other
    return _later(lapse, decisive or other)


def state_of(decision: Line, at: int, known: int) -> State:
    """The state of a decision in force: expired once its date has come, or what it was tied to has happened.

    An event counts from when it took effect, once it is known.
    """
    by_date = decision.expires and decision.expires <= at
    by_event = decision.heard and decision.heard <= known and decision.happened <= at
    return State.EXPIRED if by_date or by_event else _STATES[decision.state]


def _later(one: Kept, other: Kept | None) -> Kept:
    """The one that took effect last; recorded last, if both took effect at once."""
    if other is None or (other.effective, other.number) < (one.effective, one.number):
        return one
    return other


def permission(consents: Mapping[Scope, Sequence[Kept]], scope: Scope, at: int, known: int) -> Verdict[Kept]:
    """Whether data may be used at `scope`, by the decisions on each of one subject's consents.

    The widest denial in force settles it (K6), else the narrowest grant; if there is neither, the narrowest
    of what is in force says how matters stand.
    """
    permitted, settling, how = False, None, None
    for wider in _wider(scope):
        if (lines := consents.get(wider)) is None or (found := in_force(lines, at, known)) is None:
            continue
        state = state_of(found, at, known)
        if state in DENIALS:
            return Verdict(False, found, state)
        if state in GRANTS or not permitted:
            permitted, settling, how = state in GRANTS, found, state
    return Verdict(permitted, settling, how)


def scopes_asked(numbers: Sequence[int | None], on_record: Iterable[Scope]) -> list[Scope]:
    """The scopes that a question of these terms has answers for, each once.

    One, if every place has its term; else each on record that meets it, narrowed to the terms given.
    """
    purpose, recipient, category = numbers
    if purpose is not None and recipient is not None and category is not None:
        return [Scope(purpose, recipient, category)]
    found: dict[Scope, None] = {}
    for scope in on_record:
        if all(given is None or term in (0, given) for given, term in zip(numbers, scope, strict=True)):
            narrowed = (term if given is None else given for given, term in zip(numbers, scope, strict=True))
            found[Scope(*narrowed)] = None
    return list(found)
