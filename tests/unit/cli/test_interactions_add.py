"""troth interactions add, show, amend, list: what is typed, what is printed, and how it exits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import Suite
from support.office import Desk, desk_of
from support.queued import accepted, line, prove_queue
from support.terminal import Terminal

from troth.cli.interactions import app
from troth.errors import BadInput
from troth.identity import erasure, subjects
from troth.interactions import streams

CDR = "uniqueid,start,src,dst\n1700.1,2026-01-03 10:00:00,100,200\n1700.2,2026-01-03 10:00:01,anonymous,200\n"


@pytest.fixture
def desk(suite: Suite, tmp_path: Path) -> Iterator[Desk]:
    """The insurer's, with a stream."""
    with desk_of(suite, tmp_path / "desk") as made:
        streams.create(made.office, "calls")
        yield made


@pytest.fixture
def terminal(desk: Desk) -> Terminal:
    """The command line there."""
    return Terminal(app, desk.office)


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """One of three records, and one whose second is refused and whose third is another's id."""
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    good.write_bytes(b"\n".join(line(n, f"C-{n}") for n in range(3)) + b"\n")
    bad.write_bytes(
        b"\n".join([line(5, "C-5"), b'{"id": 1, "id": 2}', line(1, "C-1", text="x"), line(2, "C-2")])
    )
    return str(good), str(bad)


ADD = ("add", "--stream", "calls")


def test_add_says_what_became_of_each_record(terminal: Terminal, files: tuple[str, str]) -> None:
    """Counts on stdout; again, all are repeated."""
    assert terminal.ran(*ADD, files[0]) == (
        "accepted  3\nrepeated  0\nerased    0\nrefused   0\nleft out  0\n",
        "",
    )
    told = terminal.json(*ADD, files[0])
    counts = {"accepted": 0, "repeated": 3, "erased": 0, "refused": 0, "left_out": 0}
    assert told == {
        "stream": "calls",
        **counts,
        "files": [{"file": files[0], **counts}],
        "problems": [],
    }
    prove_queue(terminal.office)


def test_add_takes_a_file_whole_or_not_at_all(terminal: Terminal, files: tuple[str, str]) -> None:
    """The others are taken; reasons on stderr with their places; exit 2."""
    said, complained = terminal.ran(*ADD, files[1], files[0], code=2)
    assert said == "accepted  3\nrepeated  0\nerased    0\nrefused   1\nleft out  3\n"
    assert complained.startswith(f"{files[1]}:2: ") and "--keep-going" in complained
    assert accepted(terminal.office) == 3
    told = terminal.json(*ADD, *files, code=2)
    assert [one["left_out"] for one in told["files"]] == [0, 1]
    assert [(one["file"], one["line"]) for one in told["problems"]] == [(files[1], 2), (files[1], 3)]
    assert [one["repeated"] for one in told["files"]] == [3, 1]


def test_add_tells_apart_the_ids_of_erased_records(terminal: Terminal, files: tuple[str, str]) -> None:
    """Neither repeated nor refused: a file sent again after an erasure is taken as far as it can be."""
    terminal.run(*ADD, files[0])
    erasure.erase(terminal.office, subjects.resolve(terminal.office, "C-1"))
    said, complained = terminal.ran(*ADD, files[0])
    assert said == "accepted  0\nrepeated  2\nerased    1\nrefused   0\nleft out  0\n"
    assert complained.startswith("erased: their ids are of records erased since; not taken.")
    told = terminal.json(*ADD, files[0])
    assert (told["repeated"], told["erased"], told["refused"]) == (2, 1, 0)
    assert told["files"][0]["erased"] == 1


def test_add_keeps_going_where_told(terminal: Terminal, files: tuple[str, str]) -> None:
    """It takes what is sound, and still exits with 2."""
    told = terminal.json(*ADD, *files, "--keep-going", code=2)
    assert (told["accepted"], told["repeated"], told["refused"], told["left_out"]) == (4, 1, 2, 0)
    assert accepted(terminal.office) == 4


