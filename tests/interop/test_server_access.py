"""Tokens, roles and namespaces against every endpoint of the table, at a real server."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.document import parse
from contracts.gate import Acts, Batch, let_through
from contracts.quarantine.store import quarantines
from contracts.record import Context
from contracts.registry.publish import publish
from contracts.sources.named import found
from ledger import access
from ledger.log import Ledger
from server.endpoints import ENDPOINTS
from server.pages.files import site
from server.table import Endpoint

ONE = "application/cloudevents+json"
INSIDE, OUTSIDE = "crm.eu", "crm.us"


class World:
    """A closed server, a token for each role and scope, and an entry within and one outside the namespace."""

    def __init__(self, running: Any) -> None:
        self.running = running
        self.tokens: dict[tuple[str, bool], str] = {}
        with running.open() as log:
            for role in access.ROLES:
                self.tokens[role, False] = access.grant(log, [role])[0]
                self.tokens[role, True] = access.grant(log, [role], namespaces=[INSIDE])[0]
            self.bound, _ = access.grant(log, ["emitter"], sources=["urn:team-a"])
            now = datetime.now(UTC)
            self.brief, _ = access.grant(log, ["reader"], expires=now + timedelta(milliseconds=50))
            self.revoked, receipt = access.grant(log, ["reader"])
            access.revoke(log, json.loads(log.store.bodies([receipt.seq])[receipt.seq].data)["id"])
        self.wait_for(self.tokens["admin", False])
        admin = self.tokens["admin", False]
        self.seqs = {
            namespace: running.post("/api/v1/lineage", lineage(namespace), Authorization=f"Bearer {admin}").json()[
                "seq"
            ]
            for namespace in (INSIDE, OUTSIDE)
        }
        with running.open() as log:
            self.paths = {
                (name, namespace): path
                for namespace in (INSIDE, OUTSIDE)
                for name, path in operated(log, running.folder, namespace).items()
            }
        self.numbers = iter(range(10_000))
        deadline = time.monotonic() + 20
        while self.call(by_name("proof"), admin, INSIDE) != 200 and time.monotonic() < deadline:
            time.sleep(0.05)

    def wait_for(self, token: str) -> None:
        deadline = time.monotonic() + 20
        while self.running.get("/openapi.json", token).status != 200 and time.monotonic() < deadline:
            time.sleep(0.05)

    def call(self, endpoint: Endpoint, token: str | None, namespace: str) -> int:
        path = self.paths.get((endpoint.name, namespace), endpoint.path)
        path = path.replace("{seq}", str(self.seqs[namespace])).replace("{level}", "0")
        path = path.replace("{tile:path}", "000.p/1").replace("{page:path}", "log")
        path = path.replace("{digest}/{file:path}", f"{site().digest}/main.js")
        path += {"consistency": "?from=1", "census": "?stream=type:x"}.get(endpoint.name, "")
        body, media = self.body(endpoint, namespace)
        headers = {
            **({"Authorization": f"Bearer {token}"} if token else {}),
            **({"Content-Type": media} if media else {}),
        }
        status: int = self.running.request(endpoint.method, path, body, headers).status
        return status

    def body(self, endpoint: Endpoint, namespace: str) -> tuple[bytes | None, str]:
        if endpoint.name == "events":
            return cloudevent(f"matrix-{next(self.numbers)}", namespace), ONE
        if endpoint.name == "lineage":
            return lineage(namespace), "application/json"
        if endpoint.name == "lineage-batch":
            return b"[" + lineage(namespace) + b"]", "application/json"
        if endpoint.name == "disclosure":
            return b'{"pointer":"/subject","purpose":"matrix"}', "application/json"
        return None, ""


def operated(log: Ledger, folder: Path, namespace: str) -> dict[str, str]:
    """Publish a contract and a schema of a namespace, and keep a batch of it apart; returns where they are shown."""
    text = f"""name: {namespace}
