"""Schemas under a subject, each with a semantic version that its changes earn."""
