"""What the consent registry itself answers, at one block, for whoever does not trust the index.

Which scopes a subject has decided on, and what is said of a decision beside the contract's own record (its
notice, evidence, recorder, transaction), comes from the node's logs. The index gives only the IRIs behind
the numbers of terms, and the contract confirms each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from troth.chain.contracts import Contract
from troth.consent.decisions import DENIALS, GRANTS, Decision, Scope, State, key_of, wider_scopes
from troth.consent.terms import ALL
from troth.consent.timeline import NO_TERM, Question, Verdict, scopes_asked
from troth.errors import NodeInconsistent
from troth.index.logs import LogReader
from troth.office import Office
from troth.store.decisions import DecisionRow
from troth.store.terms import names_of

__all__ = ["findings"]

_PAGE = 500
"""Decisions asked for in one call: some two million gas."""

Call = tuple[str, Sequence[Any]]
Found = tuple[dict[Scope, Verdict[DecisionRow]], dict[int, str], int]


def findings(office: Office, subject: bytes, question: Question, at: int, known: int) -> Found:
    """What settles each scope asked of, the IRIs of all terms in it, and when the subject was erased.

    Times in UTC seconds. Raises NodeInconsistent where views, logs and the names in the index do not fit
    together, and what reading the chain raises.
    """
    return _Reader.of(office).findings(subject, question, at, known)


@dataclass(frozen=True)
class _Reader:
    """The contracts as of `block`."""

    office: Office
    consents: Contract
    block: int

    @classmethod
    def of(cls, office: Office) -> _Reader:
        """As of the newest block."""
        return cls(office, office.contract("ConsentRegistry"), int(office.node.call("eth_blockNumber"), 16))

    def findings(self, subject: bytes, question: Question, at: int, known: int) -> Found:
        """See the function."""
        numbers = self._numbers(question)
        erased = self._call([("erasedAt", (subject,))], self.office.contract("Subjects"))[0]
        rows = self._on_record(subject)
        recorded = [scope for scope, lines in rows.items() if lines[0].recorded <= known]
        scopes = scopes_asked(numbers, recorded)
        found = self._settled(subject, scopes, rows, at, known)
        self._check_permissions(subject, found, at, known, is_erased=0 < erased <= min(at, known))
        terms = {term for scope in scopes for term in scope} - {NO_TERM}
        for verdict in found.values():
            if (row := verdict.decision) is not None:
                terms |= set(row.terms)
        return found, self._names(terms), erased

    def _settled(
        self,
        subject: bytes,
        scopes: Sequence[Scope],
        rows: Mapping[Scope, Sequence[DecisionRow]],
        at: int,
        known: int,
    ) -> dict[Scope, Verdict[DecisionRow]]:
        """What settles each scope, by what `statusAt` says of it and of every wider one."""
        wider = list(dict.fromkeys(one for scope in scopes for one in wider_scopes(scope)))
        answers = self._call([("statusAt", (key_of(subject, one), at, known)) for one in wider])
        in_force = {one: status for one, status in zip(wider, answers, strict=True) if status.state}
        found = {}
        for scope in scopes:
            bearing = [one for one in wider_scopes(scope) if one in in_force]
            denials = [one for one in bearing if in_force[one].state in DENIALS]
            grants = [one for one in bearing if in_force[one].state in GRANTS]
            if not bearing:
                found[scope] = Verdict[DecisionRow](False, None, None)
                continue
            settling = denials[0] if denials else grants[-1] if grants else bearing[-1]
            status = in_force[settling]
            row = _numbered(rows.get(settling, ()), status.decision)
            found[scope] = Verdict(bool(grants and not denials), row, State(status.state))
        return found

    def _check_permissions(
        self,
        subject: bytes,
        found: Mapping[Scope, Verdict[DecisionRow]],
        at: int,
        known: int,
        *,
        is_erased: bool,
    ) -> None:
        """Holds what was found to what `permissionAt` says."""
        said = self._call([("permissionAt", (subject, *scope, at, known)) for scope in found])
        for (scope, verdict), answer in zip(found.items(), said, strict=True):
            expected: tuple[bool, bytes, int] = (False, bytes(32), 0)
            row = verdict.decision
            if row is not None and verdict.state in DENIALS | GRANTS and not is_erased:
                expected = (verdict.permitted, key_of(subject, _scope(row)), row.number)
            if tuple(answer) != expected:
                raise NodeInconsistent(f"permissionAt and statusAt differ on scope {tuple(scope)}")

    def _on_record(self, subject: bytes) -> dict[Scope, list[DecisionRow]]:
        """The subject's decisions by scope in order of number, as logged, held to `history`."""
        found: dict[Scope, list[DecisionRow]] = {}
        for row in self._logged(subject):
            found.setdefault(_scope(row), []).append(row)
        for scope, lines in found.items():
            if [_as_shown(row) for row in lines] != self._history(key_of(subject, scope)):
                raise NodeInconsistent(f"logs and history differ on scope {tuple(scope)}")
        events = sorted({row.expiry_event for lines in found.values() for row in lines} - {0})
        happened = self._call([("happening", (event,)) for event in events])
        heard = {
            event: {"happened": one.effective, "heard": one.recorded}
            for event, one in zip(events, happened, strict=True)
        }
        return {
            scope: [row._replace(**heard.get(row.expiry_event, {})) for row in lines]
            for scope, lines in found.items()
        }

    def _logged(self, subject: bytes) -> Iterator[DecisionRow]:
        """Every decision the node has a log of, in order."""
        topics = [f"0x{word.hex()}" for word in (self.consents.topic("DecisionRecorded"), subject)]
        wanted = {"address": self.consents.address, "topics": topics}
        reader = LogReader(self.office.node)
        first = self.office.deployment.block
        while first <= self.block:
            end, (logs,) = reader.read([wanted], first, self.block)
            yield from (_logged_row(self.consents, log) for log in logs)
            first = end + 1

    def _history(self, key: bytes) -> list[tuple[int, ...]]:
        """The contract's own list of decisions on a key."""
        found: list[tuple[int, ...]] = []
        while True:
            (page,) = self._call([("history", (key, len(found) + 1, _PAGE))])
            found += map(tuple, page)
            if len(page) < _PAGE:
                return found

    def _numbers(self, question: Question) -> list[int | None]:
        """The number of each term given."""
        iris = [iri for iri in question if iri is not None and iri != ALL]
        numbers = dict(zip(iris, self._call([("termOf", (iri,)) for iri in iris]), strict=True))
        return [None if iri is None else 0 if iri == ALL else numbers[iri] or NO_TERM for iri in question]

    def _names(self, terms: Iterable[int]) -> dict[int, str]:
        """The IRIs of terms, from the index, each confirmed by the contract."""
        with self.office.store.reading() as connection:
            names = names_of(connection, {0, *terms})
        known = [term for term in names if term]
        confirmed = self._call([("termOf", (names[term],)) for term in known])
        if known != confirmed or set(terms) - set(names):
            raise NodeInconsistent("the names of terms in the index are not those on the chain")
        return names

    def _call(self, calls: Sequence[Call], contract: Contract | None = None) -> list[Any]:
        """What views answer as of the block."""
        return (contract or self.consents).call_many(calls, block=self.block)


