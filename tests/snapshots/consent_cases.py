"""The standard cases of identity and consent, by what each calls, and what they record."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from support import Suite, compiled
from support.consents import (
    CLOSING,
    EVIDENCE,
    GERMANY,
    GIVEN,
    IRIS,
    MARKETING,
    NOTICE,
    REFUSED,
    SIGNATURE,
    SUBJECT,
    SUBSTANTIAL,
    WALLET,
    WITHDRAWN,
    Binding,
    Entry,
    Honour,
    Record,
    appoint,
    bind,
    bound,
    carry,
    correct,
    defined,
    erase,
    record_for,
    signed,
    statement_of,
    unordered,
)
from support.defaults import DAY, START

from troth.chain.transactions import Receipt
from troth.trees.keccak import keccak

Case = Callable[[Suite], Receipt]

TOLD = Entry(notice=NOTICE, jurisdiction=GERMANY, expires=START + 365 * DAY)
"""A decision with all that an insurer has to keep of it."""
OWN = TOLD._replace(method=WALLET)
SIGNED = TOLD._replace(method=SIGNATURE, effective=START)


def subjects(count: int) -> list[bytes]:
    """So many, as random as can be."""
    return [keccak(f"subject {number}".encode()) for number in range(count)]


def batch(suite: Suite, entries: Iterable[Entry], whose: Iterable[bytes]) -> Receipt:
    """Recorded by an operator, each decision on its own evidence."""
    pairs = [*zip(entries, whose, strict=True)]
    records = [Record(who, one.word, keccak(who + bytes([n]))) for n, (one, who) in enumerate(pairs)]
    return suite["operator"].send(suite.consents, "recordFor", records)


# --- consents: `first` by nobody before, `second` after one decision on the same key


def ready(suite: Suite) -> Suite:
    """Terms and a wallet."""
    defined(suite)
    bound(suite, suite.customers[0])
    return suite


def record(suite: Suite, state: int = GIVEN, after: int = 0) -> Receipt:
    """By the subject's wallet."""
    ready(suite)
    if after:
        record_for(suite, *[TOLD] * after)
    own = OWN._replace(state=state)
    return suite.customers[0].send(suite.consents, "record", Record(SUBJECT, own.word, bytes(32)))


def record_signed(suite: Suite, state: int = GIVEN, after: int = 0, entry: Entry = SIGNED) -> Receipt:
    """By the subject's signature, carried by a stranger."""
    ready(suite)
    if after:
        record_for(suite, *[TOLD] * after)
    wallet = suite.customers[0]
    statement = statement_of(entry._replace(state=state), unordered(1)).by(wallet)
    return carry(suite, statement, signed(suite, wallet, statement))


def record_signed_by_contract(suite: Suite) -> Receipt:
    """By the word of a contract wallet."""
    ready(suite)
    owner = suite.customers[0]
    safe = owner.create(compiled("ContractWallet"), owner.address)
    binding = Binding(SUBJECT, safe.address)
    bind(suite, binding, signed(suite, owner, binding))
    statement = statement_of(SIGNED, unordered(1)).by(safe)
    return carry(suite, statement, signed(suite, owner, statement))


def record_many(suite: Suite, count: int, state: int = GIVEN, after: int = 0) -> Receipt:
    """By an operator, of as many subjects."""
    ready(suite)
    whose = subjects(count)
    for _ in range(after):
        batch(suite, [TOLD] * count, whose)
    return batch(suite, [TOLD._replace(state=state)] * count, whose)


def record_on_long_list(suite: Suite) -> Receipt:
    """The hundred and first decision on a key."""
    ready(suite)
    record_for(suite, *[TOLD] * 100)
    return record_for(suite, TOLD)


def correct_one(suite: Suite) -> Receipt:
    """The only decision on its key."""
    ready(suite)
    record_for(suite, TOLD)
    return correct(suite, TOLD._replace(state=REFUSED), 1)


