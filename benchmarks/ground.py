"""The ground both sides stand on: a fresh embedded chain with the suite deployed, and made-up books."""

from __future__ import annotations

import csv
import json
import random
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from troth.addresses import format_address
from troth.chain import anvil
from troth.chain.artifacts import Artifact
from troth.chain.contracts import Contract
from troth.claims import products
from troth.claims.intake import Direction, ProductFile, Tier
from troth.claims.keys import risk_to_bytes32
from troth.config import Settings
from troth.launch import launch
from troth.office import Office

__all__ = [
    "PRODUCT",
    "ROOT",
    "SUMS",
    "THRESHOLD",
    "Line",
    "fresh",
    "made_up",
    "mock",
    "office",
    "write_book",
    "write_facts",
]

PRODUCT = "delay"
THRESHOLD = 180
SUMS = (250, 400, 600)  # insured, in whole units of the currency
PREMIUM = 10
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Line:
    """A policy as an insurer writes it."""

    ref: str
    risk: str
    payee: bytes
    sum_insured: int
    """In whole units of the currency."""


@contextmanager
def office() -> Iterator[Office]:
    """An insurer's office on a chain of its own, with capital and one product; both vanish afterwards."""
    with tempfile.TemporaryDirectory(prefix="troth-bench-") as folder:
        settings = Settings.read({}, home=folder)
        try:
            launch(settings)
            with Office.open(settings) as opened:
                rule = (Tier(THRESHOLD, 10_000),)
                metric = risk_to_bytes32("arrival delay, minutes")
                products.add(opened, ProductFile(PRODUCT, metric, Direction.AT_LEAST, rule))
                yield opened
        finally:
            anvil.down(settings.home)


def made_up(risks: int, risk_size: int, due_every: int, seed: int) -> tuple[list[Line], dict[str, int]]:
    """A book of `risks` risks with `risk_size` policies each, and what happens to them: value by risk.

    One risk in `due_every` is due, evenly spread over the book. Payees are random, so new to the token.
    """
    source = random.Random(seed)
    names = [f"2013-01-{n % 31 + 1:02} TR{n:06} EWR" for n in range(risks)]
    lines = [
        Line(f"P{n:07}", names[n // risk_size], source.randbytes(20), source.choice(SUMS))
        for n in range(risks * risk_size)
    ]
    facts = {
        name: source.randint(THRESHOLD, 900)
        if position % due_every == due_every // 2
        else source.randint(-60, THRESHOLD - 1)
        for position, name in enumerate(sorted(names))
    }
    return lines, facts


def write_book(path: Path, lines: Iterable[Line]) -> Path:
    """The book as the file an insurer brings."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("policy_ref", "risk", "payee", "sum_insured", "premium"))
        writer.writerows((x.ref, x.risk, format_address(x.payee), x.sum_insured, PREMIUM) for x in lines)
    return path


def write_facts(path: Path, facts: dict[str, int]) -> Path:
    """The observations as the file an oracle brings."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("risk", "value"))
        writer.writerows(facts.items())
    return path


def mock(office: Office, name: str) -> Contract:
    """A contract of contracts/mocks, deployed. Mocks are not shipped: needs `brownie compile`."""
    build = ROOT / "build" / "contracts" / f"{name}.json"
    if not build.exists():
        raise SystemExit(f"{build} is missing: run `make compile` first")
    content = json.loads(build.read_text(encoding="utf-8"))
    artifact = Artifact.of({**content, "sourceHash": ""})
    (receipt,) = office.sender.send([artifact.deployment()])
    return Contract(office.node, str(receipt.contract), artifact.abi, name=name)


def fresh(count: int, seed: int) -> Sequence[str]:
    """Addresses that never held anything."""
    source = random.Random(seed)
    return [format_address(source.randbytes(20)) for _ in range(count)]
