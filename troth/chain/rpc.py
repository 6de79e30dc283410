"""JSON-RPC 2.0 over HTTP: one connection, arrays of calls, errors by name, patience with reads only."""

# ruff: noqa: N818  (named for what happened, as in `troth.errors`)

from __future__ import annotations

import ipaddress
import itertools
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import requests

from troth.errors import NodeError, NoNode

__all__ = [
    "ARRAY_BYTES",
    "ARRAY_ITEMS",
    "PASSING_CODES",
    "Node",
    "Reverted",
    "Unanswered",
    "quantity",
    "without_secrets",
]

_log = logging.getLogger(__name__)

ARRAY_ITEMS = 100
"""Calls in one JSON array: what public nodes accept."""

ARRAY_BYTES = 1_000_000
"""Characters of JSON in one array. Anvil stops at 2 MB unless told otherwise, geth at 5 MB."""

PASSING_CODES = frozenset({-32603, -32005, -32029, 429})
"""Errors that asking again may cure: internal error, limit exceeded, too many requests."""

_TRIES = 6
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 3.0
_CHANGING = ("eth_send", "evm_", "anvil_", "hardhat_")
_PASSING_STATUS = {408, 425, 429, 500, 502, 503, 504}
_NO_ARRAYS = {-32600, -32601}

RpcCall: TypeAlias = tuple[str, Sequence[Any]]
_Answer: TypeAlias = Any  # a result, or the NodeError in its place


class Unanswered(NodeError):
    """No usable answer came: whether the node acted on the call is unknown. Only reads were repeated."""


class Reverted(NodeError):
    """A contract reverted in the node's simulation; `data` is what it returned."""

    def __init__(self, method: str, detail: str, code: int | None = None, data: bytes = b"") -> None:
        super().__init__(method, detail, code)
        self.args = (method, detail, code, data)
        self.data = data


class _Passing(Exception):
    """An HTTP exchange that brought nothing; `pause` is what the server asks to wait, in seconds."""

    def __init__(self, detail: str, pause: float = 0.0) -> None:
        super().__init__(detail)
        self.pause = pause


