"""Interactions that were accepted, without intake: rows made up; and what the chain should hold of a stream,
worked out from those rows and the contract's events with nothing of the product's.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, insert, select, update

from support.defaults import START
from support.streams import Batch, commitment_of, contents_of, origin_contents, root_of
from troth.chain.contracts import Contract
from troth.chain.rpc import Node
from troth.store import Store, insert_rows, schema

__all__ = [
    "accept",
    "anchored_on_chain",
    "batches_of",
    "draft",
    "prove_n1",
    "prove_n3",
    "record_of",
    "roster_word",
    "subject_of",
]

SUBJECTS = 7


def subject_of(position: int) -> bytes:
    """Of the interaction at a position: seven in turn."""
    return sha256(b"subject %d" % (position % SUBJECTS)).digest()


def record_of(stream: int, position: int) -> bytes:
    """Its record's root."""
    return sha256(b"record %d %d" % (stream, position)).digest()


def draft(
    connection: Connection, stream: int, first: int, count: int, *, at: int = START, **given: Any
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
            "start": START + position,
            "accepted_at": at,
            "kind": "json",
            "record": record_of(stream, position),
            "sealed": b"sealed",
            "amends": None,
            **given,
        }
        rows.append([row[column.name] for column in schema.interactions.columns])
    insert_rows(connection, schema.interactions, rows)


def accept(store: Store, stream: int, count: int, *, at: int = START, **given: Any) -> int:
    """Accepts so many more interactions, at a time; how many there are then."""
    table = schema.queues
    with store.writing() as connection:
        before = connection.execute(select(table.c.accepted).where(table.c.stream == stream)).scalar()
        if before is None:
            connection.execute(insert(table).values(stream=stream, accepted=0, turn=0))
        draft(connection, stream, before or 0, count, at=at, **given)
        accepted = (before or 0) + count
        connection.execute(update(table).where(table.c.stream == stream).values(accepted=accepted))
    return accepted


# --- what is committed to, by the book


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


def anchored_on_chain(node: Node, streams: Contract, stream: int, name: str) -> list[Batch]:
    """Every batch that the contract tells of, in the order of the chain, and nothing else asked.

    Each names the commitment that follows from those before it.
    """
    topic = "0x" + streams.topic("Anchored").hex()
    wanted = {"address": streams.address, "fromBlock": "0x0", "toBlock": "latest", "topics": [topic]}
    place = (node.chain_id, streams.address)
    found, first = [], 0
    previous = commitment_of(origin_contents(*place, stream, name), 0)
    for event in map(streams.decode_log, node.call("eth_getLogs", [wanted])):
        assert event is not None
        said = event.arguments
        if said.stream == stream:
            words = (said.records - first, said.time, said.root, said.subjects, previous)
            found.append(Batch(stream, said.number, first, *words))
            first = said.records
            previous = commitment_of(contents_of(*place, found[-1]), first)
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
    found = anchored_on_chain(node, streams, stream, name)
    assert [one.number for one in found] == list(range(1, len(found) + 1))
    assert all(one.count > 0 for one in found)
    place = (node.chain_id, streams.address)
    words = [one.previous for one in found]
    words += [commitment_of(contents_of(*place, one), one.first + one.count) for one in found[-1:]]
    words = words or [commitment_of(origin_contents(*place, stream, name), 0)]
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
