"""What a subject allows: what was in force on a day, as known on a day, by which decision, on what evidence.

The index answers, or the chain itself; a test holds the two to the same answers. Every decision on record is
shown by `history`, whether it still counts or not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection

from troth.consent import onchain as chain
from troth.consent.decisions import Basis, Method, Scope, State, key_of
from troth.consent.terms import ALL, short_name
from troth.consent.timeline import Question, Verdict, permission, scopes_asked
from troth.errors import BadInput, BadSetting, Problem
from troth.identity.subjects import references_of
from troth.intake import iso
from troth.office import Office
from troth.store.decisions import DecisionRow, every_honour, on_record
from troth.store.terms import names_of

__all__ = [
    "Answer",
    "Honoured",
    "Past",
    "Terms",
    "answers",
    "describe",
    "history",
    "moments",
    "references_at_hand",
    "status",
]

_PLACES = ("purpose", "recipient", "category")
_ALL = Scope()
_ORDER = attrgetter(*_PLACES)
UNKNOWN = "unknown"
"""The state of what nothing on record has a bearing on."""


@dataclass(frozen=True)
class Terms:
    """A scope in the words people use; "*" for all."""

    purpose: str
    recipient: str
    category: str


@dataclass(frozen=True)
class Answer:
    """Whether a subject's data may be used so, and the decision that settles it, if there is one.

    That is the widest denial in force, else the narrowest grant, else the narrowest of what is in force.
    """

    subject: bytes
    ref: str | None = field(repr=False)
    """The insurer's own customer reference, where it is known here."""
    purpose: str
    recipient: str
    category: str
    at: datetime
    known: datetime
    permitted: bool
    state: str
    """Of the decision; "expired" once its time is over, "unknown" if there is none."""
    decided: str | None
    """Its state as it was recorded."""
    effective: datetime | None
    recorded: datetime | None
    expires: datetime | None
    """None if never, or not by date."""
    expiry_event: str | None
    """What it expires with."""
    decision: str | None
    """Key and number, as 0xKEY#NUMBER."""
    scope: Terms | None
    """What it was made on: the scope asked of, or a wider one."""
    basis: str | None
    method: str | None
    notice: str | None
    jurisdiction: str | None
    evidence: bytes | None
    recorder: bytes | None
    """The account that recorded it."""
    corrects: int | None
    """Number of the decision it stands for."""
    transaction: bytes | None
    erased: datetime | None
    """When the subject was erased, if that had happened and was known: then nothing is permitted."""


@dataclass(frozen=True)
class Honoured:
    """That a recipient acts on a denial."""

    recipient: str
    honoured_at: datetime
    evidence: bytes | None


@dataclass(frozen=True)
class Past:
    """A decision on record, whether it counts or not."""

    subject: bytes
    purpose: str
    recipient: str
    category: str
    decision: str
    """Key and number, as 0xKEY#NUMBER."""
    number: int
    state: str
    basis: str
    method: str
    effective: datetime
    recorded: datetime
    expires: datetime | None
    expiry_event: str | None
    happened: datetime | None
    """When that event took effect."""
    corrects: int | None
    """Number, on the same key, of the decision it stands for."""
    corrected_by: int | None
    """Number, on the same key, of the decision that stands for it."""
    notice: str | None
    jurisdiction: str | None
    evidence: bytes | None
    recorder: bytes
    transaction: bytes
    block: int
    honoured: list[Honoured]
    """By whom, if it is a denial."""


class _Asked(NamedTuple):
    """Of whom, of what and of when it is asked; UTC seconds."""

    subject: bytes
    ref: str | None
    question: Question
    at: int
    known: int


class _Findings(NamedTuple):
    """What settles each scope asked of, the IRIs of all terms in it, and when the subject was erased."""

    verdicts: Mapping[Scope, Verdict[DecisionRow]]
    names: Mapping[int, str]
    erased: int


def status(
    office: Office,
    subject: bytes,
    purpose: str | None = None,
    recipient: str | None = None,
    category: str | None = None,
    *,
    at: datetime | None = None,
    known: datetime | None = None,
    onchain: bool = False,
) -> list[Answer]:
    """What was in force for a subject at `at` as known at `known`, both now by default.

    Terms are IRIs, or "*". With all three there is one answer; else one for each scope on record that meets
    those given, narrowed to them. `onchain` asks the contract instead of the index.

    Raises BadInput for a time ahead, and what reading the chain raises; NodeInconsistent if the chain's
    answers do not fit together.
    """
    question = Question(purpose, recipient, category)
    then, by = moments(office, at, known)
    office.sync()
    ref = references_at_hand(office, [subject]).get(subject)
    if onchain:
        found = _Findings(*chain.findings(office, subject, question, then, by))
        return _answers(_Asked(subject, ref, question, then, by), found)
    with office.store.reading() as connection:
        return answers(connection, subject, question, at=then, known=by, ref=ref)