class Node:
    """A node at an HTTP address. Not for use by two threads at once.

    Reads are repeated, with growing pauses, when the answer is lost, cut off, or says "later". Calls that
    change something (eth_send…, evm_…, anvil_…) leave once: what to do about a lost answer is the sender's.
    """

    def __init__(
        self, url: str, *, timeout: float = 30.0, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self.url = without_secrets(url)
        self._address, self._timeout, self._pause = url, timeout, pause
        self._ids = itertools.count(1)
        self._arrays = True
        self._session = requests.Session()
        self._session.headers["Content-Type"] = "application/json"
        # A proxy of the environment, or a look into ~/.netrc at every call, is no use on this machine.
        self._session.trust_env = not _is_local(url)

    def __repr__(self) -> str:
        """The address without its secrets."""
        return f"Node({self.url!r})"

    def __enter__(self) -> Node:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the connection."""
        self.close()

    def close(self) -> None:
        """Closes the connection; the next call opens another."""
        self._session.close()

    @cached_property
    def chain_id(self) -> int:
        """The chain's id (EIP-155), asked once."""
        return int(self.call("eth_chainId"), 16)

    @cached_property
    def client(self) -> str:
        """The node's name for itself, such as "anvil/v1.7.1"."""
        return str(self.call("web3_clientVersion"))

    @property
    def is_development(self) -> bool:
        """Whether this is a chain made for development, whose clock and mining can be commanded."""
        return self.client.lower().startswith(("anvil", "ganache", "hardhat", "ethereumjs testrpc"))

    @property
    def present(self) -> str:
        """The block to read at for the state, and the time, that the next transaction will find.

        A development chain mines only when something is sent: its latest block may be hours old, and so would
        be the time by which a contract judges deadlines. Nothing ever waits there, so "pending" is certain.
        """
        return "pending" if self.is_development else "latest"

    def call(self, method: str, params: Sequence[Any] = ()) -> Any:
        """The result of one call.

        Raises NodeError when the node answers with an error, and its subclasses: Reverted when a contract
        reverts, Unanswered when no usable answer comes. Raises NoNode when nothing listens.
        """
        return _result(self._ask([(method, params)], array=False)[0])

    def batch(self, calls: Sequence[RpcCall]) -> list[Any]:
        """The results of many calls, in order. Raises the first error, as `call`."""
        return [_result(answer) for answer in self.attempt(calls)]

    def attempt(self, calls: Sequence[RpcCall]) -> list[Any]:
        """The result of each call, or the NodeError it met in its place. Raises NoNode.

        Sent as JSON arrays; to a node that refuses arrays, one by one.
        """
        answers: list[_Answer] = []
        for chunk in _chunks(calls):
            answers += self._ask(chunk, array=True)
        return answers

    def _ask(self, calls: Sequence[RpcCall], *, array: bool) -> list[_Answer]:
        """Answers in order, where reads among `calls` are repeated until they have one or patience ends."""
        answers: list[_Answer] = [None] * len(calls)
        waiting = list(range(len(calls)))
        for attempt in itertools.count(1):
            pause = self._round(calls, waiting, answers, array=array)
            waiting = [i for i in waiting if _is_passing(answers[i]) and not _changes(calls[i][0])]
            if not waiting or attempt == _TRIES:
                return answers
            _log.debug("asking %s again: %s", self.url, answers[waiting[0]])
            self._pause(max(pause, min(_FIRST_PAUSE * 2 ** (attempt - 1), _LONGEST_PAUSE)))
        raise AssertionError("unreachable")

    def _round(
        self, calls: Sequence[RpcCall], waiting: Sequence[int], answers: list[_Answer], *, array: bool
    ) -> float:
        """Asks the `waiting` ones once and writes down what comes. Returns the pause the server wants."""
        if array and not self._arrays:
            return max(self._round(calls, [i], answers, array=False) for i in waiting)
        ids = {next(self._ids): i for i in waiting}
        bodies = [_body(key, *calls[i]) for key, i in ids.items()]
        try:
            reply = self._post(bodies if array else bodies[0])
        except _Passing as passing:
            for i in waiting:
                answers[i] = Unanswered(calls[i][0], str(passing))
            return passing.pause
        if array and isinstance(reply, Mapping):
            return self._whole_array_refused(reply, calls, waiting, answers)
        by_id = _by_id(reply if array else [reply], alone=None if array else next(iter(ids)))
        for key, i in ids.items():
            answers[i] = _read(calls[i][0], by_id.get(key))
        return 0.0

    def _whole_array_refused(
        self,
        reply: Mapping[str, Any],
        calls: Sequence[RpcCall],
        waiting: Sequence[int],
        answers: list[_Answer],
    ) -> float:
        """One error in answer to an array: if the node knows no arrays, asks one by one from now on."""
        answer = _read("a JSON array", reply)
        if isinstance(answer, NodeError) and answer.code in _NO_ARRAYS:
            self._arrays = False
            return self._round(calls, waiting, answers, array=True)
        for i in waiting:
            answers[i] = _read(calls[i][0], reply)
        return 0.0

    def _post(self, body: object) -> Any:
        """One HTTP exchange. Raises _Passing for what may pass, NoNode where nothing listens."""
        try:
            response = self._session.post(
                self._address, data=json.dumps(body), timeout=self._timeout, allow_redirects=False
            )
        except requests.ConnectTimeout as error:
            raise NoNode(self.url, "it does not answer in time") from error
        except requests.Timeout as error:
            raise _Passing(f"no answer within {self._timeout:g} s") from error
        except requests.ConnectionError as error:
            if _never_connected(error):
                raise NoNode(self.url) from None  # requests' own words repeat the address, secrets and all
            raise _Passing("the connection broke") from None
        except requests.RequestException as error:
            raise _Passing(f"the answer was cut off ({type(error).__name__})") from None
        return self._decode(response)

    def _decode(self, response: requests.Response) -> Any:
        """The JSON of an HTTP answer. Raises _Passing, NodeError."""
        try:
            reply = json.loads(response.content)
        except ValueError:
            reply = None
        if isinstance(reply, (dict, list)) and response.status_code not in _PASSING_STATUS - {500}:
            return reply  # many nodes send an error object with status 4xx or 500
        if response.status_code in _PASSING_STATUS:
            raise _Passing(f"HTTP {response.status_code}", _seconds(response.headers.get("Retry-After")))
        if response.status_code != requests.codes.ok:
            raise NoNode(self.url, f"HTTP {response.status_code}: check address and access key")
        raise _Passing("the answer is not JSON")


def quantity(number: int) -> str:
    """A number as JSON-RPC writes it."""
    return hex(number)


def without_secrets(url: str) -> str:
    """The URL as it may be shown: no user, password or query, nor a path, where providers put keys."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        return "the RPC address"
    host = f"[{host}]" if ":" in host else host
    hidden = "/…" if parts.path.strip("/") else ""
    return f"{parts.scheme}://{host}{port}{hidden}"


def _is_local(url: str) -> bool:
    """Whether the address is of this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _never_connected(error: requests.ConnectionError) -> bool:
    """Whether it failed before the request could leave. An unclear case counts as having left."""
    cause = getattr(error.args[0] if error.args else None, "reason", None)
    return type(cause).__name__ in {"NewConnectionError", "NameResolutionError", "ConnectTimeoutError"}


def _chunks(calls: Sequence[RpcCall]) -> list[list[RpcCall]]:
    """The calls in order, in arrays that nodes accept."""
    chunks: list[list[RpcCall]] = []
    size = 0
    for call in calls:
        length = sum(len(param) if isinstance(param, str) else 200 for param in _flat(call[1]))
        if not chunks or size + length > ARRAY_BYTES or len(chunks[-1]) == ARRAY_ITEMS:
            chunks.append([])
            size = 0
        chunks[-1].append(call)
        size += length
    return chunks


def _flat(params: Sequence[Any]) -> list[Any]:
    """The parameters, with the values of those that are objects."""
    return [v for param in params for v in (param.values() if isinstance(param, Mapping) else (param,))]


def _body(key: int, method: str, params: Sequence[Any]) -> dict[str, Any]:
    """The JSON-RPC request object."""
    return {"jsonrpc": "2.0", "id": key, "method": method, "params": list(params)}


def _by_id(replies: Sequence[Any], alone: int | None) -> dict[Any, Any]:
    """Replies by id. Some nodes answer a lone call they cannot take with id null: that one is `alone`'s."""
    objects = [reply for reply in replies if isinstance(reply, Mapping)]
    if alone is not None and len(objects) == 1 and objects[0].get("id") is None:
        return {alone: objects[0]}
    return {reply.get("id"): reply for reply in objects}


def _read(method: str, reply: Mapping[str, Any] | None) -> _Answer:
    """The result in a reply, or the NodeError it stands for."""
    if reply is None:
        return Unanswered(method, "the answer lacks this call")
    error = reply.get("error")
    if error is None:
        return reply["result"] if "result" in reply else Unanswered(method, "the answer has no result")
    if not isinstance(error, Mapping):
        return NodeError(method, _printable(str(error)))
    code = error.get("code")
    code = code if isinstance(code, int) else None
    text = _printable(str(error.get("message", "no message")))
    data = _revert_data(error.get("data"))
    if data is not None and (code == 3 or "revert" in text.lower()):
        return Reverted(method, text, code, data)
    return Reverted(method, text, code) if code == 3 else NodeError(method, text, code)


def _revert_data(data: Any) -> bytes | None:
    """The bytes a contract reverted with, where the nodes known to us put them; None if there are none."""
    if isinstance(data, Mapping):  # Ganache, for a transaction; Hardhat
        data = data.get("result", data.get("data"))
    if not isinstance(data, str):
        return None
    text = data.removeprefix("Reverted ")  # OpenEthereum and its heirs
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        return None


def _printable(text: str) -> str:
    """One line of at most 200 printable characters: Anvil quotes a contract's raw bytes in its messages."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return clean if len(clean) <= 200 else f"{clean[:200]}…"


def _is_passing(answer: _Answer) -> bool:
    """Whether it is an error that asking again may cure."""
    if isinstance(answer, Reverted) or not isinstance(answer, NodeError):
        return False
    if isinstance(answer, Unanswered):
        return True
    return answer.code in PASSING_CODES and "EVM error" not in answer.detail  # Anvil's -32603 for bad code


def _changes(method: str) -> bool:
    """Whether a call changes something, so that it must not be repeated blindly."""
    return method.startswith(_CHANGING)


def _seconds(header: str | None) -> float:
    """A Retry-After header's seconds, at most ten; 0 where there are none."""
    try:
        return min(max(float(header or 0), 0.0), 10.0)
    except ValueError:
        return 0.0


def _result(answer: _Answer) -> Any:
    """The answer, unless it is an error, which it raises."""
    if isinstance(answer, NodeError):
        raise answer
    return answer
