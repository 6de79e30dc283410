"""Every failure a settlement engine meets, end to end: settle, fail, settle again, and prove that nothing is
lost and nothing paid twice.

Between the product and Anvil stands a node that misbehaves on command. After each accident, whatever the
command said, it is run again on a node that behaves; then

* the Paid and Owed events, the contract's own marks and what was due are one set, each policy once;
* the payouts add up to what the pool lost and the payees gained;
* each nonce of the account has one owner in the journal, and it is the one on the chain;
* `reconcile` finds no difference, between index, chain, policies and money.
"""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select
from support import Actor, Suite, undone
from support.defaults import CAPITAL, DOLLAR, LATE, ON_TIME, VERY_LATE
from support.doubles import Fault, Proxy, RpcError, busy, lost, refused
from support.office import Desk, Line, desk_of

from troth.chain.rpc import Node
from troth.chain.sender import Pace
from troth.claims import ledger, settlement
from troth.claims.books import tree_of
from troth.claims.settlement import Settlement
from troth.config import Settings
from troth.deployment import Deployment
from troth.errors import DatabaseFailed, FeeAboveLimit, NoFunds, TransactionFailed, TrothError
from troth.office import Office
from troth.store import Store, schema
from troth.store.journal import StoredJournal
from troth.trees.keccak import keccak

POLICIES = 60
DUE = 40  # of them: risks 0 and 2 of three
SEEN = {"risk 0": LATE, "risk 1": ON_TIME, "risk 2": VERY_LATE}
PACE = Pace(0.002, 0.02, repeat=0.2, replace=0.5, missing=0.4, give_up=20.0, window=4)
SEND, RECEIPT, COUNT = "eth_sendRawTransaction", "eth_getTransactionReceipt", "eth_getTransactionCount"


