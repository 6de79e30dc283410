"""troth settle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from troth.cli.output import note, print_facts, print_json, progress
from troth.cli.session import Json, Session

if TYPE_CHECKING:
    from troth.claims.settlement import Settlement
    from troth.office import Office

__all__ = ["register"]


def settle(
    context: typer.Context,
    book: Annotated[
        int | None, typer.Option(min=1, max=2**32 - 1, help="Only this book, by the contract's number.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is due; send nothing.")] = False,
    json: Json = False,
) -> None:
    """Pay everything that is due, once. Safe to repeat, and to kill at any moment."""
    from troth.claims import settlement  # noqa: PLC0415  kept out of --help

    with Session.of(context).office() as office, progress("settling", quiet=json) as told:
        done = settlement.settle(office, book_id=book, dry_run=dry_run, progress=told)
        if json:
            print_json(
                done, batches=done.batches, dry_run=dry_run, decimals=office.decimals, symbol=office.symbol
            )
        else:
            _print(office, done, dry_run=dry_run)
    for line in (*done.waiting, *done.lacking, *done.failed):
        note(f"troth: {line}")
    if not dry_run and (done.waiting or done.withheld or done.failed):
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Adds this command."""
    app.command()(settle)


def _print(office: Office, done: Settlement, *, dry_run: bool) -> None:
    """What was done, for people."""
    due = ("due", f"{done.due} claims, {office.amount(done.due_amount)}")
    withheld = []
    if done.withheld:
        withheld = [("withheld", f"{done.withheld} claims, {office.amount(done.withheld_amount)}")]
    if dry_run:
        print_facts([due, *withheld, ("settled before", done.skipped)])
        return
    gas = f", {done.gas_used // done.settled} a claim" if done.settled else ""
    print_facts(
        [
            due,
            ("settled", done.settled),
            ("paid", office.amount(done.paid)),
            ("owed", f"{done.owed} claims, {office.amount(done.owed_amount)}"),
            *withheld,
            ("settled before", done.skipped),
            ("batches", done.batches),
            ("gas", f"{done.gas_used}{gas}"),
        ]
    )
