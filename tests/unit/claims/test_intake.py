"""The user's files: what is read, and each way in which a file can be wrong, with the place that is named.

Branches: the file (missing, folder, unreadable, empty, header only, BOM, line ends, bytes that are not
text) · the header (any order; missing, unknown, named twice) · rows (blank, too short, too long,
quotes, many lines, not CSV) · each column's rule · duplicate keys · totals · product keys (missing,
unknown, wrong type) · tiers (count, form, range, order in both directions) · what it requires of payees
(nothing, a level, a consent, both, in every spelling; each part wrong) · TOML itself.
"""

from __future__ import annotations

import gc
import string
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from troth.addresses import format_address
from troth.claims.intake import (
    Direction,
    ObservationRow,
    PolicyRow,
    ProductFile,
    Requires,
    Tier,
    read_book,
    read_observations,
    read_product,
)
from troth.claims.keys import bytes32_to_text, risk_to_bytes32
from troth.errors import BadInput, Problem
from troth.identity.verifications import Level
from troth.intake import iso_second, parse_moment
from troth.money import MAX_AMOUNT, format_amount

HEADER = "policy_ref,risk,payee,sum_insured,premium"
PAYEE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
ROW = f"P-1,UA 1,{PAYEE},250,3.50"
POLICY = PolicyRow("P-1", risk_to_bytes32("UA 1"), bytes.fromhex(PAYEE[2:]), 250_000_000, 3_500_000)
PRODUCT = 'name = "Delay"\nmetric = "minutes"\ndirection = "at_least"\ntiers = [[180, 5000], [360, 10000]]\n'

Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes the file under test."""

    def written(content: str | bytes) -> Path:
        path = tmp_path / "input"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


def book(*rows: str) -> str:
    """A book's text under the usual header."""
    return "\n".join((HEADER, *rows, ""))


def problems_of(read: Callable[[], object]) -> list[Problem]:
    """The problems that reading ends in."""
    with pytest.raises(BadInput) as caught:
        read()
    return list(caught.value.problems)


def places_of(problems: list[Problem]) -> list[tuple[int | None, str | None, str | None]]:
    """Line, column and value of each."""
    return [(problem.line, problem.column, problem.value) for problem in problems]


def only(problems: list[Problem]) -> Problem:
    """The one problem there is."""
    assert len(problems) == 1, problems
    return problems[0]


READERS: list[Callable[[Path], object]] = [
    lambda path: read_book(path, 6),
    read_observations,
    read_product,
]


# Files


