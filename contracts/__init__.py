"""Data contracts: measure a batch in one scan, decide, record the decision, then act; and a registry of schemas."""
