"""Records and receipts as documents: what they say, and that the standards' own tools accept it.

a record
├── every state, basis and method: DPV's word for it, accepted by JSON Schema, JSON-LD and SHACL
├── basis: the GDPR's article too where the GDPR applies; article 9 for explicit consent to special categories
├── for all purposes, recipients or categories: DPV's widest terms
├── expiry: at a time · with an event, happened or not · never
├── notice: its title and SHA-256 where known · none
├── whose word: the subject's · a representative's · the controller's
├── corrections point both ways · honours stand with the denial they are of
├── evidence, erasure, customer reference: only where there is any, the last only if asked for
├── the key, the transaction, the contract: as on the chain
└── complete with notice, jurisdiction and controller: claims to conform · else not, and what it lacks is told
a receipt: one record, its own id, the time it was made
a document with any field missing or malformed: refused by JSON Schema, and by SHACL
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from pyld.jsonld import JsonLdError
from support.consents import SUBJECT, key_of
from support.records import NotConformant, check, check_linked, check_schema, check_shapes, expanded, graph_of

from troth.addresses import format_address
from troth.consent.controller import Controller
from troth.consent.decisions import Basis, Method, State
from troth.consent.receipts import (
    CONFORMS,
    CONTEXT,
    SCHEMA,
    Source,
    consent_record,
    decision_id,
    missing,
    receipt,
)
from troth.consent.terms import namespaces
from troth.store.decisions import DecisionRow, HonourRow
from troth.trees.keccak import keccak

DPV, PD, LOC = "https://w3id.org/dpv#", "https://w3id.org/dpv/pd#", "https://w3id.org/dpv/loc#"
NOTICE = "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk"
NOTICE_SHA256 = "7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069"
NAMES = dict(
    enumerate(
        [
            f"{DPV}Marketing",
            "urn:troth:recipient:broker",
            f"{PD}Contact",
            f"{PD}Health",
            NOTICE,
            f"{LOC}DE",
            f"{LOC}US-NY",
            "urn:troth:event:1",
            "https://example.com/notice",
            f"{LOC}DE-BY",
        ],
        1,
    )
)
MARKETING, BROKER, CONTACT, HEALTH, TEXT, GERMANY, NEW_YORK, CLOSING, LINK, BAVARIA = NAMES
OPERATOR, SPEAKER = b"\x01" * 20, b"\x02" * 20
CONTRACT = format_address(keccak(b"registry")[:20])
EFFECTIVE, RECORDED, LATER = 1_700_000_000, 1_700_000_060, 1_800_000_000
CONTROLLER = Controller(
    "Acme SE", "Weg 1, Berlin", "privacy@acme.example", "de", (f"{LOC}DE",), "P5Y", "https://acme.example/no"
)


def row(**changes: Any) -> DecisionRow:
    """A decision: explicit consent given on the telephone, for marketing by the broker, to contact data."""
    default = DecisionRow(
        block=7,
        log=1,
        tx=keccak(b"transaction"),
        subject=SUBJECT,
        purpose=MARKETING,
        recipient=BROKER,
        category=CONTACT,
        number=1,
        state=State.GIVEN,
        basis=Basis.EXPLICIT_CONSENT,
        method=Method.RECORDED_CALL,
        effective=EFFECTIVE,
        recorded=RECORDED,
        expires=0,
        expiry_event=0,
        notice=TEXT,
        jurisdiction=GERMANY,
        corrects=0,
        recorder=OPERATOR,
        evidence=keccak(b"evidence"),
        happened=0,
        heard=0,
        erased=0,
    )
    return default._replace(**changes)


def source(**changes: Any) -> Source:
    """Where it comes from."""
    return Source(
        **{"chain_id": 31_337, "contract": CONTRACT, "names": NAMES, "controller": CONTROLLER, **changes}
    )


def record(*rows: DecisionRow, **changes: Any) -> dict[str, Any]:
    """The record of some decisions, by default the one."""
    return consent_record(source(**changes), rows or [row()])


def document(one: dict[str, Any]) -> dict[str, Any]:
    """A record as an export has it."""
    return {"@context": CONTEXT, "@graph": [one]}


def only_event(**changes: Any) -> dict[str, Any]:
    """The event of one decision, in a record that all validators accept."""
    made = record(row(**changes))
    check(document(made))
    (event,) = made["event"]
    return dict(event)


# --- what a record says


STATES = {
    State.REQUESTED: "ConsentRequested",
    State.GIVEN: "ConsentGiven",
    State.RENEWED: "RenewedConsentGiven",
    State.REFUSED: "ConsentRefused",
    State.WITHDRAWN: "ConsentWithdrawn",
    State.REVOKED: "ConsentRevoked",
    State.EXPIRED: "ConsentExpired",
    State.INVALIDATED: "ConsentInvalidated",
}
BASES = {
    Basis.CONSENT: ("Consent", "A6-1-a"),
    Basis.EXPLICIT_CONSENT: ("ExplicitlyExpressedConsent", "A6-1-a-explicit-consent"),
    Basis.CONTRACT: ("Contract", "A6-1-b"),
    Basis.LEGAL_OBLIGATION: ("LegalObligation", "A6-1-c"),
    Basis.VITAL_INTEREST: ("VitalInterest", "A6-1-d"),
    Basis.PUBLIC_INTEREST: ("PublicInterest", "A6-1-e"),
    Basis.LEGITIMATE_INTEREST: ("LegitimateInterest", "A6-1-f"),
}


def test_every_state_basis_and_method_conforms() -> None:
    """8 by 7 by 7 decisions, each with each, as one record and as 392 records of one."""
    kinds = list(itertools.product(State, Basis, Method))
    rows = [
        row(number=number, state=state, basis=basis, method=method)
        for number, (state, basis, method) in enumerate(kinds, 1)
    ]
    made = record(*rows)
    check_schema(document(made))
    check_shapes(document(made))
    expanded(document(made))
    for event, (state, basis, method) in zip(made["event"], kinds, strict=True):
        assert event["event_state"] == f"dpv:{STATES[state]}"
        general, article = BASES[basis]
        assert event["event_type"] == [f"dpv:{general}", f"eu-gdpr:{article}"]
        assert event["indication_method"] == method.text
        check_schema(document(record(row(state=state, basis=basis, method=method))))
    assert set(made["pii_processing"][0]["lawful_basis"]) == {
        name for general, article in BASES.values() for name in (f"dpv:{general}", f"eu-gdpr:{article}")
    }


@pytest.mark.parametrize(
    ("jurisdiction", "category", "bases"),
    [
        (GERMANY, CONTACT, ["dpv:ExplicitlyExpressedConsent", "eu-gdpr:A6-1-a-explicit-consent"]),
        (
            BAVARIA,
            HEALTH,
            ["dpv:ExplicitlyExpressedConsent", "eu-gdpr:A6-1-a-explicit-consent", "eu-gdpr:A9-2-a"],
        ),
        (NEW_YORK, HEALTH, ["dpv:ExplicitlyExpressedConsent"]),
        (0, HEALTH, ["dpv:ExplicitlyExpressedConsent"]),
    ],
)
def test_articles_of_the_gdpr_are_named_where_it_applies(
    jurisdiction: int, category: int, bases: list[str]
) -> None:
    """By the decision's jurisdiction; article 9 only where the category is special."""
    assert only_event(jurisdiction=jurisdiction, category=category)["event_type"] == bases


