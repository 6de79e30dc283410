"""What people do, in any order: every call made of the model first, then of the contracts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from support import Actor, Book, Report, Settlement, settlement
from support.claims import issued, published
from support.defaults import (
    CAPITAL,
    CHALLENGE_PERIOD,
    DAY,
    EXIT_WINDOW,
    NOTICE_PERIOD,
    PURSE,
    QUORUM,
)

from invariants import values
from invariants.chain import Chain, Said, views_of
from invariants.model import NOBODY, VIRTUAL, WHOLE, Model, Refused
from invariants.record import Flows, Step
from invariants.values import Draw, mostly

BOOKS, REPORTS, PRODUCTS = 5, 12, 3
"""At most in one example: more of them, and each is seldom used."""
SAVINGS = 10**12
"""What each investor holds beside shares."""
NEAR = 2
"""Time passes up to one of so many next moments at which something changes."""

in_business = precondition(lambda self: not self.model.paused)
"""While paused, what a pause does not concern is left out, or resuming would seldom be drawn."""
insuring = precondition(lambda self: self.books)
reporting = precondition(lambda self: self.reports)


class People(RuleBasedStateMachine):
    """The rules. Subclasses say what must always hold."""

    counted: ClassVar[Counter[str]] = Counter()
    """Events and refusals of all examples of a run."""

    def __init__(self, chain: Chain) -> None:
        super().__init__()
        self.chain, self.snapshot = chain, chain.node.call("evm_snapshot")
        suite = chain.suite
        self.pool = suite.pool.address
        self.insurer, self.underwriter = suite["insurer"].address, suite["underwriter"].address
        self.customers = tuple(one.address for one in suite.customers[:4])
        self.investors = (suite["investor"].address, self.customers[0])
        self.payees = (*self.customers, *self.customers, self.pool, NOBODY)
        self.people = (self.underwriter, self.investors[0], *self.customers, self.pool, NOBODY)
        self.holders = (*self.investors, self.customers[1], self.pool)
        self.model = self._model()
        self.books: dict[int, Book] = {}
        self.reports: dict[int, Report] = {}
        self.settled: list[Settlement] = []
        self.salt = 0
        self.flows = Flows()
        self.begun = False
        self.seen = self._read()
        self.step = Step("", (), self.model.now, [], self.seen, self.seen)

    def teardown(self) -> None:
        """Leaves the chain as it was."""
        assert self.chain.node.call("evm_revert", [self.snapshot])

    def _model(self) -> Model:
        """The model of the suite as the fixtures leave it."""
        suite = self.chain.suite
        model = Model(
            now=suite.clock.now,
            pool=self.pool,
            oracles=[one.address for one in suite.oracles],
            quorum=QUORUM,
            periods=(CHALLENGE_PERIOD, NOTICE_PERIOD, EXIT_WINDOW),
        )
        model.holds.update({self.pool: CAPITAL, self.underwriter: PURSE})
        model.holds.update(dict.fromkeys(self.investors, SAVINGS))
        model.shares.update(dict.fromkeys(self.holders, 0))
        model.shares[self.investors[0]] = CAPITAL * VIRTUAL
        return model

    # --- one call, on both sides

    def do(
        self,
        by: str,
        contract: str,
        function: str,
        *arguments: Any,
        foretell: Callable[[], list[Said]],
    ) -> bool:
        """Makes a call; whether it was taken. What the model refuses is only asked: it changes nothing."""
        note(f"{self.model.now}: {by} calls {contract}.{function}{arguments}")
        try:
            foretold = foretell()
        except Refused as refused:
            answer = self.chain.ask(by, contract, function, *arguments)
            assert answer == refused.name, f"{contract}.{function}: {answer}, not {refused.name}"
            self.counted[refused.name] += 1
            self.step = Step("", (), self.model.now, [], self.seen, self.seen)
            return False
        said, transfers = self.chain.send(by, contract, function, *arguments)
        assert said == foretold, f"{contract}.{function} said {said}, not {foretold}"
        self._note(f"{contract}.{function}", arguments, said)
        self.flows.add(self.step, transfers, self.pool)
        self.counted.update(name for name, _ in said)
        return True

    def _note(self, call: str, arguments: tuple[Any, ...], said: list[Said]) -> None:
        """Keeps what is now as the last step."""
        before, self.seen = self.seen, self._read() if self.begun else self.seen
        self.step = Step(call, arguments, self.model.now, said, before, self.seen)

    def _read(self) -> dict[Any, Any]:
        """All state of the chain."""
        known = self.model
        return self.chain.read(
            views_of(self.people, known.shares, len(known.books), len(known.reports), len(known.products))
        )

    # --- how an example begins

    @initialize(data=st.data())
    def begin(self, data: Any) -> None:
        """Two products, two books or so, reports that have become final: then anything may follow."""
        draw = data.draw
        for direction in (0, 1):
            self._register(direction, values.tiers(draw, direction == 0), draw)
            self._allow_collateral(direction + 1, draw(st.sampled_from((1, 100, 5_000, WHOLE))))
        for _ in range(3):
            self._issue(draw)
        if draw(st.booleans()):
            self._give_notice(self.investors[0], CAPITAL * VIRTUAL)
        if self._in_force():
            self._report_and_wait(draw)
        self.begun = True
        self._note("", (), [])

    # --- products and books

    @in_business
    @precondition(lambda self: len(self.model.products) < PRODUCTS)
    @rule(data=st.data(), direction=st.integers(0, 1))
    def register(self, data: Any, direction: int) -> None:
        """A product more, or one that cannot be."""
        tiers = values.tiers(data.draw, direction == 0)
        if data.draw(st.booleans()):
            tiers = values.odd_tiers(data.draw, tiers)
        self._register(direction, tiers, data.draw)

    @precondition(lambda self: self.model.products and len(self.books) < BOOKS)
    @rule(data=st.data())
    def issue(self, data: Any) -> None:
        """A book more."""
        self._issue(data.draw)

    @precondition(lambda self: self._ahead())
    @rule(data=st.data())
    def cancel(self, data: Any) -> None:
        """A policy of a book whose cover has not begun, seldom of another."""
        draw = data.draw
        book_id = self._one_of(draw, self._ahead(), 0, *self.books)
        book = self.books.get(book_id, self.books[1])
        place = draw(st.integers(0, len(book.policies) - 1))
        policy, proof = book.policies[place], book.tree.proof(place)
        refund = draw(st.sampled_from((0, 1, policy.premium // 2, policy.premium, policy.premium + 1)))
        told = mostly(
            draw,
            policy,
            policy._replace(premium=policy.premium + 1),
            policy._replace(payee=self.customers[0]),
            policy._replace(sum_insured=policy.sum_insured + 1),
            policy._replace(number=policy.number + 1),
        )
        known = partial(self.model.cancel, book_id, told, refund, proof)
        self.do(self.underwriter, "books", "cancel", book_id, told, refund, proof, foretell=known)

    @in_business
    @precondition(lambda self: self.model.products and len(self.books) < BOOKS and self.model.free)
    @rule(data=st.data(), more=st.integers(0, 1))
    def issue_to_the_limit(self, data: Any, more: int) -> None:
        """A book that reserves all that is free, or would need one unit more."""
        product = data.draw(st.sampled_from(sorted(self.model.products)))
        policy = values.policies(data.draw, self.payees, self._salted())[0]
        whole = policy._replace(sum_insured=self.model.free + more, premium=0)
        self._issue_book(values.whole_book(whole, product, self.model.now))

    @in_business
    @insuring
    @rule(data=st.data(), what=st.sampled_from(("cap", "cap", "deadline", "collateral")))
    def supervise(self, data: Any, what: str) -> None:
        """A daily cap set or lifted, a deadline put off, less or more collateral asked of new books."""
        if what == "cap":
            self._set_daily_cap(data.draw)
        elif what == "deadline":
            self._extend_deadline(data.draw)
        else:
            share = data.draw(st.sampled_from((0, 1, 100, 5_000, 9_999, WHOLE, WHOLE + 1)))
            self._allow_collateral(self._one_of(data.draw, self.model.products), share)

    @precondition(lambda self: self._over())
    @rule(data=st.data())
    def expire(self, data: Any) -> None:
        """A book at its deadline or past it."""
        book_id = self._one_of(data.draw, self._over(), *self.books)
        known = partial(self.model.expire, book_id)
        if self.do(self.customers[3], "books", "expire", book_id, foretell=known) and data.draw(
            st.booleans()
        ):
            self._put_off(book_id, self.model.now + DAY)  # too late: nothing is reserved for it any more

    def _register(self, direction: int, tiers: Sequence[tuple[int, int]], draw: Draw) -> None:
        metric = draw(st.sampled_from(values.METRICS)).encode().ljust(32, b"\0")
        arguments = (f"product {direction}", metric, direction, tiers)
        known = partial(self.model.register, *arguments)
        if self.do(self.insurer, "products", "register", *arguments, (0, 0, 0, 0), foretell=known):
            self._check_rule(len(self.model.products))

    def _check_rule(self, product: int) -> None:
        """C3: the contract's rule and the model's agree around every threshold."""
        thresholds = [threshold for threshold, _ in self.model.products[product].tiers]
        seen = [values.LEAST, values.MOST, *(one + beside for one in thresholds for beside in (-1, 0, 1))]
        shares = self.chain.read({value: ("products", "shareOf", (product, value)) for value in seen})
        assert shares == {value: self.model.share_of(product, value) for value in seen}

    def _set_daily_cap(self, draw: Draw) -> None:
        """None, or a part of what the policies insure."""
        book_id, part = self._one_of(draw, self.books), draw(st.sampled_from((0, 1, 2, 3)))
        insured = self.books[book_id].policies if book_id in self.books else ()
        self._cap(book_id, sum(one.sum_insured for one in insured) // part + 1 if part else 0)

    def _cap(self, book_id: int, cap: int) -> None:
        known = partial(self.model.set_daily_cap, book_id, cap)
        self.do(self.insurer, "books", "setDailyCap", book_id, cap, foretell=known)

    def _extend_deadline(self, draw: Draw) -> None:
        """By a while, or by nothing."""
        book_id, later = self._one_of(draw, self.books), draw(st.sampled_from((-1, 0, 1, DAY, 40 * DAY)))
        before = self.model.books[book_id].deadline if book_id in self.books else 0
        self._put_off(book_id, max(before + later, 0))

    def _put_off(self, book_id: int, deadline: int) -> None:
        known = partial(self.model.extend_deadline, book_id, deadline)
        self.do(self.insurer, "books", "extendDeadline", book_id, deadline, foretell=known)

    def _allow_collateral(self, product: int, share: int) -> None:
        known = partial(self.model.set_minimum_collateral, product, share)
        self.do(self.insurer, "books", "setMinimumCollateral", product, share, foretell=known)

    def _ahead(self) -> list[int]:
        """Books whose cover has not begun."""
        return [key for key, book in self.model.books.items() if self.model.now < book.cover[0]]

    def _over(self) -> list[int]:
        """Books whose last second to claim is this one, or has been."""
        return [key for key, book in self.model.books.items() if self.model.now >= book.deadline]

    def _issue(self, draw: Draw) -> None:
        """A new book, now and then of what was issued before or on no product."""
        product = self._one_of(draw, self.model.products)
        least = self.model.least_collateral.get(product, WHOLE)
        insured = values.policies(draw, self.payees, self._salted())
        book = values.book(draw, insured, product, self.model.now, least)
        olds = [values.book_again(old, self.model.now + DAY) for old in self.books.values()]
        self._issue_book(mostly(draw, book, *olds))

    def _salted(self) -> str:
        """What no policy was salted with before."""
        self.salt += 1
        return f"book {self.salt}"

    def _issue_book(self, book: Book) -> None:
        known = partial(self.model.issue, book.terms, self.underwriter, book.policies)
        if self.do(self.underwriter, "books", "issue", book.terms, foretell=known):
            book_id = len(self.model.books)
            self.books[book_id] = issued(book, book_id)

    # --- reports

    @in_business
    @insuring
    @precondition(lambda self: len(self.reports) < REPORTS)
    @rule(data=st.data())
    def publish(self, data: Any) -> None:
        """What the oracles saw, of one book's cover; anybody carries it."""
        self._publish(data.draw, mostly(data.draw, 0, 1))

    @in_business
    @precondition(lambda self: self._in_force() and len(self.reports) < REPORTS)
    @rule(data=st.data())
    def report_and_wait(self, data: Any) -> None:
        """Something happened to every risk, and the time to dispute it is over, or all but over."""
        self._report_and_wait(data.draw)

    @in_business
    @precondition(lambda self: self._standing(1))
    @rule(data=st.data())
    def challenge(self, data: Any) -> None:
        """A report that is not final yet."""
        self._challenge(self._one_of(data.draw, self._standing(1), *self.reports))

    @in_business
    @precondition(lambda self: self._standing(2))
    @rule(data=st.data())
    def uphold(self, data: Any) -> None:
        """A challenged report."""
        report_id = self._one_of(data.draw, self._standing(2), *self.reports)
        known = partial(self.model.uphold, report_id)
        self.do(self.insurer, "reports", "uphold", report_id, foretell=known)

    @in_business
    @precondition(lambda self: self._standing(2) and len(self.reports) < REPORTS)
    @rule(data=st.data())
    def replace(self, data: Any) -> None:
        """A challenged report, by another: signed by all, and on the metric of some book's product."""
        draw = data.draw
        report_id = self._one_of(draw, self._standing(2), 0, *self.reports)
        book = self.model.books[draw(st.sampled_from(sorted(self.books)))]
        product = self.model.products[book.product]
        report = values.paying_report(draw, product, book.cover, self.model.now, report_id)
        self._publish_report(self.insurer, "replace", report, self.chain.suite.oracles)

    def _standing(self, status: int) -> list[int]:
        """Reports of a status, 1 published or 2 challenged, that are not final."""
        reports = self.model.reports
        return [key for key in reports if reports[key].status == status and not self.model.is_final(key)]

    def _challenge(self, report_id: int) -> None:
        known = partial(self.model.challenge, report_id)
        self.do(self.insurer, "reports", "challenge", report_id, b"why".ljust(32), foretell=known)

    def _publish(self, draw: Draw, replaces: int) -> None:
        book = self.model.books[draw(st.sampled_from(sorted(self.books)))]
        product = self.model.products[book.product]
        more = {"thresholds": [threshold for threshold, _ in product.tiers], "replaces": replaces}
        report = values.report(draw, product.metric, book.cover, self.model.now, **more)
        first, second, third = self.chain.suite.oracles
        signers = mostly(
            draw,
            (first, third),
            (first, second, third),
            (first,),
            (second, second),
            (third, first),
            (first, self.chain.suite["stranger"]),
        )
        report = mostly(draw, report, *self.reports.values())
        self._publish_report(self.customers[3], "publish", report, signers)

    def _report_and_wait(self, draw: Draw) -> None:
        book = self.model.books[draw(st.sampled_from(self._in_force()))]
        report = values.paying_report(draw, self.model.products[book.product], book.cover, self.model.now)
        self._publish_report(self.insurer, "publish", report, self.chain.suite.oracles[1:])
        self._wait(self.model.now + CHALLENGE_PERIOD - mostly(draw, 0, 1))
        if self.reports and mostly(draw, False, True):
            self._challenge(max(self.reports))

    def _in_force(self) -> list[int]:
        """Books under cover that a report of today can still settle."""
        now, books = self.model.now, self.model.books
        return [
            key
            for key, one in books.items()
            if one.cover[0] <= now and now + CHALLENGE_PERIOD <= one.deadline
        ]

    def _publish_report(self, by: str, function: str, report: Report, signers: Sequence[Actor]) -> None:
        names = [one.address for one in signers]
        known = partial(getattr(self.model, function), report.data, names, report.observations)
        signatures = self.chain.suite.sign(report.data, signers)
        if self.do(by, "reports", function, report.data, signatures, foretell=known):
            report_id = len(self.model.reports)
            self.reports[report_id] = published(report, report_id)

    # --- settling

    @precondition(lambda self: self._ripe())
    @rule(data=st.data())
    def settle_due(self, data: Any) -> None:
        """Some of what is due."""
        self._settle(self._due_batch(data.draw))

    @precondition(lambda self: self._ripe())
    @rule(data=st.data())
    def settle_all_due(self, data: Any) -> None:
        """All that one report makes due in one book."""
        book_id, report_id, places = data.draw(st.sampled_from(self._ripe()))
        self._settle(settlement(self.books[book_id], self.reports[report_id], places))

    @precondition(lambda self: self._ripe())
    @rule(data=st.data(), short=st.integers(0, 1))
    def settle_at_the_cap(self, data: Any, short: int) -> None:
        """All that is due, on a daily cap that just allows it, or falls one short."""
        book_id, report_id, places = data.draw(st.sampled_from(self._ripe()))
        book, terms, report = self.books[book_id], self.model.books[book_id], self.reports[report_id]
        value_of = {seen.risk: seen.value for seen in report.observations}
        due = sum(
            one.sum_insured * self.model.share_of(terms.product, value_of[one.risk]) // WHOLE
            for one in (book.policies[place] for place in places)
        )
        self._cap(book_id, terms.paid_on.get(self.model.now // DAY, 0) + due - short)
        self._settle(settlement(book, report, places))

    @in_business
    @insuring
    @reporting
    @rule(data=st.data())
    def settle_any(self, data: Any) -> None:
        """Any policies by any report that has their risks: due, not due, settled, cancelled, mixed."""
        book = self.books[data.draw(st.sampled_from(sorted(self.books)))]
        report = self.reports[data.draw(st.sampled_from(sorted(self.reports)))]
        risks = {seen.risk for seen in report.observations}
        places = [place for place, one in enumerate(book.policies) if one.risk in risks]
        if places:
            self._settle(settlement(book, report, self._some(data.draw, places)))

    @in_business
    @precondition(lambda self: self._ripe() and any(book.done for book in self.model.books.values()))
    @rule(data=st.data())
    def settle_stale_with_due(self, data: Any) -> None:
        """What is due together with all of the same risks that is settled or cancelled."""
        book_id, report_id, places = data.draw(st.sampled_from(self._ripe()))
        book, done = self.books[book_id], self.model.books[book_id].done
        risks = {seen.risk for seen in self.reports[report_id].observations}
        stale = [place for place, one in enumerate(book.policies) if one.number in done and one.risk in risks]
        self._settle(settlement(book, self.reports[report_id], {*places, *stale}))

    @in_business
    @precondition(lambda self: self.settled)
    @rule(data=st.data())
    def settle_again(self, data: Any) -> None:
        """A batch that was settled before, to the byte."""
        self._settle(data.draw(st.sampled_from(self.settled)))

    @in_business
    @precondition(lambda self: self._ripe())
    @rule(data=st.data())
    def settle_forged(self, data: Any) -> None:
        """What is due, with something wrong about it."""
        self._settle(values.forged(data.draw, self._due_batch(data.draw), self.payees))

    def _settle(self, batch: Settlement) -> None:
        known = partial(self.model.settle, batch)
        if self.do(self.customers[3], "books", "settle", *batch, foretell=known):
            self.settled.append(batch)

    def _due_batch(self, draw: Draw) -> Settlement:
        book_id, report_id, places = draw(st.sampled_from(self._ripe()))
        return settlement(self.books[book_id], self.reports[report_id], self._some(draw, places))

    def _ripe(self) -> list[tuple[int, int, list[int]]]:
        """Book, report and places of policies, where something is due."""
        found = []
        for book_id, book in self.books.items():
            for report_id, report in self.reports.items():
                if places := self._due(self.model.books[book_id], book, report_id, report):
                    found.append((book_id, report_id, places))
        return found

    def _due(self, terms: Any, book: Book, report_id: int, report: Report) -> list[int]:
        """The places of policies of a book due by a report."""
        model, data = self.model, report.data
        covered = terms.cover[0] <= data.period_start and data.period_end <= terms.cover[1]
        alike = model.products[terms.product].metric == data.metric
        if not (covered and alike and model.is_final(report_id) and model.now <= terms.deadline):
            return []
        shares = {seen.risk: model.share_of(terms.product, seen.value) for seen in report.observations}
        return [
            place
            for place, one in enumerate(book.policies)
            if one.number not in terms.done and one.sum_insured * shares.get(one.risk, 0) >= WHOLE
        ]

    # --- owed money, freezing, pausing, time

    @precondition(lambda self: self._owed())
    @rule(data=st.data())
    def withdraw_owed(self, data: Any) -> None:
        """By the payee or anybody else, to the payee or elsewhere."""
        payee = self._one_of(data.draw, self._owed(), *self.customers)
        elsewhere = data.draw(st.sampled_from(self.people))
        by, to = data.draw(st.sampled_from(((0, payee), (payee, elsewhere), (0, elsewhere))))
        self._withdraw_owed(by if by in self.customers else self.customers[3], payee, to)

    @precondition(lambda self: self.model.frozen & set(self._owed()))
    @rule(data=st.data())
    def withdraw_when_thawed(self, data: Any) -> None:
        """A payee can receive money again, and anybody sends them what they are owed."""
        payee = data.draw(st.sampled_from(sorted(self.model.frozen & set(self._owed()))))
        self._freeze(payee, False)
        self._withdraw_owed(self.insurer, payee, payee)

    @in_business
    @precondition(lambda self: self._thawed())
    @rule(data=st.data())
    def freeze(self, data: Any) -> None:
        """A payee, seldom the pool itself."""
        self._freeze(self._one_of(data.draw, self._thawed(), self.pool), True)

    @precondition(lambda self: self.model.frozen)
    @rule(data=st.data())
    def thaw(self, data: Any) -> None:
        """An account that was frozen."""
        self._freeze(data.draw(st.sampled_from(sorted(self.model.frozen))), False)

    @in_business
    @rule(surely=st.integers(0, 2))
    def pause(self, surely: int) -> None:
        """One time in three: much less happens then."""
        if surely == 0:
            self.do(self.insurer, "pool", "pause", foretell=self.model.pause)

    @precondition(lambda self: self.model.paused)
    @rule()
    def resume(self) -> None:
        """All goes on."""
        self.do(self.insurer, "pool", "unpause", foretell=self.model.unpause)

    @rule(data=st.data())
    def wait(self, data: Any) -> None:
        """Until just before, at or after one of the next moments that matter."""
        moments = self._moments()
        self._wait(data.draw(st.sampled_from((self.model.now + 1, *moments[: 3 * NEAR]))))

    @in_business
    @precondition(lambda self: any(self.model.now < opens for _, opens, _ in self.model.notices.values()))
    @rule(data=st.data())
    def wait_for_exit(self, data: Any) -> None:
        """Until somebody's notice has run."""
        opening = sorted(opens for _, opens, _ in self.model.notices.values() if self.model.now < opens)
        self._wait(data.draw(st.sampled_from(opening)))

    def _owed(self) -> list[str]:
        """Payees with money kept for them."""
        return sorted(payee for payee, amount in self.model.owed.items() if amount)

    def _withdraw_owed(self, by: str, payee: str, to: str) -> None:
        known = partial(self.model.withdraw_owed, by, payee, to)
        self.do(by, "pool", "withdrawOwed", payee, to, foretell=known)

    def _thawed(self) -> list[str]:
        """Customers to whom money can be sent."""
        return sorted(set(self.customers) - self.model.frozen)

    def _freeze(self, account: str, frozen: bool) -> None:
        known = partial(self.model.freeze, account, frozen)
        self.do(self.insurer, "token", "freeze", account, frozen, foretell=known)

    def _moments(self) -> list[int]:
        """Those still to come around which something changes, soonest first."""
        model = self.model
        turns = {(model.now // DAY + 1) * DAY}
        turns.update(moment for book in model.books.values() for moment in (*book.cover, book.deadline))
        turns.update(report.final_at for report in model.reports.values())
        turns.update(moment for _, *window in model.notices.values() for moment in window)
        return sorted({turn + beside for turn in turns for beside in (-1, 0, 1) if turn + beside > model.now})

    def _wait(self, moment: int) -> None:
        note(f"until {moment}")
        self.model.now = moment
        self.chain.suite.clock.move_to(moment)
        self._note("wait", (), [])

    # --- investors

    @rule(data=st.data(), what=st.sampled_from(("deposit", "mint", "transfer", "notice", "donate")))
    def invest(self, data: Any, what: str) -> None:
        """Money in for shares, shares to somebody else, notice of leaving, money for nothing."""
        draw, by = data.draw, data.draw(st.sampled_from(self.investors))
        if what == "transfer":
            self._transfer_shares(draw, by)
        elif what == "notice":
            self._give_notice(by, self._about(draw, self.model.shares[by]))
        elif what == "donate":
            self._donate(draw(st.one_of(st.integers(1, 99), st.integers(10**6, 10**11))))
        else:
            self._enter(draw, by, what)

    @precondition(lambda self: self._leaving())
    @rule(data=st.data(), by_shares=st.booleans())
    def leave(self, data: Any, by_shares: bool) -> None:
        """As much as may leave, more or less, by the number of shares or the amount."""
        by = self._one_of(data.draw, self._leaving(), *self.investors)
        receiver = mostly(data.draw, by, *self.people)
        function = "redeem" if by_shares else "withdraw"
        most = self.model.may_redeem(by) if by_shares else self.model.may_withdraw(by)
        amount = self._about(data.draw, most or self.model.shares[by])
        known = partial(getattr(self.model, function), by, amount, receiver)
        self.do(by, "pool", function, amount, receiver, by, foretell=known)

    def _enter(self, draw: Draw, by: str, function: str) -> None:
        """For oneself or another, by the amount or by the number of shares."""
        receiver, unit = mostly(draw, by, *self.holders, NOBODY), VIRTUAL if function == "mint" else 1
        amount = draw(st.one_of(st.integers(0, 1_000 * unit), st.integers(10**6 * unit, SAVINGS * unit // 3)))
        known = partial(getattr(self.model, function), by, amount, receiver)
        self.do(by, "pool", function, amount, receiver, foretell=known)

    def _transfer_shares(self, draw: Draw, by: str) -> None:
        """To an investor, oneself perhaps, or seldom to the pool or nobody."""
        to = self._one_of(draw, self.investors, *self.holders, NOBODY)
        shares = self._about(draw, self.model.shares[by])
        known = partial(self.model.transfer_shares, by, to, shares)
        self.do(by, "pool", "transfer", to, shares, foretell=known)

    def _donate(self, amount: int) -> None:
        known = partial(self.model.mint_money, self.pool, amount)
        self.do(self.insurer, "token", "mint", self.pool, amount, foretell=known)

    def _give_notice(self, by: str, shares: int) -> None:
        known = partial(self.model.give_notice, by, shares)
        self.do(by, "pool", "giveNotice", shares, foretell=known)

    def _leaving(self) -> list[str]:
        """Those whose window is open, opens next second or has just closed."""
        notices, now = self.model.notices, self.model.now
        return [who for who, (_, opens, closes) in notices.items() if opens - 1 <= now <= closes]

    # --- draws

    def _one_of(self, draw: Draw, usual: Any, *others: Any) -> Any:
        """One of the usual, now and then one of the others: ids that do not exist, by default."""
        return mostly(draw, draw(st.sampled_from(sorted(usual))), *(others or (0, 99)))

    def _some(self, draw: Draw, places: Sequence[int]) -> list[int]:
        """At least one of them."""
        return draw(st.lists(st.sampled_from(places), min_size=1, max_size=len(places), unique=True))

    def _about(self, draw: Draw, amount: int) -> int:
        """The amount, a part of it, or a little more."""
        return draw(st.sampled_from((amount, amount // 2, amount // 3 + 1, amount + 1, 1)))