def define(suite: Suite) -> Receipt:
    """Nine terms."""
    return suite["operator"].send(suite.consents, "defineTerms", IRIS)


def set_cap(suite: Suite) -> Receipt:
    """A first cap."""
    ready(suite)
    return suite["compliance"].send(suite.consents, "setExpiryCap", GERMANY, MARKETING, 365 * DAY)


def happen(suite: Suite) -> Receipt:
    """A claim is closed."""
    ready(suite)
    return suite["operator"].send(suite.consents, "recordExpiryEvent", CLOSING, 0)


def honour(suite: Suite, count: int) -> Receipt:
    """Denials of as many subjects, each by its recipient."""
    record_many(suite, count, WITHDRAWN)
    honours = [Honour(who) for who in subjects(count)]
    return suite["operator"].send(suite.consents, "honour", honours)


def pause(suite: Suite) -> Receipt:
    """Stop all but denials."""
    return suite["guardian"].send(suite.consents, "pause")


def unpause(suite: Suite) -> Receipt:
    """Go on."""
    pause(suite)
    return suite["guardian"].send(suite.consents, "unpause")


# --- subjects


def unbind(suite: Suite) -> Receipt:
    """By the wallet."""
    bound(suite, suite.customers[0])
    return suite.customers[0].send(suite.subjects, "unbind", suite.customers[0].address)


def verify(suite: Suite) -> Receipt:
    """For the first time."""
    return suite["verifier"].send(suite.subjects, "verify", SUBJECT, SUBSTANTIAL, 0, EVIDENCE)


def revoke(suite: Suite) -> Receipt:
    """By its verifier."""
    verify(suite)
    return suite["verifier"].send(suite.subjects, "revoke", SUBJECT, SUBSTANTIAL)


def dismiss(suite: Suite) -> Receipt:
    """By the representative."""
    appoint(suite, suite.customers[1])
    return suite.customers[1].send(suite.subjects, "dismiss", SUBJECT, suite.customers[1].address)


CONSENT_CASES: dict[str, Case] = {
    "ConsentRegistry.correct": correct_one,
    "ConsentRegistry.defineTerms, 9": define,
    "ConsentRegistry.honour, 1": partial(honour, count=1),
    "ConsentRegistry.honour, 100": partial(honour, count=100),
    "ConsentRegistry.pause": pause,
    "ConsentRegistry.record, first": record,
    "ConsentRegistry.record, second, withdrawn": partial(record, state=WITHDRAWN, after=1),
    "ConsentRegistry.record, third, withdrawn": partial(record, state=WITHDRAWN, after=2),
    "ConsentRegistry.recordExpiryEvent": happen,
    "ConsentRegistry.recordFor, 1 first": partial(record_many, count=1),
    "ConsentRegistry.recordFor, 1 on a list of 100": record_on_long_list,
    "ConsentRegistry.recordFor, 100 first": partial(record_many, count=100),
    "ConsentRegistry.recordFor, 100 second, withdrawn": partial(
        record_many, count=100, state=WITHDRAWN, after=1
    ),
    "ConsentRegistry.recordFor, 200 first": partial(record_many, count=200),
    "ConsentRegistry.recordSigned, first": record_signed,
    "ConsentRegistry.recordSigned, first, contract wallet": record_signed_by_contract,
    "ConsentRegistry.recordSigned, second, withdrawn": partial(record_signed, state=WITHDRAWN, after=1),
    "ConsentRegistry.setExpiryCap": set_cap,
    "ConsentRegistry.unpause": unpause,
    "Subjects.appoint": lambda suite: appoint(suite, suite.customers[1]),
    "Subjects.bind": lambda suite: bound(suite, suite.customers[0], nonce=unordered(1)),
    "Subjects.dismiss": dismiss,
    "Subjects.erase": erase,
    "Subjects.revoke": revoke,
    "Subjects.unbind": unbind,
    "Subjects.verify": verify,
}
