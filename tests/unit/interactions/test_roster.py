"""The roster of a batch's subjects, against the format written out by hand.

build
├── any number of subjects, in any order: salt, tags, details, root and word as the format says
└── none · one twice · a span that is none · a secret of another length: refused
entry: of each subject, which leads to the root; none of one who is not there
gap
├── between two · before all · after all: neighbours that lead to the root, side by side, the tag between them
└── of one who is there: refused
nothing of a roster tells a subject, or its numbers, to who does not know them
"""

from __future__ import annotations

import hmac
import random
from hashlib import sha256

import pytest
from support.streams import path_of, root_of

from troth.interactions.roster import Entry, Gap, Neighbour, Roster
from troth.trees import rfc9162

SECRET = bytes(range(7, 39))
Span = tuple[bytes, int, int]


def subject(number: int) -> bytes:
    """A subject's id, as random as can be."""
    return sha256(b"subject %d" % number).digest()


def spans_of(size: int) -> list[Span]:
    """Subjects in no order, with numbers of all kinds."""
    return [(subject(k), 1 + k * 1_000_003 % 2**40, 2**40 + k) for k in range(size)]


class ByHand:
    """The same roster, as the format says."""

    def __init__(self, secret: bytes, spans: list[Span]) -> None:
        """Everything about it."""
        self.secret = secret
        self.salt = hmac.new(secret, b"salt", "sha256").digest()
        self.spans = sorted(spans, key=lambda span: self.tag(span[0]))
        self.tags = [self.tag(one) for one, _, _ in self.spans]
        self.details = [
            sha256(self.blind(tag) + first.to_bytes(8, "big") + last.to_bytes(8, "big")).digest()
            for tag, (_, first, last) in zip(self.tags, self.spans, strict=True)
        ]
        self.leaves = [tag + detail for tag, detail in zip(self.tags, self.details, strict=True)]
        self.root = root_of(self.leaves)
        self.word = sha256(len(spans).to_bytes(32, "big") + self.salt + self.root).digest()

    def tag(self, one: bytes) -> bytes:
        """What stands for a subject."""
        return sha256(self.salt + one).digest()

    def blind(self, tag: bytes) -> bytes:
        """What its numbers are blinded with."""
        return hmac.new(self.secret, tag, "sha256").digest()[:16]

    def neighbour(self, index: int) -> Neighbour | None:
        """A leaf, with its path by definition."""
        if not 0 <= index < len(self.leaves):
            return None
        path = tuple(path_of(self.leaves, index))
        return Neighbour(index, self.tags[index], self.details[index], path)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 64, 65, 100])
def test_roster_is_the_formats_n2(size: int) -> None:
    """N2: salt, root and the word on the chain, of any number of subjects."""
    roster, by_hand = Roster.build(SECRET, spans_of(size)), ByHand(SECRET, spans_of(size))
    assert (roster.size, roster.salt, roster.root, roster.word) == (
        *(size, by_hand.salt, by_hand.root, by_hand.word),
    )


def test_order_in_which_subjects_come_does_not_matter() -> None:
    """They are sorted by what blinds them, and read once."""
    spans = spans_of(20)
    words = {Roster.build(SECRET, iter(random.Random(k).sample(spans, 20))).word for k in range(5)}
    assert len(words) == 1


def test_word_is_another_for_any_change_n2() -> None:
    """N2: of the secret, a subject, either number, how many there are."""
    spans = spans_of(4)
    one, first, last = spans[0]
    rosters = [
        Roster.build(SECRET, spans),
        Roster.build(bytes(32), spans),
        Roster.build(SECRET, [(subject(99), first, last), *spans[1:]]),
        Roster.build(SECRET, [(one, first + 1, last), *spans[1:]]),
        Roster.build(SECRET, [(one, first, last + 1), *spans[1:]]),
        Roster.build(SECRET, spans[1:]),
        Roster.build(SECRET, [*spans, (subject(99), 1, 1)]),
    ]
    assert len({roster.word for roster in rosters}) == len(rosters)


def test_roster_of_nobody_is_refused() -> None:
    """A batch has at least one record, and so a subject."""
    with pytest.raises(ValueError, match="at least one leaf"):
        Roster.build(SECRET, [])


