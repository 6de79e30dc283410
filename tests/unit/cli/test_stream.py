"""`troth stream`: what each command prints of what it did, and for machines with --json."""

from __future__ import annotations

import pytest
from support import Actor
from support.office import Desk
from support.terminal import Terminal

from troth.cli.stream import app


@pytest.fixture
def at(desk: Desk) -> Terminal:
    """Its terminal."""
    return Terminal(app, desk.office)


@pytest.fixture
def calls(at: Terminal) -> Terminal:
    """The same, with a stream."""
    at.run("create", "calls")
    return at


def test_create_says_number_and_transaction(at: Terminal, stranger: Actor) -> None:
    """And with --json who its writers are; another may be named for it."""
    assert at.run("create", "calls").startswith("stream 1, calls, made; transaction 0x")
    said = at.json("create", "chats", "--writer", stranger.address.lower())
    assert said["writers"] == [stranger.address]
    assert (said["number"], said["name"], said["retention"], said["holds"]) == (2, "chats", None, [])
    assert len(said["transaction"]) == 66


def test_create_refuses_what_is_no_address(at: Terminal) -> None:
    """Naming the option."""
    assert at.refused("create", "calls", "--writer", "0x1").startswith("--writer: '0x1': not an address")


def test_list_shows_each_stream(calls: Terminal, stranger: Actor) -> None:
    """In one line, and whole with --json."""
    calls.run("create", "chats")
    calls.run("writer", "chats", stranger.address)
    calls.run("retain", "chats", "marketing", "--days", "400")
    calls.run("hold", "chats", "--matter", "4 O 17/26")
    _, _, _, first, second, *_ = calls.run("list").splitlines()
    assert first.split()[:2] == ["1", "calls"]
    assert first.split()[-1] == "0"
    assert second.split()[:2] == ["2", "chats"]
    assert second.split()[-4:] == ["400", "days,", "marketing", "1"]
    assert stranger.address in second
    found = calls.json("list")["streams"]
    assert [one["name"] for one in found] == ["calls", "chats"]
    assert found[1]["retention"] == {"class": "marketing", "days": 400}
    assert len(found[1]["writers"]) == 2
    assert [len(word) for word in found[1]["holds"]] == [66]


def test_writer_is_set_and_removed(calls: Terminal, stranger: Actor) -> None:
    """And said again, nothing is sent."""
    assert calls.run("writer", "calls", stranger.address).startswith(
        f"{stranger.address} is a writer of calls"
    )
    assert calls.run("writer", "calls", stranger.address).endswith("as before; nothing was sent\n")
    removed = calls.run("writer", "calls", stranger.address, "--remove")
    assert removed.startswith(f"{stranger.address} is no writer of calls; transaction 0x")
    assert calls.json("writer", "calls", stranger.address, "--remove")["transaction"] is None


def test_retain_says_class_and_days(calls: Terminal) -> None:
    """And once more, nothing is sent."""
    said = calls.run("retain", "calls", "claims", "--days", "3650")
    assert said.startswith("calls is kept 3650 days, as claims; transaction 0x")
    assert calls.json("retain", "calls", "claims", "--days", "3650")["transaction"] is None


def test_hold_and_release_count_the_matters(calls: Terminal) -> None:
    """Of which none is printed."""
    one = calls.run("hold", "calls", "--matter", "4 O 17/26")
    two = calls.run("hold", "calls", "--matter", "another")
    assert one.startswith("calls is held, by 1 matter; transaction 0x")
    assert two.startswith("calls is held, by 2 matters; transaction 0x")
    left = calls.run("release", "calls", "--matter", "another")
    assert left.startswith("calls is still held, by 1 matter; transaction 0x")
    last = calls.run("release", "calls", "--matter", "4 O 17/26")
    assert last.startswith("calls is held no longer; transaction 0x")
    assert "another" not in one + two + left + last


def test_unknown_stream_is_refused(calls: Terminal) -> None:
    """By every command, naming the argument."""
    for words in (
        ("hold", "call", "--matter", "m"),
        ("release", "call", "--matter", "m"),
        ("retain", "call", "claims", "--days", "3"),
        ("writer", "call", "0x" + "11" * 20),
    ):
        assert calls.refused(*words).startswith("NAME: 'call': no such stream; there is calls")


def test_bad_words_are_refused(calls: Terminal) -> None:
    """By the option or argument at fault."""
    assert calls.refused("writer", "calls", "0x12").startswith("ADDRESS: '0x12'")
    assert calls.refused("retain", "calls", "", "--days", "3").startswith("CLASS: ''")
    assert calls.refused("retain", "calls", "claims", "--days", "0").startswith("--days: '0'")
    assert calls.refused("release", "calls", "--matter", "m").startswith("--matter: no hold")
