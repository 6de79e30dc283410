"""`troth interactions` anchor, status, reconcile: what is printed, and how each ends."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import typer
from support import Actor, Suite
from support.anchoring import accept
from support.defaults import DAY, START
from support.office import Desk, desk_of
from support.streams import origin_contents
from support.terminal import AtDesk, Terminal
from typer.testing import CliRunner

from troth.cli.interactions_anchor import _span, register
from troth.errors import BatchTaken, NoFunds, NoNode, NotWriter
from troth.interactions import batches, streams
from troth.store import Store

app = typer.Typer()
register(app)


@pytest.fixture
def desk(suite: Suite, tmp_path: Path) -> Iterator[Desk]:
    """The insurer's, with two streams and batches of ten."""
    with desk_of(suite, tmp_path / "desk") as made:
        object.__setattr__(made.office, "settings", replace(made.office.settings, batch_records=10))
        streams.create(made.office, "calls")
        streams.create(made.office, "chats")
        yield made


@pytest.fixture
def at(desk: Desk) -> Terminal:
    """Its terminal."""
    return Terminal(app, desk.office)


@pytest.fixture
def store(desk: Desk) -> Store:
    """Its database."""
    return desk.office.store


def now() -> int:
    """The time as the database is told it."""
    return int(time.time())


# --- anchor


def test_anchor_prints_a_line_for_each_batch(at: Terminal, store: Store) -> None:
    """And then that nothing waits."""
    accept(store, 1, 12)
    accept(store, 2, 3)
    said = at.run("anchor")
    rows = [line.split() for line in said.splitlines() if "0x" in line]
    assert [row[:4] for row in rows] == [
        ["calls", "1", "0", "10"],
        ["calls", "2", "10", "2"],
        ["chats", "1", "0", "3"],
    ]
    assert "15 records in 3 batches" in said
    assert at.run("anchor") == "nothing waits to be anchored\n"


def test_anchor_tells_machines_all_of_it(at: Terminal, desk: Desk, store: Store) -> None:
    """Every batch with what is committed to; an empty list where nothing waits."""
    accept(store, 1, 12)
    said = at.json("anchor", "--stream", "calls")
    assert (said["records"], len(said["batches"])) == (12, 2)
    first = said["batches"][0]
    assert (first["stream"], first["number"], first["first"], first["count"]) == ("calls", 1, 0, 10)
    assert [len(first[name]) for name in ("root", "subjects", "transaction")] == [66, 66, 66]
    (batch, _) = batches.anchored_batches(desk.office, streams.find(desk.office, "calls"))
    assert datetime.fromisoformat(first["time"].replace("Z", "+00:00")).timestamp() == batch.batch.time
    assert said["gas_used"] == sum(one["gas_used"] for one in said["batches"]) > 60_000
    assert at.json("anchor") == {"records": 0, "gas_used": 0, "batches": []}


def test_anchor_takes_one_stream_or_what_is_due(at: Terminal, store: Store) -> None:
    """By their options."""
    accept(store, 1, 12, at=now())
    accept(store, 2, 3, at=now())
    assert at.json("anchor", "--due")["records"] == 10
    assert at.run("anchor", "--due") == "nothing is due yet (records waiting: 5)\n"
    assert at.run("anchor", "--due", "--stream", "calls") == "nothing is due yet (records waiting: 2)\n"
    assert at.json("anchor", "--due") == {"records": 0, "gas_used": 0, "batches": []}
    assert at.json("anchor", "--stream", "chats")["records"] == 3
    assert at.json("anchor")["records"] == 2
    assert at.run("anchor", "--due") == "nothing waits to be anchored\n"


def test_anchor_counts_one_as_one(at: Terminal, store: Store) -> None:
    """And no more than one as more."""
    accept(store, 1, 1)
    assert "anchored  1 record in 1 batch\n" in at.run("anchor")


