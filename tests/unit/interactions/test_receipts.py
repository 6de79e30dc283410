"""Receipts for single records: what the format says, to the byte; and nothing where something is amiss.

inclusion
├── of every record, by index and by id: as made by hand, proved by the verifier against the chain's word
├── an amendment, the record of an erasure, any text that JSON can hold
├── unknown · waiting · in a block too new · erased, with its proof and without: refused, and why
└── what is kept was altered, anywhere: refused, no receipt
disclosure
├── fields, all below a field, raw, link: those are open, and the names; the rest is digests
└── a field that is not there, none at all, nothing but commas: refused, naming those there are
inclusions: many, by one reading of their batch
vouched: a COSE Receipt of the same path · of another kind, by no writer: refused
"""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

import cbor2
import pytest
from sqlalchemy import update
from support import handmade_receipts as by_hand
from support.defaults import START
from support.filed import NAME, Filed, contact, file_stream
from support.handmade_receipts import Contact, hexed, subject
from support.office import Desk

from troth import verify_receipt
from troth.errors import BadInput, DatabaseFailed, RecordsAltered
from troth.interactions import receipts, surveys
from troth.store import interactions as table
from troth.store import schema
from troth.store import subjects as subject_table

TWO_BATCHES = [
    [contact(1, source="a"), contact(2, source="b"), contact(1, source="c", outcome="solved")],
    [contact(3, source="d"), contact(1, source="e", caller={"tel": "+49", "name": {"last": "Ähre"}, "n": 1})],
]


@pytest.fixture
def filed(desk: Desk) -> Filed:
    """Five records in two batches."""
    return file_stream(desk, TWO_BATCHES)


def words(filed: Filed, number: int) -> str:
    """A batch's commitment, as the chain has it."""
    (word,) = filed.desk.suite.streams.call("commitments", filed.number, number, number)
    return hexed(word)


def refusal(filed: Filed, record: str) -> str:
    """Why there is no receipt."""
    with pytest.raises(BadInput) as refused:
        receipts.inclusion(filed.desk.office, NAME, record)
    (problem,) = refused.value.problems
    assert problem.file == "RECORD"
    return problem.reason


def change(filed: Filed, index: int, **values: Any) -> None:
    """Alters a row behind the office's back."""
    row = schema.interactions
    with filed.desk.office.store.writing() as connection:
        connection.execute(update(row).where(row.c.position == index).values(**values))


# --- inclusion


def test_inclusion_is_what_the_format_says_and_proved(filed: Filed) -> None:
    """Of every record: to the byte what is made by hand, and the verifier finds the chain's own word."""
    for index in range(5):
        made = receipts.inclusion(filed.desk.office, NAME, f"#{index}")
        assert made.text.encode() == by_hand.written(filed.model.inclusion(index))
        assert made.text == by_hand.form(made.document)
        word = words(filed, 1 if index < 3 else 2)
        verdict = verify_receipt.verify(made.text.encode(), commitment=word)
        assert verdict.commitment == word
        assert verdict.compared


@pytest.mark.parametrize(("source", "index"), [("a", 0), ("c", 2), ("e", 4)])
def test_inclusion_finds_a_record_by_its_source_id(filed: Filed, source: str, index: int) -> None:
    """The same receipt as by its index."""
    office = filed.desk.office
    assert receipts.inclusion(office, NAME, source) == receipts.inclusion(office, NAME, f"#{index}")


def test_inclusion_of_the_only_record_of_a_batch_has_an_empty_path(desk: Desk) -> None:
    """And is proved."""
    filed = file_stream(desk, [[contact(1)]])
    made = receipts.inclusion(desk.office, NAME, "c-1")
    assert made.document["records"][0]["path"] == []
    verify_receipt.verify(made.text.encode(), commitment=words(filed, 1))


