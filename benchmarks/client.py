"""How long `emit` takes, with the server up, down and hanging, beside the least that a durable write can cost.

The baseline is one raw SQLite insert and commit of the same bytes under the same pragmas, in turns, so that a busy disk slows
both. Each state is measured twice: back to back, where the shipper competes for the same two cores, and at 100 events a
second, as a pipeline does. Nothing here passes or fails; figures go to docs/performance.md.
"""

from __future__ import annotations

import json
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


def main() -> None:
    logging.disable(logging.WARNING)
    os.environ.setdefault("TALLY_KEY_PASSPHRASE", "correct horse")
    folder = Path(tempfile.mkdtemp(prefix="tally-bench-client-", dir=Path.cwd()))
    try:
        print(
            f"\n{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
            f"SQLite {sqlite3.sqlite_version}, load {os.getloadavg()[0]:.1f}; bodies of {len(BODY)} B"
        )
        _client("no server named", None, folder)
        with _served(folder) as url:
            _client("server up", url, folder)
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            _client("server down", f"http://127.0.0.1:{closed.getsockname()[1]}", folder)
        with _hanging() as url:
            _client("server hangs", url, folder)
    finally:
        shutil.rmtree(folder)


def _event(n: int) -> Event:
    return Event(type="com.example.thing.v1", source=SOURCE, data=BODY, subject=str(n))


def _client(name: str, url: str | None, folder: Path) -> None:
    path = folder / f"{name.replace(' ', '-')}.db"
    client = Client(url, outbox=path, source=SOURCE, settings=Settings(limit_bytes=1 << 34))
    with _raw(path.with_suffix(".raw")) as insert:
        _measure(name, lambda n: client.emit(_event(n)), insert)
    client.close(60 if url is not None and "up" in name else 0)


def _measure(name: str, emit: Callable[[int], object], insert: Callable[[int], object]) -> None:
    for how, count, pause in (("back to back", COUNT, 0.0), ("100 a second", PACED, PACE_SECONDS)):
        ours: list[float] = []
        theirs: list[float] = []
        for n in range(count):
            # Who goes first after a pause finds caches and disk asleep; so they take turns at it.
            for took, work in ((ours, emit), (theirs, insert))[:: 1 if n % 2 else -1]:
                took.append(_milliseconds(work, n))
            if pause:
                time.sleep(pause)
        print(f"{name:16} {how:13} emit {_spread(ours)}   raw {_spread(theirs)}")


def _milliseconds(work: Callable[[int], object], n: int) -> float:
    started = time.perf_counter()
    work(n)
    return (time.perf_counter() - started) * 1e3


def _spread(took: list[float]) -> str:
    took.sort()
    return f"p50 {took[len(took) // 2]:6.3f}  p99 {took[len(took) * 99 // 100]:6.2f}  worst {took[-1]:6.1f} ms"


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
    """Our server in a process of its own."""
    url = f"sqlite:///{folder}/served.db"
    ledger.create(url, origin="bench/client", home=folder / "home").close()
    command = [
        sys.executable,
        "-m",
        "cli",
        "--ledger",
        url,
        "--home",
        str(folder / "home"),
        "serve",
        "--bind",
        "127.0.0.1:0",
    ]
    process = subprocess.Popen(
        [*command, "--open-on-loopback", "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    yield str(json.loads(process.stdout.readline())["url"])
    process.terminate()
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
