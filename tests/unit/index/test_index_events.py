"""Decoding: every event of the contracts becomes its row, field by field, whatever bytes it holds."""

from __future__ import annotations

import random
from typing import Any

import pytest
from eth_utils.abi import collapse_if_tuple
from support.fake_chain import (
    ADDRESSES,
    CONTRACTS,
    EVENTS,
    INSURER,
    INVESTOR,
    METRIC,
    FakeNode,
    Insurer,
    a_history,
    dump,
    log_of,
    payee_of,
)

from troth.errors import NodeInconsistent, NotDeployed
from troth.index import Contracts, events, sync
from troth.store import Store, schema

SUBJECT, WALLET = b"s" * 32, b"w" * 20
INHERITED = {"AuthorityUpdated", "EIP712DomainChanged", "Paused", "Unpaused"}


def rows(store: Store, table: str) -> list[tuple[Any, ...]]:
    """What the index holds of an event, less its place."""
    return [row[3:] for row in dump(store)[table]]


def test_signatures_are_those_of_the_shipped_abis() -> None:
    """Every event indexed is in its ABI with these very types, names and indexed fields."""
    shipped = {
        (contract, f"{name}({','.join(_declared(one) for one in entry['inputs'])})")
        for (contract, name), entry in EVENTS.items()
    }
    declared = {(contract, one) for contract, every in events.SIGNATURES.items() for one in every}
    assert declared <= shipped


def _declared(given: dict[str, Any]) -> str:
    """An event's field as SIGNATURES spells it."""
    return f"{collapse_if_tuple(given)} {'indexed ' if given['indexed'] else ''}{given['name']}"


def test_every_event_becomes_its_row(store: Store, node: FakeNode, insurer: Insurer) -> None:
    """Field by field, for each table."""
    a_history(insurer)
    sync(store, node, CONTRACTS)
    rows = {name: [row[3:] for row in every] for name, every in dump(store).items()}
    period = (2, 5, 6)
    assert rows["products"] == [
        (1, "flight", 1, METRIC, "at_least", [[180, 5_000], [360, 10_000]], 0, 0, 0, 0)
    ]
    assert sorted(rows["reports_published"]) == [
        (1, METRIC, b"o" * 32, *period, 0, 9),
        (2, METRIC, b"p" * 32, *period, 1, 11),
    ]
    assert sorted(rows["report_changes"], key=repr) == [
        (1, "challenged", INVESTOR, b"why".ljust(32, b"\0"), None, None),
        (1, "replaced", None, None, None, 2),
        (1, "upheld", None, None, 10, None),
    ]
    assert rows["books_issued"] == [(1, 1, b"r" * 32, 12, 12_078, 120, 12_078, 1, 2, 3)]
    assert rows["premiums"] == [(1, INSURER, 120)]
    assert sorted(rows["payments"]) == [
        (1, 1, "paid", payee_of(1), 1_002),
        (1, 3, "owed", payee_of(3), 1_004),
        (1, 5, "paid", payee_of(5), 1_006),
        (1, 7, "refunded", payee_of(7), 10),
    ]
    assert rows["settlements"] == [(1, 1, 3, 0, 3_012)]
    assert rows["cancellations"] == [(1, 7, 10)]
    assert rows["withdrawals"] == [(payee_of(3), INVESTOR, 1_004)]
    assert rows["books_expired"] == [(1, 12_078 - 3_012 - 1_008)]


def test_product_of_any_name_and_wide_thresholds_is_indexed(
    store: Store, insurer: Insurer, node: FakeNode
) -> None:
    """A name that is no UTF-8, or NUL, stops nothing; thresholds of 128 bits stay exact."""
    insurer.register(1, name="a\0b")
    insurer.register(2, tiers=[(-(2**127), 1), (2**127 - 1, 10_000)])
    insurer.register(3, name="x")
    log = insurer.chain.blocks[-1].logs[0]
    log["data"] = log["data"].replace(b"x".ljust(32, b"\0").hex(), b"\xff".ljust(32, b"\0").hex())
    sync(store, node, CONTRACTS)
    products = {row[3]: row for row in dump(store)["products"]}
    assert products[1][4] == "a\\x00b"
    assert products[2][8] == [[-(2**127), 1], [2**127 - 1, 10_000]]
    assert products[3][4] == "\\xff"


