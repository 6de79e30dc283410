"""Books, reports and transactions: saved before they leave, found again, never made twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from eth_account import Account
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from troth.chain.transactions import Call, Journal, Receipt, SignedTransaction
from troth.errors import DatabaseFailed
from troth.store import Store, insert_rows, schema
from troth.store.books import (
    NewBook,
    PolicyRow,
    find_book,
    list_books,
    policies_of,
    policies_with_ref,
    save_book,
)
from troth.store.journal import StoredJournal
from troth.store.reports import (
    NewReport,
    ObservationRow,
    find_report,
    list_reports,
    observations_of,
    save_report,
)

MOMENT = datetime(2013, 2, 1, tzinfo=timezone.utc)
POLICIES = [
    PolicyRow(
        number,
        f"P-{number}",
        f"risk {number // 3:02}",
        bytes([number + 1]) * 20,
        10**24 + number,
        7,
        bytes(16),
    )
    for number in range(30)
]
BOOK = NewBook(
    source=b"s" * 32,
    root=b"r" * 32,
    product_id=1,
    policy_count=30,
    sum_insured=sum(policy.sum_insured for policy in POLICIES),
    premium=210,
    collateral=10_000,
    daily_cap=0,
    cover_from=MOMENT,
    cover_until=MOMENT,
    deadline=MOMENT,
)
REPORT = NewReport(b"m" * 32, b"o" * 32, 2, MOMENT, MOMENT)
OBSERVATIONS = [ObservationRow(0, "risk 00", -(2**100)), ObservationRow(1, "risk 01", 2**100)]


def issue(store: Store, book_id: int, root: bytes = BOOK.root) -> None:
    """Puts a BookIssued event into the index."""
    with store.writing() as connection:
        row = (book_id, 0, bytes(32), book_id, 1, root, 30, 1, 1, 1, 0, 0, 0)
        insert_rows(connection, schema.books_issued, [row])


def test_book_comes_back_as_saved(store: Store) -> None:
    """Every field, amounts past 64 bits, policies in order of number."""
    with store.writing() as connection:
        saved = save_book(connection, BOOK, POLICIES)
    with store.reading() as connection:
        assert find_book(connection, key=saved.key) == find_book(connection, source=BOOK.source) == saved
        assert list_books(connection) == [saved]
        assert list(policies_of(connection, saved)) == POLICIES
    assert {name: getattr(saved, name) for name in vars(BOOK)} == vars(BOOK)
    assert not saved.is_issued


def test_saving_the_same_source_again_keeps_the_first_salts(store: Store) -> None:
    """A repeated command gets its first draft, and does not read the new policies at all."""

    def never() -> Iterator[PolicyRow]:
        raise AssertionError("read")
        yield

    with store.writing() as connection:
        first = save_book(connection, BOOK, POLICIES)
    with store.writing() as connection:
        assert save_book(connection, replace(BOOK, root=b"x" * 32), never()) == first
    with store.reading() as connection:
        assert connection.execute(select(func.count()).select_from(schema.policies)).scalar() == 30


@pytest.mark.parametrize(
    ("policies", "reason"),
    [
        (POLICIES[:-1], "add up to"),
        ([*POLICIES[:-1], POLICIES[-1]._replace(sum_insured=1)], "add up to"),
        ([*POLICIES[:-1], POLICIES[-1]._replace(premium=8)], "add up to"),
        (POLICIES[::-1], "number 29, not 0"),
    ],
)
def test_save_book_refuses_what_does_not_add_up(store: Store, policies: list[PolicyRow], reason: str) -> None:
    """Too few policies, another total, another order: nothing is saved."""
    with pytest.raises(ValueError, match=reason), store.writing() as connection:
        save_book(connection, BOOK, policies)
    with store.reading() as connection:
        assert list_books(connection) == []


def test_save_book_refuses_naive_time(store: Store) -> None:
    """A time without a zone is a defect of the caller."""
    with pytest.raises(ValueError, match="no time zone"), store.writing() as connection:
        save_book(connection, replace(BOOK, deadline=datetime(2013, 2, 1)), POLICIES)


def test_book_is_issued_once_the_index_holds_its_root(store: Store) -> None:
    """Another root changes nothing; its own gives the id; the index taking it back makes it a draft again."""
    with store.writing() as connection:
        key = save_book(connection, BOOK, POLICIES).key
    for book_id, root, expected in ((4, b"z" * 32, None), (5, BOOK.root, 5), (6, BOOK.root, 5)):
        issue(store, book_id, root)
        with store.reading() as connection:
            book = find_book(connection, key=key)
            assert book is not None
            assert (book.book_id, book.is_issued) == (expected, expected is not None)
            assert (find_book(connection, book_id=5) == book) is (expected == 5)
    with store.writing() as connection:
        connection.execute(schema.books_issued.delete())
        book = find_book(connection, key=key)
        assert book is not None
        assert not book.is_issued
        assert find_book(connection, book_id=5) is None


def test_policies_of_chosen_risks_come_in_order(store: Store) -> None:
    """Only those risks, unknown and repeated ones doing no harm."""
    with store.writing() as connection:
        book = save_book(connection, BOOK, POLICIES)
        found = list(policies_of(connection, book, ["risk 07", "none", "risk 02", "risk 07"]))
        assert found == POLICIES[6:9] + POLICIES[21:24]
        assert list(policies_of(connection, book, [])) == []


def test_policies_with_ref_tell_their_book(store: Store) -> None:
    """A reference in two books is found in both; an unknown one in none."""
    with store.writing() as connection:
        books = [
            save_book(connection, BOOK, POLICIES),
            save_book(connection, replace(BOOK, source=b"t" * 32, root=b"q" * 32), POLICIES),
        ]
        assert policies_with_ref(connection, "P-3") == [(book, POLICIES[3]) for book in books]
        assert policies_with_ref(connection, "P-30") == []


def test_killed_command_finds_its_draft_and_salts(tmp_path: Path) -> None:
    """kill -9 right after the commit, before the root would have been sent: the draft is whole."""
    url = f"sqlite:///{tmp_path}/troth.db"
    code = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from test_drafts import BOOK, POLICIES
from troth.store import Store
from troth.store.books import save_book
with (store := Store.open(sys.argv[1])).writing() as connection:
    save_book(connection, BOOK, POLICIES)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code, url, str(Path(__file__).parent)], check=False)
    assert done.returncode == -signal.SIGKILL
    with Store.open(url) as store, store.reading() as connection:
        (book,) = list_books(connection)
        assert list(policies_of(connection, book)) == POLICIES


def test_report_comes_back_as_saved_and_once(store: Store) -> None:
    """Fields, values past 64 bits, order; the same data saved again are the same report."""
    with store.writing() as connection:
        saved = save_report(connection, REPORT, OBSERVATIONS)
        assert save_report(connection, REPORT, []) == saved
        other = save_report(connection, replace(REPORT, replaces=3), OBSERVATIONS)
        assert list_reports(connection) == [saved, other]
        assert list(observations_of(connection, saved)) == OBSERVATIONS
    assert not saved.is_published


@pytest.mark.parametrize("observations", [OBSERVATIONS[:1], OBSERVATIONS[::-1]])
def test_save_report_refuses_what_does_not_add_up(store: Store, observations: list[ObservationRow]) -> None:
    """Too few, or in another order: nothing is saved."""
    with pytest.raises(ValueError, match=r"report says|position"), store.writing() as connection:
        save_report(connection, REPORT, observations)
    with store.reading() as connection:
        assert list_reports(connection) == []


def test_report_is_published_once_the_index_holds_its_data(store: Store) -> None:
    """All six data must agree."""
    with store.writing() as connection:
        save_report(connection, REPORT, OBSERVATIONS)
        seconds = int(MOMENT.timestamp())
        row = (1, 0, bytes(32), 8, REPORT.metric, REPORT.root, 2, seconds, seconds, 0, 5)
        insert_rows(connection, schema.reports_published, [(*row[:6], 3, *row[7:])])
        assert find_report(connection, 8) is None
        insert_rows(connection, schema.reports_published, [(2, *row[1:3], 9, *row[4:])])
        found = find_report(connection, 9)
        assert found is not None
        assert found == find_report(connection, REPORT)
        assert found.is_published


KEY = "0x" + "11" * 32
SENDER = Account.from_key(KEY).address


def signed(nonce: int, **fees: int) -> SignedTransaction:
    """A transaction really signed: with a base fee by default, or of the old style given a gasPrice."""
    fees = fees or {"maxFeePerGas": 30 * 10**9, "maxPriorityFeePerGas": 10**9, "type": 2}
    call = Call(
        to=SENDER if nonce else None,
        data=b"\x01" * 300,
        gas=90_000,
        value=5,
        label=f"batch {nonce}",
    )
    fields = {"nonce": nonce, "gas": 90_000, "value": 5, "data": call.data, "chainId": 1, **fees}
    made = Account.sign_transaction(fields | ({"to": SENDER} if nonce else {}), KEY)
    return SignedTransaction(
        hash="0x" + made.hash.hex(),
        raw=bytes(made.raw_transaction),
        sender=SENDER,
        nonce=nonce,
        call=call,
        max_fee=fees.get("maxFeePerGas", fees.get("gasPrice", 0)),
        priority_fee=fees.get("maxPriorityFeePerGas", fees.get("gasPrice", 0)),
    )


def receipt(one: SignedTransaction, succeeded: bool = True) -> Receipt:
    """Its receipt."""
    return Receipt(one.hash, 7, "0x" + "00" * 32, succeeded, 21_000, 10**9, None, ())


def normal(one: SignedTransaction) -> SignedTransaction:
    """With its addresses in lower case."""
    return replace(
        one, sender=one.sender.lower(), call=replace(one.call, to=one.call.to and one.call.to.lower())
    )


@pytest.mark.parametrize("fees", [{}, {"gasPrice": 9}, {"gasPrice": 9, "type": 1, "accessList": ()}])
def test_journal_gives_back_what_was_signed(store: Store, fees: dict[str, int]) -> None:
    """Every field, of new and old style, calls and creations, in the order of signing."""
    journal: Journal = StoredJournal(store)
    assert isinstance(journal, StoredJournal)
    transactions = [signed(nonce, **fees) for nonce in (1, 0, 2)]
    journal.signed(transactions)
    journal.signed([])
    assert list(map(normal, journal.unfinished())) == list(map(normal, transactions))
    assert journal.unfinished("0x" + "00" * 20) == []
    assert len(journal.unfinished(SENDER)) == 3


def test_journal_forgets_what_is_concluded(store: Store) -> None:
    """Mined, reverted and dropped ones are finished; the state says how; signed again, one is open again."""
    journal = StoredJournal(store)
    transactions = [signed(nonce) for nonce in range(4)]
    journal.signed(transactions)
    journal.mined(
        [(transactions[0], receipt(transactions[0])), (transactions[1], receipt(transactions[1], False))]
    )
    journal.dropped([transactions[2]], "replaced")
    journal.dropped([], "nothing")
    assert [one.nonce for one in journal.unfinished()] == [3]
    table = schema.transactions
    with store.reading() as connection:
        rows = connection.execute(
            select(table.c.state, table.c.gas_used, table.c.reason).order_by(table.c.nonce)
        ).all()
    assert rows == [
        ("mined", 21_000, None),
        ("reverted", 21_000, None),
        ("dropped", None, "replaced"),
        ("signed", None, None),
    ]
    journal.signed(transactions[2:3])
    assert sorted(one.nonce for one in journal.unfinished()) == [2, 3]


def test_journal_names_one_owner_of_a_nonce(store: Store) -> None:
    """Mined again after a reorganisation, by another transaction: the first is dropped, others stay."""
    journal = StoredJournal(store)
    first, other, again = signed(0), signed(1), signed(0, gasPrice=9)
    journal.signed([first, other])
    journal.mined([(first, receipt(first)), (other, receipt(other))])
    journal.signed([again])
    journal.mined([(again, receipt(again))])
    table = schema.transactions.c
    with store.reading() as connection:
        rows = connection.execute(select(table.nonce, table.state, table.reason).order_by(table.key)).all()
    why = f"the chain took its block back; {again.hash} was mined instead"
    assert rows == [(0, "dropped", why), (1, "mined", None), (0, "mined", None)]


def test_journal_that_fails_has_stored_nothing(tmp_path: Path) -> None:
    """A database error in the middle raises, so that nothing is sent, and leaves no row."""
    with Store.open(f"sqlite:///{tmp_path}/troth.db") as store:
        with store.writing() as connection:
            connection.exec_driver_sql(
                "CREATE TRIGGER broken BEFORE INSERT ON transactions WHEN NEW.nonce = 2 "
                "BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END"
            )
        journal = StoredJournal(store)
        with pytest.raises(IntegrityError, match="disk I/O error"):
            journal.signed([signed(nonce) for nonce in range(4)])
        assert journal.unfinished() == []


def test_database_gone_is_named(tmp_path: Path) -> None:
    """A read-only database raises DatabaseFailed."""
    with Store.open(f"sqlite:///{tmp_path}/troth.db") as store, store.reading() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
        with pytest.raises(DatabaseFailed, match="readonly"), store._failing_by_name():
            insert_rows(connection, schema.blocks, [(1, bytes(32))])
