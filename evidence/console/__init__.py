"""What the operator's console shows: each list and each detail is one function of the log."""
