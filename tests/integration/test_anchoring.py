"""Anchoring on chains that misbehave, on Anvil and on Ganache: each record is there once, whatever happens.

After each accident, whatever the command said, it is run again on a node that behaves; then every record that
was accepted is in exactly one batch on the chain (N3), batches and indexes have no gaps (N1), and running it
once more sends nothing.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import Actor
from support.anchoring import accept, anchored_on_chain, batches_of, prove_n3
from support.doubles import Fault, Proxy, busy, lost, refused
from support.places import ANVIL, Place
from support.streams import Batch, origin_contents

from troth.chain.rpc import Node
from troth.chain.sender import Pace
from troth.config import Settings
from troth.errors import BatchTaken, Busy, TrothError
from troth.interactions import batches, streams
from troth.interactions.batches import AnchoredBatch
from troth.office import Office
from troth.store import Store

FULL = 10
PACE = Pace(0.002, 0.02, repeat=0.2, replace=0.5, missing=0.4, give_up=20.0, window=4)
SEND, RECEIPT = "eth_sendRawTransaction", "eth_getTransactionReceipt"


class World:
    """An insurer's office in front of a chain that misbehaves, with stream 1, calls."""

    def __init__(self, place: Place, home: Path, proxy: Proxy) -> None:
        self.place, self.home, self.proxy = place, home, proxy
        self.who = Actor("insurer", place.node)
        self.settings = Settings(
            home=home, rpc=proxy.url, database_url=f"sqlite:///{home}/troth.db", batch_records=FULL
        )
        self.store = Store.open(self.settings.database_url)

    @contextmanager
    def office(self, timeout: float = 5.0, **settings: Any) -> Iterator[Office]:
        """As a command opens it: lock, journal and all, through the node that misbehaves."""
        node = Node(self.proxy.url, timeout=timeout, pause=lambda _: None)
        given = replace(self.settings, **settings)
        store = Store.open(given.database_url)
        with Office(given, node, self.place.deployment, store, signer=self.who.signer) as opened:
            yield opened

    def anchor(self, timeout: float = 5.0, **settings: Any) -> list[AnchoredBatch]:
        """One `troth interactions anchor`."""
        with self.office(timeout, **settings) as office:
            return batches.anchor(office)

    def behave(self) -> None:
        """From now on."""
        self.proxy.faults.clear()
        self.proxy.faults_of.clear()
        self.proxy.overrides.clear()

    def prove(self) -> list[Batch]:
        """Anchors what is left on a node that behaves, and holds the chain to the database."""
        self.behave()
        self.anchor()
        found = prove_n3(self.place.node, self.place.streams, 1, "calls", self.store)
        sent = self.proxy.count(SEND)
        assert self.anchor() == []
        assert self.proxy.count(SEND) == sent
        with self.office() as office:
            (standing,) = batches.status(office)
        assert (standing.waiting, standing.taken) == (0, None)
        assert standing.anchored == standing.accepted == sum(one.count for one in found)
        return found

    def reorganise(self, depth: int) -> None:
        """The newest blocks are replaced by others that hold nothing, somewhat later."""
        self.place.node.call("anvil_reorg", [depth, []])
        self.place.pass_time(60)


only_anvil = pytest.mark.parametrize("place", [ANVIL], indirect=True)


