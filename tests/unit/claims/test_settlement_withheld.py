"""Settling books whose product requires something of payees, and what is told of those withheld.

settle
├── all eligible: all paid · one not: withheld, the others paid, the reason said
├── reasons: wallet of nobody · erased · not verified · consent missing, denied · too long · none now
├── again: on record once, not sent again while it lacks something · paid once eligible, and never again
├── all withheld: one transaction, then none; nothing waits, nothing failed
├── dry run: foresees it, sends nothing
├── daily cap: what is withheld takes nothing of it
├── lost between plan and sending: counted as the chain has it · found meanwhile: paid
└── other books: paid as ever, asked about nobody
outcomes: withheld with report, time and what is lacking now · counted, listed, exported · paid, cancelled and
    expired are the last word · the same on every database
reconcile: adds up with some withheld
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support import Actor, Suite, emitted
from support.consents import EVIDENCE, GIVEN, LOW, REQUESTED, SUBSTANTIAL, WITHDRAWN, Entry, bound, record_for
from support.defaults import DAY, LATE, RISK, SUM_INSURED
from support.office import Desk, Line, lines_for

from troth.chain.transactions import Call
from troth.claims import eligibility, ledger
from troth.claims.administration import set_daily_cap
from troth.claims.eligibility import Lack, Requirement
from troth.claims.intake import Requires
from troth.claims.outcomes import Outcome, Status, counts, export, outcomes, show
from troth.claims.settlement import Settlement, settle
from troth.consent import terms
from troth.errors import NodeError, NoNode
from troth.identity.verifications import Level
from troth.store import Store
from troth.trees.keccak import keccak

HALF = SUM_INSURED // 2
CONSENT = (
    "https://w3id.org/dpv#Marketing",
    "urn:troth:recipient:insurer",
    "https://w3id.org/dpv/pd#Health",
)


def subject_of(customer: Actor) -> bytes:
    """A customer's."""
    return keccak(customer.address.encode())


def decide(desk: Desk, customer: Actor, state: int = GIVEN, times: int = 1) -> None:
    """Records a decision on what is required."""
    numbers = terms.numbers_of(desk.office, CONSENT)
    entry = Entry(*(numbers[iri] for iri in CONSENT), state=state)
    record_for(desk.suite, *[entry] * times, subject=subject_of(customer))


def verify(desk: Desk, customer: Actor, level: int = SUBSTANTIAL) -> None:
    """Records a verification."""
    desk.suite["verifier"].send(desk.suite.subjects, "verify", subject_of(customer), level, 0, EVIDENCE)


def clear(desk: Desk, customer: Actor) -> None:
    """Makes a customer eligible."""
    bound(desk.suite, customer, subject_of(customer))
    verify(desk, customer)
    decide(desk, customer)


def sent(desk: Desk) -> int:
    """How many transactions the desk's account ever sent."""
    return int(desk.suite.node.call("eth_getTransactionCount", [desk.who.address, "latest"]), 16)


def of(desk: Desk, policy_ref: str) -> Outcome:
    """What became of one policy."""
    ((outcome, _),) = show(desk.office, policy_ref)
    return outcome


@pytest.fixture
def asking(desk: Desk, customers: tuple[Actor, ...]) -> Desk:
    """Book 1 of four due policies; all payees but the second, P-1, are eligible."""
    desk.requires = Requires(Level.SUBSTANTIAL, CONSENT)
    desk.book(lines_for(customers[:4]))
    desk.report({RISK: LATE})
    for customer in (customers[0], *customers[2:4]):
        clear(desk, customer)
    return desk


# --- settling


def test_eligible_payees_are_paid_as_ever(asking: Desk, customers: tuple[Actor, ...]) -> None:
    """All four, once the fourth is."""
    clear(asking, customers[1])
    done = asking.settle()
    assert (done.settled, done.paid, done.withheld, done.lacking) == (4, 4 * HALF, 0, ())


def test_one_is_withheld_and_the_others_are_paid_c5(asking: Desk, customers: tuple[Actor, ...]) -> None:
    """C5: neither paid, nor owed, nor failed, nor waiting; and the reason said."""
    done = asking.settle()
    assert (done.due, done.due_amount, done.settled, done.paid) == (4, 4 * HALF, 3, 3 * HALF)
    assert (done.withheld, done.withheld_amount, done.owed) == (1, HALF, 0)
    assert (done.waiting, done.failed, done.batches) == ((), (), 1)
    assert done.lacking == (f"book 1: 1 claim withheld: {Lack.SUBJECT.value}",)
    assert [asking.suite.balance(one) for one in customers[:4]] == [HALF, 0, HALF, HALF]


