"""`make bench`, second half: what the service takes in, beside a bare Starlette handler that stores the same bytes.

The load comes from a process of its own: plain sockets, one request at a time on each connection, the next one as soon as the
answer is whole. Both servers run under the same uvicorn, one process, on loopback; both answer when the bytes are durable.
Nothing here passes or fails; figures go to docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import selectors
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import ledger
from benchmarks import postgres

CLIENTS = 32
SECONDS = float(os.environ.get("BENCH_SECONDS", "10"))
BATCH = 100
_ID = b"@@@@@@@@@@@@"
Make = Callable[[int], bytes]
Target = tuple[int, int]  # port and process


def main() -> None:
    os.environ.setdefault("TALLY_KEY_PASSPHRASE", "benchmark")
    folder = Path(tempfile.mkdtemp(prefix="tally-bench-", dir=Path.cwd()))
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )
    print(
        f"load {os.getloadavg()[0]:.1f}; {CLIENTS} clients, {SECONDS:g} s each, {len(lineage_event())} B events; durable\n"
    )
    folder.chmod(0o755)  # PostgreSQL runs as somebody else
    try:
        url = f"sqlite:///{folder}/log.db"
        ledger.create(url, origin="bench/server", home=folder / "home").close()
        with bare(folder) as target:
            report("bare Starlette handler, single", load(target, "/single", "single"))
        single_posts(folder, url, "")
        with bare(folder) as target:
            report(f"bare Starlette handler, {BATCH} in one", load(target, "/single", "batch"))
        batch_posts(folder, url, "")
        with postgres.started(folder) as found:
            if found is not None:
                server, template = found
                url = server.url(server.database(template=template))
                ledger.create(url, origin="bench/postgres", home=folder / "home").close()
                single_posts(folder, url, "PostgreSQL: ")
                batch_posts(folder, url, "PostgreSQL: ")
    finally:
        shutil.rmtree(folder)


def single_posts(folder: Path, url: str, where: str) -> None:
    with ours(folder, url) as target:
        report(f"{where}POST /api/v1/lineage, single", load(target, "/api/v1/lineage", "single"))
        report(f"{where}POST /api/v1/events, single", load(target, "/api/v1/events", "structured"))


def batch_posts(folder: Path, url: str, where: str) -> None:
    with ours(folder, url) as target:
        report(f"{where}POST /api/v1/events, {BATCH} in one", load(target, "/api/v1/events", "batch"))
        report(
            f"{where}POST /api/v1/lineage/batch, {BATCH} in one",
            load(target, "/api/v1/lineage/batch", "lineage-batch"),
        )


def report(name: str, found: dict[str, float]) -> None:
    times = ", ".join(f"{which} {found[which]:.1f} ms" for which in ("p50", "p99", "worst"))
    print(f"{name:50} {found['events']:8,.0f} events/s, {found['cpu']:5.0f} µs of CPU an event, {times}", flush=True)


@contextmanager
def ours(folder: Path, url: str) -> Iterator[Target]:
    """The service, one process."""
    command = [sys.executable, "-m", "cli", "--ledger", url, "--home", str(folder / "home"), "serve"]
    with _started([*command, "--bind", "127.0.0.1:0", "--open-on-loopback", "--json"]) as (line, pid):
        yield int(json.loads(line)["url"].rpartition(":")[2]), pid


@contextmanager
def bare(folder: Path) -> Iterator[Target]:
    """The baseline, one process."""
    with _started([sys.executable, __file__, "--bare", str(folder / f"bare-{time.monotonic_ns()}.db")]) as (line, pid):
        yield int(line), pid


@contextmanager
def _started(command: list[str]) -> Iterator[tuple[str, int]]:
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline(), process.pid
    finally:
        process.terminate()
        process.wait(60)


def load(target: Target, path: str, kind: str) -> dict[str, float]:
    """Run the load generator in a process of its own."""
    port, pid = target
    command = [sys.executable, __file__, "--load", str(port), path, kind]
    before = _cpu_seconds(pid)
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    )
    found: dict[str, float] = json.loads(done.stdout)
    found["cpu"] = (_cpu_seconds(pid) - before) / found["total"] * 1e6
    return found


def _cpu_seconds(pid: int) -> float:
    """What a process has used of all cores: the measure that other work on the machine changes least."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def serve_bare(path: str) -> None:
    """Store each body as a row, in one transaction each, under the pragmas of the ledger."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    conn = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -65536"):
        conn.execute(f"PRAGMA {pragma}")
    conn.execute("CREATE TABLE row (seq INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT")

    async def handler(request: Request) -> JSONResponse:
        row = conn.execute("INSERT INTO row (body) VALUES (?)", [await request.body()])  # commits: durable
        return JSONResponse({"seq": row.lastrowid}, 201)

    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        Starlette(routes=[Route("/single", handler, methods=["POST"])]), log_level="error", access_log=False
    )
    print(listening.getsockname()[1], flush=True)
    uvicorn.Server(config).run([listening])


def generate(port: int, path: str, kind: str) -> None:
    """Keep `CLIENTS` connections busy for `SECONDS`, and print what was answered."""
    make, per_request = makers(path, kind)
    selector = selectors.DefaultSelector()
    number = time.time_ns() // 1000 % (1 << 40)
    sent: dict[int, float] = {}
    for _ in range(CLIENTS):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ, [connection, b""])
        number += 1
        sent[connection.fileno()] = time.perf_counter()
        connection.sendall(make(number))
    took: list[float] = []
    begun = time.perf_counter()
    while (now := time.perf_counter()) < begun + SECONDS:
        for key, _ in selector.select(1):
            connection, held = key.data
            held += connection.recv(1 << 20)
            head, end, body = held.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]) if end else 1
            if not end or len(body) < length:
                key.data[1] = held
                continue
            assert head[9:12] in (b"200", b"201"), held[:2000]
            key.data[1] = b""
            took.append(time.perf_counter() - sent[connection.fileno()])
            number += 1
            request = make(number)
            sent[connection.fileno()] = time.perf_counter()
            connection.sendall(request)
    seconds = now - begun
    took.sort()
    print(
        json.dumps(
            {
                "requests": len(took) / seconds,
                "total": len(took) * per_request,
                "events": len(took) * per_request / seconds,
                "p50": took[len(took) // 2] * 1000,
                "p99": took[len(took) * 99 // 100] * 1000,
                "worst": took[-1] * 1000,
            }
        )
    )


def makers(path: str, kind: str) -> tuple[Make, int]:
    """Return what makes the n-th request, and how many events one holds."""
    event = lineage_event()
    structured = (
        b'{"specversion":"1.0","id":"@@@@@@@@@@@@","source":"urn:airflow","type":"tallystick.lineage.run-observed.v1",'
        b'"time":"2026-11-20T09:15:00Z","data":' + event + b"}"
    )
    if kind == "single":
        return _requests(path, "application/json", event), 1
    if kind == "structured":
        return _requests(path, "application/cloudevents+json", structured), 1
    if kind == "batch":
        return _batches(path, "application/cloudevents-batch+json", structured), BATCH
    return _batches(path, "application/json", event), BATCH


def _head(path: str, media: str, size: int) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: {media}\r\ncontent-length: {size}\r\n\r\n".encode()
    )


def _requests(path: str, media: str, event: bytes) -> Make:
    whole = _head(path, media, len(event)) + event
    return lambda number: whole.replace(_ID, b"%012x" % number)


def _batches(path: str, media: str, event: bytes) -> Make:
    head = _head(path, media, BATCH * (len(event) + 1) + 1)
    return lambda number: (
        head + b"[" + b",".join(event.replace(_ID, b"%010x%02x" % (number, at)) for at in range(BATCH)) + b"]"
    )


def lineage_event() -> bytes:
    """Return one OpenLineage event of 4.7 kB, as the stock client prints it."""
    columns = [{"name": f"column_{at}", "type": "VARCHAR", "description": "as the source has it"} for at in range(23)]
    facet = {
        "_producer": "https://github.com/OpenLineage/OpenLineage/tree/1.54.0/client/python",
        "_schemaURL": "https://openlineage.io/spec/facets/1-2-0/SchemaDatasetFacet.json",
        "fields": columns,
    }
    datasets = [
        {"namespace": "postgres://warehouse.example.org:5432", "name": f"shop.table_{at}", "facets": {"schema": facet}}
        for at in range(2)
    ]
    body = {
        "eventTime": "2026-11-20T09:15:00.123456Z",
        "eventType": "COMPLETE",
        "inputs": [datasets[0]],
        "outputs": [datasets[1]],
        "job": {"namespace": "airflow", "name": "churn.features"},
        "producer": "https://github.com/OpenLineage/OpenLineage/tree/1.54.0/client/python",
        "run": {"runId": f"01930000-0000-7000-8000-{_ID.decode()}"},
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    }
    return json.dumps(body).encode()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--load", nargs=3)
    parser.add_argument("--bare")
    chosen = parser.parse_args()
    if chosen.load:
        generate(int(chosen.load[0]), chosen.load[1], chosen.load[2])
    elif chosen.bare:
        serve_bare(chosen.bare)
    else:
        main()
