"""What other systems recorded, on its way in: read in pages and lines, marked, and refused one by one."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from lineage.imports import dbt, jsonl, marquez
from lineage.imports.arrival import Arrival
from proofs.errors import MalformedError, RefusedError
from proofs.limits import BODY_BYTES


def event(number: int, **more: Any) -> dict[str, Any]:
    return {
        "eventType": "COMPLETE",
        "eventTime": "2026-01-02T03:04:05.678Z",
        "producer": "https://example.org/etl",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json",
        "run": {"runId": f"00000000-0000-4000-8000-{number:012}"},
        "job": {"namespace": "shop", "name": "load"},
        **more,
    }


def line(number: int, **more: Any) -> bytes:
    return json.dumps(event(number, **more)).encode() + b"\n"


class TestLines:
    def test_an_event_keeps_its_bytes_its_time_and_says_that_it_was_imported(self) -> None:
        (arrival,) = jsonl.read(io.BytesIO(line(1)))

        assert arrival.event is not None
        assert arrival.event.data == line(1).rstrip(b"\n")
        assert arrival.event.time == "2026-01-02T03:04:05.678Z"
        assert arrival.event.source == "https://example.org/etl"
        assert arrival.event.ext == {"imported": "openlineage"}
        assert arrival.event.id is None

    def test_the_source_can_be_named(self) -> None:
        (arrival,) = jsonl.read(io.BytesIO(line(1)), source="urn:acme:archive")

        assert arrival.event is not None
        assert arrival.event.source == "urn:acme:archive"

    def test_blank_lines_and_a_missing_last_newline_change_nothing(self) -> None:
        arrivals = list(jsonl.read(io.BytesIO(b"\n" + line(1) + b" \r\n" + line(2).rstrip(b"\n"))))

        assert [each.where for each in arrivals] == ["line 2", "line 4"]
        assert all(each.event for each in arrivals)

    @pytest.mark.parametrize(
        ("bad", "why"),
        [
            (b"{}", "OpenLineage event has neither run nor job nor dataset"),
            (b"[]", "OpenLineage event is not a JSON object"),
            (b"\xff", "OpenLineage event is not acceptable JSON: document is not UTF-8 at byte 0"),
            (
                b'{"run":{},"run":{}}',
                "OpenLineage event is not acceptable JSON: an object has 2 members and only 1 names",
            ),
            (
                b"[" * 500,
                "OpenLineage event is not acceptable JSON: document is nested 500 deep, at most 128 are allowed",
            ),
        ],
    )
    def test_a_line_that_is_no_event_is_named_and_the_rest_is_read(self, bad: bytes, why: str) -> None:
        arrivals = list(jsonl.read(io.BytesIO(line(1) + bad + b"\n" + line(2))))

        assert [each.event is not None for each in arrivals] == [True, False, True]
        assert (arrivals[1].where, arrivals[1].refusal) == ("line 2", why)

    def test_a_line_longer_than_a_body_is_passed_over_whole(self) -> None:
        arrivals = list(jsonl.read(io.BytesIO(b" " * (2 * BODY_BYTES + 9) + b"\n" + line(2))))

        assert [(each.where, each.event is not None) for each in arrivals] == [("line 1", False), ("line 2", True)]
        assert arrivals[0].refusal == f"line has more than {BODY_BYTES} bytes"

    def test_a_line_of_exactly_a_body_is_read(self) -> None:
        padded = line(1).rstrip(b"\n")[:-1] + b" " * (BODY_BYTES - len(line(1)) + 1) + b"}"
        assert len(padded) == BODY_BYTES

        assert [each.event is not None for each in jsonl.read(io.BytesIO(padded + b"\n" + line(2)))] == [True, True]


def marquez_of(events: list[bytes], asked: list[dict[str, list[str]]]) -> Callable[[str], bytes]:
    """Answer as Marquez pages: at most `limit` events from `offset` on."""

    def get(url: str) -> bytes:
        query = parse_qs(urlsplit(url).query)
        asked.append(query)
        limit, offset = int(query["limit"][0]), int(query["offset"][0])
        page = events[offset : offset + limit]
        return b'{"events": [' + b", ".join(page) + b'], "totalCount": %d}' % len(events)

    return get


class TestMarquez:
    @pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
    def test_every_page_is_read_once_and_in_order(self, count: int) -> None:
        events = [json.dumps(event(number)).encode() for number in range(count)]

        arrivals = list(marquez.read("http://marquez/", get=marquez_of(events, [])))

        assert [each.event.data for each in arrivals if each.event] == events
        assert [each.where for each in arrivals] == [f"event {at}" for at in range(count)]
        assert all(each.event.ext == {"imported": "marquez"} for each in arrivals if each.event)

    def test_it_is_asked_oldest_first_within_the_bounds(self) -> None:
        asked: list[dict[str, list[str]]] = []

        list(marquez.read("http://m", get=marquez_of([], asked), after="2026-01-01T00:00:00Z", before=None))

        assert asked == [
            {"after": ["2026-01-01T00:00:00Z"], "sortDirection": ["asc"], "limit": ["100"], "offset": ["0"]}
        ]

    def test_pages_shrink_where_events_are_large(self) -> None:
        events = [json.dumps(event(number, padding="x" * (1 << 20))).encode() for number in range(40)]
        asked: list[dict[str, list[str]]] = []

        arrivals = list(marquez.read("http://m", get=marquez_of(events, asked)))

        assert [each.event.data for each in arrivals if each.event] == events
        assert [query["limit"][0] for query in asked] == ["100", "50", "25", "12", "12", "12", "12"]

    def test_an_event_that_cannot_be_identified_is_named_and_the_rest_is_read(self) -> None:
        events = [json.dumps(event(0)).encode(), b'{"eventType":"START"}', json.dumps(event(2)).encode()]

        arrivals = list(marquez.read("http://m", get=marquez_of(events, [])))

        assert [each.refusal for each in arrivals] == ["", "OpenLineage event has neither run nor job nor dataset", ""]

    @pytest.mark.parametrize(
        "answer", [b"", b"<html>", b"[]", b"{}", b'{"events":{}}', b'{"events":[' + b"1," * 100 + b"1]}"]
    )
    def test_what_marquez_would_not_answer_is_malformed(self, answer: bytes) -> None:
        with pytest.raises(MalformedError, match=r"^Marquez's answer "):
            list(marquez.read("http://m", get=lambda _url: answer))

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "ftp://m",
            "http://",
            "m:5000",
            "http://m/?a=1",
            "http://m/#x",
            "file:///etc",
            "http://[::1",
            "http://m:x",
        ],
    )
    def test_only_a_server_is_asked(self, url: str) -> None:
        with pytest.raises(RefusedError, match="is no http or https URL of a server"):
            marquez.connect(url)


def node(kind: str, name: str, reads: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    return {
        "resource_type": kind,
        "name": name,
        "database": "db",
        "schema": "main",
        "alias": name,
        "depends_on": {"nodes": list(reads)},
        **more,
    }


MANIFEST: dict[str, Any] = {
    "metadata": {
        "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json",
        "generated_at": "2026-01-01T00:00:00Z",
        "adapter_type": "postgres",
        "project_name": "shop",
    },
    "nodes": {
        "seed.shop.raw": node("seed", "raw"),
        "model.shop.mid": node(
            "model", "mid", ("seed.shop.raw", "source.shop.crm"), config={"materialized": "ephemeral"}
        ),
        "model.shop.out": node("model", "out", ("model.shop.mid", "model.shop.mid"), compiled_code="select 1"),
        "model.shop.idle": node("model", "idle", ("model.shop.out",)),
        "test.shop.unique": node(
            "test", "unique_out_id", ("model.shop.out",), column_name="id", test_metadata={"name": "unique"}
        ),
    },
    "sources": {
        "source.shop.crm": {
            "resource_type": "source",
            "name": "crm",
            "database": "db",
            "schema": "ext",
            "identifier": "crm_v2",
        }
    },
    "exposures": {
        "exposure.shop.board": {
            "resource_type": "exposure",
            "name": "board",
            "depends_on": {"nodes": ["model.shop.out"]},
        }
    },
}


def result(unique_id: str, status: str, **more: Any) -> dict[str, Any]:
    timing = [
        {"name": "compile", "started_at": "2026-01-01T01:00:00Z", "completed_at": "2026-01-01T01:00:01Z"},
        {"name": "execute", "started_at": "2026-01-01T01:00:01Z", "completed_at": "2026-01-01T01:00:09Z"},
    ]
    return {"unique_id": unique_id, "status": status, "timing": timing, "message": None, **more}


def artifacts(*results: dict[str, Any]) -> Iterator[Arrival]:
    metadata = {
        "dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json",
        "invocation_id": "5c1ae4bd-53fd-4cbb-bae3-857654a5ef45",
        "generated_at": "2026-01-01T02:00:00Z",
    }
    ran = json.dumps({"metadata": metadata, "results": results}).encode()
    return dbt.read(json.dumps(MANIFEST).encode(), ran, namespace="postgres://db:5432")


def said(arrivals: Iterator[Arrival]) -> list[tuple[str, str, str, list[str], list[str]]]:
    """(state, time, job, inputs, outputs) of each event."""
    found = []
    for each in arrivals:
        assert each.event is not None, each.refusal
        body = json.loads(each.event.data)
        names = [[dataset["name"] for dataset in body[side]] for side in ("inputs", "outputs")]
        found.append((body.get("eventType", "declared"), body["eventTime"], body["job"]["name"], names[0], names[1]))
    return found


class TestDbt:
    def test_runs_come_first_then_what_did_not_run(self) -> None:
        found = said(artifacts(result("seed.shop.raw", "success"), result("model.shop.out", "success")))

        assert found == [
            ("START", "2026-01-01T01:00:00Z", "seed.shop.raw", [], ["db.main.raw"]),
            ("COMPLETE", "2026-01-01T01:00:09Z", "seed.shop.raw", [], ["db.main.raw"]),
            ("START", "2026-01-01T01:00:00Z", "model.shop.out", ["db.ext.crm_v2", "db.main.raw"], ["db.main.out"]),
            ("COMPLETE", "2026-01-01T01:00:09Z", "model.shop.out", ["db.ext.crm_v2", "db.main.raw"], ["db.main.out"]),
            ("declared", "2026-01-01T00:00:00Z", "model.shop.idle", ["db.main.out"], ["db.main.idle"]),
            ("declared", "2026-01-01T00:00:00Z", "test.shop.unique", ["db.main.out"], []),
            ("declared", "2026-01-01T00:00:00Z", "exposure.shop.board", ["db.main.out"], []),
        ]

    @pytest.mark.parametrize(
        ("status", "state"), [("error", "FAIL"), ("runtime error", "FAIL"), ("success", "COMPLETE")]
    )
    def test_a_run_ends_as_dbt_says(self, status: str, state: str) -> None:
        assert said(artifacts(result("model.shop.out", status)))[1][0] == state

    @pytest.mark.parametrize("status", ["skipped", "no-op"])
    def test_what_did_not_run_is_no_run(self, status: str) -> None:
        assert "model.shop.out" not in [job for _, _, job, _, _ in said(artifacts(result("model.shop.out", status)))]

    def test_the_message_of_a_failure_is_told(self) -> None:
        _, failed, *_ = artifacts(result("model.shop.out", "error", message="no such table"))

        assert failed.event is not None
        assert json.loads(failed.event.data)["run"]["facets"]["errorMessage"]["message"] == "no such table"

    @pytest.mark.parametrize(("status", "success"), [("pass", True), ("fail", False), ("warn", False)])
    def test_a_test_becomes_an_assertion_on_what_it_looks_at(self, status: str, success: bool) -> None:
        _, ended, *_ = artifacts(result("test.shop.unique", status, failures=3))

        assert ended.event is not None
        body = json.loads(ended.event.data)
        (facet,) = (dataset["inputFacets"]["dataQualityAssertions"] for dataset in body["inputs"])
        assert (body["eventType"], body["outputs"]) == ("COMPLETE", [])
        assert [(one["assertion"], one["column"], one["success"]) for one in facet["assertions"]] == [
            ("unique", "id", success)
        ]

    def test_the_same_artifacts_give_the_same_bytes(self) -> None:
        first, again = (
            [each.event and each.event.data for each in artifacts(result("model.shop.out", "success"))]
            for _ in range(2)
        )

        assert first == again

    def test_another_invocation_is_another_run(self) -> None:
        runs = {
            json.loads(each.event.data)["run"]["runId"]
            for each in artifacts(result("model.shop.out", "success"), result("seed.shop.raw", "success"))
            if each.event and b'"run"' in each.event.data
        }

        assert len(runs) == 2

    @pytest.mark.parametrize(
        ("odd", "why"),
        [
            (result("model.other.x", "success"), "manifest.json knows no such node; it is of another project or state"),
            (result("model.shop.out", "splendid"), "status 'splendid' is unknown"),
        ],
    )
    def test_a_result_that_cannot_be_read_is_refused_alone(self, odd: dict[str, Any], why: str) -> None:
        first, *rest = artifacts(odd, result("seed.shop.raw", "success"))

        assert (first.event, first.refusal) == (None, why)
        assert [each.refusal for each in rest][:2] == ["", ""]

    @pytest.mark.parametrize(
        "time", [None, "", "yesterday", "2026-01-01", "2026-13-01T00:00:00Z", "９９９９-12-31T00:00:00Z"]
    )
    def test_a_run_without_a_time_to_its_start_has_no_start(self, time: str | None) -> None:
        timing = [{"name": "execute", "started_at": time, "completed_at": "2026-01-01T01:00:09Z"}]

        found = said(artifacts(result("seed.shop.raw", "success", timing=timing)))

        assert [(state, at) for state, at, job, _, _ in found if job == "seed.shop.raw"] == [
            ("COMPLETE", "2026-01-01T01:00:09Z")
        ]

    @pytest.mark.parametrize("time", ["", "not a time"])
    def test_a_manifest_without_a_time_declares_nothing_and_its_runs_are_read(self, time: str) -> None:
        manifest = {**MANIFEST, "metadata": {**MANIFEST["metadata"], "generated_at": time}}
        ran = {"metadata": {"dbt_schema_version": "v6"}, "results": [result("seed.shop.raw", "success")]}

        first, second, *rest = dbt.read(json.dumps(manifest).encode(), json.dumps(ran).encode())

        assert (first.refusal, second.refusal) == ("", "")
        assert {each.refusal for each in rest} == {"generated_at of manifest.json is missing or no date and time"}

    def test_columns_come_from_the_catalog_before_the_manifest(self) -> None:
        catalog = {"nodes": {"model.shop.out": {"columns": {"id": {"name": "id", "type": "INTEGER", "index": 1}}}}}

        arrivals = dbt.read(json.dumps(MANIFEST).encode(), None, json.dumps(catalog).encode())

        bodies = {
            json.loads(each.event.data)["job"]["name"]: json.loads(each.event.data) for each in arrivals if each.event
        }
        (output,) = bodies["model.shop.out"]["outputs"]
        assert output["namespace"] == "postgres://"
        assert [(field["name"], field["type"]) for field in output["facets"]["schema"]["fields"]] == [("id", "INTEGER")]

    def test_a_circle_of_ephemeral_models_ends(self) -> None:
        manifest = {**MANIFEST, "nodes": dict(MANIFEST["nodes"])}
        manifest["nodes"]["model.shop.mid"] = node(
            "model", "mid", ("model.shop.two",), config={"materialized": "ephemeral"}
        )
        manifest["nodes"]["model.shop.two"] = node(
            "model", "two", ("model.shop.mid",), config={"materialized": "ephemeral"}
        )

        found = said(dbt.read(json.dumps(manifest).encode()))

        assert ("declared", "2026-01-01T00:00:00Z", "model.shop.out", [], ["db.main.out"]) in found

    @pytest.mark.parametrize(
        "manifest",
        [b"", b"{", b"[]", b"{}", b'{"metadata":{},"nodes":{}}', b'{"metadata":{"dbt_schema_version":"x"},"nodes":[]}'],
    )
    def test_what_dbt_would_not_write_is_malformed_and_named(self, manifest: bytes) -> None:
        with pytest.raises(MalformedError) as caught:
            list(dbt.read(manifest))

        assert caught.value.where == "manifest.json"
