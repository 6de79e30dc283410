"""Settlement transactions: cut to the gas they may take, and packed as the contract reads them.

batches
├── all claims, in order, once, whatever their risks
├── each within the gas, and as full as the next claim leaves it · one claim is beyond it: alone in its batch
└── no claims: none
halves: the same claims in order, each half with proofs of its own
call_of
├── calldata: the general encoder's, for any book, report and choice of claims
└── gas limit: a quarter above what it takes at most · never above the cap
gas_of: never less than the chain takes
    one claim · one risk · own risks · few of many · many tiers · payees frozen · payees who hold money
    payees asked about: short histories · long ones · some not eligible
"""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import Actor, Book, BookTerms, Report, ReportData, Suite, emitted, word
from support.consents import EVIDENCE, Entry, bound, defined, record_for
from support.defaults import CHALLENGE_PERIOD, DOLLAR, METRIC, TIERS
from support.office import desk_of

from troth.addresses import format_address
from troth.chain.artifacts import artifact
from troth.chain.contracts import Contract
from troth.chain.rpc import Node
from troth.claims import books, reports
from troth.claims.batches import Batch, Evidence, batches, call_of, gas_of, halves
from troth.claims.eligibility import ASKED_AT_MOST, Answer, Requirement, _asked, ask
from troth.claims.keys import risk_to_bytes32
from troth.config import GAS_CAP
from troth.office import Office
from troth.store.books import PolicyRow
from troth.store.reports import ObservationRow
from troth.trees.keccak import keccak, verify_multiproof

GAS = 12_000_000
BOOKS = Contract(cast("Node", None), "0x" + "b0" * 20, artifact("PolicyBooks").abi)


def book_of(
    risks: Iterable[int], seed: int = 0, value: int = 400, payees: Sequence[Actor] = ()
) -> tuple[list[PolicyRow], Evidence]:
    """Policies, one on each of these risks, and what proves them: a report on all the risks and two more.

    Their payees are nobody, unless they are given.
    """
    source = random.Random(seed)
    policies = [
        PolicyRow(
            number,
            f"P-{number}",
            f"risk {risk:05}",
            bytes.fromhex(payees[number].address[2:]) if payees else source.randbytes(20),
            source.randrange(1, 500) * DOLLAR,
            source.randrange(20 * DOLLAR),
            source.randbytes(16),
        )
        for number, risk in enumerate(sorted(risks))
    ]
    names = sorted({one.risk for one in policies} | {"elsewhere", "nowhere"})
    observations = [ObservationRow(place, name, value + place % 3) for place, name in enumerate(names)]
    tree, report = books.tree_of(policies), reports.tree_of(observations)
    return policies, Evidence(7, 9, tree, report, {one.risk: one for one in observations})


@st.composite
def chosen(draw: st.DrawFn) -> tuple[list[PolicyRow], Evidence]:
    """Some policies of a book of up to 60, in order, and what proves them."""
    risks = draw(st.lists(st.integers(0, 20), min_size=1, max_size=60))
    policies, evidence = book_of(risks, seed=len(risks), value=draw(st.integers(-(2**127), 2**127 - 3)))
    wanted = draw(st.sets(st.integers(0, len(risks) - 1), min_size=1))
    return [one for one in policies if one.number in wanted], evidence


def encoded(batch: Batch) -> bytes:
    """The call as the general encoder packs it."""
    observed = {row.position: row for row in batch.evidence.observed.values()}
    rows = [observed[position] for position in batch.in_report.order]
    claims = {claim.number: claim for claim in batch.claims}
    packed = [
        (
            number,
            [row.risk for row in rows].index(claims[number].risk),
            format_address(claims[number].payee),
            claims[number].sum_insured,
            books.policy_terms(
                claims[number].premium, books.policy_reference(claims[number].salt, claims[number].policy_ref)
            ),
        )
        for number in batch.in_book.order
    ]
    return BOOKS.encode(
        "settle",
        batch.evidence.book_id,
        batch.evidence.report_id,
        [(risk_to_bytes32(row.risk), row.value) for row in rows],
        packed,
        (list(batch.in_report.nodes), batch.in_report.flags),
        (list(batch.in_book.nodes), batch.in_book.flags),
    )


def proves(batch: Batch) -> bool:
    """Whether both multiproofs lead to their roots."""
    by_number = {claim.number: books.policy_leaf(claim) for claim in batch.claims}
    by_position = {row.position: reports.observation_leaf(row) for row in batch.evidence.observed.values()}
    trees = (batch.evidence.book, batch.evidence.report)
    parts = ((batch.in_book, by_number), (batch.in_report, by_position))
    return all(
        verify_multiproof(tree.root, [leaves[n] for n in proof.order], proof.nodes, proof.flags)
        for tree, (proof, leaves) in zip(trees, parts, strict=True)
    )


# --- cutting


