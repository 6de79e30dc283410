"""Where commands work: what is opened, when, and for whom.

open
├── the home's chain is down: refused · nothing deployed: refused · another chain: refused
└── else: node, deployment and database, and no key
sender
├── first use: the home's lock, the key, and what a killed command left under way is finished
├── lock taken: busy, until the other is done · no home to lock: refused
├── could not be made: the lock is free, for a second try and for others
└── key: given · keystore · development account · none named: refused · wrong password: refused
account: the keystore's, unopened · the development account's · unknown
oracles: given · development accounts 1 to 3 · keystores · none named: refused; in order of address
facts: decimals, symbol, amounts, time, gas cap, contracts, the index
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from unittest.mock import Mock

import pytest
from eth_account import Account
from support import Actor, Suite
from support.defaults import START

from troth import deployment as deployments
from troth import office as offices
from troth.chain.anvil import Embedded
from troth.chain.rpc import Node
from troth.chain.sender import Sender
from troth.chain.transactions import SignedTransaction
from troth.config import GAS_CAP, Settings
from troth.errors import BadSetting, Busy, NoNode, NotDeployed, WrongChain, WrongPassword
from troth.office import Office, deployment_file
from troth.store import Store
from troth.store.journal import StoredJournal

RIGHT, WRONG = "secret", "wrong"
KEYS = [f"0x{number + 1:064x}" for number in range(10)]


@pytest.fixture
def remote(suite: Suite, tmp_path: Path) -> Settings:
    """Settings that name the suite's chain as one that is not the home's own; its deployment is on file."""
    settings = Settings(home=tmp_path, rpc=suite.node.url, database_url=f"sqlite:///{tmp_path}/troth.db")
    deployments.save(suite.deployment, deployment_file(settings, suite.node))
    return settings


@pytest.fixture
def embedded(suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a home whose own chain is the suite's, with development keys."""
    accounts = tmp_path / "keys.json"
    accounts.write_text(json.dumps({"private_keys": KEYS}))
    chain = Embedded(suite.node.url, os.getpid(), accounts, tmp_path / "log")
    monkeypatch.setattr(offices.anvil, "status", lambda _home: chain)
    settings = Settings(home=tmp_path, database_url=f"sqlite:///{tmp_path}/troth.db")
    deployments.save(suite.deployment, deployment_file(settings, suite.node))
    return settings


def keystore(folder: Path, key: str) -> Path:
    """An encrypted key file, quick to open by the right password."""
    path = folder / f"{key[-4:]}.json"
    path.write_text(json.dumps(Account.encrypt(key, RIGHT, kdf="pbkdf2", iterations=1)))
    return path


def with_key(settings: Settings, key: str = KEYS[0], password: str = RIGHT) -> Settings:
    """The settings with a key file to sign by."""
    given = {**vars(settings), "keystore": keystore(settings.home, key), "password": password}
    return Settings(**given)


def address(key: str) -> str:
    """Of a private key."""
    return str(Account.from_key(key).address)


# --- open


def test_open_finds_chain_deployment_and_database(remote: Settings, suite: Suite) -> None:
    """Reading takes no key and no lock."""
    with Office.open(remote) as office:
        assert office.deployment.addresses == suite.deployment.addresses
        assert office.node.url == suite.node.url
        office.sync()
    assert not (remote.home / "sending.lock").exists()


def test_open_finds_the_homes_own_chain(embedded: Settings, suite: Suite) -> None:
    """Whose deployment is on file under its own name."""
    with Office.open(embedded) as office:
        assert office.node.url == suite.node.url
    assert (embedded.home / "deployments" / "embedded.json").is_file()


def test_open_refuses_a_home_whose_chain_is_down(tmp_path: Path) -> None:
    """Naming the home."""
    with pytest.raises(NoNode, match=f"the embedded chain of {tmp_path}"):
        Office.open(Settings(home=tmp_path))


def test_open_refuses_a_chain_without_a_deployment(remote: Settings, suite: Suite) -> None:
    """Before a database is made."""
    deployment_file(remote, suite.node).unlink()
    with pytest.raises(NotDeployed):
        Office.open(remote)
    assert not (remote.home / "troth.db").exists()


def test_open_refuses_another_chain_than_the_one_on_file(remote: Settings, suite: Suite) -> None:
    """Before a database is made, too."""
    path = deployment_file(remote, suite.node)
    path.write_text(json.dumps({**json.loads(path.read_text()), "genesis": "0x" + "00" * 32}))
    with pytest.raises(WrongChain):
        Office.open(remote)
    assert not (remote.home / "troth.db").exists()


