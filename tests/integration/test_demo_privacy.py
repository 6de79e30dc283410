"""N4: nothing of the demo's customers is on its chain, in its logs or in its database, in clear or hashed.

What is looked for: names, telephone numbers, e-mail and postal addresses and customer references, in usual
spellings, as text, as hex, as base64, numbers as digits packed two a byte and as integers; and the digests of
all of that by seven hashes, whole or cut to 16 bytes at either end. What is looked through: the calldata of
all transactions, the topics and data of all logs, all the command says at its most talkative, and every file
it leaves but those a user would have brought. Controls prove that what is there is found.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import random
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from troth.chain import anvil, keeper
from troth.chain.rpc import Node
from troth.cli import main
from troth.demo.month import CUSTOMERS
from troth.demo.people import Customer, customers
from troth.trees.keccak import keccak

SEED = 4
BROUGHT = re.compile(
    r"(sickness-)?(book|observations|consents|counts)\.csv|(sickness-)?product\.toml"
    r"|contacts\.jsonl|receipt-inclusion\.json"
)
"""Files of the user's own, and the one receipt that shows a whole record."""
SHORTEST = 6  # bytes of what is looked for: less turns up by chance

HASHES = {
    "keccak-256": keccak,
    "SHA-256": lambda text: hashlib.sha256(text).digest(),
    "SHA-1": lambda text: hashlib.sha1(text, usedforsecurity=False).digest(),
    "MD5": lambda text: hashlib.md5(text, usedforsecurity=False).digest(),
    "BLAKE2b": lambda text: hashlib.blake2b(text).digest(),
    "BLAKE2b-256": lambda text: hashlib.blake2b(text, digest_size=32).digest(),
    "SHA3-256": lambda text: hashlib.sha3_256(text).digest(),
}


# --- what is looked for


def spellings(person: Customer) -> dict[str, set[str]]:
    """What a customer's name, numbers and addresses are written like."""
    first, last = person.name.split()
    digits = re.sub(r"\D", "", person.phone)
    area, rest = digits[1:4], digits[4:]
    numbers = {person.phone, digits, f"+{digits}", f"00{digits}", digits[1:], f"tel:+{digits}"}
    numbers |= {
        f"{area}-{rest[:3]}-{rest[3:]}",
        f"({area}) {rest[:3]}-{rest[3:]}",
        f"{area}.{rest[:3]}.{rest[3:]}",
    }
    names = {person.name, f"{last}, {first}", f"{last} {first}", first + last, f"{first}.{last}", last}
    said = {
        "name": names,
        "phone": numbers,
        "email": {person.email, person.email.partition("@")[0], f"mailto:{person.email}"},
        "address": {person.address, person.address.partition(",")[0], person.address.replace(",", "")},
        "reference": {person.ref, person.ref.replace("-", "")},
    }
    return {
        what: {way(text) for text in texts for way in (str, str.lower, str.upper)}
        for what, texts in said.items()
    }


def in_clear(what: str, text: str) -> Iterator[tuple[str, bytes]]:
    """The ways in which a text may stand somewhere without being hashed, in lower case."""
    plain = text.encode()
    yield "text", plain.lower()
    yield "UTF-16", text.encode("utf-16-le").lower()
    yield "hex", plain.hex().encode()
    yield "base64", base64.b64encode(plain).rstrip(b"=")[:-1].lower()
    if what == "phone" and text.isdigit():
        yield "packed digits", bytes.fromhex(text.rjust(len(text) + len(text) % 2, "0"))
        yield "packed digits", bytes.fromhex(text.ljust(len(text) + len(text) % 2, "f"))
        yield "integer", int(text).to_bytes(8, "big")


def hashed(text: str) -> Iterator[tuple[str, bytes]]:
    """Its digests, whole ones found by either end, as bytes and as hex."""
    for name, digest_of in HASHES.items():
        digest = digest_of(text.encode())
        for part in (digest[:16], digest[-16:]):
            yield name, part
            yield f"{name} in hex", part.hex().encode()


