"""Batches and surveys, broken in one place at a time by a writer of all the rest.

Branches: batches: numbers, first records, times, chain, reordered, missing, doubled, of another stream,
contract or chain · beginning: origin, number 1, a batch before the period, none surveyed · period ·
opening: size, salt, root · entry: index, numbers, blind, path · gap: index, tag, detail, path, order,
room, ends · records: left out, one too many, doubled, reordered, renumbered, unlinked, hidden link,
another's, in another batch, within the period.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from breaking import rechained, refusal
from support.handmade_receipts import (
    Contact,
    Receipt,
    Roster,
    Stream,
    compact,
    hexed,
    sha256,
    subject,
    written,
)

from verifier.verify_receipt import verify

Refuses = Callable[..., None]
ZERO = "0x" + 64 * "0"
WRONG = "is not so in the batch's list of subjects"


# --- batches


@pytest.mark.parametrize(
    ("position", "members", "where", "why"),
    [
        (0, {"first": 1}, "$.batches[0].first", "must be 0 in batch 1, and in no other"),
        (1, {"first": 0}, "$.batches[1].first", "must be 0 in batch 1, and in no other"),
        (1, {"first": 4}, "$.batches[1].first", "must be 5, where the batch before ended"),
        (1, {"first": 6}, "$.batches[1].first", "must be 5, where the batch before ended"),
        (1, {"number": 3}, "$.batches[1].number", "must be 2, after the batch before"),
        (1, {"time": 1}, "$.batches[1].time", "is earlier than the batch before"),
        (1, {"count": 2**53 - 1}, "$.batches[1].count", "is too large"),
        (1, {"previous": ZERO}, "$.batches[1].previous", "is not the commitment of the batch before"),
        (0, {"count": 6}, "$.batches[1].first", "must be 6, where the batch before ended"),
        (0, {"time": 1767229199}, "$.batches[1].previous", "is not the commitment of the batch before"),
        (0, {"root": ZERO}, "$.batches[1].previous", "is not the commitment of the batch before"),
        (0, {"subjects": ZERO}, "$.batches[1].previous", "is not the commitment of the batch before"),
        (0, {"previous": ZERO}, "$.batches[1].previous", "is not the commitment of the batch before"),
    ],
)
def test_verify_refuses_other_batches(
    position: int, members: dict[str, Any], where: str, why: str, *, completeness: Receipt, refused: Refuses
) -> None:
    """Each batch follows on the one before: number, records, time, commitment."""
    refused(completeness, lambda receipt: receipt["batches"][position].update(members), where, why)


@pytest.mark.parametrize(
    "members", [{"chain": 1}, {"contract": "0x" + 40 * "0"}, {"stream": 2}, {"name": "chats"}]
)
def test_verify_refuses_another_place(
    members: dict[str, Any], completeness: Receipt, refused: Refuses
) -> None:
    """A commitment holds on one chain, in one contract, in one stream; a stream's origin for one name."""
    where = "$.batches[0].previous" if "name" in members else "$.batches[1].previous"
    refused(completeness, lambda receipt: receipt.update(members), where, "is not the")


@pytest.mark.parametrize(
    ("alter", "where"),
    [
        (lambda batches: batches.reverse(), "$.batches[1].number"),
        (lambda batches: batches.pop(1), "$.batches[1].number"),
        (lambda batches: batches.insert(1, dict(batches[1])), "$.batches[2].number"),
        (lambda batches: batches.pop(0), "$.batches[0].number"),
        (lambda batches: batches.pop(), "$.records[3]"),
    ],
)
def test_verify_refuses_batches_moved(
    alter: Callable[[list[Any]], Any], where: str, completeness: Receipt, refused: Refuses
) -> None:
    """No batch is left out, doubled, or moved, not even by one who chains them anew."""
    refused(completeness, lambda receipt: alter(receipt["batches"]), where, "")

    def anew(receipt: Receipt) -> None:
        alter(receipt["batches"])
        rechained(receipt)

    refused(completeness, anew, where, "")


