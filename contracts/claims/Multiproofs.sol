// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice Proves many leaves of one tree at once.
struct Multiproof {
    bytes32[] nodes; // inner nodes and leaves that are not among the proved
    bytes flags; // one bit a hash, most significant first: 1 takes the next known hash, 0 the next of `nodes`
}

/// @title OpenZeppelin's multiproof, with its flags in bits
/// @notice Rebuilds the root of a tree as OpenZeppelin's MerkleProof.processMultiProof does, for the same trees and in
/// the same order of leaves. A flag there is a 32-byte word of calldata, 128 gas or more; here it is a bit.
library Multiproofs {
    error MultiproofFlagsLength(uint256 length, uint256 expected);
    error MultiproofMalformed(uint256 leaves, uint256 nodes);

    /// @notice The root that `leaves` and `proof` lead to.
    /// @dev Requirements:
    /// - at least one leaf;
    /// - exactly leaves + nodes - 1 flags, rounded up to whole bytes;
    /// - every node used.
    function rootOf(bytes32[] memory leaves, Multiproof calldata proof) internal pure returns (bytes32 root) {
        bytes32[] calldata nodes = proof.nodes;
        if (leaves.length == 0) revert MultiproofMalformed(0, nodes.length);
        uint256 hashes = leaves.length + nodes.length - 1;
        uint256 flagBytes = (hashes + 7) / 8;
        if (proof.flags.length != flagBytes) revert MultiproofFlagsLength(proof.flags.length, flagBytes);
        if (hashes == 0) return leaves[0];

        bool sound;
        (root, sound) = _climb(leaves, nodes, proof.flags, hashes);
        if (!sound) revert MultiproofMalformed(leaves.length, nodes.length);
    }

    /// @dev The queue is `leaves`, then the hashes in the order they are made. Two things can go wrong, and one check at
    /// the end finds both. Reading past `nodes` gives some other word of calldata, and then more nodes than there are
    /// were used. Reading past the queue gives some other word of memory; it takes more 1 bits than leaves - 1, and
    /// then fewer nodes were used than there are.
    function _climb(
        bytes32[] memory leaves,
        bytes32[] calldata nodes,
        bytes calldata flags,
        uint256 hashes
    ) private pure returns (bytes32 root, bool sound) {
        // Memory-safe: writes to scratch space and to free memory only, which it does not need to keep.
        assembly ("memory-safe") {
            let read := add(leaves, 0x20)
            let leavesEnd := add(read, shl(5, mload(leaves)))
            let made := mload(0x40)
            let write := made
            let node := nodes.offset
            let bits

            for { let i := 0 } lt(i, hashes) { i := add(i, 1) } {
                if iszero(and(i, 0xff)) { bits := calldataload(add(flags.offset, shr(3, i))) }
                if eq(read, leavesEnd) { read := made }
                let a := mload(read)
                read := add(read, 0x20)

                let b
                switch shr(255, bits)
                case 0 {
                    b := calldataload(node)
                    node := add(node, 0x20)
                }
                default {
                    if eq(read, leavesEnd) { read := made }
                    b := mload(read)
                    read := add(read, 0x20)
                }
                bits := shl(1, bits)

                // OpenZeppelin's commutative pair hash: the smaller first.
                switch lt(a, b)
                case 0 { mstore(0x00, b) mstore(0x20, a) }
                default { mstore(0x00, a) mstore(0x20, b) }
                mstore(write, keccak256(0x00, 0x40))
                write := add(write, 0x20)
            }
            root := mload(sub(write, 0x20))
            sound := eq(node, add(nodes.offset, shl(5, nodes.length)))
        }
    }
}
