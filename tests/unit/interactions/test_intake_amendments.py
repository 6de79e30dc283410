"""Single records, and those that amend others: the original stays, and the new one's link names it.

append: its index · again: the same index · refused: why
amend: by the same customer, by reference, by id, anonymous · an amendment amended · again
└── refused: no such record, a draft, an erasure, erased, somebody else's, no id of its own
"""

from __future__ import annotations

import pytest
from support.queued import call, prove_queue, queue_rows

from troth.errors import BadInput
from troth.identity import erasure, subjects
from troth.interactions import formats, intake, streams
from troth.interactions.intake import add, amend, append
from troth.office import Office


@pytest.fixture
def calls(office: Office) -> Office:
    """A stream of three records, of C-1, C-2 and an anonymous caller."""
    streams.create(office, "calls")
    add(office, "calls", [call(0, "C-1"), call(1, "C-2"), call(2, None)])
    return office


def refusal(office: Office, index: int, number: int, customer: str | None) -> str:
    """Why an amendment is refused; nothing is changed by it."""
    before = queue_rows(office)
    with pytest.raises(BadInput) as refused:
        amend(office, "calls", index, call(number, customer))
    assert queue_rows(office) == before
    (problem,) = refused.value.problems
    return problem.reason


def test_appended_record_has_the_next_index(calls: Office) -> None:
    """And given again, the same."""
    made = formats.of_object({"id": "x-1", "subject": "C-1", "start": "2026-01-02T00:00:00Z", "a": {"b": 1}})
    assert append(calls, "calls", made) == 3
    assert append(calls, "calls", call(5, "C-9")) == 4
    assert append(calls, "calls", made) == 3
    assert len(prove_queue(calls)) == 5


def test_appended_record_that_is_refused_says_why(calls: Office) -> None:
    """As one in a file."""
    with pytest.raises(BadInput, match="this id is that of #1 already, with other content"):
        append(calls, "calls", call(1, "C-2", text="other"))
    prove_queue(calls)


def test_amendment_names_its_original_and_leaves_it(calls: Office) -> None:
    """By index and root, in its link; by the customer's reference or id."""
    before = queue_rows(calls)
    assert amend(calls, "calls", 0, call(10, "C-1")) == 3
    who = subjects.resolve(calls, "C-2")
    assert amend(calls, "calls", 1, call(11, f"0x{who.hex()}")) == 4
    rows = queue_rows(calls)
    assert rows[:3] == before
    assert [row.amends for row in rows] == [None, None, None, 0, 1]
    prove_queue(calls)


def test_amendment_of_an_anonymous_caller_is_anonymous(calls: Office) -> None:
    """Of the same subject; a named customer's is not amended by nobody."""
    amend(calls, "calls", 2, call(10, None))
    rows = queue_rows(calls)
    assert (rows[3].subject, rows[3].number) == (rows[2].subject, 2)
    assert refusal(calls, 0, 11, None) == "not about the customer of #0, which it amends"
    prove_queue(calls)


def test_amendment_is_amended(calls: Office) -> None:
    """Each names the one it is of."""
    assert amend(calls, "calls", 0, call(10, "C-1")) == 3
    assert amend(calls, "calls", 3, call(11, "C-1")) == 4
    assert amend(calls, "calls", 0, call(12, "C-1")) == 5
    assert [row.amends for row in queue_rows(calls)][3:] == [0, 3, 0]
    prove_queue(calls)


def test_amendment_again_is_the_same(calls: Office) -> None:
    """Of the same record; of another it is refused."""
    assert amend(calls, "calls", 0, call(10, "C-1")) == 3
    assert amend(calls, "calls", 0, call(10, "C-1")) == 3
    assert refusal(calls, 3, 10, "C-1").startswith("this id is that of #3 already: give the amendment")
    with pytest.raises(BadInput, match="that of #3 already: give"):
        append(calls, "calls", call(10, "C-1"))


def test_amendment_needs_an_id_of_its_own(calls: Office) -> None:
    """Its original's, whatever it says, is taken."""
    assert refusal(calls, 0, 0, "C-1").startswith("this id is that of #0 already: give the amendment one")
    with pytest.raises(BadInput, match="with other content"):
        amend(calls, "calls", 0, call(0, "C-1", text="other"))


def test_somebody_elses_record_is_not_amended(calls: Office) -> None:
    """Nor one by somebody new, who is not made for it."""
    assert refusal(calls, 0, 10, "C-2") == "not about the customer of #0, which it amends"
    assert refusal(calls, 0, 10, "C-3") == "not about the customer of #0, which it amends"
    with pytest.raises(BadInput, match="no subject has this customer reference"):
        subjects.resolve(calls, "C-3")


@pytest.mark.parametrize("index", [3, 99])
def test_record_that_is_not_there_is_not_amended(calls: Office, index: int) -> None:
    """Nor is a draft."""
    with intake.opened(calls, "calls") as queue:
        queue._take(intake._Chunk([call(9, "C-1")]), intake._Tally())
        assert len(queue_rows(calls)) == 4
        with pytest.raises(BadInput, match=f"there is no #{index} in calls: it has 3 records"):
            queue.append(call(10, "C-1"), amends=index)


def test_what_is_erased_is_not_amended(calls: Office) -> None:
    """Nor is the record of the erasure."""
    who = f"0x{subjects.resolve(calls, 'C-1').hex()}"
    erasure.erase(calls, bytes.fromhex(who[2:]))
    assert refusal(calls, 0, 10, who) == "#0 was erased, and cannot be amended"
    assert refusal(calls, 3, 10, who) == "#3 is the record of an erasure, and cannot be amended"
