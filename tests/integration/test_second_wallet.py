"""What customers sign, signed by a second wallet library: viem, which shares no code with eth-account.

a statement, a binding
├── the digest viem makes is the contract's
├── viem's signature is eth-account's, and each accepts the other's
└── the contracts take it: recorded, bound
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support import Actor, Suite, emitted
from support.chain import ROOT
from support.consents import (
    IRIS,
    SUBJECT,
    Binding,
    Statement,
    bind,
    bound,
    carry,
    defined,
    digest_of,
    recorded,
    signed,
    typed,
    unordered,
)
from support.defaults import DAY, START

from troth.trees.keccak import keccak

NODE = shutil.which("node") or str(Path(sys.executable).with_name("node"))
SCRIPT = Path(__file__).with_name("second_wallet.mjs")
CASES = {
    "least": Statement(recipient="*", category="*"),
    "whole": Statement(
        jurisdiction=IRIS[7], notice=IRIS[6], expires=START + DAY, nonce=unordered(2**192 - 1)
    ),
    "event": Statement(state="Renewed", expiry_event=IRIS[8], nonce=unordered(7)),
    "denial of all": Statement(state="Withdrawn", purpose="*", recipient="*", category="*"),
}


class Signed(NamedTuple):
    """What viem says of a message."""

    address: str
    digest: bytes
    signature: bytes
    verifies: bool


def by_viem(suite: Suite, who: Actor, message: Statement | Binding) -> Signed:
    """Signs a message by viem with somebody's key, and has it check eth-account's signature."""
    contract = suite.consents if isinstance(message, Statement) else suite.subjects
    domain, types, fields = typed(message, contract.address, suite.node.chain_id)
    (kind,) = types
    described = {kind: [{"name": name, "type": of} for name, of in types[kind]]}
    whole = {"domain": domain, "types": described, "primaryType": kind, "message": _as_text(fields)}
    theirs = "0x" + signed(suite, who, message).hex()
    key = "0x" + keccak(who.name.encode()).hex()  # as support.Actor makes it
    asked = json.dumps({"key": key, "typed": whole, "theirs": theirs})
    run = subprocess.run([NODE, SCRIPT], input=asked, capture_output=True, text=True, check=True, cwd=ROOT)
    answer = json.loads(run.stdout)
    digest, signature = (bytes.fromhex(answer[name][2:]) for name in ("digest", "signature"))
    return Signed(answer["address"], digest, signature, answer["verifies"])


def _as_text(fields: dict[str, Any]) -> dict[str, str]:
    """Bytes as 0x-hex, numbers in decimal."""
    return {name: f"0x{one.hex()}" if isinstance(one, bytes) else str(one) for name, one in fields.items()}


@pytest.mark.parametrize("name", CASES)
def test_statement_signed_by_second_wallet_is_recorded(suite: Suite, name: str) -> None:
    """Digest, signature and what comes of it are the same."""
    wallet = suite.customers[0]
    defined(suite)
    bound(suite, wallet)
    statement = CASES[name].by(wallet)
    second = by_viem(suite, wallet, statement)
    assert second.address == wallet.address
    assert second.digest == digest_of(suite, statement)
    assert second.signature == signed(suite, wallet, statement)
    assert second.verifies
    (told,) = recorded(carry(suite, statement, second.signature), suite.consents)
    assert (told.subject, told.by, told.evidence) == (SUBJECT, wallet.address, second.digest)


def test_binding_signed_by_second_wallet_binds(suite: Suite) -> None:
    """Nothing but the wallet's own word is needed from it."""
    wallet = suite.customers[0]
    binding = Binding(SUBJECT, wallet.address, unordered(5), START + DAY)
    second = by_viem(suite, wallet, binding)
    assert second.digest == suite.subjects.call("bindDigest", *binding)
    assert second.signature == signed(suite, wallet, binding)
    assert second.verifies
    told = emitted(bind(suite, binding, second.signature), suite.subjects, "WalletBound")
    assert told == [(SUBJECT, wallet.address, suite["operator"].address)]
