"""A batch's commitment: the one word of it on the chain, as contracts/interactions/Streams.sol makes it.

    contents   = SHA-256(chain id, contract, stream, number, count, time, root, subjects, previous)
    commitment = SHA-256(contents, how many records the stream has with this batch)

each 32 bytes. `previous` is the commitment before, so the last one stands for all of them. The first batch's
is the stream's origin: the contents of that are the chain id, the contract, the stream and its name's
SHA-256, and it has no records.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from troth.addresses import parse_address

__all__ = ["Batch", "commitment", "contents", "origin"]

_WORD = 32


@dataclass(frozen=True)
class Batch:
    """What a commitment opens to, beside the chain and the contract."""

    stream: int
    number: int
    """From 1."""
    first: int
    """Index in the stream of its first record, from 0."""
    count: int
    time: int
    """When it was anchored, in UTC seconds."""
    root: bytes
    """Of the tree over its records."""
    subjects: bytes
    """`Roster.word` of its subjects."""
    previous: bytes
    """The commitment before."""


def contents(chain: int, contract: str, batch: Batch) -> bytes:
    """What Streams.contentsOf gives for `batch`, 32 bytes. `contract`: its address, 0x and 40 hex digits."""
    numbers = (batch.stream, batch.number, batch.count, batch.time)
    return _hashed(chain, parse_address(contract), *numbers, batch.root, batch.subjects, batch.previous)


def commitment(chain: int, contract: str, batch: Batch) -> bytes:
    """What Streams.commitmentOf gives for `batch`, 32 bytes, and what the chain holds once it is anchored."""
    return _hashed(contents(chain, contract, batch), batch.first + batch.count)


def origin(chain: int, contract: str, stream: int, name: str) -> tuple[bytes, bytes]:
    """The contents and the commitment that a stream begins with, 32 bytes each."""
    begun = _hashed(chain, parse_address(contract), stream, sha256(name.encode()).digest())
    return begun, _hashed(begun, 0)


def _hashed(*words: int | bytes) -> bytes:
    """SHA-256 of `words`, each filled up with zeros on the left to 32 bytes."""
    return sha256(b"".join(map(_word, words))).digest()


def _word(value: int | bytes) -> bytes:
    """`value` as the ABI writes a number, an address or a hash."""
    return value.to_bytes(_WORD, "big") if isinstance(value, int) else value.rjust(_WORD, b"\0")
