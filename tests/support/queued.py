"""Records on their way into a queue, and what must hold of a queue, worked out by hashlib and the vault.

intake.add(office, "calls", [call(1, "C-1"), call(2, "C-2")])
prove_queue(office, 1)
"""

from __future__ import annotations

import json
import time
from hashlib import sha256, shake_256
from typing import Any

from sqlalchemy import select

from support.defaults import START
from support.handmade_receipts import flat
from troth.identity.vault import Vault
from troth.interactions.formats import Received
from troth.interactions.formats.jsonl import received
from troth.office import Office
from troth.store import schema
from troth.store.interactions import InteractionRow
from troth.store.subjects import find_subjects

__all__ = ["accepted", "call", "line", "prove_queue", "queue_rows", "root_by_hand"]


def line(number: int, customer: str, **more: Any) -> bytes:
    """A call as a line of JSON: call-NUMBER, NUMBER seconds after the first."""
    members = {"id": f"call-{number}", "subject": customer, "start": START + number, **more}
    return json.dumps(members, ensure_ascii=False).encode()


def call(number: int, customer: str | None, **more: Any) -> Received:
    """The same as it is read from line NUMBER of a file; None for an anonymous caller."""
    made = received(line(number, customer or "-", **more), file="calls.jsonl", line=number, end=number * 10)
    if customer is not None:
        return made
    return Received(
        *(made.source, None, made.start, made.kind, made.raw, made.fields, made.file, made.line, made.end)
    )


def queue_rows(office: Office, stream: int = 1) -> list[InteractionRow]:
    """Every row of a stream in order, drafts too."""
    table = schema.interactions
    with office.store.reading() as connection:
        wanted = select(table).where(table.c.stream == stream).order_by(table.c.position)
        return [InteractionRow(*row) for row in connection.execute(wanted)]


def accepted(office: Office, stream: int = 1) -> int:
    """Where a stream's queue ends."""
    table = schema.queues
    with office.store.reading() as connection:
        return connection.execute(select(table.c.accepted).where(table.c.stream == stream)).scalar() or 0


def root_by_hand(secret: bytes, link: dict[str, Any], raw: bytes, fields: dict[str, str]) -> bytes:
    """A record's root, by its definition."""
    names = ["fields", "link", "raw", *fields]
    texts = [json.dumps(names, ensure_ascii=False, separators=(",", ":")).encode()]
    texts += [
        json.dumps(link, separators=(",", ":")).encode(),
        raw,
        *(text.encode() for text in fields.values()),
    ]
    salts = shake_256(secret).digest(16 * len(texts))
    digests = [sha256(salts[16 * n : 16 * n + 16] + text).digest() for n, text in enumerate(texts)]
    return sha256(b"".join(digests)).digest()


def prove_queue(office: Office, stream: int = 1) -> list[tuple[bytes, bytes]]:
    """Indexes have no gap, nothing lies beyond the queue's end, each subject's records are numbered and
    chained, and every record that can be opened has the root of what it says; subject and bytes of each.
    """
    rows, vault = queue_rows(office, stream), Vault.of(office)
    assert [row.position for row in rows] == list(range(accepted(office, stream)))
    assert len({row.source for row in rows}) == len(rows)
    with office.store.reading() as connection:
        owners = {one.subject: one for one in find_subjects(connection, {row.subject for row in rows})}
    boxes = {
        one.subject: vault.box(one.subject, one.sealed_key)
        for one in owners.values()
        if one.sealed_key is not None
    }
    ends: dict[bytes, tuple[int, str | None]] = {}
    found = []
    for row in rows:
        number, previous = ends.get(row.subject, (0, None))
        assert row.number == number + 1
        ends[row.subject] = row.number, f"0x{row.record.hex()}"
        if row.sealed is None:
            assert owners[row.subject].sealed_key is None
            found.append((row.subject, b""))
            continue
        box = vault.own_box() if row.kind == "erasure" else boxes[row.subject]
        use = b"interaction" + stream.to_bytes(8, "big") + row.position.to_bytes(8, "big")
        plain = box.open(row.sealed, use)
        secret, raw = plain[:32], plain[32:]
        start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(row.start))
        link = {"subject": f"0x{row.subject.hex()}", "number": row.number, "previous": previous}
        link |= {"start": start, "kind": row.kind}
        if row.amends is not None:
            link["amends"] = {"index": row.amends, "record": f"0x{rows[row.amends].record.hex()}"}
        if row.kind in {"json", "erasure"}:
            assert row.record == root_by_hand(secret, link, raw, flat(json.loads(raw)))
        found.append((row.subject, raw))
    return found
