"""Risks and metrics: short text for people, 32 bytes for contracts, the same in both directions."""

from __future__ import annotations

from functools import lru_cache

__all__ = ["bytes32_to_text", "risk_to_bytes32"]


_KEPT = 65_536  # a book names each risk many times


@lru_cache(_KEPT)
def risk_to_bytes32(text: str) -> bytes:
    """`text` in UTF-8, zero-padded to 32 bytes. ValueError, saying why, unless it is fit for a key.

    Two keys that look alike must not differ: so no space at either end, and only characters that print.
    """
    if not text:
        raise ValueError("empty: write up to 32 bytes of text")
    if not text.isprintable():
        raise ValueError("holds a character that does not print: remove it")
    if text[0] == " " or text[-1] == " ":
        raise ValueError("begins or ends with a space: remove it")
    word = text.encode()
    if len(word) > 32:
        raise ValueError(f"{len(word)} bytes in UTF-8: write at most 32")
    return word.ljust(32, b"\0")


@lru_cache(_KEPT)
def bytes32_to_text(word: bytes) -> str:
    """The text that `risk_to_bytes32` made `word` of. ValueError if it made it of none."""
    try:
        text = word.rstrip(b"\0").decode()
        made = risk_to_bytes32(text)
    except ValueError:
        made = b""
    if made != word:
        raise ValueError(f"0x{word.hex()} is not 32 bytes of padded text")
    return text
