"""Decisions by signature: what a wallet is asked to sign (EIP-712), and bringing what it signed to the chain.

A request is one JSON file, the whole object of `eth_signTypedData_v4`, so any wallet shows what it is asked.
Anybody may carry the signature; what would be refused is found before anything is sent, with the reason.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from troth.addresses import format_address, parse_address
from troth.chain.abi import Entry
from troth.consent import terms
from troth.consent.decisions import OWN_STATES, Basis, Method
from troth.consent.intake import iso_second, notice_of
from troth.consent.record import (
    NO_EVIDENCE,
    PLACES,
    Recorded,
    Said,
    check_own,
    check_said,
    check_speaker,
    entry_of,
    keep_notice,
    numbers_for,
    recorded_in,
    subject_of,
)
from troth.errors import BadInput, Problem
from troth.identity.evidence import Content, draft
from troth.identity.subjects import parse_subject
from troth.office import Office

__all__ = ["STATEMENT", "Statement", "carry", "read_request", "request", "typed_data"]

STATEMENT = (
    ("subject", "bytes32"),
    ("state", "string"),
    ("purpose", "string"),
    ("recipient", "string"),
    ("category", "string"),
    ("jurisdiction", "string"),
    ("notice", "string"),
    ("expiryEvent", "string"),
    ("effective", "uint40"),
    ("expires", "uint40"),
    ("nonce", "uint256"),
    ("deadline", "uint40"),
)
_DOMAIN = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)
_TYPES = {
    name: [{"name": member, "type": kind} for member, kind in members]
    for name, members in (("EIP712Domain", _DOMAIN), ("Statement", STATEMENT))
}
# Half the order of secp256k1: of the two signatures that verify, contracts take the one below.
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_NO_TERM = 2**32 - 1
_ERC1271 = Entry(
    "isValidSignature",
    "isValidSignature(bytes32,bytes)",
    ({"name": "hash", "type": "bytes32"}, {"name": "signature", "type": "bytes"}),
)
_REQUEST, _SIGNATURE, _SIGNER = "--request", "--signature", "--signer"
_SCOPE = ("purpose", "recipient", "category")
_IRIS = {name: name for name in (*_SCOPE, "jurisdiction", "notice")} | {"expiryEvent": "expiry_event"}
_RULES: Mapping[str, Callable[[str], str]] = {
    "purpose": terms.purpose_iri,
    "recipient": terms.recipient_iri,
    "category": terms.category_iri,
    "jurisdiction": terms.jurisdiction_iri,
}
_IN_REQUEST = {name: f"--request: {name}" for name in PLACES}


@dataclass(frozen=True)
class Statement:
    """What is signed. `nonce` has 64 low zero bits: it waits for no other. Times UTC seconds."""

    subject: bytes
    said: Said
    nonce: int
    deadline: int

    @property
    def values(self) -> tuple[Any, ...]:
        """The contract's Statement."""
        said = self.said
        return (
            self.subject,
            said.state.term,
            said.purpose,
            said.recipient,
            said.category,
            said.jurisdiction,
            said.notice,
            said.expiry_event,
            said.effective,
            said.expires,
            self.nonce,
            self.deadline,
        )


def request(
    office: Office,
    subject: str,
    said: Said,
    deadline: datetime,
    *,
    wallet: str | None = None,
    notice: Content | None = None,
) -> dict[str, Any]:
    """What a wallet is to sign until `deadline`; it counts from now unless `said` has a time. Sends nothing.

    With `wallet`, its right to speak for the subject on these terms is checked at once. Raises BadInput.
    """
    who = subject_of(office, subject)
    now = int(office.now().timestamp())
    said = replace(
        said, effective=said.effective or now, method=Method.SIGNATURE, basis=Basis.EXPLICIT_CONSENT
    )
    said = said if notice is None else replace(said, notice=notice_of(notice))
    last = int(deadline.timestamp())
    if not now < last < 2**40:
        rule = f"no later than now: on the chain it is {iso_second(now)}"
        raise BadInput([Problem("--deadline", None, None, iso_second(last), rule)])
    check_own(said.state)
    check_said(office, said)
    if notice is not None:
        keep_notice(office, said.notice, notice)
    if wallet is not None:
        # A term that is not defined yet is in nobody's narrower scope: it has a number that is no term's.
        numbers = dict.fromkeys(said.iris, _NO_TERM) | terms.numbers_of(office, said.iris, define=False)
        check_speaker(office, who, wallet, entry_of(said, numbers).scope, place="--wallet")
    return typed_data(office, Statement(who, said, secrets.randbits(192) << 64, last))


