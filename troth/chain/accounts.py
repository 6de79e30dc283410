"""Who signs: a key file opened by a password, or an account the development node holds open.

A key never leaves its signer: not in `repr`, not in a log, not in an error.
"""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn, Protocol

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import Hash32
from sha3 import keccak_256

from troth.addresses import format_address
from troth.chain.rpc import Node, quantity
from troth.config import Settings
from troth.errors import BadSetting, WrongPassword

__all__ = [
    "LocalSigner",
    "NodeSigner",
    "Signer",
    "address_in",
    "development_signers",
    "read_password",
    "signer_of",
]

_SIG_STRUCTURE = b"\x84\x6aSignature1"
"""How CBOR writes an array of four whose first is the text "Signature1"."""

_DOMAIN_TYPES = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
    ("salt", "bytes32"),
)


class Signer(Protocol):
    """An account that can sign."""

    @property
    def address(self) -> str:
        """Checksummed 0x-hex."""

    def sign_transaction(self, fields: Mapping[str, Any]) -> tuple[str, bytes]:
        """Hash (0x-hex) and signed bytes of a transaction.

        `fields`: to (or None), data, value, nonce, gas, chainId, and either gasPrice or maxFeePerGas and
        maxPriorityFeePerGas; numbers as int, data as bytes.
        """

    def sign_typed(
        self,
        domain: Mapping[str, Any],
        types: Mapping[str, Sequence[tuple[str, str]]],
        message: Mapping[str, Any],
    ) -> bytes:
        """EIP-712 signature, 65 bytes r ‖ s ‖ v, of a message of the first of `types`.

        `types` maps a struct's name to its members (name, type), in order.
        """

    def sign_cose(self, structure: bytes) -> bytes:
        """ES256K signature (RFC 8812), 64 bytes r ‖ s, s in the lower half, of a COSE_Sign1's Sig_structure.

        ValueError unless `structure` begins as one (RFC 9052, 4.4).
        """


class LocalSigner:
    """An account whose key is in this process's memory."""

    __slots__ = ("__account", "address")

    def __init__(self, account: LocalAccount) -> None:
        self.__account = account
        self.address: str = str(account.address)

    @classmethod
    def from_key(cls, key: bytes) -> LocalSigner:
        """The signer of a 32-byte private key."""
        return cls(Account.from_key(key))

    @classmethod
    def from_keystore(cls, path: Path, password: str) -> LocalSigner:
        """The signer of an encrypted key file (Web3 Secret Storage, version 3). Takes about a second.

        Raises WrongPassword, or BadSetting if the file is none.
        """
        try:
            content = json.loads(path.read_bytes())
            if not isinstance(content, dict) or content.get("version") != 3:
                raise KeyError("version")
            _check_shape(content)
        except (OSError, ValueError, KeyError, TypeError):
            rule = (
                "give an encrypted key file (Web3 Secret Storage, version 3), as geth and eth-account write"
            )
            raise BadSetting("TROTH_KEYSTORE", str(path), rule) from None
        try:
            return cls(Account.from_key(Account.decrypt(content, password)))
        except (ValueError, KeyError, TypeError):
            raise WrongPassword(str(path)) from None

    def __repr__(self) -> str:
        """The address only."""
        return f"LocalSigner({self.address})"

    def __reduce__(self) -> NoReturn:
        """Refuses to be pickled or copied: the key would go with it."""
        raise TypeError("a signer cannot be pickled")

    def sign_transaction(self, fields: Mapping[str, Any]) -> tuple[str, bytes]:
        """Hash and signed bytes, as Signer says."""
        to = {} if fields["to"] is None else {"to": bytes.fromhex(fields["to"][2:])}
        signed = self.__account.sign_transaction({**fields, "to": b"", **to})
        return f"0x{bytes(signed.hash).hex()}", bytes(signed.raw_transaction)

    def sign_typed(
        self,
        domain: Mapping[str, Any],
        types: Mapping[str, Sequence[tuple[str, str]]],
        message: Mapping[str, Any],
    ) -> bytes:
        """EIP-712 signature, as Signer says."""
        return bytes(self.__account.sign_typed_data(full_message=_typed(domain, types, message)).signature)

    def sign_cose(self, structure: bytes) -> bytes:
        """ES256K signature, as Signer says."""
        signed = self.__account.unsafe_sign_hash(Hash32(_cose_digest(structure)))
        return signed.r.to_bytes(32, "big") + signed.s.to_bytes(32, "big")


