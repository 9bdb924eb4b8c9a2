"""Great Expectations 1 over the two batches of a folder, by a suite of its own and by the one that `tally contract gx` wrote.

`good-gx.json`, `bad-gx.json`, `good-suite.json` and `bad-suite.json`. Analytics: GX_ANALYTICS_ENABLED=false.
"""

import json
import sys
from pathlib import Path

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd

OWN = (
    gxe.ExpectTableRowCountToBeBetween(min_value=100),
    gxe.ExpectColumnValuesToNotBeNull(column="id"),
    gxe.ExpectColumnValuesToBeUnique(column="id"),
    gxe.ExpectColumnValuesToNotBeNull(column="email"),
    gxe.ExpectColumnValuesToMatchRegex(column="email", regex="^[^@]+@[^@]+$"),
    gxe.ExpectColumnValuesToBeBetween(column="amount", min_value=0, severity="warning"),
    gxe.ExpectColumnValuesToBeInSet(column="segment", value_set=["loyal", "regular", "lapsing"]),
)

folder = Path(sys.argv[1])
context = gx.get_context(mode="ephemeral")
context.variables.progress_bars = {"globally": False}
asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("orders")
whole = asset.add_batch_definition_whole_dataframe("all")
suites = {
    "gx": context.suites.add(gx.ExpectationSuite(name="own", expectations=list(OWN))),
    "suite": context.suites.add(gx.ExpectationSuite(**json.loads((folder / "suite.json").read_text()))),
}
for batch in ("good", "bad"):
    data = whole.get_batch({"dataframe": pd.read_parquet(folder / f"{batch}.parquet")})
    for name, suite in suites.items():
        found = data.validate(suite, result_format="SUMMARY").to_json_dict()
        (folder / f"{batch}-{name}.json").write_text(json.dumps(found, indent=1))
