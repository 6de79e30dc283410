"""A payee who does not meet what the product requires, in the middle of a batch.

settle, of a product that requires something
├── every payee meets it: all are paid, nothing is withheld
├── one does not: not paid, not marked, said so; the others are paid
│   └── wallet of nobody, unbound · not verified, too low, expired, revoked · consent never given, expired,
│       withdrawn, refused more widely · subject erased
├── brought again: withheld again while it lacks something, paid once it does not, skipped after that
├── whatever else the batch needs: withheld policies count for no cap and no reserve, and need no money
├── only such payees: passes, paused or not, and nothing moves
├── deadline: past, refused; extended, paid; the reserve of what was withheld is released with the book's
├── settled before: skipped, whatever the payee lacks since · not due: refused, eligible or not
├── marks: right where withheld policies begin, end and straddle words
├── what asking takes
│   ├── hundreds of decisions: paid · hundreds that neither allow nor deny: withheld, and nobody else is
│   ├── contracts that devour all gas given: withheld, others in the batch too, nothing is marked
│   └── a settler who gives too little gas: refused, never withheld
└── a product that requires nothing: nobody is asked
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support import Actor, Book, Report, Suite, emitted, policy, refuses, settlement, undone
from support.consents import (
    ALL,
    EVIDENCE,
    GIVEN,
    HEALTH,
    INSURER,
    LOW,
    MARKETING,
    NO_LEVEL,
    REFUSED,
    REQUESTED,
    SUBSTANTIAL,
    WITHDRAWN,
    Entry,
    bound,
    defined,
    record_for,
)
from support.defaults import CAPITAL, DAY, DEADLINE, DOLLAR, LATE, ON_TIME, PREMIUM, RISK, VERY_LATE

from troth.chain.contracts import Contract
from troth.chain.rpc import Node
from troth.chain.transactions import Receipt
from troth.errors import ContractRefused, NodeError
from troth.trees.keccak import keccak

HUNDRED = 100 * DOLLAR
CONSENT = (NO_LEVEL, MARKETING, INSURER, HEALTH)
BOTH = (SUBSTANTIAL, MARKETING, INSURER, HEALTH)
DEVOURER = "0xfe"  # code that burns all gas it gets


def subject_of(customer: int) -> bytes:
    """Of a customer by number."""
    return keccak(f"subject {customer}".encode())


def verify(suite: Suite, customer: int, level: int = SUBSTANTIAL, expires: int = 0) -> None:
    """Records a verification."""
    suite["verifier"].send(suite.subjects, "verify", subject_of(customer), level, expires, EVIDENCE)


def decide(suite: Suite, customer: int, *entries: Entry) -> None:
    """Records decisions of a customer's."""
    record_for(suite, *entries, subject=subject_of(customer))


def cleared(suite: Suite, customer: int) -> None:
    """Makes a customer eligible."""
    bound(suite, suite.customers[customer], subject_of(customer))
    verify(suite, customer)
    decide(suite, customer, Entry())


def conditional(suite: Suite, customers: int = 3, requirement: tuple[int, ...] = BOTH, **terms: int) -> Book:
    """A book of policies of as many customers, 100 dollars more each, on a product that requires it."""
    product = suite.register(requirement=requirement)
    policies = [policy(suite.customers[n], RISK, (n + 1) * HUNDRED) for n in range(customers)]
    return suite.book(policies, product, **terms)


@pytest.fixture
def asking(suite: Suite) -> Book:
    """Three policies; the first and third payee are eligible, the second's wallet is nobody's."""
    defined(suite)
    for customer in (0, 2):
        cleared(suite, customer)
    return conditional(suite)


@pytest.fixture
def due(suite: Suite, asking: Book) -> Report:
    """All of it is due."""
    return suite.report({RISK: VERY_LATE})


def withheld(receipt: Receipt, books: Contract) -> list[tuple]:
    """The arguments of what was withheld in a transaction."""
    return emitted(receipt, books, "Withheld")


def paid(receipt: Receipt, pool: Contract) -> list[int]:
    """The numbers of the policies paid in a transaction."""
    return [one.number for one in emitted(receipt, pool, "Paid")]


# --- who is withheld


def test_settle_pays_all_who_meet_the_requirement(
    suite: Suite, books: Contract, pool: Contract, asking: Book, due: Report
) -> None:
    """As if nothing were required."""
    cleared(suite, 1)
    receipt = suite.settle(settlement(asking, due))
    assert (paid(receipt, pool), withheld(receipt, books)) == ([0, 1, 2], [])
    assert emitted(receipt, books, "Settled") == [(asking.id, due.id, 3, 0, 6 * HUNDRED)]


