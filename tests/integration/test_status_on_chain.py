"""The index and the chain give the same answers, on thousands of random histories, times and questions."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

import pytest
from support import Suite
from support.consents import (
    AGENCY,
    BASES,
    CLOSING,
    CONTACT,
    DENIALS,
    ELSEWHERE,
    GERMANY,
    GRANTS,
    HEALTH,
    INSURER,
    INVALIDATED,
    IRIS,
    MARKETING,
    NOTICE,
    OPERATOR_STATES,
    SERVICE,
    Entry,
    Record,
    correct,
    defined,
    erase,
)
from support.defaults import DAY
from support.office import desk_of

from troth.consent.status import answers, status
from troth.consent.timeline import Question
from troth.office import Office

PLACES = ((0, MARKETING, SERVICE), (0, INSURER, AGENCY), (0, HEALTH, CONTACT))
CLAIMS = tuple(f"urn:troth:claim:{number}" for number in range(2, 8))
EVENTS = tuple(range(CLOSING, CLOSING + 1 + len(CLAIMS)))
SUBJECTS, ROUNDS, A_ROUND, QUESTIONS = 40, 27, 45, 5_000
STATE_NAMES = dict(
    enumerate(
        ("requested", "given", "renewed", "refused", "withdrawn", "revoked", "expired", "invalidated"), 1
    )
)


class World(NamedTuple):
    """What was made up, and the times at which something about it changes."""

    office: Office
    subjects: list[bytes]
    times: list[int]
    decisions: int


class Author:
    """Makes up histories, and remembers what can be corrected."""

    def __init__(self, suite: Suite, source: random.Random) -> None:
        self.suite, self.source = suite, source
        self.subjects = [source.randbytes(32) for _ in range(SUBJECTS)]
        self.waiting = list(EVENTS)
        self.times: set[int] = set()
        self.counts: dict[tuple[bytes, tuple[int, ...]], int] = {}
        self.corrected: set[tuple[bytes, tuple[int, ...], int]] = set()

    def record(self, count: int) -> None:
        """Records that many decisions in one transaction."""
        records = []
        for _ in range(count):
            subject, entry = self.source.choice(self.subjects), self.entry()
            records.append(Record(subject, entry.word, self.source.randbytes(32)))
            self.keep(subject, entry)
        self.suite["operator"].send(self.suite.consents, "recordFor", records)

    def correct(self) -> None:
        """Corrects some decision that stands uncorrected, be it a correction itself."""
        (subject, scope), count = self.source.choice(list(self.counts.items()))
        number = self.source.randint(1, count)
        if (subject, scope, number) in self.corrected:
            return
        self.corrected.add((subject, scope, number))
        entry = self.entry()._replace(**dict(zip(Entry._fields[:3], scope, strict=True)))
        if not entry.by_event:
            entry = entry._replace(state=self.source.choice((INVALIDATED, entry.state)))
        correct(self.suite, entry, number, subject)
        self.keep(subject, entry)

    def happen(self) -> None:
        """Lets the next expiry event have happened within the last two days."""
        event = self.waiting.pop()
        at = self.source.randint(self.suite.clock.now - 2 * DAY, self.suite.clock.now)
        self.suite["operator"].send(self.suite.consents, "recordExpiryEvent", event, at)
        self.times.add(at)

    def entry(self) -> Entry:
        """Any decision that an operator can record now, many late, some to end with what is to come."""
        source, now = self.source, self.suite.clock.now
        effective = source.choice((0, now, source.randint(now - 3 * DAY, now)))
        entry = Entry(
            *(source.choice(place) for place in PLACES),
            notice=source.choice((0, NOTICE)),
            jurisdiction=source.choice((0, GERMANY)),
            effective=effective,
            expires=source.choice((0, 0, (effective or now) + source.randint(1, 2 * DAY))),
            method=source.choice(ELSEWHERE),
            basis=source.choice(BASES),
            state=source.choice((*GRANTS * 3, *DENIALS, *OPERATOR_STATES)),
        )
        if entry.state in GRANTS and source.random() < 0.4:
            return entry._replace(by_event=1, expires=source.choice(self.waiting))
        return entry

    def keep(self, subject: bytes, entry: Entry) -> None:
        """Remembers a decision, and when it changes anything."""
        place = (subject, entry.scope)
        self.counts[place] = self.counts.get(place, 0) + 1
        self.times |= {self.suite.clock.now, entry.effective, 0 if entry.by_event else entry.expires} - {0}


@pytest.fixture
def world(suite: Suite, tmp_path: Path) -> Iterator[World]:
    """Late entries, corrections, expiry by date and by event, wider scopes and erasures, hours apart."""
    author = Author(suite, random.Random(27))
    defined(suite, (*IRIS, *CLAIMS))
    for number in range(ROUNDS):
        suite.clock.move_by(author.source.randint(600, 4 * 3_600))
        author.record(A_ROUND)
        for _ in range(3):
            author.correct()
        if number % 5 == 1:  # fewer than there are: some never happen
            author.happen()
        if number % 6 == 5:
            erase(suite, author.subjects[number])
    with desk_of(suite, tmp_path / "desk") as desk:
        desk.office.sync()
        yield World(desk.office, author.subjects, sorted(author.times), sum(author.counts.values()))


def moment(seconds: int) -> datetime:
    """A time from UTC seconds."""
    return datetime.fromtimestamp(seconds, timezone.utc)


def times(world: World, source: random.Random) -> tuple[int, int]:
    """When, and as known when: at a change, a second beside one, or anywhere; never ahead."""
    now = int(world.office.now().timestamp())

    def one() -> int:
        return min(now, source.choice((now, source.choice(world.times) + source.randint(-1, 1))))

    return one(), one()


def test_index_answers_thousands_of_questions_as_the_contract_does_k2_k6(world: World) -> None:
    """Whole questions: permitted, settling key and number by `permissionAt`, states by `statusAt`."""
    source = random.Random(5)
    asked = []
    with world.office.store.reading() as connection:
        for _ in range(QUESTIONS):
            subject, scope = source.choice(world.subjects), [source.choice(place) for place in PLACES]
            at, known = times(world, source)
            question = Question(*(IRIS[term - 1] if term else "*" for term in scope))
            (answer,) = answers(connection, subject, question, at=at, known=known)
            asked.append((subject, scope, at, known, answer))
    contract = world.office.contract("ConsentRegistry")
    permissions = contract.call_many(
        [("permissionAt", (subject, *scope, at, known)) for subject, scope, at, known, _ in asked]
    )
    settled = [one for one in asked if one[-1].decision is not None]
    keys = [bytes.fromhex(answer.decision[2:66]) for *_, answer in settled]
    states = contract.call_many(
        [("statusAt", (key, at, known)) for key, (_, _, at, known, _) in zip(keys, settled, strict=True)]
    )
    for (*_, answer), permission in zip(asked, permissions, strict=True):
        assert answer.permitted == permission.permitted
        if permission.number and answer.erased is None:
            assert answer.decision == f"0x{permission.key.hex()}#{permission.number}"
    for (*_, answer), status_ in zip(settled, states, strict=True):
        assert answer.decision.endswith(f"#{status_.decision.number}")
        assert STATE_NAMES[status_.state] == answer.state
        assert answer.recorded == moment(status_.decision.recorded)
    found = [answer for *_, answer in asked]
    # Luck must not have made it easy: every kind of answer is among them.
    assert {one.state for one in found} == {*STATE_NAMES.values(), "unknown"}
    assert {(one.permitted, one.erased is None) for one in found} == {
        (True, True),
        (False, True),
        (False, False),
    }
    assert sum(one.permitted for one in found) > QUESTIONS // 10
    assert any(one.expiry_event and one.state == "expired" for one in found)
    assert any(one.corrects for one in found)


def test_onchain_answers_are_the_index_s_to_the_letter(world: World) -> None:
    """Questions with any places left out, evidence, notices and transactions included."""
    source = random.Random(6)
    count = 0
    for _ in range(120):
        subject = source.choice(world.subjects)
        terms = [
            source.choice((None, None, "*", *(IRIS[term - 1] for term in place if term))) for place in PLACES
        ]
        at, known = (moment(one) for one in times(world, source))
        question = dict(zip(("purpose", "recipient", "category"), terms, strict=True))
        ours = status(world.office, subject, **question, at=at, known=known)
        assert ours == status(world.office, subject, **question, at=at, known=known, onchain=True)
        count += len(ours)
    assert count > 400
