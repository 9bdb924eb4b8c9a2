"""The store of tests and of throw-away ledgers: plain Python containers, gone with the process."""

from __future__ import annotations

import copy
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import sqlite_utils

from ledger.store import Batch, BodyRow, PartRow, StreamRow
from proofs.census import bucket_index, stream_hash
from proofs.errors import ConflictError

_Key = TypeVar("_Key")
_Row = TypeVar("_Row")


@dataclass(slots=True)
class _Rows:
    entries: list[bytes] = field(default_factory=list)
    bodies: dict[int, BodyRow] = field(default_factory=dict)
    parts: dict[tuple[int, str], PartRow] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)
    identities: dict[tuple[str, str], tuple[int, bytes | None]] = field(default_factory=dict)
    retries: dict[bytes, int] = field(default_factory=dict)
    tiles: dict[tuple[int, int], tuple[bytes, bytes]] = field(default_factory=dict)
    census: dict[tuple[int, int], bytes] = field(default_factory=dict)
    checkpoints: dict[int, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class _Held:
    """The rows as they are now, and the lock that threads share."""

    lock: threading.RLock
    rows: _Rows


def _stream_row(rows: _Rows, name: str) -> StreamRow:
    return StreamRow(name, rows.counts[name], rows.counted.get(name, 0))


class StreamRows:
    """Counters of the streams."""

    def __init__(self, held: _Held) -> None:
        self._held = held

    def counts(self, names: Iterable[str]) -> dict[str, int]:
        with self._held.lock:
            return {name: self._held.rows.counts[name] for name in names if name in self._held.rows.counts}

    def walk(self, *, prefix: str = "") -> Iterator[StreamRow]:
        with self._held.lock:
            names = sorted(name for name in self._held.rows.counts if name.startswith(prefix))
            rows = [_stream_row(self._held.rows, name) for name in names]
        yield from rows

    def total(self) -> int:
        with self._held.lock:
            return len(self._held.rows.counts)


class CensusRows:
    """What the last census left."""

    def __init__(self, held: _Held) -> None:
        self._held = held

    def dirty(self) -> list[StreamRow]:
        with self._held.lock:
            return [
                row
                for row in (_stream_row(self._held.rows, name) for name in self._held.rows.counts)
                if row.total != row.counted
            ]

    def mark_counted(self) -> None:
        self._held.rows.counted = dict(self._held.rows.counts)

    def bucket(self, index: int) -> list[tuple[bytes, int]]:
        with self._held.lock:
            hashed = ((stream_hash(name), count) for name, count in self._held.rows.counted.items())
            return sorted((name, count) for name, count in hashed if bucket_index(name) == index)

    def tile(self, level: int, index: int) -> bytes | None:
        with self._held.lock:
            return self._held.rows.census.get((level, index))

    def put(self, tiles: Iterable[tuple[int, int, bytes]]) -> None:
        self._held.rows.census.update({(level, index): hashes for level, index, hashes in tiles})


class TileRows:
    """Full tiles of the tree."""

    def __init__(self, held: _Held) -> None:
        self._held = held

    def full(self, level: int, index: int) -> bytes | None:
        with self._held.lock:
            found = self._held.rows.tiles.get((level, index))
        return None if found is None else found[1]

    def roots(self, level: int, start: int, stop: int) -> list[bytes]:
        with self._held.lock:
            tiles = self._held.rows.tiles
            return [tiles[level, index][0] for index in range(start, stop) if (level, index) in tiles]


class IdentityRows:
    """By what an event is known again."""

    def __init__(self, held: _Held) -> None:
        self._held = held

    def find(self, id: str, source: str) -> tuple[int, bytes | None] | None:
        with self._held.lock:
            return self._held.rows.identities.get((id, source))

    def find_retry(self, content: bytes) -> int | None:
        with self._held.lock:
            return self._held.rows.retries.get(content)


class PartRows:
    """Sealed parts."""

    def __init__(self, held: _Held) -> None:
        self._held = held

    def among(self, seqs: Iterable[int]) -> list[PartRow]:
        wanted = set(seqs)
        with self._held.lock:
            return sorted(row for (seq, _), row in self._held.rows.parts.items() if seq in wanted)

    def find(self, commitments: Iterable[bytes]) -> list[tuple[bytes, int]]:
        wanted = set(commitments)
        with self._held.lock:
            return [(row.commitment, row.seq) for row in self._held.rows.parts.values() if row.commitment in wanted]


class CheckpointRows:
    """Signed checkpoints."""

    def __init__(self, held: _Held) -> None:
        self._held = held

    def all(self) -> list[tuple[int, bytes]]:
        with self._held.lock:
            return sorted(self._held.rows.checkpoints.items())

    def add(self, size: int, note: bytes) -> None:
        if self._held.rows.checkpoints.setdefault(size, note) != note:
            raise ConflictError(f"another checkpoint of size {size} is stored already")


class MemoryStore:
    """A log in this process's memory; safe for many threads."""

    read_only = False

    def __init__(self, *, origin: str) -> None:
        self._origin = origin
        self._held = _Held(threading.RLock(), _Rows())
        self.streams = StreamRows(self._held)
        self.census = CensusRows(self._held)
        self.tiles = TileRows(self._held)
        self.identities = IdentityRows(self._held)
        self.parts = PartRows(self._held)
        self.checkpoints = CheckpointRows(self._held)
        self._is_writing = False
        self._db: sqlite_utils.Database | None = None

    def meta(self) -> Mapping[str, str]:
        return {"format": "1", "origin": self._origin}

    @contextmanager
    def writing(self) -> Iterator[None]:
        with self._held.lock:
            if self._is_writing:
                raise RuntimeError("writing must not nest")
            before = copy.copy(self._held.rows)
            for name in _Rows.__slots__:
                setattr(self._held.rows, name, copy.copy(getattr(self._held.rows, name)))
            db = self.projections().conn
            db.execute("BEGIN")
            self._is_writing = True
            try:
                yield
            except BaseException:
                self._held.rows = before
                db.execute("ROLLBACK")
                raise
            else:
                db.execute("COMMIT")
            finally:
                self._is_writing = False

    @contextmanager
    def reading(self) -> Iterator[None]:
        with self._held.lock:
            yield

    def size(self) -> int:
        with self._held.lock:
            return len(self._held.rows.entries)

    def headers(self, start: int, stop: int) -> list[bytes]:
        with self._held.lock:
            return self._held.rows.entries[max(start, 0) : max(stop, 0)]

    def bodies(self, seqs: Iterable[int]) -> dict[int, BodyRow]:
        with self._held.lock:
            return {seq: self._held.rows.bodies[seq] for seq in sorted(seqs) if seq in self._held.rows.bodies}

    def write(self, batch: Batch) -> None:
        rows = self._held.rows
        for seq, header in batch.entries:
            if seq != len(rows.entries):
                raise ConflictError(f"entry {seq} is not the next: the log holds {len(rows.entries)}")
            rows.entries.append(header)
        for seq, salt, data in batch.bodies:
            _add(rows.bodies, seq, BodyRow(salt, data))
        for part in batch.parts:
            _add(rows.parts, (part.seq, part.pointer), part)
        for id, source, seq, content in batch.identities:
            _add(rows.identities, (id, source), (seq, content))
        for retry, seq in batch.retries:
            _add(rows.retries, retry, seq)
        for tile in batch.tiles:
            _add(rows.tiles, (tile.level, tile.idx), (tile.root, tile.hashes))
        rows.counts.update(batch.counters)

    def forget(self, *, parts: Iterable[bytes], seqs: Iterable[int]) -> None:
        gone, touched, rows = set(parts), set(seqs), self._held.rows
        rows.parts = {key: part for key, part in rows.parts.items() if part.commitment not in gone}
        rows.retries = {retry: seq for retry, seq in rows.retries.items() if seq not in touched}
        for key, (seq, _) in rows.identities.items():
            if seq in touched:
                rows.identities[key] = (seq, None)

    def scrub(self) -> None:
        """Nothing to do: there is no file."""

    def reader(self) -> MemoryStore:
        return self

    def projections(self) -> sqlite_utils.Database:
        if self._db is None:
            conn = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            self._db = sqlite_utils.Database(conn)
            self._db.execute(
                "CREATE TABLE projection (name TEXT PRIMARY KEY, version INTEGER NOT NULL, position INTEGER NOT NULL) STRICT"
            )
        return self._db

    def close(self) -> None:
        """Nothing to do: the rows go with the last reference."""


def _add(rows: dict[_Key, _Row], key: _Key, row: _Row) -> None:
    if rows.setdefault(key, row) is not row:
        raise ConflictError("a row of the batch is in the log already; nothing of the batch was written")
