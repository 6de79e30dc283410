#!/usr/bin/env python3
"""Checks a Troth receipt without trusting whoever made it.

    python3 verify_receipt.py RECEIPT [--rpc URL | --commitment 0x...]

One file, Python's standard library (3.10 or later), no code of the receipt's maker. It goes in this order:

    1  form       the file is JSON, with just the members it should have, written in the one way it can be
    2  records    the texts shown, hashed with their salts and with the digests of what is withheld,
    3  trees      make a record that is at its index of the batch, by an inclusion path of RFC 9162
    4  batches    what a batch says hashes to its commitment, and names the commitment of the batch before
    5  surveys    each batch surveyed opens its list of subjects: ours has its place there, or would have it
    6  the chain  the last batch's commitment, which stands for all before it, is what the chain or you say
    7  words      what is proved by that, and what is not

Exit code 0: proved, as far as the words say; with neither --rpc nor --commitment sound in itself, and not
that it is on any chain. 1: refused; one line says what fails and where. 2: called wrongly, or the file cannot
be read, or the node not asked, or it is of another chain: then nothing is known, good or bad. Every check of
the receipt is a `require` or raises `Refused`, and what a node fails to say raises `NotChecked`.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import http.client
import json
import math
import re
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from concurrent import futures
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["NotChecked", "Refused", "Verdict", "main", "verify"]

LARGEST_FILE = 256 * 1024**2
LARGEST_REPLY = 64 * 1024
SECONDS_TO_REPLY = 30
MOST_FIELDS = 10_003  # 10,000 of the document, and a record's own three
MOST_LISTED = 100
SURVEYS = ("absence", "completeness")

Receipt = dict[str, Any]

NOT_PROVED_YET = "NOT PROVED YET: SOUND IN ITSELF, BUT COMPARED WITH NO CHAIN"

# keccak-256 of the text commitments(uint256,uint256,uint256) begins so. To compute it again: cast sig TEXT
COMMITMENTS = "bdf2cf9f"

ADDRESS = re.compile(
    r"(https?://)(?:([^/?#\s]*)@)?([^/?#@\[\]\s]+|\[[0-9A-Fa-f:.]+\](?::[0-9]*)?)([/?#]\S*)?"
)


class Refused(ValueError):  # noqa: N818
    """What fails, and where: a path into the receipt's JSON from its root `$`, or the node that differs."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}")
        self.where, self.why = where, why


class NotChecked(Exception):  # noqa: N818
    """The node that was asked gave no answer that can be compared: nothing is said against the receipt."""

    def __init__(self, host: str, why: str) -> None:
        super().__init__(f"{host}: {why}")
        self.host, self.why = host, why


class Unsaid(NotChecked):
    """The node answered, and did not say what it was asked."""


def require(holds: object, where: str, why: str, otherwise: type[Exception] = Refused) -> None:
    """A check."""
    if not holds:
        raise otherwise(where, why)


# --- 1. Form. A shape is a Rule, for a value; a list of one shape, for an array; a dict, for an object of
# just these members in this order; or a function that chooses a shape by looking at the value.


class Rule(NamedTuple):
    """What a value must be: a test, and words for it."""

    holds: Callable[[Any], object]
    words: str


def integer(least: int) -> Rule:
    """One that JavaScript holds exactly. `type(...) is int`, for in Python True is an int too."""
    words = f"an integer from {least} to 2^53 - 1"
    return Rule(lambda value: type(value) is int and least <= value < 2**53, words)


def text(pattern: str, words: str) -> Rule:
    """A string that matches a pattern from end to end."""
    whole = re.compile(pattern).fullmatch
    return Rule(lambda value: type(value) is str and whole(value), words)


def hexadecimal(size: int) -> Rule:
    """So many bytes."""
    return text(f"0x[0-9a-f]{{{2 * size}}}", f"0x and {2 * size} lower-case hexadecimal digits")


def is_moment(value: Any) -> bool:
    """Whether it is a time, and written as times are: to read and write it again makes the same text."""
    try:
        return type(value) is str and moment_of(seconds_of(value)) == value
    except ValueError:
        return False


