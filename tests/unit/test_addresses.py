"""Addresses: length, digits, prefix, zero, and EIP-55's checksum against another implementation of it."""

from __future__ import annotations

import pytest
from eth_utils.address import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from troth.addresses import format_address, parse_address

GOOD = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"  # from EIP-55 itself
addresses = st.binary(min_size=20, max_size=20).filter(any)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0xde709f2102306220921060314715629080e2fb77",
        GOOD.lower(),
        "0x" + GOOD[2:].upper(),
        "0x" + "1" * 40,
    ],
)
def test_parse_takes_checksummed_or_single_case(text: str) -> None:
    """EIP-55's own examples, and addresses without a checksum."""
    assert parse_address(text) == bytes.fromhex(text[2:])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x",
        GOOD[2:],
        GOOD[:-1],
        GOOD + "0",
        "0X" + GOOD[2:],
        "00" + GOOD[2:],
        GOOD[:-1] + "g",
        " " + GOOD[1:],
        GOOD[:-2] + "  ",
        GOOD[:20] + " " + GOOD[20:-1],
        GOOD[:4] + " " + GOOD[4:],
        GOOD + "\n",
        GOOD[:-1] + "\n",
        GOOD[:-1] + "\udcff",
        "0x" + "\uff11" * 40,
    ],
)
def test_parse_refuses_what_is_not_0x_and_40_digits(text: str) -> None:
    """One digit less or more, another prefix, spaces, other alphabets."""
    with pytest.raises(ValueError, match="not an address: write 0x and 40 hex digits"):
        parse_address(text)


def test_parse_refuses_zero() -> None:
    """Money sent there is gone."""
    with pytest.raises(ValueError, match="zero address"):
        parse_address("0x" + "0" * 40)
    assert parse_address("0x" + "0" * 39 + "1") == bytes(19) + b"\1"


@given(address=addresses)
def test_format_is_eip55(address: bytes) -> None:
    """As another implementation writes it, and back."""
    text = format_address(address)
    assert text == to_checksum_address(address)
    assert parse_address(text) == address


@given(address=addresses, at=st.integers(2, 41))
def test_parse_refuses_any_letter_of_the_wrong_case(address: bytes, at: int) -> None:
    """One letter's case changed is a wrong checksum, unless it leaves none."""
    text = format_address(address)
    changed = text[:at] + text[at].swapcase() + text[at + 1 :]
    if changed == text or changed[2:] in (changed[2:].lower(), changed[2:].upper()):
        assert parse_address(changed) == address
        return
    with pytest.raises(ValueError, match="wrong checksum"):
        parse_address(changed)
