"""troth consent record, import, correct, cap, close, honour, request, pause, resume."""

from __future__ import annotations

import json as json_
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from troth.cli.output import print_facts, print_json, progress, when
from troth.cli.parsing import address, checked, moment
from troth.cli.session import Json, Session
from troth.errors import BadInput, Problem
from troth.files import write_whole

if TYPE_CHECKING:
    from troth.consent.record import Recorded, Said
    from troth.identity.evidence import Content
    from troth.office import Office

__all__ = ["app", "register"]

app = typer.Typer(name="consent", help="What subjects allow, now and on any day.", no_args_is_help=True)

Subject = Annotated[str, typer.Option(help="0x id, or your own customer reference.")]
Purpose = Annotated[str, typer.Option(help="A DPV purpose as Marketing, an IRI, or * for all.")]
Recipient = Annotated[str, typer.Option(help="A name, an IRI, or * for all.")]
Category = Annotated[str, typer.Option(help="A DPV category of data as Contact, an IRI, or * for all.")]
State = Annotated[str | None, typer.Option(help="given, renewed, refused, withdrawn, requested, revoked, …")]
Basis = Annotated[str | None, typer.Option(help="consent, explicit-consent, contract, legal-obligation, …")]
Method = Annotated[
    str | None, typer.Option(help="recorded-call, web-form, paper, message or in-person: how it was said.")
]
Effective = Annotated[
    str | None, typer.Option(help="From when it counts, as 2027-01-31T00:00:00Z; now by default.")
]
Expires = Annotated[str | None, typer.Option(help="When it ends by itself; never by default.")]
ExpiresWith = Annotated[
    str | None,
    typer.Option(help="It ends when this claim is closed by `consent close`.", metavar="CLAIM_REF"),
]
Jurisdiction = Annotated[str | None, typer.Option(help="Whose law limits how long, as DE or US-CA.")]
Notice = Annotated[Path | None, typer.Option(help="The privacy notice that was shown. Kept.", metavar="FILE")]
Evidence = Annotated[Path | None, typer.Option(help="What shows it. Kept, sealed.", metavar="FILE")]
At = Annotated[str | None, typer.Option(help="When, as 2027-01-31T00:00:00Z; now by default.")]


@app.command()
def record(
    context: typer.Context,
    *,
    subject: Annotated[str | None, typer.Option(help="0x id, or your own customer reference.")] = None,
    purpose: Annotated[str | None, typer.Option(help="A DPV purpose as Marketing, an IRI, or *.")] = None,
    recipient: Annotated[str | None, typer.Option(help="A name, an IRI, or *.")] = None,
    category: Annotated[str | None, typer.Option(help="A DPV category as Contact, an IRI, or *.")] = None,
    state: State = None,
    basis: Basis = None,
    method: Method = None,
    effective: Effective = None,
    expires: Expires = None,
    expires_with: ExpiresWith = None,
    jurisdiction: Jurisdiction = None,
    notice: Notice = None,
    evidence: Evidence = None,
    own: Annotated[bool, typer.Option("--own", help="By the subject's own key, that of --keystore.")] = False,
    request: Annotated[
        Path | None, typer.Option(help="What was signed: the file of `consent request`.", metavar="FILE")
    ] = None,
    signature: Annotated[str | None, typer.Option(help="0x and hex digits, as the wallet gave it.")] = None,
    signer: Annotated[str | None, typer.Option(help="Who signed, if it should be checked.")] = None,
    json: Json = False,
) -> None:
    """Record one decision: what a subject said, their own by --own, or what they signed by --request."""
    from troth.consent import record as recording  # noqa: PLC0415  kept out of --help
    from troth.consent import requests  # noqa: PLC0415

    given = _given(
        subject=subject,
        purpose=purpose,
        recipient=recipient,
        category=category,
        state=state,
        basis=basis,
        method=method,
        effective=effective,
        expires=expires,
        expires_with=expires_with,
        jurisdiction=jurisdiction,
        notice=notice,
    )
    shown = _content("--evidence", evidence)
    with Session.of(context).office() as office:
        if request is not None:
            _refuse(
                given | _given(own=own or None, evidence=evidence), "what was signed says it: leave this out"
            )
            account = None if signer is None else address("--signer", signer)
            text = _needed("--signature", signature)
            done = requests.carry(office, request, text, signer=account)
        else:
            _refuse(_given(signature=signature, signer=signer), "only with --request")
            if own:
                _refuse(_given(method=method, evidence=evidence), "not with --own: the transaction shows it")
            who, content = _needed("--subject", subject), _content("--notice", notice)
            said = _said(office, given, method=not own)
            if own:
                done = recording.record_own(office, who, said, notice=content)
            else:
                done = recording.record(office, who, said, notice=content, evidence=shown)
        _print_recorded(done, json=json)


