"""Sends transactions of one account in order, durably: signed, then journalled, then sent, then watched.

A transaction, once signed, has a hash by which it is known for ever; sending it twice has one effect. So a
process killed at any moment leaves the next one a journal from which `resume` finishes the work. Each nonce
is watched until one of the transactions signed for it is in a block, whichever that is.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import islice
from typing import Any

from troth.chain.accounts import Signer
from troth.chain.fees import Price, price_now
from troth.chain.refusals import Refusals
from troth.chain.rpc import PASSING_CODES, Node, Reverted, Unanswered, quantity
from troth.chain.transactions import Call, Journal, Receipt, SignedTransaction
from troth.config import GAS_CAP
from troth.errors import (
    ContractRefused,
    FeeAboveLimit,
    MissingRole,
    NodeError,
    NoFunds,
    TransactionFailed,
    TrothError,
)

__all__ = ["Outcome", "Pace", "Sender"]

_log = logging.getLogger(__name__)

_BURST = 8  # signed and sent together, while the node mines those before
_PLAIN_GAS = 21_000


@dataclass(frozen=True)
class Pace:
    """How long to wait for what, in seconds."""

    first_poll: float = 0.002
    """Between two looks at the chain, at first; it doubles while nothing happens."""
    slowest_poll: float = 2.0
    """At most."""
    repeat: float = 15.0
    """Nothing mined for so long: what the node lost is sent again, a development chain is told to mine."""
    replace: float = 60.0
    """Nothing mined for so long: a higher fee is offered."""
    missing: float = 30.0
    """A nonce is used up and no receipt of ours appears for so long: somebody else used it."""
    give_up: float = 900.0
    """Nothing mined for so long: TransactionFailed. The journal keeps what is under way."""
    window: int = 16
    """Transactions under way at once; geth keeps no more of one account for certain."""

    @classmethod
    def of(cls, node: Node) -> Pace:
        """What suits the node: a development chain mines at once and forgets nothing."""
        if not node.is_development:
            return cls()
        return cls(slowest_poll=0.02, repeat=1.0, replace=5.0, missing=2.0, give_up=60.0, window=100)


@dataclass(frozen=True)
class Outcome:
    """What became of one call."""

    call: Call
    transaction: SignedTransaction | None
    """The one mined; of several attempts the last, if none was; None if nothing was signed."""
    receipt: Receipt | None
    failure: TrothError | None
    """ContractRefused or MissingRole for a revert that says why, else TransactionFailed."""


class _Answer(Enum):
    """What a node's answer to a transaction means for it."""

    TAKEN = "the node has it, or the chain has used its nonce"
    LATER = "nobody knows, or the node is busy: send it again"
    DEARER = "it offers too little"
    POOR = "the account cannot pay for it"
    NEVER = "no node will ever take it"


# In the words of geth, Anvil, Ganache, Nethermind, Besu and Erigon; the first that fits counts.
_MEANINGS = (
    (
        _Answer.TAKEN,
        ("already known", "already imported", "alreadyknown", "known transaction", "already exists"),
    ),
    (_Answer.TAKEN, ("nonce too low", "nonce is too low", "correct nonce", "oldnonce", "replacement")),
    (_Answer.DEARER, ("less than block base fee", "fee cap less", "fee too low", "underpriced")),
    (_Answer.POOR, ("insufficient funds", "enough funds", "insufficient balance", "upfront cost")),
    (_Answer.NEVER, ("intrinsic gas", "gas limit", "gaslimit", "too large", "oversized", "initcode")),
    (_Answer.NEVER, ("chain id", "chainid", "invalid sender", "signature", "decode", "rlp", "not supported")),
)
_DOUBTS = 6  # times an answer nobody understands is met with another try


@dataclass
class _Slot:
    """One nonce, and every transaction signed for it."""

    place: int | None  # of the call among those given; None for one that only keeps the nonces in order
    attempts: list[SignedTransaction]
    taken: bool = False
    again_at: float = 0.0  # when to send it again, unless taken
    pauses: int = 0
    dearer: bool = False  # it needs a higher fee first
    used_since: float | None = None  # when the chain was first seen past this nonce without a receipt

    @property
    def last(self) -> SignedTransaction:
        """The newest attempt."""
        return self.attempts[-1]

    def hear(self, answer: Any, longest: float) -> _Answer:
        """Takes in a node's answer to the newest attempt, and returns what it means for the slot."""
        meaning = _meaning(answer, self.pauses)
        if len(self.attempts) > 1 and meaning in {_Answer.POOR, _Answer.NEVER}:
            meaning = _Answer.TAKEN  # an earlier attempt was; only this one is refused
        self.taken, self.dearer = meaning is _Answer.TAKEN, meaning is _Answer.DEARER
        if not self.taken:
            self.again_at = time.monotonic() + min(0.25 * 2**self.pauses, longest)
            self.pauses += 1
        return meaning


