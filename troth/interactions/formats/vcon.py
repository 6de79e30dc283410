"""vCons (draft-ietf-vcon-vcon-core, to revision 04), unsigned, one JSON object a file.

Versions 0.0.1, 0.0.2, 0.3.0 and 0.4.0; the current draft names none any more. The customer is the party with
the role `customer`, else the first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from email.utils import parseaddr
from pathlib import Path
from typing import Any, BinaryIO

from troth.errors import Problem
from troth.interactions.formats import media, strict_json
from troth.interactions.formats.received import (
    LONGEST_RECORD,
    Received,
    Refused,
    flattened,
    parse_customer,
    parse_second,
)

__all__ = ["VERSIONS", "is_vcon", "read_file", "received"]

VERSIONS = ("0.0.1", "0.0.2", "0.3.0", "0.4.0")

_TOO_LONG = f"longer than {LONGEST_RECORD} bytes: hold media by url and content_hash, not in the vCon"
_UNSIGNED = frozenset({"parties", "dialog", "analysis", "attachments"})
_SIGNED = frozenset({"payload", "signatures"})
_ENCRYPTED = frozenset({"ciphertext", "recipients"})
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_SEPARATORS = str.maketrans("", "", " -.()\t\N{NO-BREAK SPACE}")
_HOLDERS = ("dialog", "attachments", "analysis")


def is_vcon(document: dict[str, Any]) -> bool:
    """Whether a JSON object is a vCon in any form, rather than anything else."""
    return (
        "vcon" in document
        or document.keys() >= _SIGNED
        or document.keys() >= _ENCRYPTED
        or ("uuid" in document and not _UNSIGNED.isdisjoint(document))
    )


def read_file(file: BinaryIO, path: Path) -> Iterator[Received | Problem]:
    """The vCon in the file at `path`, or why it is refused, be it for a file that it holds by reference."""
    if raw := file.read(LONGEST_RECORD + 1):
        try:
            yield received(raw, file=str(path), folder=path.parent)
        except Refused as refusal:
            yield refusal.problem(str(path), 1 if refusal.column is None else None)


def received(raw: bytes, *, file: str = "", folder: Path | None = None) -> Received:
    """The record that `raw` is; media only where there is a `folder`, the vCon's. Raises Refused."""
    if len(raw) > LONGEST_RECORD:
        raise Refused(_TOO_LONG)
    document = strict_json.read_object(raw)
    if not is_vcon(document):
        raise Refused("no vCon, which has a uuid and parties: of other records, write one object a line")
    _check_form(document)
    found = Received(
        _uuid(document.get("uuid")),
        _customer(_objects(document, "parties")),
        _start(document),
        "vcon",
        raw,
        flattened(document),
        file,
        None,
        len(raw),
    )
    for name in _HOLDERS:
        for place, holder in enumerate(_objects(document, name)):
            if holder.get("url") not in (None, ""):
                media.check(holder, f"/{name}/{place}", folder)
    return found


def _check_form(document: dict[str, Any]) -> None:
    """Refuses a vCon in another form or version, or that needs more than the draft to be understood."""
    if document.keys() >= _SIGNED:
        raise Refused("a signed vCon: verify its signature, and give the vCon in its payload", "/signatures")
    if document.keys() >= _ENCRYPTED:
        raise Refused("an encrypted vCon: decrypt it, and give the vCon in it", "/ciphertext")
    version = document.get("vcon", VERSIONS[-1])
    if version not in VERSIONS:
        shown = version if type(version) is str else None
        raise Refused(f"no version known here: {', '.join(VERSIONS)}, or none at all", "/vcon", shown)
    for name in ("critical", "must_support"):  # up to 0.3.0, and since
        if document.get(name):
            raise Refused("needs an extension that is not known here", f"/{name}")


def _objects(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects of an array of the vCon's; none if it has no such member. Raises Refused."""
    found = document.get(name)
    if found is None:
        return []
    if type(found) is not list or any(type(each) is not dict for each in found):
        raise Refused("not an array of objects", f"/{name}")
    return found


def _uuid(found: Any) -> str:
    """What the vCon is called. Raises Refused."""
    if type(found) is not str:
        raise Refused("this member is missing, or no string: it names the vCon", "/uuid")
    if not _UUID.fullmatch(found):
        raise Refused("no UUID", "/uuid", found)
    return found.lower()


def _start(document: dict[str, Any]) -> int:
    """When the first dialog began, else when the vCon was made. Raises Refused."""
    starts = [
        parse_second(dialog["start"], f"/dialog/{place}/start")
        for place, dialog in enumerate(_objects(document, "dialog"))
        if "start" in dialog
    ]
    if starts:
        return min(starts)
    if "created_at" not in document:
        raise Refused("this member is missing, and no dialog has a start", "/created_at")
    return parse_second(document["created_at"], "/created_at")


def _customer(parties: list[dict[str, Any]]) -> str | None:
    """The customer's reference; None for one who is anonymous. Raises Refused."""
    if not parties:
        raise Refused("no parties: nobody to hold the record for", "/parties")
    place = next((at for at, each in enumerate(parties) if _is_customer(each)), 0)
    party, column = parties[place], f"/parties/{place}"
    for name, read in _NAMES.items():
        if name in party:
            if type(party[name]) is not str:
                raise Refused("not a string", f"{column}/{name}")
            if known := read(party[name]):
                return parse_customer(known, f"{column}/{name}")
    if str(party.get("name")).lower() == "anonymous":
        return None
    raise Refused("the customer has neither tel nor mailto, sip, did or uuid", column)


def _is_customer(party: dict[str, Any]) -> bool:
    """Whether the party says that it is the customer."""
    return str(party.get("role")).lower() == "customer"


def _telephone(text: str) -> str:
    """The number of a tel URL (RFC 3966), with or without its scheme, and its parameters."""
    text = text.strip()
    number, semicolon, parameters = (text[4:] if text[:4].lower() == "tel:" else text).partition(";")
    return f"{number.translate(_SEPARATORS)}{semicolon}{parameters}".strip()


def _address(text: str) -> str:
    """The address of a mailto URL (RFC 6068), with or without its scheme, or in angle brackets."""
    text = text.strip()
    text = text[7:].partition("?")[0] if text[:7].lower() == "mailto:" else text
    name, at, domain = (parseaddr(text)[1] if "<" in text else text).rpartition("@")
    return f"{name}{at}{domain.lower()}".strip()


_NAMES: Mapping[str, Callable[[str], str]] = {
    "tel": _telephone,
    "mailto": _address,
    "sip": str.strip,
    "did": str.strip,
    "uuid": str.strip,
}
"""What a party may be known by, best first, and the reference in it."""
