// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Basis, Entry, Method, State} from "./Decisions.sol";

/// @title What subjects allow, now and on any past day
/// @notice A consent is a subject, a purpose, a recipient and a category of data, together its key, and the list of
/// decisions on it, numbered from 1, to which one can only be added. A decision counts from when it takes effect, and
/// is known from when it was recorded; both are kept, so that "what was in force then" and "what did we know then" have
/// each an answer. Purposes, recipients and categories are terms (see IVocabulary), 0 for all of them.
interface IConsentRegistry {
    /// @notice A decision brought to be recorded.
    struct Record {
        bytes32 subject;
        Entry entry;
        bytes32 evidence; // salted hash of what shows the subject's word; 0 for none, with a wallet's own decision
    }

    /// @notice What a subject or their representative signs. Terms are IRIs, so that a wallet shows what is decided;
    /// "*" is all, and "" is none.
    struct Statement {
        bytes32 subject;
        address signer; // a wallet of the subject, or a representative
        string state; // Given, Renewed, Refused or Withdrawn
        string purpose;
        string recipient;
        string category;
        string jurisdiction;
        string notice;
        string expiryEvent;
        uint40 effective; // UTC seconds
        uint40 expires; // UTC seconds, 0 for never
        uint256 nonce;
        uint40 deadline; // UTC seconds: not recorded after it
    }

    /// @notice A decision on record, field by field.
    struct Recorded {
        uint256 number; // on its key, from 1
        State state;
        Basis basis;
        Method method;
        uint40 effective;
        uint40 recorded;
        uint40 expires; // 0 for never
        uint32 expiryEvent; // 0 for none
        uint256 corrects; // number of the decision it stands for, 0 for none
    }

    /// @notice What is in force: the decision, and its state, or Expired once its time is over; None and an empty
    /// decision if nothing is.
    struct Status {
        State state;
        Recorded decision;
    }

    /// @notice That a recipient acts on a denial.
    struct Honour {
        bytes32 subject;
        uint32 purpose; // of the denial, as it was recorded
        uint32 recipient;
        uint32 category;
        uint256 number; // of the denial on its key
        uint32 honouredBy; // the recipient, one of those the denial is meant for
        uint40 honouredAt; // UTC seconds
        bytes32 evidence; // salted hash of what shows it, 0 for none
    }

    /// @notice When something happened that consents were to expire with, as the closing of a claim.
    struct Happening {
        uint40 effective; // UTC seconds
        uint40 recorded; // UTC seconds, 0 if it has not
    }

    event DecisionRecorded(
        bytes32 indexed subject,
        address indexed by,
        Entry entry,
        uint256 numberAndDecision,
        bytes32 evidence
    );
    event ExpiryCapSet(uint32 indexed jurisdiction, uint32 indexed purpose, uint32 cap);
    event ExpiryEventHappened(uint32 indexed term, uint40 effective, uint40 recorded);
    event DenialHonoured(
        bytes32 indexed subject,
        bytes32 indexed key,
        uint32 indexed honouredBy,
        uint256 number,
        uint40 honouredAt,
        bytes32 evidence
    );

    error ConsentNoSubject();
    error ConsentTermUnknown(Entry entry, uint256 termCount);
    error ConsentNotAllowed(address account, bytes32 subject);
    error ConsentNotYetEffective(uint256 effective, uint256 nowAt);
    error ConsentEffectMissing();
    error ConsentTimeOutOfRange(uint256 time, uint256 atMost);
    error ConsentExpiresBeforeEffect(uint256 expires, uint256 effective);
    error ConsentExpiryBeyondCap(uint256 expires, uint256 atMost);
    error ConsentExpiryEventMissing();
    error ConsentExpiryEventOfNoGrant();
    error ConsentEvidenceMissing();
    error ConsentRecipientDiffers(uint32 honouredBy, uint32 recipient);
    error ConsentExpiryTwice(uint256 expires, uint32 term);
    error ConsentDeadlinePassed(uint40 deadline, uint256 nowAt);
    error ConsentSignatureInvalid(address signer, bytes32 digest);
    error ConsentDecisionUnknown(bytes32 key, uint256 number, uint256 count);
    error ConsentAlreadyCorrected(bytes32 key, uint256 number, uint256 by);
    error ConsentAlreadyHappened(uint32 term, uint40 effective);
    error ConsentNotDenied(bytes32 key, uint256 number, State state);
    error ConsentHonouredBeforeEffect(uint256 honouredAt, uint256 effective);

    /// @notice Records the caller's own decision, or one for a subject they represent.
    /// @dev Requirements, of every way to record:
    /// - a subject, a state, a basis, a method; terms that are defined;
    /// - effective not ahead, and before it expires; a grant within the cap of its jurisdiction and purpose, which also
    ///   limits a grant that names no expiry; only grants expire with an event, one that has not happened by then;
    /// - not paused, unless it is a denial.
    /// Of this one: the caller is the subject's wallet, or a representative whose scope covers the terms; the state is
    /// one of a subject's own (Given, Renewed, Refused, Withdrawn), the method Wallet.
    /// At any moment, denying costs no more than granting would: the place it is written to is the same, and less has to
    /// be looked up.
    function record(Record calldata decision) external;

