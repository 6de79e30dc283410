"""Reports published from files: signed by a quorum of the keys at hand, once.

publish
├── a good file: observations in order of value; metric, root, count and period on the chain
├── period: the chain's present second by default · as given
│   └── ends before it begins, or ahead of now: refused, nothing kept or sent
├── the same observations again
│   ├── published: found, whatever the time · of another period: another report
│   ├── in a block too new for the index: found
│   └── left as a draft by a killed command: published with its own period
├── keys at hand
│   ├── more than a quorum: as many sign as it takes · one untrusted among them: the others sign
│   └── fewer trusted than a quorum: refused, nothing sent
├── signatures from elsewhere
│   ├── of a quorum: published without a key · of some: the keys at hand add the rest
│   ├── too few, and no key at hand: refused, nothing sent
│   └── of another period, chain or file, or no such file: refused by name, nothing sent
├── replaces
│   ├── a challenged report: supersedes it · the same observations: another report
│   ├── no challenged report: refused, nothing sent
│   └── caller is no arbiter: refused, nothing sent
└── unknown product: refused
leaf: as contracts/claims/Leaves.sol
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from support import Observation, Suite, misses, refuses, word
from support.defaults import CHALLENGE_PERIOD, DAY, LATE, METRIC, ON_TIME, START, VERY_LATE
from support.office import PRODUCT, Desk

from troth.chain.accounts import LocalSigner
from troth.claims import disputes, reports
from troth.claims.reports import PublishedReport, observation_leaf, tree_of
from troth.errors import BadInput, OraclesShort
from troth.store.reports import ObservationRow, Report, list_reports, observations_of

SEEN = {"a": LATE, "b": VERY_LATE, "c": ON_TIME, "d": -5, "e": LATE}
NEW_YEAR = datetime.fromtimestamp(START, timezone.utc)
YESTERDAY = (NEW_YEAR - timedelta(days=1), NEW_YEAR - timedelta(seconds=1))

Publish = Callable[..., PublishedReport]


class Killed(BaseException):
    """Stands for kill -9: nothing in the product catches it."""


@pytest.fixture
def publish(desk: Desk, tmp_path: Path) -> Publish:
    """Publishes a file of observations on the default product's metric."""
    desk.product()

    def publish(seen: Mapping[str, int] = SEEN, office: Any = desk.office, **given: Any) -> PublishedReport:
        path = tmp_path / "observations.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("risk", "value"), *seen.items()])
        return reports.publish(office, path, PRODUCT, **given)

    return publish


def saved(desk: Desk) -> list[tuple[Report, list[ObservationRow]]]:
    """Every report in the database, drafts too."""
    with desk.office.store.reading() as connection:
        return [(report, list(observations_of(connection, report))) for report in list_reports(connection)]


def sent(desk: Desk) -> int:
    """How many transactions the desk's account ever sent."""
    return int(desk.suite.node.call("eth_getTransactionCount", [desk.who.address, "latest"]), 16)


# --- what a report is


def test_publish_puts_observations_in_order_of_value(desk: Desk, suite: Suite, publish: Publish) -> None:
    """Of one value by risk: what a product pays for are neighbours. The root on the chain is theirs."""
    published = publish()
    ((report, observations),) = saved(desk)
    assert [(one.position, one.risk, one.value) for one in observations] == [
        (0, "d", -5),
        (1, "c", ON_TIME),
        (2, "a", LATE),
        (3, "e", LATE),
        (4, "b", VERY_LATE),
    ]
    held = suite.reports.call("report", published.report_id)
    assert (held.root, held.metric) == (tree_of(observations).root, word(METRIC))
    assert (published.report_id, published.observations, report.report_id) == (1, 5, None)
    assert published.final_at == NEW_YEAR + timedelta(seconds=CHALLENGE_PERIOD)


@pytest.mark.parametrize("value", [0, 180, -5, 2**127 - 1, -(2**127)])
def test_leaf_is_the_contracts_own(value: int) -> None:
    """Of the lowest and the highest value too, as the tests of the contracts pack them."""
    assert observation_leaf(ObservationRow(0, "risk", value)) == Observation(word("risk"), value).leaf


# --- its period


