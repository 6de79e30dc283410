"""What two processes save at once is saved once: the second waits, and finds what the first saved."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select
from test_drafts import BOOK, OBSERVATIONS, POLICIES, REPORT

from troth.store import Store, schema
from troth.store.books import save_book
from troth.store.consents import save_expiry_event, save_notice
from troth.store.imports import save_import
from troth.store.reports import Report, save_report


def save_notices(connection: Connection, *names: str) -> None:
    """Keeps the texts of notices, in this order."""
    for name in names:
        save_notice(connection, f"ni:///sha-256;{name}", f"{name}.txt", "text/plain", b"We will.")


def save_anew(connection: Connection, number: int) -> Report:
    """Saves the same observations as of now, a second later each time."""
    ends = REPORT.period_end + timedelta(seconds=number)
    return save_report(connection, replace(REPORT, period_end=ends), OBSERVATIONS, any_period=True)


SAVED = {
    schema.books: lambda connection, _: save_book(connection, BOOK, POLICIES),
    schema.reports: save_anew,
    schema.imports: lambda connection, number: save_import(connection, bytes(32), f"{number}.csv", []),
    schema.notices: lambda connection, _: save_notices(connection, "a"),
    schema.expiry_events: lambda connection, number: save_expiry_event(
        connection, f"urn:uuid:{number}", bytes(32)
    ),
}


@pytest.mark.parametrize(("table", "save"), SAVED.items(), ids=[table.name for table in SAVED])
def test_second_to_save_finds_what_the_first_saved(
    store: Store, table: Any, save: Callable[[Connection, int], Any]
) -> None:
    """Though it began before the first had committed."""
    found: list[Any] = []

    def second() -> None:
        with store.writing() as connection:
            found.append(save(connection, 2))

    thread = threading.Thread(target=second)
    with store.writing() as connection:
        first = save(connection, 1)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        rows = connection.execute(table.select()).all()
    thread.join(30)
    assert found == [first]
    with store.reading() as connection:
        assert connection.execute(table.select()).all() == rows


def test_notices_of_two_files_in_another_order_do_not_lock_each_other_out(store: Store) -> None:
    """Each would wait for what the other has kept, and PostgreSQL end one of them."""

    def second() -> None:
        with store.writing() as connection:
            save_notices(connection, "b", "a", "c")

    thread = threading.Thread(target=second)
    with store.writing() as connection:
        save_notices(connection, "a")
        thread.start()
        thread.join(0.3)
        save_notices(connection, "b")
    thread.join(30)
    with store.reading() as connection:
        names = connection.execute(select(schema.notices.c.name)).scalars()
        assert sorted(names) == ["a.txt", "b.txt", "c.txt"]
