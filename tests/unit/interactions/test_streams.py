"""Streams: made, found, written by, kept, held; and what the switch counted, declared once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support import Actor, Suite, misses
from support.anchoring import accept
from support.defaults import DAY, START
from support.streams import declared

from troth.errors import BadInput, MissingRole
from troth.index import sync
from troth.interactions import batches, streams
from troth.interactions.streams import Retention, Stream
from troth.office import Office

MATTER = "Müller v. Acme, 4 O 17/26"


def sent(office: Office) -> int:
    """How many transactions the office's account has sent."""
    return int(office.node.call("eth_getTransactionCount", [office.sender.address, "latest"]), 16)


@pytest.fixture
def calls(office: Office) -> Stream:
    """The first stream."""
    return streams.create(office, "calls").stream


@pytest.fixture
def unindexed(office: Office) -> Office:
    """The same office, whose index stays many blocks behind the chain."""
    object.__setattr__(office, "settings", replace(office.settings, confirmations=50))
    return office


# --- made and found


def test_stream_is_made_with_the_office_as_its_writer(office: Office, suite: Suite) -> None:
    """Numbered from 1, with nothing said of it yet; the contract says the same."""
    made = streams.create(office, "calls")
    assert made.stream == Stream(1, "calls", (office.sender.address,), None, ())
    assert made.transaction is not None
    assert suite.streams.call("streamOf", "calls") == 1
    assert suite.streams.call("isWriter", 1, office.sender.address)
    assert streams.find(office, "calls") == made.stream


def test_stream_is_made_for_another_writer(office: Office, stranger: Actor) -> None:
    """Who alone may anchor then."""
    made = streams.create(office, "chats", writer=stranger.address)
    assert made.stream.writers == (stranger.address,)


@pytest.mark.parametrize("name", ["", "Calls", "a b", "é", "a" * 65, "calls\n", "a_b"])
def test_bad_name_is_refused(office: Office, name: str) -> None:
    """And nothing is sent."""
    before = sent(office)
    with pytest.raises(BadInput, match="a to z") as caught:
        streams.create(office, name)
    assert caught.value.problems[0].file == "NAME"
    assert sent(office) == before


@pytest.mark.parametrize("name", ["a", "a" * 64, "0-9"])
def test_every_name_that_the_contract_takes_is_taken(office: Office, name: str) -> None:
    """From one character to 64."""
    assert streams.create(office, name).stream.name == name


def test_name_that_is_taken_is_refused(office: Office, calls: Stream) -> None:
    """With its number, before anything is sent."""
    before = sent(office)
    with pytest.raises(BadInput, match="it is number 1"):
        streams.create(office, "calls")
    assert sent(office) == before


def test_stream_is_made_by_an_operator_only(stranger_office: Office, stranger: Actor) -> None:
    """Others are told which role they lack."""
    with misses("OPERATOR", stranger.address):
        streams.create(stranger_office, "calls")


def test_streams_are_listed_in_order(office: Office) -> None:
    """Each with its own writers and no other's."""
    for name in ("calls", "chats", "letters"):
        streams.create(office, name)
    found = streams.list_streams(office)
    assert [(one.number, one.name) for one in found] == [(1, "calls"), (2, "chats"), (3, "letters")]


def test_unknown_stream_is_refused_with_those_nearest(office: Office) -> None:
    """Where there is none yet, it is said how to make one."""
    with pytest.raises(BadInput, match="`troth stream create`"):
        streams.find(office, "call")
    streams.create(office, "calls")
    streams.create(office, "letters")
    with pytest.raises(BadInput, match=r"there is calls$") as caught:
        streams.find(office, "call")
    assert caught.value.problems[0][:4] == ("--stream", None, None, "call")
    with pytest.raises(BadInput, match="calls, letters"):
        streams.find(office, "xyz", place="NAME")


def test_stream_too_new_for_the_index_is_found(unindexed: Office) -> None:
    """It is asked of the chain, with all that was said of it."""
    streams.create(unindexed, "calls")
    streams.set_retention(unindexed, "calls", "claims", 365)
    streams.hold(unindexed, "calls", MATTER)
    found = streams.find(unindexed, "calls")
    assert found.retention == Retention("claims", 365 * DAY)
    assert len(found.holds) == 1
    with pytest.raises(BadInput, match="it is number 1"):
        streams.create(unindexed, "calls")


