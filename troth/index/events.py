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
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from sqlalchemy import BigInteger, Table

from troth.errors import NodeInconsistent, NotDeployed
from troth.index.logs import Log, shown
from troth.store import schema
from troth.trees.keccak import keccak

__all__ = ["SIGNATURES", "Contracts", "Row", "Rows", "decode_logs", "event_filter", "rows_among", "topic_of"]

Row = tuple[Any, ...]
Rows = dict[Table, list[Row]]
"""Rows by table, each the values of all its columns in order."""


@dataclass(frozen=True)
class Contracts:
    """One deployment: addresses in 0x-hex, and the first block that may hold its events."""

    product_register: str
    policy_books: str
    oracle_reports: str
    capital_pool: str
    subjects: str
    consent_registry: str
    streams: str
    token: str
    first_block: int = 0

    @classmethod
    def of(cls, addresses: Mapping[str, str], first_block: int) -> Contracts:
        """From addresses by contract name, the token's under "token", as a Deployment has them. Raises
        NotDeployed for a deployment of an older version, which lacks some.
        """

        def address(name: str) -> str:
            if name not in addresses:
                raise NotDeployed(name, f"the suite of PolicyBooks {addresses.get('PolicyBooks')}")
            return addresses[name]

        return cls(
            address("ProductRegister"),
            address("PolicyBooks"),
            address("OracleReports"),
            address("CapitalPool"),
            address("Subjects"),
            address("ConsentRegistry"),
            address("Streams"),
            address("token"),
            first_block,
        )


SIGNATURES: dict[str, tuple[str, ...]] = {
    "ProductRegister": (
        "ProductRegistered(uint32 indexed productId,bytes32 indexed metric,string name,uint32 version,"
        "uint8 direction,(int128,uint16)[] tiers,(uint8,uint32,uint32,uint32) requirement)",
    ),
    "PolicyBooks": (
        "BookIssued(uint32 indexed bookId,uint32 indexed productId,bytes32 root,uint32 policyCount,"
        "uint96 sumInsured,uint96 premium,uint96 reserve,uint40 coverFrom,uint40 coverUntil,"
        "uint40 deadline)",
        "Settled(uint32 indexed bookId,uint32 indexed reportId,"
        "uint256 settled,uint256 skipped,uint256 amount)",
        "PolicyCancelled(uint32 indexed bookId,uint32 indexed number,uint96 refund)",
        "BookExpired(uint32 indexed bookId,uint96 released)",
        "Withheld(uint32 indexed bookId,uint32 indexed number,address indexed payee)",
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
    "Subjects": (
        "WalletBound(bytes32 indexed subject,address indexed wallet,address indexed by)",
        "WalletUnbound(bytes32 indexed subject,address indexed wallet,address indexed by)",
        "SubjectVerified(bytes32 indexed subject,address indexed verifier,uint8 level,uint40 expires,"
        "bytes32 evidence)",
        "VerificationRevoked(bytes32 indexed subject,uint8 level,address indexed by)",
        "RepresentativeAppointed(bytes32 indexed subject,address indexed representative,address indexed by,"
        "(uint8,uint40,uint32,uint32,uint32) mandate,bytes32 evidence)",
        "RepresentativeDismissed(bytes32 indexed subject,address indexed representative,address indexed by)",
        "SubjectErased(bytes32 indexed subject,address indexed by,uint40 erasedAt)",
    ),
    "ConsentRegistry": (
        "TermDefined(uint32 indexed term,bytes32 indexed digest,string iri)",
        "DecisionRecorded(bytes32 indexed subject,address indexed by,uint256 entry,"
        "uint256 numberAndDecision,bytes32 evidence)",
        "ExpiryCapSet(uint32 indexed jurisdiction,uint32 indexed purpose,uint32 cap)",
        "ExpiryEventHappened(uint32 indexed term,uint40 effective,uint40 recorded)",
        "DenialHonoured(bytes32 indexed subject,bytes32 indexed key,uint32 indexed honouredBy,"
        "uint256 number,uint40 honouredAt,bytes32 evidence)",
    ),
    "Streams": (
        "StreamCreated(uint256 indexed stream,string name,address indexed by)",
        "WriterSet(uint256 indexed stream,address indexed writer,bool allowed,address indexed by)",
        "Anchored(uint256 indexed stream,uint256 indexed number,uint256 records,uint256 time,bytes32 root,"
        "bytes32 subjects)",
        "CountDeclared(uint256 indexed stream,uint40 indexed from,uint40 until,uint48 count,"
        "address indexed by)",
        "Held(uint256 indexed stream,bytes32 indexed matter,address indexed by)",
        "Released(uint256 indexed stream,bytes32 indexed matter,address indexed by)",
        "RetentionSet(uint256 indexed stream,string class,uint40 period,address indexed by)",
    ),
}
"""The events indexed, by contract, as their declarations read once structs, enums and user-defined words are
spelt out.
"""

# Each event's table, and what goes into its columns after (block, log, tx): a field, "mandate.0" the first of
# a struct's, "=" and a constant, or None. Those that are not here have a reader of their own below.
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
    "Withheld": (schema.withholdings, ("bookId", "number", "payee")),
    "WalletBound": (schema.wallets, ("subject", "wallet", "=bound", "by")),
    "WalletUnbound": (schema.wallets, ("subject", "wallet", "=unbound", "by")),
    "SubjectVerified": (
        schema.verifications,
        ("subject", "=verified", "level", "verifier", "expires", "evidence"),
    ),
    "VerificationRevoked": (schema.verifications, ("subject", "=revoked", "level", "by", None, None)),
    "RepresentativeAppointed": (
        schema.mandates,
        (
            *("subject", "representative", "=appointed", "by"),
            *(f"mandate.{place}" for place in range(5)),
            "evidence",
        ),
    ),
    "RepresentativeDismissed": (
        schema.mandates,
        ("subject", "representative", "=dismissed", "by", None, None, None, None, None, None),
    ),
    "SubjectErased": (schema.erasures, ("subject", "by", "erasedAt")),
    "ExpiryCapSet": (schema.expiry_caps, ("jurisdiction", "purpose", "cap")),
    "ExpiryEventHappened": (schema.happenings, ("term", "effective", "recorded")),
    "DenialHonoured": (
        schema.honours,
        ("subject", "key", "number", "honouredBy", "honouredAt", "evidence"),
    ),
    "WriterSet": (schema.stream_writers, ("stream", "writer", "allowed", "by")),
    "Anchored": (schema.anchors, ("stream", "number", "records", "time", "root", "subjects")),
    "CountDeclared": (schema.declared_counts, ("stream", "from", "until", "count", "by")),
    "Held": (schema.stream_holds, ("stream", "matter", "=held", "by")),
    "Released": (schema.stream_holds, ("stream", "matter", "=released", "by")),
}

