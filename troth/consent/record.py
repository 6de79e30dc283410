"""Recording one decision: by an operator, for a subject who decided elsewhere, or by the subject's own key.

Everything that would be refused is found before anything is sent, by the place where the user gave it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from troth.addresses import parse_address
from troth.chain.transactions import Receipt
from troth.consent import terms
from troth.consent.decisions import DENIALS, GRANTS, OWN_STATES, Basis, Decision, Entry, Method, Scope, State
from troth.consent.intake import notice_of
from troth.errors import BadInput, ConsentsPaused, Problem
from troth.identity import evidence as evidences
from troth.identity import subjects
from troth.identity.evidence import Content
from troth.intake import iso_second
from troth.office import Office
from troth.store import consents as stored
from troth.store.terms import names_of

__all__ = [
    "NO_EVIDENCE",
    "PLACES",
    "Recorded",
    "Said",
    "beyond_cap",
    "cap_of",
    "check_own",
    "check_paused",
    "check_said",
    "check_speaker",
    "entry_of",
    "happening_of",
    "keep_notice",
    "moment_of",
    "numbers_for",
    "record",
    "record_own",
    "recorded_in",
    "subject_of",
]

NO_EVIDENCE = bytes(32)
_DAY = 86_400

PLACES = {
    "subject": "--subject",
    "purpose": "--purpose",
    "recipient": "--recipient",
    "category": "--category",
    "effective": "--effective",
    "expires": "--expires",
    "jurisdiction": "--jurisdiction",
    "notice": "--notice",
    "expiry_event": "--expires-with",
}
"""What problems call the places of a decision: options of the command line by default."""


@dataclass(frozen=True)
class Said:
    """A decision in words. Terms as IRIs, "*" for all of the first three and "" for none of the rest; times
    UTC seconds.
    """

    purpose: str
    recipient: str
    category: str
    state: State
    basis: Basis
    method: Method
    """Of what is signed or sent by a wallet of one's own, whatever it is here: that one."""
    effective: int = 0
    """0 for when it is recorded."""
    expires: int = 0
    """0 for never."""
    expiry_event: str = ""
    """What it expires with, instead of a time."""
    notice: str = ""
    jurisdiction: str = ""

    @property
    def iris(self) -> list[str]:
        """The terms it uses, each once."""
        named = (
            self.purpose,
            self.recipient,
            self.category,
            self.notice,
            self.jurisdiction,
            self.expiry_event,
        )
        return list(dict.fromkeys(iri for iri in named if iri))


@dataclass(frozen=True)
class Recorded:
    """A decision that a transaction put on record."""

    decision: Decision
    transaction: str
    gas_used: int


def record(
    office: Office,
    subject: str,
    said: Said,
    *,
    notice: Content | None = None,
    evidence: Content | None = None,
) -> Recorded:
    """Records what a subject (0x-id or customer reference) decided elsewhere; the office is an operator.

    `notice` and `evidence` are kept, the evidence sealed. Raises BadInput, ConsentsPaused, MissingRole, and
    what sending raises.
    """
    who = subject_of(office, subject)
    said = said if notice is None else replace(said, notice=notice_of(notice))
    check_said(office, said)
    if notice is not None:
        keep_notice(office, said.notice, notice)
    numbers = numbers_for(office, said)
    word = evidences.draft(office, who, evidence)
    registry = office.contract("ConsentRegistry")
    entry = entry_of(said, numbers).word
    # Without a gas limit of ours the node tries it first: a refusal then costs nothing.
    call = registry.prepare("recordFor", [(who, entry, word)], label="record a decision")
    (receipt,) = office.sender.send([call])
    return recorded_in(office, receipt)


