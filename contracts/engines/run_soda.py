"""Run by the interpreter that has Soda 3 and its DuckDB, never imported: SodaCL over a Parquet file, answered in JSON.

It needs nothing of ours. What it says of a check is no more than is read of it: no sample of the data, nothing drawn anew.
"""

import json
import sys
from pathlib import Path
from typing import Any


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Return what the engine says of each check, in the order in which they were asked."""
    import duckdb
    from soda.scan import Scan

    path = request["data"].replace("'", "''")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE VIEW stored AS SELECT * FROM read_parquet('{path}')")  # noqa: S608 - quoted
        connection.execute(f"CREATE VIEW batch AS SELECT {_columns(connection)} FROM stored")  # noqa: S608 - quoted
        scan = Scan()
        scan.add_duckdb_connection(connection, "duckdb")
        scan.set_data_source_name("duckdb")
        scan.add_variables({"NOW": request["clock"]})
        scan.disable_telemetry()
        scan.add_sodacl_yaml_str(json.dumps({"checks for batch": [check["said"] for check in request["checks"]]}))
        scan.execute()
        results = scan.get_scan_results()
    return _plain(results, [check["id"] for check in request["checks"]])


def _columns(connection: Any) -> str:
    """Every column; a moment as it is in UTC, for with a zone it needs what not everybody has."""
    told = connection.execute("DESCRIBE stored").fetchall()
    names = [('"' + name.replace('"', '""') + '"', type) for name, type, *_ in told]
    zoned = "TIMESTAMP WITH TIME ZONE"
    return ", ".join(f"{name} AT TIME ZONE 'UTC' AS {name}" if type == zoned else name for name, type in names)


def _plain(results: dict[str, Any], ids: list[str]) -> dict[str, Any]:
    """The parts that are read, of each check that was asked; one that is not there was not evaluated."""
    named = {check.get("name"): check for check in results.get("checks", ())}
    metrics = {
        metric["identity"]: {name: metric.get(name) for name in ("identity", "metricName", "value")}
        for metric in results.get("metrics", ())
        if isinstance(metric.get("value"), int) and "row_count" in str(metric.get("metricName"))
    }
    kinds = {metric["identity"]: metric for metric in results.get("metrics", ())}
    return {
        "checks": [_check(named.get(id), id, kinds) for id in ids],
        "metrics": [*metrics.values()],
        "hasErrors": bool(results.get("hasErrors")),
        "logs": [{"message": line["message"]} for line in results.get("logs", ())[:1]],
    }


def _check(found: Any, id: str, kinds: dict[str, Any]) -> dict[str, Any]:
    if found is None:
        return {"identity": id, "outcome": None}
    value = (found.get("diagnostics") or {}).get("value")
    counted = {"blocks": [{"totalFailingRows": value}]} if isinstance(value, int) and _counts(found, kinds) else {}
    return {"identity": id, "outcome": found.get("outcome"), "diagnostics": counted}


def _counts(found: dict[str, Any], kinds: dict[str, Any]) -> bool:
    names = [str(kinds[one].get("metricName")) for one in found.get("metrics") or () if one in kinds]
    return any(name in ("missing_count", "invalid_count", "failed rows") for name in names)


if __name__ == "__main__":
    try:
        made = answer(json.loads(sys.stdin.buffer.read()))
    except ModuleNotFoundError:
        sys.exit(3)
    Path(sys.argv[1]).write_text(json.dumps(made, sort_keys=True))
