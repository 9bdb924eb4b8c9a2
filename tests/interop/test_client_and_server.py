"""Our client and our server, each a program of its own: events, receipts, proofs, credentials, kills on either side."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evidence.trust import trust_text
from ledger import access
from ledger.client import Client, Settings, upkeep
from ledger.event import Event
from ledger.fsck import fsck
from proofs.policy import Policy

SOURCE = "urn:acme:shop"
SOON = 30.0
QUICK = Settings(backoff_seconds=0.02, backoff_cap_seconds=0.2, poll_seconds=0.02, linger_seconds=0.0)
Serve = Callable[..., Any]


def event(n: int, **attributes: Any) -> Event:
    return Event.of("com.acme.order.v1", SOURCE, {"n": n}, **attributes)


@pytest.fixture
def connect(tmp_path: Path) -> Callable[..., Client]:
    def connect(url: str, **options: Any) -> Client:
        return Client(url, outbox=tmp_path / "outbox.db", **{"source": SOURCE, "settings": QUICK, **options})

    return connect


def test_events_arrive_with_receipts_and_proofs(serve: Serve, connect: Callable[..., Client]) -> None:
    served = serve("--checkpoint-every", "0.1")
    odd = b'{ "n":1.00,\t"name":"caf\\u00e9", "list":[ ] }'
    with connect(served.url) as client:
        client.emit_all([event(n) for n in range(300)])
        client.emit(Event(type="com.acme.odd.v1", source=SOURCE, data=odd, ext={"region": "eu", "level": -3}))
        client.emit(Event(type="com.acme.blank.v1", source=SOURCE, data=odd + b"\n"))
        client.emit(Event(type="com.acme.bytes.v1", source=SOURCE, data=b"\x00\xff", datacontenttype="image/png"))
        person = Event(
            type="com.acme.person.v1", source=SOURCE, data=b'{"who":"Ada","n":1}', parts=("/who",), person="person:1"
        )
        emission = client.emit(person)
        receipt = client.receipt(emission.id, SOON)
        with served.open(read_only=True) as log:
            trust = Policy.parse(trust_text(log))
        proven = client.prove(emission.id, trust, SOON)
        status = client.status()

    assert proven.index == receipt.seq
    assert (status.waiting, status.dead, status.trouble) == (0, 0, None)
    assert served.stop() == 0
    with served.open() as log:
        found = list(log.stream(f"source:{SOURCE}"))
        assert [record.entry.sequence for record in found] == [str(n) for n in range(305)]
        assert [record.body for record in found[-4:]] == [odd, odd + b"\n", b"\x00\xff", b'{"who":null,"n":1}']
        assert [pointer for pointer, _ in found[-1].entry.parts] == ["/who"]
        assert fsck(log.store).findings == ()


def test_what_the_server_will_not_take_becomes_a_dead_letter(serve: Serve, connect: Callable[..., Client]) -> None:
    served = serve()
    with connect(served.url) as client:
        client.emit(event(0, id="order-1"))
        assert client.flush(SOON) == 0
    served.post("/api/v1/events", json.loads('{"specversion":"1.0","id":"x","source":"urn:s","type":"t.v1","data":1}'))
    with connect(served.url) as client:
        client.emit(Event(type="tallystick.ledger.created.v1", source=SOURCE, data=b"{}"))
        client.emit(Event(type="com.acme.twice.v1", source=SOURCE, data=b'{"a":1,"a":2}'))
        client.emit(Event(type="com.acme.none.v1", source=SOURCE, data=b"no json"))
        last = client.emit(event(1))
        client.receipt(last.id, SOON)
        letters = upkeep.dead_letters(client.outbox)

    assert [(each.type, each.code) for each in letters] == [
        ("tallystick.ledger.created.v1", "refused"),
        ("com.acme.twice.v1", "refused"),
        ("com.acme.none.v1", "refused"),
    ]


def test_a_credential_holds_back_what_it_may_not_write_and_nothing_else(
    serve: Serve, connect: Callable[..., Client], tmp_path: Path
) -> None:
    served = serve(open=False)
    with served.open() as log:
        narrow, wide = (access.grant(log, ["emitter"], sources=sources)[0] for sources in ([SOURCE], ["urn:"]))
    token = tmp_path / "token"
    token.write_text("tally_wrong_token\n")
    with connect(served.url, token=token) as client:
        client.emit(Event.of("com.acme.till.v1", "urn:another", {}))
        mine = client.emit(event(0))
        assert client.flush(0.3) == 4
        wrong = client.status()

        token.write_text(f"{narrow}\n")
        client.receipt(mine.id, SOON)
        assert client.flush(0.3) == 2
        held = client.status()

        token.write_text(f"{wide}\n")
        assert client.flush(SOON) == 0

    assert (wrong.dead, held.dead) == (0, 0)
    assert wrong.trouble is not None
    assert "the server answered 401" in wrong.trouble[1]
    assert held.trouble is not None
    assert "stays: the server answered 403" in held.trouble[1]


def test_the_server_is_killed_again_and_again_and_every_event_is_there_once(
    serve: Serve, connect: Callable[..., Client]
) -> None:
    served = serve()
    client = connect(served.url)
    emitted = threading.Event()

    def emit() -> None:
        for n in range(1_500):
            client.emit(event(n))
        emitted.set()

    producer = threading.Thread(target=emit)
    producer.start()
    for _ in range(3):
        emitted.wait(0.2)
        served.process.send_signal(signal.SIGKILL)
        served.process.wait()
        served = serve(port=served.port)
    producer.join()
    assert client.flush(SOON) == 0
    client.close()

    assert served.stop() == 0
    with served.open() as log:
        bodies = [record.body for record in log.stream(f"source:{SOURCE}")]
        assert bodies[1:] == [b'{"n":%d}' % n for n in range(1_500)]
        assert fsck(log.store).findings == ()
