"""N1 and N3 hold whatever happens while interactions are accepted and anchored.

Hypothesis accepts records and leaves drafts behind, closes and anchors by count, by age and all of it, kills
that between any two steps, lets another writer of the same database work in its midst, and has the chain take
blocks back. What should be closed and anchored is said by a model that knows nothing but how many records
there are; what is on the chain is read from it, and hashed by hashlib alone.

The same examples run every time. For others, at length and each time anew:
    TROTH_INVARIANT_EXAMPLES=300 .venv/bin/python -m pytest tests/invariants/test_interactions.py
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import Connection, delete
from support import Suite
from support.anchoring import accept, batches_of, draft, prove_n1, record_of, roster_word, subject_of
from support.streams import Batch, root_of

from troth.chain.rpc import Node
from troth.chain.sender import Pace
from troth.config import Settings
from troth.interactions import batches, streams
from troth.interactions.batches import AnchoredBatch, Standing
from troth.office import Office
from troth.store import Store, schema

SEED, EXAMPLES, STEPS = 7, 12, 40
LONG = "TROTH_INVARIANT_EXAMPLES"
LONG_STEPS = 80
FULL, AGE = 10, 3_600
NAMES = {1: "calls", 2: "chats"}
STREAMS = st.sampled_from(sorted(NAMES))
WRITERS = st.sampled_from(("insurer", "stranger"))
PACE = Pace(0.002, 0.02, repeat=0.2, replace=0.5, missing=0.4, give_up=20.0, window=4)
MOST_STEPS = 30
"""In which a run that anchors a few batches is done."""
EXPECTED = frozenset("killed finished raced reorganised aged taken-back drafted by-count all".split())  # noqa: SIM905
"""What some example must reach."""


class Killed(BaseException):
    """What kill -9 is in a process that lives on: nothing after it is done."""


# --- steps of a run, between which things happen


@dataclass
class Steps:
    """Counts exchanges with the node and writings of the database; at one of them, something happens."""

    at: int = 0
    """0 for never."""
    act: Callable[[], None] = lambda: None
    after: bool = False
    """Once the step is done, and not before."""
    count: int = 0

    @contextmanager
    def step(self) -> Iterator[None]:
        """One of them."""
        self.count += 1
        now = self.count == self.at
        if now and not self.after:
            self.act()
        yield
        if now and self.after:
            self.act()


class SteppedNode(Node):
    """A node each exchange with which is a step."""

    def __init__(self, url: str, steps: Steps) -> None:
        super().__init__(url)
        self.steps = steps

    def _ask(self, *given: Any, **named: Any) -> Any:
        with self.steps.step():
            return super()._ask(*given, **named)


class SteppedStore(Store):
    """A store each writing of which is a step."""

    steps: Steps

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """As the store's; it is committed when the step is done."""
        with self.steps.step(), super().writing() as connection:
            yield connection


# --- what should be


@dataclass
class Model:
    """One stream: how many records there are, and where batches end. It knows nothing of their content."""

    accepted: list[int] = field(default_factory=list)
    """When each was."""
    ends: list[int] = field(default_factory=list)
    """How many records the stream has with each batch closed."""
    anchored: int = 0
    """Batches."""

    def foretold(self, everything: bool, now: int) -> list[int]:
        """`ends` once what should be is closed."""
        ends, count = list(self.ends), len(self.accepted)
        while count - (ends[-1] if ends else 0) >= FULL:
            ends.append((ends[-1] if ends else 0) + FULL)
        left = self.accepted[ends[-1] if ends else 0 :]
        if left and (everything or now - left[0] >= AGE):
            ends.append(count)
        return ends


