// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A dollar that goes wrong in the ways real tokens do, for the recipients a test chooses
contract FaultyDollar is ERC20 {
    enum Fault {
        None, // moves, and says so
        ReturnsFalse, // moves nothing
        Reverts, // moves nothing
        ReturnsOddly, // moves nothing, and answers 2
        ReturnsNothing, // moves, as some old tokens do
        CallsBack // moves, and calls what it was told to call on the way
    }

    mapping(address recipient => Fault) public faults;
    address public target;
    bytes public message;
    bool public hasSucceeded; // the call on the way
    bytes public answer; // to it

    error FaultyDollarRefused(address recipient);

    constructor() ERC20("Faulty dollar", "FUSD") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function setFault(address recipient, Fault fault) external {
        faults[recipient] = fault;
    }

    function setMessage(address target_, bytes calldata message_) external {
        (target, message) = (target_, message_);
    }

    function transfer(address to, uint256 value) public override returns (bool) {
        Fault fault = faults[to];
        if (fault == Fault.ReturnsFalse) return false;
        if (fault == Fault.Reverts) revert FaultyDollarRefused(to);
        if (fault == Fault.ReturnsOddly) _return(2, 32);
        // solhint-disable-next-line avoid-low-level-calls
        if (fault == Fault.CallsBack) (hasSucceeded, answer) = target.call(message);
        super.transfer(to, value);
        if (fault == Fault.ReturnsNothing) _return(0, 0);
        return true;
    }

    function decimals() public pure override returns (uint8) {
        return 6;
    }

    /// @dev Ends the call with the first `size` bytes of `value`.
    function _return(uint256 value, uint256 size) private pure {
        assembly ("memory-safe") {
            mstore(0x00, value)
            return(0x00, size)
        }
    }
}
