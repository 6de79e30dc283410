"""Files there whole or not at all: what takes the place of what, and what is never replaced."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from troth import files
from troth.errors import BadInput
from troth.files import whole_file, write_whole


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


def test_two_writers_at_once_are_not_in_each_others_way(tmp_path: Path) -> None:
    """Each has a draft of its own: whoever ends last stands, and neither is torn."""
    path = tmp_path / "receipt.json"
    with whole_file(path) as late:
        late(b"la")
        write_whole(path, "early")
        assert path.read_text() == "early"
        late(b"te")
    assert path.read_text() == "late"
    assert names_in(tmp_path) == ["receipt.json"]


def test_content_is_on_the_disk_before_it_has_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power cut may leave an empty file in the place of a good one."""
    path = tmp_path / "receipt.json"
    path.write_text("before")
    seen: list[tuple[str, int]] = []
    monkeypatch.setattr(
        files.os, "fsync", lambda file: seen.append((path.read_text(), os.fstat(file).st_size))
    )
    write_whole(path, "after")
    assert seen == [("before", 5)]
    assert path.read_text() == "after"


def test_refusal_names_the_file_where_no_option_does(tmp_path: Path) -> None:
    """As a place, like those that are read."""
    path = tmp_path / "nowhere" / "signed.json"
    with pytest.raises(BadInput) as caught:
        write_whole(path, "{}")
    assert str(caught.value) == f"{path}: cannot be written: No such file or directory"
