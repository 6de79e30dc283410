"""What share of the sum insured a value pays.

shareOf
├── product unknown: refused
├── at least: below the first threshold · on each · between · beyond the last, with negative thresholds too
└── at most: the mirror image
"""

from __future__ import annotations

import pytest
from support import Suite, refuses
from support.defaults import LATE, WHOLE

from troth.chain.contracts import Contract

LOWEST, HIGHEST = -(2**127), 2**127 - 1
RISING = [(-20, 1_000), (0, 2_500), (180, WHOLE)]
FALLING = [(180, 1_000), (0, 2_500), (-20, WHOLE)]


@pytest.mark.parametrize(
    ("value", "share"),
    [
        (LOWEST, 0),
        (-21, 0),
        (-20, 1_000),
        (-1, 1_000),
        (0, 2_500),
        (1, 2_500),
        (179, 2_500),
        (180, WHOLE),
        (HIGHEST, WHOLE),
    ],
)
def test_share_at_least_is_that_of_hardest_tier_reached_c3(
    suite: Suite, products: Contract, value: int, share: int
) -> None:
    """C3: a threshold is reached from below, and on it counts."""
    assert products.call("shareOf", suite.register(tiers=RISING), value) == share


@pytest.mark.parametrize(
    ("value", "share"),
    [
        (HIGHEST, 0),
        (181, 0),
        (180, 1_000),
        (1, 1_000),
        (0, 2_500),
        (-1, 2_500),
        (-19, 2_500),
        (-20, WHOLE),
        (-21, WHOLE),
        (LOWEST, WHOLE),
    ],
)
def test_share_at_most_is_that_of_hardest_tier_reached_c3(
    suite: Suite, products: Contract, value: int, share: int
) -> None:
    """C3: a threshold is reached from above, and on it counts."""
    product_id = suite.register(tiers=FALLING, direction="at_most")
    assert products.call("shareOf", product_id, value) == share


@pytest.mark.parametrize(("direction", "edge"), [("at_least", HIGHEST), ("at_most", LOWEST)])
def test_share_is_paid_at_the_last_value_there_is(
    suite: Suite, products: Contract, direction: str, edge: int
) -> None:
    """The ends of 128 signed bits are thresholds like any other."""
    product_id = suite.register(tiers=[(edge, WHOLE)], direction=direction)
    inward = edge - 1 if edge > 0 else edge + 1
    assert products.call("shareOf", product_id, edge) == WHOLE
    assert products.call("shareOf", product_id, inward) == 0


def test_share_of_a_version_is_its_own(suite: Suite, products: Contract) -> None:
    """A new version changes nothing for those who hold the old."""
    old = suite.register(tiers=[(LATE, 100)])
    new = suite.register(tiers=[(LATE + 1, 200)])
    assert [products.call("shareOf", version, LATE) for version in (old, new)] == [100, 0]


def test_share_refuses_unknown_product(products: Contract) -> None:
    """No product, no rule."""
    with refuses("ProductRegisterUnknown", productId=1):
        products.call("shareOf", 1, 0)
