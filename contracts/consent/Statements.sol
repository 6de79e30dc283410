// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {State} from "./Decisions.sol";
import {IConsentRegistry} from "./IConsentRegistry.sol";

/// @title What subjects sign
/// @notice The EIP-712 hash of a statement, and the state it names.
library Statements {
    bytes32 private constant TYPEHASH =
        keccak256(
            "Statement(bytes32 subject,address signer,string state,string purpose,string recipient,"
            "string category,string jurisdiction,string notice,string expiryEvent,uint40 effective,uint40 expires,"
            "uint256 nonce,uint40 deadline)"
        );

    error StatementStateUnknown(string state);

    /// @notice The struct hash.
    function hash(IConsentRegistry.Statement calldata statement) internal pure returns (bytes32) {
        bytes memory first = abi.encode(
            TYPEHASH,
            statement.subject,
            statement.signer,
            keccak256(bytes(statement.state)),
            keccak256(bytes(statement.purpose)),
            keccak256(bytes(statement.recipient)),
            keccak256(bytes(statement.category))
        );
        bytes memory second = abi.encode(
            keccak256(bytes(statement.jurisdiction)),
            keccak256(bytes(statement.notice)),
            keccak256(bytes(statement.expiryEvent)),
            statement.effective,
            statement.expires,
            statement.nonce,
            statement.deadline
        );
        return keccak256(bytes.concat(first, second));
    }

    /// @notice The state that a subject can give a statement.
    function stateOf(string calldata name) internal pure returns (State) {
        bytes32 digest = keccak256(bytes(name));
        // Denials first: saying no costs no more than saying yes.
        if (digest == keccak256("Withdrawn")) return State.Withdrawn;
        if (digest == keccak256("Refused")) return State.Refused;
        if (digest == keccak256("Renewed")) return State.Renewed;
        if (digest == keccak256("Given")) return State.Given;
        revert StatementStateUnknown(name);
    }
}
