"""An insurer's office: the chain, the contracts, the keys and the books of record, opened from settings.

Every use case takes an Office. Reading needs no key; the first use of `sender` takes the home's lock and
opens the key, so that two commands never send from one account at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from types import TracebackType

from troth import deployment as deployments
from troth import index
from troth.chain import anvil
from troth.chain.accounts import LocalSigner, Signer, address_in, development_signers, signer_of
from troth.chain.contracts import Contract
from troth.chain.rpc import Node
from troth.chain.sender import Sender
from troth.config import GAS_CAP, Settings
from troth.deployment import Deployment
from troth.errors import BadSetting, NoNode
from troth.home import SENDING, locked
from troth.money import format_amount
from troth.store import Store
from troth.store.journal import StoredJournal

__all__ = ["Office", "Progress", "deployment_file", "embedded_chain", "progress_ignored"]

Progress = Callable[[int, int], None]
"""Told how much is done of how much."""

ORACLES = 3  # development accounts 1 to 3 of the embedded chain sign its reports
QUORUM = 2


def progress_ignored(done: int, total: int) -> None:
    """For callers that show no progress."""


class Office:
    """Where a command works. Use as a context manager."""

    def __init__(
        self,
        settings: Settings,
        node: Node,
        deployment: Deployment,
        store: Store,
        *,
        signer: Signer | None = None,
        oracles: Sequence[Signer] | None = None,
    ) -> None:
        """Parts already opened, see `open`; keys other than those the settings name."""
        self.settings, self.node, self.deployment, self.store = settings, node, deployment, store
        self._given_signer, self._given_oracles = signer, oracles
        self._stack = ExitStack()

    @classmethod
    def open(cls, settings: Settings) -> Office:
        """Opens the home's embedded chain, or the node the settings name, and proves it is the right one.

        Raises NoNode, NotDeployed, WrongChain, DatabaseFailed, DatabaseTooNew, BadInput.
        """
        url = settings.rpc or embedded_chain(settings).url
        node = Node(url, timeout=settings.timeout)
        deployment = deployments.load(deployment_file(settings, node))
        deployment.check(node)
        return cls(settings, node, deployment, Store.open(settings.database_url))

    def __enter__(self) -> Office:
        """This office."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Lets go of lock, database and connection."""
        self._stack.close()
        self.store.close()
        self.node.close()

    @cached_property
    def token(self) -> Contract:
        """The money."""
        return self.contract("token")

    @cached_property
    def pool(self) -> Contract:
        """Where it is kept."""
        return self.contract("CapitalPool")

    @cached_property
    def decimals(self) -> int:
        """Of the money: one unit is 10**decimals base units."""
        return int(self.token.call("decimals"))

    @cached_property
    def symbol(self) -> str:
        """What the money is called."""
        return str(self.token.call("symbol"))

    @cached_property
    def sender(self) -> Sender:
        """Sends for the office's account. What a killed command left under way is finished first.

        Raises Busy, WrongPassword, BadSetting, and what sending raises.
        """
        with ExitStack() as stack:
            stack.enter_context(locked(self.settings.home, SENDING))
            journal = StoredJournal(self.store)
            sender = Sender(self.node, self.signer, journal, max_fee=self.settings.max_fee)
            sender.resume(journal.unfinished(sender.address))
            self._stack.enter_context(stack.pop_all())  # until the office closes; not where making it failed
        return sender

    @cached_property
    def account(self) -> str | None:
        """The office's own address, its key unopened; None where no key is named, or its file says none."""
        if self.settings.keystore is not None:
            return address_in(self.settings.keystore)
        return self._development[0].address if self.settings.rpc is None else None

    @property
    def has_oracles(self) -> bool:
        """Whether any oracle keys are at hand."""
        named = self._given_oracles is not None or bool(self.settings.oracle_keystores)
        return named or self.settings.rpc is None

    @cached_property
    def oracles(self) -> Sequence[Signer]:
        """The oracle keys at hand, in order of address. Raises WrongPassword, BadSetting."""
        signers: Sequence[Signer]
        if self._given_oracles is not None:
            signers = self._given_oracles
        elif self.settings.rpc is None:
            signers = self._development[1 : 1 + ORACLES]
        elif not self.settings.oracle_keystores:
            rule = "name the oracles' encrypted key files, separated by colons"
            raise BadSetting("TROTH_ORACLE_KEYSTORES", "", rule)
        else:
            signers = [signer_of(self.settings, path) for path in self.settings.oracle_keystores]
        return sorted(signers, key=lambda signer: bytes.fromhex(signer.address[2:]))

    @cached_property
    def ledger_contracts(self) -> index.Contracts:
        """What is indexed. Raises NotDeployed if the deployment lacks a contract."""
        return index.Contracts.of(self.deployment.addresses, self.deployment.block)

    def amount(self, units: int) -> str:
        """Base units as people write them: "1250.50 TUSD"."""
        return f"{format_amount(units, self.decimals)} {self.symbol}"

    def contract(self, name: str) -> Contract:
        """A contract of the deployment, by name."""
        return self.deployment.contract(self.node, name)

    def sync(self) -> index.Synced:
        """Brings the index up to the chain. Raises what `index.sync` raises."""
        return index.sync(
            self.store, self.node, self.ledger_contracts, confirmations=self.settings.confirmations
        )

    @cached_property
    def gas_cap(self) -> int:
        """Gas one transaction may use: EIP-7825's cap, or the chain's block if that is smaller."""
        block = self.node.call("eth_getBlockByNumber", ["latest", False])
        return min(GAS_CAP, int(block["gasLimit"], 16))

    def now(self) -> datetime:
        """The time on the chain."""
        block = self.node.call("eth_getBlockByNumber", [self.node.present, False])
        return datetime.fromtimestamp(int(block["timestamp"], 16), timezone.utc)

    @cached_property
    def _development(self) -> list[LocalSigner]:
        """The embedded chain's accounts."""
        return development_signers(embedded_chain(self.settings).accounts)

    @cached_property
    def signer(self) -> Signer:
        """The office's own key, opened. Raises WrongPassword, BadSetting."""
        if self._given_signer is not None:
            return self._given_signer
        if self.settings.keystore is not None:
            return signer_of(self.settings, self.settings.keystore)
        if self.settings.rpc is None:
            return self._development[0]
        raise BadSetting("TROTH_KEYSTORE", "", "name the encrypted key file that signs, with --keystore")


def embedded_chain(settings: Settings) -> anvil.Embedded:
    """The home's running chain. Raises NoNode if it is down."""
    if (running := anvil.status(settings.home)) is None:
        raise NoNode(f"the embedded chain of {settings.home}")
    return running


def deployment_file(settings: Settings, node: Node) -> Path:
    """Where a home keeps the record of what is deployed on a chain."""
    network = "embedded" if settings.rpc is None else f"chain-{node.chain_id}"
    return settings.home / "deployments" / f"{network}.json"
