"""Where commands put the text they make: standard output, or a file that an option names."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from troth.files import whole_file

__all__ = ["sink"]


@contextmanager
def sink(output: Path | None) -> Iterator[Callable[[str], object]]:
    """Where text goes: standard output, or the file that --output names. Raises BadInput as `whole_file`."""
    if output is None:
        yield sys.stdout.write
        return
    with whole_file(output, place="--output") as write:
        yield lambda text: write(text.encode())
