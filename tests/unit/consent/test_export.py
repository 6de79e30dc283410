"""Receipts and exports from an office's index, and what the chain says to them.

receipt_for
├── a decision: its consent's record up to it · found by its key alone · with its subject
├── everything in it is on the chain, by the contract's own answers and the transaction's log
├── no decision by its shape · of no key, number or subject on record: refused
└── reference: only if asked for, and none after erasure
export
├── a subject: their records · all: everybody's, in order, a record a line · nobody: a document without any
├── what recipients honoured: with the denial it is of, however records are read
├── representatives as such · erased subjects as such
├── counts, what is missing from how many, progress
└── reference: only if asked for
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from support import Suite
from support.chain import Clock
from support.consents import (
    CONTACT,
    EVIDENCE,
    GERMANY,
    GIVEN,
    HEALTH,
    MARKETING,
    NOTICE,
    SERVICE,
    SUBJECT,
    WITHDRAWN,
    Entry,
    Honour,
    Statement,
    appoint,
    carry,
    correct,
    defined,
    digest_of,
    erase,
    key_of,
    record_for,
    signed,
)
from support.office import Desk, desk_of
from support.records import check

from troth.consent import export as exports
from troth.consent.controller import Controller
from troth.consent.decisions import Decision
from troth.consent.export import Exported, export, receipt_for
from troth.consent.receipts import decision_id
from troth.errors import BadInput
from troth.identity import subjects
from troth.trees.keccak import keccak

REF = "C-4711"
CONTROLLER = Controller(
    "Acme SE", "Weg 1", "dpo@acme.example", "de", ("https://w3id.org/dpv/loc#DE",), "P5Y", "a://b"
)
WHOLE = Entry(notice=NOTICE, jurisdiction=GERMANY)
NOWHERE = keccak(b"no key")


@pytest.fixture
def desk(suite: Suite, tmp_path: Path) -> Iterator[Desk]:
    """The insurer's, with the terms defined."""
    defined(suite)
    with desk_of(suite, tmp_path / "desk") as made:
        yield made


def exported(desk: Desk, subject: bytes | None = None, **options: Any) -> tuple[Exported, dict[str, Any]]:
    """What was written, after every validator has passed it."""
    parts: list[str] = []
    done = export(desk.office, parts.append, subject, **options)
    document = json.loads("".join(parts))
    if document["@graph"]:
        check(document)
    return done, document


def withdrawn(suite: Suite, clock: Clock) -> bytes:
    """Given, withdrawn and given again, a day apart; the key."""
    for state in (GIVEN, WITHDRAWN, GIVEN):
        record_for(suite, replace_state(state))
        clock.move_by(86_400)
    return key_of()


def replace_state(state: int) -> Entry:
    """A decision of this state, with notice and jurisdiction."""
    return WHOLE._replace(state=state)


# --- receipts


@pytest.mark.parametrize("number", [1, 2, 3])
def test_receipt_for_a_decision_is_the_record_up_to_it(
    desk: Desk, suite: Suite, clock: Clock, number: int
) -> None:
    """What came later is not in it, so that it stays true."""
    key = withdrawn(suite, clock)
    made = receipt_for(desk.office, decision_id(key, number), SUBJECT, controller=CONTROLLER)
    check(made.document)
    assert made.missing == []
    (record,) = made.document["consent_records"]
    assert made.document["receipt_id"] == decision_id(key, number)
    assert [event["decision"] for event in record["event"]] == [
        decision_id(key, one) for one in range(1, number + 1)
    ]
    assert made.document == receipt_for(desk.office, decision_id(key, number), controller=CONTROLLER).document


def test_receipt_for_is_true_by_the_chain(desk: Desk, suite: Suite, clock: Clock) -> None:
    """Every field of its last event is what contract and log say to the names in it."""
    expires = clock.now + 10**6
    record_for(suite, WHOLE, WHOLE._replace(expires=expires))
    made = receipt_for(desk.office, decision_id(key_of(), 2)).document
    (record,) = made["consent_records"]
    (process,), event = record["pii_processing"], record["event"][-1]
    contract = suite.deployment.contract(suite.node, "ConsentRegistry")
    assert (record["chain_id"], record["contract"]) == (suite.node.chain_id, contract.address)
    names = [
        process["purpose"],
        *process["recipient_third_parties"],
        process["pii_information"][0]["pii_type"],
        *(notice["id"] for notice in event["privacy_notice"]),
        *event["jurisdiction"],
    ]
    terms = contract.call_many([("termOf", (name,)) for name in names])
    subject = bytes.fromhex(record["pii_principal"]["pii_principal_id"][2:])
    key = key_of(subject, terms[:3])
    assert event["decision"] == decision_id(key, event["number"])
    (kept,) = contract.call("history", key, event["number"], 1)
    assert (kept.state, kept.expires) == (GIVEN, expires)
    (log,) = [one for one in logged(suite, event["transaction"]) if one.number == event["number"]]
    assert (log.key, log.notice, log.jurisdiction) == (key, *terms[3:])
    assert event["evidence"] == f"0x{log.evidence.hex()}" == f"0x{EVIDENCE.hex()}"
    assert event["recorded_by"].rpartition(":")[2] == suite["operator"].address
    until = datetime.fromtimestamp(expires, timezone.utc)
    assert event["validity_duration"]["until_time"] == f"{until:%Y-%m-%dT%H:%M:%SZ}"


