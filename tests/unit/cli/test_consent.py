"""`troth consent` record, import, correct, cap, close, honour, request, pause: from words to the record.

The use cases have tests of their own; here is what the command line adds: options that need or exclude each
other, texts turned into values with the option named, and what is printed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support import Suite
from support.consents import bound
from support.defaults import DAY, START
from support.office import Desk, desk_of
from typer.testing import CliRunner

from troth.cli.consent import app
from troth.cli.session import Session
from troth.consent.intake import COLUMNS
from troth.errors import BadInput, TrothError
from troth.identity import subjects
from troth.intake import iso_second
from troth.office import Office

SCOPE = ("--purpose", "Marketing", "--recipient", "broker", "--category", "Contact")
SAID = (*SCOPE, "--state", "given", "--basis", "consent", "--method", "recorded-call")
WHO = ("--subject", "C-1")


class AtDesk(Session):
    """A session whose office is open already."""

    def __init__(self, office: Office) -> None:
        super().__init__({}, verbose=False)
        object.__setattr__(self, "opened", office)

    @contextmanager
    def office(self) -> Iterator[Office]:
        """That office."""
        yield self.__dict__["opened"]


class Terminal:
    """Runs commands at somebody's office."""

    def __init__(self, office: Office) -> None:
        self.office = office

    def run(self, *words: str) -> str:
        """What the command prints, ending well."""
        result = CliRunner().invoke(app, words, obj=AtDesk(self.office), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *words: str) -> dict[str, Any]:
        """The same with --json."""
        return json.loads(self.run(*words, "--json"))

    def refused(self, *words: str) -> str:
        """What a command that the user got wrong complains of."""
        with pytest.raises(TrothError) as caught:
            CliRunner().invoke(app, words, obj=AtDesk(self.office), catch_exceptions=False)
        assert isinstance(caught.value, BadInput), caught.value
        return str(caught.value)


@pytest.fixture
def desk(suite: Suite, tmp_path: Path) -> Iterator[Desk]:
    """The insurer's, with every role."""
    with desk_of(suite, tmp_path / "desk") as made:
        subjects.new(made.office, "C-1")
        yield made


@pytest.fixture
def at(desk: Desk) -> Terminal:
    """Its terminal."""
    return Terminal(desk.office)


# --- record


def test_record_says_what_is_on_record(at: Terminal) -> None:
    """For machines with --json, times in ISO 8601 and states in words."""
    subject = subjects.resolve(at.office, "C-1")
    said = at.json(
        "record",
        *WHO,
        *SAID,
        "--effective",
        iso_second(START - DAY),
        "--expires",
        iso_second(START + DAY),
        "--jurisdiction",
        "DE",
    )
    assert said["subject"] == f"0x{subject.hex()}"
    assert said["decision"].endswith("#1")
    assert (said["state"], said["basis"], said["method"]) == ("given", "consent", "recorded-call")
    assert (said["effective"], said["expires"]) == (iso_second(START - DAY), iso_second(START + DAY))
    assert (said["recorded"], said["corrects"], said["number"]) == (iso_second(START), None, 1)
    assert said["gas_used"] > 21_000
    assert len(said["transaction"]) == len(said["evidence"]) == 66


def test_record_says_it_to_people_too(at: Terminal) -> None:
    """A fact a line."""
    printed = at.run("record", *WHO, *SAID)
    assert [line.split()[0] for line in printed.splitlines()] == [
        "decision",
        "state",
        "effective",
        "recorded",
        "transaction",
    ]


