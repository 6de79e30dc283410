"""`python -m benchmarks`: measures, prints a table, and writes the same as JSON."""

from __future__ import annotations

import argparse
import gc
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from rich.console import Console

from benchmarks import (
    claims,
    consent_gas,
    consent_import,
    consents,
    gas,
    interaction_gas,
    interaction_intake,
    interaction_trees,
    tree,
)
from benchmarks.figures import Figure, as_json, print_table


class Measure(Protocol):
    """One of the benchmarks."""

    def __call__(self, *, quick: bool) -> list[Figure]:
        """Its figures."""


JSON = Path("build/benchmarks.json")
MEASURES: dict[str, Measure] = {
    "gas": gas.measure,
    "claims": claims.measure,
    "tree": tree.measure,
    "consent-gas": consent_gas.measure,
    "consents": consents.measure,
    "consent-import": consent_import.measure,
    "interaction-trees": interaction_trees.measure,
    "interaction-gas": interaction_gas.measure,
    "interaction-intake": interaction_intake.measure,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures what is named, or everything."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="|".join(MEASURES), help="which; all if none is named")
    parser.add_argument(
        "--quick", action="store_true", help="small sizes: shows that it works, no figures to quote"
    )
    parser.add_argument(
        "--json", type=Path, default=JSON, metavar="FILE", help="where the figures go as JSON (%(default)s)"
    )
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in MEASURES]:
        parser.error(f"no such benchmark: {', '.join(unknown)}")
    console, progress = Console(), Console(stderr=True)
    gc.freeze()  # as the command line does
    figures: list[Figure] = []
    for name in options.names or MEASURES:
        with progress.status(f"measuring {name}"):
            figures += MEASURES[name](quick=options.quick)
    print_table(figures, console)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(as_json(figures, _machine()), encoding="utf-8")
    console.print(f"as JSON: {options.json}", highlight=False, soft_wrap=True)


def _machine() -> dict[str, str]:
    """What it was measured on."""
    return {
        "system": platform.platform(),
        "processors": str(os.cpu_count()),
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    main()
