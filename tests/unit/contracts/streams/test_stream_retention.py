"""How long records are kept.

setRetention
├── caller is no compliance officer: refused, see authority/test_roles.py
├── stream unknown: refused
└── else: event, the last of which counts
"""

from __future__ import annotations

import pytest
from support import Actor, emitted, refuses
from support.defaults import DAY
from support.streams import Stream

from troth.chain.contracts import Contract


@pytest.mark.parametrize("class_name", ["contracts", "UWG 7a, Einwilligungen", ""])
@pytest.mark.parametrize("period", [0, 5 * 365 * DAY, 2**40 - 1])
def test_set_retention_says_class_period_and_who(
    streams: Contract, stream: Stream, compliance: Actor, class_name: str, period: int
) -> None:
    """As given."""
    receipt = compliance.send(streams, "setRetention", 1, class_name, period)
    assert emitted(receipt, streams, "RetentionSet") == [(1, class_name, period, compliance.address)]
    assert len(receipt.logs) == 1


@pytest.mark.parametrize("number", [0, 2, 2**256 - 1])
def test_set_retention_refuses_unknown_stream(
    streams: Contract, stream: Stream, compliance: Actor, number: int
) -> None:
    """There is one, number 1."""
    with refuses("StreamsUnknown", stream=number):
        compliance.send(streams, "setRetention", number, "contracts", DAY)
