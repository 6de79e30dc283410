"""Decisions by signature: what is asked, what is carried, and every signature that is refused, and why.

Branches: the request (fields, defaults, wallet's right, times, states) · the file (missing, other, altered,
another chain or registry) · the signature (form, v, s, r, length) · the signer (wallet, wrong wallet,
representative in and out of scope, contract wallet that approves or not) · deadline · nonce · pause.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from saying import CONTACT, GERMANY, MARKETING, SAID, SCOPE, history, refused, said
from support import Actor, Suite, compiled
from support.consents import EVIDENCE, Mandate, bound
from support.defaults import DAY, START

from troth.chain.contracts import Contract
from troth.consent import administration, terms
from troth.consent.decisions import Basis, Method, State
from troth.consent.intake import notice_of
from troth.consent.record import record
from troth.consent.requests import STATEMENTS, carry, read_request, request
from troth.errors import BadInput, ConsentsPaused
from troth.identity import requests
from troth.identity.evidence import Content
from troth.intake import iso_second
from troth.office import Office
from troth.trees.keccak import keccak

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
LATER = datetime.fromtimestamp(START + 7 * DAY, timezone.utc)
OTHER = terms.purpose_iri("ServiceProvision")

Ask = Callable[..., Path]


@pytest.fixture
def wallet(suite: Suite, subject: bytes, customer: Actor) -> Actor:
    """The subject's wallet."""
    bound(suite, customer, subject)
    return customer


@pytest.fixture
def ask(office: Office, wallet: Actor, tmp_path: Path) -> Ask:
    """Writes a request about C-1 as the command does, to its one wallet or another."""

    def asked(deadline: datetime = LATER, wallet: str | None = None, **changes: Any) -> Path:
        path = tmp_path / "request.json"
        path.write_text(json.dumps(request(office, "C-1", said(**changes), deadline, wallet=wallet)))
        return path

    return asked


def signed(path: Path, by: Actor) -> str:
    """The signature of a request by somebody's key, as eth-account makes it of the file alone."""
    content = json.loads(path.read_text())
    return "0x" + Account.sign_typed_data(keccak(by.name.encode()), full_message=content).signature.hex()


def altered(path: Path, **message: Any) -> Path:
    """The request with another message."""
    content = json.loads(path.read_text())
    content["message"] |= message
    path.write_text(json.dumps(content))
    return path


def parts(signature: str) -> tuple[bytes, int, int]:
    """r as bytes, s and v as numbers."""
    raw = bytes.fromhex(signature[2:])
    return raw[:32], int.from_bytes(raw[32:64], "big"), raw[64]


# --- the request


def test_request_says_who_decides_what(ask: Ask, office: Office, wallet: Actor, subject: bytes) -> None:
    """Terms in full, so that a wallet shows them; nothing that JavaScript would round."""
    iri = administration.expiry_event(office, "CLAIM-7")
    content = json.loads(ask(jurisdiction=GERMANY, expiry_event=iri).read_text())
    message = dict(content["message"])
    nonce = int(message.pop("nonce"))
    assert message == {
        "subject": f"0x{subject.hex()}",
        "signer": wallet.address,
        "state": "Given",
        "purpose": MARKETING,
        "recipient": SCOPE[1],
        "category": CONTACT,
        "jurisdiction": GERMANY,
        "notice": "",
        "expiryEvent": iri,
        "effective": START,
        "expires": 0,
        "deadline": START + 7 * DAY,
    }
    assert nonce % 2**64 == 0
    assert 0 < nonce < 2**256
    registry = office.contract("ConsentRegistry")
    assert content["domain"] == {
        "name": "Troth ConsentRegistry",
        "version": "1",
        "chainId": 31337,
        "verifyingContract": registry.address,
    }


def test_no_two_requests_are_the_same(ask: Ask) -> None:
    """Each has a nonce of its own, so they are recorded in any order."""
    nonces = {json.loads(ask().read_text())["message"]["nonce"] for _ in range(3)}
    assert len(nonces) == 3


def test_request_reads_back_as_it_was_made(ask: Ask, office: Office, subject: bytes) -> None:
    """By explicit consent, whatever was said."""
    statement = read_request(office, ask(effective=START - 5, expires=START + 5))
    assert statement.subject == subject
    assert statement.said == said(
        effective=START - 5, expires=START + 5, basis=Basis.EXPLICIT_CONSENT, method=Method.SIGNATURE
    )
    assert statement.deadline == LATER.timestamp()


