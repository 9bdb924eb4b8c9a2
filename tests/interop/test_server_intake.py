"""Events over HTTP, as CloudEvents and OpenLineage producers send them: the bytes that arrive are the bytes that were sent."""

from __future__ import annotations

import gzip
import json
import threading
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import zstandard

from proofs.digest import commitment, leaf_hash

ONE = "application/cloudevents+json"
MANY = "application/cloudevents-batch+json"
# Blanks, an escape and a number that no second serialisation would keep.
ODD = b'{ "n":1.00,\t"name":"caf\\u00e9", "list":[ ] }'


def event(id: str, data: bytes = b'{"rows":801}', **more: str) -> bytes:
    attributes = {"specversion": "1.0", "id": id, "source": "urn:test", "type": "org.example.loaded.v1", **more}
    return json.dumps(attributes).encode()[:-1] + b', "data": ' + data + b"}"


def run_event(**more: Any) -> bytes:
    said = {
        "eventType": "COMPLETE",
        "eventTime": "2026-11-20T09:15:00Z",
        "producer": "urn:producer:test",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": str(uuid4())},
        "job": {"namespace": "airflow", "name": "churn"},
        **more,
    }
    return json.dumps(said).encode()


def body_of(served: Any, seq: int) -> bytes:
    body: bytes = served.get(f"/api/v1/log/entries/{seq}/body").body
    return body


def test_a_structured_event_is_recorded_with_its_bytes_as_received(served: Any) -> None:
    answer = served.post("/api/v1/events", event("structured", ODD), ONE)

    receipt = answer.json()
    assert answer.status == 201
    assert body_of(served, receipt["seq"]) == ODD
    assert leaf_hash(receipt["entry"].encode()).hex() == receipt["leaf"]
    committed = json.loads(receipt["entry"])["body"]
    assert commitment("body", b64decode(receipt["salt"]), ODD).hex() == committed


def test_the_same_event_again_is_answered_200_with_its_first_receipt(served: Any) -> None:
    first = served.post("/api/v1/events", event("twice"), ONE).json()

    again = served.post("/api/v1/events", event("twice"), ONE)

    assert again.status == 200
    assert again.json() == {**first, "replay": True}


def test_the_same_id_with_other_content_is_a_conflict_whose_salt_opens_the_commitment(served: Any) -> None:
    first = served.post("/api/v1/events", event("conflict", b'{"rows":1}'), ONE).json()

    answer = served.post("/api/v1/events", event("conflict", b'{"rows":2}'), ONE)

    problem = answer.json()
    assert (answer.status, problem["code"], problem["seq"]) == (409, "conflict", first["seq"])
    assert answer.headers["content-type"] == "application/problem+json"
    page = served.get("/api/v1/log/entries?stream=type:tallystick.intake.conflicted.v1&limit=1000").json()
    bodies = [json.loads(body_of(served, entry["seq"])) for entry in page["entries"]]
    lost = commitment("body", b64decode(problem["salt"]), b'{"rows":2}').hex()
    assert {"commitment": lost, "seq": first["seq"]} in bodies


def test_data_base64_and_text_become_the_bytes_that_they_stand_for(served: Any) -> None:
    attributes = {"specversion": "1.0", "source": "urn:test", "type": "org.example.file.v1"}
    coded = {**attributes, "id": "b64", "datacontenttype": "image/png", "data_base64": b64encode(b"\x89PNG\0").decode()}
    text = {**attributes, "id": "text", "datacontenttype": "text/plain", "data": "déjà\n"}

    seqs = [served.post("/api/v1/events", each, ONE).json()["seq"] for each in (coded, text)]

    assert [body_of(served, seq) for seq in seqs] == [b"\x89PNG\0", "déjà\n".encode()]


def test_binary_mode_takes_attributes_from_headers_and_the_body_as_it_is(served: Any) -> None:
    headers = {
        "Content-Type": "text/csv",
        "ce-specversion": "1.0",
        "ce-id": "binary",
        "ce-source": "urn:test%C3%A9",
        "ce-type": "org.example.csv.v1",
        "ce-region": "eu",
    }

    answer = served.request("POST", "/api/v1/events", b"a;b\r\n1;2\r\n", headers)

    entry = json.loads(answer.json()["entry"])
    assert answer.status == 201
    assert (entry["source"], entry["datacontenttype"], entry["ext"]) == ("urn:testé", "text/csv", {"region": "eu"})
    assert body_of(served, answer.json()["seq"]) == b"a;b\r\n1;2\r\n"


