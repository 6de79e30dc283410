"""Wallets bound by their own signature, as an operator brings it, and unbound.

request: what a wallet signs, as JSON · erased, bound already, deadline passed: refused
sign: by the office's key · another chain, contract, version, wallet; no request: refused
bind: recorded · again: found · a contract wallet · v as 0 or 1
├── another key, chain, contract, subject, message, a malleable signature, no signature: refused
├── deadline passed · used before · bound to another: refused
└── no operator: refused · killed between: found
unbind: recorded · again: found · another's: refused
history: all of it
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from support.chain import compiled, misses
from support.defaults import DAY
from support.office import Desk
from support.suite import Actor, Suite, emitted

from troth.consent.requests import STATEMENTS
from troth.errors import BadInput
from troth.identity import erasure, requests, subjects
from troth.identity.wallets import BINDINGS, Bound, bind, history, request, unbind
from troth.office import Office

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
NOBODY = bytes(32)
KINDS = (BINDINGS, STATEMENTS)

Sign = Callable[[Actor, dict[str, Any]], bytes]


@pytest.fixture
def subject(office: Office) -> bytes:
    """Somebody known here."""
    return subjects.new(office, "C-1").subject


@pytest.fixture
def sign(office: Office, tmp_path: Path) -> Sign:
    """Signs a request's file as `troth sign` does, at the wallet's own desk."""

    def sign(who: Actor, typed: dict[str, Any]) -> bytes:
        path = tmp_path / "request.json"
        requests.write(typed, path)
        office.signer = who.signer
        return requests.sign(office, path, KINDS)

    return sign


def sent(desk: Desk) -> int:
    """How many transactions the desk's account ever sent."""
    return int(desk.suite.node.call("eth_getTransactionCount", [desk.who.address, "latest"]), 16)


def owner(suite: Suite, wallet: Actor) -> bytes:
    """Whom a wallet speaks for."""
    return suite.subjects.call("subjectOf", wallet.address)


# --- request


def test_request_is_what_wallets_take(office: Office, suite: Suite, subject: bytes, customer: Actor) -> None:
    """JSON for eth_signTypedData_v4: eth-account and Anvil read it as the contract does."""
    typed = json.loads(json.dumps(request(office, subject, customer.address)))
    assert typed["domain"] == {
        "name": "Troth Subjects",
        "version": "1",
        "chainId": suite.node.chain_id,
        "verifyingContract": suite.subjects.address,
    }
    message = typed["message"]
    assert message["deadline"] == suite.clock.now + 7 * DAY
    assert int(message["nonce"]) % (1 << 64) == 0
    digest = suite.subjects.call(
        "bindDigest", subject, customer.address, int(message["nonce"]), message["deadline"]
    )
    signable = encode_typed_data(full_message=typed)
    key = Account.create()
    found = Account.recover_message(signable, signature=key.unsafe_sign_hash(digest).signature)
    assert found == key.address
    (account, *_) = suite.node.call("eth_accounts")
    signature = suite.node.call("eth_signTypedData_v4", [account, typed])
    assert Account.recover_message(signable, signature=signature).lower() == account.lower()


def test_requests_do_not_wait_for_each_other(office: Office, subject: bytes, customer: Actor) -> None:
    """Each has a nonce of its own."""
    made = [request(office, subject, customer.address)["message"]["nonce"] for _ in range(2)]
    assert made[0] != made[1]


def test_request_takes_a_deadline(office: Office, suite: Suite, subject: bytes, customer: Actor) -> None:
    """One ahead."""
    ahead = office.now() + timedelta(hours=1)
    assert request(office, subject, customer.address, ahead)["message"]["deadline"] == suite.clock.now + 3600
    with pytest.raises(BadInput, match=r"^--deadline: .*not ahead: on the chain it is 2026-01-01T"):
        request(office, subject, customer.address, office.now())


