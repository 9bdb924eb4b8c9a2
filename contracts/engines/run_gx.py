"""Run by the interpreter that has Great Expectations, never imported: expectations over a Parquet file, answered in JSON.

It needs nothing of ours. What it says of a check is no more than is read of it: no value of the data, nothing drawn anew.
"""

import datetime
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Return what the engine says of each check, in the order in which they were asked."""
    import great_expectations as gx
    import pandas as pd

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    data = pd.read_parquet(request["data"])
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("asset")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": data})
    found = [_one(gx, batch, data, check) for check in request["checks"]]
    success = all(each["success"] is True for each in found)
    return {"success": success, "results": found, "meta": {"great_expectations_version": gx.__version__}}


def _one(gx: Any, batch: Any, data: Any, check: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"expectation_config": {"type": check["type"], "kwargs": {}}, "success": None}
    with ThreadPoolExecutor(max_workers=1) as pool:  # whatever the engine raises is its answer: it gave none
        asked = pool.submit(_ask, gx, batch, data, check)
    if asked.exception() is not None:
        return {**told, "exception_info": {"raised_exception": True}}
    result = asked.result()
    counts = result.get("result") or {}
    kept = {name: counts[name] for name in ("element_count", "unexpected_count") if isinstance(counts.get(name), int)}
    info = result.get("exception_info") or {}
    told_of = [info] if "raised_exception" in info else info.values()  # one for each metric that was needed
    raised = any(each.get("raised_exception") for each in told_of if isinstance(each, dict))
    return {**told, "success": result.get("success"), "result": kept, "exception_info": {"raised_exception": raised}}


def _ask(gx: Any, batch: Any, data: Any, check: dict[str, Any]) -> dict[str, Any]:
    if code := {"row_condition", "condition_parser"} & set(check["kwargs"]):
        raise ValueError(f"{min(code)} is code that pandas would run")
    kwargs = {name: _moment(value, data, check) for name, value in check["kwargs"].items()}
    suite = gx.ExpectationSuite(name="one", expectations=[{"type": check["type"], "kwargs": kwargs}])
    found: dict[str, Any] = batch.validate(suite.expectations[0], result_format="SUMMARY").to_json_dict()
    return found


def _moment(value: Any, data: Any, check: dict[str, Any]) -> Any:
    """A moment, as the column that it is compared with has its own."""
    if not isinstance(value, dict):
        return value
    found = datetime.datetime.fromisoformat(value["moment"])
    is_zoned = getattr(data[check["kwargs"]["column"]].dtype, "tz", None) is not None
    return found if is_zoned else found.replace(tzinfo=None)


if __name__ == "__main__":
    try:
        made = answer(json.loads(sys.stdin.buffer.read()))
    except ModuleNotFoundError:
        sys.exit(3)
    Path(sys.argv[1]).write_text(json.dumps(made, sort_keys=True))
