// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Decision, Decisions, State} from "./Decisions.sol";

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
    using Decisions for State;

    struct Found {
        uint256 number; // 0 for nothing
        Decision decision;
    }

    uint256 private constant HALF = 128;
    /// @dev Kinds of decisions: grants, and denials that are not over; what ends a grant; the others.
    uint256 private constant DECISIVE = 0;
    uint256 private constant LAPSE = 1;
    uint256 private constant OTHER = 2;

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
    /// @dev Of what was recorded by then and not corrected by then, the last grant or denial to take effect; a recorded
    /// Expired, and a denial that is over, end a grant before them, never a denial, or a passing no would lift a lasting
    /// one; everything else counts only if there is no grant and no denial. Read
    /// from the end, so that corrections are met before what they correct, and that reading can stop: nothing takes
    /// effect after it is recorded, hence nothing older than a decision recorded by then can have taken effect later.
    function inForce(
        History storage self,
        uint256 effectiveAt,
        uint256 knownAt
    ) internal view returns (uint256 number, Decision decision) {
        uint256 last = count(self);
        if (last == 0) return (0, decision);
        Found[3] memory latest; // by kind
        uint256[] memory corrected = new uint256[](last / 256 + 1); // a bit a number
        for (uint256 next = last; next != 0; --next) {
            Decision read = at(self, next);
            Found memory decisive = latest[DECISIVE];
            if (decisive.number != 0 && decisive.decision.effectiveOf() >= read.recordedOf()) break;
            if (read.recordedOf() > knownAt) continue;
            uint256 other = read.correctsOf();
            if (other != 0) corrected[other / 256] |= 1 << (other % 256);
            if ((corrected[next / 256] >> (next % 256)) & 1 == 1 || read.effectiveOf() > effectiveAt) continue;
            Found memory found = latest[_kindOf(read, effectiveAt)];
            if (found.number == 0 || read.effectiveOf() > found.decision.effectiveOf()) {
                (found.number, found.decision) = (next, read);
            }
        }
        Found memory standing = latest[DECISIVE];
        bool isGrant = standing.number != 0 && standing.decision.stateOf().isGrant();
        if (standing.number == 0) standing = latest[OTHER];
        bool mayLapse = isGrant || latest[DECISIVE].number == 0;
        if (mayLapse && _isLater(latest[LAPSE], standing)) standing = latest[LAPSE];
        return (standing.number, standing.decision);
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

    function _kindOf(Decision decision, uint256 effectiveAt) private pure returns (uint256) {
        State state = decision.stateOf();
        if (state.isGrant()) return DECISIVE;
        if (state.isDenial()) {
            uint256 expires = decision.expiresOf();
            return expires == 0 || expires > effectiveAt ? DECISIVE : LAPSE;
        }
        return state == State.Expired ? LAPSE : OTHER;
    }

    function _isLater(Found memory one, Found memory other) private pure returns (bool) {
        if (one.number == 0 || other.number == 0) return one.number != 0;
        (uint256 effective, uint256 before) = (one.decision.effectiveOf(), other.decision.effectiveOf());
        return effective > before || (effective == before && one.number > other.number);
    }

    function _isFull(uint256 pair) private pure returns (bool) {
        return pair >> HALF != 0;
    }
}
