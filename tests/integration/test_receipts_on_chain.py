"""Receipts from files to verdicts, on Anvil and on Ganache: taken in, anchored, made, and checked by others.

Whoever checks shares no code with whoever made them: the verifier as a program of its own, which asks the
node, and the contract by its views. What is changed, anywhere, is refused by both.
"""

from __future__ import annotations

import copy
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from support import Actor
from support.chain import ROOT
from support.handmade_receipts import hexed, sealed, written
from support.places import ANVIL, Place

from troth import verify_receipt
from troth.chain.rpc import Node
from troth.config import Settings
from troth.errors import BadInput
from troth.identity import erasure, subjects
from troth.interactions import batches, formats, intake, receipts, streams, surveys
from troth.interactions.history import of_subject
from troth.interactions.receipts import Receipt
from troth.office import Office
from troth.store import Store

VERIFIER = ROOT / "verifier" / "verify_receipt.py"
EXAMPLES = ROOT / "examples"
NAME = "calls"
DAY = 86_400


@dataclass
class Work:
    """An office after some days' work: every format, an amendment, an erasure, four batches."""

    place: Place
    office: Office
    known: dict[str, bytes] = field(default_factory=dict)
    """Subjects by reference."""
    ended: int = 0
    """When the third batch was anchored: nobody called after it but C-3."""

    def take(self, path: Path) -> None:
        """Takes a file in, whole."""
        done = intake.add(self.office, NAME, formats.read(path))
        assert (done.refused, done.problems) == (0, ())
        assert done.accepted

    def lines(self, path: Path, *calls: tuple[str, str, int]) -> None:
        """Takes calls in from JSON lines: id, customer, start."""
        lines = [
            json.dumps(
                {"id": source, "subject": who, "start": start, "outcome": {"kind": "solved", "é": [1, 2]}}
            )
            for source, who, start in calls
        ]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.take(path)

    def anchor(self) -> int:
        """Anchors what waits, a day later; the chain's time then."""
        self.place.pass_time(DAY)
        (done,) = batches.anchor(self.office, NAME)
        return done.time

    def subject(self, reference: str) -> bytes:
        """By the insurer's reference."""
        if reference not in self.known:
            self.known[reference] = subjects.resolve(self.office, reference)
        return self.known[reference]


@pytest.fixture
def work(place: Place, tmp_path: Path) -> Iterator[Work]:
    """The insurer's, done."""
    home = tmp_path / "home"
    home.mkdir()
    url = f"sqlite:///{home}/troth.db"
    settings = Settings(home=home, rpc=place.node.url, database_url=url, kek=bytes(range(32)))
    signer = Actor("insurer", place.node).signer
    with Office(settings, Node(place.node.url), place.deployment, Store.open(url), signer=signer) as office:
        done = Work(place, office)
        _do(done, tmp_path)
        yield done


def _do(work: Work, folder: Path) -> None:
    """What happened."""
    streams.create(work.office, NAME)
    for name in ("interactions.jsonl", "calls.csv"):
        shutil.copy(EXAMPLES / name, folder)
        work.take(folder / name)
    work.anchor()
    shutil.copy(EXAMPLES / "conversation.vcon.json", folder)
    for media in EXAMPLES.glob("*.wav"):
        shutil.copy(media, folder)
    work.take(folder / "conversation.vcon.json")
    work.lines(folder / "a.jsonl", ("a-1", "C-1", 1_767_300_000), ("a-2", "C-2", 1_767_300_001))
    work.anchor()
    work.lines(folder / "b.jsonl", ("b-1", "C-3", 1_767_300_002), ("b-2", "C-1", 1_767_300_003))
    corrected = formats.of_object(
        {"id": "b-3", "subject": "C-1", "start": 1_767_300_000, "outcome": "reopened"}
    )
    intake.amend(work.office, NAME, _index(work, "a-1"), corrected)
    gone = work.subject("C-2")
    work.ended = work.anchor()
    work.known["C-2"] = gone
    erasure.erase(work.office, gone)
    work.lines(folder / "c.jsonl", ("c-1", "C-3", 1_767_300_004))
    work.anchor()


def _index(work: Work, source: str) -> int:
    """Of the record of a source id, in the stream."""
    index: int = receipts.inclusion(work.office, NAME, source).document["records"][0]["index"]
    return index


