"""Sending: in order, journalled before it leaves, each call to one effect whatever the node does."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from support.doubles import Fault, Proxy, RpcError, busy, lost, refused

from troth.chain import (
    Call,
    Contract,
    LocalSigner,
    MemoryJournal,
    Node,
    NodeSigner,
    Pace,
    Receipt,
    Sender,
    SignedTransaction,
)
from troth.chain import sender as module
from troth.errors import (
    ContractRefused,
    FeeAboveLimit,
    NodeError,
    NoFunds,
    TransactionFailed,
)

FAST = Pace(0.001, 0.01, repeat=0.05, replace=60.0, missing=0.15, give_up=5.0, window=100)
RAISING = replace(FAST, replace=0.1)  # not for all: a machine that stalls as long would have every fee raised
PATIENT = replace(FAST, missing=5.0)
LIMIT = 500 * 10**9
GWEI = 10**9
_payees = itertools.count(1)


@pytest.fixture
def payee() -> str:
    """An address nobody has paid yet."""
    return f"0x{0xABCD:020x}{next(_payees):020x}"


@pytest.fixture
def signer(signers: list[LocalSigner]) -> LocalSigner:
    """The account these tests send from."""
    return signers[5]


@pytest.fixture
def live(proxy: Proxy) -> Proxy:
    """The session's chain, passed off as a live network."""
    proxy.overrides["web3_clientVersion"] = lambda *_: "Geth/v1.16.0"
    return proxy


@pytest.fixture
def unmined(node: Node) -> Iterator[Node]:
    """The session's chain, not mining by itself."""
    node.call("evm_setAutomine", [False])
    yield node
    node.call("evm_setAutomine", [True])
    node.call("evm_mine")


@pytest.fixture
def make(proxy: Proxy, signer: LocalSigner, journal: MemoryJournal) -> Iterator[Callable[..., Sender]]:
    """Makes senders that go through the proxy."""
    with Node(proxy.url, timeout=5.0, pause=lambda _: None) as through:

        def sender(**options: Any) -> Sender:
            return Sender(through, signer, journal, **{"pace": FAST, **options})

        yield sender


def gift(payee: str, value: int = 1, gas: int | None = 21_000) -> Call:
    """A plain payment."""
    return Call(payee, b"", gas, value)


def balance(node: Node, account: str) -> int:
    """What an account holds, in wei."""
    return int(node.call("eth_getBalance", [account, "latest"]), 16)


def of(journal: MemoryJournal) -> list[SignedTransaction]:
    """All the journal was ever told to keep."""
    return list(journal._signed.values())


# --- the plain way


def test_calls_are_sent_in_order_and_receipts_come_in_order(
    make: Callable[..., Sender], node: Node, journal: MemoryJournal, payee: str
) -> None:
    """Nonces without a gap, and nothing left unfinished."""
    start = int(node.call("eth_getTransactionCount", [make().address, "latest"]), 16)
    receipts = make().send([gift(payee, n) for n in range(1, 31)])
    assert [one.nonce for one in of(journal)] == list(range(start, start + 30))
    assert [receipt.hash for receipt in receipts] == [one.hash for one in of(journal)]
    assert all(receipt.succeeded and receipt.gas_used == 21_000 for receipt in receipts)
    assert balance(node, payee) == sum(range(1, 31))
    assert journal.unfinished() == []


def test_sending_wastes_no_calls(make: Callable[..., Sender], proxy: Proxy, payee: str) -> None:
    """With gas limits given: no estimates, arrays of transactions, and no storm of questions."""
    make(pace=Pace()).send([gift(payee)] * 40)
    assert proxy.count("eth_estimateGas") == 0
    assert proxy.count("eth_sendRawTransaction") == 40
    assert proxy.count("eth_getTransactionReceipt") <= 45
    assert len(proxy.requests) < 60


def test_nothing_leaves_before_the_journal_has_it(
    make: Callable[..., Sender], proxy: Proxy, journal: MemoryJournal, payee: str
) -> None:
    """Each transaction is in the journal when the node first sees it."""

    def check(params: list[Any], real: Callable[[], Any]) -> Any:
        assert params[0] in {f"0x{one.raw.hex()}" for one in of(journal)}
        return real()

    proxy.overrides["eth_sendRawTransaction"] = check
    make().send([gift(payee)] * 20)


