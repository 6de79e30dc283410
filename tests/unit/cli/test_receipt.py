"""troth receipt make, verify: what is written, said, and refused.

make
├── each kind: the file is the receipt, whole, for its owner only; what it holds is said, or printed as JSON
├── --cose: a second file · of another kind, or the receipt's own: refused, and nothing is written
├── a survey, while records wait: how many, on stderr
├── a day, or a time with its zone, to the second
├── an option that is missing, or does not go with the kind: each is named
└── what cannot be made, or written: refused, and what was there before stays
verify
├── at --rpc · by --commitment · at the office's own node, which is named · with neither: said so
├── the node that is configured is down, or serves another chain: not checked
├── refused: exit 1 and why · unreadable, or called wrongly: exit 2
└── it is the verifier's own file
"""

from __future__ import annotations

import json
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import cbor2
import pytest
from support import Suite
from support import handmade_receipts as by_hand
from support.doubles import FakeNode, RpcError
from support.filed import NAME, Filed, contact, file_stream
from support.handmade_receipts import hexed, subject
from support.office import Desk
from support.terminal import Terminal

from troth import verify_receipt
from troth.cli import main
from troth.cli.receipt import app
from troth.identity import subjects

ANNA = hexed(subject(1))
OTHER = hexed(subject(2))


@pytest.fixture
def filed(desk: Desk) -> Filed:
    """Three records in two batches."""
    part = [contact(1, source="a", outcome="solved"), contact(2, source="b")]
    return file_stream(desk, [part, [contact(1, source="c")]])


@pytest.fixture
def at(filed: Filed) -> Terminal:
    """The insurer's terminal."""
    filed.desk.office.signer = filed.desk.who.signer
    return Terminal(app, filed.desk.office)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a receipt goes."""
    return tmp_path / "receipt.json"


def make(file: Path, *words: str) -> list[str]:
    """The command's words."""
    return ["make", *words, "--stream", NAME, "-o", str(file)]


# --- make


def test_inclusion_is_written_and_told(at: Terminal, filed: Filed, file: Path) -> None:
    """The file is the receipt to the byte, and nobody else's to read."""
    told = at.run(*make(file, "a", "--kind", "inclusion"))
    assert file.read_bytes() == by_hand.written(filed.model.inclusion(0))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert told.split("\n")[:4] == ["kind     inclusion", "stream   calls", "batches  1", "records  #0"]
    assert f"receipt  {file}" in told
    assert at.ran(*make(file, "#0", "--kind", "inclusion"))[1] == ""


def test_disclosure_shows_the_fields_named(at: Terminal, filed: Filed, file: Path) -> None:
    """Joined by commas."""
    at.run(*make(file, "a", "--kind", "disclosure", "--fields", "/outcome,link,"))
    assert file.read_bytes() == by_hand.written(filed.model.disclosure(0, ["link", "/outcome"]))


def test_completeness_is_of_a_subject_by_reference_too(at: Terminal, filed: Filed, file: Path) -> None:
    """And what waits is counted, beside the data."""
    filed.add([contact(1, source="d"), contact(2, source="e")])
    told, beside = at.ran(*make(file, "--subject", ANNA, "--kind", "completeness"))
    assert file.read_bytes() == by_hand.written(filed.model.completeness(subject(1)))
    assert beside == "2 records of stream calls wait to be anchored: the receipt does not speak of them\n"
    assert told.split("\n")[2:4] == ["batches  1 to 2", "records  #0, #2"]
    at.run(*make(file, "--subject", ANNA, "--kind", "completeness", "--fields", "/id"))
    assert '"text": "\\"a\\""' in file.read_text(encoding="utf-8")
    made = at.json(*make(file, "--subject", ANNA, "--kind", "completeness"))
    expected = {"kind": "completeness", "stream": NAME, "batches": [1, 2], "records": [0, 2], "uncovered": 2}
    assert made == {**expected, "receipt": str(file), "cose": None}


def test_absence_is_of_days_or_times(at: Terminal, filed: Filed, file: Path) -> None:
    """A day begins at midnight, UTC; a reference names the subject."""
    subjects.new(filed.desk.office, "C-7")
    words = ["--subject", "C-7", "--kind", "absence"]
    at.run(*make(file, *words, "--from", "2025-12-01", "--until", "2025-12-24T13:30:00+01:00"))
    made = json.loads(file.read_text())
    assert (made["from"], made["until"]) == ("2025-12-01T00:00:00Z", "2025-12-24T12:30:00Z")
    assert "C-7" not in file.read_text()


