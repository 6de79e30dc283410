"""The ledger: the proof that everything adds up, from the index and, independently of it, from the chain."""

from troth.claims.ledger.reconcile import Reconciliation, reconcile

__all__ = ["Reconciliation", "reconcile"]
