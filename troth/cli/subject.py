"""troth subject new, bind, unbind, verify, revoke, represent, dismiss, show, dossier, erase."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from troth.cli.output import note, plain, print_facts, print_json, print_table, when
from troth.cli.parsing import address, checked, moment
from troth.cli.session import Json, Session
from troth.errors import BadInput, Problem

if TYPE_CHECKING:
    from troth.identity.dossier import Dossier
    from troth.identity.erasure import Erased
    from troth.identity.subjects import Shown
    from troth.office import Office

__all__ = ["register"]

app = typer.Typer(name="subject", help="Who customers are, without saying so.", no_args_is_help=True)

Subject = Annotated[
    str, typer.Argument(help="0x-hex id, or the insurer's own customer reference.", metavar="SUBJECT")
]
LevelName = Annotated[str, typer.Option("--level", help="low, substantial or high.")]
Expires = Annotated[
    str | None, typer.Option(help="Until when, as 2027-01-31T00:00:00Z; for good by default.")
]
EvidenceFile = Annotated[
    Path | None, typer.Option(help="What shows it: sealed here, its salted hash on the chain.")
]

_Member = TypeVar("_Member", bound=IntEnum)


@app.command()
def new(
    context: typer.Context,
    ref: Annotated[
        str | None, typer.Option(help="The insurer's own customer reference; it stays off the chain.")
    ] = None,
    json: Json = False,
) -> None:
    """Make a subject and print its id, 32 random bytes. Nothing is sent."""
    from troth.identity import subjects  # noqa: PLC0415  kept out of --help

    with Session.of(context).office() as office:
        made = subjects.new(office, ref)
    if json:
        print_json(made)
    else:
        print(subjects.format_subject(made.subject))


@app.command()
def bind(
    context: typer.Context,
    subject: Subject,
    *,
    request: Annotated[Path, typer.Option(help="The file that the wallet signs.", metavar="FILE")],
    wallet: Annotated[str | None, typer.Option(help="Write a request to this account.")] = None,
    signature: Annotated[str | None, typer.Option(help="Record what was signed of it, 0x-hex.")] = None,
    deadline: Annotated[
        str | None, typer.Option(help="Until when the request counts; a week by default.")
    ] = None,
    json: Json = False,
) -> None:
    """Let a wallet speak for a subject, by its own signature.

    With --wallet, writes what it is to sign (EIP-712, for eth_signTypedData_v4 or `troth sign`); with
    --signature, brings that to the chain.
    """
    from troth.identity import requests, subjects, wallets  # noqa: PLC0415

    if (wallet is None) == (signature is None):
        rule = "give either --wallet, to write a request, or --signature, to record what was signed of one"
        raise BadInput([Problem("--wallet/--signature", None, None, None, rule)])
    with Session.of(context).office() as office:
        who = subjects.resolve(office, subject, place="SUBJECT")
        if wallet is not None:
            until = moment("--deadline", deadline)
            typed = wallets.request(office, who, address("--wallet", wallet), until)
            requests.write(typed, request)
            _print_request(typed, request, json=json)
            return
        signed = checked("--signature", signature or "", _hex)
        done = wallets.bind(office, who, requests.read(request), signed)
    if json:
        print_json(done, already=done.transaction is None)
    else:
        how = "was bound before" if done.transaction is None else f"is bound; transaction {done.transaction}"
        print(f"{done.wallet} {how}")


@app.command()
def unbind(
    context: typer.Context,
    subject: Subject,
    *,
    wallet: Annotated[str, typer.Option(help="The account that no longer speaks for them.")],
    json: Json = False,
) -> None:
    """Stop a wallet from speaking for a subject."""
    from troth.identity import subjects, wallets  # noqa: PLC0415

    with Session.of(context).office() as office:
        who = subjects.resolve(office, subject, place="SUBJECT")
        done = wallets.unbind(office, who, address("--wallet", wallet))
    if json:
        print_json(done, already=done.transaction is None)
    else:
        how = "was not bound" if done.transaction is None else f"is unbound; transaction {done.transaction}"
        print(f"{done.wallet} {how}")


@app.command()
def verify(
    context: typer.Context,
    subject: Subject,
    *,
    level: LevelName,
    expires: Expires = None,
    evidence: EvidenceFile = None,
    json: Json = False,
) -> None:
    """Record that the office established who a subject is, and how surely (eIDAS)."""
    from troth.identity import subjects, verifications  # noqa: PLC0415
    from troth.identity.evidence import Content  # noqa: PLC0415

    wanted, until = _member("--level", level, verifications.Level), moment("--expires", expires)
    with Session.of(context).office() as office:
        who = subjects.resolve(office, subject, place="SUBJECT")
        content = Content.read(evidence)
        done = verifications.verify(office, who, wanted, expires=until, content=content)
    if json:
        print_json(done)
    else:
        print(f"verified, {done.level}{_until(done.expires)}; transaction {done.transaction}")


@app.command()
def revoke(context: typer.Context, subject: Subject, *, level: LevelName, json: Json = False) -> None:
    """Take a verification back."""
    from troth.identity import subjects, verifications  # noqa: PLC0415

    wanted = _member("--level", level, verifications.Level)
    with Session.of(context).office() as office:
        who = subjects.resolve(office, subject, place="SUBJECT")
        transaction = verifications.revoke(office, who, wanted)
    if json:
        print_json({"subject": who, "level": wanted.text, "transaction": transaction})
    else:
        print(f"no longer verified, {wanted.text}; transaction {transaction}")


@app.command()
def represent(
    context: typer.Context,
    subject: Subject,
    *,
    by: Annotated[str, typer.Option(help="The representative's account.")],
    as_: Annotated[str, typer.Option("--as", help="guardian, attorney, broker or executor.")],
    purpose: Annotated[str, typer.Option(help="Only for this purpose; * for all.")] = "*",
    recipient: Annotated[str, typer.Option(help="Only with this recipient; * for all.")] = "*",
    category: Annotated[str, typer.Option(help="Only of this category of data; * for all.")] = "*",
    expires: Expires = None,
    evidence: EvidenceFile = None,
    json: Json = False,
) -> None:
    """Let somebody else decide for a subject, within a scope."""
    from troth.consent import terms  # noqa: PLC0415
    from troth.identity import mandates, subjects  # noqa: PLC0415
    from troth.identity.evidence import Content  # noqa: PLC0415

    capacity, who_by = _member("--as", as_, mandates.Capacity), address("--by", by)
    until = moment("--expires", expires)
    scope = (
        checked("--purpose", purpose, terms.purpose_iri),
        checked("--recipient", recipient, terms.recipient_iri),
        checked("--category", category, terms.category_iri),
    )
    with Session.of(context).office() as office:
        who = subjects.resolve(office, subject, place="SUBJECT")
        content = Content.read(evidence)
        done = mandates.appoint(office, who, who_by, capacity, scope=scope, expires=until, content=content)
    if json:
        print_json(done)
    else:
        print(
            f"{done.representative} is {done.capacity}{_until(done.expires)}; transaction {done.transaction}"
        )


@app.command()
def dismiss(
    context: typer.Context,
    subject: Subject,
    *,
    by: Annotated[str, typer.Option(help="The representative's account.")],
    json: Json = False,
) -> None:
    """End a representative's mandate."""
    from troth.identity import mandates, subjects  # noqa: PLC0415

    who_by = address("--by", by)
    with Session.of(context).office() as office:
        who = subjects.resolve(office, subject, place="SUBJECT")
        transaction = mandates.dismiss(office, who, who_by)
    if json:
        print_json({"subject": who, "representative": who_by, "transaction": transaction})
    else:
        print(f"{who_by} no longer represents; transaction {transaction}")


