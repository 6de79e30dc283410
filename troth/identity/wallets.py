"""Which accounts speak for a subject: bound by the account's own signature (EIP-712, ERC-1271), and unbound.

Binding takes two steps, for the key is the customer's: `request` makes what their wallet is to sign, `bind`
brings the signature to the chain. What would be refused is found before anything is sent.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from troth.addresses import format_address
from troth.errors import BadInput, Problem
from troth.identity import registry, requests
from troth.identity.subjects import format_subject, parse_subject
from troth.intake import iso
from troth.office import Office
from troth.store import schema
from troth.store.subjects import events_of

__all__ = ["BINDINGS", "Bound", "Wallet", "bind", "history", "request", "unbind"]

_BIND = (("subject", "bytes32"), ("wallet", "address"), ("nonce", "uint256"), ("deadline", "uint40"))
BINDINGS = requests.Kind("Subjects", "Bind", _BIND, "wallet")
"""What a wallet signs to speak for a subject."""
VALID_FOR = timedelta(days=7)
_REQUEST, _SIGNATURE, _WALLET = "--request", "--signature", "--wallet"


@dataclass(frozen=True)
class Wallet:
    """An account that speaks, or spoke, for a subject."""

    wallet: str
    bound_at: datetime
    bound_by: str
    """The account that brought the signature."""
    transaction: str
    unbound_at: datetime | None = None
    unbound_by: str | None = None

    @property
    def is_bound(self) -> bool:
        """Whether it still speaks for the subject."""
        return self.unbound_at is None


@dataclass(frozen=True)
class Bound:
    """A wallet bound, or unbound."""

    subject: bytes
    wallet: str
    transaction: str | None
    """None if it was so before."""


def request(office: Office, subject: bytes, wallet: str, deadline: datetime | None = None) -> dict[str, Any]:
    """What `wallet` is to sign until `deadline`, a week from now by default: see `requests`. Nothing is sent.

    Raises BadInput for an erased subject, a wallet bound already, a deadline that has passed.
    """
    registry.check_standing(office, subject)
    registry.check_ahead(office, deadline, "--deadline")
    _check_free(office, subject, wallet, _WALLET)
    message = {
        "subject": format_subject(subject),
        "wallet": wallet,
        # A key of 192 random bits, and its first nonce: it waits for no other request.
        "nonce": str(secrets.randbits(192) << 64),
        "deadline": registry.seconds(deadline or office.now() + VALID_FOR),
    }
    return BINDINGS.request(office, message)


def bind(office: Office, subject: bytes, typed: Mapping[str, Any], signature: bytes) -> Bound:
    """Binds the wallet that signed `typed`, a request for `subject`, or finds it bound.

    Raises BadInput, saying what is wrong with request or signature, MissingRole, and what sending raises.
    """
    requests.check_domain(office, typed, [BINDINGS.contract], _REQUEST)
    wallet, nonce, deadline = _terms(subject, typed)
    registry.check_standing(office, subject)
    bound_to = office.contract("Subjects").call("subjectOf", wallet)
    if bound_to == subject:
        return Bound(subject, wallet, None)
    _check_free(office, subject, wallet, _REQUEST)
    call = (subject, wallet, nonce, deadline, requests.with_v(signature))
    now = iso(office.now())
    reasons = {
        "SubjectsDeadlinePassed": (_REQUEST, "deadline", f"passed: on the chain it is {now}; make it anew"),
        "SubjectsSignatureInvalid": (_SIGNATURE, None, f"not the signature of {wallet} over this request"),
        "InvalidAccountNonce": (_REQUEST, "nonce", "used before: what is signed counts once; make it anew"),
    }
    because = {
        name: Problem(place, None, column, None, reason) for name, (place, column, reason) in reasons.items()
    }
    registry.tried(office, "bind", *call, because=because)
    return Bound(subject, wallet, registry.send(office, "bind", *call).hash)


def unbind(office: Office, subject: bytes, wallet: str) -> Bound:
    """Ends it, or finds it ended. Raises BadInput for another subject's wallet, MissingRole, …"""
    bound_to = office.contract("Subjects").call("subjectOf", wallet)
    if not any(bound_to):
        return Bound(subject, wallet, None)
    if bound_to != subject:
        reason = f"bound to another subject, {format_subject(bound_to)}"
        raise BadInput([Problem(_WALLET, None, None, wallet, reason)])
    registry.tried(office, "unbind", wallet, because={})
    return Bound(subject, wallet, registry.send(office, "unbind", wallet).hash)


def history(office: Office, subject: bytes) -> list[Wallet]:
    """Every wallet ever bound to a subject, in that order, as far as the index has read."""
    with office.store.reading() as connection:
        rows = events_of(connection, schema.wallets, subject)
    at = registry.times(office, [row.block for row in rows])
    found: list[Wallet] = []
    for row in rows:
        wallet, account = format_address(row.wallet), format_address(row.by_account)
        if row.kind == "bound":
            found.append(Wallet(wallet, at[row.block], account, f"0x{row.tx.hex()}"))
            continue
        place = max(n for n, one in enumerate(found) if one.wallet == wallet)
        found[place] = replace(found[place], unbound_at=at[row.block], unbound_by=account)
    return found


def _terms(subject: bytes, typed: Mapping[str, Any]) -> tuple[str, int, int]:
    """Wallet, nonce and deadline of a request for `subject`. Raises BadInput."""
    message = typed["message"]
    if not BINDINGS.is_of(typed):
        reason = "no request of this version: make it anew with `troth subject bind`"
        raise BadInput([Problem(_REQUEST, None, "types", None, reason)])
    wallet = format_address(requests.address_in(message, "wallet", _REQUEST))
    try:
        asked, nonce, deadline = (
            parse_subject(str(message["subject"])),
            int(message["nonce"]),
            int(message["deadline"]),
        )
        if not 0 <= nonce < 1 << 256 or not 0 <= deadline < 1 << 40:
            raise ValueError
    except (KeyError, ValueError, TypeError):
        reason = "the message lacks something or has a value of the wrong type: make it anew"
        raise BadInput([Problem(_REQUEST, None, "message", None, reason)]) from None
    if asked != subject:
        reason = f"a request for another subject than {format_subject(subject)}"
        raise BadInput([Problem(_REQUEST, None, "subject", str(message["subject"]), reason)])
    return wallet, nonce, deadline


def _check_free(office: Office, subject: bytes, wallet: str, place: str) -> None:
    """Raises BadInput for a wallet that speaks for somebody already."""
    bound_to = office.contract("Subjects").call("subjectOf", wallet)
    if any(bound_to):
        whom = "this subject" if bound_to == subject else f"another subject, {format_subject(bound_to)}"
        raise BadInput([Problem(place, None, None, wallet, f"bound already, to {whom}")])
