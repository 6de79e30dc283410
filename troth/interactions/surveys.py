"""Receipts for all of a subject's records in a stream: that there are no others, or none in a period.

Each batch has a tree of blinded subjects, sorted, whose root is on the chain with it. Where a subject is
there, it says which numbers of theirs the batch holds, and all records of these numbers are listed; where it
is not, the two neighbours between which it would stand are shown. Commitments hold the batches together.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

from sqlalchemy import select as sql_select

from troth.errors import BadInput, Problem
from troth.intake import iso_second
from troth.interactions import streams
from troth.interactions.batches import Anchored
from troth.interactions.receipts import Kept, Receipt, hexed, kept, written
from troth.interactions.records import select
from troth.interactions.roster import Neighbour
from troth.office import Office, Progress, progress_ignored
from troth.store import interactions as table
from troth.store import schema
from troth.store.batches import accepted_in
from troth.store.interactions import InteractionRow
from troth.store.subjects import find_subject

__all__ = ["absence", "completeness"]

_NAMED = 5  # contacts, where there should be none
_LINK = frozenset({0, 1})
"""The fields shown of each record: the names, and how it hangs together with the others."""


def completeness(
    office: Office,
    stream: str,
    subject: bytes,
    fields: Collection[str] = (),
    *,
    progress: Progress = progress_ignored,
) -> Receipt:
    """The receipt for all of a subject's records in a stream, from the first to the last that is anchored.

    Of each record its link is shown, and those of `fields` that it has, each with all below it. `progress` is
    told batches. Raises BadInput for an unknown stream or subject, where none of their records is anchored or
    one was erased, and for a field that none of them has; else as `receipts.inclusion`.
    """
    with kept(office, streams.find(office, stream), asked="--subject") as found:
        _check_known(found, subject)
        first = next(_positions(found, subject), None)
        if first is None:
            raise _refused("--subject", f"nothing of this subject is in stream {stream}: ask for absence")
        if first >= found.covered:
            raise _refused(
                "--subject", f"all of this subject in stream {stream} waits: `troth interactions anchor`"
            )
        shown = _Shown(fields)
        batches, records = _surveyed(found, subject, found.batches, progress, shown)
        if missing := [one for one in fields if one not in shown.found]:
            raise _refused("--fields", f"no record of this subject has {', '.join(missing)}")
        members = {
            **found.head("completeness"),
            "subject": hexed(subject),
            "batches": batches,
            "records": records,
        }
        return written("completeness", members, found.uncovered)


def absence(
    office: Office,
    stream: str,
    subject: bytes,
    since: int,
    until: int,
    *,
    progress: Progress = progress_ignored,
) -> Receipt:
    """The receipt for no contact with a subject in a stream from `since` until before `until`, UTC seconds.

    It surveys the batches anchored from then on: a contact is anchored after it has begun. Of the subject's
    records there, the links are shown. Raises BadInput as `completeness`, for a period that is none, for one
    in which there was contact, and where nothing was anchored since it began.
    """
    if since >= until:
        begin, end = iso_second(since), iso_second(until)
        reason = f"ends on {end} and begins on {begin}: a period ends after it begins"
        raise _refused("--until", reason)
    with kept(office, streams.find(office, stream), asked="--subject") as found:
        _check_known(found, subject)
        _check_silence(found, subject, since, until)
        before = bisect_left([one.batch.time for one in found.batches], since)
        plain, surveyed = found.batches[max(0, before - 1) : before], found.batches[before:]
        if not surveyed:
            begin = iso_second(since)
            reason = f"nothing of stream {stream} was anchored since {begin}: `troth interactions anchor`"
            raise _refused("--from", reason)
        batches, records = _surveyed(found, subject, surveyed, progress, _Shown())
        members = {
            **found.head("absence"),
            "subject": hexed(subject),
            "from": iso_second(since),
            "until": iso_second(until),
            "batches": [*map(found.batch, plain), *batches],
            "records": records,
        }
        return written("absence", members, found.uncovered)


class _Shown:
    """Which fields of each record are shown: the link always, and those of `chosen` that it has."""

    def __init__(self, chosen: Collection[str] = ()) -> None:
        self._chosen = chosen
        self.found: set[str] = set()
        """Those of `chosen` that some record had."""

    def __call__(self, names: Sequence[str]) -> set[int]:
        """The positions to show, of a record's fields of these names."""
        positions = set(_LINK)
        for one in self._chosen:
            with suppress(ValueError):  # not in this one
                positions |= select(names, [one])
                self.found.add(one)
        return positions


