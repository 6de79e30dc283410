"""troth owed list, withdraw."""

from __future__ import annotations

from typing import Annotated

import typer

from troth.cli.output import note, print_json, print_table, progress
from troth.cli.parsing import address
from troth.cli.session import Json, Session

__all__ = ["register"]

app = typer.Typer(name="owed", help="Money whose transfer failed, kept for its payees.", no_args_is_help=True)


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """Show what is owed to whom, and for which policies."""
    from troth.claims import owed  # noqa: PLC0415  kept out of --help

    with Session.of(context).office() as office:
        debts = owed.owed(office)
        if json:
            print_json(
                {"owed": debts, "total": sum(debt.amount for debt in debts)},
                decimals=office.decimals,
                symbol=office.symbol,
            )
            return
        rows = [
            (
                debt.payee,
                office.amount(debt.amount),
                ", ".join(
                    one.policy_ref or f"book {one.book_id} number {one.number}" for one in debt.policies
                ),
            )
            for debt in debts
        ]
        total = office.amount(sum(debt.amount for debt in debts))
    if rows:
        print_table(["payee", "#amount", "policies"], rows)
    note(f"{total} owed to {len(rows)} payees")


@app.command()
def withdraw(
    context: typer.Context,
    payee: Annotated[
        str | None, typer.Argument(help="Only to this address; to everybody by default.")
    ] = None,
    json: Json = False,
) -> None:
    """Send what is owed to the payees themselves. Works while the pool is paused."""
    from troth.claims import owed  # noqa: PLC0415

    only = None if payee is None else address("PAYEE", payee)
    with Session.of(context).office() as office:
        with progress("withdrawing", quiet=json) as told:
            done = owed.withdraw(office, only, progress=told)
        if json:
            print_json(done, decimals=office.decimals, symbol=office.symbol)
        else:
            for one in done.sent:
                print(f"{office.amount(one.amount)} to {one.payee}; transaction {one.transaction}")
        if not done.sent and not done.refused:
            note(f"nothing is owed{'' if only is None else f' to {only}'}")
        for failed in done.refused:
            note(f"troth: {office.amount(failed.amount)} stay owed to {failed.payee}: {failed.reason}")
    if done.refused:
        raise typer.Exit(1)


def register(main: typer.Typer) -> None:
    """Adds these commands."""
    main.add_typer(app)
