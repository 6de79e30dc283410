"""Reports disputed: a challenger stops one before it is final, an arbiter dismisses the challenge."""

from __future__ import annotations

from troth.errors import BadInput, Problem
from troth.office import Office

__all__ = ["challenge", "grounds", "uphold"]

_WORD = 32


def challenge(office: Office, report_id: int, reason: bytes) -> str:
    """Disputes a report on `reason`, 32 bytes; the transaction's hash.

    Raises BadInput for an unknown report, MissingRole, ContractRefused once it is final or disputed already.
    """
    return _send(office, report_id, "challenge", reason)


def uphold(office: Office, report_id: int) -> str:
    """Dismisses the challenge: the report is final when its time has come, or at once if that is past.

    The transaction's hash. Raises as `challenge`.
    """
    return _send(office, report_id, "uphold")


def grounds(text: str) -> bytes:
    """The 32 bytes kept on the chain: a hash from 0x-hex, or a short code, zero-padded. Raises ValueError."""
    if text.startswith("0x"):
        try:
            digest = bytes.fromhex(text[2:])
        except ValueError:
            digest = b""
        if len(digest) != _WORD:
            raise ValueError("not a hash: write 0x and 64 hex digits")
        return digest
    word = text.encode()
    if not 0 < len(word) <= _WORD:
        raise ValueError("write a code of 1 to 32 bytes, or 0x and the 64 hex digits of a hash")
    return word.ljust(_WORD, b"\0")


def _send(office: Office, report_id: int, function: str, *arguments: bytes) -> str:
    """Calls a function on a report there is."""
    reports = office.contract("OracleReports")
    if not reports.call("report", report_id).status:
        raise BadInput(
            [Problem("REPORT", None, None, str(report_id), "no such report: see `troth report list`")]
        )
    (receipt,) = office.sender.send([reports.prepare(function, report_id, *arguments)])
    return receipt.hash
