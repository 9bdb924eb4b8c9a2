"""The store of tests and of throw-away ledgers: plain Python containers, gone with the process."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import sqlite_utils

from ledger.store import Batch, BodyRow, PartRow, Store, StreamRow
from ledger.stores.views import Views
from proofs.census import bucket_index, stream_hash
from proofs.errors import ConflictError, RefusedError

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


class _Handle:
    """One handle's view: what is committed, or what it is writing itself, or what it holds while reading."""

    def __init__(self, shared: _Shared) -> None:
        self.shared = shared
        self.lock = threading.RLock()
        self.draft: _Rows | None = None
        self.snapshot: _Rows | None = None

    @property
    def rows(self) -> _Rows:
        """The rows as this handle sees them; threads of one handle wait for its writer, other handles do not."""
        with self.lock:
            return self.draft or self.snapshot or self.shared.rows

    @property
    def written(self) -> _Rows:
        """The rows that may be changed: only inside `writing`."""
        if self.draft is None:
            raise RuntimeError("rows are changed inside writing alone")
        return self.draft


@dataclass(slots=True)
class _Shared:
    """What all handles of one log share. Committed rows are never changed, only replaced."""

    rows: _Rows = field(default_factory=_Rows)
    views: Views = field(init=False)

    def __post_init__(self) -> None:
        self.views = Views(None, lambda seq: next(iter(self.rows.entries[seq : seq + 1]), None))


def _stream_row(rows: _Rows, name: str) -> StreamRow:
    return StreamRow(name, rows.counts[name], rows.counted.get(name, 0))


class StreamRows:
    """Counters of the streams."""

    def __init__(self, handle: _Handle) -> None:
        self._handle = handle

    def counts(self, names: Iterable[str]) -> dict[str, int]:
        counts = self._handle.rows.counts
        return {name: counts[name] for name in names if name in counts}

    def walk(self, *, prefix: str = "") -> Iterator[StreamRow]:
        rows = self._handle.rows
        names = sorted(name for name in rows.counts if name.startswith(prefix))
        yield from [_stream_row(rows, name) for name in names]

    def total(self) -> int:
        return len(self._handle.rows.counts)


class CensusRows:
    """What the last census left."""

    def __init__(self, handle: _Handle) -> None:
        self._handle = handle

    def dirty(self) -> list[StreamRow]:
        rows = self._handle.rows
        found = [_stream_row(rows, name) for name in rows.counts]
        return [row for row in found if row.total != row.counted]

    def mark_counted(self) -> None:
        self._handle.written.counted = dict(self._handle.written.counts)

    def bucket(self, index: int) -> list[tuple[bytes, int]]:
        hashed = ((stream_hash(name), count) for name, count in self._handle.rows.counted.items())
        return sorted((name, count) for name, count in hashed if bucket_index(name) == index)

    def tile(self, level: int, index: int) -> bytes | None:
        return self._handle.rows.census.get((level, index))

    def put(self, tiles: Iterable[tuple[int, int, bytes]]) -> None:
        self._handle.written.census.update({(level, index): hashes for level, index, hashes in tiles})


class TileRows:
    """Full tiles of the tree."""

    def __init__(self, handle: _Handle) -> None:
        self._handle = handle

    def full(self, level: int, index: int) -> bytes | None:
        found = self._handle.rows.tiles.get((level, index))
        return None if found is None else found[1]

    def roots(self, level: int, start: int, stop: int) -> list[bytes]:
        tiles = self._handle.rows.tiles
        return [tiles[level, index][0] for index in range(start, stop) if (level, index) in tiles]


class IdentityRows:
    """By what an event is known again."""

    def __init__(self, handle: _Handle) -> None:
        self._handle = handle

    def find(self, id: str, source: str) -> tuple[int, bytes | None] | None:
        return self._handle.rows.identities.get((id, source))

    def find_retry(self, content: bytes) -> int | None:
        return self._handle.rows.retries.get(content)

    def walk(self) -> Iterator[tuple[str, str, int, bytes | None]]:
        for (id, source), (seq, content) in self._handle.rows.identities.items():
            yield id, source, seq, content

    def walk_retries(self) -> Iterator[tuple[bytes, int]]:
        yield from self._handle.rows.retries.items()


class PartRows:
    """Sealed parts."""

    def __init__(self, handle: _Handle) -> None:
        self._handle = handle

    def among(self, seqs: Iterable[int]) -> list[PartRow]:
        wanted = set(seqs)
        return sorted(row for (seq, _), row in self._handle.rows.parts.items() if seq in wanted)

    def find(self, commitments: Iterable[bytes]) -> list[tuple[bytes, int]]:
        wanted = set(commitments)
        return [(row.commitment, row.seq) for row in self._handle.rows.parts.values() if row.commitment in wanted]


class CheckpointRows:
    """Signed checkpoints."""

    def __init__(self, handle: _Handle) -> None:
        self._handle = handle

    def all(self) -> list[tuple[int, bytes]]:
        return sorted(self._handle.rows.checkpoints.items())

    def newest(self, below: int, count: int) -> list[tuple[int, bytes]]:
        return [each for each in reversed(self.all()) if each[0] < below][:count]

    def find(self, size: int) -> bytes | None:
        return self._handle.rows.checkpoints.get(size)

    def add(self, size: int, note: bytes) -> None:
        if self._handle.written.checkpoints.setdefault(size, note) != note:
            raise ConflictError(f"another checkpoint of size {size} is stored already")