def carry(
    office: Office, path: Path, signature: str, *, signer: str | None = None, evidence: Content | None = None
) -> Recorded:
    """Records what was signed of the request at `path`. `signer` names a contract wallet (ERC-1271).

    Raises BadInput, naming what is wrong: the file, another chain or contract, the deadline, a signature by
    a wrong wallet, malformed, malleable or used before, a representative out of scope; ConsentsPaused; and
    what sending raises.
    """
    statement = read_request(office, path)
    said = statement.said
    who = subject_of(office, f"0x{statement.subject.hex()}", place=_REQUEST)
    now = int(office.now().timestamp())
    if now > statement.deadline:
        rule = f"its deadline passed: on the chain it is {iso_second(now)}"
        raise BadInput([Problem(_REQUEST, None, "deadline", iso_second(statement.deadline), rule)])
    check_said(office, said, _IN_REQUEST)
    signed_by, signature_bytes = _signer(office, statement, signature, signer)
    _check_unused(office, signed_by, statement)
    numbers = numbers_for(office, said, places=_IN_REQUEST)
    place = _SIGNATURE if signer is None else _SIGNER
    check_speaker(office, who, signed_by, entry_of(said, numbers).scope, place=place)
    word = NO_EVIDENCE if evidence is None else draft(office, who, evidence)
    registry = office.contract("ConsentRegistry")
    call = registry.prepare(
        "recordSigned", statement.values, signed_by, signature_bytes, word, label="record a signed decision"
    )
    (receipt,) = office.sender.send([call])
    return recorded_in(office, receipt)


def typed_data(office: Office, statement: Statement) -> dict[str, Any]:
    """The whole EIP-712 object, fit for JSON; numbers too wide for JavaScript as decimal text."""
    message = dict(zip((name for name, _ in STATEMENT), statement.values, strict=True))
    message |= {"subject": f"0x{statement.subject.hex()}", "nonce": str(statement.nonce)}
    return {"types": _TYPES, "primaryType": "Statement", "domain": _domain(office), "message": message}


def read_request(office: Office, path: Path) -> Statement:
    """The statement in a file that `request` made for this chain and registry. Raises BadInput."""
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        _refuse(str(path), f"cannot be read: {error.strerror}")
    except ValueError:
        content = None
    if not isinstance(content, dict) or content.get("primaryType") != "Statement":
        _refuse(str(path), "no request: give the file that `troth consent request` wrote")
    if content.get("types") != _TYPES:
        _refuse(str(path), "no request of this version: make it anew with `troth consent request`")
    for name, expected in _domain(office).items():
        found = dict(content.get("domain") or {}).get(name)
        if str(found).lower() != str(expected).lower():
            _refuse(str(found), f"made for another chain or registry: {name} is {expected} here")
    try:
        return _statement(content["message"])
    except (KeyError, TypeError) as error:
        _refuse(str(path), f"the message is not whole: {error}")


def _statement(message: Mapping[str, Any]) -> Statement:
    """The statement in a message. Raises KeyError, TypeError, and BadInput for values against their rules."""
    values = {name: message[name] for name, _ in STATEMENT}
    numbers = {name: _number(name, values[name]) for name, kind in STATEMENT if kind.startswith("uint")}
    states = {state.term: state for state in OWN_STATES}
    if values["state"] not in states:
        _refuse(str(values["state"]), f"not a subject's own: {', '.join(sorted(states))}", "state")
    said = Said(
        state=states[values["state"]],
        basis=Basis.EXPLICIT_CONSENT,
        method=Method.SIGNATURE,
        effective=numbers["effective"],
        expires=numbers["expires"],
        **{field: _iri(name, str(values[name])) for name, field in _IRIS.items()},
    )
    return Statement(_subject(str(values["subject"])), said, numbers["nonce"], numbers["deadline"])


def _subject(text: str) -> bytes:
    """The subject of a message. Raises BadInput."""
    try:
        subject = parse_subject(text)
    except ValueError as error:
        _refuse(text, str(error), "subject")
    if subject is None:
        _refuse(text, "not a subject: 0x and 64 hex digits", "subject")
    return subject


def _iri(name: str, text: str) -> str:
    """A term of a message, as it is signed. Raises BadInput."""
    rule = _RULES.get(name, terms.check_iri)
    try:
        iri = text if text == "" and name not in _SCOPE else rule(text)
    except ValueError as error:
        _refuse(text, str(error), name)
    if iri != text:
        _refuse(text, f"not in full: the term is {iri}", name)
    return iri


