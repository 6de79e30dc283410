"""Statuses read from the index: which decision settles a question, what is said of it, and in what words."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from support.defaults import START
from support.shelf import ANN, BOB, RECORDER, Shelf, days, moment, tx

from troth.consent import status as module
from troth.consent.status import Answer, Terms, describe, history, status
from troth.consent.terms import category_iri, purpose_iri, recipient_iri
from troth.errors import BadInput, BadSetting
from troth.store import Store

MARKETING, ACME, CONTACT = purpose_iri("Marketing"), recipient_iri("acme"), category_iri("Contact")
WHOLE = (MARKETING, ACME, CONTACT)
CLAIM = "urn:uuid:7d44aa0c-16a4-4a9d-9d2b-0f6f3f0f5c11"


@pytest.fixture
def shelf(store: Store) -> Shelf:
    """An empty index, on either database."""
    return Shelf(store)


def one(shelf: Shelf, *terms: str | None, at: int | None = None, known: int | None = None) -> Answer:
    """The only answer to a question, the whole one by default."""
    times = {"at": at, "known": known}
    given = {name: moment(value) for name, value in times.items() if value is not None}
    (answer,) = status(shelf, ANN, *(terms or WHOLE), **given)
    return answer


def test_grant_in_force_permits_and_is_told_in_full(shelf: Shelf) -> None:
    """Every field of the decision, and of the question."""
    expires = START + days(365)
    decision = shelf.decide(
        effective=START - days(3),
        expires=expires,
        notice="urn:troth:notice:1",
        jurisdiction="https://w3id.org/dpv/loc#DE",
    )
    answer = one(shelf)
    assert (answer.subject, answer.purpose, answer.recipient, answer.category) == (
        ANN,
        "Marketing",
        "acme",
        "Contact",
    )
    assert (answer.permitted, answer.state, answer.decided) == (True, "given", "given")
    assert (answer.at, answer.known) == (moment(START), moment(START))
    assert (answer.effective, answer.recorded) == (moment(START - days(3)), moment(START))
    assert (answer.expires, answer.expiry_event) == (moment(expires), None)
    assert (answer.decision, answer.scope) == (decision, Terms("Marketing", "acme", "Contact"))
    assert (answer.basis, answer.method) == ("consent", "recorded-call")
    assert (answer.notice, answer.jurisdiction) == ("urn:troth:notice:1", "DE")
    assert answer.evidence is not None
    assert (answer.recorder, answer.corrects, answer.erased, answer.ref) == (RECORDER, None, None, None)
    assert answer.transaction == tx(shelf.newest)


def test_nothing_on_record_is_unknown_and_not_permitted(shelf: Shelf) -> None:
    """Another subject's grant, and terms nobody has defined, do not help."""
    shelf.decide(subject=BOB)
    for terms in (
        WHOLE,
        ("urn:example:purpose", "urn:example:recipient", "urn:example:category"),
        ("*", "*", "*"),
    ):
        answer = one(shelf, *terms)
        assert (answer.permitted, answer.state, answer.decision) == (False, "unknown", None)
        assert (answer.effective, answer.scope, answer.transaction) == (None, None, None)
    assert one(shelf, "urn:example:a", "urn:example:b", "urn:example:c").recipient == "urn:example:b"


def test_wider_denial_is_what_an_answer_reports_k6(shelf: Shelf) -> None:
    """ "Do not call me" settles it, though the grant is newer and narrower."""
    denial = shelf.decide("withdrawn", "* * *", effective=START - days(5))
    shelf.decide("given")
    answer = one(shelf)
    assert (answer.permitted, answer.state, answer.decision) == (False, "withdrawn", denial)
    assert answer.scope == Terms("*", "*", "*")
    assert (answer.purpose, answer.recipient, answer.category) == ("Marketing", "acme", "Contact")


def test_term_nobody_has_defined_is_covered_by_wider_scopes(shelf: Shelf) -> None:
    """A recipient never heard of may not do what nobody may, and may do what everybody may."""
    shelf.decide("given", "Marketing * Contact")
    assert one(shelf, MARKETING, recipient_iri("newcomer"), CONTACT).permitted
    shelf.decide("refused", "* * Contact")
    assert not one(shelf, MARKETING, recipient_iri("newcomer"), CONTACT).permitted


def test_status_is_of_the_time_asked_as_known_at_the_time_asked_k2(shelf: Shelf) -> None:
    """A withdrawal recorded late changes that day from when it is known, and not what was known before."""
    shelf.decide(effective=START - days(30), recorded=START - days(30))
    shelf.decide("withdrawn", effective=START - days(10), recorded=START - days(2))
    assert one(shelf, at=START - days(5)).state == "withdrawn"
    assert one(shelf, at=START - days(5), known=START - days(3)).state == "given"
    assert one(shelf, at=START - days(11)).state == "given"
    assert one(shelf, at=START - days(31)).state == "unknown"


