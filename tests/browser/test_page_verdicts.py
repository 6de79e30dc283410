"""What a person reads of a receipt: the verdict in words, what is proved, what is not, and what it says."""

from __future__ import annotations

import base64
import copy

import pytest
from reader import Reader
from support.defaults import START
from support.handmade_receipts import (
    HOUR,
    Contact,
    Receipt,
    Stream,
    four_kinds,
    hexed,
    subject,
    written,
)

from troth import verify_receipt

KINDS = ["inclusion", "disclosure", "absence", "completeness"]
# How often a timer of the page's rings while a file is checked.
METRONOME = """async (file) => {
  let rings = 0;
  const timer = setInterval(() => { rings += 1; }, 0);
  await verify(Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0)));
  clearInterval(timer);
  return rings;
}"""
LEAST = {
    "inclusion": "This record stood in the company's books, whole and as shown below, on 1 January 2026",
    "disclosure": "1 of its 2 fields is shown below, unchanged.",
    "absence": "show no contact that began from 1 January 2026, 00:30:01 UTC until 1 January",
    "completeness": "3 contacts with this customer stand in the company's books up to 1 January 2026, 03:00",
}


def commitment(stream: Stream, receipt: Receipt) -> str:
    """On the chain, of the receipt's last batch."""
    return stream.commitment(receipt["batches"][-1]["number"])


@pytest.mark.parametrize("kind", KINDS)
def test_receipt_alone_is_not_proved_yet(reader: Reader, kind: str) -> None:
    """Anybody can make one up: until it is compared the page says so, and what to do, with what."""
    stream, receipt = four_kinds()[kind]
    assert reader.choose(written(receipt)) == "open"
    assert reader.word() == str(verify_receipt.verify(written(receipt))).splitlines()[0]
    assert reader.word() == "NOT PROVED YET: SOUND IN ITSELF, BUT COMPARED WITH NO CHAIN"
    said = "Nothing in it contradicts itself. One step is left: is it in the public ledger?"
    assert said in reader.text("#verdict")
    assert commitment(stream, receipt) in reader.text("#chain-why")
    assert "anybody could have made all of it up" in reader.text("#unproved")
    assert all(line.startswith("If it is in the ledger: ") for line in reader.lines("#proved li"))
    assert "receipt.json" in reader.text("#verdict")


@pytest.mark.parametrize("kind", KINDS)
def test_receipt_with_its_fingerprint_is_proved(reader: Reader, kind: str) -> None:
    """As far as the fingerprint is to be trusted, which the page says; and what the receipt is about."""
    stream, receipt = four_kinds()[kind]
    reader.choose(written(receipt))
    assert reader.compare(commitment(stream, receipt)) == "proved"
    assert reader.word() == "PROVED"
    assert LEAST[kind] in reader.text("#verdict")
    assert "if the fingerprint you gave is the ledger's" in reader.text("#verdict")
    assert "rests on where you have it from" in reader.text("#unproved")
    assert "If it is in the ledger" not in reader.text("#proved")


@pytest.mark.parametrize("given", ["0x" + "00" * 32, hexed(subject(1))])
def test_other_fingerprint_is_refused(reader: Reader, given: str) -> None:
    """With both fingerprints; nothing is claimed to be proved any more."""
    stream, receipt = four_kinds()["inclusion"]
    reader.choose(written(receipt))
    assert reader.compare(given) == "refused"
    assert reader.word() == "REFUSED"
    said = "the fingerprint you gave is not that of the receipt's batch 1 of stream 1, which is "
    assert said + commitment(stream, receipt) in reader.text("#verdict")
    assert not reader.page.is_visible("#report")


@pytest.mark.parametrize("given", ["", "0x12", "commitment", "0x" + "g" * 64, "0x" + "1" * 65])
def test_what_is_no_fingerprint_changes_nothing(reader: Reader, given: str) -> None:
    """The receipt stays as it is, and the page says what a fingerprint looks like."""
    reader.choose(written(four_kinds()["inclusion"][1]))
    assert reader.compare(given) == "open"
    assert "0x and 64 digits" in reader.text("#verdict")
    assert reader.page.is_visible("#report")


def test_fingerprint_may_be_pasted_with_spaces_and_capitals(reader: Reader) -> None:
    """As it comes from a letter or a terminal."""
    stream, receipt = four_kinds()["inclusion"]
    reader.choose(written(receipt))
    assert reader.compare(f"  0x{commitment(stream, receipt)[2:].upper()} ") == "proved"


def test_refused_receipt_says_what_fails_and_where(reader: Reader) -> None:
    """And shows nothing of what it claims."""
    receipt = copy.deepcopy(four_kinds()["completeness"][1])
    receipt["batches"][1]["time"] += 1
    assert reader.choose(written(receipt)) == "refused"
    assert reader.word() == "REFUSED"
    assert "$.batches[2].previous is not the commitment of the batch before" in reader.text("#verdict")
    assert not reader.page.is_visible("#report")
    assert not reader.page.is_visible("#chain")


