"""Call detail records: under a header or Asterisk's own columns, and each way in which a row can be wrong."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from troth.errors import BadInput, Problem
from troth.interactions.formats import LONGEST_RECORD, Received, read, reread

HEADER = "uniqueid,start,src,dst,userfield"
ROW = "1772359200.1,2026-03-01 10:00:00,+12025550143,104,"
TEN = 1772359200
MASTER = [
    *("", "+12025550143", "104", "claims-in", '"Ada Example" <+12025550143>', "PJSIP/t-1", "PJSIP/104-2"),
    *("Queue", "claims,t,,,60", "2026-03-01 10:00:00", "2026-03-01 10:00:04", "2026-03-01 10:05:00"),
    *("300", "296", "ANSWERED", "DOCUMENTATION"),
]
WITH_ID = [*MASTER, "1772359200.1", "claim, open"]
CLOSED = "none closes it"

Put = Callable[..., Path]
Taken = Callable[..., list[Received]]
Refused = Callable[..., Problem]


def row_of(*cells: str) -> str:
    """A row as Asterisk writes it: every cell in quotation marks."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="").writerow(cells)
    return text.getvalue()


def table(*rows: str, header: str = HEADER, end: str = "\n") -> str:
    """A file of rows."""
    return "".join(f"{row}{end}" for row in (header, *rows))


def test_row_is_read_by_its_header(put: Put, taken: Taken) -> None:
    """Source, caller, UTC seconds, the header's and the row's bytes, a field a column."""
    path = put(table(ROW), "calls.csv")
    assert taken(path) == [
        Received(
            source="1772359200.1",
            customer="+12025550143",
            start=TEN,
            kind="cdr",
            raw=f"{HEADER}\n{ROW}".encode(),
            fields={
                "/uniqueid": '"1772359200.1"',
                "/start": '"2026-03-01 10:00:00"',
                "/src": '"+12025550143"',
                "/dst": '"104"',
                "/userfield": '""',
            },
            file=str(path),
            line=2,
            end=len(HEADER) + len(ROW) + 2,
        )
    ]


def test_columns_stand_in_any_order_and_case(put: Put, taken: Taken) -> None:
    """Columns nobody knows are kept too; calldate is a name for start; names are escaped as in pointers."""
    header = '" UniqueID ",a/b~c,SRC,calldate'
    (found,) = taken(put(table("7.1,x,555,2026-03-01T11:00:00+01:00", header=header), "c.csv"))
    assert (found.source, found.customer, found.start) == ("7.1", "555", TEN)
    assert list(found.fields) == ["/ UniqueID ", "/a~1b~0c", "/SRC", "/calldate"]


@pytest.mark.parametrize("start", [f"{TEN}", f" {TEN} ", f"{TEN}.123456"])
def test_start_may_be_seconds_since_1970(put: Put, taken: Taken, start: str) -> None:
    """As Asterisk writes CDR(start,u), with microseconds or without; read again it is the same."""
    (found,) = taken(put(table(f'7.1,"{start}",555,104,'), "c.csv"))
    again = reread("cdr", found.raw)
    assert found.start == again.start == TEN
    assert (again.source, again.fields) == (found.source, found.fields)


def test_customer_is_in_the_column_named(put: Put, taken: Taken, refused: Refused) -> None:
    """Of outgoing calls it is another than the caller's."""
    path = put(table(ROW), "c.csv")
    assert taken(path, customer_column="dst")[0].customer == "104"
    problem = refused(path, customer_column="clid")
    assert (problem.line, problem.column) == (1, "clid")
    assert "missing" in problem.reason


@pytest.mark.parametrize("src", ["", "  ", "anonymous", "Anonymous", "unknown", "RESTRICTED"])
def test_caller_who_hides_is_nobody(put: Put, taken: Taken, src: str) -> None:
    """A call all the same."""
    assert taken(put(table(f"1,2026-03-01 10:00:00,{src},104,"), "c.csv"))[0].customer is None