@app.command("import")
def import_(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV: subject,purpose,recipient,category,state,basis,method,effective,expires,notice,"
            "evidence; jurisdiction if need be",
            metavar="FILE.csv",
        ),
    ],
    *,
    create: Annotated[
        bool, typer.Option("--create", help="Make subjects for unknown customer references.")
    ] = False,
    json: Json = False,
) -> None:
    """Record the decisions in a file, all or none, each once. Safe to repeat, and to kill at any moment."""
    from troth.consent import imports  # noqa: PLC0415

    with Session.of(context).office() as office, progress("recording", quiet=json) as told:
        done = imports.import_file(office, file, create=create, progress=told)
    if json:
        print_json(done)
        return
    if not done.recorded:
        print(f"{file}: {done.rows} decisions, imported before")
        return
    print_facts(
        [
            ("decisions", done.rows),
            ("recorded", done.recorded),
            ("recorded before", done.already),
            ("new subjects", done.subjects),
            ("transactions", len(done.transactions)),
            ("gas", f"{done.gas_used}, {done.gas_used // done.recorded} a decision"),
            ("seconds", f"{done.seconds:.1f}"),
        ]
    )


@app.command()
def request(
    context: typer.Context,
    subject: Annotated[str, typer.Argument(help="0x id, or your own customer reference.", metavar="SUBJECT")],
    *,
    purpose: Purpose,
    recipient: Recipient,
    category: Category,
    state: Annotated[str, typer.Option(help="given, renewed, refused or withdrawn.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the request goes.", metavar="FILE")],
    wallet: Annotated[
        str | None, typer.Option(help="Who is to sign: the subject's one wallet by default.")
    ] = None,
    effective: Effective = None,
    expires: Expires = None,
    expires_with: ExpiresWith = None,
    jurisdiction: Jurisdiction = None,
    notice: Notice = None,
    deadline: Annotated[
        str | None, typer.Option(help="Until when it can be recorded; 7 days by default.")
    ] = None,
) -> None:
    """Write what a wallet is asked to sign (eth_signTypedData_v4). Sends nothing."""
    from troth.consent import requests  # noqa: PLC0415

    given = _given(
        purpose=purpose,
        recipient=recipient,
        category=category,
        state=state,
        basis="explicit-consent",
        effective=effective,
        expires=expires,
        expires_with=expires_with,
        jurisdiction=jurisdiction,
    )
    account = None if wallet is None else address("--wallet", wallet)
    content = _content("--notice", notice)
    with Session.of(context).office() as office:
        last = moment("--deadline", deadline) or office.now() + timedelta(days=7)
        said = _said(office, given, method=False)
        made = requests.request(office, subject, said, last, wallet=account, notice=content)
    write_whole(output, json_.dumps(made, indent=2, ensure_ascii=False) + "\n", place="--output")
    print(f"to be signed until {when(last)}: {output}")


