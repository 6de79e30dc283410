"""A record of a receipt, and its place in a batch, broken in one place at a time by a writer of all the rest.

Branches: fields: none, the first withheld, other names, too few, too many, doubled, no pointers · texts that
are no JSON, or not in their form · inclusion with a field withheld · link: each member · amendments · index:
before, after the batch, another's · path: short, long, swapped, another's, of a node · text, salt, digest.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from breaking import reanchored, rechained, refusal, renamed
from support.handmade_receipts import Contact, Receipt, Stream, compact, hexed, sha256, subject, written

from verifier.verify_receipt import Verdict, verify

Refuses = Callable[..., None]
FIELDS = "$.records[0].fields"


# --- fields


def test_verify_accepts_a_record_anchored_anew(inclusion: Receipt, accepted: Callable[..., Verdict]) -> None:
    """What the tests here break is right before: another text, anchored as such, is another record."""

    def alter(receipt: Receipt) -> None:
        receipt["records"][0]["fields"][4]["text"] = '"rejected"'
        reanchored(receipt)

    assert accepted(inclusion, alter).proved[-1] == "'/outcome' is '\"rejected\"'"


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["fields", "link", "raw", "/id"], "names 4 fields, and there are 5"),
        (["fields", "link", "raw", "/id", "/outcome", "/more"], "names 6 fields, and there are 5"),
        (["fields", "link", "raw", "/id", "/id"], "names a field twice"),
        (["fields", "raw", "link", "/id", "/outcome"], "must name `fields`, `link`, `raw`, and then"),
        (["Fields", "link", "raw", "/id", "/outcome"], "must name `fields`, `link`, `raw`, and then"),
        (["fields", "link", "raw", "/id", "outcome"], "must name `fields`, `link`, `raw`, and then"),
        (["fields", "link", "raw", "link", "/outcome"], "must name `fields`, `link`, `raw`, and then"),
        (["fields", "link", "raw", "", "/outcome"], "must name `fields`, `link`, `raw`, and then"),
    ],
)
def test_verify_refuses_other_names(names: list[str], why: str, inclusion: Receipt, refused: Refuses) -> None:
    """The first field names every field, each once, the three of every record first."""
    refused(inclusion, lambda receipt: renamed(receipt, names), f"{FIELDS}[0]", why)


@pytest.mark.parametrize(
    ("text", "at", "why"),
    [
        ("", "", "is not JSON: line 1, column 1"),
        ("{}", "", "must be an array"),
        ('"fields"', "", "must be an array"),
        ('["fields","link","raw","/id",4]', "[4]", "must be a string, and is 4"),
        ('["fields","link","raw","/id",null]', "[4]", "must be a string, and is null"),
        ('["fields", "link","raw","/id","/outcome"]', "", "is not in the one form"),
        ('["fields","link","raw","/id","\\/outcome"]', "", "is not in the one form"),
        ('["fields","link","raw","/id","/\\ud800"]', "", "is not in the one form"),
        ('["fields","link","raw","/id","/outcome"]\n', "", "is not in the one form"),
        ("[" * 100_000, "", "is nested too deep"),
    ],
)
def test_verify_refuses_names_that_are_none(
    text: str, at: str, why: str, inclusion: Receipt, refused: Refuses
) -> None:
    """The first field's text is an array of strings in its one form."""

    def alter(receipt: Receipt) -> None:
        receipt["records"][0]["fields"][0]["text"] = text
        reanchored(receipt)

    refused(inclusion, alter, f"{FIELDS}[0].text{at}", why)


def test_verify_refuses_more_fields_than_a_record_can_have(refused: Refuses) -> None:
    """10,000 of the document, and its own three; at once, not after all are hashed and named."""

    def more(receipt: Receipt) -> None:
        receipt["records"][0]["fields"].append({"digest": hexed(bytes(32))})

    document = {f"/{i}": str(i) for i in range(10_000)}
    widest = Stream([[Contact(1, document=document)]]).disclosure(0, ["link"])
    assert verify(written(widest)).proved[0].endswith(": 2 of 10003 fields, 10001 withheld.")
    refused(widest, more, FIELDS, "are more than a record has: 10,003")


