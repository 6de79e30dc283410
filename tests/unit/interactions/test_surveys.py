"""Receipts for all of a subject's records, or for none: to the byte as made by hand, proved, or refused.

completeness
├── of every subject, in several batches or one, several records of a batch, with amendments
├── links and no more · fields chosen, of those records that have them · one that none has: refused
├── records that wait are counted, and not spoken of
└── unknown · nothing in the stream · all of it waits · one erased: refused, and why
absence
├── never any contact · before and after the period · in batches surveyed, whose records are listed
├── it begins with the last batch before the period, or with the stream
├── to the second: batches at its beginning, contacts at its ends
└── contact in it, anchored or waiting · it ends before it begins · nothing anchored since · unknown: refused
both
├── random streams, every subject and period: as by hand, proved, and what is so
├── progress is told batches
└── a batch altered: no receipt
"""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from sqlalchemy import delete, update
from support import handmade_receipts as by_hand
from support.filed import NAME, Filed, contact, file_stream, seconds
from support.handmade_receipts import Contact, hexed, subject
from support.office import Desk

from troth import verify_receipt
from troth.errors import BadInput, RecordsAltered
from troth.identity import subjects
from troth.intake import iso_second
from troth.interactions import surveys
from troth.interactions.receipts import Receipt
from troth.store import interactions as table
from troth.store import schema

DAY = 86_400
FAR = seconds("2030-01-01T00:00:00Z")
LATER = seconds("2031-01-01T00:00:00Z")


def day(number: int) -> str:
    """A day of January."""
    return f"2026-01-{number:02}T00:00:00Z"


BATCHES = [
    [
        contact(1, day(1), source="a"),
        contact(2, day(1), source="b"),
        contact(1, day(2), source="c", amends=0),
    ],
    [contact(3, day(3), source="d"), contact(2, day(3), source="e")],
    [contact(4, day(4), source="f"), contact(1, day(5), source="g"), contact(1, day(4), source="h")],
]
"""Anchored on the 11th, the 21st and the 31st, an hour or so later: the chain's clock begins with January."""


@pytest.fixture
def filed(desk: Desk) -> Filed:
    """Eight records of four subjects, in three batches."""
    return file_stream(desk, BATCHES, wait=10 * DAY)


def proved(filed: Filed, made: Receipt) -> verify_receipt.Verdict:
    """The verifier's verdict by the chain's own word."""
    number = made.document["batches"][-1]["number"]
    (word,) = filed.desk.suite.streams.call("commitments", filed.number, number, number)
    return verify_receipt.verify(made.text.encode(), commitment=hexed(word))


def refusal(place: str, make: Any, *arguments: Any) -> str:
    """Why there is no receipt."""
    with pytest.raises(BadInput) as refused:
        make(*arguments)
    (problem,) = refused.value.problems
    assert problem.file == place
    return problem.reason


def numbers(made: Receipt) -> list[int]:
    """Of its batches."""
    return [batch["number"] for batch in made.document["batches"]]


def indexes(made: Receipt) -> list[int]:
    """Of its records."""
    return [record["index"] for record in made.document["records"]]


# --- completeness


@pytest.mark.parametrize(("who", "records"), [(1, [0, 2, 6, 7]), (2, [1, 4]), (3, [3]), (4, [5])])
def test_completeness_is_what_the_format_says_and_proved(filed: Filed, who: int, records: list[int]) -> None:
    """All records of a subject in all batches, those without any among them."""
    made = surveys.completeness(filed.desk.office, NAME, subject(who))
    assert made.text.encode() == by_hand.written(filed.model.completeness(subject(who)))
    assert made.text == by_hand.form(made.document)
    assert (numbers(made), indexes(made), made.uncovered) == ([1, 2, 3], records, 0)
    assert proved(filed, made).compared


def test_completeness_shows_links_and_no_more(filed: Filed) -> None:
    """What was said is nobody's business who wants to know whether it is all."""
    made = surveys.completeness(filed.desk.office, NAME, subject(1))
    for record in made.document["records"]:
        shown = [at for at, one in enumerate(record["fields"]) if "text" in one]
        assert shown == [0, 1]


