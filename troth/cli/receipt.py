"""troth receipt make, verify."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import date, datetime, timezone
from os.path import realpath
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from troth.cli.output import note, print_facts, print_json, progress
from troth.cli.parsing import checked
from troth.cli.session import Json, Session
from troth.errors import BadInput, Problem
from troth.files import whole_file
from troth.intake import parse_moment

if TYPE_CHECKING:
    from troth.interactions.receipts import Receipt
    from troth.office import Office

__all__ = ["register"]

app = typer.Typer(
    name="receipt", help="What was recorded, proved to whoever holds a file.", no_args_is_help=True
)

_KINDS: Mapping[str, tuple[str, ...]] = {
    "inclusion": ("RECORD",),
    "disclosure": ("RECORD", "--fields"),
    "absence": ("--subject", "--from", "--until"),
    "completeness": ("--subject",),
}
"""What each kind needs."""

_OPTIONAL: Mapping[str, tuple[str, ...]] = {"inclusion": ("--cose",), "completeness": ("--fields",)}
"""What some take beside it."""


@app.command()
def make(
    context: typer.Context,
    record: Annotated[
        str | None, typer.Argument(help="A record's id, or '#INDEX'.", metavar="[RECORD]")
    ] = None,
    *,
    stream: Annotated[str, typer.Option(help="Name of the stream.", metavar="NAME")],
    kind: Annotated[str, typer.Option(help=f"{', '.join(_KINDS)}.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the receipt goes.", metavar="FILE")],
    subject: Annotated[
        str | None, typer.Option(help="Whose contacts, by id or customer reference.", metavar="S")
    ] = None,
    fields: Annotated[
        str | None,
        typer.Option(help="Which to show, as /outcome,/parties/0: each with all below it."),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", help="A day as 2027-01-31, or a time.", metavar="D")
    ] = None,
    until: Annotated[str | None, typer.Option(help="The same; not included.", metavar="D")] = None,
    cose: Annotated[
        Path | None, typer.Option(help="Of an inclusion, a COSE Receipt (RFC 9942) too.", metavar="FILE")
    ] = None,
    json: Json = False,
) -> None:
    """Write a receipt: of a record, whole or in part, or of all contacts with a subject, or of none.

    Whoever holds it can check it with `troth receipt verify`, or without Troth: see docs/receipts.md.
    """
    from troth.interactions.receipts import vouched  # noqa: PLC0415  kept out of --help

    given = {"RECORD": record, "--fields": fields, "--subject": subject, "--from": since, "--until": until}
    _check_given(kind, {**given, "--cose": cose})
    if cose is not None and realpath(cose) == realpath(output):
        raise BadInput([Problem("--cose", None, None, None, "is the file of --output: name another")])
    with Session.of(context).office() as office, progress("surveying", quiet=json) as told:
        made = _made(office, kind, stream, given, told)
        signed = None if cose is None else vouched(office, made)
    with ExitStack() as files:  # of two, none is replaced before both can be
        write = files.enter_context(whole_file(output, place="--output"))
        if cose is not None and signed is not None:
            files.enter_context(whole_file(cose, place="--cose"))(signed)
        write(made.text.encode())
    _print_made(made, output, cose, json=json)


@app.command()
def verify(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A receipt.", metavar="FILE")],
    *,
    commitment: Annotated[
        str | None, typer.Option(help="The last batch's, if you have it already.", metavar="0x...")
    ] = None,
) -> None:
    """Check a receipt by `verifier/verify_receipt.py`: say what it proves and what it does not.

    The node at --rpc or TROTH_RPC is asked, or else the chain of `troth up` if that is up. Ends with 0 if the
    receipt is proved, 1 if it is refused, 2 if it cannot be read, or the node is silent or of another chain.
    Without a node and without --commitment, 0 means: sound in itself, and not that it is on any chain.
    """
    from troth import verify_receipt  # noqa: PLC0415  kept out of --help

    session, arguments = Session.of(context), ["--", str(file)]
    if commitment is not None:
        arguments = ["--commitment", commitment, *arguments]
    if (named := session.given.get("rpc")) is not None:
        arguments = ["--rpc", named, *arguments]
    elif commitment is None and (url := _own_node(session)) is not None:
        arguments = ["--rpc", url, *arguments]
    raise typer.Exit(verify_receipt.main(arguments, prog="troth receipt verify"))


def register(main: typer.Typer) -> None:
    """Adds these commands."""
    main.add_typer(app)


# --- from options to a receipt


def _check_given(kind: str, given: Mapping[str, object]) -> None:
    """Raises BadInput for an unknown kind, and for what it needs and lacks, or has and does not take."""
    if kind not in _KINDS:
        raise BadInput([Problem("--kind", None, None, kind, f"write {', '.join(_KINDS)}")])
    taken = {*_KINDS[kind], *_OPTIONAL.get(kind, ())}
    problems = [
        Problem(name, None, None, None, f"missing: --kind {kind} needs it")
        for name in _KINDS[kind]
        if given[name] is None
    ]
    problems += [
        Problem(name, None, None, None, f"not with --kind {kind}: leave it out")
        for name, value in given.items()
        if value is not None and name not in taken
    ]
    if problems:
        raise BadInput(problems)


def _made(
    office: Office, kind: str, stream: str, given: Mapping[str, Any], told: Callable[[int, int], None]
) -> Receipt:
    """The receipt."""
    from troth.identity.subjects import resolve  # noqa: PLC0415
    from troth.interactions import receipts, surveys  # noqa: PLC0415

    if kind == "inclusion":
        return receipts.inclusion(office, stream, given["RECORD"])
    if kind == "disclosure":
        return receipts.disclosure(office, stream, given["RECORD"], _listed(given["--fields"]))
    if kind == "completeness":
        fields = _listed(given["--fields"] or "")
        return surveys.completeness(
            office, stream, resolve(office, given["--subject"]), fields, progress=told
        )
    period = [checked(name, given[name], _second) for name in ("--from", "--until")]
    return surveys.absence(office, stream, resolve(office, given["--subject"]), *period, progress=told)


def _listed(text: str) -> list[str]:
    """Names joined by commas; a name with a comma in it cannot be given here."""
    return [name for part in text.split(",") if (name := part.strip())]


def _second(text: str) -> int:
    """UTC seconds of a day's beginning or of a time. ValueError."""
    try:
        day = date.fromisoformat(text) if len(text) == len("2027-01-31") else None
    except ValueError:
        day = None
    if day is None:
        return int(parse_moment(text).timestamp())
    return int(datetime(day.year, day.month, day.day, tzinfo=timezone.utc).timestamp())


