"""What became of each policy: every status, the facts behind it, and the proof a holder can claim with."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timezone

import pytest
from support import Actor, Clock, Policy, Suite
from support.claims import Claim, Observation, Proof
from support.defaults import DAY, LATE, ON_TIME, PREMIUM, RISK, START, SUM_INSURED, VERY_LATE
from support.office import Desk, Line, lines_for

from troth.claims.administration import cancel
from troth.claims.outcomes import Outcome, Status, counts, export, outcomes, show
from troth.claims.owed import withdraw
from troth.errors import BadInput, MissingRole
from troth.store import Store
from troth.trees.keccak import MerkleTree, verify

OTHER_RISK = "AA 1 2013-01-01"
LATER = datetime.fromtimestamp(START + 20 * DAY, timezone.utc)


def of(desk: Desk, policy_ref: str) -> Outcome:
    """What became of one policy."""
    ((outcome, _),) = show(desk.office, policy_ref)
    return outcome


def test_policy_is_open_until_something_happens(desk: Desk, customer: Actor) -> None:
    """In force, and nothing else is known."""
    book = desk.book([Line("P-1", customer.address)])
    assert of(desk, "P-1") == Outcome(
        policy_ref="P-1",
        book=book,
        number=0,
        status=Status.OPEN,
        risk=RISK,
        payee=customer.address,
        sum_insured=SUM_INSURED,
        premium=PREMIUM,
        amount=None,
        value=None,
        report=None,
        time=None,
        block=None,
        transaction=None,
        withdrawal=None,
    )


def test_policy_paid_tells_by_which_report_and_transaction(desk: Desk, customer: Actor) -> None:
    """Amount, observed value, report, time and transaction are those of the settlement."""
    book = desk.book([Line("P-1", customer.address)])
    report = desk.report({RISK: LATE, OTHER_RISK: ON_TIME})
    (transaction,) = desk.settle().transactions
    outcome = of(desk, "P-1")
    block = desk.suite.node.call("eth_getTransactionReceipt", [transaction])["blockNumber"]
    assert (outcome.book, outcome.status, outcome.amount) == (book, Status.PAID, SUM_INSURED // 2)
    assert (outcome.value, outcome.report) == (LATE, report)
    assert (outcome.transaction, outcome.block) == (transaction, int(block, 16))
    assert outcome.time == datetime.fromtimestamp(desk.suite.clock.now, timezone.utc)


def test_each_policy_names_its_own_report(desk: Desk, customers: tuple[Actor, ...]) -> None:
    """Two reports settle one book, and no value is taken from the wrong one."""
    lines = [Line("P-0", customers[0].address, RISK), Line("P-1", customers[1].address, OTHER_RISK)]
    desk.book(lines)
    first = desk.report({RISK: LATE, OTHER_RISK: ON_TIME})
    desk.settle()
    second = desk.report({OTHER_RISK: VERY_LATE})
    desk.settle()
    found = {one.policy_ref: (one.report, one.value, one.amount) for one in outcomes(desk.office)}
    assert found == {
        "P-0": (first, LATE, SUM_INSURED // 2),
        "P-1": (second, VERY_LATE, SUM_INSURED),
    }


def test_policy_stays_owed_until_its_payee_has_the_money(desk: Desk, customer: Actor) -> None:
    """Owed while the transfer fails, paid with both transactions named once it went through."""
    desk.suite.freeze(customer)
    desk.settled([Line("P-1", customer.address)])
    owed = of(desk, "P-1")
    assert (owed.status, owed.amount, owed.withdrawal) == (Status.OWED, SUM_INSURED // 2, None)
    desk.suite.freeze(customer, frozen=False)
    (sent,) = withdraw(desk.office).sent
    paid = of(desk, "P-1")
    assert (paid.status, paid.withdrawal) == (Status.PAID, sent.transaction)
    assert paid.transaction == owed.transaction


def test_withdrawal_covers_only_what_was_owed_before_it(desk: Desk, customer: Actor) -> None:
    """What is owed to the same payee later is still owed."""
    desk.suite.freeze(customer)
    desk.settled([Line("P-1", customer.address)])
    desk.suite.freeze(customer, frozen=False)
    withdraw(desk.office)
    desk.suite.freeze(customer)
    desk.book([Line("P-2", customer.address, OTHER_RISK)])
    desk.report({OTHER_RISK: LATE})
    desk.settle()
    assert (of(desk, "P-1").status, of(desk, "P-2").status) == (Status.PAID, Status.OWED)
    assert of(desk, "P-2").withdrawal is None


@pytest.mark.parametrize("refund", [0, 1, PREMIUM])
def test_policy_cancelled_tells_its_refund(desk: Desk, customer: Actor, refund: int) -> None:
    """With a refund, in part or whole, or without one."""
    book = desk.book([Line("P-1", customer.address)], cover_from=LATER)
    done = cancel(desk.office, book, "P-1", refund)
    outcome = of(desk, "P-1")
    assert (outcome.status, outcome.amount) == (Status.CANCELLED, refund)
    assert (outcome.transaction, outcome.report) == (done.transaction, None)


def test_policy_cancelled_stays_so_while_its_refund_is_owed(desk: Desk, customer: Actor) -> None:
    """Owed is the money, not the policy."""
    desk.suite.freeze(customer)
    book = desk.book([Line("P-1", customer.address)], cover_from=LATER)
    assert cancel(desk.office, book, "P-1").owed
    assert (of(desk, "P-1").status, of(desk, "P-1").amount) == (Status.CANCELLED, PREMIUM)


def test_policies_left_over_expire_with_the_deadline(desk: Desk, customers: tuple[Actor, ...]) -> None:
    """At the deadline a policy is still open, a second later it is not; paid ones stay paid."""
    deadline = datetime.fromtimestamp(START + 30 * DAY, timezone.utc)
    lines = [Line("P-0", customers[0].address, RISK), Line("P-1", customers[1].address, OTHER_RISK)]
    desk.book(lines, cover_until=deadline, deadline=deadline)
    desk.report({RISK: LATE})
    desk.settle()
    desk.suite.clock.move_to(int(deadline.timestamp()))
    assert (of(desk, "P-0").status, of(desk, "P-1").status) == (Status.PAID, Status.OPEN)
    desk.suite.clock.move_by(1)
    assert (of(desk, "P-0").status, of(desk, "P-1").status) == (Status.PAID, Status.EXPIRED)


@pytest.fixture
def mixed(desk: Desk, customers: tuple[Actor, ...]) -> Desk:
    """Two books: a paid, an owed, and two open policies in the first, a cancelled one in the second."""
    desk.suite.freeze(customers[1])
    desk.book(
        [
            Line("P-0", customers[0].address, RISK),
            Line("P-1", customers[1].address, RISK),
            Line("P-2", customers[2].address, OTHER_RISK),
            Line("P-3", customers[3].address, OTHER_RISK),
        ]
    )
    desk.report({RISK: LATE, OTHER_RISK: ON_TIME})
    desk.settle()
    book = desk.book([Line("P-4", customers[4].address)], cover_from=LATER)
    cancel(desk.office, book, "P-4")
    return desk


def test_list_is_in_order_of_book_and_number(mixed: Desk) -> None:
    """The order of the contract's own numbers."""
    found = [(one.book, one.number) for one in outcomes(mixed.office)]
    assert found == [(1, 0), (1, 1), (1, 2), (1, 3), (2, 0)]