def test_expired_grant_says_what_was_decided(shelf: Shelf) -> None:
    """By date, and by an event that has happened."""
    shelf.decide(effective=START - days(9), expires=START - days(1))
    assert (one(shelf).state, one(shelf).decided, one(shelf).permitted) == ("expired", "given", False)
    shelf.decide(event=CLAIM, effective=START - days(1))
    assert (one(shelf).permitted, one(shelf).expiry_event, one(shelf).expires) == (True, CLAIM, None)
    shelf.happen(CLAIM, START - days(0.5))
    assert (one(shelf).state, one(shelf).decided) == ("expired", "given")


def test_erased_subject_is_permitted_nothing_from_then_on(shelf: Shelf) -> None:
    """What was in force stays to be shown; before the erasure, and as known before it, it still permits."""
    shelf.decide(effective=START - days(9), recorded=START - days(9))
    shelf.erase()
    answer = one(shelf)
    assert (answer.permitted, answer.erased, answer.state) == (False, moment(START), "given")
    assert one(shelf, at=START - 1).permitted
    assert one(shelf, known=START - 1).permitted
    assert one(shelf, known=START - 1).erased is None


def test_erased_subject_without_decisions_is_said_to_be_erased(shelf: Shelf) -> None:
    """The index knows of it though it holds no decision that bears on the question."""
    shelf.erase()
    assert (one(shelf).permitted, one(shelf).erased) == (False, moment(START))


def test_open_question_is_answered_for_each_scope_that_meets_it(shelf: Shelf) -> None:
    """In order of purpose, recipient and category, narrowed to what is given, each once."""
    for scope in (
        "Marketing acme Contact",
        "* acme Contact",
        "Marketing beta *",
        "ServiceProvision acme Health",
    ):
        shelf.decide(of=scope)
    shelf.decide("refused", "Marketing beta Contact")
    asked = status(shelf, ANN, purpose=MARKETING)
    found = [(answer.purpose, answer.recipient, answer.category, answer.permitted) for answer in asked]
    assert found == [
        ("Marketing", "acme", "Contact", True),
        ("Marketing", "beta", "*", True),
        ("Marketing", "beta", "Contact", False),
    ]
    everything = status(shelf, ANN)
    assert [answer.purpose for answer in everything] == [
        "*",
        "Marketing",
        "Marketing",
        "Marketing",
        "ServiceProvision",
    ]
    assert [answer.purpose for answer in status(shelf, ANN, purpose="*")] == ["*"]
    assert status(shelf, BOB) == []


def test_scope_is_on_record_from_when_it_was_recorded(shelf: Shelf) -> None:
    """As known before, there is nothing to answer for; after it, but before its effect, nothing in force."""
    shelf.decide(effective=START - days(1), recorded=START - days(1))
    assert status(shelf, ANN, known=moment(START - days(2))) == []
    (answer,) = status(shelf, ANN, at=moment(START - days(2)))
    assert answer.state == "unknown"


@pytest.mark.parametrize("place", ["at", "known"])
def test_time_ahead_is_refused_with_its_place(shelf: Shelf, place: str) -> None:
    """Whatever the time on the chain."""
    ahead = datetime.now(timezone.utc) + timedelta(hours=1)
    with pytest.raises(BadInput) as caught:
        status(shelf, ANN, *WHOLE, **{place: ahead})
    (problem,) = caught.value.problems
    assert (problem.file, problem.value) == (f"--{place}", f"{ahead:%Y-%m-%dT%H:%M:%SZ}")
    assert "lies ahead" in problem.reason


def test_time_ahead_of_the_wall_but_not_of_the_chain_is_answered(shelf: Shelf) -> None:
    """A development chain's clock may have been moved."""
    shelf.clock = int(datetime.now(timezone.utc).timestamp()) + days(30)
    shelf.decide()
    assert one(shelf, at=shelf.clock).permitted