def test_verify_refuses_the_first_field_withheld(disclosure: Receipt, refused: Refuses) -> None:
    """Without the names nobody knows what is shown."""

    def alter(receipt: Receipt) -> None:
        first = receipt["records"][0]["fields"][0]
        digest = sha256(bytes.fromhex(first["salt"][2:]), first["text"].encode())
        receipt["records"][0]["fields"][0] = {"digest": hexed(digest)}

    refused(disclosure, alter, f"{FIELDS}[0]", "must be shown")
    refused(
        disclosure, lambda receipt: receipt["records"][0].update(fields=[]), f"{FIELDS}[0]", "must be shown"
    )


def test_verify_refuses_an_inclusion_with_a_field_withheld(stream: Stream) -> None:
    """An inclusion is the whole record; a disclosure may be."""
    whole = stream.records[3].names
    part = {**stream.disclosure(3, whole[:-1]), "kind": "inclusion"}
    caught = refusal(written(part))
    assert (caught.where, caught.why) == (FIELDS, "must all be shown, in an inclusion")


@pytest.mark.parametrize("position", range(5))
@pytest.mark.parametrize("member", ["salt", "text", "digest"])
def test_verify_refuses_other_fields(member: str, position: int, stream: Stream, refused: Refuses) -> None:
    """Each field's salt, text or digest leads to the root."""
    shown = [] if member == "digest" else stream.records[3].names
    receipt = stream.disclosure(3, shown)
    if member == "digest" and position == 0:
        return  # is never withheld
    value = receipt["records"][0]["fields"][position][member]
    other = value[:-1] + ("1" if value[-1] == "0" else "0")
    if member == "text":
        other = (
            value.replace("raw", "row")
            .replace("json", "vcon")
            .replace("c-1", "c-2")
            .replace("resolved", "no")
        )
    refused(
        receipt,
        lambda altered: altered["records"][0]["fields"][position].update({member: other}),
        f"{FIELDS}[0]" if (member, position) == ("text", 0) else "$.records[0]",
        "must name" if (member, position) == ("text", 0) else "does not lead to the root of batch 1",
    )


def test_verify_refuses_text_moved_into_the_salt(inclusion: Receipt, refused: Refuses) -> None:
    """A salt has one length, so salt and text cannot be cut elsewhere."""

    def alter(receipt: Receipt) -> None:
        field = receipt["records"][0]["fields"][4]
        field["salt"], field["text"] = field["salt"] + "22", field["text"][1:]

    refused(inclusion, alter, f"{FIELDS}[4].salt", "must be 0x and 32")


# --- link


def linked(receipt: Receipt, **members: Any) -> None:
    """Alters the link, and anchors the record anew."""
    field = receipt["records"][0]["fields"][1]
    link = {**json.loads(field["text"]), **members}
    field["text"] = compact({name: value for name, value in link.items() if value != "gone"})
    reanchored(receipt)


ZERO = "0x" + 64 * "0"


@pytest.mark.parametrize(
    ("members", "at", "why"),
    [
        ({"subject": "0x12"}, ".subject", "must be 0x and 64"),
        ({"subject": "gone"}, "", "must have the members subject"),
        ({"more": 1}, "", "must have the members subject"),
        ({"number": 0}, ".number", "an integer from 1"),
        ({"number": True}, ".number", "an integer from 1"),
        ({"number": 1.0}, ".number", "an integer from 1"),
        ({"number": 2}, "", "must name a record before, unless its number is 1"),
        ({"previous": ZERO}, "", "must name a record before, unless its number is 1"),
        ({"number": 2, "previous": ZERO.upper()}, ".previous", "must be null or 0x and 64"),
        ({"number": 2, "previous": False}, ".previous", "must be null or 0x and 64"),
        ({"start": "2026-01-01T00:00:00.5Z"}, ".start", "must be a time"),
        ({"start": 1767225600}, ".start", "must be a time"),
        ({"kind": "fax"}, ".kind", "vcon, cdr, json or erasure"),
        ({"amends": None}, ".amends", "must be an object"),
        ({"amends": {"index": 0}}, ".amends", "must have the members index, record"),
        ({"amends": {"index": -1, "record": ZERO}}, ".amends.index", "an integer from 0"),
        ({"amends": {"index": 0, "record": "0x"}}, ".amends.record", "must be 0x and 64"),
    ],
)
def test_verify_refuses_other_links(
    members: dict[str, Any], at: str, why: str, inclusion: Receipt, refused: Refuses
) -> None:
    """The link has its members, each of its type, in order; the first has none before it."""
    refused(inclusion, lambda receipt: linked(receipt, **members), f"{FIELDS}[1].text{at}", why)


