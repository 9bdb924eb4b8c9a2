"""DuckDB: one query by hand, types guessed by the engine."""

from __future__ import annotations

import duckdb
import peer


def run(ordered: peer.Orders) -> peer.Counts:
    low, high = ordered["balance"]
    listed = ", ".join(f"'{word}'" for word in ordered["currencies"])
    with duckdb.connect() as connection:
        row = connection.execute(
            f"""SELECT count(*), count(*) FILTER (id IS NULL), count(id) - count(DISTINCT id),
            count(*) FILTER (NOT regexp_full_match(email, '{ordered["email"]}')),
            count(*) FILTER (balance NOT BETWEEN {low} AND {high}), count(*) FILTER (currency NOT IN ({listed})),
            count(*) FILTER (created IS NULL), count(*) FILTER (name IS NULL),
            avg(balance), stddev_samp(balance), max(created) >= '{ordered["fresh_since"]}'::TIMESTAMP FROM '{ordered["path"]}'"""
        ).fetchone()
    assert row is not None
    return peer.counted(row)


if __name__ == "__main__":
    peer.report("DuckDB, one query by hand", duckdb.__version__, run)
