"""Settling everything that is due, once, and saying why the rest waits.

what is due
├── the rule reached: the tier's share, rounded down · not reached, or not observed: nothing
├── so little that the share rounds to nothing: not due
├── report: final · not yet · challenged, upheld, replaced · of another metric · outside the cover
├── two final reports on a risk: the older one that pays counts · the older pays nothing: the next
├── policy settled or cancelled before: skipped
└── deadline: not past · past · past and extended
which books: all · one · unknown
dry run: the same plan, no key, nothing sent
batches: as many as the gas allows, in order, all counted · told of as it goes
what the contracts refuse
├── for the whole book: pool short, paused, not allowed to pay: said, and settled once it is put right
│   └── other books are settled all the same
└── for one claim: cut down to it, the others paid
daily cap: reached: said, the rest the next day or once lifted · no room for one: those behind it are paid
payee refused by the token: owed
overtaken by somebody else between plan and sending: skipped
records altered, of a book or a report: nothing is sent, for no book
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support import Actor, Suite, compiled, deployed, endow, word
from support.defaults import (
    CAPITAL,
    CHALLENGE_PERIOD,
    DAY,
    DOLLAR,
    LATE,
    ON_TIME,
    RISK,
    SUM_INSURED,
    VERY_LATE,
)
from support.office import PRODUCT, Desk, Line, desk_of, lines_for

from troth.chain.artifacts import shipped
from troth.claims import administration, disputes, reports, settlement
from troth.claims.settlement import Settlement, settle
from troth.errors import BadInput, RecordsAltered

HALF = SUM_INSURED // 2
OTHER = "UA 0001 2013-01-01"


def sent(desk: Desk) -> int:
    """How many transactions the desk's account ever sent."""
    return int(desk.suite.node.call("eth_getTransactionCount", [desk.who.address, "latest"]), 16)


def held(suite: Suite, customers: tuple[Actor, ...]) -> list[int]:
    """What each has."""
    return [suite.balance(one) for one in customers]


def small_batches(desk: Desk) -> Desk:
    """The desk with room for about nine claims in a transaction."""
    desk.office.settings = replace(desk.office.settings, batch_gas=500_000)
    return desk


def crowd(count: int, risk: str = RISK) -> list[Line]:
    """Policies of payees who never held anything."""
    return [Line(f"{risk}-{n:02}", f"0x{n + 1:040x}", risk, premium=0) for n in range(count)]


def publish(desk: Desk, observations: dict[str, int], **given: Any) -> None:
    """Publishes a report, whose challenge period begins."""
    path = desk.home / "observations.csv"
    path.write_text("risk,value\n" + "".join(f"{risk},{value}\n" for risk, value in observations.items()))
    reports.publish(desk.office, path, PRODUCT, **given)


@pytest.fixture
def due(desk: Desk, customers: tuple[Actor, ...]) -> Desk:
    """Book 1 of four policies of as many customers, all due half."""
    desk.book(lines_for(customers[:4]))
    desk.report({RISK: LATE})
    return desk


# --- what is due


def test_settle_pays_each_claim_by_the_rule(desk: Desk, customers: tuple[Actor, ...]) -> None:
    """Half, all, nothing, and nothing where nobody looked; an uneven half is rounded down."""
    insured = {"half": 3, "all": 400 * DOLLAR, "none": 400 * DOLLAR, "unseen": 400 * DOLLAR}
    desk.book(
        Line(risk, one.address, risk, sum_insured)
        for one, (risk, sum_insured) in zip(customers, insured.items(), strict=False)
    )
    desk.report({"half": LATE, "all": VERY_LATE, "none": ON_TIME, "nowhere": VERY_LATE})
    done = desk.settle()
    assert held(desk.suite, customers[:4]) == [1, 400 * DOLLAR, 0, 0]
    assert (done.due, done.due_amount, done.settled, done.paid) == (
        2,
        400 * DOLLAR + 1,
        2,
        400 * DOLLAR + 1,
    )
    assert (done.owed, done.owed_amount, done.skipped, done.waiting, done.failed) == (0, 0, 0, (), ())


