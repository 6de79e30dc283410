"""Troth beside what people would otherwise use: both sides measured in one run.

python -m benchmarks [gas] [claims] [tree] [--quick] [--json FILE]     (what `make bench` runs)

gas      gas of a claim and of a policy issued, beside a bare loop of transfers and a plain transfer
claims   claims a second, from a file of facts to a reconciled ledger, beside single transfers by web3.py
tree     seconds and memory for a book of a million policies with its proofs, beside a bare loop of hashes
"""
