// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IOracleReports} from "./IOracleReports.sol";

/// @title Reports signed by M of N oracles, see IOracleReports
/// @dev Uses of time: periods count in hours and days, so a validator's freedom over the timestamp changes nothing.
contract OracleReports is IOracleReports, AccessManaged, EIP712 {
    bytes32 private constant REPORT_TYPEHASH =
        keccak256(
            "Report(bytes32 metric,bytes32 root,uint32 count,uint40 periodStart,uint40 periodEnd,uint32 replaces)"
        );

    /// @inheritdoc IOracleReports
    uint40 public immutable challengePeriod;
    /// @inheritdoc IOracleReports
    uint16 public quorum;
    /// @inheritdoc IOracleReports
    uint16 public oracleCount;
    uint32 private _count;
    /// @inheritdoc IOracleReports
    mapping(address account => bool) public isOracle;
    mapping(uint32 reportId => Report) private _reports;
    mapping(bytes32 digest => uint32 reportId) private _published;

    constructor(
        address authority,
        address[] memory oracles,
        uint16 quorum_,
        uint40 challengePeriod_
    ) AccessManaged(authority) EIP712("Troth OracleReports", "1") {
        challengePeriod = challengePeriod_;
        for (uint256 i = 0; i < oracles.length; ++i) _setOracle(oracles[i], true);
        _setQuorum(quorum_);
    }

    /// @inheritdoc IOracleReports
    function publish(ReportData calldata data, bytes[] calldata signatures) external returns (uint32 reportId) {
        if (data.replaces != 0) revert OracleReportsReplacementRestricted(data.replaces);
        return _publish(data, signatures);
    }

    /// @inheritdoc IOracleReports
    function replace(
        ReportData calldata data,
        bytes[] calldata signatures
    ) external restricted returns (uint32 reportId) {
        Report storage old = _expect(data.replaces, Status.Challenged);
        if (data.metric != old.metric) revert OracleReportsMetricDiffers(data.metric, old.metric);
        reportId = _publish(data, signatures);
        old.status = Status.Replaced;
        old.replacedBy = reportId;
        emit ReportReplaced(data.replaces, reportId);
    }

    /// @inheritdoc IOracleReports
    function challenge(uint32 reportId, bytes32 reason) external restricted {
        Report storage disputed = _expect(reportId, Status.Published);
        if (block.timestamp >= disputed.finalAt) revert OracleReportsChallengeOver(reportId, disputed.finalAt);
        disputed.status = Status.Challenged;
        emit ReportChallenged(reportId, msg.sender, reason);
    }

    /// @inheritdoc IOracleReports
    function uphold(uint32 reportId) external restricted {
        Report storage disputed = _expect(reportId, Status.Challenged);
        disputed.status = Status.Published;
        emit ReportUpheld(reportId, disputed.finalAt);
    }

    /// @inheritdoc IOracleReports
    function setOracle(address oracle, bool trusted) external restricted {
        _setOracle(oracle, trusted);
        if (oracleCount < quorum) revert OracleReportsQuorumOutOfRange(quorum, oracleCount);
    }

    /// @inheritdoc IOracleReports
    function setQuorum(uint16 quorum_) external restricted {
        _setQuorum(quorum_);
    }

    /// @inheritdoc IOracleReports
    function report(uint32 reportId) external view returns (Report memory) {
        return _reports[reportId];
    }

    /// @inheritdoc IOracleReports
    function finalReport(uint32 reportId) external view returns (Report memory found) {
        found = _reports[reportId];
        if (!_isFinal(found)) revert OracleReportsNotFinal(reportId, found.status, found.finalAt);
    }

    /// @inheritdoc IOracleReports
    function isFinal(uint32 reportId) external view returns (bool) {
        return _isFinal(_reports[reportId]);
    }

    /// @inheritdoc IOracleReports
    function digestOf(ReportData calldata data) public view returns (bytes32) {
        return
            _hashTypedDataV4(
                keccak256(
                    abi.encode(
                        REPORT_TYPEHASH,
                        data.metric,
                        data.root,
                        data.count,
                        data.periodStart,
                        data.periodEnd,
                        data.replaces
                    )
                )
            );
    }

    function _publish(ReportData calldata data, bytes[] calldata signatures) private returns (uint32 reportId) {
        if (data.root == 0 || data.count == 0) revert OracleReportsEmpty();
        if (data.periodStart > data.periodEnd || data.periodEnd > block.timestamp) {
            revert OracleReportsPeriodInvalid(data.periodStart, data.periodEnd, block.timestamp);
        }
        bytes32 digest = digestOf(data);
        if (_published[digest] != 0) revert OracleReportsAlreadyPublished(_published[digest]);
        _checkSignatures(digest, signatures);

        reportId = ++_count;
        _published[digest] = reportId;
        Report storage added = _reports[reportId];
        added.metric = data.metric;
        added.root = data.root;
        added.count = data.count;
        added.periodStart = data.periodStart;
        added.periodEnd = data.periodEnd;
        added.finalAt = uint40(block.timestamp) + challengePeriod;
        added.status = Status.Published;

        emit ReportPublished(
            reportId,
            data.metric,
            data.root,
            data.count,
            data.periodStart,
            data.periodEnd,
            data.replaces,
            added.finalAt
        );
    }

    /// @dev Ascending signers make every signature count once without a list of those seen.
    function _checkSignatures(bytes32 digest, bytes[] calldata signatures) private view {
        if (signatures.length < quorum) revert OracleReportsSignaturesShort(signatures.length, quorum);
        address before = address(0);
        for (uint256 i = 0; i < signatures.length; ++i) {
            address signer = ECDSA.recover(digest, signatures[i]);
            if (!isOracle[signer]) revert OracleReportsSignerUntrusted(signer);
            if (signer <= before) revert OracleReportsSignersUnordered(before, signer);
            before = signer;
        }
    }

    function _isFinal(Report memory found) private view returns (bool) {
        return found.status == Status.Published && block.timestamp >= found.finalAt;
    }

    function _expect(uint32 reportId, Status expected) private view returns (Report storage found) {
        found = _reports[reportId];
        if (found.status != expected) revert OracleReportsStatus(reportId, found.status, expected);
    }

    function _setOracle(address oracle, bool trusted) private {
        if (isOracle[oracle] == trusted) revert OracleReportsOracleUnchanged(oracle, trusted);
        isOracle[oracle] = trusted;
        oracleCount = trusted ? oracleCount + 1 : oracleCount - 1;
        emit OracleSet(oracle, trusted);
    }

    function _setQuorum(uint16 quorum_) private {
        if (quorum_ == 0 || quorum_ > oracleCount) revert OracleReportsQuorumOutOfRange(quorum_, oracleCount);
        quorum = quorum_;
        emit QuorumSet(quorum_);
    }
}
