// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title SHA-256, and the inclusion proofs of RFC 9162 made of it: leaves prefixed by 0x00, nodes by 0x01
/// @notice Solidity's own `sha256` does the same and copies what it hashes once more: for proofs two thirds dearer.
library InclusionProofs {
    /// @notice SHA-256 of `data`.
    function digestOf(bytes memory data) internal view returns (bytes32 digest) {
        // Address 2 is the precompile, which fails only for want of gas. 0x00 to 0x1f is scratch space.
        assembly ("memory-safe") {
            if iszero(staticcall(gas(), 0x02, add(data, 0x20), mload(data), 0x00, 0x20)) { revert(0x00, 0x00) }
            digest := mload(0x00)
        }
    }

    /// @notice SHA-256 of two words.
    function digestOf(bytes32 first, bytes32 second) internal view returns (bytes32 digest) {
        // 0x00 to 0x3f is scratch space: it holds the two.
        assembly ("memory-safe") {
            mstore(0x00, first)
            mstore(0x20, second)
            if iszero(staticcall(gas(), 0x02, 0x00, 0x40, 0x00, 0x20)) { revert(0x00, 0x00) }
            digest := mload(0x00)
        }
    }

    /// @notice Whether `path` leads from a 32-byte leaf at `index` of a tree of `size` leaves to its `root`, step for step
    /// as section 2.1.3.2 has it. A path longer or shorter than this leaf's leads nowhere, whatever the root.
    function isIncluded(
        bytes32 leaf,
        uint256 index,
        uint256 size,
        bytes32[] calldata path,
        bytes32 root
    ) internal view returns (bool) {
        if (index >= size) return false;
        bytes32 node = digestOf(abi.encodePacked(bytes1(0x00), leaf));
        uint256 last = size - 1;
        for (uint256 i = 0; i < path.length; ++i) {
            if (last == 0) return false;
            if (index & 1 == 1 || index == last) {
                node = _parent(path[i], node);
                while (index & 1 == 0 && index != 0) {
                    index >>= 1;
                    last >>= 1;
                }
            } else {
                node = _parent(node, path[i]);
            }
            index >>= 1;
            last >>= 1;
        }
        return last == 0 && node == root;
    }

    function _parent(bytes32 left, bytes32 right) private view returns (bytes32 digest) {
        // 65 bytes are one more than the scratch space: they go beyond the free memory pointer, where nothing is kept.
        assembly ("memory-safe") {
            let at := mload(0x40)
            mstore8(at, 0x01)
            mstore(add(at, 0x01), left)
            mstore(add(at, 0x21), right)
            if iszero(staticcall(gas(), 0x02, at, 0x41, 0x00, 0x20)) { revert(0x00, 0x00) }
            digest := mload(0x00)
        }
    }
}
