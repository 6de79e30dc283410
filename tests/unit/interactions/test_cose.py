"""COSE Receipts: read, and checked whole, by libraries that are not ours; changed anywhere, refused.

receipt
├── of every leaf of trees of 1 to 17 and of larger ones: pycose decodes it, its signature verifies by
│   `ecdsa` under pycose and by `cryptography`, the path leads to the root by pymerkle's rules
├── byte for byte the CBOR of RFC 9942, 5.2: tag, protected and unprotected header, nothing as payload
├── the key is the account's: of the two that verify, one has the address in `kid`
├── a tree of one leaf: an empty path
└── another record, index, root, path, header, signature or key: refused
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from typing import Any

import cbor2
import pytest
from coincurve import PublicKey
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from ecdsa import SECP256k1
from eth_account import Account
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycose.algorithms import CoseAlgorithm, _Ecdsa
from pycose.exceptions import CoseException
from pycose.keys import EC2Key
from pycose.keys.curves import SECP256K1
from pycose.messages import CoseMessage, Sign1Message
from support.streams import path_of, root_led_to, root_of

from troth.chain import LocalSigner
from troth.interactions import cose

KEY = bytes(range(1, 33))
SIGNER = LocalSigner.from_key(KEY)
ADDRESS = bytes.fromhex(SIGNER.address[2:])


@CoseAlgorithm.register_attribute()
class _ES256K(_Ecdsa):
    """RFC 8812's algorithm, which pycose knows the curve of and not the name."""

    identifier = -47
    fullname = "ES256K"

    @classmethod
    def get_curve(cls) -> Any:
        return SECP256k1

    @classmethod
    def get_hash_func(cls) -> Any:
        return sha256


# --- whoever checks a receipt: RFC 9942, 5.2.1


def data_of(size: int) -> list[bytes]:
    """Records of a batch."""
    return [sha256(number.to_bytes(4, "big")).digest() for number in range(size)]


def made(size: int, index: int) -> bytes:
    """The receipt for one of them."""
    data = data_of(size)
    return cose.receipt(SIGNER, root_of(data), size, index, path_of(data, index))


_MALFORMED = (
    cbor2.CBORDecodeError,
    CoseException,
    AttributeError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
)
"""What pycose and cbor2 raise where a receipt is not made as it must be; elsewhere it is a mistake here."""


def is_proved(receipt: bytes, record: bytes, kid: bytes = ADDRESS) -> bool:
    """Whether a receipt proves a record under the key of an account, decided by pycose and `cryptography`."""
    try:
        message = CoseMessage.decode(receipt)
    except _MALFORMED:
        return False
    if not isinstance(message, Sign1Message) or message.payload is not None:
        return False
    headers, proof = _plain(message.phdr), _proof_in(_plain(message.uhdr).get(396))
    if (headers.get("KID"), headers.get("Algorithm"), headers.get(395)) != (kid, _ES256K, 1):
        return False
    root = None if proof is None else root_led_to(record, *proof)
    return root is not None and _verifies(message, message._create_sig_structure(root), kid, root)


def _proof_in(found: Any) -> tuple[int, int, list[bytes]] | None:
    """Index, size and path, where there is one proof of inclusion and no other."""
    try:
        (proof,) = found[-1]
        size, index, path = cbor2.loads(proof)
    except _MALFORMED:
        return None
    numbers = all(type(number) is int and number >= 0 for number in (size, index))
    right = numbers and type(path) is list and all(type(node) is bytes for node in path)
    return (index, size, path) if right else None


def _plain(header: dict[Any, Any]) -> dict[Any, Any]:
    """Names for what pycose knows, labels for the rest."""
    return {getattr(label, "__name__", label): value for label, value in header.items()}


def _keys(signature: bytes, digest: bytes) -> list[PublicKey]:
    """The public keys a signature may be of."""
    found = []
    for v in (0, 1):
        with suppress(Exception):  # coincurve raises none narrower where there is no such key
            found.append(PublicKey.from_signature_and_message(signature + bytes([v]), digest, None))
    return found


