"""How an engine is run beside others: it reads its orders, runs, and prints what it counted and how long it took.

    python soda.py '{"path": …, "runs": 3, …}'   →   {"engine": …, "version": …, "counts": {…}, "wall": […], "cpu": […]}

Every run starts with the file and ends with the counts; one run in a fresh process is the cold time, which the caller takes.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

Orders = dict[str, Any]
Counts = dict[str, Any]


def orders() -> Orders:
    """Return what the caller asks for."""
    value = json.loads(sys.argv[1])
    assert isinstance(value, dict)
    return value


def report(engine: str, version: str, run: Callable[[Orders], Counts]) -> None:
    """Run as often as ordered, and print what came of it."""
    ordered = orders()
    walls, cpus, counts = [], [], {}
    for _ in range(ordered["runs"]):
        wall, cpu = time.perf_counter(), time.process_time()
        counts = run(ordered)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    print(json.dumps({"engine": engine, "version": version, "counts": counts, "wall": walls, "cpu": cpus}, default=str))


def counted(row: Iterable[Any]) -> Counts:
    """Name the values of one row that lists all checks in this order."""
    names = [
        "rows",
        "id_null",
        "id_duplicate",
        "email",
        "balance",
        "currency",
        "created_null",
        "name_null",
        "mean",
        "stdev",
        "fresh",
    ]
    return dict(zip(names, row, strict=True))
