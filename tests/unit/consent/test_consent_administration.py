"""Corrections, caps, honours, claims that close, pauses: what is recorded, and what is refused beforehand."""

from __future__ import annotations

from typing import Any

import pytest
from saying import BROKER, CONTACT, GERMANY, INSURER, MARKETING, SCOPE, history, nothing_sent, refused, said
from support import Suite, misses
from support.consents import bound
from support.defaults import DAY, START
from support.office import Desk

from troth.consent import administration, terms
from troth.consent.administration import Changes, close, correct, expiry_event, honour, set_cap
from troth.consent.decisions import Basis, Method, State, key_of
from troth.consent.intake import notice_of
from troth.consent.record import Recorded, record, record_own
from troth.errors import BadInput, ConsentsPaused
from troth.identity.evidence import Content, find
from troth.intake import iso_second
from troth.office import Office
from troth.store import schema


@pytest.fixture
def given(office: Office, subject: bytes) -> Recorded:
    """A grant that expires in ten days, under German law, with a notice."""
    notice = Content(b"We will.", "notice.txt", "text/plain")
    whole = said(effective=START - DAY, expires=START + 10 * DAY, jurisdiction=GERMANY)
    return record(office, "C-1", whole, notice=notice)


@pytest.fixture
def withdrawn(office: Office, given: Recorded) -> Recorded:
    """The second decision on its key."""
    return record(office, "C-1", said(state=State.WITHDRAWN))


# --- correct


def test_correction_keeps_what_it_does_not_change(office: Office, given: Recorded) -> None:
    """It points at what it corrects, and has evidence of its own."""
    content = Content(b"The recording says no.", "call.txt", "text/plain")
    done = correct(office, "C-1", SCOPE, 1, Changes(state=State.REFUSED), evidence=content)
    first, second = given.decision, done.decision
    assert (second.number, second.corrects, second.state) == (2, 1, State.REFUSED)
    for name in ("scope", "basis", "method", "effective", "expires", "notice", "jurisdiction"):
        assert getattr(second, name) == getattr(first, name), name
    held = find(office, second.evidence)
    assert held is not None
    assert held.content == content


def test_correction_changes_what_it_says(office: Office, given: Recorded) -> None:
    """Each field; "never" is a time too."""
    notice = Content(b"We will not.", "notice.txt", "text/plain")
    changes = Changes(
        state=State.RENEWED,
        basis=Basis.CONTRACT,
        method=Method.PAPER,
        effective=START - 2 * DAY,
        expires=0,
        notice=notice,
        jurisdiction=terms.jurisdiction_iri("FR"),
    )
    decision = correct(office, "C-1", SCOPE, 1, changes).decision
    assert (decision.state, decision.basis, decision.method) == (State.RENEWED, Basis.CONTRACT, Method.PAPER)
    assert (decision.effective, decision.expires) == (START - 2 * DAY, 0)
    numbers = terms.numbers_of(office, [notice_of(notice), terms.jurisdiction_iri("FR")], define=False)
    assert decision.notice == numbers[notice_of(notice)]
    assert decision.jurisdiction == numbers[terms.jurisdiction_iri("FR")]
    assert given.decision.notice != decision.notice


def test_correction_is_exempt_from_caps(office: Office, given: Recorded) -> None:
    """What was said was said."""
    set_cap(office, GERMANY, MARKETING, 1)
    decision = correct(office, "C-1", SCOPE, 1, Changes(expires=START + 90 * DAY)).decision
    assert decision.expires == START + 90 * DAY


def test_invalidated_decision_expires_with_no_claim(office: Office, subject: bytes) -> None:
    """The claim of the grant it stands for is left out."""
    iri = expiry_event(office, "CLAIM-7")
    record(office, "C-1", said(expiry_event=iri))
    kept = correct(office, "C-1", SCOPE, 1, Changes(state=State.RENEWED)).decision
    assert kept.expiry_event > 0
    undone = correct(office, "C-1", SCOPE, 2, Changes(state=State.INVALIDATED)).decision
    assert (undone.state, undone.expiry_event) == (State.INVALIDATED, 0)


def test_own_decision_keeps_its_method_when_corrected(
    suite: Suite, office: Office, stranger_office: Office, subject: bytes
) -> None:
    """But nobody else's decision becomes one by wallet."""
    bound(suite, suite["stranger"], subject)
    terms.numbers_of(office, SCOPE)
    record_own(stranger_office, f"0x{subject.hex()}", said())
    decision = correct(office, "C-1", SCOPE, 1, Changes(basis=Basis.CONTRACT)).decision
    assert decision.method == Method.WALLET
    correct(office, "C-1", SCOPE, 2, Changes(method=Method.PAPER))
    with refused("--method", "here write one of recorded-call, web-form, paper", value="wallet"):
        correct(office, "C-1", SCOPE, 3, Changes(method=Method.WALLET))


