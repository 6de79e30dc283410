"""Put the compiled contracts where the package ships them: `make compile` runs this after `brownie compile`.

Operations and compliance then need no compiler; tests/integration/test_artifacts.py proves the copies fresh.
"""

import json
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = (
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
)


def artifact(name: str) -> str:
    """The shipped form of one Brownie build file: what deploying and calling need, no more."""
    build = json.loads((ROOT / "build" / "contracts" / f"{name}.json").read_text())
    fields = {
        "contractName": name,
        "abi": build["abi"],
        "bytecode": "0x" + build["bytecode"],
        "deployedBytecode": "0x" + build["deployedBytecode"],
        "sourceHash": sha256(build["source"].encode()).hexdigest(),
    }
    return json.dumps(fields, indent=1, sort_keys=True) + "\n"


def main() -> None:
    """Write troth/artifacts/<Contract>.json for every contract the package deploys."""
    folder = ROOT / "troth" / "artifacts"
    folder.mkdir(exist_ok=True)
    for name in SHIPPED:
        (folder / f"{name}.json").write_text(artifact(name))


if __name__ == "__main__":
    main()
