"""Projections again from the first entry, in a file of their own, held to what is stored row by row (I19).

Stored views are for speed: whoever can write the file can take a row out of one. What must not believe them replays.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from itertools import zip_longest
from typing import Any, Final

import sqlite_utils

from ledger.finding import Findings
from ledger.projection import PAGE, Progress, Projection, fold
from ledger.record import read_range
from ledger.store import Store

_REMEDY: Final = "`tally views rebuild` makes it again"
_TABLES: Final = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND substr(name, 1, ?) = ? ORDER BY name"


@contextmanager
def replayed(
    store: Store, projection: Projection, stop: int, *, progress: Progress | None = None
) -> Iterator[sqlite_utils.Database]:
    """Yield what a projection makes of the first `stop` entries, whatever is stored of it; gone behind the block.

    Raises:
        TamperedError: An entry contradicts what came before it.
    """
    fresh = sqlite_utils.Database(sqlite3.connect("", isolation_level=None))  # a temporary file, not memory
    try:
        fresh.execute("BEGIN")
        projection.create(fresh)
        for done, record in enumerate(read_range(store, 0, stop, bodies=projection.wants_bodies), 1):
            fold(projection, fresh, record)
            if progress is not None and (done % PAGE == 0 or done == stop):
                progress(done, stop)
        fresh.execute("COMMIT")
        yield fresh
    finally:
        fresh.close()


def check_projection(
    store: Store, projection: Projection, size: int, findings: Findings, *, progress: Progress | None = None
) -> None:
    """Report where the stored output of a projection is not what the log gives; none stored is nothing to report."""
    with store.viewing() as stored:
        _check(store, stored, projection, size, findings, progress)


def _check(
    store: Store,
    stored: sqlite_utils.Database,
    projection: Projection,
    size: int,
    findings: Findings,
    progress: Progress | None,
) -> None:
    where = f"projection {projection.name}"
    row = stored.execute(
        "SELECT position FROM projection WHERE name = ? AND version = ?", [projection.name, projection.version]
    ).fetchone()
    if row is None:
        return
    findings.counts["projections"] += 1
    position = int(row[0])
    if not 0 <= position <= size:
        findings.add("projection", where, f"it stands at {position}, and {size} entries are stored; {_REMEDY}")
        return
    with replayed(store, projection, position, progress=progress) as fresh:
        _compare(stored, fresh, projection.name, where, findings)


def _compare(
    stored: sqlite_utils.Database, fresh: sqlite_utils.Database, name: str, where: str, findings: Findings
) -> None:
    ours, theirs = (dict(db.execute(_TABLES, [len(name) + 1, f"{name}_"]).fetchall()) for db in (fresh, stored))
    for table in sorted(ours.keys() | theirs.keys()):
        if ours.get(table) != theirs.get(table):
            findings.add("projection", where, f"table {table} is not as a replay makes it; {_REMEDY}")
            continue
        with closing(_rows(fresh, table)) as made, closing(_rows(stored, table)) as found:
            pairs = enumerate(zip_longest(made, found))
            different = next((number for number, (ours, theirs) in pairs if ours != theirs), None)
        if different is not None:
            findings.add(
                "projection", where, f"row {different} of table {table} is not as a replay makes it; {_REMEDY}"
            )


def _rows(db: sqlite_utils.Database, table: str) -> Generator[tuple[Any, ...], None, None]:
    """All rows, in an order that depends on them alone."""
    columns = db.execute(f'SELECT count(*) FROM pragma_table_info("{table}")').fetchone()[0]  # noqa: S608 - a name from the schema
    order = ", ".join(str(number) for number in range(1, columns + 1))
    yield from db.execute(f'SELECT * FROM "{table}" ORDER BY {order}')  # noqa: S608