def test_anchor_shows_what_it_did_beside_every_stream_it_could_not(
    at: Terminal, desk: Desk, store: Store, insurer: Actor
) -> None:
    """Data on stdout, each of the others on stderr; ends with 1."""
    streams.create(desk.office, "letters")
    for number in (1, 2, 3):
        accept(store, number, 2)
    for name in ("calls", "letters"):
        streams.set_writer(desk.office, name, insurer.address, allowed=False)
    complaints = [f"troth: {NotWriter(name, insurer.address)}" for name in ("calls", "letters")]
    said, complained = at.ran("anchor", code=1)
    assert [line.split()[:4] for line in said.splitlines() if "0x" in line] == [["chats", "1", "0", "2"]]
    assert complained.splitlines() == complaints
    said, complained = at.ran("anchor", "--json", code=1)
    assert json.loads(said) == {"records": 0, "gas_used": 0, "batches": []}
    assert complained.splitlines() == complaints
    assert at.ran("anchor", "--stream", "letters", code=1) == ("", f"{complaints[1]}\n")


def fail_at(desk: Desk, nth: int, error: Exception) -> None:
    """Makes the nth transaction, and those after it, fail to be sent."""
    sender = desk.office.sender
    send, calls = sender.send, iter(range(1, 100))

    def sent(given: Any) -> Any:
        if next(calls) >= nth:
            raise error
        return send(given)

    desk.office.sender = Mock(wraps=sender, address=sender.address, send=sent)


@pytest.mark.parametrize("error", [NoFunds("0xaa", 2, 1), NoNode("http://node"), LookupError()])
@pytest.mark.parametrize("json_too", [False, True])
def test_anchor_shows_what_it_did_whatever_ends_it(
    desk: Desk, store: Store, *, error: Exception, json_too: bool, insurer: Actor
) -> None:
    """Those batches are on the chain, and will be in no later run's list; the error stays what it is."""
    accept(store, 1, 1)
    accept(store, 2, 12)
    streams.set_writer(desk.office, "calls", insurer.address, allowed=False)
    fail_at(desk, 3, error)  # the second batch of chats: for calls it tries one
    words = ["anchor", "--json"] if json_too else ["anchor"]
    result = CliRunner().invoke(app, words, obj=AtDesk(desk.office))
    assert result.exception is error
    assert result.stderr == f"troth: {NotWriter('calls', insurer.address)}\n"
    if json_too:
        said = json.loads(result.stdout)
        assert [(one["stream"], one["number"], one["count"]) for one in said["batches"]] == [("chats", 1, 10)]
        assert (said["records"], said["gas_used"] > 0) == (10, True)
    else:
        assert [line.split()[:4] for line in result.stdout.splitlines() if "0x" in line] == [
            ["chats", "1", "0", "10"]
        ]
        assert "10 records in 1 batch\n" in result.stdout


def test_anchor_that_did_nothing_shows_nothing_before_its_error(desk: Desk, store: Store) -> None:
    """Not that nothing waits."""
    accept(store, 1, 1)
    error = NoFunds("0xaa", 2, 1)
    fail_at(desk, 1, error)
    for words in (["anchor"], ["anchor", "--json"], ["anchor", "--due"]):
        result = CliRunner().invoke(app, words, obj=AtDesk(desk.office))
        assert (result.exception, result.stdout, result.stderr) == (error, "", "")


def test_anchor_refuses_an_unknown_stream(at: Terminal) -> None:
    """Naming the option."""
    assert at.refused("anchor", "--stream", "call").startswith("--stream: 'call': no such stream")


# --- status


def test_status_shows_what_waits_and_for_how_long(at: Terminal, store: Store) -> None:
    """A line a stream, in units a person reads."""
    accept(store, 1, 12, at=now() - 7_500)
    at.run("anchor", "--due", "--stream", "calls")
    accept(store, 1, 4, at=now() - 3 * 3_600 - 100)
    lines = at.run("status").splitlines()
    assert [line.split() for line in lines if line.split()[:1] in (["calls"], ["chats"])] == [
        ["calls", "16", "12", "2", "4", "3", "h", "1", "min"],
        ["chats", "0", "0", "0", "0"],
    ]


