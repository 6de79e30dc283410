"""Short names of terms, and the IRIs they stand for.

purpose · category
├── *: itself
├── a DPV name, however its letters and hyphens are written: DPV's IRI
├── with its prefix · in a vocabulary that has no such name: refused
├── a name of two vocabularies: DPV's own; the other by its prefix
├── a name of another kind: refused · a slip: refused with the nearest
├── what means everything: refused, write * · nothing: refused
└── an IRI: as it is
jurisdiction: ISO 3166, EU, EEA; never *
recipient
├── * · an IRI · a prefixed name
└── a plain name: an IRI of ours, case kept · other text: refused
an IRI: absolute, of at most 200 bytes, ASCII without blanks or what no IRI holds, nobody's name
short_name: what was written, for every term of the table
known_terms: by kind and name, searched · is_special_category: as DPV has it
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from troth.consent.terms import (
    Kind,
    category_iri,
    check_iri,
    is_special_category,
    jurisdiction_iri,
    known_terms,
    namespaces,
    purpose_iri,
    recipient_iri,
    short_name,
)

DPV, PD, LOC = "https://w3id.org/dpv#", "https://w3id.org/dpv/pd#", "https://w3id.org/dpv/loc#"
FINANCE = "https://w3id.org/dpv/sector/finance#"
RESOLVERS = {
    Kind.PURPOSE: purpose_iri,
    Kind.CATEGORY: category_iri,
    Kind.JURISDICTION: jurisdiction_iri,
}


@pytest.mark.parametrize(
    "written", ["DirectMarketing", "directmarketing", "direct-marketing", "DIRECT_MARKETING"]
)
def test_a_purpose_is_found_however_it_is_written(written: str) -> None:
    """Case, hyphens and underscores say nothing."""
    assert purpose_iri(written) == f"{DPV}DirectMarketing"


@pytest.mark.parametrize("resolve", [purpose_iri, category_iri, recipient_iri])
def test_a_star_stands_for_all_where_there_is_a_scope(resolve: Callable[[str], str]) -> None:
    """It is no IRI and gets none."""
    assert resolve("*") == short_name("*") == "*"


@pytest.mark.parametrize(
    ("resolve", "written", "iri"),
    [
        (purpose_iri, "dpv:Marketing", f"{DPV}Marketing"),
        (purpose_iri, "sector-finance:insurance-claims-management", f"{FINANCE}InsuranceClaimsManagement"),
        (purpose_iri, "InsuranceClaimsManagement", f"{FINANCE}InsuranceClaimsManagement"),
        (category_iri, "pd:Contact", f"{PD}Contact"),
        (category_iri, "HealthRecord", f"{PD}HealthRecord"),
        (category_iri, "SpecialCategoryPersonalData", f"{DPV}SpecialCategoryPersonalData"),
        (jurisdiction_iri, "loc:DE", f"{LOC}DE"),
        (jurisdiction_iri, "us-ny", f"{LOC}US-NY"),
        (jurisdiction_iri, "EU", f"{LOC}EU"),
        (recipient_iri, "dpv:ThirdParty", f"{DPV}ThirdParty"),
        (recipient_iri, "Acme_2.co-op", "urn:troth:recipient:Acme_2.co-op"),
        (recipient_iri, "https://acme.example/", "https://acme.example/"),
        (purpose_iri, "urn:example:purposes:audit", "urn:example:purposes:audit"),
        (category_iri, "https://example.com/data#wearables", "https://example.com/data#wearables"),
    ],
)
def test_a_name_stands_for_an_iri(resolve: Callable[[str], str], written: str, iri: str) -> None:
    """Short, prefixed and whole."""
    assert resolve(written) == iri


def test_a_name_of_two_vocabularies_is_the_core_ones() -> None:
    """The extension's goes by its prefix, both ways."""
    assert purpose_iri("ServiceProvision") == f"{DPV}ServiceProvision"
    assert short_name(f"{FINANCE}ServiceProvision") == "sector-finance:ServiceProvision"
    assert purpose_iri("sector-finance:ServiceProvision") == f"{FINANCE}ServiceProvision"


def test_recipients_differ_in_case() -> None:
    """A plain name is the insurer's own: nothing is taken for the same that was not written so."""
    assert recipient_iri("acme") != recipient_iri("Acme")


