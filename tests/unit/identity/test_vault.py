"""What seals subjects: keys that open their own and nothing else, found where the settings say, never shown.

Vault.of
├── TROTH_KEK · TROTH_KEK_FILE · TROTH_KEK_KEYRING: the same key from each
├── none: on another's chain refused · on the embedded chain made in the home, for its owner only, once
│   └── gone while there are subjects: refused, and not made anew
├── unreadable, no key, no keyring, nothing in the keyring: refused by setting, key unshown
└── another key than the database's: WrongKey, nothing changed · with no subjects left: any key
Box, Vault: open what they sealed · not for another use, subject, key · nor damaged · not shown, not pickled
digest: the same for the same, other for another use, text or key
boxes: of known subjects · of unknown ones, added · erased here or on the chain: refused
"""

from __future__ import annotations

import copy
import pickle
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keyring
import pytest
from keyring.errors import NoKeyringError
from support.office import Desk
from support.suite import Suite

from troth.errors import BadInput, BadSetting, DatabaseFailed, WrongKey
from troth.identity import erasure, evidence, subjects
from troth.identity.vault import Box, Vault
from troth.office import Office
from troth.store.subjects import find_subject

KEK, OTHER = bytes(range(32)), bytes(range(1, 33))
SUBJECT, STRANGER = b"\x51" * 32, b"\x52" * 32

With = Callable[..., Office]


def vault(kek: bytes = KEK) -> Vault:
    """A vault of a key."""
    return Vault(kek, "TROTH_KEK", "sqlite:///a.db")


@pytest.fixture
def at(office: Office) -> With:
    """The office with other settings."""

    def at(**settings: object) -> Office:
        office.settings = replace(office.settings, **settings)
        return office

    return at


def same(one: Vault, other: Vault) -> bool:
    """Whether two vaults have one key."""
    return one.digest(b"use", "text") == other.digest(b"use", "text")


# --- where the key is


