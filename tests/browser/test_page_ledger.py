"""The two questions the page asks of a node, honest, lying, broken or absent; and nothing else goes out."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ledger import LocalNode, Reply, local_node, words
from reader import PAGE, Reader
from support import Suite
from support.defaults import START
from support.handmade_receipts import Contact, Stream, four_kinds, subject, written
from support.streams import opened

from troth.trees.keccak import keccak

NONE = "0x" + "00" * 32


@pytest.fixture
def ledger() -> Iterator[LocalNode]:
    """A node that holds the stream all receipts here are of."""
    stream = four_kinds()["completeness"][0]

    def answer(call: dict[str, Any]) -> str:
        number = int(call["params"][0]["data"][-64:], 16)
        return words(stream.commitment(number - 1), stream.commitment(number))

    with local_node(answer) as made:
        yield made


def test_questions_are_the_chain_and_one_call_of_commitments(reader: Reader, ledger: LocalNode) -> None:
    """Of the last batch and the one after, at the newest block; after the browser asked whether it may."""
    _, receipt = four_kinds()["disclosure"]
    reader.choose(written(receipt))
    assert ledger.calls == []
    assert reader.ask(ledger.url) == "proved"
    selector = keccak(b"commitments(uint256,uint256,uint256)")[:4].hex()
    data = "0x" + selector + "".join(f"{each:064x}" for each in (1, 1, 2))
    params = [{"to": receipt["contract"], "data": data}, "latest"]
    first, then = ({"jsonrpc": "2.0", "id": 1, "method": name} for name in ("eth_chainId", "eth_call"))
    assert ledger.calls == [{**first, "params": []}, {**then, "params": params}]
    assert ledger.preflights >= 1


def test_nothing_but_the_questions_leaves_the_browser(reader: Reader, ledger: LocalNode) -> None:
    """Not when the page is opened, nor when a receipt is chosen, refused or compared."""
    stream, receipt = four_kinds()["completeness"]
    reader.choose(written(receipt)[:-5])
    reader.choose(written(receipt))
    reader.compare(stream.commitment(3))
    assert {url.split(":")[0] for _, url in reader.requests} <= {"file", "data"}
    reader.ask(ledger.url)
    sent = [(method, url) for method, url in reader.requests if not url.startswith(("file:", "data:"))]
    assert sent == [("POST", ledger.url)] * 2


def test_proof_by_a_node_says_whom_it_trusts(reader: Reader, ledger: LocalNode) -> None:
    """And when it asked; and that no later batch was there."""
    reader.choose(written(four_kinds()["completeness"][1]))
    assert reader.ask(ledger.url) == "proved"
    host = ledger.url.split("/")[2]
    assert f"the node at {host} said that the ledger holds this receipt's fingerprint" in reader.text(
        "#chain-why"
    )
    honestly = (
        "That the node told the truth and serves chain 31337, as it says, and the chain keeps its newest"
    )
    assert f"{honestly} blocks: ask another one" in reader.text("#unproved")
    assert "There was no later batch when you asked." in reader.text("#unproved")


def test_password_in_the_nodes_address_is_not_shown(reader: Reader, ledger: LocalNode) -> None:
    """The report may be printed and handed on."""
    reader.choose(written(four_kinds()["inclusion"][1]))
    assert reader.ask(f"{ledger.url}v3/hunter2?key=hunter3") == "proved"
    assert "hunter" not in reader.page.inner_text("body")


def test_later_batches_are_told_of(reader: Reader, ledger: LocalNode) -> None:
    """The receipt says nothing of them."""
    stream = four_kinds()["completeness"][0]
    reader.choose(written(stream.completeness(subject(1), last=2)))
    assert reader.ask(ledger.url) == "proved"
    assert "after batch 2, of 1 January 2026, 02:00:00 UTC: there are later batches" in reader.text(
        "#unproved"
    )


OTHER_CHAINS: dict[str, tuple[Any, str]] = {
    "another": ("0x1", "serves chain 1, and the receipt is of chain 31337: ask a node of chain 31337."),
    "one beyond numbers": (
        "0x" + "f" * 64,
        "serves chain 115792089237316195423570985008687907853269984665640564039457",
    ),
    "that of another question": (Reply(b'{"id":2,"result":"0x7a69"}'), "not one to this question"),
}

NO_CHAINS: dict[str, Any] = {
    "none": None,
    "a number": 31337,
    "no digits": "0x",
    "a line end behind": "0x7a69\n",
    "too many digits": "0x" + "7" * 65,
    "an error": Reply(b'{"id":1,"error":{"code":-32601,"message":"unknown"}}'),
}


@pytest.mark.parametrize("case", NO_CHAINS)
def test_node_that_names_no_chain_is_said_to(reader: Reader, ledger: LocalNode, case: str) -> None:
    """Some answer an eth_call and nothing else: the rest is as good as their word."""
    ledger.chain = NO_CHAINS[case]
    reader.choose(written(four_kinds()["completeness"][1]))
    assert reader.ask(ledger.url) == "proved"
    assert "told the truth and serves chain 31337, which it does not say, and" in reader.text("#unproved")


@pytest.mark.parametrize("case", OTHER_CHAINS)
def test_node_of_another_chain_is_not_asked_more(reader: Reader, ledger: LocalNode, case: str) -> None:
    """There anybody can put a contract at the same address that says what they like."""
    ledger.chain, said = OTHER_CHAINS[case]
    reader.choose(written(four_kinds()["completeness"][1]))
    assert reader.ask(ledger.url) == "open"
    assert said in reader.text("#verdict")
    assert [call["method"] for call in ledger.calls] == ["eth_chainId"]
    ledger.chain = "0x0007A69"
    assert reader.ask(ledger.url) == "proved"


def test_null_is_no_error(reader: Reader, ledger: LocalNode) -> None:
    """Some nodes send it with every result."""
    answers = {"jsonrpc": "2.0", "id": 1, "error": None, "result": words(RIGHT, NONE)}
    ledger.answer = lambda _: Reply(json.dumps(answers).encode())
    reader.choose(written(four_kinds()["completeness"][1]))
    assert reader.ask(ledger.url) == "proved"


LIES = {
    "another commitment": (words("0x" + "12" * 32, NONE), "the ledger has the fingerprint 0x1212"),
    "none": (words(NONE, NONE), "the ledger has no batch 3 of stream 1"),
}


@pytest.mark.parametrize("lie", LIES)
def test_ledger_that_says_otherwise_is_a_refusal(reader: Reader, ledger: LocalNode, lie: str) -> None:
    """With what it says; the node may lie, but then nothing is proved."""
    result, said = LIES[lie]
    ledger.answer = lambda _: result
    reader.choose(written(four_kinds()["completeness"][1]))
    assert reader.ask(ledger.url) == "refused"
    assert said in reader.text("#verdict")
    assert not reader.page.is_visible("#report")


RIGHT = four_kinds()["completeness"][0].commitment(3)
NO_ANSWERS: dict[str, tuple[Any, str]] = {
    "nothing there": ("0x", "has nothing at"),
    "empty": ("", "not one to this question"),
    "one word": (words(RIGHT), "not one to this question"),
    "three words": (words(RIGHT, NONE, NONE), "not one to this question"),
    "cut": (words(RIGHT, NONE)[:-2], "not one to this question"),
    "more behind": (words(RIGHT, NONE) + "00" * 32, "not one to this question"),
    "bare words": (RIGHT + NONE[2:], "not one to this question"),
    "another offset": (words(RIGHT, NONE).replace("20", "40", 1), "not one to this question"),
    "capitals": (words(RIGHT, NONE).upper().replace("0X", "0x"), "not one to this question"),
    "a list": ([RIGHT, NONE], "not one to this question"),
    "null": (None, "not one to this question"),
    "an error": (
        Reply(b'{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"<b>no\\u202e</b>"}}'),
        "It says <b>noU+202E</b>",
    ),
    "an error without a result": (
        Reply(b'{"jsonrpc":"2.0","id":1,"error":null}'),
        "not one to this question",
    ),
    "an error that is a text": (Reply(b'{"id":1,"error":"no\\u202e"}'), "It says noU+202E"),
    "an error beside a result": (
        Reply(json.dumps({"id": 1, "error": False, "result": words(RIGHT, NONE)}).encode()),
        "refuses to answer",
    ),
    "a deep error": (
        Reply(b'{"id":1,"error":{"message":' + b"[" * 30_000 + b"]" * 30_000 + b"}}"),
        "refuses to answer",
    ),
    "another id": (
        Reply(json.dumps({"jsonrpc": "2.0", "id": 2, "result": words(RIGHT, NONE)}).encode()),
        "not one to",
    ),
    "no object": (Reply(b"[]"), "not one to this question"),
    "no JSON": (Reply(b"<html>"), "not JSON"),
    "nothing": (Reply(b""), "not JSON"),
    "no end": (Reply(b" " * 2_000_000), "does not end"),
}


@pytest.mark.parametrize("case", NO_ANSWERS)
def test_node_without_an_answer_proves_nothing(reader: Reader, ledger: LocalNode, case: str) -> None:
    """Nor does it refute: the receipt stays as it was, with the reason, and can be asked about again."""
    result, said = NO_ANSWERS[case]
    honest, ledger.answer = ledger.answer, lambda _: result
    reader.choose(written(four_kinds()["completeness"][1]))
    assert reader.ask(ledger.url) == "open"
    assert reader.word().startswith("NOT PROVED YET: ")
    assert said in reader.text("#verdict")
    assert "anybody could have made all of it up" in reader.text("#unproved")
    ledger.answer = honest
    assert reader.ask(ledger.url) == "proved"


def test_node_that_sends_the_page_elsewhere_is_not_followed(anyone: Reader, ledger: LocalNode) -> None:
    """The reader named one to trust; the other would even have known."""
    with local_node(ledger.answer) as other:
        ledger.answer = lambda _: Reply(b"", 307, {"Location": other.url})
        anyone.open().choose(written(four_kinds()["completeness"][1]))
        assert anyone.ask(ledger.url) == "open"
        assert "cannot be reached" in anyone.text("#verdict")
        assert (len(ledger.calls), other.calls) == (2, [])
        assert anyone.ask(other.url) == "proved"


@pytest.mark.parametrize("status", [201, 204, 401, 404, 429, 500])
def test_any_status_but_200_proves_nothing(anyone: Reader, ledger: LocalNode, status: int) -> None:
    """Whatever comes with it. It is named; the browser notes errors on its console by itself."""
    right = json.dumps({"jsonrpc": "2.0", "id": 1, "result": words(RIGHT, NONE)}).encode()
    ledger.answer = lambda _: Reply(b"" if status == 204 else right, status)
    anyone.open().choose(written(four_kinds()["completeness"][1]))
    assert anyone.ask(ledger.url) == "open"
    assert f"HTTP status {status}." in anyone.text("#verdict")


def test_absent_node_proves_nothing(anyone: Reader) -> None:
    """Nobody listens there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        anyone.open().choose(written(four_kinds()["inclusion"][1]))
        assert anyone.ask(f"http://127.0.0.1:{probe.getsockname()[1]}/") == "open"
    assert "cannot be reached" in anyone.text("#verdict")