@pytest.mark.parametrize("read", READERS)
def test_file_that_cannot_be_read_is_bad_input(
    read: Callable[[Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing, a folder, below a file, or closed to us."""
    (tmp_path / "file").touch()
    for path in (tmp_path / "none", tmp_path, tmp_path / "file" / "below"):
        problem = only(problems_of(lambda path=path: read(path)))
        assert problem[:4] == (str(path), None, None, None)
        assert problem.reason.startswith("cannot be read: ")

    def closed(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", closed)
    monkeypatch.setattr(Path, "read_bytes", closed)
    assert only(problems_of(lambda: read(tmp_path / "file"))).reason == "cannot be read: Permission denied"


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("content", ["", "\ufeff", "\n\r\n\n"])
def test_empty_file_is_refused(read: Callable[[Path], object], content: str, write: Write) -> None:
    """No bytes, or none that say anything."""
    problem = only(problems_of(lambda: read(write(content))))
    assert problem.reason.startswith("empty: ")


def test_header_without_rows_is_refused(write: Write) -> None:
    """A book of nothing is a mistake, and so is a report of nothing."""
    for problems in (
        problems_of(lambda: read_book(write(HEADER), 6)),
        problems_of(lambda: read_observations(write("risk,value\n\n"))),
    ):
        assert only(problems).reason == "no rows below the header: add some"


@pytest.mark.parametrize(
    "content",
    [
        book(ROW),
        book(ROW).rstrip("\n"),
        book(ROW).replace("\n", "\r\n"),
        book(ROW).replace("\n", "\r"),
        "\ufeff" + book(ROW),
        "\n\n" + book("", ROW, "", ""),
        f'\ufeff"policy_ref",risk,payee,sum_insured,premium\n"P-1","UA 1","{PAYEE}","250","3.50"',
        f"premium,payee,policy_ref,sum_insured,risk\n3.50,{PAYEE},P-1,250,UA 1\n",
    ],
)
def test_book_is_read_in_every_usual_form(content: str, write: Write) -> None:
    """Line ends, byte order mark, blank lines, quotes, order of columns."""
    assert read_book(write(content), 6) == [POLICY]


def test_product_is_read_with_mark_and_windows_line_ends(write: Write) -> None:
    """As an editor on Windows saves it."""
    assert read_product(write("\ufeff" + PRODUCT.replace("\n", "\r\n"))) == read_product(write(PRODUCT))


def test_byte_that_is_not_text_is_named_with_its_line(write: Write) -> None:
    """Wherever it stands, and the other rows are judged all the same."""
    rows = book(
        "P-1,UA 1,PAYEE,250,1", "P-2,U?A,PAYEE,250,1", "P-3,UA,PAYEE,2?0,1", "P-?,U,PAYEE,0,1", "P-5,?"
    )
    content = rows.replace("PAYEE", PAYEE).encode().replace(b"?", b"\xff")
    problems = problems_of(lambda: read_book(write(content), 6))
    assert places_of(problems) == [
        (3, "risk", "0xff"),
        (4, "sum_insured", "0xff"),
        (5, "policy_ref", "0xff"),
        (5, "sum_insured", "0"),
        (6, None, "0xff"),
    ]
    assert problems[0].reason == "this byte is not text: save the file as UTF-8"


def test_nul_byte_is_named_with_its_line(write: Write) -> None:
    """NUL is UTF-8, and no text."""
    problems = problems_of(lambda: read_book(write(book(ROW, "P-2,U\0A," + PAYEE + ",1,1")), 6))
    assert places_of(problems) == [(3, "risk", "0x00")]


def test_text_beyond_ascii_is_text(write: Write) -> None:
    """The positive beside the two above."""
    row = only_row(read_book(write(book(f"Ñ-1,航班 1,{PAYEE},1,1")), 6))
    assert (row.ref, bytes32_to_text(row.risk)) == ("Ñ-1", "航班 1")


def only_row(rows: list[PolicyRow]) -> PolicyRow:
    """The one row there is."""
    (row,) = rows
    return row


def test_utf16_file_is_not_text(write: Write) -> None:
    """What a spreadsheet calls Unicode."""
    for read in READERS:
        problems = problems_of(lambda read=read: read(write(book(ROW).encode("utf-16"))))
        assert (problems[0].line, problems[0].value) == (1, "0xff")
        assert "save the file as UTF-8" in problems[0].reason


def test_product_byte_that_is_not_text_is_named_with_its_line(write: Write) -> None:
    """The first one: the rest cannot be told."""
    content = PRODUCT.encode().replace(b"minutes", b"min\xe9tes")
    assert places_of(problems_of(lambda: read_product(write(content)))) == [(2, None, "0xe9")]
    assert places_of(problems_of(lambda: read_product(write(b"\xef\xbb\xbf" + content)))) == [
        (2, None, "0xe9")
    ]


# Header and rows


def test_header_problems_are_all_named(write: Write) -> None:
    """Missing, unknown and repeated columns, in one go."""
    problems = problems_of(lambda: read_book(write("\nrisk,payee,risk,sum,\n1,2,3,4,5\n"), 6))
    assert places_of(problems) == [
        (2, "risk", None),
        (2, None, "sum"),
        (2, None, ""),
        (2, "policy_ref", None),
        (2, "sum_insured", None),
        (2, "premium", None),
    ]
    assert [problem.reason.split(":")[0] for problem in problems] == [
        "this column stands twice",
        "unknown column",
        "unknown column",
        *["this column is missing"] * 3,
    ]
    assert all(HEADER in problem.reason for problem in problems)


def test_header_is_exact(write: Write) -> None:
    """Another case or a space is another name."""
    problems = problems_of(lambda: read_observations(write("Risk, value\na,1\n")))
    assert [problem.value for problem in problems] == ["Risk", " value", None, None]


def test_rows_of_other_length_are_refused(write: Write) -> None:
    """Too few cells, too many, and a comma without quotes."""
    problems = problems_of(
        lambda: read_book(write(book("P-1,UA 1", ROW, f"P-2,UA 1,{PAYEE},1,250,3.50", "x")), 6)
    )
    assert [(problem.line, problem.reason.split(":")[0]) for problem in problems] == [
        (2, "2 cells under a header of 5"),
        (4, "6 cells under a header of 5"),
        (5, "1 cells under a header of 5"),
    ]
    assert problems[1].value == f"P-2,UA 1,{PAYEE},1,250,3.50"


def test_row_of_several_lines_counts_as_its_first(write: Write) -> None:
    """Line breaks in quotes do not shift what comes after."""
    content = f'{HEADER}\n"P\n\n1",UA 1,{PAYEE},1,1\n\nP-2,UA 1,{PAYEE},-1,"1\r\n"\nP-3,UA 1,{PAYEE},x,1'
    assert places_of(problems_of(lambda: read_book(write(content), 6))) == [
        (2, "policy_ref", "P\n\n1"),
        (6, "sum_insured", "-1"),
        (6, "premium", "1\r\n"),
        (8, "sum_insured", "x"),
    ]


def test_quoted_comma_and_quote_belong_to_the_cell(write: Write) -> None:
    """The positive beside it."""
    row = only_row(read_book(write(book(f'"P,""1""","UA, 1",{PAYEE},1,1')), 6))
    assert (row.ref, bytes32_to_text(row.risk)) == ('P,"1"', "UA, 1")


@pytest.mark.parametrize("tail", ['"P-2,UA 1\nP-3\n', f'"P"-2,UA 1,{PAYEE},1,1\n', '"' + "x" * 200_000])
def test_reading_stops_at_broken_quotes(tail: str, write: Write) -> None:
    """An open quote, text after a closed one, a cell without end: named by the line where the row begins."""
    problems = problems_of(lambda: read_book(write(book("P-1,,x,1,1") + "\n" + tail), 6))
    assert [problem.line for problem in problems] == [2, 2, 4]
    assert problems[-1].reason.startswith("not CSV, ")
    assert "nothing below was read" in problems[-1].reason


# Columns


def row_with(column: str, value: str) -> str:
    """A good row but for one cell."""
    cells = dict(zip(HEADER.split(","), ROW.split(","), strict=True)) | {column: value}
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in cells.values())


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("policy_ref", "", "empty"),
        ("policy_ref", "é" * 65, "65 characters: write at most 64"),
        ("policy_ref", "a\tb", "does not print"),
        ("policy_ref", " a", "space"),
        ("policy_ref", "a ", "space"),
        ("risk", "", "empty"),
        ("risk", "é" * 17, "34 bytes"),
        ("risk", " UA", "space"),
        ("risk", "U\x1bA", "does not print"),
        ("payee", "", "not an address"),
        ("payee", "nobody", "not an address"),
        ("payee", "0x" + "0" * 40, "zero address"),
        ("payee", PAYEE.replace("aAeb", "aaeb"), "wrong checksum"),
        ("sum_insured", "", "empty"),
        ("sum_insured", "0", "more than zero"),
        ("sum_insured", "0.000000", "more than zero"),
        ("sum_insured", "-1", "not an amount"),
        ("sum_insured", "1e3", "not an amount"),
        ("sum_insured", "1,000", "not an amount"),
        ("sum_insured", "1.0000001", "7 digits after the point"),
        ("sum_insured", "79228162514264337593543.950336", "too large"),
        ("premium", "", "empty"),
        ("premium", "NaN", "not an amount"),
        ("premium", "1.0000001", "7 digits after the point"),
    ],
)
def test_book_cell_is_refused(column: str, value: str, reason: str, write: Write) -> None:
    """File, line, column, value and reason of each rule that is broken."""
    path = write(book(row_with("policy_ref", "P-0"), row_with(column, value)))
    problem = only(problems_of(lambda: read_book(path, 6)))
    assert problem[:4] == (str(path), 3, column, value)
    assert reason in problem.reason


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("policy_ref", "é" * 64),
        ("policy_ref", "=1+1"),
        ("risk", "é" * 16),
        ("payee", PAYEE.lower()),
        ("payee", "0x" + PAYEE[2:].upper()),
        ("sum_insured", "0.000001"),
        ("sum_insured", "79228162514264337593543.950335"),
        ("premium", "0"),
    ],
)
def test_book_cell_at_its_bound_is_taken(column: str, value: str, write: Write) -> None:
    """The positives beside them."""
    assert len(read_book(write(book(row_with(column, value))), 6)) == 1


