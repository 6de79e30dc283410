"""Streams: where interactions go, who may anchor them, how long they are kept, what holds them.

What there is is read from the chain's index, and from the blocks that are too new for it. What stands already
is not sent again.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, select

from troth import index
from troth.addresses import format_address, parse_address
from troth.chain.transactions import Receipt
from troth.errors import BadInput, Problem
from troth.identity.vault import Vault
from troth.intake import iso_second, short_text
from troth.office import Office
from troth.store import schema

__all__ = [
    "Changed",
    "Period",
    "Retention",
    "Stream",
    "create",
    "declare_counts",
    "find",
    "hold",
    "list_streams",
    "recent_events",
    "release",
    "set_retention",
    "set_writer",
]

_NAME = re.compile(r"[a-z0-9-]{1,64}")
_MATTER = b"matter"
_LONGEST_MATTER = 200
_DAY = 86_400
_MOST_DAYS = 36_500
_NAMED = 10  # streams, where none is like the name asked for
_DECLARING_GAS = 60_000  # measured 40,400; a test holds that it is enough

Period = tuple[int, int]
"""From, and until before which: UTC seconds."""
Events = Mapping[Table, list[dict[str, Any]]]
"""By the table they belong into, in the chain's order, each by the names of its columns."""


@dataclass(frozen=True)
class Retention:
    """How long the records of a stream are kept."""

    class_name: str
    """What kind of records they are, by the insurer's own rules."""
    period: int
    """Seconds."""

    @property
    def days(self) -> int:
        """The same in whole days."""
        return self.period // _DAY


@dataclass(frozen=True)
class Stream:
    """A stream as it stands."""

    number: int
    name: str
    writers: tuple[str, ...]
    """Who may anchor batches of it, in order of address."""
    retention: Retention | None
    holds: tuple[bytes, ...]
    """The matters that hold it, 32-byte words that say nothing without the vault's key."""


class Changed(NamedTuple):
    """A stream after a change."""

    stream: Stream
    transaction: str | None
    """None if it was so before, and nothing was sent."""


def create(office: Office, name: str, *, writer: str | None = None) -> Changed:
    """A new stream that `writer`, by default the office's own account, may anchor batches of.

    Raises BadInput for a name that is none or taken, MissingRole.
    """
    if not _NAME.fullmatch(name):
        raise _refused("NAME", name, "write 1 to 64 of a to z, digits and hyphens")
    sender = office.sender  # finishes what a killed run had under way, which may be this
    for stream in list_streams(office):
        if stream.name == name:
            raise _refused("NAME", name, f"there is a stream of this name: it is number {stream.number}")
    transaction = _send(office, "create", name, writer or sender.address).hash
    return Changed(find(office, name), transaction)


def list_streams(office: Office) -> list[Stream]:
    """All there are, in order of number."""
    recent = recent_events(office, office.sync().block)
    with office.store.reading() as connection:
        writers, retentions, holds = _writers(connection, recent), {}, _holds(connection, recent)
        for row in _told(connection, recent, schema.retentions):
            retentions[row["stream"]] = Retention(row["class_name"], row["period"])
        return [
            Stream(
                number=(number := row["stream"]),
                name=row["name"],
                writers=tuple(sorted(writers.get(number, ()), key=str.lower)),
                retention=retentions.get(number),
                holds=tuple(holds.get(number, ())),
            )
            for row in _told(connection, recent, schema.streams)
        ]


def find(office: Office, name: str, *, place: str = "--stream") -> Stream:
    """The stream of a name. Raises BadInput, naming `place` and the names nearest."""
    streams = {stream.name: stream for stream in list_streams(office)}
    if name in streams:
        return streams[name]
    near = get_close_matches(name, streams) or list(streams)[:_NAMED]
    known = f"there is {', '.join(near)}" if near else "there is none: `troth stream create` makes one"
    raise _refused(place, name, f"no such stream; {known}")


def set_writer(office: Office, name: str, address: str, *, allowed: bool = True) -> Changed:
    """Says whether the account of an address may anchor batches of a stream.

    Raises BadInput for an unknown stream, ValueError for what is no address, MissingRole.
    """
    writer = format_address(parse_address(address))
    stream = _settled(office, name)
    if (writer in stream.writers) == allowed:
        return Changed(stream, None)
    return _changed(office, name, "setWriter", stream.number, writer, allowed)


def set_retention(office: Office, name: str, class_name: str, days: int) -> Changed:
    """Says that the records of a stream are of a class and are kept for so many days.

    It takes the place of what was said before. Raises BadInput, MissingRole.
    """
    try:
        short_text(class_name)
    except ValueError as error:
        raise _refused("CLASS", class_name, str(error)) from None
    if not 1 <= days <= _MOST_DAYS:
        raise _refused("--days", str(days), f"write 1 to {_MOST_DAYS}")
    stream = _settled(office, name)
    if stream.retention == Retention(class_name, days * _DAY):
        return Changed(stream, None)
    return _changed(office, name, "setRetention", stream.number, class_name, days * _DAY)


def hold(office: Office, name: str, matter: str) -> Changed:
    """Puts a stream under legal hold by reason of a matter: until its release nothing is to be erased.

    The chain is told a keyed digest of stream and matter. Raises BadInput, MissingRole, and what `Vault.of`
    raises.
    """
    stream, word = _matter(office, name, matter)
    if word in stream.holds:
        return Changed(stream, None)
    return _changed(office, name, "hold", stream.number, word)


