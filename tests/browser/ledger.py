"""A server that plays a node of a chain, and serves files: all that a browser can reach in tests."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Reply(NamedTuple):
    """What is sent back."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = {}


Answer = Callable[[dict[str, Any]], Any]


class LocalNode:
    """Answers JSON-RPC as Anvil and other nodes do that let any web page ask them.

    `answer` is given each call and returns its result, or a `Reply` to send as it is; only which chain it
    serves, that of the receipts made by hand, is said by `chain` in the same way. `calls`: all received.
    `preflights`: how often the browser asked whether it may ask. `open_to_pages`: whether it may.
    """

    def __init__(self, server: ThreadingHTTPServer, answer: Answer) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}/"
        self.answer = answer
        self.chain: Any = "0x7a69"
        self.calls: list[dict[str, Any]] = []
        self.preflights = 0
        self.open_to_pages = True
        self.pages: dict[str, bytes] = {}

    def reply_to(self, call: dict[str, Any]) -> Reply:
        """One exchange."""
        self.calls.append(call)
        result = self.chain if call["method"] == "eth_chainId" else self.answer(call)
        if isinstance(result, Reply):
            return result
        return Reply(json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": result}).encode())


@contextmanager
def local_node(answer: Answer = lambda _: None) -> Iterator[LocalNode]:
    """A node that is there until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        """Speaks for `node`."""

        def do_OPTIONS(self) -> None:
            """Whether a page of another origin may ask."""
            node.preflights += 1
            self._send(Reply(b"", 204, {"Access-Control-Allow-Headers": "content-type"}))

        def do_POST(self) -> None:
            """A call."""
            self._send(node.reply_to(json.loads(self.rfile.read(int(self.headers["Content-Length"])))))

        def do_GET(self) -> None:
            """A file."""
            found = node.pages.get(self.path)
            self._send(Reply(found or b"", 200 if found else 404, {"Content-Type": "text/html"}))

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if node.open_to_pages:
                self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    node = LocalNode(server, answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield node
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def words(*texts: str) -> str:
    """32-byte words as a contract returns them in a list."""
    sizes = [32, len(texts)]
    return "0x" + "".join(f"{size:064x}" for size in sizes) + "".join(text[2:] for text in texts)
