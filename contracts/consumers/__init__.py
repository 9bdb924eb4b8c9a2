"""Who reads a dataset by its contract, and is told before that changes."""
