"""A JSON-RPC server for tests: answers from a function or a real node, and misbehaves on command."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from troth.chain.rpc import Node, Reverted
from troth.errors import NodeError

Answer = Callable[[str, list[Any]], Any]


class RpcError(Exception):
    """Raised by an answer function: becomes the error of that call."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(code, message)
        self.content = {"code": code, "message": message, **({} if data is None else {"data": data})}


class Fault:
    """How one HTTP exchange goes wrong. The call is executed first only if `after` is true.

    `delay`: seconds before the answer.
    """

    def __init__(
        self,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        lost: bool = False,
        cut: bool = False,
        after: bool = False,
        edit: Callable[[Any], Any] | None = None,
        delay: float = 0.0,
    ) -> None:
        self.status, self.headers, self.body = status, dict(headers or {}), body
        self.lost, self.cut, self.after, self.edit, self.delay = lost, cut, after, edit, delay


def lost(*, after: bool = False) -> Fault:
    """The connection breaks without an answer; with `after`, once the node has acted."""
    return Fault(lost=True, after=after)


def busy(status: int = 429, wait: str = "", *, after: bool = False) -> Fault:
    """An HTTP error; with `after`, once the node has acted."""
    headers = {"Retry-After": wait} if wait else {}
    return Fault(status=status, headers=headers, body=b"slow down", after=after)


def refused(code: int, message: str, *, after: bool = False) -> Fault:
    """One error object in answer to everything; with `after`, once the node has acted."""
    content = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}
    return Fault(body=json.dumps(content).encode(), after=after)


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing of a client that has gone: tests kill some."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class FakeNode:
    """The server. `requests` holds every body received, `calls` every (method, params).

    `faults` befall the next exchanges, `faults_of` the next that hold a call of a method; None spares one.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.faults: list[Fault | None] = []
        self.faults_of: dict[str, list[Fault | None]] = {}
        self.requests: list[Any] = []
        self._lock = threading.Lock()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # one packet an answer: two would wait for each other, 40 ms a time

            def do_POST(self) -> None:
                fake.handle(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def calls(self) -> list[tuple[str, list[Any]]]:
        """All calls received, in order."""
        bodies = (one if isinstance(one, list) else [one] for one in self.requests)
        return [(call["method"], call["params"]) for body in bodies for call in body]

    def count(self, method: str) -> int:
        """How often a method was called."""
        return sum(name == method for name, _ in self.calls)

    def close(self) -> None:
        """Stops."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """One HTTP exchange."""
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        with self._lock:
            self.requests.append(body)
            fault = self._fault(body) or Fault()
            reply = self._reply(body) if fault.after or (fault.body is None and not fault.lost) else None
        time.sleep(fault.delay)
        if fault.edit:
            reply = fault.edit(reply)
        content = fault.body if fault.body is not None else json.dumps(reply).encode()
        if fault.lost:
            handler.close_connection = True
            return
        handler.send_response(fault.status)
        handler.send_header("Content-Length", str(len(content)))
        for name, value in fault.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content[: len(content) // 2] if fault.cut else content)
        handler.close_connection = handler.close_connection or fault.cut

    def _fault(self, body: Any) -> Fault | None:
        """What is to befall this exchange."""
        methods = {call["method"] for call in (body if isinstance(body, list) else [body])}
        for queue in (self.faults, *(self.faults_of.get(method, []) for method in sorted(methods))):
            if queue:
                return queue.pop(0)
        return None

    def _reply(self, body: Any) -> Any:
        """The JSON-RPC reply."""
        if isinstance(body, list):
            return [self._reply(one) for one in body]
        try:
            result = self.answer(body["method"], body["params"])
        except RpcError as error:
            return {"jsonrpc": "2.0", "id": body["id"], "error": error.content}
        return {"jsonrpc": "2.0", "id": body["id"], "result": result}


class Proxy(FakeNode):
    """A real node behind a liar: `overrides` answers some methods, and may call for the real answer."""

    def __init__(self, node: Node) -> None:
        super().__init__(self._forward)
        self._node = node
        self.overrides: dict[str, Callable[[list[Any], Callable[[], Any]], Any]] = {}

    def _forward(self, method: str, params: list[Any]) -> Any:
        if method in self.overrides:
            return self.overrides[method](params, lambda: self._real(method, params))
        return self._real(method, params)

    def _real(self, method: str, params: Sequence[Any]) -> Any:
        (answer,) = self._node.attempt([(method, params)])
        if isinstance(answer, NodeError):
            data = f"0x{answer.data.hex()}" if isinstance(answer, Reverted) else None
            raise RpcError(answer.code or -32000, answer.detail, data)
        return answer
