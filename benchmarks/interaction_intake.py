"""Records a second and memory, from a file of JSON to the queue, leaves computed, and on to anchored batches.

Beside a bare loop that parses each line, hashes it and keeps it in SQLite: no fields, salts, seals, subjects.
Either side runs in a process of its own, `python -m benchmarks.interaction_intake SIDE RECORDS`, so its
memory is its own, and rates are of its processor time: what one core does.
"""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.figures import Budget, Figure
from benchmarks.ground import ROOT, office
from benchmarks.tree import peak
from troth.interactions import batches, formats, intake, streams

__all__ = ["measure"]

RECORDS = 1_000_000
EACH = 10  # records a customer
CHUNK = 4_000
WORDS = ("claim", "policy", "storm", "delay", "payment", "letter", "address", "premium", "cover", "damage")


def measure(*, quick: bool) -> list[Figure]:
    """One file taken and anchored, and the bare loop on the same. About ten minutes."""
    records = 5_000 if quick else RECORDS
    ours, fewer, theirs = _child("troth", records), _child("troth", records // 10), _child("bare", records)
    conditions = (
        f"{records:,} records of {ours['bytes']:.0f} bytes, 12 members, of {records // EACH:,} customers, "
        f"in processor time (by the clock {ours['queued wall']:.0f} s to the queue, {ours['wall']:.0f} s to "
        f"the chain, in {ours['batches']:.0f} batches); the bare loop has no fields, salts, seals or "
        "subjects, and in the end one tree"
    )
    command = f"python -m benchmarks interaction-intake{' --quick' if quick else ''}"
    bare, part = "json, hashlib, sqlite3", "a tenth of the records"
    budget = None if quick else Budget(10_000, is_ratio=False, at_least=True)
    lines = (
        ("records a second", "file to queue, leaves computed", "queued", bare, theirs, budget),
        ("records a second", "file to anchored batches", "anchored", bare, theirs, None),
        (
            "peak MB",
            "file to queue, leaves computed",
            "queued MB",
            part,
            fewer,
            None if quick else Budget(1.5),
        ),
        ("peak MB", "file to anchored batches", "anchored MB", part, fewer, None),
    )
    return [
        Figure(unit, what, ours[name], rival, other[name], bound, conditions, command)
        for unit, what, name, rival, other, bound in lines
    ]


def _child(side: str, records: int) -> dict[str, float]:
    """What `main` prints, from a process of its own."""
    command = [sys.executable, "-m", "benchmarks.interaction_intake", side, str(records)]
    answer = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return dict(json.loads(answer))


def _written(path: Path, records: int) -> Path:
    """The file as a contact centre brings it: calls of customers who come in any order."""
    source = random.Random(9162)
    with path.open("w", encoding="utf-8") as file:
        for number in range(records):
            call = {
                "id": f"call-{number:09}",
                "subject": f"C-{source.randrange(max(1, records // EACH)):07}",
                "start": f"2026-03-{1 + number % 28:02}T{number % 24:02}:{number % 60:02}:00Z",
                "channel": "voice",
                "queue": source.choice(WORDS),
                "agent": f"A-{source.randrange(900):03}",
                "duration": source.randrange(3_000),
                "score": round(source.random() * 5, 2),
                "resolved": number % 7 > 0,
                "language": "en",
                "topics": [source.choice(WORDS), source.choice(WORDS)],
                "summary": " ".join(source.choices(WORDS, k=109)),
            }
            file.write(json.dumps(call) + "\n")
    return path


def _troth(records: int) -> dict[str, float]:
    """Troth's side: as `troth interactions add` and `anchor` do it."""
    with office() as opened:
        path = _written(opened.settings.home / "calls.jsonl", records)
        streams.create(opened, "calls")
        begun, since = time.process_time(), time.perf_counter()
        done = intake.add(opened, "calls", formats.read(path))
        queued = {"queued": time.process_time() - begun, "queued wall": time.perf_counter() - since}
        found = {"queued MB": peak(), "bytes": path.stat().st_size / records}
        anchored = batches.anchor(opened, "calls")
        spent = time.process_time() - begun
        assert (done.accepted, sum(one.count for one in anchored)) == (records, records)
    rates = {"queued": records / queued["queued"], "anchored": records / spent}
    wall = {"queued wall": queued["queued wall"], "wall": time.perf_counter() - since}
    return {**found, **wall, **rates, "anchored MB": peak(), "batches": len(anchored)}


def _bare(records: int) -> dict[str, float]:
    """The other side: parsed, hashed and kept, durable in chunks of as many rows; then a tree's hashes."""
    with tempfile.TemporaryDirectory(prefix="troth-bench-") as folder:
        path = _written(Path(folder) / "calls.jsonl", records)
        begun, level = time.process_time(), []
        with closing(sqlite3.connect(Path(folder) / "bare.db", isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("CREATE TABLE calls (position INTEGER PRIMARY KEY, id TEXT, line BLOB)")
            lines = _parsed(path, level)
            while rows := list(islice(lines, CHUNK)):
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany("INSERT INTO calls VALUES (?, ?, ?)", rows)
                connection.execute("COMMIT")
        queued = time.process_time() - begun
        found = {"queued MB": peak()}
        while len(level) > 1:
            pairs = zip(level[::2], level[1::2])  # noqa: B905  an odd one goes up as it is
            odd = level[-1:] if len(level) % 2 else []
            level = [sha256(b"\1" + left + right).digest() for left, right in pairs] + odd
        spent = time.process_time() - begun
    return {**found, "queued": records / queued, "anchored": records / spent, "anchored MB": peak()}


def _parsed(path: Path, hashes: list[bytes]) -> Iterator[tuple[Any, ...]]:
    """Position, id and line of each record of a file, whose leaf is added to `hashes`."""
    with path.open("rb") as file:
        for position, line in enumerate(file):
            hashes.append(sha256(b"\0" + line).digest())
            yield position, json.loads(line)["id"], line


def main(side: str, records: int) -> None:
    """Does one side's work and prints its figures as JSON."""
    print(json.dumps({"troth": _troth, "bare": _bare}[side](records)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