_UINT32 = (1 << 32) - 1
_COLUMN_BITS = 63  # of a BIGINT, its sign left out
_DECISION_DATA = 2 + 3 * 64


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
            raise NodeInconsistent(f"a log that cannot be read ({error!r}): {shown(log)}") from error
        if not known:
            raise NodeInconsistent(f"a log of a contract that was not asked for: {shown(log)}")
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


def _addresses(contracts: Contracts) -> list[str]:
    """The contracts listened to, in lower case."""
    return [
        address.lower()
        for address in (
            contracts.product_register,
            contracts.policy_books,
            contracts.oracle_reports,
            contracts.capital_pool,
            contracts.subjects,
            contracts.consent_registry,
            contracts.streams,
        )
    ]


def _parsed(signature: str) -> tuple[str, list[tuple[str, bool, str]]]:
    """A declaration's name and its fields: type, indexed, name."""
    name, inner = signature[:-1].split("(", 1)
    fields = []
    for field in re.findall(r"(?:\([^)]*\)|[^,(])+", inner):
        kind, *indexed, label = field.split(" ")
        fields.append((kind, bool(indexed), label))
    return name, fields


def _words_of(fields: Sequence[tuple[str, bool, str]]) -> list[tuple[str, str]]:
    """Type and name of each word of a log, the indexed first; a struct's are "name.0" and so on."""
    in_order = [field for field in fields if field[1]] + [field for field in fields if not field[1]]
    words = []
    for kind, _, label in in_order:
        if kind.startswith("("):
            words += [(part, f"{label}.{place}") for place, part in enumerate(kind[1:-1].split(","))]
        else:
            words.append((kind, label))
    return words


def _word_reader(kind: str, most: int = 256) -> Callable[[str], Any]:
    """Reads an ABI word, 64 hex digits, as `kind`: address and bytes32 to bytes, unsigned integers, of `most`
    bits at the most, and bool to int.
    """
    if kind == "address":
        return lambda word: bytes.fromhex(word[24:])
    if kind == "bytes32":
        return bytes.fromhex
    bits = 1 if kind == "bool" else int(kind.removeprefix("uint"))
    limit = 1 << min(bits, most)

    def unsigned(word: str) -> int:
        value = int(word, 16)
        if value >= limit:
            raise ValueError(f"{word} is no {kind} of at most {most} bits")
        return value

    return unsigned


_uint32 = _word_reader("uint32")
_column = _word_reader("uint256", _COLUMN_BITS)


def _place(log: Log) -> tuple[int, int, bytes]:
    """The columns every event has: block, log, tx."""
    return int(log["blockNumber"], 16), int(log["logIndex"], 16), bytes.fromhex(log["transactionHash"][2:])


