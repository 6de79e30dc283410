"""troth sign."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from troth.cli.output import print_json
from troth.cli.session import Json, Session

__all__ = ["register"]


def sign(
    context: typer.Context,
    request: Annotated[
        Path,
        typer.Argument(help="Made by `subject bind` or `consent request`.", metavar="REQUEST.json"),
    ],
    json: Json = False,
) -> None:
    """Sign a request with the key of --keystore; nothing is sent."""
    from troth.consent.requests import STATEMENTS  # noqa: PLC0415  kept out of --help
    from troth.identity import requests  # noqa: PLC0415
    from troth.identity.wallets import BINDINGS  # noqa: PLC0415

    with Session.of(context).office() as office:
        signature = requests.sign(office, request, (BINDINGS, STATEMENTS))
    if json:
        print_json({"signature": signature})
    else:
        print(f"0x{signature.hex()}")


def register(main: typer.Typer) -> None:
    """Adds this command."""
    main.command()(sign)