def test_one_bad_event_of_a_batch_never_stops_its_neighbours(served: Any) -> None:
    served.post("/api/v1/events", event("batch-stands", b'{"rows":1}'), ONE)
    batch = b"[%b ,\n%b,%b, 7,%b,%b,%b]" % (
        event("batch-a", ODD),
        event("batch-stands", b'{"rows":2}'),
        event("batch-twice", b'{"a":1,"a":2}'),
        event("batch-own").replace(b"org.example.loaded.v1", b"tallystick.ledger.closed.v1"),
        event("batch-a", ODD),
        event("batch-z"),
    )

    answer = served.post("/api/v1/events", batch, MANY)

    results = answer.json()["results"]
    assert answer.status == 200
    assert [result["status"] for result in results] == [201, 409, 422, 422, 422, 200, 201]
    assert results[5]["receipt"] == {**results[0]["receipt"], "replay": True}
    assert body_of(served, results[0]["receipt"]["seq"]) == ODD
    assert results[1]["problem"]["salt"] is not None


@pytest.mark.parametrize(
    "body",
    [b"", b"[", b"{}", b"[1,]", b"\xff", b"[" * 100_000, b"null", b'[{"a":NaN}]'],
    ids=lambda body: str(body[:9]),
)
def test_a_batch_that_cannot_be_read_is_refused_whole(served: Any, body: bytes) -> None:
    answer = served.post("/api/v1/events", body, MANY)

    assert (answer.status, answer.json()["code"]) == (422, "refused")


def test_a_batch_of_more_than_a_thousand_is_refused_whole(served: Any) -> None:
    batch = b"[" + b",".join(event(f"many-{number}") for number in range(1001)) + b"]"

    answer = served.post("/api/v1/events", batch, MANY)

    assert answer.status == 422
    assert answer.json()["detail"] == "the batch holds more than 1000 events"


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_packed_body_is_kept_unpacked(served: Any, coding: str) -> None:
    data = event(f"packed-{coding}", ODD)
    packed = gzip.compress(data) if coding == "gzip" else zstandard.ZstdCompressor().compress(data)

    answer = served.post("/api/v1/events", packed, ONE, Content_Encoding=coding)

    assert answer.status == 201
    assert body_of(served, answer.json()["seq"]) == ODD


def test_an_openlineage_event_is_answered_201_and_its_retry_200(served: Any) -> None:
    sent = run_event()

    first, again = (served.post("/api/v1/lineage", sent) for _ in range(2))

    assert (first.status, again.status) == (201, 200)
    assert again.json() == {**first.json(), "replay": True, "findings": []}
    assert body_of(served, first.json()["seq"]) == sent
    assert "run:" in first.json()["entry"]


def test_an_openlineage_event_with_a_dirty_producer_is_recorded_with_findings(served: Any) -> None:
    answer = served.post("/api/v1/lineage", run_event(producer="me", schemaURL=None, run={"runId": "not-a-uuid"}))

    assert answer.status == 201
    assert answer.json()["findings"] == ["producer-is-no-uri", "runId-is-no-uuid", "schemaURL-is-no-uri"]
    found = served.get(f"/api/v1/log/entries/{answer.json()['seq']}/findings").json()["findings"]
    assert [finding["code"] for finding in found] == answer.json()["findings"]
    page = served.get(f"/api/v1/lineage/findings?after={answer.json()['seq'] - 1}&limit=1").json()
    assert [(event["seq"], event["findings"]) for event in page["events"]] == [(answer.json()["seq"], found)]


def test_an_event_id_makes_another_spelling_of_the_same_event_a_conflict(served: Any) -> None:
    id, sent = str(uuid4()), run_event()

    answers = [
        served.post("/api/v1/lineage", data, Tally_Event_Id=id).status
        for data in (sent, sent, sent.replace(b", ", b","))
    ]

    assert answers == [201, 200, 409]


def test_the_id_of_a_lineage_event_is_utf8_and_anything_else_is_refused(served: Any) -> None:
    sent = run_event(run={"runId": "0193e2a4-7c11-7000-8000-0000000000f8"})

    good = served.post("/api/v1/lineage", sent, Tally_Event_Id="zähler-7".encode().decode("latin-1"))
    bad = served.post("/api/v1/lineage", sent, Tally_Event_Id="z\xe4hler-8")

    assert json.loads(good.json()["entry"])["id"] == "zähler-7"
    assert (bad.status, bad.json()["detail"]) == (422, "header 'tally-event-id' is not UTF-8")


