"""Consent records and receipts as JSON-LD: ISO/IEC TS 27560:2023 by its own field names, which the inline
context maps onto the W3C Data Privacy Vocabulary (DPV) 2, as DPV's guide "consent-27560" proposes.

A record is a consent, that is one key of the registry, with all that was decided on it; a receipt holds the
record as it was when one decision had been made. Nothing has to be fetched to read either. Every event says
where on which chain it stands, so that who reads it need not believe it: the contract's `history` and
`termOf` and the log of the transaction say the same, or it is not so. What ISO calls mandatory and neither
the chain nor the controller's file says is left out, and the record then does not claim to conform.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from troth.addresses import format_address
from troth.consent.controller import Controller
from troth.consent.decisions import Basis, Method, Scope, State, key_of
from troth.consent.terms import is_special_category, short_name
from troth.intake import iso, iso_second
from troth.store.decisions import DecisionRow, HonourRow

__all__ = ["CONFORMS", "CONTEXT", "SCHEMA", "Source", "consent_record", "decision_id", "missing", "receipt"]

SCHEMA = "urn:troth:schema:consent-record:1"
"""What `receipt.schema.json` describes: every record and receipt follows it."""
CONFORMS = "https://w3id.org/dpv/schema/dpv-27560#record"
"""DPV's profile of ISO/IEC TS 27560: only complete records say that they follow it."""

_SPACES = {
    "dpv": "https://w3id.org/dpv#",
    "pd": "https://w3id.org/dpv/pd#",
    "sector-finance": "https://w3id.org/dpv/sector/finance#",
    "loc": "https://w3id.org/dpv/loc#",
    "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
    "dct": "http://purl.org/dc/terms/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "troth": "urn:troth:vocabulary#",
}


def _link(iri: str) -> dict[str, str]:
    """A property whose value is an IRI."""
    return {"@id": iri, "@type": "@id"}


def _links(iri: str) -> dict[str, str]:
    """A property with a list of IRIs."""
    return {**_link(iri), "@container": "@set"}


def _nodes(iri: str) -> dict[str, str]:
    """A property with a list of objects."""
    return {"@id": iri, "@container": "@set"}


def _time(iri: str) -> dict[str, str]:
    """A property whose value is a time."""
    return {"@id": iri, "@type": "xsd:dateTime"}


CONTEXT: Mapping[str, Any] = {
    "@version": 1.1,
    **_SPACES,
    "id": "@id",
    "type": "@type",
    "schema_version": _links("dct:conformsTo"),
    "created": _time("dct:created"),
    "receipt_id": "dpv:hasIdentifier",
    "consent_records": _nodes("dpv:hasRecordOfActivity"),
    "record_id": "dct:identifier",
    "pii_principal": "dpv:hasDataSubject",
    "pii_principal_id": "dct:identifier",
    "customer_reference": "troth:customerReference",
    "erased_time": _time("troth:erasedTime"),
    "chain_id": {"@id": "troth:chainId", "@type": "xsd:integer"},
    "contract": "troth:contract",
    "pii_processing": _nodes("dpv:hasProcess"),
    "privacy_notice": _nodes("dpv:hasNotice"),
    "title": "dct:title",
    "sha256": "troth:sha256",
    "language": "dct:language",
    "purpose": _link("dpv:hasPurpose"),
    "lawful_basis": _links("dpv:hasLegalBasis"),
    "pii_information": _nodes("dpv:hasPersonalData"),
    "pii_type": "@id",
    "pii_controllers": _links("dpv:hasDataController"),
    "recipient_third_parties": _links("dpv:hasRecipient"),
    "jurisdiction": _links("dpv:hasJurisdiction"),
    "storage_locations": _nodes("dpv:hasStorageCondition"),
    "location": _links("dpv:hasLocation"),
    "retention_period": _nodes("dpv:hasStorageCondition"),
    "duration": {"@id": "dpv:hasDuration", "@type": "xsd:duration"},
    "withdrawal_method": _nodes("dpv:hasConsentControl"),
    "privacy_rights": _nodes("dpv:hasRight"),
    "exercised_at": _link("dpv:isExercisedAt"),
    "party_identification": _nodes("dpv:hasEntity"),
    "party_id": "@id",
    "party_role": "@type",
    "party_name": "dpv:hasName",
    "party_address": "dpv:hasAddress",
    "party_contact": "dpv:hasContact",
    "event": _nodes("dpv:hasConsentStatus"),
    "event_id": "@id",
    "event_state": "@type",
    "event_type": _links("dpv:hasLegalBasis"),
    "event_time": _time("dpv:isIndicatedAtTime"),
    "recorded_time": _time("dct:created"),
    "validity_duration": "dpv:hasDuration",
    "until_time": _time("rdf:value"),
    "until_event": _link("rdf:value"),
    "happened_time": _time("dct:date"),
    "entity_id": _link("dpv:isIndicatedBy"),
    "indication_method": "dpv:hasIndicationMethod",
    "recorded_by": _link("dpv:isImplementedByEntity"),
    "decision": "dct:identifier",
    "number": {"@id": "troth:number", "@type": "xsd:integer"},
    "corrects": _link("dct:replaces"),
    "corrected_by": _link("dct:isReplacedBy"),
    "evidence": "troth:evidence",
    "transaction": "troth:transaction",
    "honoured": _nodes("troth:honoured"),
    "honoured_by": _link("dpv:isImplementedByEntity"),
    "honoured_time": _time("dct:date"),
}
"""Every key that a record or receipt has, so that a JSON-LD processor drops none."""