def test_every_bad_cell_of_every_bad_row_is_named(write: Write) -> None:
    """In the order of the file; good rows between do not help."""
    rows = ["P-1,,0x,0,x", ROW.replace("P-1", "P-2"), f"P-3,UA 1,{PAYEE},1,-1"]
    assert places_of(problems_of(lambda: read_book(write(book(*rows)), 6))) == [
        (2, "risk", ""),
        (2, "payee", "0x"),
        (2, "sum_insured", "0"),
        (2, "premium", "x"),
        (4, "premium", "-1"),
    ]


def test_duplicate_reference_names_its_first_line(write: Write) -> None:
    """Also if the first row is bad itself; every later one is named."""
    rows = [ROW, "P-2,,x,1,1", ROW, "P-2,UA 1," + PAYEE + ",1,1", ROW]
    problems = [p for p in problems_of(lambda: read_book(write(book(*rows)), 6)) if p.column == "policy_ref"]
    assert [(p.line, p.value, p.reason) for p in problems] == [
        (4, "P-1", "stands on line 2 already: write each once"),
        (5, "P-2", "stands on line 3 already: write each once"),
        (6, "P-1", "stands on line 2 already: write each once"),
    ]


def test_risk_and_payee_may_repeat_in_a_book(write: Write) -> None:
    """Only the reference is a key."""
    assert len(read_book(write(book(ROW, ROW.replace("P-1", "p-1"))), 6)) == 2


