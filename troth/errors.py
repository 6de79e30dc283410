"""What can go wrong, as one tree. The command line prints the text of any of these and exits with its code.

    TrothError                  exit 1: one plain line that says what to do
    ├── NoNode                  nobody answers at the RPC address
    ├── NodeError               the node answered a call with an error
    ├── WrongChain              the node serves another chain than this home was made for
    ├── NotDeployed             the contracts are not on this chain
    ├── NoFunds                 the account cannot pay for the transaction
    ├── FeeAboveLimit           the network asks more for gas than the user allows
    ├── NoMoney                 the account has too little of the token
    ├── OraclesShort            too few trusted oracle keys are at hand to sign a report
    ├── MissingRole             the account may not do this
    ├── ContractRefused         a contract's custom error, by name, with its arguments
    ├── TransactionFailed       a mined transaction reverted, or never got mined
    ├── ReorgTooDeep            the chain rewrote blocks that were taken as final
    ├── PoolShort               the pool has less free money than this needs
    ├── PoolPaused              the pool is paused
    ├── ConsentsPaused          the consent registry is paused, and takes denials only
    ├── NoExit                  the account may not take money out of the pool (yet)
    ├── WrongPassword           the keystore does not open
    ├── WrongKey                the key-encryption key is not the one the database was made with
    ├── Busy                    another process holds a home, or what is wanted of a database
    ├── NodeInconsistent        the node contradicts itself, and asking again did not help
    ├── RecordsAltered          the database no longer holds what was put on the chain
    ├── BatchTaken              the chain holds another batch of a stream than this database closed
    ├── NotWriter               the account may not anchor batches of this stream
    ├── DatabaseFailed          the database cannot be reached, read or written
    ├── DatabaseTooNew          a later version of Troth has changed the database
    ├── BadSetting              exit 2: an option or environment variable breaks its rule
    └── BadInput                exit 2: the user's files, with every problem and its place

An error keeps what it was made of as attributes and in `args`, so it can be pickled; `str()` makes its text.
"""

# ruff: noqa: N818  (`except NoNode` says it; an Error at the end of every name would not say it better)

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, NamedTuple

__all__ = [
    "BadInput",
    "BadSetting",
    "BatchTaken",
    "Busy",
    "ConsentsPaused",
    "ContractRefused",
    "DatabaseFailed",
    "DatabaseTooNew",
    "FeeAboveLimit",
    "MissingRole",
    "NoExit",
    "NoFunds",
    "NoMoney",
    "NoNode",
    "NodeError",
    "NodeInconsistent",
    "NotDeployed",
    "NotWriter",
    "OraclesShort",
    "PoolPaused",
    "PoolShort",
    "Problem",
    "RecordsAltered",
    "ReorgTooDeep",
    "TransactionFailed",
    "TrothError",
    "WrongChain",
    "WrongKey",
    "WrongPassword",
]

SHOWN_PROBLEMS = 20
SHOWN_CHARACTERS = 64


class TrothError(Exception):
    """Whatever stops a command and is no defect of it. `str()` is for people: what, where, and what to do."""

    exit_code: ClassVar[int] = 1


class NoNode(TrothError):
    """Nothing answers at `rpc`."""

    def __init__(self, rpc: str, detail: str = "") -> None:
        super().__init__(rpc, detail)
        self.rpc, self.detail = rpc, detail

    def __str__(self) -> str:
        """The address, and how to get a node there."""
        why = f" ({self.detail})" if self.detail else ""
        return f"no node answers at {self.rpc}{why}: start one with `troth up`, or name another with --rpc"


class NodeError(TrothError):
    """The node answered `method` with a JSON-RPC error `detail`, of number `code` where it gave one."""

    def __init__(self, method: str, detail: str, code: int | None = None) -> None:
        super().__init__(method, detail, code)
        self.method, self.detail, self.code = method, detail, code

    def __str__(self) -> str:
        """The call and the node's own words."""
        number = "" if self.code is None else f" {self.code}"
        return f"the node refused {self.method} with error{number}: {self.detail}; look into the node's log"