@pytest.mark.parametrize(
    ("cells", "names"), [(WITH_ID, 18), ([*WITH_ID, "", "1772359200.1", "3"], 21)], ids=["18", "21"]
)
def test_master_csv_is_read_without_a_header(put: Put, taken: Taken, cells: list[str], names: int) -> None:
    """As cdr_csv writes it, with the columns' own names, and an empty line instead of a header."""
    row = row_of(*cells)
    (found,) = taken(put(row + "\n", "Master.csv"))
    assert (found.source, found.customer, found.start, found.line) == (
        "1772359200.1",
        "+12025550143",
        TEN,
        1,
    )
    assert found.raw == b"\n" + row.encode()
    assert len(found.fields) == names
    assert json.loads(found.fields["/clid"]) == '"Ada Example" <+12025550143>'
    assert json.loads(found.fields["/userfield"]) == "claim, open"
    if names == 21:
        assert found.fields["/sequence"] == '"3"'


def test_master_csv_without_unique_ids_is_told_apart_by_its_rows(put: Put, taken: Taken) -> None:
    """The same row is the same call, whatever stands around it; another row is another."""
    row, other = row_of(*MASTER), row_of(*MASTER[:-1], "BILLING")
    found = taken(put(f"{row}\n{other}\n", "Master.csv"))
    assert [each.source for each in found] == [
        f"sha256:{sha256(text.encode()).hexdigest()}" for text in (row, other)
    ]
    assert len(found[0].fields) == 16


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_file_is_read_as_spreadsheets_write_it(put: Put, taken: Taken, end: str, mark: str) -> None:
    """CRLF, a byte order mark, blank lines, and cells in marks that hold commas, marks and line ends."""
    odd = f'2,2026-03-01 10:00:00,555,"a, ""b"",{end}c","{end}"'
    text = mark + table(ROW, "", odd, ROW.replace(".1", ".9"), header=HEADER, end=end)
    found = taken(put(text, "c.csv"))
    assert [(each.source, each.line) for each in found] == [
        ("1772359200.1", 2),
        ("2", 4),
        ("1772359200.9", 7),
    ]
    assert json.loads(found[1].fields["/dst"]) == f'a, "b",{end}c'
    assert found[1].raw.endswith(odd.encode())
    assert found[-1].end == len(text.encode())


@pytest.mark.parametrize(
    ("header", "column", "rule"),
    [
        ("start,src", "uniqueid", "missing"),
        ("uniqueid,src", "start", "missing"),
        ("uniqueid,start,dst", "src", "missing"),
        ("uniqueid,start,src,Src", None, "columns 3 and 4 have the same name"),
        ("uniqueid,start,src,", None, "no name"),
        ('uniqueid,start,src,"', None, CLOSED),
        ("a,b,c", None, "no header"),
        ("uniqueid;start;src", None, "separate them by commas"),
        ('"uniqueid";"start";"src"', None, "separate them by commas"),
        ("uniqueid\tstart\tsrc", None, "separate them by commas"),
        ("uniqueid,start,src\r7.1,2026-03-01 10:00:00,555", None, "end rows with LF or CRLF"),
        (row_of(*MASTER[:-1]), None, "no header"),
        (row_of(*MASTER[:9], "soon", *MASTER[10:]), None, "no header"),
    ],
)
def test_file_is_refused_whose_columns_are_not_known(
    put: Put, refused: Refused, header: str, column: str | None, rule: str
) -> None:
    """Once, on its first line: a row under such a header says nothing."""
    problem = refused(put(table(ROW, ROW, header=header), "c.csv"))
    assert (problem.line, problem.column) == (1, column)
    assert rule in problem.reason


