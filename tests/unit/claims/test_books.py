"""Books issued from files: once, with salts that outlive the command, and nothing sent that cannot stand.

issue
├── a good file: policies in order of risk, numbered and salted; root, totals, times and reserve on the chain
├── salts and policies are in the database before anything is sent
├── the same file and terms again
│   ├── issued: found, nothing sent · in a block too new for the index: found, nothing sent
│   │   └── also where the premium was the account's last money, or a killed command left it under way
│   └── left as a draft by a killed command: sent with its own salts and times
│       ├── money gone meanwhile: refused, nothing sent
│       └── its cover would begin before today: made anew
├── file, terms or product differ: another book
├── times: by default from today for a year and 90 days, or as given
│   └── cover begins before today · ends before it begins · deadline before that, or not ahead: refused
├── money: just enough: taken · a unit short, of premium or of free capital: refused, nothing kept or sent
├── approval: asked for where the pool may not take the premium yet · not asked for twice
└── the contracts refuse (role, collateral, paused): nothing sent
leaf, reference, terms: as contracts/claims/Leaves.sol
as_extended: the deadline the contract has now
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from support import Actor, Suite, misses, policy, refuses
from support.defaults import CAPITAL, DAY, DOLLAR, PREMIUM, PURSE, START, SUM_INSURED
from support.office import PRODUCT, Desk

from troth.chain.sender import Sender
from troth.chain.transactions import Call
from troth.claims import administration, books
from troth.claims.books import IssuedBook, Terms, as_extended, policy_leaf, policy_reference, tree_of
from troth.errors import BadInput, NoMoney, PoolShort
from troth.office import Office
from troth.store.books import Book, PolicyRow, list_books, policies_of

PAYEE = "0x" + "11" * 20
NEW_YEAR = datetime.fromtimestamp(START, timezone.utc)

Row = tuple[object, ...]
Issue = Callable[..., IssuedBook]


class Killed(BaseException):
    """Stands for kill -9: nothing in the product catches it."""


def rows(count: int = 3, sum_insured: str = "400", premium: str = "20") -> list[Row]:
    """Policies on risks in no order: P-0 on risk 7, P-1 on risk 4 and so on, two of them alike."""
    return [(f"P-{n}", f"risk {(7 - 3 * n) % 10 % 4}", PAYEE, sum_insured, premium) for n in range(count)]


@pytest.fixture
def issue(desk: Desk, tmp_path: Path) -> Issue:
    """Issues a file of rows on the default product."""
    desk.product()

    def issue(lines: Sequence[Row], office: Any = desk.office, **terms: Any) -> IssuedBook:
        path = tmp_path / "book.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("policy_ref", "risk", "payee", "sum_insured", "premium"), *lines])
        return books.issue(office, path, PRODUCT, Terms(**terms))

    return issue


def saved(desk: Desk) -> list[tuple[Book, list[PolicyRow]]]:
    """Every book in the database, drafts too."""
    with desk.office.store.reading() as connection:
        return [(book, list(policies_of(connection, book))) for book in list_books(connection)]


def sent(desk: Desk) -> int:
    """How many transactions the desk's account ever sent."""
    return int(desk.suite.node.call("eth_getTransactionCount", [desk.who.address, "latest"]), 16)


def forget_index(desk: Desk) -> None:
    """Makes the index as if the books' blocks were too new for it."""
    desk.office.sync()
    with desk.office.store.writing() as connection:
        assert connection.exec_driver_sql("DELETE FROM books_issued").rowcount == 1


