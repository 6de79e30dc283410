"""Deciding by signature: what a statement says. Which signatures count is in test_statement_signatures.py.

recordSigned
├── carried by anybody: taken, in the signer's name
├── state: Given, Renewed, Refused, Withdrawn, so written · any other word: refused
├── terms in words: "*" all of purposes, recipients, categories, "" no jurisdiction, notice, event
│   ├── a word that is no term, in any of six places: refused
│   └── "" for a purpose, "*" for a jurisdiction: refused
├── effective none: refused · ahead: refused · past 32 bits: refused
├── expires past 32 bits: refused · together with an event: refused · with an event alone: taken
├── basis: explicit consent · method: Signature
├── signer: wallet of the subject, representative within scope: taken · others: refused
└── the old statement of two, carried last: on record, and not in force
"""

from __future__ import annotations

import pytest
from support import Actor, Suite, refuses
from support.consents import (
    AGENCY,
    ALL,
    CLOSING,
    CONTACT,
    EXPLICIT_CONSENT,
    GERMANY,
    GIVEN,
    HEALTH,
    INSURER,
    IRIS,
    LAST,
    MARKETING,
    NOTHING,
    NOTICE,
    OTHER,
    OWN_STATES,
    SERVICE,
    SIGNATURE,
    STATE_NAMES,
    SUBJECT,
    WITHDRAWN,
    Entry,
    Mandate,
    Statement,
    appoint,
    bound,
    carry,
    digest_of,
    key_of,
    recorded,
    sign_and_bring,
    signed,
    statement_of,
    unordered,
)
from support.defaults import DAY, START

from troth.chain.contracts import Contract
from troth.trees.keccak import keccak

BY_SIGNATURE = Entry(method=SIGNATURE, basis=EXPLICIT_CONSENT, effective=START)


@pytest.fixture(autouse=True)
def ready(consents: Contract, wallet: Actor) -> None:
    """Terms are defined, and SUBJECT has a wallet."""


def test_record_signed_is_carried_by_anybody_in_the_signers_name(
    suite: Suite, consents: Contract, wallet: Actor
) -> None:
    """Who pays for the transaction does not matter, and adds nothing: the digest signed is the evidence."""
    receipt = sign_and_bring(suite, wallet, Statement())
    digest = digest_of(suite, Statement().by(wallet))
    assert recorded(receipt, consents) == [(SUBJECT, wallet.address, *BY_SIGNATURE.kept(1, START), digest)]
    assert consents.call("history", key_of(), 1, 9) == (BY_SIGNATURE.shown(1, START),)


def test_record_signed_keeps_every_field(suite: Suite, consents: Contract, wallet: Actor) -> None:
    """All that a statement can say."""
    full = BY_SIGNATURE._replace(
        **{"notice": NOTICE, "jurisdiction": GERMANY, "effective": START - DAY, "expires": START + DAY}
    )
    statement = Statement(
        SUBJECT,
        wallet.address,
        "Given",
        "https://w3id.org/dpv#Marketing",
        "urn:troth:recipient:insurer",
        "https://w3id.org/dpv/pd#Health",
        "https://w3id.org/dpv/loc#DE",
        "urn:troth:notice:1",
        "",
        START - DAY,
        START + DAY,
    )
    (told,) = recorded(sign_and_bring(suite, wallet, statement), consents)
    assert told == (SUBJECT, wallet.address, *full.kept(1, START), digest_of(suite, statement))


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("term", [ALL, SERVICE])
def test_record_signed_reads_terms_and_all(
    suite: Suite, consents: Contract, wallet: Actor, place: int, term: int
) -> None:
    """A term by its number, and "*" for all of them, in each of the three places."""
    scope = [MARKETING, INSURER, HEALTH]
    scope[place] = term
    entry = BY_SIGNATURE._replace(purpose=scope[0], recipient=scope[1], category=scope[2])
    sign_and_bring(suite, wallet, statement_of(entry))
    assert consents.call("decisionCount", key_of(scope=scope)) == 1


@pytest.mark.parametrize("state", OWN_STATES)
def test_record_signed_reads_states(suite: Suite, consents: Contract, wallet: Actor, state: int) -> None:
    """In the words of the vocabulary."""
    sign_and_bring(suite, wallet, Statement(state=STATE_NAMES[state]))
    assert consents.call("history", key_of(), 1, 1)[0].state == state


@pytest.mark.parametrize(
    "state", ["", "given", "Given ", "Requested", "Revoked", "Expired", "Invalidated", "None"]
)
def test_record_signed_refuses_other_states(suite: Suite, wallet: Actor, state: str) -> None:
    """To the letter, and only those that are the subject's own."""
    with refuses("StatementStateUnknown", state=state):
        sign_and_bring(suite, wallet, Statement(state=state))


PLACES = ("purpose", "recipient", "category", "jurisdiction", "notice", "expiry_event")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("word", ["https://w3id.org/dpv#marketing", "", "*"])
def test_record_signed_refuses_words_that_are_no_terms(
    suite: Suite, wallet: Actor, place: str, word: str
) -> None:
    """Nothing is all where all can be meant, and none where none can; nowhere else."""
    is_scope = place in PLACES[:3]
    if word == ("*" if is_scope else ""):
        sign_and_bring(suite, wallet, Statement(**{place: word}))
        return
    with refuses("VocabularyTermUnknown", digest=keccak(word.encode())):
        sign_and_bring(suite, wallet, Statement(**{place: word}))