def test_request_that_could_not_be_recorded_is_refused(
    office: Office, subject: bytes, customers: tuple[Actor, ...], sign: Sign
) -> None:
    """The wallet speaks for somebody already; or the subject was erased."""
    ann, ben = customers[:2]
    typed = request(office, subject, ann.address)
    bind(office, subject, typed, sign(ann, typed))
    with pytest.raises(BadInput, match=r"--wallet: .*bound already, to this subject"):
        request(office, subject, ann.address)
    other = subjects.new(office).subject
    with pytest.raises(BadInput, match=rf"--wallet: .*to another subject, 0x{subject.hex()}"):
        request(office, other, ann.address)
    erasure.erase(office, other)
    with pytest.raises(BadInput, match="erased at 2026-01-01"):
        request(office, other, ben.address)


# --- sign


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"domain": {"chainId": 1}}, "another chain or contract"),
        ({"domain": {"verifyingContract": "0x" + "11" * 20}}, "another chain or contract"),
        ({"domain": {"name": "Troth OracleReports"}}, "another chain or contract"),
        ({"domain": {"salt": "0x" + "11" * 32}}, "another chain or contract"),
        ({"primaryType": "Mail"}, "no request of this version"),
        ({"types": {"Bind": []}}, "no request of this version"),
        ({"message": {"more": 1}}, "no request of this version"),
        ({"message": {"wallet": "0x" + "11" * 20}}, "a request to another wallet"),
        ({"message": {"nonce": "many"}}, "not of its type"),
        ({"message": {"deadline": None}}, "not of its type"),
        ({"message": {"deadline": 2**40}}, "not of its type"),
        ({"message": {"subject": "0x12"}}, "not of its type"),
    ],
)
def test_nothing_but_our_requests_is_signed_k5(
    office: Office, subject: bytes, customer: Actor, sign: Sign, *, change: dict[str, Any], words: str
) -> None:
    """A key's signature over something else could be worth money elsewhere."""
    typed = request(office, subject, customer.address)
    for name, value in change.items():
        typed[name] = {**typed[name], **value} if isinstance(value, dict) else value
    with pytest.raises(BadInput, match=rf"request\.json: .*{words}"):
        sign(customer, typed)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"types": 1}', "[" * 100_000, "\xff"],
    ids=["empty", "list", "object", "types", "deep", "latin-1"],
)
def test_files_that_are_no_requests_are_refused(office: Office, tmp_path: Path, content: str) -> None:
    """Named; so is one that is not there."""
    path = tmp_path / "request.json"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(BadInput, match=r"request\.json: no request"):
        requests.sign(office, path, KINDS)
    with pytest.raises(BadInput, match=r"none\.json: cannot be read: No such file"):
        requests.read(tmp_path / "none.json")
    with pytest.raises(BadInput, match="cannot be written"):
        requests.write({}, tmp_path / "none" / "request.json")


def test_request_is_replaced_and_not_rewritten(tmp_path: Path) -> None:
    """Killed in between, the one before is still there to be signed."""
    path, former = tmp_path / "request.json", tmp_path / "former.json"
    requests.write({"one": 1}, path)
    os.link(path, former)
    requests.write({"two": 2}, path)
    assert [json.loads(one.read_text()) for one in (path, former)] == [{"two": 2}, {"one": 1}]


# --- bind


def test_bound_wallet_speaks_for_its_subject(
    office: Office, suite: Suite, subject: bytes, customer: Actor, sign: Sign
) -> None:
    """Told by event, with the operator who brought it."""
    typed = request(office, subject, customer.address)
    done = bind(office, subject, typed, sign(customer, typed))
    assert owner(suite, customer) == subject
    assert done == Bound(subject, customer.address, done.transaction)
    (one,) = history_of(office, subject)
    assert (one.wallet, one.bound_by, one.transaction) == (
        customer.address,
        suite["insurer"].address,
        done.transaction,
    )
    assert one.is_bound


def history_of(office: Office, subject: bytes) -> list[Any]:
    """The wallets, once the index is up."""
    office.sync()
    return history(office, subject)


def test_bind_again_finds_it_bound(desk: Desk, subject: bytes, customer: Actor, sign: Sign) -> None:
    """As after a command that was killed; nothing is sent."""
    typed = request(desk.office, subject, customer.address)
    signature = sign(customer, typed)
    bind(desk.office, subject, typed, signature)
    before = sent(desk)
    assert bind(desk.office, subject, typed, signature) == Bound(subject, customer.address, None)
    assert sent(desk) == before