@app.command()
def correct(
    context: typer.Context,
    *,
    subject: Subject,
    purpose: Purpose,
    recipient: Recipient,
    category: Category,
    number: Annotated[int, typer.Option(min=1, max=2**16 - 1, help="Of the decision, as in its history.")],
    state: State = None,
    basis: Basis = None,
    method: Annotated[str | None, typer.Option(help="How it was said.")] = None,
    effective: Annotated[str | None, typer.Option(help="From when it counts.")] = None,
    expires: Annotated[str | None, typer.Option(help="When it ends by itself, or never.")] = None,
    jurisdiction: Jurisdiction = None,
    notice: Notice = None,
    evidence: Evidence = None,
    json: Json = False,
) -> None:
    """Record a decision in the place of another, which stays on record. What is not given is as it was."""
    from troth.consent import administration, decisions, intake, terms  # noqa: PLC0415

    changes = administration.Changes(
        state=_maybe("--state", state, decisions.State.parse),
        basis=_maybe("--basis", basis, decisions.Basis.parse),
        method=_maybe("--method", method, decisions.Method.parse),
        effective=_maybe("--effective", effective, intake.parse_second),
        expires=0 if expires == "never" else _maybe("--expires", expires, intake.parse_second),
        notice=_content("--notice", notice),
        jurisdiction=_maybe("--jurisdiction", jurisdiction, terms.jurisdiction_iri),
    )
    shown, scope = _content("--evidence", evidence), _scope(purpose, recipient, category)
    with Session.of(context).office() as office:
        done = administration.correct(office, subject, scope, number, changes, evidence=shown)
        _print_recorded(done, json=json)


@app.command()
def cap(
    context: typer.Context,
    *,
    jurisdiction: Annotated[str, typer.Option(help="As DE or US-CA, or an IRI.")],
    purpose: Purpose,
    days: Annotated[int, typer.Option(min=0, help="0 lifts the cap.")],
) -> None:
    """Set how long grants for a purpose may last by the law of a jurisdiction. What is on record stays."""
    from troth.consent import administration, terms  # noqa: PLC0415

    law = checked("--jurisdiction", jurisdiction, terms.jurisdiction_iri)
    aim = checked("--purpose", purpose, terms.purpose_iri)
    with Session.of(context).office() as office:
        transaction = administration.set_cap(office, law, aim, days)
    how_long = f"at most {days} days" if days else "no cap"
    print(f"{terms.short_name(law)}, {terms.short_name(aim)}: {how_long}; transaction {transaction}")


@app.command()
def close(
    context: typer.Context,
    claim_ref: Annotated[str, typer.Argument(help="As in --expires-with.", metavar="CLAIM_REF")],
    at: At = None,
    json: Json = False,
) -> None:
    """Record that a claim is closed: what was to expire with it has."""
    from troth.consent import administration, intake  # noqa: PLC0415

    moment_closed = _maybe("--at", at, intake.parse_second) or 0
    with Session.of(context).office() as office:
        done = administration.close(office, claim_ref, moment_closed)
    if json:
        print_json(done, already=done.transaction is None)
        return
    how = "closed before" if done.transaction is None else f"transaction {done.transaction}"
    print(f"closed {when(done.effective)}; {how}")


@app.command()
def honour(
    context: typer.Context,
    *,
    subject: Subject,
    purpose: Purpose,
    recipient: Recipient,
    category: Category,
    by: Annotated[str, typer.Option(help="The recipient who acts on it: a name or an IRI.")],
    number: Annotated[
        int | None, typer.Option(min=1, max=2**16 - 1, help="Of the denial; the last one by default.")
    ] = None,
    at: At = None,
    evidence: Evidence = None,
    json: Json = False,
) -> None:
    """Record that a recipient acts on a withdrawal or another denial."""
    from troth.consent import administration, intake, terms  # noqa: PLC0415

    who = checked("--by", by, lambda text: "" if text == terms.ALL else terms.recipient_iri(text))
    if not who:
        raise BadInput([Problem("--by", None, None, by, "name one recipient")])
    since, shown = _maybe("--at", at, intake.parse_second) or 0, _content("--evidence", evidence)
    scope = _scope(purpose, recipient, category)
    with Session.of(context).office() as office:
        done = administration.honour(office, subject, scope, who, number=number, at=since, evidence=shown)
    if json:
        print_json(done, already=done.transaction is None)
        return
    how = "on record before" if done.transaction is None else f"transaction {done.transaction}"
    name = terms.short_name(done.recipient)
    print(f"decision {done.number} honoured by {name} since {when(done.honoured_at)}; {how}")


@app.command()
def pause(context: typer.Context) -> None:
    """Stop all recording but of denials."""
    from troth.consent import administration  # noqa: PLC0415

    with Session.of(context).office() as office:
        print(f"paused: only denials are recorded; transaction {administration.pause(office)}")


