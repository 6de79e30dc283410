"""Deploying the suite, and remembering what is where.

deploy
├── contracts know one another; terms are kept; the block is the last before them
├── functions are tied to the roles listed; the sender holds every role but the books' own
└── token: the test dollar · one that was there before, untouched
endow: capital in the pool, the rest in the purse
check: the same chain: passes · another chain id, another block 0: refused · other or no code: refused by name
file
├── saved and loaded: the same, and a replaced file is never half there, whoever saves at once
└── no file, no JSON, another shape: refused by name
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import IO

import pytest
from support import Actor, Suite
from support.defaults import CAPITAL, CHALLENGE_PERIOD, EXIT_WINDOW, NOTICE_PERIOD, PURSE, QUORUM

from troth.chain.artifacts import artifact
from troth.chain.refusals import Role
from troth.deployment import NAMES, PERMISSIONS, Deployment, Terms, deploy, endow, load, save
from troth.errors import BadInput, NotDeployed, WrongChain


@pytest.fixture
def fresh(suite: Suite) -> Deployment:
    """A second deployment, by somebody who has done nothing else."""
    return deploy(suite.node, suite["stranger"].sender, "second", terms(suite))


def terms(suite: Suite, token: str | None = None) -> Terms:
    """Those of the suite."""
    oracles = tuple(one.address for one in suite.oracles)
    return Terms(oracles, QUORUM, CHALLENGE_PERIOD, NOTICE_PERIOD, EXIT_WINDOW, token)


# --- deploy


def test_contracts_know_one_another(suite: Suite, fresh: Deployment) -> None:
    """And are the ones shipped, at the addresses recorded."""
    at = fresh.addresses
    assert tuple(sorted(at)) == tuple(sorted(NAMES))
    books, pool = fresh.contract(suite.node, "PolicyBooks"), fresh.contract(suite.node, "CapitalPool")
    assert [books.call(name) for name in ("products", "reports", "pool", "eligibility")] == [
        at["ProductRegister"],
        at["OracleReports"],
        at["CapitalPool"],
        at["Eligibility"],
    ]
    assert pool.call("asset") == at["token"]
    assert fresh.contract(suite.node, "ConsentRegistry").call("subjects") == at["Subjects"]
    eligibility = fresh.contract(suite.node, "Eligibility")
    assert [eligibility.call(name) for name in ("subjects", "consents")] == [
        at["Subjects"],
        at["ConsentRegistry"],
    ]
    managed = (
        "ProductRegister",
        "OracleReports",
        "CapitalPool",
        "PolicyBooks",
        "Subjects",
        "ConsentRegistry",
        "Streams",
    )
    for name in managed:
        assert fresh.contract(suite.node, name).call("authority") == at["Authority"]
        assert fresh.contracts[name].artifact == name
    assert (fresh.network, fresh.chain_id, fresh.deployer) == (
        "second",
        suite.node.chain_id,
        suite["stranger"].address,
    )


def test_terms_are_kept(suite: Suite, fresh: Deployment) -> None:
    """By the contracts, and in the record as their constructors' arguments."""
    reports, pool = fresh.contract(suite.node, "OracleReports"), fresh.contract(suite.node, "CapitalPool")
    said = [reports.call(name) for name in ("quorum", "oracleCount", "challengePeriod")]
    assert said == [QUORUM, len(suite.oracles), CHALLENGE_PERIOD]
    assert [pool.call(name) for name in ("noticePeriod", "exitWindow")] == [NOTICE_PERIOD, EXIT_WINDOW]
    assert fresh.contracts["OracleReports"].arguments[2:] == (QUORUM, CHALLENGE_PERIOD)


def test_block_is_the_last_before_the_first_contract(suite: Suite) -> None:
    """An index that starts after it misses nothing, and reads no more than it must."""
    before = int(suite.node.call("eth_blockNumber"), 16)
    made = deploy(suite.node, suite["stranger"].sender, "second", terms(suite))
    assert made.block == before
    block = suite.node.call("eth_getBlockByNumber", [hex(made.block + 1), False])
    receipt = suite.node.call("eth_getTransactionReceipt", [block["transactions"][0]])
    assert int(receipt["contractAddress"], 16) == int(made.addresses["Authority"], 16)


def test_functions_are_tied_to_their_roles(suite: Suite, fresh: Deployment) -> None:
    """Every one listed; what a contract changes beside is the administrator's or anybody's."""
    authority = fresh.contract(suite.node, "Authority")
    for name, role, functions in PERMISSIONS:
        calls = [
            ("getTargetFunctionRole", (fresh.addresses[name], artifact(name).abi.function(one).selector))
            for one in functions
        ]
        assert authority.call_many(calls) == [role] * len(functions)


def test_sender_holds_every_role_a_person_can_hold(suite: Suite, fresh: Deployment) -> None:
    """The policy books hold theirs, and nobody else does."""
    authority = fresh.contract(suite.node, "Authority")
    holders = {
        role: [
            name
            for name, address in (
                ("sender", suite["stranger"].address),
                ("books", fresh.addresses["PolicyBooks"]),
                ("other", suite["insurer"].address),
            )
            if authority.call("hasRole", role, address)[0]
        ]
        for role in Role
    }
    assert holders == {role: ["books"] if role is Role.BOOKKEEPER else ["sender"] for role in Role}


def test_token_that_was_there_is_taken_as_it_is(suite: Suite) -> None:
    """Nothing is deployed for it, and the record says it is not ours."""
    made = deploy(suite.node, suite["stranger"].sender, "second", terms(suite, suite.token.address))
    assert made.addresses["token"] == suite.token.address
    assert (made.contracts["token"].artifact, made.contracts["token"].arguments) == (None, ())
    assert made.contract(suite.node, "CapitalPool").call("asset") == suite.token.address
    made.check(suite.node)