def test_line_that_is_written_otherwise_is_named(reader: Reader) -> None:
    """So that whoever edited the file finds the place."""
    file = written(four_kinds()["inclusion"][1]).replace(b' "chain"', b'  "chain"')
    assert reader.choose(file) == "refused"
    assert "$, line 4 is not written as receipts are" in reader.text("#verdict")


def test_one_receipt_after_another_leaves_nothing_behind(reader: Reader) -> None:
    """A refused one between two that hold; the same file twice; what was compared is forgotten."""
    stream, receipt = four_kinds()["inclusion"]
    file = written(receipt)
    reader.choose(file)
    reader.compare(commitment(stream, receipt))
    assert reader.choose(file) == "open"
    assert reader.choose(file[:-9]) == "refused"
    assert reader.choose(written(four_kinds()["completeness"][1])) == "open"
    assert "Contacts, in their order" in reader.text("#contents")
    assert "What it says" not in reader.text("#contents h2")


def test_inclusion_shows_all_fields(reader: Reader) -> None:
    """The record's own in a table, name beside value; how it is filed beneath, folded up."""
    reader.choose(written(four_kinds()["inclusion"][1]))
    assert reader.lines("#contents > table tbody tr") == ["/idc-1", "/outcomeresolved"]
    assert "2 fields, all shown." in reader.text("#contents")
    assert not reader.page.is_visible("#contents details table")
    reader.page.click("#contents summary")
    assert '{"id":"c-1","outcome":"resolved"}' in reader.text("#contents details")
    assert f"Customer {hexed(subject(4))}" in reader.text("#contents")


def test_disclosure_shows_chosen_fields_and_says_what_is_withheld(reader: Reader) -> None:
    """By name: that there is such a field is not hidden."""
    reader.choose(written(four_kinds()["disclosure"][1]))
    assert reader.lines("#contents > table tbody tr") == ["/idwithheld", "/outcomeresolved"]
    assert "2 fields: 1 shown, 1 withheld." in reader.text("#contents")
    assert "What the withheld fields say." in reader.text("#unproved")


def test_text_that_says_withheld_is_told_from_one_that_is(reader: Reader) -> None:
    """What a receipt shows cannot be made to look withheld."""
    document = {"/id": '"withheld"', "/outcome": '"resolved"'}
    reader.choose(written(Stream([[Contact(1, document=document)]]).disclosure(0, ["/id"])))
    assert reader.lines("#contents td .withheld") == ["withheld", "withheld", "withheld"]
    assert reader.lines("#contents > table td") == ["withheld", "withheld"]
    assert reader.page.locator("#contents > table td .withheld").count() == 1


def test_batch_is_shown_with_all_its_facts(reader: Reader) -> None:
    """What is hashed into the commitment, and the transaction as the pointer it is."""
    stream, receipt = four_kinds()["inclusion"]
    reader.choose(written(receipt))
    facts, batch = reader.text("#facts"), receipt["batches"][0]
    for name in ("root", "subjects", "previous", "transaction"):
        assert batch[name] in facts
    for words in ("Batch 1 of 1 January 2026, 01:00:00 UTC", "Records 0 to 4", "1, called “calls”"):
        assert words in facts
    assert receipt["contract"] in facts
    assert commitment(stream, receipt) in facts
    assert "a pointer, not checked" in facts


def test_completeness_shows_contacts_in_order(reader: Reader) -> None:
    """When each began, what it was, and in which batch; and for each batch whether the customer is in it."""
    reader.choose(written(four_kinds()["completeness"][1]))
    assert reader.lines(".timeline time") == [
        "1 January 2026, 00:00:00 UTC",
        "1 January 2026, 00:30:00 UTC",
        "1 January 2026, 02:00:00 UTC",
    ]
    assert reader.lines(".timeline li > div") == [
        "Contact 1: interaction record 0, batch 1",
        "Contact 2: interaction record 4, batch 1",
        "Contact 3: interaction record 7, batch 3",
    ]
    assert [line.split("UTC")[1] for line in reader.lines(".batches summary")] == [
        ", contacts 1 to 2",
        ", no contact",
        ", contact 3",
    ]
    assert reader.page.locator(".strip .contact").count() == 3


def test_absence_without_any_contact_says_so(reader: Reader) -> None:
    """And shades the period in the strip of time."""
    stream = four_kinds()["absence"][0]
    receipt = stream.absence(subject(9), "2026-01-01T00:00:00Z", "2026-01-01T02:00:00Z")
    reader.choose(written(receipt))
    assert "the lists of these batches show no contact, in the period or beside it" in reader.text(
        "#contents"
    )
    assert reader.page.locator(".strip .period").count() == 1
    assert reader.page.locator(".strip .contact").count() == 0


@pytest.mark.parametrize("kind", ["absence", "completeness"])
def test_lists_are_said_to_be_the_companys_word(reader: Reader, kind: str) -> None:
    """Nothing shows that they are in order: the same commitment can carry receipts that contradict it."""
    stream, receipt = four_kinds()[kind]
    reader.choose(written(receipt))
    reader.compare(commitment(stream, receipt))
    word = "complete, in order, and name each customer once: that is the company's word."
    assert word in reader.text("#unproved")
    assert "no contacts with this customer but" not in reader.text("#proved")