HASH, SALT = hexadecimal(32), hexadecimal(16)
STRING = Rule(lambda value: type(value) is str, "a string")
NULL = Rule(lambda value: value is None, "null")
MOMENT = Rule(is_moment, "a time in UTC such as 2026-03-01T10:00:00Z")
BATCH_NUMBERS = {"number": integer(1), "first": integer(0), "count": integer(1), "time": integer(0)}
BATCH = {**BATCH_NUMBERS, "root": HASH, "subjects": HASH, "previous": HASH, "transaction": HASH}
OPENING = {"size": integer(1), "salt": HASH, "root": HASH}
ENTRY = {"index": integer(0), "first": integer(1), "last": integer(1), "blind": SALT, "path": [HASH]}
NEIGHBOUR = {"index": integer(0), "tag": HASH, "detail": HASH, "path": [HASH]}
# At either end of the list there is no neighbour.
GAP = dict.fromkeys(("below", "above"), lambda value: NULL if value is None else NEIGHBOUR)
LINK = {
    "subject": HASH,
    "number": integer(1),
    "previous": Rule(lambda value: value is None or HASH.holds(value), f"null or {HASH.words}"),
    "start": MOMENT,
    "kind": text("vcon|cdr|json|erasure", "vcon, cdr, json or erasure"),
}
AMENDMENT = {**LINK, "amends": {"index": integer(0), "record": HASH}}


def has(value: Any, member: str) -> bool:
    """Whether a value is an object with that member."""
    return type(value) is dict and member in value


def receipt_shape(value: Any) -> dict[str, Any]:
    """A receipt, by its kind."""
    kind = value["kind"] if has(value, "kind") else None
    return {
        "troth_receipt": Rule(lambda value: type(value) is int and value == 1, "1"),
        "kind": text("inclusion|disclosure|absence|completeness", "a kind of receipt"),
        "chain": integer(1),
        "contract": hexadecimal(20),
        "stream": integer(1),
        "name": text("[a-z0-9-]{1,64}", "1 to 64 of a to z, digits and hyphens"),
        **({"subject": HASH} if kind in SURVEYS else {}),
        **({"from": MOMENT, "until": MOMENT} if kind == "absence" else {}),
        "batches": [surveyed_shape if kind in SURVEYS else BATCH],
        "records": [{"index": integer(0), "path": [HASH], "fields": [field_shape]}],
        "checksum": HASH,
    }


def surveyed_shape(value: Any) -> dict[str, Any]:
    """A batch of a survey: opened to where the subject is, or would be; or not surveyed."""
    found = {"entry": ENTRY} if has(value, "entry") else {"gap": GAP}
    return {**BATCH, "opening": OPENING, **found} if has(value, "opening") else BATCH


def field_shape(value: Any) -> dict[str, Any]:
    """A field that is withheld, or shown."""
    return {"digest": HASH} if has(value, "digest") else {"salt": SALT, "text": STRING}


def link_shape(value: Any) -> dict[str, Any]:
    """The text of the field `link`."""
    return AMENDMENT if has(value, "amends") else LINK


def conform(value: Any, shape: Any, where: str) -> None:
    """Returns if a value has a shape."""
    if callable(shape):
        shape = shape(value)
    if isinstance(shape, Rule):
        if not shape.holds(value):
            raise Refused(where, f"must be {shape.words}, and is {safe(value)}")
    elif isinstance(shape, list):
        require(type(value) is list, where, "must be an array")
        for i, each in enumerate(value):
            conform(each, shape[0], f"{where}[{i}]")
    else:
        require(type(value) is dict, where, "must be an object")
        if list(value) != list(shape):
            found = ", ".join(map(safe, list(value)[:20])) or "none"
            raise Refused(where, f"must have the members {', '.join(shape)}, in this order, and has {found}")
        for name, each in shape.items():
            conform(value[name], each, f"{where}.{name}")


def read_json(given: str, shape: Any, where: str, **style: Any) -> Any:
    """The value of a JSON text, which must be exactly what `json.dumps` writes of it. That also refuses a
    member given twice, an escape that nobody needs, a space too many.
    """

    def number(digits: str) -> float:
        # Infinity has no shape, so is refused in its place; converting a million digits would take for ever.
        return int(digits) if len(digits) <= 17 else math.inf

    try:
        value = json.loads(given, parse_int=number, parse_float=lambda _: math.inf)
    except RecursionError:
        raise Refused(where, "is nested too deep") from None
    except json.JSONDecodeError as error:
        raise Refused(where, f"is not JSON: line {error.lineno}, column {error.colno}: {error.msg}") from None
    conform(value, shape, where)
    form = json.dumps(value, ensure_ascii=False, **style)
    if form != given:
        lines = enumerate(zip_longest(form.split("\n"), given.split("\n")), 1)
        line = next(i for i, (one, other) in lines if one != other)
        raise Refused(where, f"is not in the one form it can have: line {line} is written otherwise")
    return value


