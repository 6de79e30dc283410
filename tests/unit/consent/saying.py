"""What tests of recording say, and what they look at afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from support.office import Desk

from troth.chain.contracts import Contract
from troth.consent import terms
from troth.consent.decisions import Basis, Method, State
from troth.consent.record import Said
from troth.errors import BadInput
from troth.office import Office

MARKETING, CONTACT = terms.purpose_iri("Marketing"), terms.category_iri("Contact")
BROKER, INSURER = terms.recipient_iri("broker"), terms.recipient_iri("insurer")
GERMANY = terms.jurisdiction_iri("DE")
SCOPE = (MARKETING, BROKER, CONTACT)
SAID = Said(*SCOPE, State.GIVEN, Basis.CONSENT, Method.RECORDED_CALL)


def said(**changes: Any) -> Said:
    """The default, said otherwise."""
    return replace(SAID, **changes)


def sent(desk: Desk) -> int:
    """How many transactions the desk's account ever sent."""
    return int(desk.suite.node.call("eth_getTransactionCount", [desk.who.address, "latest"]), 16)


def history(office: Office, subject: bytes, scope: tuple[str, str, str] = SCOPE) -> list[Any]:
    """The decisions on a key, from the chain."""
    registry: Contract = office.contract("ConsentRegistry")
    numbers = terms.numbers_of(office, scope, define=False)
    if len(numbers) < len(set(scope)):
        return []
    key = registry.call("keyOf", subject, *(numbers[iri] for iri in scope))
    return list(registry.call("history", key, 1, 1_000))


@contextmanager
def refused(
    place: str, reason: str, *, value: str | None = None, column: str | None = None
) -> Iterator[None]:
    """Passes if one thing is wrong with what the user gave, at this place, for a reason that begins so."""
    with pytest.raises(BadInput) as caught:
        yield
    (problem,) = caught.value.problems
    assert (problem.file, problem.column) == (place, column)
    assert problem.reason.startswith(reason), problem.reason
    if value is not None:
        assert problem.value == value


@contextmanager
def nothing_sent(desk: Desk) -> Iterator[None]:
    """Passes if the desk's account sends nothing meanwhile."""
    before = sent(desk)
    yield
    assert sent(desk) == before