def test_an_openlineage_event_that_names_nothing_is_refused_with_what_it_needs(served: Any) -> None:
    answer = served.post("/api/v1/lineage", {"run": {}, "job": {"namespace": "a", "name": "b"}})

    assert answer.status == 422
    assert answer.json()["hint"] == "run.runId, job.namespace and job.name must be non-empty strings"
    assert answer.json()["findings"] == ["refused"]


def test_a_lineage_batch_is_answered_as_openlineage_says(served: Any) -> None:
    batch = b"[%b, {}, %b]" % (run_event(), run_event())

    answer = served.post("/api/v1/lineage/batch", batch).json()

    assert answer["status"] == "partial_success"
    assert answer["summary"] == {"received": 3, "successful": 2, "failed": 1, "retriable": 0, "non_retriable": 1}
    assert answer["failed_events"] == [
        {"index": 1, "reason": "OpenLineage event has neither run nor job nor dataset", "retriable": False}
    ]
    assert [receipt is None for receipt in answer["receipts"]] == [False, True, False]


@pytest.mark.parametrize(
    ("path", "media"), [("/api/v1/events", "text/html"), ("/api/v1/lineage", "text/plain"), ("/api/v1/events", "")]
)
def test_a_content_type_that_nothing_reads_is_answered_415(served: Any, path: str, media: str) -> None:
    assert served.post(path, b"{}", media).status == 415


def test_a_body_of_more_than_16_mib_is_answered_413(served: Any) -> None:
    data = b'"%b"' % (b"x" * (16 * 1024 * 1024))

    answer = served.post("/api/v1/events", event("large", data), ONE)

    assert (answer.status, answer.json()["code"]) == (413, "too-large")


def test_requests_that_come_together_are_committed_together_and_each_gets_its_own_receipt(served: Any) -> None:
    seqs: list[int] = []

    def send(client: int) -> None:
        for number in range(20):
            answer = served.post("/api/v1/events", event(f"together-{client}-{number}"), ONE)
            assert answer.status == 201
            assert f'"id":"together-{client}-{number}"' in answer.json()["entry"]
            seqs.append(answer.json()["seq"])

    threads = [threading.Thread(target=send, args=(client,)) for client in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(seqs)) == 160


def test_two_workers_share_one_file(serve: Any) -> None:
    running = serve("--workers", "2")
    seqs = set()
    for number in range(40):
        answer = running.post("/api/v1/events", event(f"workers-{number}"), ONE)
        assert answer.status == 201
        seqs.add(answer.json()["seq"])
    metrics = running.get("/metrics").body.decode()

    assert len(seqs) == 40
    assert 'tally_events_total{outcome="recorded"} 40.0' in metrics
    assert running.stop() == 0
    with running.open(read_only=True) as log:
        assert log.size >= 42


def test_stopping_finishes_what_was_accepted(serve: Any) -> None:
    running = serve()
    answers: list[int] = []

    def send(client: int) -> None:
        number = 0
        while True:
            try:
                answer = running.post("/api/v1/events", event(f"stop-{client}-{number}"), ONE)
            except OSError:
                return
            if answer.status != 201:
                assert answer.status == 503
                return
            answers.append(answer.json()["seq"])
            number += 1

    threads = [threading.Thread(target=send, args=(client,)) for client in range(4)]
    for thread in threads:
        thread.start()
    while len(answers) < 50:
        assert running.process.poll() is None
    assert running.stop() == 0
    for thread in threads:
        thread.join()

    with running.open(read_only=True) as log:
        sources = log.store.streams.counts(["source:urn:test"])
        assert sources["source:urn:test"] == len(set(answers))


def test_the_journal_names_no_body_no_token_and_no_path_that_was_asked_for(serve: Any, tmp_path: Path) -> None:
    running = serve("--verbose", open=False)
    running.get("/api/v1/secret-path", "tally_0123456789abcdef_" + "s" * 43)
    running.post("/api/v1/events", b'{"secret-body":1}', ONE, Authorization="Bearer secret-token")
    running.stop()

    lines = [json.loads(line) for line in running.journal.read_text().splitlines()]
    assert [line["code"] for line in lines if line["event"] == "request"] == ["no-such-path", "unauthenticated"]
    assert "secret" not in running.journal.read_text()
