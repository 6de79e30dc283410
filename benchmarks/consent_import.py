"""Decisions a second, from a file to the index, beside bare slots and events sent by the same sender."""

from __future__ import annotations

import csv
import random
import time
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.ground import mock, office
from troth.config import GAS_CAP
from troth.consent.imports import import_file
from troth.office import Office

__all__ = ["measure"]

IN_A_CALL = 400  # slots: about as many as decisions fit a transaction of an import
HEADER = (
    *("subject", "purpose", "recipient", "category", "state", "basis", "method"),
    *("effective", "expires", "notice", "evidence"),
)
SCOPES = (
    ("Marketing", "acme", "Contact"),
    ("ServiceProvision", "insurer", "Health"),
    ("Marketing", "*", "*"),
)
SAID = ("consent", "recorded-call", "2025-11-03T09:12:00Z", "", "")


def measure(*, quick: bool) -> list[Figure]:
    """One import of new customers' decisions. About a minute and a half."""
    rows = 400 if quick else 100_000
    with office() as opened:
        # Before and after ours, and the better counts: a machine busy with other things must not flatter us.
        before = _slots(opened, rows // 5)
        done = import_file(opened, _written(opened.settings.home / "consents.csv", rows), create=True)
        theirs = max(before, _slots(opened, rows // 5))
    conditions = (
        f"{rows:,} decisions of as many new customers, each with evidence: read, checked, sealed, staged, "
        f"recorded in {len(done.transactions)} transactions, indexed in {done.seconds:.1f} s; the rival only "
        "records, and is encoded beforehand"
    )
    command = f"python -m benchmarks consent-import{' --quick' if quick else ''}"
    ours = done.recorded / done.seconds
    return [
        Figure(
            "decisions a second", "file to index", ours, "slots and events", theirs, None, conditions, command
        )
    ]


def _written(path: Path, rows: int) -> Path:
    """The file as a contact centre brings it."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for number in range(rows):
            scope = SCOPES[number % len(SCOPES)]
            state = "refused" if scope[1] == "*" else "given"
            writer.writerow((f"C-{number:06}", *scope, state, *SAID, f"call {number}"))
    return path


def _slots(office: Office, count: int) -> float:
    """Fresh slots with an event each, a second."""
    source, floor = random.Random(count), mock(office, "SlotAndEvent")
    calls = []
    for first in range(0, count, IN_A_CALL):
        some = min(IN_A_CALL, count - first)
        words = [(source.randbytes(32), source.randbytes(32)) for _ in range(some)]
        calls.append(floor.prepare("writeAll", words, gas=GAS_CAP))
    started = time.perf_counter()
    office.sender.send(calls)
    return count / (time.perf_counter() - started)
