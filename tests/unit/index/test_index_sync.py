"""The index: complete, in step with the chain through every accident, never double, never from another
chain.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, event, func, select
from support.fake_chain import (
    ADDRESSES,
    CONTRACTS,
    Chain,
    FakeNode,
    Insurer,
    a_history,
    draft,
    dump,
    some_policies,
)

from troth.errors import DatabaseFailed, NodeError, NodeInconsistent, ReorgTooDeep, WrongChain
from troth.index import Contracts, Synced, sync
from troth.store import Store, schema
from troth.store.books import find_book


def count(store: Store) -> int:
    """How many payments are indexed."""
    with store.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(schema.payments)).scalar_one())


def fresh(node: FakeNode, path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What an index made now from nothing holds."""
    with Store.open(f"sqlite:///{path}/fresh.db") as store:
        sync(store, node, CONTRACTS)
        found = dump(store)
    for each in path.glob("fresh.db*"):
        each.unlink()
    return found


def events_of(found: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of events only."""
    return {table.name: found[table.name] for table in schema.EVENTS}


# --- going on ---


def test_book_drafted_here_is_issued_by_the_index(store: Store, node: FakeNode, insurer: Insurer) -> None:
    """The draft is recognised by its root; a reorganisation makes it a draft again."""
    policies = some_policies(3)
    key = draft(store, policies, b"r" * 32).key
    insurer.issue(policies, b"r" * 32)
    for expected in (1, None):
        sync(store, node, CONTRACTS)
        with store.reading() as connection:
            book = find_book(connection, key=key)
            assert book is not None
            assert book.book_id == expected
        insurer.chain.reorganise(1)
        insurer.chain.mine(2)


def test_sync_goes_on_from_its_cursor_and_adds_nothing_twice(
    store: Store, node: FakeNode, insurer: Insurer
) -> None:
    """Run after run; a run with nothing new does nothing."""
    book = insurer.issue(some_policies(9), b"r" * 32)
    assert sync(store, node, CONTRACTS) == Synced(4, 2, 0, 0)
    insurer.settle(book, [1, 2])
    assert sync(store, node, CONTRACTS) == Synced(5, 3, 0, 0)
    node.calls.clear()
    assert sync(store, node, CONTRACTS) == Synced(5, 0, 0, 0)
    assert "eth_getLogs" not in [method for method, _ in node.calls]
    assert count(store) == 2


def test_sync_stays_behind_by_the_confirmations(store: Store, node: FakeNode, insurer: Insurer) -> None:
    """A block counts once it is so deep."""
    insurer.settle(insurer.issue(some_policies(9), b"r" * 32), [1])
    assert sync(store, node, CONTRACTS, confirmations=2).block == 3
    insurer.chain.mine(2)
    assert sync(store, node, CONTRACTS, confirmations=2).block == 5
    assert count(store) == 1


def test_sync_reports_progress(store: Store, node: FakeNode, insurer: Insurer) -> None:
    """Block reached and block aimed at, after each range."""
    insurer.chain.mine(10)
    node.widest = 4
    seen: list[tuple[int, int]] = []
    sync(store, node, CONTRACTS, progress=lambda *both: seen.append(both))
    assert seen[-1] == (13, 13)
    assert len(seen) > 2
    assert seen == sorted(seen)


@pytest.mark.parametrize("widest", [1, 3, 7])
def test_sync_halves_what_the_node_finds_too_wide(
    store: Store, node: FakeNode, insurer: Insurer, tmp_path: Path, widest: int
) -> None:
    """Any limit gives the same index."""
    a_history(insurer)
    insurer.chain.mine(40)
    node.widest = widest
    sync(store, node, CONTRACTS)
    node.widest = None
    assert events_of(dump(store)) == events_of(fresh(node, tmp_path))


def test_sync_gives_up_when_one_block_is_too_wide(store: Store, node: FakeNode, insurer: Insurer) -> None:
    """The node's own words, after narrowing to one block; nothing indexed."""
    a_history(insurer)
    node.widest = 0
    with pytest.raises(NodeError, match="max block range"):
        sync(store, node, CONTRACTS)
    assert count(store) == 0


def test_sync_does_not_narrow_for_another_error(store: Store, node: FakeNode, insurer: Insurer) -> None:
    """An error that has nothing to do with size is raised at once."""
    a_history(insurer)

    def refuse(logs: list[dict[str, Any]]) -> None:
        raise NodeError("eth_getLogs", "header not found", -32000)

    node.mend = refuse
    node.calls.clear()
    with pytest.raises(NodeError, match="header not found"):
        sync(store, node, CONTRACTS)
    assert [method for method, _ in node.calls].count("eth_getLogs") == 1


# --- the right chain ---


def test_sync_refuses_another_chain_or_deployment(store: Store, node: FakeNode, insurer: Insurer) -> None:
    """Chain id, genesis and PolicyBooks are remembered; any other is named, and the index stays."""
    a_history(insurer)
    sync(store, node, CONTRACTS)
    before = dump(store)
    other = FakeNode(Chain(b"another"), insurer)
    moved = replace(CONTRACTS, policy_books="0x" + "77" * 20)
    cases: list[tuple[FakeNode, Contracts, str]] = [
        (FakeNode(node.chain, insurer, chain_id=1), CONTRACTS, "1 (genesis"),
        (other, CONTRACTS, other.chain.blocks[0].hash.hex()[:8]),
        (node, moved, "77" * 20),
    ]
    for wrong, contracts, found in cases:
        with pytest.raises(WrongChain) as caught:
            sync(store, wrong, contracts)
        assert found in str(caught.value.found)
        assert "31337" in str(caught.value.expected)
    assert dump(store) == before


def test_first_sync_needs_the_deployment_block(store: Store, node: FakeNode) -> None:
    """A node that has not come as far as the contracts is refused before anything is remembered."""
    with pytest.raises(NodeInconsistent, match="lacks block 99"):
        sync(store, node, replace(CONTRACTS, first_block=100))
    assert dump(store)["chain"] == []


# --- reorganisations ---


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("grown", [-1, 0, 3])
def test_reorganisation_is_undone_and_read_anew(
    store: Store, node: FakeNode, tmp_path: Path, depth: int, grown: int
) -> None:
    """Shorter, as long or longer than what it replaces: the index equals one made from nothing."""
    insurer = node.insurer
    assert insurer is not None
    book = insurer.issue(some_policies(20), b"r" * 32)
    for number in range(6):
        insurer.settle(book, [number])
    sync(store, node, CONTRACTS)
    insurer.chain.reorganise(depth)
    for number in range(10, 10 + depth + grown):
        insurer.settle(book, [number])
    done = sync(store, node, CONTRACTS)
    if depth + grown == 0:
        assert done.behind == 1  # so far the chain is only shorter: not yet told from a node that lags
        insurer.settle(book, [10])
        done = sync(store, node, CONTRACTS)
    assert done.undone == depth
    assert dump(store) == fresh(node, tmp_path)


def test_reorganisation_is_undone_in_every_table(store: Store, node: FakeNode, insurer: Insurer) -> None:
    """Whatever kind of event it takes back, and whatever key its table has, none stays."""
    a_history(insurer)
    sync(store, node, CONTRACTS)
    assert all(dump(store).values())
    insurer.chain.reorganise(len(insurer.chain.blocks) - 4)
    insurer.chain.mine(40)
    sync(store, node, CONTRACTS)
    assert {name for name, every in dump(store).items() if every} == {"chain", "blocks"}


def test_reorganisation_as_deep_as_finality_is_undone(store: Store, node: FakeNode, insurer: Insurer) -> None:
    """Exactly `finality` blocks can be replaced."""
    insurer.chain.mine(30)
    sync(store, node, CONTRACTS, finality=8)
    insurer.chain.reorganise(8)
    insurer.chain.mine(9)
    assert sync(store, node, CONTRACTS, finality=8).undone == 8


def test_reorganisation_deeper_than_finality_stops_and_changes_nothing(
    store: Store, node: FakeNode, insurer: Insurer
) -> None:
    """One more is loud, names the block and both hashes, and leaves every row."""
    insurer.settle(insurer.issue(some_policies(9), b"r" * 32), [1])
    insurer.chain.mine(30)
    sync(store, node, CONTRACTS, finality=8)
    before = dump(store)
    expected = insurer.chain.blocks[27].hash.hex()
    insurer.chain.reorganise(9)
    insurer.chain.mine(10)
    with pytest.raises(ReorgTooDeep) as caught:
        sync(store, node, CONTRACTS, finality=8)
    assert caught.value.args == (27, "0x" + expected, "0x" + insurer.chain.blocks[27].hash.hex())
    assert dump(store) == before


def test_hashes_are_kept_for_the_newest_blocks_only(store: Store, node: FakeNode, insurer: Insurer) -> None:
    """As many as finality asks for, and the cursor's."""
    insurer.chain.mine(30)
    sync(store, node, CONTRACTS, finality=8)
    assert [number for number, _ in dump(store)["blocks"]] == list(range(25, 34))
    insurer.chain.mine(1)
    sync(store, node, CONTRACTS, finality=8)
    assert sorted(number for number, _ in dump(store)["blocks"]) == list(range(26, 35))


def test_reorganisation_between_logs_and_headers_is_read_again(
    store: Store, node: FakeNode, insurer: Insurer, tmp_path: Path
) -> None:
    """Logs of the old chain under headers of the new one are not taken."""
    book = insurer.issue(some_policies(9), b"r" * 32)
    insurer.settle(book, [1])

    def once(method: str, params: list[Any]) -> None:
        if node.calls and node.calls[-1][0] == "eth_getLogs":
            node.before = lambda *_: None
            insurer.chain.reorganise(1)
            insurer.settle(book, [2])

    node.before = once
    sync(store, node, CONTRACTS, pause=0)
    assert dump(store) == fresh(node, tmp_path)
    assert [row[4] for row in dump(store)["payments"]] == [2]


def test_reorganisation_below_the_range_being_read_is_noticed(
    store: Store, node: FakeNode, insurer: Insurer, tmp_path: Path
) -> None:
    """The cursor's own block is replaced while the next, silent ones are read: its events do not stay for
    ever.
    """
    insurer.settle(insurer.issue(some_policies(9), b"r" * 32), [1])
    sync(store, node, CONTRACTS)
    insurer.chain.mine(1)

    def once(method: str, params: list[Any]) -> None:
        if method == "eth_getLogs":
            node.before = lambda *_: None
            insurer.chain.reorganise(2)
            insurer.chain.mine(4)

    node.before = once
    assert sync(store, node, CONTRACTS, pause=0).undone == 1
    assert dump(store) == fresh(node, tmp_path)
    assert count(store) == 0


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (lambda _: None, "it has no block 6"),
        (lambda header: {**header, "number": "0x7"}, "it has no block 6"),
        (lambda header: {**header, "parentHash": "0x" + "ee" * 32}, "block 6 does not follow block 5"),
    ],
)
def test_headers_that_do_not_follow_one_another_are_refused(
    store: Store, node: FakeNode, wrong: Callable[[dict[str, Any]], Any], reason: str
) -> None:
    """A missing block, another one, another parent: named, and nothing taken."""
    sync(store, node, CONTRACTS)
    before = dump(store)
    node.chain.mine(4)
    honest = node._block

    def block(number: str, full: bool) -> dict[str, Any] | None:
        header = honest(number, full)
        return wrong(header) if number == "0x6" and header else header

    node._block = block  # type: ignore[method-assign]
    with pytest.raises(NodeInconsistent, match=reason):
        sync(store, node, CONTRACTS, pause=0)
    assert dump(store) == before