def test_subject_named_twice_is_refused() -> None:
    """Its two leaves would contradict each other."""
    with pytest.raises(ValueError, match="named twice"):
        Roster.build(SECRET, [*spans_of(9), (subject(5), 1, 2)])


@pytest.mark.parametrize("span", [(0, 1), (-1, 1), (2, 1), (0, 0)])
def test_span_that_is_none_is_refused(span: tuple[int, int]) -> None:
    """Numbers begin with 1, and the lowest is not above the highest."""
    with pytest.raises(ValueError, match="begin with 1 or more"):
        Roster.build(SECRET, [*spans_of(3), (subject(9), *span)])


@pytest.mark.parametrize("length", [0, 31, 33])
def test_batch_secret_of_another_length_is_refused(length: int) -> None:
    """A short one could be guessed, and with it who is there."""
    with pytest.raises(ValueError, match=f"32 bytes, not {length}$"):
        Roster.build(bytes(length), spans_of(1))


@pytest.mark.parametrize("size", [1, 2, 7, 33])
def test_entry_of_each_subject_is_its_leaf_n2(size: int) -> None:
    """N2: numbers, blind and path, which make the leaf and lead to the root."""
    roster, by_hand = Roster.build(SECRET, spans_of(size)), ByHand(SECRET, spans_of(size))
    for index, (one, first, last) in enumerate(by_hand.spans):
        blind = by_hand.blind(by_hand.tags[index])
        entry = roster.entry(one)
        assert entry == Entry(index, first, last, blind, tuple(path_of(by_hand.leaves, index)))
        assert rfc9162.root_of(by_hand.leaves[index], index, size, entry.path) == roster.root


@pytest.mark.parametrize("size", [1, 2, 7, 33])
def test_who_is_not_there_has_no_entry_but_a_gap_n2(size: int) -> None:
    """N2: before all, between any two, and after all, with neighbours side by side that lead to the root."""
    roster, by_hand = Roster.build(SECRET, spans_of(size)), ByHand(SECRET, spans_of(size))
    met = set()
    for number in range(1_000, 1_000 + 100 * size):
        absent = subject(number)
        above = sum(tag < by_hand.tag(absent) for tag in by_hand.tags)
        assert roster.entry(absent) is None
        assert roster.gap(absent) == Gap(by_hand.neighbour(above - 1), by_hand.neighbour(above))
        met.add(above)
    assert {0, size} < met if size > 1 else met == {0, 1}


def test_who_is_there_has_no_gap() -> None:
    """First, last and between."""
    roster = Roster.build(SECRET, spans_of(9))
    for number in range(9):
        with pytest.raises(ValueError, match="has records in the batch"):
            roster.gap(subject(number))


def test_gap_tells_no_subject_and_no_number_of_its_neighbours_n4() -> None:
    """N4: only with the blind, which a receipt of somebody else does not carry, can numbers be tried."""
    roster = Roster.build(SECRET, [(subject(1), 3, 5)])
    gap = roster.gap(subject(2))
    leaf = gap.below or gap.above
    assert leaf is not None
    shown = leaf.tag + leaf.detail + roster.salt + roster.root + roster.word
    assert subject(1) not in shown
    assert leaf.detail != sha256((3).to_bytes(8, "big") + (5).to_bytes(8, "big")).digest()
    entry = roster.entry(subject(1))
    assert entry is not None
    assert entry.blind not in shown
    assert len(entry.blind) == 16


def test_subjects_and_numbers_are_blinded_anew_in_every_batch_n4() -> None:
    """N4: nobody can follow a subject from batch to batch without its id."""
    spans = spans_of(3)
    one, other = (Roster.build(secret, spans) for secret in (SECRET, bytes(32)))
    gaps = [roster.gap(subject(9)) for roster in (one, other)]
    tags = {leaf.tag for gap in gaps for leaf in (gap.below, gap.above) if leaf}
    assert one.salt != other.salt
    assert len(tags) == sum(leaf is not None for gap in gaps for leaf in (gap.below, gap.above))