def test_endow_fills_pool_and_purse(suite: Suite, fresh: Deployment, stranger: Actor) -> None:
    """Shares for the capital are the sender's."""
    endow(fresh, suite.node, stranger.sender, CAPITAL, PURSE)
    token, pool = fresh.contract(suite.node, "token"), fresh.contract(suite.node, "CapitalPool")
    assert [token.call("balanceOf", one) for one in (pool.address, stranger.address)] == [CAPITAL, PURSE]
    assert pool.call("convertToAssets", pool.call("balanceOf", stranger.address)) == CAPITAL


# --- check


def test_check_passes_on_the_chain_deployed_on(suite: Suite, fresh: Deployment) -> None:
    """Both deployments of it."""
    fresh.check(suite.node)
    suite.deployment.check(suite.node)


def test_check_refuses_another_chain(suite: Suite, fresh: Deployment) -> None:
    """By its id, and, where a local chain was made anew under the same id, by block 0."""
    with pytest.raises(WrongChain) as refused:
        replace(fresh, chain_id=1).check(suite.node)
    assert (refused.value.expected, refused.value.found) == (1, suite.node.chain_id)
    with pytest.raises(WrongChain) as refused:
        replace(fresh, genesis="0x" + "00" * 32).check(suite.node)
    assert (refused.value.expected, refused.value.found) == ("0x" + "00" * 32, fresh.genesis)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("code", ["0x", "0xfe"], ids=["no code", "other code"])
def test_check_refuses_other_code(suite: Suite, fresh: Deployment, name: str, code: str) -> None:
    """To the byte, by the contract's name."""
    suite.node.call("anvil_setCode", [fresh.addresses[name], code])
    with pytest.raises(NotDeployed) as refused:
        fresh.check(suite.node)
    assert (refused.value.contract, refused.value.place) == (name, fresh.addresses[name])


def test_check_refuses_what_an_older_version_deployed(suite: Suite, fresh: Deployment) -> None:
    """By the first contract that this version needs and the record lacks."""
    older = {
        name: one for name, one in fresh.contracts.items() if name not in {"Subjects", "ConsentRegistry"}
    }
    with pytest.raises(NotDeployed) as refused:
        replace(fresh, contracts=older).check(suite.node)
    assert refused.value.contract == "Subjects"


# --- its file


def test_file_holds_the_deployment(fresh: Deployment, tmp_path: Path) -> None:
    """In a folder that is made; other programs read it as plain JSON."""
    path = tmp_path / "deployments" / "second.json"
    save(fresh, path)
    loaded = load(path)
    assert (loaded.addresses, loaded.block, loaded.genesis) == (fresh.addresses, fresh.block, fresh.genesis)
    assert [one.code_hash for one in loaded.contracts.values()] == [
        one.code_hash for one in fresh.contracts.values()
    ]
    said = json.loads(path.read_text())["contracts"]["PolicyBooks"]
    assert said["address"] == fresh.addresses["PolicyBooks"]
    assert [entry.name for entry in path.parent.iterdir()] == ["second.json"]


def test_loaded_deployment_checks_and_saves_as_it_was(
    suite: Suite, fresh: Deployment, tmp_path: Path
) -> None:
    """Nothing is lost on the way."""
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    save(fresh, first)
    load(first).check(suite.node)
    save(load(first), second)
    assert first.read_bytes() == second.read_bytes()


def test_save_cut_short_leaves_the_file_before(
    fresh: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, or kill -9, in mid-write."""
    path = tmp_path / "second.json"
    save(fresh, path)
    before = path.read_bytes()

    def full(handle: int, *_: object) -> IO[bytes]:
        os.close(handle)
        return Path("/dev/full").open("wb")

    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(BadInput, match=r"second\.json: cannot be written: No space"):
        save(replace(fresh, network="third"), path)
    assert path.read_bytes() == before


def test_saved_by_two_at_once_it_is_one_of_theirs(fresh: Deployment, tmp_path: Path) -> None:
    """Neither fails, and whoever reads meanwhile reads a whole one."""
    path = tmp_path / "second.json"
    networks = ("short", "long" * 9_000)

    def saved_and_read(network: str) -> set[str]:
        found = set()
        for _ in range(60):
            save(replace(fresh, network=network), path)
            found.add(load(path).network)
        return found

    with ThreadPoolExecutor() as pool:
        assert set().union(*pool.map(saved_and_read, networks)) <= set(networks)
    assert [one.name for one in tmp_path.iterdir()] == ["second.json"]


def test_place_that_cannot_be_written_is_refused(fresh: Deployment, tmp_path: Path) -> None:
    """By its name."""
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="file/deployments: cannot be made: Not a directory"):
        save(fresh, tmp_path / "file" / "deployments" / "second.json")


def test_missing_file_is_a_missing_deployment(tmp_path: Path) -> None:
    """Whose place is the file."""
    with pytest.raises(NotDeployed) as refused:
        load(tmp_path / "none.json")
    assert refused.value.place == str(tmp_path / "none.json")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b"[]", b"{}", b'{"contracts": []}', b'{"contracts": {"token": {"address": "0x"}}}'],
)
def test_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    """By its name, as bad input: an operator may have pointed at the wrong home."""
    path = tmp_path / "other.json"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"other\.json: no deployment file"):
        load(path)


def test_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    """As any file that cannot be read."""
    with pytest.raises(BadInput, match="no deployment file"):
        load(tmp_path)