def read_receipt(file: bytes) -> dict[str, Any]:
    """The receipt in a file. The checksum, its last member, is SHA-256 of the file as it would be without."""
    try:
        given = file.decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError as error:
        raise Refused("$", f"is not UTF-8: byte {error.start}") from None
    receipt: Receipt = read_json(given, receipt_shape, "$", indent=1)
    without = given.removesuffix(f',\n "checksum": "{receipt["checksum"]}"\n}}') + "\n}\n"
    right = sha256(without.encode()) == unhex(receipt["checksum"])
    require(right, "$.checksum", "is not the file's: something in it was altered")
    return receipt


# --- 2. Records


def sha256(*parts: bytes) -> bytes:
    """SHA-256 of the parts, joined."""
    return hashlib.sha256(b"".join(parts)).digest()


def unhex(digits: str) -> bytes:
    """The bytes of 0x..."""
    return bytes.fromhex(digits[2:])


@dataclass(frozen=True)
class Record:
    """A record as far as it is shown."""

    where: str
    index: int
    path: list[str]
    root: bytes
    names: list[str]  # of all its fields
    shown: dict[str, str]  # names to texts
    link: dict[str, Any]  # empty if it is withheld


def open_record(record: dict[str, Any], where: str) -> Record:
    """A record's root is SHA-256 of its fields' digests, a digest SHA-256 of the field's salt and text. The
    first field names all: so it is known how many there are, which are withheld, and that none is doubled.
    """
    fields, first, link = record["fields"], f"{where}.fields[0]", {}
    require(len(fields) <= MOST_FIELDS, f"{where}.fields", f"are more than a record has: {MOST_FIELDS:,}")
    digests = [
        unhex(field["digest"]) if "digest" in field else sha256(unhex(field["salt"]), field["text"].encode())
        for field in fields
    ]
    require(fields and "text" in fields[0], first, "names the others and must be shown")
    names = read_json(fields[0]["text"], [STRING], f"{first}.text", separators=(",", ":"))
    require(len(names) == len(fields), first, f"names {len(names)} fields, and there are {len(fields)}")
    in_order = names[:3] == ["fields", "link", "raw"] and all(name.startswith("/") for name in names[3:])
    require(in_order, first, "must name `fields`, `link`, `raw`, and then members of the document")
    require(len(set(names)) == len(names), first, "names a field twice")
    shown = {name: field["text"] for name, field in zip(names, fields, strict=True) if "text" in field}
    if "link" in shown:
        at = f"{where}.fields[1].text"
        link = read_json(shown["link"], link_shape, at, separators=(",", ":"))
        alone = (link["number"] == 1) == (link["previous"] is None)
        require(alone, at, "must name a record before, unless its number is 1")
    return Record(where, record["index"], record["path"], sha256(*digests), names, shown, link)


# --- 3. Trees


def root_of(leaf: bytes, index: int, size: int, path: list[str], where: str) -> bytes:
    """The root that a path leads to from a leaf: RFC 9162, section 2.1.3.2, by its own names."""
    require(index < size, f"{where}.index", f"is outside of a tree of {size}")
    fn, sn, r = index, size - 1, sha256(b"\x00", leaf)
    for p in map(unhex, path):
        require(sn > 0, f"{where}.path", "is too long for its tree")
        if fn % 2 == 1 or fn == sn:
            r = sha256(b"\x01", p, r)
            while fn % 2 == 0 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = sha256(b"\x01", r, p)
        fn, sn = fn >> 1, sn >> 1
    require(sn == 0, f"{where}.path", "is too short for its tree")
    return r


def check_included(record: Record, batch: dict[str, Any]) -> None:
    """The record, as it is shown, is at its index of the batch."""
    first, count, number = batch["first"], batch["count"], batch["number"]
    outside = f"is outside of batch {number}, which holds {first} to {first + count - 1}"
    require(first <= record.index < first + count, f"{record.where}.index", outside)
    root = root_of(record.root, record.index - first, count, record.path, record.where)
    require(root == unhex(batch["root"]), record.where, f"does not lead to the root of batch {number}")