@pytest.mark.parametrize(
    ("row", "column", "value", "rule"),
    [
        ("1,2026-03-01 10:00:00,555,104", None, None, "4 cells under 5"),
        ("1,2026-03-01 10:00:00,555,104,x,y", None, None, "6 cells under 5"),
        ("1,2026-03-01 10:00:00,555,104,x\x00", None, "0x00", "UTF-8"),
        ("1,2026-03-01 10:00:00,555,104,x\udcff", None, "0xff", "UTF-8"),
        ('1,2026-03-01 10:00:00,555,104,"x"y', None, None, "not CSV"),
        ('1,2026-03-01 10:00:00,555,104,"x', None, None, CLOSED),
        ("1,2026-03-01 10:00:00,555,104," + "x" * 200_000, None, None, "not CSV"),
        (",2026-03-01 10:00:00,555,104,", "uniqueid", "", "characters"),
        ("1,2026-02-30 10:00:00,555,104,", "start", "2026-02-30 10:00:00Z", "not a time"),
        ("1,01/03/2026 10:00,555,104,", "start", None, "not a time"),
        ("1,104,555,104,", "start", None, "not a time"),
        ("1,1772359200000,555,104,", "start", None, "integer of UTC seconds"),
        ("1,2026-03-01 10:00:00\r,555,104,", None, None, "a carriage return in this row"),
        ("1,,555,104,", "start", "", "not a time"),
        ("1,2026-03-01 10:00:00," + "5" * 201 + ",104,", "src", None, "no customer reference"),
    ],
)
def test_row_is_refused_with_its_place_and_the_others_are_read(
    put: Put, row: str, column: str | None, value: str | None, rule: str
) -> None:
    """The rows above and below it stand."""
    text = table(ROW, row, ROW.replace(".1", ".2")).encode(errors="surrogateescape")
    found = list(read(put(text, "c.csv")))
    assert [type(each) for each in found] == [Received, Problem, Received]
    assert (found[1].line, found[1].column, found[1].value) == (3, column, value)
    assert rule in found[1].reason
    assert "555" not in found[1].reason


def test_row_with_an_open_mark_takes_no_other_with_it(put: Put) -> None:
    """Neither up to the next such row, however the rows between would read as one cell, nor up to the end."""
    broken = '1,2026-03-01 10:00:00,555,104,"x'
    rows = [ROW.replace(".1", f".{n}") for n in range(2000)]
    found = list(
        read(
            put(
                table(*rows[:500], broken, *rows[500:550], broken, *rows[550:1000], broken, *rows[1000:]),
                "c.csv",
            )
        )
    )
    problems = [each for each in found if isinstance(each, Problem)]
    assert [(each.line, CLOSED in each.reason) for each in problems] == [
        (502, True),
        (553, True),
        (1004, True),
    ]
    assert [each.source for each in found if isinstance(each, Received)] == [
        f"1772359200.{n}" for n in range(2000)
    ]


def test_row_takes_a_hundred_lines_and_no_more(put: Put, taken: Taken) -> None:
    """A mark that is never closed is not looked for through a whole file."""
    for lines in (100, 101):
        odd = '2,2026-03-01 10:00:00,555,104,"' + "\n" * (lines - 1) + '"'
        found = list(read(put(table(odd, ROW), "c.csv")))
        assert [type(each) for each in found[-1:]] == [Received]
        assert isinstance(found[0], Received if lines == 100 else Problem)


def test_row_of_several_lines_is_read_after_one_with_an_open_mark(put: Put) -> None:
    """Its lines were looked at already, as the broken row's might have been."""
    odd = '2,2026-03-01 10:00:00,555,104,"a\nb"'
    found = list(read(put(table('1,2026-03-01 10:00:00,555,104,"x', ROW, odd, ROW), "c.csv")))
    assert [(type(each), each.line) for each in found] == [
        (Problem, 2),
        (Received, 3),
        (Received, 4),
        (Received, 6),
    ]


def test_row_is_refused_beyond_the_limit_of_a_record(put: Put) -> None:
    """And passed over, not read."""
    found = list(read(put(table(ROW, ROW + "x" * LONGEST_RECORD, ROW.replace(".1", ".2")), "c.csv")))
    assert [type(each) for each in found] == [Received, Problem, Received]
    assert str(LONGEST_RECORD) in found[1].reason


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("text", [table(ROW), table(row_of("1", "2026-03-01 10:00:00", "555", "a\n,b", "é"))])
def test_row_is_read_again_from_its_bytes(put: Put, taken: Taken, text: str, mark: str) -> None:
    """The same call with the same fields, whatever column it was first read by."""
    (found,) = taken(put(mark + text, "c.csv"))
    again = reread("cdr", found.raw)
    assert list(again.fields.items()) == list(found.fields.items())
    assert (again.source, again.start) == (found.source, found.start)
    assert again.customer is None