@pytest.mark.parametrize("kind", ["vcon", "cdr", "json", "erasure"])
def test_verify_accepts_records_of_each_kind(
    kind: str, inclusion: Receipt, accepted: Callable[..., Verdict]
) -> None:
    """All four kinds of record have receipts."""
    link = inclusion["records"][0]["fields"][1]
    link["text"] = link["text"].replace('"json"', f'"{kind}"')
    assert f'"kind":"{kind}"' in accepted(inclusion, reanchored).proved[1]


@pytest.mark.parametrize("text", ['{"subject": "0x"}', "null", "", "[]", '{"subject":1,"subject":2}'])
def test_verify_refuses_links_that_are_none(text: str, inclusion: Receipt, refused: Refuses) -> None:
    """The link's text is JSON in its one form."""

    def alter(receipt: Receipt) -> None:
        receipt["records"][0]["fields"][1]["text"] = text
        reanchored(receipt)

    with pytest.raises(AssertionError, match=r"\$\.records\[0\]\.fields\[1\]\.text"):
        refused(inclusion, alter, "elsewhere", "")


def test_verify_refuses_a_link_with_a_member_twice(inclusion: Receipt, refused: Refuses) -> None:
    """What other readers might read otherwise is refused."""

    def alter(receipt: Receipt) -> None:
        field = receipt["records"][0]["fields"][1]
        field["text"] = '{"number":7,' + field["text"][1:]
        reanchored(receipt)

    refused(inclusion, alter, f"{FIELDS}[1].text", "must have the members")

    def doubled(receipt: Receipt) -> None:
        field = receipt["records"][0]["fields"][1]
        field["text"] = field["text"][:-1] + ',"kind":"json"}'
        reanchored(receipt)

    refused(inclusion, doubled, f"{FIELDS}[1].text", "is not in the one form")


# --- amendments


@pytest.mark.parametrize("index", [3, 4, 2**53 - 1])
def test_verify_refuses_amendments_of_later_records(index: int, inclusion: Receipt, refused: Refuses) -> None:
    """An amendment amends what was there before it."""
    amends = {"index": index, "record": ZERO}

    def alter(receipt: Receipt) -> None:
        receipt["batches"][0].update(number=2, first=3)
        linked(receipt, amends=amends)

    refused(inclusion, alter, f"{FIELDS}[1]", "amends a record that does not come before it")


def test_verify_refuses_amendments_of_other_records_than_shown() -> None:
    """Where the amended record is shown too, it is the one that the amendment names."""
    stream = Stream([[Contact(1)], [Contact(1, amends=0)]])
    receipt = stream.completeness(subject(1))
    field = receipt["records"][1]["fields"][1]
    link = json.loads(field["text"])
    link["amends"]["record"] = ZERO
    field["text"] = compact(link)
    second = {"batches": receipt["batches"][1:], "records": receipt["records"][1:]}
    reanchored(second)
    caught = refusal(written(receipt))
    assert caught.where == "$.records[1].fields[1]"
    assert caught.why == "amends a record that is another here"


# --- places