def _print_made(made: Receipt, output: Path, cose: Path | None, *, json: bool) -> None:
    """What was written, and what it does not speak of."""
    document = made.document
    numbers = [batch["number"] for batch in document["batches"]]
    indexes = [record["index"] for record in document["records"]]
    if made.kind in {"absence", "completeness"} and made.uncovered:
        more = f"{made.uncovered} records of stream {document['name']} wait to be anchored"
        note(f"{more}: the receipt does not speak of them")
    if json:
        files = {"receipt": output, "cose": cose}
        stream = {"kind": made.kind, "stream": document["name"]}
        print_json(stream, batches=numbers, records=indexes, uncovered=made.uncovered, **files)
        return
    facts: list[tuple[str, object]] = [
        ("kind", made.kind),
        ("stream", document["name"]),
        ("batches", _range(numbers)),
        ("records", _indexes(indexes)),
        ("receipt", output),
    ]
    print_facts([*facts, *([("cose", cose)] if cose else [])])


def _indexes(indexes: list[int]) -> object:
    """A few each, many by their number."""
    return len(indexes) if len(indexes) > 10 else ", ".join(f"#{index}" for index in indexes) or "none"


def _range(numbers: list[int]) -> str:
    """Consecutive numbers."""
    return f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


def _own_node(session: Session) -> str | None:
    """The address of the node that is configured, or else of the embedded chain if that is up; says which."""
    from troth.chain import anvil  # noqa: PLC0415
    from troth.chain.rpc import without_secrets  # noqa: PLC0415

    url = session.settings.rpc
    if url is None and (running := anvil.status(session.settings.home)) is not None:
        url = running.url
    if url is None:
        note("the chain is not asked: no node is up; name one with --rpc")
    else:
        note(f"the chain is asked at this office's own node, {without_secrets(url)}")
    return url
