"""Ask what a subject allows on Brownie's active network, of the index and of the contract.

    brownie run query_consent --network anvil
    brownie run query_consent main SUBJECT Marketing acme Contact --network anvil
    brownie run query_consent main SUBJECT Marketing acme Contact 2026-03-03T00:00:00Z --network anvil

A development network starts empty, so the suite is deployed and the example's decisions are recorded first;
on a live one deployments/<network>.json says where it is, and the records are kept under TROTH_HOME. A
subject is an id or a customer reference; "*" stands for all, and "" for whatever there is.
"""

from pathlib import Path

from scripts.deploy import insurer, is_development
from troth.consent import imports
from troth.consent.intake import read_consents
from troth.consent.status import describe, status
from troth.consent.terms import category_iri, purpose_iri, recipient_iri
from troth.identity.subjects import resolve
from troth.intake import parse_moment
from troth.office import Office

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "consents.csv"


def main(subject: str = "", purpose: str = "", recipient: str = "", category: str = "", at: str = "") -> None:
    """Print the answers, after checking that index and contract agree."""
    with insurer() as office:
        subjects = [subject]
        if is_development():
            imports.import_file(office, EXAMPLE, create=True)
            subjects = [subject] if subject else sorted({row.subject for row in read_consents(EXAMPLE).rows})
        for reference in subjects:
            query(office, reference, (purpose, recipient, category), at)


def query(office: Office, reference: str, terms: tuple[str, str, str], at: str) -> None:
    """One subject's answers, by index and by contract."""
    parsers = (purpose_iri, recipient_iri, category_iri)
    iris = [parse(text) if text else None for parse, text in zip(parsers, terms, strict=True)]
    moment = parse_moment(at) if at else office.now()
    who = resolve(office, reference)
    times = {"at": moment, "known": office.now()}
    answers = status(office, who, *iris, **times)
    agreed = answers == status(office, who, *iris, **times, onchain=True)
    print(f"{reference}: {len(answers)} answers; index and contract {'agree' if agreed else 'DIFFER'}")
    for answer in answers:
        print(f"  {describe(answer)}")
