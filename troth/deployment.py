"""Deploying the suite, and remembering what was deployed where.

`deploy` is the one way contracts reach a chain: the embedded chain, `brownie run deploy` and the tests all
use it. What it did is a `Deployment`, kept as one JSON file a network, and `check` proves that a chain still
holds exactly that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from troth.chain.artifacts import artifact
from troth.chain.contracts import Contract
from troth.chain.refusals import Role
from troth.chain.rpc import Node
from troth.chain.transactions import Call, Receipt
from troth.errors import BadInput, NotDeployed, Problem, WrongChain
from troth.files import write_whole
from troth.trees.keccak import keccak

__all__ = ["NAMES", "Deployed", "Deployment", "Terms", "deploy", "endow", "load", "save"]

NAMES = (
    *("Authority", "token", "ProductRegister", "OracleReports", "CapitalPool"),
    *("Subjects", "ConsentRegistry", "Streams", "Eligibility", "PolicyBooks"),
)
"""What a deployment of this version holds, in the order created."""
TOKEN = "token"  # noqa: S105  a name among the contracts, no secret
PERMISSIONS: tuple[tuple[str, Role, tuple[str, ...]], ...] = (
    ("ProductRegister", Role.ACTUARY, ("register",)),
    ("OracleReports", Role.CHALLENGER, ("challenge",)),
    ("OracleReports", Role.ARBITER, ("uphold", "replace")),
    ("PolicyBooks", Role.UNDERWRITER, ("issue", "cancel")),
    ("PolicyBooks", Role.SUPERVISOR, ("extendDeadline", "setDailyCap", "setMinimumCollateral")),
    ("CapitalPool", Role.GUARDIAN, ("pause", "unpause")),
    ("CapitalPool", Role.BOOKKEEPER, ("underwrite", "pay", "refund", "release")),
    ("Subjects", Role.OPERATOR, ("bind", "unbind", "appoint", "dismiss")),
    ("Subjects", Role.VERIFIER, ("verify",)),
    ("Subjects", Role.COMPLIANCE, ("revoke", "erase")),
    ("ConsentRegistry", Role.OPERATOR, ("defineTerms", "recordFor", "recordExpiryEvent", "honour")),
    ("ConsentRegistry", Role.COMPLIANCE, ("correct", "setExpiryCap")),
    ("ConsentRegistry", Role.GUARDIAN, ("pause", "unpause")),
    ("Streams", Role.OPERATOR, ("create", "declareCount")),
    ("Streams", Role.COMPLIANCE, ("setWriter", "hold", "release", "setRetention")),
)
"""Which role may call which restricted function; what is not listed is the administrator's."""


class Sends(Protocol):
    """What signs calls, sends them in order and waits for their receipts."""

    @property
    def address(self) -> str:
        """The account it signs for."""

    def send(self, calls: Sequence[Call]) -> list[Receipt]:
        """One receipt a call. Raises what the chain or the contracts refuse."""


@dataclass(frozen=True)
class Terms:
    """What a deployment is asked to be. Times in seconds."""

    oracles: tuple[str, ...]
    quorum: int
    challenge_period: int = 86_400
    notice_period: int = 30 * 86_400
    exit_window: int = 7 * 86_400
    token: str | None = None
    """Address of an ERC-20 that never takes a fee on transfer; None deploys the test dollar."""


@dataclass(frozen=True)
class Deployed:
    """One contract on a chain."""

    address: str
    artifact: str | None
    """Name of the shipped artifact; None for a token that was there before."""
    arguments: tuple[Any, ...]
    """Of the constructor."""
    code_hash: str
    """keccak-256 of the code at the address, 0x-hex."""


@dataclass(frozen=True)
class Deployment:
    """The suite on one chain."""

    network: str
    chain_id: int
    genesis: str
    """Hash of block 0: tells two local chains of one id apart."""
    block: int
    """The last before the first contract: where an index starts."""
    deployer: str
    contracts: Mapping[str, Deployed] = field(repr=False)

    @property
    def addresses(self) -> dict[str, str]:
        """Address by contract name, the token's under `token`."""
        return {name: one.address for name, one in self.contracts.items()}

    def contract(self, node: Node, name: str) -> Contract:
        """A deployed contract, ready to be called."""
        one = self.contracts[name]
        return Contract(node, one.address, artifact(one.artifact or "TestDollar").abi, name=name)

    def check(self, node: Node) -> None:
        """Raises WrongChain or NotDeployed unless the node's chain holds these contracts, to the byte, and
        they are all that this version needs.
        """
        if (found := node.chain_id) != self.chain_id:
            raise WrongChain(node.url, self.chain_id, found)
        if (genesis := _genesis(node)) != self.genesis:
            raise WrongChain(node.url, self.genesis, genesis)
        for name in NAMES:
            if name not in self.contracts:  # deployed by a version that did without
                raise NotDeployed(name, f"chain {self.chain_id} with the others")
        names = list(self.contracts)
        hashes = _code_hashes(node, [self.contracts[name].address for name in names])
        for name, found_hash in zip(names, hashes, strict=True):
            if found_hash != self.contracts[name].code_hash:
                raise NotDeployed(name, self.contracts[name].address)


