"""Consents handed out: the receipt for one decision, and the records of one subject or of all.

An export is a stream: a record is written as soon as it is made, so that memory does not grow with the file.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, groupby
from typing import Any

from sqlalchemy import Connection

from troth.consent.controller import Controller
from troth.consent.decisions import Scope, key_of
from troth.consent.receipts import CONTEXT, Source, consent_record, missing, receipt
from troth.errors import BadInput, Problem
from troth.identity.subjects import reference_of, references_of
from troth.office import Office, Progress, progress_ignored
from troth.store.decisions import DecisionRow, HonourRow, every_decision, every_honour, on_record
from troth.store.exports import appointed, decision_count, notice_titles
from troth.store.terms import names_of

__all__ = ["Exported", "Receipt", "export", "receipt_for"]

_DECISION = re.compile(r"0x([0-9a-f]{64})#([1-9][0-9]{0,37})")
_AT_ONCE = 2_000  # decisions whose terms are looked up together


@dataclass(frozen=True)
class Receipt:
    """A receipt made."""

    document: dict[str, Any]
    """JSON-LD."""
    missing: list[str]
    """What ISO/IEC TS 27560 wants in it and it does not have."""


@dataclass(frozen=True)
class Exported:
    """What was written."""

    records: int
    decisions: int
    incomplete: int
    """Records without some of what ISO/IEC TS 27560 wants."""
    missing: list[str]
    """Whatever at least one of them lacks."""


def receipt_for(
    office: Office,
    decision: str,
    subject: bytes | None = None,
    *,
    controller: Controller | None = None,
    with_ref: bool = False,
) -> Receipt:
    """The receipt for a decision, 0xKEY#NUMBER: the consent's record up to it.

    Without `subject` every consent on record is looked through for the key. Raises BadInput for text that
    names no decision and for one that is not on record, and what reading the chain raises.
    """
    key, number = _parse(decision)
    office.sync()
    with office.store.reading() as connection:
        rows = _decisions(connection, subject)
        found = next((group for group in _consents(rows) if _key(group) == key), [])
        upto = [row for row in found if row.number <= number]
        if not upto or upto[-1].number != number:
            raise _refused(decision, "no such decision on record" + (" of this subject" if subject else ""))
        source = _source(office, connection, upto[0].subject, controller)
        said = [one for one in every_honour(connection, upto[0].subject) if one.decision_key == key]
        source = replace(source, names=names_of(connection, _terms(upto, said)))
    ref = reference_of(office, upto[0].subject) if with_ref else None
    record = consent_record(source, upto, said, ref)
    return Receipt(receipt(record, number, office.now()), missing(record))


def export(
    office: Office,
    write: Callable[[str], object],
    subject: bytes | None = None,
    *,
    controller: Controller | None = None,
    with_ref: bool = False,
    progress: Progress = progress_ignored,
) -> Exported:
    """Writes the records of a subject, or of all, as one JSON-LD document, a record a line.

    Raises what reading the chain raises.
    """
    office.sync()
    written = incomplete = decisions = 0
    lacking: dict[str, None] = {}
    write(f'{{"@context": {json.dumps(CONTEXT)},\n"@graph": [')
    with office.store.reading() as connection:
        total = decision_count(connection, subject)
        source = _source(office, connection, subject, controller)
        for record in _records(office, connection, source, subject, with_ref=with_ref):
            write(f"{',' if written else ''}\n{json.dumps(record, ensure_ascii=False)}")
            written, decisions = written + 1, decisions + len(record["event"])
            if lacks := missing(record):
                incomplete += 1
                lacking.update(dict.fromkeys(lacks))
            progress(decisions, total)
    write("\n]}\n")
    return Exported(written, decisions, incomplete, list(lacking))


def _records(
    office: Office, connection: Connection, source: Source, subject: bytes | None, *, with_ref: bool
) -> Iterator[dict[str, Any]]:
    """The records of a subject, or of all, in order of subject and scope."""
    said = _Acts(every_honour(connection, subject))
    for groups in _batches(_consents(_decisions(connection, subject))):
        acts = said.until(groups[-1][0].subject)
        terms = _terms(chain.from_iterable(groups), chain.from_iterable(acts.values()))
        source = replace(source, names=names_of(connection, terms))
        refs = references_of(office, {group[0].subject for group in groups}) if with_ref else {}
        for group in groups:
            yield consent_record(source, group, acts.get(_key(group), ()), refs.get(group[0].subject))


class _Acts:
    """What recipients have honoured, read side by side with the decisions, which come in the same order."""

    def __init__(self, rows: Iterator[HonourRow]) -> None:
        self._rows = rows
        self._ahead: list[HonourRow] = []

    def until(self, subject: bytes) -> dict[bytes, list[HonourRow]]:
        """Those of subjects up to `subject`, by key; of a subject asked for last, once more."""
        for row in self._rows:
            self._ahead.append(row)
            if row.subject > subject:
                break
        found: dict[bytes, list[HonourRow]] = defaultdict(list)
        for row in self._ahead:
            if row.subject <= subject:
                found[row.decision_key].append(row)
        self._ahead = [row for row in self._ahead if row.subject >= subject]
        return found


def _decisions(connection: Connection, subject: bytes | None) -> Iterator[DecisionRow]:
    """The decisions of a subject, or of all, in order of subject, scope and number."""
    if subject is None:
        return every_decision(connection)
    return iter(sorted(on_record(connection, subject).decisions, key=lambda row: (_scope(row), row.number)))


def _consents(rows: Iterable[DecisionRow]) -> Iterator[list[DecisionRow]]:
    """The decisions on each key."""
    return (list(group) for _, group in groupby(rows, lambda row: (row.subject, _scope(row))))


def _batches(groups: Iterable[list[DecisionRow]]) -> Iterator[list[list[DecisionRow]]]:
    """As many keys together as hold some thousand decisions."""
    batch: list[list[DecisionRow]] = []
    count = 0
    for group in groups:
        batch.append(group)
        count += len(group)
        if count >= _AT_ONCE:
            yield batch
            batch, count = [], 0
    if batch:
        yield batch


def _scope(row: DecisionRow) -> Scope:
    """What a decision is about."""
    return Scope(row.purpose, row.recipient, row.category)


def _key(group: list[DecisionRow]) -> bytes:
    """Of the consent that decisions are on."""
    return key_of(group[0].subject, _scope(group[0]))


def _terms(rows: Iterable[DecisionRow], acts: Iterable[HonourRow]) -> set[int]:
    """The numbers of all terms in decisions and acts."""
    return {term for row in rows for term in row.terms} | {one.honoured_by for one in acts}


def _source(
    office: Office, connection: Connection, subject: bytes | None, controller: Controller | None
) -> Source:
    """Where decisions come from; without names of terms yet."""
    return Source(
        chain_id=office.node.chain_id,
        contract=office.contract("ConsentRegistry").address,
        names={},
        notices=notice_titles(connection),
        representatives=appointed(connection, subject),
        controller=controller,
    )


def _parse(decision: str) -> tuple[bytes, int]:
    """Key and number. Raises BadInput."""
    if (found := _DECISION.fullmatch(decision.lower())) is None:
        raise _refused(decision, "no decision: write 0xKEY#NUMBER, as `troth consent history` shows it")
    return bytes.fromhex(found[1]), int(found[2])


def _refused(decision: str, reason: str) -> BadInput:
    """What is wrong with the decision given."""
    return BadInput([Problem("DECISION", None, None, decision, reason)])