def test_inclusion_of_an_amendment_names_what_it_amends(desk: Desk) -> None:
    """By index and root, in its link."""
    filed = file_stream(desk, [[contact(1, source="a")], [contact(1, source="b", amends=0)]])
    made = receipts.inclusion(desk.office, NAME, "b")
    assert made.text.encode() == by_hand.written(filed.model.inclusion(1))
    link = json.loads(made.document["records"][0]["fields"][1]["text"])
    assert link["amends"] == {"index": 0, "record": hexed(filed.model.records[0].root)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        '"\\/\b\f\n\r\t',
        "\0\x01\x1f\x7f\x80",
        "\u2028\u2029\ufeff\ufffe",
        "e\u0301 é 漢 😀",
        "</script>",
        "~/~0~1",
    ],
)
def test_inclusion_takes_any_text(desk: Desk, text: str) -> None:
    """In a value and in a name; written as JavaScript writes it too, so the verifier takes it."""
    filed = file_stream(
        desk, [[contact(1, note=text, more={f"x{text}".replace("/", "").replace("~", ""): text})]]
    )
    made = receipts.inclusion(desk.office, NAME, "c-1")
    assert made.text.encode() == by_hand.written(filed.model.inclusion(0))
    verify_receipt.verify(made.text.encode(), commitment=words(filed, 1))
    fields = made.document["records"][0]["fields"]
    assert json.loads(fields[-1]["text"]) == text


def test_inclusion_of_an_unknown_record_is_refused(filed: Filed) -> None:
    """Whether it is named by an id or by an index; the id is not repeated."""
    for record in ("z", "#5", "#-1", "#", "#1x", f"#{'9' * 30}", "#²"):
        assert refusal(filed, record).startswith("no such record in calls")


def test_inclusion_of_a_record_that_waits_is_refused(filed: Filed) -> None:
    """Saying what to do; once it is anchored it is made."""
    filed.add([contact(1, source="f")])
    assert refusal(filed, "f") == "#5 waits to be anchored: run `troth interactions anchor`"
    assert receipts.inclusion(filed.desk.office, NAME, "#4").uncovered == 1
    filed.anchor()
    assert receipts.inclusion(filed.desk.office, NAME, "f").document["batches"][0]["number"] == 3


def test_inclusion_waits_for_the_blocks_that_make_a_batch_final(filed: Filed) -> None:
    """A block that is replaced may give the batch another time: a receipt would be of nothing then."""
    office = filed.desk.office
    office.settings = replace(office.settings, confirmations=3)
    filed.add([contact(1, source="f")])
    filed.anchor()
    assert "3 blocks must follow; ask again later" in refusal(filed, "f")
    assert receipts.inclusion(office, NAME, "#4").uncovered == 1
    for _ in range(3):
        filed.desk.suite.node.call("evm_mine")
    assert receipts.inclusion(office, NAME, "f").document["batches"][0]["number"] == 3


def test_inclusion_of_an_erased_record_is_refused(filed: Filed) -> None:
    """It says when, and where that is recorded; of this, and of others' records, a receipt can be made."""
    filed.erase(1)
    assert refusal(filed, "a") == "#0 was erased on 2026-01-01T00:00:00Z"
    members = {"id": "erasure-1", "subject": hexed(subject(1)), "start": "2026-02-01T10:00:00Z"}
    erasure = Contact(
        1,
        "2026-02-01T10:00:00Z",
        {f"/{name}": json.dumps(value) for name, value in members.items()},
        json.dumps(members),
        "erasure",
    )
    filed.add([erasure])
    filed.anchor()
    expected = "was erased on 2026-02-01T10:00:00Z, which is recorded as #5: an inclusion receipt can be made"
    for record in ("a", "#2", "e"):
        assert expected in refusal(filed, record)
    made = receipts.inclusion(filed.desk.office, NAME, "#5")
    assert made.text.encode() == by_hand.written(filed.model.inclusion(5))
    verify_receipt.verify(made.text.encode(), commitment=words(filed, 3))
    assert receipts.inclusion(filed.desk.office, NAME, "b").document["records"][0]["index"] == 1


def test_inclusion_of_a_record_whose_key_is_gone_is_refused(filed: Filed) -> None:
    """Even while its bytes are not overwritten yet."""
    with filed.desk.office.store.writing() as connection:
        subject_table.destroy(connection, subject(1), START)
    assert refusal(filed, "a") == "#0 was erased on 2026-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "values",
    [
        {"number": 9},
        {"start": 1},
        {"kind": "cdr"},
        {"kind": "vcon"},
        {"amends": 0},
        {"sealed": b"no such bytes"},
        {"record": bytes(32)},
    ],
)
def test_record_that_was_altered_gives_no_receipt(filed: Filed, values: dict[str, Any]) -> None:
    """Whatever of it: what is kept no longer gives its root."""
    change(filed, 4, **values)
    with pytest.raises(DatabaseFailed, match="is damaged"):
        receipts.inclusion(filed.desk.office, NAME, "#4")


