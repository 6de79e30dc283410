"""The index: what the contracts said, kept in the store block by block, so that questions are answered
without asking the chain. It can be dropped and read again at any time.
"""

from troth.index.events import Contracts, rows_among
from troth.index.logs import Node
from troth.index.sync import Synced, sync

__all__ = ["Contracts", "Node", "Synced", "rows_among", "sync"]
