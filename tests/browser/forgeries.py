"""Receipts that must not be believed: altered in every place, at random, or made by a dishonest company.

The first two kinds get a checksum that fits, so that what is tested is not the checksum alone. In the third
every hash fits as well: what is wrong is only what the hashes are of.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from support.defaults import START
from support.handmade_receipts import (
    HOUR,
    Batch,
    Contact,
    Receipt,
    Record,
    Roster,
    Stream,
    compact,
    hexed,
    sha256,
    subject,
    written,
)

Path = tuple[str | int, ...]


# --- altered in one place


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where every value of a receipt stands, the receipt itself left out."""
    members: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    for key, member in members:
        yield (*path, key)
        yield from places(member, (*path, key))


def at(receipt: Receipt, path: Path) -> Any:
    """The value in a place."""
    value: Any = receipt
    for key in path:
        value = value[key]
    return value


def other_values(value: Any) -> list[Any]:
    """What might stand instead of a value, most of it of the same kind."""
    others: list[Any] = [None, True, 1.5, "", [], {}]
    if isinstance(value, int):
        others += [value + 1, value - 1, -value, 0, 2**53 - 1, 2**53, str(value)]
    if isinstance(value, str):
        others += [value + "0", value[:-1], value.upper(), value + "\n", value.replace("0", "1"), 1]
        others += [value[:-1] + ("e" if value[-1:] != "e" else "f"), f"{value[:-2]}\ud800"]
    if isinstance(value, list):
        others += [value[:-1], value[1:], value[::-1], value * 2, [*value, None], {"0": value}]
    if isinstance(value, dict):
        others += [{**value, "more": 1}, dict(reversed(value.items())), list(value.values())]
        others += [{name: value[name] for name in value if name != left_out} for left_out in value]
    others.append([value])  # which JavaScript takes for the value itself, where it wants a text
    return [other for other in others if compact(other) != compact(value)]


def replaced(receipt: Receipt, path: Path, value: Any) -> Receipt:
    """A copy with another value in a place."""
    made = copy.deepcopy(receipt)
    at(made, path[:-1])[path[-1]] = value
    return made


def sealed_file(receipt: Receipt) -> bytes:
    """The file, its checksum right where it can have one; half a surrogate pair is written as an escape."""
    try:
        return written(receipt)
    except UnicodeEncodeError:
        return (json.dumps(receipt, indent=1) + "\n").encode()


def alterations(receipt: Receipt) -> Iterator[tuple[str, bytes]]:
    """Each value replaced by each other one: where, and the file."""
    for path in places(receipt):
        for i, other in enumerate(other_values(at(receipt, path))):
            yield f"{path} {i}: {compact(other)[:60]!a}", sealed_file(replaced(receipt, path, other))


def swaps(receipt: Receipt) -> Iterator[tuple[str, bytes]]:
    """Every two values of one length that stand side by side in a list or object, exchanged."""
    for path in places(receipt):
        value = at(receipt, path)
        keys: list[Any] = list(value) if isinstance(value, dict) else []
        if isinstance(value, list):
            keys = list(range(len(value)))
        for one, other in pairwise(keys):
            if compact(value[one]) != compact(value[other]):
                made = copy.deepcopy(receipt)
                inside = at(made, path)
                inside[one], inside[other] = inside[other], inside[one]
                yield f"{path} {one} and {other} exchanged", sealed_file(made)


# --- at random


