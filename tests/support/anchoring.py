"""Interactions that were accepted, without intake: rows made up; and what the chain should hold of a stream,
worked out from those rows and the contract's events with nothing of the product's.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select, update

from troth.chain.contracts import Contract
from troth.chain.rpc import Node
from troth.store import Store, insert_rows, schema

__all__ = [
    "EPOCH",
    "Batch",
    "accept",
    "anchored_on_chain",
    "batches_of",
    "commitments_of",
    "draft",
    "prove_n1",
    "prove_n3",
    "record_of",
    "root_of",
    "roster_word",
    "subject_of",
]

EPOCH = 1_767_225_600
"""When made-up interactions began: 2026-01-01."""
SUBJECTS = 7


class Batch(NamedTuple):
    """A batch as an event tells of it, with what follows from those before."""

    number: int
    first: int
    count: int
    time: int
    root: bytes
    subjects: bytes
    previous: bytes


def subject_of(position: int) -> bytes:
    """Of the interaction at a position: seven in turn."""
    return sha256(b"subject %d" % (position % SUBJECTS)).digest()


def record_of(stream: int, position: int) -> bytes:
    """Its record's root."""
    return sha256(b"record %d %d" % (stream, position)).digest()


def draft(
    connection: Connection, stream: int, first: int, count: int, *, at: int = EPOCH, **given: Any
) -> None:
    """Adds rows that are not accepted. `given`: columns that all of them have."""
    rows = []
    for position in range(first, first + count):
        row = {
            "stream": stream,
            "position": position,
            "source": sha256(b"source %d" % position).digest()[:16],
            "subject": subject_of(position),
            "number": position // SUBJECTS + 1,
            "start": EPOCH + position,
            "accepted_at": at,
            "kind": "json",
            "record": record_of(stream, position),
            "sealed": b"sealed",
            "amends": None,
            **given,
        }
        rows.append([row[column.name] for column in schema.interactions.columns])
    insert_rows(connection, schema.interactions, rows)


def accept(store: Store, stream: int, count: int, *, at: int = EPOCH, **given: Any) -> int:
    """Accepts so many more interactions, at a time; how many there are then."""
    table = schema.queues
    with store.writing() as connection:
        before = connection.execute(select(table.c.accepted).where(table.c.stream == stream)).scalar()
        if before is None:
            connection.execute(insert(table).values(stream=stream, accepted=0))
        draft(connection, stream, before or 0, count, at=at, **given)
        accepted = (before or 0) + count
        connection.execute(update(table).where(table.c.stream == stream).values(accepted=accepted))
    return accepted


# --- RFC 9162 and the commitments, by the book


def root_of(leaves: Sequence[bytes]) -> bytes:
    """MTH of section 2.1.1, as it is defined."""
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return sha256(b"\x01" + root_of(leaves[:half]) + root_of(leaves[half:])).digest()


def roster_word(secret: bytes, numbers: Sequence[tuple[bytes, int]]) -> bytes:
    """What is committed to of the subjects: each record's subject and number, in any order."""
    spans: dict[bytes, list[int]] = {}
    for subject, number in numbers:
        spans.setdefault(subject, []).append(number)
    salt = hmac.digest(secret, b"salt", "sha256")
    leaves = []
    for subject, of_subject in spans.items():
        tag = sha256(salt + subject).digest()
        blind = hmac.digest(secret, tag, "sha256")[:16]
        ends = min(of_subject).to_bytes(8, "big") + max(of_subject).to_bytes(8, "big")
        leaves.append(tag + sha256(blind + ends).digest())
    return sha256(len(leaves).to_bytes(32, "big") + salt + root_of(sorted(leaves))).digest()


def _words(*values: int | str | bytes) -> bytes:
    """Each as 32 bytes."""
    numbers = [int(value, 16) if isinstance(value, str) else value for value in values]
    return b"".join(one if isinstance(one, bytes) else one.to_bytes(32, "big") for one in numbers)


def commitments_of(
    node: Node, streams: Contract, stream: int, name: str, batches: Sequence[Batch]
) -> list[bytes]:
    """The word of each, from the origin's on, whatever their own `previous`."""
    place = (node.chain_id, streams.address, stream)
    contents = sha256(_words(*place, sha256(name.encode()).digest())).digest()
    words = [sha256(contents + _words(0)).digest()]
    for one in batches:
        told = (one.number, one.count, one.time, one.root, one.subjects, words[-1])
        contents = sha256(_words(*place, *told)).digest()
        words.append(sha256(contents + _words(one.first + one.count)).digest())
    return words


def anchored_on_chain(node: Node, streams: Contract, stream: int) -> list[Batch]:
    """Every batch that the contract tells of, in the order of the chain, and nothing else asked."""
    wanted = {
        "address": streams.address,
        "fromBlock": "0x0",
        "topics": ["0x" + streams.topic("Anchored").hex()],
    }
    found, first = [], 0
    for log in node.call("eth_getLogs", [wanted]):
        event = streams.decode_log(log)
        assert event is not None
        said = event.arguments
        if said.stream == stream:
            found.append(
                Batch(said.number, first, said.records - first, said.time, said.root, said.subjects, b"")
            )
            first = said.records
    return found


# --- what must hold


def batches_of(store: Store, stream: int) -> list[Any]:
    """The batches closed in a database, in order of number."""
    table = schema.closed_batches
    with store.reading() as connection:
        return list(
            connection.execute(select(table).where(table.c.stream == stream).order_by(table.c.number))
        )


def prove_n1(node: Node, streams: Contract, stream: int, name: str) -> list[Batch]:
    """Batches of a stream are numbered from 1 and their records from 0, without a gap, and each word on the
    chain follows from what it told; the batches.
    """
    found = anchored_on_chain(node, streams, stream)
    assert [one.number for one in found] == list(range(1, len(found) + 1))
    assert all(one.count > 0 for one in found)
    words = commitments_of(node, streams, stream, name, found)
    assert list(streams.call("commitments", stream, 0, len(found) + 1)) == [*words, bytes(32)]
    assert streams.call("batchesOf", stream) == len(found)
    return found


def prove_n3(node: Node, streams: Contract, stream: int, name: str, store: Store) -> list[Batch]:
    """Every record that was accepted is in exactly one batch on the chain, at its index; the batches."""
    found = prove_n1(node, streams, stream, name)
    table = schema.interactions
    columns = (table.c.position, table.c.record, table.c.subject, table.c.number)
    accepted = select(schema.queues.c.accepted).where(schema.queues.c.stream == stream)
    with store.reading() as connection:
        count = connection.execute(accepted).scalar() or 0
        rows = connection.execute(
            select(*columns)
            .where(table.c.stream == stream, table.c.position < count)
            .order_by(table.c.position)
        ).all()
    assert [row.position for row in rows] == list(range(count))
    assert sum(one.count for one in found) == count
    closed = batches_of(store, stream)
    assert len(closed) == len(found)
    for one, kept in zip(found, closed, strict=True):
        within = rows[one.first : one.first + one.count]
        assert (kept.number, kept.first, kept.count) == (one.number, one.first, one.count)
        assert one.root == root_of([row.record for row in within])
        assert one.subjects == roster_word(kept.secret, [(row.subject, row.number) for row in within])
    assert len({one.root for one in found}) == len(found)
    assert len({kept.secret for kept in closed}) == len(closed)
    return found
