"""Recording one decision: by an operator and by the subject's own key, and all that is refused beforehand.

Branches: what is recorded (terms, times, notice, evidence, expiry event) · refusals (unknown or erased
subject, future, expiry before effect, cap, pause, role) · own (wallet, representative in and out of scope,
expired mandate, stranger, undefined terms, states).
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from saying import GERMANY, MARKETING, SAID, SCOPE, history, nothing_sent, refused, said
from support import Suite, misses
from support.consents import EVIDENCE, Mandate, bound, erase
from support.defaults import DAY, START
from support.office import Desk

from troth.consent import administration, terms
from troth.consent.decisions import Basis, Method, State, key_of
from troth.consent.intake import notice_of
from troth.consent.record import record, record_own
from troth.errors import BadInput, ConsentsPaused
from troth.identity.evidence import Content, find
from troth.intake import iso_second
from troth.office import Office
from troth.store import schema

ID = "0x" + "7e" * 32


# --- by an operator


def test_record_puts_the_decision_on_the_chain(desk: Desk, office: Office, subject: bytes) -> None:
    """And tells it back: terms by number, times, who, what it cost."""
    done = record(office, "C-1", said(effective=START - DAY, expires=START + DAY))
    (held,) = history(office, subject)
    assert (held.number, held.state, held.basis, held.method) == (
        1,
        State.GIVEN,
        Basis.CONSENT,
        Method.RECORDED_CALL,
    )
    assert (held.effective, held.recorded, held.expires) == (START - DAY, desk.suite.clock.now, START + DAY)
    numbers = terms.numbers_of(office, SCOPE, define=False)
    assert done.decision.key == key_of(subject, done.decision.scope)
    assert done.decision.scope == tuple(numbers[iri] for iri in SCOPE)
    assert done.decision.recorder == bytes.fromhex(desk.who.address[2:])
    assert (done.decision.number, done.decision.effective) == (1, START - DAY)
    receipt = desk.suite.node.call("eth_getTransactionReceipt", [done.transaction])
    assert int(receipt["gasUsed"], 16) == done.gas_used


def test_record_takes_a_subjects_id_as_well(office: Office, subject: bytes) -> None:
    """The second decision on the key, now."""
    record(office, "C-1", SAID)
    done = record(office, f"0x{subject.hex()}", said(state=State.WITHDRAWN))
    assert (done.decision.number, done.decision.state) == (2, State.WITHDRAWN)
    assert done.decision.effective == done.decision.recorded


def test_wider_scopes_are_recorded_as_zero(office: Office, subject: bytes) -> None:
    """All purposes, all recipients, all categories: do not call me."""
    done = record(office, "C-1", said(purpose="*", recipient="*", category="*", state=State.REFUSED))
    assert done.decision.scope == (0, 0, 0)
    assert not office.contract("ConsentRegistry").call("isPermitted", subject, 0, 0, 0)


def test_evidence_is_sealed_under_its_word(office: Office, subject: bytes) -> None:
    """Salted: the same file twice has two words."""
    content = Content(b"Yes, please.", "call.txt", "text/plain")
    words = [record(office, "C-1", SAID, evidence=content).decision.evidence for _ in range(2)]
    assert words[0] != words[1]
    for word in words:
        held = find(office, word)
        assert held is not None
        assert (held.subject, held.content) == (subject, content)


def test_evidence_of_nothing_is_unlike_any_other(office: Office, subject: bytes) -> None:
    """So that the index shows whether a record went out."""
    words = {record(office, "C-1", SAID).decision.evidence for _ in range(2)}
    assert len(words) == 2
    assert bytes(32) not in words


def test_notice_is_kept_and_named_by_its_hash(office: Office, subject: bytes) -> None:
    """Before the term that stands for it is on the chain."""
    notice = Content(b"We will.", "notice.txt", "text/plain")
    done = record(office, "C-1", SAID, notice=notice)
    record(office, "C-1", SAID, notice=notice)
    number = terms.numbers_of(office, [notice_of(notice)], define=False)[notice_of(notice)]
    assert done.decision.notice == number
    with office.store.reading() as connection:
        (row,) = connection.execute(schema.notices.select())
    held = (row.iri, row.name, row.media_type, row.content)
    assert held == (notice_of(notice), "notice.txt", "text/plain", b"We will.")


def test_decision_may_expire_with_a_claim(office: Office, subject: bytes) -> None:
    """Named on the chain by a random term; closing the claim ends it."""
    iri = administration.expiry_event(office, "CLAIM-7")
    done = record(office, "C-1", said(expiry_event=iri))
    assert (done.decision.expires, done.decision.expiry_event > 0) == (0, True)
    registry = office.contract("ConsentRegistry")
    assert registry.call("isPermitted", subject, *done.decision.scope)
    administration.close(office, "CLAIM-7")
    assert not registry.call("isPermitted", subject, *done.decision.scope)


def test_grant_without_expiry_gets_that_of_the_cap(office: Office, subject: bytes) -> None:
    """A denial none."""
    administration.set_cap(office, GERMANY, MARKETING, 30)
    given = record(office, "C-1", said(jurisdiction=GERMANY, effective=START - DAY))
    assert given.decision.expires == START + 29 * DAY
    denied = record(office, "C-1", said(jurisdiction=GERMANY, state=State.WITHDRAWN))
    assert denied.decision.expires == 0


# --- refused before anything is sent


def test_unknown_reference_is_refused(desk: Desk, office: Office) -> None:
    """Never shown: it is personal."""
    with nothing_sent(desk), refused("--subject", "no subject has this customer reference"):
        record(office, "C-404", SAID)


def test_erased_subject_is_refused(desk: Desk, office: Office, subject: bytes) -> None:
    """By its id, which anybody may know."""
    erase(desk.suite, subject)
    with nothing_sent(desk), refused("--subject", f"erased {iso_second(START)}"):
        record(office, f"0x{subject.hex()}", SAID)


def test_future_effect_is_refused(desk: Desk, office: Office, subject: bytes) -> None:
    """By the chain's clock; the second itself is in time."""
    now = desk.suite.clock.now
    with (
        nothing_sent(desk),
        refused(
            "--effective", f"in the future: on the chain it is {iso_second(now)}", value=iso_second(now + 1)
        ),
    ):
        record(office, "C-1", said(effective=now + 1))
    assert record(office, "C-1", said(effective=now)).decision.effective == now


