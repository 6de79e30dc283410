"""Erasing a subject's interactions: secrets and bytes go, the leaves stay, and each stream says so.

erased: all of theirs, nobody else's · in each stream one record more, chained, sealed by nobody's key
├── again, killed at any step and run again: the same, once
├── no interactions: nothing added, no key asked for
├── in every file of the database no trace
└── a stream that gets its first record of them meanwhile is erased too
held: refused while any stream of theirs is, by name, nothing destroyed · released, or of others: erased
└── put meanwhile, on a stream met or waited for only then: refused too
dossier: lists them, before and after
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.office import Desk
from support.queued import accepted, call, prove_queue, queue_rows

from troth.errors import BadInput, DatabaseFailed
from troth.identity import erasure, subjects
from troth.identity.dossier import dossier
from troth.interactions import batches, history, intake, streams
from troth.interactions.formats import reread
from troth.interactions.intake import add
from troth.office import Office
from troth.store import interactions as table


class Killed(BaseException):
    """Stands for kill -9: nothing in the product catches it."""


@pytest.fixture
def calls(office: Office) -> Office:
    """Two streams with records of C-1 and C-2, a third with those of C-2 alone."""
    for name in ("calls", "mails", "chats"):
        streams.create(office, name)
    add(office, "calls", [call(n, f"C-{n % 2 + 1}", text=f"secret words {n}") for n in range(6)])
    add(office, "mails", [call(n, "C-1", text=f"secret words {n}") for n in range(3)])
    add(office, "chats", [call(7, "C-2")])
    return office


@pytest.fixture
def who(calls: Office) -> bytes:
    """C-1."""
    return subjects.resolve(calls, "C-1")


def erasures(office: Office) -> list[tuple[int, int]]:
    """Stream and number of every record of an erasure."""
    return [
        (row.stream, row.number) for n in (1, 2, 3) for row in queue_rows(office, n) if row.kind == "erasure"
    ]


def test_erasure_destroys_and_is_recorded_last(desk: Desk, calls: Office, who: bytes) -> None:
    """In each stream that has any; the others' stay as they were, and so do all the roots."""
    before = {n: queue_rows(calls, n) for n in (1, 2, 3)}
    done = erasure.erase(calls, who)
    for number in (1, 2):
        held = prove_queue(calls, number)
        rows = queue_rows(calls, number)
        assert [row._replace(sealed=None) if row.subject == who else row for row in before[number]] == rows[
            :-1
        ]
        assert (rows[-1].subject, rows[-1].kind, rows[-1].number) == (who, "erasure", 4)
        assert rows[-1].start == rows[-1].accepted_at
        assert held[-1] == (who, held[-1][1]) and who.hex().encode() in held[-1][1]
    assert queue_rows(calls, 3) == before[3]
    assert erasures(calls) == [(1, 4), (2, 4)]
    told = {one.what: one.why for one in done.remains}
    assert told["start, stream and record of 8 interactions, the erasure among them"].startswith(
        "hashes whose"
    )
    content = b"".join(Path(one).read_bytes() for one in desk.home.glob("troth.db*"))
    assert all(row.sealed[:16] not in content for row in before[2])


def test_record_of_an_erasure_is_read_again_from_its_bytes(calls: Office, who: bytes) -> None:
    """Its source, subject, start and count of records, as any record's."""
    erasure.erase(calls, who)
    row, (_, raw) = queue_rows(calls, 1)[-1], prove_queue(calls, 1)[-1]
    again = reread("erasure", raw)
    subject = subjects.format_subject(who)
    assert (again.kind, again.source, again.customer) == ("erasure", f"erasure of {subject}", subject)
    assert again.start == row.start
    assert again.fields["/records"] == "3"


def test_erasing_again_adds_nothing(calls: Office, who: bytes) -> None:
    """It was the subject's last."""
    erasure.erase(calls, who)
    before = [queue_rows(calls, n) for n in (1, 2, 3)]
    assert erasure.erase(calls, who).already
    assert [queue_rows(calls, n) for n in (1, 2, 3)] == before