@given(chosen(), st.integers(150_000, 3_000_000))
@settings(deadline=None, max_examples=60)
def test_batches_cover_all_claims_once_in_order_within_the_gas(
    choice: tuple[list[PolicyRow], Evidence], gas: int
) -> None:
    """A single claim beyond the gas is a batch all the same: somebody may raise the limit."""
    claims, evidence = choice
    cut = list(batches(evidence, claims, gas))
    assert [claim for batch in cut for claim in batch.claims] == claims
    for batch in cut:
        assert gas_of(batch) <= gas or len(batch.claims) == 1
        assert proves(batch)


@pytest.mark.parametrize("risks", [1, 100, 2_000], ids=["one risk", "20 a risk", "own risks"])
def test_batches_are_as_full_as_the_gas_allows(risks: int) -> None:
    """All but the last: otherwise transactions are paid for that nobody needs."""
    policies, evidence = book_of(number * risks // 2_000 for number in range(2_000))
    cut = list(batches(evidence, policies, GAS))
    assert sum(len(batch.claims) for batch in cut) == 2_000
    assert all(GAS * 0.95 < gas_of(batch) <= GAS for batch in cut[:-1])


def test_no_claims_make_no_batch() -> None:
    """As when everything was settled before."""
    _, evidence = book_of([1])
    assert list(batches(evidence, [], GAS)) == []


def test_halves_have_the_same_claims_and_their_own_proofs() -> None:
    """Down to single ones."""
    policies, evidence = book_of([1, 1, 2, 3, 3])
    (batch,) = batches(evidence, policies, GAS)
    found = [batch]
    while len(found[0].claims) > 1:
        found = [half for one in found for half in (halves(one) if len(one.claims) > 1 else [one])]
        assert [claim for one in found for claim in one.claims] == policies
        assert all(map(proves, found))


def test_label_says_which_policies() -> None:
    """For the journal and the log."""
    policies, evidence = book_of([1, 2, 3])
    (batch,) = batches(evidence, policies[1:], GAS)
    assert batch.label == "settle 2 of book 7, policies 1 to 2"


# --- packing


@given(chosen())
@settings(deadline=None, max_examples=100)
def test_calldata_is_the_general_encoders(choice: tuple[list[PolicyRow], Evidence]) -> None:
    """To the byte, whatever the choice: negative values, single claims, whole books."""
    claims, evidence = choice
    (batch,) = batches(evidence, claims, gas=10**9)
    call = call_of(batch, BOOKS, GAS_CAP)
    assert call.data == encoded(batch)
    assert (call.to, call.value, call.label) == (BOOKS.address, 0, batch.label)


def test_gas_limit_spares_a_quarter_below_the_cap() -> None:
    """Which no transaction may exceed."""
    policies, evidence = book_of(range(100))
    (batch,) = batches(evidence, policies, GAS)
    assert call_of(batch, BOOKS, GAS_CAP).gas == gas_of(batch) * 5 // 4
    assert call_of(batch, BOOKS, gas_of(batch)).gas == gas_of(batch)


# --- gas, on the chain


def settled(
    suite: Suite,
    policies: Sequence[PolicyRow],
    evidence: Evidence,
    every: int = 1,
    tiers: Sequence[tuple[int, int]] = TIERS,
) -> None:
    """Issues the book, reports on it and settles one policy in `every`, in one batch; compares its gas."""
    insured = sum(one.sum_insured for one in policies)
    terms = BookTerms(evidence.book.root, suite.register(tiers), len(policies), sum_insured=insured)
    book = suite.issue(Book((), evidence.book, terms))
    data = ReportData(word(METRIC), evidence.report.root, len(evidence.observed))
    report = suite.publish(Report((), evidence.report, data))
    suite.clock.move_by(CHALLENGE_PERIOD)

    on_chain = replace(evidence, book_id=book.id, report_id=report.id, tiers=len(tiers))
    (batch,) = batches(on_chain, policies[::every], gas=10**9)
    call = call_of(batch, suite.books, GAS_CAP)
    receipt = suite["stranger"].submit(call)
    (event,) = emitted(receipt, suite.books, "Settled")
    assert event.settled == len(batch.claims)
    assert call.gas is not None
    assert gas_of(batch) * 0.8 < receipt.gas_used <= gas_of(batch) <= call.gas * 0.81


@pytest.mark.parametrize(
    ("risks", "every"),
    [
        ([1], 1),
        ([1] * 250, 1),
        ([number // 10 for number in range(250)], 1),
        (range(250), 1),
        (range(4_000), 37),
        (range(4_000), 400),
        ([1] * 4_000, 37),
    ],
    ids=["one claim", "one risk", "ten a risk", "own risks", "1 in 37", "1 in 400", "1 in 37 of one risk"],
)
def test_gas_foreseen_is_enough(suite: Suite, risks: Iterable[int], every: int) -> None:
    """Every payee is new to the token. Nor is it far too much: batches would go half empty."""
    settled(suite, *book_of(risks), every)


@pytest.mark.parametrize(
    ("risks", "value"),
    [(200, 180), (200, 400), (1, 400)],
    ids=["mildest tier", "severest tier", "severest tier, one claim"],
)
def test_gas_foreseen_is_enough_for_a_product_of_many_tiers(suite: Suite, risks: int, value: int) -> None:
    """Sixteen, read for the batch and gone through for each observation."""
    tiers = [(180 + 10 * step, 625 * (step + 1)) for step in range(16)]
    settled(suite, *book_of(range(risks), value=value), tiers=tiers)


def test_gas_foreseen_is_enough_for_payees_who_are_owed(suite: Suite) -> None:
    """All transfers fail: each leaves a debt to a payee who had none."""
    policies, evidence = book_of([1] * 100)
    payees = [format_address(one.payee) for one in policies]
    suite["stranger"].sender.send(suite.token.prepare("freeze", payee, True, gas=100_000) for payee in payees)
    settled(suite, policies, evidence)


# --- gas, where payees are asked about

REQUIREMENT = Requirement(2, 1, 2, 3)


def asked_about(suite: Suite, decisions: Iterable[int]) -> list[Actor]:
    """Payees verified, with so many decisions each; one with none is nobody's."""
    defined(suite)
    payees = []
    for number, count in enumerate(decisions):
        payees.append(payee := Actor(f"payee {number}", suite.node))
        if count:
            bound(suite, payee, subject := keccak(payee.address.encode()))
            suite["verifier"].send(suite.subjects, "verify", subject, 2, 0, EVIDENCE)
            record_for(suite, *[Entry(1, 2, 3)] * count, subject=subject)
    return payees


def cost(office: Office, payee: bytes) -> int:
    """The least gas with which the contract answers about a payee."""
    enough = range(ASKED_AT_MOST)
    answered = partial(_asked, office, REQUIREMENT, [payee])
    return bisect_left(enough, True, key=lambda gas: next(answered(gas)) is not None)


@pytest.mark.parametrize(
    ("count", "decisions"),
    [(1, [1]), (40, [1]), (40, [1, 0]), (6, [60]), (12, [1, 40, 0])],
    ids=["one", "one decision", "every other not eligible", "long histories", "mixed"],
)
def test_gas_foreseen_is_enough_where_payees_are_asked_about(
    suite: Suite, tmp_path: Path, count: int, decisions: Sequence[int]
) -> None:
    """The limit leaves the contract as much to ask by as it wants, down to the last payee of the batch."""
    counts = list(islice(cycle(decisions), count))
    policies, evidence = book_of([1] * count, payees=asked_about(suite, counts))
    product = suite.register(requirement=REQUIREMENT)
    insured = sum(one.sum_insured for one in policies)
    book = suite.issue(
        Book((), evidence.book, BookTerms(evidence.book.root, product, count, sum_insured=insured))
    )
    report = suite.publish(
        Report((), evidence.report, ReportData(word(METRIC), evidence.report.root, len(evidence.observed)))
    )
    suite.clock.move_by(CHALLENGE_PERIOD)
    with desk_of(suite, tmp_path / "desk") as desk:
        asked = ask(desk.office, REQUIREMENT, [one.payee for one in policies])
        exact = {payee: Answer(one.is_eligible, cost(desk.office, payee)) for payee, one in asked.items()}
    on_chain = replace(evidence, book_id=book.id, report_id=report.id, tiers=len(TIERS), asked=asked)
    (batch,) = batches(on_chain, policies, gas=10**9)
    receipt = suite["stranger"].submit(call_of(batch, suite.books, GAS_CAP))
    (event,) = emitted(receipt, suite.books, "Settled")
    eligible = sum(map(bool, counts))
    assert [asked[one.payee].is_eligible for one in policies] == list(map(bool, counts))
    assert (event.settled, len(emitted(receipt, suite.books, "Withheld"))) == (eligible, count - eligible)
    assert all(exact[payee].gas <= one.gas for payee, one in asked.items())
    to_the_unit = replace(batch, evidence=replace(on_chain, asked=exact))
    assert receipt.gas_used <= gas_of(to_the_unit) - ASKED_AT_MOST * 64 // 63


def test_batches_of_claims_asked_about_are_cut_to_the_gas() -> None:
    """About half as many as where nothing is required; with long histories fewer."""
    policies, evidence = book_of([1] * 600)
    sizes = {}
    for gas in (0, 60_000, 400_000):
        asked = {one.payee: Answer(True, gas) for one in policies} if gas else {}
        cut = list(batches(replace(evidence, asked=asked), policies, GAS))
        assert [claim for batch in cut for claim in batch.claims] == policies
        assert all(gas_of(batch) <= GAS for batch in cut)
        sizes[gas] = max(len(batch.claims) for batch in cut)
    assert sizes[0] > sizes[60_000] > 100 > sizes[400_000] > 20
