// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice How surely a subject's identity was established: the assurance levels of eIDAS (EU 910/2014, article 8).
enum Level {
    None,
    Low,
    Substantial,
    High
}

/// @notice In what capacity somebody speaks for a subject.
enum Capacity {
    None,
    Guardian, // of a minor or a person under care
    Attorney, // holder of a power of attorney
    Broker, // the customer's own intermediary
    Executor // of the estate
}

/// @title Who a customer is, without saying so
/// @notice A subject is 32 random bytes, never derived from a person. Whoever binds, verifies, represents or records
/// names it; nothing has to be registered first. What links it to a person is kept off-chain and can be destroyed.
interface ISubjects {
    struct Verification {
        address verifier;
        uint40 verifiedAt; // UTC seconds
        uint40 expires; // UTC seconds, 0 for never
        bytes32 evidence; // salted hash of what was checked
    }

    struct Mandate {
        Capacity capacity;
        uint40 expires; // UTC seconds, 0 for never
        uint32 purpose; // terms of the consent registry, 0 for all
        uint32 recipient;
        uint32 category;
    }

    event WalletBound(bytes32 indexed subject, address indexed wallet, address indexed by);
    event WalletUnbound(bytes32 indexed subject, address indexed wallet, address indexed by);
    event SubjectVerified(
        bytes32 indexed subject,
        address indexed verifier,
        Level level,
        uint40 expires,
        bytes32 evidence
    );
    event VerificationRevoked(bytes32 indexed subject, Level level, address indexed by);
    event RepresentativeAppointed(
        bytes32 indexed subject,
        address indexed representative,
        address indexed by,
        Mandate mandate,
        bytes32 evidence
    );
    event RepresentativeDismissed(bytes32 indexed subject, address indexed representative, address indexed by);
    event SubjectErased(bytes32 indexed subject, address indexed by, uint40 erasedAt);

    error SubjectsNoSubject();
    error SubjectsErased(bytes32 subject, uint40 erasedAt);
    error SubjectsWalletBound(address wallet, bytes32 subject);
    error SubjectsWalletNotBound(address wallet);
    error SubjectsDeadlinePassed(uint40 deadline, uint256 nowAt);
    error SubjectsSignatureInvalid(address wallet, bytes32 digest);
    error SubjectsLevelMissing();
    error SubjectsCapacityMissing();
    error SubjectsExpiryPassed(uint40 expires, uint256 nowAt);
    error SubjectsVerifiedLonger(address verifier, uint40 expires);
    error SubjectsNotVerified(bytes32 subject, Level level);
    error SubjectsNotRepresented(bytes32 subject, address representative);
    error SubjectsNotAllowed(address caller, bytes32 subject);

    /// @notice Binds a wallet to a subject: from then on it speaks for the subject. A wallet speaks for one subject; a
    /// subject may have many.
    /// @dev Requirements: the wallet signed `Bind(bytes32 subject,address wallet,uint256 nonce,uint40 deadline)` by
    /// EIP-712, or approves it by ERC-1271; the nonce is unused (OpenZeppelin's keyed nonces); the deadline has not
    /// passed; the subject is not erased and the wallet not bound; the caller is an operator, for anybody may sign
    /// with a wallet of their own, and only an operator knows whose subject it is.
    function bind(bytes32 subject, address wallet, uint256 nonce, uint40 deadline, bytes calldata signature) external;

    /// @notice Ends it. Requirements: the caller is the wallet, or an operator.
    function unbind(address wallet) external;

    /// @notice Records that the caller established the subject's identity; replaces what was recorded on that level.
    /// Requirements: an expiry ahead, or 0; another verifier's, while it lasts, is replaced by one that lasts as long at
    /// least; the subject is not erased; the caller is a verifier.
    function verify(bytes32 subject, Level level, uint40 expires, bytes32 evidence) external;

    /// @notice Takes a verification back. Requirements: the caller is its verifier, or a compliance officer.
    function revoke(bytes32 subject, Level level) external;

    /// @notice Lets `representative` record consents of the subject within the mandate's scope, until it expires;
    /// replaces the mandate they had. Requirements: a capacity; an expiry ahead, or 0; the subject is not erased; the
    /// caller is an operator, or a wallet of the subject and the capacity, as that of the mandate they had, is one that
    /// subjects give themselves: attorney or broker.
    /// @param evidence Salted hash of what shows the authority.
    function appoint(
        bytes32 subject,
        address representative,
        Mandate calldata mandate,
        bytes32 evidence
    ) external;

    /// @notice Ends a mandate. Requirements: the caller is the representative, an operator or, of an attorney or a broker, a
    /// wallet of the subject. Unbinding a wallet does not end the mandates it gave.
    function dismiss(bytes32 subject, address representative) external;

    /// @notice Records that the link from the subject to a person, and all data about them, were destroyed. It cannot
    /// be undone: nobody is bound to the subject, verifies it or is appointed for it any more, and nothing is permitted,
    /// whatever those bound and appointed before may still record.
    /// Requirements: the caller is a compliance officer.
    function erase(bytes32 subject) external;

    /// @notice The subject a wallet speaks for, 0 for none.
    function subjectOf(address wallet) external view returns (bytes32);

    /// @notice What was recorded on a level and not revoked, whether or not it has expired.
    function verification(bytes32 subject, Level level) external view returns (Verification memory);

    /// @notice Whether the subject is verified now, on the level or a higher one, and not erased. None asks for any level.
    function isVerified(bytes32 subject, Level atLeast) external view returns (bool);

    /// @notice What a representative may do, expired or not.
    function mandateOf(bytes32 subject, address representative) external view returns (Mandate memory);

    /// @notice Whether `account` may decide now for the subject on exactly these terms, 0 for all: as its wallet, or as
    /// a representative whose scope covers them.
    function speaksFor(
        address account,
        bytes32 subject,
        uint32 purpose,
        uint32 recipient,
        uint32 category
    ) external view returns (bool);

    /// @notice When the subject was erased, UTC seconds, 0 for never.
    function erasedAt(bytes32 subject) external view returns (uint40);

    /// @notice What a wallet signs to be bound.
    function bindDigest(
        bytes32 subject,
        address wallet,
        uint256 nonce,
        uint40 deadline
    ) external view returns (bytes32);
}
