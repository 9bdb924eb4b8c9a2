"""Rows of a SQLite ledger as `ledger.fsck` walks them, and what can be wrong with the file itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any, Final

import sqlite_utils

from ledger.store import FILE
from ledger.stores import schema
from ledger.stores.rows import Rows
from proofs.census import stream_hash

_OBJECTS: Final = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL"
_STRAYS: Final = (
    ("entry", "SELECT seq FROM entry WHERE seq < 0 ORDER BY seq"),
    ("body", "SELECT seq FROM body WHERE seq < 0 OR seq >= {size} ORDER BY seq"),
    ("part", "SELECT seq FROM part WHERE seq < 0 OR seq >= {size} ORDER BY seq"),
)


class AuditRows:
    """Every row, and the file."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def damage(self) -> Iterator[tuple[str, str]]:
        said = [row[0] for row in self._rows.each("PRAGMA quick_check")]
        if said != ["ok"]:
            yield from ((FILE, f"SQLite finds: {what}") for what in said)
            return
        yield from self._changed_schema()
        if self._rows.one("SELECT 1 FROM forgetting"):
            yield "table forgetting", "the guards against deletion are held open"
        # The index of the census goes by this column, so it is checked like any other index.
        for name, found in self._rows.each("SELECT name, hash FROM stream"):
            if stream_hash(name) != found:
                yield f"stream {name}", f"it is indexed under {bytes(found).hex()}, not under the hash of its name"

    def _changed_schema(self) -> Iterator[tuple[str, str]]:
        """What of the tables, indexes and triggers is not as `schema.create` made it."""
        expected, found = _expected_objects(), {row[:2]: row[2:] for row in self._rows.all(_OBJECTS)}
        for kind, name in sorted(expected.keys() - found.keys()):
            yield f"{kind} {name}", f"the {kind} is missing"
        for kind, name in sorted(expected.keys() & found.keys()):
            if expected[kind, name] != found[kind, name]:
                yield f"{kind} {name}", f"the {kind} is not as this program makes it"
        own = {name for kind, name in expected if kind == "table"}
        for kind, name in sorted(found.keys() - expected.keys()):
            # Projections have tables and indexes of their own; nothing of ours makes a trigger there, or a view.
            if kind in ("trigger", "view") or found[kind, name][0] in own:
                yield f"{kind} {name}", f"there is no such {kind} in a ledger"

    def strays(self, size: int) -> Iterator[tuple[str, int]]:
        for kind, select in _STRAYS:
            for (seq,) in self._rows.each(select.format(size=int(size))):
                yield kind, seq

    def tiles(self) -> Iterator[tuple[int, int]]:
        return self._rows.each("SELECT level, idx FROM tile ORDER BY level, idx")

    def census_tiles(self) -> Iterator[tuple[int, int]]:
        return self._rows.each("SELECT level, idx FROM census_tile ORDER BY level, idx")


def _expected_objects() -> Mapping[tuple[str, str], tuple[Any, ...]]:
    fresh = sqlite_utils.Database(sqlite3.connect(":memory:", isolation_level=None))
    schema.create(fresh, origin="any")
    objects = {row[:2]: row[2:] for row in fresh.conn.execute(_OBJECTS)}
    fresh.close()
    return objects
