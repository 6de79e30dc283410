"""Books, reports and settlements as plain values, built with nothing of the product's but its trees.

A value here is what a contract takes, in the ABI's order, so a test can forge any part of it with `_replace`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from eth_keys.datatypes import Signature

from support.defaults import (
    COVER_FROM,
    COVER_UNTIL,
    DEADLINE,
    METRIC,
    PERIOD_END,
    PERIOD_START,
    PREMIUM,
    RISK,
    SUM_INSURED,
    WHOLE,
)
from troth.chain.accounts import LocalSigner
from troth.trees.keccak import MerkleTree, keccak

REPORT_TYPE = (
    ("metric", "bytes32"),
    ("root", "bytes32"),
    ("count", "uint32"),
    ("periodStart", "uint40"),
    ("periodEnd", "uint40"),
    ("replaces", "uint32"),
)


NO_REF = bytes(32)
"""Of a policy to which nobody has given a reference yet."""


def word(text: str) -> bytes:
    """A risk or metric as contracts hold it: UTF-8, zero-padded to 32 bytes."""
    return text.encode().ljust(32, b"\0")


# --- policies and books


class Policy(NamedTuple):
    """A policy as PolicyBooks.cancel takes it."""

    number: int
    risk: bytes
    payee: str
    sum_insured: int
    premium: int
    ref: bytes

    @property
    def terms(self) -> bytes:
        """Hash of premium and reference, 44 bytes."""
        return keccak(self.premium.to_bytes(12, "big") + self.ref)

    @property
    def leaf(self) -> bytes:
        """Its leaf in a book's tree."""
        return policy_leaf(self.number, self.risk, self.payee, self.sum_insured, self.terms)


def policy_leaf(number: int, risk: bytes, payee: str, sum_insured: int, terms: bytes) -> bytes:
    """Hash of 100 bytes."""
    head = number.to_bytes(4, "big") + risk + bytes.fromhex(payee[2:])
    return keccak(head + sum_insured.to_bytes(12, "big") + terms)


class BookTerms(NamedTuple):
    """What PolicyBooks.issue takes."""

    root: bytes
    product_id: int
    policy_count: int
    cover_from: int = COVER_FROM
    cover_until: int = COVER_UNTIL
    deadline: int = DEADLINE
    collateral: int = WHOLE
    daily_cap: int = 0
    sum_insured: int = 0
    premium: int = 0


@dataclass(frozen=True)
class Book:
    """Policies, their tree and the terms they are issued on; `id` once issued."""

    policies: tuple[Policy, ...]
    tree: MerkleTree
    terms: BookTerms
    id: int = 0


class Addressed(Protocol):
    """Whoever has an address: an actor, a contract."""

    @property
    def address(self) -> str:
        """Checksummed 0x-hex."""


def policy(
    payee: Addressed,
    risk: str = RISK,
    sum_insured: int = SUM_INSURED,
    premium: int = PREMIUM,
    number: int = 0,
) -> Policy:
    """A policy for `payee`. `book_of` gives it number and reference."""
    return Policy(number, word(risk), payee.address, sum_insured, premium, NO_REF)


def book_of(policies: Iterable[Policy], product_id: int, *, salt: str = "", **terms: int | bytes) -> Book:
    """A book of `policies`, numbered in the order given. `terms` overrides any of BookTerms.

    A root can be issued once: another book of the same policies on the same product needs a `salt`.
    """
    numbered = []
    for number, one in enumerate(policies):
        salted = keccak(f"reference {number} of product {product_id} {salt}".encode())
        numbered.append(one._replace(number=number, ref=salted if one.ref == NO_REF else one.ref))
    return _book(tuple(numbered), product_id, terms)


def book_as_is(policies: Iterable[Policy], product_id: int, **terms: int | bytes) -> Book:
    """A book whose policies keep the numbers they have: what no honest insurer would issue."""
    return _book(tuple(policies), product_id, terms)


def _book(policies: tuple[Policy, ...], product_id: int, terms: Mapping[str, int | bytes]) -> Book:
    """The book, its totals added up unless `terms` says otherwise."""
    tree = MerkleTree.build([one.leaf for one in policies])
    totals = BookTerms(
        tree.root,
        product_id,
        len(policies),
        sum_insured=sum(one.sum_insured for one in policies),
        premium=sum(one.premium for one in policies),
    )
    return Book(policies, tree, totals._replace(**terms))


# --- observations and reports


class Observation(NamedTuple):
    """What an oracle saw of one risk."""

    risk: bytes
    value: int

    @property
    def leaf(self) -> bytes:
        """Its leaf in a report's tree, of 48 bytes."""
        return keccak(self.risk + self.value.to_bytes(16, "big", signed=True))


class ReportData(NamedTuple):
    """What oracles sign."""

    metric: bytes
    root: bytes
    count: int
    period_start: int = PERIOD_START
    period_end: int = PERIOD_END
    replaces: int = 0


