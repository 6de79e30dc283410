"""Risks and metrics as 32 bytes: each rule, and the way back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from troth.claims.keys import bytes32_to_text, risk_to_bytes32

fit = st.text(max_size=32).filter(
    lambda text: text and text.isprintable() and text == text.strip(" ") and len(text.encode()) <= 32
)


@pytest.mark.parametrize("text", ["x", "UA 1545 2013-01-01", "a" * 32, "é" * 16, "航班"])
def test_risk_is_utf8_padded_with_zero_bytes(text: str) -> None:
    """One byte to 32, whatever the alphabet."""
    assert risk_to_bytes32(text) == text.encode() + bytes(32 - len(text.encode()))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("a" * 33, "33 bytes"),
        ("é" * 16 + "a", "33 bytes"),
        (" a", "space"),
        ("a ", "space"),
        ("a\0", "does not print"),
        ("a\nb", "does not print"),
        ("a\x7f", "does not print"),
        ("a\u202eb", "does not print"),
        ("\u00a0a", "does not print"),
        ("a\udcff", "does not print"),
    ],
)
def test_risk_refuses_what_is_unfit_for_a_key(text: str, reason: str) -> None:
    """Nothing, too much, and what cannot be seen."""
    with pytest.raises(ValueError, match=reason):
        risk_to_bytes32(text)


@given(fit)
def test_text_survives_the_way_there_and_back(text: str) -> None:
    """Every fit key reads back as it was."""
    assert bytes32_to_text(risk_to_bytes32(text)) == text


@pytest.mark.parametrize(
    "word", [bytes(32), b"a", b"a" * 31, b"a" * 33, b"a\0b".ljust(32, b"\0"), b"\xff" * 32]
)
def test_text_refuses_bytes_that_no_key_makes(word: bytes) -> None:
    """Empty, of another length, with a hole, or not UTF-8."""
    with pytest.raises(ValueError, match=f"0x{word.hex()} is not 32 bytes of padded text"):
        bytes32_to_text(word)
