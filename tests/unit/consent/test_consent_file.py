"""Files of decisions: what is read, and each way in which one can be wrong, with the place that is named."""

from __future__ import annotations

import csv
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from troth.consent import terms
from troth.consent.decisions import Basis, Method, State
from troth.consent.intake import COLUMNS, ConsentRow, notice_iri, notice_of, read_consents
from troth.errors import BadInput, Problem
from troth.identity.evidence import Content
from troth.intake import iso_second

ROW = {
    "subject": "C-1",
    "purpose": "Marketing",
    "recipient": "broker",
    "category": "*",
    "state": "given",
    "basis": "explicit-consent",
    "method": "recorded-call",
    "effective": "2025-01-31T13:00:00+01:00",
    "expires": "",
    "notice": "",
    "evidence": "",
    "jurisdiction": "",
}
NOON = 1738324800
ID = "0x" + "aB" * 32

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes rows, each the default but for what is given, under the columns named or all."""

    def written(*rows: dict[str, str], columns: tuple[str, ...] = COLUMNS) -> Path:
        path = tmp_path / "consents.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows({**ROW, **row} for row in rows)
        return path

    return written


def problems_of(path: Path) -> list[Problem]:
    """What is wrong with a file."""
    with pytest.raises(BadInput) as caught:
        read_consents(path)
    return list(caught.value.problems)


def test_row_is_read_by_its_columns(write: Write) -> None:
    """Terms as IRIs, times in UTC seconds, empty cells as nothing."""
    (row,) = read_consents(write({})).rows
    assert row == ConsentRow(
        line=2,
        subject="C-1",
        purpose=terms.purpose_iri("Marketing"),
        recipient="urn:troth:recipient:broker",
        category="*",
        state=State.GIVEN,
        basis=Basis.EXPLICIT_CONSENT,
        method=Method.RECORDED_CALL,
        effective=NOON,
        expires=0,
        notice="",
        evidence="",
        jurisdiction="",
    )


def test_columns_come_in_any_order_and_jurisdiction_may_be_missing(write: Write) -> None:
    """The same rows; the issue's own header, backwards."""
    assert read_consents(write({}, columns=COLUMNS[-2::-1])).rows == read_consents(write({})).rows


@pytest.mark.parametrize("column", COLUMNS[:-1])
def test_any_other_column_is_needed(write: Write, column: str) -> None:
    """The last three may be empty, and stand there."""
    (problem,) = problems_of(write({}, columns=tuple(name for name in COLUMNS if name != column)))
    assert (problem.line, problem.column) == (1, column)
    assert "missing" in problem.reason


def test_rows_may_repeat_and_keep_their_order(write: Write) -> None:
    """A subject says many things, and some twice."""
    rows = read_consents(write({}, {"state": "withdrawn"}, {})).rows
    assert [(row.line, row.state) for row in rows] == [
        (2, State.GIVEN),
        (3, State.WITHDRAWN),
        (4, State.GIVEN),
    ]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("purpose", "Marketting", "unknown purpose; did you mean Marketing"),
        ("purpose", "", "empty purpose"),
        ("recipient", "two words", "write *, an IRI, or a name"),
        ("category", "Shoes", "unknown category"),
        ("state", "agreed", "unknown: write requested"),
        ("state", "invalidated", "only a correction says so"),
        ("basis", "explicit consent", "unknown: write consent"),
        ("method", "telephone", "unknown: write wallet"),
        ("method", "wallet", "only the subject's own key"),
        ("method", "signature", "only the subject's own key"),
        ("effective", "", "not a time"),
        ("effective", "2025-01-31T13:00:00", "no time zone"),
        ("effective", "2106-02-07T06:28:16Z", "out of range"),
        ("effective", "1970-01-01T00:00:00Z", "out of range"),
        ("expires", "tomorrow", "not a time"),
        ("expires", "2025-01-31", "no time zone"),
        ("notice", "missing.pdf", "no file of this name, no IRI, and not 0x and a SHA-256"),
        ("notice", "0x1234", "no file of this name"),
        ("notice", "mailto:a@example.org", "no absolute IRI"),
        ("jurisdiction", "Utopia", "unknown jurisdiction"),
    ],
)
def test_bad_cell_is_named_by_line_column_value_and_rule(
    write: Write, column: str, value: str, reason: str
) -> None:
    """The good row before it is no help."""
    (problem,) = problems_of(write({}, {column: value}))
    assert (problem.line, problem.column, problem.value) == (3, column, value)
    assert problem.reason.startswith(reason)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("subject", "", "empty"),
        ("subject", "0xabc", "not a subject"),
        ("subject", "0x" + "00" * 32, "nobody"),
        ("subject", "a\u202eb", "no customer reference"),
        ("evidence", "x" * 201, "201 characters"),
        ("evidence", "a\tb", "holds a character that does not print"),
    ],
)
def test_what_may_be_personal_is_not_repeated_n4(write: Write, column: str, value: str, reason: str) -> None:
    """The line says where it is."""
    (problem,) = problems_of(write({column: value}))
    assert (problem.line, problem.column, problem.value) == (2, column, None)
    assert problem.reason.startswith(reason)


