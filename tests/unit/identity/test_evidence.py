"""Evidence: sealed here with a salt, a word of it on the chain, and read back.

draft: the word is keccak-256 of salt and content · salted anew each time · of nothing too · durable at once
draft_many: in order · in the caller's transaction, or not at all
contents, find: opened, oldest first · destroyed: the word alone · unknown: none · damaged: refused
Content.read: a file, its name and type · none · missing, a folder, too large: refused
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import update
from support.office import Desk

from troth.errors import BadInput, DatabaseFailed
from troth.identity import erasure, subjects
from troth.identity.evidence import MOST, Content, contents, draft, draft_many, find
from troth.identity.vault import Vault
from troth.office import Office
from troth.store import schema
from troth.store.subjects import find_evidence, find_subject
from troth.trees.keccak import keccak

CALL = Content(b"I agree, says Erika Mustermann", "mustermann.wav", "audio/x-wav")


@pytest.fixture
def subject(office: Office) -> bytes:
    """Somebody known here."""
    return subjects.new(office, "C-1").subject


def test_word_is_the_hash_of_salt_and_content_n4(office: Office, subject: bytes) -> None:
    """The salt is 32 bytes, and sealed with the content."""
    word = draft(office, subject, CALL)
    with office.store.reading() as connection:
        row, owner = find_evidence(connection, word), find_subject(connection, subject)
    assert row is not None and row.sealed is not None
    assert owner is not None and owner.sealed_key is not None
    plain = Vault.of(office).box(subject, owner.sealed_key).open(row.sealed, b"evidence" + word)
    salt = plain[:32]
    assert plain.endswith(CALL.data)
    assert word == keccak(salt + CALL.data) != keccak(CALL.data)


def test_same_content_has_another_word_each_time_n4(office: Office, subject: bytes) -> None:
    """So that nobody can tell it is the same; and no content at all is like any other."""
    words = [draft(office, subject, content) for content in (CALL, CALL, None, None, Content())]
    assert len(set(words)) == 5
    assert bytes(32) not in words


def test_evidence_shows_nothing_in_the_database_n4(desk: Desk, subject: bytes) -> None:
    """Neither content nor name."""
    draft(desk.office, subject, CALL)
    files = b"".join(one.read_bytes() for one in desk.home.glob("troth.db*"))
    for part in (b"Erika", b"mustermann", b"agree"):
        assert part not in files
    assert "Mustermann" not in repr(CALL)
    assert "Mustermann" not in repr(contents(desk.office, subject))


def test_evidence_is_read_back(office: Office, subject: bytes) -> None:
    """By its word, or all there is of a subject."""
    first, second = draft(office, subject, CALL), draft(office, subject)
    other = draft(office, subjects.new(office).subject, Content(b"", "empty.txt", "text/plain"))
    found = find(office, first)
    assert found is not None
    assert (found.subject, found.content) == (subject, CALL)
    assert {one.evidence: one.content for one in contents(office, subject)} == {
        first: CALL,
        second: Content(),
    }
    empty = find(office, other)
    assert empty is not None
    assert empty.content == Content(b"", "empty.txt", "text/plain")
    assert find(office, bytes(32)) is None
    assert contents(office, bytes(32)) == []


def test_many_come_in_order_in_one_transaction(office: Office) -> None:
    """Or not at all."""
    people = [subjects.new(office).subject for _ in range(3)] * 2
    given = [(who, Content(bytes([place]), str(place))) for place, who in enumerate(people)]
    with office.store.writing() as connection:
        words = draft_many(connection, Vault.of(office), given)
    found = [find(office, word) for word in words]
    assert [(one.subject, one.content) for one in found if one] == given
    with pytest.raises(ZeroDivisionError), office.store.writing() as connection:
        (lost, *_) = draft_many(connection, Vault.of(office), given)
        raise ZeroDivisionError
    assert find(office, lost) is None


def test_destroyed_evidence_is_a_word_alone(desk: Desk, subject: bytes) -> None:
    """That there was some can still be shown."""
    word = draft(desk.office, subject, CALL)
    erasure.erase(desk.office, subject)
    found = find(desk.office, word)
    assert found is not None
    assert (found.evidence, found.subject, found.content) == (word, subject, None)
    assert [one.content for one in contents(desk.office, subject)] == [None]


def test_damaged_evidence_is_refused(office: Office, subject: bytes) -> None:
    """A bit flipped, or one row's content in another's place."""
    word, other = draft(office, subject, CALL), draft(office, subject)
    table = schema.evidences
    with office.store.writing() as connection:
        row = find_evidence(connection, other)
        assert row is not None
        connection.execute(update(table).where(table.c.evidence == word).values(sealed=row.sealed))
    with pytest.raises(DatabaseFailed, match=f"0x{subject.hex()} is damaged"):
        find(office, word)


def test_evidence_that_is_not_what_its_word_says_is_refused(office: Office, subject: bytes) -> None:
    """Sealed by the right key, and yet of other content: somebody had both key and database."""
    word = draft(office, subject, CALL)
    table, vault = schema.evidences, Vault.of(office)
    with office.store.writing() as connection:
        box = vault.boxes(connection, [subject])[subject]
        row = find_evidence(connection, word)
        assert row is not None and row.sealed is not None
        plain = box.open(row.sealed, b"evidence" + word)
        forged = box.seal(plain + b"!", b"evidence" + word)
        connection.execute(update(table).where(table.c.evidence == word).values(sealed=forged))
    with pytest.raises(DatabaseFailed, match=f"evidence 0x{word.hex()} is damaged"):
        find(office, word)


# --- files


def test_file_is_read_with_name_and_type(tmp_path: Path) -> None:
    """The type by its ending; bytes where that says nothing."""
    for name, kind in (("form.pdf", "application/pdf"), ("form", "application/octet-stream")):
        (tmp_path / name).write_bytes(b"\0signed")
        assert Content.read(tmp_path / name) == Content(b"\0signed", name, kind)
    assert Content.read(None) == Content()


def test_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """By option and path."""
    with (tmp_path / "large").open("wb") as file:
        os.truncate(file.fileno(), MOST + 1)
    for name, words in (("none", "no such file"), (".", "no such file"), ("large", "larger than 64 MiB")):
        with pytest.raises(BadInput, match=f"--notice: .*{words}"):
            Content.read(tmp_path / name, place="--notice")
