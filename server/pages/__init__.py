"""The pages that a browser shows: which files there are, and under which headers they leave."""