def record_own(office: Office, subject: str, said: Said, *, notice: Content | None = None) -> Recorded:
    """Records a decision by the office's own key, a wallet of the subject or of their representative.

    Raises BadInput, also for a key that may not speak for the subject on these terms and for terms that no
    operator has defined; ConsentsPaused; and what sending raises.
    """
    who = subject_of(office, subject)
    check_own(said.state)
    said = replace(said, method=Method.WALLET)
    said = said if notice is None else replace(said, notice=notice_of(notice))
    check_said(office, said)
    numbers = numbers_for(office, said, define=False)
    entry = entry_of(said, numbers)
    check_speaker(office, who, office.sender.address, entry.scope, place="--own")
    registry = office.contract("ConsentRegistry")
    call = registry.prepare("record", (who, entry.word, NO_EVIDENCE), label="record an own decision")
    (receipt,) = office.sender.send([call])
    return recorded_in(office, receipt)


# --- what must hold before anything is sent


def subject_of(office: Office, text: str, *, place: str = "--subject") -> bytes:
    """The subject that `text` names. Raises BadInput if there is none, or it was erased."""
    subject = subjects.resolve(office, text, place=place)
    if erased_at := office.contract("Subjects").call("erasedAt", subject):
        reason = f"erased {iso_second(erased_at)}: nothing more is recorded of this subject"
        raise BadInput([Problem(place, None, None, text, reason)])
    return subject


def check_said(
    office: Office, said: Said, places: Mapping[str, str] = PLACES, *, is_capped: bool = True
) -> None:
    """Raises BadInput for times out of order and a grant beyond its cap, ConsentsPaused as `check_paused`."""
    now = int(office.now().timestamp())
    effective = said.effective or now
    problems = []
    if effective > now:
        rule = f"in the future: on the chain it is {iso_second(now)}"
        problems.append(Problem(places["effective"], None, None, iso_second(effective), rule))
    if 0 < said.expires <= effective:
        rule = f"expires before it takes effect, or at once: that is {iso_second(effective)}"
        problems.append(Problem(places["expires"], None, None, iso_second(said.expires), rule))
    elif is_capped and said.expires and said.state in GRANTS and said.jurisdiction:
        cap = cap_of(office, said.jurisdiction, said.purpose)
        if cap and said.expires > effective + cap:
            rule = beyond_cap(said.jurisdiction, cap, effective)
            problems.append(Problem(places["expires"], None, None, iso_second(said.expires), rule))
    if said.expiry_event and (reason := _event_rule(office, said, effective)):
        problems.append(Problem(places["expiry_event"], None, None, None, reason))
    if problems:
        raise BadInput(problems)
    check_paused(office, said.state)


def _event_rule(office: Office, said: Said, effective: int) -> str | None:
    """The rule that the event breaks with which a decision is to expire, None if it breaks none."""
    if said.state not in GRANTS:
        return f"what is {said.state.text} ends with no claim: leave it out"
    happened = happening_of(office, said.expiry_event)
    if happened is not None and happened.effective <= effective:
        return f"this claim closed {iso_second(happened.effective)}: write a time with --expires instead"
    return None


def happening_of(office: Office, iri: str) -> Any | None:
    """When an expiry event happened and was recorded, None if it has not."""
    number = terms.numbers_of(office, [iri], define=False).get(iri)
    if number is None:
        return None
    happening = office.contract("ConsentRegistry").call("happening", number)
    return happening if happening.recorded else None


def check_paused(office: Office, *states: State) -> None:
    """Raises ConsentsPaused if the registry takes denials only, and one of `states` is none."""
    if any(state not in DENIALS for state in states) and office.contract("ConsentRegistry").call("paused"):
        raise ConsentsPaused


def check_own(state: State) -> None:
    """Raises BadInput for a state that is not a subject's own to decide."""
    if state not in OWN_STATES:
        words = ", ".join(one.text for one in State if one in OWN_STATES)
        raise BadInput([Problem("--state", None, None, state.text, f"a subject's own decision is {words}")])


