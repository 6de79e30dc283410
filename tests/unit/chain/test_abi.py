"""An ABI encodes and decodes by name: structs, overloads, indexed arguments; the rest it refuses."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode
from sha3 import keccak_256

from troth.chain.abi import Abi, selector

PAYEE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
POLICY = {
    "name": "policy",
    "type": "tuple",
    "internalType": "struct IPolicyBooks.Policy",
    "components": [{"name": "payee", "type": "address"}, {"name": "sums", "type": "uint96[]"}],
}


def item(
    kind: str, name: str, *inputs: dict[str, object], outputs: tuple[object, ...] = ()
) -> dict[str, object]:
    """One item of a JSON ABI."""
    return {"type": kind, "name": name, "inputs": list(inputs), "outputs": list(outputs)}


def test_call_data_is_selector_and_arguments() -> None:
    """The well-known bytes of transfer(address,uint256)."""
    abi = Abi(
        [item("function", "transfer", {"name": "to", "type": "address"}, {"name": "v", "type": "uint256"})]
    )
    entry = abi.function("transfer")
    assert entry.selector.hex() == "a9059cbb"
    assert entry.encode([PAYEE, 5]) == bytes(12) + bytes.fromhex(PAYEE[2:]) + (5).to_bytes(32, "big")
    assert entry.encode([bytes.fromhex(PAYEE[2:]), 5]) == entry.encode([PAYEE, 5])


def test_struct_goes_in_as_a_tuple_and_comes_out_named() -> None:
    """Members by name, addresses with checksum, lists as tuples, in single structs and in arrays of them."""
    many = {**POLICY, "name": "policies", "type": "tuple[]"}
    abi = Abi([item("function", "f", POLICY, outputs=(POLICY, many))])
    entry = abi.function("f")
    assert entry.signature == "f((address,uint96[]))"
    assert entry.encode([(PAYEE, [1, 2])]) == encode(["(address,uint96[])"], [(PAYEE, [1, 2])])
    data = encode(
        ["(address,uint96[])", "(address,uint96[])[]"], [(PAYEE, [1, 2]), [(PAYEE, []), (PAYEE, [3])]]
    )
    result = entry.decode_result(data)
    assert (result.policy.payee, result.policy.sums) == (PAYEE, (1, 2))
    assert [one.sums for one in result.policies] == [(), (3,)]
    assert type(result.policy).__name__ == "Policy"


def test_single_result_is_the_value_itself() -> None:
    """One output is not wrapped; several unnamed ones are numbered."""
    one, two = {"name": "", "type": "uint256"}, {"name": "", "type": "bool"}
    abi = Abi([item("function", "f", outputs=(one,)), item("function", "g", outputs=(one, two))])
    assert abi.function("f").decode_result(encode(["uint256"], [7])) == 7
    assert abi.function("g").decode_result(encode(["uint256", "bool"], [7, True])) == (7, True)


def test_overloaded_function_is_chosen_by_number_of_arguments_or_signature() -> None:
    """Where neither decides, it is an error and no guess."""
    number, text = {"name": "a", "type": "uint256"}, {"name": "a", "type": "string"}
    abi = Abi([item("function", "f"), item("function", "f", number), item("function", "f", text)])
    assert abi.function("f", 0).signature == "f()"
    assert abi.function("f(string)").signature == "f(string)"
    with pytest.raises(KeyError, match="2 functions f with 1 arguments"):
        abi.function("f", 1)
    with pytest.raises(KeyError, match="no functions g"):
        abi.function("g", 0)


@pytest.mark.parametrize("bad", [-1, 2**96, "1", None, 1.5])
def test_value_the_type_cannot_hold_is_a_type_error(bad: object) -> None:
    """It names the function."""
    abi = Abi([item("function", "f", {"name": "a", "type": "uint96"})])
    with pytest.raises(TypeError, match=r"f\(uint96\)"):
        abi.function("f").encode([bad])


def test_wrong_number_of_arguments_is_a_type_error() -> None:
    """Not silence."""
    abi = Abi([item("function", "f", {"name": "a", "type": "uint96"})])
    with pytest.raises(TypeError):
        abi.function("f").encode([])


@pytest.mark.parametrize("data", [b"", bytes(31), b"\xff" * 64])
def test_data_of_another_shape_is_a_value_error(data: bytes) -> None:
    """Too short, or a string whose offset points nowhere."""
    abi = Abi([item("function", "f", outputs=({"name": "", "type": "string"},))])
    with pytest.raises(ValueError, match="no ABI encoding of string"):
        abi.function("f").decode_result(data)


def event() -> Abi:
    """An event with indexed and plain arguments, mixed."""
    return Abi(
        [
            item(
                "event",
                "Paid",
                {"name": "book", "type": "uint32", "indexed": True},
                {"name": "amount", "type": "uint96", "indexed": False},
                {"name": "payee", "type": "address", "indexed": True},
                {"name": "reason", "type": "string", "indexed": True},
            )
        ]
    )


def test_log_is_decoded_in_the_order_of_the_abi() -> None:
    """Indexed arguments come from the topics; an indexed string only as its hash."""
    abi = event()
    topic = abi.event("Paid").topic
    assert topic == keccak_256(b"Paid(uint32,uint96,address,string)").digest()
    digest = keccak_256(b"late").digest()
    topics = [topic, (3).to_bytes(32, "big"), bytes.fromhex(PAYEE[2:]).rjust(32, b"\0"), digest]
    decoded = abi.decode_log(topics, (9).to_bytes(32, "big"))
    assert decoded is not None
    name, arguments = decoded
    assert (name, tuple(arguments)) == ("Paid", (3, 9, PAYEE, digest))
    assert arguments.payee == PAYEE


def test_log_of_another_event_is_nothing() -> None:
    """Unknown topic, no topic, or the same event indexed otherwise (ERC-20 and ERC-721 Transfer)."""
    abi = event()
    assert abi.decode_log([], b"") is None
    assert abi.decode_log([bytes(32)], b"") is None
    assert abi.decode_log([abi.event("Paid").topic], bytes(128)) is None


def test_selector_is_four_bytes_of_the_hash() -> None:
    """The well-known one of Error(string)."""
    assert selector("Error(string)").hex() == "08c379a0"