# --- 4. Batches


def word(number: int) -> bytes:
    """An integer as 32 bytes, big-endian."""
    return number.to_bytes(32, "big")


def place_of(receipt: Receipt) -> bytes:
    """Chain, contract and stream: a commitment is made for one place and holds in no other."""
    return word(receipt["chain"]) + word(int(receipt["contract"], 16)) + word(receipt["stream"])


def origin_of(receipt: Receipt) -> bytes:
    """The commitment before a stream's first batch."""
    return sha256(sha256(place_of(receipt), sha256(receipt["name"].encode())), word(0))


def commitment_of(receipt: Receipt, batch: dict[str, Any]) -> bytes:
    """The one word of a batch that is on the chain."""
    numbers = (word(batch[name]) for name in ("number", "count", "time"))
    hashes = (unhex(batch[name]) for name in ("root", "subjects", "previous"))
    return sha256(sha256(place_of(receipt), *numbers, *hashes), word(batch["first"] + batch["count"]))


def check_batches(receipt: Receipt) -> bytes:
    """The commitment of the last batch, if each follows on the one before."""
    before, commitment = None, b""
    for i, batch in enumerate(receipt["batches"]):
        where, first = f"$.batches[{i}]", batch["first"]
        require(first + batch["count"] < 2**53, f"{where}.count", "is too large")
        begins = (batch["number"] == 1) == (first == 0)
        require(begins, f"{where}.first", "must be 0 in batch 1, and in no other")
        if before:
            due = before["number"] + 1
            require(batch["number"] == due, f"{where}.number", f"must be {due}, after the batch before")
            due = before["first"] + before["count"]
            require(first == due, f"{where}.first", f"must be {due}, where the batch before ended")
            require(batch["time"] >= before["time"], f"{where}.time", "is earlier than the batch before")
            chained = unhex(batch["previous"]) == commitment
            require(chained, f"{where}.previous", "is not the commitment of the batch before")
        before, commitment = batch, commitment_of(receipt, batch)
    require(before, "$.batches", "must hold a batch")
    return commitment


# --- 5. Surveys: absence and completeness


def check_listed(batch: dict[str, Any], subject: bytes, where: str) -> None:
    """The batch's list of subjects has ours at `entry`, or has nothing at `gap`. The list is a tree; a leaf
    is tag and detail: SHA-256 of salt and subject, and of blind, first and last number. That it is sorted by
    tag, and has each once, is its maker's word: from one place in it nobody can see that.
    """
    opening, wrong = batch["opening"], "is not so in the batch's list of subjects"
    size, salt, root = opening["size"], unhex(opening["salt"]), unhex(opening["root"])
    opens = sha256(word(size), salt, root) == unhex(batch["subjects"])
    require(opens, f"{where}.opening", "is not what the batch's `subjects` opens to")
    require(size <= batch["count"], f"{where}.opening.size", "is more subjects than the batch has records")
    tag = sha256(salt, subject)
    if "entry" in batch:
        entry, at = batch["entry"], f"{where}.entry"
        require(entry["first"] <= entry["last"], at, "ends before it begins")
        numbers = entry["first"].to_bytes(8, "big") + entry["last"].to_bytes(8, "big")
        leaf = tag + sha256(unhex(entry["blind"]), numbers)
        require(root_of(leaf, entry["index"], size, entry["path"], at) == root, at, wrong)
        return
    below, above = batch["gap"]["below"], batch["gap"]["above"]
    for at, side in ((f"{where}.gap.below", below), (f"{where}.gap.above", above)):
        if side:
            leaf = unhex(side["tag"]) + unhex(side["detail"])
            require(root_of(leaf, side["index"], size, side["path"], at) == root, at, wrong)
    # Nothing lies between the two, nor beyond one that is missing; in order, ours would be there.
    adjacent = (below["index"] + 1 if below else 0) == (above["index"] if above else size)
    require(adjacent, f"{where}.gap", "leaves room: the two are not side by side")
    require(not below or unhex(below["tag"]) < tag, f"{where}.gap.below", "does not come before the subject")
    require(not above or unhex(above["tag"]) > tag, f"{where}.gap.above", "does not come after the subject")


