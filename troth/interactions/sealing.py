"""An interaction's secret and its bytes as received: sealed for its subject and its place in the stream.

The record of an erasure is sealed by the vault itself, for its subject's key is gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from troth.identity.vault import Box
from troth.interactions.records import SECRET

__all__ = ["Content", "opened", "sealed", "sealed_size"]

_USE = b"interaction"


@dataclass(frozen=True)
class Content:
    """What an interaction is made of."""

    secret: bytes = field(repr=False)
    """32 bytes: its field salts derive from it."""
    raw: bytes = field(repr=False)
    """As received."""


def sealed(box: Box, secret: bytes, raw: bytes, stream: int, position: int) -> bytes:
    """Both, sealed for the index `position` of a stream."""
    return box.seal(secret + raw, _USE + stream.to_bytes(8, "big") + position.to_bytes(8, "big"))


def sealed_size(raw: bytes) -> int:
    """Bytes of what `sealed` makes of them."""
    return len(raw) + SECRET + Box.EXTRA


def opened(box: Box, data: bytes, stream: int, position: int) -> Content:
    """What `sealed` was given. Raises DatabaseFailed for anything else."""
    plain = box.open(data, _USE + stream.to_bytes(8, "big") + position.to_bytes(8, "big"))
    return Content(plain[:SECRET], plain[SECRET:])
