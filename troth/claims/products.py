"""Products: what an insurer sells, as rules the contracts evaluate."""

from __future__ import annotations

from dataclasses import dataclass

from troth.claims.intake import Direction, ProductFile, Tier
from troth.errors import BadInput, Problem
from troth.office import Office
from troth.store.products import ProductRow, list_products

__all__ = ["Product", "add", "catalogue", "find", "get", "of_row", "share_of"]

_GAS = 1_500_000  # sixteen tiers take 900,000
NO_REQUIREMENT = (0, 0, 0, 0)  # of payees: no verification, no purpose, recipient or category
WHOLE = 10_000  # a share of everything, in basis points


@dataclass(frozen=True)
class Product:
    """A registered version of a product."""

    product_id: int
    name: str
    version: int
    """From 1, for each name."""
    metric: bytes
    """32 bytes, see keys."""
    direction: Direction
    tiers: tuple[Tier, ...]
    """Mildest first."""


def add(office: Office, product: ProductFile) -> Product:
    """Registers the product as the next version of its name; if the newest version is the same, that one.

    Raises MissingRole, and what sending raises.
    """
    newest = _newest(office, product.name)
    if newest is not None and _rule(newest) == (product.metric, product.direction, product.tiers):
        return newest
    register = office.contract("ProductRegister")
    rule = (product.metric, product.direction, list(product.tiers), NO_REQUIREMENT)
    call = register.prepare("register", product.name, *rule, gas=_GAS)
    (receipt,) = office.sender.send([call])
    (event,) = register.events(receipt, "ProductRegistered")
    return get(office, event.arguments.productId, product.name)


def find(office: Office, name: str) -> Product:
    """The newest version of a product. Raises BadInput, naming the products there are, for an unknown one."""
    if (product := _newest(office, name)) is not None:
        return product
    known = sorted({product.name for product in catalogue(office)})
    reason = f"no such product; known: {', '.join(known)}" if known else "no product yet: `troth product add`"
    raise BadInput([Problem("--product", None, None, name, reason)])


def get(office: Office, product_id: int, name: str) -> Product:
    """The product of an id, as the contract holds it; `name` is known from elsewhere, as from its event."""
    on_chain = office.contract("ProductRegister").call("product", product_id)
    tiers = tuple(Tier(tier.threshold, tier.share) for tier in on_chain.tiers)
    direction = Direction(on_chain.direction)
    return Product(product_id, name, on_chain.version, bytes(on_chain.metric), direction, tiers)


def share_of(product: Product, value: int) -> int:
    """What share of the sum insured `value` pays, in basis points: the contract's rule, to plan by."""
    share = 0
    for tier in product.tiers:
        reached = (
            value >= tier.threshold if product.direction is Direction.AT_LEAST else value <= tier.threshold
        )
        if not reached:
            break
        share = tier.share
    return share


def catalogue(office: Office) -> list[Product]:
    """Every version of every product, by id, as far as the index reads the chain."""
    office.sync()
    with office.store.reading() as connection:
        return [of_row(row) for row in list_products(connection)]


def _newest(office: Office, name: str) -> Product | None:
    """The newest version of a name."""
    product_id = office.contract("ProductRegister").call("latest", name)
    return get(office, product_id, name) if product_id else None


def of_row(row: ProductRow) -> Product:
    """The product in a row of the index."""
    tiers = tuple(Tier(threshold, share) for threshold, share in row.tiers)
    direction = Direction[row.direction.upper()]
    return Product(row.product_id, row.name, row.version, bytes(row.metric), direction, tiers)


def _rule(product: Product) -> tuple[bytes, Direction, tuple[Tier, ...]]:
    """What makes two products the same."""
    return product.metric, product.direction, product.tiers
