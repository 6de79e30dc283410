"""Gas of a consent decision, by receipts, beside a fresh slot with an event and beside EAS attestations.

Everything is sent by the accounts whose job it is: a subject's own wallet, somebody who carries what a
subject signed, the operator. EAS is the one its npm package holds, deployed on the same chain; it attests one
word where Troth records subject, terms, times and evidence.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from benchmarks.figures import Budget, Figure
from benchmarks.ground import ROOT, mock, office
from troth.chain.accounts import LocalSigner, development_signers
from troth.chain.artifacts import Artifact
from troth.chain.contracts import Contract
from troth.chain.sender import Sender
from troth.chain.transactions import MemoryJournal, Receipt
from troth.consent.decisions import Basis, Entry, Method, Scope, State
from troth.office import Office, embedded_chain

__all__ = ["measure"]

BATCHES = (1, 10, 100, 200)
QUICK = (1, 10)
EAS = ROOT / "node_modules/@ethereum-attestation-service/eas-contracts/artifacts/contracts"
IRIS = tuple(
    f"https://w3id.org/dpv#{name}" for name in ("DirectMarketing", "ServiceProvision", "Partner", "Contact")
)
NOTICE, JURISDICTION = (
    "ni:///sha-256;n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg",
    "https://w3id.org/dpv/loc#DE",
)
TERMS = {iri: number for number, iri in enumerate((*IRIS, NOTICE, JURISDICTION), 1)}
PURPOSE, OTHER, RECIPIENT, CATEGORY = (TERMS[iri] for iri in IRIS)
DAY = 86_400
EAS_FITS = 90  # attestations in a transaction that keeps to the gas a transaction may use
SLOT, OWN = "slot and event", "giving"


class Typed(NamedTuple):
    """What an EIP-712 signature is made for, but for chain and contract."""

    domain: str
    version: str
    kind: str
    fields: Sequence[tuple[str, str]]


STATEMENT = Typed(
    "Troth ConsentRegistry",
    "1",
    "Statement",
    (
        ("subject", "bytes32"),
        ("signer", "address"),
        *((name, "string") for name in ("state", "purpose", "recipient", "category")),
        *((name, "string") for name in ("jurisdiction", "notice", "expiryEvent")),
        *(("effective", "uint40"), ("expires", "uint40"), ("nonce", "uint256"), ("deadline", "uint40")),
    ),
)
BIND = Typed(
    "Troth Subjects",
    "1",
    "Bind",
    (("subject", "bytes32"), ("wallet", "address"), ("nonce", "uint256"), ("deadline", "uint40")),
)
ATTEST = Typed(
    "EAS",
    "1.3.0",
    "Attest",
    (
        *(
            ("attester", "address"),
            ("schema", "bytes32"),
            ("recipient", "address"),
            ("expirationTime", "uint64"),
        ),
        *(("revocable", "bool"), ("refUID", "bytes32"), ("data", "bytes"), ("value", "uint256")),
        *(("nonce", "uint256"), ("deadline", "uint64")),
    ),
)


def measure(*, quick: bool) -> list[Figure]:
    """Every line of the table about decisions. About half a minute; `quick`: a few seconds."""
    sizes = QUICK if quick else BATCHES
    command = f"python -m benchmarks consent-gas{' --quick' if quick else ''}"
    conditions = (
        "a decision with all its terms, a notice, an expiry and evidence; capped: in a jurisdiction with a "
        "cap for its purpose; EAS with one word of data; whole transactions, by their receipts, shared "
        "by the decisions in them"
    )
    with office() as opened:
        ground = _Ground(opened)
        rows = [*_alone(ground), *(row for size in sizes for row in _batched(ground, size))]
    return [
        Figure("gas a decision", what, ours, rival, theirs, None if quick else budget, conditions, command)
        for what, ours, rival, theirs, budget in rows
    ]


Row = tuple[str, float, str, float, Budget | None]


def _alone(ground: _Ground) -> Iterator[Row]:
    """A transaction a decision: by the subject's wallet, by signature."""
    slot, attested = ground.slots(1), ground.attested(1)
    first = ground.own(PURPOSE)
    yield "first, by wallet", first, SLOT, slot, Budget(1.25)
    yield "first, by wallet", first, "EAS attest", attested, None
    yield "first, by wallet, capped", ground.own(OTHER, capped=True), SLOT, slot, Budget(1.25)
    withdrawn = ground.own(PURPOSE, State.WITHDRAWN)
    yield "withdrawn, by wallet", withdrawn, OWN, first, Budget(1)
    yield "withdrawn, by wallet", withdrawn, "EAS revoke", ground.revoked(), None
    signed = ground.signed("Given")
    yield "first, by signature", signed, "EAS by delegation", ground.attested_by_delegation(), None
    yield "withdrawn, by signature", ground.signed("Withdrawn"), OWN, signed, Budget(1)


