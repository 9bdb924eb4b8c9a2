"""Pandera and Pointblank over the two batches of a folder.

`bad-pandera.csv`, `bad-pandera.json`, `good-pointblank.json` and `bad-pointblank.json`: Pandera writes nothing of what is good.
"""

import sys
from pathlib import Path

import pandera.polars as pa
import pointblank as pb
import polars as pl

SEGMENTS = ["loyal", "regular", "lapsing"]
SCHEMA = pa.DataFrameSchema(
    {
        "id": pa.Column(int, unique=True),
        "email": pa.Column(str, pa.Check.str_matches(r"^[^@]+@[^@]+$")),
        "amount": pa.Column(float, pa.Check.ge(0)),
        "segment": pa.Column(str, pa.Check.isin(SEGMENTS)),
    }
)

folder = Path(sys.argv[1])
for batch in ("good", "bad"):
    frame = pl.read_parquet(folder / f"{batch}.parquet")
    try:
        SCHEMA.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as found:
        found.failure_cases.write_csv(folder / f"{batch}-pandera.csv")
        found.failure_cases.write_json(folder / f"{batch}-pandera.json")
    validation = (
        pb.Validate(frame)
        .col_vals_not_null("id")
        .rows_distinct(columns_subset=["id"])
        .col_vals_not_null("email")
        .col_vals_regex("email", "^[^@]+@[^@]+$", na_pass=True)
        .col_vals_ge("amount", 0, thresholds=pb.Thresholds(warning=1))
        .col_vals_in_set("segment", SEGMENTS)
        .interrogate()
    )
    (folder / f"{batch}-pointblank.json").write_text(validation.get_json_report())