def test_period_is_the_present_second_by_default(suite: Suite, publish: Publish) -> None:
    """On the chain."""
    suite.clock.move_by(DAY // 2)
    held = suite.reports.call("report", publish().report_id)
    assert (held.periodStart, held.periodEnd) == (suite.clock.now, suite.clock.now)


def test_period_given_is_kept(suite: Suite, publish: Publish) -> None:
    """Both ends inclusive; the present second may be the last."""
    held = suite.reports.call("report", publish(period=YESTERDAY).report_id)
    assert (held.periodStart, held.periodEnd) == (START - DAY, START - 1)
    held = suite.reports.call("report", publish(period=(NEW_YEAR, NEW_YEAR)).report_id)
    assert (held.periodStart, held.periodEnd) == (START, START)


@pytest.mark.parametrize(
    "period",
    [YESTERDAY[::-1], (NEW_YEAR, NEW_YEAR + timedelta(seconds=1))],
    ids=["ends before it begins", "ends ahead of now"],
)
def test_period_that_cannot_have_been_is_refused(
    desk: Desk, publish: Publish, period: tuple[datetime, datetime]
) -> None:
    """By option; nothing is kept or sent."""
    before = sent(desk)
    with pytest.raises(BadInput, match=r"--from/--to: '\S+ to \S+: a period must end after it begins"):
        publish(period=period)
    assert (sent(desk), saved(desk)) == (before, [])


# --- once


@pytest.mark.parametrize("given", [{}, {"period": YESTERDAY}], ids=["period by default", "period given"])
def test_publish_again_finds_the_report(desk: Desk, publish: Publish, given: dict[str, Any]) -> None:
    """A day later; nothing is sent."""
    first = publish(**given)
    before = sent(desk)
    desk.suite.clock.move_by(DAY)
    assert publish(**given) == PublishedReport(1, 5, first.final_at, None)
    assert (sent(desk), len(saved(desk))) == (before, 1)


def test_publish_again_finds_the_report_in_a_block_too_new_for_the_index(
    desk: Desk, publish: Publish
) -> None:
    """With confirmations the index lags: the contract itself says which number it has."""
    first = publish()
    before = sent(desk)
    desk.office.sync()
    with desk.office.store.writing() as connection:
        assert connection.exec_driver_sql("DELETE FROM reports_published").rowcount == 1
    assert publish() == PublishedReport(1, 5, first.final_at, None)
    assert sent(desk) == before


def test_same_observations_of_another_period_are_another_report(publish: Publish) -> None:
    """A quiet day is as quiet as the one before."""
    assert publish(period=YESTERDAY).report_id == 1
    assert publish(period=(NEW_YEAR, NEW_YEAR)).report_id == 2


def test_other_observations_are_another_report(publish: Publish) -> None:
    """Of the same second."""
    assert [publish().report_id, publish({**SEEN, "a": LATE + 1}).report_id] == [1, 2]


def test_draft_of_a_killed_command_is_published_with_its_own_period(
    desk: Desk, suite: Suite, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day later."""

    def die(_calls: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(desk.office.sender, "send", die)
        with pytest.raises(Killed):
            publish()
    assert len(saved(desk)) == 1
    suite.clock.move_by(DAY)
    held = suite.reports.call("report", publish().report_id)
    assert (held.periodStart, held.periodEnd, len(saved(desk))) == (START, START, 1)


# --- who signs


def test_no_more_keys_sign_than_it_takes(
    desk: Desk, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three are at hand, two make a quorum: a signature more is gas for nothing."""
    signers, sign = [], LocalSigner.sign_typed

    def watch(signer: LocalSigner, *arguments: Any) -> bytes:
        signers.append(signer.address)
        return sign(signer, *arguments)

    monkeypatch.setattr(LocalSigner, "sign_typed", watch)
    publish()
    assert signers == [oracle.address for oracle in desk.suite.oracles[:2]]


def test_untrusted_key_at_hand_is_passed_over(desk: Desk, suite: Suite, publish: Publish) -> None:
    """One that was retired, or of somebody else; those left make a quorum."""
    suite["insurer"].send(suite.reports, "setOracle", suite.oracles[0].address, False)
    assert publish().report_id == 1


def test_too_few_keys_are_refused(desk: Desk, suite: Suite, publish: Publish) -> None:
    """Counting only trusted ones; nothing is sent."""
    desk.office.oracles = [suite.oracles[0].signer, suite["stranger"].signer]
    before = sent(desk)
    with pytest.raises(OraclesShort) as refused:
        publish()
    assert (refused.value.needed, refused.value.available) == (2, 1)
    assert sent(desk) == before


# --- disputed reports


def test_replacement_supersedes_the_challenged_report(desk: Desk, suite: Suite, publish: Publish) -> None:
    """Even if it says the same again: another report, for it answers the challenge."""
    publish()
    disputes.challenge(desk.office, 1, word("wrong"))
    assert publish(replaces=1).report_id == 2
    assert suite.reports.call("report", 1).replacedBy == 2
    assert publish(replaces=1).transaction is None
    assert publish().report_id == 1


def test_report_that_is_not_challenged_cannot_be_replaced(desk: Desk, publish: Publish) -> None:
    """Found out at no cost."""
    publish()
    before = sent(desk)
    with refuses("OracleReportsStatus", reportId=1, status=1, expected=2):
        publish({**SEEN, "a": ON_TIME}, replaces=1)
    assert sent(desk) == before


def test_replacing_takes_the_role_of_arbiter(desk: Desk, publish: Publish, stranger_desk: Desk) -> None:
    """Publishing takes none: the signatures decide."""
    assert publish(office=stranger_desk.office).report_id == 1
    disputes.challenge(desk.office, 1, word("wrong"))
    before = sent(stranger_desk)
    with misses("ARBITER", stranger_desk.who.address):
        publish(office=stranger_desk.office, replaces=1)
    assert sent(stranger_desk) == before


def test_unknown_product_is_refused(desk: Desk, tmp_path: Path) -> None:
    """A report is on a product's metric."""
    path = tmp_path / "observations.csv"
    path.write_text("risk,value\na,1\n")
    with pytest.raises(BadInput, match="--product"):
        reports.publish(desk.office, path, PRODUCT)


# --- signatures from elsewhere

DAY_BEFORE = (NEW_YEAR, NEW_YEAR)


@pytest.fixture
def attest(desk: Desk, suite: Suite, publish: Publish, tmp_path: Path) -> Callable[..., Path]:
    """Has oracles, by their place, sign the default observations at an office of their own."""

    def attest(*places: int, period: Any = DAY_BEFORE, seen: Mapping[str, int] = SEEN) -> Path:
        path = tmp_path / "seen.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("risk", "value"), *seen.items()])
        desk.office.oracles = [suite.oracles[place].signer for place in places]
        made = reports.sign(desk.office, path, PRODUCT, period=period)
        desk.office.oracles = []
        output = tmp_path / f"signed-{'-'.join(map(str, places))}.json"
        made.write(output)
        return output

    return attest


def test_publish_takes_signatures_from_elsewhere(publish: Publish, attest: Callable[..., Path]) -> None:
    """Two oracles sign on machines of their own, in the wrong order; the publisher holds no oracle's key."""
    signed = [attest(2), attest(0)]
    assert publish(period=DAY_BEFORE, attestations=signed).report_id == 1


def test_publish_adds_keys_at_hand_to_signatures_from_elsewhere(
    desk: Desk, suite: Suite, publish: Publish, attest: Callable[..., Path]
) -> None:
    """One signature comes by mail, the other is made here."""
    signed = [attest(1)]
    desk.office.oracles = [suite.oracles[1].signer, suite.oracles[2].signer]
    assert publish(period=DAY_BEFORE, attestations=signed).report_id == 1


def test_publish_refuses_one_oracle_twice(publish: Publish, attest: Callable[..., Path]) -> None:
    """The same oracle in two files is one signature, and a report needs two."""
    with pytest.raises(OraclesShort) as caught:
        publish(period=DAY_BEFORE, attestations=[attest(1), attest(1)])
    assert (caught.value.needed, caught.value.available) == (2, 1)


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"period": (NEW_YEAR - timedelta(days=1), NEW_YEAR)}, "periodStart"),
        ({"seen": {**SEEN, "a": LATE + 1}}, "root"),
    ],
)
def test_publish_refuses_signatures_of_another_report(
    publish: Publish, attest: Callable[..., Path], change: dict[str, Any], column: str
) -> None:
    """What differs is named, and nothing is sent."""
    signed = attest(0, 1, **change)
    with pytest.raises(BadInput) as caught:
        publish(period=DAY_BEFORE, attestations=[signed])
    assert [(one.file, one.column) for one in caught.value.problems] == [(str(signed), column)]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"report": {}, "signatures": {"0x00": "0x"}}'])
def test_publish_refuses_files_that_are_no_signatures(publish: Publish, tmp_path: Path, content: str) -> None:
    """Named, and told how such files are made."""
    path = tmp_path / "signed.json"
    path.write_text(content)
    with pytest.raises(BadInput, match="troth report sign"):
        publish(period=DAY_BEFORE, attestations=[path])


def test_sign_says_where_it_cannot_write(
    desk: Desk, publish: Publish, attest: Callable[..., Path], tmp_path: Path
) -> None:
    """One line, with the place."""
    with pytest.raises(BadInput, match="cannot be written"):
        reports.Attestation.read(attest(0)).write(tmp_path / "nowhere" / "signed.json")


def test_file_of_signatures_is_replaced_and_not_rewritten(
    attest: Callable[..., Path], tmp_path: Path
) -> None:
    """Killed in between, the oracle still has the one before."""
    path, former = attest(0), tmp_path / "former.json"
    os.link(path, former)
    before = path.read_bytes()
    made = reports.Attestation.read(path)
    replace(made, chain_id=7).write(path)
    assert reports.Attestation.read(path).chain_id == 7
    assert former.read_bytes() == before
