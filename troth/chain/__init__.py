"""The chain: the only part of Troth that speaks JSON-RPC.

rpc           one connection to a node: calls, arrays of calls, errors by name
abi           a contract's functions, events and errors as an encoder and decoder
artifacts     the compiled contracts the package ships
contracts     a contract at an address
refusals      what a contract meant by reverting
transactions  what is sent, signed and mined, and the journal that outlives a crash
accounts      who signs
fees          what a unit of gas costs
sender        sends in order, durably
anvil         the embedded chain; keeper runs beside it
clock         the time of a development chain
"""

from troth.chain.accounts import LocalSigner, NodeSigner, Signer, development_signers, signer_of
from troth.chain.artifacts import Artifact, artifact, shipped
from troth.chain.contracts import Contract, Event
from troth.chain.refusals import Refusals, Role
from troth.chain.rpc import Node
from troth.chain.sender import Outcome, Pace, Sender
from troth.chain.transactions import Call, Journal, MemoryJournal, Receipt, SignedTransaction

__all__ = [
    "Artifact",
    "Call",
    "Contract",
    "Event",
    "Journal",
    "LocalSigner",
    "MemoryJournal",
    "Node",
    "NodeSigner",
    "Outcome",
    "Pace",
    "Receipt",
    "Refusals",
    "Role",
    "Sender",
    "SignedTransaction",
    "Signer",
    "artifact",
    "development_signers",
    "shipped",
    "signer_of",
]
