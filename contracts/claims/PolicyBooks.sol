// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Level} from "../identity/ISubjects.sol";
import {ICapitalPool} from "./ICapitalPool.sol";
import {IEligibility} from "./IEligibility.sol";
import {IOracleReports} from "./IOracleReports.sol";
import {IPolicyBooks} from "./IPolicyBooks.sol";
import {IProductRegister} from "./IProductRegister.sol";
import {Leaves} from "./Leaves.sol";
import {Multiproof, Multiproofs} from "./Multiproofs.sol";
import {Rules} from "./Rules.sol";

/// @title Books issued, settled, cancelled and expired, see IPolicyBooks
/// @dev Uses of time: cover, deadlines and daily caps count in days, so a validator's freedom over the timestamp
/// changes nothing.
contract PolicyBooks is IPolicyBooks, AccessManaged {
    using SafeCast for uint256;

    /// @dev On which a batch is settled.
    struct Terms {
        uint16[] shares; // what the rule pays for each observation, in basis points
        bool isConditional; // whether anything is required of payees
        IProductRegister.Requirement requirement;
    }

    uint16 private constant WHOLE = 10_000;
    /// @dev What asking about one payee may cost: hundreds of decisions' reading. One whose history takes more is withheld.
    uint256 private constant ELIGIBILITY_GAS = 400_000;
    uint256 private constant CALL_GAS = 10_000;

    IProductRegister public immutable products;
    IOracleReports public immutable reports;
    ICapitalPool public immutable pool;
    IEligibility public immutable eligibility;

    /// @inheritdoc IPolicyBooks
    uint32 public bookCount;
    mapping(uint32 bookId => Book) private _books;
    mapping(bytes32 root => uint32 bookId) private _issued;
    /// @dev 256 policies a word; a set bit is a policy settled or cancelled.
    mapping(uint32 bookId => mapping(uint256 word => uint256 bits)) private _settled;
    mapping(uint32 productId => uint16 share) private _minimumCollateral;

    constructor(
        address authority,
        IProductRegister products_,
        IOracleReports reports_,
        ICapitalPool pool_,
        IEligibility eligibility_
    ) AccessManaged(authority) {
        products = products_;
        reports = reports_;
        pool = pool_;
        eligibility = eligibility_;
    }

    /// @inheritdoc IPolicyBooks
    function issue(BookTerms calldata terms) external restricted returns (uint32 bookId) {
        if (terms.root == 0 || terms.policyCount == 0) revert PolicyBooksEmpty();
        if (_issued[terms.root] != 0) revert PolicyBooksAlreadyIssued(_issued[terms.root]);
        bool inOrder = terms.coverFrom <= terms.coverUntil && terms.coverUntil <= terms.deadline;
        if (!inOrder || terms.deadline <= block.timestamp) {
            revert PolicyBooksTimesInvalid(terms.coverFrom, terms.coverUntil, terms.deadline, block.timestamp);
        }
        uint256 today = block.timestamp - (block.timestamp % 1 days);
        if (terms.coverFrom < today) revert PolicyBooksCoverBackdated(terms.coverFrom, today);
        products.product(terms.productId); // reverts if unknown
        uint16 atLeast = minimumCollateral(terms.productId);
        if (terms.collateral < atLeast || terms.collateral > WHOLE) {
            revert PolicyBooksCollateralOutOfRange(terms.collateral, atLeast, WHOLE);
        }

        bookId = ++bookCount;
        _issued[terms.root] = bookId;
        uint96 reserve = Math.mulDiv(terms.sumInsured, terms.collateral, WHOLE, Math.Rounding.Ceil).toUint96();
        Book storage added = _books[bookId];
        added.root = terms.root;
        added.productId = terms.productId;
        added.policyCount = terms.policyCount;
        added.coverFrom = terms.coverFrom;
        added.coverUntil = terms.coverUntil;
        added.deadline = terms.deadline;
        added.collateral = terms.collateral;
        added.dailyCap = terms.dailyCap;
        added.outstanding = terms.sumInsured;
        added.reserve = reserve;
        added.premium = terms.premium;

        pool.underwrite(bookId, msg.sender, terms.premium, reserve);
        _emitIssued(bookId, terms, reserve);
    }

    /// @inheritdoc IPolicyBooks
    function settle(
        uint32 bookId,
        uint32 reportId,
        Observation[] calldata observations,
        Claim[] calldata claims,
        Multiproof calldata inReport,
        Multiproof calldata inBook
    ) external returns (uint256 amount, uint256 skipped) {
        if (claims.length == 0) revert PolicyBooksNoClaims();
        Book storage book_ = _known(bookId);
        if (block.timestamp > book_.deadline) {
            revert PolicyBooksDeadlinePassed(bookId, book_.deadline, block.timestamp);
        }
        Terms memory terms = _terms(book_, reportId, observations, inReport);
        bytes32[] memory leaves = new bytes32[](claims.length);
        ICapitalPool.Payment[] memory payments = new ICapitalPool.Payment[](claims.length);
        uint256 sumInsured;
        (amount, sumInsured, skipped) = _mark(bookId, observations, claims, terms, leaves, payments);
        bytes32 reached = Multiproofs.rootOf(leaves, inBook);
        if (reached != book_.root) revert PolicyBooksNotInBook(reached, book_.root);

        if (payments.length != 0) {
            _countPaid(bookId, book_, amount);
            pool.pay(bookId, payments, _drawReserve(bookId, book_, sumInsured));
        }
        emit Settled(bookId, reportId, payments.length, skipped, amount);
    }

    /// @inheritdoc IPolicyBooks
    function cancel(
        uint32 bookId,
        Policy calldata policy,
        uint96 refund,
        bytes32[] calldata proof
    ) external restricted {
        Book storage book_ = _known(bookId);
        if (block.timestamp >= book_.coverFrom) {
            revert PolicyBooksCoverBegun(bookId, book_.coverFrom, block.timestamp);
        }
        uint96 refundable = policy.premium < book_.premium ? policy.premium : book_.premium;
        if (refund > refundable) revert PolicyBooksRefundExceedsPremium(refund, refundable);
        bytes32 root = MerkleProof.processProofCalldata(proof, _leafOf(policy));
        if (root != book_.root) revert PolicyBooksNotInBook(root, book_.root);
        if (policy.number >= book_.policyCount) {
            revert PolicyBooksNumberOutOfRange(policy.number, book_.policyCount);
        }
        if (isSettled(bookId, policy.number)) revert PolicyBooksAlreadySettled(bookId, policy.number);

        _settled[bookId][policy.number >> 8] |= 1 << (policy.number & 0xff);
        book_.premium -= refund;
        uint96 reserve = _drawReserve(bookId, book_, policy.sumInsured);
        pool.refund(bookId, ICapitalPool.Payment(policy.number, policy.payee, refund), reserve);
        emit PolicyCancelled(bookId, policy.number, refund);
    }

    /// @inheritdoc IPolicyBooks
    function expire(uint32 bookId) external returns (uint96 released) {
        Book storage book_ = _known(bookId);
        if (block.timestamp <= book_.deadline) {
            revert PolicyBooksDeadlineAhead(bookId, book_.deadline, block.timestamp);
        }
        released = book_.reserve;
        if (released == 0) revert PolicyBooksNothingReserved(bookId);
        book_.reserve = 0;
        pool.release(bookId, released);
        emit BookExpired(bookId, released);
    }

    /// @inheritdoc IPolicyBooks
    function extendDeadline(uint32 bookId, uint40 deadline) external restricted {
        Book storage book_ = _known(bookId);
        if (deadline <= book_.deadline) revert PolicyBooksDeadlineNotLater(deadline, book_.deadline);
        if (book_.reserve == 0) revert PolicyBooksNothingReserved(bookId);
        book_.deadline = deadline;
        emit DeadlineExtended(bookId, deadline);
    }

    /// @inheritdoc IPolicyBooks
    function setDailyCap(uint32 bookId, uint96 cap) external restricted {
        _known(bookId).dailyCap = cap;
        emit DailyCapSet(bookId, cap);
    }

    /// @inheritdoc IPolicyBooks
    function setMinimumCollateral(uint32 productId, uint16 share) external restricted {
        products.product(productId); // reverts if unknown
        if (share == 0 || share > WHOLE) revert PolicyBooksCollateralOutOfRange(share, 1, WHOLE);
        _minimumCollateral[productId] = share;
        emit MinimumCollateralSet(productId, share);
    }

    /// @inheritdoc IPolicyBooks
    function book(uint32 bookId) external view returns (Book memory) {
        return _known(bookId);
    }

    /// @inheritdoc IPolicyBooks
    function settledWords(uint32 bookId, uint32 first, uint32 count) external view returns (uint256[] memory words) {
        words = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) words[i] = _settled[bookId][first + i];
    }

    /// @inheritdoc IPolicyBooks
    function isSettled(uint32 bookId, uint32 number) public view returns (bool) {
        return (_settled[bookId][number >> 8] >> (number & 0xff)) & 1 == 1;
    }

    /// @inheritdoc IPolicyBooks
    function minimumCollateral(uint32 productId) public view returns (uint16) {
        uint16 allowed = _minimumCollateral[productId];
        return allowed == 0 ? WHOLE : allowed;
    }

    /// @dev Marks what is not yet marked. Writes every policy's leaf to `leaves`, for the caller to prove, and what is
    /// to be paid to `payments`, cut to that length. Policies of one risk are neighbours, so a word of marks is kept at
    /// hand until a claim leaves it; the one call made meanwhile, about eligibility, is static.
    function _mark(
        uint32 bookId,
        Observation[] calldata observations,
        Claim[] calldata claims,
        Terms memory terms,
        bytes32[] memory leaves,
        ICapitalPool.Payment[] memory payments
    ) private returns (uint256 amount, uint256 sumInsured, uint256 skipped) {
        mapping(uint256 => uint256) storage settled = _settled[bookId];
        uint32 policyCount = _books[bookId].policyCount;
        uint256 word = claims[0].number >> 8;
        uint256 bits = settled[word];
        uint256 due = 0;
        for (uint256 i = 0; i < claims.length; ++i) {
            Claim calldata claim = claims[i];
            (uint32 number, uint16 seen, uint96 sum) = (claim.number, claim.observation, claim.sumInsured);
            if (seen >= observations.length) revert PolicyBooksObservationMissing(number, seen);
            leaves[i] = Leaves.policy(number, observations[seen].risk, claim.payee, sum, claim.terms);
            if (number >= policyCount) revert PolicyBooksNumberOutOfRange(number, policyCount);
            if (number >> 8 != word) {
                settled[word] = bits;
                word = number >> 8;
                bits = settled[word];
            }
            uint256 bit = 1 << (number & 0xff);
            if (bits & bit != 0) {
                ++skipped;
                continue;
            }
            uint96 part = uint96(_part(sum, terms.shares[seen])); // safe: no product has a share above WHOLE
            if (part == 0) revert PolicyBooksNotDue(number);
            if (terms.isConditional && _isWithheld(bookId, number, claim.payee, terms.requirement)) continue;
            bits |= bit;
            _write(payments[due], number, claim.payee, part);
            // Safe: no more than 2^32 sums of 96 bits are added up, for a policy is marked once.
            unchecked {
                ++due;
                sumInsured += sum;
                amount += part;
            }
        }
        settled[word] = bits;
        // Memory-safe: shortens an array this contract allocated, never lengthens it.
        assembly ("memory-safe") {
            mstore(payments, due)
        }
    }

    /// @dev Says so if the payee does not meet the requirement. One about whom nothing can be learnt does not.
    function _isWithheld(
        uint32 bookId,
        uint32 number,
        address payee,
        IProductRegister.Requirement memory requirement
    ) private returns (bool withheld) {
        // Of the gas left, 63 parts in 64 can be passed on: with less than it may need, the answer would be no.
        uint256 needed = (ELIGIBILITY_GAS * 64) / 63 + CALL_GAS;
        if (gasleft() < needed) revert PolicyBooksGasShort(gasleft(), needed);
        try eligibility.isEligible{gas: ELIGIBILITY_GAS}(payee, requirement) returns (bool eligible) {
            withheld = !eligible;
        } catch {
            withheld = true;
        }
        if (withheld) emit Withheld(bookId, number, payee);
    }

    /// @dev Counts a batch's payments, within the day's cap.
    function _countPaid(uint32 bookId, Book storage book_, uint256 amount) private {
        uint32 today = uint32(block.timestamp / 1 days);
        uint256 paidToday = (book_.today == today ? book_.paidToday : 0) + amount;
        uint96 cap = book_.dailyCap;
        if (cap != 0 && paidToday > cap) revert PolicyBooksDailyCapExceeded(bookId, cap, paidToday);
        book_.paid += amount.toUint96();
        book_.paidToday = paidToday.toUint96();
        book_.today = today;
    }

    /// @dev A book whose terms understate its policies' sums is stopped here, before it touches another's reserve.
    /// Rounded down for every draw and up at issue, the reserve never runs out before the sum insured does.
    function _drawReserve(
        uint32 bookId,
        Book storage book_,
        uint256 sumInsured
    ) private returns (uint96 reserve) {
        uint96 outstanding = book_.outstanding;
        if (sumInsured > outstanding) revert PolicyBooksOverdrawn(bookId, outstanding, sumInsured);
        reserve = _part(sumInsured, book_.collateral).toUint96();
        book_.outstanding = outstanding - uint96(sumInsured);
        book_.reserve -= reserve;
    }

    /// @return terms What the product's rule pays for each observation, all proved to be in the final report, and what
    /// it requires of payees.
    function _terms(
        Book storage book_,
        uint32 reportId,
        Observation[] calldata observations,
        Multiproof calldata inReport
    ) private view returns (Terms memory terms) {
        IOracleReports.Report memory report = reports.finalReport(reportId);
        (uint40 coverFrom, uint40 coverUntil) = (book_.coverFrom, book_.coverUntil);
        if (report.periodStart < coverFrom || report.periodEnd > coverUntil) {
            revert PolicyBooksPeriodOutsideCover(report.periodStart, report.periodEnd, coverFrom, coverUntil);
        }
        IProductRegister.Product memory product = products.product(book_.productId);
        if (report.metric != product.metric) revert PolicyBooksMetricDiffers(report.metric, product.metric);

        bytes32[] memory leaves = new bytes32[](observations.length);
        terms.shares = new uint16[](observations.length);
        for (uint256 i = 0; i < observations.length; ++i) {
            Observation calldata seen = observations[i];
            leaves[i] = Leaves.observation(seen.risk, seen.value);
            terms.shares[i] = Rules.shareOf(product, seen.value);
        }
        bytes32 reached = Multiproofs.rootOf(leaves, inReport);
        if (reached != report.root) revert PolicyBooksNotInReport(reached, report.root);
        terms.requirement = product.requirement;
        terms.isConditional = product.requirement.purpose != 0 || product.requirement.verification != Level.None;
    }

    function _known(uint32 bookId) private view returns (Book storage known) {
        known = _books[bookId];
        if (known.policyCount == 0) revert PolicyBooksUnknown(bookId);
    }

    function _emitIssued(uint32 bookId, BookTerms calldata terms, uint96 reserve) private {
        emit BookIssued(
            bookId,
            terms.productId,
            terms.root,
            terms.policyCount,
            terms.sumInsured,
            terms.premium,
            reserve,
            terms.coverFrom,
            terms.coverUntil,
            terms.deadline
        );
    }

    function _leafOf(Policy calldata policy) private pure returns (bytes32) {
        bytes32 terms = Leaves.terms(policy.premium, policy.ref);
        return Leaves.policy(policy.number, policy.risk, policy.payee, policy.sumInsured, terms);
    }

    function _write(ICapitalPool.Payment memory payment, uint32 number, address payee, uint96 amount) private pure {
        (payment.number, payment.payee, payment.amount) = (number, payee, amount);
    }

    /// @return A share of a sum, in basis points, rounded down.
    function _part(uint256 sum, uint16 share) private pure returns (uint256) {
        return (sum * share) / WHOLE;
    }
}