def test_one_contact_in_one_batch_is_said_so(reader: Reader) -> None:
    """No plural of one."""
    stream = Stream([[Contact(1)]])
    reader.choose(written(stream.completeness(subject(1))))
    shows = "at this customer's place, the list of batch 1 shows "
    assert f"{shows}1 contact, from the stream's beginning: the one below." in reader.text("#proved")
    reader.choose(written(stream.absence(subject(1), "2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z")))
    assert f"{shows}no contact that began within the period." in reader.text("#proved")
    assert "it shows 1 contact: see below." in reader.text("#proved")


def test_period_that_was_not_over_is_not_proved(reader: Reader) -> None:
    """The last batch was anchored before its end."""
    stream = four_kinds()["absence"][0]
    rest = "Anything of the rest of the period"
    reader.choose(written(stream.absence(subject(9), "2026-01-01T00:00:00Z", "2026-01-01T03:00:00Z")))
    assert rest not in reader.text("#unproved")
    reader.choose(written(stream.absence(subject(9), "2026-01-01T00:00:00Z", "2026-01-01T03:00:01Z")))
    assert rest in reader.text("#unproved")


def test_batch_before_the_period_is_told_from_those_surveyed(reader: Reader) -> None:
    """It shows by its time alone that nothing up to it is of the period."""
    stream = four_kinds()["absence"][0]
    reader.choose(
        written(stream.absence(subject(9), "2026-01-01T01:00:01Z", "2026-01-02T00:00:00Z", after=1))
    )
    said = reader.text("#proved")
    assert "at this customer's place, the lists of batches 2 to 3 show no contact that began within" in said
    assert "in batch 1 and before was put in the ledger before the period, on 1 January 2026" in said


def test_name_of_a_stream_is_said_not_to_be_proved_where_it_is_not(reader: Reader) -> None:
    """Only a survey from the stream's beginning has hashed it."""
    named = "is called “calls”: its number is proved"
    reader.choose(written(four_kinds()["completeness"][1]))
    assert named not in reader.text("#unproved")
    for kind in ("inclusion", "disclosure"):
        reader.choose(written(four_kinds()[kind][1]))
        assert named in reader.text("#unproved")
    stream = four_kinds()["absence"][0]
    later = "2026-01-01T02:00:01Z", "2026-01-02T00:00:00Z"
    reader.choose(written(stream.absence(subject(9), *later, after=2)))
    assert named in reader.text("#unproved")


def test_amendment_and_erasure_are_named(reader: Reader) -> None:
    """With the record they are about."""
    contacts = [Contact(1), Contact(1, amends=0, kind="erasure")]
    reader.choose(written(Stream([contacts]).completeness(subject(1))))
    assert reader.lines(".timeline li > div")[1] == "Contact 2: erasure record 1, batch 1, amends record 0"
    reader.choose(written(Stream([contacts]).disclosure(1, ["link"])))
    assert "Kind erasure" in reader.text("#contents")
    assert "Amends record 0 of the stream" in reader.text("#contents")


def test_time_beyond_calendars_is_shown_as_a_number(reader: Reader) -> None:
    """A batch may claim any second below 2^53."""
    reader.choose(written(Stream([[Contact(1)]], times=[2**53 - 1]).inclusion(0)))
    assert f"second {2**53 - 1}" in reader.text("#facts")
    assert reader.compare(Stream([[Contact(1)]], times=[2**53 - 1]).commitment(1)) == "proved"
    reader.choose(written(Stream([[Contact(1)]], times=[253_402_300_799]).inclusion(0)))
    assert "31 December 9999, 23:59:59 UTC" in reader.text("#facts")


def test_long_text_is_shown_in_part_until_asked_for(reader: Reader) -> None:
    """With how long it is."""
    document = {"/note": f'"{"word " * 1_000}end"'}
    reader.choose(written(Stream([[Contact(1, document=document)]]).inclusion(0)))
    cell = "#contents > table td"
    assert "end" not in reader.text(cell)
    reader.page.click("text=Show all 5,003 letters")
    assert reader.text(cell).endswith("word end …") or reader.text(cell).endswith("word end")


def test_thousand_batches_are_checked_while_the_page_stays_alive(reader: Reader) -> None:
    """A timer of the page's goes on all the while; all batches and contacts are listed."""
    contacts = [[Contact(1) if i % 100 == 7 else Contact(2), Contact(3), Contact(4)] for i in range(1_000)]
    stream = Stream(contacts, times=[START + HOUR * (i + 1) for i in range(1_000)])
    file = written(stream.completeness(subject(1)))
    assert reader.page.evaluate(METRONOME, base64.b64encode(file).decode()) > 20
    assert reader.choose(file) == "open"
    assert reader.lines(".timeline li > div")[-1] == "Contact 10: interaction record 2721, batch 908"
    assert reader.page.locator(".batches > li").count() == 1_000
    assert reader.compare(stream.commitment(1_000)) == "proved"
