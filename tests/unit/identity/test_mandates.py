"""Mandates: appointed with capacity, scope and expiry, and ended.

appoint: on the chain, by event, evidence sealed · terms defined as needed · again: replaced
└── expiry not ahead, subject erased, no operator: refused, nothing kept, defined or sent
dismiss: ended · none: refused · somebody else: refused
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from support.chain import refuses
from support.defaults import DAY, START
from support.suite import Actor, Suite

from troth.consent.terms import purpose_iri, recipient_iri
from troth.errors import BadInput
from troth.identity import erasure, evidence, subjects
from troth.identity.evidence import Content
from troth.identity.mandates import Capacity, Mandate, appoint, dismiss, history
from troth.office import Office

SCOPE = (purpose_iri("Marketing"), recipient_iri("broker-1"), "*")
FORM = Content(b"signed", "power of attorney.pdf", "application/pdf")


@pytest.fixture
def subject(office: Office) -> bytes:
    """Somebody known here."""
    return subjects.new(office, "C-1").subject


def known(office: Office, subject: bytes) -> list[Mandate]:
    """The mandates, once the index is up."""
    office.sync()
    return history(office, subject)


def test_mandate_is_on_the_chain_and_its_evidence_here(
    office: Office, suite: Suite, subject: bytes, customer: Actor
) -> None:
    """Its terms are defined first; the representative may decide within its scope, until it expires."""
    expires = office.now() + timedelta(days=30)
    done = appoint(
        office, subject, customer.address, Capacity.BROKER, scope=SCOPE, expires=expires, content=FORM
    )
    marketing, broker = (suite.consents.call("termOf", iri) for iri in SCOPE[:2])
    assert suite.subjects.call("mandateOf", subject, customer.address) == (
        Capacity.BROKER,
        START + 30 * DAY,
        marketing,
        broker,
        0,
    )
    assert suite.subjects.call("speaksFor", customer.address, subject, marketing, broker, 7)
    assert not suite.subjects.call("speaksFor", customer.address, subject, 0, broker, 7)
    found = evidence.find(office, done.evidence)
    assert found is not None and found.content == FORM
    (one,) = known(office, subject)
    assert (one.representative, one.capacity) == (customer.address, "broker")
    assert (one.purpose, one.recipient, one.category) == SCOPE
    assert (one.appointed_by, one.expires, one.evidence, one.transaction) == (
        suite["insurer"].address,
        expires,
        done.evidence,
        done.transaction,
    )
    assert one.stands(expires - timedelta(seconds=1))
    assert not one.stands(expires)


@pytest.mark.parametrize("capacity", Capacity)
def test_capacities_are_the_contracts(
    office: Office, suite: Suite, subject: bytes, customer: Actor, capacity: Capacity
) -> None:
    """For everything and for good by default."""
    done = appoint(office, subject, customer.address, capacity)
    assert suite.subjects.call("mandateOf", subject, customer.address) == (capacity, 0, 0, 0, 0)
    (one,) = known(office, subject)
    assert (done.capacity, one.capacity) == (capacity.name.lower(),) * 2
    assert (one.purpose, one.recipient, one.category, one.expires) == ("*", "*", "*", None)


def test_newer_mandate_replaces_that_of_its_representative(
    office: Office, suite: Suite, subject: bytes, customers: tuple[Actor, ...]
) -> None:
    """Another's stands beside it."""
    ann, ben = customers[:2]
    appoint(office, subject, ann.address, Capacity.BROKER)
    appoint(office, subject, ben.address, Capacity.GUARDIAN)
    suite.clock.move_by(DAY)
    appoint(office, subject, ann.address, Capacity.ATTORNEY, scope=SCOPE)
    first, bens, second = known(office, subject)
    assert (first.ended_at, first.dismissed_by) == (second.appointed_at, None)
    assert [one.stands(office.now()) for one in (first, bens, second)] == [False, True, True]


def test_bad_mandate_keeps_and_sends_nothing(
    office: Office, stranger_office: Office, suite: Suite, subject: bytes, customer: Actor
) -> None:
    """Expiry not ahead; no operator; erased."""
    with pytest.raises(BadInput, match=r"^--expires: .*not ahead"):
        appoint(office, subject, customer.address, Capacity.BROKER, scope=SCOPE, expires=office.now())
    with refuses("SubjectsNotAllowed", caller=suite["stranger"].address, subject=subject):
        appoint(stranger_office, subject, customer.address, Capacity.BROKER, scope=SCOPE)
    assert evidence.contents(office, subject) == evidence.contents(stranger_office, subject) == []
    assert suite.consents.call("termCount") == 0
    erasure.erase(office, subject)
    with pytest.raises(BadInput, match="erased at 2026"):
        appoint(office, subject, customer.address, Capacity.BROKER)
    assert known(office, subject) == []


def test_dismissed_representative_decides_no_more(
    office: Office, suite: Suite, subject: bytes, customer: Actor
) -> None:
    """Told by event, with who dismissed them."""
    appoint(office, subject, customer.address, Capacity.GUARDIAN)
    suite.clock.move_by(DAY)
    dismiss(office, subject, customer.address)
    assert not suite.subjects.call("speaksFor", customer.address, subject, 0, 0, 0)
    (one,) = known(office, subject)
    assert (one.ended_at, one.dismissed_by) == (office.now(), suite["insurer"].address)
    with pytest.raises(BadInput, match=rf"^--by: '{customer.address}': does not represent this subject"):
        dismiss(office, subject, customer.address)


def test_somebody_else_cannot_dismiss(
    office: Office, stranger_office: Office, suite: Suite, subject: bytes, customer: Actor
) -> None:
    """Neither the representative, nor the subject, nor an operator."""
    appoint(office, subject, customer.address, Capacity.GUARDIAN)
    with refuses("SubjectsNotAllowed", caller=suite["stranger"].address, subject=subject):
        dismiss(stranger_office, subject, customer.address)
