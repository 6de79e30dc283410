"""What happens around decisions: corrected, capped, honoured by recipients, ended by an event, paused."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from troth.chain.transactions import Receipt
from troth.consent import terms
from troth.consent.decisions import DENIALS, ELSEWHERE, GRANTS, Basis, Method, Scope, State, key_of
from troth.consent.intake import notice_of
from troth.consent.record import (
    NO_EVIDENCE,
    Recorded,
    Said,
    check_said,
    entry_of,
    happening_of,
    keep_notice,
    moment_of,
    numbers_for,
    recorded_in,
    subject_of,
)
from troth.errors import BadInput, Problem
from troth.identity.evidence import Content, draft
from troth.identity.vault import Vault
from troth.intake import iso_second
from troth.office import Office
from troth.store import consents as stored
from troth.store import schema
from troth.store.terms import names_of

__all__ = [
    "Changes",
    "Closed",
    "Honoured",
    "close",
    "correct",
    "expiry_event",
    "honour",
    "pause",
    "resume",
    "set_cap",
]

_DAY = 86_400
_MAX_DAYS = (2**32 - 1) // _DAY


@dataclass(frozen=True)
class Changes:
    """What a correction says otherwise; None leaves it as it was. Times UTC seconds, IRIs for terms."""

    state: State | None = None
    basis: Basis | None = None
    method: Method | None = None
    effective: int | None = None
    expires: int | None = None
    """0 for never."""
    notice: Content | None = None
    jurisdiction: str | None = None


@dataclass(frozen=True)
class Closed:
    """That what consents expire with has happened."""

    iri: str
    effective: datetime
    transaction: str | None
    """None if it was recorded before."""


@dataclass(frozen=True)
class Honoured:
    """That a recipient acts on a denial."""

    subject: bytes
    key: bytes
    number: int
    recipient: str
    """IRI."""
    honoured_at: datetime
    transaction: str | None
    """None if it was recorded before."""


def correct(
    office: Office,
    subject: str,
    scope: tuple[str, str, str],
    number: int,
    changes: Changes,
    *,
    evidence: Content | None = None,
) -> Recorded:
    """Records a decision in the place of decision `number` on the same key, by a compliance officer.

    `scope` is purpose, recipient and category as IRIs. Raises BadInput, ConsentsPaused, MissingRole, and what
    sending raises.
    """
    who = subject_of(office, subject)
    office.sync()
    numbers = _scope(office, scope)
    row = _decision(office, who, numbers, number)
    said = _changed(office, scope, row, changes)
    check_said(office, said, is_capped=False)
    _check_method(said.method, row)
    if changes.notice is not None:
        keep_notice(office, said.notice, changes.notice)
    word = draft(office, who, evidence)
    entry = entry_of(said, numbers_for(office, said)).word
    registry = office.contract("ConsentRegistry")
    call = registry.prepare("correct", (who, entry, word), number, label=f"correct decision {number}")
    (receipt,) = office.sender.send([call])
    return recorded_in(office, receipt)


def set_cap(office: Office, jurisdiction: str, purpose: str, days: int) -> str:
    """Lets grants for a purpose in a jurisdiction, both IRIs, last `days` at most, 0 for any time.

    The transaction's hash. Raises BadInput, MissingRole.
    """
    if not 0 <= days <= _MAX_DAYS:
        raise BadInput([Problem("--days", None, None, str(days), f"write 0 to {_MAX_DAYS}; 0 for no cap")])
    numbers = terms.numbers_of(office, [jurisdiction, purpose])
    return _send(office, "setExpiryCap", numbers[jurisdiction], numbers[purpose], days * _DAY).hash


def expiry_event(office: Office, reference: str) -> str:
    """The IRI, random, that stands for the closing of the claim `reference`; made if there is none."""
    digest = Vault.of(office).digest(_EXPIRY, reference)
    with office.store.writing() as connection:
        return stored.save_expiry_event(connection, uuid.uuid4().urn, digest)


def close(office: Office, reference: str, at: int = 0) -> Closed:
    """Records that the claim `reference` closed at `at`, UTC seconds, 0 for now: what expires with it has.

    Raises BadInput where nothing expires with it, for a time ahead, and for another time than was recorded;
    MissingRole.
    """
    vault = Vault.of(office)
    with office.store.reading() as connection:
        iri = stored.expiry_event(connection, vault.digest(_EXPIRY, reference))
    if iri is None:
        raise BadInput([Problem("CLAIM_REF", None, None, None, "no consent expires with this claim")])
    if (happened := happening_of(office, iri)) is not None:
        if at not in {0, happened.effective}:
            reason = f"it closed {iso_second(happened.effective)}, which stands"
            raise BadInput([Problem("--at", None, None, iso_second(at), reason)])
        return Closed(iri, _moment(happened.effective), None)
    _check_past(office, at)
    number = terms.numbers_of(office, [iri])[iri]
    receipt = _send(office, "recordExpiryEvent", number, at)
    (event,) = office.contract("ConsentRegistry").events(receipt, "ExpiryEventHappened")
    return Closed(iri, _moment(event.arguments.effective), receipt.hash)


def honour(
    office: Office,
    subject: str,
    scope: tuple[str, str, str],
    by: str,
    *,
    number: int | None = None,
    at: int = 0,
    evidence: Content | None = None,
) -> Honoured:
    """Records that recipient `by`, an IRI, acts on a denial since `at`, UTC seconds, 0 for now.

    The denial is decision `number` of the key of subject and `scope`, or the last one on it. Raises BadInput,
    MissingRole, and what sending raises.
    """
    who = subject_of(office, subject)
    office.sync()
    numbers = _scope(office, scope)
    row = _denial(office, who, numbers, number)
    if scope[1] not in {terms.ALL, by}:
        reason = f"the denial is meant for {terms.short_name(scope[1])}"
        raise BadInput([Problem("--by", None, None, terms.short_name(by), reason)])
    recipient = terms.numbers_of(office, [by])[by]
    if (before := _honoured_before(office, who, numbers, row.number, recipient)) is not None:
        return Honoured(who, key_of(who, numbers), row.number, by, _moment(before), None)
    _check_past(office, at)
    at = at or int(office.now().timestamp())
    if at < row.effective:
        reason = f"before the denial takes effect, {iso_second(row.effective)}"
        raise BadInput([Problem("--at", None, None, iso_second(at), reason)])
    word = NO_EVIDENCE if evidence is None else draft(office, who, evidence)
    receipt = _send(office, "honour", [(who, *numbers, row.number, recipient, at, word)])
    return Honoured(who, key_of(who, numbers), row.number, by, _moment(at), receipt.hash)


def pause(office: Office) -> str:
    """Stops all but denials; the transaction's hash. Raises MissingRole."""
    return _send(office, "pause").hash


