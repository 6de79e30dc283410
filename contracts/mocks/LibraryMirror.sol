// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Leaves} from "../claims/Leaves.sol";
import {Multiproof, Multiproofs} from "../claims/Multiproofs.sol";

/// @title The internal libraries, callable, each beside what it must equal
contract LibraryMirror {
    function rootOf(bytes32[] calldata leaves, Multiproof calldata proof) external pure returns (bytes32) {
        return Multiproofs.rootOf(leaves, proof);
    }

    /// @notice OpenZeppelin's own, which {rootOf} must equal.
    function openZeppelinRootOf(
        bytes32[] calldata leaves,
        bytes32[] calldata nodes,
        bool[] calldata flags
    ) external pure returns (bytes32) {
        return MerkleProof.processMultiProofCalldata(nodes, flags, leaves);
    }

    function policy(
        uint32 number,
        bytes32 risk,
        address payee,
        uint96 sumInsured,
        bytes32 terms_
    ) external pure returns (bytes32 leaf, bytes32 packed) {
        leaf = Leaves.policy(number, risk, payee, sumInsured, terms_);
        packed = keccak256(abi.encodePacked(number, risk, payee, sumInsured, terms_));
    }

    function terms(uint96 premium, bytes32 reference_) external pure returns (bytes32) {
        return Leaves.terms(premium, reference_);
    }

    function observation(bytes32 risk, int128 value) external pure returns (bytes32 leaf, bytes32 packed) {
        leaf = Leaves.observation(risk, value);
        packed = keccak256(abi.encodePacked(risk, value));
    }

    /// @notice The leaf of a policy, made over memory that is not clean.
    function policyOverDirt(
        uint32 number,
        bytes32 risk,
        address payee,
        uint96 sumInsured,
        bytes32 terms_
    ) external pure returns (bytes32) {
        assembly ("memory-safe") {
            let at := mload(0x40)
            for { let i := 0 } lt(i, 0x100) { i := add(i, 0x20) } { mstore(add(at, i), not(0)) }
        }
        return Leaves.policy(number, risk, payee, sumInsured, terms_);
    }
}
