"""Polars: one lazy select by hand, the baseline."""

from __future__ import annotations

import datetime as dt

import peer
import polars as pl


def run(ordered: peer.Orders) -> peer.Counts:
    path = ordered["path"]
    frame = pl.scan_csv(path, try_parse_dates=True) if path.endswith(".csv") else pl.scan_parquet(path)
    since = dt.datetime.fromisoformat(ordered["fresh_since"])
    row = frame.select(
        rows=pl.len(),
        id_null=pl.col("id").null_count(),
        id_duplicate=pl.col("id").count() - pl.col("id").drop_nulls().n_unique(),
        email=(~pl.col("email").str.contains(f"^(?:{ordered['email']})$")).sum(),
        balance=(~pl.col("balance").is_between(*ordered["balance"])).sum(),
        currency=(~pl.col("currency").is_in(ordered["currencies"])).sum(),
        created_null=pl.col("created").null_count(),
        name_null=pl.col("name").null_count(),
        mean=pl.col("balance").mean(),
        stdev=pl.col("balance").std(),
        fresh=pl.col("created").max() >= since,
    ).collect()
    return peer.counted(row.row(0))


if __name__ == "__main__":
    peer.report("Polars, one lazy select by hand", pl.__version__, run)
