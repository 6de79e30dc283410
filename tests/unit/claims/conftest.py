"""The insurer's desk, on a chain of the session's whose changes are undone after each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import Suite
from support.office import Desk, desk_of


@pytest.fixture
def desk(suite: Suite, tmp_path: Path) -> Iterator[Desk]:
    """The insurer's, with every role and a purse."""
    with desk_of(suite, tmp_path / "desk") as made:
        yield made.funded()


@pytest.fixture
def stranger_desk(suite: Suite, tmp_path: Path) -> Iterator[Desk]:
    """Somebody's who holds no role and no money."""
    with desk_of(suite, tmp_path / "stranger", "stranger") as made:
        yield made
