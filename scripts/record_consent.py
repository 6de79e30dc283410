"""Record what customers allow on Brownie's active network, from a file of decisions to who may do what.

    brownie run record_consent --network anvil
    brownie run record_consent main CONSENTS.csv --network anvil

A development network starts empty, so the suite is deployed first; on a live one deployments/<network>.json
says where it is, and the records are kept under TROTH_HOME. Customers not known yet are made.
"""

from pathlib import Path

from scripts.deploy import insurer
from troth.consent import imports
from troth.consent.intake import read_consents
from troth.consent.terms import numbers_of, short_name
from troth.identity.subjects import resolve
from troth.office import Office

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def main(consents: str = str(EXAMPLES / "consents.csv")) -> None:
    """Import the file, and print what is permitted now of all it names."""
    with insurer() as office:
        record(office, Path(consents))


def record(office: Office, path: Path) -> None:
    """The insurer's work on a file."""
    done = imports.import_file(office, path, create=True)
    print(f"{done.rows} decisions, {done.recorded} recorded by {len(done.transactions)} transactions")
    registry = office.contract("ConsentRegistry")
    scopes = {(row.subject, row.purpose, row.recipient, row.category) for row in read_consents(path).rows}
    for reference, *iris in sorted(scopes):
        numbers = numbers_of(office, iris, define=False)
        terms = [numbers[iri] for iri in iris]
        answer = registry.call("isPermitted", resolve(office, reference), *terms)
        words = ", ".join(short_name(iri) for iri in iris)
        print(f"{reference}: {words}: {'permitted' if answer else 'not permitted'}")
