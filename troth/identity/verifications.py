"""Who established a subject's identity: how surely (eIDAS's levels), until when, on what evidence.

The chain has the level, the verifier's account and the evidence's word; what was checked is sealed here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timezone
from enum import IntEnum

from troth.addresses import format_address
from troth.errors import Problem
from troth.identity import registry
from troth.identity.evidence import Content, draft
from troth.office import Office
from troth.store import schema
from troth.store.subjects import events_of

__all__ = ["Level", "Verification", "Verified", "history", "revoke", "verify"]

_ANY_EVIDENCE = b"\1" * 32  # for a try, before there is any


class Level(IntEnum):
    """How surely: article 8 of Regulation (EU) 910/2014."""

    LOW = 1
    SUBSTANTIAL = 2
    HIGH = 3

    @property
    def text(self) -> str:
        """As people write it."""
        return self.name.lower()


@dataclass(frozen=True)
class Verification:
    """A verification on record."""

    level: str
    verifier: str
    verified_at: datetime
    expires: datetime | None
    evidence: bytes
    """The word on the chain."""
    transaction: str
    ended_at: datetime | None = None
    """When it was revoked, or replaced by another on its level."""
    revoked_by: str | None = None

    def stands(self, at: datetime) -> bool:
        """Whether it counts at a time: neither ended nor expired."""
        return self.ended_at is None and (self.expires is None or at < self.expires)


@dataclass(frozen=True)
class Verified:
    """A verification recorded."""

    subject: bytes
    level: str
    expires: datetime | None
    evidence: bytes
    transaction: str


def verify(
    office: Office,
    subject: bytes,
    level: Level,
    *,
    expires: datetime | None = None,
    content: Content | None = None,
) -> Verified:
    """Records that the office established who the subject is; replaces what it had on that level.

    Raises BadInput for an erased subject and an expiry that is not ahead, MissingRole, and what sending
    raises; nothing is kept or sent then.
    """
    registry.check_standing(office, subject)
    registry.check_ahead(office, expires, "--expires")
    until = registry.seconds(expires)
    registry.tried(office, "verify", subject, level, until, _ANY_EVIDENCE, because={})
    word = draft(office, subject, content)
    receipt = registry.send(office, "verify", subject, level, until, word)
    return Verified(subject, level.text, expires, word, receipt.hash)


def revoke(office: Office, subject: bytes, level: Level) -> str:
    """Takes the verification on a level back; the transaction's hash.

    Raises BadInput if there is none, ContractRefused for an account that neither verified nor is a
    compliance officer's, and what sending raises.
    """
    reason = "not verified on this level: see `troth subject show`"
    because = {"SubjectsNotVerified": Problem("--level", None, None, level.text, reason)}
    registry.tried(office, "revoke", subject, level, because=because)
    return registry.send(office, "revoke", subject, level).hash


def history(office: Office, subject: bytes) -> list[Verification]:
    """Every verification of a subject ever recorded, in that order, as far as the index has read."""
    with office.store.reading() as connection:
        rows = events_of(connection, schema.verifications, subject)
    at = registry.times(office, [row.block for row in rows])
    found: list[Verification] = []
    for row in rows:
        level = Level(row.level).text
        standing = [n for n, one in enumerate(found) if one.level == level and one.ended_at is None]
        by = format_address(row.account) if row.kind == "revoked" else None
        for place in standing:
            found[place] = replace(found[place], ended_at=at[row.block], revoked_by=by)
        if row.kind == "verified":
            expires = datetime.fromtimestamp(row.expires, timezone.utc) if row.expires else None
            account, transaction = format_address(row.account), f"0x{row.tx.hex()}"
            one = Verification(level, account, at[row.block], expires, row.evidence, transaction)
            found.append(one)
    return found
