"""troth consent status, history, overdue and register: what is typed, what is printed.

each as text and as --json · terms by short name, IRI and * · times · bad input by option
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import typer
from support.defaults import START
from support.shelf import ANN, Shelf, days
from typer.testing import CliRunner

from troth.cli import consent_status
from troth.cli.session import Session
from troth.consent import status as module
from troth.errors import BadInput
from troth.office import Office
from troth.store import Store

ID = f"0x{ANN.hex()}"
WHOLE = ("--purpose", "Marketing", "--recipient", "acme", "--category", "Contact")
KEYS = {
    "subject",
    "purpose",
    "recipient",
    "category",
    "state",
    "permitted",
    "effective",
    "recorded",
    "expires",
}


class AtShelf(Session):
    """A session in an office that is open already."""

    def __init__(self, shelf: Shelf) -> None:
        super().__init__({}, verbose=False)
        self.__dict__["at"] = shelf

    @contextmanager
    def office(self) -> Iterator[Office]:
        """That one."""
        yield cast(Office, self.__dict__["at"])


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """An empty index."""
    with Store.open(f"sqlite:///{tmp_path}/troth.db") as store:
        yield Shelf(store)


def run(shelf: Shelf, *arguments: str) -> str:
    """What a command prints on stdout. Raises what it raises."""
    app = typer.Typer()
    consent_status.register(app)
    done = CliRunner().invoke(app, arguments, obj=AtShelf(shelf), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def listed(shelf: Shelf, *arguments: str) -> list[dict[str, Any]]:
    """The list that a command prints as JSON."""
    found = json.loads(run(shelf, *arguments, "--json"))
    assert isinstance(found, list)
    return found


def refused(shelf: Shelf, *arguments: str) -> str:
    """The line that bad input gets."""
    with pytest.raises(BadInput) as caught:
        run(shelf, *arguments)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_status_prints_a_list_of_answers_as_json(shelf: Shelf) -> None:
    """Times in ISO 8601, hashes in 0x-hex, the decision as key and number."""
    decision = shelf.decide(effective=START - days(1), expires=START + days(1))
    (answer,) = listed(shelf, "status", "--subject", ID, *WHOLE)
    assert answer.keys() > KEYS
    assert (answer["subject"], answer["decision"], answer["state"]) == (ID, decision, "given")
    assert (answer["permitted"], answer["effective"]) == (True, "2025-12-31T00:00:00Z")
    assert (answer["recorded"], answer["expires"]) == ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")
    assert answer["scope"] == {"purpose": "Marketing", "recipient": "acme", "category": "Contact"}
    assert (answer["evidence"][:2], len(answer["transaction"])) == ("0x", 66)


def test_status_of_nothing_is_unknown_for_a_whole_question_and_empty_for_an_open_one(shelf: Shelf) -> None:
    """As JSON, and in words."""
    (answer,) = listed(shelf, "status", "--subject", ID, *WHOLE)
    assert (answer["state"], answer["permitted"], answer["decision"]) == ("unknown", False, None)
    assert listed(shelf, "status", "--subject", ID) == []
    assert run(shelf, "status", "--subject", ID) == "Nothing is on record.\n"


def test_status_in_words_is_a_line_an_answer(shelf: Shelf) -> None:
    """With the times, if any were asked for."""
    shelf.decide()
    shelf.decide("refused", "* * *")
    lines = run(shelf, "status", "--subject", ID).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "All purposes by all recipients of all data",
        "Marketing by acme of Contact",
    ]
    (line,) = run(shelf, "status", "--subject", ID, *WHOLE, "--at", "2026-01-01T01:00:00+01:00").splitlines()
    assert line.startswith(
        "On 2026-01-01T00:00:00Z, as known on 2026-01-01T00:00:00Z: "
        "Marketing by acme of Contact: NOT PERMITTED. Refused on "
    )


def test_status_takes_iris_and_stars(shelf: Shelf) -> None:
    """As well as short names."""
    shelf.decide(of="Marketing * Contact")
    (answer,) = listed(
        shelf, "status", "--subject", ID, "--purpose", "https://w3id.org/dpv#Marketing", "--recipient", "*"
    )
    assert (answer["purpose"], answer["recipient"], answer["permitted"]) == ("Marketing", "*", True)


def test_status_by_the_times_asked(shelf: Shelf) -> None:
    """In force then, as known then."""
    shelf.decide(effective=START - days(3), recorded=START - days(1))
    asked = ("status", "--subject", ID, *WHOLE, "--at", "2025-12-30T00:00:00Z")
    assert listed(shelf, *asked)[0]["state"] == "given"
    assert listed(shelf, *asked, "--known", "2025-12-30T23:59:59Z")[0]["state"] == "unknown"


@pytest.mark.parametrize(
    ("arguments", "place", "reason"),
    [
        (("--at", "2999-01-01T00:00:00Z"), "--at", "lies ahead"),
        (("--known", "2999-01-01T00:00:00Z"), "--known", "lies ahead"),
        (("--at", "2026-01-01T00:00:00"), "--at", "no time zone"),
        (("--known", "yesterday"), "--known", "not a time"),
        (("--purpose", "Marketting"), "--purpose", "did you mean Marketing"),
        (("--recipient", "a b"), "--recipient", "a name of at most 64"),
        (("--category", ""), "--category", "empty category"),
    ],
)
def test_bad_input_is_refused_with_its_option(
    shelf: Shelf, arguments: tuple[str, str], place: str, reason: str
) -> None:
    """A line that names option, value and rule."""
    said = refused(shelf, "status", "--subject", ID, *arguments)
    assert said.startswith(f"{place}: {arguments[1]!r}: ") or not arguments[1]
    assert place in said
    assert reason in said


@pytest.mark.parametrize("command", ["status", "history"])
def test_bad_subject_is_refused(shelf: Shelf, command: str) -> None:
    """An id with a digit missing."""
    assert refused(shelf, command, "--subject", ID[:-1]).startswith("--subject: ")


def test_onchain_asks_the_contract(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not the index, which has another answer."""
    shelf.decide()
    asked = []

    def findings(_office: Office, *question: object) -> tuple[dict[Any, Any], dict[int, str], int]:
        asked.append(question)
        return {}, {}, 0

    monkeypatch.setattr(module.chain, "findings", findings)
    assert listed(shelf, "status", "--subject", ID, *WHOLE, "--onchain") == []
    assert [question[0] for question in asked] == [ANN]


