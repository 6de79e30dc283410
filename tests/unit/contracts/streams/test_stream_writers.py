"""Who may write a stream.

setWriter
├── caller is no compliance officer: refused, see authority/test_roles.py
├── stream 0 · stream beyond the last: refused
├── writer is zero: refused
└── else: allowed from the next call on, or no longer; event, if nothing changes too
isWriter: of this stream alone
"""

from __future__ import annotations

import pytest
from support import Actor, Suite, emitted, refuses
from support.streams import Stream, opened

from troth.chain.contracts import Contract


@pytest.mark.parametrize("allowed", [True, False])
def test_set_writer_says_who_may_and_by_whom(
    streams: Contract, stream: Stream, compliance: Actor, stranger: Actor, allowed: bool
) -> None:
    """Said too if it was so before."""
    for _ in range(2):
        receipt = compliance.send(streams, "setWriter", 1, stranger.address, allowed)
        said = [(1, stranger.address, allowed, compliance.address)]
        assert emitted(receipt, streams, "WriterSet") == said
        assert streams.call("isWriter", 1, stranger.address) == allowed


@pytest.mark.parametrize("number", [0, 2, 2**256 - 1])
def test_set_writer_refuses_unknown_stream(
    streams: Contract, stream: Stream, compliance: Actor, stranger: Actor, number: int
) -> None:
    """There is one, number 1."""
    with refuses("StreamsUnknown", stream=number):
        compliance.send(streams, "setWriter", number, stranger.address, True)
    assert not streams.call("isWriter", number, stranger.address)


def test_set_writer_refuses_nobody(streams: Contract, stream: Stream, compliance: Actor) -> None:
    """Zero signs nothing."""
    with refuses("StreamsZeroWriter"):
        compliance.send(streams, "setWriter", 1, "0x" + "00" * 20, True)


def test_writer_writes_this_stream_alone(
    suite: Suite, streams: Contract, compliance: Actor, stranger: Actor
) -> None:
    """A writer of one is a stranger to the other."""
    one, other = opened(suite), opened(suite, "chats")
    compliance.send(streams, "setWriter", one.number, stranger.address, True)
    assert [streams.call("isWriter", n, stranger.address) for n in (0, 1, 2, 3)] == [
        False,
        True,
        False,
        False,
    ]
    one.writer = other.writer = stranger
    one.anchor()
    with refuses("StreamsNotWriter", stream=2, account=stranger.address):
        other.anchor()


def test_writer_taken_away_writes_no_more(
    stream: Stream, streams: Contract, compliance: Actor, writer: Actor
) -> None:
    """From the next call on; what they wrote stays."""
    stream.anchor()
    compliance.send(streams, "setWriter", 1, writer.address, False)
    with refuses("StreamsNotWriter", stream=1, account=writer.address):
        stream.anchor()
    assert streams.call("commitments", 1, 0, 1) == stream.commitments


@pytest.mark.parametrize("name", ["operator", "compliance", "insurer", "stranger", "guardian"])
def test_no_role_writes_a_stream(suite: Suite, stream: Stream, name: str) -> None:
    """Only its writers do, not even who made it or administers."""
    stream.writer = suite[name]
    with refuses("StreamsNotWriter", stream=1, account=suite[name].address):
        stream.anchor()


@pytest.mark.parametrize("number", [0, 2, 2**256 - 1])
def test_unknown_stream_has_no_writers(stream: Stream, writer: Actor, number: int) -> None:
    """A writer of another cannot begin it."""
    with refuses("StreamsNotWriter", stream=number, account=writer.address):
        writer.send(stream.contract, "anchor", *stream.next()._replace(stream=number))
