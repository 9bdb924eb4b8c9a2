"""datacontract-cli over its DuckDB backend, from an ODCS contract."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

import peer
from datacontract.data_contract import DataContract

CHECKS = {
    "rows": ("row_count", None),
    "id_null": ("field_required", "id"),
    "id_duplicate": ("field_unique", "id"),
    "email": ("field_regex", "email"),
    "balance": ("field_minimum", "balance"),
    "currency": ("field_invalid_values", "currency"),
    "created_null": ("field_required", "created"),
    "name_null": ("field_null_values", "name"),
}


def contract(ordered: peer.Orders) -> str:
    """Return the contract; JSON is YAML."""
    low, high = ordered["balance"]
    one_of = {"metric": "invalidValues", "arguments": {"validValues": ordered["currencies"]}, "mustBe": 0}
    few = {"metric": "nullValues", "unit": "percent", "mustBeLessThan": 100 * ordered["name_nulls"]}
    pattern = {"pattern": f"^{ordered['email']}$"}
    columns = [
        {"name": "id", "logicalType": "string", "required": True, "unique": True},
        {"name": "email", "logicalType": "string", "logicalTypeOptions": pattern},
        {"name": "balance", "logicalType": "number", "logicalTypeOptions": {"minimum": low, "maximum": high}},
        {"name": "currency", "logicalType": "string", "quality": [one_of]},
        {"name": "created", "logicalType": "timestamp", "required": True},
        {"name": "name", "logicalType": "string", "quality": [few]},
        {"name": "delinquent", "logicalType": "boolean"},
        {"name": "country", "logicalType": "string"},
    ]
    table = [
        {"metric": "rowCount", "mustBeBetween": ordered["rows"]},
        _sql("avg(balance)", ordered["mean"]),
        _sql("stddev_samp(balance)", ordered["stdev"]),
    ]
    form = "csv" if ordered["path"].endswith(".csv") else "parquet"
    return json.dumps(
        {
            "apiVersion": "v3.1.0",
            "kind": "DataContract",
            "id": "customers",
            "version": "1.0.0",
            "status": "active",
            "servers": [{"server": "here", "type": "local", "path": ordered["path"], "format": form}],
            "schema": [{"name": "customers", "properties": columns, "quality": table}],
            "slaProperties": [
                {"property": "freshness", "value": ordered["fresh_hours"], "unit": "h", "element": "customers.created"}
            ],
        }
    )


def _sql(expression: str, bounds: list[int]) -> dict[str, Any]:
    return {"type": "sql", "query": f"SELECT {expression} FROM customers", "mustBeBetween": bounds}


def run(ordered: peer.Orders) -> peer.Counts:
    found = DataContract(data_contract_str=contract(ordered)).test()
    checks = {(check.type, check.field): check for check in found.checks if check.type != "model_quality_sql"}
    mean, stdev = (check.diagnostics["value"] for check in found.checks if check.type == "model_quality_sql")
    counts = {name: checks[which].diagnostics["value"] for name, which in CHECKS.items()}
    counts["balance"] += checks["field_maximum", "balance"].diagnostics["value"]
    fresh = checks["servicelevel_freshness", "created"].result.value == "passed"
    return {**counts, "mean": mean, "stdev": stdev, "fresh": fresh}


if __name__ == "__main__":
    peer.report("datacontract-cli", version("datacontract-cli"), run)
