"""Two assets, each with a gate and an asset downstream that leaves a mark where it ran."""

from __future__ import annotations

from pathlib import Path

from dagster import AssetsDefinition, Definitions, asset, in_process_executor

from contracts.pipelines.dagster import tally_check


def batch(name: str) -> AssetsDefinition:
    @asset(name=name)
    def written() -> None:
        Path(f"{name}.written").touch()

    return written


def published(name: str) -> AssetsDefinition:
    @asset(name=f"{name}_published", deps=[name])
    def marked() -> None:
        Path(f"{name}.published").touch()

    return marked


NAMES = ("good", "alert", "bad")
checks = [tally_check(name, contract="orders.yaml", data=f"{name}.csv") for name in NAMES]
defs = Definitions(
    assets=[made(name) for name in NAMES for made in (batch, published)],
    asset_checks=checks,
    executor=in_process_executor,
)
