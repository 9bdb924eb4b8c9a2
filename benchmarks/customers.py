"""The batch that contract checks are measured on: a million customers, and the same with a thousand of each of five faults.

Every value is drawn by hashing the row's number and a seed, so a seed is a batch; only `created` moves with the clock, since it
has to be fresh. DuckDB writes the files, in row groups of its usual 122,880 rows.
"""

from __future__ import annotations

import datetime as dt
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROWS: Final = 1_000_000
FAULTS: Final = 1_000
EMAIL: Final = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}"
BALANCE: Final = (-10_000, 1_000_000)
CURRENCIES: Final = ("usd", "eur", "gbp", "jpy", "cad", "aud", "chf")
COUNTRIES: Final = ("US", "DE", "GB", "JP", "CA", "AU", "CH", "FR", "NL", "SE")
ROW_COUNT: Final = (900_000, 1_100_000)
NAME_NULLS: Final = 0.05
FRESH_HOURS: Final = 24
MEAN: Final = (400_000, 600_000)
STDEV: Final = (200_000, 400_000)

_SELECT: Final = """
SELECT 'cus_' || left(md5(concat('id', $seed, n)), 14) AS id,
    CASE WHEN draw('e', n) % 50 <> 0
        THEN concat('user', draw('u', n) % 10000000, '@mail', draw('d', n) % 500, '.example.com') END AS email,
    round((draw('b', n) % 100000000) / 100, 2)::DOUBLE AS balance,
    [{currencies}][1 + (draw('c', n) % {currency_count})::INTEGER] AS currency,
    $now::TIMESTAMP - to_seconds((60 + draw('t', n) % 31536000)::BIGINT) AS created,
    CASE WHEN draw('m', n) % 100 >= 3 THEN concat('Customer ', left(md5(concat('name', $seed, n)), 12)) END AS name,
    draw('q', n) % 20 = 0 AS delinquent,
    [{countries}][1 + (draw('l', n) % {country_count})::INTEGER] AS country
FROM range($rows) AS numbers(n) ORDER BY n
"""
# A thousand rows each, in places of their own: the n-th fault of a kind stands at n * step + its kind.
_SPOIL: Final = """
SELECT CASE WHEN fault = 0 THEN lag(id) OVER (ORDER BY n) ELSE id END AS id,
    CASE WHEN fault = 2 THEN 'no mail at all' ELSE email END AS email,
    CASE WHEN fault = 4 THEN -10000.5 ELSE balance END AS balance,
    CASE WHEN fault = 6 THEN 'xxx' ELSE currency END AS currency,
    CASE WHEN fault = 8 THEN NULL ELSE created END AS created, name, delinquent, country
FROM (SELECT *, CASE WHEN n >= 10 THEN (n - 10) % {step} END AS fault
    FROM (SELECT *, row_number() OVER () - 1 AS n FROM good)) ORDER BY n
"""


@dataclass(frozen=True, slots=True)
class Batches:
    """The files: good as Parquet and CSV, and bad as Parquet."""

    parquet: Path
    csv: Path
    bad: Path


def batches(folder: Path) -> Batches:
    """Return where the three files stand in `folder`."""
    return Batches(folder / "customers.parquet", folder / "customers.csv", folder / "bad.parquet")


def make(folder: Path, *, seed: int, now: dt.datetime, rows: int = ROWS) -> None:
    """Write the three files into `folder`."""
    import duckdb

    made = batches(folder)
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.execute(f"CREATE MACRO draw(kind, n) AS (hash(kind, n, {seed}) // 16)")
        select = _SELECT.format(
            currencies=_listed(CURRENCIES),
            currency_count=len(CURRENCIES),
            countries=_listed(COUNTRIES),
            country_count=len(COUNTRIES),
        )
        stamp = now.astimezone(dt.UTC).replace(tzinfo=None, microsecond=0)
        connection.execute(f"CREATE TABLE good AS {select}", {"seed": seed, "now": stamp, "rows": rows})
        connection.execute(f"COPY good TO '{made.parquet}' (FORMAT parquet, COMPRESSION snappy)")
        connection.execute(f"COPY good TO '{made.csv}' (FORMAT csv, HEADER, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%S')")
        spoilt = _SPOIL.format(step=rows // FAULTS)
        connection.execute(f"COPY ({spoilt}) TO '{made.bad}' (FORMAT parquet, COMPRESSION snappy)")


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


if (
    __name__ == "__main__"
):  # a process of its own: what it needs at its peak would be counted as that of its parent's next child
    make(Path(sys.argv[1]), seed=int(sys.argv[2]), now=dt.datetime.fromisoformat(sys.argv[3]))
