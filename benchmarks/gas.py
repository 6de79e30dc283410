"""Gas of a claim and of a policy issued, by receipts, beside a bare loop of transfers and a plain transfer.

Books are issued and reports published through the package, from files; each batch is then cut here,
so that it has exactly the size the budgets speak of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.figures import Budget, Figure
from benchmarks.ground import (
    PRODUCT,
    SUMS,
    THRESHOLD,
    fresh,
    made_up,
    mock,
    office,
    write_book,
    write_facts,
)
from troth.chain.transactions import Call
from troth.claims import books, reports
from troth.claims.batches import Evidence, batches, call_of
from troth.config import GAS_CAP
from troth.office import Office
from troth.store.books import find_book, policies_of
from troth.store.reports import find_report, observations_of

__all__ = ["measure"]

UNCUT = 10**9  # of gas: never cuts a batch in two
LOOP, TRANSFER = "disperse loop", "plain transfer"
OFTEN = 37  # one risk in so many is due: the rate of January's flights, 2.7 in 100


@dataclass(frozen=True)
class Shape:
    """How the policies of a batch lie in their book."""

    what: str
    risk_size: int
    due_every: int
    budget: Budget
    rival: str


@dataclass(frozen=True)
class Sizes:
    """How large everything is."""

    book: int = 90_000
    batch: int = 200
    issued: int = 100_000


def measure(*, quick: bool) -> list[Figure]:
    """Every line of the table about gas. About half a minute; `quick`: a few seconds, with small books."""
    sizes = Sizes(2_000, 20, 2_000) if quick else Sizes()
    command = f"python -m benchmarks gas{' --quick' if quick else ''}"
    conditions = (
        f"batches of {sizes.batch} from a book of {sizes.book:,}, on as many observations as it has risks, "
        "payees new to the token; whole transactions, by their receipts"
    )
    with office() as opened:
        rivals = {LOOP: _disperse(opened, sizes.batch), TRANSFER: _transfer(opened)}
        measured = [
            (shape.what, _claim(opened, sizes, shape, seed), shape.rival, shape.budget)
            for seed, shape in enumerate(_shapes(sizes), 1)
        ]
        issued = _issued(opened, sizes.issued)
    figures = [
        Figure(
            "gas a claim", what, ours, rival, rivals[rival], None if quick else budget, conditions, command
        )
        for what, ours, rival, budget in measured
    ]
    budget, what = None if quick else Budget(50, is_ratio=False), f"issued, book of {sizes.issued:,}"
    issue = Figure("gas a policy", what, issued, TRANSFER, rivals[TRANSFER], budget, conditions, command)
    return [*figures, issue]


def _shapes(sizes: Sizes) -> Sequence[Shape]:
    """The three of the design's budgets; the third as dense as real flights, and as sparse as can be."""
    sparse = sizes.book // sizes.batch
    return (
        Shape("one risk", sizes.batch * 5, OFTEN, Budget(1.25), LOOP),
        Shape("ten a risk", 10, OFTEN, Budget(1.45), LOOP),
        Shape(f"own risk, 1 in {OFTEN} due", 1, OFTEN, Budget(1), TRANSFER),
        Shape(f"own risk, 1 in {sparse} due", 1, sparse, Budget(1), TRANSFER),
    )


def _claim(office: Office, sizes: Sizes, shape: Shape, seed: int) -> float:
    """Gas of a claim in one full batch from the middle of what is due, payees all new."""
    lines, facts = made_up(sizes.book // shape.risk_size, shape.risk_size, shape.due_every, seed)
    folder = office.settings.home
    book = books.issue(office, write_book(folder / "book.csv", lines), PRODUCT)
    report = reports.publish(office, write_facts(folder / "facts.csv", facts), PRODUCT)
    (receipt,) = office.sender.send([_batch(office, book.book_id, report.report_id, sizes.batch)])
    (settled,) = office.contract("PolicyBooks").events(receipt, "Settled")
    assert settled.arguments.settled == sizes.batch
    return receipt.gas_used / sizes.batch


def _batch(office: Office, book_id: int, report_id: int, size: int) -> Call:
    """The transaction that settles `size` due policies, neighbours in the book."""
    office.sync()
    with office.store.reading() as connection:
        book, report = find_book(connection, book_id=book_id), find_report(connection, report_id)
        assert book is not None
        assert report is not None
        policies = list(policies_of(connection, book))
        observations = list(observations_of(connection, report))
    due = {seen.risk: seen for seen in observations if seen.value >= THRESHOLD}
    claims = [policy for policy in policies if policy.risk in due]
    start = len(claims) // size // 2 * size
    trees = books.tree_of(policies), reports.tree_of(observations)
    evidence = Evidence(book_id, report_id, *trees, due)
    (batch,) = batches(evidence, claims[start : start + size], gas=UNCUT)
    return call_of(batch, office.contract("PolicyBooks"), office.gas_cap)


def _issued(office: Office, size: int) -> float:
    """Gas of a policy when a book of `size` is issued, without the approval of its premium."""
    lines, _ = made_up(size // 4, 4, OFTEN, seed=0)
    issued = books.issue(office, write_book(office.settings.home / "book.csv", lines), PRODUCT)
    receipt = office.node.call("eth_getTransactionReceipt", [issued.transaction])
    return int(receipt["gasUsed"], 16) / size


def _disperse(office: Office, size: int) -> float:
    """Gas of a payee when a bare loop pays `size` new ones in a transaction."""
    loop, unit = mock(office, "Disperse"), 10**office.decimals
    amounts = [SUMS[n % len(SUMS)] * unit for n in range(size)]
    paying = loop.prepare("disperse", office.token.address, fresh(size, seed=-1), amounts, gas=GAS_CAP)
    funding = office.token.prepare("mint", loop.address, sum(amounts), gas=200_000)
    _, receipt = office.sender.send([funding, paying])
    return receipt.gas_used / size


def _transfer(office: Office) -> float:
    """Gas of one transfer to a new payee, its own transaction."""
    (payee,) = fresh(1, seed=-2)
    (receipt,) = office.sender.send([office.token.prepare("transfer", payee, 250 * 10**6, gas=200_000)])
    return receipt.gas_used
