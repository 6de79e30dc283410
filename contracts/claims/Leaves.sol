// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title What stands at the leaves of a book's tree and of a report's tree
/// @notice Fields are fixed-width and big-endian, one after the other. No preimage is 64 bytes long, so a leaf can
/// never be taken for an inner node.
/// @dev Written over free memory without claiming it: abi.encodePacked would keep a copy of every leaf of a batch.
library Leaves {
    /// @notice keccak256(policyNumber u32 ‖ risk ‖ payee ‖ sumInsured u96 ‖ terms), 100 bytes.
    function policy(
        uint32 policyNumber,
        bytes32 risk,
        address payee,
        uint96 sumInsured,
        bytes32 terms_
    ) internal pure returns (bytes32 leaf) {
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore(at, shl(224, policyNumber))
            mstore(add(at, 4), risk)
            mstore(add(at, 36), shl(96, payee))
            mstore(add(at, 56), shl(160, sumInsured))
            mstore(add(at, 68), terms_)
            leaf := keccak256(at, 100)
        }
    }

    /// @notice keccak256(premium u96 ‖ reference), 44 bytes: what settling need not know and cancelling reveals.
    /// @param reference_ keccak256(salt ‖ the insurer's own policy reference); says nothing without the salt.
    function terms(uint96 premium, bytes32 reference_) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(premium, reference_));
    }

    /// @notice keccak256(risk ‖ value i128), 48 bytes.
    function observation(bytes32 risk, int128 value) internal pure returns (bytes32 leaf) {
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore(at, risk)
            mstore(add(at, 32), shl(128, value))
            leaf := keccak256(at, 48)
        }
    }
}
