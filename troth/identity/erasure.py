"""Erasing a subject (GDPR article 17), and the proof on the chain that it was done.

In this order, so that a run killed anywhere is finished by the next one of the same command:

1. every call is tried without a transaction: an account that may not erase destroys nothing; nor does a
   legal hold on a stream that has interactions of the subject;
2. data key, reference, evidence, rows of imports, and the secrets and bytes of interactions are destroyed and
   overwritten: nobody can read them now; each stream that has any gets a last one, the erasure;
3. the chain unbinds the wallets and records the erasure, each unless it has;
4. the keyed digest of the reference goes: until here, the reference finds the subject to go on with.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone

from sqlalchemy import Connection, func, select

from troth.addresses import format_address, parse_address
from troth.errors import BadInput, Problem
from troth.identity import registry, wallets
from troth.identity.vault import Vault
from troth.interactions import intake, streams
from troth.office import Office
from troth.store import interactions as stored
from troth.store import schema
from troth.store import subjects as table

__all__ = ["Erased", "Remainder", "erase"]

_GAS = 200_000
_EVENTS = (schema.decisions, schema.verifications, schema.mandates, schema.honours)
_HELD = (
    "stream {} is under legal hold and has interactions of this subject: nothing of it may be erased until "
    "the hold is released"
)
_NO_PERSON = "no block can be rewritten; with the link destroyed it is about nobody"


class _Moved(Exception):  # noqa: N818
    """A stream that was not closed has interactions of the subject."""


@dataclass(frozen=True)
class Remainder:
    """Something that outlasts an erasure."""

    what: str
    where: str
    why: str


@dataclass(frozen=True)
class Erased:
    """A subject erased."""

    subject: bytes
    erased_at: datetime
    """On the chain."""
    transaction: str | None
    """The proof; None while its block is too new for the index."""
    already: bool
    """Whether the chain knew before."""
    unbound: tuple[str, ...]
    """Wallets unbound by this run."""
    remains: tuple[Remainder, ...]


def erase(office: Office, subject: bytes) -> Erased:
    """Destroys what is held about a subject and records that on the chain; finishes what a killed run began.

    It cannot be undone. Raises BadInput for a subject that nothing is known of or that a stream under legal
    hold has interactions of, MissingRole, ContractRefused and Busy while nothing has been destroyed,
    DatabaseFailed if others keep the database from overwriting, and what sending raises: then run it again.
    """
    _ = office.sender  # finishes what a killed run had under way, before anything is planned
    office.sync()
    _check_known(office, subject)
    already = office.contract("Subjects").call("erasedAt", subject) != 0
    bound = _bound(office, subject)
    for wallet in bound:
        registry.tried(office, "unbind", wallet, because={})
    if not already:
        registry.tried(office, "erase", subject, because={})
    _check_holds(office, subject)  # before any queue is waited for
    is_destroyed = False
    while not is_destroyed:
        is_destroyed = _destroy(office, subject)  # not if a stream just got its first record of the subject
    transaction = _record(office, subject, bound, already=already)
    with office.store.writing() as connection:
        traces = table.forget_reference(connection, subject)
    table.overwrite(office.store, traces)
    office.sync()
    at = office.contract("Subjects").call("erasedAt", subject)
    proof = transaction or _proof(office, subject)
    moment = datetime.fromtimestamp(at, timezone.utc)
    return Erased(subject, moment, proof, already, tuple(bound), _remains(office, subject, proof))


def _check_known(office: Office, subject: bytes) -> None:
    """Raises BadInput for a subject that neither the database nor the index ever heard of: a mistyped id."""
    with office.store.reading() as connection:
        if table.find_subject(connection, subject) is not None:
            return
        for events in (schema.wallets, schema.erasures, *_EVENTS):
            if table.events_of(connection, events, subject):
                return
    reason = f"neither this database nor the chain knows 0x{subject.hex()}"
    raise BadInput([Problem("SUBJECT", None, None, None, reason)])


def _bound(office: Office, subject: bytes) -> list[str]:
    """The wallets that speak for the subject now: of the index, and of blocks too new for it."""
    contract = office.contract("Subjects")
    known = {one.wallet for one in wallets.history(office, subject)}
    with office.store.reading() as connection:
        indexed = connection.execute(select(schema.chain.c.cursor)).scalar_one()
    query = {
        "address": contract.address,
        "topics": [f"0x{contract.topic('WalletBound').hex()}", f"0x{subject.hex()}"],
        "fromBlock": hex(indexed + 1),
        "toBlock": "latest",
    }
    if int(office.node.call("eth_blockNumber"), 16) > indexed:
        logs = office.node.call("eth_getLogs", [query])
        known |= {format_address(bytes.fromhex(log["topics"][2][26:])) for log in logs}
    candidates = sorted(known)
    owners = contract.call_many([("subjectOf", (one,)) for one in candidates]) if candidates else []
    return [one for one, owner in zip(candidates, owners, strict=True) if owner == subject]


def _check_holds(office: Office, subject: bytes) -> None:
    """Raises BadInput if a legal hold keeps what is readable yet of the subject's interactions."""
    with office.store.reading() as connection:
        numbers = stored.readable_streams(connection, subject)
    if not numbers:
        return
    holds = office.contract("Streams").call_many([("holdsOn", (number,)) for number in numbers])
    held = [number for number, count in zip(numbers, holds, strict=True) if count]
    names = {stream.number: stream.name for stream in streams.list_streams(office)} if held else {}
    if held:
        raise BadInput(Problem("SUBJECT", None, None, None, _HELD.format(names[number])) for number in held)


