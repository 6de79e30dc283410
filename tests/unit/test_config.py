"""Settings: what wins over what, the defaults, and a line for each thing that is wrong."""

from __future__ import annotations

import base64
import dataclasses
import os
from pathlib import Path

import pytest

from troth.config import GAS_CAP, Settings
from troth.errors import BadSetting


def test_defaults_are_those_of_the_embedded_chain() -> None:
    """Nothing given: a home here, its own database, no waiting."""
    settings = Settings.read({})
    assert settings.home == Path.cwd() / ".troth"
    assert settings.database_url == f"sqlite:///{settings.home}/troth.db"
    assert (settings.rpc, settings.keystore, settings.password) == (None, None, None)
    assert (settings.confirmations, settings.challenge_period) == (0, 0)


def test_another_node_is_waited_for() -> None:
    """A live chain may change its mind, and reports can be challenged."""
    settings = Settings.read({"TROTH_RPC": "https://node.example"})
    assert (settings.confirmations, settings.challenge_period) == (12, 86_400)


def test_argument_beats_environment_beats_default() -> None:
    """Empty counts as absent."""
    environment = {"TROTH_RPC": "http://a:1", "TROTH_TIMEOUT": "7", "TROTH_CONFIRMATIONS": ""}
    settings = Settings.read(environment, rpc="http://b:2", timeout=None)
    assert (settings.rpc, settings.timeout, settings.confirmations) == ("http://b:2", 7.0, 12)


def test_environment_of_the_process_is_read_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, by `read`."""
    monkeypatch.setenv("TROTH_MAX_FEE", "1_000")
    assert Settings.read().max_fee == 1000 * 10**9


def test_paths_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the command does later, they mean the same; several are separated like PATH."""
    monkeypatch.chdir(tmp_path)
    Path("a.json").touch()
    Path("b.json").touch()
    settings = Settings.read(
        {"TROTH_HOME": "h", "TROTH_KEYSTORE": "a.json", "TROTH_ORACLE_KEYSTORES": f"a.json{os.pathsep}b.json"}
    )
    assert settings.home == tmp_path / "h"
    assert settings.keystore == tmp_path / "a.json"
    assert settings.oracle_keystores == (tmp_path / "a.json", tmp_path / "b.json")


def test_password_is_kept_to_the_letter() -> None:
    """Blanks may be part of it."""
    assert Settings.read({"TROTH_PASSWORD": " a "}).password == " a "  # noqa: S105


@pytest.mark.parametrize(
    ("variable", "value", "rule"),
    [
        ("TROTH_CONFIRMATIONS", "many", "from 0 to 100000"),
        ("TROTH_CONFIRMATIONS", "-1", "from 0 to 100000"),
        ("TROTH_CONFIRMATIONS", "1.5", "from 0 to 100000"),
        ("TROTH_CONFIRMATIONS", "9" * 5000, "from 0 to 100000"),
        ("TROTH_CONFIRMATIONS", "\u0661", "from 0 to 100000"),
        ("TROTH_BATCH_GAS", str(GAS_CAP + 1), f"from 500000 to {GAS_CAP}"),
        ("TROTH_MAX_FEE", "0", "from 1"),
        ("TROTH_RPC", "localhost:8545", "http://127.0.0.1:8545"),
        ("TROTH_RPC", "ws://localhost", "http://127.0.0.1:8545"),
        ("TROTH_RPC", "http://", "http://127.0.0.1:8545"),
        ("TROTH_RPC", "http://host:99999", "http://127.0.0.1:8545"),
        ("TROTH_KEYSTORE", "/no/such/file", "path of a file that exists"),
        ("TROTH_DATABASE_URL", "mysql://u@h/d", "sqlite:///FILE or postgresql://"),
        ("TROTH_KEK_FILE", "/no/such/file", "path of a file that exists"),
        ("TROTH_KEK_KEYRING", "troth", "SERVICE/NAME"),
        ("TROTH_KEK_KEYRING", "/kek", "SERVICE/NAME"),
        ("TROTH_KEK_KEYRING", "troth/", "SERVICE/NAME"),
        ("TROTH_WITHDRAWAL_DAYS", "0", "from 1 to 365"),
    ],
)
def test_bad_value_names_variable_value_and_rule(variable: str, value: str, rule: str) -> None:
    """So that it can be put right at once."""
    with pytest.raises(BadSetting) as caught:
        Settings.read({variable: value})
    assert caught.value.name == variable
    assert rule in str(caught.value)
    assert caught.value.value[:8] == value[:8]


