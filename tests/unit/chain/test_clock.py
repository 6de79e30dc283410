"""The clock of a development chain moves on command, forwards only, and nowhere else."""

from __future__ import annotations

import pytest
from support.doubles import Proxy

from troth.chain import Node, clock
from troth.errors import NodeError


def test_clock_moves_to_the_second_and_runs_on(node: Node) -> None:
    """The block mined is at that very time, and the next after it."""
    target = clock.now(node) + 1000
    assert clock.move_to(node, target) == target == clock.now(node)
    assert target < clock.advance(node, 60) <= target + 62


def test_clock_never_goes_back(node: Node) -> None:
    """Nor does it stand still."""
    with pytest.raises(NodeError, match="not after the newest block"):
        clock.move_to(node, clock.now(node))


def test_other_chains_keep_their_time(proxy: Proxy) -> None:
    """Nothing is even asked of them."""
    proxy.overrides["web3_clientVersion"] = lambda *_: "Geth/v1.16.0"
    with Node(proxy.url) as live, pytest.raises(NodeError, match="no development chain"):
        clock.advance(live, 60)
    assert [method for method, _ in proxy.calls if method.startswith("evm_")] == []


def test_ganache_is_moved_by_the_calls_it_has(proxy: Proxy) -> None:
    """It knows evm_increaseTime, and not evm_setNextBlockTimestamp."""
    proxy.overrides["web3_clientVersion"] = lambda *_: "Ganache/v7.9.2/EthereumJS TestRPC/v7.9.2"
    with Node(proxy.url) as ganache:
        target = clock.now(ganache) + 1000
        assert clock.move_to(ganache, target) >= target
    assert proxy.count("evm_setNextBlockTimestamp") == 0