def test_settle_withholds_one_and_pays_the_others_c5(
    suite: Suite, books: Contract, pool: Contract, asking: Book, due: Report
) -> None:
    """C5: neither paid nor marked nor owed; its money stays reserved for it."""
    before = books.call("book", asking.id)
    receipt = suite.settle(settlement(asking, due))
    assert withheld(receipt, books) == [(asking.id, 1, suite.customers[1].address)]
    assert emitted(receipt, books, "Settled") == [(asking.id, due.id, 2, 0, 4 * HUNDRED)]
    assert paid(receipt, pool) == [0, 2]
    assert [suite.balance(one) for one in suite.customers[:3]] == [HUNDRED, 0, 3 * HUNDRED]
    assert [books.call("isSettled", asking.id, number) for number in range(3)] == [True, False, True]
    after = books.call("book", asking.id)
    assert (before.outstanding - after.outstanding, before.reserve - after.reserve) == (
        4 * HUNDRED,
        4 * HUNDRED,
    )
    assert (after.reserve, pool.call("totalReserved")) == (2 * HUNDRED, 2 * HUNDRED)
    assert (after.paid, pool.call("totalOwed")) == (4 * HUNDRED, 0)


Change = Callable[[Suite], object]
TAKEN: dict[str, Change] = {
    "unbound": lambda suite: suite.customers[1].send(suite.subjects, "unbind", suite.customers[1].address),
    "revoked": lambda suite: suite["compliance"].send(suite.subjects, "revoke", subject_of(1), SUBSTANTIAL),
    "withdrawn": lambda suite: decide(suite, 1, Entry(state=WITHDRAWN)),
    "refused for all purposes": lambda suite: decide(suite, 1, Entry(ALL, INSURER, HEALTH, state=REFUSED)),
    "refused to all recipients": lambda suite: decide(suite, 1, Entry(recipient=ALL, state=REFUSED)),
    "refused altogether": lambda suite: decide(suite, 1, Entry(ALL, ALL, ALL, state=REFUSED)),
    "erased": lambda suite: suite["compliance"].send(suite.subjects, "erase", subject_of(1)),
}


@pytest.mark.parametrize("taken", TAKEN)
def test_settle_withholds_who_no_longer_meets_it_c5_k6(
    suite: Suite, books: Contract, asking: Book, due: Report, taken: str
) -> None:
    """C5, K6: eligible until a moment before."""
    cleared(suite, 1)
    TAKEN[taken](suite)
    receipt = suite.settle(settlement(asking, due))
    assert withheld(receipt, books) == [(asking.id, 1, suite.customers[1].address)]
    assert paid(receipt, suite.pool) == [0, 2]


@pytest.mark.parametrize(
    "given",
    [
        lambda _suite: None,
        lambda suite: verify(suite, 1),
        lambda suite: decide(suite, 1, Entry()),
        lambda suite: (verify(suite, 1, LOW), decide(suite, 1, Entry())),
        lambda suite: (verify(suite, 1), decide(suite, 1, Entry(category=0, purpose=2))),
    ],
    ids=["nothing", "no consent", "no verification", "verified too low", "another consent"],
)
def test_settle_withholds_who_does_not_meet_it_yet_c5(
    suite: Suite, books: Contract, asking: Book, due: Report, given: Change
) -> None:
    """C5: a wallet is bound, and something is missing."""
    bound(suite, suite.customers[1], subject_of(1))
    given(suite)
    receipt = suite.settle(settlement(asking, due))
    assert withheld(receipt, books) == [(asking.id, 1, suite.customers[1].address)]


@pytest.mark.parametrize("what", ["verification", "consent"])
def test_settle_withholds_from_the_second_of_expiry(
    suite: Suite, books: Contract, asking: Book, due: Report, what: str
) -> None:
    """A second before, it is paid."""
    ends = suite.clock.now + DAY
    bound(suite, suite.customers[1], subject_of(1))
    verify(suite, 1, expires=ends if what == "verification" else 0)
    decide(suite, 1, Entry(expires=ends if what == "consent" else 0))
    suite.clock.move_to(ends)
    assert len(withheld(suite.settle(settlement(asking, due, [1])), books)) == 1
    verify(suite, 1, expires=ends + 2)
    decide(suite, 1, Entry(expires=ends + 2))
    suite.clock.move_to(ends + 1)
    assert withheld(suite.settle(settlement(asking, due, [1])), books) == []


# --- again, and later


