"""Making streams.

create
├── caller is no operator: refused, see authority/test_roles.py
├── name is empty · longer than 64 bytes · anything but a to z, digits and hyphens: refused
├── writer is zero: refused
├── name is another stream's: refused, and the stream named
└── else: numbered from 1, written by the writer, its origin committed to; events
streamOf: the number of a name, 0 for any other
"""

from __future__ import annotations

import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import Actor, Suite, emitted, refuses
from support.streams import NAME, NO_WORD, commitment_of, opened, origin_contents

from troth.chain.contracts import Contract
from troth.chain.transactions import Call
from troth.errors import ContractRefused
from troth.trees.keccak import keccak

NOBODY = "0x" + "00" * 20
ALLOWED = string.ascii_lowercase + string.digits + "-"
LONGEST = "a" * 64


def test_create_says_number_name_and_writer(streams: Contract, operator: Actor, writer: Actor) -> None:
    """Two events, the writer's after the stream's."""
    receipt = operator.send(streams, "create", NAME, writer.address)
    assert [event.name for event in streams.events(receipt)] == ["StreamCreated", "WriterSet"]
    assert emitted(receipt, streams, "StreamCreated") == [(1, NAME, operator.address)]
    assert emitted(receipt, streams, "WriterSet") == [(1, writer.address, True, operator.address)]
    assert streams.call("isWriter", 1, writer.address)
    assert not streams.call("isWriter", 1, operator.address)


def test_create_numbers_streams_from_one(suite: Suite, streams: Contract) -> None:
    """Without gaps, whatever they are called."""
    names = ["calls", "chats", "calls-2", "0", "-"]
    assert [opened(suite, name).number for name in names] == [1, 2, 3, 4, 5]
    assert [streams.call("streamOf", name) for name in names] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("name", ["call", "callss", "Calls", "", " calls"])
def test_stream_of_another_name_is_none(suite: Suite, streams: Contract, name: str) -> None:
    """Names are told apart to the byte."""
    opened(suite, "calls")
    assert streams.call("streamOf", name) == 0


@pytest.mark.parametrize("name", [NAME, LONGEST, "a", "z", "0", "9", "-"])
def test_create_commits_to_chain_contract_number_and_name(suite: Suite, streams: Contract, name: str) -> None:
    """The origin: number 0, with no record before it."""
    opened(suite, "first")
    stream = opened(suite, name)
    contents = origin_contents(suite.node.chain_id, streams.address, 2, name)
    assert stream.contents == contents
    assert streams.call("commitments", 2, 0, 1) == (commitment_of(contents, 0), NO_WORD)


@pytest.mark.parametrize(
    "name",
    [
        "",
        LONGEST + "a",
        "a" * 1_000,
        "Calls",
        "calls 2",
        "calls_2",
        "anrufe-für-köln",
        "звонки",
        "calls\0",
        "calls\n",
        "+49-221-555",
        *map(chr, (0x20, 0x2C, 0x2E, 0x2F, 0x3A, 0x60, 0x7B, 0x7F)),
    ],
    ids=ascii,
)
def test_create_refuses_name_that_is_none(
    streams: Contract, operator: Actor, writer: Actor, name: str
) -> None:
    """And says which. The last are the neighbours of what is allowed."""
    with refuses("StreamsBadName", name=name):
        operator.send(streams, "create", name, writer.address)
    assert streams.call("streamOf", name) == 0


@given(st.text(max_size=70) | st.text(ALLOWED, max_size=70))
@settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_create_takes_exactly_the_names_of_the_rule(
    streams: Contract, operator: Actor, writer: Actor, name: str
) -> None:
    """Any text at all: 1 to 64 of the 37 characters, and nothing else."""
    is_name = 1 <= len(name) <= 64 and set(name) <= set(ALLOWED)
    try:
        number = streams.call("create", name, writer.address, sender=operator.address)
    except ContractRefused as refused:
        assert (refused.name, refused.arguments, is_name) == ("StreamsBadName", {"name": name}, False)
    else:
        assert (number, is_name) == (1, True)


def test_create_refuses_bytes_that_are_no_text(streams: Contract, operator: Actor, writer: Actor) -> None:
    """Half a character of UTF-8 is no letter."""
    data = streams.encode("create", "caf-", writer.address).replace(b"caf-", b"caf\xc3")
    with pytest.raises(ContractRefused) as caught:
        operator.submit(Call(streams.address, data))
    assert caught.value.name == f"0x{keccak(b'StreamsBadName(string)')[:4].hex()}"


def test_create_refuses_nobody_as_writer(streams: Contract, operator: Actor) -> None:
    """A stream that nobody can write is a mistake."""
    with refuses("StreamsZeroWriter"):
        operator.send(streams, "create", NAME, NOBODY)


def test_create_refuses_name_of_another_stream(suite: Suite, streams: Contract, operator: Actor) -> None:
    """It says whose; what follows is numbered as if nothing had been asked."""
    opened(suite, "chats")
    opened(suite)
    with refuses("StreamsNameTaken", name=NAME, stream=2):
        opened(suite)
    assert opened(suite, "more-calls").number == 3
