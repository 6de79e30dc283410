"""Campaigns of atheris, which finds by itself what bytes lead where. Needs `uv pip install atheris`.

    python tests/fuzz jsonl|cdr|vcon [-max_total_time=600] [CORPUS]

All but the format is libFuzzer's. What crashes is written to a file and named: give it instead of a corpus to
see it again.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import atheris

import troth.identity.subjects  # noqa: F401  before, so that it is not instrumented as well

with atheris.instrument_imports(include=["troth.interactions.formats", "json", "csv"]):
    from troth.errors import Problem
    from troth.interactions.formats import Received, read, reread

EXAMPLES = Path(__file__).parents[2] / "examples"
SEEDS = {"jsonl": "interactions.jsonl", "cdr": "calls.csv", "vcon": "conversation.vcon.json"}


def campaign(known: str, options: list[str], path: Path) -> None:
    """Whatever is in the file at `path`, each thing is a record that reads again the same, or a problem."""

    def check(content: bytes) -> None:
        path.write_bytes(content)
        found = list(read(path, known))  # type: ignore[arg-type]
        header = known == "cdr"  # which may stand alone, as lines may be none
        if not found and len(content.strip().splitlines()) > header:
            raise AssertionError("neither a record nor a problem")
        for each in found:
            if isinstance(each, Problem):
                str(each).encode()
            elif not isinstance(each, Received) or reread(each.kind, each.raw).fields != each.fields:
                raise AssertionError("a record that does not read again the same")

    atheris.Setup([sys.argv[0], f"-seed_inputs={EXAMPLES / SEEDS[known]}", *options], check)
    atheris.Fuzz()


def main() -> int:
    """Runs it in a process of its own, as libFuzzer ends the one it runs in; its exit code."""
    if len(sys.argv) < 2 or sys.argv[1] not in SEEDS:
        print((__doc__ or "").split("\n\n")[1], file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="troth-fuzz-") as place:
        if (child := os.fork()) == 0:
            campaign(sys.argv[1], sys.argv[2:], Path(place) / "interactions")
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    sys.exit(main())
