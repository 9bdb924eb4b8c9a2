"""The service levels of every dialect's example stand in the catalogue, and those of time are measured from there on."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contracts import publish
from contracts.document import parse, read
from contracts.slo.catalogue import catalogue
from contracts.slo.measure import measure
from contracts.slo.stretches import seconds_of
from ledger.clock import print_at

if TYPE_CHECKING:
    from tests.conftest import Ledgers

EXAMPLES = Path(__file__).parents[2] / "examples/contracts/dialects"


@pytest.mark.parametrize(
    ("name", "levels"),
    [
        (
            "customer-events.table.yaml",
            [("freshness", 900, 990_000), ("completeness", None, 990_000)],
        ),
        ("customer-master.source.yaml", [("freshness", 300, 990_000), ("availability", None, 999_000)]),
        ("full/customer-accounts.yaml", [("freshness", 7_200, 990_000), ("availability", None, 999_000)]),
        ("odcs/orders.odcs.yaml", [("freshness", 14_400, 990_000), ("availability", None, 999_000)]),
    ],
)
def test_the_levels_of_an_example_are_in_the_catalogue_and_measured(
    name: str, levels: list[tuple[str, int | None, int]], ledgers: Ledgers
) -> None:
    log = ledgers.create()
    publish.publish(log, read(EXAMPLES / name, object_name="orders" if name.startswith("odcs") else None))

    found = catalogue(log)
    ledgers.now += timedelta(hours=10)
    done = measure(log, seconds_of(print_at(log.clock())))

    assert [(level.indicator, level.limit_seconds, level.objective) for level in found] == levels
    assert [each.counts.total for each in done.standings] == [36_000, 0]
    assert done.standings[0].counts.good == levels[0][1]


@pytest.mark.parametrize(("said", "seconds"), [("hourly", 3_600), ("daily", 86_400), ("weekly", 604_800)])
def test_how_often_a_source_comes_is_a_level_of_delivery(said: str, seconds: int) -> None:
    text = (
        f"data_source: crm\nschema: {{id: {{type: string}}}}\nsla: {{update_frequency: {said}, max_delay: 5 minutes}}\n"
    )

    contract = parse(text.encode()).contract

    assert [(slo.name, slo.indicator, slo.target.max) for slo in contract.slos] == [
        ("delivery", "delivery", seconds),
        ("freshness", "freshness", 300),
    ]


def test_what_is_no_interval_is_kept() -> None:
    contract = parse(b"data_source: crm\nschema: {id: {type: string}}\nsla: {update_frequency: real-time}\n").contract

    assert contract.slos == ()
    assert contract.annotations == {"sla": {"update_frequency": "real-time"}}
