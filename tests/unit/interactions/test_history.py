"""Interactions as they are shown: one, by id or index, with what it follows on; all of a subject's."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from support.defaults import START
from support.queued import call, queue_rows

from troth.errors import BadInput, DatabaseFailed
from troth.identity import erasure, subjects
from troth.interactions import batches, formats, history, streams
from troth.interactions.intake import add, amend
from troth.office import Office
from troth.store import schema

CDR = "uniqueid,start,src,dst\n1700.1,2026-01-03 10:00:00,+49301234,100\n"


@pytest.fixture
def calls(office: Office) -> Office:
    """Two streams; C-1 has two records in one, the second amending the first, and one in the other."""
    for name in ("calls", "mails"):
        streams.create(office, name)
    add(office, "calls", [call(0, "C-1", text="Zoë"), call(1, "C-2")])
    amend(office, "calls", 0, call(2, "C-1"))
    add(office, "mails", [call(0, "C-1")])
    return office


def test_interaction_is_shown_with_what_it_says(calls: Office) -> None:
    """By id and by index; its fields and its bytes."""
    found = history.show(calls, "calls", "call-0")
    assert found == history.show(calls, "calls", "#0")
    one, row = found.interaction, queue_rows(calls)[0]
    assert (one.stream, one.index, one.source, one.number) == ("calls", 0, "call-0", 1)
    assert one.start == datetime.fromtimestamp(START, timezone.utc)
    assert one.accepted_at == datetime.fromtimestamp(row.accepted_at, timezone.utc)
    assert (one.subject, one.record, one.kind) == (subjects.resolve(calls, "C-1"), row.record, "json")
    assert (found.raw, one.size) == (call(0, "C-1", text="Zoë").raw, len(found.raw or b""))
    assert found.fields["/text"] == '"Zoë"'
    assert (found.previous, one.amends, one.is_erased) == (None, None, False)
    assert "Zoë" not in repr(found) and "call-0" not in repr(found)


def test_lineage_is_shown_both_ways(calls: Office) -> None:
    """What amends a record, and what it amends; others of the subject are neither."""
    amend(calls, "calls", 0, call(3, "C-1"))
    amend(calls, "calls", 2, call(4, "C-1"))
    shown = [history.show(calls, "calls", f"#{n}").interaction for n in range(5)]
    assert [one.amends for one in shown] == [None, None, 0, 0, 2]
    assert [one.amended_by for one in shown] == [(2, 3), (), (4,), (), ()]
    assert history.show(calls, "calls", "#2").previous == shown[0].record


def test_batch_is_shown_once_it_is_anchored(calls: Office) -> None:
    """Until then it waits, closed or not."""
    batches.close(calls.store, 1, count=3, age=3600, everything=False)
    assert history.show(calls, "calls", "#0").interaction.batch is None
    batches.anchor(calls, "calls")
    add(calls, "calls", [call(9, "C-1")])
    assert [history.show(calls, "calls", name).interaction.batch for name in ("#2", "#3")] == [1, None]


def test_all_of_a_subject_are_listed_by_stream_and_number(calls: Office) -> None:
    """And nobody else's; the customer's reference is in none."""
    found = history.of_subject(calls, subjects.resolve(calls, "C-1"))
    assert [(one.stream, one.index, one.number, one.source) for one in found] == [
        ("calls", 0, 1, "call-0"),
        ("calls", 2, 2, "call-2"),
        ("mails", 0, 1, "call-0"),
    ]
    assert [one.amended_by for one in found] == [(2,), (), ()]
    assert found[0] == history.show(calls, "calls", "#0").interaction
    assert history.of_subject(calls, b"\x17" * 32) == []


def test_call_detail_record_is_shown_by_its_columns(calls: Office, tmp_path: object) -> None:
    """With its header, as received."""
    received = formats.reread("cdr", CDR.strip().encode())
    add(calls, "calls", [received])
    found = history.show(calls, "calls", "1700.1")
    assert (found.interaction.kind, found.raw) == ("cdr", CDR.strip().encode())
    assert found.fields["/dst"] == '"100"'


def test_erased_interactions_are_listed_and_say_nothing(calls: Office) -> None:
    """Index, start and lineage stay; the erasure is the last of each stream."""
    who = subjects.resolve(calls, "C-1")
    erasure.erase(calls, who)
    found = history.of_subject(calls, who)
    assert [(one.stream, one.index, one.kind, one.is_erased) for one in found] == [
        ("calls", 0, "json", True),
        ("calls", 2, "json", True),
        ("calls", 3, "erasure", False),
        ("mails", 0, "json", True),
        ("mails", 1, "erasure", False),
    ]
    assert {one.source for one in found if one.is_erased} == {None}
    shown = history.show(calls, "calls", "call-0")
    assert (shown.raw, shown.fields, shown.interaction.amended_by) == (None, {}, (2,))
    proof = history.show(calls, "calls", "#3")
    assert proof.fields["/subject"] == f'"0x{who.hex()}"'
    assert proof.fields["/records"] == "2"


@pytest.mark.parametrize("record", ["#3", "call-9", "#", "0", "", "#-1", "#99999999999999999999"])
def test_unknown_record_is_refused(calls: Office, record: str) -> None:
    """By id or index, and how to write either is told."""
    with pytest.raises(BadInput, match="RECORD: no such record in calls, which has 3: write the id it came"):
        history.show(calls, "calls", record)


def test_damaged_interaction_is_told(calls: Office) -> None:
    """What was sealed for another index does not open."""
    table = schema.interactions
    with calls.store.writing() as connection:
        sealed = queue_rows(calls)[2].sealed
        connection.execute(table.update().where(table.c.position == 0).values(sealed=sealed))
    with pytest.raises(DatabaseFailed, match="damaged"):
        history.show(calls, "calls", "#0")
