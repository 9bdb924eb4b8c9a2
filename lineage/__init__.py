"""Lineage from OpenLineage events, and deletion along it."""
