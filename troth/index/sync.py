"""Bringing the index up to the chain, and putting it right when the chain has changed its mind.

Each range of blocks is read, checked against the hashes of its blocks, and written together with the cursor
in one transaction. Whatever stops it, the next run goes on from the cursor.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from troth.errors import NodeInconsistent, ReorgTooDeep, WrongChain
from troth.index.events import Contracts, Row, Rows, decode_logs, event_filter
from troth.index.logs import LogReader, Node
from troth.store import Store, insert_rows, schema
from troth.trees.keccak import keccak

__all__ = ["Synced", "sync"]

_log = logging.getLogger(__name__)

_TRIES = 6

Header = Mapping[str, Any]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Synced:
    """What a run of `sync` did."""

    block: int  # the index holds every event up to here
    events: int  # added
    undone: int  # blocks taken back, because the chain replaced them
    behind: int  # blocks the node lacks of those indexed: it lags, and nothing was changed


@dataclass(frozen=True)
class _Position:
    """Where the index stands."""

    block: int
    hash: str  # 0x-hex


class _Moved(Exception):  # noqa: N818  a turn of events, not an error
    """The chain, or another process on this database, moved between two looks. Its text says how."""


def sync(
    store: Store,
    node: Node,
    contracts: Contracts,
    *,
    confirmations: int = 0,
    finality: int = 64,
    pause: float = 0.25,
    progress: Progress | None = None,
) -> Synced:
    """Indexes the contracts' events up to the node's newest block less `confirmations`.

    Safe to kill at any moment, to run again, and to run twice at once. A reorganisation among the
    `finality` newest blocks is undone and read anew. A node that contradicts itself is asked again, `pause`
    seconds later and then twice as long each time. `progress` is called with the block reached and the
    block aimed at.

    Raises WrongChain if the database indexes another chain or deployment, ReorgTooDeep for a reorganisation
    beyond `finality`, NodeInconsistent when asking again does not help, DatabaseFailed, and whatever the
    node raises: each leaves the index as the last whole range left it.
    """
    _identify(store, node, contracts)
    run = _Run(store, node, contracts, LogReader(node), confirmations, finality, progress)
    tries, reached = 0, -1
    while True:
        try:
            if (done := run.step()) is not None:
                return done
        except _Moved as moved:
            block = _position(store).block
            # Another process may take every range first: while the index grows, by whomever, all is well.
            tries = 1 if block > reached else tries + 1
            reached = block
            if tries == _TRIES:
                raise NodeInconsistent(str(moved)) from moved
            time.sleep(pause * (1 << (tries - 1)))


@dataclass
class _Run:
    """One run of `sync`: what it works with, and what it has done so far."""

    store: Store
    node: Node
    contracts: Contracts
    reader: LogReader
    confirmations: int
    finality: int
    progress: Progress | None
    events: int = 0
    undone: int = 0
    turns: int = 0

    def step(self) -> Synced | None:
        """Takes back what the chain replaced, or indexes one range; returns the outcome once there is
        neither.
        """
        position = _position(self.store)
        number, header = self.node.batch(
            [("eth_blockNumber", []), ("eth_getBlockByNumber", [hex(position.block), False])]
        )
        newest = int(number, 16)
        if _hash(header) != position.hash:
            return self._step_back(position, newest)
        target = newest - self.confirmations
        if target <= position.block:
            return Synced(position.block, self.events, self.undone, 0)
        end = self._advance(position, target, newest - self.finality)
        if self.progress:
            self.progress(end, target)
        return None

    def _step_back(self, position: _Position, newest: int) -> Synced | None:
        """Undoes the blocks that the chain has replaced; or, if the node merely lags behind, returns the
        outcome.

        Raises ReorgTooDeep if not even the oldest block whose hash is kept is still on the chain.
        """
        known = [block for block in _known_blocks(self.store) if block.block <= newest]
        headers = self.node.batch([("eth_getBlockByNumber", [hex(one.block), False]) for one in known])
        if None in headers:
            raise _Moved(f"it says that {newest} is its newest block, and lacks older ones")
        shared = [block for block, header in zip(known, headers, strict=True) if _hash(header) == block.hash]
        if newest < position.block and shared == known:
            _log.warning("the node is at block %d, behind the index at %d", newest, position.block)
            return Synced(position.block, self.events, self.undone, position.block - newest)
        if not shared:
            raise ReorgTooDeep(known[-1].block, known[-1].hash, _hash(headers[-1]))
        self.turns += 1
        if self.turns == _TRIES:
            raise NodeInconsistent(f"block {position.block} keeps changing")
        _undo_above(self.store, position, shared[0])
        self.undone += position.block - shared[0].block
        return None

    def _advance(self, position: _Position, target: int, final: int) -> int:
        """Indexes one range from after `position` towards `target` and returns its last block.

        Blocks from `final` on may still change: each one's hash is kept, and its bloom filter must agree
        with the logs.
        """
        end, (logs,) = self.reader.read([event_filter(self.contracts)], position.block + 1, target)
        numbers = range(min(max(position.block + 1, final), end), end + 1)
        headers = self.node.batch([("eth_getBlockByNumber", [hex(number), False]) for number in numbers])
        _check_linked(headers, numbers, position)
        _check_logs(logs, headers)
        _check_silent(self.node, self.contracts, logs, headers)
        rows = decode_logs(self.contracts, logs)
        with self.store.writing() as connection:
            if _locked_position(connection) != position:
                raise _Moved("another process keeps moving the index")
            _write(connection, rows, headers, end, final)
        self.events += len(logs)
        return end


def _identify(store: Store, node: Node, contracts: Contracts) -> None:
    """Holds the node to the chain and deployment indexed, or on the first run remembers which they are."""
    before_first = max(contracts.first_block, 1) - 1  # block 0 holds no transactions
    chain_id, genesis, before = node.batch(
        [
            ("eth_chainId", []),
            ("eth_getBlockByNumber", ["0x0", False]),
            ("eth_getBlockByNumber", [hex(before_first), False]),
        ]
    )
    found = (int(chain_id, 16), _bytes(_hash(genesis)), _bytes(contracts.policy_books))
    known = _known_chain(store)
    if known is None:
        if before is None:
            raise NodeInconsistent(f"it lacks block {before_first}, and the contracts were deployed after it")
        with suppress(IntegrityError), store.writing() as connection:  # another process may have been quicker
            values = dict(zip(("chain_id", "genesis", "policy_books"), found, strict=True))
            connection.execute(insert(schema.chain).values(one=1, cursor=before_first, **values))
            _remember(connection, [before])
        known = _known_chain(store)
    if known != found:
        raise WrongChain(node.url, _named(*(known or found)), _named(*found))


def _known_chain(store: Store) -> tuple[int, bytes, bytes] | None:
    """Chain id, genesis and PolicyBooks of what is indexed, None if nothing is yet."""
    table = schema.chain
    with store.reading() as connection:
        row = connection.execute(select(table.c.chain_id, table.c.genesis, table.c.policy_books)).first()
    return None if row is None else (row.chain_id, row.genesis, row.policy_books)


def _named(chain_id: int, genesis: bytes, policy_books: bytes) -> str:
    """A chain and deployment, for people."""
    return f"{chain_id} (genesis 0x{genesis.hex()[:8]}…, PolicyBooks 0x{policy_books.hex()})"


def _position(store: Store) -> _Position:
    """Where the index stands now."""
    with store.reading() as connection:
        return _locked_position(connection)


def _locked_position(connection: Connection) -> _Position:
    """Where the index stands, held against other processes if the transaction writes."""
    statement = select(schema.chain.c.cursor)
    if connection.get_execution_options().get("writes"):
        statement = statement.with_for_update()  # SQLite's writer is alone anyway
    cursor = connection.execute(statement).scalar_one()
    known = connection.execute(
        select(schema.blocks.c.hash).where(schema.blocks.c.number == cursor)
    ).scalar_one()
    return _Position(cursor, "0x" + known.hex())


def _known_blocks(store: Store) -> list[_Position]:
    """The blocks whose hashes are kept, newest first."""
    table = schema.blocks
    with store.reading() as connection:
        rows = connection.execute(select(table).order_by(table.c.number.desc())).all()
    return [_Position(number, "0x" + digest.hex()) for number, digest in rows]


def _undo_above(store: Store, position: _Position, ancestor: _Position) -> None:
    """Deletes what was indexed above `ancestor`, cursor and all in one transaction."""
    _log.warning("the chain replaced blocks %d to %d: reading them again", ancestor.block + 1, position.block)
    with store.writing() as connection:
        if _locked_position(connection) != position:
            raise _Moved("another process keeps moving the index")
        for table in schema.EVENTS:
            connection.execute(delete(table).where(table.c.block > ancestor.block))
        connection.execute(delete(schema.blocks).where(schema.blocks.c.number > ancestor.block))
        connection.execute(update(schema.chain).values(cursor=ancestor.block))


def _write(connection: Connection, rows: Rows, headers: Sequence[Header], end: int, final: int) -> None:
    """Writes events, hashes and cursor."""
    for table, values in rows.items():
        insert_rows(connection, table, _in_order_of_key(table, values))
    _remember(connection, headers)
    old = schema.blocks.c.number < min(final, end)
    connection.execute(delete(schema.blocks).where(old))
    connection.execute(update(schema.chain).values(cursor=end))


def _in_order_of_key(table: Table, rows: Sequence[Row]) -> list[Row]:
    """The rows as the table keeps them: decisions of many subjects then touch each page once, which is half
    as fast again on SQLite.
    """
    columns = list(table.columns)
    return sorted(rows, key=itemgetter(*(columns.index(column) for column in table.primary_key)))


def _remember(connection: Connection, headers: Sequence[Header]) -> None:
    """Keeps the hashes of blocks."""
    insert_rows(
        connection, schema.blocks, [(int(block["number"], 16), _bytes(block["hash"])) for block in headers]
    )


def _check_linked(headers: Sequence[Header | None], numbers: range, position: _Position) -> None:
    """Refuses headers that are missing, that do not follow one another, or do not follow the cursor's."""
    previous = position.hash if numbers[0] == position.block + 1 else None
    for number, header in zip(numbers, headers, strict=True):
        if header is None or int(header["number"], 16) != number:
            raise _Moved(f"it has no block {number}, and a newer one")
        if previous is not None and header["parentHash"] != previous:
            raise _Moved(f"block {number} does not follow block {number - 1}")
        previous = header["hash"]


