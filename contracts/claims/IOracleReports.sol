// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title What the world did, as signed by the oracles
/// @notice A report is the keccak Merkle root of observations (risk, value) of one metric over a period. It counts once
/// enough oracle keys have signed it and the challenge period has passed. A challenged report counts only after an
/// arbiter upholds it or signs off a replacement.
interface IOracleReports {
    /// @notice Where a report stands. Moves: None → Published → Challenged → Published (upheld) or Replaced.
    enum Status {
        None, // no such report
        Published, // signed; final once its time has come
        Challenged, // disputed within the challenge period; never final in this state
        Replaced // disputed and superseded by another report; never final again
    }

    /// @notice What the oracles sign.
    struct ReportData {
        bytes32 metric; // the metric observed, as products name it
        bytes32 root; // of the tree of observations
        uint32 count; // of observations
        uint40 periodStart; // UTC seconds, inclusive
        uint40 periodEnd; // UTC seconds, inclusive, not in the future
        uint32 replaces; // the challenged report this one supersedes, 0 for none
    }

    struct Report {
        bytes32 metric;
        bytes32 root;
        uint32 count;
        uint40 periodStart;
        uint40 periodEnd;
        uint40 finalAt; // UTC seconds: from here it counts, if it stands as Published
        uint32 replacedBy; // 0 while it is not replaced
        Status status;
    }

    event ReportPublished(
        uint32 indexed reportId,
        bytes32 indexed metric,
        bytes32 root,
        uint32 count,
        uint40 periodStart,
        uint40 periodEnd,
        uint32 replaces,
        uint40 finalAt
    );
    event ReportChallenged(uint32 indexed reportId, address indexed challenger, bytes32 reason);
    event ReportUpheld(uint32 indexed reportId, uint40 finalAt);
    event ReportReplaced(uint32 indexed reportId, uint32 indexed by);
    event OracleSet(address indexed oracle, bool trusted);
    event QuorumSet(uint16 quorum);

    error OracleReportsEmpty();
    error OracleReportsPeriodInvalid(uint40 periodStart, uint40 periodEnd, uint256 nowAt);
    error OracleReportsSignaturesShort(uint256 given, uint256 quorum);
    error OracleReportsSignerUntrusted(address signer);
    error OracleReportsSignersUnordered(address before, address signer);
    error OracleReportsAlreadyPublished(uint32 reportId);
    error OracleReportsReplacementRestricted(uint32 replaces);
    error OracleReportsMetricDiffers(bytes32 metric, bytes32 expected);
    error OracleReportsStatus(uint32 reportId, Status status, Status expected);
    error OracleReportsChallengeOver(uint32 reportId, uint40 finalAt);
    error OracleReportsNotFinal(uint32 reportId, Status status, uint40 finalAt);
    error OracleReportsQuorumOutOfRange(uint256 quorum, uint256 oracles);
    error OracleReportsOracleUnchanged(address oracle, bool trusted);

    /// @notice Publishes a report. Anyone may carry it: the signatures decide.
    /// @dev Requirements:
    /// - a root and a count, a period that has ended, `replaces` 0;
    /// - at least a quorum of signatures over the EIP-712 Report, by trusted oracles, in ascending order of address;
    /// - these very data were never published before, so that a replaced report cannot return on its old signatures.
    /// @return reportId Its id, from 1.
    function publish(ReportData calldata data, bytes[] calldata signatures) external returns (uint32 reportId);

    /// @notice Publishes the report that supersedes the challenged one named in `data.replaces`; its own challenge
    /// period starts now.
    /// @dev Requirements: as for {publish}, the same metric, and the caller holds the role of arbiter.
    function replace(ReportData calldata data, bytes[] calldata signatures) external returns (uint32 reportId);

    /// @notice Disputes a report before it is final.
    /// @param reason A hash or short code of the grounds, kept in the event.
    /// @dev Requirements: the caller holds the role of challenger.
    function challenge(uint32 reportId, bytes32 reason) external;

    /// @notice Dismisses a challenge: the report stands again, and is final when its time has come, so that a first,
    /// weak challenge shuts nobody else out.
    /// @dev Requirements: the caller holds the role of arbiter.
    function uphold(uint32 reportId) external;

    /// @notice Starts or stops trusting an oracle key. Requirements: the caller is an administrator.
    function setOracle(address oracle, bool trusted) external;

    /// @notice Sets how many signatures a report needs. Requirements: the caller is an administrator.
    function setQuorum(uint16 quorum_) external;

    function report(uint32 reportId) external view returns (Report memory);

    /// @notice A report that counts. Reverts if it does not, or not yet.
    function finalReport(uint32 reportId) external view returns (Report memory);

    function isFinal(uint32 reportId) external view returns (bool);

    function isOracle(address account) external view returns (bool);

    /// @notice How many signatures a report needs.
    function quorum() external view returns (uint16);

    /// @notice How many oracle keys are trusted.
    function oracleCount() external view returns (uint16);

    /// @notice Seconds between publication and finality.
    function challengePeriod() external view returns (uint40);

    /// @notice The EIP-712 digest the oracles sign.
    function digestOf(ReportData calldata data) external view returns (bytes32);
}