def test_share_that_rounds_to_nothing_is_not_due(desk: Desk, customers: tuple[Actor, ...]) -> None:
    """The contract would refuse it, in this run and every one after."""
    desk.book([Line("P-0", customers[0].address, sum_insured=1), Line("P-1", customers[1].address)])
    desk.report({RISK: LATE})
    done = desk.settle()
    assert (done.due, done.settled, done.failed, done.batches) == (1, 1, (), 1)
    assert held(desk.suite, customers[:2]) == [0, HALF]


def test_report_counts_once_it_is_final(desk: Desk, customer: Actor) -> None:
    """To the second."""
    desk.book(lines_for([customer]))
    publish(desk, {RISK: LATE})
    desk.suite.clock.move_by(CHALLENGE_PERIOD - 1)
    assert desk.settle().due == 0
    desk.suite.clock.move_by(1)
    assert desk.settle().due == 1


def test_challenged_report_makes_nothing_due_until_upheld(desk: Desk, customer: Actor) -> None:
    """Then all of it."""
    desk.book(lines_for([customer]))
    publish(desk, {RISK: LATE})
    disputes.challenge(desk.office, 1, word("wrong"))
    desk.suite.clock.move_by(CHALLENGE_PERIOD)
    assert desk.settle().due == 0
    disputes.uphold(desk.office, 1)
    assert desk.settle().paid == HALF


def test_replacement_counts_instead_of_the_challenged_report(desk: Desk, customer: Actor) -> None:
    """After a challenge period of its own."""
    desk.book(lines_for([customer]))
    publish(desk, {RISK: VERY_LATE})
    disputes.challenge(desk.office, 1, word("wrong"))
    publish(desk, {RISK: LATE}, replaces=1)
    desk.suite.clock.move_by(CHALLENGE_PERIOD)
    assert desk.settle().paid == HALF


def test_report_on_another_metric_makes_nothing_due(desk: Desk, customer: Actor) -> None:
    """However late the departure was."""
    desk.book(lines_for([customer]))
    desk.product(metric="departure delay, minutes")
    desk.report({RISK: VERY_LATE})
    assert desk.settle().due == 0


@pytest.mark.parametrize(
    ("begins", "ends", "due"),
    [(1, 2, 1), (0, 2, 0), (1, 3, 0), (3, 3, 0)],
    ids=["just the cover", "began before", "ended after", "after"],
)
def test_report_counts_if_its_period_is_within_the_cover(
    desk: Desk, customer: Actor, begins: int, ends: int, due: int
) -> None:
    """Cover is the second and third day; the periods given are in days too."""
    today = desk.office.now()
    days = [today + timedelta(days=number) for number in range(6)]
    desk.book(lines_for([customer]), cover_from=days[1], cover_until=days[2], deadline=days[5])
    desk.suite.clock.move_by(3 * DAY)
    publish(desk, {RISK: LATE}, period=(days[begins], days[ends]))
    desk.suite.clock.move_by(CHALLENGE_PERIOD)
    done = desk.settle()
    assert (done.due, done.settled, done.failed) == (due, due, ())


def test_older_of_two_reports_counts(desk: Desk, customer: Actor) -> None:
    """A policy is paid once: half, for that was said first."""
    desk.book(lines_for([customer]))
    desk.report({RISK: LATE})
    desk.report({RISK: VERY_LATE})
    done = desk.settle()
    assert (done.due, done.paid) == (1, HALF)
    assert (desk.settle().due, desk.settle().skipped) == (0, 1)


def test_older_report_that_pays_nothing_leaves_the_next_to_count(desk: Desk, customer: Actor) -> None:
    """As when a delay was first seen too early."""
    desk.book(lines_for([customer]))
    desk.report({RISK: ON_TIME})
    desk.report({RISK: VERY_LATE})
    assert desk.settle().paid == SUM_INSURED


def test_two_reports_on_two_risks_are_both_settled(desk: Desk, customers: tuple[Actor, ...]) -> None:
    """One run, a transaction each, for a transaction proves one report."""
    desk.book([*lines_for(customers[:2]), Line("P-9", customers[2].address, OTHER)])
    desk.report({RISK: LATE})
    desk.report({OTHER: VERY_LATE})
    done = desk.settle()
    assert (done.settled, done.batches) == (3, 2)
    assert held(desk.suite, customers[:3]) == [HALF, HALF, SUM_INSURED]


