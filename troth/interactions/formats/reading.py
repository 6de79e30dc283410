"""Reading files of interactions in whatever format they are, and single records."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal

from troth.errors import BadInput, Problem
from troth.intake import unreadable
from troth.interactions.formats import cdr, jsonl, strict_json, vcon
from troth.interactions.formats.files import opened
from troth.interactions.formats.received import LONGEST_RECORD, TOO_DEEP, Received, Refused
from troth.interactions.records import Kind

__all__ = ["EMPTY", "Format", "of_object", "read", "reread", "size_of"]

Format = Literal["vcon", "cdr", "jsonl"]

_BY_SUFFIX: Mapping[str, Format] = {".csv": "cdr", ".jsonl": "jsonl", ".ndjson": "jsonl", ".vcon": "vcon"}
_BOM = b"\xef\xbb\xbf"
_OPEN_ENDS = (b"{", b"[", b",", b":")  # how a line ends whose JSON goes on below
_OF_LINES = ("cdr", "jsonl")

EMPTY = "empty: no record in it"


def read(
    path: Path,
    format: Literal["auto"] | Format = "auto",  # noqa: A002  the field's word
    *,
    customer_column: str = cdr.CUSTOMER_COLUMN,
) -> Iterator[Received | Problem]:
    """Each record of the file at `path`, and each thing refused, in the file's order, as they are read.

    A file that cannot be read, or that is no file, is a problem too; so is one that holds no record, unless
    `format` or its name says that it is one of lines: then nothing happened. `auto` goes by the file's name,
    then by how it begins. `customer_column` of a CDR has the customer's number.
    """
    name, is_empty = str(path), True
    said = format if format != "auto" else _BY_SUFFIX.get(path.suffix.lower())
    try:
        with opened(path) as file:
            size = os.fstat(file.fileno()).st_size
            for found in _records(file, path, said or _format_of(file), customer_column):
                is_empty = False
                yield found
            if not file.read(1) and file.tell() < size:
                rule = f"shrank while it was read, from {size} to {file.tell()} bytes: read it again"
                yield Problem(name, None, None, None, rule)
            elif is_empty and said not in _OF_LINES:
                yield Problem(name, None, None, None, EMPTY)
    except OSError as error:
        yield unreadable(path, error)


def reread(kind: Kind, raw: bytes) -> Received:
    """A record again from its bytes as received, with the same fields. An erasure is JSON. BadInput.

    Media are not looked at again. A CDR has no customer: which column named them is not in its bytes.
    """
    try:
        if kind == "vcon":
            return vcon.received(raw)
        if kind == "cdr":
            return cdr.received(raw)
        return jsonl.received(raw, kind=kind)
    except Refused as refusal:
        raise BadInput([refusal.problem("record", None)]) from None


def of_object(document: Mapping[str, Any]) -> Received:
    """A record of `id`, `subject`, `start` and anything else beside, as JSON can say it. Raises BadInput."""
    try:
        text = json.dumps(dict(document), ensure_ascii=False, separators=(",", ":"))
        return reread("json", text.encode())
    except RecursionError:
        rule = TOO_DEEP
    except UnicodeEncodeError:
        rule = strict_json.LONE_SURROGATE
    except (TypeError, ValueError) as error:
        rule = f"cannot be written as JSON: {error}"
    raise BadInput([Problem("record", None, None, None, rule)])


def size_of(path: Path) -> int:
    """Bytes of the file at `path`, 0 if it cannot be told: what `Received.end` goes up to."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _records(file: BinaryIO, path: Path, known: Format, customer_column: str) -> Iterator[Received | Problem]:
    """The records of a file in this format."""
    if known == "cdr":
        yield from cdr.read_rows(file, str(path), customer_column)
    elif known == "jsonl":
        yield from jsonl.read_lines(file, str(path))
    else:
        yield from vcon.read_file(file, path)


def _format_of(file: BinaryIO) -> Format:
    """The format of a file by its first line that is not blank."""
    line = b"\n"
    while line and not line.strip():
        line = file.readline(LONGEST_RECORD)
    file.seek(0)
    begin = line.removeprefix(_BOM).strip()
    if begin[:1] not in {b"{", b"["}:
        return "cdr" if begin else "jsonl"
    try:
        return "vcon" if vcon.is_vcon(strict_json.read_object(begin)) else "jsonl"
    except Refused:
        return "vcon" if begin.endswith(_OPEN_ENDS) else "jsonl"
