"""The demo's own folder, calendar and arithmetic; as a whole it runs in tests/integration/test_demo.py."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from troth.claims.ledger import Reconciliation
from troth.claims.settlement import Settlement
from troth.config import Settings
from troth.consent.status import Answer
from troth.demo.consents import Consents, Withdrawal
from troth.demo.interactions import CONTACTS, Interactions
from troth.demo.month import DemoResult, Flights, Replay, _bounds, _check_former, _clear, _settings, run
from troth.demo.people import customers
from troth.errors import BadInput, BadSetting, Busy
from troth.home import locked
from troth.interactions.counts import DayCount

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
WITHHELD = replace(SETTLEMENT, due=2, due_amount=800, settled=1, paid=400, withheld=1, withheld_amount=400)
LATER = replace(SETTLEMENT, due=1, due_amount=400, settled=1, paid=400)
DAY = datetime(2013, 2, 8, tzinfo=timezone.utc)


def answer(*, permitted: bool) -> Answer:
    """What was in force; only that counts here."""
    names = [name for name in Answer.__dataclass_fields__ if name != "permitted"]
    return Answer(permitted=permitted, **dict.fromkeys(names))  # type: ignore[arg-type]


CONSENTS = Consents(
    customers=200,
    decisions=210,
    verified=2,
    policies=2,
    first=WITHHELD,
    second=LATER,
    withdrawal=Withdrawal(DAY, DAY, answer(permitted=True), answer(permitted=True), answer(permitted=False)),
)
INTERACTIONS = Interactions(
    contacts=CONTACTS - 1,
    repeated=CONTACTS - 1,
    batches=2,
    gas=54_000,
    missing=DayCount(DAY.date(), declared=8, accepted=7, anchored=7, missing=1, surplus=0),
    agrees=True,
    proved={"inclusion": True, "absence": True},
    refused=True,
    withheld=12,
    contacts_shown=9,
    example=Path("receipt.json"),
)
RECONCILIATION = Reconciliation(
    block=9,
    books=2,
    policies=102,
    claims=5,
    cancelled=0,
    events=5,
    paid=1_550,
    owed=0,
    balances=1_550,
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
    consents=CONSENTS,
    interactions=INTERACTIONS,
)


def test_figures_that_agree_add_up() -> None:
    """Due = settled = claims = events, paid = balances, and nothing by sending again."""
    assert RESULT.adds_up


@pytest.mark.parametrize(
    "changed",
    [
        replace(RESULT, replay=Replay(skipped=0, paid=250)),
        replace(RESULT, policies=101),
        replace(RESULT, interactions=replace(INTERACTIONS, contacts=CONTACTS - 2)),
        replace(RESULT, interactions=replace(INTERACTIONS, repeated=0)),
        replace(RESULT, interactions=replace(INTERACTIONS, missing=replace(INTERACTIONS.missing, missing=0))),
        replace(RESULT, interactions=replace(INTERACTIONS, missing=replace(INTERACTIONS.missing, surplus=1))),
        replace(RESULT, interactions=replace(INTERACTIONS, agrees=False)),
        replace(RESULT, interactions=replace(INTERACTIONS, proved={"inclusion": True, "absence": False})),
        replace(RESULT, interactions=replace(INTERACTIONS, refused=False)),
        replace(RESULT, consents=replace(CONSENTS, policies=3)),
        replace(RESULT, consents=replace(CONSENTS, first=replace(WITHHELD, withheld=0))),
        replace(RESULT, consents=replace(CONSENTS, second=replace(LATER, settled=0))),
        replace(RESULT, consents=replace(CONSENTS, second=replace(LATER, withheld=1))),
        replace(RESULT, consents=replace(CONSENTS, first=replace(WITHHELD, paid=0))),
        *(
            replace(
                RESULT,
                consents=replace(
                    CONSENTS,
                    withdrawal=replace(CONSENTS.withdrawal, **{place: answer(permitted=place == "after")}),
                ),
            )
            for place in ("before", "unknown", "after")
        ),
        replace(RESULT, settlement=replace(SETTLEMENT, settled=2)),
        replace(RESULT, settlement=replace(SETTLEMENT, due=4)),
        replace(RESULT, settlement=replace(SETTLEMENT, paid=1_000)),
        replace(RESULT, reconciliation=replace(RECONCILIATION, claims=4)),
        replace(RESULT, reconciliation=replace(RECONCILIATION, events=6)),
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


def test_one_demo_at_a_time(tmp_path: Path) -> None:
    """In a home that is its owner's alone."""
    home = tmp_path / "home"
    with locked(home, "demo.lock"), pytest.raises(Busy) as refused:
        run(Settings.read({}, home=home))
    assert refused.value.what == str(home / "demo")


def test_home_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """By name, and before the flights are read."""
    (tmp_path / "file").touch()
    with pytest.raises(BadSetting, match=r"TROTH_HOME: .*: cannot be written: Not a directory"):
        run(Settings.read({}, home=tmp_path / "file" / "home"))


# --- customers


def test_customers_are_made_up_and_each_their_own() -> None:
    """Numbers nobody has, addresses of a domain nobody can have, and no two alike."""
    people = customers(200, 2013)
    for name in ("ref", "name", "phone", "email", "address"):
        assert len({getattr(one, name) for one in people}) == 200
    assert len({one.wallet.address for one in people}) == 200
    for one in people:
        assert one.phone[:3] == "+1 "
        assert " 555 01" in one.phone
        assert one.email.endswith("@example.com")
        assert len(one.words("recorded call")) <= 200


def test_customers_are_the_same_for_the_same_seed() -> None:
    """And others for another; nothing of them is in what is printed of them."""
    people = customers(20, 7)
    assert [one.words("") for one in people] == [one.words("") for one in customers(20, 7)]
    assert [one.wallet.address for one in people] != [one.wallet.address for one in customers(20, 8)]
    assert repr(people[0]) == "Customer()"
