"""troth interactions anchor, status, reconcile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from troth.cli.output import note, print_facts, print_json, print_table, progress
from troth.cli.session import Json, Session
from troth.intake import iso_second

if TYPE_CHECKING:
    from troth.interactions.batches import AnchoredBatch, Standing
    from troth.interactions.counts import Reconciled

__all__ = ["register"]


def anchor(
    context: typer.Context,
    stream: Annotated[str | None, typer.Option(help="Only this one, by its name.")] = None,
    due: Annotated[
        bool,
        typer.Option(
            "--due", help="Only what TROTH_BATCH_RECORDS and TROTH_BATCH_AGE have made due: for a timer."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Anchor what waits, each record once. Safe to repeat, and to kill at any moment."""
    from troth.interactions import batches  # noqa: PLC0415  kept out of --help

    with Session.of(context).office() as office:
        run = batches.Anchoring(office)
        try:
            with progress("anchoring", quiet=json) as run.progress:
                run.anchor(stream, due_only=due)
        finally:  # whatever ends the run: no later one shows these
            if run.anchored:
                _print_anchored(run.anchored, json=json)
            for failure in run.failures:
                note(f"troth: {failure}")
        if not run.anchored:
            waiting = batches.unclosed(office, stream) if due and not run.failures else 0
            if json:
                _print_anchored([], json=True)
            elif waiting:
                print(f"nothing is due yet (records waiting: {waiting})")
            elif not run.failures:
                print("nothing waits to be anchored")
    if run.failures:
        raise typer.Exit(1)


def status(context: typer.Context, json: Json = False) -> None:
    """Show how far each stream is anchored, and how long the oldest waiting record has waited."""
    from troth.interactions import batches  # noqa: PLC0415

    with Session.of(context).office() as office:
        found = batches.status(office)
    if json:
        print_json({"streams": found})
    else:
        columns = ("stream", "#accepted", "#anchored", "#batches", "#waiting", "oldest waiting")
        print_table(columns, [_row(one) for one in found])
    taken = [one for one in found if one.taken is not None]
    for one in taken:
        note(f"troth: {one.stream}: batch {one.taken} on the chain is not from this database")
    if taken:
        raise typer.Exit(1)


def reconcile(
    context: typer.Context,
    counts: Annotated[
        Path, typer.Argument(metavar="COUNTS.csv", help="Columns day, as 2027-01-31, and count.")
    ],
    stream: Annotated[str, typer.Option(help="Whose contacts the switch counted.")],
    declare: Annotated[
        bool, typer.Option("--declare", help="Put the counts on record on the chain, each once.")
    ] = False,
    json: Json = False,
) -> None:
    """Compare the switch's own counters with what was accepted, day by day in UTC; 1 if they differ."""
    from troth.interactions import counts as counting  # noqa: PLC0415

    with Session.of(context).office() as office:
        found = counting.reconcile(office, stream, counts, declare=declare)
    if json:
        days = [{**vars(one), "day": one.day.isoformat()} for one in found.days]
        print_json(
            {"stream": found.stream, "agrees": found.agrees, "days": days, "transactions": found.transactions}
        )
    else:
        _print_reconciled(found, declare=declare)
    if not found.agrees:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Adds these commands."""
    for one in (anchor, status, reconcile):
        app.command()(one)


def _print_anchored(done: list[AnchoredBatch], *, json: bool) -> None:
    """A line for each batch, and all of them together."""
    records, gas = sum(one.count for one in done), sum(one.gas_used for one in done)
    if json:
        shown = [{**vars(one), "time": iso_second(one.time)} for one in done]
        print_json({"records": records, "gas_used": gas, "batches": shown})
        return
    columns = ("stream", "#batch", "#first", "#records", "transaction")
    print_table(columns, [(one.stream, one.number, one.first, one.count, one.transaction) for one in done])
    counted = f"{_number(records, 'record', 's')} in {_number(len(done), 'batch', 'es')}"
    print_facts([("anchored", counted), ("gas", gas)])


def _number(count: int, word: str, ending: str) -> str:
    """So many of them."""
    return f"{count} {word}{'' if count == 1 else ending}"


def _row(one: Standing) -> tuple[object, ...]:
    """How a stream stands, for people."""
    waited = "" if one.oldest_waiting is None else _span(one.oldest_waiting)
    return one.stream, one.accepted, one.anchored, one.batches, one.waiting, waited


def _print_reconciled(found: Reconciled, *, declare: bool) -> None:
    """Each day, and whether all agree."""
    columns = ("day", "#declared", "#accepted", "#anchored", "#missing", "#surplus")
    print_table(columns, [tuple(vars(one).values()) for one in found.days])
    if declare:
        print(f"{len(found.transactions)} of {found.declared} counts put on record, the others stood there")
    missing, surplus = sum(one.missing for one in found.days), sum(one.surplus for one in found.days)
    print("the counts agree" if found.agrees else f"the counts differ: {missing} missing, {surplus} surplus")


def _span(seconds: int) -> str:
    """A length of time in its two largest units: "2 d 5 h"."""
    parts = []
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
