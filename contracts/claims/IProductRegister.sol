// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Level} from "../identity/ISubjects.sol";

/// @title The products an insurer sells, as rules a contract can evaluate
/// @notice A product says which metric decides, in which direction, and what share of the sum insured each threshold
/// pays. A registered product never changes: a new version is a new id, and a book stays on the version it was issued on.
interface IProductRegister {
    /// @notice Which side of a threshold pays.
    enum Direction {
        AtLeast, // the observed value reaches the threshold from below: delay, rainfall, wind
        AtMost // the observed value reaches it from above: temperature, river level, yield
    }

    /// @notice One step of the rule.
    struct Tier {
        int128 threshold; // in the metric's unit
        uint16 share; // of the sum insured, in basis points, 1 to 10,000
    }

    /// @notice What a product asks of whoever it pays, beyond being insured. Empty, it asks nothing.
    struct Requirement {
        Level verification; // the least on which the payee's subject must be verified
        uint32 purpose; // terms of the consent registry: what that subject must allow; all 0 for no consent
        uint32 recipient;
        uint32 category;
    }

    struct Product {
        bytes32 metric; // UTF-8, right-padded: what is observed, and in which unit
        Direction direction;
        uint32 version; // from 1, counted for each name
        Requirement requirement;
        Tier[] tiers; // mildest first: each is harder to reach than the one before, and pays more
    }

    event ProductRegistered(
        uint32 indexed productId,
        bytes32 indexed metric,
        string name,
        uint32 version,
        Direction direction,
        Tier[] tiers,
        Requirement requirement
    );

    error ProductRegisterUnknown(uint32 productId);
    error ProductRegisterNameLength(uint256 length, uint256 atMost);
    error ProductRegisterMetricMissing();
    error ProductRegisterTierCount(uint256 count, uint256 atMost);
    error ProductRegisterShareOutOfRange(uint256 tier, uint16 share, uint16 atMost);
    error ProductRegisterConsentIncomplete(uint32 purpose, uint32 recipient, uint32 category);
    error ProductRegisterTierNotSevere(uint256 tier, int128 threshold, uint16 share);

    /// @notice Registers a product, as the next version of its name.
    /// @dev Requirements:
    /// - a name of 1 to 64 bytes, a metric, 1 to 16 tiers;
    /// - tiers mildest first, each strictly harder to reach than the one before and paying strictly more;
    /// - if a consent is required, of one purpose, one recipient and one category;
    /// - the caller holds the role of actuary.
    /// @return productId The id of this version, from 1.
    function register(
        string calldata name,
        bytes32 metric,
        Direction direction,
        Tier[] calldata tiers,
        Requirement calldata requirement
    ) external returns (uint32 productId);

    /// @notice The product as registered. Reverts if the id is unknown.
    function product(uint32 productId) external view returns (Product memory);

    /// @notice The id of the newest version of a name, 0 if there is none.
    function latest(string calldata name) external view returns (uint32 productId);

    /// @notice The share of the sum insured a value pays, in basis points; 0 if it reaches no tier.
    function shareOf(uint32 productId, int128 value) external view returns (uint16);
}
