"""Binding a wallet to a subject, and ending it.

bind
├── caller is no operator: refused, see authority/test_roles.py
├── subject zero, or erased: refused
├── wallet bound already, to the same subject or another: refused
├── deadline passed: refused · this second: taken
├── signature, see test_bind_signatures.py
├── nonce used: refused · unused, in any order: taken
└── else: bound, event; a subject may have many wallets
unbind
├── wallet not bound: refused
├── by a stranger, another wallet of the subject, or a representative: refused
├── by the wallet, or an operator: ended, event
└── then: the wallet can be bound again, to anybody, by a signature of its own
subjectOf: of a wallet never bound 0
"""

from __future__ import annotations

import pytest
from support import Actor, Suite, emitted, refuses
from support.consents import (
    DEADLINE,
    NOTHING,
    OTHER,
    SUBJECT,
    Binding,
    appoint,
    bind,
    bound,
    erase,
    signed,
    unordered,
)
from support.defaults import START

from troth.chain.contracts import Contract


def test_bind_ties_wallet_to_subject_and_says_by_whom(
    suite: Suite, subjects: Contract, customer: Actor, operator: Actor
) -> None:
    """From then on the wallet speaks for the subject."""
    assert subjects.call("subjectOf", customer.address) == NOTHING
    receipt = bound(suite, customer)
    assert emitted(receipt, subjects, "WalletBound") == [(SUBJECT, customer.address, operator.address)]
    assert subjects.call("subjectOf", customer.address) == SUBJECT
    assert subjects.call("nonces", customer.address) == 1


def test_bind_takes_many_wallets_of_one_subject(
    suite: Suite, subjects: Contract, customers: tuple[Actor, ...]
) -> None:
    """Each with nonces of its own."""
    for one in customers[:3]:
        bound(suite, one)
    assert [subjects.call("subjectOf", one.address) for one in customers[:4]] == [SUBJECT] * 3 + [NOTHING]


@pytest.mark.parametrize("subject", [SUBJECT, OTHER], ids=["same subject", "another subject"])
def test_bind_refuses_wallet_that_is_bound(suite: Suite, wallet: Actor, subject: bytes) -> None:
    """A wallet speaks for one subject, until it is unbound."""
    with refuses("SubjectsWalletBound", wallet=wallet.address, subject=SUBJECT):
        bound(suite, wallet, subject, nonce=1)


def test_bind_refuses_subject_zero(suite: Suite, customer: Actor) -> None:
    """Zero is what an unbound wallet has."""
    with refuses("SubjectsNoSubject"):
        bound(suite, customer, NOTHING)


def test_bind_refuses_erased_subject(suite: Suite, customer: Actor) -> None:
    """Nobody can be bound to it any more; the nonce is still good."""
    erase(suite)
    with refuses("SubjectsErased", subject=SUBJECT, erasedAt=START):
        bound(suite, customer)
    bound(suite, customer, OTHER)


def test_bind_is_taken_in_the_deadlines_second(suite: Suite, subjects: Contract, customer: Actor) -> None:
    """And refused in the next."""
    binding = Binding(SUBJECT, customer.address)
    signature = signed(suite, customer, binding)
    suite.clock.move_to(DEADLINE)
    bind(suite, binding, signature)
    assert subjects.call("subjectOf", customer.address) == SUBJECT


@pytest.mark.parametrize("deadline", [0, DEADLINE])
def test_bind_refuses_after_deadline_k5(suite: Suite, customer: Actor, deadline: int) -> None:
    """K5: a signature does not lie in wait for ever."""
    binding = Binding(SUBJECT, customer.address, 0, deadline)
    suite.clock.move_to(DEADLINE + 1)
    with refuses("SubjectsDeadlinePassed", deadline=deadline, nowAt=DEADLINE + 1):
        bind(suite, binding, signed(suite, customer, binding))


# --- nonces


def test_bind_refuses_signature_again_after_unbinding_k5(
    suite: Suite, subjects: Contract, wallet: Actor
) -> None:
    """K5: who left does not come back by an old signature; a new one does it."""
    binding = Binding(SUBJECT, wallet.address, 0, suite.clock.now)
    wallet.send(subjects, "unbind", wallet.address)
    with refuses("InvalidAccountNonce", account=wallet.address, currentNonce=1):
        bind(suite, binding, signed(suite, wallet, binding))
    bound(suite, wallet, nonce=1)
    assert subjects.call("subjectOf", wallet.address) == SUBJECT


