// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title A root in a fresh slot and an event: the floor that anchoring is measured against
contract RootAndEvent {
    mapping(uint256 number => bytes32 root) private _roots;

    event Rooted(uint256 indexed number, bytes32 root);

    function write(uint256 number, bytes32 root) external {
        _roots[number] = root;
        emit Rooted(number, root);
    }
}
