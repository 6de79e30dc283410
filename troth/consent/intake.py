"""A file of decisions, read once and checked whole: everything that can be known of it without the chain.

subject        a subject's 0x-id, or the insurer's own customer reference
purpose, recipient, category    as on the command line; * for all
state, basis, method            by name, such as given, explicit-consent, recorded-call
effective      ISO 8601 with zone
expires        the same, or empty for never
notice         a file beside this one, an IRI, 0x and a SHA-256, or empty
evidence       a file beside this one, a reference of the insurer's own, or empty
jurisdiction   as US-CA; a column that may be left out
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from troth.consent import terms
from troth.consent.decisions import ELSEWHERE, LAST_SECOND, OPERATOR_STATES, Basis, Method, State
from troth.errors import BadInput, Problem
from troth.identity.evidence import Content
from troth.identity.subjects import parse_reference, parse_subject
from troth.intake import Parsers, collector_paused, iso_second, parse_moment, read_lines

__all__ = [
    "COLUMNS",
    "ConsentFile",
    "ConsentRow",
    "notice_iri",
    "notice_of",
    "operator_method",
    "operator_state",
    "parse_second",
    "read_consents",
    "subject_text",
]

COLUMNS = (
    "subject",
    "purpose",
    "recipient",
    "category",
    "state",
    "basis",
    "method",
    "effective",
    "expires",
    "notice",
    "evidence",
    "jurisdiction",
)
_OPTIONAL = frozenset({"jurisdiction"})
_PERSONAL = frozenset({"subject", "evidence"})
_REFERENCE_LENGTH = 200  # characters of evidence that is a reference
_HASH = re.compile(r"0x[0-9a-fA-F]{64}")
_TOO_LATE = "out of range: until 2106-02-07T06:28:15Z"
_SEEN = 1 << 17  # of each column, values remembered: files repeat themselves


class ConsentRow(NamedTuple):
    """A decision as written. Terms as IRIs or "*"; times UTC seconds."""

    line: int
    subject: str
    """0x-id or customer reference."""
    purpose: str
    recipient: str
    category: str
    state: State
    basis: Basis
    method: Method
    effective: int
    expires: int
    """0 for never."""
    notice: str
    """IRI, "" for none."""
    evidence: str
    """Name of a file beside this one, or a reference, "" for nothing."""
    jurisdiction: str
    """IRI, "" for none."""


@dataclass(frozen=True)
class ConsentFile:
    """A file of decisions and the documents beside it."""

    path: Path
    rows: list[ConsentRow] = field(repr=False)
    notices: Mapping[str, Content] = field(repr=False)
    """By IRI: those of the rows' notices that are files."""
    evidences: Mapping[str, Path] = field(repr=False)
    """By name: those of the rows' evidences that are files."""

    @property
    def source(self) -> bytes:
        """A digest, 32 bytes, of all that the decisions are made from. Reads the evidences."""
        digest = sha256()
        for row in self.rows:
            digest.update(repr(row[1:]).encode(errors="surrogatepass"))
        for name, path in sorted(self.evidences.items()):
            digest.update(repr((name, sha256(_read(path).data).digest())).encode())
        return digest.digest()

    def evidence(self, row: ConsentRow) -> Content:
        """What shows the subject's word: the file, or the reference as text. Raises BadInput."""
        if (path := self.evidences.get(row.evidence)) is not None:
            return _read(path)
        return Content(row.evidence.encode(), media_type="text/plain") if row.evidence else Content()


def read_consents(path: Path) -> ConsentFile:
    """The decisions in the file at `path`, in its order. Raises BadInput with every problem of it."""
    problems: list[Problem] = []
    beside = _Beside(path)
    rows: list[ConsentRow] = []
    with collector_paused():
        for line, values in read_lines(path, _parsers(beside), problems, optional=_OPTIONAL):
            row = ConsentRow(line, *values)
            if 0 < row.expires <= row.effective:
                rule = "expires before it takes effect, or at once: write a later time, or nothing"
                problems.append(Problem(str(path), line, "expires", iso_second(row.expires), rule))
            rows.append(row)
    if problems:
        raise BadInput(map(_discreet, sorted(problems, key=lambda problem: problem.line or 0)))
    return ConsentFile(path, rows, beside.notices, beside.evidences)


def notice_of(content: Content) -> str:
    """The IRI that stands for a notice: its SHA-256 as RFC 6920 names things by hash."""
    return _named_by_hash(sha256(content.data).digest())


