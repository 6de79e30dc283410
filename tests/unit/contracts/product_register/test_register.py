"""Registering a product.

register
├── caller is no actuary: refused, see authority/test_roles.py
├── name of 0 bytes, 65 bytes: refused · 1, 64 bytes: taken
├── no metric: refused
├── 0 tiers, 17 tiers: refused · 1, 16 tiers: taken
├── direction unknown: refused
├── a share of 0, above the whole: refused · of 1, of the whole: taken
├── a tier no harder to reach than the one before
│   ├── at least: threshold equal, lower: refused · higher: taken
│   └── at most: threshold equal, higher: refused · lower: taken
├── a tier that pays no more than the one before: refused
├── a new name: version 1, next id, event
└── a known name: next version, the former one unchanged
product: known · unknown: refused
latest: known · unknown: 0
"""

from __future__ import annotations

import pytest
from support import Actor, Suite, emitted, refuses, word
from support.defaults import METRIC, NO_REQUIREMENT, TIERS, WHOLE

from troth.chain.contracts import Contract
from troth.errors import ContractRefused

AT_LEAST, AT_MOST = 0, 1
LOWEST, HIGHEST = -(2**127), 2**127 - 1
RISING = tuple((threshold, threshold + 1) for threshold in range(17))


def test_register_keeps_the_product_and_announces_it(products: Contract, actuary: Actor) -> None:
    """A new name is version 1 under the first id, and says so in full."""
    receipt = actuary.send(products, "register", "delay", word(METRIC), AT_LEAST, TIERS, NO_REQUIREMENT)
    said = (1, word(METRIC), "delay", 1, AT_LEAST, TIERS, NO_REQUIREMENT)
    assert emitted(receipt, products, "ProductRegistered") == [said]
    assert products.call("product", 1) == (word(METRIC), AT_LEAST, 1, NO_REQUIREMENT, TIERS)
    assert products.call("latest", "delay") == 1


def test_register_keeps_what_is_required_of_payees(products: Contract, actuary: Actor) -> None:
    """Level and terms come back from the product, and are said."""
    requirement = (2, 7, 8, 9)
    receipt = actuary.send(products, "register", "delay", word(METRIC), AT_LEAST, TIERS, requirement)
    (event,) = emitted(receipt, products, "ProductRegistered")
    assert event.requirement == products.call("product", 1).requirement == requirement


@pytest.mark.parametrize(
    "requirement", [(1, 0, 8, 0), (1, 0, 0, 9), (1, 7, 0, 0), (1, 7, 8, 0), (0, 0, 8, 9)]
)
def test_register_refuses_a_consent_that_is_not_whole(
    products: Contract, actuary: Actor, requirement: tuple[int, int, int, int]
) -> None:
    """Purpose, recipient and category, or none: narrower denials do not answer for all at once."""
    _, purpose, recipient, category = requirement
    whole = {"purpose": purpose, "recipient": recipient, "category": category}
    with refuses("ProductRegisterConsentIncomplete", **whole):
        actuary.send(products, "register", "delay", word(METRIC), AT_LEAST, TIERS, requirement)


def test_register_of_a_known_name_is_its_next_version(suite: Suite, products: Contract) -> None:
    """The newest version is found by name, and the former stays what it was."""
    first = suite.register()
    second = suite.register(tiers=[(-5, 1)], direction="at_most", metric="frost, °C")
    assert (first, second) == (1, 2)
    assert products.call("product", first) == (word(METRIC), AT_LEAST, 1, NO_REQUIREMENT, TIERS)
    assert products.call("product", second) == (word("frost, °C"), AT_MOST, 2, NO_REQUIREMENT, ((-5, 1),))
    assert products.call("latest", "delay") == second


def test_register_of_another_name_starts_at_version_1(suite: Suite, products: Contract) -> None:
    """Ids are shared by all names, versions are not."""
    suite.register(name="delay")
    other = suite.register(name="rain")
    assert products.call("product", other).version == 1
    assert products.call("latest", "delay") == 1
    assert products.call("latest", "rain") == other == 2


@pytest.mark.parametrize("length", [1, 64])
def test_register_takes_name_of_1_to_64_bytes(suite: Suite, products: Contract, length: int) -> None:
    """Both ends of the range."""
    assert suite.register(name="n" * length) == products.call("latest", "n" * length)


@pytest.mark.parametrize("name", ["", "n" * 65, "ü" * 33])
def test_register_refuses_name_of_other_length(suite: Suite, name: str) -> None:
    """Bytes count, not characters."""
    with refuses("ProductRegisterNameLength", length=len(name.encode()), atMost=64):
        suite.register(name=name)