def test_settled_and_cancelled_policies_are_skipped(desk: Desk, customers: tuple[Actor, ...]) -> None:
    """Counted, and not sent again."""
    tomorrow = desk.office.now() + timedelta(days=1)
    desk.book(lines_for(customers[:3]), cover_from=tomorrow)
    administration.cancel(desk.office, 1, "P-1", 0)
    desk.suite.clock.move_by(DAY)
    desk.report({RISK: LATE})
    first = desk.settle()
    assert (first.due, first.settled, first.skipped) == (2, 2, 1)
    before = sent(desk)
    assert desk.settle() == Settlement(0, 0, 0, 0, 0, 0, 3, 0, (), (), ())
    assert sent(desk) == before
    assert held(desk.suite, customers[:3]) == [HALF, 0, HALF]


def test_deadline_ends_claims_and_an_extension_lets_them_in_again(desk: Desk, customer: Actor) -> None:
    """C6: to the second, by the contract's own word."""
    ends = desk.office.now() + timedelta(days=5)
    desk.book(lines_for([customer]), cover_until=ends, deadline=ends)
    desk.report({RISK: LATE})
    desk.suite.clock.move_to(int(ends.timestamp()) + 1)
    assert (desk.settle().due, desk.settle().waiting) == (0, ())
    administration.extend_deadline(desk.office, 1, ends + timedelta(days=1))
    desk.suite.clock.move_to(int(ends.timestamp()) + DAY)
    assert desk.settle().paid == HALF


# --- which books


def test_all_books_are_settled_in_one_run(desk: Desk, customers: tuple[Actor, ...]) -> None:
    """Two of them on one report, which is read once."""
    desk.book(lines_for(customers[:2]))
    desk.book([Line("Q", customers[2].address)])
    desk.report({RISK: LATE})
    assert (desk.settle().settled, held(desk.suite, customers[:3])) == (3, [HALF] * 3)


def test_one_book_is_settled_alone(desk: Desk, customers: tuple[Actor, ...]) -> None:
    """The other waits for its own command."""
    desk.book(lines_for(customers[:2]))
    desk.book([Line("Q", customers[2].address)])
    desk.report({RISK: LATE})
    assert settle(desk.office, book_id=2).settled == 1
    assert held(desk.suite, customers[:3]) == [0, 0, HALF]
    assert settle(desk.office, book_id=1).settled == 2


def test_unknown_book_is_refused(due: Desk) -> None:
    """Naming those there are."""
    with pytest.raises(BadInput, match=r"--book: '7': no such book; known: 1"):
        settle(due.office, book_id=7)


def test_dry_run_says_what_is_due_and_opens_no_key(due: Desk) -> None:
    """Not even to finish what is under way."""
    before, sender = sent(due), due.office.sender
    del due.office.sender
    due.office._given_signer = None  # type: ignore[assignment]
    said = settle(due.office, dry_run=True)
    assert "sender" not in vars(due.office)
    due.office.sender = sender
    assert said == Settlement(4, 4 * HALF, 0, 0, 0, 0, 0, 0, (), (), ())
    assert sent(due) == before


# --- batches


def test_batches_are_cut_to_the_gas_and_counted(desk: Desk) -> None:
    """Forty claims, about nine a transaction; sums, gas and hashes are those of the chain."""
    small_batches(desk).book(crowd(40))
    desk.report({RISK: LATE})
    told: list[tuple[int, int]] = []
    done = settle(desk.office, progress=lambda *pair: told.append(pair))
    assert (done.settled, done.paid, done.batches) == (40, 40 * HALF, 5)
    receipts = [desk.suite.node.call("eth_getTransactionReceipt", [one]) for one in done.transactions]
    assert done.gas_used == sum(int(one["gasUsed"], 16) for one in receipts)
    assert max(int(one["gasUsed"], 16) for one in receipts) <= 500_000
    assert [pair[1] for pair in told] == [40] * 5
    assert [pair[0] for pair in told] == sorted({pair[0] for pair in told})
    assert told[-1] == (40, 40)