def test_record_put_in_anothers_place_gives_no_receipt(filed: Filed) -> None:
    """What is sealed opens in its own place only."""
    with filed.desk.office.store.reading() as connection:
        row = table.find_interaction(connection, filed.number, 0)
    assert row is not None
    change(filed, 2, sealed=row.sealed)
    with pytest.raises(DatabaseFailed, match="is damaged"):
        receipts.inclusion(filed.desk.office, NAME, "#2")


def test_record_before_that_was_altered_gives_no_receipt(filed: Filed) -> None:
    """A link names its root."""
    change(filed, 2, record=bytes(32))
    with pytest.raises(DatabaseFailed, match="record #4 of stream calls is damaged"):
        receipts.inclusion(filed.desk.office, NAME, "#4")


def test_batch_that_was_altered_gives_no_receipt(filed: Filed) -> None:
    """One record of it is enough, or one less."""
    change(filed, 1, record=bytes(32))
    with pytest.raises(RecordsAltered, match="batch 1 of stream calls"):
        receipts.inclusion(filed.desk.office, NAME, "#0")
    row = schema.interactions
    with filed.desk.office.store.writing() as connection:
        connection.execute(row.delete().where(row.c.position == 3))
    with pytest.raises(RecordsAltered, match="batch 2 of stream calls"):
        receipts.inclusion(filed.desk.office, NAME, "#4")


def test_receipt_is_not_shown_by_accident(filed: Filed) -> None:
    """What was said stays out of logs."""
    made = receipts.inclusion(filed.desk.office, NAME, "#4")
    assert "Ähre" in made.text
    assert repr(made) == "Receipt(kind='inclusion', uncovered=0)"


def test_checksum_is_of_all_before_it(filed: Filed) -> None:
    """In the same form, final line end and all."""
    made = receipts.inclusion(filed.desk.office, NAME, "#1")
    bare = {name: value for name, value in made.document.items() if name != "checksum"}
    assert list(made.document)[-1] == "checksum"
    assert made.document["checksum"] == hexed(sha256(by_hand.form(bare).encode()).digest())


# --- disclosure


def opened(receipt: receipts.Receipt) -> list[str]:
    """Names of the fields that are open."""
    fields = receipt.document["records"][0]["fields"]
    names = json.loads(fields[0]["text"])
    assert all(set(one) in ({"salt", "text"}, {"digest"}) for one in fields)
    return [name for name, one in zip(names, fields, strict=True) if "text" in one]


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        (["/id"], ["/id"]),
        (["/caller"], ["/caller/tel", "/caller/name/last", "/caller/n"]),
        (["/caller/n"], ["/caller/n"]),
        (["/caller/name", "link"], ["link", "/caller/name/last"]),
        (["raw"], ["raw"]),
        (["/start", "/id", "/id"], ["/id", "/start"]),
    ],
)
def test_disclosure_shows_what_is_chosen_and_the_names(
    filed: Filed, fields: list[str], shown: list[str]
) -> None:
    """And no text beside; it is what is made by hand, and is proved."""
    made = receipts.disclosure(filed.desk.office, NAME, "e", fields)
    assert opened(made) == ["fields", *shown]
    assert made.text.encode() == by_hand.written(filed.model.disclosure(4, shown))
    verify_receipt.verify(made.text.encode(), commitment=words(filed, 2))


def test_disclosure_holds_nothing_of_what_it_withholds(filed: Filed) -> None:
    """Neither text nor salt: a salt would let a text be guessed."""
    made = receipts.disclosure(filed.desk.office, NAME, "e", ["/id"])
    record = filed.model.records[4]
    for name, salt, text in zip(record.names, record.salts, record.texts, strict=True):
        if name not in {"fields", "/id"}:
            assert salt.hex() not in made.text
            assert json.dumps(text, ensure_ascii=False) not in made.text
    assert "Ähre" not in made.text


@pytest.mark.parametrize("fields", [["/nothing"], ["/id", "/caller/nam"], ["id"], ["/id/"], ["#1"]])
def test_disclosure_of_a_field_that_is_not_there_is_refused(filed: Filed, fields: list[str]) -> None:
    """It names those there are."""
    with pytest.raises(BadInput) as refused:
        receipts.disclosure(filed.desk.office, NAME, "d", fields)
    (problem,) = refused.value.problems
    assert problem.file == "--fields"
    assert problem.reason.startswith("no field ")
    assert problem.reason.endswith("there are link, raw, /id, /subject, /start")


