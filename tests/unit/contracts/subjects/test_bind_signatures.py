"""Which signatures bind a wallet.

bind
├── signed by somebody else, as the operator or another wallet: refused
├── signed over another subject, wallet, nonce or deadline: refused
├── signed for another chain, contract, name or version: refused
├── s in the upper half of the curve, v unknown, 64 or 66 bytes, empty: refused
└── a contract wallet: approves, taken · anything else, refused
bindDigest: EIP-712, spelled out here by hand
"""

from __future__ import annotations

import pytest
from support import Actor, Suite, compiled, refuses
from support.consents import DEADLINE, OTHER, SUBJECT, Binding, bind, signed, unordered

from troth.chain.contracts import Contract
from troth.trees.keccak import keccak

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
ANSWERS = ("honest", "refuses", "reverts", "short", "dirty", "counts", "devours")


@pytest.fixture
def binding(customer: Actor) -> Binding:
    """Of a wallet that is not bound yet."""
    return Binding(SUBJECT, customer.address, unordered(3))


def refused(suite: Suite, binding: Binding, signature: bytes) -> None:
    """Passes if the binding is refused for its signature, and the wallet stays nobody's."""
    digest = suite.subjects.call("bindDigest", *binding)
    with refuses("SubjectsSignatureInvalid", wallet=binding.wallet, digest=digest):
        bind(suite, binding, signature)
    assert suite.subjects.call("subjectOf", binding.wallet) == bytes(32)


def test_bind_digest_is_eip_712(subjects: Contract, binding: Binding) -> None:
    """Domain and struct, hashed by hand."""
    domain_type = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    place = (31_337).to_bytes(32, "big") + bytes.fromhex(subjects.address[2:]).rjust(32, b"\0")
    domain = keccak(keccak(domain_type) + keccak(b"Troth Subjects") + keccak(b"1") + place)
    kind = keccak(b"Bind(bytes32 subject,address wallet,uint256 nonce,uint40 deadline)")
    numbers = [int(binding.wallet, 16), binding.nonce, binding.deadline]
    said = keccak(kind + binding.subject + b"".join(one.to_bytes(32, "big") for one in numbers))
    assert subjects.call("bindDigest", *binding) == keccak(b"\x19\x01" + domain + said)


@pytest.mark.parametrize("who", ["operator", "stranger"])
def test_bind_refuses_signature_of_another_k5(suite: Suite, binding: Binding, who: str) -> None:
    """K5: only the wallet itself says whose it is."""
    refused(suite, binding, signed(suite, suite[who], binding))


@pytest.mark.parametrize(
    "change",
    [{"subject": OTHER}, {"wallet": "0x" + "11" * 20}, {"nonce": 0}, {"deadline": DEADLINE + 1}],
    ids=lambda change: next(iter(change)),
)
def test_bind_refuses_signature_over_other_data_k5(
    suite: Suite, customer: Actor, binding: Binding, change: dict[str, object]
) -> None:
    """K5: every field is signed."""
    refused(suite, binding, signed(suite, customer, binding._replace(**change)))


@pytest.mark.parametrize(
    "domain",
    [
        {"chainId": 1},
        {"verifyingContract": "0x" + "11" * 20},
        {"name": "Troth ConsentRegistry"},
        {"version": "2"},
        {"salt": bytes(32)},
    ],
    ids=lambda domain: next(iter(domain)),
)
def test_bind_refuses_signature_for_elsewhere_k5(
    suite: Suite, customer: Actor, binding: Binding, domain: dict[str, object]
) -> None:
    """K5: good on one chain, and for one contract."""
    refused(suite, binding, signed(suite, customer, binding, **domain))


def test_bind_refuses_malleable_signature_k5(suite: Suite, customer: Actor, binding: Binding) -> None:
    """K5: the other root of the same signature is none."""
    good = signed(suite, customer, binding)
    s = CURVE_ORDER - int.from_bytes(good[32:64], "big")
    refused(suite, binding, good[:32] + s.to_bytes(32, "big") + bytes([55 - good[64]]))


def test_bind_refuses_signature_of_other_shape_k5(suite: Suite, customer: Actor, binding: Binding) -> None:
    """K5: 65 bytes, v 27 or 28; the compact form of 64 would be a second form of the same."""
    good = signed(suite, customer, binding)
    compact = int.from_bytes(good[32:64], "big") | (good[64] - 27) << 255
    shapes = (b"", good[:64], good + b"\0", good[:64] + b"\x1d", good[:64] + bytes([good[64] - 27]))
    for wrong in (*shapes, good[:32] + compact.to_bytes(32, "big"), bytes(65)):
        refused(suite, binding, wrong)
    bind(suite, binding, good)


@pytest.mark.parametrize("answer", ANSWERS)
def test_bind_of_contract_wallet_needs_its_approval(
    suite: Suite, subjects: Contract, customer: Actor, answer: str
) -> None:
    """ERC-1271: one honest word, without writing anything; every other answer is a refusal."""
    wallet = customer.create(compiled("ContractWallet"), customer.address)
    customer.send(wallet, "setAnswer", ANSWERS.index(answer))
    binding = Binding(SUBJECT, wallet.address)
    signature = signed(suite, customer, binding)
    if answer == "honest":
        refused(suite, binding, signed(suite, suite["stranger"], binding))
        bind(suite, binding, signature)
        assert subjects.call("subjectOf", wallet.address) == SUBJECT
    else:
        refused(suite, binding, signature)


def test_bind_takes_no_keys_word_for_a_contract_wallet(suite: Suite, customer: Actor) -> None:
    """The owner's signature binds the owner's own address only if it is over that."""
    wallet = customer.create(compiled("ContractWallet"), customer.address)
    over_wallet = signed(suite, customer, Binding(SUBJECT, wallet.address))
    refused(suite, Binding(SUBJECT, customer.address), over_wallet)
