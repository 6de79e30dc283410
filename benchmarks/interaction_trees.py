"""Trees of interactions beside a bare loop of hashlib, and beside the trees of pymerkle and OpenTimestamps.

All figures are of the one core that makes them: seconds of processor time, the best of a few rounds in which
both sides take turns.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from hashlib import sha256

from opentimestamps.core.timestamp import Timestamp, make_merkle_tree
from pymerkle import InmemoryTree, verify_inclusion

from benchmarks.figures import Budget, Figure
from troth.interactions.records import Link, flatten, opened, root
from troth.trees.rfc9162 import Tree, root_of

__all__ = ["measure"]

ROUNDS = 5
LEAVES, FEWER = 1_000_000, 100_000
PROOFS, RECORDS = 10_000, 5_000
DOCUMENT = {
    "id": "call-0000001",
    "subject": "C-1234567",
    "start": "2026-03-01T10:00:00Z",
    "channel": "voice",
    "duration": 312,
    "resolved": True,
    "score": 4.5,
    "topics": ["claim", "flight delay"],
    "agent": {"id": "A-17", "team": "claims"},
    "parties": [{"tel": "+15550100"}],
    "summary": "Asked when the payout of policy P0000042 arrives, and was told that it has been paid. " * 9,
}
RAW = json.dumps(DOCUMENT).encode()
LINK = Link(bytes(32), 7, bytes(32), 1_772_359_200, "json").text()


def measure(*, quick: bool) -> list[Figure]:
    """Trees built, proofs made and checked, records hashed. About two minutes."""
    leaves = [sha256(b"record %d" % number).digest() for number in range(20_000 if quick else LEAVES)]
    fewer = leaves[: 2_000 if quick else FEWER]
    rounds = 1 if quick else ROUNDS
    return [
        *_trees(leaves, fewer, rounds, quick=quick),
        *_proofs(fewer, 200 if quick else PROOFS, rounds, quick=quick),
        *_records(200 if quick else RECORDS, rounds, quick=quick),
    ]


def _trees(leaves: list[bytes], fewer: list[bytes], rounds: int, *, quick: bool) -> list[Figure]:
    """Building, with all nodes kept on either side, so that every proof can be had."""
    assert Tree.build(fewer).root == _pymerkle(fewer).get_state() == _bare(fewer)[-1][0]
    conditions = (
        f"leaves of 32 bytes; the bare loop keeps its rows as lists; beside rivals that take ten times as "
        f"long and more {len(fewer):,} leaves, on both sides; best of {rounds} in turn"
    )
    rivals: list[tuple[str, list[bytes], Callable[[list[bytes]], object], Budget | None]] = [
        ("bare hashlib", leaves, _bare, None if quick else Budget(1.5)),
        ("pymerkle", fewer, _pymerkle, None),
        ("OpenTimestamps", fewer, _opentimestamps, None),
    ]
    figures = []
    for rival, of, build, budget in rivals:
        ours, theirs = _in_turn(rounds, lambda of=of: Tree.build(of), lambda of=of, build=build: build(of))
        what = f"tree of {len(of):,} leaves with all its proofs"
        figures.append(Figure("seconds", what, ours, rival, theirs, budget, conditions, _command(quick)))
    return figures


def _proofs(leaves: list[bytes], count: int, rounds: int, *, quick: bool) -> list[Figure]:
    """Proofs of random leaves, made from a tree and checked against its root."""
    ours, theirs = Tree.build(leaves), _pymerkle(leaves)
    size, top = len(leaves), ours.root
    places = random.Random(9).choices(range(size), k=count)
    paths = [ours.path(place) for place in places]
    proofs = [theirs.prove_inclusion(place + 1) for place in places]
    assert paths == [tuple(proof.path[1:]) for proof in proofs]

    def check() -> None:
        assert all(root_of(leaves[k], k, size, path) == top for k, path in zip(places, paths, strict=True))

    def check_theirs() -> None:
        for place, proof in zip(places, proofs, strict=True):
            verify_inclusion(theirs.get_leaf(place + 1), top, proof)

    made = _in_turn(
        rounds,
        lambda: [ours.path(place) for place in places],
        lambda: [theirs.prove_inclusion(place + 1) for place in places],
    )
    checked = _in_turn(rounds, check, check_theirs)
    conditions = f"{count:,} random leaves of {size:,}; both make the same paths; best of {rounds} in turn"
    return [
        Figure(
            "proofs a second",
            what,
            count / mine,
            "pymerkle",
            count / other,
            None,
            conditions,
            _command(quick),
        )
        for what, (mine, other) in (("proofs made", made), ("proofs checked", checked))
    ]


def _records(count: int, rounds: int, *, quick: bool) -> list[Figure]:
    """From a document to its fields, and from its fields to the root that is a leaf's data."""
    fields, secret = flatten(DOCUMENT), bytes(32)
    salted = [one.salt + one.text for one in opened(secret, LINK, RAW, fields)]
    assert _bare_record(salted) == root(secret, LINK, RAW, fields)
    flattened = _in_turn(
        rounds,
        lambda: [flatten(DOCUMENT) for _ in range(count)],
        lambda: [json.dumps(DOCUMENT) for _ in range(count)],
    )
    hashed = _in_turn(
        rounds,
        lambda: [root(secret, LINK, RAW, fields) for _ in range(count)],
        lambda: [_bare_record(salted) for _ in range(count)],
    )
    conditions = (
        f"a record of {len(RAW):,} bytes and {len(fields)} fields beside its own three; the bare hashes are "
        f"of the same bytes, salts and texts made before; {count:,} records, best of {rounds} in turn"
    )
    return [
        Figure(
            "microseconds",
            what,
            1e6 * mine / count,
            rival,
            1e6 * other / count,
            None,
            conditions,
            _command(quick),
        )
        for what, rival, (mine, other) in (
            ("a record's fields", "json.dumps", flattened),
            ("a record's root", "bare hashlib", hashed),
        )
    ]


def _bare(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """All rows of the tree, by hashlib alone."""
    row = [sha256(b"\0" + data).digest() for data in leaves]
    rows = [row]
    while len(row) > 1:
        above = [sha256(b"\1" + row[k] + row[k + 1]).digest() for k in range(0, len(row) - 1, 2)]
        if len(row) % 2:
            above.append(row[-1])
        row = above
        rows.append(row)
    return rows


def _bare_record(salted: Sequence[bytes]) -> bytes:
    """A record's root, with nothing left to make but the hashes."""
    return sha256(b"".join([sha256(data).digest() for data in salted])).digest()


def _pymerkle(leaves: Sequence[bytes]) -> InmemoryTree:
    """Its tree, which grows leaf by leaf."""
    tree = InmemoryTree(algorithm="sha256")
    for data in leaves:
        tree.append_entry(data)
    tree.get_state()
    return tree


def _opentimestamps(leaves: Sequence[bytes]) -> Timestamp:
    """The tree of its client, without the prefixes of RFC 9162; its nodes hold each other."""
    return make_merkle_tree([Timestamp(data) for data in leaves])


def _in_turn(rounds: int, ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[float, float]:
    """The least seconds either side took."""
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for side, work in zip(took, (ours, theirs), strict=True):
            began = time.process_time()
            work()
            side.append(time.process_time() - began)
    return min(took[0]), min(took[1])


def _command(quick: bool) -> str:
    """Measures it again."""
    return f"python -m benchmarks interaction-trees{' --quick' if quick else ''}"
