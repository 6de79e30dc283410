"""A contract's ABI as an encoder and decoder: structs as named tuples."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError
from sha3 import keccak_256

from troth.addresses import format_address

__all__ = ["Abi", "Entry", "selector"]

Item = Mapping[str, Any]
_Shaper = Callable[[Any], Any]


@dataclass(frozen=True)
class Entry:
    """A function, event or error of an ABI."""

    name: str
    signature: str
    """Such as "transfer(address,uint256)"."""
    inputs: tuple[Item, ...]
    outputs: tuple[Item, ...] = ()

    @property
    def selector(self) -> bytes:
        """The first four bytes of the signature's hash."""
        return selector(self.signature)

    @property
    def topic(self) -> bytes:
        """The signature's hash, 32 bytes."""
        return bytes(keccak_256(self.signature.encode()).digest())

    def encode(self, arguments: Sequence[Any]) -> bytes:
        """The arguments without the selector; structs given as tuples in the ABI's order.

        Raises TypeError for a value the type cannot hold: arguments are the program's, not the user's.
        """
        try:
            return encode([_type(item) for item in self.inputs], list(arguments))
        except (EncodingError, ValueError, TypeError) as error:
            raise TypeError(f"{self.signature}: {error}") from error

    def decode_result(self, data: bytes) -> Any:
        """What the function returned: the value itself, or a named tuple of several.

        Addresses come as checksummed text, structs as named tuples. Raises ValueError for other data.
        """
        values = _values(self.outputs, data)
        return values[0] if len(values) == 1 else _named("Result", self.outputs)(values)

    def decode_arguments(self, data: bytes) -> dict[str, Any]:
        """Arguments by name, of an error or a call without its selector. Raises ValueError for other data."""
        return dict(zip(_names(self.inputs), _values(self.inputs, data), strict=True))


class Abi:
    """The functions, events, errors and constructor of one contract."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._functions: dict[str, list[Entry]] = {}
        self._events: dict[str, Entry] = {}
        self._topics: dict[bytes, tuple[Entry, Item]] = {}
        self.errors: dict[bytes, Entry] = {}
        """By selector."""
        self.constructor = Entry("constructor", "constructor()", ())
        for item in items:
            self._add(item)

    def _add(self, item: Item) -> None:
        """Files one item of the JSON ABI."""
        if item["type"] == "constructor":
            self.constructor = _entry({**item, "name": "constructor"})
        elif item["type"] == "function":
            entry = _entry(item)
            for key in (entry.name, entry.signature):
                self._functions.setdefault(key, []).append(entry)
        elif item["type"] == "event":
            entry = _entry(item)
            self._events[entry.name] = entry
            self._topics[entry.topic] = (entry, item)
        elif item["type"] == "error":
            entry = _entry(item)
            self.errors[entry.selector] = entry

    def function(self, name: str, arguments: int | None = None) -> Entry:
        """A function by name; an overloaded one by signature or by its number of arguments.

        Raises KeyError if there is none, or more than one.
        """
        found = self._functions.get(name, [])
        if len(found) > 1:
            found = [entry for entry in found if len(entry.inputs) == arguments]
        if len(found) != 1:
            raise KeyError(f"{len(found) or 'no'} functions {name} with {arguments} arguments")
        return found[0]

    def event(self, name: str) -> Entry:
        """An event by name. Raises KeyError if there is none."""
        return self._events[name]

    def decode_log(self, topics: Sequence[bytes], data: bytes) -> tuple[str, Any] | None:
        """Name and arguments (a named tuple) of an event, or None if this ABI has no such event.

        An indexed string, bytes, array or struct comes as the 32-byte hash the log holds.
        """
        if not topics or topics[0] not in self._topics:
            return None
        entry, _ = self._topics[topics[0]]
        indexed = [item for item in entry.inputs if item["indexed"]]
        plain = [item for item in entry.inputs if not item["indexed"]]
        if len(topics) != len(indexed) + 1:
            return None
        found = iter([_topic_value(item, topic) for item, topic in zip(indexed, topics[1:], strict=True)])
        rest = iter(_values(plain, data))
        values = [next(found) if item["indexed"] else next(rest) for item in entry.inputs]
        return entry.name, _named(entry.name, entry.inputs)(values)


def selector(signature: str) -> bytes:
    """The four bytes by which a function or error is called."""
    return bytes(keccak_256(signature.encode()).digest()[:4])


def _entry(item: Item) -> Entry:
    """One item of the JSON ABI."""
    inputs = tuple(item["inputs"])
    signature = f"{item['name']}({','.join(map(_type, inputs))})"
    return Entry(str(item["name"]), signature, inputs, tuple(item.get("outputs", ())))


def _type(item: Item) -> str:
    """The type as signatures write it: structs spelled out."""
    kind = str(item["type"])
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(map(_type, item['components']))}){kind.removeprefix('tuple')}"


def _values(items: Sequence[Item], data: bytes) -> list[Any]:
    """Values decoded and shaped. Raises ValueError."""
    try:
        values = decode([_type(item) for item in items], data)
    except (DecodingError, OverflowError) as error:
        raise ValueError(f"no ABI encoding of {','.join(map(_type, items))}") from error
    return [_shaper(item, str(item["type"]))(value) for item, value in zip(items, values, strict=True)]


def _topic_value(item: Item, topic: bytes) -> Any:
    """The value of an indexed argument."""
    kind = str(item["type"])
    if kind in {"string", "bytes"} or kind.endswith("]") or kind.startswith("tuple"):
        return topic
    return _values([item], topic)[0]


def _shaper(item: Item, kind: str) -> _Shaper:
    """What makes the program's value from eth_abi's."""
    if kind.endswith("]"):
        inner = _shaper(item, kind[: kind.rindex("[")])
        return lambda values: tuple(map(inner, values))
    if kind == "address":
        return lambda text: format_address(bytes.fromhex(text[2:]))
    if kind == "tuple":
        parts = [_shaper(part, str(part["type"])) for part in item["components"]]
        struct = _named(str(item.get("internalType", "Struct")).rpartition(".")[2], item["components"])
        return lambda values: struct([shape(value) for shape, value in zip(parts, values, strict=True)])
    return lambda value: value


def _named(name: str, items: Sequence[Item]) -> Callable[[Iterable[Any]], Any]:
    """The maker of named tuples for these members."""
    clean = "".join(c for c in name.removeprefix("struct ").partition("[")[0] if c.isidentifier()) or "Struct"
    return _struct(clean, tuple(_names(items)))


@cache
def _struct(name: str, members: tuple[str, ...]) -> Callable[[Iterable[Any]], Any]:
    """The same for the same names: making a class takes longer than decoding what goes into it."""
    made: Any = namedtuple(name, members, rename=True)  # type: ignore[misc]  # named by the contract
    return made._make


def _names(items: Sequence[Item]) -> list[str]:
    """A name for each; those the contract left unnamed are numbered."""
    return [str(item["name"] or f"_{place}") for place, item in enumerate(items)]
