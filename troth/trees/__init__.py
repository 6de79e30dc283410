"""The two Merkle trees, a module each.

`keccak` is for contracts: policies and observations are proved to them, and OpenZeppelin's audited code
verifies its proofs. `rfc9162` is for people: interactions are proved to them, and transparency logs, COSE
Receipts, browsers and Python's standard library all speak its SHA-256.
"""