def _batched(ground: _Ground, size: int) -> Iterator[Row]:
    """What an operator records, `size` decisions a transaction."""
    subjects, budget = ground.subjects(size), Budget(1.10) if size == 100 else None
    first, slots = ground.recorded(subjects, State.GIVEN), ground.slots(size)
    yield f"first, batch of {size}", first, SLOT, slots, budget
    most = min(size, EAS_FITS)
    yield f"first, batch of {size}", first, f"EAS multiAttest, {most}", ground.attested(most), None
    capped = ground.recorded(ground.subjects(size), State.GIVEN, capped=True)
    yield f"first, batch of {size}, capped", capped, SLOT, slots, budget
    withdrawn = ground.recorded(subjects, State.WITHDRAWN)
    yield f"withdrawn, batch of {size}", withdrawn, OWN, first, Budget(1)


@dataclass
class _Ground:
    """The chain with Troth, EAS and the floor on it."""

    office: Office

    def __post_init__(self) -> None:
        self.random = random.Random(2013)
        self.consents = self.office.contract("ConsentRegistry")
        accounts = development_signers(embedded_chain(self.office.settings).accounts)
        self.customer, self.signer = accounts[4], accounts[5]
        self.now = int(self.office.now().timestamp())
        self._send(self.consents.prepare("defineTerms", list(TERMS)))
        for purpose in (PURPOSE, OTHER):
            self._send(self.consents.prepare("setExpiryCap", TERMS[JURISDICTION], purpose, 900 * DAY))
        self.subject, self.other = self._bound(self.customer), self._bound(self.signer)

    # --- Troth

    def own(self, purpose: int, state: State = State.GIVEN, *, capped: bool = False) -> float:
        """A decision by the subject's own wallet."""
        entry = self.entry(state, capped=capped)
        entry = entry._replace(scope=entry.scope._replace(purpose=purpose), method=Method.WALLET)
        sender = Sender(self.office.node, self.customer, MemoryJournal())
        call = self.consents.prepare("record", (self.subject, entry.word, self._word()))
        (receipt,) = sender.send([call])
        return receipt.gas_used

    def signed(self, state: str) -> float:
        """A decision that another subject signed, carried by the operator."""
        names = ("purpose", "recipient", "category", "jurisdiction", "notice")
        iris = (IRIS[0], IRIS[2], IRIS[3], JURISDICTION, NOTICE)
        message = {
            "subject": self.other,
            "signer": self.signer.address,
            "state": state,
            **dict(zip(names, iris, strict=True)),
            "expiryEvent": "",
            "effective": self.now,
            "expires": self.now + 300 * DAY if state == "Given" else 0,
            "nonce": self.random.getrandbits(192) << 64,
            "deadline": self.now + DAY,
        }
        signature = self._sign(self.signer, self.consents, STATEMENT, message)
        values = tuple(message[name] for name, _ in STATEMENT.fields)
        call = self.consents.prepare("recordSigned", values, signature)
        return self._send(call).gas_used

    def recorded(self, subjects: Sequence[bytes], state: State, *, capped: bool = False) -> float:
        """Decisions by an operator, in one transaction."""
        entry = self.entry(state, capped=capped).word
        records = [(subject, entry, self._word()) for subject in subjects]
        return self._send(self.consents.prepare("recordFor", records)).gas_used / len(subjects)

    def entry(self, state: State, *, capped: bool) -> Entry:
        """A whole decision; a withdrawal names no expiry. Capped: in a jurisdiction that limits grants."""
        expires = self.now + 300 * DAY if state is State.GIVEN else 0
        scope, jurisdiction = Scope(PURPOSE, RECIPIENT, CATEGORY), TERMS[JURISDICTION] if capped else 0
        nature = (Method.RECORDED_CALL, Basis.CONSENT, state)
        return Entry(scope, TERMS[NOTICE], jurisdiction, self.now - 100, expires, 0, *nature)

    def subjects(self, count: int) -> list[bytes]:
        """New ones."""
        return [self._word() for _ in range(count)]

    # --- the floor

    def slots(self, count: int) -> float:
        """Fresh slots with an event each, in one transaction."""
        words = [(self._word(), self._word()) for _ in range(count)]
        call = self.floor.prepare("write", *words[0]) if count == 1 else self.floor.prepare("writeAll", words)
        return self._send(call).gas_used / count

    @cached_property
    def floor(self) -> Contract:
        """The floor's contract."""
        return mock(self.office, "SlotAndEvent")

    # --- EAS

    def attested(self, count: int) -> float:
        """Attestations, in one transaction."""
        data = [self._attestation() for _ in range(count)]
        one = self.eas.prepare("attest", (self.schema, data[0]))
        call = one if count == 1 else self.eas.prepare("multiAttest", [(self.schema, data)])
        return self._send(call).gas_used / count

    def attested_by_delegation(self) -> float:
        """An attestation that somebody signed, carried by another."""
        attestation = self._attestation()
        deadline = self.now + DAY
        nonce = self.eas.call("getNonce", self.signer.address)
        names = ("recipient", "expirationTime", "revocable", "refUID", "data", "value")
        message = {
            "attester": self.signer.address,
            "schema": self.schema,
            **dict(zip(names, attestation, strict=True)),
            "nonce": nonce,
            "deadline": deadline,
        }
        signature = self._sign(self.signer, self.eas, ATTEST, message)
        parts = (signature[64], signature[:32], signature[32:64])
        request = (self.schema, attestation, parts, self.signer.address, deadline)
        return self._send(self.eas.prepare("attestByDelegation", request)).gas_used

    def revoked(self) -> float:
        """An attestation taken back."""
        receipt = self._send(self.eas.prepare("attest", (self.schema, self._attestation())))
        (event,) = self.eas.events(receipt, "Attested")
        call = self.eas.prepare("revoke", (self.schema, (event.arguments.uid, 0)))
        return self._send(call).gas_used

    @cached_property
    def eas(self) -> Contract:
        """EAS, with its register of schemas."""
        return self._create("EAS", self._schemas.address)

    @cached_property
    def schema(self) -> bytes:
        """One word, revocable."""
        nobody = "0x" + "00" * 20
        receipt = self._send(self._schemas.prepare("register", "bytes32 decision", nobody, True))
        (event,) = self._schemas.events(receipt, "Registered")
        return bytes(event.arguments.uid)

    @cached_property
    def _schemas(self) -> Contract:
        return self._create("SchemaRegistry")

    def _attestation(self) -> tuple[Any, ...]:
        """About somebody new: recipient, expiry, revocable, no reference, one word, no value."""
        recipient = "0x" + self.random.randbytes(20).hex()
        return (recipient, self.now + 300 * DAY, True, bytes(32), self._word(), 0)

    def _create(self, name: str, *arguments: Any) -> Contract:
        """A contract of the npm package."""
        content = json.loads((EAS / f"{name}.sol" / f"{name}.json").read_text(encoding="utf-8"))
        artifact = Artifact.of({**content, "sourceHash": ""})
        receipt = self._send(artifact.deployment(*arguments))
        return Contract(self.office.node, str(receipt.contract), artifact.abi, name=name)

    # --- both

    def _bound(self, wallet: LocalSigner) -> bytes:
        """A subject that the wallet speaks for."""
        subjects, subject = self.office.contract("Subjects"), self._word()
        nonce, deadline = self.random.getrandbits(192) << 64, self.now + DAY
        message = {"subject": subject, "wallet": wallet.address, "nonce": nonce, "deadline": deadline}
        signature = self._sign(wallet, subjects, BIND, message)
        self._send(subjects.prepare("bind", subject, wallet.address, nonce, deadline, signature))
        return subject

    def _sign(self, signer: LocalSigner, contract: Contract, typed: Typed, message: dict[str, Any]) -> bytes:
        """An EIP-712 signature for a contract."""
        named = {"name": typed.domain, "version": typed.version, "chainId": self.office.node.chain_id}
        domain = {**named, "verifyingContract": contract.address}
        return signer.sign_typed(domain, {typed.kind: typed.fields}, message)

    def _send(self, call: Any) -> Receipt:
        """One transaction by the operator."""
        (receipt,) = self.office.sender.send([call])
        return receipt

    def _word(self) -> bytes:
        return self.random.randbytes(32)