def _check_logs(logs: Sequence[Mapping[str, Any]], headers: Sequence[Header]) -> None:
    """Refuses logs of other blocks than those the headers tell of."""
    hashes = {header["number"]: header["hash"] for header in headers}
    for log in logs:
        if hashes.get(log["blockNumber"], log["blockHash"]) != log["blockHash"]:
            raise _Moved(f"its logs and its headers differ on block {int(log['blockNumber'], 16)}")


def _check_silent(
    node: Node, contracts: Contracts, logs: Sequence[Mapping[str, Any]], headers: Sequence[Header]
) -> None:
    """Refuses silence about a block whose bloom filter says otherwise.

    Behind one address there may be several machines, and one that lacks the newest blocks answers with no
    logs for them, and no error. Asked for the block by its hash it must answer. A bloom filter never misses
    what is there.
    """
    heard = {log["blockNumber"] for log in logs}
    wanted = event_filter(contracts)
    for header in headers:
        if header["number"] in heard or not any(
            _may_hold(header.get("logsBloom") or "0x0", one) for one in wanted["address"]
        ):
            continue
        found = node.call("eth_getLogs", [{**wanted, "blockHash": header["hash"]}])
        if found:
            raise _Moved(f"it left out the logs of block {int(header['number'], 16)}")


def _may_hold(bloom: str, address: str) -> bool:
    """Whether the 2048-bit filter admits `address`, by the yellow paper, section 4.3.1 (M3:2048)."""
    digest = keccak(_bytes(address))
    bits = int(bloom, 16)
    return all(bits >> (int.from_bytes(digest[place : place + 2], "big") % 2048) & 1 for place in (0, 2, 4))


def _hash(header: Header | None) -> str:
    """A header's hash; of a block the node lacks, a word no hash equals."""
    return "no block" if header is None else str(header["hash"]).lower()


def _bytes(text: str) -> bytes:
    """The bytes of 0x-hex."""
    return bytes.fromhex(text[2:])