def test_every_event_of_identity_consent_and_interactions_is_indexed() -> None:
    """None is left out, so that the logs alone tell all that was recorded."""
    for contract in ("Subjects", "ConsentRegistry", "Streams"):
        declared = {name for found, name in EVENTS if found == contract} - INHERITED
        assert declared == {one.partition("(")[0] for one in events.SIGNATURES[contract]}


def test_deployment_without_a_contract_is_refused() -> None:
    """One of an older version: what it lacks is named, beside the suite it lacks it in."""
    addresses = {**ADDRESSES, "token": ADDRESSES["TestDollar"]}
    assert Contracts.of(addresses, 3) == CONTRACTS
    del addresses["Subjects"]
    with pytest.raises(NotDeployed) as caught:
        Contracts.of(addresses, 3)
    assert caught.value.args == ("Subjects", f"the suite of PolicyBooks {ADDRESSES['PolicyBooks']}")


# --- claims join consents


def test_requirement_of_a_product_and_its_withheld_claims_are_indexed(
    store: Store, node: FakeNode, insurer: Insurer
) -> None:
    """What a product requires, and who was not paid for want of it."""
    insurer.register(requirement=(2, 7, 8, 9))
    insurer.withhold(4, 5)
    sync(store, node, CONTRACTS)
    assert rows(store, "products")[0][-4:] == (2, 7, 8, 9)
    assert rows(store, "withholdings") == [(4, 5, payee_of(5))]


# --- identity


def test_all_that_becomes_of_a_subject_is_indexed(store: Store, node: FakeNode, insurer: Insurer) -> None:
    """Wallets, verifications, mandates, erasure; what ends one has no terms."""
    insurer.identify(SUBJECT, INSURER, WALLET)
    sync(store, node, CONTRACTS)
    assert rows(store, "wallets") == [
        (SUBJECT, WALLET, "bound", INSURER),
        (SUBJECT, WALLET, "unbound", INSURER),
    ]
    assert rows(store, "verifications") == [
        (SUBJECT, "verified", 2, INSURER, 99, b"e" * 32),
        (SUBJECT, "revoked", 2, INSURER, None, None),
    ]
    assert rows(store, "mandates") == [
        (SUBJECT, WALLET, "appointed", INSURER, 3, 98, 7, 8, 9, b"m" * 32),
        (SUBJECT, WALLET, "dismissed", INSURER, *[None] * 6),
    ]
    assert rows(store, "erasures") == [(SUBJECT, INSURER, 97)]


# --- consent


def entry_of(fields: dict[str, int]) -> int:
    """The word that is given, from Decisions.sol: fields from the highest bit."""
    word = 0
    for name in (
        "purpose",
        "recipient",
        "category",
        "notice",
        "jurisdiction",
        "asked_effective",
        "asked_expires",
    ):
        word = word << 32 | fields[name]
    return word << 32 | nature_of(fields)


def kept_of(fields: dict[str, int]) -> int:
    """Number and decision as they are kept."""
    word = fields["number"]
    for name in ("recorded", "effective", "until"):
        word = word << 32 | fields[name]
    return word << 32 | fields["corrects"] << 16 | nature_of(fields)


def nature_of(fields: dict[str, int]) -> int:
    """The lowest 16 bits of both."""
    word = 0
    for name in ("by_event", "method", "basis", "state"):
        word = word << 4 | fields[name]
    return word


def some_decision(chosen: random.Random) -> dict[str, int]:
    """Any values that fit: each field of its own, and what was asked for unlike what was kept."""
    wide = ("purpose", "recipient", "category", "notice", "jurisdiction", "asked_effective", "asked_expires")
    fields = {name: chosen.randrange(1 << 32) for name in (*wide, "recorded", "effective", "until")}
    small = {"method": chosen.randrange(16), "basis": chosen.randrange(16), "state": chosen.randrange(16)}
    number, corrects = chosen.randrange(1, 1 << 63), chosen.randrange(1 << 16)
    return {**fields, **small, "by_event": chosen.randrange(2), "number": number, "corrects": corrects}