def test_cose_receipt_is_written_beside(at: Terminal, file: Path) -> None:
    """By the name given."""
    cose = file.with_suffix(".cose")
    told = at.run(*make(file, "a", "--kind", "inclusion", "--cose", str(cose)))
    assert cbor2.loads(cose.read_bytes()).tag == 18
    assert stat.S_IMODE(cose.stat().st_mode) == 0o600
    assert f"cose     {cose}" in told


@pytest.mark.parametrize("same", ["receipt.json", "../here/receipt.json", "link/receipt.json", "alias.json"])
def test_cose_receipt_does_not_take_the_place_of_the_receipt(at: Terminal, tmp_path: Path, same: str) -> None:
    """However the one file is named: nothing is written, and what was there stays."""
    here = tmp_path / "here"
    here.mkdir()
    file = here / "receipt.json"
    file.write_text("before")
    (here / "link").symlink_to(here)
    (here / "alias.json").symlink_to(file)
    said = at.refused(*make(file, "a", "--kind", "inclusion", "--cose", f"{here}/{same}"))
    assert said == "--cose: is the file of --output: name another"
    assert file.read_text() == "before"
    assert sorted(one.name for one in here.iterdir()) == ["alias.json", "link", "receipt.json"]


def test_nothing_is_written_if_nobody_may_sign(at: Terminal, suite: Suite, file: Path) -> None:
    """Neither file."""
    at.office.signer = suite["stranger"].signer
    said = at.refused(*make(file, "a", "--kind", "inclusion", "--cose", str(file.with_suffix(".cose"))))
    assert said.startswith("--cose: 0x")
    assert [one.name for one in file.parent.iterdir()] == ["desk"]


@pytest.mark.parametrize(
    ("words", "places"),
    [
        (["--kind", "exclusion"], ["--kind"]),
        (["--kind", "inclusion"], ["RECORD"]),
        (["--kind", "disclosure"], ["RECORD", "--fields"]),
        (["--kind", "absence"], ["--subject", "--from", "--until"]),
        (["--kind", "completeness"], ["--subject"]),
        (["a", "--kind", "inclusion", "--fields", "/id"], ["--fields"]),
        (["a", "--kind", "inclusion", "--subject", ANNA, "--from", "2026-01-01"], ["--subject", "--from"]),
        (["a", "--kind", "disclosure", "--fields", "/id", "--cose", "x"], ["--cose"]),
        (["a", "--kind", "completeness", "--subject", ANNA], ["RECORD"]),
        (["--kind", "completeness", "--subject", ANNA, "--until", "2026-01-01"], ["--until"]),
        (["--kind", "absence", "--subject", ANNA, "--from", "soon", "--until", "2026-01-01"], ["--from"]),
        (
            ["--kind", "absence", "--subject", ANNA, "--from", "2026-13-01", "--until", "2026-01-01"],
            ["--from"],
        ),
        (
            [
                "--kind",
                "absence",
                "--subject",
                ANNA,
                "--from",
                "2026-01-01",
                "--until",
                "2026-01-01T00:00:00",
            ],
            ["--until"],
        ),
    ],
)
def test_options_that_are_missing_or_too_many_are_named(
    at: Terminal, file: Path, words: list[str], places: list[str]
) -> None:
    """All of them, each on a line."""
    said = at.refused(*make(file, *words))
    assert [line.split(":")[0] for line in said.splitlines()] == places
    assert not file.exists()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["z", "--kind", "inclusion"], "RECORD: no such record in calls"),
        (
            ["a", "--kind", "disclosure", "--fields", "/nothing"],
            "--fields: no field '/nothing'; there are link",
        ),
        (["a", "--kind", "disclosure", "--fields", ","], "--fields: name those to show"),
        (["--kind", "completeness", "--subject", "C-9"], "--subject: no subject has this customer reference"),
        (
            ["--kind", "completeness", "--subject", hexed(subject(9))],
            "--subject: this database knows no such",
        ),
        (
            ["--kind", "absence", "--subject", ANNA, "--from", "2026-01-02", "--until", "2026-01-01"],
            "--until: ends on 2026-01-01T00:00:00Z and begins on 2026-01-02T00:00:00Z",
        ),
        (
            ["--kind", "absence", "--subject", ANNA, "--from", "2026-01-01", "--until", "2026-01-02"],
            "--from: there was contact in this period: #0, #2",
        ),
    ],
)
def test_receipt_that_cannot_be_made_leaves_what_was_there(
    at: Terminal, file: Path, words: list[str], reason: str
) -> None:
    """One clear line."""
    file.write_text("before")
    assert at.refused(*make(file, *words)).startswith(reason)
    assert file.read_text() == "before"
    assert sorted(one.name for one in file.parent.iterdir()) == ["desk", "receipt.json"]


