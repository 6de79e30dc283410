"""Oracle reports: from a file of observations to a signed root on the chain."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from itertools import chain
from pathlib import Path
from typing import Any, cast

from troth.addresses import format_address, parse_address
from troth.chain.accounts import Signer
from troth.claims import products
from troth.claims.intake import ObservationRow as ObservationLine
from troth.claims.intake import read_observations
from troth.claims.keys import bytes32_to_text, risk_to_bytes32
from troth.errors import BadInput, ContractRefused, OraclesShort, Problem
from troth.files import write_whole
from troth.intake import iso
from troth.office import Office
from troth.store.reports import NewReport, ObservationRow, Report, save_report
from troth.trees.keccak import MerkleTree, keccak

__all__ = ["Attestation", "PublishedReport", "observation_leaf", "publish", "sign", "tree_of"]

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


Period = tuple[datetime, datetime]
"""First and last second, inclusive, aware."""


@dataclass(frozen=True)
class Attestation:
    """Oracles' signatures under one report, as a file that can be sent around. Nothing in it is secret."""

    chain_id: int
    contract: str
    """OracleReports' address."""
    report: Mapping[str, bytes | int]
    """What was signed, by the names of the contract."""
    signatures: Mapping[str, bytes]
    """65 bytes each, by oracle's address."""

    def write(self, path: Path) -> None:
        """Writes the file, whole or not at all: JSON, bytes as 0x-hex. Raises BadInput, naming it."""
        content = json.dumps(asdict(self), indent=2, default=lambda value: f"0x{value.hex()}")
        write_whole(path, content + "\n")

    @classmethod
    def read(cls, path: Path) -> Attestation:
        """Reads the file. Raises BadInput if it is none."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            report = {
                name: bytes.fromhex(value[2:]) if isinstance(value, str) else int(value)
                for name, value in content["report"].items()
            }
            signatures = {
                format_address(parse_address(address)): bytes.fromhex(signature[2:])
                for address, signature in content["signatures"].items()
            }
            return cls(int(content["chain_id"]), str(content["contract"]), report, signatures)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            reason = "no file of signatures: have the oracle make it with `troth report sign`"
            raise BadInput([Problem(str(path), None, None, None, reason)]) from None


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
    period: Period | None = None,
    replaces: int = 0,
    attestations: Sequence[Path] = (),
) -> PublishedReport:
    """Publishes the observations in a file, signed by the oracles, or finds them published.

    The report is on the product's metric. `period`, inclusive, is by default the chain's present second.
    `replaces` names the challenged report that this one supersedes. `attestations` are files that oracles
    made with `sign`; the oracle keys at hand sign what is missing of the quorum.
    Raises BadInput for a file, the product's name or the period, OraclesShort, MissingRole, and what sending
    raises.
    """
    draft, observations = _read(office, path, product_name, period, replaces)
    office.sync()
    with office.store.writing() as connection:
        report = save_report(connection, draft, observations, any_period=period is None)
    if report.report_id is not None:
        return _published(office, report.report_id, report.count, None)
    given = [_attested(office, report, one) for one in attestations]
    return _send(office, report, dict(chain.from_iterable(one.items() for one in given)))


def sign(office: Office, path: Path, product_name: str, *, period: Period, replaces: int = 0) -> Attestation:
    """Signs the observations in a file with every oracle key at hand, for somebody else to publish.

    For oracles that keep their keys to themselves; nothing is sent. `period` and `replaces` must be those of
    the publisher. Raises BadInput as `publish`, BadSetting, WrongPassword.
    """
    draft, _ = _read(office, path, product_name, period, replaces)
    signatures = {oracle.address: _signature(office, draft, oracle) for oracle in office.oracles}
    return Attestation(
        office.deployment.chain_id, office.contract("OracleReports").address, _data(draft), signatures
    )


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


def _read(
    office: Office, path: Path, product_name: str, period: Period | None, replaces: int
) -> tuple[NewReport, list[ObservationRow]]:
    """What the oracles are to sign, and the observations behind it."""
    lines = read_observations(path)
    product = products.find(office, product_name)
    now = office.now()
    if period is not None and not period[0] <= period[1] <= now:
        shown = f"{iso(period[0])} to {iso(period[1])}"
        reason = f"a period must end after it begins and before now, {iso(now)}"
        raise BadInput([Problem("--from/--to", None, None, shown, reason)])
    observations = _ordered(lines)
    begins, ends = period or (now, now)
    root = tree_of(observations).root
    return NewReport(product.metric, root, len(observations), begins, ends, replaces), observations


def _send(office: Office, report: Report, given: Mapping[str, bytes]) -> PublishedReport:
    """Has the report signed as far as it is not yet, and sends it."""
    reports = office.contract("OracleReports")
    signatures = _quorum(office, report, given)
    function = "replace" if report.replaces else "publish"
    arguments = (tuple(_data(report).values()), signatures)
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


def _quorum(office: Office, report: Report, given: Mapping[str, bytes]) -> list[bytes]:
    """As many signatures of trusted oracles as a report needs, in order of address; those given first."""
    at_hand = {} if given and not office.has_oracles else {one.address: one for one in office.oracles}
    addresses = [*given, *(address for address in at_hand if address not in given)]
    needed, *is_trusted = office.contract("OracleReports").call_many(
        [("quorum", ()), *(("isOracle", (address,)) for address in addresses)]
    )
    trusted = [address for address, is_one in zip(addresses, is_trusted, strict=True) if is_one]
    if len(trusted) < needed:
        raise OraclesShort(needed, len(trusted))
    return [
        given[address] if address in given else _signature(office, report, at_hand[address])
        for address in sorted(trusted[:needed], key=lambda address: int(address, 16))
    ]


def _signature(office: Office, report: NewReport, oracle: Signer) -> bytes:
    """An oracle's EIP-712 signature, good for this chain and contract only."""
    domain = {
        "name": "Troth OracleReports",
        "version": "1",
        "chainId": office.deployment.chain_id,
        "verifyingContract": office.contract("OracleReports").address,
    }
    return oracle.sign_typed(domain, _TYPES, _data(report))


def _attested(office: Office, report: Report, path: Path) -> Mapping[str, bytes]:
    """The signatures in a file made by `sign`. Raises BadInput unless they are of this report."""
    found = Attestation.read(path)
    given = {"chain_id": found.chain_id, "contract": found.contract, **found.report}
    at = {"chain_id": office.deployment.chain_id, "contract": office.contract("OracleReports").address}
    for name, expected in {**at, **_data(report)}.items():
        if (value := given.get(name)) != expected:
            shown = f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
            reason = "signed for another one: sign what is published, by the same file, --from and --to"
            raise BadInput([Problem(str(path), None, name, shown, reason)])
    return found.signatures


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
