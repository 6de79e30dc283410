"""What the switch counted.

declareCount
├── caller is no operator: refused, see authority/test_roles.py
├── stream unknown: refused
├── period empty · backwards · not over: refused
└── else: event; said again, said again
"""

from __future__ import annotations

import pytest
from support import Actor, emitted, refuses
from support.defaults import DAY, START
from support.streams import Stream

from troth.chain.contracts import Contract


@pytest.mark.parametrize("period", [(START - DAY, START), (0, 1), (START - 1, START), (0, START)])
@pytest.mark.parametrize("count", [0, 1, 2**48 - 1])
def test_declare_count_says_period_count_and_who(
    streams: Contract, stream: Stream, operator: Actor, period: tuple[int, int], count: int
) -> None:
    """A period is over when its end is now. A corrected count is another event."""
    for _ in range(2):
        receipt = operator.send(streams, "declareCount", 1, *period, count)
        assert emitted(receipt, streams, "CountDeclared") == [(1, *period, count, operator.address)]


@pytest.mark.parametrize(
    ("start", "until"),
    [
        (START, START),
        (0, 0),
        (START - 1, START - 2),
        (START, 0),
        (START - DAY, START + 1),
        (START, START + DAY),
        (0, 2**40 - 1),
    ],
)
def test_declare_count_refuses_period_that_is_empty_or_not_over(
    streams: Contract, stream: Stream, operator: Actor, start: int, until: int
) -> None:
    """Nobody has counted what is still to come."""
    with refuses("StreamsBadPeriod", **{"from": start, "until": until}):
        operator.send(streams, "declareCount", 1, start, until, 3)


@pytest.mark.parametrize("number", [0, 2, 2**256 - 1])
def test_declare_count_refuses_unknown_stream(
    streams: Contract, stream: Stream, operator: Actor, number: int
) -> None:
    """There is one, number 1."""
    with refuses("StreamsUnknown", stream=number):
        operator.send(streams, "declareCount", number, START - DAY, START, 3)
