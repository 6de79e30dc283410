"""Decisions by signature: what a wallet is asked to sign (EIP-712), and bringing what it signed to the chain.

A request is one JSON file, see troth.identity.requests. It names who is to sign, so nobody else's signature
will do. Anybody may carry it; what would be refused is found before anything is sent, with the reason.
"""

from __future__ import annotations

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
from troth.consent.intake import notice_of
from troth.consent.record import (
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
from troth.identity import requests, wallets
from troth.identity.evidence import Content
from troth.identity.subjects import parse_subject
from troth.intake import iso_second
from troth.office import Office

__all__ = ["STATEMENTS", "Statement", "carry", "read_request", "request"]

_STATEMENT = (
    ("subject", "bytes32"),
    ("signer", "address"),
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
STATEMENTS = requests.Kind("ConsentRegistry", "Statement", _STATEMENT, "signer")
"""What a subject or their representative signs to decide: the contract's Statement."""

_CONTRACT = STATEMENTS.contract
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
    signer: str
    """A wallet of the subject, or a representative: its address, checksummed."""
    said: Said
    nonce: int
    deadline: int

    @property
    def values(self) -> tuple[Any, ...]:
        """The contract's Statement."""
        said = self.said
        return (
            self.subject,
            self.signer,
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
    """What `wallet`, the subject's one wallet by default, is to sign until `deadline`, as typed data.

    It counts from now unless `said` has a time. Nothing is sent. Raises BadInput, also for a wallet that may
    not decide for the subject on these terms.
    """
    who = subject_of(office, subject)
    now = int(office.now().timestamp())
    said = replace(said, method=Method.SIGNATURE, basis=Basis.EXPLICIT_CONSENT)
    said = replace(said, effective=said.effective or now)
    said = said if notice is None else replace(said, notice=notice_of(notice))
    last = int(deadline.timestamp())
    if not now < last < 1 << 40:
        rule = f"no later than now: on the chain it is {iso_second(now)}"
        raise BadInput([Problem("--deadline", None, None, iso_second(last), rule)])
    check_own(said.state)
    check_said(office, said)
    signer = wallet or _only_wallet(office, who)
    # A term that is not defined yet is in nobody's narrower scope: it has a number that is no term's.
    numbers = dict.fromkeys(said.iris, _NO_TERM) | terms.numbers_of(office, said.iris, define=False)
    check_speaker(office, who, signer, entry_of(said, numbers).scope, place="--wallet")
    if notice is not None:
        keep_notice(office, said.notice, notice)
    return _typed_data(office, Statement(who, signer, said, secrets.randbits(192) << 64, last))


def carry(office: Office, path: Path, signature: str, *, signer: str | None = None) -> Recorded:
    """Records what was signed of the request at `path`, by `signer` if that is given.

    Its evidence is the digest that was signed. Raises BadInput, naming what is wrong: the file, another chain
    or contract, the deadline, a signature by a wrong wallet, malformed, malleable or used before, a
    representative out of scope; ConsentsPaused; and what sending raises.
    """
    statement = read_request(office, path)
    if signer not in {None, statement.signer}:
        _refuse(signer or "", f"the request is to {statement.signer}", place=_SIGNER)
    said = statement.said
    who = subject_of(office, f"0x{statement.subject.hex()}", place=_REQUEST)
    now = int(office.now().timestamp())
    if now > statement.deadline:
        rule = f"passed: on the chain it is {iso_second(now)}; make the request anew"
        _refuse(iso_second(statement.deadline), rule, "deadline")
    check_said(office, said, _IN_REQUEST)
    given = _checked_signature(office, statement, signature)
    _check_unused(office, statement)
    numbers = numbers_for(office, said, places=_IN_REQUEST)
    check_speaker(office, who, statement.signer, entry_of(said, numbers).scope, place=_SIGNATURE)
    registry = office.contract(_CONTRACT)
    call = registry.prepare("recordSigned", statement.values, given, label="record a signed decision")
    (receipt,) = office.sender.send([call])
    return recorded_in(office, receipt)


def read_request(office: Office, path: Path) -> Statement:
    """The statement in a file that `request` made for this chain and registry. Raises BadInput."""
    typed = requests.read(path)
    requests.check_domain(office, typed, [_CONTRACT], _REQUEST)
    message = typed["message"]
    if not STATEMENTS.is_of(typed) or not STATEMENTS.has_all(message):
        _refuse(str(path), "no request of this version: make it anew with `troth consent request`")
    return _statement(message)


def _only_wallet(office: Office, subject: bytes) -> str:
    """The one wallet that is bound to a subject. Raises BadInput if there is none, or another."""
    office.sync()
    bound = [one.wallet for one in wallets.history(office, subject) if one.is_bound]
    if len(bound) != 1:
        have = f"the subject has {len(bound)} wallets" if bound else "no wallet is bound to the subject"
        raise BadInput([Problem("--wallet", None, None, None, f"{have}: name who is to sign")])
    return bound[0]


def _typed_data(office: Office, statement: Statement) -> dict[str, Any]:
    """The whole EIP-712 object, fit for JSON; numbers too wide for JavaScript as decimal text."""
    message = dict(zip((name for name, _ in _STATEMENT), statement.values, strict=True))
    message |= {"subject": f"0x{statement.subject.hex()}", "nonce": str(statement.nonce)}
    return STATEMENTS.request(office, message)


def _statement(message: Mapping[str, Any]) -> Statement:
    """The statement in a message. Raises BadInput for values against their rules."""
    numbers = {name: _number(name, message[name]) for name, kind in _STATEMENT if kind.startswith("uint")}
    states = {state.term: state for state in OWN_STATES}
    if message["state"] not in states:
        _refuse(str(message["state"]), f"not a subject's own: {', '.join(sorted(states))}", "state")
    said = Said(
        state=states[message["state"]],
        basis=Basis.EXPLICIT_CONSENT,
        method=Method.SIGNATURE,
        effective=numbers["effective"],
        expires=numbers["expires"],
        **{field: _iri(name, str(message[name])) for name, field in _IRIS.items()},
    )
    signer = format_address(requests.address_in(message, "signer", _REQUEST))
    return Statement(_subject(str(message["subject"])), signer, said, numbers["nonce"], numbers["deadline"])


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


def _checked_signature(office: Office, statement: Statement, text: str) -> bytes:
    """The signature, as the registry takes it. Raises BadInput for one that it would not take."""
    try:
        given = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        _refuse(text, "not 0x and hex digits", place=_SIGNATURE)
    if office.node.call("eth_getCode", [statement.signer, "latest"]) not in {"0x", "0x0"}:
        _check_contract_wallet(office, statement, given)
        return given
    given = requests.with_v(given)
    _check_form(text, given)
    found = _recovered(_typed_data(office, statement), given)
    if found is None:
        _refuse(text, "not a signature: no key makes it", place=_SIGNATURE)
    if found != statement.signer:
        rule = f"not by {statement.signer}, whom the request is to; or the request was changed since"
        _refuse(found, rule, place=_SIGNATURE)
    return given


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
        rule = f"{len(given)} bytes: a signature has 65, r, s and v"
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


def _check_contract_wallet(office: Office, statement: Statement, given: bytes) -> None:
    """Raises BadInput unless the wallet approves the statement (ERC-1271)."""
    digest = office.contract(_CONTRACT).call("statementDigest", statement.values)
    asked = _ERC1271.selector + _ERC1271.encode((digest, given))
    message = {"to": statement.signer, "data": f"0x{asked.hex()}"}
    answer = office.node.attempt([("eth_call", [message, office.node.present])])[0]
    if not isinstance(answer, str) or answer[2:66] != _ERC1271.selector.ljust(32, b"\0").hex():
        rule = "this contract wallet does not approve the request (ERC-1271)"
        _refuse(statement.signer, rule, place=_SIGNATURE)


def _check_unused(office: Office, statement: Statement) -> None:
    """Raises BadInput for a nonce that the signer has used."""
    key, low = statement.nonce >> 64, statement.nonce & (1 << 64) - 1
    next_nonce = office.contract(_CONTRACT).call("nonces", statement.signer, key)
    if next_nonce & (1 << 64) - 1 != low:
        rule = f"{statement.signer} has used it: what is signed is recorded once"
        _refuse(str(statement.nonce), rule, "nonce")


def _refuse(value: str, reason: str, column: str | None = None, place: str = _REQUEST) -> NoReturn:
    """Raises BadInput for one thing."""
    raise BadInput([Problem(place, None, column, value, reason)])