def test_status_tells_machines_seconds(at: Terminal, store: Store) -> None:
    """And null where nothing waits."""
    accept(store, 1, 2, at=now() - 100)
    calls, chats = at.json("status")["streams"]
    assert 100 <= calls.pop("oldest_waiting") < 160
    assert calls == {
        "stream": "calls",
        "number": 1,
        "accepted": 2,
        "anchored": 0,
        "batches": 0,
        "waiting": 2,
        "taken": None,
    }
    assert chats["oldest_waiting"] is None


def test_status_complains_of_a_batch_of_another_database(
    at: Terminal, store: Store, suite: Suite, desk: Desk
) -> None:
    """On stderr, and ends with 1: a timer's mail then says it. Anchoring names it too."""
    accept(store, 1, 2)
    before = origin_contents(suite.node.chain_id, suite.streams.address, 1, "calls")
    suite["insurer"].send(suite.streams, "anchor", 1, 1, 0, 5, bytes(32), bytes(32), before)
    said, complained = at.ran("status", code=1)
    assert "calls" in said
    assert complained == "troth: calls: batch 1 on the chain is not from this database\n"
    assert at.json("status", code=1)["streams"][0]["taken"] == 1
    with pytest.raises(BatchTaken):
        batches.anchor(desk.office)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3_661, "1 h 1 min"),
        (2 * DAY + 5, "2 d 5 s"),
        (90_061, "1 d 1 h"),
    ],
)
def test_span_of_time_is_in_its_two_largest_units(seconds: int, text: str) -> None:
    """Of those that are not nothing."""
    assert _span(seconds) == text


# --- reconcile


@pytest.fixture
def counted(store: Store, tmp_path: Path) -> Path:
    """Three contacts on a day, and a file that says so."""
    accept(store, 1, 3, start=START - 10 * DAY)
    path = tmp_path / "counts.csv"
    path.write_text("day,count\n2025-12-22,3\n")
    return path


def test_reconcile_says_that_the_counts_agree(at: Terminal, counted: Path) -> None:
    """Day by day, ending well."""
    said = at.run("reconcile", str(counted), "--stream", "calls")
    assert ["2025-12-22", "3", "3", "0", "0", "0"] in [line.split() for line in said.splitlines()]
    assert said.endswith("the counts agree\n")


def test_reconcile_ends_with_1_where_they_differ(at: Terminal, counted: Path) -> None:
    """And says by how many."""
    counted.write_text("day,count\n2025-12-22,5\n2025-12-23,0\n")
    said = at.run("reconcile", str(counted), "--stream", "calls", code=1)
    assert said.endswith("the counts differ: 2 missing, 0 surplus\n")
    told = at.json("reconcile", str(counted), "--stream", "calls", code=1)
    assert (told["stream"], told["agrees"], told["transactions"]) == ("calls", False, [])
    assert told["days"][0] == {
        "day": "2025-12-22",
        "declared": 5,
        "accepted": 3,
        "anchored": 0,
        "missing": 2,
        "surplus": 0,
    }


def test_reconcile_declares_where_asked_to(at: Terminal, counted: Path) -> None:
    """Once."""
    words = ("reconcile", str(counted), "--stream", "calls", "--declare")
    assert "1 of 1 counts put on record" in at.run(*words)
    assert "0 of 1 counts put on record" in at.run(*words)
    assert at.json(*words)["transactions"] == []


def test_reconcile_refuses_a_bad_file(at: Terminal, counted: Path) -> None:
    """With line and column."""
    counted.write_text("day,count\n2025-12-22,many\n")
    assert at.refused("reconcile", str(counted), "--stream", "calls").startswith(
        f"{counted}:2: count: 'many'"
    )
