"""Products registered, found, and read by their rule.

add
├── a name nobody used: version 1, as the file says
├── the newest version is the same: that one, and nothing is sent
├── metric, direction or a tier differs: the next version of the name
├── as an older version was: the next version, for the newest counts
├── another name: version 1 of that
└── caller is no actuary: refused
find
├── known: the newest version
└── unknown: refused, naming those there are · none at all: refused, naming the command
catalogue: every version, by id
share_of: the contract's own, tier by tier, both ways
"""

from __future__ import annotations

from typing import Any

import pytest
from support import Suite, misses, word
from support.office import Desk

from troth.claims import products
from troth.claims.eligibility import Requirement
from troth.claims.intake import Direction, ProductFile, Requires, Tier
from troth.claims.products import Product, share_of
from troth.consent import terms
from troth.errors import BadInput
from troth.identity.verifications import Level

TIERS = (Tier(180, 2_500), Tier(300, 5_000), Tier(600, 10_000))


def product(**changes: Any) -> ProductFile:
    """What a file says."""
    default = ProductFile("delay", word("arrival delay, minutes"), Direction.AT_LEAST, TIERS)
    return default._replace(**changes)


def test_add_registers_the_first_version_of_a_name(desk: Desk, suite: Suite) -> None:
    """As the file says it, and as the contract then holds it."""
    added = products.add(desk.office, product())
    assert added == Product(1, "delay", 1, word("arrival delay, minutes"), Direction.AT_LEAST, TIERS)
    on_chain = suite.products.call("product", 1)
    assert (on_chain.metric, on_chain.direction, on_chain.version) == (added.metric, 0, 1)
    assert tuple(map(tuple, on_chain.tiers)) == TIERS


def test_add_again_is_the_same_product(desk: Desk, stranger_desk: Desk) -> None:
    """Nothing is sent, so it takes no role either."""
    first = products.add(desk.office, product())
    assert products.add(desk.office, product()) == first
    assert products.add(stranger_desk.office, product()) == first
    assert len(products.catalogue(desk.office)) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"metric": word("departure delay, minutes")},
        {"direction": Direction.AT_MOST, "tiers": TIERS[:1]},
        {"tiers": TIERS[:2]},
        {"tiers": (*TIERS[:2], Tier(601, 10_000))},
        {"tiers": (*TIERS[:2], Tier(600, 9_999))},
    ],
    ids=["metric", "direction", "fewer tiers", "threshold", "share"],
)
def test_add_changed_is_the_next_version(desk: Desk, changes: dict[str, Any]) -> None:
    """The one before stays as it was."""
    first = products.add(desk.office, product())
    second = products.add(desk.office, product(**changes))
    assert (second.product_id, second.name, second.version) == (2, "delay", 2)
    assert products.catalogue(desk.office) == [first, second]


def test_add_as_an_older_version_is_a_new_one(desk: Desk) -> None:
    """Whoever sells the old rule again wants it to be the newest."""
    for file in (product(), product(tiers=TIERS[:1]), product()):
        newest = products.add(desk.office, file)
    assert newest.version == 3
    assert newest.tiers == TIERS


def test_add_under_another_name_begins_at_version_one(desk: Desk) -> None:
    """However alike the rules are."""
    products.add(desk.office, product())
    other = products.add(desk.office, product(name="late"))
    assert (other.product_id, other.version) == (2, 1)


def test_add_takes_the_role_of_actuary(stranger_desk: Desk) -> None:
    """Refused by name of role and account."""
    with misses("ACTUARY", stranger_desk.who.address):
        products.add(stranger_desk.office, product())


def test_find_returns_the_newest_version(desk: Desk) -> None:
    """Of that name, whatever came later under another."""
    products.add(desk.office, product())
    second = products.add(desk.office, product(tiers=TIERS[:1]))
    products.add(desk.office, product(name="late"))
    assert products.find(desk.office, "delay") == second


