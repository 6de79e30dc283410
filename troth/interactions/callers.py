"""Whose interactions they are: customers as subjects, each with a box and the end of a chain of records.

For the session that holds a stream's queue. Those met last stay at hand, and the others are looked up many
at a time, never one by one.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from sqlalchemy import Connection

from troth.identity.subjects import resolve_or_create
from troth.identity.vault import Box, Vault
from troth.store import Store
from troth.store import interactions as table
from troth.store.subjects import SubjectRow, add_subjects, find_subjects, hold_creation

__all__ = ["AT_HAND", "Caller", "Callers"]

AT_HAND = 100_000
"""Callers kept between chunks, some 0.5 KB each. Looking one up takes half as long as all the rest."""

_SUBJECT = 32


class Caller:
    """A subject whose box is open, and the last of their records in the stream."""

    __slots__ = ("box", "number", "record", "subject")

    def __init__(self, subject: bytes, box: Box, number: int, record: bytes | None) -> None:
        self.subject, self.box, self.number, self.record = subject, box, number, record


class Callers:
    """The callers of one stream."""

    def __init__(self, store: Store, vault: Vault, stream: int) -> None:
        self._store, self._vault, self._stream = store, vault, stream
        self._subjects: dict[str, bytes] = {}  # by customer
        self._callers: dict[bytes, Caller] = {}

    def meet(self, customers: Iterable[str]) -> dict[str, Caller | None]:
        """The caller by customer, made where there is none; None for one who was erased.

        Raises ValueError for what is neither an id nor a reference, WrongKey, DatabaseFailed.
        """
        wanted = dict.fromkeys(customers)
        subjects = {text: self._subjects.pop(text) for text in wanted if text in self._subjects}
        callers = {one: self._callers.pop(one) for one in subjects.values() if one in self._callers}
        new = wanted.keys() - subjects.keys()
        if new or len(callers) < len(set(subjects.values())):
            with self._store.writing() as connection:
                subjects |= resolve_or_create(connection, self._vault, new)
                strange = set(subjects.values()) - callers.keys()
                callers |= {one: self._callers.pop(one) for one in strange if one in self._callers}
                callers |= self._looked_up(connection, strange - callers.keys())
        self._subjects |= subjects  # at the end of what is at hand: met last
        self._callers |= callers
        return {text: callers.get(subject) for text, subject in subjects.items()}

    def anonymous(self, count: int, at: int) -> list[Caller]:
        """So many new ones, of whom nothing is known, made `at` a time."""
        if not count:
            return []
        subjects = [secrets.token_bytes(_SUBJECT) for _ in range(count)]
        boxes = [self._vault.new_box(subject) for subject in subjects]
        with self._store.writing() as connection:
            hold_creation(connection)
            self._vault.check(connection)
            rows = [
                SubjectRow(subject, sealed_key, None, None, at)
                for subject, (sealed_key, _) in zip(subjects, boxes, strict=True)
            ]
            add_subjects(connection, rows)
        return [Caller(subject, box, 0, None) for subject, (_, box) in zip(subjects, boxes, strict=True)]

    def boxes(self, connection: Connection, subjects: Iterable[bytes]) -> dict[bytes, Box]:
        """The boxes of those subjects that were not erased."""
        wanted = set(subjects)
        found = {one: self._callers[one].box for one in wanted if one in self._callers}
        for row in find_subjects(connection, wanted - found.keys()):
            if row.sealed_key is not None:
                found[row.subject] = self._vault.box(row.subject, row.sealed_key)
        return found

    def forget(self) -> None:
        """Lets go of all: what they ended with is not so after all."""
        self._subjects.clear()
        self._callers.clear()

    def trim(self) -> None:
        """Lets go of those not met for longest. Once what they end with is in the database."""
        for text in list(self._subjects)[: max(0, len(self._subjects) - AT_HAND)]:
            del self._subjects[text]
        for subject in list(self._callers)[: max(0, len(self._callers) - AT_HAND)]:
            del self._callers[subject]

    def _looked_up(self, connection: Connection, subjects: set[bytes]) -> dict[bytes, Caller]:
        """Those of `subjects` that were not erased."""
        boxes, _ = self._vault.boxes_unless_erased(connection, subjects)
        ends = table.last_records(connection, self._stream, boxes)
        none: tuple[int, None] = (0, None)
        return {one: Caller(one, box, *ends.get(one, none)) for one, box in boxes.items()}
