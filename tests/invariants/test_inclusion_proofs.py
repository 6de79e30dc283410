"""N2: a proof verifies if and only if the record is unchanged and at that index.

For any records in batches of any size: what the package makes is proved by the verifier, which shares no code
with it, for each record at its own index; and no other text, salt, record, index or path is, whatever else of
the receipt is made to fit.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.handmade_receipts import written as sealed_and_written

from troth import verify_receipt
from troth.interactions import commitments, receipts, records
from troth.interactions.commitments import Batch
from troth.interactions.receipts import hexed
from troth.trees.rfc9162 import Tree

RANDOM = settings(
    max_examples=120,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],  # by the clock of a busy machine
)
CHAIN, CONTRACT = 31337, "0x" + "5f" * 20
texts = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12)
documents = st.dictionaries(texts.map(lambda text: "/" + text), texts.map(json.dumps), min_size=1, max_size=4)


@dataclass(frozen=True)
class Anchored:
    """A batch of records, as the package makes it."""

    first: int
    fields: list[tuple[records.Field, ...]]
    tree: Tree

    @property
    def batch(self) -> Batch:
        """The second of its stream, unless it begins it."""
        number = 2 if self.first else 1
        return Batch(1, number, self.first, len(self.fields), 99, self.tree.root, bytes(32), b"\7" * 32)

    @property
    def commitment(self) -> str:
        """Its word."""
        return hexed(commitments.commitment(CHAIN, CONTRACT, self.batch))

    def receipt(self, place: int) -> dict[str, Any]:
        """For the whole record there."""
        batch = self.batch
        shown = {name: getattr(batch, name) for name in ("number", "first", "count", "time")}
        shown |= {name: hexed(getattr(batch, name)) for name in ("root", "subjects", "previous")}
        fields = [{"salt": hexed(one.salt), "text": one.text.decode()} for one in self.fields[place]]
        path = [hexed(node) for node in self.tree.path(place)]
        return {
            "troth_receipt": 1,
            "kind": "inclusion",
            "chain": CHAIN,
            "contract": CONTRACT,
            "stream": 1,
            "name": "calls",
            "batches": [{**shown, "transaction": hexed(bytes(32))}],
            "records": [{"index": self.first + place, "path": path, "fields": fields}],
        }


@st.composite
def batches_of_records(draw: Any) -> Anchored:
    """Records of random documents, the first at 0 or later."""
    count, some = draw(st.integers(1, 40)), draw(st.lists(documents, min_size=1, max_size=3))
    first = draw(st.sampled_from([0, 1, 7, 2**40]))
    made = []
    for place in range(count):
        link = records.Link(sha256(bytes([place])).digest(), 1, None, place, "json")
        secret = sha256(b"secret %d" % place).digest()
        made.append(records.opened(secret, link.text(), b'"raw"', some[place % len(some)]))
    roots = [sha256(b"".join(one.digest for one in fields)).digest() for fields in made]
    return Anchored(first, made, Tree.build(roots))


def is_proved(receipt: dict[str, Any], commitment: str) -> bool:
    """By the verifier; the checksum is made to fit."""
    try:
        verify_receipt.verify(sealed_and_written(receipt), commitment=commitment)
    except verify_receipt.Refused:
        return False
    return True


@RANDOM
@given(batches_of_records(), st.data())
def test_n2_a_record_is_proved_at_its_index_and_at_no_other(
    anchored: Anchored, choice: st.DataObject
) -> None:
    """By its own path, and by any other's."""
    count = len(anchored.fields)
    place, other = (choice.draw(st.integers(0, count - 1)) for _ in range(2))
    receipt = anchored.receipt(place)
    assert receipts.written("inclusion", receipt, 0).text.encode() == sealed_and_written(receipt)
    assert is_proved(receipt, anchored.commitment)
    wrong = copy.deepcopy(receipt)
    wrong["records"][0]["index"] = choice.draw(
        st.sampled_from([anchored.first + other, anchored.first + count, max(0, anchored.first - 1)])
    )
    assert is_proved(wrong, anchored.commitment) == (wrong == receipt)
    wrong["records"][0]["path"] = anchored.receipt(other)["records"][0]["path"]
    assert is_proved(wrong, anchored.commitment) == (wrong == receipt)


