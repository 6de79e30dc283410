"""Revert data becomes an error by name, and a missing role is called by its name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_abi.abi import encode

from troth.chain import Contract, LocalSigner, MemoryJournal, Node, Refusals, Role, Sender, artifact
from troth.chain.abi import Abi, selector
from troth.errors import ContractRefused, MissingRole

SOMEBODY = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


def revert(signature: str, types: list[str], values: list[object]) -> bytes:
    """What a contract returns with an error."""
    return selector(signature) + encode(types, values)


def test_custom_error_of_any_shipped_contract_is_named() -> None:
    """The token's error, though another contract was called."""
    data = revert("TestDollarFrozen(address)", ["address"], [SOMEBODY])
    error = Refusals().explain(data)
    assert isinstance(error, ContractRefused)
    assert (error.name, error.arguments) == ("TestDollarFrozen", {"account": SOMEBODY})


def test_custom_error_of_a_contract_given_is_named() -> None:
    """Registries grow by the ABIs they are given."""
    abi = Abi([{"type": "error", "name": "Odd", "inputs": [{"name": "value", "type": "uint256"}]}])
    error = Refusals([abi]).explain(revert("Odd(uint256)", ["uint256"], [3]))
    assert isinstance(error, ContractRefused)
    assert (error.name, error.arguments) == ("Odd", {"value": 3})


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (revert("Error(string)", ["string"], ["too late"]), "Error(message=too late)"),
        (revert("Panic(uint256)", ["uint256"], [0x11]), "Panic(code=17, reason=arithmetic overflow)"),
        (revert("Panic(uint256)", ["uint256"], [0x99]), "Panic(code=153, reason=unknown)"),
        (b"", "Reverted(reason=the contract gave none)"),
        (b"\x01\x02\x03\x04\x05", "0x01020304(data=0x05)"),
        (selector("Panic(uint256)") + b"\x01", "0x4e487b71(data=0x01)"),
    ],
)
def test_what_is_no_custom_error_is_told_all_the_same(data: bytes, text: str) -> None:
    """Error, Panic, nothing, the unknown, and the cut off."""
    error = Refusals().explain(data)
    assert isinstance(error, ContractRefused)
    assert str(error).endswith(text)


@pytest.mark.parametrize(("number", "name"), [(1, "ACTUARY"), (0, "ADMINISTRATOR"), (77, "number 77")])
def test_access_manager_names_the_role_itself(number: int, name: str) -> None:
    """AccessManagerUnauthorizedAccount carries account and role."""
    signature = "AccessManagerUnauthorizedAccount(address,uint64)"
    error = Refusals().explain(revert(signature, ["address", "uint64"], [SOMEBODY, number]))
    assert isinstance(error, MissingRole)
    assert (error.role, error.account) == (name, SOMEBODY)


@pytest.fixture
def register(node: Node, deployer: Sender) -> Contract:
    """A product register whose `register` asks for the actuary's role."""
    (first,) = deployer.send([artifact("Authority").deployment(deployer.address)])
    (second,) = deployer.send([artifact("ProductRegister").deployment(first.contract)])
    assert first.contract is not None
    assert second.contract is not None
    products = Contract(node, second.contract, artifact("ProductRegister").abi, name="ProductRegister")
    authority = Contract(node, first.contract, artifact("Authority").abi, name="Authority")
    restricted = products.abi.function("register").selector
    deployer.send(
        [
            authority.prepare(
                "setTargetFunctionRole", products.address, [restricted], Role.ACTUARY, gas=200_000
            )
        ]
    )
    return products


PRODUCT = ("Late", b"delay".ljust(32, b"\0"), 0, [(180, 10_000)], (0, 0, 0, 0))


def test_role_a_function_asks_for_is_looked_up_on_the_chain(
    register: Contract, signers: list[LocalSigner]
) -> None:
    """By a view, for the caller."""
    with pytest.raises(MissingRole) as caught:
        register.call("register", *PRODUCT, sender=signers[1].address)
    assert (caught.value.role, caught.value.account) == ("ACTUARY", signers[1].address)


def test_transaction_refused_for_a_missing_role_says_so(
    node: Node, register: Contract, signers: list[LocalSigner]
) -> None:
    """When its gas is estimated, and when it was sent and reverted."""
    sender = Sender(node, signers[1], MemoryJournal())
    for gas in (None, 500_000):
        with pytest.raises(MissingRole, match="lacks the role ACTUARY"):
            sender.send([replace(register.prepare("register", *PRODUCT), gas=gas)])


def test_role_missing_further_down_is_no_fault_of_the_caller(node: Node, register: Contract) -> None:
    """The books lack the pool's role: that is a wrong deployment, and the underwriter could not mend it."""
    data = revert("AccessManagedUnauthorized(address)", ["address"], [SOMEBODY])
    sent = register.encode("register", *PRODUCT)
    for sender, expected in ((SOMEBODY, MissingRole), ("0x" + "22" * 20, ContractRefused)):
        error = Refusals().explain(data, node=node, to=register.address, sent=sent, sender=sender)
        assert isinstance(error, expected)


def test_role_that_cannot_be_looked_up_leaves_the_contracts_own_error(node: Node) -> None:
    """There is no authority at that address."""
    data = revert("AccessManagedUnauthorized(address)", ["address"], [SOMEBODY])
    error = Refusals().explain(data, node=node, to="0x" + "11" * 20, sent=bytes(4), sender=SOMEBODY)
    assert isinstance(error, ContractRefused)


def test_roles_are_those_of_the_contract(node: Node, register: Contract) -> None:
    """Numbers and names agree with the public constants of Authority."""
    authority = Contract(node, register.call("authority"), artifact("Authority").abi)
    for role in Role:
        if role is not Role.ADMINISTRATOR:
            assert authority.call(role.name) == role
