"""What the graph through time costs at a million edges, beside networkx on the same edges in the same run.

Reach is asked of the tables as a ledger holds them, after ANALYZE, with and without a moment; networkx has the edges in memory
first. Fold is a cold replay of events of several runs of each job, and one more event on top. Nothing here passes or fails;
figures go to docs/performance.md.
"""

from __future__ import annotations

import json
import os
import platform
import random
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import sqlite_utils

from ledger.record import Record
from lineage.chronicle.cut import Cut
from lineage.chronicle.store import ChronicleProjection
from lineage.chronicle.tables import SCHEMA, STANDING
from lineage.chronicle.vertex import FOREVER
from lineage.chronicle.walk import walk

LAYERS = 40
WIDTH = 12_656
EDGES = int(os.environ.get("BENCH_EDGES", "1000000"))
EVENTS = int(os.environ.get("BENCH_EVENTS", "20000"))
BEGIN = 1_700_000_000_000_000
SEEDS = [WIDTH * layer + 1 for layer in (0, 20, 30, 36)]
NAMESPACE = "postgres://db:5432"


def main() -> None:
    load = os.getloadavg()[0]
    print(f"\n{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {load:.1f}")
    with tempfile.TemporaryDirectory(prefix="tally-bench-lineage-", dir=Path.cwd()) as folder:
        path = Path(folder) / "views.db"
        db = sqlite_utils.Database(_connect(path))
        edges = _edges(random.Random(3))
        _fill(db, edges)
        print(f"{len(edges):,} edges, {path.stat().st_size / 1e6:.0f} MB on disk")
        _reach(db)
        _one_more(db)
        db.close()
        print(f"resident after that, the list of edges aside: {_resident_mb() - _list_mb(edges):.0f} MB")
        _networkx(edges)
    _cold()


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path)
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "cache_size = -65536"):  # as the ledger opens it
        db.execute(f"PRAGMA {pragma}")
    return db


def _edges(chance: random.Random) -> list[tuple[int, int]]:
    """A layered graph in which some nodes reach a few, and some a great many."""
    found: set[tuple[int, int]] = set()
    while len(found) < EDGES:
        layer, place = chance.randrange(LAYERS - 1), chance.randrange(WIDTH)
        reach = chance.choice((WIDTH, WIDTH, 200))
        found.add((1 + layer * WIDTH + place, 1 + (layer + 1) * WIDTH + (place + chance.randrange(reach)) % WIDTH))
    return sorted(found)


def _fill(db: sqlite_utils.Database, edges: list[tuple[int, int]]) -> None:
    for statement in SCHEMA:
        db.execute(statement)
    points = ((number, f"t{number}") for number in range(1, LAYERS * WIDTH + 1))
    db.conn.executemany("INSERT INTO chronicle_vertex VALUES (?, 'dataset', 'db', ?, '', 0, 1)", points)
    rows = ((number, *edge) for number, edge in enumerate(edges, 1))
    db.conn.executemany("INSERT INTO chronicle_edge VALUES (?, 0, ?, ?, 0, 'table', 0)", rows)
    spans = (
        (source, number, BEGIN + number % 1_000, number, FOREVER, STANDING, target)
        for number, (source, target) in enumerate(edges, 1)
    )
    db.conn.executemany("INSERT INTO chronicle_span VALUES (0, ?, ?, 3, ?, ?, ?, ?, ?)", spans)
    db.execute("UPDATE chronicle_head SET seq = ?", (len(edges),))
    db.conn.commit()
    db.execute("ANALYZE")
    db.conn.commit()


def _reach(db: sqlite_utils.Database) -> None:
    for seed in SEEDS:
        for name, cut in (("now", Cut()), ("as of", Cut(as_of=BEGIN + 999, known_at=EDGES + 1))):
            reached, seconds = _best(lambda seed=seed, cut=cut: len(walk(db, (seed,), cut, node_limit=None).distance))  # type: ignore[misc]
            print(f"reach {reached:,} nodes, {name}: {seconds * 1e3:.2f} ms")


