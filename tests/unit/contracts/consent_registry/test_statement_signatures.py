"""Which signatures carry a statement.

recordSigned
├── signed by somebody other than the signer named: refused
├── signed over another value of any field: refused
├── signed for another chain, contract, name or version: refused
├── s in the upper half of the curve, v unknown, 64 or 66 bytes, empty: refused
├── deadline passed: refused · this second: taken
├── nonce
│   ├── used, by whoever carries it: refused · by another signer: taken
│   ├── with 64 low zero bits: once each, in any order
│   └── without: the next only
├── refused for another reason: the nonce is still good
└── a contract wallet
    ├── approves: taken · anything else, also to write or to destroy itself: refused
    ├── its owner's signature for the owner's own address: refused
    └── its approval once: refused the second time
statementDigest: EIP-712, spelled out here by hand
"""

from __future__ import annotations

import pytest
from support import Actor, Suite, compiled, refuses
from support.consents import (
    DEADLINE,
    IRIS,
    OTHER,
    SUBJECT,
    WALLET,
    Binding,
    Entry,
    Record,
    Statement,
    bind,
    bound,
    carry,
    digest_of,
    key_of,
    recorded,
    sign_and_bring,
    signed,
    unordered,
)
from support.defaults import DAY, START

from troth.chain.artifacts import artifact
from troth.chain.contracts import Contract
from troth.trees.keccak import keccak

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
WRONG_ANSWERS = ("refuses", "reverts", "short", "dirty", "counts", "devours")


@pytest.fixture(autouse=True)
def ready(consents: Contract, wallet: Actor) -> None:
    """Terms are defined, and SUBJECT has a wallet."""


@pytest.fixture
def safe(suite: Suite, wallet: Actor) -> Contract:
    """A contract wallet of SUBJECT, owned by its other wallet."""
    made = wallet.create(compiled("ContractWallet"), wallet.address)
    binding = Binding(SUBJECT, made.address)
    bind(suite, binding, signed(suite, wallet, binding))
    return made


def refused(suite: Suite, statement: Statement, signer: Actor | Contract, signature: bytes) -> None:
    """Passes if a statement is refused for its signature, and nothing is recorded."""
    brought = statement.by(signer)
    with refuses("ConsentSignatureInvalid", signer=brought.signer, digest=digest_of(suite, brought)):
        carry(suite, brought, signature)
    assert suite.consents.call("decisionCount", key_of()) == 0


def test_statement_digest_is_eip_712(consents: Contract) -> None:
    """Domain and struct, hashed by hand."""
    domain_type = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    place = (31_337).to_bytes(32, "big") + bytes.fromhex(consents.address[2:]).rjust(32, b"\0")
    domain = keccak(keccak(domain_type) + keccak(b"Troth ConsentRegistry") + keccak(b"1") + place)
    kind = (
        b"Statement(bytes32 subject,address signer,string state,string purpose,string recipient,"
        b"string category,string jurisdiction,string notice,string expiryEvent,"
        b"uint40 effective,uint40 expires,uint256 nonce,uint40 deadline)"
    )
    words = ("Withdrawn", "p", "", "*", "j", "n", "e")
    numbers = (1, 2, 2**256 - 1, 2**40 - 1)
    signer = "0x" + "5a" * 20
    said = bytes(12) + bytes.fromhex(signer[2:]) + b"".join(keccak(word.encode()) for word in words)
    said += b"".join(number.to_bytes(32, "big") for number in numbers)
    digest = keccak(b"\x19\x01" + domain + keccak(keccak(kind) + SUBJECT + said))
    assert consents.call("statementDigest", Statement(SUBJECT, signer, *words, *numbers)) == digest


@pytest.mark.parametrize("who", ["stranger", "operator", "another wallet of the subject"])
def test_record_signed_refuses_signature_of_another_k5(suite: Suite, wallet: Actor, who: str) -> None:
    """K5: each signs for themselves, even where both may."""
    second = suite.customers[1]
    bound(suite, second)
    signer = second if who.startswith("another") else suite[who]
    statement = Statement().by(wallet)
    refused(suite, statement, wallet, signed(suite, signer, statement))
    refused(suite, Statement().by(signer), signer, signed(suite, wallet, Statement().by(signer)))


