"""Who else may decide for a subject: guardian, attorney, broker or executor, within a scope, for a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timezone
from enum import IntEnum

from troth.addresses import format_address
from troth.consent.terms import ALL, numbers_of
from troth.errors import Problem
from troth.identity import registry
from troth.identity.evidence import Content, draft
from troth.office import Office
from troth.store import schema
from troth.store.subjects import events_of
from troth.store.terms import names_of

__all__ = ["Appointed", "Capacity", "Mandate", "appoint", "dismiss", "history"]

_ANY_EVIDENCE = b"\1" * 32  # for a try, before there is any


class Capacity(IntEnum):
    """In what capacity somebody speaks for a subject."""

    GUARDIAN = 1
    ATTORNEY = 2
    BROKER = 3
    EXECUTOR = 4

    @property
    def text(self) -> str:
        """As people write it."""
        return self.name.lower()


@dataclass(frozen=True)
class Mandate:
    """A mandate on record. Purpose, recipient and category are IRIs, `*` for all."""

    representative: str
    capacity: str
    purpose: str
    recipient: str
    category: str
    appointed_at: datetime
    appointed_by: str
    expires: datetime | None
    evidence: bytes
    """The word on the chain."""
    transaction: str
    ended_at: datetime | None = None
    """When it was ended, or replaced by another of the same representative."""
    dismissed_by: str | None = None

    def stands(self, at: datetime) -> bool:
        """Whether it counts at a time: neither ended nor expired."""
        return self.ended_at is None and (self.expires is None or at < self.expires)


@dataclass(frozen=True)
class Appointed:
    """A mandate recorded."""

    subject: bytes
    representative: str
    capacity: str
    expires: datetime | None
    evidence: bytes
    transaction: str


def appoint(
    office: Office,
    subject: bytes,
    representative: str,
    capacity: Capacity,
    *,
    scope: tuple[str, str, str] = (ALL, ALL, ALL),
    expires: datetime | None = None,
    content: Content | None = None,
) -> Appointed:
    """Lets an account record consents for the subject; replaces the mandate it had.

    `scope` is purpose, recipient and category as IRIs, `*` for all. Raises BadInput for an erased subject and
    an expiry that is not ahead, ContractRefused, and what sending raises; nothing is kept then.
    """
    registry.check_standing(office, subject)
    registry.check_ahead(office, expires, "--expires")
    until = registry.seconds(expires)
    whole = (capacity, until, 0, 0, 0)
    registry.tried(office, "appoint", subject, representative, whole, _ANY_EVIDENCE, because={})
    numbers = numbers_of(office, scope)
    word = draft(office, subject, content)
    mandate = (capacity, until, *(numbers[iri] for iri in scope))
    receipt = registry.send(office, "appoint", subject, representative, mandate, word)
    return Appointed(subject, representative, capacity.text, expires, word, receipt.hash)


def dismiss(office: Office, subject: bytes, representative: str) -> str:
    """Ends a mandate; the transaction's hash.

    Raises BadInput if there is none, ContractRefused for an account that may not, and what sending raises.
    """
    reason = "does not represent this subject: see `troth subject show`"
    because = {"SubjectsNotRepresented": Problem("--by", None, None, representative, reason)}
    registry.tried(office, "dismiss", subject, representative, because=because)
    return registry.send(office, "dismiss", subject, representative).hash


def history(office: Office, subject: bytes) -> list[Mandate]:
    """Every mandate ever recorded for a subject, in that order, as far as the index has read."""
    with office.store.reading() as connection:
        rows = events_of(connection, schema.mandates, subject)
        scopes = {term for row in rows for term in (row.purpose, row.recipient, row.category)}
        iris = names_of(connection, scopes - {None})
    at = registry.times(office, [row.block for row in rows])
    found: list[Mandate] = []
    for row in rows:
        who = format_address(row.representative)
        dismissed_by = format_address(row.by_account) if row.kind == "dismissed" else None
        for place, one in enumerate(found):
            if one.representative == who and one.ended_at is None:
                found[place] = replace(one, ended_at=at[row.block], dismissed_by=dismissed_by)
        if row.kind == "appointed":
            found.append(
                Mandate(
                    who,
                    Capacity(row.capacity).text,
                    iris[row.purpose],
                    iris[row.recipient],
                    iris[row.category],
                    at[row.block],
                    format_address(row.by_account),
                    datetime.fromtimestamp(row.expires, timezone.utc) if row.expires else None,
                    row.evidence,
                    f"0x{row.tx.hex()}",
                )
            )
    return found