def test_digest_is_the_contracts(ask: Ask, office: Office, wallet: Actor) -> None:
    """What the wallet signs is what the registry checks."""
    path = ask()
    values = read_request(office, path).values
    digest = office.contract("ConsentRegistry").call("statementDigest", values)
    raw = bytes.fromhex(signed(path, wallet)[2:])
    recovered = Account._recover_hash(digest, signature=raw)
    assert recovered == wallet.address


def test_request_keeps_the_notice(office: Office, subject: bytes, wallet: Actor, tmp_path: Path) -> None:
    """Named by its hash in what is signed, and on the chain."""
    notice = Content(b"We will.", "notice.txt", "text/plain")
    path = tmp_path / "r.json"
    path.write_text(json.dumps(request(office, "C-1", SAID, LATER, notice=notice)))
    done = carry(office, path, signed(path, wallet))
    number = terms.numbers_of(office, [notice_of(notice)], define=False)[notice_of(notice)]
    assert done.decision.notice == number


@pytest.mark.parametrize("seconds", [0, -1])
def test_deadline_must_be_ahead(ask: Ask, office: Office, seconds: int) -> None:
    """Of the chain's clock."""
    with refused("--deadline", "no later than now"):
        ask(deadline=office.now() + timedelta(seconds=seconds))


def test_request_of_another_state_is_refused(ask: Ask) -> None:
    """Nobody signs that they were asked."""
    with refused("--state", "a subject's own decision is", value="requested"):
        ask(state=State.REQUESTED)


def test_request_keeps_to_times(ask: Ask) -> None:
    """Found out before anybody signs."""
    with refused("--effective", "in the future"):
        ask(effective=START + 1)
    with refused("--expires", "expires before"):
        ask(expires=START)


def test_request_to_a_wallet_without_the_right_is_refused(ask: Ask, wallet: Actor, suite: Suite) -> None:
    """Before it is asked; on terms that are not even defined."""
    ask(wallet=wallet.address)
    with refused("--wallet", "neither a wallet", value=suite.customers[1].address):
        ask(wallet=suite.customers[1].address)


def test_request_needs_a_wallet_named_where_there_is_not_one(
    office: Office, suite: Suite, subject: bytes
) -> None:
    """With none bound, and with two."""
    with refused("--wallet", "no wallet is bound to the subject: name who is to sign"):
        request(office, "C-1", SAID, LATER)
    for customer in suite.customers[:2]:
        bound(suite, customer, subject)
    with refused("--wallet", "the subject has 2 wallets: name who is to sign"):
        request(office, "C-1", SAID, LATER)
    named = request(office, "C-1", SAID, LATER, wallet=suite.customers[1].address)
    assert named["message"]["signer"] == suite.customers[1].address


# --- carried


def test_signed_decision_is_recorded_by_anybody(
    ask: Ask, stranger_office: Office, office: Office, wallet: Actor, subject: bytes
) -> None:
    """Who needs no role once the terms are defined. Its evidence is the digest that was signed."""
    terms.numbers_of(office, SCOPE)
    path = ask()
    done = carry(stranger_office, path, signed(path, wallet), signer=wallet.address)
    (held,) = history(office, subject)
    assert (held.state, held.basis, held.method) == (State.GIVEN, Basis.EXPLICIT_CONSENT, Method.SIGNATURE)
    values = read_request(office, path).values
    digest = office.contract("ConsentRegistry").call("statementDigest", values)
    assert (done.decision.number, done.decision.evidence) == (1, digest)
    assert done.decision.recorder == bytes.fromhex(wallet.address[2:])


def test_operator_defines_what_is_signed(ask: Ask, office: Office, wallet: Actor) -> None:
    """Terms nobody has used before; hex without 0x is hex."""
    path = ask()
    assert carry(office, path, signed(path, wallet)[2:]).decision.number == 1


def test_withdrawal_by_signature_works_in_a_pause_k4(ask: Ask, office: Office, wallet: Actor) -> None:
    """And nothing else does."""
    given = ask()
    grant = signed(given, wallet)
    administration.pause(office)
    with pytest.raises(ConsentsPaused):
        carry(office, given, grant)
    path = ask(state=State.WITHDRAWN)
    assert carry(office, path, signed(path, wallet)).decision.state == State.WITHDRAWN