def answers(
    connection: Connection, subject: bytes, question: Question, *, at: int, known: int, ref: str | None = None
) -> list[Answer]:
    """The same from the index as it stands, of times in UTC seconds."""
    found = on_record(connection, subject, *question)
    consents: dict[Scope, list[DecisionRow]] = defaultdict(list)
    for row in found.decisions:
        consents[Scope(row.purpose, row.recipient, row.category)].append(row)
    recorded = (scope for scope, lines in consents.items() if any(line.recorded <= known for line in lines))
    # Where a term is given, scopes on record have it or 0. If none has it, 0 finds the same decisions.
    largest = map(max, zip(_ALL, *consents, strict=True))
    numbers = [None if iri is None else number for iri, number in zip(question, largest, strict=True)]
    scopes = scopes_asked(numbers, recorded)
    verdicts = {scope: permission(consents, scope, at, known) for scope in scopes}
    asked = _Asked(subject, ref, question, at, known)
    return _answers(asked, _Findings(verdicts, found.names, found.erased))


def history(
    office: Office,
    subject: bytes,
    purpose: str | None = None,
    recipient: str | None = None,
    category: str | None = None,
) -> list[Past]:
    """Every decision on record of a subject, in the order recorded; with terms, IRIs or "*", those made at
    exactly these. Raises what reading the chain raises.
    """
    office.sync()
    question = Question(purpose, recipient, category)
    with office.store.reading() as connection:
        rows = on_record(connection, subject, *question).decisions
        honoured = list(every_honour(connection, subject))
        terms = {term for row in rows for term in row.terms}
        names = names_of(connection, terms | {one.honoured_by for one in honoured})
    acts: dict[tuple[bytes, int], list[Honoured]] = defaultdict(list)
    for one in honoured:
        act = Honoured(_short(names[one.honoured_by]), _time(one.honoured_at), _word(one.evidence))
        acts[one.decision_key, one.number].append(act)
    corrected = {(_scope(row), row.corrects): row.number for row in rows if row.corrects}
    exact = [
        row
        for row in sorted(rows)
        if all(iri in (None, names[term]) for iri, term in zip(question, _scope(row), strict=True))
    ]
    return [_past(row, names, corrected.get((_scope(row), row.number)), acts) for row in exact]


def moments(office: Office, at: datetime | None, known: datetime | None) -> tuple[int, int]:
    """Both times in UTC seconds, now where there is none. Raises BadInput for one that is ahead."""
    now = office.now()
    # A chain's newest block may be some seconds old: what the clock on the wall says has come, has come.
    latest = max(now, datetime.now(timezone.utc))
    found = []
    for place, given in (("--at", at), ("--known", known)):
        if given is not None and given > latest:
            rule = "lies ahead: nobody knows yet what will be in force; give a time up to now"
            raise BadInput([Problem(place, None, None, _when(given), rule)])
        found.append(int((given or now).timestamp()))
    return found[0], found[1]


def references_at_hand(office: Office, subjects: Collection[bytes]) -> dict[bytes, str]:
    """Customer references by subject, of those that have one; none where the key to them is elsewhere."""
    try:
        return references_of(office, subjects)
    except BadSetting:
        return {}


def describe(answer: Answer) -> str:
    """The answer in a few sentences."""
    verdict = "PERMITTED" if answer.permitted else "NOT PERMITTED"
    about = _about(_asked(answer))
    said = [f"{about[0].upper()}{about[1:]}: {verdict}."]
    if answer.erased is not None:
        said.append(f"The subject was erased on {_when(answer.erased)}: nothing is permitted.")
    said.append("Nothing is on record." if answer.decision is None else _decision(answer))
    return " ".join(said)


def _answers(asked: _Asked, found: _Findings) -> list[Answer]:
    """The answers, in order of purpose, recipient and category."""
    is_erased = 0 < found.erased <= min(asked.at, asked.known)
    times = _time(asked.at), _time(asked.known)
    erased = _time(found.erased) if is_erased else None
    answers = []
    for scope, verdict in found.verdicts.items():
        # A term given may have no number, and so no name among those found.
        iris = [iri or found.names[term] for iri, term in zip(asked.question, scope, strict=True)]
        place = [_short(iri) for iri in iris]
        permitted = verdict.permitted and not is_erased
        fields: list[Any] = [*place, *times, permitted, *_settled(verdict, found.names), erased]
        answers.append(Answer(asked.subject, asked.ref, *fields))
    return sorted(answers, key=_ORDER)


def _settled(verdict: Verdict[DecisionRow], names: Mapping[int, str]) -> tuple[Any, ...]:
    """The fields of an answer from `state` to `transaction`: a tuple, as answering is to take no time."""
    row = verdict.decision
    if row is None or verdict.state is None:
        return _NOTHING
    notice, jurisdiction, event = _side_names(row, names)
    return (
        _STATES[verdict.state],
        _STATES[row.state],
        _time(row.effective),
        _time(row.recorded),
        _time(row.expires) if row.expires else None,
        event,
        _decision_id(row),
        Terms(*[_short(names[term]) for term in _scope(row)]),
        _BASES[row.basis],
        _METHODS[row.method],
        notice,
        jurisdiction,
        _word(row.evidence),
        row.recorder,
        row.corrects or None,
        row.tx,
    )