def resume(office: Office) -> str:
    """Ends a pause; the transaction's hash. Raises MissingRole."""
    return _send(office, "unpause").hash


_EXPIRY = b"expiry event"


def _send(office: Office, function: str, *arguments: Any) -> Receipt:
    """Sends one call, tried by the node first: a refusal then costs nothing."""
    registry = office.contract("ConsentRegistry")
    (receipt,) = office.sender.send([registry.prepare(function, *arguments)])
    return receipt


def _scope(office: Office, iris: tuple[str, str, str]) -> Scope:
    """A scope by number. Raises BadInput for terms that no decision can be on."""
    numbers = terms.numbers_of(office, iris, define=False)
    problems = [
        Problem(f"--{name}", None, None, terms.short_name(iri), "no decision names it")
        for name, iri in zip(Scope._fields, iris, strict=True)
        if iri not in numbers
    ]
    if problems:
        raise BadInput(problems)
    return Scope(*(numbers[iri] for iri in iris))


def _decisions(office: Office, subject: bytes, scope: Scope) -> Sequence[Any]:
    """The decisions on a key, as far as the index has read, in order of number."""
    table = schema.decisions
    wanted = (
        select(table)
        .where(table.c.subject == subject, table.c.purpose == scope.purpose)
        .where(table.c.recipient == scope.recipient, table.c.category == scope.category)
        .order_by(table.c.number)
    )
    with office.store.reading() as connection:
        return connection.execute(wanted).all()


