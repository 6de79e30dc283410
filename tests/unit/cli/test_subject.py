"""troth subject and troth sign: what is typed, what is printed.

new · bind, in two steps · unbind · verify, revoke · represent, dismiss · show · dossier · erase, asked
each with --json; bad input by option, and nothing sent
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import typer
from support import Actor, Suite
from support.office import Desk, desk_of
from typer.testing import CliRunner

from troth.cli import sign, subject
from troth.cli.session import Session
from troth.errors import BadInput
from troth.office import Office

BROKER = "0x" + "11" * 20


class AtDesk(Session):
    """A session in an office that is open already."""

    def __init__(self, office: Office) -> None:
        super().__init__({}, verbose=False)
        self.__dict__["at"] = office

    @contextmanager
    def office(self) -> Iterator[Office]:
        """That office, left open."""
        yield self.__dict__["at"]


class Terminal:
    """Somebody typing commands at a desk."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.app = desk, typer.Typer()
        subject.register(self.app)
        sign.register(self.app)

    def run(self, *arguments: str, typed: str | None = None) -> Any:
        """A command. Raises what it raises."""
        return CliRunner().invoke(
            self.app, arguments, obj=AtDesk(self.desk.office), catch_exceptions=False, input=typed
        )

    def says(self, *arguments: str) -> str:
        """What a command that succeeds prints on stdout."""
        done = self.run(*arguments)
        assert done.exit_code == 0, done.output
        return done.stdout

    def told(self, *arguments: str) -> Any:
        """The same with --json, read."""
        return json.loads(self.says(*arguments, "--json"))


@pytest.fixture
def terminal(suite: Suite, tmp_path: Path) -> Iterator[Terminal]:
    """The insurer's."""
    with desk_of(suite, tmp_path / "desk") as desk:
        yield Terminal(desk)


@pytest.fixture
def who(terminal: Terminal) -> str:
    """The id of customer C-1."""
    return terminal.says("subject", "new", "--ref", "C-1").strip()


def test_new_prints_the_id_alone(terminal: Terminal) -> None:
    """For a script to take; a reference known already is refused, and its subject named."""
    first = terminal.says("subject", "new", "--ref", "C-1")
    assert len(bytes.fromhex(first.strip().removeprefix("0x"))) == 32
    assert terminal.told("subject", "new").keys() == {"subject", "ref"}
    with pytest.raises(BadInput, match=f"--ref: .*{first.strip()}"):
        terminal.run("subject", "new", "--ref", "C-1")


def test_wallet_is_bound_in_two_steps(
    terminal: Terminal, suite: Suite, customer: Actor, who: str, tmp_path: Path
) -> None:
    """A request for the customer, signed at a desk of theirs, then recorded; and unbound."""
    path = str(tmp_path / "request.json")
    told = terminal.told("subject", "bind", "C-1", "--wallet", customer.address, "--request", path)
    assert told == json.loads(Path(path).read_text())
    done = terminal.run("subject", "bind", "C-1", "--wallet", customer.address, "--request", path)
    assert (done.stdout, customer.address in done.stderr) == (f"{path}\n", True)
    terminal.desk.office.signer = customer.signer
    signature = terminal.says("sign", path).strip()
    assert terminal.told("sign", path) == {"signature": signature}
    words = terminal.says("subject", "bind", "C-1", "--request", path, "--signature", signature)
    assert words.startswith(f"{customer.address} is bound; transaction 0x")
    again = terminal.told("subject", "bind", who, "--request", path, "--signature", signature)
    assert again == {"subject": who, "wallet": customer.address, "transaction": None, "already": True}
    assert suite.subjects.call("subjectOf", customer.address).hex() == who[2:]
    unbound = terminal.told("subject", "unbind", "C-1", "--wallet", customer.address)
    assert (unbound["already"], unbound["wallet"]) == (False, customer.address)
    assert "was not bound" in terminal.says("subject", "unbind", "C-1", "--wallet", customer.address)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((), "give either --wallet"),
        (("--wallet", BROKER, "--signature", "0x12"), "give either --wallet"),
        (("--wallet", "0x12"), "--wallet: '0x12': not an address"),
        (("--wallet", BROKER, "--deadline", "tomorrow"), "--deadline: 'tomorrow': not a time"),
        (("--signature", "12"), "--signature: '12': not a signature"),
        (("--signature", "0xzz"), "--signature: '0xzz': not a signature"),
        (("--signature", "0x12"), "none.json: cannot be read"),
    ],
)
def test_bind_refuses_what_it_cannot_use(
    terminal: Terminal, tmp_path: Path, *, who: str, given: tuple[str, ...], words: str
) -> None:
    """By option."""
    with pytest.raises(BadInput, match=words):
        terminal.run("subject", "bind", who, "--request", str(tmp_path / "none.json"), *given)