@pytest.mark.parametrize(
    "text",
    ["0b" * 32, "0B" * 32, f" {'0b' * 32}\n", base64.b64encode(b"\x0b" * 32).decode()],
    ids=["hex", "capitals", "blanks around", "base64"],
)
def test_kek_is_read_from_hex_and_base64(text: str) -> None:
    """As `openssl rand -hex 32` and `-base64 32` write it; never shown."""
    settings = Settings.read({"TROTH_KEK": text})
    assert settings.kek == b"\x0b" * 32
    assert "0b0b" not in repr(settings).lower()
    assert "x0b" not in repr(settings)


def test_kek_is_read_from_base64_for_urls() -> None:
    """With - and _ for + and /."""
    key = bytes(range(224, 256))
    assert Settings.read({"TROTH_KEK": base64.urlsafe_b64encode(key).decode()}).kek == key


def test_kek_is_found_in_file_or_keyring(tmp_path: Path) -> None:
    """Both are opened later, by the commands that need them. A service's name may have slashes in it."""
    (tmp_path / "kek").touch()
    assert Settings.read({"TROTH_KEK_FILE": str(tmp_path / "kek")}).kek_file == tmp_path / "kek"
    assert Settings.read({"TROTH_KEK_KEYRING": "org/troth/kek"}).kek_keyring == ("org/troth", "kek")
    nowhere = Settings.read({})
    assert (nowhere.kek, nowhere.kek_file, nowhere.kek_keyring) == (None, None, None)


@pytest.mark.parametrize(
    "text", ["hunter2", "0b" * 31, "0b" * 33, "g" * 64, "hunter2 hunter2" * 4, "\u0661" * 64]
)
def test_bad_kek_is_refused_and_not_shown(text: str) -> None:
    """Somebody may have mistyped a real one."""
    with pytest.raises(BadSetting, match=r"^TROTH_KEK: '…': give a key of 32 bytes") as caught:
        Settings.read({"TROTH_KEK": text})
    assert text not in f"{caught.value} {caught.value.args} {caught.value.__cause__}"


def test_two_keks_are_refused(tmp_path: Path) -> None:
    """Which one counts must not be a guess; neither is shown."""
    (tmp_path / "kek").touch()
    with pytest.raises(BadSetting, match="TROTH_KEK: '…': give either this or TROTH_KEK_FILE, not both"):
        Settings.read({"TROTH_KEK": "0b" * 32, "TROTH_KEK_FILE": str(tmp_path / "kek")})


def test_withdrawals_are_honoured_in_ten_business_days_by_default() -> None:
    """Or in as many as the insurer allows."""
    assert Settings.read({}).withdrawal_days == 10
    assert Settings.read({"TROTH_WITHDRAWAL_DAYS": "3"}).withdrawal_days == 3


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TROTH_RPC", "ftp://ann:hunter2@host/x?key=hunter3"),
        ("TROTH_RPC", "http://ann:hunter2@host:port"),
        ("TROTH_DATABASE_URL", "mysql://ann:hunter2@host/d"),
        ("TROTH_DATABASE_URL", "ann:hunter2@host/d"),
    ],
)
def test_bad_value_does_not_show_its_secrets(variable: str, value: str) -> None:
    """An address may hold a password."""
    with pytest.raises(BadSetting) as caught:
        Settings.read({variable: value})
    assert "hunter" not in f"{caught.value} {caught.value.args}"


def test_unknown_argument_is_a_programming_error() -> None:
    """No setting is silently ignored."""
    with pytest.raises(TypeError, match="no such setting: rcp"):
        Settings.read({}, rcp="http://a")


def test_settings_are_frozen() -> None:
    """Nobody changes them on the way."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings.read({}).confirmations = 1  # type: ignore[misc]


def test_every_setting_is_documented_with_its_variable() -> None:
    """The name of the variable follows from the name of the field."""
    source = Path(__import__("troth.config").config.__file__).read_text(encoding="utf-8")
    for field in dataclasses.fields(Settings):
        assert f'"""TROTH_{field.name.upper()}' in source