def test_consent_that_is_not_explicit_is_none_to_special_categories() -> None:
    """Article 9(2)(a) wants it explicit: what was not is not passed off as such."""
    event = only_event(category=HEALTH, basis=Basis.CONSENT)
    assert event["event_type"] == ["dpv:Consent", "eu-gdpr:A6-1-a"]


def test_a_special_category_says_so() -> None:
    """As DPV types it."""
    (contact,) = record(row())["pii_processing"][0]["pii_information"]
    (health,) = record(row(category=HEALTH))["pii_processing"][0]["pii_information"]
    assert contact == {"pii_type": f"{PD}Contact", "type": ["dpv:PersonalData"]}
    assert health == {
        "pii_type": f"{PD}Health",
        "type": ["dpv:PersonalData", "dpv:SpecialCategoryPersonalData"],
    }


def test_what_is_for_all_is_in_the_widest_terms() -> None:
    """DPV's roots, and no recipient among the parties."""
    made = record(row(purpose=0, recipient=0, category=0))
    check(document(made))
    (process,) = made["pii_processing"]
    assert (process["purpose"], process["recipient_third_parties"]) == ("dpv:Purpose", ["dpv:Recipient"])
    assert process["pii_information"][0]["pii_type"] == "dpv:PersonalData"
    assert [one["party_role"] for one in made["party_identification"]] == ["dpv:DataController"]


