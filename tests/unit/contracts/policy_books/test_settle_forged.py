"""Batches that claim what the book or the report does not say. C3 for every one of them.

settle, one thing forged
├── in a claim: number, payee, sum insured, terms, risk (the observation pointed at)
├── in an observation: risk, value
├── the book or the report named, though the proof is of another
├── the proof: a node, a flag, the order of claims, a claim dropped, a claim given twice
└── by a policy number that is settled already, so that it would be skipped: still refused
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support import Actor, Book, Proof, Report, Settlement, Suite, policy, refuses, settlement, word
from support.defaults import LATE, RISK, VERY_LATE

Forge = Callable[[Settlement], Settlement]
THIEF = "0x" + "66" * 20

CLAIM_FORGERIES: dict[str, Forge] = {
    "number": lambda batch: batch.with_claim(0, number=4),
    "payee": lambda batch: batch.with_claim(0, payee=THIEF),
    "sum insured": lambda batch: batch.with_claim(0, sum_insured=batch.claims[0].sum_insured + 1),
    "terms": lambda batch: batch.with_claim(0, terms=bytes(32)),
    "risk": lambda batch: batch.with_claim(0, observation=1),
    "node": lambda batch: batch._replace(in_book=Proof((bytes(32),), batch.in_book.flags)),
    "node dropped": lambda batch: batch._replace(in_book=Proof((), b"\xe0")),
    "node added": lambda batch: batch._replace(in_book=Proof((*batch.in_book.nodes, bytes(32)), b"\x98")),
    "order": lambda batch: batch._replace(claims=batch.claims[::-1]),
    "claim dropped": lambda batch: batch._replace(claims=batch.claims[:3]),
    "claim given twice": lambda batch: batch._replace(claims=(*batch.claims[:3], batch.claims[2])),
}


@pytest.fixture
def batch(book: Book, report: Report) -> Settlement:
    """Policies 0 to 3, all due; honest as it stands. It needs one node."""
    return settlement(book, report, range(4))


def test_settle_takes_the_honest_batch_c3(
    suite: Suite, batch: Settlement, book: Book, report: Report
) -> None:
    """What every forgery below starts from."""
    assert (batch.book_root, batch.report_root) == (book.tree.root, report.tree.root)
    suite.settle(batch)


@pytest.mark.parametrize("what", CLAIM_FORGERIES)
def test_settle_refuses_forged_claim_c3(suite: Suite, book: Book, batch: Settlement, what: str) -> None:
    """C3: what the contract reaches from the forgery is not the book's root."""
    forged = CLAIM_FORGERIES[what](batch)
    assert forged != batch
    with refuses("PolicyBooksNotInBook", root=forged.book_root, expected=book.tree.root):
        suite.settle(forged)


@pytest.mark.parametrize(
    "change", [{"value": VERY_LATE}, {"value": -VERY_LATE}, {"risk": word("UA 9")}], ids=str
)
def test_settle_refuses_forged_observation_c3(
    suite: Suite, batch: Settlement, report: Report, change: dict[str, int | bytes]
) -> None:
    """C3: what the oracles did not see pays nothing."""
    forged = batch.with_observation(0, **change)
    with refuses("PolicyBooksNotInReport", root=forged.report_root, expected=report.tree.root):
        suite.settle(forged)


def test_settle_refuses_observation_of_another_report_c3(
    suite: Suite, batch: Settlement, report: Report
) -> None:
    """C3: the proof is of the report named, or of none."""
    other = suite.report({"UA 1": VERY_LATE})
    with refuses("PolicyBooksNotInReport", root=report.tree.root, expected=other.tree.root):
        suite.settle(batch._replace(report_id=other.id))


def test_settle_refuses_policy_of_another_book_c3(suite: Suite, customer: Actor, book: Book) -> None:
    """C3: a policy is paid from its own book, or not at all."""
    other = suite.book([policy(customer)] * 5)
    batch = settlement(book, suite.report({"UA 1": LATE, "UA 2": VERY_LATE}), range(4))
    with refuses("PolicyBooksNotInBook", root=book.tree.root, expected=other.tree.root):
        suite.settle(batch._replace(book_id=other.id))


def test_settle_refuses_flags_of_another_shape_c3(suite: Suite, batch: Settlement) -> None:
    """C3: all ones take more known hashes than there are."""
    with refuses("MultiproofMalformed", leaves=4, nodes=1):
        suite.settle(batch._replace(in_book=Proof(batch.in_book.nodes, b"\xff")))


def test_settle_refuses_forgery_beside_settled_number_c4(
    suite: Suite, book: Book, report: Report, batch: Settlement
) -> None:
    """C4: skipping is no way round the proof."""
    suite.settle(settlement(book, report, [0]))
    forged = batch.with_claim(0, payee=THIEF)
    with refuses("PolicyBooksNotInBook", root=forged.book_root, expected=book.tree.root):
        suite.settle(forged)


def test_settle_refuses_leaf_made_of_another_tree_c3(suite: Suite, customer: Actor) -> None:
    """C3: a report's root offered as a book's proof node does not help; neither does the book's own root."""
    book, report = suite.book([policy(customer)]), suite.report({RISK: VERY_LATE})
    batch = settlement(book, report).with_claim(0, sum_insured=10**12)
    for node in (book.tree.root, report.tree.root):
        forged = batch._replace(in_book=Proof((node,), b"\0"))
        with refuses("PolicyBooksNotInBook", root=forged.book_root, expected=book.tree.root):
            suite.settle(forged)
