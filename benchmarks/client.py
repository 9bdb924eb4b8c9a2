"""How long `emit` takes, with the server up, down and hanging, beside the least that a durable write can cost.

The baseline is one raw SQLite insert and commit of the same bytes under the same pragmas, in turns with ours in one run. Each
is measured twice: back to back, where the shipper competes for the same two cores, and at 100 events a second, as a pipeline
does. Nothing here passes or fails; figures go to docs/performance.md.
"""

from __future__ import annotations

import logging
import os
import platform
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import ledger
from ledger.client import Client, Settings
from ledger.client.record import Content, Record
from ledger.event import Event

SOURCE = "urn:bench:pipeline"
COUNT = int(os.environ.get("BENCH_EMITS", "3000"))
PACED = 500
PACE_SECONDS = 0.01
BODY = b'{"eventType":"COMPLETE","facets":"%b"}' % (b"0123456789abcdef" * 292)
ROOT = Path(__file__).parents[1]


def main() -> None:
    logging.disable(logging.WARNING)
    os.environ.setdefault("TALLY_KEY_PASSPHRASE", "correct horse")
    folder = Path(tempfile.mkdtemp(prefix="tally-bench-client-", dir=Path.cwd()))
    try:
        print(
            f"\n{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
            f"SQLite {sqlite3.sqlite_version}, load {os.getloadavg()[0]:.1f}; bodies of {len(BODY)} B"
        )
        with _raw(folder / "raw.db") as insert:
            _measure("raw insert and commit", insert)
        _client("emit, no server named", None, folder)
        with _served(folder) as url:
            _client("emit, server up", url, folder)
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            _client("emit, server down", f"http://127.0.0.1:{closed.getsockname()[1]}", folder)
        with _hanging() as url:
            _client("emit, server hangs", url, folder)
        with _raw(folder / "raw2.db") as insert:
            _measure("raw insert and commit, again", insert)
    finally:
        shutil.rmtree(folder)


def _event(n: int) -> Event:
    return Event(type="com.example.thing.v1", source=SOURCE, data=BODY, subject=str(n))


def _client(name: str, url: str | None, folder: Path) -> None:
    path = folder / f"{name.replace(' ', '-')}.db"
    client = Client(url, outbox=path, source=SOURCE, settings=Settings(limit_bytes=1 << 34))
    _measure(name, lambda n: client.emit(_event(n)))
    client.close(60 if "up" in name else 0)


def _measure(name: str, work: Callable[[int], object]) -> None:
    work(0)
    for how, count, pause in (("back to back", COUNT, 0.0), ("100 a second", PACED, PACE_SECONDS)):
        took = []
        for n in range(1, count + 1):
            started = time.perf_counter()
            work(n)
            took.append((time.perf_counter() - started) * 1e3)
            if pause:
                time.sleep(pause)
        took.sort()
        p50, p99, most = took[count // 2], took[count * 99 // 100], took[-1]
        print(f"{name:30} {how:13} p50 {p50:6.3f} ms   p99 {p99:6.2f} ms   worst {most:6.1f} ms")


@contextmanager
def _raw(path: Path) -> Iterator[Callable[[int], object]]:
    conn = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        conn.execute(f"PRAGMA {pragma}")
    conn.execute("CREATE TABLE row (n INTEGER PRIMARY KEY, line BLOB NOT NULL, body BLOB NOT NULL) STRICT")
    event = _event(0).model_copy(update={"id": "0" * 36, "sequence": "1", "time": "2026-11-20T09:15:00.000000Z"})
    line = Record.link(0, bytes(32), event, Content.of(event)).print()
    yield lambda _: conn.execute("INSERT INTO row (line, body) VALUES (?, ?)", (line, BODY))
    conn.close()


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """A server in a process of its own, as a server is; the one that the client's tests use, over a real ledger."""
    url = f"sqlite:///{folder}/served.db"
    ledger.create(url, origin="bench/client", home=folder / "home").close()
    command = [sys.executable, str(ROOT / "tests" / "counterpart.py"), "0", url, str(folder / "home")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.stdin.close()
    process.wait()


@contextmanager
def _hanging() -> Iterator[str]:
    """Takes every connection and every byte, and says nothing."""
    listening = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def listen() -> None:
        while True:
            try:
                held.append(listening.accept()[0])
            except OSError:
                return

    threading.Thread(target=listen, daemon=True).start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    listening.close()
    for each in held:
        each.close()


if __name__ == "__main__":
    main()
