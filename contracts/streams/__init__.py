"""Streams: lines cut into windows, each held to a contract and decided by itself."""
