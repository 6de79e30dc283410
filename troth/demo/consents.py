"""The demo's second story: customers the chain does not know by name, and a claim that waits for a consent.

What is written about them goes through the use cases behind the commands; what of it is personal stays off
the chain, sealed.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from troth.chain import clock
from troth.claims import books, products, reports, settlement
from troth.claims.intake import read_product
from troth.claims.settlement import Settlement
from troth.consent import terms
from troth.consent.decisions import Basis, Method, State
from troth.consent.imports import import_file
from troth.consent.record import Said, record
from troth.consent.status import Answer, status
from troth.demo.people import Customer, Stage
from troth.identity import subjects, verifications, wallets
from troth.identity.evidence import Content
from troth.identity.verifications import Level
from troth.office import Office

__all__ = ["INSURED", "Consents", "Withdrawal", "tell"]

INSURED = 12
PRODUCT = "sickness before travel"
_SUM, _PREMIUM = 400, 12
_DAY = timedelta(days=1)
_LATER = 3 * _DAY  # the withdrawal, and again as much until somebody records it
_NOTICE = "https://insurer.example/privacy/2013-01"
_MARKETING = ("Marketing", "insurer", "Contact")
_CLAIMS = ("InsuranceClaimsManagement", "insurer", "Health")


@dataclass(frozen=True)
class Withdrawal:
    """A consent withdrawn by telephone and recorded later, and what was in force."""

    said: datetime
    recorded: datetime
    before: Answer
    """Just before it was said."""
    unknown: Answer
    """Just after, as it was known then."""
    after: Answer
    """Just after, as it is known now."""


@dataclass(frozen=True)
class Consents:
    """What came of it."""

    customers: int
    decisions: int
    """Imported."""
    verified: int
    """Whose wallets are bound by their own signatures, and who are verified."""
    policies: int
    first: Settlement
    """Before the consent that was missing was given."""
    second: Settlement
    """After it was."""
    withdrawal: Withdrawal

    @property
    def adds_up(self) -> bool:
        """Whether one claim was withheld, and paid later, and the withdrawal told at both times."""
        told = self.withdrawal
        return (
            (self.first.withheld, self.second.withheld) == (1, 0)
            and self.first.due == self.first.settled + self.second.settled == self.policies
            and (told.before.permitted, told.unknown.permitted, told.after.permitted) == (True, True, False)
        )


def tell(office: Office, people: Sequence[Customer], seed: int, stage: Stage) -> Consents:
    """Imports consents, insures twelve customers on a product that asks for one, settles, and withdraws one.

    The chain must be a development chain, for its clock is moved on.
    """
    insured, caller = people[:INSURED], people[-1]
    with stage("import consents, evidence sealed") as progress:
        path = office.settings.home / "consents.csv"
        _write(path, _COLUMNS, _decisions(people, office.now()))
        imported = import_file(office, path, create=True, progress=progress)
    with stage("bind wallets and verify who they are") as progress:
        for done, person in enumerate(insured, 1):
            _introduce(office, person)
            progress(done, INSURED)
    with stage("settle what asks for a consent"):
        book = _insure(office, insured, seed)
        first = settlement.settle(office, book_id=book)
        _consent(office, insured[-1])
        second = settlement.settle(office, book_id=book)
    with stage("withdraw one by telephone"):
        withdrawal = _withdraw(office, caller)
    return Consents(len(people), imported.recorded, INSURED, INSURED, first, second, withdrawal)


_COLUMNS = (
    *("subject", "purpose", "recipient", "category", "state", "basis", "method"),
    *("effective", "expires", "notice", "evidence"),
)


def _decisions(people: Sequence[Customer], now: datetime) -> Iterable[Sequence[str]]:
    """Rows of the import: who may be written to, and whose claims may be handled; of the last insured not."""
    for number, person in enumerate(people):
        said = (now - timedelta(days=10 + number % 15)).isoformat(timespec="seconds")
        state = "refused" if number % 5 == 4 and person is not people[-1] else "given"
        words = person.words("web form")
        yield person.ref, *_MARKETING, state, "consent", "web-form", said, "", _NOTICE, words
        if number < INSURED - 1:
            words = person.words("signed form")
            yield person.ref, *_CLAIMS, "given", "explicit-consent", "paper", said, "", _NOTICE, words


def _introduce(office: Office, person: Customer) -> None:
    """Binds a customer's wallet, which signs for itself, and records that they showed a passport."""
    subject = subjects.resolve(office, person.ref)
    typed = wallets.request(office, subject, person.wallet.address)
    signature = wallets.BINDINGS.signed(person.wallet, typed)
    wallets.bind(office, subject, typed, signature)
    seen = Content(person.words("passport seen").encode(), media_type="text/plain")
    verifications.verify(office, subject, Level.SUBSTANTIAL, content=seen)


