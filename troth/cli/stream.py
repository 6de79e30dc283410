"""troth stream create, list, writer, retain, hold, release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from troth.cli.output import plain, print_json, print_table
from troth.cli.parsing import address
from troth.cli.session import Json, Session

if TYPE_CHECKING:
    from troth.interactions.streams import Changed, Stream

__all__ = ["register"]

app = typer.Typer(name="stream", help="Where interactions go, and how long they stay.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Of the stream.")]
Matter = Annotated[
    str, typer.Option(help="The case, in your words. A keyed digest of it goes on-chain, and no word of it.")
]


@app.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="1 to 64 of a to z, digits and hyphens.")],
    writer: Annotated[
        str | None, typer.Option(help="The account that anchors it; this one by default.", metavar="ADDRESS")
    ] = None,
    json: Json = False,
) -> None:
    """Make a stream of interactions."""
    from troth.interactions import streams  # noqa: PLC0415  kept out of --help

    account = None if writer is None else address("--writer", writer)
    with Session.of(context).office() as office:
        done = streams.create(office, name, writer=account)
    _print(done, f"stream {done.stream.number}, {name}, made", json=json)


@app.command("list")
def list_streams(context: typer.Context, json: Json = False) -> None:
    """List the streams, who writes each, how long it is kept and how many matters hold it."""
    from troth.interactions import streams  # noqa: PLC0415

    with Session.of(context).office() as office:
        found = streams.list_streams(office)
    if json:
        print_json({"streams": [_plain(one) for one in found]})
        return
    columns = ("#number", "name", "writers", "kept", "#holds")
    print_table(
        columns,
        [(one.number, one.name, ", ".join(one.writers), _kept(one), len(one.holds)) for one in found],
    )


@app.command()
def writer(
    context: typer.Context,
    name: Name,
    account: Annotated[str, typer.Argument(metavar="ADDRESS", help="Of the account.")],
    remove: Annotated[bool, typer.Option("--remove", help="It may no longer.")] = False,
    json: Json = False,
) -> None:
    """Let an account anchor a stream, or no longer."""
    from troth.interactions import streams  # noqa: PLC0415

    checked = address("ADDRESS", account)
    with Session.of(context).office() as office:
        done = streams.set_writer(office, name, checked, allowed=not remove)
    _print(done, f"{checked} is {'no ' if remove else 'a '}writer of {name}", json=json)


@app.command()
def retain(
    context: typer.Context,
    name: Name,
    class_name: Annotated[str, typer.Argument(metavar="CLASS", help="What records they are, by your rules.")],
    days: Annotated[int, typer.Option(help="How long they are kept.")],
    json: Json = False,
) -> None:
    """Say of what class a stream's records are, and how long they are kept."""
    from troth.interactions import streams  # noqa: PLC0415

    with Session.of(context).office() as office:
        done = streams.set_retention(office, name, class_name, days)
    _print(done, f"{name} is kept {days} days, as {class_name}", json=json)


@app.command()
def hold(context: typer.Context, name: Name, matter: Matter, json: Json = False) -> None:
    """Put a stream under legal hold: nothing of it is to be erased until it is released."""
    from troth.interactions import streams  # noqa: PLC0415

    with Session.of(context).office() as office:
        done = streams.hold(office, name, matter)
    _print(done, f"{name} is held, by {_matters(done)}", json=json)


@app.command()
def release(context: typer.Context, name: Name, matter: Matter, json: Json = False) -> None:
    """End a legal hold, naming the matter as it was named."""
    from troth.interactions import streams  # noqa: PLC0415

    with Session.of(context).office() as office:
        done = streams.release(office, name, matter)
    left = f"still held, by {_matters(done)}" if done.stream.holds else "held no longer"
    _print(done, f"{name} is {left}", json=json)


def register(main: typer.Typer) -> None:
    """Adds these commands."""
    main.add_typer(app)


def _print(done: Changed, text: str, *, json: bool) -> None:
    """What a change came to."""
    if json:
        print_json(_plain(done.stream), transaction=done.transaction)
    elif done.transaction is None:
        print(f"{text}, as before; nothing was sent")
    else:
        print(f"{text}; transaction {done.transaction}")


def _plain(stream: Stream) -> dict[str, Any]:
    """A stream as JSON has it."""
    kept = stream.retention
    return {
        **plain(stream),
        "retention": None if kept is None else {"class": kept.class_name, "days": kept.days},
    }


def _kept(stream: Stream) -> str:
    """How long, for people."""
    kept = stream.retention
    return "" if kept is None else f"{kept.days} days, {kept.class_name}"


def _matters(done: Changed) -> str:
    """How many."""
    count = len(done.stream.holds)
    return "1 matter" if count == 1 else f"{count} matters"