def logged(suite: Suite, transaction: str) -> list[Decision]:
    """The decisions that a transaction recorded, by its log."""
    receipt = suite.node.call("eth_getTransactionReceipt", [transaction])
    events = [suite.consents.decode_log(log) for log in receipt["logs"]]
    said = [event.arguments for event in events if event is not None and event.name == "DecisionRecorded"]
    return [
        Decision.of(one.subject, bytes.fromhex(one.by[2:]), one.entry, one.numberAndDecision, one.evidence)
        for one in said
    ]


@pytest.mark.parametrize(
    "text", ["", "7", "0x12#1", f"0x{'ab' * 32}", f"0x{'ab' * 32}#0", f"0x{'ab' * 32}#-1"]
)
def test_receipt_for_what_is_no_decision_is_refused(desk: Desk, text: str) -> None:
    """With where its name is found."""
    with pytest.raises(BadInput, match="write 0xKEY#NUMBER, as `troth consent history` shows it"):
        receipt_for(desk.office, text)


@pytest.mark.parametrize(
    ("key", "number", "subject"),
    [
        (NOWHERE, 1, None),
        (NOWHERE, 1, SUBJECT),
        (key_of(), 2, None),
        (key_of(), 10**30, SUBJECT),
        (key_of(), 1, keccak(b"another")),
    ],
)
def test_receipt_for_a_decision_not_on_record_is_refused(
    desk: Desk, suite: Suite, key: bytes, number: int, subject: bytes | None
) -> None:
    """No such key, no such number, or another's."""
    record_for(suite, WHOLE)
    with pytest.raises(BadInput, match="no such decision on record"):
        receipt_for(desk.office, decision_id(key, number), subject)


def test_receipt_for_says_what_is_missing(desk: Desk, suite: Suite) -> None:
    """Without notice and jurisdiction it is no whole record of the standard."""
    record_for(suite, Entry())
    made = receipt_for(desk.office, decision_id(key_of(), 1), controller=CONTROLLER)
    check(made.document)
    assert made.missing == ["privacy_notice", "jurisdiction"]


def test_receipt_for_shows_the_reference_only_if_asked(desk: Desk, suite: Suite) -> None:
    """And nowhere but in its field; after erasure there is none to show."""
    subject = subjects.new(desk.office, REF).subject
    record_for(suite, WHOLE, subject=subject)
    decision = decision_id(key_of(subject), 1)
    bare = receipt_for(desk.office, decision, subject).document
    shown = receipt_for(desk.office, decision, subject, with_ref=True).document
    assert REF not in json.dumps(bare)
    (record,) = shown["consent_records"]
    assert record["pii_principal"].pop("customer_reference") == REF
    assert shown == bare
    other = receipt_for(desk.office, decision, subject, with_ref=True)
    check(other.document)


# --- exports


def test_export_of_nobody_is_a_document(desk: Desk) -> None:
    """With no record in it."""
    done, document = exported(desk)
    assert (done, document["@graph"]) == (Exported(0, 0, 0, []), [])


def test_export_writes_a_subjects_records_and_nobody_elses(desk: Desk, suite: Suite, clock: Clock) -> None:
    """In order of scope, decisions in order of number; then everybody's."""
    other = keccak(b"another subject")
    withdrawn(suite, clock)
    record_for(suite, Entry(purpose=SERVICE), Entry(purpose=0, recipient=0, category=0))
    record_for(suite, WHOLE, subject=other)
    done, document = exported(desk, SUBJECT)
    assert done == Exported(3, 5, 3, [*done.missing])
    assert [len(record["event"]) for record in document["@graph"]] == [1, 3, 1]
    everyone, whole = exported(desk)
    assert (everyone.records, everyone.decisions) == (4, 6)
    assert [one for one in whole["@graph"] if one in document["@graph"]] == document["@graph"]
    (rest,) = [one for one in whole["@graph"] if one not in document["@graph"]]
    assert rest["pii_principal"]["pii_principal_id"] == f"0x{other.hex()}"
    assert exported(desk, keccak(b"nobody"))[1]["@graph"] == []


