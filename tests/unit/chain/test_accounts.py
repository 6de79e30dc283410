"""Signers: keys open with the right password only, sign alike, and are never shown."""

# ruff: noqa: S105, S106  (no secrets: made up here)

from __future__ import annotations

import copy
import io
import json
import pickle
import traceback
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from troth.chain import LocalSigner, Node, NodeSigner, development_signers, signer_of
from troth.chain.accounts import read_password
from troth.chain.anvil import Embedded
from troth.config import Settings
from troth.errors import BadSetting, NodeError, WrongPassword

KEY = bytes(range(1, 33))
ADDRESS = Account.from_key(KEY).address
PASSWORD = "correct horse"

DOMAIN = {"name": "Troth OracleReports", "version": "1", "chainId": 31337, "verifyingContract": ADDRESS}
TYPES = {"Report": [("metric", "bytes32"), ("count", "uint32")]}
MESSAGE = {"metric": bytes(31) + b"\x01", "count": 7}

FIELDS = {
    "to": ADDRESS.lower(),
    "data": b"\x01\x02",
    "value": 3,
    "nonce": 4,
    "gas": 50_000,
    "chainId": 31337,
    "maxFeePerGas": 10**10,
    "maxPriorityFeePerGas": 10**9,
}


@pytest.fixture(scope="module")
def keystore(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encrypted key file, with few rounds so that tests are quick."""
    path = tmp_path_factory.mktemp("keys") / "insurer.json"
    path.write_text(json.dumps(Account.encrypt(KEY, PASSWORD, kdf="pbkdf2", iterations=10)))
    return path


def settings(**given: object) -> Settings:
    """Settings with these."""
    return Settings(home=Path("nowhere"), **given)  # type: ignore[arg-type]


def test_keystore_opens_with_its_password(keystore: Path) -> None:
    """And gives the account it was made from."""
    assert LocalSigner.from_keystore(keystore, PASSWORD).address == ADDRESS


def test_wrong_password_is_one_line_without_the_password(keystore: Path) -> None:
    """Nor does the trace below it hold password or key."""
    wrong = "hunter2"
    with pytest.raises(WrongPassword) as caught:
        LocalSigner.from_keystore(keystore, wrong)
    assert "\n" not in str(caught.value)
    assert str(keystore) in str(caught.value)
    shown = "".join(traceback.format_exception(caught.value))
    assert wrong not in shown
    assert KEY.hex() not in shown


@pytest.mark.parametrize(
    "content", [b"", b"not json", b"[]", b"{}", b'{"version": 3}', b"\xff", b'{"version": 1}']
)
def test_file_that_is_no_keystore_is_a_bad_setting(tmp_path: Path, content: bytes) -> None:
    """One line that says what would be right."""
    path = tmp_path / "key.json"
    path.write_bytes(content)
    with pytest.raises(BadSetting, match="Web3 Secret Storage"):
        LocalSigner.from_keystore(path, PASSWORD)


def test_keystore_that_cannot_be_read_is_a_bad_setting(tmp_path: Path) -> None:
    """Such as one that is not there."""
    with pytest.raises(BadSetting):
        LocalSigner.from_keystore(tmp_path / "none", PASSWORD)


def test_key_is_never_shown(keystore: Path) -> None:
    """Not by repr, str, format, dir or vars, and it cannot be pickled or copied."""
    signer = LocalSigner.from_keystore(keystore, PASSWORD)
    assert repr(signer) == f"LocalSigner({ADDRESS})"
    shown = f"{signer} {signer!r} {dir(signer)} {getattr(signer, '__dict__', '')}"
    assert KEY.hex() not in shown
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="pickled"):
            attempt(signer)  # type: ignore[operator]


def test_key_is_not_in_the_error_of_a_failed_signature() -> None:
    """A transaction that cannot be signed says what is wrong with it, and no more."""
    with pytest.raises(TypeError) as caught:
        LocalSigner.from_key(KEY).sign_transaction({**FIELDS, "nonce": "four"})
    shown = "".join(traceback.format_exception(caught.value))
    assert KEY.hex() not in shown
    assert str(int.from_bytes(KEY, "big")) not in shown


def test_signed_transaction_is_the_accounts() -> None:
    """The bytes recover to the sender, and their hash is the transaction's."""
    digest, raw = LocalSigner.from_key(KEY).sign_transaction(FIELDS)
    assert Account.recover_transaction(raw) == ADDRESS
    assert digest == f"0x{Account.from_key(KEY).sign_transaction({**FIELDS, 'to': ADDRESS}).hash.hex()}"


def test_creation_has_no_recipient() -> None:
    """`to` None makes a contract."""
    _, raw = LocalSigner.from_key(KEY).sign_transaction({**FIELDS, "to": None})
    assert Account.recover_transaction(raw) == ADDRESS


def test_typed_signature_recovers_to_the_signer() -> None:
    """EIP-712, as another implementation reads it."""
    signature = LocalSigner.from_key(KEY).sign_typed(DOMAIN, TYPES, MESSAGE)
    members = {"Report": [{"name": "metric", "type": "bytes32"}, {"name": "count", "type": "uint32"}]}
    readable = encode_typed_data(DOMAIN, members, MESSAGE)
    assert len(signature) == 65
    assert Account.recover_message(readable, signature=signature) == ADDRESS


def test_node_signs_as_the_local_key_does(node: Node, signers: list[LocalSigner]) -> None:
    """Transactions to the byte, and typed messages."""
    local = signers[2]
    remote = NodeSigner(node, local.address.lower())
    assert remote.address == local.address
    assert remote.sign_transaction(FIELDS) == local.sign_transaction(FIELDS)
    assert remote.sign_transaction({**FIELDS, "to": None}) == local.sign_transaction({**FIELDS, "to": None})
    assert remote.sign_typed(DOMAIN, TYPES, MESSAGE) == local.sign_typed(DOMAIN, TYPES, MESSAGE)


def test_node_refuses_to_sign_for_an_account_it_does_not_hold(node: Node) -> None:
    """An error by name."""
    with pytest.raises(NodeError):
        NodeSigner(node, ADDRESS).sign_transaction(FIELDS)


def test_development_accounts_come_from_the_file_anvil_wrote(embedded: Embedded, node: Node) -> None:
    """They are the ones the chain made rich."""
    held = [address.lower() for address in node.call("eth_accounts")]
    assert [signer.address.lower() for signer in development_signers(embedded.accounts)] == held


def test_password_comes_from_the_file_before_the_environment_before_the_prompt(tmp_path: Path) -> None:
    """The first line of the file, without its end and with its blanks."""
    path = tmp_path / "password"
    path.write_text(" pass word \nsecond line\n")
    assert read_password(settings(password_file=path, password="other"), path) == " pass word "
    assert read_password(settings(password="other"), path) == "other"
    assert (
        read_password(settings(), path, ask=lambda prompt: f"asked: {prompt}")
        == "asked: password of password: "
    )
    path.write_text("")
    assert read_password(settings(password_file=path), path) == ""


def test_password_file_that_cannot_be_read_is_a_bad_setting(tmp_path: Path) -> None:
    """It is named, and its content is not shown."""
    path = tmp_path / "password"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BadSetting, match="TROTH_PASSWORD_FILE"):
        read_password(settings(password_file=path), path)


def test_without_a_terminal_nobody_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A batch job must fail and not hang."""
    monkeypatch.setattr("sys.stdin", io.StringIO("x"))
    with pytest.raises(BadSetting, match="no terminal"):
        read_password(settings(), tmp_path / "key.json")


def test_signer_of_settings_opens_the_file(keystore: Path) -> None:
    """File and password by the settings."""
    assert signer_of(settings(password=PASSWORD), keystore).address == ADDRESS


def test_settings_do_not_show_the_password() -> None:
    """Nor the address of the node and of the database, which may hold one."""
    shown = repr(
        settings(password="hunter2", rpc="http://u:hunter3@n", database_url="postgresql://u:hunter4@n")
    )
    assert "hunter" not in shown
