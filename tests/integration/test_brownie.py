"""Brownie's scripts, run as a developer runs them, on Anvil and on Ganache."""

from __future__ import annotations

import json
from collections.abc import Callable

from support.chain import ROOT


def test_book_is_deployed_and_settled(brownie: Callable[..., str], network: str) -> None:
    """Six of the eight example policies are due: two at half, four in full."""
    printed = brownie("run", "settle_claims", "--network", network)
    assert "settled 6 claims, paid 1750.00 TUSD" in printed
    assert "reconciled" in printed


def test_consents_are_recorded_and_asked_for(brownie: Callable[..., str], network: str) -> None:
    """The seven example decisions, and what they come to."""
    printed = brownie("run", "record_consent", "--network", network)
    assert "7 decisions, 7 recorded by 1 transactions" in printed
    assert "C-1003: Marketing, broker-north, Contact: not permitted" in printed
    printed = brownie("run", "query_consent", "--network", network)
    assert printed.count("index and contract agree") == 3
    assert "Marketing by broker-north of Contact: NOT PERMITTED. Withdrawn on 2025-12-01" in printed


def test_deploying_records_the_network(brownie: Callable[..., str], network: str) -> None:
    """Addresses, constructor arguments and code hashes, block and chain, in deployments/<network>.json."""
    printed = brownie("run", "deploy", "--network", network)
    record = json.loads((ROOT / "deployments" / f"{network}.json").read_text())
    assert record["network"] == network
    for name in (
        "Authority",
        "CapitalPool",
        "OracleReports",
        "PolicyBooks",
        "ProductRegister",
        "Subjects",
        "token",
    ):
        contract = record["contracts"][name]
        assert contract["address"] in printed
        assert len(contract["code_hash"]) == 66
        assert isinstance(contract["arguments"], list)
    assert record["contracts"]["PolicyBooks"]["arguments"][0] == record["contracts"]["Authority"]["address"]