def test_contract_wallet_is_bound_by_its_owners_signature(
    office: Office, suite: Suite, subject: bytes, customer: Actor
) -> None:
    """By ERC-1271; refused, it is not."""
    wallet = customer.create(compiled("ContractWallet"), customer.address)
    typed = request(office, subject, wallet.address)
    signable = encode_typed_data(full_message=typed)
    stranger = Account.create()
    with pytest.raises(BadInput, match="--signature: not the signature"):
        bind(office, subject, typed, stranger.sign_message(signable).signature)
    members = {"Bind": [(one["name"], one["type"]) for one in typed["types"]["Bind"]]}
    bind(office, subject, typed, customer.signer.sign_typed(typed["domain"], members, typed["message"]))
    assert suite.subjects.call("subjectOf", wallet.address) == subject


def test_v_of_zero_or_one_is_understood(
    office: Office, suite: Suite, subject: bytes, customer: Actor, sign: Sign
) -> None:
    """Hardware wallets write it so."""
    typed = request(office, subject, customer.address)
    signature = sign(customer, typed)
    bind(office, subject, typed, signature[:64] + bytes([signature[64] - 27]))
    assert owner(suite, customer) == subject


def test_wrong_signature_is_refused_k5(
    desk: Desk, suite: Suite, subject: bytes, customers: tuple[Actor, ...], sign: Sign
) -> None:
    """By another key, of another request, malleable, cut: nothing is sent."""
    ann, ben = customers[:2]
    office = desk.office
    typed, other = request(office, subject, ann.address), request(office, subject, ann.address)
    signature = sign(ann, typed)
    high = ORDER - int.from_bytes(signature[32:64], "big")
    malleable = signature[:32] + high.to_bytes(32, "big") + bytes([55 - signature[64]])
    bens = {**typed, "message": {**typed["message"], "wallet": ben.address}}
    before = sent(desk)
    for given in (sign(ben, bens), sign(ann, other), malleable, signature[:64], b"\0", bytes(65)):
        with pytest.raises(BadInput, match=rf"^--signature: not the signature of {ann.address}"):
            bind(office, subject, typed, given)
    assert (owner(suite, ann), sent(desk)) == (NOBODY, before)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"domain": {"chainId": 1}}, "--request: domain: .*another chain or contract than Subjects at"),
        ({"domain": {"name": "Troth ConsentRegistry"}}, "another chain or contract"),
        ({"types": {}}, "--request: types: no request of this version"),
        ({"message": {"subject": "0x" + "12" * 32}}, "a request for another subject than"),
        ({"message": {"subject": "C-1"}}, "another subject"),
        ({"message": {"nonce": -1}}, "wrong type"),
        ({"message": {"nonce": None}}, "wrong type"),
        ({"message": {"deadline": 2**40}}, "wrong type"),
        ({"message": {"wallet": "0x" + "00" * 20}}, "zero address"),
        ({"message": {"wallet": None}}, "not an address"),
    ],
)
def test_wrong_request_is_refused_k5(
    desk: Desk, subject: bytes, customer: Actor, sign: Sign, *, change: dict[str, Any], words: str
) -> None:
    """Before its signature is looked at; nothing is sent."""
    typed = request(desk.office, subject, customer.address)
    signature = sign(customer, typed)
    before = sent(desk)
    wrong = {**typed, **{name: {**typed[name], **value} for name, value in change.items()}}
    wrong["types"] = change.get("types", typed["types"])
    with pytest.raises(BadInput, match=words):
        bind(desk.office, subject, wrong, signature)
    assert sent(desk) == before


def test_request_past_its_deadline_is_refused(
    desk: Desk, suite: Suite, subject: bytes, customer: Actor, sign: Sign
) -> None:
    """To the second."""
    typed = request(desk.office, subject, customer.address)
    signature = sign(customer, typed)
    suite.clock.move_by(7 * DAY + 1)
    with pytest.raises(BadInput, match=r"^--request: deadline: passed: on the chain it is 2026-01-08T"):
        bind(desk.office, subject, typed, signature)
    assert owner(suite, customer) == NOBODY


