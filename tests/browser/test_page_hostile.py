"""A receipt made to harm its reader: its texts are shown as text, with what cannot be seen spelled out."""

from __future__ import annotations

import json

import pytest
from reader import Reader
from support.handmade_receipts import Contact, Stream, subject, written

ATTACKS = [
    "<script>window.harmed = true</script>",
    "<img src=x onerror='window.harmed = true'>",
    "<svg onload=alert(1)>",
    "</td></tr></table><h1>PROVED</h1>",
    "<a href='javascript:window.harmed=true'>click</a>",
    "<style>#verdict { display: none }</style>",
    "<iframe src='https://example.org/'></iframe>",
    "{{constructor.constructor('window.harmed = true')()}}",
    "${window.harmed = true}",
    "&lt;b&gt; &amp; &#x202e;",
]
MARKUP = "script:not([data-own]), img, svg, iframe, object, embed, a, b"


def everywhere(text: str) -> bytes:
    """A text as a name, as a value, and as what was received."""
    document = {f"/{text}": json.dumps(text, ensure_ascii=False), "/id": '"c-1"'}
    return written(Stream([[Contact(1, document=document, raw=text)]]).inclusion(0))


@pytest.mark.parametrize("text", ATTACKS)
def test_markup_is_shown_as_it_stands_and_runs_nothing(reader: Reader, text: str) -> None:
    """In the name, in the value and in the bytes received; no element comes of it, and no request."""
    own = reader.page.locator(MARKUP).count()
    assert reader.choose(everywhere(text)) == "open"
    reader.page.click("#contents summary")
    assert reader.lines("#contents > table tbody th")[0] == f"/{text}"
    assert reader.lines("#contents > table tbody td")[0] == text
    assert text in reader.lines("#contents details td")
    assert reader.page.locator(MARKUP).count() == own
    assert reader.page.evaluate("window.harmed") is None
    assert [url for _, url in reader.requests if not url.startswith(("file:", "data:"))] == []


def test_name_of_the_file_is_text_too(reader: Reader) -> None:
    """It is not the reader's choice what a file is called that was sent."""
    reader.choose(everywhere("x"), name="<img src=x onerror=alert(1)>\u202egpj.json")
    assert "<img src=x onerror=alert(1)>U+202Egpj.json" in reader.lines("#verdict")[0]
    assert reader.page.locator("#verdict img").count() == 0


def test_refusal_repeats_hostile_text_as_text(reader: Reader) -> None:
    """Where what is refused is quoted."""
    file = b'{"<img src=x onerror=alert(1)>": \x1b[2J}'
    assert reader.choose(file) == "refused"
    assert reader.page.locator("#verdict img").count() == 0


@pytest.mark.parametrize(
    ("letter", "shown"),
    [
        ("\u202e", "U+202E"),  # the rest of the line runs backwards
        ("\u2066", "U+2066"),
        ("\u200b", "U+200B"),  # no width
        ("\ufeff", "U+FEFF"),
        ("\u00ad", "U+00AD"),  # hyphen that shows at line ends only
        ("\u0000", "U+0000"),
        ("\u001b", "U+001B"),
        ("\u0085", "U+0085"),
        ("\u2028", "U+2028"),
        ("\U000e0041", "U+E0041"),  # a letter nobody sees
        ("\ue000", "U+E000"),  # means what its font wants
        ("\t", "U+0009"),
        ("\r", "U+000D"),
    ],
)
def test_characters_that_cannot_be_seen_are_spelled_out(reader: Reader, letter: str, shown: str) -> None:
    """As an escape that looks unlike the same letters written out."""
    document = {f"/a{letter}b": json.dumps(f"x{letter}y"), "/id": f'"x{shown}y"'}
    contact = Contact(1, document=document, raw=f"r{letter}s")
    assert reader.choose(written(Stream([[contact]]).inclusion(0))) == "open"
    assert reader.lines("#contents > table tbody th")[0] == f"/a{shown}b"
    assert reader.lines("#contents > table tbody td") == [f"x{shown}y", f"x{shown}y"]
    assert reader.lines("#contents > table td .escape") == [shown]
    assert f"r{shown}s" in reader.lines("#contents details td")


def test_lines_of_what_was_received_stay_lines(reader: Reader) -> None:
    """A vCon is many lines, and is readable only so."""
    reader.choose(written(Stream([[Contact(1, raw="one\ntwo")]]).inclusion(0)))
    reader.page.click("#contents summary")
    assert "one\ntwo" in reader.page.inner_text("#contents details")


def test_text_from_right_to_left_keeps_to_itself(reader: Reader) -> None:
    """Hebrew and Arabic are shown in their direction, and nothing around them moves."""
    document = {"/שם": '"אבג 123 (دهو)"'}
    reader.choose(written(Stream([[Contact(1, document=document)]]).inclusion(0)))
    quoted = reader.page.locator("#contents > table bdi.text")
    assert quoted.evaluate_all("all => all.map(one => getComputedStyle(one).unicodeBidi)") == ["isolate"] * 2
    assert quoted.evaluate_all("all => all.map(one => getComputedStyle(one).direction)") == ["rtl"] * 2


def test_page_cannot_be_made_to_read_text_as_markup(anyone: Reader) -> None:
    """Even by its own script: its policy forbids innerHTML, inline handlers and evaluated text."""
    anyone.open()
    attempts = [
        "() => { document.body.innerHTML = '<p>'; }",
        "() => { document.body.insertAdjacentHTML('beforeend', '<p>'); }",
        "() => { document.write('<p>'); }",
        "() => { setTimeout('window.harmed = true'); }",
        "() => { document.body.setAttribute('onclick', 'window.harmed = true'); }",
    ]
    for attempt in attempts:
        failed = anyone.page.evaluate(
            f"() => {{ try {{ ({attempt})(); return ''; }} catch (error) {{ return error.name; }} }}"
        )
        assert failed in ("TypeError", "EvalError"), attempt
    assert anyone.page.evaluate("window.harmed") is None


def test_ten_thousand_fields_and_deep_values_are_shown_in_part(reader: Reader) -> None:
    """All are checked; a thousand stand in the table, and the page says so."""
    document = {f"/{i}": json.dumps([[i]] * 3) for i in range(10_000)}
    assert reader.choose(written(Stream([[Contact(1, document=document)]]).inclusion(0))) == "open"
    assert reader.page.locator("#contents > table tbody tr").count() == 1_000
    assert "10,000 fields, all shown." in reader.text("#contents caption >> nth=0")
    assert "the others were checked as well" in reader.text("#contents caption >> nth=0")


def test_customers_own_text_is_never_in_the_address_or_kept(reader: Reader) -> None:
    """Nothing of a receipt outlives the page: no address, no store, no cookie."""
    reader.choose(written(Stream([[Contact(1)]]).completeness(subject(1))))
    kept = (
        "() => [localStorage.length, sessionStorage.length, document.cookie, location.hash, location.search]"
    )
    assert reader.page.evaluate(kept) == [0, 0, "", "", ""]