def test_verify_refuses_batches_of_another_stream(completeness: Receipt, refused: Refuses) -> None:
    """A batch of another stream does not follow."""
    other = Stream([[Contact(7)] * 5, [Contact(8)] * 2], number=2).completeness(subject(7))["batches"][1]
    refused(
        completeness,
        lambda receipt: receipt["batches"].__setitem__(1, other),
        "$.batches[1].previous",
        "is not",
    )


# --- where a survey begins


def test_verify_refuses_completeness_from_a_later_batch(stream: Stream, refused: Refuses) -> None:
    """All contacts are all since the first batch."""
    receipt = stream.completeness(subject(6))
    refused(receipt, lambda it: it["batches"].__delitem__(slice(0, 2)), "$.batches[0].number", "must be 1")


def test_verify_refuses_completeness_with_a_batch_not_surveyed(
    completeness: Receipt, refused: Refuses
) -> None:
    """Every batch says whether the subject is in it."""
    for position in range(4):

        def alter(receipt: Receipt, position: int = position) -> None:
            batch = receipt["batches"][position]
            for name in ("opening", "entry", "gap"):
                batch.pop(name, None)

        refused(completeness, alter, f"$.batches[{position}]", "is not surveyed")


def test_verify_refuses_another_origin(completeness: Receipt, absence: Receipt, refused: Refuses) -> None:
    """The first batch follows on the stream's origin."""

    def alter(receipt: Receipt) -> None:
        receipt["batches"][0]["previous"] = ZERO
        rechained(receipt)

    for receipt in (completeness, absence):
        refused(receipt, alter, "$.batches[0].previous", "is not the origin of the stream of this name")


def test_verify_refuses_another_origin_of_a_batch_not_surveyed(stream: Stream, refused: Refuses) -> None:
    """So it does where it is not surveyed."""
    receipt = stream.absence(subject(9), "2026-01-01T01:00:01Z", "2026-01-01T04:00:00Z", after=1)
    refused(receipt, lambda it: it.update(name="chats"), "$.batches[0].previous", "is not the origin")


def test_verify_refuses_absence_that_begins_late(stream: Stream, refused: Refuses) -> None:
    """The batch that is not surveyed was anchored before the period, not when it began."""
    receipt = stream.absence(subject(9), "2026-01-01T02:00:01Z", "2026-01-01T04:00:00Z", after=2)
    for since in ("2026-01-01T02:00:00Z", "2026-01-01T01:59:59Z"):
        refused(receipt, lambda it: it.update({"from": since}), "$.batches[0].time", "is not before")  # noqa: B023


def test_verify_refuses_absence_without_the_batch_before(late_absence: Receipt, refused: Refuses) -> None:
    """A survey that begins with a later batch needs the one before."""
    refused(
        late_absence, lambda it: it["batches"].pop(0), "$.batches[0].number", "must be 1: what came before"
    )


def test_verify_refuses_absence_with_two_batches_not_surveyed(
    late_absence: Receipt, refused: Refuses
) -> None:
    """One batch may be given without being surveyed, and no other."""
    for position in (1, 2):

        def alter(receipt: Receipt, position: int = position) -> None:
            del receipt["batches"][position]["opening"]
            del receipt["batches"][position]["gap"]

        refused(late_absence, alter, f"$.batches[{position}]", "is not surveyed")


def test_verify_refuses_absence_that_surveys_nothing(late_absence: Receipt, refused: Refuses) -> None:
    """A batch from before the period says nothing of the period."""
    refused(
        late_absence,
        lambda it: it["batches"].__delitem__(slice(1, 3)),
        "$.batches",
        "must hold one that is surveyed",
    )


@pytest.mark.parametrize("until", ["2026-01-01T00:30:01Z", "2025-12-31T23:59:59Z"])
def test_verify_refuses_periods_without_a_second(until: str, absence: Receipt, refused: Refuses) -> None:
    """A period ends after it begins."""
    refused(absence, lambda receipt: receipt.update(until=until), "$.until", "must be after `from`")


# --- lists of subjects


def test_verify_refuses_more_subjects_than_records(refused: Refuses) -> None:
    """Whoever is listed has a record in the batch, though the list opens as it should."""
    stream = Stream([[Contact(1), Contact(2)]])
    batch = stream.batches[0]
    batch.roster = Roster(batch.roster.secret, {subject(k): (1, 1) for k in range(1, 4)})
    receipt = stream.completeness(subject(1))
    receipt["batches"][0].update(subjects=hexed(batch.roster.word))
    where = "$.batches[0].opening.size"
    refused(receipt, lambda _: None, where, "is more subjects than the batch has records")


