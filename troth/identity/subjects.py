"""Subjects: 32 random bytes each, never derived from a person, and the insurer's own customer references.

The chain has the id alone. The reference is sealed here under the subject's own key, and found by a digest
that nobody can compute without the vault's.
"""

from __future__ import annotations

import secrets
import time
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from troth.errors import BadInput, Problem
from troth.identity.vault import Vault
from troth.office import Office
from troth.store import schema
from troth.store import subjects as table

if TYPE_CHECKING:
    from troth.identity.mandates import Mandate
    from troth.identity.verifications import Verification
    from troth.identity.wallets import Wallet

__all__ = [
    "NewSubject",
    "Shown",
    "format_subject",
    "new",
    "parse_reference",
    "parse_subject",
    "reference_of",
    "references_of",
    "resolve",
    "resolve_many",
    "resolve_or_create",
    "show",
]

_SUBJECT = 32
_LONGEST = 200
_REFERENCE = b"reference"
_UNKNOWN = "no subject has this customer reference: make one with `troth subject new --ref`"


@dataclass(frozen=True)
class NewSubject:
    """A subject just made."""

    subject: bytes
    ref: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Shown:
    """Who a subject is."""

    subject: bytes
    ref: str | None = field(repr=False)
    created_at: datetime | None
    """None if this database does not know it."""
    erased_at: datetime | None
    """When the chain was told of its erasure."""
    erasure: str | None
    """The transaction that told it."""
    is_emptied: bool
    """Whether all that this database held of it is destroyed."""
    wallets: tuple[Wallet, ...]
    verifications: tuple[Verification, ...]
    mandates: tuple[Mandate, ...]


def new(office: Office, ref: str | None = None) -> NewSubject:
    """Makes a subject, with a customer reference or without. Nothing goes to the chain.

    Raises BadInput for a reference that is none, or another subject's, and what `Vault.of` raises.
    """
    vault = Vault.of(office)
    known = None if ref is None else _checked("--ref", ref)
    with office.store.writing() as connection:
        table.hold_creation(connection)
        digests = [] if known is None else [vault.digest(_REFERENCE, known)]
        for subject in table.subjects_by_digest(connection, digests).values():
            reason = f"this reference is known already: it is that of subject {format_subject(subject)}"
            raise BadInput([Problem("--ref", None, None, None, reason)])
        (subject,) = _create(connection, vault, [known])
    return NewSubject(subject, known)


def resolve(office: Office, text: str, *, place: str = "--subject") -> bytes:
    """The subject that `text` names: a 0x-hex id, which need not be known here, or a customer reference.

    Raises BadInput, naming `place` and never the reference, and for a reference what `Vault.of` raises.
    """
    try:
        if (subject := parse_subject(text)) is not None:
            return subject
        known = parse_reference(text)
    except ValueError as error:
        shown = text if text[:2] in {"0x", "0X"} else None
        raise BadInput([Problem(place, None, None, shown, str(error))]) from None
    if (found := resolve_many(office, [known]).get(known)) is None:
        raise BadInput([Problem(place, None, None, None, _UNKNOWN)])
    return found


def resolve_many(office: Office, texts: Iterable[str]) -> dict[str, bytes]:
    """Subject by text, of ids and customer references, as given; references nobody has are left out.

    Raises ValueError for a text that is neither (`parse_subject` and `parse_reference` tell), and what
    `Vault.of` raises.
    """
    wanted = set(texts)
    vault = Vault.of(office) if any(parse_subject(text) is None for text in wanted) else None
    with office.store.reading() as connection:
        return _known(connection, vault, wanted)


def resolve_or_create(connection: Connection, vault: Vault, texts: Iterable[str]) -> dict[str, bytes]:
    """The same in a writing transaction of the caller's; references nobody has get a new subject each.

    100,000 take a few seconds. Raises ValueError as `resolve_many`, WrongKey.
    """
    wanted = dict.fromkeys(texts)
    table.hold_creation(connection)
    found = _known(connection, vault, wanted)
    missing = list(dict.fromkeys(parse_reference(text) for text in wanted if text not in found))
    made = dict(zip(missing, _create(connection, vault, missing), strict=True))
    return found | {text: made[parse_reference(text)] for text in wanted if text not in found}


def reference_of(office: Office, subject: bytes) -> str | None:
    """A subject's customer reference; None if it has none, or no more. Raises what `Vault.of` raises."""
    return references_of(office, [subject]).get(subject)


