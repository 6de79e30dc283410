"""A policy cancelled, a cap set, a deadline put off, a book expired: each in its time, by who may."""

from __future__ import annotations

from datetime import timedelta

import pytest
from support import Actor, refuses
from support.defaults import DAY, LATE, PREMIUM, RISK, SUM_INSURED
from support.office import Desk, Line, lines_for

from troth.claims import administration, pool
from troth.claims.outcomes import Status, outcomes
from troth.errors import BadInput, MissingRole, RecordsAltered
from troth.store import schema


@pytest.fixture
def ahead(desk: Desk, customers: tuple[Actor, ...]) -> Desk:
    """Book 1: five policies whose cover begins in ten days."""
    desk.book(lines_for(customers[:5]), cover_from=desk.office.now() + timedelta(days=10))
    return desk


@pytest.mark.parametrize(("refund", "paid"), [(None, PREMIUM), (PREMIUM // 2, PREMIUM // 2), (0, 0)])
def test_cancel_refunds_the_premium_or_part_of_it(
    ahead: Desk, customers: tuple[Actor, ...], refund: int | None, paid: int
) -> None:
    """To the payee; the policy's reserve is free again, the others' is not."""
    done = administration.cancel(ahead.office, 1, "P-3", refund)
    assert (done.policy_ref, done.book_id, done.refund, done.owed) == ("P-3", 1, paid, False)
    assert done.payee == customers[3].address
    assert ahead.suite.balance(customers[3]) == paid
    assert ahead.suite.books.call("isSettled", 1, done.number)
    assert pool.show(ahead.office).reserved == 4 * SUM_INSURED


def test_cancel_says_when_the_refund_is_owed(ahead: Desk, customers: tuple[Actor, ...]) -> None:
    """The policy is cancelled all the same."""
    ahead.suite.freeze(customers[0])
    assert administration.cancel(ahead.office, 1, "P-0").owed


def test_cancel_more_than_the_premium_is_refused(ahead: Desk) -> None:
    """In currency, before anything is sent."""
    with pytest.raises(BadInput, match=r"--refund: '20.000001 TUSD': more than the premium, 20.00 TUSD"):
        administration.cancel(ahead.office, 1, "P-0", PREMIUM + 1)


def test_cancel_twice_is_refused(ahead: Desk) -> None:
    """The contract says so, without a transaction."""
    number = administration.cancel(ahead.office, 1, "P-0").number
    with refuses("PolicyBooksAlreadySettled", bookId=1, number=number):
        administration.cancel(ahead.office, 1, "P-0")


def test_cancel_once_cover_has_begun_is_refused(ahead: Desk) -> None:
    """So that no loss can be cancelled away."""
    ahead.suite.clock.move_by(10 * DAY)
    begun = int(ahead.office.now().timestamp())
    with refuses("PolicyBooksCoverBegun", bookId=1, coverFrom=begun, nowAt=begun):
        administration.cancel(ahead.office, 1, "P-0")


def test_cancel_takes_an_underwriter(ahead: Desk, stranger_desk: Desk) -> None:
    """Who has the book's records, too, and still lacks the role."""
    ahead.office.sender = stranger_desk.office.sender
    with pytest.raises(MissingRole) as refused:
        administration.cancel(ahead.office, 1, "P-0")
    assert refused.value.role == "UNDERWRITER"


@pytest.mark.parametrize(("book", "reference"), [(7, "P-0"), (1, "P-9")])
def test_cancel_of_what_there_is_not_is_refused(ahead: Desk, book: int, reference: str) -> None:
    """An unknown book, or a reference the book does not have."""
    with pytest.raises(BadInput, match=f"'{7 if book == 7 else 'P-9'}'"):
        administration.cancel(ahead.office, book, reference)


def test_cancel_finds_the_policy_of_the_book_named(desk: Desk, customers: tuple[Actor, ...]) -> None:
    """Where two books have the reference."""
    later = desk.office.now() + timedelta(days=10)
    for customer in customers[:2]:
        desk.book(lines_for([customer]), cover_from=later)
    assert administration.cancel(desk.office, 2, "P-0").payee == customers[1].address


def test_records_altered_are_noticed_before_anything_is_sent(ahead: Desk) -> None:
    """A proof made of them would lead to another root."""
    with ahead.office.store.writing() as connection:
        row = schema.policies
        connection.execute(row.update().where(row.c.policy_ref == "P-1").values(premium=1))
    with pytest.raises(RecordsAltered, match="book 1"):
        administration.cancel(ahead.office, 1, "P-0")


def test_cap_is_set_and_lifted(ahead: Desk) -> None:
    """By the supervisor's role; 0 is no cap."""
    for cap in (5, 0):
        administration.set_daily_cap(ahead.office, 1, cap)
        assert ahead.suite.books.call("book", 1).dailyCap == cap


def test_cap_takes_a_supervisor_and_a_book(ahead: Desk, stranger_desk: Desk) -> None:
    """Both are asked for by name."""
    with pytest.raises(BadInput, match="BOOK: '9'"):
        administration.set_daily_cap(ahead.office, 9, 5)
    ahead.office.sender = stranger_desk.office.sender
    with pytest.raises(MissingRole) as refused:
        administration.set_daily_cap(ahead.office, 1, 5)
    assert refused.value.role == "SUPERVISOR"


def test_expire_frees_what_is_left_of_the_reserve(desk: Desk, customers: tuple[Actor, ...]) -> None:
    """One of two policies was paid; the other's reserve is free after the deadline, and not at it."""
    deadline = desk.office.now() + timedelta(days=30)
    lines = [Line("P-0", customers[0].address, RISK), Line("P-1", customers[1].address, "another risk")]
    desk.book(lines, cover_until=deadline, deadline=deadline)
    desk.report({RISK: LATE})
    desk.settle()
    desk.suite.clock.move_to(int(deadline.timestamp()))
    with pytest.raises(BadInput, match="claim deadline"):
        administration.expire(desk.office, 1)
    desk.suite.clock.move_by(1)
    assert administration.expire(desk.office, 1).released == SUM_INSURED
    assert pool.show(desk.office).reserved == 0
    with refuses("PolicyBooksNothingReserved", bookId=1):
        administration.expire(desk.office, 1)


def test_extended_deadline_lets_claims_be_settled_again(desk: Desk, customer: Actor) -> None:
    """A pause outlasted the deadline: what was due is due again, and paid, and the book expires later."""
    deadline = desk.office.now() + timedelta(days=30)
    desk.book([Line("P-0", customer.address, RISK)], cover_until=deadline, deadline=deadline)
    desk.report({RISK: LATE})
    desk.suite.clock.move_to(int(deadline.timestamp()) + 1)
    assert desk.settle().due == 0
    assert outcomes(desk.office, status=Status.EXPIRED)

    assert administration.extend_deadline(desk.office, 1, deadline + timedelta(days=7))
    assert outcomes(desk.office, status=Status.OPEN)
    with pytest.raises(BadInput, match="claim deadline"):
        administration.expire(desk.office, 1)
    assert desk.settle().settled == 1


def test_deadline_is_only_ever_put_off(desk: Desk, customer: Actor) -> None:
    """The same one is refused before anything is sent, and so is an unknown book."""
    deadline = desk.office.now() + timedelta(days=30)
    desk.book([Line("P-0", customer.address, RISK)], cover_until=deadline, deadline=deadline)
    with pytest.raises(BadInput, match=r"DEADLINE: .*: no later than the deadline it has"):
        administration.extend_deadline(desk.office, 1, deadline)
    with pytest.raises(BadInput, match="BOOK: '9'"):
        administration.extend_deadline(desk.office, 9, deadline)
