"""Lineage through time: what the events said as of any moment of theirs, and as the ledger knew it at any entry."""
