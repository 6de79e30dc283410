"""A contract at an address: views, transactions prepared, events, and the errors in between."""

from __future__ import annotations

import pytest

from troth.chain import Artifact, Contract, Node, Sender, artifact, shipped
from troth.errors import ContractRefused, NodeError, NotDeployed

PAYEE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


def test_view_returns_the_value(dollar: Contract, deployer: Sender) -> None:
    """One value, one exchange."""
    assert dollar.call("balanceOf", deployer.address) == 1000


def test_many_views_come_in_order(dollar: Contract, deployer: Sender) -> None:
    """Of different functions, at once."""
    calls = [("decimals", ()), ("balanceOf", (deployer.address,)), ("balanceOf", (PAYEE,))]
    assert dollar.call_many(calls) == [6, 1000, 0]


def test_view_of_an_older_block(dollar: Contract, node: Node, deployer: Sender) -> None:
    """By number."""
    before = int(node.call("eth_blockNumber"), 16)
    deployer.send([dollar.prepare("mint", PAYEE, 5, gas=100_000)])
    assert dollar.call("balanceOf", PAYEE, block=before) == 0
    assert dollar.call("balanceOf", PAYEE) == 5


def test_refusal_is_raised_by_name_with_its_arguments(dollar: Contract, deployer: Sender) -> None:
    """From a simulated transfer, as the sender given."""
    with pytest.raises(ContractRefused) as caught:
        dollar.call("transfer", PAYEE, 1001, sender=deployer.address)
    assert caught.value.name == "ERC20InsufficientBalance"
    assert caught.value.arguments == {"sender": deployer.address, "balance": 1000, "needed": 1001}


def test_address_without_code_is_not_deployed(node: Node) -> None:
    """An empty answer, and no code: the contract is not there."""
    token = Contract(node, PAYEE, artifact("TestDollar").abi, name="TestDollar")
    with pytest.raises(NotDeployed, match=f"TestDollar is not deployed at {PAYEE}"):
        token.call("decimals")


def test_answer_of_another_shape_is_a_node_error(node: Node, deployer: Sender) -> None:
    """Code that answers eth_call with nothing is another contract than we think."""
    stop = Artifact("Stop", artifact("TestDollar").abi, bytes.fromhex("600060005360016000f3"), b"", "")
    (receipt,) = deployer.send([stop.deployment(gas=100_000)])
    assert receipt.contract is not None
    with pytest.raises(NodeError, match="answered decimals\\(\\) oddly"):
        Contract(node, receipt.contract, stop.abi, name="Stop").call("decimals")


def test_events_of_a_receipt_are_this_contracts_in_order(
    dollar: Contract, node: Node, deployer: Sender
) -> None:
    """With their place; another contract's are left out."""
    receipts = deployer.send([dollar.prepare("transfer", PAYEE, n, gas=100_000) for n in (1, 2)])
    (event,) = dollar.events(receipts[1], "Transfer")
    assert (event.name, tuple(event.arguments)) == ("Transfer", (deployer.address, PAYEE, 2))
    assert (event.address, event.block) == (dollar.address, receipts[1].block)
    assert event.transaction == receipts[1].hash
    assert event.index == int(receipts[1].logs[0]["logIndex"], 16)
    assert dollar.events(receipts[1], "Approval") == []
    assert Contract(node, PAYEE, dollar.abi).events(receipts[1]) == []


def test_prepared_call_names_contract_and_function(dollar: Contract) -> None:
    """For people and logs."""
    call = dollar.prepare("mint", PAYEE, 1, gas=9)
    assert (call.to, call.gas, call.label) == (dollar.address, 9, "TestDollar.mint")
    assert call.data == dollar.encode("mint", PAYEE, 1)


def test_topic_is_that_of_the_erc20_transfer(dollar: Contract) -> None:
    """The best known of all."""
    assert dollar.topic("Transfer").hex().startswith("ddf252ad1be2c89b69c2b068fc378daa")


def test_every_artifact_is_read_and_can_be_created() -> None:
    """Names as the files say, and code to deploy."""
    assert {"Authority", "PolicyBooks", "TestDollar"} <= shipped().keys()
    for name, one in shipped().items():
        assert name == one.name
        assert len(one.bytecode) > len(one.deployed_bytecode) > 1000
    with pytest.raises(KeyError):
        artifact("Nothing")
