"""The stock OpenLineage client, configured and not changed, and curl: what they print arrives byte for byte."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from typing import Any
from uuid import uuid4

import pytest
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.serde import Serde

from ledger import access


def event(name: str) -> RunEvent:
    return RunEvent(
        eventTime="2026-11-20T09:15:00.123456Z",
        producer="urn:example:stock-client",
        run=Run(runId=str(uuid4())),
        job=Job(namespace="airflow", name=name),
        eventType=RunState.COMPLETE,
        inputs=[InputDataset(namespace="crm", name="haushälte")],
        outputs=[OutputDataset(namespace="crm", name="features")],
    )


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_every_event_of_the_stock_client_arrives_as_it_printed_it(serve: Any, compression: str | None) -> None:
    running = serve(open=False)
    with running.open() as log:
        token, _ = access.grant(log, ["emitter"])
        reader, _ = access.grant(log, ["reader"])
    while running.get("/openapi.json", reader).status != 200:
        time.sleep(0.05)
    transport = {"type": "http", "url": running.url, "auth": {"type": "api_key", "apiKey": token}}
    client = OpenLineageClient(
        config={"transport": {**transport, **({"compression": compression} if compression else {})}}
    )
    events = [event(f"job-{number}") for number in range(5)]

    for each in events:
        client.emit(each)
    client.close()

    page = running.get("/api/v1/log/entries?limit=1000", reader).json()["entries"]
    seqs = [entry["seq"] for entry in page if "lineage.run-observed" in entry["entry"]]
    bodies = [running.get(f"/api/v1/log/entries/{seq}/body", reader).body for seq in seqs]
    assert bodies == [Serde.to_json(each).encode() for each in events]


def test_the_stock_client_hears_of_a_token_that_does_not_hold(serve: Any) -> None:
    running = serve(open=False)
    transport = {
        "type": "http",
        "url": running.url,
        "auth": {"type": "api_key", "apiKey": "tally_x"},
        "retry": {"total": 0},
    }
    client = OpenLineageClient(config={"transport": transport})

    with pytest.raises(Exception, match="401"):
        client.emit(event("refused"))


def test_curl_sends_an_event_and_reads_its_receipt(served: Any) -> None:
    curl = shutil.which("curl")
    assert curl is not None, "curl is not installed"
    data = json.dumps(
        {"specversion": "1.0", "id": "curl", "source": "urn:curl", "type": "org.example.v1", "data": [1, 2]}
    )
    command = [curl, "--silent", "--fail", "--data-binary", "@-", "-H", "Content-Type: application/cloudevents+json"]

    done = subprocess.run(
        [*command, f"{served.url}/api/v1/events"], input=data, capture_output=True, text=True, check=True
    )

    receipt = json.loads(done.stdout)
    assert json.loads(receipt["entry"])["id"] == "curl"
    assert served.get(f"/api/v1/log/entries/{receipt['seq']}/body").body == b"[1, 2]"
