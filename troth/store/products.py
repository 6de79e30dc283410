"""Products, as the chain's index holds them."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, select

from troth.store import schema

__all__ = ["ProductRow", "list_products"]


class ProductRow(NamedTuple):
    """A registered product. `metric` is 32 bytes; `direction` "at_least" or "at_most"; `tiers` are threshold
    and basis points, mildest first. The rest is what it requires of a payee: the level of verification, 0 for
    none, and the terms of a consent, `purpose` 0 for none.
    """

    product_id: int
    name: str
    version: int
    metric: bytes
    direction: str
    tiers: list[list[int]]
    verification: int
    purpose: int
    recipient: int
    category: int


def list_products(connection: Connection) -> list[ProductRow]:
    """Every version of every product, by id."""
    columns = [schema.products.c[name] for name in ProductRow._fields]
    rows = connection.execute(select(*columns).order_by(schema.products.c.product_id))
    return [ProductRow._make(row) for row in rows]