def deploy(node: Node, sender: Sends, network: str, terms: Terms) -> Deployment:
    """Deploys and wires the suite; the sender becomes administrator and holds every role a person can hold.

    Raises what sending raises. One that breaks off leaves contracts nobody uses; deploying again starts anew.
    """
    block = int(node.call("eth_blockNumber"), 16)
    suite = _Suite(sender)
    authority = suite.create("Authority", "Authority", sender.address)
    token = terms.token or suite.create(TOKEN, "TestDollar")
    products = suite.create("ProductRegister", "ProductRegister", authority)
    reports = suite.create(
        "OracleReports", "OracleReports", authority, list(terms.oracles), terms.quorum, terms.challenge_period
    )
    pool = suite.create(
        "CapitalPool", "CapitalPool", authority, token, terms.notice_period, terms.exit_window
    )
    subjects = suite.create("Subjects", "Subjects", authority)
    consents = suite.create("ConsentRegistry", "ConsentRegistry", authority, subjects)
    suite.create("Streams", "Streams", authority)
    eligibility = suite.create("Eligibility", "Eligibility", subjects, consents)
    suite.create("PolicyBooks", "PolicyBooks", authority, products, reports, pool, eligibility)
    if terms.token:
        suite.created[TOKEN] = (terms.token, None, ())
    sender.send(_permissions({name: place[0] for name, place in suite.created.items()}, sender.address))

    hashes = _code_hashes(node, [address for address, _, _ in suite.created.values()])
    contracts = {
        name: Deployed(address, kind, arguments, code_hash)
        for (name, (address, kind, arguments)), code_hash in zip(suite.created.items(), hashes, strict=True)
    }
    return Deployment(network, node.chain_id, _genesis(node), block, sender.address, contracts)


def endow(deployment: Deployment, node: Node, sender: Sends, capital: int, purse: int) -> None:
    """Mints test dollars: `capital` into the pool, `purse` for the sender's premiums. Test networks only."""
    token, pool = deployment.contract(node, TOKEN), deployment.contract(node, "CapitalPool")
    sender.send(
        [
            token.prepare("mint", sender.address, capital + purse, gas=200_000),
            token.prepare("approve", pool.address, capital, gas=100_000),
            pool.prepare("deposit", capital, sender.address, gas=300_000),
        ]
    )


def save(deployment: Deployment, path: Path) -> None:
    """Writes a deployment's file, whole or not at all, in a folder made if need be. Raises BadInput."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"cannot be made: {error.strerror}"
        raise BadInput([Problem(str(path.parent), None, None, None, reason)]) from None
    write_whole(path, json.dumps(asdict(deployment), indent=2) + "\n")


def load(path: Path) -> Deployment:
    """Reads a deployment's file. Raises NotDeployed if there is none, BadInput if it is another file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        contracts = {
            name: Deployed(**{**one, "arguments": tuple(one["arguments"])})
            for name, one in content.pop("contracts").items()
        }
        return Deployment(**content, contracts=contracts)
    except FileNotFoundError:
        raise NotDeployed("Troth", str(path)) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput([Problem(str(path), None, None, None, f"no deployment file: {error!r}")]) from None


class _Suite:
    """Contracts created one after the other, each with what the next needs of it."""

    def __init__(self, sender: Sends) -> None:
        self._sender = sender
        self.created: dict[str, tuple[str, str | None, tuple[Any, ...]]] = {}

    def create(self, name: str, kind: str, *arguments: Any) -> str:
        """Deploys one contract and returns its address."""
        (receipt,) = self._sender.send([artifact(kind).deployment(*arguments)])
        address = str(receipt.contract)
        self.created[name] = (address, kind, arguments)
        return address


def _permissions(addresses: Mapping[str, str], operator: str) -> list[Call]:
    """The calls that tie functions to roles, and grant the roles."""
    abi = artifact("Authority").abi

    def prepare(function: str, *arguments: Any) -> Call:
        data = abi.function(function).selector + abi.function(function).encode(arguments)
        return Call(addresses["Authority"], data, gas=400_000, label=f"Authority.{function}")

    calls = []
    for name, role, functions in PERMISSIONS:
        target = artifact(name).abi
        selectors = [target.function(function).selector for function in functions]
        calls.append(prepare("setTargetFunctionRole", addresses[name], selectors, role))
    for role in Role:
        if role is Role.ADMINISTRATOR:
            continue
        calls.append(prepare("labelRole", role, role.name))
        holder = addresses["PolicyBooks"] if role is Role.BOOKKEEPER else operator
        calls.append(prepare("grantRole", role, holder, 0))
    return calls


def _code_hashes(node: Node, addresses: Sequence[str]) -> list[str]:
    """keccak-256 of the code at each address, 0x-hex."""
    codes = node.batch([("eth_getCode", [address, "latest"]) for address in addresses])
    return ["0x" + keccak(bytes.fromhex(code[2:])).hex() for code in codes]


def _genesis(node: Node) -> str:
    """Hash of block 0."""
    return str(node.call("eth_getBlockByNumber", ["0x0", False])["hash"])
