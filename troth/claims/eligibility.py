"""Who may be paid: what a product requires of payees, and how far a payee meets it.

The contract asks for itself, claim by claim, when it settles. Here the same is asked beforehand: to plan gas
by, to foresee what it will withhold, and to say why in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from troth.addresses import format_address
from troth.chain.rpc import Reverted, Unanswered, quantity
from troth.errors import NodeError
from troth.office import Office

__all__ = ["ASKED_AT_MOST", "Answer", "Lack", "Requirement", "ask", "lacks"]

ASKED_AT_MOST = 400_000
"""Gas that the contract spends on asking about one payee; where that is too little, it withholds."""

_ASKED_LIGHTLY = 60_000  # 45,000 with no decision, 2,300 to 5,000 more for each that bears on the consent
_TRANSACTION = 21_000
_ZERO, _NONZERO = 4, 16  # a byte of calldata


class Requirement(NamedTuple):
    """What a product asks of whoever it pays, in numbers, as the contract takes it."""

    verification: int = 0
    """The least level on which the payee's subject is verified; 0 for none."""
    purpose: int = 0
    """Terms of the consent that it has given; all 0 for none."""
    recipient: int = 0
    category: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether anybody meets it."""
        return not (self.verification or self.purpose)


class Answer(NamedTuple):
    """What the contract would find out about a payee now."""

    is_eligible: bool
    gas: int
    """That finding out takes at most, alone: in a batch, contracts already touched make up for the call."""


class Lack(Enum):
    """Why a payee does not meet a requirement, and what helps."""

    SUBJECT = "the payee's wallet is bound to no subject: `troth subject bind`, then settle again"
    ERASED = "the payee's subject was erased"
    VERIFICATION = "payee not verified as required: `troth subject verify`, then settle again"
    CONSENT = "consent missing: `troth consent record`, then settle again"
    DENIED = "consent refused or withdrawn: settle again if the payee gives it (`troth consent record`)"
    TOO_LONG = "the payee's decisions are too many for the chain to go through"
    NOTHING = "nothing is missing any more: settle again"


def ask(office: Office, requirement: Requirement, payees: Iterable[bytes]) -> dict[bytes, Answer]:
    """Whether each payee, 20 bytes, is eligible now: asked with as little gas as the contract spends on it.

    Raises NodeError, NoNode.
    """
    found: dict[bytes, Answer] = {}
    waiting = list(dict.fromkeys(payees))
    for gas in (_ASKED_LIGHTLY, ASKED_AT_MOST):
        answers = dict(zip(waiting, _asked(office, requirement, waiting, gas), strict=True))
        found |= {payee: Answer(bool(said), gas) for payee, said in answers.items()}
        waiting = [payee for payee, said in answers.items() if said is None]
    return found


def lacks(office: Office, requirement: Requirement, payees: Iterable[bytes]) -> dict[bytes, Lack]:
    """What each payee lacks now; of several things, the first to be put right. Raises NodeError, NoNode."""
    answers = ask(office, requirement, payees)
    found = {payee: Lack.NOTHING for payee, answer in answers.items() if answer.is_eligible}
    others = [payee for payee in answers if payee not in found]
    asked = [("subjectOf", (format_address(payee),)) for payee in others]
    subjects = map(bytes, office.contract("Subjects").call_many(asked))
    bound = {payee: subject for payee, subject in zip(others, subjects, strict=True) if any(subject)}
    reasons = dict(zip(bound, _reasons(office, requirement, list(bound.values())), strict=True))
    return found | {payee: reasons.get(payee, Lack.SUBJECT) for payee in others}


def _reasons(office: Office, requirement: Requirement, subjects: Sequence[bytes]) -> Iterator[Lack]:
    """What each subject lacks."""
    register, consents = office.contract("Subjects"), office.contract("ConsentRegistry")
    erased = register.call_many([("erasedAt", (one,)) for one in subjects])
    level, *terms = requirement
    verified = [True] * len(subjects)
    if level:
        verified = register.call_many([("isVerified", (one, level)) for one in subjects])
    permitted = [(True, b"", 0)] * len(subjects)
    if requirement.purpose:
        now = int(office.now().timestamp())
        permitted = consents.call_many([("permissionAt", (one, *terms, now, now)) for one in subjects])
    for is_erased, is_verified, (is_permitted, _, number) in zip(erased, verified, permitted, strict=True):
        if is_erased:
            yield Lack.ERASED
        elif not is_verified:
            yield Lack.VERIFICATION
        elif is_permitted:
            yield Lack.TOO_LONG
        else:
            yield Lack.DENIED if number else Lack.CONSENT


def _asked(
    office: Office, requirement: Requirement, payees: Iterable[bytes], gas: int
) -> Iterator[bool | None]:
    """Whether each payee is eligible, asked with so much gas; None where that does not suffice."""
    contract = office.contract("Eligibility")
    calls = []
    for payee in payees:
        data = contract.encode("isEligible", format_address(payee), requirement)
        limit = _TRANSACTION + sum(_NONZERO if byte else _ZERO for byte in data) + gas
        message = {"to": contract.address, "data": f"0x{data.hex()}", "gas": quantity(limit)}
        calls.append(("eth_call", [message, office.node.present]))
    for answer in office.node.attempt(calls):
        if not isinstance(answer, NodeError):
            yield bool(int(answer, 16))
        elif isinstance(answer, Unanswered) or not (
            isinstance(answer, Reverted) or "gas" in answer.detail.lower()
        ):
            raise answer
        else:
            yield None
