"""kill -9 under load: what was answered with a 2xx is in the log, exactly once, and the ledger is whole."""

from __future__ import annotations

import http.client
import json
import threading
from typing import Any

from ledger.fsck import fsck

ROUNDS = 4
CLIENTS = 6


def event(id: str) -> bytes:
    data = {"at": id, "padding": "x" * 2_000}
    return json.dumps({"specversion": "1.0", "id": id, "source": "urn:kill", "type": "o.v1", "data": data}).encode()


def test_every_answer_is_in_the_log_exactly_once_although_the_server_is_killed(serve: Any) -> None:
    acknowledged: dict[str, int] = {}
    doubtful: set[str] = set()
    lock = threading.Lock()
    port = 0

    def send(running: Any, turn: int, client: int) -> None:
        number = 0
        while True:
            id = f"{turn}-{client}-{number}"
            try:
                answer = running.post("/api/v1/events", event(id), "application/cloudevents+json")
            except (OSError, http.client.HTTPException):
                with lock:
                    doubtful.add(id)
                return
            assert answer.status == 201, answer.body
            with lock:
                acknowledged[id] = answer.json()["seq"]
            number += 1

    for turn in range(ROUNDS):
        running = serve(port=port)
        before = len(acknowledged)
        threads = [threading.Thread(target=send, args=(running, turn, client)) for client in range(CLIENTS)]
        for thread in threads:
            thread.start()
        while len(acknowledged) < before + 60:
            assert running.process.poll() is None
        running.process.kill()
        running.process.wait()
        for thread in threads:
            thread.join()

    running = serve()
    again = {id: running.post("/api/v1/events", event(id), "application/cloudevents+json") for id in sorted(doubtful)}
    assert {answer.status for answer in again.values()} <= {200, 201}
    running.stop()

    with running.open(read_only=True) as log:
        found: dict[str, list[int]] = {}
        for record in log.read(bodies=False):
            if record.source == "urn:kill":
                found.setdefault(record.id, []).append(record.seq)
        assert {id: [seq] for id, seq in acknowledged.items()}.items() <= found.items()
        assert all(len(seqs) == 1 for seqs in found.values())
        assert set(found) == set(acknowledged) | doubtful
        assert fsck(log.store, keyring=log.keyring).findings == ()