@pytest.fixture
def world(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """With 25 records accepted, which make three batches."""
    monkeypatch.setattr(Pace, "of", lambda _node: PACE)
    (tmp_path / "home").mkdir()
    with closing(Proxy(place.node)) as proxy:
        made = World(place, tmp_path / "home", proxy)
        with made.office() as office:
            streams.create(office, "calls")
        accept(made.store, 1, 25)
        yield made
        made.store.close()


def test_batches_follow_one_another(world: World) -> None:
    """Over several runs, with time between them: the chain of commitments is whole."""
    assert [one.number for one in world.anchor()] == [1, 2, 3]
    for count in (1, 30, 3):
        world.place.pass_time(100)
        accept(world.store, 1, count)
        world.anchor()
    found = world.prove()
    assert [one.count for one in found] == [10, 10, 5, 1, 10, 10, 10, 3]
    assert len({one.time for one in found}) >= 4


# --- the node loses, refuses, delays

ACCIDENTS: dict[str, Callable[[], Fault]] = {
    "reply lost, node acted": lambda: lost(after=True),
    "request lost": lost,
    "internal error, node acted": lambda: refused(-32603, "Internal error", after=True),
    "too many requests": busy,
    "time-out, node acted": lambda: Fault(delay=0.5, after=True),
}


@pytest.mark.parametrize("accident", ACCIDENTS)
def test_sending_goes_wrong(world: World, accident: str) -> None:
    """The first time, and twice more later."""
    make = ACCIDENTS[accident]
    world.proxy.faults_of[SEND] = [make(), None, make(), make()]
    with suppress(TrothError):
        world.anchor(timeout=0.25 if "time-out" in accident else 5)
    assert len(world.proxy.faults_of[SEND]) < 4
    world.prove()


@pytest.mark.parametrize("method", [RECEIPT, "eth_getLogs", "eth_call", "eth_estimateGas"])
def test_asking_goes_wrong(world: World, method: str) -> None:
    """Twice on end: reads are repeated, and the command succeeds."""
    world.proxy.faults_of[method] = [lost(), busy()]
    assert len(world.anchor()) == 3
    assert not world.proxy.faults_of[method]
    world.prove()


@pytest.mark.parametrize(
    ("method", "spared"), [(SEND, 1), (RECEIPT, 1), ("eth_getLogs", 0), ("eth_estimateGas", 2)]
)
def test_node_goes_down_for_good(
    world: World, method: str, spared: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From one such exchange on it answers with an error: the command gives up and says so."""
    monkeypatch.setattr(Pace, "of", lambda _node: replace(PACE, give_up=1.0))
    world.proxy.faults_of[method] = [*[None] * spared, *(busy(503) for _ in range(2_000))]
    with pytest.raises(TrothError):
        world.anchor()
    world.prove()


def test_logs_of_the_newest_blocks_come_late(world: World) -> None:
    """The node counts a batch that its logs lack, twice: it is asked again, and nothing is sent twice."""
    world.anchor(confirmations=30)
    silent = iter(range(2))
    world.proxy.overrides["eth_getLogs"] = lambda _params, real: real() if next(silent, None) is None else []
    accept(world.store, 1, 1)
    assert [one.number for one in world.anchor(confirmations=30)] == [4]
    assert next(silent, None) is None
    world.prove()


# --- others at work


def test_two_commands_at_one_home(world: World) -> None:
    """The second is told to wait, and has done nothing."""
    with world.office() as office:
        _ = office.sender
        with pytest.raises(Busy):
            world.anchor()
    assert batches_of(world.store, 1) == []
    world.prove()


def test_two_homes_anchor_one_database_at_once(world: World, tmp_path: Path) -> None:
    """Each with a key of its own, both writers of the stream: whoever is first, each batch is there once."""
    twin = World(world.place, world.home, world.proxy)
    twin.settings = replace(world.settings, home=tmp_path / "twin")
    (tmp_path / "twin").mkdir()
    twin.who = Actor("writer", world.place.node)
    with world.office() as office:
        streams.set_writer(office, "calls", twin.who.address)
    accept(world.store, 1, 60)
    failed: list[BaseException] = []

    def work(one: World) -> None:
        try:
            for _ in range(3):
                one.anchor()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(one,)) for one in (world, twin)]
    for one in threads:
        one.start()
    for number in range(10):
        accept(world.store, 1, 1 + number)
        time.sleep(0.05)
    for one in threads:
        one.join()
    twin.store.close()
    # A transaction that lost the race may have been mined and reverted: then the command says so.
    assert all(isinstance(one, TrothError) and not isinstance(one, BatchTaken) for one in failed), failed
    assert len(world.prove()) >= 14


def test_two_homes_with_one_key_anchor_one_database_at_once(world: World, tmp_path: Path) -> None:
    """No lock between them, and each takes the other's nonces."""
    twin = World(world.place, world.home, world.proxy)
    twin.settings = replace(world.settings, home=tmp_path / "twin")
    (tmp_path / "twin").mkdir()
    accept(world.store, 1, 50)

    def work() -> None:
        with suppress(TrothError):
            twin.anchor()

    thread = threading.Thread(target=work)
    thread.start()
    with suppress(TrothError):
        world.anchor()
    thread.join()
    twin.store.close()
    world.prove()


def test_other_database_took_the_number(world: World) -> None:
    """What it anchored stands; of ours nothing is sent, again and again."""
    signer = Actor("insurer", world.place.node)
    before = origin_contents(world.place.node.chain_id, world.place.streams.address, 1, "calls")
    signer.send(world.place.streams, "anchor", 1, 1, 0, 3, b"r" * 32, b"s" * 32, before)
    sent = world.proxy.count(SEND)
    for _ in range(2):
        with pytest.raises(BatchTaken, match="batch 1 of stream calls"):
            world.anchor()
    assert world.proxy.count(SEND) == sent
    (found,) = anchored_on_chain(world.place.node, world.place.streams, 1, "calls")
    assert found.root == b"r" * 32


def test_copy_of_the_database_goes_its_own_way(world: World, tmp_path: Path) -> None:
    """Both close batch 2, of other records: the first to anchor has it, the other is refused by name."""
    world.anchor()
    world.store.close()
    shutil.copytree(world.home, tmp_path / "copy")
    twin = World(world.place, tmp_path / "copy", world.proxy)
    accept(world.store, 1, 3)
    accept(twin.store, 1, 3)
    assert len(world.anchor()) == 1
    with pytest.raises(BatchTaken, match="batch 4 of stream calls"):
        twin.anchor()
    twin.store.close()
    world.prove()


# --- the chain changes its mind


@only_anvil
@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("confirmations", [0, 2, 30])
def test_chain_takes_batches_back(world: World, depth: int, confirmations: int) -> None:
    """They are sent again, once, with other times, and what follows goes on from those."""
    first = world.anchor(confirmations=confirmations)
    world.reorganise(depth)
    with world.office(confirmations=confirmations) as office:
        (standing,) = batches.status(office)
    assert standing.anchored <= 30 - 10 * depth
    second = world.anchor(confirmations=confirmations)
    assert [one.number for one in second] == [1, 2, 3][3 - depth :]
    assert [(one.root, one.subjects) for one in second] == [
        (one.root, one.subjects) for one in first[3 - depth :]
    ]
    assert all(again.time > one.time for again, one in zip(second, first[3 - depth :], strict=True))
    accept(world.store, 1, 4)
    world.anchor(confirmations=confirmations)
    found = world.prove()
    assert [one.time for one in found[3 - depth : 3]] == [one.time for one in second]


@only_anvil
@pytest.mark.parametrize("look", [2, 3, 4, 5])
def test_chain_takes_batches_back_in_mid_run(world: World, look: int) -> None:
    """Between two batches or before a receipt is seen: the next one no longer follows, and is not lost."""
    looks = iter(range(1, 1_000))

    def reorganise(_params: list[Any], real: Callable[[], Any]) -> Any:
        if next(looks) == look:
            world.reorganise(2)
        return real()

    world.proxy.overrides[RECEIPT] = reorganise
    accept(world.store, 1, 20)
    with suppress(TrothError):
        world.anchor()
    assert next(looks) > look
    world.prove()


@only_anvil
def test_chain_takes_a_batch_back_just_before_the_next_is_sent(world: World) -> None:
    """The contract refuses it, for the batch it names is not there: both are sent, and the run ends well."""
    estimates = iter(range(1, 1_000))

    def reorganise(_params: list[Any], real: Callable[[], Any]) -> Any:
        if next(estimates) == 3:
            world.reorganise(1)
        return real()

    world.proxy.overrides["eth_estimateGas"] = reorganise
    assert [one.number for one in world.anchor()] == [1, 2, 2, 3]
    world.prove()


@pytest.mark.parametrize("blocks", [0, 1, 10])
def test_node_is_restarted_from_an_older_state(world: World, blocks: int) -> None:
    """It lacks batches 2 and 3, and mined so many blocks since: they are sent again, before the fourth."""
    world.anchor(batch_records=25)
    before = world.place.node.call("evm_snapshot")
    accept(world.store, 1, 12)
    old = world.anchor()
    assert world.place.node.call("evm_revert", [before])
    for _ in range(blocks):
        world.place.pass_time(30)
    accept(world.store, 1, 2)
    again = world.anchor()
    assert [(one.number, one.count) for one in again] == [(2, 10), (3, 2), (4, 2)]
    assert [one.root for one in again[:2]] == [one.root for one in old]
    for _ in range(10 - blocks):
        world.place.pass_time(30)
    world.prove()