# --- times


def test_record_signed_refuses_statement_without_effect(suite: Suite, wallet: Actor) -> None:
    """It would take effect when it is carried, after newer ones."""
    with refuses("ConsentEffectMissing"):
        sign_and_bring(suite, wallet, Statement(effective=0))


def test_record_signed_old_statement_does_not_undo_newer(
    suite: Suite, consents: Contract, wallet: Actor
) -> None:
    """Signed first and carried last: it is on record, and the newer one in force."""
    suite.clock.move_by(DAY)
    grant = Statement(effective=START, nonce=unordered(1), deadline=START + 9 * DAY)
    denial = Statement(state="Withdrawn", effective=START + 1, nonce=unordered(2), deadline=START + 9 * DAY)
    sign_and_bring(suite, wallet, denial)
    sign_and_bring(suite, wallet, grant)
    status = consents.call("statusAt", key_of(), START + DAY, START + DAY)
    assert (status.state, status.decision.number) == (WITHDRAWN, 1)
    assert consents.call("decisionCount", key_of()) == 2


@pytest.mark.parametrize("time", [LAST + 1, 2**40 - 1, 2**32 + START])
@pytest.mark.parametrize("field", ["effective", "expires"])
def test_record_signed_refuses_time_beyond_32_bits(
    suite: Suite, wallet: Actor, field: str, time: int
) -> None:
    """Rather than cut it short."""
    with refuses("ConsentTimeOutOfRange", time=time, atMost=LAST):
        sign_and_bring(suite, wallet, Statement(**{field: time}))


def test_record_signed_expires_with_event(suite: Suite, consents: Contract, wallet: Actor) -> None:
    """An event in words."""
    entry = BY_SIGNATURE._replace(expires=CLOSING, by_event=1)
    sign_and_bring(suite, wallet, statement_of(entry))
    assert consents.call("history", key_of(), 1, 1) == (entry.shown(1, START),)


def test_record_signed_refuses_two_ends(suite: Suite, wallet: Actor) -> None:
    """By date or with an event, not both."""
    with refuses("ConsentExpiryTwice", expires=LAST, term=CLOSING):
        sign_and_bring(suite, wallet, Statement(expires=LAST, expiry_event=IRIS[CLOSING - 1]))


# --- who


def test_record_signed_refuses_subject_zero_k3(suite: Suite, wallet: Actor) -> None:
    """K3: it has no wallets."""
    with refuses("ConsentNotAllowed", account=wallet.address, subject=NOTHING):
        sign_and_bring(suite, wallet, Statement(NOTHING))


@pytest.mark.parametrize("who", ["stranger", "operator", "wallet of another"])
def test_record_signed_refuses_signer_who_does_not_speak_for_the_subject_k3(suite: Suite, who: str) -> None:
    """K3: a good signature of the wrong person."""
    other = suite.customers[1]
    bound(suite, other, OTHER)
    signer = other if who == "wallet of another" else suite[who]
    with refuses("ConsentNotAllowed", account=signer.address, subject=SUBJECT):
        sign_and_bring(suite, signer, Statement())


def test_record_signed_refuses_wallet_unbound_since_k3(
    suite: Suite, consents: Contract, wallet: Actor
) -> None:
    """K3: what counts is who they are when it is carried."""
    signature = signed(suite, wallet, Statement())
    wallet.send(suite.subjects, "unbind", wallet.address)
    with refuses("ConsentNotAllowed", account=wallet.address, subject=SUBJECT):
        carry(suite, Statement().by(wallet), signature)


@pytest.mark.parametrize(
    ("mandate", "covers"),
    [
        (Mandate(), True),
        (Mandate(purpose=MARKETING, recipient=INSURER, category=HEALTH), True),
        (Mandate(purpose=SERVICE), False),
        (Mandate(recipient=AGENCY), False),
        (Mandate(category=CONTACT), False),
        (Mandate(expires=START + DAY), False),
    ],
    ids=["all", "those", "another purpose", "another recipient", "another category", "expired"],
)
def test_record_signed_by_representative_within_scope_k3(
    suite: Suite, consents: Contract, mandate: Mandate, covers: bool
) -> None:
    """K3: as if they did it directly."""
    broker = suite.customers[2]
    appoint(suite, broker, mandate)
    suite.clock.move_by(DAY)
    if covers:
        (told,) = recorded(sign_and_bring(suite, broker, Statement()), consents)
        assert (told.subject, told.by) == (SUBJECT, broker.address)
    else:
        with refuses("ConsentNotAllowed", account=broker.address, subject=SUBJECT):
            sign_and_bring(suite, broker, Statement())


def test_record_signed_refuses_representative_of_one_term_on_all_k3(suite: Suite) -> None:
    """K3: "*" is more than any one."""
    broker = suite.customers[2]
    appoint(suite, broker, Mandate(purpose=MARKETING))
    with refuses("ConsentNotAllowed", account=broker.address, subject=SUBJECT):
        sign_and_bring(suite, broker, Statement(purpose="*"))


def test_entry_of_statement_has_one_basis_and_method(suite: Suite, consents: Contract, wallet: Actor) -> None:
    """What somebody signs is their explicit consent, by signature."""
    sign_and_bring(suite, wallet, Statement())
    kept = consents.call("history", key_of(), 1, 1)[0]
    assert (kept.state, kept.basis, kept.method) == (GIVEN, EXPLICIT_CONSENT, SIGNATURE)