@pytest.mark.parametrize("column", ["sum_insured", "premium"])
def test_total_beyond_96_bits_is_refused(column: str, write: Write) -> None:
    """Each row fits and the sum does not, by one base unit."""
    most = format_amount(MAX_AMOUNT - 1, 6)
    first = row_with(column, most)
    fits = [first, row_with(column, "0.000001").replace("P-1", "P-2")]
    assert len(read_book(write(book(*fits)), 6)) == 2
    more = [*fits, row_with(column, "0.000001").replace("P-1", "P-3")]
    problem = only(problems_of(lambda: read_book(write(book(*more)), 6)))
    assert problem[1:4] == (None, column, format_amount(MAX_AMOUNT + 1, 6))
    assert "total is too large" in problem.reason


def test_decimals_are_the_tokens(write: Write) -> None:
    """The same text in a token of 18, and refused in one of none."""
    assert only_row(read_book(write(book(ROW)), 18)).premium == 35 * 10**17
    assert only(problems_of(lambda: read_book(write(book(ROW)), 0))).column == "premium"


def test_bad_input_of_many_rows_shows_twenty(write: Write) -> None:
    """All are kept, twenty are shown, the rest is counted."""
    path = write(book(*(f"P-{n},UA 1,{PAYEE},0,0" for n in range(50))))
    with pytest.raises(BadInput) as caught:
        read_book(path, 6)
    assert len(caught.value.problems) == 50
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{path}:2: sum_insured: '0': nothing is insured: write more than zero"
    assert lines[20:] == ["... and 30 more"]


@pytest.mark.parametrize("on", [True, False])
def test_garbage_collector_is_left_as_found(on: bool, write: Write) -> None:
    """Reading pauses it, and restores it after good files and bad."""
    was = gc.isenabled()
    try:
        (gc.enable if on else gc.disable)()
        read_book(write(book(ROW)), 6)
        assert gc.isenabled() is on
        problems_of(lambda: read_book(write(book("x")), 6))
        assert gc.isenabled() is on
    finally:
        (gc.enable if was else gc.disable)()


