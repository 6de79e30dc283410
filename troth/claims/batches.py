"""Settlement calls: which policies go into one transaction, with what proofs, and how much gas that takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from troth.chain.contracts import Contract
from troth.chain.transactions import Call
from troth.claims.books import policy_reference, policy_terms
from troth.claims.eligibility import ASKED_AT_MOST, Answer
from troth.claims.intake import MAX_TIERS
from troth.claims.keys import risk_to_bytes32
from troth.store.books import PolicyRow
from troth.store.reports import ObservationRow
from troth.trees.keccak import MerkleTree, Multiproof

__all__ = ["Batch", "Evidence", "batches", "call_of", "gas_of", "halves"]

# Gas, measured on the shipped contracts with OpenZeppelin's ERC-20 and rounded up: `make bench` shows what it
# really is, and a test that no batch takes more than foreseen.
_TRANSACTION = 125_000
_CLAIM = 34_000  # whose transfer fails and leaves a debt; paid to a payee who never held the token, 31,500
_OBSERVATION = 1_150
_TIER = 3_300  # of the product, read once
_TIER_REACHED = 350  # by an observation
_NODE = 950  # 32 bytes of calldata and a hash
_WORD = 22_200  # marks of 256 policies, touched for the first time
# What must be left whenever the contract asks: it passes on 63/64 (EIP-150), and refuses a batch with less.
_LEFT = ASKED_AT_MOST * 64 // 63 + 15_000


@dataclass(frozen=True)
class Evidence:
    """What proves a book's due claims: both trees, and the observations that make them due."""

    book_id: int
    report_id: int
    book: MerkleTree
    report: MerkleTree
    observed: dict[str, ObservationRow]
    """By risk; at least those of the claims."""
    tiers: int = MAX_TIERS
    """How many the product has: the contract goes through them."""
    asked: Mapping[bytes, Answer] = field(default_factory=dict)
    """Whether payees are eligible, at least those of the claims; empty if the product requires nothing."""


@dataclass(frozen=True)
class Batch:
    """Claims to be settled by one transaction, in order of number."""

    evidence: Evidence
    claims: Sequence[PolicyRow]
    in_book: Multiproof
    in_report: Multiproof

    @property
    def label(self) -> str:
        """For people and logs."""
        first, last = self.claims[0].number, self.claims[-1].number
        return f"settle {len(self.claims)} of book {self.evidence.book_id}, policies {first} to {last}"


def batches(evidence: Evidence, claims: Sequence[PolicyRow], gas: int) -> Iterator[Batch]:
    """Cuts claims, in order of number, into batches that take up to `gas` each, of one claim at least."""
    start, size = 0, max(1, gas // _CLAIM)
    while start < len(claims):
        batch = prove(evidence, claims[start : start + size])
        count, needed = len(batch.claims), gas_of(batch)
        size = max(1, count * gas // needed)  # as many as would fit, were all as these
        if needed > gas and count > 1:
            size = min(size, count - 1)
        else:
            yield batch
            start += count


def halves(batch: Batch) -> list[Batch]:
    """The same claims in two batches, to find the one that makes a batch fail."""
    middle = len(batch.claims) // 2
    return [prove(batch.evidence, part) for part in (batch.claims[:middle], batch.claims[middle:])]


def prove(evidence: Evidence, claims: Sequence[PolicyRow]) -> Batch:
    """The batch of these claims, with its proofs."""
    seen = {evidence.observed[claim.risk].position for claim in claims}
    in_book = evidence.book.multiproof([claim.number for claim in claims])
    return Batch(evidence, claims, in_book, evidence.report.multiproof(seen))


def gas_of(batch: Batch) -> int:
    """What the batch needs at most, whoever the payees are; where they are asked about, it takes less."""
    tiers = batch.evidence.tiers
    words = len({claim.number >> 8 for claim in batch.claims})
    nodes = len(batch.in_book.nodes) + len(batch.in_report.nodes)
    asked = batch.evidence.asked
    return (
        _TRANSACTION
        + (_LEFT if asked else 0)
        + sum(asked[claim.payee].gas for claim in batch.claims if asked)
        + _TIER * tiers
        + _CLAIM * len(batch.claims)
        + (_OBSERVATION + _TIER_REACHED * tiers) * len(batch.in_report.order)
        + _NODE * nodes
        + _WORD * words
    )


def call_of(batch: Batch, books: Contract, gas_cap: int) -> Call:
    """The transaction that settles the batch, with a quarter of gas to spare if `gas_cap` lets it.

    Packed by hand, for the general encoder takes longer than the chain: a test compares the two.
    """
    evidence = batch.evidence
    by_position = {row.position: row for row in (evidence.observed[one.risk] for one in batch.claims)}
    observations = [by_position[position] for position in batch.in_report.order]
    index = {row.risk: place for place, row in enumerate(observations)}
    seen = b"".join(
        risk_to_bytes32(row.risk) + row.value.to_bytes(32, "big", signed=True) for row in observations
    )
    by_number = {claim.number: claim for claim in batch.claims}
    claims = b"".join(
        _claim(by_number[number], index[by_number[number].risk]) for number in batch.in_book.order
    )
    parts = [
        _word(len(observations)) + seen,
        _word(len(batch.claims)) + claims,
        _multiproof(batch.in_report),
        _multiproof(batch.in_book),
    ]
    head = [_word(evidence.book_id), _word(evidence.report_id)]
    offset = 32 * (len(head) + len(parts))
    for part in parts:
        head.append(_word(offset))
        offset += len(part)
    data = books.abi.function("settle").selector + b"".join(head + parts)
    limit = min(gas_cap, gas_of(batch) * 5 // 4)
    return Call(books.address, data, limit, label=batch.label)


def _claim(claim: PolicyRow, observation: int) -> bytes:
    """IPolicyBooks.Claim, five words."""
    terms = policy_terms(claim.premium, policy_reference(claim.salt, claim.policy_ref))
    return (
        _word(claim.number)
        + _word(observation)
        + claim.payee.rjust(32, b"\0")
        + _word(claim.sum_insured)
        + terms
    )


def _multiproof(proof: Multiproof) -> bytes:
    """Multiproof: two offsets, the nodes, the flags padded to words."""
    nodes = _word(len(proof.nodes)) + b"".join(proof.nodes)
    flags = _word(len(proof.flags)) + proof.flags + bytes(-len(proof.flags) % 32)
    return _word(64) + _word(64 + len(nodes)) + nodes + flags


def _word(number: int) -> bytes:
    """A number as 32 bytes."""
    return number.to_bytes(32, "big")
