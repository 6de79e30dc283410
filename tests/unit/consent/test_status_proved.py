"""Statuses asked of the contract: what is held against what, so that no single answer is believed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from support import Suite
from support.consents import (
    CONTACT,
    GIVEN,
    INSURER,
    IRIS,
    MARKETING,
    SUBJECT,
    WITHDRAWN,
    Entry,
    defined,
    erase,
    record_for,
)
from support.doubles import Proxy
from support.office import Desk, desk_of

from troth.chain.rpc import Node
from troth.consent.status import Terms, status
from troth.errors import NodeInconsistent
from troth.store import schema

GRANT = Entry(MARKETING, INSURER, CONTACT)
WHOLE = tuple(IRIS[term - 1] for term in GRANT.scope)


@pytest.fixture
def desk(suite: Suite, tmp_path: Path) -> Iterator[Desk]:
    """An office with a grant on record, and a denial of everything to somebody else."""
    defined(suite)
    record_for(suite, GRANT, GRANT._replace(recipient=0, category=0, state=WITHDRAWN))
    with desk_of(suite, tmp_path / "office") as made:
        yield made


@pytest.fixture
def liar(desk: Desk) -> Iterator[Proxy]:
    """The office's node, which can be made to lie."""
    proxy = Proxy(desk.suite.node)
    desk.office.sync()
    desk.office.node = Node(proxy.url)
    yield proxy
    proxy.close()


def proved(desk: Desk) -> Any:
    """The answers by contract."""
    return status(desk.office, SUBJECT, *WHOLE, onchain=True)


def test_truth_is_the_index_s(desk: Desk, liar: Proxy) -> None:
    """The fixture is sound."""
    assert proved(desk) == status(desk.office, SUBJECT, *WHOLE)
    assert proved(desk)[0].state == "withdrawn"


def test_widest_denial_or_else_narrowest_grant_settles_it_k6(desk: Desk) -> None:
    """As in the index."""
    wide = GRANT._replace(category=0)
    record_for(desk.suite, wide, GRANT._replace(state=WITHDRAWN))
    assert [proved(desk)[0].scope, proved(desk)] == [
        Terms("Marketing", "*", "*"),
        status(desk.office, SUBJECT, *WHOLE),
    ]
    record_for(
        desk.suite, *(one._replace(state=GIVEN) for one in (GRANT._replace(recipient=0, category=0), GRANT))
    )
    assert proved(desk) == status(desk.office, SUBJECT, *WHOLE)
    assert (proved(desk)[0].permitted, proved(desk)[0].scope) == (
        True,
        Terms("Marketing", "insurer", "Contact"),
    )


def test_altered_decisions_in_the_index_change_nothing(desk: Desk) -> None:
    """The index says given; the contract does not."""
    desk.office.sync()
    with desk.office.store.writing() as connection:
        connection.execute(update(schema.decisions).values(state=2))
    assert status(desk.office, SUBJECT, *WHOLE)[0].permitted
    assert [one.permitted for one in proved(desk)] == [False]


def test_altered_name_in_the_index_is_noticed(desk: Desk) -> None:
    """Terms are confirmed by the contract."""
    desk.office.sync()
    with desk.office.store.writing() as connection:
        wrong = update(schema.terms).where(schema.terms.c.term == MARKETING).values(iri="urn:example:other")
        connection.execute(wrong)
    with pytest.raises(NodeInconsistent, match="names of terms"):
        status(desk.office, SUBJECT, onchain=True)


def test_hidden_log_is_noticed(desk: Desk, liar: Proxy) -> None:
    """The contract's history has one decision more, or tells of one without a log."""
    liar.overrides["eth_getLogs"] = without(lambda logs: logs[:-1])
    with pytest.raises(NodeInconsistent, match="no log"):
        status(desk.office, SUBJECT, WHOLE[0], "*", "*", onchain=True)
    record_for(desk.suite, GRANT)
    with pytest.raises(NodeInconsistent, match="logs and history differ"):
        proved(desk)


def test_altered_log_is_noticed(desk: Desk, liar: Proxy) -> None:
    """A grant where a denial was recorded."""

    def given(logs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        data = logs[-1]["data"]
        return [*logs[:-1], {**logs[-1], "data": f"{data[:65]}2{data[66:]}"}]

    liar.overrides["eth_getLogs"] = without(given)
    with pytest.raises(NodeInconsistent, match="logs and history differ"):
        proved(desk)


def test_views_that_differ_are_noticed(desk: Desk, liar: Proxy) -> None:
    """`permissionAt` allows what `statusAt` does not."""
    selector = (
        "0x"
        + desk.office.contract("ConsentRegistry").encode("permissionAt", SUBJECT, 1, 3, 6, 1, 1)[:4].hex()
    )

    def answer(params: list[Any], real: Callable[[], Any]) -> Any:
        found = real()
        return f"0x{1:064x}{found[66:]}" if params[0]["data"].startswith(selector) else found

    liar.overrides["eth_call"] = answer
    with pytest.raises(NodeInconsistent, match="permissionAt and statusAt differ"):
        proved(desk)


def test_erased_subject_is_so_by_contract(desk: Desk) -> None:
    """Whatever the index holds."""
    desk.suite.clock.move_by(10)
    erase(desk.suite)
    (answer,) = proved(desk)
    assert (answer.permitted, answer.erased) == (False, desk.office.now())


def without(change: Callable[[list[Any]], list[Any]]) -> Callable[[list[Any], Callable[[], Any]], Any]:
    """An override that changes the logs of single subjects, and leaves those of the index alone."""

    def answer(params: list[Any], real: Callable[[], Any]) -> Any:
        found = real()
        return change(found) if len(params[0]["topics"]) == 2 and found else found

    return answer
