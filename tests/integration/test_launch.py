"""Bringing Troth up: once on a home's own chain, once on another, and what happens when a chain is lost."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from eth_account import Account
from support import Suite

from troth import launch as launching
from troth.chain import anvil
from troth.chain.rpc import Node
from troth.claims import pool, products, reports
from troth.claims.intake import read_product
from troth.config import Settings
from troth.deployment import Terms
from troth.errors import BadSetting, Busy, NoFunds, WrongChain
from troth.home import SENDING, locked
from troth.launch import CAPITAL, PURSE, launch, launch_at
from troth.office import Office

RICH = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"  # Anvil's first, known to all
POOR = "0x" + "11" * 32
PRODUCT = 'name = "delay"\nmetric = "delay, minutes"\ndirection = "at_least"\ntiers = [[180, 10000]]\n'


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home whose chain is stopped in the end."""
    yield tmp_path
    anvil.down(tmp_path)


@pytest.fixture
def settings(home: Path) -> Settings:
    """Of that home, whatever the environment says."""
    return Settings.read({}, home=home)


def keystore(folder: Path, key: str) -> Path:
    """An encrypted key file, quick to open."""
    path = folder / f"key-{key[2:6]}.json"
    path.write_text(json.dumps(Account.encrypt(key, "secret", kdf="pbkdf2", iterations=1)))
    return path


def remote(home: Path, node: Node, key: str = RICH) -> Settings:
    """Settings for a chain that is not the home's own."""
    file = keystore(home, key)
    return Settings.read({"TROTH_PASSWORD": "secret"}, home=home, rpc=node.url, keystore=file)


def terms(**changes: object) -> Terms:
    """Two oracles, both needed."""
    oracles = ("0x" + "0a" * 20, "0x" + "0b" * 20)
    return Terms(**{"oracles": oracles, "quorum": 2, **changes})  # type: ignore[arg-type]


def test_new_home_gets_a_chain_with_a_funded_pool(settings: Settings) -> None:
    """Deployed, and the operator has a purse for premiums."""
    launched = launch(settings)
    assert (launched.deployed, launched.moved) == (True, None)
    with Office.open(settings) as office:
        found = pool.show(office)
        assert (found.assets, found.balance, found.worth) == (CAPITAL, PURSE, CAPITAL)
        assert office.contract("OracleReports").call("quorum") == 2
        assert office.contract("OracleReports").call("challengePeriod") == 0
        assert all(
            office.contract("OracleReports").call("isOracle", oracle.address) for oracle in office.oracles
        )


def test_up_again_finds_what_is_there(settings: Settings) -> None:
    """Running, and stopped in between; the very same contracts, and no second endowment."""
    first = launch(settings)
    again = launch(settings)
    anvil.down(settings.home)
    later = launch(settings)
    assert [one.deployed for one in (again, later)] == [False, False]
    assert first.deployment == again.deployment == later.deployment
    with Office.open(settings) as office:
        assert pool.show(office).assets == CAPITAL


def test_lost_chain_is_replaced_and_its_records_are_kept(settings: Settings, home: Path) -> None:
    """Said with the place; nothing is deleted, and the new database is a new one."""
    launch(settings)
    with Office.open(settings) as office:
        office.sync()
    anvil.down(home)
    shutil.rmtree(home / "chain")
    second = launch(settings)
    assert second.deployed
    assert second.moved is not None
    assert second.moved.is_file()
    assert len(list((home / "deployments").glob("embedded.json.*"))) == 1
    with Office.open(settings) as office:
        office.sync()


def test_records_of_a_lost_chain_stay_while_somebody_is_at_work_on_them(
    settings: Settings, home: Path
) -> None:
    """Such as contacts being taken in: what is accepted later must not go into a file out of the way."""
    launch(settings)
    with Office.open(settings) as office:
        office.sync()
        anvil.down(home)
        shutil.rmtree(home / "chain")
        with pytest.raises(Busy, match=rf"the database {home}/troth\.db: wait until it is done$"):
            launch(settings)
        assert sorted(one.name for one in (home / "deployments").iterdir()) == ["embedded.json"]
        with office.store.writing() as connection:
            connection.exec_driver_sql("CREATE TABLE accepted (late)")
    moved = launch(settings).moved
    assert moved is not None
    with closing(sqlite3.connect(moved)) as connection:
        assert connection.execute("SELECT count(*) FROM accepted").fetchone() == (0,)


