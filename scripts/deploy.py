"""Deploy the suite to Brownie's active network, and record it in deployments/<network>.json.

    brownie run deploy --network anvil

On a development network the node's own accounts sign and play money is minted. On a live one the key files
named by TROTH_KEYSTORE and TROTH_ORACLE_KEYSTORES sign, and TROTH_TOKEN is the address of the money.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from brownie import accounts, network

from troth.chain.accounts import NodeSigner, Signer, signer_of
from troth.chain.rpc import Node
from troth.chain.sender import Sender
from troth.chain.transactions import MemoryJournal
from troth.config import Settings
from troth.deployment import Deployment, Terms, deploy, endow, load, save
from troth.launch import CAPITAL, PURSE
from troth.office import ORACLES, QUORUM, Office
from troth.store import Store

FOLDER = Path(__file__).resolve().parent.parent / "deployments"


def is_development() -> bool:
    """Whether Brownie runs the network itself, with accounts anybody may use."""
    return str(network.show_active()) in {"development", "anvil", "ganache-cli", "hardhat", "geth-dev"}


def node() -> Node:
    """The active network's node."""
    return Node(network.web3.provider.endpoint_uri)


def signers() -> tuple[Signer, list[Signer]]:
    """The operator, and the oracles."""
    if is_development():
        operator, *oracles = [NodeSigner(node(), str(one)) for one in accounts[: 1 + ORACLES]]
        return operator, list(oracles)
    settings = Settings.read(rpc=network.web3.provider.endpoint_uri)
    if settings.keystore is None or not settings.oracle_keystores:
        raise SystemExit("name the key files in TROTH_KEYSTORE and TROTH_ORACLE_KEYSTORES")
    return signer_of(settings, settings.keystore), [
        signer_of(settings, one) for one in settings.oracle_keystores
    ]


def deployed() -> Deployment:
    """Deploys, and records what is where."""
    operator, oracles = signers()
    token = os.environ.get("TROTH_TOKEN") or None
    if token is None and not is_development():
        raise SystemExit("name the money's address in TROTH_TOKEN")
    sender = Sender(node(), operator, MemoryJournal())
    terms = Terms(
        oracles=tuple(oracle.address for oracle in oracles),
        quorum=min(QUORUM, len(oracles)),
        challenge_period=0 if is_development() else Terms.challenge_period,
        token=token,
    )
    made = deploy(node(), sender, str(network.show_active()), terms)
    if token is None:
        endow(made, node(), sender, CAPITAL, PURSE)
    save(made, FOLDER / f"{made.network}.json")
    return made


@contextmanager
def insurer() -> Iterator[Office]:
    """The insurer's office. On a development network the suite is deployed first, and records do not last."""
    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings.read(home=scratch) if is_development() else Settings.read()
        made = deployed() if is_development() else load(FOLDER / f"{network.show_active()}.json")
        operator, oracles = signers()
        store = Store.open(settings.database_url)
        with Office(settings, node(), made, store, signer=operator, oracles=oracles) as office:
            yield office


def main() -> None:
    """Deploy and print the addresses."""
    made = deployed()
    for name, address in made.addresses.items():
        print(f"{name:16} {address}")
    print(f"recorded in deployments/{made.network}.json")