def _logged_row(consents: Contract, log: Mapping[str, Any]) -> DecisionRow:
    """A decision as its event tells it."""
    event = consents.decode_log(log)
    if event is None:
        raise NodeInconsistent("it answered with a log that is no decision")
    said = event.arguments
    recorder = bytes.fromhex(said.by[2:])
    decision = Decision.of(said.subject, recorder, said.entry, said.numberAndDecision, said.evidence)
    return DecisionRow(
        block=event.block,
        log=event.index,
        tx=bytes.fromhex(event.transaction[2:]),
        subject=decision.subject,
        **decision.scope._asdict(),
        number=decision.number,
        state=decision.state,
        basis=decision.basis,
        method=decision.method,
        effective=decision.effective,
        recorded=decision.recorded,
        expires=decision.expires,
        expiry_event=decision.expiry_event,
        notice=decision.notice,
        jurisdiction=decision.jurisdiction,
        corrects=decision.corrects,
        recorder=decision.recorder,
        evidence=decision.evidence,
        happened=0,
        heard=0,
        erased=0,
    )


def _numbered(rows: Sequence[DecisionRow], shown: Any) -> DecisionRow:
    """Of the logged decisions, the one a view shows. Raises NodeInconsistent if it is not among them."""
    for row in rows:
        if _as_shown(row) == tuple(shown):
            return row
    raise NodeInconsistent(f"statusAt tells of a decision, number {shown.number}, that has no log")


def _as_shown(row: DecisionRow) -> tuple[int, ...]:
    """A decision field by field, as the contract's views show it."""
    return (
        row.number,
        row.state,
        row.basis,
        row.method,
        row.effective,
        row.recorded,
        row.expires,
        row.expiry_event,
        row.corrects,
    )


def _scope(row: DecisionRow) -> Scope:
    """The scope a decision was made on."""
    return Scope(row.purpose, row.recipient, row.category)
