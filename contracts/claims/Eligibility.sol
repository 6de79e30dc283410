// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IConsentRegistry} from "../consent/IConsentRegistry.sol";
import {ISubjects, Level} from "../identity/ISubjects.sol";
import {IEligibility} from "./IEligibility.sol";
import {IProductRegister} from "./IProductRegister.sol";

/// @title Eligibility, see IEligibility
/// @notice Where claims meet identity and consent.
contract Eligibility is IEligibility {
    ISubjects public immutable subjects;
    IConsentRegistry public immutable consents;

    constructor(ISubjects subjects_, IConsentRegistry consents_) {
        subjects = subjects_;
        consents = consents_;
    }

    /// @inheritdoc IEligibility
    function isEligible(
        address payee,
        IProductRegister.Requirement calldata requirement
    ) external view returns (bool) {
        (Level level, uint32 purpose) = (requirement.verification, requirement.purpose);
        if (level == Level.None && purpose == 0) return true;
        bytes32 subject = subjects.subjectOf(payee);
        if (subject == 0) return false;
        if (level != Level.None && !subjects.isVerified(subject, level)) return false;
        return purpose == 0 || consents.isPermitted(subject, purpose, requirement.recipient, requirement.category);
    }
}
