"""Seconds and memory for the tree of a large book with the proofs of all that is due, beside bare hashing.

Either side runs in a process of its own, `python -m benchmarks.tree SIDE POLICIES`, so its memory is its own.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from sha3 import keccak_256

from benchmarks.figures import Figure
from troth.claims.books import tree_of
from troth.store.books import PolicyRow

__all__ = ["measure", "peak"]

RISK_SIZE = 4
DUE_EVERY = 33  # one risk in so many: 3 policies in 100
BATCH = 200
REFERENCE_BYTES, TERMS_BYTES, LEAF_BYTES, PAIR_BYTES = 16 + 8, 44, 100, 64


def measure(*, quick: bool) -> list[Figure]:
    """Seconds and megabytes of both sides. About half a minute."""
    policies = 20_000 if quick else 1_000_000
    ours, theirs = _child("book", policies), _child("bare", policies)
    conditions = (
        f"{RISK_SIZE} policies a risk, one risk in {DUE_EVERY} due, a multiproof for every {BATCH} claims; "
        "the bare loop makes as many keccaks of as many bytes with pysha3 and keeps them; a process each"
    )
    command = f"python -m benchmarks tree{' --quick' if quick else ''}"
    what, rival = f"tree and due proofs, book of {policies:,}", "bare keccaks"
    return [
        Figure(unit, what, ours[unit], rival, theirs[unit], None, conditions, command)
        for unit in ("seconds", "peak MB")
    ]


def _child(side: str, policies: int) -> dict[str, float]:
    """What `main` prints, from a process of its own."""
    command = [sys.executable, "-m", "benchmarks.tree", side, str(policies)]
    root = Path(__file__).resolve().parent.parent
    answer = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    return dict(json.loads(answer))


def _book(policies: int) -> None:
    """Troth's side: leaves, tree and proofs, as `troth settle` makes them."""
    tree = tree_of(_policies(policies))
    due = [n for n in range(policies) if n // RISK_SIZE % DUE_EVERY == DUE_EVERY // 2]
    for start in range(0, len(due), BATCH):
        tree.multiproof(due[start : start + BATCH])


def _bare(policies: int) -> None:
    """The other side: the hashes alone."""
    kept = bytearray()
    three = [bytes(length) for length in (REFERENCE_BYTES, TERMS_BYTES, LEAF_BYTES)]
    for _ in range(policies):
        for data in three:
            digest = keccak_256(data).digest()
        kept += digest
    pair = bytes(PAIR_BYTES)
    for _ in range(policies - 1):
        kept += keccak_256(pair).digest()


def _policies(count: int) -> Iterator[PolicyRow]:
    """A made-up book in order, made as it is read."""
    for number in range(count):
        payee, salt = number.to_bytes(20, "big"), number.to_bytes(16, "big")
        risk = f"2013-01-01 TR{number // RISK_SIZE:06} EWR"
        yield PolicyRow(number, f"P{number:07}", risk, payee, 250_000_000, 10_000_000, salt)


def peak() -> float:
    """The most memory this process has had, in megabytes.

    Linux hands getrusage's figure down from the parent; the one in /proc is the process's own.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main(side: str, policies: int) -> None:
    """Does one side's work and prints its figures as JSON."""
    began = time.perf_counter()
    {"book": _book, "bare": _bare}[side](policies)
    print(json.dumps({"seconds": time.perf_counter() - began, "peak MB": peak()}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
