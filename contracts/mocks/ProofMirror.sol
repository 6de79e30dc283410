// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {InclusionProofs} from "../interactions/InclusionProofs.sol";

/// @title Inclusion proofs, callable, with the gas each takes: the library's, and OpenZeppelin's for a keccak tree
contract ProofMirror {
    function isIncluded(
        bytes32 leaf,
        uint256 index,
        uint256 size,
        bytes32[] calldata path,
        bytes32 root
    ) external view returns (bool isProven, uint256 gas) {
        gas = gasleft();
        isProven = InclusionProofs.isIncluded(leaf, index, size, path, root);
        gas -= gasleft();
    }

    function isIncludedInKeccakTree(
        bytes32 leaf,
        bytes32[] calldata path,
        bytes32 root
    ) external view returns (bool isProven, uint256 gas) {
        gas = gasleft();
        isProven = MerkleProof.verifyCalldata(path, root, leaf);
        gas -= gasleft();
    }

    /// @notice The library's SHA-256 beside Solidity's own.
    function digestOf(bytes calldata data) external view returns (bytes32 digest, bytes32 expected) {
        return (InclusionProofs.digestOf(data), sha256(data));
    }

    /// @notice Whether a proof is right over memory that is not clean, and leaves what was allocated before it alone.
    function isIncludedOverDirt(
        bytes32 leaf,
        uint256 index,
        uint256 size,
        bytes32[] calldata path,
        bytes32 root
    ) external view returns (bool isProven, bytes memory kept) {
        kept = abi.encode(leaf, root);
        assembly ("memory-safe") {
            let at := mload(0x40)
            for { let i := 0 } lt(i, 0x100) { i := add(i, 0x20) } { mstore(add(at, i), not(0)) }
        }
        isProven = InclusionProofs.isIncluded(leaf, index, size, path, root);
    }
}
