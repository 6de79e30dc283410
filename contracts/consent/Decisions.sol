// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice What was decided, in the words of the W3C Data Privacy Vocabulary.
enum State {
    None, // nothing is in force
    Requested, // asked for, not answered
    Given,
    Renewed, // given again
    Refused,
    Withdrawn, // by the subject
    Revoked, // by somebody else, as the controller
    Expired, // its time is over, or what it was tied to has happened
    Invalidated // found never to have held
}

/// @notice The lawful basis: GDPR articles 6(1) and 9(2)(a).
enum Basis {
    None,
    Consent,
    ExplicitConsent,
    Contract,
    LegalObligation,
    VitalInterest,
    PublicInterest,
    LegitimateInterest
}

/// @notice How the subject's word was taken.
enum Method {
    None,
    Wallet, // a transaction of the subject's own
    Signature, // EIP-712, carried by anybody
    RecordedCall,
    WebForm,
    Paper,
    Message, // mail, text or chat
    InPerson
}

/// @notice A decision as it is given. From the highest bit: purpose, recipient, category, notice and jurisdiction
/// (terms, 0 for all or none), effective and expires (UTC seconds, 0 for now and never), of 32 bits each; corrects (16
/// bits, 0 here); by event (1: `expires` is the term of an event), method, basis and state, of 4 bits each.
type Entry is uint256;

/// @notice A decision as it is kept. From the highest bit: recorded, effective, expires, of 32 bits each, and the rest
/// as in an entry; corrects is the number of the decision that this one stands for, 0 for none.
type Decision is uint128;