def test_export_is_a_record_a_line(desk: Desk, suite: Suite) -> None:
    """So that it can be read as it comes, and compared by lines."""
    record_for(suite, WHOLE, Entry(purpose=SERVICE))
    parts: list[str] = []
    export(desk.office, parts.append)
    head, graph, *records, end = "".join(parts).splitlines()
    assert (head[:12], graph, end) == ('{"@context":', '"@graph": [', "]}")
    assert [json.loads(line.rstrip(","))["type"] for line in records] == ["dpv:ConsentRecord"] * 2


def test_export_counts_what_lacks_something(desk: Desk, suite: Suite) -> None:
    """And tells what, once."""
    record_for(suite, WHOLE, WHOLE._replace(purpose=SERVICE, notice=0), Entry(category=CONTACT))
    done, _ = exported(desk, controller=CONTROLLER)
    assert done == Exported(3, 3, 2, ["privacy_notice", "jurisdiction"])


def test_export_reads_on_in_parts(desk: Desk, suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many records are read together, terms and what was honoured are the same, and all is told."""
    people = [keccak(f"subject {number}".encode()) for number in range(4)]
    for number, subject in enumerate(people):
        entries = [
            Entry(purpose=purpose, state=WITHDRAWN, category=category)
            for purpose in (MARKETING, SERVICE)
            for category in (HEALTH, CONTACT)
        ]
        record_for(suite, *entries, subject=subject)
        for purpose in (SERVICE, MARKETING)[: number % 3]:
            said = Honour(subject=subject, purpose=purpose, honoured_at=suite.clock.now)
            suite["operator"].send(suite.consents, "honour", [said])
    _, whole = exported(desk)
    honoured = [
        one["pii_principal"]["pii_principal_id"] for one in whole["@graph"] if "honoured" in one["event"][0]
    ]
    assert sorted(honoured) == sorted(f"0x{people[number].hex()}" for number in (1, 2, 2))
    for at_once in (1, 2, 3, 5, 7):
        monkeypatch.setattr(exports, "_AT_ONCE", at_once)
        told: list[tuple[int, int]] = []
        assert exported(desk, progress=lambda done, total, into=told: into.append((done, total)))[1] == whole
        assert told == [(done, 16) for done in range(1, 17)]


def test_export_names_who_spoke(desk: Desk, suite: Suite, clock: Clock) -> None:
    """A representative's signature is theirs; the subject's own wallet is the subject's."""
    broker = suite.customers[0]
    appoint(suite, broker)
    statement = Statement(effective=clock.now).by(broker)
    carry(suite, statement, signed(suite, broker, statement))
    (record,) = exported(desk)[1]["@graph"]
    (event,) = record["event"]
    account = f"did:pkh:eip155:{suite.node.chain_id}:{broker.address}"
    assert (event["entity_id"], event["recorded_by"], event["indication_method"]) == (
        account,
        account,
        "signature",
    )
    assert {"party_id": account, "party_role": "dpv:Representative"} in record["party_identification"]
    assert event["evidence"] == f"0x{digest_of(suite, statement).hex()}"


def test_export_shows_corrections_and_erasure(desk: Desk, suite: Suite) -> None:
    """What was recorded stays; that the subject is erased is said with it."""
    record_for(suite, WHOLE)
    correct(suite, WHOLE._replace(state=WITHDRAWN), 1)
    erase(suite)
    (record,) = exported(desk)[1]["@graph"]
    assert "erased_time" in record["pii_principal"]
    first, second = record["event"]
    assert (first["corrected_by"], second["corrects"]) == (second["event_id"], first["event_id"])


def test_export_shows_references_only_if_asked(
    desk: Desk, suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of those who have one."""
    monkeypatch.setattr(exports, "_AT_ONCE", 2)
    known = [subjects.new(desk.office, f"{REF}-{number}").subject for number in range(3)]
    for subject in (*known, SUBJECT):
        record_for(suite, WHOLE, Entry(purpose=SERVICE), subject=subject)
    assert REF not in json.dumps(exported(desk)[1])
    shown = {
        record["pii_principal"]["pii_principal_id"]: record["pii_principal"].get("customer_reference")
        for record in exported(desk, with_ref=True)[1]["@graph"]
    }
    assert shown == {
        f"0x{SUBJECT.hex()}": None,
        **{f"0x{subject.hex()}": f"{REF}-{number}" for number, subject in enumerate(known)},
    }