def test_events_that_another_process_indexes_meanwhile_count_once(
    unindexed: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between asking the chain for what the index has not, and reading the index."""
    calls = streams.create(unindexed, "calls").stream
    streams.hold(unindexed, "calls", MATTER)
    real, behind = streams.recent_events, 0

    def overtaken(office: Office, block: int) -> Any:
        recent = real(office, block)
        sync(office.store, office.node, office.ledger_contracts, confirmations=behind)
        return recent

    monkeypatch.setattr(streams, "recent_events", overtaken)
    assert [stream.number for stream in streams.list_streams(unindexed)] == [1]
    monkeypatch.undo()
    for count in (12, 5):
        accept(unindexed.store, 1, count)
        batches.anchor(unindexed)
    monkeypatch.setattr(streams, "recent_events", overtaken)
    behind = 1
    found = batches.anchored_batches(unindexed, calls)
    assert [(one.batch.number, one.batch.count) for one in found] == [(1, 12), (2, 5)]


# --- writers


def test_writers_are_set_and_removed(office: Office, calls: Stream, stranger: Actor, suite: Suite) -> None:
    """In order of address; the contract says the same."""
    both = streams.set_writer(office, "calls", stranger.address.lower()).stream.writers
    assert both == tuple(sorted((office.sender.address, stranger.address), key=str.lower))
    assert suite.streams.call("isWriter", 1, stranger.address)
    left = streams.set_writer(office, "calls", stranger.address, allowed=False).stream.writers
    assert left == (office.sender.address,)
    assert not suite.streams.call("isWriter", 1, stranger.address)


def test_writer_that_stands_is_not_sent_again(office: Office, calls: Stream, stranger: Actor) -> None:
    """Nor one removed who was none."""
    before = sent(office)
    assert streams.set_writer(office, "calls", office.sender.address).transaction is None
    assert streams.set_writer(office, "calls", stranger.address, allowed=False).transaction is None
    assert sent(office) == before


def test_writer_of_one_stream_is_none_of_another(office: Office, calls: Stream, stranger: Actor) -> None:
    """Each has its own."""
    streams.create(office, "chats")
    streams.set_writer(office, "calls", stranger.address)
    assert streams.find(office, "chats").writers == (office.sender.address,)


def test_what_is_no_address_is_refused(office: Office, calls: Stream) -> None:
    """Before anything is asked."""
    with pytest.raises(ValueError, match="40 hex digits"):
        streams.set_writer(office, "calls", "0x12")


# --- retention


def test_retention_replaces_what_was_said_before(office: Office, calls: Stream) -> None:
    """Class and days; the last word counts."""
    first = streams.set_retention(office, "calls", "claims", 10 * 365)
    assert first.stream.retention == Retention("claims", 3_650 * DAY)
    second = streams.set_retention(office, "calls", "marketing", 30)
    assert second.stream.retention == Retention("marketing", 30 * DAY)
    assert second.stream.retention.days == 30
    assert streams.find(office, "calls") == second.stream


def test_retention_that_stands_is_not_sent_again(office: Office, calls: Stream) -> None:
    """Another class or another number of days is."""
    streams.set_retention(office, "calls", "claims", 30)
    before = sent(office)
    assert streams.set_retention(office, "calls", "claims", 30).transaction is None
    assert sent(office) == before
    assert streams.set_retention(office, "calls", "claims", 31).transaction is not None
    assert streams.set_retention(office, "calls", "calls", 31).transaction is not None


@pytest.mark.parametrize(
    ("class_name", "days", "place"),
    [("", 30, "CLASS"), ("a\nb", 30, "CLASS"), ("claims", 0, "--days"), ("claims", 36_501, "--days")],
)
def test_bad_retention_is_refused(
    office: Office, calls: Stream, class_name: str, days: int, place: str
) -> None:
    """By the place of what is wrong."""
    with pytest.raises(BadInput) as caught:
        streams.set_retention(office, "calls", class_name, days)
    assert caught.value.problems[0].file == place


# --- holds


def test_hold_lasts_until_its_matter_is_released(office: Office, calls: Stream, suite: Suite) -> None:
    """Several matters hold at once; blanks around a matter do not count."""
    one = streams.hold(office, "calls", MATTER).stream
    two = streams.hold(office, "calls", "another").stream
    assert two.holds[:1] == one.holds
    assert len(two.holds) == suite.streams.call("holdsOn", 1) == 2
    left = streams.release(office, "calls", f" {MATTER} ").stream
    assert left.holds == two.holds[1:]
    again = streams.hold(office, "calls", MATTER).stream
    assert set(again.holds) == set(two.holds)


def test_hold_that_stands_is_not_sent_again(office: Office, calls: Stream) -> None:
    """However often it is said."""
    streams.hold(office, "calls", MATTER)
    before = sent(office)
    assert streams.hold(office, "calls", MATTER).transaction is None
    assert sent(office) == before


def test_matter_is_told_by_no_word_on_the_chain(office: Office, calls: Stream) -> None:
    """The word differs by stream and is no plain hash: without the vault nobody can try texts."""
    (word,) = streams.hold(office, "calls", MATTER).stream.holds
    streams.create(office, "chats")
    (other,) = streams.hold(office, "chats", MATTER).stream.holds
    assert word != other
    newest = office.node.call("eth_getBlockByNumber", ["latest", True])
    assert MATTER.encode().hex() not in str(newest)


def test_release_of_what_does_not_hold_is_refused(office: Office, calls: Stream) -> None:
    """Without showing the matter: it may name people."""
    streams.hold(office, "calls", MATTER)
    with pytest.raises(BadInput, match="hold this stream: 1") as caught:
        streams.release(office, "calls", "Muller v. Acme")
    assert "Muller" not in str(caught.value)


@pytest.mark.parametrize("matter", ["", "  ", "a\nb", "m" * 201])
def test_bad_matter_is_refused(office: Office, calls: Stream, matter: str) -> None:
    """Empty, too long, or not to be printed."""
    with pytest.raises(BadInput, match="1 to 200"):
        streams.hold(office, "calls", matter)


@pytest.mark.parametrize(
    "act",
    [
        lambda office: streams.hold(office, "calls", MATTER),
        lambda office: streams.set_retention(office, "calls", "claims", 30),
        lambda office: streams.set_writer(office, "calls", "0x" + "11" * 20),
    ],
)
def test_streams_are_governed_by_compliance_only(
    office: Office, calls: Stream, stranger_office: Office, stranger: Actor, act: object
) -> None:
    """Others are told which role they lack."""
    with misses("COMPLIANCE", stranger.address):
        act(stranger_office)  # type: ignore[operator]


# --- counts of the switch

DAY_1, DAY_2 = (START - 2 * DAY, START - DAY), (START - DAY, START)


def test_counts_are_declared_in_order(office: Office, calls: Stream, suite: Suite) -> None:
    """One event each, of the stream."""
    hashes = streams.declare_counts(office, calls, {DAY_2: 0, DAY_1: 17})
    assert len(hashes) == 2
    assert declared(suite) == [(1, *DAY_1, 17), (1, *DAY_2, 0)]


def test_count_that_stands_is_not_sent_again(office: Office, calls: Stream, suite: Suite) -> None:
    """Another count of the period is, and then the first one again; other streams do not matter."""
    other = streams.create(office, "chats").stream
    streams.declare_counts(office, other, {DAY_1: 18})
    streams.declare_counts(office, calls, {DAY_1: 17, DAY_2: 4})
    assert streams.declare_counts(office, calls, {DAY_1: 17, DAY_2: 4}) == []
    assert len(streams.declare_counts(office, calls, {DAY_1: 18, DAY_2: 4})) == 1
    assert len(streams.declare_counts(office, calls, {DAY_1: 17})) == 1
    assert [one[3] for one in declared(suite)] == [18, 17, 4, 18, 17]


def test_count_too_new_for_the_index_is_not_sent_again(unindexed: Office, suite: Suite) -> None:
    """It is asked of the chain."""
    stream = streams.create(unindexed, "calls").stream
    assert len(streams.declare_counts(unindexed, stream, {DAY_1: 17})) == 1
    assert streams.declare_counts(unindexed, stream, {DAY_1: 17}) == []
    assert len(declared(suite)) == 1


def test_count_of_a_period_that_is_not_over_is_refused(office: Office, calls: Stream, suite: Suite) -> None:
    """All of them are, before any is sent."""
    with pytest.raises(BadInput, match="not over yet") as caught:
        streams.declare_counts(office, calls, {DAY_1: 1, (START, START + 2 * DAY): 2})
    assert caught.value.problems[0].value == "until 2026-01-03T00:00:00Z"
    assert declared(suite) == []


def test_counts_are_declared_by_an_operator_only(
    office: Office, calls: Stream, stranger_office: Office
) -> None:
    """Told before anything is sent."""
    with pytest.raises(MissingRole, match="OPERATOR"):
        streams.declare_counts(stranger_office, calls, {DAY_1: 1, DAY_2: 2})
    assert sent(stranger_office) == 0


def test_declaring_takes_no_more_gas_than_is_given(office: Office, calls: Stream) -> None:
    """With a fifth to spare, whatever the numbers."""
    hashes = streams.declare_counts(office, calls, {DAY_1: 2**48 - 1, DAY_2: 1})
    for one in hashes:
        used = int(office.node.call("eth_getTransactionReceipt", [one])["gasUsed"], 16)
        assert used * 6 < streams._DECLARING_GAS * 5
