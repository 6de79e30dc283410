// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Terms and their numbers
/// @notice Purposes, recipients, categories of data, jurisdictions, notices and the events that consents expire with
/// are IRIs. Each gets a number once, from 1, which stands for it for good. Nothing personal belongs into an IRI.
interface IVocabulary {
    event TermDefined(uint32 indexed term, bytes32 indexed digest, string iri);

    error VocabularyIriLength(uint256 length, uint256 atMost);
    error VocabularyIriMalformed(string iri);
    error VocabularyTermUnknown(bytes32 digest);
    error VocabularyTermOutOfRange(uint256 term, uint32 termCount);

    /// @notice Numbers IRIs; those that have a number keep it. Requirements: 1 to 200 bytes each, printed ASCII without
    /// blanks, with a scheme; the caller is an operator.
    function defineTerms(string[] calldata iris) external;

    /// @notice How many terms there are; their numbers are 1 to this.
    function termCount() external view returns (uint32);

    /// @notice The number of an IRI, 0 for none.
    function termOf(string calldata iri) external view returns (uint32);
}