def test_batches_leave_room_below_the_cap_of_the_chain(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a chain of small blocks: a limit above the block's would never be mined."""
    desk.book(crowd(40))
    desk.report({RISK: LATE})
    desk.office.gas_cap = 700_000
    seen: list[int] = []
    stream = desk.office.sender.stream

    def watch(calls: Any) -> Iterator[Any]:
        return stream(seen.append(call.gas) or call for call in calls)

    monkeypatch.setattr(desk.office.sender, "stream", watch)
    done = desk.settle()
    assert (done.settled, max(seen) <= 700_000) == (40, True)
    receipts = [desk.suite.node.call("eth_getTransactionReceipt", [one]) for one in done.transactions]
    assert [one["status"] for one in receipts] == ["0x1"] * len(seen)


# --- what the contracts refuse


def check_waits_for(desk: Desk, name: str, mend: Callable[[], object]) -> None:
    """Nothing is settled and the reason is said, until it is put right."""
    done = desk.settle()
    assert (done.due, done.settled, done.failed) == (4, 0, ())
    assert done.waiting == (f"book 1: {settlement._WHOLESALE[name]}",)
    assert done.batches == 1  # tried once, as a whole
    mend()
    again = desk.settle()
    assert (again.settled, again.waiting) == (4, ())


def test_paused_pool_is_said_and_pays_once_open(due: Desk, suite: Suite) -> None:
    """C8."""
    suite["guardian"].send(suite.pool, "pause")
    check_waits_for(due, "EnforcedPause", lambda: suite["guardian"].send(suite.pool, "unpause"))


def test_books_without_their_role_are_said(due: Desk, suite: Suite) -> None:
    """A fault of the deployment: no smaller batch would go through."""
    grant = suite.authority, "grantRole", 7, suite.books.address, 0
    suite["insurer"].send(suite.authority, "revokeRole", 7, suite.books.address)
    check_waits_for(due, "AccessManagedUnauthorized", lambda: suite["insurer"].send(*grant))


def test_pool_short_of_money_is_said_and_pays_once_it_has_some(desk: Desk, suite: Suite) -> None:
    """C2: at a tenth of collateral the pool can owe more than it holds."""
    desk.product()
    suite["supervisor"].send(suite.books, "setMinimumCollateral", 1, 1_000)
    each = CAPITAL // DOLLAR * 3 // 4 * DOLLAR
    lines = [Line(f"P-{n}", f"0x{n + 1:040x}", sum_insured=each, premium=0) for n in range(4)]
    desk.book(lines, collateral=1_000)
    desk.report({RISK: LATE})

    def deposit() -> None:
        suite["investor"].send(suite.token, "mint", suite["investor"].address, 2 * CAPITAL)
        suite["investor"].send(suite.token, "approve", suite.pool.address, 2 * CAPITAL)
        suite["investor"].send(suite.pool, "deposit", 2 * CAPITAL, suite["investor"].address)

    check_waits_for(desk, "CapitalPoolShort", deposit)


def test_book_that_waits_is_tried_no_further(desk: Desk, suite: Suite) -> None:
    """One transaction finds out; of the four to come only the one made ready meanwhile is sent."""
    small_batches(desk).book(crowd(40))
    desk.report({RISK: LATE})
    suite["guardian"].send(suite.pool, "pause")
    desk.office.sender._pace = replace(desk.office.sender._pace, window=1)
    done = desk.settle()
    assert (done.due, done.settled, done.batches, len(done.waiting)) == (40, 0, 2, 1)


def test_book_that_waits_holds_up_no_other(desk: Desk, suite: Suite, customers: tuple[Actor, ...]) -> None:
    """Whichever comes first."""
    desk.product()
    suite["supervisor"].send(suite.books, "setMinimumCollateral", 1, 1)
    desk.book([Line("P", customers[0].address, sum_insured=3 * CAPITAL)], collateral=1)
    desk.book([Line("Q", customers[1].address)])
    desk.report({RISK: LATE})
    done = desk.settle()
    assert (done.due, done.settled) == (2, 1)
    assert done.waiting == (f"book 1: {settlement._WHOLESALE['CapitalPoolShort']}",)
    assert held(suite, customers[:2]) == [0, HALF]


def test_wholesale_refusals_are_errors_of_the_contracts() -> None:
    """By their names of today."""
    names = {error.name for one in shipped().values() for error in one.abi.errors.values()}
    assert settlement._WHOLESALE.keys() <= names


@pytest.fixture
def poisoned(suite: Suite, tmp_path: Path) -> Iterator[Desk]:
    """Book 1 of 24 due policies in money whose transfer to the seventh payee burns all gas there is."""
    dollar = suite["insurer"].create(compiled("FaultyDollar"))
    faulty = Suite(suite.node, deployed(suite.node, dollar.address))
    endow(faulty)
    burner = "0x" + "fe" * 20
    suite.node.call("anvil_setCode", [burner, "0xfe"])
    faulty["stranger"].send(dollar, "setFault", f"0x{7:040x}", 5)
    faulty["stranger"].send(dollar, "setMessage", burner, b"")
    with desk_of(faulty, tmp_path / "faulty") as made:
        made.book(crowd(24))
        made.report({RISK: LATE})
        yield small_batches(made)


def test_claim_that_breaks_its_batch_is_left_alone_and_the_others_paid(poisoned: Desk) -> None:
    """C5: cut in two again and again until it stands alone; its reason is said, and it stays open."""
    done = poisoned.settle()
    assert (done.due, done.settled, done.owed) == (24, 23, 0)
    (reason,) = done.failed
    assert reason.startswith(f"{RISK}-06: the contract refused")
    assert done.batches <= 3 + 2 * 4
    books, pool = poisoned.suite.books, poisoned.suite.pool
    assert [books.call("isSettled", 1, n) for n in (5, 6, 7)] == [True, False, True]
    assert poisoned.suite.balance(pool) == CAPITAL - 23 * HALF
    again = poisoned.settle()
    assert (again.due, again.settled, len(again.failed)) == (1, 0, 1)


# --- the daily cap


def test_daily_cap_leaves_the_rest_for_the_next_days(due: Desk, customers: tuple[Actor, ...]) -> None:
    """Two claims and a half a day: two today, and the last two tomorrow."""
    administration.set_daily_cap(due.office, 1, 2 * HALF + HALF // 2)
    first = due.settle()
    assert (first.due, first.settled, first.paid) == (4, 2, 2 * HALF)
    assert first.waiting == (
        f"book 1: 2 claims wait: {settlement._WHOLESALE['PolicyBooksDailyCapExceeded']}",
    )
    assert (due.settle().settled, len(due.settle().waiting)) == (0, 1)
    due.suite.clock.move_by(DAY)
    second = due.settle()
    assert (second.settled, second.skipped, second.waiting) == (2, 2, ())
    assert held(due.suite, customers[:4]) == [HALF] * 4


@pytest.mark.parametrize("cap", [0, 4 * HALF], ids=["lifted", "raised"])
def test_daily_cap_lifted_lets_the_rest_through(due: Desk, cap: int) -> None:
    """The same day."""
    administration.set_daily_cap(due.office, 1, HALF)
    assert due.settle().settled == 1
    administration.set_daily_cap(due.office, 1, cap)
    assert due.settle().settled == 3


def test_claim_above_the_cap_holds_up_no_smaller_one(desk: Desk, customers: tuple[Actor, ...]) -> None:
    """Nor does it ever fit by itself: somebody has to raise the cap."""
    first = Line("A", customers[0].address, sum_insured=5 * SUM_INSURED)
    desk.book([first, *lines_for(customers[1:3])], daily_cap=2 * HALF)
    desk.report({RISK: LATE})
    done = desk.settle()
    assert (done.settled, len(done.waiting)) == (2, 1)
    desk.suite.clock.move_by(DAY)
    assert (desk.settle().settled, len(desk.settle().waiting)) == (0, 1)
    administration.set_daily_cap(desk.office, 1, 5 * HALF)
    assert desk.settle().paid == 5 * HALF


def test_daily_cap_is_one_for_all_reports(desk: Desk, customers: tuple[Actor, ...]) -> None:
    """However many come due on one day; what was paid the day before does not count."""
    lines = [Line(f"P-{n}", one.address, f"risk {n}") for n, one in enumerate(customers[:4])]
    desk.book(lines, daily_cap=3 * HALF)
    desk.report({"risk 0": LATE})
    assert desk.settle().settled == 1
    for number in (1, 2, 3):
        publish(desk, {f"risk {number}": LATE})
    desk.suite.clock.move_by(DAY - 1)
    assert desk.settle().due == 0  # none is final yet
    desk.suite.clock.move_by(1)
    done = desk.settle()
    assert (done.due, done.settled, done.waiting) == (3, 3, ())
    assert held(desk.suite, customers[:4]) == [HALF] * 4


def test_daily_cap_spans_the_reports_of_one_run(desk: Desk, customers: tuple[Actor, ...]) -> None:
    """The second report gets what the first left."""
    lines = [Line(f"P-{n}", one.address, f"risk {n // 2}") for n, one in enumerate(customers[:4])]
    desk.book(lines, daily_cap=3 * HALF)
    desk.report({"risk 0": LATE})
    desk.report({"risk 1": LATE})
    done = desk.settle()
    assert (done.due, done.settled, done.batches) == (4, 3, 2)
    assert done.waiting[0].startswith("book 1: 1 claims wait: the daily cap is reached")


# --- payees, rivals, records


def test_payee_the_token_refuses_is_owed(due: Desk, customers: tuple[Actor, ...]) -> None:
    """C5: the others are paid; the money is kept."""
    due.suite.freeze(customers[2])
    done = due.settle()
    assert (done.settled, done.paid, done.owed, done.owed_amount) == (4, 3 * HALF, 1, HALF)
    assert held(due.suite, customers[:4]) == [HALF, HALF, 0, HALF]
    assert due.suite.pool.call("owed", customers[2].address) == HALF


def test_claims_that_somebody_else_settled_meanwhile_are_skipped(
    due: Desk, customers: tuple[Actor, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """C4: between plan and sending a stranger, from the same records, settles half of those claims."""
    stream = due.office.sender.stream

    def overtaken(calls: Any) -> Iterator[Any]:
        administration.set_daily_cap(due.office, 1, 2 * HALF)
        with desk_of(due.suite, due.home, "stranger") as rival:
            assert rival.settle().settled == 2
        administration.set_daily_cap(due.office, 1, 0)
        return stream(calls)

    monkeypatch.setattr(due.office.sender, "stream", overtaken)
    done = due.settle()
    assert (done.due, done.settled, done.paid, done.skipped) == (4, 2, 2 * HALF, 2)
    assert held(due.suite, customers[:4]) == [HALF] * 4


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (
            "UPDATE policies SET payee = x'00000000000000000000000000000000000000aa' WHERE number = 0",
            "book 2",
        ),
        ("UPDATE policies SET risk = 'elsewhere' WHERE book_key = 2", "book 2"),
        ("UPDATE policies SET sum_insured = '1' WHERE book_key = 2", "book 2"),
        ("UPDATE policies SET salt = x'00' WHERE book_key = 2", "book 2"),
        ("DELETE FROM policies WHERE book_key = 2 AND number = 1", "book 2"),
        ("UPDATE observations SET value = '400'", "report 1"),
        ("DELETE FROM observations WHERE position = 0", "report 1"),
    ],
)
def test_altered_records_are_found_before_anything_is_sent(
    desk: Desk, customers: tuple[Actor, ...], change: str, what: str
) -> None:
    """Of the second book, and the first is not settled either: somebody has been at the database."""
    desk.book(lines_for(customers[:2]))
    desk.book([Line("Q", customers[2].address), Line("R", customers[3].address)])
    desk.report({RISK: LATE, OTHER: ON_TIME})
    if what == "book 2":
        change = change.replace("WHERE number = 0", "WHERE book_key = 2 AND number = 0")
    with desk.office.store.writing() as connection:
        connection.exec_driver_sql(change)
    before = sent(desk)
    with pytest.raises(RecordsAltered) as refused:
        desk.settle()
    assert (refused.value.what, sent(desk)) == (what, before)