@pytest.mark.parametrize(
    ("changes", "validity"),
    [
        ({}, {"type": "dpv:EndlessDuration"}),
        ({"expires": LATER}, {"type": "dpv:UntilTimeDuration", "until_time": "2027-01-15T08:00:00Z"}),
        ({"expiry_event": CLOSING}, {"type": "dpv:UntilEventDuration", "until_event": "urn:troth:event:1"}),
        (
            {"expiry_event": CLOSING, "happened": EFFECTIVE, "heard": RECORDED},
            {
                "type": "dpv:UntilEventDuration",
                "until_event": "urn:troth:event:1",
                "happened_time": "2023-11-14T22:13:20Z",
            },
        ),
    ],
)
def test_how_long_a_decision_holds(changes: dict[str, int], validity: dict[str, str]) -> None:
    """Never ending, until a time, or until an event, with when that came about."""
    assert only_event(**changes)["validity_duration"] == validity


def test_both_times_of_a_late_entry_are_there() -> None:
    """When it took effect, and when it was recorded."""
    event = only_event()
    assert (event["event_time"], event["recorded_time"]) == ("2023-11-14T22:13:20Z", "2023-11-14T22:14:20Z")


def test_a_notice_is_named_by_its_hash() -> None:
    """The SHA-256 in its name, and its title where its text is kept here; else the IRI alone."""
    known = {"id": NOTICE, "type": "dpv:ConsentNotice", "title": "notice.pdf", "sha256": NOTICE_SHA256}
    made = record(row(), row(number=2, notice=LINK), row(number=3, notice=0), notices={NOTICE: "notice.pdf"})
    check(document(made))
    link = {"id": "https://example.com/notice", "type": "dpv:ConsentNotice"}
    assert made["pii_processing"][0]["privacy_notice"] == [known, link]
    assert [event.get("privacy_notice") for event in made["event"]] == [[known], [link], None]


@pytest.mark.parametrize("broken", ["ni:///sha-256;x", "ni:///sha-512;f4Ox", "ni:///sha-256;"])
def test_a_name_that_holds_no_sha256_gives_none(broken: str) -> None:
    """It stays a name."""
    made = record(row(), names={**NAMES, TEXT: broken})
    (notice,) = made["pii_processing"][0]["privacy_notice"]
    assert notice == {"id": broken, "type": "dpv:ConsentNotice"}
    check(document(made))


@pytest.mark.parametrize("state", list(State))
def test_a_decision_is_the_word_of_whoever_decides_so(state: State) -> None:
    """The subject gives, renews, refuses and withdraws; the rest the controller declares."""
    own = state in {State.GIVEN, State.RENEWED, State.REFUSED, State.WITHDRAWN}
    subject, controller = f"urn:troth:subject:0x{SUBJECT.hex()}", source().controller_id
    assert only_event(state=state)["entity_id"] == (subject if own else controller)
    assert controller == f"urn:troth:controller:31337:{CONTRACT.lower()}"


@pytest.mark.parametrize(
    ("method", "recorder", "represented"),
    [
        (Method.WALLET, SPEAKER, True),
        (Method.SIGNATURE, SPEAKER, True),
        (Method.PAPER, SPEAKER, False),
        (Method.WALLET, OPERATOR, False),
    ],
)
def test_a_representative_is_named_as_one(method: Method, recorder: bytes, represented: bool) -> None:
    """Where they decided with an account of their own, and were appointed by this subject."""
    mandates = frozenset({(SUBJECT, SPEAKER), (keccak(b"another"), OPERATOR)})
    made = record(row(method=method, recorder=recorder), representatives=mandates)
    check(document(made))
    account = f"did:pkh:eip155:31337:{format_address(recorder)}"
    assert (made["event"][0]["entity_id"] == account) is represented
    assert made["event"][0]["recorded_by"] == account
    party = {"party_id": account, "party_role": "dpv:Representative"}
    assert (party in made["party_identification"]) is represented