CHANGES = (
    {"subject": OTHER},
    {"signer": "0x" + "11" * 20},
    {"state": "Withdrawn"},
    {"purpose": "*"},
    {"recipient": "*"},
    {"category": "*"},
    {"jurisdiction": IRIS[7]},
    {"notice": IRIS[6]},
    {"expiry_event": IRIS[8]},
    {"effective": START - 1},
    {"expires": START + 1},
    {"nonce": unordered(1)},
    {"deadline": DEADLINE + 1},
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_record_signed_refuses_signature_over_other_words_k5(
    suite: Suite, wallet: Actor, change: dict[str, object]
) -> None:
    """K5: every field is signed."""
    assert {next(iter(one)) for one in CHANGES} == set(Statement._fields)
    refused(suite, Statement()._replace(**change), wallet, signed(suite, wallet, Statement()))


@pytest.mark.parametrize(
    "domain",
    [
        {"chainId": 1},
        {"verifyingContract": "0x" + "11" * 20},
        {"name": "Troth Subjects"},
        {"version": "2"},
        {"salt": bytes(32)},
    ],
    ids=lambda domain: next(iter(domain)),
)
def test_record_signed_refuses_signature_for_elsewhere_k5(
    suite: Suite, wallet: Actor, domain: dict[str, object]
) -> None:
    """K5: good on one chain, and for one contract."""
    refused(suite, Statement(), wallet, signed(suite, wallet, Statement(), **domain))


def test_record_signed_refuses_signature_for_registry_of_another_k5(
    suite: Suite, wallet: Actor, insurer: Actor
) -> None:
    """K5: a second registry over the same subjects is another place."""
    arguments = suite.deployment.contracts["ConsentRegistry"].arguments
    second = insurer.create(artifact("ConsentRegistry"), *arguments)
    assert second.call("subjects") == suite.subjects.address
    refused(suite, Statement(), wallet, signed(suite, wallet, Statement(), verifyingContract=second.address))


def test_record_signed_refuses_malleable_signature_k5(suite: Suite, wallet: Actor) -> None:
    """K5: the other root of the same signature is none."""
    good = signed(suite, wallet, Statement())
    s = CURVE_ORDER - int.from_bytes(good[32:64], "big")
    twin = good[:32] + s.to_bytes(32, "big") + bytes([55 - good[64]])
    refused(suite, Statement(), wallet, twin)


def test_record_signed_refuses_signature_of_other_shape_k5(suite: Suite, wallet: Actor) -> None:
    """K5: 65 bytes, v 27 or 28; the compact form of 64 would be a second form of the same."""
    good = signed(suite, wallet, Statement())
    compact = int.from_bytes(good[32:64], "big") | (good[64] - 27) << 255
    shapes = (b"", good[:64], good + b"\0", good[:64] + b"\x1d", good[:64] + bytes([good[64] - 27]))
    for wrong in (*shapes, good[:32] + compact.to_bytes(32, "big"), bytes(65)):
        refused(suite, Statement(), wallet, wrong)
    carry(suite, Statement().by(wallet), good)


def test_record_signed_refuses_nobodys_signature_k5(suite: Suite, consents: Contract, wallet: Actor) -> None:
    """K5: a signature that recovers nobody is not the signature of the address zero."""
    nobody = "0x" + "00" * 20
    statement = Statement(signer=nobody)
    digest = digest_of(suite, statement)
    with refuses("ConsentSignatureInvalid", signer=nobody, digest=digest):
        wallet.send(consents, "recordSigned", statement, bytes(65))


# --- deadline and nonces


def test_record_signed_is_taken_in_the_deadlines_second(
    suite: Suite, consents: Contract, wallet: Actor
) -> None:
    """And in no later one."""
    suite.clock.move_to(DEADLINE)
    sign_and_bring(suite, wallet, Statement())
    assert consents.call("decisionCount", key_of()) == 1


@pytest.mark.parametrize("deadline", [0, START, DEADLINE])
def test_record_signed_refuses_after_deadline_k5(suite: Suite, wallet: Actor, deadline: int) -> None:
    """K5: a signature does not lie in wait for ever."""
    suite.clock.move_to(DEADLINE + 1)
    with refuses("ConsentDeadlinePassed", deadline=deadline, nowAt=DEADLINE + 1):
        sign_and_bring(suite, wallet, Statement(deadline=deadline))


@pytest.mark.parametrize("nonce", [0, unordered(1), unordered(2**192 - 1)], ids=hex)
@pytest.mark.parametrize("who", ["stranger", "wallet", "operator"])
def test_record_signed_refuses_replay_k5(
    suite: Suite, consents: Contract, wallet: Actor, nonce: int, who: str
) -> None:
    """K5: whoever carries it again, even after something else has happened."""
    statement, carrier = Statement(nonce=nonce), {"wallet": wallet}.get(who) or suite[who]
    arguments = (statement.by(wallet), signed(suite, wallet, statement))
    carrier.send(consents, "recordSigned", *arguments)
    sign_and_bring(suite, wallet, Statement(state="Withdrawn", nonce=unordered(99)))
    with refuses("InvalidAccountNonce", account=wallet.address, currentNonce=nonce + 1):
        carrier.send(consents, "recordSigned", *arguments)
    assert consents.call("decisionCount", key_of()) == 2


def test_record_signed_takes_unordered_nonces_in_any_order_k5(
    suite: Suite, consents: Contract, wallet: Actor
) -> None:
    """K5: none waits for another, and none is good twice."""
    numbers = (7, 2**192 - 1, 1, 3)
    for number in numbers:
        sign_and_bring(suite, wallet, Statement(nonce=unordered(number)))
    for number in numbers:
        used = unordered(number)
        with refuses("InvalidAccountNonce", account=wallet.address, currentNonce=used + 1):
            sign_and_bring(suite, wallet, Statement(nonce=used))
    assert consents.call("decisionCount", key_of()) == len(numbers)


@pytest.mark.parametrize(
    ("nonce", "next_one"), [(1, 0), (unordered(5) + 1, unordered(5)), (2**64 - 1, 0)], ids=hex
)
def test_record_signed_refuses_nonce_that_skips_k5(
    suite: Suite, wallet: Actor, nonce: int, next_one: int
) -> None:
    """K5: among nonces of one key the next is the only one."""
    with refuses("InvalidAccountNonce", account=wallet.address, currentNonce=next_one):
        sign_and_bring(suite, wallet, Statement(nonce=nonce))


def test_record_signed_counts_nonces_of_each_signer(suite: Suite, consents: Contract, wallet: Actor) -> None:
    """Two wallets may use the same numbers, and binding a wallet uses none here."""
    second = suite.customers[1]
    bound(suite, second)
    for one in (wallet, second):
        sign_and_bring(suite, one, Statement())
        assert consents.call("nonces", one.address) == 1
    assert consents.call("decisionCount", key_of()) == 2


def test_record_signed_refused_leaves_the_nonce_good(suite: Suite, consents: Contract, wallet: Actor) -> None:
    """What could not be recorded today can be tomorrow, by the same signature."""
    statement = Statement(effective=START + DAY)
    with refuses("ConsentNotYetEffective", effective=START + DAY, nowAt=START):
        sign_and_bring(suite, wallet, statement)
    suite.clock.move_by(DAY)
    sign_and_bring(suite, wallet, statement)
    assert consents.call("decisionCount", key_of()) == 1


# --- contract wallets


def test_record_signed_takes_contract_wallets_approval(
    suite: Suite, consents: Contract, wallet: Actor, safe: Contract
) -> None:
    """ERC-1271: the wallet is the signer, whoever its owner is."""
    receipt = carry(suite, Statement().by(safe), signed(suite, wallet, Statement().by(safe)))
    (told,) = recorded(receipt, consents)
    assert (told.subject, told.by) == (SUBJECT, safe.address)
    assert consents.call("nonces", safe.address) == 1
    assert consents.call("nonces", wallet.address) == 0


@pytest.mark.parametrize("answer", WRONG_ANSWERS)
def test_record_signed_refuses_contract_wallet_that_does_not_approve_k5(
    suite: Suite, wallet: Actor, safe: Contract, answer: str
) -> None:
    """K5: one exact word approves, given without changing anything."""
    wallet.send(safe, "setAnswer", 1 + WRONG_ANSWERS.index(answer))
    refused(suite, Statement(), safe, signed(suite, wallet, Statement().by(safe)))
    assert safe.call("count") == 0


def test_record_signed_refuses_contract_wallet_that_destroys_itself_k5(
    suite: Suite, wallet: Actor, safe: Contract
) -> None:
    """K5: when it is asked, it can change nothing, not even that."""
    suite.node.call("anvil_setCode", [safe.address, "0x6000ff"])  # PUSH1 0, SELFDESTRUCT
    refused(suite, Statement(), safe, signed(suite, wallet, Statement().by(safe)))


def test_record_signed_refuses_contract_wallet_that_is_gone_k5(
    suite: Suite, wallet: Actor, safe: Contract
) -> None:
    """K5: nobody holds the key of an address that had code, and its owner's is another."""
    suite.node.call("anvil_setCode", [safe.address, "0x"])
    refused(suite, Statement(), safe, signed(suite, wallet, Statement().by(safe)))


def test_record_signed_refuses_contract_wallet_for_strangers_signature_k5(
    suite: Suite, wallet: Actor, safe: Contract
) -> None:
    """K5: it asks for its owner's, over a statement that names the wallet itself."""
    refused(suite, Statement(), safe, signed(suite, suite["stranger"], Statement().by(safe)))
    refused(suite, Statement(), safe, signed(suite, wallet, Statement().by(wallet)))


def test_record_signed_refuses_contract_wallets_replay_k5(
    suite: Suite, consents: Contract, wallet: Actor, safe: Contract
) -> None:
    """K5: a wallet that approves for ever is still heard once."""
    signature = signed(suite, wallet, Statement().by(safe))
    carry(suite, Statement().by(safe), signature)
    with refuses("InvalidAccountNonce", account=safe.address, currentNonce=1):
        carry(suite, Statement().by(safe), signature)
    assert consents.call("decisionCount", key_of()) == 1


def test_record_by_contract_wallet_directly(
    suite: Suite, consents: Contract, wallet: Actor, safe: Contract
) -> None:
    """It sends like any other wallet."""
    message = consents.encode("record", Record(SUBJECT, Entry(method=WALLET).word))
    (told,) = recorded(wallet.send(safe, "execute", consents.address, message), consents)
    assert told.by == safe.address
