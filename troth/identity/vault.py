"""What is personal, sealed: a data key for each subject, wrapped by one key-encryption key (KEK).

AES-256-GCM throughout (NIST SP 800-38D), nonces random: safe for 2³² subjects under one KEK. What is sealed
is bound to its subject and its use, so that a row moved to another place does not open. From the KEK three
keys are derived by HKDF (RFC 5869): one wraps data keys, one makes the digests by which a customer reference
is found without being stored, and one seals what is about nobody and outlasts every erasure, as its record.

Destroying a subject's data key destroys all that it sealed, wherever copies of that lie. A backup made before
holds the wrapped key as well: a subject is erased for good once the backups from before are gone too, and
after restoring one, every subject that the chain calls erased is to be erased again (`troth subject erase`).
Without the KEK a backup says nothing of anybody; keep the KEK apart from it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, make_url

from troth.config import Settings, parse_kek
from troth.errors import BadInput, BadSetting, DatabaseFailed, Problem, WrongKey
from troth.store import subjects as table

if TYPE_CHECKING:
    from troth.office import Office

__all__ = ["Box", "Vault"]

_NONCE = 12
_KEY = 32
_NOBODY = bytes(32)
_PADS = (0x36, 0x5C)
_OWNER_ONLY = 0o600
_RULE = "name a key of 32 bytes by TROTH_KEK_FILE, TROTH_KEK_KEYRING or TROTH_KEK: subjects are sealed by it"


class Box:
    """What seals and opens the data of one subject.

    It keeps the key, and not the cipher, which takes 2.4 KB and is made in 2 us.
    """

    __slots__ = ("__database", "__key", "__subject")

    EXTRA = 28
    """Bytes by which sealing makes longer."""

    def __init__(self, subject: bytes, data_key: bytes, database: str) -> None:
        self.__subject, self.__key, self.__database = subject, data_key, database

    def __repr__(self) -> str:
        """The subject only."""
        return f"Box(0x{self.__subject.hex()})"

    def __reduce__(self) -> NoReturn:
        """Refuses to be pickled or copied: the key would go with it."""
        raise TypeError("a box cannot be pickled")

    def seal(self, content: bytes, use: bytes) -> bytes:
        """`content` encrypted, `EXTRA` bytes longer. It opens for the same `use` only."""
        return _sealed(AESGCM(self.__key), content, use + self.__subject)

    def open(self, sealed: bytes, use: bytes) -> bytes:
        """What `seal` was given. Raises DatabaseFailed for anything else."""
        try:
            return _opened(AESGCM(self.__key), sealed, use + self.__subject)
        except InvalidTag:
            raise self.damaged(f"subject 0x{self.__subject.hex()}") from None

    def damaged(self, what: str) -> DatabaseFailed:
        """The error for data of this box that is not what was written."""
        return DatabaseFailed(self.__database, f"what it holds of {what} is damaged")


class Vault:
    """The key-encryption key at work. Neither `repr` nor any error shows it, and it cannot be pickled."""

    __slots__ = ("__database", "__inner", "__outer", "__own", "__place", "__wrapping")

    def __init__(self, kek: bytes, place: str, database: str) -> None:
        """`kek` of 32 bytes, from `place`, for a `database`: what errors call the two."""
        self.__wrapping = AESGCM(_derived(kek, b"troth: wrap data keys"))
        index = _derived(kek, b"troth: find customer references")
        self.__inner, self.__outer = (
            sha256(bytes(one ^ pad for one in index.ljust(64, b"\0"))) for pad in _PADS
        )
        self.__own = _derived(kek, b"troth: seal what is about nobody")
        self.__place, self.__database = place, database

    @classmethod
    def of(cls, office: Office) -> Vault:
        """The vault that the office's settings name.

        An office on its own embedded chain that names none is given a key file, `kek` in its home. Raises
        BadSetting for a key that is missing or none, WrongKey where it is not the one of the database.
        """
        database = make_url(office.settings.database_url).render_as_string(hide_password=True)
        place, kek = _named(office.settings) or _home_key(office, database)
        vault = cls(kek, place, database)
        with office.store.reading() as connection:
            vault.check(connection)
        return vault

    def __repr__(self) -> str:
        """Where its key is from."""
        return f"Vault({self.__place})"

    def __reduce__(self) -> NoReturn:
        """Refuses to be pickled or copied: the key would go with it."""
        raise TypeError("a vault cannot be pickled")

    def check(self, connection: Connection) -> None:
        """Raises WrongKey if the subjects there are were sealed by another key.

        Whatever adds a subject checks in its own transaction: no database ever holds subjects of two keys.
        """
        if (known := table.any_sealed_key(connection)) is not None:
            self.box(*known)

    def new_box(self, subject: bytes) -> tuple[bytes, Box]:
        """A new data key for a subject: wrapped, 60 bytes, and at work."""
        data_key = secrets.token_bytes(_KEY)
        return _sealed(self.__wrapping, data_key, subject), Box(subject, data_key, self.__database)

    def box(self, subject: bytes, sealed_key: bytes) -> Box:
        """The data key of a subject at work. Raises WrongKey."""
        try:
            data_key = _opened(self.__wrapping, sealed_key, subject)
        except InvalidTag:
            raise WrongKey(self.__place, self.__database) from None
        return Box(subject, data_key, self.__database)

    def own_box(self) -> Box:
        """What seals data about nobody, such as the record of an erasure: no subject's key opens it."""
        return Box(_NOBODY, self.__own, self.__database)

    def boxes(self, connection: Connection, subjects: Iterable[bytes]) -> dict[bytes, Box]:
        """The box of each subject, in a writing transaction; one this database did not know is added.

        Raises BadInput for one that was erased, here or on the chain: nothing may be kept of it any more.
        """
        boxes, erased = self.boxes_unless_erased(connection, subjects)
        for subject in erased:
            reason = f"0x{subject.hex()} was erased, and nothing is kept of it any more"
            raise BadInput([Problem("subject", None, None, None, reason)])
        return boxes

    def boxes_unless_erased(
        self, connection: Connection, subjects: Iterable[bytes]
    ) -> tuple[dict[bytes, Box], set[bytes]]:
        """The same, and the subjects that were erased."""
        wanted = set(subjects)
        rows = {row.subject: row for row in table.find_subjects(connection, wanted, held=True)}
        if missing := wanted - rows.keys():
            table.hold_creation(connection)
            self.check(connection)
            rows |= {row.subject: row for row in table.find_subjects(connection, missing)}
        erased = table.erased_on_chain(connection, wanted)
        erased |= {subject for subject, row in rows.items() if row.sealed_key is None}
        boxes, new = {}, []
        for subject in wanted - erased:
            row = rows.get(subject)
            if row is not None and row.sealed_key is not None:
                boxes[subject] = self.box(subject, row.sealed_key)
            else:
                sealed_key, boxes[subject] = self.new_box(subject)
                new.append(table.SubjectRow(subject, sealed_key, None, None, int(time.time())))
        table.add_subjects(connection, new)
        return boxes, erased

    def digest(self, use: bytes, text: str) -> bytes:
        """HMAC-SHA-256, 32 bytes, by which `text` is found: without the key nobody can try texts.

        From states that have the key's blocks behind them (RFC 2104, section 4): half the time of `hmac`.
        """
        inner, outer = self.__inner.copy(), self.__outer.copy()
        inner.update(use + b"\0" + text.encode())
        outer.update(inner.digest())
        return outer.digest()