def test_record_takes_documents_and_a_claim(at: Terminal, tmp_path: Path) -> None:
    """Each by its option; closing the claim ends it."""
    (tmp_path / "notice.txt").write_text("We will.")
    (tmp_path / "call.txt").write_text("Yes.")
    documents = ("--notice", str(tmp_path / "notice.txt"), "--evidence", str(tmp_path / "call.txt"))
    assert at.json("record", *WHO, *SAID, *documents, "--expires-with", "CLAIM-7")["expires"] is None
    assert "closed 2026-01-01T00:00:00Z; transaction 0x" in at.run("close", "CLAIM-7")
    assert at.json("close", "CLAIM-7")["already"] is True
    assert "closed before" in at.run("close", "CLAIM-7")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("record", *SAID), "--subject: missing: give this option"),
        (("record", *WHO, *SCOPE), "--state: missing: give this option\n--basis: missing"),
        (
            ("record", *WHO, *SAID, "--purpose", "Marketting"),
            "--purpose: 'Marketting': unknown purpose; did you",
        ),
        (("record", *WHO, *SAID, "--recipient", "a b"), "--recipient: 'a b': write *, an IRI"),
        (("record", *WHO, *SAID, "--category", "x"), "--category: 'x': unknown category"),
        (("record", *WHO, *SAID, "--state", "agreed"), "--state: 'agreed': unknown: write requested"),
        (("record", *WHO, *SAID, "--state", "invalidated"), "--state: 'invalidated': only a correction"),
        (("record", *WHO, *SAID, "--basis", "x"), "--basis: 'x': unknown: write consent"),
        (("record", *WHO, *SAID, "--method", "wallet"), "--method: 'wallet': only the subject's own key"),
        (("record", *WHO, *SAID, "--jurisdiction", "x"), "--jurisdiction: 'x': unknown jurisdiction"),
        (
            ("record", *WHO, *SAID, "--effective", "2025-01-01T00:00:00"),
            "--effective: '2025-01-01T00:00:00': no",
        ),
        (
            ("record", *WHO, *SAID, "--effective", "2099-01-01T00:00:00Z"),
            "--effective: '2099-01-01T00:00:00Z': in",
        ),
        (
            ("record", *WHO, *SAID, "--expires", "2025-01-01T00:00:00Z"),
            "--expires: '2025-01-01T00:00:00Z': expires",
        ),
        (("record", *WHO, *SAID, "--expires", "soon"), "--expires: 'soon': not a time"),
        (("record", *WHO, *SAID, "--notice", "/none"), "--notice: '/none': no such file"),
        (("record", *WHO, *SAID, "--evidence", "/none"), "--evidence: '/none': no such file"),
        (("record", "--subject", "C-2", *SAID), "--subject: no subject has this customer reference"),
        (
            ("record", *WHO, *SAID, "--expires-with", "K", "--expires", "2099-01-01T00:00:00Z"),
            "--expires-with: a decision ends at a time or with a claim",
        ),
        (("record", *WHO, *SAID, "--signature", "0x"), "--signature: only with --request"),
        (("record", *WHO, *SAID, "--signer", "0x" + "12" * 20), "--signer: only with --request"),
        (("record", *WHO, *SAID, "--own"), "--method: not with --own"),
        (("record", "--request", "r.json", *WHO), "--subject: what was signed says it"),
        (("record", "--request", "r.json", "--own"), "--own: what was signed says it"),
        (("record", "--request", "r.json"), "--signature: missing: give this option"),
        (("record", "--request", "r", "--signature", "0x", "--signer", "x"), "--signer: 'x': "),
        (("cap", "--jurisdiction", "x", "--purpose", "*", "--days", "1"), "--jurisdiction: 'x': unknown"),
        (("honour", *WHO, *SCOPE, "--by", "*"), "--by: '*': name one recipient"),
        (("honour", *WHO, *SCOPE, "--by", "broker", "--at", "x"), "--at: 'x': not a time"),
        (("close", "CLAIM-7", "--at", "2025-01-01"), "--at: '2025-01-01': no time zone"),
        (("close", "CLAIM-7"), "CLAIM_REF: no consent expires with this claim"),
        (("import", "/none.csv"), "/none.csv: cannot be read: No such file"),
        (("request", "C-1", *SCOPE, "--state", "asked", "-o", "r"), "--state: 'asked': unknown"),
        (("request", "C-1", *SCOPE, "--state", "given", "-o", "r"), "--wallet: no wallet is bound"),
    ],
)
def test_bad_option_is_named_with_its_value_and_rule(
    at: Terminal, words: tuple[str, ...], complaint: str
) -> None:
    """Nothing is recorded."""
    before = at.office.node.call("eth_blockNumber")
    assert at.refused(*words).startswith(complaint)
    assert at.office.node.call("eth_blockNumber") == before


def test_own_decision_is_recorded_by_the_key_at_hand(suite: Suite, at: Terminal, tmp_path: Path) -> None:
    """The subject needs no role, and no database of the insurer's."""
    at.run("record", *WHO, *SAID)
    subject = subjects.resolve(at.office, "C-1")
    bound(suite, suite["stranger"], subject)
    with desk_of(suite, tmp_path / "own", "stranger") as own:
        words = ("--state", "withdrawn", "--basis", "consent", "--own")
        said = Terminal(own.office).json("record", "--subject", f"0x{subject.hex()}", *SCOPE, *words)
    assert (said["method"], said["state"], said["number"]) == ("wallet", "withdrawn", 2)


# --- by signature


