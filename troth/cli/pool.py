"""troth pool show, deposit, leave, withdraw, pause, resume."""

from __future__ import annotations

from typing import Annotated

import typer

from troth.cli.output import print_facts, print_json, when
from troth.cli.parsing import more_than_nothing
from troth.cli.session import Json, Session
from troth.errors import BadInput, Problem

__all__ = ["register"]

app = typer.Typer(name="pool", help="The capital behind the books.", no_args_is_help=True)

Amount = Annotated[str, typer.Argument(help="In currency.")]
AmountOrAll = Annotated[str | None, typer.Argument(help="In currency; all by default.")]


@app.command()
def show(context: typer.Context, json: Json = False) -> None:
    """Show what the pool holds, and what the office's account has in it."""
    from troth.claims import pool  # noqa: PLC0415  kept out of --help

    with Session.of(context).office() as office:
        found = pool.show(office)
        if json:
            print_json(found, decimals=office.decimals, symbol=office.symbol)
            return
        notice = found.notice
        window = "none" if notice is None else f"{when(notice.opens_at)} to {when(notice.closes_at)}"
        worth = "" if notice is None else f"{office.amount(notice.worth)}, exit open "
        print_facts(
            [
                ("assets", office.amount(found.assets)),
                ("reserved", office.amount(found.reserved)),
                ("owed", office.amount(found.owed)),
                ("free", office.amount(found.free)),
                ("pool", "paused" if found.paused else "open"),
                ("account", found.account or "none: name a key with --keystore"),
                ("  holds", office.amount(found.balance)),
                ("  in the pool", f"{office.amount(found.worth)}, {found.shares} shares"),
                ("  notice", worth + window),
            ]
        )


@app.command()
def deposit(context: typer.Context, amount: Amount, json: Json = False) -> None:
    """Put money into the pool."""
    from troth.claims import pool  # noqa: PLC0415

    with Session.of(context).office() as office:
        done = pool.deposit(office, more_than_nothing(office, "AMOUNT", amount))
        if json:
            print_json(done, decimals=office.decimals, symbol=office.symbol)
        else:
            print(f"{office.amount(done.amount)} put in; transaction {done.transaction}")


@app.command()
def leave(
    context: typer.Context,
    amount: AmountOrAll = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="Take the notice back.")] = False,
    json: Json = False,
) -> None:
    """Give notice of taking money out. It replaces an earlier notice."""
    from troth.claims import pool  # noqa: PLC0415

    if cancel and amount is not None:
        raise BadInput([Problem("AMOUNT", None, None, amount, "either an amount or --cancel")])
    with Session.of(context).office() as office:
        wanted = None if amount is None else more_than_nothing(office, "AMOUNT", amount)
        notice = pool.leave(office, 0 if cancel else wanted)
        if json:
            print_json(notice, decimals=office.decimals, symbol=office.symbol)
        elif cancel:
            print("the notice is taken back")
        else:
            window = f"from {when(notice.opens_at)}, and before {when(notice.closes_at)}"
            print(f"notice of {office.amount(notice.worth)}: withdraw {window}")


@app.command()
def withdraw(context: typer.Context, amount: AmountOrAll = None, json: Json = False) -> None:
    """Take money out, after notice and within its window."""
    from troth.claims import pool  # noqa: PLC0415

    with Session.of(context).office() as office:
        wanted = None if amount is None else more_than_nothing(office, "AMOUNT", amount)
        done = pool.withdraw(office, wanted)
        if json:
            print_json(done, decimals=office.decimals, symbol=office.symbol)
        else:
            print(f"{office.amount(done.amount)} taken out; transaction {done.transaction}")


@app.command()
def pause(context: typer.Context) -> None:
    """Stop all payments but withdrawals of what is owed."""
    from troth.claims import pool  # noqa: PLC0415

    with Session.of(context).office() as office:
        print(f"paused; transaction {pool.pause(office)}")


@app.command()
def resume(context: typer.Context) -> None:
    """Let payments go on."""
    from troth.claims import pool  # noqa: PLC0415

    with Session.of(context).office() as office:
        print(f"resumed; transaction {pool.resume(office)}")


def register(main: typer.Typer) -> None:
    """Adds these commands."""
    main.add_typer(app)
