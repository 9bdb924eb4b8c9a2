"""Rows of a SQLite ledger beside entries and bodies: counters, census, tiles, identities, parts, checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from ledger.sqlitefile import ERRORS, SqliteFile, translating
from ledger.store import PartRow, StreamRow
from proofs.errors import ConflictError

_STREAMS_FROM: Final = "SELECT name, count, counted FROM stream WHERE name >= ? ORDER BY name LIMIT 1000"
_STREAMS_AFTER: Final = "SELECT name, count, counted FROM stream WHERE name > ? ORDER BY name LIMIT 1000"
_VARIABLES: Final = 500  # bound parameters in one statement; SQLite's own limit was 999 for long


class Rows:
    """The rows of one file, asked for one query at a time."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def one(self, select: str, *values: object) -> Any:
        """Return the first row of a query, or None."""
        with self._file.lock, self._reading():
            return self._file.conn.execute(select, values).fetchone()

    def all(self, select: str, *values: object) -> list[Any]:
        """Return all rows of a query."""
        with self._file.lock, self._reading():
            return self._file.conn.execute(select, values).fetchall()

    def many(self, select: str, keys: Sequence[object]) -> list[Any]:
        """Return all rows of `select … IN`, for any number of keys."""
        rows: list[Any] = []
        for at in range(0, len(keys), _VARIABLES):
            chunk = keys[at : at + _VARIABLES]
            rows += self.all(f"{select} ({','.join('?' * len(chunk))})", *chunk)
        return rows

    def among(self, select: str, seqs: Iterable[int]) -> list[Any]:
        """Return all rows of `select`, which ends in the column of the seq, for any `seqs`, in order of seq."""
        if isinstance(seqs, range) and seqs.step == 1:
            return self.all(f"{select} >= ? AND seq < ? ORDER BY seq", seqs.start, seqs.stop)
        return self.many(f"{select} IN", sorted(set(seqs)))

    def each(self, select: str) -> Iterator[Any]:
        """Yield the rows of a query one after the other, however many there are. Inside `reading`."""
        with self._reading():
            yield from self._file.conn.execute(select)

    @staticmethod
    def _reading() -> AbstractContextManager[None]:
        return translating("the ledger cannot be read", ERRORS)

    def execute(self, statement: str, *values: object) -> None:
        """Run one statement of the open transaction."""
        self._file.conn.execute(statement, values)

    def execute_many(self, statement: str, values: Iterable[Sequence[object]]) -> None:
        """Run one statement of the open transaction for each of `values`."""
        self._file.conn.executemany(statement, values)


class StreamRows:
    """Counters of the streams."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def counts(self, names: Iterable[str]) -> dict[str, int]:
        return dict(self._rows.many("SELECT name, count FROM stream WHERE name IN", list(names)))

    def walk(self, *, prefix: str = "") -> Iterator[StreamRow]:
        select, after = _STREAMS_FROM, prefix
        while page := self._rows.all(select, after):  # by pages, so that a long walk holds no lock
            for row in page:
                if not row[0].startswith(prefix):
                    return
                yield StreamRow(*row)
            select, after = _STREAMS_AFTER, page[-1][0]

    def total(self) -> int:
        return int(self._rows.one("SELECT count(*) FROM stream")[0])


class CensusRows:
    """What the last census left."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def dirty(self) -> list[StreamRow]:
        return [
            StreamRow(*row) for row in self._rows.all("SELECT name, count, counted FROM stream WHERE count <> counted")
        ]

    def mark_counted(self) -> None:
        self._rows.execute("UPDATE stream SET counted = count WHERE count <> counted")

    def bucket(self, index: int) -> list[tuple[bytes, int]]:
        start = index.to_bytes(2, "big")
        return self._rows.all(
            "SELECT hash, counted FROM stream WHERE hash >= ? AND hash <= ? AND counted > 0 ORDER BY hash",
            start,
            start + b"\xff" * 30,
        )

    def tile(self, level: int, index: int) -> bytes | None:
        row = self._rows.one("SELECT hashes FROM census_tile WHERE level = ? AND idx = ?", level, index)
        return None if row is None else row[0]

    def put(self, tiles: Iterable[tuple[int, int, bytes]]) -> None:
        self._rows.execute_many(
            "INSERT INTO census_tile VALUES (?, ?, ?) ON CONFLICT (level, idx) DO UPDATE SET hashes = excluded.hashes",
            tiles,
        )


class TileRows:
    """Full tiles of the tree."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def full(self, level: int, index: int) -> bytes | None:
        row = self._rows.one("SELECT hashes FROM tile WHERE level = ? AND idx = ?", level, index)
        return None if row is None else row[0]

    def roots(self, level: int, start: int, stop: int) -> list[bytes]:
        rows = self._rows.all(
            "SELECT root FROM tile WHERE level = ? AND idx >= ? AND idx < ? ORDER BY idx", level, start, stop
        )
        return [row[0] for row in rows]


class IdentityRows:
    """By what an event is known again."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def find(self, id: str, source: str) -> tuple[int, bytes | None] | None:
        row = self._rows.one("SELECT seq, content FROM identity WHERE id = ? AND source = ?", id, source)
        return None if row is None else (row[0], row[1])

    def find_retry(self, content: bytes) -> int | None:
        row = self._rows.one("SELECT seq FROM retry WHERE content = ?", content)
        return None if row is None else row[0]

    def walk(self) -> Iterator[tuple[str, str, int, bytes | None]]:
        return self._rows.each("SELECT id, source, seq, content FROM identity")

    def walk_retries(self) -> Iterator[tuple[bytes, int]]:
        return self._rows.each("SELECT content, seq FROM retry")


class PartRows:
    """Sealed parts."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def among(self, seqs: Iterable[int]) -> list[PartRow]:
        rows = self._rows.among("SELECT seq, pointer, commitment, sealed FROM part WHERE seq", seqs)
        return sorted(PartRow(*row) for row in rows)

    def find(self, commitments: Iterable[bytes]) -> list[tuple[bytes, int]]:
        return self._rows.many("SELECT commitment, seq FROM part WHERE commitment IN", list(commitments))


class CheckpointRows:
    """Signed checkpoints."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def all(self) -> list[tuple[int, bytes]]:
        return self._rows.all("SELECT size, note FROM checkpoint ORDER BY size")

    def newest(self, below: int, count: int) -> list[tuple[int, bytes]]:
        return self._rows.all(
            "SELECT size, note FROM checkpoint WHERE size < ? ORDER BY size DESC LIMIT ?", below, count
        )

    def find(self, size: int) -> bytes | None:
        row = self._rows.one("SELECT note FROM checkpoint WHERE size = ?", size)
        return None if row is None else row[0]

    def add(self, size: int, note: bytes) -> None:
        known = self.find(size)
        if known is None:
            self._rows.execute("INSERT INTO checkpoint VALUES (?, ?)", size, note)
        elif known != note:
            raise ConflictError(f"another checkpoint of size {size} is stored already")