class Needles:
    """All that is looked for, by its first bytes."""

    def __init__(self, people: Iterable[Customer]) -> None:
        self.clear: dict[bytes, str] = {}
        self.digests: dict[bytes, str] = {}
        for person in people:
            for what, texts in spellings(person).items():
                for text in texts:
                    self.clear |= {needle: f"{what} as {way}" for way, needle in in_clear(what, text)}
                    self.digests |= {needle: f"{what} by {way}" for way, needle in hashed(text)}
        self.clear = {needle: why for needle, why in self.clear.items() if len(needle) >= SHORTEST}

    @cached_property
    def _tables(self) -> tuple[Mapping[bytes, list[bytes]], Mapping[bytes, list[bytes]]]:
        """The needles of either kind by their first bytes."""
        return _by_start(self.clear), _by_start(self.digests)

    def found_in(self, hay: bytes) -> set[str]:
        """What of it stands there."""
        clear, digests = self._tables
        found = {self.clear[needle] for needle in (*_found(hay, clear), *_found(hay.lower(), clear))}
        return found | {self.digests[needle] for needle in _found(hay, digests)}


def _by_start(needles: Iterable[bytes]) -> Mapping[bytes, list[bytes]]:
    """Needles by their first bytes."""
    table: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for needle in needles:
        table[needle[:SHORTEST]].append(needle)
    return table


def _found(hay: bytes, table: Mapping[bytes, list[bytes]]) -> set[bytes]:
    """The needles that stand somewhere in the hay."""
    found: set[bytes] = set()
    for place in range(len(hay) - SHORTEST + 1):
        start = hay[place : place + SHORTEST]
        if start in table:
            found |= {needle for needle in table[start] if hay.startswith(needle, place)}
    return found


# --- what is looked through


@dataclass(frozen=True)
class Demo:
    """A demo that was run, its chain up again."""

    home: Path
    node: Node
    said: str
    """On both streams."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """A small one, at its most talkative."""
    home = tmp_path_factory.mktemp("home")
    heard = io.StringIO()
    with redirect_stdout(heard), redirect_stderr(heard):
        code = main(["--home", str(home), "--verbose", "demo", "--policies", "200", "--seed", str(SEED)])
    assert code == 0, heard.getvalue()
    running = anvil.up(home / "demo")
    with Node(running.url) as node:
        yield Demo(home, node, heard.getvalue())
    anvil.down(home / "demo")


@pytest.fixture(scope="module")
def needles() -> Needles:
    """Of all customers of the demo."""
    return Needles(customers(CUSTOMERS, SEED))


def calldata(node: Node, first: int = 0) -> Iterator[bytes]:
    """Of every transaction from a block on."""
    last = int(node.call("eth_blockNumber"), 16)
    blocks = node.batch([("eth_getBlockByNumber", [hex(n), True]) for n in range(first, last + 1)])
    yield from (bytes.fromhex(one["input"][2:]) for block in blocks for one in block["transactions"])


def logs(node: Node, first: int = 0) -> Iterator[bytes]:
    """Topics and data of every log from a block on."""
    for log in node.call("eth_getLogs", [{"fromBlock": hex(first), "toBlock": "latest"}]):
        yield b"".join(bytes.fromhex(part[2:]) for part in (*log["topics"], log["data"]))


def joined(parts: Iterable[bytes]) -> bytes:
    """Parts one after the other, with something between that no needle has."""
    return (b"\0" * SHORTEST).join(parts)


# --- the proof


def test_people_looked_for_are_those_of_the_demo(demo: Demo) -> None:
    """Every name, number and address stands in the evidence that the demo imported."""
    with (demo.home / "demo" / "consents.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    evidence = {row["subject"]: row["evidence"] for row in rows}
    people = customers(CUSTOMERS, SEED)
    assert evidence.keys() == {one.ref for one in people}
    for one in people:
        assert all(part in evidence[one.ref] for part in (one.name, one.phone, one.email, one.address))


def test_chain_holds_nothing_personal_and_no_hash_of_it_n4(demo: Demo, needles: Needles) -> None:
    """N4: in all calldata and all logs, from the first block on."""
    sent, told = list(calldata(demo.node)), list(logs(demo.node))
    assert len(sent) > 50
    assert len(told) > CUSTOMERS + 100  # a decision of each customer's, and the deployment's own
    assert needles.found_in(joined(sent)) == set()
    assert needles.found_in(joined(told)) == set()


def test_output_and_logs_hold_nothing_personal_n4(demo: Demo, needles: Needles) -> None:
    """N4: whatever the command says, with --verbose."""
    assert "customers" in demo.said
    assert needles.found_in(demo.said.encode()) == set()


def test_files_left_hold_nothing_personal_n4(demo: Demo, needles: Needles) -> None:
    """N4: database, chain state, logs, keys and records; but for the files a user would have brought."""
    files = [path for path in demo.home.rglob("*") if path.is_file() and not BROUGHT.fullmatch(path.name)]
    assert {"troth.db", "anvil.log", "embedded.json"} <= {path.name for path in files}
    for path in files:
        assert (path.name, needles.found_in(content(path))) == (path.name, set())


def test_receipts_show_nothing_personal_but_what_was_chosen_n4(demo: Demo, needles: Needles) -> None:
    """Neither two fields of a record, nor all contacts with a customer, nor none with another."""
    folder = demo.home / "demo"
    for kind in ("disclosure", "completeness", "absence"):
        assert needles.found_in((folder / f"receipt-{kind}.json").read_bytes()) == set()
    whole = needles.found_in((folder / "receipt-inclusion.json").read_bytes())
    assert {"name as text", "phone as text", "email as text", "address as text", "reference as text"} <= whole


def content(path: Path) -> bytes:
    """What a file holds; the chain puts a new one in the place of its saved state every second."""
    for _ in range(100):
        with suppress(FileNotFoundError):
            return path.read_bytes()
        time.sleep(0.02)
    if path.name == keeper.STATES[1]:
        return b""  # moved on to where the saved state is, which is looked through too
    raise FileNotFoundError(path)


# --- the controls


def test_file_brought_is_found_full_of_it(demo: Demo, needles: Needles) -> None:
    """What the user's own file holds in clear is seen there, so it would be seen elsewhere."""
    found = needles.found_in((demo.home / "demo" / "consents.csv").read_bytes())
    assert {"name as text", "phone as text", "email as text", "address as text", "reference as text"} <= found