def test_bind_takes_unordered_nonces_once_each_k5(suite: Suite, subjects: Contract, customer: Actor) -> None:
    """K5: any number with 64 low zero bits, in any order, and none of them twice."""
    for number in (7, 2**192 - 1, 1):
        bound(suite, customer, nonce=unordered(number))
        customer.send(subjects, "unbind", customer.address)
    for number in (1, 2**192 - 1, 7):
        used = unordered(number)
        with refuses("InvalidAccountNonce", account=customer.address, currentNonce=used + 1):
            bound(suite, customer, nonce=used)
    bound(suite, customer)  # those without a key have an order of their own


@pytest.mark.parametrize(
    ("nonce", "next_one"), [(1, 0), (unordered(5) + 1, unordered(5)), (2**64 - 1, 0)], ids=hex
)
def test_bind_refuses_nonce_that_skips_k5(suite: Suite, customer: Actor, nonce: int, next_one: int) -> None:
    """K5: among nonces of one key the next is the only one."""
    with refuses("InvalidAccountNonce", account=customer.address, currentNonce=next_one):
        bound(suite, customer, nonce=nonce)


def test_bind_refused_uses_no_nonce(suite: Suite, subjects: Contract, wallet: Actor) -> None:
    """A refusal leaves nothing behind."""
    with refuses("SubjectsWalletBound", wallet=wallet.address, subject=SUBJECT):
        bound(suite, wallet, OTHER, nonce=1)
    assert subjects.call("nonces", wallet.address) == 1


# --- unbind


@pytest.mark.parametrize("who", ["the wallet", "an operator"])
def test_unbind_ends_it(suite: Suite, subjects: Contract, wallet: Actor, operator: Actor, who: str) -> None:
    """The wallet speaks for nobody any more, and can be bound to somebody else."""
    by = wallet if who == "the wallet" else operator
    receipt = by.send(subjects, "unbind", wallet.address)
    assert emitted(receipt, subjects, "WalletUnbound") == [(SUBJECT, wallet.address, by.address)]
    assert subjects.call("subjectOf", wallet.address) == NOTHING
    assert not subjects.call("speaksFor", wallet.address, SUBJECT, 0, 0, 0)
    bound(suite, wallet, OTHER, nonce=1)
    assert subjects.call("subjectOf", wallet.address) == OTHER


@pytest.mark.parametrize("who", ["stranger", "other wallet", "representative", "compliance", "verifier"])
def test_unbind_refuses_others(suite: Suite, subjects: Contract, wallet: Actor, who: str) -> None:
    """Even another wallet of the same subject: each leaves for itself."""
    second, representative = suite.customers[1:3]
    bound(suite, second)
    appoint(suite, representative)
    by = {"other wallet": second, "representative": representative}.get(who) or suite[who]
    with refuses("SubjectsNotAllowed", caller=by.address, subject=SUBJECT):
        by.send(subjects, "unbind", wallet.address)
    assert subjects.call("subjectOf", wallet.address) == SUBJECT


def test_unbind_leaves_other_wallets_bound(suite: Suite, subjects: Contract, wallet: Actor) -> None:
    """One of several."""
    second = suite.customers[1]
    bound(suite, second)
    wallet.send(subjects, "unbind", wallet.address)
    assert subjects.call("subjectOf", second.address) == SUBJECT


def test_unbind_refuses_wallet_not_bound(subjects: Contract, customer: Actor, operator: Actor) -> None:
    """Whoever asks."""
    for by in (customer, operator):
        with refuses("SubjectsWalletNotBound", wallet=customer.address):
            by.send(subjects, "unbind", customer.address)


def test_unbind_lets_wallet_leave_erased_subject(suite: Suite, subjects: Contract, wallet: Actor) -> None:
    """Erasure holds nobody."""
    erase(suite)
    wallet.send(subjects, "unbind", wallet.address)
    assert subjects.call("subjectOf", wallet.address) == NOTHING
