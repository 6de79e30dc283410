"""What the contracts say, read from a node's raw logs into rows of the store's tables.

Decoding by hand, word by word, keeps pace with a chain that emits tens of thousands of events a second; a
general ABI decoder manages a thirtieth of that. A test holds the signatures below to the ABIs the package
ships.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from sqlalchemy import Table

from troth.errors import NodeError, NodeInconsistent
from troth.store import schema
from troth.trees import keccak

__all__ = ["SIGNATURES", "Contracts", "LogReader", "Node", "Rows", "decode_logs", "event_filter", "topic_of"]

Log = Mapping[str, Any]
"""A log as JSON-RPC gives it: hex text throughout."""

Row = tuple[Any, ...]
Rows = dict[Table, list[Row]]
"""Rows by table, each the values of all its columns in order."""


class Node(Protocol):
    """What the ledger asks of a chain: `troth.chain` has the real one."""

    @property
    def url(self) -> str:
        """Its address, for messages."""

    def call(self, method: str, params: Sequence[Any] = ()) -> Any:
        """The result of one JSON-RPC call. Raises NodeError, NoNode."""

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """The results of many, in order. Raises NodeError, NoNode."""


@dataclass(frozen=True)
class Contracts:
    """One deployment: addresses in 0x-hex, and the first block that may hold its events."""

    product_register: str
    policy_books: str
    oracle_reports: str
    capital_pool: str
    token: str
    first_block: int = 0

    @classmethod
    def of(cls, addresses: Mapping[str, str], first_block: int) -> Contracts:
        """From addresses by contract name, the token's under "token", as a Deployment has them."""
        return cls(
            addresses["ProductRegister"],
            addresses["PolicyBooks"],
            addresses["OracleReports"],
            addresses["CapitalPool"],
            addresses["token"],
            first_block,
        )


SIGNATURES: dict[str, tuple[str, ...]] = {
    "ProductRegister": (
        "ProductRegistered(uint32 indexed productId,bytes32 indexed metric,string name,uint32 version,"
        "uint8 direction,(int128,uint16)[] tiers)",
    ),
    "PolicyBooks": (
        "BookIssued(uint32 indexed bookId,uint32 indexed productId,bytes32 root,uint32 policyCount,"
        "uint96 sumInsured,uint96 premium,uint96 reserve,uint40 coverFrom,uint40 coverUntil,"
        "uint40 deadline)",
        "Settled(uint32 indexed bookId,uint32 indexed reportId,"
        "uint256 settled,uint256 skipped,uint256 amount)",
        "PolicyCancelled(uint32 indexed bookId,uint32 indexed number,uint96 refund)",
        "BookExpired(uint32 indexed bookId,uint96 released)",
    ),
    "OracleReports": (
        "ReportPublished(uint32 indexed reportId,bytes32 indexed metric,bytes32 root,uint32 count,"
        "uint40 periodStart,uint40 periodEnd,uint32 replaces,uint40 finalAt)",
        "ReportChallenged(uint32 indexed reportId,address indexed challenger,bytes32 reason)",
        "ReportUpheld(uint32 indexed reportId,uint40 finalAt)",
        "ReportReplaced(uint32 indexed reportId,uint32 indexed by)",
    ),
    "CapitalPool": (
        "PremiumCollected(uint32 indexed bookId,address indexed from,uint96 amount)",
        "Paid(uint32 indexed bookId,address indexed payee,uint32 number,uint96 amount)",
        "Owed(uint32 indexed bookId,address indexed payee,uint32 number,uint96 amount)",
        "Refunded(uint32 indexed bookId,address indexed payee,uint32 number,uint96 amount)",
        "OwedWithdrawn(address indexed payee,address indexed to,uint256 amount)",
    ),
}
"""The events indexed, by contract, as their declarations read once structs and enums are spelt out."""

# Each event's table, and what goes into its columns after (block, log, tx): a field, "=" and a constant, or
# None.
_TABLES: dict[str, tuple[Table, tuple[str | None, ...]]] = {
    "BookIssued": (
        schema.books_issued,
        (
            "bookId",
            "productId",
            "root",
            "policyCount",
            "sumInsured",
            "premium",
            "reserve",
            "coverFrom",
            "coverUntil",
            "deadline",
        ),
    ),
    "Settled": (schema.settlements, ("bookId", "reportId", "settled", "skipped", "amount")),
    "PolicyCancelled": (schema.cancellations, ("bookId", "number", "refund")),
    "BookExpired": (schema.books_expired, ("bookId", "released")),
    "ReportPublished": (
        schema.reports_published,
        ("reportId", "metric", "root", "count", "periodStart", "periodEnd", "replaces", "finalAt"),
    ),
    "ReportChallenged": (
        schema.report_changes,
        ("reportId", "=challenged", "challenger", "reason", None, None),
    ),
    "ReportUpheld": (schema.report_changes, ("reportId", "=upheld", None, None, "finalAt", None)),
    "ReportReplaced": (schema.report_changes, ("reportId", "=replaced", None, None, None, "by")),
    "PremiumCollected": (schema.premiums, ("bookId", "from", "amount")),
    "Paid": (schema.payments, ("bookId", "number", "=paid", "payee", "amount")),
    "Owed": (schema.payments, ("bookId", "number", "=owed", "payee", "amount")),
    "Refunded": (schema.payments, ("bookId", "number", "=refunded", "payee", "amount")),
    "OwedWithdrawn": (schema.withdrawals, ("payee", "to", "amount")),
}


