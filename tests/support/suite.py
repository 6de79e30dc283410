"""The deployed suite and the people around it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from support.chain import Clock
from support.claims import (
    Book,
    Policy,
    Report,
    ReportData,
    Settlement,
    book_of,
    issued,
    published,
    report_of,
    sign,
    word,
)
from support.defaults import (
    CAPITAL,
    CHALLENGE_PERIOD,
    EXIT_WINDOW,
    METRIC,
    NO_REQUIREMENT,
    NOTICE_PERIOD,
    PURSE,
    QUORUM,
    TIERS,
)
from troth.chain.accounts import LocalSigner
from troth.chain.artifacts import Artifact
from troth.chain.contracts import Contract
from troth.chain.refusals import Refusals, Role
from troth.chain.rpc import Node, quantity
from troth.chain.sender import Sender
from troth.chain.transactions import Call, MemoryJournal, Receipt
from troth.deployment import Deployment, Terms, deploy
from troth.trees.keccak import keccak

DIRECTIONS = {"at_least": 0, "at_most": 1}
ROLES = (
    *("actuary", "underwriter", "supervisor", "challenger", "arbiter", "guardian"),
    *("operator", "verifier", "compliance"),
)
PEOPLE = ("insurer", *ROLES, "investor", "writer", "stranger")
PURSE_WEI = 10**24


class Actor:
    """Somebody with a key, always the same for the same name."""

    def __init__(self, name: str, node: Node, refusals: Refusals | None = None) -> None:
        self.name = name
        self.signer = LocalSigner.from_key(keccak(name.encode()))
        self._node, self._refusals = node, refusals

    def __repr__(self) -> str:
        """The name."""
        return self.name

    @property
    def address(self) -> str:
        """Checksummed 0x-hex."""
        return self.signer.address

    @cached_property
    def sender(self) -> Sender:
        """Sends from this account. New for every test, for it remembers nonces."""
        return Sender(self._node, self.signer, MemoryJournal(), refusals=self._refusals)

    def send(self, contract: Contract, function: str, *arguments: Any, gas: int | None = None) -> Receipt:
        """Calls a function in a transaction. Raises what the contract refuses."""
        return self.submit(contract.prepare(function, *arguments, gas=gas))

    def submit(self, call: Call) -> Receipt:
        """Sends one transaction. Raises what the chain refuses."""
        (receipt,) = self.sender.send([call])
        return receipt

    def create(self, artifact: Artifact, *arguments: Any) -> Contract:
        """Deploys a contract."""
        receipt = self.submit(artifact.deployment(*arguments))
        return Contract(
            self._node, str(receipt.contract), artifact.abi, name=artifact.name, refusals=self._refusals
        )


class Suite:
    """A deployment, its contracts by their short names, and who holds which role."""

    def __init__(self, node: Node, deployment: Deployment) -> None:
        self.node, self.deployment, self.clock = node, deployment, Clock(node)
        self.authority = deployment.contract(node, "Authority")
        self.token = deployment.contract(node, "token")
        self.products = deployment.contract(node, "ProductRegister")
        self.reports = deployment.contract(node, "OracleReports")
        self.books = deployment.contract(node, "PolicyBooks")
        self.pool = deployment.contract(node, "CapitalPool")
        self.subjects = deployment.contract(node, "Subjects")
        self.consents = deployment.contract(node, "ConsentRegistry")
        self.streams = deployment.contract(node, "Streams")
        self.eligibility = deployment.contract(node, "Eligibility")
        refusals = Refusals()
        self.actors = {name: Actor(name, node, refusals) for name in PEOPLE}
        self.oracles = oracles(node)
        self.customers = tuple(Actor(f"customer {number}", node, refusals) for number in range(8))

    def __getitem__(self, name: str) -> Actor:
        """Somebody by name, one of PEOPLE."""
        return self.actors[name]

    # --- each of these does one thing as the one whose job it is

    def register(
        self,
        tiers: Sequence[tuple[int, int]] = TIERS,
        direction: str = "at_least",
        name: str = "delay",
        metric: str = METRIC,
        requirement: Sequence[int] = NO_REQUIREMENT,
    ) -> int:
        """Registers a product; its id."""
        rule = (DIRECTIONS[direction], list(tiers), requirement)
        receipt = self["actuary"].send(self.products, "register", name, word(metric), *rule)
        (event,) = emitted(receipt, self.products, "ProductRegistered")
        return event.productId

    def issue(self, book: Book) -> Book:
        """Issues a book."""
        receipt = self["underwriter"].send(self.books, "issue", book.terms)
        (event,) = emitted(receipt, self.books, "BookIssued")
        return issued(book, event.bookId)

    def book(self, policies: Iterable[Policy], product_id: int = 0, **options: Any) -> Book:
        """Issues a book of `policies`, on a new default product if none is named; `options` as `book_of`."""
        return self.issue(book_of(policies, product_id or self.register(), **options))

    def sign(self, data: ReportData, signers: Iterable[Actor] | None = None) -> tuple[bytes, ...]:
        """Signatures by a quorum of oracles, or by `signers` in their order."""
        chosen = self.oracles[:QUORUM] if signers is None else signers
        return sign(data, [one.signer for one in chosen], self.reports.address, self.node.chain_id)

    def publish(self, report: Report) -> Report:
        """Publishes a report, signed by a quorum; final after the challenge period."""
        receipt = self["stranger"].send(self.reports, "publish", report.data, self.sign(report.data))
        (event,) = emitted(receipt, self.reports, "ReportPublished")
        return published(report, event.reportId)

    def report(self, observations: Mapping[str, int], **data: int | bytes) -> Report:
        """Publishes a report of value by risk and lets the challenge period pass."""
        report = self.publish(report_of(observations, **data))
        self.clock.move_by(CHALLENGE_PERIOD)
        return report

    def settle(self, settlement: Settlement, by: str = "stranger") -> Receipt:
        """Settles; raises what the contracts refuse."""
        return self[by].send(self.books, "settle", *settlement)

    # --- what there is

    def balance(self, holder: Actor | Contract) -> int:
        """Tokens held, in base units."""
        return self.token.call("balanceOf", holder.address)

    def freeze(self, payee: Actor, frozen: bool = True) -> None:
        """Makes transfers to `payee` fail, or work again."""
        self["stranger"].send(self.token, "freeze", payee.address, frozen)


def oracles(node: Node) -> tuple[Actor, ...]:
    """Three oracles, in ascending order of address as signatures are given."""
    return tuple(sorted((Actor(f"oracle {n}", node) for n in range(3)), key=lambda one: int(one.address, 16)))


def deployed(node: Node, token: str | None = None) -> Deployment:
    """Deploys the suite by the insurer, and gives every role to the one named for it."""
    insurer = Actor("insurer", node)
    _fund(node, (insurer,))
    terms = Terms(
        oracles=tuple(one.address for one in oracles(node)),
        quorum=QUORUM,
        challenge_period=CHALLENGE_PERIOD,
        notice_period=NOTICE_PERIOD,
        exit_window=EXIT_WINDOW,
        token=token,
    )
    deployment = deploy(node, insurer.sender, "test", terms)
    authority = deployment.contract(node, "Authority")
    for name in ROLES:
        insurer.send(authority, "grantRole", Role[name.upper()], Actor(name, node).address, 0)
    return deployment


def endow(suite: Suite) -> None:
    """Gives everybody ether, the pool its capital and the underwriter a purse."""
    _fund(suite.node, (*suite.actors.values(), *suite.customers))
    investor, underwriter = suite["investor"], suite["underwriter"]
    for actor, amount in ((investor, CAPITAL), (underwriter, PURSE)):
        actor.send(suite.token, "mint", actor.address, amount)
        actor.send(suite.token, "approve", suite.pool.address, amount)
    investor.send(suite.pool, "deposit", CAPITAL, investor.address)


def emitted(receipt: Receipt, contract: Contract, name: str) -> list[Any]:
    """The arguments of a contract's events of that name in a receipt, named tuples in the ABI's order."""
    return [event.arguments for event in contract.events(receipt, name)]


def _fund(node: Node, actors: Iterable[Actor]) -> None:
    """Gives ether for gas."""
    node.batch([("anvil_setBalance", [one.address, quantity(PURSE_WEI)]) for one in actors])
