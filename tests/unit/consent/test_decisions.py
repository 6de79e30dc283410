"""Words, numbers and packed words of decisions: as the contracts have them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import Suite, emitted
from support import consents as plain
from support.consents import SUBJECT

from troth.consent.decisions import (
    DENIALS,
    GRANTS,
    LAST_SECOND,
    Basis,
    Decision,
    Entry,
    Method,
    Scope,
    State,
    key_of,
    pack_entry,
    wider_scopes,
)

SOURCE = Path(__file__).parents[3] / "contracts" / "consent" / "Decisions.sol"
terms = st.integers(0, LAST_SECOND)


@pytest.mark.parametrize("kind", [State, Basis, Method])
def test_values_are_the_contracts(kind: type[State] | type[Basis] | type[Method]) -> None:
    """Name for name, in its order, after None."""
    body = re.search(rf"enum {kind.__name__} {{(.*?)}}", SOURCE.read_text(), re.DOTALL)
    assert body is not None
    names = re.findall(r"^\s*(\w+)", re.sub(r"//.*", "", body[1]), re.MULTILINE)
    assert names == ["None", *(member.term for member in kind)]
    assert [int(member) for member in kind] == list(range(1, len(names)))


@pytest.mark.parametrize("kind", [State, Basis, Method])
def test_text_and_member_are_each_others_inverse(kind: type[State] | type[Basis] | type[Method]) -> None:
    """Lower case, hyphens between words."""
    for member in kind:
        assert kind.parse(member.text) is member
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", member.text)


@pytest.mark.parametrize("text", ["Given", "GIVEN", "", " given", "none", "2"])
def test_other_text_is_refused_with_the_words_there_are(text: str) -> None:
    """However near."""
    with pytest.raises(ValueError, match=r"(unknown|empty): write requested, .* expired or invalidated$"):
        State.parse(text)


def test_grants_and_denials_share_nothing() -> None:
    """What is neither is neutral."""
    assert not GRANTS & DENIALS
    assert {state.text for state in set(State) - GRANTS - DENIALS} == {"requested", "expired", "invalidated"}


@given(
    st.tuples(terms, terms, terms),
    st.tuples(terms, terms, terms, terms),
    st.booleans(),
    st.tuples(st.sampled_from(State), st.sampled_from(Basis), st.sampled_from(Method)),
)
def test_word_is_packed_as_the_tests_of_the_contracts_pack_it(
    scope: tuple[int, int, int],
    fields: tuple[int, int, int, int],
    by_event: bool,
    nature: tuple[State, Basis, Method],
) -> None:
    """And read back to the same."""
    notice, jurisdiction, effective, expires = fields
    state, basis, method = nature
    by_event = by_event and expires != 0
    expected = plain.Entry(
        *scope, *fields, by_event=int(by_event), method=int(method), basis=int(basis), state=int(state)
    ).word
    ends = {"expiry_event": expires} if by_event else {"expires": expires}
    word = pack_entry(
        Scope(*scope),
        state=state,
        basis=basis,
        method=method,
        notice=notice,
        jurisdiction=jurisdiction,
        effective=effective,
        **ends,
    )
    assert word == expected
    assert Entry.of(word).word == word


@pytest.mark.parametrize("field", ["notice", "effective", "expires"])
@pytest.mark.parametrize("value", [-1, 2**32])
def test_what_does_not_fit_is_refused(field: str, value: int) -> None:
    """Rather than spill into the next field."""
    with pytest.raises(ValueError, match="32 bits"):
        pack_entry(Scope(), state=State.GIVEN, basis=Basis.CONSENT, method=Method.PAPER, **{field: value})


def test_two_ends_are_refused() -> None:
    """The word has room for one."""
    with pytest.raises(ValueError, match="not both"):
        pack_entry(
            Scope(), state=State.GIVEN, basis=Basis.CONSENT, method=Method.PAPER, expires=9, expiry_event=1
        )


def test_key_is_the_contracts(suite: Suite) -> None:
    """And that of the tests of the contracts."""
    scope = (plain.MARKETING, 0, LAST_SECOND)
    assert key_of(SUBJECT, Scope(*scope)) == suite.consents.call("keyOf", SUBJECT, *scope)
    assert key_of(SUBJECT, Scope(*scope)) == plain.key_of(SUBJECT, scope)


def test_decision_is_what_the_event_tells(suite: Suite) -> None:
    """Field by field; of a correction, by an event."""
    plain.defined(suite)
    plain.record_for(suite, plain.Entry())
    entry = plain.Entry(notice=plain.NOTICE, jurisdiction=plain.GERMANY, by_event=1, expires=plain.CLOSING)
    receipt = plain.correct(suite, entry, 1)
    (said,) = emitted(receipt, suite.consents, "DecisionRecorded")
    recorder = bytes.fromhex(said.by[2:])
    decision = Decision.of(said.subject, recorder, said.entry, said.numberAndDecision, said.evidence)
    now = suite.clock.now
    assert decision == Decision(
        subject=SUBJECT,
        scope=Scope(plain.MARKETING, plain.INSURER, plain.HEALTH),
        number=2,
        state=State.GIVEN,
        basis=Basis.EXPLICIT_CONSENT,
        method=Method.RECORDED_CALL,
        effective=now,
        recorded=now,
        expires=0,
        expiry_event=plain.CLOSING,
        notice=plain.NOTICE,
        jurisdiction=plain.GERMANY,
        corrects=1,
        recorder=bytes.fromhex(suite["compliance"].address[2:]),
        evidence=plain.EVIDENCE,
    )
    assert (decision.key, decision.is_grant, decision.is_denial) == (plain.key_of(), True, False)


def test_decision_expires_as_it_is_kept(suite: Suite) -> None:
    """A cap ends what names no end."""
    plain.defined(suite)
    suite["compliance"].send(suite.consents, "setExpiryCap", plain.GERMANY, plain.MARKETING, 60)
    receipt = plain.record_for(suite, plain.Entry(jurisdiction=plain.GERMANY))
    (said,) = emitted(receipt, suite.consents, "DecisionRecorded")
    decision = Decision.of(said.subject, bytes(20), said.entry, said.numberAndDecision, said.evidence)
    assert (decision.expires, decision.expiry_event) == (suite.clock.now + 60, 0)


@given(st.tuples(*[st.sampled_from([0, 5, 7])] * 3))
def test_wider_scopes_are_each_once_from_the_widest(scope: tuple[int, int, int]) -> None:
    """The scope itself comes last."""
    found = wider_scopes(Scope(*scope))
    assert found[0] == Scope()
    assert found[-1] == Scope(*scope)
    assert len(found) == len(set(found)) == 2 ** sum(term != 0 for term in scope)
    for narrow in found:
        assert all(mine in {0, all_} for mine, all_ in zip(narrow, scope, strict=True))
