"""The size of every shipped contract, to the byte, and below what a chain accepts."""

from __future__ import annotations

import pytest

from troth.chain.artifacts import shipped

LARGEST = 24_576  # EIP-170
LARGEST_TO_DEPLOY = 49_152  # EIP-3860


@pytest.mark.parametrize("name", sorted(shipped()))
def test_size_is_as_kept_and_deployable(sizes, name: str) -> None:
    """EIP-170 for the code that stays, EIP-3860 for the code that makes it."""
    artifact = shipped()[name]
    assert len(artifact.deployed_bytecode) < LARGEST
    assert len(artifact.bytecode) < LARGEST_TO_DEPLOY
    sizes.check(name, len(artifact.deployed_bytecode), "bytes")


def test_size_is_kept_of_nothing_else(sizes) -> None:
    """No figure outlives its contract."""
    sizes.keep_only(set(shipped()))
