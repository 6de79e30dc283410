"""What a contract meant by reverting: its custom error by name, or the role the caller lacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any

from troth.chain.abi import Abi, Entry, selector
from troth.chain.artifacts import shipped
from troth.chain.rpc import Node
from troth.errors import ContractRefused, MissingRole, NodeError, TrothError

__all__ = ["Refusals", "Role"]

_ERROR = Entry("Error", "Error(string)", ({"name": "message", "type": "string"},))
_PANIC = Entry("Panic", "Panic(uint256)", ({"name": "code", "type": "uint256"},))
_PANICS = {
    0x01: "assertion failed",
    0x11: "arithmetic overflow",
    0x12: "division by zero",
    0x21: "no such enum value",
    0x31: "pop from an empty array",
    0x32: "array index out of bounds",
    0x41: "out of memory",
}
_AUTHORITY = selector("authority()")
_ROLE_OF_FUNCTION = selector("getTargetFunctionRole(address,bytes4)")


class Role(IntEnum):
    """Roles of the Authority contract, an OpenZeppelin AccessManager."""

    ADMINISTRATOR = 0
    ACTUARY = 1
    UNDERWRITER = 2
    SUPERVISOR = 3
    CHALLENGER = 4
    ARBITER = 5
    GUARDIAN = 6
    BOOKKEEPER = 7
    OPERATOR = 8
    VERIFIER = 9
    COMPLIANCE = 10


class Refusals:
    """All custom errors of the shipped contracts and of any others named, by selector."""

    def __init__(self, others: Iterable[Abi] = ()) -> None:
        self._errors: dict[bytes, Entry] = {_ERROR.selector: _ERROR, _PANIC.selector: _PANIC}
        for abi in (*(one.abi for one in shipped().values()), *others):
            self._errors.update(abi.errors)

    def explain(
        self,
        data: bytes,
        *,
        node: Node | None = None,
        to: str | None = None,
        sent: bytes = b"",
        sender: str = "",
    ) -> TrothError:
        """The error that revert data stands for: MissingRole or ContractRefused.

        With `node`, contract `to`, call data `sent` and `sender`, the role is looked up on the chain.
        """
        name, arguments = self._decode(data)
        if name == "AccessManagerUnauthorizedAccount":
            return MissingRole(_role_name(arguments["roleId"]), str(arguments["msgsender"]))
        if name == "AccessManagedUnauthorized":
            caller = str(arguments["caller"])
            # A contract further down that refuses the contract called is a fault of the deployment.
            role = _role_needed(node, to, sent) if caller.lower() == sender.lower() else None
            if role is not None:
                return MissingRole(role, caller)
        return ContractRefused(name, arguments)

    def _decode(self, data: bytes) -> tuple[str, Mapping[str, Any]]:
        """Name and arguments of an error."""
        if not data:
            return "Reverted", {"reason": "the contract gave none"}
        entry = self._errors.get(data[:4])
        try:
            arguments = entry.decode_arguments(data[4:]) if entry else {}
        except ValueError:
            entry = None
        if entry is None:
            return f"0x{data[:4].hex()}", {"data": data[4:]}
        if entry is _PANIC:
            code = arguments["code"]
            return "Panic", {"code": code, "reason": _PANICS.get(code, "unknown")}
        return entry.name, arguments


def _role_needed(node: Node | None, to: str | None, sent: bytes) -> str | None:
    """The name of the role that contract `to` asks for this function; None where it cannot be found out."""
    if node is None or to is None or len(sent) < 4:
        return None
    try:
        authority = (
            "0x" + str(node.call("eth_call", [{"to": to, "data": f"0x{_AUTHORITY.hex()}"}, "latest"]))[26:]
        )
        query = _ROLE_OF_FUNCTION + bytes.fromhex(to[2:]).rjust(32, b"\0") + sent[:4].ljust(32, b"\0")
        answer = node.call("eth_call", [{"to": authority, "data": f"0x{query.hex()}"}, "latest"])
        return _role_name(int(answer, 16))
    except (NodeError, ValueError):
        return None


def _role_name(number: int) -> str:
    """A role's name, or its number where it is none of ours."""
    return Role(number).name if number in Role._value2member_map_ else f"number {number}"
