"""What shows a subject's word: a recording, a signed form, a passport that was checked.

On the chain stands keccak-256 of a salt and the content; both are sealed here. With the salt destroyed nobody
can tell what the word was of, not even whoever holds the content. What the insurer records always has such a
word, if only of nothing: it is unlike any other, so that the index shows whether the record went out.
"""

from __future__ import annotations

import json
import mimetypes
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from sqlalchemy import Connection

from troth.errors import BadInput, Problem
from troth.identity.vault import Box, Vault
from troth.office import Office
from troth.store import subjects as table
from troth.trees.keccak import keccak

__all__ = ["MOST", "Content", "Evidence", "contents", "draft", "draft_many", "find"]

MOST = 64 << 20
"""Bytes that the content of one evidence may have."""
_SALT = 32
_LENGTH = 4


@dataclass(frozen=True)
class Content:
    """A file's bytes, its name and its media type. With no file, nothing of any."""

    data: bytes = field(default=b"", repr=False)
    name: str = field(default="", repr=False)
    media_type: str = ""

    @classmethod
    def read(cls, path: Path | None, *, place: str = "--evidence") -> Content:
        """The file at `path`; no content for None. Raises BadInput, naming the option `place`."""
        if path is None:
            return cls()
        try:
            if not path.is_file():
                raise OSError(0, "no such file")
            if path.stat().st_size > MOST:
                raise OSError(
                    0, f"larger than {MOST >> 20} MiB: keep it elsewhere, and give its digest in a file"
                )
            data = path.read_bytes()
        except OSError as error:
            raise BadInput([Problem(place, None, None, str(path), str(error.strerror))]) from None
        return cls(data, path.name, mimetypes.guess_type(path.name)[0] or "application/octet-stream")


@dataclass(frozen=True)
class Evidence:
    """Evidence held here."""

    evidence: bytes
    """The word on the chain."""
    subject: bytes
    drafted_at: datetime
    content: Content | None = field(repr=False)
    """None once it has been destroyed."""


def draft(office: Office, subject: bytes, content: Content | None = None) -> bytes:
    """Seals `content` and returns its word, 32 bytes, durable before it is sent anywhere.

    Raises BadInput if the subject was erased, and what `Vault.of` raises.
    """
    vault = Vault.of(office)
    with office.store.writing() as connection:
        return draft_many(connection, vault, [(subject, content or Content())])[0]


def draft_many(connection: Connection, vault: Vault, given: Sequence[tuple[bytes, Content]]) -> list[bytes]:
    """The same for many subjects' contents, in a writing transaction of the caller's: their words, in order.

    Subjects that the database does not know are added. Raises BadInput if any was erased.
    """
    boxes = vault.boxes(connection, {subject for subject, _ in given})
    now, salts = int(time.time()), secrets.token_bytes(_SALT * len(given))
    rows = []
    for place, (subject, content) in enumerate(given):
        salt = salts[place * _SALT : (place + 1) * _SALT]
        word = keccak(salt + content.data)
        rows.append(table.EvidenceRow(word, subject, _sealed(boxes[subject], word, salt, content), now))
    table.add_evidences(connection, rows)
    return [row.evidence for row in rows]


def contents(office: Office, subject: bytes) -> list[Evidence]:
    """All evidence about a subject that was written here, oldest first, opened.

    Raises DatabaseFailed if some of it is damaged, and what `Vault.of` raises.
    """
    with office.store.reading() as connection:
        rows = table.evidences_of(connection, subject)
        owner = table.find_subject(connection, subject)
    box = None
    if owner is not None and owner.sealed_key is not None:
        box = Vault.of(office).box(subject, owner.sealed_key)
    return [_opened(row, box) for row in rows]


def find(office: Office, word: bytes) -> Evidence | None:
    """The evidence under a word of the chain's, None if it was not written here. Raises as `contents`."""
    with office.store.reading() as connection:
        row = table.find_evidence(connection, word)
        owner = None if row is None else table.find_subject(connection, row.subject)
    if row is None:
        return None
    if owner is None or owner.sealed_key is None:
        return _opened(row, None)
    return _opened(row, Vault.of(office).box(row.subject, owner.sealed_key))


def _sealed(box: Box, word: bytes, salt: bytes, content: Content) -> bytes:
    """Salt, length of the label, label and data, sealed for this word."""
    label = json.dumps([content.name, content.media_type]).encode()
    return box.seal(salt + len(label).to_bytes(_LENGTH, "big") + label + content.data, b"evidence" + word)


def _opened(row: table.EvidenceRow, box: Box | None) -> Evidence:
    """A row's evidence, its content checked against its word."""
    drafted_at = datetime.fromtimestamp(row.drafted_at, timezone.utc)
    if box is None or row.sealed is None:
        return Evidence(row.evidence, row.subject, drafted_at, None)
    plain = box.open(row.sealed, b"evidence" + row.evidence)
    salt, length = plain[:_SALT], int.from_bytes(plain[_SALT : _SALT + _LENGTH], "big")
    label, data = plain[_SALT + _LENGTH :][:length], plain[_SALT + _LENGTH + length :]
    if keccak(salt + data) != row.evidence:
        raise box.damaged(f"evidence 0x{row.evidence.hex()}")
    return Evidence(row.evidence, row.subject, drafted_at, Content(data, *json.loads(label)))
