"""Deleting a person everywhere the lineage says, and proving it: request, plan, run, verify, certificate."""
