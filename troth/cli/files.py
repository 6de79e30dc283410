"""Files that commands write: there whole or not at all, for their owner only."""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from troth.errors import BadInput, Problem

__all__ = ["sink", "whole_file"]


@contextmanager
def sink(output: Path | None) -> Iterator[Callable[[str], object]]:
    """Where text goes: standard output, or the file that --output names. Raises BadInput as `whole_file`."""
    if output is None:
        yield sys.stdout.write
        return
    with whole_file(output) as write:
        yield lambda text: write(text.encode())


@contextmanager
def whole_file(output: Path, *, place: str = "--output") -> Iterator[Callable[[bytes], object]]:
    """Where bytes go that are to be the file `output`, in the place of what was there, once the block ends.

    A symbolic link is followed. Raises BadInput, naming the option `place`, where it cannot be written, and
    for a pipe, a device or anything else that is there and is no file: none of these is to be replaced.
    """
    with _writing(output, place):
        _check_kind(output)
        output = Path(os.path.realpath(output))
        handle, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")  # of mode 0600
    file = os.fdopen(handle, "wb")

    def write(content: bytes) -> None:
        with _writing(output, place):
            file.write(content)

    try:
        yield write
        with _writing(output, place):
            file.close()
            Path(name).replace(output)
    except BaseException:
        with suppress(OSError):
            file.close()
        Path(name).unlink(missing_ok=True)
        raise


def _check_kind(output: Path) -> None:
    """Refuses what is there and is no regular file, and `-`. Raises OSError."""
    if str(output) == "-":
        raise OSError(errno.EINVAL, "a file's name is needed, and - is none")
    with suppress(FileNotFoundError):
        mode = output.stat().st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "a pipe or a device, and no file: name a file")


@contextmanager
def _writing(output: Path, place: str) -> Iterator[None]:
    """Turns what the file system refuses into BadInput."""
    try:
        yield
    except OSError as error:
        reason = f"cannot be written: {error.strerror}"
        raise BadInput([Problem(place, None, None, str(output), reason)]) from None
