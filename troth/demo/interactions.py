"""The demo's third story: what was said with the second's customers, anchored, and proved by the piece.

A month of contacts comes as a file from the contact centre, and the switch's own counters beside it, which
count one more. The one that was missing is found and taken in, another is amended, and four receipts are
written and checked, by a program that shares no code with what made them.
"""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from troth import verify_receipt
from troth.demo.people import Customer, Stage
from troth.identity import subjects
from troth.interactions import batches, counts, formats, intake, receipts, streams, surveys
from troth.interactions.counts import DayCount
from troth.interactions.receipts import Receipt
from troth.office import Office

__all__ = ["CONTACTS", "Interactions", "tell"]

CONTACTS = 2_000
STREAM = "calls"
_SHOWN = ("/topic", "/outcome")
_TOPICS = ("a claim", "a change of address", "an offer", "a payment", "a complaint", "a question")
_OUTCOMES = ("resolved", "called back", "passed on", "no answer")


@dataclass(frozen=True)
class Interactions:
    """What came of it."""

    contacts: int
    """Accepted of the month's file."""
    repeated: int
    """Recognised when the same file came again."""
    batches: int
    gas: int
    """Of the largest batch, whole."""
    missing: DayCount
    """The day on which the switch counted one more."""
    agrees: bool
    """Whether the counts agree once the missing contact is taken in."""
    proved: Mapping[str, bool]
    """By kind of receipt, whether the verifier accepts it."""
    refused: bool
    """Whether it refuses one with a single character changed."""
    withheld: int
    """Fields that the disclosure keeps back."""
    contacts_shown: int
    """That the receipt of completeness lists."""
    example: Path = field(repr=False)
    """A receipt to look at."""

    @property
    def adds_up(self) -> bool:
        """Whether the one missing contact was found, and every receipt holds and no altered one."""
        return (
            (self.contacts, self.repeated) == (CONTACTS - 1, CONTACTS - 1)
            and (self.missing.missing, self.missing.surplus) == (1, 0)
            and self.agrees
            and all(self.proved.values())
            and self.refused
        )


def tell(
    office: Office, people: Sequence[Customer], month: tuple[datetime, datetime], seed: int, stage: Stage
) -> Interactions:
    """Takes in a month of contacts with these people, but for the last, who is never in touch; anchors it;
    finds what is missing; writes receipts and has them checked.
    """
    home = office.settings.home
    contacts = list(_contacts(people[:-1], *month, seed))
    late = contacts.pop(len(contacts) // 2)
    with stage("take in what was said and done"):
        streams.create(office, STREAM)
        path = _write_lines(home / "contacts.jsonl", contacts)
        taken = intake.add(office, STREAM, formats.read(path, "jsonl"))
        again = intake.add(office, STREAM, formats.read(path, "jsonl"))
    with stage("anchor it"):
        anchored = batches.anchor(office)
    with stage("find what is missing by the switch's counts"):
        counted = _write_counts(home / "counts.csv", [*contacts, late])
        before = counts.reconcile(office, STREAM, counted)
        intake.append(office, STREAM, formats.of_object(late))
        intake.amend(office, STREAM, 0, formats.of_object(_amended(contacts[0])))
        anchored += batches.anchor(office)
        after = counts.reconcile(office, STREAM, counted, declare=True)
    with stage("write receipts and have them checked"):
        made = _receipts(office, contacts[0], people[-1], month)
        paths = {kind: _write(home / f"receipt-{kind}.json", one.text) for kind, one in made.items()}
        proved = {kind: _is_proved(office, path) for kind, path in paths.items()}
        refused = not _is_proved(office, _forged(home, made["disclosure"]))
    (fields,) = (record["fields"] for record in made["disclosure"].document["records"])
    return Interactions(
        contacts=taken.accepted,
        repeated=again.repeated,
        batches=len(anchored),
        gas=max(anchored, key=lambda one: one.count).gas_used,
        missing=next((day for day in before.days if day.missing), before.days[0]),
        agrees=after.agrees,
        proved=proved,
        refused=refused,
        withheld=sum("digest" in one for one in fields),
        contacts_shown=len(made["completeness"].document["records"]),
        example=paths["disclosure"],
    )


# --- what was said


def _contacts(
    people: Sequence[Customer], begins: datetime, ends: datetime, seed: int
) -> Iterator[dict[str, Any]]:
    """So many contacts, in order of time, each as full of what is personal as they come."""
    source = random.Random(f"contacts {seed}")  # noqa: S311  reproducible, not secret
    length = int((ends - begins).total_seconds())
    for number, offset in enumerate(sorted(source.sample(range(length), CONTACTS)), 1):
        person, topic = source.choice(people), source.choice(_TOPICS)
        start = begins + timedelta(seconds=offset)
        yield {
            "id": f"contact-{number:06}",
            "subject": person.ref,
            "start": start.isoformat(),
            "end": (start + timedelta(seconds=source.randrange(20, 1_800))).isoformat(),
            "channel": source.choice(("call", "call", "e-mail", "chat")),
            "agent": f"agent {source.randrange(40):02}",
            "customer": {"name": person.name, "phone": person.phone, "email": person.email},
            "topic": topic,
            "outcome": source.choice(_OUTCOMES),
            "notes": f"{person.name}, of {person.address}, about {topic}.",
        }


def _amended(contact: Mapping[str, Any]) -> dict[str, Any]:
    """The same contact with its outcome put right, under an id of its own."""
    return {**contact, "id": f"{contact['id']}-amended", "outcome": "passed on to the ombudsman"}


def _write_lines(path: Path, contacts: Iterable[Mapping[str, Any]]) -> Path:
    """JSON lines, as a contact centre exports them."""
    with path.open("w", encoding="utf-8") as file:
        for one in contacts:
            file.write(json.dumps(one, ensure_ascii=False) + "\n")
    return path


def _write_counts(path: Path, contacts: Iterable[Mapping[str, Any]]) -> Path:
    """How many contacts the switch saw, day by day."""
    days = Counter(one["start"][:10] for one in contacts)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("day", "count"))
        writer.writerows(sorted(days.items()))
    return path


# --- what can be shown of it


def _receipts(
    office: Office, contact: Mapping[str, Any], silent: Customer, month: tuple[datetime, datetime]
) -> dict[str, Receipt]:
    """One of each kind: a contact whole, two fields of it, all with its customer, and none with another."""
    spoken, unspoken = (subjects.resolve(office, ref) for ref in (contact["subject"], silent.ref))
    period = [int(moment.timestamp()) for moment in month]
    return {
        "inclusion": receipts.inclusion(office, STREAM, contact["id"]),
        "disclosure": receipts.disclosure(office, STREAM, contact["id"], _SHOWN),
        "completeness": surveys.completeness(office, STREAM, spoken),
        "absence": surveys.absence(office, STREAM, unspoken, *period),
    }


def _is_proved(office: Office, path: Path) -> bool:
    """Whether the verifier, a process of its own that sees nothing of this one, accepts a receipt."""
    command = [sys.executable, "-I", verify_receipt.__file__, str(path), "--rpc", office.node.url]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _forged(home: Path, receipt: Receipt) -> Path:
    """The same receipt with another topic in it."""
    topic = next(one for one in _TOPICS if f'"text": "\\"{one}\\""' in receipt.text)
    other = _TOPICS[_TOPICS.index(topic) - 1]
    return _write(home / "receipt-forged.json", receipt.text.replace(topic, other))


def _write(path: Path, text: str) -> Path:
    """A text file."""
    path.write_text(text, encoding="utf-8")
    return path
