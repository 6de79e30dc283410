"""Chains with the suite on them, by whose program they are served: Anvil's, or Ganache's.

Anvil's is the session's own, see tests/conftest.py; Ganache takes seconds to start.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from support.chain import ROOT, served
from support.suite import Actor
from troth.chain.contracts import Contract
from troth.chain.rpc import Node, quantity
from troth.chain.sender import Sender
from troth.chain.transactions import MemoryJournal
from troth.deployment import Deployment, Terms, deploy

__all__ = ["ANVIL", "GANACHE", "Place", "ganache"]

ANVIL, GANACHE = "anvil", "ganache"


@dataclass(frozen=True)
class Place:
    """A chain with the suite on it."""

    node: Node
    deployment: Deployment

    @property
    def streams(self) -> Contract:
        """The contract."""
        return self.deployment.contract(self.node, "Streams")

    def pass_time(self, seconds: int) -> None:
        """On the chain, in a block that holds nothing else."""
        if self.node.is_development and "ganache" not in str(self.node.call("web3_clientVersion")).lower():
            now = int(self.node.call("eth_getBlockByNumber", ["latest", False])["timestamp"], 16)
            self.node.call("evm_setNextBlockTimestamp", [now + seconds])
        else:
            self.node.call("evm_increaseTime", [quantity(seconds)])
        self.node.call("evm_mine")


@contextmanager
def ganache() -> Iterator[Place]:
    """A new chain of Ganache's, the suite deployed on it."""
    people = [Actor(name, Node("http://unused")) for name in ("insurer", "writer")]
    keys = [f"0x{bytes(one.signer._LocalSigner__account.key).hex()},{10**24}" for one in people]
    accounts = [word for key in keys for word in ("--wallet.accounts", key)]
    program = str(ROOT / "node_modules/.bin/ganache-cli")
    command = [program, "--chain.hardfork", "shanghai", "--logging.quiet", *accounts]
    with served(command, "--server.port") as node:
        signer = people[0].signer
        oracles = tuple(f"0x{number:040x}" for number in (1, 2, 3))
        made = deploy(node, Sender(node, signer, MemoryJournal()), "test", Terms(oracles, 2))
        yield Place(node, made)
