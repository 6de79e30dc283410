"""Consent: what a subject allows, of whom, for what, now and on any past day."""