def test_chain_that_keeps_changing_is_given_up(store: Store, node: FakeNode, insurer: Insurer) -> None:
    """A node switching between two forks at every look does not keep us for ever."""
    insurer.chain.mine(3)
    sync(store, node, CONTRACTS)

    def flip(method: str, params: list[Any]) -> None:
        if method == "eth_blockNumber":
            insurer.chain.reorganise(1, os.urandom(4))
            insurer.chain.mine(1)

    node.before = flip
    with pytest.raises(NodeInconsistent, match="keeps changing"):
        sync(store, node, CONTRACTS, pause=0)


# --- nodes that lag and lie ---


def test_node_that_lags_changes_nothing(store: Store, node: FakeNode, insurer: Insurer) -> None:
    """How far it is behind is reported; the rows stay; once it catches up, so does the index."""
    insurer.settle(insurer.issue(some_policies(9), b"r" * 32), [1])
    insurer.chain.mine(100)
    sync(store, node, CONTRACTS)
    before = dump(store)
    for head in (99, 4):
        node.head = head
        assert sync(store, node, CONTRACTS) == Synced(105, 0, 0, 105 - head)
    assert dump(store) == before
    node.head = None
    insurer.chain.mine(1)
    assert sync(store, node, CONTRACTS) == Synced(106, 0, 0, 0)