@app.command()
def show(context: typer.Context, subject: Subject, json: Json = False) -> None:
    """Show a subject's wallets, verifications and representatives."""
    from troth.identity import subjects  # noqa: PLC0415

    with Session.of(context).office() as office:
        found = subjects.show(office, subjects.resolve(office, subject, place="SUBJECT"))
        if json:
            print_json(found)
        else:
            print_facts(_facts(office, found))


@app.command()
def dossier(context: typer.Context, subject: Subject, json: Json = False) -> None:
    """Show everything held about a subject, and where (GDPR article 15)."""
    from troth.identity import dossier as dossiers  # noqa: PLC0415
    from troth.identity import subjects  # noqa: PLC0415

    with Session.of(context).office() as office:
        found = dossiers.dossier(office, subjects.resolve(office, subject, place="SUBJECT"))
        if json:
            print_json(found, decimals=office.decimals, symbol=office.symbol)
        else:
            _print_dossier(office, found)


@app.command()
def erase(
    context: typer.Context,
    subject: Subject,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Destroy what is held about a subject, for good, and record that on the chain (GDPR article 17)."""
    from troth.identity import erasure, subjects  # noqa: PLC0415

    with Session.of(context).office() as office:
        who = subjects.resolve(office, subject, place="SUBJECT")
        if not yes and _is_watched():
            question = f"Destroy all that is held about {subjects.format_subject(who)}, for good?"
            typer.confirm(question, abort=True, err=True)
        done = erasure.erase(office, who)
    if json:
        print_json(done)
    else:
        _print_erased(done)


def register(main: typer.Typer) -> None:
    """Adds these commands."""
    main.add_typer(app)


def _is_watched() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty()


def _member(place: str, text: str, kind: type[_Member]) -> _Member:
    """The member of an enum that `text` names."""
    names = {member.name.lower(): member for member in kind}
    if text in names:
        return names[text]
    *most, last = names
    raise BadInput([Problem(place, None, None, text, f"write {', '.join(most)} or {last}")])


def _hex(text: str) -> bytes:
    """The bytes of 0x-hex. Raises ValueError."""
    try:
        found = bytes.fromhex(text[2:]) if text[:2] == "0x" else b""
    except ValueError:
        found = b""
    if not found:
        raise ValueError("not a signature: write 0x and hex digits")
    return found


def _until(expires: Any) -> str:
    """How long something counts, in words."""
    return "" if expires is None else f", until {when(expires)}"


def _print_request(typed: dict[str, Any], path: Path, *, json: bool) -> None:
    """The request, or what is to be done with it."""
    if json:
        print_json(typed)
        return
    print(path)
    note(f"have {typed['message']['wallet']} sign it (`troth sign {path}`), then give --signature")


def _facts(office: Office, found: Shown) -> Iterable[tuple[str, object]]:
    """A subject in words."""
    from troth.consent.terms import short_name  # noqa: PLC0415

    now, counts = office.now(), found.erased_at is None
    yield "subject", f"0x{found.subject.hex()}"
    yield "reference", found.ref or "none"
    yield "made here", found.created_at or "no"
    if found.erased_at is not None:
        yield "erased", f"{when(found.erased_at)}, transaction {found.erasure}"
    elif found.is_emptied:
        yield "erased", "here, and not yet on the chain: run `troth subject erase` again"
    for wallet in found.wallets:
        end = "" if wallet.unbound_at is None else f", unbound {when(wallet.unbound_at)}"
        yield "wallet", f"{wallet.wallet}, bound {when(wallet.bound_at)}{end}"
    for one in found.verifications:
        end = "" if counts and one.stands(now) else ", no longer in force"
        if one.ended_at is not None:
            how = "replaced" if one.revoked_by is None else f"revoked by {one.revoked_by}"
            end = f", {how} {when(one.ended_at)}"
        since = f"{one.level}, by {one.verifier} at {when(one.verified_at)}{_until(one.expires)}"
        yield "verified", f"{since}{end}"
    for mandate in found.mandates:
        end = "" if mandate.stands(now) else ", no longer in force"
        if mandate.ended_at is not None:
            how = "replaced" if mandate.dismissed_by is None else f"dismissed by {mandate.dismissed_by}"
            end = f", {how} {when(mandate.ended_at)}"
        names = (mandate.purpose, mandate.recipient, mandate.category)
        scope = " ".join(map(short_name, names))
        since = f"{mandate.representative}, {mandate.capacity} for {scope}"
        yield "represented", f"{since} since {when(mandate.appointed_at)}{_until(mandate.expires)}{end}"


def _print_dossier(office: Office, found: Dossier) -> None:
    """A dossier as facts and tables."""
    print_facts(_facts(office, found.subject))
    tables: list[tuple[str, list[str], list[tuple[object, ...]]]] = [
        (
            "decisions",
            ["purpose", "recipient", "category", "state", "basis", "method", "effective", "decision"],
            [
                (
                    *(one.purpose, one.recipient, one.category),
                    *(one.state, one.basis, one.method, one.effective, one.decision),
                )
                for one in found.decisions
            ],
        ),
        (
            "honours",
            ["recipient", "honoured", "decision"],
            [(one.recipient, one.honoured_at, one.decision) for one in found.honours],
        ),
        (
            "evidence",
            ["name", "type", "#bytes", "since", "word"],
            [
                (
                    *(("destroyed", "", "") if one.size is None else (one.name, one.media_type, one.size)),
                    one.drafted_at,
                    plain(one.evidence),
                )
                for one in found.evidence
            ],
        ),
        ("imports", ["file", "#row"], [(one.file, one.row) for one in found.imports]),
        (
            "interactions",
            ["stream", "#index", "start", "kind", "id", "#bytes"],
            [
                (
                    *(one.stream, one.index, one.start, one.kind),
                    *(("erased", "") if one.is_erased else (one.source, one.size)),
                )
                for one in found.interactions
            ],
        ),
        (
            "policies",
            ["policy", "book", "#insured", "payments"],
            [
                (
                    one.policy_ref,
                    "draft" if one.book_id is None else one.book_id,
                    office.amount(one.sum_insured),
                    ", ".join(f"{kind} {office.amount(amount)}" for kind, amount, _ in one.payments),
                )
                for one in found.policies
            ],
        ),
    ]
    for name, columns, rows in tables:
        print(f"\n{name}: {len(rows) or 'none'}")
        if rows:
            print_table(columns, rows)
    print("\nkept")
    print_facts(found.kept.items())


def _print_erased(done: Erased) -> None:
    """What happened, and what outlasts it."""
    how = "was erased before" if done.already else "is erased"
    print(f"0x{done.subject.hex()} {how}; transaction {done.transaction}, {when(done.erased_at)}")
    for wallet in done.unbound:
        print(f"{wallet} is unbound")
    print_table(["what remains", "where", "why"], [(one.what, one.where, one.why) for one in done.remains])