class World:
    """An insurer's office in front of a chain that misbehaves."""

    def __init__(self, desk: Desk, proxy: Proxy) -> None:
        self.desk, self.proxy, self.suite = desk, proxy, desk.suite
        self.node = desk.suite.node
        self.settings = Settings(
            home=desk.home, rpc=proxy.url, database_url=desk.office.settings.database_url, batch_gas=500_000
        )

    @contextmanager
    def office(self, timeout: float = 5.0, **settings: Any) -> Iterator[Office]:
        """As a command opens it: lock, journal and all, through the node that misbehaves."""
        node = Node(self.proxy.url, timeout=timeout, pause=lambda _: None)
        store = Store.open(self.settings.database_url)
        given = replace(self.settings, **settings)
        with Office(given, node, self.suite.deployment, store, signer=self.desk.who.signer) as opened:
            yield opened

    def settle(self, timeout: float = 5.0, **settings: Any) -> Settlement:
        """One `troth settle`."""
        with self.office(timeout, **settings) as office:
            return settlement.settle(office)

    def behave(self) -> None:
        """From now on."""
        self.proxy.faults.clear()
        self.proxy.faults_of.clear()
        self.proxy.overrides.clear()

    def prove(self) -> None:
        """Settles again on a node that behaves, and holds everything to everything else."""
        self.behave()
        again = self.settle()
        assert (again.waiting, again.failed) == ((), ())
        amounts = self._events()
        assert self._marks() == set(amounts) == self._due()
        assert sum(amounts.values()) == CAPITAL - self.suite.balance(self.suite.pool)
        held = self.suite.token.call_many([("balanceOf", (payee(number),)) for number in range(POLICIES)])
        assert held == [amounts.get(number, 0) for number in range(POLICIES)]
        self._prove_journal()
        contracts = self.desk.office.ledger_contracts
        found = ledger.reconcile(
            self.desk.office.store, self.node, contracts, root_of=lambda rows: tree_of(rows).root
        )
        assert found.differences == ()
        assert (found.claims, found.events, found.paid) == (DUE, DUE, sum(amounts.values()))
        assert self.settle().transactions == ()

    def _events(self) -> dict[int, int]:
        """What was paid or owed, by policy, read from the chain and nothing else; no policy twice."""
        wanted = {
            "address": self.suite.pool.address,
            "fromBlock": hex(self.suite.deployment.block),
            "toBlock": "latest",
        }
        decoded = map(self.suite.pool.decode_log, self.node.call("eth_getLogs", [wanted]))
        said = [one.arguments for one in decoded if one is not None and one.name in {"Paid", "Owed"}]
        assert max(Counter(one.number for one in said).values()) == 1
        return {one.number: one.amount for one in said}

    def _marks(self) -> set[int]:
        """The policies that the contract has marked."""
        (word,) = self.suite.books.call("settledWords", 1, 0, 1)
        return {number for number in range(256) if word >> number & 1}

    def _due(self) -> set[int]:
        """The policies that are due, by their place: three risks of twenty, in order."""
        return {number for number in range(POLICIES) if number // 20 != 1}

    def _prove_journal(self) -> None:
        """Nothing is under way; of each nonce one transaction was mined: the one on the chain."""
        table = schema.transactions.c
        with self.desk.office.store.reading() as connection:
            rows = connection.execute(
                select(table.hash, table.nonce, table.block_hash, table.state).where(table.state != "dropped")
            ).all()
        assert {row.state for row in rows} <= {"mined", "reverted"}
        assert max(Counter(row.nonce for row in rows).values()) == 1
        for row in rows:
            receipt = self.node.call(RECEIPT, [f"0x{row.hash.hex()}"])
            assert receipt["blockHash"] == f"0x{row.block_hash.hex()}"


def payee(number: int) -> str:
    """Of the policy of this number: an address of its own."""
    return f"0x{number + 1:040x}"


@pytest.fixture(scope="module")
def prepared(node: Node, deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with book 1 of sixty policies, of which forty are due, not yet settled."""
    home = tmp_path_factory.mktemp("prepared") / "home"
    with undone(node), desk_of(Suite(node, deployment), home) as desk:
        desk.book(
            Line(f"P-{number:02}", payee(number), f"risk {number // 20}", (number + 1) * DOLLAR, premium=0)
            for number in range(POLICIES)
        )
        desk.report(SEEN)
        yield home


@pytest.fixture
def world(prepared: Path, suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A copy of it, in front of a node that can misbehave; settling takes five transactions or so."""
    monkeypatch.setattr(Pace, "of", lambda _node: PACE)
    shutil.copytree(prepared, tmp_path / "home")
    with desk_of(suite, tmp_path / "home") as desk, closing(Proxy(suite.node)) as proxy:
        yield World(desk, proxy)


# --- the node loses, refuses, delays

ACCIDENTS: dict[str, Callable[[], Fault]] = {
    "reply lost, node acted": lambda: lost(after=True),
    "request lost": lost,
    "reply cut off, node acted": lambda: Fault(cut=True, after=True),
    "internal error": lambda: refused(-32603, "Internal error"),
    "internal error, node acted": lambda: refused(-32603, "Internal error", after=True),
    "too many requests": busy,
    "too many requests, node acted": lambda: busy(after=True),
    "bad gateway, node acted": lambda: busy(502, after=True),
    "time-out, node acted": lambda: Fault(delay=0.5, after=True),
}


@pytest.mark.parametrize("accident", ACCIDENTS)
def test_sending_goes_wrong(world: World, accident: str) -> None:
    """The first time, and twice more later."""
    make = ACCIDENTS[accident]
    world.proxy.faults_of[SEND] = [make(), None, make(), make()]
    with suppress(TrothError):
        world.settle(timeout=0.25 if "time-out" in accident else 5)
    assert len(world.proxy.faults_of[SEND]) < 4
    world.prove()


@pytest.mark.parametrize(
    ("method", "accident"),
    [
        (RECEIPT, "request lost"),
        (COUNT, "internal error"),
        ("eth_getLogs", "too many requests"),
        ("eth_call", "reply cut off, node acted"),
        ("eth_getBlockByNumber", "request lost"),
    ],
)
def test_asking_goes_wrong(world: World, method: str, accident: str) -> None:
    """Four times on end: reads are repeated, and the command succeeds."""
    world.proxy.faults_of[method] = [ACCIDENTS[accident]() for _ in range(4)]
    assert world.settle().settled == DUE
    assert not world.proxy.faults_of[method]
    world.prove()


@pytest.mark.parametrize("method", [SEND, RECEIPT, "eth_getLogs"])
def test_node_goes_down_for_good(world: World, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From its second such exchange on it answers with an error: the command gives up and says so."""
    monkeypatch.setattr(Pace, "of", lambda _node: replace(PACE, give_up=1.0))
    world.proxy.faults_of[method] = [None, *(busy(503) for _ in range(2_000))]
    with pytest.raises(TrothError):
        world.settle()
    world.prove()


# --- the node lags and lies


def lagging(world: World, blocks: int) -> Callable[[list[Any], Callable[[], Any]], Any]:
    """Answers eth_call and the like as of some blocks ago."""

    def answer(params: list[Any], _real: Callable[[], Any]) -> Any:
        newest = int(world.node.call("eth_blockNumber"), 16)
        return world.node.call("eth_call", [params[0], hex(newest - blocks)])

    return answer


def test_marks_are_read_from_a_node_that_lags(world: World) -> None:
    """What was settled in the last three blocks looks open: it is sent again, and the contract skips it."""
    world.settle()
    world.proxy.overrides["eth_call"] = lagging(world, 3)
    done = world.settle()
    assert (done.settled, done.paid) == (0, 0)
    assert done.skipped >= DUE
    assert done.batches > 0
    world.prove()


def test_node_knows_no_receipts_for_a_while(world: World) -> None:
    """Long enough for the command to take its transactions for lost and send them again."""
    patience = iter(range(40))
    world.proxy.overrides[RECEIPT] = lambda _params, real: (
        None if next(patience, None) is not None else real()
    )
    with suppress(TrothError):
        world.settle()
    world.prove()


def test_node_forgets_what_it_accepted(world: World) -> None:
    """It answers with the hash, and drops the transaction: it is sent again."""
    dropped = iter(range(3))

    def accept(params: list[Any], real: Callable[[], Any]) -> Any:
        if next(dropped, None) is None:
            return real()
        return f"0x{keccak(bytes.fromhex(params[0][2:])).hex()}"

    world.proxy.overrides[SEND] = accept
    assert world.settle().settled == DUE
    world.prove()


@pytest.mark.parametrize(
    "words", ["already known", "nonce too low", "replacement transaction underpriced", "no such words"]
)
def test_node_refuses_in_misleading_words(world: World, words: str) -> None:
    """What it was given for the first time, it says it has, or will not have."""
    times = iter(range(3))

    def refuse(_params: list[Any], real: Callable[[], Any]) -> Any:
        if next(times, None) is None:
            return real()
        raise RpcError(-32000, words)

    world.proxy.overrides[SEND] = refuse
    with suppress(TrothError):
        world.settle()
    world.prove()


def test_node_counts_too_few_transactions(world: World) -> None:
    """Another machine behind the address lags: nonces are used again, refused, and planned anew."""
    count = int(world.node.call(COUNT, [world.desk.who.address, "latest"]), 16)
    stale = iter(range(3))
    world.proxy.overrides[COUNT] = lambda _params, real: (
        real() if next(stale, None) is None else hex(count - 2)
    )
    with suppress(TrothError):
        world.settle()
    world.prove()


def test_node_leaves_out_logs(world: World) -> None:
    """It lacks the newest blocks, and answers with none and no error: the index is not taken in."""
    silent = iter(range(3))

    def leave_out(params: list[Any], real: Callable[[], Any]) -> Any:
        return [] if "toBlock" in params[0] and next(silent, None) is not None else real()

    world.proxy.overrides["eth_getLogs"] = leave_out
    assert world.settle().settled == DUE
    assert next(silent, None) is None
    world.prove()


# --- the chain changes its mind


@pytest.mark.parametrize("depth", [1, 3])
def test_chain_takes_settled_blocks_back(world: World, depth: int) -> None:
    """What was in them is due again, and is paid once."""
    first = world.settle()
    world.node.call("anvil_reorg", [depth, []])
    second = world.settle()
    assert 0 < second.settled < first.settled
    world.prove()


def test_chain_takes_blocks_back_in_mid_run(world: World) -> None:
    """Nonces thought used are free again, and bar the way of those behind them."""
    looks = iter(range(1_000))

    def reorganise(_params: list[Any], real: Callable[[], Any]) -> Any:
        if next(looks) == 6:
            world.node.call("anvil_reorg", [2, []])
        return real()

    world.proxy.overrides[RECEIPT] = reorganise
    with suppress(TrothError):
        world.settle(batch_gas=300_000)  # some twenty transactions
    assert next(looks) > 6
    world.prove()


# --- the account


@pytest.mark.parametrize("outside", [1, 3])
def test_key_is_used_from_outside_in_mid_run(world: World, outside: int) -> None:
    """Somebody else takes the next nonces: what was signed for them is lost, and planned again."""
    other = Actor(world.desk.who.name, world.node)
    left = iter(range(outside))

    def overtake(_params: list[Any], real: Callable[[], Any]) -> Any:
        if next(left, None) is not None:
            other.send(world.suite.token, "mint", other.address, 1, gas=100_000)
        return real()

    world.proxy.overrides[SEND] = overtake
    with suppress(TrothError):
        world.settle()
    assert next(left, None) is None
    world.prove()


def test_base_fee_doubles_and_doubles_again(world: World) -> None:
    """Before each of the first sendings: what was signed offers too little, and a higher fee is offered."""
    fees = iter([10**10, 10**11])

    def spike(_params: list[Any], real: Callable[[], Any]) -> Any:
        if (fee := next(fees, None)) is not None:
            world.node.call("anvil_setNextBlockBaseFeePerGas", [hex(fee)])
        return real()

    world.proxy.overrides[SEND] = spike
    assert world.settle().settled == DUE
    assert next(fees, None) is None
    world.prove()


def test_base_fee_above_the_limit_stops_until_it_is_down(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command says so; what is under way is finished by the next."""
    count = iter(range(1_000))

    def spike(_params: list[Any], real: Callable[[], Any]) -> Any:
        if next(count) == 1:
            world.node.call("anvil_setNextBlockBaseFeePerGas", [hex(10**12)])
        return real()

    world.proxy.overrides[SEND] = spike
    monkeypatch.setattr(Pace, "of", lambda _node: replace(PACE, give_up=1.0))
    with pytest.raises((FeeAboveLimit, TransactionFailed)):
        world.settle(max_fee=10**11)
    world.node.call("anvil_setNextBlockBaseFeePerGas", [hex(10**9)])
    world.prove()


def test_account_runs_out_of_ether_and_is_funded(world: World) -> None:
    """In mid-run: the command says how much it lacks, and goes on once it has it."""
    account, count = world.desk.who.address, iter(range(1_000))

    def spend(_params: list[Any], real: Callable[[], Any]) -> Any:
        if next(count) == 2:
            world.node.call("anvil_setBalance", [account, hex(10**12)])
        return real()

    world.proxy.overrides[SEND] = spend
    with pytest.raises(NoFunds) as refused_:
        world.settle()
    world.behave()
    with pytest.raises(NoFunds):
        world.settle()
    lacking = refused_.value.needed - refused_.value.available
    world.node.call("anvil_setBalance", [account, hex(refused_.value.available + 10 * lacking)])
    world.prove()


def test_key_is_rotated_while_transactions_wait(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new key settles all; what the old one signed gets to the chain late, and pays nothing."""
    with monkeypatch.context() as patch:
        patch.setattr(Pace, "of", lambda _node: replace(PACE, give_up=0.5))
        world.proxy.faults_of[SEND] = [busy(503) for _ in range(2_000)]
        with pytest.raises(TransactionFailed):
            world.settle()
    left = StoredJournal(world.desk.office.store).unfinished()
    assert left
    world.behave()
    old, world.desk.who = world.desk.who, world.suite["underwriter"]
    assert world.settle().settled == DUE
    for one in left:
        world.node.call(SEND, [f"0x{one.raw.hex()}"])
    world.desk.who = old
    world.prove()


def test_two_homes_share_one_key(world: World, tmp_path: Path) -> None:
    """A copy of the home works at the same time: no lock between them, and each takes the other's nonces."""
    shutil.copytree(world.desk.home, tmp_path / "copy")
    database = f"sqlite:///{tmp_path}/copy/troth.db"
    twin = World(world.desk, world.proxy)
    twin.settings = replace(world.settings, home=tmp_path / "copy", database_url=database)

    def work() -> None:
        with suppress(TrothError):
            twin.settle()

    thread = threading.Thread(target=work)
    thread.start()
    with suppress(TrothError):
        world.settle()
    thread.join()
    world.prove()


# --- the database


@pytest.mark.parametrize("nth", range(1, 7))
def test_database_fails_in_mid_commit(world: World, nth: int) -> None:
    """The first, second… commit of the run: nothing is half-written, and nothing unwritten was sent."""
    with world.office() as office, pytest.raises(DatabaseFailed):
        failing(office.store, nth)
        settlement.settle(office)
    world.prove()


def failing(store: Store, nth: int) -> None:
    """Makes the store's nth writing fail as it commits, and every one after: the disk is full."""
    count = iter(range(1, 1_000))

    @event.listens_for(store._engine, "commit")
    def commit(connection: Any) -> None:
        if connection.get_execution_options().get("writes") and next(count) >= nth:
            raise connection.dialect.loaded_dbapi.OperationalError("database or disk is full")


def test_disk_is_full_in_mid_run(world: World) -> None:
    """As SQLite itself says it, two pages on."""
    with world.desk.office.store.reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    with world.office() as office:

        @event.listens_for(office.store._engine, "begin")
        def limit(connection: Any) -> None:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")

        with pytest.raises(DatabaseFailed, match="full"):
            settlement.settle(office)
    world.prove()