def test_find_names_the_products_there_are(desk: Desk) -> None:
    """Each once, in order."""
    for file in (product(name="storm"), product(), product(tiers=TIERS[:1])):
        products.add(desk.office, file)
    with pytest.raises(BadInput, match=r"--product: 'dealy': no such product; known: delay, storm$"):
        products.find(desk.office, "dealy")


def test_find_says_how_to_begin(desk: Desk) -> None:
    """Where there is no product at all."""
    with pytest.raises(BadInput, match="no product yet: `troth product add`"):
        products.find(desk.office, "delay")


@pytest.mark.parametrize("direction", list(Direction))
def test_share_of_is_the_contracts_own(desk: Desk, suite: Suite, direction: Direction) -> None:
    """At every threshold, beside it, and at both ends of the metric."""
    thresholds = (-5, 0, 7) if direction is Direction.AT_LEAST else (7, 0, -5)
    tiers = tuple(Tier(at, share) for at, share in zip(thresholds, (1, 5_000, 10_000), strict=True))
    added = products.add(desk.office, product(direction=direction, tiers=tiers))
    values = [at + step for at in thresholds for step in (-1, 0, 1)] + [-(2**127), 2**127 - 1]
    said = suite.products.call_many([("shareOf", (added.product_id, value)) for value in values])
    assert [share_of(added, value) for value in values] == said
    assert set(said) == {0, 1, 5_000, 10_000}


# --- what it requires of payees

CONSENT = (
    "https://w3id.org/dpv#ServiceProvision",
    "urn:troth:recipient:insurer",
    "https://w3id.org/dpv/pd#Health",
)
OTHER_CONSENT = (CONSENT[0], "urn:troth:recipient:broker", CONSENT[2])
REQUIRED = [
    Requires(),
    Requires(Level.LOW),
    Requires(Level.HIGH),
    Requires(None, CONSENT),
    Requires(None, OTHER_CONSENT),
    Requires(Level.HIGH, CONSENT),
]


def test_add_defines_terms_and_registers_what_is_required(desk: Desk, suite: Suite) -> None:
    """In the numbers that the consent registry gave the terms."""
    added = products.add(desk.office, product(requires=Requires(Level.SUBSTANTIAL, CONSENT)))
    numbers = terms.numbers_of(desk.office, CONSENT, define=False)
    assert sorted(numbers.values()) == [1, 2, 3]
    assert added.requirement == Requirement(2, *(numbers[iri] for iri in CONSENT))
    assert tuple(suite.products.call("product", 1).requirement) == added.requirement
    assert products.catalogue(desk.office) == [added]


def test_add_with_another_requirement_is_the_next_version(desk: Desk) -> None:
    """Each of six is a version of its own, and the last one added again is the same."""
    added = [products.add(desk.office, product(requires=one)) for one in REQUIRED]
    assert [one.version for one in added] == [1, 2, 3, 4, 5, 6]
    assert products.add(desk.office, product(requires=REQUIRED[-1])) == added[-1]
    assert products.required(desk.office, products.catalogue(desk.office)) == REQUIRED


def test_add_the_same_again_sends_nothing_and_takes_no_role(desk: Desk, stranger_desk: Desk) -> None:
    """Its terms are known already."""
    first = products.add(desk.office, product(requires=REQUIRED[-1]))
    assert products.add(stranger_desk.office, product(requires=REQUIRED[-1])) == first


def test_add_of_new_terms_takes_the_role_of_operator(stranger_desk: Desk) -> None:
    """Defining them is a role's."""
    with misses("OPERATOR", stranger_desk.who.address):
        products.add(stranger_desk.office, product(requires=REQUIRED[-1]))


def test_requirement_of_undefined_terms_is_shown_by_number(desk: Desk, suite: Suite) -> None:
    """As somebody else may have registered it, past this package."""
    suite.register(requirement=(0, 7, 8, 9))
    (found,) = products.catalogue(desk.office)
    assert products.required(desk.office, [found]) == [Requires(None, ("term 7", "term 8", "term 9"))]