def test_request_is_good_for_one_binding_k5(
    desk: Desk, suite: Suite, subject: bytes, customer: Actor, sign: Sign
) -> None:
    """A wallet that was unbound is not bound again by what it signed before."""
    typed = request(desk.office, subject, customer.address)
    signature = sign(customer, typed)
    bind(desk.office, subject, typed, signature)
    unbind(desk.office, subject, customer.address)
    with pytest.raises(BadInput, match=r"^--request: nonce: used before"):
        bind(desk.office, subject, typed, signature)
    assert owner(suite, customer) == NOBODY


def test_wallet_of_another_subject_is_refused(
    office: Office, subject: bytes, customer: Actor, sign: Sign
) -> None:
    """It speaks for one."""
    other = subjects.new(office).subject
    typed, late = request(office, subject, customer.address), request(office, other, customer.address)
    bind(office, subject, typed, sign(customer, typed))
    with pytest.raises(BadInput, match=rf"--request: .*bound already, to another subject, 0x{subject.hex()}"):
        bind(office, other, late, sign(customer, late))


def test_binding_takes_an_operator_k3(
    office: Office, stranger_office: Office, suite: Suite, *, subject: bytes, customer: Actor, sign: Sign
) -> None:
    """Anybody could sign with a wallet of their own."""
    typed = request(office, subject, customer.address)
    signature = sign(customer, typed)
    with misses("OPERATOR", suite["stranger"].address):
        bind(stranger_office, subject, typed, signature)
    assert owner(suite, customer) == NOBODY


# --- unbind and history


def test_unbound_wallet_speaks_no_more(
    desk: Desk, suite: Suite, subject: bytes, customer: Actor, sign: Sign
) -> None:
    """Told by event; again, nothing is sent; bound anew, both stand in the history."""
    office = desk.office
    typed = request(office, subject, customer.address)
    bind(office, subject, typed, sign(customer, typed))
    suite.clock.move_by(DAY)
    done = unbind(office, subject, customer.address)
    assert owner(suite, customer) == NOBODY
    assert done.transaction is not None
    before = sent(desk)
    assert unbind(office, subject, customer.address) == Bound(subject, customer.address, None)
    assert sent(desk) == before
    typed = request(office, subject, customer.address)
    bind(office, subject, typed, sign(customer, typed))
    first, second = history_of(office, subject)
    assert (first.unbound_at - first.bound_at, first.unbound_by) == (timedelta(days=1), desk.who.address)
    assert (first.is_bound, second.is_bound) == (False, True)
    suite.clock.move_by(DAY)
    unbind(office, subject, customer.address)
    first, second = history_of(office, subject)
    assert second.unbound_at - first.unbound_at == timedelta(days=1)


def test_wallet_of_another_is_not_unbound(
    office: Office, suite: Suite, subject: bytes, customer: Actor, sign: Sign
) -> None:
    """A slip of the pen in the subject."""
    typed = request(office, subject, customer.address)
    bind(office, subject, typed, sign(customer, typed))
    with pytest.raises(BadInput, match=rf"--wallet: .*another subject, 0x{subject.hex()}"):
        unbind(office, subjects.new(office).subject, customer.address)
    assert owner(suite, customer) == subject


def test_unbinding_takes_an_operator_k3(
    office: Office, stranger_office: Office, suite: Suite, *, subject: bytes, customer: Actor, sign: Sign
) -> None:
    """Or the wallet itself, by a transaction of its own."""
    typed = request(office, subject, customer.address)
    bind(office, subject, typed, sign(customer, typed))
    with pytest.raises(Exception, match=r"SubjectsNotAllowed|OPERATOR"):
        unbind(stranger_office, subject, customer.address)
    receipt = customer.send(suite.subjects, "unbind", customer.address)
    (event,) = emitted(receipt, suite.subjects, "WalletUnbound")
    (one,) = history_of(office, subject)
    assert one.unbound_by == event.by == customer.address