def every_receipt(work: Work) -> list[Receipt]:
    """Of each kind, whatever can be made."""
    office = work.office
    records = range(_index(work, "c-1") + 1)
    erased = {_index_by_name(work, "C-2")}
    made = list(receipts.inclusions(office, NAME, [index for index in records if index not in erased]))
    made += [
        receipts.disclosure(office, NAME, "a-1", ["/outcome"]),
        receipts.disclosure(office, NAME, "b-3", ["link", "/outcome"]),
        receipts.disclosure(office, NAME, "call-20260302-0001", ["/outcome", "/topic"]),
        receipts.disclosure(office, NAME, "1772439242.84", ["/src", "raw"]),
        receipts.disclosure(office, NAME, "018e4f1c-7a52-8d1e-9c40-5f2b6a7d3e11", ["/parties/1"]),
    ]
    made += [surveys.completeness(office, NAME, work.subject(who)) for who in ("C-1", "C-3", "C-1001")]
    made += [
        surveys.absence(office, NAME, work.subject("C-1"), work.ended + 1, work.ended + DAY),
        surveys.absence(office, NAME, work.subject("C-3"), work.ended + 1, work.ended + DAY),
        surveys.absence(office, NAME, work.subject("C-1"), 0, 1_767_300_000),
        surveys.absence(office, NAME, subjects.new(office).subject, 0, work.ended + DAY),
    ]
    return made


def _index_by_name(work: Work, reference: str) -> int:
    """Of the one record of a subject that is erased."""
    (index,) = [one.index for one in of_subject(work.office, work.subject(reference)) if one.is_erased]
    return index