class WrongChain(TrothError):
    """The node at `rpc` serves a chain other than recorded; `expected`, `found`: chain id or genesis hash."""

    def __init__(self, rpc: str, expected: int | str, found: int | str) -> None:
        super().__init__(rpc, expected, found)
        self.rpc, self.expected, self.found = rpc, expected, found

    def __str__(self) -> str:
        """Both chains, and the two ways out."""
        return (
            f"the node at {self.rpc} serves chain {self.found}, this home belongs to chain {self.expected}: "
            "name the right node with --rpc, or use another TROTH_HOME"
        )


class NotDeployed(TrothError):
    """`contract` has no code where it should be; `place` is an address, a chain or a file."""

    def __init__(self, contract: str, place: str) -> None:
        super().__init__(contract, place)
        self.contract, self.place = contract, place

    def __str__(self) -> str:
        """What is missing where, and how to deploy."""
        return f"{self.contract} is not deployed at {self.place}: run `troth up` first, or check --rpc"


class NoFunds(TrothError):
    """`account` holds `available` wei and needs `needed` wei for gas and value."""

    def __init__(self, account: str, needed: int, available: int) -> None:
        super().__init__(account, needed, available)
        self.account, self.needed, self.available = account, needed, available

    def __str__(self) -> str:
        """The account, both amounts in wei, and what to send."""
        return (
            f"{self.account} holds {self.available} wei and needs {self.needed} wei: "
            f"send it at least {self.needed - self.available} wei more, and run the command again"
        )


class FeeAboveLimit(TrothError):
    """The network asks `asked` wei for a unit of gas, above the user's `limit`."""

    def __init__(self, asked: int, limit: int) -> None:
        super().__init__(asked, limit)
        self.asked, self.limit = asked, limit

    def __str__(self) -> str:
        """Both in wei, and the two ways out."""
        return (
            f"the network asks {self.asked} wei for a unit of gas, above the limit of {self.limit}: "
            "run the command again later, or raise TROTH_MAX_FEE"
        )


class NoMoney(TrothError):
    """`account` holds `available` of the token and needs `needed`; amounts as text in currency."""

    def __init__(self, account: str, needed: str, available: str) -> None:
        super().__init__(account, needed, available)
        self.account, self.needed, self.available = account, needed, available

    def __str__(self) -> str:
        """The account, both amounts, and what to do."""
        return (
            f"{self.account} holds {self.available} and needs {self.needed}: "
            "send it the rest, and run the command again"
        )


class OraclesShort(TrothError):
    """A report needs `needed` oracle signatures, and `available` trusted keys are at hand."""

    def __init__(self, needed: int, available: int) -> None:
        super().__init__(needed, available)
        self.needed, self.available = needed, available

    def __str__(self) -> str:
        """Both numbers, and where keys come from."""
        return (
            f"a report needs {self.needed} trusted oracle signatures and {self.available} of their keys are "
            "at hand: name more of the oracles' key files in TROTH_ORACLE_KEYSTORES"
        )


class MissingRole(TrothError):
    """`account` does not hold `role`, the name of a role of the access manager."""

    def __init__(self, role: str, account: str) -> None:
        super().__init__(role, account)
        self.role, self.account = role, account

    def __str__(self) -> str:
        """The account, the role, and who can help."""
        return (
            f"{self.account} lacks the role {self.role}: "
            "have an administrator of the AccessManager grant it, or sign with another key"
        )


class ContractRefused(TrothError):
    """A contract reverted with the custom error `name`; `arguments` by name, as the ABI decodes them."""

    def __init__(self, name: str, arguments: Mapping[str, object]) -> None:
        super().__init__(name, dict(arguments))
        self.name, self.arguments = name, dict(arguments)

    def __str__(self) -> str:
        """The error as the contract's source would write it."""
        shown = ", ".join(f"{name}={_hex_or_text(value)}" for name, value in self.arguments.items())
        return f"the contract refused, and nothing changed: {self.name}({shown})"


