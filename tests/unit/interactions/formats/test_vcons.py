"""vCons of every version: whose, when and under which name, and each one that is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from troth.errors import Problem
from troth.interactions import records
from troth.interactions.formats import LONGEST_RECORD, Received, read, reread
from troth.interactions.formats.vcon import VERSIONS

UUID = "018e4f1c-7a52-8d1e-9c40-5f2b6a7d3e11"
TEN = 1772359200
VCON: dict[str, Any] = {
    "vcon": "0.4.0",
    "uuid": UUID,
    "created_at": "2026-03-01T10:00:00Z",
    "parties": [{"tel": "+12025550143"}, {"mailto": "desk@insurer.example"}],
    "dialog": [],
}

Put = Callable[..., Path]
Taken = Callable[..., list[Received]]
Refused = Callable[..., Problem]


def vcon(*without: str, **members: Any) -> str:
    """A vCon, but for the members given and those left out."""
    return json.dumps({name: value for name, value in {**VCON, **members}.items() if name not in without})


def test_vcon_is_one_record_of_its_file(put: Put, taken: Taken) -> None:
    """By its uuid, with the whole file as it is, however it is laid out."""
    text = "\n " + json.dumps(VCON, indent=2) + "\n"
    path = put(text, "call.vcon.json")
    assert taken(path) == [
        Received(
            source=UUID,
            customer="+12025550143",
            start=TEN,
            kind="vcon",
            raw=text.encode(),
            fields=records.flatten(VCON),
            file=str(path),
            line=None,
            end=len(text),
        )
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_vcon_is_read_in_every_version(put: Put, taken: Taken, version: str) -> None:
    """From the first draft to the last that numbered them."""
    assert taken(put(vcon(vcon=version), "a.vcon"))[0].source == UUID


def test_vcon_needs_no_version_any_more(put: Put, taken: Taken) -> None:
    """As the current draft has it."""
    assert taken(put(vcon("vcon"), "a.json"))[0].source == UUID


@pytest.mark.parametrize("version", ["0.0.3", "1.0.0", "", None, 4, ["0.4.0"]])
def test_vcon_is_refused_in_a_version_nobody_knows(put: Put, refused: Refused, version: Any) -> None:
    """Naming those that are known."""
    problem = refused(put(vcon(vcon=version), "a.vcon"))
    assert problem.column == "/vcon"
    assert all(each in problem.reason for each in VERSIONS)


def test_uuid_names_the_vcon_in_lower_case(put: Put, taken: Taken) -> None:
    """One vCon has one name."""
    assert taken(put(vcon(uuid=UUID.upper()), "a.vcon"))[0].source == UUID


@pytest.mark.parametrize("uuid", [None, "", "1", UUID + "0", "{" + UUID + "}", 7])
def test_vcon_is_refused_without_a_uuid(put: Put, refused: Refused, uuid: Any) -> None:
    """Missing, or none."""
    assert refused(put(vcon(uuid=uuid), "a.vcon")).column == "/uuid"
    assert refused(put(vcon("uuid"), "a.vcon")).column == "/uuid"


@pytest.mark.parametrize("name", ["a.json", "a.vcon"])
def test_indented_object_is_refused_that_is_no_vcon(put: Put, refused: Refused, name: str) -> None:
    """It is told how such records are written: not that it lacks what a vCon has."""
    text = json.dumps({"id": "1", "subject": "C-1", "start": 0}, indent=2)
    problem = refused(put(text, name))
    assert (problem.line, problem.column) == (1, None)
    assert problem.reason == (
        "no vCon, which has a uuid and parties: of other records, write one object a line"
    )


def test_vcon_starts_with_its_earliest_dialog(put: Put, taken: Taken) -> None:
    """They stand in no order; created_at only where none has a start."""
    dialog = [{"start": "2026-03-01T12:00:00Z"}, {}, {"start": "2026-03-01T11:30:00+01:00"}]
    assert taken(put(vcon(dialog=dialog), "a.vcon"))[0].start == TEN + 1800
    assert taken(put(vcon(dialog=[{}]), "a.vcon"))[0].start == TEN
    assert taken(put(vcon("created_at", dialog=dialog), "a.vcon"))[0].start == TEN + 1800


@pytest.mark.parametrize(
    ("members", "column"),
    [
        ({"dialog": [{}, {"start": "2026-03-01"}]}, "/dialog/1/start"),
        ({"created_at": "Sun, 1 Mar 2026 10:00:00 GMT"}, "/created_at"),
        ({"dialog": {"start": "2026-03-01T12:00:00Z"}}, "/dialog"),
        ({"dialog": ["2026-03-01T12:00:00Z"]}, "/dialog"),
        ({"attachments": "x"}, "/attachments"),
        ({"analysis": [1]}, "/analysis"),
    ],
)
def test_vcon_is_refused_whose_parts_are_of_another_form(
    put: Put, refused: Refused, members: dict[str, Any], column: str
) -> None:
    """With the JSON Pointer of the part."""
    assert refused(put(vcon(**members), "a.vcon")).column == column


def test_vcon_is_refused_without_any_time(put: Put, refused: Refused) -> None:
    """Neither a dialog's nor its own."""
    assert refused(put(vcon("created_at", "dialog"), "a.vcon")).column == "/created_at"


