// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Decision, Decisions} from "./Decisions.sol";

/// @notice The decisions on one key in the order recorded, two in a slot: one in the low half, the next in the high one.
/// An empty half is zero, which no decision is.
struct History {
    uint256 first;
    mapping(uint256 place => uint256 pair) more; // from place 1
}

/// @title Lists that only grow
/// @notice Nothing here writes to a half of a slot that is not empty: a decision once recorded stays as it is.
/// @dev No length is kept, for its slot would cost as much as a decision. The end is found in the pairs themselves: at
/// once while a list is short, in steps that double while it is long.
library Histories {
    using Decisions for Decision;

    uint256 private constant HALF = 128;

    /// @notice Adds a decision and returns its number, from 1.
    function append(History storage self, Decision decision) internal returns (uint256 number) {
        uint256 added = Decision.unwrap(decision);
        uint256 pair = self.first;
        if (pair == 0) {
            self.first = added;
            return 1;
        }
        if (!_isFull(pair)) {
            self.first = pair | (added << HALF);
            return 2;
        }
        uint256 place;
        (place, pair) = _open(self);
        self.more[place] = pair | (pair == 0 ? added : added << HALF);
        return 2 * place + (pair == 0 ? 1 : 2);
    }

    /// @notice How many decisions there are.
    function count(History storage self) internal view returns (uint256) {
        uint256 pair = self.first;
        uint256 place = 0;
        if (_isFull(pair)) (place, pair) = _open(self);
        return 2 * place + (pair == 0 ? 0 : 1);
    }

    /// @notice The decision of a number from 1 to the count.
    function at(History storage self, uint256 number) internal view returns (Decision) {
        uint256 pair = number < 3 ? self.first : self.more[(number - 1) / 2];
        return Decision.wrap(uint128(number % 2 == 1 ? pair : pair >> HALF));
    }

    /// @notice What was in force at `effectiveAt`, as known at `knownAt`, UTC seconds; number 0 if nothing was.
    function inForce(
        History storage self,
        uint256 effectiveAt,
        uint256 knownAt
    ) internal view returns (uint256 number, Decision decision) {
        Decision[] memory known = _knownAt(self, knownAt);
        for (uint256 i = 0; i < known.length; ++i) {
            uint256 corrected = known[i].correctsOf();
            if (corrected != 0) known[corrected - 1] = Decision.wrap(0);
        }
        for (uint256 i = 0; i < known.length; ++i) {
            if (_isEmpty(known[i]) || known[i].effectiveOf() > effectiveAt) continue;
            if (known[i].effectiveOf() >= decision.effectiveOf()) (number, decision) = (i + 1, known[i]);
        }
    }

    /// @dev What had been recorded by then. Times of recording never fall from one decision to the next.
    function _knownAt(History storage self, uint256 knownAt) private view returns (Decision[] memory known) {
        uint256 total = count(self);
        known = new Decision[](total);
        uint256 length = 0;
        while (length < total) {
            Decision next = at(self, length + 1);
            if (next.recordedOf() > knownAt) break;
            known[length++] = next;
        }
        // Memory-safe: shortens an array this contract allocated, never lengthens it.
        assembly ("memory-safe") {
            mstore(known, length)
        }
    }

    /// @dev The first place with an empty half, and the pair there, where place 0 is full. Places are filled in order,
    /// so a full one says that all before it are full.
    function _open(History storage self) private view returns (uint256 open, uint256 pair) {
        uint256 full = 0;
        open = 1;
        pair = self.more[open];
        while (_isFull(pair)) {
            (full, open) = (open, 2 * open);
            pair = self.more[open];
        }
        while (open - full > 1) {
            uint256 middle = (full + open) / 2;
            uint256 found = self.more[middle];
            if (_isFull(found)) full = middle;
            else (open, pair) = (middle, found);
        }
    }

    function _isFull(uint256 pair) private pure returns (bool) {
        return pair >> HALF != 0;
    }

    function _isEmpty(Decision decision) private pure returns (bool) {
        return Decision.unwrap(decision) == 0;
    }
}