def program(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The verifier, with nothing of Troth in reach."""
    command = [sys.executable, "-I", str(VERIFIER), str(path), *options]
    return subprocess.run(command, capture_output=True, text=True, cwd=path.parent, check=False, timeout=120)


# --- what is made is proved


def test_every_receipt_is_proved_by_the_verifier(work: Work, tmp_path: Path) -> None:
    """As a program of its own, which asks the node."""
    for number, made in enumerate(every_receipt(work)):
        path = tmp_path / f"{number}.json"
        path.write_text(made.text, encoding="utf-8")
        done = program(path, "--rpc", work.place.node.url)
        assert (done.returncode, done.stderr) == (0, ""), made.kind
        assert done.stdout.startswith("PROVED\n")


def test_every_receipt_is_anchored_by_the_contract_itself(work: Work) -> None:
    """Each batch as the receipt has it; each record at its index, and at no other."""
    for made in every_receipt(work):
        document = made.document
        batches_by_number = {batch["number"]: struct(document, batch) for batch in document["batches"]}
        for batch in batches_by_number.values():
            assert work.place.streams.call("isAnchored", batch)
        for record in document["records"]:
            root, path = root_of(record), [bytes.fromhex(node[2:]) for node in record["path"]]
            (batch,) = [
                one for one in batches_by_number.values() if one[2] <= record["index"] < one[2] + one[3]
            ]
            found = {
                index
                for index in range(batch[2], batch[2] + batch[3] + 1)
                if work.place.streams.call("isIncluded", batch, root, index, path)
            }
            assert found == {record["index"]}


def struct(document: Any, batch: Any) -> tuple[Any, ...]:
    """A batch as the contract takes it."""
    numbers = [batch[name] for name in ("number", "first", "count", "time")]
    hashes = [bytes.fromhex(batch[name][2:]) for name in ("root", "subjects", "previous")]
    return (document["stream"], *numbers, *hashes)


def root_of(record: Any) -> bytes:
    """A record's root, from what a receipt shows of it."""
    digests = [
        sha256(bytes.fromhex(one["salt"][2:]) + one["text"].encode()).digest()
        if "text" in one
        else bytes.fromhex(one["digest"][2:])
        for one in record["fields"]
    ]
    return sha256(b"".join(digests)).digest()


def test_receipts_say_what_happened(work: Work) -> None:
    """All records of a subject, with what amends what; the erased one is refused, its erasure shown."""
    office = work.office
    whole = surveys.completeness(office, NAME, work.subject("C-1")).document
    links = [json.loads(record["fields"][1]["text"]) for record in whole["records"]]
    assert [link["number"] for link in links] == [1, 2, 3]
    assert links[2]["amends"]["index"] == whole["records"][0]["index"]
    with pytest.raises(BadInput, match="an inclusion receipt can be made of that") as refused:
        receipts.inclusion(office, NAME, f"#{_index_by_name(work, 'C-2')}")
    proof = str(refused.value).partition("recorded as ")[2].partition(":")[0]
    shown = receipts.inclusion(office, NAME, proof).document["records"][0]["fields"]
    link = json.loads(shown[1]["text"])
    assert (link["kind"], link["subject"]) == ("erasure", hexed(work.subject("C-2")))
    with pytest.raises(BadInput, match="was erased"):
        surveys.completeness(office, NAME, work.subject("C-2"))


def test_receipts_made_before_an_erasure_stay_proved(place: Place, work: Work, tmp_path: Path) -> None:
    """Whoever was given one can still show it: what was destroyed is the insurer's."""
    made = surveys.completeness(work.office, NAME, work.subject("C-3"))
    whole = receipts.inclusion(work.office, NAME, "b-1")
    erasure.erase(work.office, work.subject("C-3"))
    work.anchor()
    for number, one in enumerate((made, whole)):
        path = tmp_path / f"{number}.json"
        path.write_text(one.text, encoding="utf-8")
        done = program(path, "--rpc", place.node.url)
        assert done.returncode == 0, done.stderr


# --- what is changed is refused


def changed(document: Any, dice: random.Random) -> Any:
    """A copy with one value somewhere replaced by another of its kind, the checksum made right again."""
    made = copy.deepcopy(document)
    places = list(_values(made))
    parent, key = dice.choice(places)
    parent[key] = _other(parent[key], dice)
    return sealed(made)


def _values(value: Any) -> Iterator[tuple[Any, Any]]:
    """Where every single value stands, but for what is part of no hash."""
    for key, one in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(one, (dict, list)):
            yield from _values(one)
        elif key not in {"transaction", "checksum"} and one is not None:
            yield value, key


def _other(value: Any, dice: random.Random) -> Any:
    """Another value of that kind."""
    if isinstance(value, int):
        return value + dice.choice([-1, 1, 2])
    if value.startswith("0x"):
        at = dice.randrange(2, len(value))
        return (
            value[:at]
            + dice.choice([one for one in "0123456789abcdef" if one != value[at]])
            + value[at + 1 :]
        )
    at = dice.randrange(len(value)) if value else 0
    return value[:at] + dice.choice("xyz") + value[at:]


def test_no_changed_receipt_is_proved(work: Work) -> None:
    """N2: one value anywhere is enough; but for the name of a stream, where only its number is proved. Where
    it is the contract's address or the chain that was changed, the node knows of none there or is not of that
    chain, and nothing is checked.
    """
    dice = random.Random(4)
    node = work.place.node.url
    for made in every_receipt(work):
        for _ in range(6):
            wrong = changed(made.document, dice)
            if _is_renamed(made.document, wrong) or _is_of_another(made.document, wrong):
                continue
            elsewhere = any(wrong[name] != made.document[name] for name in ("chain", "contract"))
            either = (verify_receipt.Refused, verify_receipt.NotChecked)
            with pytest.raises(either if elsewhere else verify_receipt.Refused):
                verify_receipt.verify(written(wrong), rpc=node)


def _is_renamed(right: Any, wrong: Any) -> bool:
    """Whether nothing differs but a stream's name, in a receipt that does not reach back to where it is."""
    differing = [name for name in right if name != "checksum" and right[name] != wrong[name]]
    is_survey = right["kind"] in {"absence", "completeness"}
    return differing == ["name"] and not (is_survey and right["batches"][0]["number"] == 1)


def _is_of_another(right: Any, wrong: Any) -> bool:
    """Whether it is an absence now of another subject, who may well stand in the same gaps: that is true."""
    return right["kind"] == "absence" and right["subject"] != wrong["subject"]


@pytest.mark.parametrize("place", [ANVIL], indirect=True)
def test_changed_receipts_are_refused_by_the_program(work: Work, tmp_path: Path) -> None:
    """With exit code 1, one line, and nothing on standard output."""
    dice = random.Random(5)
    made = receipts.disclosure(work.office, NAME, "b-3", ["link", "/outcome"])
    for text in (
        made.text.replace("reopened", "resolved"),
        made.text.replace('"index": ', '"index":  '),
        made.text + "\n",
        written(changed(made.document, dice)).decode(),
    ):
        path = tmp_path / "wrong.json"
        path.write_text(text, encoding="utf-8")
        done = program(path, "--rpc", work.place.node.url)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("REFUSED: ")
        assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("place", [ANVIL], indirect=True)
def test_receipt_of_another_chain_is_refused(work: Work) -> None:
    """Contract, stream and chain are part of every commitment."""
    made = receipts.inclusion(work.office, NAME, "a-1").document
    (batch,) = made["batches"]
    word = work.place.streams.call("commitments", made["stream"], batch["number"], batch["number"])[0]
    verify_receipt.verify(written(made), commitment=hexed(word))
    for name, value in (("chain", made["chain"] + 1), ("contract", "0x" + "11" * 20), ("stream", 2)):
        with pytest.raises(verify_receipt.Refused):
            verify_receipt.verify(written({**made, name: value}), commitment=hexed(word))
