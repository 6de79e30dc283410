"""Wide integers: exact at their bounds on both databases, refused beyond them."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, select

from troth.store import Store, insert_rows, schema
from troth.store.types import Amount, ExactInteger, Observed, Total

BOUNDS = [(Amount(), 0, 2**96 - 1), (Total(), 0, 2**256 - 1), (Observed(), -(2**127), 2**127 - 1)]


@pytest.mark.parametrize(("kind", "lowest", "highest"), BOUNDS)
def test_text_is_exact_within_bounds_and_refused_beyond(
    kind: ExactInteger, lowest: int, highest: int
) -> None:
    """Both bounds are in, one past either is out."""
    assert (kind.text(lowest), kind.text(highest)) == (str(lowest), str(highest))
    for value in (lowest - 1, highest + 1):
        with pytest.raises(ValueError, match="no integer from"):
            kind.text(value)


@pytest.mark.parametrize("value", [1.0, True, "1"])
def test_text_refuses_what_is_no_integer(value: object) -> None:
    """No float comes near an amount, nor a bool or text that looks like one."""
    with pytest.raises(ValueError, match="no integer"):
        Amount().text(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [-(2**127), -1, 0, 2**53 + 1, 2**63, 2**127 - 1])
@pytest.mark.parametrize("bulk", [True, False])
def test_values_come_back_as_they_went(store: Store, value: int, bulk: bool) -> None:
    """By either way in, past 53 and 63 bits too."""
    with store.writing() as connection:
        report = {"metric": b"", "root": b"", "count": 1, "period_start": 0, "period_end": 0, "replaces": 0}
        connection.execute(insert(schema.reports).values(key=1, drafted_at=0, **report))
        if bulk:
            insert_rows(connection, schema.observations, [(1, 0, "risk", value)])
        else:
            row = {"report_key": 1, "position": 0, "risk": "risk", "value": value}
            connection.execute(insert(schema.observations).values(row))
        assert connection.execute(select(schema.observations.c.value)).scalar() == value


def test_insert_rows_refuses_amount_out_of_range(store: Store) -> None:
    """The bulk way checks bounds too, and leaves nothing."""
    row = (1, 0, bytes(32), 1, bytes(20), 2**96)
    with pytest.raises(ValueError, match="no integer"), store.writing() as connection:
        insert_rows(connection, schema.premiums, [row])
    with store.reading() as connection:
        assert connection.execute(select(schema.premiums)).all() == []
