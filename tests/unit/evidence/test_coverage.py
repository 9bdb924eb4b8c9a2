"""What is covered: datasets of the lineage with a contract in force, an owner, and somebody on call."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from contracts.document import parse
from contracts.lifecycle import deprecate, retire
from contracts.publish import publish
from evidence.coverage import Count, LineageCoverage, coverage, coverage_json
from ledger.clock import parse_at
from ledger.openlineage import event_from_openlineage
from lineage.chronicle import record
from lineage.chronicle.answer import text_of
from lineage.chronicle.asked import asked
from lineage.names import dataset as node

if TYPE_CHECKING:
    from ledger.log import Ledger
    from tests.conftest import Ledgers

WHO: dict[str, Any] = {"by": "data:1", "reason": "the same table"}


def ran(log: Ledger, source: str, target: str, time: str = "2026-11-20T09:00:00Z", space: str = "shop") -> None:
    event = {
        "eventTime": time, "eventType": "COMPLETE", "producer": "urn:etl",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": "01931111-1111-7111-8111-111111111111"},
        "job": {"namespace": "etl", "name": f"make {target}"},
        "inputs": [{"namespace": space, "name": source}], "outputs": [{"namespace": "shop", "name": target}],
    }  # fmt: skip
    log.append(event_from_openlineage(json.dumps(event).encode()))


def bound(log: Ledger, name: str, version: str = "1.0.0", **more: Any) -> int:
    said = {
        "name": name, "version": version, "dataset": {"namespace": "shop", "name": name},
        "schema": [{"name": "id", "type": "integer"}], **more,
    }  # fmt: skip
    return publish(log, parse(json.dumps(said).encode()), clock=log.clock).seq


def lacks(found: LineageCoverage) -> dict[str, tuple[str, ...]]:
    return {text_of(each.dataset): each.lacks for each in found.lacking}


@pytest.fixture
def log(ledgers: Ledgers) -> Ledger:
    """orders → clean → features: the first bare, the second owned, the third with somebody on call."""
    log = ledgers.create()
    ran(log, "orders", "clean")
    ran(log, "clean", "features")
    bound(log, "clean", owner="data-platform")
    bound(log, "features", owner="ml", responsible={"on_call": "ml:1"})
    return log


def test_a_dataset_lacks_what_no_contract_that_binds_it_says(log: Ledger) -> None:
    found = coverage(log)

    assert found.total == Count(datasets=3, with_contract=2, with_owner=2, with_on_call=1)
    assert lacks(found) == {"shop|clean": ("on-call",), "shop|orders": ("contract", "owner", "on-call")}


def test_each_namespace_is_counted_by_itself_and_one_can_be_asked_for(log: Ledger) -> None:
    ran(log, "lake/orders", "orders", space="s3://lake")

    assert coverage(log).namespaces == {"s3://lake": Count(1, 0, 0, 0), "shop": Count(3, 2, 2, 1)}
    assert lacks(coverage(log, namespace="s3://lake")) == {"s3://lake|lake/orders": ("contract", "owner", "on-call")}
    assert coverage(log, namespace="elsewhere").total == Count(0, 0, 0, 0)


def test_names_that_are_one_thing_are_one_dataset_and_a_contract_of_either_binds_it(log: Ledger) -> None:
    record.alias(log, node("shop", "features"), node("shop", "orders"), **WHO)

    found = coverage(log)

    assert found.total == Count(datasets=2, with_contract=2, with_owner=2, with_on_call=1)
    assert lacks(found) == {"shop|clean": ("on-call",)}


def test_a_contract_that_was_retired_covers_nothing_and_did_before(log: Ledger) -> None:
    deprecate(log, "features", "1.0.0", by="data:1", reason="replaced")
    before = log.size - 1
    retire(log, "features", "1.0.0", by="data:1", reason="replaced", clock=log.clock)

    assert coverage(log).total == Count(3, 1, 1, 0)
    assert coverage(log, asked(known_at=before)).total == Count(3, 2, 2, 1)


def test_of_a_contract_the_highest_version_says_who_answers(log: Ledger, ledgers: Ledgers) -> None:
    ledgers.now = parse_at("2026-11-25T00:00:00.000000Z")
    bound(log, "clean", "1.1.0", owner="data-platform", responsible={"on_call": "data:2"})

    assert coverage(log).total == Count(3, 2, 2, 2)
    assert coverage(log, asked(as_of="2026-11-24")).total == Count(3, 2, 2, 1)


def test_whoever_may_not_see_a_name_is_told_neither_it_nor_that_it_counts(log: Ledger) -> None:
    ran(log, "secret", "orders", space="hr")
    record.alias(log, node("shop", "orders"), node("hr", "secret"), **WHO)

    found = coverage(log, sees=lambda vertex: vertex[1] == "shop")

    assert found.total == Count(3, 2, 2, 1)
    assert "hr" not in json.dumps(coverage_json(found))
    assert lacks(found)["shop|orders"] == ("contract", "owner", "on-call")


def test_a_list_that_is_cut_says_so_and_counts_all_the_same(log: Ledger) -> None:
    found = coverage(log, limit=1)

    assert (list(lacks(found)), found.truncated, found.total.datasets) == (["shop|clean"], True, 3)


def test_the_document_names_contracts_by_version_text_and_entry(log: Ledger) -> None:
    document = coverage_json(coverage(log))

    (clean, orders) = document["lacking"]
    assert clean["contracts"][0].keys() == {"name", "version", "sha256", "seq"}
    assert (clean["contracts"][0]["name"], clean["contracts"][0]["seq"], clean["owner"]) == (
        "clean",
        4,
        "data-platform",
    )
    assert (orders["contracts"], orders["owner"], orders["lacks"]) == ([], None, ["contract", "owner", "on-call"])
    assert document["namespaces"] == [
        {"namespace": "shop", "datasets": 3, "with_contract": 2, "with_owner": 2, "with_on_call": 1}
    ]
