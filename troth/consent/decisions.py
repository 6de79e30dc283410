"""Decisions as the consent registry words them: states, bases, methods, scopes, keys, and the packed words.

The values of the enums and the places of the bits are those of contracts/consent/Decisions.sol.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, TypeVar

from sha3 import keccak_256

__all__ = [
    "ANYTHING",
    "DENIALS",
    "ELSEWHERE",
    "GRANTS",
    "LAST_SECOND",
    "OPERATOR_STATES",
    "OWN_STATES",
    "Basis",
    "Decision",
    "Entry",
    "Method",
    "Scope",
    "State",
    "key_of",
    "pack_entry",
    "wider_scopes",
]

LAST_SECOND = 2**32 - 1
"""The last time a decision can name, UTC seconds: in the year 2106."""

_TERM = 0xFFFF_FFFF
_NIBBLE = 0xF
_BY_EVENT = 1 << 12

Member = TypeVar("Member", bound="_Worded")


class _Worded(IntEnum):
    """A number on the chain that goes by words outside."""

    @property
    def text(self) -> str:
        """As people and files write it, such as "explicit-consent"."""
        return self.name.lower().replace("_", "-")

    @property
    def term(self) -> str:
        """As the W3C vocabulary and the contract write it, such as "ExplicitConsent"."""
        return self.name.title().replace("_", "")

    @classmethod
    def parse(cls: type[Member], text: str) -> Member:
        """The member that `text` names. Raises ValueError, naming those there are."""
        for member in cls:
            if text == member.text:
                return member
        raise ValueError(f"{'unknown' if text else 'empty'}: write {_either(cls)}")


class State(_Worded):
    """What was decided, in the words of the W3C Data Privacy Vocabulary."""

    REQUESTED = 1
    """Asked for, not answered."""
    GIVEN = 2
    RENEWED = 3
    REFUSED = 4
    WITHDRAWN = 5
    """By the subject."""
    REVOKED = 6
    """By somebody else, as the controller."""
    EXPIRED = 7
    """Its time is over, or what it was tied to has happened."""
    INVALIDATED = 8
    """Found never to have held."""


class Basis(_Worded):
    """The lawful basis: GDPR articles 6(1) and 9(2)(a)."""

    CONSENT = 1
    EXPLICIT_CONSENT = 2
    CONTRACT = 3
    LEGAL_OBLIGATION = 4
    VITAL_INTEREST = 5
    PUBLIC_INTEREST = 6
    LEGITIMATE_INTEREST = 7


class Method(_Worded):
    """How the subject's word was taken."""

    WALLET = 1
    """A transaction of the subject's own."""
    SIGNATURE = 2
    """EIP-712, carried by anybody."""
    RECORDED_CALL = 3
    WEB_FORM = 4
    PAPER = 5
    MESSAGE = 6
    """Mail, text or chat."""
    IN_PERSON = 7


GRANTS = frozenset({State.GIVEN, State.RENEWED})
"""While one is in force, data may be used."""
DENIALS = frozenset({State.REFUSED, State.WITHDRAWN, State.REVOKED})
"""While one is in force, data may not be used, whatever narrower grants say."""
OWN_STATES = GRANTS | {State.REFUSED, State.WITHDRAWN}
"""What a subject decides with their own wallet."""
OPERATOR_STATES = frozenset(State) - {State.INVALIDATED}
"""What an operator records; the rest is for corrections."""
ELSEWHERE = frozenset(Method) - {Method.WALLET, Method.SIGNATURE}
"""How a word comes to an operator."""


class Scope(NamedTuple):
    """What a decision is about, as numbers of terms; 0 stands for all."""

    purpose: int = 0
    recipient: int = 0
    category: int = 0

    @property
    def packed(self) -> int:
        """Purpose, recipient and category, 32 bits each."""
        return self.purpose << 64 | self.recipient << 32 | self.category


ANYTHING = Scope()
"""All purposes, all recipients, all categories."""