def test_subject_is_verified_and_that_taken_back(terminal: Terminal, who: str, tmp_path: Path) -> None:
    """With a file as evidence."""
    (tmp_path / "id.pdf").write_bytes(b"seen")
    told = terminal.told(
        *("subject", "verify", "C-1", "--level", "high", "--expires", "2027-01-01T00:00:00Z"),
        *("--evidence", str(tmp_path / "id.pdf")),
    )
    assert (told["subject"], told["level"], told["expires"]) == (who, "high", "2027-01-01T00:00:00Z")
    assert terminal.says("subject", "verify", "C-1", "--level", "low").startswith(
        "verified, low; transaction"
    )
    assert terminal.told("subject", "revoke", "C-1", "--level", "high").keys() == {
        "subject",
        "level",
        "transaction",
    }
    assert terminal.says("subject", "revoke", who, "--level", "low").startswith("no longer verified, low")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("verify", "--level", "top"), "--level: 'top': write low, substantial or high"),
        (("verify", "--level", "LOW"), "--level: 'LOW': write low"),
        (("verify", "--level", "low", "--expires", "2020-01-01T00:00:00Z"), "--expires: .*not ahead"),
        (("verify", "--level", "low", "--expires", "2027-01-01"), "--expires: .*no time zone"),
        (("verify", "--level", "low", "--evidence", "none"), "--evidence: 'none': no such file"),
        (("revoke", "--level", "low"), "--level: 'low': not verified"),
        (("represent", "--by", BROKER, "--as", "friend"), "--as: 'friend': write guardian, attorney, broker"),
        (("represent", "--by", "0x1", "--as", "broker"), "--by: '0x1': not an address"),
        (("represent", "--by", BROKER, "--as", "broker", "--purpose", "Fun"), "--purpose: 'Fun'"),
        (("represent", "--by", BROKER, "--as", "broker", "--recipient", "a b"), "--recipient: 'a b'"),
        (("represent", "--by", BROKER, "--as", "broker", "--category", "?"), r"--category: '\?'"),
        (("dismiss", "--by", BROKER), "--by: .*does not represent"),
        (("unbind", "--wallet", "me"), "--wallet: 'me': not an address"),
    ],
)
def test_bad_input_is_refused_by_option(
    terminal: Terminal, who: str, arguments: tuple[str, ...], words: str
) -> None:
    """And nothing is sent."""
    desk = terminal.desk
    before = desk.suite.node.call("eth_getTransactionCount", [desk.who.address, "latest"])
    with pytest.raises(BadInput, match=words):
        terminal.run("subject", arguments[0], who, *arguments[1:])
    assert desk.suite.node.call("eth_getTransactionCount", [desk.who.address, "latest"]) == before


@pytest.mark.parametrize(
    "name", ["unbind", "verify", "revoke", "represent", "dismiss", "show", "dossier", "erase"]
)
def test_unknown_subject_is_refused_without_its_reference(terminal: Terminal, name: str) -> None:
    """Standard error may end in a log."""
    options = {
        "unbind": ["--wallet", BROKER],
        "verify": ["--level", "low"],
        "revoke": ["--level", "low"],
        "represent": ["--by", BROKER, "--as", "broker"],
        "dismiss": ["--by", BROKER],
    }
    with pytest.raises(BadInput, match=r"^SUBJECT: no subject has this customer reference") as caught:
        terminal.run("subject", name, "Zoe Mueller", *options.get(name, []))
    assert "Zoe" not in str(caught.value)


