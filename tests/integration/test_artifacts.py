"""The compiled contracts that the package ships are those of the sources beside it."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SHIPPED = sorted((ROOT / "troth" / "artifacts").glob("*.json"))
REBUILD = "run `make compile`"


def built(name: str) -> dict[str, str]:
    """What Brownie made of a contract."""
    content: dict[str, str] = json.loads((ROOT / "build" / "contracts" / f"{name}.json").read_text())
    return content


@pytest.mark.parametrize("source", sorted((ROOT / "contracts").rglob("*.sol")), ids=lambda path: path.stem)
def test_build_is_of_the_present_source(source: Path) -> None:
    """All of it was compiled since its last change, so what is linked from it is fresh too."""
    assert built(source.stem)["source"] == source.read_text(), REBUILD


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_artifact_is_the_build(path: Path) -> None:
    """ABI, bytecode and source hash."""
    shipped, build = json.loads(path.read_text()), built(path.stem)
    assert shipped["abi"] == build["abi"], REBUILD
    assert shipped["bytecode"] == f"0x{build['bytecode']}", REBUILD
    assert shipped["deployedBytecode"] == f"0x{build['deployedBytecode']}", REBUILD
    assert shipped["sourceHash"] == sha256(build["source"].encode()).hexdigest(), REBUILD


def test_everything_deployed_is_shipped() -> None:
    """No artifact is missing, and none is there that nothing deploys."""
    names = {path.stem for path in SHIPPED}
    assert names == {
        "Authority",
        "CapitalPool",
        "ConsentRegistry",
        "Eligibility",
        "OracleReports",
        "PolicyBooks",
        "ProductRegister",
        "Streams",
        "Subjects",
        "TestDollar",
    }
