"""The two questions to a node, and nodes that answer them otherwise.

Branches: the chain it serves: the receipt's, another, not said · the question: method, contract, selector,
arguments · a batch that is there, the last, not the last · not there, another there, no contract there · an
error, null as error · another id, none, True · no JSON, no object, deep, no UTF-8, too long, too short, too
many words · HTTP errors, redirects, a broken connection, nobody there, no such host, no end · proxies, files,
passwords, IPv6 · a commitment given instead.
"""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import sha3
from support.handmade_receipts import CONTRACT, Receipt, Stream, subject, word, written

from verifier.verify_receipt import COMMITMENTS, NotChecked, Refused, Verdict, main, verify

Reply = Callable[[dict[str, Any]], tuple[int, bytes, dict[str, str]]]


CHAIN = {"jsonrpc": "2.0", "id": 1, "result": "0x7a69"}
"""Of the receipts here, as nodes name it."""


@contextmanager
def node(
    reply: Reply, *, chain: Any = CHAIN, host: str = "127.0.0.1", heard: list[str | None] | None = None
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that answers a POST as it is told, or with `chain` if that is what is asked: its address, and
    what it was asked; `heard` takes the Authorization header of each.
    """
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(question)
            if heard is not None:
                heard.append(self.headers["Authorization"])
            whole = 200, json.dumps(chain).encode(), {}
            status, body, headers = whole if question["method"] == "eth_chainId" else reply(question)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        def handle_error(self, *_: object) -> None:
            pass  # whoever asked has hung up

    server = Quiet((host, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://{f'[{host}]' if ':' in host else host}:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def result(*words: str) -> bytes:
    """A right reply of these words."""
    array = word(32).hex() + word(len(words)).hex() + "".join(each[2:] for each in words)
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": f"0x{array}"}).encode()


def honest(stream: Stream) -> Reply:
    """What a node says that has a stream."""

    def reply(question: dict[str, Any]) -> tuple[int, bytes, dict[str, str]]:
        data = bytes.fromhex(question["params"][0]["data"][2:])
        number, first, last = (int.from_bytes(data[4 + 32 * k :][:32], "big") for k in range(3))
        assert number == stream.number
        return 200, result(*(stream.commitment(k) for k in range(first, last + 1))), {}

    return reply


def said(body: bytes, status: int = 200, **headers: str) -> Reply:
    """What a node says whatever it is asked."""
    return lambda _: (status, body, headers)


ZERO = "0x" + 64 * "0"
ONE = "0x" + word(1).hex()


def test_selector_is_the_hash_of_the_signature() -> None:
    """The four bytes are keccak-256's of the function's signature in the contract's interface."""
    signature = b"commitments(uint256,uint256,uint256)"
    assert sha3.keccak_256(signature).hexdigest()[:8] == COMMITMENTS
    interface = Path(__file__).parents[3] / "contracts/interactions/IStreams.sol"
    assert "function commitments(uint256 stream, uint256 from, uint256 to)" in interface.read_text()


def test_verify_asks_two_questions(stream: Stream, inclusion: Receipt) -> None:
    """Which chain; and by one eth_call the commitments of the last batch of the receipt and of the next."""
    with node(honest(stream)) as (url, asked):
        verify(written(inclusion), rpc=url)
    data = "0xbdf2cf9f" + word(1).hex() + word(1).hex() + word(2).hex()
    params = [{"to": CONTRACT, "data": data}, "latest"]
    first, then = ({"jsonrpc": "2.0", "id": 1, "method": name} for name in ("eth_chainId", "eth_call"))
    assert asked == [{**first, "params": []}, {**then, "params": params}]


def test_verify_says_who_was_asked(stream: Stream, inclusion: Receipt, completeness: Receipt) -> None:
    """The verdict names the node as what was asked and as what may lie, and says whether there is more."""
    with node(honest(stream)) as (url, _):
        early, last = (verify(written(each), rpc=url) for each in (inclusion, completeness))
        assert early.compared == f"It is what contract {CONTRACT} has for batch 1, says {url}."
        honestly = f"That {url} tells the truth and serves chain 31337, as it says, and the chain keeps its"
        assert early.not_proved[:2] == [
            f"{honestly} newest blocks. Ask a node of your own.",
            "What other records and later batches hold, amendments of the above among it. There are some.",
        ]
        assert last.not_proved[1].endswith(" There was none when the node was asked.")
        assert str(last).startswith("PROVED\n")


def test_verify_does_not_check_by_another_chain(
    stream: Stream, inclusion: Receipt, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """There anybody can put a contract at the same address that says what they like: it is not asked."""
    file = tmp_path / "receipt.json"
    file.write_bytes(written(inclusion))
    with node(honest(stream), chain={**CHAIN, "result": "0x1"}) as (url, asked):
        assert main([str(file), "--rpc", url]) == 2
        assert [question["method"] for question in asked] == ["eth_chainId"]
    other = "the node serves chain 1, and the receipt is of chain 31337: give --rpc a node of chain 31337"
    assert capsys.readouterr() == ("", f"NOT CHECKED: {url}: {other}\n")


@pytest.mark.parametrize(
    "chain",
    [
        *(
            {**CHAIN, "result": result}
            for result in (None, 31337, "31337", "0x", "0x7a69\n", "0x" + "7" * 65)
        ),
        {**CHAIN, "error": {"code": -32601, "message": "no"}},
    ],
)
def test_verify_says_of_a_node_that_it_names_no_chain(chain: Any, stream: Stream, inclusion: Receipt) -> None:
    """Some answer an eth_call and nothing else: the rest is as good as their word."""
    with node(honest(stream), chain=chain) as (url, _):
        verdict = verify(written(inclusion), rpc=url)
    assert verdict.compared
    assert (
        f"That {url} tells the truth and serves chain 31337, which it does not say, and"
        in verdict.not_proved[0]
    )


@pytest.mark.parametrize("chain", [[], {**CHAIN, "id": 2}])
def test_verify_does_not_check_by_answers_to_other_questions(
    chain: Any, stream: Stream, inclusion: Receipt
) -> None:
    """A node that mixes them up may mix up what follows."""
    why = "the node's reply is to another question"
    assert unchecked(honest(stream), inclusion, chain=chain) == why


@pytest.mark.parametrize("served", ["0x7A69", "0x0000007a69"])
def test_verify_takes_the_chain_as_some_nodes_write_it(
    served: str, stream: Stream, inclusion: Receipt
) -> None:
    """In capitals, or with zeros before it."""
    with node(honest(stream), chain={**CHAIN, "result": served, "error": None}) as (url, _):
        assert verify(written(inclusion), rpc=url).compared


def unchecked(reply: Reply, receipt: Receipt, **others: Any) -> str:
    """Why a receipt is not checked that a node answers so to; the node's address left out."""
    with node(reply, **others) as (url, _):
        with pytest.raises(NotChecked) as caught:
            verify(written(receipt), rpc=url)
        assert caught.value.host == url
        assert str(caught.value) == f"{url}: {caught.value.why}"
    return caught.value.why


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (result(ZERO, ZERO), "the contract has no batch 1 of stream 1"),
        (result(ZERO, ONE), "the contract has no batch 1 of stream 1"),
        (result(ONE, ZERO), f"the contract has another batch 1: {ONE}"),
    ],
)
def test_verify_refuses_what_the_chain_has_otherwise(body: bytes, why: str, inclusion: Receipt) -> None:
    """Only an answer that says what the chain holds can refuse a receipt: another batch, or none."""
    with node(said(body)) as (url, _):
        with pytest.raises(Refused) as caught:
            verify(written(inclusion), rpc=url)
        assert (caught.value.where, caught.value.why) == (url, why)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (result(), "the node's reply is not two commitments"),
        (result(ONE), "the node's reply is not two commitments"),
        (result(ONE, ONE, ONE), "the node's reply is not two commitments"),
        (b'{"jsonrpc":"2.0","id":1,"result":"0x"}', "is the contract on the chain it serves?"),
        (b'{"jsonrpc":"2.0","id":1,"result":null}', "the node's reply is not two commitments"),
        (b'{"jsonrpc":"2.0","id":1,"result":["0x"]}', "the node's reply is not two commitments"),
        (b'{"jsonrpc":"2.0","id":1}', "the node's reply is not two commitments"),
        (result(ONE, ONE).replace(b"20", b"40"), "the node's reply is not two commitments"),
        (result(ONE, ONE).replace(b"1,", b"2,"), "the node's reply is to another question"),
        (result(ONE, ONE).replace(b"1,", b"true,"), "the node's reply is to another question"),
        (result(ONE, ONE).replace(b"1,", b'"1",'), "the node's reply is to another question"),
        (result(ONE, ONE).replace(b'"id"', b'"di"'), "the node's reply is to another question"),
        (b'{"id":1,"error":{"code":3,"message":"execution reverted"}}', "refuses: 'execution reverted'"),
        (b'{"id":1,"error":{"code":3,"message":"\\u001b[2J"}}', "refuses: '\\x1b[2J'"),
        (b'{"id":1,"error":"no"}', "the node refuses: 'no'"),
        (b'{"id":1,"error":{"code":3}}', "the node refuses: an object"),
        (b'{"id":1,"error":7,"result":"0x"}', "the node refuses: 7"),
        (result(ONE, ONE).replace(b'"id"', b'"error":{},"id"'), "the node refuses: an object"),
        (b"[]", "the node's reply is to another question"),
        (b"1", "the node's reply is to another question"),
        (b"", "the node's reply is not JSON"),
        (b"<html>", "the node's reply is not JSON"),
        (b"\xff\xfe", "the node's reply is not JSON"),
        (b"[" * 60_000, "the node's reply is not JSON"),
        (b" " * 65_537, "the node's reply is too long"),
        (b" " * 10_000_000, "the node's reply is too long"),
    ],
)
def test_verify_does_not_check_by_what_is_no_answer(body: bytes, why: str, inclusion: Receipt) -> None:
    """A reply that does not say what the chain holds says nothing against the receipt; in one line."""
    given = unchecked(said(body), inclusion)
    assert why in given
    assert "\n" not in given


