"""A batch's roster: which subjects have records in it, blinded, sorted, and under one root.

A subject's tag is SHA-256 of the batch's salt and the subject id: with the salt, which receipts carry,
whoever knows an id can tell its tag, and nobody can tell an id from its tag. Beside it stands a digest of the
subject's lowest and highest number in the batch, blinded, for that is nobody else's business. Leaves are tag
and digest, ascending: so two neighbours show that no subject between them is there.

    secret  of the batch, 32 random bytes, kept
    salt    HMAC-SHA-256(secret, "salt")
    tag     SHA-256(salt || subject)
    blind   the first 16 bytes of HMAC-SHA-256(secret, tag)
    detail  SHA-256(blind || first || last), both numbers in 8 bytes
    word    SHA-256(number of leaves in 32 bytes || salt || root of the RFC 9162 tree over tag || detail)
"""

from __future__ import annotations

import hmac
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise

from troth.trees.rfc9162 import Tree

__all__ = ["Entry", "Gap", "Neighbour", "Roster"]

SECRET = 32
_BLIND = 16
_Line = tuple[bytes, int, int]


@dataclass(frozen=True)
class Entry:
    """Shows that a subject has records in the batch: those numbered `first` to `last`."""

    index: int
    """Of its leaf."""
    first: int
    last: int
    blind: bytes
    """16 bytes."""
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class Neighbour:
    """A leaf beside which another would stand if it were there."""

    index: int
    tag: bytes
    detail: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class Gap:
    """Shows that a subject has no records in the batch: two neighbours with its tag between them."""

    below: Neighbour | None
    """None where the subject's tag comes before all."""
    above: Neighbour | None
    """None where it comes after all."""


class Roster:
    """The subjects of one batch. Build it with `Roster.build`."""

    def __init__(self, secret: bytes, lines: list[_Line]) -> None:
        """Take over `lines` of tag, first and last number, ascending."""
        self._secret, self._lines = secret, lines
        self._tree = Tree.build(tag + _detail(_blind(secret, tag), *span) for tag, *span in lines)

    @classmethod
    def build(cls, secret: bytes, spans: Iterable[tuple[bytes, int, int]]) -> Roster:
        """The roster of subjects with their lowest and highest number in the batch, in any order.

        ValueError for no subjects, one named twice, a span that is none, or a secret of other than 32 bytes.
        """
        if len(secret) != SECRET:
            raise ValueError(f"a batch's secret has {SECRET} bytes, not {len(secret)}")
        salt = _salt(secret)
        lines = sorted((_tag(salt, subject), first, last) for subject, first, last in spans)
        if any(not 1 <= first <= last for _, first, last in lines):
            raise ValueError(
                "a subject's numbers in a batch begin with 1 or more, and do not end before that"
            )
        if any(one[0] == other[0] for one, other in pairwise(lines)):
            raise ValueError("a subject is named twice")
        return cls(secret, lines)

    @property
    def size(self) -> int:
        """The number of subjects."""
        return len(self._lines)

    @property
    def salt(self) -> bytes:
        """What the tags are salted with, 32 bytes."""
        return _salt(self._secret)

    @property
    def root(self) -> bytes:
        """Root of the tree, 32 bytes."""
        return self._tree.root

    @property
    def word(self) -> bytes:
        """What the chain holds of it, a batch's `subjects`: 32 bytes."""
        return sha256(self.size.to_bytes(32, "big") + self.salt + self.root).digest()

    def entry(self, subject: bytes) -> Entry | None:
        """What shows that `subject`, 32 bytes, has records here; None if it has none."""
        tag, index = self._place(subject)
        if index == self.size or self._lines[index][0] != tag:
            return None
        _, first, last = self._lines[index]
        return Entry(index, first, last, _blind(self._secret, tag), self._tree.path(index))

    def gap(self, subject: bytes) -> Gap:
        """What shows that `subject`, 32 bytes, has no records here. ValueError if it has."""
        tag, index = self._place(subject)
        if index < self.size and self._lines[index][0] == tag:
            raise ValueError("this subject has records in the batch")
        return Gap(self._neighbour(index - 1), self._neighbour(index))

    def _place(self, subject: bytes) -> tuple[bytes, int]:
        """The tag of `subject`, and the index of its leaf, or of the one that comes after it."""
        tag = _tag(self.salt, subject)
        return tag, bisect_left(self._lines, (tag,))

    def _neighbour(self, index: int) -> Neighbour | None:
        """The leaf at `index`; None beyond either end."""
        if not 0 <= index < self.size:
            return None
        tag, first, last = self._lines[index]
        detail = _detail(_blind(self._secret, tag), first, last)
        return Neighbour(index, tag, detail, self._tree.path(index))


def _salt(secret: bytes) -> bytes:
    """What the tags are salted with, 32 bytes."""
    return hmac.digest(secret, b"salt", "sha256")


def _tag(salt: bytes, subject: bytes) -> bytes:
    """What stands for `subject`, 32 bytes."""
    return sha256(salt + subject).digest()


def _blind(secret: bytes, tag: bytes) -> bytes:
    """What a subject's numbers are blinded with, 16 bytes."""
    return hmac.digest(secret, tag, "sha256")[:_BLIND]


def _detail(blind: bytes, first: int, last: int) -> bytes:
    """What stands for a subject's numbers, 32 bytes."""
    return sha256(blind + first.to_bytes(8, "big") + last.to_bytes(8, "big")).digest()
