"""Settling: everything that final reports make due is paid, in batches, once.

What is due is worked out from the records; what was settled already is read from the contract's own marks.
So the command can be killed at any moment and run again: it pays what is left. The contract checks every
claim for itself; nothing here is trusted by it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from troth.chain.sender import Outcome
from troth.chain.transactions import Call, Receipt
from troth.claims import ledger, products
from troth.claims.batches import Batch, Evidence, batches, call_of, halves
from troth.claims.books import as_extended, policy_leaf
from troth.claims.products import Product
from troth.claims.reports import observation_leaf
from troth.errors import BadInput, ContractRefused, MissingRole, Problem, RecordsAltered, TrothError
from troth.office import Office, Progress, progress_ignored
from troth.store import schema
from troth.store.books import Book, PolicyRow, list_books, policies_of
from troth.store.products import list_products
from troth.store.reports import ObservationRow, Report, list_reports, observations_of
from troth.trees import MerkleTree

__all__ = ["Settlement", "settle"]

_DAY = 86_400
_WORDS_IN_A_CALL = 1_000  # of marks: 256,000 policies
# Refusals that the rest of the book would meet too: trying smaller batches is no use.
_WHOLESALE = {
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
    """Claims due by a final report that had been settled before."""
    gas_used: int
    transactions: tuple[str, ...]
    """Hashes, one a batch, in the order mined."""
    waiting: tuple[str, ...]
    """Why claims that are due were not sent, in words."""
    failed: tuple[str, ...]
    """Claims that the chain refused, each with its reason."""

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
    if not dry_run:
        run.send()
        office.sync()
    return run.result()


@dataclass(frozen=True)
class _Due:
    """What one report makes due in one book."""

    evidence: Evidence
    claims: Sequence[PolicyRow]
    shares: dict[str, int]  # basis points by risk
    skipped: int
    allowance: int | None  # what the daily cap leaves today, base units

    def amount(self, claim: PolicyRow) -> int:
        """What the rule pays for a claim, as the contract rounds."""
        return claim.sum_insured * self.shares[claim.risk] // products.WHOLE


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
    waiting: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    stopped: set[int] = field(default_factory=set)  # books that a wholesale refusal stopped
    planned: int = 0

    def add(self, due: _Due) -> None:
        """Queues what one report makes due in one book, as far as the day's cap goes."""
        self.dues.append(due)
        claims = self._within_cap(due)
        self.planned += len(claims)
        gas = min(self.office.settings.batch_gas, self.office.gas_cap * 4 // 5)
        self.queue.extend(batches(due.evidence, claims, gas))

    def send(self) -> None:
        """Sends the queue; a batch refused for one claim is cut in two until that claim stands alone."""
        while self.queue:
            for outcome in self.office.sender.stream(self._calls()):
                self._record(outcome)
                self.progress(sum(map(len, self.amounts.values())), self.planned)

    def result(self) -> Settlement:
        """What the run did."""
        paid, owed = self.amounts["paid"], self.amounts["owed"]
        return Settlement(
            due=sum(len(due.claims) for due in self.dues),
            due_amount=sum(due.amount(claim) for due in self.dues for claim in due.claims),
            settled=len(paid) + len(owed),
            paid=sum(paid),
            owed=len(owed),
            owed_amount=sum(owed),
            skipped=sum(due.skipped for due in self.dues) + self.overtaken,
            gas_used=sum(receipt.gas_used for receipt in self.receipts),
            transactions=tuple(receipt.hash for receipt in self.receipts),
            waiting=tuple(dict.fromkeys(self.waiting)),
            failed=tuple(self.failed),
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

    def _within_cap(self, due: _Due) -> Sequence[PolicyRow]:
        """As many claims, in order, as the daily cap lets through today."""
        if due.allowance is None:
            return due.claims
        left = due.allowance
        for place, claim in enumerate(due.claims):
            left -= due.amount(claim)
            if left < 0:
                waiting = len(due.claims) - place
                reason = _WHOLESALE["PolicyBooksDailyCapExceeded"]
                self.waiting.append(f"book {due.evidence.book_id}: {waiting} claims wait: {reason}")
                return due.claims[:place]
        return due.claims

    def _record(self, outcome: Outcome) -> None:
        """Takes down what became of one batch."""
        batch = self.sent.pop(id(outcome.call))
        if outcome.receipt is not None:
            self.receipts.append(outcome.receipt)
            rows = ledger.rows_among(self.office.ledger_contracts, outcome.receipt.logs)
            for *_, kind, _payee, amount in rows[schema.payments]:
                self.amounts[kind].append(amount)
            for *_, skipped, _amount in rows[schema.settlements]:
                self.overtaken += skipped
        if outcome.failure is not None:
            self._refused(batch, outcome.failure)

    def _refused(self, batch: Batch, failure: TrothError) -> None:
        """Stops the book, cuts the batch in two, or gives the one claim up."""
        name = failure.name if isinstance(failure, ContractRefused) else ""
        if name in _WHOLESALE or isinstance(failure, MissingRole):
            self.stopped.add(batch.evidence.book_id)
            self.waiting.append(f"book {batch.evidence.book_id}: {_WHOLESALE.get(name, str(failure))}")
        elif len(batch.claims) > 1:
            self.queue.extend(halves(batch))
        else:
            self.failed.append(f"{batch.claims[0].policy_ref}: {failure}")


def _due(office: Office, book_id: int | None) -> Iterator[_Due]:
    """What is due, by book and report: a policy is due by the first final report that its product pays on."""
    with office.store.reading() as connection:
        issued = [
            book for book in list_books(connection) if book.is_issued and book_id in (None, book.book_id)
        ]
        versions = {row.product_id: products.of_row(row) for row in list_products(connection)}
        reports = list_reports(connection)
    if book_id is not None and not issued:
        raise BadInput(
            [Problem("--book", None, None, str(book_id), "no book of this number was issued here")]
        )
    final = _final(office, reports)
    now = int(office.now().timestamp())
    for book in as_extended(office, issued):
        product = versions[book.product_id]
        relevant = [report for report in final if _is_about(report, book, product)]
        if relevant and now <= int(book.deadline.timestamp()):
            yield from _due_of(office, book, product, relevant, now)


def _due_of(
    office: Office, book: Book, product: Product, reports: Sequence[Report], now: int
) -> Iterator[_Due]:
    """What is due of one book."""
    seen: dict[str, tuple[int, ObservationRow]] = {}  # by risk: place among `reports`, and what it says
    trees: list[MerkleTree] = []
    for place, report in enumerate(reports):
        tree, observations = _observed(office, report, product)
        trees.append(tree)
        for observation in observations:
            seen.setdefault(observation.risk, (place, observation))
    if not seen:
        return
    tree, policies = _insured(office, book, seen)
    assert book.book_id is not None  # noqa: S101  only issued books come here
    marks = _marks(office, book.book_id, book.policy_count)
    allowance = _allowance(office, book.book_id, now)
    for place, report in enumerate(reports):
        observed = {risk: row for risk, (first, row) in seen.items() if first == place}
        of_report = [policy for policy in policies if policy.risk in observed]
        claims = [policy for policy in of_report if not marks[policy.number >> 3] >> (policy.number & 7) & 1]
        if not of_report:
            continue
        assert report.report_id is not None  # noqa: S101  only final reports come here
        evidence = Evidence(book.book_id, report.report_id, tree, trees[place], observed)
        shares = {risk: products.share_of(product, row.value) for risk, row in observed.items()}
        due = _Due(evidence, claims, shares, len(of_report) - len(claims), allowance)
        if allowance is not None:
            allowance = max(0, allowance - sum(due.amount(claim) for claim in claims))
        yield due


def _is_about(report: Report, book: Book, product: Product) -> bool:
    """Whether a report is on the product's metric, and of a period within the book's cover."""
    within = book.cover_from <= report.period_start and report.period_end <= book.cover_until
    return within and report.metric == product.metric


def _final(office: Office, reports: Sequence[Report]) -> list[Report]:
    """The reports that count, by id."""
    published = sorted(
        (report for report in reports if report.is_published), key=lambda one: one.report_id or 0
    )
    calls = [("isFinal", (report.report_id,)) for report in published]
    answers = office.contract("OracleReports").call_many(calls) if calls else []
    return [report for report, is_final in zip(published, answers, strict=True) if is_final]


def _observed(office: Office, report: Report, product: Product) -> tuple[MerkleTree, list[ObservationRow]]:
    """The report's tree, and the observations the product pays for."""
    leaves, paying = [], []
    with office.store.reading() as connection:
        for observation in observations_of(connection, report):
            leaves.append(observation_leaf(observation))
            if products.share_of(product, observation.value):
                paying.append(observation)
    return _proved(MerkleTree.build(leaves), report.root, f"report {report.report_id}"), paying


def _insured(
    office: Office, book: Book, risks: dict[str, tuple[int, ObservationRow]]
) -> tuple[MerkleTree, list[PolicyRow]]:
    """The book's tree, and its policies on `risks` in order of number."""
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
    books = office.contract("PolicyBooks")
    words = (policy_count + 255) // 256
    parts = []
    for first in range(0, words, _WORDS_IN_A_CALL):
        count = min(_WORDS_IN_A_CALL, words - first)
        parts += [word.to_bytes(32, "little") for word in books.call("settledWords", book_id, first, count)]
    return b"".join(parts)


def _allowance(office: Office, book_id: int, now: int) -> int | None:
    """What the book's daily cap still lets through today; None without a cap."""
    book = office.contract("PolicyBooks").call("book", book_id)
    if book.dailyCap == 0:
        return None
    spent = book.paidToday if book.today == now // _DAY else 0
    return max(0, int(book.dailyCap - spent))