def _one_more(db: sqlite_utils.Database) -> None:
    """Catch-up after one event: a projection that has nothing at hand, and the commit."""
    records = list(_records(40, 20))
    started = time.perf_counter()
    for record in records:
        ChronicleProjection().apply(db, replace(record, seq=EDGES + 1 + record.seq))
        db.conn.commit()
    print(f"one more event at {EDGES:,} edges: {(time.perf_counter() - started) / len(records) * 1e3:.2f} ms")


def _networkx(edges: list[tuple[int, int]]) -> None:
    import networkx

    before = _resident_mb()
    started = time.perf_counter()
    graph: networkx.DiGraph[int] = networkx.DiGraph(edges)
    print(f"networkx: built in {time.perf_counter() - started:.1f} s, {_resident_mb() - before:.0f} MB")
    for seed in SEEDS:
        reached, seconds = _best(lambda seed=seed: 1 + len(networkx.descendants(graph, seed)))  # type: ignore[misc]
        print(f"networkx: reach {reached:,} nodes: {seconds * 1e3:.2f} ms")


def _cold() -> None:
    records = list(_records(EVENTS, 500))
    db = sqlite_utils.Database(memory=True)
    projection = ChronicleProjection()
    projection.create(db)
    started = time.process_time()
    for record in records:
        projection.apply(db, record)
    spent = time.process_time() - started
    size = sum(len(record.body or b"") for record in records) / len(records)
    print(f"fold: {len(records) / spent:,.0f} events a second and core, {size:,.0f} B each, bodies at hand")


def _records(events: int, jobs: int) -> Iterator[Record]:
    for number in range(events):
        run, is_end = divmod(number, 2)
        job, day = run % jobs, run // jobs
        sources = [f"db.s.t{job}", f"db.s.t{job + 1}"]
        event = {
            "eventType": "COMPLETE" if is_end else "START",
            "eventTime": f"2026-{1 + day // 28 % 12:02}-{1 + day % 28:02}T{job // 60 % 24:02}:{job % 60:02}:{is_end:02}Z",
            "producer": "https://github.com/OpenLineage/OpenLineage/tree/1.54.0/integration/dbt",
            "run": {"runId": f"01931111-1111-7111-8111-{run:012}"},
            "job": {
                "namespace": "dbt",
                "name": f"model.{job}",
                "facets": {"sql": {"query": "select a, b from c " * 30}},
            },
            "inputs": [_dataset(name, []) for name in sources],
            "outputs": [_dataset(f"db.s.t{job + 100}", sources)],
        }
        body = json.dumps(event).encode()
        yield Record(
            number, "2026-11-20T00:00:00.000000Z", "", "s", "tallystick.lineage.run-observed.v1", {}, b"{}", body
        )


def _dataset(name: str, sources: list[str]) -> dict[str, object]:
    fields = [{"name": f"column_{n}", "type": "VARCHAR"} for n in range(10)]
    facets: dict[str, object] = {"schema": {"_producer": "urn:dbt", "fields": fields}}
    if sources:
        inputs = {
            f"column_{n}": {"inputFields": [{"namespace": NAMESPACE, "name": sources[n % 2], "field": f"column_{n}"}]}
            for n in range(10)
        }
        facets["columnLineage"] = {"_producer": "urn:dbt", "fields": inputs}
    return {"namespace": NAMESPACE, "name": name, "facets": facets}


def _best(work: Callable[[], int], times: int = 5) -> tuple[int, float]:
    best = sys.float_info.max
    for _ in range(times):
        started = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - started)
    return result, best


def _list_mb(edges: list[tuple[int, int]]) -> float:
    """The edges as a list, and as the set that they were drawn in."""
    pair = sys.getsizeof(edges[0]) + 2 * sys.getsizeof(edges[0][0])
    return (len(edges) * pair + sys.getsizeof(edges) + sys.getsizeof(set(edges))) / 2**20


def _resident_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
