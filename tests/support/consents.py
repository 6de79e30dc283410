"""Subjects and consents as plain values, their words packed with nothing of the product's.

A value here is what a contract takes, in the ABI's order, so a test can forge any part of it with `_replace`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from support.claims import Addressed
from support.defaults import START
from support.suite import Actor, Suite, emitted
from troth.chain.contracts import Contract
from troth.chain.transactions import Receipt
from troth.trees.keccak import keccak

# --- the words of the contracts, by number

REQUESTED, GIVEN, RENEWED, REFUSED, WITHDRAWN, REVOKED, EXPIRED, INVALIDATED = STATES = range(1, 9)
GRANTS, DENIALS = (GIVEN, RENEWED), (REFUSED, WITHDRAWN, REVOKED)
OWN_STATES = (GIVEN, RENEWED, REFUSED, WITHDRAWN)
OPERATOR_STATES = (REQUESTED, *OWN_STATES, REVOKED, EXPIRED)
STATE_NAMES = {GIVEN: "Given", RENEWED: "Renewed", REFUSED: "Refused", WITHDRAWN: "Withdrawn"}

(CONSENT, EXPLICIT_CONSENT, CONTRACT, LEGAL_OBLIGATION, VITAL_INTEREST, PUBLIC_INTEREST) = range(1, 7)
BASES = range(1, 8)

WALLET, SIGNATURE, RECORDED_CALL, WEB_FORM, PAPER, MESSAGE, IN_PERSON = METHODS = range(1, 8)
ELSEWHERE = (RECORDED_CALL, WEB_FORM, PAPER, MESSAGE, IN_PERSON)

NO_LEVEL, LOW, SUBSTANTIAL, HIGH = range(4)
GUARDIAN, ATTORNEY, BROKER, EXECUTOR = range(1, 5)

IRIS = (
    "https://w3id.org/dpv#Marketing",
    "https://w3id.org/dpv#ServiceProvision",
    "urn:troth:recipient:insurer",
    "urn:troth:recipient:broker",
    "https://w3id.org/dpv/pd#Health",
    "https://w3id.org/dpv/pd#Contact",
    "urn:troth:notice:1",
    "https://w3id.org/dpv/loc#DE",
    "urn:troth:claim:1",
)
"""What `defined` numbers, from 1."""
MARKETING, SERVICE, INSURER, AGENCY, HEALTH, CONTACT, NOTICE, GERMANY, CLOSING = range(1, 10)
UNKNOWN = len(IRIS) + 1
"""The first number that no term has."""
ALL = 0

SUBJECT, OTHER = keccak(b"subject"), keccak(b"another subject")
EVIDENCE = keccak(b"evidence, salted")
NOTHING = bytes(32)
LAST = 2**32 - 1
"""The last second that a decision can name."""
DEADLINE = START + 86_400


# --- decisions


class Entry(NamedTuple):
    """A decision as it is given. Terms by number, times UTC seconds, 0 for all, none, now or never."""

    purpose: int = MARKETING
    recipient: int = INSURER
    category: int = HEALTH
    notice: int = 0
    jurisdiction: int = 0
    effective: int = 0
    expires: int = 0
    corrects: int = 0
    """Bits where nothing may stand."""
    unused: int = 0
    """Likewise."""
    by_event: int = 0
    method: int = RECORDED_CALL
    basis: int = EXPLICIT_CONSENT
    state: int = GIVEN

    @property
    def word(self) -> int:
        """256 bits: seven fields of 32, one of 16, three bits, one bit, three nibbles."""
        text = "".join(f"{field:032b}" for field in self[:7])
        text += f"{self.corrects:016b}{self.unused:03b}{self.by_event:01b}"
        return int(text + "".join(f"{field:04b}" for field in self[10:]), 2)

    @property
    def scope(self) -> tuple[int, int, int]:
        """Purpose, recipient, category."""
        return self[:3]

    @staticmethod
    def scope_in(word: int) -> tuple[int, int, int]:
        """Purpose, recipient, category of a word."""
        text = f"{word:0256b}"
        return int(text[:32], 2), int(text[32:64], 2), int(text[64:96], 2)

    def kept(
        self, number: int, recorded: int, *, expires: int | None = None, corrects: int = 0
    ) -> tuple[int, int]:
        """As the event tells it: the word given, and the number with the decision as it is kept.

        Expires as given, unless a cap said otherwise.
        """
        when = (recorded, self.effective or recorded, self.expires if expires is None else expires)
        text = f"{number:0128b}" + "".join(f"{field:032b}" for field in when) + f"{corrects:016b}"
        text += f"{0:03b}{self.by_event:01b}" + "".join(f"{field:04b}" for field in self[10:])
        return self.word, int(text, 2)

    def shown(
        self, number: int, recorded: int, *, expires: int | None = None, corrects: int = 0
    ) -> tuple[int, ...]:
        """As `history` tells it."""
        until = self.expires if expires is None else expires
        ends = (0, until) if self.by_event else (until, 0)
        effective = self.effective or recorded
        return (number, self.state, self.basis, self.method, effective, recorded, *ends, corrects)


class Record(NamedTuple):
    """What ConsentRegistry.record, recordFor and correct take."""

    subject: bytes
    entry: int
    evidence: bytes = EVIDENCE


class Statement(NamedTuple):
    """What a subject signs."""

    subject: bytes = SUBJECT
    signer: str = ""
    """Whoever signs it, if nobody is named."""
    state: str = "Given"
    purpose: str = IRIS[MARKETING - 1]
    recipient: str = IRIS[INSURER - 1]
    category: str = IRIS[HEALTH - 1]
    jurisdiction: str = ""
    notice: str = ""
    expiry_event: str = ""
    effective: int = START
    expires: int = 0
    nonce: int = 0
    deadline: int = DEADLINE

    def by(self, signer: Addressed) -> Statement:
        """The same with its signer named, if it has none."""
        return self._replace(signer=self.signer or signer.address)


class Binding(NamedTuple):
    """What a wallet signs to be bound."""

    subject: bytes
    wallet: str
    nonce: int = 0
    deadline: int = DEADLINE


class Mandate(NamedTuple):
    """What a representative may do."""

    capacity: int = BROKER
    expires: int = 0
    purpose: int = ALL
    recipient: int = ALL
    category: int = ALL


class Honour(NamedTuple):
    """That a recipient acts on a denial."""

    subject: bytes = SUBJECT
    purpose: int = MARKETING
    recipient: int = INSURER
    category: int = HEALTH
    number: int = 1
    honoured_by: int = INSURER
    honoured_at: int = START
    evidence: bytes = EVIDENCE


STATEMENT_TYPE = (
    ("subject", "bytes32"),
    ("signer", "address"),
    *((name, "string") for name in ("state", "purpose", "recipient", "category")),
    *((name, "string") for name in ("jurisdiction", "notice", "expiryEvent")),
    ("effective", "uint40"),
    ("expires", "uint40"),
    ("nonce", "uint256"),
    ("deadline", "uint40"),
)
BINDING_TYPE = (("subject", "bytes32"), ("wallet", "address"), ("nonce", "uint256"), ("deadline", "uint40"))
TYPES = {"Statement": STATEMENT_TYPE, "Bind": BINDING_TYPE}
NAMES = {"Statement": "Troth ConsentRegistry", "Bind": "Troth Subjects"}


def key_of(subject: bytes = SUBJECT, scope: Sequence[int] = (MARKETING, INSURER, HEALTH)) -> bytes:
    """Of a consent: hash of the subject and of one word with the three terms in its low 12 bytes."""
    return keccak(subject + bytes(20) + b"".join(term.to_bytes(4, "big") for term in scope))


def unordered(number: int) -> int:
    """A nonce that waits for no other: 64 low zero bits."""
    return number << 64


def typed(
    message: Statement | Binding, contract: str, chain_id: int, **domain: object
) -> tuple[dict, dict, dict]:
    """Domain, types and message by EIP-712; `domain` overrides what is right."""
    kind = "Statement" if isinstance(message, Statement) else "Bind"
    right = {"name": NAMES[kind], "version": "1", "chainId": chain_id, "verifyingContract": contract}
    fields = dict(zip((name for name, _ in TYPES[kind]), message, strict=True))
    return {**right, **domain}, {kind: TYPES[kind]}, fields


def signed(suite: Suite, by: Actor, message: Statement | Binding, **domain: object) -> bytes:
    """The signature of a statement or a binding for the suite's contracts, 65 bytes."""
    contract = suite.consents if isinstance(message, Statement) else suite.subjects
    message = message.by(by) if isinstance(message, Statement) else message
    return by.signer.sign_typed(*typed(message, contract.address, suite.node.chain_id, **domain))


