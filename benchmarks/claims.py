"""Claims a second, from a file of facts to a reconciled ledger, beside single transfers by web3.py."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from eth_account import Account
from web3 import Web3

from benchmarks.figures import Budget, Figure
from benchmarks.ground import PRODUCT, fresh, made_up, office, write_book, write_facts
from troth.claims import books, ledger, reports, settlement
from troth.office import Office

__all__ = ["measure"]

RISK_SIZE = 10
DUE_EVERY = (10, 37)  # one risk in so many: a bad month, and January's flights


def measure(*, quick: bool) -> list[Figure]:
    """Claims settled a second beside transfers a second, on one Anvil. About a minute."""
    return [_measure(due_every, quick=quick) for due_every in DUE_EVERY]


def _measure(due_every: int, *, quick: bool) -> Figure:
    """One book with one risk in so many due."""
    policies, transfers = (2_000, 100) if quick else (100_000, 1_000)
    with office() as opened:
        # Before and after ours, and the better counts: a machine busy with other things must not flatter us.
        before = _web3_transfers(opened, transfers, seed=-3)
        settled, seconds = _settle(opened, policies, due_every)
        theirs = max(before, _web3_transfers(opened, transfers, seed=-4))
    return Figure(
        "claims a second",
        f"facts to ledger, 1 in {due_every} due",
        settled / sum(seconds.values()),
        "web3.py, one by one",
        theirs,
        None if quick else Budget(5, at_least=True),
        _conditions(settled, policies, seconds),
        f"python -m benchmarks claims{' --quick' if quick else ''}",
    )


def _conditions(settled: int, policies: int, seconds: dict[str, float]) -> str:
    """What was settled, and where the time went."""
    spent = ", ".join(f"{stage} {taken:.2f} s" for stage, taken in seconds.items())
    return (
        f"{settled:,} due of {policies:,} policies, {RISK_SIZE} a risk, payees new to the token: {spent}; "
        "the rival's transfers are signed beforehand and sent to the same Anvil"
    )


def _settle(office: Office, policies: int, due_every: int) -> tuple[int, dict[str, float]]:
    """Claims settled, and seconds by stage. The book is issued beforehand."""
    lines, facts = made_up(policies // RISK_SIZE, RISK_SIZE, due_every, seed=1)
    path = write_facts(office.settings.home / "facts.csv", facts)
    books.issue(office, write_book(office.settings.home / "book.csv", lines), PRODUCT)
    seconds: dict[str, float] = {}
    with _timed(seconds, "publish"):
        reports.publish(office, path, PRODUCT)
    with _timed(seconds, "settle"):
        settled = settlement.settle(office).settled
    with _timed(seconds, "reconcile"):
        outcome = ledger.reconcile(
            office.store, office.node, office.ledger_contracts, root_of=lambda rows: books.tree_of(rows).root
        )
    assert outcome.ok, outcome.differences
    assert settled == outcome.claims
    return settled, seconds


def _web3_transfers(office: Office, count: int, seed: int) -> float:
    """Transfers a second: signed beforehand, sent one by one, the last one waited for."""
    payer = Account.create()
    web3 = Web3(Web3.HTTPProvider(office.node.url))
    office.node.call("anvil_setBalance", [payer.address, hex(10**24)])
    office.sender.send([office.token.prepare("mint", payer.address, count, gas=200_000)])
    signed = [
        payer.sign_transaction(
            {
                "to": office.token.address,
                "data": office.token.encode("transfer", payee, 1),
                "value": 0,
                "nonce": nonce,
                "gas": 100_000,
                "gasPrice": 10**11,
                "chainId": office.node.chain_id,
            }
        ).raw_transaction
        for nonce, payee in enumerate(fresh(count, seed))
    ]
    began = time.perf_counter()
    for raw in signed:
        last = web3.eth.send_raw_transaction(raw)
    receipt = web3.eth.wait_for_transaction_receipt(last, poll_latency=0.01)
    taken = time.perf_counter() - began
    assert receipt["status"] == 1
    assert office.token.call("balanceOf", payer.address) == 0
    return count / taken


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Notes how long the block takes."""
    began = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - began
