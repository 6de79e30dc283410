"""Figures with what they are measured against, as a table for people and as JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

__all__ = ["Budget", "Figure", "as_json", "print_table"]


@dataclass(frozen=True)
class Budget:
    """A bound on `ours`: at most, or at least, `bound`, or `bound` times the rival's figure."""

    bound: float
    is_ratio: bool = True
    at_least: bool = False

    def __str__(self) -> str:
        """As "≤ 1.25 x" or "≤ 50"."""
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}{' x' if self.is_ratio else ''}"

    def is_met(self, ours: float, theirs: float) -> bool:
        """Whether `ours` keeps within it."""
        limit = self.bound * theirs if self.is_ratio else self.bound
        return ours >= limit if self.at_least else ours <= limit


@dataclass(frozen=True)
class Figure:
    """One thing measured, beside its rival."""

    unit: str
    what: str
    ours: float
    rival: str
    theirs: float
    budget: Budget | None
    conditions: str
    command: str
    """Measures it again."""

    @property
    def ratio(self) -> float:
        """Ours in terms of theirs."""
        return self.ours / self.theirs

    @property
    def is_met(self) -> bool | None:
        """Whether the budget is met; None without one."""
        return None if self.budget is None else self.budget.is_met(self.ours, self.theirs)


def print_table(figures: Sequence[Figure], console: Console) -> None:
    """Both sides, their ratio, and whether the budget is met."""
    table = Table(title="Troth beside its rivals, measured in one run", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("unit", no_wrap=True)
    table.add_column("what")
    table.add_column("Troth", justify="right", no_wrap=True)
    table.add_column("rival's", justify="right", no_wrap=True)
    table.add_column("rival")
    table.add_column("ratio", justify="right", no_wrap=True)
    table.add_column("budget", justify="right", no_wrap=True)
    table.add_column("met", no_wrap=True)
    for figure in figures:
        table.add_row(
            figure.unit,
            figure.what,
            _shown(figure.ours),
            _shown(figure.theirs),
            figure.rival,
            _shown(figure.ratio),
            str(figure.budget or "-"),
            {True: "yes", False: "NO", None: "-"}[figure.is_met],
        )
    console.print(table)
    for conditions, command in dict.fromkeys((figure.conditions, figure.command) for figure in figures):
        console.print(f"{command}: {conditions}", highlight=False, markup=False)


def as_json(figures: Sequence[Figure], machine: dict[str, str]) -> str:
    """The same for machines, with what they were measured on."""
    lines = [
        {**asdict(figure), "budget": str(figure.budget or ""), "ratio": figure.ratio, "met": figure.is_met}
        for figure in figures
    ]
    return json.dumps({"machine": machine, "figures": lines}, indent=2, ensure_ascii=False) + "\n"


def _shown(value: float) -> str:
    """Whole numbers from a hundred on, else two decimals, or what there is of less."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value >= 0.01 else f"{value:.1g}"