def test_broken_database_is_moved_as_it_is(settings: Settings, home: Path) -> None:
    """Whatever it was, it is kept."""
    (home / "troth.db").write_bytes(b"no database" * 1000)
    moved = launch(settings).moved
    assert moved is not None
    assert moved.read_bytes() == b"no database" * 1000


def test_database_that_holds_nothing_stays(settings: Settings, home: Path) -> None:
    """There is nothing in it to keep apart."""
    launch(settings)
    with Office.open(settings):
        pass
    anvil.down(home)
    shutil.rmtree(home / "chain")
    assert launch(settings).moved is None
    assert (home / "troth.db").exists()


def test_deployment_cut_short_is_begun_anew(settings: Settings, home: Path) -> None:
    """Killed before the file was written, the next one deploys again, endowment and all."""
    launch(settings)
    (home / "deployments" / "embedded.json").unlink()
    assert launch(settings).deployed
    with Office.open(settings) as office:
        assert pool.show(office).assets == CAPITAL


def test_deploying_waits_for_nobody_who_is_sending(settings: Settings, home: Path) -> None:
    """Two at once would mix up the account's nonces; what is there already needs no lock."""
    with locked(home, SENDING), pytest.raises(Busy):
        launch(settings, patience=0.1)
    launch(settings)
    with locked(home, SENDING):
        assert not launch(settings, patience=0).deployed


