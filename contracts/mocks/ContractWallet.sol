// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @title A wallet that is a contract, with one owner, and the ways in which such wallets answer wrongly
contract ContractWallet {
    enum Answer {
        Honest, // approves what its owner signed
        Refuses, // whatever it is asked
        Reverts,
        Short, // the word of approval, a byte short
        Dirty, // the word of approval, with something behind it
        Counts, // writes to its own storage, and approves
        Devours // uses up what gas it is given
    }

    address public immutable owner;
    Answer public answer;
    uint256 public count;

    error ContractWalletNotOwner(address caller);
    error ContractWalletReverted();

    constructor(address owner_) {
        owner = owner_;
    }

    function setAnswer(Answer answer_) external {
        answer = answer_;
    }

    /// @notice Calls anything as this wallet.
    function execute(address target, bytes calldata message) external {
        if (msg.sender != owner) revert ContractWalletNotOwner(msg.sender);
        // solhint-disable-next-line avoid-low-level-calls
        (bool hasSucceeded, bytes memory returned) = target.call(message);
        if (hasSucceeded) return;
        // Reads only memory the compiler allocated: hands on the reason for the refusal.
        assembly ("memory-safe") {
            revert(add(returned, 0x20), mload(returned))
        }
    }

    /// @notice ERC-1271. Not a view, for nothing makes a wallet keep to that but the way it is called.
    function isValidSignature(bytes32 hash, bytes calldata signature) external returns (bytes4) {
        bytes4 approval = IERC1271.isValidSignature.selector;
        if (answer == Answer.Refuses) return 0xffffffff;
        if (answer == Answer.Reverts) revert ContractWalletReverted();
        if (answer == Answer.Short) _return(approval, 31);
        if (answer == Answer.Dirty) _return(approval | bytes32(uint256(1)), 32);
        if (answer == Answer.Counts) ++count;
        if (answer == Answer.Devours) _devour();
        (address signer, ECDSA.RecoverError failure, ) = ECDSA.tryRecover(hash, signature);
        bool isApproved = failure == ECDSA.RecoverError.NoError && signer == owner;
        return isApproved ? approval : bytes4(0xffffffff);
    }

    /// @dev Ends the call with the first `size` bytes of `value`.
    function _return(bytes32 value, uint256 size) private pure {
        assembly ("memory-safe") {
            mstore(0x00, value)
            return(0x00, size)
        }
    }

    function _devour() private pure {
        // An invalid instruction takes all the gas of its call.
        assembly ("memory-safe") {
            invalid()
        }
    }
}
