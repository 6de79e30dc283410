// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Multiproof} from "./Multiproofs.sol";

/// @title Policies in books, and claims that settle themselves
/// @notice A book is a set of policies under one Merkle root, on one product. Issuing it collects its premium and
/// reserves its liability. Once a final report says what happened, anyone may settle: each policy is proved to be in
/// the book, each observation to be in the report, the product's rule is evaluated here, and the payee is paid.
interface IPolicyBooks {
    struct BookTerms {
        bytes32 root; // of the tree of policies
        uint32 productId;
        uint32 policyCount; // policies are numbered from 0
        uint40 coverFrom; // UTC seconds: before it, single policies can be cancelled
        uint40 coverUntil; // UTC seconds: only reports of periods within the cover count
        uint40 deadline; // UTC seconds: after it nothing is paid and the reserve is released
        uint16 collateral; // share of the sum insured to reserve, in basis points
        uint96 dailyCap; // most to be paid in one UTC day, 0 for no cap
        uint96 sumInsured; // of all policies together, token base units
        uint96 premium; // of all policies together, token base units
    }

    struct Book {
        bytes32 root;
        uint32 productId;
        uint32 policyCount;
        uint40 coverFrom;
        uint40 coverUntil;
        uint40 deadline;
        uint16 collateral;
        uint96 outstanding; // sum insured of policies neither settled nor cancelled
        uint96 reserve; // of it, what the pool holds in reserve
        uint96 paid; // by settlement, owed included
        uint96 paidToday; // of it, on day `today`
        uint32 today; // UTC day of the last payment, in days since 1970
        uint96 dailyCap;
        uint96 premium; // collected and not refunded
    }

    /// @notice What an oracle saw.
    struct Observation {
        bytes32 risk; // UTF-8, right-padded
        int128 value; // in the metric's unit
    }

    /// @notice A policy brought to be settled.
    struct Claim {
        uint32 number; // of the policy in its book
        uint16 observation; // index, in the batch, of the observation of its risk
        address payee;
        uint96 sumInsured;
        bytes32 terms; // hash of premium and reference, see Leaves
    }

    /// @notice A policy brought to be cancelled, in full.
    struct Policy {
        uint32 number;
        bytes32 risk;
        address payee;
        uint96 sumInsured;
        uint96 premium;
        bytes32 ref; // keccak256(salt ‖ the insurer's own policy reference)
    }

    event BookIssued(
        uint32 indexed bookId,
        uint32 indexed productId,
        bytes32 root,
        uint32 policyCount,
        uint96 sumInsured,
        uint96 premium,
        uint96 reserve,
        uint40 coverFrom,
        uint40 coverUntil,
        uint40 deadline
    );
    event Settled(
        uint32 indexed bookId,
        uint32 indexed reportId,
        uint256 settled,
        uint256 skipped,
        uint256 amount
    );
    event Withheld(uint32 indexed bookId, uint32 indexed number, address indexed payee);
    event PolicyCancelled(uint32 indexed bookId, uint32 indexed number, uint96 refund);
    event BookExpired(uint32 indexed bookId, uint96 released);
    event DeadlineExtended(uint32 indexed bookId, uint40 deadline);
    event DailyCapSet(uint32 indexed bookId, uint96 cap);
    event MinimumCollateralSet(uint32 indexed productId, uint16 share);

    error PolicyBooksEmpty();
    error PolicyBooksUnknown(uint32 bookId);
    error PolicyBooksAlreadyIssued(uint32 bookId);
    error PolicyBooksTimesInvalid(uint40 coverFrom, uint40 coverUntil, uint40 deadline, uint256 nowAt);
    error PolicyBooksCoverBackdated(uint40 coverFrom, uint256 today);
    error PolicyBooksCollateralOutOfRange(uint16 share, uint16 atLeast, uint16 atMost);
    error PolicyBooksDeadlinePassed(uint32 bookId, uint40 deadline, uint256 nowAt);
    error PolicyBooksDeadlineAhead(uint32 bookId, uint40 deadline, uint256 nowAt);
    error PolicyBooksNothingReserved(uint32 bookId);
    error PolicyBooksNoClaims();
    error PolicyBooksObservationMissing(uint32 number, uint16 observation);
    error PolicyBooksPeriodOutsideCover(uint40 periodStart, uint40 periodEnd, uint40 coverFrom, uint40 coverUntil);
    error PolicyBooksMetricDiffers(bytes32 reported, bytes32 insured);
    error PolicyBooksNotInBook(bytes32 root, bytes32 expected);
    error PolicyBooksNotInReport(bytes32 root, bytes32 expected);
    error PolicyBooksNumberOutOfRange(uint32 number, uint32 policyCount);
    error PolicyBooksNotDue(uint32 number);
    error PolicyBooksGasShort(uint256 left, uint256 needed);
    error PolicyBooksOverdrawn(uint32 bookId, uint96 outstanding, uint256 needed);
    error PolicyBooksDailyCapExceeded(uint32 bookId, uint96 cap, uint256 needed);
    error PolicyBooksCoverBegun(uint32 bookId, uint40 coverFrom, uint256 nowAt);
    error PolicyBooksAlreadySettled(uint32 bookId, uint32 number);
    error PolicyBooksRefundExceedsPremium(uint96 refund, uint96 premium);
    error PolicyBooksDeadlineNotLater(uint40 deadline, uint40 before);

