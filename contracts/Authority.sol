// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

/// @title Who may do what, for every contract of the suite
/// @notice OpenZeppelin's AccessManager with the roles of an insurer named. The administrator (role 0) grants them and
/// decides which function asks for which; anything restricted that was given no role is the administrator's alone.
contract Authority is AccessManager {
    uint64 public constant ACTUARY = 1; // registers products
    uint64 public constant UNDERWRITER = 2; // issues books, cancels policies
    uint64 public constant SUPERVISOR = 3; // sets daily caps and the least collateral
    uint64 public constant CHALLENGER = 4; // disputes reports
    uint64 public constant ARBITER = 5; // upholds or replaces disputed reports
    uint64 public constant GUARDIAN = 6; // pauses and resumes
    uint64 public constant BOOKKEEPER = 7; // the policy books, on the pool: reserves and pays
    uint64 public constant OPERATOR = 8; // binds wallets, and records what customers say
    uint64 public constant VERIFIER = 9; // establishes who a subject is
    uint64 public constant COMPLIANCE = 10; // corrects, caps, revokes, erases

    constructor(address administrator) AccessManager(administrator) {}
}
