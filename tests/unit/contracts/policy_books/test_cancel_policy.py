"""Cancelling one policy.

cancel
├── caller is no underwriter: refused, see authority/test_roles.py
├── book unknown: refused
├── from the second cover begins: refused, or a loss could be cancelled away · a second before: taken
├── refund above the policy's premium, above what is left of the book's: refused · all, part, none: taken
├── number, risk, payee, sum, premium, reference or proof not the book's: refused
├── number beyond the book's count: refused
├── cancelled already: refused
├── more than the book's total sum insured: refused
├── pool paused: refused · pool short: refused
├── payee cannot be paid: the refund is owed
└── else: marked, reserve released, refund sent, events
"""

from __future__ import annotations

import pytest
from support import Actor, Book, Policy, Suite, book_as_is, emitted, policy, refuses, word
from support.claims import Proof, root_reached
from support.defaults import CAPITAL, DAY, DOLLAR, PREMIUM, START, SUM_INSURED

from troth.chain.contracts import Contract
from troth.chain.transactions import Receipt

HUNDRED = 100 * DOLLAR
BEGINS = START + 10 * DAY


@pytest.fixture
def book(suite: Suite) -> Book:
    """Four policies over 100 to 400 dollars, whose cover begins in ten days."""
    payees = suite.customers[:4]
    return early(suite, [policy(one, sum_insured=(n + 1) * HUNDRED) for n, one in enumerate(payees)])


def early(suite: Suite, policies: list[Policy], **options: object) -> Book:
    """Issues a book whose cover begins in ten days."""
    return suite.book(policies, cover_from=BEGINS, **options)


def cancel(suite: Suite, book: Book, place: int = 0, refund: int = PREMIUM, **forged: object) -> Receipt:
    """Cancels the policy at `place`, with what is `forged` of it."""
    chosen: Policy = book.policies[place]._replace(**forged)
    return suite["underwriter"].send(suite.books, "cancel", book.id, chosen, refund, book.tree.proof(place))


@pytest.mark.parametrize("refund", [0, 1, PREMIUM])
def test_cancel_refunds_and_releases(
    suite: Suite, books: Contract, pool: Contract, book: Book, refund: int
) -> None:
    """The whole premium, part of it, or nothing; the reserve of that policy in any case."""
    receipt = cancel(suite, book, 3, refund)
    payee = suite.customers[3]
    assert emitted(receipt, books, "PolicyCancelled") == [(book.id, 3, refund)]
    assert emitted(receipt, pool, "Refunded") == [(book.id, payee.address, 3, refund)]
    assert emitted(receipt, pool, "Released") == [(book.id, 4 * HUNDRED)]
    assert emitted(receipt, pool, "Paid") == []
    assert suite.balance(payee) == refund
    assert books.call("settledWords", book.id, 0, 1) == (1 << 3,)
    kept = books.call("book", book.id)
    assert (kept.outstanding, kept.reserve, kept.paid) == (6 * HUNDRED, 6 * HUNDRED, 0)
    assert kept.premium == 4 * PREMIUM - refund
    assert pool.call("totalReserved") == 6 * HUNDRED


def test_cancel_is_taken_in_the_last_second(suite: Suite, books: Contract, book: Book) -> None:
    """One second before cover begins."""
    suite.clock.move_to(BEGINS - 1)
    cancel(suite, book)
    assert books.call("isSettled", book.id, 0)


def test_cancel_refuses_once_cover_has_begun_c3(suite: Suite, book: Book) -> None:
    """C3: from then on there may be a loss, and a promise to keep."""
    suite.clock.move_to(BEGINS)
    with refuses("PolicyBooksCoverBegun", bookId=book.id, coverFrom=BEGINS, nowAt=BEGINS):
        cancel(suite, book)


def test_cancel_refuses_unknown_book(books: Contract, underwriter: Actor, book: Book) -> None:
    """No book, no policy."""
    with refuses("PolicyBooksUnknown", bookId=9):
        underwriter.send(books, "cancel", 9, book.policies[0], 0, [])


def test_cancel_refuses_refund_above_premium_c2(suite: Suite, book: Book) -> None:
    """C2: no more goes back than came in."""
    with refuses("PolicyBooksRefundExceedsPremium", refund=PREMIUM + 1, premium=PREMIUM):
        cancel(suite, book, refund=PREMIUM + 1)


