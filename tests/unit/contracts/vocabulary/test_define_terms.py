"""Numbering IRIs.

defineTerms
├── caller is no operator: refused, see authority/test_roles.py
├── none: nothing happens
├── 0 bytes, 201 bytes: refused · 1, 200: taken
├── a blank, a control character, a letter beyond ASCII: refused · printed ASCII: taken
├── no colon, as in "*": refused
├── numbered before, or twice in one call: keeps its number, and nothing is told
├── one of many refused: none numbered
└── else: the next number each, in their order, event with the IRI
termOf: of one that is not numbered 0 · termCount: at first 0
"""

from __future__ import annotations

import pytest
from support import Actor, Suite, emitted, refuses
from support.consents import IRIS, defined

from troth.chain.contracts import Contract
from troth.trees.keccak import keccak

LONGEST = 200


@pytest.fixture
def terms(suite: Suite) -> Contract:
    """The vocabulary, empty."""
    return suite.consents


def numbers(terms: Contract, *iris: str) -> list[int]:
    """Of each."""
    return [terms.call("termOf", iri) for iri in iris]


def test_terms_are_numbered_from_1_in_their_order(terms: Contract, operator: Actor) -> None:
    """And told with their IRI, from which an index learns the words."""
    assert (terms.call("termCount"), numbers(terms, *IRIS)) == (0, [0] * len(IRIS))
    receipt = operator.send(terms, "defineTerms", IRIS)
    told = [(number, keccak(iri.encode()), iri) for number, iri in enumerate(IRIS, 1)]
    assert emitted(receipt, terms, "TermDefined") == told
    assert numbers(terms, *IRIS) == [*range(1, len(IRIS) + 1)]
    assert terms.call("termCount") == len(IRIS)


def test_terms_go_on_from_the_last(terms: Contract, operator: Actor) -> None:
    """A number stands for its IRI for good."""
    for iri in IRIS:
        operator.send(terms, "defineTerms", [iri])
    assert numbers(terms, *IRIS) == [*range(1, len(IRIS) + 1)]


@pytest.mark.parametrize("iri", [":", "a:", "urn:" + "a" * (LONGEST - 4)])
def test_iri_of_1_to_200_bytes_is_taken(terms: Contract, operator: Actor, iri: str) -> None:
    """Both ends of the range."""
    operator.send(terms, "defineTerms", [iri])
    assert numbers(terms, iri) == [1]


@pytest.mark.parametrize("iri", ["", "urn:" + "a" * (LONGEST - 3), "urn:" + "ü" * 99])
@pytest.mark.parametrize("place", [0, 1])
def test_iri_of_other_length_is_refused(terms: Contract, operator: Actor, iri: str, place: int) -> None:
    """Bytes count; the other of the call is not numbered either."""
    iris = ["urn:troth:good", iri] if place else [iri, "urn:troth:good"]
    with refuses("VocabularyIriLength", length=len(iri.encode()), atMost=LONGEST):
        operator.send(terms, "defineTerms", iris)
    assert (terms.call("termCount"), numbers(terms, "urn:troth:good")) == (0, [0])


PRINTED = "".join(map(chr, range(0x21, 0x7F)))


def test_iri_of_printed_ascii_is_taken(terms: Contract, operator: Actor) -> None:
    """Every character from ! to ~."""
    operator.send(terms, "defineTerms", [PRINTED])
    assert numbers(terms, PRINTED) == [1]


@pytest.mark.parametrize("letter", ["\0", "\n", "\x1f", " ", "\x7f", "\x80", "ü", "\u202e", "\u200b"])
@pytest.mark.parametrize("shape", ["{}urn:a", "urn:{}a", "urn:a{}"])
def test_iri_of_other_characters_is_refused(
    terms: Contract, operator: Actor, letter: str, shape: str
) -> None:
    """What a wallet shows is what is signed: nothing hidden, turned round or alike."""
    iri = shape.format(letter)
    with refuses("VocabularyIriMalformed", iri=iri):
        operator.send(terms, "defineTerms", ["urn:troth:good", iri])
    assert terms.call("termCount") == 0


@pytest.mark.parametrize("word", ["*", "a", "Given", "https//w3id.org/dpv#Marketing"])
def test_iri_without_scheme_is_refused(terms: Contract, operator: Actor, word: str) -> None:
    """A statement's "*" stands for all, and for no term."""
    with refuses("VocabularyIriMalformed", iri=word):
        operator.send(terms, "defineTerms", [word])


def test_iri_numbered_before_keeps_its_number(suite: Suite, terms: Contract, operator: Actor) -> None:
    """Who asks for it again gets what is new numbered, and is told of that only."""
    defined(suite)
    receipt = operator.send(terms, "defineTerms", [IRIS[2], "urn:troth:new", *IRIS])
    new = len(IRIS) + 1
    assert emitted(receipt, terms, "TermDefined") == [(new, keccak(b"urn:troth:new"), "urn:troth:new")]
    assert terms.call("termCount") == new
    assert numbers(terms, *IRIS) == [*range(1, new)]


def test_iri_twice_in_one_call_is_numbered_once(terms: Contract, operator: Actor) -> None:
    """By its first place."""
    operator.send(terms, "defineTerms", ["urn:a", "urn:b", "urn:a", "urn:c"])
    assert numbers(terms, "urn:a", "urn:b", "urn:c") == [1, 2, 3]


def test_iris_differ_by_every_byte(terms: Contract, operator: Actor) -> None:
    """Upper and lower case, too."""
    operator.send(terms, "defineTerms", ["urn:a", "urn:A", "urn:a/"])
    assert numbers(terms, "urn:a", "urn:A", "urn:a/", "urn:a\0") == [1, 2, 3, 0]


def test_no_iris_are_no_mistake(terms: Contract, operator: Actor) -> None:
    """Nothing happens."""
    assert operator.send(terms, "defineTerms", []).logs == ()