@dataclass(frozen=True)
class _Event:
    """How one kind of event becomes a row."""

    table: Table
    row: Callable[[Log], Row]


def topic_of(signature: str) -> str:
    """The first topic, 0x-hex, of an event declared as in SIGNATURES."""
    name, fields = _parsed(signature)
    plain = f"{name}({','.join(kind for kind, _, _ in fields)})"
    return f"0x{keccak(plain.encode()).hex()}"


def event_filter(contracts: Contracts) -> dict[str, Any]:
    """The `eth_getLogs` filter for everything indexed, without its blocks."""
    return {"address": _addresses(contracts), "topics": [list(_EVENTS)]}


def decode_logs(contracts: Contracts, logs: Sequence[Log]) -> Rows:
    """The logs as rows. Raises NodeInconsistent for one that was not asked for or that is no such event."""
    addresses = set(_addresses(contracts))
    rows: Rows = defaultdict(list)
    for log in logs:
        try:
            event = _EVENTS[log["topics"][0]]
            row = event.row(log)
            known = log["address"].lower() in addresses
        except (KeyError, IndexError, ValueError, TypeError, DecodingError) as error:
            raise NodeInconsistent(f"a log that cannot be read ({error!r}): {_shown(log)}") from error
        if not known:
            raise NodeInconsistent(f"a log of a contract that was not asked for: {_shown(log)}")
        rows[event.table].append(row)
    return rows


def rows_among(contracts: Contracts, logs: Sequence[Log]) -> Rows:
    """The rows of those logs, as of a receipt, that are events indexed; the others are passed over."""
    addresses = set(_addresses(contracts))
    ours = [
        log
        for log in logs
        if log["address"].lower() in addresses and log["topics"] and log["topics"][0] in _EVENTS
    ]
    return decode_logs(contracts, ours)