_short = lru_cache(4_096)(short_name)
_STATES: dict[int, str] = {one: one.text for one in State}
_BASES: dict[int, str] = {one: one.text for one in Basis}
_METHODS: dict[int, str] = {one: one.text for one in Method}
_NOTHING = (UNKNOWN, *[None] * 15)


def _past(
    row: DecisionRow,
    names: Mapping[int, str],
    corrected_by: int | None,
    acts: Mapping[tuple[bytes, int], list[Honoured]],
) -> Past:
    """A decision on record, in words."""
    purpose, recipient, category = (_short(names[term]) for term in _scope(row))
    notice, jurisdiction, event = _side_names(row, names)
    return Past(
        subject=row.subject,
        purpose=purpose,
        recipient=recipient,
        category=category,
        decision=_decision_id(row),
        number=row.number,
        state=_STATES[row.state],
        basis=_BASES[row.basis],
        method=_METHODS[row.method],
        effective=_time(row.effective),
        recorded=_time(row.recorded),
        expires=_time(row.expires) if row.expires else None,
        happened=_time(row.happened) if row.happened else None,
        corrects=row.corrects or None,
        corrected_by=corrected_by,
        evidence=_word(row.evidence),
        recorder=row.recorder,
        transaction=row.tx,
        block=row.block,
        expiry_event=event,
        notice=notice,
        jurisdiction=jurisdiction,
        honoured=list(acts.get((key_of(row.subject, _scope(row)), row.number), ())),
    )


def _side_names(row: DecisionRow, names: Mapping[int, str]) -> list[str | None]:
    """What is named beside the scope of a decision: notice, jurisdiction and the event it expires with."""
    sides = (row.notice, row.jurisdiction, row.expiry_event)
    return [_short(names[term]) if term else None for term in sides]


def _scope(row: DecisionRow) -> Scope:
    """The scope a decision was made on."""
    return Scope(row.purpose, row.recipient, row.category)


def _decision_id(row: DecisionRow) -> str:
    """Key and number."""
    return f"0x{key_of(row.subject, _scope(row)).hex()}#{row.number}"


def _word(evidence: bytes) -> bytes | None:
    """Evidence; None for the zero that stands for none."""
    return evidence if any(evidence) else None


def _time(seconds: int) -> datetime:
    """A moment from Unix seconds."""
    return datetime.fromtimestamp(seconds, timezone.utc)


# --- in words


def _decision(answer: Answer) -> str:
    """The sentence on the decision that settles an answer."""
    method, basis = _how(answer.method or ""), (answer.basis or "").replace("-", " ")
    grounds = [("basis", basis), ("notice", answer.notice), ("jurisdiction", answer.jurisdiction)]
    under = ", ".join(f"{name} {value}" for name, value in grounds if value)
    said = f"{answer.decided} on {_when(answer.effective)} {method} ({under})"
    if answer.state != answer.decided:
        said = f"{answer.state}: {said}"
    parts = [said[0].upper() + said[1:]]
    if answer.scope is not None and answer.scope != _asked(answer):
        parts.append(f"for {_about(answer.scope)}")
    parts.append(f"recorded {_when(answer.recorded)}")
    if answer.expires is not None:
        parts.append(f"until {_when(answer.expires)}")
    elif answer.expiry_event is not None:
        is_over = answer.state != answer.decided
        parts.append(f"ended by {answer.expiry_event}" if is_over else f"until {answer.expiry_event} happens")
    return f"{', '.join(parts)}; {_proof(answer)}."


def _how(method: str) -> str:
    """How a subject said it: by web form, on paper, in person."""
    words = method.replace("-", " ")
    return {"in person": words, "paper": f"on {words}"}.get(words, f"by {words}")


def _proof(answer: Answer) -> str:
    """Where the decision is found, and on what it rests."""
    instead = f" in place of #{answer.corrects}" if answer.corrects else ""
    evidence = "no evidence" if answer.evidence is None else f"evidence 0x{answer.evidence.hex()}"
    transaction = f"transaction 0x{(answer.transaction or b'').hex()}"
    return f"decision {answer.decision}{instead}, {evidence}, {transaction}"


def _asked(answer: Answer) -> Terms:
    """The scope that an answer is about."""
    return Terms(answer.purpose, answer.recipient, answer.category)


def _about(terms: Terms) -> str:
    """A scope in words."""
    purpose = "all purposes" if terms.purpose == ALL else terms.purpose
    recipient = "all recipients" if terms.recipient == ALL else terms.recipient
    category = "all data" if terms.category == ALL else terms.category
    return f"{purpose} by {recipient} of {category}"


def _when(moment: datetime | None) -> str:
    """A time as 2027-01-31T00:00:00Z; nothing where there is none."""
    return "" if moment is None else iso(moment)
