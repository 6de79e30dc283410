"""What the verifier accepts, what it says then, and how it is run.

Branches: each kind · batches, lists of subjects of 1 to 40 · a subject before, between and after those
listed · numbers from the first batch on, and from a later one · amendments · with a commitment, without
(with a node: test_verify_node) · periods, against a model · said: all of it, read aloud · run: isolated,
in an empty environment, on an ASCII terminal · escaped: what a terminal would obey.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.defaults import START
from support.handmade_receipts import (
    HOUR,
    Contact,
    Receipt,
    Roster,
    Stream,
    four_kinds,
    hexed,
    sha256,
    subject,
    word,
    written,
)

from verifier.verify_receipt import Refused, Verdict, main, verify

Accepted = Callable[..., Verdict]
LISTS = (
    "That the lists of subjects are complete, in order, and name each subject once: that is the word of "
    "whoever anchored them. A receipt from the same batches that shows otherwise proves it broken."
)
VERIFIER = Path(__file__).parents[3] / "verifier/verify_receipt.py"


@pytest.mark.parametrize("kind", ["inclusion", "disclosure", "absence", "completeness"])
def test_verify_accepts_each_kind_with_its_commitment(kind: str) -> None:
    """Each kind is proved when the last batch's commitment is the one given."""
    stream, receipt = four_kinds()[kind]
    commitment = stream.commitment(receipt["batches"][-1]["number"])
    verdict = verify(written(receipt), commitment=commitment)
    assert verdict.commitment == commitment
    assert verdict.compared == f"It is what you gave for batch {receipt['batches'][-1]['number']}."
    assert verify(written(receipt)[:-1]).compared == ""  # and the last newline may be missing


@pytest.mark.parametrize("size", range(1, 41))
def test_verify_accepts_every_record_of_batches_of_any_size(size: int) -> None:
    """Every record of a batch of each size is included, in the first batch and in one after it."""
    stream = Stream([[Contact(k) for k in range(size)]] * 2)
    for index in range(0, 2 * size, 1 if size < 12 else 7):
        assert verify(written(stream.inclusion(index)))
        assert verify(written(stream.disclosure(index, ["/id"])))