@pytest.mark.parametrize("members", [{"size": 3}, {"size": 5}, {"salt": ZERO}, {"root": ZERO}])
def test_verify_refuses_other_openings(
    members: dict[str, Any], completeness: Receipt, refused: Refuses
) -> None:
    """A batch's word for its subjects opens in one way."""
    refused(
        completeness,
        lambda receipt: receipt["batches"][1]["opening"].update(members),
        "$.batches[1].opening",
        "is not what the batch's `subjects` opens to",
    )


ENTRY = "$.batches[0].entry"


@pytest.mark.parametrize(
    ("members", "where", "why"),
    [
        ({"first": 2}, ENTRY, WRONG),
        ({"last": 1}, ENTRY, WRONG),
        ({"last": 3}, ENTRY, WRONG),
        ({"first": 3}, ENTRY, "ends before it begins"),
        ({"blind": "0x" + 32 * "0"}, ENTRY, WRONG),
        ({"index": 4}, f"{ENTRY}.index", "is outside of a tree of 4"),
        ({"index": 0}, ENTRY, WRONG),
        ({"path": []}, f"{ENTRY}.path", "is too short for its tree"),
        ({"path": [ZERO]}, f"{ENTRY}.path", "is too short for its tree"),
        ({"path": [ZERO, ZERO]}, ENTRY, WRONG),
        ({"path": [ZERO, ZERO, ZERO]}, f"{ENTRY}.path", "is too long for its tree"),
    ],
)
def test_verify_refuses_other_entries(
    members: dict[str, Any], where: str, why: str, *, completeness: Receipt, refused: Refuses
) -> None:
    """A list's leaf has one subject and its numbers."""
    refused(completeness, lambda receipt: receipt["batches"][0]["entry"].update(members), where, why)


def test_verify_refuses_another_subject(completeness: Receipt, absence: Receipt, refused: Refuses) -> None:
    """An entry is one subject's."""
    for receipt in (completeness, absence):
        refused(receipt, lambda it: it.update(subject=hexed(subject(2))), ENTRY, WRONG)