def test_request_is_signed_elsewhere_and_recorded(suite: Suite, at: Terminal, tmp_path: Path) -> None:
    """From the file alone."""
    wallet = suite.customers[0]
    bound(suite, wallet, subjects.resolve(at.office, "C-1"))
    path, former = tmp_path / "request.json", tmp_path / "former.json"
    former.write_text("before")
    os.link(former, path)
    printed = at.run("request", "C-1", *SCOPE, "--state", "given", "-o", str(path))
    assert former.read_text() == "before"  # replaced, not rewritten: nobody is left with half a request
    assert printed == f"to be signed until 2026-01-08T00:00:00Z: {path}\n"
    content = json.loads(path.read_text())
    types = {"Statement": [(one["name"], one["type"]) for one in content["types"]["Statement"]]}
    message = {**content["message"], "nonce": int(content["message"]["nonce"])}
    message["subject"] = bytes.fromhex(message["subject"][2:])
    signature = "0x" + wallet.signer.sign_typed(content["domain"], types, message).hex()
    words = ("record", "--request", str(path), "--signature", signature, "--signer", wallet.address)
    said = at.json(*words)
    assert (said["method"], said["basis"], said["state"]) == ("signature", "explicit-consent", "given")
    assert "has used it" in at.refused(*words)


def test_request_takes_wallet_and_deadline(suite: Suite, at: Terminal, tmp_path: Path) -> None:
    """Of the two the first one may not speak."""
    wallet, other = suite.customers[:2]
    bound(suite, wallet, subjects.resolve(at.office, "C-1"))
    path = tmp_path / "request.json"
    asked = (
        "request",
        "C-1",
        *SCOPE,
        "--state",
        "refused",
        "-o",
        str(path),
        "--deadline",
        iso_second(START + 9),
    )
    assert "--wallet" in at.refused(*asked, "--wallet", other.address)
    assert not path.exists()
    at.run(*asked, "--wallet", wallet.address)
    message = json.loads(path.read_text())["message"]
    assert (message["signer"], message["deadline"], message["state"]) == (
        wallet.address,
        START + 9,
        "Refused",
    )
    assert "--output" in at.refused(*asked[:-3], str(tmp_path / "none" / "r"), *asked[-2:])


# --- import


def test_import_says_what_it_did(at: Terminal, tmp_path: Path) -> None:
    """And that it was done before."""
    path = tmp_path / "consents.csv"
    row = f"C-1,Marketing,broker,*,given,consent,paper,{iso_second(START)},,,,"
    path.write_text(",".join(COLUMNS) + f"\n{row}\n{row.replace('C-1', 'C-2')}\n")
    assert at.refused("import", str(path)).startswith(f"{path}:3: subject: no subject has this")
    printed = at.run("import", str(path), "--create")
    assert [line.split()[0] for line in printed.splitlines()] == [
        "decisions",
        "recorded",
        "recorded",
        "new",
        "transactions",
        "gas",
        "seconds",
    ]
    assert at.run("import", str(path)) == f"{path}: 2 decisions, imported before\n"
    said = at.json("import", str(path))
    assert {name: said[name] for name in ("rows", "recorded", "already", "transactions", "gas_used")} == {
        "rows": 2,
        "recorded": 0,
        "already": 2,
        "transactions": [],
        "gas_used": 0,
    }
    assert said["seconds"] >= 0


# --- around it


def test_correct_says_what_it_corrects(at: Terminal) -> None:
    """And leaves what it is not told."""
    at.run("record", *WHO, *SAID, "--expires", iso_second(START + DAY))
    said = at.json("correct", *WHO, *SCOPE, "--number", "1", "--state", "refused", "--expires", "never")
    assert (said["state"], said["corrects"], said["number"], said["expires"]) == ("refused", 1, 2, None)
    assert (said["basis"], said["method"]) == ("consent", "recorded-call")
    printed = at.run("correct", *WHO, *SCOPE, "--number", "2", "--state", "invalidated")
    assert "corrects     decision 2" in printed


def test_cap_says_what_holds(at: Terminal) -> None:
    """In the words of the user."""
    words = ("cap", "--jurisdiction", "de", "--purpose", "marketing", "--days")
    assert at.run(*words, "30").startswith("DE, Marketing: at most 30 days; transaction 0x")
    assert at.run(*words, "0").startswith("DE, Marketing: no cap; transaction 0x")


def test_honour_says_by_whom_since_when(at: Terminal) -> None:
    """And that it was on record."""
    at.run("record", *WHO, *SAID[:-6], "--state", "withdrawn", "--basis", "consent", "--method", "paper")
    words = ("honour", *WHO, *SCOPE, "--by", "broker")
    said = at.run(*words, "--number", "1", "--at", iso_second(START))
    assert said.startswith("decision 1 honoured by broker since 2026-01-01T00:00:00Z; transaction 0x")
    assert at.run(*words).endswith("since 2026-01-01T00:00:00Z; on record before\n")
    assert at.json(*words)["already"] is True


def test_pause_and_resume(at: Terminal) -> None:
    """Each says what it did."""
    assert at.run("pause").startswith("paused: only denials are recorded; transaction 0x")
    assert at.run("resume").startswith("resumed; transaction 0x")
    at.run("record", *WHO, *SAID)
