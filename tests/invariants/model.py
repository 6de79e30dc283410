"""What settlement and pool should do, from their interfaces alone: dicts, ints, own rules, own rounding.

Nothing here comes from the product or from its contracts. A call either happens whole, and says what the
contracts should say, or raises Refused with the error they should name. Amounts are token base units, times
UTC seconds, shares of a sum basis points.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any

from sha3 import keccak_256

WHOLE = 10_000
DAY = 86_400
VIRTUAL = 10**6
"""Shares that nobody holds, against one asset unit that nobody owns: the start of the share price."""
WORDS = 3
"""Of 256 policies each: those told in `totals`."""
NOBODY = "0x" + 40 * "0"

Said = tuple[str, tuple[Any, ...]]
"""An event: its name and its arguments."""


class Refused(Exception):  # noqa: N818  (it is no defect)
    """The call must fail, with this custom error."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass
class Product:
    """A rule."""

    metric: bytes
    at_least: bool
    tiers: list[tuple[int, int]]


@dataclass
class Report:
    """A report as published; status 1 stands, 2 challenged, 3 replaced."""

    metric: bytes
    root: bytes
    count: int
    period: tuple[int, int]
    final_at: int
    observations: tuple[Any, ...]
    status: int = 1
    replaced_by: int = 0

    def __deepcopy__(self, memo: object) -> Report:
        """A copy that changes apart; observations never change."""
        return replace(self)

    def row(self) -> tuple[Any, ...]:
        """As the contract lays it out."""
        signed = (self.metric, self.root, self.count, *self.period)
        return (*signed, self.final_at, self.replaced_by, self.status)


