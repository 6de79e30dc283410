"""A home: the folder where state lives, for its owner only, and the locks that commands take in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from troth.errors import BadSetting, Busy

__all__ = ["SENDING", "locked", "make"]

SENDING = "sending.lock"
"""The lock under which the commands of a home send, so that no two do from one account at once."""


def make(home: Path) -> None:
    """Makes the folder, and those above it, unless it is there. Raises BadSetting."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(home, home, error) from None


@contextmanager
def locked(home: Path, name: str, *, patience: float = 0.0, what: Path | None = None) -> Iterator[None]:
    """Holds a lock: the file `name`, a path below the home; folders are made, each for the owner only.

    Raises Busy for `what`, by default the home, if others hold it for `patience` seconds; BadSetting where
    there can be no such file.
    """
    path = home / name
    lock = FileLock(path, timeout=patience)
    make(home)
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        held = lock.acquire()
    except Timeout:  # an OSError too
        raise Busy(str(what or home), is_home=True) from None
    except OSError as error:
        raise _refused(home, path, error) from None
    with held:
        yield


def _refused(home: Path, path: Path, error: OSError) -> BadSetting:
    """The error for a home that does not take the file or folder `path`."""
    place = "" if path == home else f"{path.relative_to(home)}: "
    return BadSetting("TROTH_HOME", str(home), f"cannot be written: {place}{error.strerror}")