/// @title The words in which decisions are given and kept
/// @dev Given in one word and kept in half a slot: structs of these fields would cost more in calldata than the whole
/// decision may, and a withdrawal, the second decision on its key, finds its slot open and costs less than half of the
/// grant. 32 bits of UTC seconds last until 2106. Casts cut a field out of its word, which is what they are for.
library Decisions {
    /// @notice Sets of states, a bit each.
    uint256 internal constant GRANTS = (1 << uint256(State.Given)) | (1 << uint256(State.Renewed));
    uint256 internal constant DENIALS =
        (1 << uint256(State.Refused)) | (1 << uint256(State.Withdrawn)) | (1 << uint256(State.Revoked));
    uint256 internal constant OWN = GRANTS | (1 << uint256(State.Refused)) | (1 << uint256(State.Withdrawn));
    uint256 internal constant OPERATORS =
        GRANTS | DENIALS | (1 << uint256(State.Requested)) | (1 << uint256(State.Expired));
    uint256 internal constant ANY_STATE = OPERATORS | (1 << uint256(State.Invalidated));

    /// @notice Sets of methods, a bit each.
    uint256 internal constant WALLET = 1 << uint256(Method.Wallet);
    uint256 internal constant SIGNATURE = 1 << uint256(Method.Signature);
    uint256 internal constant ANY_METHOD = (2 << uint256(type(Method).max)) - 2;
    uint256 internal constant ELSEWHERE = ANY_METHOD ^ WALLET ^ SIGNATURE;

    uint256 private constant ANY_BASIS = (2 << uint256(type(Basis).max)) - 2;
    uint256 private constant BY_EVENT = 1 << 12;

    error DecisionMalformed(Entry entry);
    error DecisionStateNotAllowed(uint256 state, uint256 allowed);
    error DecisionMethodNotAllowed(uint256 method, uint256 allowed);

    // --- what is given

    /// @notice Purpose, recipient and category, 32 bits each.
    function scopeOf(Entry entry) internal pure returns (uint96) {
        return uint96(Entry.unwrap(entry) >> 160);
    }

    function purposeOf(Entry entry) internal pure returns (uint32) {
        return uint32(Entry.unwrap(entry) >> 224);
    }

    function jurisdictionOf(Entry entry) internal pure returns (uint32) {
        return uint32(Entry.unwrap(entry) >> 96);
    }

    function effectiveOf(Entry entry) internal pure returns (uint256) {
        return uint32(Entry.unwrap(entry) >> 64);
    }

    function expiresOf(Entry entry) internal pure returns (uint256) {
        return uint32(Entry.unwrap(entry) >> 32);
    }

    function isByEvent(Entry entry) internal pure returns (bool) {
        return Entry.unwrap(entry) & BY_EVENT != 0;
    }

    /// @notice Whether its state is one of a set.
    function isIn(Entry entry, uint256 states) internal pure returns (bool) {
        return (states >> (Entry.unwrap(entry) & 0xf)) & 1 == 1;
    }

    /// @notice Whether no term is above `count`.
    function isWithin(Entry entry, uint256 count) internal pure returns (bool) {
        uint256 word = Entry.unwrap(entry);
        if (word & BY_EVENT != 0 && uint32(word >> 32) > count) return false;
        // Meant to wrap: a difference below zero sets the highest bit, which no other does.
        unchecked {
            uint256 scope_ = (count - (word >> 224)) | (count - uint32(word >> 192)) | (count - uint32(word >> 160));
            uint256 context = (count - uint32(word >> 128)) | (count - uint32(word >> 96));
            return (scope_ | context) >> 255 == 0;
        }
    }

    /// @notice Reverts unless state and method are of these sets, there is a basis, and nothing stands where nothing may.
    function requireSound(Entry entry, uint256 states, uint256 methods) internal pure {
        uint256 word = Entry.unwrap(entry);
        uint256 sound = (states >> (word & 0xf)) & (ANY_BASIS >> ((word >> 4) & 0xf)) & (methods >> ((word >> 8) & 0xf));
        if (sound & 1 == 1 && uint32(word) < 2 * BY_EVENT) return;
        if ((ANY_STATE & ~states) >> (word & 0xf) & 1 == 1) revert DecisionStateNotAllowed(word & 0xf, states);
        if ((ANY_METHOD & ~methods) >> ((word >> 8) & 0xf) & 1 == 1) {
            revert DecisionMethodNotAllowed((word >> 8) & 0xf, methods);
        }
        revert DecisionMalformed(entry);
    }

    /// @notice The decision that an entry makes.
    function kept(
        Entry entry,
        uint256 recorded,
        uint256 effective,
        uint256 expires,
        uint256 corrects
    ) internal pure returns (Decision) {
        uint256 nature = uint16(Entry.unwrap(entry));
        return Decision.wrap(uint128((recorded << 96) | (effective << 64) | (expires << 32) | (corrects << 16) | nature));
    }

    /// @notice What somebody signed, as an entry. What they sign is their explicit consent.
    function signed(uint256 said, bool byEvent, State state) internal pure returns (Entry) {
        uint256 nature = (uint256(Method.Signature) << 8) | (uint256(Basis.ExplicitConsent) << 4) | uint256(state);
        return Entry.wrap(said | (byEvent ? BY_EVENT : 0) | nature);
    }

    // --- what is kept

    function recordedOf(Decision decision) internal pure returns (uint32) {
        return uint32(Decision.unwrap(decision) >> 96);
    }

    function effectiveOf(Decision decision) internal pure returns (uint32) {
        return uint32(Decision.unwrap(decision) >> 64);
    }

    function expiresOf(Decision decision) internal pure returns (uint32) {
        return uint32(Decision.unwrap(decision) >> 32);
    }

    function correctsOf(Decision decision) internal pure returns (uint16) {
        return uint16(Decision.unwrap(decision) >> 16);
    }

    function isByEvent(Decision decision) internal pure returns (bool) {
        return Decision.unwrap(decision) & BY_EVENT != 0;
    }

    function methodOf(Decision decision) internal pure returns (Method) {
        return Method((Decision.unwrap(decision) >> 8) & 0xf);
    }

    function basisOf(Decision decision) internal pure returns (Basis) {
        return Basis((Decision.unwrap(decision) >> 4) & 0xf);
    }

    function stateOf(Decision decision) internal pure returns (State) {
        return State(Decision.unwrap(decision) & 0xf);
    }

    // --- states and scopes

    function isDenial(State state) internal pure returns (bool) {
        return (DENIALS >> uint256(state)) & 1 == 1;
    }

    function isGrant(State state) internal pure returns (bool) {
        return (GRANTS >> uint256(state)) & 1 == 1;
    }

    function scope(uint32 purpose, uint32 recipient, uint32 category) internal pure returns (uint96) {
        return (uint96(purpose) << 64) | (uint96(recipient) << 32) | category;
    }

    function terms(uint96 scope_) internal pure returns (uint32 purpose, uint32 recipient, uint32 category) {
        return (uint32(scope_ >> 64), uint32(scope_ >> 32), uint32(scope_));
    }
}
