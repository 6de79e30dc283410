"""What a wallet is asked to sign (EIP-712), as one JSON file: the whole object of `eth_signTypedData_v4`.

Any wallet signs it as it stands, and `troth sign` does with a key file. Numbers too wide for JavaScript are
decimal text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from eth_abi.exceptions import EncodingError

from troth.addresses import parse_address
from troth.chain.accounts import Signer
from troth.errors import BadInput, Problem
from troth.files import write_whole
from troth.office import Office

__all__ = ["Kind", "address_in", "check_domain", "domain_of", "read", "sign", "with_v", "write"]

Members = Sequence[tuple[str, str]]

_DOMAIN = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)
# eth-account fills up what is too short, and would sign something else than what the file shows.
_FORMS = {"bytes32": re.compile("0x[0-9a-fA-F]{64}"), "address": re.compile("0x[0-9a-fA-F]{40}")}


@dataclass(frozen=True)
class Kind:
    """A kind of request."""

    contract: str
    """Of the deployment, that takes the signature."""
    struct: str
    members: Members
    """Name and type of each."""
    signer: str
    """The member that names who is to sign."""

    def typed_data(self, domain: Mapping[str, Any], message: Mapping[str, Any]) -> dict[str, Any]:
        """The whole object, for a domain: the struct's members, and its values as JSON has them."""
        return {
            "types": {"EIP712Domain": _described(_DOMAIN), self.struct: _described(self.members)},
            "primaryType": self.struct,
            "domain": dict(domain),
            "message": dict(message),
        }

    def request(self, office: Office, message: Mapping[str, Any]) -> dict[str, Any]:
        """The same for the deployment's contract."""
        return self.typed_data(domain_of(office, self.contract), message)

    def signed(self, signer: Signer, typed: Mapping[str, Any]) -> bytes:
        """A signer's signature, 65 bytes, of such typed data, which it is not held to."""
        return signer.sign_typed(typed["domain"], {self.struct: self.members}, typed["message"])

    def is_of(self, typed: Mapping[str, Any]) -> bool:
        """Whether typed data declare exactly this struct; its values are another matter."""
        return typed == self.typed_data(typed["domain"], typed["message"])

    def has_all(self, message: Mapping[str, Any]) -> bool:
        """Whether a message has a value for each member, and no more."""
        return message.keys() == {member for member, _ in self.members}


def domain_of(office: Office, contract: str) -> dict[str, Any]:
    """A contract of the deployment as EIP-712 domain: a signature is good for it on this chain only."""
    return {
        "name": f"Troth {contract}",
        "version": "1",
        "chainId": office.deployment.chain_id,
        "verifyingContract": office.contract(contract).address,
    }


def write(typed: Mapping[str, Any], path: Path) -> None:
    """Writes a request's file, whole or not at all. Raises BadInput, naming it."""
    write_whole(path, json.dumps(typed, indent=2) + "\n")


def read(path: Path) -> dict[str, Any]:
    """The typed data in a file, of the right shape and not yet trusted. Raises BadInput, naming it."""
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        _refuse(path, f"cannot be read: {error.strerror}")
    except (ValueError, RecursionError):
        content = None
    parts = {"types": dict, "primaryType": str, "domain": dict, "message": dict}
    if not isinstance(content, dict) or not all(isinstance(content.get(n), t) for n, t in parts.items()):
        _refuse(path, "no request: give the file that `subject bind` or `consent request` wrote")
    return content


def check_domain(office: Office, typed: Mapping[str, Any], contracts: Sequence[str], place: str) -> str:
    """The one of `contracts` that typed data is for. Raises BadInput if it is for none of this deployment."""
    given = {name: _text(value) for name, value in typed["domain"].items()}
    for contract in contracts:
        if given == {name: _text(value) for name, value in domain_of(office, contract).items()}:
            return contract
    shown = " ".join(str(typed["domain"].get(name)) for name in ("name", "chainId", "verifyingContract"))
    ours = " or ".join(f"{name} at {office.contract(name).address}" for name in contracts)
    reason = f"made for another chain or contract than {ours} on chain {office.deployment.chain_id}"
    raise BadInput([Problem(place, None, "domain", shown, reason)])


def sign(office: Office, path: Path, kinds: Sequence[Kind]) -> bytes:
    """The signature, 65 bytes, of a request of one of `kinds` to this deployment, by the office's own key.

    Raises BadInput for anything else, and for a request to another wallet; WrongPassword and BadSetting for
    the key.
    """
    typed = read(path)
    message = typed["message"]
    contract = check_domain(office, typed, [kind.contract for kind in kinds], str(path))
    (kind,) = (one for one in kinds if one.contract == contract)
    members = kind.members
    if not kind.is_of(typed) or not kind.has_all(message):
        _refuse(path, "no request of this version: make it anew")
    signer = office.signer
    if _text(message[kind.signer]) != signer.address.lower():
        _refuse(path, f"a request to another wallet, {message[kind.signer]}: this key is {signer.address}'s")
    wrong = "a value of its message is not of its type: make it anew"
    if not all(_FORMS[form].fullmatch(str(message[member])) for member, form in members if form in _FORMS):
        _refuse(path, wrong)
    try:
        return kind.signed(signer, typed)
    except (ValueError, TypeError, EncodingError):
        _refuse(path, wrong)


def address_in(message: Mapping[str, Any], name: str, place: str) -> bytes:
    """An address of a message. Raises BadInput."""
    try:
        return parse_address(str(message.get(name)))
    except ValueError as error:
        raise BadInput([Problem(place, None, name, str(message.get(name)), str(error))]) from None


def with_v(signature: bytes) -> bytes:
    """The signature with v as 27 or 28, which contracts take: some wallets write 0 or 1."""
    if len(signature) == 65 and signature[64] < 2:
        return signature[:64] + bytes([27 + signature[64]])
    return signature


def _described(members: Members) -> list[dict[str, str]]:
    """Members as JSON has them."""
    return [{"name": name, "type": kind} for name, kind in members]


def _text(value: object) -> str:
    """A value of a domain, comparable: addresses without regard to case."""
    return str(value).lower()


def _refuse(path: Path, reason: str) -> NoReturn:
    """Raises BadInput for a file."""
    raise BadInput([Problem(str(path), None, None, None, reason)])
