"""Bringing Troth up: a chain, the suite deployed on it once, and money to begin with where money is play.

An embedded chain is a home's own, made and remade freely; on any other chain nothing is ever deployed twice.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from sqlalchemy import make_url

from troth import deployment as deployments
from troth.chain import anvil
from troth.chain.accounts import Signer, development_signers, signer_of
from troth.chain.rpc import Node
from troth.chain.sender import Sender
from troth.chain.transactions import MemoryJournal
from troth.config import Settings
from troth.deployment import Deployment, Terms
from troth.errors import BadSetting, Busy, NotDeployed, WrongChain
from troth.home import SENDING, locked
from troth.office import ORACLES, QUORUM, deployment_file

__all__ = ["CAPITAL", "PURSE", "Launched", "launch", "launch_at"]

CAPITAL = 10_000_000_000 * 10**6
"""What a new chain's pool starts with, in base units of the test dollar."""
PURSE = 1_000_000_000 * 10**6
"""What its operator holds to pay premiums from."""

_PATIENCE = 90.0  # seconds to wait for another `up`, which deploys what this one then finds


@dataclass(frozen=True)
class Launched:
    """What is there now."""

    url: str
    """Without secrets."""
    deployment: Deployment
    deployed: bool
    """Whether it was deployed just now."""
    moved: Path | None
    """Where the records of a former chain were put."""


def launch(settings: Settings, *, genesis: int | None = None, patience: float = _PATIENCE) -> Launched:
    """The home's embedded chain, started from its saved state, with the suite deployed on it once.

    A chain that has lost the deployment (its state was deleted, or it fell before saving) gets a new one, and
    the records of the old are moved aside. `genesis` is as for `anvil.up`. Raises BadSetting, NoNode, and
    Busy if others keep sending for `patience` seconds where there is something to deploy.
    """
    chain = anvil.up(settings.home, anvil=settings.anvil, genesis=genesis)
    with Node(chain.url, timeout=settings.timeout) as node:
        path = deployment_file(settings, node)
        if (there := _standing(path, node)) is not None:
            return Launched(node.url, there, deployed=False, moved=None)
        with locked(settings.home, SENDING, patience=patience):
            if (there := _standing(path, node)) is not None:  # another process was faster
                return Launched(node.url, there, deployed=False, moved=None)
            moved = _set_aside(settings, path)
            signers = development_signers(chain.accounts)
            oracles = tuple(signer.address for signer in signers[1 : 1 + ORACLES])
            terms = Terms(oracles=oracles, quorum=QUORUM, challenge_period=settings.challenge_period)
            made = _deploy(node, signers[0], settings, "embedded", terms)
            anvil.wait_until_saved(settings.home, int(node.call("eth_blockNumber"), 16))
            deployments.save(made, path)
        return Launched(node.url, made, deployed=True, moved=moved)


def launch_at(
    settings: Settings, terms: Terms, *, play_money: bool = False, patience: float = _PATIENCE
) -> Launched:
    """The suite on the chain the settings name, deployed by the settings' key unless this home did so before.

    Without a token in `terms` a test dollar is deployed, and minted: on development chains, elsewhere only
    with `play_money`. Raises BadSetting, Busy as `launch`, WrongChain or NotDeployed if the chain no longer
    has what the home remembers, and what sending raises.
    """
    assert settings.rpc is not None  # noqa: S101  the caller's choice between this and `launch`
    with Node(settings.rpc, timeout=settings.timeout) as node:
        path = deployment_file(settings, node)
        if (there := _remembered(path, node)) is not None:
            return Launched(node.url, there, deployed=False, moved=None)
        with locked(settings.home, SENDING, patience=patience):
            if (there := _remembered(path, node)) is not None:  # another process was faster
                return Launched(node.url, there, deployed=False, moved=None)
            _check_terms(terms, node, play_money)
            if settings.keystore is None:
                rule = "name the encrypted key file that deploys, with --keystore"
                raise BadSetting("TROTH_KEYSTORE", "", rule)
            signer = signer_of(settings, settings.keystore)
            made = _deploy(node, signer, settings, f"chain-{node.chain_id}", terms)
            deployments.save(made, path)
        return Launched(node.url, made, deployed=True, moved=None)


