"""Settle a book of policies on Brownie's active network, from files to a reconciled ledger.

    brownie run settle_claims --network anvil
    brownie run settle_claims main PRODUCT.toml BOOK.csv OBSERVATIONS.csv --network anvil

A development network starts empty, so the suite is deployed first; on a live one deployments/<network>.json
says where it is, and the records are kept under TROTH_HOME.
"""

from pathlib import Path

from scripts.deploy import insurer
from troth.claims import books, ledger, products, reports, settlement
from troth.claims.intake import read_product
from troth.office import Office

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def main(
    product: str = str(EXAMPLES / "product.toml"),
    book: str = str(EXAMPLES / "book.csv"),
    observations: str = str(EXAMPLES / "observations.csv"),
) -> None:
    """Issue, publish, settle, reconcile, and print what happened."""
    with insurer() as office:
        settle(office, Path(product), Path(book), Path(observations))


def settle(office: Office, product: Path, book: Path, observations: Path) -> None:
    """The insurer's work on three files."""
    added = products.add(office, read_product(product))
    issued = books.issue(office, book, added.name)
    print(f"book {issued.book_id}: {issued.policies} policies, insured {office.amount(issued.sum_insured)}")
    report = reports.publish(office, observations, added.name)
    print(
        f"report {report.report_id}: {report.observations} observations, final {report.final_at.isoformat()}"
    )
    done = settlement.settle(office)
    print(f"settled {done.settled} claims, paid {office.amount(done.paid)}, gas {done.gas_used}")
    found = ledger.reconcile(office.store, office.node, office.ledger_contracts)
    print("reconciled" if found.ok else "\n".join(found.differences))
