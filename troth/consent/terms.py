"""Terms: what purposes, recipients, categories of data and jurisdictions are called.

On the chain a term is the number of an IRI, for good. People write short names. Those of purposes and
categories are the local names of the W3C Data Privacy Vocabulary (DPV) 2, without regard to case, hyphen or
underscore; an IRI names a term of one's own. The table, `dpv.json`, holds names and no meanings: a purpose is
compared as it is, so what is said of Marketing says nothing of DirectMarketing, and only `*` is wider.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from troth.office import Office
from troth.store import terms as stored

__all__ = [
    "ALL",
    "LONGEST_IRI",
    "Kind",
    "Term",
    "category_iri",
    "check_iri",
    "is_special_category",
    "jurisdiction_iri",
    "known_terms",
    "namespaces",
    "numbers_of",
    "purpose_iri",
    "recipient_iri",
    "short_name",
]

ALL = "*"
"""Every purpose, recipient or category; on the chain, the number 0."""
LONGEST_IRI = 200
"""Bytes: what the contract takes."""

_RECIPIENT = "urn:troth:recipient:"
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LOCAL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_IRI = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.-]*://[^/?#]|ni:///|urn:[A-Za-z0-9][A-Za-z0-9-]{0,31}:|tag:|did:).+"
)
_NEVER_IN_IRIS = re.compile(r'[<>"{}|\\^`\x00-\x20\x7f]')
_ROOTS = {
    "https://w3id.org/dpv#Purpose": "purpose",
    "https://w3id.org/dpv#PersonalData": "category",
    "https://w3id.org/dpv#Recipient": "recipient",
}
"""What DPV calls everything of a kind: on the chain that is `*`, and has no number."""
_DEFINED_AT_ONCE = 100


class Kind(Enum):
    """What a term names."""

    PURPOSE = "purpose"
    CATEGORY = "category"
    JURISDICTION = "jurisdiction"

    @property
    def _table(self) -> str:
        """Its part of `dpv.json`."""
        return {"purpose": "purposes", "category": "categories", "jurisdiction": "jurisdictions"}[self.value]


@dataclass(frozen=True)
class Term:
    """A term that has a short name."""

    kind: Kind
    name: str
    """As it is written: the local name, behind a prefix where another vocabulary has it too."""
    iri: str


def purpose_iri(text: str) -> str:
    """The IRI of a purpose: `*`, a short name, a prefixed name as dpv:Marketing, or an IRI as it is.

    Raises ValueError, saying the rule or the nearest names.
    """
    return ALL if text == ALL else _resolve(Kind.PURPOSE, text)


def category_iri(text: str) -> str:
    """The IRI of a category of personal data; as `purpose_iri`, with pd:Contact for a prefixed name."""
    return ALL if text == ALL else _resolve(Kind.CATEGORY, text)


def jurisdiction_iri(text: str) -> str:
    """The IRI of a jurisdiction: an ISO 3166 code as DE or US-NY, EU, EEA, or an IRI. Raises ValueError."""
    return _resolve(Kind.JURISDICTION, text)


def recipient_iri(text: str) -> str:
    """The IRI of a recipient: `*`, an IRI, or a plain name that gets one of Troth's own.

    Plain names keep their case: two that differ in it are two recipients. Raises ValueError.
    """
    if text == ALL:
        return ALL
    if _PLAIN_NAME.fullmatch(text):
        return f"{_RECIPIENT}{text}"
    if ":" not in text:
        raise ValueError(
            "write *, an IRI, or a name of at most 64 letters, digits, dots, hyphens, underscores"
        )
    prefix, _, local = text.partition(":")
    if prefix in namespaces() and _LOCAL_NAME.fullmatch(local):
        return check_iri(f"{namespaces()[prefix]}{local}")
    return check_iri(text)


def check_iri(text: str) -> str:
    """`text`, if it is an absolute IRI that can be put on the chain: ASCII, others' letters percent-encoded.

    Raises ValueError for what is not absolute, is longer than 200 bytes, holds blanks or characters that no
    IRI holds, names a person (a user in its address, or a scheme such as mailto that stands for one), or
    means everything, which is written `*`.
    """
    if not text:
        raise ValueError("empty: write an IRI")
    if not text.isascii():
        raise ValueError(
            "an IRI on the chain is ASCII, for looks deceive: percent-encode the rest (RFC 3987)"
        )
    if len(text) > LONGEST_IRI:
        raise ValueError(f"an IRI has at most {LONGEST_IRI} bytes")
    if _NEVER_IN_IRIS.search(text):
        raise ValueError('an IRI holds no blanks, no control characters and none of < > " { } | \\ ^ `')
    if not _IRI.fullmatch(text):
        prefixes = ", ".join(f"{prefix}:" for prefix in namespaces())
        raise ValueError(
            f"no absolute IRI: begin with https:// or urn:NAME:, or with a known prefix ({prefixes})"
        )
    if "@" in _authority(text):
        raise ValueError("an IRI on the chain names no user")
    if text in _ROOTS:
        raise ValueError(f"write * for every {_ROOTS[text]}")
    return text


def short_name(iri: str) -> str:
    """What people write for an IRI, the inverse of the functions above; other IRIs as they are."""
    if iri.startswith(_RECIPIENT) and _PLAIN_NAME.fullmatch(name := iri.removeprefix(_RECIPIENT)):
        return name
    return _names_by_iri().get(iri, iri)


def is_special_category(iri: str) -> bool:
    """Whether DPV counts the category among the special ones of GDPR article 9, which need explicit consent
    or another ground of that article. False says nothing of categories by an IRI of one's own.
    """
    return iri in _special()


def known_terms(search: str = "", kind: Kind | None = None) -> list[Term]:
    """The terms with short names, of one kind or all, that have `search` in their name; by kind and name."""
    wanted = _plain(search)
    kinds = Kind if kind is None else (kind,)
    return [
        Term(one, name, iri)
        for one in kinds
        for name, iri in sorted((short_name(iri), iri) for iri in _listed(one))
        if wanted in _plain(name)
    ]


def namespaces() -> dict[str, str]:
    """The namespaces of the vocabularies, by prefix."""
    return dict(_dpv()["namespaces"])


def numbers_of(office: Office, iris: Iterable[str], *, define: bool = True) -> dict[str, int]:
    """The numbers that stand for IRIs on the chain, 0 for `*`; new ones are defined first, or left out.

    Looks in the index, then asks the chain for what the index does not know (yet). Raises MissingRole for an
    account that may not define terms, and what sending raises.
    """
    wanted = set(iris)
    with office.store.reading() as connection:
        found = stored.numbers(connection, wanted - {ALL})
    if ALL in wanted:
        found[ALL] = 0
    missing = sorted(wanted - set(found))
    found |= _asked(office, missing)
    missing = [iri for iri in missing if iri not in found]
    if missing and define:
        found |= _defined(office, missing)
    return found


def _asked(office: Office, iris: list[str]) -> dict[str, int]:
    """The numbers of those IRIs that the chain knows."""
    if not iris:
        return {}
    numbers = office.contract("ConsentRegistry").call_many([("termOf", (iri,)) for iri in iris])
    return {iri: number for iri, number in zip(iris, numbers, strict=True) if number}


def _defined(office: Office, iris: list[str]) -> dict[str, int]:
    """The numbers of IRIs, defined now; one that somebody else defined meanwhile keeps the number it has."""
    registry = office.contract("ConsentRegistry")
    shares = (iris[at : at + _DEFINED_AT_ONCE] for at in range(0, len(iris), _DEFINED_AT_ONCE))
    office.sender.send([registry.prepare("defineTerms", share) for share in shares])
    return _asked(office, iris)


def _resolve(kind: Kind, text: str) -> str:
    """The IRI that a short name, prefixed name or IRI stands for. Raises ValueError."""
    prefix, colon, local = text.partition(":")
    if not colon:
        return _named(kind, text, _short_names(kind))
    if prefix not in namespaces():
        return check_iri(text)
    of_prefix = {_plain(name): iri for name, iri in _of_vocabulary(kind, prefix).items()}
    return _named(kind, local, of_prefix, prefix)


def _named(kind: Kind, name: str, table: dict[str, str], prefix: str = "") -> str:
    """The IRI of a name in a table. Raises ValueError with the nearest names."""
    if (iri := table.get(_plain(name))) is not None:
        return iri
    for root, everything in _ROOTS.items():
        if _plain(root.partition("#")[2]) == _plain(name):
            raise ValueError(f"write * for every {everything}")
    where = f" in {prefix}:" if prefix else ""
    unknown = f"unknown {kind.value}{where}" if name else f"empty {kind.value}"
    near = [short_name(table[one]) for one in get_close_matches(_plain(name), table, n=3, cutoff=0.7)]
    guess = f"did you mean {' or '.join(near)}? " if near else ""
    raise ValueError(f"{unknown}; {guess}`troth consent terms` lists them, or give an IRI")


def _authority(iri: str) -> str:
    """The host of an IRI, with port and user; raises ValueError where brackets do not match."""
    try:
        return urlsplit(iri).netloc
    except ValueError:
        raise ValueError("no IRI: its host is malformed") from None


def _plain(name: str) -> str:
    """A name as it is compared."""
    return name.replace("-", "").replace("_", "").casefold()


@cache
def _dpv() -> dict[str, Any]:
    """The table."""
    table: dict[str, Any] = json.loads((files(__package__) / "dpv.json").read_text(encoding="utf-8"))
    return table


def _of_vocabulary(kind: Kind, prefix: str) -> dict[str, str]:
    """The IRIs of a kind in one vocabulary, by local name."""
    namespace = _dpv()["namespaces"][prefix]
    return {name: f"{namespace}{name}" for name in _dpv()[kind._table].get(prefix, ())}


@cache
def _short_names(kind: Kind) -> dict[str, str]:
    """The IRIs of a kind by plain name. A name in two vocabularies is the first one's, DPV's own."""
    table: dict[str, str] = {}
    for prefix in _dpv()[kind._table]:
        for name, iri in _of_vocabulary(kind, prefix).items():
            table.setdefault(_plain(name), iri)
    return table


@cache
def _names_by_iri() -> dict[str, str]:
    """What to write for each IRI of the table."""
    names = {ALL: ALL}
    for kind in Kind:
        for prefix in _dpv()[kind._table]:
            for name, iri in _of_vocabulary(kind, prefix).items():
                names[iri] = name if _short_names(kind)[_plain(name)] == iri else f"{prefix}:{name}"
    return names


def _listed(kind: Kind) -> list[str]:
    """Every IRI of a kind."""
    return [iri for prefix in _dpv()[kind._table] for iri in _of_vocabulary(kind, prefix).values()]


@cache
def _special() -> frozenset[str]:
    """The special categories."""
    spaces = namespaces()
    return frozenset(
        {f"{spaces['pd']}{name}" for name in _dpv()["special_categories"]}
        | {f"{spaces['dpv']}SpecialCategoryPersonalData"}
    )