def test_cancel_refuses_refund_above_what_the_book_collected_c2(suite: Suite, customer: Actor) -> None:
    """C2: a book that understates its premium gives back what it took in, and nothing of another's."""
    book = early(suite, [policy(customer)] * 3, premium=PREMIUM + 5)
    cancel(suite, book, 0)
    with refuses("PolicyBooksRefundExceedsPremium", refund=6, premium=5):
        cancel(suite, book, 1, refund=6)
    cancel(suite, book, 1, refund=5)
    cancel(suite, book, 2, refund=0)
    assert suite.books.call("book", book.id).premium == 0


@pytest.mark.parametrize(
    "forged",
    [
        {"number": 1},
        {"risk": word("UA 2")},
        {"payee": "0x" + "66" * 20},
        {"sum_insured": HUNDRED + 1},
        {"premium": PREMIUM + 1},
        {"ref": bytes(32)},
    ],
    ids=lambda forged: next(iter(forged)),
)
def test_cancel_refuses_forged_policy_c3(suite: Suite, book: Book, forged: dict[str, object]) -> None:
    """C3: a refund too goes only where the book says, and only for what it says."""
    chosen = book.policies[0]._replace(**forged)
    path = Proof(book.tree.proof(0), bytes(1))
    with refuses("PolicyBooksNotInBook", root=root_reached([chosen.leaf], path), expected=book.tree.root):
        cancel(suite, book, **forged)


@pytest.mark.parametrize("change", ["shorter", "longer", "another's"])
def test_cancel_refuses_wrong_proof_c3(books: Contract, underwriter: Actor, book: Book, change: str) -> None:
    """C3: a policy is proved by its own path."""
    right = book.tree.proof(0)
    proof = {"shorter": right[:-1], "longer": (*right, bytes(32)), "another's": book.tree.proof(3)}[change]
    reached = root_reached([book.policies[0].leaf], Proof(proof, bytes(1)))
    with refuses("PolicyBooksNotInBook", root=reached, expected=book.tree.root):
        underwriter.send(books, "cancel", book.id, book.policies[0], 0, proof)


def test_cancel_refuses_number_beyond_the_count(suite: Suite, customer: Actor) -> None:
    """Of a faulty book."""
    book = suite.issue(book_as_is([policy(customer, number=1)], suite.register(), cover_from=BEGINS))
    with refuses("PolicyBooksNumberOutOfRange", number=1, policyCount=1):
        cancel(suite, book)


def test_cancel_refuses_cancelled_policy_c1(suite: Suite, book: Book) -> None:
    """C1: a premium is refunded once."""
    cancel(suite, book, refund=1)
    with refuses("PolicyBooksAlreadySettled", bookId=book.id, number=0):
        cancel(suite, book, refund=1)


def test_cancel_refuses_more_than_the_book_insures_c2(suite: Suite, customer: Actor) -> None:
    """C2: a book that understates its sums cannot release another's reserve."""
    suite.book([policy(customer)])
    book = early(suite, [policy(customer)], sum_insured=SUM_INSURED - 1)
    with refuses("PolicyBooksOverdrawn", bookId=book.id, outstanding=SUM_INSURED - 1, needed=SUM_INSURED):
        cancel(suite, book)


def test_cancel_refuses_while_paused_c8(suite: Suite, guardian: Actor, book: Book) -> None:
    """C8: no money leaves."""
    guardian.send(suite.pool, "pause")
    with refuses("EnforcedPause"):
        cancel(suite, book)


def test_cancel_refuses_what_the_pool_cannot_refund_c2(suite: Suite, customer: Actor) -> None:
    """C2: the reserve released is smaller than the refund, and the rest belongs to another book."""
    big = CAPITAL + PREMIUM - 10
    book = early(suite, [policy(customer, sum_insured=10)])
    suite.book([policy(customer, "UA 7", big, premium=0)])
    with refuses("CapitalPoolShort", held=CAPITAL, needed=big):
        cancel(suite, book)


def test_cancel_owes_refund_that_cannot_be_sent_c5(
    suite: Suite, books: Contract, pool: Contract, book: Book
) -> None:
    """C5: a frozen payee keeps the claim on the refund, and the policy is cancelled."""
    payee = suite.customers[0]
    suite.freeze(payee)
    receipt = cancel(suite, book)
    assert emitted(receipt, pool, "Owed") == [(book.id, payee.address, 0, PREMIUM)]
    assert emitted(receipt, pool, "Refunded") == []
    assert pool.call("owed", payee.address) == pool.call("totalOwed") == PREMIUM
    assert books.call("isSettled", book.id, 0)


def test_cancel_takes_book_of_one_policy(suite: Suite, books: Contract, customer: Actor) -> None:
    """Its proof is empty: the leaf is the root."""
    book = early(suite, [policy(customer)])
    assert book.tree.proof(0) == ()
    cancel(suite, book)
    assert books.call("book", book.id).outstanding == 0