def test_add_shows_twenty_reasons_and_counts_the_rest(terminal: Terminal, tmp_path: Path) -> None:
    """All of a hundred in JSON."""
    path = tmp_path / "bad.jsonl"
    path.write_text("[]\n" * 150)
    _, complained = terminal.ran(*ADD, str(path), code=2)
    assert complained.count(f"{path}:") == 21
    assert complained.endswith(f"{path}: ... and 130 more refused\n")
    told = terminal.json(*ADD, str(path), code=2)
    assert (told["refused"], len(told["problems"])) == (150, 100)


def test_add_counts_what_it_does_not_show_by_file(terminal: Terminal, tmp_path: Path) -> None:
    """Of twenty files; of those beyond, together."""
    paths = [tmp_path / f"{n}\x1b.jsonl" for n in range(25)]
    for n, path in enumerate(paths):
        path.write_text("[]\n" * (2 if n else 19))
    _, complained = terminal.ran(*ADD, *map(str, paths), code=2)
    lines, shown = complained.splitlines(), str(tmp_path / "{}\N{REPLACEMENT CHARACTER}.jsonl")
    assert [one.partition(": ")[0] for one in lines[18:21]] == [
        f"{shown.format(0)}:19",
        f"{shown.format(1)}:1",
        shown.format(1),
    ]
    assert lines[20:] == [
        f"{shown.format(1)}: ... and 1 more refused",
        *(f"{shown.format(n)}: ... and 2 more refused" for n in range(2, 21)),
        "... and 8 more refused, in 4 more of the files",
    ]


def test_add_takes_a_night_without_calls(terminal: Terminal, files: tuple[str, str], tmp_path: Path) -> None:
    """A header alone, or nothing: said, and no failure."""
    header, nothing = tmp_path / "calls.csv", tmp_path / "chats.jsonl"
    header.write_text(CDR.partition("\n")[0] + "\n")
    nothing.touch()
    said, complained = terminal.ran(*ADD, str(header), files[0], str(nothing))
    assert said.startswith("accepted  3\n")
    assert complained == (f"{header}: empty: no record in it\n{nothing}: empty: no record in it\n")
    assert terminal.json(*ADD, str(header))["accepted"] == 0


@pytest.mark.parametrize("keep_going", [(), ("--keep-going",)])
def test_add_refuses_a_directory_and_a_file_that_is_not_there(
    terminal: Terminal, tmp_path: Path, keep_going: tuple[str, ...]
) -> None:
    """By name, like what is refused inside of files."""
    told = terminal.json(*ADD, str(tmp_path), str(tmp_path / "none.jsonl"), *keep_going, code=2)
    assert [one["file"] for one in told["problems"]] == [str(tmp_path), str(tmp_path / "none.jsonl")]
    assert (told["accepted"], told["refused"]) == (0, 2)


def test_add_reads_call_detail_records_by_the_column_told(terminal: Terminal, tmp_path: Path) -> None:
    """The caller by default, or who was called; the format by name where the file's does not tell."""
    path = tmp_path / "cdr.txt"
    path.write_text(CDR)
    told = terminal.json(*ADD, str(path), "--format", "cdr", "--customer-column", "dst")
    assert told["accepted"] == 2
    who = subjects.resolve(terminal.office, "200")
    assert {one for one, _ in prove_queue(terminal.office)} == {who}
    assert terminal.json(*ADD, str(path), "--format", "cdr")["repeated"] == 2


def test_add_refuses_what_it_does_not_know(terminal: Terminal, files: tuple[str, str]) -> None:
    """A format, a stream: by option."""
    assert terminal.refused(*ADD, files[0], "--format", "xml") == (
        "--format: 'xml': write auto, vcon, cdr, jsonl"
    )
    assert terminal.refused("add", files[0], "--stream", "cals").startswith(
        "--stream: 'cals': no such stream"
    )
    assert accepted(terminal.office) == 0


