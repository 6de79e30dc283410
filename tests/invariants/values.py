"""What is drawn: products, books, reports and forgeries, mostly sound, now and then not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from support import Book, Observation, Policy, Proof, Report, Settlement, book_as_is, report_of, word
from support.claims import NO_REF

from invariants.model import DAY, WHOLE, Product
from troth.trees.keccak import keccak

Draw = Callable[[st.SearchStrategy], Any]

RISKS = ("rain", "wind", "frost", "quake")
METRICS = ("delay, minutes", "level, mm")
SHARES = (1, 333, 2_500, 5_000, 6_667, 9_999, WHOLE)
LEAST, MOST = -(2**127), 2**127 - 1
"""Of an int128."""
NUMBERS = (0, 1, 2, 255, 256, 257, 511, 512)
"""Policy numbers on both sides of the words of 256 marks."""
LARGE_SUMS = st.integers(10**11, 6 * 10**11)
"""Sums insured of which the pool cannot pay many."""
SUMS = st.one_of(st.sampled_from((1, 3, 9_999, 10_001, 20_001)), st.integers(1, 10**6), LARGE_SUMS)
"""Such, middling ones, and some that shares do not divide."""


def mostly(draw: Draw, usual: Any, *others: Any) -> Any:
    """`usual` five times out of six, else one of `others`."""
    return draw(st.sampled_from(others)) if others and draw(st.integers(0, 5)) == 5 else usual


def tiers(draw: Draw, at_least: bool) -> tuple[tuple[int, int], ...]:
    """One to four tiers, mildest first."""
    count = draw(st.integers(1, 4))
    thresholds = sorted(draw(st.sets(st.integers(-4, 12), min_size=count, max_size=count)))
    shares = sorted(draw(st.sets(st.sampled_from(SHARES), min_size=count, max_size=count)))
    return tuple(zip(thresholds if at_least else reversed(thresholds), shares, strict=True))


def odd_tiers(draw: Draw, sound: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """Sound tiers in an order, or with a share, that no product may have."""
    (threshold, share), rest = sound[-1], sound[:-1]
    odd = (
        (),
        (*sound, sound[-1]),
        (*sound, (threshold, WHOLE)),
        (*rest, (threshold, WHOLE + 1)),
        (*rest, (threshold, 0)),
        (*sound, (threshold + 1, share)),
        (*sound, (threshold - 1, share)),
    )
    return mostly(draw, sound[::-1], *odd)


def policies(draw: Draw, payees: Sequence[str], salt: str) -> tuple[Policy, ...]:
    """One to six policies on a few risks; payees and risks come more than once."""
    count = draw(st.integers(1, 6))
    numbers = draw(st.sampled_from((tuple(range(count)), NUMBERS[-count:], NUMBERS[2 : 2 + count])))
    numbers = mostly(draw, numbers, numbers, (1,) * count)
    sums = LARGE_SUMS if draw(st.integers(0, 3)) == 3 else SUMS
    return tuple(
        Policy(
            number,
            word(draw(st.sampled_from(RISKS))),
            draw(st.sampled_from(payees)),
            draw(sums),
            draw(st.integers(0, 50)),
            keccak(f"{salt} {place}".encode()),
        )
        for place, number in enumerate(numbers)
    )


def book(draw: Draw, insured: Sequence[Policy], product: int, now: int, least: int) -> Book:
    """Terms for a book of `insured`: mostly whole and honest, on any collateral allowed."""
    midnight = now // DAY * DAY
    begin = draw(st.sampled_from((midnight, midnight, now, now, now + 1, now + DAY, now + 4 * DAY)))
    end = begin + draw(st.sampled_from((0, DAY, 8 * DAY, 40 * DAY)))
    deadline = max(end, now) + draw(st.sampled_from((1, 2 * DAY, 40 * DAY)))
    count = max(one.number for one in insured) + 1
    total = sum(one.sum_insured for one in insured)
    faults = (
        {"cover_until": begin - 1},
        {"cover_from": midnight - 1},
        {"deadline": end - 1},
        {"cover_from": 0, "cover_until": 0, "deadline": now},
        {"collateral": least - 1},
        {"collateral": WHOLE + 1},
        {"sum_insured": total - 1},
        {"sum_insured": total // 2},
        {"sum_insured": total // 3},
        {"sum_insured": 0},
        {"sum_insured": total + 1},
        {"premium": 1},
        {"policy_count": count - 1},
        {"root": bytes(32)},
    )
    terms = {
        "policy_count": count,
        "cover_from": begin,
        "cover_until": end,
        "deadline": deadline,
        "collateral": draw(st.sampled_from((least, least, (least + WHOLE) // 2, WHOLE))),
        "daily_cap": mostly(draw, 0, total, total // 2 + 1, total // 3 + 1),
    }
    return book_as_is(insured, product, **{**terms, **mostly(draw, {}, *faults)})


def whole_book(only: Policy, product: int, now: int) -> Book:
    """A book of one policy, wholly reserved for, in force at once."""
    times = {"cover_from": now, "cover_until": now + 8 * DAY, "deadline": now + 40 * DAY}
    return book_as_is([only], product, **{**times, "policy_count": only.number + 1})


def book_again(old: Book, deadline: int) -> Book:
    """The same policies on the same product, for another term."""
    again = {"cover_from": 0, "cover_until": 0, "deadline": deadline}
    return book_as_is(old.policies, old.terms.product_id, **{**again, "policy_count": old.terms.policy_count})


def report(
    draw: Draw,
    metric: bytes,
    cover: tuple[int, int],
    now: int,
    *,
    thresholds: Sequence[int],
    replaces: int,
) -> Report:
    """What was seen of some risks: values at the product's thresholds and beside them, equal ones too."""
    values = [LEAST, MOST, *(threshold + beside for threshold in thresholds for beside in (-1, 0, 1))]
    seen = draw(st.lists(st.sampled_from(RISKS), min_size=1, max_size=4, unique=True))
    begin, end = cover[0], min(cover[1], now)
    period = (mostly(draw, begin, min(begin + 1, end)), mostly(draw, end, max(end - 1, begin)))
    faults = (
        {"period_start": begin - 1},
        {"period_end": cover[1] + 1},
        {"period_end": now + 1},
        {"period_start": end + 1},
        {"metric": word(METRICS[0])},
        {"metric": word(METRICS[1])},
        {"root": bytes(32)},
        {"count": 0},
    )
    data = {"metric": metric, "period_start": period[0], "period_end": period[1], "replaces": replaces}
    valued = {risk: draw(st.sampled_from(values)) for risk in seen}
    return _report(valued, {**data, **mostly(draw, {}, *faults)})