def test_completeness_shows_the_fields_chosen_of_each_record_that_has_them(filed: Filed) -> None:
    """A customer asks for what was said, and not all records are alike; the rest stays withheld."""
    filed.add([contact(1, source="i", topic={"main": "a claim"})])
    filed.anchor()
    made = surveys.completeness(filed.desk.office, NAME, subject(1), ["/start", "/topic"])
    told = []
    for record in made.document["records"]:
        names = json.loads(record["fields"][0]["text"])
        told.append([names[at] for at, one in enumerate(record["fields"]) if "text" in one])
    assert told == [["fields", "link", "/start"]] * 4 + [["fields", "link", "/start", "/topic/main"]]
    assert proved(filed, made).compared


def test_completeness_with_a_field_that_no_record_has_is_refused(filed: Filed) -> None:
    """A name mistyped would show less than was meant; those that are there do not excuse it."""
    with pytest.raises(BadInput, match=r"no record of this subject has /topics, /x$"):
        surveys.completeness(filed.desk.office, NAME, subject(1), ["/start", "/topics", "/x"])


def test_completeness_counts_what_waits_and_does_not_speak_of_it(filed: Filed) -> None:
    """Neither of the subject's own nor of others'."""
    filed.add([contact(1, source="i"), contact(9, source="j")])
    made = surveys.completeness(filed.desk.office, NAME, subject(1))
    assert (indexes(made), made.uncovered) == ([0, 2, 6, 7], 2)
    proved(filed, made)
    filed.anchor()
    made = surveys.completeness(filed.desk.office, NAME, subject(1))
    assert (indexes(made), made.uncovered) == ([0, 2, 6, 7, 8], 0)
    assert made.text.encode() == by_hand.written(filed.model.completeness(subject(1)))


def test_completeness_of_an_unknown_subject_is_refused(filed: Filed) -> None:
    """A mistyped id has nothing anywhere."""
    reason = refusal("--subject", surveys.completeness, filed.desk.office, NAME, subject(9))
    assert reason.startswith("this database knows no such subject")


def test_completeness_of_nothing_is_refused(filed: Filed) -> None:
    """Absence is what to ask for."""
    nobody = subjects.new(filed.desk.office).subject
    reason = refusal("--subject", surveys.completeness, filed.desk.office, NAME, nobody)
    assert reason == "nothing of this subject is in stream calls: ask for absence"


def test_completeness_of_what_waits_is_refused(filed: Filed) -> None:
    """With batches anchored and without."""
    filed.add([contact(9, source="i")])
    reason = refusal("--subject", surveys.completeness, filed.desk.office, NAME, subject(9))
    assert reason == "all of this subject in stream calls waits: `troth interactions anchor`"
    empty = file_stream(filed.desk, [], "mails")
    empty.add([contact(9, source="k")])
    reason = refusal("--subject", surveys.completeness, filed.desk.office, "mails", subject(9))
    assert reason == "all of this subject in stream mails waits: `troth interactions anchor`"


def test_completeness_of_an_unknown_stream_is_refused(filed: Filed) -> None:
    """By name."""
    reason = refusal("--stream", surveys.completeness, filed.desk.office, "call", subject(1))
    assert reason == "no such stream; there is calls"


def test_completeness_of_the_erased_is_refused(filed: Filed) -> None:
    """Their links cannot be shown; others' can."""
    filed.erase(1)
    reason = refusal("--subject", surveys.completeness, filed.desk.office, NAME, subject(1))
    assert reason == "#0 was erased on 2026-01-01T00:00:00Z"
    proved(filed, surveys.completeness(filed.desk.office, NAME, subject(2)))


def test_completeness_is_of_one_stream(filed: Filed) -> None:
    """Others have numbers of their own."""
    other = file_stream(filed.desk, [[contact(2, source="x")], [contact(1, source="y")]], "mails")
    made = surveys.completeness(filed.desk.office, "mails", subject(1))
    assert indexes(made) == [1]
    assert made.text.encode() == by_hand.written(other.model.completeness(subject(1)))
    assert indexes(surveys.completeness(filed.desk.office, NAME, subject(1))) == [0, 2, 6, 7]


# --- absence


def absence(filed: Filed, who: int, since: str | int, until: str | int) -> Receipt:
    """Asked of the office; by hand it is the same."""
    period = [seconds(one) if isinstance(one, str) else one for one in (since, until)]
    made = surveys.absence(filed.desk.office, NAME, subject(who), *period)
    first = made.document["batches"][0]
    written = [iso_second(one) for one in period]
    expected = filed.model.absence(
        subject(who), *written, after=None if "opening" in first else first["number"]
    )
    assert made.text.encode() == by_hand.written(expected)
    proved(filed, made)
    return made


