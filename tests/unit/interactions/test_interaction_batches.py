"""Batches: closed by count and by age, anchored in order and once, and how it all stands."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from support import Actor, Suite
from support.anchoring import (
    accept,
    anchored_on_chain,
    batches_of,
    draft,
    prove_n1,
    prove_n3,
    record_of,
    roster_word,
    subject_of,
)
from support.defaults import START
from support.streams import commitment_of, contents_of, origin_contents, root_of

from troth.chain.transactions import Call
from troth.errors import BadInput, BatchTaken, ContractRefused, NodeInconsistent, NoFunds, NotWriter
from troth.interactions import batches, streams
from troth.interactions.streams import Stream
from troth.office import Office
from troth.store import Store, schema
from troth.store.batches import ClosedBatch, anchors_of

FULL = 10


def now() -> int:
    """The time as the database is told it."""
    return int(time.time())


def close(store: Store, stream: int = 1, **given: Any) -> list[ClosedBatch]:
    """Closes batches of ten, the rest after an hour."""
    return batches.close(store, stream, **{"count": FULL, "age": 3_600, "everything": False, **given})


def ranges(closed: Sequence[ClosedBatch]) -> list[tuple[int, int, int]]:
    """Number, first and count of each."""
    return [(one.number, one.first, one.count) for one in closed]


# --- closing


def test_full_batches_are_closed_and_the_rest_waits(store: Store) -> None:
    """From 1 and from 0, without a gap; what is closed is kept."""
    accept(store, 1, 25, at=now())
    accept(store, 2, 5, at=now())
    closed = close(store)
    assert ranges(closed) == [(1, 0, 10), (2, 10, 10)]
    assert [tuple(row) for row in batches_of(store, 1)] == [tuple(vars(one).values()) for one in closed]
    assert batches_of(store, 2) == []
    assert close(store) == []


def test_closing_goes_on_where_it_was(store: Store) -> None:
    """With the next number and the next record."""
    accept(store, 1, 12, at=now())
    close(store)
    accept(store, 1, 9, at=now())
    assert ranges(close(store)) == [(2, 10, 10)]
    assert ranges(close(store, everything=True)) == [(3, 20, 1)]


def test_rest_is_closed_once_its_oldest_is_of_age(store: Store) -> None:
    """Not a second before, whatever is older in batches closed already."""
    accept(store, 1, 10, at=START)
    accept(store, 1, 1, at=now() - 3_600 + 30)
    accept(store, 1, 2, at=now())
    assert ranges(close(store)) == [(1, 0, 10)]
    assert ranges(close(store, age=3_570)) == [(2, 10, 3)]


def test_everything_is_closed_where_asked_for(store: Store) -> None:
    """However young."""
    accept(store, 1, 13, at=now())
    assert ranges(close(store, everything=True)) == [(1, 0, 10), (2, 10, 3)]


def test_drafts_are_not_closed(store: Store) -> None:
    """Of a file that is still being read, or whose reader was killed."""
    accept(store, 1, 3, at=now())
    with store.writing() as connection:
        draft(connection, 1, 3, 20)
        draft(connection, 2, 0, 20)
    assert ranges(close(store, everything=True)) == [(1, 0, 3)]
    assert close(store, 2, everything=True) == []


def test_batch_commits_to_its_records_and_subjects(store: Store) -> None:
    """By the RFC and the roster's rules, worked out by hand; each batch has a secret of its own."""
    accept(store, 1, 25, at=now())
    first, second, third = close(store, everything=True)
    for one in (first, second, third):
        positions = range(one.first, one.records)
        assert one.root == root_of([record_of(1, position) for position in positions])
        numbers = [(subject_of(position), position // 7 + 1) for position in positions]
        assert one.subjects == roster_word(one.secret, numbers)
        assert abs(one.closed_at - now()) < 60
    assert len({first.secret, second.secret, third.secret}) == 3
    assert len(first.secret) == 32


def test_two_that_close_at_once_close_each_record_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slower one finds its range taken, and closes what is left."""
    accept(store, 1, 30, at=now())
    real, others = batches._save, [7]

    def slow(store: Store, batch: ClosedBatch) -> bool:
        if others:
            close(store, count=others.pop())
        return real(store, batch)

    monkeypatch.setattr(batches, "_save", slow)
    closed = close(store, everything=True)
    kept = [(row.number, row.first, row.count) for row in batches_of(store, 1)]
    assert kept == [(1, 0, 7), (2, 7, 7), (3, 14, 7), (4, 21, 7), (5, 28, 2)]
    assert ranges(closed) == kept[4:]


def test_interactions_that_are_gone_are_missed(store: Store) -> None:
    """Nothing is closed of a range that is not whole."""
    accept(store, 1, 5, at=now())
    with store.writing() as connection:
        table = schema.interactions
        connection.execute(table.delete().where(table.c.position == 2))
    with pytest.raises(LookupError, match="4 interactions from 0, not 5"):
        close(store, everything=True)
    assert batches_of(store, 1) == []


# --- anchoring


@pytest.fixture
def centre(office: Office) -> Office:
    """An office with streams calls and chats, and batches of ten."""
    object.__setattr__(office, "settings", replace(office.settings, batch_records=FULL))
    streams.create(office, "calls")
    streams.create(office, "chats")
    return office


@pytest.fixture
def calls(centre: Office) -> Stream:
    """Stream 1."""
    return streams.find(centre, "calls")


def proved(office: Office, suite: Suite) -> list[int]:
    """N1 and N3 hold of both streams; how many batches each has."""
    return [
        len(prove_n3(suite.node, suite.streams, number, name, office.store))
        for number, name in ((1, "calls"), (2, "chats"))
    ]


def sent(office: Office) -> int:
    """How many transactions the office's account has sent."""
    return int(office.node.call("eth_getTransactionCount", [office.sender.address, "latest"]), 16)


def test_what_waits_is_anchored_of_every_stream(centre: Office, suite: Suite) -> None:
    """What is returned is what the chain says, in the order sent; the index has it too."""
    accept(centre.store, 1, 25)
    accept(centre.store, 2, 3)
    done = batches.anchor(centre)
    assert [(one.stream, one.number, one.first, one.count) for one in done] == [
        ("calls", 1, 0, 10),
        ("calls", 2, 10, 10),
        ("calls", 3, 20, 5),
        ("chats", 1, 0, 3),
    ]
    with centre.store.reading() as connection:
        assert [len(anchors_of(connection, stream)) for stream in (1, 2)] == [3, 1]
    assert proved(centre, suite) == [3, 1]
    found = anchored_on_chain(suite.node, suite.streams, 1, "calls")
    assert [(one.root, one.subjects, one.time) for one in done[:3]] == [
        (one.root, one.subjects, one.time) for one in found
    ]
    for one in done:
        receipt = centre.node.call("eth_getTransactionReceipt", [one.transaction])
        assert int(receipt["gasUsed"], 16) == one.gas_used


def test_anchoring_again_sends_nothing(centre: Office, suite: Suite) -> None:
    """Until something new is accepted: that follows on."""
    accept(centre.store, 1, 12)
    batches.anchor(centre)
    before = sent(centre)
    assert batches.anchor(centre) == []
    assert sent(centre) == before
    accept(centre.store, 1, 1)
    suite.clock.move_by(77)
    (one,) = batches.anchor(centre)
    assert (one.number, one.first, one.count) == (3, 12, 1)
    assert proved(centre, suite) == [3, 0]


def test_one_stream_is_anchored_where_it_is_named(centre: Office) -> None:
    """The others wait; an unknown one is refused."""
    accept(centre.store, 1, 2)
    accept(centre.store, 2, 2)
    assert [one.stream for one in batches.anchor(centre, "chats")] == ["chats"]
    assert batches_of(centre.store, 1) == []
    with pytest.raises(BadInput, match="no such stream"):
        batches.anchor(centre, "letters")


def test_due_only_anchors_full_batches_and_old_ones(centre: Office, suite: Suite) -> None:
    """And what was closed before and not sent."""
    accept(centre.store, 1, 12, at=now())
    accept(centre.store, 2, 2, at=now() - centre.settings.batch_age)
    assert [one.count for one in batches.anchor(centre, due_only=True)] == [10, 2]
    close(centre.store, everything=True)
    assert [one.count for one in batches.anchor(centre, due_only=True)] == [2]
    accept(centre.store, 1, 1, at=now())
    assert batches.anchor(centre, due_only=True) == []
    assert prove_n1(suite.node, suite.streams, 1, "calls")[-1].number == 2


def test_progress_is_told_in_records(centre: Office) -> None:
    """Of those to be anchored, as each batch is."""
    accept(centre.store, 1, 12)
    accept(centre.store, 2, 4)
    told: list[tuple[int, int]] = []
    batches.anchor(centre, progress=lambda done, total: told.append((done, total)))
    assert told == [(0, 12), (10, 12), (12, 12), (12, 16), (16, 16)]
    accept(centre.store, 1, 1)
    told.clear()
    batches.anchor(centre, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (1, 1)


def test_anchored_batches_open_the_words_on_the_chain(centre: Office, calls: Stream, suite: Suite) -> None:
    """With the commitment before each, and the transaction that anchored it."""
    accept(centre.store, 1, 12)
    done = batches.anchor(centre)
    found = batches.anchored_batches(centre, calls)
    assert [f"0x{one.transaction.hex()}" for one in found] == [one.transaction for one in done]
    place = (suite.node.chain_id, suite.streams.address)
    words = suite.streams.call("commitments", 1, 0, 2)
    for one, before, word in zip(found, words, words[1:], strict=False):
        batch = one.batch
        assert batch.previous == before
        assert commitment_of(contents_of(*place, batch), batch.first + batch.count) == word  # type: ignore[arg-type]


def test_batch_too_new_for_the_index_is_not_sent_again(centre: Office, suite: Suite) -> None:
    """It is asked of the chain, and the next one follows on."""
    object.__setattr__(centre, "settings", replace(centre.settings, confirmations=100))
    accept(centre.store, 1, 12)
    assert len(batches.anchor(centre)) == 2
    assert batches.anchor(centre) == []
    accept(centre.store, 1, 1)
    assert [one.number for one in batches.anchor(centre)] == [3]
    assert proved(centre, suite) == [3, 0]
    assert batches.status(centre)[0].anchored == 0  # not by what the index has read


def test_no_writer_is_named_and_other_streams_are_anchored(
    centre: Office, suite: Suite, insurer: Actor
) -> None:
    """What waits of the stream stays closed, and is anchored once the account is a writer."""
    accept(centre.store, 1, 2)
    accept(centre.store, 2, 2)
    streams.set_writer(centre, "calls", insurer.address, allowed=False)
    with pytest.raises(NotWriter) as caught:
        batches.anchor(centre)
    assert caught.value.args == ("calls", insurer.address)
    assert [one.anchored for one in batches.status(centre)] == [0, 2]
    streams.set_writer(centre, "calls", insurer.address)
    assert [one.stream for one in batches.anchor(centre)] == ["calls"]
    assert proved(centre, suite) == [1, 1]


def other_anchors(suite: Suite, stream: Stream, leaf: bytes = b"other") -> None:
    """The insurer's key, at another database, anchors the first batch of a stream."""
    words = (stream.number, 1, 0, 1, root_of([leaf]), bytes(32))
    place = (suite.node.chain_id, suite.streams.address, stream.number)
    suite["insurer"].send(suite.streams, "anchor", *words, origin_contents(*place, stream.name))


def test_batch_of_another_database_is_refused_by_name(centre: Office, calls: Stream, suite: Suite) -> None:
    """Nothing is closed and nothing sent of that stream; the others are anchored."""
    accept(centre.store, 1, 2)
    accept(centre.store, 2, 2)
    other_anchors(suite, calls)
    before = sent(centre)
    with pytest.raises(BatchTaken) as caught:
        batches.anchor(centre)
    assert caught.value.args == ("calls", 1)
    assert batches_of(centre.store, 1) == []
    assert sent(centre) == before + 1
    assert [(one.anchored, one.taken) for one in batches.status(centre)] == [(0, 1), (2, None)]


def test_every_stream_that_cannot_be_anchored_is_told(
    centre: Office, calls: Stream, suite: Suite, insurer: Actor
) -> None:
    """To whoever asks for them, beside what was anchored of the others."""
    streams.create(centre, "letters")
    for number in (1, 2, 3):
        accept(centre.store, number, 2)
    other_anchors(suite, calls)
    streams.set_writer(centre, "letters", insurer.address, allowed=False)
    run = batches.Anchoring(centre)
    run.anchor()
    assert [one.stream for one in run.anchored] == ["chats"]
    assert [(type(one), one.args) for one in run.failures] == [
        (BatchTaken, ("calls", 1)),
        (NotWriter, ("letters", insurer.address)),
    ]


def test_stream_of_another_is_no_failure_while_nothing_is_due(
    centre: Office, calls: Stream, suite: Suite
) -> None:
    """A timer says so once something is: by age, by count, or closed before."""
    accept(centre.store, 1, 9, at=now())
    accept(centre.store, 2, 10, at=now())
    other_anchors(suite, calls)
    assert [one.stream for one in batches.anchor(centre, due_only=True)] == ["chats"]
    assert batches_of(centre.store, 1) == []
    accept(centre.store, 1, 1, at=now())
    for _ in range(2):
        with pytest.raises(BatchTaken):
            batches.anchor(centre, due_only=True)
    close(centre.store)
    accept(centre.store, 1, 1, at=now())
    with pytest.raises(BatchTaken):
        batches.anchor(centre, due_only=True)


def test_stream_that_another_goes_on_with_is_no_failure_while_nothing_is_due(
    centre: Office, calls: Stream, suite: Suite
) -> None:
    """What is closed here was all anchored."""
    accept(centre.store, 1, 10)
    batches.anchor(centre)
    last = batches.anchored_batches(centre, calls)[-1].batch
    before = contents_of(suite.node.chain_id, suite.streams.address, last)  # type: ignore[arg-type]
    suite["insurer"].send(suite.streams, "anchor", 1, 2, 10, 1, bytes(32), bytes(32), before)
    assert batches.anchor(centre, due_only=True) == []
    accept(centre.store, 1, 1, at=now() - centre.settings.batch_age)
    with pytest.raises(BatchTaken):
        batches.anchor(centre, due_only=True)


def test_records_are_unclosed_until_they_are_in_a_batch(centre: Office) -> None:
    """Of one stream, or of all; of none that is not there."""
    accept(centre.store, 1, 12, at=now())
    accept(centre.store, 2, 3, at=now())
    batches.anchor(centre, due_only=True)
    assert [batches.unclosed(centre, name) for name in (None, "calls", "chats")] == [5, 2, 3]
    batches.anchor(centre)
    assert batches.unclosed(centre) == 0
    with pytest.raises(BadInput, match="no such stream"):
        batches.unclosed(centre, "letters")


def test_batch_taken_after_ours_is_found(centre: Office, calls: Stream, suite: Suite) -> None:
    """By its number, though ours before it stand."""
    accept(centre.store, 1, 4)
    batches.anchor(centre)
    last = batches.anchored_batches(centre, calls)[-1].batch
    before = contents_of(suite.node.chain_id, suite.streams.address, last)  # type: ignore[arg-type]
    suite["insurer"].send(suite.streams, "anchor", 1, 2, 4, 1, bytes(32), bytes(32), before)
    with pytest.raises(BatchTaken) as caught:
        batches.anchor(centre)
    assert caught.value.number == 2
    (standing, _) = batches.status(centre)
    assert (standing.anchored, standing.batches, standing.taken) == (4, 1, 2)


@pytest.mark.parametrize("column", ["root", "subjects"])
def test_batch_altered_here_is_taken_for_another(
    centre: Office, calls: Stream, suite: Suite, column: str
) -> None:
    """What is closed must be what was anchored, to the word."""
    accept(centre.store, 1, 4)
    batches.anchor(centre)
    with centre.store.writing() as connection:
        connection.execute(schema.closed_batches.update().values({column: b"x" * 32}))
    with pytest.raises(BatchTaken):
        batches.anchor(centre)


def test_stream_of_another_database_is_left_alone(centre: Office, calls: Stream, suite: Suite) -> None:
    """Nothing of it was accepted here."""
    other_anchors(suite, calls)
    assert batches.anchor(centre) == []
    assert batches.anchor(centre, "calls") == []
    assert batches.status(centre)[0] == batches.Standing("calls", 1, 0, 0, 0, 0, None, None)


# --- others at work meanwhile


class Meanwhile:
    """Something happens just before the office sends its nth transaction."""

    def __init__(self, office: Office, act: Callable[[Call], None], *, nth: int = 1) -> None:
        self.sender, self.act, self.nth, self.sent = office.sender, act, nth, 0
        object.__setattr__(office, "sender", self)

    @property
    def address(self) -> str:
        """The account's."""
        return self.sender.address

    def send(self, calls: Sequence[Call]) -> Any:
        """As the real one."""
        self.sent += 1
        if self.sent == self.nth:
            self.act(calls[0])
        return self.sender.send(calls)


@pytest.fixture
def writer(centre: Office, suite: Suite) -> Actor:
    """Somebody else who may anchor calls, at the same database."""
    actor = suite["stranger"]
    streams.set_writer(centre, "calls", actor.address)
    return actor


def test_batch_anchored_by_another_run_meanwhile_is_not_sent_again(
    centre: Office, suite: Suite, writer: Actor
) -> None:
    """That run had the same batch from the same database; this one goes on with the next."""
    accept(centre.store, 1, 25)
    Meanwhile(centre, lambda call: writer.submit(replace(call, gas=None)) and None, nth=2)
    assert [one.number for one in batches.anchor(centre)] == [1, 3]
    assert proved(centre, suite) == [3, 0]


def test_batch_taken_meanwhile_is_named(centre: Office, calls: Stream, suite: Suite) -> None:
    """By another database: the contract refuses ours, and then it is seen why."""
    accept(centre.store, 1, 2)
    Meanwhile(centre, lambda _call: other_anchors(suite, calls))
    with pytest.raises(BatchTaken) as caught:
        batches.anchor(centre)
    assert caught.value.number == 1


def test_writer_removed_meanwhile_is_named(centre: Office, suite: Suite, insurer: Actor) -> None:
    """After its first batch."""
    accept(centre.store, 1, 12)

    def remove(_call: Call) -> None:
        insurer.send(suite.streams, "setWriter", 1, insurer.address, False)

    Meanwhile(centre, remove, nth=2)
    with pytest.raises(NotWriter):
        batches.anchor(centre)
    assert batches.status(centre)[0].anchored == 10


def test_run_that_is_ended_knows_what_it_did(centre: Office) -> None:
    """For whoever asks it: the batches before, and the streams it passed over."""
    accept(centre.store, 1, 12)

    def fail(_call: Call) -> None:
        raise NoFunds(centre.sender.address, 2, 1)

    Meanwhile(centre, fail, nth=2)
    run = batches.Anchoring(centre)
    with pytest.raises(NoFunds):
        run.anchor()
    assert ([one.number for one in run.anchored], run.failures) == ([1], [])


def test_refusal_that_stays_is_raised(centre: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain that is never as it says: six looks, and no more."""
    accept(centre.store, 1, 2)
    looks = iter(range(100))

    def refuse(_call: Call) -> None:
        next(looks)
        raise ContractRefused("StreamsWrongPrevious", {})

    sender = Meanwhile(centre, refuse)
    monkeypatch.setattr(sender, "send", lambda calls: refuse(calls[0]))
    with pytest.raises(ContractRefused, match="StreamsWrongPrevious"):
        batches.anchor(centre)
    assert next(looks) == 6


def test_other_refusals_are_raised_at_once(centre: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would come again."""
    accept(centre.store, 1, 2)
    looks = iter(range(100))

    def refuse(_calls: Sequence[Call]) -> None:
        next(looks)
        raise ContractRefused("StreamsBadCount", {})

    monkeypatch.setattr(Meanwhile(centre, lambda _call: None), "send", refuse)
    with pytest.raises(ContractRefused, match="StreamsBadCount"):
        batches.anchor(centre)
    assert next(looks) == 1


def test_node_that_tells_of_too_few_batches_is_inconsistent(
    centre: Office, calls: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts one more than its logs hold, however often it is asked."""
    accept(centre.store, 1, 2)
    batches.anchor(centre)
    contract = centre.contract("Streams")
    monkeypatch.setattr(batches, "_PAUSE", 0)
    monkeypatch.setattr(contract, "call", lambda *_: 2)
    monkeypatch.setattr(centre, "contract", lambda _name: contract)
    with pytest.raises(NodeInconsistent, match="2 batches, and logs tell of 1"):
        batches.anchored_batches(centre, calls)


# --- status


def test_status_counts_what_waits(centre: Office) -> None:
    """Accepted, anchored, waiting, and how long the oldest of it has waited."""
    assert [one.accepted for one in batches.status(centre)] == [0, 0]
    accept(centre.store, 1, 12, at=now() - 500)
    accept(centre.store, 2, 3, at=now() - 50)
    batches.anchor(centre, "calls", due_only=True)
    accept(centre.store, 1, 5, at=now() - 20)
    with centre.store.writing() as connection:
        draft(connection, 1, 17, 9, at=now() - 900)
    one, two = batches.status(centre)
    assert (one.stream, one.number, one.accepted, one.anchored, one.batches, one.waiting) == (
        *("calls", 1),
        *(17, 10, 1, 7),
    )
    assert 500 <= (one.oldest_waiting or 0) < 560
    assert (two.accepted, two.anchored, two.batches, two.waiting) == (3, 0, 0, 3)
    assert 50 <= (two.oldest_waiting or 0) < 110
    batches.anchor(centre)
    assert [(one.waiting, one.oldest_waiting) for one in batches.status(centre)] == [(0, None)] * 2


def test_clock_put_back_makes_no_negative_age(centre: Office) -> None:
    """What was accepted in the future has waited no time."""
    accept(centre.store, 1, 1, at=now() + 1_000)
    assert batches.status(centre)[0].oldest_waiting == 0
