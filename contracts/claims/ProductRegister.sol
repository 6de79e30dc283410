// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IProductRegister} from "./IProductRegister.sol";
import {Rules} from "./Rules.sol";

/// @title Products, immutable and versioned, see IProductRegister
contract ProductRegister is IProductRegister, AccessManaged {
    uint256 private constant NAME_LENGTH = 64;
    uint256 private constant TIERS = 16;
    uint16 private constant WHOLE = 10_000;

    uint32 private _count;
    mapping(uint32 productId => Product) private _products;
    mapping(string name => uint32 productId) private _latest;

    constructor(address authority) AccessManaged(authority) {}

    /// @inheritdoc IProductRegister
    function register(
        string calldata name,
        bytes32 metric,
        Direction direction,
        Tier[] calldata tiers,
        Requirement calldata requirement
    ) external restricted returns (uint32 productId) {
        uint256 length = bytes(name).length;
        if (length == 0 || length > NAME_LENGTH) revert ProductRegisterNameLength(length, NAME_LENGTH);
        if (metric == 0) revert ProductRegisterMetricMissing();
        _checkRequirement(requirement);
        if (tiers.length == 0 || tiers.length > TIERS) revert ProductRegisterTierCount(tiers.length, TIERS);

        productId = ++_count;
        Product storage added = _products[productId];
        added.metric = metric;
        added.direction = direction;
        added.version = _products[_latest[name]].version + 1;
        added.requirement = requirement;
        for (uint256 i = 0; i < tiers.length; ++i) {
            _checkTier(direction, tiers, i);
            added.tiers.push(tiers[i]);
        }
        _latest[name] = productId;

        emit ProductRegistered(productId, metric, name, added.version, direction, tiers, requirement);
    }

    /// @inheritdoc IProductRegister
    function product(uint32 productId) external view returns (Product memory) {
        return _known(productId);
    }

    /// @inheritdoc IProductRegister
    function latest(string calldata name) external view returns (uint32 productId) {
        return _latest[name];
    }

    /// @inheritdoc IProductRegister
    function shareOf(uint32 productId, int128 value) external view returns (uint16) {
        return Rules.shareOf(_known(productId), value);
    }

    function _known(uint32 productId) private view returns (Product storage known) {
        known = _products[productId];
        if (known.version == 0) revert ProductRegisterUnknown(productId);
    }

    /// @dev All three terms or none: 0 would ask for everything at once, where narrower denials do not count.
    function _checkRequirement(Requirement calldata requirement) private pure {
        (uint32 purpose, uint32 recipient, uint32 category) =
            (requirement.purpose, requirement.recipient, requirement.category);
        bool isNone = purpose == 0 && recipient == 0 && category == 0;
        if (!isNone && (purpose == 0 || recipient == 0 || category == 0)) {
            revert ProductRegisterConsentIncomplete(purpose, recipient, category);
        }
    }

    /// @dev Rules stops at the first tier that is not reached, so each tier must be harder to reach than the last.
    function _checkTier(Direction direction, Tier[] calldata tiers, uint256 i) private pure {
        Tier calldata tier = tiers[i];
        if (tier.share == 0 || tier.share > WHOLE) revert ProductRegisterShareOutOfRange(i, tier.share, WHOLE);
        if (i == 0) return;
        Tier calldata milder = tiers[i - 1];
        bool harder = tier.threshold != milder.threshold &&
            Rules.isReached(direction, milder.threshold, tier.threshold);
        if (!harder || tier.share <= milder.share) {
            revert ProductRegisterTierNotSevere(i, tier.threshold, tier.share);
        }
    }
}
