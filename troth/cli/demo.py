"""`troth demo`: real flights, real claims, settled before the user's eyes."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from troth.cli.output import note, plain, print_facts, when
from troth.cli.session import Json, Session
from troth.money import format_amount

if TYPE_CHECKING:
    from troth.consent.status import Answer
    from troth.demo import DemoResult
    from troth.demo.consents import Consents
    from troth.demo.interactions import Interactions

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("demo")(demo)


def demo(
    context: typer.Context,
    policies: Annotated[int, typer.Option(min=1, help="How many policies the book has.")] = 100_000,
    month: Annotated[str, typer.Option(help="Which month's flights, of 2013.")] = "2013-01",
    seed: Annotated[int, typer.Option(help="Another number, another book.")] = 2013,
    as_json: Json = False,
) -> None:
    """Settles claims on a month of real flights, from the book to the reconciled ledger.

    In a home of its own, `demo` under TROTH_HOME, made anew each time.
    """
    from troth.demo import run  # noqa: PLC0415  half a second that --help can do without
    from troth.flights import month_of  # noqa: PLC0415

    gc.freeze()  # as Session.office does
    session = Session.of(context)
    with _watching(quiet=as_json) as watch:
        result = run(session.settings, policies=policies, month=month_of(month), seed=seed, watch=watch)
    if as_json:
        print(json.dumps(_as_json(result), indent=2))
    else:
        _print(result, month)
    if not result.adds_up:
        raise typer.Exit(1)


def _print(result: DemoResult, month: str) -> None:
    """The table, what differs if anything does, and where to go from here."""
    done, found, flights = result.settlement, result.reconciliation, result.flights
    fate = f"{flights.cancelled:,} cancelled, {flights.late:,} three hours late or more"
    print_facts(
        [
            ("flights", f"{flights.scheduled:,} in {month}: {fate}"),
            ("diverted", f"{flights.diverted:,}: no arrival in the data, so not reported and not settled"),
            ("policies", f"{result.policies:,}, insuring {_money(result, result.sum_insured)}"),
            ("premium", _money(result, result.premium)),
            ("triggered", f"{done.due:,} policies"),
            ("settled", f"{done.settled:,}, in {done.batches:,} batches"),
            ("owed", f"{done.owed:,}, {_money(result, done.owed_amount)}"),
            ("skipped", f"{result.replay.skipped:,}, when the first batch was sent again"),
            ("paid", f"{_money(result, done.paid)}; by sending again {_money(result, result.replay.paid)}"),
            ("gas a claim", f"{result.gas_per_claim:,}; a plain transfer took {result.gas_per_transfer:,}"),
        ]
    )
    _print_consents(result)
    _print_interactions(result.interactions)
    print()
    spent = {**result.seconds, "in all": sum(result.seconds.values())}
    print_facts((stage, f"{seconds:5.1f} s") for stage, seconds in spent.items())
    verdict = "reconciled" if result.adds_up else "NOT RECONCILED"
    print(
        f"\n{verdict}: {result.due:,} policies due = {found.claims:,} claims = {found.events:,} events; "
        f"{_money(result, found.paid)} by events = {_money(result, found.balances)} by balances"
    )
    runs = (done, result.consents.first, result.consents.second)
    for line in (*found.differences, *(line for run in runs for line in (*run.waiting, *run.failed))):
        print(line)
    _print_next(result)


def _print_consents(result: DemoResult) -> None:
    """What came of customers and their consents."""
    told, said = result.consents, result.consents.withdrawal
    day, hour = f"{said.said:%Y-%m-%d}", f"{said.said:%H:%M}"
    print()
    print_facts(
        [
            (
                "customers",
                f"{told.customers:,}, each on the chain as 32 random bytes; all else is sealed here",
            ),
            ("consents", f"{told.decisions:,} imported, with evidence that names the customer, sealed"),
            ("verified", f"{told.verified:,} customers, their wallets bound by their own signatures"),
            ("claims", f"{told.first.due:,} on a product that asks for verification and consent"),
            (
                "withheld",
                f"{told.first.withheld:,}, {_money(result, told.first.withheld_amount)}: {_lack(told)}",
            ),
            ("settled", f"{told.first.settled:,}; with the consent recorded, {told.second.settled:,} more"),
            ("withdrawal", f"by telephone on {day} at {hour} UTC, recorded on {said.recorded:%Y-%m-%d}"),
            ("before it", f"{_in_force(said.before)}"),
            ("after it", f"{_in_force(said.after)}; by what was known that day, {_verdict(said.unknown)}"),
        ]
    )


def _print_interactions(told: Interactions) -> None:
    """What came of what was said."""
    day = told.missing
    print()
    print_facts(
        [
            (
                "contacts",
                f"{told.contacts:,} taken in; {told.repeated:,} recognised when the file came again",
            ),
            ("anchored", f"in {told.batches} batches, the largest for {told.gas:,} gas"),
            (
                "missing",
                f"{day.missing} on {day.day}, by the switch's counts; once it is found, they {_agree(told)}",
            ),
            ("receipts", ", ".join(f"{kind}: {_proof(holds)}" for kind, holds in told.proved.items())),
            (
                "shown",
                f"all {told.contacts_shown} with one customer; 2 fields of one, {told.withheld} withheld",
            ),
            ("forged", "one character changed: refused" if told.refused else "NOT REFUSED"),
        ]
    )


def _agree(told: Interactions) -> str:
    """Whether the counts do, in the end."""
    return "agree" if told.agrees else "DO NOT AGREE"


def _proof(holds: bool) -> str:
    """What the verifier said."""
    return "proved" if holds else "NOT PROVED"


def _lack(told: Consents) -> str:
    """What was missing, without what to do about it."""
    said = [line.partition(" withheld: ")[2].partition(":")[0] for line in told.first.lacking]
    return ", ".join(said) or "nothing is missing"


def _in_force(answer: Answer) -> str:
    """Whether the use was permitted."""
    return f"{answer.purpose} by {answer.recipient} of {answer.category} {_verdict(answer)}"


def _verdict(answer: Answer) -> str:
    """The same in a word."""
    return "permitted" if answer.permitted else "not permitted"


def _print_next(result: DemoResult) -> None:
    """How to look around."""
    files = ", ".join(("product.toml", "book.csv", "observations.csv", "consents.csv", "contacts.jsonl"))
    print(f"\nThe files are in {_near(result.home)}: {files}, receipts. To look around:")
    start = f"  TROTH_HOME={_near(result.home)} {_program()}"
    print(f"{start} up")
    if result.example is not None:
        print(f"{start} claims show {result.example}")
    print(f"{start} receipt verify {_near(result.interactions.example)}")


def _as_json(result: DemoResult) -> dict[str, object]:
    """The same for machines, amounts in base units."""
    done, found = result.settlement, result.reconciliation
    return {
        "home": str(result.home),
        "symbol": result.symbol,
        "decimals": result.decimals,
        "flights": plain(result.flights),
        "policies": result.policies,
        "sum_insured": result.sum_insured,
        "premium": result.premium,
        "triggered": done.due,
        "triggered_amount": done.due_amount,
        "settled": done.settled,
        "owed": done.owed,
        "owed_amount": done.owed_amount,
        "skipped": result.replay.skipped,
        "paid": done.paid,
        "paid_again": result.replay.paid,
        "batches": done.batches,
        "gas_used": done.gas_used,
        "gas_per_claim": result.gas_per_claim,
        "gas_per_transfer": result.gas_per_transfer,
        "transactions": list(done.transactions),
        "seconds": {stage: round(seconds, 3) for stage, seconds in result.seconds.items()},
        "reconciliation": {**plain(found), "ok": found.ok},
        "ok": result.adds_up,
        "example": result.example,
        "consents": _consents_as_json(result.consents),
        "interactions": {**plain(result.interactions), "ok": result.interactions.adds_up},
    }


def _consents_as_json(told: Consents) -> dict[str, object]:
    """What came of customers and their consents."""
    said = told.withdrawal
    return {
        "customers": told.customers,
        "decisions": told.decisions,
        "verified": told.verified,
        "policies": told.policies,
        "due": told.first.due,
        "due_amount": told.first.due_amount,
        "withheld": told.first.withheld,
        "withheld_amount": told.first.withheld_amount,
        "lacking": list(told.first.lacking),
        "settled": told.first.settled,
        "settled_later": told.second.settled,
        "paid": told.first.paid + told.second.paid,
        "transactions": [*told.first.transactions, *told.second.transactions],
        "withdrawal": {
            "said": when(said.said),
            "recorded": when(said.recorded),
            **{name: _answer(getattr(said, name)) for name in ("before", "unknown", "after")},
        },
        "ok": told.adds_up,
    }


def _answer(answer: Answer) -> dict[str, object]:
    """What was in force."""
    names = ("purpose", "recipient", "category", "at", "known", "permitted", "state", "effective", "recorded")
    return {name: plain(getattr(answer, name)) for name in names}


@contextmanager
def _watching(*, quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Shows each stage on stderr: a bar where somebody watches, a line elsewhere."""
    if quiet:
        yield lambda _stage, _done, _total: None
        return
    if not sys.stderr.isatty():
        yield lambda stage, _done, total: note(f"{stage} …") if total == 0 else None
        return
    from rich.console import Console  # noqa: PLC0415  kept out of --json
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def watch(stage: str, done: int, total: int) -> None:
            """Moves the stage's bar; one without end while nobody knows how much there is."""
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=None)
            bars.update(tasks[stage], completed=done, total=total or None)

        yield watch


def _money(result: DemoResult, units: int) -> str:
    """An amount as people write it, with separators for thousands."""
    whole, point, fraction = format_amount(units, result.decimals).partition(".")
    return f"{int(whole):,}{point}{fraction} {result.symbol}"


def _near(path: Path) -> str:
    """A path as it is shortest to write from here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _program() -> str:
    """This command as the user may write it from here."""
    called = Path(sys.argv[0])
    return _near(called.absolute()) if called.name == "troth" and os.access(called, os.X_OK) else "troth"