@pytest.mark.parametrize("effective", [0, START - DAY], ids=["now", "yesterday"])
def test_expiry_before_effect_is_refused(desk: Desk, office: Office, subject: bytes, effective: int) -> None:
    """And at the same second; then one later is taken."""
    first = effective or desk.suite.clock.now
    with nothing_sent(desk), refused("--expires", "expires before it takes effect", value=iso_second(first)):
        record(office, "C-1", said(effective=effective, expires=first))
    done = record(office, "C-1", said(effective=effective, expires=first + DAY))
    assert done.decision.expires == first + DAY


def test_expiry_beyond_the_cap_is_refused(desk: Desk, office: Office, subject: bytes) -> None:
    """With the last second that is not; for this jurisdiction and purpose, and for grants."""
    administration.set_cap(office, GERMANY, MARKETING, 30)
    latest = START + 30 * DAY
    beyond = said(jurisdiction=GERMANY, effective=START, expires=latest + 1)
    rule = f"beyond the statutory cap of DE, 30 days: at most {iso_second(latest)}"
    with nothing_sent(desk), refused("--expires", rule, value=iso_second(latest + 1)):
        record(office, "C-1", beyond)
    for allowed in (
        said(jurisdiction=GERMANY, effective=START, expires=latest),
        said(effective=START, expires=latest + 1),
        said(jurisdiction=GERMANY, purpose="*", effective=START, expires=latest + 1),
        said(jurisdiction=GERMANY, effective=START, expires=latest + 1, state=State.REFUSED),
    ):
        assert record(office, "C-1", allowed).decision.expires == allowed.expires


def test_pause_stops_all_but_denials_k4(desk: Desk, office: Office, subject: bytes) -> None:
    """A withdrawal on terms that nobody has used before as well."""
    administration.pause(office)
    with nothing_sent(desk), pytest.raises(ConsentsPaused):
        record(office, "C-1", SAID)
    assert record(office, "C-1", said(state=State.WITHDRAWN)).decision.state == State.WITHDRAWN
    administration.resume(office)
    assert record(office, "C-1", SAID).decision.number == 2


def test_record_takes_the_role_of_operator_k3(suite: Suite, stranger_office: Office) -> None:
    """Found out before it costs anything."""
    with misses("OPERATOR", suite["stranger"].address):
        record(stranger_office, ID, SAID)
    assert history(stranger_office, bytes.fromhex(ID[2:])) == []


def test_only_grants_expire_with_a_claim_that_is_open(
    desk: Desk, office: Office, suite: Suite, subject: bytes
) -> None:
    """Open at the time of effect: a late entry from before the closing is taken."""
    iri = administration.expiry_event(office, "CLAIM-7")
    with nothing_sent(desk), refused("--expires-with", "what is withdrawn ends with no claim"):
        record(office, "C-1", said(state=State.WITHDRAWN, expiry_event=iri))
    record(office, "C-1", said(expiry_event=iri))
    suite.clock.move_by(DAY)
    administration.close(office, "CLAIM-7", START + 60)
    with nothing_sent(desk), refused("--expires-with", f"this claim closed {iso_second(START + 60)}"):
        record(office, "C-1", said(expiry_event=iri, effective=START + 60))
    late = record(office, "C-1", said(expiry_event=iri, effective=START + 59))
    assert late.decision.number == 2


