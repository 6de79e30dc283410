"""The commands, put together, and the options they share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from troth.cli import (
    book,
    chain,
    claims,
    consent,
    consent_export,
    consent_status,
    demo,
    interactions,
    interactions_anchor,
    owed,
    pool,
    product,
    receipt,
    reconcile,
    report,
    settle,
    sign,
    stream,
    subject,
)
from troth.cli.session import Session

__all__ = ["GLOBALS", "app", "command", "given_globals", "globals_first"]

GLOBALS = {
    "--home": "home",
    "--rpc": "rpc",
    "--keystore": "keystore",
    "--oracle-keystores": "oracle_keystores",
    "--password-file": "password_file",
    "--database-url": "database_url",
}
"""Options that every command takes, before or after its name, and the settings they give."""

ORDER = (
    "up",
    "down",
    "status",
    "product",
    "book",
    "report",
    "settle",
    "claims",
    "owed",
    "pool",
    "reconcile",
    "subject",
    "consent",
    "stream",
    "interactions",
    "receipt",
    "sign",
    "demo",
)
"""Of an insurer's day; typer would list groups last."""


app = typer.Typer(
    help="Claims that settle themselves, consents and contacts anyone can check, on any EVM chain.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # troth.cli.main has its own way
    rich_markup_mode=None,
)
for module in (
    *(chain, product, book, report, settle, claims, owed, pool, reconcile),
    *(subject, consent, stream, interactions, receipt, sign, demo),
):
    module.register(app)
for part in (consent_status, consent_export):
    part.register(consent.app)
interactions_anchor.register(interactions.app)


def _version(wanted: bool) -> None:
    """Prints the version and ends."""
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415  a few milliseconds

        print(f"troth {version('troth')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    *,
    home: Annotated[str | None, typer.Option(help="Where state lives [TROTH_HOME; .troth]")] = None,
    rpc: Annotated[
        str | None, typer.Option(help="Another node than the home's own chain [TROTH_RPC]")
    ] = None,
    keystore: Annotated[
        str | None, typer.Option(help="The encrypted key file that signs [TROTH_KEYSTORE]")
    ] = None,
    oracle_keystores: Annotated[
        str | None,
        typer.Option(help="Key files that sign reports, joined by colons [TROTH_ORACLE_KEYSTORES]"),
    ] = None,
    password_file: Annotated[
        str | None, typer.Option(help="Its first line opens the key files [TROTH_PASSWORD_FILE]")
    ] = None,
    database_url: Annotated[
        str | None, typer.Option(help="Another database than the home's own SQLite [TROTH_DATABASE_URL]")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Say on stderr what is being done.")] = False,
    version: Annotated[  # noqa: ARG001  its callback has answered it
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Claims that settle themselves, consents and contacts anyone can check, on any EVM chain.

    Options named here work before a command and after it. Environment variables in brackets do the same.
    """
    given = {
        "home": home,
        "rpc": rpc,
        "keystore": keystore,
        "oracle_keystores": oracle_keystores,
        "password_file": password_file,
        "database_url": database_url,
    }
    context.obj = Session(given, verbose)


def command() -> Any:
    """The whole command line as one command."""
    whole: Any = typer.main.get_command(app)
    whole.commands = dict(sorted(whole.commands.items(), key=lambda named: ORDER.index(named[0])))
    return whole


def globals_first(arguments: Sequence[str]) -> list[str]:
    """`arguments` with the options of GLOBALS and --verbose in front, where the parser wants them."""
    ahead, rest, left = [], [], list(arguments)
    while left:
        word = left.pop(0)
        if word == "--":
            rest += [word, *left]
            break
        if word in GLOBALS and left:
            ahead += [word, left.pop(0)]
        elif word == "--verbose" or ("=" in word and word.partition("=")[0] in GLOBALS):
            ahead.append(word)
        else:
            rest.append(word)
    return ahead + rest


def given_globals(arguments: Sequence[str]) -> dict[str, str]:
    """The settings that `arguments` give, unchecked, by field."""
    found = {}
    words = globals_first(arguments)
    for place, word in enumerate(words):
        option, equals, value = word.partition("=")
        if option in GLOBALS and (equals or place + 1 < len(words)):
            found[GLOBALS[option]] = value if equals else words[place + 1]
    return found