def references_of(office: Office, subjects: Iterable[bytes]) -> dict[bytes, str]:
    """Customer references by subject, of those that have one. Raises what `Vault.of` raises."""
    with office.store.reading() as connection:
        rows = [row for row in table.find_subjects(connection, set(subjects)) if row.sealed_ref is not None]
    if not rows:
        return {}
    vault, found = Vault.of(office), {}
    for row in rows:
        if row.sealed_key is not None and row.sealed_ref is not None:
            found[row.subject] = (
                vault.box(row.subject, row.sealed_key).open(row.sealed_ref, _REFERENCE).decode()
            )
    return found


def show(office: Office, subject: bytes) -> Shown:
    """Who a subject is, as far as is known here and on the chain. Raises what `Vault.of` raises.

    Wallets, verifications and mandates that ended are told too.
    """
    from troth.identity import mandates, verifications, wallets  # noqa: PLC0415  they stand on this

    office.sync()
    with office.store.reading() as connection:
        row = table.find_subject(connection, subject)
        erased = table.events_of(connection, schema.erasures, subject)
    return Shown(
        subject=subject,
        ref=reference_of(office, subject),
        created_at=None if row is None else datetime.fromtimestamp(row.created_at, timezone.utc),
        erased_at=datetime.fromtimestamp(erased[0].erased_at, timezone.utc) if erased else None,
        erasure=f"0x{erased[0].tx.hex()}" if erased else None,
        is_emptied=row is not None and row.sealed_key is None,
        wallets=tuple(wallets.history(office, subject)),
        verifications=tuple(verifications.history(office, subject)),
        mandates=tuple(mandates.history(office, subject)),
    )


def parse_subject(text: str) -> bytes | None:
    """The id in `text`, 0x and 64 hex digits; None if it does not begin with 0x: a customer reference.

    ValueError, saying why, for anything else.
    """
    text = text.strip()
    if text[:2] not in {"0x", "0X"}:
        return None
    try:
        subject = bytes.fromhex(text[2:])
    except ValueError:
        subject = b""
    if len(subject) != _SUBJECT or len(text) != 2 + 2 * _SUBJECT:  # of both: fromhex() skips spaces
        raise ValueError("not a subject: write 0x and 64 hex digits, or a customer reference")
    if not any(subject):
        raise ValueError("nobody is subject zero")
    return subject


def parse_reference(text: str) -> str:
    """A customer reference without blanks around it, in Unicode's composed form. ValueError for none."""
    ref = unicodedata.normalize("NFC", text.strip())
    if not ref:
        raise ValueError("empty: write a subject's 0x id, or a customer reference")
    if len(ref) > _LONGEST or not ref.isprintable():
        raise ValueError(f"no customer reference: write at most {_LONGEST} characters that can be printed")
    if ref[:2] in {"0x", "0X"}:
        raise ValueError("a customer reference must not begin with 0x, as subjects do")
    return ref


def format_subject(subject: bytes) -> str:
    """0x and 64 hex digits."""
    return f"0x{subject.hex()}"


def _checked(place: str, ref: str) -> str:
    """The reference. Raises BadInput, which does not show it."""
    try:
        return parse_reference(ref)
    except ValueError as error:
        raise BadInput([Problem(place, None, None, None, str(error))]) from None


def _known(connection: Connection, vault: Vault | None, texts: Iterable[str]) -> dict[str, bytes]:
    """Subject by text, of those there are."""
    found, digests = {}, {}
    for text in texts:
        if (subject := parse_subject(text)) is not None:
            found[text] = subject
        elif vault is not None:
            digests[text] = vault.digest(_REFERENCE, parse_reference(text))
    subjects = table.subjects_by_digest(connection, set(digests.values()))
    found |= {text: subjects[digest] for text, digest in digests.items() if digest in subjects}
    return found


def _create(connection: Connection, vault: Vault, refs: Collection[str | None]) -> list[bytes]:
    """New subjects with these references, in order. Hold the creation first."""
    vault.check(connection)
    now, ids = int(time.time()), secrets.token_bytes(_SUBJECT * len(refs))
    rows = []
    for place, ref in enumerate(refs):
        subject = ids[place * _SUBJECT : (place + 1) * _SUBJECT]
        sealed_key, box = vault.new_box(subject)
        digest = None if ref is None else vault.digest(_REFERENCE, ref)
        sealed_ref = None if ref is None else box.seal(ref.encode(), _REFERENCE)
        rows.append(table.SubjectRow(subject, sealed_key, digest, sealed_ref, now))
    table.add_subjects(connection, rows)
    return [row.subject for row in rows]
