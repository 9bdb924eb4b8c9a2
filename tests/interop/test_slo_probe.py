"""Endpoints asked for real: an HTTP server, a PostgreSQL server and files, and what none of it may give away."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contracts import publish
from contracts.document import parse
from contracts.slo import probe
from contracts.slo.catalogue import catalogue, find
from contracts.slo.facts import MEASURED
from contracts.slo.measure import measure
from contracts.slo.probe import Endpoint, ask, header, kind_of
from contracts.slo.stretches import seconds_of
from ledger.clock import print_at
from proofs.errors import ConflictError, MissingError, RefusedError

if TYPE_CHECKING:
    from ledger.log import Ledger
    from tests.conftest import Ledgers

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
CONTRACT = b"""name: orders
version: 1.0.0
dataset: {namespace: shop, name: orders}
schema: [{name: id, type: integer}]
slos:
  - {name: up, indicator: availability, target: {min: 0.9}}
  - {name: arrives, indicator: delivery, target: {max: 3600}}
"""


@pytest.fixture
def site() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = int(self.path[1:4])
            if self.headers.get("Authorization") == "Bearer wrong":
                status = 401
            self.send_response(status)
            self.send_header("Location", "/200")
            self.send_header("Content-Length", "1000000000")  # nobody reads it
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("path", "error"), [("/200", None), ("/302", "status-302"), ("/503", "status-503")])
def test_a_site_is_there_when_it_says_so_itself(site: str, path: str, error: str | None) -> None:
    assert ask(Endpoint("http", site + path), NOW).error == error


def test_a_header_takes_its_secret_from_the_environment(site: str) -> None:
    headers = dict([header("Authorization: Bearer ${TOKEN}", {"TOKEN": "wrong"})])

    assert ask(Endpoint("http", f"{site}/200", headers=headers), NOW).error == "status-401"


def test_who_accepts_and_says_nothing_is_waited_for_no_longer_than_was_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        web = ask(Endpoint("http", f"http://127.0.0.1:{port}/", timeout_seconds=0.2), NOW)
        database = ask(Endpoint("postgresql", f"postgresql://a@127.0.0.1:{port}/b", timeout_seconds=0.2), NOW)
    gone = ask(Endpoint("http", f"http://127.0.0.1:{port}/"), NOW)

    assert database.error == "timeout"
    assert web.error in ("timeout", "unreachable")
    assert gone.error == "unreachable"


def test_a_database_is_there_when_it_answers(postgres_url: str) -> None:
    wrong = f"{postgres_url.rpartition('/')[0]}/no_such_database"

    assert ask(Endpoint("postgresql", postgres_url), NOW).error is None
    assert ask(Endpoint("postgresql", wrong), NOW).error == "unreachable"


def test_a_file_is_there_when_it_holds_something_and_is_young_enough(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    missing = ask(Endpoint("file", str(path)), NOW).error
    path.write_text("")
    empty = ask(Endpoint("file", str(path)), NOW).error
    path.write_text("id\n")
    os.utime(path, (NOW.timestamp() - 60, NOW.timestamp() - 60))

    assert (missing, empty) == ("missing", "empty")
    assert ask(Endpoint("file", str(path), max_age_seconds=60), NOW).error is None
    assert ask(Endpoint("file", str(path), max_age_seconds=59), NOW).error == "stale"
    assert ask(Endpoint("file", str(tmp_path)), NOW).error == "missing"


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://tally:hunter2@db/orders",
        "postgresql://db/orders?password=hunter2",
        "https://user:hunter2@host/",
        "https://hunter2@host/",
        "https://host/?token=hunter2",
        "https://user:${A}hunter2@host/",
        "https://[hunter2/",
        "ftp://host/hunter2",
        "hunter2\x00",
    ],
)
def test_a_secret_in_an_address_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(RefusedError) as refused:
        kind_of(address, {"A": "a"})

    assert "hunter2" not in str(refused.value) + refused.value.hint


def test_a_secret_stands_in_the_environment_or_nothing_is_asked() -> None:
    assert kind_of("postgresql://tally:${PW}@db/orders", {"PW": "s"}) == (
        "postgresql",
        "postgresql://tally:s@db/orders",
    )
    assert kind_of("${SITE}", {"SITE": "https://host/"})[0] == "http"
    with pytest.raises(MissingError, match="the environment variable PW is not set"):
        kind_of("postgresql://tally:${PW}@db/orders", {})
    for wrong in ("Authorization", ": a", "A B: c"):
        with pytest.raises(RefusedError, match="a header is written 'NAME: VALUE'"):
            header(wrong, {})
    with pytest.raises(RefusedError, match="the value of header X is none that can be sent"):
        header("X: ${A}", {"A": "a\r\nHost: b"})


@pytest.fixture
def log(ledgers: Ledgers) -> Ledger:
    created = ledgers.create()
    publish.publish(created, parse(CONTRACT))
    return created


def test_probes_of_ours_and_of_another_tool_are_counted_and_one_told_twice_is_one(log: Ledger, site: str) -> None:
    up = find(catalogue(log), "orders/up")
    probe.record(log, up, ask(Endpoint("http", f"{site}/200"), NOW), (1, 1))
    first = probe.record(log, up, probe.told("blackbox"), (7, 9), id="monday")
    with pytest.raises(ConflictError):
        probe.record(log, up, probe.told("blackbox"), (9, 9), id="monday")

    now = seconds_of(print_at(log.clock()))
    standing = measure(log, now, only=frozenset(("orders/up",))).standings[0]

    assert (standing.counts.good, standing.counts.total, standing.state) == (8, 10, "spent")
    bodies = [record.body or b"" for record in log.read() if record.type == MEASURED]
    assert len(bodies) == 2
    assert site.encode() not in b"".join(bodies)
    assert log.entry(first.seq).streams["contract:orders"] == 2


@pytest.mark.parametrize("counts", [(2, 1), (-1, 1), (0, 0), (1, 10**10)])
def test_counts_that_cannot_be_are_refused(log: Ledger, counts: tuple[int, int]) -> None:
    size = log.size
    with pytest.raises(RefusedError, match="cannot have been good"):
        probe.record(log, find(catalogue(log), "orders/up"), probe.told("a"), counts)
    with pytest.raises(RefusedError, match="is of delivery, and not probed"):
        probe.record(log, find(catalogue(log), "orders/arrives"), probe.told("a"), (1, 1))
    with pytest.raises(RefusedError, match="a tool is named"):
        probe.told("two words")
    assert log.size == size