@pytest.mark.parametrize("size", range(1, 41))
def test_verify_accepts_lists_of_subjects_of_any_size(size: int) -> None:
    """Every subject listed is complete, and those not listed are absent, at either end and in between."""
    stream = Stream([[Contact(k) for k in range(size)]])
    for who in range(0, size, 1 if size < 12 else 7):
        assert verify(written(stream.completeness(subject(who))))
    roster = stream.batches[0].roster
    places = {roster.place(subject(who)): subject(who) for who in range(1000, 1400)}
    assert {0, size} <= set(places)
    for who in places.values():
        assert verify(written(stream.absence(who, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")))


def test_verify_accepts_absence_after_a_batch_before_the_period(
    late_absence: Receipt, accepted: Accepted
) -> None:
    """An absence may begin after a batch that is not surveyed."""
    first = accepted(late_absence).proved[0]
    assert first == "The period begins after batch 2 of stream 1, anchored at 2026-01-01T02:00:00Z."


def test_verify_accepts_absence_from_any_number_on(stream: Stream, accepted: Accepted) -> None:
    """Where earlier batches are not surveyed, the first number listed may be any."""
    receipt = stream.absence(subject(1), "2026-01-01T02:30:00Z", "2026-01-01T03:00:00Z", after=2)
    assert "Contact 3 is record 7" in accepted(receipt).proved[3]


def test_verify_accepts_first_batch_not_surveyed(stream: Stream, accepted: Accepted) -> None:
    """Batch 1 too may be the one before the period; its name is proved then, by the origin."""
    receipt = stream.absence(subject(9), "2026-01-01T01:00:01Z", "2026-01-01T04:00:00Z", after=1)
    assert not any("only its number" in line for line in accepted(receipt).not_proved)


def test_verify_accepts_survey_with_more_shown_than_links(stream: Stream, accepted: Accepted) -> None:
    """Records of a survey may be shown whole."""
    receipt = stream.completeness(subject(1))
    receipt["records"] = [stream.record(each["index"]) for each in receipt["records"]]
    verdict = accepted(receipt)
    assert verdict.proved[1].endswith("started 2026-01-01T00:00:00Z: whole, all 5 fields.")
    assert not any("withheld" in line for line in verdict.not_proved)


def test_verify_accepts_texts_of_all_kinds() -> None:
    """Any Unicode text a field can hold goes through its salt and its JSON unharmed."""
    raw = 'é\u2028\u0085\0\x1f\x7f\ud7ff\U0010ffff"\\/\b\f\n\r\t'
    stream = Stream([[Contact(1, document={"/é~1~0": '"ü"', "/": "1e400"}, raw=raw)]])
    assert verify(written(stream.inclusion(0)))


TIMES = st.lists(st.integers(0, 5).map(lambda hours: START + HOUR * hours), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.lists(TIMES, min_size=1, max_size=6), st.integers(-1, 6), st.integers(1, 6), st.integers(2, 4))
def test_verify_accepts_absence_exactly_if_no_contact_started(
    starts: list[list[int]], since: int, hours: int, subjects: int
) -> None:
    """An absence is proved if and only if no contact of the subject started in the period."""

    def text(seconds: int) -> str:
        return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

    batches = [
        [Contact(k % subjects, text(start)) for k, start in enumerate(each, i)]
        for i, each in enumerate(starts)
    ]
    low, high = START + HOUR * since, START + HOUR * (since + hours)
    free = not any(
        contact.who == 0 and low <= start < high
        for contacts, each in zip(batches, starts, strict=True)
        for contact, start in zip(contacts, each, strict=True)
    )
    receipt = Stream(batches).absence(subject(0), text(low), text(high))
    try:
        assert verify(written(receipt))
        proved = True
    except Refused as refused:
        assert "is of a contact within the period" in refused.why
        proved = False
    assert proved == free


# --- what is said


def test_verify_says_of_inclusion(inclusion: Receipt, stream: Stream, accepted: Accepted) -> None:
    """The whole verdict on an inclusion, with a commitment given."""
    link = stream.records[3].texts[1]
    assert str(accepted(inclusion, commitment=stream.commitment(1))) == (
        "PROVED\n"
        "  * Record 3 is in batch 1 of stream 1, anchored at 2026-01-01T01:00:00Z, and is shown as it was "
        "then: whole, all 5 fields.\n"
        f"  * 'link' is '{link}'\n"
        '  * \'raw\' is \'{"id":"c-1","outcome":"resolved"}\'\n'
        "  * '/id' is '\"c-1\"'\n"
        "  * '/outcome' is '\"resolved\"'\n"
        "COMMITMENT\n"
        f"  {stream.commitment(1)}\n"
        "  It is what you gave for batch 1.\n"
        "NOT PROVED\n"
        "  * That what you gave is on the chain.\n"
        "  * What other records and later batches hold, amendments of the above among it.\n"
        "  * That what a record says is true, its start included, or that its fields repeat `raw` rightly.\n"
        "  * That contract 0x5fbdb2315678afecb367f032d93f642f64180aa3 of chain 31337 is the right one: "
        "compare it yourself.\n"
        "  * Who the subject is: its id is a random number.\n"
        "  * The transactions named: they are pointers, and were not looked at.\n"
        "  * That the stream is called 'calls': only its number is proved."
    )


def test_verify_says_of_disclosure_what_is_withheld(disclosure: Receipt, accepted: Accepted) -> None:
    """A disclosure says how many fields are withheld, shows the others, and shortens what is long."""
    verdict = accepted(disclosure)
    assert verdict.proved[0].endswith("shown as it was then: 3 of 5 fields, 2 withheld.")
    assert verdict.proved[1].endswith("'... (216 characters)")
    assert verdict.proved[2:] == ["'/outcome' is '\"resolved\"'"]
    assert "What the withheld fields hold, or that anybody can still show them." in verdict.not_proved


def test_verify_says_that_nothing_was_compared(inclusion: Receipt, accepted: Accepted) -> None:
    """Without a node and a commitment the heading itself says that the chain was not asked."""
    lines = str(accepted(inclusion)).splitlines()
    assert lines[0] == "NOT PROVED YET: SOUND IN ITSELF, BUT COMPARED WITH NO CHAIN"
    assert "  Not compared with anything: give --rpc URL or --commitment 0x..." in lines
    assert "  * That any of this was ever anchored: without the chain, anybody can make it all up." in lines


def test_verify_says_of_completeness(completeness: Receipt, accepted: Accepted) -> None:
    """A completeness lists the contacts, and says what else there may be."""
    verdict = accepted(completeness)
    assert verdict.proved == [
        f"At the place of subject {completeness['subject']}, the lists of subjects from batch 1 of stream 1, "
        "anchored at 2026-01-01T01:00:00Z, to batch 4 of stream 1, anchored at 2026-01-01T04:00:00Z, show 4 "
        "contacts: these, each naming the one before.",
        "Contact 1 is record 0, json, started 2026-01-01T00:00:00Z: 2 of 5 fields, 3 withheld.",
        "Contact 2 is record 4, json, started 2026-01-01T00:30:00Z: 2 of 5 fields, 3 withheld.",
        "Contact 3 is record 7, json, started 2026-01-01T02:00:00Z: 2 of 5 fields, 3 withheld.",
        "Contact 4 is record 10, json, started 2026-01-01T03:00:00Z, amending record 7: 2 of 5 fields, "
        "3 withheld.",
    ]
    assert verdict.not_proved[-2:] == [
        "That there are no other contacts: anchored after batch 4, in another stream, or of another "
        "subject id, or never recorded.",
        LISTS,
    ]


def test_verify_shows_the_fields_of_a_completeness(stream: Stream, accepted: Accepted) -> None:
    """Those that were asked for, below the contact that they are of."""
    receipt = stream.completeness(subject(1))
    receipt["records"][1] = stream.record(4, ["link", "/id"])
    proved = accepted(receipt).proved
    assert proved[2].endswith("record 4, json, started 2026-01-01T00:30:00Z: 3 of 5 fields, 2 withheld.")
    assert proved[3] == """'/id' is '"c-1"'"""
    assert proved[4].startswith("Contact 3 is record 7")


def test_verify_says_of_absence(absence: Receipt, accepted: Accepted) -> None:
    """An absence names its period and what lies outside of it."""
    verdict = accepted(absence)
    assert verdict.proved[:2] == [
        f"At the place of subject {absence['subject']}, the lists of subjects from batch 1 of stream 1, "
        "anchored at 2026-01-01T01:00:00Z, to batch 4 of stream 1, anchored at 2026-01-01T04:00:00Z, show no "
        "contact that started from 2026-01-01T00:30:01Z until before 2026-01-01T02:00:00Z.",
        "They show 4 others of this subject:",
    ]
    assert (
        verdict.not_proved[-1] == "That no contact was anchored before it started, by the clock of the chain."
    )
    assert not any("only its number" in line for line in verdict.not_proved)


def test_verify_says_one_of_one(accepted: Accepted) -> None:
    """One batch, one contact, one other: no plural, and no batch named twice."""
    stream = Stream([[Contact(1)]])
    whose = f"At the place of subject {hexed(subject(1))}, the list of subjects in batch 1 of stream 1, "
    shows = f"{whose}anchored at 2026-01-01T01:00:00Z, shows"
    assert accepted(stream.completeness(subject(1))).proved[0] == f"{shows} 1 contact: this one."
    period = "2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z"
    said = accepted(stream.absence(subject(1), *period)).proved
    assert said[0] == f"{shows} no contact that started from {period[0]} until before {period[1]}."
    assert said[1] == "It shows 1 other of this subject:"


def test_verify_says_whose_word_an_amendment_is(accepted: Accepted) -> None:
    """What is amended is the record's own word, unless that record is shown too and was compared."""
    stream = Stream([[Contact(2), Contact(1, amends=0)], [Contact(1, amends=1)]])
    said = accepted(stream.completeness(subject(1))).proved
    assert ", amending, it says, record 0: " in said[1]
    assert ", amending record 1: " in said[2]


def test_verify_says_where_absence_ends_before_its_period(stream: Stream, accepted: Accepted) -> None:
    """Where the last batch is earlier than the period's end, the rest of the period is not proved."""
    receipt = stream.absence(subject(9), "2026-01-01T00:00:00Z", "2026-01-01T04:00:01Z")
    rest = "The rest of the period: the last batch was anchored before its end."
    assert accepted(receipt).not_proved[-1] == rest
    receipt["until"] = "2026-01-01T04:00:00Z"
    assert rest not in accepted(receipt).not_proved


def test_verify_says_that_name_is_not_proved_without_the_first_batch(
    late_absence: Receipt, accepted: Accepted
) -> None:
    """The name is in the origin only: what does not begin there proves the stream's number alone."""
    line = "That the stream is called 'calls': only its number is proved."
    assert line in accepted(late_absence).not_proved


def test_verify_says_times_beyond_calendars(inclusion: Receipt, accepted: Accepted) -> None:
    """A time after the year 9999 is said in seconds."""
    verdict = accepted(inclusion, lambda receipt: receipt["batches"][0].update(time=2**53 - 1))
    assert "anchored at second 9007199254740991 after 1970" in verdict.proved[0]


def test_verify_lists_a_hundred_and_counts_the_rest() -> None:
    """A long list is cut, and says so."""
    stream = Stream([[Contact(1)] * 150])
    proved = verify(written(stream.completeness(subject(1)))).proved
    assert len(proved) == 101
    assert proved[-1] == "... and 51 more."


def test_verify_cannot_see_a_list_out_of_order_and_says_so() -> None:
    """Who writes all the data can list a subject out of order, and show it present and absent by one
    commitment. So that the lists are in order is among what is not proved; the two receipts prove the lie.
    """
    stream = Stream([[Contact(k) for k in range(4)]])
    roster = Roster(stream.batches[0].roster.secret, stream.batches[0].roster.spans)
    who = roster.listed[0]
    roster.__dict__["listed"] = [*roster.listed[1:], who]
    absence = stream.absence(who, "2026-01-01T00:00:00Z", "2026-01-01T04:00:00Z")
    present = stream.completeness(who)
    for receipt, found in ((absence, {"gap": roster.gap(who)}), (present, {"entry": roster.entry(who)})):
        batch = receipt["batches"][0]
        del batch["entry"]
        batch.update(subjects=hexed(roster.word), opening=roster.opening(), **found)
    absence["records"] = []
    verdicts = [verify(written(receipt)) for receipt in (absence, present)]
    assert verdicts[0].commitment == verdicts[1].commitment
    for verdict in verdicts:
        assert verdict.not_proved.count(LISTS) == 1


def test_verify_cannot_see_a_subject_listed_twice_and_says_so() -> None:
    """Nor can it see that a subject stands in a list twice, with one contact and with two: by one commitment
    two receipts show different numbers of them. Neither may claim that those are all.
    """
    who = subject(1)
    stream = Stream([[Contact(1), Contact(1)]])
    receipts, tag = [], stream.batches[0].roster.tag(who)
    blind = stream.batches[0].roster.blind(who)
    details = [sha256(blind, (1).to_bytes(8, "big"), last.to_bytes(8, "big")) for last in (1, 2)]
    leaves = [sha256(b"\0", tag, detail) for detail in details]
    salt, root = stream.batches[0].roster.salt, sha256(b"\1", *leaves)
    for at in (0, 1):
        receipt = stream.completeness(who)
        batch = receipt["batches"][0]
        batch["subjects"] = hexed(sha256(word(2), salt, root))
        batch["opening"] = {"size": 2, "salt": hexed(salt), "root": hexed(root)}
        batch["entry"].update(index=at, last=at + 1, path=[hexed(leaves[1 - at])])
        del receipt["records"][at + 1 :]
        receipts.append(receipt)
    one, two = (verify(written(receipt)) for receipt in receipts)
    assert one.commitment == two.commitment
    assert one.proved[0].endswith("shows 1 contact: this one.")
    assert two.proved[0].endswith("shows 2 contacts: these, each naming the one before.")
    assert LISTS in one.not_proved
    assert LISTS in two.not_proved


# --- how it is run


@pytest.mark.parametrize("kind", ["inclusion", "disclosure", "absence", "completeness"])
def test_command_runs_alone_in_an_empty_environment(kind: str, tmp_path: Path) -> None:
    """The file needs no package, no setting and no directory of its own, and prints what `verify` says."""
    file = written(four_kinds()[kind][1])
    (tmp_path / "receipt.json").write_bytes(file)
    (tmp_path / "check.py").write_bytes(VERIFIER.read_bytes())
    command = [sys.executable, "-I", "-S", "-W", "error", "check.py", "receipt.json"]
    done = subprocess.run(command, cwd=tmp_path, env={}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{verify(file)}\n", "")


def test_command_imports_the_standard_library_only() -> None:
    """Nothing but the standard library is imported, and above all nothing of the receipt's maker."""
    tree = ast.parse(VERIFIER.read_text())
    named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    named |= {node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in named} <= sys.stdlib_module_names


def test_command_prints_on_a_terminal_without_unicode(tmp_path: Path) -> None:
    """Where standard output is ASCII, other letters are escaped."""
    file = tmp_path / "receipt.json"
    file.write_bytes(written(Stream([[Contact(1, document={"/id": '"ü"'})]]).inclusion(0)))
    environment = {"PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-S", str(VERIFIER), str(file)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "'/id' is '\"\\xfc\"'" in done.stdout


def test_command_prints_nothing_a_terminal_obeys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Escape sequences, line ends, direction marks of a receipt are shown, not printed; in a refusal too."""
    nasty = "\x1b[2J\r\n\x9b\u202e\u2028 PROVED"
    file = tmp_path / "receipt.json"
    receipt = Stream([[Contact(1, document={f"/{nasty}": nasty}, raw=nasty)]]).inclusion(0)
    file.write_bytes(written(receipt))
    assert main([str(file)]) == 0
    receipt[nasty] = nasty
    file.write_bytes(written(receipt))
    assert main([str(file)]) == 1
    printed = capsys.readouterr()
    for words in (printed.out, printed.err):
        assert all(letter == "\n" or letter.isprintable() for letter in words)
        assert repr(nasty)[1:-1] in words
    assert printed.err.count("\n") == 1


def test_command_refuses_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A refusal is exit code 1, and one line on standard error: what fails, and where."""
    file = tmp_path / "receipt.json"
    file.write_bytes(written(four_kinds()["inclusion"][1]).replace(b"resolved", b"rejected"))
    assert main([str(file)]) == 1
    assert capsys.readouterr() == (
        "",
        "REFUSED: $.checksum: is not the file's: something in it was altered\n",
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("missing", "No such file or directory"),
        (".", "Is a directory"),
        ("a\0b", "embedded null byte"),
        ("a" * 300, "File name too long"),
    ],
)
def test_command_says_what_cannot_be_read(
    name: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is no readable file is exit code 2, and one line."""
    monkeypatch.chdir(tmp_path)
    assert main([name]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert f" cannot be read: {why}\n" in line


def test_command_refuses_to_read_two_gigabytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file beyond the limit is not parsed, and not read to its end."""
    file = tmp_path / "receipt.json"
    with file.open("wb") as opened:
        opened.truncate(2 * 1024**3)
    assert main([str(file)]) == 2
    assert capsys.readouterr().err.endswith(" is larger than a receipt can be: 268435456 bytes\n")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ([], "RECEIPT"),
        (["a", "b"], "unrecognized"),
        (["a", "--rp", "http://localhost"], "unrecognized"),
        (["a", "--rpc", "http://localhost", "--commitment", "0x" + 64 * "0"], "not allowed with"),
        (["a", "--commitment", "0x1234"], "64 lower-case"),
        (["a", "--rpc", "localhost:8545"], "http://"),
        (["a", "--rpc", "file:///etc/passwd"], "http://"),
        (["a", "--rpc", "http://"], "http://"),
        (["a", "--rpc", "http://[::1"], "http://"),
        (["a", "--rpc", "http://local host"], "http://"),
        (["a", "--rpc", ""], "http://"),
    ],
)
def test_command_says_how_it_is_called(
    options: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Called wrongly it is exit code 2, with the reason, and the name it is called by."""
    with pytest.raises(SystemExit) as stopped:
        main(options, prog="troth receipt verify")
    assert stopped.value.code == 2
    told = capsys.readouterr().err
    assert why in told
    assert told.startswith("usage: troth receipt verify [-h]")
