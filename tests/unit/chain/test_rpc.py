"""One node: results, errors by name, arrays, and patience with reads but never with sends."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
from support.doubles import Answer, FakeNode, Fault, RpcError, busy, lost, refused

from troth.chain import rpc
from troth.chain.rpc import Node, Reverted, Unanswered
from troth.errors import NodeError, NoNode

Serve = Callable[[Answer], FakeNode]


def echo(method: str, params: list[object]) -> object:
    """Answers a call with its first parameter, or its name."""
    return params[0] if params else method


class Pauses(list[float]):
    """Remembers how long it was asked to wait."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def connect(fake: FakeNode, **options: object) -> tuple[Node, Pauses]:
    """A node that notes its pauses instead of making them."""
    pauses = Pauses()
    return Node(fake.url, pause=pauses, **options), pauses  # type: ignore[arg-type]


def test_call_returns_the_result(serve: Serve) -> None:
    """One call, one result, and a null result is a result."""
    node, _ = connect(serve(lambda method, params: None if method == "nothing" else [method, params]))
    assert node.call("eth_x", [1, "a"]) == ["eth_x", [1, "a"]]
    assert node.call("nothing") is None


def test_batch_matches_answers_by_id_whatever_their_order(serve: Serve) -> None:
    """JSON-RPC lets a node answer in any order."""
    fake = serve(echo)
    fake.faults = [Fault(edit=lambda reply: reply[::-1])]
    node, _ = connect(fake)
    assert node.batch([("eth_x", [i]) for i in range(10)]) == list(range(10))


def test_batch_is_cut_into_arrays_by_number_and_by_size(serve: Serve) -> None:
    """At most 100 calls and a million characters in one array."""
    fake = serve(lambda _, params: len(params[0]))
    node, _ = connect(fake)
    node.batch([("eth_x", ["a"])] * 250)
    assert [len(body) for body in fake.requests] == [100, 100, 50]
    fake.requests.clear()
    assert node.batch([("eth_x", ["a" * 400_000])] * 5) == [400_000] * 5
    assert [len(body) for body in fake.requests] == [2, 2, 1]


def test_batch_of_nothing_asks_nothing(serve: Serve) -> None:
    """No calls, no request."""
    fake = serve(echo)
    assert connect(fake)[0].batch([]) == []
    assert fake.requests == []


def test_attempt_puts_an_error_in_the_place_of_its_call_and_batch_raises_it(serve: Serve) -> None:
    """One bad item does not take the others with it."""

    def answer(method: str, params: list[object]) -> object:
        if params[0] == 1:
            raise RpcError(-32000, "header not found")
        return params[0]

    node, _ = connect(serve(answer))
    calls = [("eth_x", [i]) for i in range(3)]
    first, second, third = node.attempt(calls)
    assert (first, third) == (0, 2)
    assert isinstance(second, NodeError)
    assert (second.method, second.detail, second.code) == ("eth_x", "header not found", -32000)
    with pytest.raises(NodeError, match="header not found"):
        node.batch(calls)


def test_node_without_arrays_is_asked_one_by_one_from_then_on(serve: Serve) -> None:
    """One -32600 for the whole array means: this node takes none."""
    fake = serve(echo)
    fake.faults = [refused(-32600, "batch requests are not supported")]
    node, _ = connect(fake)
    assert node.batch([("eth_x", [i]) for i in range(3)]) == [0, 1, 2]
    assert node.batch([("eth_x", [7])]) == [7]
    assert [isinstance(body, list) for body in fake.requests] == [True] + [False] * 4


def test_array_refused_for_the_moment_is_asked_again_as_an_array(serve: Serve) -> None:
    """A rate limit told once for the whole array passes."""
    fake = serve(echo)
    fake.faults = [refused(-32005, "limit exceeded")]
    node, pauses = connect(fake)
    assert node.batch([("eth_x", [1]), ("eth_x", [2])]) == [1, 2]
    assert len(pauses) == 1
    assert isinstance(fake.requests[1], list)