# --- what is done first, as the one whose job it is


def defined(suite: Suite, iris: Sequence[str] = IRIS) -> None:
    """Numbers the terms."""
    suite["operator"].send(suite.consents, "defineTerms", list(iris))


def bound(suite: Suite, wallet: Actor, subject: bytes = SUBJECT, nonce: int = 0) -> Receipt:
    """Binds somebody's wallet to a subject."""
    binding = Binding(subject, wallet.address, nonce, suite.clock.now)
    return bind(suite, binding, signed(suite, wallet, binding))


def bind(suite: Suite, binding: Binding, signature: bytes) -> Receipt:
    """Brings a binding."""
    return suite["operator"].send(suite.subjects, "bind", *binding, signature)


def appoint(suite: Suite, who: Addressed, mandate: Mandate | None = None) -> Receipt:
    """Lets somebody speak for SUBJECT, as their broker on all terms if nothing else is said."""
    arguments = (SUBJECT, who.address, mandate or Mandate(), EVIDENCE)
    return suite["operator"].send(suite.subjects, "appoint", *arguments)


def record_for(suite: Suite, *entries: Entry, subject: bytes = SUBJECT) -> Receipt:
    """Records what a subject said, as an operator does, all in one transaction."""
    records = [Record(subject, entry.word) for entry in entries]
    return suite["operator"].send(suite.consents, "recordFor", records)