def test_history_shows_every_decision_and_what_corrects_what_k1(shelf: Shelf) -> None:
    """As a table and as JSON."""
    shelf.decide()
    denial = shelf.decide("withdrawn", expires=START + days(9))
    shelf.decide("invalidated", corrects=1)
    shelf.honour(denial, "acme")
    entries = listed(shelf, "history", "--subject", ID)
    assert [(one["number"], one["corrects"], one["corrected_by"]) for one in entries] == [
        (1, None, 3),
        (2, None, None),
        (3, 1, None),
    ]
    assert entries[1]["honoured"] == [
        {"recipient": "acme", "honoured_at": "2026-01-01T00:00:00Z", "evidence": None}
    ]
    first, second, third = run(shelf, "history", "--subject", ID, *WHOLE).splitlines()[-4:-1]
    assert "corrected by #3" in first
    assert "2026-01-10T00:00:00Z" in second
    assert "honoured by acme since 2026-01-01T00:00:00Z" in second
    assert "corrects #1" in third


def test_history_shows_what_a_grant_ends_with(shelf: Shelf) -> None:
    """And when it did."""
    shelf.decide(event="urn:uuid:1")
    assert " urn:uuid:1 " in run(shelf, "history", "--subject", ID)
    shelf.happen("urn:uuid:1", START - 60)
    assert " urn:uuid:1, 2025-12-31T23:59:00Z " in run(shelf, "history", "--subject", ID)


def test_overdue_lists_denials_with_the_days_left(shelf: Shelf) -> None:
    """Dates as dates; the subject by reference or by id."""
    shelf.decide("withdrawn", effective=START - days(20))
    (one,) = listed(shelf, "overdue")
    assert (one["due"], one["days_left"], one["missing"]) == ("2025-12-26", -4, ["acme"])
    assert (one["requested"], one["channel"]) == ("2025-12-12T00:00:00Z", "recorded-call")
    row = run(shelf, "overdue").splitlines()[-2]
    assert row.split()[:2] == ["-4", "2025-12-26"]
    assert ID in row
    assert listed(Shelf(shelf.store, clock=START - days(30)), "overdue") == []


def test_register_shows_what_is_processed_on_which_basis(shelf: Shelf) -> None:
    """How many allow it, and until when at the latest."""
    shelf.decide(expires=START + days(9), notice="urn:troth:notice:1", basis="contract")
    (one,) = listed(shelf, "register")
    assert (one["purpose"], one["basis"], one["granted"], one["denied"]) == ("Marketing", "contract", 1, 0)
    assert (one["latest_expiry"], one["notices"]) == ("2026-01-10T00:00:00Z", ["urn:troth:notice:1"])
    assert "2026-01-10T00:00:00Z" in run(shelf, "register")
    shelf.decide(of="Marketing beta *")
    assert "1 without a date" in run(shelf, "register")