def check_beginning(receipt: Receipt) -> None:
    """A survey begins with the stream; an absence may begin after a batch anchored before its period."""
    absence, batches = receipt["kind"] == "absence", receipt["batches"]
    require(not absence or receipt["from"] < receipt["until"], "$.until", "must be after `from`")
    if batches[0]["number"] == 1:
        right = unhex(batches[0]["previous"]) == origin_of(receipt)
        require(right, "$.batches[0].previous", "is not the origin of the stream of this name")
    if absence and "opening" not in batches[0]:
        early = batches[0]["time"] < seconds_of(receipt["from"])
        require(early, "$.batches[0].time", "is not before the period, and the batch is not surveyed")
    else:
        right = batches[0]["number"] == 1
        require(right, "$.batches[0].number", "must be 1: what came before is not surveyed")
    for i, batch in enumerate(batches):
        require("opening" in batch or (absence and i == 0), f"$.batches[{i}]", "is not surveyed")
    require("opening" in batches[-1], "$.batches", "must hold one that is surveyed")


def check_survey(receipt: Receipt, records: list[Record]) -> None:
    """Every batch surveyed says whether it lists the subject, and which of its numbers. They go on where they
    ended before, and of each there is a record.
    """
    check_beginning(receipt)
    due = 1 if "opening" in receipt["batches"][0] else None  # the number to come next, if that is known
    taken = 0
    for i, batch in enumerate(receipt["batches"]):
        if "opening" not in batch:
            continue
        check_listed(batch, unhex(receipt["subject"]), f"$.batches[{i}]")
        if "entry" in batch:
            at, first, last = f"$.batches[{i}].entry.first", batch["entry"]["first"], batch["entry"]["last"]
            require(due in (None, first), at, f"must be {due}, where the entry before ended")
            for number in range(first, last + 1):
                left_out = f"number {number} of the subject, in batch {batch['number']}, is left out"
                require(taken < len(records), "$.records", left_out)
                check_record(receipt, number, records[taken], records[taken - 1] if taken else None)
                check_included(records[taken], batch)
                taken += 1
            due = last + 1
    require(taken == len(records), f"$.records[{taken}]", "is in no batch's list of subjects")
    require(records or receipt["kind"] == "absence", "$.records", "must hold a record")


def check_record(receipt: Receipt, number: int, record: Record, before: Record | None) -> None:
    """The record is the subject's of that number, names the one before, and lies outside of an absence."""
    link, where = record.link, f"{record.where}.fields[1]"
    require(link, where, "must be shown: it is the link")
    require(link["subject"] == receipt["subject"], where, "is the link of another subject's record")
    require(link["number"] == number, where, f"is of the subject's number {link['number']}, not of {number}")
    require(not before or unhex(link["previous"]) == before.root, where, "does not name the record before")
    if receipt["kind"] == "absence":
        outside = not receipt["from"] <= link["start"] < receipt["until"]
        require(outside, where, f"is of a contact within the period, at {link['start']}")


def check_amendments(records: list[Record]) -> None:
    """An amendment names a record that came before it; and if that is shown too, names it as it is."""
    roots = {record.index: record.root for record in records}
    for record in records:
        if amended := record.link.get("amends"):
            where, root = f"{record.where}.fields[1]", unhex(amended["record"])
            require(amended["index"] < record.index, where, "amends a record that does not come before it")
            require(roots.get(amended["index"], root) == root, where, "amends a record that is another here")


# --- 6. The chain


def ask(url: str, receipt: Receipt, number: int) -> tuple[bytes, bytes, bool]:
    """What a node says are the commitments of a batch and the next, zero if there is none: one eth_call. And
    whether it says that it serves the receipt's chain. It may not name another: at the same address of that
    there may be anybody's contract.
    """
    chain, numbers, served = receipt["chain"], (receipt["stream"], number, number + 1), None
    with suppress(Unsaid):  # some answer eth_call only
        served = int(result_of(url, "eth_chainId", [], text("0x[0-9a-fA-F]{1,64}", "the id of a chain")), 16)
    other = f"the node serves chain {served}, and the receipt is of chain {chain}"
    require(served in {None, chain}, host_of(url), f"{other}: give --rpc a node of chain {chain}", NotChecked)
    call = {"to": receipt["contract"], "data": f"0x{COMMITMENTS}{b''.join(map(word, numbers)).hex()}"}
    # In the ABI an array is where it begins, how many it holds, and these.
    two_words = f"0x{word(32).hex()}{word(2).hex()}[0-9a-f]{{128}}"
    due = text(two_words, "two commitments: is the contract on the chain it serves?")
    words = unhex(result_of(url, "eth_call", [call, "latest"], due))[64:]
    return words[:32], words[32:], served is not None


