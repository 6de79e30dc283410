"""A stream twice: in an office's database and on its chain, and by hand in a model of no common code.

    filed = file_stream(desk, [[contact(1), contact(2)], [contact(1)]])
    filed.model.completeness(subject(1))     # what the office must make, to the byte

The rows are written with the model's secrets, so both make the same salts, roots and receipts.
"""

from __future__ import annotations

import json
import time
from calendar import timegm
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from support.handmade_receipts import Contact, Record, Stream, flat, hexed, sha256, subject, word
from support.office import Desk
from troth.identity.vault import Vault
from troth.interactions import batches, sealing, streams
from troth.interactions.intake import source_digest
from troth.store import batches as batch_table
from troth.store import interactions as table
from troth.store import subjects as subject_table
from troth.store.batches import ClosedBatch
from troth.store.interactions import InteractionRow
from troth.store.subjects import SubjectRow

NAME = "calls"
START = "2026-01-01T00:00:00Z"


def contact(who: int, start: str = START, *, source: str = "c-1", **more: Any) -> Contact:
    """A contact as a line of JSON, and the fields it must give, by hand. `amends`: index of another."""
    amends = more.pop("amends", None)
    members = {"id": source, "subject": hexed(subject(who)), "start": start, **more}
    raw = json.dumps(members, ensure_ascii=False)
    return Contact(who, start, flat(members), raw, "json", amends)


@dataclass
class Filed:
    """The stream on both sides."""

    desk: Desk
    name: str
    number: int
    contacts: list[list[Contact]] = field(default_factory=list)
    """By batch, those that wait last."""
    anchored: int = 0
    """Batches."""
    times: list[int] = field(default_factory=list)
    transactions: list[bytes] = field(default_factory=list)

    @property
    def model(self) -> Stream:
        """The stream by hand, of what is anchored."""
        made = self._model(self.contacts[: self.anchored], self.times)
        for batch, transaction in zip(made.batches, self.transactions, strict=True):
            batch.transaction = transaction
        return made

    def add(self, contacts: Sequence[Contact]) -> None:
        """Accepts contacts, which wait."""
        self.contacts.append(list(contacts))
        model = self._model(self.contacts)
        first = len(model.records) - len(contacts)
        with self.desk.office.store.writing() as connection:
            vault = Vault.of(self.desk.office)
            for index, record in enumerate(model.records[first:], first):
                table.add_drafts(connection, [self._row(connection, vault, index, record, model)])
            table.accept(connection, self.number, first, first + len(contacts))

    def anchor(self, wait: int = 3600) -> None:
        """Closes what waits as one batch, with the model's secret, and anchors it `wait` seconds later."""
        waiting = self.contacts[self.anchored :]
        self.contacts[self.anchored :] = [[one for part in waiting for one in part]]
        batch = self._model(self.contacts).batches[-1]
        closed = ClosedBatch(
            self.number,
            *(batch.number, batch.first, len(batch.records), batch.roster.secret),
            *(batch.root, batch.roster.word, int(time.time())),
        )
        with self.desk.office.store.writing() as connection:
            batch_table.save_batch(connection, closed)
        self.desk.suite.clock.move_by(wait)
        (done,) = batches.anchor(self.desk.office, self.name)
        self.anchored += 1
        self.times.append(done.time)
        self.transactions.append(bytes.fromhex(done.transaction[2:]))

    def erase(self, who: int) -> None:
        """Destroys what is kept of a subject, as erasing at the beginning of 2026 does."""
        with self.desk.office.store.writing() as connection:
            subject_table.destroy(connection, subject(who), seconds(START))
            table.destroy_interactions(connection, subject(who))

    def _model(self, contacts: Sequence[Sequence[Contact]], times: Sequence[int] | None = None) -> Stream:
        """The stream by hand."""
        office = self.desk.office
        contract = office.contract("Streams").address.lower()
        place: dict[str, Any] = {"chain": office.node.chain_id, "contract": contract}
        return Stream(contacts, times=times, number=self.number, name=self.name, **place)

    def _row(
        self, connection: Any, vault: Vault, index: int, record: Record, model: Stream
    ) -> InteractionRow:
        """A record as the office keeps it."""
        known = subject_table.find_subject(connection, record.subject)
        if known is None:
            sealed_key, box = vault.new_box(record.subject)
            row = SubjectRow(record.subject, sealed_key, None, None, int(time.time()))
            subject_table.add_subjects(connection, [row])
        elif record.contact.kind == "erasure":
            box = vault.own_box()
        else:
            assert known.sealed_key is not None
            box = vault.box(record.subject, known.sealed_key)
        secret, raw = sha256(model.seed, b"record", word(index)), record.contact.raw.encode()
        source = source_digest(vault, json.loads(record.contact.raw)["id"])
        return InteractionRow(
            *(self.number, index, source, record.subject, record.number),
            *(seconds(record.contact.start), int(time.time()), record.contact.kind, record.root),
            *(sealing.sealed(box, secret, raw, self.number, index), record.contact.amends),
        )


def seconds(moment: str) -> int:
    """UTC seconds of a time in a receipt."""
    return timegm(time.strptime(moment, "%Y-%m-%dT%H:%M:%SZ"))


def file_stream(
    desk: Desk, contacts: Sequence[Sequence[Contact]], name: str = NAME, *, wait: int = 3600
) -> Filed:
    """A new stream of batches, each anchored `wait` seconds after the one before."""
    filed = Filed(desk, name, streams.create(desk.office, name).stream.number)
    for part in contacts:
        filed.add(part)
        filed.anchor(wait)
    return filed