class Interactions(RuleBasedStateMachine):
    """What happens, and what must always hold."""

    counted: ClassVar[Counter[str]] = Counter()

    def __init__(self, suite: Suite) -> None:
        super().__init__()
        self.suite, self.snapshot = suite, suite.node.call("evm_snapshot")
        self.first_block = int(suite.node.call("eth_blockNumber"), 16)
        self.folder = tempfile.TemporaryDirectory(prefix="troth-invariants-")
        self.home = Path(self.folder.name)
        self.url = f"sqlite:///{self.home}/troth.db"
        self.store = Store.open(self.url)
        self.models = {stream: Model() for stream in NAMES}
        self.on_chain: dict[int, list[Batch]] = {stream: [] for stream in NAMES}
        self.rewritten = False  # by the last step

    def teardown(self) -> None:
        """Leaves the chain as it was."""
        self.store.close()
        self.folder.cleanup()
        assert self.suite.node.call("evm_revert", [self.snapshot])

    @contextmanager
    def office(self, who: str, steps: Steps) -> Iterator[Office]:
        """Somebody's, at the one database, in a home of their own."""
        home = self.home / who
        home.mkdir(exist_ok=True)
        given = Settings(
            home=home, rpc=self.suite.node.url, database_url=self.url, batch_records=FULL, batch_age=AGE
        )
        store = SteppedStore.open(self.url)
        assert isinstance(store, SteppedStore)
        store.steps = steps
        node, signer = SteppedNode(self.suite.node.url, steps), self.suite[who].signer
        with Office(given, node, self.suite.deployment, store, signer=signer) as opened:
            yield opened

    # --- what happens

    @rule(
        stream=STREAMS,
        count=st.integers(1, 25),
        age=st.sampled_from((0, 2 * AGE)),
        drafts=st.sampled_from((0, 0, 5)),
    )
    def accept(self, stream: int, count: int, age: int, drafts: int) -> None:
        """Records, just now or a while ago; what a killed intake left is removed first, as intake does, and
        perhaps it is killed again.
        """
        self._accept(stream, count, int(time.time()) - age)
        if drafts:
            with self.store.writing() as connection:
                draft(connection, stream, len(self.models[stream].accepted), drafts)
            self.counted["drafted"] += 1

    @rule(who=WRITERS, stream=STREAMS, everything=st.booleans())
    def close(self, who: str, stream: int, everything: bool) -> None:
        """Without anchoring; and the status is the model's."""
        foretold = self.models[stream].foretold(everything, int(time.time()))
        batches.close(self.store, stream, count=FULL, age=AGE, everything=everything)
        self._closed(stream, foretold, everything=everything)
        with self.office(who, Steps()) as office:
            found = batches.status(office)
        assert [one.stream for one in found] == list(NAMES.values())
        for one in found:
            self._is_status(one, self.models[one.number])

    @rule(who=WRITERS, stream=st.sampled_from((None, None, 1, 2)), due_only=st.booleans())
    def anchor(self, who: str, stream: int | None, due_only: bool) -> None:
        """To the end."""
        self._run(who, stream, due_only, Steps())

    @rule(
        who=WRITERS,
        count=st.integers(1, 25),
        due_only=st.booleans(),
        at=st.integers(1, MOST_STEPS),
        after=st.booleans(),
    )
    def be_killed(self, who: str, count: int, due_only: bool, at: int, after: bool) -> None:
        """Before or after any step, with something new to do."""
        self._accept(1, count, int(time.time()))

        def kill() -> None:
            raise Killed

        self._run(who, None, due_only, Steps(at, kill, after))

    @rule(who=WRITERS, count=st.integers(1, 25), at=st.integers(1, MOST_STEPS), after=st.booleans())
    def be_overtaken(self, who: str, count: int, at: int, after: bool) -> None:
        """In the midst of one run, the other writer does all there is to do."""
        self._accept(2, count, int(time.time()))
        other = "stranger" if who == "insurer" else "insurer"
        done: list[AnchoredBatch] = []

        def overtake() -> None:
            with self.office(other, Steps()) as office:
                done.extend(batches.anchor(office))

        self._run(who, None, False, Steps(at, overtake, after))
        self.counted["raced"] += bool(done)

    @rule(depth=st.integers(1, 6), wait=st.integers(1, 500))
    def reorganise(self, depth: int, wait: int) -> None:
        """The chain takes back up to six of the blocks mined in this example."""
        block = int(self.suite.node.call("eth_blockNumber"), 16)
        if (depth := min(depth, block - self.first_block)) > 0:
            self.suite.node.call("anvil_reorg", [depth, []])
            self.counted["reorganised"] += 1
            self.rewritten = True
        self.suite.clock.move_by(wait)
        self._read()

    def _accept(self, stream: int, count: int, at: int) -> None:
        """Records at a time, perhaps before those accepted already: clocks are put back."""
        table, model = schema.interactions, self.models[stream]
        with self.store.writing() as connection:
            beyond = table.c.position >= len(model.accepted)
            connection.execute(delete(table).where(table.c.stream == stream, beyond))
        accept(self.store, stream, count, at=at)
        model.accepted += [at] * count

    def _run(self, who: str, stream: int | None, due_only: bool, steps: Steps) -> None:
        """One run of anchoring; what came of it."""
        now = int(time.time())
        chosen = [stream] if stream else list(NAMES)
        foretold = {one: self.models[one].foretold(not due_only, now) for one in chosen}
        try:
            with self.office(who, steps) as office:
                batches.anchor(office, NAMES[stream] if stream else None, due_only=due_only)
            finished = True
        except Killed:
            finished = False
        note(f"{who}: {steps.count} steps, {'finished' if finished else 'killed'}")
        self.counted["finished" if finished else "killed"] += 1
        self.counted["by-count" if due_only else "all"] += 1
        for one in chosen:
            self._closed(one, foretold[one], everything=not due_only, finished=finished)
        self._read()
        if finished:
            for one in chosen:
                assert self.models[one].anchored == len(self.models[one].ends)

    def _closed(
        self, stream: int, foretold: Sequence[int], *, everything: bool, finished: bool = True
    ) -> None:
        """What was closed is as foretold, or the beginning of that if the run was killed."""
        ends = [row.first + row.count for row in batches_of(self.store, stream)]
        before = self.models[stream].ends
        assert ends[: len(before)] == before
        assert ends == (list(foretold) if finished else list(foretold)[: len(ends)])
        is_short = ends != before and ends[-1] - [0, 0, *ends][-2] < FULL
        self.counted["aged"] += is_short and not everything
        self.models[stream].ends = ends

    def _read(self) -> None:
        """How many batches the chain has now."""
        for stream, model in self.models.items():
            there = self.suite.streams.call("batchesOf", stream)
            self.counted["taken-back"] += there < model.anchored
            model.anchored = there

    def _is_status(self, one: Standing, model: Model) -> None:
        """One stream's."""
        anchored = model.ends[model.anchored - 1] if model.anchored else 0
        accepted = len(model.accepted)
        assert (one.accepted, one.anchored, one.batches) == (accepted, anchored, model.anchored)
        assert (one.waiting, one.taken) == (accepted - anchored, None)
        assert (one.oldest_waiting is None) == (accepted == anchored)

    # --- what must always hold

    @invariant()
    def n1_numbers_and_indexes_are_contiguous_and_final(self) -> None:
        """Each word on the chain follows from the events, and what was anchored stays as it was."""
        for stream, name in NAMES.items():
            found = prove_n1(self.suite.node, self.suite.streams, stream, name)
            before = self.on_chain[stream]
            if self.rewritten:
                assert found == before[: len(found)]
            else:
                assert found[: len(before)] == before
            self.on_chain[stream] = found
        self.rewritten = False

    @invariant()
    def n3_every_record_is_in_one_batch_at_its_index(self) -> None:
        """Of those that the model has anchored; the batch commits to its records and their subjects."""
        for stream, model in self.models.items():
            found = self.on_chain[stream]
            assert [one.first + one.count for one in found] == model.ends[: model.anchored]
            secrets = [row.secret for row in batches_of(self.store, stream)]
            for one, secret in zip(found, secrets, strict=False):
                within = range(one.first, one.first + one.count)
                assert within.stop <= len(model.accepted)
                assert one.root == root_of([record_of(stream, position) for position in within])
                numbers = [(subject_of(position), position // 7 + 1) for position in within]
                assert one.subjects == roster_word(secret, numbers)


@pytest.fixture
def centre(suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """Two streams, each with two writers."""
    monkeypatch.setattr(Pace, "of", lambda _node: PACE)
    given = Settings(home=tmp_path, rpc=suite.node.url, database_url=f"sqlite:///{tmp_path}/troth.db")
    store, signer = Store.open(given.database_url), suite["insurer"].signer
    with Office(given, Node(suite.node.url), suite.deployment, store, signer=signer) as office:
        for name in NAMES.values():
            streams.create(office, name)
            streams.set_writer(office, name, suite["stranger"].address)
    return suite


@pytest.mark.reorganises
def test_invariants_n1_and_n3_hold_whatever_happens(centre: Suite) -> None:
    """And the examples are worth having: all that can happen did."""

    def example() -> Interactions:
        return Interactions(centre)

    if LONG in os.environ:
        run_state_machine_as_test(example, settings=_profile())
        return
    Interactions.counted.clear()
    run_state_machine_as_test(seed(SEED)(example), settings=_profile())
    missing = EXPECTED - {name for name, count in Interactions.counted.items() if count}
    assert not missing, f"never happened: {sorted(missing)}"


def _profile() -> settings:
    """Always the same examples, few enough for every run of the tests; or as many others as asked for."""
    examples = int(os.environ.get(LONG, "0"))
    return settings(
        max_examples=examples or EXAMPLES,
        stateful_step_count=LONG_STEPS if examples else STEPS,
        database=None,
        deadline=None,
        print_blob=False,
        suppress_health_check=HealthCheck.all(),
    )
