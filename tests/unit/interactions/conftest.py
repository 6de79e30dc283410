"""A desk that keeps interactions, on a chain of the session's whose changes are undone after each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import Suite
from support.office import Desk, desk_of

from troth.office import Office


@pytest.fixture
def desk(suite: Suite, tmp_path: Path) -> Iterator[Desk]:
    """The insurer's, with every role."""
    with desk_of(suite, tmp_path / "desk") as made:
        yield made


@pytest.fixture
def office(desk: Desk) -> Office:
    """Its office."""
    return desk.office


@pytest.fixture
def stranger_office(suite: Suite, tmp_path: Path) -> Iterator[Office]:
    """Somebody's who holds no role."""
    with desk_of(suite, tmp_path / "stranger", "stranger") as made:
        yield made.office