    /// @notice Issues a book: takes its premium from the caller and reserves its liability.
    /// @dev Requirements:
    /// - a root never issued before and a policy count; a registered product;
    /// - coverFrom ≤ coverUntil ≤ deadline, and the deadline ahead;
    /// - cover from 00:00 UTC of the present day at the earliest, so that no known loss is insured;
    /// - collateral of 100%, or as little as a supervisor allows for the product;
    /// - the premium approved to the pool, and free assets for the reserve;
    /// - the caller holds the role of underwriter.
    /// @return bookId Its id, from 1.
    function issue(BookTerms calldata terms) external returns (uint32 bookId);

    /// @notice Pays what the rule says for each claim, once. Anyone may call it.
    /// A claim whose payee does not meet what the product requires (see IEligibility) is withheld: neither paid nor
    /// marked, so that it can be brought again, until the deadline; the others are paid.
    /// @dev Policies are marked before they are proved, in one pass; a wrong proof undoes all.
    /// Requirements:
    /// - the deadline has not passed; the report is final, on the product's metric, of a period within the cover;
    /// - at least one claim; every observation is in the report and every policy in the book;
    /// - the rule pays something for every claim not skipped;
    /// - the book's daily cap and its sum insured are kept, and the pool is not paused and has the money.
    /// @param observations What was seen of the risks concerned, in the order `inReport` takes them.
    /// @param claims The policies, in the order `inBook` takes them. One already settled or cancelled is skipped.
    /// @return amount What was paid or is now owed, token base units.
    /// @return skipped How many claims had been settled or cancelled before.
    function settle(
        uint32 bookId,
        uint32 reportId,
        Observation[] calldata observations,
        Claim[] calldata claims,
        Multiproof calldata inReport,
        Multiproof calldata inBook
    ) external returns (uint256 amount, uint256 skipped);

    /// @notice Cancels a policy, releases its reserve and refunds its premium, or part of it, to the payee.
    /// @dev Requirements: before cover begins, so that no loss can be cancelled away; the policy is in the book and
    /// not cancelled; the refund is at most its premium, and what is left of the book's; the caller holds the role of
    /// underwriter.
    function cancel(uint32 bookId, Policy calldata policy, uint96 refund, bytes32[] calldata proof) external;

    /// @notice Releases what is left of a book's reserve once its deadline has passed. Anyone may call it.
    function expire(uint32 bookId) external returns (uint96 released);

    /// @notice Gives claims more time, as after a pause or a challenge that took long. Requirements: a later deadline,
    /// before the book has expired; the caller is a supervisor.
    function extendDeadline(uint32 bookId, uint40 deadline) external;

    /// @notice Sets the most a book may pay in a day; 0 lifts the cap. Requirements: the caller is a supervisor.
    function setDailyCap(uint32 bookId, uint96 cap) external;

    /// @notice Sets the least collateral, in basis points, for new books on a product. Requirements: a registered
    /// product; 1 to 10,000; the caller is a supervisor.
    function setMinimumCollateral(uint32 productId, uint16 share) external;

    function book(uint32 bookId) external view returns (Book memory);

    /// @notice How many books were issued; their ids are 1 to this.
    function bookCount() external view returns (uint32);

    /// @notice Whether a policy was settled or cancelled.
    function isSettled(uint32 bookId, uint32 number) external view returns (bool);

    /// @notice The same for many: `count` words of 256 policies each, bit i of word w for policy 256 w + i.
    function settledWords(uint32 bookId, uint32 first, uint32 count) external view returns (uint256[] memory);

    /// @notice The least collateral for new books on a product, in basis points.
    function minimumCollateral(uint32 productId) external view returns (uint16);
}
