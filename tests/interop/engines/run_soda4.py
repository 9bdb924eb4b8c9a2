"""Soda 4 over the two batches of a folder: `good-soda4.json`, `bad-soda4.json`. Telemetry: SODA_CORE_TELEMETRY_ENABLED=false."""

import json
import sys
from datetime import datetime
from enum import Enum
from importlib.metadata import version
from pathlib import Path

import duckdb
from soda_core.contracts.api import verify_contract_locally

CONTRACT = r"""
dataset: shop/main/orders
columns:
  - name: id
    checks:
      - missing:
      - duplicate:
  - name: email
    checks:
      - missing:
      - invalid:
          valid_format: {name: address, regex: '^[^@]+@[^@]+$'}
  - name: amount
    checks:
      - invalid:
          valid_min: 0
          threshold: {level: warn, must_be: 0}
  - name: segment
    checks:
      - invalid:
          valid_values: [loyal, regular, lapsing]
checks:
  - row_count:
      threshold: {must_be_greater_than_or_equal: 100}
"""


def plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.name
    return str(value) if isinstance(value, datetime) else vars(value)


folder = Path(sys.argv[1])
(folder / "soda4.yml").write_text(CONTRACT)
for batch in ("good", "bad"):
    database = folder / f"{batch}.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"CREATE TABLE orders AS SELECT * FROM '{folder}/{batch}.parquet'")
    source = folder / f"{batch}-source.yml"
    source.write_text(f"type: duckdb\nname: shop\nconnection:\n  database: {database}\n")
    result = verify_contract_locally(
        data_source_file_path=str(source), contract_file_path=str(folder / "soda4.yml"), publish=False
    )
    told = {**vars(result), "soda_core_version": version("soda-core")}
    (folder / f"{batch}-soda4.json").write_text(json.dumps(told, default=plain, indent=1))