def test_verify_accepts_null_as_no_error(stream: Stream, inclusion: Receipt) -> None:
    """Some nodes send an error of null with every result."""
    body = result(stream.commitment(1), ZERO).replace(b'"id"', b'"error":null,"id"')
    with node(said(body)) as (url, _):
        assert verify(written(inclusion), rpc=url).compared


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 308, 400, 401, 404, 429, 500, 503])
def test_verify_does_not_check_by_http_errors(status: int, stream: Stream, inclusion: Receipt) -> None:
    """Any status but 200 is no answer, whatever comes with it."""
    body = b"" if status == 204 else result(stream.commitment(1), ZERO)
    assert unchecked(said(body, status), inclusion) == f"the node answers with HTTP status {status}"


def test_verify_follows_no_redirect(stream: Stream, inclusion: Receipt) -> None:
    """Nobody is asked but the node that was named."""
    with node(honest(stream)) as (elsewhere, asked):
        for status in (301, 302, 303, 307, 308):
            assert "HTTP status 30" in unchecked(said(b"", status, Location=elsewhere), inclusion)
        assert asked == []


def test_verify_asks_no_proxy(stream: Stream, inclusion: Receipt, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor anybody whom the environment names."""
    with node(said(result(ONE, ZERO))) as (proxy, asked), node(honest(stream)) as (url, _):
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy)
        assert verify(written(inclusion), rpc=url).compared
        assert asked == []


def _broken(reply: bytes) -> Iterator[str]:
    """A server that sends these bytes to one caller and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (b"", "the node does not answer: RemoteDisconnected"),
        (b"\0\0\0\0\r\n\r\n", "the node does not answer: BadStatusLine"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "the node's reply is not JSON"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "the node does not answer: IncompleteRead",
        ),
        (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n", "the node does not answer: HTTPException"),
        (b"HTTP/1.1 200 OK\r\n" + b"a" * 70_000 + b"\r\n\r\n", "the node does not answer: LineTooLong"),
    ],
)
def test_verify_does_not_check_by_broken_replies(reply: bytes, why: str, inclusion: Receipt) -> None:
    """A connection that breaks is said in one line."""
    for url in _broken(reply):
        with pytest.raises(NotChecked) as caught:
            verify(written(inclusion), rpc=url)
        assert caught.value.why in (why, "the node does not answer: ConnectionResetError")


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"