version: 1.0.0
dataset: {{namespace: {namespace}, name: t}}
schema: [{{name: id, type: integer, unique: true, severity: warning}}]
policy: {{alert_at: 0.01, quarantine_at: 0.02}}"""
    data = folder / f"{namespace}.csv"
    data.write_text("id\n1\n1\n")
    with found(str(data)) as source:
        passed = let_through(log, Batch(parse(text.encode()), source, data), Acts(quarantine=folder / "kept"))
    publish(log, namespace, "1.0.0", b'{"type":"object"}', context=Context(source=f"{log.origin}/registry"))
    kept = next(each for each in quarantines(log) if each.opened.dataset.namespace == namespace)
    return {
        "decision": f"/api/v1/decisions/{passed.outcome.decided.seq}",
        "contract": f"/api/v1/contracts/{namespace}",
        "quarantine": f"/api/v1/quarantines/{kept.id}",
        "schema": f"/api/v1/schemas/{namespace}",
    }


def by_name(name: str) -> Endpoint:
    return next(endpoint for endpoint in ENDPOINTS if endpoint.name == name)


def lineage(namespace: str, **more: Any) -> bytes:
    run = f"01930000-0000-7000-8000-{time.monotonic_ns() % 16**12:012x}"
    said = {"run": {"runId": run}, "job": {"namespace": namespace, "name": "churn"}, "producer": "urn:other:x", **more}
    return json.dumps(said).encode()


def cloudevent(id: str, namespace: str, source: str = "urn:team-a:jobs") -> bytes:
    said = {
        "specversion": "1.0", "id": id, "source": source, "type": "tallystick.slo.measured.v1",
        "data": {"dataset": {"namespace": namespace, "name": "t"}},
    }  # fmt: skip
    return json.dumps(said).encode()


@pytest.fixture(scope="module")
def world(serve_in: Any, tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("closed")
    return World(serve_in(folder, "--checkpoint-every", "0.1", open=False))


# Of a page, a batch or a graph what is outside is left out, or refused alone.
LEFT_OUT = ("entries", "lineage-batch", "lineage-findings", "coverage")
# What a call that is let in is answered here: the entries hold no part, and no census was taken.
LET_IN = {"events": 201, "lineage": 201, "disclosure": 404, "census": 404, "deletion": 404}
# Of these what is outside is left out.
CONSOLE = ("decisions", "contracts", "quarantines", "schemas", "lines")


def expected(endpoint: Endpoint, role: str, *, is_bound: bool, namespace: str) -> int:
    """What the table says, spelled out once more."""
    let_in = LET_IN.get(endpoint.name, 200)
    if endpoint.roles is None:
        return let_in
    if role != "admin" and role not in endpoint.roles:
        return 403
    if is_bound and endpoint.reach == "everything":
        return 403
    if is_bound and namespace == OUTSIDE and endpoint.reach in ("own", "entry"):
        return 200 if endpoint.name in (*LEFT_OUT, *CONSOLE) else 403
    return 403 if is_bound and endpoint.name == "schema" else let_in  # which is granted by its own name


@pytest.mark.parametrize("role", access.ROLES)
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_every_endpoint_holds_every_role_and_namespace_to_the_table(
    world: World, endpoint: Endpoint, role: str
) -> None:
    found = {
        (is_bound, namespace): world.call(endpoint, world.tokens[role, is_bound], namespace)
        for is_bound in (False, True)
        for namespace in (INSIDE, OUTSIDE)
    }

    assert found == {
        (is_bound, namespace): expected(endpoint, role, is_bound=is_bound, namespace=namespace)
        for is_bound, namespace in found
    }


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_every_endpoint_but_health_and_pages_is_closed_to_whoever_brings_no_credential_that_holds(
    world: World, endpoint: Endpoint
) -> None:
    wrong = world.tokens["admin", False][:-1] + ("A" if world.tokens["admin", False][-1] != "A" else "B")
    strangers = (None, "x", wrong, world.brief, world.revoked, "eyJhbGciOiJub25lIn0.e30.")

    found = {world.call(endpoint, token, INSIDE) for token in strangers}

    pages = {"home": {307}, "explorer": {200}, "page": {200}, "static": {200}}
    assert found == pages.get(endpoint.name, {200} if endpoint.name in ("live", "ready") else {401})


def test_a_refusal_says_how_to_ask_and_is_counted(world: World) -> None:
    answer = world.running.get("/api/v1/log/entries")
    metrics = world.running.get("/metrics", world.tokens["reader", False]).body.decode()

    assert answer.headers["www-authenticate"] == 'Bearer realm="tallystick"'
    assert 'tally_access_refused_total{endpoint="entries",reason="unauthenticated"}' in metrics
    assert 'tally_access_refused_total{endpoint="census",reason="forbidden"}' in metrics


def test_I9_intake_binds_a_producers_source_to_its_credential(world: World) -> None:
    headers = {"Authorization": f"Bearer {world.bound}"}
    within = [
        cloudevent("in-1", INSIDE),
        cloudevent("in-2", INSIDE, "urn:team-a"),
        cloudevent("in-3", INSIDE, "urn:team-a/x"),
    ]
    outside = [
        cloudevent("out-1", INSIDE, "urn:team-abc"),
        cloudevent("out-2", INSIDE, "urn:team-b"),
        cloudevent("o", "n", "u"),
    ]

    assert [world.running.post("/api/v1/events", each, ONE, **headers).status for each in within] == [201, 201, 201]
    assert [world.running.post("/api/v1/events", each, ONE, **headers).status for each in outside] == [403, 403, 403]
    batch = b"[" + b",".join((cloudevent("b-1", INSIDE), outside[0])) + b"]"
    results = world.running.post("/api/v1/events", batch, "application/cloudevents-batch+json", **headers).json()[
        "results"
    ]
    assert [result["status"] for result in results] == [201, 403]


def test_I9_a_lineage_event_is_recorded_under_the_source_of_its_credential(world: World) -> None:
    answer = world.running.post("/api/v1/lineage", lineage(OUTSIDE), Authorization=f"Bearer {world.bound}")

    assert json.loads(answer.json()["entry"])["source"] == "urn:team-a"


def test_a_page_shows_a_bound_reader_only_entries_within_its_namespaces(world: World) -> None:
    page = world.running.get("/api/v1/log/entries?limit=1000", world.tokens["reader", True]).json()

    streams = [json.loads(entry["entry"])["streams"] for entry in page["entries"]]
    assert streams
    assert all(any(f":{INSIDE}|" in name for name in names) for names in streams)


@pytest.mark.parametrize(
    "stream", ["type:tallystick.slo.measured.v1", f"job:{OUTSIDE}|churn", "source:urn:other:x", "x"]
)
def test_a_bound_reader_learns_nothing_of_a_stream_outside_its_namespaces(world: World, stream: str) -> None:
    path = f"/api/v1/log/entries?limit=1&stream={stream.replace('|', '%7C')}"

    assert world.running.get(path, world.tokens["reader", True]).status == 403
    assert world.running.get(path, world.tokens["reader", False]).status == 200


def test_a_bound_reader_reads_a_stream_of_its_namespaces(world: World) -> None:
    path = f"/api/v1/log/entries?stream=job:{INSIDE}%7Cchurn"

    assert world.running.get(path, world.tokens["reader", True]).json()["entries"]


def test_revoking_a_token_closes_the_door_within_a_few_seconds(world: World) -> None:
    with world.running.open() as log:
        token, _ = access.grant(log, ["reader"])
    world.wait_for(token)
    with world.running.open() as log:
        access.revoke(log, token.split("_")[1])

    deadline = time.monotonic() + 5
    while world.running.get("/openapi.json", token).status == 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert world.running.get("/openapi.json", token).status == 401


def test_opening_a_personal_part_is_recorded_with_the_credential_and_the_purpose(serve: Any) -> None:
    from ledger.event import Event

    running = serve(open=False)
    with running.open() as log:
        token, _ = access.grant(log, ["compliance"])
        seq = log.append(
            Event(type="tallystick.deletion.requested.v1", source="urn:desk", data=b'{"subject":"Ada","n":1}')
        ).seq
    while running.get("/openapi.json", token).status != 200:
        time.sleep(0.05)

    asked = {"pointer": "/subject", "purpose": "access-request:7"}
    answer = running.post(f"/api/v1/log/entries/{seq}/disclosures", asked, Authorization=f"Bearer {token}")

    assert answer.body == b'"Ada"'
    assert running.get(f"/api/v1/log/entries/{seq}/body", token).body == b'{"subject":null,"n":1}'
    with running.open(read_only=True) as log:
        (read,) = log.stream("type:tallystick.ledger.record-read.v1")
        assert read.json() == {
            "pointers": ["/subject"], "purpose": "access-request:7", "reader": f"token:{token.split('_')[1]}", "seq": seq,
        }  # fmt: skip


def test_a_credential_that_asks_too_often_is_answered_429_and_when_to_come_again(serve: Any) -> None:
    running = serve("--rate", "2")

    answers = [running.get("/openapi.json") for _ in range(6)]

    assert answers[0].status == 200
    assert answers[-1].status == 429
    assert answers[-1].headers["retry-after"] == "1"
    assert running.get("/health/live").status == 200