@dataclass
class Book:
    """A book, and its policies as they really are, whatever is claimed about them."""

    root: bytes
    product: int
    count: int
    cover: tuple[int, int]
    deadline: int
    collateral: int
    cap: int
    outstanding: int
    premium: int
    policies: tuple[Any, ...]
    reserve: int
    done: set[int] = field(default_factory=set)
    paid_on: dict[int, int] = field(default_factory=dict)

    def row(self) -> tuple[Any, ...]:
        """As the contract lays it out."""
        last = max(self.paid_on, default=0)
        money = (self.outstanding, self.reserve, sum(self.paid_on.values()), self.paid_on.get(last, 0))
        terms = (self.root, self.product, self.count, *self.cover, self.deadline, self.collateral)
        return (*terms, *money, last, self.cap, self.premium)

    def __deepcopy__(self, memo: object) -> Book:
        """A copy that changes apart; policies never change."""
        return replace(self, done=set(self.done), paid_on=dict(self.paid_on))

    def words(self) -> tuple[int, ...]:
        """Which policies are done, as the contract marks them: a bit each, 256 a word."""
        marks = [0] * WORDS
        for number in self.done:
            marks[number // 256] |= 1 << number % 256
        return tuple(marks)


def _whole(action: Callable[..., None]) -> Callable[..., list[Said]]:
    """All of it or nothing, as a transaction is. Returns what the contracts say, in order."""

    @wraps(action)
    def done(self: Model, *arguments: Any) -> list[Said]:
        before = deepcopy(self.__dict__)
        self.said = []
        try:
            action(self, *arguments)
        except Refused:
            self.__dict__ = before
            raise
        return self.said

    return done


def _unless(condition: object, error: str) -> None:
    """Refuses unless the condition holds."""
    if not condition:
        raise Refused(error)


class Model:
    """The suite, as far as money depends on it."""

    def __init__(
        self, *, now: int, pool: str, oracles: Iterable[str], quorum: int, periods: tuple[int, int, int]
    ) -> None:
        """`periods`: to challenge a report, of notice, and of the exit window, in seconds."""
        self.now, self.pool = now, pool
        self.oracles, self.quorum = frozenset(oracles), quorum
        self.challenge_period, self.notice_period, self.exit_window = periods
        self.products: dict[int, Product] = {}
        self.least_collateral: dict[int, int] = {}
        self.reports: dict[int, Report] = {}
        self.published: dict[Any, int] = {}
        self.books: dict[int, Book] = {}
        self.holds: dict[str, int] = defaultdict(int)
        self.frozen: set[str] = set()
        self.shares: dict[str, int] = defaultdict(int)
        self.notices: dict[str, tuple[int, int, int]] = {}
        self.owed: dict[str, int] = defaultdict(int)
        self.reserved = 0
        self.paused = False
        self.said: list[Said] = []

    def totals(self, people: Iterable[str]) -> dict[Any, Any]:
        """All there is to know, under the keys that the chain is read by."""
        whole: dict[Any, Any] = {
            "reserved": self.reserved,
            "owed": sum(self.owed.values()),
            "free": self.free,
            "assets": self.assets,
            "supply": self.supply,
            "paused": self.paused,
        }
        for who in people:
            whole["holds", who] = self.holds[who]
            whole["owed", who] = self.owed[who]
        for who in self.shares:
            whole["shares", who] = self.shares[who]
            whole["worth", who] = self.assets_for(self.shares[who])
            whole["notice", who] = self.notices.get(who, (0, 0, 0))
            whole["may redeem", who] = self.may_redeem(who)
            whole["may withdraw", who] = self.may_withdraw(who)
        for book_id, book in self.books.items():
            whole["book", book_id] = book.row()
            whole["done", book_id] = book.words()
        for report_id, report in self.reports.items():
            whole["report", report_id] = report.row()
            whole["final", report_id] = self.is_final(report_id)
        for product in self.products:
            whole["least collateral", product] = self.least_collateral.get(product, WHOLE)
        return whole

    # --- products

    @_whole
    def register(self, name: str, metric: bytes, direction: int, tiers: list[tuple[int, int]]) -> None:
        """A rule becomes a product."""
        _unless(tiers, "ProductRegisterTierCount")
        at_least = direction == 0
        for place, (threshold, share) in enumerate(tiers):
            _unless(0 < share <= WHOLE, "ProductRegisterShareOutOfRange")
            if place:
                milder, less = tiers[place - 1]
                harder = threshold > milder if at_least else threshold < milder
                _unless(harder and share > less, "ProductRegisterTierNotSevere")
        self.products[len(self.products) + 1] = Product(metric, at_least, list(tiers))

    def share_of(self, product_id: int, value: int) -> int:
        """The best share of all tiers reached."""
        product = self.products[product_id]
        reached = [
            share
            for threshold, share in product.tiers
            if value == threshold or (value > threshold) == product.at_least
        ]
        return max(reached, default=0)

    # --- reports

    @_whole
    def publish(self, data: tuple[Any, ...], signers: Sequence[str], observations: tuple[Any, ...]) -> None:
        """A first report."""
        _unless(data[5] == 0, "OracleReportsReplacementRestricted")
        self._publish(data, signers, observations)

    @_whole
    def replace(self, data: tuple[Any, ...], signers: Sequence[str], observations: tuple[Any, ...]) -> None:
        """A report in place of a challenged one."""
        old = self.reports.get(data[5])
        _unless(old and old.status == 2, "OracleReportsStatus")
        _unless(old.metric == data[0], "OracleReportsMetricDiffers")
        old.replaced_by = self._publish(data, signers, observations)
        old.status = 3

    @_whole
    def challenge(self, report_id: int) -> None:
        """A dispute."""
        report = self.reports.get(report_id)
        _unless(report and report.status == 1, "OracleReportsStatus")
        _unless(self.now < report.final_at, "OracleReportsChallengeOver")
        report.status = 2

    @_whole
    def uphold(self, report_id: int) -> None:
        """A dispute dismissed."""
        report = self.reports.get(report_id)
        _unless(report and report.status == 2, "OracleReportsStatus")
        report.status = 1

    def is_final(self, report_id: int) -> bool:
        """Whether a report counts."""
        report = self.reports.get(report_id)
        return report is not None and report.status == 1 and self.now >= report.final_at

    def _publish(self, data: tuple[Any, ...], signers: Sequence[str], observations: tuple[Any, ...]) -> int:
        metric, root, count, start, end, _ = data
        _unless(any(root) and count, "OracleReportsEmpty")
        _unless(start <= end <= self.now, "OracleReportsPeriodInvalid")
        _unless(data not in self.published, "OracleReportsAlreadyPublished")
        _unless(len(signers) >= self.quorum, "OracleReportsSignaturesShort")
        for place, signer in enumerate(signers):
            _unless(signer in self.oracles, "OracleReportsSignerUntrusted")
            ascending = place == 0 or int(signers[place - 1], 16) < int(signer, 16)
            _unless(ascending, "OracleReportsSignersUnordered")
        report_id = self.published[data] = len(self.reports) + 1
        final_at = self.now + self.challenge_period
        self.reports[report_id] = Report(metric, root, count, (start, end), final_at, observations)
        return report_id

    # --- books

    @_whole
    def issue(self, terms: tuple[Any, ...], underwriter: str, policies: tuple[Any, ...]) -> None:
        """A book: premium in, liability reserved."""
        root, product, count, begin, end, deadline, collateral, cap, sums, premium = terms
        _unless(any(root) and count, "PolicyBooksEmpty")
        _unless(all(book.root != root for book in self.books.values()), "PolicyBooksAlreadyIssued")
        _unless(begin <= end <= deadline and self.now < deadline, "PolicyBooksTimesInvalid")
        _unless(begin >= self.now // DAY * DAY, "PolicyBooksCoverBackdated")
        _unless(product in self.products, "ProductRegisterUnknown")
        least = self.least_collateral.get(product, WHOLE)
        _unless(least <= collateral <= WHOLE, "PolicyBooksCollateralOutOfRange")

        reserve = -(-sums * collateral // WHOLE)
        book_id = len(self.books) + 1
        self.books[book_id] = Book(
            root, product, count, (begin, end), deadline, collateral, cap, sums, premium, policies, reserve
        )
        self._unless_paused()
        self._move(underwriter, self.pool, premium)
        self.reserved += reserve
        self._covered()
        self._say("PremiumCollected", book_id, underwriter, premium)
        self._say("Reserved", book_id, reserve)
        whole = (root, count, sums, premium, reserve, begin, end, deadline)
        self._say("BookIssued", book_id, product, *whole)

    @_whole
    def settle(self, batch: Sequence[Any]) -> None:
        """The main job."""
        book_id, report_id, observations, claims, in_report, in_book = batch
        _unless(claims, "PolicyBooksNoClaims")
        book = self._book(book_id)
        _unless(self.now <= book.deadline, "PolicyBooksDeadlinePassed")
        self._check_report(book, report_id, observations, in_report)
        due = self._due(book, observations, claims)
        leaves = [_policy_leaf(claim, observations[claim[1]][0]) for claim in claims]
        _unless(root_reached(leaves, in_book) == book.root, "PolicyBooksNotInBook")
        listed = [(p.number, p.payee, p.sum_insured, p.terms, p.risk) for p in book.policies]
        for number, seen, *rest in claims:  # what the proof proves must be so
            assert (number, *rest, observations[seen][0]) in listed, f"policy {number} was proved, and is not"

        amount = sum(payment[2] for payment in due.values())
        if due:
            self._count(book, amount)
            released = self._draw(book, sum(sum_insured for _, sum_insured, _ in due.values()))
            book.done |= set(due)
            self._unless_paused()
            self._release(book_id, released)
            for number, (payee, _, part) in due.items():
                self._pay("Paid", book_id, number, payee, part)
            self._covered()
        self._say("Settled", book_id, report_id, len(due), len(claims) - len(due), amount)

    @_whole
    def cancel(self, book_id: int, policy: Any, refund: int, proof: Sequence[bytes]) -> None:
        """A policy ends before it began."""
        book = self._book(book_id)
        _unless(self.now < book.cover[0], "PolicyBooksCoverBegun")
        _unless(refund <= min(policy.premium, book.premium), "PolicyBooksRefundExceedsPremium")
        terms = _hash(_number(policy.premium, 12) + policy.ref)
        claim = (policy.number, 0, policy.payee, policy.sum_insured, terms)
        reached = _policy_leaf(claim, policy.risk)
        for sibling in proof:
            reached = _pair(reached, sibling)
        _unless(reached == book.root, "PolicyBooksNotInBook")
        assert policy in book.policies, f"policy {policy.number} was proved, and is not"
        _unless(policy.number < book.count, "PolicyBooksNumberOutOfRange")
        _unless(policy.number not in book.done, "PolicyBooksAlreadySettled")

        book.done.add(policy.number)
        book.premium -= refund
        released = self._draw(book, policy.sum_insured)
        self._unless_paused()
        self._release(book_id, released)
        self._pay("Refunded", book_id, policy.number, policy.payee, refund)
        self._covered()
        self._say("PolicyCancelled", book_id, policy.number, refund)

    @_whole
    def expire(self, book_id: int) -> None:
        """The claim deadline is over: capital goes free."""
        book = self._book(book_id)
        _unless(self.now > book.deadline, "PolicyBooksDeadlineAhead")
        _unless(book.reserve, "PolicyBooksNothingReserved")
        self._release(book_id, book.reserve)
        self._say("BookExpired", book_id, book.reserve)
        book.reserve = 0

    @_whole
    def extend_deadline(self, book_id: int, deadline: int) -> None:
        """More time to claim."""
        book = self._book(book_id)
        _unless(deadline > book.deadline, "PolicyBooksDeadlineNotLater")
        _unless(book.reserve, "PolicyBooksNothingReserved")
        book.deadline = deadline
        self._say("DeadlineExtended", book_id, deadline)

    @_whole
    def set_daily_cap(self, book_id: int, cap: int) -> None:
        """The most a book pays in a day."""
        self._book(book_id).cap = cap

    @_whole
    def set_minimum_collateral(self, product_id: int, share: int) -> None:
        """What new books may be issued on."""
        _unless(product_id in self.products, "ProductRegisterUnknown")
        _unless(0 < share <= WHOLE, "PolicyBooksCollateralOutOfRange")
        self.least_collateral[product_id] = share

    def _book(self, book_id: int) -> Book:
        _unless(book_id in self.books, "PolicyBooksUnknown")
        return self.books[book_id]

    def _check_report(self, book: Book, report_id: int, observations: Sequence[Any], proof: Any) -> None:
        """Everything seen is in a final report, on the book's metric, within its cover."""
        _unless(self.is_final(report_id), "OracleReportsNotFinal")
        report, (begin, end) = self.reports[report_id], book.cover
        _unless(begin <= report.period[0] and report.period[1] <= end, "PolicyBooksPeriodOutsideCover")
        _unless(report.metric == self.products[book.product].metric, "PolicyBooksMetricDiffers")
        leaves = [_hash(risk + _number(value, 16)) for risk, value in observations]
        _unless(root_reached(leaves, proof) == report.root, "PolicyBooksNotInReport")
        for seen in observations:
            assert seen in report.observations, f"{seen} was proved, and is not"

    def _due(
        self, book: Book, observations: Sequence[Any], claims: Sequence[Any]
    ) -> dict[int, tuple[str, int, int]]:
        """Payee, sum insured and amount by number, of every claim not settled before."""
        due: dict[int, tuple[str, int, int]] = {}
        for number, seen, payee, sum_insured, _ in claims:
            _unless(seen < len(observations), "PolicyBooksObservationMissing")
            _unless(number < book.count, "PolicyBooksNumberOutOfRange")
            if number in book.done or number in due:
                continue
            amount = sum_insured * self.share_of(book.product, observations[seen][1]) // WHOLE
            _unless(amount, "PolicyBooksNotDue")
            due[number] = (payee, sum_insured, amount)
        return due

    def _count(self, book: Book, amount: int) -> None:
        """Adds to what the book paid today, up to its cap."""
        today = self.now // DAY
        book.paid_on[today] = book.paid_on.get(today, 0) + amount
        _unless(not book.cap or book.paid_on[today] <= book.cap, "PolicyBooksDailyCapExceeded")

    def _draw(self, book: Book, sums: int) -> int:
        """Takes policies out of what is outstanding; the reserve that goes with them."""
        _unless(sums <= book.outstanding, "PolicyBooksOverdrawn")
        released = sums * book.collateral // WHOLE
        book.outstanding -= sums
        book.reserve -= released
        assert book.reserve >= 0, "a reserve went below nothing"
        return released

    # --- the pool's money

    @_whole
    def withdraw_owed(self, caller: str, payee: str, to: str) -> None:
        """What could not be paid is fetched."""
        _unless(payee in (to, caller), "CapitalPoolNotPayee")
        amount = self.owed[payee]
        _unless(amount, "CapitalPoolNothingOwed")
        self.owed[payee] = 0
        self._move(self.pool, to, amount)
        self._say("OwedWithdrawn", payee, to, amount)

    @_whole
    def mint_money(self, to: str, amount: int) -> None:
        """Money from nowhere, as a donation is to the pool."""
        self.holds[NOBODY] += amount
        self._move(NOBODY, to, amount)

    @_whole
    def freeze(self, account: str, frozen: bool) -> None:
        """Nobody can send money to a frozen account."""
        (self.frozen.add if frozen else self.frozen.discard)(account)

    @_whole
    def pause(self) -> None:
        """Everything but owed money stops."""
        self._unless_paused()
        self.paused = True

    @_whole
    def unpause(self) -> None:
        """It goes on."""
        _unless(self.paused, "ExpectedPause")
        self.paused = False

    def can_receive(self, account: str) -> bool:
        """Whether a transfer to the account moves anything out of the pool."""
        return account not in (NOBODY, self.pool) and account not in self.frozen

    def _pay(self, word: str, book_id: int, number: int, payee: str, amount: int) -> None:
        """Money to a payee, or a debt to them."""
        if self.can_receive(payee) and self.holds[self.pool] >= amount:
            self._move(self.pool, payee, amount)
            self._say(word, book_id, payee, number, amount)
        else:
            self.owed[payee] += amount
            self._say("Owed", book_id, payee, number, amount)

    def _release(self, book_id: int, amount: int) -> None:
        self.reserved -= amount
        self._say("Released", book_id, amount)

    def _move(self, giver: str, to: str, amount: int) -> None:
        """A transfer of the token."""
        _unless(to != NOBODY, "ERC20InvalidReceiver")
        _unless(to not in self.frozen, "TestDollarFrozen")
        _unless(self.holds[giver] >= amount, "ERC20InsufficientBalance")
        self.holds[giver] -= amount
        self.holds[to] += amount

    def _covered(self) -> None:
        needed = self.reserved + sum(self.owed.values())
        _unless(self.holds[self.pool] >= needed, "CapitalPoolShort")

    def _unless_paused(self) -> None:
        _unless(not self.paused, "EnforcedPause")

    def _say(self, name: str, *arguments: Any) -> None:
        self.said.append((name, arguments))

    # --- the pool's shares

    @property
    def assets(self) -> int:
        """What all shares are worth."""
        return max(self.holds[self.pool] - sum(self.owed.values()), 0)

    @property
    def free(self) -> int:
        """What may leave."""
        return max(self.assets - self.reserved, 0)

    @property
    def supply(self) -> int:
        """All shares."""
        return sum(self.shares.values())

    def shares_for(self, assets: int, *, up: bool = False) -> int:
        """Shares that assets buy, or if `up` cost."""
        return _divided(assets * (self.supply + VIRTUAL), self.assets + 1, up)

    def assets_for(self, shares: int, *, up: bool = False) -> int:
        """Assets that shares fetch, or if `up` cost."""
        return _divided(shares * (self.assets + 1), self.supply + VIRTUAL, up)

    def may_redeem(self, owner: str) -> int:
        """Shares under notice in its window, as far as free assets go."""
        noticed, opens, closes = self.notices.get(owner, (0, 0, 0))
        if self.paused or not opens <= self.now < closes:
            return 0
        return min(noticed, self.shares[owner], self.shares_for(self.free))

    def may_withdraw(self, owner: str) -> int:
        """The same in assets."""
        return self.assets_for(self.may_redeem(owner))

    @_whole
    def deposit(self, caller: str, assets: int, receiver: str) -> None:
        """Money in, for as many shares as it buys."""
        _unless(not (self.paused and assets), "ERC4626ExceededMaxDeposit")
        self._enter(caller, receiver, assets, self.shares_for(assets))

    @_whole
    def mint(self, caller: str, shares: int, receiver: str) -> None:
        """So many shares, for what they cost."""
        _unless(not (self.paused and shares), "ERC4626ExceededMaxMint")
        self._enter(caller, receiver, self.assets_for(shares, up=True), shares)

    @_whole
    def withdraw(self, owner: str, assets: int, receiver: str) -> None:
        """So much money out, for the shares it costs."""
        _unless(assets <= self.may_withdraw(owner), "ERC4626ExceededMaxWithdraw")
        self._leave(owner, receiver, assets, self.shares_for(assets, up=True))

    @_whole
    def redeem(self, owner: str, shares: int, receiver: str) -> None:
        """So many shares in, for what they fetch."""
        _unless(shares <= self.may_redeem(owner), "ERC4626ExceededMaxRedeem")
        self._leave(owner, receiver, self.assets_for(shares), shares)

    @_whole
    def give_notice(self, owner: str, shares: int) -> None:
        """Who wants out says so first."""
        _unless(shares <= self.shares[owner], "CapitalPoolNoticeExceedsShares")
        opens = self.now + self.notice_period
        self.notices[owner] = (shares, opens, opens + self.exit_window)
        self._say("NoticeGiven", owner, *self.notices[owner])

    @_whole
    def transfer_shares(self, owner: str, to: str, shares: int) -> None:
        """Shares change hands; notice does not."""
        _unless(to != NOBODY, "ERC20InvalidReceiver")
        _unless(shares <= self.shares[owner], "ERC20InsufficientBalance")
        self.shares[owner] -= shares
        self.shares[to] += shares
        self._limit_notice(owner, self.shares[owner])

    def _enter(self, caller: str, receiver: str, assets: int, shares: int) -> None:
        self._move(caller, self.pool, assets)
        _unless(receiver != NOBODY, "ERC20InvalidReceiver")
        self.shares[receiver] += shares
        self._say("Deposit", caller, receiver, assets, shares)

    def _leave(self, owner: str, receiver: str, assets: int, shares: int) -> None:
        noticed = self.notices.get(owner, (0, 0, 0))[0]
        assert shares <= min(noticed, self.shares[owner]), "more leaves than notice was given of"
        self.shares[owner] -= shares
        self._limit_notice(owner, noticed - shares)
        self._limit_notice(owner, self.shares[owner])
        self._move(self.pool, receiver, assets)
        self._say("Withdraw", owner, receiver, owner, assets, shares)

    def _limit_notice(self, owner: str, most: int) -> None:
        if owner in self.notices:
            noticed, *window = self.notices[owner]
            self.notices[owner] = (min(noticed, most), *window)


# --- hashes and proofs, the plain way


def root_reached(leaves: Sequence[bytes], proof: Any) -> bytes:
    """Where a multiproof leads. Refuses one that does not add up."""
    nodes, flags = list(proof[0]), proof[1]
    _unless(leaves, "MultiproofMalformed")
    hashes = len(leaves) + len(nodes) - 1
    _unless(len(flags) == -(-hashes // 8), "MultiproofFlagsLength")
    bits = "".join(f"{byte:08b}" for byte in flags)[:hashes]
    queue = list(leaves)
    for bit in bits:
        known = bit == "1"
        _unless(len(queue) > known and (known or nodes), "MultiproofMalformed")
        first = queue.pop(0)
        queue.append(_pair(first, queue.pop(0) if known else nodes.pop(0)))
    _unless(len(queue) == 1 and not nodes, "MultiproofMalformed")
    return queue[0]


def _policy_leaf(claim: Sequence[Any], risk: bytes) -> bytes:
    number, _, payee, sum_insured, terms = claim
    return _hash(_number(number, 4) + risk + bytes.fromhex(payee[2:]) + _number(sum_insured, 12) + terms)


def _pair(first: bytes, second: bytes) -> bytes:
    return _hash(b"".join(sorted((first, second))))


def _hash(data: bytes) -> bytes:
    return bytes(keccak_256(data).digest())


def _number(value: int, width: int) -> bytes:
    """Big-endian, two's complement if negative."""
    return (value % (1 << 8 * width)).to_bytes(width, "big")


def _divided(dividend: int, divisor: int, up: bool) -> int:
    return -(-dividend // divisor) if up else dividend // divisor