def test_cap_of_all_purposes_is_for_those_without_their_own(office: Office, subject: bytes) -> None:
    """As the contract looks it up; a purpose that is new to the chain too."""
    administration.set_cap(office, GERMANY, "*", 10)
    latest = START + 10 * DAY
    grant = said(jurisdiction=GERMANY, effective=START, expires=latest + 1)
    for purpose in (MARKETING, "*"):
        with refused("--expires", "beyond the statutory cap of DE, 10 days"):
            record(office, "C-1", replace(grant, purpose=purpose))
    administration.set_cap(office, GERMANY, MARKETING, 30)
    assert record(office, "C-1", grant).decision.expires == latest + 1


# --- by the subject's own key


@pytest.fixture
def own(suite: Suite, subject: bytes, stranger_office: Office, office: Office) -> Office:
    """The stranger's office, whose account is now the subject's wallet; the terms are defined."""
    bound(suite, suite["stranger"], subject)
    terms.numbers_of(office, [*SCOPE, GERMANY])
    return stranger_office


def test_own_decision_is_recorded_by_the_wallet(own: Office, suite: Suite, subject: bytes) -> None:
    """Method wallet, whatever was said; evidence there is none but the transaction itself."""
    done = record_own(own, f"0x{subject.hex()}", said(basis=Basis.EXPLICIT_CONSENT))
    assert (done.decision.method, done.decision.basis) == (Method.WALLET, Basis.EXPLICIT_CONSENT)
    assert done.decision.recorder == bytes.fromhex(suite["stranger"].address[2:])
    assert done.decision.evidence == bytes(32)
    assert len(history(own, subject)) == 1


def test_own_decision_of_somebody_else_is_refused_k3(
    stranger_office: Office, office: Office, suite: Suite, subject: bytes
) -> None:
    """Who has neither wallet nor mandate."""
    terms.numbers_of(office, SCOPE)
    before = suite.node.call("eth_getTransactionCount", [suite["stranger"].address, "latest"])
    with refused("--own", "neither a wallet", value=suite["stranger"].address):
        record_own(stranger_office, f"0x{subject.hex()}", SAID)
    assert suite.node.call("eth_getTransactionCount", [suite["stranger"].address, "latest"]) == before


def test_representative_decides_within_their_scope_k3(
    stranger_office: Office, office: Office, suite: Suite, subject: bytes
) -> None:
    """And is told the scope when they step out of it, and the end of a mandate that is over."""
    numbers = terms.numbers_of(office, [*SCOPE, terms.purpose_iri("ServiceProvision")])
    office.sync()
    stranger_office.sync()
    now = suite.clock.now
    mandate = Mandate(expires=now + 60, purpose=numbers[MARKETING])
    suite["operator"].send(suite.subjects, "appoint", subject, suite["stranger"].address, mandate, EVIDENCE)
    who = f"0x{subject.hex()}"
    assert record_own(stranger_office, who, SAID).decision.number == 1
    scope = "purpose Marketing, recipient *, category *"
    with refused("--own", f"out of the representative's scope: {scope}"):
        record_own(stranger_office, who, said(purpose=terms.purpose_iri("ServiceProvision")))
    with refused("--own", "out of the representative's scope"):
        record_own(stranger_office, who, said(purpose="*"))
    suite.clock.move_to(now + 60)
    with refused("--own", f"the representative's mandate ended {iso_second(now + 60)}"):
        record_own(stranger_office, who, SAID)


def test_own_decision_on_undefined_terms_is_refused(own: Office, subject: bytes) -> None:
    """Only an operator defines them."""
    with pytest.raises(BadInput) as caught:
        record_own(own, f"0x{subject.hex()}", said(recipient="urn:troth:recipient:nobody", notice="urn:x:1"))
    assert [problem.file for problem in caught.value.problems] == ["--recipient", "--notice"]


@pytest.mark.parametrize("state", [State.REQUESTED, State.REVOKED, State.EXPIRED, State.INVALIDATED])
def test_own_decision_is_one_of_four(own: Office, subject: bytes, state: State) -> None:
    """The others are not the subject's to decide."""
    reason = "a subject's own decision is given, renewed, refused, withdrawn"
    with refused("--state", reason, value=state.text):
        record_own(own, f"0x{subject.hex()}", said(state=state))


def test_own_decision_keeps_to_times_too(own: Office, suite: Suite, subject: bytes) -> None:
    """As an operator's."""
    with refused("--effective", "in the future"):
        record_own(own, f"0x{subject.hex()}", said(effective=suite.clock.now + 1))
