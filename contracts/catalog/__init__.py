"""The registry of sources: where a dataset comes from, what was found there, and who may use it on which terms."""