def _insure(office: Office, insured: Sequence[Customer], seed: int) -> int:
    """Sells the second product, and reports all who are insured as sick; the book's number."""
    home = office.settings.home
    product, book, seen = (
        home / f"sickness-{name}" for name in ("product.toml", "book.csv", "observations.csv")
    )
    purpose, recipient, category = _CLAIMS
    product.write_text(
        f'name = "{PRODUCT}"\nmetric = "days unfit to travel"\ndirection = "at_least"\n'
        f"tiers = [[3, {products.WHOLE}]]  # three days, by certificate\n\n[requires]\n"
        'verification = "substantial"\n'
        f'consent = {{ purpose = "{purpose}", recipient = "{recipient}", category = "{category}" }}\n',
        encoding="utf-8",
    )
    source = random.Random(f"certificates {seed}")  # noqa: S311  reproducible, not secret
    risks = [f"certificate {source.getrandbits(64):016x}" for _ in insured]
    policies = (
        (f"SICK-{number:03}", risk, person.wallet.address, _SUM, _PREMIUM)
        for number, (risk, person) in enumerate(zip(risks, insured, strict=True), 1)
    )
    _write(book, ("policy_ref", "risk", "payee", "sum_insured", "premium"), policies)
    _write(seen, ("risk", "value"), ((risk, source.randrange(3, 15)) for risk in risks))

    products.add(office, read_product(product))
    issued = books.issue(office, book, PRODUCT, books.Terms())
    report = reports.publish(office, seen, PRODUCT)
    clock.move_to(office.node, int(report.final_at.timestamp()))
    return issued.book_id


def _consent(office: Office, person: Customer) -> None:
    """Records the consent that was missing, given on the telephone."""
    purpose, recipient, category = _CLAIMS
    said = Said(
        terms.purpose_iri(purpose),
        terms.recipient_iri(recipient),
        terms.category_iri(category),
        State.GIVEN,
        Basis.EXPLICIT_CONSENT,
        Method.RECORDED_CALL,
        notice=_NOTICE,
    )
    record(office, person.ref, said, evidence=_call(person))


def _withdraw(office: Office, person: Customer) -> Withdrawal:
    """Lets a customer withdraw on the telephone, records it days later, and asks what was in force."""
    purpose, recipient, category = _MARKETING
    scope = (terms.purpose_iri(purpose), terms.recipient_iri(recipient), terms.category_iri(category))
    said = datetime.fromtimestamp(clock.advance(office.node, int(_LATER.total_seconds())), timezone.utc)
    clock.advance(office.node, int(_LATER.total_seconds()))
    decision = Said(
        *scope, State.WITHDRAWN, Basis.CONSENT, Method.RECORDED_CALL, effective=int(said.timestamp())
    )
    recorded = record(office, person.ref, decision, evidence=_call(person)).decision
    subject = subjects.resolve(office, person.ref)

    def in_force(at: datetime, known: datetime | None = None) -> Answer:
        (answer,) = status(office, subject, *scope, at=at, known=known)
        return answer

    minute = timedelta(minutes=1)
    return Withdrawal(
        said,
        datetime.fromtimestamp(recorded.recorded, timezone.utc),
        before=in_force(said - minute),
        unknown=in_force(said + minute, said + minute),
        after=in_force(said + minute),
    )


def _call(person: Customer) -> Content:
    """The note of a telephone call."""
    return Content(person.words("recorded call").encode(), media_type="text/plain")


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table, as people exchange them."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