def test_silence_of_a_lagging_machine_is_not_believed(store: Store, node: FakeNode, insurer: Insurer) -> None:
    """Behind one address, one machine says how far the chain is and another, without the newest blocks,
    that they hold nothing: the block's bloom filter knows better.
    """
    insurer.settle(insurer.issue(some_policies(9), b"r" * 32), [1])
    answers = iter([[], None])
    node.mend = lambda logs: logs if next(answers, None) is None else []
    sync(store, node, CONTRACTS, pause=0)
    assert count(store) == 1
    node.mend = lambda _: []
    insurer.settle(1, [2])
    with pytest.raises(NodeInconsistent, match="left out the logs of block 6"):
        sync(store, node, CONTRACTS, pause=0)
    assert count(store) == 1


def test_bloom_filter_that_matches_by_chance_is_no_lie(
    store: Store, node: FakeNode, insurer: Insurer
) -> None:
    """A block full of others' logs may seem to hold ours: asked by its hash, it does not."""
    insurer.chain.mine(
        1, [{"address": ADDRESSES["CapitalPool"].lower(), "topics": ["0x" + "ee" * 32], "data": "0x"}]
    )
    assert sync(store, node, CONTRACTS, pause=0).events == 0


def test_node_without_a_block_below_its_newest_is_asked_again(
    store: Store, node: FakeNode, insurer: Insurer
) -> None:
    """The cursor's block missing, though newer ones exist: no reorganisation is concluded from it."""
    insurer.settle(insurer.issue(some_policies(9), b"r" * 32), [1])
    sync(store, node, CONTRACTS)
    before = dump(store)
    honest = node._block
    node._block = lambda number, full: None if int(number, 16) == 5 else honest(number, full)  # type: ignore[method-assign]
    with pytest.raises(NodeInconsistent, match="lacks older ones"):
        sync(store, node, CONTRACTS, pause=0)
    assert dump(store) == before


