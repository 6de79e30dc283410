"""Troth: insurance promises anyone can check."""
