"""The demo: a month of real flights, a seeded book of policies over them, and claims that settle themselves.

It works as an insurer would, through files and the use cases behind the commands, in a home of its own under
the user's. Its chain lives in the month of the flights: the book is issued just before it, the report is
published just after, the challenge period waited out, all on the chain's own clock, moved forward. What
follows, about customers, their consents and what was said with them, is in the modules beside.
"""

from __future__ import annotations

import csv
import os
import random
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from troth.addresses import format_address
from troth.chain import anvil, clock
from troth.chain.transactions import Call
from troth.claims import books, ledger, products, reports, settlement
from troth.claims.intake import read_product
from troth.claims.outcomes import Status, outcomes
from troth.claims.settlement import Settlement
from troth.config import Settings
from troth.demo import consents, interactions
from troth.demo.consents import Consents
from troth.demo.interactions import Interactions
from troth.demo.people import customers
from troth.errors import BadSetting
from troth.flights import CANCELLED, METRIC, Flight, compensation, flights_of
from troth.home import locked, make
from troth.launch import launch
from troth.office import Office

__all__ = ["CUSTOMERS", "DemoResult", "Flights", "Replay", "run"]

CUSTOMERS = 200
PRODUCT = "flight delay"
THRESHOLD = 180  # minutes; C-402/07 Sturgeon: three hours late is as good as cancelled
PREMIUM = 4  # in 100 of the sum insured: January's flights cost the insurer 2.7
CHALLENGE_PERIOD = timedelta(days=1)
CLAIM_PERIOD = timedelta(days=365)
_BEFORE, _AFTER = timedelta(days=2), timedelta(days=2)  # issue and report, around the month

_MARK = "demo.txt"
_MARK_TEXT = b"Made by `troth demo`. The next `troth demo` deletes this folder and makes it anew.\n"

Watch = Callable[[str, int, int], None]
"""Told the stage, and how much of it is done of how much; 0 of 0 while nobody knows."""


def _unwatched(stage: str, done: int, total: int) -> None:
    """For callers that show no progress."""


@dataclass(frozen=True)
class Flights:
    """What the data say of the month."""

    scheduled: int
    cancelled: int
    late: int
    """Three hours or more."""
    diverted: int
    """Not reported, so policies on them do not settle by themselves."""


@dataclass(frozen=True)
class Replay:
    """What came of sending the first batch once more."""

    skipped: int
    paid: int
    """Base units, by the pool's events and by its balance: nothing."""


@dataclass(frozen=True)
class DemoResult:
    """What the demo did. Amounts in base units of `symbol`, which has `decimals`."""

    home: Path
    symbol: str
    decimals: int
    flights: Flights
    policies: int
    sum_insured: int
    premium: int
    settlement: Settlement
    replay: Replay
    gas_per_claim: int
    """0 where nothing was due."""
    gas_per_transfer: int
    """Of one ERC-20 transfer to a new payee, in a transaction of its own, on the same chain."""
    seconds: dict[str, float]
    """By stage."""
    reconciliation: ledger.Reconciliation
    """Of both stories."""
    example: str | None
    """The reference of a policy that was paid."""
    consents: Consents
    interactions: Interactions

    @property
    def due(self) -> int:
        """Claims due in both stories."""
        return self.settlement.due + self.consents.first.due

    @property
    def adds_up(self) -> bool:
        """Whether policies due, claims, events and balances all agree, and sending again paid nothing."""
        found, told = self.reconciliation, self.consents
        runs = (self.settlement, told.first, told.second)
        return (
            found.ok
            and told.adds_up
            and self.interactions.adds_up
            and found.policies == self.policies + told.policies
            and self.settlement.due == self.settlement.settled
            and self.due == sum(run.settled for run in runs) == found.claims == found.events
            and sum(run.paid for run in runs) == found.paid == found.balances
            and self.replay.paid == 0
        )


@dataclass
class _Stages:
    """Tells the watcher what is going on, and notes how long it took."""

    watch: Watch
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[int, int], None]]:
        """One stage; yields what its work may report progress to."""
        began = time.perf_counter()
        self.watch(name, 0, 0)
        yield lambda done, total: self.watch(name, done, total)
        self.seconds[name] = time.perf_counter() - began
        self.watch(name, 1, 1)