def release(office: Office, name: str, matter: str) -> Changed:
    """Ends the hold by reason of a matter, which must be worded as it was. Raises as `hold`."""
    stream, word = _matter(office, name, matter)
    if word not in stream.holds:
        rule = f"no hold by a matter that is worded so; matters that hold this stream: {len(stream.holds)}"
        raise BadInput([Problem("--matter", None, None, None, rule)])
    return _changed(office, name, "release", stream.number, word)


def declare_counts(office: Office, stream: Stream, counts: Mapping[Period, int]) -> list[str]:
    """Puts on record what the switch counted in each period: the hashes of what was sent.

    A count that is the last declared of its period is not sent again. Raises BadInput for a period that is
    not over, MissingRole, and what sending raises: then run it again.
    """
    sender = office.sender  # finishes what a killed run had under way, before anything is planned
    known = _declared(office, stream.number)
    wanted = {period: count for period, count in sorted(counts.items()) if known.get(period) != count}
    if not wanted:
        return []
    now = int(office.now().timestamp())
    if early := [until for _, until in wanted if until > now]:
        rule = f"not over yet on the chain, where it is {iso_second(now)}: declare it later"
        raise BadInput(Problem("--declare", None, None, f"until {iso_second(one)}", rule) for one in early)
    contract = office.contract("Streams")
    arguments = [(stream.number, *period, count) for period, count in wanted.items()]
    contract.call("declareCount", *arguments[0], sender=sender.address)  # may it?
    calls = [
        contract.prepare("declareCount", *one, gas=_DECLARING_GAS, label=f"declare a count of {stream.name}")
        for one in arguments
    ]
    return [receipt.hash for receipt in sender.send(calls)]


def recent_events(office: Office, block: int) -> Events:
    """What the contract said in blocks after `block`: on the chain, and too new for the index."""
    if int(office.node.call("eth_blockNumber"), 16) <= block:
        return {}
    address = office.contract("Streams").address
    wanted = {"address": address, "fromBlock": hex(block + 1), "toBlock": "latest"}
    rows = index.rows_among(office.ledger_contracts, office.node.call("eth_getLogs", [wanted]))
    return {
        table: [dict(zip(table.columns.keys(), row, strict=True)) for row in found]
        for table, found in rows.items()
    }


def beyond_index(connection: Connection, recent: Events, table: Table) -> list[dict[str, Any]]:
    """Those of recent events of one kind that the index does not hold: another process may have read on."""
    cursor = connection.execute(select(schema.chain.c.cursor)).scalar_one()
    return [row for row in recent.get(table, ()) if row["block"] > cursor]


def _told(connection: Connection, recent: Events, table: Table) -> list[dict[str, Any]]:
    """Every event of one kind, in the chain's order."""
    rows = connection.execute(select(table).order_by(table.c.block, table.c.log)).mappings()
    return [*map(dict, rows), *beyond_index(connection, recent, table)]


def _writers(connection: Connection, recent: Events) -> dict[int, set[str]]:
    """Who may anchor batches, by stream."""
    found: dict[int, set[str]] = {}
    for row in _told(connection, recent, schema.stream_writers):
        writers = found.setdefault(row["stream"], set())
        (writers.add if row["allowed"] else writers.discard)(format_address(row["writer"]))
    return found


def _holds(connection: Connection, recent: Events) -> dict[int, dict[bytes, None]]:
    """The matters that hold a stream, by stream, in the order in which they began to."""
    found: dict[int, dict[bytes, None]] = {}
    for row in _told(connection, recent, schema.stream_holds):
        matters = found.setdefault(row["stream"], {})
        if row["kind"] == "held":
            matters[row["matter"]] = None
        else:
            matters.pop(row["matter"], None)
    return found


def _declared(office: Office, stream: int) -> dict[Period, int]:
    """The last count declared of each period."""
    recent = recent_events(office, office.sync().block)
    with office.store.reading() as connection:
        rows = _told(connection, recent, schema.declared_counts)
    return {
        (row["period_from"], row["period_until"]): row["count"] for row in rows if row["stream"] == stream
    }


def _matter(office: Office, name: str, matter: str) -> tuple[Stream, bytes]:
    """A stream, and the word that stands for a matter on it: another on every stream."""
    text = unicodedata.normalize("NFC", matter.strip())
    if not text or len(text) > _LONGEST_MATTER or not text.isprintable():
        rule = f"write 1 to {_LONGEST_MATTER} characters that can be printed"
        raise BadInput([Problem("--matter", None, None, None, rule)])
    stream = _settled(office, name)
    return stream, Vault.of(office).digest(_MATTER, f"{stream.number} {text}")


def _settled(office: Office, name: str) -> Stream:
    """A stream, once what a killed run had under way is finished."""
    _ = office.sender
    return find(office, name, place="NAME")


def _changed(office: Office, name: str, function: str, *arguments: Any) -> Changed:
    """Sends one call; what came of it."""
    transaction = _send(office, function, *arguments).hash
    return Changed(find(office, name), transaction)


def _send(office: Office, function: str, *arguments: Any) -> Receipt:
    """Sends one call, tried by the node first: a refusal then costs nothing."""
    (receipt,) = office.sender.send([office.contract("Streams").prepare(function, *arguments)])
    return receipt


def _refused(place: str, value: str, rule: str) -> BadInput:
    """One thing wrong with what was asked."""
    return BadInput([Problem(place, None, None, value, rule)])
