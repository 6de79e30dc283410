// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {AuthorityUtils} from "@openzeppelin/contracts/access/manager/AuthorityUtils.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {NoncesKeyed} from "@openzeppelin/contracts/utils/NoncesKeyed.sol";
import {Capacity, ISubjects, Level} from "./ISubjects.sol";

/// @title Subjects, see ISubjects
/// @dev Uses of time: expiries and deadlines count in minutes or days, so a validator's freedom over the timestamp
/// changes nothing.
contract Subjects is ISubjects, AccessManaged, EIP712, NoncesKeyed {
    bytes32 private constant BIND_TYPEHASH =
        keccak256("Bind(bytes32 subject,address wallet,uint256 nonce,uint40 deadline)");

    /// @inheritdoc ISubjects
    mapping(address wallet => bytes32 subject) public subjectOf;
    /// @inheritdoc ISubjects
    mapping(bytes32 subject => uint40) public erasedAt;
    mapping(bytes32 subject => mapping(Level level => Verification)) private _verifications;
    mapping(bytes32 subject => mapping(address representative => Mandate)) private _mandates;

    constructor(address authority) AccessManaged(authority) EIP712("Troth Subjects", "1") {}

    /// @inheritdoc ISubjects
    function bind(
        bytes32 subject,
        address wallet,
        uint256 nonce,
        uint40 deadline,
        bytes calldata signature
    ) external restricted {
        _requireStanding(subject);
        if (subjectOf[wallet] != 0) revert SubjectsWalletBound(wallet, subjectOf[wallet]);
        if (block.timestamp > deadline) revert SubjectsDeadlinePassed(deadline, block.timestamp);
        bytes32 digest = bindDigest(subject, wallet, nonce, deadline);
        if (!SignatureChecker.isValidSignatureNow(wallet, digest, signature)) {
            revert SubjectsSignatureInvalid(wallet, digest);
        }
        _useCheckedNonce(wallet, nonce);
        subjectOf[wallet] = subject;
        emit WalletBound(subject, wallet, msg.sender);
    }

    /// @inheritdoc ISubjects
    function unbind(address wallet) external {
        bytes32 subject = subjectOf[wallet];
        if (subject == 0) revert SubjectsWalletNotBound(wallet);
        if (msg.sender != wallet && !_hasRole()) revert SubjectsNotAllowed(msg.sender, subject);
        delete subjectOf[wallet];
        emit WalletUnbound(subject, wallet, msg.sender);
    }

    /// @inheritdoc ISubjects
    function verify(bytes32 subject, Level level, uint40 expires, bytes32 evidence) external restricted {
        _requireStanding(subject);
        if (level == Level.None) revert SubjectsLevelMissing();
        _requireAhead(expires);
        Verification storage before = _verifications[subject][level];
        if (before.verifier != address(0) && before.verifier != msg.sender && _outlasts(before.expires, expires)) {
            revert SubjectsVerifiedLonger(before.verifier, before.expires);
        }
        _verifications[subject][level] = Verification(msg.sender, uint40(block.timestamp), expires, evidence);
        emit SubjectVerified(subject, msg.sender, level, expires, evidence);
    }

    /// @inheritdoc ISubjects
    function revoke(bytes32 subject, Level level) external {
        address verifier = _verifications[subject][level].verifier;
        if (verifier == address(0)) revert SubjectsNotVerified(subject, level);
        if (msg.sender != verifier && !_hasRole()) revert SubjectsNotAllowed(msg.sender, subject);
        delete _verifications[subject][level];
        emit VerificationRevoked(subject, level, msg.sender);
    }

    /// @inheritdoc ISubjects
    function appoint(
        bytes32 subject,
        address representative,
        Mandate calldata mandate,
        bytes32 evidence
    ) external {
        _requireStanding(subject);
        if (mandate.capacity == Capacity.None) revert SubjectsCapacityMissing();
        _requireAhead(mandate.expires);
        bool isOwn = _isOwnChoice(mandate.capacity) && _isOwnChoice(_mandates[subject][representative].capacity);
        if (!(isOwn && subjectOf[msg.sender] == subject) && !_hasRole()) {
            revert SubjectsNotAllowed(msg.sender, subject);
        }
        _mandates[subject][representative] = mandate;
        emit RepresentativeAppointed(subject, representative, msg.sender, mandate, evidence);
    }

    /// @inheritdoc ISubjects
    function dismiss(bytes32 subject, address representative) external {
        Capacity capacity = _mandates[subject][representative].capacity;
        if (capacity == Capacity.None) revert SubjectsNotRepresented(subject, representative);
        bool isOwn = subjectOf[msg.sender] == subject && _isOwnChoice(capacity);
        if (msg.sender != representative && !isOwn && !_hasRole()) revert SubjectsNotAllowed(msg.sender, subject);
        delete _mandates[subject][representative];
        emit RepresentativeDismissed(subject, representative, msg.sender);
    }

    /// @inheritdoc ISubjects
    function erase(bytes32 subject) external restricted {
        _requireStanding(subject);
        erasedAt[subject] = uint40(block.timestamp);
        emit SubjectErased(subject, msg.sender, uint40(block.timestamp));
    }

    /// @inheritdoc ISubjects
    function verification(bytes32 subject, Level level) external view returns (Verification memory) {
        return _verifications[subject][level];
    }

    /// @inheritdoc ISubjects
    function isVerified(bytes32 subject, Level atLeast) external view returns (bool) {
        if (erasedAt[subject] != 0) return false;
        for (uint8 level = uint8(Level.High); level >= uint8(atLeast) && level != 0; --level) {
            Verification storage found = _verifications[subject][Level(level)];
            if (found.verifier != address(0) && _isAhead(found.expires)) return true;
        }
        return false;
    }

    /// @inheritdoc ISubjects
    function mandateOf(bytes32 subject, address representative) external view returns (Mandate memory) {
        return _mandates[subject][representative];
    }

    /// @inheritdoc ISubjects
    function speaksFor(
        address account,
        bytes32 subject,
        uint32 purpose,
        uint32 recipient,
        uint32 category
    ) external view returns (bool) {
        if (subject != 0 && subjectOf[account] == subject) return true;
        Mandate storage mandate = _mandates[subject][account];
        return
            mandate.capacity != Capacity.None &&
            _isAhead(mandate.expires) &&
            (mandate.purpose == 0 || mandate.purpose == purpose) &&
            (mandate.recipient == 0 || mandate.recipient == recipient) &&
            (mandate.category == 0 || mandate.category == category);
    }

    /// @inheritdoc ISubjects
    function bindDigest(
        bytes32 subject,
        address wallet,
        uint256 nonce,
        uint40 deadline
    ) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(BIND_TYPEHASH, subject, wallet, nonce, deadline)));
    }

    /// @dev Whether the caller holds the role that the authority asks of the function called. A delay, which restricted
    /// functions could consume, counts as no.
    function _hasRole() private view returns (bool immediate) {
        (immediate, ) = AuthorityUtils.canCallWithDelay(authority(), msg.sender, address(this), msg.sig);
    }

    /// @dev Whether subjects give and take such mandates themselves: guardians and executors are set over them.
    function _isOwnChoice(Capacity capacity) private pure returns (bool) {
        return capacity != Capacity.Guardian && capacity != Capacity.Executor;
    }

    /// @dev Whether one expiry is later than another. 0 is never.
    function _outlasts(uint40 one, uint40 other) private pure returns (bool) {
        return other != 0 && (one == 0 || one > other);
    }

    function _requireStanding(bytes32 subject) private view {
        if (subject == 0) revert SubjectsNoSubject();
        if (erasedAt[subject] != 0) revert SubjectsErased(subject, erasedAt[subject]);
    }

    function _requireAhead(uint40 expires) private view {
        if (!_isAhead(expires)) revert SubjectsExpiryPassed(expires, block.timestamp);
    }

    function _isAhead(uint40 expires) private view returns (bool) {
        return expires == 0 || expires > block.timestamp;
    }
}