def test_key_is_found_where_the_settings_say(
    at: With, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a variable, in a file, in the machine's keyring."""
    (tmp_path / "kek").write_text(KEK.hex() + "\n")
    held = {("troth", "kek"): KEK.hex()}
    monkeypatch.setattr(keyring, "get_password", lambda service, name: held[service, name])
    for given in ({"kek": KEK}, {"kek_file": tmp_path / "kek"}, {"kek_keyring": ("troth", "kek")}):
        assert same(Vault.of(at(**{"kek": None, "kek_file": None, **given})), vault())


def test_no_key_is_made_up_for_another_node(at: With) -> None:
    """In production there is no default."""
    with pytest.raises(BadSetting, match=r"TROTH_KEK_FILE.*TROTH_KEK_KEYRING or TROTH_KEK"):
        Vault.of(at(rpc="http://node"))
    assert not (at().settings.home / "kek").exists()


def test_key_of_an_embedded_chain_is_made_once(office: Office) -> None:
    """A file in the home for its owner only, whole, and nothing beside it."""
    first = Vault.of(office)
    made = office.settings.home / "kek"
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert len(bytes.fromhex(made.read_text())) == 32
    assert same(first, Vault.of(office))
    assert [one.name for one in office.settings.home.glob("kek*")] == ["kek"]


def test_key_that_another_process_made_first_stands(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both go on with that one."""
    made = office.settings.home / "kek"
    exists = Path.exists

    def late(path: Path) -> bool:
        there = exists(path)
        if path == made and not there:
            made.write_text(KEK.hex())
        return there

    monkeypatch.setattr(Path, "exists", late)
    assert same(Vault.of(office), vault())


def test_lost_key_of_an_embedded_chain_is_not_replaced(office: Office) -> None:
    """What it sealed would be lost for good, and nobody told."""
    subjects.new(office, "C-1")
    (office.settings.home / "kek").unlink()
    with pytest.raises(WrongKey, match="kek, which is missing,"):
        Vault.of(office)
    assert not (office.settings.home / "kek").exists()


@pytest.mark.parametrize("content", [b"", b"hunter2", b"\xff\xfe", "ü".encode() * 32])
def test_file_that_holds_no_key_is_refused(at: With, tmp_path: Path, content: bytes) -> None:
    """Its content is not shown."""
    (tmp_path / "kek").write_bytes(content)
    with pytest.raises(BadSetting, match="TROTH_KEK_FILE") as caught:
        Vault.of(at(kek_file=tmp_path / "kek"))
    assert "hunter2" not in str(caught.value)


def test_keyring_without_the_key_is_refused(at: With, monkeypatch: pytest.MonkeyPatch) -> None:
    """No keyring on the machine, or nothing in it, or no key."""

    def none_there(service: str, name: str) -> str:
        raise NoKeyringError("no backend")

    for answer, words in (
        (none_there, "NoKeyringError"),
        (lambda *_: None, "holds nothing"),
        (lambda *_: "hunter2", "32 bytes"),
    ):
        monkeypatch.setattr(keyring, "get_password", answer)
        with pytest.raises(BadSetting, match=f"TROTH_KEK_KEYRING.*{words}") as caught:
            Vault.of(at(kek_keyring=("troth", "kek")))
        assert "hunter2" not in str(caught.value)


# --- another key than the database's


def test_another_key_is_refused_and_changes_nothing(at: With, desk: Desk) -> None:
    """Whatever asks for the vault says so in one line, without the key."""
    made = subjects.new(at(kek=KEK), "C-1")
    before = (desk.home / "troth.db-wal").read_bytes()
    office = at(kek=OTHER)
    for attempt in (
        lambda: subjects.new(office, "C-2"),
        lambda: subjects.resolve(office, "C-1"),
        lambda: subjects.reference_of(office, made.subject),
        lambda: evidence.draft(office, made.subject),
    ):
        with pytest.raises(WrongKey) as caught:
            attempt()
        assert OTHER.hex() not in str(caught.value)
        assert "\n" not in str(caught.value)
    assert (desk.home / "troth.db-wal").read_bytes() == before
    assert subjects.reference_of(at(kek=KEK), made.subject) == "C-1"


def test_another_key_is_refused_in_the_transaction_that_adds(office: Office) -> None:
    """Two processes that begin on an empty database with a key each: the later one finds out in time."""
    with office.store.writing() as connection:
        subjects.resolve_or_create(connection, vault(KEK), ["C-1"])
    with pytest.raises(WrongKey), office.store.writing() as connection:
        subjects.resolve_or_create(connection, vault(OTHER), ["C-2"])
    with pytest.raises(WrongKey), office.store.writing() as connection:
        vault(OTHER).boxes(connection, [SUBJECT])


# --- sealing


def test_box_opens_what_it_sealed() -> None:
    """And nothing can be seen of it; the same sealed twice looks different."""
    sealed_key, box = vault().new_box(SUBJECT)
    content = b"Erika Mustermann"
    sealed = box.seal(content, b"name")
    assert content not in sealed
    assert box.seal(content, b"name") != sealed
    assert box.open(sealed, b"name") == content
    assert vault().box(SUBJECT, sealed_key).open(sealed, b"name") == content


def test_box_opens_nothing_else() -> None:
    """Not for another use, of another subject, under another key, nor what was changed or cut."""
    sealed_key, box = vault().new_box(SUBJECT)
    _, stranger = vault().new_box(STRANGER)
    sealed = box.seal(b"content", b"name")
    for other, text, use in (
        (box, sealed, b"address"),
        (stranger, sealed, b"name"),
        (box, sealed[:-1] + bytes([sealed[-1] ^ 1]), b"name"),
        (box, sealed[:5], b"name"),
        (box, b"", b"name"),
    ):
        with pytest.raises(DatabaseFailed, match="is damaged"):
            other.open(text, use)
    with pytest.raises(WrongKey):
        vault().box(STRANGER, sealed_key)  # a row put in the place of another
    with pytest.raises(WrongKey):
        vault(OTHER).box(SUBJECT, sealed_key)


def test_subjects_have_keys_of_their_own() -> None:
    """So that one can be destroyed without the others."""
    first, second = vault().new_box(SUBJECT), vault().new_box(SUBJECT)
    assert first[0] != second[0]
    with pytest.raises(DatabaseFailed):
        second[1].open(first[1].seal(b"content", b"name"), b"name")


@pytest.mark.parametrize("one", [vault(), vault().new_box(SUBJECT)[1]], ids=["vault", "box"])
def test_keys_are_not_shown_or_copied(one: Vault | Box) -> None:
    """Not in `repr`, not by pickling, not in attributes that a debugger's dump would list."""
    assert KEK.hex() not in repr(one)
    assert not hasattr(one, "__dict__")
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            attempt(one)


def test_digest_depends_on_key_use_and_text() -> None:
    """Without the key nobody can try out customer numbers."""
    digests = {vault().digest(b"a", "C-1"), vault().digest(b"b", "C-1"), vault().digest(b"a", "C-2")}
    assert len(digests | {vault(OTHER).digest(b"a", "C-1"), vault().digest(b"aC", "-1")}) == 5
    assert vault().digest(b"a", "C-1") in digests


# --- boxes of subjects


def test_boxes_of_unknown_subjects_are_added(office: Office) -> None:
    """The chain names subjects that were made elsewhere; what is sealed for them here opens later."""
    held = Vault.of(office)
    with office.store.writing() as connection:
        (box,) = held.boxes(connection, [SUBJECT]).values()
        sealed = box.seal(b"content", b"use")
    with office.store.writing() as connection:
        assert held.boxes(connection, [SUBJECT])[SUBJECT].open(sealed, b"use") == b"content"
        row = find_subject(connection, SUBJECT)
    assert row is not None
    assert (row.ref_digest, row.sealed_ref) == (None, None)


def test_boxes_of_erased_subjects_are_refused(desk: Desk, suite: Suite) -> None:
    """Erased here; or by somebody else, as the chain tells."""
    here = subjects.new(desk.office, "C-1").subject
    erasure.erase(desk.office, here)
    suite["compliance"].send(suite.subjects, "erase", STRANGER)
    desk.office.sync()
    for subject in (here, STRANGER):
        with pytest.raises(BadInput, match="erased"):
            evidence.draft(desk.office, subject)
    with desk.office.store.reading() as connection:
        assert find_subject(connection, STRANGER) is None
