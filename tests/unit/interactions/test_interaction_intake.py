"""Intake: each record accepted once, in order, numbered and chained; what is refused, and what is left.

accepted: in order, roots by hand, bytes as received · customers: reference, id, new, anonymous · two streams
├── in chunks of any size, with any number of callers at hand: the same
└── progress
repeated: again, in a later chunk, in the same chunk
erased since: neither repeated nor refused, alone or in a file
refused: the same id with other bytes, as long or not, there or in the file · somebody erased, here or on the
│   chain · in the future · what the reader refuses
├── the file is left out whole, and nothing of it stays
└── keeping going, the rest is taken, and taken for good chunk by chunk
problems: in order, 100 at most
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select
from support.defaults import START
from support.queued import accepted, call, prove_queue, queue_rows
from support.suite import Suite

from troth.errors import BadInput, Problem
from troth.identity import erasure, subjects
from troth.interactions import callers, intake, streams
from troth.interactions.formats import Received
from troth.interactions.intake import Added, add
from troth.office import Office
from troth.store import schema
from troth.store.subjects import SubjectRow, add_subjects

GONE = "0x" + "17" * 32
"""Somebody erased, where a test has `gone`."""
BAD = Problem("calls.jsonl", 7, "id", None, "not a record")


@pytest.fixture
def calls(office: Office) -> Office:
    """An office with two streams."""
    streams.create(office, "calls")
    streams.create(office, "mails")
    return office


@pytest.fixture(params=[4_000, 3, 1])
def chunked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """So many rows a chunk."""
    monkeypatch.setattr(intake, "_ROWS", request.param)
    return int(request.param)


@pytest.fixture
def gone(calls: Office) -> None:
    """Somebody erased long ago."""
    row = SubjectRow(b"\x17" * 32, None, None, None, START, START)
    with calls.store.writing() as connection:
        add_subjects(connection, [row])


def subject_of(office: Office, ref: str) -> bytes:
    """A customer's subject."""
    return subjects.resolve(office, ref)


def count_subjects(office: Office) -> int:
    """How many there are."""
    with office.store.reading() as connection:
        return connection.execute(select(func.count()).select_from(schema.subjects)).scalar_one()


# --- accepted


def test_records_are_accepted_in_order_with_their_bytes_n1(calls: Office, chunked: int) -> None:
    """Each subject's are numbered and chained, whatever the chunks; roots are worked out by hand."""
    given = [call(n, f"C-{n % 3}", text="Zoë", deep={"a": [1, "b"], "c": {}}) for n in range(10)]
    assert add(calls, "calls", given) == Added(10, 0, 0, 0, ())
    held = prove_queue(calls)
    assert [raw for _, raw in held] == [one.raw for one in given]
    assert [who for who, _ in held] == [subject_of(calls, f"C-{n % 3}") for n in range(10)]
    assert [row.start for row in queue_rows(calls)] == [START + n for n in range(10)]
    assert {row.kind for row in queue_rows(calls)} == {"json"}


def test_later_files_go_on_where_the_queue_ends(calls: Office) -> None:
    """In another session, with the chains of the one before."""
    for first in (0, 4, 8):
        done = add(calls, "calls", [call(n, f"C-{n % 2}") for n in range(first, first + 4)])
        assert (done.accepted, accepted(calls)) == (4, first + 4)
    prove_queue(calls)


def test_streams_are_apart(calls: Office) -> None:
    """Each has its own indexes, numbers and ids; the subjects are the same."""
    for name in ("calls", "mails"):
        assert add(calls, name, [call(n, "C-1") for n in range(3)]).accepted == 3
    assert [who for who, _ in prove_queue(calls, 1)] == [who for who, _ in prove_queue(calls, 2)]


def test_customers_are_known_by_reference_and_by_id(calls: Office) -> None:
    """However each is written; of one chain, in one chunk and after."""
    known = subjects.new(calls, "C-1").subject
    names = ["C-1", f"0x{known.hex()}", " C-1 ", f"0x{known.hex().upper()}"]
    add(calls, "calls", [call(n, name) for n, name in enumerate(names)])
    add(calls, "calls", [call(9, names[1])])
    assert {who for who, _ in prove_queue(calls)} == {known}
    assert count_subjects(calls) == 1


def test_id_that_is_new_here_is_taken(calls: Office) -> None:
    """Ids are made elsewhere too."""
    add(calls, "calls", [call(1, "0x" + "17" * 32)])
    assert prove_queue(calls)[0][0] == b"\x17" * 32


def test_anonymous_callers_are_subjects_of_their_own(calls: Office) -> None:
    """Without a reference; repeated, they are the same."""
    given = [call(1, None), call(2, None), call(3, "C-1")]
    add(calls, "calls", given)
    assert len({who for who, _ in prove_queue(calls)}) == count_subjects(calls) == 3
    assert add(calls, "calls", given) == Added(0, 3, 0, 0, ())
    assert count_subjects(calls) == 3