def _verifies(message: Sign1Message, structure: bytes, kid: bytes, root: bytes) -> bool:
    """Whether the key whose address is `kid` signed, by both libraries."""
    points = [
        key.format(compressed=False)[1:] for key in _keys(message.signature, sha256(structure).digest())
    ]
    keys = [point for point in points if keccak(point)[-20:] == kid]
    if not keys:
        return False
    (point,) = keys
    message.key = EC2Key(crv=SECP256K1, x=point[:32], y=point[32:])
    by_ecdsa = message.verify_signature(detached_payload=root)
    r, s = (int.from_bytes(part, "big") for part in (message.signature[:32], message.signature[32:]))
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), b"\4" + point)
    try:
        public.verify(encode_dss_signature(r, s), structure, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return bool(by_ecdsa)


# --- tests


@pytest.mark.parametrize("size", [*range(1, 18), 31, 32, 33, 100])
def test_receipt_of_every_leaf_is_proved_by_other_libraries(size: int) -> None:
    """And of no other record of the batch."""
    data = data_of(size)
    for index in {0, 1, size // 2, size - 2, size - 1} & set(range(size)):
        receipt = made(size, index)
        assert is_proved(receipt, data[index])
        assert size == 1 or not is_proved(receipt, data[index - 1])


def test_receipt_is_the_cbor_that_rfc_9942_describes() -> None:
    """Written out here by hand."""
    data = data_of(2)
    sibling = sha256(b"\0" + data[1]).digest()
    receipt = made(2, 0)
    protected = bytes.fromhex("a301382e0454") + ADDRESS + bytes.fromhex("19018b01")
    proof = bytes.fromhex("830200815820") + sibling
    unprotected = bytes.fromhex("a119018ca1208158") + bytes([len(proof)]) + proof
    whole = bytes.fromhex("d28458") + bytes([len(protected)]) + protected + unprotected + b"\xf6\x58\x40"
    assert receipt[:-64] == whole
    head = b"\x84\x6aSignature1\x58" + bytes([len(protected)]) + protected
    structure = head + b"\x40\x58\x20" + root_of(data)
    assert receipt[-64:] == SIGNER.sign_cose(structure)


def test_receipt_of_a_batch_of_one_has_an_empty_path() -> None:
    """As RFC 9162 has it; and it is proved."""
    receipt = made(1, 0)
    proof = cbor2.loads(cbor2.loads(receipt).value[1][396][-1][0])
    assert proof == [1, 0, []]
    assert is_proved(receipt, data_of(1)[0])


def test_receipt_names_the_account_whose_key_signed() -> None:
    """By its address, and is not another account's."""
    receipt = made(5, 3)
    assert cbor2.loads(cbor2.loads(receipt).value[0])[4] == bytes.fromhex(Account.from_key(KEY).address[2:])
    stranger = bytes.fromhex(Account.from_key(KEY[::-1]).address[2:])
    assert not is_proved(receipt, data_of(5)[3], kid=stranger)
    claimed = receipt.replace(ADDRESS, stranger)
    assert not is_proved(claimed, data_of(5)[3], kid=stranger)


def test_receipt_shows_no_more_than_the_proof() -> None:
    """Neither the root, which who checks must make, nor the record is in it."""
    data = data_of(9)
    receipt = made(9, 4)
    assert root_of(data) not in receipt
    assert data[4] not in receipt


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_receipt_changed_anywhere_is_refused(choice: st.DataObject) -> None:
    """Any one bit; size and index, which RFC 9942 leaves to the walk, in a test of their own below."""
    size = choice.draw(st.integers(2, 20), label="size")
    index = choice.draw(st.integers(0, size - 1), label="index")
    receipt, record = made(size, index), data_of(size)[index]
    bit = choice.draw(st.integers(0, 8 * len(receipt) - 1), label="bit")
    changed = bytearray(receipt)
    changed[bit // 8] ^= 1 << bit % 8
    place = receipt.index(b"\x83" + bytes([size, index]))
    if bit // 8 in (place + 1, place + 2):
        return
    assert is_proved(receipt, record)
    assert not is_proved(bytes(changed), record)


@pytest.mark.parametrize(("size", "index"), [(8, 5), (7, 6), (2, 0)])
def test_receipt_for_another_index_is_refused(size: int, index: int) -> None:
    """The path belongs to one."""
    data = data_of(size)
    for other in range(size):
        receipt = cose.receipt(SIGNER, root_of(data), size, other, path_of(data, index))
        assert is_proved(receipt, data[index]) == (other == index)


def test_receipt_of_a_root_that_is_not_the_trees_is_refused() -> None:
    """The root is made, not read."""
    data = data_of(6)
    receipt = cose.receipt(SIGNER, bytes(32), 6, 2, path_of(data, 2))
    assert not is_proved(receipt, data[2])
