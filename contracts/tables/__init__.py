"""Delta and Iceberg tables: which files are theirs at a version, measured by what the files hold, and rolled back."""