def paying_report(
    draw: Draw, product: Product, cover: tuple[int, int], now: int, replaces: int = 0
) -> Report:
    """Of the whole cover so far: every risk at one of the product's thresholds, or just within it."""
    within = 1 if product.at_least else -1
    reached = [threshold + beside for threshold, _ in product.tiers for beside in (0, 0, within)]
    seen = {risk: draw(st.sampled_from(reached)) for risk in RISKS}
    period = {"period_start": cover[0], "period_end": min(cover[1], now)}
    return _report(seen, {"metric": product.metric, "replaces": replaces, **period})


def _report(seen: Mapping[str, int], data: Mapping[str, Any]) -> Report:
    """A report of what was seen, with `data` as it is."""
    made = report_of(seen)
    return replace(made, data=made.data._replace(**data))


def forged(draw: Draw, batch: Settlement, payees: Sequence[str]) -> Settlement:
    """The batch with one thing wrong, or what might be."""
    place = draw(st.integers(0, len(batch.claims) - 1))
    claim, seen = batch.claims[place], batch.observations[batch.claims[place].observation]
    forgeries: Mapping[str, Callable[[], Settlement]] = {
        "number": lambda: batch.with_claim(place, number=draw(st.sampled_from((*NUMBERS, 2**32 - 1)))),
        "observation": lambda: batch.with_claim(place, observation=draw(st.integers(0, 4))),
        "payee": lambda: batch.with_claim(place, payee=draw(st.sampled_from(payees))),
        "sum": lambda: batch.with_claim(place, sum_insured=claim.sum_insured + draw(st.integers(-1, 9))),
        "terms": lambda: batch.with_claim(place, terms=NO_REF),
        "risk": lambda: batch.with_observation(claim.observation, risk=word(draw(st.sampled_from(RISKS)))),
        "value": lambda: batch.with_observation(claim.observation, value=max(seen.value - 1, LEAST)),
        "book": lambda: batch._replace(book_id=draw(st.integers(0, 4))),
        "report": lambda: batch._replace(report_id=draw(st.integers(0, 4))),
        "order": lambda: batch._replace(claims=tuple(draw(st.permutations(batch.claims)))),
        "seen order": lambda: batch._replace(observations=tuple(draw(st.permutations(batch.observations)))),
        "twice": lambda: batch._replace(claims=(*batch.claims, claim)),
        "left out": lambda: batch._replace(claims=batch.claims[:place] + batch.claims[place + 1 :]),
        "all seen left out": lambda: batch._replace(observations=(), in_report=Proof((), b"")),
        "book proof": lambda: batch._replace(in_book=_bent(draw, batch.in_book)),
        "report proof": lambda: batch._replace(in_report=_bent(draw, batch.in_report)),
    }
    return forgeries[draw(st.sampled_from(sorted(forgeries)))]()


def observation_of(batch: Settlement, place: int) -> Observation:
    """What a claim of the batch rests on."""
    return batch.observations[batch.claims[place].observation]


def _bent(draw: Draw, proof: Proof) -> Proof:
    """A proof with one node or flag more, less or other."""
    flags = proof.flags or b"\0"
    return draw(
        st.sampled_from(
            (
                proof._replace(nodes=proof.nodes[:-1]),
                proof._replace(nodes=(*proof.nodes, NO_REF)),
                proof._replace(nodes=(NO_REF, *proof.nodes[1:])),
                proof._replace(flags=proof.flags + b"\0"),
                proof._replace(flags=bytes([flags[0] ^ 0x80, *flags[1:]])),
            )
        )
    )
