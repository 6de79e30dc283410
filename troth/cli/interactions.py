"""troth interactions add, show, amend, list."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from troth.cli.output import note, print_facts, print_json, print_table, progress
from troth.cli.session import Json, Session
from troth.errors import SHOWN_PROBLEMS, BadInput, Problem

if TYPE_CHECKING:
    from troth.interactions.formats import Format, Received
    from troth.interactions.history import Interaction, Shown
    from troth.interactions.intake import Added, Intake

__all__ = ["app", "register"]

app = typer.Typer(
    name="interactions", help="What was said and done, for anybody to check.", no_args_is_help=True
)

StreamName = Annotated[str, typer.Option(help="Which stream, by its name.")]
Record = Annotated[
    str, typer.Argument(help="The id it came with, or '#INDEX' in its stream.", metavar="RECORD")
]
FormatName = Annotated[str, typer.Option("--format", help="auto, vcon, cdr or jsonl.")]
CustomerColumn = Annotated[
    str, typer.Option(help="The column of a call detail record that has the customer's number.")
]


@app.command()
def add(
    context: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(help="Of vCons, call detail records, JSON lines: files, no pipe and no -."),
    ],
    *,
    stream: StreamName,
    format_name: FormatName = "auto",
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Take what is sound of a file some of which is refused.")
    ] = False,
    customer_column: CustomerColumn = "src",
    json: Json = False,
) -> None:
    """Queue files of interactions, each record once; they are kept when this ends, and anchored later.

    A file is taken whole or not at all, unless told to keep going. Safe to repeat, and to kill at any moment.
    Exits with 2 if anything was refused; of each file, --json says why of the first 100, and counts them all.
    """
    from troth.interactions import formats, intake  # noqa: PLC0415  kept out of --help

    known = _format(format_name)
    sizes = [formats.size_of(file) for file in files]
    whole, done, before = sum(sizes), list["Added"](), 0
    with (
        Session.of(context).office() as office,
        intake.opened(office, stream) as queue,
        progress("reading", quiet=json) as told,
    ):
        for file, size in zip(files, sizes, strict=True):
            records = formats.read(file, known, customer_column=customer_column)
            done.append(_added(queue, records, told, keep_going=keep_going, before=before, whole=whole))
            before += size
    _print_added(stream, files, done, json=json)
    if any(one.refused for one in done):
        raise typer.Exit(2)


@app.command()
def show(context: typer.Context, record: Record, *, stream: StreamName, json: Json = False) -> None:
    """Show one interaction, what it says, and how it stands to others."""
    from troth.interactions import history  # noqa: PLC0415

    with Session.of(context).office() as office:
        found = history.show(office, stream, record)
    if json:
        raw = None if found.raw is None else found.raw.decode(errors="replace")
        print_json(found.interaction, previous=found.previous, fields=found.fields, raw=raw)
    else:
        print_facts(_facts(found))


@app.command()
def amend(
    context: typer.Context,
    record: Record,
    file: Annotated[Path, typer.Argument(help="Of the amendment: one record, with an id of its own.")],
    *,
    stream: StreamName,
    format_name: FormatName = "auto",
    customer_column: CustomerColumn = "src",
    json: Json = False,
) -> None:
    """Queue a record that amends another of the same customer. The other stays as it is."""
    from troth.interactions import formats, history, intake  # noqa: PLC0415

    read = formats.read(file, _format(format_name), customer_column=customer_column)
    received = _only(read, file)
    with Session.of(context).office() as office:
        _, original = history.locate(office, stream, record)
        index = intake.amend(office, stream, original.position, received)
    if json:
        print_json({"stream": stream, "index": index, "amends": original.position})
    else:
        print(f"#{index} of {stream} amends #{original.position}")


@app.command("list")
def list_interactions(
    context: typer.Context,
    *,
    subject: Annotated[str, typer.Option(help="0x-hex id, or the insurer's own customer reference.")],
    json: Json = False,
) -> None:
    """List all interactions of a subject, in every stream, by number; erased ones too."""
    from troth.identity import subjects  # noqa: PLC0415
    from troth.interactions import history  # noqa: PLC0415

    with Session.of(context).office() as office:
        who = subjects.resolve(office, subject)
        found = history.of_subject(office, who)
        is_known = bool(found) or subjects.show(office, who).created_at is not None
    if not is_known:
        note("this database knows no such subject")
    if json:
        print_json({"subject": who, "interactions": found})
        return
    columns = ("stream", "#index", "#number", "start", "kind", "id", "amends", "amended by", "batch")
    print_table(columns, map(_row, found))


def register(main: typer.Typer) -> None:
    """Adds these commands."""
    main.add_typer(app)


def _format(text: str) -> Format | Any:
    """The format of a file that `text` names. Raises BadInput."""
    from troth.interactions.formats import Format  # noqa: PLC0415

    names = ("auto", *get_args(Format))
    if text not in names:
        raise BadInput([Problem("--format", None, None, text, f"write {', '.join(names)}")])
    return cast("Any", text)


def _added(
    queue: Intake,
    records: Iterable[Received | Problem],
    told: Callable[[int, int], None],
    *,
    keep_going: bool,
    before: int,
    whole: int,
) -> Added:
    """Takes a file, of which `before` bytes of all are done."""
    return queue.add(records, keep_going=keep_going, progress=lambda end: told(before + end, whole))


def _only(read: Iterable[Received | Problem], file: Path) -> Received:
    """The one record of a file. Raises BadInput if there is none, there are more, or it is refused."""
    from troth.interactions.formats import EMPTY  # noqa: PLC0415

    found = list(islice(read, 2)) or [Problem(str(file), None, None, None, EMPTY)]
    if isinstance(found[0], Problem):
        raise BadInput([found[0]])
    if len(found) > 1:
        raise BadInput([Problem(str(file), None, None, None, "more than one record: an amendment is one")])
    return found[0]


def _print_added(stream: str, files: list[Path], done: list[Added], *, json: bool) -> None:
    """What became of each file, and why something was refused."""
    from troth.interactions.formats import EMPTY  # noqa: PLC0415

    names = ("accepted", "repeated", "erased", "refused", "left_out")
    sums = {name: sum(getattr(one, name) for one in done) for name in names}
    problems = [problem for one in done for problem in one.problems]
    if json:
        told = [
            {"file": file, **{name: getattr(one, name) for name in names}}
            for file, one in zip(files, done, strict=True)
        ]
        print_json({"stream": stream, **sums, "files": told, "problems": [one._asdict() for one in problems]})
        return
    _note_refused(files, done)
    for file, one in zip(files, done, strict=True):
        if not any(getattr(one, name) for name in names):
            note(str(Problem(str(file), None, None, None, EMPTY)))
    print_facts((name.replace("_", " "), count) for name, count in sums.items())
    if sums["erased"]:
        note("erased: their ids are of records erased since; not taken. A new record needs an id of its own")
    if sums["left_out"]:
        note("left out: sound, in files of which something was refused; mend it, or add --keep-going")


def _note_refused(files: list[Path], done: list[Added]) -> None:
    """Why, of the first twenty that were refused; then of each file, how many more."""
    left, more = SHOWN_PROBLEMS, list[tuple[Path, int]]()
    for file, one in zip(files, done, strict=True):
        shown = one.problems[:left]
        left -= len(shown)
        for problem in shown:
            note(str(problem))
        if one.refused > len(shown):
            more.append((file, one.refused - len(shown)))
    for file, count in more[:SHOWN_PROBLEMS]:
        note(str(Problem(str(file), None, None, None, f"... and {count} more refused")))
    if rest := more[SHOWN_PROBLEMS:]:
        note(f"... and {sum(count for _, count in rest)} more refused, in {len(rest)} more of the files")


def _facts(found: Shown) -> Iterable[tuple[str, object]]:
    """An interaction in words."""
    one = found.interaction
    yield "stream", one.stream
    yield "index", f"#{one.index}"
    yield "id", "erased" if one.is_erased else one.source
    yield "subject", f"0x{one.subject.hex()}"
    yield "number", one.number
    yield "start", one.start
    yield "accepted", one.accepted_at
    yield "kind", one.kind
    yield "record", f"0x{one.record.hex()}"
    yield "previous", "none" if found.previous is None else f"0x{found.previous.hex()}"
    if one.amends is not None:
        yield "amends", f"#{one.amends}"
    if one.amended_by:
        yield "amended by", _indexes(one.amended_by)
    yield "batch", "waits" if one.batch is None else one.batch
    if not one.is_erased:
        yield "bytes", one.size
    yield from found.fields.items()


def _row(one: Interaction) -> tuple[object, ...]:
    """An interaction in a list."""
    return (
        *(one.stream, one.index, one.number, one.start, one.kind, "erased" if one.is_erased else one.source),
        "" if one.amends is None else f"#{one.amends}",
        _indexes(one.amended_by),
        "" if one.batch is None else one.batch,
    )


def _indexes(found: Iterable[int]) -> str:
    """Indexes as people read them."""
    return ", ".join(f"#{one}" for one in found)
