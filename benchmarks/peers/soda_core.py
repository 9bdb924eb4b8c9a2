"""Soda 3 over DuckDB, as `soda-core-duckdb` does it. Usage statistics are off in `~/.soda/config.yml` of the home it gets."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import duckdb
import peer
from soda.scan import Scan

CHECKS = """
checks for customers:
  - missing_count(id) = 0
  - duplicate_count(id) = 0
  - invalid_count(email) = 0:
      valid regex: '^{email}$'
  - invalid_count(balance) = 0:
      valid min: {low}
      valid max: {high}
  - invalid_count(currency) = 0:
      valid values: [{currencies}]
  - freshness(created) < {fresh_hours}h
  - missing_count(created) = 0
  - row_count between {row_low} and {row_high}
  - avg(balance) between {mean_low} and {mean_high}
  - stddev(balance) between {stdev_low} and {stdev_high}
  - missing_percent(name) < {name_percent}
"""


METRICS = {
    "rows": "row_count",
    "id_null": "id-missing_count",
    "id_duplicate": "id-duplicate_count",
    "email": "email-invalid_count",
    "balance": "balance-invalid_count",
    "currency": "currency-invalid_count",
    "created_null": "created-missing_count",
    "name_null": "name-missing_count",
    "mean": "balance-avg",
    "stdev": "balance-stddev",
}


def checks(ordered: peer.Orders) -> str:
    pairs = {
        f"{name}_{end}": ordered[key][place]
        for name, key in (("row", "rows"), ("mean", "mean"), ("stdev", "stdev"))
        for place, end in enumerate(("low", "high"))
    }
    low, high = ordered["balance"]
    return CHECKS.format(
        low=low,
        high=high,
        email=ordered["email"],
        currencies=", ".join(ordered["currencies"]),
        fresh_hours=ordered["fresh_hours"],
        name_percent=100 * ordered["name_nulls"],
        **pairs,
    )


def run(ordered: peer.Orders) -> peer.Counts:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE VIEW customers AS SELECT * FROM '{ordered['path']}'")
        scan = Scan()
        scan.add_duckdb_connection(connection, "duckdb")
        scan.set_data_source_name("duckdb")
        scan.add_sodacl_yaml_str(checks(ordered))
        scan.execute()
        results = scan.get_scan_results()
    # The check on nulls counts them for its percentage; a metric's identity names table, column and metric.
    values = {
        metric["identity"].removeprefix("metric-duckdb-customers-"): metric["value"] for metric in results["metrics"]
    }
    fresh = next(check["outcome"] for check in results["checks"] if check["name"].startswith("freshness"))
    return {name: _value(values, identity) for name, identity in METRICS.items()} | {"fresh": fresh == "pass"}


def _value(values: dict[str, Any], identity: str) -> Any:
    """The value of the one metric whose identity begins so; what follows is a hash of the check's own settings."""
    [found] = [value for name, value in values.items() if name.startswith(identity)]
    return found


if __name__ == "__main__":
    peer.report("Soda", version("soda-core-duckdb"), run)
