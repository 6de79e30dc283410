// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IProductRegister} from "./IProductRegister.sol";

/// @title Whether a payee meets what a product requires
interface IEligibility {
    /// @notice Whether the subject that the payee's wallet speaks for is verified, and allows what is required, now. A
    /// wallet bound to nobody meets no requirement but the empty one.
    function isEligible(
        address payee,
        IProductRegister.Requirement calldata requirement
    ) external view returns (bool);
}