def test_disclosure_of_nothing_is_refused(filed: Filed) -> None:
    """It would prove that there is a record."""
    with pytest.raises(BadInput, match="--fields: name those to show; there are link, raw, /id"):
        receipts.disclosure(filed.desk.office, NAME, "d", [])


def test_disclosure_names_so_many_fields_and_no_more(desk: Desk) -> None:
    """One line for people."""
    file_stream(desk, [[contact(1, **{f"n{number}": number for number in range(100)})]])
    with pytest.raises(BadInput, match=r"/n33, \.\.\.$"):
        receipts.disclosure(desk.office, NAME, "c-1", ["/x"])


# --- many


def test_inclusions_are_the_receipts_one_by_one(filed: Filed) -> None:
    """In the order asked for, back and forth between batches."""
    office = filed.desk.office
    asked = [4, 0, 3, 2, 2, 1]
    singles = [receipts.inclusion(office, NAME, f"#{index}") for index in asked]
    assert list(receipts.inclusions(office, NAME, asked)) == singles


def test_inclusions_read_a_batch_once(filed: Filed, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many of its records are asked for in a row."""
    built = []
    build = receipts.Tree.build
    monkeypatch.setattr(receipts.Tree, "build", lambda leaves: built.append(1) or build(leaves))
    assert len(list(receipts.inclusions(filed.desk.office, NAME, [0, 1, 2, 0, 3, 4]))) == 6
    assert len(built) == 2


def test_inclusions_stop_at_an_unknown_index(filed: Filed) -> None:
    """By name."""
    with pytest.raises(BadInput, match="'#7': no such record in stream calls"):
        list(receipts.inclusions(filed.desk.office, NAME, [0, 7]))


# --- COSE


def test_vouched_is_the_same_path_under_the_offices_signature(filed: Filed) -> None:
    """test_cose holds the rest."""
    office = filed.desk.office
    office.signer = filed.desk.who.signer
    made = receipts.inclusion(office, NAME, "#4")
    protected, unprotected, payload, signature = cbor2.loads(receipts.vouched(office, made)).value
    size, index, path = cbor2.loads(unprotected[396][-1][0])
    assert (size, index, payload) == (2, 1, None)
    assert [hexed(one) for one in path] == made.document["records"][0]["path"]
    root = bytes.fromhex(made.document["batches"][0]["root"][2:])
    assert signature == office.signer.sign_cose(cbor2.dumps(["Signature1", protected, b"", root]))
    assert cbor2.loads(protected) == {1: -47, 4: bytes.fromhex(filed.desk.who.address[2:]), 395: 1}


def test_vouched_of_another_kind_is_refused(filed: Filed) -> None:
    """RFC 9942 has no word for it."""
    office = filed.desk.office
    for made in (
        receipts.disclosure(office, NAME, "#4", ["/id"]),
        surveys.completeness(office, NAME, subject(1)),
    ):
        with pytest.raises(BadInput, match=f"--cose: a COSE receipt shows inclusion, and not {made.kind}"):
            receipts.vouched(office, made)


def test_vouched_by_no_writer_of_the_stream_is_refused(filed: Filed) -> None:
    """Nothing on the chain would say whose key it is."""
    office = filed.desk.office
    made = receipts.inclusion(office, NAME, "#4")
    office.signer = filed.desk.suite["stranger"].signer
    with pytest.raises(BadInput, match=r"--cose: 0x\w{40} signs here, and is no writer of stream calls"):
        receipts.vouched(office, made)


# --- what the chain says


def test_contract_finds_every_receipt_s_record_included(filed: Filed) -> None:
    """By its own views: the batch is anchored as the receipt has it, the record at that index only."""
    streams = filed.desk.suite.streams
    for index in range(5):
        made = receipts.inclusion(filed.desk.office, NAME, f"#{index}").document
        (batch,), (record,) = made["batches"], made["records"]
        numbers = [batch[name] for name in ("number", "first", "count", "time")]
        hashes = [bytes.fromhex(batch[name][2:]) for name in ("root", "subjects", "previous")]
        struct = (made["stream"], *numbers, *hashes)
        path = [bytes.fromhex(node[2:]) for node in record["path"]]
        root = filed.model.records[index].root
        assert streams.call("isAnchored", struct)
        for other in range(6):
            assert streams.call("isIncluded", struct, root, other, path) == (other == index)
