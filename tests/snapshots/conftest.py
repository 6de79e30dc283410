"""Figures kept beside the code: a change shows in review, and is accepted with `--snapshot-update`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


class Snapshot:
    """One JSON file of figures by name."""

    def __init__(self, name: str, update: bool) -> None:
        self._path, self._update = FOLDER / name, update

    def figures(self) -> dict[str, int]:
        """What is kept."""
        return json.loads(self._path.read_text(encoding="utf-8")) if self._path.exists() else {}

    def check(self, name: str, figure: int, unit: str) -> None:
        """Fails unless `figure` is the one kept under `name`; writes it down instead when updating."""
        kept = self.figures()
        if self._update:
            text = json.dumps({**kept, name: figure}, indent=2, sort_keys=True)
            self._path.write_text(f"{text}\n", encoding="utf-8")
        elif name not in kept:
            pytest.fail(f"{name}: {figure:,} {unit}, and no figure kept. {_ADVICE}", pytrace=False)
        elif kept[name] != figure:
            change = f"{figure - kept[name]:+,} ({figure / kept[name] - 1:+.2%})"
            pytest.fail(f"{name}: {figure:,} {unit}, kept {kept[name]:,}: {change}. {_ADVICE}", pytrace=False)

    def keep_only(self, names: set[str]) -> None:
        """Fails if a figure is kept that nothing measures any more; drops it when updating."""
        kept = self.figures()
        if self._update:
            only = {name: figure for name, figure in kept.items() if name in names}
            self._path.write_text(json.dumps(only, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        else:
            assert set(kept) == names, _ADVICE


_ADVICE = "If that is meant: pytest tests/snapshots --snapshot-update, and commit the file with the reason."


@pytest.fixture
def gas(request: pytest.FixtureRequest) -> Snapshot:
    """Gas of each public call."""
    return Snapshot("gas.json", request.config.getoption("--snapshot-update"))


@pytest.fixture
def sizes(request: pytest.FixtureRequest) -> Snapshot:
    """Bytes of each deployed contract."""
    return Snapshot("sizes.json", request.config.getoption("--snapshot-update"))