def _sealed(cipher: AESGCM, content: bytes, bound_to: bytes) -> bytes:
    """Nonce, ciphertext and tag."""
    nonce = os.urandom(_NONCE)
    return nonce + cipher.encrypt(nonce, content, bound_to)


def _opened(cipher: AESGCM, sealed: bytes, bound_to: bytes) -> bytes:
    """The content. Raises InvalidTag."""
    try:
        return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], bound_to)
    except ValueError:  # too short to hold a nonce
        raise InvalidTag from None


def _derived(kek: bytes, use: bytes) -> bytes:
    """A key of 32 bytes for one use."""
    return HKDF(SHA256(), _KEY, salt=None, info=use).derive(kek)


def _named(settings: Settings) -> tuple[str, bytes] | None:
    """Where the settings find the key, and the key; None if they name none and may do without."""
    if settings.kek is not None:
        return "TROTH_KEK", settings.kek
    if settings.kek_file is not None:
        return str(settings.kek_file), _read("TROTH_KEK_FILE", settings.kek_file)
    if settings.kek_keyring is not None:
        return "TROTH_KEK_KEYRING", _from_keyring(*settings.kek_keyring)
    if settings.rpc is not None:
        raise BadSetting("TROTH_KEK_FILE", "", _RULE)
    return None


def _read(name: str, path: Path) -> bytes:
    """The key in a file."""
    try:
        return parse_kek(name, path.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError):
        raise BadSetting(name, str(path), "give a text file that can be read") from None


def _from_keyring(service: str, name: str) -> bytes:
    """The key in the machine's keyring."""
    import keyring  # noqa: PLC0415  searches the machine for keyrings when imported
    from keyring.errors import KeyringError  # noqa: PLC0415

    shown = f"{service}/{name}"
    try:
        text = keyring.get_password(service, name)
    except KeyringError as error:
        reason = f"the keyring does not open ({type(error).__name__}): unlock it, or name a TROTH_KEK_FILE"
        raise BadSetting("TROTH_KEK_KEYRING", shown, reason) from None
    if text is None:
        raise BadSetting("TROTH_KEK_KEYRING", shown, "the keyring holds nothing under this service and name")
    return parse_kek("TROTH_KEK_KEYRING", text)


def _home_key(office: Office, database: str) -> tuple[str, bytes]:
    """The key of a home whose chain is its own, made if there are no subjects yet. For development."""
    path = office.settings.home / "kek"
    if not path.exists():
        with office.store.reading() as connection:
            if table.any_sealed_key(connection) is not None:
                raise WrongKey(f"{path}, which is missing,", database)
        _make(path)
    return str(path), _read(str(path), path)


def _make(path: Path) -> None:
    """Writes a new key, whole, for its owner only; if another process was faster, that one stands."""
    draft = path.with_name(f"kek.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "w") as file:
            file.write(secrets.token_hex(_KEY) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    except OSError as error:
        raise BadSetting("TROTH_HOME", str(path.parent), f"cannot be written: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)
