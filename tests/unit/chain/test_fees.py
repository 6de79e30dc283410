"""What gas costs: twice the base fee and a tip, within the limit; one price where there is no base fee."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.doubles import Answer, FakeNode, RpcError

from troth.chain.fees import Price, price_now
from troth.chain.rpc import Node
from troth.errors import FeeAboveLimit, NodeError

GWEI = 10**9
Serve = Callable[[Answer], FakeNode]


def market(*, base: int | None, tip: int | None = GWEI, price: int = 0) -> Answer:
    """A node with these fees."""

    def answer(method: str, params: list[Any]) -> Any:
        if method == "eth_getBlockByNumber":
            return {"number": "0x1", **({} if base is None else {"baseFeePerGas": hex(base)})}
        if method == "eth_gasPrice":
            return hex(price)
        if tip is None:
            raise RpcError(-32601, "the method does not exist")
        return hex(tip)

    return answer


def test_twice_the_base_fee_and_the_tip(serve: Serve) -> None:
    """So that six full blocks on end do not outbid it."""
    price = price_now(Node(serve(market(base=10 * GWEI, tip=2 * GWEI)).url), 500 * GWEI)
    assert price == Price(22 * GWEI, 2 * GWEI, 10 * GWEI, legacy=False)
    assert price.fields() == {"maxFeePerGas": 22 * GWEI, "maxPriorityFeePerGas": 2 * GWEI}


def test_limit_caps_fee_and_tip(serve: Serve) -> None:
    """Never above what the user allows, and the tip never above the fee."""
    node = Node(serve(market(base=GWEI, tip=50 * GWEI)).url)
    assert price_now(node, 5 * GWEI) == Price(5 * GWEI, 5 * GWEI, GWEI, legacy=False)


def test_node_without_a_suggestion_gets_a_gwei(serve: Serve) -> None:
    """Ganache has no eth_maxPriorityFeePerGas."""
    assert price_now(Node(serve(market(base=GWEI, tip=None)).url), 500 * GWEI).priority == GWEI


def test_chain_without_base_fee_has_one_price(serve: Serve) -> None:
    """Before London."""
    price = price_now(Node(serve(market(base=None, price=7 * GWEI)).url), 500 * GWEI)
    assert price.fields() == {"gasPrice": 7 * GWEI}


@pytest.mark.parametrize("answer", [market(base=6 * GWEI), market(base=None, price=6 * GWEI)])
def test_network_above_the_limit_is_refused(serve: Serve, answer: Answer) -> None:
    """With both figures."""
    with pytest.raises(FeeAboveLimit) as caught:
        price_now(Node(serve(answer).url), 5 * GWEI)
    assert (caught.value.asked, caught.value.limit) == (6 * GWEI, 5 * GWEI)


def test_node_without_blocks_is_a_node_error(serve: Serve) -> None:
    """It cannot say what gas costs."""
    with pytest.raises(NodeError, match="no latest block"):
        price_now(Node(serve(lambda *_: None).url), 5 * GWEI)


def test_replacement_offers_an_eighth_more_in_both_parts() -> None:
    """Nodes ask for a tenth of each; rounding must not take it below."""
    now = Price(10, 1, 4, legacy=False)
    raised = now.over(80, 8, limit=1000)
    assert raised == Price(91, 10, 4, legacy=False)
    assert raised.max_fee * 10 >= 80 * 11
    assert raised.priority * 10 >= 8 * 11


def test_replacement_follows_the_market_where_that_is_higher() -> None:
    """A spike of the base fee is met at once."""
    assert Price(500, 5, 240, legacy=False).over(80, 8, limit=1000) == Price(500, 10, 240, legacy=False)


def test_replacement_above_the_limit_is_none() -> None:
    """Better to wait than to pay more than allowed."""
    assert Price(10, 1, 4, legacy=False).over(80, 8, limit=90) is None
