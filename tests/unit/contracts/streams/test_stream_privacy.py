"""N4: no personal data, and no hash of it without a salt, reaches the chain.

What a salt is, the package sees to. The contract sees to it that there is no room for anything else: of a
batch it takes and tells numbers, times and 32-byte words; of a stream its name, and its class of records.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from support import Suite, emitted
from support.chain import ROOT
from support.defaults import START
from support.streams import Batch, Stream, record, word

from troth.chain.contracts import Contract
from troth.trees.keccak import keccak

NUMBERS = ("uint256", "uint48", "uint40", "bool", "address")
WORDS = {
    *("root", "subjects", "previousContents", "previous", "matter", "record", "path"),
}
"""What may be in a word or a list of words: hashes, and what a matter is known by."""
TEXTS = {("create", "name"), ("streamOf", "name"), ("StreamCreated", "name")} | {
    (of, "class") for of in ("setRetention", "RetentionSet")
}
"""All there is of text: chosen by the office for streams and classes, not for anybody's records."""


def places(items: list[dict[str, Any]], of: str) -> list[tuple[str, str, str]]:
    """Function or event, field, type: structs taken apart."""
    found = []
    for item in items:
        if item["type"].startswith("tuple"):
            found += places(item["components"], of)
        else:
            found.append((of, item["name"], item["type"]))
    return found


def abi() -> list[dict[str, Any]]:
    """As compiled."""
    content = json.loads((ROOT / "troth" / "artifacts" / "Streams.json").read_text(encoding="utf-8"))
    return [one for one in content["abi"] if one["type"] in {"function", "event"}]


def test_contract_takes_and_tells_hashes_numbers_and_times_n4() -> None:
    """N4: every field of every call and event is one of those, or a name the office gives."""
    fields = [field for one in abi() for field in places(one["inputs"], one["name"])]
    assert len(fields) > 40
    texts = {(of, name) for of, name, kind in fields if kind == "string"}
    words = {name for _, name, kind in fields if kind in {"bytes32", "bytes32[]"}}
    assert texts == TEXTS
    assert words == WORDS
    assert {kind for *_, kind in fields} == {*NUMBERS, "string", "bytes32", "bytes32[]"}


@pytest.mark.parametrize("count", [1, 100_000])
def test_anchoring_brings_seven_words_n4(stream: Stream, count: int) -> None:
    """N4: of any number of records. Nothing is left over beside what the batch is made of."""
    following = stream.next(count, root=record(count))
    data = stream.contract.encode("anchor", *following)
    signature = "anchor(uint256,uint256,uint256,uint256,bytes32,bytes32,bytes32)"
    assert data == keccak(signature.encode())[:4] + b"".join(map(word, following))
    assert len(data) == 4 + 7 * 32


def test_anchoring_says_seven_words_n4(stream: Stream, streams: Contract) -> None:
    """N4: the event's kind, stream and number to search by; records, time and two roots to read."""
    following = stream.next(5)
    (log,) = stream.anchor(5).logs
    topic = keccak(b"Anchored(uint256,uint256,uint256,uint256,bytes32,bytes32)")
    assert [bytes.fromhex(one[2:]) for one in log["topics"]] == [topic, word(1), word(1)]
    said = b"".join(map(word, (5, START, following.root, following.subjects)))
    assert bytes.fromhex(log["data"][2:]) == said
    assert log["address"].lower() == streams.address.lower()


def test_anchoring_keeps_one_word_n4(suite: Suite, stream: Stream) -> None:
    """N4: of all slots only the batch's changes, to its commitment."""
    streams, writer = stream.contract, stream.writer
    data = f"0x{streams.encode('anchor', *stream.next()).hex()}"
    call = {"from": writer.address, "to": streams.address, "data": data}
    tracer = {"tracer": "prestateTracer", "tracerConfig": {"diffMode": True}}
    changed = suite.node.call("debug_traceCall", [call, "latest", tracer])["post"]
    slots = changed[streams.address.lower()]["storage"]
    stream.anchor()
    (value,) = slots.values()
    assert bytes.fromhex(value[2:]) == stream.last
    assert set(changed) <= {streams.address.lower(), writer.address.lower(), "0x" + "00" * 20}


def test_every_event_of_a_stream_says_who_or_which_batch_n4(
    suite: Suite, stream: Stream, streams: Contract
) -> None:
    """N4: an index is by stream; `by` is whose key signed, never a customer's."""
    tellers = [one for one in abi() if one["type"] == "event" and one["name"] != "AuthorityUpdated"]
    for one in tellers:
        assert (one["inputs"][0]["name"], one["inputs"][0]["indexed"]) == ("stream", True)
        assert ("by" in [field["name"] for field in one["inputs"]]) == (one["name"] != "Anchored")
    receipt = suite["operator"].send(streams, "create", "chats", suite["writer"].address)
    assert emitted(receipt, streams, "StreamCreated")[0].by == suite["operator"].address
    assert Batch._fields == tuple(field["name"] for field in batch_of_abi())


def batch_of_abi() -> list[dict[str, Any]]:
    """The fields that a commitment opens to, as compiled."""
    (asked,) = [one for one in abi() if one["name"] == "commitmentOf"]
    return list(asked["inputs"][0]["components"])