def test_node_closed_to_web_pages_proves_nothing(anyone: Reader, ledger: LocalNode) -> None:
    """The browser keeps its answer from the page."""
    ledger.open_to_pages = False
    anyone.open().choose(written(four_kinds()["inclusion"][1]))
    assert anyone.ask(ledger.url) == "open"
    assert "does not let web pages ask it" in anyone.text("#verdict")


@pytest.mark.parametrize(
    "url", ["", "node", "ftp://127.0.0.1/", "file:///etc/passwd", "javascript:alert(1)", "https://"]
)
def test_what_is_no_address_is_asked_nothing(reader: Reader, url: str) -> None:
    """The page says how one begins."""
    reader.choose(written(four_kinds()["inclusion"][1]))
    before = list(reader.requests)
    assert reader.ask(url) == "open"
    assert "beginning with https:// or http://" in reader.text("#verdict")
    assert reader.requests == before


@pytest.mark.parametrize("user", ["ann:hunter2@", "hunter2@", ":hunter2@"])
def test_address_with_a_password_is_asked_nothing(reader: Reader, ledger: LocalNode, user: str) -> None:
    """A browser would not send it; the page says so, and does not repeat it."""
    reader.choose(written(four_kinds()["inclusion"][1]))
    assert reader.ask(ledger.url.replace("//", f"//{user}")) == "open"
    assert "Leave user and password out of the address" in reader.text("#verdict")
    assert "hunter2" not in reader.page.inner_text("body")
    assert ledger.calls == []