@pytest.fixture
def between() -> tuple[Stream, bytes, Receipt]:
    """A stream of one batch of eight subjects, one who would stand in the middle, and its absence."""
    stream = Stream([[Contact(k) for k in range(8)]])
    roster = stream.batches[0].roster
    who = next(subject(k) for k in range(100, 1000) if roster.place(subject(k)) == 4)
    return stream, who, stream.absence(who, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")


GAP = "$.batches[0].gap"


@pytest.mark.parametrize("side", ["below", "above"])
@pytest.mark.parametrize(
    ("members", "at", "why"),
    [
        ({"tag": ZERO}, "", WRONG),
        ({"detail": ZERO}, "", WRONG),
        ({"index": 8}, ".index", "is outside of a tree of 8"),
        ({"index": 0}, "", WRONG),
        ({"path": []}, ".path", "is too short for its tree"),
        ({"path": 3 * [ZERO]}, "", WRONG),
        ({"path": 4 * [ZERO]}, ".path", "is too long for its tree"),
    ],
)
def test_verify_refuses_other_neighbours(
    side: str, members: dict[str, Any], at: str, why: str, *, between: Any, refused: Refuses
) -> None:
    """A neighbour is a leaf of the list."""
    refused(
        between[2],
        lambda receipt: receipt["batches"][0]["gap"][side].update(members),
        f"{GAP}.{side}{at}",
        why,
    )


@pytest.mark.parametrize("below", [None, *range(8)])
@pytest.mark.parametrize("above", [*range(8), None])
def test_verify_refuses_every_other_gap(below: int | None, above: int | None, between: Any) -> None:
    """Of all pairs of leaves, and of one leaf and an end, one proves that nobody stands between."""
    stream, _, receipt = between
    roster = stream.batches[0].roster
    sides = [None if index is None else roster.neighbour(index) for index in (below, above)]
    receipt["batches"][0]["gap"] = dict(zip(("below", "above"), sides, strict=True))
    if (below, above) == (3, 4):
        assert verify(written(receipt))
        return
    caught = refusal(written(receipt))
    low, high = -1 if below is None else below, 8 if above is None else above
    expected = "leaves room" if low + 1 != high else "does not come"
    assert caught.where.startswith(GAP)
    assert expected in caught.why


@pytest.mark.parametrize("size", [*range(1, 41)])
def test_verify_refuses_absence_of_those_listed(size: int) -> None:
    """Whoever is listed has no gap, at either end nor in between, in lists of any size."""
    stream = Stream([[Contact(k) for k in range(size)]])
    roster = stream.batches[0].roster
    for place in {0, size // 2, size - 1}:
        who = roster.listed[place]
        receipt = stream.absence(who, "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z")
        assert verify(written(receipt))  # by the entry, for the record is from before
        receipt["records"] = []
        del receipt["batches"][0]["entry"]
        for below in (place - 1, place):
            for above in (place, place + 1):
                sides = {"below": roster.neighbour(below), "above": roster.neighbour(above)}
                receipt["batches"][0]["gap"] = sides
                assert refusal(written(receipt)).where.startswith(GAP)


def test_verify_refuses_a_gap_where_there_is_an_entry(completeness: Receipt, refused: Refuses) -> None:
    """A batch has one of the two."""
    gap = {"below": None, "above": None}
    refused(
        completeness,
        lambda receipt: receipt["batches"][0].update(gap=gap),
        "$.batches[0]",
        "must have the members",
    )


# --- records


def numbered(receipt: Receipt, stream: Stream, position: int, **members: Any) -> None:
    """Alters the link of a record, alone in its batch, and chains all after it anew; no list is altered."""
    record = receipt["records"][position]
    field = record["fields"][1]
    field["text"] = compact({**json.loads(field["text"]), **members})
    batch = next(each for each in receipt["batches"] if each["first"] == record["index"])
    digests = [
        sha256(bytes.fromhex(each["salt"][2:]), each["text"].encode())
        if "text" in each
        else bytes.fromhex(each["digest"][2:])
        for each in record["fields"]
    ]
    batch["root"] = hexed(sha256(b"\0", sha256(*digests)))
    rechained(receipt)


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"subject": hexed(subject(2))}, "is the link of another subject's record"),
        ({"number": 3}, "is of the subject's number 3, not of 2"),
        ({"number": 1, "previous": None}, "is of the subject's number 1, not of 2"),
        ({"previous": ZERO}, "does not name the record before"),
    ],
)
def test_verify_refuses_other_links_of_a_survey(members: dict[str, Any], why: str) -> None:
    """Each record is the subject's, of the number due, and names the record before."""
    stream = Stream([[Contact(1)], [Contact(1)], [Contact(1)]])
    receipt = stream.completeness(subject(1))
    numbered(receipt, stream, 1, number=2)
    assert verify(written(receipt))  # nothing was altered
    numbered(receipt, stream, 1, **members)
    caught = refusal(written(receipt))
    assert (caught.where, caught.why) == ("$.records[1].fields[1]", why)


@pytest.mark.parametrize(
    ("alter", "where", "why"),
    [
        (lambda records: records.pop(0), "$.records[0].fields[1]", "number 2, not of 1"),
        (lambda records: records.pop(1), "$.records[1].fields[1]", "number 3, not of 2"),
        (lambda records: records.pop(), "$.records", "number 4 of the subject, in batch 4, is left out"),
        (lambda records: records.clear(), "$.records", "number 1 of the subject, in batch 1, is left out"),
        (lambda records: records.append(records[-1]), "$.records[4]", "is in no batch's list of subjects"),
        (lambda records: records.insert(1, records[0]), "$.records[1].fields[1]", "number 1, not of 2"),
        (lambda records: records.reverse(), "$.records[0].fields[1]", "number 4, not of 1"),
    ],
)
def test_verify_refuses_records_moved(
    alter: Callable[[list[Any]], Any],
    where: str,
    why: str,
    *,
    completeness: Receipt,
    absence: Receipt,
    refused: Refuses,
) -> None:
    """No record that is listed is left out, doubled or moved, in either survey."""
    for receipt in (completeness, absence):
        refused(receipt, lambda it: alter(it["records"]), where, why)


