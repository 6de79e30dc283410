"""A record: named fields, each a text under a salt of its own, and the root over their digests.

The first three fields are `fields`, the names of all in order; `link`, whose record this is and how it
follows on the one before; and `raw`, the bytes as received. Then comes the document, member by member. A
field can be shown by its salt and text while the others stay digests, which say nothing without their salts;
and the salts come from one secret, so that destroying 32 bytes makes all of them silent.

    digest = SHA-256(salt || text)    root = SHA-256(digest || digest || ...)    salts = SHAKE-256(secret)

Nothing here checks what a document holds: it is I-JSON (RFC 7493), as whoever received it has made sure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256, shake_256
from json.encoder import encode_basestring
from struct import Struct
from typing import Any, Literal

__all__ = [
    "DEEPEST",
    "LONGEST",
    "LONGEST_NAME",
    "LONGEST_NAMES",
    "MOST",
    "SECRET",
    "Amended",
    "Field",
    "Kind",
    "Link",
    "flatten",
    "opened",
    "root",
    "select",
]

Kind = Literal["vcon", "cdr", "json", "erasure"]
"""What a record was received as; an erasure is written here."""

SECRET = 32
"""Bytes of a record's secret."""
MOST = 10_000
"""Fields that a document may have."""
DEEPEST = 64
"""Objects and arrays that may stand in one another, the document among them."""
LONGEST = 65_536
"""Bytes of UTF-8 that a string may have, and still be a field's text itself and not only be hashed there."""
LONGEST_NAME = 4_096
"""Characters of a field's name, with the names of all that it stands in."""
LONGEST_NAMES = 1 << 20
"""Characters of the names of a document's fields together: each repeats the names above it."""

_SALT = 16
_OWN = ("fields", "link", "raw")
_COMPOUND = frozenset({dict, list})
_TOO_MANY = f"more than {MOST:,} fields"
_LONG_NAME = f"a field's name of more than {LONGEST_NAME:,} characters, with the names above it"
_LONG_NAMES = (
    f"fields' names of more than {LONGEST_NAMES:,} characters together, each with the names above it"
)
_SHORT = LONGEST_NAMES // MOST  # what is repeated no longer, is little however often
_SURELY_SHORT = LONGEST // 4  # a character has at most 4 bytes
_BEGINNING = datetime(1970, 1, 1)
_salts_in = Struct(f"{_SALT}s").iter_unpack


@dataclass(frozen=True)
class Amended:
    """The record that another amends."""

    index: int
    """In the same stream, from 0."""
    record: bytes
    """Its root."""


@dataclass(frozen=True)
class Link:
    """How a record stands among its subject's in its stream."""

    subject: bytes
    """32 bytes."""
    number: int
    """From 1, without gaps."""
    previous: bytes | None
    """Root of the record numbered one less; None for the first."""
    start: int
    """When the contact began, in UTC seconds."""
    kind: Kind
    amends: Amended | None = None

    def text(self) -> bytes:
        """The field's text: a JSON object without spaces, its members in this order, digests in hex."""
        previous = f'"0x{self.previous.hex()}"' if self.previous is not None else "null"
        start = (_BEGINNING + timedelta(seconds=self.start)).isoformat()
        amends = self.amends
        tail = f',"amends":{{"index":{amends.index},"record":"0x{amends.record.hex()}"}}' if amends else ""
        return (
            f'{{"subject":"0x{self.subject.hex()}","number":{self.number},"previous":{previous},'
            f'"start":"{start}Z","kind":"{self.kind}"{tail}}}'
        ).encode()


@dataclass(frozen=True)
class Field:
    """A field, opened."""

    name: str
    salt: bytes = field(repr=False)
    """16 bytes."""
    text: bytes = field(repr=False)
    """UTF-8."""

    @property
    def digest(self) -> bytes:
        """What stands for it in its record: 32 bytes."""
        return sha256(self.salt + self.text).digest()


def flatten(document: Mapping[str, Any]) -> dict[str, str]:
    """The fields of a JSON document: JSON Pointers (RFC 6901) to JSON texts, in the document's order.

    Objects are descended into, and so are arrays that hold an object or an array. All else is a field:
    scalars, arrays of scalars, what is empty. A field that is a string of more than `LONGEST` bytes has as
    its text the object {"sha256":"0x...","bytes":N} of its UTF-8. ValueError for more than `MOST` fields or
    `DEEPEST` levels, and for names beyond `LONGEST_NAME` or `LONGEST_NAMES`.
    """
    texts: dict[str, str] = {}
    if document:
        _descend("", dict(document), 1, texts, [LONGEST_NAMES])
    if len(texts) > MOST:
        raise ValueError(_TOO_MANY)
    if len(joined := "".join(texts)) > LONGEST_NAME:  # one look at all names, as most need no other
        if max(map(len, texts)) > LONGEST_NAME:
            raise ValueError(_LONG_NAME)
        if len(joined) > LONGEST_NAMES:
            raise ValueError(_LONG_NAMES)
    return texts


