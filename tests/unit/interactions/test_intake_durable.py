"""The queue under bad conditions: drafts count for nothing, and no session gets into another's way.

killed: after any commit, whole file or chunk by chunk: what was accepted stays, the rest goes with the next
readers see no drafts · database error in mid-chunk · full disk · lock lost
two at once: one after the other, or Busy · erased meanwhile: refused from then on
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any

import pytest
from sqlalchemy import delete, event, update
from support.office import Desk
from support.queued import accepted, call, prove_queue, queue_rows

from troth.errors import Busy, DatabaseFailed, Problem
from troth.identity import erasure, subjects
from troth.interactions import callers, history, intake, streams
from troth.interactions.intake import add
from troth.office import Office
from troth.store import Store, schema
from troth.store import interactions as table
from troth.store.subjects import find_subject


class Killed(BaseException):
    """Stands for kill -9: nothing in the product catches it, and nothing is tidied up."""


@pytest.fixture
def calls(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """An office with a stream, taken three rows at a time."""
    streams.create(office, "calls")
    monkeypatch.setattr(intake, "_ROWS", 3)
    return office


def failing(
    real: Callable[..., Any], nth: int, error: BaseException, *, after: bool = False
) -> Callable[..., Any]:
    """The nth call of a function fails, before or after it has done its work."""
    turns = iter(range(1, 1_000))

    def act(*given: Any, **named: Any) -> Any:
        turn = next(turns)
        if turn == nth and not after:
            raise error
        done = real(*given, **named)
        if turn == nth:
            raise error
        return done

    return act


def killed(office: Office, nth: int, monkeypatch: pytest.MonkeyPatch, *, keep_going: bool) -> None:
    """A session killed after its nth commit of rows: nothing of it runs any more."""
    with monkeypatch.context() as patch:
        patch.setattr(intake.Intake, "_save", failing(intake.Intake._save, nth, Killed(), after=True))
        dead = failing(intake._discard, 2, Killed())
        patch.setattr(intake, "_discard", dead)
        with pytest.raises(Killed):
            add(office, "calls", [call(n, f"C-{n % 4}") for n in range(12)], keep_going=keep_going)


@pytest.mark.parametrize("nth", [1, 2, 3, 4])
def test_killed_session_leaves_whole_files_n3(
    calls: Office, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    """All rows are there, or count for nothing; the next session goes on as if there were none."""
    add(calls, "calls", [call(50, "C-1")])
    killed(calls, nth, monkeypatch, keep_going=False)
    assert accepted(calls) == (13 if nth == 4 else 1)
    assert len(queue_rows(calls)) == 1 + 3 * nth
    done = add(calls, "calls", [call(n, f"C-{n % 4}") for n in range(12)])
    assert (done.accepted, done.repeated) == ((0, 12) if nth == 4 else (12, 0))
    assert len(prove_queue(calls)) == 13


@pytest.mark.parametrize("nth", [1, 2, 3, 4])
def test_killed_session_that_keeps_going_leaves_chunks_n3(
    calls: Office, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    """Each that was committed counts."""
    killed(calls, nth, monkeypatch, keep_going=True)
    assert accepted(calls) == 3 * nth == len(prove_queue(calls))
    done = add(calls, "calls", [call(n, f"C-{n % 4}") for n in range(12)])
    assert (done.accepted, done.repeated) == (12 - 3 * nth, 3 * nth)
    assert len(prove_queue(calls)) == 12


def test_drafts_are_nobody_elses(calls: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by index nor by id, nor among a subject's, nor to be amended; deleted a part at a time."""
    add(calls, "calls", [call(50, "C-1")])
    killed(calls, 3, monkeypatch, keep_going=False)
    who = subjects.resolve(calls, "C-1")
    assert [one.index for one in history.of_subject(calls, who)] == [0]
    for name in ("#1", "call-0"):
        with pytest.raises(Exception, match="no such record in calls, which has 1"):
            history.show(calls, "calls", name)
    monkeypatch.setattr(intake, "_DISCARDED", 2)
    with intake.opened(calls, "calls"):
        assert len(queue_rows(calls)) == 1
    prove_queue(calls)


