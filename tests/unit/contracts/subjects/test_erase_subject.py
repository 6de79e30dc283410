"""Recording that a subject was erased.

erase
├── caller is no compliance officer: refused, see authority/test_roles.py
├── subject zero: refused · erased before: refused
└── else: kept with its time, event
then
├── bind, verify, appoint: refused, see their own pages
├── other subjects: as before
└── nothing is permitted, see consent_registry/test_registry_permission.py
erasedAt: of a subject never erased 0
"""

from __future__ import annotations

from support import Actor, Suite, emitted, refuses
from support.consents import NOTHING, OTHER, SUBJECT, bound, erase
from support.defaults import DAY, START

from troth.chain.contracts import Contract


def test_erase_keeps_when_and_says_by_whom(suite: Suite, subjects: Contract, compliance: Actor) -> None:
    """A provable record that it happened; others are not concerned."""
    assert subjects.call("erasedAt", SUBJECT) == 0
    suite.clock.move_by(DAY)
    receipt = erase(suite)
    said = [(SUBJECT, compliance.address, START + DAY)]
    assert emitted(receipt, subjects, "SubjectErased") == said
    assert subjects.call("erasedAt", SUBJECT) == START + DAY
    assert subjects.call("erasedAt", OTHER) == 0
    bound(suite, suite.customers[0], OTHER)


def test_erase_refuses_subject_erased_before(suite: Suite, subjects: Contract) -> None:
    """The time of the first stays."""
    erase(suite)
    suite.clock.move_by(DAY)
    with refuses("SubjectsErased", subject=SUBJECT, erasedAt=START):
        erase(suite)
    assert subjects.call("erasedAt", SUBJECT) == START


def test_erase_refuses_subject_zero(suite: Suite) -> None:
    """It is nobody."""
    with refuses("SubjectsNoSubject"):
        erase(suite, NOTHING)
