"""The demo's own folder, calendar and arithmetic; as a whole it runs in tests/integration/test_demo.py."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from troth.claims.ledger import Reconciliation
from troth.claims.settlement import Settlement
from troth.config import Settings
from troth.demo import DemoResult, Flights, Replay, _bounds, _check_former, _clear, _settings, run
from troth.errors import BadInput, BadSetting

SETTLEMENT = Settlement(
    due=3,
    due_amount=750,
    settled=3,
    paid=750,
    owed=0,
    owed_amount=0,
    skipped=0,
    gas_used=120_000,
    transactions=("0x01",),
    waiting=(),
    failed=(),
)
RECONCILIATION = Reconciliation(
    block=9,
    books=1,
    policies=100,
    claims=3,
    cancelled=0,
    events=3,
    paid=750,
    owed=0,
    balances=750,
    found=0,
    differences=(),
)
RESULT = DemoResult(
    home=Path("demo"),
    symbol="TUSD",
    decimals=6,
    flights=Flights(1_000, 20, 8, 3),
    policies=100,
    sum_insured=25_000,
    premium=1_000,
    settlement=SETTLEMENT,
    replay=Replay(skipped=3, paid=0),
    gas_per_claim=40_000,
    gas_per_transfer=53_000,
    seconds={},
    reconciliation=RECONCILIATION,
    example="NYC-2013-01-000001",
)


def test_figures_that_agree_add_up() -> None:
    """Due = settled = claims = events, paid = balances, and nothing by sending again."""
    assert RESULT.adds_up


@pytest.mark.parametrize(
    "changed",
    [
        replace(RESULT, replay=Replay(skipped=0, paid=250)),
        replace(RESULT, policies=101),
        replace(RESULT, settlement=replace(SETTLEMENT, settled=2)),
        replace(RESULT, settlement=replace(SETTLEMENT, due=4)),
        replace(RESULT, settlement=replace(SETTLEMENT, paid=1_000)),
        replace(RESULT, reconciliation=replace(RECONCILIATION, claims=2)),
        replace(RESULT, reconciliation=replace(RECONCILIATION, events=4)),
        replace(RESULT, reconciliation=replace(RECONCILIATION, paid=500)),
        replace(RESULT, reconciliation=replace(RECONCILIATION, balances=500)),
        replace(RESULT, reconciliation=replace(RECONCILIATION, found=1, differences=("one",))),
    ],
)
def test_any_figure_that_differs_does_not_add_up(changed: DemoResult) -> None:
    """Each source counts."""
    assert not changed.adds_up


@pytest.mark.parametrize(
    ("month", "ends"), [((2013, 1), datetime(2013, 2, 1)), ((2013, 12), datetime(2014, 1, 1))]
)
def test_month_ends_where_the_next_begins(month: tuple[int, int], ends: datetime) -> None:
    """Across the year's end, too."""
    begins = datetime(*month, 1, tzinfo=timezone.utc)
    assert _bounds(month) == (begins, ends.replace(tzinfo=timezone.utc))


def test_demo_never_uses_the_users_node_keys_or_database(tmp_path: Path) -> None:
    """Only gas, fees and patience are the user's."""
    key = tmp_path / "key.json"
    key.touch()
    users = Settings.read(
        {"TROTH_BATCH_GAS": "5000000"},
        home=tmp_path,
        rpc="http://example.com",
        keystore=key,
        oracle_keystores=str(key),
        database_url="postgresql://insurer@db/real",
    )
    own = _settings(users)
    assert (own.rpc, own.keystore, own.oracle_keystores, own.confirmations) == (None, None, (), 0)
    assert own.database_url == f"sqlite:///{tmp_path}/demo/troth.db"
    assert (own.home, own.batch_gas, own.challenge_period) == (tmp_path / "demo", 5_000_000, 86_400)


def test_former_demo_is_cleared(tmp_path: Path) -> None:
    """All but its mark."""
    home = tmp_path / "demo"
    _clear(home)
    (home / "chain").mkdir()
    (home / "chain" / "state.json").touch()
    (home / "book.csv").touch()
    _check_former(home)
    _clear(home)
    assert [path.name for path in home.iterdir()] == ["demo.txt"]


def test_folder_that_is_absent_or_empty_is_taken(tmp_path: Path) -> None:
    """Nothing can be lost."""
    _check_former(tmp_path / "demo")
    _check_former(tmp_path)


@pytest.mark.parametrize("content", ["", "Made by hand.\n"])
def test_folder_with_another_mark_is_refused(tmp_path: Path, content: str) -> None:
    """The name of the file alone is no proof."""
    (tmp_path / "demo.txt").write_text(content)
    with pytest.raises(BadSetting, match="no former demo's"):
        _check_former(tmp_path)


def test_file_and_link_are_refused(tmp_path: Path) -> None:
    """A link may lead to anything."""
    home = tmp_path / "former"
    _clear(home)
    (tmp_path / "link").symlink_to(home)
    (tmp_path / "file").touch()
    for name in ("link", "file"):
        with pytest.raises(BadSetting, match="no former demo's"):
            _check_former(tmp_path / name)


def test_month_without_flights_leaves_a_former_demo_as_it_is(tmp_path: Path) -> None:
    """Read first, cleared after."""
    home = tmp_path / "demo"
    _clear(home)
    (home / "book.csv").touch()
    with pytest.raises(BadInput, match="no flights of that month"):
        run(Settings.read({}, home=tmp_path), policies=1, month=(1999, 1))
    assert (home / "book.csv").exists()