def test_late_answer_to_an_earlier_question_is_dropped(reader: Reader, ledger: LocalNode) -> None:
    """Another receipt was chosen in the meantime: what the node says of the first is not said of it."""
    honest: Callable[[dict[str, Any]], Any] = ledger.answer
    gate = socket.socketpair()

    def slowly(call: dict[str, Any]) -> Any:
        gate[0].recv(1)
        return honest(call)

    ledger.answer = slowly
    reader.choose(written(four_kinds()["inclusion"][1]))
    reader.page.fill("#node", ledger.url)
    with reader.page.expect_response(lambda response: "eth_call" in (response.request.post_data or "")):
        reader.page.click("#ask button")
        other = written(Stream([[Contact(1)]], name="mails").inclusion(0))
        assert reader.choose(other) == "open"
        gate[1].send(b"x")
    reader.page.wait_for_timeout(100)
    assert reader.verdict() == "open"
    for end in gate:
        end.close()


@pytest.mark.parametrize("served", [False, True], ids=["from the disk", "from localhost"])
def test_receipt_is_proved_against_a_real_chain(anyone: Reader, suite: Suite, served: bool) -> None:
    """Anchored on Anvil by the contract itself, asked by the page wherever it was opened."""
    stream = opened(suite)
    place = {"chain": suite.node.chain_id, "contract": suite.streams.address.lower(), "number": stream.number}
    batches = [[Contact(1), Contact(2)], [Contact(3), Contact(1, "2026-01-01T00:30:00Z"), Contact(1)]]
    made = Stream(batches, times=[suite.clock.now] * 2, name="calls", **place)
    for batch in made.batches:
        words_of = stream.next(len(batch.records), batch.root)._replace(subjects=batch.roster.word)
        stream.writer.send(suite.streams, "anchor", *words_of)
        stream.take(words_of)
    with local_node() as server:
        server.pages["/verify_receipt.html"] = PAGE.read_bytes()
        anyone.open(f"{server.url}verify_receipt.html" if served else PAGE.as_uri())
        for receipt, later in (
            (made.completeness(subject(1)), "There was no later batch"),
            (made.completeness(subject(1), last=1), "there are later batches"),
            (made.inclusion(4), "There was no later batch"),
        ):
            anyone.choose(written(receipt))
            assert anyone.ask(suite.node.url) == "proved"
            assert later in anyone.text("#unproved") or receipt["kind"] == "inclusion"
        forged = Stream(batches, times=[suite.clock.now, START + 10**9], name="calls", **place)
        anyone.choose(written(forged.inclusion(4)))
        assert anyone.ask(suite.node.url) == "refused"
    assert anyone.console == []
