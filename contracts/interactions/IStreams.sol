// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Streams of interactions: what was said and done, committed to in batches
/// @notice A stream is a sequence of records kept elsewhere, numbered from 0 without gaps. Its writers commit to it in
/// batches, numbered from 1: one SHA-256 word for each, which opens to a `Batch`. Each batch names the commitment before
/// it, so that the last one stands for the whole stream. Nothing here can be altered or removed.
/// @dev A word is all that is stored of a batch. How many records there are so far is half of what the word before opens
/// to, and the writer opens it: reading one slot costs less than keeping a count in another.
interface IStreams {
    /// @notice What a commitment opens to, see `commitmentOf`.
    struct Batch {
        uint256 stream;
        uint256 number; // from 1
        uint256 first; // index in the stream of the batch's first record, from 0
        uint256 count; // how many records, at least 1
        uint256 time; // when it was anchored, in UTC seconds
        bytes32 root; // of the RFC 9162 tree over the records
        bytes32 subjects; // SHA-256 of size, salt and root of the RFC 9162 tree over the blinded subjects
        bytes32 previous; // commitment of the batch before; for the first, of the stream's origin
    }

    event StreamCreated(uint256 indexed stream, string name, address indexed by);
    event WriterSet(uint256 indexed stream, address indexed writer, bool allowed, address indexed by);
    /// @param records How many records the stream has, this batch included.
    event Anchored(
        uint256 indexed stream, uint256 indexed number, uint256 records, uint256 time, bytes32 root, bytes32 subjects
    );
    /// @notice The switch counted `count` contacts from `from` until before `until`.
    event CountDeclared(
        uint256 indexed stream, uint40 indexed from, uint40 until, uint48 count, address indexed by
    );
    /// @notice Nothing of the stream is to be erased, by reason of `matter`, a salted reference, until it is released.
    event Held(uint256 indexed stream, bytes32 indexed matter, address indexed by);
    event Released(uint256 indexed stream, bytes32 indexed matter, address indexed by);
    /// @notice Records are to be kept `period` seconds, as the class they belong to asks.
    event RetentionSet(uint256 indexed stream, string class, uint40 period, address indexed by);

    error StreamsUnknown(uint256 stream);
    error StreamsNameTaken(string name, uint256 stream);
    error StreamsBadName(string name);
    error StreamsZeroWriter();
    error StreamsNotWriter(uint256 stream, address account);
    error StreamsWrongNumber(uint256 stream, uint256 number);
    error StreamsWrongPrevious(uint256 stream, uint256 number, bytes32 previous);
    error StreamsBadCount(uint256 stream, uint256 first, uint256 count);
    error StreamsBadPeriod(uint40 from, uint40 until);
    error StreamsAlreadyHeld(uint256 stream, bytes32 matter);
    error StreamsNotHeld(uint256 stream, bytes32 matter);
    error StreamsBadRange(uint256 from, uint256 to);

    /// @notice A new stream, numbered from 1, and its first writer.
    /// Requirements: `name` is 1 to 64 of `a` to `z`, digits and hyphens, and no other stream's; `writer` is not zero.
    function create(string calldata name, address writer) external returns (uint256 stream);

    /// @notice Says whether `writer` may anchor batches of a stream.
    function setWriter(uint256 stream, address writer, bool allowed) external;

    /// @notice Commits to the next `count` records of a stream. Sent twice, the second finds its number taken and reverts.
    /// Requirements: the caller is a writer of the stream; `number` is the stream's next; `first` and `previousContents`
    /// open the commitment before; there is at least one record, and 2^48 at most in all.
    /// @param first How many records the stream has so far.
    /// @param previousContents `contentsOf` the batch before; for the first, the stream's origin: SHA-256 of this chain's
    /// id, this contract's address, the stream and the SHA-256 of its name, 32 bytes each.
    function anchor(
        uint256 stream,
        uint256 number,
        uint256 first,
        uint256 count,
        bytes32 root,
        bytes32 subjects,
        bytes32 previousContents
    ) external;

    /// @notice Puts on record what the switch counted in a period of UTC seconds. Requirements: it is over, and not empty.
    function declareCount(uint256 stream, uint40 from, uint40 until, uint48 count) external;

    /// @notice Puts a stream under legal hold. Several matters can hold it at once.
    function hold(uint256 stream, bytes32 matter) external;

    /// @notice Ends the hold of one matter.
    function release(uint256 stream, bytes32 matter) external;

    /// @notice Says how long records of a stream are kept, and by what class.
    function setRetention(uint256 stream, string calldata class, uint40 period) external;

    /// @notice The stream of a name, 0 if there is none.
    function streamOf(string calldata name) external view returns (uint256);

    function isWriter(uint256 stream, address account) external view returns (bool);

    /// @notice How many matters hold a stream.
    function holdsOn(uint256 stream) external view returns (uint256);

    /// @notice How many batches of a stream are anchored.
    function batchesOf(uint256 stream) external view returns (uint256);

    /// @notice The commitments of batches `from` to `to`, both included, 0 for those not anchored; number 0 is the origin's.
    /// All that checking a receipt asks of a chain.
    function commitments(uint256 stream, uint256 from, uint256 to) external view returns (bytes32[] memory);

    /// @notice SHA-256 of this chain's id, this contract's address, and the stream, number, count, time, root, subjects and
    /// previous of a batch, 32 bytes each.
    function contentsOf(Batch calldata batch) external view returns (bytes32);

    /// @notice SHA-256 of `contentsOf` a batch and of how many records the stream has with it, 32 bytes each.
    function commitmentOf(Batch calldata batch) external view returns (bytes32);

    /// @notice Whether `batch` was anchored as it is given.
    function isAnchored(Batch calldata batch) external view returns (bool);

    /// @notice Whether `record`, the 32-byte root of a record, was anchored in `batch`, at `index` of the stream.
    /// @param path The inclusion path of RFC 9162, section 2.1.3, from the leaf up.
    function isIncluded(Batch calldata batch, bytes32 record, uint256 index, bytes32[] calldata path)
        external
        view
        returns (bool);
}
