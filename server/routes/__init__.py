"""One module for each group of endpoints; each names its own in `ENDPOINTS`."""
