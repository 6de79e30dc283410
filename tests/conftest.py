"""One chain a session, the suite deployed on it once; every test finds it so and leaves it so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as search
from support import Actor, Clock, Suite, anvil, deployed, endow, undone

from troth.chain.contracts import Contract
from troth.chain.rpc import Node
from troth.deployment import Deployment

# The same examples in every run, however slow the machine: a change is judged by itself. "random" looks for
# more, see CONTRIBUTING.md.
search.register_profile("same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
search.register_profile("random", deadline=None, suppress_health_check=[HealthCheck.too_slow])
search.load_profile("same")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The switch that accepts new figures."""
    parser.addoption(
        "--snapshot-update",
        action="store_true",
        help="write tests/snapshots/*.json anew instead of comparing",
    )


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """Anvil on a free port, its clock standing still. Do not change it outside of `suite`."""
    with anvil() as started:
        yield started


@pytest.fixture(scope="session")
def deployment(node: Node) -> Deployment:
    """The suite, deployed as the package deploys it, with capital in the pool."""
    made = deployed(node)
    endow(Suite(node, made))
    return made


@pytest.fixture
def suite(request: pytest.FixtureRequest) -> Iterator[Suite]:
    """The suite as it was deployed. What a test does to the chain is undone."""
    if request.node.get_closest_marker("reorganises"):
        with anvil() as own:
            made = Suite(own, deployed(own))
            endow(made)
            yield made
        return
    shared = Suite(request.getfixturevalue("node"), request.getfixturevalue("deployment"))
    with undone(shared.node):
        yield shared


@pytest.fixture
def clock(suite: Suite) -> Clock:
    """The chain's time."""
    return suite.clock


# --- contracts


@pytest.fixture
def authority(suite: Suite) -> Contract:
    """Who may do what."""
    return suite.authority


@pytest.fixture
def token(suite: Suite) -> Contract:
    """The test dollar."""
    return suite.token


@pytest.fixture
def products(suite: Suite) -> Contract:
    """The product register."""
    return suite.products


@pytest.fixture
def reports(suite: Suite) -> Contract:
    """The oracles' reports."""
    return suite.reports


@pytest.fixture
def books(suite: Suite) -> Contract:
    """The policy books."""
    return suite.books


@pytest.fixture
def pool(suite: Suite) -> Contract:
    """The capital pool."""
    return suite.pool


# --- people


@pytest.fixture
def insurer(suite: Suite) -> Actor:
    """Deployed the suite: its administrator, and holder of every role a person can hold."""
    return suite["insurer"]


@pytest.fixture
def actuary(suite: Suite) -> Actor:
    """Registers products."""
    return suite["actuary"]


@pytest.fixture
def underwriter(suite: Suite) -> Actor:
    """Issues books and cancels policies; has money for premiums, approved to the pool."""
    return suite["underwriter"]


@pytest.fixture
def supervisor(suite: Suite) -> Actor:
    """Sets daily caps and the least collateral."""
    return suite["supervisor"]


@pytest.fixture
def challenger(suite: Suite) -> Actor:
    """Disputes reports."""
    return suite["challenger"]


@pytest.fixture
def arbiter(suite: Suite) -> Actor:
    """Upholds or replaces disputed reports."""
    return suite["arbiter"]


@pytest.fixture
def guardian(suite: Suite) -> Actor:
    """Pauses and resumes."""
    return suite["guardian"]


@pytest.fixture
def investor(suite: Suite) -> Actor:
    """Put the capital into the pool."""
    return suite["investor"]


@pytest.fixture
def stranger(suite: Suite) -> Actor:
    """Holds no role."""
    return suite["stranger"]


@pytest.fixture
def oracles(suite: Suite) -> tuple[Actor, ...]:
    """Three, in ascending order of address; two make a quorum."""
    return suite.oracles


@pytest.fixture
def customers(suite: Suite) -> tuple[Actor, ...]:
    """Eight payees who hold nothing yet."""
    return suite.customers


@pytest.fixture
def customer(customers: tuple[Actor, ...]) -> Actor:
    """The first of them."""
    return customers[0]
