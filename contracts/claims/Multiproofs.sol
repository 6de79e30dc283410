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
    /// @dev `leaves` is used as the queue of known hashes and is overwritten. Each hash takes one or two entries off
    /// the queue's front before it adds one, so what is written never overtakes what is still to be read.
    /// Requirements:
    /// - at least one leaf;
    /// - exactly leaves + nodes - 1 flags, rounded up to whole bytes;
    /// - every node used, and the queue never read while empty.
    function rootOf(bytes32[] memory leaves, Multiproof calldata proof) internal pure returns (bytes32 root) {
        bytes32[] calldata nodes = proof.nodes;
        bytes calldata flags = proof.flags;
        if (leaves.length == 0) revert MultiproofMalformed(0, nodes.length);
        uint256 hashes = leaves.length + nodes.length - 1;
        if (flags.length != (hashes + 7) / 8) revert MultiproofFlagsLength(flags.length, (hashes + 7) / 8);

        bool sound = true;
        // Memory-safe: reads and writes stay inside `leaves` and the scratch space; calldata is only read, and reading
        // past `nodes` is caught below, where exactly all of them must have been used.
        assembly ("memory-safe") {
            let start := add(leaves, 0x20)
            let read := start
            let end := add(start, shl(5, mload(leaves)))
            let write := start
            let node := nodes.offset
            let bits := 0

            for { let i := 0 } lt(i, hashes) { i := add(i, 1) } {
                if iszero(and(i, 0xff)) { bits := calldataload(add(flags.offset, shr(3, i))) }

                // The next known hash; past the last one, go on with those written since.
                if eq(read, end) {
                    if eq(write, start) { sound := 0 break }
                    end := write
                    read := start
                    write := start
                }
                let a := mload(read)
                read := add(read, 0x20)

                let b
                switch shr(255, bits)
                case 0 {
                    b := calldataload(node)
                    node := add(node, 0x20)
                }
                default {
                    if eq(read, end) {
                        if eq(write, start) { sound := 0 break }
                        end := write
                        read := start
                        write := start
                    }
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
            // The last hash written, or the only leaf. `write` is past it unless nothing was hashed.
            switch hashes
            case 0 { root := mload(start) }
            default { root := mload(sub(write, 0x20)) }
            sound := and(sound, eq(node, add(nodes.offset, shl(5, nodes.length))))
        }
        if (!sound) revert MultiproofMalformed(leaves.length, nodes.length);
    }
}
