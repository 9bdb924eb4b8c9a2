"""The server is down, slow, hostile or mad: nothing is lost, nothing is delivered twice, and nothing is believed unchecked."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evidence.trust import trust_text
from ledger.client import AsyncClient, Client, Settings, upkeep
from ledger.client.courier import Answer, Courier, Request
from ledger.client.probe import probe
from ledger.event import Event
from ledger.fsck import fsck
from proofs.errors import BusyError, MissingError, RefusedError, TamperedError, UnverifiableError
from proofs.policy import Policy

if TYPE_CHECKING:
    from tests.conftest import Ledgers
    from tests.counterpart import Counterpart, Handler

SOURCE = "urn:acme:shop"
QUICK = Settings(
    backoff_seconds=0.01,
    backoff_cap_seconds=0.05,
    poll_seconds=0.02,
    linger_seconds=0.0,
    connect_seconds=1.0,
    read_seconds=0.2,
    total_seconds=0.4,
    exit_seconds=0.2,
)
SOON = 20.0

Start = Callable[..., Client]


def event(n: int = 0, **attributes: str) -> Event:
    return Event.of("com.acme.order.v1", SOURCE, {"n": n}, **attributes)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    clients: list[Client] = []

    def make(url: str | None, name: str = "outbox", **options: Any) -> Client:
        given = {"settings": QUICK, "source": SOURCE, **options}
        clients.append(Client(url, outbox=tmp_path / f"{name}.db", **given))
        return clients[-1]

    yield make
    for client in clients:
        client.close()
        if client._shipper is not None:
            client._shipper.stop(SOON)
        client.outbox.close()


def delivered(counterpart: Counterpart) -> list[tuple[str | None, bytes | None]]:
    """(sequence, body) of what the source has in the ledger, in log order."""
    with counterpart.lock:
        found = list(counterpart.log.stream(f"source:{SOURCE}"))
    return [(record.entry.sequence, record.body) for record in found]


def check(counterpart: Counterpart, count: int) -> None:
    """Every event is there once, in order, without a gap."""
    found = delivered(counterpart)
    assert [sequence for sequence, _ in found] == [str(n) for n in range(count + 1)]
    assert [body for _, body in found[1:]] == [b'{"n":%d}' % n for n in range(count)]
    assert fsck(counterpart.log.store).findings == ()


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def trouble(client: Client) -> str:
    """What the outbox says went wrong, as soon as it says something."""
    deadline = time.monotonic() + SOON
    while (found := client.status().trouble) is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return found[1]


def test_events_are_delivered_in_order_with_receipts_that_were_checked(counterpart: Counterpart, start: Start) -> None:
    client = start(counterpart.url, token="tally_abc")
    emissions = client.emit_all([event(n) for n in range(20)])

    receipts = [client.receipt(each.id, SOON) for each in emissions]

    check(counterpart, 20)
    assert [receipt.seq for receipt in receipts] == list(range(receipts[0].seq, receipts[0].seq + 20))
    assert counterpart.headers["authorization"] == "Bearer tally_abc"
    assert counterpart.headers["content-type"] == "application/cloudevents-batch+json"
    assert counterpart.headers["content-encoding"] == "gzip"
    found = client.status()
    assert (found.waiting, found.waiting_bytes, found.dead, found.trouble) == (0, 0, 0, None)
    upkeep.verify(client.outbox)


def test_a_server_that_is_down_and_comes_up_later_gets_everything(
    counterparts: Any, ledgers: Ledgers, start: Start
) -> None:
    port = unused_port()
    client = start(f"http://127.0.0.1:{port}")
    for n in range(5):
        client.emit(event(n))
    assert "Connection refused" in trouble(client)
    assert client.flush(0.05) == 6

    late = counterparts.Counterpart(ledgers.create(), port)
    assert client.flush(SOON) == 0

    check(late, 5)
    assert client.status().trouble is None
    late.stop()


def hang(handler: Handler, body: bytes) -> bool:
    handler.hang()
    return True


def trickle(handler: Handler, body: bytes) -> bool:
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    while not handler.server.counterpart.stopping.wait(0.01):
        handler.wfile.write(b" ")
        handler.wfile.flush()
    return True


def trickle_headers(handler: Handler, body: bytes) -> bool:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not handler.server.counterpart.stopping.wait(0.01):
        handler.wfile.write(b"X-A: b\r\n" if handler.close_connection else b"X")
        handler.wfile.flush()
    return True


def huge(handler: Handler, body: bytes) -> bool:
    handler.send_response(200)
    handler.send_header("Content-Length", str(1 << 40))
    handler.end_headers()
    while not handler.server.counterpart.stopping.is_set():
        handler.wfile.write(b"x" * (1 << 16))
    return True


def half(handler: Handler, body: bytes) -> bool:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"results":[')
    handler.close_connection = True
    return True


def reset(handler: Handler, body: bytes) -> bool:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    handler.connection.close()
    handler.close_connection = True
    return True


def no_http(handler: Handler, body: bytes) -> bool:
    handler.wfile.write(b"\x00\xff garbage\r\n\r\n")
    handler.close_connection = True
    return True


def answering(status: int, body: bytes, kind: str = "application/json", **headers: str) -> Any:
    def answer(handler: Handler, _: bytes) -> bool:
        handler.answer(status, body, kind, {name.replace("_", "-"): value for name, value in headers.items()})
        return True

    return answer


@pytest.mark.parametrize(
    ("misbehave", "says"),
    [
        (hang, "it took too long"),
        (trickle, "it took too long"),
        (trickle_headers, "it took too long"),
        (huge, "the answer is longer than"),
        (half, "IncompleteRead"),
        (reset, "Connection reset by peer"),
        (no_http, "BadStatusLine"),
        (answering(200, b"<html>"), "holds no results"),
        (answering(200, b"[" * 100_000), "holds no results"),
        (answering(200, b'{"results":[]}'), "holds 0 results, expected"),
        (answering(200, b'{"results":{"0":1}}'), "holds 0 results, expected"),
        (answering(200, b"{}", Content_Encoding="gzip"), "the answer is encoded"),
        (answering(204, b""), "the server answered 204"),
        (answering(302, b"", Location="https://elsewhere.example"), "the server answered 302"),
        (answering(401, b'{"code":"x","detail":"who are you"}', "application/problem+json"), "401: who are you"),
        (answering(403, b""), "the server answered 403"),
        (answering(404, b"no such page"), "the server answered 404"),
        (answering(400, b"<h1>Bad Request</h1>", "text/html"), "the server answered 400"),
        (answering(400, b'{"type":"about:blank","status":400}', "application/problem+json"), "the server answered 400"),
        (answering(409, b'{"type":"about:blank","code":"x"}', "application/problem+json"), "the server answered 409"),
        (answering(422, b'{"type":"urn:tallystick:"}', "application/problem+json"), "the server answered 422"),
        (answering(422, b'{"type":"urn:tallystick:a","code":"b"}', "application/problem+json"), "answered 422"),
        (answering(422, b"<h1>proxy</h1>", "text/html"), "the server answered 422"),
        (answering(500, b""), "the server answered 500"),
        (answering(503, b"", Retry_After="0"), "the server answered 503"),
    ],
)
def test_what_is_no_answer_costs_nothing_and_is_said_aloud(
    counterpart: Counterpart, start: Start, misbehave: Any, says: str
) -> None:
    counterpart.misbehave = misbehave
    client = start(counterpart.url)
    client.emit_all([event(n) for n in range(3)])

    assert says in trouble(client)
    found = client.status()
    assert (found.waiting, found.dead) == (4, 0)

    counterpart.misbehave = None
    assert client.flush(SOON) == 0
    check(counterpart, 3)


def test_a_request_that_arrived_though_its_answer_did_not_is_recorded_once(
    counterpart: Counterpart, start: Start
) -> None:
    def lose_the_answer(handler: Handler, body: bytes) -> bool:
        counterpart.results(body)
        return reset(handler, body)

    counterpart.misbehave = lose_the_answer
    client = start(counterpart.url)
    emission = client.emit(event(0))
    trouble(client)

    counterpart.misbehave = None

    assert client.receipt(emission.id, SOON).is_replay
    check(counterpart, 1)


def test_the_client_waits_as_long_as_it_is_asked_to(counterpart: Counterpart, start: Start) -> None:
    asked: list[float] = []

    def patience(handler: Handler, body: bytes) -> bool:
        asked.append(time.monotonic())
        if len(asked) == 1:
            handler.answer(429, b"", "text/plain", {"Retry-After": "1"})
        return len(asked) == 1

    counterpart.misbehave = patience
    client = start(counterpart.url)
    client.emit(event(0))

    assert client.flush(SOON) == 0  # which hurries, and waits all the same
    assert asked[1] - asked[0] >= 1.0


def lying(change: Callable[[dict[str, Any]], object]) -> Callable[[list[dict[str, Any]]], object]:
    return lambda results: [change(result) for result in results if '"sequence":"2"' in result["receipt"]["entry"]]


@pytest.mark.parametrize(
    "forge",
    [
        lambda result: result.clear(),
        lambda result: result.update(status="201"),
        lambda result: result.update(status=503),
        lambda result: result.update(status=422, problem={"type": "about:blank", "detail": "a gateway's"}),
        lambda result: result.update(receipt=None),
        lambda result: result["receipt"].update(leaf="00" * 32),
        lambda result: result["receipt"].update(salt=None),
        lambda result: result["receipt"].update(seq=0),
        lambda result: result["receipt"].update(entry=result["receipt"]["entry"].replace("order", "ordor")),
    ],
)
def test_an_event_whose_receipt_lies_stays_with_all_behind_it_of_its_source(
    counterpart: Counterpart, start: Start, forge: Callable[[dict[str, Any]], object]
) -> None:
    counterpart.forge = lying(forge)
    client = start(counterpart.url)
    client.emit_all([event(n) for n in range(4)])
    client.emit(Event.of("com.acme.till.v1", "urn:acme:till", {}))

    assert "stays: " in trouble(client)
    waiting = [each.event for each in client._backlog.batch() if each.event]
    assert {each.source for each in waiting} <= {SOURCE, "urn:acme:till"}
    assert [each.sequence for each in waiting if each.source == SOURCE] == ["2", "3", "4"]

    counterpart.forge = None
    assert client.flush(SOON) == 0
    check(counterpart, 4)


def test_a_source_that_may_not_write_here_stops_no_other(counterpart: Counterpart, start: Start) -> None:
    def forbid(results: list[dict[str, Any]]) -> None:
        for result in results:
            if '"source":"urn:acme:till"' in result["receipt"]["entry"]:
                result.clear()
                result.update(status=403, problem={"code": "forbidden", "detail": "not your source"})

    counterpart.forge = forbid
    patient = dataclasses.replace(QUICK, batch_events=10, backoff_seconds=1e6, backoff_cap_seconds=1e6)
    client = start(None)
    client.emit_all([Event.of("com.acme.till.v1", "urn:acme:till", {"n": n}) for n in range(30)])
    client.emit_all([event(n) for n in range(3)])
    client.close()

    client = start(counterpart.url, settings=patient)

    assert "stays: the server answered 403: not your source" in trouble(client)
    client.receipt(client.emit(event(3)).id, SOON)  # though the other source is left alone for days
    check(counterpart, 4)
    assert (client.status().waiting, client.status().dead) == (31, 0)
    assert client.outbox.file.rows("SELECT count(*) FROM record WHERE source = ?", SOURCE) == [
        (1,)
    ]  # a hash, and no more
    upkeep.verify(client.outbox)
    counterpart.forge = None
    assert client.flush(SOON) == 0


def test_a_poison_event_becomes_a_dead_letter_and_blocks_nothing(counterpart: Counterpart, start: Start) -> None:
    client = start(counterpart.url)
    poison = Event(type="com.acme.order.v1", source="urn:acme:bad", data=b"no json at all")
    ours = Event(type="tallystick.ledger.created.v1", source="urn:acme:bad", data=b"{}")

    bad = [client.emit(poison), client.emit(ours)]
    client.emit(event(0))

    assert client.flush(SOON) == 0
    check(counterpart, 1)
    letters = upkeep.dead_letters(client.outbox)
    assert [(each.id, each.code) for each in letters] == [(each.id, "refused") for each in bad]
    assert "written by the ledger alone" in letters[1].why
    with pytest.raises(RefusedError, match=r"is a dead letter: type 'tallystick\.ledger\.created\.v1' is written"):
        client.receipt(bad[1].id, SOON)


def test_a_poison_event_that_spoils_its_whole_batch_is_found_by_halves(counterpart: Counterpart, start: Start) -> None:
    client = start(None)
    client.emit_all([event(n) for n in range(3)])
    twice = client.emit(Event(type="com.acme.twice.v1", source="urn:acme:bad", data=b'{"a":1,"a":2}'))
    client.emit_all([event(n) for n in range(3, 6)])
    client.close()

    client = start(counterpart.url)

    assert client.flush(SOON) == 0
    check(counterpart, 6)
    (letter,) = upkeep.dead_letters(client.outbox)
    assert (letter.id, letter.code) == (twice.id, "malformed")


def test_a_batch_that_is_too_large_is_split_and_one_event_that_is_becomes_a_dead_letter(
    counterpart: Counterpart, start: Start
) -> None:
    counterpart.most_bytes = 1_000
    client = start(None)
    client.emit_all([event(n) for n in range(20)])
    big = client.emit(Event(type="com.acme.big.v1", source="urn:acme:big", data=b'"%b"' % (b"x" * 2_000)))
    client.close()

    client = start(counterpart.url)

    assert client.flush(SOON) == 0
    check(counterpart, 20)
    assert all(count <= 5 for _, count in counterpart.requests)
    (letter,) = upkeep.dead_letters(client.outbox)
    assert (letter.id, letter.code) == (big.id, "too_large")


def test_the_second_half_of_a_split_batch_overtakes_nothing_that_stays_of_the_first(
    counterpart: Counterpart, start: Start
) -> None:
    counterpart.most_bytes = 1_000
    held: list[int] = []

    def hold_the_first_half(handler: Handler, body: bytes) -> bool:
        if held or len(body) > counterpart.most_bytes:
            return False
        count = body.count(b'"specversion"')
        held.append(count)
        busy = {"status": 503, "problem": {"type": "urn:tallystick:busy", "code": "busy", "detail": "busy"}}
        handler.answer(200, json.dumps({"results": [busy] * count}).encode(), "application/json")
        return True

    counterpart.misbehave = hold_the_first_half
    client = start(None)
    client.emit_all([event(n) for n in range(6)])
    client.close()

    client = start(counterpart.url)

    assert client.flush(SOON) == 0
    assert 0 < held[0] < 7
    check(counterpart, 6)


def test_an_event_that_conflicts_with_the_ledger_becomes_a_dead_letter_and_can_be_replayed(
    counterpart: Counterpart, start: Start
) -> None:
    counterpart.log.append(event(9, id="order-1"))
    client = start(counterpart.url)
    client.emit(event(0, id="order-1"))
    assert client.flush(SOON) == 0
    (letter,) = upkeep.dead_letters(client.outbox)
    assert letter.code == "conflict"

    assert upkeep.replay(client.outbox) == 1
    assert client.flush(SOON) == 0

    assert [each.code for each in upkeep.dead_letters(client.outbox)] == ["conflict"]
    assert client.status().dead == 1


def test_emit_does_not_wait_for_a_server_that_hangs(counterpart: Counterpart, start: Start) -> None:
    counterpart.misbehave = hang
    client = start(counterpart.url, settings=Settings(total_seconds=SOON, read_seconds=SOON))
    started = time.monotonic()

    for n in range(50):
        client.emit(event(n))

    assert time.monotonic() - started < 5.0
    assert client.close(0.1) == 51
    assert time.monotonic() - started < 10.0


def test_what_one_process_leaves_behind_the_next_one_delivers(counterpart: Counterpart, start: Start) -> None:
    first = start(None)
    first.emit_all([event(n) for n in range(3)])
    first.close()
    with pytest.raises(RefusedError, match="the client is closed"):
        first.emit(event(3))

    second = start(counterpart.url)

    assert second.flush(SOON) == 0
    check(counterpart, 3)


def test_one_of_two_clients_ships_and_the_other_takes_over(counterpart: Counterpart, start: Start) -> None:
    one, two = start(counterpart.url), start(counterpart.url)
    one.emit(event(0))
    two.emit(event(1))
    assert (one.flush(SOON), two.flush(SOON)) == (0, 0)

    one.close()
    two.emit(event(2))

    assert two.flush(SOON) == 0
    check(counterpart, 3)


PROGRAM = """
import os, sys
from ledger.client import Client, Settings
from ledger.event import Event

