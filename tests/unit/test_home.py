"""The folder where state lives, and locks in it.

make: for its owner only · there before: as it is · a file, below a file: refused by name
locked
├── alone, and free again · held by another for as long as one waits: Busy · let go meanwhile: taken
└── what cannot be locked: refused by name
"""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from troth.errors import BadSetting, Busy
from troth.home import locked, make


def mode(path: Path) -> int:
    """Who may do what with it."""
    return stat.S_IMODE(path.stat().st_mode)


def test_new_home_is_its_owners_alone(tmp_path: Path) -> None:
    """And so is a folder made in it for a lock."""
    home = tmp_path / "above" / "home"
    with locked(home, "chain/lock"):
        assert (mode(home), mode(home / "chain")) == (0o700, 0o700)


def test_home_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    """An operator may have widened it on purpose."""
    tmp_path.chmod(0o750)
    make(tmp_path)
    assert mode(tmp_path) == 0o750


def test_place_that_can_be_no_home_is_refused(tmp_path: Path) -> None:
    """By the setting, its value and the reason."""
    file = tmp_path / "file"
    file.touch()
    for home, reason in ((file, "File exists"), (file / "home", "Not a directory")):
        with pytest.raises(BadSetting) as refused, locked(home, "sending.lock"):
            pytest.fail("begun")
        assert refused.value.args == ("TROTH_HOME", str(home), f"cannot be written: {reason}")


def test_lock_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """By its name in the home."""
    (tmp_path / "sending.lock").mkdir()
    with pytest.raises(BadSetting) as refused, locked(tmp_path, "sending.lock"):
        pytest.fail("begun")
    rule = "cannot be written: sending.lock: Is a directory"
    assert refused.value.args == ("TROTH_HOME", str(tmp_path), rule)


def test_lock_is_one_holders_and_free_again(tmp_path: Path) -> None:
    """Whatever ends the block."""
    with pytest.raises(ZeroDivisionError), locked(tmp_path, "one.lock"):
        for what in (None, tmp_path / "demo"):
            with pytest.raises(Busy) as refused, locked(tmp_path, "one.lock", what=what):
                pytest.fail("begun")
            assert refused.value.args == (str(what or tmp_path), True)
        with locked(tmp_path, "another.lock"):
            raise ZeroDivisionError
    with locked(tmp_path, "one.lock"):
        pass


def test_lock_is_waited_for(tmp_path: Path) -> None:
    """And taken once it is let go."""
    held, free = Event(), Event()

    def hold() -> None:
        with locked(tmp_path, "one.lock"):
            held.set()
            assert free.wait(5)

    with ThreadPoolExecutor() as pool:
        holder = pool.submit(hold)
        assert held.wait(5)
        with pytest.raises(Busy), locked(tmp_path, "one.lock", patience=0.2):
            pytest.fail("begun")
        free.set()
        with locked(tmp_path, "one.lock", patience=5):
            assert holder.result(5) is None
