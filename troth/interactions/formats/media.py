"""Files that a vCon holds by reference: `url` and a hash (draft-ietf-vcon-vcon-core, sections 2.2 and 2.4).

A file in the vCon's own folder, or below it, is read through and must have the hash. What is elsewhere is
never fetched: its hash is taken as said, and whoever shows the file shows that it has it.
"""

from __future__ import annotations

import hashlib
import os
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from troth.interactions.formats.files import CHUNK, opened
from troth.interactions.formats.received import Refused

__all__ = ["check"]

_SIZES = {"sha256": 32, "sha384": 48, "sha512": 64}
"""Bytes of each hash that is checked here, by its name in a vCon."""

_HASH = re.compile(r"(?:sha|SHA)-?(256|384|512)-([A-Za-z0-9_-]+)=*", re.ASCII)
_KNOWN = re.compile(r"sha-?(?:256|384|512)", re.IGNORECASE)
_HERE = frozenset({"", "localhost"})
_NO_HASH = "held elsewhere without a hash: give content_hash as sha512- and base64url"
_OUTSIDE = "leaves the vCon's folder: keep the file in it, or give an https URL"


def check(holder: Mapping[str, Any], place: str, folder: Path | None) -> None:
    """Refuses a reference without a hash, and a file in `folder` (None: nothing is read) with another one.

    `place` is the JSON Pointer of `holder`, which has `url`. Raises Refused.
    """
    url = holder["url"]
    if type(url) is not str:
        raise Refused("not a string", f"{place}/url")
    hashes = _hashes(holder, place)
    if folder is None or (path := _local(url, f"{place}/url", folder)) is None:
        return
    if not hashes:
        raise Refused(f"no hash that can be checked: add one of {', '.join(_SIZES)}", f"{place}/content_hash")
    try:
        found = _digests(path, hashes)
    except OSError as error:
        raise Refused(f"cannot be read: {error.strerror}", f"{place}/url", url) from None
    for name, said in hashes.items():
        if found[name] != said:
            raise Refused(f"the file has another {name} than the vCon says", f"{place}/url", url)


def _hashes(holder: Mapping[str, Any], place: str) -> dict[str, bytes]:
    """The hashes of known kinds, by name. Raises Refused if there is none at all, or one that is none."""
    column, said = f"{place}/content_hash", holder.get("content_hash")
    if said is None and "signature" in holder:  # as in version 0.0.1
        column, said = f"{place}/signature", f"{holder.get('alg')}-{holder['signature']}"
    tokens = said if type(said) is list else [said]
    if said is None or not tokens:
        raise Refused(_NO_HASH, column)
    found: dict[str, bytes] = {}
    for token in tokens:
        if type(token) is not str:
            raise Refused("not a string", column)
        if match := _HASH.fullmatch(token):
            name = f"sha{match[1]}"
            found[name] = _decoded(match[2], _SIZES[name], column)
        elif "-" not in token or _KNOWN.match(token):
            raise Refused("no hash: write sha512-, and the hash in base64url", column, token)
    return found


def _decoded(text: str, size: int, column: str) -> bytes:
    """A hash of that many bytes. Raises Refused."""
    try:
        found = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        found = b""
    if len(found) != size:
        raise Refused(f"no hash: not {size} bytes in base64url", column, text)
    return found


def _local(url: str, column: str, folder: Path) -> Path | None:
    """The file of `folder` that `url` names, None if it names one elsewhere. Raises Refused."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Refused("no URL", column, url) from None
    if parts.scheme == "file":
        if parts.netloc.lower() not in _HERE:
            raise Refused(_OUTSIDE, column, url)
    elif parts.scheme or parts.netloc:
        return None
    path = unquote(parts.path)
    if not path or "\0" in path:
        raise Refused("names no file", column, url)
    # Links are followed to what they name before anything is judged: none leads out of the folder.
    found, base = Path(os.path.realpath(folder / path)), Path(os.path.realpath(folder))
    if not found.is_relative_to(base):
        raise Refused(_OUTSIDE, column, url)
    return found


def _digests(path: Path, names: Iterable[str]) -> dict[str, bytes]:
    """The hashes of the file at `path`, by name. Raises OSError."""
    hashes = {name: hashlib.new(name) for name in names}
    with opened(path, follow=False) as file:
        while chunk := file.read(CHUNK):
            for each in hashes.values():
                each.update(chunk)
    return {name: each.digest() for name, each in hashes.items()}
