// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC20, IERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {ICapitalPool} from "./ICapitalPool.sol";

/// @title The vault behind the books, see ICapitalPool
/// @dev Uses of time: notice counts in days, so a validator's freedom over the timestamp changes nothing.
contract CapitalPool is ICapitalPool, ERC4626, AccessManaged, Pausable, ReentrancyGuard {
    using SafeERC20 for IERC20;

    /// @inheritdoc ICapitalPool
    uint40 public immutable noticePeriod;
    /// @inheritdoc ICapitalPool
    uint40 public immutable exitWindow;
    /// @inheritdoc ICapitalPool
    uint256 public totalReserved;
    /// @inheritdoc ICapitalPool
    uint256 public totalOwed;
    /// @inheritdoc ICapitalPool
    mapping(address payee => uint256) public owed;
    mapping(address owner => Notice) private _notices;

    constructor(
        address authority,
        IERC20 token,
        uint40 noticePeriod_,
        uint40 exitWindow_
    ) ERC4626(token) ERC20("Troth capital", "TROTH") AccessManaged(authority) {
        noticePeriod = noticePeriod_;
        exitWindow = exitWindow_;
    }

    /// @inheritdoc ICapitalPool
    function underwrite(
        uint32 bookId,
        address from,
        uint96 premium,
        uint96 reserve
    ) external restricted whenNotPaused nonReentrant {
        IERC20(asset()).safeTransferFrom(from, address(this), premium);
        totalReserved += reserve;
        _requireCovered();
        emit PremiumCollected(bookId, from, premium);
        emit Reserved(bookId, reserve);
    }

    /// @inheritdoc ICapitalPool
    function pay(
        uint32 bookId,
        Payment[] calldata payments,
        uint96 reserve
    ) external restricted whenNotPaused nonReentrant {
        _release(bookId, reserve);
        for (uint256 i = 0; i < payments.length; ++i) {
            (uint32 number, address payee, uint96 amount) = _read(payments[i]);
            if (_sent(bookId, number, payee, amount)) emit Paid(bookId, payee, number, amount);
        }
        _requireCovered();
    }

    /// @inheritdoc ICapitalPool
    function refund(
        uint32 bookId,
        Payment calldata payment,
        uint96 reserve
    ) external restricted whenNotPaused nonReentrant {
        _release(bookId, reserve);
        (uint32 number, address payee, uint96 amount) = _read(payment);
        if (_sent(bookId, number, payee, amount)) emit Refunded(bookId, payee, number, amount);
        _requireCovered();
    }

    /// @inheritdoc ICapitalPool
    function release(uint32 bookId, uint96 reserve) external restricted {
        _release(bookId, reserve);
    }

    /// @inheritdoc ICapitalPool
    function withdrawOwed(address payee, address to) external nonReentrant returns (uint256 amount) {
        if (to != payee && msg.sender != payee) revert CapitalPoolNotPayee(msg.sender, payee);
        amount = owed[payee];
        if (amount == 0) revert CapitalPoolNothingOwed(payee);
        owed[payee] = 0;
        totalOwed -= amount;
        IERC20(asset()).safeTransfer(to, amount);
        emit OwedWithdrawn(payee, to, amount);
    }

    /// @inheritdoc ICapitalPool
    function giveNotice(uint160 shares) external {
        uint256 held = balanceOf(msg.sender);
        if (shares > held) revert CapitalPoolNoticeExceedsShares(shares, held);
        uint40 opensAt = uint40(block.timestamp) + noticePeriod;
        uint40 closesAt = opensAt + exitWindow;
        _notices[msg.sender] = Notice(shares, opensAt, closesAt);
        emit NoticeGiven(msg.sender, shares, opensAt, closesAt);
    }

    /// @inheritdoc ICapitalPool
    function notice(address owner) external view returns (Notice memory) {
        return _notices[owner];
    }

    /// @inheritdoc ICapitalPool
    function pause() external restricted {
        _pause();
    }

    /// @inheritdoc ICapitalPool
    function unpause() external restricted {
        _unpause();
    }

    /// @inheritdoc ICapitalPool
    function freeAssets() public view returns (uint256) {
        return Math.saturatingSub(super.totalAssets(), totalReserved + totalOwed);
    }

    /// @notice What the shares are worth together: everything held but what is owed to payees.
    function totalAssets() public view override returns (uint256) {
        return Math.saturatingSub(super.totalAssets(), totalOwed);
    }

    /// @notice 0 while paused.
    function maxDeposit(address) public view override returns (uint256) {
        return paused() ? 0 : type(uint256).max;
    }

    /// @notice 0 while paused.
    function maxMint(address) public view override returns (uint256) {
        return paused() ? 0 : type(uint256).max;
    }

    /// @notice What `owner` can take out now: under notice, in its window, and from free assets.
    function maxWithdraw(address owner) public view override returns (uint256) {
        return convertToAssets(maxRedeem(owner));
    }

    /// @notice As {maxWithdraw}, in shares.
    function maxRedeem(address owner) public view override returns (uint256) {
        Notice storage given = _notices[owner];
        bool open = given.opensAt <= block.timestamp && block.timestamp < given.closesAt;
        if (paused() || !open) return 0;
        uint256 leaving = Math.min(given.shares, balanceOf(owner));
        return Math.min(leaving, convertToShares(freeAssets()));
    }

    function _deposit(address caller, address receiver, uint256 assets, uint256 shares) internal override nonReentrant {
        super._deposit(caller, receiver, assets, shares);
    }

    function _withdraw(
        address caller,
        address receiver,
        address owner,
        uint256 assets,
        uint256 shares
    ) internal override nonReentrant {
        _notices[owner].shares -= uint160(shares); // maxRedeem keeps them within the notice
        super._withdraw(caller, receiver, owner, assets, shares);
    }

    /// @dev Notice is given on shares, not by an account: shares that leave take theirs along, or one lot passed
    /// around could put any number of accounts under notice.
    function _update(address from, address to, uint256 shares) internal override {
        super._update(from, to, shares);
        uint256 left = balanceOf(from);
        if (_notices[from].shares > left) _notices[from].shares = uint160(left); // less than what was there
    }

    /// @dev Six virtual decimals make the share price too dear to inflate by a donation before the first deposit.
    function _decimalsOffset() internal pure override returns (uint8) {
        return 6;
    }

    /// @dev A failed transfer stops nobody else and loses nothing: the money becomes owed. So does a payment to the
    /// pool itself, which would move nothing.
    /// @return Whether the token moved.
    function _sent(uint32 bookId, uint32 number, address payee, uint96 amount) private returns (bool) {
        if (payee != address(this) && IERC20(asset()).trySafeTransfer(payee, amount)) return true;
        owed[payee] += amount;
        totalOwed += amount;
        emit Owed(bookId, payee, number, amount);
        return false;
    }

    /// @dev Reading a field from calldata checks its width; here each is checked once.
    function _read(Payment calldata payment) private pure returns (uint32 number, address payee, uint96 amount) {
        return (payment.number, payment.payee, payment.amount);
    }

    function _release(uint32 bookId, uint96 reserve) private {
        totalReserved -= reserve;
        emit Released(bookId, reserve);
    }

    /// @dev A transfer the pool cannot afford fails like any other and becomes owed; here the whole call is undone.
    function _requireCovered() private view {
        uint256 held = super.totalAssets();
        uint256 needed = totalReserved + totalOwed;
        if (needed > held) revert CapitalPoolShort(held, needed);
    }
}
