"""An index filled by hand, for tests of what is read from it without a chain."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import count
from typing import Any, NamedTuple

from support.defaults import DAY, START
from troth.consent.decisions import Basis, Method, Scope, State, key_of
from troth.consent.terms import category_iri, jurisdiction_iri, purpose_iri, recipient_iri
from troth.store import Store, insert_rows, schema
from troth.trees.keccak import keccak

ANN, BOB = keccak(b"ann"), keccak(b"bob")
RECORDER = b"\x0c" * 20
PARSERS = (purpose_iri, recipient_iri, category_iri)


def moment(seconds: int) -> datetime:
    """A time from UTC seconds."""
    return datetime.fromtimestamp(seconds, timezone.utc)


class Settings(NamedTuple):
    """Those that are asked for."""

    withdrawal_days: int = 10


@dataclass
class Shelf:
    """Stands in for an office whose index is up to date. It is `clock`, START at first, on its chain."""

    store: Store
    clock: int = START
    settings: Settings = field(default_factory=Settings)
    terms: dict[str, int] = field(default_factory=dict)
    numbers: dict[tuple[bytes, Scope], int] = field(default_factory=dict)
    logs: Any = field(default_factory=count)
    newest: int = 0
    """The log of the decision recorded last."""

    def sync(self) -> None:
        """Nothing to do."""

    def now(self) -> datetime:
        """The time."""
        return moment(self.clock)

    def decide(
        self,
        state: str = "given",
        of: str = "Marketing acme Contact",
        subject: bytes = ANN,
        *,
        effective: int | None = None,
        recorded: int | None = None,
        expires: int = 0,
        event: str = "",
        notice: str = "",
        jurisdiction: str = "",
        basis: str = "consent",
        method: str = "recorded-call",
        corrects: int = 0,
        evidence: bytes | None = None,
    ) -> str:
        """Puts a decision on record, now unless it is said otherwise; as 0xKEY#NUMBER."""
        scope = self.scope(of)
        number = self.numbers[subject, scope] = self.numbers.get((subject, scope), 0) + 1
        recorded = self.clock if recorded is None else recorded
        sides = [self.term(iri) if iri else 0 for iri in (event, notice, jurisdiction)]
        log = self.newest = next(self.logs)
        values = (*scope, number, State.parse(state), Basis.parse(basis), Method.parse(method))
        times = (recorded if effective is None else effective, recorded, expires)
        word = keccak(b"evidence %d" % log) if evidence is None else evidence
        row = (1, log, tx(log), subject, *values, *times, *sides, corrects, RECORDER, word)
        self._insert(schema.decisions, row)
        return f"0x{key_of(subject, scope).hex()}#{number}"

    def scope(self, text: str) -> Scope:
        """Purpose, recipient and category by number."""
        iris = [parse(name) for parse, name in zip(PARSERS, text.split(), strict=True)]
        return Scope(*(0 if iri == "*" else self.term(iri) for iri in iris))

    def term(self, iri: str) -> int:
        """The number of a term, defined if need be."""
        if iri not in self.terms:
            number = self.terms[iri] = len(self.terms) + 1
            log = next(self.logs)
            self._insert(schema.terms, (1, log, tx(log), number, iri))
        return self.terms[iri]

    def honour(self, decision: str, by: str, subject: bytes = ANN, at: int | None = None) -> None:
        """Lets a recipient, or "*", have honoured a denial."""
        key, number = decision[2:].split("#")
        iri = recipient_iri(by)
        who = 0 if iri == "*" else self.term(iri)
        log, since = next(self.logs), self.clock if at is None else at
        row = (1, log, tx(log), subject, bytes.fromhex(key), int(number), who, since, bytes(32))
        self._insert(schema.honours, row)

    def happen(self, iri: str, effective: int, recorded: int | None = None) -> None:
        """Lets what consents expire with have happened."""
        log, known = next(self.logs), self.clock if recorded is None else recorded
        self._insert(schema.happenings, (1, log, tx(log), self.term(iri), effective, known))

    def erase(self, subject: bytes = ANN) -> None:
        """Erases a subject."""
        log = next(self.logs)
        self._insert(schema.erasures, (1, log, tx(log), subject, RECORDER, self.clock))

    def _insert(self, table: Any, row: tuple[Any, ...]) -> None:
        with self.store.writing() as connection:
            insert_rows(connection, table, [row])


def tx(log: int) -> bytes:
    """The transaction of a log, 32 bytes."""
    return keccak(b"transaction %d" % log)


def days(number: float) -> int:
    """Seconds in so many days."""
    return int(number * DAY)


__all__ = ["ANN", "BOB", "RECORDER", "Settings", "Shelf", "days", "jurisdiction_iri", "moment", "tx"]
