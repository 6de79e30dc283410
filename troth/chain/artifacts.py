"""The compiled contracts the package ships, one JSON file each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from troth.chain.abi import Abi
from troth.chain.transactions import Call

__all__ = ["Artifact", "artifact", "shipped"]


@dataclass(frozen=True)
class Artifact:
    """A compiled contract."""

    name: str
    abi: Abi = field(repr=False)
    bytecode: bytes = field(repr=False)
    """What creates it; constructor arguments follow."""
    deployed_bytecode: bytes = field(repr=False)
    """What then stands at its address, with zeros where immutable values go."""
    source_hash: str

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Artifact:
        """The artifact in the content of a troth/artifacts file."""
        return cls(
            name=str(content["contractName"]),
            abi=Abi(content["abi"]),
            bytecode=bytes.fromhex(content["bytecode"].removeprefix("0x")),
            deployed_bytecode=bytes.fromhex(content["deployedBytecode"].removeprefix("0x")),
            source_hash=str(content["sourceHash"]),
        )

    def deployment(self, *arguments: Any, gas: int | None = None) -> Call:
        """The transaction that creates the contract; its receipt names the address."""
        data = self.bytecode + self.abi.constructor.encode(arguments)
        return Call(to=None, data=data, gas=gas, label=f"deploy {self.name}")


@cache
def shipped() -> Mapping[str, Artifact]:
    """All shipped artifacts by contract name, read at the first call."""
    found = (file for file in files("troth").joinpath("artifacts").iterdir() if file.name.endswith(".json"))
    read = [Artifact.of(json.loads(file.read_text(encoding="utf-8"))) for file in found]
    return MappingProxyType({one.name: one for one in sorted(read, key=lambda one: one.name)})


def artifact(name: str) -> Artifact:
    """A shipped artifact by contract name. Raises KeyError."""
    return shipped()[name]
