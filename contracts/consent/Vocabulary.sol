// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {IVocabulary} from "./IVocabulary.sol";

/// @title Terms by number, see IVocabulary
/// @dev Inherits what it does so that authority, pause and the number of terms share one slot: recording reads all three.
abstract contract Vocabulary is IVocabulary, AccessManaged, Pausable {
    uint256 private constant IRI_LENGTH = 200;

    /// @inheritdoc IVocabulary
    uint32 public termCount;
    mapping(bytes32 digest => uint32 term) private _terms;

    /// @inheritdoc IVocabulary
    function defineTerms(string[] calldata iris) external restricted {
        for (uint256 i = 0; i < iris.length; ++i) {
            uint256 length = bytes(iris[i]).length;
            if (length == 0 || length > IRI_LENGTH) revert VocabularyIriLength(length, IRI_LENGTH);
            _requireVisible(iris[i]);
            bytes32 digest = keccak256(bytes(iris[i]));
            if (_terms[digest] != 0) continue;
            uint32 term = ++termCount;
            _terms[digest] = term;
            emit TermDefined(term, digest, iris[i]);
        }
    }

    /// @inheritdoc IVocabulary
    function termOf(string calldata iri) external view returns (uint32) {
        return _terms[keccak256(bytes(iri))];
    }

    /// @dev The term of a digest. Reverts if it is not defined.
    function _defined(bytes32 digest) internal view returns (uint32 term) {
        term = _terms[digest];
        if (term == 0) revert VocabularyTermUnknown(digest);
    }

    function _requireDefined(uint256 term) internal view {
        if (term == 0 || term > termCount) revert VocabularyTermOutOfRange(term, termCount);
    }

    /// @dev Printed ASCII only, without blanks, so that two IRIs that look alike are alike, and what a wallet shows is what
    /// is signed. IRIs of other letters are percent-encoded. A colon keeps "*" and plain words out.
    function _requireVisible(string calldata iri) private pure {
        bool hasScheme = false;
        for (uint256 i = 0; i < bytes(iri).length; ++i) {
            bytes1 character = bytes(iri)[i];
            if (character <= 0x20 || character >= 0x7f) revert VocabularyIriMalformed(iri);
            if (character == ":") hasScheme = true;
        }
        if (!hasScheme) revert VocabularyIriMalformed(iri);
    }
}