def test_progress_goes_from_file_to_file_by_bytes(
    terminal: Terminal, files: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to all there are; none for machines."""
    from contextlib import contextmanager  # noqa: PLC0415

    from troth.cli import interactions  # noqa: PLC0415

    told: list[tuple[int, int]] = []

    @contextmanager
    def progress(what: str, *, quiet: bool) -> Iterator[object]:
        told.append((0, int(quiet)))
        yield lambda done, whole: told.append((done, whole))

    monkeypatch.setattr(interactions, "progress", progress)
    terminal.run(*ADD, *files, "--keep-going", code=2)
    first, both = (Path(files[0]).stat().st_size, sum(Path(one).stat().st_size for one in files))
    assert told == [(0, 0), (first, both), (both, both)]
    terminal.json(*ADD, *files, code=2)
    assert told[3] == (0, 1)


def test_show_tells_one_in_words_and_json(terminal: Terminal, files: tuple[str, str], tmp_path: Path) -> None:
    """By id or index, with what amends it."""
    terminal.run(*ADD, files[0])
    path = tmp_path / "more.jsonl"
    path.write_bytes(line(9, "C-1", text="better"))
    assert terminal.run("amend", "call-1", str(path), "--stream", "calls") == "#3 of calls amends #1\n"
    assert terminal.json("amend", "#1", str(path), "--stream", "calls") == {
        "stream": "calls",
        "index": 3,
        "amends": 1,
    }
    words = dict(
        each.split(None, 1) for each in terminal.run("show", "call-1", "--stream", "calls").splitlines()
    )
    assert (words["index"], words["id"], words["/id"]) == ("#1", "call-1", '"call-1"')
    assert (words["amended"], words["batch"], words["previous"]) == ("by  #3", "waits", "none")
    told = terminal.json("show", "#3", "--stream", "calls")
    assert (told["amends"], told["amended_by"], told["source"]) == (1, [], "call-9")
    assert json.loads(told["raw"])["text"] == "better"
    assert told["previous"] == terminal.json("show", "#1", "--stream", "calls")["record"]
    assert "RECORD: no such record" in terminal.refused("show", "#4", "--stream", "calls")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (line(8, "C-1") + b"\n" + line(9, "C-1"), "more than one record: an amendment is one"),
        (b"[]", "amendment.jsonl:1:"),
        (line(8, "C-2"), "not about the customer of #1, which it amends"),
    ],
)
def test_amend_refuses_what_is_not_one_record(
    terminal: Terminal, files: tuple[str, str], tmp_path: Path, *, content: bytes, words: str
) -> None:
    """And nothing is queued."""
    terminal.run(*ADD, files[0])
    path = tmp_path / "amendment.jsonl"
    path.write_bytes(content)
    assert words in terminal.refused("amend", "#1", str(path), "--stream", "calls")
    assert accepted(terminal.office) == 3


def test_list_says_whom_it_does_not_know(terminal: Terminal, files: tuple[str, str]) -> None:
    """On stderr: a mistyped id has no interactions, as one who never called."""
    unknown, known = "0x" + "ab" * 32, f"0x{subjects.new(terminal.office).subject.hex()}"
    said, complained = terminal.ran("list", "--subject", unknown)
    assert ("batch" in said, complained) == (True, "this database knows no such subject\n")
    said, complained = terminal.ran("list", "--subject", unknown, "--json")
    assert json.loads(said) == {"subject": unknown, "interactions": []}
    assert complained == "this database knows no such subject\n"
    assert terminal.ran("list", "--subject", known)[1] == ""


def test_help_says_what_a_shell_would_take_otherwise(terminal: Terminal) -> None:
    """A # begins a comment, and - is no pipe here."""
    assert "'#INDEX'" in terminal.run("show", "--help")
    assert "files, no pipe and no -." in " ".join(terminal.run("add", "--help").split())


def test_list_tells_all_of_a_subject(terminal: Terminal, files: tuple[str, str]) -> None:
    """By reference or id; what is erased says so."""
    terminal.run(*ADD, files[0])
    told = terminal.json("list", "--subject", "C-1")
    who = told["subject"]
    assert [(one["stream"], one["index"], one["source"]) for one in told["interactions"]] == [
        ("calls", 1, "call-1")
    ]
    assert "call-1" in terminal.run("list", "--subject", who)
    erasure.erase(terminal.office, bytes.fromhex(who[2:]))
    words = terminal.run("list", "--subject", who)
    assert "call-1" not in words and "erased" in words and "erasure" in words
    shown = terminal.run("show", "#1", "--stream", "calls")
    assert "erased" in shown and "bytes" not in shown
    with pytest.raises(BadInput):
        subjects.resolve(terminal.office, "C-1")
