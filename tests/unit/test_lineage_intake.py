"""OpenLineage bytes become ledger events: kept as they are, refused only when they cannot be identified."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ledger.openlineage import event_from_openlineage, observe
from lineage import names
from proofs.errors import RefusedError
from proofs.statement import Node

RUN = {
    "eventTime": "2026-11-20T09:15:00.5Z",
    "eventType": "START",
    "producer": "https://example.com/producer",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    "run": {"runId": "01936d6e-0000-7000-8000-000000000000"},
    "job": {"namespace": "n", "name": "j"},
}


def raw(**changes: Any) -> bytes:
    return json.dumps({name: value for name, value in (RUN | changes).items() if value is not ...}).encode()


def test_the_bytes_received_are_the_data() -> None:
    data = b' { "job" : {"namespace":"n","name":"j", "x": 1.50 } , "run":{"runId":"r"}}\n'

    event = event_from_openlineage(data)

    assert event.data == data
    assert event.id is None
    assert event.parts == ()


@pytest.mark.parametrize(
    ("body", "type"),
    [
        ({"run": {"runId": "r"}, "job": {"namespace": "n", "name": "j"}}, "tallystick.lineage.run-observed.v1"),
        ({"job": {"namespace": "n", "name": "j"}}, "tallystick.lineage.job-observed.v1"),
        ({"dataset": {"namespace": "n", "name": "d"}}, "tallystick.lineage.dataset-observed.v1"),
    ],
)
def test_each_kind_of_event_has_its_type(body: dict[str, Any], type: str) -> None:
    assert event_from_openlineage(json.dumps(body).encode()).type == type


def test_a_sound_event_has_no_finding() -> None:
    seen = observe(raw())

    assert (seen.kind, seen.node, seen.findings) == ("run", Node("job", "n", "j"), ())


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"producer": "SQLMesh"}, "producer-is-no-uri"),
        ({"producer": ...}, "producer-is-no-uri"),
        ({"schemaURL": 5}, "schemaURL-is-no-uri"),
        ({"eventTime": "yesterday"}, "eventTime-is-no-date-time"),
        ({"eventTime": "2026-11-20 09:15:00"}, "eventTime-is-no-date-time"),
        ({"eventType": ...}, "no-eventType"),
        ({"eventType": "DONE"}, "bad-event-type"),
        ({"run": {"runId": "scheduled__2026"}}, "runId-is-no-uuid"),
        ({"inputs": "all"}, "bad-dataset"),
        ({"dataset": {"namespace": "n", "name": "d"}}, "two-kinds"),
    ],
)
def test_a_dirty_event_is_taken_with_a_finding(changes: dict[str, Any], finding: str) -> None:
    assert observe(raw(**changes)).findings == (finding,)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "OpenLineage event is not acceptable JSON: document is not JSON"),
        (b"[]", "OpenLineage event is not a JSON object"),
        (b"{}", "OpenLineage event has neither run nor job nor dataset"),
        (raw(run={}), "OpenLineage run event does not say which run it speaks of"),
        (raw(job=...), "OpenLineage run event does not say which run it speaks of"),
        (raw(run=..., job={"namespace": "n"}), "OpenLineage job event does not say which job it speaks of"),
        (
            b'{"dataset":{"namespace":"n","name":5}}',
            "OpenLineage dataset event does not say which dataset it speaks of",
        ),
        (b'{"job":{},"job":{}}', "OpenLineage event is not acceptable JSON: an object has 2 members and only 1 names"),
        (
            b'{"job":' + b"[" * 500 + b"]" * 500 + b"}",
            "OpenLineage event is not acceptable JSON: document is nested 501 deep, at most 128 are allowed",
        ),
        (b'{"job":"\xff"}', "OpenLineage event is not acceptable JSON: document is not UTF-8 at byte 8"),
    ],
)
def test_what_cannot_be_identified_is_refused_in_one_sentence(data: bytes, message: str) -> None:
    with pytest.raises(RefusedError) as caught:
        event_from_openlineage(data)

    assert str(caught.value).startswith(message)


def test_a_refusal_says_what_an_event_needs() -> None:
    with pytest.raises(RefusedError) as caught:
        event_from_openlineage(raw(run={}))

    assert caught.value.hint == "run.runId, job.namespace and job.name must be non-empty strings"


@pytest.mark.parametrize(
    ("producer", "source"),
    [
        ("https://example.com/producer", "https://example.com/producer"),
        ("SQLMesh", "SQLMesh"),
        ("x" * 513, "urn:openlineage:unknown-producer"),
        ("line\nbreak", "urn:openlineage:unknown-producer"),
        ("", "urn:openlineage:unknown-producer"),
        (["https://example.com"], "urn:openlineage:unknown-producer"),
        (..., "urn:openlineage:unknown-producer"),
    ],
)
def test_the_producer_is_the_source_where_an_entry_may_hold_it(producer: Any, source: str) -> None:
    assert event_from_openlineage(raw(producer=producer)).source == source


def test_a_given_source_outranks_the_producer() -> None:
    assert event_from_openlineage(raw(), source="urn:airflow:prod").source == "urn:airflow:prod"


def test_a_given_source_that_no_entry_may_hold_is_refused() -> None:
    with pytest.raises(RefusedError, match="source of 513 characters is not acceptable to an entry"):
        event_from_openlineage(raw(), source="s" * 513)


@pytest.mark.parametrize(
    ("event_time", "time"),
    [
        ("2026-11-20T09:15:00.5Z", "2026-11-20T09:15:00.5Z"),
        ("2026-11-20T09:15:00+01:00", "2026-11-20T09:15:00+01:00"),
        ("yesterday", None),
        ("2026-11-20T09:15:00" + "0" * 50, None),
        (5, None),
    ],
)
def test_the_producers_clock_is_kept_where_it_is_a_time(event_time: Any, time: str | None) -> None:
    assert event_from_openlineage(raw(eventTime=event_time)).time == time


def test_a_view_that_derives_from_itself_is_still_identified() -> None:
    body = {"namespace": "n", "name": "d"}
    facet = {"lineage": {"inputs": [body | {"type": "DATASET"}]}}

    assert observe(json.dumps({"dataset": body | {"facets": facet}}).encode()).node == Node("dataset", "n", "d")


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("file|/data/a.parquet", Node("dataset", "file", "/data/a.parquet")),
        ("arn:aws:glue:eu:1|table/db/t", Node("dataset", "arn:aws:glue:eu:1", "table/db/t")),
        ("dataset:a%7Cb%25|c|d%", Node("dataset", "a|b%", "c|d%")),
        ("job:airflow|dag.task", Node("job", "airflow", "dag.task")),
    ],
)
def test_a_typed_name_is_read_and_printed_again(text: str, node: Node) -> None:
    assert names.parse(text) == node
    assert node.id == (text if text.startswith(("dataset:", "job:")) else f"dataset:{text}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("orders", "'orders' is not <namespace>|<name>"),
        ("a%b|c", "namespace 'a%b' holds a % that is neither %25 nor %7C"),
        ("|c", "a dataset needs a namespace and a name, both non-empty text"),
        ("job:a|", "a job needs a namespace and a name, both non-empty text"),
        ("a|\ud800", "a dataset needs a namespace and a name, both non-empty text"),
    ],
)
def test_a_typed_name_that_names_nothing_is_refused(text: str, message: str) -> None:
    with pytest.raises(RefusedError) as caught:
        names.parse(text)

    assert str(caught.value) == message


def test_names_are_made_of_both_halves() -> None:
    assert names.dataset("file", "a") == Node("dataset", "file", "a")
    assert names.job("airflow", "dag") == Node("job", "airflow", "dag")