@pytest.mark.parametrize(
    ("resolve", "written", "reason"),
    [
        (purpose_iri, "DirectMarketting", "unknown purpose; did you mean DirectMarketing or Marketing? "),
        (purpose_iri, "xylophone", "unknown purpose; `troth consent terms` lists them, or give an IRI"),
        (purpose_iri, "HealthRecord", "unknown purpose"),
        (purpose_iri, "", "empty purpose"),
        (purpose_iri, "dpv:Marketig", "unknown purpose in dpv:; did you mean Marketing? "),
        (purpose_iri, "pd:Contact", "unknown purpose in pd:"),
        (purpose_iri, "dvp:Marketing", "no absolute IRI"),
        (purpose_iri, "Direct Marketing", "did you mean DirectMarketing"),
        (purpose_iri, "Purpose", "write * for every purpose"),
        (purpose_iri, "dpv:Purpose", "write * for every purpose"),
        (purpose_iri, f"{DPV}Purpose", "write * for every purpose"),
        (category_iri, "personal-data", "write * for every category"),
        (category_iri, "Marketing", "unknown category"),
        (category_iri, "HealthRecrd", "did you mean HealthRecord"),
        (jurisdiction_iri, "*", "unknown jurisdiction"),
        (jurisdiction_iri, "XX", "unknown jurisdiction"),
        (jurisdiction_iri, "US-XX", "unknown jurisdiction"),
        (recipient_iri, "dpv:Recipient", "write * for every recipient"),
        (recipient_iri, "", "write *, an IRI, or a name"),
        (recipient_iri, "Müller & Co", "write *, an IRI, or a name"),
        (recipient_iri, "a" * 65, "at most 64 letters"),
        (recipient_iri, "-acme", "write *, an IRI, or a name"),
        (recipient_iri, "mailto:alice", "no absolute IRI"),
    ],
)
def test_a_name_that_stands_for_nothing_is_refused(
    resolve: Callable[[str], str], written: str, reason: str
) -> None:
    """With the rule, or the nearest names."""
    with pytest.raises(ValueError, match=r".") as refused:
        resolve(written)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    "iri",
    [
        "https://example.com/p",
        "http://[::1]:8000/x?y#z",
        "urn:troth:notice:0x12",
        "did:web:example.com",
        "tag:example.com,2026:x",
        "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk",
        "https://xn--exmple-cua.com/Zweck/%C3%A4",
        "https://example.com/" + "a" * 180,
    ],
)
def test_check_iri_passes_what_is_one(iri: str) -> None:
    """And changes nothing in it."""
    assert check_iri(iri) == iri


@pytest.mark.parametrize(
    ("iri", "reason"),
    [
        ("", "empty"),
        ("example.com/p", "no absolute IRI"),
        ("//example.com/p", "no absolute IRI"),
        ("https:/example.com", "no absolute IRI"),
        ("https://", "no absolute IRI"),
        ("urn:x", "no absolute IRI"),
        ("urn::x", "no absolute IRI"),
        ("tel:+4930123456", "no absolute IRI"),
        ("https://example.com/" + "a" * 181, "at most 200 bytes"),
        ("https://example.com/a b", "no blanks"),
        ("https://example.com/a\n", "no control characters"),
        ("https://example.com/\x00", "no control characters"),
        ("https://example.com/\u202egnp", "is ASCII"),
        ("https://example.com/\u200b", "is ASCII"),
        ("https://example.com/\udcff", "is ASCII"),
        ("https://example.com/<x>", "none of <"),
        ("https://example.com/a\\b", "none of <"),
        ("https://exämple.com/", "is ASCII"),
        ("https://example.com/\x7f", "no control characters"),
        ("https://alice@example.com/", "names no user"),
        ("https://[example.com/", "host is malformed"),
        (f"{DPV}PersonalData", "write * for every category"),
    ],
)
def test_check_iri_refuses_what_is_none(iri: str, reason: str) -> None:
    """With the rule it breaks."""
    with pytest.raises(ValueError, match=r".") as refused:
        check_iri(iri)
    assert reason in str(refused.value)


@pytest.mark.parametrize("kind", list(Kind))
def test_short_name_turns_every_term_back(kind: Kind) -> None:
    """Each term of the table, by its name and by its IRI; no two share a name."""
    terms = known_terms(kind=kind)
    assert [short_name(term.iri) for term in terms] == [term.name for term in terms]
    assert [RESOLVERS[kind](term.name) for term in terms] == [term.iri for term in terms]
    assert [RESOLVERS[kind](term.iri) for term in terms] == [term.iri for term in terms]
    assert len({term.name for term in terms}) == len({term.iri for term in terms}) == len(terms)
    assert [check_iri(term.iri) for term in terms] == [term.iri for term in terms]


def test_short_name_leaves_other_iris_and_turns_recipients_back() -> None:
    """What no plain name could have made stays whole."""
    assert short_name(recipient_iri("Acme")) == "Acme"
    for iri in ("https://example.com/p", "urn:troth:recipient:M%C3%BCller", "urn:troth:recipient:"):
        assert short_name(iri) == iri


def test_known_terms_has_all_of_the_vocabulary() -> None:
    """118 purposes of DPV 2, 43 of its finance extension, 221 categories and the core's 11; every country."""
    found = {kind: known_terms(kind=kind) for kind in Kind}
    assert {kind: len(terms) for kind, terms in found.items()} == {
        Kind.PURPOSE: 118 + 43,
        Kind.CATEGORY: 221 + 11,
        Kind.JURISDICTION: 249 + 2 + 56 + 16,
    }
    assert known_terms() == [term for kind in Kind for term in found[kind]]
    assert set(namespaces().values()) == {DPV, PD, LOC, FINANCE}


def test_known_terms_searches_names() -> None:
    """Anywhere in a name, written anyhow."""
    assert [term.name for term in known_terms("direct-mark")] == ["DirectMarketing"]
    assert {term.kind for term in known_terms("insurance")} == {Kind.PURPOSE, Kind.CATEGORY}
    assert known_terms("xylophone") == []


@pytest.mark.parametrize(
    ("category", "special"),
    [("HealthRecord", True), ("Biometric", True), ("SpecialCategoryPersonalData", True), ("Contact", False)],
)
def test_is_special_category_is_as_the_vocabulary_says(category: str, special: bool) -> None:
    """GDPR article 9."""
    assert is_special_category(category_iri(category)) is special