@pytest.mark.parametrize(
    ("party", "customer"),
    [
        ({"tel": "tel:+1-202-555-0143"}, "+12025550143"),
        ({"tel": " TEL:+1 (202) 555.0143;ext=7 "}, "+12025550143;ext=7"),
        ({"mailto": "Ada@Example.ORG"}, "Ada@example.org"),
        ({"mailto": "MAILTO:ada@EXAMPLE.org?subject=x"}, "ada@example.org"),
        ({"mailto": "Ada Example <ada@Example.org>"}, "ada@example.org"),
        ({"tel": "", "mailto": "ada@example.org"}, "ada@example.org"),
        ({"mailto": "ada@example.org", "tel": "+1"}, "+1"),
        ({"name": "Ada", "sip": "sip:ada@example.org"}, "sip:ada@example.org"),
        ({"did": "did:example:ada"}, "did:example:ada"),
        ({"uuid": UUID, "did": " "}, UUID),
        ({"name": "Anonymous"}, None),
    ],
)
def test_customer_is_known_by_telephone_else_mail_else_other(
    put: Put, taken: Taken, party: dict[str, str], customer: str | None
) -> None:
    """In one form, however it is written; who is anonymous, is nobody."""
    assert taken(put(vcon(parties=[party]), "a.vcon"))[0].customer == customer


def test_customer_is_the_party_with_that_role_else_the_first(put: Put, taken: Taken) -> None:
    """In any case of letters."""
    parties: list[dict[str, Any]] = [
        {"tel": "1", "role": "agent"},
        {"tel": "2", "role": "Customer"},
        {"tel": "3"},
    ]
    assert taken(put(vcon(parties=parties), "a.vcon"))[0].customer == "2"
    assert taken(put(vcon(parties=parties[::2]), "a.vcon"))[0].customer == "1"


@pytest.mark.parametrize(
    ("parties", "column"),
    [
        ([], "/parties"),
        (None, "/parties"),
        ({"tel": "1"}, "/parties"),
        (["+12025550143"], "/parties"),
        ([{}], "/parties/0"),
        ([{"name": "Ada Example"}], "/parties/0"),
        ([{"tel": "1"}, {"role": "customer", "name": "Ada Example"}], "/parties/1"),
        ([{"tel": 12025550143}], "/parties/0/tel"),
        ([{"mailto": "x" * 201}], "/parties/0/mailto"),
        ([{"sip": "a\u0001"}], "/parties/0/sip"),
    ],
)
def test_vcon_is_refused_without_a_customer(put: Put, refused: Refused, parties: Any, column: str) -> None:
    """And what is said of one is not shown."""
    problem = refused(put(vcon(parties=parties), "a.vcon"))
    assert (problem.column, problem.value) == (column, None)
    assert "Ada" not in str(problem)


@pytest.mark.parametrize(
    ("document", "word"),
    [
        ({"payload": "e30", "signatures": [{"header": {}, "protected": "e30", "signature": "x"}]}, "signed"),
        ({"unprotected": {}, "recipients": [], "iv": "", "ciphertext": "x", "tag": "x"}, "encrypted"),
    ],
)
@pytest.mark.parametrize("name", ["a.vcon", "a.json"])
def test_vcon_is_refused_signed_or_encrypted(
    put: Put, refused: Refused, document: dict[str, Any], word: str, name: str
) -> None:
    """Saying which, and what to give instead."""
    problem = refused(put(json.dumps(document), name))
    assert word in problem.reason


@pytest.mark.parametrize("name", ["critical", "must_support"])
def test_vcon_is_refused_that_needs_an_extension(put: Put, taken: Taken, refused: Refused, name: str) -> None:
    """As the drafts demand of whoever does not know it; extensions that may be ignored are."""
    assert refused(put(vcon(**{name: ["redaction"]}), "a.vcon")).column == f"/{name}"
    assert taken(put(vcon(**{name: [], "extensions": ["cc"]}), "a.vcon"))


def test_vcon_is_refused_beyond_the_limit_of_a_record(put: Put, refused: Refused) -> None:
    """And says where large media go."""
    dialog = [{"start": TEN, "body": "x" * LONGEST_RECORD, "encoding": "base64url"}]
    assert "content_hash" in refused(put(vcon(dialog=dialog), "a.vcon")).reason


@pytest.mark.parametrize(
    ("text", "line", "rule"),
    [
        (vcon()[:-1], 1, "not JSON"),
        ('{"vcon":"0.4.0",\n"uuid":\n}', 3, "not JSON"),
        ("\ufeff" + vcon(), 1, "byte order mark"),
        (vcon() + "\n" + vcon(), 1, "more than one JSON text"),
        (vcon(a={"b": 1}).replace('"b": 1', '"b": 1, "b": 1'), 1, "twice"),
        (" \n", 2, "not JSON"),
    ],
)
def test_vcon_is_refused_that_is_not_one_json_text(
    put: Put, refused: Refused, text: str, line: int, rule: str
) -> None:
    """With the line."""
    problem = refused(put(text, "a.vcon"))
    assert problem.line == line
    assert rule in problem.reason


def test_vcon_is_read_again_from_its_bytes(put: Put, taken: Taken) -> None:
    """The same fields, in the same order."""
    (found,) = taken(put(vcon(dialog=[{"start": TEN, "parties": [0, 1], "body": "é"}]), "a.vcon"))
    again = reread("vcon", found.raw)
    assert list(again.fields.items()) == list(found.fields.items())
    assert (again.source, again.customer, again.start) == (found.source, found.customer, found.start)


def test_conversation_of_the_example_is_read() -> None:
    """examples/conversation.vcon.json, as the README uses it."""
    (found,) = read(Path(__file__).parents[4] / "examples" / "conversation.vcon.json")
    assert isinstance(found, Received)
    assert found.customer == "+12025550143"
