"""Products: what an insurer sells, as rules the contracts evaluate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from troth.claims.eligibility import Requirement
from troth.claims.intake import Direction, ProductFile, Requires, Tier
from troth.consent import terms
from troth.errors import BadInput, Problem
from troth.identity.verifications import Level
from troth.office import Office
from troth.store.products import ProductRow, list_products
from troth.store.terms import names_of

__all__ = ["Product", "add", "catalogue", "find", "get", "of_row", "required", "share_of"]

_GAS = 1_500_000  # sixteen tiers take 900,000
NO_REQUIREMENT = Requirement()
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
    requirement: Requirement = NO_REQUIREMENT
    """What payees must meet, in the contract's numbers; `required` has it in words."""


def add(office: Office, product: ProductFile) -> Product:
    """Registers the product as the next version of its name; if the newest version is the same, that one.

    Terms of the consent it requires that the chain does not know are defined first. Raises MissingRole, and
    what sending raises.
    """
    newest = _newest(office, product.name)
    wanted = _requirement(office, product.requires, define=False)
    rule = (product.metric, product.direction, product.tiers)
    if newest is not None and _rule(newest) == (*rule, wanted):
        return newest
    wanted = wanted or _requirement(office, product.requires)
    register = office.contract("ProductRegister")
    call = register.prepare("register", product.name, *rule, wanted, gas=_GAS)
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
    return Product(
        product_id,
        name,
        on_chain.version,
        bytes(on_chain.metric),
        Direction(on_chain.direction),
        tiers,
        Requirement(*on_chain.requirement),
    )


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


def required(office: Office, found: Sequence[Product]) -> list[Requires]:
    """What each product requires of payees, its terms as IRIs. Brings the index up to the chain."""
    office.sync()
    numbers = {term for product in found for term in product.requirement[1:]}
    with office.store.reading() as connection:
        iris = names_of(connection, numbers)
    return [_in_words(product.requirement, iris) for product in found]


def _newest(office: Office, name: str) -> Product | None:
    """The newest version of a name."""
    product_id = office.contract("ProductRegister").call("latest", name)
    return get(office, product_id, name) if product_id else None


def of_row(row: ProductRow) -> Product:
    """The product in a row of the index."""
    tiers = tuple(Tier(threshold, share) for threshold, share in row.tiers)
    direction = Direction[row.direction.upper()]
    requirement = Requirement(row.verification, row.purpose, row.recipient, row.category)
    return Product(row.product_id, row.name, row.version, bytes(row.metric), direction, tiers, requirement)


def _rule(product: Product) -> tuple[bytes, Direction, tuple[Tier, ...], Requirement]:
    """What makes two products the same."""
    return product.metric, product.direction, product.tiers, product.requirement


def _requirement(office: Office, requires: Requires, *, define: bool = True) -> Requirement | None:
    """The same in numbers; None if the chain does not know a term and none is to be defined."""
    level = requires.verification or 0
    if requires.consent is None:
        return Requirement(level)
    numbers = terms.numbers_of(office, requires.consent, define=define)
    if numbers.keys() < set(requires.consent):
        return None
    return Requirement(level, *(numbers[iri] for iri in requires.consent))


def _in_words(requirement: Requirement, iris: Mapping[int, str]) -> Requires:
    """The same in words."""
    level, purpose, recipient, category = requirement
    said = [iris.get(term, f"term {term}") for term in (purpose, recipient, category)]
    consent = (said[0], said[1], said[2]) if purpose else None
    return Requires(Level(level) if level else None, consent)