_Found = list[tuple[int, Outcome]]  # by the call's place among those given


@dataclass
class _Run:
    """The work of one `stream` or `resume`."""

    slots: list[_Slot] = field(default_factory=list)  # by nonce
    progress_at: float = field(default_factory=time.monotonic)
    repeated_at: float = field(default_factory=time.monotonic)
    poll: float = 0.0
    poor: NoFunds | None = None
    dropped: set[int] = field(default_factory=set)  # nonces that became free

    def moved(self) -> None:
        """Something happened: look again at once, and be patient anew."""
        self.progress_at = self.repeated_at = time.monotonic()
        self.poll = 0.0


class Sender:
    """Sends from one account. Only one process may send from an account at a time: hold a lock around it."""

    def __init__(
        self,
        node: Node,
        signer: Signer,
        journal: Journal,
        *,
        max_fee: int = 500 * 10**9,
        refusals: Refusals | None = None,
        pace: Pace | None = None,
    ) -> None:
        """`max_fee`: wei for a unit of gas, never exceeded."""
        self._node, self._signer, self._journal = node, signer, journal
        self._limit, self._refusals = max_fee, refusals or Refusals()
        self._pace = pace or Pace.of(node)
        self._next = 0

    @property
    def address(self) -> str:
        """The account."""
        return self._signer.address

    def send(self, calls: Iterable[Call]) -> list[Receipt]:
        """Sends all and returns their receipts in order.

        Whatever happens to one, the others are sent and waited for; then the first failure is raised:
        ContractRefused, MissingRole, TransactionFailed. NoFunds, FeeAboveLimit, NoNode and NodeError stop the
        sending; then the journal has what is under way.
        """
        outcomes = sorted(self._numbered(calls), key=lambda numbered: numbered[0])
        if failure := next((outcome.failure for _, outcome in outcomes if outcome.failure), None):
            raise failure
        return [outcome.receipt for _, outcome in outcomes if outcome.receipt]

    def stream(self, calls: Iterable[Call]) -> Iterator[Outcome]:
        """Sends all and yields what becomes of each as soon as it is known, nearly in order.

        `calls` is read as far as there is room, so it may be made while the chain works. A call without a gas
        limit waits until those before it are mined, for its gas to be estimated: give limits for speed.
        Raises NoFunds, FeeAboveLimit, NoNode, NodeError; failures of single calls are in their outcomes.
        """
        return (outcome for _, outcome in self._numbered(calls))

    def resume(self, transactions: Iterable[SignedTransaction]) -> list[Outcome]:
        """Finishes what a former process signed: finds what is mined, sends the rest again, waits for it.

        Outcomes are in order of nonce. One whose nonce somebody else used failed, and what it was for has to
        be planned again, from what the chain says. Raises as `stream`.
        """
        run = _Run(slots=_slots_of(transactions, self.address))
        outcomes = []
        while run.slots:
            outcomes += self._watch(run)
        if run.poor:
            raise run.poor
        return [outcome for _, outcome in outcomes]

    def _numbered(self, calls: Iterable[Call]) -> Iterator[tuple[int, Outcome]]:
        """`stream`, with each outcome's place among the calls."""
        waiting = _Lookahead(enumerate(calls))
        self._next = max(self._next, self._count("pending"))
        run = _Run()
        while run.slots or not (waiting.empty or run.poor):
            burst = [] if run.poor else self._burst(waiting, len(run.slots))
            yield from self._launch(run, burst)
            more = not waiting.empty and waiting.head[1].gas is not None
            if run.slots and not (burst and more and len(run.slots) < self._pace.window):
                yield from self._watch(run)  # else the node mines while the next are made
        if run.poor:
            raise run.poor

    def _burst(self, waiting: _Lookahead, under_way: int) -> list[tuple[int, Call]]:
        """The next calls that may be sent now."""
        if waiting.empty:
            return []
        if waiting.head[1].gas is None:
            return [] if under_way else waiting.take(1)
        burst: list[tuple[int, Call]] = []
        while len(burst) < min(_BURST, self._pace.window - under_way) and not waiting.empty:
            if waiting.head[1].gas is None:
                break
            burst += waiting.take(1)
        return burst

    # --- out ---

    def _launch(self, run: _Run, burst: Sequence[tuple[int, Call]]) -> _Found:
        """Signs, journals and sends calls. Returns those that fail before the node has them."""
        ready: list[tuple[int, Call]] = []
        failed: _Found = []
        for place, call in burst:
            try:
                ready.append((place, self._with_gas(call)))
            except (ContractRefused, MissingRole) as error:
                failed.append((place, Outcome(call, None, None, error)))
        if not ready:
            return failed
        price = price_now(self._node, self._limit)
        slots = [
            _Slot(place, [self._sign(call, self._next + i, price)]) for i, (place, call) in enumerate(ready)
        ]
        self._journal.signed([slot.last for slot in slots])
        self._next += len(slots)
        run.slots += slots
        run.moved()
        return failed + self._post(run, slots)

    def _with_gas(self, call: Call) -> Call:
        """The call with a gas limit: the node's estimate and a quarter more, within the network's cap.

        Raises ContractRefused or MissingRole if it would revert, NoFunds.
        """
        if call.gas is not None:
            return call
        try:
            estimate = int(self._node.call("eth_estimateGas", [self._message(call)]), 16)
        except Reverted as error:
            raise self._explain(error.data, call) from None
        except NodeError as error:
            if _meaning(error, 0) is _Answer.POOR:
                raise self._no_funds(call.value + _PLAIN_GAS * self._limit) from None
            raise
        return replace(call, gas=max(estimate, min(estimate + estimate // 4, GAS_CAP)))

    def _sign(self, call: Call, nonce: int, price: Price) -> SignedTransaction:
        """The call as a signed transaction."""
        fields = {"to": call.to, "data": call.data, "value": call.value, "nonce": nonce, "gas": call.gas}
        digest, raw = self._signer.sign_transaction(
            {**fields, "chainId": self._node.chain_id, **price.fields()}
        )
        return SignedTransaction(digest, raw, self.address, nonce, call, price.max_fee, price.priority)

    def _post(self, run: _Run, slots: Sequence[_Slot]) -> _Found:
        """Sends the newest attempt of each slot, in arrays. Returns those that no node will ever take."""
        answers = self._node.attempt(
            [("eth_sendRawTransaction", [f"0x{slot.last.raw.hex()}"]) for slot in slots]
        )
        failed: _Found = []
        for slot, answer in zip(slots, answers, strict=True):
            meaning = slot.hear(answer, self._pace.repeat)
            if meaning is _Answer.POOR:
                cost = slot.last.call.value + (slot.last.call.gas or 0) * slot.last.max_fee
                run.poor = run.poor or self._no_funds(cost)
                if slot.place is None:
                    raise run.poor
            if meaning in {_Answer.POOR, _Answer.NEVER}:
                failed += self._drop(run, slot, answer.detail)
        self._keep_order(run)
        return failed

    def _keep_order(self, run: _Run) -> None:
        """After some were dropped: reuses or fills their nonces, or those behind would never be mined."""
        used = {slot.last.nonce for slot in run.slots}
        for nonce in sorted(run.dropped - used):
            if any(other > nonce for other in used):
                self._fill(run, nonce)
            else:
                self._next = min(self._next, nonce)
        run.dropped.clear()

    def _fill(self, run: _Run, nonce: int) -> None:
        """Uses up a nonce with a transaction that does nothing."""
        _log.warning("filling nonce %d of %s with an empty transaction", nonce, self.address)
        call = Call(self.address, b"", _PLAIN_GAS, label="fill a nonce")
        slot = _Slot(None, [self._sign(call, nonce, price_now(self._node, self._limit))])
        self._journal.signed(slot.attempts)
        run.slots = sorted([*run.slots, slot], key=lambda one: one.last.nonce)

    # --- and back ---

    def _watch(self, run: _Run) -> _Found:
        """Waits a little, looks once, helps on what is not finished. Returns what is."""
        if run.poll:
            time.sleep(run.poll)
        run.poll = min(max(run.poll * 2, self._pace.first_poll), self._pace.slowest_poll)
        used = self._count("latest")
        before = len(run.slots)
        found = self._finish(run, [slot for slot in run.slots if slot.last.nonce < used])
        if len(run.slots) < before:
            run.moved()
        elif run.slots:
            found += self._help(run, used)
        return found

    def _finish(self, run: _Run, slots: Sequence[_Slot]) -> _Found:
        """Journals and returns the slots that have a receipt, and those whose nonce somebody else used."""
        queries = [(slot, attempt) for slot in slots for attempt in slot.attempts]
        if not queries:
            return []
        answers = self._node.batch([("eth_getTransactionReceipt", [one.hash]) for _, one in queries])
        mined = [
            (slot, attempt, Receipt.of(answer))
            for (slot, attempt), answer in zip(queries, answers, strict=True)
            if answer is not None and answer.get("blockNumber") is not None
        ]
        if mined:
            self._journal.mined([(attempt, receipt) for _, attempt, receipt in mined])
        found: _Found = []
        for slot, attempt, receipt in mined:
            run.slots.remove(slot)
            if losers := [one for one in slot.attempts if one is not attempt]:
                self._journal.dropped(losers, f"{attempt.hash} was mined instead")
            if slot.place is not None:
                failure = None if receipt.succeeded else self._why(attempt, receipt)
                found.append((slot.place, Outcome(attempt.call, attempt, receipt, failure)))
        for slot in [one for one in slots if one in run.slots]:
            found += self._lost(run, slot)
        return found

    def _lost(self, run: _Run, slot: _Slot) -> _Found:
        """Drops a slot whose nonce was used without a receipt of ours, given time for one to appear."""
        now = time.monotonic()
        slot.used_since = slot.used_since or now
        if now - slot.used_since < self._pace.missing:
            return []
        nonce = slot.last.nonce
        reason = f"another transaction of {self.address} took its nonce {nonce}; who else uses the key?"
        found = self._drop(run, slot, reason)
        run.dropped.discard(nonce)  # it is used up
        return found

    def _drop(self, run: _Run, slot: _Slot, reason: str) -> _Found:
        """Journals and returns a slot that will never be mined."""
        self._journal.dropped(slot.attempts, reason)
        run.slots.remove(slot)
        run.dropped.add(slot.last.nonce)
        if slot.place is None:
            return []
        failure = TransactionFailed(slot.last.hash, reason)
        return [(slot.place, Outcome(slot.last.call, slot.last, None, failure))]

    def _help(self, run: _Run, used: int) -> _Found:
        """Sends again what the node has not taken or has lost, wakes a development chain, raises fees."""
        now = time.monotonic()
        idle = now - run.progress_at
        if idle > self._pace.give_up:
            raise TransactionFailed(run.slots[0].last.hash, f"not mined within {self._pace.give_up:.0f} s")
        for slot in run.slots:
            if slot.dearer and now >= slot.again_at:
                self._raise_fee(slot)
        due = [slot for slot in run.slots if not slot.taken and now >= slot.again_at]
        if now - run.repeated_at > self._pace.repeat:
            run.repeated_at = now
            due = due or self._push(run, used, stuck=idle > self._pace.replace)
        return self._post(run, due) if due else []

    def _push(self, run: _Run, used: int, *, stuck: bool) -> list[_Slot]:
        """What to send when nothing has been mined for a while, though the node seemed to have everything."""
        head = run.slots[0]
        if forgotten := self._forgotten([slot for slot in run.slots if slot.taken]):
            return forgotten
        if stuck and used < head.last.nonce:  # nonces that nobody uses bar the way
            gap = range(used, head.last.nonce)
            for nonce in gap:
                self._fill(run, nonce)
            return run.slots[: len(gap)]
        if stuck and head.taken and used == head.last.nonce and self._raise_fee(head):
            return [head]
        if self._node.is_development:
            self._node.call("evm_mine")  # Anvil can stop mining after a burst
        return []

    def _forgotten(self, slots: Sequence[_Slot]) -> list[_Slot]:
        """Slots of whose newest attempt the node knows nothing."""
        answers = self._node.attempt([("eth_getTransactionByHash", [slot.last.hash]) for slot in slots])
        return [slot for slot, answer in zip(slots, answers, strict=True) if answer is None]

    def _raise_fee(self, slot: _Slot) -> bool:
        """Signs and journals a dearer attempt; False if the limit forbids one."""
        slot.again_at = time.monotonic() + self._pace.repeat
        try:
            now = price_now(self._node, self._limit)
        except FeeAboveLimit as error:
            _log.warning("%s waits: %s", slot.last.hash, error)
            return False
        price = now.over(slot.last.max_fee, slot.last.priority_fee, self._limit)
        if price is None:
            _log.warning("%s waits: a higher fee would exceed the limit", slot.last.hash)
            return False
        attempt = self._sign(slot.last.call, slot.last.nonce, price)
        self._journal.signed([attempt])
        slot.attempts.append(attempt)
        slot.taken, slot.dearer, slot.again_at = False, False, 0.0
        _log.info("%s offers %d wei for a unit of gas, in place of the last", attempt.hash, price.max_fee)
        return True

    # --- what the node knows ---

    def _count(self, block: str) -> int:
        """The account's nonce after `block`."""
        return int(self._node.call("eth_getTransactionCount", [self.address, block]), 16)

    def _no_funds(self, needed: int) -> NoFunds:
        """The error that says how much is missing."""
        balance = int(self._node.call("eth_getBalance", [self.address, "latest"]), 16)
        return NoFunds(self.address, max(needed, balance + 1), balance)

    def _message(self, call: Call, gas: int | None = None) -> dict[str, str]:
        """The call for eth_call and eth_estimateGas."""
        message = {"from": self.address, "data": f"0x{call.data.hex()}", "value": quantity(call.value)}
        if call.to is not None:
            message["to"] = call.to
        return message if gas is None else {**message, "gas": quantity(gas)}

    def _explain(self, data: bytes, call: Call) -> TrothError:
        """What a contract meant."""
        return self._refusals.explain(data, node=self._node, to=call.to, sent=call.data, sender=self.address)

    def _why(self, transaction: SignedTransaction, receipt: Receipt) -> TrothError:
        """Why a mined transaction failed: found by running it again, before its block or after."""
        message = self._message(transaction.call, transaction.call.gas)
        for block in (receipt.block - 1, receipt.block):
            (answer,) = self._node.attempt([("eth_call", [message, quantity(block)])])
            if isinstance(answer, Reverted):
                return self._explain(answer.data, transaction.call)
            if isinstance(answer, NodeError) and "gas" in answer.detail.lower():
                return TransactionFailed(receipt.hash, f"out of gas at its limit of {transaction.call.gas}")
        if receipt.gas_used == transaction.call.gas:
            return TransactionFailed(receipt.hash, f"out of gas at its limit of {transaction.call.gas}")
        return TransactionFailed(receipt.hash, "it reverted, and run again on the blocks around it would not")


class _Lookahead:
    """An iterator whose next item can be seen before it is taken."""

    def __init__(self, items: Iterator[tuple[int, Call]]) -> None:
        self._items, self._ahead = items, list(islice(items, 1))

    @property
    def empty(self) -> bool:
        """Whether nothing is left."""
        return not self._ahead

    @property
    def head(self) -> tuple[int, Call]:
        """The next item."""
        return self._ahead[0]

    def take(self, count: int) -> list[tuple[int, Call]]:
        """Takes items off, at most `count`."""
        taken = [*self._ahead, *islice(self._items, count - len(self._ahead))]
        self._ahead = list(islice(self._items, 1))
        return taken


def _slots_of(transactions: Iterable[SignedTransaction], address: str) -> list[_Slot]:
    """Journalled transactions by nonce, each nonce's in the order given."""
    by_nonce: dict[int, list[SignedTransaction]] = {}
    for transaction in transactions:
        if transaction.sender.lower() != address.lower():
            raise ValueError(f"{transaction.hash} is of {transaction.sender}, not of {address}")
        by_nonce.setdefault(transaction.nonce, []).append(transaction)
    return [_Slot(nonce, by_nonce[nonce]) for nonce in sorted(by_nonce)]


def _meaning(answer: Any, doubts: int) -> _Answer:
    """What a node's answer to eth_sendRawTransaction means, when it left us in doubt so often before."""
    if not isinstance(answer, NodeError):
        return _Answer.TAKEN
    if isinstance(answer, Unanswered):
        return _Answer.LATER
    words = answer.detail.lower()
    for meaning, signs in _MEANINGS:
        if any(sign in words for sign in signs):
            return meaning
    return _Answer.LATER if doubts < _DOUBTS or answer.code in PASSING_CODES else _Answer.NEVER