class TransactionFailed(TrothError):
    """The transaction `hash` (0x-hex) had no effect, because of `reason`."""

    def __init__(self, hash: str, reason: str) -> None:  # noqa: A002  the field's word
        super().__init__(hash, reason)
        self.hash, self.reason = hash, reason

    def __str__(self) -> str:
        """Which one, why, and that repeating is safe."""
        return f"transaction {self.hash} failed: {self.reason}; running the command again is safe"


class ReorgTooDeep(TrothError):
    """Block `block`, taken as final, had hash `expected`, and the chain now has `found` there."""

    def __init__(self, block: int, expected: str, found: str) -> None:
        super().__init__(block, expected, found)
        self.block, self.expected, self.found = block, expected, found

    def __str__(self) -> str:
        """The block and both hashes."""
        return (
            f"the chain rewrote final block {self.block} ({self.expected} became {self.found}): stop paying, "
            "find out which chain the network follows, then rebuild the index as docs/operations.md says"
        )


class PoolShort(TrothError):
    """The pool has `available` free and needs `needed`; amounts as text in currency."""

    def __init__(self, needed: str, available: str) -> None:
        super().__init__(needed, available)
        self.needed, self.available = needed, available

    def __str__(self) -> str:
        """Both amounts, and how to add money."""
        return (
            f"the pool has {self.available} that is neither reserved nor owed, and this needs {self.needed}: "
            "add money with `troth pool deposit AMOUNT`"
        )


class PoolPaused(TrothError):
    """The pool is paused: nothing goes in or out but what is owed."""

    def __str__(self) -> str:
        """Who can help, and what works meanwhile."""
        return (
            "the pool is paused: have a guardian run `troth pool resume`; "
            "what is owed can still be withdrawn with `troth owed withdraw`"
        )


class ConsentsPaused(TrothError):
    """The consent registry is paused: it takes nothing but denials."""

    def __str__(self) -> str:
        """Who can help, and what works meanwhile."""
        return (
            "the consent registry is paused: have a guardian run `troth consent resume`; "
            "what is refused, withdrawn or revoked is still recorded"
        )


class NoExit(TrothError):
    """The account may not take this out of the pool; `reason` says why, and what it may do."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        """The reason."""
        return f"no exit from the pool: {self.reason}"


class WrongPassword(TrothError):
    """The keystore file `path` does not open with the password given."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        """Which file. Never the password."""
        return f"the password does not open the keystore {self.path}: give the one it was made with"


class WrongKey(TrothError):
    """The key-encryption key at `place`, a variable or a file, does not open the data at `url`."""

    def __init__(self, place: str, url: str) -> None:
        super().__init__(place, url)
        self.place, self.url = place, url

    def __str__(self) -> str:
        """Where the key is from, and which one it takes. Never the key."""
        return (
            f"the key-encryption key of {self.place} does not open the subjects in the database {self.url}, "
            "and nothing was changed: give the one they were made with"
        )


class Busy(TrothError):
    """Another process holds the lock of `what`: of a home, or of something in a database."""

    def __init__(self, what: str, is_home: bool = False) -> None:
        super().__init__(what, is_home)
        self.what, self.is_home = what, is_home

    def __str__(self) -> str:
        """What it is, what to wait for, and of a home another way out."""
        way = ", or use another TROTH_HOME" if self.is_home else ""
        return f"another process is at work on {self.what}: wait until it is done{way}"


class NodeInconsistent(TrothError):
    """The node's answers do not fit together, however often it is asked; `detail` says how."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        """What does not fit, and what to try."""
        return f"the node contradicts itself: {self.detail}; run the command again, or use another --rpc"


