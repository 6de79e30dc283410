"""docs/receipts.md: its worked example is right to the last digit, and the receipt in it is one.

├── every value of the example, by hashlib alone from the inputs beside it; nothing is left out
├── the package makes the same values
├── the selector of the question to a node is that of the contract's ABI
└── the receipt in the document is what those values make, follows the schema, and is proved
"""

from __future__ import annotations

import hmac
import json
import re
from hashlib import sha256, shake_256
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from troth import verify_receipt
from troth.intake import iso_second
from troth.interactions import commitments, records
from troth.interactions.commitments import Batch
from troth.interactions.formats import reread
from troth.interactions.receipts import hexed, written
from troth.interactions.roster import Roster
from troth.trees.keccak import keccak
from troth.trees.rfc9162 import Tree, leaf_hash, parent

DOCUMENT = (Path(__file__).parents[3] / "docs" / "receipts.md").read_text(encoding="utf-8")

CHAIN, CONTRACT, STREAM, NAME = 31337, "0x5fbdb2315678afecb367f032d93f642f64180aa3", 1, "calls"
TIME, TRANSACTION = 1_772_370_000, b"\x77" * 32
ANNA, BERT = b"\xaa" * 32, b"\xbb" * 32
BATCH_SECRET = b"\x20" * 32
NUMBERS = {"A": (ANNA, 1), "B": (BERT, 1), "C": (ANNA, 2)}
SECRETS = {"A": b"\x10" * 32, "B": b"\x11" * 32, "C": b"\x12" * 32}
STARTS = {"A": "2026-03-01T10:00:00Z", "B": "2026-03-01T10:05:00Z", "C": "2026-03-01T11:00:00Z"}
RAW = {
    name: f'{{"id":"{name}","subject":"{hexed(NUMBERS[name][0])}","start":"{start}","outcome":"resolved"}}'
    for name, start in STARTS.items()
}


def digest(*parts: bytes) -> bytes:
    """H of the document."""
    return sha256(b"".join(parts)).digest()


def word(value: int) -> bytes:
    """W of the document."""
    return value.to_bytes(32, "big")


def compact(value: Any) -> str:
    """JSON without spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def texts_of(name: str, previous: bytes | None) -> list[str]:
    """The texts of a record's fields, in order."""
    subject, number = NUMBERS[name]
    document = json.loads(RAW[name])
    link = {
        "subject": hexed(subject),
        "number": number,
        "previous": previous and hexed(previous),
        "start": STARTS[name],
        "kind": "json",
    }
    names = ["fields", "link", "raw", *(f"/{member}" for member in document)]
    return [compact(names), compact(link), RAW[name], *map(compact, document.values())]


def salts_of(name: str) -> list[bytes]:
    """Of its seven fields."""
    stream = shake_256(SECRETS[name]).digest(16 * 7)
    return [stream[at : at + 16] for at in range(0, len(stream), 16)]


def worked() -> dict[str, bytes]:
    """Every value of the example under its name in the document."""
    found: dict[str, bytes] = {}
    roots: dict[str, bytes] = {}
    for name in NUMBERS:
        texts = texts_of(name, roots["A"] if name == "C" else None)
        digests = [digest(salt, text.encode()) for salt, text in zip(salts_of(name), texts, strict=True)]
        if name == "A":
            found |= {f"salt {at}": salt for at, salt in enumerate(salts_of(name))}
            found |= {f"digest {at}": one for at, one in enumerate(digests)}
        roots[name] = found[f"record {name}"] = digest(*digests)
    found |= {f"leaf {name}": digest(b"\0", root) for name, root in roots.items()}
    found["node AB"] = digest(b"\1", found["leaf A"], found["leaf B"])
    found["root"] = digest(b"\1", found["node AB"], found["leaf C"])
    found["salt of subjects"] = salt = hmac.digest(BATCH_SECRET, b"salt", "sha256")
    for who, subject, first, last in (("a", ANNA, 1, 2), ("b", BERT, 1, 1)):
        found[f"tag {who}"] = tag = digest(salt, subject)
        found[f"blind {who}"] = blind = hmac.digest(BATCH_SECRET, tag, "sha256")[:16]
        found[f"detail {who}"] = detail = digest(blind, first.to_bytes(8, "big"), last.to_bytes(8, "big"))
        found[f"leaf {who}"] = digest(b"\0", tag, detail)
    leaves = [found[f"leaf {who}"] for who in sorted("ab", key=lambda who: found[f"tag {who}"])]
    found["root of subjects"] = digest(b"\1", *leaves)
    found["subjects"] = digest(word(2), salt, found["root of subjects"])
    place = word(CHAIN), word(int(CONTRACT, 16)), word(STREAM)
    found["contents of the origin"] = digest(*place, digest(NAME.encode()))
    found["origin"] = digest(found["contents of the origin"], word(0))
    numbers = word(1), word(3), word(TIME)
    hashes = found["root"], found["subjects"], found["origin"]
    found["contents"] = digest(*place, *numbers, *hashes)
    found["commitment"] = digest(found["contents"], word(3))
    return found


