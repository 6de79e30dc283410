"""What the consent registry should do, from its interface alone: lists and dicts, and what they mean.

Nothing here comes from the product or from its contracts. A call either happens whole, and says what the
contracts should say, or raises Refused with the error they should name. Times are UTC seconds, terms numbers,
0 for all or none. What was in force when, as known when, is worked out anew for every question.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

from support.consents import DENIALS, GRANTS, OPERATOR_STATES, OWN_STATES, STATES, Entry, Mandate, key_of

from invariants.model import Refused

EXPIRED = 7
LAST = 2**32 - 1
SETTLED_BY_NOTHING = (False, bytes(32), 0)
OWN, ELSEWHERE = (1,), range(3, 8)

Scope = tuple[int, int, int]
Said = tuple[str, tuple[Any, ...]]


class Kept(NamedTuple):
    """A decision on record, as the registry shows it."""

    number: int
    state: int
    basis: int
    method: int
    effective: int
    recorded: int
    expires: int
    event: int
    corrects: int


@dataclass
class Model:
    """Subjects, their wallets and representatives, and what was recorded of their consents."""

    now: int
    terms: int
    paused: bool = False
    wallets: dict[str, bytes] = field(default_factory=dict)
    mandates: dict[tuple[bytes, str], Mandate] = field(default_factory=dict)
    erased: dict[bytes, int] = field(default_factory=dict)
    lists: dict[tuple[bytes, Scope], list[Kept]] = field(default_factory=lambda: defaultdict(list))
    caps: dict[tuple[int, int], int] = field(default_factory=dict)
    happened: dict[int, tuple[int, int]] = field(default_factory=dict)
    next_nonce: dict[tuple[str, int], int] = field(default_factory=dict)

    # --- who

    def speaks(self, who: str, subject: bytes, scope: Scope) -> bool:
        """Whether somebody decides for a subject on these terms now."""
        if subject in self.wallets.values() and self.wallets.get(who) == subject:
            return True
        mandate = self.mandates.get((subject, who))
        if mandate is None or (mandate.expires and mandate.expires <= self.now):
            return False
        return all(own in (0, asked) for own, asked in zip(mandate[2:], scope, strict=True))

    def bind(self, subject: bytes, wallet: str, by: str) -> list[Said]:
        """A wallet signed for it, with a fresh nonce."""
        self._standing(subject)
        if wallet in self.wallets:
            raise Refused("SubjectsWalletBound")
        self.wallets[wallet] = subject
        return [("WalletBound", (subject, wallet, by))]

    def unbind(self, wallet: str, by: str) -> list[Said]:
        """By the wallet or an operator."""
        if wallet not in self.wallets:
            raise Refused("SubjectsWalletNotBound")
        return [("WalletUnbound", (self.wallets.pop(wallet), wallet, by))]

    def appoint(self, subject: bytes, who: str, mandate: Mandate, evidence: bytes, by: str) -> list[Said]:
        """By an operator."""
        self._standing(subject)
        if mandate.expires and mandate.expires <= self.now:
            raise Refused("SubjectsExpiryPassed")
        self.mandates[subject, who] = mandate
        return [("RepresentativeAppointed", (subject, who, by, mandate, evidence))]

    def dismiss(self, subject: bytes, who: str, by: str) -> list[Said]:
        """By an operator."""
        if self.mandates.pop((subject, who), None) is None:
            raise Refused("SubjectsNotRepresented")
        return [("RepresentativeDismissed", (subject, who, by))]

    def erase(self, subject: bytes, by: str) -> list[Said]:
        """By compliance, once."""
        self._standing(subject)
        self.erased[subject] = self.now
        return [("SubjectErased", (subject, by, self.now))]

    def _standing(self, subject: bytes) -> None:
        if subject in self.erased:
            raise Refused("SubjectsErased")

    # --- recording

    def record(self, by: str, subject: bytes, entry: Entry, evidence: bytes) -> list[Said]:
        """Directly."""
        self._sound(entry, OWN_STATES, OWN)
        self._speaker(by, subject, entry)
        self._sayable(entry)
        return [self._keep(by, subject, entry, evidence)]

    def record_signed(
        self,
        signer: str,
        subject: bytes,
        entry: Entry,
        evidence: bytes,
        *,
        until: int,
        nonce: int,
        good: bool,
    ) -> list[Said]:
        """By signature: `good` if it is over this statement, for here, by the signer."""
        if self.now > until:
            raise Refused("ConsentDeadlinePassed")
        if not good:
            raise Refused("ConsentSignatureInvalid")
        key, number = nonce >> 64, nonce & (2**64 - 1)
        if self.next_nonce.get((signer, key), 0) != number:
            raise Refused("InvalidAccountNonce")
        if not entry.effective:
            raise Refused("ConsentEffectMissing")
        self._speaker(signer, subject, entry)
        self._sayable(entry)
        self.next_nonce[signer, key] = number + 1
        return [self._keep(signer, subject, entry, evidence)]

    def record_for(self, by: str, brought: Sequence[tuple[bytes, Entry, bytes]]) -> list[Said]:
        """By an operator: all or none."""
        for _, entry, _ in brought:
            self._sound(entry, OPERATOR_STATES, ELSEWHERE)
            self._sayable(entry)
        return [self._keep(by, *one) for one in brought]

    def correct(self, by: str, subject: bytes, entry: Entry, evidence: bytes, corrected: int) -> list[Said]:
        """By compliance."""
        known = self.lists.get((subject, entry.scope), [])
        if corrected not in {one.number for one in known}:
            raise Refused("ConsentDecisionUnknown")
        if corrected in {one.corrects for one in known}:
            raise Refused("ConsentAlreadyCorrected")
        self._sound(entry, STATES, {*ELSEWHERE, known[corrected - 1].method})
        self._sayable(entry, is_capped=False)
        return [self._keep(by, subject, entry, evidence, corrected)]

    def _sound(self, entry: Entry, states: Iterable[int], methods: Iterable[int]) -> None:
        if entry.state in STATES and entry.state not in states:
            raise Refused("DecisionStateNotAllowed")
        if 1 <= entry.method <= 7 and entry.method not in methods:
            raise Refused("DecisionMethodNotAllowed")
        if entry.state not in STATES or not 1 <= entry.method <= 7 or not 1 <= entry.basis <= 7:
            raise Refused("DecisionMalformed")

    def _speaker(self, who: str, subject: bytes, entry: Entry) -> None:
        if not self.speaks(who, subject, entry.scope):
            raise Refused("ConsentNotAllowed")

    def _sayable(self, entry: Entry, is_capped: bool = True) -> None:
        """What is asked of every decision."""
        begins = entry.effective or self.now
        if self.paused and entry.state not in DENIALS:
            raise Refused("EnforcedPause")
        if max(*entry[:5], entry.expires if entry.by_event else 0) > self.terms:
            raise Refused("ConsentTermUnknown")
        if entry.effective > self.now:
            raise Refused("ConsentNotYetEffective")
        if entry.by_event:
            self._endable(entry, begins)
        elif entry.expires and entry.expires <= begins:
            raise Refused("ConsentExpiresBeforeEffect")
        elif is_capped and entry.expires > self._latest(entry):
            raise Refused("ConsentExpiryBeyondCap")

    def _endable(self, entry: Entry, begins: int) -> None:
        """Whether a decision can end with its event."""
        if not entry.expires:
            raise Refused("ConsentExpiryEventMissing")
        if entry.state not in GRANTS:
            raise Refused("ConsentExpiryEventOfNoGrant")
        if entry.expires in self.happened and self.happened[entry.expires][0] <= begins:
            raise Refused("ConsentExpiresBeforeEffect")

    def _cap(self, entry: Entry) -> int:
        """Of a grant by date, in seconds: on its purpose, else on all; 0 for none."""
        if not entry.jurisdiction or entry.by_event or entry.state not in GRANTS:
            return 0
        own = self.caps.get((entry.jurisdiction, entry.purpose), 0)
        return own or self.caps.get((entry.jurisdiction, 0), 0)

    def _latest(self, entry: Entry) -> int:
        """The last second to which a decision may run."""
        cap = self._cap(entry)
        return min((entry.effective or self.now) + cap, LAST) if cap else LAST

    def _keep(self, by: str, subject: bytes, entry: Entry, evidence: bytes, corrects: int = 0) -> Said:
        known, number = self.lists[subject, entry.scope], len(self.lists[subject, entry.scope]) + 1
        until = entry.expires
        if not until and not corrects and self._cap(entry):
            until = self._latest(entry)
        known.append(Kept(*entry.shown(number, self.now, expires=until, corrects=corrects)))
        told = entry.kept(number, self.now, expires=until, corrects=corrects)
        return "DecisionRecorded", (subject, by, *told, evidence)

    # --- what else is recorded

    def set_cap(self, jurisdiction: int, purpose: int, cap: int) -> list[Said]:
        """By compliance."""
        if not jurisdiction or max(jurisdiction, purpose) > self.terms:
            raise Refused("VocabularyTermOutOfRange")
        self.caps[jurisdiction, purpose] = cap
        return [("ExpiryCapSet", (jurisdiction, purpose, cap))]

    def happen(self, term: int, effective: int) -> list[Said]:
        """By an operator, once."""
        if not 0 < term <= self.terms:
            raise Refused("VocabularyTermOutOfRange")
        if term in self.happened:
            raise Refused("ConsentAlreadyHappened")
        if effective > self.now:
            raise Refused("ConsentNotYetEffective")
        self.happened[term] = (effective or self.now, self.now)
        return [("ExpiryEventHappened", (term, *self.happened[term]))]

    def honour(self, honoured: Any) -> list[Said]:
        """By an operator."""
        scope = (honoured.purpose, honoured.recipient, honoured.category)
        known = self.lists.get((honoured.subject, scope), [])
        if not 0 < honoured.number <= len(known):
            raise Refused("ConsentDecisionUnknown")
        if not 0 < honoured.honoured_by <= self.terms:
            raise Refused("VocabularyTermOutOfRange")
        if honoured.recipient not in (0, honoured.honoured_by):
            raise Refused("ConsentRecipientDiffers")
        denial = known[honoured.number - 1]
        if denial.state not in DENIALS:
            raise Refused("ConsentNotDenied")
        if honoured.honoured_at > self.now:
            raise Refused("ConsentNotYetEffective")
        if honoured.honoured_at < denial.effective:
            raise Refused("ConsentHonouredBeforeEffect")
        key = key_of(honoured.subject, scope)
        told = (honoured.honoured_by, honoured.number, honoured.honoured_at, honoured.evidence)
        return [("DenialHonoured", (honoured.subject, key, *told))]

    def pause(self) -> list[Said]:
        """By a guardian."""
        if self.paused:
            raise Refused("EnforcedPause")
        self.paused = True
        return []

    def unpause(self) -> list[Said]:
        """By a guardian."""
        if not self.paused:
            raise Refused("ExpectedPause")
        self.paused = False
        return []

    # --- what it means

    def status(self, subject: bytes, scope: Scope, at: int, known: int) -> tuple[int, Kept | None]:
        """The state in force at a time as known at a time, and the decision; 0 and None for none."""
        heard = [one for one in self.lists.get((subject, scope), []) if one.recorded <= known]
        taken_back = {one.corrects for one in heard}
        standing = [one for one in heard if one.number not in taken_back and one.effective <= at]
        standing.sort(key=lambda one: (one.effective, one.number))
        if not standing:
            return 0, None
        passed = [one for one in standing if one.state in DENIALS and 0 < one.expires <= at]
        said = [one for one in standing if one.state in (*GRANTS, *DENIALS) and one not in passed]
        latest = (said or standing)[-1]
        if said and latest.state in GRANTS:
            since = standing[standing.index(latest) + 1 :]
            ends = [one for one in since if one.state == EXPIRED or one in passed]
            latest = ends[-1] if ends else latest
        return (EXPIRED if self._is_over(latest, at, known) else latest.state), latest

    def permission(self, subject: bytes, scope: Scope, at: int, known: int) -> tuple[bool, bytes, int]:
        """Whether permitted, and the key and number of what settles it."""
        gone = self.erased.get(subject)
        if gone is not None and gone <= min(at, known):
            return SETTLED_BY_NOTHING
        settled = SETTLED_BY_NOTHING
        for wider in wider_scopes(scope):
            state, decision = self.status(subject, wider, at, known)
            if decision and state in DENIALS:
                return False, key_of(subject, wider), decision.number
            if decision and state in GRANTS:
                settled = True, key_of(subject, wider), decision.number
        return settled

    def _is_over(self, decision: Kept, at: int, known: int) -> bool:
        if decision.event:
            happened = self.happened.get(decision.event)
            return happened is not None and happened[1] <= known and happened[0] <= at
        return decision.expires != 0 and decision.expires <= at


def wider_scopes(scope: Scope) -> Iterator[Scope]:
    """The scope and those wider, widest first: all purposes before one, then recipients, then categories."""
    yield from product(*((0, term) for term in scope))