@pytest.mark.parametrize(
    ("status", "references"),
    [
        (Status.OPEN, {"P-2", "P-3"}),
        (Status.PAID, {"P-0"}),
        (Status.OWED, {"P-1"}),
        (Status.CANCELLED, {"P-4"}),
        (Status.EXPIRED, set()),
    ],
)
def test_list_by_status_finds_those_of_it(mixed: Desk, status: Status, references: set[str]) -> None:
    """The filter agrees with what each policy says of itself."""
    found = outcomes(mixed.office, status=status)
    assert {one.policy_ref for one in found} == references
    assert {one.status for one in found} <= {status}


def test_list_by_book_and_limit(mixed: Desk) -> None:
    """Only that book's, and no more than asked for."""
    assert {one.book for one in outcomes(mixed.office, book_id=2)} == {2}
    assert [one.number for one in outcomes(mixed.office, limit=3)] == [0, 1, 2]


def test_counts_add_up_to_the_list(mixed: Desk) -> None:
    """By status, of all books and of one."""
    assert counts(mixed.office) == {
        Status.OPEN: 2,
        Status.PAID: 1,
        Status.OWED: 1,
        Status.CANCELLED: 1,
        Status.EXPIRED: 0,
        Status.WITHHELD: 0,
    }
    assert sum(counts(mixed.office, book_id=2).values()) == 1


def test_counts_tell_withdrawn_money_from_owed(mixed: Desk, customers: tuple[Actor, ...]) -> None:
    """As the list does."""
    mixed.suite.freeze(customers[1], frozen=False)
    withdraw(mixed.office)
    found = counts(mixed.office)
    assert (found[Status.PAID], found[Status.OWED]) == (2, 0)


def test_export_is_the_list_as_csv(mixed: Desk) -> None:
    """A row a policy under the outcome's own names, amounts in currency, nothing for what is not."""
    file = io.StringIO()
    told: list[tuple[int, int]] = []
    assert export(mixed.office, file, progress=lambda done, total: told.append((done, total))) == 5
    rows = {row["policy_ref"]: row for row in csv.DictReader(io.StringIO(file.getvalue()))}
    assert rows.keys() == {f"P-{number}" for number in range(5)}
    assert list(rows["P-0"]) == list(Outcome.__dataclass_fields__)
    paid = of(mixed, "P-0")
    assert rows["P-0"] | {"amount": "200.00", "status": "paid", "value": str(LATE)} == rows["P-0"]
    assert rows["P-0"]["time"] == paid.time.strftime("%Y-%m-%dT%H:%M:%SZ") if paid.time else False
    assert (rows["P-2"]["status"], rows["P-2"]["amount"], rows["P-2"]["time"]) == ("open", "", "")
    assert told[-1] == (5, 5)