def test_representative_is_appointed_and_dismissed(terminal: Terminal, who: str) -> None:
    """For a purpose, by its short name."""
    words = terminal.says(
        *("subject", "represent", "C-1", "--by", BROKER, "--as", "broker", "--purpose", "Marketing"),
        *("--recipient", "partner", "--expires", "2027-01-01T00:00:00Z"),
    )
    assert words.startswith(f"{BROKER} is broker, until 2027-01-01T00:00:00Z; transaction 0x")
    assert f"{BROKER}, broker for Marketing partner * since" in terminal.says("subject", "show", "C-1")
    assert terminal.told("subject", "represent", "C-1", "--by", BROKER, "--as", "guardian")["subject"] == who
    assert terminal.told("subject", "dismiss", "C-1", "--by", BROKER)["representative"] == BROKER


def test_show_tells_in_words_and_json(terminal: Terminal, suite: Suite, who: str) -> None:
    """Who they are, and what no longer counts."""
    terminal.says("subject", "verify", "C-1", "--level", "low", "--expires", "2026-02-01T00:00:00Z")
    terminal.says("subject", "verify", "C-1", "--level", "high")
    terminal.says("subject", "revoke", "C-1", "--level", "high")
    suite.clock.move_by(40 * 86_400)
    words = terminal.says("subject", "show", who)
    assert "reference  C-1" in words
    assert "until 2026-02-01T00:00:00Z, no longer in force" in words
    assert f"revoked by {suite['insurer'].address} 2026-01-01T00:00:00Z" in words
    told = terminal.told("subject", "show", "C-1")
    assert (told["subject"], told["ref"], told["erased_at"]) == (who, "C-1", None)
    assert [one["level"] for one in told["verifications"]] == ["low", "high"]


def test_dossier_tells_all_in_words_and_json(terminal: Terminal, who: str, tmp_path: Path) -> None:
    """With the names of evidence, and where all of it is."""
    (tmp_path / "id.pdf").write_bytes(b"seen")
    terminal.says("subject", "verify", "C-1", "--level", "low", "--evidence", str(tmp_path / "id.pdf"))
    words = terminal.says("subject", "dossier", "C-1")
    for part in (
        "reference  C-1",
        "decisions: none",
        "evidence: 1",
        "id.pdf",
        "kept",
        "contract Subjects at",
    ):
        assert part in words
    told = terminal.told("subject", "dossier", "C-1")
    assert (told["subject"]["ref"], told["evidence"][0]["name"], told["decisions"]) == ("C-1", "id.pdf", [])


def test_erase_tells_what_was_done_and_what_remains(terminal: Terminal, who: str) -> None:
    """Where nobody is there to be asked it does not ask; again, it says it was done before."""
    terminal.says("subject", "verify", "C-1", "--level", "low")
    told = terminal.told("subject", "erase", "C-1")
    assert (told["subject"], told["already"], told["unbound"]) == (who, False, [])
    assert told["remains"][0].keys() == {"what", "where", "why"}
    words = terminal.says("subject", "erase", who)
    assert words.startswith(f"{who} was erased before; transaction {told['transaction']}, 2026-01-01")
    assert "what remains" in words
    assert f"erased     2026-01-01T00:00:00Z, transaction {told['transaction']}" in terminal.says(
        "subject", "show", who
    )
    assert "no longer in force" in terminal.says("subject", "show", who)


def test_erase_asks_at_a_terminal(terminal: Terminal, who: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No is no; --yes does not ask."""
    monkeypatch.setattr("troth.cli.subject._is_watched", lambda: True)
    refused = terminal.run("subject", "erase", "C-1", typed="n\n")
    assert (refused.exit_code, f"Destroy all that is held about {who}" in refused.output) == (1, True)
    assert "C-1" in terminal.says("subject", "show", who)
    assert terminal.run("subject", "erase", "C-1", typed="y\n").exit_code == 0
    other = terminal.says("subject", "new").strip()
    assert terminal.told("subject", "erase", other, "--yes")["subject"] == other