def _surveyed(
    found: Kept, subject: bytes, batches: Sequence[Anchored], progress: Progress, shown: _Shown
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The batches, opened at a subject, and the subject's records in them; one batch in memory at a time."""
    opened, records = [], []
    rows = _rows(found, subject, batches[0].batch.first)
    for done, anchored in enumerate(batches):
        progress(done, len(batches))
        roster = found.roster(anchored)
        opening = {"size": roster.size, "salt": hexed(roster.salt), "root": hexed(roster.root)}
        members = {**found.batch(anchored), "opening": opening}
        if (entry := roster.entry(subject)) is None:
            gap = roster.gap(subject)
            members["gap"] = {"below": _neighbour(gap.below), "above": _neighbour(gap.above)}
        else:
            members["entry"] = {
                "index": entry.index,
                "first": entry.first,
                "last": entry.last,
                "blind": hexed(entry.blind),
                "path": [hexed(node) for node in entry.path],
            }
            theirs = islice(rows, entry.last - entry.first + 1)
            records += [found.record(anchored, row, shown) for row in theirs]
        opened.append(members)
    progress(len(batches), len(batches))
    return opened, records


def _neighbour(one: Neighbour | None) -> dict[str, Any] | None:
    """A leaf beside the gap, as a receipt has it."""
    if one is None:
        return None
    path = [hexed(node) for node in one.path]
    return {"index": one.index, "tag": hexed(one.tag), "detail": hexed(one.detail), "path": path}


def _rows(found: Kept, subject: bytes, first: int) -> Iterator[InteractionRow]:
    """A subject's interactions in the stream from index `first` on, in order."""
    rows = table.interactions_of(found.connection, subject)
    return (row for row in rows if row.stream == found.stream.number and row.position >= first)


def _check_known(found: Kept, subject: bytes) -> None:
    """Raises BadInput for a subject this database never heard of: a mistyped id is absent everywhere."""
    if find_subject(found.connection, subject) is None and next(_positions(found, subject), None) is None:
        raise _refused("--subject", "this database knows no such subject: a mistyped id is absent everywhere")


def _check_silence(found: Kept, subject: bytes, since: int, until: int) -> None:
    """Raises BadInput if there was contact in a period, anchored or not."""
    contacts = list(islice(_positions(found, subject, since, until), _NAMED + 1))
    if contacts:
        named = ", ".join(f"#{position}" for position in contacts[:_NAMED])
        more = " and others" if len(contacts) > _NAMED else ""
        raise _refused(
            "--from", f"there was contact in this period: {named}{more} of stream {found.stream.name}"
        )


def _positions(found: Kept, subject: bytes, since: int = 0, until: int | None = None) -> Iterator[int]:
    """Indexes of a subject's accepted interactions in the stream that began in a period, in order."""
    one = schema.interactions.c
    wanted = sql_select(one.position).where(
        one.subject == subject,
        one.stream == found.stream.number,
        one.position < accepted_in(found.connection, found.stream.number),
        one.start >= since,
    )
    if until is not None:
        wanted = wanted.where(one.start < until)
    return iter(found.connection.execute(wanted.order_by(one.position)).scalars())


def _refused(place: str, reason: str) -> BadInput:
    """What was asked for cannot be shown."""
    return BadInput([Problem(place, None, None, None, reason)])