class RecordsAltered(TrothError):
    """What the database holds of `what` no longer gives the root that is on the chain."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        """What was altered, and that nothing was sent."""
        return (
            f"the records of {self.what} were changed since its root was put on the chain; nothing was sent: "
            "restore the database from a backup"
        )


class BatchTaken(TrothError):
    """Batch `number` of stream `stream` is on the chain, and is not the one this database closed."""

    def __init__(self, stream: str, number: int) -> None:
        super().__init__(stream, number)
        self.stream, self.number = stream, number

    def __str__(self) -> str:
        """Which batch, how that comes about, and the ways out."""
        return (
            f"batch {self.number} of stream {self.stream} is on the chain, and not of this database: another "
            "anchors the stream, or this is an old backup; nothing was sent: anchor with the database that "
            "made it, or take the records into a stream of their own (`troth stream create`)"
        )


class NotWriter(TrothError):
    """`account` is none of the writers of stream `stream`."""

    def __init__(self, stream: str, account: str) -> None:
        super().__init__(stream, account)
        self.stream, self.account = stream, account

    def __str__(self) -> str:
        """The account, the stream, and who can help."""
        return (
            f"{self.account} is no writer of stream {self.stream}: have a compliance officer run "
            f"`troth stream writer {self.stream} {self.account}`, or sign with another key"
        )


class DatabaseFailed(TrothError):
    """The database at `url` (no password in it) failed for `reason`, in the driver's words."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(url, reason)
        self.url, self.reason = url, reason

    def __str__(self) -> str:
        """Which database, why, and what is safe."""
        return f"the database {self.url} failed: {self.reason}; nothing is half-written: mend it, run again"


class DatabaseTooNew(TrothError):
    """The database at `url` is at schema revision `found`; this version of Troth knows none after `known`."""

    def __init__(self, url: str, found: str, known: str) -> None:
        super().__init__(url, found, known)
        self.url, self.found, self.known = url, found, known

    def __str__(self) -> str:
        """Both revisions, and the way out."""
        return (
            f"the database {self.url} has schema {self.found}; this version knows none after {self.known}: "
            "use the version of Troth that made it, or a later one"
        )


class BadSetting(TrothError):
    """The option or environment variable `name` holds `value`, against `rule`."""

    exit_code: ClassVar[int] = 2

    def __init__(self, name: str, value: str, rule: str) -> None:
        super().__init__(name, value, rule)
        self.name, self.value, self.rule = name, value, rule

    def __str__(self) -> str:
        """The setting, its value, and the rule."""
        return f"{self.name}: {_quoted(self.value)}: {self.rule}"


class Problem(NamedTuple):
    """One thing wrong with the user's input: its place, its value, and the rule it breaks.

    `line` counts from 1; `line`, `column` and `value` are None where there is none, as for a missing file.
    An option is a place too: Problem("--product", None, None, "storm", "no such product: ...").
    """

    file: str
    line: int | None
    column: str | None
    value: str | None
    reason: str

    def __str__(self) -> str:
        """One line, `file:line: column: 'value': reason`, safe to print whatever any of them holds."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        value = None if self.value is None else _quoted(self.value)
        return printable(": ".join(part for part in (place, self.column, value, self.reason) if part))


class BadInput(TrothError):
    """The user's input breaks the rules; `problems` holds every breach, in the order of the input."""

    exit_code: ClassVar[int] = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        """A line for each of the first 20 problems, then how many more there are."""
        lines = [str(problem) for problem in self.problems[:SHOWN_PROBLEMS]]
        if len(self.problems) > SHOWN_PROBLEMS:
            lines.append(f"... and {len(self.problems) - SHOWN_PROBLEMS} more")
        return "\n".join(lines)


def printable(text: str) -> str:
    """`text` on one line, with nothing in it that a terminal would obey."""
    return "".join(character if character.isprintable() else "�" for character in text)


def _quoted(value: str) -> str:
    """`value` in quotes, cut to a readable length, with what cannot be printed escaped."""
    if len(value) > SHOWN_CHARACTERS:
        return f"{value[:SHOWN_CHARACTERS]!r}…"
    return repr(value)


def _hex_or_text(value: object) -> str:
    """Bytes as 0x-hex, anything else as text that can be printed."""
    return f"0x{value.hex()}" if isinstance(value, bytes) else printable(str(value))
