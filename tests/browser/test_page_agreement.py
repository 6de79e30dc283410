"""The page and verify_receipt.py share no code, and agree on every receipt: right, altered or forged."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest
from forgeries import alterations, crossed, dishonest, flipped, honest, scrambled, swaps, wide
from reader import Reader
from support.handmade_receipts import Contact, Stream, four_kinds, written

from troth import verify_receipt

KINDS = ["inclusion", "disclosure", "absence", "completeness"]
FREE: dict[str, set[str]] = {"inclusion": {"name", "kind"}, "disclosure": {"name"}}
FREE |= {"absence": {"from", "until"}, "completeness": set()}
"""What may differ under the same commitment, besides the pointer to a transaction: a name that is not hashed;
a disclosure of all fields in place of an inclusion; another period without contacts.
"""

Files = dict[str, bytes]


def judged(file: bytes) -> str | None:
    """The commitment that verify_receipt.py finds; None where it refuses."""
    try:
        commitment: str = verify_receipt.verify(file).commitment
    except verify_receipt.Refused:
        return None
    return commitment


def agreed(reader: Reader, files: Files) -> dict[str, str | None]:
    """What both say of the files: for each a commitment, or None for a refusal."""
    names = list(files)
    said: dict[str, str | None] = {}
    for start in range(0, len(names), 250):
        part = names[start : start + 250]
        for name, verdict in zip(part, reader.judge([files[each] for each in part]), strict=True):
            assert verdict.get("refused", "") is not None, (name, verdict)
            said[name] = verdict.get("commitment")
    ours = {name: judged(file) for name, file in files.items()}
    assert {name: said[name] for name in names if said[name] != ours[name]} == {}
    return said


def test_honest_receipts_are_accepted_by_both(reader: Reader) -> None:
    """Of all kinds, and at the edges of what is allowed, with the same commitment."""
    files = honest() | {kind: written(receipt) for kind, (_, receipt) in four_kinds().items()}
    found = agreed(reader, files)
    assert [name for name, commitment in found.items() if commitment is None] == []
    for kind, (stream, receipt) in four_kinds().items():
        assert found[kind] == stream.commitment(receipt["batches"][-1]["number"])


def test_dishonest_receipts_are_refused_by_both(reader: Reader) -> None:
    """Whose hashes all fit, made by a company that does not keep to the format."""
    found = agreed(reader, dishonest())
    assert len(found) > 70
    assert {name: commitment for name, commitment in found.items() if commitment is not None} == {}


def test_record_of_too_many_fields_is_refused_in_the_same_words(reader: Reader) -> None:
    """By both, before anything of it is hashed: a record has its own three, and 10,000 of the document."""
    file = written(wide(10_001))
    with pytest.raises(verify_receipt.Refused) as caught:
        verify_receipt.verify(file)
    assert str(caught.value) == "$.records[0].fields: are more than a record has: 10,003"
    assert reader.judge([file])[0]["refused"] == str(caught.value)
    crowd = f"Array(200_000).fill({{ digest: '0x{'00' * 32}' }})"
    record = f"{{ index: 0, path: [], fields: {crowd} }}"
    asked = f"checkRecord({record}, '$.records[0]', [{{ first: 0, count: 1 }}])"
    assert reader.page.evaluate(f"{asked}.catch((error) => error.message)") == str(caught.value)


def test_text_too_deep_for_a_browser_is_refused_and_no_failure_of_the_page(reader: Reader) -> None:
    """As verify_receipt.py refuses it. Some read deeper values than they can write; this one is made to."""
    deep = """() => {
      const own = JSON.stringify;
      JSON.stringify = () => { throw new RangeError("Maximum call stack size exceeded"); };
      try {
        return readCompact("[[]]", "$.x");
      } catch (error) {
        return [error instanceof Refused, error.message];
      } finally {
        JSON.stringify = own;
      }
    }"""
    assert reader.page.evaluate(deep) == [True, "$.x: is not JSON, or nested too deep"]


def test_looking_for_a_records_batch_does_not_grow_with_the_batches(reader: Reader) -> None:
    """A survey may have very many of both; the page looks at a few, and finds the right one."""
    look = """async () => {
      const batches = Array.from({ length: 100_000 }, (_, i) => ({ first: 3 * i, count: 3 }));
      let seen = 0;
      const watched = new Proxy(batches, { get(all, name) { seen += 1; return all[name]; } });
      const check = (index) => checkRecord({ index, path: [], fields: [] }, "$", watched);
      const where = (index) => check(index).catch((error) => error.where);
      const said = [0, 2, 3, 299_996, 299_999, 300_000].map(where);
      return [await Promise.all(said), seen / said.length < 50];
    }"""
    assert reader.page.evaluate(look) == [[*["$.fields"] * 5, "$.index"], True]


@pytest.mark.parametrize("kind", KINDS)
def test_every_value_altered_is_refused_or_another_commitment(reader: Reader, kind: str) -> None:
    """With a checksum that fits. What is accepted under the same commitment says the same but for what is not
    hashed: the transaction, and in a receipt of one batch the stream's name; or claims less.
    """
    stream, receipt = four_kinds()[kind]
    files = dict(alterations(receipt)) | dict(swaps(receipt))
    found = agreed(reader, files)
    assert len(files) > 400
    commitment = stream.commitment(receipt["batches"][-1]["number"])
    for name in (name for name in files if found[name] == commitment):
        altered = json.loads(files[name])
        changed = {key for key in receipt if altered[key] != receipt[key]} - {"batches", "checksum"}
        for batch, other in zip(receipt["batches"], altered["batches"], strict=True):
            changed |= {key for key in batch if batch[key] != other[key]}
        assert changed <= {"transaction", *FREE[kind]}, name


@pytest.mark.parametrize("kind", KINDS)
def test_any_bit_flipped_is_refused_n2(reader: Reader, kind: str) -> None:
    """Each bit of a short stretch, and 400 anywhere; nothing made to fit."""
    file = written(four_kinds()[kind][1])
    chance = random.Random(kind)
    bits = [*range(8 * 40, 8 * 60), *(chance.randrange(8 * len(file)) for _ in range(400))]
    found = agreed(reader, {f"bit {bit}": flipped(file, bit) for bit in bits})
    assert set(found.values()) == {None}


def test_random_mutations_are_judged_alike(reader: Reader) -> None:
    """Bytes put in, taken out, doubled and moved; values of one receipt in another."""
    receipts = [receipt for _, receipt in four_kinds().values()]
    whole = [written(receipt) for receipt in receipts]
    chance = random.Random(9162)
    files = {f"scrambled {i}": scrambled(whole, chance) for i in range(600)}
    files |= {f"crossed {i}": crossed(receipts, chance) for i in range(600)}
    found = agreed(reader, files)
    assert 0 < sum(commitment is None for commitment in found.values()) < len(files)


UNKNOWN_LETTER = Stream([[Contact(1, raw="\ufffd")]]).inclusion(0)
"""With the letter by which lenient readers replace bytes that are not UTF-8."""
FORMS: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _: b"",
    "not UTF-8": lambda file: file.replace(b"calls", b"call\xff"),
    "not UTF-8, and not seen": lambda _: written(UNKNOWN_LETTER).replace(b"\xef\xbf\xbd", b"\xff"),
    "a byte order mark": lambda file: b"\xef\xbb\xbf" + file,
    "UTF-16": lambda file: file.decode().encode("utf-16"),
    "not JSON": lambda file: file[:-3],
    "a list": lambda _: b"[]\n",
    "a number": lambda _: b"1\n",
    "null": lambda _: b"null\n",
    "no number": lambda file: file.replace(b": 31337", b": NaN"),
    "two final line ends": lambda file: file + b"\n",
    "a final space": lambda file: file + b" ",
    "line ends of Windows": lambda file: file.replace(b"\n", b"\r\n"),
    "one line": lambda file: json.dumps(json.loads(file)).encode(),
    "two spaces": lambda file: json.dumps(json.loads(file), indent=2, ensure_ascii=False).encode(),
    "a member twice": lambda file: file.replace(b' "chain"', b' "chain": 1,\n "chain"'),
    "a needless escape": lambda file: file.replace(b'"calls"', b'"c\\u0061lls"'),
    "a needless fraction": lambda file: file.replace(b": 31337", b": 31337.0"),
    "a needless exponent": lambda file: file.replace(b": 31337", b": 31337e0"),
    "minus nothing": lambda file: file.replace(b'"index": 0', b'"index": -0'),
    "a number of a million digits": lambda file: file.replace(b": 31337", b": " + b"3" * 1_000_000),
    "nested too deep": lambda _: b"[" * 200_000 + b"]" * 200_000,
    "a prototype": lambda file: file.replace(b'"name"', b'"__proto__"'),
}


def test_other_forms_of_the_same_receipt_are_refused(reader: Reader) -> None:
    """A receipt has one form, byte for byte."""
    file = written(four_kinds()["completeness"][1])
    found = agreed(reader, {name: alter(file) for name, alter in FORMS.items()})
    assert set(found.values()) == {None}


def test_last_line_end_may_be_missing(reader: Reader) -> None:
    """As after pasting it from a message."""
    file = written(four_kinds()["completeness"][1])
    found = agreed(reader, {"with": file, "without": file[:-1]})
    assert found["with"] == found["without"] is not None
