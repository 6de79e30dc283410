"""The register of processing: what is in force now, by purpose, recipient, category and basis."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from support.defaults import START
from support.memory import measured
from support.shelf import ANN, BOB, Shelf, days, moment

from troth.consent.register import Processing, register
from troth.store import Store, decisions, insert_rows, schema
from troth.trees.keccak import keccak

GERMANY = "https://w3id.org/dpv/loc#DE"


@pytest.fixture
def shelf(store: Store) -> Shelf:
    """An empty index, on either database."""
    return Shelf(store)


def counted(shelf: Shelf) -> list[tuple[str, str, int, int, int]]:
    """Recipient and basis, granted, overruled, denied."""
    return [(one.recipient, one.basis, one.granted, one.overruled, one.denied) for one in register(shelf)]


def test_entry_tells_how_many_allow_what_how_long_where_and_under_which_notices(shelf: Shelf) -> None:
    """Two of three subjects named no end."""
    shelf.decide(subject=b"\xff" * 32, effective=START - 9, event="urn:uuid:1")
    shelf.decide(expires=START + days(9), notice="urn:troth:notice:1", jurisdiction=GERMANY)
    shelf.decide(subject=BOB, notice="urn:troth:notice:2", jurisdiction=GERMANY)
    assert register(shelf) == [
        Processing(
            purpose="Marketing",
            recipient="acme",
            category="Contact",
            basis="consent",
            granted=3,
            overruled=0,
            denied=0,
            latest_expiry=moment(START + days(9)),
            open_ended=2,
            jurisdictions=["DE"],
            notices=["urn:troth:notice:1", "urn:troth:notice:2"],
        )
    ]


def test_bases_and_scopes_have_an_entry_each_in_order(shelf: Shelf) -> None:
    """A subject counts by the basis of what is in force."""
    shelf.decide(of="Marketing beta Contact", basis="contract")
    shelf.decide(basis="contract")
    shelf.decide(basis="legitimate-interest", subject=BOB)
    shelf.decide("renewed", basis="explicit-consent")
    assert counted(shelf) == [
        ("acme", "explicit-consent", 1, 0, 0),
        ("acme", "legitimate-interest", 1, 0, 0),
        ("beta", "contract", 1, 0, 0),
    ]


def test_grant_under_a_wider_denial_is_counted_as_overruled_k6(shelf: Shelf) -> None:
    """A denial elsewhere, or narrower, overrules nothing."""
    shelf.decide()
    shelf.decide("refused", of="Marketing * *")
    shelf.decide(subject=BOB)
    shelf.decide("refused", of="ServiceProvision * *", subject=BOB)
    assert counted(shelf) == [
        ("*", "consent", 0, 0, 1),
        ("acme", "consent", 2, 1, 0),
        ("*", "consent", 0, 0, 1),
    ]


def test_what_is_over_asked_for_or_corrected_away_is_not_counted(shelf: Shelf) -> None:
    """Nor are erased subjects."""
    shelf.decide(effective=START - 9, expires=START)
    shelf.decide("requested", of="Marketing beta *")
    shelf.decide(of="Marketing gamma *")
    shelf.decide("invalidated", of="Marketing gamma *", corrects=1)
    shelf.decide(subject=BOB)
    shelf.erase(BOB)
    assert register(shelf) == []


def test_memory_does_not_grow_with_the_subjects(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some rows at a time: what 200 take, for 4,000 decisions."""
    monkeypatch.setattr(decisions, "_AT_ONCE", 200)
    shelf.decide(subject=ANN)
    rows = 4_000
    _fill(shelf, rows)
    register(shelf)  # what is loaded and compiled once does not count
    with measured() as memory:
        (entry,) = register(shelf)
    assert entry.granted == rows + 1
    assert memory.peak < 1.5e6


def _fill(shelf: Shelf, count: int) -> None:
    """Copies the only decision to that many other subjects."""
    with shelf.store.writing() as connection:
        (row,) = connection.execute(select(schema.decisions)).all()
        copies = ((2, n, row.tx, keccak(b"subject %d" % n), *row[4:]) for n in range(count))
        insert_rows(connection, schema.decisions, copies)