def correct(suite: Suite, entry: Entry, corrected: int, subject: bytes = SUBJECT) -> Receipt:
    """Records a decision in the place of another."""
    record = Record(subject, entry.word)
    return suite["compliance"].send(suite.consents, "correct", record, corrected)


def erase(suite: Suite, subject: bytes = SUBJECT) -> Receipt:
    """Erases a subject."""
    return suite["compliance"].send(suite.subjects, "erase", subject)


def recorded(receipt: Receipt, consents: Contract) -> list[tuple]:
    """The arguments of the decisions recorded in a transaction."""
    return emitted(receipt, consents, "DecisionRecorded")


def statement_of(entry: Entry, nonce: int = 0, deadline: int = DEADLINE) -> Statement:
    """The statement that makes an entry: the same with terms in words."""

    def iri(term: int, none: str) -> str:
        return IRIS[term - 1] if term else none

    ends = ("", entry.expires) if not entry.by_event else (iri(entry.expires, ""), 0)
    return Statement(
        SUBJECT,
        "",
        STATE_NAMES[entry.state],
        *(iri(term, "*") for term in entry.scope),
        iri(entry.jurisdiction, ""),
        iri(entry.notice, ""),
        ends[0],
        entry.effective,
        ends[1],
        nonce,
        deadline,
    )


def sign_and_bring(suite: Suite, by: Actor, statement: Statement, **domain: object) -> Receipt:
    """Signs a statement and has a stranger carry it."""
    return carry(suite, statement.by(by), signed(suite, by, statement, **domain))


def carry(suite: Suite, statement: Statement, signature: bytes) -> Receipt:
    """A stranger brings a statement."""
    return suite["stranger"].send(suite.consents, "recordSigned", statement, signature)


def digest_of(suite: Suite, statement: Statement) -> bytes:
    """What is signed, and is the evidence of what is recorded by it."""
    return suite.consents.call("statementDigest", statement)


# --- the four ways in which a decision comes on record

WAYS = {"record": WALLET, "recordSigned": SIGNATURE, "recordFor": RECORDED_CALL, "correct": RECORDED_CALL}


@dataclass
class Way:
    """One of them, on SUBJECT, whose wallet is the first customer's."""

    name: str
    suite: Suite
    nonce: int = 0
    evidence: bytes = EVIDENCE
    """Of what was recorded last."""

    def entry(self, **fields: int) -> Entry:
        """An entry as this way needs it: by its method, and with a time of effect if it asks for one."""
        given = {"method": WAYS[self.name], **fields}
        return Entry(
            **({"effective": self.suite.clock.now} | given if self.name == "recordSigned" else given)
        )

    def bring(self, entry: Entry) -> tuple:
        """Records it; the arguments of the event that tells of it."""
        suite, consents = self.suite, self.suite.consents
        if self.name == "record":
            receipt = suite.customers[0].send(consents, "record", Record(SUBJECT, entry.word))
        elif self.name == "recordFor":
            receipt = record_for(suite, entry)
        elif self.name == "correct":
            receipt = correct(suite, entry, self._mistake(entry))
        else:
            self.nonce += 1
            statement = statement_of(entry, self.nonce << 64).by(suite.customers[0])
            self.evidence = digest_of(suite, statement)
            receipt = sign_and_bring(suite, suite.customers[0], statement)
        (told,) = recorded(receipt, consents)
        return told

    def _mistake(self, entry: Entry) -> int:
        """The number of a decision on the same key that nothing corrects yet: a new one, unless paused."""
        consents, key = self.suite.consents, key_of(scope=entry.scope)
        if not consents.call("paused"):
            record_for(self.suite, Entry(*entry.scope))
        return consents.call("decisionCount", key)