    /// @notice Records what subjects decided elsewhere, as on the telephone; all of them, or none.
    /// @dev Requirements as of {record}, and: any state but Invalidated; a method other than Wallet and Signature;
    /// evidence; the caller is an operator.
    function recordFor(Record[] calldata decisions) external;

    /// @notice Records what a subject or their representative signed. Anybody may carry it, once. Its evidence is the
    /// digest signed.
    /// @dev Requirements as of {record}, and: signed by EIP-712, or approved by ERC-1271, by the signer it names, who is the
    /// subject's wallet or a representative whose scope covers the terms; an unused nonce (OpenZeppelin's keyed nonces:
    /// any number with 64 low zero bits can be used once, in any order, so a statement is called back by carrying a denial
    /// of the same nonce); the deadline not passed; an effective time, so that an old statement cannot undo a newer one.
    function recordSigned(Statement calldata statement, bytes calldata signature) external;

    /// @notice Records a decision in the place of decision `corrected` on the same key, which stays on record: as known
    /// from now on, it is as if that had not been decided, but this. One that is Invalidated puts nothing in its place.
    /// @dev Requirements as of {record}, but for caps; and: any state; a method as of {recordFor}, or that of the decision
    /// corrected; evidence; `corrected` is on record, and no other decision stands for it; the caller is a compliance
    /// officer.
    function correct(Record calldata decision, uint16 corrected) external;

    /// @notice Sets how long a grant may last for a purpose in a jurisdiction, in seconds; 0 lifts it. Purpose 0 is for
    /// all purposes without a cap of their own, and for grants of all purposes at once. What is on record stays as it is,
    /// and a grant that names no jurisdiction has no cap. Requirements: a defined jurisdiction, a defined purpose or 0; the
    /// caller is a compliance officer.
    function setExpiryCap(uint32 jurisdiction, uint32 purpose, uint32 cap) external;

    /// @notice Records that what grants were to expire with has happened. Requirements: a defined term, not recorded
    /// before; a time not ahead, 0 for now; the caller is an operator.
    function recordExpiryEvent(uint32 term, uint40 effective) external;

    /// @notice Records that recipients act on denials. Requirements: each is of a denial on record, by its recipient, or
    /// by any if it is meant for all; since a time not before it took effect, and not ahead; the caller is an operator.
    function honour(Honour[] calldata honours) external;

    /// @notice Stops recording everything but denials. Requirements: the caller is a guardian.
    function pause() external;

    /// @notice Ends it. Requirements: the caller is a guardian.
    function unpause() external;

    /// @notice Whether data of the subject may be used now so: some grant in force covers it, at these terms or wider
    /// ones, and no denial does; and the subject is not erased. 0 asks about all at once, which narrower decisions, grants
    /// or denials, do not answer: name the terms.
    function isPermitted(
        bytes32 subject,
        uint32 purpose,
        uint32 recipient,
        uint32 category
    ) external view returns (bool);

    /// @notice The same of any time, as known at any time, UTC seconds, and the decision that settles it: the widest
    /// denial, else the narrowest grant, else key and number 0.
    function permissionAt(
        bytes32 subject,
        uint32 purpose,
        uint32 recipient,
        uint32 category,
        uint256 effectiveAt,
        uint256 knownAt
    ) external view returns (bool permitted, bytes32 key, uint256 number);

    /// @notice What was in force on a key at `effectiveAt`, as known at `knownAt`, UTC seconds. Of the decisions recorded
    /// by then and not corrected by then, it is the grant or denial that took effect last, and of several such the one
    /// recorded last. Expired, as a decision, and a denial that is over end a grant, but no denial; Requested and
    /// Invalidated count only if nothing was granted or denied.
    function statusAt(bytes32 key, uint256 effectiveAt, uint256 knownAt) external view returns (Status memory);

    /// @notice Up to `count` decisions on a key from number `from` on, in the order recorded.
    function history(bytes32 key, uint256 from, uint256 count) external view returns (Recorded[] memory);

    /// @notice How many decisions there are on a key.
    function decisionCount(bytes32 key) external view returns (uint256);

    /// @notice keccak256 of the subject and the three terms, 32 bytes each.
    function keyOf(
        bytes32 subject,
        uint32 purpose,
        uint32 recipient,
        uint32 category
    ) external pure returns (bytes32);

    /// @notice How long a grant may last, in seconds, 0 for any time.
    function expiryCap(uint32 jurisdiction, uint32 purpose) external view returns (uint32);

    /// @notice When an expiry event happened.
    function happening(uint32 term) external view returns (Happening memory);

    /// @notice What is signed for {recordSigned}.
    function statementDigest(Statement calldata statement) external view returns (bytes32);
}
