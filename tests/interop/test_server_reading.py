"""Reading over HTTP: pages, proofs that verify offline, tiles as C2SP says, and the description of it all."""

from __future__ import annotations

import json
import struct
import time
from base64 import b64decode
from typing import Any

import pytest

from ledger.keys import log_vkey
from proofs import merkle, tlogproof
from proofs.census import proven_count
from proofs.digest import leaf_hash, sha256
from proofs.note import Note
from proofs.policy import Policy

ONE = "application/cloudevents+json"
MANY = "application/cloudevents-batch+json"


@pytest.fixture(scope="module")
def filled(serve_in: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server of 602 entries: two full tiles and a partial one, signed."""
    running = serve_in(tmp_path_factory.mktemp("filled"), "--checkpoint-every", "0.1", "--census-every", "0.1")
    batch = [
        {"specversion": "1.0", "id": str(number), "source": "urn:fill", "type": "org.example.n.v1", "data": number}
        for number in range(600)
    ]
    assert running.post("/api/v1/events", batch, MANY).status == 200
    deadline = time.monotonic() + 20
    while signed(running) < 603 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert signed(running) >= 603  # 602 and a census
    return running


def signed(running: Any) -> int:
    answer = running.get("/checkpoint")
    return int(answer.body.split(b"\n")[1]) if answer.status == 200 else 0


def entries(running: Any) -> list[bytes]:
    found, after = [], ""
    while True:
        page = running.get(f"/api/v1/log/entries?limit=250{after}").json()
        found += [entry["entry"].encode() for entry in page["entries"]]
        if page["next"] is None:
            return found
        after = f"&after={page['next']}"


def trust(running: Any) -> Policy:
    with running.open(read_only=True) as log:
        return Policy.parse(f"log {log_vkey(log.origin, log.keys()[0].public_key).to_text()}\nquorum none\n")


def test_cursors_lead_through_the_whole_log_in_order(filled: Any) -> None:
    found = entries(filled)

    assert [json.loads(entry)["seq"] for entry in found] == list(range(len(found)))
    assert len(found) >= 603


def test_a_stream_is_read_by_its_positions(filled: Any) -> None:
    first = filled.get("/api/v1/log/entries?stream=source:urn:fill&limit=400").json()
    second = filled.get(f"/api/v1/log/entries?stream=source:urn:fill&limit=400&after={first['next']}").json()

    seen = [json.loads(entry["entry"])["id"] for page in (first, second) for entry in page["entries"]]
    assert seen == [str(number) for number in range(600)]
    assert second["next"] is None


def test_a_proof_verifies_offline_against_the_readers_own_trust(filled: Any) -> None:
    entry = filled.get("/api/v1/log/entries/300").json()["entry"].encode()
    proof = filled.get("/api/v1/log/entries/300/proof")

    assert proof.headers["content-type"] == "text/plain; charset=utf-8"
    assert tlogproof.verify(proof.body, entry, trust(filled)).index == 300


def test_an_entry_that_is_not_signed_yet_says_when_to_come_again(serve: Any) -> None:
    running = serve("--checkpoint-every", "0")

    assert running.get("/health/ready").status == 200
    answer = running.get("/api/v1/log/entries/1/proof")

    assert (answer.status, answer.json()["code"], answer.headers["retry-after"]) == (404, "not-yet-signed", "1")
    assert running.get("/checkpoint").json()["code"] == "not-yet-signed"


def test_consistency_is_proven_between_any_two_sizes(filled: Any) -> None:
    leaves = [leaf_hash(entry) for entry in entries(filled)]
    path = filled.get("/api/v1/log/consistency?from=257&to=602").json()["hashes"]

    before, after = (merkle.root_of_leaves(leaves[:size]) for size in (257, 602))
    merkle.verify_consistency(257, 602, before, after, [bytes.fromhex(node) for node in path])


def test_the_census_proves_a_count_and_that_there_is_no_such_stream(filled: Any) -> None:
    for stream, count in (("source:urn:fill", 600), ("source:urn:nobody", 0)):
        said = filled.get(f"/api/v1/log/census?stream={stream}").json()
        path = [bytes.fromhex(node) for node in said["path"]]
        assert (
            proven_count(stream, b64decode(said["bucket"]), path, bytes.fromhex(said["root"])) == count == said["count"]
        )


def test_tiles_give_the_root_that_the_checkpoint_signs(filled: Any) -> None:
    note = Note.parse(filled.get("/checkpoint").body)
    size, root = int(note.text.split("\n")[1]), b64decode(note.text.split("\n")[2])
    names = [f"/tile/0/{index:03}" for index in range(size // 256)]
    if size % 256:
        names.append(f"/tile/0/{size // 256:03}.p/{size % 256}")
    hashes = b"".join(filled.get(name).body for name in names)

    leaves = [hashes[at : at + 32] for at in range(0, len(hashes), 32)]
    assert len(leaves) == size
    assert merkle.root_of_leaves(leaves) == root
    top = filled.get(f"/tile/1/000.p/{size // 256}").body
    assert top[:32] == merkle.root_of_leaves(leaves[:256])


def test_entry_bundles_hold_each_entry_behind_its_length(filled: Any) -> None:
    found = entries(filled)
    full = filled.get("/tile/entries/001")
    partial = filled.get("/tile/entries/002.p/3")

    assert full.body == b"".join(struct.pack(">H", len(entry)) + entry for entry in found[256:512])
    assert partial.body == b"".join(struct.pack(">H", len(entry)) + entry for entry in found[512:515])
    assert full.headers["content-type"] == "application/octet-stream"


def test_full_tiles_are_immutable_and_partial_ones_are_not(filled: Any) -> None:
    caching = {
        name: filled.get(name).headers["cache-control"] for name in ("/tile/0/000", "/tile/0/000.p/7", "/checkpoint")
    }

    assert caching == {
        "/tile/0/000": "private, max-age=31536000, immutable",
        "/tile/0/000.p/7": "private, no-cache",
        "/checkpoint": "private, no-cache",
    }


@pytest.mark.parametrize(
    "path",
    [
        "/tile/0/999", "/tile/64/000", "/tile/00/000", "/tile/-1/000", "/tile/0/00", "/tile/0/0000", "/tile/0/000.p/0",
        "/tile/0/000.p/256", "/tile/0/000.p/07", "/tile/0/x000/001", "/tile/0/x001/000", "/tile/63/000.p/1",
        "/tile/entries/999", "/tile/0/000/", "/tile/0/..%2f..%2fetc", "/tile/0/%00", "/tile//000",
    ],
)  # fmt: skip
def test_a_tile_that_there_is_not_is_answered_404(filled: Any, path: str) -> None:
    assert filled.get(path).status == 404


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("limit=0", "limit"), ("limit=1001", "limit"), ("limit=-1", "limit"), ("limit=٣", "limit"), ("after=x", "after"),
        ("after=99999999999999999999", "after"), ("stream=", "stream"), ("limit=1e2", "limit"),
    ],
)  # fmt: skip
def test_a_parameter_out_of_its_bounds_is_refused_by_name(filled: Any, query: str, name: str) -> None:
    from urllib.parse import quote

    answer = filled.get(f"/api/v1/log/entries?{quote(query, safe='=')}")

    assert answer.status == 422
    assert f"parameter {name!r}" in answer.json()["detail"]


def test_an_entry_that_there_is_not_is_answered_404_and_a_strange_path_too(filled: Any) -> None:
    answers = [filled.get(path) for path in ("/api/v1/log/entries/99999", "/api/v1/log/entries/99999/body", "/nowhere")]

    assert [(answer.status, answer.json()["code"]) for answer in answers] == [
        (404, "missing"), (404, "missing"), (404, "no-such-path"),
    ]  # fmt: skip
    assert filled.request("DELETE", "/api/v1/log/entries").status == 405


def test_every_answer_carries_its_request_id_its_timing_and_the_security_headers(filled: Any) -> None:
    named = filled.request("GET", "/health/live", None, {"X-Request-Id": "abc-1"})
    drawn = filled.request("GET", "/nowhere", None, {"X-Request-Id": "not acceptable"})

    assert named.headers["x-request-id"] == "abc-1"
    assert drawn.headers["x-request-id"] != "not acceptable"
    for answer in (named, drawn):
        assert answer.headers["server-timing"].startswith("total;dur=")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "server" not in answer.headers
    posted = filled.post("/api/v1/events", {"specversion": "1.0", "source": "urn:t", "type": "t.v1"}, ONE)
    assert [timing.partition(";")[0] for timing in posted.headers["server-timing"].split(", ")] == [
        "queue", "commit", "total",
    ]  # fmt: skip


def test_what_a_producer_sent_is_shown_as_data_and_never_as_a_page(filled: Any) -> None:
    page = {"specversion": "1.0", "source": "urn:t", "type": "t.v1", "datacontenttype": "text/html", "data": "<script>"}
    seq = filled.post("/api/v1/events", page, ONE).json()["seq"]

    answer = filled.get(f"/api/v1/log/entries/{seq}/body")

    assert answer.body == b"<script>"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment"


def test_metrics_count_requests_events_and_what_is_signed(filled: Any) -> None:
    lines = filled.get("/metrics").body.decode().splitlines()
    values = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}

    assert values['tally_events_total{outcome="recorded"}'] >= 600
    assert values["tally_signed_entries"] >= 603
    assert values['tally_requests_total{endpoint="events",status="200"}'] == 1
    assert values["tally_commit_events_count"] >= 1


def test_it_is_ready_while_the_ledger_answers(filled: Any) -> None:
    assert filled.get("/health/ready").json() == {
        "status": "ok",
        "checks": {"ledger": True, "watch": True, "writer": True},
    }


def test_every_endpoint_is_described_with_an_example(filled: Any) -> None:
    from server.endpoints import ENDPOINTS
    from server.openapi import path_of

    paths = filled.get("/openapi.json").json()["paths"]

    described = {(path, method.upper()) for path, methods in paths.items() for method in methods}
    assert described == {(path_of(endpoint), endpoint.method) for endpoint in ENDPOINTS}
    assert len({endpoint.name for endpoint in ENDPOINTS}) == len(ENDPOINTS)
    for methods in paths.values():
        for operation in methods.values():
            for media, content in operation.get("requestBody", {}).get("content", {}).items():
                assert "example" in content, media
            for status, answer in operation["responses"].items():
                for media, content in answer["content"].items():
                    binary = media in ("application/octet-stream", "*/*") or media.startswith("text/plain; version")
                    assert binary or status[0] != "2" or "example" in content, (operation["operationId"], status)


def test_bodies_answer_with_the_salt_that_opens_the_commitment(filled: Any) -> None:
    answer = filled.get("/api/v1/log/entries/0/body")
    entry = filled.get("/api/v1/log/entries/0").json()["entry"]

    opened = sha256(b"tallystick/body/v1\0" + b64decode(answer.headers["tally-salt"]) + answer.body)
    assert opened.hex() == json.loads(entry)["body"]
