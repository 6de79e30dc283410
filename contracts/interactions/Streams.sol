// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {InclusionProofs} from "./InclusionProofs.sol";
import {IStreams} from "./IStreams.sol";

/// @title Streams of interactions
contract Streams is IStreams, AccessManaged {
    using InclusionProofs for bytes;

    uint256 private constant MOST_RECORDS = 1 << 48;
    uint256 private constant LONGEST_NAME = 64;

    uint256 private _streams;
    mapping(bytes32 nameHash => uint256 stream) private _named;
    mapping(uint256 stream => mapping(address account => bool)) private _writers;
    mapping(uint256 stream => mapping(uint256 number => bytes32)) private _commitments;
    mapping(uint256 stream => mapping(bytes32 matter => bool)) private _held;
    mapping(uint256 stream => uint256) private _holds;

    modifier known(uint256 stream) {
        if (stream == 0 || stream > _streams) revert StreamsUnknown(stream);
        _;
    }

    constructor(address authority) AccessManaged(authority) {}

    /// @inheritdoc IStreams
    function create(string calldata name, address writer) external restricted returns (uint256 stream) {
        if (!_isName(bytes(name))) revert StreamsBadName(name);
        if (writer == address(0)) revert StreamsZeroWriter();
        bytes32 nameHash = keccak256(bytes(name));
        if (_named[nameHash] != 0) revert StreamsNameTaken(name, _named[nameHash]);
        stream = ++_streams;
        _named[nameHash] = stream;
        _writers[stream][writer] = true;
        _commitments[stream][0] = _commitment(_origin(stream, name), 0);
        emit StreamCreated(stream, name, msg.sender);
        emit WriterSet(stream, writer, true, msg.sender);
    }

    /// @inheritdoc IStreams
    function setWriter(uint256 stream, address writer, bool allowed) external restricted known(stream) {
        if (writer == address(0)) revert StreamsZeroWriter();
        _writers[stream][writer] = allowed;
        emit WriterSet(stream, writer, allowed, msg.sender);
    }

    /// @inheritdoc IStreams
    function anchor(
        uint256 stream,
        uint256 number,
        uint256 first,
        uint256 count,
        bytes32 root,
        bytes32 subjects,
        bytes32 previousContents
    ) external {
        // An unknown stream has no writers.
        if (!_writers[stream][msg.sender]) revert StreamsNotWriter(stream, msg.sender);
        mapping(uint256 number => bytes32) storage words = _commitments[stream];
        // Number 0 wraps round to a word never written. `records` cannot wrap: `first` is at most MOST_RECORDS, for it
        // opened a commitment made here.
        unchecked {
            bytes32 previous = words[number - 1];
            if (previous == 0 || words[number] != 0) revert StreamsWrongNumber(stream, number);
            if (previous != _commitment(previousContents, first)) revert StreamsWrongPrevious(stream, number, previous);
            if (count == 0 || count > MOST_RECORDS - first) revert StreamsBadCount(stream, first, count);
            uint256 records = first + count;
            bytes32 contents = _contents(stream, number, count, block.timestamp, root, subjects, previous);
            words[number] = _commitment(contents, records);
            emit Anchored(stream, number, records, block.timestamp, root, subjects);
        }
    }

    /// @inheritdoc IStreams
    function declareCount(uint256 stream, uint40 from, uint40 until, uint48 count)
        external
        restricted
        known(stream)
    {
        if (from >= until || until > block.timestamp) revert StreamsBadPeriod(from, until);
        emit CountDeclared(stream, from, until, count, msg.sender);
    }

    /// @inheritdoc IStreams
    function hold(uint256 stream, bytes32 matter) external restricted known(stream) {
        if (_held[stream][matter]) revert StreamsAlreadyHeld(stream, matter);
        _held[stream][matter] = true;
        ++_holds[stream];
        emit Held(stream, matter, msg.sender);
    }

    /// @inheritdoc IStreams
    function release(uint256 stream, bytes32 matter) external restricted known(stream) {
        if (!_held[stream][matter]) revert StreamsNotHeld(stream, matter);
        _held[stream][matter] = false;
        --_holds[stream];
        emit Released(stream, matter, msg.sender);
    }

    /// @inheritdoc IStreams
    function setRetention(uint256 stream, string calldata class, uint40 period) external restricted known(stream) {
        emit RetentionSet(stream, class, period, msg.sender);
    }

    /// @inheritdoc IStreams
    function streamOf(string calldata name) external view returns (uint256) {
        return _named[keccak256(bytes(name))];
    }

    /// @inheritdoc IStreams
    function isWriter(uint256 stream, address account) external view returns (bool) {
        return _writers[stream][account];
    }

    /// @inheritdoc IStreams
    function holdsOn(uint256 stream) external view returns (uint256) {
        return _holds[stream];
    }

    /// @inheritdoc IStreams
    function batchesOf(uint256 stream) external view returns (uint256 batches) {
        // No count is stored, but numbers have no gaps: double until past the end, then halve what is left.
        mapping(uint256 number => bytes32) storage words = _commitments[stream];
        uint256 beyond = 1;
        while (words[beyond] != 0) {
            batches = beyond;
            beyond *= 2;
        }
        while (beyond - batches > 1) {
            uint256 middle = (batches + beyond) / 2;
            if (words[middle] == 0) beyond = middle;
            else batches = middle;
        }
    }

    /// @inheritdoc IStreams
    function commitments(uint256 stream, uint256 from, uint256 to) external view returns (bytes32[] memory words) {
        if (from > to || to == type(uint256).max) revert StreamsBadRange(from, to);
        words = new bytes32[](to + 1 - from);
        for (uint256 i = 0; i < words.length; ++i) words[i] = _commitments[stream][from + i];
    }

    /// @inheritdoc IStreams
    function contentsOf(Batch calldata batch) public view returns (bytes32) {
        return _contents(
            batch.stream, batch.number, batch.count, batch.time, batch.root, batch.subjects, batch.previous
        );
    }

    /// @inheritdoc IStreams
    function commitmentOf(Batch calldata batch) public view returns (bytes32) {
        // A sum that wraps round is no batch's: the contents hold `count`, and so leave the commitment one `first`.
        unchecked {
            return _commitment(contentsOf(batch), batch.first + batch.count);
        }
    }

    /// @inheritdoc IStreams
    function isAnchored(Batch calldata batch) public view returns (bool) {
        return _commitments[batch.stream][batch.number] == commitmentOf(batch);
    }

    /// @inheritdoc IStreams
    function isIncluded(Batch calldata batch, bytes32 record, uint256 index, bytes32[] calldata path)
        external
        view
        returns (bool)
    {
        return index >= batch.first && isAnchored(batch)
            && InclusionProofs.isIncluded(record, index - batch.first, batch.count, path, batch.root);
    }

    function _origin(uint256 stream, string calldata name) private view returns (bytes32) {
        return abi.encode(block.chainid, address(this), stream, bytes(name).digestOf()).digestOf();
    }

    function _contents(
        uint256 stream,
        uint256 number,
        uint256 count,
        uint256 time,
        bytes32 root,
        bytes32 subjects,
        bytes32 previous
    ) private view returns (bytes32) {
        return abi.encode(block.chainid, address(this), stream, number, count, time, root, subjects, previous).digestOf();
    }

    function _commitment(bytes32 contents, uint256 records) private view returns (bytes32) {
        return InclusionProofs.digestOf(contents, bytes32(records));
    }

    function _isName(bytes calldata name) private pure returns (bool) {
        if (name.length == 0 || name.length > LONGEST_NAME) return false;
        for (uint256 i = 0; i < name.length; ++i) {
            bytes1 c = name[i];
            if (!(c >= "a" && c <= "z") && !(c >= "0" && c <= "9") && c != "-") return false;
        }
        return true;
    }
}
