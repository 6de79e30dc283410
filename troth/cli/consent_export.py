"""troth consent receipt, export, terms."""

from __future__ import annotations

import json as json_text
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from troth.cli.files import sink
from troth.cli.output import note, print_json, print_table, progress
from troth.cli.session import Json, Session
from troth.errors import BadInput, Problem

if TYPE_CHECKING:
    from troth.consent.controller import Controller
    from troth.office import Office

__all__ = ["register"]

_ControllerFile = Annotated[
    Path | None,
    typer.Option(
        "--controller",
        help="TOML: who answers for the data, and how; controller.toml in the home if it is there.",
        metavar="FILE",
    ),
]
_WithRef = Annotated[bool, typer.Option("--with-ref", help="Show the customer reference.")]
_Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="A file in place of standard output.", metavar="FILE")
]
_Subject = Annotated[str | None, typer.Option(help="Id or customer reference.", metavar="S")]


def receipt(
    context: typer.Context,
    decision: Annotated[
        str | None,
        typer.Argument(
            help="As history shows it; else what settles the question now.", metavar="[0xKEY#NUMBER]"
        ),
    ] = None,
    *,
    subject: _Subject = None,
    purpose: Annotated[str | None, typer.Option(help="DPV name, IRI, or *.")] = None,
    recipient: Annotated[str | None, typer.Option(help="Name, IRI, or *.")] = None,
    category: Annotated[str | None, typer.Option(help="DPV name, IRI, or *.")] = None,
    controller: _ControllerFile = None,
    with_ref: _WithRef = False,
    output: _Output = None,
) -> None:
    """Hand out the receipt for one decision: JSON-LD by ISO/IEC TS 27560 and DPV.

    Holds no customer reference unless --with-ref.
    """
    from troth.consent.export import receipt_for  # noqa: PLC0415  kept out of --help

    asked = (purpose, recipient, category)
    with Session.of(context).office() as office:
        of = _subject(office, subject)
        one = _settling(office, of, asked) if decision is None else decision
        said = _controller(office, controller)
        made = receipt_for(office, one, of, controller=said, with_ref=with_ref)
    with sink(output) as write:
        write(json_text.dumps(made.document, indent=2, ensure_ascii=False) + "\n")
    if made.missing:
        note(f"not a whole ISO/IEC TS 27560 record: no {', '.join(made.missing)}")


def export(
    context: typer.Context,
    *,
    subject: _Subject = None,
    controller: _ControllerFile = None,
    with_ref: _WithRef = False,
    output: _Output = None,
) -> None:
    """Hand out the consent records of a subject, or of all: JSON-LD by ISO/IEC TS 27560 and DPV.

    Hold no customer reference unless --with-ref.
    """
    from troth.consent.export import export as export_records  # noqa: PLC0415

    with Session.of(context).office() as office, progress("export", quiet=False) as told:
        of, said = _subject(office, subject), _controller(office, controller)
        with sink(output) as write:
            done = export_records(office, write, of, controller=said, with_ref=with_ref, progress=told)
    note(f"records: {done.records}, decisions: {done.decisions}")
    if done.incomplete:
        fields = ", ".join(done.missing)
        note(f"not whole ISO/IEC TS 27560 records: {done.incomplete}, for want of {fields}")


def terms(
    context: typer.Context,  # noqa: ARG001  as every command
    search: Annotated[str, typer.Argument(help="Part of a name; all by default.")] = "",
    *,
    kind: Annotated[str | None, typer.Option(help="purpose, category or jurisdiction.")] = None,
    json: Json = False,
) -> None:
    """List the names that stand for purposes, categories of data and jurisdictions."""
    from troth.consent.terms import Kind, known_terms  # noqa: PLC0415

    kinds = {one.value: one for one in Kind}
    if kind is not None and kind not in kinds:
        raise BadInput([Problem("--kind", None, None, kind, f"write {', '.join(kinds)}")])
    found = known_terms(search, None if kind is None else kinds[kind])
    if json:
        print_json({"terms": found})
        return
    print_table(["kind", "name", "stands for"], [(one.kind.value, one.name, one.iri) for one in found])


def register(consent: typer.Typer) -> None:
    """Adds these commands to the group."""
    for command in (receipt, export, terms):
        consent.command()(command)


def _subject(office: Office, text: str | None) -> bytes | None:
    """The subject that is named, if one is."""
    from troth.identity.subjects import resolve  # noqa: PLC0415

    return None if text is None else resolve(office, text)


def _settling(office: Office, subject: bytes | None, asked: Sequence[str | None]) -> str:
    """The one decision that settles a question now. Raises BadInput unless there is just one."""
    from troth.cli.parsing import checked  # noqa: PLC0415
    from troth.consent import terms as known  # noqa: PLC0415
    from troth.consent.status import status  # noqa: PLC0415

    if subject is None:
        raise BadInput([Problem("DECISION", None, None, None, "name a decision, or a --subject")])
    parsers = {
        "--purpose": known.purpose_iri,
        "--recipient": known.recipient_iri,
        "--category": known.category_iri,
    }
    iris = [
        None if text is None else checked(place, text, parse)
        for (place, parse), text in zip(parsers.items(), asked, strict=True)
    ]
    answers = status(office, subject, *iris)
    found = list(dict.fromkeys(one.decision for one in answers if one.decision is not None))
    if len(found) == 1:
        return found[0]
    reason = "no decision on record of this subject has a bearing on it"
    if found:
        reason = f"{len(found)} decisions settle it, each a part; name one of {', '.join(found)}"
    raise BadInput([Problem("DECISION", None, None, None, reason)])


def _controller(office: Office, given: Path | None) -> Controller | None:
    """What the controller says of themselves, in the file given or the home's."""
    from troth.consent.controller import read_controller  # noqa: PLC0415

    usual = office.settings.home / "controller.toml"
    if given is None and not usual.exists():
        return None
    return read_controller(given or usual)