def test_corrections_point_both_ways() -> None:
    """From the decision that stands for another, and from that other."""
    made = record(row(), row(number=2, state=State.REFUSED, corrects=1))
    check(document(made))
    first, second = made["event"]
    assert (first["corrected_by"], second["corrects"]) == (second["event_id"], first["event_id"])
    assert "corrects" not in first and "corrected_by" not in second


def test_honours_stand_with_the_denial_they_are_of() -> None:
    """By whom, when, on what evidence."""
    acts = [
        HonourRow(SUBJECT, key_of(), 2, BROKER, LATER, keccak(b"mail")),
        HonourRow(SUBJECT, key_of(), 2, BROKER, LATER + 1, bytes(32)),
    ]
    made = consent_record(source(), [row(), row(number=2, state=State.WITHDRAWN)], acts)
    check(document(made))
    given, withdrawn = made["event"]
    assert "honoured" not in given
    by = {"honoured_by": "urn:troth:recipient:broker"}
    assert withdrawn["honoured"] == [
        {**by, "honoured_time": "2027-01-15T08:00:00Z", "evidence": f"0x{keccak(b'mail').hex()}"},
        {**by, "honoured_time": "2027-01-15T08:00:01Z"},
    ]


def test_what_is_not_there_is_not_shown() -> None:
    """No evidence, no erasure, no reference; the reference only if it is given."""
    assert "evidence" not in only_event(evidence=bytes(32))
    assert only_event()["evidence"] == f"0x{keccak(b'evidence').hex()}"
    subject = {"id": f"urn:troth:subject:0x{SUBJECT.hex()}", "type": "dpv:DataSubject"}
    bare = {**subject, "pii_principal_id": f"0x{SUBJECT.hex()}"}
    assert record()["pii_principal"] == bare
    erased = record(row(erased=LATER))
    check(document(erased))
    assert erased["pii_principal"] == {**bare, "erased_time": "2027-01-15T08:00:00Z"}
    shown = consent_record(source(), [row()], ref="C-1")
    check(document(shown))
    assert shown["pii_principal"] == {**bare, "customer_reference": "C-1"}


def test_everything_leads_to_the_chain() -> None:
    """Chain, contract, key, number and transaction; names the same whoever exports them."""
    made = record(row(purpose=1, recipient=2, category=3))
    key = key_of(scope=(1, 2, 3))
    consent = f"urn:troth:consent:31337:{CONTRACT.lower()}:0x{key.hex()}"
    assert (made["id"], made["record_id"]) == (consent, f"0x{key.hex()}")
    assert (made["chain_id"], made["contract"]) == (31_337, CONTRACT)
    (event,) = made["event"]
    assert (event["event_id"], event["number"]) == (f"{consent}#1", 1)
    assert event["decision"] == decision_id(key, 1) == f"0x{key.hex()}#1"
    assert event["transaction"] == f"0x{keccak(b'transaction').hex()}"


def test_a_term_without_a_name_gets_one_of_its_own() -> None:
    """An index that lost it still exports."""
    made = record(row(recipient=77))
    check(document(made))
    (name,) = made["pii_processing"][0]["recipient_third_parties"]
    assert name == f"urn:troth:term:31337:{CONTRACT.lower()}:77"


# --- completeness


def test_a_whole_record_claims_to_conform() -> None:
    """Notice and jurisdiction from its decisions, the rest from the controller."""
    made = record()
    assert (missing(made), made["schema_version"]) == ([], [SCHEMA, CONFORMS])
    (process,) = made["pii_processing"]
    assert process["language"] == "de"
    assert process["storage_locations"] == [{"type": "dpv:StorageLocation", "location": [f"{LOC}DE"]}]
    assert process["retention_period"] == [{"type": "dpv:StorageDuration", "duration": "P5Y"}]
    assert process["withdrawal_method"] == [
        {"type": "dpv:WithdrawConsent", "exercised_at": "https://acme.example/no"}
    ]
    assert made["party_identification"][0] == {
        "party_id": source().controller_id,
        "party_role": "dpv:DataController",
        "party_name": "Acme SE",
        "party_address": "Weg 1, Berlin",
        "party_contact": "privacy@acme.example",
    }


OF_CONTROLLER = [
    *("language", "storage_locations", "retention_period", "withdrawal_method"),
    *("party_name", "party_address", "party_contact"),
]