def result_of(url: str, method: str, params: list[Any], due: Rule) -> Any:
    """What a node answers, if it is what is due. A socket's limit is one of each read alone, and a reply can
    drip: so another thread reads, and is left when the time is up.
    """
    host, reply = host_of(url), futures.Future[tuple[int, bytes]]()
    question = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    threading.Thread(target=post, args=(url, question, reply), daemon=True).start()
    try:
        status, body = reply.result(SECONDS_TO_REPLY)
    except (OSError, ValueError, futures.TimeoutError, http.client.HTTPException) as error:
        reason = type(getattr(error, "reason", error)).__name__
        raise NotChecked(host, f"the node does not answer: {reason}") from None
    require(status == 200, host, f"the node answers with HTTP status {status}", NotChecked)
    require(len(body) <= LARGEST_REPLY, host, "the node's reply is too long", NotChecked)
    try:
        value = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise NotChecked(host, "the node's reply is not JSON") from None
    ours = has(value, "id") and type(value["id"]) is int and value["id"] == 1
    require(ours, host, "the node's reply is to another question", NotChecked)
    said, result = value.get("error"), value.get("result")
    message = said["message"] if has(said, "message") else said
    require(said is None, host, f"the node refuses: {safe(message)}", Unsaid)
    require(due.holds(result), host, f"the node's reply is not {due.words}", Unsaid)
    return result


def post(url: str, body: bytes, reply: futures.Future[tuple[int, bytes]]) -> None:
    """Puts a node's HTTP status and answer, or what went wrong, into `reply`. It is sent its password."""
    headers = {"Content-Type": "application/json"}
    if user := ADDRESS.sub(r"\2", url):
        headers["Authorization"] = f"Basic {base64.b64encode(urllib.parse.unquote_to_bytes(user)).decode()}"
    opener = urllib.request.OpenerDirector()  # of these two: no proxies, no redirects, no files
    opener.add_handler(urllib.request.HTTPHandler())
    opener.add_handler(urllib.request.HTTPSHandler())
    try:
        request = urllib.request.Request(ADDRESS.sub(r"\1\3\4", url), body, headers)  # noqa: S310
        with opener.open(request, timeout=SECONDS_TO_REPLY) as response:
            reply.set_result((response.status, response.read(LARGEST_REPLY + 1)))
    except Exception as error:
        reply.set_exception(error)


def compare(receipt: Receipt, computed: bytes, rpc: str | None, known: str | None) -> tuple[str, list[str]]:
    """With what the last batch's commitment was compared, and what that leaves open."""
    number, contract, chain = receipt["batches"][-1]["number"], receipt["contract"], receipt["chain"]
    later = "What other records and later batches hold, amendments of the above among it."
    if rpc:
        host, (found, after, said) = host_of(rpc), ask(rpc, receipt, number)
        require(any(found), host, f"the contract has no batch {number} of stream {receipt['stream']}")
        require(found == computed, host, f"the contract has another batch {number}: 0x{found.hex()}")
        honest = f"That {host} tells the truth and serves chain {chain}, "
        honest += "as it says" if said else "which it does not say"
        honest += ", and the chain keeps its newest blocks. Ask a node of your own."
        later += " There are some." if any(after) else " There was none when the node was asked."
        return f"It is what contract {contract} has for batch {number}, says {host}.", [honest, later]
    if known:
        other = f"is not of batch {number}, which has 0x{computed.hex()}"
        require(unhex(known) == computed, "--commitment", other)
        return f"It is what you gave for batch {number}.", ["That what you gave is on the chain.", later]
    return "", ["That any of this was ever anchored: without the chain, anybody can make it all up.", later]


# --- 7. Words


def safe(value: Any) -> str:
    """Somebody else's value on one line, shortened, with nothing in it that moves a terminal's cursor."""
    if type(value) is str:
        return repr(value[:200]) + (f"... ({len(value)} characters)" if len(value) > 200 else "")
    words = {dict: "an object", list: "an array", float: "a number that is too large or has a fraction"}
    return words.get(type(value)) or json.dumps(value)[:200]


