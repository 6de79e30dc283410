// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title A fresh slot and an event of three topics: the floor that recording is measured against
contract SlotAndEvent {
    struct Word {
        bytes32 key;
        bytes32 value;
    }

    mapping(bytes32 key => bytes32 value) private _words;

    event Written(bytes32 indexed key, bytes32 indexed value);

    function write(bytes32 key, bytes32 value) public {
        _words[key] = value;
        emit Written(key, value);
    }

    function writeAll(Word[] calldata words) external {
        for (uint256 i = 0; i < words.length; ++i) write(words[i].key, words[i].value);
    }
}
