"""The standard cases of streams, by what each calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from support import Suite
from support.defaults import DAY, START
from support.streams import NAME, opened, record

from troth.chain.transactions import Receipt

Case = Callable[[Suite], Receipt]

MATTER, OTHER = record(1), record(2)
ONE = 1
"""The stream's number."""


def create(suite: Suite) -> Receipt:
    """The first, and its first writer."""
    return suite["operator"].send(suite.streams, "create", NAME, suite["writer"].address)


def anchor(suite: Suite, count: int, after: int = 0) -> Receipt:
    """A batch, after others of as many records."""
    stream = opened(suite)
    for _ in range(after):
        stream.anchor(count, record(0))
    return stream.anchor(count, record(1))


def declare_count(suite: Suite) -> Receipt:
    """Of a day that is over."""
    create(suite)
    return suite["operator"].send(suite.streams, "declareCount", ONE, START - DAY, START, 100_000)


def hold(suite: Suite, after: int = 0) -> Receipt:
    """By one matter, after another."""
    create(suite)
    for matter in (OTHER, MATTER)[1 - after :]:
        receipt = suite["compliance"].send(suite.streams, "hold", ONE, matter)
    return receipt


def release(suite: Suite) -> Receipt:
    """Of the only matter."""
    hold(suite)
    return suite["compliance"].send(suite.streams, "release", ONE, MATTER)


def set_retention(suite: Suite) -> Receipt:
    """Five years."""
    create(suite)
    return suite["compliance"].send(suite.streams, "setRetention", ONE, "contracts", 5 * 365 * DAY)


def set_writer(suite: Suite) -> Receipt:
    """A second one."""
    create(suite)
    return suite["compliance"].send(suite.streams, "setWriter", ONE, suite["stranger"].address, True)


STREAM_CASES: dict[str, Case] = {
    "Streams.anchor, 1 record": partial(anchor, count=1),
    "Streams.anchor, 1 record, third batch": partial(anchor, count=1, after=2),
    "Streams.anchor, 100 records": partial(anchor, count=100),
    "Streams.anchor, 100,000 records": partial(anchor, count=100_000),
    "Streams.create": create,
    "Streams.declareCount": declare_count,
    "Streams.hold, first": hold,
    "Streams.hold, second": partial(hold, after=1),
    "Streams.release": release,
    "Streams.setRetention": set_retention,
    "Streams.setWriter": set_writer,
}