def test_only_items_without_an_answer_are_asked_again(serve: Serve) -> None:
    """-32603 for one, silence for another: the third is not repeated."""
    failures = {1: 2}

    def answer(method: str, params: list[int]) -> object:
        if failures.get(params[0], 0):
            failures[params[0]] -= 1
            raise RpcError(-32603, "internal error")
        return params[0]

    fake = serve(answer)
    fake.faults = [Fault(edit=lambda reply: reply[:2])]
    node, _ = connect(fake)
    assert node.batch([("eth_x", [i]) for i in range(3)]) == [0, 1, 2]
    assert [params[0] for _, params in fake.calls] == [0, 1, 2, 1, 2, 1]


@pytest.mark.parametrize(
    "fault",
    [
        busy(429),
        busy(503),
        busy(500),
        lost(),
        lost(after=True),
        Fault(cut=True),
        Fault(body=b"<html>gateway</html>"),
        Fault(body=b'"text"'),
        Fault(body=b'{"jsonrpc": "2.0", "id": 1}'),
        Fault(body=b'{"jsonrpc": "2.0", "id": 99999, "result": 1}'),
    ],
)
def test_read_is_repeated_until_answered(serve: Serve, fault: Fault) -> None:
    """Whatever spoils two answers to a read, the third counts."""
    fake = serve(echo)
    fake.faults = [fault, fault]
    node, pauses = connect(fake)
    assert node.call("eth_blockNumber") == "eth_blockNumber"
    assert pauses == [0.1, 0.2]


def test_pauses_grow_to_a_limit_and_then_the_call_fails(serve: Serve) -> None:
    """Six tries, then Unanswered with the last reason."""
    fake = serve(echo)
    fake.faults = [busy(503)] * 6
    node, pauses = connect(fake)
    with pytest.raises(Unanswered, match="HTTP 503"):
        node.call("eth_blockNumber")
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6]


def test_pause_is_as_long_as_the_server_asks(serve: Serve) -> None:
    """Retry-After is honoured, up to ten seconds."""
    fake = serve(echo)
    fake.faults = [busy(429, "7"), busy(429, "3600"), busy(429, "soon")]
    node, pauses = connect(fake)
    node.call("eth_blockNumber")
    assert pauses == [7.0, 10.0, 0.4]


@pytest.mark.parametrize("fault", [busy(429), busy(503), lost(), lost(after=True), Fault(cut=True)])
@pytest.mark.parametrize("method", ["eth_sendRawTransaction", "eth_sendTransaction", "evm_mine"])
def test_what_changes_something_leaves_once(serve: Serve, fault: Fault, method: str) -> None:
    """Whether the node acted is unknown, and repeating is not this module's to decide."""
    fake = serve(echo)
    fake.faults = [fault]
    node, pauses = connect(fake)
    with pytest.raises(Unanswered):
        node.call(method, ["0x00"])
    assert (fake.count(method), pauses) == (1, [])


def test_silent_node_times_out(serve: Serve) -> None:
    """A connection taken and never served is a read time-out, by name."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        node = Node(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.05, pause=lambda _: None)
        with pytest.raises(Unanswered, match=r"no answer within 0\.05 s"):
            node.call("eth_chainId")
        node.close()


def test_nobody_there_is_no_node_and_the_address_is_shown_without_its_secrets() -> None:
    """One line with what to do, and neither user, password, key in the path, nor query."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        node = Node(f"http://ann:hunter2@127.0.0.1:{port}/v3/abcdef?key=s3cret")
        with pytest.raises(NoNode) as caught:
            node.call("eth_chainId")
    shown = f"{caught.value} {caught.value.__cause__!r} {caught.value.args} {node!r}"
    assert f"http://127.0.0.1:{port}/…" in shown
    assert "troth up" in shown
    assert not any(secret in shown for secret in ("ann", "hunter2", "abcdef", "s3cret"))


def test_wrong_address_or_key_is_no_node(serve: Serve) -> None:
    """401 or 404 without JSON: no use in asking again."""
    fake = serve(echo)
    fake.faults = [Fault(status=401, body=b"who are you?")]
    node, pauses = connect(fake)
    with pytest.raises(NoNode, match="HTTP 401: check address and access key"):
        node.call("eth_chainId")
    assert pauses == []


