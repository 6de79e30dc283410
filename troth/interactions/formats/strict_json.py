"""JSON that means one thing to everybody: I-JSON (RFC 7493) in UTF-8, without a byte order mark.

Refused, beside what is no JSON: a name twice in one object, integers beyond 2^53 - 1 either way, numbers
beyond a double, NaN and Infinity, lone surrogates. A number may be of any length and objects may stand in one
another to any depth: neither costs more than reading it.
"""

from __future__ import annotations

import re
from json import JSONDecodeError, JSONDecoder
from typing import Any, NoReturn

from troth.intake import SAVE_AS_TEXT
from troth.interactions.formats.received import TOO_DEEP, Refused

__all__ = ["LONE_SURROGATE", "read_object"]

LONE_SURROGATE = "a lone surrogate, half of a character: remove it"

_BOM = b"\xef\xbb\xbf"
_BLANK = " \t\r\n"
_LARGEST = 2**53 - 1
_SURELY_SMALL = 15  # digits, with a sign
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def read_object(raw: bytes) -> dict[str, Any]:
    """The object that `raw` is, and nothing else beside blanks. Raises Refused."""
    try:
        text = raw.decode()
        begin = 0 if text[:1] == "{" else len(text) - len(text.lstrip(_BLANK))
        document, end = _DECODER.raw_decode(text, begin)
    except UnicodeDecodeError as error:
        raise _no_text(raw, error) from None
    except RecursionError:
        raise Refused(TOO_DEEP) from None
    except JSONDecodeError as error:
        raise _no_json(raw, error) from None
    if end != len(text) and text[end:].strip(_BLANK):
        line = text.count("\n", 0, end) + 1
        raise Refused(f"more than one JSON text: another begins after character {end}", line=line)
    if type(document) is not dict:
        raise Refused("not an object: write {...}")
    if b"\\" in raw and _SURROGATE_ESCAPE.search(raw):  # a byte is found sooner than a pattern
        _check_surrogates(document)
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The members of an object, whose names must differ."""
    found = dict(pairs)
    if len(found) != len(pairs):
        seen = set[str]()
        for place, (name, _) in enumerate(pairs, 1):
            if name in seen:  # which may be personal
                raise Refused(f"a name stands twice in one object: its member {place} has that of one before")
            seen.add(name)
    return found


def _integer(text: str) -> int:
    """An integer that a double holds exactly."""
    if len(text) <= _SURELY_SMALL:
        return int(text)
    # By its length first: int() refuses thousands of digits, and takes long over them where it does not.
    if len(text) > _SURELY_SMALL + 3 or not -_LARGEST <= (found := int(text)) <= _LARGEST:
        digits = len(text.lstrip("-"))  # and not which: it may be a card's number
        raise Refused(f"an integer of {digits} digits, beyond 2^53 - 1: write it as a string")
    return found


def _float(text: str) -> float:
    """A finite double."""
    found = float(text)
    if found - found != 0:
        rule = f"a number of {len(text)} characters, beyond what a double holds: write it as a string"
        raise Refused(rule)
    return found


def _constant(text: str) -> NoReturn:
    """NaN, Infinity and -Infinity, which Python's reader would take."""
    raise Refused("no number of JSON", value=text)


_DECODER = JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
)


def _check_surrogates(document: dict[str, Any]) -> None:
    """Refuses half a character, which no UTF-8 can say."""
    waiting: list[Any] = [document]
    while waiting:
        found = waiting.pop()
        if type(found) is str:
            if match := _SURROGATE.search(found):
                raise Refused(LONE_SURROGATE, value=f"\\u{ord(match[0]):04x}")
        elif type(found) is dict:
            waiting += found
            waiting += found.values()
        elif type(found) is list:
            waiting += found


def _no_text(raw: bytes, error: UnicodeDecodeError) -> Refused:
    """The first byte that is no UTF-8."""
    line = raw.count(b"\n", 0, error.start) + 1
    return Refused(SAVE_AS_TEXT, value=f"0x{raw[error.start]:02x}", line=line)


def _no_json(raw: bytes, error: JSONDecodeError) -> Refused:
    """Where the reader stopped, without what stands around it: that may be personal."""
    if raw.startswith(_BOM):
        return Refused("begins with a byte order mark: save the file as UTF-8 without one")
    what = error.msg[:1].lower() + error.msg[1:].removesuffix(" at").removesuffix(" starting at")
    return Refused(f"not JSON, {what} at character {error.colno}", line=error.lineno)
