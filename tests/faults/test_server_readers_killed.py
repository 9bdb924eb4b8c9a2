"""The processes that read batches are killed under load: every answer stands, and nothing is left behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from ledger.fsck import fsck
from proofs.digest import commitment
from server.aside import Aside
from server.auth import LOOPBACK

MANY = "application/cloudevents-batch+json"
EVENTS = 60
CLIENTS = 4
BATCHES = 8


def batch(name: str) -> bytes:
    events = [
        {
            "specversion": "1.0",
            "id": f"{name}-{number}",
            "source": "urn:aside",
            "type": "org.example.v1",
            "data": {"at": number, "padding": "ż" * 500},
        }
        for number in range(EVENTS)
    ]
    return json.dumps(events, ensure_ascii=False).encode()


def readers_of(pid: int) -> list[int]:
    """The reading processes that a server has started and that still run."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    threads = Path(f"/proc/{pid}/task").glob("*/children") if children.exists() else []
    found = {int(child) for file in threads for child in file.read_text().split()}
    return [child for child in sorted(found) if b"server.reader" in Path(f"/proc/{child}/cmdline").read_bytes()]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_batches_are_answered_whole_and_once_while_their_readers_are_killed(serve: Any) -> None:
    running = serve("--readers", "2")
    answers: dict[str, list[Any]] = {}
    killed: set[int] = set()

    def send(client: int) -> None:
        for number in range(BATCHES):
            name = f"{client}-{number}"
            answer = running.post("/api/v1/events", batch(name), MANY)
            assert answer.status == 200, answer.body
            answers[name] = answer.json()["results"]

    threads = [threading.Thread(target=send, args=(client,)) for client in range(CLIENTS)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for reader in readers_of(running.process.pid)[:1]:
            os.kill(reader, signal.SIGKILL)
            killed.add(reader)
        for thread in threads:
            thread.join(0.2)

    assert killed
    assert len(answers) == CLIENTS * BATCHES
    with running.open(read_only=True) as log:
        for name, results in answers.items():
            assert [result["status"] for result in results] == [201] * EVENTS
            for number, result in enumerate(results):
                (record,) = log.read(result["receipt"]["seq"], result["receipt"]["seq"] + 1)
                assert (record.id, json.loads(record.body)["at"]) == (f"{name}-{number}", number)
                committed = json.loads(result["receipt"]["entry"])["body"]
                assert commitment("body", b64decode(result["receipt"]["salt"]), record.body).hex() == committed
        assert sum(record.source == "urn:aside" for record in log.read(bodies=False)) == CLIENTS * BATCHES * EVENTS
        assert fsck(log.store, keyring=log.keyring).findings == ()


def test_a_batch_that_comes_again_is_known_whoever_read_it_first(serve: Any) -> None:
    running = serve("--readers", "1")
    first = running.post("/api/v1/events", batch("twice"), MANY).json()["results"]
    small = json.dumps(json.loads(batch("twice"))[:2]).encode()  # too small to be read aside, and written otherwise

    again = running.post("/api/v1/events", small, MANY).json()["results"]
    whole = running.post("/api/v1/events", batch("twice"), MANY).json()["results"]

    assert [result["status"] for result in again] == [
        409,
        409,
    ]  # json.dumps escapes what was written plainly: other data
    assert [result["status"] for result in whole] == [200] * EVENTS
    assert [result["receipt"]["seq"] for result in whole] == [result["receipt"]["seq"] for result in first]


def test_an_event_that_loses_in_a_batch_that_was_read_aside_leaves_its_commitment(serve: Any) -> None:
    running = serve("--readers", "1")
    running.post("/api/v1/events", batch("loser"), MANY)
    events = json.loads(batch("loser"))
    events[3]["data"]["at"] = "another"

    results = running.post("/api/v1/events", json.dumps(events, ensure_ascii=False).encode(), MANY).json()["results"]

    assert [result["status"] for result in results] == [200] * 3 + [409] + [200] * (EVENTS - 4)
    with running.open(read_only=True) as log:
        (conflict,) = [record for record in log.read(EVENTS) if record.type == "tallystick.intake.conflicted.v1"]
    said = json.loads(conflict.body)
    salt = b64decode(results[3]["problem"]["salt"])
    lost = json.dumps(events[3]["data"], ensure_ascii=False).encode()
    assert said["commitment"] == commitment("body", salt, lost).hex()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_readers_end_with_their_server(serve: Any, ending: signal.Signals) -> None:
    running = serve("--readers", "2")
    running.post("/api/v1/events", batch("ends"), MANY)
    while len(readers := readers_of(running.process.pid)) < 2:  # they start side by side
        os.sched_yield()

    running.process.send_signal(ending)
    running.process.wait(60)

    while any(map(is_running, readers)):  # the session's time limit ends this where they stay
        os.sched_yield()


def test_a_server_without_readers_answers_the_same(serve: Any) -> None:
    running = serve("--readers", "0")
    assert readers_of(running.process.pid) == []

    answer = running.post("/api/v1/events", batch("alone"), MANY)

    assert [result["status"] for result in answer.json()["results"]] == [201] * EVENTS
    assert readers_of(running.process.pid) == []


def test_a_reader_is_told_no_passphrase(serve: Any) -> None:
    running = serve("--readers", "1")
    running.post("/api/v1/events", batch("secret"), MANY)
    (reader,) = readers_of(running.process.pid)

    environment = Path(f"/proc/{reader}/environ").read_bytes()

    assert b"TALLY_KEY_PASSPHRASE" in Path(f"/proc/{running.process.pid}/environ").read_bytes()
    assert b"PASSPHRASE" not in environment
    assert b"TALLY_SERVE" not in environment


def test_a_reader_that_is_stopped_hangs_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("server.aside._ANSWER_SECONDS", 1)
    beside = Aside(1, origin="ledger.example/o", key=None, journal=lambda event, **_: told.append(event))
    body = json.dumps([{"specversion": "1.0", "source": "urn:a", "type": "a.v1", "data": "x" * 2_000_000}]).encode()
    (reader,) = readers_of(os.getpid())
    os.kill(reader, signal.SIGSTOP)

    found = asyncio.run(beside.read("cloudevents", body, LOOPBACK))

    beside.close()
    assert (found, told, is_running(reader)) == (None, ["reader-lost"], False)
