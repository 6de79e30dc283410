"""Account addresses: 0x-hex text at the edge, 20 bytes inside; EIP-55's checksum in the letters' case."""

from __future__ import annotations

from sha3 import keccak_256

__all__ = ["format_address", "parse_address"]

ZERO = bytes(20)
_BIT_6 = int("40" * 40, 16)


def parse_address(text: str) -> bytes:
    """The 20 bytes of `text`, 0x and 40 hex digits. ValueError, saying why, if it is none, zero or mistyped.

    Mixed case must be EIP-55's; all lower or all upper case carries no checksum and is taken as it stands.
    """
    digits = text[2:]
    try:
        address = bytes.fromhex(digits)
    except ValueError:
        address = b""
    # Length of both: fromhex() skips spaces.
    if len(address) != 20 or len(text) != 42 or text[:2] != "0x":
        raise ValueError("not an address: write 0x and 40 hex digits")
    if address == ZERO:
        raise ValueError("the zero address, and nobody holds its key: write the payee's own")
    lower = digits.lower()
    if lower != digits != digits.upper() and not _is_checksummed(digits, lower):
        raise ValueError("wrong checksum, so some character is wrong: copy it again from its source")
    return address


def format_address(address: bytes) -> str:
    """The 20 bytes as 0x-hex with EIP-55's checksum."""
    digits = address.hex()
    high = keccak_256(digits.encode()).hexdigest()
    return "0x" + "".join(c.upper() if h >= "8" else c for c, h in zip(digits, high[:40], strict=True))


def _is_checksummed(digits: str, lower: str) -> bool:
    """Whether just those letters are capitals whose digit in the hash of the lower-case address is 8 or more.

    All 40 at once, a byte each, as one number: a book may have a million. In ASCII, bit 6 marks a letter and,
    with it, bit 5 a small one; a hex digit is 8 or more if it has bit 6 (a to f) or bit 3 (8 and 9). A letter
    is right if just one of the two holds: it is small, or its digit in the hash is 8 or more.
    """
    typed = int.from_bytes(digits.encode(), "big")
    hashed = int.from_bytes(keccak_256(lower.encode()).hexdigest()[:40].encode(), "big")
    letters = typed & _BIT_6
    return ((hashed | hashed << 3) ^ typed << 1) & letters == letters