def test_receipt_of_an_unknown_stream_is_refused(at: Terminal, file: Path) -> None:
    """Naming those there are."""
    said = at.refused("make", "a", "--stream", "call", "--kind", "inclusion", "-o", str(file))
    assert said == "--stream: 'call': no such stream; there is calls"


def test_receipt_goes_nowhere_that_cannot_be_written(at: Terminal, file: Path) -> None:
    """No such folder."""
    said = at.refused(*make(file / "receipt.json", "a", "--kind", "inclusion"))
    assert said.startswith("--output: ")
    assert "cannot be written" in said


# --- verify


@pytest.fixture
def receipt(at: Terminal, file: Path) -> Path:
    """Of the last record, made."""
    at.run(*make(file, "c", "--kind", "inclusion"))
    return file


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home without a chain, and no settings from around."""
    monkeypatch.setenv("TROTH_HOME", str(tmp_path / "home"))
    for name in ("TROTH_RPC", "TROTH_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def url_of(suite: Suite) -> str:
    """The address of the chain's node."""
    return suite.node.url


def test_verify_asks_the_node_that_is_named(
    receipt: Path, suite: Suite, capsys: pytest.CaptureFixture[str]
) -> None:
    """And says what is proved, in the verifier's words."""
    assert main(["receipt", "verify", str(receipt), "--rpc", url_of(suite)]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("PROVED\n")
    assert told.err == ""


def test_verify_takes_a_commitment(
    receipt: Path,
    filed: Filed,
    suite: Suite,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And asks nobody, not even the office's own node."""
    monkeypatch.setenv("TROTH_RPC", url_of(suite))
    (word,) = suite.streams.call("commitments", filed.number, 2, 2)
    assert main(["receipt", "verify", str(receipt), "--commitment", hexed(word)]) == 0
    assert capsys.readouterr().out.startswith("PROVED\n")
    assert main(["receipt", "verify", str(receipt), "--commitment", "0x" + "00" * 32]) == 1
    assert "REFUSED" in capsys.readouterr().err


def test_verify_asks_the_offices_own_node_and_names_it(
    receipt: Path, suite: Suite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without what is secret in its address."""
    monkeypatch.setenv("TROTH_RPC", f"{url_of(suite)}/?key=secret")
    assert main(["receipt", "verify", str(receipt)]) == 0
    told = capsys.readouterr()
    assert told.err == f"the chain is asked at this office's own node, {url_of(suite)}\n"
    assert told.out.startswith("PROVED\n")


def test_verify_says_that_no_chain_was_asked(receipt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor is more said to be proved than is."""
    assert main(["receipt", "verify", str(receipt)]) == 0
    told = capsys.readouterr()
    assert told.err == "the chain is not asked: no node is up; name one with --rpc\n"
    assert told.out.startswith("NOT PROVED YET: SOUND IN ITSELF, BUT COMPARED WITH NO CHAIN\n")


def test_verify_does_not_do_without_the_node_that_is_configured(
    receipt: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If it is down, nothing is checked, as where it is asked for by name."""
    gone = FakeNode(lambda *_: None)
    gone.close()
    monkeypatch.setenv("TROTH_RPC", gone.url.replace("//", "//ann:secret@"))
    unchecked = f"NOT CHECKED: {gone.url}: the node does not answer: ConnectionRefusedError\n"
    assert main(["receipt", "verify", str(receipt)]) == 2
    asked = f"the chain is asked at this office's own node, {gone.url}\n"
    assert capsys.readouterr() == ("", asked + unchecked)
    assert main(["receipt", "verify", str(receipt), "--rpc", gone.url]) == 2
    assert capsys.readouterr() == ("", unchecked)


def test_verify_does_not_check_by_a_node_that_answers_with_errors(
    receipt: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is not up either."""

    def refuses(*_: object) -> None:
        raise RpcError(-32601, "no")

    with closing(FakeNode(refuses)) as with_errors:
        monkeypatch.setenv("TROTH_RPC", with_errors.url)
        assert main(["receipt", "verify", str(receipt)]) == 2
    assert f"NOT CHECKED: {with_errors.url}: the node refuses: 'no'\n" in capsys.readouterr().err


def test_verify_asks_the_embedded_chain_while_it_is_up(
    receipt: Path, suite: Suite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And does not do without it once it has said that it is."""
    running = type("Running", (), {"url": url_of(suite)})
    monkeypatch.setattr("troth.chain.anvil.status", lambda _: running)
    assert main(["receipt", "verify", str(receipt)]) == 0
    told = capsys.readouterr()
    assert told.err == f"the chain is asked at this office's own node, {url_of(suite)}\n"
    assert told.out.startswith("PROVED\n")


def test_verify_does_not_check_by_a_node_of_another_chain(
    receipt: Path, suite: Suite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Though it has the same contract at the same address."""

    def elsewhere(method: str, params: list[Any]) -> Any:
        return "0x1" if method == "eth_chainId" else suite.node.call(method, params)

    with closing(FakeNode(elsewhere)) as other:
        monkeypatch.setenv("TROTH_RPC", other.url)
        assert main(["receipt", "verify", str(receipt)]) == 2
    assert (
        f"NOT CHECKED: {other.url}: the node serves chain 1, and the receipt is of" in capsys.readouterr().err
    )


def test_verify_help_says_what_0_means_without_a_node(capsys: pytest.CaptureFixture[str]) -> None:
    """In the command's help and in the verifier's own."""
    assert main(["receipt", "verify", "--help"]) == 0
    assert "sound in itself, and not that it is on any chain" in " ".join(capsys.readouterr().out.split())
    with pytest.raises(SystemExit):
        verify_receipt.main(["--help"])
    assert "sound in itself, and not that it is on any chain" in " ".join(capsys.readouterr().out.split())


def test_verify_refuses_a_receipt_that_was_changed(
    receipt: Path, suite: Suite, capsys: pytest.CaptureFixture[str]
) -> None:
    """With exit code 1, naming the place."""
    receipt.write_text(receipt.read_text().replace('"index": 2', '"index": 1'))
    assert main(["receipt", "verify", str(receipt), "--rpc", url_of(suite)]) == 1
    told = capsys.readouterr()
    assert told.err.startswith("REFUSED: ")
    assert told.out == ""


def test_verify_of_no_receipt_is_a_wrong_call(tmp_path: Path, receipt: Path) -> None:
    """No such file, a folder, no commitment: exit code 2."""
    for words in (["none"], [str(tmp_path)], [str(receipt), "--commitment", "0x1"]):
        assert main(["receipt", "verify", *words]) == 2


def test_verify_says_how_it_is_called(receipt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By its whole name, also where it is the verifier that finds an option wrong."""
    assert main(["receipt", "verify", str(receipt), "--rpc", "nowhere"]) == 2
    assert capsys.readouterr().err.startswith("usage: troth receipt verify [-h]")


def test_verify_takes_a_file_whose_name_begins_with_a_hyphen(
    receipt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no option to the verifier either."""
    monkeypatch.chdir(receipt.parent)
    receipt.rename("-x")
    assert main(["receipt", "verify", "--", "-x"]) == 0


def test_verify_is_the_verifiers_own_file() -> None:
    """Not another of the same words."""
    here = Path(verify_receipt.__file__ or "").resolve()
    assert here == Path(__file__).parents[3] / "verifier" / "verify_receipt.py"


def test_make_with_one_subject_of_many_records_counts_them(at: Terminal, filed: Filed, file: Path) -> None:
    """In place of a list that nobody reads."""
    filed.add([contact(1, source=f"m-{number}") for number in range(11)])
    filed.anchor()
    told = at.run(*make(file, "--subject", ANNA, "--kind", "completeness"))
    assert told.split("\n")[3] == "records  13"
    assert at.json(*make(file, "--subject", OTHER, "--kind", "completeness"))["records"] == [1]