def test_absence_of_a_subject_never_in_the_stream_is_proved(filed: Filed) -> None:
    """By a gap in each batch, over all time."""
    nobody = subjects.new(filed.desk.office).subject
    made = surveys.absence(filed.desk.office, NAME, nobody, 0, LATER)
    assert numbers(made) == [1, 2, 3]
    assert all("gap" in batch for batch in made.document["batches"])
    assert indexes(made) == []
    proved(filed, made)


def test_absence_lists_contacts_out_of_the_period(filed: Filed) -> None:
    """Of all batches surveyed, before and after it; whole batches, numbers in order."""
    made = absence(filed, 1, "2025-12-01T00:00:00Z", day(1))
    assert indexes(made) == [0, 2, 6, 7]
    made = absence(filed, 1, "2026-01-02T00:00:01Z", day(4))
    assert set(indexes(made)) <= {0, 2, 6, 7}


def test_absence_begins_with_the_last_batch_before_the_period(filed: Filed) -> None:
    """Which shows only that what came before is older; to the second."""
    first, second, third = filed.times
    assert numbers(absence(filed, 2, first, LATER)) == [1, 2, 3]
    assert "opening" in absence(filed, 2, first, LATER).document["batches"][0]
    for since, begins in ((first + 1, 1), (second, 1), (second + 1, 2), (third, 2)):
        batches = absence(filed, 2, since, LATER).document["batches"]
        assert batches[0]["number"] == begins
        assert ["opening" in batch for batch in batches] == [False] + [True] * (len(batches) - 1)


def test_absence_after_the_last_batch_is_refused(filed: Filed) -> None:
    """Nothing on the chain speaks of it yet."""
    reason = refusal("--from", surveys.absence, filed.desk.office, NAME, subject(2), FAR, LATER)
    assert reason.startswith("nothing of stream calls was anchored since 2030-01-01T00:00:00Z")
    empty = file_stream(filed.desk, [], "mails")
    reason = refusal("--from", surveys.absence, filed.desk.office, empty.name, subject(2), 0, LATER)
    assert reason.startswith("nothing of stream mails was anchored since 1970-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("since", "until", "contacts"),
    [
        ("2026-01-03T00:00:00Z", "2026-01-03T00:00:01Z", "#4"),
        ("2026-01-02T23:59:59Z", "2026-01-03T00:00:00Z", None),
        ("2026-01-03T00:00:01Z", "2026-01-04T00:00:00Z", None),
        ("2026-01-01T00:00:00Z", "2026-01-31T00:00:00Z", "#1, #4"),
    ],
)
def test_absence_knows_contacts_to_the_second(
    filed: Filed, since: str, until: str, contacts: str | None
) -> None:
    """The period's beginning is in it, and its end is not."""
    if contacts is None:
        absence(filed, 2, since, until)
        return
    period = seconds(since), seconds(until)
    reason = refusal("--from", surveys.absence, filed.desk.office, NAME, subject(2), *period)
    assert reason == f"there was contact in this period: {contacts} of stream calls"


def test_absence_is_refused_for_a_contact_that_waits(filed: Filed) -> None:
    """What is anchored would not show it: all the more."""
    filed.add([contact(3, day(20), source="i")])
    period = seconds(day(20)), seconds(day(21))
    reason = refusal("--from", surveys.absence, filed.desk.office, NAME, subject(3), *period)
    assert reason == "there was contact in this period: #8 of stream calls"


def test_absence_knows_nothing_of_what_is_not_accepted(filed: Filed) -> None:
    """A draft of a session that was killed is no contact."""
    office = filed.desk.office
    with office.store.writing() as connection:
        row = table.find_interaction(connection, filed.number, 3)
        assert row is not None
        draft = row._replace(position=8, source=bytes(16), number=2, start=seconds(day(20)))
        table.add_drafts(connection, [draft])
    absence(filed, 3, day(20), day(21))


def test_absence_names_few_of_many_contacts(desk: Desk) -> None:
    """One line for people."""
    file_stream(desk, [[contact(1, day(1), source=f"c-{number}") for number in range(8)]])
    reason = refusal("--from", surveys.absence, desk.office, NAME, subject(1), 0, LATER)
    assert reason.endswith("#0, #1, #2, #3, #4 and others of stream calls")


@pytest.mark.parametrize("until", [1, 99, 100])
def test_absence_in_a_period_that_is_none_is_refused(filed: Filed, until: int) -> None:
    """Upside down, or empty."""
    reason = refusal("--until", surveys.absence, filed.desk.office, NAME, subject(1), 100, until)
    assert "begins on 1970-01-01T00:01:40Z" in reason


