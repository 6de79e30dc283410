// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {NoncesKeyed} from "@openzeppelin/contracts/utils/NoncesKeyed.sol";
import {ISubjects} from "../identity/ISubjects.sol";
import {Decision, Decisions, Entry, State} from "./Decisions.sol";
import {Histories, History} from "./Histories.sol";
import {IConsentRegistry} from "./IConsentRegistry.sol";
import {Statements} from "./Statements.sol";
import {Vocabulary} from "./Vocabulary.sol";

/// @title Consents, see IConsentRegistry
/// @dev Uses of time: what is recorded is recorded at the time of its block, which a validator can move by seconds;
/// expiries and deadlines count in minutes or days.
contract ConsentRegistry is IConsentRegistry, Vocabulary, EIP712, NoncesKeyed {
    using Decisions for Entry;
    using Decisions for Decision;
    using Decisions for State;
    using Histories for History;

    /// @dev Each a set of places taken as all, a bit a place: a wider scope has a larger number.
    uint256 private constant SCOPES = 8;

    ISubjects public immutable subjects;

    mapping(bytes32 key => History) private _histories;
    mapping(uint256 jurisdictionAndPurpose => uint32 cap) private _caps;
    mapping(uint32 term => Happening) private _happenings;

    constructor(
        address authority,
        ISubjects subjects_
    ) AccessManaged(authority) EIP712("Troth ConsentRegistry", "1") {
        subjects = subjects_;
    }

    /// @inheritdoc IConsentRegistry
    function record(Record calldata decision) external {
        decision.entry.requireSound(Decisions.OWN, Decisions.WALLET);
        _requireSpeaker(msg.sender, decision.subject, decision.entry);
        (uint256 terms, bool isPaused) = _rules();
        _record(decision.subject, decision.entry, decision.evidence, msg.sender, 0, terms, isPaused);
    }

    /// @inheritdoc IConsentRegistry
    function recordFor(Record[] calldata decisions) external restricted {
        (uint256 terms, bool isPaused) = _rules();
        for (uint256 i = 0; i < decisions.length; ++i) {
            Record calldata decision = decisions[i];
            Entry entry = decision.entry;
            entry.requireSound(Decisions.OPERATORS, Decisions.ELSEWHERE);
            if (decision.evidence == 0) revert ConsentEvidenceMissing();
            _record(decision.subject, entry, decision.evidence, msg.sender, 0, terms, isPaused);
        }
    }

    /// @inheritdoc IConsentRegistry
    function recordSigned(
        Statement calldata statement,
        bytes calldata signature
    ) external {
        if (block.timestamp > statement.deadline) {
            revert ConsentDeadlinePassed(statement.deadline, block.timestamp);
        }
        (address signer, bytes32 digest) = (statement.signer, statementDigest(statement));
        if (!SignatureChecker.isValidSignatureNow(signer, digest, signature)) {
            revert ConsentSignatureInvalid(signer, digest);
        }
        _useCheckedNonce(signer, statement.nonce);
        Entry entry = _entryOf(statement);
        entry.requireSound(Decisions.OWN, Decisions.SIGNATURE);
        _requireSpeaker(signer, statement.subject, entry);
        (uint256 terms, bool isPaused) = _rules();
        _record(statement.subject, entry, digest, signer, 0, terms, isPaused);
    }

    /// @inheritdoc IConsentRegistry
    function correct(Record calldata decision, uint16 corrected) external restricted {
        bytes32 key = _keyOf(decision.subject, decision.entry.scopeOf());
        History storage decisions = _histories[key];
        uint256 count = decisions.count();
        if (corrected == 0 || corrected > count) revert ConsentDecisionUnknown(key, corrected, count);
        for (uint256 number = uint256(corrected) + 1; number <= count; ++number) {
            if (decisions.at(number).correctsOf() == corrected) revert ConsentAlreadyCorrected(key, corrected, number);
        }
        uint256 method = 1 << uint256(decisions.at(corrected).methodOf());
        decision.entry.requireSound(Decisions.ANY_STATE, Decisions.ELSEWHERE | method);
        if (decision.evidence == 0) revert ConsentEvidenceMissing();
        (uint256 terms, bool isPaused) = _rules();
        _record(decision.subject, decision.entry, decision.evidence, msg.sender, corrected, terms, isPaused);
    }

    /// @inheritdoc IConsentRegistry
    function setExpiryCap(uint32 jurisdiction, uint32 purpose, uint32 cap) external restricted {
        _requireDefined(jurisdiction);
        if (purpose != 0) _requireDefined(purpose);
        _caps[_capPlace(jurisdiction, purpose)] = cap;
        emit ExpiryCapSet(jurisdiction, purpose, cap);
    }

    /// @inheritdoc IConsentRegistry
    function recordExpiryEvent(uint32 term, uint40 effective) external restricted {
        _requireDefined(term);
        if (_happenings[term].recorded != 0) revert ConsentAlreadyHappened(term, _happenings[term].effective);
        uint40 nowAt = uint40(block.timestamp);
        if (effective > nowAt) revert ConsentNotYetEffective(effective, nowAt);
        if (effective == 0) effective = nowAt;
        _happenings[term] = Happening(effective, nowAt);
        emit ExpiryEventHappened(term, effective, nowAt);
    }

    /// @inheritdoc IConsentRegistry
    function honour(Honour[] calldata honours) external restricted {
        for (uint256 i = 0; i < honours.length; ++i) _honour(honours[i]);
    }

    /// @inheritdoc IConsentRegistry
    function pause() external restricted {
        _pause();
    }

    /// @inheritdoc IConsentRegistry
    function unpause() external restricted {
        _unpause();
    }

    /// @inheritdoc IConsentRegistry
    function isPermitted(
        bytes32 subject,
        uint32 purpose,
        uint32 recipient,
        uint32 category
    ) external view returns (bool permitted) {
        (permitted, , ) = permissionAt(subject, purpose, recipient, category, block.timestamp, block.timestamp);
    }

    /// @inheritdoc IConsentRegistry
    function statusAt(bytes32 key, uint256 effectiveAt, uint256 knownAt) external view returns (Status memory status) {
        (uint256 number, Decision decision) = _histories[key].inForce(effectiveAt, knownAt);
        if (number == 0) return status;
        status.state = _stateOf(decision, effectiveAt, knownAt);
        status.decision = _shown(number, decision);
    }

    /// @inheritdoc IConsentRegistry
    function history(
        bytes32 key,
        uint256 from,
        uint256 count
    ) external view returns (Recorded[] memory decisions) {
        uint256 last = _histories[key].count();
        if (from == 0) revert ConsentDecisionUnknown(key, from, last);
        if (from > last) return decisions;
        uint256 length = count < last + 1 - from ? count : last + 1 - from;
        decisions = new Recorded[](length);
        for (uint256 i = 0; i < length; ++i) decisions[i] = _shown(from + i, _histories[key].at(from + i));
    }

    /// @inheritdoc IConsentRegistry
    function decisionCount(bytes32 key) external view returns (uint256) {
        return _histories[key].count();
    }

    /// @inheritdoc IConsentRegistry
    function expiryCap(uint32 jurisdiction, uint32 purpose) external view returns (uint32) {
        return _caps[_capPlace(jurisdiction, purpose)];
    }

    /// @inheritdoc IConsentRegistry
    function happening(uint32 term) external view returns (Happening memory) {
        return _happenings[term];
    }

    /// @inheritdoc IConsentRegistry
    function keyOf(
        bytes32 subject,
        uint32 purpose,
        uint32 recipient,
        uint32 category
    ) external pure returns (bytes32) {
        return _keyOf(subject, Decisions.scope(purpose, recipient, category));
    }

    /// @inheritdoc IConsentRegistry
    function permissionAt(
        bytes32 subject,
        uint32 purpose,
        uint32 recipient,
        uint32 category,
        uint256 effectiveAt,
        uint256 knownAt
    ) public view returns (bool permitted, bytes32 key, uint256 number) {
        uint256 same = (purpose == 0 ? 4 : 0) | (recipient == 0 ? 2 : 0) | (category == 0 ? 1 : 0);
        uint256 erasedAt = subjects.erasedAt(subject);
        if (erasedAt != 0 && erasedAt <= effectiveAt && erasedAt <= knownAt) return (false, 0, 0);
        for (uint256 left = SCOPES; left != 0; --left) {
            uint256 wide = left - 1;
            // A place that is asked about as all is not widened again.
            if (wide & same != 0) continue;
            bytes32 wider = _keyOf(
                subject,
                Decisions.scope(
                    wide & 4 == 0 ? purpose : 0,
                    wide & 2 == 0 ? recipient : 0,
                    wide & 1 == 0 ? category : 0
                )
            );
            (uint256 found, Decision decision) = _histories[wider].inForce(effectiveAt, knownAt);
            if (found == 0) continue;
            State state = _stateOf(decision, effectiveAt, knownAt);
            if (state.isDenial()) return (false, wider, found);
            if (state.isGrant()) (permitted, key, number) = (true, wider, found);
        }
    }

    /// @inheritdoc IConsentRegistry
    function statementDigest(Statement calldata statement) public view returns (bytes32) {
        return _hashTypedDataV4(Statements.hash(statement));
    }

    function _record(
        bytes32 subject,
        Entry entry,
        bytes32 evidence,
        address by,
        uint256 corrects,
        uint256 terms,
        bool isPaused
    ) private {
        if (subject == 0) revert ConsentNoSubject();
        if (isPaused && !entry.isIn(Decisions.DENIALS)) revert EnforcedPause();
        if (!entry.isWithin(terms)) revert ConsentTermUnknown(entry, terms);
        uint256 effective = entry.effectiveOf();
        if (effective == 0) effective = block.timestamp;
        else if (effective > block.timestamp) revert ConsentNotYetEffective(effective, block.timestamp);
        uint256 expires = corrects == 0 ? _expiryOf(entry, effective) : _expiryAsGiven(entry, effective);

        Decision decision = entry.kept(block.timestamp, effective, expires, corrects);
        uint256 number = _histories[_keyOf(subject, entry.scopeOf())].append(decision);
        emit DecisionRecorded(subject, by, entry, (number << 128) | Decision.unwrap(decision), evidence);
    }

    /// @dev What recording goes by, read once a call: how many terms there are, and whether only denials are accepted.
    function _rules() private view returns (uint256 terms, bool isPaused) {
        if (block.timestamp > type(uint32).max) revert ConsentTimeOutOfRange(block.timestamp, type(uint32).max);
        return (termCount, paused());
    }

    function _honour(Honour calldata honoured) private {
        uint96 scope = Decisions.scope(honoured.purpose, honoured.recipient, honoured.category);
        bytes32 key = _keyOf(honoured.subject, scope);
        uint256 number = honoured.number;
        uint256 count = _histories[key].count();
        if (number == 0 || number > count) revert ConsentDecisionUnknown(key, number, count);
        uint32 by = honoured.honouredBy;
        _requireDefined(by);
        if (honoured.recipient != 0 && by != honoured.recipient) revert ConsentRecipientDiffers(by, honoured.recipient);
        Decision denial = _histories[key].at(number);
        State state = denial.stateOf();
        if (!state.isDenial()) revert ConsentNotDenied(key, number, state);
        uint40 at = honoured.honouredAt;
        if (at > block.timestamp) revert ConsentNotYetEffective(at, block.timestamp);
        if (at < denial.effectiveOf()) revert ConsentHonouredBeforeEffect(at, denial.effectiveOf());
        emit DenialHonoured(honoured.subject, key, by, number, at, honoured.evidence);
    }

    /// @dev As given; a grant within the cap of its jurisdiction and purpose, or else of its jurisdiction.
    function _expiryOf(Entry entry, uint256 effective) private view returns (uint256 expires) {
        expires = _expiryAsGiven(entry, effective);
        uint32 jurisdiction = entry.jurisdictionOf();
        if (jurisdiction == 0 || entry.isByEvent() || !entry.isIn(Decisions.GRANTS)) return expires;
        uint256 cap = _caps[_capPlace(jurisdiction, entry.purposeOf())];
        if (cap == 0) cap = _caps[_capPlace(jurisdiction, 0)];
        if (cap == 0) return expires;
        uint256 latest = effective + cap;
        if (latest > type(uint32).max) latest = type(uint32).max;
        if (expires > latest) revert ConsentExpiryBeyondCap(expires, latest);
        if (expires == 0) expires = latest;
    }

    /// @dev A time after the effect, or the term of an event that has not happened by then, with which grants can expire.
    function _expiryAsGiven(Entry entry, uint256 effective) private view returns (uint256 expires) {
        expires = entry.expiresOf();
        if (!entry.isByEvent()) {
            if (expires != 0 && expires <= effective) revert ConsentExpiresBeforeEffect(expires, effective);
            return expires;
        }
        if (expires == 0) revert ConsentExpiryEventMissing();
        if (!entry.isIn(Decisions.GRANTS)) revert ConsentExpiryEventOfNoGrant();
        Happening storage found = _happenings[uint32(expires)];
        if (found.recorded != 0 && found.effective <= effective) {
            revert ConsentExpiresBeforeEffect(found.effective, effective);
        }
    }

    /// @dev The state of the decision in force: Expired once its date has come, or what it was tied to has happened.
    function _stateOf(Decision decision, uint256 effectiveAt, uint256 knownAt) private view returns (State) {
        uint256 expires = decision.expiresOf();
        if (decision.isByEvent()) {
            Happening storage found = _happenings[uint32(expires)];
            bool isKnown = found.recorded != 0 && found.recorded <= knownAt;
            if (isKnown && found.effective <= effectiveAt) return State.Expired;
        } else if (expires != 0 && expires <= effectiveAt) {
            return State.Expired;
        }
        return decision.stateOf();
    }

    function _requireSpeaker(address account, bytes32 subject, Entry entry) private view {
        (uint32 purpose, uint32 recipient, uint32 category) = Decisions.terms(entry.scopeOf());
        if (!subjects.speaksFor(account, subject, purpose, recipient, category)) {
            revert ConsentNotAllowed(account, subject);
        }
    }

    /// @dev The entry that a statement spells out.
    function _entryOf(Statement calldata statement) private view returns (Entry) {
        uint32 term = _termIn(statement.expiryEvent, "");
        if (statement.effective == 0) revert ConsentEffectMissing();
        if (term != 0 && statement.expires != 0) revert ConsentExpiryTwice(statement.expires, term);
        uint96 scope = Decisions.scope(
            _termIn(statement.purpose, "*"),
            _termIn(statement.recipient, "*"),
            _termIn(statement.category, "*")
        );
        uint256 said = (uint256(scope) << 160) |
            (uint256(_termIn(statement.notice, "")) << 128) |
            (uint256(_termIn(statement.jurisdiction, "")) << 96);
        uint256 when = (_seconds(statement.effective) << 64) | ((term == 0 ? _seconds(statement.expires) : term) << 32);
        return Decisions.signed(said | when, term != 0, Statements.stateOf(statement.state));
    }

    /// @dev The number of a term, 0 for what stands for none.
    function _termIn(string calldata iri, string memory none) private view returns (uint32) {
        bytes32 digest = keccak256(bytes(iri));
        return digest == keccak256(bytes(none)) ? 0 : _defined(digest);
    }

    function _shown(uint256 number, Decision decision) private pure returns (Recorded memory shown) {
        shown.number = number;
        shown.state = decision.stateOf();
        shown.basis = decision.basisOf();
        shown.method = decision.methodOf();
        shown.effective = decision.effectiveOf();
        shown.recorded = decision.recordedOf();
        if (decision.isByEvent()) shown.expiryEvent = decision.expiresOf();
        else shown.expires = decision.expiresOf();
        shown.corrects = decision.correctsOf();
    }

    function _seconds(uint40 time) private pure returns (uint256) {
        if (time > type(uint32).max) revert ConsentTimeOutOfRange(time, type(uint32).max);
        return time;
    }

    function _capPlace(uint32 jurisdiction, uint32 purpose) private pure returns (uint256) {
        return (uint256(jurisdiction) << 32) | purpose;
    }

    function _keyOf(bytes32 subject, uint96 scope) private pure returns (bytes32) {
        return Hashes.efficientKeccak256(subject, bytes32(uint256(scope)));
    }
}
