"""troth product add, list."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from troth.cli.output import print_json, print_table
from troth.cli.session import Json, Session

if TYPE_CHECKING:
    from troth.claims.products import Product

__all__ = ["register"]

app = typer.Typer(name="product", help="What is sold, as rules the contracts evaluate.", no_args_is_help=True)


@app.command()
def add(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="TOML: name, metric, direction, tiers", metavar="PRODUCT.toml")
    ],
    json: Json = False,
) -> None:
    """Register a product, or the next version of one."""
    from troth.claims import intake, products  # noqa: PLC0415  kept out of --help

    product_file = intake.read_product(file)
    with Session.of(context).office() as office:
        product = products.add(office, product_file)
    if json:
        print_json(_entry(product))
    else:
        print(f"product {product.product_id}: {product.name}, version {product.version}")


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """Show every version of every product."""
    from troth.claims import products  # noqa: PLC0415

    with Session.of(context).office() as office:
        entries = [_entry(product) for product in products.catalogue(office)]
    if json:
        print_json({"products": entries})
        return
    rows = [
        (one["product"], one["name"], one["version"], one["metric"], one["direction"], _tiers(one["tiers"]))
        for one in entries
    ]
    print_table(["#product", "name", "#version", "metric", "direction", "from: pays"], rows)


def register(main: typer.Typer) -> None:
    """Adds these commands."""
    main.add_typer(app)


def _entry(product: Product) -> dict[str, Any]:
    """A product in the words of its file."""
    from troth.claims.keys import bytes32_to_text  # noqa: PLC0415

    try:
        metric = bytes32_to_text(product.metric)
    except ValueError:
        metric = f"0x{product.metric.hex()}"  # somebody else's
    return {
        "product": product.product_id,
        "name": product.name,
        "version": product.version,
        "metric": metric,
        "direction": product.direction.name.lower(),
        "tiers": [list(tier) for tier in product.tiers],
    }


def _tiers(tiers: list[list[int]]) -> str:
    """Thresholds and shares for people."""
    return ", ".join(f"{threshold}: {share / 100:g}%" for threshold, share in tiers)