def _destroy(office: Office, subject: bytes) -> bool:
    """Destroys what is readable of the subject, and overwrites it; False, and does nothing, if a stream that
    had no interaction of the subject got one meanwhile. Raises BadInput for a legal hold, and Busy.
    """
    with office.store.reading() as connection:
        numbers = [last.stream for last in stored.ends_of(connection, subject)]
    with ExitStack() as queues:
        # In order, so that two erasures do not wait for each other.
        turns = {number: queues.enter_context(intake.closed(office.store, number)) for number in numbers}
        _check_holds(office, subject)  # that was a wait, and a hold may have been put meanwhile
        try:
            with office.store.writing() as connection:
                traces = _destroyed(office, connection, subject, turns)
        except _Moved:
            return False
    table.overwrite(office.store, traces)
    return True


def _destroyed(
    office: Office, connection: Connection, subject: bytes, turns: dict[int, int]
) -> list[bytes] | None:
    """Destroys in one transaction, the queues in `turns` by stream being held: what is to be overwritten."""
    for stream, turn in turns.items():
        stored.check_turn(connection, stream, turn)
    row = table.find_subject(connection, subject)
    if row is not None and row.sealed_key is None:
        return None  # by a run that may have been killed before it had overwritten it
    at = int(time.time())
    traces = table.destroy(connection, subject, at)  # whoever seals for the subject waits from here on
    ends = {last.stream for last in stored.ends_of(connection, subject)}
    if ends - turns.keys():
        raise _Moved
    if ends:
        stored.destroy_interactions(connection, subject)
        intake.record_erasure(connection, Vault.of(office), subject, at)
    return traces


def _record(office: Office, subject: bytes, bound: list[str], *, already: bool) -> str | None:
    """Unbinds the wallets and records the erasure, unless the chain knows; the hash of that transaction."""
    contract = office.contract("Subjects")
    calls = [contract.prepare("unbind", wallet, gas=_GAS) for wallet in bound]
    if not already:
        calls.append(contract.prepare("erase", subject, gas=_GAS))
    receipts = office.sender.send(calls) if calls else []
    return None if already else receipts[-1].hash


def _proof(office: Office, subject: bytes) -> str | None:
    """The transaction that recorded the erasure, as far as the index has read."""
    with office.store.reading() as connection:
        found = table.events_of(connection, schema.erasures, subject)
    return f"0x{found[0].tx.hex()}" if found else None


def _remains(office: Office, subject: bytes, proof: str | None) -> tuple[Remainder, ...]:
    """What outlasts the erasure, and why."""
    held = wallets.history(office, subject)
    with office.store.reading() as connection:
        count = {one: len(table.events_of(connection, one, subject)) for one in _EVENTS}
        words = len(table.evidences_of(connection, subject))
        payees = {parse_address(one.wallet) for one in held}
        wanted = select(func.count()).where(schema.policies.c.payee.in_(payees))
        policies = connection.execute(wanted).scalar_one()
        of_theirs = select(func.count()).where(schema.interactions.c.subject == subject)
        interactions = connection.execute(of_theirs).scalar_one()
    acts = count[schema.verifications] + count[schema.mandates]
    contract = "the guarantee, and the accounts, of an insurance contract: for the insurer to keep by law"
    address = "no block can be rewritten; unbound, but others may know whose address it is"
    lines = (
        (True, "the id, 32 random bytes", "chain and database", "random, and derived from nobody"),
        (
            count[schema.decisions] > 0,
            f"{count[schema.decisions]} decisions, {count[schema.honours]} honours",
            "chain",
            _NO_PERSON,
        ),
        (acts > 0, f"{acts} entries of verifications and mandates", "chain", _NO_PERSON),
        (words > 0, f"{words} words of evidence", "chain and database", "hashes whose salts are destroyed"),
        (
            interactions > 0,
            f"start, stream and record of {interactions} interactions, the erasure among them",
            "database; the record on chain, in a batch's hash",
            "hashes whose salts are destroyed",
        ),
        (
            interactions > 0,
            "keyed digests of the ids these came with",
            "database",
            "so that none is taken in again; who has the id of a call, and the key, finds the subject's id",
        ),
        (bool(held), f"addresses of {len(held)} wallets once bound", "chain", address),
        (policies > 0, f"{policies} policies paid to those wallets", "database and chain", contract),
        (
            True,
            "backups made before",
            "where they are kept",
            "erase again after restoring one; let them expire",
        ),
        (True, f"the erasure, transaction {proof}", "chain", "the proof that it happened"),
    )
    return tuple(Remainder(what, where, why) for is_there, what, where, why in lines if is_there)