@app.command()
def resume(context: typer.Context) -> None:
    """End a pause."""
    from troth.consent import administration  # noqa: PLC0415

    with Session.of(context).office() as office:
        print(f"resumed; transaction {administration.resume(office)}")


def register(main: typer.Typer) -> None:
    """Adds these commands."""
    main.add_typer(app)


# --- from options to values, and back


def _given(**options: Any) -> dict[str, Any]:
    """Those that were given."""
    return {name: value for name, value in options.items() if value is not None}


def _refuse(given: dict[str, Any], reason: str) -> None:
    """Raises BadInput for options that do not go with others."""
    problems = [Problem(f"--{name.replace('_', '-')}", None, None, None, reason) for name in given]
    if problems:
        raise BadInput(problems)


def _needed(option: str, value: str | None) -> str:
    """The value of an option. Raises BadInput if it was not given."""
    if value is None:
        raise BadInput([Problem(option, None, None, None, "missing: give this option")])
    return value


def _maybe(option: str, text: str | None, parse: Callable[[str], Any]) -> Any:
    """The parsed value, None for none. Raises BadInput."""
    return None if text is None else checked(option, text, parse)


def _content(option: str, path: Path | None) -> Content | None:
    """The file given. Raises BadInput."""
    from troth.identity.evidence import Content  # noqa: PLC0415

    return None if path is None else Content.read(path, place=option)


def _scope(purpose: str, recipient: str, category: str) -> tuple[str, str, str]:
    """The scope as IRIs. Raises BadInput."""
    from troth.consent import terms  # noqa: PLC0415

    return (
        checked("--purpose", purpose, terms.purpose_iri),
        checked("--recipient", recipient, terms.recipient_iri),
        checked("--category", category, terms.category_iri),
    )


def _said(office: Office, given: dict[str, Any], *, method: bool) -> Said:
    """A decision in words, with a method if the options give it. Raises BadInput."""
    from troth.consent import administration, decisions, intake, terms  # noqa: PLC0415
    from troth.consent.record import Said  # noqa: PLC0415

    needed = ("purpose", "recipient", "category", "state", "basis", *(["method"] if method else []))
    missing = [
        Problem(f"--{name}", None, None, None, "missing: give this option")
        for name in needed
        if name not in given
    ]
    if missing:
        raise BadInput(missing)
    if "expires" in given and "expires_with" in given:
        _refuse({"expires_with": ""}, "a decision ends at a time or with a claim: leave --expires out")
    state = intake.operator_state if method else decisions.State.parse
    how = decisions.Method.WALLET
    if method:
        how = checked("--method", given["method"], intake.operator_method)
    said = Said(
        *_scope(given["purpose"], given["recipient"], given["category"]),
        checked("--state", given["state"], state),
        checked("--basis", given["basis"], decisions.Basis.parse),
        how,
        effective=_maybe("--effective", given.get("effective"), intake.parse_second) or 0,
        expires=_maybe("--expires", given.get("expires"), intake.parse_second) or 0,
        jurisdiction=_maybe("--jurisdiction", given.get("jurisdiction"), terms.jurisdiction_iri) or "",
    )
    if "expires_with" not in given:
        return said
    return replace(said, expiry_event=administration.expiry_event(office, given["expires_with"]))


def _print_recorded(done: Recorded, *, json: bool) -> None:
    """The decision on record."""
    from troth.consent.record import moment_of  # noqa: PLC0415

    decision = done.decision
    key = f"0x{decision.key.hex()}#{decision.number}"
    times = {name: moment_of(getattr(decision, name)) for name in ("effective", "recorded", "expires")}
    if json:
        print_json(
            {"subject": decision.subject, "decision": key, "number": decision.number},
            state=decision.state.text,
            basis=decision.basis.text,
            method=decision.method.text,
            **times,
            corrects=decision.corrects or None,
            evidence=decision.evidence,
            transaction=done.transaction,
            gas_used=done.gas_used,
        )
        return
    facts: list[tuple[str, object]] = [
        ("decision", key),
        ("state", decision.state.text),
        *((name, value) for name, value in times.items() if value),
        ("transaction", done.transaction),
    ]
    if decision.corrects:
        facts.insert(1, ("corrects", f"decision {decision.corrects}"))
    print_facts(facts)