def receipt() -> dict[str, Any]:
    """The disclosure of A's link and outcome, without its checksum."""
    values = worked()
    fields: list[dict[str, str]] = []
    for at, (salt, text) in enumerate(zip(salts_of("A"), texts_of("A", None), strict=True)):
        shown = at in {0, 1, 6}
        fields.append(
            {"salt": hexed(salt), "text": text} if shown else {"digest": hexed(values[f"digest {at}"])}
        )
    batch = {
        "number": 1,
        "first": 0,
        "count": 3,
        "time": TIME,
        "root": hexed(values["root"]),
        "subjects": hexed(values["subjects"]),
        "previous": hexed(values["origin"]),
        "transaction": hexed(TRANSACTION),
    }
    path = [hexed(values["leaf B"]), hexed(values["leaf C"])]
    return {
        "troth_receipt": 1,
        "kind": "disclosure",
        "chain": CHAIN,
        "contract": CONTRACT,
        "stream": STREAM,
        "name": NAME,
        "batches": [batch],
        "records": [{"index": 0, "path": path, "fields": fields}],
    }


def blocks(kind: str) -> list[str]:
    """The fenced blocks of a kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)


def test_example_has_every_value_and_each_is_right() -> None:
    """As hashlib has them, in the order of making."""
    lines = [
        line for block in blocks("text") for line in block.splitlines() if re.search(r" 0x[0-9a-f]+$", line)
    ]
    shown = {name.strip(): value for name, value in (line.rsplit(" ", 1) for line in lines)}
    assert shown == {name: hexed(value) for name, value in worked().items()}


def test_example_shows_what_goes_in() -> None:
    """Secrets, bytes as received, and where it is anchored."""
    for secret in (*SECRETS.values(), BATCH_SECRET):
        assert f"`{secret.hex()[:2]}`" in DOCUMENT
    assert RAW["A"] in DOCUMENT
    for text in texts_of("A", None)[:2]:
        assert text in DOCUMENT
    assert f"{TIME}, {iso_second(TIME)}" in DOCUMENT


def test_receipt_of_the_example_is_what_the_values_make() -> None:
    """To the byte; by the schema; and proved by the commitment beside it."""
    (shown,) = blocks("json")
    assert shown == written("disclosure", receipt(), 0).text
    schema = json.loads((files("troth.interactions") / "receipt.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(json.loads(shown))
    verdict = verify_receipt.verify(shown.encode(), commitment=hexed(worked()["commitment"]))
    assert verdict.compared
    with pytest.raises(verify_receipt.Refused):
        verify_receipt.verify(shown.replace("resolved", "rejected").encode())


def test_selector_of_the_question_is_the_contracts() -> None:
    """The first 4 bytes of Keccak-256 of a function that the interface has."""
    interface = Path(__file__).parents[3] / "contracts" / "interactions" / "IStreams.sol"
    assert "function commitments(uint256 stream, uint256 from, uint256 to)" in interface.read_text("utf-8")
    selector = keccak(b"commitments(uint256,uint256,uint256)")[:4].hex()
    assert re.findall(r"`eth_call` to `contract` with `([0-9a-f]+)`", DOCUMENT) == [selector]


def test_package_makes_the_values_of_the_example() -> None:
    """By its own modules, from the same bytes."""
    values = worked()
    roots = {}
    for name, (subject, number) in NUMBERS.items():
        received = reread("json", RAW[name].encode())
        link = records.Link(subject, number, roots["A"] if name == "C" else None, received.start, "json")
        arguments = SECRETS[name], link.text(), received.raw, received.fields
        roots[name] = records.root(*arguments)
        if name == "A":
            fields = records.opened(*arguments)
            assert [one.salt for one in fields] == [values[f"salt {at}"] for at in range(7)]
            assert [one.digest for one in fields] == [values[f"digest {at}"] for at in range(7)]
        assert (roots[name], leaf_hash(roots[name])) == (values[f"record {name}"], values[f"leaf {name}"])
    assert parent(values["leaf A"], values["leaf B"]) == values["node AB"]
    assert Tree.build(roots.values()).root == values["root"]
    roster = Roster.build(BATCH_SECRET, [(ANNA, 1, 2), (BERT, 1, 1)])
    assert (roster.salt, roster.root, roster.word) == (
        values["salt of subjects"],
        values["root of subjects"],
        values["subjects"],
    )
    origin = commitments.origin(CHAIN, CONTRACT, STREAM, NAME)
    assert origin == (values["contents of the origin"], values["origin"])
    batch = Batch(STREAM, 1, 0, 3, TIME, values["root"], values["subjects"], values["origin"])
    assert commitments.contents(CHAIN, CONTRACT, batch) == values["contents"]
    assert commitments.commitment(CHAIN, CONTRACT, batch) == values["commitment"]
