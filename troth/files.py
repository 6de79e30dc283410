"""Files there whole or not at all, whatever stops the writer, and for their owner only."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from troth.errors import BadInput, Problem

__all__ = ["whole_file", "write_whole"]


@contextmanager
def whole_file(output: Path, *, place: str | None = None) -> Iterator[Callable[[bytes], object]]:
    """Where bytes go that are to be the file `output`, in the place of what was there, once the block ends.

    A symbolic link is followed. Raises BadInput, naming the option `place` or else the file, where it cannot
    be written, and for a pipe, a device or anything else that is there and is no file: none of these is to be
    replaced.
    """
    with _writing(output, place):
        _check_kind(output)
        path = Path(os.path.realpath(output))
        # A draft of each writer's own: two that save at once must not finish, or take away, each other's.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # of mode 0600
    file = os.fdopen(handle, "wb")

    def write(content: bytes) -> None:
        with _writing(output, place):
            file.write(content)

    try:
        yield write
        with _writing(output, place):
            file.flush()
            os.fsync(file.fileno())  # else a power cut may keep the name and lose what it stands for
            file.close()
            Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            file.close()
        Path(name).unlink(missing_ok=True)
        raise


def write_whole(output: Path, text: str, *, place: str | None = None) -> None:
    """Makes `text` the file `output`. Raises BadInput as `whole_file`."""
    with whole_file(output, place=place) as write:
        write(text.encode())


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
def _writing(output: Path, place: str | None) -> Iterator[None]:
    """Turns what the file system refuses into BadInput."""
    try:
        yield
    except OSError as error:
        reason = f"cannot be written: {error.strerror}"
        where = (str(output), None) if place is None else (place, str(output))
        raise BadInput([Problem(where[0], None, None, where[1], reason)]) from None
