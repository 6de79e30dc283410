// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A dollar for test networks: anyone may mint it, and anyone may freeze an account
/// @notice Freezing stands for what real stablecoins do to blacklisted holders. Never deploy this where money is real.
contract TestDollar is ERC20 {
    mapping(address account => bool) public isFrozen;
    /// @dev While nothing is frozen a transfer costs what OpenZeppelin's costs, but for one warm read.
    uint256 private _frozenCount;

    event Frozen(address indexed account, bool frozen);

    error TestDollarFrozen(address account);

    constructor() ERC20("Test dollar", "TUSD") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function freeze(address account, bool frozen) external {
        if (isFrozen[account] == frozen) return;
        isFrozen[account] = frozen;
        _frozenCount = frozen ? _frozenCount + 1 : _frozenCount - 1;
        emit Frozen(account, frozen);
    }

    function decimals() public pure override returns (uint8) {
        return 6;
    }

    function _update(address from, address to, uint256 value) internal override {
        if (_frozenCount != 0 && isFrozen[to]) revert TestDollarFrozen(to);
        super._update(from, to, value);
    }
}
