"""Settling: everything that final reports make due is paid, in batches, once.

What is due is worked out from the records; what was settled already is read from the contract's own marks.
So the command can be killed at any moment and run again: it pays what is left. The contract checks every
claim for itself; nothing here is trusted by it.

A claim whose payee does not meet what the product requires is withheld: by the chain the first time, so that
it is on record; after that it is sent again only once the payee is eligible.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import select

from troth import index
from troth.chain.sender import Outcome
from troth.chain.transactions import Call, Receipt
from troth.claims import eligibility, products
from troth.claims.administration import issued_book
from troth.claims.batches import Batch, Evidence, batches, call_of, halves
from troth.claims.books import policy_leaf
from troth.claims.eligibility import Requirement
from troth.claims.products import Product
from troth.claims.reports import observation_leaf
from troth.errors import ContractRefused, RecordsAltered, TrothError
from troth.office import Office, Progress, progress_ignored
from troth.store import schema
from troth.store.books import Book, PolicyRow, list_books, policies_of
from troth.store.products import list_products
from troth.store.reports import ObservationRow, Report, list_reports, observations_of
from troth.trees.keccak import MerkleTree

__all__ = ["Settlement", "settle"]

_DAY = 86_400
_WORDS_IN_A_CALL = 1_000  # of marks: 256,000 policies
# Refusals that the rest of the book would meet too: trying smaller batches is no use.
_WHOLESALE = {
    "AccessManagedUnauthorized": "the policy books may not pay: have an administrator grant them BOOKKEEPER",
    "CapitalPoolShort": "the pool is short of money: `troth pool deposit AMOUNT`, then settle again",
    "EnforcedPause": "the pool is paused: have a guardian resume it, then settle again",
    "OracleReportsNotFinal": "the report is no longer final: settle again once it is",
    "PolicyBooksDailyCapExceeded": "the daily cap is reached: settle tomorrow, or lift it (`troth book cap`)",
    "PolicyBooksDeadlinePassed": "the claim deadline passed: nothing more is paid",
    "PolicyBooksOverdrawn": "the book's policies are worth more than it was issued for",
}


@dataclass(frozen=True)
class Settlement:
    """What one run did. Amounts in base units."""

    due: int
    """Claims that were due and not settled when it began."""
    due_amount: int
    settled: int
    """Claims settled by it: paid, or owed."""
    paid: int
    """What reached payees."""
    owed: int
    """Claims whose transfer failed; the money is kept for the payee."""
    owed_amount: int
    skipped: int
    """Claims due by a final report that were settled or cancelled before, or by somebody else meanwhile."""
    gas_used: int
    transactions: tuple[str, ...]
    """Hashes, one a batch, in the order mined."""
    waiting: tuple[str, ...]
    """Why claims that are due were not sent, in words."""
    failed: tuple[str, ...]
    """Claims that the chain refused, each with its reason."""
    withheld: int = 0
    """Claims not paid, for their payees do not meet what the product requires; foreseen, in a dry run."""
    withheld_amount: int = 0
    lacking: tuple[str, ...] = ()
    """Why, in words, with how many claims for each reason."""

    @property
    def batches(self) -> int:
        """How many transactions it took."""
        return len(self.transactions)


def settle(
    office: Office,
    *,
    book_id: int | None = None,
    dry_run: bool = False,
    progress: Progress = progress_ignored,
) -> Settlement:
    """Pays all that is due, of one book or of all. With `dry_run` nothing is sent and no key is opened.

    Raises BadInput for an unknown book, RecordsAltered if the records no longer give a book's or a report's
    root, NoFunds, NoNode, and what opening the key raises. What the contracts refuse is in the result.
    """
    if not dry_run:
        _ = office.sender  # finishes what a killed run had under way, before anything is planned
    office.sync()
    run = _Run(office, progress)
    for due in _due(office, book_id):
        run.add(due)
    if dry_run:
        run.foresee()
    else:
        run.send()
        office.sync()
    return run.result()


_Claim = tuple[PolicyRow, int]  # with what the rule pays, base units


@dataclass(frozen=True)
class _Due:
    """What one report makes due in one book."""

    evidence: Evidence
    claims: Sequence[_Claim]
    skipped: int
    cap_left: int | None  # of the book's daily cap as the run begins, base units; None without a cap
    requirement: Requirement
    told: Container[int]  # numbers of policies that the chain has withheld before

    def is_lacking(self, claim: PolicyRow) -> bool:
        """Whether the chain would withhold the claim now."""
        return bool(self.evidence.asked) and not self.evidence.asked[claim.payee].is_eligible


class _Held(NamedTuple):
    """A claim whose payee must meet something."""

    requirement: Requirement
    payee: bytes
    amount: int  # base units


_Policy = tuple[int, int]  # by book and number


@dataclass
class _Run:
    """A run under way."""

    office: Office
    progress: Progress
    queue: deque[Batch] = field(default_factory=deque)
    sent: dict[int, Batch] = field(default_factory=dict)  # by id of the call
    dues: list[_Due] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    amounts: dict[str, list[int]] = field(default_factory=lambda: {"paid": [], "owed": []})  # a claim each
    overtaken: int = 0  # claims that somebody else settled meanwhile
    answered: int = 0  # claims that the chain withheld
    waiting: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    stopped: set[int] = field(default_factory=set)  # books that a wholesale refusal stopped
    cap_left: dict[int, int] = field(default_factory=dict)  # by book, less what is queued
    planned: int = 0
    conditional: dict[_Policy, _Held] = field(
        default_factory=dict
    )  # those of products that require something
    withheld: dict[_Policy, _Held] = field(default_factory=dict)

    def add(self, due: _Due) -> None:
        """Queues what one report makes due in one book, as far as the day's cap goes."""
        self.dues.append(due)
        if due.evidence.asked:
            for claim, amount in due.claims:
                held = _Held(due.requirement, claim.payee, amount)
                self.conditional[due.evidence.book_id, claim.number] = held
        claims = self._sendable(due)
        self.planned += len(claims)
        gas = min(self.office.settings.batch_gas, self.office.gas_cap * 4 // 5)
        self.queue.extend(batches(due.evidence, claims, gas))

    def foresee(self) -> None:
        """Counts as withheld what would be."""
        for due in self.dues:
            self._withhold(due.evidence.book_id, (one.number for one, _ in due.claims if due.is_lacking(one)))

    def send(self) -> None:
        """Sends the queue; a batch refused for one claim is cut in two until that claim stands alone."""
        while self.queue:
            for outcome in self.office.sender.stream(self._calls()):
                self._record(outcome)
                self.progress(sum(map(len, self.amounts.values())) + self.answered, self.planned)

    def result(self) -> Settlement:
        """What the run did. Asks the chain why claims were withheld, if any were."""
        paid, owed = self.amounts["paid"], self.amounts["owed"]
        return Settlement(
            due=sum(len(due.claims) for due in self.dues),
            due_amount=sum(amount for due in self.dues for _, amount in due.claims),
            settled=len(paid) + len(owed),
            paid=sum(paid),
            owed=len(owed),
            owed_amount=sum(owed),
            skipped=sum(due.skipped for due in self.dues) + self.overtaken,
            gas_used=sum(receipt.gas_used for receipt in self.receipts),
            transactions=tuple(receipt.hash for receipt in self.receipts),
            waiting=tuple(dict.fromkeys(self.waiting)),
            failed=tuple(self.failed),
            withheld=len(self.withheld),
            withheld_amount=sum(one.amount for one in self.withheld.values()),
            lacking=tuple(self._lacking()),
        )

    def _calls(self) -> Iterator[Call]:
        """The queue as calls, made while the chain works on those before."""
        books = self.office.contract("PolicyBooks")
        while self.queue:
            batch = self.queue.popleft()
            if batch.evidence.book_id in self.stopped:
                continue
            call = call_of(batch, books, self.office.gas_cap)
            self.sent[id(call)] = batch
            yield call

    def _sendable(self, due: _Due) -> Sequence[PolicyRow]:
        """The claims, in order, that the daily cap lets through today, and those to be put on record as
        withheld. What is on record so and still lacks something is left out.
        """
        book_id = due.evidence.book_id
        left = None if due.cap_left is None else self.cap_left.get(book_id, due.cap_left)
        sendable, waiting = [], 0
        for claim, amount in due.claims:
            if due.is_lacking(claim):
                if claim.number in due.told:
                    self._withhold(book_id, [claim.number])
                else:
                    sendable.append(claim)
            elif left is None:
                sendable.append(claim)
            elif amount <= left:
                sendable.append(claim)
                left -= amount
            else:
                waiting += 1
        if left is not None:
            self.cap_left[book_id] = left
        if waiting:
            reason = _WHOLESALE["PolicyBooksDailyCapExceeded"]
            self.waiting.append(f"book {book_id}: {waiting} claims wait: {reason}")
        return sendable

    def _withhold(self, book_id: int, numbers: Iterable[int]) -> None:
        """Takes down that policies were withheld."""
        for number in numbers:
            self.withheld[book_id, number] = self.conditional[book_id, number]

    def _lacking(self) -> Iterator[str]:
        """Why claims were withheld."""
        payees: defaultdict[tuple[int, Requirement], list[bytes]] = defaultdict(list)
        for (book_id, _), held in self.withheld.items():
            payees[book_id, held.requirement].append(held.payee)
        for (book_id, requirement), of_book in payees.items():
            found = eligibility.lacks(self.office, requirement, of_book)
            for lack, count in Counter(found[payee] for payee in of_book).items():
                claims = "1 claim" if count == 1 else f"{count} claims"
                yield f"book {book_id}: {claims} withheld: {lack.value}"

    def _record(self, outcome: Outcome) -> None:
        """Takes down what became of one batch."""
        batch = self.sent.pop(id(outcome.call))
        if outcome.receipt is not None:
            self.receipts.append(outcome.receipt)
            rows = index.rows_among(self.office.ledger_contracts, outcome.receipt.logs)
            for *_, kind, _payee, amount in rows[schema.payments]:
                self.amounts[kind].append(amount)
            for *_, skipped, _amount in rows[schema.settlements]:
                self.overtaken += skipped
            numbers = [number for *_, number, _payee in rows[schema.withholdings]]
            self._withhold(batch.evidence.book_id, numbers)
            self.answered += len(numbers)
        if outcome.failure is not None:
            self._refused(batch, outcome.failure)

    def _refused(self, batch: Batch, failure: TrothError) -> None:
        """Stops the book, cuts the batch in two, or gives the one claim up."""
        name = failure.name if isinstance(failure, ContractRefused) else ""
        if name in _WHOLESALE:
            self.stopped.add(batch.evidence.book_id)
            self.waiting.append(f"book {batch.evidence.book_id}: {_WHOLESALE[name]}")
        elif len(batch.claims) > 1:
            self.queue.extend(halves(batch))
        else:
            self.failed.append(f"{batch.claims[0].policy_ref}: {failure}")


@dataclass(frozen=True)
class _Facts:
    """What a final report says, as far as a product pays for it."""

    report_id: int
    tree: MerkleTree
    paying: Sequence[ObservationRow]


class _FinalReports:
    """The final reports written here, each read once for all books on one product."""

    def __init__(self, office: Office, reports: Sequence[Report]) -> None:
        self._office = office
        published = {report.report_id: report for report in reports if report.report_id is not None}
        ids = sorted(published)
        answers = office.contract("OracleReports").call_many([("isFinal", (one,)) for one in ids])
        self._final = {one: published[one] for one, is_final in zip(ids, answers, strict=True) if is_final}
        self._read: dict[tuple[int, int], _Facts] = {}  # by report and product

    def about(self, book: Book, product: Product) -> list[_Facts]:
        """Those on the product's metric, of periods within the book's cover, oldest first."""
        return [
            self._facts(report_id, report, product)
            for report_id, report in self._final.items()
            if report.metric == product.metric
            and book.cover_from <= report.period_start
            and report.period_end <= book.cover_until
        ]

    def _facts(self, report_id: int, report: Report, product: Product) -> _Facts:
        """One report's. Raises RecordsAltered."""
        key = (report_id, product.product_id)
        if key not in self._read:
            leaves, paying = [], []
            with self._office.store.reading() as connection:
                for observation in observations_of(connection, report):
                    leaves.append(observation_leaf(observation))
                    if products.share_of(product, observation.value):
                        paying.append(observation)
            tree = _proved(MerkleTree.build(leaves), report.root, f"report {report_id}")
            self._read[key] = _Facts(report_id, tree, paying)
        return self._read[key]


def _due(office: Office, book_id: int | None) -> Iterator[_Due]:
    """What is due, by book and report: a policy is due by the first final report that its product pays on."""
    wanted = None if book_id is None else issued_book(office, book_id, place="--book").key
    with office.store.reading() as connection:
        books = {
            book.book_id: book
            for book in list_books(connection)
            if book.book_id is not None and wanted in (None, book.key)
        }
        versions = {row.product_id: products.of_row(row) for row in list_products(connection)}
        reports = list_reports(connection)
    final = _FinalReports(office, reports)
    # Deadlines and caps as the contract has them: a supervisor may have changed them.
    states = office.contract("PolicyBooks").call_many([("book", (number,)) for number in books])
    now = int(office.now().timestamp())
    for (number, book), state in zip(books.items(), states, strict=True):
        if now <= state.deadline:
            facts = final.about(book, product := versions[book.product_id])
            yield from _due_of(office, number, book, product, facts, cap_left=_left(state, now))


def _due_of(
    office: Office,
    book_id: int,
    book: Book,
    product: Product,
    facts: Sequence[_Facts],
    *,
    cap_left: int | None,
) -> Iterator[_Due]:
    """What is due of one book, by report."""
    said: dict[str, tuple[int, ObservationRow]] = {}  # by risk: the place of the first that pays on it
    for place, fact in enumerate(facts):
        for observation in fact.paying:
            said.setdefault(observation.risk, (place, observation))
    if not said:
        return
    tree, policies = _insured(office, book, said)
    marks = _marks(office, book_id, book.policy_count)
    by_report: defaultdict[int, list[tuple[PolicyRow, int]]] = defaultdict(list)
    for policy in policies:
        place, observation = said[policy.risk]
        share = products.share_of(product, observation.value)
        if amount := policy.sum_insured * share // products.WHOLE:  # as the contract rounds: 0 is not due
            by_report[place].append((policy, amount))
    for place, of_report in sorted(by_report.items()):
        claims = [one for one in of_report if not marks[one[0].number >> 3] >> (one[0].number & 7) & 1]
        observed = {claim.risk: said[claim.risk][1] for claim, _ in claims}
        fact = facts[place]
        asked = {}
        if not product.requirement.is_empty:
            asked = eligibility.ask(office, product.requirement, (claim.payee for claim, _ in claims))
        evidence = Evidence(
            book_id, fact.report_id, tree, fact.tree, observed, tiers=len(product.tiers), asked=asked
        )
        skipped = len(of_report) - len(claims)
        yield _Due(evidence, claims, skipped, cap_left, product.requirement, _told(office, book_id))


def _told(office: Office, book_id: int) -> set[int]:
    """The numbers of a book's policies that the chain has withheld before."""
    table = schema.withholdings.c
    with office.store.reading() as connection:
        return set(connection.execute(select(table.number).where(table.book_id == book_id)).scalars())


def _insured(office: Office, book: Book, risks: Container[str]) -> tuple[MerkleTree, list[PolicyRow]]:
    """The book's tree, and its policies on `risks` in order of number. Raises RecordsAltered."""
    leaves, insured = [], []
    with office.store.reading() as connection:
        for policy in policies_of(connection, book):
            leaves.append(policy_leaf(policy))
            if policy.risk in risks:
                insured.append(policy)
    return _proved(MerkleTree.build(leaves), book.root, f"book {book.book_id}"), insured


def _proved(tree: MerkleTree, root: bytes, what: str) -> MerkleTree:
    """The tree, if its root is the one on the chain. Raises RecordsAltered."""
    if tree.root != root:
        raise RecordsAltered(what)
    return tree


def _marks(office: Office, book_id: int, policy_count: int) -> bytes:
    """The contract's marks, a bit a policy: policy n is bit n mod 8 of byte n div 8."""
    words = (policy_count + 255) // 256
    calls = [
        ("settledWords", (book_id, first, min(_WORDS_IN_A_CALL, words - first)))
        for first in range(0, words, _WORDS_IN_A_CALL)
    ]
    parts = office.contract("PolicyBooks").call_many(calls)
    return b"".join(word.to_bytes(32, "little") for part in parts for word in part)


def _left(state: Any, now: int) -> int | None:
    """What a book's daily cap, as the contract holds it, still lets through today; None without a cap."""
    if state.dailyCap == 0:
        return None
    spent = state.paidToday if state.today == now // _DAY else 0
    return max(0, int(state.dailyCap - spent))