def check_speaker(office: Office, subject: bytes, account: str, scope: Scope, *, place: str) -> None:
    """Raises BadInput unless `account` may decide now for the subject on these terms, saying why not."""
    contract = office.contract("Subjects")
    if contract.call("speaksFor", account, subject, *scope):
        return
    mandate = contract.call("mandateOf", subject, account)
    if not mandate.capacity:
        rule = "neither a wallet of this subject nor of a representative"
    elif mandate.expires and mandate.expires <= office.now().timestamp():
        rule = f"the representative's mandate ended {iso_second(mandate.expires)}"
    else:
        with office.store.reading() as connection:
            limits = names_of(connection, [mandate.purpose, mandate.recipient, mandate.category])
        words = [
            f"{name} {terms.short_name(limits.get(term, str(term)))}"
            for name, term in zip(
                Scope._fields, (mandate.purpose, mandate.recipient, mandate.category), strict=True
            )
        ]
        rule = f"out of the representative's scope: {', '.join(words)}"
    raise BadInput([Problem(place, None, None, account, rule)])


def cap_of(office: Office, jurisdiction: str, purpose: str) -> int:
    """How long a grant may last, in seconds, 0 for any time: for the purpose, or else for all of them."""
    numbers = terms.numbers_of(office, {jurisdiction, purpose, terms.ALL}, define=False)
    if jurisdiction not in numbers:
        return 0  # no cap is set on what is not defined
    places = [numbers[iri] for iri in (purpose, terms.ALL) if iri in numbers]
    calls = [("expiryCap", (numbers[jurisdiction], place)) for place in places]
    caps = office.contract("ConsentRegistry").call_many(calls)
    return next((int(cap) for cap in caps if cap), 0)


def beyond_cap(jurisdiction: str, cap: int, effective: int) -> str:
    """The rule that a grant breaks."""
    return (
        f"beyond the statutory cap of {terms.short_name(jurisdiction)}, {cap / _DAY:g} days: "
        f"at most {iso_second(effective + cap)}"
    )


# --- from words to the contract's word, and back


def numbers_for(
    office: Office, said: Said, *, define: bool = True, places: Mapping[str, str] = PLACES
) -> dict[str, int]:
    """The numbers of its terms. New ones are defined; or else refused by BadInput."""
    numbers = terms.numbers_of(office, said.iris, define=define)
    problems = [
        Problem(places[name], None, None, iri, "no such term on the chain: an operator's record defines it")
        for name in ("purpose", "recipient", "category", "notice", "jurisdiction")
        if (iri := getattr(said, name)) and iri not in numbers
    ]
    if problems:
        raise BadInput(problems)
    return numbers


def entry_of(said: Said, numbers: Mapping[str, int]) -> Entry:
    """The decision with its terms by number."""
    return Entry(
        Scope(numbers[said.purpose], numbers[said.recipient], numbers[said.category]),
        numbers.get(said.notice, 0),
        numbers.get(said.jurisdiction, 0),
        said.effective,
        said.expires,
        numbers.get(said.expiry_event, 0),
        said.method,
        said.basis,
        said.state,
    )


def recorded_in(office: Office, receipt: Receipt) -> Recorded:
    """The one decision that a transaction recorded."""
    (event,) = office.contract("ConsentRegistry").events(receipt, "DecisionRecorded")
    said: Any = event.arguments
    decision = Decision.of(
        said.subject, parse_address(said.by), said.entry, said.numberAndDecision, said.evidence
    )
    return Recorded(decision, receipt.hash, receipt.gas_used)


def keep_notice(office: Office, iri: str, notice: Content) -> None:
    """Keeps the text that an IRI names by its hash, before the IRI is on the chain."""
    with office.store.writing() as connection:
        stored.save_notice(connection, iri, notice.name, notice.media_type, notice.data)


def moment_of(second: int) -> datetime | None:
    """A time; None for 0."""
    return datetime.fromtimestamp(second, timezone.utc) if second else None
