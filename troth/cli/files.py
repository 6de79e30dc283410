"""Where commands put what they make: standard output, or a file that an option names."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from troth import files

__all__ = ["sink", "whole_file"]


@contextmanager
def sink(output: Path | None) -> Iterator[Callable[[str], object]]:
    """Where text goes: standard output, or the file that --output names. Raises BadInput as `whole_file`."""
    if output is None:
        yield sys.stdout.write
        return
    with whole_file(output) as write:
        yield lambda text: write(text.encode())


def whole_file(output: Path, *, place: str = "--output") -> AbstractContextManager[Callable[[bytes], object]]:
    """`files.whole_file`, for what an option names: by default --output."""
    return files.whole_file(output, place=place)