@pytest.mark.parametrize(("at_once", "drop"), [(b"", b""), (HEAD, b" "), (b"", b"H"), (HEAD[:-2], b"a")])
def test_verify_waits_no_longer_than_it_says(
    at_once: bytes, drop: bytes, inclusion: Receipt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node is left that never answers, or drips: its body, its first line or its headers."""
    monkeypatch.setattr("verifier.verify_receipt.SECONDS_TO_REPLY", 0.3)
    over = threading.Event()

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(at_once)
            while not over.wait(0.05):
                connection.sendall(drop)

    with socket.create_server(("127.0.0.1", 0)) as server:
        dripping = threading.Thread(target=serve)
        dripping.start()
        before = time.monotonic()
        with pytest.raises(NotChecked) as caught:
            verify(written(inclusion), rpc=f"http://127.0.0.1:{server.getsockname()[1]}")
        waited = time.monotonic() - before
        over.set()
        dripping.join()
    assert caught.value.why == "the node does not answer: TimeoutError"
    assert 0.2 < waited < 20


def test_command_ends_though_the_node_does_not(inclusion: Receipt, tmp_path: Path) -> None:
    """What still waits for the reply does not keep the process."""
    file = tmp_path / "receipt.json"
    file.write_bytes(written(inclusion))
    hung = "v.SECONDS_TO_REPLY = 0.1; v.post = lambda *_: time.sleep(60)"
    called = f"v.main([{str(file)!r}, '--rpc', 'http://127.0.0.1:1'])"
    program = f"import sys, time, verify_receipt as v; {hung}; sys.exit({called})"
    where = Path(verify.__code__.co_filename).resolve().parent
    ended = subprocess.run([sys.executable, "-c", program], cwd=where, timeout=30, check=False)
    assert ended.returncode == 2


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://127.0.0.1:1/key", "http://127.0.0.1:1"),
        ("http://user:secret@127.0.0.1:1/key?secret#secret", "http://127.0.0.1:1"),
        ("http://user:secret@[::1]:1/secret@secret", "http://[::1]:1"),
        ("http://[1:2]", "http://[1:2]"),
        ("https://127.0.0.1:1", "https://127.0.0.1:1"),
        ("http://127.0.0.1:port/", "http://127.0.0.1:port"),
        ("http://127.0.0.1:99999/", "http://127.0.0.1:99999"),
        ("http://" + "a" * 70 + ".invalid", "http://" + "a" * 70 + ".invalid"),
        ("http://.invalid./", "http://.invalid."),
    ],
)
def test_command_says_that_nobody_answers(
    url: str, host: str, inclusion: Receipt, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No node at an address is exit code 2 and one line, which holds nothing of the address but its host."""
    file = tmp_path / "receipt.json"
    file.write_bytes(written(inclusion))
    assert main([str(file), "--rpc", url]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"NOT CHECKED: {host}: the node does not answer: ")
    assert printed.err.count("\n") == 1
    assert "secret" not in printed.err


@pytest.mark.parametrize(
    ("user", "sent"),
    [("", None), ("ann:secret@", "ann:secret"), ("ann:se%40c:ret@", "ann:se@c:ret"), ("key@", "key")],
)
def test_verify_sends_the_password_and_never_says_it(
    user: str, sent: str | None, stream: Stream, inclusion: Receipt
) -> None:
    """As HTTP's Basic authentication has it, with both questions; the verdict names the host alone."""
    heard: list[str | None] = []
    with node(honest(stream), heard=heard) as (url, _):
        verdict = verify(written(inclusion), rpc=url.replace("//", f"//{user}") + "?a@b")
        assert verdict.compared.endswith(f"says {url}.")
    basic = None if sent is None else f"Basic {base64.b64encode(sent.encode()).decode()}"
    assert heard == [basic, basic]
    assert "secret" not in str(verdict)


def test_verify_asks_a_node_by_its_ipv6_address(stream: Stream, inclusion: Receipt, tmp_path: Path) -> None:
    """In brackets, as addresses have it."""
    file = tmp_path / "receipt.json"
    file.write_bytes(written(inclusion))
    try:
        with node(honest(stream), host="::1") as (url, asked):
            assert url.startswith("http://[::1]:")
            assert main([str(file), "--rpc", url]) == 0
            assert len(asked) == 2
    except OSError:
        pytest.skip("no IPv6 here")


@pytest.mark.parametrize(
    "url",
    [
        "node",
        "ftp://secret@n",
        "http://",
        "http://secret@",
        "http:///x",
        "http://[::1",
        "http://[secret]/",
        "http://a b/",
    ],
)
def test_command_takes_no_other_address(
    url: str, inclusion: Receipt, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is called wrongly then, and says so without what is secret in it."""
    file = tmp_path / "receipt.json"
    file.write_bytes(written(inclusion))
    with pytest.raises(SystemExit) as ended:
        main([str(file), "--rpc", url])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.endswith("error: --rpc must be an address that begins with http:// or https://\n")
    assert "secret" not in said


def test_command_refuses_what_the_chain_has_otherwise(
    inclusion: Receipt, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The chain's own word against a receipt is exit code 1, as any other refusal."""
    file = tmp_path / "receipt.json"
    file.write_bytes(written(inclusion))
    with node(said(result(ONE, ZERO))) as (url, _):
        assert main([str(file), "--rpc", url]) == 1
    assert capsys.readouterr() == ("", f"REFUSED: {url}: the contract has another batch 1: {ONE}\n")


def test_command_compares_with_a_commitment(stream: Stream, inclusion: Receipt, tmp_path: Path) -> None:
    """A commitment given is compared with the last batch's, and nobody is asked."""
    file = tmp_path / "receipt.json"
    file.write_bytes(written(inclusion))
    assert main([str(file), "--commitment", stream.commitment(1)]) == 0
    assert main([str(file), "--commitment", stream.commitment(2)]) == 1


def test_verify_refuses_another_commitment(stream: Stream, inclusion: Receipt) -> None:
    """A commitment that is not the last batch's refuses the receipt, and the right one is said."""
    with pytest.raises(Refused) as caught:
        verify(written(inclusion), commitment=stream.commitment(2))
    assert str(caught.value) == f"--commitment: is not of batch 1, which has {stream.commitment(1)}"


def test_verify_asks_nobody_about_a_receipt_that_is_wrong(stream: Stream, inclusion: Receipt) -> None:
    """What is wrong in itself is refused before anybody hears of it."""
    inclusion["records"][0]["path"].pop()
    with node(honest(stream)) as (url, asked):
        with pytest.raises(Refused, match="is too short"):
            verify(written(inclusion), rpc=url)
        assert asked == []


def test_verify_compares_the_last_batch_of_a_survey(stream: Stream) -> None:
    """The last batch stands for all before it: a survey that ends before the stream is compared there."""
    receipt = stream.completeness(subject(1), last=3)
    with node(honest(stream)) as (url, asked):
        verdict: Verdict = verify(written(receipt), rpc=url)
    assert verdict.commitment == stream.commitment(3)
    assert verdict.not_proved[1].endswith("There are some.")
    assert len(asked) == 2