class AuditRows:
    """Every row, for who checks them all."""

    def __init__(self, handle: _Handle) -> None:
        self._handle = handle

    def damage(self) -> Iterator[tuple[str, str]]:
        yield from ()  # there is no file

    def strays(self, size: int) -> Iterator[tuple[str, int]]:
        rows = self._handle.rows
        yield from (("body", seq) for seq in sorted(rows.bodies) if not 0 <= seq < size)
        yield from (("part", seq) for seq, _ in sorted(rows.parts) if not 0 <= seq < size)

    def tiles(self) -> Iterator[tuple[int, int]]:
        yield from sorted(self._handle.rows.tiles)

    def census_tiles(self) -> Iterator[tuple[int, int]]:
        yield from sorted(self._handle.rows.census)


class MemoryStore:
    """A log in this process's memory; safe for many threads."""

    def __init__(self, *, origin: str) -> None:
        self._origin = origin
        self._connect(_Shared(), read_only=False)

    def _connect(self, shared: _Shared, *, read_only: bool) -> None:
        self.read_only = read_only
        self._handle = handle = _Handle(shared)
        self.lock = handle.lock
        self.streams = StreamRows(handle)
        self.census = CensusRows(handle)
        self.tiles = TileRows(handle)
        self.identities = IdentityRows(handle)
        self.parts = PartRows(handle)
        self.checkpoints = CheckpointRows(handle)
        self.audit = AuditRows(handle)

    def meta(self) -> Mapping[str, str]:
        return {"format": "1", "origin": self._origin}

    @contextmanager
    def writing(self) -> Iterator[None]:
        if self.read_only:
            raise RefusedError("the ledger is open for reading only")
        handle = self._handle
        with handle.lock:
            if handle.draft is not None or handle.snapshot is not None:
                raise RuntimeError("writing must not nest, nor stand inside reading")
            committed = handle.shared.rows
            handle.draft = _Rows(*(copy.copy(getattr(committed, name)) for name in _Rows.__slots__))
            try:
                yield
                handle.shared.rows = handle.draft  # the commit point
            finally:
                handle.draft = None

    @contextmanager
    def reading(self) -> Iterator[None]:
        handle = self._handle
        with handle.lock:
            if handle.draft is not None or handle.snapshot is not None:
                yield
                return
            handle.snapshot = handle.shared.rows
            try:
                yield
            finally:
                handle.snapshot = None

    def size(self) -> int:
        return len(self._handle.rows.entries)

    def headers(self, start: int, stop: int) -> list[bytes]:
        return self._handle.rows.entries[max(start, 0) : max(stop, 0)]

    def bodies(self, seqs: Iterable[int]) -> dict[int, BodyRow]:
        bodies = self._handle.rows.bodies
        return {seq: bodies[seq] for seq in sorted(seqs) if seq in bodies}

    def write(self, batch: Batch) -> None:
        rows = self._handle.written
        for seq, header in batch.entries:
            if seq != len(rows.entries):
                raise ConflictError(f"entry {seq} is not the next: the log holds {len(rows.entries)}")
            rows.entries.append(header)
        for seq, salt, data in batch.bodies:
            _add(rows.bodies, seq, BodyRow(salt, data))
        known = {part.commitment for part in rows.parts.values()} if batch.parts else set()
        for part in batch.parts:
            if part.commitment in known:
                raise ConflictError("a part of the batch is in the log already; nothing of the batch was written")
            _add(rows.parts, (part.seq, part.pointer), part)
            known.add(part.commitment)
        for id, source, seq, content in batch.identities:
            _add(rows.identities, (id, source), (seq, content))
        for retry, seq in batch.retries:
            _add(rows.retries, retry, seq)
        for tile in batch.tiles:
            _add(rows.tiles, (tile.level, tile.idx), (tile.root, tile.hashes))
        rows.counts.update(batch.counters)

    def forget(self, *, parts: Iterable[bytes], seqs: Iterable[int]) -> None:
        gone, touched, rows = set(parts), set(seqs), self._handle.written
        rows.parts = {key: part for key, part in rows.parts.items() if part.commitment not in gone}
        rows.retries = {retry: seq for retry, seq in rows.retries.items() if seq not in touched}
        rows.identities = {
            key: (seq, None if seq in touched else content) for key, (seq, content) in rows.identities.items()
        }

    def scrub(self) -> None:
        """Nothing to do: there is no file."""

    def reader(self) -> MemoryStore:
        reader = MemoryStore(origin=self._origin)
        reader._connect(self._handle.shared, read_only=True)
        return reader

    def joined(self, connection: object) -> Store:  # noqa: ARG002 - the contract's shape
        raise RefusedError("a ledger in memory cannot be written inside another transaction")

    @contextmanager
    def viewing(self) -> Iterator[sqlite_utils.Database]:
        with self._holding_views() as views, views.reading() as db:
            yield db

    @contextmanager
    def projecting(self) -> Iterator[sqlite_utils.Database]:
        if self.read_only:
            raise RefusedError("the ledger is open for reading only")
        with self._holding_views() as views, views.writing() as db:
            yield db

    @contextmanager
    def _holding_views(self) -> Iterator[Views]:
        handle = self._handle
        with handle.lock:
            if handle.draft is not None:
                raise RuntimeError("views must not be read inside writing")
            yield handle.shared.views

    def close(self) -> None:
        if not self.read_only:
            self._handle.shared.views.close()


def _add(rows: dict[_Key, _Row], key: _Key, row: _Row) -> None:
    if key in rows:
        raise ConflictError("a row of the batch is in the log already; nothing of the batch was written")
    rows[key] = row
