// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Where the money is
/// @notice An ERC-4626 vault that backs policy books. Part of its assets is reserved for policies in force and part is
/// owed to payees whose transfer failed; neither can be withdrawn by those who put up the capital. Leaving takes
/// notice, then a window to leave in: whoever hears of a loss and wants out is held until its claims are paid. The
/// token must take no fee and call nobody on transfer.
interface ICapitalPool {
    /// @notice One policy's money.
    struct Payment {
        uint32 number; // of the policy in its book
        address payee;
        uint96 amount; // token base units
    }

    /// @notice A shareholder's announced exit.
    struct Notice {
        uint160 shares; // that may leave
        uint40 opensAt; // UTC seconds
        uint40 closesAt; // UTC seconds, from here the notice has lapsed
    }

    event PremiumCollected(uint32 indexed bookId, address indexed from, uint96 amount);
    event Reserved(uint32 indexed bookId, uint96 amount);
    event Released(uint32 indexed bookId, uint96 amount);
    event Paid(uint32 indexed bookId, address indexed payee, uint32 number, uint96 amount);
    event Refunded(uint32 indexed bookId, address indexed payee, uint32 number, uint96 amount);
    /// @notice A transfer failed: the money is kept for the payee.
    event Owed(uint32 indexed bookId, address indexed payee, uint32 number, uint96 amount);
    event OwedWithdrawn(address indexed payee, address indexed to, uint256 amount);
    event NoticeGiven(address indexed owner, uint160 shares, uint40 opensAt, uint40 closesAt);

    error CapitalPoolShort(uint256 held, uint256 needed);
    error CapitalPoolNothingOwed(address payee);
    error CapitalPoolNotPayee(address caller, address payee);
    error CapitalPoolNoticeExceedsShares(uint256 noticed, uint256 held);

    /// @notice Takes a book's premium from `from` and reserves its liability.
    /// @dev Requirements: the caller holds the role of bookkeeper; not paused; the premium is approved; what is held
    /// then covers all that is reserved and owed.
    function underwrite(uint32 bookId, address from, uint96 premium, uint96 reserve) external;

    /// @notice Releases `reserve` and pays each payee; what cannot be transferred is owed.
    /// @dev Requirements: the caller holds the role of bookkeeper; not paused; what is held after the payments covers
    /// all that is still reserved and owed.
    function pay(uint32 bookId, Payment[] calldata payments, uint96 reserve) external;

    /// @notice Releases `reserve` and gives a cancelled policy's premium back.
    /// @dev Requirements: as for {pay}.
    function refund(uint32 bookId, Payment calldata payment, uint96 reserve) external;

    /// @notice Releases `reserve`. Requirements: the caller holds the role of bookkeeper.
    function release(uint32 bookId, uint96 reserve) external;

    /// @notice Sends what is owed to `payee`. Anyone may do so; only the payee may name another recipient.
    /// @dev Works while paused.
    function withdrawOwed(address payee, address to) external returns (uint256 amount);

    /// @notice Announces that the caller may take out `shares`. Replaces an earlier notice; 0 cancels it.
    function giveNotice(uint160 shares) external;

    function notice(address owner) external view returns (Notice memory);

    /// @notice What is kept for a payee whose transfer failed.
    function owed(address payee) external view returns (uint256);

    function totalOwed() external view returns (uint256);

    /// @notice Set aside for policies in force.
    function totalReserved() external view returns (uint256);

    /// @notice Neither reserved nor owed.
    function freeAssets() external view returns (uint256);

    /// @notice Seconds between notice and exit.
    function noticePeriod() external view returns (uint40);

    /// @notice Seconds the exit then stays open.
    function exitWindow() external view returns (uint40);

    /// @notice Stops all payments and withdrawals but {withdrawOwed}. Requirements: the caller is a guardian.
    function pause() external;

    /// @notice Resumes them. Requirements: the caller is a guardian.
    function unpause() external;
}
