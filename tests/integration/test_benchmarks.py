"""The benchmarks in quick mode: both sides of every line are measured and told, to people and machines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.figures import Budget

ROOT = Path(__file__).resolve().parents[2]
UNITS = [
    *(["gas a claim"] * 4 + ["gas a policy", "claims a second", "claims a second", "seconds", "peak MB"]),
    *(["gas a decision"] * 15 + ["microseconds"] * 4 + ["decisions a second"]),
    *(["seconds"] * 3 + ["proofs a second"] * 2 + ["microseconds"] * 2),
    *(["gas a batch"] * 4 + ["gas a record", "gas a proof"]),
    *(["records a second"] * 2 + ["peak MB"] * 2),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[dict[str, Any]]]:
    """What one quick run prints, and the figures it writes."""
    file = tmp_path_factory.mktemp("bench") / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout, json.loads(file.read_text())["figures"]


def test_every_figure_stands_beside_its_rivals(run: tuple[str, list[dict[str, Any]]]) -> None:
    """Both are there, are more than nothing, and their ratio is theirs."""
    _, figures = run
    assert [figure["unit"] for figure in figures] == UNITS
    for figure in figures:
        assert figure["ours"] > 0 and figure["theirs"] > 0
        assert figure["ratio"] == pytest.approx(figure["ours"] / figure["theirs"])
        assert figure["command"].startswith("python -m benchmarks ")


def test_gas_rises_with_what_has_to_be_proved(run: tuple[str, list[dict[str, Any]]]) -> None:
    """One risk, ten a risk, each its own, each its own and far apart: never below the bare loop."""
    gas = [figure["ours"] for figure in run[1][:4]]
    assert gas == sorted(gas)
    assert gas[0] > run[1][0]["theirs"] > 21_000


def test_table_names_both_sides_and_how_to_measure_again(run: tuple[str, list[dict[str, Any]]]) -> None:
    """For people; small sizes are held to no budget."""
    table, figures = run
    for word in (
        "Troth",
        "rival's",
        "ratio",
        "budget",
        "met",
        "web3.py",
        "python -m benchmarks claims --quick",
    ):
        assert word in table
    assert {figure["met"] for figure in figures} == {None}


def test_budgets_are_kept_or_said_to_be_broken() -> None:
    """A ratio at most, a figure at most, a ratio at least."""
    assert Budget(1.25).is_met(125, 100) and not Budget(1.25).is_met(126, 100)
    assert Budget(50, is_ratio=False).is_met(50, 1) and not Budget(50, is_ratio=False).is_met(51, 100)
    assert Budget(5, at_least=True).is_met(500, 100) and not Budget(5, at_least=True).is_met(499, 100)