def run(
    settings: Settings,
    *,
    policies: int = 100_000,
    month: tuple[int, int] = (2013, 1),
    seed: int = 2013,
    watch: Watch = _unwatched,
) -> DemoResult:
    """Runs the demo in `<home>/demo`, made anew, on an embedded chain of its own; its state is kept.

    Raises BadInput for a month without flights, BadSetting if the folder is none of a demo's or cannot be
    made, Busy if another demo runs, and whatever the use cases raise.
    """
    stages = _Stages(watch)
    own = _settings(settings)
    with locked(settings.home, "demo.lock", what=own.home):  # one demo at a time
        _check_former(own.home)
        with stages.stage("read the flights"):
            flights = list(flights_of(*month))
        _clear(own.home)
        with stages.stage("write product, book and observations") as progress:
            _write_files(own.home, flights, _policies(flights, policies, month, seed, progress))
        try:
            return _run(own, flights, month, seed, stages)
        finally:
            anvil.down(own.home)


def _run(
    settings: Settings, flights: Sequence[Flight], month: tuple[int, int], seed: int, stages: _Stages
) -> DemoResult:
    """The insurer's work, from a new chain to a reconciled ledger."""
    begins, ends = _bounds(month)
    with stages.stage("start a chain and deploy"):
        launch(settings, genesis=int((begins - _BEFORE).timestamp()))
    with Office.open(settings) as office:
        with stages.stage("issue the book"):
            products.add(office, read_product(settings.home / "product.toml"))
            terms = books.Terms(begins, ends, ends + CLAIM_PERIOD)
            book = books.issue(office, settings.home / "book.csv", PRODUCT, terms)
        with stages.stage("publish the report"):
            clock.move_to(office.node, int((ends + _AFTER).timestamp()))
            path = settings.home / "observations.csv"
            report = reports.publish(office, path, PRODUCT, period=(begins, ends))
            clock.move_to(office.node, int(report.final_at.timestamp()))
        with stages.stage("settle what is due") as progress:
            settled = settlement.settle(office, progress=progress)
        with stages.stage("send the first batch again"):
            replay = _replay(office, settled)
        people = customers(CUSTOMERS, seed)
        allowed = consents.tell(office, people, seed, stages.stage)
        said = interactions.tell(office, people, (begins, ends), seed, stages.stage)
        with stages.stage("reconcile"):
            reconciliation = _reconcile(office)
        paid = outcomes(office, status=Status.PAID, limit=1)
        return DemoResult(
            home=settings.home,
            symbol=office.symbol,
            decimals=office.decimals,
            flights=_count(flights),
            policies=book.policies,
            sum_insured=book.sum_insured,
            premium=book.premium,
            settlement=settled,
            replay=replay,
            gas_per_claim=settled.gas_used // settled.settled if settled.settled else 0,
            gas_per_transfer=_transfer_gas(office),
            seconds=stages.seconds,
            reconciliation=reconciliation,
            example=paid[0].policy_ref if paid else None,
            consents=allowed,
            interactions=said,
        )


def _replay(office: Office, settled: Settlement) -> Replay:
    """Sends the first settlement transaction's call once more, as anybody may, and sees what it does."""
    if not settled.transactions:
        return Replay(0, 0)
    sent = office.node.call("eth_getTransactionByHash", [settled.transactions[0]])
    before = office.token.call("balanceOf", office.pool.address)
    again = Call(sent["to"], bytes.fromhex(sent["input"][2:]), int(sent["gas"], 16), label="settle again")
    (receipt,) = office.sender.send([again])
    (event,) = office.contract("PolicyBooks").events(receipt, "Settled")
    after = office.token.call("balanceOf", office.pool.address)
    return Replay(event.arguments.skipped, max(event.arguments.amount, before - after))


def _reconcile(office: Office) -> ledger.Reconciliation:
    """Every source against every other, books rebuilt from their policies."""
    return ledger.reconcile(
        office.store,
        office.node,
        office.ledger_contracts,
        confirmations=office.settings.confirmations,
        root_of=lambda policies: books.tree_of(policies).root,
    )


