"""What other engines found, taken in as the inputs of decisions: one reader for each, from bytes to a `Foreign` value."""