def test_old_statement_does_not_undo_a_newer_one(
    ask: Ask, office: Office, suite: Suite, wallet: Actor, subject: bytes
) -> None:
    """It counts from when it was made, not from when it is carried."""
    path = ask()
    signature = signed(path, wallet)
    suite.clock.move_by(60)
    done = record(office, "C-1", said(state=State.WITHDRAWN))
    suite.clock.move_by(60)
    carry(office, path, signature)
    assert not office.contract("ConsentRegistry").call("isPermitted", subject, *done.decision.scope)


def test_signature_works_once_k5(ask: Ask, office: Office, wallet: Actor, subject: bytes) -> None:
    """The second time it is refused by its nonce."""
    path = ask()
    signature = signed(path, wallet)
    carry(office, path, signature)
    with refused("--request", f"{wallet.address} has used it", column="nonce"):
        carry(office, path, signature)
    assert len(history(office, subject)) == 1


def test_deadline_passed_is_refused(ask: Ask, office: Office, suite: Suite, wallet: Actor) -> None:
    """A second after it; in its own second it is taken."""
    path = ask()
    signature = signed(path, wallet)
    suite.clock.move_to(START + 7 * DAY + 1)
    with refused(
        "--request", "passed: on the chain it is", value=iso_second(START + 7 * DAY), column="deadline"
    ):
        carry(office, path, signature)


def test_deadline_is_the_last_second(ask: Ask, office: Office, suite: Suite, wallet: Actor) -> None:
    """Of the chain's clock."""
    path = ask()
    suite.clock.move_to(START + 7 * DAY)
    assert carry(office, path, signed(path, wallet)).decision.number == 1


# --- the signer


def test_signature_of_a_wrong_wallet_is_refused_k3(
    ask: Ask, office: Office, suite: Suite, wallet: Actor, subject: bytes
) -> None:
    """Sound in itself, by somebody whom the request is not to."""
    other = suite.customers[1]
    path = ask()
    with refused("--signature", f"not by {wallet.address}, whom the request is to", value=other.address):
        carry(office, path, signed(path, other))
    with refused("--signer", f"the request is to {wallet.address}", value=other.address):
        carry(office, path, signed(path, other), signer=other.address)
    assert history(office, subject) == []


def test_wallet_unbound_after_signing_is_refused_k3(
    ask: Ask, office: Office, suite: Suite, wallet: Actor
) -> None:
    """Who may speak is asked when it is carried."""
    path = ask()
    signature = signed(path, wallet)
    suite["operator"].send(suite.subjects, "unbind", wallet.address)
    with refused("--signature", "neither a wallet", value=wallet.address):
        carry(office, path, signature)


def appointed(suite: Suite, subject: bytes, who: Actor | Contract, mandate: Mandate) -> str:
    """Makes somebody a representative; their address."""
    suite["operator"].send(suite.subjects, "appoint", subject, who.address, mandate, EVIDENCE)
    return who.address


def test_representative_signs_within_their_scope_k3(
    ask: Ask, office: Office, suite: Suite, subject: bytes
) -> None:
    """And is refused out of it, when asked and when it has narrowed since; and after the mandate's end."""
    numbers = terms.numbers_of(office, [*SCOPE, OTHER])
    office.sync()
    broker = suite.customers[1]
    address = appointed(suite, subject, broker, Mandate(expires=START + 60, category=numbers[CONTACT]))
    path = ask(wallet=address)
    assert carry(office, path, signed(path, broker)).decision.number == 1
    scope = "out of the representative's scope: purpose *, recipient *, category Contact"
    with refused("--wallet", scope):
        ask(wallet=address, category="*")
    path = ask(wallet=address)
    appointed(suite, subject, broker, Mandate(expires=START + 60, purpose=numbers[OTHER]))
    with refused("--signature", "out of the representative's scope: purpose ServiceProvision"):
        carry(office, path, signed(path, broker))
    suite.clock.move_to(START + 60)
    with refused("--signature", f"the representative's mandate ended {iso_second(START + 60)}"):
        carry(office, path, signed(path, broker))