def _transfer_gas(office: Office) -> int:
    """Gas of one plain transfer to a payee who never held the token."""
    payee = format_address(os.urandom(20))
    call = office.token.prepare("transfer", payee, 10**office.decimals, gas=200_000)
    (receipt,) = office.sender.send([call])
    return receipt.gas_used


# --- the files, as an insurer and an oracle would bring them


def _write_files(home: Path, flights: Sequence[Flight], policies: Iterable[Sequence[object]]) -> None:
    """product.toml, book.csv and observations.csv."""
    rule = f"# {THRESHOLD} minutes late pay the whole sum; {CANCELLED} stands for cancelled"
    (home / "product.toml").write_text(
        f'name = "{PRODUCT}"\nmetric = "{METRIC}"\ndirection = "at_least"\n'
        f"tiers = [[{THRESHOLD}, {products.WHOLE}]]  {rule}\n",
        encoding="utf-8",
    )
    seen = ((flight.risk, flight.value) for flight in flights if flight.value is not None)
    _write_csv(home / "observations.csv", ("risk", "value"), seen)
    _write_csv(home / "book.csv", ("policy_ref", "risk", "payee", "sum_insured", "premium"), policies)


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table, as people exchange them."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _policies(
    flights: Sequence[Flight],
    policies: int,
    month: tuple[int, int],
    seed: int,
    progress: Callable[[int, int], None],
) -> Iterator[Sequence[object]]:
    """Rows of the book: each policy on a random flight of the month, paid to a random address."""
    source = random.Random(seed)  # noqa: S311  reproducible, not secret
    for number in range(1, policies + 1):
        flight = source.choice(flights)
        insured = compensation(flight.miles)
        premium = f"{insured * PREMIUM // 100}.{insured * PREMIUM % 100:02}"
        payee = format_address(source.randbytes(20))
        yield f"NYC-{month[0]}-{month[1]:02}-{number:06}", flight.risk, payee, insured, premium
        if number % 1_000 == 0:
            progress(number, policies)


def _count(flights: Sequence[Flight]) -> Flights:
    """What the data say."""
    return Flights(
        scheduled=len(flights),
        cancelled=sum(not flight.departed for flight in flights),
        late=sum(flight.delay is not None and flight.delay >= THRESHOLD for flight in flights),
        diverted=sum(flight.is_diverted for flight in flights),
    )


def _bounds(month: tuple[int, int]) -> tuple[datetime, datetime]:
    """The month's first instant and the next month's, UTC."""
    year, number = month
    begins = datetime(year, number, 1, tzinfo=timezone.utc)
    return begins, begins.replace(year=year + number // 12, month=number % 12 + 1)


# --- the demo's own home


def _settings(settings: Settings) -> Settings:
    """The user's settings, but for a home, a chain, keys and a database of the demo's own."""
    home = settings.home / "demo"
    return replace(
        settings,
        home=home,
        rpc=None,
        keystore=None,
        oracle_keystores=(),
        database_url=f"sqlite:///{home / 'troth.db'}",
        confirmations=0,
        challenge_period=int(CHALLENGE_PERIOD.total_seconds()),
        kek=None,
        kek_file=None,
        kek_keyring=None,
    )


def _check_former(home: Path) -> None:
    """Raises BadSetting if the folder holds anything but a former demo."""
    if home.is_symlink() or (home.exists() and not _is_former(home)):
        rule = f"no former demo's, for it lacks {_MARK}: move it away, or use another TROTH_HOME"
        raise BadSetting("TROTH_HOME", str(home), rule)


def _is_former(home: Path) -> bool:
    """Whether it is a former demo's folder, or an empty one."""
    mark = home / _MARK
    return home.is_dir() and (mark.read_bytes() == _MARK_TEXT if mark.is_file() else not any(home.iterdir()))


def _clear(home: Path) -> None:
    """A marked folder with nothing else in it. The mark goes in first, and stays whatever stops this."""
    make(home)
    mark = home / _MARK
    mark.write_bytes(_MARK_TEXT)
    anvil.down(home)  # the user may be looking around in it
    for former in home.iterdir():
        if former.is_dir() and not former.is_symlink():
            shutil.rmtree(former)
        elif former != mark:
            former.unlink()