Mend = Callable[[list[dict[str, Any]]], Any]
LIES: dict[str, tuple[Mend, str]] = {
    "another contract": (
        lambda logs: [{**log, "address": "0x" + "ee" * 20} for log in logs],
        "not asked for",
    ),
    "another event": (lambda logs: [{**log, "topics": ["0x" + "ee" * 32]} for log in logs], "cannot be read"),
    "a word too few": (lambda logs: [{**log, "data": log["data"][:-64]} for log in logs], "cannot be read"),
    "a word too many": (
        lambda logs: [{**log, "data": log["data"] + "00" * 32} for log in logs],
        "cannot be read",
    ),
    "a word cut short": (lambda logs: [{**log, "data": log["data"][:-2]} for log in logs], "cannot be read"),
    "an amount of 97 bits": (
        lambda logs: [{**log, "data": "0x" + f"{1 << 96:064x}" * (len(log["data"]) // 64)} for log in logs],
        "cannot be read",
    ),
    "the same log twice": (lambda logs: logs + logs[-1:], "out of place"),
    "a block not asked for": (lambda logs: [{**log, "blockNumber": "0x1"} for log in logs], "out of place"),
    "a log taken back": (lambda logs: [{**log, "removed": True} for log in logs], "out of place"),
    "another block's log": (
        lambda logs: [{**log, "blockHash": "0x" + "ee" * 32} for log in logs],
        "differ on block",
    ),
    "no list": (lambda _: {"error": "busy"}, "no list of logs"),
    "nothing": (lambda _: [None], "no list of logs"),
}


@pytest.mark.parametrize("lie", LIES)
def test_lie_is_named_and_nothing_taken(store: Store, node: FakeNode, insurer: Insurer, lie: str) -> None:
    """Whatever is wrong with a log, the range is refused whole; the truth is then taken as if nothing had
    been.
    """
    sync(store, node, CONTRACTS)
    before = dump(store)
    insurer.settle(insurer.issue(some_policies(9), b"r" * 32), [1, 2])
    honest, (node.mend, reason) = node.mend, LIES[lie]
    with pytest.raises(NodeInconsistent, match=reason):
        sync(store, node, CONTRACTS, pause=0)
    assert dump(store) == before
    node.mend = honest
    sync(store, node, CONTRACTS)
    assert count(store) == 2


# --- the database ---


@pytest.mark.parametrize("table", ["payments", "blocks", "chain"])
def test_database_error_leaves_rows_and_cursor_together(
    node: FakeNode, insurer: Insurer, tmp_path: Path, table: str
) -> None:
    """Wherever in the commit it strikes, the index is as before; then it goes on and misses nothing."""
    with Store.open(f"sqlite:///{tmp_path}/troth.db") as store:
        book = insurer.issue(some_policies(9), b"r" * 32)
        sync(store, node, CONTRACTS)
        insurer.settle(book, [1, 2, 3])
        before = dump(store)
        when = "UPDATE" if table == "chain" else "INSERT"
        with store.writing() as connection:
            connection.exec_driver_sql(
                f"CREATE TRIGGER broken BEFORE {when} ON {table} BEGIN SELECT RAISE(ABORT, 'broken'); END"
            )
        with pytest.raises(Exception, match="broken"):
            sync(store, node, CONTRACTS)
        assert dump(store) == before
        with store.writing() as connection:
            connection.exec_driver_sql("DROP TRIGGER broken")
        sync(store, node, CONTRACTS)
        assert events_of(dump(store)) == events_of(fresh(node, tmp_path))


def test_full_disk_leaves_rows_and_cursor_together(node: FakeNode, insurer: Insurer, tmp_path: Path) -> None:
    """SQLITE_FULL in mid-insert, by name; with space again the index is complete."""
    book = insurer.issue(some_policies(3_000), b"r" * 32)
    with Store.open(f"sqlite:///{tmp_path}/troth.db") as store:
        sync(store, node, CONTRACTS)
        insurer.settle(book, range(3_000))
        before = dump(store)

        @event.listens_for(store._engine, "begin")
        def limit(connection: Any) -> None:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 3}")

        with pytest.raises(DatabaseFailed, match="full"):
            sync(store, node, CONTRACTS)
        event.remove(store._engine, "begin", limit)
        with store.writing() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        assert dump(store) == before
        sync(store, node, CONTRACTS)
        assert count(store) == 3_000


def test_two_at_once_index_everything_once(database_url: str, insurer: Insurer, tmp_path: Path) -> None:
    """Another process takes the range while this one reads it: it is written once."""
    a_history(insurer)
    slow, quick = FakeNode(insurer.chain, insurer), FakeNode(insurer.chain, insurer)
    with Store.open(database_url) as mine, Store.open(database_url) as other:
        sync(mine, slow, replace(CONTRACTS), confirmations=8)

        def overtake(method: str, params: list[Any]) -> None:
            if method == "eth_getLogs":
                slow.before = lambda *_: None
                sync(other, quick, CONTRACTS)

        slow.before = overtake
        sync(mine, slow, CONTRACTS, pause=0)
        assert events_of(dump(mine)) == events_of(fresh(quick, tmp_path))


def test_sync_that_always_comes_second_follows_the_other(
    database_url: str, insurer: Insurer, tmp_path: Path
) -> None:
    """It loses every range of a long backfill to a quicker process, and ends with it: that is no error."""
    a_history(insurer)
    insurer.chain.mine(40)
    slow, quick = FakeNode(insurer.chain, insurer), FakeNode(insurer.chain, insurer)
    slow.widest = 3
    with Store.open(database_url) as mine, Store.open(database_url) as other:

        def overtake(method: str, params: list[Any]) -> None:
            if method == "eth_getLogs":
                quick.head = (quick.head or 0) + 2
                sync(other, quick, CONTRACTS)

        slow.before = overtake
        assert sync(mine, slow, CONTRACTS, pause=0) == Synced(len(insurer.chain.blocks) - 1, 0, 0, 0)
        quick.head = None
        assert events_of(dump(mine)) == events_of(fresh(quick, tmp_path))


def test_first_sync_of_two_at_once_remembers_the_chain_once(
    database_url: str, node: FakeNode, insurer: Insurer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process names the chain while this one is about to: both go on."""
    a_history(insurer)
    with Store.open(database_url) as mine, Store.open(database_url) as other:
        honest = mine.writing

        def overtaken() -> Any:
            monkeypatch.undo()
            sync(other, FakeNode(insurer.chain, insurer), CONTRACTS)
            return honest()

        monkeypatch.setattr(mine, "writing", overtaken)
        assert sync(mine, node, CONTRACTS) == Synced(len(insurer.chain.blocks) - 1, 0, 0, 0)


def test_index_dropped_is_read_again_from_logs_alone(store: Store, node: FakeNode, insurer: Insurer) -> None:
    """Every table of events, the hashes and the cursor deleted: another sync makes the same rows."""
    a_history(insurer)
    sync(store, node, CONTRACTS)
    before = dump(store)
    assert all(before.values())
    with store.writing() as connection:
        for table in (*schema.EVENTS, schema.blocks, schema.chain):
            connection.execute(delete(table))
    assert not any(dump(store).values())
    sync(store, node, CONTRACTS)
    assert dump(store) == before


@pytest.mark.parametrize("at", [2, 5, 9])
def test_killed_in_mid_backfill_goes_on(insurer: Insurer, tmp_path: Path, at: int) -> None:
    """kill -9 while a range is being written: the next process finishes, and the index equals a fresh one."""
    url = f"sqlite:///{tmp_path}/troth.db"
    code = """
import os, signal, sys
sys.path[:0] = sys.argv[2].split(os.pathsep)
from support.fake_chain import CONTRACTS, Chain, FakeNode
from test_index_sync import backfill
from troth.index import sync
from troth.store import Store
from sqlalchemy import event
node = backfill()
store = Store.open(sys.argv[1])
left = int(sys.argv[3])
@event.listens_for(store._engine, "before_cursor_execute")
def kill(connection, cursor, statement, *rest):
    global left
    if statement.startswith("UPDATE chain"):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
sync(store, node, CONTRACTS)
"""
    here = Path(__file__).parent
    paths = os.pathsep.join(map(str, (here, here.parents[1])))
    done = subprocess.run([sys.executable, "-c", code, url, paths, str(at)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    node = backfill()
    with Store.open(url) as store:
        before = count(store)
        assert before < 30
        sync(store, node, CONTRACTS)
        assert count(store) == 30
        assert events_of(dump(store)) == events_of(fresh(node, tmp_path))


def backfill() -> FakeNode:
    """A node of a chain with 30 payments over as many blocks, read in ranges of at most three."""
    insurer = Insurer(Chain())
    book = insurer.issue(some_policies(30), b"r" * 32)
    for number in range(30):
        insurer.settle(book, [number])
    node = FakeNode(insurer.chain, insurer)
    node.widest = 3
    return node
