"""Soda 3 over the two batches of a folder: `good-soda.json` and `bad-soda.json`. Usage statistics are off in the home it gets."""

import json
import sys
from pathlib import Path

import duckdb
from soda.scan import Scan

CHECKS = r"""
checks for orders:
  - row_count >= 100
  - missing_count(id) = 0
  - duplicate_count(id) = 0
  - missing_count(email) = 0
  - invalid_count(email) = 0:
      valid regex: '^[^@]+@[^@]+$'
  - invalid_count(amount):
      valid min: 0
      warn: when > 0
  - invalid_count(segment) = 0:
      valid values: [loyal, regular, lapsing]
"""

folder = Path(sys.argv[1])
for batch in ("good", "bad"):
    with duckdb.connect() as connection:
        connection.execute(f"CREATE VIEW orders AS SELECT * FROM '{folder}/{batch}.parquet'")
        scan = Scan()
        scan.add_duckdb_connection(connection, "duckdb")
        scan.set_data_source_name("duckdb")
        scan.add_sodacl_yaml_str(CHECKS)
        scan.execute()
        (folder / f"{batch}-soda.json").write_text(json.dumps(scan.get_scan_results(), default=str, indent=1))
