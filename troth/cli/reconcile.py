"""troth reconcile."""

from __future__ import annotations

import typer

from troth.cli.output import print_facts, print_json
from troth.cli.session import Json, Session

__all__ = ["register"]


def reconcile(context: typer.Context, json: Json = False) -> None:
    """Prove that everything adds up, or say what differs.

    Policies = claims = events = balances, each from a source of its own.
    """
    from troth.claims import ledger  # noqa: PLC0415  kept out of --help
    from troth.claims.books import tree_of  # noqa: PLC0415

    with Session.of(context).office() as office:
        found = ledger.reconcile(
            office.store,
            office.node,
            office.ledger_contracts,
            confirmations=office.settings.confirmations,
            root_of=lambda policies: tree_of(policies).root,
        )
        if json:
            print_json(found, ok=found.ok, decimals=office.decimals, symbol=office.symbol)
        else:
            print_facts(
                [
                    ("block", found.block),
                    ("books", found.books),
                    ("policies", f"{found.policies}, {found.cancelled} of them cancelled"),
                    ("claims", f"{found.claims} by the contract's marks, {found.events} by events"),
                    (
                        "paid",
                        f"{office.amount(found.paid)} by events, {office.amount(found.balances)} by balances",
                    ),
                    ("owed", office.amount(found.owed)),
                    ("differences", found.found or "none"),
                ]
            )
            for difference in found.differences:
                print(difference)
    if not found.ok:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Adds this command."""
    app.command()(reconcile)
