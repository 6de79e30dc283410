"""troth consent receipt, export, terms: what is printed, written and refused.

receipt
├── a decision, by 0xKEY#NUMBER · by subject and question, if one decision settles it
├── several settle it · none does · neither decision nor subject · unknown terms: refused, nothing written
├── --controller, or controller.toml in the home: a whole record; else a line on stderr says what is missing
└── --with-ref: the customer reference, by which the subject may be named too
export
├── of a subject · of all · to standard output · to a file, whole or not at all, for its owner only
└── what cannot be written, or breaks on the way: refused, what was there before stays
terms: a table · JSON · searched · of one kind · of no kind: refused
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import typer
from support import Suite
from support.consents import (
    ALL,
    GERMANY,
    NOTICE,
    SERVICE,
    SUBJECT,
    WITHDRAWN,
    Entry,
    defined,
    key_of,
    record_for,
)
from support.office import Desk, desk_of
from support.records import check
from typer.testing import CliRunner, Result

from troth import files
from troth.cli import consent_export
from troth.cli.session import Session
from troth.consent import export as exports
from troth.consent.receipts import decision_id
from troth.errors import BadInput
from troth.identity import subjects
from troth.office import Office

WHOLE = Entry(notice=NOTICE, jurisdiction=GERMANY)
ID = f"0x{SUBJECT.hex()}"
CONTROLLER = """
name = "Acme SE"
address = "Weg 1, Berlin"
contact = "dpo@acme.example"
language = "de"
storage_locations = ["DE"]
retention_period = "P5Y"
withdrawal = "https://acme.example/no"
"""


class OpenSession(Session):
    """A session whose office is open already."""

    open_office: Office

    @contextmanager
    def office(self) -> Iterator[Office]:
        """That one."""
        yield self.open_office


@pytest.fixture
def desk(suite: Suite, tmp_path: Path) -> Iterator[Desk]:
    """The insurer's, with the terms defined."""
    defined(suite)
    with desk_of(suite, tmp_path / "desk") as made:
        yield made


def run(desk: Desk | None, *arguments: object) -> Result:
    """A command of the group; what it raises is raised."""
    app = typer.Typer(rich_markup_mode=None)
    consent_export.register(app)
    session = OpenSession({}, verbose=False)
    if desk is not None:
        object.__setattr__(session, "open_office", desk.office)
    return CliRunner().invoke(app, [str(one) for one in arguments], obj=session, catch_exceptions=False)


def document(result: Result) -> dict[str, Any]:
    """What a command printed, after every validator has passed it."""
    assert result.exit_code == 0
    found: dict[str, Any] = json.loads(result.stdout)
    check(found)
    return found


# --- receipt


def test_receipt_of_a_decision_is_printed(desk: Desk, suite: Suite) -> None:
    """As JSON-LD, with what is missing said beside it."""
    record_for(suite, WHOLE)
    decision = decision_id(key_of(), 1)
    result = run(desk, "receipt", decision)
    assert document(result)["receipt_id"] == decision
    assert result.stderr == (
        "not a whole ISO/IEC TS 27560 record: no language, storage_locations, retention_period, "
        "withdrawal_method, party_name, party_address, party_contact\n"
    )
    assert document(run(desk, "receipt", decision, "--subject", ID))["receipt_id"] == decision


