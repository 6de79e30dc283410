"""Anchor a file of contacts on Brownie's active network, and have the contract check what it was told.

    brownie run anchor_interactions --network anvil
    brownie run anchor_interactions main CONTACTS.jsonl calls --network anvil

A development network starts empty, so the suite is deployed and the stream made first; on a live one
deployments/<network>.json says where it is, `troth stream create` makes the stream, and the records are kept
under TROTH_HOME. A file added before is recognised, and each record is anchored once.
"""

from pathlib import Path

from scripts.deploy import insurer, is_development
from troth.errors import BadInput
from troth.interactions import batches, formats, intake, streams
from troth.office import Office

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def main(contacts: str = str(EXAMPLES / "interactions.jsonl"), stream: str = "calls") -> None:
    """Queue the file, anchor the stream, and ask the contract about each batch."""
    with insurer() as office:
        if is_development():
            streams.create(office, stream)
        anchor(office, Path(contacts), stream)


def anchor(office: Office, path: Path, name: str) -> None:
    """The insurer's work on a file."""
    added = intake.add(office, name, formats.read(path))
    if added.problems:
        raise SystemExit(str(BadInput(added.problems)))
    print(f"records: {added.accepted} accepted, {added.repeated} known, {added.erased} erased since")
    done = batches.anchor(office, name)
    print(f"anchored: {sum(one.count for one in done)}, batches: {len(done)}")
    contract, stream = office.contract("Streams"), streams.find(office, name)
    for one in batches.anchored_batches(office, stream):
        batch = tuple(vars(one.batch).values())
        agrees = "agrees" if contract.call("isAnchored", batch) else "DOES NOT AGREE"
        what = f"batch {one.batch.number} of {name}, {one.batch.count} records"
        print(f"{what}: root 0x{one.batch.root.hex()}; the contract {agrees}")