class Entry(NamedTuple):
    """A decision as it is brought to the contract. Terms by number; times UTC seconds."""

    scope: Scope
    notice: int
    jurisdiction: int
    effective: int
    """0 for the time of recording."""
    expires: int
    """0 for never."""
    expiry_event: int
    """The term of what it expires with, 0 for none."""
    method: Method
    basis: Basis
    state: State

    @property
    def word(self) -> int:
        """The contract's `Entry`, 256 bits. Raises ValueError for what does not fit."""
        if self.expires and self.expiry_event:
            raise ValueError("a decision expires at a time or with an event, not both")
        numbers = (
            *self.scope,
            self.notice,
            self.jurisdiction,
            self.effective,
            self.expires or self.expiry_event,
        )
        word = 0
        for number in numbers:
            if not 0 <= number <= _TERM:
                raise ValueError(f"{number} is no unsigned integer of 32 bits")
            word = word << 32 | number
        nature = (_BY_EVENT if self.expiry_event else 0) | self.method << 8 | self.basis << 4 | self.state
        return word << 32 | nature

    @classmethod
    def of(cls, word: int) -> Entry:
        """The entry that a word holds. Raises ValueError for states, bases and methods there are not."""
        by_event = bool(word & _BY_EVENT)
        purpose, recipient, category, notice, jurisdiction, effective, expires = (
            word >> shift & _TERM for shift in range(224, 0, -32)
        )
        return cls(
            Scope(purpose, recipient, category),
            notice,
            jurisdiction,
            effective,
            0 if by_event else expires,
            expires if by_event else 0,
            Method(word >> 8 & _NIBBLE),
            Basis(word >> 4 & _NIBBLE),
            State(word & _NIBBLE),
        )


@dataclass(frozen=True)
class Decision:
    """A decision on record. Terms by number, 0 for none; times UTC seconds; hashes and addresses as bytes."""

    subject: bytes
    scope: Scope
    number: int
    """On its key, from 1."""
    state: State
    basis: Basis
    method: Method
    effective: int
    recorded: int
    expires: int
    """0 for never, or not by date."""
    expiry_event: int
    notice: int
    jurisdiction: int
    corrects: int
    """Number of the decision that this one stands for."""
    recorder: bytes
    """Who recorded it, 20 bytes."""
    evidence: bytes
    """Salted hash, 32 bytes, zero for none."""

    @classmethod
    def of(cls, subject: bytes, recorder: bytes, entry: int, numbered: int, evidence: bytes) -> Decision:
        """What the event DecisionRecorded says: `numbered` is the number and the decision as kept."""
        said = Entry.of(entry)
        expires = numbered >> 32 & _TERM  # as kept: within the statutory cap
        by_event = bool(numbered & _BY_EVENT)
        return cls(
            subject=subject,
            scope=said.scope,
            number=numbered >> 128,
            state=said.state,
            basis=said.basis,
            method=said.method,
            effective=numbered >> 64 & _TERM,
            recorded=numbered >> 96 & _TERM,
            expires=0 if by_event else expires,
            expiry_event=expires if by_event else 0,
            notice=said.notice,
            jurisdiction=said.jurisdiction,
            corrects=numbered >> 16 & 0xFFFF,
            recorder=recorder,
            evidence=evidence,
        )

    @property
    def key(self) -> bytes:
        """Of the consent it is on, 32 bytes."""
        return key_of(self.subject, self.scope)

    @property
    def is_grant(self) -> bool:
        """Whether it permits while in force."""
        return self.state in GRANTS

    @property
    def is_denial(self) -> bool:
        """Whether it forbids while in force."""
        return self.state in DENIALS


def pack_entry(
    scope: Scope,
    *,
    state: State,
    basis: Basis,
    method: Method,
    notice: int = 0,
    jurisdiction: int = 0,
    effective: int = 0,
    expires: int = 0,
    expiry_event: int = 0,
) -> int:
    """The contract's `Entry`, 256 bits. Raises ValueError for what does not fit."""
    return Entry(scope, notice, jurisdiction, effective, expires, expiry_event, method, basis, state).word


def key_of(subject: bytes, scope: Scope) -> bytes:
    """The key of a consent: keccak-256 of subject and scope, 32 bytes each."""
    return bytes(keccak_256(subject + scope.packed.to_bytes(32, "big")).digest())


def wider_scopes(scope: Scope) -> list[Scope]:
    """The scope and all wider ones, each once, from the widest: in the order the contract asks them."""
    found = [
        Scope(
            0 if wide & 4 else scope.purpose,
            0 if wide & 2 else scope.recipient,
            0 if wide & 1 else scope.category,
        )
        for wide in range(7, -1, -1)
    ]
    return list(dict.fromkeys(found))


def _either(kind: type[_Worded]) -> str:
    """The words of an enum as a sentence lists them."""
    *first, last = (member.text for member in kind)
    return f"{', '.join(first)} or {last}"