def test_contract_wallet_signs_by_erc_1271(ask: Ask, office: Office, suite: Suite, subject: bytes) -> None:
    """By what its owner signed, and nobody else."""
    owner = suite.customers[2]
    wallet = owner.create(compiled("ContractWallet"), owner.address)
    address = appointed(suite, subject, wallet, Mandate())
    path = ask(wallet=address)
    done = carry(office, path, signed(path, owner), signer=address)
    assert (done.decision.number, done.decision.method) == (1, Method.SIGNATURE)
    path = ask(wallet=address)
    with refused("--signature", "this contract wallet does not approve", value=address):
        carry(office, path, signed(path, suite.customers[3]))


@pytest.mark.parametrize("answer", [1, 2, 3, 4], ids=["refuses", "reverts", "short", "dirty"])
def test_contract_wallet_that_does_not_approve_is_refused(
    ask: Ask, office: Office, suite: Suite, subject: bytes, answer: int
) -> None:
    """Whatever it says instead."""
    owner = suite.customers[2]
    wallet = owner.create(compiled("ContractWallet"), owner.address)
    path = ask(wallet=appointed(suite, subject, wallet, Mandate()))
    owner.send(wallet, "setAnswer", answer)
    with refused("--signature", "this contract wallet does not approve"):
        carry(office, path, signed(path, owner))
    assert history(office, subject) == []


# --- the signature


def test_malleable_signature_is_refused_k5(ask: Ask, office: Office, wallet: Actor) -> None:
    """The other one of the two that verify."""
    path = ask()
    r, s, v = parts(signed(path, wallet))
    other = r + (ORDER - s).to_bytes(32, "big") + bytes([55 - v])
    with refused("--signature", "malleable: its s is in the upper half", value=f"0x{other.hex()}"):
        carry(office, path, f"0x{other.hex()}")


def test_v_of_0_or_1_is_taken_as_27_or_28(ask: Ask, office: Office, wallet: Actor) -> None:
    """Some wallets write it so, and the contract does not take it."""
    path = ask()
    r, s, v = parts(signed(path, wallet))
    signature = "0x" + (r + s.to_bytes(32, "big") + bytes([v - 27])).hex()
    assert carry(office, path, signature).decision.number == 1


@pytest.mark.parametrize("v", [2, 26, 29, 31])
def test_signature_of_another_v_is_refused(ask: Ask, office: Office, wallet: Actor, v: int) -> None:
    """No wallet writes it."""
    path = ask()
    r, s, _ = parts(signed(path, wallet))
    with refused("--signature", f"its last byte, v, is {v}"):
        carry(office, path, "0x" + (r + s.to_bytes(32, "big") + bytes([v])).hex())


@pytest.mark.parametrize("length", [0, 64, 66])
def test_signature_of_another_length_is_refused(ask: Ask, office: Office, wallet: Actor, length: int) -> None:
    """Also the compact form of ERC-2098."""
    path = ask()
    raw = bytes.fromhex(signed(path, wallet)[2:])
    with refused("--signature", f"{length} bytes: a signature has 65"):
        carry(office, path, "0x" + (raw + b"\0")[:length].hex())


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (ORDER, 1), (1, ORDER)])
def test_numbers_out_of_range_are_no_signature(ask: Ask, office: Office, r: int, s: int) -> None:
    """No key makes them."""
    with refused("--signature", "not a signature"):
        carry(office, ask(), "0x" + (r.to_bytes(32, "big") + s.to_bytes(32, "big")).hex() + "1b")


def test_point_that_is_on_no_curve_is_no_signature(ask: Ask, office: Office) -> None:
    """r = 5 is no x of secp256k1."""
    with refused("--signature", "not a signature: no key makes it"):
        carry(office, ask(), "0x" + ((5).to_bytes(32, "big") + (1).to_bytes(32, "big")).hex() + "1b")


def test_text_that_is_no_hex_is_refused(ask: Ask, office: Office) -> None:
    """As it came."""
    with refused("--signature", "not 0x and hex digits", value="0xnothing"):
        carry(office, ask(), "0xnothing")


# --- the file


