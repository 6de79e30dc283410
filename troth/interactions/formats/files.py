"""Files of interactions: opened once, only if they are files, and never taken whole into memory."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from troth.interactions.formats.received import LONGEST_RECORD

__all__ = ["CHUNK", "NO_FILE", "NotAFile", "lines_of", "opened"]

CHUNK = 1 << 20
"""Bytes read at a time."""

NO_FILE = "a pipe or a device, and no file"

# A pipe is not waited for, a terminal not taken over, and Windows changes no line ends.
_AT_ONCE = sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOCTTY", "O_BINARY", "O_CLOEXEC"))


class NotAFile(OSError):  # noqa: N818  (as the errors of `troth.errors`)
    """A path that names something which cannot be read twice, or has no end."""


@contextmanager
def opened(path: Path, *, follow: bool = True) -> Iterator[BinaryIO]:
    """The file at `path` for reading. Raises OSError, whose `strerror` says why: NotAFile for a pipe.

    Without `follow` the path must not be a symbolic link.
    """
    descriptor = os.open(path, os.O_RDONLY | _AT_ONCE | (0 if follow else getattr(os, "O_NOFOLLOW", 0)))
    try:
        _check_kind(os.fstat(descriptor).st_mode)
    except OSError:
        os.close(descriptor)
        raise
    with open(descriptor, "rb", buffering=CHUNK) as file:  # noqa: PTH123  Path.open() opens no descriptors
        yield file


def lines_of(file: BinaryIO) -> Iterator[tuple[int, bytes | None, int]]:
    """Number from 1, bytes with the line end, and offset of its end, of each line from where `file` is.

    None for a line beyond the limit of a record: it is passed over, not read into memory.
    """
    number, end = 0, file.tell()
    while line := file.readline(LONGEST_RECORD + 2):  # a record and the longest line end
        number += 1
        end += len(line)
        if len(line) == LONGEST_RECORD + 2 and not line.endswith(b"\n"):
            end += _pass_line(file)
            yield number, None, end
        else:
            yield number, line, end


def _check_kind(mode: int) -> None:
    """Refuses what is no regular file, by its `st_mode`."""
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise NotAFile(errno.EINVAL, NO_FILE)


def _pass_line(file: BinaryIO) -> int:
    """Reads on to the end of the line; its bytes."""
    passed = 0
    while chunk := file.read(CHUNK):
        if (found := chunk.find(b"\n")) >= 0:
            file.seek(found + 1 - len(chunk), os.SEEK_CUR)
            return passed + found + 1
        passed += len(chunk)
    return passed
