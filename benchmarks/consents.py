"""What a subject allows, read from an index of a million decisions, beside a row read by its primary key."""

from __future__ import annotations

import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, bindparam, select

from benchmarks.figures import Budget, Figure
from troth.consent.decisions import Basis, Method, State
from troth.consent.status import answers
from troth.consent.timeline import Question
from troth.store import Store, insert_rows, schema
from troth.store.decisions import every_decision

__all__ = ["measure"]

DECISIONS_EACH = 10
PURPOSES = tuple(
    f"https://w3id.org/dpv#{name}"
    for name in (
        "Marketing",
        "ServiceProvision",
        "FraudPreventionAndDetection",
        "Personalisation",
        "Advertising",
    )
)
RECIPIENTS = tuple(f"urn:troth:recipient:partner-{number}" for number in range(5))
CATEGORIES = tuple(f"https://w3id.org/dpv/pd#{name}" for name in ("Contact", "Health", "Location"))
SIDES = ("ni:///sha-256;n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg", "https://w3id.org/dpv/loc#DE")
IRIS = (*PURPOSES, *RECIPIENTS, *CATEGORIES, *SIDES)
NUMBERS = {iri: number for number, iri in enumerate(IRIS, 1)}
START = 1_767_225_600
WIDE = 0.15  # of the places in a scope stand for all


@dataclass(frozen=True)
class Asked:
    """A question about a decision on record, and the decision's primary key."""

    subject: bytes
    question: Question
    key: dict[str, Any]


def measure(*, quick: bool) -> list[Figure]:
    """Status of a whole question and of a whole subject. About two minutes, most of it filling the index."""
    subjects, questions = (1_000, 500) if quick else (100_000, 20_000)
    source = random.Random(8)
    with _store() as store:
        filling = _fill(store, source, subjects)
        with store.reading() as connection:
            asked = _asked(connection, source, questions)
            whole, theirs = _timed(connection, asked, lambda one: one.question)
            part, again = _timed(connection, asked[: questions // 4], lambda _: Question())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    size = f"{subjects * DECISIONS_EACH:,} decisions over {subjects:,} subjects, SQLite"
    conditions = (
        f"{size}, {questions:,} questions in random order, each followed by its rival on another subject; "
        f"filled in {filling:.0f} s; the process took {memory} MB at most"
    )
    command = f"python -m benchmarks consents{' --quick' if quick else ''}"
    figures = [
        ("one question, p50", whole, theirs, 0.5, None),
        ("one question, p99", whole, theirs, 0.99, None if quick else Budget(3)),
        ("all of a subject, p50", part, again, 0.5, None),
        ("all of a subject, p99", part, again, 0.99, None),
    ]
    return [
        Figure(
            "microseconds",
            f"status, {what}",
            _quantile(ours, share),
            "SELECT by primary key",
            _quantile(rival, share),
            budget,
            conditions,
            command,
        )
        for what, ours, rival, share, budget in figures
    ]


@contextmanager
def _store() -> Iterator[Store]:
    """An empty index; it vanishes afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="troth-bench-") as folder,
        Store.open(f"sqlite:///{Path(folder) / 'index.db'}") as store,
    ):
        yield store


def _timed(
    connection: Connection, asked: Sequence[Asked], question: Callable[[Asked], Question]
) -> tuple[list[int], list[int]]:
    """Nanoseconds of each status, and of each row read by its key, turn by turn."""
    decisions, now = schema.decisions, START + 10**7
    by_key = select(decisions)
    for column in decisions.primary_key:
        by_key = by_key.where(column == bindparam(column.name))
    ours, theirs = [], []
    half = len(asked) // 2
    for one, other in zip(asked, [*asked[half:], *asked[:half]], strict=True):
        begun = time.perf_counter_ns()
        found = answers(connection, one.subject, question(one), at=now, known=now)
        between = time.perf_counter_ns()
        row = connection.execute(by_key, other.key).one()
        ended = time.perf_counter_ns()
        ours.append(between - begun)
        theirs.append(ended - between)
        assert found
        assert row.subject == other.subject
    return ours, theirs


def _fill(store: Store, source: random.Random, subjects: int) -> float:
    """Puts the decisions into the index; seconds."""
    begun = time.perf_counter()
    with store.writing() as connection:
        terms = ((0, log, bytes(32), number, iri) for log, (iri, number) in enumerate(NUMBERS.items()))
        insert_rows(connection, schema.terms, terms)
        insert_rows(connection, schema.decisions, _rows(source, subjects))
    return time.perf_counter() - begun


def _rows(source: random.Random, subjects: int) -> Iterator[tuple[Any, ...]]:
    """Made-up decisions, a subject's ten far from one another in time."""
    log = 0
    for subject in sorted(source.randbytes(32) for _ in range(subjects)):
        count: dict[tuple[int, ...], int] = {}
        for turn in range(DECISIONS_EACH):
            scope = tuple(
                0 if source.random() < WIDE else NUMBERS[source.choice(iris)]
                for iris in (PURPOSES, RECIPIENTS, CATEGORIES)
            )
            count[scope] = count.get(scope, 0) + 1
            log += 1
            state = source.choice((State.GIVEN, State.GIVEN, State.RENEWED, State.WITHDRAWN))
            at = START + turn * 10**5 + source.randrange(10**5)
            nature = (int(state), int(Basis.CONSENT), int(Method.WEB_FORM))
            sides = (0, 0, NUMBERS[SIDES[0]], NUMBERS[SIDES[1]], 0)
            ends = (source.randbytes(20), source.randbytes(32))
            block = (1 + log // 200, log % 200, source.randbytes(32))
            yield (*block, subject, *scope, count[scope], *nature, at, at, *sides, *ends)


def _asked(connection: Connection, source: random.Random, count: int) -> list[Asked]:
    """Questions about decisions picked evenly from all, in random order."""
    names = [column.name for column in schema.decisions.primary_key]
    found = []
    for row in _picked(connection, source, count):
        places = zip(
            (row.purpose, row.recipient, row.category), (PURPOSES, RECIPIENTS, CATEGORIES), strict=True
        )
        terms = (IRIS[number - 1] if number else source.choice(iris) for number, iris in places)
        key = {name: getattr(row, name) for name in names}
        found.append(Asked(row.subject, Question(*terms), key))
    source.shuffle(found)
    return found


def _picked(connection: Connection, source: random.Random, count: int) -> list[Any]:
    """That many decisions, or all if there are fewer."""
    kept: list[Any] = []
    for total, row in enumerate(every_decision(connection), 1):
        if len(kept) < count:
            kept.append(row)
        elif (place := source.randrange(total)) < count:
            kept[place] = row
    return kept


def _quantile(nanoseconds: Sequence[int], share: float) -> float:
    """Microseconds that this share took no longer than."""
    return sorted(nanoseconds)[int(share * (len(nanoseconds) - 1))] / 1_000