def kill(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the next sending the moment of death."""

    def die(_calls: object) -> None:
        raise Killed

    monkeypatch.setattr(desk.office.sender, "send", die)


# --- what a book is


def test_issue_orders_policies_by_risk_and_salts_each(desk: Desk, issue: Issue) -> None:
    """Of one risk by reference; numbers from 0; no two salts alike."""
    issue(rows(9))
    ((_, policies),) = saved(desk)
    assert [(one.risk, one.policy_ref) for one in policies] == sorted((row[1], row[0]) for row in rows(9))
    assert [one.number for one in policies] == list(range(9))
    assert len({one.salt for one in policies}) == 9
    assert {len(one.salt) for one in policies} == {16}


def test_issue_puts_root_totals_and_times_on_the_chain(desk: Desk, suite: Suite, issue: Issue) -> None:
    """Of a book at half collateral with a daily cap; the premium is in the pool."""
    suite["supervisor"].send(suite.books, "setMinimumCollateral", 1, 5_000)
    issued = issue(rows(), collateral=5_000, daily_cap=7)
    ((book, policies),) = saved(desk)
    held = suite.books.call("book", issued.book_id)
    assert held.root == tree_of(policies).root == book.root
    assert (held.policyCount, held.outstanding, held.premium) == (3, 3 * SUM_INSURED, 3 * PREMIUM)
    assert (held.reserve, held.collateral, held.dailyCap) == (3 * SUM_INSURED // 2, 5_000, 7)
    assert issued == IssuedBook(
        1, 3, 3 * SUM_INSURED, 3 * PREMIUM, NEW_YEAR + timedelta(days=455), issued.transaction
    )
    assert suite.balance(suite.pool) == CAPITAL + 3 * PREMIUM


def test_salts_are_durable_before_anything_is_sent(
    desk: Desk, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read from another connection at the moment of sending: without them the book could never be settled."""
    seen = []
    send = desk.office.sender.send

    def watch(calls: Any) -> Any:
        seen.append(saved(desk))
        return send(calls)

    monkeypatch.setattr(desk.office.sender, "send", watch)
    issue(rows())
    ((_, policies),) = seen[0]
    assert tree_of(policies).root == desk.suite.books.call("book", 1).root


def test_leaf_is_the_contracts_own(customer: Actor) -> None:
    """Over all fields, as the tests of the contracts pack them."""
    row = PolicyRow(7, "P-7", "risk", bytes.fromhex(customer.address[2:]), 10**28, 10**27, b"s" * 16)
    reference = policy_reference(row.salt, "P-7")
    expected = policy(customer, "risk", 10**28, 10**27, number=7)._replace(ref=reference)
    assert policy_leaf(row) == expected.leaf


def test_reference_says_nothing_without_its_salt() -> None:
    """Two policies of one reference differ on the chain."""
    assert policy_reference(b"a" * 16, "P-1") != policy_reference(b"b" * 16, "P-1")


# --- once


def test_issue_again_finds_the_book(desk: Desk, issue: Issue) -> None:
    """Nothing is sent, and the time of day does not matter."""
    first = issue(rows())
    before = sent(desk)
    desk.suite.clock.move_by(3 * DAY)
    assert issue(rows()) == replace(first, transaction=None)
    assert (sent(desk), len(saved(desk))) == (before, 1)


def test_issue_again_finds_the_book_in_a_block_too_new_for_the_index(desk: Desk, issue: Issue) -> None:
    """With confirmations the index lags: the contract itself says which number it has."""
    first = issue(rows())
    before = sent(desk)
    forget_index(desk)
    assert issue(rows()) == replace(first, transaction=None)
    assert sent(desk) == before


@pytest.mark.parametrize("days", [0, 1])
def test_book_that_took_the_last_money_is_found_in_a_block_too_new_for_the_index(
    desk: Desk, issue: Issue, days: int
) -> None:
    """Its premium is paid: there is none to ask for, on that day or the next."""
    lines = rows(1, premium=str(PURSE // DOLLAR))
    first = issue(lines)
    before = sent(desk)
    forget_index(desk)
    desk.suite.clock.move_by(days * DAY)
    assert issue(lines) == replace(first, transaction=None)
    assert (sent(desk), desk.suite.balance(desk.who)) == (before, 0)


def test_book_that_a_killed_command_left_under_way_is_found(
    desk: Desk, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is finished before anything is looked up, and pays the premium with the account's last money."""
    lines, sender, left = rows(1, premium=str(PURSE // DOLLAR)), desk.office.sender, []

    def die(calls: list[Call]) -> None:
        left.append(calls)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(sender, "send", die)
        with pytest.raises(Killed):
            issue(lines)

    def resumed(_office: Office) -> Sender:
        if left:
            sender.send(left.pop())
        return sender

    monkeypatch.setattr(Office, "sender", property(resumed))
    found = issue(lines)
    assert (found.book_id, found.transaction, desk.suite.balance(desk.who)) == (1, None, 0)
    ((book, _),) = saved(desk)
    assert book.book_id == 1


def test_draft_of_a_killed_command_is_sent_with_its_own_salts(
    desk: Desk, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its own times, later that day."""
    with monkeypatch.context() as patch:
        kill(desk, patch)
        with pytest.raises(Killed):
            issue(rows())
    drafted = saved(desk)
    assert drafted[0][0].book_id is None
    desk.suite.clock.move_by(DAY - 1)
    issue(rows())
    ((book, policies),) = saved(desk)
    assert (book.root, policies) == (drafted[0][0].root, drafted[0][1])
    held = desk.suite.books.call("book", 1)
    assert (held.root, held.coverFrom, desk.suite.books.call("bookCount")) == (book.root, START, 1)


def test_draft_too_late_to_issue_is_made_anew(
    desk: Desk, issue: Issue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day later its cover would begin in the past, which no contract takes: new times, and new salts."""
    with monkeypatch.context() as patch:
        kill(desk, patch)
        with pytest.raises(Killed):
            issue(rows())
    ((draft, _),) = saved(desk)
    desk.suite.clock.move_by(DAY)
    issue(rows())
    ((book, policies),) = saved(desk)
    held = desk.suite.books.call("book", 1)
    assert (held.root, held.coverFrom) == (book.root, START + DAY)
    assert tree_of(policies).root == book.root != draft.root


def test_book_issued_yesterday_in_a_block_too_new_for_the_index_is_found(desk: Desk, issue: Issue) -> None:
    """It is no draft that came too late."""
    first = issue(rows())
    forget_index(desk)
    desk.suite.clock.move_by(DAY)
    assert issue(rows()) == replace(first, transaction=None)


def test_draft_whose_premium_is_gone_waits(desk: Desk, issue: Issue, monkeypatch: pytest.MonkeyPatch) -> None:
    """The account was emptied between the two commands."""
    with monkeypatch.context() as patch:
        kill(desk, patch)
        with pytest.raises(Killed):
            issue(rows())
    desk.who.send(desk.suite.token, "transfer", PAYEE, PURSE)
    before = sent(desk)
    with pytest.raises(NoMoney):
        issue(rows())
    assert sent(desk) == before


@pytest.mark.parametrize(
    ("lines", "terms"),
    [
        (rows(3), {"daily_cap": 1}),
        (rows(3), {"cover_until": NEW_YEAR + timedelta(days=30)}),
        (rows(3), {"deadline": NEW_YEAR + timedelta(days=500)}),
        (rows(4), {}),
        (rows(3, premium="21"), {}),
    ],
    ids=["cap", "cover", "deadline", "policies", "premium"],
)
def test_other_file_or_terms_are_another_book(
    desk: Desk, issue: Issue, lines: list[Row], terms: dict[str, Any]
) -> None:
    """An insurer who means the same book gives the same ones."""
    assert [issue(rows(3)).book_id, issue(lines, **terms).book_id] == [1, 2]


def test_other_version_of_the_product_is_another_book(desk: Desk, issue: Issue) -> None:
    """The newest one is sold."""
    issue(rows())
    desk.product(metric="departure delay, minutes")
    assert issue(rows()).book_id == 2
    assert [book.product_id for book, _ in saved(desk)] == [1, 2]


# --- times


def test_cover_is_from_today_for_a_year_by_default(desk: Desk, issue: Issue) -> None:
    """Today on the chain, from 00:00; claims for 90 days more."""
    desk.suite.clock.move_by(DAY // 3)
    issue(rows())
    held = desk.suite.books.call("book", 1)
    assert (held.coverFrom, held.coverUntil, held.deadline) == (START, START + 365 * DAY, START + 455 * DAY)


def test_times_given_are_kept(desk: Desk, issue: Issue) -> None:
    """Cover may begin today; all three may be one second."""
    desk.suite.clock.move_by(DAY // 2)
    soon = NEW_YEAR + timedelta(days=31)
    assert [
        issue(rows(), cover_from=begins, cover_until=soon, deadline=soon).book_id
        for begins in (NEW_YEAR, soon)
    ] == [1, 2]
    held = [desk.suite.books.call("book", number) for number in (1, 2)]
    assert [one.coverFrom for one in held] == [START, START + 31 * DAY]
    assert {(one.coverUntil, one.deadline) for one in held} == {(START + 31 * DAY, START + 31 * DAY)}


@pytest.mark.parametrize(
    ("days", "reason"),
    [
        ((-1, 10, 20), r"--cover-from: '2025-12-31T\S+': too early: on the chain today began 2026-01-01"),
        ((0, -1, 10), r"--cover-until: '2025-12-31T\S+': too early: cover begins 2026-01-01"),
        ((0, 10, 9), r"--deadline: '2026-01-10T\S+': too early: cover ends 2026-01-11"),
        ((0, 0, 0), r"--deadline: '2026-01-01T\S+': too early: the chain's own time is 2026-01-01"),
    ],
    ids=[
        "cover begins yesterday",
        "cover ends before it begins",
        "deadline before cover ends",
        "deadline is now",
    ],
)
def test_times_out_of_order_are_refused(
    desk: Desk, issue: Issue, days: tuple[int, int, int], reason: str
) -> None:
    """By option and value; nothing is kept or sent."""
    begins, ends, deadline = (NEW_YEAR + timedelta(days=one) for one in days)
    before = sent(desk)
    with pytest.raises(BadInput, match=reason):
        issue(rows(), cover_from=begins, cover_until=ends, deadline=deadline)
    assert (sent(desk), saved(desk)) == (before, [])


# --- money


def test_premium_a_unit_short_is_refused(desk: Desk, issue: Issue) -> None:
    """Then, with the unit, it is taken to the last one."""
    premium = f"{PURSE // DOLLAR}.000001"
    before = sent(desk)
    with pytest.raises(NoMoney) as refused:
        issue(rows(1, premium=premium))
    assert refused.value.args == (desk.who.address, "1000000.000001 TUSD", "1000000.00 TUSD")
    assert (sent(desk), saved(desk)) == (before, [])
    desk.funded(1)
    issue(rows(1, premium=premium))
    assert desk.suite.balance(desk.who) == 0


def test_capital_a_unit_short_is_refused(desk: Desk, issue: Issue) -> None:
    """Its own premium counts as capital; exactly enough is enough."""
    most = CAPITAL // DOLLAR + 20
    before = sent(desk)
    with pytest.raises(PoolShort) as refused:
        issue(rows(1, sum_insured=f"{most}.000001"))
    assert refused.value.args == ("1000000.000001 TUSD", "1000000.00 TUSD")
    assert (sent(desk), saved(desk)) == (before, [])
    issue(rows(1, sum_insured=str(most)))
    assert desk.suite.pool.call("freeAssets") == 0


def test_reserve_of_an_uneven_share_is_rounded_up(desk: Desk, suite: Suite, issue: Issue) -> None:
    """As the contract rounds: a third of a unit short is short."""
    suite["supervisor"].send(suite.books, "setMinimumCollateral", 1, 3_333)
    insured = (CAPITAL + PREMIUM) * 10_000 // 3_333 + 1
    text = f"{insured // DOLLAR}.{insured % DOLLAR:06}"
    with pytest.raises(PoolShort):
        issue(rows(1, sum_insured=text), collateral=3_333)


def test_approval_is_sent_only_where_it_is_needed(desk: Desk, issue: Issue) -> None:
    """What was approved and not taken serves the next book."""
    start = sent(desk)
    issue(rows())
    assert sent(desk) == start + 2
    desk.who.send(desk.suite.token, "approve", desk.suite.pool.address, PURSE)
    issue(rows(4))
    assert sent(desk) == start + 4


def test_book_without_premium_needs_no_approval(desk: Desk, issue: Issue) -> None:
    """As for a cover that comes with a ticket."""
    start = sent(desk)
    issue(rows(premium="0"))
    assert sent(desk) == start + 1


# --- what the contracts refuse


def test_issue_takes_the_role_of_underwriter(issue: Issue, stranger_desk: Desk) -> None:
    """Found out before anything is sent, the approval too."""
    stranger_desk.funded()
    before = sent(stranger_desk)
    with misses("UNDERWRITER", stranger_desk.who.address):
        issue(rows(), stranger_desk.office)
    assert sent(stranger_desk) == before


def test_collateral_below_the_least_is_refused(desk: Desk, issue: Issue) -> None:
    """At no cost where the pool may take the premium already."""
    desk.who.send(desk.suite.token, "approve", desk.suite.pool.address, PURSE)
    before = sent(desk)
    with refuses("PolicyBooksCollateralOutOfRange", share=9_999, atLeast=10_000, atMost=10_000):
        issue(rows(), collateral=9_999)
    assert sent(desk) == before


def test_paused_pool_takes_no_book(desk: Desk, suite: Suite, issue: Issue) -> None:
    """The draft waits, and is issued once the pool is open."""
    suite["guardian"].send(suite.pool, "pause")
    with refuses("EnforcedPause"):
        issue(rows())
    suite["guardian"].send(suite.pool, "unpause")
    assert issue(rows()).book_id == 1
    assert len(saved(desk)) == 1


# --- later


def test_deadline_extended_is_the_one_that_counts(desk: Desk, issue: Issue) -> None:
    """The book as saved keeps the one it was issued with."""
    later = issue(rows()).deadline + timedelta(days=7)
    administration.extend_deadline(desk.office, 1, later)
    desk.office.sync()
    ((book, _),) = saved(desk)
    (extended,) = as_extended(desk.office, [book])
    assert extended == replace(book, deadline=later)
    assert as_extended(desk.office, []) == []