def test_draft_of_a_killed_session_costs_no_other_stream_its_key(
    calls: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A subject new here by its id looks as if made for nobody; what another stream accepted stays."""
    streams.create(calls, "chats")
    given = [call(1, "0x" + "cd" * 32)]
    with monkeypatch.context() as patch:
        patch.setattr(intake.Intake, "_save", failing(intake.Intake._save, 1, Killed(), after=True))
        patch.setattr(table, "accept", lambda *_: None)
        patch.setattr(intake, "_discard", failing(intake._discard, 2, Killed()))
        with pytest.raises(Killed):
            add(calls, "calls", given)
    assert (accepted(calls), len(queue_rows(calls))) == (0, 1)
    assert add(calls, "chats", given).accepted == 1
    assert add(calls, "calls", [call(2, "C-1")]).accepted == 1
    assert prove_queue(calls, 2) == [(b"\xcd" * 32, given[0].raw)]


def test_refused_file_costs_no_other_stream_its_key(desk: Desk, calls: Office) -> None:
    """While it was read, another process added to a second stream."""
    streams.create(calls, "chats")
    given = call(1, "0x" + "cd" * 32)

    def read() -> Iterator[Any]:
        yield from (given, call(2, "C-1"), call(3, "C-1"), call(4, "C-1"))
        with office_beside(desk) as other:
            assert add(other, "chats", [given]).accepted == 1
        yield Problem("calls.jsonl", 5, "id", None, "not a record")

    assert add(calls, "calls", read()).refused == 1
    assert prove_queue(calls, 2) == [(b"\xcd" * 32, given.raw)]


def test_caller_at_hand_whose_key_is_gone_is_made_anew(calls: Office) -> None:
    """Not sealed for: nobody could open it with the key that comes next."""
    who = b"\xcd" * 32
    with intake.opened(calls, "calls") as queue:
        assert queue.append(call(1, f"0x{'ab' * 32}")) == 0
        queue._callers.meet([f"0x{who.hex()}"])
        with calls.store.writing() as connection:
            connection.execute(delete(schema.subjects).where(schema.subjects.c.subject == who))
        assert queue.append(call(2, f"0x{who.hex()}")) == 1
    with calls.store.reading() as connection:
        assert find_subject(connection, who) is not None
    assert len(prove_queue(calls)) == 2


@pytest.mark.parametrize("keep_going", [False, True])
@pytest.mark.parametrize(("step", "nth"), [("add_drafts", 1), ("add_drafts", 3), ("accept", 1)])
def test_database_error_in_mid_chunk_leaves_nothing_of_it(
    calls: Office, monkeypatch: pytest.MonkeyPatch, *, step: str, nth: int, keep_going: bool
) -> None:
    """What was accepted before stays; given again, each record is there once."""
    given = [call(n, f"C-{n % 4}") for n in range(9)]
    error = DatabaseFailed("sqlite://", "disk I/O error")
    with monkeypatch.context() as patch:
        patch.setattr(table, step, failing(getattr(table, step), nth, error))
        with pytest.raises(DatabaseFailed):
            add(calls, "calls", given, keep_going=keep_going)
    assert len(prove_queue(calls)) == (3 * (nth - 1) if keep_going else 0)
    add(calls, "calls", given)
    assert len(prove_queue(calls)) == 9


def test_full_disk_leaves_whole_files(calls: Office) -> None:
    """It fails by name; with space again, the file is taken."""
    add(calls, "calls", [call(1, "C-1")])
    given = [call(n, f"C-{n}", text="x" * 3_000) for n in range(2, 50)]
    with calls.store.writing() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 30}")
    with pytest.raises(DatabaseFailed, match="full"):
        add(calls, "calls", given)
    assert len(prove_queue(calls)) == 1
    with calls.store.writing() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    assert add(calls, "calls", given).accepted == 48
    prove_queue(calls)


def test_lost_lock_stops_the_session(desk: Desk, calls: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a server that restarted: who was let in meanwhile is alone, and what is theirs stays theirs."""
    theirs = [call(n, "C-2", text="another's") for n in range(3, 6)]

    monkeypatch.setattr(Store, "exclusive", lambda _store, _name, patience: nullcontext(patience))
    with ExitStack() as stack:
        let_in: list[intake.Intake] = []

        def given() -> Iterator[Any]:
            yield from (call(n, "C-1") for n in range(6))
            other = stack.enter_context(office_beside(desk))
            let_in.append(stack.enter_context(intake.opened(other, "calls")))
            let_in[0]._take(intake._Chunk(list(theirs)), intake._Tally())  # and not accepted yet
            yield call(6, "C-1")

        with pytest.raises(DatabaseFailed, match="the session that held the queue of stream 1 has ended"):
            add(calls, "calls", given(), keep_going=True)
        let_in[0]._take(intake._Chunk(is_last=True), intake._Tally())
    assert [raw for _, raw in prove_queue(calls)] == [
        *(call(n, "C-1").raw for n in range(3)),
        *(one.raw for one in theirs),
    ]


def test_another_hand_in_the_queue_is_noticed(calls: Office) -> None:
    """A defect, and no record of anybody's is overwritten."""
    with intake.opened(calls, "calls") as queue:
        with calls.store.writing() as connection:
            connection.execute(update(schema.queues).values(accepted=2))
        with pytest.raises(RuntimeError, match="has 2 interactions accepted, and not 0"):
            queue.append(call(1, "C-1"))


@pytest.mark.parametrize("is_back", [True, False])
def test_queue_goes_on_soundly_after_a_failure(
    calls: Office, monkeypatch: pytest.MonkeyPatch, *, is_back: bool
) -> None:
    """Whether the database is back when the failure is cleared away, or only later: no gap in anybody's
    chain, and nothing of what failed.
    """
    error = DatabaseFailed("sqlite://", "disk I/O error")
    with intake.opened(calls, "calls") as queue:
        for take in (lambda one: queue.add([one, call(90, "C-2")]), queue.append):
            with monkeypatch.context() as patch:
                patch.setattr(table, "accept", failing(table.accept, 1, error))
                if not is_back:
                    patch.setattr(intake, "_discard", failing(intake._discard, 1, error))
                with pytest.raises(DatabaseFailed):
                    take(call(1, "C-1"))
            queue.append(call(2 + len(prove_queue(calls)), "C-1"))
    assert [raw for _, raw in prove_queue(calls)] == [call(2, "C-1").raw, call(3, "C-1").raw]
    assert [row.number for row in queue_rows(calls)] == [1, 2]


# --- two at once


def test_two_files_at_once_are_taken_one_after_the_other(desk: Desk, calls: Office) -> None:
    """Each whole, in its order, by two sessions on connections of their own."""
    parts = [[call(n + 100 * part, f"C-{n % 4}") for n in range(30)] for part in range(4)]
    failures: list[BaseException] = []

    def take(part: int) -> None:
        try:
            with office_beside(desk) as office:
                assert add(office, "calls", parts[part]).accepted == 30
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=partial(take, part)) for part in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert failures == []
    held = [raw for _, raw in prove_queue(calls)]
    for part in parts:
        first = held.index(part[0].raw)
        assert held[first : first + 30] == [one.raw for one in part]


