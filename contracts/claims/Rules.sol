// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IProductRegister} from "./IProductRegister.sol";

/// @title How a product's tiers turn an observed value into a share of the sum insured
library Rules {
    /// @return share The share of the hardest tier that `value` reaches, in basis points; 0 if it reaches none.
    function shareOf(IProductRegister.Product memory product, int128 value) internal pure returns (uint16 share) {
        IProductRegister.Tier[] memory tiers = product.tiers;
        for (uint256 i = 0; i < tiers.length; ++i) {
            if (!isReached(product.direction, tiers[i].threshold, value)) break;
            share = tiers[i].share;
        }
    }

    /// @return Whether `value` is at or beyond `threshold` in `direction`.
    function isReached(
        IProductRegister.Direction direction,
        int128 threshold,
        int128 value
    ) internal pure returns (bool) {
        return direction == IProductRegister.Direction.AtLeast ? value >= threshold : value <= threshold;
    }
}