def test_request_is_signed_by_the_key_it_names_alone_k5(
    ask: Ask, office: Office, wallet: Actor, suite: Suite
) -> None:
    """As `troth sign` does; another's key would sign what nobody can carry."""
    path = ask()
    office.signer = suite["stranger"].signer
    with pytest.raises(BadInput, match=f"a request to another wallet, {wallet.address}"):
        requests.sign(office, path, [STATEMENTS])
    office.signer = wallet.signer
    assert f"0x{requests.sign(office, path, [STATEMENTS]).hex()}" == signed(path, wallet)


def test_request_altered_after_signing_is_refused(ask: Ask, office: Office, wallet: Actor) -> None:
    """The signature is then by nobody known."""
    path = ask(state=State.WITHDRAWN)
    signature = signed(path, wallet)
    rule = f"not by {wallet.address}, whom the request is to; or the request was changed"
    with refused("--signature", rule):
        carry(office, altered(path, state="Given"), signature)


@pytest.mark.parametrize(
    ("name", "value"),
    [("chainId", 1), ("verifyingContract", "0x" + "12" * 20), ("name", "Troth Subjects"), ("version", "2")],
)
def test_request_for_another_chain_or_registry_is_refused_k5(
    ask: Ask, office: Office, wallet: Actor, name: str, value: object
) -> None:
    """By its domain."""
    path = ask()
    content = json.loads(path.read_text())
    content["domain"][name] = value
    path.write_text(json.dumps(content))
    with refused("--request", "made for another chain or contract", column="domain"):
        carry(office, path, signed(path, wallet))


@pytest.mark.parametrize("content", ["", "[]", "{}", "\x00"], ids=["empty", "list", "object", "nul"])
def test_other_file_is_refused(office: Office, tmp_path: Path, content: str) -> None:
    """By its path."""
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(BadInput, match="no request: give the file"):
        carry(office, path, "0x")


def test_missing_file_is_refused(office: Office, tmp_path: Path) -> None:
    """As the system says."""
    with pytest.raises(BadInput, match="cannot be read: No such file"):
        carry(office, tmp_path / "none", "0x")


def test_request_of_other_types_is_refused(ask: Ask, office: Office) -> None:
    """A wallet would have shown something else."""
    path = ask()
    content = json.loads(path.read_text())
    content["types"]["Statement"].pop()
    path.write_text(json.dumps(content))
    with refused("--request", "no request of this version"):
        carry(office, path, "0x")


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("subject", "C-1", "not a subject"),
        ("subject", "0x12", "not a subject"),
        ("signer", "0x12", "not an address"),
        ("state", "Revoked", "not a subject's own: Given, Refused, Renewed, Withdrawn"),
        ("purpose", "Marketing", "not in full: the term is https://"),
        ("purpose", "", "empty purpose"),
        ("recipient", "two words", "write *, an IRI"),
        ("category", "nonsense", "unknown category"),
        ("jurisdiction", "DE", "not in full"),
        ("notice", "notice.pdf", "no absolute IRI"),
        ("expiryEvent", "*", "no absolute IRI"),
        ("effective", 0, "a signed decision names the time"),
        ("effective", 2**32, "write an unsigned integer of 32 bits"),
        ("expires", -1, "write an unsigned integer of 32 bits"),
        ("nonce", "0x10", "write an unsigned integer of 256 bits"),
        ("deadline", 2**40, "write an unsigned integer of 40 bits"),
        ("deadline", True, "write an unsigned integer of 40 bits"),
    ],
)
def test_message_against_the_rules_is_refused(
    ask: Ask, office: Office, column: str, value: object, reason: str
) -> None:
    """By field, value and rule."""
    with refused("--request", reason, value=str(value), column=column):
        carry(office, altered(ask(), **{column: value}), "0x")


def test_message_without_a_field_is_refused(ask: Ask, office: Office) -> None:
    """It is not what we wrote."""
    path = ask()
    content = json.loads(path.read_text())
    del content["message"]["nonce"]
    path.write_text(json.dumps(content))
    with refused("--request", "no request of this version"):
        carry(office, path, "0x")


def test_nonce_as_a_number_is_read_too(ask: Ask, office: Office, wallet: Actor) -> None:
    """As some wallets write the file back."""
    path = ask()
    nonce = int(json.loads(path.read_text())["message"]["nonce"])
    signature = signed(path, wallet)
    assert carry(office, altered(path, nonce=nonce), signature).decision.number == 1
