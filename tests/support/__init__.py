"""What tests of contracts and commands stand on: a chain, the deployed suite, people, and values to send.

defaults   what a test gets when it does not say otherwise
chain      Anvil, its clock, `refuses` and `misses`
streams    streams, batches and their hashes, by hashlib alone
claims     policies, books, reports and settlements as plain values that can be forged
suite      the contracts, who holds which role, and what each does in a day's work
office     an insurer's office on that chain, worked through the product's own use cases
doubles    a node that misbehaves on command, alone or in front of a real one
killing    the real command, killed at chosen moments
fake_chain a chain in memory with the contracts on it, by their interfaces, and a node that serves it
"""

from support.chain import Clock, anvil, compiled, misses, refuses, undone
from support.claims import (
    Book,
    BookTerms,
    Claim,
    Observation,
    Policy,
    Proof,
    Report,
    ReportData,
    Settlement,
    book_as_is,
    book_of,
    policy,
    report_of,
    settlement,
    sign,
    word,
)
from support.suite import Actor, Suite, deployed, emitted, endow

__all__ = [
    "Actor",
    "Book",
    "BookTerms",
    "Claim",
    "Clock",
    "Observation",
    "Policy",
    "Proof",
    "Report",
    "ReportData",
    "Settlement",
    "Suite",
    "anvil",
    "book_as_is",
    "book_of",
    "compiled",
    "deployed",
    "emitted",
    "endow",
    "misses",
    "policy",
    "refuses",
    "report_of",
    "settlement",
    "sign",
    "undone",
    "word",
]