plain = st.text(string.ascii_letters + string.digits + ' ,"é航', min_size=1, max_size=8).map(
    lambda t: f"x{t}x"
)
policies = st.builds(
    PolicyRow,
    ref=plain,
    risk=plain.map(risk_to_bytes32),
    payee=st.binary(min_size=20, max_size=20).filter(any),
    sum_insured=st.integers(1, 2**80),
    premium=st.integers(0, 2**80),
)


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(policies, min_size=1, max_size=20, unique_by=lambda row: row.ref),
    decimals=st.integers(0, 18),
)
def test_book_written_from_policies_reads_back(
    rows: list[PolicyRow], decimals: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever the policies, the file says them exactly."""

    def quoted(cell: str) -> str:
        return '"' + cell.replace('"', '""') + '"'

    lines = [
        ",".join(
            map(
                quoted,
                (
                    row.ref,
                    bytes32_to_text(row.risk),
                    format_address(row.payee),
                    format_amount(row.sum_insured, decimals),
                    format_amount(row.premium, decimals),
                ),
            )
        )
        for row in rows
    ]
    path = tmp_path_factory.mktemp("books") / "book.csv"
    path.write_text(book(*lines), encoding="utf-8")
    assert read_book(path, decimals) == rows


# Observations


def test_observations_are_signed_integers_of_128_bits(write: Write) -> None:
    """Both bounds, zero, and a minus."""
    text = f"risk,value\na,0\nb,-5\nc,{2**127 - 1}\nd,{-(2**127)}\ne,007\n"
    assert read_observations(write(text)) == [
        ObservationRow(risk_to_bytes32(risk), value)
        for risk, value in [("a", 0), ("b", -5), ("c", 2**127 - 1), ("d", -(2**127)), ("e", 7)]
    ]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "empty"),
        ("-", "not an integer"),
        ("+1", "not an integer"),
        ("--1", "not an integer"),
        ("1.0", "not an integer"),
        ("1e3", "not an integer"),
        ("1_0", "not an integer"),
        (" 1", "not an integer"),
        ("٣", "not an integer"),
        ("²", "not an integer"),
        ("\u22121", "not an integer"),
        (str(2**127), "out of range"),
        (str(-(2**127) - 1), "out of range"),
        ("9" * 5000, "out of range"),
    ],
)
def test_observation_value_is_refused(value: str, reason: str, write: Write) -> None:
    """What is no integer, and one beyond either bound."""
    problem = only(problems_of(lambda: read_observations(write(f"risk,value\na,1\nb,{value}\n"))))
    assert problem[1:4] == (3, "value", value)
    assert reason in problem.reason


def test_duplicate_risk_is_refused(write: Write) -> None:
    """A risk has one value a report, even if both say the same."""
    problem = only(problems_of(lambda: read_observations(write("value,risk\n1,a\n2,b\n1,a\n"))))
    assert problem[1:4] == (4, "risk", "a")
    assert "line 2" in problem.reason


# Product


def test_product_is_read(write: Write) -> None:
    """Every field."""
    assert read_product(write(PRODUCT)) == ProductFile(
        "Delay", risk_to_bytes32("minutes"), Direction.AT_LEAST, (Tier(180, 5000), Tier(360, 10_000))
    )


@pytest.mark.parametrize(
    ("direction", "thresholds"), [("at_least", [-5, 0, 10]), ("at_most", [10, 0, -5])], ids=["up", "down"]
)
def test_tiers_are_put_in_order_of_severity(direction: str, thresholds: list[int], write: Write) -> None:
    """Whatever their order in the file."""
    tiers = [Tier(threshold, share) for threshold, share in zip(thresholds, (1, 2, 10_000), strict=True)]
    for given_order in (tiers, tiers[::-1], [tiers[1], tiers[2], tiers[0]]):
        text = (
            PRODUCT.replace("at_least", direction).split("tiers")[0]
            + f"tiers = {[list(t) for t in given_order]}"
        )
        product = read_product(write(text))
        assert product.tiers == tuple(tiers)
        assert product.direction.name.lower() == direction


def test_directions_count_as_in_the_contracts() -> None:
    """enum Direction { AtLeast, AtMost }."""
    assert [*map(int, Direction)] == [0, 1]
    assert [direction.name for direction in Direction] == ["AT_LEAST", "AT_MOST"]


@pytest.mark.parametrize(
    ("old", "new", "place", "reason"),
    [
        ('name = "Delay"', "", (None, "name", None), "missing"),
        ('"Delay"', '""', (1, "name", ""), "empty"),
        ('"Delay"', '" "', (1, "name", " "), "space"),
        ('"Delay"', f'"{"a" * 65}"', (1, "name", "a" * 65), "65 characters"),
        ('"Delay"', '"a\\u0007"', (1, "name", "a\x07"), "does not print"),
        ('"Delay"', "7", (1, "name", "7"), "write text"),
        ('metric = "minutes"', "", (None, "metric", None), "missing"),
        ('"minutes"', f'"{"é" * 17}"', (2, "metric", "é" * 17), "34 bytes"),
        ('"minutes"', '["minutes"]', (2, "metric", "['minutes']"), "write text"),
        ('direction = "at_least"', "", (None, "direction", None), "missing"),
        ("at_least", "AT_LEAST", (3, "direction", "AT_LEAST"), 'write "at_least" or "at_most"'),
        ('"at_least"', "true", (3, "direction", "True"), 'write "at_least" or "at_most"'),
        ("tiers = [[180, 5000], [360, 10000]]", "", (None, "tiers", None), "missing"),
        ("[[180, 5000], [360, 10000]]", "180", (4, "tiers", "180"), "write a list"),
        ("[[180, 5000], [360, 10000]]", "[]", (4, "tiers", "[]"), "0 tiers: write 1 to 16"),
        ("[180, 5000]", "180", (4, "tiers[1]", "180"), "two integers"),
        ("[360, 10000]", "[360]", (4, "tiers[2]", "[360]"), "two integers"),
        ("[360, 10000]", "[360, 1, 2]", (4, "tiers[2]", "[360, 1, 2]"), "two integers"),
        ("[360, 10000]", "[360.0, 10000]", (4, "tiers[2]", "[360.0, 10000]"), "two integers"),
        ("[360, 10000]", "[360, true]", (4, "tiers[2]", "[360, True]"), "two integers"),
        ("[180, 5000]", "[180, 0]", (4, "tiers[1]", "[180, 0]"), "from 1 to 10000"),
        ("[360, 10000]", "[360, 10001]", (4, "tiers[2]", "[360, 10001]"), "from 1 to 10000"),
        ("360", str(2**127), (4, "tiers[2]", f"[{2**127}, 10000]"), "threshold out of range"),
        ("360", "180", (4, "tiers[2]", "[180, 10000]"), "one threshold"),
        ("10000", "5000", (4, "tiers[2]", "[360, 5000]"), "share must be larger"),
        ("10000", "4999", (4, "tiers[2]", "[360, 4999]"), "share must be larger"),
        ("at_least", "at_most", (4, "tiers[1]", "[180, 5000]"), "share must be larger"),
        ("name", 'colour = "red"\nname', (1, None, "colour"), "unknown key"),
        ("tiers", '"tie\\u0007rs" = 1\ntiers', (None, None, "tie\x07rs"), "unknown key"),
        ("10000]]", "10000]]\n[extra]\nmetric = 1", (5, None, "extra"), "unknown key"),
    ],
)
def test_product_is_refused(
    old: str, new: str, place: tuple[int | None, str | None, str | None], reason: str, write: Write
) -> None:
    """Place, value and reason of each rule that is broken."""
    assert old in PRODUCT
    path = write(PRODUCT.replace(old, new, 1))
    problem = only(problems_of(lambda: read_product(path)))
    assert problem[:4] == (str(path), *place)
    assert reason in problem.reason


def test_product_takes_one_tier_to_sixteen(write: Write) -> None:
    """Both bounds, and the extremes of threshold and share."""
    start = PRODUCT.partition("tiers")[0]
    extremes = [[-(2**127), 1], [2**127 - 1, 10_000]]
    for tiers in ([[180, 1]], [[n, n + 1] for n in range(16)], extremes):
        assert len(read_product(write(f"{start}tiers = {tiers}")).tiers) == len(tiers)
    seventeen = f"{start}tiers = {[[n, n + 1] for n in range(17)]}"
    assert "17 tiers" in only(problems_of(lambda: read_product(write(seventeen)))).reason


def test_every_problem_of_a_product_is_named(write: Write) -> None:
    """Keys and tiers together."""
    text = 'names = "x"\nmetric = ""\ndirection = "up"\ntiers = [1, [2, 0], [3, 1]]'
    assert places_of(problems_of(lambda: read_product(write(text)))) == [
        (1, None, "names"),
        (None, "name", None),
        (2, "metric", ""),
        (3, "direction", "up"),
        (4, "tiers[1]", "1"),
        (4, "tiers[2]", "[2, 0]"),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name", None),
        (PRODUCT + "name = 1\n", 5),
        (PRODUCT.replace('"minutes"', "minutes"), 2),
        (PRODUCT.replace("Delay", "De\0lay"), 1),
        ("a = " + "[" * 100_000, None),
        ("a = " + "9" * 5000, None),
    ],
)
def test_file_that_is_not_toml_is_refused(text: str, line: int | None, write: Write) -> None:
    """A syntax error by its line, a key named twice, and what would break the parser."""
    problem = only(problems_of(lambda: read_product(write(text))))
    if "9999" not in text:
        assert problem.line == line
        assert problem.reason.startswith("not TOML: ")
    assert "\n" not in str(problem)


# What a product requires of payees

CONSENT = (
    "https://w3id.org/dpv#ServiceProvision",
    "urn:troth:recipient:insurer",
    "https://w3id.org/dpv/pd#Financial",
)
_TERMS = 'purpose = "ServiceProvision", recipient = "insurer", category = "Financial"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Requires()),
        ('[requires]\nverification = "low"\n', Requires(Level.LOW)),
        ('[requires]\nverification = "substantial"\n', Requires(Level.SUBSTANTIAL)),
        ('requires.verification = "high"\n', Requires(Level.HIGH)),
        (f"[requires]\nconsent = {{ {_TERMS} }}\n", Requires(None, CONSENT)),
        (
            '[requires.consent]\npurpose = "service-provision"\n'
            'recipient = "urn:troth:recipient:insurer"\ncategory = "pd:Financial"\n',
            Requires(None, CONSENT),
        ),
        (
            f'[requires]\nverification = "high"\nconsent = {{ {_TERMS} }}\n',
            Requires(Level.HIGH, CONSENT),
        ),
    ],
)
def test_product_says_what_it_requires(write: Write, text: str, expected: Requires) -> None:
    """Nothing, a level, a consent or both; terms by any of their names."""
    assert read_product(write(PRODUCT + text)).requires == expected


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("[requires]\n", (5, "requires", None), "write verification, consent or both"),
        ("requires = 1\n", (5, "requires", "1"), "write verification, consent or both"),
        ('[requires]\nlevel = "low"\n', (6, "requires", "level"), "unknown key: [requires] has verification"),
        ('[requires]\nverification = "none"\n', (6, "requires.verification", "none"), 'write "low", "sub'),
        ("[requires]\nverification = 2\n", (6, "requires.verification", "2"), "write text, in quotes"),
        ('[requires]\nconsent = "all"\n', (6, "requires.consent", "all"), "write a table of purpose, rec"),
        (
            '[requires]\n\nconsent = { recipient = "insurer", category = "Financial" }\n',
            (7, "requires.consent.purpose", None),
            "missing: write a purpose",
        ),
        (
            f"[requires]\nconsent = {{ {_TERMS}, state = 'given' }}\n",
            (6, "requires.consent", "state"),
            "unknown key: a consent has purpose, recipient, category",
        ),
        (
            f"[requires]\nconsent = {{ {_TERMS.replace('ServiceProvision', 'ServiceProvison')} }}\n",
            (6, "requires.consent.purpose", "ServiceProvison"),
            "did you mean ServiceProvision",
        ),
        (
            f"[requires]\nconsent = {{ {_TERMS.replace('insurer', 'an insurer')} }}\n",
            (6, "requires.consent.recipient", "an insurer"),
            "write ",
        ),
        (
            f"[requires]\nconsent = {{ {_TERMS.replace('insurer', '*')} }}\n",
            (6, "requires.consent.recipient", "*"),
            "a product names what it needs",
        ),
        (
            f"[requires]\nconsent = {{ {_TERMS.replace('Financial', 'Fin ancial')} }}\n",
            (6, "requires.consent.category", "Fin ancial"),
            "unknown category",
        ),
        (
            '[requires.consent]\npurpose = "x"\nrecipient = "insurer"\ncategory = "Financial"\n',
            (5, "requires.consent.purpose", "x"),
            "unknown purpose",
        ),
    ],
)
def test_requirement_that_is_wrong_is_named_with_its_place(
    write: Write, text: str, place: tuple[int, str, str | None], reason: str
) -> None:
    """Line, key, value and rule."""
    problem = only(problems_of(lambda: read_product(write(PRODUCT + text))))
    assert (problem.line, problem.column, problem.value) == place
    assert reason in problem.reason


def test_every_part_of_a_requirement_that_is_wrong_is_named(write: Write) -> None:
    """Beside what else is wrong with the product."""
    text = PRODUCT.replace("at_least", "up") + '[requires]\nverification = "no"\nconsent = { purpose = 5 }\n'
    assert [problem.column for problem in problems_of(lambda: read_product(write(text)))] == [
        "direction",
        "requires.verification",
        "requires.consent.purpose",
        "requires.consent.recipient",
        "requires.consent.category",
    ]


def test_seconds_are_written_as_they_are_read() -> None:
    """In UTC, with four digits of a year."""
    assert iso_second(0) == "1970-01-01T00:00:00Z"
    assert iso_second(1_767_225_600) == "2026-01-01T00:00:00Z"
    assert parse_moment(iso_second(253_370_764_799)).timestamp() == 253_370_764_799