@pytest.mark.parametrize("number", [2, 60_000])
def test_correction_of_nothing_is_refused(desk: Desk, office: Office, given: Recorded, number: int) -> None:
    """There is one decision on this key."""
    with nothing_sent(desk), refused("--number", "no such decision: there are 1 on this", value=str(number)):
        correct(office, "C-1", SCOPE, number, Changes(state=State.REFUSED))


def test_correction_of_what_is_corrected_is_refused(desk: Desk, office: Office, given: Recorded) -> None:
    """The correction can be corrected."""
    correct(office, "C-1", SCOPE, 1, Changes(state=State.REFUSED))
    with nothing_sent(desk), refused("--number", "corrected by decision 2: correct that one"):
        correct(office, "C-1", SCOPE, 1, Changes(state=State.GIVEN))
    assert correct(office, "C-1", SCOPE, 2, Changes(state=State.GIVEN)).decision.corrects == 2


def test_correction_on_terms_nobody_used_is_refused(desk: Desk, office: Office, given: Recorded) -> None:
    """By the option, in the words of the user."""
    with nothing_sent(desk), refused("--recipient", "no decision names it", value="agency"):
        correct(office, "C-1", (MARKETING, terms.recipient_iri("agency"), CONTACT), 1, Changes())


def test_correction_keeps_to_times(desk: Desk, office: Office, given: Recorded) -> None:
    """As any decision; a neutral one waits for the end of a pause."""
    with nothing_sent(desk), refused("--effective", "in the future"):
        correct(office, "C-1", SCOPE, 1, Changes(effective=desk.suite.clock.now + 1))
    with nothing_sent(desk), refused("--expires", "expires before it takes effect"):
        correct(office, "C-1", SCOPE, 1, Changes(expires=START - DAY))
    administration.pause(office)
    with nothing_sent(desk), pytest.raises(ConsentsPaused):
        correct(office, "C-1", SCOPE, 1, Changes(state=State.INVALIDATED))


def test_correction_takes_the_role_of_compliance(
    suite: Suite, stranger_office: Office, subject: bytes, given: Recorded
) -> None:
    """Nobody else's."""
    with misses("COMPLIANCE", suite["stranger"].address):
        correct(stranger_office, f"0x{subject.hex()}", SCOPE, 1, Changes(state=State.REFUSED))


# --- cap


def test_cap_is_set_and_lifted(office: Office) -> None:
    """In days; by jurisdiction and purpose."""
    registry = office.contract("ConsentRegistry")
    for days in (30, 0):
        set_cap(office, GERMANY, MARKETING, days)
        numbers = terms.numbers_of(office, [GERMANY, MARKETING])
        assert registry.call("expiryCap", numbers[GERMANY], numbers[MARKETING]) == days * DAY


@pytest.mark.parametrize("days", [-1, 49_711])
def test_cap_out_of_range_is_refused(desk: Desk, office: Office, days: int) -> None:
    """The contract keeps seconds in 32 bits."""
    with nothing_sent(desk), refused("--days", "write 0 to 49710", value=str(days)):
        set_cap(office, GERMANY, MARKETING, days)


def test_cap_takes_the_role_of_compliance(suite: Suite, office: Office, stranger_office: Office) -> None:
    """Nobody else's."""
    terms.numbers_of(office, [GERMANY, MARKETING])
    with misses("COMPLIANCE", suite["stranger"].address):
        set_cap(stranger_office, GERMANY, MARKETING, 30)


# --- close


def test_claim_has_one_name_that_says_nothing_n4(office: Office) -> None:
    """Random; the reference is in no table."""
    first, again, other = (expiry_event(office, reference) for reference in ("CLAIM-7", "CLAIM-7", "CLAIM-8"))
    assert first == again != other
    assert first.startswith("urn:uuid:")
    with office.store.reading() as connection:
        rows = connection.execute(schema.expiry_events.select()).all()
    assert len(rows) == 2
    assert "CLAIM" not in repr(rows)


def test_close_records_when_the_claim_closed(office: Office, suite: Suite, subject: bytes) -> None:
    """Now, or on a day before; once."""
    for reference in ("CLAIM-7", "CLAIM-8"):
        record(office, "C-1", said(expiry_event=expiry_event(office, reference)))
    suite.clock.move_by(DAY)
    now, before = close(office, "CLAIM-7"), close(office, "CLAIM-8", START + 60)
    assert now.effective.timestamp() == suite.clock.now
    assert before.effective.timestamp() == START + 60
    again = close(office, "CLAIM-8", START + 60)
    assert (again.effective, again.transaction) == (before.effective, None)
    assert close(office, "CLAIM-8").transaction is None


