"""Oracle reports: from a file of observations to a signed root on the chain."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast

from troth.chain.accounts import Signer
from troth.claims import products
from troth.claims.intake import ObservationRow as ObservationLine
from troth.claims.intake import read_observations
from troth.claims.keys import bytes32_to_text, risk_to_bytes32
from troth.errors import BadInput, ContractRefused, OraclesShort, Problem
from troth.office import Office
from troth.store.reports import NewReport, ObservationRow, Report, list_reports, save_report
from troth.trees import MerkleTree, keccak

__all__ = ["PublishedReport", "observation_leaf", "publish", "tree_of"]

_GAS = 600_000
_TYPES = {
    "Report": (
        ("metric", "bytes32"),
        ("root", "bytes32"),
        ("count", "uint32"),
        ("periodStart", "uint40"),
        ("periodEnd", "uint40"),
        ("replaces", "uint32"),
    )
}


@dataclass(frozen=True)
class PublishedReport:
    """A report on the chain."""

    report_id: int
    observations: int
    final_at: datetime
    """From here it counts, unless it is challenged."""
    transaction: str | None
    """None if the report was published before."""


def publish(
    office: Office,
    path: Path,
    product_name: str,
    *,
    period: tuple[datetime, datetime] | None = None,
    replaces: int = 0,
) -> PublishedReport:
    """Signs the observations in a file with the oracle keys at hand and publishes them, or finds them there.

    The report is on the product's metric. `period`, inclusive, is by default the chain's present second.
    `replaces` names the challenged report that this one supersedes.
    Raises BadInput for the file, the product's name or the period, MissingRole, and what sending raises.
    """
    lines = read_observations(path)
    product = products.find(office, product_name)
    now = office.now()
    if period is not None and not period[0] <= period[1] <= now:
        shown = f"{period[0].isoformat()} to {period[1].isoformat()}"
        reason = f"a period must end after it begins and before now, {now.isoformat()}"
        raise BadInput([Problem("--from/--to", None, None, shown, reason)])
    observations = _ordered(lines)
    draft = NewReport(
        metric=product.metric,
        root=tree_of(observations).root,
        count=len(observations),
        period_start=period[0] if period else now,
        period_end=period[1] if period else now,
        replaces=replaces,
    )
    office.sync()
    report = _saved(office, draft, observations, any_period=period is None)
    if report.report_id is not None:
        return _published(office, report.report_id, report.count, None)
    return _send(office, report)


def observation_leaf(observation: ObservationRow) -> bytes:
    """An observation's leaf in its report's tree, see contracts/claims/Leaves.sol."""
    return keccak(risk_to_bytes32(observation.risk) + observation.value.to_bytes(16, "big", signed=True))


def tree_of(observations: Iterable[ObservationRow]) -> MerkleTree:
    """The tree of a whole report, its observations in order of position."""
    return MerkleTree.build([observation_leaf(observation) for observation in observations])


def _ordered(lines: Sequence[ObservationLine]) -> list[ObservationRow]:
    """In order of value, so that what a product pays for are neighbours and share their proofs."""
    ordered = sorted(lines, key=lambda line: (line.value, line.risk))
    return [
        ObservationRow(position, bytes32_to_text(line.risk), line.value)
        for position, line in enumerate(ordered)
    ]


def _saved(
    office: Office, draft: NewReport, observations: Sequence[ObservationRow], *, any_period: bool
) -> Report:
    """The report as saved: with `any_period`, the one saved when these observations were first published."""
    with office.store.writing() as connection:
        if any_period:
            same = (draft.metric, draft.root, draft.replaces)
            for report in list_reports(connection):
                if (report.metric, report.root, report.replaces) == same:
                    return report
        return save_report(connection, draft, observations)


def _send(office: Office, report: Report) -> PublishedReport:
    """Has the oracles sign the report and sends it."""
    reports = office.contract("OracleReports")
    data = _data(report)
    chosen = _quorum(office, office.oracles)
    domain = {
        "name": "Troth OracleReports",
        "version": "1",
        "chainId": office.deployment.chain_id,
        "verifyingContract": reports.address,
    }
    signatures = [signer.sign_typed(domain, _TYPES, data) for signer in chosen]
    function, arguments = "replace" if report.replaces else "publish", (tuple(data.values()), signatures)
    try:
        reports.call(function, *arguments, sender=office.sender.address)  # refused here, it costs nothing
    except ContractRefused as refusal:
        if refusal.name != "OracleReportsAlreadyPublished":
            raise
        # It is in a block too new for the index.
        return _published(office, cast("int", refusal.arguments["reportId"]), report.count, None)
    (receipt,) = office.sender.send([reports.prepare(function, *arguments, gas=_GAS)])
    (event,) = reports.events(receipt, "ReportPublished")
    return _published(office, event.arguments.reportId, report.count, receipt.hash)


def _quorum(office: Office, oracles: Sequence[Signer]) -> Sequence[Signer]:
    """As many trusted oracles as a report needs, in order of address."""
    reports = office.contract("OracleReports")
    needed, *is_trusted = reports.call_many(
        [("quorum", ()), *(("isOracle", (oracle.address,)) for oracle in oracles)]
    )
    trusted = [oracle for oracle, is_one in zip(oracles, is_trusted, strict=True) if is_one]
    if len(trusted) < needed:
        raise OraclesShort(needed, len(trusted))
    return trusted[:needed]


def _published(office: Office, report_id: int, count: int, transaction: str | None) -> PublishedReport:
    """The result for a report that is on the chain."""
    on_chain = office.contract("OracleReports").call("report", report_id)
    final_at = datetime.fromtimestamp(on_chain.finalAt, timezone.utc)
    return PublishedReport(report_id, count, final_at, transaction)


def _data(report: NewReport) -> dict[str, Any]:
    """What the oracles sign, by the names of the contract."""
    return {
        "metric": report.metric,
        "root": report.root,
        "count": report.count,
        "periodStart": int(report.period_start.timestamp()),
        "periodEnd": int(report.period_end.timestamp()),
        "replaces": report.replaces,
    }
