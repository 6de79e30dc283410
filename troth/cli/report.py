"""troth report publish, sign, list, challenge, uphold."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from troth.cli.output import print_json, print_table, when
from troth.cli.parsing import checked, moment
from troth.cli.session import Json, Session
from troth.errors import BadInput, Problem

__all__ = ["register"]

app = typer.Typer(name="report", help="What happened, signed by oracles.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(min=1, max=2**32 - 1, help="The contract's number.")]


@app.command()
def publish(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV: risk,value", metavar="OBS.csv")],
    *,
    product: Annotated[str, typer.Option(help="Name of the product whose metric was observed.")],
    from_: Annotated[
        str | None, typer.Option("--from", help="When the period began, as 2027-01-31T00:00:00Z.")
    ] = None,
    to: Annotated[str | None, typer.Option(help="When it ended; both, or neither for now.")] = None,
    replaces: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Number of the challenged report this supersedes.")
    ] = 0,
    signed: Annotated[
        list[Path] | None,
        typer.Option(help="File that an oracle made with `report sign`; once for each.", metavar="FILE"),
    ] = None,
    json: Json = False,
) -> None:
    """Publish the observations of a file, signed by oracles elsewhere or with the keys at hand."""
    from troth.claims import reports  # noqa: PLC0415  kept out of --help

    period = _period(from_, to)
    with Session.of(context).office() as office:
        report = reports.publish(
            office, file, product, period=period, replaces=replaces, attestations=signed or ()
        )
    already = report.transaction is None
    if json:
        print_json(report, already=already)
        return
    how = "published before" if already else "published"
    print(
        f"report {report.report_id}: {report.observations} observations, {how}; final {when(report.final_at)}"
    )


@app.command()
def sign(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV: risk,value", metavar="OBS.csv")],
    *,
    product: Annotated[str, typer.Option(help="Name of the product whose metric was observed.")],
    from_: Annotated[str, typer.Option("--from", help="When the period began, as 2027-01-31T00:00:00Z.")],
    to: Annotated[str, typer.Option(help="When it ended.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the signatures go.", metavar="FILE")],
    replaces: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Number of the challenged report this supersedes.")
    ] = 0,
) -> None:
    """Sign the observations of a file as an oracle, for somebody else to publish. Sends nothing."""
    from troth.claims import reports  # noqa: PLC0415

    period = _period(from_, to)
    assert period is not None  # noqa: S101  both options are required
    with Session.of(context).office() as office:
        made = reports.sign(office, file, product, period=period, replaces=replaces)
    made.write(output)
    print(f"signed by {', '.join(made.signatures)}: send {output} to whoever publishes")


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """Show every report."""
    from troth.claims.registers import reports  # noqa: PLC0415

    with Session.of(context).office() as office:
        entries = reports(office)
    if json:
        print_json({"reports": entries})
        return
    rows = [
        (
            one.report,
            one.metric,
            one.observations,
            one.period_start,
            one.period_end,
            one.status.value,
            one.final_at,
        )
        for one in entries
    ]
    print_table(["#report", "metric", "#observations", "from", "to", "status", "final"], rows)


@app.command()
def challenge(
    context: typer.Context,
    report: Number,
    reason: Annotated[str, typer.Option(help="A code of at most 32 bytes, or 0x and a 32-byte hash.")],
) -> None:
    """Dispute a report before it is final."""
    from troth.claims import disputes  # noqa: PLC0415

    grounds = checked("--reason", reason, disputes.grounds)
    with Session.of(context).office() as office:
        print(f"report {report} is challenged; transaction {disputes.challenge(office, report, grounds)}")


@app.command()
def uphold(context: typer.Context, report: Number) -> None:
    """Dismiss the challenge of a report, which then counts when its time has come."""
    from troth.claims import disputes  # noqa: PLC0415

    with Session.of(context).office() as office:
        print(f"report {report} is upheld; transaction {disputes.uphold(office, report)}")


def register(main: typer.Typer) -> None:
    """Adds these commands."""
    main.add_typer(app)


def _period(begins: str | None, ends: str | None) -> tuple[datetime, datetime] | None:
    """Both ends of the period, or neither. Raises BadInput."""
    first, last = moment("--from", begins), moment("--to", ends)
    if first is not None and last is not None:
        return first, last
    if first is not None or last is not None:
        missing, given = ("--to", begins) if last is None else ("--from", ends)
        raise BadInput(
            [Problem(missing, None, None, None, f"give both ends of the period, not only {given}")]
        )
    return None
