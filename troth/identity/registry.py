"""The contract that knows subjects: tried at no cost before anything is sent; and when its events were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from troth.chain.transactions import Receipt
from troth.errors import BadInput, ContractRefused, Problem
from troth.intake import iso, iso_second
from troth.office import Office

__all__ = ["check_ahead", "check_standing", "seconds", "send", "times", "tried"]

_CONTRACT = "Subjects"
_LAST = 2**40


def tried(office: Office, function: str, *arguments: Any, because: Mapping[str, Problem]) -> None:
    """Runs a call as the office's account, without a transaction.

    Raises BadInput with the problem that `because` holds under the contract's error, else MissingRole or
    ContractRefused.
    """
    try:
        office.contract(_CONTRACT).call(function, *arguments, sender=office.sender.address)
    except ContractRefused as refusal:
        if (problem := because.get(refusal.name)) is None:
            raise
        raise BadInput([problem]) from None


def send(office: Office, function: str, *arguments: Any) -> Receipt:
    """Sends a call. Raises what sending raises."""
    label = f"{_CONTRACT}.{function}"
    (receipt,) = office.sender.send([office.contract(_CONTRACT).prepare(function, *arguments, label=label)])
    return receipt


def check_standing(office: Office, subject: bytes, place: str = "SUBJECT") -> None:
    """Raises BadInput, naming `place`, for a subject that the chain calls erased."""
    if erased_at := office.contract(_CONTRACT).call("erasedAt", subject):
        at = iso_second(erased_at)
        reason = f"0x{subject.hex()} was erased at {at}: nobody can be bound to it, verify or represent it"
        raise BadInput([Problem(place, None, None, None, reason)])


def check_ahead(office: Office, moment: datetime | None, place: str) -> None:
    """Raises BadInput, naming `place`, for a time that is not ahead of the chain's; None is no time."""
    if moment is not None and moment <= (now := office.now()):
        reason = f"not ahead: on the chain it is {iso(now)}"
        raise BadInput([Problem(place, None, None, iso(moment), reason)])


def seconds(moment: datetime | None) -> int:
    """A time as the contract has it: 0 for never. Raises ValueError for a naive one."""
    if moment is None:
        return 0
    if moment.tzinfo is None or not 0 < moment.timestamp() < _LAST:
        raise ValueError(f"{moment} has no time zone, or is out of range")
    return int(moment.timestamp())


def times(office: Office, blocks: Iterable[int]) -> dict[int, datetime]:
    """When each block was made."""
    wanted = sorted(set(blocks))
    headers = office.node.batch([("eth_getBlockByNumber", [hex(number), False]) for number in wanted])
    return {
        number: datetime.fromtimestamp(int(header["timestamp"], 16), timezone.utc)
        for number, header in zip(wanted, headers, strict=True)
    }