def test_error_object_with_an_http_error_status_is_read(serve: Serve) -> None:
    """Some nodes say 400 or 500 and mean it in JSON."""
    fake = serve(echo)
    body = b'{"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "no such method"}}'
    fake.faults = [Fault(status=400, body=body)]
    with pytest.raises(NodeError, match="no such method"):
        connect(fake)[0].call("eth_x")


@pytest.mark.parametrize(
    ("code", "message", "data"),
    [
        (3, "execution reverted: custom error", "0x6073b21f"),
        (-32000, "VM Exception while processing transaction: revert", "0x6073b21f"),
        (-32603, "VM Exception while processing transaction: revert", {"result": "0x6073b21f"}),
        (-32015, "VM execution error: reverted", "Reverted 0x6073b21f"),
    ],
)
def test_revert_data_is_found_where_each_node_puts_it(
    serve: Serve, code: int, message: str, data: object
) -> None:
    """Anvil and geth, Ganache, Hardhat, OpenEthereum; none of them is asked twice."""

    def answer(method: str, params: list[object]) -> object:
        raise RpcError(code, message, data)

    node, pauses = connect(serve(answer))
    with pytest.raises(Reverted) as caught:
        node.call("eth_call", [{}])
    assert caught.value.data == bytes.fromhex("6073b21f")
    assert pauses == []


def test_revert_without_data_is_a_revert(serve: Serve) -> None:
    """Code 3 alone says so."""

    def answer(method: str, params: list[object]) -> object:
        raise RpcError(3, "execution reverted")

    with pytest.raises(Reverted) as caught:
        connect(serve(answer))[0].call("eth_call", [{}])
    assert caught.value.data == b""


def test_message_is_one_printable_line(serve: Serve) -> None:
    """Anvil quotes a contract's raw bytes; a terminal must not see them."""

    def answer(method: str, params: list[object]) -> object:
        raise RpcError(-32000, "bad\x00\x1b[31m\nthing " + "x" * 500)

    with pytest.raises(NodeError) as caught:
        connect(serve(answer))[0].call("eth_x")
    assert caught.value.detail.isprintable()
    assert len(caught.value.detail) <= 201


def test_error_that_is_no_object_is_one_printable_line(serve: Serve) -> None:
    """Not as the protocol has it, and cleaned no less."""
    fake = serve(echo)
    fake.faults = [Fault(body=b'{"jsonrpc": "2.0", "id": 1, "error": "bad\\u001b[31m\\nthing"}')]
    with pytest.raises(NodeError) as caught:
        connect(fake)[0].call("eth_x")
    assert caught.value.detail == "bad [31m thing"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@node.example:8545/?k=1#x", "https://node.example:8545"),
        ("https://node.example/v3/0123456789", "https://node.example/…"),
        ("http://[::1]:8545", "http://[::1]:8545"),
        ("http://node:port", "the RPC address"),
    ],
)
def test_without_secrets(url: str, shown: str) -> None:
    """What may hold a secret is left out."""
    assert rpc.without_secrets(url) == shown


def test_local_node_is_reached_past_any_proxy(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A company's HTTP_PROXY must not see, or break, talk with this machine."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert connect(serve(echo))[0].call("eth_chainId") == "eth_chainId"


def test_chain_id_and_client_are_asked_once(node: Node) -> None:
    """They do not change under a connection."""
    assert node.chain_id == 31337
    assert node.client.startswith("anvil/")
    assert node.is_development


def test_live_network_is_not_for_development(serve: Serve) -> None:
    """geth has no clock to command."""
    assert not connect(serve(lambda *_: "Geth/v1.16.0/linux"))[0].is_development


@pytest.mark.parametrize(
    ("client", "present"), [("anvil/v1.7.1", "pending"), ("Geth/v1.16.0/linux", "latest")]
)
def test_present_is_what_the_next_transaction_finds(serve: Serve, client: str, present: str) -> None:
    """A development chain's latest block may be old; elsewhere "pending" holds what may never be mined."""
    assert connect(serve(lambda *_: client))[0].present == present
