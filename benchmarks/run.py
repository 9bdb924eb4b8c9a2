"""`make bench`: how far each path is from the least work that could do it, as ratios within one run.

Nothing here passes or fails. Each line names its baseline, measured beside it on the same bytes, in turns, so that a busy
machine slows both. Figures go to docs/performance.md with machine, batch size and durability.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import ledger
from benchmarks import postgres
from ledger.checkpoint import read_back
from ledger.event import Event
from ledger.fsck import fsck
from ledger.log import Ledger
from ledger.tree import Frontier

BATCH = 1_000
ROUNDS = 7
SMALL_BODY = 300
ENTRIES = int(os.environ.get("BENCH_ENTRIES", "1000000"))


def main() -> None:
    os.environ.setdefault("TALLY_KEY_PASSPHRASE", "benchmark")
    folder = Path(tempfile.mkdtemp(prefix="tally-bench-", dir=Path.cwd()))
    folder.chmod(0o755)  # PostgreSQL runs as somebody else
    try:
        print(
            f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
        )
        print("durable: WAL, synchronous=FULL, acknowledged after COMMIT\n")
        _append(folder, "append 4.7 kB OpenLineage", _lineage_events, goal=3.0)
        _append(folder, "append 300 B, 3 streams", _small_events, goal=6.0)
        postgres.measure(folder, {"append 4.7 kB OpenLineage": _lineage_events, "append 300 B": _small_events})
        _million(folder)
    finally:
        shutil.rmtree(folder)


def _append(folder: Path, name: str, make: Callable[[int, int], list[Event]], *, goal: float) -> None:
    log = ledger.create(f"sqlite:///{folder}/{make.__name__}.db", origin=f"bench/{make.__name__}", home=folder / "home")
    raw = sqlite3.connect(folder / f"{make.__name__}-raw.db", isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "cache_size = -65536"):
        raw.execute(f"PRAGMA {pragma}")
    raw.execute("CREATE TABLE row (seq INTEGER PRIMARY KEY, header BLOB NOT NULL, body BLOB NOT NULL) STRICT")
    ours, theirs, made = [], [], []
    for number in range(ROUNDS):
        started = time.perf_counter()
        events = make(number, BATCH * 5)
        made.append((time.perf_counter() - started) / len(events))
        start = log.size
        ours.append(_timed(_append_all, log, events))
        rows = [
            (seq, header, event.data)
            for seq, (header, event) in enumerate(zip(log.store.headers(start, log.size), events, strict=True), start)
        ]
        theirs.append(_timed(_insert, raw, rows))
    count = BATCH * 5
    header = statistics.mean(len(header) for header in log.store.headers(10, 200))
    print(
        f"{name:32} {statistics.median(ours) / count * 1e6:7.1f} µs an event, "
        f"raw executemany {statistics.median(theirs) / count * 1e6:.1f} µs: "
        f"{statistics.median(ours) / statistics.median(theirs):.2f} times (goal {goal:g}); "
        f"batches of {BATCH}, headers {header:.0f} B; making the Event beforehand {statistics.median(made) * 1e6:.1f} µs"
    )
    log.close()
    raw.close()


def _append_all(log: Ledger, events: list[Event]) -> None:
    for at in range(0, len(events), BATCH):
        log.append(events[at : at + BATCH])


def _insert(raw: sqlite3.Connection, rows: list[tuple[int, bytes, bytes]]) -> None:
    for at in range(0, len(rows), BATCH):
        raw.execute("BEGIN IMMEDIATE")
        raw.executemany("INSERT INTO row VALUES (?, ?, ?)", rows[at : at + BATCH])
        raw.execute("COMMIT")


def _timed(work: Callable[..., object], *values: object) -> float:
    started = time.perf_counter()
    work(*values)
    return time.perf_counter() - started


def _lineage_events(number: int, count: int) -> list[Event]:
    columns = [{"name": f"column_{at}", "type": "VARCHAR", "description": "as the source has it"} for at in range(22)]
    datasets = [
        {
            "namespace": "postgres://warehouse.example.org:5432",
            "name": f"shop.public.table_{at}",
            "facets": {
                "schema": {
                    "_producer": "https://github.com/OpenLineage/OpenLineage/tree/1.54.0/client/python",
                    "_schemaURL": "https://openlineage.io/spec/facets/1-2-0/SchemaDatasetFacet.json",
                    "fields": columns,
                }
            },
        }
        for at in range(3)
    ]
    events = []
    for at in range(count):
        body = {
            "eventTime": "2026-11-20T09:15:00.123456Z",
            "eventType": "COMPLETE",
            "inputs": [datasets[0]],
            "outputs": [{**datasets[1], "facets": datasets[1]["facets"]}],
            "job": {"namespace": "airflow", "name": "churn.features"},
            "producer": "https://github.com/OpenLineage/OpenLineage/tree/1.54.0/client/python",
            "run": {"runId": f"0193{number:04x}-0000-7000-8000-{at:012x}"},
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        }
        data = json.dumps(body).encode()
        events.append(
            Event(type="tallystick.lineage.run-observed.v1", source="urn:airflow", id=f"{number}-{at}", data=data)
        )
    return events


def _small_events(number: int, count: int) -> list[Event]:
    events = []
    for at in range(count):
        body = {"dataset": {"namespace": "warehouse", "name": "shop.orders"}, "measured": at, "note": ""}
        body["note"] = "x" * (SMALL_BODY - len(json.dumps(body, separators=(",", ":"))))
        data = json.dumps(body, separators=(",", ":")).encode()
        events.append(Event(type="tallystick.slo.measured.v1", source="urn:slo", id=f"{number}-{at}", data=data))
    return events


def _million(folder: Path) -> None:
    url = f"sqlite:///{folder}/million.db"
    log = ledger.create(url, origin="bench/million", home=folder / "home")
    opened_small = _opening(log, url, folder)
    log = ledger.open(url, home=folder / "home")
    number = 0
    started = time.perf_counter()
    while log.size < ENTRIES:
        number += 1
        for at in range(0, 20_000, BATCH):
            log.append(_small_events(number * 100 + at // BATCH, BATCH))
        if sys.stderr.isatty():
            print(f"\r{log.size:,} entries", end="", file=sys.stderr)
    size = log.size
    print(f"\n{size:,} entries appended in {time.perf_counter() - started:.0f} s (making the events included)")
    _verify(log, size)
    proofs = sorted(_timed(log.tree.inclusion, index, size) for index in range(0, size, size // 200))
    print(
        f"{'inclusion proof':32} {statistics.median(proofs) * 1e3:7.2f} ms median, {proofs[-1] * 1e3:.2f} ms worst (goal 5 ms)"
    )
    opened_large = _opening(log, url, folder)
    ratio = opened_large / opened_small
    print(
        f"{'open':32} {opened_large * 1e3:7.2f} ms at {size:,} entries, {opened_small * 1e3:.2f} ms at 2: {ratio:.2f} times"
    )
    with ledger.open(url, home=folder / "home", read_only=True) as reading:
        took = _timed(lambda: fsck(reading.store, keyring=reading.keyring))
    print(f"{'fsck':32} {size / took:7,.0f} entries a second and core (goal 100,000)")


def _opening(log: Ledger, url: str, folder: Path) -> float:
    log.close()
    times = []
    for _ in range(9):
        started = time.perf_counter()
        opened = ledger.open(url, home=folder / "home")
        times.append(time.perf_counter() - started)
        opened.close()
    return statistics.median(times)


def _verify(log: Ledger, size: int) -> None:
    headers = log.store.headers(0, size)
    ours, theirs = [], []
    reader = log.store.reader()
    for _ in range(3):
        ours.append(_timed(read_back, reader, Frontier(0, []), size))
        theirs.append(_timed(_hash_all, headers))
    reader.close()
    ours_each, theirs_each = statistics.median(ours) / size * 1e6, statistics.median(theirs) / size * 1e6
    print(
        f"{'verify chain and tree':32} {ours_each:7.2f} µs an entry, hashing the same leaves and nodes "
        f"{theirs_each:.2f} µs: {ours_each / theirs_each:.2f} times (goal 2.5)"
    )


def _hash_all(headers: list[bytes]) -> bytes:
    sha256 = hashlib.sha256
    level = [sha256(b"\0" + header).digest() for header in headers]
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        level = [
            sha256(b"\1" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)
        ] + odd
    return level[0]


if __name__ == "__main__":
    main()
