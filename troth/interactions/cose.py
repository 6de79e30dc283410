"""The inclusion of a record as a COSE Receipt (RFC 9942) on RFC9162_SHA256: for tools that speak SCITT.

A tagged COSE_Sign1 (RFC 9052) signed with ES256K (RFC 8812), its payload, the root of the batch's tree,
detached: who checks it makes the root from the record and the path, and so cannot forget to. It says that
the holder of the key vouches for that root, no more: which batch of which stream it is, and when it was
anchored, is for the receipt in JSON and the chain. The key is the office's own, a writer of the stream on
the chain, and `kid` its address there: of the keys that verify the signature (two can be computed from it)
the right one is the one whose address that is.

The path of a tree with one leaf is empty, as RFC 9162, 2.1.3.1, has it. RFC 9942 writes `[ + bstr ]`, which
no such tree could satisfy.
"""

from __future__ import annotations

from collections.abc import Sequence

import cbor2

from troth.addresses import parse_address
from troth.chain.accounts import Signer

__all__ = ["receipt"]

_ALGORITHM, _KEY_ID, _STRUCTURE, _PROOFS = 1, 4, 395, 396  # alg, kid, vds, vdp
_ES256K = -47
_RFC9162_SHA256 = 1
_INCLUSION = -1
_SIGN1 = 18


def receipt(signer: Signer, root: bytes, size: int, index: int, path: Sequence[bytes]) -> bytes:
    """The COSE Receipt, CBOR, for the leaf at `index` of a tree of `size` leaves.

    `path` and `root` are 32-byte hashes, of RFC 9162; the entry is the record's 32-byte root, a leaf's data.
    Raises BadSetting where the signer is a node's, and what opening the key raises.
    """
    kid = parse_address(signer.address)
    protected = _encoded({_ALGORITHM: _ES256K, _KEY_ID: kid, _STRUCTURE: _RFC9162_SHA256})
    proof = _encoded([size, index, list(path)])
    signature = signer.sign_cose(_encoded(["Signature1", protected, b"", root]))
    message = [protected, {_PROOFS: {_INCLUSION: [proof]}}, None, signature]
    return _encoded(cbor2.CBORTag(_SIGN1, message))


def _encoded(value: object) -> bytes:
    """CBOR, deterministically (RFC 8949, 4.2)."""
    return cbor2.dumps(value, canonical=True)