def _deploy(node: Node, signer: Signer, settings: Settings, network: str, terms: Terms) -> Deployment:
    """Deploys, and endows where the money is play. A process killed in here leaves contracts nobody uses."""
    sender = Sender(node, signer, MemoryJournal(), max_fee=settings.max_fee)
    made = deployments.deploy(node, sender, network, terms)
    if terms.token is None:
        deployments.endow(made, node, sender, CAPITAL, PURSE)
    return made


def _check_terms(terms: Terms, node: Node, play_money: bool) -> None:
    """Raises BadSetting for terms that cannot work, or that put play money where money is real."""
    if not terms.oracles:
        raise BadSetting("--oracle", "", "give the address of each key that signs reports")
    if len(set(terms.oracles)) < len(terms.oracles):
        raise BadSetting("--oracle", ", ".join(terms.oracles), "give each address once")
    if not 1 <= terms.quorum <= len(terms.oracles):
        raise BadSetting("--quorum", str(terms.quorum), f"give a number from 1 to {len(terms.oracles)}")
    if terms.token is None and not node.is_development and not play_money:
        rule = "give the address of the money, or --test-dollar on a network where money is play"
        raise BadSetting("--token", "", rule)


def _remembered(path: Path, node: Node) -> Deployment | None:
    """The deployment the home remembers, if any. Raises WrongChain or NotDeployed if the chain lacks it."""
    if not path.exists():
        return None
    there = deployments.load(path)
    there.check(node)
    return there


def _standing(path: Path, node: Node) -> Deployment | None:
    """The deployment the home remembers, if the chain still has it."""
    try:
        there = deployments.load(path)
        there.check(node)
    except (NotDeployed, WrongChain):
        return None
    return there


def _set_aside(settings: Settings, path: Path) -> Path | None:
    """Moves a former chain's records out of the way, the database among them; nothing is ever deleted.

    Raises Busy, with nothing moved, while anybody has the database open.
    """
    suffix = f".{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}"
    url = make_url(settings.database_url)
    database = Path(url.database or "")
    has_records = url.get_backend_name() == "sqlite" and database.is_file() and _indexes_a_chain(database)
    if has_records:
        _check_closed(database)
    if path.exists():
        path.rename(path.with_name(path.name + suffix))
    if not has_records:
        return None
    moved = database.with_name(database.name + suffix)
    for part in ("-wal", "-shm", ""):  # what SQLite had not yet folded in must go with it
        companion = database.with_name(database.name + part)
        if companion.exists():
            companion.rename(moved.with_name(moved.name + part))
    return moved


def _check_closed(database: Path) -> None:
    """Raises Busy if anybody has it open: whatever they went on to accept would land in the moved file.

    Nobody opens it now, for what an office checks first, that the chain has the deployment, is not so.
    """
    with closing(sqlite3.connect(database)) as connection, suppress(sqlite3.DatabaseError):
        try:
            connection.execute("PRAGMA journal_mode = DELETE")  # takes nobody else to have it open
        except sqlite3.OperationalError as error:
            if str(error) == "database is locked":
                raise Busy(f"the database {database}") from None
            raise


def _indexes_a_chain(database: Path) -> bool:
    """Whether anything was ever written to it."""
    with closing(sqlite3.connect(database)) as connection:
        try:
            return any(
                connection.execute(f"SELECT EXISTS (SELECT 1 FROM {table})").fetchone()[0]  # noqa: S608
                for table in ("chain", "transactions", "books", "reports")
            )
        except sqlite3.DatabaseError:
            return True  # not ours, or broken: out of the way with it