def row_of(fields: dict[str, int]) -> tuple[int, ...]:
    """What the index should hold of it, from purpose to corrects."""
    until = (0, fields["until"]) if fields["by_event"] else (fields["until"], 0)
    named = (
        "purpose",
        "recipient",
        "category",
        "number",
        "state",
        "basis",
        "method",
        "effective",
        "recorded",
    )
    rest = (fields["notice"], fields["jurisdiction"], fields["corrects"])
    return (*(fields[name] for name in named), *until, *rest)


def test_decisions_are_unpacked_field_by_field(store: Store, node: FakeNode, insurer: Insurer) -> None:
    """Two hundred of random bits, by date and by event: what was kept counts, not what was asked for."""
    chosen = random.Random(3)
    every = [some_decision(chosen) for _ in range(200)]
    insurer.decide(*((SUBJECT, entry_of(one), kept_of(one)) for one in every), by=INVESTOR)
    sync(store, node, CONTRACTS)
    expected = {
        (SUBJECT, *row_of(one), INVESTOR, place.to_bytes(32, "big")) for place, one in enumerate(every, 1)
    }
    assert set(rows(store, "decisions")) == expected
    assert len({bool(one["by_event"]) for one in every}) == 2


def test_caps_events_and_honours_are_indexed(store: Store, node: FakeNode, insurer: Insurer) -> None:
    """What else the consent registry says."""
    insurer.govern(SUBJECT)
    sync(store, node, CONTRACTS)
    assert rows(store, "expiry_caps") == [(4, 5, 86_400)]
    assert rows(store, "happenings") == [(6, 95, 96)]
    assert rows(store, "honours") == [(SUBJECT, b"k" * 32, 2, 3, 94, b"h" * 32)]


def test_terms_of_any_bytes_are_indexed_and_stay_apart(
    store: Store, node: FakeNode, insurer: Insurer
) -> None:
    """What is no UTF-8, NUL and the backslash are escaped: no two IRIs become the same text."""
    literal = ("urn:1", "ü", "a\0b", "a\\x00b", "\\xff", "x")
    insurer.define(*literal)
    log = insurer.chain.blocks[-1].logs[-1]
    log["data"] = log["data"].replace(b"x".ljust(32, b"\0").hex(), b"\xff".ljust(32, b"\0").hex())
    sync(store, node, CONTRACTS)
    said = ["urn:1", "ü", "a\\x00b", "a\\\\x00b", "\\\\xff", "\\xff"]
    assert sorted(rows(store, "terms")) == list(enumerate(said, 1))


@pytest.mark.parametrize(
    ("event", "values"),
    [
        (
            "DecisionRecorded",
            {"entry": 0, "numberAndDecision": 1 << 191, "evidence": bytes(32), "by": INSURER},
        ),
        (
            "DenialHonoured",
            {"key": SUBJECT, "honouredBy": 1, "number": 1 << 63, "honouredAt": 1, "evidence": SUBJECT},
        ),
    ],
)
def test_number_that_no_contract_reaches_is_refused(
    store: Store, node: FakeNode, insurer: Insurer, event: str, values: dict[str, Any]
) -> None:
    """2⁶³ is one more than the databases hold: a node that says so lies, and nothing is taken."""
    insurer.chain.mine(1, [log_of("ConsentRegistry", event, subject=SUBJECT, **values)])
    with pytest.raises(NodeInconsistent, match="a log that cannot be read"):
        sync(store, node, CONTRACTS, pause=0)
    assert all(dump(store)[table.name] == [] for table in schema.EVENTS)


@pytest.mark.parametrize("wrong", ["term of 33 bits", "a decision's word too few", "a subject too few"])
def test_log_of_another_shape_is_refused(store: Store, node: FakeNode, insurer: Insurer, wrong: str) -> None:
    """Readers made for one event check what the general one does."""
    insurer.decide((SUBJECT, 1, 1))
    insurer.define("urn:1")
    decided, defined = (block.logs[0] for block in insurer.chain.blocks[-2:])
    if wrong.startswith("term"):
        defined["topics"][1] = f"0x{1 << 32:064x}"
    elif wrong.startswith("a decision"):
        decided["data"] = decided["data"][:-64]
    else:
        del decided["topics"][1]
    with pytest.raises(NodeInconsistent, match="a log that cannot be read"):
        sync(store, node, CONTRACTS, pause=0)
    assert rows(store, "decisions") == rows(store, "terms") == []