def root(secret: bytes, link: bytes, raw: bytes, fields: Mapping[str, str]) -> bytes:
    """The root of a record, 32 bytes. `fields`: as `flatten` gives them. ValueError for a short secret."""
    texts = _texts(link, raw, fields)
    salts = _salts_in(_salts(secret, len(texts)))
    digests = [sha256(salt + text).digest() for (salt,), text in zip(salts, texts, strict=True)]
    return sha256(b"".join(digests)).digest()


def opened(secret: bytes, link: bytes, raw: bytes, fields: Mapping[str, str]) -> tuple[Field, ...]:
    """All fields of the record that `root` is the root of, in order. Raises as `root` does."""
    texts = _texts(link, raw, fields)
    salts = _salts_in(_salts(secret, len(texts)))
    names = (*_OWN, *fields)
    return tuple(Field(name, salt, text) for name, (salt,), text in zip(names, salts, texts, strict=True))


def select(names: Sequence[str], chosen: Iterable[str]) -> set[int]:
    """The positions of the fields to show: of those `chosen`, of all that stand below them, and of `fields`.

    ValueError if one of `chosen` is no field's name, nor what holds a field.
    """
    positions = {0}
    for one in chosen:
        below = one + "/"
        # Nothing at all is the pointer to the whole document. Nobody shows that by a comma too many.
        found = {at for at, name in enumerate(names) if one and (name == one or name.startswith(below))}
        if not found:
            raise ValueError(f"no field {one!r}")
        positions |= found
    return positions


def _texts(link: bytes, raw: bytes, fields: Mapping[str, str]) -> list[bytes]:
    """The texts of all fields, in order."""
    names = f"[{','.join(map(encode_basestring, (*_OWN, *fields)))}]"
    return [names.encode(), link, raw, *map(str.encode, fields.values())]


def _salts(secret: bytes, count: int) -> bytes:
    """The salts of so many fields, one after the other."""
    if len(secret) != SECRET:
        raise ValueError(f"a record's secret has {SECRET} bytes, not {len(secret)}")
    return shake_256(secret).digest(_SALT * count)


def _string(value: str) -> str:
    """The text of a field that is a string."""
    if len(value) > _SURELY_SHORT:
        data = value.encode()
        if len(data) > LONGEST:
            return f'{{"sha256":"0x{sha256(data).hexdigest()}","bytes":{len(data)}}}'
    return encode_basestring(value)


_SCALARS: dict[type, Callable[[Any], str]] = {
    str: _string,
    int: int.__repr__,
    float: float.__repr__,
    bool: {True: "true", False: "false"}.__getitem__,
    type(None): {None: "null"}.__getitem__,
}
"""JSON's scalars, each by what writes it: a third of the time of a JSON encoder."""
_ELEMENTS = {**_SCALARS, str: encode_basestring}
"""The same within an array, whose strings may be of any length."""


def _descend(
    above: str, value: dict[str, Any] | list[Any], depth: int, texts: dict[str, str], room: list[int]
) -> None:
    """Adds to `texts` the fields of an object or array named `above`, itself `depth` levels deep.

    `room`: the characters left for what fields' names repeat, where that is not short.
    """
    if depth > DEEPEST:
        raise ValueError(f"more than {DEEPEST} levels of objects and arrays")
    if len(texts) + len(value) > MOST:  # each member has a field at least: so nothing large is made first
        raise ValueError(_TOO_MANY)
    if len(above) > _SHORT:
        _take_room(above, value, room)
    if not value:
        texts[above] = "{}" if isinstance(value, dict) else "[]"
        return
    if isinstance(value, list) and _COMPOUND.isdisjoint(map(type, value)):
        texts[above] = f"[{','.join([_ELEMENTS[type(member)](member) for member in value])}]"
        return
    prefix = f"{above}/"
    for key, member in value.items() if isinstance(value, dict) else _numbered(value):
        escaped = key.replace("~", "~0").replace("/", "~1") if "~" in key or "/" in key else key
        known = type(member)
        if known is str and len(member) <= _SURELY_SHORT:  # as most are: no call of `_string`
            texts[prefix + escaped] = encode_basestring(member)
        elif (write := _SCALARS.get(known)) is None:
            _descend(prefix + escaped, member, depth + 1, texts, room)
        else:
            texts[prefix + escaped] = write(member)


def _numbered(values: list[Any]) -> Iterator[tuple[str, Any]]:
    """An array's members, named by their places."""
    return zip(map(str, range(len(values))), values)  # noqa: B905  equally many, and checking takes long


def _take_room(above: str, value: dict[str, Any] | list[Any], room: list[int]) -> None:
    """Refuses what would repeat `above` in names too long, or too long together, before they are made.

    What passes is bounded by the document's own length and `LONGEST_NAMES`; `flatten` counts it exactly.
    """
    longest = 1 + max(map(len, value)) if value and isinstance(value, dict) else 0
    if len(above) + longest > LONGEST_NAME:
        raise ValueError(_LONG_NAME)
    members = value.values() if isinstance(value, dict) else value
    fields = sum(type(member) in _SCALARS for member in members)
    if not value or (isinstance(value, list) and fields == len(value)):
        fields = 1  # it is one itself
    room[0] -= fields * len(above)
    if room[0] < 0:
        raise ValueError(_LONG_NAMES)
