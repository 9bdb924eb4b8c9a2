"""Counting every stream again, in the memory that a bounded number of names takes, and every census on the way.

The names of late stand in a dict; when there are too many, they move to a temporary file that goes with its connection. That
file is also where each census finds the buckets that changed since the one before.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from ledger.finding import Findings
from ledger.store import Store, StreamRow
from proofs import jsonstrict
from proofs.census import EMPTY_LEAF, BucketTree, bucket_bytes, stream_hash
from proofs.digest import HASH_BYTES, leaf_hash

WIDTH: Final = 256
HOT_NAMES: Final = 200_000
_VARIABLES: Final = 500
_Row = tuple[str, int, int]


class Recount:
    """Counts, as the entries so far give them.

    Attributes:
        counts: Stream name → its count, for the names of late. Whoever counts an entry writes here, and notes the names.
        touched: The names of each entry that was counted since `settle`.
    """

    def __init__(self, *, hot_names: int = HOT_NAMES) -> None:
        self.counts: dict[str, int] = {}
        self.touched: list[Iterable[str]] = []
        self._hot_names = hot_names
        self._dirty: set[str] = set()  # names of `counts` that the file does not know, or knows otherwise
        self._is_whole = True  # `counts` holds every name
        self._buckets = BucketTree()
        self._has_census = False
        self._db = sqlite3.connect("", isolation_level=None)  # a temporary file, gone when it is closed
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute(
            "CREATE TABLE stream (hash BLOB PRIMARY KEY, name TEXT, count INTEGER, counted INTEGER DEFAULT 0) "
            "STRICT, WITHOUT ROWID"
        )
        self._db.execute("CREATE INDEX changed ON stream (hash) WHERE count <> counted")

    def close(self) -> None:
        """Give back the temporary file."""
        self._db.close()

    @property
    def is_whole(self) -> bool:
        """True as long as `counts` holds every name, so that nothing needs to be fetched."""
        return self._is_whole

    def settle(self) -> None:
        """Take note of what was touched; where there are too many names, move them to the file."""
        self._dirty.update(chain.from_iterable(self.touched))
        self.touched.clear()
        if len(self.counts) > self._hot_names:
            self._flush()
            self.counts.clear()
            self._is_whole = False

    def fetch(self, names: Iterable[str]) -> None:
        """Bring the counts of `names` back from the file."""
        missing = [stream_hash(name) for name in names if name not in self.counts]
        for at in range(0, len(missing), _VARIABLES):
            some = missing[at : at + _VARIABLES]
            places = ",".join("?" * len(some))
            self.counts.update(self._db.execute(f"SELECT name, count FROM stream WHERE hash IN ({places})", some))  # noqa: S608

    def _flush(self) -> None:
        rows = [(stream_hash(name), name, self.counts[name]) for name in self._dirty]
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT INTO stream (hash, name, count) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = excluded.count",
            rows,
        )
        self._db.execute("COMMIT")
        self._dirty.clear()

    def census(self) -> tuple[bytes, bytes]:
        """Return the root of a census that speaks of all entries so far, and the body that says so."""
        self._dirty.update(chain.from_iterable(self.touched))
        self.touched.clear()
        self._flush()
        self._has_census = True
        changed = [
            row[0] for row in self._db.execute("SELECT DISTINCT substr(hash, 1, 2) FROM stream WHERE count <> counted")
        ]
        self._db.execute("UPDATE stream SET counted = count WHERE count <> counted")
        leaves = {int.from_bytes(start, "big"): leaf_hash(self._bucket(start)) for start in changed}
        root = self._buckets.update(leaves)
        streams = self._db.execute("SELECT count(*) FROM stream").fetchone()[0]
        return root, jsonstrict.dumps({"root": root.hex(), "streams": streams})

    def _bucket(self, start: bytes) -> bytes:
        between = (start, start + b"\xff" * (HASH_BYTES - len(start)))
        return bucket_bytes(
            self._db.execute("SELECT hash, counted FROM stream WHERE hash BETWEEN ? AND ? AND counted > 0", between)
        )

    def compare(self, store: Store, findings: Findings) -> None:
        """Hold the store's counters, and what the last census left in it, to what was counted."""
        self.settle()
        self._flush()
        own: Iterator[_Row] = self._db.execute("SELECT name, count, counted FROM stream ORDER BY name")
        for stored, counted in _merged(store.streams.walk(), own):
            name = (stored or counted or ("",))[0]
            where = f"stream {name}"
            if stored is not None:
                findings.counts["streams"] += 1
            if counted is None:
                findings.add("counter", where, "it has a counter, and no entry is in it")
            elif stored is None:
                findings.add("counter", where, f"it has no counter, and {counted[1]} entries are in it")
            elif stored.total != counted[1]:
                findings.add("counter", where, f"its counter says {stored.total}, and {counted[1]} entries are in it")
            elif stored.counted != counted[2]:
                findings.add(
                    "counter",
                    where,
                    f"{stored.counted} of it are said to be counted, the last census counted {counted[2]}",
                )
        self._compare_tiles(store, findings)

    def _compare_tiles(self, store: Store, findings: Findings) -> None:
        stored = set(store.audit.census_tiles())
        for level, index in [*((0, index) for index in range(WIDTH)), (1, 0)]:
            expected = b"".join(self._buckets.levels[8 * level][index * WIDTH : (index + 1) * WIDTH])
            is_due = self._has_census if level else expected != EMPTY_LEAF * WIDTH
            is_there = (level, index) in stored
            stored.discard((level, index))
            if is_due and not is_there:
                findings.add("census", f"census tile {level}/{index}", "the tile is missing")
            elif is_there and not self._has_census:
                findings.add("census", f"census tile {level}/{index}", "there is a tile, and no census was taken")
            elif is_there and store.census.tile(level, index) != expected:
                findings.add("census", f"census tile {level}/{index}", "its hashes are not those of the last census")
        for level, index in sorted(stored):
            findings.add("census", f"census tile {level}/{index}", "there is no such tile")


def _merged(stored: Iterator[StreamRow], counted: Iterator[_Row]) -> Iterator[tuple[StreamRow | None, _Row | None]]:
    """Pair the rows of two walks that are sorted by name."""
    left, right = next(stored, None), next(counted, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left.name < right[0]):
            yield left, None
            left = next(stored, None)
        elif left is None or right[0] < left.name:
            yield None, right
            right = next(counted, None)
        else:
            yield left, right
            left, right = next(stored, None), next(counted, None)
