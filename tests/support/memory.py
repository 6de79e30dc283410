"""How much memory a block takes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Memory", "measured"]


class Memory:
    """What was measured, once the block has ended."""

    peak = 0
    """The most bytes that Python held at once for what the block made."""


@contextmanager
def measured() -> Iterator[Memory]:
    """Measures the block."""
    memory = Memory()
    tracemalloc.start()
    try:
        yield memory
    finally:
        memory.peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