def test_row_of_master_csv_is_read_again_from_its_bytes(put: Put, taken: Taken) -> None:
    """Without a header as with one."""
    for cells in (MASTER, WITH_ID):
        (found,) = taken(put(row_of(*cells), "Master.csv"))
        again = reread("cdr", found.raw)
        assert (again.source, again.fields) == (found.source, found.fields)


def test_calls_of_the_example_are_read_whole() -> None:
    """examples/calls.csv, as the README uses it; one caller is anonymous."""
    found = list(read(Path(__file__).parents[4] / "examples" / "calls.csv"))
    assert all(isinstance(each, Received) for each in found)
    assert [each.customer for each in found if isinstance(each, Received)].count(None) == 1


@pytest.mark.parametrize("word", ["start", "uniqueid", " CallDate "])
def test_row_of_master_csv_is_no_header_whatever_it_says(put: Put, taken: Taken, word: str) -> None:
    """On the first line or below, and where a start below has a zone: each is read again as it was read."""
    odd = [*WITH_ID[:3], word, *WITH_ID[4:]]
    zoned = [*WITH_ID[:9], "2026-03-01T10:00:00Z", *WITH_ID[10:]]
    found = taken(put("".join(f"{row_of(*cells)}\n" for cells in (odd, WITH_ID, odd, zoned)), "Master.csv"))
    assert len(found) == 4
    for each in found:
        again = reread("cdr", each.raw)
        assert (again.source, again.start, again.fields) == (each.source, each.start, each.fields)


@pytest.mark.parametrize("src", ["0xbad", "9" * 300])
def test_row_is_read_again_whoever_its_other_columns_name(put: Put, taken: Taken, src: str) -> None:
    """The customer was in another column: in this one may stand anything."""
    (found,) = taken(put(table(f"1,2026-03-01 10:00:00,{src},104,"), "c.csv"), customer_column="dst")
    assert reread("cdr", found.raw).fields == found.fields


def test_bytes_are_no_row_without_a_header_or_the_columns_of_master_csv() -> None:
    """Neither under an empty line, nor without any."""
    for raw in (b"", b"a,b", b"\na,b", b"\n"):
        with pytest.raises(BadInput):
            reread("cdr", raw)


CELLS = st.sampled_from(
    [
        *(
            "start",
            "uniqueid",
            "calldate",
            " START ",
            "src",
            "",
            " ",
            "x",
            "é,",
            'a"b',
            "a\nb",
            "0xbad",
            "9" * 300,
        ),
        *(
            "2026-03-01 10:00:00",
            "2026-03-01T10:00:00Z",
            "2026-03-01 10:00:00.5",
            "1772359200",
            "#1",
            "\ufeff",
        ),
    ]
)


def mixed(cells: list[str]) -> st.SearchStrategy[str]:
    """A row like this one, with some of its cells replaced by what is read as something else."""
    changes = st.dictionaries(st.integers(0, len(cells) - 1), CELLS, max_size=3)
    return changes.map(lambda new: row_of(*(new.get(place, cell) for place, cell in enumerate(cells))))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file, written anew for each example."""
    return tmp_path_factory.mktemp("mixed") / "calls.csv"


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from(["src", "dst", "dcontext", " Start", "", "nobody"]))
def test_whatever_is_taken_is_read_again(place: Path, data: st.DataObject, column: str) -> None:
    """Any rows under any header or none, by any column: the same source, start and fields."""
    head = data.draw(st.sampled_from([MASTER, WITH_ID, [*WITH_ID, "", "7.1", "3"], HEADER.split(",")]))
    cells = next(csv.reader([ROW])) if len(head) == 5 else head
    rows = [data.draw(mixed(head)), *data.draw(st.lists(mixed(cells), max_size=4))]
    place.write_text(
        data.draw(st.sampled_from(["", "\ufeff"])) + "\r\n".join(rows), encoding="utf-8", newline=""
    )
    for found in read(place, customer_column=column):
        if isinstance(found, Received):
            again = reread("cdr", found.raw)
            assert (again.source, again.start, again.raw) == (found.source, found.start, found.raw)
            assert list(again.fields.items()) == list(found.fields.items())
