"""Files of interactions to read, and what came of reading them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from troth.errors import Problem
from troth.interactions.formats import Received, read

Put = Callable[..., Path]


@pytest.fixture
def put(tmp_path: Path) -> Put:
    """Writes a file, of text or bytes, by its name."""

    def written(content: str | bytes, name: str = "calls.jsonl") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


@pytest.fixture
def taken() -> Callable[..., list[Received]]:
    """The records of a file, which must hold nothing wrong."""

    def records(path: Path, *arguments: Any, **options: Any) -> list[Received]:
        found = list(read(path, *arguments, **options))
        assert not [each for each in found if isinstance(each, Problem)]
        return found

    return records


@pytest.fixture
def refused() -> Callable[..., Problem]:
    """The one thing that is wrong with a file, which must hold nothing else."""

    def problem(path: Path, *arguments: Any, **options: Any) -> Problem:
        (found,) = read(path, *arguments, **options)
        assert isinstance(found, Problem)
        assert found.file == str(path)
        return found

    return problem
