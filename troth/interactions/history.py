"""What was said and done: an interaction, what it follows on and what amends it; or all of a subject's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import cast

from sqlalchemy import Connection, select

from troth.errors import BadInput, Problem
from troth.identity.vault import Box, Vault
from troth.interactions import streams
from troth.interactions.formats import Received, reread
from troth.interactions.intake import source_digest
from troth.interactions.records import Kind
from troth.interactions.sealing import opened
from troth.interactions.streams import Stream
from troth.office import Office
from troth.store import interactions as table
from troth.store import schema
from troth.store.batches import accepted_in, anchored_with
from troth.store.interactions import InteractionRow
from troth.store.subjects import find_subject

__all__ = ["Interaction", "Shown", "locate", "of_subject", "show"]

_INDEX = re.compile(r"#[0-9]{1,18}")


@dataclass(frozen=True)
class Interaction:
    """An interaction on record."""

    stream: str
    index: int
    """In the stream, from 0."""
    source: str | None = field(repr=False)
    """What its source calls it; None once it was erased."""
    subject: bytes
    number: int
    """Of the subject's in the stream, from 1."""
    start: datetime
    accepted_at: datetime
    kind: str
    size: int | None
    """Bytes as received; None once they were erased."""
    record: bytes
    """The root of its field tree."""
    amends: int | None
    """The index of the one it amends."""
    amended_by: tuple[int, ...]
    batch: int | None
    """The number of the batch it was anchored with; None while it waits."""

    @property
    def is_erased(self) -> bool:
        """Whether its bytes and its salts are destroyed."""
        return self.size is None


@dataclass(frozen=True)
class Shown:
    """An interaction with what it says."""

    interaction: Interaction
    previous: bytes | None
    """The record of the subject's one before."""
    raw: bytes | None = field(repr=False)
    """As received; None once it was erased."""
    fields: dict[str, str] = field(repr=False)
    """Texts by name, of what there is."""


def locate(office: Office, stream: str, record: str) -> tuple[Stream, InteractionRow]:
    """The accepted interaction that `record` names in a stream: #INDEX, or the id its source gave it.

    Raises BadInput, naming RECORD or --stream, and what `Vault.of` raises.
    """
    found = streams.find(office, stream)
    with office.store.reading() as connection:
        if _INDEX.fullmatch(record):
            row = table.find_interaction(connection, found.number, int(record[1:]))
        else:
            row = table.find_by_source(connection, found.number, source_digest(Vault.of(office), record))
        count = accepted_in(connection, found.number)
    if row is None:
        rule = f"no such record in {stream}, which has {count}: write the id it came with, or '#INDEX' from 0"
        raise BadInput([Problem("RECORD", None, None, None, rule)])
    return found, row


def show(office: Office, stream: str, record: str) -> Shown:
    """One interaction, opened. Raises as `locate`, and DatabaseFailed if it is damaged."""
    found, row = locate(office, stream, record)
    vault = Vault.of(office)
    with office.store.reading() as connection:
        received = _received(row, _box(connection, vault, row.subject), vault)
        amended_by = table.amendments_of(connection, row.subject)
        previous = table.records_before(connection, row)[0]
        batch = anchored_with(connection, row.stream, row.position)
    told = _interaction(found.name, row, received, amended_by, batch)
    if received is None:
        return Shown(told, previous, None, {})
    return Shown(told, previous, received.raw, received.fields)


def of_subject(office: Office, subject: bytes) -> list[Interaction]:
    """All interactions of a subject, by stream and number, erased ones too.

    Raises DatabaseFailed if one is damaged, and what `Vault.of` raises.
    """
    with office.store.reading() as connection:
        return list(_all_of(office, connection, subject))


def _all_of(office: Office, connection: Connection, subject: bytes) -> Iterator[Interaction]:
    """A subject's interactions, opened one by one."""
    rows = connection.execute(select(schema.streams.c.stream, schema.streams.c.name))
    names = {stream: name for stream, name in rows}  # noqa: C416  rows are no pairs to mypy
    amended_by = table.amendments_of(connection, subject)
    vault, box = None, None
    for row in table.interactions_of(connection, subject):
        if vault is None:
            vault = Vault.of(office)
            box = _box(connection, vault, subject)
        batch = anchored_with(connection, row.stream, row.position)
        received = _received(row, box, vault)
        name = names.get(row.stream, str(row.stream))
        yield _interaction(name, row, received, amended_by, batch)


def _interaction(
    stream: str,
    row: InteractionRow,
    received: Received | None,
    amended_by: dict[tuple[int, int], list[int]],
    batch: int | None,
) -> Interaction:
    """A row in words."""
    by: Iterable[int] = amended_by.get((row.stream, row.position), ())
    return Interaction(
        stream=stream,
        index=row.position,
        source=None if received is None else received.source,
        subject=row.subject,
        number=row.number,
        start=datetime.fromtimestamp(row.start, timezone.utc),
        accepted_at=datetime.fromtimestamp(row.accepted_at, timezone.utc),
        kind=row.kind,
        size=None if received is None else len(received.raw),
        record=row.record,
        amends=row.amends,
        amended_by=tuple(by),
        batch=batch,
    )


def _box(connection: Connection, vault: Vault, subject: bytes) -> Box | None:
    """What opens a subject's interactions; None once they were erased."""
    row = find_subject(connection, subject)
    return None if row is None or row.sealed_key is None else vault.box(subject, row.sealed_key)


def _received(row: InteractionRow, box: Box | None, vault: Vault) -> Received | None:
    """An interaction as it was received; None once it was erased. Raises DatabaseFailed."""
    if row.kind == "erasure":
        box = vault.own_box()
    if row.sealed is None or box is None:
        return None
    raw = opened(box, row.sealed, row.stream, row.position).raw
    return reread(cast("Kind", row.kind), raw)  # the table holds no other