url, outbox, count, how = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
client = Client(url, outbox=outbox, source="urn:acme:shop", settings=Settings(exit_seconds=5, linger_seconds=0))

def emit(first):
    for n in range(first, first + count):
        client.emit(Event.of("com.acme.order.v1", "urn:acme:shop", {"n": n}))

emit(0)
if how == "fork":
    if os.fork() == 0:
        emit(count)
        os._exit(0 if client.flush(20) == 0 else 1)
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
if how == "kill":
    os.kill(os.getpid(), 9)
"""


def run(url: str, outbox: Path, count: int, how: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", PROGRAM, url, str(outbox), str(count), how]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)


def test_nobody_has_to_call_close(counterpart: Counterpart, tmp_path: Path) -> None:
    ended = run(counterpart.url, tmp_path / "outbox.db", 10, "return")

    assert (ended.returncode, ended.stderr) == (0, "")
    check(counterpart, 10)


def test_the_end_of_the_interpreter_does_not_wait_for_a_server_that_is_down(tmp_path: Path, start: Start) -> None:
    started = time.monotonic()

    ended = run(f"http://127.0.0.1:{unused_port()}", tmp_path / "outbox.db", 100, "return")

    assert ended.returncode == 0
    assert time.monotonic() - started < 4.5  # the five seconds are for a server that answers
    assert start(None).status().waiting == 101


def test_a_killed_process_loses_nothing(counterpart: Counterpart, tmp_path: Path, start: Start) -> None:
    assert run(f"http://127.0.0.1:{unused_port()}", tmp_path / "outbox.db", 10, "kill").returncode == -9
    client = start(None)
    upkeep.rebind(client.outbox, counterpart.url)

    assert start(counterpart.url).flush(SOON) == 0
    check(counterpart, 10)


def test_both_sides_of_a_fork_emit_and_deliver(counterpart: Counterpart, tmp_path: Path) -> None:
    ended = run(counterpart.url, tmp_path / "outbox.db", 10, "fork")

    assert (ended.returncode, ended.stderr) == (0, "")
    check(counterpart, 20)


def test_a_receipt_that_is_not_there_yet_and_one_that_never_will_be(start: Start) -> None:
    client = start(f"http://127.0.0.1:{unused_port()}")
    emission = client.emit(event(0))

    with pytest.raises(BusyError, match=r"is not delivered after 0\.05 seconds"):
        client.receipt(emission.id, 0.05)
    with pytest.raises(MissingError, match="no event 'other' waits here"):
        client.receipt("other", 0.05)


def test_a_proof_is_fetched_and_held_to_the_trust_file(
    counterpart: Counterpart, ledgers: Ledgers, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = start(counterpart.url)
    emission = client.emit(event(0))
    receipt = client.receipt(emission.id, SOON)
    trust = Policy.parse(trust_text(counterpart.log))
    with pytest.raises(BusyError, match=f"no checkpoint covers entry {receipt.seq} yet"):
        client.prove(emission.id, trust, 0.1)

    with counterpart.lock:
        counterpart.log.checkpoint()
    proven = client.prove(emission.id, trust, SOON)

    assert (proven.index, proven.head.checkpoint.origin) == (receipt.seq, "ledger.example/test")
    other = ledgers.create("other", origin="ledger.example/other")
    with pytest.raises(UnverifiableError):
        client.prove(emission.id, Policy.parse(trust_text(other)), SOON)
    whole = counterpart.proof
    monkeypatch.setattr(counterpart, "proof", lambda seq: whole(seq - 1))
    with pytest.raises(TamperedError):
        client.prove(emission.id, trust, SOON)


def test_asyncio_awaits_the_same_client(counterpart: Counterpart, tmp_path: Path) -> None:
    import asyncio

    async def work() -> tuple[int, int]:
        options = {"outbox": tmp_path / "outbox.db", "source": SOURCE, "settings": QUICK}
        async with AsyncClient(counterpart.url, **options) as client:
            emissions = await asyncio.gather(*(client.emit(event(0)) for _ in range(10)))
            receipt = await client.receipt(emissions[0].id, SOON)
            return receipt.seq, await client.flush(SOON)

    seq, left = asyncio.run(work())

    assert (seq > 0, left) == (True, 0)
    assert len(delivered(counterpart)) == 11


def test_a_token_in_a_file_is_read_anew_and_a_bad_one_is_never_quoted(
    counterpart: Counterpart, tmp_path: Path, start: Start
) -> None:
    token = tmp_path / "token"
    token.write_text("secret\x00token\n")
    client = start(counterpart.url, token=token)
    client.emit(event(0))

    assert trouble(client) == "the token is empty, or holds what no header may hold"
    token.write_text("tally_new\n")

    assert client.flush(SOON) == 0
    assert counterpart.headers["authorization"] == "Bearer tally_new"


def test_a_token_that_is_none_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as raised:
        Client("http://host", outbox=tmp_path / "outbox.db", token="se\ncret")

    assert "cret" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url", ["", "ftp://x", "http://", "http://u:p@host", "http://host/?q", "http://host:port", "http://hôst", "host:80"]
)
def test_a_url_that_is_none_is_refused_before_anything_is_made(tmp_path: Path, url: str) -> None:
    with pytest.raises(RefusedError, match="server URL"):
        Client(url, outbox=tmp_path / "outbox.db", source=SOURCE)

    assert list(tmp_path.iterdir()) == []


def test_an_event_that_was_taken_out_of_the_outbox_is_a_gap_in_its_sources_stream(
    counterpart: Counterpart, start: Start
) -> None:
    client = start(None)
    client.emit_all([event(n) for n in range(3)])
    with client.outbox.file.writing("writer") as conn:
        conn.execute("DELETE FROM waiting WHERE n = 2")
        conn.execute("UPDATE state SET waiting = waiting - 1")
    client.close()

    assert start(counterpart.url).flush(SOON) == 0

    assert [sequence for sequence, _ in delivered(counterpart)] == ["0", "1", "3"]


def test_an_outbox_that_begins_anew_says_so_in_its_sources_stream(counterpart: Counterpart, start: Start) -> None:
    first, second = start(counterpart.url), start(counterpart.url, "another")
    for client in (first, second):
        client.emit(event(0))
        assert client.flush(SOON) == 0

    found = delivered(counterpart)

    assert [sequence for sequence, _ in found] == ["0", "1", "0", "1"]
    named = [json.loads(body or b"") for sequence, body in found if sequence == "0"]
    assert named == [{"outbox": first.outbox.id}, {"outbox": second.outbox.id}]


def test_a_probe_that_fails_hangs_up(counterpart: Counterpart, monkeypatch: pytest.MonkeyPatch) -> None:
    couriers: list[Courier] = []
    ask = Courier.ask

    def noting(courier: Courier, request: Request) -> Answer:
        couriers.append(courier)
        return ask(courier, request)

    monkeypatch.setattr(Courier, "ask", noting)
    counterpart.misbehave = answering(500, b"{}")

    with pytest.raises(RefusedError, match="the server answered 500, expected 200"):
        probe(counterpart.url, now=datetime(2026, 11, 20, 9, tzinfo=UTC), settings=QUICK)

    assert [courier._conn for courier in couriers] == [None]