@pytest.mark.parametrize(
    ("changes", "controller", "lacking"),
    [
        ({}, None, OF_CONTROLLER),
        ({"notice": 0}, CONTROLLER, ["privacy_notice"]),
        ({"jurisdiction": 0}, CONTROLLER, ["jurisdiction"]),
        ({"notice": 0, "jurisdiction": 0}, None, ["privacy_notice", "jurisdiction", *OF_CONTROLLER]),
    ],
)
def test_a_record_that_lacks_something_does_not_claim_to_conform(
    changes: dict[str, int], controller: Controller | None, lacking: list[str]
) -> None:
    """It is valid by our schema, which says what is missing from the standard's."""
    made = record(row(**changes), controller=controller)
    assert (missing(made), made["schema_version"]) == (lacking, [SCHEMA])
    check(document(made))
    made["schema_version"].append(CONFORMS)
    with pytest.raises(NotConformant):
        check_schema(document(made))


def test_the_controllers_jurisdiction_stands_in_for_none() -> None:
    """And only for none; a right is shown where the controller names where to exercise it."""
    said = Controller(
        **{**vars(CONTROLLER), "jurisdiction": f"{LOC}IE", "rights": "https://acme.example/rights"}
    )
    made = record(row(jurisdiction=0), controller=said)
    check(document(made))
    assert made["pii_processing"][0]["jurisdiction"] == [f"{LOC}IE"]
    assert made["pii_processing"][0]["privacy_rights"] == [
        {"type": "dpv:DataSubjectRight", "exercised_at": "https://acme.example/rights"}
    ]
    assert "jurisdiction" not in made["event"][0]
    mixed = record(row(), row(number=2, jurisdiction=0), controller=said)
    assert mixed["pii_processing"][0]["jurisdiction"] == [f"{LOC}DE"]


# --- receipts, and what the standards' tools see


def made_receipt() -> dict[str, Any]:
    """A receipt with everything in it."""
    rows = [
        row(expires=LATER),
        row(number=2, expiry_event=CLOSING),
        row(number=3, state=State.WITHDRAWN, corrects=1),
    ]
    acts = [HonourRow(SUBJECT, key_of(), 3, BROKER, LATER, keccak(b"mail"))]
    made = consent_record(source(), rows, acts, "C-1")
    return receipt(made, 3, datetime(2027, 1, 1, tzinfo=timezone.utc))


def test_a_receipt_holds_one_record_and_its_own_id() -> None:
    """Two namings of one decision, and the time the receipt was made."""
    made = made_receipt()
    check(made)
    (one,) = made["consent_records"]
    assert made["id"] == f"{one['id'].replace('consent', 'receipt')}#3"
    assert (made["type"], made["receipt_id"]) == ("dpv:ConsentReceipt", f"{one['record_id']}#3")
    assert made["created"] == "2027-01-01T00:00:00Z"
    assert made["schema_version"] == [SCHEMA, "https://w3id.org/dpv/schema/dpv-27560#receipt"]


def test_a_processor_reads_every_key_and_fetches_nothing() -> None:
    """Compacting gives back each term of the context that the receipt uses."""
    made = made_receipt()
    check_linked(made)
    assert len(graph_of(made)) > 80
    with pytest.raises(NotConformant, match="the context does not define"):
        expanded({**made, "unknown": "x"})
    with pytest.raises(JsonLdError, match="loading remote context failed"):
        expanded({**made, "@context": "https://w3id.org/dpv"})