def test_deployment_files_of_several_chains_lie_side_by_side(suite: Suite, tmp_path: Path) -> None:
    """A chain by its id, the home's own by name."""
    own, other = Settings(home=tmp_path), Settings(home=tmp_path, rpc=suite.node.url)
    files = [deployment_file(one, suite.node) for one in (own, other)]
    assert files == [tmp_path / "deployments" / name for name in ("embedded.json", "chain-31337.json")]


# --- sender


def test_sender_locks_the_home_until_the_office_closes(remote: Settings) -> None:
    """Two commands never send from one account at once."""
    settings = with_key(remote)
    with Office.open(settings) as first, Office.open(settings) as second:
        assert first.sender is first.sender
        with pytest.raises(Busy, match=f"{settings.home}: wait .* another TROTH_HOME"):
            _ = second.sender
        first.sync()
        second.sync()  # reading goes on
    with Office.open(settings) as third:
        assert third.sender.address == address(KEYS[0])


def test_sender_that_could_not_open_its_key_leaves_no_lock(remote: Settings) -> None:
    """Once its office is closed."""
    with pytest.raises(WrongPassword), Office.open(with_key(remote, password=WRONG)) as office:
        _ = office.sender
    with Office.open(with_key(remote)) as office:
        _ = office.sender


def test_sender_that_could_not_be_made_is_made_at_the_next_try(
    remote: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node was down just then: the office stays open, and others may be quicker."""
    settings, tries = with_key(remote), iter([NoNode("http://node")])

    def resume(*_: object) -> None:
        if (error := next(tries, None)) is not None:
            raise error

    monkeypatch.setattr(Sender, "resume", resume)
    with Office.open(settings) as office:
        with pytest.raises(NoNode):
            _ = office.sender
        with Office.open(settings) as other:
            _ = other.sender
        assert office.sender.address == address(KEYS[0])
        with Office.open(settings) as other, pytest.raises(Busy):
            _ = other.sender


@pytest.mark.parametrize(
    ("home", "reason"),
    [("file", "File exists"), ("file/home", "Not a directory"), ("home", "sending.lock: Is a directory")],
)
def test_sender_needs_a_home_that_can_be_written(
    remote: Settings, suite: Suite, stranger: Actor, *, home: str, reason: str
) -> None:
    """For its lock: the setting is named, and why."""
    (remote.home / "file").touch()
    (remote.home / "home" / "sending.lock").mkdir(parents=True)
    settings = replace(remote, home=remote.home / home)
    with Store.open(remote.database_url) as store:
        office = Office(settings, suite.node, suite.deployment, store, signer=stranger.signer)
        with pytest.raises(BadSetting) as refused:
            _ = office.sender
    assert refused.value.args == ("TROTH_HOME", str(settings.home), f"cannot be written: {reason}")


def test_sender_finishes_what_a_killed_command_left(remote: Settings, suite: Suite) -> None:
    """Signed and journalled, never sent: sent and mined before anything else may be."""
    settings = with_key(remote)
    suite.node.call("anvil_setBalance", [address(KEYS[0]), hex(10**18)])
    left = signed(suite, KEYS[0])
    with Store.open(settings.database_url) as store:
        StoredJournal(store).signed([left])
    with Office.open(settings) as office:
        assert suite.node.call("eth_getTransactionReceipt", [left.hash]) is None
        _ = office.sender
        assert suite.node.call("eth_getTransactionReceipt", [left.hash])["status"] == "0x1"
        assert StoredJournal(office.store).unfinished() == []


def test_sender_leaves_alone_what_another_account_left(remote: Settings, suite: Suite) -> None:
    """It cannot sign for it, should it need a higher fee."""
    left = signed(suite, KEYS[1])
    with Store.open(remote.database_url) as store:
        StoredJournal(store).signed([left])
    with Office.open(with_key(remote)) as office:
        _ = office.sender
        assert [one.hash for one in StoredJournal(office.store).unfinished()] == [left.hash]


def signed(suite: Suite, key: str) -> SignedTransaction:
    """A transaction by this key, as the product signs, that never left."""
    actor = Actor("nobody", suite.node)
    actor.signer = type(actor.signer).from_key(bytes.fromhex(key[2:]))
    kept: list[SignedTransaction] = []

    class Stop(BaseException):
        pass

    class Journal:
        def signed(self, transactions: Sequence[SignedTransaction]) -> None:
            kept.extend(transactions)
            raise Stop

    actor.sender._journal = Journal()
    with pytest.raises(Stop):
        actor.send(suite.token, "mint", actor.address, 1, gas=100_000)
    return kept[0]


def test_sender_signs_by_the_first_development_key(embedded: Settings) -> None:
    """On the home's own chain."""
    with Office.open(embedded) as office:
        assert office.sender.address == office.account == address(KEYS[0])


def test_sender_prefers_a_keystore_to_development_keys(embedded: Settings) -> None:
    """Whoever names a key means it."""
    with Office.open(with_key(embedded, KEYS[5])) as office:
        assert office.sender.address == office.account == address(KEYS[5])


def test_sender_takes_a_key_on_another_chain(remote: Settings) -> None:
    """Asked for by option."""
    with Office.open(remote) as office:
        assert office.account is None
        with pytest.raises(BadSetting, match="--keystore"):
            _ = office.sender


def test_sender_signs_by_the_key_given(remote: Settings, suite: Suite, stranger: Actor) -> None:
    """By a program that has opened it, such as Brownie's scripts."""
    with Store.open(remote.database_url) as store:
        office = Office(remote, suite.node, suite.deployment, store, signer=stranger.signer)
        assert office.sender.address == stranger.address
        office._stack.close()


def test_account_is_known_without_opening_its_key(remote: Settings) -> None:
    """Whatever the password."""
    with Office.open(with_key(remote, password=WRONG)) as office:
        assert office.account == address(KEYS[0])


# --- oracles


def test_oracles_of_the_homes_own_chain_are_development_accounts(embedded: Settings) -> None:
    """Accounts 1 to 3, in order of address as the contract wants signatures."""
    with Office.open(embedded) as office:
        found = [one.address for one in office.oracles]
    assert found == sorted((address(key) for key in KEYS[1:4]), key=lambda one: int(one, 16))


def test_oracles_are_those_of_the_key_files(remote: Settings) -> None:
    """Opened by the one password, in order of address."""
    files = tuple(keystore(remote.home, key) for key in KEYS[4:8])
    settings = Settings(**{**vars(remote), "oracle_keystores": files, "password": RIGHT})
    with Office.open(settings) as office:
        found = [one.address for one in office.oracles]
    assert found == sorted((address(key) for key in KEYS[4:8]), key=lambda one: int(one, 16))


def test_oracles_are_those_given(remote: Settings, suite: Suite) -> None:
    """In order of address, however they are given."""
    signers = [one.signer for one in suite.oracles][::-1]
    with Store.open(remote.database_url) as store:
        office = Office(remote, suite.node, suite.deployment, store, oracles=signers)
        assert [one.address for one in office.oracles] == [one.address for one in suite.oracles]


def test_oracles_have_to_be_named_on_another_chain(remote: Settings) -> None:
    """By the setting's name."""
    with Office.open(remote) as office, pytest.raises(BadSetting, match="TROTH_ORACLE_KEYSTORES"):
        _ = office.oracles


# --- facts


@pytest.fixture
def office(remote: Settings) -> Iterator[Office]:
    """On the suite's chain, without a key."""
    with Office.open(remote) as opened:
        yield opened


def test_amounts_are_shown_in_the_tokens_own_unit(office: Office) -> None:
    """With its symbol."""
    assert (office.decimals, office.symbol) == (6, "TUSD")
    assert office.amount(1_250_500_000) == "1250.50 TUSD"


def test_time_is_the_chains(office: Office, suite: Suite) -> None:
    """Whatever this machine's clock says."""
    suite.clock.move_to(START + 77)
    assert office.now() == datetime.fromtimestamp(START + 77, timezone.utc)


@pytest.mark.parametrize(("block", "cap"), [(10**6, 10**6), (GAS_CAP, GAS_CAP), (10**8, GAS_CAP)])
def test_gas_cap_is_the_smaller_of_block_and_network(
    office: Office, monkeypatch: pytest.MonkeyPatch, block: int, cap: int
) -> None:
    """EIP-7825 caps transactions even where blocks are large."""
    monkeypatch.setattr(office.node, "call", lambda *_: {"gasLimit": hex(block)})
    assert office.gas_cap == cap


def test_contracts_are_those_of_the_deployment(office: Office, suite: Suite) -> None:
    """For calls, and for the index."""
    assert (office.pool.address, office.token.address) == (suite.pool.address, suite.token.address)
    indexed = office.ledger_contracts
    assert (indexed.policy_books, indexed.first_block) == (suite.books.address, suite.deployment.block)


def test_index_waits_for_confirmations(remote: Settings, suite: Suite) -> None:
    """As many as the settings say."""
    suite.node.call("anvil_mine", [hex(20)])
    newest = int(suite.node.call("eth_blockNumber"), 16)
    with Office.open(Settings(**{**vars(remote), "confirmations": 12})) as office:
        assert office.sync().block == newest - 12


def test_closing_lets_go_of_the_connection(remote: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happened inside."""
    closed = Mock()
    monkeypatch.setattr(Node, "close", closed)
    with pytest.raises(ZeroDivisionError), Office.open(remote):
        _ = 1 / 0
    closed.assert_called_once_with()
