"""Legal holds, by several matters at once.

hold
├── caller is no compliance officer: refused, see authority/test_roles.py
├── stream unknown · held by this matter: refused
└── else: counted; event
release
├── caller is no compliance officer: refused, see authority/test_roles.py
├── stream unknown · not held by this matter, never or no longer: refused
└── else: counted; event
holdsOn: matters that hold this stream
"""

from __future__ import annotations

import pytest
from support import Actor, Suite, emitted, refuses
from support.streams import Stream, opened, record

from troth.chain.contracts import Contract

MATTER, OTHER = record(1), record(2)


def test_hold_and_release_say_matter_and_who(streams: Contract, stream: Stream, compliance: Actor) -> None:
    """One event each."""
    held = compliance.send(streams, "hold", 1, MATTER)
    assert emitted(held, streams, "Held") == [(1, MATTER, compliance.address)]
    released = compliance.send(streams, "release", 1, MATTER)
    assert emitted(released, streams, "Released") == [(1, MATTER, compliance.address)]
    assert len(held.logs) == len(released.logs) == 1


def test_stream_is_held_until_every_matter_is_released(
    streams: Contract, stream: Stream, compliance: Actor
) -> None:
    """Counted up and down; the same matter may hold again."""
    steps = [("hold", MATTER, 1), ("hold", OTHER, 2), ("release", MATTER, 1), ("hold", MATTER, 2)]
    steps += [("release", OTHER, 1), ("release", MATTER, 0), ("hold", OTHER, 1)]
    assert streams.call("holdsOn", 1) == 0
    for function, matter, count in steps:
        compliance.send(streams, function, 1, matter)
        assert streams.call("holdsOn", 1) == count


def test_hold_refuses_matter_that_holds_already(streams: Contract, stream: Stream, compliance: Actor) -> None:
    """One release would not end it."""
    compliance.send(streams, "hold", 1, MATTER)
    with refuses("StreamsAlreadyHeld", stream=1, matter=MATTER):
        compliance.send(streams, "hold", 1, MATTER)
    assert streams.call("holdsOn", 1) == 1


def test_release_refuses_matter_that_does_not_hold(
    streams: Contract, stream: Stream, compliance: Actor
) -> None:
    """Never did, or no longer does; the others' holds stay."""
    compliance.send(streams, "hold", 1, OTHER)
    for _ in range(2):
        with refuses("StreamsNotHeld", stream=1, matter=MATTER):
            compliance.send(streams, "release", 1, MATTER)
        compliance.send(streams, "hold", 1, MATTER)
        compliance.send(streams, "release", 1, MATTER)
    assert streams.call("holdsOn", 1) == 1


def test_hold_is_of_one_stream(suite: Suite, streams: Contract, compliance: Actor) -> None:
    """The same matter holds each by itself."""
    opened(suite)
    opened(suite, "chats")
    compliance.send(streams, "hold", 1, MATTER)
    assert [streams.call("holdsOn", number) for number in (0, 1, 2)] == [0, 1, 0]
    with refuses("StreamsNotHeld", stream=2, matter=MATTER):
        compliance.send(streams, "release", 2, MATTER)
    compliance.send(streams, "hold", 2, MATTER)
    assert [streams.call("holdsOn", number) for number in (1, 2)] == [1, 1]


@pytest.mark.parametrize("function", ["hold", "release"])
@pytest.mark.parametrize("number", [0, 2, 2**256 - 1])
def test_hold_and_release_refuse_unknown_stream(
    streams: Contract, stream: Stream, compliance: Actor, function: str, number: int
) -> None:
    """There is one, number 1."""
    with refuses("StreamsUnknown", stream=number):
        compliance.send(streams, function, number, MATTER)


def test_held_stream_is_written_on(streams: Contract, stream: Stream, compliance: Actor) -> None:
    """A hold keeps what there is; it stops nothing from being added."""
    compliance.send(streams, "hold", 1, MATTER)
    stream.anchor()
    assert streams.call("commitments", 1, 0, 1) == stream.commitments