def test_receipt_of_what_settles_a_question_is_printed(desk: Desk, suite: Suite) -> None:
    """The one on the scope asked, or a wider one that settles it."""
    record_for(suite, WHOLE, Entry(purpose=SERVICE))
    asked = ("receipt", "--subject", ID, "--recipient", "insurer", "--category", "health", "--purpose")
    first = document(run(desk, *asked, "marketing"))
    assert first["receipt_id"] == decision_id(key_of(), 1)
    record_for(suite, Entry(purpose=ALL, recipient=ALL, category=ALL, state=WITHDRAWN))
    wider = document(run(desk, *asked, "marketing"))
    assert wider["receipt_id"] == decision_id(key_of(scope=(0, 0, 0)), 1)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "DECISION: name a decision, or a --subject"),
        (("--purpose", "marketing"), "DECISION: name a decision, or a --subject"),
        (("--subject", ID, "--purpose", "markting"), "--purpose: 'markting': unknown purpose; did you mean"),
        (("--subject", ID, "--recipient", "a b"), "--recipient: 'a b': write *, an IRI, or a name"),
        (("--subject", ID, "--category", "dpv:x"), "--category: 'dpv:x': unknown category in dpv:"),
        (
            ("--subject", f"0x{'ab' * 32}"),
            "DECISION: no decision on record of this subject has a bearing on it",
        ),
        (("--subject", ID, "--purpose", "verification"), "DECISION: no decision on record of this subject"),
        (("--subject", ID), "DECISION: 2 decisions settle it, each a part; name one of 0x"),
        (("7",), "DECISION: '7': no decision: write 0xKEY#NUMBER"),
        ((decision_id(key_of(), 9),), "no such decision on record"),
    ],
)
def test_receipt_of_no_one_decision_is_refused(
    desk: Desk, suite: Suite, tmp_path: Path, arguments: tuple[str, ...], line: str
) -> None:
    """And no file is written."""
    record_for(suite, WHOLE, Entry(purpose=SERVICE))
    with pytest.raises(BadInput) as refused:
        run(desk, "receipt", *arguments, "-o", tmp_path / "receipt.json")
    assert line in str(refused.value)
    assert not (tmp_path / "receipt.json").exists()


def test_receipt_is_whole_with_the_controllers_file(desk: Desk, suite: Suite, tmp_path: Path) -> None:
    """The one named, or the home's; a broken one is refused wherever it is."""
    record_for(suite, WHOLE)
    named = tmp_path / "acme.toml"
    named.write_text(CONTROLLER)
    result = run(desk, "receipt", decision_id(key_of(), 1), "--controller", named)
    (record,) = document(result)["consent_records"]
    assert (record["party_identification"][0]["party_name"], result.stderr) == ("Acme SE", "")
    usual = desk.home / "controller.toml"
    usual.write_text(CONTROLLER.replace("Acme", "Home"))
    (record,) = document(run(desk, "receipt", decision_id(key_of(), 1)))["consent_records"]
    assert record["party_identification"][0]["party_name"] == "Home SE"
    usual.write_text("name = 1")
    with pytest.raises(BadInput, match="not text"):
        run(desk, "receipt", decision_id(key_of(), 1))


def test_receipt_names_the_customer_only_if_asked(desk: Desk, suite: Suite) -> None:
    """By the reference by which they were asked for."""
    subject = subjects.new(desk.office, "Ångström, C-1").subject
    record_for(suite, WHOLE, subject=subject)
    asked = ("receipt", "--subject", "Ångström, C-1", "--purpose", "*", "--recipient", "insurer")
    decision = decision_id(key_of(subject), 1)
    bare = run(desk, "receipt", decision, "--subject", "Ångström, C-1")
    assert "ngstr" not in bare.stdout + bare.stderr
    shown = document(run(desk, "receipt", decision, "--with-ref"))
    assert shown["consent_records"][0]["pii_principal"]["customer_reference"] == "Ångström, C-1"
    with pytest.raises(BadInput, match="no decision on record"):
        run(desk, *asked, "--category", "contact")


# --- export


def test_export_prints_everybodys_records_or_a_subjects(desk: Desk, suite: Suite) -> None:
    """With a count on stderr."""
    record_for(suite, WHOLE, WHOLE)
    record_for(suite, WHOLE, subject=b"\x07" * 32)
    result = run(desk, "export")
    assert len(document(result)["@graph"]) == 2
    lacking = result.stderr.splitlines()
    assert lacking[0] == "records: 2, decisions: 3"
    assert lacking[1].startswith(
        "not whole ISO/IEC TS 27560 records: 2, for want of language, storage_locations"
    )
    (record,) = document(run(desk, "export", "--subject", ID))["@graph"]
    assert record["pii_principal"]["pii_principal_id"] == ID


