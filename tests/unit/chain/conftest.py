"""An embedded chain for all tests here, started as the product starts it; and fakes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import pytest
from support.doubles import Answer, FakeNode, Proxy

from troth.chain import (
    Contract,
    LocalSigner,
    MemoryJournal,
    Node,
    Sender,
    anvil,
    artifact,
    development_signers,
)
from troth.chain.anvil import Embedded

Server = TypeVar("Server", bound=FakeNode)


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """One running chain for the session."""
    home = tmp_path_factory.mktemp("home")
    yield anvil.up(home)
    anvil.down(home)


@pytest.fixture
def node(embedded: Embedded) -> Iterator[Node]:
    """A connection to it."""
    with Node(embedded.url) as connected:
        yield connected


@pytest.fixture(scope="session")
def signers(embedded: Embedded) -> list[LocalSigner]:
    """Its rich accounts: 0 deploys, others belong to single test modules."""
    return development_signers(embedded.accounts)


@pytest.fixture
def journal() -> MemoryJournal:
    """An empty journal."""
    return MemoryJournal()


@pytest.fixture
def deployer(node: Node, signers: list[LocalSigner]) -> Sender:
    """Sends from account 0."""
    return Sender(node, signers[0], MemoryJournal())


@pytest.fixture
def dollar(node: Node, deployer: Sender) -> Contract:
    """A new test dollar, with 1,000 base units for account 0."""
    (receipt,) = deployer.send([artifact("TestDollar").deployment()])
    assert receipt.contract is not None
    token = Contract(node, receipt.contract, artifact("TestDollar").abi, name="TestDollar")
    deployer.send([token.prepare("mint", deployer.address, 1000, gas=200_000)])
    return token


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], FakeNode]]:
    """Starts fake nodes, and stops them in the end."""
    with ExitStack() as stack:

        def start(answer: Answer) -> FakeNode:
            fake = FakeNode(answer)
            stack.callback(fake.close)
            return fake

        yield start


@pytest.fixture
def proxy(embedded: Embedded) -> Iterator[Proxy]:
    """The session's chain behind a node that can misbehave."""
    with Node(embedded.url, pause=lambda _: None) as behind:
        server = Proxy(behind)
        yield server
        server.close()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """An empty home whose chain, if any, is stopped in the end."""
    place = tmp_path / "home"
    yield place
    anvil.down(place)
