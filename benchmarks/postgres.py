"""Appends to PostgreSQL beside a raw COPY of the same bytes into the same server; a server is started for it, on the disk.

Nothing is printed but one line where there is no PostgreSQL to start.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg

import ledger
from ledger.event import Event
from ledger.log import Ledger

BATCH = 1_000
BATCHES = 5
ROUNDS = 7
SINGLES = 300
Make = Callable[[int, int], list[Event]]


def measure(folder: Path, makers: dict[str, Make]) -> None:
    """Print one line for each kind of event, and one for single appends."""
    with started(folder) as found:
        if found is not None:
            server, template = found
            for name, make in makers.items():
                _batches(server, template, folder, name, make)
            _singles(server, template, folder, next(iter(makers.values())))


@contextmanager
def started(folder: Path) -> Iterator[tuple[Any, str] | None]:
    """Start a server whose files stand in `folder`; yields it and the name of its template, or None where there is none."""
    servers = _servers()
    try:
        server = servers.Server(parent=folder)
    except RuntimeError as error:
        print(f"PostgreSQL: not measured, {error}")
        yield None
        return
    try:
        server.make().start().template()
        yield server, servers.TEMPLATE
    finally:
        server.remove()


def _servers() -> ModuleType:
    """What starts servers for the tests."""
    path = Path(__file__).parents[1] / "tests" / "pgserver.py"
    spec = importlib.util.spec_from_file_location("tallystick_pgserver", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _ledger(server: Any, template: str, folder: Path) -> tuple[Ledger, str]:
    database = server.database(template=template)
    log = ledger.create(server.url(database), origin=f"bench/{database}", home=folder / "home")
    return log, database


def _batches(server: Any, template: str, folder: Path, name: str, make: Make) -> None:
    log, database = _ledger(server, template, folder)
    raw = server.connect(database)
    raw.execute("CREATE TABLE raw (seq bigint PRIMARY KEY, header bytea NOT NULL, body bytea NOT NULL)")
    ours, theirs, count = [], [], BATCH * BATCHES
    for number in range(ROUNDS):
        events = make(number, count)
        start = log.size
        ours.append(_timed(_append, log, events))
        headers = log.store.headers(start, log.size)
        rows = [
            (seq, header, event.data) for seq, (header, event) in enumerate(zip(headers, events, strict=True), start)
        ]
        theirs.append(_timed(_copy, raw, rows))
    ratio = statistics.median(ours) / statistics.median(theirs)
    print(
        f"{'PostgreSQL: ' + name:44} {statistics.median(ours) / count * 1e6:7.1f} µs an event, "
        f"raw COPY {statistics.median(theirs) / count * 1e6:.1f} µs: {ratio:.2f} times; batches of {BATCH}"
    )
    raw.close()
    log.close()


def _append(log: Ledger, events: list[Event]) -> None:
    for at in range(0, len(events), BATCH):
        log.append(events[at : at + BATCH])


def _copy(raw: psycopg.Connection[Any], rows: list[tuple[int, bytes, bytes]]) -> None:
    for at in range(0, len(rows), BATCH):
        with raw.transaction(), raw.cursor() as cursor, cursor.copy("COPY raw FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(("int8", "bytea", "bytea"))
            for row in rows[at : at + BATCH]:
                copy.write_row(row)


def _singles(server: Any, template: str, folder: Path, make: Make) -> None:
    """One event a transaction, beside one INSERT a transaction: what is left is round trips and the disk."""
    log, database = _ledger(server, template, folder)
    raw = server.connect(database)
    raw.execute("CREATE TABLE raw (seq bigint PRIMARY KEY, header bytea NOT NULL, body bytea NOT NULL)")
    ours, theirs = [], []
    for seq, event in enumerate(make(0, SINGLES)):
        ours.append(_timed(log.append, event))
        row = (seq, log.store.headers(seq, seq + 1)[0], event.data)
        theirs.append(_timed(raw.execute, "INSERT INTO raw VALUES (%s, %s, %s)", row))
    print(
        f"{'PostgreSQL: single appends':44} {statistics.median(ours) * 1e6:7.1f} µs an event, "
        f"raw INSERT {statistics.median(theirs) * 1e6:.1f} µs: {statistics.median(ours) / statistics.median(theirs):.2f} times"
    )
    raw.close()
    log.close()


def _timed(work: Callable[..., object], *values: object) -> float:
    started = time.perf_counter()
    work(*values)
    return time.perf_counter() - started