def test_verify_refuses_a_link_withheld(completeness: Receipt, absence: Receipt, refused: Refuses) -> None:
    """In a survey every link is shown."""
    hidden = Stream([[Contact(1)]]).record(0, [])
    for receipt in (completeness, absence):
        link = "$.records[1].fields[1]"
        refused(receipt, lambda it: it["records"].__setitem__(1, hidden), link, "must be shown")


def test_verify_refuses_a_record_in_another_batch(completeness: Receipt, refused: Refuses) -> None:
    """A record is in the batch whose list has its number."""

    def alter(receipt: Receipt) -> None:
        receipt["records"][2]["index"] = 4

    refused(completeness, alter, "$.records[2].index", "is outside of batch 3, which holds 7 to 9")


def test_verify_refuses_a_record_that_is_not_in_the_batch(completeness: Receipt, refused: Refuses) -> None:
    """A record of a survey is proved as any is."""
    refused(
        completeness,
        lambda receipt: receipt["records"][2]["path"].reverse(),
        "$.records[2]",
        "does not lead to the root of batch 3",
    )


@pytest.mark.parametrize(
    ("since", "until", "record"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", 0),
        ("2025-01-01T00:00:00Z", "2026-01-01T00:30:00Z", 0),
        ("2026-01-01T00:30:00Z", "2026-01-01T00:30:01Z", 1),
        ("2026-01-01T00:30:01Z", "2026-01-01T02:00:01Z", 2),
    ],
)
def test_verify_refuses_absence_where_there_was_a_contact(
    since: str, until: str, record: int, absence: Receipt, refused: Refuses
) -> None:
    """A contact that started when the period began is within it, one that started when it ended is not."""
    refused(
        absence,
        lambda receipt: receipt.update({"from": since, "until": until}),
        f"$.records[{record}].fields[1]",
        "is of a contact within the period, at 2026-01-01T0",
    )


def test_verify_refuses_numbers_left_out_between_batches() -> None:
    """A list that goes on with a later number than is due leaves out a record."""
    stream = Stream([[Contact(1)], [Contact(1)], [Contact(1)]])
    skipped = stream.completeness(subject(1))
    gap = Stream([[Contact(1)], [Contact(2)], [Contact(1)]]).batches[1]
    batch = skipped["batches"][1]
    batch.update(root=hexed(gap.root), subjects=hexed(gap.roster.word), opening=gap.roster.opening())
    del batch["entry"]
    batch["gap"] = gap.roster.gap(subject(1))
    del skipped["records"][1]
    rechained(skipped)
    caught = refusal(written(skipped))
    assert (caught.where, caught.why) == (
        "$.batches[2].entry.first",
        "must be 2, where the entry before ended",
    )
    late = stream.absence(subject(1), "2026-01-01T01:00:01Z", "2026-01-01T04:00:00Z", after=1)
    assert verify(written(late))
    early = copy.deepcopy(skipped)
    early["batches"][0] = {
        name: value for name, value in early["batches"][0].items() if name in late["batches"][0]
    }
    assert refusal(written(early)).where == "$.batches[0]"


def test_verify_refuses_a_first_number_that_is_not_one(stream: Stream) -> None:
    """Where batch 1 is surveyed, the subject's first number there or later is 1."""
    stream = Stream([[Contact(1)], [Contact(1)]])
    receipt = stream.absence(subject(1), "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z", after=1)
    assert verify(written(receipt))
    empty = Stream([[Contact(2)]]).absence(subject(1), "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z")
    receipt["batches"][0] = empty["batches"][0]
    rechained(receipt)
    caught = refusal(written(receipt))
    assert (caught.where, caught.why) == (
        "$.batches[1].entry.first",
        "must be 1, where the entry before ended",
    )


def test_verify_refuses_completeness_of_nobody(stream: Stream) -> None:
    """Of a subject without a record there is an absence, and no completeness."""
    receipt = stream.completeness(subject(9))
    caught = refusal(written(receipt))
    assert (caught.where, caught.why) == ("$.records", "must hold a record")