def test_register_refuses_missing_metric(suite: Suite) -> None:
    """A product that observes nothing could settle on any report."""
    with refuses("ProductRegisterMetricMissing"):
        suite.register(metric="")


@pytest.mark.parametrize("count", [1, 16])
def test_register_takes_1_to_16_tiers(suite: Suite, products: Contract, count: int) -> None:
    """Both ends of the range."""
    assert products.call("product", suite.register(tiers=RISING[:count])).tiers == RISING[:count]


@pytest.mark.parametrize("count", [0, 17])
def test_register_refuses_other_counts_of_tiers(suite: Suite, count: int) -> None:
    """None decides nothing; more than 16 would make settling dear."""
    with refuses("ProductRegisterTierCount", count=count, atMost=16):
        suite.register(tiers=RISING[:count])


def test_register_refuses_unknown_direction(products: Contract, actuary: Actor) -> None:
    """There are two."""
    with pytest.raises(ContractRefused, match="Reverted"):
        actuary.send(products, "register", "delay", word(METRIC), 2, TIERS, NO_REQUIREMENT)


@pytest.mark.parametrize("share", [1, WHOLE])
def test_register_takes_share_of_1_to_the_whole(suite: Suite, products: Contract, share: int) -> None:
    """Both ends of the range, in basis points."""
    assert products.call("product", suite.register(tiers=[(0, share)])).tiers == ((0, share),)


@pytest.mark.parametrize("share", [0, WHOLE + 1, 65_535])
@pytest.mark.parametrize("place", [0, 1])
def test_register_refuses_share_out_of_range_c1(suite: Suite, place: int, share: int) -> None:
    """C1: no tier can pay more than the sum insured, wherever it stands."""
    tiers = [(-1, 1), (2, 5)]
    tiers[place] = (tiers[place][0], share)
    with refuses("ProductRegisterShareOutOfRange", tier=place, share=share, atMost=WHOLE):
        suite.register(tiers=tiers)


@pytest.mark.parametrize(
    ("direction", "milder", "harder"),
    [
        ("at_least", 10, 11),
        ("at_least", -11, -10),
        ("at_least", -1, 0),
        ("at_least", LOWEST, HIGHEST),
        ("at_most", 11, 10),
        ("at_most", -10, -11),
        ("at_most", 0, -1),
        ("at_most", HIGHEST, LOWEST),
    ],
)
def test_register_takes_tiers_from_mild_to_hard_only(
    suite: Suite, products: Contract, direction: str, milder: int, harder: int
) -> None:
    """The same two thresholds are taken in one order and refused in the other."""
    taken = suite.register(tiers=[(milder, 1), (harder, 2)], direction=direction)
    assert products.call("product", taken).tiers == ((milder, 1), (harder, 2))
    with refuses("ProductRegisterTierNotSevere", tier=1, threshold=milder, share=2):
        suite.register(tiers=[(harder, 1), (milder, 2)], direction=direction)


@pytest.mark.parametrize("direction", ["at_least", "at_most"])
def test_register_refuses_threshold_given_twice(suite: Suite, direction: str) -> None:
    """Equal is not harder, in either direction."""
    with refuses("ProductRegisterTierNotSevere", tier=1, threshold=7, share=2):
        suite.register(tiers=[(7, 1), (7, 2)], direction=direction)


@pytest.mark.parametrize("share", [49, 50])
def test_register_refuses_tier_that_pays_no_more(suite: Suite, share: int) -> None:
    """A harder tier pays strictly more, at any place: here the third."""
    with refuses("ProductRegisterTierNotSevere", tier=2, threshold=3, share=share):
        suite.register(tiers=[(1, 40), (2, 50), (3, share)])


def test_refused_product_uses_no_id(suite: Suite, products: Contract) -> None:
    """A refusal leaves nothing behind."""
    with refuses("ProductRegisterMetricMissing"):
        suite.register(metric="")
    assert products.call("latest", "delay") == 0
    assert suite.register() == 1


@pytest.mark.parametrize("product_id", [0, 2])
def test_product_refuses_unknown_id(suite: Suite, products: Contract, product_id: int) -> None:
    """Before the first id and after the last."""
    suite.register()
    with refuses("ProductRegisterUnknown", productId=product_id):
        products.call("product", product_id)


def test_latest_of_unknown_name_is_0(products: Contract) -> None:
    """Zero is nobody's id."""
    assert products.call("latest", "delay") == 0