def test_withheld_is_put_on_record_once_and_paid_once_eligible_c1_c4(
    asking: Desk, customers: tuple[Actor, ...]
) -> None:
    """C1, C4: while it lacks something it costs no more gas; afterwards it is paid, and never again."""
    asking.settle()
    before = sent(asking)
    again = asking.settle()
    assert (again.due, again.settled, again.skipped, again.withheld, again.batches) == (1, 0, 3, 1, 0)
    assert again.lacking == (f"book 1: 1 claim withheld: {Lack.SUBJECT.value}",)
    assert sent(asking) == before
    clear(asking, customers[1])
    paid = asking.settle()
    assert (paid.due, paid.settled, paid.paid, paid.withheld, paid.lacking) == (1, 1, HALF, 0, ())
    assert asking.settle() == Settlement(0, 0, 0, 0, 0, 0, 4, 0, (), (), ())


def test_all_withheld_ends(desk: Desk, customers: tuple[Actor, ...]) -> None:
    """One transaction puts them on record, and the next run sends none."""
    desk.requires = Requires(Level.LOW)
    desk.book(lines_for(customers[:4]))
    desk.report({RISK: LATE})
    told: list[tuple[int, int]] = []
    done = settle(desk.office, progress=lambda *pair: told.append(pair))
    assert (done.due, done.settled, done.withheld, done.batches) == (4, 0, 4, 1)
    assert (done.waiting, done.failed) == ((), ())
    assert told == [(4, 4)]
    assert desk.settle().batches == 0


def test_dry_run_foresees_what_is_withheld(asking: Desk, customers: tuple[Actor, ...]) -> None:
    """As the run after it has it; nothing is sent."""
    before = sent(asking)
    said = settle(asking.office, dry_run=True)
    assert (said.due, said.settled, said.withheld, said.withheld_amount) == (4, 0, 1, HALF)
    assert sent(asking) == before
    assert said.lacking == asking.settle().lacking
    assert settle(asking.office, dry_run=True).withheld == 1
    clear(asking, customers[1])
    assert settle(asking.office, dry_run=True).withheld == 0


def test_withheld_takes_nothing_of_the_daily_cap(asking: Desk) -> None:
    """Three halves a day: the three eligible ones are paid today, whichever comes first."""
    set_daily_cap(asking.office, 1, 3 * HALF)
    done = asking.settle()
    assert (done.settled, done.withheld, done.waiting) == (3, 1, ())