@pytest.mark.parametrize(
    ("index", "where", "why"),
    [
        (2, "$.records[0]", "does not lead to the root of batch 1"),
        (4, "$.records[0].path", "is too long for its tree"),
        (5, "$.records[0].index", "is outside of batch 1, which holds 0 to 4"),
        (2**53 - 1, "$.records[0].index", "is outside of batch 1, which holds 0 to 4"),
    ],
)
def test_verify_refuses_other_indexes(
    index: int, where: str, why: str, inclusion: Receipt, refused: Refuses
) -> None:
    """A path leads to one index."""
    refused(inclusion, lambda receipt: receipt["records"][0].update(index=index), where, why)


def test_verify_refuses_indexes_before_the_batch(stream: Stream, refused: Refuses) -> None:
    """A record of another batch is not in this one."""
    receipt = stream.inclusion(6)
    place = "is outside of batch 2, which holds 5 to 6"
    refused(receipt, lambda altered: altered["records"][0].update(index=4), "$.records[0].index", place)


@pytest.mark.parametrize(
    ("alter", "where", "why"),
    [
        (lambda path: path.pop(), "$.records[0].path", "is too short"),
        (lambda path: path.pop(0), "$.records[0].path", "is too short"),
        (lambda path: path.clear(), "$.records[0].path", "is too short"),
        (lambda path: path.append(path[0]), "$.records[0].path", "is too long"),
        (lambda path: path.insert(0, path[0]), "$.records[0].path", "is too long"),
        (lambda path: path.reverse(), "$.records[0]", "does not lead to the root"),
        (lambda path: path.__setitem__(0, path[1]), "$.records[0]", "does not lead to the root"),
    ],
)
def test_verify_refuses_other_paths(
    alter: Callable[[list[str]], Any], where: str, why: str, inclusion: Receipt, refused: Refuses
) -> None:
    """A path has its length and its order."""
    refused(inclusion, lambda receipt: alter(receipt["records"][0]["path"]), where, why)


@pytest.mark.parametrize("size", range(1, 41))
def test_verify_refuses_paths_of_other_lengths_and_indexes(size: int) -> None:
    """In trees of any size, a path one step shorter or longer, and another's path, prove nothing."""
    stream = Stream([[Contact(k) for k in range(size)]])
    for index in {0, size // 2, size - 1}:
        right = stream.inclusion(index)["records"][0]["path"]
        other = stream.inclusion((index + 1) % size)["records"][0]["path"]
        for path in (right[:-1], right[1:], [*right, ZERO], [ZERO, *right], other):
            receipt = stream.inclusion(index)
            receipt["records"][0]["path"] = path
            if path != right:
                assert refusal(written(receipt)).where.startswith("$.records[0]")


def test_verify_refuses_a_node_as_a_record(refused: Refuses) -> None:
    """Two leaves' hashes side by side are not a record: leaves and nodes are hashed apart."""
    stream = Stream([[Contact(1)], [Contact(k) for k in range(4)]])
    node, other = stream.batches[1].path(1)
    receipt = stream.disclosure(0, [])

    def alter(altered: Receipt) -> None:
        altered["batches"] = stream.disclosure(1, [])["batches"]
        altered["batches"][0]["count"] = 2
        altered["records"][0].update(index=1, path=[other])
        altered["records"][0]["fields"].append({"digest": node})

    names = compact([*json.loads(receipt["records"][0]["fields"][0]["text"]), "/node"])
    receipt["records"][0]["fields"][0]["text"] = names
    refused(receipt, alter, "$.records[0]", "does not lead to the root of batch 2")


@pytest.mark.parametrize("member", ["batches", "records"])
def test_verify_refuses_two_of_what_is_one(member: str, stream: Stream, refused: Refuses) -> None:
    """An inclusion and a disclosure are of one record in one batch."""
    two = stream.inclusion(5)
    if member == "batches":
        two["batches"] = [*stream.inclusion(0)["batches"], *two["batches"]]
        refused(two, rechained, "$.batches", "must hold one batch")
    else:
        refused(
            two, lambda receipt: receipt["records"].append(stream.record(6)), "$.records", "must hold one"
        )
