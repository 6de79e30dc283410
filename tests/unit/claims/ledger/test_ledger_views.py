"""What the ledger asks of the contracts is what they offer."""

from __future__ import annotations

from typing import Any

from eth_utils.abi import collapse_if_tuple
from support.fake_chain import ABIS, EVENTS, signature

from troth.claims.ledger.history import MOVES
from troth.claims.ledger.views import VIEWS, BookState


def test_moves_are_those_of_the_shipped_abis() -> None:
    """The standards' events that are added up have these very types, names and indexed fields."""
    shipped = {
        (contract, f"{name}({','.join(_declared(one) for one in entry['inputs'])})")
        for (contract, name), entry in EVENTS.items()
    }
    assert set(MOVES.items()) <= shipped


def _declared(given: dict[str, Any]) -> str:
    """An event's field as MOVES spells it."""
    return f"{collapse_if_tuple(given)} {'indexed ' if given['indexed'] else ''}{given['name']}"


def test_views_are_those_of_the_shipped_abis() -> None:
    """Every view called exists, and the book's record has these fields in this order."""
    for contract, views in VIEWS.items():
        assert set(views) <= {signature(one) for one in ABIS[contract] if one["type"] == "function"}
    (book,) = (one for one in ABIS["PolicyBooks"] if one.get("name") == "book")
    names = [part["name"] for part in book["outputs"][0]["components"]]
    snake = ["".join(f"_{c.lower()}" if c.isupper() else c for c in name) for name in names]
    assert tuple(snake) == BookState._fields