def _discreet(problem: Problem) -> Problem:
    """The problem without what may be personal: who it is about, and what shows their word. The line says."""
    is_personal = problem.column in _PERSONAL or (problem.column is None and problem.line != 1)
    return problem._replace(value=None) if is_personal else problem


def _read(path: Path) -> Content:
    """A file beside the one read. Raises BadInput."""
    return Content.read(path, place=str(path))


# The rules of single values: text in, value out, or ValueError.


def subject_text(text: str) -> str:
    """A subject's id or a customer reference, as it is."""
    if parse_subject(text) is None:
        parse_reference(text)
    return text


def operator_state(text: str) -> State:
    """A state that an operator may record."""
    if (state := State.parse(text)) not in OPERATOR_STATES:
        raise ValueError("only a correction says so: `troth consent correct`")
    return state


def operator_method(text: str) -> Method:
    """A way in which a subject's word comes to an operator."""
    if (method := Method.parse(text)) not in ELSEWHERE:
        words = ", ".join(sorted(one.text for one in ELSEWHERE))
        raise ValueError(f"only the subject's own key records so: an operator writes one of {words}")
    return method


def parse_second(text: str) -> int:
    """A time in ISO 8601 with its zone as UTC seconds, of the 32 bits that decisions have."""
    second = int(parse_moment(text).timestamp())
    if second > LAST_SECOND:
        raise ValueError(_TOO_LATE)
    if second == 0:
        raise ValueError("out of range: from 1970-01-01T00:00:01Z")
    return second


def _no_or(parse: Callable[[str], int]) -> Callable[[str], int]:
    """The same for a column that may be empty."""
    return lambda text: parse(text) if text else 0


def _evidence_text(text: str) -> str:
    """The name of a file, or a reference: nothing, or up to 200 printable characters."""
    if text and not text.isprintable():
        raise ValueError("holds a character that does not print: remove it")
    if len(text) > _REFERENCE_LENGTH:
        raise ValueError(f"{len(text)} characters: write at most {_REFERENCE_LENGTH}, or name a file")
    return text


def _parsers(beside: _Beside) -> Parsers:
    """Each column's rule, in the order of ConsentRow. What repeats itself is worked out once."""

    def cached(parse: Callable[[str], object]) -> Callable[[str], object]:
        return lru_cache(maxsize=_SEEN)(parse)

    rules: Mapping[str, Callable[[str], object]] = {
        "subject": subject_text,
        "purpose": cached(terms.purpose_iri),
        "recipient": cached(terms.recipient_iri),
        "category": cached(terms.category_iri),
        "state": cached(operator_state),
        "basis": cached(Basis.parse),
        "method": cached(operator_method),
        "effective": cached(parse_second),
        "expires": cached(_no_or(parse_second)),
        "notice": cached(beside.notice),
        "evidence": beside.evidence,
        "jurisdiction": cached(lambda text: terms.jurisdiction_iri(text) if text else ""),
    }
    return rules


class _Beside:
    """The files beside one, as far as its rows name them."""

    def __init__(self, path: Path) -> None:
        try:
            self._files = {one.name: one for one in path.parent.iterdir() if one.is_file()}
        except OSError:  # reading the file itself says what is wrong
            self._files = {}
        self.notices: dict[str, Content] = {}
        self.evidences: dict[str, Path] = {}

    def notice(self, text: str) -> str:
        """The IRI of a notice."""
        if not text:
            return ""
        if (path := self._files.get(text)) is not None:
            try:
                content = _read(path)
            except BadInput as error:
                raise ValueError(error.problems[0].reason) from None
            self.notices[iri := notice_of(content)] = content
            return iri
        return notice_iri(text)

    def evidence(self, text: str) -> str:
        """Of a file or a reference, the text itself."""
        if text in self._files:
            self.evidences[text] = self._files[text]
            return text
        return _evidence_text(text)


def notice_iri(text: str) -> str:
    """The IRI of a notice that is given by hash or IRI. Raises ValueError."""
    if _HASH.fullmatch(text):
        return _named_by_hash(bytes.fromhex(text[2:]))
    try:
        return terms.check_iri(text)
    except ValueError as error:
        rule = "no file of this name, no IRI, and not 0x and a SHA-256"
        raise ValueError(rule if ":" not in text else str(error)) from None


def _named_by_hash(digest: bytes) -> str:
    """RFC 6920, section 3."""
    return f"ni:///sha-256;{urlsafe_b64encode(digest).decode().rstrip('=')}"