def test_up_several_times_at_once_deploys_once(home: Path) -> None:
    """Whoever is not the first finds what the first has deployed."""
    program = (
        "from troth.config import Settings; from troth.launch import launch; "
        f"done = launch(Settings.read({{}}, home={str(home)!r})); "
        "print(done.deployed, done.deployment.addresses['PolicyBooks'])"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    said = [run.communicate(timeout=120)[0].split() for run in runs]
    assert sorted(deployed for deployed, _ in said) == ["False", "False", "True"]
    assert len({address for _, address in said}) == 1


def test_home_that_cannot_be_is_refused(tmp_path: Path, suite: Suite) -> None:
    """By name, whichever chain it would be for."""
    (tmp_path / "file").touch()
    home = tmp_path / "file" / "home"
    named = r"TROTH_HOME: .*: cannot be written: Not a directory"
    with pytest.raises(BadSetting, match=named):
        launch(Settings.read({}, home=home))
    with pytest.raises(BadSetting, match=named):
        launch_at(Settings.read({}, home=home, rpc=suite.node.url), terms())


def test_two_homes_have_a_chain_each(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    """At once, on ports of their own."""
    other = Settings.read({}, home=tmp_path_factory.mktemp("other"))
    try:
        one, two = launch(settings), launch(other)
        assert one.url != two.url
    finally:
        anvil.down(other.home)


def test_time_passes_on_a_chain_where_nothing_happens(home: Path) -> None:
    """A report becomes final though no block is mined: contracts are asked about the present."""
    settings = Settings.read({"TROTH_CHALLENGE_PERIOD": "8"}, home=home)
    launch(settings)
    (home / "product.toml").write_text(PRODUCT)
    (home / "seen.csv").write_text("risk,value\nUA 1,200\n")
    with Office.open(settings) as office:
        products.add(office, read_product(home / "product.toml"))
        report = reports.publish(office, home / "seen.csv", "delay").report_id
        block, before = office.node.call("eth_blockNumber"), office.now()
        is_final = [office.contract("OracleReports").call("isFinal", report)]
        time.sleep(8.5)
        is_final.append(office.contract("OracleReports").call("isFinal", report))
        assert is_final == [False, True]
        assert office.now() - before >= timedelta(seconds=8)
        assert office.node.call("eth_blockNumber") == block


# --- on another chain


def test_suite_is_deployed_there_once_by_the_key(suite: Suite, tmp_path: Path) -> None:
    """Play money on a development chain; the second time nothing is sent."""
    given = remote(tmp_path, suite.node)
    first = launch_at(given, terms())
    block = suite.node.call("eth_blockNumber")
    again = launch_at(given, Terms((), 0))
    assert (first.deployed, again.deployed) == (True, False)
    assert first.deployment == again.deployment
    assert suite.node.call("eth_blockNumber") == block
    assert first.deployment.deployer == Account.from_key(RICH).address
    assert (tmp_path / "deployments" / f"chain-{suite.node.chain_id}.json").is_file()
    with Office.open(given) as office:
        assert pool.show(office).assets == CAPITAL


def test_suite_that_is_there_is_found_while_somebody_sends(suite: Suite, tmp_path: Path) -> None:
    """As during a long settlement; where there is none yet, the lock is waited for, and not for ever."""
    given = remote(tmp_path, suite.node)
    with locked(tmp_path, SENDING), pytest.raises(Busy):
        launch_at(given, terms(), patience=0.1)
    first = launch_at(given, terms())
    with locked(tmp_path, SENDING):
        assert launch_at(given, terms(), patience=0).deployment == first.deployment


def test_up_twice_at_once_deploys_there_once(suite: Suite, tmp_path: Path) -> None:
    """The second waits for the first, and finds what it has deployed."""
    given = remote(tmp_path, suite.node)
    with ThreadPoolExecutor() as pool:
        both = list(pool.map(lambda _: launch_at(given, terms()), range(2)))
    assert sorted(one.deployed for one in both) == [False, True]
    assert both[0].deployment == both[1].deployment


def test_token_given_is_the_money_and_none_is_made(suite: Suite, tmp_path: Path) -> None:
    """The pool starts empty."""
    given = remote(tmp_path, suite.node)
    launch_at(given, terms(token=suite.token.address))
    with Office.open(given) as office:
        assert office.token.address == suite.token.address
        assert pool.show(office).assets == 0


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"oracles": ()}, "--oracle"),
        ({"oracles": ("0x" + "0a" * 20,) * 2}, "--oracle"),
        ({"quorum": 3}, "--quorum"),
        ({"quorum": 0}, "--quorum"),
    ],
)
def test_terms_that_cannot_work_are_refused(
    suite: Suite, tmp_path: Path, changes: dict[str, object], option: str
) -> None:
    """By option, before a key is opened."""
    with pytest.raises(BadSetting) as refused:
        launch_at(remote(tmp_path, suite.node), terms(**changes))
    assert refused.value.name == option


def test_play_money_reaches_no_real_network_unasked(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere than on a development chain it takes the option that says so."""
    monkeypatch.setattr(Node, "is_development", False)
    given = remote(tmp_path, suite.node)
    with pytest.raises(BadSetting) as refused:
        launch_at(given, terms())
    assert refused.value.name == "--token"
    monkeypatch.setattr(launching, "_deploy", lambda *_: pytest.fail("reached"))
    with pytest.raises(pytest.fail.Exception, match="reached"):
        launch_at(given, terms(), play_money=True)


def test_key_without_ether_deploys_nothing(suite: Suite, tmp_path: Path) -> None:
    """And leaves no file that says otherwise."""
    with pytest.raises(NoFunds):
        launch_at(remote(tmp_path, suite.node, POOR), terms())
    assert not (tmp_path / "deployments").exists()


def test_deploying_takes_a_key(suite: Suite, tmp_path: Path) -> None:
    """Asked for by option."""
    with pytest.raises(BadSetting, match="--keystore"):
        launch_at(Settings.read({}, home=tmp_path, rpc=suite.node.url), terms())


def test_another_chain_is_never_deployed_on_again(suite: Suite, tmp_path: Path) -> None:
    """The home remembers a deployment that this chain does not have: somebody has to look."""
    given = remote(tmp_path, suite.node)
    launch_at(given, terms())
    path = tmp_path / "deployments" / f"chain-{suite.node.chain_id}.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "genesis": "0x" + "00" * 32}))
    with pytest.raises(WrongChain):
        launch_at(given, terms())