def test_the_context_has_the_vocabularies_namespaces() -> None:
    """The same as names are resolved with; and every term of it is in use."""
    assert {prefix: CONTEXT[prefix] for prefix in namespaces()} == namespaces()
    text = json.dumps(
        [made_receipt(), record(row(erased=LATER), representatives=frozenset({(SUBJECT, OPERATOR)}))]
    )
    unused = {
        key
        for key, meaning in CONTEXT.items()
        if f'"{key}": ' not in text.replace(json.dumps(CONTEXT), "") and not str(meaning).endswith(("#", "/"))
    }
    assert unused == {"@version", "happened_time", "title", "privacy_rights"}


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where each key of a document is."""
    if isinstance(value, dict):
        return [found for key in value for found in [(*path, key), *paths(value[key], (*path, key))]]
    if isinstance(value, list):
        return [found for place, one in enumerate(value) for found in paths(one, (*path, place))]
    return []


def altered(
    document: dict[str, Any], path: tuple[Any, ...], change: Callable[[Any, Any], None]
) -> dict[str, Any]:
    """A copy of a document with something done at one place."""
    found: Any = copy.deepcopy(document)
    within = found
    for key in path[:-1]:
        within = within[key]
    change(within, path[-1])
    return dict(found)


OPTIONAL = {"evidence", "title", "sha256", "corrects", "corrected_by", "privacy_notice", "jurisdiction"}
OPTIONAL |= {"honoured", "customer_reference"}
"""What a document may do without, in an event or beside it."""


def test_a_document_that_lacks_a_field_is_refused_by_the_schema() -> None:
    """Each field of a whole receipt, taken out in turn; and each made into something else."""
    whole = {key: value for key, value in made_receipt().items() if key != "@context"}
    places = paths(whole)
    assert len(places) > 100
    for path in places:
        if path[-1] not in OPTIONAL:
            with pytest.raises(NotConformant):
                check_schema({"@context": CONTEXT, **altered(whole, path, lambda at, key: at.pop(key))})
        for wrong in (None, 0, "", {}, []):
            with pytest.raises(NotConformant):
                check_schema(
                    {
                        "@context": CONTEXT,
                        **altered(whole, path, lambda at, key, to=wrong: at.update({key: to})),
                    }
                )


BREACHES: dict[str, tuple[tuple[Any, ...], Any]] = {
    "no state of DPV's": (("consent_records", 0, "event", 0, "event_state"), "dpv:ConsentForgotten"),
    "two states": (
        ("consent_records", 0, "event", 0, "event_state"),
        ["dpv:ConsentGiven", "dpv:ConsentRefused"],
    ),
    "no basis of DPV's": (("consent_records", 0, "event", 0, "event_type"), ["dpv:GoodFaith"]),
    "no method": (("consent_records", 0, "event", 0, "indication_method"), "telepathy"),
    "no time": (("consent_records", 0, "event", 0, "event_time"), "yesterday"),
    "no validity": (
        ("consent_records", 0, "event", 0, "validity_duration"),
        {"type": "dpv:UntilTimeDuration"},
    ),
    "no transaction": (("consent_records", 0, "event", 0, "transaction"), "0x12"),
    "no evidence": (("consent_records", 0, "event", 0, "evidence"), "a letter"),
    "no decision": (("consent_records", 0, "event", 0, "decision"), "7"),
    "no number": (("consent_records", 0, "event", 0, "number"), 0),
    "no account": (("consent_records", 0, "event", 0, "recorded_by"), "https://example.com/me"),
    "no events": (("consent_records", 0, "event"), []),
    "no contract": (("consent_records", 0, "contract"), "acme"),
    "no chain": (("consent_records", 0, "chain_id"), "one"),
    "no subject": (("consent_records", 0, "pii_principal", "pii_principal_id"), "C-1"),
    "no parties": (("consent_records", 0, "party_identification"), []),
    "no processing": (("consent_records", 0, "pii_processing"), []),
    "no purpose": (("consent_records", 0, "pii_processing", 0, "purpose"), []),
    "no category": (("consent_records", 0, "pii_processing", 0, "pii_information"), []),
    "no duration": (
        ("consent_records", 0, "pii_processing", 0, "retention_period", 0, "duration"),
        "for ever",
    ),
    "no records": (("consent_records",), []),
    "no time of issue": (("created",), "today"),
    "no receipt id": (("receipt_id",), "1"),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_a_broken_receipt_fails_both_validators(breach: str) -> None:
    """The JSON Schema and the SHACL shapes, which share no rule."""
    path, wrong = BREACHES[breach]
    broken = altered(made_receipt(), path, lambda at, key: at.update({key: wrong}))
    with pytest.raises(NotConformant):
        check_schema(broken)
    with pytest.raises(NotConformant):
        check_shapes(broken)


def test_a_record_keeps_only_the_last_of_two_corrections() -> None:
    """One decision is corrected once: the contract sees to it, and so does the shape of a record."""
    made = record(row(), row(number=2, corrects=1))
    broken = altered(
        document(made), ("@graph", 0, "event", 1, "corrects"), lambda at, key: at.update({key: ["a:b"]})
    )
    with pytest.raises(NotConformant):
        check_schema(broken)