@RANDOM
@given(batches_of_records(), st.data())
def test_n2_no_record_that_was_changed_is_proved(anchored: Anchored, choice: st.DataObject) -> None:
    """In a text or a salt, in the order or number of its fields, or altogether."""
    place = choice.draw(st.integers(0, len(anchored.fields) - 1))
    receipt = anchored.receipt(place)
    fields = receipt["records"][0]["fields"]
    at = choice.draw(st.integers(0, len(fields) - 1))
    kind = choice.draw(st.sampled_from(["text", "salt", "shifted", "less", "more", "swapped", "other"]))
    one = fields[at]
    if kind == "text":
        one["text"] = choice.draw(texts | st.just(one["text"] + " "))
    elif kind == "salt":
        one["salt"] = hexed(choice.draw(st.binary(min_size=16, max_size=16)))
    elif kind == "shifted":  # a byte from the text's beginning to the salt's end keeps the digest
        one["salt"], one["text"] = one["salt"] + one["text"][:1].encode().hex(), one["text"][1:]
    elif kind == "less":
        del fields[at]
    elif kind == "more":
        fields.insert(at, dict(one))
    elif kind == "swapped":
        fields[at], fields[at - 1] = fields[at - 1], fields[at]
    else:
        other = choice.draw(st.integers(0, len(anchored.fields) - 1))
        receipt["records"][0]["fields"] = anchored.receipt(other)["records"][0]["fields"]
    is_same = receipt == anchored.receipt(place)
    assert is_proved(receipt, anchored.commitment) == is_same


@RANDOM
@given(batches_of_records(), st.data())
def test_n2_no_path_that_was_changed_is_proved(anchored: Anchored, choice: st.DataObject) -> None:
    """Longer, shorter, in another order, or of other nodes: and no other size of the batch."""
    place = choice.draw(st.integers(0, len(anchored.fields) - 1))
    receipt = anchored.receipt(place)
    path = receipt["records"][0]["path"]
    nodes = choice.draw(st.lists(st.binary(min_size=32, max_size=32).map(hexed), min_size=1, max_size=2))
    kind = choice.draw(st.sampled_from(["longer", "shorter", "reversed", "other", "size"]))
    if kind == "longer":
        receipt["records"][0]["path"] = choice.draw(st.sampled_from([[*path, *nodes], [*nodes, *path]]))
    elif kind == "shorter":
        receipt["records"][0]["path"] = path[: choice.draw(st.integers(0, len(path)))]
    elif kind == "reversed":
        path.reverse()
    elif kind == "other" and path:
        path[choice.draw(st.integers(0, len(path) - 1))] = nodes[0]
    else:
        receipt["batches"][0]["count"] += choice.draw(st.integers(-3, 3))
    assert is_proved(receipt, anchored.commitment) == (receipt == anchored.receipt(place))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 33])
def test_n2_a_node_is_no_record(count: int) -> None:
    """Nor is a leaf's hash: what stands higher in the tree cannot be passed off as a record."""
    link = records.Link(bytes(32), 1, None, 0, "json")
    fields = [records.opened(bytes([place]) * 32, link.text(), b"1", {"/a": "1"}) for place in range(count)]
    roots = [sha256(b"".join(one.digest for one in each)).digest() for each in fields]
    anchored = Anchored(0, fields, Tree.build(roots))
    for place in range(count):
        receipt = anchored.receipt(place)
        for cut in range(len(receipt["records"][0]["path"])):
            wrong = copy.deepcopy(receipt)
            del wrong["records"][0]["path"][: cut + 1]
            assert not is_proved(wrong, anchored.commitment)