class NodeSigner:
    """An account that a development node holds open. The node signs; sending stays with the Sender."""

    def __init__(self, node: Node, address: str) -> None:
        self._node = node
        self.address = format_address(bytes.fromhex(address[2:]))

    def __repr__(self) -> str:
        """Address and node."""
        return f"NodeSigner({self.address} at {self._node.url})"

    def sign_transaction(self, fields: Mapping[str, Any]) -> tuple[str, bytes]:
        """Hash and signed bytes, as Signer says. Raises NodeError if the account is not open."""
        message = {k: quantity(v) if isinstance(v, int) else v for k, v in fields.items() if v is not None}
        message["data"] = f"0x{bytes(fields['data']).hex()}"
        answer = self._node.call("eth_signTransaction", [{**message, "from": self.address}])
        raw = bytes.fromhex((answer["raw"] if isinstance(answer, Mapping) else answer)[2:])
        return f"0x{keccak_256(raw).hexdigest()}", raw

    def sign_typed(
        self,
        domain: Mapping[str, Any],
        types: Mapping[str, Sequence[tuple[str, str]]],
        message: Mapping[str, Any],
    ) -> bytes:
        """EIP-712 signature, as Signer says. Raises NodeError if the account is not open."""
        typed = _hex_bytes(_typed(domain, types, message))
        return bytes.fromhex(str(self._node.call("eth_signTypedData_v4", [self.address, typed]))[2:])

    def sign_cose(self, structure: bytes) -> NoReturn:
        """Raises BadSetting: by JSON-RPC nodes sign nothing but what Ethereum knows."""
        _cose_digest(structure)
        rule = "a COSE receipt takes a key file: name it with --keystore, for no node signs one"
        raise BadSetting("TROTH_KEYSTORE", "", rule)


def address_in(path: Path) -> str | None:
    """The address a key file says it is of, without opening it; None if it says none: some leave it out."""
    try:
        address = bytes.fromhex(str(json.loads(path.read_bytes())["address"]).removeprefix("0x"))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return format_address(address) if len(address) == 20 else None


def signer_of(settings: Settings, path: Path, ask: Callable[[str], str] = getpass.getpass) -> LocalSigner:
    """The signer of the key file `path`, opened by the password the settings name, or else asked for.

    Raises WrongPassword, BadSetting.
    """
    return LocalSigner.from_keystore(path, read_password(settings, path, ask))


def read_password(settings: Settings, path: Path, ask: Callable[[str], str] = getpass.getpass) -> str:
    """The password of a key file: the first line of the password file, or else TROTH_PASSWORD, or else asked.

    Raises BadSetting where there is nobody to ask.
    """
    if settings.password_file is not None:
        try:
            lines = settings.password_file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            raise BadSetting(
                "TROTH_PASSWORD_FILE", str(settings.password_file), "give a text file that can be read"
            ) from None
        return lines[0] if lines else ""
    if settings.password is not None:
        return settings.password
    if ask is getpass.getpass and not sys.stdin.isatty():
        raise BadSetting(
            "TROTH_PASSWORD_FILE", "", f"give the password of {path}: there is no terminal to ask at"
        )
    return ask(f"password of {path.name}: ")


def development_signers(config: Path) -> list[LocalSigner]:
    """The accounts a new Anvil chain comes with, from the file its --config-out wrote.

    Their keys are known to the whole world: for development only.
    """
    keys = json.loads(config.read_text(encoding="utf-8"))["private_keys"]
    return [LocalSigner.from_key(bytes.fromhex(key.removeprefix("0x"))) for key in keys]


def _cose_digest(structure: bytes) -> bytes:
    """What ES256K signs of a Sig_structure: its SHA-256. ValueError for other bytes.

    This is no way to sign a transaction, a message or typed data of Ethereum: their digests are keccak-256 of
    their bytes. For a signature made here to be one of them, the keccak-256 of such bytes would have to be
    the SHA-256 of a Sig_structure, and nobody can find two inputs, one each, that hash alike. That is why the
    digest is made here, beside the key: a digest from outside might be anything's.
    """
    if not structure.startswith(_SIG_STRUCTURE):
        raise ValueError("not the Sig_structure of a COSE_Sign1: four members, the first of them Signature1")
    return sha256(structure).digest()


def _check_shape(content: Mapping[str, Any]) -> None:
    """Raises KeyError or TypeError if a key file lacks what decrypting needs."""
    crypto = content.get("crypto") or content["Crypto"]
    for member in ("cipher", "ciphertext", "kdf", "kdfparams", "mac"):
        crypto[member]


def _typed(
    domain: Mapping[str, Any], types: Mapping[str, Sequence[tuple[str, str]]], message: Mapping[str, Any]
) -> dict[str, Any]:
    """The whole EIP-712 object."""
    described = {name: [{"name": n, "type": t} for n, t in members] for name, members in types.items()}
    described["EIP712Domain"] = [{"name": n, "type": t} for n, t in _DOMAIN_TYPES if n in domain]
    return {
        "types": described,
        "primaryType": next(iter(types)),
        "domain": dict(domain),
        "message": dict(message),
    }


def _hex_bytes(value: Any) -> Any:
    """The value with bytes as 0x-hex, as JSON needs it."""
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, Mapping):
        return {key: _hex_bytes(one) for key, one in value.items()}
    return [_hex_bytes(one) for one in value] if isinstance(value, (list, tuple)) else value
