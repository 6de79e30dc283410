"""Terms and their numbers on the chain.

numbers_of
├── indexed: from the index, and the chain is not asked
├── on the chain, not yet indexed: from the chain, and nothing is sent
├── new: defined, many in several transactions; *: 0, and nothing is defined for it
├── new, and not to be defined: left out
├── defined by somebody else meanwhile: theirs
├── none at all: none, and the chain is not asked
└── the account may not define: refused
names_of: the inverse, as far as the index has read; 0 is *
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import Suite
from support.consents import IRIS, defined
from support.office import Desk, desk_of

from troth.chain.refusals import Role
from troth.consent import terms
from troth.consent.terms import ALL, numbers_of
from troth.errors import MissingRole
from troth.store.terms import names_of, numbers

NEW = "https://example.com/purposes#new"


def term_count(suite: Suite) -> int:
    """How many terms the contract holds."""
    return int(suite.consents.call("termCount"))


def unreachable(*_: Any) -> None:
    """Stands where nobody should go."""
    raise AssertionError("the chain was asked")


def test_numbers_of_reads_the_index(desk: Desk, suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it holds is final: no call is spent on it."""
    defined(suite)
    desk.office.sync()
    monkeypatch.setattr(type(desk.office), "contract", unreachable)
    assert numbers_of(desk.office, [*IRIS, ALL]) == {ALL: 0, **{iri: n for n, iri in enumerate(IRIS, 1)}}


def test_numbers_of_asks_the_chain_for_what_the_index_has_not_read(desk: Desk, suite: Suite) -> None:
    """Nothing is defined twice."""
    defined(suite)
    assert numbers_of(desk.office, IRIS[:2]) == {IRIS[0]: 1, IRIS[1]: 2}
    assert term_count(suite) == len(IRIS)


def test_numbers_of_defines_what_is_new(desk: Desk, suite: Suite) -> None:
    """In order of the IRIs, and once; the index has them after it has read on."""
    defined(suite, IRIS[:1])
    wanted = [NEW, f"{NEW}er", IRIS[0], NEW, ALL]
    assert numbers_of(desk.office, wanted) == {IRIS[0]: 1, NEW: 2, f"{NEW}er": 3, ALL: 0}
    assert term_count(suite) == 3
    assert numbers_of(desk.office, wanted) == {IRIS[0]: 1, NEW: 2, f"{NEW}er": 3, ALL: 0}
    desk.office.sync()
    with desk.office.store.reading() as connection:
        assert numbers(connection, wanted) == {IRIS[0]: 1, NEW: 2, f"{NEW}er": 3}


def test_numbers_of_defines_more_than_a_transaction_holds(desk: Desk, suite: Suite) -> None:
    """1,001 terms: several transactions, and several statements to the index."""
    many = [f"urn:example:terms:{number:04}" for number in range(1_001)]
    found = numbers_of(desk.office, many)
    assert found == {iri: number for number, iri in enumerate(many, 1)}
    desk.office.sync()
    with desk.office.store.reading() as connection:
        assert numbers(connection, many) == found
        assert names_of(connection, range(2_000)) == {
            0: ALL,
            **{number: iri for iri, number in found.items()},
        }


def test_numbers_of_leaves_out_what_it_is_not_to_define(desk: Desk, suite: Suite) -> None:
    """A question defines nothing."""
    defined(suite, IRIS[:1])
    assert numbers_of(desk.office, [NEW, IRIS[0], ALL], define=False) == {IRIS[0]: 1, ALL: 0}
    assert term_count(suite) == 1


def test_numbers_of_takes_what_somebody_else_defined_meanwhile(
    desk: Desk, suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the question and the transaction: it keeps its number, and the others get theirs."""
    asked = terms._asked
    calls: list[list[str]] = []

    def slow(office: Any, wanted: list[str]) -> dict[str, int]:
        answer = asked(office, wanted)
        calls.append(wanted)
        if len(calls) == 1:
            defined(suite, [NEW])
        return answer

    monkeypatch.setattr(terms, "_asked", slow)
    assert numbers_of(desk.office, [NEW, f"{NEW}er"]) == {NEW: 1, f"{NEW}er": 2}
    assert (len(calls), term_count(suite)) == (2, 2)


def test_numbers_of_nothing_is_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """And costs nothing."""
    monkeypatch.setattr(type(desk.office), "contract", unreachable)
    assert numbers_of(desk.office, []) == {}
    assert numbers_of(desk.office, [ALL]) == {ALL: 0}


def test_numbers_of_needs_an_operator_to_define(suite: Suite, tmp_path: Path) -> None:
    """And nobody to ask."""
    with desk_of(suite, tmp_path / "stranger", "stranger") as stranger:
        assert numbers_of(stranger.office, [NEW], define=False) == {}
        with pytest.raises(MissingRole) as refused:
            numbers_of(stranger.office, [NEW])
    assert (refused.value.role, term_count(suite)) == (Role.OPERATOR.name, 0)


def test_names_of_turns_numbers_back(desk: Desk, suite: Suite) -> None:
    """0 is *, and a number without a term is left out."""
    defined(suite)
    desk.office.sync()
    with desk.office.store.reading() as connection:
        assert names_of(connection, [0, 1, 3, 99]) == {0: ALL, 1: IRIS[0], 3: IRIS[2]}
        assert names_of(connection, [1]) == {0: ALL, 1: IRIS[0]}
        assert names_of(connection, []) == {0: ALL}