def seconds_of(moment: str) -> int:
    """UTC seconds of 2026-03-01T10:00:00Z."""
    return int((datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ") - datetime(1970, 1, 1)).total_seconds())


def moment_of(seconds: int) -> str:
    """The reverse, as far as calendars go."""
    try:
        return f"{(datetime(1970, 1, 1) + timedelta(seconds=seconds)).isoformat()}Z"
    except OverflowError:
        return f"second {seconds} after 1970"


def host_of(url: str) -> str:
    """What may be said of a node's address: the rest of it may be a password."""
    return ADDRESS.sub(r"\1\3", url)


class Verdict(NamedTuple):
    """What a receipt proves, in sentences."""

    commitment: str
    compared: str  # with what the commitment was compared; empty if with nothing
    proved: list[str]
    not_proved: list[str]

    def __str__(self) -> str:
        """What is printed."""
        compared = self.compared or "Not compared with anything: give --rpc URL or --commitment 0x..."
        proved, not_proved = ([f"  * {line}" for line in lines] for lines in (self.proved, self.not_proved))
        lines = ["PROVED" if self.compared else NOT_PROVED_YET, *proved, "COMMITMENT", f"  {self.commitment}"]
        return "\n".join([*lines, f"  {compared}", "NOT PROVED", *not_proved])


def words_of(receipt: Receipt, records: list[Record]) -> list[str]:
    """What is proved."""
    first, last = receipt["batches"][0], receipt["batches"][-1]
    if receipt["kind"] not in SURVEYS:
        record = records[0]
        place = f"Record {record.index} is in {in_words(receipt, last)}, and is shown as it was then"
        return shortened([f"{place}: {parts(record)}.", *texts_of(record, "fields")])
    subject, lines = f"subject {receipt['subject']}", []
    if "opening" not in first:
        lines.append(f"The period begins after {in_words(receipt, first)}.")
        first = receipt["batches"][1]
    many, begin, end = first is not last, in_words(receipt, first), in_words(receipt, last)
    lists = f"the lists of subjects from {begin}, to" if many else "the list of subjects in"
    these = f"At the place of {subject}, {lists} {end}, {'show' if many else 'shows'}"
    if receipt["kind"] == "completeness":
        which = "this one" if len(records) == 1 else "these, each naming the one before"
        lines.append(f"{these} {counted(len(records), 'contact')}: {which}.")
    else:
        period = f"from {receipt['from']} until before {receipt['until']}"
        lines.append(f"{these} no contact that started {period}.")
        they = "They show" if many else "It shows"
        lines += [f"{they} {counted(len(records), 'other')} of this subject:"] if records else []
    indexes = {record.index for record in records}
    for record in records:
        link = record.link
        amends = amending(link["amends"]["index"], indexes) if "amends" in link else ""
        known = f"Contact {link['number']} is record {record.index}, {link['kind']}, started {link['start']}"
        lines += [f"{known}{amends}: {parts(record)}.", *texts_of(record, "fields", "link")]
    return shortened(lines)


def texts_of(record: Record, *left_out: str) -> list[str]:
    """What is shown of a record."""
    shown = (item for item in record.shown.items() if item[0] not in left_out)
    return [f"{safe(name)} is {safe(text)}" for name, text in shown]


def amending(index: int, shown: set[int]) -> str:
    """That a link names a record as amended: it was compared with that only if both are shown."""
    return f", amending record {index}" if index in shown else f", amending, it says, record {index}"


def counted(number: int, what: str) -> str:
    """1 contact, 2 contacts."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def in_words(receipt: Receipt, batch: dict[str, Any]) -> str:
    """Which batch, of which stream, and when."""
    return f"batch {batch['number']} of stream {receipt['stream']}, anchored at {moment_of(batch['time'])}"


def parts(record: Record) -> str:
    """How much of a record is shown."""
    every, withheld = len(record.names), len(record.names) - len(record.shown)
    some = f"{every - withheld} of {every} fields, {withheld} withheld"
    return some if withheld else f"whole, all {every} fields"


def shortened(lines: list[str]) -> list[str]:
    """As many lines as somebody reads."""
    more = len(lines) - MOST_LISTED
    return [*lines[:MOST_LISTED], f"... and {more} more."] if more > 0 else lines


def caveats_of(receipt: Receipt, records: list[Record]) -> list[str]:
    """What no receipt of this kind proves."""
    first, last, survey = receipt["batches"][0], receipt["batches"][-1], receipt["kind"] in SURVEYS
    place = f"{receipt['contract']} of chain {receipt['chain']}"
    lines = [
        "That what a record says is true, its start included, or that its fields repeat `raw` rightly.",
        f"That contract {place} is the right one: compare it yourself.",
        "Who the subject is: its id is a random number.",
        "The transactions named: they are pointers, and were not looked at.",
    ]
    if not survey or first["number"] != 1:
        lines.append(f"That the stream is called {safe(receipt['name'])}: only its number is proved.")
    if any(len(record.shown) < len(record.names) for record in records):
        lines.append("What the withheld fields hold, or that anybody can still show them.")
    if survey:
        others = f"anchored after batch {last['number']}, in another stream, or of another subject id"
        lines.append(f"That there are no other contacts: {others}, or never recorded.")
        lists = "That the lists of subjects are complete, in order, and name each subject once"
        broken = "A receipt from the same batches that shows otherwise proves it broken."
        lines.append(f"{lists}: that is the word of whoever anchored them. {broken}")
    if receipt["kind"] == "absence":
        lines.append("That no contact was anchored before it started, by the clock of the chain.")
        if last["time"] < seconds_of(receipt["until"]):
            lines.append("The rest of the period: the last batch was anchored before its end.")
    return lines


# --- All of it


def verify(file: bytes, *, rpc: str | None = None, commitment: str | None = None) -> Verdict:
    """What the bytes of a receipt prove. `rpc` is the URL of a node to ask, or `commitment` is that of the
    last batch, as known from elsewhere. Raises Refused; NotChecked if that node does not say.
    """
    receipt = read_receipt(file)
    batches, computed = receipt["batches"], check_batches(receipt)
    records = [open_record(record, f"$.records[{i}]") for i, record in enumerate(receipt["records"])]
    if receipt["kind"] in SURVEYS:
        check_survey(receipt, records)
    else:
        require(len(batches) == 1, "$.batches", "must hold one batch")
        require(len(records) == 1, "$.records", "must hold one record")
        check_included(records[0], batches[0])
        enough = receipt["kind"] == "disclosure" or len(records[0].shown) == len(records[0].names)
        require(enough, "$.records[0].fields", "must all be shown, in an inclusion")
    check_amendments(records)
    compared, doubts = compare(receipt, computed, rpc, commitment)
    caveats = [*doubts, *caveats_of(receipt, records)]
    return Verdict(f"0x{computed.hex()}", compared, words_of(receipt, records), caveats)


def main(arguments: Sequence[str], prog: str | None = None) -> int:
    """The command: prints the verdict and returns the exit code. `prog` is what it is called by."""
    meaning = "Checks a receipt. Exit code 0 without --rpc and --commitment: it is sound in itself, and not"
    meaning += " that it is on any chain."
    parser = argparse.ArgumentParser(prog=prog, description=meaning, allow_abbrev=False)
    parser.add_argument("receipt", metavar="RECEIPT", help="the file")
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--rpc", metavar="URL", help="a node of the chain, to ask for the commitment")
    either.add_argument("--commitment", metavar="0x...", help="the last batch's commitment, if you know it")
    options = parser.parse_args(arguments)
    if options.rpc is not None and not ADDRESS.fullmatch(options.rpc):
        parser.error("--rpc must be an address that begins with http:// or https://")
    if options.commitment is not None and not HASH.holds(options.commitment):
        parser.error(f"--commitment must be {HASH.words}")
    name = safe(options.receipt)
    try:
        with Path(options.receipt).open("rb") as opened:
            file = opened.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        return say(2, f"{name} cannot be read: {getattr(error, 'strerror', error)}")
    if len(file) > LARGEST_FILE:
        return say(2, f"{name} is larger than a receipt can be: {LARGEST_FILE} bytes")
    try:
        return say(0, str(verify(file, rpc=options.rpc, commitment=options.commitment)))
    except Refused as refused:
        return say(1, f"REFUSED: {refused}")
    except NotChecked as unchecked:
        return say(2, f"NOT CHECKED: {unchecked}")
    except MemoryError:
        return say(2, f"{name} cannot be read: too little memory")


def say(code: int, words: str) -> int:
    """Prints in whatever encoding: a verdict to standard output, all else to standard error."""
    stream = sys.stderr if code else sys.stdout
    encoding = stream.encoding or "utf-8"
    print(words.encode(encoding, "backslashreplace").decode(encoding), file=stream)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
