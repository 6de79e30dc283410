"""An insurer's office on the suite's chain, and a day's work in it through the product's own use cases."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from support.defaults import CHALLENGE_PERIOD, DOLLAR, LATE, PREMIUM, PURSE, RISK, SUM_INSURED, TIERS
from support.suite import Actor, Suite
from troth.claims import books, products, reports, settlement
from troth.claims.intake import Direction, ProductFile, Requires, Tier
from troth.config import Settings
from troth.money import format_amount
from troth.office import Office
from troth.store import Store

PRODUCT = "delay"


class Line(NamedTuple):
    """A row of a book's file."""

    ref: str
    payee: str
    risk: str = RISK
    sum_insured: int = SUM_INSURED
    premium: int = PREMIUM


class Desk:
    """Somebody at work in an office of their own, by default the insurer with every role."""

    def __init__(self, suite: Suite, home: Path, who: str = "insurer") -> None:
        self.suite, self.home, self.who = suite, home, suite[who]
        home.mkdir(exist_ok=True)
        settings = Settings(home=home, database_url=f"sqlite:///{home}/troth.db")
        self.office = Office(settings, suite.node, suite.deployment, Store.open(settings.database_url))
        self.office.sender = self.who.sender
        self.office.account = self.who.address
        self.office.oracles = [oracle.signer for oracle in suite.oracles]
        self.requires = Requires()

    def funded(self, amount: int = PURSE) -> Desk:
        """The same with money to pay premiums from."""
        self.who.send(self.suite.token, "mint", self.who.address, amount)
        return self

    def product(self, metric: str = "arrival delay, minutes") -> products.Product:
        """Registers the default product, which requires of payees what `requires` says."""
        tiers = tuple(Tier(*tier) for tier in TIERS)
        word = metric.encode().ljust(32, b"\0")
        return products.add(self.office, ProductFile(PRODUCT, word, Direction.AT_LEAST, tiers, self.requires))

    def book(self, lines: Iterable[Line], **terms: Any) -> int:
        """Issues a book of the default product; its number."""
        self.product()
        rows = [(*line[:3], _currency(line.sum_insured), _currency(line.premium)) for line in lines]
        path = self._file("book.csv", ("policy_ref", "payee", "risk", "sum_insured", "premium"), rows)
        return books.issue(self.office, path, PRODUCT, books.Terms(**terms)).book_id

    def report(self, observations: Mapping[str, int]) -> int:
        """Publishes a report and lets its challenge period pass; its number."""
        path = self._file("observations.csv", ("risk", "value"), observations.items())
        report_id = reports.publish(self.office, path, PRODUCT).report_id
        self.suite.clock.move_by(CHALLENGE_PERIOD)
        return report_id

    def settle(self) -> settlement.Settlement:
        """Settles what is due."""
        return settlement.settle(self.office)

    def settled(self, lines: Iterable[Line], observations: Mapping[str, int] | None = None) -> int:
        """Issues a book, reports the default risk late or what is given, and settles; the book's number."""
        book_id = self.book(lines)
        self.report(observations or {RISK: LATE})
        self.settle()
        return book_id

    def _file(self, name: str, header: Iterable[str], rows: Iterable[Iterable[object]]) -> Path:
        """Writes a CSV file."""
        path = self.home / name
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *rows])
        return path


@contextmanager
def desk_of(suite: Suite, home: Path, who: str = "insurer") -> Iterator[Desk]:
    """A desk, closed in the end. The node stays open: it is the suite's."""
    desk = Desk(suite, home, who)
    try:
        yield desk
    finally:
        desk.office.store.close()


def lines_for(customers: Iterable[Actor], **given: Any) -> list[Line]:
    """A policy for each customer, P-0, P-1 and so on."""
    return [Line(f"P-{number}", one.address, **given) for number, one in enumerate(customers)]


def _currency(units: int) -> str:
    """An amount as files have it."""
    return format_amount(units, len(str(DOLLAR)) - 1)