@pytest.mark.parametrize("at_hand", [0, 1, 3])
def test_callers_no_longer_at_hand_are_looked_up(
    calls: Office, monkeypatch: pytest.MonkeyPatch, at_hand: int
) -> None:
    """Their chains go on."""
    monkeypatch.setattr(callers, "AT_HAND", at_hand)
    monkeypatch.setattr(intake, "_ROWS", 4)
    add(calls, "calls", [call(n, f"C-{n * n % 7}") for n in range(30)])
    assert len({who for who, _ in prove_queue(calls)}) == 4


def test_long_records_come_few_at_a_time(calls: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk ends with the record that fills it."""
    monkeypatch.setattr(intake, "_BYTES", 1_000)
    told: list[int] = []
    given = [call(n, "C-1", text="x" * 600) for n in range(1, 6)]
    add(calls, "calls", given, progress=told.append)
    assert told == [20, 40, 50]
    prove_queue(calls)


def test_progress_is_told_by_bytes_read(calls: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to the last record of each chunk."""
    monkeypatch.setattr(intake, "_ROWS", 2)
    told: list[int] = []
    add(calls, "calls", [call(1, "C-1"), call(2, "C-2"), BAD, call(5, "C-1")], progress=told.append)
    assert told == [20, 50]


def test_empty_file_is_nothing(calls: Office) -> None:
    """No record, no row of a queue."""
    assert add(calls, "calls", []) == Added(0, 0, 0, 0, ())
    assert (accepted(calls), queue_rows(calls)) == (0, [])


def test_unknown_stream_is_refused(calls: Office) -> None:
    """And those near it are named."""
    with pytest.raises(BadInput, match=r"--stream: 'cals': no such stream; there is calls"):
        add(calls, "cals", [call(1, "C-1")])


# --- repeated


def test_file_again_is_recognised(calls: Office, chunked: int) -> None:
    """Nothing is added, and no subject made; new ones among them are."""
    given = [call(n, f"C-{n}") for n in range(7)]
    add(calls, "calls", given)
    before = queue_rows(calls)
    assert add(calls, "calls", given) == Added(0, 7, 0, 0, ())
    assert queue_rows(calls) == before
    assert add(calls, "calls", [*given[:4], call(50, "C-0"), *given[4:]]) == Added(1, 7, 0, 0, ())
    prove_queue(calls)


def test_record_twice_in_a_file_is_taken_once(calls: Office, chunked: int) -> None:
    """In one chunk or in two."""
    given = [call(1, "C-1"), call(2, "C-1"), call(1, "C-1"), call(3, "C-1"), call(1, "C-1")]
    assert add(calls, "calls", given) == Added(3, 2, 0, 0, ())
    prove_queue(calls)


def test_record_of_somebody_erased_is_told_apart(calls: Office) -> None:
    """What it said cannot be compared any more; the person is not made anew for it, and others are taken."""
    given = [call(1, "C-1"), call(2, "C-2")]
    add(calls, "calls", given)
    erasure.erase(calls, subject_of(calls, "C-1"))
    before = count_subjects(calls)
    assert add(calls, "calls", given) == Added(0, 1, 0, 0, (), erased=1)
    assert count_subjects(calls) == before
    assert add(calls, "calls", [*given, call(5, "C-2")]) == Added(1, 1, 0, 0, (), erased=1)
    with pytest.raises(BadInput, match="no subject has this customer reference"):
        subject_of(calls, "C-1")


def test_erased_id_with_other_content_is_not_called_fine(calls: Office, chunked: int) -> None:
    """A new record of somebody else's under it: not taken, and not said to be there as it is."""
    add(calls, "calls", [call(0, "C-2"), call(1, "C-1")])
    erasure.erase(calls, subject_of(calls, "C-1"))
    other = call(1, "C-2", text="of another customer")
    assert add(calls, "calls", [other, other, call(5, "C-2")]) == Added(1, 0, 0, 0, (), erased=2)
    with pytest.raises(BadInput) as refused:
        intake.append(calls, "calls", other)
    (problem,) = refused.value.problems
    assert problem.reason == "this id is that of #1, which was erased on record: give it an id of its own"
    assert len(prove_queue(calls)) == 4


# --- refused


@pytest.mark.parametrize(
    "more", [{"text": "b"}, {"text": "longer"}, {}], ids=["as long", "longer", "shorter"]
)
def test_known_id_with_other_bytes_is_refused(calls: Office, chunked: int, more: dict[str, Any]) -> None:
    """And where it stands is told; what is there stays."""
    first = call(1, "C-1", text="a")
    add(calls, "calls", [call(8, "C-1"), first])
    before = queue_rows(calls)
    done = add(calls, "calls", [call(9, "C-1"), call(1, "C-1", **more)])
    assert (done.accepted, done.repeated, done.refused, done.left_out) == (0, 0, 1, 1)
    (problem,) = done.problems
    assert (problem.file, problem.line, problem.column, problem.value) == ("calls.jsonl", 1, "id", None)
    assert problem.reason.startswith("this id is that of #1 already, with other content")
    assert queue_rows(calls) == before


def test_id_twice_in_a_file_with_other_bytes_is_refused(
    calls: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the line of the first in the same chunk; one before, not accepted yet, has no index."""
    given = [call(1, "C-1"), replace(call(1, "C-1", text="b"), line=2)]
    done = add(calls, "calls", given)
    assert [one.reason[:37] for one in done.problems] == ["this id is that of line 1 already, wi"]
    unplaced = [replace(one, line=None) for one in given]
    assert "that of another of this file already" in add(calls, "calls", unplaced).problems[0].reason
    monkeypatch.setattr(intake, "_ROWS", 1)
    done = add(calls, "calls", given)
    assert [one.reason[:33] for one in done.problems] == ["this id is that of another of thi"]
    assert queue_rows(calls) == []


def test_somebody_erased_gets_no_new_records(calls: Office, suite: Suite) -> None:
    """Erased here, or by somebody else on the chain; by id, for no reference leads there any more."""
    here, there = subjects.new(calls, "C-1").subject, subjects.new(calls, "C-2").subject
    add(calls, "calls", [call(1, "C-1"), call(2, "C-2")])
    erasure.erase(calls, here)
    suite["compliance"].send(suite.subjects, "erase", there)
    for given in (call(5, f"0x{here.hex()}"), call(6, f"0x{there.hex()}"), call(7, "C-2")):
        (problem,) = add(calls, "calls", [given]).problems
        assert problem.reason == "this subject was erased, and nothing is kept of it any more"
    assert len(prove_queue(calls)) == 3


def test_record_of_the_future_is_refused(calls: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A contact is anchored after it began: else nobody could prove that there was none."""
    monkeypatch.setattr(intake.time, "time", lambda: START + 5.5)
    done = add(calls, "calls", [call(5, "C-1"), call(6, None)], keep_going=True)
    assert (done.accepted, done.refused) == (1, 1)
    assert done.problems[0][:4] == ("calls.jsonl", 6, "start", "2026-01-01T00:00:06Z")


def test_refused_file_leaves_nothing(calls: Office, chunked: int) -> None:
    """No row, no end moved; and the next file has its indexes.

    The random ids made for callers nobody knows stay: they say nothing, and deleting took others' with them.
    """
    add(calls, "calls", [call(1, "C-1")])
    before = queue_rows(calls)
    given = [call(2, "C-1"), call(3, None), call(4, None), BAD, call(5, None), call(6, "C-1")]
    done = add(calls, "calls", given)
    assert done == Added(0, 0, 1, 5, (BAD,))
    assert (queue_rows(calls), accepted(calls)) == (before, 1)
    assert add(calls, "calls", [one for one in given if one is not BAD]).accepted == 5
    prove_queue(calls)


def test_keeping_going_takes_the_rest(calls: Office, gone: None, chunked: int) -> None:
    """In order, without gaps, twins among them."""
    add(calls, "calls", [call(1, "C-1")])
    given = [call(2, "C-1"), BAD, call(1, "C-1", text="b"), call(3, GONE), call(2, "C-1"), call(4, None)]
    done = add(calls, "calls", given, keep_going=True)
    assert (done.accepted, done.repeated, done.refused, done.left_out) == (2, 1, 3, 0)
    assert [raw for _, raw in prove_queue(calls)] == [one.raw for one in (call(1, "C-1"), given[0], given[5])]


def test_twin_of_what_is_refused_is_refused(calls: Office, gone: None) -> None:
    """It is not there, so it is not repeated."""
    done = add(calls, "calls", [call(1, GONE), call(1, GONE)], keep_going=True)
    assert (done.accepted, done.repeated, done.refused) == (0, 0, 2)


def test_problems_come_in_order_and_not_without_end(calls: Office, gone: None) -> None:
    """All are counted, the first 100 told."""
    given: list[Received | Problem] = []
    for n in range(1, 201):
        given.append(call(n, GONE) if n % 2 else BAD._replace(line=n))
    done = add(calls, "calls", given)
    assert (done.refused, len(done.problems)) == (200, 100)
    assert [one.line for one in done.problems] == list(range(1, 101))


def test_reader_that_fails_leaves_nothing(calls: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even keeping going, of the chunk that was not read."""
    monkeypatch.setattr(intake, "_ROWS", 2)

    def broken() -> Iterator[Received]:
        yield from (call(n, "C-1") for n in range(5))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        add(calls, "calls", broken())
    assert (queue_rows(calls), accepted(calls)) == ([], 0)
    with pytest.raises(ZeroDivisionError):
        add(calls, "calls", broken(), keep_going=True)
    assert (len(prove_queue(calls)), accepted(calls)) == (4, 4)


def test_nothing_personal_is_shown() -> None:
    """Neither customer nor words, by what came of a file or a caller at hand."""
    problem = intake._problem(call(1, "C-4711"), "rule")
    assert "4711" not in repr(problem) + repr(call(1, "C-4711"))