def test_settle_again_pays_once_what_was_withheld_c1_c4(
    suite: Suite, books: Contract, pool: Contract, asking: Book, due: Report
) -> None:
    """C1, C4: withheld again as long as something is missing, then paid, then skipped."""
    batch = settlement(asking, due)
    suite.settle(batch)
    again = suite.settle(batch)
    assert withheld(again, books) == [(asking.id, 1, suite.customers[1].address)]
    assert emitted(again, books, "Settled") == [(asking.id, due.id, 0, 2, 0)]
    cleared(suite, 1)
    once = suite.settle(batch)
    assert (paid(once, pool), withheld(once, books)) == ([1], [])
    assert emitted(once, books, "Settled") == [(asking.id, due.id, 1, 2, 2 * HUNDRED)]
    assert emitted(suite.settle(batch), books, "Settled") == [(asking.id, due.id, 0, 3, 0)]
    assert suite.balance(suite.customers[1]) == 2 * HUNDRED


def test_settle_skips_settled_without_asking_c4(
    suite: Suite, books: Contract, asking: Book, due: Report
) -> None:
    """C4: who was paid, and took consent back since, is skipped, not withheld."""
    batch = settlement(asking, due, [0])
    suite.settle(batch)
    decide(suite, 0, Entry(state=WITHDRAWN))
    receipt = suite.settle(batch)
    assert withheld(receipt, books) == []
    assert emitted(receipt, books, "Settled") == [(asking.id, due.id, 0, 1, 0)]


def test_settle_refuses_what_is_not_due_before_asking_c3(suite: Suite, asking: Book) -> None:
    """C3: from eligible payees and from others alike."""
    report = suite.report({RISK: ON_TIME})
    for number in (0, 1):
        with refuses("PolicyBooksNotDue", number=number):
            suite.settle(settlement(asking, report, [number]))


def test_settle_after_the_deadline_pays_nothing_that_was_withheld_c6(
    suite: Suite, books: Contract, asking: Book, due: Report
) -> None:
    """C6: consent given too late; a supervisor may give it more time."""
    batch = settlement(asking, due, [1])
    suite.settle(batch)
    cleared(suite, 1)
    suite.clock.move_to(DEADLINE + 1)
    with refuses("PolicyBooksDeadlinePassed", bookId=asking.id, deadline=DEADLINE, nowAt=DEADLINE + 1):
        suite.settle(batch)
    suite["supervisor"].send(books, "extendDeadline", asking.id, DEADLINE + DAY)
    assert emitted(suite.settle(batch), books, "Settled") == [(asking.id, due.id, 1, 0, 2 * HUNDRED)]


def test_expire_releases_the_reserve_of_what_was_withheld_c6(
    suite: Suite, books: Contract, pool: Contract, asking: Book, due: Report
) -> None:
    """C6: nobody holds it for ever."""
    suite.settle(settlement(asking, due))
    suite.clock.move_to(DEADLINE + 1)
    receipt = suite["stranger"].send(books, "expire", asking.id)
    assert emitted(receipt, books, "BookExpired") == [(asking.id, 2 * HUNDRED)]
    assert pool.call("totalReserved") == 0


# --- money


def test_settle_of_withheld_only_moves_nothing_c2_c8(
    suite: Suite, books: Contract, pool: Contract, asking: Book, due: Report
) -> None:
    """C2, C8: it passes while paused, for nothing is paid."""
    suite["guardian"].send(pool, "pause")
    before = books.call("book", asking.id)
    receipt = suite.settle(settlement(asking, due, [1]))
    assert emitted(receipt, books, "Settled") == [(asking.id, due.id, 0, 0, 0)]
    assert len(receipt.logs) == 2
    assert (books.call("book", asking.id), suite.balance(pool)) == (before, CAPITAL + 3 * PREMIUM)


def test_settle_counts_nothing_withheld_towards_the_cap(suite: Suite, books: Contract) -> None:
    """A cap of what the two others get; with the third it would be exceeded."""
    defined(suite)
    for customer in (0, 1):
        cleared(suite, customer)
    book = conditional(suite, daily_cap=3 * HUNDRED)
    receipt = suite.settle(settlement(book, suite.report({RISK: VERY_LATE})))
    assert emitted(receipt, books, "Settled")[0].amount == 3 * HUNDRED
    assert books.call("book", book.id).paidToday == 3 * HUNDRED


@pytest.mark.parametrize(
    "lacking", [{0}, {255}, {256}, {255, 256}, {299}, set(range(0, 300, 2)), set(range(256))]
)
def test_settle_marks_just_what_it_pays_across_words(
    suite: Suite, books: Contract, lacking: set[int]
) -> None:
    """Three hundred policies of two payees, one eligible and one not, in words of 256."""
    defined(suite)
    cleared(suite, 0)
    product = suite.register(requirement=BOTH)
    book = suite.book((policy(suite.customers[number in lacking]) for number in range(300)), product)
    receipt = suite.settle(settlement(book, suite.report({RISK: LATE})))
    words = books.call("settledWords", book.id, 0, 2)
    marked = {number for number in range(300) if words[number >> 8] >> (number & 255) & 1}
    assert marked == set(range(300)) - lacking
    assert {one.number for one in withheld(receipt, books)} == lacking


