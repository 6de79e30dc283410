// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title A bare loop of transfers: the floor that settlement is measured against
contract Disperse {
    function disperse(IERC20 token, address[] calldata to, uint256[] calldata amounts) external {
        for (uint256 i = 0; i < to.length; ++i) token.transfer(to[i], amounts[i]);
    }
}
