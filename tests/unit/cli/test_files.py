"""Files that commands write: what takes the place of what, and what is never replaced."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from troth.cli.files import whole_file
from troth.errors import BadInput


def refusal_of(output: Path) -> str:
    """Why nothing is written there; the block is not begun."""
    with pytest.raises(BadInput) as caught, whole_file(output, place="--cose"):
        pytest.fail("begun")
    return str(caught.value)


def names_in(folder: Path) -> list[str]:
    """What is there."""
    return sorted(one.name for one in folder.iterdir())


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is written without a folder's name, is written in the test's."""
    monkeypatch.chdir(tmp_path)


def test_file_is_replaced_and_is_its_owners(tmp_path: Path) -> None:
    """By one that is new or was there before; nothing else is left."""
    path = tmp_path / "receipt.json"
    for content in (b"one", b"two"):
        with whole_file(path) as write:
            write(content)
        assert path.read_bytes() == content
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names_in(tmp_path) == ["receipt.json"]


def test_link_stays_and_what_it_names_is_replaced(tmp_path: Path) -> None:
    """In a folder of its own, be it there or not."""
    (tmp_path / "there").mkdir()
    link, target = tmp_path / "link", tmp_path / "there" / "receipt.json"
    link.symlink_to("there/receipt.json")
    for content in (b"one", b"two"):
        with whole_file(link) as write:
            write(content)
        assert link.is_symlink()
        assert (target.read_bytes(), target.is_symlink()) == (content, False)


def test_pipe_is_refused_and_stays(tmp_path: Path) -> None:
    """Itself, or by a link to it: /dev/stdout is one."""
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to("pipe")
    for output in (Path("pipe"), Path("link")):
        assert refusal_of(output) == (
            f"--cose: '{output}': cannot be written: a pipe or a device, and no file: name a file"
        )
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert link.is_symlink()
    assert names_in(tmp_path) == ["link", "pipe"]


def test_folder_and_link_to_itself_are_refused(tmp_path: Path) -> None:
    """In the system's words."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    assert "Is a directory" in refusal_of(tmp_path / "folder")
    assert "cannot be written" in refusal_of(tmp_path / "loop")
    assert (tmp_path / "loop").is_symlink()


def test_hyphen_is_no_file(tmp_path: Path) -> None:
    """Whoever writes it means standard output."""
    assert refusal_of(Path("-")) == ("--cose: '-': cannot be written: a file's name is needed, and - is none")
    assert names_in(tmp_path) == []


def test_block_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    """Whole."""
    path = tmp_path / "receipt.json"
    path.write_text("before")
    with pytest.raises(ValueError, match="x"), whole_file(path) as write:
        write(b"half")
        raise ValueError("x")
    assert path.read_text() == "before"
    assert names_in(tmp_path) == ["receipt.json"]