def flipped(file: bytes, bit: int) -> bytes:
    """The file with one bit changed."""
    made = bytearray(file)
    made[bit // 8] ^= 1 << bit % 8
    return bytes(made)


def scrambled(files: list[bytes], chance: random.Random) -> bytes:
    """A file with bytes of it, or of another, put in, taken out, doubled or moved; two times in three with a
    checksum made to fit afterwards, if it is still JSON.
    """
    made = bytearray(chance.choice(files))
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(len(made))
        end = min(len(made), start + chance.choice([1, 1, 2, 8, 66, 400]))
        other = chance.choice(files)
        from_other = chance.randrange(len(other))
        piece = other[from_other : from_other + end - start]
        doubled, other_byte = bytes(made[start:end]) * 2, bytes([chance.randrange(256)])
        made[start:end] = chance.choice([b"", piece, doubled, other_byte])
    if chance.randrange(3):
        try:
            return written(json.loads(made))
        except (ValueError, AttributeError, RecursionError):
            pass
    return bytes(made)


def crossed(receipts: list[Receipt], chance: random.Random) -> bytes:
    """A receipt with a value of another one, or of its own, in a place of the same name."""
    made = copy.deepcopy(chance.choice(receipts))
    for _ in range(chance.randint(1, 2)):
        path = chance.choice(list(places(made)))
        other = chance.choice(receipts)
        same = [each for each in places(other) if each[-1] == path[-1]]
        if same:
            made = replaced(made, path, copy.deepcopy(at(other, chance.choice(same))))
    return sealed_file(made)


# --- by a dishonest company


class Dishonest(Stream):
    """A stream whose records are altered before anything is hashed: `alter` is given each with its index.

    `spans`: the numbers of subjects that a batch's list says instead, by batch number; None: not listed.
    """

    def __init__(
        self,
        batches: Sequence[Sequence[Contact]],
        *,
        alter: Callable[[int, Record], Record | None] = lambda *_: None,
        spans: Mapping[int, Mapping[bytes, tuple[int, int] | None]] | None = None,
    ) -> None:
        self._alter, self._spans = alter, spans or {}
        super().__init__(batches)

    def _batch(self, number: int, *others: Any) -> Batch:
        made = super()._batch(number, *others)
        said = {**made.roster.spans, **self._spans.get(number, {})}
        made.roster = Roster(made.roster.secret, {who: span for who, span in said.items() if span})
        return made

    def _added(self, contact: Contact) -> Record:
        made = super()._added(contact)
        made = self._alter(len(self.records) - 1, made) or made
        self.records[-1] = self._last[made.subject] = made
        return made


BATCHES = [
    [Contact(1), Contact(2), Contact(3)],
    [Contact(1), Contact(4)],
    [Contact(5), Contact(1), Contact(2)],
]
FIRST, UNTIL = "2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z"
"""A period without contacts."""


def linked(**changes: Any) -> Stream:
    """The subject's second record, at index 3, with a link that says something else, or less."""

    def alter(index: int, record: Record) -> None:
        if index == 3:
            link = {**json.loads(record.texts[1]), **changes}
            record.texts[1] = compact({name: value for name, value in link.items() if value != "left out"})

    return Dishonest(BATCHES, alter=alter)


def texted(position: int, text: str) -> Stream:
    """The record at index 3, with another text in a field."""

    def alter(index: int, record: Record) -> None:
        if index == 3:
            record.texts[position] = text

    return Dishonest(BATCHES, alter=alter)


def dishonest_links() -> dict[str, Receipt]:
    """One link that does not fit."""
    right = Stream(BATCHES).records[3].texts[1]
    lines: dict[str, Stream] = {
        "another number": linked(number=3),
        "number 0": linked(number=0),
        "number 1 with a previous": linked(number=1),
        "number as a text": linked(number="2"),
        "no previous": linked(previous=None),
        "another previous": linked(previous=hexed(sha256(b"other"))),
        "another subject": linked(subject=hexed(subject(2))),
        "30 February": linked(start="2026-02-30T00:00:00Z"),
        "hour 24": linked(start="2026-02-03T24:00:00Z"),
        "second 60": linked(start="2026-02-03T00:00:60Z"),
        "year 0": linked(start="0000-02-03T00:00:00Z"),
        "a half second": linked(start="2026-02-03T00:00:00.5Z"),
        "a time zone": linked(start="2026-02-03T00:00:00+00:00"),
        "a kind of its own": linked(kind="fax"),
        "a member too many": linked(more=1),
        "a member too few": linked(kind="left out"),
        "amends itself": linked(amends={"index": 3, "record": hexed(bytes(32))}),
        "amends a later one": linked(amends={"index": 6, "record": hexed(bytes(32))}),
        "amends what was not so": linked(amends={"index": 0, "record": hexed(bytes(32))}),
        "amends nothing": linked(amends=None),
        "spaces": texted(1, json.dumps(json.loads(right))),
        "a member twice": texted(1, right.replace('"number":2', '"number":9,"number":2')),
        "no JSON": texted(1, "link"),
        "nested too deep": texted(1, "[" * 100_000 + "]" * 100_000),
    }
    made = {f"link: {name}": stream.completeness(subject(1)) for name, stream in lines.items()}
    in_place = {"another number", "another previous", "another subject", "amends what was not so"}
    alone = {name: stream for name, stream in lines.items() if name not in in_place}
    return made | {f"link alone: {name}": stream.inclusion(3) for name, stream in alone.items()}


def renumbered(numbers: Mapping[int, int]) -> Stream:
    """Records that have another number in their link and in the lists, by their index."""

    def alter(index: int, record: Record) -> Record | None:
        if index not in numbers:
            return None
        link = {**json.loads(record.texts[1]), "number": numbers[index]}
        link["previous"] = link["previous"] or hexed(sha256(b"before"))
        record.texts[1] = compact(link)
        return replace(record, number=numbers[index])

    return Dishonest(BATCHES, alter=alter)


def dishonest_numbers() -> dict[str, Receipt]:
    """Numbers of a customer's records that are not all there, though each follows on the record before."""
    one, lists = subject(1), Dishonest(BATCHES, spans={1: {subject(1): (1, 2)}, 2: {subject(1): None}})
    streams = {"number 2 left out": renumbered({3: 3}), "number 1 left out": renumbered({0: 2, 3: 3, 6: 4})}
    made = {name: stream.completeness(one) for name, stream in streams.items()}
    made["a record of another batch"] = lists.completeness(one)
    made["number 2 left out, around a period"] = streams["number 2 left out"].absence(one, FIRST, UNTIL)
    return {f"numbers: {name}": receipt for name, receipt in made.items()}


def dishonest_names() -> dict[str, Receipt]:
    """A list of names that does not fit."""
    names = ["fields", "link", "raw", "/id", "/outcome"]
    lines = {
        "one twice": [*names[:-1], "/id"],
        "one too few": names[:-1],
        "one too many": [*names, "/more"],
        "another order": ["fields", "raw", "link", "/id", "/outcome"],
        "no pointer": [*names[:-1], "outcome"],
        "a number": [*names[:-1], 5],
        "none": [],
        "an object": dict.fromkeys(names, 1),
    }
    texts = {name: compact(line) for name, line in lines.items()}
    texts |= {"spaces": json.dumps(names), "needless escape": compact(names).replace("/id", "\\u002fid")}
    texts |= {"nested too deep": "[" * 100_000 + "]" * 100_000, "as deep, and cut": "[" * 100_000}
    texts |= {"half a pair": compact(names).replace("/id", "/\\ud800"), "no JSON": "fields"}
    return {f"names: {name}": texted(0, text).inclusion(3) for name, text in texts.items()}


def short_record(count: int) -> Receipt:
    """A record of fewer fields than every record has."""

    def alter(_: int, record: Record) -> None:
        for part in (record.names, record.salts, record.texts):
            del part[count:]
        record.texts[:1] = [compact(record.names)] if count else []

    return Dishonest([[Contact(1)]], alter=alter).inclusion(0)


def wide(fields: int) -> Receipt:
    """A record of so many fields of its own, most withheld."""
    document = {f"/{i}": str(i) for i in range(fields)}
    return Stream([[Contact(1, document=document)]]).disclosure(0, ["link"])


def without(receipt: Receipt, name: str, index: int) -> Receipt:
    """A copy without an element of one of its lists."""
    made = copy.deepcopy(receipt)
    del made[name][index]
    return made


def dishonest_surveys() -> dict[str, Receipt]:
    """All hashes fit, and it is not what the receipt says."""
    stream = Stream(BATCHES)
    one, nobody = subject(1), subject(9)
    complete, absent = stream.completeness(one), stream.absence(nobody, FIRST, UNTIL)
    after_two = stream.absence(nobody, FIRST, UNTIL, after=2)
    plain = [stream.disclosure(index, [])["batches"][0] for index in (0, 3, 5)]

    def linked_records(*indexes: int) -> list[dict[str, Any]]:
        return [stream.record(index, ["link"]) for index in indexes]

    made = {
        "a contact in the period": stream.absence(one, "2026-01-01T00:00:00Z", UNTIL),
        "a period that is none": stream.absence(nobody, FIRST, FIRST),
        "a period backwards": stream.absence(nobody, UNTIL, FIRST),
        "before the first batch": stream.absence(nobody, "2026-01-01T01:00:00Z", UNTIL, after=1),
        "nothing surveyed": stream.absence(nobody, FIRST, UNTIL, after=3),
        "surveyed, not from the beginning": without(absent, "batches", 0),
        "the beginning left out": without(complete, "batches", 0),
        "a batch left out": without(complete, "batches", 1),
        "a record left out": without(complete, "records", 1),
        "the last record left out": without(complete, "records", 2),
        "no record": {**complete, "records": []},
        "nobody's": {**stream.completeness(nobody)},
        "a link withheld": {**complete, "records": [stream.record(0, []), *complete["records"][1:]]},
        "records in another order": {**complete, "records": linked_records(3, 0, 6)},
        "another's record": {**complete, "records": linked_records(0, 3, 5)},
        "a record twice": {**complete, "records": linked_records(0, 0, 6)},
        "a record too many": {**complete, "records": linked_records(0, 3, 6, 7)},
        "time runs back": Stream(BATCHES, times=[START, START + 2, START + 1]).completeness(one),
        "the last unsurveyed": {**absent, "batches": [*absent["batches"][:2], *plain[2:]]},
        "one between unsurveyed": {
            **absent,
            "batches": [absent["batches"][0], plain[1], absent["batches"][2]],
        },
        "two left unsurveyed": {**after_two, "batches": [plain[0], *after_two["batches"]]},
    }
    return {f"survey: {name}": receipt for name, receipt in made.items()}


def dishonest_gaps() -> dict[str, Receipt]:
    """A customer who is in the list, said not to be, by neighbours not side by side around the place."""
    stream = Stream([[Contact(who) for who in range(1, 9)]])
    roster = stream.batches[0].roster
    lowest, middle, highest = (roster.listed[i] for i in (0, 4, 7))
    gaps = {
        "room between": (middle, 3, 5),
        "the place below is its own": (middle, 4, 5),
        "the place above is its own": (middle, 3, 4),
        "nothing below, and not the first above": (lowest, -1, 1),
        "nothing above, and not the last below": (highest, 6, 8),
        "nothing on either side": (middle, -1, 8),
        "the end, though it stands before": (middle, 7, 8),
        "the beginning, though it stands after": (middle, -1, 0),
        "side by side elsewhere": (middle, 0, 1),
        "the wrong way round": (middle, 5, 3),
    }
    made = {}
    for name, (who, below, above) in gaps.items():
        sides = {"below": roster.neighbour(below), "above": roster.neighbour(above)}
        receipt = stream.absence(who, FIRST, UNTIL)
        del receipt["batches"][0]["entry"]
        receipt["batches"][0]["gap"] = sides
        made[f"gap: {name}"] = {**receipt, "records": []}
    other = stream.completeness(middle)
    other["subject"] = hexed(lowest)
    alone = Stream([[Contact(1)]]).completeness(subject(1))  # a path without a hash fits any index
    alone["batches"][0]["entry"]["index"] = 1
    return {**made, "gap: the entry of another": other, "gap: an entry beyond the list": alone}


def dishonest_forms() -> dict[str, Receipt]:
    """Parts of one kind of receipt in another."""
    stream = Stream(BATCHES)
    whole, complete = stream.inclusion(0), stream.completeness(subject(1))
    return {
        "inclusion of less than all": {**stream.disclosure(0, ["/id"]), "kind": "inclusion"},
        "inclusion of two": {**whole, "records": [stream.record(0), stream.record(1)]},
        "inclusion in two batches": {**whole, "batches": complete["batches"][:2]},
        "inclusion in a batch surveyed": {**whole, "batches": complete["batches"][:1]},
        "inclusion in no batch": {**whole, "batches": []},
        "inclusion of nothing": {**whole, "records": []},
        "inclusion in another batch": {**whole, "batches": [stream.inclusion(3)["batches"][0]]},
        "completeness of a kind unknown": {**complete, "kind": "consistency"},
        "absence in a list, with a contact in the period": {
            **stream.absence(subject(1), "2026-01-01T00:00:00Z", UNTIL),
            "kind": ["absence"],
        },
        "inclusion in a list, of less than all": {**stream.disclosure(0, ["/id"]), "kind": ["inclusion"]},
        "a record of no fields": short_record(0),
        "a record of one field": short_record(1),
        "a record of two fields": short_record(2),
        "a record of 10,001 fields of its own": wide(10_001),
    }


def crowded() -> dict[str, Receipt]:
    """A list of more customers than its batch has records."""
    spans = {1: {subject(who): (1, 1) for who in range(4, 9)}}
    stream = Dishonest([[Contact(1), Contact(2)]], spans=spans)
    return {
        "crowded: an entry": stream.completeness(subject(1)),
        "crowded: a gap": stream.absence(subject(9), FIRST, UNTIL),
    }


def dishonest() -> dict[str, bytes]:
    """All of them, by what is wrong with them."""
    parts = [
        dishonest_links(),
        dishonest_numbers(),
        dishonest_names(),
        dishonest_surveys(),
        dishonest_gaps(),
        dishonest_forms(),
        crowded(),
    ]
    return {name: written(receipt) for part in parts for name, receipt in part.items()}


def honest() -> dict[str, bytes]:
    """Receipts to be believed, at the edges of what is allowed."""
    hour, nobody = "2026-01-01T02:30:00Z", subject(9)
    stream = Stream(BATCHES)
    amended = Stream([[Contact(1), Contact(2), Contact(1, amends=0, kind="erasure")]])
    many = Contact(1, document={f"/{i}": f'"{i}"' for i in range(300)}, raw="\u202e\x00\U0001f600\u2028<b>")
    made = {
        "one record": Stream([[Contact(1)]]).inclusion(0),
        "many fields": Stream([[many]]).inclusion(0),
        "10,000 fields of its own": wide(10_000),
        "no fields of its own": Stream([[Contact(1, document={})]]).inclusion(0),
        "nothing shown": stream.disclosure(5, []),
        "raw shown": stream.disclosure(5, ["raw"]),
        "an amendment": amended.completeness(subject(1)),
        "an amendment alone": amended.disclosure(2, ["link"]),
        "absent from the second batch on": stream.absence(subject(9), "2026-01-01T01:00:01Z", hour, after=1),
        "absent, first batch plain": stream.absence(subject(4), hour, FIRST, after=1),
        "contacts on both sides of the period": Stream(
            [[Contact(1, "2026-01-31T23:59:59Z"), Contact(1, UNTIL)]]
        ).absence(subject(1), FIRST, UNTIL),
        "complete up to the first batch": stream.completeness(subject(1), last=1),
        "two batches in one second": Stream(BATCHES, times=[START + HOUR] * 3).completeness(subject(2)),
        "first and last of the list": Stream([[Contact(who)] for who in range(1, 9)]).absence(
            nobody, FIRST, UNTIL
        ),
    }
    return {name: written(receipt) for name, receipt in made.items()}


__all__ = ["alterations", "crossed", "dishonest", "flipped", "honest", "scrambled", "swaps", "wide"]
