"""Records as JSON: objects with `id`, `subject` and `start`, and whatever else beside; one a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from troth.errors import Problem
from troth.interactions.formats import strict_json
from troth.interactions.formats.files import lines_of
from troth.interactions.formats.received import (
    LONGEST_RECORD,
    Received,
    Refused,
    flattened,
    parse_customer,
    parse_second,
    parse_source,
    too_long,
)
from troth.interactions.records import Kind

__all__ = ["read_lines", "received"]


def read_lines(file: BinaryIO, name: str) -> Iterator[Received | Problem]:
    """The record of each line of the file called `name`, and what is refused; blank lines are passed over."""
    for number, line, end in lines_of(file):
        try:
            if line is None:
                raise too_long()
            raw = line[:-1] if line[-1:] == b"\n" else line
            if raw[-1:] == b"\r":
                raw = raw[:-1]
            if raw[:1] != b"{" and not raw.strip():
                continue
            yield received(raw, file=name, line=number, end=end)
        except Refused as refusal:
            yield refusal.problem(name, number)


def received(
    raw: bytes, *, kind: Kind = "json", file: str = "", line: int | None = None, end: int | None = None
) -> Received:
    """The record that `raw` is. Raises Refused."""
    if len(raw) > LONGEST_RECORD:
        raise too_long()
    document = strict_json.read_object(raw)
    try:
        identifier, customer, start = document["id"], document["subject"], document["start"]
    except KeyError as error:
        rule = "this member is missing: every record has id, subject and start"
        raise Refused(rule, error.args[0]) from None
    return Received(
        parse_source(identifier, "id"),
        parse_customer(customer, "subject"),
        parse_second(start, "start"),
        kind,
        raw,
        flattened(document),
        file,
        line,
        len(raw) if end is None else end,
    )
