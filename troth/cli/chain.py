"""troth up, down, status."""

from __future__ import annotations

from typing import Annotated

import typer

from troth.cli.output import note, print_facts, print_json
from troth.cli.parsing import address
from troth.cli.session import Json, Session
from troth.errors import BadSetting

__all__ = ["register"]


def up(
    context: typer.Context,
    *,
    token: Annotated[
        str | None, typer.Option(help="With --rpc: address of the money, an ERC-20 without transfer fees.")
    ] = None,
    oracle: Annotated[
        list[str] | None, typer.Option(help="With --rpc: address of a key that signs reports; repeat it.")
    ] = None,
    quorum: Annotated[
        int | None, typer.Option(min=1, help="With --rpc: signatures a report needs; a majority by default.")
    ] = None,
    test_dollar: Annotated[
        bool, typer.Option("--test-dollar", help="With --rpc: play money, on a network that has no other.")
    ] = False,
    json: Json = False,
) -> None:
    """Start the home's own chain; deploy on it once.

    With --rpc, deploy on that chain once, by the key of --keystore.
    """
    from troth.deployment import Terms  # noqa: PLC0415  kept out of --help
    from troth.launch import launch, launch_at  # noqa: PLC0415

    settings = Session.of(context).settings
    if settings.rpc is None:
        _refuse_deployment_options(token, oracle, quorum, test_dollar)
        launched = launch(settings)
    else:
        oracles = tuple(address("--oracle", text) for text in oracle or ())
        terms = Terms(
            oracles=oracles,
            quorum=quorum or len(oracles) // 2 + 1,
            challenge_period=settings.challenge_period,
            token=None if token is None else address("--token", token),
        )
        launched = launch_at(settings, terms, play_money=test_dollar)
    there = launched.deployment
    if launched.moved is not None:
        note(f"This chain is new. The records of the former one are kept in {launched.moved}")
    if json:
        print_json(
            {"rpc": launched.url, "chain_id": there.chain_id, "addresses": there.addresses},
            deployed=launched.deployed,
        )
        return
    print_facts(
        [
            ("rpc", launched.url),
            ("chain", there.chain_id),
            ("deployed", "now" if launched.deployed else "before"),
        ]
    )


def down(context: typer.Context) -> None:
    """Stop the home's own chain. Its state is kept."""
    from troth.chain import anvil  # noqa: PLC0415

    settings = Session.of(context).settings
    if settings.rpc is not None:
        raise BadSetting(
            "--rpc", settings.rpc.partition("://")[0] + "://…", "that chain is not this home's to stop"
        )
    print("stopped, its state kept" if anvil.down(settings.home) else "it was not running")


def status(context: typer.Context, json: Json = False) -> None:
    """Show the chain, the contracts' addresses and the pool."""
    from troth.claims.pool import show  # noqa: PLC0415

    session = Session.of(context)
    with session.office() as office:
        pool, now = show(office), office.now()
        block = int(office.node.call("eth_blockNumber"), 16)
        there, books = office.deployment, office.contract("PolicyBooks").call("bookCount")
        held = {name: getattr(pool, name) for name in ("assets", "reserved", "owed", "free", "paused")}
        if json:
            print_json(
                {"rpc": office.node.url, "chain_id": there.chain_id, "network": there.network},
                block=block,
                time=now,
                addresses=there.addresses,
                pool=held,
                books=books,
                account=office.account,
                decimals=office.decimals,
                symbol=office.symbol,
                home=office.settings.home,
            )
            return
        print_facts(
            [
                ("rpc", office.node.url),
                ("chain", f"{there.chain_id} ({there.network}), block {block}"),
                ("time", now),
                ("home", office.settings.home),
                ("account", office.account or "none: name a key with --keystore"),
                *there.addresses.items(),
                ("books", books),
                ("pool", "paused" if pool.paused else "open"),
                *(
                    (f"  {name}", office.amount(held[name]))
                    for name in ("assets", "reserved", "owed", "free")
                ),
            ]
        )


def register(app: typer.Typer) -> None:
    """Adds these commands."""
    app.command()(up)
    app.command()(down)
    app.command()(status)


def _refuse_deployment_options(
    token: str | None, oracle: list[str] | None, quorum: int | None, test_dollar: bool
) -> None:
    """Raises BadSetting for options that the home's own chain does not take."""
    given = {"--token": token, "--oracle": oracle, "--quorum": quorum, "--test-dollar": test_dollar}
    for option, value in given.items():
        if value:
            raise BadSetting(
                option, str(value), "only with --rpc: the home's own chain has play money and keys"
            )