def test_nothing_leaves_if_the_journal_fails(
    *,
    make: Callable[..., Sender],
    proxy: Proxy,
    journal: MemoryJournal,
    payee: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A full disk stops the sending."""

    def fail(transactions: Sequence[SignedTransaction]) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(journal, "signed", fail)
    with pytest.raises(OSError, match="disk full"):
        make().send([gift(payee)])
    assert proxy.count("eth_sendRawTransaction") == 0


def test_calls_are_taken_only_as_there_is_room(
    make: Callable[..., Sender], unmined: Node, payee: str
) -> None:
    """A million calls need not be in memory, nor in the node's pool."""
    taken = []

    def calls() -> Iterator[Call]:
        for n in range(20):
            taken.append(n)
            yield gift(payee)

    with pytest.raises(TransactionFailed):
        make(pace=replace(FAST, window=4, give_up=0.05, repeat=9)).send(calls())
    assert len(taken) == 5  # four under way, and a look at the next


def test_call_without_gas_waits_for_those_before_it(
    make: Callable[..., Sender], proxy: Proxy, dollar: Contract, signer: LocalSigner, payee: str
) -> None:
    """Its estimate would fail on the state before them."""
    silent = [5]

    def lag(params: list[Any], real: Callable[[], Any]) -> Any:
        silent[0] -= 1
        return None if silent[0] >= 0 else real()

    proxy.overrides["eth_getTransactionReceipt"] = lag
    receipts = make(pace=PATIENT).send(
        [
            dollar.prepare("mint", signer.address, 10, gas=200_000),
            dollar.prepare("transfer", payee, 10),
            dollar.prepare("mint", signer.address, 1, gas=200_000),
        ]
    )
    assert [receipt.succeeded for receipt in receipts] == [True] * 3
    asked = [method for method, _ in proxy.calls]
    assert asked.count("eth_estimateGas") == 1
    assert asked[: asked.index("eth_estimateGas")].count("eth_getTransactionReceipt") > 5
    assert dollar.call("balanceOf", payee) == 10


def test_node_held_account_is_journalled_like_any_other(
    node: Node, journal: MemoryJournal, signer: LocalSigner, payee: str
) -> None:
    """The node signs, and the bytes are kept before they are sent."""
    (receipt,) = Sender(node, NodeSigner(node, signer.address), journal).send([gift(payee, 7)])
    assert [one.hash for one in of(journal)] == [receipt.hash]
    assert balance(node, payee) == 7


def test_chain_without_base_fee_gets_a_gas_price(
    make: Callable[..., Sender], proxy: Proxy, journal: MemoryJournal, payee: str
) -> None:
    """A legacy transaction."""

    def legacy(params: list[Any], real: Callable[[], Any]) -> Any:
        return {key: value for key, value in real().items() if key != "baseFeePerGas"}

    proxy.overrides["eth_getBlockByNumber"] = legacy
    make().send([gift(payee)])
    assert of(journal)[0].raw[0] >= 0xC0  # a list, and no typed transaction


# --- calls that fail


def test_call_that_would_revert_is_not_signed_and_the_others_go_on(
    make: Callable[..., Sender], journal: MemoryJournal, dollar: Contract, node: Node, payee: str
) -> None:
    """The estimate tells, by name and arguments."""
    calls = [gift(payee), dollar.prepare("transfer", payee, 5), gift(payee)]
    with pytest.raises(ContractRefused) as caught:
        make().send(calls)
    assert caught.value.name == "ERC20InsufficientBalance"
    assert caught.value.arguments["needed"] == 5
    assert len(of(journal)) == 2
    assert balance(node, payee) == 2


def test_reverted_transaction_is_explained_and_the_others_count(
    make: Callable[..., Sender], journal: MemoryJournal, dollar: Contract, node: Node, payee: str
) -> None:
    """By running it again; it has a receipt, so it is finished."""
    outcomes = list(
        make().stream([gift(payee), dollar.prepare("transfer", payee, 5, gas=100_000), gift(payee)])
    )
    assert [outcome.failure is None for outcome in outcomes] == [True, False, True]
    bad = outcomes[1]
    assert isinstance(bad.failure, ContractRefused)
    assert bad.failure.name == "ERC20InsufficientBalance"
    assert bad.receipt is not None
    assert not bad.receipt.succeeded
    assert balance(node, payee) == 2
    assert journal.unfinished() == []


def test_out_of_gas_says_so(make: Callable[..., Sender], dollar: Contract, payee: str) -> None:
    """With the limit."""
    with pytest.raises(TransactionFailed, match="out of gas at its limit of 30000"):
        make().send([dollar.prepare("mint", payee, 5, gas=30_000)])


def test_revert_that_cannot_be_repeated_says_so(
    make: Callable[..., Sender], proxy: Proxy, dollar: Contract, payee: str
) -> None:
    """The state has moved on since."""
    proxy.overrides["eth_call"] = lambda *_: "0x"
    with pytest.raises(TransactionFailed, match="run again on the blocks around it would not"):
        make().send([dollar.prepare("transfer", payee, 5, gas=100_000)])


@pytest.mark.parametrize(("place", "filled"), [(0, True), (3, True), (9, False)])
def test_poison_does_not_stop_the_others(
    *, make: Callable[..., Sender], journal: MemoryJournal, node: Node, payee: str, place: int, filled: bool
) -> None:
    """The node refuses one for ever (EIP-7825): its nonce is filled, or used again if it was the last."""
    calls = [gift(payee) for _ in range(10)]
    calls[place] = gift(payee, gas=16_777_217)
    outcomes = list(make().stream(calls))
    bad = [outcome for outcome in outcomes if outcome.failure]
    assert [outcome.call for outcome in bad] == [calls[place]]
    assert "cap" in str(bad[0].failure)
    assert balance(node, payee) == 9
    assert len(of(journal)) == 10 + filled
    assert journal.unfinished() == []
    make().send([gift(payee)])
    assert balance(node, payee) == 10


def test_account_without_funds_stops_and_says_how_much_is_missing(
    *, node: Node, proxy: Proxy, journal: MemoryJournal, signer: LocalSigner, payee: str
) -> None:
    """What the node took before is finished; nothing hangs; the next run goes on once there is money."""
    poor = LocalSigner.from_key(bytes(31) + bytes([next(_payees) % 200 + 1]))
    node.call("anvil_setBalance", [poor.address, hex(10**15)])
    node.call("anvil_setNonce", [poor.address, "0x0"])
    sender = Sender(Node(proxy.url), poor, journal, pace=FAST)
    with pytest.raises(NoFunds) as caught:
        sender.send([gift(payee, 10), gift(payee, 10**17), gift(payee, 10)])
    assert caught.value.account == poor.address
    assert caught.value.needed > 10**17 > 10**15 > caught.value.available
    assert journal.unfinished() == []
    before = balance(node, payee)
    node.call("anvil_setBalance", [poor.address, hex(10**18)])
    sender.send([gift(payee, 10**17)])
    assert balance(node, payee) == before + 10**17


def test_estimate_without_funds_says_so(
    make: Callable[..., Sender], proxy: Proxy, journal: MemoryJournal, payee: str
) -> None:
    """As geth refuses to estimate; nothing is signed."""

    def refuse(params: list[Any], real: Callable[[], Any]) -> Any:
        raise RpcError(-32000, "insufficient funds for transfer")

    proxy.overrides["eth_estimateGas"] = refuse
    with pytest.raises(NoFunds):
        make().send([gift(payee, 10**18, gas=None)])
    assert of(journal) == []


# --- a node that misbehaves


@pytest.mark.parametrize(
    "fault",
    [
        lost(after=True),
        lost(),
        busy(429),
        busy(502),
        Fault(cut=True, after=True),
        Fault(body=b"<html>"),
        refused(-32005, "limit exceeded"),
    ],
)
def test_send_without_an_answer_has_one_effect(
    make: Callable[..., Sender], proxy: Proxy, node: Node, payee: str, fault: Fault
) -> None:
    """Whether or not the node acted: the same bytes go again, and count once."""
    pending = [fault]

    def strike(params: list[Any], real: Callable[[], Any]) -> Any:
        proxy.faults = pending[:1] * 2  # the answer after this one: the array of transactions
        pending.clear()
        return real()

    proxy.overrides["eth_maxPriorityFeePerGas"] = strike
    make().send([gift(payee, 3)] * 5)
    assert balance(node, payee) == 15
    assert proxy.faults == []


def test_answers_of_a_lagging_node_are_waited_for(
    make: Callable[..., Sender], proxy: Proxy, journal: MemoryJournal, payee: str
) -> None:
    """One machine knows the nonce is used, another does not have the receipt yet."""
    silent = [3]

    def lag(params: list[Any], real: Callable[[], Any]) -> Any:
        silent[0] -= 1
        return None if silent[0] >= 0 else real()

    proxy.overrides["eth_getTransactionReceipt"] = lag
    (receipt,) = make(pace=PATIENT).send([gift(payee)])
    assert receipt.succeeded
    assert silent[0] < 0


def test_words_nobody_understands_end_in_failure(
    *, make: Callable[..., Sender], proxy: Proxy, node: Node, journal: MemoryJournal, payee: str
) -> None:
    """After a few tries; the account is not blocked."""

    def refuse(params: list[Any], real: Callable[[], Any]) -> Any:
        raise RpcError(-32010, "computer says no")

    proxy.overrides["eth_sendRawTransaction"] = refuse
    with pytest.raises(TransactionFailed, match="computer says no"):
        make(pace=replace(FAST, repeat=0.01)).send([gift(payee)])
    assert proxy.count("eth_sendRawTransaction") > 3
    del proxy.overrides["eth_sendRawTransaction"]
    make().send([gift(payee)])
    assert balance(node, payee) == 1


@pytest.mark.parametrize("window", [1, 100])
def test_nonce_used_by_somebody_else_is_a_failure_and_no_second_payment(
    *,
    make: Callable[..., Sender],
    proxy: Proxy,
    node: Node,
    journal: MemoryJournal,
    signer: LocalSigner,
    payee: str,
    window: int,
) -> None:
    """The key was used from outside; those after it are not harmed."""
    stolen = []

    def steal(params: list[Any], real: Callable[[], Any]) -> Any:
        if not stolen:
            stolen.append(Sender(node, signer, MemoryJournal()).send([gift(payee, 100)]))
        return real()

    proxy.overrides["eth_sendRawTransaction"] = steal
    outcomes = list(
        make(pace=replace(FAST, window=window)).stream([gift(payee, 1), gift(payee, 1), gift(payee, 1)])
    )
    failed = [outcome for outcome in outcomes if outcome.failure]
    assert len(failed) == 1
    assert "who else uses the key?" in str(failed[0].failure)
    assert balance(node, payee) == 102
    assert journal.unfinished() == []
    assert len(of(journal)) == 3  # and nothing to fill a nonce that is used up


def test_gap_before_the_first_nonce_is_filled(
    make: Callable[..., Sender], live: Proxy, node: Node, payee: str
) -> None:
    """The pool counted a transaction that then vanished; without help ours would wait for ever."""

    def count(params: list[Any], real: Callable[[], Any]) -> Any:
        return hex(int(real(), 16) + 2) if params[1] == "pending" else real()

    live.overrides["eth_getTransactionCount"] = count
    make(pace=RAISING).send([gift(payee)])
    assert balance(node, payee) == 1


# --- stuck


def mine(unmined: Node) -> Callable[[list[Any], Callable[[], Any]], Any]:
    """An override that mines as soon as two transactions were offered for one nonce."""
    seen: list[str] = []

    def override(params: list[Any], real: Callable[[], Any]) -> Any:
        seen.append(params[0])
        answer = real()
        if len(seen) == 2:
            unmined.call("evm_mine")
        return answer

    return override


def test_stuck_transaction_is_replaced_at_a_higher_fee(
    make: Callable[..., Sender], live: Proxy, unmined: Node, journal: MemoryJournal, payee: str
) -> None:
    """By an eighth at least, journalled before it leaves; the loser is dropped and the payee paid once."""
    live.overrides["eth_sendRawTransaction"] = mine(unmined)
    (receipt,) = make(pace=RAISING).send([gift(payee, 5)])
    first, second = of(journal)
    assert (first.nonce, receipt.hash) == (second.nonce, second.hash)
    assert second.max_fee * 8 >= first.max_fee * 9
    assert second.priority_fee * 8 >= first.priority_fee * 9
    assert journal._dropped[first.hash] == f"{second.hash} was mined instead"
    assert balance(unmined, payee) == 5


def test_earlier_attempt_that_wins_is_recognised(
    make: Callable[..., Sender], live: Proxy, unmined: Node, journal: MemoryJournal, payee: str
) -> None:
    """The replacement got lost on the way, and the first was mined after all."""
    sent: list[str] = []

    def lose_second(params: list[Any], real: Callable[[], Any]) -> Any:
        sent.append(params[0])
        if len(sent) == 1:
            return real()
        unmined.call("evm_mine")
        return "0x" + "00" * 32

    live.overrides["eth_sendRawTransaction"] = lose_second
    (receipt,) = make(pace=RAISING).send([gift(payee, 5)])
    first, second, *_ = of(journal)
    assert receipt.hash == first.hash
    assert "was mined instead" in journal._dropped[second.hash]
    assert balance(unmined, payee) == 5
    assert journal.unfinished() == []


def test_fee_below_a_risen_base_fee_is_raised(
    make: Callable[..., Sender], proxy: Proxy, node: Node, journal: MemoryJournal, payee: str
) -> None:
    """The node refuses it as too cheap; the next attempt pays what is asked."""
    looks = []

    def cheap(params: list[Any], real: Callable[[], Any]) -> Any:
        looks.append(params)
        block = real()
        return {**block, "baseFeePerGas": "0x1"} if len(looks) == 1 else block

    proxy.overrides["eth_getBlockByNumber"] = cheap
    proxy.overrides["eth_maxPriorityFeePerGas"] = lambda *_: "0x1"
    node.call("anvil_setNextBlockBaseFeePerGas", [hex(GWEI)])
    node.call("evm_mine")
    make().send([gift(payee, 5)])
    first, second = of(journal)
    assert (first.nonce, first.max_fee) == (second.nonce, 3)
    assert proxy.count("eth_sendRawTransaction") == 2
    assert balance(node, payee) == 5
    assert journal.unfinished() == []


def test_fee_is_never_raised_above_the_limit(
    make: Callable[..., Sender], live: Proxy, unmined: Node, journal: MemoryJournal, payee: str
) -> None:
    """It waits, and is mined when the network gets to it."""
    base = int(unmined.call("eth_getBlockByNumber", ["latest", False])["baseFeePerGas"], 16)
    looks = itertools.count()

    def patience(params: list[Any], real: Callable[[], Any]) -> Any:
        if next(looks) == 40:
            unmined.call("evm_mine")
        return real()

    live.overrides["eth_getTransactionCount"] = patience
    make(pace=RAISING, max_fee=2 * base + GWEI).send([gift(payee, 5)])
    assert len(of(journal)) == 1
    assert balance(unmined, payee) == 5


def test_network_above_the_limit_gets_nothing(
    make: Callable[..., Sender], proxy: Proxy, journal: MemoryJournal, payee: str
) -> None:
    """Nothing is even signed."""
    with pytest.raises(FeeAboveLimit):
        make(max_fee=1).send([gift(payee)])
    assert of(journal) == []


def test_transaction_the_pool_dropped_is_sent_again(
    make: Callable[..., Sender], live: Proxy, unmined: Node, journal: MemoryJournal, payee: str
) -> None:
    """The very same bytes."""
    sent: list[str] = []

    def drop_first(params: list[Any], real: Callable[[], Any]) -> Any:
        sent.append(params[0])
        digest = real()
        unmined.call(
            "anvil_dropTransaction" if len(sent) == 1 else "evm_mine", [digest] if len(sent) == 1 else []
        )
        return digest

    live.overrides["eth_sendRawTransaction"] = drop_first
    make().send([gift(payee, 5)])
    assert len(sent) == 2
    assert sent[0] == sent[1]
    assert balance(unmined, payee) == 5


def test_development_chain_that_stopped_mining_is_woken(
    make: Callable[..., Sender], proxy: Proxy, unmined: Node, payee: str
) -> None:
    """One evm_mine, and never on a live network."""
    make().send([gift(payee, 5)])
    assert proxy.count("evm_mine") >= 1
    assert balance(unmined, payee) == 5


def test_waiting_ends(
    make: Callable[..., Sender], live: Proxy, unmined: Node, journal: MemoryJournal
) -> None:
    """The transaction stays in the journal: it may yet be mined."""
    with pytest.raises(TransactionFailed, match="not mined within"):
        make(pace=replace(FAST, give_up=0.2)).send([gift("0x" + "11" * 20)])
    assert len(journal.unfinished()) == 1
    assert live.count("evm_mine") == 0


# --- a former process


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("moment", ["after signing", "while sending", "after sending", "before the receipt"])
def test_killed_process_is_finished_by_the_next(
    *,
    make: Callable[..., Sender],
    proxy: Proxy,
    node: Node,
    journal: MemoryJournal,
    payee: str,
    moment: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whenever it dies: each call has one effect, and nothing is missing."""

    def die(*_: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patch:
        store = journal.signed
        if moment == "after signing":
            patch.setattr(journal, "signed", lambda transactions: [store(transactions), die()])
        elif moment == "while sending":
            patch.setattr(Sender, "_post", lambda self, run, slots: [post(self, run, slots[:2]), die()])
        elif moment == "after sending":
            patch.setattr(Sender, "_post", lambda self, run, slots: [post(self, run, slots), die()])
        else:
            patch.setattr(journal, "mined", die)
        with pytest.raises(Killed):
            make().send([gift(payee, n) for n in range(1, 6)])
    unfinished = journal.unfinished()
    assert len(unfinished) == 5
    outcomes = make().resume(unfinished)
    assert [outcome.transaction for outcome in outcomes] == unfinished
    assert all(outcome.receipt and outcome.receipt.succeeded for outcome in outcomes)
    assert balance(node, payee) == 15
    assert journal.unfinished() == []
    make().send([gift(payee)])
    assert balance(node, payee) == 16


post = Sender._post


def test_resume_of_replaced_transactions_takes_the_one_mined(
    make: Callable[..., Sender], live: Proxy, unmined: Node, journal: MemoryJournal, payee: str
) -> None:
    """Two attempts at one nonce in the journal, one of them in a block."""
    with pytest.raises(TransactionFailed):
        make(pace=replace(RAISING, give_up=2.0)).send([gift(payee, 5)])
    attempts = journal.unfinished()
    assert len(attempts) >= 2
    unmined.call("evm_mine")
    (outcome,) = make().resume(attempts)
    assert outcome.receipt is not None
    assert journal.unfinished() == []
    assert balance(unmined, payee) == 5


def test_resume_of_a_nonce_somebody_else_used_is_a_failure(
    make: Callable[..., Sender], journal: MemoryJournal, node: Node, signer: LocalSigner, payee: str
) -> None:
    """What it was for has to be planned again; nothing is sent twice."""
    sender = make()
    sender._next = int(node.call("eth_getTransactionCount", [signer.address, "latest"]), 16)
    price = module.price_now(node, LIMIT)
    stale = sender._sign(gift(payee, 5), sender._next, price)
    journal.signed([stale])
    Sender(node, signer, MemoryJournal()).send([gift(payee, 100)])
    (outcome,) = make().resume([stale])
    assert isinstance(outcome.failure, TransactionFailed)
    assert balance(node, payee) == 100
    assert journal.unfinished() == []


def test_resume_of_nothing_does_nothing(make: Callable[..., Sender], proxy: Proxy) -> None:
    """The usual case."""
    assert make().resume([]) == []
    assert proxy.count("eth_sendRawTransaction") == 0


def test_resume_refuses_another_accounts_transactions(
    make: Callable[..., Sender], node: Node, signers: list[LocalSigner], payee: str
) -> None:
    """A mix-up of journals must not pass."""
    other = MemoryJournal()
    Sender(node, signers[6], other).send([gift(payee)])
    with pytest.raises(ValueError, match="not of"):
        make().resume(of(other))


# --- the words of nodes


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("already known", "TAKEN"),
        ("transaction already imported", "TAKEN"),
        ("AlreadyKnown", "TAKEN"),
        ("nonce too low: next nonce 5, tx nonce 4", "TAKEN"),
        ("the tx doesn't have the correct nonce. account has nonce of: 3 tx has nonce of: 2", "TAKEN"),
        ("replacement transaction underpriced", "TAKEN"),
        ("transaction underpriced", "DEARER"),
        ("max fee per gas less than block base fee: address 0x0", "DEARER"),
        ("insufficient funds for gas * price + value: balance 1", "POOR"),
        ("Insufficient funds for gas * price + value", "POOR"),
        ("sender doesn't have enough funds to send tx", "POOR"),
        ("intrinsic gas too low", "NEVER"),
        ("exceeds block gas limit", "NEVER"),
        ("invalid chain id for signer", "NEVER"),
        ("txpool is full", "LATER"),
        ("rate limit exceeded", "LATER"),
        ("something new", "LATER"),
    ],
)
def test_words_of_nodes_are_understood(words: str, meaning: str) -> None:
    """geth, Anvil, Ganache, Nethermind, Besu, Erigon."""
    assert module._meaning(NodeError("eth_sendRawTransaction", words, -32000), 0).name == meaning


def test_receipt_reads_a_creation(node: Node, dollar: Contract) -> None:
    """Address with checksum, or none."""
    block = node.call("eth_getBlockByNumber", ["latest", False])
    answer = node.call("eth_getTransactionReceipt", [block["transactions"][0]])
    assert Receipt.of(answer).contract is None
    created = Receipt.of({**answer, "contractAddress": dollar.address.lower()})
    assert created.contract == dollar.address
