"""The people of the demo. Everybody is made up: telephone numbers are of the range that is never given out,
e-mail addresses of a domain nobody can have, places of no country.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from troth.chain.accounts import LocalSigner
from troth.office import Progress

__all__ = ["Customer", "Stage", "customers"]

_FIRST = (
    *("Ambrose", "Bettina", "Cosmo", "Delphine", "Eustace"),
    *("Floriane", "Gideon", "Hesper", "Isidore", "Jocasta"),
)
_LAST = (
    *("Applewhistle", "Brindlemoor", "Cobblethwaite", "Dappleford", "Eiderquill"),
    *("Fennimarsh", "Gorsewick", "Hobblestone", "Inkpenny", "Jessamour"),
    *("Kettlebright", "Larkenshaw", "Mistlethorn", "Nettlecombe", "Oatenfell"),
    *("Puddlemere", "Quillfeather", "Rumblethorpe", "Snickerdale", "Thistledown"),
)
_STREETS = ("Moonbeam Lane", "Teapot Row", "Larkspur Steps", "Gingerbread Yard", "Windmill Crescent")

Stage = Callable[[str], AbstractContextManager[Progress]]
"""Begins a stage by name."""


@dataclass(frozen=True)
class Customer:
    """Somebody made up. Nothing of them is shown but that they are."""

    ref: str = field(repr=False)
    """The insurer's own reference."""
    name: str = field(repr=False)
    phone: str = field(repr=False)
    email: str = field(repr=False)
    address: str = field(repr=False)
    wallet: LocalSigner = field(repr=False)

    def words(self, how: str) -> str:
        """What shows a decision of theirs: full of what is personal."""
        return f"{how}: {self.name}, {self.phone}, {self.email}, {self.address}"


def customers(count: int, seed: int) -> list[Customer]:
    """So many people, each with names and numbers of their own; the same for the same seed."""
    source = random.Random(f"customers {seed}")  # noqa: S311  reproducible, not secret
    people = []
    for number in range(count):
        first, last = _FIRST[number % len(_FIRST)], _LAST[number // len(_FIRST) % len(_LAST)]
        people.append(
            Customer(
                ref=f"K-2013-{source.randrange(10**6):06}-{number:05}",
                name=f"{first} {last}",
                phone=f"+1 {200 + number // 100} 555 01{number % 100:02}",
                email=f"{first}.{last}.{number}@example.com".lower(),
                address=f"{source.randrange(1, 400)} {source.choice(_STREETS)}, Nowhere-on-Sea {number:05}",
                wallet=LocalSigner.from_key(source.randbytes(32)),
            )
        )
    return people
