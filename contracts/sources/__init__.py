"""Sources beside a file and a table: JSON lines, many files at once, frames in memory, and tables of other databases."""