def _row_reader(signature: str, table: Table, columns: Sequence[str | None]) -> Callable[[Log], Row]:
    """Reads a log of `signature`, whose fields are of fixed width, into a row of `table`, `columns` as in
    _TABLES.
    """
    words_of = _words_of(_parsed(signature)[1])
    found = {label: (kind, position) for position, (kind, label) in enumerate(words_of)}
    plan: list[tuple[Callable[[str], Any], int]] = []
    for target, column in zip(list(table.columns)[3:], columns, strict=True):
        if column is None or column.startswith("="):
            plan.append((_always(column and column[1:]), 0))
        else:
            kind, position = found[column]
            most = _COLUMN_BITS if isinstance(target.type, BigInteger) else 256
            plan.append((_word_reader(kind, most), position))
    count = len(words_of)

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
    name, version, direction, tiers, requirement = decode(
        ["bytes", "uint32", "uint8", "(int128,uint16)[]", "(uint8,uint32,uint32,uint32)"],
        bytes.fromhex(log["data"][2:]),
    )
    return (
        *_place(log),
        _uint32(product_id[2:]),
        _text(name),
        version,
        bytes.fromhex(metric[2:]),
        ("at_least", "at_most")[direction],
        [list(tier) for tier in tiers],
        *requirement,
    )


def _term_row(log: Log) -> Row:
    """A TermDefined log as a row. Its IRI may be any bytes; escaped, no two are the same text."""
    _, term, _digest = log["topics"]
    (iri,) = decode(["bytes"], bytes.fromhex(log["data"][2:]))
    return *_place(log), _uint32(term[2:]), _text(iri.replace(b"\\", b"\\\\"))


def _stream_row(log: Log) -> Row:
    """A StreamCreated log as a row."""
    _, stream, by = log["topics"]
    (name,) = decode(["bytes"], bytes.fromhex(log["data"][2:]))
    return *_place(log), _column(stream[2:]), _text(name), bytes.fromhex(by[26:])


def _retention_row(log: Log) -> Row:
    """A RetentionSet log as a row. Its class may be any bytes."""
    _, stream, by = log["topics"]
    name, period = decode(["bytes", "uint40"], bytes.fromhex(log["data"][2:]))
    return *_place(log), _column(stream[2:]), _text(name), period, bytes.fromhex(by[26:])


def _text(content: bytes) -> str:
    """UTF-8 as text; what is none, or NUL, which PostgreSQL does not take, escaped."""
    return content.decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def _decision_row(log: Log) -> Row:
    """A DecisionRecorded log as a row: the fields packed into its two words, by Decisions.sol.

    The word kept says what holds (recorded, effective and expires as the registry took them); the entry says
    what the word kept leaves out.
    """
    _, subject, by = log["topics"]
    data = log["data"]
    if len(data) != _DECISION_DATA:
        raise ValueError(f"{len(data)} characters of data, not {_DECISION_DATA}")
    entry, kept = int(data[2:66], 16), int(data[66:130], 16)
    number, until = kept >> 128, kept >> 32 & _UINT32
    if number >> _COLUMN_BITS:
        raise ValueError(f"{number} is no number of a decision")
    by_event = kept >> 12 & 0xF
    return (
        *_place(log),
        bytes.fromhex(subject[2:]),
        entry >> 224,
        entry >> 192 & _UINT32,
        entry >> 160 & _UINT32,
        number,
        kept & 0xF,  # state
        kept >> 4 & 0xF,  # basis
        kept >> 8 & 0xF,  # method
        kept >> 64 & _UINT32,  # effective
        kept >> 96 & _UINT32,  # recorded
        0 if by_event else until,
        until if by_event else 0,
        entry >> 128 & _UINT32,  # notice
        entry >> 96 & _UINT32,  # jurisdiction
        kept >> 16 & 0xFFFF,  # corrects
        bytes.fromhex(by[26:]),
        bytes.fromhex(data[130:]),
    )


_READERS: dict[str, tuple[Table, Callable[[Log], Row]]] = {
    "ProductRegistered": (schema.products, _product_row),
    "TermDefined": (schema.terms, _term_row),
    "DecisionRecorded": (schema.decisions, _decision_row),
    "StreamCreated": (schema.streams, _stream_row),
    "RetentionSet": (schema.retentions, _retention_row),
}


def _events() -> Iterator[tuple[str, _Event]]:
    """Every event indexed, by topic."""
    for signatures in SIGNATURES.values():
        for signature in signatures:
            name, _ = _parsed(signature)
            if name in _READERS:
                yield topic_of(signature), _Event(*_READERS[name])
            else:
                table, columns = _TABLES[name]
                yield topic_of(signature), _Event(table, _row_reader(signature, table, columns))


_EVENTS = dict(_events())
