"""Findings of OpenLineage events: each wrong thing with its place, and nothing where the stock client printed the event."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import column_lineage_dataset, error_message_run, schema_dataset, sql_job
from openlineage.client.serde import Serde

from ledger.event import Event
from ledger.openlineage import event_from_openlineage
from lineage.findings import Finding, Habit, findings_of, habits, irregular

if TYPE_CHECKING:
    from tests.conftest import Ledgers

URL = "https://openlineage.io/spec/facets/1-2-0/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet"


def event(facet: Any) -> bytes:
    said = {
        "eventType": "COMPLETE", "eventTime": "2026-11-20T09:15:00Z", "producer": "urn:p", "schemaURL": "urn:s",
        "run": {"runId": "0193e2a4-7c11-7000-8000-000000000001"}, "job": {"namespace": "a", "name": "b"},
        "outputs": [{"namespace": "n", "name": "t"}, {"namespace": "n", "name": "u", "facets": {"sch/ema": facet}}],
    }  # fmt: skip
    return json.dumps(said).encode()


def schema(**more: Any) -> dict[str, Any]:
    return {"_producer": "urn:p", "_schemaURL": URL, **more}


def test_what_the_stock_client_prints_has_no_finding() -> None:
    fields = [
        schema_dataset.SchemaDatasetFacetFields("a", "INT", fields=[schema_dataset.SchemaDatasetFacetFields("b")])
    ]
    lineage = {"a": column_lineage_dataset.Fields([column_lineage_dataset.InputField("n", "t", "x")])}
    printed = RunEvent(
        eventTime="2026-11-20T09:15:00Z", producer="urn:p", eventType=RunState.FAIL,
        run=Run("0193e2a4-7c11-7000-8000-000000000001", {"errorMessage": error_message_run.ErrorMessageRunFacet("m", "py")}),
        job=Job("ns", "job", {"sql": sql_job.SQLJobFacet("SELECT 1")}),
        inputs=[InputDataset("n", "t", facets={"schema": schema_dataset.SchemaDatasetFacet(fields)})],
        outputs=[OutputDataset("n", "u", facets={"columnLineage": column_lineage_dataset.ColumnLineageDatasetFacet(lineage)})],
    )  # fmt: skip

    assert findings_of(Serde.to_json(printed).encode()) == []


@pytest.mark.parametrize(
    ("facet", "code", "below"),
    [
        (schema(fields=[{"type": "INT"}]), "facet-required", "/fields/0"),
        (schema(fields=[{"name": 7}]), "facet-type", "/fields/0/name"),
        (schema(fields={"a": 1}), "facet-type", "/fields"),
        (schema(fields=[{"name": "a", "ordinal_position": 1.5}]), "facet-type", "/fields/0/ordinal_position"),
        ({"_schemaURL": URL}, "facet-required", ""),
        ({"_producer": "urn:p", "fields": 7}, "facet-required", ""),
        (7, "facet-type", ""),
    ],
)
def test_a_facet_that_is_not_as_its_schema_says_is_found_at_its_place(facet: Any, code: str, below: str) -> None:
    (found,) = findings_of(event(facet))

    assert (found.code, found.place) == (code, f"/outputs/1/facets/sch~1ema{below}")


def test_a_facet_of_somebodys_own_is_held_to_nothing_but_its_frame() -> None:
    assert (
        findings_of(event({"_producer": "urn:p", "_schemaURL": "https://example.org/OwnFacet.json", "x": [1, {}]}))
        == []
    )


def test_findings_of_the_core_come_first_and_there_is_an_end_of_them() -> None:
    found = findings_of(event(schema(fields=[{}] * 1_000)).replace(b'"urn:s"', b'"no uri"'))

    assert found[0] == Finding("schemaURL-is-no-uri", "", "the event: schemaURL is no uri")
    assert len(found) == 200


@pytest.mark.parametrize("data", [b"", b"7", b"{}", b"{", b'{"run":{}}'])
def test_what_cannot_be_identified_says_so(data: bytes) -> None:
    assert [found.code for found in findings_of(data)] == ["unidentified"]


def test_what_each_source_gets_wrong_is_counted_and_the_most_frequent_comes_first(ledgers: Ledgers) -> None:
    log = ledgers.create()
    start = log.size
    for source, data in (
        ("urn:a", event(schema(fields=[{"type": "INT"}]))),
        ("urn:a", event(schema(fields=[{"type": "INT"}, {"name": "x"}]))),
        ("urn:b", b'{"run":{"runId":"x"},"job":{"namespace":"n","name":"j"}}'),
        ("urn:c", event(schema(fields=[{"name": "x"}]))),
    ):
        log.append(event_from_openlineage(data, source=source))
    log.append(Event.of("org.example.other.v1", "urn:a", {"run": 7}))

    found = list(irregular(log.read(start, log.size)))

    assert [(each.seq - start, each.source) for each in found] == [(0, "urn:a"), (1, "urn:a"), (2, "urn:b")]
    assert habits(found)[0] == Habit("urn:a", "facet-required", 2, start, start + 1)
    assert {habit.code for habit in habits(found) if habit.source == "urn:b"} >= {"runId-is-no-uuid"}