@dataclass(frozen=True)
class Report:
    """Observations, their tree and what is signed of them; `id` once published."""

    observations: tuple[Observation, ...]
    tree: MerkleTree
    data: ReportData
    id: int = 0


def report_of(observations: Mapping[str, int], metric: str = METRIC, **data: int | bytes) -> Report:
    """A report of value by risk, in the order given. `data` overrides any of ReportData."""
    seen = tuple(Observation(word(risk), value) for risk, value in observations.items())
    tree = MerkleTree.build([one.leaf for one in seen])
    return Report(seen, tree, ReportData(word(metric), tree.root, len(seen))._replace(**data))


def sign(data: ReportData, signers: Iterable[LocalSigner], contract: str, chain_id: int) -> tuple[bytes, ...]:
    """EIP-712 signatures over `data`, in the order of `signers`."""
    domain = {
        "name": "Troth OracleReports",
        "version": "1",
        "chainId": chain_id,
        "verifyingContract": contract,
    }
    message = dict(zip((name for name, _ in REPORT_TYPE), data, strict=True))
    return tuple(signer.sign_typed(domain, {"Report": REPORT_TYPE}, message) for signer in signers)


def recovered(digest: bytes, signature: bytes) -> str:
    """The address that signed, if `signature` is of `digest`; else that of nobody."""
    r, s, v = signature[:32], signature[32:64], signature[64]
    numbers = (v - 27, int.from_bytes(r, "big"), int.from_bytes(s, "big"))
    return Signature(vrs=numbers).recover_public_key_from_msg_hash(digest).to_checksum_address()


# --- settlements


class Claim(NamedTuple):
    """A policy brought to be settled; `observation` indexes the batch's observations."""

    number: int
    observation: int
    payee: str
    sum_insured: int
    terms: bytes


class Proof(NamedTuple):
    """A Multiproof as contracts take it."""

    nodes: tuple[bytes, ...]
    flags: bytes


def root_reached(leaves: Sequence[bytes], proof: Proof) -> bytes:
    """Where a sound multiproof leads, worked out the plain way."""
    queue, nodes = list(leaves), list(proof.nodes)
    for place in range(len(leaves) + len(nodes) - 1):
        takes_known = proof.flags[place // 8] >> (7 - place % 8) & 1
        first = queue.pop(0)
        second = queue.pop(0) if takes_known else nodes.pop(0)
        queue.append(keccak(min(first, second) + max(first, second)))
    (root,) = queue
    return root


class Settlement(NamedTuple):
    """The arguments of PolicyBooks.settle."""

    book_id: int
    report_id: int
    observations: tuple[Observation, ...]
    claims: tuple[Claim, ...]
    in_report: Proof
    in_book: Proof

    @property
    def book_root(self) -> bytes:
        """What the claims and their proof lead to."""
        leaves = [
            policy_leaf(one.number, self.observations[one.observation].risk, *one[2:]) for one in self.claims
        ]
        return root_reached(leaves, self.in_book)

    @property
    def report_root(self) -> bytes:
        """What the observations and their proof lead to."""
        return root_reached([one.leaf for one in self.observations], self.in_report)

    def with_claim(self, place: int, **changes: int | str | bytes) -> Settlement:
        """The same with one claim changed, and the proofs as they were."""
        return self._replace(claims=_changed(self.claims, place, changes))

    def with_observation(self, place: int, **changes: int | bytes) -> Settlement:
        """The same with one observation changed, and the proofs as they were."""
        return self._replace(observations=_changed(self.observations, place, changes))


def settlement(book: Book, report: Report, which: Iterable[int] | None = None) -> Settlement:
    """What settles the policies at places `which` of the book, all by default, by the report."""
    places = range(len(book.policies)) if which is None else which
    in_book = book.tree.multiproof(places)
    chosen = [book.policies[place] for place in in_book.order]
    risks = {one.risk for one in chosen}
    in_report = report.tree.multiproof(
        place for place, seen in enumerate(report.observations) if seen.risk in risks
    )
    observations = tuple(report.observations[place] for place in in_report.order)
    place_of = {seen.risk: place for place, seen in enumerate(observations)}
    claims = tuple(
        Claim(one.number, place_of[one.risk], one.payee, one.sum_insured, one.terms) for one in chosen
    )
    return Settlement(
        book.id,
        report.id,
        observations,
        claims,
        Proof(in_report.nodes, in_report.flags),
        Proof(in_book.nodes, in_book.flags),
    )


def issued(book: Book, book_id: int) -> Book:
    """The book, with its id."""
    return replace(book, id=book_id)


def published(report: Report, report_id: int) -> Report:
    """The report, with its id."""
    return replace(report, id=report_id)


def _changed(items: Sequence[NamedTuple], place: int, changes: Mapping[str, object]) -> tuple:
    """`items` with one of them changed."""
    return tuple(one._replace(**changes) if at == place else one for at, one in enumerate(items))