@contextmanager
def office_beside(desk: Desk) -> Iterator[Office]:
    """Another office on the same chain and database."""
    settings = desk.office.settings
    with Store.open(settings.database_url) as store:
        yield Office(settings, desk.suite.node, desk.suite.deployment, store)


def test_queue_that_is_not_let_go_of_is_busy(
    desk: Desk, calls: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name, and nothing is changed: by adding, or by erasing; another stream's queue is free."""
    streams.create(calls, "mails")
    add(calls, "calls", [call(0, "C-7")])
    monkeypatch.setattr(intake.table, "hold_queue", partial(table.hold_queue, patience=0.1))
    with office_beside(desk) as other, intake.opened(other, "calls"):
        with pytest.raises(Busy, match="intake-1 in the database sqlite"):
            add(calls, "calls", [call(1, "C-1")])
        with pytest.raises(Busy):
            erasure.erase(calls, subjects.resolve(calls, "C-7"))
        assert add(calls, "mails", [call(1, "C-1")]).accepted == 1
    assert add(calls, "calls", [call(1, "C-1")]).accepted == 1
    assert [raw for _, raw in prove_queue(calls)] == [call(0, "C-7").raw, call(1, "C-1").raw]


def test_subject_erased_meanwhile_is_refused_from_then_on(desk: Desk, calls: Office) -> None:
    """Though the session has its key at hand: what it would seal could never be destroyed."""
    who = subjects.new(calls, "C-1").subject

    def given() -> Iterator[Any]:
        yield from (call(n, f"0x{who.hex()}") for n in range(3))
        yield from (call(n, "C-2") for n in range(3, 6))
        with office_beside(desk) as other, other.store.writing() as connection:
            erasure.table.destroy(connection, who, 1)
        yield from (call(n, f"0x{who.hex()}" if n == 7 else "C-2") for n in range(6, 9))

    done = add(calls, "calls", given(), keep_going=True)
    assert (done.accepted, done.refused) == (8, 1)
    assert done.problems[0].reason.startswith("this subject was erased")
    rows = queue_rows(calls)
    assert [row.position for row in rows] == list(range(8))
    assert [row.number for row in rows if row.subject != who] == [1, 2, 3, 4, 5]


def test_intake_tells_sqlite_to_write_back_seldom(calls: Office) -> None:
    """Pages whose digests change often stay in memory."""
    add(calls, "calls", [call(1, "C-1")])
    with calls.store.writing() as connection:
        assert connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar() == table._LOG_PAGES
        assert connection.exec_driver_sql("PRAGMA cache_size").scalar() == -table._CACHE_KIB


def test_chunks_leave_nothing_in_memory(calls: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the file's size: not even what only the garbage collector, which is paused, would take."""
    monkeypatch.setattr(callers, "AT_HAND", 0)
    counts: list[int] = []
    given = [call(n, f"C-{n}") for n in range(180)]
    add(calls, "calls", given, progress=lambda _: counts.append(tracked()))
    assert len(counts) == 60
    assert counts[-1] - counts[19] < 400  # forty chunks of new customers leave more than a hundred each


def tracked() -> int:
    """How many objects the garbage collector knows."""
    return len(gc.get_objects())


def test_chunk_takes_no_query_a_row(calls: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times the records take a few statements more."""
    monkeypatch.setattr(intake, "_ROWS", 4_000)
    counts = []
    for first, many in ((0, 400), (1_000, 40)):
        statements: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any, to: list[str] = statements) -> None:
            to.append(statement)

        event.listen(calls.store._engine, "before_cursor_execute", note)
        add(calls, "calls", [call(n, f"C-{n}") for n in range(first, first + many)])
        event.remove(calls.store._engine, "before_cursor_execute", note)
        counts.append(len(statements))
    assert counts[0] < counts[1] + 10 < 60