# --- what asking takes


def test_settle_withholds_for_a_history_too_long_and_pays_others_c5(
    suite: Suite, books: Contract, pool: Contract, asking: Book, due: Report
) -> None:
    """C5: requests without end, all of them to be read, take that payee's claim hostage and no other."""
    cleared(suite, 1)
    for _ in range(5):
        decide(suite, 1, *[Entry(state=REQUESTED)] * 60)
    receipt = suite.settle(settlement(asking, due))
    assert withheld(receipt, books) == [(asking.id, 1, suite.customers[1].address)]
    assert paid(receipt, pool) == [0, 2]
    assert receipt.gas_used < 900_000


def test_settle_pays_after_hundreds_of_decisions_c5(
    suite: Suite, books: Contract, pool: Contract, asking: Book, due: Report
) -> None:
    """C5: nobody is shut out by having decided often."""
    cleared(suite, 1)
    for _ in range(5):
        decide(suite, 1, *[Entry(state=state) for state in (WITHDRAWN, GIVEN)] * 30)
    receipt = suite.settle(settlement(asking, due))
    assert (paid(receipt, pool), withheld(receipt, books)) == ([0, 1, 2], [])


@pytest.mark.parametrize("contract", ["Eligibility", "Subjects", "ConsentRegistry"])
def test_settle_withholds_where_nothing_can_be_learnt_c5(
    suite: Suite, books: Contract, asking: Book, due: Report, contract: str
) -> None:
    """C5: whatever becomes of the contracts asked, the gas they get is limited and nothing is marked."""
    suite.node.call("anvil_setCode", [suite.deployment.addresses[contract], DEVOURER])
    receipt = suite.settle(settlement(asking, due))
    assert [one.number for one in withheld(receipt, books)] == [0, 1, 2]
    assert emitted(receipt, books, "Settled") == [(asking.id, due.id, 0, 0, 0)]
    assert receipt.gas_used < 3 * 400_000 + 200_000


def test_settle_by_one_who_gives_too_little_gas_withholds_nothing_c5(
    suite: Suite, books: Contract, node: Node, asking: Book, due: Report
) -> None:
    """C5: whatever gas is given, an eligible payee is paid or the batch refused: an estimate will do."""
    decide(suite, 0, *[Entry(state=REQUESTED)] * 60)
    batch = settlement(asking, due, [0])
    call = books.prepare("settle", *batch)
    outcomes = {gas: _tried(node, call.to, call.data, gas) for gas in range(100_000, 700_000, 10_000)}
    assert set(outcomes.values()) == {None, HUNDRED}
    with pytest.raises(ContractRefused) as caught:
        suite["stranger"].send(books, "settle", *batch, gas=400_000)
    needed = 400_000 * 64 // 63 + 10_000
    assert (caught.value.name, caught.value.arguments["needed"]) == ("PolicyBooksGasShort", needed)
    assert 200_000 < int(str(caught.value.arguments["left"])) < needed
    suite.settle(batch)
    assert suite.balance(suite.customers[0]) == HUNDRED


def _tried(node: Node, to: str | None, data: bytes, gas: int) -> int | None:
    """What a settlement with so much gas would pay; None if it would fail."""
    message = {"to": to, "data": f"0x{data.hex()}", "gas": hex(gas)}
    (answer,) = node.attempt([("eth_call", [message, "latest"])])
    return None if isinstance(answer, NodeError) else int(answer[2:66], 16)


def test_settle_asks_nobody_where_nothing_is_required(suite: Suite, books: Contract, customer: Actor) -> None:
    """Not even to find that nothing is: with one to ask who burns all gas, it takes not a unit more."""
    book = suite.book([policy(customer)])
    batch = settlement(book, suite.report({RISK: VERY_LATE}))
    with undone(suite.node):
        usual = suite.settle(batch).gas_used
    suite.node.call("anvil_setCode", [suite.eligibility.address, DEVOURER])
    receipt = suite["insurer"].send(books, "settle", *batch)
    assert (withheld(receipt, books), receipt.gas_used) == ([], usual)


@pytest.mark.parametrize("requirement", [(LOW, 0, 0, 0), CONSENT])
def test_settle_asks_for_a_level_or_a_consent_alone(
    suite: Suite, books: Contract, requirement: tuple[int, ...]
) -> None:
    """Either makes a product conditional."""
    defined(suite)
    bound(suite, suite.customers[0], subject_of(0))
    book = conditional(suite, 1, requirement)
    batch = settlement(book, suite.report({RISK: VERY_LATE}))
    assert len(withheld(suite.settle(batch), books)) == 1
    verify(suite, 0)
    decide(suite, 0, Entry())
    assert withheld(suite.settle(batch), books) == []
