"""C1 to C8 hold whatever people do, in whatever order.

Hypothesis makes people register, insure, report, dispute, settle, forge, freeze, pause, invest, leave and
wait, on the real contracts. A model that shares no code with them says what should come of each call, and
what it refuses they must refuse by the same error. After every step each invariant is checked, most of them
on nothing but what the chain says and holds.

The same examples run every time. For others, at length and each time anew:
    TROTH_INVARIANT_EXAMPLES=1000 .venv/bin/python -m pytest tests/invariants
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import invariant, run_state_machine_as_test
from support import Settlement, Suite
from support.defaults import CAPITAL

from invariants.chain import Chain, impersonating
from invariants.model import VIRTUAL, WHOLE
from invariants.people import SAVINGS, People
from invariants.values import observation_of

SEED, EXAMPLES, STEPS = 8, 80, 40
LONG = "TROTH_INVARIANT_EXAMPLES"
LONG_STEPS = 80
EVERYTHING = 2**256 - 1
SHARE_DEALS = frozenset(
    f"pool.{name}" for name in ("deposit", "mint", "withdraw", "redeem", "transfer", "giveNotice")
)


EXPECTED = frozenset(
    """
    BookIssued Settled Paid Owed OwedWithdrawn PolicyCancelled Refunded Released BookExpired DeadlineExtended
    Deposit Withdraw NoticeGiven

    OracleReportsNotFinal OracleReportsStatus OracleReportsChallengeOver OracleReportsAlreadyPublished
    OracleReportsSignaturesShort OracleReportsSignersUnordered OracleReportsSignerUntrusted
    PolicyBooksAlreadyIssued PolicyBooksTimesInvalid PolicyBooksCoverBackdated
    PolicyBooksCollateralOutOfRange PolicyBooksDeadlinePassed PolicyBooksPeriodOutsideCover
    PolicyBooksNotInReport PolicyBooksNotInBook PolicyBooksNotDue PolicyBooksDailyCapExceeded
    PolicyBooksOverdrawn PolicyBooksNumberOutOfRange PolicyBooksCoverBegun PolicyBooksRefundExceedsPremium
    PolicyBooksAlreadySettled PolicyBooksDeadlineAhead PolicyBooksNothingReserved
    PolicyBooksDeadlineNotLater MultiproofMalformed EnforcedPause CapitalPoolShort CapitalPoolNotPayee
    CapitalPoolNothingOwed CapitalPoolNoticeExceedsShares TestDollarFrozen ERC4626ExceededMaxDeposit
    ERC4626ExceededMaxRedeem ERC4626ExceededMaxWithdraw
    """.split()  # noqa: SIM905  (a list of strings, one a line, would hide the rest of this page)
)
"""Events, and errors that calls are refused with, each of which some example must reach."""


class SettlementAndPool(People):
    """What must always hold."""

    @invariant()
    def model_and_contracts_hold_the_same(self) -> None:
        """Reserved, owed, books, marks, reports, shares, notices, balances: to the unit."""
        expected = self.model.totals(self.people)
        assert self.seen.keys() == expected.keys()
        differing = {key: (self.seen[key], want) for key, want in expected.items() if self.seen[key] != want}
        assert not differing, f"chain and model differ: {differing}"

    @invariant()
    def c1_no_policy_gets_more_than_its_sum_insured_or_twice(self) -> None:
        """By all events there ever were of a policy."""
        for (book_id, number), amounts in self.flows.claims.items():
            insured = [one.sum_insured for one in self.books[book_id].policies if one.number == number]
            assert len(amounts) == 1
            assert amounts[0] <= max(insured)

    @invariant()
    def c2_pool_covers_what_is_reserved_and_owed(self) -> None:
        """After every call."""
        seen = self.seen
        assert seen["holds", self.pool] >= seen["reserved"] + seen["owed"]

    @invariant()
    def c3_only_what_the_model_says_is_paid_and_exactly(self) -> None:
        """Events were compared with the model's; here policy, observation, report and rule are looked up."""
        step = self.step
        if step.call == "books.settle":
            self._check_claims(Settlement(*step.arguments))
        else:
            assert not step.told("Paid")
            assert step.call == "books.cancel" or not step.told("Refunded", "Owed")

    def _check_claims(self, batch: Settlement) -> None:
        """Each payment of the last step follows from the batch, and the batch from what there is."""
        book, terms = self.books[batch.book_id], self.model.books[batch.book_id]
        report, now = self.reports[batch.report_id], self.step.now
        final_at, status = (self.step.before["report", batch.report_id][place] for place in (5, 7))
        assert status == 1
        assert final_at <= now
        assert terms.cover[0] <= report.data.period_start <= report.data.period_end <= terms.cover[1]
        assert report.data.metric == self.model.products[terms.product].metric
        for _, payee, number, amount in self.step.told("Paid", "Owed"):
            place = next(place for place, one in enumerate(batch.claims) if one.number == number)
            claim, seen = batch.claims[place], observation_of(batch, place)
            (policy,) = (one for one in book.policies if (one.number, one.terms) == (number, claim.terms))
            assert (policy.risk, policy.payee, policy.sum_insured) == (seen.risk, payee, claim.sum_insured)
            assert seen in report.observations
            share = self.model.share_of(terms.product, seen.value)
            assert 0 <= policy.sum_insured * share - amount * WHOLE < WHOLE

    @invariant()
    def c4_a_settled_batch_pays_nothing_again(self) -> None:
        """Asked of the chain for the last batches there were: all are skipped, or the deadline has passed."""
        if not self.step.call:
            return
        batches = self.settled[-2:]
        views = {place: ("books", "settle", tuple(batch)) for place, batch in enumerate(batches)}
        for place, answer in self.chain.read(views).items():
            count, deadline = len(batches[place].claims), self.seen["book", batches[place].book_id][5]
            over = self.model.now > deadline
            assert tuple(answer) == (0, count) if not over else answer == "PolicyBooksDeadlinePassed"

    @invariant()
    def c5_a_bad_payee_stops_nobody_and_loses_nothing(self) -> None:
        """All new claims of a batch are met, good payees in money, and the others' money is kept for them."""
        step = self.step
        if step.call == "books.settle":
            batch = Settlement(*step.arguments)
            done = step.before["done", batch.book_id]
            new = {n for n, *_ in batch.claims if not done[n // 256] >> n % 256 & 1}
            assert sorted(new) == sorted(number for _, _, number, _ in step.told("Paid", "Owed"))
            assert all(self.model.can_receive(payee) for _, payee, *_ in step.told("Paid"))
            assert not any(self.model.can_receive(payee) for _, payee, *_ in step.told("Owed"))
        kept = {who: self.seen["owed", who] for who in self.people}
        assert kept == {who: self.flows.owed[who] for who in self.people}
        assert sum(kept.values()) == self.seen["owed"]

    @invariant()
    def c6_nothing_is_paid_after_the_deadline_nor_released_before(self) -> None:
        """A reserve gets smaller by payment, by cancellation, or by expiry once the deadline has passed."""
        step = self.step
        for key, row in step.before.items():
            if key[0] != "book":
                continue
            deadline, reserve, paid = row[5], row[8], row[9]
            after = step.after[key]
            mine = bool(step.arguments) and step.arguments[0] == key[1]
            if after[9] != paid:
                assert step.call == "books.settle"
                assert step.now <= deadline
            if after[8] != reserve:
                assert mine
                assert step.call in ("books.settle", "books.cancel") or (
                    step.call == "books.expire" and step.now > deadline
                )

    @invariant()
    def c7_events_books_and_balances_add_up(self) -> None:
        """What was paid or is owed on claims is what the books count, and nothing else left the pool."""
        flows, seen = self.flows, self.seen
        by_books = sum(row[9] for key, row in seen.items() if key[0] == "book")
        assert flows.paid + flows.owed_for_claims == by_books
        assert flows.out == flows.paid + flows.refunded + flows.owed_withdrawn + flows.withdrawn
        assert seen["holds", self.pool] == CAPITAL + flows.into - flows.out

    @invariant()
    def c8_paused_nothing_is_paid_but_what_is_owed(self) -> None:
        """And each who can receive money could have what is owed to them at once."""
        step = self.step
        if step.before["paused"]:
            assert not step.told("Paid", "Owed", "Refunded")
            assert not any(told[3] for told in step.told("Withdraw"))
            assert step.after["supply"] == step.before["supply"]
        if not step.call:
            return
        payees = [who for who in self.people if self.seen["owed", who] and self.model.can_receive(who)]
        fetched = self.chain.read({who: ("pool", "withdrawOwed", (who, who)) for who in payees})
        assert fetched == {who: self.seen["owed", who] for who in payees}

    @invariant()
    def notice_is_on_shares_that_are_there(self) -> None:
        """So that one lot, passed around, cannot put many accounts under notice."""
        for who in self.holders:
            assert self.seen["notice", who][0] <= self.seen["shares", who]

    @invariant()
    def nobody_gains_by_coming_and_going(self) -> None:
        """Dealing in shares takes no worth from any, and makes those who deal no richer by any fraction."""
        before, after = self.step.before, self.step.after
        if self.step.call not in SHARE_DEALS:
            return
        assert _price(after) >= _price(before)
        people = [who for who in self.people if who != self.pool]
        parties = [who for who in people if _has(who, before) != _has(who, after)]
        assert sum(_wealth(who, after) - _wealth(who, before) for who in parties) <= 0


@pytest.fixture
def chain(suite: Suite) -> Iterator[Chain]:
    """The suite with money and approvals for those who put some into the pool."""
    with impersonating(suite.node):
        chain = Chain(suite)
        investors = (suite["investor"].address, suite.customers[0].address)
        for investor in investors:
            chain.send(investor, "token", "mint", investor, SAVINGS)
        for payer in (*investors, suite["underwriter"].address):
            chain.send(payer, "token", "approve", suite.pool.address, EVERYTHING)
        yield chain


def test_invariants_c1_to_c8_hold_whatever_people_do(chain: Chain) -> None:
    """And the examples are worth having: what can happen did, and what should be refused was."""

    def example() -> SettlementAndPool:
        return SettlementAndPool(chain)

    if LONG in os.environ:
        run_state_machine_as_test(example, settings=_profile())
        return
    SettlementAndPool.counted.clear()
    run_state_machine_as_test(seed(SEED)(example), settings=_profile())
    missing = EXPECTED - SettlementAndPool.counted.keys()
    assert not missing, f"never happened: {sorted(missing)}"


def _profile() -> settings:
    """Always the same examples, few enough for every run of the tests; or as many others as asked for."""
    examples = int(os.environ.get(LONG, "0"))
    return settings(
        max_examples=examples or EXAMPLES,
        stateful_step_count=LONG_STEPS if examples else STEPS,
        database=None,
        deadline=None,
        print_blob=False,
        suppress_health_check=HealthCheck.all(),
    )


def _price(state: dict[Any, Any]) -> Fraction:
    """Of a share, exactly."""
    return Fraction(state["assets"] + 1, state["supply"] + VIRTUAL)


def _has(who: str, state: dict[Any, Any]) -> tuple[int, int]:
    """Money and shares."""
    return state["holds", who], state.get(("shares", who), 0)


def _wealth(who: str, state: dict[Any, Any]) -> Fraction:
    """What money and shares are worth together, exactly."""
    money, shares = _has(who, state)
    return money + shares * _price(state)