def test_everything_looked_for_is_found_where_it_is_planted(needles: Needles) -> None:
    """A sample of each kind, hidden in random bytes, one at a time."""
    source = random.Random(SEED)
    kinds: dict[str, bytes] = {}
    for needle, kind in (*needles.clear.items(), *needles.digests.items()):
        kinds.setdefault(kind, needle)
    assert len(kinds) > 80
    for kind, needle in kinds.items():
        hay = source.randbytes(500) + needle + source.randbytes(500)
        assert kind in needles.found_in(hay)
        assert kind not in needles.found_in(source.randbytes(1_000))


@pytest.mark.parametrize(
    ("planted", "kind"),
    [
        (lambda one: one.name.upper().encode(), "name as text"),
        (lambda one: re.sub(r"\D", "", one.phone).encode().ljust(32, b"\0"), "phone as text"),
        (lambda one: one.email.encode().hex().encode(), "email as hex"),
        (lambda one: keccak(one.address.encode()), "address by keccak-256"),
        (lambda one: hashlib.sha256(one.ref.encode()).digest(), "reference by SHA-256"),
        (lambda one: HASHES["SHA-1"](one.email.encode()), "email by SHA-1"),
        (lambda one: keccak(one.name.lower().encode())[12:], "name by keccak-256"),
    ],
)
def test_what_somebody_puts_on_the_chain_is_found_there(
    demo: Demo, needles: Needles, planted: object, kind: str
) -> None:
    """Sent as calldata, and told by a log of a contract that repeats what it is sent."""
    assert callable(planted)
    content = planted(customers(CUSTOMERS, SEED)[77])
    node = demo.node
    before = int(node.call("eth_blockNumber"), 16) + 1
    account = "0x" + "5a" * 20
    echo = "0x" + "ec" * 20
    # PUSH1 0 CALLDATASIZE … : copies all calldata to memory and logs it without topics (LOG0).
    node.call("anvil_setCode", [echo, "0x366000600037366000a000"])
    node.call("anvil_setBalance", [account, hex(10**20)])
    node.call("anvil_impersonateAccount", [account])
    message = {"from": account, "to": echo, "data": f"0x{content.hex()}", "gas": hex(500_000)}
    node.call("eth_sendTransaction", [message])
    node.call("evm_mine")
    for place in (calldata, logs):
        assert kind in needles.found_in(joined(place(node, before)))