def test_absence_of_an_unknown_subject_is_refused(filed: Filed) -> None:
    """A mistyped id would be absent anywhere."""
    reason = refusal("--subject", surveys.absence, filed.desk.office, NAME, subject(9), 0, LATER)
    assert reason.startswith("this database knows no such subject")


def test_absence_of_the_erased_is_proved_where_no_link_of_theirs_is_needed(filed: Filed) -> None:
    """Of batches without them; of others it is refused."""
    filed.erase(3)
    absence(filed, 3, filed.times[1] + 1, LATER)
    period = seconds(day(9)), seconds(day(10))
    reason = refusal("--subject", surveys.absence, filed.desk.office, NAME, subject(3), *period)
    assert reason == "#3 was erased on 2026-01-01T00:00:00Z"


def test_absence_counts_what_waits(filed: Filed) -> None:
    """It does not speak of it."""
    filed.add([contact(3, day(20), source="i")])
    assert absence(filed, 2, day(7), day(8)).uncovered == 1


# --- both


@pytest.mark.parametrize("seed", range(6))
def test_surveys_of_random_streams_are_proved_and_true(desk: Desk, seed: int) -> None:
    """N2: for every subject, and any period: as by hand, or refused just where there was contact."""
    dice = random.Random(seed)
    count = dice.randrange(1, 6)
    made = [
        [
            contact(dice.randrange(1, 7), day(dice.randrange(1, 12)), source=f"{number}-{each}")
            for each in range(dice.randrange(1, 12))
        ]
        for number in range(count)
    ]
    filed = file_stream(desk, made, wait=dice.randrange(2 * DAY))
    contacts: list[Contact] = [one for part in made for one in part]
    for who in sorted({one.who for one in contacts}):
        whole = surveys.completeness(desk.office, NAME, subject(who))
        assert whole.text.encode() == by_hand.written(filed.model.completeness(subject(who)))
        assert indexes(whole) == [at for at, one in enumerate(contacts) if one.who == who]
        proved(filed, whole)
        since, until = sorted(dice.sample(range(1, 14), 2))
        refused = None
        if any(day(since) <= one.start < day(until) for one in contacts if one.who == who):
            refused = "there was contact"
        elif filed.times[-1] < seconds(day(since)):
            refused = "was anchored since"
        if refused is None:
            absence(filed, who, day(since), day(until))
        else:
            with pytest.raises(BadInput, match=refused):
                surveys.absence(desk.office, NAME, subject(who), seconds(day(since)), seconds(day(until)))


def test_surveys_tell_how_many_batches_are_done(filed: Filed) -> None:
    """From none to all."""
    told: list[tuple[int, int]] = []
    surveys.completeness(filed.desk.office, NAME, subject(1), progress=lambda *one: told.append(one))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    "change",
    [
        update(schema.closed_batches).where(schema.closed_batches.c.number == 2).values(secret=bytes(32)),
        update(schema.closed_batches).where(schema.closed_batches.c.number == 2).values(secret=b"short"),
        delete(schema.closed_batches).where(schema.closed_batches.c.number == 2),
        update(schema.interactions).where(schema.interactions.c.position == 3).values(subject=subject(8)),
        update(schema.interactions).where(schema.interactions.c.position == 3).values(number=2),
        delete(schema.interactions).where(schema.interactions.c.position == 3),
        delete(schema.interactions).where(schema.interactions.c.position.in_([3, 4])),
    ],
)
def test_surveys_of_a_batch_that_was_altered_are_refused(filed: Filed, change: Any) -> None:
    """Its subjects no longer give what is on the chain."""
    with filed.desk.office.store.writing() as connection:
        connection.execute(change)
    with pytest.raises(RecordsAltered, match="batch 2 of stream calls"):
        surveys.completeness(filed.desk.office, NAME, subject(1))


def test_completeness_never_leaves_out_a_record_that_was_deleted(filed: Filed) -> None:
    """Of several of a subject in one batch, where its first and last number are as they were."""
    filed.add([contact(5, day(1), source=f"m-{number}") for number in range(3)])
    filed.anchor()
    with filed.desk.office.store.writing() as connection:
        connection.execute(delete(schema.interactions).where(schema.interactions.c.position == 9))
    with pytest.raises(RecordsAltered, match="batch 4 of stream calls"):
        surveys.completeness(filed.desk.office, NAME, subject(5))
