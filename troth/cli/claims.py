"""troth claims list, show, export."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Literal, TextIO, cast

import typer

from troth.cli.files import sink
from troth.cli.output import note, plain, print_facts, print_json, print_table, progress
from troth.cli.session import Json, Session

if TYPE_CHECKING:
    from troth.claims.outcomes import Outcome, Proof
    from troth.office import Office

__all__ = ["register"]

app = typer.Typer(
    name="claims", help="What became of each policy, by the insurer's own reference.", no_args_is_help=True
)

Book = Annotated[
    int | None, typer.Option(min=1, max=2**32 - 1, help="Only this book, by the contract's number.")
]


@app.command("list")
def list_(
    context: typer.Context,
    *,
    book: Book = None,
    status: Annotated[
        Literal["open", "paid", "owed", "cancelled", "expired", "withheld"] | None,
        typer.Option(help="Only these."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    json: Json = False,
) -> None:
    """Show policies and what became of them, in order of book and number."""
    from troth.claims.outcomes import Status, counts, outcomes  # noqa: PLC0415  kept out of --help

    with Session.of(context).office() as office:
        wanted = None if status is None else Status(status)
        found = outcomes(office, book_id=book, status=wanted, limit=limit)
        total = counts(office, book_id=book)
        matching = sum(total.values()) if wanted is None else total[wanted]
        if json:
            print_json(
                {"claims": found, "matching": matching, "counts": total},
                decimals=office.decimals,
                symbol=office.symbol,
            )
            return
        rows = [
            (
                one.policy_ref,
                one.book,
                one.status.value,
                "" if one.amount is None else office.amount(one.amount),
                one.payee,
                one.risk,
                one.value,
                one.time,
                one.lacking,
            )
            for one in found
        ]
    if rows:
        columns = ["policy", "#book", "status", "#amount", "payee", "risk", "#observed", "time", "lacking"]
        width = len(columns) if any(one.lacking for one in found) else len(columns) - 1
        print_table(columns[:width], [row[:width] for row in rows])
    note(", ".join(f"{number} {one.value}" for one, number in total.items() if number) or "no policies yet")
    if matching > len(found):
        note(f"{len(found)} of {matching} shown: raise --limit, or write all with `troth claims export`")


@app.command()
def show(
    context: typer.Context,
    policy_ref: Annotated[str, typer.Argument(help="The insurer's own reference.", metavar="REF")],
    json: Json = False,
) -> None:
    """Show every policy of a reference, and the proof its holder can claim with."""
    from troth.claims import outcomes  # noqa: PLC0415

    with Session.of(context).office() as office:
        found = outcomes.show(office, policy_ref)
        if json:
            policies = [{**plain(outcome), "proof": plain(proof)} for outcome, proof in found]
            print_json({"policies": policies}, decimals=office.decimals, symbol=office.symbol)
            return
        for outcome, proof in found:
            _print(office, outcome, proof)


@app.command()
def export(
    context: typer.Context,
    book: Book = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file to write, for stdout.", dir_okay=False)
    ] = None,
) -> None:
    """Write what became of every policy as CSV, amounts in currency."""
    from troth.claims import outcomes  # noqa: PLC0415

    with Session.of(context).office() as office, sink(output) as write:
        to = cast("TextIO", SimpleNamespace(write=write))  # a CSV writer asks no more of a file
        with progress("exporting", quiet=output is None) as told:
            count = outcomes.export(office, to, book_id=book, progress=told)
    if output is not None:
        note(f"{count} policies in {output}")


def register(main: typer.Typer) -> None:
    """Adds these commands."""
    main.add_typer(app)


def _print(office: Office, one: Outcome, proof: Proof) -> None:
    """One policy for people."""
    print_facts(
        [
            ("policy", one.policy_ref),
            ("book", f"{one.book}, number {one.number}"),
            ("status", one.status.value if one.lacking is None else f"{one.status.value}: {one.lacking}"),
            ("amount", "" if one.amount is None else office.amount(one.amount)),
            ("payee", one.payee),
            ("risk", one.risk),
            ("observed", "" if one.report is None else f"{one.value}, by report {one.report}"),
            ("insured", office.amount(one.sum_insured)),
            ("premium", office.amount(one.premium)),
            ("time", one.time),
            ("transaction", one.transaction),
            ("withdrawn by", one.withdrawal),
            ("leaf", f"0x{proof.leaf.hex()}"),
            ("root", f"0x{proof.root.hex()}, by {len(proof.path)} hashes: see --json"),
        ]
    )
    print()
