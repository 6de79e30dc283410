"""Signing for COSE: ES256K over a Sig_structure and nothing else, by the key that signs transactions.

sign_cose
├── the signature verifies by another library over SHA-256, s in the lower half, the same each time
├── no signature of Ethereum's is made by it: it recovers to nobody's account from keccak-256
├── anything but the Sig_structure of a COSE_Sign1: refused before the key is used
└── a node's account: refused, saying what would do
"""

from __future__ import annotations

import traceback
from hashlib import sha256

import cbor2
import pytest
from coincurve import PublicKey
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from eth_account import Account
from eth_utils.crypto import keccak
from support.doubles import FakeNode

from troth.chain import LocalSigner, Node, NodeSigner
from troth.errors import BadSetting

KEY = bytes(range(1, 33))
STRUCTURE = cbor2.dumps(["Signature1", b"\xa1\x01\x38\x2e", b"", bytes(32)])
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # SEC 2, secp256k1


def public_key() -> ec.EllipticCurvePublicKey:
    """The key's other half, as `cryptography` makes it."""
    return ec.derive_private_key(int.from_bytes(KEY, "big"), ec.SECP256K1()).public_key()


def verify(signature: bytes, structure: bytes) -> None:
    """Raises InvalidSignature unless it is ES256K's."""
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    public_key().verify(encode_dss_signature(r, s), structure, ec.ECDSA(hashes.SHA256()))


def test_signature_is_es256k_by_another_library() -> None:
    """Over the SHA-256 of what was given, and of nothing else."""
    signature = LocalSigner.from_key(KEY).sign_cose(STRUCTURE)
    assert len(signature) == 64
    verify(signature, STRUCTURE)
    with pytest.raises(InvalidSignature):
        verify(signature, STRUCTURE[:-1] + b"\x01")


@pytest.mark.parametrize("number", range(16))
def test_signature_has_its_s_in_the_lower_half_and_no_chance_in_it(number: int) -> None:
    """So that there is one signature for a structure, whoever asks how often."""
    signer = LocalSigner.from_key(KEY)
    structure = cbor2.dumps(["Signature1", b"", b"", bytes([number]) * 32])
    signature = signer.sign_cose(structure)
    assert 0 < int.from_bytes(signature[32:], "big") <= ORDER // 2
    assert signer.sign_cose(structure) == signature
    verify(signature, structure)


def test_signature_is_none_of_ethereums() -> None:
    """From the digest a transaction of those bytes would have, no recovery gives the account."""
    signer = LocalSigner.from_key(KEY)
    signature = signer.sign_cose(STRUCTURE)

    def recovered(digest: bytes) -> set[str]:
        keys = (PublicKey.from_signature_and_message(signature + bytes([v]), digest, None) for v in (0, 1))
        return {"0x" + keccak(key.format(compressed=False)[1:])[-20:].hex() for key in keys}

    assert signer.address.lower() in recovered(sha256(STRUCTURE).digest())
    assert signer.address.lower() not in recovered(keccak(STRUCTURE))


@pytest.mark.parametrize(
    "structure",
    [
        b"",
        sha256(STRUCTURE).digest(),
        cbor2.dumps(["Signature", b"", b"", b"", bytes(32)]),
        cbor2.dumps(["Signature1", b"", b""]),
        cbor2.dumps(["CounterSignature", b"", b"", bytes(32)]),
        STRUCTURE[1:],
        bytes.fromhex("02f86c0180843b9aca00"),
        b"\x19\x01" + bytes(64),
    ],
)
def test_anything_but_a_sig_structure_is_refused(structure: bytes) -> None:
    """A digest, a structure of another kind, a transaction, typed data."""
    with pytest.raises(ValueError, match="not the Sig_structure of a COSE_Sign1"):
        LocalSigner.from_key(KEY).sign_cose(structure)


def test_node_signs_nothing_for_cose() -> None:
    """It is told so in one line, and is asked nothing."""
    fake = FakeNode(lambda method, _: pytest.fail(method))
    try:
        with Node(fake.url) as node, pytest.raises(BadSetting, match=r"TROTH_KEYSTORE.*key file"):
            NodeSigner(node, Account.from_key(KEY).address).sign_cose(STRUCTURE)
        assert fake.requests == []
    finally:
        fake.close()


def test_key_is_not_in_the_error_of_what_is_not_signed() -> None:
    """Nor what was to be signed."""
    with pytest.raises(ValueError, match="Sig_structure") as caught:
        LocalSigner.from_key(KEY).sign_cose(b"secret")
    shown = "".join(traceback.format_exception(caught.value))
    assert KEY.hex() not in shown
    assert "secret" not in str(caught.value)