def test_row_that_does_not_fit_its_header_is_not_repeated_n4(tmp_path: Path) -> None:
    """It may hold anything."""
    path = tmp_path / "consents.csv"
    path.write_text(",".join(COLUMNS) + "\nErika Mustermann,Marketing\n", encoding="utf-8")
    (problem,) = problems_of(path)
    assert (problem.line, problem.value) == (2, None)


@pytest.mark.parametrize("expires", ["2025-01-31T12:00:00Z", "2025-01-31T11:59:59Z"])
def test_expiry_that_is_not_after_effect_is_refused(write: Write, expires: str) -> None:
    """The second after is the first that can be."""
    (problem,) = problems_of(write({"expires": expires}))
    assert (problem.line, problem.column, problem.value) == (2, "expires", expires)
    assert read_consents(write({"expires": "2025-01-31T12:00:01Z"})).rows[0].expires == NOON + 1


def test_every_bad_row_is_reported_in_order(write: Write) -> None:
    """Of 45 rows every third; 20 are shown, and how many more there are."""
    rows = [{"state": "agreed"} if n % 3 == 2 else {"basis": "x"} if n % 3 == 1 else {} for n in range(45)]
    problems = problems_of(write(*rows))
    assert [problem.line for problem in problems] == [n + 2 for n in range(45) if n % 3]
    assert str(BadInput(problems)).endswith("... and 10 more")


def test_file_of_no_rows_is_refused(write: Write) -> None:
    """It says nothing."""
    (problem,) = problems_of(write())
    assert problem.reason == "no rows below the header: add some"


# --- documents beside it


def test_notice_beside_the_file_is_named_by_its_hash(write: Write, tmp_path: Path) -> None:
    """As RFC 6920 does; its text comes along, once."""
    (tmp_path / "notice.txt").write_bytes(b"We will.")
    iri = "ni:///sha-256;" + urlsafe_b64encode(sha256(b"We will.").digest()).decode().rstrip("=")
    file = read_consents(write({"notice": "notice.txt"}, {"notice": "notice.txt"}))
    assert [row.notice for row in file.rows] == [iri, iri]
    assert file.notices == {iri: Content(b"We will.", "notice.txt", "text/plain")}


def test_notice_by_hash_is_the_same_as_by_file() -> None:
    """RFC 6920's own example: "Hello World!"."""
    example = "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk"
    assert notice_of(Content(b"Hello World!")) == example
    assert notice_iri(f"0x{sha256(b'Hello World!').hexdigest()}") == example


def test_notice_by_iri_is_that_iri(write: Write) -> None:
    """With no text here."""
    file = read_consents(write({"notice": "https://insurer.example/privacy/7"}))
    assert (file.rows[0].notice, file.notices) == ("https://insurer.example/privacy/7", {})


def test_evidence_beside_the_file_is_its_content(write: Write, tmp_path: Path) -> None:
    """Else the text itself; or nothing."""
    (tmp_path / "call.pdf").write_bytes(b"Yes.")
    file = read_consents(write({"evidence": "call.pdf"}, {"evidence": "call 7"}, {}))
    assert [file.evidence(row) for row in file.rows] == [
        Content(b"Yes.", "call.pdf", "application/pdf"),
        Content(b"call 7", "", "text/plain"),
        Content(),
    ]


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/hostname", "below/call.pdf", "below"])
def test_evidence_elsewhere_is_a_reference(write: Write, tmp_path: Path, name: str) -> None:
    """A file of decisions reads nothing but its neighbours."""
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "call.pdf").write_bytes(b"Yes.")
    file = read_consents(write({"evidence": name}))
    assert file.evidences == {}
    assert file.evidence(file.rows[0]).data == name.encode()


def test_source_is_all_that_decisions_are_made_from(write: Write, tmp_path: Path) -> None:
    """Every column, the order of rows, and the content of documents; not the order of columns."""
    (tmp_path / "call.pdf").write_bytes(b"Yes.")
    rows = [{"evidence": "call.pdf"}, {"state": "refused"}]
    source = read_consents(write(*rows)).source
    assert read_consents(write(*rows, columns=COLUMNS[::-1])).source == source
    others = {
        "subject": ID,
        "purpose": "*",
        "recipient": "*",
        "category": "Contact",
        "state": "renewed",
        "basis": "contract",
        "method": "paper",
        "effective": "2025-01-31T12:00:01Z",
        "expires": "2026-01-31T12:00:01Z",
        "notice": ID,
        "evidence": "call 7",
        "jurisdiction": "DE",
    }
    changed = [
        read_consents(write({**rows[0], name: value}, rows[1])).source for name, value in others.items()
    ]
    changed.append(read_consents(write(*rows[::-1])).source)
    (tmp_path / "call.pdf").write_bytes(b"No.")
    changed.append(read_consents(write(*rows)).source)
    assert len({source, *changed}) == len(others) + 3


def test_time_is_shown_as_it_can_be_written() -> None:
    """In UTC."""
    assert iso_second(NOON) == "2025-01-31T12:00:00Z"


def test_example_is_good() -> None:
    """The file that the README shows."""
    assert len(read_consents(Path(__file__).parents[3] / "examples" / "consents.csv").rows) == 7
