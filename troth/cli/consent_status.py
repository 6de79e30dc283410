"""troth consent status, history, overdue, register."""

from __future__ import annotations

import json as json_
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from troth.cli.output import plain, print_table, when
from troth.cli.parsing import checked, moment
from troth.cli.session import Session

if TYPE_CHECKING:
    from troth.consent.overdue import Outstanding
    from troth.consent.register import Processing
    from troth.consent.status import Past
    from troth.consent.timeline import Question

__all__ = ["register"]

_Subject = Annotated[str, typer.Option(help="0x id, or your own customer reference.")]
_Purpose = Annotated[str | None, typer.Option(help="A DPV purpose as Marketing, an IRI, or * for all.")]
_Recipient = Annotated[str | None, typer.Option(help="A name, an IRI, or * for all.")]
_Category = Annotated[str | None, typer.Option(help="A DPV category as Contact, an IRI, or * for all.")]
_Json = Annotated[bool, typer.Option("--json", help="Print a JSON list.")]


def status(
    context: typer.Context,
    *,
    subject: _Subject,
    purpose: _Purpose = None,
    recipient: _Recipient = None,
    category: _Category = None,
    at: Annotated[
        str | None, typer.Option(help="What was in force then, as 2027-01-31T00:00:00Z; now by default.")
    ] = None,
    known: Annotated[str | None, typer.Option(help="As was on record then; now by default.")] = None,
    onchain: Annotated[
        bool, typer.Option("--onchain", help="Ask the contract and trust no index: slower, the same answer.")
    ] = False,
    json: _Json = False,
) -> None:
    """Show what a subject allows, since when, by which decision, on what evidence.

    Leave a term out to be told of everything on record that meets the others.
    """
    from troth.consent.status import describe  # noqa: PLC0415  kept out of --help
    from troth.consent.status import status as status_of  # noqa: PLC0415
    from troth.identity.subjects import resolve  # noqa: PLC0415

    then, by = moment("--at", at), moment("--known", known)
    terms = _terms(purpose, recipient, category)
    with Session.of(context).office() as office:
        who = resolve(office, subject)
        answers = status_of(office, who, *terms, at=then, known=by, onchain=onchain)
    if json:
        _print_list(answers)
        return
    if not answers:
        print("Nothing is on record.")
    for answer in answers:
        when_asked = f"On {when(answer.at)}, as known on {when(answer.known)}: " if at or known else ""
        print(f"{when_asked}{describe(answer)}")


def history(
    context: typer.Context,
    *,
    subject: _Subject,
    purpose: _Purpose = None,
    recipient: _Recipient = None,
    category: _Category = None,
    json: _Json = False,
) -> None:
    """Show every decision on record of a subject, in the order recorded, and what corrects what."""
    from troth.consent.status import history as history_of  # noqa: PLC0415
    from troth.identity.subjects import resolve  # noqa: PLC0415

    terms = _terms(purpose, recipient, category)
    with Session.of(context).office() as office:
        entries = history_of(office, resolve(office, subject), *terms)
    if json:
        _print_list(entries)
        return
    columns = ["recorded", "state", "effective", "until", "purpose", "recipient", "category"]
    print_table([*columns, "method", "basis", "remarks", "decision"], map(_history_row, entries))


def overdue(context: typer.Context, json: _Json = False) -> None:
    """List denials that not every recipient concerned has honoured, with the days left of their clock."""
    from troth.consent.overdue import overdue as outstanding  # noqa: PLC0415

    with Session.of(context).office() as office:
        entries = outstanding(office)
    if json:
        # A date has no time, which is all that `plain` knows to print.
        _print_list({**vars(one), "due": one.due.isoformat()} for one in entries)
        return
    columns = ["#days left", "due", "requested", "by", "state", "purpose", "category", "not honoured by"]
    print_table([*columns, "subject", "decision"], map(_overdue_row, entries))


def register_(context: typer.Context, json: _Json = False) -> None:
    """Show who processes what, for which purpose, on which basis (GDPR, article 30)."""
    from troth.consent.register import register as processing  # noqa: PLC0415

    with Session.of(context).office() as office:
        entries = processing(office)
    if json:
        _print_list(entries)
        return
    columns = [
        "purpose",
        "recipient",
        "category",
        "basis",
        "#granted",
        "#overruled",
        "#denied",
        "latest expiry",
    ]
    print_table([*columns, "jurisdictions", "notices"], map(_register_row, entries))


def register(group: typer.Typer) -> None:
    """Adds these commands to `troth consent`."""
    for command in (status, history, overdue):
        group.command()(command)
    group.command("register")(register_)


def _terms(purpose: str | None, recipient: str | None, category: str | None) -> Question:
    """The terms asked of. Raises BadInput."""
    from troth.consent import terms  # noqa: PLC0415
    from troth.consent.timeline import Question  # noqa: PLC0415

    return Question(
        None if purpose is None else checked("--purpose", purpose, terms.purpose_iri),
        None if recipient is None else checked("--recipient", recipient, terms.recipient_iri),
        None if category is None else checked("--category", category, terms.category_iri),
    )


def _print_list(entries: Iterable[object]) -> None:
    """A JSON list."""
    print(json_.dumps([plain(one) for one in entries], indent=2))


def _history_row(one: Past) -> tuple[object, ...]:
    """A decision as the table shows it."""
    remarks = []
    if one.corrects is not None:
        remarks.append(f"corrects #{one.corrects}")
    if one.corrected_by is not None:
        remarks.append(f"corrected by #{one.corrected_by}")
    remarks += [f"honoured by {act.recipient} since {when(act.honoured_at)}" for act in one.honoured]
    ended = (
        f"{one.expiry_event}{f', {when(one.happened)}' if one.happened else ''}" if one.expiry_event else ""
    )
    return (
        one.recorded,
        one.state,
        one.effective,
        one.expires or ended,
        one.purpose,
        one.recipient,
        one.category,
        one.method,
        one.basis,
        "; ".join(remarks),
        one.decision,
    )


def _overdue_row(one: Outstanding) -> tuple[object, ...]:
    """A denial as the table shows it."""
    return (
        one.days_left,
        one.due.isoformat(),
        one.requested,
        one.channel,
        one.state,
        one.purpose,
        one.category,
        ", ".join(one.missing),
        one.ref or f"0x{one.subject.hex()}",
        one.decision,
    )


def _register_row(one: Processing) -> tuple[object, ...]:
    """A processing as the table shows it."""
    return (
        one.purpose,
        one.recipient,
        one.category,
        one.basis,
        one.granted,
        one.overruled,
        one.denied,
        _longest(one.latest_expiry, one.open_ended),
        ", ".join(one.jurisdictions),
        ", ".join(one.notices),
    )


def _longest(latest: datetime | None, open_ended: int) -> str:
    """How long the grants last."""
    parts = [when(latest)] if latest else []
    return ", ".join([*parts, f"{open_ended} without a date"] if open_ended else parts)