def test_reference_is_shown_where_the_key_to_it_is_at_hand(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And left out, without a complaint, where it is not; never in a repr."""
    monkeypatch.setattr(module, "references_of", lambda _office, _subjects: {ANN: "CUST-7"})
    assert one(shelf).ref == "CUST-7"
    assert "CUST-7" not in repr(one(shelf))

    def locked(_office: object, _subjects: object) -> dict[bytes, str]:
        raise BadSetting("TROTH_KEK_FILE", "", "name it")

    monkeypatch.setattr(module, "references_of", locked)
    assert one(shelf).ref is None


# --- history


def test_history_holds_every_decision_and_points_both_ways_k1(shelf: Shelf) -> None:
    """In the order recorded; a correction names what it corrects, and that names its correction."""
    first = shelf.decide()
    second = shelf.decide("withdrawn", method="web-form", evidence=bytes(32))
    other = shelf.decide("refused", "* * *")
    third = shelf.decide("invalidated", corrects=2)
    entries = history(shelf, ANN)
    assert [entry.decision for entry in entries] == [first, second, other, third]
    assert [(entry.number, entry.corrects, entry.corrected_by) for entry in entries] == [
        (1, None, None),
        (2, None, 3),
        (1, None, None),
        (3, 2, None),
    ]
    assert (entries[1].state, entries[1].method, entries[1].evidence) == ("withdrawn", "web-form", None)
    assert history(shelf, BOB) == []


def test_history_of_terms_is_of_exactly_these(shelf: Shelf) -> None:
    """Wider scopes have a history of their own."""
    shelf.decide()
    wide = shelf.decide("refused", "Marketing * Contact")
    assert [entry.number for entry in history(shelf, ANN, *WHOLE)] == [1]
    assert [entry.decision for entry in history(shelf, ANN, recipient="*")] == [wide]
    assert len(history(shelf, ANN, purpose=MARKETING)) == 2
    assert history(shelf, ANN, purpose="urn:example:undefined") == []


def test_history_tells_who_honours_a_denial_and_what_a_grant_expired_with(shelf: Shelf) -> None:
    """With the times of both."""
    shelf.decide(event=CLAIM)
    denial = shelf.decide("withdrawn")
    shelf.honour(denial, "acme", at=START + 60)
    shelf.happen(CLAIM, START - 5)
    given, withdrawn = history(shelf, ANN)
    assert (given.expiry_event, given.happened, given.honoured) == (CLAIM, moment(START - 5), [])
    (act,) = withdrawn.honoured
    assert (act.recipient, act.honoured_at, act.evidence) == ("acme", moment(START + 60), None)


# --- in words


def test_words_say_what_was_in_force_since_when_by_which_decision_on_what_evidence(shelf: Shelf) -> None:
    """In one line."""
    decision = shelf.decide(
        effective=START - days(3),
        expires=START + days(1),
        notice="urn:troth:notice:1",
        basis="explicit-consent",
    )
    answer = one(shelf)
    assert describe(answer) == (
        "Marketing by acme of Contact: PERMITTED. Given on 2025-12-29T00:00:00Z by recorded call "
        "(basis explicit consent, notice urn:troth:notice:1), recorded 2026-01-01T00:00:00Z, "
        f"until 2026-01-02T00:00:00Z; decision {decision}, evidence 0x{answer.evidence.hex()}, "
        f"transaction 0x{answer.transaction.hex()}."
    )


def test_words_name_the_wider_scope_that_denies(shelf: Shelf) -> None:
    """And what a correction stands for."""
    shelf.decide("given", "* * *", evidence=bytes(32))
    decision = shelf.decide("refused", "* * *", corrects=1, evidence=bytes(32))
    words = describe(one(shelf))
    assert words.startswith("Marketing by acme of Contact: NOT PERMITTED. Refused on ")
    assert ", for all purposes by all recipients of all data, recorded " in words
    assert f"decision {decision} in place of #1, no evidence, transaction 0x" in words
    assert describe(one(shelf, "*", "*", "*")).startswith("All purposes by all recipients of all data: NOT")


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("paper", "on paper"),
        ("in-person", "in person"),
        ("web-form", "by web form"),
        ("message", "by message"),
    ],
)
def test_words_say_how_it_was_said(shelf: Shelf, method: str, words: str) -> None:
    """As people do."""
    shelf.decide(method=method)
    assert f"Given on 2026-01-01T00:00:00Z {words} (basis consent), " in describe(one(shelf))


def test_words_of_what_expired_is_erased_or_unknown(shelf: Shelf) -> None:
    """Each says so."""
    assert describe(one(shelf)) == "Marketing by acme of Contact: NOT PERMITTED. Nothing is on record."
    shelf.decide(event=CLAIM, effective=START - days(3))
    assert f", until {CLAIM} happens; " in describe(one(shelf))
    shelf.happen(CLAIM, START - days(1))
    assert f", ended by {CLAIM}; " in describe(one(shelf))
    assert " Expired: given on 2025-12-29T00:00:00Z by recorded call (basis consent), " in describe(
        one(shelf)
    )
    shelf.erase()
    assert " The subject was erased on 2026-01-01T00:00:00Z: nothing is permitted. Expired: " in describe(
        one(shelf)
    )