def test_close_at_another_time_is_refused(desk: Desk, office: Office) -> None:
    """What is on record stands."""
    expiry_event(office, "CLAIM-7")
    close(office, "CLAIM-7", START - DAY)
    with nothing_sent(desk), refused("--at", f"it closed {iso_second(START - DAY)}, which stands"):
        close(office, "CLAIM-7", START - DAY + 1)


def test_close_of_another_claim_is_refused(desk: Desk, office: Office) -> None:
    """Its reference is not shown."""
    with nothing_sent(desk), refused("CLAIM_REF", "no consent expires with this claim"):
        close(office, "CLAIM-9")


def test_close_in_the_future_is_refused(desk: Desk, office: Office) -> None:
    """By the chain's clock."""
    expiry_event(office, "CLAIM-7")
    with nothing_sent(desk), refused("--at", "in the future: on the chain it is"):
        close(office, "CLAIM-7", desk.suite.clock.now + 1)


# --- honour


def test_honour_is_recorded_once(desk: Desk, office: Office, withdrawn: Recorded, subject: bytes) -> None:
    """Of the last denial, since now; the event says so, and the second time nothing is sent."""
    content = Content(b"Struck from the list.", "mail.txt", "text/plain")
    done = honour(office, "C-1", SCOPE, BROKER, evidence=content)
    assert (done.subject, done.number, done.recipient) == (subject, 2, BROKER)
    assert done.key == key_of(subject, withdrawn.decision.scope)
    office.sync()
    with office.store.reading() as connection:
        row = connection.execute(schema.honours.select()).one()
    assert (row.decision_key, row.number, row.honoured_at) == (done.key, 2, START)
    held = find(office, row.evidence)
    assert held is not None
    assert held.content == content
    with nothing_sent(desk):
        again = honour(office, "C-1", SCOPE, BROKER, number=2, at=START)
    assert (again.honoured_at, again.transaction) == (done.honoured_at, None)


def test_denial_of_all_recipients_is_honoured_by_each(office: Office, subject: bytes) -> None:
    """One record a recipient, since a day of their own."""
    scope = (MARKETING, "*", CONTACT)
    record(office, "C-1", said(recipient="*", state=State.WITHDRAWN, effective=START - DAY))
    for by, at in ((BROKER, START - DAY), (INSURER, START)):
        done = honour(office, "C-1", scope, by, at=at)
        assert done.transaction is not None
        assert done.honoured_at.timestamp() == at


@pytest.mark.parametrize(
    ("by", "options", "complaint"),
    [
        (INSURER, {}, ("--by", "the denial is meant for broker")),
        (BROKER, {"number": 1}, ("--number", "no denial; those on this key: 2")),
        (BROKER, {"number": 3}, ("--number", "no denial; those on this key: 2")),
        (BROKER, {"at": START - 1}, ("--at", "before the denial takes effect")),
        (BROKER, {"at": START + 1}, ("--at", "in the future")),
    ],
    ids=["another recipient", "a grant", "nothing", "too early", "in the future"],
)
@pytest.mark.usefixtures("withdrawn")
def test_honour_that_does_not_fit_is_refused(
    desk: Desk, office: Office, by: str, options: dict[str, Any], complaint: tuple[str, str]
) -> None:
    """By option and rule."""
    with nothing_sent(desk), refused(*complaint):
        honour(office, "C-1", SCOPE, by, **options)


def test_honour_where_nothing_was_denied_is_refused(desk: Desk, office: Office, given: Recorded) -> None:
    """There is a grant only."""
    with nothing_sent(desk), refused("--number", "nothing was denied on this key"):
        honour(office, "C-1", SCOPE, BROKER)


def test_honour_takes_the_role_of_operator(
    suite: Suite, stranger_office: Office, subject: bytes, withdrawn: Recorded
) -> None:
    """Nobody else's."""
    with misses("OPERATOR", suite["stranger"].address):
        honour(stranger_office, f"0x{subject.hex()}", SCOPE, BROKER)


# --- pause


def test_pause_and_resume_take_the_role_of_guardian(
    suite: Suite, office: Office, stranger_office: Office
) -> None:
    """Both ways."""
    registry = office.contract("ConsentRegistry")
    with misses("GUARDIAN", suite["stranger"].address):
        administration.pause(stranger_office)
    administration.pause(office)
    assert registry.call("paused")
    with misses("GUARDIAN", suite["stranger"].address):
        administration.resume(stranger_office)
    administration.resume(office)
    assert not registry.call("paused")


def test_unknown_subject_is_refused_by_all(office: Office) -> None:
    """Before anything else is asked."""
    for use in (
        lambda: correct(office, "C-404", SCOPE, 1, Changes()),
        lambda: honour(office, "C-404", SCOPE, BROKER),
    ):
        with pytest.raises(BadInput, match="no subject has this customer reference"):
            use()
    assert history(office, bytes(32)) == []
