"""The actors of the index's tests: a chain, the contracts on it, a node that serves it."""

from __future__ import annotations

import pytest
from support.fake_chain import Chain, FakeNode, Insurer


@pytest.fixture
def chain() -> Chain:
    """Four empty blocks; the contracts are in the last."""
    return Chain()


@pytest.fixture
def insurer(chain: Chain) -> Insurer:
    """The contracts on it."""
    return Insurer(chain)


@pytest.fixture
def node(chain: Chain, insurer: Insurer) -> FakeNode:
    """An honest node of that chain."""
    return FakeNode(chain, insurer)
