"""What other systems recorded before this ledger was there, read into events that say that they were imported."""
