"""K1 to K6 hold whatever people do, in whatever order.

Hypothesis makes people bind wallets and leave, appoint, decide by transaction, by signature and by telephone,
correct, cap, close claims, honour, pause, erase and wait, on the real contracts. A model that shares no code
with them says what should come of each call, and what it refuses they must refuse by the same error. After
every step each invariant is checked, most of them on nothing but what the chain says and holds.

The same examples run every time. For others, at length and each time anew:
    TROTH_INVARIANT_EXAMPLES=1000 .venv/bin/python -m pytest tests/invariants/test_consents.py
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, note, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from support import Suite
from support.consents import (
    ALL,
    CLOSING,
    CONTACT,
    DENIALS,
    EVIDENCE,
    EXPLICIT_CONSENT,
    GERMANY,
    GRANTS,
    HEALTH,
    INSURER,
    IRIS,
    MARKETING,
    OTHER,
    OWN_STATES,
    RECORDED_CALL,
    REFUSED,
    SERVICE,
    SIGNATURE,
    STATES,
    SUBJECT,
    UNKNOWN,
    WALLET,
    WITHDRAWN,
    Binding,
    Entry,
    Honour,
    Mandate,
    Record,
    defined,
    digest_of,
    key_of,
    signed,
    statement_of,
    unordered,
)

from invariants.chain import Chain, Said, impersonating
from invariants.consent_model import Model, wider_scopes
from invariants.model import Refused
from invariants.values import Draw, mostly

SEED, EXAMPLES, STEPS = 3, 50, 40
LONG = "TROTH_INVARIANT_EXAMPLES"
LONG_STEPS = 80
SUBJECTS = (SUBJECT, OTHER)
PURPOSES, RECIPIENTS, CATEGORIES = (ALL, MARKETING, SERVICE), (ALL, INSURER), (ALL, HEALTH, CONTACT)
SCOPES = tuple(product(PURPOSES, RECIPIENTS, CATEGORIES))
KEYS = tuple(product(SUBJECTS, SCOPES))
SPAN = 40
"""Seconds, in which most of an example happens: few, so that times meet."""
ASKED = 12
"""Moments asked about after every step, of each kind."""
EVERYTHING = 2**256 - 1
NEVER = EVERYTHING + 1

EXPECTED = frozenset(
    """
    WalletBound WalletUnbound RepresentativeAppointed RepresentativeDismissed SubjectErased
    DecisionRecorded ExpiryCapSet ExpiryEventHappened DenialHonoured

    SubjectsWalletBound SubjectsWalletNotBound SubjectsErased SubjectsExpiryPassed SubjectsNotRepresented
    DecisionStateNotAllowed DecisionMethodNotAllowed DecisionMalformed EnforcedPause
    ConsentNotAllowed ConsentTermUnknown ConsentNotYetEffective ConsentExpiresBeforeEffect
    ConsentExpiryBeyondCap ConsentExpiryEventMissing ConsentDeadlinePassed ConsentSignatureInvalid
    ConsentEffectMissing InvalidAccountNonce ConsentDecisionUnknown ConsentAlreadyCorrected
    ConsentAlreadyHappened ConsentNotDenied ConsentHonouredBeforeEffect VocabularyTermOutOfRange
    ConsentExpiryEventOfNoGrant ConsentRecipientDiffers
    """.split()  # noqa: SIM905  (a list of strings, one a line, would hide the rest of this page)
)
"""Events, and errors that calls are refused with, each of which some example must reach."""


class ConsentChain(Chain):
    """Identity and consent, in the place of settlement and pool."""

    def __init__(self, suite: Suite) -> None:
        super().__init__(suite)
        self.contracts = {"subjects": suite.subjects, "consents": suite.consents}

    def ask_all(self, asked: Sequence[tuple[str, str, Any]]) -> list[Any]:
        """What each call (by whom, function, argument) would return, or the name of its refusal."""
        views = [("consents", function, (argument,)) for _, function, argument in asked]
        calls = [
            ("eth_call", [self._message(view, by), "latest"])
            for view, (by, *_) in zip(views, asked, strict=True)
        ]
        return [self._answer(view, one) for view, one in zip(views, self.node.attempt(calls), strict=True)]


class Consents(RuleBasedStateMachine):
    """What people do, and what must always hold."""

    counted: ClassVar[Counter[str]] = Counter()
    """Events and refusals of all examples of a run."""

    def __init__(self, chain: ConsentChain) -> None:
        super().__init__()
        self.chain, self.snapshot = chain, chain.node.call("evm_snapshot")
        self.suite = chain.suite
        self.wallets = self.suite.customers[:3]
        self.brokers = self.suite.customers[3:5]
        self.people = (*self.wallets, *self.brokers, self.suite["stranger"])
        self.by_name = {one.address: one for one in self.people}
        self.start = self.suite.clock.now
        self.model = Model(self.start, len(IRIS))
        self.nonce = 0
        self.carried: list[tuple[Any, ...]] = []
        self.said: list[Said] = []
        self.pages: dict[tuple[bytes, Any], tuple] = {}
        self.moment = 0

    def teardown(self) -> None:
        """Leaves the chain as it was."""
        assert self.chain.node.call("evm_revert", [self.snapshot])

    # --- one call, on both sides

    def do(
        self, by: str, contract: str, function: str, *arguments: Any, foretell: Callable[[], list[Said]]
    ) -> bool:
        """Makes a call; whether it was taken. What the model refuses is only asked: it changes nothing."""
        note(f"{self.model.now}: {by} calls {contract}.{function}{arguments}")
        self.said = []
        try:
            foretold = foretell()
        except Refused as refused:
            answer = self.chain.ask(by, contract, function, *arguments)
            assert answer == refused.name, f"{contract}.{function}: {answer}, not {refused.name}"
            self.counted[refused.name] += 1
            return False
        self.said, _ = self.chain.send(by, contract, function, *arguments)
        assert self.said == foretold, f"{contract}.{function} said {self.said}, not {foretold}"
        self.counted.update(name for name, _ in self.said)
        return True

    def _as(self, role: str) -> str:
        return self.suite[role].address

    @initialize(data=st.data())
    def begin(self, data: Any) -> None:
        """One wallet of each subject, a representative and a cap."""
        for wallet, subject in zip(self.wallets, SUBJECTS, strict=False):
            self._bind(subject, wallet)
        self._appoint(data.draw, SUBJECT, self.brokers[0])
        self._set_cap(GERMANY, MARKETING, SPAN)

    # --- who

    @rule(data=st.data())
    def come_and_go(self, data: Any) -> None:
        """A wallet is bound or leaves, a representative is appointed or dismissed."""
        draw, subject = data.draw, data.draw(st.sampled_from(SUBJECTS))
        what = draw(st.sampled_from(("bind", "unbind", "appoint", "appoint", "dismiss")))
        if what == "bind":
            self._bind(subject, draw(st.sampled_from(self.wallets)))
        elif what == "unbind":
            wallet = draw(st.sampled_from(self.wallets)).address
            by = draw(st.sampled_from((wallet, self._as("operator"))))
            self.do(by, "subjects", "unbind", wallet, foretell=partial(self.model.unbind, wallet, by))
        elif what == "appoint":
            self._appoint(draw, subject, draw(st.sampled_from(self.brokers)))
        else:
            who, by = draw(st.sampled_from(self.brokers)).address, self._as("operator")
            known = partial(self.model.dismiss, subject, who, by)
            self.do(by, "subjects", "dismiss", subject, who, foretell=known)

    @rule(subject=st.sampled_from(SUBJECTS), surely=st.integers(0, 9))
    def erase(self, subject: bytes, surely: int) -> None:
        """Seldom: much less happens then."""
        self.said = []
        if surely == 0 or subject in self.model.erased:
            by = self._as("compliance")
            self.do(by, "subjects", "erase", subject, foretell=partial(self.model.erase, subject, by))

    def _bind(self, subject: bytes, wallet: Any) -> None:
        binding = Binding(subject, wallet.address, self._fresh(), self.model.now)
        by = self._as("operator")
        arguments = (*binding, signed(self.suite, wallet, binding))
        known = partial(self.model.bind, subject, wallet.address, by)
        self.do(by, "subjects", "bind", *arguments, foretell=known)

    def _appoint(self, draw: Draw, subject: bytes, who: Any) -> None:
        scope = draw(st.sampled_from(SCOPES))
        until = draw(st.sampled_from((0, 0, self.model.now + 7, self.model.now)))
        by, mandate = self._as("operator"), Mandate(1, until, *scope)
        arguments = (subject, who.address, mandate, EVIDENCE)
        self.do(by, "subjects", "appoint", *arguments, foretell=partial(self.model.appoint, *arguments, by))

    def _fresh(self) -> int:
        """A nonce nobody has used."""
        self.nonce += 1
        return unordered(self.nonce)

    # --- decisions

    @rule(data=st.data())
    def record(self, data: Any) -> None:
        """By transaction, mostly of who may."""
        draw = data.draw
        subject = draw(st.sampled_from(SUBJECTS))
        entry = self._entry(draw, OWN_STATES, WALLET)
        by = self._speaker(draw, subject, entry)
        arguments = Record(subject, entry.word)
        known = partial(self.model.record, by, subject, entry, EVIDENCE)
        self.do(by, "consents", "record", arguments, foretell=known)

    @rule(data=st.data())
    def record_signed(self, data: Any) -> None:
        """By signature, mostly a good one; carried by anybody."""
        draw = data.draw
        subject = draw(st.sampled_from(SUBJECTS))
        now = self.model.now
        entry = self._entry(draw, OWN_STATES, SIGNATURE, sayable=True)
        effective = mostly(draw, entry.effective or now, 0)
        entry = entry._replace(basis=EXPLICIT_CONSENT, effective=effective)
        signer = self._speaker(draw, subject, entry)
        nonce = mostly(draw, self._fresh(), 0, 1, 2)
        until = mostly(draw, now + 5, now, now - 1)
        statement = statement_of(entry, nonce, until)._replace(subject=subject, signer=signer)
        fault = mostly(draw, "", "signer", "chain", "contract", "words", "bent")
        signature = self._signature(statement, signer, fault)
        arguments = (statement, signature)
        known = partial(
            self.model.record_signed,
            *(signer, subject, entry, digest_of(self.suite, statement)),
            until=until,
            nonce=nonce,
            good=not fault,
        )
        if self.do(self._as("stranger"), "consents", "recordSigned", *arguments, foretell=known):
            self.carried.append(arguments)

    @rule(data=st.data(), count=st.integers(1, 4))
    def record_for(self, data: Any, count: int) -> None:
        """By an operator, some at once."""
        draw = data.draw
        usual = (1, *OWN_STATES, *OWN_STATES, 6, 7)
        brought = [
            (draw(st.sampled_from(SUBJECTS)), self._entry(draw, usual, RECORDED_CALL), EVIDENCE)
            for _ in range(count)
        ]
        records = [Record(subject, entry.word) for subject, entry, _ in brought]
        by = self._as("operator")
        known = partial(self.model.record_for, by, brought)
        self.do(by, "consents", "recordFor", records, foretell=known)

    @precondition(lambda self: any(self.model.lists.values()))
    @rule(data=st.data())
    def correct(self, data: Any) -> None:
        """Something on record, seldom something that is not, or is corrected."""
        draw = data.draw
        subject, scope = draw(st.sampled_from([key for key, found in self.model.lists.items() if found]))
        count = len(self.model.lists[subject, scope])
        number = draw(st.sampled_from((*range(1, count + 1), 0, count + 1)))
        entry = self._entry(draw, STATES, RECORDED_CALL)._replace(
            purpose=scope[0], recipient=scope[1], category=scope[2]
        )
        by = self._as("compliance")
        known = partial(self.model.correct, by, subject, entry, EVIDENCE, number)
        self.do(by, "consents", "correct", Record(subject, entry.word), number, foretell=known)

    def _entry(self, draw: Draw, states: tuple[int, ...], method: int, sayable: bool = False) -> Entry:
        """A decision on a scope; `sayable`: with what a statement can say only."""
        now, scope = self.model.now, draw(st.sampled_from(SCOPES))
        effective = mostly(draw, draw(st.sampled_from((0, now, now - draw(st.integers(0, SPAN))))), now + 1)
        begins = effective or now
        expires = draw(st.sampled_from((0, 0, begins + draw(st.integers(1, 2 * SPAN)), begins)))
        fields = {
            "jurisdiction": draw(st.sampled_from((0, 0, GERMANY))),
            "effective": effective,
            "expires": expires,
            "method": method,
            "state": draw(st.sampled_from(states)),
        }
        if draw(st.integers(0, 3)) == 3:
            fields |= {"expires": CLOSING, "by_event": 1}
        if not sayable:
            faults = ({"state": 0}, {"state": 8}, {"basis": 0}, {"method": 3}, {"method": 1})
            strange = ({"notice": UNKNOWN}, {"expires": UNKNOWN, "by_event": 1})
            fields |= mostly(draw, {}, *faults, *strange, {"expires": 0, "by_event": 1})
        return Entry(*scope, **fields)

    def _speaker(self, draw: Draw, subject: bytes, entry: Entry) -> str:
        """Mostly somebody who may decide it."""
        may = [one for one in self.by_name if self.model.speaks(one, subject, entry.scope)]
        return mostly(draw, draw(st.sampled_from(may or sorted(self.by_name))), *self.by_name)

    def _signature(self, statement: Any, signer: str, fault: str) -> bytes:
        """The signer's, or what passes for it."""
        by = self.by_name[signer]
        if fault == "signer":
            by = next(one for one in self.people if one is not by)
        domain = {"chain": {"chainId": 1}, "contract": {"verifyingContract": self.suite.subjects.address}}
        words = statement._replace(expires=statement.expires + 1) if fault == "words" else statement
        signature = signed(self.suite, by, words, **domain.get(fault, {}))
        return signature[:64] + bytes([55 - signature[64]]) if fault == "bent" else signature

    # --- what else is recorded

    @rule(data=st.data(), what=st.sampled_from(("cap", "event", "honour", "honour", "pause", "resume")))
    def administer(self, data: Any, what: str) -> None:
        """Caps, events, honours; a pause, which ends soon."""
        self.said = []
        draw, now = data.draw, self.model.now
        if what == "cap":
            terms = (mostly(draw, GERMANY, ALL, UNKNOWN), mostly(draw, MARKETING, SERVICE, ALL, UNKNOWN))
            self._set_cap(*terms, draw(st.sampled_from((0, 1, SPAN, 2**32 - 1))))
        elif what == "event" and draw(st.integers(0, 2)) == 0:
            arguments = (mostly(draw, CLOSING, 0, UNKNOWN), draw(st.sampled_from((0, now - 5, now, now + 1))))
            known = partial(self.model.happen, *arguments)
            self.do(self._as("operator"), "consents", "recordExpiryEvent", *arguments, foretell=known)
        elif what == "honour":
            self._honour(draw)
        elif what in ("pause", "resume"):
            function = "unpause" if self.model.paused else "pause"
            if function == "unpause" or draw(st.booleans()):
                known = getattr(self.model, function)
                self.do(self._as("guardian"), "consents", function, foretell=known)

    @precondition(lambda self: self.model.paused)
    @rule()
    def resume(self) -> None:
        """All goes on."""
        self.do(self._as("guardian"), "consents", "unpause", foretell=self.model.unpause)

    @rule(seconds=st.sampled_from((0, 1, 1, 2, 5, SPAN)))
    def wait(self, seconds: int) -> None:
        """A few seconds."""
        self.said = []
        if seconds:
            self.model.now += seconds
            self.suite.clock.move_to(self.model.now)

    def _set_cap(self, jurisdiction: int, purpose: int, cap: int) -> None:
        known = partial(self.model.set_cap, jurisdiction, purpose, cap)
        arguments = (jurisdiction, purpose, cap)
        self.do(self._as("compliance"), "consents", "setExpiryCap", *arguments, foretell=known)

    def _honour(self, draw: Draw) -> None:
        """Mostly a denial there is."""
        decisions = [
            ((subject, *scope, one.number), one.state in DENIALS)
            for (subject, scope), known in self.model.lists.items()
            for one in known
        ]
        denials = [named for named, is_denial in decisions if is_denial]
        others = [named for named, is_denial in decisions if not is_denial]
        nothing = (SUBJECT, *draw(st.sampled_from(SCOPES)), draw(st.integers(0, 3)))
        named = mostly(draw, draw(st.sampled_from(denials or [nothing])), nothing, *others[:1])
        at = draw(st.sampled_from((self.model.now, self.model.now + 1, self.model.now - SPAN)))
        one = Honour(*named, mostly(draw, INSURER, MARKETING, 0), at)
        known = partial(self.model.honour, one)
        self.do(self._as("operator"), "consents", "honour", [one], foretell=known)

    # --- what must always hold

    def _moments(self, salt: int) -> list[tuple[int, int]]:
        """Times of effect and of knowledge to ask about: others after every step, spread evenly."""
        self.moment += 1
        first, width = self.start - SPAN - 2, self.model.now - self.start + 3 * SPAN
        return [
            (first + (self.moment * 31 + n * 17 + salt) % width, first + (self.moment * 13 + n * 29) % width)
            for n in range(ASKED - 2)
        ] + [(self.model.now, self.model.now), (EVERYTHING, EVERYTHING)]

    @invariant()
    def k1_history_is_append_only(self) -> None:
        """Every list is what it was, and what the last step said was added."""
        views = {key: ("consents", "history", (key_of(*key), 1, EVERYTHING)) for key in KEYS}
        pages = self.chain.read(views)
        for key, page in pages.items():
            before = self.pages.get(key, ())
            assert page[: len(before)] == before
            assert page == tuple(self.model.lists.get(key, ()))
        added = sum(map(len, pages.values())) - sum(map(len, self.pages.values()))
        assert added == sum(name == "DecisionRecorded" for name, _ in self.said)
        self.pages = pages

    @invariant()
    def k2_status_is_a_fold_of_the_history(self) -> None:
        """At any time, as known at any time: here and now on every key, and at others on some."""
        asked = [
            (*KEYS[(self.moment * 7 + n * 5) % len(KEYS)], at, known)
            for n, (at, known) in enumerate(self._moments(3))
        ]
        asked += [(*key, self.model.now, self.model.now) for key in KEYS if self.model.lists.get(key)]
        views = {one: ("consents", "statusAt", (key_of(*one[:2]), *one[2:])) for one in asked}
        for one, found in self.chain.read(views).items():
            state, decision = self.model.status(*one)
            assert (found.state, tuple(found.decision)) == (state, tuple(decision or (0,) * 9)), one

    @invariant()
    def k3_only_those_who_may_record(self) -> None:
        """By what the chain says of who speaks for whom; offices by how they heard it."""
        told = [arguments for name, arguments in self.said if name == "DecisionRecorded"]
        offices = {self._as("operator"), self._as("compliance")}
        views = {
            n: ("subjects", "speaksFor", (by, subject, *Entry.scope_in(word)))
            for n, (subject, by, word, *_) in enumerate(told)
            if by not in offices
        }
        assert all(self.chain.read(views).values())
        assert all(word >> 8 & 15 > SIGNATURE for _, by, word, *_ in told if by == self._as("operator"))

    @invariant()
    def k4_withdrawal_is_always_possible(self) -> None:
        """Whoever has a wallet can withdraw by it, paused or not; for the others the operator can."""
        asked: list[tuple[str, str, Any]] = []
        for n, (subject, scope) in enumerate(KEYS[self.moment % 5 :: 5]):
            own = Entry(*scope, method=WALLET, state=WITHDRAWN if n % 2 else REFUSED)
            wallets = [who for who, whose in self.model.wallets.items() if whose == subject]
            asked += [(who, "record", Record(subject, own.word)) for who in wallets]
            told = Record(subject, own._replace(method=RECORDED_CALL).word)
            asked.append((self._as("operator"), "recordFor", [told]))
        assert set(self.chain.ask_all(asked)) == {None}

    @invariant()
    def k5_no_signature_works_twice(self) -> None:
        """The last few that were carried, and the first."""
        chosen = (*self.carried[:1], *self.carried[-3:])
        again = {n: ("consents", "recordSigned", one) for n, one in enumerate(chosen)}
        late = {"InvalidAccountNonce", "ConsentDeadlinePassed"}
        assert set(self.chain.read(again).values()) <= late

    @invariant()
    def k6_a_wider_denial_beats_a_narrower_grant(self) -> None:
        """By the model; and by nothing but what the chain says of each key."""
        narrow = [scope for scope in SCOPES if ALL not in scope] + [(MARKETING, ALL, HEALTH), (ALL, ALL, ALL)]
        asked = [
            (SUBJECTS[n % 2], narrow[(self.moment + n) % len(narrow)], at, known)
            for n, (at, known) in enumerate(self._moments(11))
        ]
        views: dict[Any, Any] = {
            one: ("consents", "permissionAt", (one[0], *one[1], *one[2:])) for one in asked
        }
        states = {
            (one, wider): ("consents", "statusAt", (key_of(one[0], wider), *one[2:]))
            for one in asked
            for wider in wider_scopes(one[1])
        }
        answers = self.chain.read({**views, **states})
        for one in asked:
            assert tuple(answers[one]) == self.model.permission(*one), one
            found = {answers[one, wider].state for wider in wider_scopes(one[1])}
            denied = bool(found & set(DENIALS)) or self.model.erased.get(one[0], NEVER) <= min(one[2:])
            assert answers[one].permitted == (bool(found & set(GRANTS)) and not denied)


@pytest.fixture
def chain(suite: Suite) -> Iterator[ConsentChain]:
    """Identity and consent with all terms defined."""
    defined(suite)
    with impersonating(suite.node):
        yield ConsentChain(suite)


def test_invariants_k1_to_k6_hold_whatever_people_do(chain: ConsentChain) -> None:
    """And the examples are worth having: what can happen did, and what should be refused was."""

    def example() -> Consents:
        return Consents(chain)

    if LONG in os.environ:
        run_state_machine_as_test(example, settings=_profile())
        return
    Consents.counted.clear()
    run_state_machine_as_test(seed(SEED)(example), settings=_profile())
    missing = EXPECTED - Consents.counted.keys()
    assert not missing, f"never happened: {sorted(missing)}"


def _profile() -> settings:
    """Always the same examples, few enough for every run of the tests; or as many others as asked for."""
    examples = int(os.environ.get(LONG, "0"))
    return settings(
        max_examples=examples or EXAMPLES,
        stateful_step_count=LONG_STEPS if examples else STEPS,
        database=None,
        deadline=None,
        print_blob=False,
        suppress_health_check=HealthCheck.all(),
    )