def test_export_of_one_book_has_only_its_policies(mixed: Desk) -> None:
    """The other book's stay out."""
    file = io.StringIO()
    assert export(mixed.office, file, book_id=2) == 1
    assert "P-4" in file.getvalue()
    assert "P-0" not in file.getvalue()


def test_show_finds_a_reference_in_every_book(desk: Desk, customers: tuple[Actor, ...]) -> None:
    """A renewal keeps its reference; the oldest book comes first."""
    desk.book([Line("P-1", customers[0].address)])
    desk.book([Line("P-1", customers[1].address)])
    found = [(outcome.book, outcome.payee) for outcome, _ in show(desk.office, "P-1")]
    assert found == [(1, customers[0].address), (2, customers[1].address)]


def test_proof_leads_from_the_policy_to_the_books_root(desk: Desk, customers: tuple[Actor, ...]) -> None:
    """Checked by the tests' own leaf, and against the root the contract holds."""
    book = desk.book(lines_for(customers[:5]))
    on_chain = bytes(desk.suite.books.call("book", book).root)
    for number in range(5):
        ((outcome, proof),) = show(desk.office, f"P-{number}")
        policy = Policy(
            outcome.number, proof.risk, outcome.payee, outcome.sum_insured, outcome.premium, proof.reference
        )
        assert policy.leaf == proof.leaf
        assert policy.terms == proof.terms
        assert proof.root == on_chain
        assert verify(proof.root, proof.leaf, proof.path)


def test_holder_claims_with_the_proof_and_without_the_insurer(
    desk: Desk, suite: Suite, customers: tuple[Actor, ...], clock: Clock
) -> None:
    """A stranger's transaction, made of the proof and the published observation alone, is paid."""
    book = desk.book(lines_for(customers[:5]))
    report = desk.report({RISK: LATE})
    ((outcome, proof),) = show(desk.office, "P-3")
    claim = Claim(outcome.number, 0, outcome.payee, outcome.sum_insured, proof.terms)
    alone = MerkleTree.build([Observation(proof.risk, LATE).leaf]).multiproof([0])
    suite["stranger"].send(
        suite.books,
        "settle",
        book,
        report,
        [Observation(proof.risk, LATE)],
        [claim],
        Proof(alone.nodes, alone.flags),
        Proof(proof.path, proof.flags),
    )
    assert suite.balance(customers[3]) == SUM_INSURED // 2
    assert of(desk, "P-3").status is Status.PAID


def test_draft_never_issued_is_no_policy(
    suite: Suite, desk: Desk, stranger_desk: Desk, customer: Actor
) -> None:
    """A book saved and refused by the contract insures nobody."""
    desk.product()
    stranger_desk.funded()
    with pytest.raises(MissingRole):
        stranger_desk.book([Line("P-1", customer.address)])
    assert outcomes(stranger_desk.office) == []
    with pytest.raises(BadInput, match="no policy of this reference"):
        show(stranger_desk.office, "P-1")


def test_unknown_book_is_refused_with_those_there_are(desk: Desk, customer: Actor) -> None:
    """And without any, with the command that makes one."""
    with pytest.raises(BadInput, match="troth book issue"):
        outcomes(desk.office, book_id=1)
    desk.book([Line("P-1", customer.address)])
    with pytest.raises(BadInput, match="--book: '7': no such book; known: 1"):
        outcomes(desk.office, book_id=7)


def test_outcomes_are_the_same_on_every_database(
    desk: Desk, store: Store, customers: tuple[Actor, ...]
) -> None:
    """SQLite and PostgreSQL, through every status that has facts of its own."""
    desk.office.store.close()
    desk.office.store = store
    desk.suite.freeze(customers[1])
    desk.settled(lines_for(customers[:2]))
    book = desk.book([Line("P-2", customers[2].address)], cover_from=LATER)
    cancel(desk.office, book, "P-2", 5)
    assert [(one.policy_ref, one.status, one.amount, one.value) for one in outcomes(desk.office)] == [
        ("P-0", Status.PAID, SUM_INSURED // 2, LATE),
        ("P-1", Status.OWED, SUM_INSURED // 2, LATE),
        ("P-2", Status.CANCELLED, 5, None),
    ]
    desk.suite.freeze(customers[1], frozen=False)
    (sent,) = withdraw(desk.office).sent
    assert of(desk, "P-1").withdrawal == sent.transaction
    assert counts(desk.office)[Status.PAID] == len(outcomes(desk.office, status=Status.PAID)) == 2
