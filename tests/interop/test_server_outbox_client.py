"""Our own client against our own server: what was emitted is in the log once, in order, and refusals become dead letters."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from ledger import access
from ledger.client import Client
from ledger.event import Event

SOURCE = "urn:shop:orders"


@pytest.fixture
def closed(serve: Any) -> Any:
    running = serve("--checkpoint-every", "0.1", open=False)
    with running.open() as log:
        running.token, _ = access.grant(log, ["emitter", "reader"], sources=["urn:shop"])
    while running.get("/openapi.json", running.token).status != 200:
        time.sleep(0.05)
    return running


def event(number: int, **more: Any) -> Event:
    return Event(type="org.example.order.v1", source=SOURCE, data=b'{ "n": %d }' % number, **more)


def recorded(running: Any) -> list[Any]:
    with running.open(read_only=True) as log:
        return [record for record in log.read() if record.source == SOURCE]


def test_what_was_emitted_arrives_once_in_order_and_byte_for_byte(closed: Any, tmp_path: Path) -> None:
    client = Client(closed.url, outbox=tmp_path / "outbox.db", source=SOURCE, token=closed.token)
    client.emit_all(event(number) for number in range(250))

    assert client.flush(30) == 0
    assert client.close(5) == 0

    bodies = [record.body for record in recorded(closed) if record.type == "org.example.order.v1"]
    assert bodies == [b'{ "n": %d }' % number for number in range(250)]


def test_what_was_emitted_while_the_server_was_away_arrives_when_it_is_back(
    closed: Any, serve: Any, tmp_path: Path
) -> None:
    port = closed.port
    closed.stop()
    client = Client(f"http://127.0.0.1:{port}", outbox=tmp_path / "outbox.db", source=SOURCE, token=closed.token)
    client.emit_all(event(number) for number in range(20))
    assert client.flush(0.2) >= 20

    serve(open=False, port=port)
    deadline = time.monotonic() + 30
    while client.flush(1) and time.monotonic() < deadline:
        time.sleep(0.05)
    client.close(1)

    assert len([record for record in recorded(closed) if record.type == "org.example.order.v1"]) == 20


def test_an_event_that_the_server_refuses_does_not_hold_up_the_others(closed: Any, tmp_path: Path) -> None:
    client = Client(closed.url, outbox=tmp_path / "outbox.db", source=SOURCE, token=closed.token)
    # Acceptable to an outbox, and not to an entry's reader: a member stands twice.
    client.emit_all([event(1), Event(type="org.example.order.v1", source=SOURCE, data=b'{"a":1,"a":2}'), event(3)])

    assert client.flush(30) == 0
    client.close(1)

    bodies = [record.body for record in recorded(closed) if record.type == "org.example.order.v1"]
    assert bodies == [b'{ "n": 1 }', b'{ "n": 3 }']