def _number(name: str, value: object) -> int:
    """An unsigned integer of a message, as JSON number or decimal text."""
    bits = {"nonce": 256, "deadline": 40}.get(name, 32)
    try:
        number = int(value) if isinstance(value, str) else value
    except ValueError:
        number = None
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 1 << bits:
        _refuse(str(value), f"write an unsigned integer of {bits} bits", name)
    if name == "effective" and number == 0:
        _refuse("0", "a signed decision names the time from which it counts", name)
    return number


def _signer(office: Office, statement: Statement, signature: str, named: str | None) -> tuple[str, bytes]:
    """Who signed, and the signature. Raises BadInput for one that the registry would not take."""
    try:
        given = bytes.fromhex(signature.removeprefix("0x"))
    except ValueError:
        _refuse(signature, "not 0x and hex digits", place=_SIGNATURE)
    if named is not None and office.node.call("eth_getCode", [named, "latest"]) not in {"0x", "0x0"}:
        return _contract_wallet(office, statement, named, given), given
    _check_form(signature, given)
    found = _recovered(typed_data(office, statement), given)
    if found is None:
        _refuse(signature, "not a signature: no key makes it", place=_SIGNATURE)
    if named is not None and found != named:
        _refuse(named, f"did not sign this request: the signature is by {found}", place=_SIGNER)
    return found, given


def _recovered(typed: dict[str, Any], signature: bytes) -> str | None:
    """The address whose key signed, None if none can have."""
    recover: Callable[..., str] = Account().recover_message  # untyped, in the library
    try:
        return format_address(
            parse_address(recover(encode_typed_data(full_message=typed), signature=signature))
        )
    except (BadSignature, ValidationError, ValueError):
        return None


def _check_form(text: str, given: bytes) -> None:
    """Raises BadInput unless a signature has the one form that contracts take: of a wallet that is a key."""
    if len(given) != 65:
        rule = f"{len(given)} bytes: a signature has 65, r, s and v; name a contract wallet with --signer"
        _refuse(text, rule, place=_SIGNATURE)
    r, s, v = int.from_bytes(given[:32], "big"), int.from_bytes(given[32:64], "big"), given[64]
    if v not in {27, 28}:
        _refuse(text, f"its last byte, v, is {v}: write 27 or 28 (1b or 1c)", place=_SIGNATURE)
    if not 0 < r < _ORDER or not 0 < s < _ORDER:
        _refuse(text, "not a signature: r or s is out of range", place=_SIGNATURE)
    if s > _HALF_ORDER:
        _refuse(
            text, "malleable: its s is in the upper half, which no honest wallet writes", place=_SIGNATURE
        )


def _contract_wallet(office: Office, statement: Statement, wallet: str, given: bytes) -> str:
    """The wallet, if it approves the statement. Raises BadInput."""
    digest = office.contract("ConsentRegistry").call("statementDigest", statement.values)
    asked = _ERC1271.encode((digest, given))
    message = {"to": wallet, "data": f"0x{(_ERC1271.selector + asked).hex()}"}
    answer = office.node.attempt([("eth_call", [message, office.node.present])])[0]
    if not isinstance(answer, str) or answer[2:66] != _ERC1271.selector.ljust(32, b"\0").hex():
        _refuse(wallet, "this contract wallet does not approve the request (ERC-1271)", place=_SIGNER)
    return wallet


def _check_unused(office: Office, signer: str, statement: Statement) -> None:
    """Raises BadInput for a nonce that the signer has used."""
    key, low = statement.nonce >> 64, statement.nonce & (1 << 64) - 1
    next_nonce = office.contract("ConsentRegistry").call("nonces", signer, key)
    if next_nonce & (1 << 64) - 1 != low:
        _refuse(str(statement.nonce), f"{signer} has used it: what is signed is recorded once", "nonce")


def _domain(office: Office) -> dict[str, Any]:
    """The registry on this chain: a signature is good for no other."""
    return {
        "name": "Troth ConsentRegistry",
        "version": "1",
        "chainId": office.node.chain_id,
        "verifyingContract": office.contract("ConsentRegistry").address,
    }


def _refuse(value: str, reason: str, column: str | None = None, place: str = _REQUEST) -> NoReturn:
    """Raises BadInput for one thing."""
    raise BadInput([Problem(place, None, column, value, reason)])