_EVERYTHING = ("dpv:Purpose", "dpv:Recipient", "dpv:PersonalData")
_STATES = {state: f"dpv:Consent{state.term}" for state in State}
_STATES[State.RENEWED] = "dpv:RenewedConsentGiven"
_OF_CONTROLLER = {State.REQUESTED, State.REVOKED, State.EXPIRED, State.INVALIDATED}
"""What the controller declares, not the subject."""
_BASES = {
    Basis.CONSENT: ("dpv:Consent", "eu-gdpr:A6-1-a"),
    Basis.EXPLICIT_CONSENT: ("dpv:ExplicitlyExpressedConsent", "eu-gdpr:A6-1-a-explicit-consent"),
    Basis.CONTRACT: ("dpv:Contract", "eu-gdpr:A6-1-b"),
    Basis.LEGAL_OBLIGATION: ("dpv:LegalObligation", "eu-gdpr:A6-1-c"),
    Basis.VITAL_INTEREST: ("dpv:VitalInterest", "eu-gdpr:A6-1-d"),
    Basis.PUBLIC_INTEREST: ("dpv:PublicInterest", "eu-gdpr:A6-1-e"),
    Basis.LEGITIMATE_INTEREST: ("dpv:LegitimateInterest", "eu-gdpr:A6-1-f"),
}
_SHA256 = 32
_SPECIAL_CONSENT = "eu-gdpr:A9-2-a"
_GDPR_APPLIES = frozenset(
    (
        *("EU", "EEA", "IS", "LI", "NO"),
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU"),
        *("IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
    )
)
_MANDATORY = ("privacy_notice", "jurisdiction")
_OF_THE_FILE = ("language", "storage_locations", "retention_period", "withdrawal_method")


@dataclass(frozen=True)
class Source:
    """Where decisions come from, and what is known beside them."""

    chain_id: int
    contract: str
    """Address of the consent registry, checksummed."""
    names: Mapping[int, str]
    """IRIs of terms by number."""
    notices: Mapping[str, str] = field(default_factory=dict)
    """Titles of the notices kept here, by IRI."""
    representatives: frozenset[tuple[bytes, bytes]] = frozenset()
    """Subjects, and the accounts that were appointed to speak for them."""
    controller: Controller | None = None

    @property
    def controller_id(self) -> str:
        """An IRI for the controller: they are whoever keeps this registry."""
        return f"urn:troth:controller:{self.chain_id}:{self.contract.lower()}"

    def consent_id(self, key: bytes) -> str:
        """An IRI for a consent, the same whoever exports it."""
        return f"urn:troth:consent:{self.chain_id}:{self.contract.lower()}:0x{key.hex()}"

    def account(self, address: bytes) -> str:
        """The IRI of an account, by the method did:pkh."""
        return f"did:pkh:eip155:{self.chain_id}:{format_address(address)}"

    def iri(self, term: int) -> str:
        """What a number stands for; a name of its own for one that the index does not know."""
        return self.names.get(term, f"urn:troth:term:{self.chain_id}:{self.contract.lower()}:{term}")


def decision_id(key: bytes, number: int) -> str:
    """How commands name a decision: 0xKEY#NUMBER."""
    return f"0x{key.hex()}#{number}"


def consent_record(
    source: Source,
    rows: Sequence[DecisionRow],
    honours: Iterable[HonourRow] = (),
    ref: str | None = None,
) -> dict[str, Any]:
    """The record of the decisions on one key, in order of their numbers, without a context.

    `honours` are what recipients said of these decisions; `ref` is the customer reference, if it is to be
    shown.
    """
    scope = Scope(rows[0].purpose, rows[0].recipient, rows[0].category)
    key = key_of(rows[0].subject, scope)
    process = _process(source, scope, rows)
    record = {
        "id": source.consent_id(key),
        "type": "dpv:ConsentRecord",
        "schema_version": [SCHEMA, CONFORMS],
        "record_id": f"0x{key.hex()}",
        "pii_principal": _principal(rows[0], ref),
        "chain_id": source.chain_id,
        "contract": source.contract,
        "pii_processing": [process],
        "party_identification": _parties(source, scope, rows),
        "event": [_event(source, key, row, rows, honours) for row in rows],
    }
    if missing(record):
        record["schema_version"] = [SCHEMA]
    return record


def receipt(record: Mapping[str, Any], number: int, created: datetime) -> dict[str, Any]:
    """The receipt for decision `number`, with its context; the record ends with that decision."""
    return {
        "@context": CONTEXT,
        "id": f"{record['id'].replace(':consent:', ':receipt:', 1)}#{number}",
        "type": "dpv:ConsentReceipt",
        "schema_version": [one.replace("#record", "#receipt") for one in record["schema_version"]],
        "receipt_id": f"{record['record_id']}#{number}",
        "created": iso(created),
        "consent_records": [record],
    }


def missing(record: Mapping[str, Any]) -> list[str]:
    """The fields that ISO/IEC TS 27560 wants and a record does not have."""
    (process,) = record["pii_processing"]
    lacking = [name for name in (*_MANDATORY, *_OF_THE_FILE) if name not in process]
    if not any("party_name" in party for party in _controllers(record)):
        lacking += ["party_name", "party_address", "party_contact"]
    return lacking


def _controllers(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The parties that answer for the processing."""
    return [one for one in record["party_identification"] if one["party_role"] == "dpv:DataController"]


def _principal(row: DecisionRow, ref: str | None) -> dict[str, Any]:
    """The data subject, by their random id."""
    subject = f"0x{row.subject.hex()}"
    found = {"id": f"urn:troth:subject:{subject}", "type": "dpv:DataSubject", "pii_principal_id": subject}
    return {
        **found,
        **({"customer_reference": ref} if ref is not None else {}),
        **({"erased_time": iso_second(row.erased)} if row.erased else {}),
    }


def _process(source: Source, scope: Scope, rows: Sequence[DecisionRow]) -> dict[str, Any]:
    """What is done with the data: the fields of ISO's pii_processing."""
    purpose, recipient, category = _scope_iris(source, scope)
    notices = dict.fromkeys(source.iri(row.notice) for row in rows if row.notice)
    places = dict.fromkeys(source.iri(row.jurisdiction) for row in rows if row.jurisdiction)
    said = source.controller
    if not places and said is not None and said.jurisdiction is not None:
        places = {said.jurisdiction: None}
    process: dict[str, Any] = {
        "type": "dpv:Process",
        "purpose": purpose,
        "lawful_basis": _bases(source, scope, rows),
        "pii_information": [_category(category)],
        "pii_controllers": [source.controller_id],
        "recipient_third_parties": [recipient],
    }
    if notices:
        process["privacy_notice"] = [_notice(source, iri) for iri in notices]
    if places:
        process["jurisdiction"] = list(places)
    return process | ({} if said is None else _of_controller(said))


def _scope_iris(source: Source, scope: Scope) -> tuple[str, str, str]:
    """Purpose, recipient and category; DPV's widest terms where a decision was for all."""
    purpose, recipient, category = (
        source.iri(term) if term else everything for term, everything in zip(scope, _EVERYTHING, strict=True)
    )
    return purpose, recipient, category


def _category(iri: str) -> dict[str, Any]:
    """A category of personal data; special ones, of GDPR article 9, say so."""
    special = ["dpv:SpecialCategoryPersonalData"] if is_special_category(iri) else []
    return {"pii_type": iri, "type": ["dpv:PersonalData", *special]}


def _notice(source: Source, iri: str) -> dict[str, Any]:
    """What the subject was shown."""
    found: dict[str, Any] = {"id": iri, "type": "dpv:ConsentNotice"}
    if iri in source.notices:
        found["title"] = source.notices[iri]
    if (digest := _sha256_of(iri)) is not None:
        found["sha256"] = digest
    return found


def _sha256_of(iri: str) -> str | None:
    """The digest in a name by RFC 6920, in hex."""
    scheme = "ni:///sha-256;"
    if not iri.startswith(scheme):
        return None
    try:
        digest = base64.urlsafe_b64decode(f"{iri.removeprefix(scheme)}=")
    except binascii.Error:
        return None
    return digest.hex() if len(digest) == _SHA256 else None


def _of_controller(said: Controller) -> dict[str, Any]:
    """The fields that the controller's file fills."""
    found: dict[str, Any] = {
        "language": said.language,
        "storage_locations": [{"type": "dpv:StorageLocation", "location": list(said.storage_locations)}],
        "retention_period": [{"type": "dpv:StorageDuration", "duration": said.retention_period}],
        "withdrawal_method": [{"type": "dpv:WithdrawConsent", "exercised_at": said.withdrawal}],
    }
    if said.rights is not None:
        found["privacy_rights"] = [{"type": "dpv:DataSubjectRight", "exercised_at": said.rights}]
    return found


def _parties(source: Source, scope: Scope, rows: Sequence[DecisionRow]) -> list[dict[str, Any]]:
    """Controller, recipient, representatives: the fields of ISO's party_identification."""
    controller = {"party_id": source.controller_id, "party_role": "dpv:DataController"}
    if (said := source.controller) is not None:
        controller |= {"party_name": said.name, "party_address": said.address, "party_contact": said.contact}
    parties = [controller]
    if scope.recipient:
        iri = source.iri(scope.recipient)
        parties.append({"party_id": iri, "party_role": "dpv:Recipient", "party_name": short_name(iri)})
    speakers = dict.fromkeys(row.recorder for row in rows if _represented(source, row))
    return parties + [
        {"party_id": source.account(address), "party_role": "dpv:Representative"} for address in speakers
    ]


def _event(
    source: Source,
    key: bytes,
    row: DecisionRow,
    rows: Sequence[DecisionRow],
    honours: Iterable[HonourRow],
) -> dict[str, Any]:
    """A decision: the fields of ISO's event, and where on the chain it stands."""
    event_id = f"{source.consent_id(key)}#"
    event: dict[str, Any] = {
        "event_id": f"{event_id}{row.number}",
        "event_state": _STATES[State(row.state)],
        "event_type": _bases(source, Scope(row.purpose, row.recipient, row.category), [row]),
        "event_time": iso_second(row.effective),
        "recorded_time": iso_second(row.recorded),
        "validity_duration": _validity(source, row),
        "entity_id": _entity(source, row),
        "indication_method": Method(row.method).text,
        "recorded_by": source.account(row.recorder),
        "decision": decision_id(key, row.number),
        "number": row.number,
        "transaction": f"0x{row.tx.hex()}",
    }
    if row.notice:
        event["privacy_notice"] = [_notice(source, source.iri(row.notice))]
    if row.jurisdiction:
        event["jurisdiction"] = [source.iri(row.jurisdiction)]
    if any(row.evidence):
        event["evidence"] = f"0x{row.evidence.hex()}"
    if row.corrects:
        event["corrects"] = f"{event_id}{row.corrects}"
    for later in rows:
        if later.corrects == row.number:
            event["corrected_by"] = f"{event_id}{later.number}"
    if acts := [_honour(source, one) for one in honours if one.number == row.number]:
        event["honoured"] = acts
    return event


def _bases(source: Source, scope: Scope, rows: Iterable[DecisionRow]) -> list[str]:
    """The lawful bases of decisions, in DPV's words and, where the GDPR applies, by its articles."""
    found: dict[str, None] = {}
    for row in rows:
        basis = Basis(row.basis)
        general, of_gdpr = _BASES[basis]
        found[general] = None
        if not row.jurisdiction or not _is_gdpr(source.iri(row.jurisdiction)):
            continue
        found[of_gdpr] = None
        if basis is Basis.EXPLICIT_CONSENT and is_special_category(source.iri(scope.category)):
            found[_SPECIAL_CONSENT] = None
    return list(found)


def _is_gdpr(jurisdiction: str) -> bool:
    """Whether the GDPR applies in a jurisdiction: EU, EEA, their states, and the regions of these."""
    return jurisdiction.removeprefix(_SPACES["loc"]).partition("-")[0] in _GDPR_APPLIES


def _validity(source: Source, row: DecisionRow) -> dict[str, Any]:
    """How long a decision holds if nothing else is decided."""
    if row.expiry_event:
        found = {"type": "dpv:UntilEventDuration", "until_event": source.iri(row.expiry_event)}
        return found | ({"happened_time": iso_second(row.happened)} if row.heard else {})
    if row.expires:
        return {"type": "dpv:UntilTimeDuration", "until_time": iso_second(row.expires)}
    return {"type": "dpv:EndlessDuration"}


def _entity(source: Source, row: DecisionRow) -> str:
    """Whose word a decision is: the subject's, their representative's, or the controller's."""
    if State(row.state) in _OF_CONTROLLER:
        return source.controller_id
    if _represented(source, row):
        return source.account(row.recorder)
    return f"urn:troth:subject:0x{row.subject.hex()}"


def _represented(source: Source, row: DecisionRow) -> bool:
    """Whether a representative decided in the subject's place, with an account of their own."""
    is_own_word = Method(row.method) in {Method.WALLET, Method.SIGNATURE}
    return is_own_word and (row.subject, row.recorder) in source.representatives


def _honour(source: Source, one: HonourRow) -> dict[str, Any]:
    """That a recipient acts on a denial."""
    found = {"honoured_by": source.iri(one.honoured_by), "honoured_time": iso_second(one.honoured_at)}
    return found | ({"evidence": f"0x{one.evidence.hex()}"} if any(one.evidence) else {})