class LogReader:
    """Reads logs a range of blocks at a time, as wide as the node allows and memory likes."""

    _WIDEST = 10_000
    _MANY = 20_000  # logs in an answer: about 15 MB of JSON

    def __init__(self, node: Node, span: int = 1_000) -> None:
        """Starts with ranges of `span` blocks."""
        self._node = node
        self._span = span

    def read(
        self, filters: Sequence[Mapping[str, Any]], first: int, last: int
    ) -> tuple[int, list[list[Log]]]:
        """The last block read, `last` or earlier, and for each filter its logs from `first` to there, in
        order.

        Halves the range when the node finds it too much. Raises NodeError when a single block is too much,
        and NodeInconsistent for logs outside the range, of removed blocks, or twice the same.
        """
        while True:
            end = min(last, first + self._span - 1)
            blocks = {"fromBlock": hex(first), "toBlock": hex(end)}
            try:
                answers = [self._node.call("eth_getLogs", [{**wanted, **blocks}]) for wanted in filters]
            except NodeError as error:
                if end == first or not _is_too_much(error):
                    raise
                self._span = (end - first + 1) // 2
                continue
            self._adapt(max(len(answer) for answer in answers), end - first + 1)
            return end, [_in_order(answer, first, end) for answer in answers]

    def _adapt(self, logs: int, blocks: int) -> None:
        """Widens the next range, or narrows it to what yields a good answer."""
        if logs > self._MANY:
            self._span = max(1, blocks // 2)
        elif blocks == self._span and logs < self._MANY // 4:
            self._span = min(self._WIDEST, self._span * 2)


def _is_too_much(error: NodeError) -> bool:
    """Whether the node refused the range for its size; every vendor words it differently."""
    words = r"range|limit|too (many|large|big|wide)|exceed|response size|more than|time.?out|no answer within"
    return error.code == -32005 or re.search(words, error.detail, re.IGNORECASE) is not None


def _in_order(logs: Any, first: int, last: int) -> list[Log]:
    """The logs sorted by place, after checking that they are what was asked for."""
    try:
        placed = [((int(log["blockNumber"], 16), int(log["logIndex"], 16)), log) for log in logs]
    except (KeyError, ValueError, TypeError) as error:
        raise NodeInconsistent(f"eth_getLogs answered with no list of logs ({error!r})") from error
    placed.sort(key=lambda pair: pair[0])
    previous = (first - 1, 0)
    for place, log in placed:
        if not first <= place[0] <= last or place == previous or log.get("removed"):
            raise NodeInconsistent(f"a log out of place in blocks {first} to {last}: {_shown(log)}")
        previous = place
    return [log for _, log in placed]


def _addresses(contracts: Contracts) -> list[str]:
    """The contracts listened to, in lower case."""
    return [
        address.lower()
        for address in (
            contracts.product_register,
            contracts.policy_books,
            contracts.oracle_reports,
            contracts.capital_pool,
        )
    ]


def _shown(log: Log) -> str:
    """Enough of a log to find it by."""
    if not isinstance(log, Mapping):
        return repr(log)[:80]
    return ", ".join(
        f"{name} {log.get(name)}" for name in ("blockNumber", "logIndex", "address", "transactionHash")
    )


def _parsed(signature: str) -> tuple[str, list[tuple[str, bool, str]]]:
    """A declaration's name and its fields: type, indexed, name."""
    name, inner = signature[:-1].split("(", 1)
    fields = []
    for field in re.findall(r"(?:\([^)]*\)|[^,(])+", inner):
        kind, *indexed, label = field.split(" ")
        fields.append((kind, bool(indexed), label))
    return name, fields


def _word_reader(kind: str) -> Callable[[str], Any]:
    """Reads an ABI word, 64 hex digits, as `kind`: address and bytes32 to bytes, unsigned integers to int."""
    if kind == "address":
        return lambda word: bytes.fromhex(word[24:])
    if kind == "bytes32":
        return bytes.fromhex
    limit = 1 << int(kind.removeprefix("uint"))

    def unsigned(word: str) -> int:
        value = int(word, 16)
        if value >= limit:
            raise ValueError(f"{word} is no {kind}")
        return value

    return unsigned


def _place(log: Log) -> tuple[int, int, bytes]:
    """The columns every event has: block, log, tx."""
    return int(log["blockNumber"], 16), int(log["logIndex"], 16), bytes.fromhex(log["transactionHash"][2:])


def _row_reader(signature: str, columns: Sequence[str | None]) -> Callable[[Log], Row]:
    """Reads a log of `signature`, all of whose fields are one word wide, into a row of `columns` as in
    _TABLES.
    """
    _, fields = _parsed(signature)
    in_words = [field for field in fields if field[1]] + [field for field in fields if not field[1]]
    where: dict[str | None, tuple[Callable[[str], Any], int]] = {
        label: (_word_reader(kind), position) for position, (kind, _, label) in enumerate(in_words)
    }
    for column in columns:
        if column is None or column.startswith("="):
            where[column] = (_always(column and column[1:]), 0)
    plan = [where[column] for column in columns]
    count = len(in_words)

    def row(log: Log) -> Row:
        data = log["data"]
        words = [topic[2:] for topic in log["topics"][1:]]
        words += [data[start : start + 64] for start in range(2, len(data), 64)]
        if len(words) != count or (len(data) - 2) % 64:
            raise ValueError(f"{len(words)} words, not {count}")
        return (*_place(log), *[read(words[position]) for read, position in plan])

    return row


def _always(value: Any) -> Callable[[str], Any]:
    """A reader that says `value` whatever it is given."""
    return lambda _word: value


def _product_row(log: Log) -> Row:
    """A ProductRegistered log as a row. Its name may be any bytes: what is no UTF-8, or NUL, is escaped."""
    _, product_id, metric = log["topics"]
    name, version, direction, tiers = decode(
        ["bytes", "uint32", "uint8", "(int128,uint16)[]"], bytes.fromhex(log["data"][2:])
    )
    return (
        *_place(log),
        int(product_id, 16),
        name.decode("utf-8", "backslashreplace").replace("\0", "\\x00"),
        version,
        bytes.fromhex(metric[2:]),
        ("at_least", "at_most")[direction],
        [list(tier) for tier in tiers],
        *(0, 0, 0, 0),  # nothing is required of a payee
    )


def _events() -> Iterator[tuple[str, _Event]]:
    """Every event indexed, by topic."""
    for signatures in SIGNATURES.values():
        for signature in signatures:
            name, _ = _parsed(signature)
            if name == "ProductRegistered":
                yield topic_of(signature), _Event(schema.products, _product_row)
            else:
                table, columns = _TABLES[name]
                yield topic_of(signature), _Event(table, _row_reader(signature, columns))


_EVENTS = dict(_events())