def test_export_says_nothing_is_missing_where_nothing_is(desk: Desk, suite: Suite) -> None:
    """One line."""
    record_for(suite, WHOLE)
    (desk.home / "controller.toml").write_text(CONTROLLER)
    assert run(desk, "export").stderr == "records: 1, decisions: 1\n"


def test_export_writes_a_file_for_its_owner_only(desk: Desk, suite: Suite, tmp_path: Path) -> None:
    """In the place of one that was there, and leaves nothing else behind."""
    subject = subjects.new(desk.office, "C-1").subject
    record_for(suite, WHOLE, subject=subject)
    folder = tmp_path / "out"
    folder.mkdir()
    path = folder / "consents.jsonld"
    path.write_text("before")
    result = run(desk, "export", "--with-ref", "-o", path)
    assert (result.stdout, list(folder.iterdir())) == ("", [path])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = json.loads(path.read_text())
    check(found)
    assert found["@graph"][0]["pii_principal"]["customer_reference"] == "C-1"


def test_export_leaves_what_was_there_if_it_breaks(
    desk: Desk, suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No half of a file takes its place."""
    record_for(suite, WHOLE)
    path = tmp_path / "consents.jsonld"
    path.write_text("before")

    def breaks(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(exports, "consent_record", breaks)
    assert run(desk, "export", "-o", path).exit_code != 0
    assert path.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["consents.jsonld"]


def test_a_full_disk_is_refused(
    desk: Desk, suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line; nothing is left of what was written."""
    record_for(suite, WHOLE)

    def full(handle: int, *_: object, **__: object) -> Any:
        os.close(handle)
        return Path("/dev/full").open("wb")

    monkeypatch.setattr(files.os, "fdopen", full)
    with pytest.raises(BadInput, match="cannot be written: No space left on device"):
        run(desk, "export", "-o", tmp_path / "consents.jsonld")
    assert [one.name for one in tmp_path.iterdir()] == ["desk"]


@pytest.mark.parametrize("command", [("export",), ("receipt", decision_id(key_of(), 1))])
def test_a_place_that_cannot_be_written_is_refused(
    desk: Desk, suite: Suite, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """No such folder; a folder by that name."""
    record_for(suite, WHOLE)
    for place in (tmp_path / "nowhere" / "file", desk.home):
        with pytest.raises(BadInput, match="cannot be written") as refused:
            run(desk, *command, "-o", place)
        assert str(refused.value).startswith("--output: ")
    assert [one.name for one in tmp_path.iterdir()] == ["desk"]


# --- terms


def test_terms_are_listed() -> None:
    """Without any office: kind, name and IRI."""
    result = run(None, "terms", "direct-marketing")
    words = [one for one in result.stdout.split() if set(one) != {"─"}]
    assert words[:4] == ["kind", "name", "stands", "for"]
    assert words[4:] == ["purpose", "DirectMarketing", "https://w3id.org/dpv#DirectMarketing"]


def test_terms_are_json_of_one_kind() -> None:
    """For a machine."""
    found = json.loads(run(None, "terms", "--kind", "jurisdiction", "--json").stdout)["terms"]
    assert {"kind": "jurisdiction", "name": "DE", "iri": "https://w3id.org/dpv/loc#DE"} in found
    assert {one["kind"] for one in found} == {"jurisdiction"}
    everything = json.loads(run(None, "terms", "--json").stdout)["terms"]
    assert {one["kind"] for one in everything} == {"purpose", "category", "jurisdiction"}


def test_terms_of_no_kind_are_refused() -> None:
    """Naming the kinds."""
    with pytest.raises(BadInput, match="--kind: 'colour': write purpose, category, jurisdiction"):
        run(None, "terms", "--kind", "colour")