def _decision(office: Office, subject: bytes, scope: Scope, number: int) -> Any:
    """Decision `number` on a key, which no other corrects. Raises BadInput."""
    rows = _decisions(office, subject, scope)
    if not 1 <= number <= len(rows):
        reason = f"no such decision: there are {len(rows)} on this subject, purpose, recipient and category"
        raise BadInput([Problem("--number", None, None, str(number), reason)])
    for later in rows:
        if later.corrects == number:
            reason = f"corrected by decision {later.number}: correct that one"
            raise BadInput([Problem("--number", None, None, str(number), reason)])
    return rows[number - 1]


def _check_method(method: Method, row: Any) -> None:
    """Raises BadInput for a method that says the subject's own key decided what it did not."""
    if method not in ELSEWHERE and method != row.method:
        words = ", ".join(one.text for one in Method if one in ELSEWHERE or one == row.method)
        raise BadInput([Problem("--method", None, None, method.text, f"here write one of {words}")])


def _denial(office: Office, subject: bytes, scope: Scope, number: int | None) -> Any:
    """The denial of that number, or the last one, on a key. Raises BadInput."""
    denials = [row for row in _decisions(office, subject, scope) if row.state in DENIALS]
    wanted = [row for row in denials if number in {None, row.number}]
    if wanted:
        return wanted[-1]
    known = ", ".join(str(row.number) for row in denials)
    reason = f"no denial; those on this key: {known}" if known else "nothing was denied on this key"
    value = None if number is None else str(number)
    raise BadInput([Problem("--number", None, None, value, reason)])


def _changed(office: Office, scope: tuple[str, str, str], row: Any, changes: Changes) -> Said:
    """What a correction says: the decision corrected, with the changes."""
    with office.store.reading() as connection:
        names = names_of(connection, {row.notice, row.jurisdiction, row.expiry_event})
    names[0] = ""  # beside a scope, none is not all
    said = Said(
        *scope,
        State(row.state),
        Basis(row.basis),
        Method(row.method),
        effective=row.effective,
        expires=row.expires,
        expiry_event=names[row.expiry_event],
        notice=names[row.notice],
        jurisdiction=names[row.jurisdiction],
    )
    if changes.expires is not None:
        said = replace(said, expiry_event="")
    if changes.notice is not None:
        said = replace(said, notice=notice_of(changes.notice))
    plain = ("state", "basis", "method", "effective", "expires", "jurisdiction")
    said_otherwise = {name: value for name in plain if (value := getattr(changes, name)) is not None}
    said = replace(said, **said_otherwise)
    return said if said.state in GRANTS else replace(said, expiry_event="")  # only grants expire with one


def _honoured_before(office: Office, subject: bytes, scope: Scope, number: int, recipient: int) -> int | None:
    """Since when a recipient honours a denial, if that is on record already."""
    table = schema.honours
    wanted = select(table.c.honoured_at).where(
        table.c.decision_key == key_of(subject, scope),
        table.c.number == number,
        table.c.honoured_by == recipient,
    )
    with office.store.reading() as connection:
        found = connection.execute(wanted.limit(1)).scalar()
    return None if found is None else int(found)


def _check_past(office: Office, at: int) -> None:
    """Raises BadInput for a time ahead."""
    now = int(office.now().timestamp())
    if at > now:
        reason = f"in the future: on the chain it is {iso_second(now)}"
        raise BadInput([Problem("--at", None, None, iso_second(at), reason)])


def _moment(second: int) -> datetime:
    """A time that there is."""
    moment = moment_of(second)
    assert moment is not None  # noqa: S101  zero is no time that anything happened
    return moment