STEPS = (
    (table, "hold_queue"),
    (erasure.table, "destroy"),
    (table, "destroy_interactions"),
    (intake, "record_erasure"),
    (table, "accept"),
    (erasure.table, "overwrite"),
    (erasure, "_record"),
)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("module", "step"), STEPS, ids=[step for _, step in STEPS])
def test_killed_erasure_is_finished_and_recorded_once(
    calls: Office, *, who: bytes, module: Any, step: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever step it was killed at."""
    real = getattr(module, step)

    def killed(*given: Any, **named: Any) -> None:
        if when == "after":
            real(*given, **named)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(module, step, killed)
        with pytest.raises(Killed):
            erasure.erase(calls, who)
    erasure.erase(calls, who)
    for number in (1, 2):
        prove_queue(calls, number)
        theirs = [row for row in queue_rows(calls, number) if row.subject == who]
        assert [row.sealed is None for row in theirs] == [True] * 3 + [False]
    assert erasures(calls) == [(1, 4), (2, 4)]


def test_drafts_of_a_killed_session_go_first(calls: Office, who: bytes) -> None:
    """They were never accepted: the erasure stands where they stood."""
    with intake.opened(calls, "mails") as queue:
        queue._take(intake._Chunk([call(8, "C-1"), call(9, "C-2")]), intake._Tally())
    assert (len(queue_rows(calls, 2)), accepted(calls, 2)) == (5, 3)
    erasure.erase(calls, who)
    prove_queue(calls, 2)
    assert [row.kind for row in queue_rows(calls, 2)] == ["json"] * 3 + ["erasure"]


def test_first_record_in_a_stream_meanwhile_is_erased_too(
    calls: Office, who: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It came after the streams were looked up, and before anything was destroyed."""
    real, streams_closed = intake.closed, list[int]()

    def closed(store: Any, stream: int) -> Any:
        if not streams_closed:
            add(calls, "chats", [call(50, "C-1")])
        streams_closed.append(stream)
        return real(store, stream)

    monkeypatch.setattr(intake, "closed", closed)
    erasure.erase(calls, who)
    assert streams_closed == [1, 2, 1, 2, 3]  # all of them once more, and nothing was done without
    assert erasures(calls) == [(1, 4), (2, 4), (3, 2)]
    assert [row.sealed is None for row in queue_rows(calls, 3)] == [False, True, False]


def test_subject_without_interactions_leaves_no_record(
    calls: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does erasing take the vault's key then."""
    monkeypatch.setattr(erasure.Vault, "of", None)
    plain = calls.store
    with plain.reading() as connection:
        assert table.ends_of(connection, b"\x17" * 32) == []
    monkeypatch.undo()
    other = subjects.new(calls, "C-9").subject
    monkeypatch.setattr(erasure.Vault, "of", None)
    erasure.erase(calls, other)
    assert erasures(calls) == []


def test_anchored_records_stay_provable_by_their_roots(calls: Office, who: bytes) -> None:
    """What was anchored is what it was; the erasure goes into the next batch."""
    batches.anchor(calls, "calls")
    before = [row.record for row in queue_rows(calls)]
    erasure.erase(calls, who)
    assert [row.record for row in queue_rows(calls)][:6] == before
    (done,) = batches.anchor(calls, "calls")
    assert (done.first, done.count) == (6, 1)


# --- held


def test_legal_hold_forbids_erasing(desk: Desk, calls: Office, who: bytes) -> None:
    """Of anything of the subject's, whatever other streams say; nothing is destroyed, and it is told why."""
    streams.hold(calls, "mails", "Smith v. Acme")
    before = [queue_rows(calls, n) for n in (1, 2)]
    with pytest.raises(BadInput) as refused:
        erasure.erase(calls, who)
    (problem,) = refused.value.problems
    assert problem.file == "SUBJECT"
    assert problem.reason.startswith("stream mails is under legal hold and has interactions of this subject")
    assert "Smith" not in str(refused.value)
    assert [queue_rows(calls, n) for n in (1, 2)] == before
    assert subjects.reference_of(calls, who) == "C-1"
    assert desk.suite.subjects.call("erasedAt", who) == 0
    streams.hold(calls, "calls", "another")
    with pytest.raises(BadInput) as refused:
        erasure.erase(calls, who)
    assert len(refused.value.problems) == 2


def when_let_in(patch: pytest.MonkeyPatch, told: Callable[[int, int], int]) -> None:
    """Asks `told`, of each stream whose queue is had and of the turn, what is taken for the turn."""
    real = intake.closed

    @contextmanager
    def closed(store: Any, stream: int) -> Iterator[int]:
        with real(store, stream) as turn:
            yield told(stream, turn)

    patch.setattr(intake, "closed", closed)


def test_hold_on_a_stream_met_meanwhile_forbids_erasing(
    calls: Office, who: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It got its first record of the subject after the streams were asked for their holds."""
    real = intake.closed

    def closed(store: Any, stream: int) -> Any:
        monkeypatch.setattr(intake, "closed", real)
        streams.hold(calls, "chats", "Smith v. Acme")
        add(calls, "chats", [call(50, "C-1")])
        return real(store, stream)

    monkeypatch.setattr(intake, "closed", closed)
    with pytest.raises(BadInput, match="stream chats is under legal hold"):
        erasure.erase(calls, who)
    assert [row.sealed is None for row in queue_rows(calls, 1)] == [False] * len(queue_rows(calls, 1))
    assert erasures(calls) == []


def test_hold_put_while_a_queue_is_waited_for_forbids_erasing(
    calls: Office, who: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever adds may keep the queue for long, and destroying cannot be taken back."""

    def hold(stream: int, turn: int) -> int:
        if stream == 2:
            streams.hold(calls, "mails", "Smith v. Acme")
        return turn

    before = [queue_rows(calls, n) for n in (1, 2)]
    when_let_in(monkeypatch, hold)
    with pytest.raises(BadInput, match="stream mails is under legal hold"):
        erasure.erase(calls, who)
    assert [queue_rows(calls, n) for n in (1, 2)] == before
    assert subjects.reference_of(calls, who) == "C-1"


def test_hold_is_told_of_before_any_queue_is_waited_for(
    calls: Office, who: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is a killed session's draft discarded for nothing."""
    monkeypatch.setattr(intake, "closed", lambda *_: pytest.fail("waited"))
    streams.hold(calls, "mails", "Smith v. Acme")
    with pytest.raises(BadInput, match="stream mails is under legal hold"):
        erasure.erase(calls, who)


def test_erasure_stops_where_it_lost_a_queue(
    calls: Office, who: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody was let in, and may be adding: nothing is destroyed, and it can be run again."""
    before = [queue_rows(calls, n) for n in (1, 2)]
    with monkeypatch.context() as patch:
        when_let_in(patch, lambda stream, turn: turn - (stream == 2))
        with pytest.raises(DatabaseFailed, match="the session that held the queue of stream 2 has ended"):
            erasure.erase(calls, who)
    assert [queue_rows(calls, n) for n in (1, 2)] == before
    erasure.erase(calls, who)
    assert erasures(calls) == [(1, 4), (2, 4)]


def test_released_hold_forbids_nothing(calls: Office, who: bytes) -> None:
    """Once all matters have let go."""
    for matter in ("one", "two"):
        streams.hold(calls, "mails", matter)
    streams.release(calls, "mails", "one")
    with pytest.raises(BadInput, match="legal hold"):
        erasure.erase(calls, who)
    streams.release(calls, "mails", "two")
    erasure.erase(calls, who)
    assert erasures(calls) == [(1, 4), (2, 4)]


def test_hold_on_others_streams_forbids_nothing(calls: Office, who: bytes) -> None:
    """Nor does one that came after all was destroyed."""
    streams.hold(calls, "chats", "one")
    erasure.erase(calls, who)
    streams.hold(calls, "mails", "one")
    assert erasure.erase(calls, who).already


# --- dossier


def test_dossier_lists_interactions(calls: Office, who: bytes) -> None:
    """As they are listed elsewhere, and where they are kept; after the erasure what is left."""
    found = dossier(calls, who)
    assert list(found.interactions) == history.of_subject(calls, who)
    assert [(one.stream, one.index) for one in found.interactions][-1] == ("mails", 2)
    assert calls.deployment.addresses["Streams"] in found.kept["interactions"]
    erasure.erase(calls, who)
    assert [one.is_erased for one in dossier(calls, who).interactions] == [True] * 3 + [False] + [
        True
    ] * 3 + [False]
