"""The ledger: the contracts' events, indexed into the store block by block, and the proof that everything
adds up.
"""

from troth.claims.ledger.events import Contracts, Node, rows_among
from troth.claims.ledger.reconcile import Reconciliation, reconcile
from troth.claims.ledger.sync import Synced, sync

__all__ = ["Contracts", "Node", "Reconciliation", "Synced", "reconcile", "rows_among", "sync"]
