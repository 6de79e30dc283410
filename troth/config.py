"""Settings: read once from the command line and the environment, cast, checked, then passed around frozen."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from troth.errors import BadSetting

__all__ = ["GAS_CAP", "Settings", "parse_kek"]

GAS_CAP = 16_777_216
"""Gas one transaction may use on a network with EIP-7825."""

KEK_BYTES = 32
_KEKS = ("kek", "kek_file", "kek_keyring")
_GWEI = 10**9
_DATABASES = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Settings:
    """How one command runs. `Settings.read` makes it; nothing else reads the environment.

    Secrets are left out of `repr`.
    """

    home: Path
    """TROTH_HOME: where state lives; `.troth` in the working directory."""

    rpc: str | None = field(default=None, repr=False)
    """TROTH_RPC: the node's address; None for the embedded chain."""

    keystore: Path | None = None
    """TROTH_KEYSTORE: the encrypted key file that signs transactions; None for a development key."""

    oracle_keystores: tuple[Path, ...] = ()
    """TROTH_ORACLE_KEYSTORES: key files that sign reports, separated like PATH, opened by the one
    password."""

    password_file: Path | None = None
    """TROTH_PASSWORD_FILE: its first line opens the key files."""

    password: str | None = field(default=None, repr=False)
    """TROTH_PASSWORD: the same, from the environment."""

    database_url: str = field(default="", repr=False)
    """TROTH_DATABASE_URL: an SQLAlchemy URL; SQLite in the home by default."""

    kek: bytes | None = field(default=None, repr=False)
    """TROTH_KEK: the key-encryption key, 32 bytes as 64 hex digits or base64; it opens what is kept of
    subjects. One of the three at most."""

    kek_file: Path | None = None
    """TROTH_KEK_FILE: a file that holds the same text."""

    kek_keyring: tuple[str, str] | None = None
    """TROTH_KEK_KEYRING: service and name, as SERVICE/NAME, under which the machine's keyring holds it."""

    withdrawal_days: int = 10
    """TROTH_WITHDRAWAL_DAYS: business days in which a recipient must honour a withdrawal; ten by
    47 CFR 64.1200(a)(10)."""

    confirmations: int = 0
    """TROTH_CONFIRMATIONS: blocks on top of an event before it counts; 0 embedded, else 12."""

    challenge_period: int = 0
    """TROTH_CHALLENGE_PERIOD: seconds until a new deployment's reports are final; 0 embedded, else a day."""

    batch_gas: int = 12_000_000
    """TROTH_BATCH_GAS: gas one settlement transaction is filled up to; at most EIP-7825's cap."""

    batch_records: int = 100_000
    """TROTH_BATCH_RECORDS: interactions that fill a batch."""

    batch_age: int = 3_600
    """TROTH_BATCH_AGE: seconds after which an interaction waits no longer for a batch to fill."""

    max_fee: int = 500 * _GWEI
    """TROTH_MAX_FEE, in gwei: the most paid for a unit of gas, in wei."""

    anvil: Path | None = None
    """TROTH_ANVIL: the native Anvil program; None for the one npm installed, or one on PATH."""

    timeout: float = 30.0
    """TROTH_TIMEOUT: seconds the node has for one answer."""

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None, **given: str | Path | None) -> Settings:
        """The settings, where an argument that is not None beats the environment, and that the default.

        Arguments are named as the fields and hold what the command line held, such as rpc="http://…".
        Raises BadSetting with variable, value and rule.
        """
        source = _Source(os.environ if environment is None else environment, given)
        home = Path(source.text("home") or ".troth").expanduser().absolute()
        rpc = source.url("rpc")
        embedded = rpc is None
        return cls(
            home=home,
            rpc=rpc,
            keystore=source.file("keystore"),
            oracle_keystores=source.files("oracle_keystores"),
            password_file=source.file("password_file"),
            password=source.secret("password"),
            database_url=source.database("database_url") or f"sqlite:///{home / 'troth.db'}",
            **source.kek(),
            withdrawal_days=source.number("withdrawal_days", cls.withdrawal_days, 1, 365),
            confirmations=source.number("confirmations", 0 if embedded else 12, 0, 100_000),
            challenge_period=source.number("challenge_period", 0 if embedded else 86_400, 0, 365 * 86_400),
            batch_gas=source.number("batch_gas", cls.batch_gas, 500_000, GAS_CAP),
            batch_records=source.number("batch_records", cls.batch_records, 1, 1_000_000),
            batch_age=source.number("batch_age", cls.batch_age, 0, 365 * 86_400),
            max_fee=source.number("max_fee", cls.max_fee // _GWEI, 1, 1_000_000) * _GWEI,
            anvil=source.file("anvil"),
            timeout=float(source.number("timeout", int(cls.timeout), 1, 3_600)),
        )


class _Source:
    """Values by field name, from arguments or else the environment, each cast by its rule."""

    def __init__(self, environment: Mapping[str, str], given: Mapping[str, str | Path | None]) -> None:
        self._environment, self._given = environment, given
        if unknown := given.keys() - Settings.__dataclass_fields__.keys():
            raise TypeError(f"no such setting: {', '.join(sorted(unknown))}")

    def text(self, name: str) -> str | None:
        """The value without blanks around it; None where it is absent or empty."""
        return (self.secret(name) or "").strip() or None

    def secret(self, name: str) -> str | None:
        """The value to the letter; None where it is absent or empty."""
        value = self._given.get(name)
        return (self._environment.get(_variable(name)) if value is None else str(value)) or None

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """A whole number from `least` to `most`."""
        text = self.text(name)
        if text is None:
            return default
        digits = text.replace("_", "")
        # Longer numbers are out of range anyway, and `int` refuses the very long.
        if not re.fullmatch(r"[0-9]{1,30}", digits) or not least <= int(digits) <= most:
            raise BadSetting(_variable(name), text, f"give a whole number from {least} to {most}")
        return int(digits)

    def url(self, name: str) -> str | None:
        """An http(s) address. What is wrong with a bad one is told without its user, password and query."""
        text = self.text(name)
        if text is None:
            return None
        try:
            parts = urlsplit(text)
            valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            valid = False
        if not valid:
            shown = re.sub(r"[?#].*", "", re.sub(r"//.*@", "//…@", text))
            raise BadSetting(_variable(name), shown, "give an address such as http://127.0.0.1:8545")
        return text

    def database(self, name: str) -> str | None:
        """The URL of a database of a kind the store knows. A bad one is shown up to its scheme only."""
        text = self.text(name)
        if text is None:
            return None
        scheme = text.partition("://")[0].partition("+")[0]
        if scheme not in _DATABASES or "://" not in text:
            shown = f"{scheme}://…" if "://" in text else "…"
            raise BadSetting(_variable(name), shown, "give sqlite:///FILE or postgresql://USER@HOST/NAME")
        return text

    def file(self, name: str) -> Path | None:
        """A file that exists."""
        text = self.text(name)
        return None if text is None else _existing(name, text)

    def kek(self) -> dict[str, Any]:
        """Where the key-encryption key is: under the name of one field of the three, or nowhere."""
        named = [name for name in _KEKS if self.text(name)]
        if len(named) > 1:
            raise BadSetting(_variable(named[0]), "…", f"give either this or {_variable(named[1])}, not both")
        if not named:
            return {}
        text = self.text(named[0]) or ""
        if named[0] == "kek":
            return {"kek": parse_kek(_variable("kek"), text)}
        if named[0] == "kek_file":
            return {"kek_file": _existing("kek_file", text)}
        service, slash, name = text.rpartition("/")
        if not slash or not service or not name:
            raise BadSetting(_variable("kek_keyring"), text, "give service and name, as SERVICE/NAME")
        return {"kek_keyring": (service, name)}

    def files(self, name: str) -> tuple[Path, ...]:
        """Files that exist, separated like the entries of PATH."""
        return tuple(_existing(name, part) for part in (self.text(name) or "").split(os.pathsep) if part)


def parse_kek(name: str, text: str) -> bytes:
    """The 32 bytes of a key-encryption key. Raises BadSetting for `name`, its text not shown."""
    text = text.strip()
    try:
        plain = text.replace("-", "+").replace("_", "/")  # base64url too
        key = bytes.fromhex(text) if len(text) == 64 else base64.b64decode(plain, validate=True)
    except ValueError:
        key = b""
    if len(key) != KEK_BYTES:
        raise BadSetting(name, "…", "give a key of 32 bytes, as 64 hex digits or in base64")
    return key


def _variable(name: str) -> str:
    """The environment variable of a field."""
    return f"TROTH_{name.upper()}"


def _existing(name: str, text: str) -> Path:
    """The path of a file that exists."""
    path = Path(text).expanduser().absolute()
    if not path.is_file():
        raise BadSetting(_variable(name), text, "give the path of a file that exists")
    return path