def test_consent_lost_between_plan_and_sending_is_the_chains_to_see(
    asking: Desk, customers: tuple[Actor, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Foreseen as paid, withheld by the chain, counted so, and paid when the payee gives it again."""
    interrupted(asking, monkeypatch, lambda: decide(asking, customers[0], WITHDRAWN))
    done = asking.settle()
    assert (done.settled, done.withheld) == (2, 2)
    assert set(done.lacking) == {
        f"book 1: 1 claim withheld: {lack.value}" for lack in (Lack.SUBJECT, Lack.DENIED)
    }
    decide(asking, customers[0])
    assert asking.settle().paid == HALF


def test_consent_given_between_plan_and_sending_is_paid(
    asking: Desk, customers: tuple[Actor, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Foreseen as withheld."""
    interrupted(asking, monkeypatch, lambda: clear(asking, customers[1]))
    assert (asking.settle().settled, asking.settle().withheld) == (4, 0)


def interrupted(desk: Desk, monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Has something happen between plan and sending, once."""
    stream = desk.office.sender.stream

    def late(calls: Any) -> Iterator[Any]:
        monkeypatch.setattr(desk.office.sender, "stream", stream)
        act()
        return stream(calls)

    monkeypatch.setattr(desk.office.sender, "stream", late)


def test_other_books_are_paid_as_ever(asking: Desk, customers: tuple[Actor, ...]) -> None:
    """On a version of the product that requires nothing; what is withheld of one is not of another."""
    asking.requires = Requires()
    asking.book([Line("Q-0", customers[1].address), Line("Q-1", customers[1].address, "nobody looked")])
    asking.report({RISK: LATE, "elsewhere": LATE})
    done = asking.settle()
    assert (done.settled, done.withheld) == (4, 1)
    assert asking.suite.balance(customers[1]) == HALF
    assert [of(asking, ref).status for ref in ("P-1", "Q-0", "Q-1")] == [
        Status.WITHHELD,
        Status.PAID,
        Status.OPEN,
    ]


def test_each_book_is_put_on_record_for_itself(desk: Desk, customers: tuple[Actor, ...]) -> None:
    """Two of one product, alike but for their references."""
    desk.requires = Requires(Level.LOW)
    desk.book(lines_for(customers[:2]))
    desk.book([Line(f"Q-{n}", one.address) for n, one in enumerate(customers[:2])])
    desk.report({RISK: LATE})
    for book_id in (1, 2):
        done = settle(desk.office, book_id=book_id)
        assert (done.withheld, done.batches) == (2, 1)
        assert done.lacking == (f"book {book_id}: 2 claims withheld: {Lack.SUBJECT.value}",)
    assert (desk.settle().withheld, desk.settle().batches) == (4, 0)


def test_batches_of_withheld_and_paid_are_cut_and_all_counted(desk: Desk) -> None:
    """Thirty claims in small batches, every third eligible."""
    desk.requires = Requires(Level.LOW)
    desk.office.settings = replace(desk.office.settings, batch_gas=1_500_000)
    payees = [Actor(f"payee {number}", desk.suite.node) for number in range(30)]
    desk.book(lines_for(payees))
    desk.report({RISK: LATE})
    for payee in payees[::3]:
        bound(desk.suite, payee, subject_of(payee))
        verify(desk, payee, LOW)
    done = desk.settle()
    assert (done.settled, done.withheld) == (10, 20)
    assert done.batches > 1
    assert done.lacking == (f"book 1: 20 claims withheld: {Lack.SUBJECT.value}",)


# --- reasons

REASONS: dict[Lack, Callable[[Desk, Actor], object]] = {
    Lack.SUBJECT: lambda desk, one: one.send(desk.suite.subjects, "unbind", one.address),
    Lack.ERASED: lambda desk, one: desk.suite["compliance"].send(
        desk.suite.subjects, "erase", subject_of(one)
    ),
    Lack.VERIFICATION: lambda desk, one: desk.suite["compliance"].send(
        desk.suite.subjects, "revoke", subject_of(one), SUBSTANTIAL
    ),
    Lack.DENIED: lambda desk, one: decide(desk, one, WITHDRAWN),
    Lack.TOO_LONG: lambda desk, one: [decide(desk, one, REQUESTED, 60) for _ in range(5)],
    Lack.NOTHING: lambda _desk, _one: None,
}


@pytest.mark.parametrize("lack", REASONS)
def test_reason_is_what_the_payee_lacks(asking: Desk, customer: Actor, lack: Lack) -> None:
    """Of one who met all a moment before; and the contract sees it alike."""
    REASONS[lack](asking, customer)
    requirement = Requirement(*asking.suite.products.call("product", 1).requirement)
    payee = bytes.fromhex(customer.address[2:])
    assert eligibility.lacks(asking.office, requirement, [payee]) == {payee: lack}
    assert asking.settle().withheld == (1 if lack is Lack.NOTHING else 2)


def test_reason_is_the_consent_where_nobody_decided(asking: Desk, customers: tuple[Actor, ...]) -> None:
    """Verified, and asked: neither given nor refused."""
    bound(asking.suite, customers[1], subject_of(customers[1]))
    verify(asking, customers[1])
    decide(asking, customers[1], REQUESTED)
    assert asking.settle().lacking == (f"book 1: 1 claim withheld: {Lack.CONSENT.value}",)


def test_node_that_fails_is_no_reason(asking: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is called ineligible for what a node could not answer."""

    def failing(calls: list[Any]) -> list[Any]:
        return [NodeError("eth_call", "header not found", -32000) for _ in calls]

    monkeypatch.setattr(asking.office.node, "attempt", failing)
    with pytest.raises((NodeError, NoNode), match="header not found"):
        eligibility.ask(asking.office, Requirement(1), [bytes(20)])


# --- what became of them


def test_outcome_says_what_is_lacking_and_by_which_report(asking: Desk, customers: tuple[Actor, ...]) -> None:
    """As of now, with the report that makes it due and when it was withheld."""
    (transaction,) = asking.settle().transactions
    outcome = of(asking, "P-1")
    assert (outcome.status, outcome.lacking) == (Status.WITHHELD, Lack.SUBJECT.value)
    assert (outcome.report, outcome.value, outcome.amount) == (1, LATE, None)
    assert (outcome.transaction, outcome.withdrawal) == (transaction, None)
    bound(asking.suite, customers[1], subject_of(customers[1]))
    assert of(asking, "P-1").lacking == Lack.VERIFICATION.value
    verify(asking, customers[1])
    decide(asking, customers[1])
    assert (of(asking, "P-1").status, of(asking, "P-1").lacking) == (Status.WITHHELD, Lack.NOTHING.value)


def test_outcomes_list_count_and_export_what_is_withheld(asking: Desk) -> None:
    """By status, and with the reason as a column."""
    asking.settle()
    assert [one.policy_ref for one in outcomes(asking.office, status=Status.WITHHELD)] == ["P-1"]
    assert {one.lacking for one in outcomes(asking.office, status=Status.PAID)} == {None}
    found = counts(asking.office)
    assert (found[Status.PAID], found[Status.WITHHELD], found[Status.OPEN]) == (3, 1, 0)
    file = io.StringIO()
    export(asking.office, file)
    rows = {row["policy_ref"]: row for row in csv.DictReader(io.StringIO(file.getvalue()))}
    assert (rows["P-1"]["status"], rows["P-1"]["lacking"]) == ("withheld", Lack.SUBJECT.value)
    assert (rows["P-0"]["status"], rows["P-0"]["lacking"]) == ("paid", "")


def test_payment_is_the_last_word(asking: Desk, customers: tuple[Actor, ...]) -> None:
    """Withheld twice by somebody else's batch too, and then paid."""
    asking.settle()
    decide(asking, customers[0], WITHDRAWN)
    clear(asking, customers[1])
    asking.settle()
    outcome = of(asking, "P-1")
    assert (outcome.status, outcome.amount, outcome.lacking) == (Status.PAID, HALF, None)
    assert of(asking, "P-0").status is Status.PAID
    assert counts(asking.office)[Status.WITHHELD] == 0


def test_deadline_is_the_last_word(desk: Desk, customer: Actor) -> None:
    """What was withheld until then has expired."""
    ends = desk.office.now() + timedelta(days=5)
    desk.requires = Requires(Level.LOW)
    desk.book(lines_for([customer]), cover_until=ends, deadline=ends)
    desk.report({RISK: LATE})
    desk.settle()
    assert of(desk, "P-0").status is Status.WITHHELD
    desk.suite.clock.move_by(5 * DAY)
    assert (of(desk, "P-0").status, of(desk, "P-0").lacking) == (Status.EXPIRED, None)


def test_withheld_twice_is_told_of_the_last_time(asking: Desk, suite: Suite) -> None:
    """As when a stranger brings it again; it is one policy all the same."""
    (first,) = asking.settle().transactions
    call = suite.node.call("eth_getTransactionByHash", [first])
    suite.clock.move_by(DAY)
    again = asking.suite["stranger"].sender
    receipt = again.send([_same(call)])[0]
    assert len(emitted(receipt, suite.books, "Withheld")) == 1
    assert of(asking, "P-1").transaction == receipt.hash
    assert counts(asking.office)[Status.WITHHELD] == 1


def _same(sent_before: dict[str, str]) -> Call:
    """A call made once more."""
    return Call(sent_before["to"], bytes.fromhex(sent_before["input"][2:]), int(sent_before["gas"], 16))


def test_withheld_is_the_same_on_every_database(
    desk: Desk, store: Store, customers: tuple[Actor, ...]
) -> None:
    """SQLite and PostgreSQL: brought twice, withheld, paid and expired."""
    desk.office.store.close()
    desk.office.store = store
    desk.requires = Requires(Level.LOW)
    ends = desk.office.now() + timedelta(days=5)
    desk.book(lines_for(customers[:3]), cover_until=ends, deadline=ends)
    desk.report({RISK: LATE})
    bound(desk.suite, customers[0], subject_of(customers[0]))
    verify(desk, customers[0], LOW)
    assert (desk.settle().withheld, desk.settle().withheld) == (2, 2)
    found = [(one.status, one.lacking, one.report) for one in outcomes(desk.office)]
    lacking = (Status.WITHHELD, Lack.SUBJECT.value, 1)
    assert found == [(Status.PAID, None, 1), lacking, lacking]
    bound(desk.suite, customers[1], subject_of(customers[1]))
    verify(desk, customers[1], LOW)
    desk.settle()
    assert [one.policy_ref for one in outcomes(desk.office, status=Status.WITHHELD)] == ["P-2"]
    desk.suite.clock.move_by(5 * DAY)
    assert [one.status for one in outcomes(desk.office)] == [Status.PAID, Status.PAID, Status.EXPIRED]


def test_reconcile_adds_up_with_some_withheld(asking: Desk) -> None:
    """Neither claims nor events nor money."""
    asking.settle()
    office = asking.office
    found = ledger.reconcile(office.store, office.node, office.ledger_contracts)
    assert (found.ok, found.claims, found.events, found.policies) == (True, 3, 3, 4)
