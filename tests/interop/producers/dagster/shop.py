"""Two assets, as a Dagster user would write them; the event log's storage wrapper emits the lineage."""

from __future__ import annotations

from dagster import Definitions, asset


@asset
def orders() -> list[int]:
    return [20, 3]


@asset
def revenue(orders: list[int]) -> int:
    return sum(orders)


defs = Definitions(assets=[orders, revenue])
