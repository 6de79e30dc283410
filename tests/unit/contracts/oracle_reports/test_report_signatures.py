"""Which signatures make a report.

publish, replace
├── fewer signatures than the quorum: refused · exactly, more: taken
├── signers descending, or one twice: refused
├── a signer who is no oracle, even beside a quorum: refused
├── signed for another chain, contract, name, version or other data: recovers nobody, refused
├── s in the upper half of the curve, v unknown, not 65 bytes: refused
└── a relayed signature of a replaced report: refused, see test_replace.py
digestOf: EIP-712, spelled out here by hand
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from support import Actor, ReportData, Suite, refuses, report_of, sign
from support.claims import REPORT_TYPE, recovered
from support.defaults import LATE, RISK

from troth.chain.contracts import Contract
from troth.trees.keccak import keccak

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture
def data() -> ReportData:
    """A report nobody has signed yet."""
    return report_of({RISK: LATE}).data


def word_of(value: int | bytes | str) -> bytes:
    """A value as one word of ABI encoding."""
    if isinstance(value, str):
        value = int(value, 16)
    return value if isinstance(value, bytes) else value.to_bytes(32, "big")


def test_digest_is_eip_712(reports: Contract, data: ReportData) -> None:
    """Domain and struct, hashed by hand."""
    domain_type = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    domain = [keccak(domain_type), keccak(b"Troth OracleReports"), keccak(b"1"), 31_337, reports.address]
    report_type = (
        b"Report(bytes32 metric,bytes32 root,uint32 count,"
        b"uint40 periodStart,uint40 periodEnd,uint32 replaces)"
    )
    domain_hash = keccak(b"".join(map(word_of, domain)))
    report_hash = keccak(b"".join(map(word_of, [keccak(report_type), *data])))
    assert reports.call("digestOf", data) == keccak(b"\x19\x01" + domain_hash + report_hash)


@pytest.mark.parametrize("signers", [(0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_publish_takes_quorum_or_more(
    suite: Suite, reports: Contract, stranger: Actor, data: ReportData, signers: tuple[int, ...]
) -> None:
    """Any two of the three, or all."""
    signatures = suite.sign(data, [suite.oracles[place] for place in signers])
    stranger.send(reports, "publish", data, signatures)
    assert reports.call("report", 1).root == data.root


@pytest.mark.parametrize("count", [0, 1])
def test_publish_refuses_fewer_than_quorum_c3(
    suite: Suite, reports: Contract, stranger: Actor, data: ReportData, count: int
) -> None:
    """C3: one oracle alone moves no money."""
    with refuses("OracleReportsSignaturesShort", given=count, quorum=2):
        stranger.send(reports, "publish", data, suite.sign(data, suite.oracles[:count]))


def test_publish_refuses_one_signer_twice(
    suite: Suite, reports: Contract, stranger: Actor, data: ReportData
) -> None:
    """Twice the same key is one oracle."""
    one = suite.oracles[0]
    with refuses("OracleReportsSignersUnordered", before=one.address, signer=one.address):
        stranger.send(reports, "publish", data, suite.sign(data, [one, one]))


def test_publish_refuses_signers_out_of_order(
    suite: Suite, reports: Contract, stranger: Actor, data: ReportData
) -> None:
    """Ascending, so that counting needs no list of those seen."""
    low, high = suite.oracles[:2]
    with refuses("OracleReportsSignersUnordered", before=high.address, signer=low.address):
        stranger.send(reports, "publish", data, suite.sign(data, [high, low]))


def test_publish_refuses_signer_who_is_no_oracle(
    suite: Suite, reports: Contract, stranger: Actor, data: ReportData
) -> None:
    """Not even beside a full quorum."""
    signers = sorted([*suite.oracles[:2], stranger], key=lambda one: int(one.address, 16))
    with refuses("OracleReportsSignerUntrusted", signer=stranger.address):
        stranger.send(reports, "publish", data, suite.sign(data, signers))


@pytest.mark.parametrize(
    "wrong",
    [{"chain_id": 1}, {"contract": "0x" + "11" * 20}],
    ids=["another chain", "another contract"],
)
def test_publish_refuses_signature_for_elsewhere(
    suite: Suite, reports: Contract, stranger: Actor, data: ReportData, wrong: Mapping[str, int | str]
) -> None:
    """A signature is good on one chain and for one contract."""
    domain = {"contract": reports.address, "chain_id": suite.node.chain_id, **wrong}
    signatures = sign(data, [one.signer for one in suite.oracles], **domain)
    nobody = recovered(reports.call("digestOf", data), signatures[0])
    with refuses("OracleReportsSignerUntrusted", signer=nobody):
        stranger.send(reports, "publish", data, signatures)


@pytest.mark.parametrize("wrong", [{"name": "Troth"}, {"version": "2"}], ids=["name", "version"])
def test_publish_refuses_signature_for_another_domain(
    suite: Suite, reports: Contract, stranger: Actor, data: ReportData, wrong: Mapping[str, str]
) -> None:
    """Nor is one good for another version of this contract."""
    domain = {"name": "Troth OracleReports", "version": "1", "chainId": suite.node.chain_id}
    domain |= {"verifyingContract": reports.address, **wrong}
    message = dict(zip((name for name, _ in REPORT_TYPE), data, strict=True))
    signatures = [one.signer.sign_typed(domain, {"Report": REPORT_TYPE}, message) for one in suite.oracles]
    nobody = recovered(reports.call("digestOf", data), signatures[0])
    with refuses("OracleReportsSignerUntrusted", signer=nobody):
        stranger.send(reports, "publish", data, signatures)


@pytest.mark.parametrize(
    "change",
    [
        {"metric": b"m" * 32},
        {"root": b"r" * 32},
        {"count": 9},
        {"period_start": 1},
        {"period_end": 1_700_000_000},
    ],
    ids=lambda change: next(iter(change)),
)
def test_publish_refuses_signatures_over_other_data_c3(
    suite: Suite, reports: Contract, stranger: Actor, data: ReportData, change: Mapping[str, int | bytes]
) -> None:
    """C3: every field is signed."""
    signatures = suite.sign(data)
    forged = data._replace(**{"period_start": 0, **change})
    nobody = recovered(reports.call("digestOf", forged), signatures[0])
    with refuses("OracleReportsSignerUntrusted", signer=nobody):
        stranger.send(reports, "publish", forged, signatures)


def test_publish_refuses_malleable_signature(
    suite: Suite, reports: Contract, stranger: Actor, data: ReportData
) -> None:
    """The other root of the same signature would be a second signature of the same oracle."""
    first, second = suite.sign(data)
    s = CURVE_ORDER - int.from_bytes(first[32:64], "big")
    twin = first[:32] + s.to_bytes(32, "big") + bytes([55 - first[64]])
    assert recovered(reports.call("digestOf", data), twin) == suite.oracles[0].address
    with refuses("ECDSAInvalidSignatureS", s=s.to_bytes(32, "big")):
        stranger.send(reports, "publish", data, [twin, second])


def test_publish_refuses_signature_of_unknown_v(
    suite: Suite, reports: Contract, stranger: Actor, data: ReportData
) -> None:
    """27 and 28 are all there are; what recovers nobody is no signature."""
    first, second = suite.sign(data)
    with refuses("ECDSAInvalidSignature"):
        stranger.send(reports, "publish", data, [first[:64] + b"\x1d", second])


@pytest.mark.parametrize("length", [0, 64, 66])
def test_publish_refuses_signature_of_other_length(
    suite: Suite, reports: Contract, stranger: Actor, data: ReportData, length: int
) -> None:
    """65 bytes; the 64-byte compact form would be a second form of the same."""
    first, second = suite.sign(data)
    with refuses("ECDSAInvalidSignatureLength", length=length):
        stranger.send(reports, "publish", data, [(first + b"\0")[:length], second])
