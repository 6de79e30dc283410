"""troth product add, list."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from troth.cli.output import print_json, print_table
from troth.cli.session import Json, Session

if TYPE_CHECKING:
    from troth.claims.intake import Requires
    from troth.claims.products import Product

__all__ = ["register"]

_TERMS = ("purpose", "recipient", "category")

app = typer.Typer(name="product", help="What is sold, as rules the contracts evaluate.", no_args_is_help=True)


@app.command()
def add(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="TOML: name, metric, direction, tiers, [requires]", metavar="PRODUCT.toml")
    ],
    json: Json = False,
) -> None:
    """Register a product, or the next version of one."""
    from troth.claims import intake, products  # noqa: PLC0415  kept out of --help

    product_file = intake.read_product(file)
    with Session.of(context).office() as office:
        product = products.add(office, product_file)
    if json:
        print_json(_entry(product, product_file.requires))
        return
    print(f"product {product.product_id}: {product.name}, version {product.version}")
    if asked := _in_words(product_file.requires):
        print(f"requires {asked}")


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """Show every version of every product."""
    from troth.claims import products  # noqa: PLC0415

    with Session.of(context).office() as office:
        found = products.catalogue(office)
        asked = products.required(office, found)
        entries = [_entry(product, requires) for product, requires in zip(found, asked, strict=True)]
    if json:
        print_json({"products": entries})
        return
    names = ("product", "name", "version", "metric", "direction")
    rows = [
        (*(one[name] for name in names), _tiers(one["tiers"]), _in_words(requires))
        for one, requires in zip(entries, asked, strict=True)
    ]
    print_table(["#product", "name", "#version", "metric", "direction", "from: pays", "requires"], rows)


def register(main: typer.Typer) -> None:
    """Adds these commands."""
    main.add_typer(app)


def _entry(product: Product, requires: Requires) -> dict[str, Any]:
    """A product in the words of its file."""
    from troth.claims.keys import bytes32_to_text  # noqa: PLC0415
    from troth.consent.terms import short_name  # noqa: PLC0415

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
        "requires": {
            "verification": requires.verification and requires.verification.text,
            "consent": requires.consent and dict(zip(_TERMS, map(short_name, requires.consent), strict=True)),
        },
    }


def _in_words(requires: Requires) -> str:
    """What is required of payees, for people; nothing where nothing is."""
    from troth.consent.terms import short_name  # noqa: PLC0415

    asked = []
    if requires.verification is not None:
        asked.append(f"payee verified ({requires.verification.text})")
    if requires.consent is not None:
        purpose, recipient, category = map(short_name, requires.consent)
        asked.append(f"consent to {purpose} (recipient {recipient}, category {category})")
    return ", ".join(asked)


def _tiers(tiers: list[list[int]]) -> str:
    """Thresholds and shares for people."""
    return ", ".join(f"{threshold}: {share / 100:g}%" for threshold, share in tiers)
