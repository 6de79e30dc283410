"""A chain in memory with an insurer on it, and a node that serves it, honestly or not.

The insurer is a model of the contracts, written from their interfaces alone: it keeps the books' bits and
totals, moves the token, and emits the events the shipped ABIs describe, encoded by eth_abi and not by the
code under test.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from importlib.resources import files
from typing import Any

from eth_abi.abi import encode
from eth_utils.abi import collapse_if_tuple
from eth_utils.crypto import keccak
from sqlalchemy import select

from troth.errors import NodeError
from troth.index import Contracts
from troth.store import Store, schema
from troth.store.books import Book, NewBook, PolicyRow, save_book

NAMES = (
    *("ProductRegister", "PolicyBooks", "OracleReports", "CapitalPool"),
    *("Subjects", "ConsentRegistry", "Streams", "TestDollar"),
)
ADDRESSES = {name: f"0x{number:02x}" + "C0" * 19 for number, name in enumerate(NAMES, start=1)}
CONTRACTS = Contracts(*(ADDRESSES[name] for name in NAMES), first_block=3)
POOL = bytes.fromhex(ADDRESSES["CapitalPool"][2:])
INSURER, INVESTOR = b"\xaa" * 20, b"\xbb" * 20
METRIC = b"arrival delay, minutes".ljust(32, b"\0")
WHOLE = 10_000


def abi(contract: str) -> list[dict[str, Any]]:
    """The ABI the package ships."""
    return list(json.loads(files("troth").joinpath(f"artifacts/{contract}.json").read_text())["abi"])


def signature(entry: dict[str, Any]) -> str:
    """Name and types, as they are hashed."""
    return f"{entry['name']}({','.join(map(collapse_if_tuple, entry['inputs']))})"


ABIS = {name: abi(name) for name in NAMES}
EVENTS = {(name, e["name"]): e for name in NAMES for e in ABIS[name] if e["type"] == "event"}
VIEWS = {
    keccak(text=signature(e))[:4].hex(): e for name in NAMES for e in ABIS[name] if e["type"] == "function"
}


def payee_of(number: int) -> bytes:
    """Somebody else for every policy."""
    return (0xD00D_0000_0000 + number).to_bytes(20, "big")


@dataclass
class Block:
    """A block: what the node says of it, and its logs."""

    number: int
    hash: bytes
    parent: bytes
    logs: list[dict[str, Any]]

    def header(self) -> dict[str, Any]:
        """As JSON-RPC gives it, bloom filter and all."""
        bloom = 0
        for log in self.logs:
            digest = keccak(hexstr=log["address"])
            for place in (0, 2, 4):
                bloom |= 1 << (int.from_bytes(digest[place : place + 2], "big") & 2047)
        return {
            "number": hex(self.number),
            "hash": "0x" + self.hash.hex(),
            "parentHash": "0x" + self.parent.hex(),
            "logsBloom": f"0x{bloom:0512x}",
        }


class Chain:
    """Blocks, one after another, which can be taken back."""

    def __init__(self, seed: bytes = b"") -> None:
        self.seed = seed
        self.blocks: list[Block] = []
        self.mine(4)

    def mine(self, count: int = 1, logs: Sequence[dict[str, Any]] = ()) -> None:
        """Adds blocks; the logs go into the first."""
        for _ in range(count):
            number = len(self.blocks)
            parent = self.blocks[-1].hash if self.blocks else bytes(32)
            digest = keccak(parent + self.seed + number.to_bytes(8, "big"))
            tx = keccak(b"tx" + digest)
            placed = [
                {
                    **log,
                    "blockNumber": hex(number),
                    "blockHash": "0x" + digest.hex(),
                    "logIndex": hex(index),
                    "transactionHash": "0x" + tx.hex(),
                    "removed": False,
                }
                for index, log in enumerate(logs)
            ]
            self.blocks.append(Block(number, digest, parent, placed))
            logs = ()

    def reorganise(self, depth: int, seed: bytes = b"other") -> None:
        """Takes back the newest `depth` blocks; what is mined next has other hashes."""
        del self.blocks[len(self.blocks) - depth :]
        self.seed = seed


def log_of(contract: str, event: str, **values: Any) -> dict[str, Any]:
    """A log as the contract emits it."""
    entry = EVENTS[contract, event]
    topics, kinds, data = [keccak(text=signature(entry))], [], []
    for given in entry["inputs"]:
        value = values.pop(given["name"])
        if given["indexed"]:
            topics.append(encode([given["type"]], [value]))
        else:
            kinds.append(collapse_if_tuple(given))
            data.append(value)
    assert not values
    return {
        "address": ADDRESSES[contract].lower(),
        "topics": ["0x" + topic.hex() for topic in topics],
        "data": "0x" + encode(kinds, data).hex(),
    }


@dataclass
class OnChain:
    """A book as the contract keeps it."""

    root: bytes
    product_id: int
    policies: list[PolicyRow]
    collateral: int
    outstanding: int
    reserve: int
    paid: int = 0
    bits: set[int] = field(default_factory=set)


class Insurer:
    """The contracts, by their interfaces; every call is a transaction in a block of its own."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.books: dict[int, OnChain] = {}
        self.owed: Counter[bytes] = Counter()
        self.total_owed = self.total_reserved = 0
        self.balances: Counter[bytes] = Counter({INSURER: 10**12, INVESTOR: 10**12})
        self.frozen: set[bytes] = set()
        self.logs: list[dict[str, Any]] = []
        self.terms = self.decided = 0

    def register(
        self,
        product_id: int = 1,
        name: Any = "flight",
        tiers: Any = ((180, 5_000), (360, 10_000)),
        requirement: Any = (0, 0, 0, 0),
    ) -> None:
        """A product."""
        values = {"name": name, "version": 1, "direction": 0, "tiers": list(tiers)}
        what = {"productId": product_id, "metric": METRIC, "requirement": requirement}
        self._emit("ProductRegister", "ProductRegistered", **what, **values)
        self._mine()

    def publish(self, report_id: int = 1) -> None:
        """A report, challenged, upheld; and one that replaces it."""
        values = {"metric": METRIC, "count": 2, "periodStart": 5, "periodEnd": 6}
        publish = ("OracleReports", "ReportPublished")
        self._emit(*publish, reportId=report_id, root=b"o" * 32, replaces=0, finalAt=9, **values)
        self._emit(
            "OracleReports",
            "ReportChallenged",
            reportId=report_id,
            challenger=INVESTOR,
            reason=b"why".ljust(32, b"\0"),
        )
        self._emit("OracleReports", "ReportUpheld", reportId=report_id, finalAt=10)
        self._emit(*publish, reportId=report_id + 1, root=b"p" * 32, replaces=report_id, finalAt=11, **values)
        self._emit("OracleReports", "ReportReplaced", reportId=report_id, by=report_id + 1)
        self._mine()

    def deposit(self, assets: int = 10**11) -> None:
        """Capital from the investor."""
        self._move(INVESTOR, POOL, assets)
        self._emit("CapitalPool", "Deposit", sender=INVESTOR, owner=INVESTOR, assets=assets, shares=assets)
        self._mine()

    def leave(self, assets: int) -> None:
        """Capital back to the investor."""
        self._move(POOL, INVESTOR, assets)
        values = {
            "sender": INVESTOR,
            "receiver": INVESTOR,
            "owner": INVESTOR,
            "assets": assets,
            "shares": assets,
        }
        self._emit("CapitalPool", "Withdraw", **values)
        self._mine()

    def issue(
        self, policies: list[PolicyRow], root: bytes, collateral: int = WHOLE, product_id: int = 1
    ) -> int:
        """A book; returns its id."""
        book_id = len(self.books) + 1
        sum_insured, premium = (
            sum(getattr(one, what) for one in policies) for what in ("sum_insured", "premium")
        )
        reserve = -(-sum_insured * collateral // WHOLE)
        self.books[book_id] = OnChain(root, product_id, policies, collateral, sum_insured, reserve)
        self._move(INSURER, POOL, premium)
        self._emit(
            "CapitalPool", "PremiumCollected", **{"bookId": book_id, "from": INSURER, "amount": premium}
        )
        self.total_reserved += reserve
        self._emit("CapitalPool", "Reserved", bookId=book_id, amount=reserve)
        values = {
            "sumInsured": sum_insured,
            "premium": premium,
            "reserve": reserve,
            "coverFrom": 1,
            "coverUntil": 2,
            "deadline": 3,
        }
        self._emit(
            "PolicyBooks",
            "BookIssued",
            bookId=book_id,
            productId=product_id,
            root=root,
            policyCount=len(policies),
            **values,
        )
        self._mine()
        return book_id

    def settle(self, book_id: int, numbers: Sequence[int], share: int = WHOLE) -> None:
        """Pays the policies that have not been settled."""
        book = self.books[book_id]
        due = [book.policies[number] for number in numbers if number not in book.bits]
        amounts = {one.number: one.sum_insured * share // WHOLE for one in due}
        for one in due:
            self._draw(book_id, one)
        book.paid += sum(amounts.values())
        for one in due:
            self._pay(book_id, one, amounts[one.number], "Paid")
        values = {"settled": len(due), "skipped": len(numbers) - len(due), "amount": sum(amounts.values())}
        self._emit("PolicyBooks", "Settled", bookId=book_id, reportId=1, **values)
        self._mine()

    def cancel(self, book_id: int, number: int) -> None:
        """Gives a policy's premium back."""
        policy = self.books[book_id].policies[number]
        self._draw(book_id, policy)
        self._pay(book_id, policy, policy.premium, "Refunded")
        self._emit("PolicyBooks", "PolicyCancelled", bookId=book_id, number=number, refund=policy.premium)
        self._mine()

    def expire(self, book_id: int) -> None:
        """Releases what is left of a reserve."""
        book = self.books[book_id]
        self.total_reserved -= book.reserve
        self._emit("PolicyBooks", "BookExpired", bookId=book_id, released=book.reserve)
        book.reserve = 0
        self._mine()

    def withdraw_owed(self, payee: bytes, to: bytes) -> None:
        """Sends what is owed."""
        amount = self.owed.pop(payee)
        self.total_owed -= amount
        self._move(POOL, to, amount)
        self._emit("CapitalPool", "OwedWithdrawn", payee=payee, to=to, amount=amount)
        self._mine()

    def withhold(self, book_id: int, number: int) -> None:
        """Does not pay a policy whose payee is not eligible."""
        values = {"bookId": book_id, "number": number, "payee": payee_of(number)}
        self._emit("PolicyBooks", "Withheld", **values)
        self._mine()

    def identify(self, subject: bytes, account: bytes, wallet: bytes) -> None:
        """All that can become of a subject, recorded by `account`."""
        who = {"subject": subject, "by": account}
        emit = partial(self._emit, "Subjects")
        emit("WalletBound", wallet=wallet, **who)
        emit("SubjectVerified", subject=subject, verifier=account, level=2, expires=99, evidence=b"e" * 32)
        emit("VerificationRevoked", level=2, **who)
        mandate = {"mandate": (3, 98, 7, 8, 9), "evidence": b"m" * 32}
        emit("RepresentativeAppointed", representative=wallet, **mandate, **who)
        emit("RepresentativeDismissed", representative=wallet, **who)
        emit("WalletUnbound", wallet=wallet, **who)
        emit("SubjectErased", erasedAt=97, **who)
        self._mine()

    def define(self, *iris: Any) -> None:
        """Terms, numbered on."""
        for iri in iris:
            self.terms += 1
            self._emit("ConsentRegistry", "TermDefined", term=self.terms, digest=bytes(32), iri=iri)
        self._mine()

    def decide(self, *decisions: tuple[bytes, int, int], by: bytes = INSURER) -> None:
        """Decisions, each a subject, the entry and the number and decision kept; evidence 1, 2, ... ."""
        for subject, entry, kept in decisions:
            self.decided += 1
            values = {"entry": entry, "numberAndDecision": kept, "evidence": self.decided.to_bytes(32, "big")}
            self._emit("ConsentRegistry", "DecisionRecorded", subject=subject, by=by, **values)
        self._mine()

    def govern(self, subject: bytes) -> None:
        """A cap on consents, an event they expire with, and a denial honoured."""
        emit = partial(self._emit, "ConsentRegistry")
        emit("ExpiryCapSet", jurisdiction=4, purpose=5, cap=86_400)
        emit("ExpiryEventHappened", term=6, effective=95, recorded=96)
        honour = {"number": 2, "honouredBy": 3, "honouredAt": 94, "evidence": b"h" * 32}
        emit("DenialHonoured", subject=subject, key=b"k" * 32, **honour)
        self._mine()

    def anchor(self, account: bytes) -> None:
        """A stream, and all that can become of it, by `account`."""
        emit = partial(self._emit, "Streams", stream=1)
        emit("StreamCreated", name="calls", by=account)
        emit("WriterSet", writer=account, allowed=True, by=account)
        emit("Anchored", number=1, records=10, time=98, root=b"r" * 32, subjects=b"s" * 32)
        emit("CountDeclared", until=90, count=11, by=account, **{"from": 80})
        emit("Held", matter=b"m" * 32, by=account)
        emit("Released", matter=b"m" * 32, by=account)
        emit("RetentionSet", period=86_400, by=account, **{"class": "calls, five years"})
        self._mine()

    def view(self, data: str) -> str:
        """The answer to a call of a view."""
        entry = VIEWS[data[2:10]]
        arguments = [int(data[at : at + 64], 16) for at in range(10, len(data), 64)]
        answer = getattr(self, "_" + entry["name"])(*arguments)
        return "0x" + encode([collapse_if_tuple(one) for one in entry["outputs"]], [answer]).hex()

    def _bookCount(self) -> int:  # noqa: N802  the contract's name
        return len(self.books)

    def _book(self, book_id: int) -> tuple[Any, ...]:
        book = self.books[book_id]
        terms = (book.root, book.product_id, len(book.policies), 1, 2, 3, book.collateral)
        premium = sum(policy.premium for policy in book.policies)
        return (*terms, book.outstanding, book.reserve, book.paid, 0, 0, 0, premium)

    def _settledWords(self, book_id: int, first: int, count: int) -> list[int]:  # noqa: N802  the contract's name
        bits = self.books[book_id].bits
        words = [0] * count
        for number in bits:
            if first <= number >> 8 < first + count:
                words[(number >> 8) - first] |= 1 << (number & 255)
        return words

    def _owed(self, payee: int) -> int:
        return self.owed[payee.to_bytes(20, "big")]

    def _totalOwed(self) -> int:  # noqa: N802  the contract's name
        return self.total_owed

    def _totalReserved(self) -> int:  # noqa: N802  the contract's name
        return self.total_reserved

    def _balanceOf(self, account: int) -> int:  # noqa: N802  the contract's name
        return self.balances[account.to_bytes(20, "big")]

    def _draw(self, book_id: int, policy: PolicyRow) -> None:
        book = self.books[book_id]
        assert policy.number not in book.bits
        book.bits.add(policy.number)
        book.outstanding -= policy.sum_insured
        reserve = policy.sum_insured * book.collateral // WHOLE
        book.reserve -= reserve
        self.total_reserved -= reserve

    def _pay(self, book_id: int, policy: PolicyRow, amount: int, event: str) -> None:
        if policy.payee in self.frozen:
            event = "Owed"
            self.owed[policy.payee] += amount
            self.total_owed += amount
        else:
            self._move(POOL, policy.payee, amount)
        values = {"bookId": book_id, "payee": policy.payee, "number": policy.number, "amount": amount}
        self._emit("CapitalPool", event, **values)

    def _move(self, sender: bytes, to: bytes, amount: int) -> None:
        self.balances[sender] -= amount
        self.balances[to] += amount
        self._emit("TestDollar", "Transfer", **{"from": sender, "to": to, "value": amount})

    def _emit(self, contract: str, event: str, **values: Any) -> None:
        self.logs.append(log_of(contract, event, **values))

    def _mine(self) -> None:
        self.chain.mine(1, self.logs)
        self.logs = []


class FakeNode:
    """Serves a chain over the ledger's protocol. What it does wrong is set by its attributes."""

    url = "http://fake"

    def __init__(self, chain: Chain, insurer: Insurer | None = None, chain_id: int = 31337) -> None:
        self.chain, self.insurer, self.chain_id = chain, insurer, chain_id
        self.calls: list[tuple[str, list[Any]]] = []
        self.widest: int | None = None  # blocks in a range of logs
        self.head: int | None = None  # of one that lags
        self.mend: Callable[[list[dict[str, Any]]], Any] = list  # what becomes of logs on their way
        self.before: Callable[[str, list[Any]], None] = lambda *_: None  # what happens before each answer

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """One after another."""
        return [self.call(method, params) for method, params in calls]

    def call(self, method: str, params: Sequence[Any] = ()) -> Any:
        """The result, as JSON would carry it."""
        self.before(method, list(params))
        self.calls.append((method, list(params)))
        answer = {
            "eth_chainId": self._chain_id,
            "eth_blockNumber": self._number,
            "eth_getBlockByNumber": self._block,
            "eth_getLogs": self._logs,
            "eth_call": self._view,
        }[method](*params)
        return json.loads(json.dumps(answer))

    def _known(self) -> list[Block]:
        return self.chain.blocks if self.head is None else self.chain.blocks[: self.head + 1]

    def _chain_id(self) -> str:
        return hex(self.chain_id)

    def _number(self) -> str:
        return hex(len(self._known()) - 1)

    def _block(self, number: str, full: bool) -> dict[str, Any] | None:
        assert not full
        known = self._known()
        return known[int(number, 16)].header() if int(number, 16) < len(known) else None

    def _logs(self, wanted: dict[str, Any]) -> Any:
        if "blockHash" in wanted:
            blocks = [block for block in self.chain.blocks if "0x" + block.hash.hex() == wanted["blockHash"]]
            return [log for block in blocks for log in block.logs if _matches(log, wanted)]
        first, last = int(wanted["fromBlock"], 16), int(wanted["toBlock"], 16)
        if self.widest is not None and last - first >= self.widest:
            raise NodeError("eth_getLogs", f"query exceeds max block range {self.widest}", -32602)
        logs = [
            log for block in self._known()[first : last + 1] for log in block.logs if _matches(log, wanted)
        ]
        return self.mend(logs)

    def _view(self, call: dict[str, str], block: str) -> str:
        assert self.insurer is not None
        assert int(block, 16) == len(self.chain.blocks) - 1, "the model has no past states"
        return self.insurer.view(call["data"])


def _matches(log: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether a filter asks for the log."""
    addresses = wanted["address"] if isinstance(wanted["address"], list) else [wanted["address"]]
    if log["address"] not in [address.lower() for address in addresses]:
        return False
    for position, asked in enumerate(wanted["topics"]):
        choice = asked if isinstance(asked, list) else [asked]
        if asked is not None and (len(log["topics"]) <= position or log["topics"][position] not in choice):
            return False
    return True


def some_policies(count: int, prefix: str = "P") -> list[PolicyRow]:
    """Policies, three to a risk."""
    return [
        PolicyRow(
            number,
            f"{prefix}-{number}",
            f"risk {number // 3:06}",
            payee_of(number),
            1_001 + number,
            10,
            bytes(16),
        )
        for number in range(count)
    ]


def draft(store: Store, policies: list[PolicyRow], root: bytes) -> Book:
    """The book of these policies, saved."""
    moment = datetime(2030, 1, 1, tzinfo=timezone.utc)
    sum_insured, premium = (
        sum(getattr(one, what) for one in policies) for what in ("sum_insured", "premium")
    )
    book = NewBook(root, root, 1, len(policies), sum_insured, premium, WHOLE, 0, moment, moment, moment)
    with store.writing() as connection:
        return save_book(connection, book, policies)


def dump(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the index."""
    with store.reading() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for table in (*schema.EVENTS, schema.chain, schema.blocks)
        }


def a_history(insurer: Insurer) -> None:
    """One of everything, twelve blocks and more."""
    insurer.register()
    insurer.publish()
    insurer.deposit()
    book = insurer.issue(some_policies(12), b"r" * 32)
    insurer.frozen.add(payee_of(3))
    insurer.settle(book, [1, 3, 5])
    insurer.cancel(book, 7)
    insurer.withdraw_owed(payee_of(3), INVESTOR)
    insurer.withhold(book, 8)
    insurer.expire(book)
    insurer.identify(b"s" * 32, INSURER, b"w" * 20)
    insurer.define("urn:purpose", "urn:notice")
    insurer.decide((b"s" * 32, 1 << 224, 1 << 128), (b"t" * 32, 1 << 224, 1 << 128))
    insurer.govern(b"s" * 32)
    insurer.anchor(INSURER)
